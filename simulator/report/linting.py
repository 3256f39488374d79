"""The report of a design check: findings with the run that proves each, what is well, and how much of what is there is needed."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simulator.chip.parts import dram_parts, host_links
from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.fit import WithSheet
from simulator.report.page import data_of, joined, require_charts
from simulator.study.linting import SAME, TOGETHER, Finding, Lint, Need

WIDTH, ROW = 420, 24
NEEDED, THERE, STARVED_COLOUR = "#0072B2", "#d9d9d9", "#D55E00"

RULES = {
    "array-width": "shape",
    "unneeded": "not needed",
    "starved": "starved",
    "weight-loading": "slow",
    "overhead": "slow",
    "no-dram-needed": "not needed",
}
"""One word for each rule."""


def lint_report(found: Lint) -> Group:
    """Put the check together for a terminal."""
    title = ", ".join((f"{found.subject} on {found.chip}", *found.changes))
    base = found.base
    figures = f"{fmt.significant(base.throughput_per_s)} inferences/s"
    if base.bill_usd is not None:
        figures += f", bill {base.bill_usd:.2f} USD"
    count = len(found.findings)
    sections: list[list[RenderableType]] = [
        [
            Text(f"{title}: batch {found.batch:,}, {in_words(found.precision)}", style="bold"),
            Text(f"{figures}; {count or 'no'} finding{'' if count == 1 else 's'}"),
        ]
    ]
    sections += [_finding(one) for one in found.findings]
    if found.together is not None:
        sections.append(_finding(found.together))
    if found.passed:
        passed = [Padding(Text(line), (0, 0, 0, 2), expand=False) for line in found.passed]
        sections.append([Text("Checked, nothing found", style="bold"), *passed])
    spaced = [part for section in sections for part in (*section, Text(""))]
    return WithSheet(*spaced[:-1], sheet=_sheet(found))


def answer_lines(found: Lint) -> list[str]:
    """The findings in a sentence: of each kind, which resources."""
    kinds: dict[str, list[str]] = {}
    for one in found.findings:
        kinds.setdefault(RULES[one.rule], []).append(one.resource)
    told = "; ".join(f"{kind}: {', '.join(dict.fromkeys(names))}" for kind, names in kinds.items())
    return [f"{told[0].upper()}{told[1:]}." if told else "Nothing to find: all of it is needed."]


def _sheet(found: Lint) -> Table:
    """The findings, one a row: what was set for the proof of each and what came of it."""
    table = Table("finding", "resource", "what", "with", box=None)
    for heading in ("1/s", "change", "change USD"):
        table.add_column(heading, justify="right")
    for one in [*found.findings, *([] if found.together is None else [found.together])]:
        table.add_row(
            one.rule, one.resource, Text(one.message), Text(" ".join(f"--set {setting}" for setting in one.settings)),
            fmt.significant(one.outcome.throughput_per_s), fmt.signed_percent(one.change),
            fmt.significant(one.change_usd, 3),
        )  # fmt: skip
    return table


def _finding(one: Finding) -> list[RenderableType]:
    """One finding in two lines: what is wrong, and the run that proves it."""
    head = Text("together. " if one.resource == TOGETHER else f"{RULES[one.rule]}: {one.resource}. ", style="bold")
    head.append(f"{one.message}.", style="not bold")
    if not one.settings:
        return [head]
    return [head, Padding(Text(proof(one), style="dim"), (0, 0, 0, 4), expand=False)]


def proof(one: Finding) -> str:
    """What was set and what came of it."""
    what = " ".join(f"--set {setting}" for setting in one.settings)
    rate = fmt.significant(one.outcome.throughput_per_s)
    change = "as before" if abs(one.change) < SAME / 10 else fmt.change(one.change)
    money = ""
    if one.change_usd is not None:
        money = f", {fmt.significant(abs(one.change_usd), 3)} USD {'more' if one.change_usd > 0 else 'less'}"
    elif one.rule == "unneeded" and one.resource != TOGETHER:
        money = ", not priced"
    return f"{what}: {rate}/s ({change}){money}"


def lint_chart(found: Lint) -> Any:
    """How much of each resource the network needs of what is there, and what is starved.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    rows = [_array(found), *(_row(need) for need in found.needs)]
    order = [row["resource"] for row in rows]
    base = alt.Chart(data_of(rows)).encode(
        y=alt.Y("resource:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=240))
    )
    scale = alt.Scale(domain=[0, 100], nice=False)
    whole = base.mark_bar(height=ROW - 8, color=THERE).encode(
        x=alt.X("whole:Q", scale=scale, title="needed, % of what is there")
    )
    bars = base.mark_bar(height=ROW - 8).encode(x=alt.X("needed:Q"), color=alt.Color("colour:N", scale=None))
    texts = base.mark_text(align="left", fontSize=11).encode(x=alt.XValue(WIDTH + 8), text=alt.Text("text:N"))
    what = ", ".join((f"{found.subject} on {found.chip}", *found.changes))
    subtitle = f"{fmt.significant(found.base.throughput_per_s)} inferences/s; orange: twice as much would give more"
    title = alt.TitleParams(
        f"What is needed: {what}, batch {found.batch:,}, {in_words(found.precision)}", subtitle=subtitle, anchor="start",
        fontSize=15, offset=12, limit=820,
    )  # fmt: skip
    chart = joined(alt.layer, whole, bars, texts).properties(width=WIDTH, height=ROW * len(rows), title=title)
    return chart.configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(grid=False, labelFontSize=11)
    )


def _array(found: Lint) -> dict[str, Any]:
    """The slots of the array's steps."""
    used = 100 * (1 - found.idle)
    text = f"{used:.0f} % of the steps' slots hold a MAC"
    return {"resource": "array slots", "whole": 100, "needed": used, "colour": NEEDED, "text": text}


def _row(need: Need) -> dict[str, Any]:
    """One resource."""
    share = 100 * _amount(need.key, need.needed) / _amount(need.key, need.there)
    starved = need.gain is not None and need.gain >= SAME * 10
    text = f"{need.there}" if need.kept is None else f"{need.needed} of {need.there}"
    if starved:
        text += f" (with {need.more}, {fmt.change(need.gain or 0.0)})"
    colour = STARVED_COLOUR if starved else NEEDED
    return {"resource": need.resource, "whole": 100, "needed": share, "colour": colour, "text": text}


def _amount(key: str, value: Any) -> float:
    """A value as a number: of parts and links their bandwidth [bytes/s]."""
    if key == "dram.part":
        return dram_parts()[value].bytes_per_s if value in dram_parts() else 1.0
    return host_links()[value].bytes_per_s if key == "host.link" else float(value)
