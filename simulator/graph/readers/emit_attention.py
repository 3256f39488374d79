"""Attention of a file that is one operator: ONNX's own, and ONNX Runtime's forms of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from simulator.graph.layer import Layer
from simulator.graph.output import Output
from simulator.graph.readers.ir import Op, Tensor
from simulator.graph.readers.layers import Layers


@dataclass(frozen=True, slots=True)
class Heads:
    """Sizes of an attention: `items` sequences, heads of queries and of keys, rows, numbers a head."""

    items: int
    heads: int
    kv_heads: int
    rows: int
    seen: int
    size: int
    value_size: int


def attend(net: Layers, op: Op, sizes: Heads, query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> None:
    """Add scores, their softmax and the values; queries that share keys are rows of one product."""
    groups, shared = sizes.items * sizes.kv_heads, max(1, sizes.heads // max(1, sizes.kv_heads))
    rows = sizes.rows * shared
    scores = Tensor(op.name, (groups, rows, sizes.seen))
    layer = Layer(
        net.unique(f"{op.name}_scores"),
        "matmul",
        groups=groups,
        out_channels=sizes.seen,
        in_channels=sizes.size,
        out_height=rows,
        in_height=rows,
    )
    made = net.compute(layer, op, query, key)
    net.made[scores] = (Output(made.name, scores.elements),)
    net.vector(op, "softmax", [scores], [scores], "_softmax")
    layer = Layer(
        net.unique(op.name), "matmul", groups=groups, out_channels=sizes.value_size, in_channels=sizes.seen, out_height=rows,
        in_height=rows,
    )  # fmt: skip
    made = net.compute(layer, op, scores, value)
    net.made[out] = (Output(made.name, out.elements),)


def standard(net: Layers, op: Op) -> str:
    """ONNX's Attention: queries, keys and values with 3 or 4 axes; a cache before them."""
    q, k, v = op.need(0), op.need(1), op.need(2)
    if len(q.shape) == 4:
        items, heads, rows, size = q.shape
        kv_heads, value_size, new = k.shape[1], v.shape[3], k.shape[2]
    else:
        heads = max(1, int(op.attrs.get("q_num_heads", 1)))
        kv_heads = max(1, int(op.attrs.get("kv_num_heads", heads)))
        items, rows, size = q.shape[0], q.shape[1], q.shape[2] // heads
        value_size, new = v.shape[2] // kv_heads, k.shape[1]
    past = op.input(4)
    seen = new + (past.shape[2] if past is not None and len(past.shape) == 4 else 0)
    key, value = _with_past(net, op, k, op.input(4), 1), _with_past(net, op, v, op.input(5), 2)
    attend(net, op, Heads(items, heads, kv_heads, rows, seen, size, value_size), q, key, value, op.output)
    return "understood"


def _with_past(net: Layers, op: Op, new: Tensor, past: Tensor | None, place: int) -> Tensor:
    """New rows behind those of a cache; both outputs, where they are asked for, are that."""
    out = op.outputs[place] if place < len(op.outputs) else None
    if past is None:
        if out is not None:
            net.made[out] = net.reads(new)
        return new
    joined = out or Tensor(op.name, (new.elements + past.elements,))
    net.vector(op, "concat", [past, new], [joined], f"_rows{place}")
    return joined


def packed(net: Layers, op: Op) -> str:
    """Attention and QAttention of ONNX Runtime: weights of queries, keys and values in one product before it."""
    x, w = op.need(0), op.need(1)
    sizes = op.attrs.get("qkv_hidden_sizes") or [w.shape[-1] // 3] * 3
    heads, rows = max(1, int(op.attrs.get("num_heads", 1))), math.prod(x.shape[:-1])
    parts = []
    for name, width in zip(("query", "key", "value"), sizes, strict=False):
        layer = Layer(
            net.unique(f"{op.name}_{name}"),
            "dense",
            out_channels=int(width),
            in_channels=x.shape[-1],
            out_height=rows,
            in_height=rows,
            has_bias=op.input(2) is not None,
        )
        made = net.compute(layer, op, x)
        net.note_format(layer.name, x, w)
        part = Tensor(op.name, (rows, int(width)))
        net.made[part] = (Output(made.name, part.elements),)
        parts.append(part)
    seen = x.shape[1]
    past = op.input(8 if op.kind == "QAttention" else 4)
    if past is not None and len(past.shape) == 5:
        seen += past.shape[3]
        for place in (1, 2):
            joined = Tensor(op.name, (parts[place].elements + past.elements // 2,))
            net.vector(op, "concat", [past, parts[place]], [joined], f"_rows{place}")
            parts[place] = joined
    each = [int(width) // heads for width in sizes]
    attend(
        net,
        op,
        Heads(x.shape[0], heads, heads, x.shape[1], seen, each[0], each[2]),
        parts[0],
        parts[1],
        parts[2],
        op.output,
    )
    for out in op.outputs[1:]:
        if out is not None:
            net.made[out] = tuple(one for part in parts[1:] for one in net.reads(part))
    return "understood"


def multi_head(net: Layers, op: Op) -> str:
    """MultiHeadAttention and GroupQueryAttention of ONNX Runtime."""
    q, key, value = op.need(0), op.input(1), op.input(2)
    heads = max(1, int(op.attrs.get("num_heads", 1)))
    kv_heads = max(1, int(op.attrs.get("kv_num_heads", heads)))
    size = op.output.shape[-1] // heads
    if key is None or value is None:  # packed in the first
        count = heads + 2 * kv_heads
        parts = [Tensor(op.name, (q.elements * part // count,)) for part in (heads, kv_heads, kv_heads)]
        for part in parts:
            net.view(op, q, [part])
        query, key, value = parts
        new, value_size = q.shape[1], size
        size = q.shape[-1] // (count if len(q.shape) == 3 else 1)
    else:
        query, new = q, key.shape[-2]
        size = (q.shape[-1] if len(q.shape) == 3 else q.shape[-1] * heads) // heads
        value_size = op.output.shape[-1] // heads
    past = op.input(3 if op.kind == "GroupQueryAttention" else 6)
    seen = new
    if past is not None and len(past.shape) == 4 and past.elements:
        seen += past.shape[2]
        second = op.input(4 if op.kind == "GroupQueryAttention" else 7)
        key, value = _with_past(net, op, key, past, 1), _with_past(net, op, value, second, 2)
    else:
        for place, tensor in ((1, key), (2, value)):
            if place < len(op.outputs) and (out := op.outputs[place]) is not None:
                net.made[out] = net.reads(tensor)
    attend(
        net, op, Heads(q.shape[0], heads, kv_heads, q.shape[1], seen, size, value_size), query, key, value, op.output
    )
    return "understood"


ATTENTION_RULES: dict[str, Callable[[Layers, Op], str]] = {
    "Attention": standard,
    "QAttention": packed,
    "MultiHeadAttention": multi_head,
    "GroupQueryAttention": multi_head,
    "DecoderMaskedMultiHeadAttention": multi_head,
    "PagedAttention": multi_head,
}
"""Operator -> what adds its layers; an Attention of ONNX Runtime is `packed`."""
