"""Units that people write, what each is worth, and which of them a key takes: its suffix says so (`clock_mhz`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Worth = Mapping[str, int | Fraction]

_MILLI, _MICRO, _NANO, _PICO = (Fraction(1, 10**power) for power in (3, 6, 9, 12))
_BYTES: Worth = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_MEMORY_BITS: dict[str, int | Fraction] = {
    "Mb": Fraction(2**20, 8), "Gb": Fraction(2**30, 8), "Mbit": Fraction(2**20, 8), "Gbit": Fraction(2**30, 8),
}  # fmt: skip
"""As makers of memories count: an 8 Gb part is 1 GiB."""
_BITS: dict[str, int | Fraction] = {
    "kbit/s": Fraction(10**3, 8), "Mbit/s": Fraction(10**6, 8), "Gbit/s": Fraction(10**9, 8),
    "Mb/s": Fraction(10**6, 8), "Gb/s": Fraction(10**9, 8), "Mbps": Fraction(10**6, 8), "Gbps": Fraction(10**9, 8),
}  # fmt: skip


@dataclass(frozen=True)
class Dimension:
    """What an amount may be an amount of."""

    name: str
    """With its article: messages say that an amount must be it."""
    worth: Worth
    """Unit -> its value in the first one, which is 1."""
    example: str


_RATES: dict[str, int | Fraction] = {
    "/s": 1,
    "k/s": 10**3,
    "M/s": 10**6,
    "/min": Fraction(1, 60),
    "/h": Fraction(1, 3600),
}
_RATES |= dict.fromkeys(
    ("fps", "ips", "qps", "images/s", "frames/s", "inferences/s", "items/s", "queries/s", "tokens/s", "tok/s"), 1
)
_SECONDS: Worth = {"s": 1, "ms": _MILLI, "us": _MICRO, "µs": _MICRO, "μs": _MICRO, "ns": _NANO, "min": 60, "h": 3600}

RATE = Dimension("a rate", _RATES, "1000/s")
TIME = Dimension("a time", _SECONDS, "5ms")
POWER = Dimension("a power", {"W": 1, "mW": _MILLI, "uW": _MICRO, "kW": 10**3, "MW": 10**6}, "10W")
MONEY = Dimension("an amount of money", {"USD": 1, "$": 1, "US$": 1, "kUSD": 10**3}, "25USD")
FREQUENCY = Dimension("a frequency", {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}, "1GHz")
CAPACITY = Dimension("a capacity", {**_BYTES, **_MEMORY_BITS}, "512KiB")
BANDWIDTH = Dimension(
    "a bandwidth",
    {f"{unit}/s": worth for unit, worth in _BYTES.items()} | _BITS | {"MBps": 10**6, "GBps": 10**9},
    "25.6GB/s",
)
TRANSFERS = Dimension("a rate of transfers", {"T/s": 1, "MT/s": 10**6, "GT/s": 10**9}, "3200MT/s")
BYTES_A_CYCLE = Dimension(
    "bytes a cycle", {"B/cycle": 1, "KiB/cycle": 2**10, "bytes/cycle": 1, "bit/cycle": Fraction(1, 8)}, "128B/cycle"
)
CYCLES = Dimension("a number of cycles", {"cycles": 1, "cycle": 1}, "100")
LENGTH = Dimension("a length", {"m": 1, "mm": _MILLI, "um": _MICRO, "µm": _MICRO, "nm": _NANO}, "7nm")
AREA = Dimension("an area", {"mm2": 1, "mm²": 1, "cm2": 100, "um2": _MICRO}, "120mm2")
ENERGY = Dimension("an energy", {"J": 1, "mJ": _MILLI, "uJ": _MICRO, "nJ": _NANO, "pJ": _PICO, "MJ": 10**6}, "5mJ")
OPERATIONS = Dimension(
    "a peak", {"OPS": 1, "GOPS": 10**9, "TOPS": 10**12, "GFLOPS": 10**9, "TFLOPS": 10**12, "POPS": 10**15}, "8TOPS"
)
SHARE = Dimension("a number", {"": 1, "%": Fraction(1, 100)}, "0.5")
"""Of a key without a unit: a bare number, or a share of a hundred."""

_SUFFIXES: Mapping[str, tuple[Dimension, str]] = {
    "per_s": (RATE, "/s"),
    "gb_per_s": (BANDWIDTH, "GB/s"), "gb_s": (BANDWIDTH, "GB/s"), "gib_s": (BANDWIDTH, "GiB/s"),
    "bytes_per_s": (BANDWIDTH, "B/s"), "bytes_per_cycle": (BYTES_A_CYCLE, "B/cycle"), "mt_per_s": (TRANSFERS, "MT/s"),
    "cycles": (CYCLES, "cycles"),
    "hz": (FREQUENCY, "Hz"), "mhz": (FREQUENCY, "MHz"), "ghz": (FREQUENCY, "GHz"),
    "s": (TIME, "s"), "ms": (TIME, "ms"), "us": (TIME, "us"), "ns": (TIME, "ns"),
    "w": (POWER, "W"), "mw": (POWER, "mW"), "usd": (MONEY, "USD"),
    "bytes": (CAPACITY, "B"), "kib": (CAPACITY, "KiB"), "mib": (CAPACITY, "MiB"), "gib": (CAPACITY, "GiB"),
    "kb": (CAPACITY, "kB"), "mb": (CAPACITY, "MB"), "gb": (CAPACITY, "GB"),
    "nm": (LENGTH, "nm"), "mm": (LENGTH, "mm"), "mm2": (AREA, "mm2"),
    "j": (ENERGY, "J"), "mj": (ENERGY, "mJ"), "pj": (ENERGY, "pJ"), "tops": (OPERATIONS, "TOPS"),
}  # fmt: skip


def unit_of_key(key: str) -> tuple[Dimension, str]:
    """What a key of a chip file, a column or a parameter takes, and the unit of its bare numbers.

    >>> [unit_of_key(key)[1] for key in ("clock_mhz", "dram.gb_per_s_per_device", "throughput_per_usd", "array.rows")]
    ['MHz', 'GB/s', '', '']
    """
    words = key.rpartition(".")[2].removesuffix("_per_device").split("_")
    for count in (3, 2, 1):
        # A name that is a suffix and no more says nothing (`s`); throughput per watt is no power.
        suffix, before = "_".join(words[-count:]), words[:-count]
        if suffix in _SUFFIXES and (before or "_" in suffix) and (not before or before[-1] != "per"):
            return _SUFFIXES[suffix]
    return SHARE, ""


def unit_named(text: str, dimension: Dimension) -> str | None:
    """The unit that a text means: as it is spelled, else with other capitals where that is no other unit; None if none.

    >>> unit_named("ghz", FREQUENCY), unit_named("gb/s", BANDWIDTH), unit_named("Kib", CAPACITY)
    ('GHz', None, 'KiB')
    """
    if text in dimension.worth:
        return text
    alike = [unit for unit in dimension.worth if unit.lower() == text.lower()]
    return alike[0] if len({dimension.worth[unit] for unit in alike}) == 1 else None
