"""Sizes that depend on data, at their largest: how many are not zero, are unique, are kept."""

import math

from simulator.graph.readers.ir import Op

Shape = tuple[int | None, ...]


def upper_bound(op: Op, place: int, inferred: Shape | None) -> Shape | None:
    """Sizes of an output at their largest, from those that are known; None where nothing bounds them."""
    x = op.input(0)
    if x is None:
        return None
    shape: Shape | None = None
    axis = op.attrs.get("axis")
    if op.kind == "NonZero":
        shape = (max(1, len(x.shape)), x.elements)
    elif op.kind == "Unique":
        whole = axis is None or place in (1, 2, 3)
        count = x.elements if axis is None else x.shape[int(axis)]
        shape = (count,) if whole else x.shape
    elif op.kind == "Compress":
        shape = (x.elements,) if axis is None else x.shape
    elif op.kind in ("TopK", "Slice", "Trilu", "StringSplit", "Dropout"):
        shape = x.shape if inferred is None or len(inferred) == len(x.shape) else None
    elif op.kind == "NonMaxSuppression":
        boxes, scores = x.shape, op.need(1).shape
        kept = op.input(2)
        most = boxes[1] if kept is None or kept.data is None else min(boxes[1], int(kept.data.reshape(-1)[0]))
        shape = (boxes[0] * scores[1] * max(1, most), 3)
    elif op.kind == "Reshape" and inferred is not None and inferred.count(None) == 1:
        rest = math.prod(each for each in inferred if each is not None)
        shape = tuple(each if each is not None else x.elements // max(1, rest) for each in inferred)
    elif op.kind.startswith("Reduce") and (axes := op.input(1)) is not None:
        shape = _reduced(x.shape, axes.elements, bool(op.attrs.get("keepdims", 1)))
    elif op.kind == "OneHot" and (depth := _known(op, 1)) is not None and len(depth) == 1:
        place = int(op.attrs.get("axis", -1)) % (len(x.shape) + 1)
        shape = (*x.shape[:place], max(0, depth[0]), *x.shape[place:])
    elif op.kind == "MaxUnpool":
        shape = _known(op, 2)
    elif op.kind in _LIKE_INPUT or op.kind in EXACT:
        shape = x.shape
    if shape is None or (inferred is not None and len(inferred) != len(shape)):
        return None
    if inferred is None:
        return shape
    return tuple(a if a is not None else b for a, b in zip(inferred, shape, strict=True))


def _reduced(sides: tuple[int, ...], axes: int, kept: bool) -> Shape:
    """What is left of a tensor when so many axes go, nobody knows which: it is largest without the smallest of them."""
    gone = sorted(range(len(sides)), key=lambda axis: sides[axis])[: min(axes, len(sides))]
    return tuple(1 if axis in gone else side for axis, side in enumerate(sides) if kept or axis not in gone)


def _known(op: Op, number: int) -> tuple[int, ...] | None:
    """Numbers of an input that are known; None of one that is not there, or depends on data."""
    given = op.input(number)
    return None if given is None or given.data is None else tuple(int(each) for each in given.data.reshape(-1))


EXACT = frozenset({
    "Dropout", "OneHot", "MaxUnpool", "GroupNormalization", "MeanVarianceNormalization", "Abs", "Ceil", "Elu",
    "Exp", "Floor", "HardSigmoid",
    "LeakyRelu", "Log", "Neg", "PRelu", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Tanh", "InstanceNormalization",
})  # fmt: skip
"""Operators of which nothing depends on data: the onnx package has no rule for some, or none in operator sets 1 to 5. All but
OneHot and MaxUnpool give as much as their first input."""

_LIKE_INPUT = frozenset({
    "Scatter", "ScatterND", "ScatterElements", "Clip", "CumSum", "CumProd", "Identity", "Cast", "Adagrad", "Momentum", "Adam",
    "ReverseSequence", "Normalizer", "Scaler", "Imputer", "Binarizer", "LabelEncoder", "StringNormalizer", "RegexFullMatch",
    "StringConcat", "BitCast",
})  # fmt: skip
"""Operators whose output is as large as their first input."""
