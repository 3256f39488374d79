"""Random ONNX models for the tests of the reader, and files that are damaged at random."""

import random
from typing import Any

import numpy as np
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper


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


@st.composite
def models(draw: Any) -> Any:
    """A chain of one to eight operators on an image, with a branch that is added or joined now and then."""
    channels, side = draw(st.integers(1, 8)), draw(st.integers(6, 14))
    nodes: list[Any] = []
    weights: dict[str, Any] = {}
    x, shape = "x", [1, channels, side, side + draw(st.integers(0, 3))]
    start = list(shape)

    def add(kind: str, inputs: list[str], **attrs: Any) -> str:
        name = f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], name=f"n{len(nodes)}", **attrs))
        return name

    def weight(value: Any) -> str:
        name = f"w{len(weights)}"
        weights[name] = value
        return name

    for _ in range(draw(st.integers(1, 8))):
        kind = draw(
            st.sampled_from(
                [
                    "conv",
                    "pool",
                    "relu",
                    "gelu",
                    "silu",
                    "norm",
                    "reshape",
                    "transpose",
                    "concat",
                    "resize",
                    "up",
                    "mean",
                ]
            )
        )
        if kind == "conv":
            out, kernel, stride, pad = (
                draw(st.integers(1, 8)),
                draw(st.integers(1, 3)),
                draw(st.integers(1, 2)),
                draw(st.integers(0, 1)),
            )
            groups = draw(st.sampled_from([1, shape[1]]))
            shape_w = (out * groups, shape[1] // groups, kernel, kernel)
            x = add(
                "Conv", [x, weight(np.zeros(shape_w, np.float32))], group=groups, strides=[stride] * 2, pads=[pad] * 4
            )
            shape = [1, out * groups, *((each + 2 * pad - kernel) // stride + 1 for each in shape[2:])]
        elif kind == "pool":
            x = add(
                draw(st.sampled_from(["MaxPool", "AveragePool"])),
                [x],
                kernel_shape=[2, 2],
                ceil_mode=draw(st.integers(0, 1)),
                pads=[0, 1, 0, 1],
            )
        elif kind == "relu":
            x = add(draw(st.sampled_from(["Relu", "Sigmoid", "Abs"])), [x])
        elif kind == "silu":
            x = add("Mul", [x, add("Sigmoid", [x])])
        elif kind == "gelu":
            half, one, root = (weight(np.array(each, np.float32)) for each in (0.5, 1.0, 2**0.5))
            wave = add("Add", [add("Erf", [add("Div", [x, root])]), one])
            x = add("Mul", [add("Mul", [x, wave]), half])
        elif kind == "norm":
            mean = add("ReduceMean", [x], axes=[-1])
            apart = add("Sub", [x, mean])
            power = add("ReduceMean", [add("Pow", [apart, weight(np.array(2.0, np.float32))])], axes=[-1])
            root = add("Sqrt", [add("Add", [power, weight(np.array(1e-5, np.float32))])])
            x = add("Div", [apart, root])
        elif kind == "reshape":  # there and back, by arithmetic on its own sizes
            sizes = add("Shape", [x])
            flat = add("Reshape", [x, weight(np.array([0, -1], np.int64))])
            x = add("Reshape", [add("Relu", [flat]), sizes])
        elif kind == "transpose":
            x = add("Transpose", [x], perm=[0, 1, 3, 2])
        elif kind == "concat":
            x = add("Concat", [x, add("Neg", [x])], axis=1)
        elif kind == "resize":
            sizes = add("Shape", [x])
            half = add(
                "Div", [add("Slice", [sizes, weight(np.array([2])), weight(np.array([4]))]), weight(np.array([2]))]
            )
            both = add("Max", [half, weight(np.array([1]))])
            whole = add("Concat", [add("Slice", [sizes, weight(np.array([0])), weight(np.array([2]))]), both], axis=0)
            x = add("Resize", [x, "", "", whole], mode="nearest")
        elif kind == "up":
            out = draw(st.integers(1, 4))
            channels_now = _channels(nodes, weights, x, start)
            x = add("ConvTranspose", [x, weight(np.zeros((channels_now, out, 2, 2), np.float32))], strides=[2, 2])
        elif kind == "mean":
            x = add("Mul", [x, add("ReduceMean", [x], axes=[2, 3], keepdims=1)])
        shape = _shape(nodes, weights, x, start)
        if min(shape) < 3 or shape[1] > 64 or max(shape) > 64:
            break
    if not nodes:
        x = add("Relu", [x])
    return model(nodes, {"x": ["N", *start[1:]]}, weights, [x])


def _shape(nodes: list[Any], weights: dict[str, Any], x: str, start: list[int]) -> list[int]:
    """Sizes so far, as ONNX Runtime has them."""
    return list(ran(model(nodes, {"x": start}, weights, [x]), {"x": start}, [x])[x])


def _channels(nodes: list[Any], weights: dict[str, Any], x: str, start: list[int]) -> int:
    return start[1] if x == "x" else _shape(nodes, weights, x, start)[1]


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
