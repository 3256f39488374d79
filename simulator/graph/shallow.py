"""Passes of language models with other depths and contexts than they were asked with: equal layers need be looked at once."""

import math
from dataclasses import fields
from functools import lru_cache
from typing import Any

from simulator.graph.build import Graph
from simulator.graph.language import Decoder, decoders
from simulator.graph.load import load_network

EXPERT_LAYERS = 8
"""Layers of a period where there are experts: how many of them are met differs by one from layer to layer."""


def depths(decoder: Decoder) -> tuple[int, int] | None:
    """Layers of the two shallow decoders; None where all of them are no more."""
    period = decoder.global_every or 1
    if decoder.experts:
        period = math.lcm(period, EXPERT_LAYERS)
    first = decoder.dense_first + (decoder.layers - decoder.dense_first) % period or period
    if first <= decoder.dense_first:
        first += period
    return (first, first + period) if first + period < decoder.layers else None


def decoder_in(graph: Graph) -> Decoder | None:
    """The bundled language model, perhaps of other shapes, that a graph is a pass of; None for any other network."""
    given = graph.graph.get("parameters", {})
    if graph.graph.get("name") not in decoders() or "file" in graph.graph:
        return None
    return Decoder(**{field.name: given[field.name] for field in fields(Decoder)})


def with_layers(graph: Graph, layers: int, **more: Any) -> Graph:
    """The same pass of a bundled language model with so many layers. more: other parameters that are changed."""
    given = graph.graph["parameters"]
    changed = {**given, **more, "layers": layers}
    return graph if changed == given else _built(graph.graph["name"], tuple(sorted(changed.items())))


@lru_cache(maxsize=16)
def _built(name: str, given: tuple[tuple[str, Any], ...]) -> Graph:
    """A decoder of other parameters: one object, so that what is derived from it is kept."""
    return load_network(name, **dict(given))
