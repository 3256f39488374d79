"""The commands that the pages show also work on a terminal, where a progress bar, colours and widths come in.

A terminal needs a process of its own, so the commands are run by threads, one a core. Of each command the first
is run, and the first that writes a picture or a file; with NO_COLOR, of the pages of PLAIN, the first of each command.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_docs import CLONE, PAGES, README, RUN_ELSEWHERE, arguments_of, commands, make_files, names

pytest.importorskip("pty", reason="needs a system with terminals of Unix")
from terminal import on_terminal

WRITES = ("--plot", "--json", "--layers", "--uncertainty", "--validate", "--fit", "--out")
PLAIN = [README, CLONE / "docs" / "sweep.md"]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]")
"""A foreground colour; bold and slanted letters are none."""
SHOWN = [page for page in PAGES if page.name not in RUN_ELSEWHERE]
RUNS = [(page, True) for page in SHOWN] + [(page, False) for page in PLAIN]
IDS = [
    f"{name}-{'colour' if colour else 'plain'}"
    for name, (_, colour) in zip(names(p for p, _ in RUNS), RUNS, strict=True)
]


def shown():
    """{(page, colour): [(arguments, exit code)]}; of what is shown like another it is the first."""
    found, seen = {}, set()
    for page, colour in RUNS:
        mine = found[page, colour] = []
        for line, code in commands(page):
            arguments = arguments_of(line)
            if arguments is None:
                continue
            # A sweep draws a bar, a study says what it does: that is a matter of the command, but for its pictures and files.
            options = {word for word in arguments if word in WRITES} if colour else ()
            if (key := (colour, arguments[0] if arguments else "", *sorted(options))) not in seen:
                seen.add(key)
                mine.append((arguments, code))
    return found


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """{(page, colour): what gives [(arguments, exit code, that got, text)]}: all begun, the cores shared."""

    def run(page, colour, lines):
        folder = tmp_path_factory.mktemp(page.stem)
        make_files(page, folder)
        return [(arguments, code, *on_terminal(arguments, folder, colour=colour)) for arguments, code in lines]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
        yield {key: pool.submit(run, *key, lines) for key, lines in shown().items()}


@pytest.mark.parametrize(("page", "colour"), RUNS, ids=IDS)
def test_examples_on_a_terminal(printed, page, colour):
    for arguments, code, got, text in printed[page, colour].result():
        line = " ".join(arguments)
        assert got == code, f"{line}\n{text}"
        assert "Traceback" not in text, f"{line}\n{text}"
        assert "internal error" not in text, f"{line}\n{text}"
        assert colour or not COLOUR.search(text), f"{line}\n{text!r}"


def test_there_are_colours_and_bars_to_test(printed):
    texts = [text for future in printed.values() for *_, text in future.result()]
    assert any(COLOUR.search(text) for text in texts)
    assert any("points/s" in text for text in texts)
