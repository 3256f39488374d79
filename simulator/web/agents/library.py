"""Chips and networks that agents may name: those of the library and of plug-ins, and files of folders that the user allowed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.chip import load
from simulator.chip.library import Entry, entry
from simulator.chip.schema import Architecture
from simulator.errors import ChipError, InputError, NetworkError
from simulator.graph.build import Graph
from simulator.graph.load import file_of, load_network, network_named
from simulator.store.foreign import printable
from simulator.store.memory import Memory, one_each
from simulator.web.uploads import graph_of, read_apart

MOST_KEPT = 64
"""Chips, and networks, that stay read: what is worked out of one is kept beside it."""

LONGEST_SHOWN = 100


class Library:
    """What one server lets agents read."""

    def __init__(self, allowed: Sequence[Path] = ()) -> None:
        """allowed: folders, absolute and without links."""
        self._allowed = tuple(allowed)
        self._graphs: Memory[str, Graph] = Memory(MOST_KEPT, one_each)
        self._chips: Memory[str, Architecture] = Memory(MOST_KEPT, one_each)

    def chip(self, text: str, settings: Mapping[str, Any]) -> Architecture:
        """One chip with changes. Raises ChipError, one line a fault."""
        word, age = self._chip_word(text)
        key = json.dumps([word, age, sorted(settings.items())])
        return self._chips.get(key) or self._chips.put(key, load.load_chip(word, set=settings))

    def entry(self, text: str) -> Entry:
        """One chip as comparisons take it. Raises ChipError, one line a fault."""
        return entry(self._chip_word(text)[0])

    def graph(self, text: str, params: Mapping[str, Any]) -> Graph:
        """One network. Raises NetworkError, one line a fault."""
        word, age = self._network_word(text)
        key = json.dumps([word, age, sorted(params.items())])
        return self._graphs.get(key) or self._graphs.put(key, self._read(word, age, params))

    def _read(self, word: str, age: int, params: Mapping[str, Any]) -> Graph:
        """A bundled network; a file is read by a process of its own, which is ended when it takes too long or too much."""
        if not age:
            return load_network(word, **params)
        return graph_of(read_apart("network", word, word, params), word.partition("@")[0])

    def network_word(self, text: str) -> str:
        """What `load_network` takes for a network. Raises NetworkError."""
        return self._network_word(text)[0]

    def _chip_word(self, text: str) -> tuple[str, int]:
        """(what `load_chip` takes, when a file was written)."""
        file = load.file_of(text)
        if file is None:
            return load.chip_named(text), 0
        path, age = self._file(file[0], "chip", ChipError)
        if path.suffix.lower() not in load.SUFFIXES:
            raise ChipError(f"chip: must be a .yaml file, got {_shown(text)}")
        return f"{path}:{file[1]}" if file[1] else str(path), age

    def _network_word(self, text: str) -> tuple[str, int]:
        """(what `load_network` takes, when a file was written)."""
        file = file_of(text)
        if file is None:
            return network_named(text), 0
        path, age = self._file(file[0], "network", NetworkError)
        if path.suffix.lower() == ".py":
            raise NetworkError(f"network: {_shown(text)}: a Python file is code, and is never run here")
        if path.is_dir():
            self._file(path / "config.json", "network", NetworkError)
        return f"{path}@{file[1]}" if file[1] else str(path), age

    def _file(self, path: Path, what: str, fault: type[InputError]) -> tuple[Path, int]:
        """(a file in an allowed folder, when it was written); where it lies is asked of the system, links and all."""
        if not self._allowed:
            raise fault(f"{what}: must be a name of the library: no folder is allowed, got {_shown(path)}")
        for folder in self._allowed:
            try:
                found = (folder / path).resolve()
                if found.is_relative_to(folder) and (found.exists() or len(self._allowed) == 1):
                    return found, found.stat().st_mtime_ns if found.exists() else 0
            except (OSError, RuntimeError, ValueError):  # no name of a file, a circle of links, a NUL byte
                continue
        raise fault(f"{what}: must be a name of the library, or a file in an allowed folder, got {_shown(path)}")


def _shown(text: object) -> str:
    """A word of somebody else's."""
    return repr(printable(str(text))[:LONGEST_SHOWN])
