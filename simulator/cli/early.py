"""What a command does before it imports its libraries, to start sooner. A program that imports the package is left alone."""

import importlib.util
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LATER = ("convert_matrix", "relabel", "generators", "readwrite", "algorithms", "linalg", "drawing")
"""Parts of networkx that are imported when somebody asks for a name of theirs: a graph needs none, and they are 280 modules."""

QUIET = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""Settings of libraries unless the user has them: no threads for products of matrices, of which there are none; no look through
all that is installed for plug-ins of pydantic."""


def settle() -> None:
    """Set what libraries read of the environment when they are imported, and have networkx imported in part."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "networkx" not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds networkx as Python does, once, and has it loaded in part."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002 (Python gives them)
        """Give what networkx is loaded by; nothing of any other module."""
        if fullname != "networkx":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _InPart(spec.loader)
        return spec


class _InPart(Loader):
    """Loads networkx without its parts in LATER; whoever asks for a name of these has them all."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as usual."""
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run it while empty modules stand in for what is left out."""
        module.__loader__ = self._usual
        if module.__spec__ is not None:
            module.__spec__.loader = self._usual
        stand_ins = {f"networkx.{part}": ModuleType(part) for part in LATER}
        for each in stand_ins.values():
            each.__dict__["__all__"] = []
        sys.modules.update(stand_ins)
        try:
            self._usual.exec_module(module)
        finally:
            for name in stand_ins:
                sys.modules.pop(name, None)
        _ask_for_the_rest(vars(module))


def _ask_for_the_rest(own: dict[str, Any]) -> None:
    """Have the names of networkx that are not there yet imported when somebody asks for one."""
    for part in LATER:
        own.pop(part, None)
    usual = own.get("__getattr__")

    def found(name: str) -> Any:
        """Give what is not there yet; `__all__` is what `from networkx import *` asks for."""
        if not name.startswith("__") or name == "__all__":
            if _completed(own) and own.get("__getattr__") is found:
                own.pop("__getattr__")
                own.update({} if usual is None else {"__getattr__": usual})
            if name in own:
                return own[name]
        raise AttributeError(f"module 'networkx' has no attribute {name!r}")

    own["__getattr__"] = found


def _completed(own: dict[str, Any]) -> bool:
    """Import what was left out, in networkx's own order; False while one of the parts is itself being imported."""
    done = True
    for part in LATER:
        module = importlib.import_module(f"networkx.{part}")
        done = done and not getattr(module.__spec__, "_initializing", False)
        names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
        own.update({name: vars(module)[name] for name in names if name in vars(module)})
        own[part] = module
    return done
