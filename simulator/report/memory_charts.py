"""The map of SRAM against DRAM as a picture: three maps, the exchange, and the traffic."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from simulator.report.cells import Axis, Cell, cells_map
from simulator.report.curves import MARK, MODEL, OTHER, PUBLISHED, Line, Panel, draw
from simulator.report.memory import SHOWN, gap_lines, heading, memory_lines, mib, subject
from simulator.report.page import joined, require_charts
from simulator.study.memory import MemoryMap, MemoryPoint

TICKS = ".3~r"
"""SRAM sizes on an axis: three digits, no zeros at the end."""

FRAMES = {
    "cheapest": {"strokeWidth": 1.5, "stroke": PUBLISHED},
    "own": {"strokeWidth": 2.5, "stroke": "#000000"},
}
"""How points of a map are framed."""

LINES = (MODEL, "#E69F00", "#009E73", "#882255", "#56B4E9", "#332288")
"""Colours of the numbers of devices (Okabe and Ito; Tol)."""


def memory_chart(found: MemoryMap) -> Any:
    """Throughput, bill and throughput per dollar as maps, what a DRAM is worth in SRAM, and traffic against SRAM.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    shown = [one for one in SHOWN if any(one[2](point) is not None for point in found.points)]
    maps = [_map(alt, found, words, value, name == "bill_usd") for name, words, value in shown]
    panels = [draw(alt, panel) for panel in (_exchange(found), _traffic(found)) if panel is not None]
    title = alt.TitleParams(
        f"SRAM against DRAM: {subject(found)}",
        subtitle=[*memory_lines(found), *gap_lines(found)], anchor="start", fontSize=15, offset=12,
    )  # fmt: skip
    columns = joined(alt.vconcat, *maps, spacing=14), joined(alt.vconcat, *panels, spacing=20)
    chart = joined(alt.hconcat, *columns, spacing=40, title=title)
    return chart.resolve_scale(color="independent").configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def _map(
    alt: Any, found: MemoryMap, title: str, value: Callable[[MemoryPoint], float | None], dear: bool
) -> Any:  # fmt: skip
    """One map, darker where there is more, of a bill less."""
    own = (found.sram_mib, found.dram_devices)
    cells = [
        Cell(heading(point.sram_mib), point.dram_devices, value(point), frozenset(
            mark for mark, is_so in (
                ("own", (point.sram_mib, point.dram_devices) == own), ("cheapest", point.cheapest),
            ) if is_so
        ))
        for point in found.points
    ]  # fmt: skip
    under = {} if title != SHOWN[0][1] else {"subtitle": _marks(found), "subtitleFontSize": 10}
    title_of = alt.TitleParams(title, anchor="start", fontSize=13, **under)
    across = Axis(len(found.sizes_mib), "SRAM, MiB")
    upward = Axis(len(found.devices), "DRAM devices" if found.dram_devices else None)
    return cells_map(alt, cells, across, upward, title_of, dear, FRAMES)


def _marks(found: MemoryMap) -> str:
    """What the frames mean."""
    path = "; orange: no other gives as much for less" if any(point.cheapest for point in found.points) else ""
    gaps = "; -: see above" if any(point.reason for point in found.points) else ""
    return f"black frame: the chip as it is{path}{gaps}"


def _exchange(found: MemoryMap) -> Panel | None:
    """SRAM that one more step of DRAM is worth, against the SRAM there is; and how much SRAM its dollars buy."""
    steps = sorted({(row["dram_devices"], row["more_devices"]) for row in found.frontier})
    lines = []
    for number, (fewer, more) in enumerate(steps):
        rows = [row for row in found.frontier if row["dram_devices"] == fewer]
        points = [(row["sram_mib"] or 0.0, row["worth_mib"]) for row in rows]
        if any(y is not None for _, y in points):
            name = f"{fewer:.0f} to {more:.0f} DRAMs"
            lines.append(Line(name, points, colour=LINES[number % len(LINES)], dots=True, named="beyond its end"))
    if not lines:
        return None
    own = [row for row in found.frontier if row["dram_devices"] == found.dram_devices]
    money = [(row["sram_mib"] or 0.0, row["money_mib"]) for row in own or found.frontier[: len(found.sizes_mib)]]
    lines.append(Line("its dollars buy", money, colour=MARK, dashed=True, named="at its start"))
    title = "What one more DRAM is worth in SRAM" if _one_by_one(found) else "What more DRAM is worth in SRAM"
    return Panel(
        title, "SRAM there is, MiB", "MiB of SRAM", lines,
        ticks=_ticks(found), tick_format=TICKS, log_upward=True,
        subtitle="below the dashed line the SRAM costs less, above it the DRAM (its interfaces and balls included)",
    )  # fmt: skip


def _one_by_one(found: MemoryMap) -> bool:
    """Whether the numbers of devices follow each other."""
    return all(more - fewer == 1 for fewer, more in pairwise(found.devices))


def _traffic(found: MemoryMap) -> Panel:
    """Traffic against SRAM with its lower bound."""

    def line(name: str, field: str, **style: Any) -> Line:
        values = [(row.sram_mib, getattr(row, field)) for row in found.traffic]
        return Line(
            name, [(x, None if y is None else y / found.batch / 1e6) for x, y in values], named="at its start", **style
        )

    marks = [(found.sram_mib, f"chip: {mib(found.sram_mib)}")]
    own = found.own
    if own is not None and found.traffic[0].sram_mib <= own.nothing_above_mib <= found.traffic[-1].sram_mib:
        marks.append((own.nothing_above_mib, f"above {mib(own.nothing_above_mib)} no faster"))
    return Panel(
        f"{'DRAM' if found.dram_devices else 'Host'} traffic against SRAM", "SRAM, MiB", "MB (1e6 bytes) per item",
        [
            line("lower bound", "bound_bytes", colour=OTHER, dashed=True, above=False),
            line("fewest bytes", "least_bytes", colour="#009E73", above=False),
            line("fastest schedule", "dram_bytes"),
        ],
        marks_across=marks, ticks=_ticks(found), tick_format=TICKS,
    )  # fmt: skip


def _ticks(found: MemoryMap) -> list[float]:
    """Labels of an SRAM axis: every second size of the map."""
    start = found.sizes_mib.index(found.sram_mib) % 2 if found.sram_mib in found.sizes_mib else 0
    return list(found.sizes_mib[start::2])
