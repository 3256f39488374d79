"""What a sweep varies: one axis from `KEY=A:B:xF`, `A:B:+S`, `A:B:/N`, `A:B` or `a,b,c`."""

import math
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pydantic import BaseModel

from simulator.chip.faults import keys, shown
from simulator.chip.schema import Architecture
from simulator.chip.yaml_places import read_yaml
from simulator.errors import ChipError, OptionError, argument, nearest
from simulator.reading.amounts import amount_of_key
from simulator.vocabulary import PRECISIONS

Value = int | float | bool | str

MOST_VALUES = 1_000_000
"""Of one axis written out; a million values of one key are a slip of the keyboard."""

LEAST, MOST = 1e-18, 1e18
"""Of a number, whatever its sign: no key has others, and sums and steps of these are exact enough to end."""

MOST_SHOWN = 60
"""Characters of a bad text."""

RESERVED = ("batch", "precision")
PARAMETER = "param."
"""What an axis of a network parameter begins with."""

SHORT = {name: PARAMETER + name for name in ("context", "prompt")}
"""Parameters of language models that may be named without it."""

_TEXTS = ("schema", "name", "aliases", "kind", "published", "sources")  # say what a chip is, not how fast it is


@dataclass(frozen=True)
class Axis:
    """One varied key: either the values it takes, or a range to draw from."""

    key: str
    values: tuple[Value, ...]
    """Empty for a range to draw from."""
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    """Draws are rounded to whole numbers."""

    @property
    def drawn(self) -> bool:
        """Whether values are drawn from the range."""
        return not self.values

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the plan of a folder."""
        if self.drawn:
            return {"key": self.key, "from": self.low, "to": self.high, "whole": self.whole}
        return {"key": self.key, "values": list(self.values)}

    def extremes(self) -> tuple[Value, ...]:
        """Values that stand for all of them where limits are checked: every one, or both ends of a range."""
        if not self.drawn:
            return self.values
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


@cache
def chip_keys() -> dict[str, bool]:
    """Dotted keys of a chip file that a sweep may vary -> whether they take whole numbers only."""
    found: dict[str, bool] = {}

    def walk(model: type[BaseModel], path: str) -> None:
        for name, below in keys(model).items():
            if below is not None:
                walk(below, f"{path}{name}.")
                continue
            kind = model.model_fields[name].annotation if name in model.model_fields else str
            if not path and name in _TEXTS:
                continue
            if _holds(kind, dict):
                found.update((f"{path}{name}.{word}", False) for word in PRECISIONS)
            elif not _holds(kind, tuple):
                found[path + name] = _holds(kind, int) and not _holds(kind, float)

    walk(Architecture, "")
    return found


def _holds(kind: Any, wanted: type) -> bool:
    """Whether an annotation, or any part of it, is the type `wanted`."""
    if kind is wanted or typing.get_origin(kind) is wanted:
        return True
    return typing.get_origin(kind) is not typing.Literal and any(
        _holds(part, wanted) for part in typing.get_args(kind) if not isinstance(part, str | int | float)
    )


def axis_of(key: str, what: Any, label: str, drawn: bool) -> Axis:
    """One axis.

    key: `batch`, `precision`, `param.NAME`, a word of SHORT, or a chip key. what: a text such as `1:64:x2` or `1,2,4`, or a
    sequence of values. label: begins the message of a fault. drawn: the design draws, so that `A:B` is a range.

    Raises OptionError for an unknown key (nearest names) and for a range that is empty, malformed or too long.
    """
    key = SHORT.get(key, key)
    whole = _check_key(key, label)
    if isinstance(what, str):
        axis = _ranged(key, what.strip(), label, whole, drawn) if _is_range(what) else None
        if axis is not None:
            return axis
        what = what.split(",")
    elif isinstance(what, int | float):
        what = [what]
    try:
        values = tuple(_scalar(value, label, key) if isinstance(value, str) else _plain(value, label) for value in what)
    except TypeError:
        raise OptionError(f"{label}: must be a text such as 1:64:x2 or a list of values, got {shown(what)}") from None
    if not values:
        raise OptionError(f"{label}: empty; must have at least one value")
    twice = (
        next((value for at, value in enumerate(values) if value in values[:at]), None) if len(values) < 1000 else None
    )
    if twice is not None:
        raise OptionError(f"{label}: must name each value once, got {shown(twice)} twice")
    return Axis(key, tuple(_whole(value, whole) for value in values))


def _check_key(key: str, label: str) -> bool:
    """Whether the key takes whole numbers only. Raises OptionError where there is no such key."""
    if key == "batch":
        return True
    if key in RESERVED or (key.startswith(PARAMETER) and len(key) > len(PARAMETER)):
        return False
    known = chip_keys()
    if key not in known:
        last = [name for name in known if name.rsplit(".", 1)[-1] == key]
        near = f"; did you mean {last[0]!r}?" if last else nearest(key, [*known, *RESERVED])
        if "; known" in near:
            near = "; must be batch, precision, param.NAME or a key of a chip file such as sram.capacity_mib"
        raise OptionError(f"{label}: {key!r} is not a chip parameter{near}")
    return known[key]


def _is_range(text: str) -> bool:
    """Whether a text is a range and not a list; names of memory parts have no colon."""
    return ":" in text


def _ranged(key: str, text: str, label: str, whole: bool, drawn: bool) -> Axis:
    """`A:B:xF`, `A:B:+S`, `A:B:/N`, or `A:B` in a design that draws."""
    parts = [part.strip() for part in text.split(":")]
    forms = "A:B:xF (times F), A:B:+S (plus S), A:B:/N (N values) or a,b,c"
    if len(parts) not in (2, 3) or not all(parts):
        raise OptionError(f"{label}: must be {forms}, got {_cut(text)}")
    low, high = _number(parts[0], label, key), _number(parts[1], label, key)
    if low > high:
        raise OptionError(f"{label}: empty range: must begin at or below its end, got {parts[0]} above {parts[1]}")
    if len(parts) == 2:
        if not drawn:
            raise OptionError(
                f"{label}: must have a step: {forms}; A:B alone is for {argument('design')} random:N or latin:N"
            )
        if low == high:
            return Axis(key, (_whole(low, whole),))
        return Axis(key, (), float(low), float(high), whole)
    sign, step = parts[2][0], parts[2][1:].strip()
    if sign not in "x*+/":
        raise OptionError(f"{label}: step must begin with x, + or /, got {_cut(parts[2])}")
    by = _number(step, label, key if sign == "+" else "")
    if sign == "/":
        values = _spread(low, high, by, label, whole)
    elif sign == "+":
        values = _added(low, high, by, label)
    else:
        values = _multiplied(low, high, by, label)
    return Axis(key, tuple(_whole(_short(value), whole) for value in values))


def _short(value: Value) -> Value:
    """0.1 + 2 x 0.1 as 0.3: twelve digits of what a range was computed to."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _added(low: float, high: float, by: float, label: str) -> list[Value]:
    """low, low + by, ... up to high; each from its own product, so that no rounding piles up."""
    if by <= 0:
        raise OptionError(f"{label}: step must be above 0, got +{by:g}")
    steps = (high - low) / by * (1 + 1e-12) + 1e-9
    _check_count(steps, label)
    count = math.floor(steps) + 1
    _check_count(count, label)
    return [low + at * by for at in range(count)]


def _multiplied(low: float, high: float, by: float, label: str) -> list[Value]:
    """low, low x by, ... up to high."""
    if low <= 0:
        raise OptionError(f"{label}: a range that is multiplied must begin above 0, got {low:g}")
    if by <= 1:
        raise OptionError(f"{label}: factor must be above 1, got x{by:g}")
    _check_count(math.log(high / low) / math.log(by), label)
    values: list[Value] = []
    value: float = low
    while value <= high * (1 + 1e-12):
        values.append(value)
        value = value * by
    return values


def _spread(low: float, high: float, count: float, label: str, whole: bool) -> list[Value]:
    """`count` values from low to high, in equal ratios where low is above 0; both ends as they were given."""
    if count != int(count) or count < 1:
        raise OptionError(f"{label}: number of values must be a whole number of at least 1, got {count:g}")
    _check_count(count, label)
    number = int(count)
    if number == 1 or low == high:
        return [low]
    inner = np.geomspace(low, high, number) if low > 0 else np.linspace(low, high, number)
    values = [low, *(float(value) for value in inner[1:-1]), high]
    if whole:
        return list(dict.fromkeys(round(value) for value in values))
    return list(values)


def _check_count(count: float, label: str) -> None:
    if count > MOST_VALUES:
        raise OptionError(f"{label}: must have at most {MOST_VALUES:,} values, got {count:,.0f}")


def _number(text: str, label: str, key: str) -> int | float:
    """One finite number of a range."""
    value = _scalar(text, label, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{label}: must be a number, got {_cut(text)}")
    if 0 < abs(value) < LEAST:  # steps of less would never come to an end
        raise OptionError(f"{label}: must be 0 or at least {LEAST:g}, got {value:g}")
    return value


def _cut(text: str) -> str:
    """A bad text as messages show it."""
    return repr(text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "...")


def _scalar(text: str, label: str, key: str) -> Value:
    """One value of a key: an amount with a unit (`512KiB`) in that of the key, else as a chip file would read it."""
    try:
        amount = amount_of_key(key.removeprefix(PARAMETER), text)
    except ValueError as error:
        raise OptionError(f"{label}: {error}") from None
    if amount is not None:
        return _plain(amount, label)
    try:
        data, _ = read_yaml(f"value: {text.strip()}", label)
    except ChipError:
        data = {}
    if data.keys() != {"value"} or data["value"] is None:
        raise OptionError(f"{label}: must be values such as 1,2,4, got {_cut(text)}")
    return _plain(data["value"], label)


def _plain(value: Any, label: str) -> Value:
    """A number, a word or a truth value; numpy's own numbers become Python's."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float | str):
        raise OptionError(f"{label}: must be a number or a word, got {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{label}: must be a finite number, got {value}")
    if isinstance(value, int | float) and abs(value) > MOST:
        raise OptionError(f"{label}: must be from {-MOST:g} to {MOST:g}, got {shown(value)}")
    return value


def _whole(value: Value, whole: bool) -> Value:
    """4.0 as 4 where the key takes whole numbers only."""
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value
