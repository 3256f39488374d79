"""Runtimes: what of a language model's time belongs to the software that runs it. Few constants, by class, none by chip."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulator.chip.change import changed_chip
from simulator.chip.schema import Architecture
from simulator.errors import OptionError, nearest
from simulator.store.data import read_data

USUAL = "compiled"
"""Class of a runtime that is not told."""


@dataclass(frozen=True)
class Runtime:
    """A runtime by name, or a class of them."""

    name: str
    kind: str
    """Class whose constants it takes."""
    us_per_kernel: float | None
    """Between kernels of a GPU; None: as the chip file and the model have it. [us]"""
    reads_by_head: bool = False
    """Attention of one new token reads the cache once for each query head."""
    windows: bool = True
    """Whether it keeps to the window of a model that has one."""
    most: int | None = None
    """Sequences at once."""

    def on(self, chip: Architecture) -> Architecture:
        """The chip as this runtime uses it."""
        if self.us_per_kernel is None or not chip.is_gpu or chip.overhead_us is not None:
            return chip
        return changed_chip(chip, {"overhead_us": self.us_per_kernel}, f"runtime {self.name}")


@cache
def runtimes() -> Mapping[str, Runtime]:
    """{name: runtime} of all that are known, and of the classes."""
    data = read_data("runtimes.yaml")
    found = {kind: Runtime(kind, kind, row["us_per_kernel"]) for kind, row in data["classes"].items()}
    for name, row in data["runtimes"].items():
        found[name] = _made(name, row, found[row["class"]])
    return found


def _made(name: str, row: Mapping[str, Any], kind: Runtime) -> Runtime:
    by_head = row.get("cache_reads", "group") == "head"
    return Runtime(name, kind.name, kind.us_per_kernel, by_head, row.get("windows", True), row.get("most"))


def runtime_of(name: str | None) -> Runtime:
    """A runtime or a class by name; without one, the usual class. Raises OptionError for one that is not known."""
    known = runtimes()
    if name is None:
        return known[USUAL]
    if name not in known:
        raise OptionError(f"runtime: must be a known runtime or a class of them, got {name!r}{nearest(name, known)}")
    return known[name]
