"""The figures of a run that are kept on disk: the same as those worked out, found for the same question alone."""

import subprocess
import sys
from dataclasses import replace

import pytest

import simulator.run
from simulator import cli
from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.result import kept
from simulator.run import simulate
from simulator.store import disk, plain


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def network(tmp_path):
    """A file of a small network."""
    path = tmp_path / "small.csv"
    path.write_text("name,kind,out_channels,in_channels\nx,input,48,\nfirst,dense,32,48\nsecond,dense,16,32\n")
    return str(path)


def never():
    raise AssertionError("must not be asked for")


@pytest.mark.parametrize("chip", ["example_edge", "a100"])
def test_what_is_kept_is_what_was_worked_out(network, chip):
    graph, machine = load_network(network), load_chip(chip)
    worked_out = simulate(graph, machine)
    name = kept.name_of(graph, machine, 1, None)
    assert kept.load(name, never) is None
    assert kept.save(name, worked_out)
    found = kept.load(name, lambda: worked_out.layers)
    assert found == worked_out
    assert repr(found.to_dict()) == repr(worked_out.to_dict())  # numbers to the last bit, mappings in their order


def test_a_question_has_a_name_of_its_own(network):
    graph, chip = load_network(network), load_chip("example_edge")
    named = graph.copy()
    named.graph["notes"] = ("padded",)
    first = next(iter(named))
    other = graph.copy()
    other.nodes[first]["layer"] = replace(other.nodes[first]["layer"], origin="state")
    asked = [
        (graph, chip, 1, None), (graph, chip, 2, None), (graph, chip, 1, "int16"), (graph, load_chip("dpu_b4096"), 1, None),
        (graph, load_chip("example_edge", set={"clock_mhz": 901}), 1, None), (named, chip, 1, None), (other, chip, 1, None),
        (graph, load_chip("example_edge", set={"name": "Another"}), 1, None),
    ]  # fmt: skip
    names = [kept.name_of(*each) for each in asked]
    assert len({*names}) == len(names)
    assert names[0] == kept.name_of(load_network(network), load_chip("example_edge"), 1, None)


def test_a_file_of_another_make_is_worked_out_again():
    name = disk.name_of("run", "another")
    for content in ({"notes": []}, {"chip": "x"}, [1]):
        plain.save(name, content)
        assert kept.load(name, never) is None


def test_a_command_answers_again_without_the_model(network, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    asked = ["run", network, "--chip", "example_edge"]
    assert cli.main(asked) == 0
    first = capsys.readouterr().out
    with monkeypatch.context() as without:
        without.setattr(simulator.run, "simulate", never)
        assert cli.main(asked) == 0
        assert cli.main([*asked, "--layers"]) == 1  # layers are worked out
    assert capsys.readouterr().out == first
    slow = (
        "numba",
        "llvmlite",
        "networkx",
        "onnx",
        "polars",
        "altair",
        "simulator.run",
        "simulator.kernels",
        "simulator.cost",
    )
    code = (
        f"import sys; from simulator import cli; assert cli.main({asked}) == 0;"
        f"print([name for name in {slow} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (first, "[]\n")
