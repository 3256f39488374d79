"""Measured language models beside the model, in tables."""

from collections.abc import Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.study.llm_validation import KINDS, Group, Languages

LEFT_OUT = "each chip left out in turn of the fit of its runtime's class; is the runtime known from another chip?"
WORDS = {
    **{name: f"by {name}" for name in ("phase", "chip", "runtime", "precision", "model")},
    **{kind: f"{kind}, by phase" for kind in KINDS},
    "left out": f"all chips: {LEFT_OUT}",
    f"left out, {KINDS[0]}": f"{KINDS[0]}: {LEFT_OUT}",
}


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
        if groups:
            sections += [Text(), Text(WORDS[name]), _table(groups)]
    kept_out = sum(count for _, count in found.left_out)
    told = "; ".join(f"{count:,} {reason}" for reason, count in found.left_out)
    sections += [Text(), Text(f"{kept_out:,} rows are set aside: {told}.")]
    sections += [Text("Bias: median of predicted over measured time, less one; below zero predictions are too fast.")]
    return Lines(*sections)


def _table(groups: Sequence[Group]) -> Table:
    """One row a group; where a name is long, it is folded and not the figures."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, heading in enumerate(("", "rows", "median", "90 % within", "bias", "rank", "bytes", "roofline")):
        table.add_column(heading, justify="right" if number else "left", no_wrap=number > 0, overflow="fold")
    for one in groups:
        table.add_row(
            one.name, f"{one.count:,}", fmt.percent(one.median), fmt.percent(one.ninetieth), fmt.signed_percent(one.bias),
            "-" if one.spearman is None else f"{one.spearman:.3f}", fmt.percent(one.bytes_median),
            fmt.percent(one.roofline_median),
        )  # fmt: skip
    return table
