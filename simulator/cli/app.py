"""The commands, put together. Only what `--help` needs is imported; each command imports the rest when it runs."""

from collections.abc import Callable
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
from simulator.cli.help import Grouped, epilog, first_steps

_INTERRUPTED = 130

# rich_markup_mode None: plain help starts in half the time, and a usage error stays one line.
app = typer.Typer(
    name="rooftile",
    cls=Grouped,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (run.run, "Run a network on a chip."),
    (cost.cost, "Estimate area, bill of materials and power of a chip."),
    (compare.compare, "Compare chips: throughput per TOPS, per DRAM, per MB of SRAM."),
    (sensitivity.sensitivity, "Show what the next dollar buys."),
    (lint.lint, "Check what of a chip a network never needs."),
    (size.size, "Find the cheapest chip that reaches targets."),
    (explain.explain, "Explain why one chip is slower than another."),
    (claim.claim, "Judge a claimed throughput."),
    (batch.batch, "Find the batch: throughput, latency and traffic against it."),
    (memory.memory, "Weigh SRAM against DRAM."),
    (sweep.sweep, "Run a network on many chips."),
    (best.best, "Show the best points of a sweep."),
    (pareto.pareto, "Show the points of a sweep that no other beats."),
    (validate.validate, "Compare published figures with the model."),
    (chips.chips, "List the bundled chips."),
    (networks.networks, "List the bundled networks and their parameters."),
    (cache.cache, "Delete what is kept between runs."),
)
for _function, _what in _COMMANDS:
    _name = _function.__name__
    app.command(_name, short_help=_what, epilog=epilog(_name))(_function)


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
        typer.echo(first_steps(__version__))


def run_app(arguments: list[str]) -> int:
    """Run one command line.

    Returns the exit code. Raises whatever the command raises: `main` turns it into a line.
    """
    try:
        outcome = app(args=arguments, prog_name="rooftile", standalone_mode=False)
    except SystemExit as leaving:  # the way in which completion ends
        return leaving.code if isinstance(leaving.code, int) else 0
    except typer.Abort:  # the parser's word for Ctrl-C, in older versions
        raise KeyboardInterrupt from None
    if outcome == _INTERRUPTED:  # the same in newer ones
        raise KeyboardInterrupt
    return outcome if isinstance(outcome, int) else 0
