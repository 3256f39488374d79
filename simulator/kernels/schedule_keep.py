"""Weights that stay in SRAM for ever, for many SRAM sizes at once: what stays beside each room, as in `schedule.keep`."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import least_time

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_CYCLES, LEAST_BYTES = range(2)
"""Columns of bounds of a room: cycles, and bytes of the outer memory, that no schedule in it stays below."""


class Keeping(NamedTuple):
    """What may stay: bytes of each step's weights and of one output channel of them, and the steps in the order in which weights
    are kept."""

    weights: Floats
    channels: Floats
    order: Ints


class Tried(NamedTuple):
    """Rooms beside kept weights that are tried, rising (none: no weights are kept); and the least cycles of a schedule in each,
    and bytes without constant weights."""

    rooms: Floats
    least: Floats


NONE_TRIED = Tried(np.zeros(0), np.zeros((0, 2)))
"""Where no weights may stay."""


class Settled(NamedTuple):
    """What stays in every room of every SRAM size, arrays of [room, size, ...]: room for all else, kept bytes, the same a step,
    and bounds: least cycles (infinite: not tried) and bytes.

    Rooms in the order of `schedule.keep`: what all weights leave, all of a size, then the list from its end. A size that does
    not try a room has a negative one there.
    """

    rooms: Floats
    stays: Floats
    kept: Floats
    bounds: Floats


def new_settled(tried: Tried, sizes: int, steps: int) -> Settled:
    """For so many SRAM sizes, to be filled in."""
    shape = (len(tried.rooms) + 2 if len(tried.rooms) else 1, sizes)
    return Settled(np.empty(shape), np.empty(shape), np.zeros((*shape, steps)), np.empty((*shape, 2)))


@kernel
def share(size, order, weights, channels, kept):
    """Fill kept[step] with the bytes of each step's weights among the `size` bytes that stay; return their sum."""
    for step in range(len(weights)):
        kept[step] = 0.0
    left, total = size, 0.0
    for j in range(len(order)):
        step = order[j]
        if weights[step] <= left:
            kept[step] = weights[step]
            left -= weights[step]
            total += kept[step]
        else:
            kept[step] = channels[step] * math.floor(left / channels[step])
            total += kept[step]
            break
    return total


@kernel
def shares(sizes, keeping, kept):
    """Fill kept[i, step] with what stays among each of the sizes: nothing of none."""
    for i in range(len(sizes)):
        share(max(0.0, sizes[i]), keeping.order, keeping.weights, keeping.channels, kept[i])


@kernel
def settle(capacities, keeping, tried, settled):
    """Fill in what stays in every room of every SRAM size."""
    weights, rooms, bounds, all_weights = keeping.weights, tried.rooms, settled.bounds, 0.0
    many, count = len(rooms), len(weights)
    for step in range(count):
        all_weights += weights[step]
    for at in range(len(settled.rooms)):
        number = many + 1 - at if many > 0 else 0
        for size in range(len(capacities)):
            capacity = capacities[size]
            room = rooms[number] if number < many else capacity - (all_weights if number > many else 0.0)
            settled.rooms[at, size], settled.stays[at, size] = -1.0, 0.0
            bounds[at, size, LEAST_CYCLES], bounds[at, size, LEAST_BYTES] = math.inf, 0.0
            if room <= 0.0 or (number < many and (room >= capacity or capacity - room >= all_weights)):
                continue
            kept = settled.kept[at, size]
            settled.stays[at, size] = share(capacity - room, keeping.order, weights, keeping.channels, kept)
            settled.rooms[at, size] = capacity - settled.stays[at, size]
            # Whole channels stay, so more than `room` may be left: what holds in the next listed room holds here.
            next_room = 0
            while next_room < many and rooms[next_room] < settled.rooms[at, size]:
                next_room += 1
            bounds[at, size, LEAST_CYCLES] = 0.0
            if next_room < many:
                bounds[at, size, LEAST_CYCLES] = tried.least[next_room, LEAST_CYCLES]
                bounds[at, size, LEAST_BYTES] = tried.least[next_room, LEAST_BYTES]
                for step in range(count):
                    bounds[at, size, LEAST_BYTES] += weights[step] - kept[step]


@kernel
def bound_times(bounds, sizes_of, rates, steps, phi, out):
    """Fill out[room, point] with a time that no schedule of the point in the room beats. [s]"""
    for room in range(len(out)):
        for p in range(out.shape[1]):
            size = sizes_of[p]
            if bounds[room, size, LEAST_CYCLES] == math.inf:
                out[room, p] = math.inf
                continue
            out[room, p] = least_time(
                bounds[room, size, LEAST_CYCLES], bounds[room, size, LEAST_BYTES], steps, rates.cycle_s[p], rates.byte_s[p], phi,
                rates.overhead_s[p],
            )  # fmt: skip
