"""TensorFlow Lite files: their operators as those that the reader of ONNX knows, with channels in the last place.

Fields and numbers of operators are those of the file format's schema (tensorflow/lite/schema/schema.fbs). A file says its number
formats itself: int8 weights and activations of what Coral and Ethos run.
"""

import math
import mmap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.nodes import Graph
from simulator.graph.readers.files import no_size
from simulator.graph.readers.flat import DamagedError, Table
from simulator.graph.readers.ir import Model, Op, Tensor
from simulator.graph.readers.looks import looks_like
from simulator.graph.readers.wire import MOST_NODES
from simulator.reading.names import near_file
from simulator.store.foreign import check_regular, printable

_TYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    5: "string",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}

_WORDS: dict[str, str] = {
    "Add": "0 106",
    "AveragePool": "1",
    "Concat": "2 83",
    "Conv": "3 4",
    "DepthToSpace": "5",
    "DequantizeLinear": "6 114 80",
    "Gather": "7 36",
    "Floor": "8",
    "Gemm": "9",
    "LpNormalization": "11",
    "LpPool": "12",
    "LRN": "13",
    "Sigmoid": "14",
    "MaxPool": "17",
    "Mul": "18 42 90 99 92",
    "Relu": "19 20 21 98 54",
    "Reshape": "22 43 70 77 110 130 26 124",
    "Resize": "23 97",
    "Softmax": "25 50",
    "Tanh": "28",
    "Pad": "34 60 100",
    "Tile": "37 38 69 39 94 93 105",
    "ReduceMean": "40",
    "Sub": "41",
    "Slice": "45 65",
    "Exp": "47 66 73 75 76 78 108 111",
    "TopK": "48",
    "Split": "49 88 102",
    "Cast": "53",
    "Max": "55 57 58 61 62 63 71 72 84 86 87 95",
    "ArgMax": "56 79",
    "Neg": "59 101 104 116",
    "Where": "64 109 123",
    "ConvTranspose": "67",
    "ReduceSum": "74 81 82 89 91 125",
    "OneHot": "85",
    "Range": "96",
    "Unique": "103",
    "GatherND": "107",
    "ReverseSequence": "112",
    "HardSwish": "117",
    "NonMaxSuppression": "120 121",
    "ScatterND": "122",
    "FusedMatMul": "126",
    "CumSum": "128",
    "Gelu": "150",
    "Scatter": "68",
}
_KINDS = {int(number): kind for kind, numbers in _WORDS.items() for number in numbers.split()}
_TRANSPOSED = "Convolution2DTransposeBias"
"""A custom operator in models of MediaPipe."""
_DEPTHWISE, _CUSTOM, _MULTIPLIED = 4, 32, (3, 4, 9, 67, 126)
_ACTIVATION = {1: "Relu", 2: "Relu", 3: "Relu", 4: "Tanh"}
_ACTIVATION_FIELD = {0: 0, 1: 5, 3: 3, 4: 4, 9: 0, 17: 5, 18: 0, 41: 0, 42: 0, 2: 1}
"""Operator -> field of its options that names an activation."""

LARGEST = 2**31


def tflite_builder(path: Path) -> Callable[..., Graph]:
    """The builder of what a TensorFlow Lite file holds. Raises NetworkError, one line."""

    def build(at_size: str = "") -> Graph:
        from simulator.graph.readers.emit import layers_of  # noqa: PLC0415

        where = printable(str(path))
        no_size(where, at_size)
        graph = layers_of(read_tflite(path), where)
        graph.graph["name"] = printable(path.stem)
        return graph

    return build


def read_tflite(path: Path) -> Model:
    """Operators of a TensorFlow Lite file. Raises NetworkError."""
    where = printable(str(path))
    check_regular(path, NetworkError, lambda: near_file(path, (path.suffix,)))
    if not path.stat().st_size:
        raise NetworkError(f"{where}: must be a TensorFlow Lite model, got an empty file")
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
            memoryview(raw) as view,
        ):
            if bytes(view[4:8]) != b"TFL3":
                raise NetworkError(f"{where}: must be a TensorFlow Lite model (TFL3), got {looks_like(view)}")
            return _model(view, where)
    except DamagedError:
        raise NetworkError(f"{where}: must be a TensorFlow Lite model, got a damaged file") from None
    except (OSError, ValueError) as error:
        raise NetworkError(f"{where}: cannot be read: {printable(str(error))[:150]}") from None


def _model(view: memoryview, where: str) -> Model:
    """The first graph of a file: others are bodies of loops and branches."""
    root = Table(view, int.from_bytes(view[:4], "little"))
    codes = [(max(each.number(0, "<b"), each.number(3)), each.text(1)) for each in root.tables(1)]
    filled = [each.length(0) > 0 or each.number(2, "<Q") > 0 for each in root.tables(4)]
    graph = next(iter(root.tables(2)), None)
    if graph is None:
        raise NetworkError(f"{where}: must have a graph, got none")
    if graph.length(3) > MOST_NODES:
        raise NetworkError(f"{where}: must have at most {MOST_NODES:,} operators, got {graph.length(3):,}")
    tensors = [_tensor(each, filled, number, where) for number, each in enumerate(graph.tables(0))]
    ops: list[Op] = []
    made = set(graph.numbers(1)) | {number for number, each in enumerate(graph.tables(0)) if each.number(5, "<B")}
    for number, each in enumerate(graph.tables(3)):
        place = each.number(0, "<I")
        if place >= len(codes):
            raise DamagedError
        for index in each.numbers(1):
            if index >= len(tensors) or index < -1:
                raise DamagedError
            if index >= 0 and not tensors[index].constant and index not in made:
                raise NetworkError(
                    f"{where}: operator {number + 1}: must come after what it reads ({tensors[index].name})"
                )
        made.update(each.numbers(2))
        ops += _operator(number, codes[place], each, tensors)
    known = [op for op in ops if not all(out is None or out.constant for out in op.outputs)]
    notes = ["loops and branches of the file are not followed"] if root.length(2) > 1 else []
    return Model(
        where, known, [tensors[i] for i in graph.numbers(1) if 0 <= i < len(tensors)],
        [tensors[i] for i in graph.numbers(2) if 0 <= i < len(tensors)], notes,
    )  # fmt: skip


def _tensor(table: Table, filled: Sequence[bool], number: int, where: str) -> Tensor:
    """A tensor of the file: one with data is a constant."""
    shape = tuple(table.numbers(0))
    name = printable(table.text(3))[:150] or f"tensor{number}"
    if any(not 0 <= side <= LARGEST for side in shape) or math.prod(shape) > 2**48:
        raise NetworkError(f"{where}: {name}: sizes: must be 0 to {LARGEST:,}, got {shape}")
    place = table.number(2, "<I")
    constant = place < len(filled) and filled[place]
    return Tensor(
        name, shape, _TYPES.get(table.number(1, "<b"), "float32"), constant=constant or bool(table.number(5, "<B"))
    )


def _operator(number: int, code: tuple[int, str], table: Table, tensors: list[Tensor]) -> list[Op]:
    """The operators that one of the file stands for."""
    what, custom = code
    inputs = [None if each < 0 else tensors[each] for each in table.numbers(1)]
    places = table.numbers(2)
    if any(not 0 <= each < len(tensors) for each in places) or not places:
        raise DamagedError
    outputs: list[Tensor | None] = [tensors[each] for each in places]
    out = tensors[places[0]]
    kind = _KINDS.get(what, f"operator{what}")
    if what == _CUSTOM:
        kind = "NonMaxSuppression" if custom == "TFLite_Detection_PostProcess" else printable(custom)[:60] or "custom"
    if inputs and all(each is None or each.constant for each in inputs):
        for each in outputs:
            if each is not None:
                each.constant, each.stored = (
                    True,
                    (inputs[0].stored or inputs[0].dtype) if inputs[0] is not None else "",
                )
        return []
    options = table.table(4)
    name = f"{number}_{out.name}"
    ops: list[Op] = []
    act = options.number(_ACTIVATION_FIELD[what], "<b") if options is not None and what in _ACTIVATION_FIELD else 0
    result = Tensor(out.name, out.shape, out.dtype) if act in _ACTIVATION else out
    shown: list[Tensor | None] = [result, *outputs[1:]]
    if what == _CUSTOM and kind == _TRANSPOSED:
        ops += _upsampled(name, inputs, result)
    elif what in _MULTIPLIED:
        ops += _multiplied(what, name, inputs, result, options)
    elif kind in ("MaxPool", "AveragePool", "LpPool") and options is not None:
        ops.append(Op(kind, name, inputs, shown, {"channels_last": 1, **_window(options, 1, 2, 4, 3)}, "tflite"))
    else:
        domain = "" if what in _KINDS or kind == "NonMaxSuppression" else "tflite"
        if what in (49, 102) and len(inputs) > 1:
            inputs = [each for each in inputs if each is not None and not each.constant]
        ops.append(Op(kind, name, inputs, shown, {}, domain))
    if result is not out:
        ops.append(Op(_ACTIVATION[act], f"{name}_activation", [result], [out]))
    return ops


def _window(options: Table, width: int, height: int, kernel_height: int, kernel_width: int) -> dict[str, Any]:
    """Padding, strides and kernel of pooling."""
    return {
        "auto_pad": "VALID" if options.number(0, "<b") else "SAME_UPPER",
        "strides": [max(1, options.number(height)), max(1, options.number(width))],
        "kernel_shape": [max(1, options.number(kernel_height)), max(1, options.number(kernel_width))],
    }


def _multiplied(what: int, name: str, inputs: list[Tensor | None], out: Tensor, options: Table | None) -> list[Op]:
    """Convolutions and matrix products."""
    if what == 126:
        first = options is not None and options.number(0, "<B")
        second = options is not None and options.number(1, "<B")
        return [
            Op("FusedMatMul", name, inputs, [out], {"transA": int(bool(first)), "transB": int(bool(second))}, "tflite")
        ]
    place, weights_at = (2, 1) if what == 67 else (0, 1)
    if len(inputs) <= max(place, weights_at) or inputs[place] is None or inputs[weights_at] is None:
        raise DamagedError
    x, w = inputs[place], inputs[weights_at]
    if x is None or w is None or len(w.shape) < 2 or not x.shape:
        raise DamagedError
    bias = len(inputs) > 2 and inputs[2] is not None and what != 67
    if what == 9:
        return _dense(name, x, w, out, bias)
    if len(x.shape) != 4 or len(w.shape) != 4 or not all(w.shape) or options is None:
        raise DamagedError
    strides = [max(1, options.number(2)), max(1, options.number(1))]
    if what == 67:
        return _transposed(name, x, w, out, strides)
    group, first = 1, 4
    if what == _DEPTHWISE:
        group, first = x.shape[3], 5
        kernel = Tensor(w.name, (w.shape[3], 1, w.shape[1], w.shape[2]), w.dtype, constant=w.constant, stored=w.stored)
    else:
        kernel = Tensor(
            w.name, (w.shape[0], w.shape[3], w.shape[1], w.shape[2]), w.dtype, constant=w.constant, stored=w.stored
        )
        group = max(1, x.shape[3] // max(1, w.shape[3]))
    attrs = {
        "channels_last": 1, "group": group, "strides": strides, "kernel_shape": [w.shape[1], w.shape[2]], "_bias": bias,
        "dilations": [max(1, options.number(first + 1, default=1)), max(1, options.number(first, default=1))],
        "auto_pad": "VALID" if options.number(0, "<b") else "SAME_UPPER",
    }  # fmt: skip
    return [Op("Conv", name, [x, kernel], [out], attrs)]


def _transposed(name: str, x: Tensor, w: Tensor, out: Tensor, strides: list[int], bias: bool = False) -> list[Op]:
    """A transposed convolution of an image whose channels are last."""
    flat = Tensor(x.name, (x.shape[0], x.shape[3], x.shape[1], x.shape[2]), x.dtype)
    kernel = Tensor(w.name, (w.shape[3], w.shape[0], w.shape[1], w.shape[2]), w.dtype, constant=True, stored=w.stored)
    attrs = {"strides": strides, "_last": 1, "_bias": bias}
    return [
        Op("Reshape", f"{name}_view", [x], [flat]),
        Op("ConvTranspose", name, [flat, kernel], [out], attrs),
    ]


def _upsampled(name: str, inputs: list[Tensor | None], out: Tensor) -> list[Op]:
    """MediaPipe's transposed convolution with a bias, whose strides are those of its sizes."""
    x, w = inputs[:2] if len(inputs) > 1 else (None, None)
    if x is None or w is None or not (len(x.shape) == len(w.shape) == len(out.shape) == 4) or not all(w.shape):
        raise DamagedError
    strides = [max(1, -(-out.shape[axis] // max(1, x.shape[axis]))) for axis in (1, 2)]
    return _transposed(name, x, w, out, strides, len(inputs) > 2)


def _dense(name: str, x: Tensor, w: Tensor, out: Tensor, bias: bool) -> list[Op]:
    """A dense layer on whatever the input is, flattened."""
    flat = Tensor(x.name, (max(1, x.elements // max(1, w.shape[1])), w.shape[1]), x.dtype)
    attrs = {"transB": 1, "_bias": bias}
    return [Op("Reshape", f"{name}_view", [x], [flat]), Op("Gemm", name, [flat, w], [out], attrs)]
