"""The files beside a model: weights that lie outside of it, which must be in its folder, and what was read of them."""

import hashlib
import os
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError
from simulator.store.foreign import check_regular


class Beside:
    """The folder of a model."""

    def __init__(self, folder: Path) -> None:
        self._top = os.path.realpath(folder)
        self._named: dict[str, None] = {}
        self._read: dict[tuple[str, int, int], str] = {}

    def has(self, location: str) -> bool:
        """Whether a location is in the folder, links followed; no such file needs to be there."""
        self._named[location] = None
        if os.path.isabs(location) or "\\" in location or "\0" in location:
            return False
        try:
            return os.path.commonpath([self._top, self._real(location)]) == self._top
        except ValueError:  # another drive
            return False

    def part(self, location: str, offset: int, length: int) -> bytes | None:
        """So many bytes of a file that the folder has; None where they cannot be read."""
        try:
            raw = self._part(self._real(location), offset, length)
        except (NetworkError, OSError):
            raw = None
        self._read[location, offset, length] = "" if raw is None else hashlib.sha256(raw).hexdigest()
        return raw

    def told(self) -> dict[str, Any]:
        """Which files were asked about, and digests of what was read of them, as plain data."""
        return {"named": list(self._named), "read": [[*place, digest] for place, digest in self._read.items()]}

    def still(self, told: Any) -> bool:
        """Whether it would all be found as it was when `told` was taken."""
        if not all(self.has(location) for location in told["named"]):
            return False
        for *place, _ in told["read"]:
            self.part(*place)
        return bool(self.told() == told)

    def _real(self, location: str) -> str:
        return os.path.realpath(os.path.join(self._top, location))

    @staticmethod
    def _part(path: str, offset: int, length: int) -> bytes | None:
        check_regular(Path(path), NetworkError)  # a pipe has no end
        with open(path, "rb") as file:
            file.seek(offset)
            raw = file.read(length)
        return raw if len(raw) == length else None
