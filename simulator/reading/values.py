"""Values of options: counts, numbers, truth values, words; and `NAME=VALUE` pairs of them."""

import re
from collections.abc import Sequence

from simulator.errors import OptionError, argument
from simulator.reading.amounts import LONGEST, amount_of_key, split

LARGEST_COUNT = 2**53
"""Counts above this are no longer exact as floating-point numbers, which the model computes with."""

Value = int | float | bool | str

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?\.?(inf|nan)", re.IGNORECASE)


def whole_number(text: str | int) -> int:
    """A count of at least 1, written plainly (`4`), with thousands (`1,000`) or with an exponent (`1e3`).

    Raises ValueError that says what it must be.
    """
    text = str(text).strip()
    short = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    parts = split(text)
    value: Value = plain_value(text)
    if parts is not None and not parts[1]:
        value = int(parts[0]) if parts[0].denominator == 1 else float(parts[0])
    if _WHOLE.fullmatch(text) and len(text) > LONGEST and text[0] != "-":
        value = LARGEST_COUNT + 1
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        got = short if _WHOLE.fullmatch(text) else repr(short)
        raise ValueError(f"must be a whole number of at least 1, got {got}")
    if value > LARGEST_COUNT:
        raise ValueError(f"must be at most {LARGEST_COUNT} (2**53), got {short}")
    return value


def plain_value(text: str) -> Value:
    """Read `4`, `1e3`, `1,000`, `50%`, `true` or a word as what it looks like.

    >>> plain_value("4"), plain_value("1e3"), plain_value("1,000"), plain_value("50%"), plain_value("1080x1920")
    (4, 1000.0, 1000, 0.5, '1080x1920')
    """
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) > LONGEST:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    number = amount_of_key("", text)
    return text if number is None else number


def value_of(name: str, text: str) -> Value:
    """The value of a key or a parameter: an amount in the unit of its suffix, else what it looks like.

    Raises ValueError for an amount of something else.
    """
    number = amount_of_key(name, text)
    return plain_value(text) if number is None else number


def parameters(pairs: Sequence[str]) -> dict[str, Value]:
    """Read parameters of a network, texts `NAME=VALUE`.

    Raises OptionError for a text without `=`, a name given twice, or an amount of something else.
    """
    out: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not (name and equals and text):
            raise OptionError(key="params", must="be NAME=VALUE, such as image_size=224", got=pair)
        if name in out:
            raise OptionError(f"{argument('params', pair)}: {name}: given twice")
        try:
            out[name] = value_of(name, text)
        except ValueError as error:
            raise OptionError(f"{argument('params', pair)}: {name}: {error}") from None
    return out
