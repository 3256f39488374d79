"""The site: every page has its place, links of pages beside docs/ lead somewhere, nothing is fetched from elsewhere."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

import simulator

CLONE = Path(__file__).parents[2]
DOCS = CLONE / "docs"
CONFIG = yaml.safe_load((CLONE / "mkdocs.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script():
    place = importlib.util.spec_from_file_location("site_pages", CLONE / "scripts" / "site_pages.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_every_page_has_its_place(script):
    named = [
        page for section in CONFIG["nav"] for pages in section.values() for each in pages for page in each.values()
    ]
    assert sorted(named) == sorted([path.name for path in DOCS.glob("*.md")] + list(script.BESIDE))


def test_nothing_is_asked_of_a_network():
    assert CONFIG["theme"]["font"] is False
    assert "repo_url" not in CONFIG
    handler = CONFIG["plugins"][1]["mkdocstrings"]["handlers"]["python"]
    assert handler["inventories"] == []
    assert not [key for key in ("extra_javascript", "extra_css") for name in CONFIG.get(key, ()) if "//" in name]


def test_what_a_page_fetches_is_found(script):
    page = """<link rel="canonical" href="https://a.org/"><a href="https://a.org/">read</a><img src="images/run.svg">
      <link rel="stylesheet" href="https://b.org/font.css"><script src="//c.org/x.js"></script><img src="http://d.org/x.png">"""
    assert script.fetched(page) == ["https://b.org/font.css", "//c.org/x.js", "http://d.org/x.png"]


def test_links_of_pages_beside_docs(script):
    text = "[a](docs/run.md#the-keys) [b](.github/workflows/ci.yml) [c](https://a.org) [d](CHANGELOG.md)\n"
    code = "```md\n[e](docs/run.md)\n```\n"
    assert script.moved(text + code, CLONE) == (f"[a](run.md#the-keys) b [c](https://a.org) [d](CHANGELOG.md)\n{code}")
    assert (
        script.moved("[a](../CONTRIBUTING.md#set-up) [b](../README.md)", DOCS)
        == "[a](CONTRIBUTING.md#set-up) [b](index.md)"
    )


def test_every_public_name_is_on_the_page_of_python():
    shown = re.findall(r"^::: simulator\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted({*simulator.__all__} - {"__version__"})
