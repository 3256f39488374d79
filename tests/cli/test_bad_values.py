"""A bad value of any option of any command is told in our words, and is never a fault of ours."""

import os
import re

import pytest
import typer
from test_fuzz import BASES, COMMANDS

from simulator import cli
from simulator.cli import app as cli_app

ASKED = {
    **BASES,
    "generate": ["smollm2_135m", "--chip", "chip.yaml", "--prompt", "4", "--output", "2", "--param", "layers=1"],
    "networks": [],
    "mcp": ["--check"],
    "serve": ["--check"],
}
"""A command line of each command, to which the bad value is added."""

BAD = ("2.5EUR", "a\0b", "w" * 10_000)
"""A currency that nobody converts, what no file is called, and more than anybody means."""

FOREIGN = re.compile(
    r"is not a valid|Invalid value|validation error|Input should|type=|unable to parse|[Ee]rrno|codec|embedded null|scanner|"
    r"could not|expected <|mapping values"
)
"""Words of the parser of command lines, of models, of YAML, of the system and of Python."""


def options():
    """(command, its option) of all that take a value which no network is run for."""
    return [
        (name, option.opts[0])
        for name in sorted(ASKED)
        for option in COMMANDS.commands[name].params
        if option.opts[0].startswith("--") and not getattr(option, "is_flag", False)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    before, commands = os.getcwd(), cli_app.app
    os.chdir(folder)
    cli_app.app = COMMANDS
    yield folder
    os.chdir(before)
    cli_app.app = commands


@pytest.mark.parametrize(("command", "option"), options())
def test_a_bad_value_is_told_in_our_words(command, option, place, capsys):
    for value in BAD:
        code = cli.main([command, *ASKED[command], option, value])
        err = capsys.readouterr().err
        assert code == 2, (value[:10], err)
        line = err.strip().splitlines()[-1]
        assert line.startswith("rooftile: ")
        assert len(line) < 1500, line[:200]
        assert not FOREIGN.search(line), line


def test_money_is_read_alike_everywhere(capsys):
    said = (
        "--rent: must be an amount of money such as 25USD (a bare number: USD), got '2.5EUR'; units: USD, $, US$, kUSD"
    )
    for words in (["generate", "smollm2_135m", "--chip", "inferx_x1"], ["compare", "smollm2_135m"]):
        assert cli.main([*words, "--rent", "2.5EUR"]) == 2
        assert capsys.readouterr().err == f"rooftile: {said}\n"
    assert isinstance(COMMANDS, typer.core.TyperGroup)
