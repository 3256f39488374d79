"""The recipes of docs/add.md, followed word by word. Its commands are run by `test_docs`, as those of every page."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import simulator.cli
import simulator.report
import simulator.study
from simulator.cli import main
from simulator.cli.app import app

CLONE = Path(__file__).parents[2]
TEXT = (CLONE / "docs" / "add.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def files():
    """{name: text} of the files that the page shows."""
    named = ((re.match(r"# ([\w/]+\.\w+)\n", text), text) for _, text in BLOCKS)
    return {found[1]: text for found, text in named if found}


def follow(name, tmp_path, monkeypatch):
    """Run the functions of one of its tests, with its files at hand."""
    for each, text in files().items():
        if "/" not in each:
            (tmp_path / each).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "followed"}
    exec(compile(files()[name], name, "exec"), space)
    tests = [value for key, value in space.items() if key.startswith("test_")]
    for test in tests:
        test()
    return len(tests)


def test_a_chip(tmp_path, monkeypatch):
    assert follow("test_acorn.py", tmp_path, monkeypatch) == 2


def test_the_chip_could_be_bundled():
    data = yaml.safe_load(files()["acorn.yaml"])
    sources = data.pop("sources")
    assert set(data) - {"schema", "name"} == set(sources)


def test_a_network(tmp_path, monkeypatch):
    assert follow("test_oaknet.py", tmp_path, monkeypatch) == 1


def patched(folder):
    """Apply the page's changes: a line with a space is there, one with a minus goes, those with a plus follow it."""
    (diff,) = (text for language, text in BLOCKS if language == "diff")
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines()
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in re.findall(r"^([ -].*)\n((?:\+.*\n?)+)", "\n".join(lines), re.MULTILINE):
            assert text.count(f"{old[1:]}\n") == 1, f"{name}: {old}"
            added = "".join(f"{line[1:]}\n" for line in new.splitlines())
            text = text.replace(f"{old[1:]}\n", (f"{old[1:]}\n" if old[0] == " " else "") + added)
        (folder / name).write_text(text, encoding="utf-8")


KIND = """
from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.lower.rows import lower
graph = load_network("softplus.py")
for change in ({}, {"vector.fuses": ["softplus"]}, {"vector.operations": {"softplus": 9}}):
    rows = lower(graph, load_chip("example_edge", set=change)).rows
    print([(row.name, row.fused, row.vector_operations) for row in rows])
"""


def test_a_layer_kind(tmp_path):
    for name in ("simulator", "workloads", "arch_configs"):
        shutil.copytree(CLONE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "softplus.py").write_text(files()["softplus.py"], encoding="utf-8")
    patched(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{KIND}"
    out = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    outputs = 16 * 16 * 16
    alone = [("conv", (), 0.0), ("plus", (), 3.0 * outputs)]
    fused = [("conv", ("plus",), 3.0 * outputs)]
    slow = [("conv", (), 0.0), ("plus", (), 9.0 * outputs)]
    assert out.stdout.splitlines() == [str(each) for each in (alone, fused, slow)]


def test_the_table_of_winograd_names_every_file_that_knows_of_it():
    section = TEXT.split("## A mechanism of a chip\n", 1)[1].split("What needed nothing", 1)[0]
    named = re.findall(r"\| `(simulator/[\w./]+)` \|", section)
    there = {
        path.relative_to(CLONE).as_posix()
        for path in (CLONE / "simulator").rglob("*.py")
        if "winograd" in path.read_text(encoding="utf-8").lower()
    }
    # A wheel's own copies of bundled networks, which a build leaves behind, do not count.
    assert sorted(named) == sorted(name for name in there if not name.startswith("simulator/workloads/"))


@pytest.fixture
def pacing(tmp_path, monkeypatch):
    """The study's files as part of the package, and its command."""
    for room in (simulator.study, simulator.report, simulator.cli):
        folder = tmp_path / room.__name__.replace(".", "/")
        folder.mkdir(parents=True)
        monkeypatch.setattr(room, "__path__", [*room.__path__, str(folder)])
    own = {name: text for name, text in files().items() if name.startswith("simulator/")}
    for name, text in own.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (line,) = (text for _, text in BLOCKS if text.startswith("# a line of simulator/cli/app.py\n"))
    monkeypatch.setattr(app, "registered_commands", list(app.registered_commands))
    exec(line, {"app": app, "pacing": importlib.import_module("simulator.cli.pacing")})
    yield
    for name in own:
        module = name.removesuffix(".py").replace("/", ".")
        room, _, word = module.rpartition(".")
        sys.modules.pop(module, None)
        vars(sys.modules[room]).pop(word, None)


@pytest.mark.usefixtures("pacing")
def test_a_study_and_its_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "oaknet.py").write_text(files()["oaknet.py"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    command = ["pacing", "oaknet.py", "--chip", "example_edge"]
    assert main([*command, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["least_mhz"] < found["clock_mhz"] == 800
    assert 0.9 * found["throughput_per_s"] <= found["least_per_s"] < found["throughput_per_s"]
    assert main(command) == 0
    assert "oaknet on Example edge chip" in capsys.readouterr().out
    assert main([*command, "--share", "2"]) == 2
    assert capsys.readouterr().err == "rooftile: --share: must be above 0 and at most 1, got 2.0\n"
