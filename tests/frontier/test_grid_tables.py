"""Tables that nobody reads are small, scratch has room for all it is asked for, and whether neighbours share inputs."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.frontier import array
from simulator.frontier.grid import search, unrolling
from simulator.frontier.grid.candidates import build_tables
from simulator.kernels import grid_lists as lists
from simulator.kernels import grid_unroll as kernels
from simulator.kernels.grid_envelope import APART, BINS, LEVELS
from simulator.kernels.grid_front import BLOCK
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

SPEC = ArraySpec(1, 2, 2, "weights", ("reduction",), ("out_channels",), ("pixels",))


def convolution(kernel, stride=(1, 1), extent=(6, 6)):
    plane = tuple((size - 1) * step + length for size, step, length in zip(extent, stride, kernel, strict=True))
    return Shape((1, 1, 4, 4, *extent, *kernel), stride=stride, plane=plane)


@pytest.mark.parametrize(
    ("shape", "alone"),
    [
        (convolution((1, 1)), True), (convolution((3, 3)), False), (convolution((3, 1)), False),
        (convolution((1, 3)), False), (convolution((3, 3), (3, 3)), True), (convolution((3, 3), (3, 2)), False),
        (convolution((3, 3), (2, 3)), False), (convolution((3, 3), extent=(1, 1)), True),
    ],
)  # fmt: skip
def test_neighbours_share_inputs_where_kernels_overlap(shape, alone):
    assert build_tables(shape, SPEC).rules.merged == alone


def test_tables_of_codes_that_speak_for_themselves_have_one_row():
    attended = Shape((2, 1, 8, 8, 8, 1, 1, 1), context=8, plane=(8, 1))
    thin = Shape((1, 1, 64, 64, 1, 1, 1, 1), lane_macs=256.0)
    plain = replace(thin, lane_macs=0.0)
    spec = replace(SPEC, count=4)  # of which a product with one pixel uses one array
    model = array.model_of(spec)
    rows = [model.tables([shape], spec).rows.tolist() for shape in (attended, thin, plain, array.UNREAD)]
    assert rows[0] == rows[1] == rows[3] == [[1] * 5]
    assert max(rows[2][0]) > 1
    assert array.lanes.chosen(thin, spec)
    assert not array.lanes.chosen(plain, spec)


def test_scratch_has_room_for_what_it_is_asked_for():
    """Survivors, of which each may be on a staircase; the quarters of all bins; a block of bounds of every so many tiles."""
    scratch = search._Scratch(5, 3 * BLOCK + 1, 7)
    keep, sorting = scratch.keep, scratch.sorting
    assert [len(one) for one in (keep.points, keep.codes, sorting.order, sorting.stay, sorting.place)] == [5] * 5
    assert (len(scratch.out), len(scratch.out_codes), len(scratch.lists.scratch)) == (5, 5, 7)
    assert len(sorting.ends) == 4 * (BINS - 1) + 5
    assert BINS <= APART
    assert (keep.envelope.shape, keep.nearby.shape) == ((LEVELS + 1, APART), (LEVELS, APART, 3))
    assert [one.shape for one in (keep.points, scratch.out, sorting.stair)] == [(5, 3), (5, 3), (6, 2)]
    assert scratch.lists.bounds.shape == (4, lists.TILE_JUDGED)
    assert (scratch.lists.pixels.shape[1], scratch.lists.axes.shape[1]) == (8, 6)
    assert (scratch.lists.where.shape, scratch.lists.present.shape) == ((0, 2), (3, 2))
    assert scratch.lists.used.tolist() == keep.found.tolist() * 2 == [0, 0]


def test_what_is_known_of_tables_is_kept_until_others_are_searched():
    """Pairs of pixel tiles and tiles of K, of each unrolling; where there is one alone nobody asks."""
    shapes = [convolution((3, 3)), convolution((1, 1))]
    spec = replace(SPEC, rows=8, unroll_count=("pixels", "out_channels"), count=4)
    one, other = (build_tables(shape, spec) for shape in shapes)
    alone = build_tables(shapes[0], replace(spec, rows=1, columns=1, count=1))
    assert len(one.units.copies) > 1 == len(alone.units.copies)
    scratch = search._Scratch(5, 1000, 100)
    first = scratch.of(one)
    size = len(one.units.copies) * len(one.pixel) * len(one.axis_k)
    assert len(first.known) == size
    assert not first.known.any()
    assert first.lists.where.tolist() == [[-1, -1]] * lists.SLOTS * len(one.units.copies)
    first.known[:] = 2
    first.lists.used[:] = 9
    again = scratch.of(one)
    assert again.known.all()
    assert again.lists.used.tolist() == [9, 9]
    after = scratch.of(other)
    assert not after.known[: len(other.units.copies) * len(other.pixel) * len(other.axis_k)].any()
    assert after.lists.used.tolist() == [0, 0]
    assert scratch.of(alone).known[0] == 0
    assert search._Scratch(5, 1000, 100).of(alone).known.tolist() == [0]


def test_scratch_grows_with_what_is_asked_for_and_never_shrinks(monkeypatch):
    monkeypatch.delattr(search._own, "scratch", raising=False)
    built = build_tables(convolution((3, 3)), SPEC)
    first = search._scratch(built, 0)
    assert search._scratch(built, first.room) is first
    more = search._scratch(built, first.room + 1)
    assert (more.room, more.pixels, more.axis) == (first.room + 1, first.pixels, first.axis)
    assert search._scratch(built, 0) is more
    longest = max(len(built.axis_k), len(built.axis_c))
    for pixels, axis, fits in (
        (len(built.pixel), 2 * longest + 4, True),
        (len(built.pixel) - 1, 2 * longest + 4, False),
        (len(built.pixel), 2 * longest + 3, False),
    ):
        short = search._Scratch(1 << 16, pixels, axis)
        monkeypatch.setattr(search._own, "scratch", short)
        assert (search._scratch(built, 0) is short) == fits


@pytest.mark.parametrize("most", [3, 4, 5])
def test_so_many_tuples_of_an_axis_are_looked_at(monkeypatch, most):
    """Four ways to spread two channels over rows of four, if all are of use."""
    monkeypatch.setattr(kernels, "MOST_TUPLES", most)
    extents = np.array(unrolling.with_flat((1, 1, 1, 9, 1, 1, 1, 1)))
    spec = replace(SPEC, rows=4, unroll_rows=("in_channels",))
    assert len(unrolling._rows(extents, spec, every=True)) == min(most, 4)


@pytest.mark.parametrize("stationary", ["weights", "outputs", "inputs"])
def test_the_least_cycles_are_those_of_the_best_tiles_in_the_best_unrolling(stationary):
    """Folds of a tile of each table together, and what an unrolling takes once; no tiling of the frontier takes fewer."""
    spec = replace(
        SPEC, stationary=stationary, rows=5, columns=3, count=2, unroll_count=("out_channels", "pixels"), systolic=True,
        weight_load_cycles=3.0, weights_double_buffered=True, rate=0.5,
    )  # fmt: skip
    built = build_tables(convolution((3, 1)), spec)
    tables = (built.group, 2), (built.pixel, 8), (built.axis_k, 2), (built.axis_c, 2)
    every = []
    for u, own in enumerate(built.own.tolist()):
        product = 1.0
        for table, steps in tables:
            product *= min(row[steps + 2 * u + 1] for row in table.tolist())
        every.append(product + own[4])
    assert len(every) > 1
    assert built.numbers.least == min(every)
    assert search.frontier(convolution((3, 1)), spec).cycles.min() >= min(every)
