"""The report of a comparison under uncertainty: who wins how often, what turns it, and its picture."""

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.page import data_of, joined, require_charts
from simulator.study.uncertainties import FIGURES, Influence, Side, Uncertainty

WIDTH, ROW, HIGH = 440, 24, 130

A_BETTER, B_BETTER, AT_LOW, AT_HIGH = "#0072B2", "#D55E00", "#E69F00", "#56B4E9"

LEAST_SWING = 0.005
"""A smaller change of the ratio is none in the picture. [-]"""


def uncertainty_report(found: Uncertainty) -> Group:
    """Put the answer together for a terminal."""
    words = FIGURES[found.by][0]
    head = Text(f"{found.network}, batch {found.batch:,}, {in_words(found.precision)}: {words}", style="bold")
    names = Text(f"A  {label(found.a)}\nB  {label(found.b)}")
    sections: list[list[RenderableType]] = [[head, names], [_sides(found)], [Text(line) for line in verdicts(found)]]
    sections.append([Text("One assumption at a time, the others at their best", style="bold"), _table(found)])
    if found.notes:
        sections.append([Text(f"Note: {note}") for note in found.notes])
    spaced = [part for section in sections for part in (*section, Text(""))]
    return Group(*spaced[:-1])


def label(side: Side) -> str:
    """A chip and its changes."""
    return ", ".join((side.chip, *side.changes))


def verdicts(found: Uncertainty) -> list[str]:
    """Who wins how often, and what turns it, a line each."""
    return [
        f"A beats B in {found.a_beats_b:,} of {found.draws:,} draws ({100.0 * found.share:.1f} %).",
        _turned(found),
    ]


def _turned(found: Uncertainty) -> str:
    """Which assumption alone turns the order."""
    inside = [one for one in found.influences if one.turns_within]
    if inside:
        each = "; ".join(f"{one.words} at {_value(one, one.turns_at)}" for one in inside)
        return f"Turned by one assumption alone, inside its range: {each}."
    line = "No assumption alone turns it inside its range"
    near = [one for one in found.influences if one.turns_at is not None]
    if not near:
        return f"{line}, nor within six standard deviations."
    nearest = min(near, key=lambda one: abs(math.log(one.turns_at or 1.0)) / math.log(one.high))
    return (
        f"{line}. Nearest to it: {nearest.words}, at {_value(nearest, nearest.turns_at)}"
        f" (range {_value(nearest, nearest.low, False)} to {_value(nearest, nearest.high)})."
    )


def _value(one: Influence, factor: float | None, unit: bool = True) -> str:
    """An assumption at a factor, in its unit where it has one."""
    if factor is None:
        return "-"
    if one.best is None:
        return f"x{fmt.significant(factor, 3)}"
    text = fmt.significant(one.best * factor, 3)
    return f"{text} {one.unit}" if unit else text


def _sides(found: Uncertainty) -> Table:
    """Both figures and their ratio, best and range."""
    _, unit, more = FIGURES[found.by]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("best estimate", "90 % of draws"):
        table.add_column(name, justify="right", no_wrap=True)
    scale = 1e-3 if found.by == "latency_s" else 1.0
    unit = "ms" if found.by == "latency_s" else unit
    for name, side in (("A", found.a), ("B", found.b)):
        low, best, high = (fmt.significant(value / scale, 3) for value in (side.low, side.best, side.high))
        table.add_row(f"{name}, {unit}", best, f"{low} to {high}")
    low, best, high = (fmt.significant(value, 3) for value in (found.ratio_low, found.ratio, found.ratio_high))
    table.add_row("A / B" if more else "B / A", best, f"{low} to {high}", style="bold")
    return table


def _table(found: Uncertainty) -> Table:
    """One row an assumption."""
    ratio = "A / B" if FIGURES[found.by][2] else "B / A"
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("90 % range", justify="right", no_wrap=True)
    for name in (f"{ratio} at low", "at high", "turns at", "of the spread"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.influences:
        turn = _value(one, one.turns_at)
        table.add_row(
            Text(one.words),
            f"{_value(one, one.low, False)} to {_value(one, one.high)}",
            fmt.significant(one.ratio_low, 3),
            fmt.significant(one.ratio_high, 3),
            turn if one.turns_within or one.turns_at is None else f"({turn})",
            f"{100.0 * one.share:.0f} %",
        )
    return table


def uncertainty_chart(found: Uncertainty) -> Any:
    """How often A wins, as a histogram of the ratio, and below it what moves the ratio, as a tornado on the same axis.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    words, _, more = FIGURES[found.by]
    ratio = f"{words} of A over that of B" if more else f"{words} of B over that of A"
    shown = [one for one in found.influences if abs(math.log(one.ratio_high / one.ratio_low)) >= LEAST_SWING]
    edges, counts = found.histogram["edges"], found.histogram["count"]
    most = max(counts)
    bars = [  # the thin ends of the draws only make the picture wide
        {"from": edges[at], "to": edges[at + 1], "count": count, "better": math.sqrt(edges[at] * edges[at + 1]) > 1.0}
        for at, count in enumerate(counts)
        if count >= most / 400.0
    ]
    ends = [row[end] for row in bars for end in ("from", "to")]
    ends += [value for one in shown for value in (one.ratio_low, one.ratio_high)] + [0.97, 1.03]
    scale = alt.Scale(type="log", domain=[min(ends), max(ends)], nice=False)
    axis = alt.Axis(values=_ticks(min(ends), max(ends)), format="~g", grid=False)
    panels = [_histogram(alt, found, bars, scale, axis)]
    if shown:
        panels.append(_tornado(alt, found, shown, scale, axis, "A over B" if more else "B over A"))
    title = alt.TitleParams(
        f"A beats B in {found.a_beats_b:,} of {found.draws:,} draws",
        subtitle=[
            f"{found.network}, batch {found.batch:,}, {in_words(found.precision)}: {ratio}; right of 1 A is better",
            f"A: {label(found.a)}", f"B: {label(found.b)}",
        ],
        anchor="start", fontSize=15, offset=12, limit=720,
    )  # fmt: skip
    return joined(alt.vconcat, *panels, spacing=14, title=title).configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(labelFontSize=11)
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round ratios on a logarithmic axis, 1 always among them."""
    marks = [step * 10.0**power for power in range(-4, 5) for step in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)]
    if high / low < 2.5:
        marks += [0.6, 0.8, 0.9, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8]
    return sorted({round(mark, 6) for mark in marks if low <= mark <= high})


def _histogram(alt: Any, found: Uncertainty, bars: list[dict[str, Any]], scale: Any, axis: Any) -> Any:
    """Draws by their ratio, on either side of 1."""
    rows = [{**row, "colour": A_BETTER if row["better"] else B_BETTER} for row in bars]
    heights = alt.Scale(domain=[0, 1.2 * max(row["count"] for row in rows)], nice=False)  # room for the words
    marks = (
        alt.Chart(data_of(rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("from:Q", scale=scale, title=None, axis=axis),
            x2=alt.X2("to:Q"),
            y=alt.Y("count:Q", title="draws", scale=heights, axis=alt.Axis(tickCount=3, grid=False)),
            y2=alt.datum(0),
            color=alt.Color("colour:N", scale=None),
        )
    )
    line = alt.Chart(data_of([{"at": 1.0}])).mark_rule(color="#333333").encode(x=alt.X("at:Q", scale=scale))
    sides = (
        (4, "left", "B", found.b_beats_a, B_BETTER),
        (WIDTH - 4, "right", "A", found.a_beats_b, A_BETTER),
    )
    layers = [marks, line]
    for at, align, name, wins, colour in sides:
        if not wins:
            continue
        text = f"{name} better: {100.0 * wins / found.draws:.1f} %"
        layers.append(
            alt.Chart(data_of([{"text": text}]))
            .mark_text(align=align, fontSize=12, fontWeight="bold", color=colour)
            .encode(x=alt.XValue(at), y=alt.YValue(8), text=alt.Text("text:N"))
        )
    return joined(alt.layer, *layers).properties(width=WIDTH, height=HIGH)


def _tornado(alt: Any, found: Uncertainty, shown: list[Influence], scale: Any, axis: Any, ratio: str) -> Any:
    """One bar an assumption: the ratio at both ends of its range, the others at their best."""
    rows = []
    for one in shown:
        name = f"{one.words}: {_value(one, one.low, False)} to {_value(one, one.high)}"
        rows.append({"part": name, "from": found.ratio, "to": one.ratio_low, "colour": AT_LOW})
        rows.append({"part": name, "from": found.ratio, "to": one.ratio_high, "colour": AT_HIGH})
    order = list(dict.fromkeys(row["part"] for row in rows))
    bars = (
        alt.Chart(data_of(rows))
        .mark_bar(height=ROW - 9, opacity=0.9)
        .encode(
            y=alt.Y(
                "part:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=400, grid=False)
            ),
            x=alt.X(
                "from:Q",
                scale=scale,
                axis=axis,
                title=f"{ratio}, one assumption at the low (orange) or high (blue) end of its range",
            ),
            x2=alt.X2("to:Q"),
            color=alt.Color("colour:N", scale=None),
        )
    )
    lines = [
        alt.Chart(data_of([{"at": at}])).mark_rule(color=colour, strokeDash=dash).encode(x=alt.X("at:Q", scale=scale))
        for at, colour, dash in ((1.0, "#333333", [1, 0]), (found.ratio, "#888888", [3, 3]))
    ]
    return joined(alt.layer, bars, *lines).properties(width=WIDTH, height=ROW * len(order))
