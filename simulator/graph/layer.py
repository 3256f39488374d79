"""A layer: one loop nest over groups, batch, channels, pixels and kernel, or one piece of vector work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.vocabulary import COMPUTE, VECTOR_OPERATIONS, WEIGHTED

LSTM_OPERATIONS = 28.0
"""Vector operations of an LSTM for each number of its state and step: three sigmoids, two hyperbolic tangents, three products,
and the sums of four products from below with four from the step before and of the new cell."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of a layer graph, for one item of the batch.

    Extents are per group. `conv` and `dense` share their weights between items; `matmul` multiplies two activations, so
    each of its `groups` (heads) and each item has operands of its own. A dense layer over a sequence has the sequence as
    `out_height`. For vector kinds the outputs are groups x out_channels x out_height x out_width elements.

    An `lstm` is the recurrent half of one: in_channels numbers of state times out_channels = 4 x in_channels weights each, once
    for each row; its inputs are the products from below (a dense layer's, out_channels each row), its outputs the states.
    """

    name: str
    kind: str
    groups: int = 1
    out_channels: int = 1
    in_channels: int = 1
    out_height: int = 1
    out_width: int = 1
    kernel_height: int = 1
    kernel_width: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Rows above and below, columns left and right."""
    in_height: int = 1
    in_width: int = 1
    has_bias: bool = False
    """Biases are counted as parameters; their traffic is far below one part in a thousand and is left out."""
    steps: int = 1
    """Parts of the rows that run one after another, because each needs the one before: the steps of a recurrence."""
    loop: str = ""
    """Name of the loop that it shares with other layers: then these take turns in every step. Empty: a loop of its own."""
    origin: str = ""
    """`state`: an input that lies in the outer memory between passes, or an output that is written there for passes to come.
    Empty: of an input the host, of an output whoever reads it, else the host."""
    into: str = ""
    """Name of the input of origin `state` that such an output becomes a part of; empty: it takes room of its own."""
    transposed: bool = False
    """Of a `conv`: each input is spread over the kernel's outputs, `stride` apart; padding is what is cut off of them."""
    table_rows: int = 0
    """Of an embedding's whole table, where it is to be counted."""
    role: str = ""
    """`head`: its weights are the output of a language model, which may have a number format of its own. Empty: none."""
    shares: str = ""
    """Name of a layer before, whose weights and biases these are: they are parameters, and take room, there alone. Empty: its
    own."""
    formats: tuple[tuple[str, str], ...] = ()
    """Number formats that the network itself asks for here, (role of operands, word); used where no others are asked for."""

    @property
    def is_compute(self) -> bool:
        """Whether the layer runs on the MAC array."""
        return self.kind in COMPUTE

    @property
    def is_state_input(self) -> bool:
        """Whether the layer is an input that lies in the outer memory between passes."""
        return self.kind == "input" and bool(self.origin)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one item."""
        if not self.is_compute:
            return 0
        kernel = self.in_channels * self.kernel_height * self.kernel_width
        rows, columns = self.places
        return self.groups * self.out_channels * rows * columns * kernel

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns that a kernel is laid on: those of the outputs, or of the inputs where it is transposed."""
        return (self.in_height, self.in_width) if self.transposed else (self.out_height, self.out_width)

    @property
    def weight_elements(self) -> int:
        """Elements of the weights operand (for `matmul`: of the second activation, for one item)."""
        if not self.is_compute:
            return 0
        return self.groups * self.out_channels * self.in_channels * self.kernel_height * self.kernel_width

    @property
    def parameters(self) -> int:
        """Trained weights and biases."""
        if self.kind not in WEIGHTED:
            return self.table_rows * self.out_channels
        if self.shares:
            return 0
        return self.weight_elements + (self.groups * self.out_channels if self.has_bias else 0)

    @property
    def input_elements(self) -> int:
        """Elements of the inputs operand for one item."""
        if self.kind == "lstm":
            return self.out_channels * self.in_height
        return self.groups * self.in_channels * self.in_height * self.in_width

    @property
    def output_elements(self) -> int:
        """Elements of the outputs for one item."""
        if self.kind == "lstm":
            return self.in_channels * self.out_height
        return self.groups * self.out_channels * self.out_height * self.out_width

    @property
    def vector_operations(self) -> float:
        """Vector operations for one item: outputs x operations each (x kernel elements for a pool)."""
        return self.operations_with({})

    def operations_with(self, own: Mapping[Any, float], channels: int = 1) -> float:
        """The same on a vector unit whose operations per output differ for the kinds in `own`, and whose lanes belong to
        `channels` channels at a time: those without a channel idle, and count as if they worked."""
        if self.is_compute and self.kind != "lstm":
            return 0.0
        filled = self.groups * self.out_channels
        each = -(-filled // channels) * channels / filled
        if self.kind == "lstm":
            return each * LSTM_OPERATIONS * self.output_elements
        each *= own.get(self.kind, VECTOR_OPERATIONS[self.kind])
        return each * self.output_elements * self.kernel_height * self.kernel_width
