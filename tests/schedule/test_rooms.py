"""Rooms for all but kept weights: those that segments of sub-batches try, and those that may be left out."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.lower.rows import lower
from simulator.result import gains
from simulator.schedule import best, few, keep
from simulator.schedule.keep import rooms_of
from simulator.schedule.machines import machines_of
from simulator.schedule.pool import build_pool


@pytest.mark.parametrize("mib", [1, 6, 40])
def test_segments_try_each_room_of_the_list_the_largest_first(mib):
    pool = SimpleNamespace(weights=np.array([2.0**19, 3.0 * 2**20]), all_weights=3.5 * 2**20)
    tried = best.segment_rooms(pool, mib * 2.0**20, keep=True)
    assert tried == sorted(rooms_of(pool, mib * 2.0**20, True, best.SEGMENT_ROOMS), reverse=True)
    assert tried[0] == mib * 2**20
    assert len(tried) >= 2
    assert best.segment_rooms(pool, mib * 2.0**20, keep=False) == tried[:1]


@pytest.mark.parametrize(
    ("mib", "channels"),
    [(0.1, (64, 64, -64, 8, 64)), (0.05, (-64, 16, 8, 64, 16, 0)), (0.2, (32, 64, -64, 0)), (0.1, (64, -32, 0))],
)
def test_without_the_array_no_room_with_the_best_is_left_out(mib, channels):
    """Points have other cycles than they were searched for: to have weights in the SRAM is then no bound of a span of rooms.

    channels: of convolutions of one pixel, below 0 of 3 x 3, 0 a dense layer of 10.
    """
    net = NetworkBuilder("chain")
    x = net.input(3, 14, 14 if channels[-1] == 0 else 8)
    for count in channels:
        if count == 0:
            net.dense(x.flat(), 10)
        else:
            x = net.conv(x, abs(count), *((3,) if count < 0 else (1,)), padding=int(count < 0))
    chip = load_chip("example_edge", {"schedule.overlap": "network", "sram.capacity_mib": mib})
    base = build_pool(lower(net.build(), chip), float(chip.vector.lanes), True, True)
    pool, machines = gains._variants(lambda _: base, "array")(1), machines_of(chip)
    capacity, every = float(machines.capacity_bytes[0]), [pool.weights] if base.all_weights < mib * 2**20 else []
    every += [keep.share(pool, capacity - room) for room in keep.rooms_of(pool, capacity, True)]
    plans = [plan for kept in every for plan in few.solve_one(pool, machines, kept) if plan is not None]
    _, steady = keep.whole_batches(pool, machines, True)
    assert steady.time_s == min(plan.time_s for plan in plans)
