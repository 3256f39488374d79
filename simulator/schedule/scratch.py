"""Arrays that the programmes write to: one set a pool and thread, kept from one call to the next."""

import functools
import threading

import numpy as np
import numpy.typing as npt

from simulator.frontier.packs import LONGEST
from simulator.kernels.layout import SPAN_QUERY
from simulator.kernels.stairs import Memo
from simulator.schedule.pool import Pool

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LABELS = 64
"""Labels that a state of the prefetch programme has room for; the most ever seen is 35."""

REMEMBERED = 16
"""Rows of an answer that a memo of queries has room for; longer answers are found again."""


class Scratch:
    """Arrays for one pool and one thread. Nothing in them but the memo outlives a call."""

    def __init__(self, pool: Pool, other: "Scratch | None" = None) -> None:
        """other: that of a pool with the same moves, whose arrays do for this one too."""
        self._shape, self._other = (len(pool.steps), pool.moves.states), other
        steps, states = self._shape
        self.values: Floats = np.empty((steps + 1, states, 2)) if other is None else other.values
        self.choice: Ints = np.zeros((steps, states, 2), dtype=np.int64) if other is None else other.choice
        queries = int(max(pool.spans[:, SPAN_QUERY].max(initial=0), pool.spans_kept[:, SPAN_QUERY].max(initial=0))) + 1
        self.memo = _memo(queries)

    @functools.cached_property
    def labels(self) -> Floats:
        """Of the prefetch programme."""
        steps, states = self._shape
        return np.empty((steps + 1, states, LABELS, 6)) if self._other is None else self._other.labels

    @functools.cached_property
    def counts(self) -> Ints:
        """Labels of each step and state."""
        steps, states = self._shape
        return np.zeros((steps + 1, states), dtype=np.int64) if self._other is None else self._other.counts


def _memo(queries: int) -> Memo:
    """An empty memo of queries (`kernels.stairs.fitting`)."""
    return Memo(
        np.full(queries, np.nan), np.empty(queries, dtype=np.int64), np.empty((queries, REMEMBERED), dtype=np.int64),
        np.empty(LONGEST, dtype=np.int64),
    )  # fmt: skip


def scratch_of(pool: Pool) -> Scratch:
    """This thread's scratch for a pool."""
    own = pool.memo.setdefault("scratch", threading.local())
    if not hasattr(own, "arrays"):
        first = pool.alike.setdefault("scratch", threading.local())
        own.arrays = Scratch(pool, getattr(first, "arrays", None))
        if not hasattr(first, "arrays"):
            first.arrays = own.arrays
    found: Scratch = own.arrays
    return found
