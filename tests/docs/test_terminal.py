"""The commands that the pages show also work on a terminal, where a progress bar, colours and widths come in.

A terminal needs a process of its own, one a page, so of each command the first is run, and the first that writes a picture or a
file; with NO_COLOR, of the pages of PLAIN, the first of each command, by day those that take no time.
"""

import re

import profiles
import pytest
from pages import CLONE, README, by_day, make_files, names, on_terminals
from pictures import check_pictures

pytest.importorskip("pty", reason="needs a system with terminals of Unix")
from terminal import on_one_terminal

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]")
"""A foreground colour; bold and slanted letters are none."""
PLAIN_BY_DAY = ("run", "chips", "--help", "explain", "sweep", "best")
RUNS = {key: lines for key, lines in on_terminals().items() if lines}
IDS = [f"{name}-{'colour' if key[1] else 'plain'}" for name, key in zip(names(k[0] for k in RUNS), RUNS, strict=True)]


@pytest.mark.parametrize(("page", "colour"), RUNS, ids=IDS)
def test_examples_on_a_terminal(page, colour, tmp_path):
    make_files(page, tmp_path)
    asked = [one for one in RUNS[page, colour] if colour or one[0][0] in PLAIN_BY_DAY or profiles.THOROUGH]
    found = on_one_terminal([by_day(arguments, page) for arguments, _ in asked], tmp_path, colour=colour)
    texts = [text for _, text in found]
    for (arguments, code), (got, text) in zip(asked, found, strict=True):
        line = " ".join(arguments)
        assert got == code, f"{line}\n{text}"
        assert "Traceback" not in text, f"{line}\n{text}"
        assert "internal error" not in text, f"{line}\n{text}"
        assert colour or not COLOUR.search(text), f"{line}\n{text!r}"
    check_pictures(page, tmp_path)
    if page == README and colour:
        assert any(COLOUR.search(text) for text in texts)
    if page == CLONE / "docs" / "sweep.md":
        assert any("points/s" in text for text in texts)
