"""What of a GPU's network runs as one kernel: products with the same input, attention; and zeros that cost less energy."""

import random
from dataclasses import replace

import naive_gpu
import numpy as np
import pytest
from test_sweep_engine import check_equal

from simulator import load_chip, load_network, simulate, sweep
from simulator.errors import ChipError
from simulator.frontier.sm import ATTENTION, frontier, parts, start
from simulator.graph.build import NetworkBuilder
from simulator.kernels.grid_points import ARRAY, EDGES, FEED_BYTES, FILL_DRAIN, IDEAL
from simulator.lower.array import array_spec
from simulator.lower.rows import lower
from simulator.lower.shape import Shape
from simulator.units import GPU_DECODE_CYCLES, GPU_RECTIFIED_ENERGY

T4, V100 = "t4", "v100"


def encoder(rows=48, mask=False, own_scores=False):
    """One encoder layer of two heads; a mask on the scores, or a second reader of them."""
    net = NetworkBuilder("encoder")
    x = net.dense(net.input(32, rows, 1), 32, name="first")
    query, key, value = (net.dense(x, 32, name=part) for part in ("query", "key", "value"))
    scores = net.matmul(query, key, heads=2, transposed=True, name="scores")
    if mask:
        scores = net.vector("mul", scores, net.vector("sigmoid", scores, name="gate"), name="mask")
    if own_scores:
        net.vector("relu", scores, name="shown")
    context = net.matmul(net.vector("softmax", scores, name="softmax"), value, heads=2, name="context")
    y = net.dense(context, 32, name="projection")
    net.vector("layer_norm", net.add(y, x, name="sum"), name="norm")
    return net.build()


def names(graph, chip):
    return [(row.name, *row.fused) for row in lower(graph, load_chip(chip)).rows]


def test_an_encoder_is_five_kernels_where_attention_fuses_and_seven_where_not():
    assert names(encoder(), T4) == [
        ("first",), ("query", "key", "value"), ("scores", "softmax", "context"), ("projection", "sum"), ("norm",),
    ]  # fmt: skip
    assert names(encoder(), V100) == [
        ("first",), ("query", "key", "value"), ("scores",), ("softmax",), ("context",), ("projection", "sum"), ("norm",),
    ]  # fmt: skip


@pytest.mark.parametrize("chip", [T4, V100])
def test_merging_changes_no_work(chip):
    graph = encoder()
    low = lower(graph, load_chip(chip), batch=3)
    layers = [data["layer"] for _, data in graph.nodes(data=True)]
    assert low.macs == 3 * sum(layer.macs for layer in layers)
    assert sum(row.macs_executed for row in low.rows) == low.macs
    assert sum(row.weight_bytes for row in low.rows) == sum(
        layer.weight_elements for layer in layers if layer.kind == "dense"
    )
    # What is read of the tensor of queries, keys and values is all of it, once.
    merged = next(row for row in low.rows if row.name == "query")
    assert low.tensor_bytes[merged.output] == merged.output_bytes == 3 * 3 * 48 * 32
    assert low.tensor_producers[merged.output] == (1,)
    assert sum(row.vector_operations for row in low.rows) == 3 * sum(layer.vector_operations for layer in layers)


def test_the_scores_of_a_fused_attention_never_leave_the_chip():
    chip = load_chip(T4, set={"sram.capacity_mib": 0.001})  # everything misses
    rows = 512
    apart = load_chip(T4, set={"sram.capacity_mib": 0.001, "vector.fuses": ["add"]})
    one, three = (simulate(encoder(rows), machine, gains=False).dram_bytes for machine in (chip, apart))
    scores = 2 * rows * rows
    room = 4 * 0.0005 * 2**20  # what the cache keeps of each tensor, written and read
    assert three - one == pytest.approx(4 * scores, abs=room)


def test_no_attention_where_others_read_its_scores():
    assert ("scores",) in names(encoder(own_scores=True), T4)
    assert ("scores",) in names(encoder(mask=True), T4)


def test_attention_is_that_of_the_slow_twin():
    rng = random.Random(11)
    for _ in range(60):
        count, macs, lanes = rng.choice([1, 3, 40]), rng.choice([256, 1024]), rng.choice([64, 2560])
        link, port = rng.choice([64, 1000]), rng.choice([128, 1024])
        free, width = rng.random() < 0.5, rng.choice([1, 2])
        ahead = free and rng.random() < 0.5
        heads, depth, context = rng.randint(1, 90), rng.choice([32, 64, 128]), rng.choice([32, 64, 80, 128])
        queries, keys = (
            rng.choice([1, 3, 16, 17, 48, 128, 384, 512, 513, 1500]),
            rng.choice([16, 17, 48, 128, 384, 1000]),
        )
        wide = 2 if queries % 2 == 0 else 1  # queries may lie along both sides of the plane, and be of several items
        items = 3 if queries % 3 == 0 else 1
        narrow, widening = rng.choice([(width, 0.0), (0.5, 0.125), (0.5, 0.0)])
        high, rate = rng.choice([1, 4]), rng.choice([1, 2])  # as many MACs a cycle, whatever the units are
        shape = Shape(
            (heads, items, keys, depth, queries // wide // items, wide, 1, 1), in_width=width, weight_width=narrow,
            out_width=width * context / keys, context=context, widening=widening / count,
        )  # fmt: skip
        sets = {
            "array.count": count, "array.rows": high, "array.columns": macs // high // rate, "array.rate": {"int8": rate},
            "sram.bytes_per_cycle": port, "interconnect.bytes_per_cycle": link, "vector.lanes": lanes,
            "array.async_copies": free, "array.async_products": ahead,
        }  # fmt: skip
        spec = array_spec(load_chip(T4, set=sets), "int8")
        found, one = frontier(shape, spec), np.zeros(1, dtype=np.int64)
        chip = (count, macs, link, port)
        cycles, feed = naive_gpu.attention(
            shape.extents, context, width, shape.out_width, chip, lanes, free, ahead, (narrow, widening)
        )
        assert found.codes.tolist() == [ATTENTION]
        assert found.cycles[0] == pytest.approx(cycles, rel=1e-12), shape
        assert start(shape, spec) == naive_gpu.start(heads, queries, keys, count, free), shape
        row = parts((shape,), spec, one, found.codes)[0]
        assert row[FEED_BYTES] == pytest.approx(feed, rel=1e-12), shape
        assert row[ARRAY] == pytest.approx(row[[IDEAL, EDGES, FILL_DRAIN]].sum(), rel=1e-12), shape
        assert row[IDEAL] == pytest.approx(shape.macs / (macs * count), rel=1e-12), shape
        assert row[FILL_DRAIN] >= 0.0 <= row[EDGES]
        assert shape.macs == heads * queries * keys * (depth + context)


@pytest.mark.parametrize("queries", [1, 600])
def test_a_cache_of_fewer_bits_is_read_in_fewer_bytes(queries):
    """Keys and values of one new token, or of a prompt, come in at the width of the cache, whatever that of the queries."""
    spec = array_spec(load_chip("a100"), "fp16")
    wide = Shape((8, 1, 4096, 128, queries, 1, 1, 1), in_width=2, weight_width=2, out_width=0.0, context=128)
    only = np.zeros(1, dtype=np.int64), np.array([ATTENTION])
    feeds = [parts((replace(wide, weight_width=width),), spec, *only)[0, FEED_BYTES] for width in (2, 1)]
    blocks = 8 * (1 if queries <= 16 else -(-queries // 64))
    assert feeds[0] - feeds[1] == pytest.approx(blocks * 4096 * (128 + 128))


TOKEN = {"layers": 1, "vocabulary": 256, "phase": "decode", "context": 4096}


def test_a_start_is_beside_no_transfer(monkeypatch):
    """Longer by so many cycles, a token takes so much longer whatever binds it; no roof gains it; layers and parts add up."""
    graph, chip = load_network("smollm2_135m", **TOKEN), load_chip("a100", set={"power_limit_w": None})
    short = simulate(graph, chip, 8, "fp16")
    monkeypatch.setattr("simulator.frontier.sm.GPU_DECODE_CYCLES", GPU_DECODE_CYCLES + 100_000)
    graph = load_network("smollm2_135m", **TOKEN)
    long = simulate(graph, chip, 8, "fp16")
    more_s = 100_000 / chip.clock_hz
    assert long.latency_s - short.latency_s == pytest.approx(more_s, rel=1e-9)
    assert long.waterfall["fill_drain_s"] - short.waterfall["fill_drain_s"] == pytest.approx(more_s, rel=1e-9)
    assert sum(long.waterfall.values()) == pytest.approx(long.latency_s, rel=1e-12)
    assert sum(layer.latency_s for layer in long.layers) == pytest.approx(long.latency_s, rel=1e-12)
    assert long.gain_if_infinite == pytest.approx(short.gain_if_infinite, rel=1e-9, abs=1e-12)
    assert long.lower_bound_s == short.lower_bound_s <= short.latency_s
    changed = [(one.name, two.cycles - one.cycles) for one, two in zip(short.layers, long.layers, strict=True)]
    assert [(name, cycles) for name, cycles in changed if cycles] == [("layer1_attention1_scores", 100_000)]


def test_tokens_of_a_sweep_equal_simulate():
    vary = {"batch": [1, 5], "clock_mhz": [700, 1410], "dram.devices": [1, 5]}
    graph, chip = load_network("smollm2_135m", **TOKEN), load_chip("a100")
    table = sweep(graph, chip, {**vary, "precision": ["fp16"]})
    assert table["throughput_per_s"].n_unique() == 8
    check_equal(graph, chip, table, {**vary, "precision": ["fp16"]})


def test_what_is_merged_and_what_not():
    net = NetworkBuilder("branches")
    x = net.conv(net.input(16, 20, 20), 16, 3, padding=1, name="stem")
    plain, relu = net.conv(x, 8, 1, name="plain"), net.conv(x, 8, 1, activation="relu", name="relu1")
    wide, apart = net.conv(x, 24, 1, name="wide"), net.conv(x, 8, 1, stride=2, name="strided")
    grouped = net.conv(x, 16, 1, groups=4, name="grouped")
    for number, value in enumerate((plain, relu, wide, apart, grouped)):
        net.conv(value, 8, 1, name=f"reader{number}")
    net.conv(x, 8, 1, name="leaves")  # an output of the network is no part of a tensor that is read again
    joined = names(net.build(), T4)
    assert ("plain", "wide") in joined
    assert [name for name, *others in joined if others] == ["plain", "relu1"]
    assert {("strided",), ("grouped",), ("leaves",)} <= set(joined)
    heads = [row for row in names(load_network("ssd_mobilenet_v1"), T4) if row[0].startswith("head")]
    assert heads == [(f"head{n}_boxes", f"head{n}_classes") for n in range(1, 7)]


def test_other_chips_merge_nothing():
    chip = load_chip("example_edge", set={"vector.fuses": ["add"]})
    assert ("query",) in [(row.name, *row.fused) for row in lower(encoder(), chip).rows]


def test_inputs_that_come_through_a_relu_cost_less_energy():
    net = NetworkBuilder("rectified")
    x = net.conv(net.input(16, 20, 20), 16, 3, padding=1, activation="relu", name="first")
    net.conv(net.conv(x, 16, 3, padding=1, name="second"), 16, 3, padding=1, name="third")
    graph = net.build()
    rows = lower(graph, load_chip(T4)).rows
    assert [row.rectified for row in rows] == [False, True, False]
    assert [row.macs_charged / row.macs_executed for row in rows] == [1.0, GPU_RECTIFIED_ENERGY, 1.0]
    result = simulate(graph, T4)
    each = 400 * 16 * 16 * 9
    per_mac = simulate(encoder(), T4).energy["mac_j"] / lower(encoder(), load_chip(T4)).macs  # nothing rectified
    assert result.energy["mac_j"] == pytest.approx((2 + GPU_RECTIFIED_ENERGY) * each * per_mac, rel=1e-12)
    assert result.macs_executed == 3 * each
    assert not any(row.rectified for row in lower(graph, load_chip("example_edge")).rows)


def test_the_power_limit_counts_the_zeros_of_a_relu():
    graphs = []
    for activation in ("relu", "sigmoid"):
        net = NetworkBuilder("deep")
        x = net.input(64, 56, 56)
        for _ in range(4):
            x = net.conv(x, 64, 3, padding=1, activation=activation)
        graphs.append(net.build())
    chip = load_chip(T4, set={"power_limit_w": 15})
    relu, other = (simulate(graph, chip, 64) for graph in graphs)
    assert relu.bound_by == other.bound_by == "power"
    assert relu.throughput_per_s > 1.1 * other.throughput_per_s


def test_copies_that_pass_no_registers_are_never_slower():
    for batch in (1, 64):
        slow, fast = (
            simulate("resnet50", load_chip("a100", set={"array.async_copies": free}), batch) for free in (False, True)
        )
        assert fast.latency_s < slow.latency_s


@pytest.mark.parametrize("fuses", [["add", "attention"], ["add"]])
def test_points_of_a_sweep_equal_simulate(fuses):
    chip = load_chip(T4, set={"vector.fuses": fuses})
    vary = {
        "batch": [1, 32], "precision": ["int8", "fp16"], "sram.capacity_mib": [0.05, 4], "power_limit_w": [22, 70],
        "array.async_copies": [False, True],
    }  # fmt: skip
    graph = encoder()
    table = sweep(graph, chip, vary)
    assert table["throughput_per_s"].n_unique() > 8
    check_equal(graph, chip, table, vary)


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ({"array.async_copies": True}, "array.async_copies: must be left out where kind is grid"),
        ({"array.half_sums": 2}, "array.half_sums: must be left out where kind is grid"),
        ({"array.async_products": True}, "array.async_products: must be left out where kind is grid"),
        ({"array.cluster": 2}, "array.cluster: must be left out where kind is grid"),
    ],
)
def test_what_only_a_gpu_may_say(sets, line):
    with pytest.raises(ChipError) as caught:
        load_chip("example_edge", set=sets)
    assert line in str(caught.value)


def test_a_longer_sequence_is_cut_into_more_blocks():
    spec = array_spec(load_chip("a100"), "fp16")
    shape = Shape((2, 1, 512, 64, 512, 1, 1, 1), in_width=2, weight_width=2, out_width=0.25, context=64)
    longer = replace(shape, extents=(2, 1, 513, 64, 513, 1, 1, 1))
    assert frontier(longer, spec).cycles[0] < 0.5 * frontier(shape, spec).cycles[0]  # 18 blocks instead of 2


@pytest.mark.parametrize(("name", "queries"), [("a100", 64), ("h100", 128)])
def test_wide_heads_are_cut_at_any_length(name, queries):
    """One block a head leaves most of a large chip idle; only narrow heads are taken so."""
    spec = array_spec(load_chip(name), "fp16")
    narrow = Shape((2, 1, 512, 64, 512, 1, 1, 1), in_width=2, weight_width=2, out_width=0.25, context=64)
    wide = replace(narrow, extents=(2, 1, 512, 128, 512, 1, 1, 1), context=128)
    assert frontier(wide, spec).cycles[0] < 0.5 * frontier(narrow, spec).cycles[0]
    only = np.zeros(1, dtype=np.int64), np.array([ATTENTION])
    fetched = parts((wide,), spec, *only)[0, FEED_BYTES] - 2 * 512 * 512 * 0.25
    assert fetched == 2 * (512 // queries) * (queries * 128 + 512 * 256) * 2


def test_the_softmax_runs_beside_asynchronous_products():
    shape = Shape((64, 1, 4096, 128, 4096, 1, 1, 1), in_width=2, weight_width=2, out_width=2 / 32, context=128)
    chips = [load_chip("h100", set={"array.async_products": way, "array.cluster": 1}) for way in (False, True)]
    slow, fast = (frontier(shape, array_spec(chip, "fp16")).cycles[0] for chip in chips)
    assert fast < 0.7 * slow


def test_scores_of_eight_bits_cost_the_lanes_more():
    spec = array_spec(load_chip("a100"), "fp16")
    shape = Shape((64, 1, 4096, 128, 4096, 1, 1, 1), in_width=2, weight_width=2, out_width=2 / 32, context=128)
    only = np.zeros(1, dtype=np.int64), np.array([ATTENTION])
    wide, narrow = (parts((replace(shape, in_width=width),), spec, *only)[0, 0] for width in (2, 1))
    blocks = -(-64 * 64 // 108)
    assert narrow - wide == pytest.approx(blocks * 64 * 4096 * 3 / 64)


def test_convolutions_of_hopper_run_in_kernels_of_ampere():
    """As on the same chip without asynchronous products and clusters; a dense layer of the same sizes does not."""

    def cycles(kind, **sets):
        net = NetworkBuilder("one")
        if kind == "conv":
            net.conv(net.input(256, 28, 28), 256, 1, bias=False)
        else:
            net.dense(net.input(256, 28 * 28, 1), 256, bias=False)
        return simulate(net.build(), load_chip("h100", set=sets), 64, "fp16", gains=False).layers[0].cycles

    older = {"array.async_products": False, "array.cluster": 1}
    assert cycles("dense") < cycles("conv") == cycles("conv", **older) == cycles("dense", **older)
