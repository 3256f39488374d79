"""What the layers of a graph are in all: worked out once for a graph whose nodes are fixed."""

import weakref
from typing import NamedTuple

from simulator.graph.early import Graph, is_frozen


class Told(NamedTuple):
    """Of all layers of a graph."""

    kinds: frozenset[str]
    formats: bool
    """Whether any carries number formats of its own."""


_known: "weakref.WeakKeyDictionary[Graph, Told]" = weakref.WeakKeyDictionary()


def told_of(graph: Graph) -> Told:
    """What the layers of a graph are."""
    found = _known.get(graph) if is_frozen(graph) else None
    if found is None:
        layers = [data["layer"] for _, data in graph.nodes(data=True)]
        found = Told(frozenset(layer.kind for layer in layers), any(layer.formats for layer in layers))
        if is_frozen(graph):
            _known[graph] = found
    return found
