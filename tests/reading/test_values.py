"""Values, sizes of images and names as people write them."""

import doctest

import pytest

from simulator.errors import MOST_NAMES, OptionError, nearest
from simulator.reading import names, sizes, values
from simulator.reading.names import beside, known_name, near_file, plain_name
from simulator.reading.sizes import height_width, image_size
from simulator.reading.values import parameters, plain_value, whole_number


@pytest.mark.parametrize("module", [names, sizes, values])
def test_the_examples_of_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted >= 1


def test_counts():
    assert [whole_number(text) for text in ("4", "1e3", "1,000", " 7 ", 5)] == [4, 1000, 1000, 7, 5]
    for text in ("0", "-1", "1.5", "1,5", "5ms", "nan", "", "50%"):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            whole_number(text)


def test_parameters_take_shares_and_sizes():
    assert parameters(["width=50%", "image_size=1080x1920", "latency_ms=2s"]) == {
        "width": 0.5, "image_size": "1080x1920", "latency_ms": 2000,
    }  # fmt: skip
    with pytest.raises(OptionError, match="latency_ms: must be a time"):
        parameters(["latency_ms=2W"])
    assert plain_value("1e3") == 1000


def test_sizes():
    assert [image_size(size) for size in (224, "224", "224x224", 224.0, (224, 224))] == [224] * 5
    assert [image_size(size) for size in ("1080x1920", "1080 X 1920", "1080\u00d71920", [1080, 1920])] == [
        "1080x1920"
    ] * 4
    assert height_width("640x384") == (640, 384)
    for size in ("x", "640x", "640x384x3", "0x5", "-1x5", True, None, 1.5, (1, 2, 3), "1.5x3"):
        with pytest.raises(ValueError, match="must be a whole number of at least 1, or height x width"):
            image_size(size)


def test_names_are_one_however_they_are_written():
    assert {plain_name(name) for name in ("ResNet-50", "resnet50", "RESNET_50", "ResNet 50 v1.5")} == {"resnet50"}
    assert known_name("", ["a"]) is None


def test_at_most_ten_names_and_the_nearest_first():
    many = [f"name{number}" for number in range(40)]
    assert nearest("zzz", many).count(",") == MOST_NAMES - 1
    assert nearest("zzz", many).endswith(" and 30 more")
    assert nearest("zzz", many, "rooftile networks") == "; 'rooftile networks' lists them"
    assert nearest("zzz", ["b", "a"]) == "; known: a, b"
    assert nearest("gpt2", ["gnmt", *many], "x") == "; 'x' lists them"
    assert nearest("t5", ["t4", *many]) == "; did you mean 't4'?"
    assert nearest("inferx", ["inferx_x1", "xavier"]) == "; did you mean 'inferx_x1'?"


def test_files_that_a_word_may_mean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mychip.yaml").write_text("x")
    assert beside("mychip", (".yaml",)) == "; did you mean './mychip.yaml'?"
    assert beside("other", (".yaml",)) == ""
    assert beside("a\0b", (".yaml",)) == beside("a" * 5000, (".yaml",)) == ""
    assert near_file(tmp_path / "mychp.yaml", (".yaml",)) == "; did you mean 'mychip.yaml'?"
    assert near_file(tmp_path / "nowhere" / "x.yaml", (".yaml",)) == ""
