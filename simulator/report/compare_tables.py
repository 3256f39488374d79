"""The tables of a comparison: throughput with what makes it unfair, then the three inference efficiencies."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.study.compare import CLASSES, FREE_BATCH_GPU, LARGE_BATCH, Comparison, Figure, Line

EFFICIENCIES = (
    ("peak_tops", "Throughput per TOPS of peak", "TOPS"),
    ("dram_devices", "Throughput per DRAM", "DRAMs"),
    ("sram_mb", "Throughput per MB of SRAM", "MB"),
)
"""Divisor, title and heading of the three tables."""

GAP = "-"
UNKNOWN = "unknown"


def compare_report(found: Comparison) -> Group:
    """Put the comparison together for a terminal: chips in the order of their throughput, the others named below."""
    lines = [line for line in found.lines if line.best_per_s is not None]
    without = [line.chip for line in found.lines if line.best_per_s is None]
    params = ", ".join(f"{key}={value}" for key, value in found.params.items())
    sections: list[RenderableType] = [
        Text(f"{found.network} ({params}): {found.macs / 1e9:.4g} GMAC, {found.precision}", style="bold")
    ]
    if lines:
        sections += [Text(), _throughput(lines)]
        sections += [part for table in EFFICIENCIES for part in (Text(), _efficiency(lines, *table))]
        sections += [Text(), _legend(found)]
    if without:
        sections += [Text(), Text(f"Nothing published or modelled on this network: {', '.join(without)}")]
    return Group(*sections)


def remarks_of(line: Line) -> list[str]:
    """Everything to know before comparing this line: about the chip, then about each figure."""
    remarks = list(line.remarks)
    for kind in ("published", "simulated"):
        for name, words in CLASSES.items():
            figure: Figure | None = getattr(line, kind)[name]
            if figure is not None and figure.remarks:
                remarks.append(f"{words} {kind}: {', '.join(figure.remarks)}")
    return remarks


def _throughput(lines: Sequence[Line]) -> Table:
    """Inferences a second, with the remarks on the row."""
    table = _table("Throughput, inferences a second")
    table.add_column("chip", no_wrap=True)
    _figures(table)
    table.add_column("mind", overflow="fold")
    for line in lines:
        cells = [_shown(figure, None if figure is None else figure.throughput_per_s) for figure in _four(line)]
        table.add_row(Text(line.chip, style="bold"), *cells, Text("; ".join(remarks_of(line))))
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
        table.add_row(Text(line.chip, style="bold"), known, *cells)
    return table


def _four(line: Line) -> list[Figure | None]:
    """Figures in the order of the columns."""
    return [figures[name] for name in CLASSES for figures in (line.published, line.simulated)]


def _figures(table: Table) -> None:
    """Add the four columns that every table has."""
    for words in CLASSES.values():
        for kind in ("published", "simulated"):
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


def _legend(found: Comparison) -> Text:
    """Say what the columns hold."""
    batch = f"at batch {found.batch}"
    if found.batch is None:
        batch = (
            f"at the same batch, or at {LARGE_BATCH} (GPUs {FREE_BATCH_GPU}) where that is free or nothing is published"
        )
    return Text(
        f"- no figure; * not quite comparable, see `mind`. batch 10+: published at batch 10 or more, or free; simulated "
        f"{batch}.\nTOPS, DRAMs and MB are published ones where there are any, else those of the chip file; "
        "MB as the source counts them."
    )
