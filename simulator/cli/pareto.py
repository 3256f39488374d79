"""`rooftile pareto`: the points of a sweep that no other beats."""

from typing import Annotated

import typer

from simulator.cli.best import Json, Least, Most, limits, say_missing, show
from simulator.cli.question import Plot, check_outputs
from simulator.cli.values import whole_number


def pareto_command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder that rooftile sweep made.")],
    of: Annotated[
        str, typer.Option("--of", metavar="A,B,...", help="Columns to weigh against each other.")
    ] = "throughput,cost,power",
    most: Most = None,
    least: Least = None,
    top: Annotated[int, typer.Option("--top", metavar="N", parser=whole_number, help="How many points to show.")] = 20,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Show the Pareto-optimal points of the sweep in DIR in all columns named, the best of the first column on top."""
    highest, lowest = limits(most, "--max"), limits(least, "--min")
    names = [name.strip() for name in of.split(",") if name.strip()]
    check_outputs(json, plot)
    from simulator.sweeps import read  # noqa: PLC0415

    frame = read.scan(folder, check=True)
    found = read.pareto(frame, names, highest, lowest)
    say_missing(folder)
    goals = [read.SHORT.get(name, name) for name in names]
    show(folder, found, goals, [read.SHORT.get(name, name) for name in (*highest, *lowest)], top, json, plot)
