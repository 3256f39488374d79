"""The figures of a run, kept on disk: to a question that was answered before nothing is scheduled, and no kernel is read.

They are kept under a digest of all that they are made from: layers, edges and what the network says of itself, the whole chip,
the chip that bills are relative to, batch and formats; and of the code and data of the model, as everything that is kept. A
layer's own figures are not kept: they are many, and few ask for them.
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.graph.load import network_digest
from simulator.graph.subject import subject_of
from simulator.result.form import Layers, Result
from simulator.store import bundled, disk, plain


def name_of(graph: Graph, chip: Architecture, batch: int, precision: str | None) -> str:
    """Name of what is kept of a question; the same for questions that have the same answer."""
    asked = (network_digest(graph), list(graph), sorted(graph.graph.items()), subject_of(graph), batch, precision)
    bills: Path = bundled.chips()[bundled.REFERENCE]  # it counts in every answer
    return disk.name_of("run", *asked, chip.model_dump(mode="json"), bills.read_text(encoding="utf-8"))


def load(name: str, layers: Callable[[], Layers]) -> Result | None:
    """The answer that is kept under a name of `name_of`; None where there is none. layers: gives its layers, when asked for."""
    found = plain.load(name)
    try:
        return None if found is None else Result(**{**found, "notes": tuple(found["notes"]), "layers": layers})
    except (LookupError, TypeError):  # a file of another make: as good as none
        return None


def save(name: str, result: Result) -> bool:
    """Keep an answer, what it says of gains worked out. False if nothing can be written."""
    return plain.save(name, {each.name: getattr(result, each.name) for each in fields(result) if each.name != "layers"})
