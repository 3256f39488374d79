"""Flatbuffers: tables of fields at offsets, read in place and with bounds. Whatever the bytes are, reading ends.

A table begins with the distance to its list of fields, which says how far behind the table's beginning each field lies, 0 where
it is left out (https://flatbuffers.dev/internals).
"""

import struct
from collections.abc import Iterator

MOST = 1_000_000
"""Items of a list that is gone through."""


class DamagedError(Exception):
    """The bytes are no such table."""


class Table:
    """One table: `at` is where it begins in `raw`."""

    def __init__(self, raw: memoryview, at: int) -> None:
        self._raw, self._at = raw, at
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
        return Table(self._raw, place + self._number("<I", place)) if place else None

    def _list(self, field: int) -> tuple[int, int]:
        """(where the items of a list begin, how many there are)."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = place + self._number("<I", place)
        return start + 4, self._number("<I", start)

    def length(self, field: int) -> int:
        """Items of a list."""
        return self._list(field)[1]

    def numbers(self, field: int, form: str = "<i") -> list[int]:
        """Items of a list of numbers."""
        start, count = self._list(field)
        size = struct.calcsize(form)
        if count > MOST or start + count * size > len(self._raw):
            raise DamagedError
        return [self._number(form, start + size * place) for place in range(count)]

    def text(self, field: int) -> str:
        """A text."""
        start, count = self._list(field)
        if count > MOST or start + count > len(self._raw):
            raise DamagedError
        return bytes(self._raw[start : start + count]).decode("utf-8", "replace")

    def tables(self, field: int) -> Iterator["Table"]:
        """Items of a list of tables."""
        start, count = self._list(field)
        if count > MOST or start + 4 * count > len(self._raw):
            raise DamagedError
        for place in range(start, start + 4 * count, 4):
            yield Table(self._raw, place + self._number("<I", place))
