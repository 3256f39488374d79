"""Lowering: a layer graph at one batch and precision, as a chip runs it, in numbers: one `Row` a step, bytes a tensor."""

import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.schema import Architecture, Inside
from simulator.errors import NetworkError
from simulator.formats import Formats
from simulator.graph.build import Graph
from simulator.graph.early import is_frozen
from simulator.graph.fuse import Read, Step, Steps
from simulator.graph.layer import Layer
from simulator.graph.merge import steps_of
from simulator.graph.subject import name_of
from simulator.lower.array import ArraySpec, Target, target_of
from simulator.lower.operands import TABLE, Operands
from simulator.lower.shape import Shape, layer_shape, touched_bytes
from simulator.store.memory import Memory, one_each
from simulator.units import GPU_RECTIFIED_ENERGY
from simulator.vocabulary import WEIGHTED

MOST_MACS = 2**53
"""Beyond this, float64 no longer counts every MAC."""

MOST_TARGETS = 8
"""Arrays that a graph's operands stay known for."""

_known: "weakref.WeakKeyDictionary[Graph, Memory[Target, Operands]]" = weakref.WeakKeyDictionary()
"""Of frozen graphs, which they go with: they are the same at every batch."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step for the whole batch. Bytes; tensors by number (-1: none)."""

    name: str
    kind: str
    fused: tuple[str, ...]
    shape: Shape | None
    """None for vector work."""
    macs: int
    """Of the network; Winograd executes fewer."""
    macs_executed: int
    vector_operations: float
    inputs: int
    input_bytes: float
    weights: int
    """Tensor number of a second activation; -1 where the weights are constants."""
    weight_bytes: float
    """Of constant weights as they are stored, once."""
    reads: tuple[tuple[int, float], ...]
    """(tensor, bytes) read beside the tiles: second inputs of fused layers, all inputs of vector work."""
    fixed_bytes: float
    """Outer-memory bytes that no choice changes: rows of an embedding table, what further cores read of a layer."""
    output: int
    output_bytes: float
    least_footprint: float
    """SRAM bytes of vector work: two vectors of each operand, or all of it."""
    inner_bytes: float
    """SRAM bytes of what a recurrence hands from step to step; then its inputs and outputs go beside the tiles."""
    loop: str = ""
    """Loop in which steps of this row and of others take turns."""
    second_bytes: float = 0.0
    """Of a second activation, what a pass cannot do without."""
    stored_bytes: float = 0.0
    """Of the output, what is state: it goes to the outer memory whoever else reads it."""
    stored_apart_bytes: float = 0.0
    """Of that, what becomes no part of an input that is there already."""
    table_bytes: float = 0.0
    """Of an embedding's whole table, where its rows are known."""
    shared: bool = False
    """Whether the weights are those of a row before."""
    values: int = -1
    """Of attention, tensor number of the values; their first pass is among what is read beside the tiles."""
    rectified: bool = False
    """Whether the inputs of a product on a GPU come through a ReLU."""
    product: str = ""
    """Key of the rates of the array in which it multiplies; empty for vector work."""

    @property
    def own_weight_bytes(self) -> float:
        """Its constant weights, unless they are those of a row before. [B]"""
        return 0.0 if self.shared else self.weight_bytes

    @property
    def macs_charged(self) -> float:
        """MACs as their energy is counted: on a GPU, zeros of a ReLU toggle less."""
        return self.macs_executed * (GPU_RECTIFIED_ENERGY if self.rectified else 1.0)


@dataclass(frozen=True)
class Lowered:
    """A network on a chip at one batch and precision."""

    network: str
    batch: int
    precision: str
    rows: tuple[Row, ...]
    tensor_bytes: tuple[float, ...]
    tensor_readers: tuple[tuple[int, ...], ...]
    tensor_producers: tuple[tuple[int, ...], ...]
    spec: ArraySpec
    cached_bytes: float = 0.0
    """Of a GPU's shared cache, what serves activations; 0 where the SRAM is managed by software. [B]"""
    states: frozenset[int] = frozenset()
    """Tensors that lie in the outer memory between passes: read there, never brought over a host link."""
    staying: frozenset[int] = frozenset()
    """Tensors that are states, or become part of one, where these stay in the SRAM: no choice moves them."""
    inside: Inside = "nothing"
    """What never leaves the chip: its tensors are in the SRAM for as long as they live."""
    held_bytes: float = 0.0
    """Constants that are in the SRAM for ever because there is no other memory; then rows have none. [B]"""
    widths: tuple[float, ...] = ()
    """Bytes of an element of each tensor."""
    formats: Formats | None = None
    """Of its operands."""
    product: str = ""
    """Key of the rates of the array in which activations are multiplied by weights."""

    @property
    def macs(self) -> int:
        """MACs of the network for the batch."""
        return sum(row.macs for row in self.rows)

    @functools.cached_property
    def shared(self) -> int:
        """Layers whose weights are those of another one."""
        return sum(row.shared for row in self.rows)

    @property
    def macs_charged(self) -> float:
        """MACs for the batch as their energy is counted."""
        return float(sum(row.macs_charged for row in self.rows))

    def missed(self, tensor: int) -> float:
        """Share of a tensor that misses the cache, written or read: max(0, 1 - room / bytes). [-]

        All of what comes from outside or leaves; all of everything where there is no cache to keep it.
        """
        if self.cached_bytes == 0.0 or not self.tensor_producers[tensor] or not self.tensor_readers[tensor]:
            return 1.0
        return max(0.0, 1.0 - self.cached_bytes / self.tensor_bytes[tensor])

    @property
    def compulsory_bytes(self) -> float:
        """Network outputs, what is written of state, what is read of the network inputs, and all constant weights, once each;
        nothing of states that stay in the SRAM. [B]
        """
        total = sum(row.own_weight_bytes + row.fixed_bytes for row in self.rows)
        if self.inside != "nothing":
            return total
        for tensor, size in enumerate(self.tensor_bytes):
            if tensor in self.staying:
                total += self.leaving_bytes(tensor)
            elif self.tensor_producers[tensor] and not self.tensor_readers[tensor]:
                total += size
            elif not self.tensor_producers[tensor]:
                total += max((self._read(tensor, step) for step in self.tensor_readers[tensor]), default=0.0)
            else:
                total += self.stored_bytes(tensor)
        return total

    def stored_bytes(self, tensor: int) -> float:
        """Of a tensor, what its producers write to the outer memory as state. [B]"""
        return sum(self.rows[step].stored_bytes for step in self.tensor_producers[tensor])

    def unstored_bytes(self, tensor: int) -> float:
        """Of a tensor that is written, what is no state. [B]"""
        return max(0.0, self.tensor_bytes[tensor] - self.stored_bytes(tensor)) if self.tensor_producers[tensor] else 0.0

    def leaving_bytes(self, tensor: int) -> float:
        """Of a tensor whose state stays in the SRAM, what goes to the outer memory: of one that nobody reads, the rest. [B]"""
        return 0.0 if self.tensor_readers[tensor] else self.unstored_bytes(tensor)

    def _read(self, tensor: int, step: int) -> float:
        """Bytes of a tensor that a step cannot do without: strides may skip some of the inputs of a compute layer."""
        row = self.rows[step]
        beside = max((size for read, size in row.reads if read == tensor), default=0.0)
        if row.shape is not None and row.inputs == tensor:
            return max(beside, touched_bytes(row.shape))
        return max(beside, row.second_bytes if row.weights == tensor else 0.0)

    @property
    def input_output_bytes(self) -> float:
        """Network inputs and outputs for the batch that come from the host and go there: all but state. [B]"""
        return sum(
            size - self.stored_bytes(tensor)
            for tensor, size in enumerate(self.tensor_bytes)
            if not (self.tensor_producers[tensor] and self.tensor_readers[tensor]) and tensor not in self.states
        )


def check_batch(graph: Graph, batch: int) -> None:
    """Raise NetworkError for a batch that is not a whole number of at least 1, or too large to count."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise NetworkError(f"batch: must be a whole number of at least 1, got {batch!r}")
    macs = max(1, sum(data["layer"].macs for _, data in graph.nodes(data=True)))
    if macs * batch > MOST_MACS:
        largest = MOST_MACS // macs
        raise NetworkError(f"batch: must be at most {largest} for {name_of(graph)}, got {batch}")


def lower(graph: Graph, chip: Architecture, batch: int = 1, precision: str = "int8") -> Lowered:
    """A network as a chip runs it, in numbers. Raises NetworkError for what the chip cannot run."""
    check_batch(graph, batch)
    target = target_of(chip, precision)
    if chip.schedule.placement == "space":
        _check_no_steps(graph, chip)
    return lower_steps(operands_of(graph, target), batch)


def lower_to(graph: Graph, target: Target, batch: int) -> Lowered:
    """Fuse, multiply by the batch and give every tensor its bytes."""
    check_batch(graph, batch)
    return lower_steps(operands_of(graph, target), batch)


def operands_of(graph: Graph, target: Target) -> Operands:
    """The steps of a graph on an array, and the formats of what they read and write."""
    known = _known.setdefault(graph, Memory(MOST_TARGETS, one_each)) if is_frozen(graph) else None
    found = None if known is None else known.get(target)
    if found is None:
        on_sm = target.spec.kind == "sm"
        attention = "attention" in target.fuses
        target.formats.check_parts(graph.nodes)
        layers = {name: data["layer"] for name, data in graph.nodes(data=True)}
        fused = steps_of(graph, target.fuses, siblings=on_sm, attention=attention)
        found = Operands(fused, target, name_of(graph), layers)
        if known is not None:
            known.put(target, found)
    return found


def lower_steps(operands: Operands, batch: int) -> Lowered:
    """Steps in numbers."""
    found: Lowered | None = operands.lowered.get(batch)
    return found or operands.lowered.put(batch, _lowered(operands, batch))


def _lowered(operands: Operands, batch: int) -> Lowered:
    """Steps in numbers, made anew."""
    target, fused = operands.target, operands.fused
    rows = _rows(operands, batch)
    held = 0.0
    if target.inside == "all":
        held = sum(row.own_weight_bytes + row.table_bytes for row in rows)
        rows = tuple(replace(row, weight_bytes=0.0, fixed_bytes=0.0) for row in rows)
    states = frozenset(number for number, tensor in enumerate(fused.tensors) if tensor.state)
    return Lowered(
        network=operands.network,
        batch=batch,
        precision=target.precision,
        rows=rows,
        tensor_bytes=tuple(t.elements * batch * width for t, width in zip(fused.tensors, operands.widths, strict=True)),
        tensor_readers=tuple(tensor.readers for tensor in fused.tensors),
        tensor_producers=tuple(tensor.producers for tensor in fused.tensors),
        spec=target.spec,
        cached_bytes=target.cached_bytes,
        states=states,
        staying=states | {row.output for row in rows if row.stored_bytes > 0.0} if target.keeps_states else frozenset(),
        inside=target.inside,
        held_bytes=held,
        widths=operands.widths,
        formats=target.formats,
        product=target.product,
    )


def _rows(operands: Operands, batch: int) -> tuple[Row, ...]:
    """Every step for the whole batch: alike ones are worked out once."""
    rows: list[Row] = []
    zeros = _zeros(operands.fused) if operands.target.spec.kind == "sm" else ()
    for place, (step, first) in enumerate(zip(operands.fused.steps, operands.alike, strict=True)):
        rows.append(row_of(step, batch, operands, zeros) if first == place else _placed(rows[first], step, zeros))
    return tuple(rows)


def _placed(row: Row, step: Step, zeros: Sequence[bool]) -> Row:
    """The row of a step that is alike but for names and numbers of tensors."""
    sizes = [size for _, size in row.reads]
    reads = zip(_beside(step), sizes, strict=True)
    return replace(row, reads=tuple([(read.tensor, size) for read, size in reads]), **_names(step, zeros))


def _names(step: Step, zeros: Sequence[bool]) -> dict[str, Any]:
    """Names of a row, and numbers of the tensors of its tiles. zeros: as of `row_of`."""
    inputs = step.inputs[0].tensor if _is_tiled(step) and step.inputs else -1
    return {
        "name": step.layer.name,
        "fused": tuple([part.name for part in step.fused]),
        "inputs": inputs,
        "rectified": bool(zeros) and inputs >= 0 and zeros[inputs],
        "weights": step.weights.tensor if step.weights else -1,
        "output": step.output,
        "values": step.values.tensor if step.values else -1,
    }


def _is_tiled(step: Step) -> bool:
    """Whether the inputs of a step come in with its tiles."""
    return step.layer.is_compute and step.layer.kind != "lstm"


def _beside(step: Step) -> tuple[Read, ...]:
    """What a step reads beside its tiles."""
    return step.extra if _is_tiled(step) else (*step.inputs, *step.extra)


def _zeros(fused: Steps) -> list[bool]:
    """Of each tensor, whether every step that writes it ends with a ReLU."""
    ends = [(step.layer, *step.fused)[-1].kind == "relu" for step in fused.steps]
    return [bool(t.producers) and all(ends[step] for step in t.producers) for t in fused.tensors]


def _check_no_steps(graph: Graph, chip: Architecture) -> None:
    """Raise NetworkError for a recurrence: a pipeline of layers would wait for itself."""
    for name, data in graph.nodes(data=True):
        if data["layer"].steps > 1:
            raise NetworkError(
                f"{graph.graph.get('name', 'network')}: {name}: runs in {data['layer'].steps} steps that need each other, "
                f"which is not modelled for chips with placement 'space', such as {chip.name}"
            )


def row_of(step: Step, batch: int, operands: Operands, zeros: Sequence[bool] = ()) -> Row:
    """One step for the whole batch. zeros: of each tensor, whether it comes through a ReLU, where that counts."""
    layer, target = step.layer, operands.target
    own, acc_width = dict(target.operations), target.accumulator_bytes
    out_width = operands.widths[step.output]
    lanes = max(1.0, out_width / target.lane_bytes)  # that an element takes
    operations = lanes * batch * sum(part.operations_with(own, target.channels) for part in (layer, *step.fused))
    output_bytes = step.output_elements * (batch * out_width)
    beside = _beside(step)
    reads = tuple((read.tensor, read.elements * (batch * operands.read(read).width)) for read in beside)
    first = step.inputs[0] if step.inputs else None
    in_width = operands.read(first).width if first else out_width
    shape, product = None, None
    executed = 0
    if layer.is_compute:
        product = operands.product(step)
        shape = layer_shape(
            layer, batch, in_width, acc_width, output_bytes, target.winograd, operands.weights(step).width,
            rate=0.0 if product.rate == target.spec.rate else product.rate,
            widening=target.widening if product.widens_weights else 0.0,
            lane_macs=dict(target.lane_macs).get(product.format, 0.0),
            convolves=target.spec.async_products and layer.kind == "conv",
        )  # fmt: skip
        if shape.is_long and target.spec.mixes_items:
            shape = shape.in_one
        gaps = target.spec.weights_with_gaps(shape.step_extents) / _weights(shape) if layer.kind in WEIGHTED else 1.0
        if gaps != 1.0:
            shape = replace(shape, weight_width=shape.weight_width * gaps)
        if step.second is not None:
            softmax = sum(part.operations_with(own, target.channels) for part in step.fused if part.kind == "softmax")
            shape = replace(
                shape, context=step.second.out_channels, softmax_operations=lanes * batch * softmax
            )  # fmt: skip
        if product.widens_inputs and first is not None:
            operations += target.widening * target.lanes * batch * first.elements
        executed = shape.macs
    table_width = operands.format(TABLE, layer).width if layer.kind == "embedding" else 0.0
    stored = shape.weight_width * _weights(shape) if shape is not None and layer.kind in WEIGHTED else 0.0
    vectors = (
        (out_width, output_bytes),
        *((operands.read(read).width, size) for read, (_, size) in zip(beside, reads, strict=True)),
    )
    second_bytes = step.weights.elements * (batch * operands.weights(step).width) if step.weights else 0.0
    input_bytes = first.elements * (batch * in_width) if first else 0.0
    state_width = operands.format("cache", layer).width
    return Row(
        **_names(step, zeros),
        kind=layer.kind,
        shape=shape,
        macs=(layer.macs + (step.second.macs if step.second else 0)) * batch,
        macs_executed=executed,
        vector_operations=operations,
        input_bytes=input_bytes,
        weight_bytes=float(stored),
        reads=reads,
        fixed_bytes=layer.output_elements * (batch * table_width)
        + _read_again(step, second_bytes if step.weights else stored, input_bytes, target.cores),
        output_bytes=output_bytes,
        least_footprint=sum(min(2.0 * target.lanes * width, size) for width, size in vectors) if shape is None else 0.0,
        loop=layer.loop,
        second_bytes=second_bytes,
        stored_bytes=step.stored * (batch * state_width),
        stored_apart_bytes=step.stored_apart * (batch * state_width),
        table_bytes=layer.table_rows * layer.out_channels * table_width,
        inner_bytes=_inner_bytes(layer, batch, in_width, acc_width) if layer.kind == "lstm" else 0.0,
        product=product.format if product else "",
        shared=bool(layer.shares),
    )


def _read_again(step: Step, weights: float, inputs: float, cores: int) -> float:
    """What cores beside the first read of a layer that is cut among them, of so many bytes of weights and inputs. [B]

    Cut by pixels or images, each needs all weights; by output channels, all inputs. Whichever is less.
    """
    return (cores - 1) * min(weights, inputs) if step.layer.is_compute and step.inputs else 0.0


def _inner_bytes(layer: Layer, batch: int, width: float, acc_width: float) -> float:
    """Room of one step of an LSTM: state, cells and the four sums of each unit, the last two at accumulator width. [B]"""
    rows = batch * layer.out_height // layer.steps
    return rows * (layer.in_channels * (width + acc_width) + layer.out_channels * acc_width)


def _weights(shape: Shape) -> int:
    g, _, k, c, _, _, r, s = shape.extents
    return g // shape.steps * k * c * r * s
