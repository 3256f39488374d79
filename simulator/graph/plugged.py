"""Networks of plug-ins, and their readers of files."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.readers.files import SUFFIXES
from simulator.reading.names import known_name
from simulator.store import bundled, plugins
from simulator.store.plugins import Plugin

TAKEN = (*SUFFIXES, ".py")
"""Suffixes that mean something already."""


@plugins.kept
def networks() -> Mapping[str, Plugin]:
    """{name: plug-in} of networks; nothing is loaded for it."""
    own = plugins.plugins_of(plugins.NETWORKS)
    if not own:
        return {}
    return plugins.named(((one.entry.name, one, one) for one in own), bundled.network_names())


def builder(text: str) -> tuple[str, Callable[..., Any]] | None:
    """(name, builder) of the network of a plug-in that a text means; None where there is none.

    Raises NetworkError for one that fails, after a warning.
    """
    found = networks()
    name = known_name(text, found)
    if name is None:
        return None
    function = plugins.loaded(found[name])
    if function is not None and not callable(function):
        plugins.warn(found[name], f"must be a function that returns a layer graph, got {type(function).__name__}")
    if not callable(function):
        raise NetworkError(f"network: {name}: {plugins.faults(found[name])[-1]}")
    return name, plugins.guarded(found[name], function, NetworkError)


@plugins.kept
def suffixes() -> Mapping[str, Plugin]:
    """{suffix: plug-in} of readers; an entry point is called as its suffix, without the dot."""
    found: dict[str, Plugin] = {}
    for one in plugins.plugins_of(plugins.READERS):
        suffix = "." + one.entry.name.lower().removeprefix(".")
        if plugins.fault_of(one.entry.name) or "." in suffix[1:]:
            plugins.warn(one, "must be called as a suffix, such as prototxt")
        elif suffix in TAKEN or suffix in found:
            holder = found.get(suffix, "a bundled reader")
            plugins.warn(one, f"{suffix}: the suffix is taken by {holder}")
        else:
            found[suffix] = one
    return found


def reads(text: str) -> bool:
    """Whether a text ends as the files that a plug-in reads."""
    suffix = Path(text).suffix.lower()
    return bool(suffix) and suffix in suffixes()


def reader_of(path: Path) -> Callable[..., Any] | None:
    """The builder of the network that a file describes, of a plug-in; None where there is none, or where it fails."""
    plugin = suffixes().get(path.suffix.lower()) if path.suffix else None
    function = None if plugin is None else plugins.loaded(plugin)
    if plugin is None or function is None:
        return None
    if not callable(function):
        plugins.warn(plugin, f"must be a function that takes a path, got {type(function).__name__}")
        return None
    return plugins.guarded(plugin, partial(function, path), NetworkError)


def left_out() -> str:
    """What to add to an error about an unknown name: that there are plug-ins which may not be loaded."""
    return plugins.left_out(plugins.NETWORKS) or plugins.left_out(plugins.READERS)
