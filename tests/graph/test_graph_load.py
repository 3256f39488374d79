"""Loading networks: parameters, files and graphs of users, and every fault word for word."""

import math
import re
from pathlib import Path

import networkx as nx
import pytest

from simulator.errors import NetworkError, RooftileError
from simulator.graph.check import check_graph
from simulator.graph.layer import Layer
from simulator.graph.load import load_network, network_digest, network_parameters, summary
from simulator.store import bundled


def message(call, *args, **kwargs):
    with pytest.raises(NetworkError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ---- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("resnet50", {"image_size": 0}, "resnet50: image_size: must be a whole number of at least 1, got 0"),
        ("resnet50", {"image_size": -224}, "resnet50: image_size: must be a whole number of at least 1, got -224"),
        ("resnet50", {"image_size": 224.5}, "resnet50: image_size: must be a whole number of at least 1, got 224.5"),
        (
            "resnet50",
            {"image_size": "big"},
            "resnet50: image_size: must be a whole number of at least 1, or height x width such as 1080x1920, got 'big'",
        ),
        ("resnet50", {"image_size": True}, "resnet50: image_size: must be a whole number of at least 1, got True"),
        ("resnet50", {"image_size": None}, "resnet50: image_size: must be a whole number of at least 1, got None"),
        ("resnet50", {"image_size": math.nan}, "resnet50: image_size: must be a finite number, got nan"),
        ("resnet50", {"image_size": math.inf}, "resnet50: image_size: must be a finite number, got inf"),
        ("resnet50", {"image_size": 10**9}, "resnet50: image_size: must be at most 1,000,000, got 1,000,000,000"),
        ("resnet50", {"image_size": 10**400}, "resnet50: image_size: must be at most 1,000,000, got more than 1e300"),
        (
            "resnet50",
            {"image_size": 10**6},
            "resnet50: must be at most 2**53 multiply-accumulates for one item, got 8.15e+16",
        ),
        (
            "resnet50",
            {"image_sise": 224},
            "resnet50: image_sise: unknown parameter; did you mean 'image_size'? Known: image_size, classes",
        ),
        ("resnet50", {"xyz": 1}, "resnet50: xyz: unknown parameter; known: classes, image_size"),
        ("mobilenet_v2", {"width": 0.0}, "mobilenet_v2: width: must be a number above 0, got 0.0"),
        ("mobilenet_v2", {"width": "1.4"}, "mobilenet_v2: width: must be a number above 0, got '1.4'"),
        ("bert_base", {"head": 2}, "bert_base: head: must be text, got 2"),
        ("bert_base", {"head": "qa"}, "bert_base: head: must be 'none' or 'squad', got 'qa'"),
        (
            "bert_base",
            {"head": 2, "sequence": 9},
            "bert_base: sequence: unknown parameter; did you mean 'sequence_length'? Known: sequence_length, head\n"
            "bert_base: head: must be text, got 2",
        ),
        ("resnet51", {}, "network: 'resnet51' is not a bundled name nor a file of a network; did you mean"),
        ("", {}, "network: must be a bundled name or the path of a file, got ''"),
        (None, {}, "network: must be a bundled name or the path of a file, got None"),
    ],
)
def test_wrong_names_and_parameters(name, params, expected):
    text = message(load_network, name, **params)
    assert text == expected or (expected.endswith("did you mean") and text.startswith(expected))


def test_whole_numbers_may_come_as_floats():
    assert load_network("resnet18", image_size=320.0).graph["parameters"]["image_size"] == 320


def test_parameters_of_a_bundled_network():
    assert network_parameters("mobilenet-v1") == {"image_size": 224, "width": 1.0, "classes": 1000}


def test_bundled_builder_of_an_unknown_name():
    with pytest.raises(RooftileError, match="did you mean 'vgg19' or 'vgg16'"):
        bundled.builder("vgg15")
    assert bundled.networks()["resnet50"] == ("resnet", "build_resnet50")


# ---- files of users -----------------------------------------------------------------------------

GOOD = """
from simulator.graph.build import NetworkBuilder

def build(image_size: int = 32, width: "float" = 1.0, offset=0, *, deep: bool = False):
    net = NetworkBuilder("mine")
    x = net.input(3, image_size, image_size)
    for number in range(3 if deep else 1):
        x = net.conv(x, int(16 * width) + offset, 3, padding=1, activation="relu")
    net.dense(net.global_pool(x), 10)
    return net.build()
"""


def write(folder: Path, text: str | bytes, name: str = "mynet.py") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_a_file_of_a_user(tmp_path):
    path = write(tmp_path, GOOD)
    graph = load_network(path)
    assert graph.graph == {
        "name": "mine",
        "file": str(path),
        "parameters": {"image_size": 32, "width": 1.0, "offset": 0, "deep": False},
    }
    assert summary(graph) == {"macs": 32 * 32 * 16 * 27 + 160, "parameters": 16 * 27 + 170, "layers": 4}
    assert summary(load_network(Path(path), width=2, offset=-4, deep=True))["layers"] == 8
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mynet.py"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def build(:\n", "{path}:1: not Python: "),
        (b"\xff\xfe\x00", "{path}:"),
        ("x = 1\n\nraise ValueError('two\\nlines')\n", "{path}:3: the file raised ValueError: two lines"),
        ("import nothing_of_that_name\n", "{path}:1: the file raised ModuleNotFoundError: No module named"),
        ("raise SystemExit(0)\n", "{path}:1: the file raised SystemExit: 0"),
        ("", "{path}: build: must be a function that returns the graph, got none"),
        (
            "def built():\n    pass\n",
            "{path}: build: must be a function that returns the graph, got none; did you mean 'built'?",
        ),
        ("build = 3\n", "{path}: build: must be a function that returns the graph, got none"),
        ("def build():\n    return 1 / 0\n", "{path}:2: build raised ZeroDivisionError: division by zero"),
        ("def build():\n    pass\n", "{path}: must be a networkx.DiGraph, got NoneType"),
        ("def build(size: int):\n    pass\n", "{path}: size: must be given, as in params size=VALUE"),
        (
            "import networkx\ndef build():\n    return networkx.DiGraph([(1, 2)])\n",
            "{path}: must have at least one layer, got none in 2 nodes",
        ),
        (
            "from simulator.graph.build import NetworkBuilder\n"
            "def build():\n    net = NetworkBuilder('a')\n    net.conv(net.input(3, 4, 4), 8, 0)\n",
            "{path}: a: conv1: kernel: must be a whole number of at least 1, got 0",
        ),
    ],
)
def test_wrong_files(tmp_path, source, expected):
    path = write(tmp_path, source)
    text = message(load_network, path)
    assert text.startswith(expected.format(path=path))
    assert "\n" not in text
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mynet.py"]


def test_files_that_are_not_there(tmp_path):
    write(tmp_path, GOOD)
    assert message(load_network, f"{tmp_path}/mynett.py") == (
        f"{tmp_path}/mynett.py: no such file; did you mean 'mynet.py'?"
    )
    assert message(load_network, f"{tmp_path}/no/x.py") == f"{tmp_path}/no/x.py: no such file"
    assert message(load_network, f"{tmp_path}/") == (
        f"{tmp_path}: must be a bundled name, a file of a network (.onnx, .tflite, .json, .csv, .yaml) or a .py file with a "
        "function build, which is run"
    )
    (tmp_path / "folder.py").mkdir()
    assert message(load_network, f"{tmp_path}/folder.py") == f"{tmp_path}/folder.py: must be a file, got a directory"
    assert message(load_network, "a\0b.py") == "a\\x00b.py: cannot be read: embedded null byte"
    assert message(load_network, "net.onnx") == "net.onnx: no such file"
    assert message(load_network, "net.onxx/x") == (
        "net.onxx/x: must be a bundled name, a file of a network (.onnx, .tflite, .json, .csv, .yaml) or a .py file with a "
        "function build, which is run"
    )


def test_a_folder_does_not_hide_a_bundled_network(tmp_path, monkeypatch):
    (tmp_path / "resnet18").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_network("resnet18").graph["name"] == "resnet18"


# ---- graphs of users ----------------------------------------------------------------------------


def plain(**changes):
    """input -> conv -> relu as a user would write it without the builder; `changes` go into the convolution."""
    graph = nx.DiGraph()
    conv = {"out_channels": 4, "in_channels": 3, "out_height": 6, "out_width": 6, "kernel_height": 3, "kernel_width": 3}
    conv |= {"in_height": 8, "in_width": 8} | changes
    graph.add_node("x", layer=Layer("x", "input", out_channels=3, out_height=8, out_width=8))
    graph.add_node("c", layer=Layer("c", **({"kind": "conv"} | conv)))
    graph.add_node("r", layer=Layer("r", "relu", out_channels=4, out_height=6, out_width=6))
    graph.add_edge("x", "c", operand="inputs")
    graph.add_edge("c", "r", operand="inputs")
    return graph


def reordered():
    graph = nx.DiGraph()
    graph.add_nodes_from(reversed(list(plain().nodes(data=True))))
    graph.add_edges_from(plain().edges(data=True))
    return graph


def changed(change):
    graph = plain()
    change(graph)
    return graph


def test_a_graph_without_the_builder():
    check_graph(plain(), "g")


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (nx.Graph(), "g: must be a networkx.DiGraph, got Graph"),
        (nx.MultiDiGraph(), "g: must be a networkx.DiGraph, got MultiDiGraph"),
        (plain(kind="convolution"), "g: c: kind: must be a known one, got 'convolution'; did you mean 'conv'?"),
        (plain(out_channels=0), "g: c: out_channels: must be a whole number of at least 1, got 0"),
        (plain(out_channels=2.5), "g: c: out_channels: must be a whole number of at least 1, got 2.5"),
        (plain(stride=(0, 1)), "g: c: stride: must be 2 whole numbers of at least 1, got (0, 1)"),
        (plain(padding=(1, 1)), "g: c: padding: must be 4 whole numbers of at least 0, got (1, 1)"),
        (plain(out_height=7), "g: c: out_height: must be 6 for its inputs, kernel, stride and padding, got 7"),
        (
            plain(kind="dense", kernel_height=1, kernel_width=2**31, in_height=6, in_width=6),
            "g: c: kernel_width: must be at most 16,777,216, got 2147483648",
        ),
        (
            plain(kind="dense", kernel_height=1, kernel_width=3, in_height=6, in_width=6),
            "g: c: kernel_width: must be 1 of a dense, got 3",
        ),
        (
            plain(kind="relu", kernel_height=1, kernel_width=1, stride=(2, 1)),
            "g: c: stride: must be (1, 1) of a relu, got (2, 1)",
        ),
        (plain(kind=["conv"]), "g: c: kind: must be a known one, got ['conv']"),
        (plain(dilation=(1e30, 1)), "g: c: dilation: must be 2 whole numbers of at least 1, got (1e+30, 1)"),
        (plain(dilation=(10**30, 1)), "g: c: dilation: must be at most 16,777,216, got (1000000000"),
        (
            plain(out_channels=10**400),
            "g: c: out_channels: must be at most 16,777,216, got a whole number of 1329 bits",
        ),
        (plain(has_bias=3), "g: c: has_bias: must be True or False, got 3"),
        (
            changed(lambda g: g.add_node("z\x1b", layer=Layer("z\x1b", "relu"))),
            r"g: z\x1b: name: must be printable text of at most 200 characters",
        ),
        (
            changed(lambda g: g.add_node(3, layer=Layer(3, "relu"))),
            "g: 3: name: must be printable text of at most 200 characters",
        ),
        (
            changed(lambda g: g.add_edge("c", "r", operand=["inputs"])),
            "g: c -> r: operand: must be 'inputs' or 'weights', got ['inputs']",
        ),
        (plain(in_channels=4), "g: x -> c: inputs: must be at least 256 elements, got 192"),
        (
            plain(kind="dense", kernel_height=1, kernel_width=1),
            "g: c: in_height: inputs and outputs of a dense must have the same rows, got 8 x 8 and 6 x 6",
        ),
        (plain(out_channels=10**15), "g: c: out_channels: must be at most 16,777,216, got 1000000000000000"),
        (
            plain(
                kind="relu",
                kernel_height=1,
                kernel_width=1,
                out_channels=2**24,
                groups=2**24,
                out_height=64,
                out_width=64,
            ),
            "g: c: must be at most 2**53 elements or operations, got 1.15e+18",
        ),
        (
            changed(lambda g: g.add_node("z")),
            "g: z: layer: must be a Layer as the node's attribute, got NoneType",
        ),
        (changed(lambda g: g.add_node("z", layer=Layer("y", "relu"))), "g: z: name: must be the node's, got 'y'"),
        (
            changed(lambda g: g.add_node("z", layer=Layer("z", "relu"))),
            "g: z: inputs: a relu must have at least 1 edge with operand 'inputs', got 0",
        ),
        (
            changed(lambda g: g.add_edge("c", "r", operand="input")),
            "g: c -> r: operand: must be 'inputs' or 'weights', got 'input'\n"
            "g: r: inputs: a relu must have at least 1 edge with operand 'inputs', got 0",
        ),
        (
            changed(lambda g: g.add_edge("c", "r", operand="weights")),
            "g: r: weights: a relu must have 0 edges with operand 'weights', got 1\n"
            "g: r: inputs: a relu must have at least 1 edge with operand 'inputs', got 0",
        ),
        (
            reordered(),
            "g: r: order: must come after 'c', which it reads\ng: c: order: must come after 'x', which it reads",
        ),
    ],
)
def test_wrong_graphs(graph, expected):
    text = message(check_graph, graph, "g")
    assert expected in text
    assert all(line.startswith("g: ") for line in text.splitlines())


def test_many_faults_are_cut_short():
    graph = nx.DiGraph()
    for number in range(30):
        graph.add_node(number, layer=Layer("?", "relu"))
    lines = message(check_graph, graph, "g").splitlines()
    assert len(lines) == 11
    assert lines[-1] == "g: and 20 more"


def test_pooling_may_be_rounded_up():
    for outputs in (3, 4):
        graph = plain(kind="pool", out_channels=3, stride=(2, 2), out_height=outputs, out_width=3)
        check_graph(graph, "g")
    text = message(check_graph, plain(kind="pool", stride=(2, 2), out_height=5, out_width=3), "g")
    assert text == "g: c: out_height: must be 3 or 4 for its inputs, kernel, stride and padding, got 5"


def test_digest_depends_on_edges_and_not_on_attributes():
    graph = plain()
    first = network_digest(graph)
    graph.graph["name"] = "other"
    assert network_digest(graph) == first
    graph.add_edge("x", "r", operand="inputs")
    assert network_digest(graph) != first


# ---- the page about networks --------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def test_the_example_of_the_page_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    example, video, caching, recurrent = (block for block in blocks if "def build" in block)
    assert summary(load_network(write(tmp_path, caching)))["macs"] > 0
    assert summary(load_network(write(tmp_path, video)))["macs"] == 8 * 28 * 28 * 27 * 32 * (3 + 32) + 320
    listener = load_network(write(tmp_path, recurrent), units=64)
    assert summary(listener)["macs"] == 50 * (4 * 64 * (80 + 64) + 4 * 64 * (64 + 64) + 64 * 30)
    path = write(tmp_path, example)
    graph = load_network(path, width=2)
    assert graph.graph["name"] == "mynet"
    assert graph.graph["parameters"] == {"image_size": 96, "width": 2.0, "classes": 10}
    assert summary(graph)["macs"] == 48 * 48 * (64 * 27 + 64 * 9 + 64 * 64) + 640


def test_the_page_names_every_network_and_parameter():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in row.split("|")[1].replace("`", "").split()}
    assert set(bundled.networks()) <= named
    text = "\n".join(rows)
    assert all(f"`{key}`" in text for name in bundled.networks() for key in network_parameters(name))


@pytest.mark.parametrize(
    ("default", "value", "told"),
    [
        ("0.0", "x", "must be a number, got 'x'"),
        ("0.0", -2e6, "must be at least -1,000,000, got -2,000,000"),
        ("1.0", 0, "must be a number above 0, got 0"),
        ("-1", "x", "must be a whole number, got 'x'"),
    ],
)
def test_what_a_number_must_be_says_no_range_that_it_has_not(tmp_path, default, value, told):
    file = tmp_path / "net.py"
    file.write_text(f"def build(share={default}):\n    pass\n")
    with pytest.raises(NetworkError, match=rf"share: {re.escape(told)}$"):
        load_network(file, share=value)


def test_a_range_of_a_parameter_is_told():
    with pytest.raises(NetworkError, match=r"^mixtral_8x7b: skew: must be a number from 0 to 8, got 'x'$"):
        load_network("mixtral_8x7b", skew="x")
    with pytest.raises(NetworkError, match=r"^gnmt: output_length: must be a whole number of at least 0, got -1$"):
        load_network("gnmt", output_length=-1)
