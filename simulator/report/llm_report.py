"""Measured language models beside the model, in tables."""

from collections.abc import Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.study.llm_validation import Group, Languages

WORDS = {"left out": "with each chip left out in turn of what its runtime's class is fitted on"}


def llm_report(found: Languages) -> Lines:
    """Put the groups together for a terminal."""
    rows = found.groups["phase"][-1]
    sections: list[RenderableType] = [
        Text(
            f"{rows.count} measured rows of language models: median error of times {fmt.percent(rows.median)}, 90 % of them "
            f"within {fmt.percent(rows.ninetieth)}; bytes over bandwidth alone {fmt.percent(rows.bytes_median)}, roofline "
            f"{fmt.percent(rows.roofline_median)}.",
            style="bold",
        )
    ]
    for name, groups in found.groups.items():
        sections += [Text(), _table(WORDS.get(name, f"by {name}"), groups)]
    kept_out = sum(count for _, count in found.left_out)
    told = "; ".join(f"{count:,} {reason}" for reason, count in found.left_out)
    sections += [Text(), Text(f"{kept_out:,} rows are set aside: {told}.")]
    sections += [Text("Bias: median of predicted over measured time, less one; below zero predictions are too fast.")]
    return Lines(*sections)


def _table(title: str, groups: Sequence[Group]) -> Table:
    """One row a group."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate((title, "rows", "median", "90 % within", "bias", "rank", "bytes", "roofline")):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for one in groups:
        table.add_row(
            one.name, f"{one.count:,}", fmt.percent(one.median), fmt.percent(one.ninetieth), fmt.signed_percent(one.bias),
            "-" if one.spearman is None else f"{one.spearman:.3f}", fmt.percent(one.bytes_median),
            fmt.percent(one.roofline_median),
        )  # fmt: skip
    return table
