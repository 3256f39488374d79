"""Operators become layers: what a tensor is read from, vector work, and joints. The tables of operators stand on it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.check import LARGEST_EXTENT
from simulator.graph.layer import Layer
from simulator.graph.nodes import Nodes
from simulator.graph.output import Output
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.patterns import Consumers
from simulator.graph.window import output_extent
from simulator.store.foreign import printable
from simulator.vocabulary import WEIGHTED

Reads = tuple[Output, ...]
"""Layers that a tensor comes from, and how many elements of each."""


class Layers(Nodes):
    """A layer graph that grows operator by operator. `made`: where each tensor comes from."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.made: dict[Tensor, Reads] = {}
        self.parts: dict[Tensor, list[Output]] = {}
        """Equal parts of a tensor that layers of their own make: queries, keys and values of one product."""
        self.consumers: Consumers = {}
        self.weights: set[Tensor] = set()
        """Inputs of the file that are used as weights."""
        self.formats: dict[str, dict[str, str]] = {}
        """Layer -> operand -> number format in which the file has it."""
        self.types: dict[Tensor, str] = {}
        """Tensor -> type of elements in which its readers take it."""
        self.results: dict[str, str] = {}
        """Layer -> that of what it makes."""
        self._owners: dict[Tensor, str] = {}
        self._fresh: list[str] = []
        self.macs = 0
        self._used: dict[str, int] = {}

    # ---- names and sizes ---------------------------------------------------------------------------------------------

    def unique(self, text: str) -> str:
        """A name that no other layer has."""
        name = printable(text)[:180] or "layer"
        count = self._used[name] = self._used.get(name, 0) + 1
        while count > 1 and f"{name}#{count}" in self._graph:
            count += 1
        return name if count == 1 and name not in self._graph else f"{name}#{count}"

    @property
    def graph(self) -> object:
        """The graph so far."""
        return self._graph

    def size_of(self, node: str) -> int:
        """Elements that a layer gives."""
        return self._sizes[node]

    # ---- reading -----------------------------------------------------------------------------------------------------

    def reads(self, tensor: Tensor | None) -> Reads:
        """Where a tensor comes from; nothing of a constant."""
        if tensor is None or tensor.constant:
            return ()
        return self.made.get(tensor, ())

    def view(self, op: Op, tensor: Tensor, outputs: Sequence[Tensor | None]) -> None:
        """Give outputs that are the tensor, or parts of it: nothing moves."""
        reads = self.reads(tensor)
        have = sum(each.elements for each in reads)
        for out in outputs:
            if out is None:
                continue
            if out.elements >= have:
                self.made[out] = reads
            else:  # a part: of each layer in proportion
                self.made[out] = tuple(
                    Output(each.name, max(1, each.elements * out.elements // max(1, have))) for each in reads
                )

    def one(self, tensor: Tensor, least: int, name: str) -> Output:
        """A tensor as one layer that gives at least so many elements: joined or spread where it is not."""
        reads = self._merged(self.reads(tensor))
        if not reads:
            raise NetworkError(f"{name}: must read a tensor that is made, got {tensor.name!r}")
        if len(reads) > 1:
            total = sum(each.elements for each in reads)
            joined = Layer(self.unique(f"{name}_joined"), "concat", **_extents((total,)), in_channels=reads[0].elements)
            reads = [self._add(joined, reads)]
            self.made[tensor] = tuple(reads)
        if self.size_of(reads[0].name) < least:
            layer = Layer(self.unique(f"{name}_spread"), "resize", **_extents((least,)))
            reads = [self._add(layer, reads)]
        return Output(reads[0].name, min(least, self.size_of(reads[0].name)))

    def _merged(self, reads: Sequence[Output]) -> list[Output]:
        """Reads with each layer once."""
        if len(reads) == 1:
            (one,) = reads
            fits = one.height == one.width == 1 and 1 <= one.channels <= self.size_of(one.name)
            return [one if fits else Output(one.name, max(1, min(one.elements, self.size_of(one.name))))]
        total: dict[str, int] = {}
        for each in reads:
            total[each.name] = total.get(each.name, 0) + each.elements
        return [Output(name, max(1, min(count, self.size_of(name)))) for name, count in total.items()]

    def from_host(self, node: str) -> None:
        """Say that an input comes over the host link."""
        layer = self._graph.nodes[node]["layer"]
        self._graph.nodes[node]["layer"] = replace(layer, origin="")

    def note_results(self, op: Op) -> None:
        """Note the types of what the layers make that were added for an operator."""
        outs = [each for each in op.outputs if each is not None]
        for out in outs:
            for each in self.made.get(out, ()):
                if each.name in self._fresh:
                    self.results.setdefault(each.name, self.types.get(out, out.dtype))
        for name in self._fresh:
            self.results.setdefault(name, self.types.get(outs[0], outs[0].dtype))
        self._fresh.clear()

    # ---- adding ------------------------------------------------------------------------------------------------------

    def vector(
        self,
        op: Op,
        kind: str,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor | None] = (),
        suffix: str = "",
    ) -> Output | None:
        """Add vector work that makes the outputs (of the operator unless given); None where there is nothing to make."""
        made = [each for each in (outputs or op.outputs[:1]) if each is not None]
        reads = self._merged([each for tensor in inputs for each in self.reads(tensor)])
        total = sum(each.elements for each in made)
        if not total:
            return None
        shape = made[0].shape if len(made) == 1 else (total,)
        return self._placed(op, kind, reads, shape, made, suffix)

    def _placed(
        self,
        op: Op,
        kind: str,
        reads: Sequence[Output],
        shape: tuple[int, ...],
        outputs: Sequence[Tensor],
        suffix: str = "",
    ) -> Output:
        """Add a vector layer of that shape which makes the outputs."""
        name = self.unique(op.name + suffix)
        if not reads:  # noise, or a place in the memory
            layer = Layer(name, "input", origin="state", **_extents(shape))
        else:
            layer = Layer(name, kind, in_channels=min(LARGEST_EXTENT, max(1, reads[0].elements)), **_extents(shape))
        made = self._add(layer, reads)
        for each in outputs:
            if each.elements:
                self.made[each] = (Output(made.name, each.elements),)
        return made

    def reduced(self, op: Op, tensor: Tensor, outputs: Sequence[Tensor | None], suffix: str = "") -> Output | None:
        """Add work on every element of a tensor that gives fewer: as pooling, one operation an element."""
        reads = self._merged(self.reads(tensor))
        kept = [each for each in outputs if each is not None]
        total = max((each.elements for each in kept), default=0)
        if not reads or not total:
            return None
        if len(reads) > 1:
            reads = [self.one(tensor, tensor.elements, op.name)]
        window = max(1, -(-tensor.elements // total))
        columns = next((each for each in range(min(window, 4096), 0, -1) if window % each == 0), 1)
        rows, extents = window // columns, _extents(kept[0].shape)
        while extents["out_height"] * rows > LARGEST_EXTENT and extents["out_height"] % 2 == 0:
            extents["out_height"] //= 2
            extents["out_channels"] *= 2
        layer = Layer(
            self.unique(op.name + suffix), "pool", **extents, in_channels=extents["out_channels"], kernel_height=rows,
            kernel_width=columns, stride=(rows, columns), in_height=extents["out_height"] * rows,
            in_width=extents["out_width"] * columns,
        )  # fmt: skip
        made = self._add(layer, reads)
        for each in kept:
            self.made[each] = (Output(made.name, max(1, each.elements)),)
        return made

    def note_format(self, layer: str, x: Tensor, weights: Tensor | None) -> None:
        """Note the number formats in which the file has the operands of a layer."""
        self.formats[layer] = {"inputs": x.stored or x.dtype}
        if weights is not None and weights.constant:
            self._note_owner(layer, weights)
        if weights is not None:
            self.formats[layer]["weights"] = weights.stored or weights.dtype

    def _note_owner(self, name: str, weights: Tensor) -> None:
        """Note which layer has a constant as its weights; the next one with the same shares them."""
        node = self._graph.nodes[name]
        first = self._owners.setdefault(weights, name)
        own, other = (self._graph.nodes[each]["layer"] for each in (name, first))
        if first != name and own.kind == other.kind in WEIGHTED and own.weight_elements == other.weight_elements:
            node["layer"] = replace(own, shares=first)

    def narrowed(self, op: Op, x: Tensor) -> Tensor:
        """A tensor as the operator quantises it on its way in."""
        narrow = Tensor(op.name, x.shape, "uint8")
        made = self.vector(op, "relu", [x], [narrow], "_quantised")
        if made is not None:
            self.results[made.name] = narrow.dtype
        return narrow

    def _add(self, layer: Layer, inputs: Sequence[Output] = (), second: Output | None = None) -> Output:
        self._fresh.append(layer.name)
        return super()._add(layer, inputs, second)

    def compute(self, layer: Layer, op: Op, x: Tensor, second: Tensor | None = None) -> Output:
        """Add a layer of the MAC array that reads `x`, and of a product of two activations `second`."""
        first = self.one(x, layer.input_elements, op.name)
        other = None if second is None else self.one(second, layer.weight_elements, op.name)
        if other is not None and other.name == first.name:
            copy = Layer(self.unique(f"{op.name}_second"), "copy", **_extents((layer.weight_elements,)))
            other = self._add(copy, [other])
        self.macs += layer.macs
        return self._add(layer, [first], other)


def _extents(shape: tuple[int, ...]) -> dict[str, Any]:
    """A tensor's shape as channels, rows and columns; the last axis of a sequence is its channels."""
    sides = [max(1, each) for each in shape]
    if len(sides) <= 1:
        channels, rows, columns = (sides[0] if sides else 1), 1, 1
    elif len(sides) <= 3:
        channels, rows, columns = sides[-1], math.prod(sides[:-1]), 1
    else:
        channels, rows, columns = sides[0] * sides[1], math.prod(sides[2:-1]), sides[-1]
    while channels > LARGEST_EXTENT and channels % 2 == 0:
        channels, rows = channels // 2, rows * 2
    return {"out_channels": channels, "out_height": rows, "out_width": columns}


def exact_window(
    extent: int, out: int, kernel: int, stride: int, dilation: int, before: int, after: int, ceil: bool
) -> bool:
    """Whether a window as written gives so many outputs."""
    return out in {output_extent(extent, kernel, stride, dilation, before, after, up) for up in (False, ceil)}


def stacked_window(extent: int, out: int, kernel: int) -> tuple[int, int, int]:
    """(stride, rows before, rows after) of a window over planes that are stacked behind each other: it gives so many outputs.

    MACs and elements are exact; which rows meet in the SRAM is approximated.
    """
    stride = max(1, -(-(extent - kernel + 1) // out))
    pad = max(0, (out - 1) * stride + kernel - extent)
    return stride, pad // 2, pad - pad // 2
