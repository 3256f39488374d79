"""Graphs of ONNX files that are kept on disk: what comes back is what was read, and only where it would be read the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test.loader
import pytest
from onnx import helper
from random_onnx import model

from simulator.errors import NetworkError
from simulator.graph.load import load_network, network_digest
from simulator.graph.readers import onnx_kept
from simulator.store import disk

LIGHT = Path(onnx.backend.test.__file__).parent / "data" / "light"


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """A cache of its own, in which every graph is kept."""
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(onnx_kept, "WORTH_KEEPING_S", 0.0)
    return tmp_path / "kept"


def files(kept):
    return sorted(kept.glob("*.network.rooftile")) if kept.exists() else []


def as_it_is(graph):
    """All that counts of a graph: layers and edges in their order, and what is told."""
    edges = [(name, list(graph.pred[name].items()), list(graph.succ[name].items())) for name in graph]
    return network_digest(graph), list(graph.nodes(data=True)), edges, graph.graph


@pytest.fixture
def only_kept(monkeypatch):
    """A function from which on nothing may be read anew."""

    def stop():
        def never(*_):
            raise AssertionError("read anew")

        monkeypatch.setattr("simulator.graph.readers.onnx_read.read_bytes", never)

    return stop


@pytest.mark.parametrize("name", ["resnet50", "shufflenet", "inception_v2"])
def test_a_graph_comes_back_as_it_was_read(name, kept, only_kept):
    first = load_network(LIGHT / f"light_{name}.onnx")
    assert len(files(kept)) == 1
    only_kept()
    assert as_it_is(load_network(LIGHT / f"light_{name}.onnx")) == as_it_is(first)


def quantised():
    """A convolution whose formats come from the file, and a layer that keeps its own."""
    weights = {
        "w": np.zeros((8, 3, 3, 3), np.int8), "s": np.float32(1), "z": np.uint8(0), "zw": np.int8(0),
        "f": np.zeros((4, 8, 1, 1), np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "zw"], ["dw"]),
        helper.make_node("Conv", ["d", "dw"], ["c"], pads=[1] * 4),
        helper.make_node("Conv", ["c", "f"], ["y"]),
    ]
    return model(nodes, {"x": ["N", 3, "height", "width"]}, weights, ["y"])


def test_sizes_that_are_given_and_the_bytes_of_a_file_make_another_graph(tmp_path, kept):
    path = tmp_path / "model.onnx"
    onnx.save(quantised(), path)
    first = load_network(f"{path}@32")
    assert as_it_is(load_network(f"{path}@32")) == as_it_is(first)
    assert load_network(f"{path}@32").graph["formats"]
    assert load_network(path, x="1x3x16x32").nodes["x"]["layer"].out_height == 16
    assert load_network(path, height=8, width=32).nodes["x"]["layer"].out_height == 8
    assert len(files(kept)) == 3
    changed = quantised()
    changed.graph.node[3].attribute[0].ints[:] = [0] * 4
    onnx.save(changed, path)
    assert network_digest(load_network(f"{path}@32")) != network_digest(first)
    other = tmp_path / "other.onnx"
    onnx.save(quantised(), other)
    again = load_network(f"{other}@32")
    assert again.graph["name"] == "other"
    assert network_digest(again) == network_digest(first)
    assert len(files(kept)) == 4  # the same bytes under another name are the same network


@pytest.mark.parametrize("what", [b"", b"no file of ours", None])
def test_a_damaged_file_counts_as_missing(what, tmp_path, kept):
    path = LIGHT / "light_squeezenet.onnx"
    first = as_it_is(load_network(path))
    (file,) = files(kept)
    if what is None:  # whole, but of another make
        onnx_kept.plain.save(file.name, {"layers": [{"name": "a", "colour": 1}], "beside": {"named": [], "read": []}})
    else:
        file.write_bytes(what)
    assert as_it_is(load_network(path)) == first
    assert as_it_is(load_network(path)) == first


def beside_model(folder, location="shape.bin"):
    """A model whose sizes hang on a shape that lies in a file of its own."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["r"]), helper.make_node("Relu", ["r"], ["y"])]
    made = model(nodes, {"x": [1, 4, 6]}, {"shape": np.zeros(2, np.int64)}, ["y"])
    (shape,) = made.graph.initializer
    shape.ClearField("raw_data")
    shape.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        shape.external_data.add(key=key, value=value)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    return folder / "model.onnx"


def test_files_beside_the_model_count(tmp_path, kept, only_kept):
    folder = tmp_path / "model"
    folder.mkdir()
    path, data = beside_model(folder), folder / "shape.bin"
    for sizes in ([2, 12], [12, 2], [2, 12]):
        data.write_bytes(np.array(sizes, np.int64).tobytes() + b"more behind it")
        graph = load_network(path)
        assert graph.nodes[list(graph)[-1]]["layer"].out_channels == sizes[1]
    only_kept()
    load_network(path)
    data.write_bytes(b"cut")
    with pytest.raises(NetworkError, match="read anew"):
        load_network(path)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_a_link_out_of_the_folder_is_refused_although_the_graph_is_kept(tmp_path, kept):
    folder, outside = tmp_path / "model", tmp_path / "outside.bin"
    folder.mkdir()
    path, data = beside_model(folder), folder / "shape.bin"
    data.write_bytes(np.array([2, 12], np.int64).tobytes())
    outside.write_bytes(data.read_bytes())
    load_network(path)
    assert len(files(kept)) == 1
    data.unlink()
    try:
        data.symlink_to(outside)
    except OSError:
        pytest.skip("links may not be made here")
    with pytest.raises(NetworkError, match="must lie in the model's folder"):
        load_network(path)


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path / "taken"))
    first, second = (as_it_is(load_network(LIGHT / "light_squeezenet.onnx")) for _ in range(2))
    assert first == second


def test_another_onnx_package_reads_anew(kept, monkeypatch):
    load_network(LIGHT / "light_squeezenet.onnx")
    monkeypatch.setattr(onnx_kept, "_onnx_version", lambda: "another")
    load_network(LIGHT / "light_squeezenet.onnx")
    assert len(files(kept)) == 2
    assert all(disk._NAME.fullmatch(file.name) for file in files(kept))  # they are counted, and go, as all that is kept


def test_a_kept_graph_needs_no_import_of_onnx(kept):
    load_network(LIGHT / "light_squeezenet.onnx")
    code = (
        "import sys; from simulator.graph.load import load_network; load_network(sys.argv[1]);"
        "print(sorted({'onnx', 'google.protobuf', 'simulator.graph.readers.walk'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(LIGHT / "light_squeezenet.onnx")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
