"""Rooftile: what an inference chip delivers on a network, and where its TOPS go.

    from simulator import load_chip, load_network, simulate

    result = simulate(load_network("resnet50"), load_chip("inferx_x1"), batch=1)
    result.throughput_per_s

Importing the package is cheap: each name is fetched from its own file when it is first used. No module is called as one of
these names: Python binds a module to its package when it is first imported, and would hide the function behind it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.chip.load import load_chip
    from simulator.cost.price import chip_cost
    from simulator.errors import RooftileError
    from simulator.graph.load import load_network
    from simulator.graph.readers.torch_module import from_torch
    from simulator.reading.sizes import ImageSize
    from simulator.result.form import LayerResult, Result
    from simulator.run import simulate
    from simulator.study.batching import batch_curve
    from simulator.study.explaining import explain
    from simulator.study.generating import generate
    from simulator.study.linting import lint
    from simulator.study.memory import memory_map
    from simulator.study.ranking import compare_chips
    from simulator.study.sensitivities import sensitivity
    from simulator.study.sizing import size
    from simulator.study.uncertainties import uncertainty
    from simulator.sweeps.run import sweep

__version__ = "0.2.0"

__all__ = [
    "ImageSize",
    "LayerResult",
    "Result",
    "RooftileError",
    "__version__",
    "batch_curve",
    "chip_cost",
    "compare_chips",
    "explain",
    "from_torch",
    "generate",
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
    "ImageSize": "simulator.reading.sizes",
    "LayerResult": "simulator.result.form",
    "Result": "simulator.result.form",
    "RooftileError": "simulator.errors",
    "explain": "simulator.study.explaining",
    "batch_curve": "simulator.study.batching",
    "generate": "simulator.study.generating",
    "chip_cost": "simulator.cost.price",
    "compare_chips": "simulator.study.ranking",
    "lint": "simulator.study.linting",
    "load_chip": "simulator.chip.load",
    "load_network": "simulator.graph.load",
    "from_torch": "simulator.graph.readers.torch_module",
    "memory_map": "simulator.study.memory",
    "sensitivity": "simulator.study.sensitivities",
    "simulate": "simulator.run",
    "size": "simulator.study.sizing",
    "sweep": "simulator.sweeps.run",
    "uncertainty": "simulator.study.uncertainties",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its file (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names whether or not they have been fetched."""
    return sorted({*globals(), *__all__})
