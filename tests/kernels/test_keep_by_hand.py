"""Weights that stay for ever in many SRAM sizes at once, against each room of each size alone. Without the compiler alone."""

import math
import os
import random

import numpy as np
import pytest

from simulator.kernels import schedule_keep as kernels
from simulator.kernels.layout import Rates

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


def kept_of(size, keeping):
    """Bytes of each step: whole ones in order while they fit, of the next as many channels as fit, nothing of those after it."""
    kept, left = [0.0] * len(keeping.weights), size
    for step in keeping.order.tolist():
        if keeping.weights[step] > left:
            kept[step] = left // keeping.channels[step] * keeping.channels[step]
            break
        kept[step] = float(keeping.weights[step])
        left -= kept[step]
    return kept


def random_keeping(rng):
    channels = [rng.choice([1.0, 2.0, 3.0]) for _ in range(4)]
    weights = [own * rng.randint(1, 6) for own in channels]
    order = rng.sample(range(4), 4)
    if rng.random() < 0.5:  # a step without weights is in no order
        weights[order.pop()] = 0.0
    return kernels.Keeping(np.array(weights), np.array(channels), np.array(order))


def test_what_stays_in_every_room_of_every_size():
    """What all weights leave, all of a size, then the list from its end: those that leave more than nothing and less than all."""
    rng, seen = random.Random(1), set()
    for case in range(60):
        keeping = random_keeping(rng)
        all_ = keeping.weights.sum()
        rooms = [] if case % 6 == 0 else sorted(rng.sample(range(1, 60), rng.randint(1, 4)))
        least = np.array([[100.0 - room, 300.0 - room] for room in rooms]).reshape(-1, 2)
        tried = kernels.Tried(np.array(rooms, dtype=np.float64), least)
        sizes = np.array([rng.choice([5.0, all_, all_ + 1.0, 30.0, 61.0, *map(float, rooms)]) for _ in range(3)])
        settled = kernels.new_settled(tried, 3, 4)
        for column in (settled.rooms, settled.stays, settled.bounds):
            column.fill(77.0)
        kernels.settle(sizes, keeping, tried, settled)
        for at, capacity in enumerate(sizes.tolist()):
            asked = [capacity - all_, capacity, *rooms[::-1]] if rooms else [capacity]
            assert settled.rooms.shape == (len(asked), 3)
            for number, room in enumerate(asked):
                found = settled.rooms[number, at], settled.stays[number, at], *settled.bounds[number, at]
                seen.add((number > 1, bool(rooms), room == capacity, capacity - room == all_, room > 0.0))
                if room <= 0.0 or (number > 1 and (room >= capacity or capacity - room >= all_)):
                    assert found == (-1.0, 0.0, math.inf, 0.0)
                    assert (settled.kept[number, at] == 0.0).all()
                    continue
                kept = kept_of(capacity - room, keeping)
                assert settled.kept[number, at].tolist() == kept
                left = capacity - sum(kept)
                bound = next((tuple(own) for own, listed in zip(least, rooms, strict=True) if listed >= left), None)
                outer = bound[1] + sum(keeping.weights) - sum(kept) if bound else 0.0
                assert found == (left, sum(kept), bound[0] if bound else 0.0, outer)
    assert len(seen) > 6


def test_what_stays_among_some_bytes():
    rng = random.Random(2)
    for _ in range(40):
        keeping, sizes = random_keeping(rng), np.array([float(rng.randint(-3, 40)) for _ in range(4)])
        kept, one = np.full((4, 4), 77.0), np.full(4, 77.0)
        kernels.shares(sizes, keeping, kept)
        assert kept.tolist() == [kept_of(max(0.0, size), keeping) for size in sizes]
        total = kernels.share(max(0.0, sizes[0]), keeping.order, keeping.weights, keeping.channels, one)
        assert (total, one.tolist()) == (kept[0].sum(), kept[0].tolist())


def test_times_that_no_schedule_in_a_room_beats():
    """Three steps on three chips of two sizes; of a room that is not tried, never."""
    bounds = np.array([[[math.inf, 0.0], [8.0, 6.0]], [[10.0, 2.0], [1.0, 9.0]]])
    rates, out = (
        Rates(np.array([1.0, 2.0, 0.5]), np.array([0.5, 1.0, 2.0]), np.array([0.25, 0.0, 1.0])),
        np.zeros((2, 3)),
    )
    kernels.bound_times(bounds, np.array([1, 0, 1]), rates, 3.0, 0.5, out)
    wanted = [[8.0 + 1.5 + 0.75, math.inf, 12.0 + 2.0 + 3.0], [4.5 + 0.5 + 0.75, 20.0 + 1.0, 18.0 + 0.25 + 3.0]]
    assert out.tolist() == [pytest.approx(row, rel=1e-8) for row in wanted]
    assert (out <= wanted).all()
    assert out[0, 0] < wanted[0][0]  # sums in another order
