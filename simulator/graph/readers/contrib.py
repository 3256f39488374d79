"""Sizes of operators that ONNX itself does not have: ONNX Runtime's (domain com.microsoft) and their kin."""

import math
from collections.abc import Callable

from simulator.graph.readers.ir import Op
from simulator.graph.readers.products import product_of

Sizes = list[tuple[tuple[int | None, ...], str]]
"""(sizes, type of an element or empty for that of the first input) of each output."""

Rule = Callable[[Op], Sizes]


def _same(op: Op) -> Sizes:
    """Every output is as large as the first input."""
    return [(op.need(0).shape, "")] * 4


def _spread(op: Op, pairs: tuple[int, ...] = (0, 1)) -> Sizes:
    """Of two operands that are spread over each other."""
    shapes = [op.need(each).shape for each in pairs]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(each)) + each for each in shapes]
    return [(tuple(max(sides) for sides in zip(*padded, strict=True)), op.need(pairs[0]).dtype)]


def _product(op: Op) -> Sizes:
    """A product of two operands."""
    a, product = op.need(0).shape, product_of(op)
    if op.kind in ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "QGemm", "FusedGemm"):
        rows = a[:-1] if len(a) > 1 else (1,)
        return [((*rows, product.columns), "")]
    b = op.need(3 if op.kind == "QLinearMatMul" else 1).shape
    if op.attrs.get("transA"):
        a = (*a[:-2], a[-1], a[-2])
    if op.attrs.get("transB"):
        b = (*b[:-2], b[-1], b[-2])
    outer = []
    for place in range(max(len(a), len(b)) - 2, 0, -1):
        sides = [each[-2 - place] for each in (a, b) if len(each) >= 2 + place]
        outer.append(max(sides))
    float_out = op.kind in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
    return [((*outer, a[-2] if len(a) > 1 else 1, b[-1]), "float32" if float_out else "")]


def _conv(op: Op) -> Sizes:
    """A convolution with channels in the second place, or the last."""
    x, w = op.need(0).shape, op.need(3 if op.kind == "QLinearConv" else 1).shape
    last = op.kind.startswith("Nhwc") or bool(op.attrs.get("channels_last"))
    space = x[1:-1] if last else x[2:]
    kernel = op.attrs.get("kernel_shape") or (w[1:-1] if last and op.kind != "QLinearConv" else w[2:])
    out = tuple(_window(op, axis, side, int(kernel[axis])) for axis, side in enumerate(space))
    return [((x[0], *out, w[0]) if last else (x[0], w[0], *out), "")]


def _window(op: Op, axis: int, side: int, kernel: int) -> int:
    """Outputs of a sliding window along one axis."""
    rank = len(op.attrs.get("kernel_shape") or ()) or 2
    stride = int((op.attrs.get("strides") or [1] * rank)[axis])
    dilation = int((op.attrs.get("dilations") or [1] * rank)[axis])
    if str(op.attrs.get("auto_pad", "")).startswith("SAME"):
        return -(-side // max(1, stride))
    pads = op.attrs.get("pads") or [0] * (2 * rank)
    room = side + int(pads[axis]) + int(pads[axis + len(pads) // 2]) - dilation * (kernel - 1) - 1
    return (-(-room // stride) if op.attrs.get("ceil_mode") else room // max(1, stride)) + 1


def _pool(op: Op) -> Sizes:
    x = op.need(0).shape
    last = op.kind.startswith("Nhwc") or bool(op.attrs.get("channels_last"))
    space = x[1:-1] if last else x[2:]
    if "Global" in op.kind:
        out: tuple[int, ...] = (1,) * len(space)
    else:
        out = tuple(_window(op, axis, side, int(op.attrs["kernel_shape"][axis])) for axis, side in enumerate(space))
    return [((x[0], *out, x[-1]) if last else (x[0], x[1], *out), "")]


def _concat(op: Op) -> Sizes:
    """QLinearConcat: after a scale and a zero point of the result, three inputs each."""
    parts = [each.shape for each in op.inputs[2::3] if each is not None]
    axis = int(op.attrs.get("axis", 0)) % max(1, len(parts[0]))
    shape = list(parts[0])
    shape[axis] = sum(each[axis] for each in parts)
    return [(tuple(shape), op.inputs[2].dtype if op.inputs[2] is not None else "")]


def _embed(op: Op) -> Sizes:
    """EmbedLayerNormalization: words, and a mask of one number an item."""
    ids, hidden = op.need(0).shape, op.need(2).shape[-1]
    return [((*ids, hidden), "float32"), ((ids[0],), "int32"), ((*ids, hidden), "float32")]


def _attention(op: Op) -> Sizes:
    """Attention and QAttention: queries, keys and values in one product."""
    x, w = op.need(0).shape, op.need(1).shape
    sizes = op.attrs.get("qkv_hidden_sizes") or [w[-1] // 3] * 3
    heads, rows = int(op.attrs.get("num_heads", 1)), x[1]
    past = op.input(8 if op.kind == "QAttention" else 4)
    total = rows + (past.shape[-2] if past is not None and len(past.shape) > 1 else 0)
    kept = (2, x[0], heads, total, max(1, sizes[0] // max(1, heads)))
    return [((x[0], rows, int(sizes[-1])), ""), (kept, "")]


def _multi_head(op: Op) -> Sizes:
    """MultiHeadAttention, GroupQueryAttention and kin: queries, keys and values apart, or packed in the first."""
    q, key, value = op.need(0).shape, op.input(1), op.input(2)
    heads = max(1, int(op.attrs.get("num_heads", 1)))
    kv_heads = max(1, int(op.attrs.get("kv_num_heads", heads)))
    hidden = q[-1]
    if key is None:
        hidden = q[-1] * heads // (heads + 2 * kv_heads) if len(q) == 3 else q[2] * q[-1]
    elif value is not None and op.kind != "GroupQueryAttention":
        hidden = value.shape[1] * value.shape[-1] if len(value.shape) == 4 else value.shape[-1]
    past = op.input(3 if op.kind == "GroupQueryAttention" else 6)
    rows = q[1] if key is None else key.shape[-2]
    total = rows + (past.shape[2] if past is not None and len(past.shape) == 4 else 0)
    kept = (q[0], kv_heads, total, max(1, hidden // heads))
    return [((q[0], q[1], hidden), ""), (kept, ""), (kept, "")]


def _skip_norm(op: Op) -> Sizes:
    """A residual and its normalisation: the sum is the fourth output."""
    shape = op.need(0).shape
    return [(shape, ""), (shape[:-1], ""), (shape[:-1], ""), (shape, "")]


def _lstm(op: Op) -> Sizes:
    """DynamicQuantizeLSTM, as LSTM."""
    x, hidden = op.need(0).shape, int(op.attrs.get("hidden_size", 1))
    ways = 2 if op.attrs.get("direction") == "bidirectional" else 1
    return [((x[0], ways, x[1], hidden), ""), ((ways, x[1], hidden), ""), ((ways, x[1], hidden), "")]


def _transposed(op: Op) -> Sizes:
    x = op.need(0).shape
    perm = op.attrs.get("perm") or list(range(len(x)))[::-1]
    return [(tuple(x[each] for each in perm), "")]


def _gather(op: Op) -> Sizes:
    """GatherBlockQuantized."""
    x, axis = op.need(0).shape, int(op.attrs.get("gather_axis", 0))
    scales = op.need(2).shape
    last = scales[-1] * int(op.attrs.get("block_size", 128))
    return [((*x[:axis], *op.need(1).shape, *x[axis + 1 : -1], last), op.need(2).dtype)]


def _quantised(op: Op) -> Sizes:
    zero = op.input(2)
    return [(op.need(0).shape, zero.dtype if zero is not None else "uint8")]


def _dequantised(op: Op) -> Sizes:
    return [(op.need(0).shape, op.need(1).dtype)]


def _swapped_last(op: Op) -> Sizes:
    x = op.need(0).shape
    return [((*x[:-1], x[-1] // 2), "")]


def _reduced(op: Op) -> Sizes:
    x, axes = op.need(0).shape, op.attrs.get("axes")
    keep, chosen = bool(op.attrs.get("keepdims", 1)), set(range(len(x)))
    if axes:
        chosen = {int(each) % len(x) for each in axes}
    shape = tuple(1 if i in chosen else side for i, side in enumerate(x) if keep or i not in chosen)
    return [(shape or ((1,) * math.prod(())), "")]


CONTRIB: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Gelu",
            "FastGelu",
            "QuickGelu",
            "BiasGelu",
            "QLinearSigmoid",
            "QLinearLeakyRelu",
            "QLinearSoftmax",
            "SimplifiedLayerNormalization",
            "LayerNormalization",
            "RotaryEmbedding",
            "QLinearRelu",
            "BiasAdd",
            "GroupNorm",
            "SkipGroupNorm",
            "Inverse",
            "BiasSoftmax",
            "BiasDropout",
            "NormalizeMinMax",
            "GroupNormalization",
            "QuantizeBFP",
            "DequantizeBFP",
            "Rfft",
            "BifurcationDetector",
        ),
        _same,
    ),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), _skip_norm),
    "QLinearAdd": lambda op: _spread(op, (0, 3)),
    "QLinearMul": lambda op: _spread(op, (0, 3)),
    **dict.fromkeys(
        (
            "FusedMatMul",
            "TransposeMatMul",
            "MatMulIntegerToFloat",
            "DynamicQuantizeMatMul",
            "QLinearMatMul",
            "QGemm",
            "MatMulNBits",
            "MatMulBnb4",
            "MatMulFpQ4",
            "FusedGemm",
            "FusedMatMulActivation",
            "MatMulInteger16",
        ),
        _product,
    ),
    **dict.fromkeys(("FusedConv", "NhwcFusedConv", "NhwcConv", "QLinearConv"), _conv),
    **dict.fromkeys(
        ("NhwcMaxPool", "QLinearAveragePool", "QLinearGlobalAveragePool", "GlobalAveragePool", "MaxpoolWithMask"), _pool
    ),
    "QLinearReduceMean": _reduced,
    "QLinearConcat": _concat,
    "QLinearWhere": lambda op: _spread(op, (1, 4)),
    "EmbedLayerNormalization": _embed,
    "QEmbedLayerNormalization": _embed,
    "Attention": _attention,
    "QAttention": _attention,
    **dict.fromkeys(
        ("MultiHeadAttention", "GroupQueryAttention", "DecoderMaskedMultiHeadAttention", "PagedAttention"), _multi_head
    ),
    "DynamicQuantizeLSTM": _lstm,
    "Transpose": _transposed,
    "GatherBlockQuantized": _gather,
    "QuantizeLinear": _quantised,
    "DequantizeLinear": _dequantised,
    "SwiGLU": _swapped_last,
}
"""Operator -> sizes of its outputs."""
