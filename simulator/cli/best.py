"""`rooftile best`: the best points of a sweep within limits."""

import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.output import check_writable, write
from simulator.cli.values import plain_value, whole_number
from simulator.errors import OptionError
from simulator.store.foreign import printable

if TYPE_CHECKING:
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


def best(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that rooftile sweep made.")],
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="Best by this column, such as throughput_per_usd.")
    ] = "throughput_per_s",
    most: Most = None,
    least: Least = None,
    top: Annotated[int, typer.Option("--top", metavar="N", parser=whole_number, help="How many points.")] = 10,
    json: Json = None,
) -> None:
    """Show the best points of the sweep in DIR: most of COLUMN, or least of a cost, a power, a latency, an area."""
    highest, lowest = limits(most, "--max"), limits(least, "--min")
    if json is not None and json != "-":
        check_writable("--json", json)
    from simulator.sweeps import read  # noqa: PLC0415

    frame = read.scan(folder, check=True)
    found = read.best(frame, by, highest, lowest, top)
    say_missing(folder)
    axes = axes_of(folder)
    show(
        found,
        json,
        [*axes, *_columns(read.column_of(frame, by, "--by"), highest, lowest)],
        "no point is within the limits",
    )


def axes_of(folder: str) -> list[str]:
    """Keys that a sweep varied."""
    from pathlib import Path  # noqa: PLC0415

    from simulator.sweeps.folder import read_plan_of  # noqa: PLC0415

    return [str(axis["key"]) for axis in read_plan_of(Path(folder)).get("vary", [])]


def _columns(by: str, most: dict[str, float], least: dict[str, float]) -> list[str]:
    """Columns shown: the one asked for, those of the limits, and the usual ones."""
    from simulator.sweeps.read import SHORT  # noqa: PLC0415

    asked = [SHORT.get(name, name) for name in (by, *most, *least)]
    usual = ["throughput_per_s", "latency_s", "utilisation", "bound_by", "relative_cost", "power_w"]
    return list(dict.fromkeys([*asked, *usual]))


def limits(texts: list[str] | None, option: str) -> dict[str, float]:
    """Read COLUMN=VALUE options. Raises OptionError."""
    out: dict[str, float] = {}
    for text in texts or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        number = plain_value(value) if equals and name and value else ""
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
        print(f"{there:,} of {points:,} points are there; the sweep is not finished", file=sys.stderr)


def show(found: "pl.DataFrame", json: str | None, columns: list[str], nothing: str) -> None:
    """Print points as a table, and write them as JSON: all columns, null for what is unknown."""
    if json is not None:
        from simulator.report.document import to_json  # noqa: PLC0415

        write("--json", json, to_json(found.to_dicts()))
    if json == "-":
        return
    if not len(found):
        print(nothing)
        return
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from simulator.cli.screen import console  # noqa: PLC0415

    chosen = [name for name in dict.fromkeys(columns) if name in found.columns]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in chosen:
        table.add_column(
            printable(name), justify="right" if found.schema[name].is_numeric() else "left", overflow="fold"
        )
    for row in found.select(chosen).rows():
        table.add_row(*(_text(value) for value in row))
    console().print(table)


def _text(value: object) -> str:
    """One cell: four figures of a number, a dash for what is unknown."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return printable(str(value))
