"""Number formats of a quantised file: what each layer's weights and results are stored in, so that a run can take them.

A tensor lies in memory as its readers take it: a result that is quantised before anything else is done with it is written so.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from simulator.formats import format_of, own_formats, table
from simulator.graph.nodes import Graph
from simulator.graph.readers.ir import BITS_OF, Op, Tensor
from simulator.graph.readers.patterns import VIEWS, Consumers

_WORDS = {
    "int8": "int8", "uint8": "int8", "bool": "int8", "int4": "int4", "uint4": "int4", "int2": "2", "uint2": "2",
    "int16": "int16", "uint16": "int16", "float16": "fp16", "bfloat16": "bf16", "float4e2m1": "fp4",
}  # fmt: skip
"""Type of an element in a file -> word for a number format; other types of 32 bits and more are `fp32`."""

_INDICES = frozenset({"int64", "int32", "uint64", "uint32", "string"})
"""Types of inputs that are no numbers to compute with."""

_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear", "Cast", "CastLike"})
_PARTS = frozenset({"Transpose", "Slice", "Split", "Gather", "Expand"})
_MONOTONE = frozenset({"Relu", "Clip", "MaxPool"})
"""Operators that give the same whether numbers become narrow before or behind them."""
_NARROW = frozenset({"int4", "int8", "fp4", "fp8"})
"""Formats of operands that make a file a quantised one."""


def word_of(dtype: str) -> str:
    """The word for a type of elements; one that is a word already is itself."""
    if dtype.startswith("float8"):
        return "fp8"
    return _WORDS.get(dtype, "fp32" if dtype in BITS_OF else dtype)


def packed_word(op: Op) -> str:
    """The word for weights that a product has packed: its bits, and scales for blocks of them."""
    if op.kind == "MatMulBnb4":
        return "nf4"
    bits = int(op.attrs.get("bits", 4))
    for name in (f"int{bits}_g{op.attrs.get('block_size', 32)}", f"int{bits}"):
        if name in table():
            return name
    return str(min(8, max(1, bits)))


def stored_types(ops: Sequence[Op], consumers: Consumers, into: Container[Op]) -> dict[Tensor, str]:
    """Tensor -> type in which its readers take it: the widest of them. into: operators that go into a product."""
    found: dict[Tensor, str] = {}
    for op in reversed(ops):
        for made in op.outputs:
            if made is not None:
                found[made] = _taken(made, consumers.get(made, ()), into, found)
    for tensor in consumers:
        if tensor not in found:
            found[tensor] = _taken(tensor, consumers[tensor], into, found)
    return found


def _taken(tensor: Tensor, readers: Sequence[Op], into: Container[Op], found: Mapping[Tensor, str]) -> str:
    own = tensor.stored or tensor.dtype
    types = []
    for op in readers:
        out = op.outputs[0] if op.outputs else None
        through = op.kind in VIEWS or op.kind in _PARTS or op.kind in _MONOTONE or op in into
        if out is None or not through or (op.input(0) is not tensor and op not in into):
            types.append(own)
        elif op.kind in _CONVERSIONS and _bits(out.dtype) > _bits(own):
            types.append(own)  # it is widened on the way
        else:
            types.append(found.get(out, out.dtype))
    return max(types, key=_bits, default=own)


def _bits(dtype: str) -> int:
    return 8 if dtype.startswith("float8") else BITS_OF.get(dtype, 32)


def is_written(op: Op, types: Mapping[Tensor, str]) -> bool:
    """Whether what an operator quantises is also read as it was: then the narrow numbers are a tensor of their own."""
    x = op.input(0)
    return op.kind == "QuantizeLinear" and x is not None and _bits(types.get(x, x.dtype)) > _bits(op.output.dtype)


def carry(graph: Graph, operands: Mapping[str, Mapping[str, str]], results: Mapping[str, str]) -> None:
    """Let the layers of a quantised file carry its number formats; where no product has narrow operands they carry none.

    operands: layer -> operand -> type, of products. results: layer -> type of what it makes.
    """
    words = {layer: word_of(types["weights"]) for layer, types in operands.items() if "weights" in types}
    every = {*words.values(), *(word_of(types["inputs"]) for types in operands.values())}
    if not any(format_of(word).multiplies in _NARROW for word in every):
        return
    for name, data in graph.nodes(data=True):
        layer, given = data["layer"], {}
        if name in words:
            given["weights" if layer.is_compute else "embedding"] = words[name]
        made = results.get(name, "")
        if made and not (layer.kind == "input" and made in _INDICES):
            given["activations"] = word_of(made)
        if given:
            graph.nodes[name]["layer"] = replace(layer, formats=own_formats(given))
