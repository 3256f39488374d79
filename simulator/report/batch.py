"""The batch curve as a table with what it says in words, and as a picture."""

import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.formats import in_words
from simulator.report import format as fmt
from simulator.report.curves import MARK, OTHER, Line, Panel, draw
from simulator.report.page import joined, require_charts
from simulator.study.batching import BatchCurve, BatchPoint, PublishedPoint
from simulator.units import MIB
from simulator.vocabulary import ROOF_NAMES

NEAR = 0.95
"""Share of the highest throughput at which a batch is called large enough."""

LEAST_LOSS = 5e-4
"""Share of the throughput below which nothing is called lost."""

TITLE_WIDTH = 100
"""Letters of a line of the picture's title."""

MOST_LABELS = 6
"""Published points with a label in the picture; of more, each precision gets one."""


def batch_report(found: BatchCurve) -> Group:
    """Put the curve together for a terminal: the answer, the table, what else it says, and what is published."""
    answer, *more = batch_lines(found)
    sections: list[RenderableType] = [Text(answer, style="bold"), Text(_title(found)), Text(), _table(found), Text()]
    sections += [_legend(found), Text(), *(Text(line) for line in more)]
    if found.published:
        sections += [Text(), _published(found)]
    return Group(*sections)


def _title(found: BatchCurve) -> str:
    """What was asked."""
    return f"{found.subject} on {found.chip}{_changes(found)}, {in_words(found.precision)}"


def _changes(found: BatchCurve) -> str:
    """What was set on the chip, in words."""
    return f" with {', '.join(found.changes)}" if found.changes else ""


def _table(found: BatchCurve) -> Table:
    """One row a batch."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    headings = (
        "batch", "per second", "latency ms", "utilisation", f"{found.outer} MB\nper item", "least MB\nper item",
        "activations\nMiB", "lost by\nspilling",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bound by", overflow="fold")
    for point in found.points:
        table.add_row(*_row(point))
    return table


def _row(point: BatchPoint) -> list[Text]:
    """The cells of one batch; a gap with the reason where it does not run."""
    live = "-" if point.activation_bytes is None else fmt.significant(point.activation_bytes / MIB, 3)
    if point.throughput_per_s is None or point.latency_s is None:
        return [Text(text) for text in (str(point.batch), *("-",) * 5, live, "-", "does not fit")]
    spilling = point.spilling
    lost = "-" if spilling is None else "no spill" if not point.unspilled_per_s else _lost(spilling)
    cells = (
        str(point.batch), fmt.significant(point.throughput_per_s), fmt.significant(point.latency_s * 1e3),
        fmt.share(point.utilisation), _per_item(point.dram_bytes, point.batch),
        _per_item(point.least_dram_bytes, point.batch), live, lost, ROOF_NAMES.get(str(point.bound_by), str(point.bound_by)),
    )  # fmt: skip
    return [Text(cell) for cell in cells]


def _lost(share: float) -> str:
    return "<0.05 %" if share < LEAST_LOSS else fmt.share(share)


def _per_item(count: float | None, batch: int) -> str:
    return "-" if count is None else fmt.significant(count / batch / 1e6, 3)


def _legend(found: BatchCurve) -> Text:
    """Say what the columns hold."""
    return Text(
        f"{found.outer} MB: traffic, 1e6 bytes. least: inputs, outputs and every weight once a batch; weights that stay for "
        "ever go below it. activations: the most that tensors between layers take at once, MiB = 2**20 bytes. lost by "
        "spilling: throughput that SRAM for all of them would add.",
        style="dim",
    )


def enough(found: BatchCurve) -> int | None:
    """The smallest batch of a curve with NEAR of its highest throughput; None where none fits."""
    runs = [point for point in found.points if point.throughput_per_s is not None]
    return _near(runs).batch if runs else None


def _near(runs: Sequence[BatchPoint]) -> BatchPoint:
    """The first of some points, which all run, that has NEAR of the highest throughput."""
    best = max(point.throughput_per_s or 0.0 for point in runs)
    return next(point for point in runs if (point.throughput_per_s or 0.0) >= NEAR * best)


def batch_lines(found: BatchCurve) -> list[str]:
    """What the curve says, in words: the answer first."""
    beyond = _overflow_lines(found)
    runs = [point for point in found.points if point.throughput_per_s is not None]
    missing = [point for point in found.points if point.throughput_per_s is None]
    left_out = (
        f"Does not fit at batch {', '.join(str(point.batch) for point in missing)}: {missing[0].reason}."
        if missing
        else ""
    )
    if not runs:
        return ["No batch that was asked for fits this chip.", *beyond, left_out]
    best = max(point.throughput_per_s or 0.0 for point in runs)
    near = _near(runs)
    lines = [
        f"Batch {near.batch} is the smallest listed with {100 * NEAR:.0f} % of the highest throughput "
        f"({fmt.significant(near.throughput_per_s)} of {fmt.significant(best)} per second), at a latency of "
        f"{fmt.time(near.latency_s)}.",
        *beyond,
    ]
    return [*lines, left_out] if left_out else lines


def _overflow_lines(found: BatchCurve) -> list[str]:
    """Where the SRAM overflows, and what that costs."""
    size = fmt.mebibytes(found.sram_bytes)
    if found.resident_up_to is None:
        if found.keeps:
            return [
                "Layers placed in space, or too many tensors to keep them all: where the SRAM overflows is not told."
            ]
        if found.caches:
            return [
                f"The SRAM is a cache: of a tensor above half of it ({size}), the rest goes through the {found.outer}."
            ]
        return [f"This chip keeps no tensors in the SRAM between layers: all activations go through the {found.outer}."]
    if found.overflows_at is None:
        return [f"All activations fit the SRAM ({size}) at every batch up to {found.resident_up_to}."]
    beyond = f"some go through the {found.outer}, or the batch is taken in parts"
    if found.resident_up_to == 0:
        lines = [f"The SRAM ({size}) does not hold all activations of even one item: {beyond}."]
    else:
        lines = [
            f"All activations fit the SRAM ({size}) up to batch {found.resident_up_to}; from batch {found.overflows_at} on, "
            f"{beyond}."
        ]
    spilled = [point for point in found.points if point.unspilled_per_s is not None]
    if spilled:
        told = dict.fromkeys([spilled[0], max(spilled, key=lambda point: point.spilling or 0.0)])
        lines.append(f"With SRAM for all of them, {'; '.join(map(_unspilled, told))}.")
    return lines


def _unspilled(point: BatchPoint) -> str:
    """What spilling costs at one batch."""
    lost = point.spilling or 0.0
    faster = "no faster" if lost < LEAST_LOSS else f"{fmt.share(1.0 / (1.0 - lost) - 1.0)} faster"
    return f"{fmt.mebibytes(point.enough_sram_bytes)}, batch {point.batch} would be {faster}"


def _published(found: BatchCurve) -> Table:
    """What is published about the chip on this network, beside the model where the batch was run."""
    unchanged = " of the chip as it is, not as changed here" if found.changes else ""
    table = Table(
        title=f"Published{unchanged}, inferences a second", title_justify="left", title_style="bold", box=None,
        padding=(0, 2, 0, 0), pad_edge=False, header_style="dim",
    )  # fmt: skip
    for heading in ("batch", "published", "model", "model off by"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("how", no_wrap=True)
    table.add_column("caveats", overflow="fold")
    rates = {point.batch: point.throughput_per_s for point in found.points}
    for row in found.published:
        model = rates.get(row.batch) if row.like and row.batch is not None else None
        off = "-" if model is None or found.changes else f"{100 * (model / row.throughput_per_s - 1):+.0f} %"
        cells = (
            "free" if row.batch is None else str(row.batch), fmt.significant(row.throughput_per_s, 3),
            fmt.significant(model, 3), off, row.mode or "-", "; ".join(row.remarks),
        )  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    return table


def batch_chart(found: BatchCurve) -> Any:
    """Throughput with published points, latency, traffic and activations against the batch, on a logarithmic axis.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    panels = [draw(alt, panel) for panel in _panels(found)]
    answer, *more = batch_lines(found)
    title = alt.TitleParams(
        textwrap.wrap(answer, TITLE_WIDTH),
        subtitle=[_title(found), *more],
        anchor="start",
        fontSize=15,
        offset=12,
    )
    rows = [joined(alt.hconcat, *panels[i : i + 2], spacing=36) for i in (0, 2)]
    chart = joined(alt.vconcat, *rows, spacing=20, title=title)
    return chart.configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def _panels(found: BatchCurve) -> list[Panel]:
    """The four charts."""
    points = found.points
    ticks = [point.batch for point in points]
    over = [(float(found.overflows_at), f"overflow: batch {found.overflows_at}")] if found.overflows_at else []
    rate = Line("model", [(p.batch, p.throughput_per_s) for p in points], dots=True, above=False)
    spare = Line(
        "with SRAM for all activations", [(p.batch, p.unspilled_per_s) for p in points], colour=MARK, dashed=True
    )  # fmt: skip
    free = [(row.throughput_per_s, f"published, batch free: {_name(row)}") for row in found.published if not row.batch]
    throughput = Panel(
        "Throughput", "batch", "inferences/s", [spare, rate], _spots(found.published), over, free[:1], ticks
    )  # fmt: skip
    latency = [(float(p.batch), None if p.latency_s is None else p.latency_s * 1e3) for p in points]
    traffic = Line(found.outer, [(p.batch, _item_mb(p.dram_bytes, p.batch)) for p in points], dots=True)
    least = Line(
        "inputs, outputs, weights once", [(p.batch, _item_mb(p.least_dram_bytes, p.batch)) for p in points],
        colour=OTHER, dashed=True, above=False,
    )  # fmt: skip
    live = [(p.batch, None if p.activation_bytes is None else p.activation_bytes / MIB) for p in points]
    room = (found.sram_bytes / MIB, f"SRAM: {fmt.mebibytes(found.sram_bytes)}")
    return [
        throughput,
        Panel("Latency", "batch", "ms", [Line("", latency, dots=True)], (), over, (), ticks, log_upward=True),
        Panel(
            f"{found.outer} traffic", "batch", "MB (1e6 bytes) per item", [least, traffic], (), over, (), ticks,
            log_upward=True,
        ),
        Panel(
            "Activations", "batch", "MiB (2**20 bytes)", [Line("", live, dots=True)], (), over, [room], ticks,
            log_upward=True,
        ),
    ]  # fmt: skip


def _item_mb(count: float | None, batch: int) -> float | None:
    return None if count is None else count / batch / 1e6


def _spots(published: Sequence[PublishedPoint]) -> list[tuple[float, float, str]]:
    """Published points of a known batch, each series of one precision and kind named once."""
    known = [row for row in published if row.batch is not None]
    many = len(known) > MOST_LABELS
    named: set[str] = set()
    found = []
    for row in known:
        name = "" if many and _name(row) in named else _name(row)
        named.add(_name(row))
        found.append((float(row.batch or 1), row.throughput_per_s, name))
    return found


def _name(row: PublishedPoint) -> str:
    """What a published point is called in the picture; a star where something makes it unfair to compare."""
    return f"{row.precision or ''} {(row.mode or '').replace('_', ' ')}".strip() + ("*" if row.remarks else "")
