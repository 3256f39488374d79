"""The report of a sizing: the cheapest chip, the runners-up, what binds, or what cannot be reached; and its picture."""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.page import data_of, joined, require_charts
from simulator.study.sizing_answer import FIGURES, Best, Design, Neighbour, Sizing, Targets
from simulator.study.steps import RESOURCES
from simulator.vocabulary import ROOF_NAMES

WIDTH, ROW = 220, 24
MEETS, MISSES, LIMIT = "#0072B2", "#E69F00", "#D55E00"

TARGETS = {
    "at_least_per_s": "throughput",
    "latency_s": "latency",
    "max_power_w": "power",
    "max_cost_usd": "bill",
}
"""Targets as people call them."""

UNITS = {"at_least_per_s": "/s", "max_power_w": " W", "max_cost_usd": " USD"}

RELOADS = "Each is taken to run for long stretches: reloading weights when networks change is not counted."

PANELS = (
    ("at_least_per_s", "Throughput, 1/s", 1.0, 0),
    ("latency_s", "Latency, ms", 1e-3, 0),
    ("max_power_w", "Power, W", 1.0, 0),
    ("max_cost_usd", "Bill, USD", 1.0, 2),
)
"""Target, title, unit, and decimals (0: four digits) of each panel of the picture."""


def size_report(found: Sizing) -> Group:
    """Put the sizing together for a terminal."""
    head = Text(
        f"{mix_words(found)}: {targets_words(found.targets)}; batch {found.batch:,}, {in_words(found.precision)}",
        style="bold",
    )
    sections: list[list[RenderableType]] = [[head]]
    if found.winner is None:
        sections.append([Text("Nothing reaches all of it."), *(Text(f"  {line}") for line in failing_lines(found))])
        if found.alone:
            head = Text("What the space reaches of each, if nothing else counts", style="bold")
            sections.append([head, *(Text(f"  {line}") for line in alone_lines(found))])
        elif any(one.reached is None for one in found.failing):
            sections.append([Text("No design of the space runs the network at all.")])
    else:
        sections.append(_winner(found, found.winner))
        if len(found.networks) > 1:
            sections.append([Text("The mix on it", style="bold"), _served(found.winner), Text(RELOADS)])
        if found.neighbours:
            sections.append([Text("What binds: one step less of each", style="bold"), _neighbours(found)])
        if found.runners_up:
            sections.append([Text("Runners-up", style="bold"), _runners(found)])
    sections.append(_space(found))
    spaced = [part for section in sections for part in (*section, Text(""))]
    return Group(*spaced[:-1])


def mix_words(found: Sizing) -> str:
    """The networks with their shares."""
    if len(found.networks) == 1:
        return found.networks[0][0]
    return "; ".join(f"{100 * share:.3g} % {name}" for name, share in found.networks)


def targets_words(targets: Targets) -> str:
    """What was asked for."""
    words = []
    if targets.at_least_per_s is not None:
        words.append(f"at least {fmt.figure(targets.at_least_per_s)}/s")
    if targets.latency_s is not None:
        words.append(f"at most {fmt.time(targets.latency_s)}")
    if targets.max_power_w is not None:
        words.append(f"at most {fmt.figure(targets.max_power_w)} W by the model, not TDP")
    if targets.max_cost_usd is not None:
        words.append(f"at most {fmt.figure(targets.max_cost_usd)} USD")
    if not targets.of_speed:
        words.insert(0, "most throughput per USD of the bill")
    return ", ".join(words)


def value_words(target: str, value: float | None) -> str:
    """The value of a target with its unit."""
    if value is None:
        return "unknown"
    if target == "latency_s":
        return fmt.time(value)
    return fmt.significant(value) + UNITS[target]


def limit_words(one: Best) -> str:
    """The limit of a target as it was given, with its unit."""
    if one.target == "latency_s":
        return fmt.time(one.limit)
    return fmt.figure(one.limit) + UNITS[one.target]


def answer_lines(found: Sizing) -> list[str]:
    """The cheapest chip in a sentence, or what cannot be reached."""
    winner = found.winner
    if winner is None:
        return ["Nothing reaches all of it.", *failing_lines(found)]
    return [f"The cheapest chip for {targets_words(found.targets)} is {winner.summary}: {winner.bill_usd:.2f} USD."]


def failing_lines(found: Sizing) -> list[str]:
    """Each target that cannot be met beside the others, a line each."""
    where = "beside the other limits" if len(found.failing) > 1 else "in this space"
    return [_failing(one, where) for one in found.failing]


def _failing(one: Best, where: str) -> str:
    """One target that cannot be met."""
    name, limit = TARGETS[one.target], limit_words(one)
    if one.reached is None:
        return f"{name}: without the limit of {limit} the others cannot be met either"
    share = 1 - one.reached / one.limit if one.target == "at_least_per_s" else one.reached / one.limit - 1
    best = "at most" if one.target == "at_least_per_s" else "at least"
    beside = f" ({one.design.summary})" if one.design is not None else ""
    reached = value_words(one.target, one.reached)
    return f"{name}: {best} {reached} {where}, not {limit}: {off_words(share)}{' off' if share < 10 else ''}{beside}"


def off_words(share: float) -> str:
    """By how much a target is missed: a percentage, or how many times the target beyond ten."""
    return f"{100 * share:.3g} %" if share < 10 else f"{fmt.significant(1 + share)} times the limit"


def alone_lines(found: Sizing) -> list[str]:
    """What the space reaches of each target when no other counts, a line each."""
    return [_alone(one) for one in found.alone]


def _alone(one: Best) -> str:
    """What the space reaches of one target."""
    name = TARGETS[one.target]
    if one.design is None:
        return f"{name}: not found within the most designs that a search may run"
    reached, beside = value_words(one.target, one.reached), f"({one.design.summary}, {one.design.bill_usd:.2f} USD)"
    if not one.design.misses(Targets(**{one.target: one.limit})):
        return f"{name}: {limit_words(one)} is within reach {beside}"
    words = {"at_least_per_s": "at most", "max_power_w": "the cheapest design that runs takes"}.get(
        one.target, "at least"
    )
    return f"{name}: {words} {reached} {beside}"


def _winner(found: Sizing, best: Design) -> list[RenderableType]:
    """The cheapest chip with its figures."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column()
    each = f"{fmt.significant(best.throughput_per_s / best.bill_usd, 3)} per second for a USD"
    bill = f"{best.bill_usd:.2f} USD: {best.summary}"
    rows = [("Cheapest", bill), ("That is", each)] if found.targets.of_speed else [("Most", each), ("Bill", bill)]
    rows += [
        ("Throughput", f"{fmt.significant(best.throughput_per_s)} per second"),
        ("Latency", fmt.time(best.latency_s)),
        ("Power", "-" if best.power_w is None else f"{fmt.significant(best.power_w, 3)} W"),
        ("Bound by", ", ".join(dict.fromkeys(ROOF_NAMES.get(one.bound_by, one.bound_by) for one in best.served))),
        ("As", f"the bundled chip {best.chip}" if best.bundled else _settings(found, best)),
    ]
    for name, value in rows:
        grid.add_row(name, Text(value, style="bold" if name == rows[0][0] else ""))
    return [grid]


def _settings(found: Sizing, design: Design) -> str:
    """A design as `rooftile run` takes it."""
    before = [change for change in found.changes if change.partition("=")[0].strip() not in design.settings]
    changes = [*before, *(f"{key}={value}" for key, value in design.settings.items())]
    return f"{found.base} with " + " ".join(f"--set {change}" for change in changes) if changes else found.base


def _table(*headings: str) -> Table:
    """An empty table: names on the left, figures to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in headings:
        left = heading in ("", "step", "misses", "bound by")
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading != "misses")
    return table


def _figures(design: Design) -> list[str]:
    """Bill, throughput, latency and power."""
    return [
        f"{design.bill_usd:.2f}",
        fmt.significant(design.throughput_per_s),
        fmt.time(design.latency_s),
        fmt.significant(design.power_w, 3),
    ]


def _served(best: Design) -> Table:
    """Each network of the mix with the chip to itself."""
    table = _table("", "share", "1/s", "latency", "W", "bound by")
    for one in best.served:
        figures = (fmt.significant(one.throughput_per_s), fmt.time(one.latency_s), fmt.significant(one.power_w, 3))
        roof = ROOF_NAMES.get(one.bound_by, one.bound_by)
        table.add_row(Text(one.network), f"{100 * one.share:.3g} %", *figures, roof)
    return table


def misses_words(one: Neighbour) -> str:
    """What one step less misses."""
    if one.value is None:
        return "no less in the space"
    if one.design is None:
        return "cannot run"
    return (
        ", ".join(
            f"{TARGETS[name]} {'by ' if share < 10 else 'at '}{off_words(share)}" for name, share in one.misses.items()
        )
        or "nothing, but is no cheaper"
    )


def _neighbours(found: Sizing) -> Table:
    """One step less on each axis."""
    table = _table("", "step", "USD", "1/s", "latency", "W", "misses")
    for one in found.neighbours:
        step = f"{one.was}" if one.value is None else f"{one.was} -> {one.value}"
        figures = ["", "", "", ""] if one.design is None else _figures(one.design)
        table.add_row(Text(RESOURCES.get(one.key, one.key)), Text(step), *figures, misses_words(one))
    return table


def _runners(found: Sizing) -> Table:
    """The next cheapest of other arrays or memory."""
    table = _table("", "USD", "1/s", "latency", "W")
    for design in found.runners_up:
        name = f"{design.chip}: {design.summary}" if design.bundled else design.summary
        table.add_row(Text(name), *_figures(design))
    return table


def _space(found: Sizing) -> list[RenderableType]:
    """Where was looked."""
    about = ", ".join((found.base, *found.changes))
    tried = f" and {found.bundled} bundled chips" if found.bundled else ""
    said = f"Looked at {found.designs:,} designs around {about}{tried}; {found.tested:,} had to be run. Space:"
    axes = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False, style="dim")
    axes.add_column(no_wrap=True)
    axes.add_column()
    for key, values in found.axes.items():
        axes.add_row(f"  {key}:", ", ".join(str(value) for value in values))
    return [Text(said, style="dim"), axes]


def size_chart(found: Sizing) -> Any:
    """Figures of the winner, of one step less of each, and of the runners-up, with the limits as lines.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    shown = chart_rows(found)
    order = [name for name, _, _ in shown]
    limits = asdict(found.targets)
    chosen = [one for one in PANELS if one[0] in ("at_least_per_s", "max_cost_usd") or limits[one[0]] is not None]
    panels = [
        _panel(alt, [_bar(row, panel) for row in shown], order, panel, limits[panel[0]], first=at == 0)
        for at, panel in enumerate(chosen)
    ]
    if found.winner is None:
        lines = [*failing_lines(found), *(f"if nothing else counts, {line}" for line in alone_lines(found))]
    else:
        lines = [f"cheapest: {found.winner.summary}", "orange: one step less misses a target; lines: limits"]
    what = f"{mix_words(found)}: {targets_words(found.targets)}"
    title = alt.TitleParams(what, subtitle=lines, anchor="start", fontSize=15, offset=12, limit=900)
    chart = joined(alt.hconcat, *panels, spacing=20, title=title)
    return chart.configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(grid=False, labelFontSize=11)
    )


def chart_rows(found: Sizing) -> list[tuple[str, Design, bool]]:
    """(name, design, whether it misses a target) of every row of the picture."""
    rows: list[tuple[str, Design, bool]] = []
    if found.winner is not None:
        rows.append((f"cheapest{': ' + found.winner.chip if found.winner.bundled else ''}", found.winner, False))
    for one in found.neighbours:
        if one.design is not None:
            rows.append((f"{RESOURCES.get(one.key, one.key)}: {one.value}", one.design, bool(one.misses)))
    for number, design in enumerate(found.runners_up, 2):
        rows.append((f"{number}. {design.chip if design.bundled else design.summary}", design, False))
    for best in found.failing:
        if best.design is not None:
            rows.append((f"best {TARGETS[best.target]}: {best.design.summary}", best.design, True))
    for best in found.alone:
        if best.design is not None:
            rows.append((f"{TARGETS[best.target]} alone: {best.design.summary}", best.design, True))
    return rows


def _bar(row: tuple[str, Design, bool], panel: tuple[str, str, float, int]) -> dict[str, Any]:
    """One bar of a panel."""
    name, design, misses = row
    target, _, scale, places = panel
    value = getattr(design, FIGURES[target])
    known = 0.0 if value is None else value / scale
    text = "unknown" if value is None else fmt.fixed(known, places) if places else fmt.significant(known)
    return {"name": name, "value": known, "text": text, "colour": MISSES if misses else MEETS}


def _panel(
    alt: Any,
    rows: list[dict[str, Any]],
    order: list[str],
    panel: tuple[str, str, float, int],
    limit: float | None,
    first: bool,
) -> Any:
    """One figure of all rows, with its limit."""
    _, title, unit, _ = panel
    axis = alt.Axis(ticks=False, domain=False, labelLimit=380, labels=first)
    base = alt.Chart(data_of(rows)).encode(y=alt.Y("name:N", sort=order, title=None, axis=axis))
    at = None if limit is None else limit / unit
    most = max([at or 0.0, *(row["value"] for row in rows)]) or 1.0
    scale = alt.Scale(domain=[0, most * 1.3], nice=False)
    bars = base.mark_bar(height=ROW - 8).encode(
        x=alt.X("value:Q", scale=scale, title=title, axis=alt.Axis(tickCount=5, format=",~f" if most < 1e5 else "~s")),
        color=alt.Color("colour:N", scale=None),
    )
    layers = [bars]
    if at is not None:
        line = alt.Chart(data_of([{"at": at}])).mark_rule(color=LIMIT, strokeWidth=2)
        layers.append(line.encode(x=alt.X("at:Q")))
    # A white rim keeps a figure readable on the line of the limit.
    for style in ({"stroke": "white", "strokeWidth": 4}, {"color": "#222222"}):
        layers.append(
            base.mark_text(align="left", dx=4, fontSize=11, **style).encode(x=alt.X("value:Q"), text=alt.Text("text:N"))
        )
    return joined(alt.layer, *layers).properties(width=WIDTH, height=ROW * max(len(rows), 1))
