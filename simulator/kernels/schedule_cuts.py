"""The fastest way over the cuts of a network, from the times of all segments between them."""

import math

from .jit import kernel

WAY_SIZE, WAY_BEGIN, WAY_END, WAY_IN, WAY_OUT, WAY_HELD = range(6)
"""Columns of the segments of a way: place of the size, cuts at its ends, where the tensors there are, weights held."""

CAME_SIZE, CAME_BEGIN, CAME_IN, CAME_HELD = range(4)
"""Columns of the segment by which a cut was reached."""


@kernel
def over_cuts(tables, seen, plain, value, came, chosen):
    """Write the segments of the fastest way into `chosen`, last first; return (how many, its time).

    tables: float64[sizes, cuts, cuts, in, out, held], time of each segment; infinite where it cannot be. seen: bool[end, sizes,
    start], where any of its times is finite; most have none. plain: only those whose ends are in outer memory and whose weights
    are read by every run. value: float64[cuts, 2], time at each cut with its tensor in outer memory or resident. came:
    int64[cuts, 2, 4], the segment that ends there as (size, start, in, held). chosen: int64[cuts, 6], (size, start, end, in, out,
    held). Of equals the first in the order of the tables counts.
    """
    count, kinds = tables.shape[1], 1 if plain else 2
    for j in range(count):
        value[j, 0], value[j, 1] = math.inf, math.inf
    value[0, 0] = 0.0
    for j in range(1, count):
        for size in range(len(tables)):
            for i in range(j):
                if not seen[j, size, i]:
                    continue
                for entry in range(kinds):
                    for leave in range(kinds):
                        for held in range(kinds):
                            time = value[i, entry] + tables[size, i, j, entry, leave, held]
                            if time < value[j, leave]:
                                value[j, leave] = time
                                came[j, leave, CAME_SIZE], came[j, leave, CAME_BEGIN] = size, i
                                came[j, leave, CAME_IN], came[j, leave, CAME_HELD] = entry, held
    pieces, at, leave = 0, count - 1, 0
    while at > 0 and value[count - 1, 0] < math.inf:
        by = came[at, leave]
        start, entry = by[CAME_BEGIN], by[CAME_IN]
        chosen[pieces, WAY_SIZE], chosen[pieces, WAY_BEGIN], chosen[pieces, WAY_END] = by[CAME_SIZE], start, at
        chosen[pieces, WAY_IN], chosen[pieces, WAY_OUT], chosen[pieces, WAY_HELD] = entry, leave, by[CAME_HELD]
        pieces, at, leave = pieces + 1, start, entry
    return pieces, value[count - 1, 0]


@kernel
def forget(tables, seen):
    """Put back to infinite what was seen in the tables of `over_cuts`."""
    for j in range(len(seen)):
        for size in range(len(tables)):
            for i in range(j):
                if seen[j, size, i]:
                    tables[size, i, j] = math.inf
                    seen[j, size, i] = False
