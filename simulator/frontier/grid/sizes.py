"""Sizes of tiles to try along one axis: all of them, or of a very long axis those at which the number of tiles changes."""

import math

import numpy as np
import numpy.typing as npt

LONG = 40_000
"""Longest axis of which every size is tried: no layer of a bundled network has a longer one."""

MOST = 4_096
"""Sizes of a longer one: time, and at most a thousandth of an axis between two that are tried."""


def sizes_of(extent: int) -> npt.NDArray[np.int64]:
    """Sizes from 1 to the extent, rising. Of a longer axis than LONG the smallest of every number of tiles, at most MOST.

    A larger tile of the same number moves no less; it may only fit an unrolling better in its last pass.
    """
    if extent <= LONG:
        return np.arange(1, extent + 1, dtype=np.int64)
    root = math.isqrt(extent)
    few = -(-extent // np.arange(1, root + 1, dtype=np.int64))
    found = np.unique(np.concatenate([np.arange(1, root + 1, dtype=np.int64), few]))
    if len(found) <= MOST:
        return found
    return np.unique(found[np.linspace(0, len(found) - 1, MOST).astype(np.int64)])
