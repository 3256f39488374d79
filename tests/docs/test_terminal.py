"""The commands that the pages show also work on a terminal, where a progress bar, colours and widths come in.

A terminal needs a process of its own, one for several pages, so of each command the first is run, and the first that writes a
picture or a file; with NO_COLOR, of the pages of PLAIN, the first of each command, by day those that take no time.
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
PROCESSES = 3
COLOURED = [page for page, colour in RUNS if colour and page.name != "bring.md"]
GROUPS = [
    *((COLOURED[at::PROCESSES], True) for at in range(PROCESSES)),
    *(([page], colour) for page, colour in RUNS if not colour or page.name == "bring.md"),  # this one needs an extra
]
IDS = [f"{' '.join(names(pages))}-{'colour' if colour else 'plain'}" for pages, colour in GROUPS]


def test_no_page_is_left_out():
    assert sorted((page, colour) for pages, colour in GROUPS for page in pages) == sorted(RUNS)


@pytest.mark.parametrize(("pages", "colour"), GROUPS, ids=IDS)
def test_examples_on_a_terminal(pages, colour, tmp_path):
    asked = []
    for page in pages:
        folder = tmp_path / page.stem
        folder.mkdir()
        make_files(page, folder)
        shown = [one for one in RUNS[page, colour] if colour or one[0][0] in PLAIN_BY_DAY or profiles.THOROUGH]
        asked += [(page, folder, by_day(arguments, page), arguments, code) for arguments, code in shown]
    found = on_one_terminal([(str(one[1]), one[2]) for one in asked], tmp_path, colour=colour)
    texts = {page: [] for page in pages}
    for (page, _, _, arguments, code), (got, text) in zip(asked, found, strict=True):
        line = f"{page.name}: {' '.join(arguments)}"
        assert got == code, f"{line}\n{text}"
        assert "Traceback" not in text, f"{line}\n{text}"
        assert "internal error" not in text, f"{line}\n{text}"
        assert colour or not COLOUR.search(text), f"{line}\n{text!r}"
        texts[page].append(text)
    for page in pages:
        check_pictures(page, tmp_path / page.stem)
        if page == README and colour:
            assert any(COLOUR.search(text) for text in texts[page])
        if page == CLONE / "docs" / "sweep.md":
            assert any("points/s" in text for text in texts[page])
