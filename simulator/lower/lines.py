"""Records of numbers that grow by the same amount each time: what lies between two of them."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

GRAIN = 256
"""Numbers with a point are on a line where they are whole so-many-ths: then no sum of them is rounded, in whatever order."""

MOST = 2.0**53
"""Beyond so many parts, or wholes of whole numbers, float64 no longer holds every one."""


class BentError(Exception):
    """What was taken for a line is none."""


def grains(value: float) -> int:
    """How many parts a number has. Raises BentError where it has no whole number of them."""
    if not _held(np.array(value)).all():
        raise BentError
    return int(value) * GRAIN if value.is_integer() else int(value * GRAIN)


def _held(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which numbers have a whole number of parts, or are whole, and so few that no sum of them is rounded."""
    size, parts = np.abs(values), np.abs(values) * GRAIN
    return np.asarray(((values % 1.0 == 0.0) & (size <= MOST)) | ((parts % 1.0 == 0.0) & (parts <= MOST)))


class Line:
    """What lies between two records of numbers, and of records and tuples of these."""

    def __init__(self, first: Any, last: Any) -> None:
        """Raises BentError where they differ in anything else."""
        self._first = first
        self._parts: dict[str, Line] = {}
        self._each: list[Line] = []
        self._step = 0
        self._grains: int | None = None
        if first is last or first == last:
            return
        if is_dataclass(first) and type(first) is type(last):
            pairs = [(field.name, getattr(first, field.name), getattr(last, field.name)) for field in fields(first)]
            self._parts = {name: Line(a, b) for name, a, b in pairs if a != b}
        elif isinstance(first, tuple) and isinstance(last, tuple) and len(first) == len(last):
            self._each = [Line(a, b) for a, b in zip(first, last, strict=True)]
        elif type(first) is type(last) is int:
            self._step = last - first
        elif type(first) is type(last) is float:
            self._grains = grains(first)
            self._step = grains(last) - self._grains
        else:
            raise BentError

    def at(self, share: tuple[int, int]) -> Any:
        """So many steps of so many from the first. Raises BentError where a number is not on the line."""
        if self._parts:
            return replace(self._first, **{name: line.at(share) for name, line in self._parts.items()})
        if self._each:
            return tuple([line.at(share) for line in self._each])
        if not self._step:
            return self._first
        whole, rest = divmod(self._step * share[0], share[1])
        if rest:
            raise BentError
        return self._first + whole if self._grains is None else (self._grains + whole) / GRAIN


class Column:
    """What lies between two arrays of numbers that grow so many times."""

    def __init__(self, first: npt.NDArray[np.float64], last: npt.NDArray[np.float64], times: int) -> None:
        """Raises BentError where they are no lines."""
        if first.shape != last.shape:
            raise BentError
        self._first, self._step = first, (last - first) / times
        varied = self._step != 0.0
        if not all(_held(each[varied]).all() for each in (first, last, self._step)):
            raise BentError

    def at(self, times: Any) -> npt.NDArray[np.float64]:
        """After so many times; of several, a column each."""
        if np.ndim(times):
            return np.asarray(self._first[..., None] + self._step[..., None] * times)
        return np.asarray(self._first + self._step * times)
