"""The best way over the cuts of a network: which segments, in which sub-batches, with which ends resident."""

import math

from .jit import kernel


@kernel
def over_cuts(tables, value, came, chosen):
    """Write the segments of the fastest way into `chosen`, last first; return (how many, its time).

    tables: float64[sizes, cuts, cuts, in, out, held], time of each segment; infinite where it cannot be. value:
    float64[cuts, 2], time at each cut with its tensor in outer memory or resident. came: int64[cuts, 2, 4], the segment that
    ends there as (size, start, in, held). chosen: int64[cuts, 6], (size, start, end, in, out, held). Of equals the first in
    the order of the tables counts.
    """
    count = tables.shape[1]
    for j in range(count):
        value[j, 0], value[j, 1] = math.inf, math.inf
    value[0, 0] = 0.0
    for j in range(1, count):
        for size in range(tables.shape[0]):
            for i in range(j):
                for entry in range(2):
                    for leave in range(2):
                        for held in range(2):
                            time = value[i, entry] + tables[size, i, j, entry, leave, held]
                            if time < value[j, leave]:
                                value[j, leave] = time
                                came[j, leave, 0], came[j, leave, 1] = size, i
                                came[j, leave, 2], came[j, leave, 3] = entry, held
    pieces, at, leave = 0, count - 1, 0
    while at > 0 and value[count - 1, 0] < math.inf:
        size, start, entry, held = came[at, leave, 0], came[at, leave, 1], came[at, leave, 2], came[at, leave, 3]
        chosen[pieces, 0], chosen[pieces, 1], chosen[pieces, 2] = size, start, at
        chosen[pieces, 3], chosen[pieces, 4], chosen[pieces, 5] = entry, leave, held
        pieces, at, leave = pieces + 1, start, entry
    return pieces, value[count - 1, 0]
