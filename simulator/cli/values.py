"""Reading of option values, with errors that say what was expected."""

import re
from typing import TYPE_CHECKING

import typer

from simulator.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_COUNT = 2**53
"""Counts above this are no longer exact as floating-point numbers, which the model computes with."""

LONGEST_NUMBER = 40
"""Characters of a number. Longer ones are no sensible input, and Python refuses integers of thousands of digits."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?\.?(inf|nan)", re.IGNORECASE)


def whole_number(text: str | int) -> int:
    """Read a count of at least 1, written plainly (`4`) or with an exponent (`1e3`); a default comes as a number."""
    text = str(text).strip()
    short = text if len(text) <= LONGEST_NUMBER else text[:LONGEST_NUMBER] + "..."
    value = plain_value(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if _WHOLE.fullmatch(text) and len(text) > LONGEST_NUMBER and text[0] != "-":
        value = LARGEST_COUNT + 1
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        got = short if _WHOLE.fullmatch(text) else repr(short)
        raise typer.BadParameter(f"must be a whole number of at least 1, got {got}")
    if value > LARGEST_COUNT:
        raise typer.BadParameter(f"must be at most {LARGEST_COUNT} (2**53), got {short}")
    return value


def plain_value(text: str) -> int | float | bool | str:
    """Read `4`, `1e3`, `true` or a word as what it looks like."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) > LONGEST_NUMBER:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def parameters(pairs: "Sequence[str]") -> dict[str, int | float | bool | str]:
    """Read `--param NAME=VALUE` options.

    Raises OptionError for a text without `=` or a name given twice.
    """
    out: dict[str, int | float | bool | str] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not (name and equals and text):
            raise OptionError(f"--param: must be NAME=VALUE, such as image_size=224, got {pair!r}")
        if name in out:
            raise OptionError(f"--param {pair}: {name}: given twice")
        out[name] = plain_value(text)
    return out
