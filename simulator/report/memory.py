"""The map of SRAM against DRAM as tables, with what it says in words."""

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.study.memory import MemoryMap, MemoryPoint
from simulator.study.memory_edges import NEAR, Exchange, Threshold
from simulator.units import MIB

MOST_COLUMNS = 12
"""SRAM sizes of a table; of more, every second is shown, the chip's own among them."""

SHOWN: tuple[tuple[str, str, Callable[[MemoryPoint], float | None]], ...] = (
    ("throughput_per_s", "Throughput, inferences a second", lambda point: point.throughput_per_s),
    ("bill_usd", "Bill of materials, USD", lambda point: point.bill_usd),
    ("throughput_per_usd", "Throughput per USD", lambda point: point.throughput_per_usd),
)
"""The three maps: name, title, value."""


def memory_report(found: MemoryMap) -> Group:
    """Put the answer together for a terminal: what it says, then the maps, the exchange, and the traffic."""
    sections: list[RenderableType] = [Text(subject(found), style="bold"), Text()]
    sections += [Text(line) for line in memory_lines(found)]
    shown = [one for one in SHOWN if any(one[2](point) is not None for point in found.points)]
    for _, words, value in shown:
        sections += [Text(), _map(found, words, value)]
    sections += [Text(), Text(_legend(found), style="dim")]
    if len(found.thresholds) > 1:
        sections += [Text(), _thresholds(found.thresholds)]
    if found.exchanges:
        sections += [Text(), _exchanges(found)]
    sections += [Text(), _traffic(found)]
    gaps = gap_lines(found)
    told = {point.reason for point in found.points}
    sections += [Text(f"Note: {note}") for note in (*gaps, *(note for note in found.notes if note not in told))]
    return Group(*sections)


def subject(found: MemoryMap) -> str:
    """What was run on what, as a title."""
    batch = f", batch {found.batch}" if found.batch > 1 else ""
    changes = f" with {', '.join(found.changes)}" if found.changes else ""
    return f"{found.subject} on {found.chip}{changes}, {in_words(found.precision)}{batch}"


def memory_lines(found: MemoryMap) -> list[str]:
    """What it says, in words."""
    lines, own = [], found.own
    with_dram = f" with {devices(found.dram_devices)}" if found.dram_devices else ""
    if own is not None:
        lines.append(
            f"SRAM above {mib(own.nothing_above_mib)} buys nothing for this network{with_dram}: "
            f"{fmt.significant(own.most_per_s)} per second. {100 * NEAR:.0f} % of it takes {mib(own.nearly_mib)}; the chip has "
            f"{mib(found.sram_mib)}."
        )
        if own.needs_mib > found.sizes_mib[0]:
            lines.append(f"With less than {mib(own.needs_mib)} it does not run.")
    else:
        lines += _of_the_map(found)
    lines += [_exchange_line(one) for one in found.exchanges if one.dram_devices == found.dram_devices]
    best = found.best
    if best is not None:
        size = f"{mib(best.sram_mib)} and {devices(best.dram_devices)}" if best.dram_devices else mib(best.sram_mib)
        lines.append(
            f"Most throughput per dollar of the map: {size}, {fmt.significant(best.throughput_per_s)} per second for "
            f"{fmt.significant(best.bill_usd, 3)} USD."
        )
    if found.least_traffic_mib is not None:
        lines.append(f"Traffic can fall no further above {mib(found.least_traffic_mib)}.")
    return lines


def _of_the_map(found: MemoryMap) -> list[str]:
    """What SRAM and what more DRAM give in the map, where no thresholds are told."""
    known = [(point.throughput_per_s, point) for point in found.points if point.throughput_per_s is not None]
    here = [(rate, point.sram_mib) for rate, point in known if point.dram_devices == found.dram_devices]
    if not here:
        return []
    (low, _), (high, _) = min(here), max(here)
    enough = mib(min(size for rate, size in here if fmt.significant(rate) == fmt.significant(high)))
    sizes = f"{mib(min(size for _, size in here))} to {mib(max(size for _, size in here))} of SRAM"
    with_dram = f" with {devices(found.dram_devices)}" if found.dram_devices else ""
    if fmt.significant(low) == fmt.significant(high):
        lines = [f"{sizes} give the same{with_dram}: {fmt.significant(high)} per second."]
    else:
        rates = f"{fmt.significant(low)} to {fmt.significant(high)} per second"
        lines = [f"{sizes} give {rates}{with_dram}, the most from {enough} on."]
    most, at = max(known, key=lambda pair: pair[0])
    if at.dram_devices != found.dram_devices and fmt.significant(most) != fmt.significant(high):
        lines.append(f"The most of the map is {fmt.significant(most)} per second, with {devices(at.dram_devices)}.")
    return lines


def _exchange_line(one: Exchange) -> str:
    """What the next DRAM buys, as a sentence."""
    more = one.more_devices - one.dram_devices
    what = "Another DRAM" if more == 1 else f"{more} more DRAMs"
    if one.cheaper == "neither":
        return f"{what} would buy nothing at this SRAM."
    gain = f"{what} (+{fmt.share(one.gain)})"
    if one.worth_mib is None:
        bill = f", for {fmt.significant(one.dram_usd, 3)} USD" if one.dram_usd is not None else ""
        return f"{gain} brings what no SRAM does{bill}."
    text = f"{gain} buys as much as {mib(one.worth_mib)} of SRAM"
    if one.dram_usd is None or one.sram_usd is None:
        return f"{text}."
    costs = f"{fmt.significant(one.dram_usd, 3)} USD against {fmt.significant(one.sram_usd, 3)} USD for the SRAM"
    return f"{text}: {costs}, memory interfaces and balls included."


def mib(size: float) -> str:
    """An SRAM size with its unit."""
    return fmt.mebibytes(size * MIB)


def devices(count: int) -> str:
    """A number of DRAM devices in words."""
    return "1 DRAM" if count == 1 else f"{count} DRAMs"


def _map(found: MemoryMap, title: str, value: Callable[[MemoryPoint], float | None]) -> Table:
    """One map: a row for each number of devices, a column for each SRAM."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False,
        header_style="dim",
    )  # fmt: skip
    table.add_column("DRAMs" if found.dram_devices else "", no_wrap=True, justify="right")
    sizes = columns_of(found)
    for size in sizes:
        table.add_column(heading(size), justify="right", no_wrap=True)
    for count in reversed(found.devices):
        cells = [_cell(found, found.at(size, count), value) for size in sizes]
        table.add_row(Text(str(count) if count else "none"), *cells)
    return table


def heading(size_mib: float) -> str:
    """An SRAM size as a heading: three digits."""
    return fmt.figure(float(f"{size_mib:.3g}"))


def columns_of(found: MemoryMap) -> list[float]:
    """SRAM sizes of the tables."""
    sizes = list(found.sizes_mib)
    while len(sizes) > MOST_COLUMNS:
        start = sizes.index(found.sram_mib) % 2 if found.sram_mib in sizes else 0
        sizes = sizes[start::2]
    return sizes


def _cell(found: MemoryMap, point: MemoryPoint | None, value: Callable[[MemoryPoint], float | None]) -> Text:
    """A value; starred where it is on the cheapest way, in bold where it is the chip itself."""
    number = None if point is None else value(point)
    if point is None or number is None:
        return Text("-")
    own = (point.sram_mib, point.dram_devices) == (found.sram_mib, found.dram_devices)
    text = fmt.significant(number, 3) + ("*" if point.cheapest else " ")
    return Text(f">{text}" if own else text, style="bold" if own else "")


def _legend(found: MemoryMap) -> str:
    """Say what the marks are."""
    axes = "Across: SRAM in MiB (2**20 bytes)" + (f"; down: {found.dram_part} devices" if found.dram_part else "")
    priced = any(point.cheapest for point in found.points)
    return (
        f"{axes}. > the chip as it is. "
        + ("* no other gives as much for less. " if priced else "")
        + "- see the notes."
    )


def gap_lines(found: MemoryMap) -> list[str]:
    """Why some points have no value, each reason once with how many points it holds for."""
    reasons: dict[str, int] = {}
    for point in found.points:
        if point.reason is not None:
            # Points that do not run name their own size; one line stands for all.
            reason = point.reason if point.throughput_per_s is not None else point.reason.split(", got ")[0]
            reasons[reason] = reasons.get(reason, 0) + 1
    return [f"{count} of {len(found.points)} points: {reason}" for reason, count in reasons.items()]


def _table(title: str, headings: Sequence[str]) -> Table:
    """An empty table of numbers in the one style."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False,
        header_style="dim",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _thresholds(rows: Sequence[Threshold]) -> Table:
    """Where SRAM ends to buy throughput."""
    table = _table(
        "SRAM that is enough", ("DRAMs", "most per second", f"{100 * NEAR:.0f} % of it from", "all of it from")
    )
    for row in rows:
        table.add_row(
            str(row.dram_devices) if row.dram_devices else "none", fmt.significant(row.most_per_s), mib(row.nearly_mib),
            mib(row.nothing_above_mib),
        )  # fmt: skip
    return table


def _exchanges(found: MemoryMap) -> Table:
    """What more DRAM is worth in SRAM."""
    headings = ("DRAMs", "gain", "as much as", "DRAM USD", "SRAM USD", "the money buys")
    table = _table(f"More DRAM, or more SRAM? At {mib(found.sram_mib)}", headings)
    table.add_column("cheaper", no_wrap=True)
    for row in found.exchanges:
        table.add_row(
            f"{row.dram_devices} to {row.more_devices}", "none" if row.cheaper == "neither" else f"+{fmt.share(row.gain)}",
            "no SRAM" if row.worth_mib is None else f"+{mib(row.worth_mib)}", fmt.significant(row.dram_usd, 3),
            fmt.significant(row.sram_usd, 3), "-" if row.money_mib is None else f"+{mib(row.money_mib)}", row.cheaper or "-",
        )  # fmt: skip
    return table


def _traffic(found: MemoryMap) -> Table:
    """Traffic against SRAM, of an item; every second size."""
    outer = "DRAM" if found.dram_devices else "Host"
    title = f"{outer} traffic, MB (1e6 bytes) per item"
    table = _table(title, ("SRAM MiB", "fastest schedule", "fewest bytes", "lower bound"))
    for row in found.traffic[:: 2 if len(found.traffic) > MOST_COLUMNS else 1]:
        cells = (row.dram_bytes, row.least_bytes, row.bound_bytes)
        values = (fmt.significant(None if cell is None else cell / found.batch / 1e6, 3) for cell in cells)
        table.add_row(fmt.significant(row.sram_mib, 3), *values)
    return table
