"""Records of whole numbers that grow by the same amount each time: what lies between two of them."""

from dataclasses import fields, is_dataclass, replace
from typing import Any


class BentError(Exception):
    """What was taken for a line is none."""


class Line:
    """What lies between two records of whole numbers, and of records and tuples of these."""

    def __init__(self, first: Any, last: Any) -> None:
        """Raises BentError where they differ in anything else."""
        self._first = first
        self._parts: dict[str, Line] = {}
        self._each: list[Line] = []
        self._step = 0
        if first is last or first == last:
            return
        if is_dataclass(first) and type(first) is type(last):
            pairs = [(field.name, getattr(first, field.name), getattr(last, field.name)) for field in fields(first)]
            self._parts = {name: Line(a, b) for name, a, b in pairs if a != b}
        elif isinstance(first, tuple) and isinstance(last, tuple) and len(first) == len(last):
            self._each = [Line(a, b) for a, b in zip(first, last, strict=True)]
        elif type(first) is type(last) is int:
            self._step = last - first
        else:
            raise BentError

    def at(self, share: tuple[int, int]) -> Any:
        """So many steps of so many from the first. Raises BentError where a whole number is not on the line."""
        if self._parts:
            return replace(self._first, **{name: line.at(share) for name, line in self._parts.items()})
        if self._each:
            return tuple([line.at(share) for line in self._each])
        if not self._step:
            return self._first
        whole, rest = divmod(self._step * share[0], share[1])
        if rest:
            raise BentError
        return self._first + whole
