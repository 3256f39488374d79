"""`rooftile best`: the best points of a sweep within limits."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.asked import swept
from simulator.cli.output import note, write
from simulator.cli.question import Plot, check_outputs, working
from simulator.cli.reporting import deliver_plain, detail, wanted
from simulator.cli.values import whole_number
from simulator.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

Most = Annotated[
    list[str] | None,
    typer.Option("--max", metavar="COLUMN=VALUE", help="Only points at or below it, such as relative_cost=2."),
]
Least = Annotated[
    list[str] | None,
    typer.Option("--min", metavar="COLUMN=VALUE", help="Only points at or above it, such as throughput_per_s=1000."),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write the points as JSON; - for standard output.")
]


def best_command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that rooftile sweep made.")],
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="Best by this column, such as throughput_per_usd.")
    ] = "throughput_per_s",
    most: Most = None,
    least: Least = None,
    top: Annotated[int, typer.Option("--top", metavar="N", parser=whole_number, help="How many points.")] = 10,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Show the best points of the sweep in DIR: most of COLUMN, or least of a cost, a power, a latency, an area."""
    highest, lowest = limits(most, "--max"), limits(least, "--min")
    check_outputs(json, plot)
    from simulator.sweeps import read  # noqa: PLC0415

    frame = read.scan(folder, check=True)
    found = read.best(frame, by, highest, lowest, top)
    say_missing(folder)
    limited = [read.SHORT.get(name, name) for name in (*highest, *lowest)]
    show(folder, found, [read.column_of(frame, by, "--by")], limited, top, json, plot)


def axes_of(folder: str) -> list[str]:
    """Keys that a sweep varied."""
    from pathlib import Path  # noqa: PLC0415

    from simulator.sweeps.folder import read_plan_of  # noqa: PLC0415

    return [str(axis["key"]) for axis in read_plan_of(Path(folder)).get("vary", [])]


def limits(texts: list[str] | None, option: str) -> dict[str, float]:
    """Read COLUMN=VALUE options. Raises OptionError."""
    if not texts:
        return {}
    from simulator.reading.values import value_of  # noqa: PLC0415
    from simulator.sweeps.read import SHORT  # noqa: PLC0415

    out: dict[str, float] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        try:
            number = value_of(SHORT.get(name, name), value) if equals and name and value else ""
        except ValueError as error:
            raise OptionError(f"{option} {text}: {name}: {error}") from None
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise OptionError(f"{option}: must be COLUMN=VALUE, such as relative_cost=2, got {text!r}")
        if name in out:
            raise OptionError(f"{option} {text}: {name}: given twice")
        out[name] = float(number)
    return out


def say_missing(folder: str) -> None:
    """Say on standard error that a sweep is not finished."""
    from simulator.sweeps.read import progress_of  # noqa: PLC0415

    there, points = progress_of(folder)
    if there < points:
        note(f"{there:,} of {points:,} points are there; the sweep is not finished")


def detail_of(folder: str, axes: "Sequence[str]", row: "Mapping[str, Any]") -> None:
    """Have the report show a point of a sweep in full, where its network and chip are as they were."""
    if wanted.get() is None:
        return
    from simulator.sweeps.again import point  # noqa: PLC0415

    found = point(folder, row)
    if found is not None:
        values = ", ".join(f"{key}={row[key]}" for key in axes)
        detail("the first point", *found, told=f"{values}. ")


def show(
    folder: str,
    found: "pl.DataFrame",
    goals: list[str],
    limited: list[str],
    top: int,
    json: str | None,
    plot: str | None,
) -> None:
    """Print the first points as a table, draw all, and write all as JSON: all columns, null for what is unknown."""
    from simulator.report.points import Points, points_chart, points_report  # noqa: PLC0415
    from simulator.sweeps.again import bounds  # noqa: PLC0415
    from simulator.sweeps.read import subject_of  # noqa: PLC0415

    rows = found.to_dicts()
    with working():
        bound = bounds(folder, rows[:top])
    rows = [
        {**row, "bound_by": roof} for row, roof in zip(rows, [*bound, *[None] * (len(rows) - len(bound))], strict=True)
    ]
    columns = [
        *limited,
        "throughput_per_s",
        "latency_s",
        "bill_usd",
        "power_w",
        "utilisation",
        "bound_by",
        "largest_loss",
    ]
    points = Points(rows, min(top, len(rows)), axes_of(folder), goals, columns, subject_of(folder))
    doubts = swept(folder)
    if rows:
        detail_of(folder, points.axes, rows[0])
    deliver_plain(lambda: points_report(points), lambda: [points_chart(points)], title=points.about)
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(rows))
    if plot is not None:
        from simulator.report.page import save  # noqa: PLC0415

        save("--plot", points_chart(points), plot)
    if json != "-":
        from simulator.cli.screen import show as show_report  # noqa: PLC0415

        show_report(points_report(points))
    elif doubts:  # a list of rows has no place for them
        note(doubts.removesuffix("\n"))
