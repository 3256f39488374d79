"""Sizes of tiles to try along one axis: all of them, or of a very long axis those at which the number of tiles changes."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

LONG = 40_000
"""Longest axis of which every size is tried: no layer of a bundled network has a longer one."""

MOST = 4_096
"""Sizes of a longer one: time, and at most a thousandth of an axis between two that are tried."""

LONG_ALL, LONG_EACH = 8, 2.0**0.25
"""Of an axis of a long product: numbers of tiles that are all tried, and how far further ones are apart."""


def sizes_of(extent: int) -> npt.NDArray[np.int64]:
    """Sizes from 1 to the extent, rising. Of a longer axis than LONG the smallest of every number of tiles, at most MOST.

    A larger tile of the same number moves no less; it may only fit an unrolling better in its last pass.
    """
    if extent <= LONG:
        return np.arange(1, extent + 1, dtype=np.int64)
    root = math.isqrt(extent)
    few = -(-extent // np.arange(1, root + 2, dtype=np.int64))
    found = np.unique(np.concatenate([np.arange(1, root + 1, dtype=np.int64), few]))
    if len(found) <= MOST:
        return found
    return np.unique(found[np.linspace(0, len(found) - 1, MOST).astype(np.int64)])


def apart(trips: Iterable[float]) -> list[int]:
    """Places of those numbers of tiles, rising, that are tried of a long product: all of the few, then LONG_EACH apart.

    Sizes of one number of tiles stand or fall together; the last number stays.
    """
    kept: list[int] = []
    last, every = 0.0, list(trips)
    for place, number in enumerate(every):
        if number <= LONG_ALL or number in (last, every[-1]) or number >= LONG_EACH * last:
            kept.append(place)
            last = number
    return kept
