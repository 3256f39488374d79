"""A sum over steps that change little from one to the next: exact at a few, linear between, as fine as is needed."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

Spent = tuple[float, float]
"""Seconds and joules of a step."""

CLOSE = 1e-3
"""Share by which the middle of a stretch may lie off the line between its ends."""

MOST = 64
"""Steps that are worked out, of a sum that bends everywhere."""


class Growing:
    """Steps `first` to `last`, both included, each (seconds, joules) of a step's number."""

    def __init__(self, step: Callable[[int], Spent], first: int, last: int) -> None:
        self._step, self._first, self._last = step, first, last
        self._known: dict[int, Spent] = {}
        self._cuts = [first, last]

    def cut(self, at: Iterable[int]) -> None:
        """Name steps where the sum is known to bend."""
        self._cuts = sorted({*self._cuts, *(one for one in at if self._first < one < self._last)})

    def likely(self) -> list[int]:
        """Steps that will be asked for whatever they take: ends and middles of all stretches, in order."""
        middles = [(low + high) // 2 for low, high in pairwise(self._cuts)]
        return sorted({*self._cuts, *middles})

    def told(self, known: Mapping[int, Spent]) -> None:
        """Take steps that are known already."""
        self._known.update(known)

    @property
    def first(self) -> float:
        """Seconds of the first step."""
        return self._at(self._first)[0]

    @property
    def last(self) -> float:
        """Seconds of the last step."""
        return self._at(self._last)[0]

    def sums(self) -> Spent:
        """Seconds and joules of all steps."""
        for low, high in pairwise(self._cuts):
            self._refine(low, high)
        seconds, joules = self._at(self._last)
        marks = sorted(self._known)
        for low, high in pairwise(marks):
            count, a, b = high - low, self._at(low), self._at(high)
            # Steps low to high - 1 on the line between both ends.
            seconds += count * a[0] + (b[0] - a[0]) * (count - 1) / 2
            joules += count * a[1] + (b[1] - a[1]) * (count - 1) / 2
        return seconds, joules

    def points(self) -> tuple[tuple[int, float], ...]:
        """(step, seconds) of those that were worked out."""
        return tuple((number, self._known[number][0]) for number in sorted(self._known))

    def _at(self, number: int) -> Spent:
        if number not in self._known:
            self._known[number] = self._step(number)
        return self._known[number]

    def _refine(self, low: int, high: int) -> None:
        """Work out the middle of a stretch, and of its halves where it is off the line."""
        a, b = self._at(low), self._at(high)
        if high - low < 2 or len(self._known) >= MOST:
            return
        middle = (low + high) // 2
        share = (middle - low) / (high - low)
        between = a[0] + (b[0] - a[0]) * share
        if abs(self._at(middle)[0] - between) > CLOSE * between:
            self._refine(low, middle)
            self._refine(middle, high)
