"""Whatever lies at a path, reading it ends, takes bounded memory, and is one line; names are printable."""

import os
import sys

import pytest

from simulator.cli import main
from simulator.errors import InputError
from simulator.store.bundled import folder
from simulator.store.foreign import bytes_of, one_line, printable, text_of

CHIP = folder("arch_configs") / "example_edge.yaml"

READERS = {
    "chip.yaml": lambda path: ["run", "squeezenet", "--chip", path],
    "listed.yaml": lambda path: ["compare", path, "--alone", "--published", "--network", "squeezenet"],
    "net.py": lambda path: ["run", path, "--chip", "example_edge"],
    "plan.yaml": lambda path: ["sweep", "--plan", path, "--out", "out"],
    "sheet.csv": lambda path: ["compare", path, "--alone", "--published", "--network", "squeezenet"],
}
"""Every way into the command for a file, by the name that the file has."""


def refused(arguments, capsys):
    """The one line of a refusal."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rooftile: ")
    assert err.count("\n") == 1
    return err.removeprefix("rooftile: ").rstrip("\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices have no such names there")
@pytest.mark.parametrize("name", READERS)
def test_only_regular_files_are_read(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(name)
    assert refused(READERS[name](f"./{name}"), capsys) == f"{name}: must be a file, got a pipe"
    os.unlink(name)
    os.symlink("/dev/zero", name)
    assert refused(READERS[name](f"./{name}"), capsys) == f"{name}: must be a file, got a device"
    os.unlink(name)
    os.mkdir(name)
    assert refused(READERS[name](f"./{name}"), capsys) == f"{name}: must be a file, got a directory"


@pytest.mark.parametrize("name", READERS)
def test_too_large_and_not_utf_8(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open(name, "wb") as file:
        # A hole: it takes no room, and reading it all would take 8 GiB.
        file.truncate(2**33 if os.name == "posix" else 2**24)
    line = refused(READERS[name](f"./{name}"), capsys)
    most = 10_000_000 if name.endswith((".py", ".csv")) else 4_000_000
    assert line == f"{name}: must be at most {most:,} bytes, got more"
    with open(name, "wb") as file:
        file.write(b"# caf\xe9\n")
    assert refused(READERS[name](f"./{name}"), capsys) == f"{name}: must be UTF-8 text, got byte 0xe9 at 5"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices have no such names there")
def test_a_sweep_folder_of_pipes(tmp_path, capsys):
    os.mkfifo(tmp_path / "plan.json")
    assert refused(["best", str(tmp_path)], capsys) == f"{tmp_path / 'plan.json'}: must be a file, got a pipe"
    (tmp_path / "plan.json").unlink()
    (tmp_path / "plan.json").write_text('{"points": 4, "chunk": 4}')
    part = tmp_path / "part-000000-00000000.parquet"
    os.mkfifo(part)
    assert refused(["best", str(tmp_path)], capsys) == f"{part}: damaged; --repair computes it again"


def test_the_limit_is_the_last_byte_that_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert bytes_of(path, 5, InputError) == b"12345"
    with pytest.raises(InputError, match=r"must be at most 4 bytes, got more"):
        bytes_of(path, 4, InputError)
    path.write_bytes(b"\xef\xbb\xbfab")
    assert text_of(path, 5, InputError) == "ab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Größe 日本", "plain Größe 日本"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("\0\x9b\x7f", r"\x00\x9b\x7f"),
        ("\u202egnp\u2066", r"\u202egnp\u2066"),
        ("\ufffe\uffff\udcff\u2028", r"\ufffe\uffff\udcff\u2028"),
        ("a\nb\tc", r"a\nb\tc"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_several_lines_become_one():
    assert one_line("a\r\nb\nc\td\x1b") == r"a b c d\x1b"
