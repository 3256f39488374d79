"""What a search has found so far: the last survivors and an envelope of all, which tell whether another tiling is beaten.

Footprints are sorted into bins and cycles into levels. Up to a *floor* footprints do not count: tilings that small are told
apart by bytes and cycles alone. Who has more room than the floor for certain asks no more, and nine in ten points of a frontier
need less room than a hundredth of the SRAM.
"""

import math
from typing import NamedTuple

import numpy as np

from .grid_layout import Floats, Ints
from .jit import kernel
from .layout import BYTES, CYCLES, FOOTPRINT

NO_FLOOR = -1.0
"""A floor below all footprints."""

LEVELS, BINS = 64, 1024
"""Cells of cycles and bins of footprints of an envelope."""

APART = BINS + 8
"""Bins between two cells in memory: with a power of two, a bin of every cell would compete for the same lines of a cache."""

TOP = (LEVELS, 0)
"""Where an envelope keeps its highest cell."""


class Survivors(NamedTuple):
    """What no tiling offered so far has beaten, and what tells so."""

    envelope: Floats
    """float64[LEVELS + 1, APART], least bytes of a survivor with at most these cycles and this footprint."""
    nearby: Floats
    """float64[LEVELS, APART, 3], the last survivor of each cell and bin."""
    points: Floats
    codes: Ints
    found: Ints
    """int64[1], how many; more than `points` has room for where some were left out."""


class Bins(NamedTuple):
    """How footprints are sorted: see `place_of`."""

    floor: float
    """Footprints up to it count as one. A power of two, or `NO_FLOOR`. [B]"""
    lowest: int
    """The bin that they share; that of the floor begins above it."""
    last: int
    """Bin that no footprint exceeds."""


def bins_of(floor: float, last: int) -> Bins:
    """`Bins` of a floor [B], where no footprint without one is beyond the bin `last`."""
    lowest = max(0, (int(np.float64(floor).view(np.int64)) >> 48) - 16368) if floor > 0.0 else 0
    return Bins(floor, lowest, max(lowest, last))


@kernel
def place_of(footprint, bins):
    """Bin of a footprint: sixteen an octave, but for those up to the floor, which share one."""
    if footprint <= bins.floor:
        return bins.lowest
    return max(0, min(bins.last, (np.float64(footprint).view(np.int64) >> 48) - 16367))


@kernel
def is_beaten(envelope, level, place, is_low, total):
    """Whether a survivor of a lower cell of cycles and bin moves no more bytes. is_low: footprints up to the floor are alike.

    Of alike ones with as many bytes only fewer cycles beat: of equals the smallest tiling is kept.
    """
    against = place if is_low else place - 1
    if against < 0:
        return False
    least = envelope[min(max(level - 1, 0), int(envelope[TOP])), against]
    return least < total or (least == total and (level > 0 or not is_low))


@kernel
def level_of(cycles, least):
    """Index of the cell of cycles: 0 the least, then four an octave."""
    if cycles <= least:
        return 0
    return max(1, min(LEVELS - 1, (np.float64(cycles / least).view(np.int64) >> 50) - 4 * 1023 + 1))


@kernel
def remember(envelope, nearby, level, place, footprint, total, cycles, last):
    """Note a survivor: lower the envelope for its cell and bin and all larger ones."""
    top = int(envelope[TOP])
    while top < level:
        for larger in range(last + 1):
            envelope[top + 1, larger] = envelope[top, larger]
            nearby[top + 1, larger, FOOTPRINT] = math.inf
        top += 1
    envelope[TOP] = top
    nearby[level, place, FOOTPRINT], nearby[level, place, BYTES], nearby[level, place, CYCLES] = (
        footprint,
        total,
        cycles,
    )
    for above in range(level, top + 1):
        if envelope[above, place] <= total:
            return
        for larger in range(place, last + 1):
            if envelope[above, larger] <= total:
                break
            envelope[above, larger] = total


@kernel
def matched(nearby, level, place, floor, footprint, total, cycles):
    """Whether a survivor remembered in this cell, or one next to it, is no worse in anything; of those up to the floor only
    one that is better in bytes or cycles may be larger.
    """
    reach, found = max(footprint, floor), False
    for cell in range(max(level - 1, 0), level + 1):
        for at in range(max(place - 1, 0), place + 1):
            size, its_bytes, its_cycles = nearby[cell, at, FOOTPRINT], nearby[cell, at, BYTES], nearby[cell, at, CYCLES]
            no_worse = (size <= reach) & (its_bytes <= total) & (its_cycles <= cycles)
            found |= no_worse & ((size <= footprint) | (its_bytes < total) | (its_cycles < cycles))
    return found


@kernel
def record(points, codes, found, footprint, total, cycles, code):
    """Append a survivor where there is room, and count it."""
    at = found[0]
    if at < len(codes):
        points[at, FOOTPRINT], points[at, BYTES], points[at, CYCLES] = footprint, total, cycles
        codes[at] = code
    found[0] = at + 1
