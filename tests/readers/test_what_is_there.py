"""A word that means no network, though something is there: the message says what it is, and what it should be."""

import numpy as np
import pytest
import random_onnx
from onnx import helper, save

from simulator.cli import main
from simulator.errors import NetworkError
from simulator.graph.load import load_network


def relu(path, *shapes):
    """A file with an input of each shape."""
    inputs = {f"x{number}": list(shape) for number, shape in enumerate(shapes)}
    nodes = [helper.make_node("Relu", [name], [f"y{name}"]) for name in inputs]
    save(random_onnx.model(nodes, inputs, {}, [f"y{name}" for name in inputs]), path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two words ü").mkdir()
    relu("two words ü/größe.onnx", ("N", 3, 8, 8))
    relu("bare", ("N", 3, 8, 8))
    relu("other.tflite", ("N", 3, 8, 8))
    relu("image.onnx", ("N", 3, "h", "w"))
    relu("both.onnx", ("N", 3, "h", "w"), ("N", "words"))
    (tmp_path / "notes.txt").write_text("no network")
    (tmp_path / "gone.onnx").symlink_to("nowhere.onnx")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("gone.onnx", "gone.onnx: no such file: it is a link to 'nowhere.onnx', which is not there"),
        ("bare", "; there is a file of that name, an ONNX model, whose name must end in .onnx"),
        ("./bare", "; there is a file of that name, an ONNX model, whose name must end in .onnx"),
        ("notes.txt", "; there is a file of that name, but its name must end so"),
        ("two words ü", "; it is a folder: name a file in it, such as 'two words ü/größe.onnx'"),
        ("other.tflite", "must be a TensorFlow Lite model (TFL3), got an ONNX model, whose name must end in .onnx"),
        (
            "https://models.org/a.onnx",
            "must be a bundled name or a file of this machine, got 'https://models.org/a.onnx'",
        ),
        ("image.onnx@big", "image.onnx@big: must be sizes such as 640 or 480x640, got 'big'"),
        ("image.onnx@0", "image.onnx@0: each size must be 1 to 2,147,483,648, got '0'"),
        ("image.onnx@64x64x64", "image.onnx@64x64x64: must be at most 2 sizes, as many as an input has open, got 3"),
        ("both.onnx@48x64", "both.onnx: open sizes: add shape x1=1x?"),
    ],
)
def test_the_message_says_what_is_there(here, word, told):
    with pytest.raises(NetworkError) as error:
        load_network(word)
    assert str(error.value).endswith(told)
    assert f"{word}: {word}" not in str(error.value)  # not twice


def test_sizes_behind_at_go_where_they_fit(here):
    assert load_network("image.onnx@48x64").nodes["x0"]["layer"].output_elements == 3 * 48 * 64
    both = load_network("both.onnx@48x64", x1="1x7")
    assert [both.nodes[name]["layer"].output_elements for name in ("x0", "x1")] == [3 * 48 * 64, 7]
    assert load_network("both.onnx@16").nodes["x1"]["layer"].output_elements == 16


def test_a_file_with_a_size_is_no_language_model(here, capsys):
    assert main(["generate", "image.onnx@64", "--chip", "a100"]) == 2
    assert "got 'image.onnx@64'; `rooftile run` runs other networks" in capsys.readouterr().err


def test_shapes_that_do_not_fit_are_told(tmp_path):
    net = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("ConvTranspose", ["z", "w"], ["t"])]
    weights = {"w": np.zeros((4, 4, 3, 3), np.float32)}
    save(random_onnx.model(net, {"x": ["N", 4, 8, 8], "z": ["N", 4, 8, 8]}, weights, ["c", "t"]), tmp_path / "net.onnx")
    for name in "xz":
        with pytest.raises(NetworkError, match="must have an input of 4 channels, as its weights have, got 5"):
            load_network(tmp_path / "net.onnx", **{name: "1x5x8x8"})
    graph = load_network(tmp_path / "net.onnx", x="2x4x8x8", z="3x4x8x8")
    assert graph.graph["notes"] == ("size N of the file was given as 2 and 3",)
    assert load_network(tmp_path / "net.onnx", x="1x4x9x9", z="1x4x8x8").graph["notes"] == ()
