"""`rooftile run` and the lists, from the command line to what is printed; the model behind them is a stand-in here."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import types
from typing import ClassVar

import pytest
from report_example import example

from simulator import cli
from simulator.cli import asked
from simulator.cli.question import compiling_beside, working
from simulator.report import document
from simulator.store import disk

RUN = ["run", "twolayers", "--chip", "example_edge"]


class Network(str):
    """A stand-in for a graph, without doubts."""

    graph: ClassVar = {}


@pytest.fixture
def model(monkeypatch):
    """Stand-ins for the network loader, the kernels and the simulation; returns what they were called with."""
    calls = {}

    def load_network(name, **params):
        calls["network"] = (name, params)
        return Network("graph")

    def simulate(network, chip, batch=1, precision="int8"):
        calls["simulate"] = (network, chip.name, chip.sram.capacity_mib, batch, precision)
        return calls.get("result") or example(batch=batch)

    stand_ins = {
        "simulator.graph.load": {"load_network": load_network, "network_digest": lambda _: "0" * 64},
        "simulator.run": {"simulate": simulate},
        "simulator.result.kept": {"name_of": lambda *_: "", "load": lambda *_: None, "save": lambda *_: None},
        "simulator.kernels.warm": {"beside": lambda: contextlib.nullcontext(calls.get("cold", False))},
    }
    monkeypatch.setattr(document, "network_digest", lambda _: "0" * 64)
    for name, contents in stand_ins.items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_options_reach_the_model(model, capsys):
    options = ["--batch", "4", "--precision", "int16", "--set", "sram.capacity_mib=16", "--param", "image_size=320"]
    assert cli.main([*RUN, *options]) == 0
    assert model["network"] == ("twolayers", {"image_size": 320})
    assert model["simulate"] == ("graph", "Example edge chip", 16, 4, "int16")
    assert capsys.readouterr().err == ""


def test_the_report_goes_to_standard_output(model, capsys):
    assert cli.main([*RUN, "--layers"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "twolayers on Hand-made [chip]: 125.0 per second at batch 1 in int8, 37.5 % of the peak, bound by"
    )
    assert "layer1.0.conv1" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120


def test_json_on_standard_output_is_one_document_and_nothing_else(model, capsys):
    model["cold"] = True
    model["result"] = example(power_w=float("nan"), load_s=float("inf"))
    assert cli.main([*RUN, "--layers", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out, parse_constant=pytest.fail)
    assert document["power_w"] is None
    assert document["load_s"] is None
    assert document["layers"][0]["tiling"]["tile"]["k"] == 64
    assert err == "Compiling the kernels (once, about 30 s)...\n"


def test_a_command_says_once_that_kernels_are_compiled(model, capsys):
    """A run with a report compiles nothing twice."""
    model["cold"] = True
    before = asked.asked.set(asked.Asked("run"))
    try:
        with compiling_beside(), working():
            pass
    finally:
        asked.asked.reset(before)
    assert capsys.readouterr().err == "Compiling the kernels (once, about 30 s)...\n"


def test_json_file_beside_the_report(model, tmp_path, capsys):
    place = tmp_path / "out.json"
    assert cli.main([*RUN, "--json", str(place)]) == 0
    first = place.read_bytes()
    assert json.loads(first)["waterfall"]["dram_s"] == 4e-3
    assert "Throughput" in capsys.readouterr().out
    assert cli.main([*RUN, "--json", str(place)]) == 0
    assert place.read_bytes() == first


def test_a_chip_that_does_not_exist(model, capsys):
    assert cli.main(["run", "twolayers", "--chip", "example_egde"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("rooftile: ")
    assert "example_edge" in err
    assert len(err.splitlines()) == 1
    assert out == ""


def test_chips_are_listed(capsys):
    assert cli.main(["chips"]) == 0
    lines = capsys.readouterr().out.splitlines()
    edge = next(line for line in lines if line.startswith("example_edge"))
    assert edge.split()[-6:-1] == ["16", "4,096", "800", "6.554", "8"]


def test_the_schema_is_json(capsys):
    assert cli.main(["chips", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["type"] == "object"
    assert {"array", "sram", "clock_mhz"} <= set(schema["properties"])


def test_the_cache_is_cleared(monkeypatch, capsys):
    monkeypatch.setattr(disk, "clear", lambda: 2_500_000)
    assert cli.main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "Freed 2.4 MiB (2**20 bytes)\n"


def start(arguments, **options):
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, **options)


@pytest.mark.parametrize("command", [["chips"], ["chips", "--json", "-"], ["networks", "--format", "csv"]])
def test_a_reader_that_leaves_is_no_fault(command):
    read, write = os.pipe()
    os.close(read)
    process = start(command, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["chips"], ["chips", "--schema"], ["--help"]])
def test_a_full_disk_is_told_in_one_line(arguments):
    with open("/dev/full", "wb") as full:
        process = start(arguments, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == b"rooftile: standard output: cannot be written: No space left on device\n"


def test_ctrl_c_while_it_works():
    code = (
        "import os, signal, sys\n"
        "from simulator.cli import app, main\n"
        "app.parser = lambda _: lambda **options: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(main([]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (out.returncode, out.stderr) == (128 + signal.SIGINT, "rooftile: interrupted\n")
