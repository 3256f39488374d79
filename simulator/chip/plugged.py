"""Chips of plug-ins: files of chips that other distributions bring."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.store import bundled, plugins
from simulator.store.foreign import printable
from simulator.store.plugins import Plugin

SUFFIXES = (".yaml", ".yml")
"""Of files in a folder that are chips."""


@dataclass(frozen=True)
class Plugged:
    """One chip of a plug-in."""

    path: Path
    variant: str
    """Which of its variants; "": the chip itself."""
    plugin: Plugin


def chips(taken: Iterable[str]) -> Mapping[str, Plugged]:
    """{name: chip} of all plug-ins, each followed by its variants. taken: names and aliases of the bundled ones."""
    own = plugins.plugins_of(plugins.CHIPS)
    return plugins.named(_found(own), taken) if own else {}


def _found(own: Iterable[Plugin]) -> Iterator[tuple[str, Plugged, Plugin]]:
    for one in own:
        value = plugins.loaded(one)
        if value is None:
            continue
        files = list(_files(one, value))
        if not files:
            plugins.warn(one, "must be a module, a folder or a list of paths with chip files, got none")
        for path in files:
            yield path.stem, Plugged(path, "", one), one
            for variant in _variants(one, path):
                yield f"{path.stem}-{variant}", Plugged(path, variant, one), one


def _files(plugin: Plugin, value: Any) -> Iterator[Path]:
    """The chip files that an entry point stands for: those beside a module, in a folder, or listed."""
    if isinstance(value, ModuleType):
        places = [Path(place) for place in getattr(value, "__path__", ())]
        value = places or [Path(value.__file__ or "").parent]
    listed = [value] if isinstance(value, str | Path) else value
    if not isinstance(listed, list | tuple | set | frozenset) or not all(isinstance(one, str | Path) for one in listed):
        plugins.warn(plugin, f"must be a module, a folder or a list of paths, got {type(value).__name__}")
        return
    for place in sorted(map(Path, listed)):
        try:
            if not place.is_absolute():
                plugins.warn(plugin, f"{printable(str(place))}: must be an absolute path")
            elif place.is_dir():
                yield from sorted(each for each in place.iterdir() if each.suffix in SUFFIXES and each.is_file())
            elif place.is_file():
                yield place
            else:
                plugins.warn(plugin, f"{printable(str(place))}: no such file or folder")
        except (OSError, ValueError) as error:  # no permission, or no name of a file
            plugins.warn(plugin, f"{printable(str(place))}: {plugins.words_of(error)}")


def _variants(plugin: Plugin, path: Path) -> list[str]:
    """Names of the variants of a file; what is wrong with the file is told by who reads it whole."""
    try:
        return [name for name in bundled.variants(path) if isinstance(name, str)]
    except Exception as error:  # of the reader of YAML, at what another wrote
        plugins.warn(plugin, f"{printable(path.name)}: variants: {plugins.words_of(error)}")
        return []
