"""Formats of the operands of a lowered network: bytes of an element of each tensor, and in what each layer is multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from simulator.errors import NetworkError
from simulator.formats import Format, Formats, Product, product_of
from simulator.graph.fuse import Read, Step, Steps, Tensor
from simulator.graph.layer import Layer
from simulator.graph.own import formats_at
from simulator.lower.array import Target
from simulator.store.memory import Memory, one_each

MOST_BATCHES = 2
"""At which a network stays lowered: what fits is asked before what it takes."""

HEAD, TABLE = "head", "embedding"
"""Roles of weights that belong to single layers: the output of a language model, and its embedding table."""


@dataclass(frozen=True)
class Operands:
    """What a network's formats make of its steps on an array."""

    fused: Steps
    target: Target
    network: str
    layers: Mapping[str, Layer]
    """Of the graph, by name."""
    lowered: Memory[int, Any] = field(default_factory=lambda: Memory(MOST_BATCHES, one_each), compare=False, repr=False)
    """What `rows.lower_steps` made of them, by batch."""

    def formats(self, layer: Layer) -> Formats:
        """Those of a layer: what it carries itself where the network's own were asked for."""
        return formats_at(layer, self.target.formats, self._rates)

    @cached_property
    def _rates(self) -> tuple[str, ...]:
        return tuple(key for key, _ in self.target.rates)

    def format(self, role: str, layer: Layer) -> Format:
        """That of a role at a layer; of weights that of the head where the layer is one."""
        if role == "weights" and layer.role == HEAD:
            role = HEAD
        return self.formats(layer).of(role, layer.name)

    @cached_property
    def widths(self) -> tuple[float, ...]:
        """Bytes of an element of each tensor; of one that is state in part, the mean."""
        return tuple(self._width(number) for number in range(len(self.fused.tensors)))

    def _width(self, number: int) -> float:
        tensor = self.fused.tensors[number]
        written = [self.fused.steps[step] for step in tensor.producers]
        if not written:
            return self._given(tensor).width
        kept = sum(step.stored for step in written)
        between = sum(step.output_elements for step in written) - kept
        own, state = self.format("activations", _last(written[-1])), self.format("cache", _last(written[-1]))
        if not kept or own.width == state.width:
            return own.width
        return (between * own.width + kept * state.width) / (between + kept)

    def _given(self, tensor: Tensor) -> Format:
        """The format of an input of the network."""
        return self.format("cache" if tensor.state else "activations", self.layers[tensor.name])

    def read(self, read: Read, second: bool = False) -> Format:
        """The format in which a step reads a tensor. second: as the second operand of a product, which is state where any of
        the tensor is."""
        return self._read[read.tensor][second]

    @cached_property
    def _read(self) -> tuple[tuple[Format, Format], ...]:
        """Of each tensor, its formats as `read` gives them: as any operand, and as a second one."""
        return tuple(map(self._as_read, self.fused.tensors))

    def _as_read(self, tensor: Tensor) -> tuple[Format, Format]:
        written = [self.fused.steps[step] for step in tensor.producers]
        if not written:
            return self._given(tensor), self._given(tensor)
        last = _last(written[-1])
        own, state = self.format("activations", last), self.format("cache", last)
        whole = all(step.stored == step.output_elements for step in written)
        return state if whole else own, state if any(step.stored for step in written) else own

    def weights(self, step: Step) -> Format:
        """The format of a compute step's weights, or of its second activation."""
        return self.read(step.weights, second=True) if step.weights else self.format("weights", step.layer)

    def product(self, step: Step) -> Product:
        """How a compute step multiplies. Raises NetworkError where the array has no format for it."""
        target = self.target
        inputs = self.read(step.inputs[0]) if step.inputs else target.formats.activations
        weights = self.weights(step)
        found = product_of(inputs, weights, target.rates, target.widens)
        if found is None:
            raise NetworkError(
                f"precision: {step.layer.name}: no format of array.rate holds {inputs.name} and {weights.name}"
            )
        return found

    @cached_property
    def alike(self) -> tuple[int, ...]:
        """Of each step, the first one that differs from it in names and in the numbers of tensors at most."""
        first: dict[Any, int] = {}
        blank = {layer: _nameless(layer) for step in self.fused.steps for layer in (step.layer, *step.fused)}
        return tuple([first.setdefault(self._sizes(step, blank), place) for place, step in enumerate(self.fused.steps)])

    def _sizes(self, step: Step, blank: Mapping[Layer, Layer]) -> Any:
        """All of a step but names and numbers of tensors, and the formats that these stand for."""
        layer = step.layer
        reads = (step.inputs, step.extra)
        numbers = [[(read.elements, *self._read[read.tensor]) for read in each] for each in reads]
        second = step.weights and (step.weights.elements, self.weights(step))
        own = None if step.weights else self.format("weights", layer) if layer.is_compute else self.format(TABLE, layer)
        return (
            blank[layer], tuple([blank[part] for part in step.fused]), *map(tuple, numbers), second, own,
            self.widths[step.output], step.output_elements, step.second and _nameless(step.second), step.values is None,
            step.stored, step.stored_apart, self.format("cache", layer),
        )  # fmt: skip


def _nameless(layer: Layer) -> Layer:
    """A layer without its name, and the names of others."""
    return replace(layer, name="", into="", shares="shared" if layer.shares else "")


def _last(step: Step) -> Layer:
    """The layer whose output a step ends with."""
    return step.fused[-1] if step.fused else step.layer
