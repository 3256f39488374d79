"""Plug-ins: chips, networks and readers of files that other installed distributions bring, found by their entry points.

They are asked last: for a list, or for a name or a kind of file that is not bundled. One that fails is a warning with its name
and its distribution, and everything else goes on. What one prints goes to standard error: standard output has the answer alone.
"""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar

from simulator.errors import PluginWarning
from simulator.progress import say
from simulator.reading.names import plain_name
from simulator.store.foreign import code_forbidden, printable

CHIPS, NETWORKS, READERS = "rooftile.chips", "rooftile.networks", "rooftile.readers"
"""Groups of entry points."""

LONGEST_NAME = 100
"""Characters of a name; the longest bundled one has a third."""

Thing = TypeVar("Thing")

_kept: dict[tuple[str, bool], Any] = {}
_told: dict[str, None] = {}
_loaded: dict["Plugin", tuple[Any]] = {}


@dataclass(frozen=True)
class Plugin:
    """One entry point."""

    name: str
    """As it can be printed."""
    of: str
    """Its distribution, with the version."""
    entry: Any

    def __str__(self) -> str:
        return f"plug-in {self.name} of {self.of}"


def plugins_of(group: str) -> tuple[Plugin, ...]:
    """Those of a group, by distribution and name; none where code of others is forbidden."""
    return () if code_forbidden() else _plugins(group)


def left_out(group: str) -> str:
    """What to add to an error about an unknown name: that there are plug-ins, and that they may not be loaded."""
    return "; plug-ins are not loaded, their code is forbidden" if code_forbidden() and _plugins(group) else ""


@cache
def _entries() -> Any:
    """All entry points of what is installed: they are looked for once, whatever the group."""
    from importlib.metadata import entry_points  # noqa: PLC0415 (takes as long as the rest of a start)

    return entry_points()


@cache
def _plugins(group: str) -> tuple[Plugin, ...]:
    entries = tuple(_entries().select(group=group))
    words = {id(entry.dist): _words(entry.dist) for entry in {id(each.dist): each for each in entries}.values()}
    found = [Plugin(printable(entry.name)[:LONGEST_NAME], words[id(entry.dist)], entry) for entry in entries]
    return tuple(sorted(found, key=lambda one: (one.of, one.name)))


def _words(distribution: Any) -> str:
    """Name and version of a distribution; its files may be damaged."""
    try:
        return printable(f"{distribution.name} {distribution.version}")[:LONGEST_NAME]
    except Exception:  # of whoever found it, or of what is missing in it
        return "an unnamed distribution"


def loaded(plugin: Plugin) -> Any:
    """What an entry point stands for, loaded once; None, after a warning, where it fails."""
    if plugin not in _loaded:
        say(f"loading the {plugin}")
        _loaded[plugin] = (None,)
        try:
            with quiet():
                _loaded[plugin] = (plugin.entry.load(),)
        except KeyboardInterrupt:
            del _loaded[plugin]
            raise
        except BaseException as error:  # whatever an import raises, SystemExit too
            warn(plugin, f"cannot be loaded: {words_of(error)}")
    return _loaded[plugin][0]


def words_of(error: BaseException) -> str:
    """What was raised, in a line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # of the plug-in's own class
        text = ""
    return printable(f"{type(error).__name__}{': ' + text[:200] if text else ''}")


def warn(plugin: Plugin, words: str) -> None:
    """Warn of a plug-in, once with the same words."""
    line = f"{plugin}: {words}"
    if line not in _told:
        _told[line] = None
        warnings.warn(PluginWarning(line), stacklevel=2)


def faults(plugin: Plugin | None = None) -> list[str]:
    """What was warned of, a line each; of one plug-in, where it is given."""
    return [line for line in _told if plugin is None or line.startswith(f"{plugin}: ")]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Have what others print go to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def named(found: Iterable[tuple[str, Thing, Plugin]], taken: Iterable[str]) -> dict[str, Thing]:
    """{name: thing} of what plug-ins bring; a name that means something already is a warning. taken: bundled names."""
    means = {plain_name(name): "a bundled one" for name in taken}
    out: dict[str, Thing] = {}
    for name, thing, plugin in found:
        fault = fault_of(name)
        holder = means.get(plain_name(name))
        if fault or holder:
            warn(plugin, f"{printable(name)[:LONGEST_NAME]!r}: {fault or f'the name is taken by {holder}'}")
            continue
        means[plain_name(name)] = str(plugin)
        out[name] = thing
    return out


def fault_of(name: str) -> str:
    """What is wrong with a name; empty where nothing is."""
    if not plain_name(name) or not name.isprintable() or len(name) > LONGEST_NAME:
        return f"a name must have a letter or a digit, and at most {LONGEST_NAME} characters that can be seen"
    if any(mark in name for mark in "/\\@:,="):
        return "a name must have none of / \\ @ : , ="
    return ""


def guarded(plugin: Plugin, function: Callable[..., Thing], fault: type[Exception]) -> Callable[..., Thing]:
    """A function of a plug-in: what it prints goes to standard error, what it raises is one line as a `fault`."""

    @wraps(function)  # its signature is what may be given
    def call(*args: Any, **kwargs: Any) -> Thing:
        try:
            with quiet():
                return function(*args, **kwargs)
        except (fault, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise fault(f"{plugin} raised {words_of(error)}") from error

    return call


def kept(function: Callable[[], Thing]) -> Callable[[], Thing]:
    """A decorator: worked out once, and once more where code of others is forbidden."""
    name = f"{function.__module__}.{function.__name__}"

    @wraps(function)
    def call() -> Thing:
        key = name, code_forbidden()
        if key not in _kept:
            _kept[key] = function()
        found: Thing = _kept[key]
        return found

    return call


def forget() -> None:
    """Look for plug-ins anew: some were installed since."""
    _kept.clear()
    _plugins.cache_clear()
    _entries.cache_clear()
    _loaded.clear()
    _told.clear()
