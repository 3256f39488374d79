"""The number formats that a network is asked in: those of the question, else its own."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from simulator.formats import OWN, USUAL, Formats, format_of, formats_of, half_of, held, with_own
from simulator.graph.layer import Layer
from simulator.graph.nodes import Graph
from simulator.graph.told import told_of
from simulator.reading.precision import precision_text
from simulator.vocabulary import BITS, FLOATS

WIDE = frozenset(word for word in FLOATS if BITS[word] >= BITS["fp16"])
"""Formats that a network which narrows others leaves a layer in."""

Precision: TypeAlias = str | Mapping[str, Any]
"""A word for number formats, or a mapping of roles to formats."""


def precision_of(graph: Graph, given: Precision | None) -> str:
    """The word for the formats that a network runs in: what is given, else what its layers carry, else int8.

    Raises NetworkError for what is no format.
    """
    if given is not None:
        word = precision_text(given)
        formats_of(word)
        return word
    return OWN if told_of(graph).formats else USUAL


def formats_at(layer: Layer, formats: Formats, rates: tuple[str, ...]) -> Formats:
    """The formats of a layer on an array with these rates: what it carries where the network's own were asked for."""
    return with_own(formats, layer.formats, rates) if formats.own and layer.formats else formats


def format_notes(graph: Graph, precision: str, rates: Iterable[str], products: Iterable[str]) -> tuple[str, ...]:
    """What a reader should know of formats that a network brings itself: in what it is multiplied, and what a chip lacks.

    rates: formats that the array multiplies in. products: that of each layer which multiplies.
    """
    if precision != OWN:
        return ()
    rates, lacking, floats = tuple(rates), Counter[tuple[str, str]](), Counter[str]()
    for _, data in graph.nodes(data=True):
        if (layer := data["layer"]).is_compute:
            words = dict.fromkeys(word for _, word in layer.formats)
            floats.update([" and ".join(words) if words.keys() <= WIDE else ""])
            for word in words:
                one = format_of(word, half_of(rates))
                if (other := held(one, rates).name) != one.name:
                    lacking[one.name, other] += 1
    shown = ", ".join(f"{count} in {word}" for word, count in Counter(products).most_common())
    notes = [f"number formats are the network's own, unless others are asked for; products: {shown or 'none'}"]
    for word in filter(None, floats if floats[""] else ()):
        notes.append(f"{_layers(floats[word])} left in {word} by the network, which narrows others")
    for (word, other), count in lacking.items():
        notes.append(f"the chip has no format that holds {word}: {_layers(count)} in {other} instead")
    return tuple(notes)


def _layers(count: int) -> str:
    return "1 layer is" if count == 1 else f"{count:,} layers are"
