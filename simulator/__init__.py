"""Rooftile: what an inference chip delivers on a network, and where its TOPS go.

    from simulator import load_chip, load_network, simulate

    result = simulate(load_network("resnet50"), load_chip("inferx_x1"), batch=1)
    result.throughput_per_s

Importing the package is cheap: each name is fetched from its own file when it is first used.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.chip.load import load_chip
    from simulator.errors import RooftileError
    from simulator.graph.load import load_network
    from simulator.result.form import LayerResult, Result
    from simulator.run import simulate
    from simulator.study.batching import batch_curve
    from simulator.study.explain import explain
    from simulator.study.lint import lint
    from simulator.study.memory import memory_map
    from simulator.study.sensitivity import sensitivity
    from simulator.study.sizing import size
    from simulator.study.uncertainty import uncertainty
    from simulator.sweep.run import sweep

__version__ = "0.2.0"

__all__ = [
    "LayerResult",
    "Result",
    "RooftileError",
    "__version__",
    "batch_curve",
    "explain",
    "lint",
    "load_chip",
    "load_network",
    "memory_map",
    "sensitivity",
    "simulate",
    "size",
    "sweep",
    "uncertainty",
]

_HOMES = {
    "LayerResult": "simulator.result.form",
    "Result": "simulator.result.form",
    "RooftileError": "simulator.errors",
    "explain": "simulator.study.explain",
    "batch_curve": "simulator.study.batching",
    "lint": "simulator.study.lint",
    "load_chip": "simulator.chip.load",
    "load_network": "simulator.graph.load",
    "memory_map": "simulator.study.memory",
    "sensitivity": "simulator.study.sensitivity",
    "simulate": "simulator.run",
    "size": "simulator.study.sizing",
    "sweep": "simulator.sweep.run",
    "uncertainty": "simulator.study.uncertainty",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its file (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    """List the public names whether or not they have been fetched."""
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This package, in which the file `simulator/simulate.py` does not hide the function `simulate`.

    Python binds a module to its package when the module is first imported; without this, `from simulator import
    simulate` would give the function or the module, depending on what ran before.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
