"""Matrix products and convolutions of operators: which sizes they multiply. MACs follow from here, and so do layers."""

import math
from dataclasses import dataclass

from simulator.graph.readers.ir import Op, Tensor


@dataclass(frozen=True, slots=True)
class Product:
    """`groups` products of rows x reduction with reduction x columns. swapped: the second operand has the rows."""

    groups: int
    rows: int
    reduction: int
    columns: int
    swapped: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.groups * self.rows * self.reduction * self.columns


CONVOLUTIONS = {
    "Conv": 1,
    "FusedConv": 1,
    "NhwcFusedConv": 1,
    "NhwcConv": 1,
    "ConvInteger": 1,
    "QLinearConv": 3,
    "ConvTranspose": 1,
    "DeformConv": 1,
    "CausalConvWithState": 1,
}
"""Convolution -> number of the input that is its weights."""

PRODUCTS = {
    "MatMul": 1,
    "Gemm": 1,
    "FusedMatMul": 1,
    "TransposeMatMul": 1,
    "FusedGemm": 1,
    "FusedMatMulActivation": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "DynamicQuantizeMatMul": 1,
    "QLinearMatMul": 3,
    "QGemm": 3,
    "MatMulInteger16": 1,
    "MatMulNBits": 1,
    "MatMulBnb4": 1,
    "MatMulFpQ4": 1,
    "Einsum": 1,
}
"""Product -> number of the input that is its second operand."""

PACKED = ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4")
"""Products whose weights are packed: their sizes are attributes."""


def broadcast_product(a: tuple[int, ...], b: tuple[int, ...]) -> Product:
    """A product of [..., M, K] and [..., K, N], as numpy's matmul. Axes of one operand alone join its rows or columns."""
    a, b = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    rows, reduction, columns, groups = a[-2], a[-1], b[-1], 1
    outer = max(len(a), len(b)) - 2
    for one, two in zip((1,) * (outer - len(a) + 2) + a[:-2], (1,) * (outer - len(b) + 2) + b[:-2], strict=True):
        if one == two:
            groups *= one
        elif two == 1:
            rows *= one
        else:
            columns *= two
    return Product(groups, rows, reduction, columns)


def product_of(op: Op) -> Product:
    """Sizes of a matrix product. Raises NetworkError for operands that do not fit."""
    a, b = op.need(0).shape, op.need(PRODUCTS[op.kind]).shape
    attrs = op.attrs
    if op.kind in PACKED:
        reduction, columns = (int(attrs.get(key, 0)) for key in ("K", "N"))
        if reduction < 1 or columns < 1 or not a:
            op.fault(f"must have K and N of at least 1, got {reduction} and {columns}")
        return Product(1, max(1, math.prod(a) // reduction), reduction, columns)
    if op.kind == "Einsum":
        return einsum_product(op)
    if not a or not b:
        op.fault("must have operands with axes, got a scalar")
    first, second = attrs.get("transA"), attrs.get("transB")
    if first and len(a) > 1:
        a = (*a[:-2], a[-1], a[-2])
    if second and len(b) > 1:
        b = (*b[:-2], b[-1], b[-2])
    have = b[-2] if len(b) > 1 else b[0]
    if a[-1] != have:
        op.fault(f"must agree in the reduction, got {a[-1]} and {have}")
    return broadcast_product(a, b)


def einsum_steps(op: Op) -> list[Op]:
    """An Einsum of many operands as one of two after another, from the left, as ONNX Runtime computes it.

    Letters that neither a later operand nor the result has are summed as soon as they can be.
    """
    letters, sizes, result = _einsum(op)
    steps, left, have = [], op.need(0), letters[0]
    for number in range(1, len(letters)):
        last = number == len(letters) - 1
        later = {each for one in letters[number + 1 :] for each in one} | {*result}
        kept = result if last else [each for each in dict.fromkeys(have + letters[number]) if each in later]
        right = op.need(number)
        made = Tensor(f"{op.output.name}_{number}", tuple(sizes[each] for each in kept), op.output.dtype)
        made.constant = left.constant and right.constant
        equation = f"{''.join(have)},{''.join(letters[number])}->{''.join(kept)}"
        name = op.name if last else f"{op.name}_{number}"
        steps.append(Op("Einsum", name, [left, right], [op.output if last else made], {"equation": equation}))
        left, have = made, kept
    return steps


def einsum_product(op: Op) -> Product:
    """Sizes of an Einsum of two operands: letters of both and the result are groups, of both alone the reduction."""
    letters, sizes, result = _einsum(op)
    if len(letters) != 2:
        op.fault(f"must have two operands, got {len(letters)}")
    groups = rows = columns = reduction = 1
    for letter, size in sizes.items():
        first, second = letter in letters[0], letter in letters[1]
        if letter not in result:
            reduction *= size
        elif first and second:
            groups *= size
        elif first:
            rows *= size
        else:
            columns *= size
    return Product(groups, rows, reduction, columns)


def _einsum(op: Op) -> tuple[list[list[str]], dict[str, int], list[str]]:
    """(letters of each operand, size of each letter, letters of the result) of an Einsum."""
    text = "".join(str(op.attrs.get("equation", "")).split())
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(op.inputs):
        op.fault(f"must have {len(terms)} operands, got {len(op.inputs)}")
    sizes: dict[str, int] = {}
    letters = []
    for number, term in enumerate(terms):
        tensor = op.need(number)
        spelled = _spelled(term, len(tensor.shape))
        if len(spelled) != len(tensor.shape):
            op.fault(f"must name {len(tensor.shape)} axes of an operand, got {term!r}")
        letters.append(spelled)
        for letter, size in zip(spelled, tensor.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    if arrow:
        most = max(sum(each.isdigit() for each in one) for one in letters)
        result = _spelled(right, len(right.replace("...", "")) + most)
    else:
        every = [each for one in letters for each in one]
        result = [each for each in every if every.count(each) == 1 or each.isdigit()]
    return letters, sizes, result


def _spelled(term: str, rank: int) -> list[str]:
    """Letters of one operand; axes of `...` are digits, counted from the right."""
    if "..." not in term:
        return list(term)
    before, _, after = term.partition("...")
    more = max(0, rank - len(before) - len(after))
    return [*before, *(str(each) for each in range(more - 1, -1, -1)), *after]


def conv_macs(op: Op) -> int:
    """MACs of a convolution: each output, or of a transposed one each input, meets one group of weights."""
    weights: Tensor = op.need(CONVOLUTIONS[op.kind])
    groups = max(1, int(op.attrs.get("group", 1)))
    if op.kind == "ConvTranspose":
        return op.need(0).elements * math.prod(weights.shape[1:])
    per_output = weights.elements // weights.shape[0] if weights.shape and weights.shape[0] else 0
    if op.kind in ("NhwcConv", "NhwcFusedConv") and groups < 1:
        return 0
    return op.output.elements * per_output


def op_macs(op: Op) -> int:
    """MACs of a product or a convolution; 0 of anything else. To compare branches of a model."""
    if op.kind in CONVOLUTIONS:
        return conv_macs(op)
    if op.kind == "Einsum" and len(op.inputs) > 2:
        return sum(product_of(step).macs for step in einsum_steps(op) if not step.output.constant)
    if op.kind in PRODUCTS and (op.kind != "Einsum" or len(op.inputs) == 2):
        return product_of(op).macs
    if op.kind in ("LSTM", "GRU", "RNN") and len(op.inputs) > 2:
        return math.prod(op.need(0).shape[:2]) * (op.need(1).elements + op.need(2).elements)
    return 0
