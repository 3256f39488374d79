"""Small parts of the search on a grid: codes of points, cells of cycles, bins of footprints, and lists that begin anew."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pytest

from simulator.frontier.grid import candidates, points, search
from simulator.frontier.grid.candidates import build_tables, some_tiles
from simulator.frontier.grid.unrolling import least_steps
from simulator.kernels import grid_points as columns
from simulator.kernels.grid_best import precedes
from simulator.kernels.grid_envelope import BINS, LEVELS, NO_FLOOR, level_of
from simulator.kernels.grid_layout import (
    EACH,
    PIXEL_STEPS,
    PIXELS,
    SIZE,
    STEPS,
    TRIPS,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    WINDOW,
    Numbers,
    Tile,
)  # fmt: skip
from simulator.kernels.grid_search import OF_INPUTS, OF_WEIGHTS, Contest, beaten, code_of, streamed
from simulator.kernels.grid_tables import Fold
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

SPEC = ArraySpec(2, 3, 2, "weights", ("reduction",), ("out_channels",), ("out_channels", "pixels", "groups"))
SHAPE = Shape((2, 2, 5, 3, 4, 3, 3, 1), padding=(1, 0), plane=(4, 3))


@pytest.mark.kernel
def test_every_point_has_a_code_of_its_own_that_says_what_it_is():
    rows = Tile(2, 3, 2, 3)
    every = list(itertools.product(range(3), range(5), range(-1, 3), *(range(count) for count in rows)))
    codes = [code_of(rows, Tile(*tile), u, order, stream) for u, order, stream, *tile in every]
    assert codes == list(range(len(every)))


def test_codes_of_tiles_are_read_as_they_were_made():
    built = build_tables(SHAPE, SPEC)
    assert len(built.units.factors) > 1
    stacked = points.stack([SHAPE], SPEC, [built])
    rng = np.random.default_rng(1)
    tables = (built.group, built.pixel, built.axis_k, built.axis_c)
    tiles = columns.TileRows(*(rng.integers(0, len(table), 40) for table in tables))
    rows = Tile(*map(len, tables))
    every = []
    for unrolling in range(len(built.units.factors)):
        codes = np.array([code_of(rows, Tile(*map(int, each)), unrolling, 0, -1) for each in zip(*tiles, strict=True)])
        none, zero = np.zeros(40), np.zeros(40, dtype=np.int64)
        found = points.tile_sizes(stacked, zero, codes)
        assert (found[:, 0] == built.group[tiles.group, SIZE]).all()
        assert (found[:, 2] == built.axis_k[tiles.k, SIZE]).all()
        assert (found[:, 3] == built.axis_c[tiles.c, SIZE]).all()
        assert (found[:, [1, 4, 5]] == built.pixel_tiles[tiles.pixel]).all()
        assert (found[:, [columns.ORDER, columns.STREAM, columns.UNROLLING]] == [0, -1, unrolling]).all()
        parts = points.breakdowns(stacked, zero, codes, none)
        every.append(parts)
        # The same beside another layer, of which there are columns.
        both = points.stack([SHAPE, SHAPE], SPEC, [built, built])
        assert (points.breakdowns(both, zero + 1, codes, none) == parts).all()
    cycles = np.array([points.cycles_of(parts) for parts in every])
    assert len(set(cycles.argmin(axis=0).tolist())) > 1
    assert (points.fastest(stacked, tiles) == np.array(every)[cycles.argmin(axis=0), range(40)]).all()


def test_points_in_words():
    """No streamed operand, and each of three; only loops that are unrolled are named."""
    factors = np.array([1, 2, 1, 3, 1, 1, 1, 1, 1, 1])
    said = [points.words(factors, np.array([1, 2, 3, 4, 5, 6, 1, stream, 0])) for stream in range(-1, 3)]
    assert [row["streamed"] for row in said] == [None, "inputs", "weights", "outputs"]
    assert {row["order"] for row in said} == {points.ORDERS[1]}
    assert said[0]["tile"] == dict(zip("gnkcpq", range(1, 7), strict=True))
    assert said[0]["unrolling"] == {"batch": 2, "in_channels": 3}


def test_the_fewest_steps_of_a_layer():
    """2 groups of 2 x 5 x 3 channels, 4 x 3 pixels and a kernel of three, on two arrays of 3 rows and 2 columns."""
    spec = ArraySpec(2, 3, 2, "weights", ("in_channels",), ("out_channels",), ("out_height",))
    assert least_steps(SHAPE.extents, spec) == 2 * 2 * 3 * 1 * 2 * 3 * 3
    assert least_steps(SHAPE.extents, replace(spec, rows=2, columns=5)) == 2 * 2 * 1 * 2 * 2 * 3 * 3


def test_only_what_the_sram_holds_is_fed_from_it():
    """Over a link so slow that nothing else counts, bytes of the operands add up."""
    tile = dict(zip("gnkcpq", SHAPE.extents, strict=False))

    def cycles(*holds):
        spec = ArraySpec(1, 1, 1, "outputs", (), (), (), holds=holds, link_bytes_per_cycle=2.0**-10)
        return search.tile_cost(SHAPE, spec, tile, "CKNPQ")[2]

    each = [cycles(word) for word in ("inputs", "weights", "outputs")]
    assert min(each) > 2**10
    assert cycles("inputs", "weights", "outputs") == sum(each)
    assert cycles("weights", "outputs") == each[1] + each[2]


def test_points_of_no_layers_and_of_one():
    none = np.zeros(0, dtype=np.int64)
    empty = points.stack([], SPEC, [])
    assert {name: len(getattr(empty, name)) for name in ("starts", "rows", "tiles", "numbers", "rules", "layer")} == {
        "starts": 0, "rows": 0, "tiles": 0, "numbers": 0, "rules": 0, "layer": 0,
    }  # fmt: skip
    assert (empty.starts.shape, empty.rows.shape, empty.tiles.shape) == ((0, 5), (0, 5), (0, 3))
    assert [len(column) for column in (*empty.tables, empty.first_tile, empty.loads, empty.first_unit)] == [0] * 8
    assert points.tile_sizes(empty, none, none).shape == (0, 9)
    built = build_tables(SHAPE, SPEC)
    limited = replace(SPEC, port_bytes_per_cycle=4.0)
    for outer, wanted in (({}, 0.0), ({"outer_bytes": 64.0}, 16.0)):
        found = points.breakdown(SHAPE, limited, 0, **outer)
        assert found.sram - found.feed_bytes / 4.0 == wanted
    assert points.decode(SHAPE, SPEC, 0, built) == points.decode(SHAPE, SPEC, 0)


@pytest.mark.kernel
def test_cells_of_cycles_are_four_an_octave():
    cycles = [50.0, 100.0, 100.5, 124.5, 125.0, 149.5, 150.0, 175.0, 200.0, 249.5, 250.0, 400.0, 1e300]
    assert [level_of(each, 100.0) for each in cycles] == [0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 6, 9, LEVELS - 1]


NOTHING = Numbers(*(0.0 for _ in Numbers._fields))._replace(buffers=1.0)
ONE = {
    "inputs": ({"in_bytes": 0.5}, 0.5 * 24 * 8),
    "weights": ({"weight_bytes": 4.0}, 4.0 * 10 * 8),
    "outputs": ({"out_bytes": 2.0, "acc_bytes": 1.0}, 2.0 * 10 * 12),
    "sums": ({"out_bytes": 1.0, "acc_bytes": 4.0}, 4.0 * 10 * 12),
    "all": ({"in_bytes": 1.0, "weight_bytes": 2.0, "out_bytes": 1.0}, 24 * 8 + 2.0 * 80 + 120),
}
"""Bytes of an element, and of the largest tile of a group: of 24 inputs of 8 channels, 10 x 8 weights, 10 x 12 outputs."""
BITS = {"none": {}, "pieces": {"grain_in": 300.0, "grain_weights": 500.0, "grain_out": 700.0}}


def bin_of(footprint):
    """Sixteen an octave, counted from one byte."""
    octave = int(np.floor(np.log2(footprint)))
    return 1 + 16 * octave + int(16 * (footprint / 2.0**octave - 1.0))


@pytest.mark.parametrize("pieces", BITS)
@pytest.mark.parametrize("case", ONE)
@pytest.mark.parametrize("buffers", [1.0, 2.0])
def test_no_footprint_is_beyond_the_last_bin(case, pieces, buffers):
    group, k, c = (np.zeros((2, STEPS + EACH)) for _ in range(3))
    group[:, SIZE], k[:, SIZE], c[:, SIZE] = (1, 3), (10, 5), (8, 2)
    pixel = np.zeros((2, PIXEL_STEPS + EACH))
    pixel[:, WINDOW], pixel[:, PIXELS] = (24, 9), (6, 12)
    widths, largest = ONE[case]
    numbers = NOTHING._replace(buffers=buffers, **widths, **BITS[pieces])
    wanted = bin_of((3 * largest + sum(BITS[pieces].values())) * buffers)
    assert candidates._last_bin(group, pixel, k, c, numbers) == wanted
    assert candidates._last_bin(group * 2.0**300, pixel, k, c, numbers) == BINS - 1


@pytest.mark.kernel
@pytest.mark.parametrize("short", ["pixels", "axes"])
@pytest.mark.parametrize("resident", [0, 2])
def test_lists_that_are_too_short_begin_anew(monkeypatch, resident, short):
    """With room for little more than a list at a time the frontier is the same, to the last point."""
    built, again = build_tables(SHAPE, SPEC), build_tables(SHAPE, SPEC)
    axis = 2 * max(len(built.axis_k), len(built.axis_c)) + 4
    least = {"pixels": len(built.pixel) + 1, "axes": 2 * axis}
    scratch = search._Scratch(1 << 12, 1024, axis)
    monkeypatch.setattr(search._own, "scratch", scratch, raising=False)
    expected = search.frontier(SHAPE, SPEC, resident, built)
    used = scratch.lists.used[["pixels", "axes"].index(short)]
    assert used > least[short], "all lists together are no longer"
    lists = scratch.lists._replace(**{short: np.full((least[short], getattr(scratch.lists, short).shape[1]), np.nan)})
    scratch.lists = lists
    found = search.frontier(SHAPE, SPEC, resident, again)
    for name in ("footprint", "bytes_", "cycles", "codes"):
        assert (getattr(found, name) == getattr(expected, name)).all(), name
    assert lists.used[["pixels", "axes"].index(short)] <= least[short]


@pytest.mark.kernel
@pytest.mark.parametrize("less", [0, 1, 50])
def test_survivors_that_do_not_fit_are_looked_for_again(monkeypatch, less):
    """With room for all survivors of a search, and for fewer, the frontier is the same."""
    built = build_tables(SHAPE, SPEC)
    expected = search.frontier(SHAPE, SPEC, 0, built)
    count = int(search._own.scratch.keep.found.item())
    assert count > 50
    monkeypatch.setattr(search._own, "scratch", search._Scratch(count - less, 1024, 1024))
    found = search.frontier(SHAPE, SPEC, 0, built)
    assert (search._own.scratch.room == count) == (less == 0)
    for name in ("footprint", "bytes_", "cycles", "codes"):
        assert (getattr(found, name) == getattr(expected, name)).all(), name


@pytest.mark.parametrize("holds", [("inputs", "weights", "outputs"), ("outputs", "weights"), ("inputs",)])
def test_numbers_of_a_layer(holds):
    """Widths of 2, 0.5, 1 and 4 bytes; 2 groups of 2 x 5 x 12 outputs, 3 channels and a kernel of 3."""
    shape = replace(SHAPE, in_width=2.0, weight_width=0.5, out_width=1.0, acc_width=4.0, widening=0.25)
    found = build_tables(shape, replace(SPEC, holds=holds, double_buffered=False)).numbers
    inside = [float(word in holds) for word in ("inputs", "weights", "outputs")]
    assert (found.in_bytes, found.grain_in) == (2.0 * inside[0], 2.0 * inside[0])
    assert (found.weight_bytes, found.grain_weights) == (1.5 * inside[1], 0.5 * inside[1])
    assert (found.out_bytes, found.acc_bytes, found.acc_room) == (1.0, 4.0, 4.0)
    assert (found.out_room, found.grain_out) == (inside[2], 4.0 * inside[2])
    assert (found.all_inputs, found.all_outputs, found.buffers) == (2.0 * 2 * 3, 2 * 2 * 5 * 12, 1.0)
    assert found.all_weights == found.feed_weights == 0.5 * 2 * 5 * 3 * 3
    assert found.feed_in == 2.0 * 2 * 2 * 3 * 12 * 3
    assert (found.feed_out, found.feed_partial) == (240.0, 240 * 2 * 4.0)
    assert found.widening == 0.25 * 2 * 5 * 3 * 3


@pytest.mark.kernel
def test_survivors_go_by_footprint_then_bytes_then_cycles():
    rising = np.array([[1.0, 9.0, 9.0], [2.0, 3.0, 8.0], [2.0, 4.0, 5.0], [2.0, 4.0, 6.0], [3.0, 0.0, 0.0]])
    for one, other in itertools.product(range(len(rising)), repeat=2):
        assert precedes(rising, one, other, NO_FLOOR) == (one < other)
    # Where footprints up to 2 count as one, the first has most bytes; of equals the smaller is first.
    alike = rising[[1, 2, 3, 0, 4]]
    for one, other in itertools.product(range(len(alike)), repeat=2):
        assert precedes(alike, one, other, 2.0) == (one < other)
    equal = np.array([[1.0, 3.0, 8.0], [2.0, 3.0, 8.0]])
    assert precedes(equal, 0, 1, 2.0)
    assert not precedes(equal, 1, 0, 2.0)


def test_two_frontiers_become_one():
    """By footprint, then bytes, then cycles; what another is as good as is left out, of equals the first stays."""

    def frontier(first_code, *rows):
        footprint, bytes_, cycles = np.array(rows, dtype=np.float64).T
        return search.Frontier(footprint, bytes_, cycles, first_code + np.arange(len(rows)), footprint)

    one = frontier(0, (10, 50, 50), (20, 40, 50), (30, 40, 45))
    other = frontier(10, (10, 50, 50), (15, 60, 20), (20, 45, 45), (25, 40, 50), (40, 30, 50), (50, 30, 51))
    found = search._merged(one, other)
    assert found.codes.tolist() == [0, 11, 1, 12, 2, 14]
    assert found.footprint.tolist() == [10, 15, 20, 20, 30, 40]
    assert found.bytes_.tolist() == [50, 60, 40, 45, 40, 30]
    assert found.cycles.tolist() == [50, 20, 50, 45, 45, 50]


def test_cycles_beyond_the_steps_are_loading_and_filling():
    """In the proportion in which a fold pays for them; once a layer the first set loads with nothing to hide behind."""

    def split(extra, once, load, overhead=10.0, hidden=1.0):
        return [*columns.overheads(extra, once, Fold(load, overhead, hidden), 0.5)]

    assert split(30.0, 0.0, 20.0) == [10.0, 20.0]
    assert split(30.0, 1.0, 20.0) == [10.0, 21.0]
    assert split(30.0, 5.0, 20.0) == [10.0, 25.0]  # of the 40 cycles at half a step a cycle that a set takes
    assert split(30.0, 50.0, 20.0) == [20.0, 60.0]
    assert split(30.0, 50.0, 20.0, hidden=0.0) == [60.0, 20.0]
    assert split(30.0, -1.0, 20.0) == [9.0, 20.0]
    assert split(30.0, -1.0, 20.0, overhead=0.0) == [0.0, 29.0]  # the cycle that is not counted is of what there is
    assert split(0.0, -1.0, 0.0, overhead=0.0) == [0.0, 0.0]
    assert split(30.0, 0.0, 0.0) == [30.0, 0.0]
    assert split(30.0, 2.0, 0.0, overhead=0.0) == [32.0, 0.0]


def test_sums_stay_where_the_tiling_is_no_slower():
    """Of ways with 20 and 10 array cycles, and with 100 and 40 or 400 bytes fed: what binds decides, then the array."""

    def stays(arrays, feeds, link=10.0, port=1e9, outer=0.0):
        return columns.stays(columns.Ways(*map(float, (*arrays, *feeds))), outer, link, port)

    assert stays((20, 10), (100, 40))
    assert not stays((20, 10), (100, 400))  # 40 cycles over the interconnect
    assert stays((20, 10), (100, 400), link=1e9)
    assert not stays((20, 10), (100, 400), link=1e9, port=10.0)
    assert stays((20, 10), (0, 0), port=10.0, outer=400.0)  # as long; the array works less
    assert not stays((10, 20), (0, 0), port=10.0, outer=400.0)
    assert stays((50, 10), (100, 300), port=10.0)
    assert not stays((50, 10), (100, 300), port=10.0, outer=500.0)  # 60 cycles through the ports, and 80
    assert stays((10, 10), (0, 0))
    assert not stays((10, 20), (300, 300))
    assert stays((10, 20), (400, 300))


def test_tiles_of_groups_are_larger_for_fewer_steps_or_where_all_are_held_once():
    """Rows of size, tiles and steps, the largest first: one that is no smaller and has no fewer steps is left out."""

    def kept(buffers, *rows):
        return candidates._group_tiles(np.array(rows, dtype=np.float64), buffers)[:, SIZE].tolist()

    falling = (6, 1, 4, 4), (3, 2, 4, 4), (2, 3, 6, 4), (1, 6, 12, 4)
    assert kept(1.0, *falling) == kept(2.0, *falling) == [1, 2, 3]  # as much room for all six as for three and three
    assert kept(3.0, *falling) == [1, 2, 3, 6]
    assert kept(2.0, (6, 1, 4, 3), *falling[1:]) == [1, 2, 3, 6]  # fewer steps of one unrolling
    assert kept(2.0, (4, 1, 4, 4), (2, 2, 4, 4), (1, 4, 4, 4)) == [1]


def contested(u, feed=100.0, resets=1, fed=True, no_worse=True, by_steps=False, **other):
    """Whether unrolling `u` is beaten by the other of two, which is the same but for `other`; three tiles of K, two of pixels."""
    own = np.tile([1.0, 1.0, 5.0, 7.0, 3.0], (2, 1))  # copies, cycles and least cycles of a set, cycles once
    k, pixel = np.zeros((1, STEPS + 2 * EACH)), np.zeros((1, PIXEL_STEPS + 2 * EACH))
    k[0, TRIPS], pixel[0, [TRIPS_N, TRIPS_P, TRIPS_Q]] = 3.0, (1.0, 2.0, 1.0)
    for at in range(2):
        steps, folds, pixel_steps, pixel_folds = 4.0, 4.0, 9.0, 10.0
        if at != u:
            folds, pixel_folds = other.pop("folds", folds), other.pop("pixel_folds", pixel_folds)
            steps, pixel_steps = other.pop("steps", steps), other.pop("pixel_steps", pixel_steps)
            for column, value in other.items():
                own[at, {"copies_in": 0, "copies": 1, "sets": 2, "least": 3, "once": 4}[column]] = value
        k[0, STEPS + EACH * at : STEPS + EACH * at + 2] = steps, folds
        pixel[0, PIXEL_STEPS + EACH * at : PIXEL_STEPS + EACH * at + 2] = pixel_steps, pixel_folds
    numbers = NOTHING._replace(widening=0.5)
    contest = Contest(
        pixel, k, own, np.full((2, 2), no_worse), 1.0, 1.0, 1.0, fed, int(by_steps), int(by_steps), resets, numbers
    )
    return beaten(contest, u, 0, 0, feed)


@pytest.mark.kernel
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run")
def test_an_unrolling_is_beaten_by_one_that_takes_no_more_of_anything():
    """Of equals the later one. Two passes of weights, three of inputs and the outputs are six bytes fed."""
    assert contested(1)
    assert not contested(0)
    assert (contested(1, feed=6.0), contested(1, feed=5.9)) == (True, False)
    assert (contested(0, feed=6.1, pixel_folds=9.0), contested(0, feed=6.0, pixel_folds=9.0)) == (True, False)
    assert contested(0, feed=0.0, fed=False, pixel_folds=9.0)
    assert not contested(1, pixel_folds=10.1)
    assert not contested(1, no_worse=False)
    assert not contested(1, once=3.1)
    assert not contested(1, copies=1.5, resets=0)  # half a cycle more a pass of weights
    assert (contested(1, feed=9.0, copies_in=2.0), contested(1, feed=8.9, copies_in=2.0)) == (True, False)
    # By steps: 9 of the pixels and 4 of K.
    assert (contested(1, feed=14.0, by_steps=True), contested(1, feed=13.9, by_steps=True)) == (True, False)
    assert (contested(1, feed=13.0, by_steps=True, steps=3.0), contested(1, by_steps=True, pixel_steps=9.5)) == (
        True,
        False,
    )
    # Where accumulators are full folds, their stream and each set count apart: 38 - 2 x 5 x 2 cycles against 40 - 4 x 5 x 2.
    for worse in (
        {"folds": 5.0, "pixel_folds": 7.0},
        {"folds": 2.0, "pixel_folds": 19.0},
        {"sets": 5.1},
        {"least": 7.1},
    ):
        assert not contested(1, **worse)
        assert contested(1, resets=0, **worse)
    assert contested(1, folds=2.0, pixel_folds=10.0)  # 20 - 20


@pytest.mark.parametrize(
    ("footprints", "which"),
    [((5, 6, 6), -1), ((5, 5, 5), -1), ((5, 4, 4), OF_INPUTS), ((5, 5, 4), OF_WEIGHTS), ((5, 3, 4), OF_INPUTS),
     ((5, 4, 5), OF_INPUTS)],
)  # fmt: skip
def test_an_operand_streams_where_that_takes_less_room(footprints, which):
    """Without, with streamed inputs, with streamed weights; of equals the inputs."""
    assert streamed(*map(float, footprints), -1) == which


def test_tiles_of_given_sizes_are_of_one_item_and_one_column_unless_told():
    shape = Shape((1, 2, 4, 4, 6, 5, 1, 1), plane=(6, 5))
    spec = ArraySpec(1, 1, 1, "outputs", (), (), ())
    given = (1,), (2, 6), (4,), (4,)
    assert some_tiles(shape, spec, *given).pixel_tiles.tolist() == [[1, 2, 1], [1, 6, 1]]
    assert some_tiles(shape, spec, *given, (1, 2), (5,)).pixel_tiles.tolist() == [
        [1, 2, 5],
        [1, 6, 5],
        [2, 2, 5],
        [2, 6, 5],
    ]
