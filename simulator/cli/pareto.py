"""`rooftile pareto`: the points of a sweep that no other beats."""

from typing import Annotated

import typer

from simulator.cli.best import Json, Least, Most, axes_of, limits, say_missing, show
from simulator.cli.output import check_writable


def pareto(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that rooftile sweep made.")],
    of: Annotated[
        str, typer.Option("--of", metavar="A,B,...", help="Columns to weigh against each other.")
    ] = "throughput,cost,power",
    most: Most = None,
    least: Least = None,
    json: Json = None,
) -> None:
    """Show the points of the sweep in DIR that no other beats in all columns, the best of the first column on top."""
    highest, lowest = limits(most, "--max"), limits(least, "--min")
    names = [name.strip() for name in of.split(",") if name.strip()]
    if json is not None and json != "-":
        check_writable("--json", json)
    from simulator.sweeps import read  # noqa: PLC0415

    frame = read.scan(folder, check=True)
    found = read.pareto(frame, names, highest, lowest)
    say_missing(folder)
    columns = [read.SHORT.get(name, name) for name in names]
    show(found, json, [*axes_of(folder), *columns, "utilisation", "bound_by"], "no point is within the limits")
