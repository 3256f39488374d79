"""The number formats that a network is asked in: those of the question, else its own."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from simulator.formats import OWN, USUAL
from simulator.graph.nodes import Graph
from simulator.reading.precision import precision_text

Precision: TypeAlias = str | Mapping[str, Any]
"""A word for number formats, or a mapping of roles to formats."""


def precision_of(graph: Graph, given: Precision | None) -> str:
    """The word for the formats that a network runs in: what is given, else what its layers carry, else int8."""
    if given is not None:
        return precision_text(given)
    return OWN if any(data["layer"].formats for _, data in graph.nodes(data=True)) else USUAL
