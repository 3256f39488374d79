"""What the command says, and with which exit code, when something is wrong."""

import io
import sys
import types

import pytest
import typer

from simulator import cli
from simulator.cli import app as cli_app
from simulator.cli import faults
from simulator.errors import ChipError, ModelError

RUN = ["run", "resnet50", "--chip", "x"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rnu"], "rnu: unknown command; did you mean 'run'?"),
        (["run"], "NETWORK: missing; see 'rooftile run --help'"),
        (["run", "resnet50"], "--chip: missing; see 'rooftile run --help'"),
        ([*RUN, "--layrs"], "--layrs: unknown option; did you mean '--layers'?"),
        (["size", "squeezenet", "--max", "5ms"], "--max: unknown option; did you mean '--max-cost' or '--max-power'?"),
        ([*RUN, "--batch", "0"], "--batch: must be a whole number of at least 1, got 0"),
        ([*RUN, "--batch", "-2"], "--batch: must be a whole number of at least 1, got -2"),
        ([*RUN, "--batch", "two"], "--batch: must be a whole number of at least 1, got 'two'"),
        ([*RUN, "--batch", "1.5"], "--batch: must be a whole number of at least 1, got '1.5'"),
        ([*RUN, "--batch", "nan"], "--batch: must be a whole number of at least 1, got 'nan'"),
        ([*RUN, "--batch", ""], "--batch: must be a whole number of at least 1, got ''"),
        ([*RUN, "--batch", "1e30"], "--batch: must be at most 9007199254740992 (2**53), got 1e30"),
        ([*RUN, "--batch", "9" * 5000], "--batch: must be at most 9007199254740992 (2**53), got " + "9" * 40 + "..."),
        ([*RUN, "--param", "size"], "--param: must be NAME=VALUE, such as image_size=224, got 'size'"),
        ([*RUN, "--param", "a=1", "--param", "a=2"], "--param a=2: a: given twice"),
        ([*RUN, "--json", "/"], "--json: must be a file that can be written, got the folder '/'"),
        ([*RUN, "--json", "/nowhere/x"], "--json: cannot write '/nowhere/x': there is no folder '/nowhere'"),
        ([*RUN, "--json"], "option '--json' requires an argument; see 'rooftile --help'"),
        ([*RUN, "vgg16"], "vgg16: unexpected; see 'rooftile run --help'"),
        (
            ["batch", "resnet50", "--chip", "x", "--batch", "1:9999:+1"],
            "--batch: must be at most 1,000 batches, got 9,999; a sweep takes more",
        ),
        (
            ["memory", "resnet50", "--chip", "x", "--sram", "1:300:+1"],
            "--sram: must be at most 200 values, got 300; a sweep takes more",
        ),
        (
            ["compare", "a", "b", "--network", "resnet50", "--uncertainty", "--draws", "nan"],
            "--draws: must be a whole number of at least 1, got 'nan'",
        ),
        (["compare", "--network", "resnet50", "--draws", "7"], "--draws, --seed: need --uncertainty"),
        (
            ["explain", "squeezenet", "example_edge", "example_edge", "--set-b", "sram.capasity_mib=3"],
            "--set-b sram.capasity_mib=3: sram.capasity_mib: unknown key; did you mean 'capacity_mib'?",
        ),
        (
            [
                "explain",
                "squeezenet",
                "example_edge",
                "example_edge",
                "--set",
                "clock_mhz=-1",
                "--set-b",
                "clock_mhz=9",
            ],
            "--set clock_mhz=-1: clock_mhz: must be at least 0.001, got -1",
        ),
        (
            ["compare", "example_edge", "t4", "--network", "squeezenet", "--uncertainty", "--set-a", "clock_mhz=x"],
            "--set-a clock_mhz=x: clock_mhz: must be a number, got 'x'",
        ),
        (
            ["claim", "t4", "--network", "squeezenet", "--throughput", "1e308"],
            "--throughput: must be from 1e-15 to 1e+15, such as 1000/s, got '1e308'",
        ),
        (
            ["sweep", "squeezenet", "--chip", "example_edge", "--vary", "batch=4:1:x2", "--out", "x"],
            "--vary batch=4:1:x2: empty range: must begin at or below its end, got 4 above 1",
        ),
    ],
)
def test_bad_command_lines(arguments, line, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.splitlines() == [f"rooftile: {line}"]
    assert out == ""


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["run", "--help"], ["chips", "--help"], ["--version"]])
def test_help_and_version_succeed(arguments, capsys):
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "rooftile" in out
    assert err == ""


def raising(monkeypatch, error):
    """Make the command raise `error`."""

    def run_app(arguments):
        raise error

    monkeypatch.setattr(cli_app, "run_app", run_app)


@pytest.mark.parametrize(
    ("error", "lines", "code"),
    [
        (ChipError("a.yaml:3: rows: must be at least 1, got 0\na.yaml:9: x: unknown key"), 2, 2),
        (ModelError("utilisation: must be at most 1, got 1.5"), 1, 1),
        (ZeroDivisionError("division by zero"), 1, 1),
        (OSError(28, "No space left on device"), 1, 2),
        (ValueError("two\nlines"), 1, 1),
    ],
)
def test_one_line_a_fault_and_no_traceback(error, lines, code, monkeypatch, capsys):
    monkeypatch.delenv(faults.DEBUG, raising=False)
    raising(monkeypatch, error)
    assert cli.main([]) == code
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == lines
    assert all(line.startswith("rooftile: ") for line in printed)
    if code == 1 and not isinstance(error, ModelError):
        assert "ROOFTILE_DEBUG=1 shows the traceback" in printed[0]


def test_debug_shows_the_traceback(monkeypatch, capsys):
    monkeypatch.setenv(faults.DEBUG, "1")
    raising(monkeypatch, ZeroDivisionError("division by zero"))
    assert cli.main([]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_names_from_a_file_cannot_steer_the_terminal(monkeypatch, capsys):
    raising(monkeypatch, ChipError("\x1b[2Jx.yaml: name: odd\x07"))
    cli.main([])
    assert capsys.readouterr().err == "rooftile: \\x1b[2Jx.yaml: name: odd\\x07\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), typer.Abort()])
def test_interruption_is_130(interrupt, monkeypatch, capsys):
    def app(**options):
        raise interrupt

    monkeypatch.setattr(cli_app, "parser", lambda _: app)
    assert cli.main([]) == 130
    assert capsys.readouterr().err == "rooftile: interrupted\n"


def test_a_broken_pipe_ends_quietly(monkeypatch, capfd):
    raising(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(fileno=lambda: 1, flush=lambda: None))
    assert cli.main([]) == 0
    assert capfd.readouterr().err == ""


def test_a_full_disk_behind_standard_output(monkeypatch, capsys):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert cli.main(["--version"]) == 2
    assert capsys.readouterr().err == "rooftile: standard output: cannot be written: No space left on device\n"
