"""Sweeps that fetch weights ahead: points of many SRAM sizes through one kernel equal the schedules of one, to the last bit."""

import itertools
import random

import numpy as np
import pytest
from profiles import by_night
from test_sweep_ahead import check, many_machines
from test_sweep_kernel import SCALE, random_pool

from simulator.schedule import many_prefetch
from simulator.schedule.many_prefetch import solve_ahead

pytestmark = pytest.mark.usefixtures("made_up_parts")


@pytest.mark.kernel
@pytest.mark.parametrize("seed", by_night(range(8), range(1)))
@pytest.mark.parametrize(("keep", "fifo"), [(False, None), (True, None), (False, 3.0 * SCALE), (True, 3.0 * SCALE)])
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_points_of_own_sizes_equal_the_schedules_of_one(monkeypatch, seed, keep, fifo, spread):
    """With one clock and bandwidth, where points beside bound each other most, and with their own."""
    rng, usual = random.Random(seed), many_prefetch._buckets
    runs = 0
    for _ in range(2):
        pool = random_pool(rng)
        sizes = tuple(rng.uniform(2.0, 90.0) for _ in range(60))
        machines = many_machines(rng, 50, sizes, spread, fifo)
        if spread == 0.0:
            machines = machines.part(np.arange(50))
            for column in (machines.cycle_s, machines.byte_s, machines.overhead_s):
                column[:] = column[0]
        monkeypatch.setattr(many_prefetch, "_buckets", lambda rising, _: usual(rising, many_prefetch.ALONE))
        found = solve_ahead(pool, machines, keep)
        runs += check(pool, machines, found, keep)
        assert len(found[1]) < 10
    assert runs > 10


def test_chips_are_put_together_by_size():
    """Many of one size for themselves; few with their neighbours, up to so many, and up to so large."""
    alone, together, near = many_prefetch.ALONE, many_prefetch.TOGETHER, many_prefetch.NEAR
    half = together // 2 - 1
    sizes = [(1.0, 2), (2.0, 3), (3.0, alone), (4.0, 1), (4.0 * near, 1), (5.0 * near, half - 1), (6.0 * near, half)]
    sizes += [(7.0 * near, 4)]
    rising = np.repeat([size for size, _ in sizes], [many for _, many in sizes])
    edges = np.cumsum([0, *(many for _, many in sizes)]).tolist()
    found = many_prefetch._buckets(rising, alone)
    assert found == [
        (0, edges[2]),
        (edges[2], edges[3]),
        (edges[3], edges[5]),
        (edges[5], edges[7]),
        (edges[7], edges[8]),
    ]
    assert many_prefetch._buckets(rising, 0) == [*itertools.pairwise(edges)]
