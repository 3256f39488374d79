"""What `--help` shows, what a shell completes, and that the examples work."""

import os
import shlex
import subprocess
import sys

import pytest
from pages import by_day, shown_commands
from typer.main import get_command

from simulator.cli import complete, main
from simulator.cli.app import app
from simulator.cli.help import EXAMPLES, FIRST, GROUPS, examples
from simulator.store import bundled

COMMANDS = sorted(get_command(app).commands)


def test_every_command_is_in_one_group_and_has_two_examples():
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == COMMANDS == sorted(EXAMPLES)
    assert all(len(set(two)) == 2 for two in EXAMPLES.values())
    assert list(EXAMPLES) == named


def test_help_lists_the_groups_and_no_word_is_cut(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [out.index(f"{title}:\n") for title in GROUPS] == sorted(out.index(f"{title}:\n") for title in GROUPS)
    assert "--install-completion" in out
    assert "..." not in out.partition("Options:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_ends_with_two_examples(command, capsys):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert [line.strip() for line in out.splitlines()[-3:]] == ["Examples:", *examples(command)]


def test_the_command_alone_shows_three_things_to_try(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.count("  rooftile ") == 3
    shown = {shlex.split(command)[1] for command, _ in FIRST}
    assert len(shown) == 3
    assert all(command in out for command, _ in FIRST)


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    """Those that no page shows, nor one that also draws what it answers: the commands of pages run in a test of theirs.

    What writes a folder is read by the next one.
    """
    monkeypatch.chdir(tmp_path)
    shown = [by_day(arguments) for arguments in shown_commands()]
    for line in dict.fromkeys([*(line for name in EXAMPLES for line in examples(name)), *(line for line, _ in FIRST)]):
        asked = by_day(shlex.split(line)[1:])
        same = [arguments[len(asked) :] for arguments in shown if arguments[: len(asked)] == asked]
        if "--out" not in line and any(not more or more[0] == "--plot" for more in same):
            continue
        with monkeypatch.context() as own:
            if line.startswith("rooftile cache"):  # the only one that deletes something
                own.setenv("ROOFTILE_CACHE_DIR", str(tmp_path / "kept"))
            assert main(asked) == 0, (line, capsys.readouterr().err)


def test_help_ends_soon():
    """Importing the model, or a table, before it is asked for would double it."""
    code = (
        "import sys\nfrom simulator.cli import main\nmain(['--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'numba', 'networkx', 'pydantic', 'rich', 'fractions')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def completed(line):
    """What bash completes at the end of a line."""
    words = line.split(" ")
    asked = {"_ROOFTILE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-c", "import sys; from simulator.cli import main; sys.exit(main())"]
    found = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert found.stderr == ""
    return found.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rooftile sens", ["sensitivity"]),
        ("rooftile run resnet50 --chip inferx", ["inferx_x1"]),
        ("rooftile run mobilenet_v3_l", ["mobilenet_v3_large"]),
        ("rooftile explain resnet50 eyer", ["eyeriss"]),
        ("rooftile compare --network retinanet", ["retinanet_resnext50"]),
        ("rooftile claim goy", ["goya"]),
        ("rooftile run resnet50 --precision bf1", ["bf16"]),
        ("rooftile size --netw", ["--network"]),
    ],
)
def test_a_shell_completes(line, words):
    assert completed(line) == words


def test_completion_knows_every_network_chip_and_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert complete.network_names() == sorted(bundled.networks())
    assert complete.chips("") == list(bundled.places())
    for name in ("mychip.yaml", "mynet.py", "mysheet.csv", "my.txt", ".my.yaml"):
        (tmp_path / name).write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "b.yml").write_text("")
    assert complete.chips("myc") == ["mychip.yaml"]
    assert complete.chips_and_sheets("mys") == ["mysheet.csv"]
    assert complete.networks("myn") == ["mynet.py"]
    assert complete.chips("mine/") == ["mine/b.yml"]
    assert complete.chips(f"{tmp_path}/mi") == [f"{tmp_path}/mine/"]
    assert complete.chips("nowhere/\0") == []
