"""Random ONNX models for the tests of the reader, and files that are damaged at random."""

import random
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from simulator.graph.check import check_graph
from simulator.graph.readers import onnx_read, wire
from simulator.graph.readers.emit import layers_of


def turn() -> Any:
    """The body of a loop that takes a ReLU of four numbers a turn."""
    node, value = helper.make_node, helper.make_tensor_value_info
    return helper.make_graph(
        [node("Relu", ["h"], ["h2"]), node("Identity", ["on"], ["on2"])], "turn",
        [value("i", TensorProto.INT64, []), value("on", TensorProto.BOOL, []), value("h", TensorProto.FLOAT, [1, 4])],
        [value("on2", TensorProto.BOOL, []), value("h2", TensorProto.FLOAT, [1, 4])],
    )  # fmt: skip


def model(
    nodes: list[Any], inputs: dict[str, list[Any]], weights: dict[str, Any], outputs: list[str], opset: int = 17
) -> Any:
    """A model of float inputs; outputs without sizes."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def read(onnx_model: Any, **given: Any) -> Any:
    raw = wire.stripped(memoryview(onnx_model.SerializeToString()), "model")
    parsed = onnx_read.need_onnx("model")
    proto = onnx.ModelProto.FromString(raw)
    return onnx_read.model_of(parsed, proto, "model", None, given, "")


def graph_of(onnx_model: Any, **given: Any) -> Any:
    graph = layers_of(read(onnx_model, **given), "model")
    check_graph(graph, "model")
    return graph


def layers(graph: Any) -> list[Any]:
    return [data["layer"] for _, data in graph.nodes(data=True)]


class Chain:
    """Operators one behind the other, and the weights that they read."""

    def __init__(self, draw: Any, start: list[int]) -> None:
        self.draw, self.start = draw, start
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}

    def add(self, kind: str, inputs: list[str], **attrs: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"n{len(self.nodes)}", **attrs))
        return name

    def weight(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = value
        return name

    def number(self, value: float) -> str:
        return self.weight(np.array(value, np.float32))

    def conv(self, x: str, shape: list[int]) -> str:
        out, kernel = self.draw(st.integers(1, 8)), self.draw(st.integers(1, 3))
        stride, pad = self.draw(st.integers(1, 2)), self.draw(st.integers(0, 1))
        groups = self.draw(st.sampled_from([1, shape[1]]))
        weight = self.weight(np.zeros((out * groups, shape[1] // groups, kernel, kernel), np.float32))
        return self.add("Conv", [x, weight], group=groups, strides=[stride] * 2, pads=[pad] * 4)

    def up(self, x: str, shape: list[int]) -> str:
        weight = self.weight(np.zeros((shape[1], self.draw(st.integers(1, 4)), 2, 2), np.float32))
        return self.add("ConvTranspose", [x, weight], strides=[2, 2])

    def pool(self, x: str, shape: list[int]) -> str:
        kind = self.draw(st.sampled_from(["MaxPool", "AveragePool"]))
        return self.add(kind, [x], kernel_shape=[2, 2], ceil_mode=self.draw(st.integers(0, 1)), pads=[0, 1, 0, 1])

    def plain(self, x: str, shape: list[int]) -> str:
        return self.add(self.draw(st.sampled_from(["Relu", "Sigmoid", "Abs"])), [x])

    def silu(self, x: str, shape: list[int]) -> str:
        return self.add("Mul", [x, self.add("Sigmoid", [x])])

    def gelu(self, x: str, shape: list[int]) -> str:
        wave = self.add("Add", [self.add("Erf", [self.add("Div", [x, self.number(2**0.5)])]), self.number(1.0)])
        return self.add("Mul", [self.add("Mul", [x, wave]), self.number(0.5)])

    def norm(self, x: str, shape: list[int]) -> str:
        apart = self.add("Sub", [x, self.add("ReduceMean", [x], axes=[-1])])
        power = self.add("ReduceMean", [self.add("Pow", [apart, self.number(2.0)])], axes=[-1])
        return self.add("Div", [apart, self.add("Sqrt", [self.add("Add", [power, self.number(1e-5)])])])

    def reshape(self, x: str, shape: list[int]) -> str:
        """There and back, by arithmetic on its own sizes."""
        flat = self.add("Reshape", [x, self.weight(np.array([0, -1], np.int64))])
        return self.add("Reshape", [self.add("Relu", [flat]), self.add("Shape", [x])])

    def transpose(self, x: str, shape: list[int]) -> str:
        return self.add("Transpose", [x], perm=[0, 1, 3, 2])

    def concat(self, x: str, shape: list[int]) -> str:
        return self.add("Concat", [x, self.add("Neg", [x])], axis=1)

    def resize(self, x: str, shape: list[int]) -> str:
        """Half as large, by arithmetic on its own sizes."""
        sizes, whole = self.add("Shape", [x]), [self.weight(np.array([each])) for each in (0, 1, 2, 4)]
        half = self.add("Div", [self.add("Slice", [sizes, whole[2], whole[3]]), whole[2]])
        both = self.add("Max", [half, whole[1]])
        target = self.add("Concat", [self.add("Slice", [sizes, whole[0], whole[2]]), both], axis=0)
        return self.add("Resize", [x, "", "", target], mode="nearest")

    def gate(self, x: str, shape: list[int]) -> str:
        return self.add("Mul", [x, self.add("ReduceMean", [x], axes=[2, 3], keepdims=1)])


_PARTS = ("conv", "up", "pool", "plain", "silu", "gelu", "norm", "reshape", "transpose", "concat", "resize", "gate")


@st.composite
def models(draw: Any) -> Any:
    """A chain of one to eight operators on an image."""
    side = draw(st.integers(6, 14))
    start = [1, draw(st.integers(1, 8)), side, side + draw(st.integers(0, 3))]
    chain, x, shape = Chain(draw, start), "x", start
    for _ in range(draw(st.integers(1, 8))):
        x = getattr(chain, draw(st.sampled_from(_PARTS)))(x, shape)
        shape = _shape(chain.nodes, chain.weights, x, start)
        if min(shape[1:]) < 3 or shape[1] > 64 or max(shape) > 64:
            break
    return model(chain.nodes, {"x": ["N", *start[1:]]}, chain.weights, [x])


def _shape(nodes: list[Any], weights: dict[str, Any], x: str, start: list[int]) -> list[int]:
    """Sizes so far, as ONNX Runtime has them."""
    return list(ran(model(nodes, {"x": start}, weights, [x]), {"x": start}, [x])[x])


def ran(onnx_model: Any, shapes: dict[str, list[int]], names: list[str]) -> dict[str, tuple[int, ...]]:
    """Sizes of tensors as ONNX Runtime makes them, of a model run on zeros."""
    import onnxruntime  # noqa: PLC0415

    copy = type(onnx_model)()
    copy.CopyFrom(onnx_model)
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = {
        "tensor(float)": np.float32,
        "tensor(int64)": np.int64,
        "tensor(int32)": np.int32,
        "tensor(float16)": np.float16,
        "tensor(bool)": np.bool_,
    }
    feeds = {each.name: np.ones(shapes[each.name], kinds[each.type]) for each in session.get_inputs()}
    return {name: np.shape(value) for name, value in zip(names, session.run(names, feeds), strict=True)}


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes changed, a part cut out, or its end missing."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        way = rng.random()
        at = rng.randrange(len(data)) if data else 0
        if way < 0.6 and data:
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif way < 0.8:
            del data[at : at + rng.randint(1, 40)]
        elif way < 0.9:
            data[at:at] = rng.randbytes(rng.randint(1, 12))
        else:
            del data[at:]
    return bytes(data)
