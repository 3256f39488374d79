"""Pictures that pages show: what they say, compared with what a command draws now; UPDATE_DOCS=1 writes them anew."""

import math
import os
import re

from pages import CLONE, PICTURE

SAID = re.compile(r'aria-label="([^"]*)"|<text[^>]*>([^<]*)<')
"""What a picture says: the figures of each mark, and each text."""
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
MOST_BYTES = 60 * 1024


def facts(svg):
    """(what a picture says without its numbers, the numbers)."""
    said = [label or text for label, text in SAID.findall(svg)]
    words = [NUMBER.sub("#", text) for text in said]
    return words, [float(number) for text in said for number in NUMBER.findall(text)]


def check_pictures(page, folder):
    """See that the pictures of a page that its commands drew in a folder are those that it shows."""
    for name in PICTURE.findall(page.read_text(encoding="utf-8")):
        if (folder / name).exists():
            check_same(folder / name, CLONE / "docs" / "images" / name)


def check_same(drawn, kept):
    """See that a picture that is kept says what one says that was drawn now."""
    assert drawn.stat().st_size <= MOST_BYTES, kept.name
    if os.environ.get("UPDATE_DOCS"):
        kept.write_bytes(drawn.read_bytes())
    words, numbers = facts(drawn.read_text(encoding="utf-8"))
    shown, figures = facts(kept.read_text(encoding="utf-8"))
    assert words == shown, f"{kept.name}: UPDATE_DOCS=1 draws it anew"
    close = [math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) for one, other in zip(numbers, figures, strict=True)]
    assert all(close), f"{kept.name}: UPDATE_DOCS=1 draws it anew"
