"""Shape arithmetic: operators on small constants, worked out with numpy before anything becomes a layer.

Nothing of a model is run: what is listed here are fixed functions on arrays of a few thousand numbers, and whoever calls them
has looked at how large the result will be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Array = Any
Fold = Callable[[Sequence[Array], Mapping[str, Any]], Any]

LARGEST = 16_384
"""Elements of a constant that arithmetic is done on."""

NUMPY_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
"""ONNX's number of an element type -> numpy's name."""


def _axes(args: Sequence[Array], attrs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Axes as an attribute, or as the second input."""
    if "axes" in attrs:
        return tuple(int(each) for each in attrs["axes"])
    if len(args) > 1 and args[1] is not None:
        return tuple(int(each) for each in np.atleast_1d(args[1]))
    return None


def _reduced(function: Callable[..., Array]) -> Fold:
    def run(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
        axes = _axes(args, attrs)
        if axes is not None and not axes:
            if attrs.get("noop_with_empty_axes"):
                return args[0]
            axes = None
        return np.asarray(function(args[0], axis=axes, keepdims=bool(attrs.get("keepdims", 1))), args[0].dtype)

    return run


def _both(function: Callable[[Array, Array], Array]) -> Fold:
    return lambda args, attrs: function(args[0], args[1])


def _each(function: Callable[[Array], Array]) -> Fold:
    return lambda args, attrs: function(args[0])


def _many(function: Callable[[Array, Array], Array]) -> Fold:
    def run(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
        found = args[0]
        for each in args[1:]:
            found = function(found, each)
        return found

    return run


def _divide(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    """Whole numbers are cut towards zero."""
    a, b = args[0], args[1]
    if np.issubdtype(a.dtype, np.integer):
        if not np.all(b):
            raise ValueError("a division by zero")
        quotient = np.abs(a) // np.abs(b)
        return (quotient * np.sign(a) * np.sign(b)).astype(a.dtype)
    with np.errstate(all="ignore"):
        return a / b


def _slice(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    data = args[0]
    if "starts" in attrs:
        starts, ends, axes, steps = attrs["starts"], attrs["ends"], attrs.get("axes"), None
    else:
        starts, ends = args[1], args[2]
        axes = args[3] if len(args) > 3 else None
        steps = args[4] if len(args) > 4 else None
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut: list[Any] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        start, end, step = int(start), int(end), int(step)  # noqa: PLW2901
        if step < 0 and end < -data.shape[int(axis)]:
            cut[int(axis)] = slice(start, None, step)
        else:
            cut[int(axis)] = slice(start, end, step)
    return data[tuple(cut)]


def _squeeze(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    return np.squeeze(args[0], _axes(args, attrs))


def _unsqueeze(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    return np.expand_dims(args[0], _axes(args, attrs) or ())


def _reshape(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    sizes = [int(each) for each in (args[1] if len(args) > 1 else attrs["shape"])]
    if not attrs.get("allowzero"):
        sizes = [args[0].shape[i] if each == 0 else each for i, each in enumerate(sizes)]
    return args[0].reshape(sizes)


def _cast(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    with np.errstate(all="ignore"):
        return args[0].astype(NUMPY_TYPES[attrs["to"]])


def _constant_of_shape(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    value = attrs.get("value", np.zeros(1, np.float32))
    return np.full(tuple(int(each) for each in args[0]), value.reshape(-1)[0], value.dtype)


def _split(args: Sequence[Array], attrs: Mapping[str, Any]) -> list[Array]:
    axis, extent = attrs.get("axis", 0), args[0].shape[attrs.get("axis", 0)]
    sizes = attrs.get("split") if len(args) < 2 or args[1] is None else args[1]
    if sizes is None:
        parts = int(attrs.get("num_outputs", attrs["_outputs"]))
        each = -(-extent // parts)
        sizes = [min(each, extent - each * i) for i in range(parts)]
    return list(np.split(args[0], np.cumsum([int(each) for each in sizes])[:-1], axis))


def _pad(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    if len(args) > 3 and args[3] is not None:
        raise ValueError("axes of a pad")
    pads = [int(each) for each in (attrs["pads"] if "pads" in attrs else args[1])]
    half = len(pads) // 2
    value = args[2] if len(args) > 2 and args[2] is not None else 0
    return np.pad(args[0], list(zip(pads[:half], pads[half:], strict=True)), constant_values=value)


def _topk(args: Sequence[Array], attrs: Mapping[str, Any]) -> list[Array]:
    axis, count = attrs.get("axis", -1), int(np.reshape(args[1], -1)[0]) if len(args) > 1 else attrs["k"]
    order = np.argsort(-args[0] if attrs.get("largest", 1) else args[0], axis=axis, kind="stable")
    kept = np.take(order, np.arange(count), axis=axis)
    return [np.take_along_axis(args[0], kept, axis=axis), kept.astype(np.int64)]


def _scatter_nd(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    if attrs.get("reduction", "none") != "none":
        raise ValueError("a reduction")
    found, places = args[0].copy(), args[1].reshape(-1, args[1].shape[-1])
    for place, row in zip(places, args[2].reshape(len(places), *args[2].shape[args[1].ndim - 1 :]), strict=True):
        found[tuple(place)] = row
    return found


def _cumsum(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    if attrs.get("exclusive") or attrs.get("reverse"):
        raise ValueError("exclusive or reverse")
    return np.cumsum(args[0], int(np.reshape(args[1], -1)[0])).astype(args[0].dtype)


def _arg(function: Callable[..., Array]) -> Fold:
    def run(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
        return function(args[0], axis=attrs.get("axis", 0), keepdims=bool(attrs.get("keepdims", 1))).astype(np.int64)

    return run


def _range(args: Sequence[Array], attrs: Mapping[str, Any]) -> Array:
    return np.arange(*(np.reshape(each, -1)[0] for each in args), dtype=args[0].dtype)


FOLDS: dict[str, Fold] = {
    "Abs": _each(np.abs), "Neg": _each(np.negative), "Floor": _each(np.floor), "Ceil": _each(np.ceil),
    "Round": _each(np.rint), "Sqrt": _each(np.sqrt), "Not": _each(np.logical_not), "Identity": _each(lambda x: x),
    "Sign": _each(np.sign), "Exp": _each(np.exp), "Log": _each(np.log), "Reciprocal": _each(np.reciprocal),
    "Sin": _each(np.sin), "Cos": _each(np.cos),
    "Add": _both(np.add), "Sub": _both(np.subtract), "Mul": _both(np.multiply), "Div": _divide,
    "Mod": lambda args, attrs: (np.fmod if attrs.get("fmod") else np.mod)(args[0], args[1]),
    "Pow": lambda args, attrs: np.power(args[0], args[1]).astype(args[0].dtype),
    "Equal": _both(np.equal), "Less": _both(np.less), "Greater": _both(np.greater),
    "LessOrEqual": _both(np.less_equal), "GreaterOrEqual": _both(np.greater_equal),
    "And": _both(np.logical_and), "Or": _both(np.logical_or), "Xor": _both(np.logical_xor),
    "Min": _many(np.minimum), "Max": _many(np.maximum), "Sum": _many(np.add),
    "Where": lambda args, attrs: np.where(args[0], args[1], args[2]),
    "ReduceProd": _reduced(np.prod), "ReduceSum": _reduced(np.sum), "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min), "ReduceMean": _reduced(np.mean),
    "Slice": _slice, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Reshape": _reshape, "Cast": _cast,
    "ConstantOfShape": _constant_of_shape, "Split": _split, "Pad": _pad, "TopK": _topk, "ScatterND": _scatter_nd,
    "CumSum": _cumsum, "ArgMax": _arg(np.argmax), "ArgMin": _arg(np.argmin), "Range": _range,
    "Concat": lambda args, attrs: np.concatenate(list(args), attrs.get("axis", 1)),
    "Gather": lambda args, attrs: np.take(args[0], args[1], axis=attrs.get("axis", 0)),
    "GatherElements": lambda args, attrs: np.take_along_axis(args[0], args[1], attrs.get("axis", 0)),
    "Transpose": lambda args, attrs: np.transpose(args[0], attrs.get("perm")),
    "Expand": lambda args, attrs: args[0] * np.ones([int(each) for each in args[1]], args[0].dtype),
    "Tile": lambda args, attrs: np.tile(args[0], [int(each) for each in args[1]]),
    "NonZero": lambda args, attrs: np.array(np.nonzero(args[0]), np.int64),
    "Flatten": lambda args, attrs: args[0].reshape(
        int(np.prod(args[0].shape[: attrs.get("axis", 1)], dtype=np.int64)), -1
    ),
    "Trilu": lambda args, attrs: (np.triu if attrs.get("upper", 1) else np.tril)(
        args[0], int(np.reshape(args[1], -1)[0]) if len(args) > 1 else 0
    ),
}  # fmt: skip
"""Operator -> its value, or values. The data are in order; an input that is left out is None."""

FREE_SIZE = frozenset({"NonZero"})
"""Those whose result is no larger than their input, whatever shape inference says."""


def fold_operator(kind: str, args: Sequence[Array], attrs: Mapping[str, Any]) -> list[Array] | None:
    """Values of an operator's outputs; None where it is not listed or the numbers do not fit it."""
    function = FOLDS.get(kind)
    if function is None:
        return None
    try:
        with np.errstate(all="ignore"):
            found = function(args, attrs)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, ZeroDivisionError, AttributeError, MemoryError):
        return None  # as if it were not known: its sizes are inferred, or the file is refused for them
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]
