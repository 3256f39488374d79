"""The exact frontier of what a search found: sorted, and gone through once with a staircase of bytes and cycles."""

import numpy as np

from .grid_search import LEVELS, level_of
from .jit import kernel


@kernel
def sort_survivors(found, count, envelope, least, last, order, ends, stay, place):
    """Fill `order` with the survivors that the final envelope does not beat, by footprint, bytes, cycles; return how
    many.

    stay, place: int64[count], scratch. ends: int64[4 * BINS + 1], scratch of a counting sort on quarters of a bin,
    which insertion finishes.
    """
    for i in range(ends.shape[0]):
        ends[i] = 0
    total = 0
    for i in range(count):
        quarter = max(0, min(4 * last + 3, (np.float64(found[i, 0]).view(np.int64) >> 46) - 4 * 16367))
        level = min(max(level_of(found[i, 2], least) - 1, 0), int(envelope[LEVELS, 0]))
        if quarter < 4 or envelope[level, quarter // 4 - 1] > found[i, 1]:
            ends[quarter + 1] += 1
            stay[total], place[total] = i, quarter
            total += 1
    for i in range(1, ends.shape[0]):
        ends[i] += ends[i - 1]
    for i in range(total):
        order[ends[place[i]]] = stay[i]
        ends[place[i]] += 1
    for i in range(1, total):
        moving, at = order[i], i
        while at > 0:
            other = order[at - 1]
            before = found[moving, 0] - found[other, 0]
            if before == 0.0:
                before = found[moving, 1] - found[other, 1]
            if before == 0.0:
                before = found[moving, 2] - found[other, 2]
            if before >= 0.0:
                break
            order[at] = other
            at -= 1
        order[at] = moving
    return total


@kernel
def keep_best(found, codes, count, envelope, least, last, order, ends, stay, place, stair, out, out_codes):
    """The exact frontier of the first `count` survivors, by rising footprint. Returns how many points are kept.

    order, ends, stay, place: see `sort_survivors`, stair: float64[count + 1, 2], all scratch: the stair holds the kept
    (bytes, cycles), bytes rising and cycles falling.
    """
    kept, steps = 0, 0
    for i in range(sort_survivors(found, count, envelope, least, last, order, ends, stay, place)):
        at = order[i]
        total, cycles = found[at, 1], found[at, 2]
        low, high = 0, steps
        while low < high:
            middle = (low + high) // 2
            if stair[middle, 0] <= total:
                low = middle + 1
            else:
                high = middle
        if low > 0 and stair[low - 1, 1] <= cycles:
            continue
        if low > 0 and stair[low - 1, 0] == total:
            low -= 1
        last = low
        while last < steps and stair[last, 1] >= cycles:
            last += 1
        if last == low:
            for j in range(steps, low, -1):
                stair[j, 0], stair[j, 1] = stair[j - 1, 0], stair[j - 1, 1]
            steps += 1
        elif last > low + 1:
            for j in range(last, steps):
                stair[low + 1 + j - last, 0], stair[low + 1 + j - last, 1] = stair[j, 0], stair[j, 1]
            steps -= last - low - 1
        stair[low, 0], stair[low, 1] = total, cycles
        out[kept, 0], out[kept, 1], out[kept, 2] = found[at, 0], total, cycles
        out_codes[kept] = codes[at]
        kept += 1
    return kept
