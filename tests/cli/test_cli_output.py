"""Files that are there whole or not at all, and values as they are typed."""

import os

import pytest
from rich.text import Text

from simulator.cli import output
from simulator.cli.screen import PIPED_WIDTH, show
from simulator.cli.values import whole_number
from simulator.errors import OptionError
from simulator.reading.values import parameters, plain_value


def test_a_file_is_replaced_whole(tmp_path):
    place = tmp_path / "out.json"
    place.write_text("old")
    place.chmod(0o640)
    output.write("--json", str(place), "new\n")
    assert place.read_text() == "new\n"
    assert place.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    output.write("--json", str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_in_place():
    output.check_writable("--json", os.devnull)
    output.write("--json", os.devnull, "gone")
    assert not os.path.isfile(os.devnull)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    place = tmp_path / "out.json"
    place.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OptionError, match=r"^--json: cannot write '.*out.json': No space left on device$"):
        output.write("--json", str(place), "new")
    assert place.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_standard_output(capsys):
    output.write("--json", "-", "{}\n")
    assert capsys.readouterr().out == "{}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("-4", -4),
        ("1e3", 1000.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("same", "same"),
        ("1_000", "1_000"),
        (".inf", float("inf")),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_value(text, value):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_counts_may_have_an_exponent():
    assert whole_number("1e9") == 10**9
    assert whole_number("+7") == 7
    assert whole_number(1) == 1


def test_parameters():
    assert parameters(["image_size=320", "width = 0.5"]) == {"image_size": 320, "width": 0.5}


@pytest.mark.parametrize("columns", ["0", "-1", "wide", ""])
def test_columns_that_hold_no_width_are_as_if_not_there(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    show(Text(" ".join(["word"] * 60)))
    assert max(map(len, capsys.readouterr().out.splitlines())) == PIPED_WIDTH - 1
