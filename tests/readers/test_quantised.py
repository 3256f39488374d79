"""Number formats of a quantised file: carried by its layers, taken by a run, and what a chip that lacks one does instead."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save
from random_onnx import graph_of, model

from simulator import compare_chips, load_chip, load_network, simulate, sweep
from simulator.chip.library import entry
from simulator.formats import format_of, held
from simulator.study.bounds import demand_of, resources_of
from simulator.study.claim import judge

FLOAT = np.float32
SCALE = {"s": np.array(0.1, FLOAT), "z": np.array(0, np.int8), "zu": np.array(0, np.uint8)}
node = helper.make_node


def qdq(name: str, source: str, zero: str = "z") -> list[Any]:
    """A tensor quantised and widened again."""
    return [
        node("QuantizeLinear", [source, "s", zero], [f"{name}_q"]),
        node("DequantizeLinear", [f"{name}_q", "s", zero], [name]),
    ]


def formats(graph: Any) -> dict[str, dict[str, str]]:
    return {name: dict(data["layer"].formats) for name, data in graph.nodes(data=True)}


def block(float_head: bool = False) -> Any:
    """Two quantised convolutions with a residual, and a head that may have been left in floats."""
    weights = {"w1": np.zeros((16, 16, 3, 3), np.int8), "w2": np.zeros((16, 16, 1, 1), np.int8), **SCALE,
               "w3": np.zeros((8, 16, 1, 1), FLOAT if float_head else np.int8)}  # fmt: skip
    nodes = [
        *qdq("xd", "x"),
        *(node("DequantizeLinear", [f"w{i}", "s", "z"], [f"w{i}d"]) for i in (1, 2)),
        node("Conv", ["xd", "w1d"], ["a"], name="first", pads=[1] * 4),
        node("Relu", ["a"], ["r"], name="rectified"),
        *qdq("rd", "r"),
        node("Conv", ["rd", "w2d"], ["b"], name="second"),
        *qdq("bd", "b"),
        node("Add", ["bd", "xd"], ["sum"], name="sum"),
    ]
    if float_head:
        nodes.append(node("Conv", ["sum", "w3"], ["y"], name="head"))
    else:
        nodes += [node("DequantizeLinear", ["w3", "s", "z"], ["w3d"]), *qdq("sd", "sum")]
        nodes += [node("Conv", ["sd", "w3d"], ["out"], name="head"), *qdq("y", "out")]
    return model(nodes, {"x": [1, 16, 16, 16]}, weights, ["y"])


def test_quantise_and_dequantise_make_narrow_layers():
    graph = graph_of(block())
    narrow = {"activations": "int8"}
    assert formats(graph) == {
        "x": narrow, "first": {"weights": "int8", **narrow}, "rectified": narrow, "second": {"weights": "int8", **narrow},
        "sum": narrow, "head": {"weights": "int8", **narrow},
    }  # fmt: skip
    for chip in map(load_chip, ("nvdla_1024", "inferx_x1", "a100")):  # as int8 said by hand, whatever else the chip has
        own, asked = (simulate(graph, chip, precision=word) for word in (None, "int8"))
        assert (own.precision, own.latency_s, own.dram_bytes) == ("own", asked.latency_s, asked.dram_bytes)
        assert any(note.endswith("products: 3 in int8") for note in own.notes)
        assert not any("number formats" in note for note in asked.notes)


def test_a_layer_left_in_floats_runs_in_what_the_chip_has():
    graph = graph_of(block(float_head=True))
    assert formats(graph)["head"] == {"weights": "fp32", "activations": "fp32"}
    assert formats(graph)["sum"] == {"activations": "fp32"}
    own, asked = (simulate(graph, load_chip("nvdla_1024"), precision=word) for word in (None, "int8"))
    assert (own.latency_s, own.dram_bytes) == (asked.latency_s, asked.dram_bytes)  # int8 is all it has
    assert "the chip has no format that holds fp32: 1 layer is in int8 instead" in own.notes
    assert "1 layer is left in fp32" in " ".join(own.notes)
    several = simulate(graph, load_chip("inferx_x1"))
    assert any(note.endswith("products: 2 in int8, 1 in bf16") for note in several.notes)
    assert "the chip has no format that holds fp32: 1 layer is in bf16 instead" in several.notes
    assert any(note.endswith("products: 2 in int8, 1 in fp32") for note in simulate(graph, load_chip("a100")).notes)


def test_a_sweep_and_a_ranking_take_the_formats_of_the_file(tmp_path):
    path = tmp_path / "block.onnx"
    save(block(float_head=True), path)
    run = simulate(load_network(path), load_chip("a100"))
    vary = {"clock_mhz": [load_chip("a100").clock_mhz]}
    own, asked = (sweep(str(path), "a100", vary, precision=word)["dram_bytes"][0] for word in (None, "int8"))
    assert own == run.dram_bytes > asked
    (row,) = compare_chips(str(path), ["a100"], by="throughput", batch=1).rows
    assert (row.figure.precision, row.value) == ("own", run.throughput_per_s)


def test_a_claim_is_judged_in_the_formats_of_the_file():
    graph, chip = graph_of(block(float_head=True)), entry("a100")
    own = simulate(graph, chip.architecture).throughput_per_s
    found, narrow = (judge(chip, graph, own, 1, word, verdict_alone=True) for word in (None, "int8"))
    assert (found.precision, found.verdict, narrow.precision) == ("own", "possible", "int8")
    assert any(remark.endswith("products: 2 in int8, 1 in fp32") for remark in found.remarks)
    head, others = 8 * 16 * 16 * 16, (9 + 1) * 16 * 16 * 16 * 16
    peaks = [resources_of(chip, word).peak_tops for word in ("fp32", "int8")]
    mixed = (head + others) / (head / peaks[0] + others / peaks[1])
    assert [each.bounds[0].available for each in (found, narrow)] == [pytest.approx(mixed), peaks[1]]
    assert demand_of(graph, "own", ("int8", "fp32")).weight_bytes == (9 + 1) * 16 * 16 + 4 * 8 * 16
    listed = replace(
        chip, architecture=None
    )  # of which two peaks are published: what is wider than both counts as the wider
    peaks = [resources_of(listed, word).peak_tops for word in ("bf16", "int8")]
    mixed = (head + others) / (head / peaks[0] + others / peaks[1])
    assert resources_of(listed, "own", graph).peak_tops == pytest.approx(mixed)


def test_a_tensor_that_is_read_in_both_ways_is_written_in_both():
    weights = {"w": np.zeros((16, 16, 1, 1), np.int8), **SCALE}
    nodes = [
        node("Relu", ["x"], ["r"], name="r"),
        *qdq("rd", "r"),
        node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        node("Conv", ["rd", "wd"], ["a"], name="c"),
        node("Add", ["a", "r"], ["y"], name="sum"),
    ]
    found = formats(graph_of(model(nodes, {"x": [1, 16, 8, 8]}, weights, ["y"])))
    assert found["r"] == {"activations": "fp32"}
    assert found["rd_q"] == {"activations": "int8"}  # what the convolution reads
    assert found["c"] == {"weights": "int8", "activations": "fp32"}


def test_integer_products_multiply_what_is_quantised_before_them():
    weights = {"w": np.zeros((64, 32), np.uint8), "k": np.zeros((4, 3, 3, 3), np.uint8), "s": np.array(0.1, FLOAT)}
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"], name="quantise"),
        node("MatMulInteger", ["q", "w", "qz"], ["i"], name="integer"),
        node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "qs"], ["m"], name="scaled"),
        node("Softmax", ["m"], ["y"], name="soft"),
    ]
    graph = graph_of(model(nodes, {"x": [1, 8, 64]}, weights, ["y"]))
    assert formats(graph) == {
        "x": {"activations": "fp32"}, "quantise": {"activations": "int8"},
        "integer": {"weights": "int8", "activations": "fp32"}, "scaled": {"activations": "fp32"},
        "soft": {"activations": "fp32"},
    }  # fmt: skip
    assert any(note.endswith("products: 1 in int8") for note in simulate(graph, load_chip("a100")).notes)
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
        node("ConvInteger", ["q", "k", "qz"], ["i"], name="c"),
        node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "s"], ["y"]),
    ]
    assert formats(graph_of(model(nodes, {"x": [1, 3, 8, 8]}, weights, ["y"])))["c"]["weights"] == "int8"


def contributed(kind: str, inputs: list[str], weights: dict[str, Any], shape: list[Any], **attrs: Any) -> Any:
    onnx_model = model(
        [node(kind, inputs, ["y"], name="p", domain="com.microsoft", **attrs)], {"x": shape}, weights, ["y"]
    )
    onnx_model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return onnx_model


def test_what_an_operator_quantises_itself_is_work_before_it():
    graph = graph_of(
        contributed("DynamicQuantizeMatMul", ["x", "w", "s"], {"w": np.zeros((64, 32), np.uint8), "s": SCALE["s"]}, ["N", 8, 64])
    )  # fmt: skip
    assert formats(graph) == {
        "x": {"activations": "fp32"}, "p_quantised": {"activations": "int8"}, "p": {"weights": "int8", "activations": "fp32"},
    }  # fmt: skip


def test_quantised_operators_of_onnx_itself():
    weights = {"w": np.zeros((4, 3, 3, 3), np.int8), **SCALE}
    nodes = [
        node("QuantizeLinear", ["x", "s", "zu"], ["q"]),
        node("QLinearConv", ["q", "s", "zu", "w", "s", "z", "s", "zu"], ["c"], name="c"),
        node("DequantizeLinear", ["c", "s", "zu"], ["y"]),
    ]
    found = formats(graph_of(model(nodes, {"x": [1, 3, 8, 8]}, weights, ["y"])))
    assert found == {"x": {"activations": "int8"}, "c": {"weights": "int8", "activations": "int8"}}


@pytest.mark.parametrize(("attrs", "word"), [
    ({"bits": 4, "block_size": 32}, "int4_g32"), ({"bits": 4, "block_size": 128}, "int4_g128"),
    ({"bits": 4, "block_size": 256}, "int4"), ({"bits": 8, "block_size": 128}, "int8_g128"), ({"bits": 2, "block_size": 32}, "2"),
])  # fmt: skip
def test_packed_weights_are_carried_with_their_blocks(attrs, word):
    weights = {"w": np.zeros((64, 4, 16), np.uint8), "s": np.zeros(64 * 4, FLOAT)}
    onnx_model = contributed("MatMulNBits", ["x", "w", "s"], weights, ["N", 6, 128], K=128, N=64, **attrs)
    graph = graph_of(onnx_model)
    layer = graph.nodes["p"]["layer"]
    assert (layer.kind, layer.macs, layer.formats) == (
        "dense",
        6 * 128 * 64,
        (("weights", word), ("activations", "fp32")),
    )
    assert simulate(graph, load_chip("jetson_agx_orin")).macs == layer.macs


def test_weights_that_are_widened_step_by_step_are_still_narrow():
    weights = {"w": np.zeros((512, 512), np.int8), "s": np.ones((512,), FLOAT)}
    nodes = [
        node("Cast", ["w"], ["wf"], to=TensorProto.FLOAT),
        node("Mul", ["wf", "s"], ["wd"]),
        node("MatMul", ["x", "wd"], ["y"], name="p"),
    ]
    graph = graph_of(model(nodes, {"x": ["N", 4, 512]}, weights, ["y"]))
    assert formats(graph)["p"] == {"weights": "int8", "activations": "fp32"}
    plain = {"w": np.zeros((512, 512), FLOAT)}
    assert set(map(str, formats(graph_of(model([node("MatMul", ["x", "w"], ["y"])], {"x": ["N", 4, 512]}, plain, ["y"]))).values())) == {"{}"}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(("word", "rates", "other"), [
    ("fp32", ("int8",), "int8"), ("fp32", ("int8", "bf16"), "bf16"), ("fp32", ("fp16", "tf32", "fp32"), "fp32"),
    ("int4", ("int8",), "int4"), ("int16", ("int8", "fp16"), "fp16"), ("fp32", ("int8", "fp8", "int4*fp8"), "fp8"),
    ("fp16", ("bf16",), "bf16"), ("fp32", (), "fp32"),
])  # fmt: skip
def test_a_format_that_an_array_lacks_becomes_the_widest_that_it_has(word, rates, other):
    assert held(format_of(word), rates).name == other
