"""The verdict on a claim, and the table of many."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.page import data_of, joined, require_charts
from simulator.study.bounds import Bound
from simulator.study.claim import CAPACITIES_MIB, MOST_DEVICES, Verdict
from simulator.units import MIB


def claim_report(found: Verdict) -> Group:
    """Put one verdict together: the word, each bound, and the least SRAM and DRAM that would do."""
    batch = "free" if found.batch is None else f"{found.batch}"
    what = f"{found.chip}, {found.subject}: {fmt.figure(found.throughput_per_s)} inferences a second, batch {batch}"
    broken = [bound.name for bound in found.bounds if bound.broken]
    because = f": breaks {', '.join(broken)}" if broken else ""
    sections: list[RenderableType] = [
        Text(f"{what}, {in_words(found.precision)}"),
        Text(f"{found.verdict}{because}", style="bold"), Text(), _bounds(found.bounds)
    ]  # fmt: skip
    sections += [Text(), *(Text(f"{line}.") for line in [*found.remarks, *least_lines(found)])]
    return Group(*sections)


def least_lines(found: Verdict) -> list[str]:
    """What SRAM and how many DRAMs the claim implies, each as far as it can be told."""
    lines = []
    if found.least_sram_bytes is not None:
        least = f"no schedule does with less than {fmt.mebibytes(found.least_sram_bytes)}"
        least = least if found.least_sram_bytes else "no bound, all weights may stream"
        text = f"SRAM, at the known {found.outer_memory}: {least}"
        if found.model_sram_mib is not None and math.isinf(found.model_sram_mib):
            text += f"; even {fmt.figure(CAPACITIES_MIB[-1])} MiB are too little for an ideal machine"
        elif found.model_sram_mib is not None:
            text += f"; an ideal machine needs {fmt.mebibytes(found.model_sram_mib * MIB)}"
        lines.append(text)
    if found.least_dram is not None:
        text = f"DRAMs, at the known SRAM: no schedule does with fewer than {found.least_dram}"
        if found.model_dram is not None:
            text += f"; an ideal machine needs {found.model_dram}"
        elif found.batch is not None:
            text += f"; even {MOST_DEVICES} are too few for an ideal machine"
        lines.append(text)
    return lines


def claim_table(found: Sequence[Verdict]) -> Table:
    """One row a claim, impossible ones first."""
    order = {"impossible": 0, "doubtful": 1, "possible": 2}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("chip", no_wrap=True)
    for heading in ("claim, /s", "batch"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("precision", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("because", overflow="fold")
    for one in sorted(found, key=lambda v: order[v.verdict]):
        broken = [
            f"{b.name}: needs {_amount(b.needed)} of {_amount(b.available)} {b.unit}" for b in one.bounds if b.broken
        ]
        batch = "free" if one.batch is None else str(one.batch)
        table.add_row(
            Text(one.chip, style="bold"), fmt.significant(one.throughput_per_s, 3), batch, in_words(one.precision), one.verdict,
            Text("; ".join([*broken, *one.remarks])),
        )  # fmt: skip
    return table


def _bounds(bounds: Sequence[Bound]) -> Table:
    """One row a bound."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("bound", no_wrap=True)
    for heading in ("needs", "there is"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    for bound in bounds:
        state = "unknown" if bound.available is None else "broken" if bound.broken else "holds"
        if state == "holds" and bound.available is not None and bound.needed > bound.available:
            state = "within the model's error"
        table.add_row(Text(bound.name), _amount(bound.needed), _amount(bound.available), bound.unit, state)
    return table


def _amount(value: float | None) -> str:
    """Three digits."""
    return fmt.significant(value, 3)


def claim_chart(found: Sequence[Verdict]) -> Any:
    """What each claim needs over what there is, a bar a bound; beyond the line it is broken. Labels come from strangers.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    rows = [
        {"claim": f"{one.chip}, batch {'free' if one.batch is None else one.batch}, {in_words(one.precision)}",
         "bound": bound.name,
         "share": bound.needed / bound.available, "state": "broken" if bound.broken else "holds", "verdict": one.verdict}
        for one in found for bound in one.bounds if bound.available
    ]  # fmt: skip
    impossible = sum(one.verdict == "impossible" for one in found)
    title = f"{found[0].subject}: {impossible} of {len(found)} claims {'is' if len(found) == 1 else 'are'} impossible"
    if len(found) == 1:
        title = f"{found[0].chip}, {found[0].subject}: {fmt.figure(found[0].throughput_per_s)} a second is {found[0].verdict}"
    if not rows:
        empty = alt.Chart(data_of([{"text": "nothing is known to hold a claim against"}]))
        return empty.mark_text(fontSize=13).encode(text=alt.Text("text:N")).properties(title=title)
    colour = alt.Color("state:N", title=None, scale=alt.Scale(domain=["holds", "broken"], range=["#0072B2", "#D55E00"]))
    x = alt.X("share:Q", title="needed / available", scale=alt.Scale(type="log"))
    base = alt.Chart(data_of(rows))
    bars = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x,
        y=alt.Y("bound:N", title=None),
        color=colour,
        tooltip=["claim:N", "bound:N", alt.Tooltip("share:Q", format=".3~g")],
    )
    rule = alt.Chart(data_of([{"share": 1.0}])).mark_rule(color="#333333", strokeDash=[4, 3]).encode(x=x)
    heading = alt.TitleParams(title, anchor="start", fontSize=14)
    return (
        joined(alt.layer, rule, bars)
        .properties(width=460, height=40 + 26 * len({row["bound"] for row in rows}), title=heading)
        .configure(padding=12)
    )


def verdict_chart(found: Verdict) -> Any:
    """The same of one claim."""
    return claim_chart([found])
