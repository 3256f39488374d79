"""Scatter plots on log axes with labels that do not collide. Labels come from strangers: write them with `page`."""

from collections.abc import Sequence
from typing import Any

from simulator.report.labels import Point, axes, place
from simulator.report.page import require_charts
from simulator.study.compare import Comparison, Figure, Line

WIDTH, HEIGHT = 520, 400
"""Size of a panel [pixel]."""

PANELS = (
    ("batch_1", "peak_tops", "dram_devices", "Batch 1: throughput per TOPS and per DRAM"),
    ("batch_10", "peak_tops", "dram_devices", "Batch 10+: throughput per TOPS and per DRAM"),
    ("batch_10", "peak_tops", "sram_mb", "Batch 10+: throughput per TOPS and per MB of SRAM"),
    ("batch_10", "price_usd", None, "Batch 10+: throughput per USD of list price, and throughput"),
)
"""Class, divisor across, divisor upwards (None: throughput itself), title."""

_AXIS = {
    "peak_tops": "inferences/s per TOPS",
    "dram_devices": "inferences/s per DRAM",
    "sram_mb": "inferences/s per MB of SRAM",
    "price_usd": "inferences/s per USD",
    None: "inferences/s",
}
_COLOURS = {"published": "#0072B2", "simulated": "#E69F00"}


def compare_chart(found: Comparison) -> Any:
    """The four plots of a comparison in two columns; a chip that misses a number is named under the plot.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    panels = [_panel(alt, found.lines, *panel) for panel in PANELS]
    rows = [alt.hconcat(*panels[i : i + 2], spacing=30) for i in (0, 2)]
    title = alt.TitleParams(
        f"{found.network}, {found.precision}: blue published, orange simulated", anchor="start", fontSize=15
    )
    chart = alt.vconcat(*rows, spacing=24, title=title)
    return chart.configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def _panel(alt: Any, lines: Sequence[Line], name: str, across: str, upward: str | None, title: str) -> Any:
    """One plot."""
    rows, without = [], []
    for line in lines:
        drawn = False
        for kind in _COLOURS:
            figure: Figure | None = getattr(line, kind)[name]
            x = line.per(figure, across)
            y = line.per(figure, upward) if upward is not None else figure and figure.throughput_per_s
            if x is not None and y is not None:
                rows.append({"label": line.chip, "kind": kind, "x": x, "y": y})
                drawn = True
        if not drawn and (line.published[name] is not None or line.simulated[name] is not None):
            without.append(line.chip)
    subtitle = _folded(f"not shown, a number is missing: {', '.join(without)}") if without else []
    return scatter(alt, rows, _AXIS[across], _AXIS[upward], title, subtitle)


def scatter(
    alt: Any, rows: Sequence[dict[str, Any]], across: str, upward: str, title: str, subtitle: Sequence[str] = ()
) -> Any:
    """Rows of {label, kind, x, y} on log axes, each labelled once where it is clear of the others."""
    heading = alt.TitleParams(title, subtitle=list(subtitle), anchor="start", fontSize=13)
    if not rows:
        empty = alt.Chart(alt.Data(values=[{"text": "nothing to show"}])).mark_text(fontSize=13)
        return empty.encode(text="text:N").properties(width=WIDTH, height=HEIGHT, title=heading)
    points = [Point(row["label"], row["x"], row["y"]) for row in rows]
    frame = axes(points, WIDTH, HEIGHT)
    shown = [
        {**row, "colour": _COLOURS.get(row["kind"], "#009E73"), "at_x": label.x, "at_y": label.y}
        for row, label in zip(rows, place(points, frame), strict=True)
    ]
    base = alt.Chart(alt.Data(values=shown))

    def axis(channel: Any, name: str, limits: tuple[float, float], words: str) -> Any:
        scale = alt.Scale(type="log", domain=list(limits), nice=False)
        return channel(f"{name}:Q", scale=scale, title=words)

    x, y = axis(alt.X, "x", frame.x, across), axis(alt.Y, "y", frame.y, upward)
    colour = alt.Color("colour:N", scale=None)
    lines = base.mark_rule(color="#bbbbbb", strokeWidth=0.8).encode(x=x, y=y, x2="at_x:Q", y2="at_y:Q")
    dots = base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour)
    # A white rim keeps a label readable on its own line and on the grid.
    texts = [
        base.mark_text(fontSize=11, **style).encode(
            x=axis(alt.X, "at_x", frame.x, across), y=axis(alt.Y, "at_y", frame.y, upward), text="label:N"
        )
        for style in ({"stroke": "white", "strokeWidth": 3}, {"color": "#222222"})
    ]
    return alt.layer(lines, dots, *texts).properties(width=WIDTH, height=HEIGHT, title=heading)


def _folded(text: str, width: int = 84) -> list[str]:
    """Lines of at most `width` characters, cut at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
