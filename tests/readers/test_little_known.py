"""ONNX files with nothing that takes time, with empty tensors, and with sizes that nobody knows."""

import json
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save
from random_onnx import graph_of, layers, model, read, turn

from simulator import cli
from simulator.errors import NetworkError
from simulator.graph.load import summary
from simulator.graph.readers.ir import SizesMissingError
from simulator.graph.readers.partly import inspected

node = helper.make_node


def told(graph: Any) -> list[tuple[str, int]]:
    return [(each.kind, each.output_elements) for each in layers(graph)]


def test_what_takes_no_time_is_copied_out() -> None:
    cast = node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)
    graph = graph_of(model([cast, node("Split", ["x"], ["a", "b"], axis=1)], {"x": [1, 6, 4]}, {}, ["y", "a"]))
    assert [each for each in told(graph) if each[0] != "input"] == [("copy", 24), ("copy", 12)]
    assert graph.graph["notes"] == (
        "no operator takes time by itself (Cast, Split): what comes out is taken as a copy",
    )
    assert graph.graph["inspection"]["coverage"] == {"macs": 1.0, "bytes": 1.0, "nodes": 1.0}


def test_what_is_known_before_the_run_is_no_network() -> None:
    with pytest.raises(NetworkError, match="got none: what comes out is known before the run"):
        graph_of(model([node("Shape", ["x"], ["y"])], {"x": [1, 6, 4]}, {}, ["y"]))


def test_an_empty_input_is_known() -> None:
    like = node("CastLike", ["x", "like"], ["c"])
    graph = graph_of(model([like, node("Relu", ["c"], ["y"])], {"x": [1, 8], "like": [0]}, {}, ["y"]))
    assert told(graph) == [("input", 8), ("relu", 8)]
    assert graph.graph["notes"] == ("input like is empty: what is done with it takes no time",)
    empty = model([node("Relu", ["x"], ["y"])], {"x": [1, 0, 8]}, {}, ["y"])
    with pytest.raises(NetworkError, match=r"got none: input x \(1x0x8\) is empty; shape gives it other sizes"):
        graph_of(empty)
    assert told(graph_of(empty, x="1x2x8")) == [("input", 16), ("relu", 16)]


@pytest.mark.parametrize(("kept", "sizes"), [(1, (5, 1, 4)), (0, (5, 4))])
def test_a_reduction_over_axes_that_are_data_leaves_the_largest(kept: int, sizes: tuple[int, ...]) -> None:
    graph = helper.make_graph(
        [node("ReduceSum", ["x", "axes"], ["y"], keepdims=kept)],
        "graph",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 3, 4]),
            helper.make_tensor_value_info("axes", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    found = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert found.outputs[0].shape == sizes
    assert "sizes that depend on data are taken at their largest: ReduceSum" in found.notes


@pytest.mark.parametrize(("nodes", "weights", "sizes", "opset"), [
    ([node("GroupNormalization", ["x", "one", "one"], ["y"], num_groups=2)], {"one": np.ones(8, np.float32)}, (1, 8, 5, 5), 21),
    ([node("MeanVarianceNormalization", ["x"], ["y"])], {}, (1, 8, 5, 5), 17),
    ([node("Relu", ["x"], ["y"])], {}, (1, 8, 5, 5), 5),
    ([node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("OneHot", ["i", "depth", "values"], ["y"], axis=1)],
     {"depth": np.array(10), "values": np.array([0, 1], np.float32)}, (1, 10, 8, 5, 5), 17),
    ([node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2], strides=[2, 2]),
      node("MaxUnpool", ["p", "i", "like"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], {"like": np.array([1, 8, 5, 5])},
     (1, 8, 5, 5), 17),
])  # fmt: skip
def test_sizes_that_the_library_has_no_rule_for(nodes: Any, weights: Any, sizes: tuple[int, ...], opset: int) -> None:
    found = read(model(nodes, {"x": ["N", 8, 5, 5]}, weights, ["y"], opset))
    assert (found.outputs[0].shape, found.outputs[0].exact, found.notes) == (sizes, True, [])


@pytest.mark.parametrize(("equation", "inputs", "weights", "macs"), [
    ("bi,ij,jk->bk", {"x": ["N", 16]}, {"w": (16, 8), "v": (8, 4)}, 16 * 8 + 8 * 4),
    ("ij,jk,bi->bk", {"x": [3, 16]}, {"w": (16, 8), "v": (8, 4)}, 3 * 16 * 4),  # the weights are multiplied before the run
    ("...i,ij,...j->...", {"x": [1, 3, 16], "z": [1, 3, 8]}, {"w": (16, 8)}, 3 * 16 * 8 + 3 * 8),
    ("bhqd,bhkd,bhkv->bhqv", {"x": [1, 2, 5, 8], "z": [1, 2, 6, 8], "u": [1, 2, 6, 4]}, {}, 2 * 5 * 6 * (8 + 4)),
])  # fmt: skip
def test_a_product_of_several_is_products_of_two_from_the_left(
    equation: str, inputs: Any, weights: Any, macs: int
) -> None:
    arrays = {name: np.zeros(shape, np.float32) for name, shape in weights.items()}
    order = {"ij,jk,bi->bk": ["w", "v", "x"], "...i,ij,...j->...": ["x", "w", "z"]}.get(equation, [*inputs, *weights])
    net = model([node("Einsum", order, ["e"], equation=equation), node("Relu", ["e"], ["y"])], inputs, arrays, ["y"])
    graph = graph_of(net)
    assert summary(graph)["macs"] == macs
    assert graph.graph["inspection"]["coverage"]["macs"] == 1.0
    assert [row["count"] for row in graph.graph["inspection"]["operators"]] == [1, 1]


def test_a_loop_whose_turns_are_data_says_how_to_give_them(tmp_path: Any, capsys: Any) -> None:
    nodes = [
        node("Cast", ["c"], ["turns"], to=TensorProto.INT64),
        node("Loop", ["turns", "go", "x"], ["y"], body=turn()),
    ]
    save(model(nodes, {"x": [1, 4], "c": []}, {"go": np.array(True)}, ["y"]), tmp_path / "loop.onnx")
    asked = ["run", str(tmp_path / "loop.onnx"), "--chip", "example_edge"]
    assert cli.main(asked) == 2
    assert capsys.readouterr().err.endswith("how often it turns depends on data: give it, as with --param trips=10\n")
    assert cli.main([*asked, "--param", "trips=3"]) == 0


def test_a_node_of_unknown_sizes_leaves_the_rest_counted(tmp_path: Any, capsys: Any) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Cast", ["r"], ["c"], to=TensorProto.FLOAT16),
        node("Strange", ["c"], ["s"], domain="our"),
        node("Odd", ["s"], ["o"], domain="our"),
        node("Relu", ["o"], ["y"]),
    ]
    strange = model(nodes, {"x": [1, 3, 8]}, {}, ["y"])
    with pytest.raises(SizesMissingError) as caught:
        read(strange)
    found = inspected(caught.value)
    assert found["coverage"] == {"macs": None, "bytes": None, "nodes": 2 / 5}
    assert found["unknown_ops"] == ["our.Odd", "our.Strange"]
    rows = {row.pop("operator"): {key: count for key, count in row.items() if count} for row in found["operators"]}
    assert rows == {
        "Relu": {"count": 2, "understood": 1, "waiting": 1},
        "Cast": {"count": 1, "free": 1},
        "our.Strange": {"count": 1, "unknown": 1},
        "our.Odd": {"count": 1, "unknown": 1},
    }
    path = tmp_path / "strange.onnx"
    path.write_bytes(strange.SerializeToString())
    assert cli.main(["networks", "--inspect", str(path)]) == 0
    page = capsys.readouterr().out
    assert "waiting" in page
    assert "40.00 % of operators" in page
    assert "--shape s=1x3" in " ".join(page.split())
    assert cli.main(["networks", "--inspect", str(path), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown_ops"] == ["our.Odd", "our.Strange"]
    assert cli.main(["networks", "--inspect", str(path), "--shape", "s=1x24", "--shape", "o=1x24"]) == 0
    assert "waiting" not in capsys.readouterr().out
