"""Sizes of tiles along long axes: few, the ends among them, and of every number of tiles up to a bound the smallest."""

import numpy as np
import pytest

from simulator import load_chip, simulate
from simulator.frontier.grid.pixels import windows
from simulator.frontier.grid.sizes import LONG, MOST, sizes_of
from simulator.graph.build import NetworkBuilder
from simulator.kernels import grid_tables as tables


def test_every_size_of_an_axis_in_use():
    assert sizes_of(1000).tolist() == [*range(1, 1001)]
    assert len(sizes_of(LONG)) == LONG


@pytest.mark.parametrize("extent", [LONG + 1, 160_000, 1_000_003, 10**9])
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
