"""Line charts with a logarithmic axis and labels on the lines. Text in them comes from strangers: write them with `page`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from simulator.report.page import LABELS_APART, data_of, joined

WIDTH, HEIGHT = 380, 230
"""Size of a panel [pixel]."""

LETTER, LINE_OF_TEXT = 6.0, 13.0
"""Room of a letter and of a line of a label [pixel]."""

MODEL, OTHER, PUBLISHED, MARK = "#0072B2", "#999999", "#D55E00", "#CC79A7"
"""Colours of the model, of what it is compared with, of published figures, and of a threshold (Okabe and Ito)."""


@dataclass(frozen=True)
class Line:
    """One line: its points where both values are known, with a name at its right end."""

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: str = MODEL
    dashed: bool = False
    dots: bool = False
    """Draw the points too."""
    above: bool = True
    """The name stands above the line, else below."""
    named: Literal["before its end", "at its start", "beyond its end"] = "before its end"
    """Where the name stands; beyond the end only where there is room, else at the start."""


@dataclass(frozen=True)
class Panel:
    """One chart: lines, single points with labels, and places marked on either axis."""

    title: str
    across: str
    upward: str
    lines: Sequence[Line]
    spots: Sequence[tuple[float, float, str]] = ()
    """(across, upward, label) of single points."""
    marks_across: Sequence[tuple[float, str]] = ()
    """Upright rules with a label."""
    marks_upward: Sequence[tuple[float, str]] = ()
    """Level rules with a label."""
    ticks: Sequence[float] = field(default_factory=tuple)
    """Values labelled on the axis across; empty: as the chart library likes."""
    tick_format: str = ""
    """Of the labels of `ticks`, as the chart library writes formats."""
    log_upward: bool = False
    subtitle: str = ""


def draw(alt: Any, panel: Panel) -> Any:
    """A panel with a logarithmic axis across, which begins and ends with its lines."""
    known = [(x, y) for line in panel.lines for x, y in line.points if y is not None]
    under = {"subtitle": panel.subtitle, "subtitleFontSize": 10} if panel.subtitle else {}
    heading = alt.TitleParams(panel.title, anchor="start", fontSize=13, **under)
    if not known:
        empty = alt.Chart(data_of([{"text": "nothing to show"}])).mark_text(fontSize=13)
        return empty.encode(text=alt.Text("text:N")).properties(width=WIDTH, height=HEIGHT, title=heading)
    x, y = _axes(alt, panel, known)
    layers = [_rules(alt, panel, x, y)] if panel.marks_across or panel.marks_upward else []
    places = _places(panel, x, y)
    layers += [part for line, place in zip(panel.lines, places, strict=True) for part in _line(alt, line, place, x, y)]
    if panel.spots:
        layers += _spots(alt, panel, x, y, max(value for _, value in known))
    return joined(alt.layer, *layers).properties(width=WIDTH, height=HEIGHT, title=heading)


def _axes(alt: Any, panel: Panel, known: Sequence[tuple[float, float]]) -> tuple[Any, Any]:
    """Both axes, a little beyond all there is to show."""
    across = [x for x, _ in known] + [x for x, _, _ in panel.spots] + [x for x, _ in panel.marks_across]
    upward = [y for _, y in known] + [y for _, y, _ in panel.spots] + [y for y, _ in panel.marks_upward]
    low, high = min(across), max(across)
    if low == high:
        low, high = low / 2.0, high * 2.0
    apart: dict[str, Any] = {"labelFlush": False, "labelSeparation": LABELS_APART}
    ticks = {"values": list(panel.ticks), **apart} if panel.ticks else apart
    x = alt.X(
        "x:Q", title=panel.across, scale=alt.Scale(type="log", base=2, domain=[low, high], nice=False),
        axis=alt.Axis(format=panel.tick_format if panel.ticks else "~r", grid=False, **ticks),
    )  # fmt: skip
    if panel.log_upward:
        bottom = min(value for value in upward if value > 0.0)
        scale = alt.Scale(type="log", domain=[bottom / 1.6, max(upward) * 1.6], nice=False)
    else:
        scale = alt.Scale(domain=[0.0, max(upward) * 1.15 or 1.0], nice=False)
    look = alt.Axis(format=",~f", tickCount=4 if panel.log_upward else 6, grid=not panel.log_upward)
    return x, alt.Y("y:Q", title=panel.upward, scale=scale, axis=look)


class _Place(NamedTuple):
    """Where the name of a line stands: at which of its points, and how far from it [pixel]."""

    at: tuple[float, float]
    align: str
    dx: float
    dy: float


def _places(panel: Panel, x: Any, y: Any) -> list[_Place | None]:
    """A place for the name of each line, further down where it would lie on another name; None for a line without."""
    found: list[_Place | None] = []
    for line in panel.lines:
        known = [(across, up) for across, up in line.points if up is not None]
        if not known or not line.name:
            found.append(None)
        elif line.named == "beyond its end" and LETTER * len(line.name) + 8.0 < _pixel(x, known[-1][0], WIDTH):
            found.append(_Place(known[-1], "left", 8.0, 0.0))
        elif line.named == "before its end":
            found.append(_Place(known[-1], "right", 0.0, -9.0 if line.above else 12.0))
        else:
            found.append(_Place(known[0], "left", 4.0, -9.0 if line.above else 12.0))
    return _apart(found, [line.name for line in panel.lines], x, y)


def _apart(places: list[_Place | None], names: Sequence[str], x: Any, y: Any) -> list[_Place | None]:
    """The same places, from the top down, each moved below the names that it would lie on."""
    found, taken = list(places), list[tuple[float, float, float]]()
    middles = [(_pixel(y, at.at[1], HEIGHT) + at.dy, number) for number, at in enumerate(places) if at is not None]
    for first, number in sorted(middles):
        place, middle = places[number], first
        if place is None:
            continue
        width = LETTER * len(names[number])
        left = WIDTH - _pixel(x, place.at[0], WIDTH) + place.dx - (width if place.align == "right" else 0.0)
        for begin, end, at in taken:
            if begin < left + width and left < end and middle < at + LINE_OF_TEXT:
                middle = at + LINE_OF_TEXT
        taken.append((left, left + width, middle))
        found[number] = place._replace(dy=place.dy + middle - first)
    return found


def _pixel(axis: Any, value: float, length: float) -> float:
    """Pixels from the far end of an axis of some length; `axis` has its scale and domain."""
    low, high = (float(end) for end in axis["scale"]["domain"])
    if getattr(axis["scale"], "type", None) == "log":
        low, high, value = math.log(low), math.log(high), math.log(value)
    return length * (high - value) / (high - low)


def _line(alt: Any, line: Line, place: _Place | None, x: Any, y: Any) -> list[Any]:
    """A line, broken where a value is not known, and its name."""
    rows = [{"x": across, "y": up, "run": run} for across, up, run in _runs(line.points)]
    if not rows:
        return []
    base = alt.Chart(data_of(rows)).encode(x=x, y=y, detail=alt.Detail("run:N"))
    style = {"strokeDash": [5, 4]} if line.dashed else {}
    layers = [base.mark_line(color=line.colour, strokeWidth=2, **style)]
    if line.dots or len(rows) == 1:
        layers.append(base.mark_point(filled=True, size=35, color=line.colour, opacity=1))
    if place is not None:
        end = alt.Chart(data_of([{"x": place.at[0], "y": place.at[1], "text": line.name}])).encode(x=x, y=y)
        layers += _text(alt, end, "text:N", line.colour, align=place.align, dx=place.dx, dy=place.dy)
    return layers


def _spots(alt: Any, panel: Panel, x: Any, y: Any, top: float) -> list[Any]:
    """Single points, their labels pushed down where they would lie on each other; `top` is the highest of the lines."""
    full = 1.15 * max(top, *(up for _, up, _ in panel.spots))
    low: dict[float, float] = {}
    dots: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for across, up, text in sorted(panel.spots, key=lambda spot: -spot[1]):
        dots.append({"x": across, "y": up})
        if text:
            at = up if panel.log_upward else max(0.0, min(up, low.get(across, full) - 13.0 / HEIGHT * full))
            low[across] = at
            labels.append({"x": across, "y": at, "text": text})
    shown = alt.Chart(data_of(dots)).encode(x=x, y=y)
    style = {"filled": True, "shape": "diamond", "size": 60, "color": PUBLISHED, "opacity": 1}
    layers = [shown.mark_point(**style)]
    for late, side in ((False, {"align": "left", "dx": 8}), (True, {"align": "right", "dx": -8})):
        named = [row for row in labels if _late(x, row["x"]) == late]
        if named:
            layers += _text(alt, alt.Chart(data_of(named)).encode(x=x, y=y), "text:N", PUBLISHED, **side, dy=0)
    return layers


def _late(x: Any, at: float) -> bool:
    """Whether a label beside this place goes to its left: there is little room to its right."""
    low, high = x["scale"]["domain"]
    return math.log(at / low) > 0.6 * math.log(high / low)


def _runs(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float, int]]:
    """Points with the number of the unbroken stretch they belong to."""
    found, run = [], 0
    for x, y in points:
        if y is None:
            run += 1
        else:
            found.append((x, y, run))
    return found


def _rules(alt: Any, panel: Panel, x: Any, y: Any) -> Any:
    """Thin lines across the panel, each with its label."""
    layers = []
    style = {"color": MARK, "strokeWidth": 1.2, "strokeDash": [2, 3]}
    for number, (at, text) in enumerate(panel.marks_across):
        base = alt.Chart(data_of([{"x": at, "text": text}])).encode(x=x)
        layers.append(base.mark_rule(**style))
        side = {"align": "right", "dx": -4} if _late(x, at) else {"align": "left", "dx": 4}
        layers += _text(alt, base.encode(y=alt.YValue(8 + 14 * number)), "text:N", MARK, **side, dy=0)
    for at, text in panel.marks_upward:
        base = alt.Chart(data_of([{"y": at, "text": text}])).encode(y=y)
        layers.append(base.mark_rule(**style))
        layers += _text(alt, base.encode(x=alt.XValue(4)), "text:N", MARK, align="left", dx=0, dy=-7)
    return joined(alt.layer, *layers)


def _text(alt: Any, base: Any, field_name: str, colour: str, **style: Any) -> list[Any]:
    """A label with a white rim, which keeps it readable on lines."""
    rim = {"stroke": "white", "strokeWidth": 3}
    return [
        base.mark_text(fontSize=11, **style, **look).encode(text=alt.Text(field_name))
        for look in (rim, {"color": colour})
    ]
