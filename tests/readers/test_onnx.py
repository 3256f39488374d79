"""ONNX files: sizes as ONNX Runtime has them, MACs as counted by hand, and one line for whatever is wrong."""

import contextlib
import os
import random
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.loader
import pytest
from hypothesis import HealthCheck, given, settings
from onnx import TensorProto, helper, numpy_helper
from random_onnx import damaged, graph_of, layers, model, models, ran, read

from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.check import check_graph
from simulator.graph.load import load_network, summary
from simulator.graph.readers import wire

LIGHT = Path(onnx.backend.test.__file__).parent / "data" / "light"


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(models())
def test_all_sizes_are_those_of_onnx_runtime(onnx_model):
    found = {each.name: each.shape for op in read(onnx_model).ops for each in op.outputs if each is not None}
    start = [1, *(dim.dim_value for dim in onnx_model.graph.input[0].type.tensor_type.shape.dim[1:])]
    want = ran(onnx_model, {"x": start}, list(found))
    assert found == want
    graph = graph_of(onnx_model)
    by_hand = 0
    weights = {each.name: tuple(each.dims) for each in onnx_model.graph.initializer}
    for node in onnx_model.graph.node:
        if node.op_type == "Conv":
            by_hand += int(np.prod(found[node.output[0]])) * int(np.prod(weights[node.input[1]][1:]))
        if node.op_type == "ConvTranspose":
            before = found.get(node.input[0], tuple(start))
            by_hand += int(np.prod(before)) * int(np.prod(weights[node.input[1]][1:]))
    assert summary(graph)["macs"] == by_hand
    assert graph.graph["inspection"]["coverage"]["nodes"] == 1.0


@pytest.mark.parametrize(
    ("name", "bundled"),
    [("resnet50", "resnet50"), ("vgg19", "vgg19"), ("densenet121", "densenet121"), ("squeezenet", "squeezenet_v1_1")],
)
def test_light_models_multiply_as_the_bundled_ones(name, bundled):
    graph = load_network(LIGHT / f"light_{name}.onnx")
    assert summary(graph)["macs"] == summary(load_network(bundled))["macs"]
    assert graph.graph["inspection"]["coverage"] == {"macs": 1.0, "bytes": 1.0, "nodes": 1.0}


@pytest.mark.parametrize(
    ("name", "bundled", "macs", "rows"),
    [
        ("bvlc_alexnet", "alexnet", (654_560_384, 724_406_816), {55: 54, 27: 26, 13: 12, 1: 1}),
        (
            "inception_v1",
            "inception_v1",
            (1_431_556_352, 1_582_671_872),
            {112: 112, 56: 55, 28: 27, 14: 13, 7: 6, 1: 1},
        ),
    ],
)
def test_light_models_converted_from_caffe_have_the_same_weights_on_smaller_images(name, bundled, macs, rows):
    theirs, ours = load_network(LIGHT / f"light_{name}.onnx"), load_network(bundled)
    assert (summary(theirs)["macs"], summary(ours)["macs"]) == macs
    assert summary(theirs)["parameters"] == summary(ours)["parameters"]
    pairs = list(zip(*([layer for layer in layers(graph) if layer.macs] for graph in (theirs, ours)), strict=True))
    for one, two in pairs:
        assert one.weight_elements == two.weight_elements
        assert (one.groups, one.kernel_height, one.stride) == (two.groups, two.kernel_height, two.stride)
        assert (one.out_height, one.out_width) == (rows[two.out_height], rows[two.out_width])
    assert (
        sum(two.macs * one.out_height * one.out_width // (two.out_height * two.out_width) for one, two in pairs)
        == macs[0]
    )


@pytest.mark.parametrize(
    ("name", "macs"), [("inception_v2", 2_018_851_840), ("shufflenet", 124_664_528), ("zfnet512", 1_481_727_008)]
)
def test_light_models_that_are_not_bundled_are_understood(name, macs):
    graph = load_network(LIGHT / f"light_{name}.onnx")
    assert summary(graph)["macs"] == macs
    assert graph.graph["inspection"]["coverage"]["macs"] == 1.0


def attention(spelled: bool) -> Any:
    """Packed queries, keys and values of four heads on 6 rows of 32, and the projection behind them."""
    weights = {
        "w": np.zeros((32, 96), np.float32),
        "p": np.zeros((32, 32), np.float32),
        "shape": np.array([1, 6, 3, 4, 8]),
        "back": np.array([1, 6, 32]),
        "scale": np.array(0.35, np.float32),
        "i0": np.array(0),
        "i1": np.array(1),
        "i2": np.array(2),
    }
    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "w"], ["qkv"]),
        node("Reshape", ["qkv", "shape"], ["parts"]),
        node("Transpose", ["parts"], ["five"], perm=[2, 0, 3, 1, 4]),
        *(node("Gather", ["five", f"i{i}"], [f"g{i}"], axis=0) for i in range(3)),
        node("Transpose", ["g1"], ["kt"], perm=[0, 1, 3, 2]),
        node("MatMul", ["g0", "kt"], ["scores"]),
        node("Mul", ["scores", "scale"], ["scaled"]),
        node("Softmax", ["scaled"], ["soft"]),
        node("MatMul", ["soft", "g2"], ["heads"]),
        node("Transpose", ["heads"], ["rows"], perm=[0, 2, 1, 3]),
        node("Reshape", ["rows", "back"], ["joined"]),
        node("MatMul", ["joined", "p"], ["y"]),
    ]
    return model(nodes, {"x": ["N", 6, 32]}, weights, ["y"])


def test_attention_spelled_out_is_five_products_and_a_softmax():
    graph = graph_of(attention(True))
    kinds = [layer.kind for layer in layers(graph)]
    assert kinds == ["input", "dense", "dense", "dense", "matmul", "softmax", "matmul", "dense"]
    scores = next(layer for layer in layers(graph) if layer.kind == "matmul")
    assert (scores.groups, scores.out_height, scores.in_channels, scores.out_channels) == (4, 6, 8, 6)
    assert summary(graph)["macs"] == 6 * 32 * 96 + 2 * 4 * 6 * 6 * 8 + 6 * 32 * 32


def test_a_batch_normalisation_and_a_bias_go_into_the_convolution():
    weights = {
        "w": np.zeros((4, 3, 3, 3), np.float32),
        **{key: np.ones(4, np.float32) for key in "smbv"},
        "c": np.ones((4, 1, 1), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["n"]),
        helper.make_node("Add", ["n", "c"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    assert [layer.kind for layer in layers(graph_of(model(nodes, {"x": [1, 3, 8, 8]}, weights, ["y"])))] == [
        "input",
        "conv",
        "relu",
    ]


def test_a_transposed_convolution_is_the_layer_of_the_builder():
    weights = {
        "w": np.zeros((8, 2, 3, 3), np.float32),
        "v": np.zeros((4, 6, 4), np.float32),
        "s": np.array([1, 4, 180]),
    }
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], name="up", strides=[2, 2], group=2, pads=[1] * 4,
                         output_padding=[1, 0]),
        helper.make_node("Reshape", ["a", "s"], ["b"]),
        helper.make_node("ConvTranspose", ["b", "v"], ["y"], name="line", strides=[3]),
    ]  # fmt: skip
    graph = graph_of(model(nodes, {"x": [1, 8, 6, 8]}, weights, ["y"]))
    net = NetworkBuilder("mine")
    net.transposed(net.input(8, 6, 8), 4, 3, stride=2, padding=1, output_padding=(1, 0), groups=2, name="up")
    assert graph.nodes["up"]["layer"] == net.build().nodes["up"]["layer"]
    line = graph.nodes["line"]["layer"]
    assert (line.transposed, line.out_height, line.out_width, line.macs) == (True, 541, 1, 180 * 4 * 6 * 4)


def test_open_sizes_are_told_at_once_and_the_batch_is_the_first(tmp_path):
    nodes = [helper.make_node("MatMul", ["a", "b"], ["y"])]
    path = tmp_path / "model.onnx"
    onnx.save(model(nodes, {"a": ["N", "rows", 8], "b": ["N", 8, "columns"]}, {}, ["y"]), path)
    with pytest.raises(NetworkError, match=r"open sizes: add shape a=1x\?x8 shape b=1x8x\?$"):
        load_network(path)
    for given_sizes in ({"a": "1x5x8", "b": "1x8x7"}, {"rows": 5, "columns": 7}, {"a": "1x5x8", "columns": 7}):
        assert summary(load_network(path, **given_sizes))["macs"] == 5 * 8 * 7
    assert summary(load_network(f"{path}@6"))["macs"] == 6 * 8 * 6
    with pytest.raises(NetworkError, match="did you mean 'rows'"):
        load_network(path, row=5)


def test_an_unknown_operator_is_never_free_in_silence():
    weights = {"w": np.zeros((8, 8), np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Strange", ["a", "w"], ["y"], domain="nobody"),
    ]
    onnx_model = model(nodes, {"x": ["N", 4, 8]}, weights, [])
    onnx_model.opset_import.append(helper.make_opsetid("nobody", 1))
    onnx_model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 8]))
    graph = graph_of(onnx_model)
    told = graph.graph["inspection"]
    assert told["unknown_ops"] == ["nobody.Strange"]
    assert told["coverage"]["macs"] == 0.5
    assert graph.graph["notes"][0].startswith("only 50.0 % of the multiply-accumulates are certain")


def test_of_two_branches_the_dearer_is_taken_and_a_loop_turns_as_often_as_it_says():
    def body(kind: str, inputs: list[str]) -> Any:
        return helper.make_graph(
            [helper.make_node(kind, inputs, ["r"])], kind, [], [helper.make_tensor_value_info("r", 1, None)]
        )

    weights = {"w": np.zeros((8, 8), np.float32), "turns": np.array(3), "go": np.array(True)}
    choose = helper.make_node(
        "If", ["c"], ["a"], then_branch=body("Relu", ["x"]), else_branch=body("MatMul", ["x", "w"])
    )
    turn = helper.make_graph(
        [helper.make_node("MatMul", ["h", "w"], ["h2"]), helper.make_node("Identity", ["on"], ["on2"])],
        "turn",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, [4, 8]),
        ],
        [
            helper.make_tensor_value_info("on2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h2", TensorProto.FLOAT, [4, 8]),
        ],
    )
    onnx_model = model(
        [choose, helper.make_node("Loop", ["turns", "go", "a"], ["y"], body=turn)], {"x": [4, 8]}, weights, ["y"]
    )
    onnx_model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    graph = graph_of(onnx_model)
    assert summary(graph)["macs"] == (1 + 3) * 4 * 8 * 8
    assert any("more expensive" in note for note in graph.graph["notes"])


# ---- files that nobody should trust ----------------------------------------------------------------------------------


def refused(path: Path, **given: Any) -> str:
    with pytest.raises(NetworkError) as error:
        load_network(path, **given)
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def saved(tmp_path: Path, onnx_model: Any) -> Path:
    path = tmp_path / "bad.onnx"
    path.write_bytes(onnx_model if isinstance(onnx_model, bytes) else onnx_model.SerializeToString())
    return path


def relu(shape: list[Any]) -> Any:
    return model([helper.make_node("Relu", ["x"], ["y"])], {"x": shape}, {}, ["y"])


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"\x08\x08\x12", b"PK\x03\x04" * 20, b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"x" * 1000]
)
def test_what_is_no_model_is_one_line(tmp_path, raw):
    assert "must be an ONNX model" in refused(saved(tmp_path, raw))


@pytest.mark.parametrize("size", [-5, 2**40])
def test_sizes_that_are_none_are_one_line(tmp_path, size):
    assert "size: must be 1 to" in refused(saved(tmp_path, relu([1, size])))


def test_a_circle_and_what_nothing_makes_are_one_line(tmp_path):
    node = helper.make_node
    circle = model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])], {"x": [1, 4]}, {}, ["b"])
    assert "a circle" in refused(saved(tmp_path, circle))
    assert "must be an input" in refused(
        saved(tmp_path, model([node("Add", ["x", "b"], ["a"])], {"x": [1, 4]}, {}, ["a"]))
    )


@pytest.mark.parametrize("where", ["/etc/passwd", "../secret.bin", "link/secret.bin"])
def test_external_data_stay_in_the_folder(tmp_path, where):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    (folder / "link").symlink_to(tmp_path)
    onnx_model = model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": [1, 4]}, {"w": np.zeros((4, 4), np.float32)}, ["y"]
    )
    weight = onnx_model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", where
    assert "must lie in the model's folder" in refused(saved(folder, onnx_model))
    entry.value = "missing.bin"  # inside: weights need not be there
    assert summary(load_network(saved(folder, onnx_model)))["macs"] == 16


def test_bombs_end(tmp_path):
    weights = {"big": np.array([2**30, 2**20], np.int64), "one": np.zeros((1,), np.float32)}
    nodes = [helper.make_node("Expand", ["one", "big"], ["e"]), helper.make_node("Add", ["x", "e"], ["y"])]
    assert "2**48" in refused(saved(tmp_path, model(nodes, {"x": [1, 1]}, weights, ["y"])))
    graph = relu([1, 4]).graph
    for _ in range(80):
        inner = helper.make_graph(
            [helper.make_node("If", ["c"], ["r"], then_branch=graph, else_branch=graph)]
            if graph.ByteSize() < 60_000
            else [],
            "g",
            [],
            [],
        )
        graph = inner if inner.node else graph
    deep = model([helper.make_node("If", ["x"], ["y"], then_branch=graph, else_branch=graph)], {"x": [1]}, {}, ["y"])
    refused(saved(tmp_path, deep))
    many = b"".join(b"\x0a\x04\x0a\x00\x12\x00" for _ in range(wire.MOST_NODES + 1))
    began = time.perf_counter()
    assert "nodes" in refused(saved(tmp_path, b"\x3a" + wire._varint_bytes(len(many)) + many))
    assert time.perf_counter() - began < 10


def test_weights_are_left_out_before_parsing(tmp_path):
    weights = {"w": np.ones((512, 512), np.float32), "s": np.array([-1, 512], np.int64)}
    nodes = [helper.make_node("Reshape", ["x", "s"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
    path = saved(tmp_path, model(nodes, {"x": [2, 2, 256]}, weights, ["y"]))
    kept = wire.without_weights(path)
    assert len(kept) < 1000
    proto = onnx.ModelProto.FromString(kept)
    assert [tuple(each.dims) for each in proto.graph.initializer] == [(512, 512), (2,)]
    assert numpy_helper.to_array(proto.graph.initializer[1]).tolist() == [-1, 512]
    assert summary(load_network(path))["macs"] == 2 * 512 * 512


def test_a_file_of_1_8_gigabytes_takes_megabytes(tmp_path):
    size, path = 1_800_000_000, tmp_path / "large.onnx"
    whole = model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": [1, 30_000]}, {}, ["y"])
    tensor = TensorProto(dims=[30_000, 15_000], data_type=TensorProto.FLOAT, name="w").SerializeToString()
    tensor += b"\x4a" + wire._varint_bytes(size)
    graph = whole.graph.SerializeToString() + b"\x2a" + wire._varint_bytes(len(tensor) + size) + tensor
    whole.ClearField("graph")
    with path.open("wb") as file:
        file.write(whole.SerializeToString() + b"\x3a" + wire._varint_bytes(len(graph) + size) + graph)
        file.truncate(file.tell() + size)  # a hole: the disk has no such room
    tracemalloc.start()
    try:
        assert summary(load_network(path))["macs"] == 30_000 * 15_000
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_damaged_files_load_or_are_refused_in_one_line(tmp_path):
    rng = random.Random(int(os.environ.get("ROOFTILE_FUZZ_SEED", "1")))
    seeds = [each.SerializeToString() for each in (attention(True), relu([1, 3, 8, 8]))]
    path = tmp_path / "damaged.onnx"
    for number in range(int(os.environ.get("ROOFTILE_FUZZ", "1000"))):
        path.write_bytes(damaged(seeds[number % len(seeds)], rng))
        with contextlib.suppress(NetworkError):  # anything else is a fault
            check_graph(load_network(path), "damaged")


def test_layers_with_the_same_constant_share_it():
    """As the heads of a detector, which look at several planes with the same weights."""
    weights = {"w": np.zeros((4, 3, 3, 3), np.float32), "m": np.zeros((8, 8), np.float32)}
    nodes = [
        helper.make_node("Conv", [each, "w"], [f"y{each}"], name=f"conv_{each}", pads=[1] * 4) for each in ("a", "b")
    ] + [helper.make_node("MatMul", [before, "m"], [after], name=after) for before, after in (("s", "t"), ("t", "u"))]
    made = model(nodes, {"a": [1, 3, 8, 8], "b": [1, 3, 4, 4], "s": [1, 5, 8]}, weights, ["ya", "yb", "u"])
    graph = graph_of(made)
    assert [(each.name, each.shares) for each in layers(graph) if each.shares] == [("conv_b", "conv_a"), ("u", "t")]
    assert summary(graph)["parameters"] == 4 * 27 + 64
    assert summary(graph)["macs"] == 80 * 4 * 27 + 2 * 5 * 64


def test_without_the_onnx_package_an_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert refused(saved(tmp_path, relu([1, 4]))).endswith("pip install 'rooftile[onnx]'")


# ---- operators of others ---------------------------------------------------------------------------------------------

FLOAT = np.float32
CONTRIBUTED = {
    # operator: (inputs, weights, attributes, outputs, MACs by hand)
    "Attention": ({"x": [1, 8, 64]}, {"w": np.zeros((64, 192), FLOAT), "b": np.zeros(192, FLOAT)}, {"num_heads": 4}, 1,
                  8 * 64 * 192 + 2 * 8 * 8 * 64),
    "MultiHeadAttention": ({"q": [1, 8, 64], "k": [1, 8, 64], "v": [1, 8, 64]}, {}, {"num_heads": 4}, 1, 2 * 8 * 8 * 64),
    "GroupQueryAttention": (
        {"q": [1, 1, 64], "k": [1, 1, 32], "v": [1, 1, 32], "pk": [1, 2, 16, 16], "pv": [1, 2, 16, 16]},
        {}, {"num_heads": 4, "kv_num_heads": 2}, 3, 2 * 17 * 64,
    ),
    "FusedMatMul": ({"x": [1, 8, 64]}, {"w": np.zeros((32, 64), FLOAT)}, {"transB": 1}, 1, 8 * 64 * 32),
    "FusedConv": ({"x": [1, 3, 8, 8]}, {"w": np.zeros((4, 3, 3, 3), FLOAT)}, {"activation": "Relu", "pads": [1] * 4}, 1,
                  64 * 4 * 27),
    "DynamicQuantizeMatMul": ({"x": [1, 8, 64]}, {"w": np.zeros((64, 32), np.uint8), "s": np.array(1.0, FLOAT)}, {}, 1,
                              8 * 64 * 32),
    "SkipLayerNormalization": ({"x": [1, 8, 64], "s": [1, 8, 64]}, {"g": np.ones(64, FLOAT)}, {}, 1, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTRIBUTED)
def test_contributed_operators_multiply_what_they_say(kind):
    inputs, weights, attrs, count, macs = CONTRIBUTED[kind]
    outputs = [f"y{number}" for number in range(count)]
    node = helper.make_node(kind, [*inputs, *weights], outputs, domain="com.microsoft", **attrs)
    onnx_model = model([node], inputs, weights, outputs[:1])
    onnx_model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    graph = graph_of(onnx_model)
    assert summary(graph)["macs"] == macs
    assert graph.graph["inspection"]["coverage"] == {"macs": 1.0, "bytes": 1.0, "nodes": 1.0}


def test_an_unknown_operator_without_sizes_is_named_with_what_waits_for_it():
    weights = {"w": np.zeros((8, 8), np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Strange", ["a"], ["b"], domain="nobody"),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Relu", ["a"], ["d"]),
        helper.make_node("Odd", ["c", "d"], ["y"]),
    ]
    onnx_model = model(nodes, {"x": ["N", 4, 8]}, weights, ["y"])
    onnx_model.opset_import.append(helper.make_opsetid("nobody", 1))
    with pytest.raises(NetworkError) as error:
        graph_of(onnx_model)
    assert (
        "the sizes of 'b' are not known, as the operator nobody.Strange is not in version 1 of its set "
        "(unknown too: Odd), and 2 nodes wait for them: give them, as with" in str(error.value)
    )


@pytest.mark.parametrize(
    ("begin", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "a PNG picture"),
        (b"PK\x03\x04" + bytes(range(256)), "a ZIP archive, as PyTorch, Keras and Core ML packages are"),
        (b"\x18\0\0\0TFL3" + bytes(64), "a TensorFlow Lite model, whose name must end in .tflite"),
        (b'\x40\0\0\0\0\0\0\0{"a": 1}', "a safetensors file, which holds weights alone"),
        (b"  <html>", "a page of HTML or XML"),
        (b"Not found\n", "text"),
        (b"\xfe\xff\xfe" * 300, "a damaged or a different file"),
        (b"\x1a\x02\x0a\x00", "a damaged or a different file"),  # a message, of nothing
    ],
)
def test_what_is_no_model_is_told_by_what_it_looks_like(tmp_path, begin, what):
    path = tmp_path / "model.onnx"
    path.write_bytes(begin)
    with pytest.raises(NetworkError) as error:
        load_network(path)
    assert str(error.value) == f"{path}: must be an ONNX model, got {what}"
