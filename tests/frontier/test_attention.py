"""Attention that keeps its scores on the chip: tiles against a slow twin, whole networks, and who may say so."""

import math
import random
from dataclasses import replace

import naive_attention
import numpy as np
import pytest

from simulator import load_chip, load_network, simulate
from simulator.errors import ChipError
from simulator.frontier.grid import attention
from simulator.frontier.grid.search import INPUTS, OUTPUTS, VALUES, WEIGHTS
from simulator.graph.build import Graph, NetworkBuilder
from simulator.kernels import grid_points as columns
from simulator.lower.array import array_spec
from simulator.lower.rows import lower
from simulator.lower.shape import Shape

NAMES = {INPUTS: "queries", WEIGHTS: "keys", VALUES: "values", OUTPUTS: "outputs"}
WORD = {"vector.fuses": ["relu", "add", "pool", "attention"]}


def test_tiles_are_those_of_the_slow_twin():
    rng = random.Random(11)
    for _ in range(16):
        sizes = rng.randint(1, 4), rng.choice([1, 5, 6, 9, 12, 12]), *(rng.randint(1, most) for most in (13, 9, 9))
        heads, queries, keys, depth, context = sizes
        overlap, lanes = rng.choice(["none", "layer"]), rng.choice([1, 7])
        rows, columns, kib = rng.choice([1, 3, 4]), rng.choice([1, 2, 5]), rng.choice([None, 0.1])
        lane_macs = rng.choice([0, 1, 3, 30])
        chip = load_chip("example_edge", set={
            **WORD, "array": {"rows": rows, "columns": columns, "stationary": "outputs", "rate": {"int8": 1},
            "unroll": {"rows": ["out_height"], "columns": ["out_channels"]}, "accumulator_kib": kib},
            "vector.lanes": lanes, "schedule.overlap": overlap,
            "interconnect.bytes_per_cycle": 2**30, "sram.bytes_per_cycle": 2**30,
        })  # fmt: skip
        wide, items = (
            1 + (queries % 2 == 0),
            1 + 2 * (queries % 3 == 0),
        )  # queries along both sides, and of several items
        high = queries // wide // items
        shape = Shape(
            (heads, items, keys, depth, high, wide, 1, 1), plane=(high, wide), context=context,
            softmax_operations=5.0 * heads * queries * keys, lane_macs=lane_macs, out_width=context / keys,
        )  # fmt: skip
        spec = array_spec(chip, "int8")
        known = {
            "width": 1, "sum_width": 4, "accumulators": spec.accumulator_bytes, "lanes": lanes, "softmax": 5,
            "buffers": 1 if overlap == "none" else 2, "lane_macs": lane_macs, "peak": rows * columns,
        }  # fmt: skip
        unrolls = tuple({"out_height": min(rows, queries), "out_channels": min(columns, k)} for k in (keys, context))
        mask = rng.choice([0, INPUTS, WEIGHTS | VALUES, VALUES | OUTPUTS, OUTPUTS | INPUTS | WEIGHTS])
        resident = frozenset(name for bit, name in NAMES.items() if mask & bit)
        found, every = attention.frontier(shape, spec, mask), attention.choices(shape, spec)
        tiles = list(zip(every.heads.tolist(), every.queries.tolist(), every.keys.tolist(), strict=True))
        slow = np.array([naive_attention.cost(sizes, tile, known, unrolls, resident) for tile in tiles])
        mine = np.stack([found.footprint, found.bytes_, found.cycles], axis=1)
        np.testing.assert_allclose(mine, slow[found.codes], rtol=1e-12)
        beaten = (mine[None] <= slow[:, None] * (1 + 1e-9)).all(axis=2).any(axis=1)
        assert beaten.all(), "a tile that no point of the frontier is as good as"


def test_products_go_through_all_channels_of_a_tile():
    """Weights lie over 4 x 4 units, queries pass one a cycle: so many sets of keys, and of values, as their channels need."""
    chip = load_chip("example_edge", set={
        **WORD, "array": {"rows": 4, "columns": 4, "stationary": "weights", "rate": {"int8": 1},
        "unroll": {"rows": ["in_channels"], "columns": ["out_channels"]}},
    })  # fmt: skip
    heads, queries, keys, depth, context = 2, 3, 9, 7, 6
    shape = Shape(
        (heads, 1, keys, depth, queries, 1, 1, 1), plane=(queries, 1), context=context, out_width=context / keys
    )
    every, seen = attention.choices(shape, array_spec(chip, "int8")), set()
    steps = every.parts[:, columns.IDEAL] + every.parts[:, columns.EDGES]
    for at, size in enumerate(every.keys.tolist()):
        tiles = [min(size, keys - begin) for begin in range(0, keys, size)]
        sets = sum(
            math.ceil(depth / 4) * math.ceil(one / 4) + math.ceil(one / 4) * math.ceil(context / 4) for one in tiles
        )
        assert steps[at] == heads * queries * sets
        seen.add(sets)
    assert len(seen) > 2


@pytest.mark.parametrize("inside", [("inputs", "weights", "outputs"), ("inputs",), ("weights",), ("outputs",)])
@pytest.mark.parametrize("twice", [False, True])
def test_room_and_bytes_of_a_tile_by_operand(inside, twice):
    """Queries of two bytes, keys and values of half one, sums of four and outputs of three: two tiles of what changes."""
    spec = replace(
        array_spec(load_chip("example_edge", set=WORD), "int8"),
        holds=inside,
        double_buffered=twice,
        accumulator_bytes=300.0,
    )
    shape = Shape(
        (4, 3, 9, 5, 1, 2, 1, 1),
        plane=(1, 2),
        context=7,
        in_width=2.0,
        weight_width=0.5,
        acc_width=4.0,
        out_width=3.0 * 7 / 9,
    )
    every, seen = attention.choices(shape, spec), set()
    for resident in range(16):
        room, total = attention._footprint(shape, spec, resident, every), attention._bytes(shape, resident, every)
        for at, (heads, queries, keys, turns, passes) in enumerate(
            zip(*(column.tolist() for column in every[:5]), strict=True)
        ):
            q, k, turned, keyed = (
                heads * queries,
                heads * keys,
                1 + twice * (turns > 1),
                1 + twice * (turns * passes > 1),
            )
            wanted, again = 2.0 * q * keys * keyed, turns / math.ceil(4 / heads) if passes > 1 else 1.0
            moved = 0.5 * 4 * 9 * 7 * (again - 1.0) if not resident & VALUES else 0.0
            if not resident & INPUTS:
                wanted, moved = wanted + 2.0 * q * 5 * turned * ("inputs" in inside), moved + 2.0 * 4 * 6 * 5
            if not resident & WEIGHTS:
                wanted, moved = wanted + 0.5 * k * 5 * keyed * ("weights" in inside), moved + 0.5 * 4 * 9 * 5 * again
            if not resident & VALUES:
                wanted += 0.5 * k * 7 * keyed * ("weights" in inside)
            if not resident & OUTPUTS:
                wanted, moved = wanted + 3.0 * q * 7 * turned * ("outputs" in inside), moved + 3.0 * 4 * 6 * 7
            if passes > 1:  # two numbers of each query, and sums that are not done, where the accumulators are too few
                wanted += 8.0 * q + (4.0 * q * 7 if 4.0 * q * 7 > 300.0 and "outputs" in inside else 0.0)
            assert room[at] == pytest.approx(wanted)
            assert total[at] == pytest.approx(moved)
            seen.add((turns > 1, passes > 1, 4.0 * q * 7 > 300.0))
    assert len(seen) > 5


@pytest.mark.parametrize("lane_macs", [0.0, 1e6])
def test_what_a_tile_feeds_passes_ports_and_interconnect(lane_macs):
    """On lanes operands and outputs once a tile, as wide as they are, and scores twice; what is outside passes the ports too."""
    chip = load_chip("example_edge", set={**WORD, "array.rows": 4, "array.columns": 64})
    spec = replace(
        array_spec(chip, "int8"),
        count=1,
        lanes=64,
        double_buffered=False,
        link_bytes_per_cycle=4096.0,
        port_bytes_per_cycle=2048.0,
    )
    shape = Shape(
        (2, 1, 6, 3, 4, 1, 1, 1), plane=(4, 1), context=5, softmax_operations=5.0 * 2 * 4 * 6, lane_macs=lane_macs,
        in_width=2.0, weight_width=0.5, out_width=3.0 * 5 / 6,
    )  # fmt: skip
    every = attention.choices(shape, spec)
    (at,) = np.flatnonzero((every.heads == 2) & (every.queries == 2) & (every.keys == 3))
    assert (every.turns[at], every.passes[at]) == (2, 2)
    assert every.on_lanes.tolist() == [int(lane_macs > 0.0)] * len(every.heads)
    for heads, queries, keys, turns, passes, parts in zip(*(column.tolist() for column in every[:6]), strict=True):
        if lane_macs > 0.0:
            tile = queries * (3 * 2.0 + 5 * 3.0) + keys * (3 + 5) * 0.5 + 2 * queries * keys * 2.0
            assert parts[columns.FEED_BYTES] == pytest.approx(turns * passes * heads * tile, rel=1e-12)
            assert parts[columns.INTERCONNECT] == parts[columns.FEED_BYTES] / 4096.0
            assert parts[columns.FILL_DRAIN] == pytest.approx((5.0 * 48 + 40 * (passes - 1)) / 64, rel=1e-12)
            assert parts[columns.WEIGHT_LOADING] == 0.0
        assert parts[columns.SRAM] == parts[columns.FEED_BYTES] / 2048.0
        own = parts[columns.IDEAL : columns.WEIGHT_LOADING + 1]
        assert parts[columns.ARRAY] == pytest.approx(sum(own), rel=1e-12)
    codes, outer = np.arange(len(every.heads)), np.arange(float(len(every.heads)))
    parts = attention.parts(shape, spec, codes, outer)
    assert parts[:, columns.SRAM].tolist() == ((every.parts[:, columns.FEED_BYTES] + outer) / 2048.0).tolist()
    others = [column for column in range(9) if column != columns.SRAM]
    assert parts[:, others].tolist() == every.parts[:, others].tolist()


def test_lanes_that_are_as_fast_as_the_array_leave_it_the_products():
    """A tile of which all is even fills 2 x 2 units; one that is odd leaves some idle."""
    chip = load_chip("example_edge", set={
        **WORD, "array": {"rows": 2, "columns": 2, "stationary": "outputs", "rate": {"int8": 1},
        "unroll": {"rows": ["out_height"], "columns": ["out_channels"]}}, "schedule.overlap": "none",
        "interconnect.bytes_per_cycle": 2**30, "sram.bytes_per_cycle": 2**30,
    })  # fmt: skip
    shape = Shape(
        (2, 1, 4, 3, 4, 1, 1, 1), plane=(4, 1), context=6, softmax_operations=160.0, lane_macs=4.0, out_width=6 / 4
    )
    every = attention.choices(shape, array_spec(chip, "int8"))
    odd = (every.queries % 2 == 1) | (every.keys % 2 == 1)
    assert every.on_lanes.tolist() == odd.astype(int).tolist()
    assert 0 < odd.sum() < len(odd)


def test_heads_on_arrays_side_by_side_take_turns_where_a_tile_has_one():
    """On four arrays with a head each; nothing else of a tile depends on its heads."""
    chip = load_chip("example_edge", set={**WORD, "array.count": 4, "array.unroll.count": ["groups"]})
    every = attention.choices(Shape((4, 1, 6, 3, 4, 1, 1, 1), plane=(4, 1), context=5), array_spec(chip, "int8"))
    whole = every.passes == 1
    cycles = {heads: every.parts[whole & (every.heads == heads), columns.ARRAY] for heads in (1, 4)}
    assert len(cycles[1]) > 1
    assert cycles[1].tolist() == (4 * cycles[4]).tolist()


def small(tokens: int, heads: int = 4, hidden: int = 64) -> Graph:
    """One attention."""
    net = NetworkBuilder("one")
    x = net.input(hidden, tokens, 1)
    query, key, value = (net.dense(x, hidden) for _ in range(3))
    scores = net.vector("softmax", net.matmul(query, key, heads=heads, transposed=True))
    net.dense(net.matmul(scores, value, heads=heads), hidden)
    return net.build()


def test_scores_that_stay_need_no_outer_memory():
    """2,048 x 2,048 scores of four heads go out and in four times; without, what is left is far below one pass of them."""
    plain, kept = (
        simulate(small(2048), load_chip("example_edge", set={"sram.capacity_mib": 0.5, **word})) for word in ({}, WORD)
    )
    scores = 4 * 2048 * 2048
    assert plain.dram_bytes - kept.dram_bytes == pytest.approx(4 * scores, rel=0.05)
    assert kept.dram_bytes < scores / 4
    assert kept.macs == plain.macs
    assert "attention" in {layer.tiling.get("runs_on") for layer in kept.layers}


@pytest.mark.parametrize("tokens", [5, 40])
def test_what_attention_gives_is_its_tensor(tokens):
    """Fewer or more tokens than a head has columns: without the outputs in SRAM a tile moves their bytes more, no others."""
    chip = load_chip("example_edge", set=WORD)
    low = lower(small(tokens), chip, 2, "int8")
    (row,) = (row for row in low.rows if row.shape is not None and row.shape.context)
    every = attention.choices(row.shape, low.spec)
    moved = attention._bytes(row.shape, 0, every) - attention._bytes(row.shape, OUTPUTS, every)
    assert row.output_bytes == 2 * tokens * 64
    np.testing.assert_allclose(moved, row.output_bytes, rtol=1e-12)


def test_vision_at_1024_pixels_takes_0_7_s():
    """Scores are 25.8 of 29.0 GB; the products alone take 0.63 s."""
    graph = load_network("vit_l16", image_size=1024)
    kept = simulate(graph, load_chip("example_edge", set=WORD))
    assert kept.latency_s == pytest.approx(0.7, rel=0.03)
    assert kept.dram_bytes < 29.0e9 - 25.4e9 + 0.1e9  # the two have three digits
    assert kept.latency_s > kept.macs / 4096 / 800e6


@pytest.mark.parametrize("fuses", [["attention"], ["softmax", "attention"]])
def test_values_may_come_after_the_scores(fuses):
    net = NetworkBuilder("late")
    x = net.input(64, 128, 1)
    scores = net.vector("softmax", net.matmul(net.dense(x, 64), net.dense(x, 64), transposed=True))
    net.matmul(scores, net.dense(x, 64), name="context")
    low = lower(net.build(), load_chip("example_edge", set={"vector.fuses": fuses}))
    assert [row.kind for row in low.rows] == ["dense", "dense", "dense", "matmul"]
    assert low.rows[3].values == low.rows[2].output
    assert low.rows[3].macs == 2 * 128 * 128 * 64


def test_a_token_attends_on_lanes_that_multiply_as_soon_as_in_single_products():
    chip = load_chip("gaudi2")
    words = [word for word in chip.vector.fuses if word != "attention"]
    graph = load_network("llama3_1_8b", phase="decode", context=2000, layers=1)
    single, kept = (simulate(graph, one, 8, "fp8") for one in (load_chip("gaudi2", set={"vector.fuses": words}), chip))
    places = [layer.tiling.get("runs_on") for layer in kept.layers]
    assert places.count("attention on vector lanes") == 1
    assert kept.latency_s <= single.latency_s * (1 + 1e-12)
    assert "attention" in {layer.tiling.get("runs_on") for layer in simulate(
        load_network("llama3_1_8b", phase="prefill", prompt=2000, layers=1), chip, 1, "fp8"
    ).layers}  # fmt: skip


def test_side_by_side_has_no_attention():
    with pytest.raises(ChipError, match=r"'attention' must be left out where schedule.placement is 'space'"):
        load_chip("example_edge", set={**WORD, "schedule.placement": "space"})


def test_sizes_of_a_tile_along_an_axis():
    """For 1, 2, 3, 4, 6, 8, 12, 16 tiles, and units doubled as often as they fit."""
    assert attention._sizes(1) == (1,)
    assert attention._sizes(10) == (1, 2, 3, 4, 5, 10)
    assert attention._sizes(20, np.array([3, 6, 3]), np.array([7])) == (1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 20)
    assert attention._sizes(4, np.array([4, 9])) == (1, 2, 4)
    assert len(attention._sizes(10_000)) < 35  # two in each doubling


def test_what_some_points_are_is_what_they_are_among_all():
    shape = Shape((4, 1, 60, 16, 5, 1, 1, 1), plane=(5, 1), context=16, softmax_operations=900.0)
    spec = array_spec(load_chip("tpu_v5e"), "bf16")
    every = attention.choices(shape, spec)
    codes = np.array([len(every.heads) - 1, 3, 3, 0])
    outer = np.full(len(codes), 1000.0)
    of_all = attention.parts(shape, spec, codes, outer)
    attention.choices.memory.clear()
    assert np.array_equal(attention.parts(shape, spec, codes, outer), of_all)
    assert len(attention.choices.memory) == 0  # nothing but these was looked at
    assert attention.words(shape, spec, 3)["tile"] == {
        "heads": every.heads[3], "queries": every.queries[3], "keys": every.keys[3]
    }  # fmt: skip
