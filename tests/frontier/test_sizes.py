"""Sizes of tiles along long axes: few, the ends among them, and of every number of tiles up to a bound the smallest."""

import numpy as np
import pytest

from simulator import load_chip, simulate
from simulator.frontier.grid.pixels import _aligned, _batch_sizes, _sizes, _thinned, windows
from simulator.frontier.grid.sizes import LONG, MOST, sizes_of
from simulator.graph.build import NetworkBuilder
from simulator.kernels import grid_tables as tables


def test_every_size_of_an_axis_in_use():
    assert sizes_of(1000).tolist() == [*range(1, 1001)]
    assert len(sizes_of(LONG)) == LONG == 40_000
    assert len(sizes_of(LONG + 1)) <= 400
    assert len(sizes_of(10**9)) == MOST == 4096


@pytest.mark.parametrize("extent", [LONG + 1, 160_000, 160_400, 160_401, 160_800, 1_000_003, 10**9])
def test_few_sizes_of_a_long_one(extent):
    sizes = sizes_of(extent)
    assert len(sizes) <= MOST
    assert (sizes[0], sizes[-1]) == (1, extent)
    assert (np.diff(sizes) > 0).all()
    trips = -(-extent // sizes)
    smallest = -(-extent // trips)
    assert (sizes == smallest).all(), "a smaller tile makes the same number of them"
    if extent < 10**6:
        wanted = np.unique(-(-extent // np.arange(1, extent + 1)))
        assert set(trips.tolist()) == set(wanted.tolist())


@pytest.mark.parametrize("batch", [1_000_000, 10**9])
def test_a_batch_of_any_size_is_answered(batch):
    net = NetworkBuilder("small")
    net.dense(net.conv(net.input(3, 4, 4), 4, 3).flat(), 2)
    chip = load_chip("example_edge", set={"dram.capacity_gib": 1000})
    found = simulate(net.build(), chip, batch)
    small = simulate(net.build(), chip, 4096)
    assert found.throughput_per_s >= 0.99 * small.throughput_per_s
    assert any(note.startswith("approximated") for note in found.notes)


@pytest.mark.parametrize("extent", [1, 2, 7, 40])
def test_rows_that_are_read_once_are_those_that_are_walked(extent):
    sizes, side = tuple(range(1, extent + 1)), tables.Side(1, 1, 1, 0, extent)
    walked = np.empty((extent, 3))
    tables.touched(extent, side, np.array(sizes), walked)
    assert (windows(extent, side, sizes) == walked).all()


def test_parts_of_a_batch_are_the_smallest_of_their_number_or_have_a_last_one_that_saves_a_step():
    """Ten items: the last part of 5 + 5 takes two steps of three or four, of 6 + 4 one of four, of 7 + 3 one of three."""
    smallest = (1, 2, 3, 4, 5, 10)
    assert _batch_sizes(10, (), False) == _batch_sizes(10, (1,), False) == smallest
    assert _batch_sizes(10, (4,), False) == (1, 2, 3, 4, 5, 6, 10)
    assert _batch_sizes(10, (3,), False) == (1, 2, 3, 4, 5, 7, 10)
    assert _batch_sizes(10, (2,), False) == (1, 2, 3, 4, 5, 6, 8, 10)
    assert _batch_sizes(10, (1, 3, 4), False) == (1, 2, 3, 4, 5, 6, 7, 10)
    assert _batch_sizes(10, (), True) == tuple(range(1, 11))
    assert _batch_sizes(16, (), True) == tuple(range(1, 17))
    assert _batch_sizes(17, (), True) == (1, 2, 3, 4, 5, 6, 9, 17)


def test_sizes_of_tiles_are_the_smallest_of_their_number_or_touch_fewer_rows():
    """A window of five over a plane with two rows of padding at each end: 9 + 1 tiles touch 10 + 3 rows, 5 + 5 touch 7 + 7."""
    plain = tables.Side(1, 1, 1, 0, 10)
    assert _sizes(10, False, plain) == (1, 2, 3, 4, 5, 10)
    assert _sizes(10, True, plain) == tuple(range(1, 11))
    assert _sizes(1, False, plain) == (1,)
    padded = tables.Side(1, 1, 5, 2, 10)
    found = _sizes(10, False, padded)
    assert {*found} >= {1, 2, 3, 4, 5, 10}
    trips = [-(-10 // size) for size in range(1, 11)]
    rows = windows(10, padded, tuple(range(1, 11)))
    for size in range(1, 11):
        first = trips.index(trips[size - 1])
        assert (size in found) == (size == first + 1 or (rows[size - 1] < rows[first]).any())
    assert len(found) > 6


def test_sizes_are_rounded_up_to_what_an_array_works_on_at_once():
    units = np.array([[3, 0], [4, 0]])
    assert _aligned((1, 5, 10), 10, units) == (1, 3, 4, 5, 6, 8, 10)
    assert _aligned((1, 10), 10, np.zeros((1, 2), dtype=np.int64)) == (1, 10)


def test_few_of_many_sizes_have_both_ends():
    sizes = tuple(range(10, 110, 10))
    assert _thinned(sizes, 4) == (10, 40, 70, 100)
    assert _thinned(sizes, 10) == _thinned(sizes, 99) == sizes
    assert _thinned(sizes, 2) == _thinned(sizes, 0) == (10, 100)
