"""Where the bundled chips and networks lie: inside the wheel, or beside `simulator/` in a clone."""

import functools
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.errors import RooftileError, nearest
from simulator.reading.names import known_name
from simulator.store.data import parsed

_PACKAGE_FOLDER = Path(__file__).parent.parent
_PACKAGE = "simulator.workloads"
_VARIANTS = re.compile(r"^variants:\n(?:(?: .*)?\n)+", re.MULTILINE)
REFERENCE = "inferx_x1"
"""The chip that bills are relative to when none is named."""

FOLDERS = ("arch_configs", "workloads")
"""The folders of chips and networks."""


def folder(name: str) -> Path:
    """Path of one of FOLDERS."""
    inside = _PACKAGE_FOLDER / name
    return inside if inside.is_dir() else _PACKAGE_FOLDER.parent / name


@functools.cache
def chips() -> dict[str, Path]:
    """{short name: path} of the bundled chip files."""
    return {path.stem: path for path in sorted(folder("arch_configs").glob("*.yaml"))}


@functools.cache
def places() -> dict[str, tuple[Path, str]]:
    """{short name: (path, variant)} of the bundled chips, each followed by its variants; "": the chip itself."""
    found: dict[str, tuple[Path, str]] = {}
    for name, path in chips().items():
        found[name] = path, ""
        found.update({f"{name}-{variant}": (path, variant) for variant in variants(path)})
    return found


@functools.cache
def variants(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The `variants` of a bundled chip file; nothing else of it is read."""
    section = _VARIANTS.search(path.read_text(encoding="utf-8"))
    found: Mapping[str, Mapping[str, Any]] = parsed(section[0])["variants"] if section else {}
    return found


@functools.cache
def networks() -> dict[str, tuple[str, str]]:
    """{name: (module, function)} of the bundled network builders, by name.

    Each module of `workloads` has NETWORKS = {name: function}.
    """
    return {name: (stem, function) for name, (stem, function) in _listed()["networks"].items()}


@functools.cache
def _listed() -> dict[str, Any]:
    """Names and aliases of all modules of `workloads`: reading them costs the import of networkx, so what was read is kept."""
    from simulator.store.digest import networks_digest  # noqa: PLC0415  # which asks where the bundled files are
    from simulator.store.plain import kept  # noqa: PLC0415

    found: dict[str, Any] = kept(
        "networks", networks_digest(), lambda: {"networks": _networks(), "aliases": _read_aliases()}
    )
    return found


def _networks() -> dict[str, tuple[str, str]]:
    """The builders, read."""
    found: dict[str, tuple[str, str]] = {}
    for stem in _stems():
        for name, function in _module(stem).NETWORKS.items():
            if name in found:
                raise RooftileError(f"workloads: network {name!r} is in both {found[name][0]}.py and {stem}.py")
            found[name] = (stem, function.__name__)
    return dict(sorted(found.items()))


@functools.cache
def namesake(name: str) -> str | None:
    """Return the module that a network is named after and found in (resnet50: resnet), or None; spares importing the others."""
    return next((stem for stem in _stems() if name.startswith(stem) and name in _module(stem).NETWORKS), None)


def _read_aliases() -> dict[str, str]:
    """{other name: name} of the bundled networks: each module of `workloads` may have ALIASES."""
    return {alias: name for stem in _stems() for alias, name in getattr(_module(stem), "ALIASES", {}).items()}


def network_names() -> list[str]:
    """All names that mean a bundled network."""
    return [*networks(), *_listed()["aliases"]]


def network_name(text: str) -> str | None:
    """The bundled network that a text means, however it is written (ResNet-50: resnet50); None if none."""
    return text if namesake(text) is not None else listed_name(text)


def listed_name(text: str) -> str | None:
    """The same for who asks about many names: no module of `workloads` is imported once the names are kept."""
    aliases: dict[str, str] = _listed()["aliases"]
    return known_name(text, networks()) or aliases.get(known_name(text, aliases) or "")


def builder(name: str) -> Callable[..., Any]:
    """Return the function that builds the bundled network `name`.

    Raises RooftileError for a name not in `networks()`.
    """
    module = namesake(name)
    if module is None:
        known = networks()
        if name not in known:
            raise RooftileError(f"network: there is no bundled network {name!r}{nearest(name, known)}")
        module, _ = known[name]
    function: Callable[..., Any] = _module(module).NETWORKS[name]
    return function


def part(stem: str, name: str) -> Any:
    """A function of one module of `workloads`, by name, for readers that describe a network by its shapes."""
    return getattr(_module(stem), name)


@functools.cache
def _stems() -> list[str]:
    """Names of the modules of `workloads`."""
    return [path.stem for path in sorted(folder("workloads").glob("*.py")) if not path.stem.startswith("_")]


def _module(stem: str) -> ModuleType:
    """Import one module of `workloads`, under the same name in a wheel, an editable install and a bare clone."""
    if _PACKAGE not in sys.modules and importlib.util.find_spec(_PACKAGE) is None:
        _adopt_folder()
    return importlib.import_module(f"{_PACKAGE}.{stem}")


def _adopt_folder() -> None:
    """Make the `workloads` folder of a clone importable as the package that the wheel has."""
    place = folder("workloads")
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None or not place.is_dir():
        raise RooftileError(f"the bundled networks are missing: no folder {place}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # A half-made package would hide the cause from the next try.
        del sys.modules[_PACKAGE]
        raise
