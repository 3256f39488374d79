"""The points of a design: which value of each axis a point has, from its number alone.

No state: any slice of a grid, a random or a Latin hypercube design can be made anew, which is what lets a sweep resume and
run in chunks of bounded memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError, nearest
from simulator.sweeps.ranges import Axis

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

KINDS = ("grid", "random", "latin")

MOST_POINTS = 10**10
"""More points than this would fill any disk."""


@dataclass(frozen=True)
class Design:
    """How points are placed: every combination, or `points` draws."""

    kind: str = "grid"
    points: int = 0
    """Of a random or Latin hypercube design."""
    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether values are drawn."""
        return self.kind != "grid"


def design_of(text: str, seed: int) -> Design:
    """`grid`, `random:N` or `latin:N`. Raises OptionError for anything else."""
    kind, colon, count = text.strip().partition(":")
    if kind not in KINDS:
        raise OptionError(f"unknown design {kind!r}{nearest(kind, KINDS)}", key="design")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise OptionError(key="seed", must="be a whole number from 0 to 2**63 - 1", got=seed)
    if kind == "grid":
        if colon:
            raise OptionError("a grid takes no number of points", key="design", got=text)
        return Design()
    try:
        points = int(float(count))
        exact = float(count) == points
    except (ValueError, OverflowError):
        points, exact = 0, False
    if not exact or points < 1:
        raise OptionError(key="design", must=f"be {kind}:N with N at least 1", got=text)
    return Design(kind, points, seed)


def size(design: Design, axes: Sequence[Axis]) -> int:
    """Points of the design. Raises OptionError beyond MOST_POINTS."""
    count = design.points
    if not design.draws:
        count = 1
        for axis in axes:
            count *= len(axis.values)
    if count > MOST_POINTS:
        raise OptionError(f"sweep: must have at most {MOST_POINTS:,} points, got {count:,}")
    return count


def places(design: Design, axes: Sequence[Axis], low: int, high: int) -> list[npt.NDArray[Any]]:
    """For each axis, of points low..high - 1: the place of the value among the axis' values, or the value drawn.

    In a grid the last axis runs fastest.
    """
    index = np.arange(low, high, dtype=np.int64)
    if not design.draws:
        out: list[npt.NDArray[Any]] = []
        for axis in reversed(axes):
            out.append(index % len(axis.values))
            index = index // len(axis.values)
        return out[::-1]
    return [_drawn(design, axis, number, index) for number, axis in enumerate(axes)]


def _drawn(design: Design, axis: Axis, number: int, index: Ints) -> npt.NDArray[Any]:
    """Draws of one axis; logarithmic where the range lies above 0."""
    key = _mixed(_mixed(np.array([design.seed], dtype=np.uint64)) ^ np.uint64(number + 1))[0]
    share = (_mixed(index.astype(np.uint64) ^ key) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    if design.kind == "latin":
        share = (_shuffled(index, design.points, key) + share) / design.points
    if not axis.drawn:
        return np.minimum((share * len(axis.values)).astype(np.int64), len(axis.values) - 1)
    if axis.whole:  # every whole number has a cell of its own, the ends too
        low, high = axis.low - 0.5, axis.high + 0.5
        values = low * (high / low) ** share if low > 0 else low + (high - low) * share
        return np.asarray(np.clip(np.rint(values), axis.low, axis.high))
    if axis.low > 0:
        return np.asarray(np.clip(axis.low * (axis.high / axis.low) ** share, axis.low, axis.high))
    return np.asarray(axis.low + (axis.high - axis.low) * share)


def _mixed(words: Words) -> Words:
    """Bits scattered (the finaliser of SplitMix64: G. Steele, D. Lea, C. Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        words = words + np.uint64(0x9E3779B97F4A7C15)
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))


def _shuffled(index: Ints, count: int, key: np.uint64) -> Ints:
    """A permutation of 0..count - 1, of the places `index` alone.

    Four rounds of a Feistel network over the next even power of two; what falls outside walks on until it is inside.
    """
    bits = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << bits) - 1)
    words = index.astype(np.uint64)
    todo = np.ones(len(words), dtype=bool)
    while todo.any():
        left, right = words[todo] >> np.uint64(bits), words[todo] & mask
        for turn in range(4):
            left, right = right, left ^ (_mixed(right ^ key ^ np.uint64(turn + 1)) & mask)
        words[todo] = (left << np.uint64(bits)) | right
        todo = words >= np.uint64(count)
    return words.astype(np.int64)
