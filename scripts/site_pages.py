"""What mkdocs cannot do by itself: pages that stand beside docs/, and the check that a built page fetches nothing.

mkdocs calls the functions `on_...` (`hooks` of mkdocs.yml).
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[1]

BESIDE = ("CONTRIBUTING.md", "CHANGELOG.md")
"""Files of the clone that are pages of the site too."""

HOME = {"README.md": "index.md"}
"""What stands in their place on the site."""

LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
"""Where an element names what a browser fetches by itself. Of `link` it depends on what the link is."""

INERT_LINKS = {"canonical", "next", "prev", "alternate"}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of BESIDE."""
    from mkdocs.structure.files import File  # noqa: PLC0415 (tests of this file do without mkdocs)

    for name in BESIDE:
        text = (CLONE / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=moved(text, CLONE)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links that leave docs/ lead to the site's own pages."""
    return markdown if page.file.src_uri in BESIDE else moved(markdown, CLONE / "docs")


def on_post_build(config: Any) -> None:
    """Stop where a page would fetch something from elsewhere."""
    from mkdocs.exceptions import PluginError  # noqa: PLC0415 (as above)

    for path in sorted(Path(config["site_dir"]).rglob("*.html")):
        if found := fetched(path.read_text(encoding="utf-8")):
            raise PluginError(f"{path}: must fetch nothing from elsewhere, got {found[0]}")


def moved(text: str, folder: Path) -> str:
    """A page that lies in `folder`, with links as they are in docs/; one to a file that is no page becomes its words."""
    parts = FENCE.split(text)
    return "".join(
        part if at % 2 else LINK.sub(lambda found: _link(found, folder), part) for at, part in enumerate(parts)
    )


def _link(found: re.Match[str], folder: Path) -> str:
    """One link as it is in docs/."""
    words, target, anchor = found[1], found[2], found[3] or ""
    if re.match(r"\w+:", target):
        return found[0]
    path = (folder / target).resolve()
    if path.is_relative_to(CLONE / "docs"):
        return f"[{words}]({path.relative_to(CLONE / 'docs').as_posix()}{anchor})"
    name = path.relative_to(CLONE).as_posix()
    if name in HOME:
        return f"[{words}]({HOME[name]})"
    return f"[{words}]({name}{anchor})" if name in BESIDE else words


def fetched(page: str) -> list[str]:
    """Addresses elsewhere that a browser fetches by itself when it opens the page."""
    reader = _Fetched()
    reader.feed(page)
    return reader.found


class _Fetched(HTMLParser):
    """Collects what elements of a page name at other places."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        values = dict(attrs)
        target = values.get(FETCHED.get(tag, ""))
        if tag == "link" and not INERT_LINKS & set((values.get("rel") or "").split()):
            target = values.get("href")
        if target and re.match(r"(https?:)?//", target):
            self.found.append(target)
