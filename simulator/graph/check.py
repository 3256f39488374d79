"""Checks of a layer graph that somebody else built: what the rest of Rooftile relies on, one line a fault."""

import dataclasses
import marshal
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any

from simulator.errors import NetworkError, nearest
from simulator.formats import own_formats
from simulator.graph.early import is_digraph
from simulator.graph.layer import Layer
from simulator.graph.window import output_extent
from simulator.store.foreign import printable
from simulator.vocabulary import COMPUTE, ORIGINS, VECTOR_OPERATIONS, WEIGHTED

MOST_FAULTS = 10
"""Lines of an error: one mistake in a loop of a builder would else fill the screen."""

MOST_SHOWN = 60
"""Characters of a bad value."""

LONGEST_NAME = 200
"""Characters of a layer's name."""

LARGEST_EXTENT = 2**24
"""Of a layer along one axis: a hundred times any in use. The search for tilings has lists as long as that."""

MOST_MACS = 2**53
"""MACs, and elements of a tensor: float64 counts exactly up to here."""

_KINDS = COMPUTE | frozenset(VECTOR_OPERATIONS)
EXTENTS = (
    "groups",
    "out_channels",
    "in_channels",
    "out_height",
    "out_width",
    "kernel_height",
    "kernel_width",
    "in_height",
    "in_width",
)
"""Fields of a layer that are its loops and the plane it reads."""


_ALL_BUT_NAME = attrgetter(*(field.name for field in dataclasses.fields(Layer) if field.name != "name"))

_WINDOWED = ("conv", "pool")
"""Kinds whose window slides: all others have a kernel of 1, with no stride, dilation or padding."""

_KERNEL = ("kernel_height", "kernel_width")
_SCORE = ("additive_score", "kernel_height")
"""It has the numbers of a row there, which it adds up."""


def check_graph(graph: Any, where: str, lines: int = MOST_FAULTS) -> None:
    """Raise NetworkError unless `graph` is a layer graph; `where` begins each line, of which there are at most so many.

    A layer graph is a directed networkx graph whose nodes carry `layer` (a Layer of the same name), in an order in
    which every layer comes after what it reads, and whose edges carry `operand` ("inputs" or "weights").
    """
    if not is_digraph(graph):
        raise NetworkError(f"{where}: must be a networkx.DiGraph, got {type(graph).__name__}")
    layers = {name: data.get("layer") for name, data in graph.nodes(data=True)}
    if not any(isinstance(layer, Layer) and layer.kind != "input" for layer in layers.values()):
        raise NetworkError(f"{where}: must have at least one layer, got none in {len(layers)} nodes")
    faults = [f"{where}: {fault}" for fault in _layer_faults(layers)]
    if not faults:  # edges are judged by the layers at their ends
        faults = [f"{where}: {fault}" for fault in _edge_faults(graph)]
    if not faults:
        faults = [f"{where}: {fault}" for fault in _size_faults(graph)]
    if faults:
        left = len(faults) - lines
        if lines == 1 and left > 0:
            raise NetworkError(f"{faults[0]} (and {left} more like it)")
        raise NetworkError("\n".join(faults[:lines] + ([f"{where}: and {left} more"] if left > 0 else [])))


def _layer_faults(layers: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of all nodes. Of layers that differ in their names alone, as in a deep network, one is looked at."""
    good: set[bytes] = set()
    for name, layer in layers.items():
        shown = printable(str(name))[:MOST_SHOWN]
        if not isinstance(layer, Layer):
            yield f"{shown}: layer: must be a Layer as the node's attribute, got {type(layer).__name__}"
            continue
        if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST_NAME:
            yield f"{shown}: name: must be printable text of at most {LONGEST_NAME} characters"
        elif layer.name != name:
            yield f"{shown}: name: must be the node's, got {layer.name!r}"
        form = _form(layer)
        if form is not None and form in good:
            continue
        faults = list(_node_faults(name, shown, layer))
        yield from faults
        if form is not None and not faults:
            good.add(form)


def _form(layer: Layer) -> bytes | None:
    """All of a layer but its name, with the types of its fields: of Python's own plain ones alone, else None."""
    try:
        return marshal.dumps(_ALL_BUT_NAME(layer), 2)  # without references, which equal layers need not share alike
    except ValueError:
        return None


def _node_faults(name: Any, shown: str, layer: Layer) -> Iterator[str]:
    """Yield the faults of one layer: its kind, and numbers that are no extents. shown: its name in messages."""
    if not isinstance(layer.kind, str) or layer.kind not in _KINDS:
        yield f"{name}: kind: must be a known one, got {layer.kind!r}{nearest(str(layer.kind)[:MOST_SHOWN], _KINDS)}"
        return
    faults = [f"{shown}: {fault}" for fault in _number_faults(layer)]
    yield from faults
    if not faults:
        yield from _window_faults(layer)
        yield from _step_faults(layer)
        yield from _origin_faults(layer)
        yield from _format_faults(layer)


def _format_faults(layer: Layer) -> Iterator[str]:
    """Yield what is no number format, and a role that weights do not have."""
    if layer.role not in ("", "head"):
        yield f"{layer.name}: role: must be empty or 'head', got {_shown(layer.role)}"
    try:
        own_formats(dict(layer.formats))
    except (NetworkError, TypeError, ValueError) as error:
        yield f"{layer.name}: formats: {str(error).removeprefix('precision: ')}"


def _number_faults(layer: Layer) -> Iterator[str]:
    """Yield what is no extent, stride, dilation or padding, and what a layer of this kind does not have."""
    for what in EXTENTS:
        value = getattr(layer, what)
        if not _whole(value, 1):
            yield f"{what}: must be a whole number of at least 1, got {_shown(value)}"
        elif value > LARGEST_EXTENT:
            yield f"{what}: must be at most {LARGEST_EXTENT:,}, got {_shown(value)}"
        elif value > 1 and what in _KERNEL and not (layer.kind in _WINDOWED or (layer.kind, what) == _SCORE):
            yield f"{what}: must be 1 of a {layer.kind}, got {value}"
    for what, usual, least in (("stride", (1, 1), 1), ("dilation", (1, 1), 1), ("padding", (0, 0, 0, 0), 0)):
        values = getattr(layer, what)
        good = isinstance(values, tuple) and len(values) == len(usual) and all(_whole(each, least) for each in values)
        if not good:
            yield f"{what}: must be {len(usual)} whole numbers of at least {least}, got {_shown(values)}"
        elif max(values) > LARGEST_EXTENT:
            yield f"{what}: must be at most {LARGEST_EXTENT:,}, got {_shown(values)}"
        elif values != usual and layer.kind not in _WINDOWED:
            yield f"{what}: must be {usual} of a {layer.kind}, got {values}"
    if layer.transposed and (layer.transposed is not True or layer.kind != "conv"):
        yield f"transposed: must be False of a {layer.kind}, got {_shown(layer.transposed)}"
    if not isinstance(layer.has_bias, bool):
        yield f"has_bias: must be True or False, got {_shown(layer.has_bias)}"


def _window_faults(layer: Layer) -> Iterator[str]:
    """Yield what is wrong between inputs, window and outputs."""
    if layer.kind not in _WINDOWED:
        if layer.kind in COMPUTE and (layer.in_height, layer.in_width) != (layer.out_height, layer.out_width):
            sizes = f"{layer.in_height} x {layer.in_width} and {layer.out_height} x {layer.out_width}"
            yield f"{layer.name}: in_height: inputs and outputs of a {layer.kind} must have the same rows, got {sizes}"
        return
    for axis, what in enumerate(("out_height", "out_width")):
        outputs = (layer.out_height, layer.out_width)[axis]
        extent = (layer.in_height, layer.in_width)[axis]
        kernel = (layer.kernel_height, layer.kernel_width)[axis]
        before, after = layer.padding[2 * axis : 2 * axis + 2]
        if layer.transposed:
            least = (extent - 1) * layer.stride[axis] - before - after + layer.dilation[axis] * (kernel - 1) + 1
            if not least <= outputs < least + layer.stride[axis]:
                yield f"{layer.name}: {what}: must be {least} to {least + layer.stride[axis] - 1}, got {outputs}"
            continue
        # Pooling is rounded up by some frameworks; convolutions never are.
        allowed = {
            output_extent(extent, kernel, layer.stride[axis], layer.dilation[axis], before, after, ceil)
            for ceil in (False, layer.kind == "pool")
        }
        if outputs not in allowed:
            text = " or ".join(str(each) for each in sorted(allowed))
            yield f"{layer.name}: {what}: must be {text} for its inputs, kernel, stride and padding, got {outputs}"


def _step_faults(layer: Layer) -> Iterator[str]:
    """Yield what is wrong with the steps of a recurrence."""
    if not _whole(layer.steps, 1) or layer.out_height % layer.steps:
        yield f"{layer.name}: steps: must be a whole number that divides the {layer.out_height} rows, got {layer.steps!r}"
    elif layer.steps > 1 and (layer.kind not in COMPUTE - {"conv"} or layer.out_width != 1):
        yield f"{layer.name}: steps: must be 1 but for a dense layer, a matmul or an lstm, got {layer.steps}"
    if not isinstance(layer.loop, str):
        yield f"{layer.name}: loop: must be text, got {layer.loop!r}"
    if layer.kind == "lstm" and (layer.out_channels != 4 * layer.in_channels or layer.groups != 1):
        channels = f"{layer.out_channels} and {layer.in_channels} in {layer.groups} groups"
        yield f"{layer.name}: out_channels: an lstm must have four times its in_channels in one group, got {channels}"


def _origin_faults(layer: Layer) -> Iterator[str]:
    """Yield what is wrong with where a tensor comes from or goes, and with the table of an embedding."""
    known = ("", ORIGINS[1])
    if not isinstance(layer.origin, str) or layer.origin not in known:
        yield f"{layer.name}: origin: must be {known[1]!r} or empty, got {_shown(layer.origin)}"
    if not isinstance(layer.into, str):
        yield f"{layer.name}: into: must be the name of an input, got {_shown(layer.into)}"
    elif layer.into and (layer.kind == "input" or not layer.origin):
        yield f"{layer.name}: into: must be empty of an input, and where origin is not {known[1]!r}, got {_shown(layer.into)}"
    if not _whole(layer.table_rows, 0) or layer.table_rows > LARGEST_EXTENT:
        yield f"{layer.name}: table_rows: must be a whole number of 0 to {LARGEST_EXTENT:,}, got {_shown(layer.table_rows)}"
    elif layer.table_rows and layer.kind != "embedding":
        yield f"{layer.name}: table_rows: must be 0 but for an embedding, got {layer.table_rows}"


def _edge_faults(graph: Any) -> Iterator[str]:
    """Yield the faults of the edges: order, operands, and tensors smaller than what is read of them."""
    place = {name: number for number, name in enumerate(graph)}
    layers: dict[Any, Layer] = {name: data["layer"] for name, data in graph.nodes(data=True)}
    for name, layer in layers.items():
        if layer.into and not (layer.into in layers and layers[layer.into].is_state_input):
            yield f"{name}: into: must be an input of origin 'state', got {_shown(layer.into)}"
        if layer.shares:
            yield from _shares_faults(layer, layers, place)
        counts = {"inputs": 0, "weights": 0}
        for producer, edge in graph.pred[name].items():
            operand = edge.get("operand")
            if place[producer] >= place[name]:
                yield f"{name}: order: must come after {producer!r}, which it reads"
            if not isinstance(operand, str) or operand not in counts:
                yield f"{producer} -> {name}: operand: must be 'inputs' or 'weights', got {_shown(operand)}"
                continue
            counts[operand] += 1
            have: int = layers[producer].output_elements
            need = layer.weight_elements if operand == "weights" else layer.input_elements
            if layer.is_compute and need > have:
                yield f"{producer} -> {name}: {operand}: must be at least {need} elements, got {have}"
            yield from _share_faults(layer, producer, edge, have)
        yield from _count_faults(layer, counts["inputs"], counts["weights"])


def _shares_faults(layer: Layer, layers: Mapping[Any, Layer], place: Mapping[Any, int]) -> Iterator[str]:
    """Yield weights that are to be those of no layer before, of other weights, or of one that has none of its own."""
    owner = layers.get(layer.shares) if isinstance(layer.shares, str) else None
    if owner is None or place[layer.shares] >= place[layer.name]:
        yield f"{layer.name}: shares: must be the name of a layer before, got {_shown(layer.shares)}"
    elif owner.shares or layer.kind not in WEIGHTED or owner.kind != layer.kind:
        yield f"{layer.name}: shares: must be a {layer.kind} with weights of its own, got {_shown(layer.shares)}"
    elif owner.weight_elements != layer.weight_elements:
        yield f"{layer.name}: shares: must have {layer.weight_elements} weights, got {owner.weight_elements}"


def _share_faults(layer: Layer, producer: str, edge: Any, have: int) -> Iterator[str]:
    """Yield a share of a tensor that cannot be read of it, or that is not the edge's to say."""
    if "elements" not in edge:
        return
    elements = edge["elements"]
    if layer.is_compute:
        yield f"{producer} -> {layer.name}: elements: must not be given, a {layer.kind} reads what its sizes say"
    elif not _whole(elements, 1) or elements > have:
        yield f"{producer} -> {layer.name}: elements: must be a whole number of 1 to {have}, got {_shown(elements)}"


def _count_faults(layer: Layer, inputs: int, weights: int) -> Iterator[str]:
    """Yield a wrong number of operands."""
    wanted = 1 if layer.kind == "matmul" else 0
    if weights != wanted:
        yield f"{layer.name}: weights: a {layer.kind} must have {wanted} edges with operand 'weights', got {weights}"
    if layer.kind == "input" and inputs:
        yield f"{layer.name}: inputs: an input of the network must have no edge into it, got {inputs}"
    elif layer.is_compute and inputs != 1:
        yield f"{layer.name}: inputs: a {layer.kind} must have 1 edge with operand 'inputs', got {inputs}"
    elif layer.kind != "input" and inputs < 1:
        yield f"{layer.name}: inputs: a {layer.kind} must have at least 1 edge with operand 'inputs', got 0"


def _size_faults(graph: Any) -> Iterator[str]:
    """Yield tensors and networks too large to be counted exactly."""
    macs = 0
    for _, data in graph.nodes(data=True):
        layer: Layer = data["layer"]
        macs += layer.macs
        largest = max(layer.output_elements, layer.input_elements, layer.weight_elements, layer.vector_operations)
        if largest > MOST_MACS:
            # One line: what made this layer too large makes its neighbours so too.
            yield f"{layer.name}: must be at most 2**53 elements or operations, got {largest:.3g}"
            return
    if macs > MOST_MACS:
        yield f"must be at most 2**53 multiply-accumulates for one item, got {macs:.3g}"


def _shown(value: object) -> str:
    """A bad value on one line, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    text = printable(repr(value))
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
