"""Products on the vector lanes: against counting, only where the array is slower, and in whole networks."""

import dataclasses
import math
import random

import numpy as np
import pytest

from simulator import load_chip, load_network, simulate
from simulator.errors import ChipError
from simulator.frontier.array import Codes, model_of
from simulator.frontier.grid import lanes
from simulator.frontier.grid.candidates import build_tables
from simulator.frontier.grid.search import INPUTS, OUTPUTS, WEIGHTS, frontier
from simulator.kernels import grid_points as columns
from simulator.lower.array import array_spec
from simulator.lower.shape import Shape
from simulator.sweeps.run import sweep

EDGE = {
    "array": {"rows": 16, "columns": 16, "stationary": "outputs", "rate": {"int8": 1}, "systolic": True,
              "unroll": {"rows": ["pixels"], "columns": ["out_channels"]}},
    "vector.lanes": 64, "vector.macs_per_cycle": {"int8": 64},
}  # fmt: skip


def counted(sizes, widths, macs, buffers, resident):
    """(footprint, bytes, cycles) of a product of groups x rows x outputs x depth, by walking what the lanes do.

    Lanes take depth first, then outputs of a group, then groups, until all are busy.
    """
    groups, rows, outputs, depth = sizes
    work = [(g, k, c) for g in range(groups) for k in range(outputs) for c in range(depth)]
    cycles = rows * len(work) / macs
    deep = min(depth, macs)
    wide = next(k for k in range(1, outputs + 1) if k == outputs or k * deep >= macs)
    heads = next(g for g in range(1, groups + 1) if g == groups or g * wide * deep >= macs)
    whole = {
        "inputs": len({(g, r, c) for g, _, c in work for r in range(rows)}),
        "weights": len(work),
        "outputs": len({(g, r, k) for g, k, _ in work for r in range(rows)}),
    }
    tile = {"inputs": heads * rows * depth, "weights": heads * wide * deep, "outputs": heads * rows * wide}
    buffers = 1 if (heads, wide, deep) == (groups, outputs, depth) else buffers
    moves = [word for word in whole if word not in resident]
    return (
        sum(buffers * tile[word] * widths[word] for word in moves),
        sum(whole[word] * widths[word] for word in moves),
        cycles,
    )


def test_the_point_is_what_counting_gives():
    rng = random.Random(5)
    for _ in range(60):
        sizes = tuple(rng.randint(1, most) for most in (4, 3, 9, 9))
        groups, rows, outputs, depth = sizes
        widths = {word: rng.choice([0.5, 1.0, 2.0]) for word in ("inputs", "weights", "outputs")}
        macs, overlap = rng.choice([1, 5, 16]), rng.choice(["none", "layer"])
        chip = load_chip("example_edge", set={
            **EDGE, "schedule.overlap": overlap, "interconnect.bytes_per_cycle": 2**30, "sram.bytes_per_cycle": 2**30,
        })  # fmt: skip
        shape = Shape(
            (groups, 1, outputs, depth, rows, 1, 1, 1), plane=(rows, 1), in_width=widths["inputs"],
            weight_width=widths["weights"], out_width=widths["outputs"], lane_macs=float(macs),
        )  # fmt: skip
        mask = rng.choice([0, INPUTS, WEIGHTS, OUTPUTS, INPUTS | OUTPUTS, INPUTS | WEIGHTS | OUTPUTS])
        names = ((INPUTS, "inputs"), (WEIGHTS, "weights"), (OUTPUTS, "outputs"))
        resident = [word for bit, word in names if mask & bit]
        found = lanes.frontier(shape, array_spec(chip, "int8"), mask)
        mine = (found.footprint[0], found.bytes_[0], found.cycles[0])
        assert mine == pytest.approx(counted(sizes, widths, macs, 1 if overlap == "none" else 2, resident), rel=1e-12)


def test_lanes_are_chosen_only_where_no_tiling_on_the_array_is_as_fast():
    rng, taken = random.Random(7), set()
    spec = array_spec(load_chip("example_edge", set=EDGE), "int8")
    for _ in range(60):
        groups, rows, outputs, depth = (rng.randint(1, most) for most in (3, 12, 40, 40))
        shape = Shape((groups, 1, outputs, depth, rows, 1, 1, 1), plane=(rows, 1), lane_macs=64.0)
        on_array = frontier(shape, spec, 0, build_tables(shape, spec)).cycles.min()
        chosen = lanes.chosen(shape, spec)
        taken.add(chosen)
        found = model_of(spec).frontier(shape, spec, 0)
        if chosen:
            assert found.cycles[0] < on_array
        else:
            assert found.cycles.min() == on_array
    assert taken == {True, False}


@pytest.mark.parametrize(
    "changes",
    [
        {"extents": (1, 1, 40, 40, 1, 1, 3, 3)}, {"stride": (2, 2)}, {"context": 8}, {"lane_macs": 0.0}, {"steps": 2},
        {"extents": (1, 1, 40, 40, 1, 1, 3, 1)}, {"extents": (1, 1, 40, 40, 1, 1, 1, 3)}, {"stride": (1, 2)}, {"stride": (2, 1)},
    ],
)  # fmt: skip
def test_what_is_no_plain_product_stays_on_the_array(changes):
    spec = array_spec(load_chip("example_edge", set=EDGE), "int8")
    plain = {"extents": (2, 1, 40, 40, 1, 1, 1, 1), "lane_macs": 64.0}
    assert lanes.chosen(Shape(**plain), spec)
    assert not lanes.chosen(Shape(**{**plain, **changes}), spec)


def test_operands_with_a_path_of_their_own_stay_on_the_array():
    spec, shape = (
        array_spec(load_chip("example_edge", set=EDGE), "int8"),
        Shape((2, 1, 40, 40, 1, 1, 1, 1), lane_macs=64.0),
    )
    assert lanes.chosen(shape, spec)
    for left_out in spec.holds:
        held = tuple(word for word in spec.holds if word != left_out)
        assert not lanes.chosen(shape, dataclasses.replace(spec, holds=held))


def test_each_operand_is_fed_once_as_wide_as_it_is():
    """3 groups of 2 items of 4 x 3 rows, 5 outputs each of 7 terms, on 64 lanes; beside 512 units at half a step a cycle."""
    spec = dataclasses.replace(
        array_spec(load_chip("example_edge", set=EDGE), "int8"), rate=0.5, count=2, link_bytes_per_cycle=16.0,
        port_bytes_per_cycle=8.0,
    )  # fmt: skip
    shape = Shape((3, 2, 5, 7, 4, 3, 1, 1), plane=(4, 3), lane_macs=64.0, in_width=2.0, weight_width=0.5, out_width=4.0)
    feed = 3 * (24 * 7 * 2.0 + 5 * 7 * 0.5 + 24 * 5 * 4.0)
    macs = 3 * 24 * 5 * 7
    for outer, row in zip((0.0, 40.0), lanes.parts(shape, spec, np.array([0.0, 40.0])).tolist(), strict=True):
        assert row == [
            macs / 64,
            macs / 256,
            macs / 64 - macs / 256,
            0.0,
            0.0,
            feed / 16,
            (feed + outer) / 8,
            feed,
            0.0,
        ]
    found = lanes.frontier(shape, spec, 0)
    assert found.bytes_.tolist() == [feed]
    assert found.cycles[0] == max(macs / 64, feed / 4)
    assert found.rooms.tolist() == found.footprint.tolist()
    few = lanes.frontier(
        shape, dataclasses.replace(spec, double_buffered=False), 0
    )  # all terms and outputs, two groups
    assert few.footprint[0] == 2 * (24 * 7 * 2.0 + 5 * 7 * 0.5 + 24 * 5 * 4.0)


def test_parts_add_up_and_never_pass_the_peak():
    chip = load_chip("example_edge", set={**EDGE, "vector.macs_per_cycle": {"int8": 4096}})
    spec = array_spec(chip, "int8")
    shape = Shape((2, 1, 40, 40, 1, 1, 1, 1), lane_macs=4096.0)
    found = lanes.parts(shape, spec, np.array([100.0]))[0]
    assert found[columns.ARRAY] == shape.macs / 256  # not more a cycle than the array has units
    assert found[columns.ARRAY] == found[columns.IDEAL] + found[columns.EDGES]
    feed = 2 * (40 + 1600 + 40)
    assert found[columns.FEED_BYTES] == feed
    assert found[columns.SRAM] == (feed + 100.0) / spec.port_bytes_per_cycle


def test_codes_of_both_kinds_are_read_side_by_side():
    spec = array_spec(load_chip("example_edge", set=EDGE), "int8")
    one = Shape((2, 1, 40, 40, 1, 1, 1, 1), lane_macs=64.0)
    many = Shape((1, 1, 40, 40, 64, 1, 1, 1), plane=(64, 1), lane_macs=64.0)
    grid = model_of(spec)
    fronts = [grid.frontier(shape, spec, 0) for shape in (one, many)]
    codes = Codes(
        grid.tables((one, many), spec), (one, many), spec, np.array([0, 1]), np.array([f.codes[0] for f in fronts])
    )
    first, second = grid.words(codes)
    assert first == {"runs_on": "vector lanes"}
    assert math.prod(second["unrolling"].values()) == 256
    parts = grid.parts(codes, np.array([f.bytes_[0] for f in fronts]))
    for row, front in zip(parts, fronts, strict=True):
        assert row[[columns.ARRAY, columns.INTERCONNECT, columns.SRAM]].max() == front.cycles[0]


def test_a_token_behind_many_is_faster_with_them_and_a_sweep_says_the_same():
    graph = load_network("smollm2_135m", phase="decode", context=512, layers=2)
    with_lanes = load_chip("gaudi2")
    without = load_chip("gaudi2", set={"vector.macs_per_cycle": {}})
    fast, slow = (simulate(graph, chip, batch=8, precision="fp8") for chip in (with_lanes, without))
    assert fast.latency_s < slow.latency_s
    on = {layer.name for layer in fast.layers if "vector lanes" in layer.tiling.get("runs_on", "")}
    assert any("score" in name or "attention" in name for name in on), on
    rows = sweep(graph, with_lanes, {"batch": [8], "clock_mhz": [1650.0]}, precision="fp8")
    assert float(rows["latency_s"][0]) == fast.latency_s


def test_a_prompt_stays_on_the_array():
    graph = load_network("smollm2_135m", phase="prefill", prompt=512, layers=1)
    result = simulate(graph, load_chip("gaudi2"), precision="bf16")
    rows = [layer for layer in result.layers if layer.macs > 1e8]
    assert rows
    assert not any("vector lanes" in layer.tiling.get("runs_on", "") for layer in rows)


def test_a_format_or_figure_that_is_none_is_refused():
    with pytest.raises(ChipError, match=r"vector\.macs_per_cycle"):
        load_chip("example_edge", set={"vector.macs_per_cycle": {"int8": 0}})
    with pytest.raises(ChipError, match=r"vector\.macs_per_cycle"):
        load_chip("example_edge", set={"vector.macs_per_cycle": {"int9": 5}})


def test_an_array_of_two_products_a_cycle_is_twice_as_hard_to_beat() -> None:
    """8 x 8 weights and four pixels: 8 steps in 4 cycles on the array, 256 products on the lanes."""
    fast = {**EDGE, "array": {**EDGE["array"], "rate": {"int8": 2}, "count": 1}}
    spec = array_spec(load_chip("example_edge", set=fast), "int8")
    for lane_macs, wins in ((48.0, False), (64.0, False), (65.0, True), (128.0, True)):
        shape = Shape((1, 1, 8, 8, 4, 1, 1, 1), plane=(4, 1), lane_macs=lane_macs)
        assert lanes.chosen(shape, spec) == wins
        ((ideal, edges, busy),) = lanes.parts(shape, spec, np.zeros(1))[
            :, [columns.IDEAL, columns.EDGES, columns.ARRAY]
        ]
        assert (ideal, busy, ideal + edges) == (256 / 512, 256 / lane_macs, pytest.approx(busy))
    slow = dataclasses.replace(spec, link_bytes_per_cycle=16.0)
    assert lanes.parts(shape, slow, np.zeros(1))[0, columns.INTERCONNECT] == (4 * 8 + 8 * 8 + 4 * 8) / 16
