"""Reading of amounts with units: 1000/s, 5ms, 10W, $25."""

import math
import re
from collections.abc import Mapping

from simulator.errors import OptionError, nearest

RATES = {"/s": 1.0, "k/s": 1e3, "/min": 1.0 / 60.0, "": 1.0}
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
POWERS = {"W": 1.0, "mW": 1e-3, "kW": 1e3, "": 1.0}
MONEY = {"USD": 1.0, "$": 1.0, "": 1.0}
"""Units by what they are worth in those of the model (1/s, s, W, USD); an empty one is for a bare number."""

LEAST, MOST = 1e-15, 1e15
"""Amounts beyond these are slips, and the model's sums may overflow. [1/s, s, W, USD]"""

_AMOUNT = re.compile(
    r"(\$?)\s*([0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?)\s*([A-Za-z/$]*)", re.IGNORECASE
)


def amount(option: str, text: str | None, units: Mapping[str, float], example: str) -> float | None:
    """A number with its unit, in the model's units; None where the option is not given.

    Raises OptionError for anything but a number above 0 and one of `units`.

    >>> amount("--latency", "5ms", TIMES, "5ms"), amount("--max-cost", "$25", MONEY, "25"), amount("--x", None, RATES, "")
    (0.005, 25.0, None)
    """
    if text is None:
        return None
    match = _AMOUNT.fullmatch(text.strip().replace(",", ""))
    if match is None or len(text) > 40 or (match[1] and (match[3] or "$" not in units)):
        raise OptionError(f"{option}: must be a number above 0 with its unit, such as {example}, got {text[:40]!r}")
    unit = match[1] or match[3]
    if unit not in units:
        known = ", ".join(name for name in units if name)
        what = nearest(unit, [name for name in units if name]) if unit else f"; one of {known}"
        raise OptionError(f"{option}: {'unknown unit ' + repr(unit) if unit else 'must have a unit'}{what}")
    value = float(match[2]) * units[unit]
    if not 0.0 < value < math.inf:
        raise OptionError(f"{option}: must be a number above 0, such as {example}, got {text[:40]!r}")
    if not LEAST <= value <= MOST:
        raise OptionError(f"{option}: must be from {LEAST:g} to {MOST:g}, such as {example}, got {text[:40]!r}")
    return value
