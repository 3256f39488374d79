"""Scatter plots on log axes with labels that do not collide. Labels come from strangers: write them with `page`."""

import textwrap
from collections.abc import Sequence
from typing import Any

from simulator.formats import in_words
from simulator.report.labels import Point, axes, place
from simulator.report.page import TITLE_WIDTH, data_of, joined, require_charts
from simulator.study.compare import KINDS, Comparison, Figure, Line
from simulator.study.ranking import Ranking

FEW = 16
"""Points that are all labelled; of more, those that no other beats."""

WIDTH, HEIGHT = 520, 400
"""Size of a panel [pixel]."""

PANELS = (
    ("batch_10", "bill_usd", None, "per USD of the bill"),
    ("batch_10", "price_usd", None, "per USD of list price"),
    ("batch_1", "peak_tops", "dram_devices", "per TOPS at batch 1"),
    ("batch_10", "peak_tops", "dram_devices", "per TOPS at batch 10+, against DRAM"),
    ("batch_10", "peak_tops", "sram_mb", "per TOPS at batch 10+, against SRAM"),
    ("batch_10", "power_w", "area_mm2", "per watt at batch 10+"),
)
"""Class, divisor across, divisor upwards (None: throughput itself), what is compared in words."""

_AXIS = {
    "peak_tops": "inferences/s per TOPS",
    "dram_devices": "inferences/s per DRAM",
    "sram_mb": "inferences/s per MB of SRAM",
    "price_usd": "inferences/s per USD of list price",
    "bill_usd": "inferences/s per USD of the bill",
    "power_w": "inferences/s per watt",
    "area_mm2": "inferences/s per mm2",
    None: "inferences/s",
}
COLOURS = {"published": "#0072B2", "simulated": "#E69F00", "mine": "#D55E00", "other": "#009E73"}
"""Colour of a point by what it is; `mine` is from a file of the user's."""


def compare_chart(found: Comparison) -> Any:
    """The plots of a comparison in two columns; a chip that misses a number is named under the plot.

    The chips that no other beats, and mine, have labels; a page (.html) shows the others when one points at them.
    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    panels = [_panel(alt, found.lines, *panel) for panel in PANELS]
    rows = [joined(alt.hconcat, *panels[i : i + 2], spacing=30) for i in range(0, len(panels), 2)]
    mine = ", red from your files" if any(line.mine for line in found.lines) else ""
    title = alt.TitleParams(
        f"{found.network}, {in_words(found.precision)}: blue published, orange simulated{mine}",
        anchor="start",
        fontSize=15,
    )
    chart = joined(alt.vconcat, *rows, spacing=24, title=title)
    return chart.configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def ranking_chart(order: Ranking) -> Any:
    """The same of a ranking, with the comparison that it has."""
    return compare_chart(order.found)


def _panel(alt: Any, lines: Sequence[Line], name: str, across: str, upward: str | None, words: str) -> Any:
    """One plot; its title says which chip is ahead across."""
    rows, without = [], []
    for line in lines:
        drawn = False
        for kind in KINDS:
            figure: Figure | None = getattr(line, kind)[name]
            x = line.per(figure, across)
            y = line.per(figure, upward) if upward is not None else figure and figure.throughput_per_s
            if x is not None and y is not None:
                rows.append({"label": line.chip, "kind": "mine" if line.mine else kind, "x": x, "y": y})
                drawn = True
        if not drawn and (line.published[name] is not None or line.simulated[name] is not None):
            without.append(line.chip)
    title = f"Throughput {words}: nothing is known"
    if rows:
        first = max(rows, key=lambda row: float(str(row["x"])))["label"]
        title = f"{first} gives most throughput {words}"
    subtitle = _folded(f"not shown, a number is missing: {few(without)}") if without else []
    return scatter_chart(alt, labelled(rows), _AXIS[across], _AXIS[upward], title, subtitle)


def labelled(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Points with the name of their chip as `of`; as label where no other point beats them in both, and where they are mine."""
    ahead = [not any(o["x"] >= row["x"] and o["y"] >= row["y"] and (o["x"], o["y"]) != (row["x"], row["y"]) for o in rows)
             for row in rows]  # fmt: skip
    crowded = len(rows) > FEW
    return [
        {**row, "of": row["label"], "label": row["label"] if first or row["kind"] == "mine" or not crowded else ""}
        for row, first in zip(rows, ahead, strict=True)
    ]


def few(names: Sequence[str], most: int = 10) -> str:
    """At most so many names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def scatter_chart(
    alt: Any, rows: Sequence[dict[str, Any]], across: str, upward: str, title: str, subtitle: Sequence[str] = ()
) -> Any:
    """Rows of {label, kind, x, y} on log axes, each labelled once where it is clear of the others."""
    heading = alt.TitleParams(textwrap.wrap(title, TITLE_WIDTH), subtitle=list(subtitle), anchor="start", fontSize=13)
    if not rows:
        empty = alt.Chart(data_of([{"text": "nothing to show"}])).mark_text(fontSize=13)
        return empty.encode(text=alt.Text("text:N")).properties(width=WIDTH, height=HEIGHT, title=heading)
    points = [Point(row["label"], row["x"], row["y"]) for row in rows]
    frame = axes(points, WIDTH, HEIGHT)
    shown = [
        {"of": row["label"], **row, "colour": COLOURS[row["kind"]], "at_x": label.x, "at_y": label.y}
        for row, label in zip(rows, place(points, frame), strict=True)
    ]
    base = alt.Chart(data_of(shown))

    def axis(channel: Any, name: str, limits: tuple[float, float], words: str) -> Any:
        scale = alt.Scale(type="log", domain=list(limits), nice=False)
        return channel(f"{name}:Q", scale=scale, title=words)

    x, y = axis(alt.X, "x", frame.x, across), axis(alt.Y, "y", frame.y, upward)
    colour = alt.Color("colour:N", scale=None)
    lines = base.mark_rule(color="#bbbbbb", strokeWidth=0.8).encode(x=x, y=y, x2=alt.X2("at_x:Q"), y2=alt.Y2("at_y:Q"))
    tips = [
        alt.Tooltip("of:N", title="chip"), alt.Tooltip("kind:N"),
        alt.Tooltip("x:Q", title=across, format=",.4~g"), alt.Tooltip("y:Q", title=upward, format=",.4~g"),
    ]  # fmt: skip
    dots = base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
    # A white rim keeps a label readable on its own line and on the grid.
    texts = [
        base.mark_text(fontSize=11, **style).encode(
            x=axis(alt.X, "at_x", frame.x, across), y=axis(alt.Y, "at_y", frame.y, upward), text=alt.Text("label:N")
        )
        for style in ({"stroke": "white", "strokeWidth": 3}, {"color": "#222222"})
    ]
    return joined(alt.layer, lines, dots, *texts).properties(width=WIDTH, height=HEIGHT, title=heading)


def _folded(text: str, width: int = 84) -> list[str]:
    """Lines of at most `width` characters, cut at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
