"""The commands that the pages show also work on a terminal, where a progress bar, colours and widths come in.

Of each command the first is run, and the first that writes a picture or a file, in the process of the tests, whose streams are
a terminal meanwhile. With NO_COLOR, of the pages of PLAIN, it is the first of each command, by day those that take no time, in a
process that was begun on a terminal.
"""

import re

import profiles
import pytest
from pages import CLONE, README, by_day, make_files, names, on_terminals
from pictures import check_pictures

pytest.importorskip("pty", reason="needs a system with terminals of Unix")
from terminal import on_one_terminal, on_our_terminal

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]")
"""A foreground colour; bold and slanted letters are none."""
PLAIN_BY_DAY = ("run", "chips", "--help", "explain", "sweep", "best")
RUNS = {key: lines for key, lines in on_terminals().items() if lines}
COLOURED = [page for page, colour in RUNS if colour]
UNCOLOURED = [page for page, colour in RUNS if not colour]


@pytest.mark.usefixtures("few_batches")
@pytest.mark.parametrize("page", COLOURED, ids=names(COLOURED))
def test_examples_on_a_terminal(page, tmp_path):
    asked = shown(page, tmp_path, colour=True)
    found = on_our_terminal([one[:2] for one in asked])
    texts = looked_at(page, tmp_path, asked, found)
    if page == README:
        assert any(COLOUR.search(text) for text in texts)
    if page == CLONE / "docs" / "sweep.md":
        assert any("points/s" in text for text in texts)


def test_examples_without_colours(tmp_path):
    asked = {page: shown(page, tmp_path, colour=False) for page in UNCOLOURED}
    found = iter(on_one_terminal([one[:2] for all_ in asked.values() for one in all_], tmp_path, colour=False))
    for page in UNCOLOURED:
        for text in looked_at(page, tmp_path, asked[page], [next(found) for _ in asked[page]]):
            assert not COLOUR.search(text), f"{page.name}\n{text!r}"


def shown(page, tmp_path, *, colour):
    """[(folder, arguments as they are run, as they are written, exit code)] of a page, in a folder with its files."""
    folder = tmp_path / page.stem
    folder.mkdir()
    make_files(page, folder)
    runs = [one for one in RUNS[page, colour] if colour or one[0][0] in PLAIN_BY_DAY or profiles.THOROUGH]
    return [(str(folder), by_day(arguments, page), arguments, code) for arguments, code in runs]


def looked_at(page, tmp_path, asked, found):
    """What the commands of a page printed, which ended as they must, in words of ours."""
    for (_, _, arguments, code), (got, text) in zip(asked, found, strict=True):
        line = f"{page.name}: {' '.join(arguments)}"
        assert got == code, f"{line}\n{text}"
        assert "Traceback" not in text, f"{line}\n{text}"
        assert "internal error" not in text, f"{line}\n{text}"
    check_pictures(page, tmp_path / page.stem)
    return [text for _, text in found]
