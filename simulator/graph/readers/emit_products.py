"""Convolutions, matrix products and recurrent layers of a file as layers of the MAC array."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.layers import Layers, exact_window, stacked_window
from simulator.graph.readers.packed import packed_parts
from simulator.graph.readers.products import CONVOLUTIONS, PACKED, PRODUCTS, Product, einsum_steps, product_of
from simulator.graph.readers.quantised import packed_word

Emit = Callable[[Layers, Op], str]
"""Adds layers and says which of CLASSES the operator is of."""


_GROUPED = frozenset({"Conv", "FusedConv", "ConvInteger", "QLinearConv"})
"""Convolutions whose weights say how many channels a group of their input has."""


def convolution(net: Layers, op: Op) -> str:
    """A convolution of one, two or three axes. One of a batch in the file, or of three axes, has its planes stacked."""
    x, w, out = op.need(0), op.need(CONVOLUTIONS[op.kind]), op.output
    last = op.kind.startswith("Nhwc") or bool(op.attrs.get("channels_last"))
    if last:
        x, out = _channels_first(x), _channels_first(out)
    space = x.shape[2:]
    if len(x.shape) < 3 or not w.shape or not out.elements:
        op.fault(f"must have an input of 3 axes or more, got {len(x.shape)}")
    groups = max(1, int(op.attrs.get("group", 1)))
    if x.shape[1] % groups or out.shape[1] % groups:
        op.fault(f"groups must divide {x.shape[1]} inputs and {out.shape[1]} outputs, got {groups}")
    if not last and op.kind in _GROUPED and len(w.shape) > 1 and w.shape[1] * groups != x.shape[1]:
        op.fault(f"must have an input of {w.shape[1] * groups} channels, as its weights have, got {x.shape[1]}")
    kernel = list(op.attrs.get("kernel_shape") or (w.shape[1:-1] if last and op.kind != "QLinearConv" else w.shape[2:]))
    layer = Layer(
        net.unique(op.name), "conv", groups=groups, out_channels=out.shape[1] // groups, in_channels=x.shape[1] // groups,
        has_bias=bool(op.attrs.get("_bias")) or len([each for each in op.inputs if each is not None]) in (3, 9),
        **window_fields(op, x.shape, out.shape, kernel),
    )  # fmt: skip
    if len(kernel) != len(space):
        op.fault(f"must have a kernel of {len(space)} axes, got {len(kernel)}")
    made = net.compute(layer, op, op.need(0))
    _finish(net, op, made, w)
    return "understood" if w.constant or w in net.weights else "approximated"


def _channels_first(x: Tensor) -> Tensor:
    return Tensor(x.name, (x.shape[0], x.shape[-1], *x.shape[1:-1]), x.dtype)


def window_fields(op: Op, x: tuple[int, ...], out: tuple[int, ...], kernel: Sequence[int]) -> dict[str, Any]:
    """Fields of a layer with a sliding window: x and out are item, channels and one to three axes."""
    rank = len(x) - 2
    strides = [int(each) for each in op.attrs.get("strides") or [1] * rank]
    dilations = [int(each) for each in op.attrs.get("dilations") or [1] * rank]
    pads = _pads(op, x[2:], kernel, strides, dilations)
    ceil = bool(op.attrs.get("ceil_mode"))
    sides, outs, sizes = list(x[2:]), list(out[2:]), [int(each) for each in kernel]
    if len(sides) == 1:
        sides, outs, sizes = [*sides, 1], [*outs, 1], [*sizes, 1]
        strides, dilations, pads = [*strides, 1], [*dilations, 1], [pads[0], 0, pads[1], 0]
    if len(sides) > 3:
        op.fault(f"must have 1 to 3 axes besides items and channels, got {len(sides)}")
    axes = len(sides)
    exact = [
        exact_window(sides[a], outs[a], sizes[a], strides[a], dilations[a], pads[a], pads[a + axes], ceil)
        for a in range(axes)
    ]
    column = (sides[-1], outs[-1], sizes[-1], strides[-1], dilations[-1], pads[axes - 1], pads[2 * axes - 1])
    if not exact[-1]:
        stride, before, after = stacked_window(column[0], column[1], column[2])
        column = (*column[:3], stride, 1, before, after)
    if axes == 2 and x[0] == 1 and exact[0]:
        row = (sides[0], outs[0], sizes[0], strides[0], dilations[0], pads[0], pads[axes])
    else:
        extent, height, tall = (math.prod(each[:-1]) for each in (sides, outs, sizes))
        extent, height = extent * x[0], height * x[0]
        stride, before, after = stacked_window(extent, height, tall)
        row = (extent, height, tall, stride, 1, before, after)
    return {
        "in_height": row[0], "out_height": row[1], "kernel_height": row[2], "in_width": column[0], "out_width": column[1],
        "kernel_width": column[2], "stride": (row[3], column[3]), "dilation": (row[4], column[4]),
        "padding": (row[5], row[6], column[5], column[6]),
    }  # fmt: skip


def _pads(
    op: Op, sides: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Rows before each axis, then behind each; negative ones are left to a window that fits."""
    auto = str(op.attrs.get("auto_pad", "NOTSET"))
    count = len(sides)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        before, after = [], []
        for side, size, stride, dilation in zip(sides, kernel, strides, dilations, strict=False):
            total = max(0, (-(-side // stride) - 1) * stride + dilation * (int(size) - 1) + 1 - side)
            less = total // 2
            before.append(less if auto == "SAME_UPPER" else total - less)
            after.append(total - before[-1])
        return before + after
    pads = [int(each) for each in op.attrs.get("pads") or ()]
    return [max(0, each) for each in pads] if len(pads) == 2 * count and auto != "VALID" else [0] * (2 * count)


def transposed(net: Layers, op: Op) -> str:
    """A transposed convolution: each input meets all weights. Of one or two axes it is a layer of its own."""
    x, w, out = op.need(0), op.need(1), op.output
    groups, kernel = max(1, int(op.attrs.get("group", 1))), list(w.shape[2:])
    if x.shape[1] % groups:
        op.fault(f"groups must divide {x.shape[1]} inputs, got {groups}")
    if not op.attrs.get("_last") and w.shape[0] != x.shape[1]:
        op.fault(f"must have an input of {w.shape[0]} channels, as its weights have, got {x.shape[1]}")
    window = _spread_window(op, x.shape, out.shape[1:-1] if op.attrs.get("_last") else out.shape[2:], kernel)
    if window is None:
        return _overlapping(net, op, groups)
    layer = Layer(
        net.unique(op.name), "conv", groups=groups, out_channels=w.shape[1], in_channels=x.shape[1] // groups,
        has_bias=bool(op.attrs.get("_bias")) or op.input(2) is not None, transposed=True, **window,
    )  # fmt: skip
    _finish(net, op, net.compute(layer, op, x), w)
    return "understood"


def _spread_window(op: Op, x: tuple[int, ...], outs: Sequence[int], kernel: Sequence[int]) -> dict[str, Any] | None:
    """Fields of a transposed convolution of one item and one or two axes; None of others, and where rows are left empty."""
    rank = len(x) - 2
    if x[0] != 1 or rank not in (1, 2) or len(kernel) != rank or len(outs) != rank:
        return None
    strides = [int(each) for each in op.attrs.get("strides") or [1] * rank]
    dilations = [int(each) for each in op.attrs.get("dilations") or [1] * rank]
    more = [int(each) for each in op.attrs.get("output_padding") or [0] * rank]
    axes = []
    for side, out, size, stride, dilation, behind in zip(x[2:], outs, kernel, strides, dilations, more, strict=True):
        reach = (side - 1) * stride + dilation * (size - 1) + 1
        cut = max(0, reach + behind - out)
        if not reach - cut <= out < reach - cut + stride:
            return None
        axes.append((side, out, size, stride, dilation, cut))
    high, wide = axes if rank == 2 else (axes[0], (1, 1, 1, 1, 1, 0))
    cut = (high[5], wide[5])
    return {
        "in_height": high[0], "in_width": wide[0], "out_height": high[1], "out_width": wide[1], "kernel_height": high[2],
        "kernel_width": wide[2], "stride": (high[3], wide[3]), "dilation": (high[4], wide[4]),
        "padding": (cut[0] // 2, cut[0] - cut[0] // 2, cut[1] // 2, cut[1] - cut[1] // 2),
    }  # fmt: skip


def _overlapping(net: Layers, op: Op, groups: int) -> str:
    """The same as the products of each input, which are added where they overlap."""
    x, w, out = op.need(0), op.need(1), op.output
    kernel, rows = math.prod(w.shape[2:]), x.shape[0] * math.prod(x.shape[2:-1])
    layer = Layer(
        net.unique(op.name), "conv", groups=groups, out_channels=w.shape[1] * kernel, in_channels=x.shape[1] // groups,
        in_height=rows, out_height=rows, in_width=x.shape[-1], out_width=x.shape[-1], has_bias=bool(op.attrs.get("_bias")),
    )  # fmt: skip
    made = net.compute(layer, op, x)
    made = Output(made.name, layer.output_elements)
    net.note_format(made.name, x, w)
    if layer.output_elements != out.elements:
        total = Tensor(op.name, (layer.output_elements,))
        net.made[total] = (made,)
        net.vector(op, "add", [total], [out], "_overlap")
        return "understood"
    _finish(net, op, made, w)
    return "understood"


def product(net: Layers, op: Op) -> str:
    """A matrix product: a dense layer where an operand is constant, else a product of two activations."""
    if op.kind == "Einsum" and len(op.inputs) < 2:
        return _single_einsum(net, op)
    if op.kind == "Einsum" and len(op.inputs) > 2:
        for step in einsum_steps(op):
            if not step.output.constant:  # of weights alone: known before the run
                product(net, step)
        return "understood"
    found = product_of(op)
    if not found.macs or not op.output.elements:
        return "free"
    a, b = op.need(0), op.need(PRODUCTS[op.kind])
    if a.constant and not b.constant:
        a, b, found = b, a, Product(found.groups, found.columns, found.reduction, found.rows)
    if op.kind == "DynamicQuantizeMatMul":
        a = net.narrowed(op, a)
    if b.constant or op.kind in PACKED:
        _dense(net, op, a, b, found)
        return "understood"
    groups, rows, columns = found.groups, found.rows, found.columns
    have = sum(each.elements for each in net.reads(b))
    copies = max(1, groups * found.reduction * columns // max(1, have))
    if copies > 1 and groups % copies == 0:  # heads that share keys and values: their queries are rows of one product
        groups, rows = groups // copies, rows * copies
    layer = Layer(
        net.unique(op.name),
        "matmul",
        groups=groups,
        out_channels=columns,
        in_channels=found.reduction,
        out_height=rows,
        in_height=rows,
    )
    _finish(net, op, net.compute(layer, op, a, b), None)
    return "understood"


def _dense(net: Layers, op: Op, a: Tensor, b: Tensor, found: Product) -> None:
    """A product with weights; one whose parts go different ways is as many layers."""
    bias = bool(op.attrs.get("_bias")) or (op.kind in ("Gemm", "QGemm", "FusedGemm") and op.input(2) is not None)
    if found.groups > 1:
        layer = Layer(
            net.unique(op.name), "conv", groups=found.groups, out_channels=found.columns, in_channels=found.reduction,
            out_height=found.rows, in_height=found.rows, has_bias=bias,
        )  # fmt: skip
        _finish(net, op, net.compute(layer, op, a), b)
        return
    count = packed_parts(op.output, net.consumers) if op.kind != "Einsum" else 1
    count = count if found.columns % count == 0 else 1
    parts = []
    for number in range(count):
        layer = Layer(
            net.unique(op.name if count == 1 else f"{op.name}_part{number + 1}"), "dense", out_channels=found.columns // count,
            in_channels=found.reduction, out_height=found.rows, in_height=found.rows, has_bias=bias,
        )  # fmt: skip
        parts.append(net.compute(layer, op, a))
        net.note_format(layer.name, a, b)
    if count > 1:
        flat = [Output(each.name, each.elements) for each in parts]
        net.made[op.output], net.parts[op.output] = tuple(flat), flat
        return
    _finish(net, op, parts[0], b)


def _finish(net: Layers, op: Op, made: Output, weights: Tensor | None) -> None:
    """Note what the operator makes, the number formats of the file, and an activation that is part of it."""
    out = op.output
    net.made[out] = (Output(made.name, min(out.elements, net.size_of(made.name))),)
    net.note_format(made.name, op.need(0), weights)
    if op.kind in PACKED:  # the file calls them bytes
        net.formats[made.name]["weights"] = packed_word(op)
    kind = {
        "Relu": "relu",
        "LeakyRelu": "relu",
        "Clip": "relu",
        "HardSigmoid": "sigmoid",
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
    }.get(str(op.attrs.get("activation", "")))
    if kind:
        net.vector(op, kind, [out], [out], f"_{kind}")


def _single_einsum(net: Layers, op: Op) -> str:
    x, out = op.need(0), op.output
    if out.elements < x.elements:
        net.reduced(op, x, [out])
        return "understood"
    net.vector(op, "copy", [x])
    return "data movement only"


PRODUCT_RULES: dict[str, Emit] = {
    **dict.fromkeys(
        (each for each in CONVOLUTIONS if each not in ("ConvTranspose", "DeformConv", "CausalConvWithState")),
        convolution,
    ),
    "ConvTranspose": transposed,
    **dict.fromkeys(PRODUCTS, product),
}
"""Operator -> what adds its layers."""
