"""What a command does before it imports its libraries, to start sooner. A program that imports the package is left alone."""

import importlib
import os
import sys
from types import ModuleType
from typing import Any

LATER = ("convert_matrix", "relabel", "generators", "readwrite", "algorithms", "linalg", "drawing")
"""Parts of networkx that are imported when somebody asks for a name of theirs: a graph needs none, and they are 280 modules."""

QUIET = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""Settings of libraries unless the user has them: no threads for products of matrices, of which there are none; no look through
all that is installed for plug-ins of pydantic."""


def settle() -> None:
    """Set what libraries read of the environment when they are imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def networkx_in_part() -> None:
    """Import networkx without its parts in LATER; whoever asks for a name of these has them all."""
    if "networkx" in sys.modules:
        return
    stand_ins = {f"networkx.{part}": ModuleType(part) for part in LATER}
    for module in stand_ins.values():
        module.__dict__["__all__"] = []
    sys.modules.update(stand_ins)
    try:
        import networkx  # noqa: PLC0415
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)
    own = vars(networkx)
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
