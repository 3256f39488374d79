"""The gallery: each command answers in the words shown, and draws the picture that is kept in docs/images/gallery.

`UPDATE_DOCS=1 pytest tests/docs/test_gallery.py` writes the pictures anew; words are for a person to change.
"""

import re

import pytest
from pages import CLONE, arguments_of
from pictures import check_same, facts

from simulator.cli import main

pytest.importorskip("vl_convert", reason="pictures need the extra charts")
pytest.importorskip("polars", reason="sweeps need the extra sweep")

PAGE = CLONE / "docs" / "gallery.md"
PICTURE = re.compile(r"!\[[^\]]+\]\((images/gallery/([\w-]+\.svg))\)")


def questions():
    """[(question, commands, answers, picture)] of the page."""
    found = []
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        (block,) = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        quoted = "\n".join(line[1:].strip() for line in text.splitlines() if line.startswith(">"))
        ((_, picture),) = PICTURE.findall(text)
        found.append((title, block.replace("\\\n", " ").splitlines(), quoted.split("\n\n"), picture))
    return found


def test_there_are_twelve_and_no_picture_is_left_over():
    pictures = [picture for *_, picture in questions()]
    assert len(pictures) == len(set(pictures)) == 12
    assert sorted(pictures) == sorted(path.name for path in (CLONE / "docs" / "images" / "gallery").iterdir())
    assert all(answer for _, _, answers, _ in questions() for answer in answers)


def test_facts_of_a_picture():
    mark = '<path aria-label="time: 1.50; layer: conv1"></path><text fill="#000">TOPS</text>'
    assert facts(mark) == (["time: #; layer: conv#", "TOPS"], [1.5, 1.0])


@pytest.mark.parametrize(("title", "commands", "answers", "picture"), questions(), ids=[q[3] for q in questions()])
def test_a_question(title, commands, answers, picture, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command in commands:
        assert main(arguments_of(command)) == 0, capsys.readouterr().err
    printed = " ".join(capsys.readouterr().out.split())
    for answer in answers:
        assert " ".join(answer.split()) in printed, f"{title}\n{printed}"
    drawn, kept = tmp_path / picture, CLONE / "docs" / "images" / "gallery" / picture
    check_same(drawn, kept)
