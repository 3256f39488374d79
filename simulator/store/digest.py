"""The one digest of the code and data that answers depend on: nothing kept under another one is ever used."""

import hashlib
import os
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

from simulator.store import bundled

ONLY_TALK = ("cli", "report", "web")
"""Rooms that ask and show: no change in them changes an answer. All others count."""


@cache
def model_digest() -> str:
    """Digest of this package; the same for a wheel and a clone. Of the contents: times and places differ by machine."""
    return digest_of(Path(__file__).parent.parent)


@cache
def networks_digest() -> str:
    """Digest of the bundled networks, which what is kept of them depends on: that of the model leaves them out."""
    return digest_of(bundled.folder("workloads"))


def digest_of(package: Path) -> str:
    """Digest of the code and data in a folder. Chips and networks do not count: each question names its own."""
    digest = hashlib.sha256()
    for name, place in sorted(_files(str(package), "", (*ONLY_TALK, *bundled.FOLDERS))):
        with open(place, "rb") as file:
            raw = file.read()
        digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
    return digest.hexdigest()[:40]


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file as it lies there, or of the `config.json` in a folder; None where it cannot be read."""
    try:
        with open(path / "config.json" if path.is_dir() else path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _files(folder: str, name: str, left_out: Container[str] = ()) -> Iterator[tuple[str, str]]:
    """(name within the package, path) of each file. Every command waits for this, and pathlib takes three times as long."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".yaml")):
                if entry.is_file():
                    yield name + entry.name, entry.path
            elif entry.is_dir() and entry.name not in left_out:
                yield from _files(entry.path, f"{name}{entry.name}/")
