"""Long products: fewer tiles are tried, and what is found moves little more than the best tiling of all."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.frontier.grid.search import frontier
from simulator.frontier.grid.sizes import LONG_ALL, LONG_EACH, apart
from simulator.lower import shape as shapes
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

SPEC = ArraySpec(2, 16, 16, "outputs", ("pixels", "batch"), ("out_channels",), ("pixels", "batch", "out_channels"))
LAYER = Shape((1, 4, 96, 200, 50, 1, 1, 1), plane=(50, 1), acc_width=1.0)


def test_few_tiles_are_all_tried_and_many_are_apart():
    trips = sorted({-(-4096 // size) for size in range(1, 4097)})
    kept = [trips[place] for place in apart(trips)]
    assert kept[:LONG_ALL] == list(range(1, LONG_ALL + 1))
    assert kept[-1] == 4096
    assert all(after >= LONG_EACH * before for before, after in pairwise(kept[7:-1]))
    assert apart([1, 1, 2, 20, 20, 21, 30]) == [0, 1, 2, 3, 4, 6]


@pytest.fixture
def few(monkeypatch):
    """The layer as a long one."""
    monkeypatch.setattr(shapes, "LONG_MACS", 1)
    assert LAYER.is_long
    return frontier(LAYER.in_one, SPEC)


def test_what_is_found_is_close_to_the_best(few, monkeypatch):
    monkeypatch.setattr(shapes, "LONG_MACS", 1 << 62)
    every = frontier(Shape(LAYER.in_one.extents, plane=(200, 1), acc_width=1.0), SPEC)
    for room in np.geomspace(2000, 200_000, 9):
        least = [found.bytes_[found.footprint <= room].min() for found in (few, every)]
        assert least[1] <= least[0] <= 1.1 * least[1]


def test_only_long_products_are_long():
    assert not LAYER.is_long
    assert Shape((1, 16, 4096, 4096, 1024, 1, 1, 1)).is_long
    assert Shape((1, 1, 128_256, 4096, 1, 1, 1, 1)).is_long
    assert not Shape((1, 64, 4096, 25_088, 1, 1, 1, 1)).is_long
    assert not Shape((1, 128, 512, 2048, 7, 7, 1, 1)).is_long
    assert Shape((8, 1, 128, 768, 2052, 1, 1, 1)).is_long
    assert not Shape((8, 1, 128, 100_000, 1, 1, 1, 1)).is_long
    assert not Shape((1024, 1, 512, 64, 512, 1, 1, 1)).is_long
    assert SPEC.mixes_items
    assert not ArraySpec(2, 16, 16, "outputs", ("pixels",), ("out_channels",), ("batch",)).mixes_items
