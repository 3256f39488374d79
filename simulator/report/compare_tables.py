"""The tables of a comparison: the answer in a sentence, one ranking, then throughput and three efficiencies, each ranked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.fit import WithSheet
from simulator.report.scatter import few
from simulator.study.alike import LARGE_BATCH
from simulator.study.compare import CLASSES, FREE_BATCH_GPU, KINDS, Comparison, Figure, Line
from simulator.study.ranking import BY, Ranked, Ranking, ranking_of

EFFICIENCIES = (
    ("peak_tops", "Throughput per TOPS of peak", "TOPS"),
    ("dram_devices", "Throughput per DRAM", "DRAMs"),
    ("sram_mb", "Throughput per MB of SRAM", "MB"),
)
"""Divisor, title and heading of the three classic tables."""

GAP = "-"
UNKNOWN = "unknown"
MINE = ">"
"""Before the name of a chip from a file of the user's."""

ROWS = 10
"""Rows of a table unless all are asked for."""


def compare_report(found: Comparison, order: Ranking, every: bool = False) -> Group:
    """Put the comparison together for a terminal. order: its chips in one order. every: all rows, not the first ten and mine."""
    lines = [line for line in found.lines if line.best_per_s is not None]
    without = [line.chip for line in found.lines if line.best_per_s is None and not line.untried]
    sections: list[RenderableType] = [Text(line, style="bold") for line in answer_lines(order)]
    sections.append(Text(f"{found.subject}: {found.macs / 1e9:.4g} GMAC, {in_words(found.precision)}"))
    if order.rows:
        sections += [Text(), _ranked(order, every)]
    if order.unranked:
        listed = {line.chip for line in found.lines if line.price_usd is not None}
        why = (
            "; `--by list-usd` ranks those with a list price"
            if order.by == "usd" and listed & {*order.unranked}
            else ""
        )
        sections.append(Text(f"Not ranked, since a figure to divide by is not known: {few(order.unranked)}{why}"))
    if order.limits:
        sections.append(Text(limits_line(order.limits, order.above)))
    if lines:
        sections += [Text(), _throughput(_first(lines, lambda line: line.best_per_s, every))]
        for what, title, heading in EFFICIENCIES:
            ranked = _first(lines, partial(_best_per, what), every)
            sections += [Text(), _efficiency(ranked, what, title, heading)]
        sections += [Text(), _legend(found, order, every)]
    if without:
        sections += [Text(), Text(f"Nothing published or modelled on this network: {few(without)}")]
    return WithSheet(*sections, sheet=_ranked(order, True)) if order.rows else Group(*sections)


def ranking_report(order: Ranking) -> Group:
    """The same of a ranking, with the comparison that it has."""
    return compare_report(order.found, order)


def comparison_report(found: Comparison) -> Group:
    """The same of a comparison that has no order yet: by throughput."""
    return compare_report(found, ranking_of(found, "throughput"))


LIMIT_WORDS = {
    "power_w": ("average power by the model, not TDP,", "W"),
    "tdp_w": ("published TDP", "W"),
    "bill_usd": ("bill", "USD"),
    "price_usd": ("list price", "USD"),
}
"""What a limit is a limit of, and its unit."""


def limits_line(limits: Mapping[str, float], above: Sequence[str]) -> str:
    """Say what was the limit, of what, and who is left out."""
    told = " and ".join(
        f"{LIMIT_WORDS[name][0]} at most {most:g} {LIMIT_WORDS[name][1]}" for name, most in limits.items()
    )
    return f"Limit: {told}. Above it, or not known to be within: {few(above) if above else 'none'}"


def answer_lines(order: Ranking) -> list[str]:
    """The answer in a sentence: where mine stands, or which are the best."""
    _, words = BY[order.by]
    if not order.rows:
        return [f"No chip can be ranked by {words}."]
    if order.instead_of is not None:
        none = f"No chip can be ranked by {BY[order.instead_of][1]}"
        return [f"{none}, so here by {words}.", *answer_lines(replace(order, instead_of=None))]
    best = order.rows[0]
    first, batch = f"{best.line.chip} ({_worth(best, order.by)})", _batches(order)
    lines = []
    for at, row in order.mine:
        place = f"{row.line.chip} is {_ordinal(at)} of {len(order.rows)} by {words}{batch}: {_worth(row, order.by)}"
        lines.append(f"{place}." if at == 1 else f"{place}; the best is {first}.")
    if lines:
        return lines
    after = [f"{row.line.chip} ({fmt.significant(row.value, 3)})" for row in order.rows[1:3]]
    return [f"Best of {len(order.rows)} by {words}{batch}: {first}{', then ' if after else ''}{', '.join(after)}."]


def _batches(order: Ranking) -> str:
    """At which batch the chips are ranked."""
    known = [row.figure.batch for row in order.rows if row.figure.batch is not None]
    if not known:
        return ""
    least, most = min(known), max(known)
    return f" at batch {least:,}" if least == most else f" at batches of {least:,} to {most:,}"


def _worth(row: Ranked, by: str) -> str:
    """What a chip gives, with the unit."""
    unit = {"usd": "/s for a USD", "list-usd": "/s for a USD", "throughput": "/s"}.get(by, "/s each")
    return f"{fmt.significant(row.value, 3)}{unit}"


def _ordinal(at: int) -> str:
    """A place in words.

    >>> [_ordinal(at) for at in (1, 2, 3, 4, 11, 12, 13, 21, 102)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(at % 10, "th") if at % 100 not in (11, 12, 13) else "th"
    return f"{at}{ending}"


def remarks_of(line: Line) -> list[str]:
    """Everything to know before comparing this line: about the chip, then about each figure."""
    remarks = list(line.remarks)
    for kind in KINDS:
        for name, words in CLASSES.items():
            figure: Figure | None = getattr(line, kind)[name]
            if figure is not None and figure.remarks:
                remarks.append(f"{words} {kind}: {', '.join(figure.remarks)}")
    return remarks


def _best_per(what: str, line: Line) -> float | None:
    """The best throughput of a line over a divisor, published ones first."""
    for kind in KINDS:
        known = [value for figure in getattr(line, kind).values() if (value := line.per(figure, what)) is not None]
        if known:
            return max(known)
    return None


def _first(lines: Sequence[Line], worth: Callable[[Line], float | None], every: bool) -> list[Line]:
    """Lines by worth, those without at the end; unless all are wanted the first ten, and mine."""
    ordered = sorted(lines, key=lambda line: (-(worth(line) or 0.0), line.chip))
    return [line for at, line in enumerate(ordered) if every or at < ROWS or line.mine]


def _name(line: Line) -> Text:
    """The name of a chip; mine is marked."""
    return Text(f"{MINE} {line.chip}" if line.mine else line.chip, style="bold green" if line.mine else "bold")


def _ranked(order: Ranking, every: bool) -> Table:
    """The chips in one order."""
    table = _table(BY[order.by][1][:1].upper() + BY[order.by][1][1:])
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("chip", no_wrap=True)
    plain = order.by == "throughput"
    design = order.by == "tdp" or "tdp_w" in order.limits
    headings = ("1/s", "batch", "TDP\nW" if design else "W", "bill\nUSD", "list\nUSD", "mm2", "DRAM\nGiB")
    for heading in (
        headings if plain else ({"usd": "1/s a USD", "list-usd": "1/s a USD"}.get(order.by, "1/s each"), *headings)
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("from", no_wrap=True)
    for at, row in enumerate(order.rows, 1):
        if not (every or at <= ROWS or row.line.mine):
            continue
        line, figure = row.line, row.figure
        numbers = (
            figure.throughput_per_s,
            None,
            line.tdp_w if design else figure.power_w,
            line.bill_usd,
            line.price_usd,
            line.area_mm2,
        )
        cells = [fmt.significant(number, 3) for number in numbers]
        if plain:
            cells[0] = _shown(figure, row.value).rstrip()
        cells[1] = "free" if figure.batch is None else str(figure.batch)
        cells.append(fmt.figure(line.dram_gib))
        cells = cells if plain else [_shown(figure, row.value).rstrip(), *cells]
        table.add_row(str(at), _name(line), *cells, "model" if figure.mode == "simulated" else "published")
    return table


def _throughput(lines: Sequence[Line]) -> Table:
    """Inferences a second, with the remarks on the row."""
    table = _table("Throughput, inferences a second")
    table.add_column("chip", no_wrap=True)
    _figures(table)
    table.add_column("caveats", overflow="fold")
    for line in lines:
        cells = [_shown(figure, None if figure is None else figure.throughput_per_s) for figure in _four(line)]
        table.add_row(_name(line), *cells, Text("; ".join(remarks_of(line))))
    return table


def _efficiency(lines: Sequence[Line], what: str, title: str, heading: str) -> Table:
    """One efficiency; `unknown` where nobody publishes the divisor, `no DRAM` where there is none to divide by."""
    table = _table(title)
    table.add_column("chip", no_wrap=True)
    table.add_column(heading, justify="right", no_wrap=True)
    _figures(table)
    for line in lines:
        divisor: float | None = getattr(line, what)
        missing = UNKNOWN if divisor is None else "no DRAM" if what == "dram_devices" else "none"
        cells = [
            GAP if figure is None else _shown(figure, line.per(figure, what)) if divisor else missing
            for figure in _four(line)
        ]
        known = UNKNOWN if divisor is None else fmt.figure(divisor)
        table.add_row(_name(line), known, *cells)
    return table


def _four(line: Line) -> list[Figure | None]:
    """Figures in the order of the columns."""
    return [figures[name] for name in CLASSES for figures in (line.published, line.simulated)]


def _figures(table: Table) -> None:
    """Add the four columns that every table has."""
    for words in CLASSES.values():
        for kind in KINDS:
            table.add_column(f"{words}\n{kind}", justify="right", no_wrap=True)


def _shown(figure: Figure | None, value: float | None) -> str:
    """Render a figure; a star where something makes it unfair to compare."""
    if figure is None or value is None:
        return GAP
    return fmt.significant(value, 3) + ("*" if figure.remarks else " ")


def _table(title: str) -> Table:
    """Return an empty table in the one style."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False
    )  # fmt: skip


def _legend(found: Comparison, order: Ranking, every: bool) -> Text:
    """Say what the columns hold."""
    batch = f"at batch {found.batch}"
    if found.batch is None or found.batch < LARGE_BATCH:
        batch = (
            f"at the same batch, or at {LARGE_BATCH} (GPUs {FREE_BATCH_GPU}) where that is free or nothing is published"
        )
    lines = [
        "The bill is what chip and DRAM cost to build, by the model; a list price is what somebody asks. The two are never "
        "in one ranking (`--by usd`, `--by list-usd`).",
        f"- no figure; * see `caveats`. batch 10+: published at batch 10 or more, or free; simulated {batch}.",
        "TOPS, DRAMs and MB are published ones where there are any, else those of the chip file; MB as the source counts them.",
    ]
    if not every and len(order.rows) > ROWS:
        lines.append(f"The first {ROWS} of each table are shown; `--all` shows all.")
    if order.mine:
        lines.append(f"{MINE} is yours.")
    return Text("\n".join(lines))
