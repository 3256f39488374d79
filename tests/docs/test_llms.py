"""docs/llms.txt: every page and every schema in a line, for programs that read; every link is one."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
LINE = re.compile(r"^- \[([^\]]+)\]\(([^)\s]+)\): (\S.*)$")


def links():
    text = (DOCS / "llms.txt").read_text(encoding="utf-8")
    return [LINE.match(line) for line in text.splitlines() if line.startswith("-")]


def test_every_page_and_schema_is_in_it_once():
    targets = [found[2] for found in links()]
    pages = {path.name for path in DOCS.glob("*.md")} | {f"schemas/{path.name}" for path in DOCS.glob("schemas/*.json")}
    assert sorted(targets) == sorted(pages)


def test_it_says_of_a_page_what_the_index_says():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for found in links():
        if found[2].endswith(".md") and found[2] != "index.md":
            assert f"| [{found[1]}]({found[2]}) | {found[3]} |" in index
