"""Flatbuffers: tables of fields at offsets, read in place and with bounds. Whatever the bytes are, reading ends.

A table begins with the distance to its list of fields, which says how far behind the table's beginning each field lies, 0 where
it is left out (https://flatbuffers.dev/internals).
"""

import struct
from collections.abc import Iterator

MOST = 1_000_000
"""Items of a list that is gone through."""

MOST_IN_ALL = 5_000_000
"""Items of all lists of a file: many tables may share a list, so that a small file could stand for a large one."""

LONGEST = 1_000
"""Bytes that are read of a text."""


class DamagedError(Exception):
    """The bytes are no such table."""


class Table:
    """One table: `at` is where it begins in `raw`."""

    def __init__(self, raw: memoryview, at: int, left: list[int] | None = None) -> None:
        self._raw, self._at = raw, at
        self._left = [MOST_IN_ALL] if left is None else left
        self._fields = at - self._number("<i", at)
        self._size = self._number("<H", self._fields)

    def _number(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._raw):
            raise DamagedError
        found: int = struct.unpack_from(form, self._raw, at)[0]
        return found

    def _place(self, field: int) -> int:
        """Where a field lies; 0 where it is left out."""
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return 0
        offset = self._number("<H", self._fields + entry)
        return self._at + offset if offset else 0

    def number(self, field: int, form: str = "<i", default: int = 0) -> int:
        """A number; `form` as of the struct module."""
        place = self._place(field)
        return self._number(form, place) if place else default

    def table(self, field: int) -> "Table | None":
        """A table inside."""
        place = self._place(field)
        return Table(self._raw, place + self._number("<I", place), self._left) if place else None

    def _list(self, field: int) -> tuple[int, int]:
        """(where the items of a list begin, how many there are)."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = place + self._number("<I", place)
        return start + 4, self._number("<I", start)

    def _several(self, field: int, size: int) -> tuple[int, int]:
        """The same of a list that is gone through: its items, of `size` bytes, lie in the file and are not too many."""
        start, count = self._list(field)
        self._left[0] -= count
        if self._left[0] < 0 or count > MOST or start + size * count > len(self._raw):
            raise DamagedError
        return start, count

    def length(self, field: int) -> int:
        """Items of a list."""
        return self._list(field)[1]

    def numbers(self, field: int, form: str = "<i") -> list[int]:
        """Items of a list of numbers."""
        size = struct.calcsize(form)
        start, count = self._several(field, size)
        return [self._number(form, start + size * place) for place in range(count)]

    def text(self, field: int) -> str:
        """A text, or its beginning."""
        start, count = self._list(field)
        if count > MOST or start + count > len(self._raw):
            raise DamagedError
        return bytes(self._raw[start : start + min(count, LONGEST)]).decode("utf-8", "replace")

    def tables(self, field: int) -> Iterator["Table"]:
        """Items of a list of tables."""
        start, count = self._several(field, 4)
        for place in range(start, start + 4 * count, 4):
            yield Table(self._raw, place + self._number("<I", place), self._left)
