"""Names that people write differently: ResNet-50, resnet50 and RESNET_50 are one."""

from collections.abc import Iterable
from pathlib import Path

from simulator.errors import only_near


def plain_name(name: str) -> str:
    """A name without what people write differently; v1.5 is what a bare ResNet means.

    >>> plain_name("ResNet-50"), plain_name("RESNET_50 v1.5"), plain_name("InferX X1")
    ('resnet50', 'resnet50', 'inferxx1')
    """
    plain = "".join(each for each in name.lower() if each.isalnum())
    return plain.removesuffix("v15") if plain.startswith("resnet") else plain


def known_name(text: str, known: Iterable[str]) -> str | None:
    """The one of `known` that a text means; None where there is none.

    >>> known_name("Yolo V3", ["yolov3", "yolov3_tiny"]), known_name("gpt2", ["gnmt"])
    ('yolov3', None)
    """
    names = list(known)
    if text in names:
        return text
    plain = plain_name(text)
    return next((name for name in names if plain and plain_name(name) == plain), None)


def beside(word: str, suffixes: Iterable[str]) -> str:
    """`; did you mean './mychip.yaml'?` where a word without its suffix names a file; else empty."""
    for suffix in suffixes:
        place = Path(word + suffix)
        try:
            there = place.is_file()
        except (OSError, ValueError):  # too long for a name, or a NUL byte in it
            return ""
        if there:
            shown = str(place) if "/" in word or "\\" in word else f"./{place}"
            return f"; did you mean {shown!r}?"
    return ""


def near_file(place: Path, suffixes: Iterable[str]) -> str:
    """`; did you mean ...?` with the file that a missing one may stand for: the same with a suffix, or a near name."""
    suffixes = tuple(suffixes)
    found = beside(str(place), suffixes)
    if found:
        return found
    try:
        names = [each.name for each in place.parent.iterdir() if each.suffix.lower() in suffixes]
    except (OSError, ValueError):
        return ""
    return only_near(place.name, names)
