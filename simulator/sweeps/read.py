"""Reading a sweep back: the best points within limits, and the points that no other beats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError, argument, nearest
from simulator.sweeps import folder as store

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]

SHORT = {
    "throughput": "throughput_per_s",
    "latency": "latency_s",
    "cost": "relative_cost",
    "power": "power_w",
    "area": "area_mm2",
    "energy": "energy_per_inference_j",
}
"""Words for columns that are asked for most."""

LESS_IS_BETTER = (
    "latency_s", "dram_bytes", "load_bytes", "area_mm2", "bill_usd", "bill_low_usd", "bill_high_usd", "relative_cost",
    "power_w", "energy_per_inference_j",
)  # fmt: skip
"""Columns of which less is better; of the others, axes included, more is."""


def scan(folder: str | Path, check: bool = False) -> "pl.LazyFrame":
    """A sweep folder as a LazyFrame, points in the order of the plan.

    check: read every part and compare it with its checksum. Raises OptionError for a folder without parts, and for a
    damaged part by name.
    """
    store.need_extra()
    import polars as pl  # noqa: PLC0415

    place = Path(folder)
    plan = store.read_plan_of(place)
    parts = store.checked_parts(place, repair=False) if check else store.parts_of(place, plan)
    if not parts:
        raise OptionError(f"{place}: has no parts yet; run the sweep first")
    from simulator.sweeps.points import shown_scan  # noqa: PLC0415

    return shown_scan(pl.scan_parquet([part.path for part in parts.values()]))


def progress_of(folder: str | Path) -> tuple[int, int]:
    """(points there, points of the plan)."""
    plan = store.read_plan_of(Path(folder))
    parts = store.parts_of(Path(folder), plan)
    return sum(store.points_of(plan, at) for at in parts), int(plan["points"])


def subject_of(folder: str | Path) -> str:
    """What a sweep is about, in words; empty of a folder that does not say it."""
    return str(store.read_plan_of(Path(folder)).get(store.SUBJECT, ""))


def column_of(frame: "pl.LazyFrame", name: str, label: str, numeric: bool = True) -> str:
    """The column meant by a word. Raises OptionError with the nearest names."""
    schema = frame.collect_schema()
    full = SHORT.get(name, name)
    if full not in schema:
        raise OptionError(f"{label}: unknown column {name!r}{nearest(name, [*schema.names(), *SHORT])}")
    if numeric and not schema[full].is_numeric():
        raise OptionError(f"{label}: must be a column of numbers, got {name!r}")
    return full


def limited(frame: "pl.LazyFrame", most: Mapping[str, float], least: Mapping[str, float]) -> "pl.LazyFrame":
    """Points that run, with no column above `most` or below `least`; unknown figures are outside every limit."""
    import polars as pl  # noqa: PLC0415

    frame = frame.filter(pl.col("throughput_per_s").is_not_null())
    for name, value in most.items():
        frame = frame.filter(pl.col(column_of(frame, name, argument("most", f"{name}={value:g}"))) <= value)
    for name, value in least.items():
        frame = frame.filter(pl.col(column_of(frame, name, argument("least", f"{name}={value:g}"))) >= value)
    return frame


def best(
    frame: "pl.LazyFrame",
    by: str,
    most: Mapping[str, float] | None = None,
    least: Mapping[str, float] | None = None,
    top: int = 10,
) -> "pl.DataFrame":
    """The `top` points by one column, within limits; of equals the first of the plan. Less is better of LESS_IS_BETTER."""
    import polars as pl  # noqa: PLC0415

    column = column_of(frame, by, argument("by", by))
    kept = limited(frame, most or {}, least or {}).with_row_index("_point").filter(pl.col(column).is_not_null())
    # By the number of the point too, so that equal inputs give equal answers.
    sorted_ = kept.sort([column, "_point"], descending=[column not in LESS_IS_BETTER, False])
    return sorted_.head(top).drop("_point").collect()


def pareto(
    frame: "pl.LazyFrame",
    of: Sequence[str],
    most: Mapping[str, float] | None = None,
    least: Mapping[str, float] | None = None,
) -> "pl.DataFrame":
    """The points that no other beats in all of the columns `of`, sorted by the first; of equal points the first."""
    import polars as pl  # noqa: PLC0415

    if len(of) < 2:
        raise OptionError(key="of", must="name at least two columns, such as throughput,cost", got=",".join(of))
    columns = [column_of(frame, name, argument("of", ",".join(of))) for name in of]
    if len(dict.fromkeys(columns)) < len(columns):
        raise OptionError(key="of", must="name each column once", got=",".join(of))
    kept = limited(frame, most or {}, least or {}).with_row_index("_point")
    for column in columns:
        kept = kept.filter(pl.col(column).is_not_null())
    signs = [1.0 if column in LESS_IS_BETTER else -1.0 for column in columns]
    values = kept.select("_point", *columns).collect()
    goals = np.stack([values[c].to_numpy().astype(np.float64) * s for c, s in zip(columns, signs, strict=True)], axis=1)
    rows = front(goals)
    points = values["_point"].to_numpy()[rows]
    chosen = kept.filter(pl.col("_point").is_in(points.tolist())).collect()
    place = {point: at for at, point in enumerate(points.tolist())}
    order: list[Any] = sorted(range(len(chosen)), key=lambda at: place[chosen["_point"][at]])
    return chosen[order].drop("_point")


def front(goals: Floats) -> npt.NDArray[np.int64]:
    """Rows of `goals` (all to be small) that no other row beats, by the first column; of equal rows the first.

    Rows come in rising order, so only rows already kept can beat a new one.
    """
    order = np.lexsort((np.arange(len(goals)), *goals.T[::-1]))
    kept: list[int] = []
    alive = order
    while len(alive):
        first = alive[0]
        kept.append(int(first))
        # What the first row beats or equals is gone, itself too.
        alive = alive[(goals[alive] < goals[first]).any(axis=1)]
    return np.array(kept, dtype=np.int64)
