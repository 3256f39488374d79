"""Weights that stay in SRAM for ever, for many SRAM sizes at once: what stays beside each room, as in `schedule.keep`."""

import math

from .jit import kernel
from .layout import least_time

LEAST_CYCLES, LEAST_BYTES = range(2)
"""Columns of bounds of a room: cycles, and bytes of the outer memory, that no schedule in it stays below."""


@kernel
def share(size, order, weights, channels, kept):
    """Fill kept[step] with the bytes of each step's weights among the `size` bytes that stay; return their sum."""
    for step in range(weights.shape[0]):
        kept[step] = 0.0
    left, total = size, 0.0
    for j in range(order.shape[0]):
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
def settle(capacities, weights, channels, order, rooms, least, settled):
    """Fill in what stays in every room of every SRAM size: room for all else, kept bytes, the same a step, and bounds.

    weights, channels: bytes of each step's weights, and of one output channel of them; order: steps in which weights are kept.
    rooms: sizes beside kept weights that are tried, rising; none: no weights are kept. least[room]: cycles, and bytes without
    constant weights, that no schedule in it stays below. settled[...][room, size], rooms in the order of `schedule.keep`: what
    all weights leave, all of a size, then the list from its end. A size that does not try a room has a negative one there.
    bounds: least cycles (infinite: not tried) and bytes.
    """
    rooms_of, stays, kept, bounds = settled
    many, count, all_weights = rooms.shape[0], weights.shape[0], 0.0
    for step in range(count):
        all_weights += weights[step]
    for at in range(rooms_of.shape[0]):
        number = many + 1 - at if many > 0 else 0
        for size in range(capacities.shape[0]):
            capacity = capacities[size]
            room = rooms[number] if number < many else capacity - (all_weights if number > many else 0.0)
            rooms_of[at, size], stays[at, size], bounds[at, size, LEAST_CYCLES], bounds[at, size, LEAST_BYTES] = (
                -1.0,
                0.0,
                math.inf,
                0.0,
            )
            if room <= 0.0 or (number < many and (room >= capacity or capacity - room >= all_weights)):
                continue
            stays[at, size] = share(capacity - room, order, weights, channels, kept[at, size])
            rooms_of[at, size] = capacity - stays[at, size]
            # Whole channels stay, so more than `room` may be left: what holds in the next listed room holds here.
            next_room = 0
            while next_room < many and rooms[next_room] < rooms_of[at, size]:
                next_room += 1
            bounds[at, size, LEAST_CYCLES] = 0.0
            if next_room < many:
                bounds[at, size, LEAST_CYCLES] = least[next_room, LEAST_CYCLES]
                bounds[at, size, LEAST_BYTES] = least[next_room, LEAST_BYTES]
                for step in range(count):
                    bounds[at, size, LEAST_BYTES] += weights[step] - kept[at, size, step]


@kernel
def bound_times(bounds, sizes_of, rates, steps, phi, out):
    """Fill out[room, point] with a time that no schedule of the point in the room beats. [s]"""
    for room in range(out.shape[0]):
        for p in range(out.shape[1]):
            size = sizes_of[p]
            if bounds[room, size, LEAST_CYCLES] == math.inf:
                out[room, p] = math.inf
                continue
            out[room, p] = least_time(
                bounds[room, size, LEAST_CYCLES], bounds[room, size, LEAST_BYTES], steps, rates.cycle_s[p], rates.byte_s[p], phi,
                rates.overhead_s[p],
            )  # fmt: skip
