"""Fusion: a layer graph becomes steps, each a layer with the vector work done on its outputs before they leave the chip."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from simulator.graph.build import Graph
from simulator.graph.layer import Layer


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation. Elements are for one item; `producers` and `readers` are step numbers (no producer: a network input)."""

    name: str
    elements: int
    producers: tuple[int, ...]
    readers: tuple[int, ...]
    state: bool = False
    """Whether it is an input that lies in the outer memory."""


@dataclass(frozen=True, slots=True)
class Read:
    """A step reads `elements` (for one item) of a tensor."""

    tensor: int
    elements: int


@dataclass(frozen=True, slots=True)
class Step:
    """One layer as it runs: the leading layer, the vector layers fused behind it, and what is read and written.

    `inputs` are the operands of the leading layer (a vector layer may read several), `weights` the second activation of a
    matmul, `extra` what fused layers read beside (the second input of a residual add).
    """

    layer: Layer
    fused: tuple[Layer, ...]
    inputs: tuple[Read, ...]
    weights: Read | None
    extra: tuple[Read, ...]
    output: int
    output_elements: int
    second: Layer | None = None
    """A second product in the same kernel, of the softmax of the first with values (attention); see `graph.merge`."""
    values: Read | None = None
    """What that product reads beside; also among `extra`."""
    stored: int = 0
    """Elements of the output that are state: written to the outer memory whoever else reads them."""
    stored_apart: int = 0
    """Those of them that become no part of an input that is there already."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The fused graph in run order."""

    steps: tuple[Step, ...]
    tensors: tuple[Tensor, ...]


@dataclass
class _Open:
    """A step that may still take fused layers; `tail` is the node whose value it ends with."""

    layer: Layer
    inputs: list[str]
    weights: str | None
    tail: str
    fused: list[Layer] = field(default_factory=list)
    extra: list[tuple[str, str]] = field(default_factory=list)
    """(what is read, the fused node that reads it)."""


def fuse_layers(graph: Graph, words: Iterable[str]) -> Steps:
    """Steps of `graph` on a chip that fuses the vector kinds in `words` into their producer.

    A vector layer fuses into the producer that runs last of its inputs, if nothing else reads that producer's value; its
    other inputs are read beside. A fused concat costs nothing: its producers write into one tensor.
    """
    fuses = frozenset(words)
    steps: list[_Open] = []
    ends: dict[str, int] = {}  # node -> step that ends with its value
    joined: dict[str, str] = {}  # node -> concat node whose tensor it is written into
    sources: list[str] = []
    for node in graph.nodes:
        layer: Layer = graph.nodes[node]["layer"]
        operands = {u: edge["operand"] for u, edge in graph.pred[node].items()}
        inputs = [u for u, operand in operands.items() if operand != "weights"]
        second = [u for u, operand in operands.items() if operand == "weights"]
        if layer.kind == "input":
            sources.append(node)
            continue
        if layer.kind == "concat" and "concat" in fuses and _may_join(inputs, ends, joined):
            joined.update(dict.fromkeys(inputs, node))
            continue
        host = _host(graph, layer, inputs, ends, joined, fuses)
        if host is not None:
            step = steps[host]
            step.extra.extend((u, node) for u in inputs if u != step.tail)
            step.fused.append(layer)
            step.tail = node
            ends[node] = host
            continue
        ends[node] = len(steps)
        steps.append(_Open(layer, inputs, second[0] if second else None, node))
    return _close(graph, steps, joined, sources)


def _may_join(inputs: list[str], ends: dict[str, int], joined: dict[str, str]) -> bool:
    """Whether every input of a concat is the value of a step of its own that no other concat has taken."""
    return len(set(inputs)) == len(inputs) and all(u in ends and u not in joined for u in inputs)


def _host(
    graph: Graph,
    layer: Layer,
    inputs: list[str],
    ends: dict[str, int],
    joined: dict[str, str],
    fuses: frozenset[str],
) -> int | None:
    """Number of the step that a vector layer fuses into, or None."""
    if layer.is_compute or layer.kind not in fuses or layer.kind in ("embedding", "concat"):
        return None
    candidates = [u for u in inputs if u in ends and u not in joined]
    if not candidates:
        return None
    last = max(candidates, key=lambda u: ends[u])
    if len(graph.succ[last]) != 1 or inputs.count(last) != 1 or graph.nodes[last]["layer"].origin:
        return None
    return ends[last]


def _close(graph: Graph, steps: list[_Open], joined: dict[str, str], sources: list[str]) -> Steps:
    """Number the tensors: one a step's value, one for all values that a concat joins."""
    names: dict[str, int] = {}
    for node in [*sources, *(joined.get(step.tail, step.tail) for step in steps)]:
        names.setdefault(node, len(names))

    def tensor_of(node: str) -> int:
        return names[joined.get(node, node)]

    def elements(node: str) -> int:
        layer: Layer = graph.nodes[node]["layer"]
        return layer.output_elements

    def read(producer: str, reader: str) -> Read:
        return Read(tensor_of(producer), read_elements(graph, producer, reader))

    producers: dict[int, list[int]] = {number: [] for number in names.values()}
    readers: dict[int, list[int]] = {number: [] for number in names.values()}
    done: list[Step] = []
    for number, step in enumerate(steps):
        reads = [read(u, step.layer.name) for u in step.inputs]
        weights = read(step.weights, step.layer.name) if step.weights else None
        extra = tuple(read(u, node) for u, node in step.extra)
        output = tensor_of(step.tail)
        producers[output].append(number)
        for each in (*reads, *extra, *([weights] if weights else [])):
            if not readers[each.tensor] or readers[each.tensor][-1] != number:
                readers[each.tensor].append(number)
        done.append(
            _stored(
                Step(step.layer, tuple(step.fused), tuple(reads), weights, extra, output, elements(step.tail)),
                [graph.nodes[node]["layer"] for node in (step.tail, joined.get(step.tail, step.tail))],
            )
        )
    tensors = tuple(
        Tensor(
            node,
            elements(node),
            tuple(producers[number]),
            tuple(readers[number]),
            graph.nodes[node]["layer"].is_state_input,
        )
        for node, number in names.items()
    )
    return Steps(tuple(done), tensors)


def _stored(step: Step, ends: Sequence[Layer]) -> Step:
    """A step that says what of its output is state. ends: the layers whose output that is, one or a concat's input and it."""
    if not any(layer.origin for layer in ends):
        return step
    apart = 0 if any(layer.into for layer in ends) else step.output_elements
    return replace(step, stored=step.output_elements, stored_apart=apart)


def read_elements(graph: Graph, producer: str, reader: str) -> int:
    """Elements of a node's output that a layer reads: what the edge says, what a compute layer has operands, else all."""
    have: int = graph.nodes[producer]["layer"].output_elements
    layer: Layer = graph.nodes[reader]["layer"]
    edge = graph.pred[reader][producer]
    if layer.is_compute:
        return min(have, layer.weight_elements if edge["operand"] == "weights" else layer.input_elements)
    return int(edge.get("elements", have))
