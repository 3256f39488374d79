"""The exact frontier of what a search found: sorted, and gone through once with a staircase of bytes and cycles."""

from typing import NamedTuple

import numpy as np

from .grid_envelope import is_beaten, level_of, place_of
from .grid_layout import Floats, Ints
from .jit import kernel
from .layout import BYTES, CYCLES, FOOTPRINT
from .stairs import HELD_BYTES, HELD_CYCLES

RUN = 16
"""Survivors that insertion sorts."""


class Sorting(NamedTuple):
    """Scratch of `keep_best`, with room for all survivors."""

    order: Ints
    ends: Ints
    """int64[4 * BINS + 1], of a counting sort on quarters of a bin, which sorted runs and their merges finish."""
    stay: Ints
    place: Ints
    stair: Floats
    """The kept bytes and cycles: bytes rising and cycles falling (`kernels.stairs`)."""


@kernel
def precedes(points, one, other, floor):
    """Whether a survivor comes before another: by footprint, but those up to the floor are alike, then bytes, then cycles.

    Of alike ones with as many of both the smallest is first.
    """
    before = max(points[one, FOOTPRINT], floor) - max(points[other, FOOTPRINT], floor)
    if before == 0.0:
        before = points[one, BYTES] - points[other, BYTES]
    if before == 0.0:
        before = points[one, CYCLES] - points[other, CYCLES]
    if before == 0.0:
        before = points[one, FOOTPRINT] - points[other, FOOTPRINT]
    return before < 0.0


@kernel
def merge(points, order, spare, bounds, floor):
    """Merge two sorted runs of `order`, between three bounds; of equals the first stays first."""
    begin, middle, end = bounds
    if not precedes(points, order[middle], order[middle - 1], floor):
        return
    stays = middle - 1  # what comes before all of the second run stays where it is
    while begin < stays:
        half = (begin + stays) // 2
        if precedes(points, order[middle], order[half], floor):
            stays = half
        else:
            begin = half + 1
    for i in range(begin, middle):
        spare[i] = order[i]
    left, right, at = begin, middle, begin
    while left < middle:
        if right < end and precedes(points, order[right], spare[left], floor):
            order[at] = order[right]
            right += 1
        else:
            order[at] = spare[left]
            left += 1
        at += 1


@kernel
def sort_survivors(keep, least, bins, sorting):
    """Fill `sorting.order` with the survivors that the final envelope does not beat, by footprint, bytes, cycles; return how
    many.
    """
    points, envelope = keep.points, keep.envelope
    order, ends, stay, place = sorting.order, sorting.ends, sorting.stay, sorting.place
    quarters = 4 * bins.last + 5
    for i in range(quarters):
        ends[i] = 0
    total = 0
    for i in range(keep.found[0]):
        footprint, level = points[i, FOOTPRINT], level_of(points[i, CYCLES], least)
        is_low, bin_of = footprint <= bins.floor, place_of(footprint, bins)
        if not is_beaten(envelope, level, bin_of, is_low, points[i, BYTES]):
            quarter = max(0, min(4 * bins.last + 3, (np.float64(footprint).view(np.int64) >> 46) - 4 * 16367))
            quarter = 4 * bin_of if is_low else quarter
            ends[quarter + 1] += 1
            stay[total], place[total] = i, quarter
            total += 1
    for i in range(1, quarters):
        ends[i] += ends[i - 1]
    for i in range(total):
        order[ends[place[i]]] = stay[i]
        ends[place[i]] += 1
    for begin in range(0, total, RUN):
        for i in range(begin, min(begin + RUN, total)):
            moving, at = order[i], i
            while at > begin and precedes(points, moving, order[at - 1], bins.floor):
                order[at] = order[at - 1]
                at -= 1
            order[at] = moving
    width = RUN
    while width < total:
        for begin in range(0, total - width, 2 * width):
            merge(points, order, stay, (begin, begin + width, min(begin + 2 * width, total)), bins.floor)
        width *= 2
    return total


@kernel
def keep_best(keep, least, bins, sorting, out, out_codes):
    """The exact frontier of the survivors, by rising footprint, into out and out_codes. Returns how many points are kept.

    Those up to the floor come first, by rising bytes. keep: `grid_envelope.Survivors`, of which none was left out for want of
    room. least: `Numbers.least`; bins: of the search.
    """
    points, stair = keep.points, sorting.stair
    kept, steps = 0, 0
    for i in range(sort_survivors(keep, least, bins, sorting)):
        at = sorting.order[i]
        total, cycles = points[at, BYTES], points[at, CYCLES]
        low, high = 0, steps
        while low < high:
            middle = (low + high) // 2
            if stair[middle, HELD_BYTES] <= total:
                low = middle + 1
            else:
                high = middle
        if low > 0 and stair[low - 1, HELD_CYCLES] <= cycles:
            continue
        if low > 0 and stair[low - 1, HELD_BYTES] == total:
            low -= 1
        beaten = low
        while beaten < steps and stair[beaten, HELD_CYCLES] >= cycles:
            beaten += 1
        if beaten == low:
            for j in range(steps, low, -1):
                stair[j, HELD_BYTES], stair[j, HELD_CYCLES] = stair[j - 1, HELD_BYTES], stair[j - 1, HELD_CYCLES]
            steps += 1
        elif beaten > low + 1:
            for j in range(beaten, steps):
                to = low + 1 + j - beaten
                stair[to, HELD_BYTES], stair[to, HELD_CYCLES] = stair[j, HELD_BYTES], stair[j, HELD_CYCLES]
            steps -= beaten - low - 1
        stair[low, HELD_BYTES], stair[low, HELD_CYCLES] = total, cycles
        out[kept, FOOTPRINT], out[kept, BYTES], out[kept, CYCLES] = points[at, FOOTPRINT], total, cycles
        out_codes[kept] = keep.codes[at]
        kept += 1
    return kept
