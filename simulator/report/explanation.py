"""The report of a difference between two chips: both beside each other, the causes, the layers; and its picture."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.operators import rows_alike
from simulator.report.page import data_of, joined, require_charts
from simulator.study.explaining import Explanation, Side
from simulator.vocabulary import CAUSES, ROOF_NAMES

FACTORS = {
    "macs_executed": "MACs executed (Winograd)",
    "mac_units": "MACs a cycle",
    "clock": "clock",
}
"""What the difference in multiplying consists of."""

MOST_LAYERS = 8
"""Layers shown; all of them are in the JSON."""

TITLE_WIDTH = 80
"""Letters of a line of the picture's title."""

WIDTH, ROW = 460, 22
SLOWER, FASTER, WHOLE = "#D55E00", "#0072B2", "#555555"

_SHOWN = 2e-3  # share of the longer time below which a cause is not worth a bar


def explain_report(found: Explanation, ascii_only: bool = False) -> Group:
    """Put the explanation together for a terminal. `ascii_only` draws bars of `#`."""
    names = Text(f"A  {found.a.label}\nB  {found.b.label}")
    sections: list[list[RenderableType]] = [
        [Text(verdict(found), style="bold"), Text(_title(found)), names],
        [_sides(found)],
        [_parts(found, ascii_only)],
    ]
    if rows := _alike(found):
        sections.append([Text("Layers that differ most in latency", style="bold"), _layers(found, rows[:MOST_LAYERS])])
        if len(rows) > MOST_LAYERS:
            sections[-1].append(Text(f"and {len(rows) - MOST_LAYERS} more, in --json", style="dim"))
    spaced = [part for section in sections for part in (*section, Text(""))]
    return Group(*spaced[:-1])


def _title(found: Explanation) -> str:
    """What was asked."""
    return f"{found.subject}, batch {found.batch:,}, {in_words(found.precision)}: from A to B"


def verdict(found: Explanation) -> str:
    """One line: which is faster, by how much, and what does it most."""
    what = "a batch in steady state" if found.of == "period" else "the latency"
    a, b = found.a.time_s, found.b.time_s
    if abs(found.difference_s) <= 1e-9 * max(a, b):
        return f"No difference: {what} takes {fmt.time(a)} on both."
    slower = b > a
    factor = max(a, b) / min(a, b)
    times = f"{factor:.3g} times" if factor >= 1.1 else f"by {100 * (factor - 1):.2g} %"
    return (
        f"B is {times} {'slower' if slower else 'faster'}: {what} takes {fmt.time(b)} instead of {fmt.time(a)}. "
        f"Most of it: {_main(found)}."
    )


def answer_lines(found: Explanation) -> list[str]:
    """The same with the names of the chips, for who has no table beside it."""
    line, a, b = verdict(found), found.a.label, found.b.label
    if a == b or not line.startswith("B is "):
        return [line]
    return [line.replace("B is ", f"{b} (B) is ", 1).replace(":", f" than {a} (A):", 1)]


def _main(found: Explanation) -> str:
    """The cause that pushes most in the direction of the difference."""
    sign = 1.0 if found.difference_s > 0 else -1.0
    name, seconds = max(steps(found), key=lambda step: sign * step[1])
    return f"{name} ({_signed(seconds)})"


def steps(found: Explanation) -> list[tuple[str, float]]:
    """(cause in words, seconds of the difference), in the order of the waterfall, multiplying split; they sum to it."""
    out: list[tuple[str, float]] = []
    for part in found.parts:
        if part.cause == "ideal_s" and found.ideal is not None:
            out += [(f"multiplying: {FACTORS[name]}", seconds) for name, seconds in found.ideal.items()]
        else:
            out.append((CAUSES[part.cause], part.difference_s))
    return out


def _signed(seconds: float) -> str:
    """A difference with its sign and the unit that suits it."""
    return ("+" if seconds >= 0 else "-") + fmt.time(abs(seconds))


def _change(value: float, places: int) -> str:
    """A change with its sign; 0 where there is none."""
    return f"{value:+,.{places}f}" if round(value, places) else "0"


def _sides(found: Explanation) -> Table:
    """Both chips, one property a line."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("A", "B"):
        table.add_column(name, justify="right", no_wrap=True)
    rows: list[tuple[str, Callable[[Side], str]]] = [
        ("throughput, 1/s", lambda side: fmt.significant(side.throughput_per_s)),
        ("latency", lambda side: fmt.time(side.latency_s)),
        ("peak TOPS", lambda side: fmt.significant(side.peak_tops, 3)),
        ("MAC units", lambda side: f"{side.mac_units:,}"),
        ("clock, MHz", lambda side: fmt.figure(side.clock_hz / 1e6)),
        ("SRAM", lambda side: fmt.mebibytes(side.sram_bytes)),
        ("outer memory", _memory),
        ("its traffic per inference", lambda side: fmt.megabytes(side.dram_bytes / found.batch)),
        ("utilisation", lambda side: fmt.share(side.utilisation)),
        ("bound by", lambda side: ROOF_NAMES.get(side.bound_by, side.bound_by)),
    ]
    for name, text in rows:
        table.add_row(name, *(Text(text(side)) for side in (found.a, found.b)))
    return table


def _memory(side: Side) -> str:
    """Kind and bandwidth of the outer memory."""
    kind = f"{side.dram_devices} DRAM" if side.dram_devices else "host link"
    return kind if side.outer_bytes_per_s is None else f"{kind}, {fmt.rate(side.outer_bytes_per_s)}"


def _parts(found: Explanation, ascii_only: bool) -> Table:
    """One row a cause; the parts of multiplying below it."""
    longest = max(found.a.time_s, found.b.time_s)
    scale, unit = fmt.time_unit(longest)
    places = fmt.decimals(longest / scale)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for heading in (f"A {unit}", f"B {unit}", "B - A"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)

    def row(name: str, a_s: float | None, b_s: float | None, difference_s: float, style: str = "") -> None:
        cells = [fmt.fixed(None if value is None else value / scale, places) for value in (a_s, b_s)]
        bar = fmt.bar(abs(difference_s) / longest, 30, ascii_only)
        colour = "red" if difference_s > 0 else "green"
        table.add_row(Text(name), *cells, _change(difference_s / scale, places), Text(bar, style=colour), style=style)

    for part in found.parts:
        row(CAUSES[part.cause], part.a_s, part.b_s, part.difference_s)
        if part.cause == "ideal_s" and found.ideal is not None:
            for name, seconds in found.ideal.items():
                if abs(seconds) > fmt.RESIDUE * longest:
                    row(f"  of it {FACTORS[name]}", None, None, seconds, "dim")
    row("total", found.a.time_s, found.b.time_s, found.difference_s, "bold")
    return table


def _alike(found: Explanation) -> list[list[str]]:
    """Layers that differ, the most first, as cells; those of a decoder that differ by the same are one row."""
    rows = [row for row in found.layers if row.difference_s != 0.0]
    if not rows:
        return []
    scale, places = _unit(found)[0], _unit(found)[2]
    return rows_alike(
        [
            [
                row.name, fmt.fixed(row.a_s / scale, places), fmt.fixed(row.b_s / scale, places),
                _change(row.difference_s / scale, places), CAUSES[row.cause],
            ]
            for row in rows
        ],
        " (each)",
    )  # fmt: skip


def _unit(found: Explanation) -> tuple[float, str, int]:
    """In what times of layers are told: its seconds, its name, and decimals."""
    longest = max(max(row.a_s, row.b_s) for row in found.layers[:MOST_LAYERS])
    scale, unit = fmt.time_unit(longest)
    return scale, unit, fmt.decimals(longest / scale)


def _layers(found: Explanation, rows: Sequence[Sequence[str]]) -> Table:
    """The layers that differ most; of some that are alike what each takes."""
    unit = _unit(found)[1]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    for heading in (f"A {unit}", f"B {unit}", "B - A"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("mostly", no_wrap=True)
    for name, *cells in rows:
        table.add_row(Text(name), *cells)
    return table


def explain_chart(found: Explanation) -> Any:
    """The way from the time of A to that of B: each cause begins where the one above it ends.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    longest = max(found.a.time_s, found.b.time_s)
    scale, unit = fmt.time_unit(longest)
    places = fmt.decimals(longest / scale)
    bars = _bars(found, longest, scale, places)
    order = [bar["part"] for bar in bars]
    right = max(max(bar["from"], bar["to"]) for bar in bars)
    base = alt.Chart(data_of(bars)).encode(
        y=alt.Y("part:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=360))
    )
    what = "Time of a batch in steady state" if found.of == "period" else "Latency of a batch"
    x_scale = alt.Scale(domain=[0, right * 1.15], nice=False)
    marks = base.mark_bar(height=ROW - 8).encode(
        x=alt.X("from:Q", scale=x_scale, title=f"{what}, {unit}"),
        x2=alt.X2("to:Q"),
        color=alt.Color("colour:N", scale=None),
    )
    labels = base.mark_text(align="left", dx=6, fontSize=11).encode(x=alt.X("label_at:Q"), text=alt.Text("text:N"))
    title = alt.TitleParams(
        textwrap.wrap(verdict(found), TITLE_WIDTH),
        subtitle=[_title(found), f"A: {found.a.label}", f"B: {found.b.label}"],
        anchor="start", fontSize=15, offset=12, limit=700,
    )  # fmt: skip
    chart = joined(alt.layer, marks, labels).properties(width=WIDTH, height=ROW * len(bars), title=title)
    return chart.configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(grid=False, labelFontSize=11)
    )


def _bars(found: Explanation, longest: float, scale: float, places: int) -> list[dict[str, Any]]:
    """Bars of the picture: A, the causes that matter, what is left of them, B."""
    bars: list[dict[str, Any]] = []

    def add(name: str, low_s: float, high_s: float, text: str, colour: str) -> None:
        bar = {"part": name, "from": low_s / scale, "to": high_s / scale, "text": text, "colour": colour}
        bars.append({**bar, "label_at": max(low_s, high_s) / scale})

    add("A", 0.0, found.a.time_s, fmt.fixed(found.a.time_s / scale, places), WHOLE)
    at, rest = found.a.time_s, 0.0
    for name, seconds in steps(found):
        if abs(seconds) < _SHOWN * longest:
            rest += seconds
            continue
        add(name, at, at + seconds, _change(seconds / scale, places), SLOWER if seconds > 0 else FASTER)
        at += seconds
    if abs(rest) >= _SHOWN * longest:
        add("everything else", at, at + rest, _change(rest / scale, places), SLOWER if rest > 0 else FASTER)
    add("B", 0.0, found.b.time_s, fmt.fixed(found.b.time_s / scale, places), WHOLE)
    return bars
