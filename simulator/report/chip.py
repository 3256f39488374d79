"""A chip as it stands in its file: what it is in a line, its roofs, and a picture of them."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.chip.schema import Architecture
from simulator.report import format as fmt
from simulator.report.page import LABELS_APART, data_of, require_charts
from simulator.report.rows import chip_rows
from simulator.report.tables import ChipFacts, machine_words

WIDTH, HEIGHT = 420, 240
"""Of the picture [pixel]."""

BEYOND = 8.0
"""The picture begins so far below the leftmost corner of the roofs, and ends so far above the rightmost."""


def chip_report(chip: Architecture) -> Group:
    """What the chip is, its peak in each number format, and what else the model reads of it."""
    rows = chip_rows(chip)
    best = max((row["peak_tops"] for row in rows), default=0.0)
    head = f"{chip.name}: {machine_words(best, ChipFacts.of(chip))}"
    sections: list[RenderableType] = [Text(head, style="bold"), Text(), _facts(chip)]
    if rows:
        sections += [Text(), Text("Roofs, by number format of the operands", style="bold"), _roofs(rows)]
    return Group(*sections)


def _facts(chip: Architecture) -> Table:
    """What else is known."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    known = {
        "Kind": chip.kind,
        "Process": None if chip.process_nm is None else f"{chip.process_nm:g} nm",
        "Cores": None if chip.cores == 1 else str(chip.cores),
        "Power limit": None if chip.power_limit_w is None else f"{fmt.figure(chip.power_limit_w)} W",
        "List price": None if chip.list_price_usd is None else f"{fmt.figure(chip.list_price_usd)} USD",
        "Die, published": None if chip.published_die_mm2 is None else f"{fmt.figure(chip.published_die_mm2)} mm2",
        "Variants": ", ".join(chip.variants) or None,
    }
    for name, value in known.items():
        if value is not None:
            grid.add_row(name, Text(value))
    return grid


def _roofs(rows: list[dict[str, Any]]) -> Table:
    """One row a number format."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, heading in enumerate(("format", "TOPS", "MACs a cycle", "operations a byte to reach it")):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        figures = (row["peak_tops"], row["macs_per_cycle"], row["ridge_operations_per_byte"])
        table.add_row(row["format"], *(fmt.figure(value) for value in figures))
    return table


def chip_chart(chip: Architecture) -> Any:
    """The roofs of the chip, one for each number format.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    rows = chip_rows(chip)
    ridges = [row["ridge_operations_per_byte"] or 1.0 for row in rows] or [1.0]
    low, high = min(ridges) / BEYOND, max(ridges) * BEYOND
    points = []
    for row in rows:
        peak, ridge = row["peak_tops"], row["ridge_operations_per_byte"]
        corners = [(ridge, peak), (high, peak)] if ridge else [(low, peak), (high, peak)]
        corners = [(low, peak * low / ridge), *corners] if ridge else corners
        points += [{"x": x, "y": y, "format": row["format"]} for x, y in corners]
    title = alt.TitleParams(f"Roofs of {chip.name}", anchor="start", fontSize=13)
    across = alt.X(
        "x:Q", title="operations per byte of the outer memory", scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(labelSeparation=LABELS_APART),
    )  # fmt: skip
    upward = alt.Y("y:Q", title="TOPS", scale=alt.Scale(type="log", nice=False))
    colour = alt.Color("format:N", title="format", sort=[row["format"] for row in rows])
    line = alt.Chart(data_of(points)).mark_line(strokeWidth=2).encode(x=across, y=upward, color=colour)
    return line.properties(width=WIDTH, height=HEIGHT, title=title).configure(padding=12)
