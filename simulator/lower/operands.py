"""Formats of the operands of a lowered network: bytes of an element of each tensor, and in what each layer is multiplied."""

from dataclasses import dataclass
from functools import cached_property

from simulator.errors import NetworkError
from simulator.formats import Format, Formats, Product, product_of
from simulator.graph.build import Graph
from simulator.graph.fuse import Read, Step, Steps, Tensor
from simulator.graph.layer import Layer
from simulator.graph.own import formats_at
from simulator.lower.array import Target

HEAD, TABLE = "head", "embedding"
"""Roles of weights that belong to single layers: the output of a language model, and its embedding table."""


@dataclass(frozen=True)
class Operands:
    """What a network's formats make of its steps on an array."""

    fused: Steps
    target: Target
    graph: Graph

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
        return self.format("cache" if tensor.state else "activations", self.graph.nodes[tensor.name]["layer"])

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


def _last(step: Step) -> Layer:
    """The layer whose output a step ends with."""
    return step.fused[-1] if step.fused else step.layer
