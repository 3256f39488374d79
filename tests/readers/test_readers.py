"""Configurations of Hugging Face, tables, TensorFlow Lite, and networks written for other tools."""

import json
import os
import random
import re
import struct

import bad_files
import pytest
import yaml
from encoder_configs import PUBLISHED, config
from random_onnx import damaged
from tiny_tflite import tflite

from simulator.cli import main
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network, network_digest, summary
from simulator.graph.readers.emit import layers_of
from simulator.graph.readers.flat import DamagedError
from simulator.graph.readers.ir import Model as IrModel
from simulator.graph.readers.ir import Tensor
from simulator.graph.readers.tflite import _upsampled
from simulator.graph.writers import scale_sim, table_csv, table_yaml, timeloop_problem, written, zigzag_layer


def test_a_transposed_convolution_of_mediapipe_is_one():
    """A custom operator with a bias, whose strides are those of its sizes."""
    x, out = Tensor("x", (1, 8, 6, 16)), Tensor("y", (1, 16, 18, 4))
    weights, bias = Tensor("w", (4, 2, 3, 16), constant=True), Tensor("b", (4,), constant=True)
    ops = _upsampled("up", [x, weights, bias], out)
    graph = layers_of(IrModel("net", ops, [x], [out]), "net")
    (up,) = (data["layer"] for _, data in graph.nodes(data=True) if data["layer"].transposed)
    assert (up.stride, up.macs, up.parameters) == ((2, 3), 8 * 6 * 16 * 4 * 6, 16 * 4 * 6 + 4)
    for inputs in ([x], [x, None], [x, bias], [x, Tensor("w", (4, 0, 3, 16), constant=True)]):
        with pytest.raises(DamagedError):
            _upsampled("up", inputs, out)


def test_a_decoder_is_the_bundled_one(tmp_path):
    values = {
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    }
    folder = config(tmp_path, "llama", values)
    for given in ({}, {"phase": "decode", "context": 100}):
        graph = load_network(folder, **given)
        assert network_digest(graph) == network_digest(load_network("smollm2_135m", **given))


LLAMA = json.dumps(bad_files.LLAMA)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "must be JSON"),
        ("[]", "a model_type"),
        ('{"model_type": "lama"}', "did you mean 'llama'"),
        ('{"model_type": "llama", "hidden_size": 0}', "hidden_size: must be a whole number"),
        ('{"model_type": "llama", "hidden_size": 1e300}', "hidden_size: must be a whole number"),
        ("[" * 100_000, "must be JSON"),
        (LLAMA[:-1] + ', "tie_word_embeddings": "false"}', "tie_word_embeddings: must be true or false, got 'false'"),
        (
            '{"model_type": "whisper", "encoder_attention_heads": 8, "encoder_ffn_dim": 64, "decoder_ffn_dim": 32}',
            "decoder_ffn_dim: must be 64, got 32",
        ),
        (LLAMA[:-1] + ', "use_sliding_window": [0]}', "use_sliding_window: must be true or false"),
    ],
)
def test_a_bad_configuration_is_one_line(tmp_path, text, told):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(NetworkError, match=told) as error:
        load_network(path)
    assert "\n" not in str(error.value)


def test_a_folder_is_a_configuration_without_a_slash_in_its_name(tmp_path, monkeypatch):
    folder = config(tmp_path, "vit", PUBLISHED["vit"][1])
    monkeypatch.chdir(tmp_path)
    assert network_digest(load_network("vit")) == network_digest(load_network(folder))
    config(tmp_path, "t5", {}).rename(tmp_path / "resnet50")
    assert summary(load_network("resnet50"))["macs"] == 4_089_184_256  # a name is the bundled one's


# ---- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet50", "gnmt", "inception_v3"])
def test_a_network_written_as_a_table_is_the_same_network(tmp_path, name):
    graph = load_network(name)
    (tmp_path / "t.csv").write_text(table_csv(graph))
    (tmp_path / "t.yaml").write_text(table_yaml(graph))
    (tmp_path / "s.csv").write_text(scale_sim(graph))
    assert network_digest(load_network(tmp_path / "t.csv")) == network_digest(graph)
    assert network_digest(load_network(tmp_path / "t.yaml")) == network_digest(graph)
    assert summary(load_network(tmp_path / "s.csv"))["macs"] == summary(graph)["macs"]


def test_a_table_keeps_formats_roles_and_transposed_convolutions(tmp_path):
    net = NetworkBuilder("mine", formats={"weights": "int4_g128", "activations": "fp16"})
    x = net.transposed(net.input(8, 4, 4), 4, 2, stride=2)
    net.dense(x.flat(), 10, role="head", formats={"weights": "fp16"})
    graph = net.build()
    for name, text in (("t.csv", table_csv(graph)), ("t.yaml", table_yaml(graph))):
        (tmp_path / name).write_text(text)
        assert network_digest(load_network(tmp_path / name)) == network_digest(graph)


def test_scale_sim_topologies_of_both_forms(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text(
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
        "Conv1, 224, 224, 7, 7, 3, 64, 2,\nConv2, 111, 111, 3, 3, 64, 32, 1,\n"
    )
    graph = load_network(path)
    assert [graph.nodes[name]["layer"].macs for name in ("Conv1", "Conv2")] == [
        109 * 109 * 64 * 147,
        109 * 109 * 32 * 576,
    ]
    assert graph.nodes["Conv2"]["layer"].padding == (1, 1, 1, 1)
    path.write_text("Layer, M, N, K,\nGEMM1, 128, 64, 32,\nGEMM2, 128, 10, 64,\n")
    assert summary(load_network(path)) == {
        "macs": 128 * 64 * 32 + 128 * 10 * 64,
        "parameters": 32 * 64 + 640,
        "layers": 2,
    }


HEAD = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
FORMS = {
    # rows: MACs by hand
    "remarks": (f"{HEAD},,Eh,Ew\n,,,,,,,,,,\na,9,9,3,3,4,8,2,,,4,4\nb,4,4,1,1,8,2,1,#dw\n", 16 * 8 * 36 + 16 * 16),
    "tabs": (HEAD.replace(", ", "\t").rstrip(",") + "\na\t9\t9\t3\t3\t4\t8\t2\t \n", 16 * 8 * 36),
    "two networks": (f"{HEAD}\n\nOne,\na, 9, 9, 3, 3, 4, 8, 2,\n\nTwo,\nb, 5, 5, 2, 2, 3, 6, 1,\n", 16 * 8 * 36 + 16 * 6 * 12),
    "stride of both axes": (f"{HEAD}\na, 9, 9, 3, 3, 4, 8, 2, 3,\n", 4 * 3 * 8 * 36),
    "depthwise": (f"{HEAD}\naDP, 9, 9, 3, 3, 4, 1, 2,\n", 16 * 4 * 9),
    "sparse products": ("Layer Name, M, N, K, Sparsity,\na, 3, 5, 16, 3:4,\na, 1, 5, 16, 1:4,", 3 * 5 * 16 + 5 * 16),
    "sparse convolutions": (f"{HEAD} Sparsity,\na, 9, 9, 3, 3, 4, 8, 2, 2:4,\nb, 4, 4, 1, 1, 8, 2, 1, 1:4,\n", 16 * 8 * 36 + 256),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_topologies_that_its_authors_wrote(tmp_path, form):
    text, macs = FORMS[form]
    (tmp_path / "net.csv").write_text(text)
    graph = load_network(tmp_path / "net.csv")
    assert summary(graph)["macs"] == macs
    notes = " ".join(graph.graph["notes"])
    assert ("sparsity" in notes, "2 networks" in notes) == ("sparse" in form, form == "two networks")


def test_letters_of_a_topology_are_sizes_that_must_be_given(tmp_path):
    path = tmp_path / "lstm.csv"
    path.write_text(f"{HEAD}\ngate_h, 1, B, 1, 1, H, H, 1,\ngate_x, 1, B, 1, 1, D, H, 1,\n")
    with pytest.raises(NetworkError, match=r"open sizes: add params B=\? params H=\? params D=\?$"):
        load_network(path)
    assert summary(load_network(path, B=3, H=16, D="8"))["macs"] == 3 * (16 * 16 + 8 * 16)
    for wrong, told in (
        ({"HH": 2}, "did you mean 'H'"),
        ({"B": 0, "H": 1, "D": 1}, "B: must be a whole number of 1 to"),
    ):
        with pytest.raises(NetworkError, match=told):
            load_network(path, **wrong)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "Lager, Hoehe, Breite\nx, 1, 2\n", "columns: must be those of a table of layers"),
        ("a.csv", "1, 2, 3\n4, 5, 6\n", "must begin with a head line"),
        ("a.csv", "Layer, M, N, K,\nOnly,\n", "at least one layer, got 1 headings"),
        ("a.csv", "Layer, M, N, K,\n", "at least one layer"),
        ("a.csv", "Layer, M, N, K,\nx, 1, 2, -3,\n", "K: must be a whole number"),
        ("a.csv", "Layer, M, N, K,\nx, 1, 2,\n", "must have 7 numbers"),
        ("a.csv", "name,kind,hight\nx,conv,3\n", "no such column"),
        (
            "a.csv",
            "name,type,out_channels\nx,conv,3\n",
            "columns: a table of layers must have name and kind, got 'name, type",
        ),
        ("a.csv", "name,kind,steps,steps\nx,relu,1,2\n", "columns: steps: must be there once, got it twice"),
        (
            "a.csv",
            "name,kind\nx,input\ny,relu,,7\n",
            "layer 2: must have its cells below names in the head line, got one below none: '7'",
        ),
        ("a.yaml", "layers: [{name: x, kind: conv, stride: [1, 2, 3]}]", "stride: must be 2 numbers"),
        ("a.yaml", "a: &a [1]\nb: [*a, *a]", "no aliases"),
        ("a.csv", "name,kind,formats\nx,dense,weights=int5\n", "formats: unknown format 'int5'; did you mean"),
        (
            "a.csv",
            "name,kind,formats\nx,dense,weigths=int4\n",
            "formats: weigths: must be a role of operands; did you mean",
        ),
        ("a.yaml", "layers: 3", "must be a list of layers"),
        (
            "a.yaml",
            "layers:\n- {name: x, kind: input, name: y}",
            r"a\.yaml: name: must be given once, got it twice \(line 2\)",
        ),
        ("a.csv", "name,kind,reads\nx,relu,y\ny,relu,x\n", r"reads: must be layers above, got 'y'$"),
        ("a.yaml", "layers: [{name: x, kind: input}, {name: y, kind: dense, reads: z}]", "must be layers above"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(NetworkError, match=told) as error:
        load_network(tmp_path / name)
    assert "\n" not in str(error.value)


def test_one_layer_as_a_problem_of_other_tools():
    graph = load_network("resnet50")
    problem = yaml.safe_load(timeloop_problem(graph, "conv1"))["problem"]
    sizes = problem["instance"]
    assert [sizes[key] for key in "NGMCPQRS"] == [1, 1, 64, 3, 112, 112, 7, 7]
    assert (sizes["Wstride"], sizes["Hdilation"]) == (2, 1)
    layer = yaml.safe_load(zigzag_layer(graph, "conv1"))[0]
    assert dict(zip(layer["loop_dims"], layer["loop_sizes"], strict=True))["K"] == 64
    with pytest.raises(NetworkError, match="did you mean 'conv1'"):
        written(graph, "timeloop", "conv")


# ---- TensorFlow Lite -------------------------------------------------------------------------------------------------


def test_tflite_gives_layers_and_its_own_formats(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite())
    graph = load_network(path)
    layers = [data["layer"] for _, data in graph.nodes(data=True)]
    assert [(layer.kind, layer.macs) for layer in layers] == [
        ("input", 0),
        ("conv", 16 * 16 * 27),
        ("relu", 0),
        ("conv", 16 * 16 * 9),
        ("dense", 2560),
    ]
    assert layers[3].groups == 16
    assert all(formats == {"inputs": "int8", "weights": "int8"} for formats in graph.graph["formats"].values())
    assert {dict(layer.formats).get("activations") for layer in layers} == {"int8"}
    assert {dict(layer.formats).get("weights") for layer in layers if layer.macs} == {"int8"}
    assert graph.graph["inspection"]["coverage"]["nodes"] == 1.0


def test_damaged_tflite_files_load_or_are_refused(tmp_path):
    rng, raw, path = random.Random(int(os.environ.get("ROOFTILE_FUZZ_SEED", "1"))), tflite(), tmp_path / "net.tflite"
    count = int(os.environ.get("ROOFTILE_FUZZ", "300"))
    for bad in (b"", b"TFL3", b"\x08\0\0\0TFL3" + struct.pack("<i", -1), *(damaged(raw, rng) for _ in range(count))):
        path.write_bytes(bad)
        try:
            load_network(path)
        except NetworkError as error:
            told = str(error)
        else:
            told = ""
        assert "Traceback" not in told


# ---- the commands ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_batches")
def test_a_request_to_a_language_model_that_is_a_file(tmp_path, capsys):
    values = {
        "hidden_size": 576, "num_hidden_layers": 2, "num_attention_heads": 9, "num_key_value_heads": 3,
        "intermediate_size": 1536, "vocab_size": 49152, "tie_word_embeddings": True,
    }  # fmt: skip
    folder = config(tmp_path, "llama", values)
    asked = ["--chip", "jetson_agx_orin", "--prompt", "16", "--output", "4", "--json", "-"]
    assert main(["generate", str(folder), *asked]) == 0
    own = json.loads(capsys.readouterr().out)
    assert main(["generate", "smollm2_135m", "--param", "layers=2", *asked]) == 0
    bundled = json.loads(capsys.readouterr().out)
    assert own["steps"] == bundled["steps"]


def test_inspecting_a_file_tells_what_is_understood(tmp_path, capsys):
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite())
    assert main(["networks", "--inspect", str(path), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["coverage"] == {"macs": 1.0, "bytes": 1.0, "nodes": 1.0}
    assert (told["unknown_ops"], told["macs"]) == ([], 16 * 16 * 36 + 2560)
    assert main(["networks", "--inspect", str(path)]) == 0
    assert "100.00 % of MACs" in capsys.readouterr().out
    assert main(["networks", "--inspect", str(path), "--as", "scalesim"]) == 0
    written = capsys.readouterr()
    assert "8" in written.out
    assert "products alone" in written.err
    assert main(["networks", "--inspect", str(path), "--as", "table"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["networks", "--param", "x=1"]) == 2


def test_a_table_in_capitals_or_with_semicolons(tmp_path):
    rows = "name,kind,out_channels,out_height,out_width\nx,input,3,8,8\ny,relu,3,8,8\n"
    (tmp_path / "NET.CSV").write_text(rows)
    assert list(load_network(str(tmp_path / "NET.CSV"))) == ["x", "y"]
    (tmp_path / "net.csv").write_text(rows.replace(",", ";"))
    with pytest.raises(NetworkError, match=r"net\.csv: cells must be separated by commas, or by tabs, got 'name;kind"):
        load_network(str(tmp_path / "net.csv"))


@pytest.mark.parametrize("change", [
    lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n"), lambda text: text.replace(b"\n", b"\r"),
    lambda text: b"\n\n" + text.replace(b"\n", b"\n,,,,\n  \n"), lambda text: text.replace(b",", b"\t"),
    lambda text: text.replace(b",", b" , "), lambda text: text.replace(b"y,", b'"y",'), lambda text: text.replace(b"\n", b",,\n"),
])  # fmt: skip
def test_how_programs_write_a_table_does_not_matter(tmp_path, change):
    rows = b"name,kind,out_channels,out_height,out_width\nx,input,3,8,8\ny,relu,3,8,8\n"
    (tmp_path / "net.csv").write_bytes(change(rows))
    assert [data["layer"].output_elements for _, data in load_network(tmp_path / "net.csv").nodes(data=True)] == [
        192,
        192,
    ]


def test_inspecting_shows_the_formats_of_products(tmp_path, capsys):
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite())
    assert main(["networks", "--inspect", str(path)]) == 0
    assert re.search(r"^Formats +int8 \(3\)$", capsys.readouterr().out, re.M)


def test_a_filter_larger_than_its_image_is_told(tmp_path):
    head = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
    (tmp_path / "net.csv").write_text(f"{head}\nx, 8, 8, 9, 9, 3, 4, 1,\n")
    assert load_network(tmp_path / "net.csv").graph["notes"][-1] == (
        "1 layer has a filter larger than the image, taken as large as the image"
    )
