"""The commands, put together. Only what `--help` needs is imported; each command imports the rest when it runs."""

from typing import Annotated

import typer

from simulator import __version__
from simulator.cli import (
    batch,
    best,
    cache,
    chips,
    claim,
    compare,
    cost,
    explain,
    lint,
    memory,
    networks,
    pareto,
    run,
    sensitivity,
    size,
    sweep,
    validate,
)
from simulator.cli.watch import watched

_INTERRUPTED = 130

# rich_markup_mode None: plain help starts in half the time, and a usage error stays one line.
app = typer.Typer(
    name="rooftile",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run", short_help="Run a network on a chip.")(run.run)
app.command("cost", short_help="Estimate area, bill of materials and power of a chip.")(cost.cost)
app.command("compare", short_help="Compare chips: throughput per TOPS, per DRAM, per MB of SRAM.")(compare.compare)
app.command("sensitivity", short_help="Show what the next dollar buys.")(sensitivity.sensitivity)
app.command("lint", short_help="Check what of a chip a network never needs.")(lint.lint)
app.command("size", short_help="Find the cheapest chip that reaches targets.")(size.size)
app.command("explain", short_help="Explain why one chip is slower than another.")(explain.explain)
app.command("claim", short_help="Judge a claimed throughput.")(claim.claim)
app.command("batch", short_help="Find the batch: throughput, latency and traffic against it.")(batch.batch)
app.command("memory", short_help="Weigh SRAM against DRAM.")(memory.memory)
app.command("sweep", short_help="Run a network on many chips.")(sweep.sweep)
app.command("best", short_help="Show the best points of a sweep.")(best.best)
app.command("pareto", short_help="Show the points of a sweep that no other beats.")(pareto.pareto)
app.command("validate", short_help="Compare published figures with the model.")(validate.validate)
app.command("chips")(chips.chips)
app.command("networks")(networks.networks)
app.command("cache", short_help="Delete what is kept between runs.")(cache.cache)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rooftile {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def rooftile(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (the callback acts on it)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Throughput of inference chips before silicon exists, and where the TOPS went."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


UNWATCHED = ("sweep", "cache")
"""A sweep works in threads of its own, draws a bar, and says what it kept where it is interrupted."""

for command in app.registered_commands:
    if command.name not in UNWATCHED and command.callback is not None:
        command.callback = watched(command.callback)


def run_app(arguments: list[str]) -> int:
    """Run one command line.

    Returns the exit code. Raises whatever the command raises: `main` turns it into a line.
    """
    try:
        outcome = app(args=arguments, prog_name="rooftile", standalone_mode=False)
    except typer.Abort:  # the parser's word for Ctrl-C, in older versions
        raise KeyboardInterrupt from None
    if outcome == _INTERRUPTED:  # the same in newer ones
        raise KeyboardInterrupt
    return outcome if isinstance(outcome, int) else 0
