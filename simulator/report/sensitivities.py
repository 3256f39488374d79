"""The report of what the next dollar buys: every step with its price, and the tornado."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.chip.parts import dram_parts
from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.page import data_of, joined, require_charts
from simulator.study.sensitivities import LEAST_GAIN, Sensitivity, Step

WIDTH, ROW = 380, 34
SMALL_LETTER = 5.2
"""Width of a letter [pixel] at a type size of 10."""

UP, DOWN = "#0072B2", "#E69F00"

LEAST_SHARE = 5e-4
"""A smaller change of throughput is none in the picture. [-]"""


def sensitivity_report(found: Sensitivity) -> Group:
    """Put the steps together for a terminal."""
    title = ", ".join((f"{found.subject} on {found.chip}", *found.changes))
    head = Text(f"{title}: batch {found.batch:,}, {in_words(found.precision)}", style="bold")
    sections: list[list[RenderableType]] = [[head, *(Text(line) for line in verdicts(found))], [_table(found)]]
    if found.notes:
        sections.append([Text(f"Note: {note}") for note in found.notes])
    spaced = [part for section in sections for part in (*section, Text(""))]
    return Group(*spaced[:-1])


def verdicts(found: Sensitivity) -> list[str]:
    """What to do with the next dollar, and where to save one, a line each."""
    lines = []
    saving = found.cheapest_saving
    if found.base.throughput_per_usd is not None:
        lines.append(f"At batch {found.batch:,} {_next(found.next_dollar, found.base.throughput_per_usd)}")
    elif found.base.throughput_per_s:
        lines.append(_most(found.steps, found.base.throughput_per_s))
    if found.better:
        lines.append(
            "Faster at no higher cost: " + "; ".join(f"{one.setting} ({gain(one)})" for one in found.better) + "."
        )
    if saving is not None:
        lines.append(f"A dollar is saved most cheaply as {saving.setting}: {gain(saving)}.")
    return lines


def _most(steps: Sequence[Step], now: float) -> str:
    """Which step gives most throughput, where no bill says what it costs. now: throughput of the chip as it is."""
    best = max(steps, key=lambda step: step.change_per_s or 0.0, default=None)
    more = 0.0 if best is None else (best.change_per_s or 0.0) / now
    if best is None or more < LEAST_GAIN:
        return f"No step gives {100 * LEAST_GAIN:.0f} % more throughput."
    unpriced = "; what it costs is not known" if best.change_usd is None else ""
    return f"Most throughput is gained by {best.setting}: {_signed(100 * more)} %{unpriced}."


def _next(best: Step | None, per_usd: float) -> str:
    """What to change next, behind the batch. per_usd: what the chip as it is gives for each of its dollars."""
    if best is None:
        return f"the next dollar buys nothing: no step that costs more gives {100 * LEAST_GAIN:.0f} % more throughput."
    after, now = best.outcome.throughput_per_usd or 0.0, fmt.significant(per_usd, 3)
    if after > per_usd:
        return (
            f"change {best.setting} next: {gain(best)}; the whole chip then gives {fmt.significant(after, 3)}/s for each of "
            f"its dollars, {now} as it is."
        )
    return (
        f"no step that costs more gives more for each dollar of the whole chip than the {now}/s of the chip as it is; "
        f"nearest is {best.setting}: {gain(best)}, then {fmt.significant(after, 3)}."
    )


def gain(step: Step) -> str:
    """Throughput and dollars of a step."""
    change, usd = step.change_per_s or 0.0, step.change_usd or 0.0
    more = f"{_signed(change, 4)}/s" if change else "no throughput lost"
    return f"{more} for {fmt.significant(usd, 3)} USD" if usd > 0.0 else f"{more}, {fmt.significant(-usd, 3)} USD less"


def _signed(value: float | None, digits: int = 3) -> str:
    """A change with its sign; 0 where there is none, - where it is unknown."""
    if value is None:
        return "-"
    return ("+" if value > 0 else "-") + fmt.significant(abs(value), digits) if value else "0"


def _table(found: Sensitivity) -> Table:
    """One row a step."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("step", no_wrap=True)
    for heading in ("\n1/s", "change\n%", "bill\nUSD", "change\nUSD", "1/s a\ndollar", "1/s per\nUSD then", "\nW"):
        table.add_column(heading, justify="right", no_wrap=True)
    base = found.base
    table.add_row(
        "as it is", "", fmt.significant(base.throughput_per_s), "", fmt.fixed(base.bill_usd, 2), "", "",
        fmt.significant(base.throughput_per_usd), fmt.significant(base.power_w, 3), style="bold",
    )  # fmt: skip
    last = None
    for step in found.steps:
        name = step.resource.replace("bytes a cycle", "B/cycle") if step.key != last else ""
        last = step.key
        after = step.outcome
        if after.reason is not None:
            table.add_row(Text(name), Text(_step(step)), "cannot run", style="dim")
            continue
        share = (
            None
            if step.change_per_s is None or not base.throughput_per_s
            else step.change_per_s / base.throughput_per_s
        )
        cells = (
            fmt.significant(after.throughput_per_s),
            _percent(share),
            fmt.fixed(after.bill_usd, 2),
            _usd(step),
            _signed(step.per_usd),
            fmt.significant(after.throughput_per_usd),
            fmt.significant(after.power_w, 3),
        )
        table.add_row(Text(name), Text(_step(step)), *cells)
    return table


def _step(step: Step) -> str:
    """From what to what; of two memory parts of a kind the second is its speed alone."""
    was, value = _short(step.was), _short(step.value)
    kind, dash, speed = value.rpartition("-")
    return f"{was} -> {speed if dash and was.startswith(kind + dash) else value}"


def _percent(share: float | None) -> str:
    """A change in per cent with its sign; 0 where there is none."""
    return "-" if share is None else f"{100 * share:+.2f}" if abs(share) >= 5e-5 else "0"


def _usd(step: Step) -> str:
    """A change of the bill; a star where it comes from below."""
    if step.change_usd is None:
        return "-"
    return f"{step.change_usd:+.2f}" + ("*" if step.bottom_up else " ")


def sensitivity_chart(found: Sensitivity) -> Any:
    """A tornado: what each step changes of the throughput and, where there is a bill, of the throughput per dollar.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    base = found.base
    shown: list[Step] = []
    still: list[Step] = []
    for key in dict.fromkeys(step.key for step in found.steps):
        pair = [step for step in found.steps if step.key == key]
        moves = any(abs(step.change_per_s or 0.0) >= LEAST_SHARE * (base.throughput_per_s or 1.0) for step in pair)
        (shown if moves else still).extend(pair)
    panels = [_panel(alt, "Throughput, change in %", _rows(shown, base.throughput_per_s, "throughput_per_s"), True)]
    if base.throughput_per_usd is not None:
        rows = _rows(shown, base.throughput_per_usd, "throughput_per_usd")
        panels.append(_panel(alt, "Throughput per USD, change in %", rows, False))
    subtitle = [f"as it is: {fmt.significant(base.throughput_per_s)} inferences/s"]
    if base.bill_usd is not None:
        subtitle[0] += (
            f", bill {base.bill_usd:.2f} USD, {fmt.significant(base.throughput_per_usd)} inferences/s for a dollar"
        )
    if still:
        names = dict.fromkeys(step.resource.split(",")[0] for step in still)
        subtitle.append("no change worth a bar: " + ", ".join(names))
    what = ", ".join((f"{found.subject} on {found.chip}", *found.changes))
    title = alt.TitleParams(
        f"What one step buys: {what}, batch {found.batch:,}, {in_words(found.precision)}", subtitle=subtitle, anchor="start",
        fontSize=15, offset=12, limit=820,
    )  # fmt: skip
    chart = joined(alt.hconcat, *panels, spacing=24, title=title)
    return chart.configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(grid=False, labelFontSize=11)
    )


def _rows(steps: Sequence[Step], base: float | None, name: str) -> list[dict[str, Any]]:
    """Bars of one panel: the change of one figure in per cent."""
    rows = []
    for step in steps:
        value = getattr(step.outcome, name)
        change = None if value is None or not base else 100 * (value / base - 1)
        words = "unknown" if change is None else f"{change:+.1f}" if abs(change) >= 0.05 else "0"
        rows.append(
            {
                "resource": f"{step.resource}: {_short(step.was)}",
                "side": "up" if step.up else "down",
                "change": change or 0.0,
                "text": f"{_short(step.value)}: {'cannot run' if step.outcome.reason else words}",
                "colour": UP if step.up else DOWN,
            }
        )
    return rows


def _short(value: Any) -> str:
    """A value of a key; a memory part without its width, which all parts of a row share."""
    text = str(value)
    return text.rpartition("-x")[0] if text in dram_parts() and "-x" in text else text


def _panel(alt: Any, title: str, rows: list[dict[str, Any]], names: bool) -> Any:
    """One tornado: for each resource its two steps below each other."""
    order = list(dict.fromkeys(row["resource"] for row in rows))
    scale = alt.Scale(domain=_domain(rows), nice=False)
    axis = alt.Axis(ticks=False, domain=False, labelLimit=240, labels=names)
    base = alt.Chart(data_of(rows)).encode(
        y=alt.Y("resource:N", sort=order, title=None, axis=axis),
        yOffset=alt.YOffset("side:N", sort=["down", "up"]),
    )
    bars = base.mark_bar(height=ROW / 2 - 6).encode(
        x=alt.X("change:Q", scale=scale, title=title), color=alt.Color("colour:N", scale=None)
    )
    texts = [
        base.transform_filter(where)
        .mark_text(align=align, dx=shift, fontSize=10)
        .encode(x=alt.X("change:Q"), text=alt.Text("text:N"))
        for where, align, shift in (("datum.change >= 0", "left", 4), ("datum.change < 0", "right", -4))
    ]
    zero = alt.Chart(data_of([{"at": 0}])).mark_rule(color="#333333").encode(x=alt.X("at:Q"))
    return joined(alt.layer, bars, zero, *texts).properties(width=WIDTH, height=ROW * max(len(order), 1))


def _domain(rows: list[dict[str, Any]]) -> list[float]:
    """Ends of the axis, with room on both sides for the texts at the ends of the bars."""
    low, high = min([0.0, *(row["change"] for row in rows)]), max([0.0, *(row["change"] for row in rows)])
    if low == high:
        low, high = -1.0, 1.0
    for _ in range(12):  # the room in units grows with the axis, a little less each time
        unit = (high - low) / WIDTH
        for row in rows:
            room = (SMALL_LETTER * len(row["text"]) + 10.0) * unit
            low = min(low, row["change"] - room) if row["change"] < 0 else low
            high = max(high, row["change"] + room) if row["change"] >= 0 else high
    return [low, high]
