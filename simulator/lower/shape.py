"""The loop nest of a layer: all that its tilings depend on, and what of its inputs it reads."""

import math
from dataclasses import dataclass, replace
from typing import Any

from simulator.graph.layer import Layer
from simulator.vocabulary import WEIGHTED

LONG_MACS, LONG_ROWS = 1 << 34, 128
"""A product of no fewer, with so many rows at least, is a long one: those of prompts are, of no convolution."""

LONG_GROUP_MACS = 1 << 25
"""Of a product of several groups, in each of them: those of heads of attention over a prompt are, of no encoder's 512 words."""

LONG_CHANNELS = 1 << 15
"""So is one with so many outputs: all words of a language model."""


@dataclass(frozen=True, slots=True)
class Shape:
    """All of a layer that its tilings depend on, batch included.

    extents: G N K C P Q R S. Widths in bytes per element; `out_width` per output of the loop nest, which a fused
    pool makes smaller than one element's; `acc_width` of an unfinished output.
    """

    extents: tuple[int, int, int, int, int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    """Above and left; below and right follow from the plane."""
    plane: tuple[int, int] = (1, 1)
    in_width: float = 1.0
    weight_width: float = 1.0
    out_width: float = 1.0
    acc_width: float = 4.0
    steps: int = 1
    """Parts of the groups that run one after another, with the same weights: the groups of one step are G / steps."""
    holds_weights: bool = False
    """Whether the weights may stay in the SRAM for all steps: no other layer takes turns with this one."""

    rate: float = 0.0
    """MACs per unit and cycle in the format in which its operands are multiplied; 0: that of the array."""
    widening: float = 0.0
    """Time of the vector lanes to widen one weight each time it enters the array; 0: they need not. [cycle]"""

    context: int = 0
    """Columns of a second product in the same kernel, of the softmax of the first with values (attention); 0: none."""

    lane_macs: float = 0.0
    """Multiply-accumulates of the vector lanes a cycle in that format; 0: they do no products."""

    convolves: bool = False
    """Whether it is a convolution on a GPU whose matrix units read the shared memory themselves: its kernels do not use that."""

    softmax_operations: float = 0.0
    """Of attention, what the softmax between its products takes of the vector lanes."""

    @property
    def step_extents(self) -> tuple[int, ...]:
        """G N K C P Q R S of one step: what can run side by side."""
        return (self.extents[0] // self.steps, *self.extents[1:])

    @property
    def is_long(self) -> bool:
        """Whether it is a product so long that not every tile of it can be tried."""
        g, n, k, c, p, q, r, s = self.extents
        rows, macs = n * p, n * p * k * c
        if (q, r, s, self.steps, self.context) != (1, 1, 1, 1, 0) or (rows < LONG_ROWS and k < LONG_CHANNELS):
            return False
        return macs >= LONG_GROUP_MACS if g > 1 else k >= LONG_CHANNELS or macs >= LONG_MACS

    @property
    def in_one(self) -> "Shape":
        """The same with its items one below the other: a product of as many rows."""
        g, n, k, c, p, q, r, s = self.extents
        return replace(self, extents=(g, 1, k, c, n * p, q, r, s), plane=(n * self.plane[0], self.plane[1]))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the loop nest, and of the second product where there is one."""
        product = math.prod(self.extents)
        return product + product // self.extents[3] * self.context


def layer_shape(
    layer: Layer,
    batch: int,
    width: float,
    acc_width: float,
    output_bytes: float,
    winograd: float = 0.0,
    stored_width: float | None = None,
    **more: Any,
) -> Shape:
    """The loop nest of a compute layer. A matmul has weights of its own for every item, so its batch joins the groups; so do
    steps that run one after another, as each reads the weights anew.

    Winograd F(2x2, 3x3) computes 2 x 2 outputs from a 4 x 4 window with 16 products instead of 36: the same layer with
    4 x 4 kernels, stride 2 and a quarter of the outputs (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural
    Networks", CVPR 2016). `winograd`: 0 without, else the stored bytes of its weights over 16 per kernel. width: of an input [B];
    stored_width: of a weight, the same unless given. more: further fields of the shape.
    """
    groups, items = (layer.groups * batch, 1) if layer.kind == "matmul" else (layer.groups, batch)
    (p, q), r, s = layer.places, layer.kernel_height, layer.kernel_width
    stride, padding = layer.stride, (layer.padding[0], layer.padding[2])
    if layer.transposed:  # a place of the inputs makes stride x stride outputs, of it and its neighbours
        stride, padding = (1, 1), ((r - 1) // 2, (s - 1) // 2)
    plain = (
        not layer.transposed
        and (r, s) == (3, 3)
        and stride == (1, 1)
        and layer.dilation == (1, 1)
        and layer.kind == "conv"
    )
    weight_width = width if stored_width is None else stored_width
    if winograd > 0.0 and plain and layer.groups == 1:
        p, q, r, s, stride = -(-p // 2), -(-q // 2), 4, 4, (2, 2)
        weight_width *= winograd
    plane = (layer.in_height, layer.in_width)
    if layer.steps > 1:
        groups, p = groups * layer.steps, p // layer.steps
        plane = (p, q)
    outputs = groups * items * layer.out_channels * p * q
    if layer.kind == "lstm":
        output_bytes = outputs * width  # the sums of the steps, of which the states are made
    return Shape(
        extents=(groups, items, layer.out_channels, layer.in_channels, p, q, r, s),
        stride=stride,
        dilation=layer.dilation,
        padding=padding,
        plane=plane,
        in_width=width,
        weight_width=weight_width,
        out_width=output_bytes / outputs,
        acc_width=acc_width * spread(layer, p, q),
        steps=layer.steps,
        holds_weights=layer.steps > 1 and not layer.loop and layer.kind in WEIGHTED,
        **more,
    )


def spread(layer: Layer, p: int, q: int) -> float:
    """Outputs of a place of the loop nest: 2 x 2 in Winograd, as many as there are in a transposed convolution, else 1."""
    if layer.transposed:
        return layer.out_height * layer.out_width / (p * q)
    return outputs_per(p * layer.steps, layer.out_height) * outputs_per(q, layer.out_width)


def outputs_per(blocks: int, outputs: int) -> float:
    """Outputs per block of an axis: 2 in Winograd, else 1."""
    return 2.0 if blocks < outputs else 1.0


def touched_bytes(shape: Shape) -> float:
    """Bytes of the inputs that the loop nest reads: rows and columns that a stride skips are not. [B]"""
    groups, items, _, channels, p, q, r, s = shape.extents
    axes = zip((p, q), (r, s), shape.stride, shape.dilation, shape.padding, shape.plane, strict=True)
    touched = math.prod(places_read(*axis) for axis in axes)
    return shape.in_width * groups * items * channels * touched


def places_read(extent: int, kernel: int, stride: int, dilation: int, pad: int, plane: int) -> int:
    """Distinct places i x stride + j x dilation - pad of an axis that are in its plane, i below `extent`, j below `kernel`.

    Those of one remainder by the longer loop's step are runs, so that nothing grows with the length of that loop.
    """
    if kernel > extent:
        extent, kernel, stride, dilation = kernel, extent, dilation, stride
    runs: dict[int, list[tuple[int, int]]] = {}
    for j in range(kernel):
        first, rest = divmod(j * dilation - pad, stride)
        low, high = max(first, 0), min(first + extent - 1, (plane - 1 - rest) // stride)
        if low <= high:
            runs.setdefault(rest, []).append((low, high))
    found = 0
    for spans in runs.values():
        upto = -1
        for low, high in sorted(spans):
            found += max(0, high - max(low, upto + 1) + 1)
            upto = max(upto, high)
    return found
