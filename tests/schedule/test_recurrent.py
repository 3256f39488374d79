"""Layers that run step by step: what they read and when, on a chip and in a loop, against sums by hand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulator import load_chip, load_network, simulate, sweep
from simulator.errors import NetworkError
from simulator.frontier.grid.points import decode
from simulator.frontier.grid.search import WEIGHTS, frontier
from simulator.graph.build import NetworkBuilder
from simulator.graph.check import check_graph
from simulator.graph.layer import LSTM_OPERATIONS, Layer
from simulator.lower.array import ArraySpec
from simulator.lower.rows import lower
from simulator.lower.shape import Shape
from simulator.schedule.keep import channel_bytes, share
from simulator.schedule.pools import pool_source
from simulator.schedule.states import moves

SPEC = ArraySpec(4, 16, 8, "weights", ("reduction",), ("out_channels", "groups"), ("out_channels", "batch"))
STEPS, UNITS = 6, 96
SHAPE = Shape((STEPS, 2, 4 * UNITS, UNITS, 1, 1, 1, 1), steps=STEPS, holds_weights=True)
WEIGHT_BYTES = 4 * UNITS * UNITS


def small(loop="", units=UNITS, rows=STEPS, below=32):
    net = NetworkBuilder("small_lstm")
    x = net.input(below, rows)
    x = net.dense(x, 4 * units, steps=rows if loop else 1, loop=loop, bias=False, name="below")
    x = net.lstm(x, loop=loop, name="cell")
    net.dense(x, 10, steps=rows if loop else 1, loop=loop, bias=False, name="last")
    return net.build()


def chip(capacity_mib, **more):
    changes = {
        "sram.capacity_mib": capacity_mib,
        "schedule": {"residency": "optimal", "overlap": "layer", "placement": "time", "sub_batches": True},
    }
    return load_chip("example_edge", set=changes | more)


def points(front):
    return sorted(zip(front.footprint.tolist(), front.bytes_.tolist(), front.cycles.tolist(), strict=True))


def test_sizes_of_an_lstm():
    layer = small().nodes["cell"]["layer"]
    assert (layer.macs, layer.parameters) == (STEPS * WEIGHT_BYTES, WEIGHT_BYTES)
    assert (layer.input_elements, layer.output_elements) == (STEPS * 4 * UNITS, STEPS * UNITS)
    assert layer.vector_operations == LSTM_OPERATIONS * STEPS * UNITS
    assert (layer.steps, layer.loop) == (STEPS, "")
    check_graph(small(), "small")


def test_steps_are_groups_that_no_array_takes_side_by_side():
    one = replace(SHAPE, extents=(1, *SHAPE.extents[1:]), steps=1, holds_weights=False)
    many = replace(SHAPE, holds_weights=False)
    single, all_steps = frontier(one, SPEC), frontier(many, SPEC)
    assert all_steps.cycles.min() == STEPS * single.cycles.min()
    assert all_steps.bytes_.min() == STEPS * single.bytes_.min()
    # Twelve heads of one number each on eight columns are two cycles a step, not seventy-two heads in nine.
    heads = Shape((12 * STEPS, 1, 1, 16, 1, 1, 1, 1), steps=STEPS)
    assert frontier(heads, SPEC).cycles.min() == 2 * STEPS
    assert frontier(replace(heads, steps=1), SPEC).cycles.min() == 9


def test_a_systolic_array_empties_between_steps():
    systolic = replace(SPEC, systolic=True, weights_double_buffered=True, weight_load_cycles=16.0)
    one = replace(SHAPE, extents=(1, *SHAPE.extents[1:]), steps=1, holds_weights=False)
    assert frontier(SHAPE, systolic).cycles.min() == STEPS * frontier(one, systolic).cycles.min()


def test_weights_come_in_once_or_in_every_step():
    """The frontier is that of both ways together: nothing beaten, nothing missing."""
    found = frontier(SHAPE, SPEC)
    every_step = frontier(replace(SHAPE, holds_weights=False), SPEC)
    resident = frontier(SHAPE, SPEC, WEIGHTS)
    once = [(f + WEIGHT_BYTES, b + WEIGHT_BYTES, c) for f, b, c in points(resident)]
    union = [*points(every_step), *once]
    best = {p for p in union if not any(q != p and all(x <= y for x, y in zip(q, p, strict=True)) for q in union)}
    assert set(points(found)) == best
    inputs_outputs = STEPS * 2 * (UNITS + 4 * UNITS)
    assert found.bytes_.min() == WEIGHT_BYTES + inputs_outputs
    assert every_step.bytes_.min() == STEPS * WEIGHT_BYTES + inputs_outputs
    assert every_step.footprint.min() < WEIGHT_BYTES <= found.footprint[found.bytes_.argmin()]
    assert decode(SHAPE, SPEC, int(found.codes[0]))["tile"]["g"] == 1


def test_weights_with_a_path_of_their_own_come_in_every_step():
    own_path = replace(SPEC, holds=("inputs", "outputs"))
    assert points(frontier(SHAPE, own_path)) == points(frontier(replace(SHAPE, holds_weights=False), own_path))


@pytest.mark.parametrize("batch", [1, 8])
def test_bytes_by_hand(batch):
    """A recurrence in little SRAM, in enough for its own weights, and in enough for all weights."""
    graph = small(units=256, rows=16, below=512)
    below, cell, last = 512 * 1024, 256 * 1024, 2560
    little = simulate(graph, chip(0.125), batch=batch)
    own = simulate(graph, chip(0.5), batch=batch)
    all_ = simulate(graph, chip(4), batch=batch)
    ends = batch * 16 * (512 + 10)
    assert all_.dram_bytes == ends
    assert all_.load_bytes == below + cell + last
    assert little.dram_bytes >= ends + 16 * (cell - 0.125 * 2**20)
    assert little.dram_bytes <= ends + below + 16 * cell + last + 2 * batch * 16 * (1024 + 256)
    assert own.dram_bytes < ends + below + 2 * cell + last + 2 * batch * 16 * (1024 + 256)
    assert all_.latency_s < own.latency_s < little.latency_s


def test_in_a_shared_loop_weights_stay_for_ever_or_not_at_all():
    alone, turns = (simulate(small(loop, units=256, rows=16), chip(0.27), gains=False) for loop in ("", "turns"))
    assert turns.dram_bytes > alone.dram_bytes
    assert turns.latency_s > alone.latency_s
    low = lower(small("turns"), chip(1))
    assert not any(row.shape.holds_weights for row in low.rows)
    assert [row.shape.steps for row in low.rows] == [STEPS] * 3
    whole = simulate(small("turns", units=256, rows=16), chip(4), gains=False)
    assert whole.dram_bytes == 16 * (32 + 10)


def test_a_segment_does_not_cut_a_loop():
    parallel, turns = (moves(lower(small(loop), chip(1))).at_cut for loop in ("", "turns"))
    assert [step for step, _, _ in parallel] == [1, 2, 3]
    assert [step for step, _, _ in turns] == [3]


def test_part_of_a_recurrence_does_not_stay():
    machine = chip(1)
    pool = pool_source(small(), machine, "int8")(1)
    rows = {row.name: row for row in pool.low.rows}
    assert channel_bytes(rows["cell"]) == WEIGHT_BYTES
    assert channel_bytes(rows["below"]) == 32
    for size in np.linspace(0, pool.weights.sum(), 20):
        kept = share(pool, float(size))
        assert kept.sum() <= size
        assert kept[1] in (0.0, WEIGHT_BYTES)


@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
def test_laws_of_a_translation(overlap):
    graph = load_network("gnmt", sequence_length=8, vocabulary=2000)
    before = np.inf
    for capacity in (0.5, 1, 2, 3, 5, 8, 16, 40, 120):
        machine = chip(capacity, **{"schedule.overlap": overlap})
        result = simulate(graph, machine, batch=2, gains=False)
        assert result.latency_s <= before * (1 + 1e-12)
        before = result.latency_s
        assert sum(layer.dram_bytes for layer in result.layers) == pytest.approx(result.dram_bytes)
        assert sum(result.waterfall.values()) == pytest.approx(result.latency_s, rel=1e-12)
        assert result.lower_bound_s <= result.latency_s
        one, two = (1 / simulate(graph, machine, batch=n, gains=False).throughput_per_s * n for n in (1, 2))
        assert two <= 2 * one * (1 + 1e-12)
    assert result.load_bytes == sum(row.weight_bytes for row in lower(graph, machine, 2).rows)


def test_a_translation_reads_the_decoder_once_a_word():
    """Ten times the words make ten times the traffic of the decoder where nothing stays, on a chip that keeps nothing."""
    few, many = (
        simulate(load_network("gnmt", sequence_length=10, output_length=words), "dpu_b4096", gains=False)
        for words in (2, 20)
    )
    weights = sum(
        data["layer"].parameters
        for name, data in load_network("gnmt").nodes(data=True)
        if data["layer"].loop == "decoder"
    )
    assert many.dram_bytes - few.dram_bytes == pytest.approx(18 * weights, rel=0.05)


def test_more_translations_at_a_time_share_the_weights():
    one, ten = (simulate(load_network("gnmt", beam=beam), "dpu_b4096", gains=False) for beam in (1, 10))
    assert ten.macs > 5 * one.macs
    assert ten.dram_bytes < 1.2 * one.dram_bytes


def test_a_chip_in_space_refuses():
    with pytest.raises(
        NetworkError, match=r"^small_lstm: cell: runs in 6 steps that need each other, which is not modelled"
    ):
        simulate(small(), chip(8, **{"schedule.placement": "space"}))


def test_faults_of_the_builder():
    net = NetworkBuilder("net")
    x = net.input(30, 12)
    with pytest.raises(
        NetworkError, match=r"net: lstm1: inputs: must be rows of four numbers for each unit, got 30 x 12 x 1"
    ):
        net.lstm(x)
    with pytest.raises(NetworkError, match=r"net: d: steps: must divide the 12 rows of 'input', got 5"):
        net.dense(x, 8, steps=5, name="d")
    with pytest.raises(NetworkError, match=r"net: s: inputs: must have one shape"):
        net.additive_score(x, net.input(31, 4, name="other"), name="s")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps": 5}, "net: a: steps: must be a whole number that divides the 12 rows, got 5"),
        ({"steps": 0}, "net: a: steps: must be a whole number that divides the 12 rows, got 0"),
        ({"loop": 3}, "net: a: loop: must be text, got 3"),
        ({"kind": "relu", "steps": 3}, "net: a: steps: must be 1 but for a dense layer, a matmul or an lstm, got 3"),
        (
            {"kind": "lstm", "out_channels": 9, "steps": 12},
            "net: a: out_channels: an lstm must have four times its in_channels in one group, got 9 and 8 in 1 groups",
        ),
    ],
)
def test_faults_of_a_graph(changes, expected):
    graph = NetworkBuilder("net")
    graph.dense(graph.input(8, 12), 8, name="a")
    made = graph.build()
    made.nodes["a"]["layer"] = replace(made.nodes["a"]["layer"], **changes)
    with pytest.raises(NetworkError) as error:
        check_graph(made, "net")
    assert str(error.value).splitlines()[0] == expected


def test_additive_score_counts_its_work():
    net = NetworkBuilder("net")
    net.additive_score(net.input(16, 3, name="a"), net.input(16, 5, name="b"), name="score")
    layer: Layer = net.build().nodes["score"]["layer"]
    assert (layer.output_elements, layer.vector_operations) == (15, 7 * 15 * 16)


def test_parameters_of_mlperf():
    """MLPerf inference counts 210 million for GNMT and MLPerf training 31,832,577 for NCF, tables of words and rows included."""
    gnmt = sum(data["layer"].parameters for _, data in load_network("gnmt").nodes(data=True))
    assert (gnmt + 2 * 36548 * 1024) / 1e6 == pytest.approx(210, abs=1)
    ncf = sum(data["layer"].parameters for _, data in load_network("ncf").nodes(data=True))
    assert ncf + (138_493 + 26_744) * (64 + 128) == 31_832_577
    dlrm = sum(data["layer"].parameters for _, data in load_network("dlrm").nodes(data=True))
    bottom, top = (13, 512, 256, 128), (27 * 26 // 2 + 128, 1024, 1024, 512, 256, 1)
    pairs = [*pairwise(bottom), *pairwise(top)]
    assert dlrm == sum((inputs + 1) * outputs for inputs, outputs in pairs)
    with pytest.raises(NetworkError, match=r"ncf: widest: must be a multiple of 8 for 3 layers, got 100"):
        load_network("ncf", widest=100)


def test_speech_halves_its_frames_and_looks_once_a_frame_and_letter():
    graph = load_network("rnnt", frames=100, symbols=30)
    layers = {name: data["layer"] for name, data in graph.nodes(data=True)}
    assert [layers[f"encoder{n}"].steps for n in range(1, 6)] == [100, 100, 50, 50, 50]
    assert (layers["encoder3_input"].in_channels, layers["joint_letter"].steps) == (2048, 80)
    assert {layer.loop for layer in layers.values()} == {"", "letters"}
    macs = 100 * 4 * 1024 * (240 + 3 * 1024) + 50 * 4 * 1024 * (2048 + 5 * 1024) + 50 * 1024 * 512
    macs += 30 * (4 * 320 * 4 * 320 + 320 * 512) + 80 * 512 * 29
    assert sum(layer.macs for layer in layers.values()) == macs
    with pytest.raises(NetworkError, match=r"rnnt: frames: must be even, got 101"):
        load_network("rnnt", frames=101)


@pytest.mark.parametrize("overlap", ["layer", "network"])
def test_a_sweep_gives_what_one_run_gives(overlap):
    graph = load_network("gnmt", sequence_length=6, vocabulary=500)
    machine = chip(1, **{"schedule.overlap": overlap, "schedule.sub_batches": False})
    sizes = [0.75, 2, 4.4, 9, 21, 60, 110]
    table = sweep(graph, machine, {"sram.capacity_mib": sizes}, batch=4)
    for size, latency_s, rate, moved in zip(
        sizes, table["latency_s"], table["throughput_per_s"], table["dram_bytes"], strict=True
    ):
        own = chip(size, **{"schedule.overlap": overlap, "schedule.sub_batches": False})
        alone = simulate(graph, own, batch=4, gains=False)
        assert (alone.latency_s, alone.throughput_per_s, alone.dram_bytes) == (latency_s, rate, moved)


def test_a_cache_serves_a_loop_as_far_as_all_of_its_weights_fit():
    graph = load_network("gnmt", sequence_length=10)
    low = lower(graph, load_chip("a100"), 1, "fp16")
    loop = sum(row.weight_bytes for row in low.rows if row.loop)
    result = simulate(graph, "a100", precision="fp16", gains=False)
    moved = sum(
        layer.dram_bytes for layer, row in zip(result.layers, low.rows, strict=False) if row.loop and row.weight_bytes
    )
    assert moved == pytest.approx(loop + 9 * (loop - low.cached_bytes), rel=0.02)
    alone = [layer.dram_bytes for layer, row in zip(result.layers, low.rows, strict=False) if row.kind == "lstm"]
    assert alone[0] < 1.2 * 4 * 1024 * 1024 * 2  # read once: its own 8.4 MB fit
