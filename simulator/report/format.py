"""Numbers as a person reads them: few digits, the unit always named, GB (1e9) never mixed up with GiB (2**30)."""

import math
from collections.abc import Mapping

from simulator.units import GIB, KIB, MIB

RESIDUE = 1e-9
"""Share of a whole below which a part is what rounding left of it, and is not shown."""

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def significant(value: float | None, digits: int = 4) -> str:
    """Round to `digits` significant digits but never before the point, thousands separated; `-` for what is unknown.

    >>> significant(1234567.4), significant(12.3456), significant(0.00123456)
    ('1,234,567', '12.35', '0.001235')
    """
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    return f"{value:,.{decimals(value, digits)}f}"


def decimals(value: float, digits: int = 4) -> int:
    """Count the decimals that give `value` this many significant digits; a column takes those of its largest number.

    >>> decimals(7.64), decimals(1234.5), decimals(9.99996)
    (3, 0, 2)
    """
    if not (value and math.isfinite(value)):
        return 0
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(abs(value), places)  # 9.99996 becomes 10.00: the places are counted again
    return min(max(digits - 1 - math.floor(math.log10(rounded)), 0), 12)


def fixed(value: float | None, places: int) -> str:
    """Render with a fixed number of decimals, so that a column lines up on its points.

    >>> fixed(1234.5678, 2), fixed(None, 2)
    ('1,234.57', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{value:,.{places}f}"


def figure(value: float | None) -> str:
    """Render a figure of a data sheet: four digits at least, no zeros at the end.

    >>> figure(933.0), figure(17.0656), figure(7.2), figure(1230.4)
    ('933', '17.07', '7.2', '1,230')
    """
    text = significant(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def parts(whole: Mapping[str, float]) -> dict[str, float]:
    """Return the parts of a whole that are more than rounding.

    >>> parts({"ideal_s": 1.0, "dram_s": 1e-17, "sram_s": 0.0})
    {'ideal_s': 1.0}
    """
    least = RESIDUE * sum(whole.values())
    return {name: value for name, value in whole.items() if value > least}


def time(seconds: float | None) -> str:
    """Render a time with the unit that suits it.

    >>> time(0.00812345)
    '8.123 ms'
    """
    if seconds is None or not seconds > 0:
        return "-" if seconds is None or math.isnan(seconds) else "0 s"
    scale, unit = time_unit(seconds)
    return f"{significant(seconds / scale)} {unit}"


def time_unit(seconds: float) -> tuple[float, str]:
    """Return the unit in which `seconds` reads best, as (seconds in one unit, its name)."""
    return next(((scale, unit) for scale, unit in _TIMES if seconds >= 0.9995 * scale), _TIMES[-1])


def share(fraction: float | None) -> str:
    """Render a fraction as a percentage of three digits.

    >>> share(0.5234), share(0.0000004)
    ('52.3 %', '<0.01 %')
    """
    if fraction is None or math.isnan(fraction):
        return "-"
    if 0 < fraction < 0.0001:
        return "<0.01 %"
    return f"{significant(100 * fraction, 3 if fraction >= 0.01 else 2)} %"


def percent(fraction: float) -> str:
    """Render a fraction with one decimal, for columns.

    >>> percent(0.5), percent(1.0)
    ('50.0 %', '100.0 %')
    """
    return f"{100 * fraction:.1f} %"


def signed_percent(fraction: float) -> str:
    """Render a change as a percentage with its sign and one decimal, for columns.

    >>> signed_percent(0.5), signed_percent(-0.0123)
    ('+50.0 %', '-1.2 %')
    """
    return f"{100 * fraction:+.1f} %"


def change(fraction: float) -> str:
    """Render a change as a percentage with its sign and two digits, never cut before the point.

    >>> change(1.1), change(-0.0123), change(0.0)
    ('+110 %', '-1.2 %', '0 %')
    """
    sign = "+" if fraction > 0 else "-" if fraction < 0 else ""
    return f"{sign}{significant(100 * abs(fraction), 2)} %"


def megabytes(count: float | None) -> str:
    """Render bytes in MB of 1e6 bytes, as traffic is given.

    >>> megabytes(25_500_000)
    '25.50 MB'
    """
    return "-" if count is None else f"{significant(count / 1e6)} MB"


def mebibytes(count: float | None) -> str:
    """Render bytes in MiB of 2**20 bytes, as memory capacity is given; below a tenth of one in KiB of 2**10.

    >>> mebibytes(8 * 2**20), mebibytes(1048)
    ('8 MiB', '1.023 KiB')
    """
    if count is None:
        return "-"
    return f"{figure(count / MIB)} MiB" if count >= 0.1 * MIB or count == 0 else f"{figure(count / KIB)} KiB"


def binary(count: float | None) -> str:
    """Render bytes in GiB of 2**30 bytes, below one of them as `mebibytes`.

    >>> binary(4 * 2**30), binary(2**29)
    ('4 GiB', '512 MiB')
    """
    return mebibytes(count) if count is None or count < GIB else f"{figure(count / GIB)} GiB"


def rate(bytes_per_s: float | None) -> str:
    """Render a bandwidth in GB/s of 1e9 bytes.

    >>> rate(17.064e9)
    '17.06 GB/s'
    """
    return "-" if bytes_per_s is None else f"{figure(bytes_per_s / 1e9)} GB/s"


def bar(fraction: float, width: int, ascii_only: bool = False) -> str:
    """Draw a bar of at most `width` characters, in eighths of a character where the terminal has them.

    >>> bar(0.5, 8), bar(0.5, 8, ascii_only=True), bar(0.0625, 8)
    ('████', '####', '▌')
    """
    if not fraction > 0:
        return ""
    eighths = max(1, round(min(fraction, 1.0) * width * 8))
    if ascii_only:
        return "#" * max(1, round(eighths / 8))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]
