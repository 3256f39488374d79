"""The best points of a sweep, and those that no other beats: a sentence, a table, a picture."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.errors import argument
from simulator.report import format as fmt
from simulator.report.cells import Axis, Cell, cells_map
from simulator.report.page import TITLE_WIDTH, require_charts
from simulator.report.scatter import scatter_chart
from simulator.sweeps.read import LESS_IS_BETTER, best, column_of, pareto
from simulator.vocabulary import CAUSES, ROOF_NAMES

Row = Mapping[str, Any]

WORDS = {
    "throughput_per_s": "1/s",
    "latency_s": "latency ms",
    "utilisation": "busy %",
    "effective_utilisation": "effective %",
    "largest_loss": "largest loss",
    "bound_by": "bound by",
    "dram_bytes": "DRAM MB",
    "load_bytes": "loaded once MB",
    "area_mm2": "mm2",
    "bill_usd": "bill USD",
    "bill_low_usd": "bill from USD",
    "bill_high_usd": "bill to USD",
    "relative_cost": "relative cost",
    "power_w": "W",
    "throughput_per_usd": "1/s a USD",
    "throughput_per_tops": "1/s a TOPS",
    "throughput_per_dram": "1/s a DRAM",
    "throughput_per_sram_mib": "1/s a MiB",
    "throughput_per_w": "1/s a W",
    "throughput_per_mm2": "1/s a mm2",
    "energy_per_inference_j": "mJ each",
}
"""Columns of a sweep as headings; any other column, such as a varied key, is its own heading."""

SAID = {
    "throughput_per_s": "throughput",
    "throughput_per_usd": "throughput per USD",
    "throughput_per_tops": "throughput per TOPS",
    "throughput_per_dram": "throughput per DRAM",
    "throughput_per_sram_mib": "throughput per MiB of SRAM",
    "throughput_per_w": "throughput per watt",
    "throughput_per_mm2": "throughput per mm2",
    "latency_s": "latency in ms",
    "bill_usd": "bill in USD",
    "power_w": "power in W",
    "area_mm2": "area in mm2",
    "utilisation": "utilisation in %",
    "energy_per_inference_j": "energy per inference in mJ",
}
"""The same in a sentence."""

_SCALE = {"latency_s": 1e3, "utilisation": 1e2, "effective_utilisation": 1e2, "dram_bytes": 1e-6, "load_bytes": 1e-6,
          "energy_per_inference_j": 1e3}  # fmt: skip


SHOWN = 10
"""Rows of a table in a notebook."""


@dataclass(frozen=True)
class Points:
    """Points of a sweep that are shown, the first the best."""

    rows: Sequence[Row]
    """Columns of the sweep, and `bound_by`; the first `shown` of them are in the table."""
    shown: int
    axes: Sequence[str]
    """Varied keys."""
    goals: Sequence[str]
    """What is wanted most, or least; one for the best, several for a front."""
    columns: Sequence[str] = field(default=())
    """Columns beside the axes and goals."""
    about: str = ""
    """What was swept, in words; empty where it is not known."""


def points_report(found: Points, more: str = "; `--top {count}` shows all") -> Group:
    """The answer in a sentence, then the points. more: how to see those that are not shown."""
    if not found.rows:
        return Group(Text("No point is within the limits."))
    lines = [*lines_of(found), *([found.about] if found.about else [])]
    if found.shown < len(found.rows):
        lines.append(f"The first {found.shown} are shown{more.format(count=len(found.rows))}.")
    return Group(*map(Text, lines), Text(), _table(found))


def lines_of(found: Points) -> list[str]:
    """What the points say, in words."""
    first, goal = found.rows[0], found.goals[0]
    if len(found.goals) == 1:
        most = "Least" if goal in LESS_IS_BETTER else "Most"
        line = f"{most} {_name(goal)}: {_value(first, goal)}, with {_where(first, found.axes)}"
        if first.get("bound_by"):
            line += f"; bound by {_word(first['bound_by'])}"
        lines = [f"{line}."]
    else:
        names = ", ".join(map(_name, found.goals))
        lines = [f"{len(found.rows):,} Pareto-optimal points in {names}."]
        at = knee(found.rows, found.goals)
        if at is not None:
            figures = ", ".join(f"{_name(name)} {_value(found.rows[at], name)}" for name in found.goals)
            lines.append(f"The knee is at {_where(found.rows[at], found.axes)}: {figures}.")
    return lines


def knee(rows: Sequence[Row], goals: Sequence[str]) -> int | None:
    """The point of a front that gives up least in all goals together; None for fewer than three points.

    Each goal is taken from 0, the worst of the front, to 1, its best, by its logarithm; the knee has the largest sum.
    """
    if len(rows) < 3:
        return None
    sums = [0.0] * len(rows)
    for goal in goals:
        values = [math.log(max(float(row[goal]), 1e-300)) for row in rows]
        low, high = min(values), max(values)
        for at, value in enumerate(values):
            share = (value - low) / (high - low) if high > low else 0.0
            sums[at] += 1.0 - share if goal in LESS_IS_BETTER else share
    return max(range(len(rows)), key=lambda at: sums[at])


def _name(column: str) -> str:
    """A column as a sentence calls it."""
    return SAID.get(column, WORDS.get(column, column))


def _where(row: Row, axes: Sequence[str]) -> str:
    """The varied keys of a point."""
    return ", ".join(f"{key}={_value(row, key)}" for key in axes)


def _word(value: str) -> str:
    """A roof or a loss as a person reads it."""
    return ROOF_NAMES.get(value, CAUSES.get(value, value))


def _value(row: Row, column: str) -> str:
    """One figure or word."""
    value = row.get(column)
    if value is None:
        return "-"
    if isinstance(value, str):
        return _word(value)
    return fmt.figure(float(value) * _SCALE.get(column, 1.0)) if not isinstance(value, bool) else str(value)


def _table(found: Points) -> Table:
    """One row a point."""
    rows = found.rows[: found.shown]
    known = [
        name for name in dict.fromkeys([*found.axes, *found.goals, *found.columns]) if any(name in row for row in rows)
    ]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", justify="right", no_wrap=True)
    for name in known:
        words = any(isinstance(row.get(name), str) for row in rows)
        table.add_column(WORDS.get(name, name), justify="left" if words else "right", no_wrap=True)
    for number, row in enumerate(rows, 1):
        table.add_row(str(number), *(Text(_value(row, name)) for name in known))
    return table


def points_chart(found: Points) -> Any:
    """The points on two axes: the first goal against the second, or against the bill.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    upward = found.goals[0]
    across = found.goals[1] if len(found.goals) > 1 else "bill_usd" if upward != "bill_usd" else "throughput_per_s"
    if not found.rows:
        return scatter_chart(alt, [], "", "", "No point is within the limits")
    at = knee(found.rows, found.goals) if len(found.goals) > 1 else 0
    rows = [
        {"label": _where(row, found.axes), "of": _where(row, found.axes), "kind": "published" if number == at else "other",
         "x": float(row[across]) * _SCALE.get(across, 1.0), "y": float(row[upward]) * _SCALE.get(upward, 1.0)}
        for number, row in enumerate(found.rows) if row.get(across) and row.get(upward)
    ]  # fmt: skip
    named = {0, len(rows) - 1} if at is None else {0, at, len(rows) - 1}
    rows = [{**row, "label": row["label"] if number in named else ""} for number, row in enumerate(rows)]
    said = lines_of(found)
    title = said[1] if at is not None and len(found.goals) > 1 else said[0]
    legend = ["blue: the knee"] if len(found.goals) > 1 else ["blue: the best"]
    return scatter_chart(alt, rows, _name(across), _name(upward), title, legend).configure(padding=12)


MOST_DRAWN = 200
"""Points of a picture of the fastest."""


def _axes(frame: Any) -> list[str]:
    """What varied: the first columns."""
    names = frame.lazy().collect_schema().names()
    return list(names[: names.index("throughput_per_s")])


def front_of(frame: Any) -> Points:
    """The points of a sweep that no other beats in throughput and bill, or the fastest where no bill can be told.

    frame: a table of a sweep, in memory or of a folder.
    """
    lazy = frame.lazy()
    axes = _axes(frame)
    goals = ["throughput_per_s", "bill_usd"]
    rows = pareto(lazy, goals).to_dicts()
    if not rows:
        goals, rows = ["throughput_per_s", "latency_s"], best(lazy, "throughput_per_s", top=MOST_DRAWN).to_dicts()
    return Points(rows, min(len(rows), SHOWN), axes, goals, ("latency_s", "power_w", "utilisation", "largest_loss"))


def table_report(frame: Any) -> Group:
    """The points of a sweep that no other beats."""
    return points_report(front_of(frame), more="")


def table_chart(frame: Any) -> Any:
    """A picture of them. Raises OptionError when the extra `charts` is not installed."""
    return points_chart(front_of(frame))


def best_of(frame: Any, by: str) -> Points:
    """The best points of a sweep by one column. Raises OptionError for an unknown one."""
    rows = best(frame.lazy(), by, top=SHOWN).to_dicts()
    columns = ("throughput_per_s", "latency_s", "bill_usd", "power_w", "utilisation", "largest_loss")
    return Points(rows, len(rows), _axes(frame), [column_of(frame.lazy(), by, argument("by", by))], columns)


def map_chart(frame: Any, by: str) -> Any:
    """A sweep of two keys as a map of one column, the first key across. Raises OptionError as `best_of`."""
    alt, best_points = require_charts(), best_of(frame, by)
    across, upward = best_points.axes
    column = best_points.goals[0]
    scale = _SCALE.get(column, 1.0)
    cells = [
        Cell(_value(row, across), row[upward], None if row[column] is None else row[column] * scale)
        for row in frame.select(across, upward, column).to_dicts()
    ]
    said = lines_of(best_points)[0] if best_points.rows else "No point of it runs"
    along, up = (Axis(frame[key].n_unique(), key) for key in (across, upward))
    name = _name(column)
    title = alt.TitleParams(
        textwrap.wrap(said, TITLE_WIDTH),
        subtitle=f"{name[:1].upper()}{name[1:]}; darker is better; -: does not run",
        anchor="start",
        fontSize=13,
    )
    return cells_map(alt, cells, along, up, title, column in LESS_IS_BETTER).configure(padding=12)
