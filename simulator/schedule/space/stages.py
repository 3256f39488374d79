"""A lowered network as a pipeline of stages: what each works on row by row, and which rows of which tensor it waits
for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.graph.fuse import Read, Step, Steps
from simulator.graph.layer import Layer
from simulator.kernels import space_pipeline as kernels
from simulator.kernels.space_pipeline import COLUMNS, PRODUCER, ROWS, SOURCE, Flow, Readers
from simulator.lower.rows import Lowered, Row
from simulator.lower.shape import Shape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Edge = tuple[int, int, int, int, int, int, int, int]
"""A row of `kernels.Flow.edges`."""

NO_WINDOW = (1, 0, 1, 0)
"""Stride, reach, dilation and padding of an edge that is read evenly or as a whole: nobody reads them."""


@dataclass(frozen=True)
class Stages:
    """How rows flow, a step having one node, and one more for each fused layer with a window; and what each step does.

    vector_operations, weight_bytes, fixed_bytes: of each step, for an item (weights: once). shapes: None for vector work.
    """

    flow: Flow
    vector_operations: Floats
    weight_bytes: Floats
    fixed_bytes: Floats
    shapes: tuple[Shape | None, ...]

    @property
    def steps(self) -> int:
        """Steps of the network."""
        return len(self.weight_bytes)

    def edges_of(self, step: int) -> slice:
        """The edges that lead to the nodes of a step."""
        flow = self.flow
        return slice(flow.first_edge[flow.first_node[step]], flow.first_edge[flow.first_node[step + 1]])

    @property
    def computes(self) -> npt.NDArray[np.bool_]:
        """Whether each step runs on the arrays."""
        return np.array([shape is not None for shape in self.shapes], dtype=np.bool_)


@dataclass
class _Node:
    """A node being built; edges are (producer node, KIND, ROWS, STRIDE, REACH, DILATION, PAD, source) and its
    bytes."""

    units: int
    outs: int
    edges: list[tuple[Edge, float]]


class _Builder:
    """Goes through the steps in order; `ends` are the nodes that end with each step's output."""

    def __init__(self, low: Lowered, fused: Steps) -> None:
        self.low, self.fused = low, fused
        self.nodes: list[_Node] = []
        self.first_node = [0]
        self.ends: list[int] = []
        self.input_rows: dict[int, int] = {}

    def add(self, number: int, step: Step) -> None:
        """Nodes and edges of one step."""
        layer = step.layer
        inputs = [edge for read in step.inputs for edge in self._sources(read, number, layer)]
        arrives = inputs[0][2] if inputs else layer.in_height
        units, outs = _work(layer, arrives)
        lead = _Node(units, outs, [])
        self.nodes.append(lead)
        for producer, source, rows, size in inputs:
            lead.edges.append(_edge(layer, producer, source, rows, size, units))
        for read in [step.weights] if step.weights else []:
            for producer, source, rows, size in self._sources(read, number, layer):
                lead.edges.append(((producer, kernels.WHOLE, rows, *NO_WINDOW, source), size))
        held = layer.output_elements
        width = self.low.widths[step.output]
        for behind in step.fused:
            if behind.kernel_height > 1 or behind.out_height != self.nodes[-1].outs:
                self._behind(behind, held * width)
            held = behind.output_elements
        for read in step.extra:
            for producer, source, rows, size in self._sources(read, number, step.fused[-1]):
                self._beside(number, producer, source, rows, size)
        self.ends.append(len(self.nodes) - 1)
        self.first_node.append(len(self.nodes))

    def _behind(self, layer: Layer, held: float) -> None:
        """A fused layer with a window: a node of its own, fed by the one before it. held: bytes of an item."""
        rows = self.nodes[-1].outs
        units, outs = _work(layer, rows)
        edge = _edge(layer, len(self.nodes) - 1, -1, rows, held, units)
        self.nodes.append(_Node(units, outs, [edge]))

    def _beside(self, number: int, producer: int, source: int, rows: int, size: float) -> None:
        """The second input of a fused layer: it meets the first node of the step that gives as many rows, else the
        last."""
        own = self.nodes[self.first_node[number] :]
        node = next((node for node in own if node.outs == rows), own[-1])
        node.edges.append(((producer, kernels.EVEN, rows, *NO_WINDOW, source), size))

    def _sources(self, read: Read, number: int, layer: Layer) -> Iterator[tuple[int, int, int, float]]:
        """(producer node, source, rows, bytes of an item) of everything a read waits for.

        Where several steps write into one tensor and only a part of it is read, the part is that of the last earlier
        step whose output has its size; else it is that share of each.
        """
        tensor = self.fused.tensors[read.tensor]
        earlier = [step for step in tensor.producers if step < number]
        if not earlier:
            rows = self.input_rows.setdefault(read.tensor, layer.in_height)
            yield -1 - read.tensor, len(self.low.rows) + read.tensor, rows, read.elements * self.low.widths[read.tensor]
            return
        sizes = {step: self.fused.steps[step].output_elements for step in earlier}
        alike = [step for step in earlier if sizes[step] == read.elements]
        parts = alike[-1:] if alike and sum(sizes.values()) != read.elements else earlier
        share = min(1.0, read.elements / sum(sizes[step] for step in parts))
        for step in parts:
            node = self.ends[step]
            yield node, step, self.nodes[node].outs, sizes[step] * self.low.widths[read.tensor] * share


def _work(layer: Layer, arrives: int) -> tuple[int, int]:
    """(units of work, rows of outputs) of an item.

    A layer whose only row of outputs takes all rows of inputs (dense after an image, global pool) adds them up as they
    come.
    """
    if layer.out_height == 1 and (layer.kernel_height >= layer.in_height or layer.in_height == 1):
        return max(1, arrives), 1
    return layer.out_height, layer.out_height


def _edge(layer: Layer, producer: int, source: int, rows: int, size: float, units: int) -> tuple[Edge, float]:
    """The edge of a layer's own inputs, and its bytes."""
    windowed = layer.kind in ("conv", "pool") and rows == layer.in_height and units == layer.out_height and rows > 1
    if not windowed or layer.transposed:
        return (producer, kernels.EVEN, rows, *NO_WINDOW, source), size
    reach = (layer.kernel_height - 1) * layer.dilation[0]
    stride, dilation, padding = layer.stride[0], layer.dilation[0], layer.padding[0]
    return (producer, kernels.WINDOW, rows, stride, reach, dilation, padding, source), size


def item_shape(row: Row, batch: int) -> Shape | None:
    """The loop nest of a step for one item of the batch; None for vector work."""
    if row.shape is None:
        return None
    groups, items, *rest = row.shape.extents
    if row.kind == "matmul":
        groups, items = groups // batch, 1
    return replace(row.shape, extents=(groups, 1 if row.kind != "matmul" else items, *rest))  # type: ignore[arg-type]


def widened(row: Row, batch: int, lanes: float) -> float:
    """Vector operations to widen the weights of a step, which enter its arrays once an item."""
    shape = item_shape(row, batch)
    if shape is None:
        return 0.0
    groups, _, outputs, inputs, _, _, height, width = shape.extents
    return shape.widening * lanes * groups * outputs * inputs * height * width


def build_stages(low: Lowered, fused: Steps, lanes: float = 1.0) -> Stages:
    """The pipeline of a network. `fused`: the steps that `low` was made of (`graph.fuse.fuse_layers` with the chip's
    `vector.fuses`). lanes: elements that the vector unit does a cycle."""
    builder = _Builder(low, fused)
    for number, step in enumerate(fused.steps):
        builder.add(number, step)
    return Stages(
        flow=_flow(builder),
        vector_operations=np.array(
            [row.vector_operations / low.batch + widened(row, low.batch, lanes) for row in low.rows]
        ),
        weight_bytes=np.array([row.weight_bytes for row in low.rows]),
        fixed_bytes=np.array([row.fixed_bytes / low.batch for row in low.rows]),
        shapes=tuple(item_shape(row, low.batch) for row in low.rows),
    )


def _flow(builder: _Builder) -> Flow:
    """Nodes, edges and what reads what, as the kernels read them."""
    low, nodes = builder.low, builder.nodes
    steps, inputs = len(low.rows), len(low.tensor_bytes)
    edges = [(edge, size) for node in nodes for edge, size in node.edges]
    columns = np.array([edge for edge, _ in edges], dtype=np.int64).reshape(-1, COLUMNS)
    sizes = np.array([size for _, size in edges], dtype=np.float64)
    node_of = np.repeat(np.arange(len(nodes)), [len(node.edges) for node in nodes])
    first_node = np.array(builder.first_node, dtype=np.int64)
    source, producer = columns[:, SOURCE], columns[:, PRODUCER]
    last_reader, read = np.full(steps + inputs, -1, dtype=np.int64), source >= 0
    step_of = np.searchsorted(first_node, node_of, side="right") - 1
    np.maximum.at(last_reader, source[read], step_of[read])
    last_reader[last_reader < 0] = steps
    origin = np.where(producer >= 0, producer, len(nodes) - 1 - producer)
    rows_of = np.zeros(len(nodes) + inputs, dtype=np.int64)
    rows_of[origin] = columns[:, ROWS]
    return Flow(
        first_node=first_node,
        units=np.array([node.units for node in nodes], dtype=np.int64),
        outs=np.array([node.outs for node in nodes], dtype=np.int64),
        first_edge=np.cumsum([0, *(len(node.edges) for node in nodes)], dtype=np.int64),
        edges=columns,
        row_bytes=sizes / columns[:, ROWS],
        edge_bytes=sizes,
        source_bytes=np.array([row.output_bytes for row in low.rows] + list(low.tensor_bytes)) / low.batch,
        stored_bytes=np.array([row.stored_bytes for row in low.rows] + [0.0] * inputs) / low.batch,
        last_reader=last_reader,
        readers=_readers(source, node_of, steps + inputs),
        takers=_readers(origin, node_of, len(nodes) + inputs),
        rows_of=rows_of,
        start=np.cumsum([0, *(node.units for node in nodes), *rows_of[len(nodes) :]], dtype=np.int64),
    )


def _readers(read: Ints, node_of: Ints, tensors: int) -> Readers:
    """Edges by what each reads (negative: nothing), and the nodes that they lead to."""
    edge = np.argsort(read, kind="stable")
    edge = edge[np.searchsorted(read[edge], 0) :]
    first = np.searchsorted(read[edge], np.arange(tensors + 1)).astype(np.int64)
    return Readers(first, edge, node_of[edge])
