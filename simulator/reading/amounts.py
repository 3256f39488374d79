"""Amounts: a number with a unit or without, in the unit that is wanted: 30fps, 5ms, 1GHz, 512KiB, $25, 50 %, 1,500, 1e9."""

import re
from fractions import Fraction

from simulator.errors import OptionError
from simulator.reading.units import SHARE, Dimension, unit_named, unit_of_key

LONGEST = 40
"""Characters of an amount. Longer ones are no sensible input."""

LEAST, MOST = 1e-15, 1e15
"""Amounts of an option beyond these are slips, and the model's sums may overflow. [1/s, s, W, USD]"""

_FIGURES = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_AMOUNT = re.compile(rf"(\$?)\s*({_FIGURES})\s*([A-Za-zµμ%$/][A-Za-zµμ0-9²$/ ]*)?")
_COMMA = re.compile(r"\$?\s*[+-]?[0-9]+,[0-9]*\s*\D*")


def split(text: str) -> tuple[Fraction, str] | None:
    """The number and the unit of a text (empty where there is none); None for what is no amount.

    A comma separates thousands; `1,5` may be meant as one and a half, and is none.

    >>> split("1,500"), split("$25"), split("1.5 GHz"), split("1,5"), split("ddr4")
    ((Fraction(1500, 1), ''), (Fraction(25, 1), '$'), (Fraction(3, 2), 'GHz'), None, None)
    """
    text = text.strip()
    match = _AMOUNT.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or (match[1] and match[3]):
        return None
    return Fraction(match[2].replace(",", "")), (match[1] or match[3] or "").strip()


def amount(text: str, dimension: Dimension, unit: str, bare: bool = True) -> int | float:
    """A number with its unit, as a number of `unit`; whole ones as such.

    bare: whether a number without a unit counts in `unit`. Raises ValueError that says what it must be.

    >>> from simulator.reading.units import CAPACITY, FREQUENCY
    >>> amount("512KiB", CAPACITY, "MiB"), amount("1GHz", FREQUENCY, "MHz"), amount("1e3", FREQUENCY, "MHz")
    (0.5, 1000, 1000)
    """
    shown = text.strip() if len(text.strip()) <= LONGEST else text.strip()[:LONGEST] + "..."
    parts = split(text)
    if parts is None:
        comma = "; a comma separates thousands, a point decimals" if _COMMA.fullmatch(shown) else ""
        raise ValueError(f"must be {_wanted(dimension, unit if bare else '')}, got {shown!r}{comma}")
    number, given = parts
    if not given and not bare:
        raise ValueError(f"must have a unit, such as {dimension.example}, got {shown!r}")
    known = unit_named(given, dimension) if given else unit
    if known is None:
        alike = [each for each in dimension.worth if each.lower() == given.lower()]
        why = f"capitals matter: {' or '.join(alike)}" if alike else f"units: {_units(dimension)}"
        raise ValueError(f"must be {_wanted(dimension, unit if bare else '')}, got {shown!r}; {why}")
    value = number * dimension.worth[known] / dimension.worth[unit]
    if value.denominator == 1 and abs(value) < 2**53:
        return int(value)
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"must be a finite number, got {shown!r}") from None


def amount_of_key(key: str, text: str) -> int | float | None:
    """The value of a key whose suffix names its unit; None for a text that is no amount: a bare number, a word, null.

    Raises ValueError for an amount of something else, or one that is not clear.

    >>> amount_of_key("sram.capacity_mib", "512KiB"), amount_of_key("x", "50%"), amount_of_key("dram.part", "ddr4-3200")
    (0.5, 0.5, None)
    """
    text = text.strip()
    parts = split(text)
    dimension, unit = unit_of_key(key)
    if parts is None:
        if (
            "\n" not in text
            and dimension is not SHARE
            and (text[:1] == "$" or (text[:1].isdigit() and len(text) <= LONGEST))
        ):
            return amount(text, dimension, unit)  # which says what is wrong with it
        return None
    if not parts[1]:
        return amount(text, dimension, unit) if "," in text else None
    if dimension is SHARE and parts[1] != "%":
        return None  # a word that begins with a digit
    return amount(text, dimension, unit)


def option_amount(option: str, text: str | None, dimension: Dimension, unit: str, bare: bool = True) -> float | None:
    """The amount of an option in `unit`; None where it is not given. Raises OptionError for anything but one above 0.

    >>> from simulator.reading.units import RATE
    >>> option_amount("--at-least", "30fps", RATE, "/s"), option_amount("--at-least", None, RATE, "/s")
    (30.0, None)
    """
    if text is None:
        return None
    try:
        return positive(text, dimension, unit, bare)
    except ValueError as error:
        raise OptionError(f"{option}: {error}") from None


def positive(text: str, dimension: Dimension, unit: str, bare: bool = True, zero: bool = False) -> float:
    """An amount above 0 in `unit`, of a size that the model's sums can take. zero: whether 0 is one too.

    Raises ValueError that says what it must be.
    """
    value, got = (
        float(amount(text, dimension, unit, bare)),
        f"such as {dimension.example}, got {text.strip()[:LONGEST]!r}",
    )
    if value == 0.0 and zero:
        return value
    if value <= 0.0:
        raise ValueError(f"must be {'0 or more' if zero else 'above 0'}, {got}")
    if not LEAST <= value <= MOST:
        raise ValueError(f"must be from {LEAST:g} to {MOST:g}, {got}")
    return value


def _wanted(dimension: Dimension, unit: str) -> str:
    """What an amount must be, with the unit of a bare number where there is one."""
    if dimension is SHARE:
        return "a number such as 0.5 or 50%"
    return f"{dimension.name} such as {dimension.example}" + (f" (a bare number: {unit})" if unit else "")


def _units(dimension: Dimension) -> str:
    """The units that an error names: at most ten."""
    return ", ".join(list(dimension.worth)[:10])
