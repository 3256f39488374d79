"""Every command and every Python example of the pages works as written.

A code block marked `bash` or `console` is run line by line in an empty folder; a command that must fail says so in a
comment, `# exit code 2`. The first of each kind runs on a terminal instead (`test_terminal`). A picture of docs/images that a
page shows is what one of its commands draws. A block of another language
whose first line is a comment with a file's name (`# mychip.yaml`) makes that file for the commands of its page. Blocks
marked `python` are run.
"""

import os
import re
import shlex

import pytest
from pages import (
    CLONE,
    FILE,
    FIRST_RUN,
    HERE,
    PAGES,
    PICTURE,
    README,
    blocks,
    by_day,
    in_process,
    make_files,
    names,
    shown_commands,
)
from pictures import check_pictures

from simulator.cli import main

RESULT = re.compile(r"^```console\n\$ (rooftile [^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("few_batches")
@pytest.mark.parametrize("page", HERE, ids=names(HERE))
def test_examples(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_files(page, tmp_path)
    for line, arguments, code in in_process(page):
        got = main(by_day(arguments, page))
        err = capsys.readouterr().err
        assert got == code, f"{line}\n{err}"
    check_pictures(page, tmp_path)
    for language, text in blocks(page):
        if language == "python" and not FILE.match(text):
            exec(compile(text, str(page), "exec"), {"__name__": "__example__"})


def test_results_in_the_readme_are_what_their_commands_print(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "92")
    text = README.read_text(encoding="utf-8")
    results = RESULT.findall(text)
    assert len(results) == 2
    for command, shown in results:
        assert main(shlex.split(command)[1:]) == 0
        lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        if shown.endswith("\n...\n"):  # the beginning of an answer
            lines = [*lines[: shown.count("\n") - 1], "..."]
        printed = "\n".join(lines) + "\n"
        if os.environ.get("UPDATE_DOCS"):
            README.write_text(text := text.replace(shown, printed), encoding="utf-8")
        else:
            assert shown == printed, "UPDATE_DOCS=1 pytest tests/docs/test_docs.py writes the new one"


def test_every_picture_is_shown_and_drawn_by_a_command():
    shown = {name for page in PAGES for name in PICTURE.findall(page.read_text(encoding="utf-8"))}
    assert shown == {path.name for path in (CLONE / "docs" / "images").glob("*.svg")}
    assert shown <= {word for arguments in shown_commands() for word in arguments}


def test_the_first_run_is_what_the_script_runs():
    script = (CLONE / "scripts" / "run").read_text(encoding="utf-8")
    assert f"set -- {' '.join(FIRST_RUN)}\n" in script


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{target}: no such file"


def test_the_index_names_every_page():
    text = (CLONE / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "index.md" or f"({page.name})" in text, f"{page.name}: must be in the index"
