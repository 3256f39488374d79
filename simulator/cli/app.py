"""The commands, put together. Only what `--help` needs is imported; each command imports the rest when it runs."""

import copy
import functools
import inspect
import os
import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any

import typer

from simulator import __version__
from simulator.cli import (
    asked,
    batch,
    best,
    cache,
    chips,
    claim,
    compare,
    cost,
    explain,
    generate,
    lint,
    mcp,
    memory,
    networks,
    pareto,
    run,
    sensitivity,
    serve,
    size,
    sweep,
    validate,
)
from simulator.cli.faults import say
from simulator.cli.form import answering
from simulator.cli.help import Grouped, first_steps
from simulator.cli.passes import of_passes
from simulator.cli.watch import watched
from simulator.errors import PluginWarning
from simulator.store.foreign import printable

_INTERRUPTED = 130

_NO_CODE = "ROOFTILE_NO_CODE"  # as in graph/load.py, whose import --help must not wait for

_NoCode = Annotated[
    bool,
    typer.Option(
        "--no-code", help=f"Refuse networks that are Python files, and plug-ins: they are run. {_NO_CODE}=1 too."
    ),
]


def _able_to_forbid_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command with `--no-code`, where it takes a network: the reader of networks heeds it, and nothing between."""
    signature = inspect.signature(function)
    if not {"network", "networks"} & signature.parameters.keys():
        return function

    @wraps(function)
    def command(*, no_code: bool, **given: Any) -> Any:
        if not no_code:
            return function(**given)
        before = os.environ.get(_NO_CODE, "")
        os.environ[_NO_CODE] = "1"  # also for the processes that the command starts
        try:
            return function(**given)
        finally:
            os.environ[_NO_CODE] = before

    option = inspect.Parameter("no_code", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_NoCode)
    changed: Any = command
    changed.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])
    changed.__annotations__ = {**function.__annotations__, "no_code": _NoCode}
    return command


class _Commands(typer.Typer):
    """All commands."""

    def command(self, name: str | None = None, **options: Any) -> Any:
        """As typer's, of a function that can forbid code, and that takes the passes of language models."""
        declare = super().command(name, **options)
        return lambda function: declare(_able_to_forbid_code(of_passes(function)))


# rich_markup_mode None: plain help starts in half the time, and a usage error stays one line.
app = _Commands(
    name="rooftile",
    cls=Grouped,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run", short_help="Run a network on a chip.")(answering(run.run_command, "run", reports=True))
app.command("cost", short_help="Estimate area, bill of materials and power of a chip.")(
    answering(cost.cost_command, "cost", reports=True)
)
app.command("compare", short_help="Compare chips: throughput per TOPS, per DRAM, per MB of SRAM.")(
    answering(compare.compare_command, "compare", reports=True)
)
app.command("sensitivity", short_help="Show what the next dollar buys.")(
    answering(sensitivity.sensitivity_command, "sensitivity", reports=True)
)
app.command("lint", short_help="Find resources of a chip that a network does not need.")(
    answering(lint.lint_command, "lint", reports=True)
)
app.command("size", short_help="Find the cheapest chip that reaches targets.")(
    answering(size.size_command, "size", reports=True)
)
app.command("explain", short_help="Explain why one chip is slower than another.")(
    answering(explain.explain_command, "explain", reports=True)
)
app.command("claim", short_help="Judge a claimed throughput.")(answering(claim.claim_command, "claim"))
app.command("batch", short_help="Find the batch: throughput, latency and traffic against it.")(
    answering(batch.batch_command, "batch", reports=True)
)
app.command("generate", short_help="Run a language model: tokens/s, TTFT, TPOT, memory, cost.")(
    answering(generate.generate_command, "generate", reports=True)
)
app.command("memory", short_help="Weigh SRAM against DRAM.")(answering(memory.memory_command, "memory", reports=True))
app.command("sweep", short_help="Run a network on many chips.")(sweep.sweep_command)
app.command("best", short_help="Show the best points of a sweep.")(answering(best.best_command, "best", reports=True))
app.command("pareto", short_help="Show the Pareto-optimal points of a sweep.")(
    answering(pareto.pareto_command, "pareto", reports=True)
)
app.command("validate", short_help="Compare published figures with the model.")(
    answering(validate.validate_command, "validate")
)
app.command("chips", short_help="List the bundled chips.")(answering(chips.chips_command, "chips"))
app.command("networks")(answering(networks.networks_command, "networks"))
app.command("serve", short_help="Serve the page in a browser.")(serve.serve_command)
app.command("mcp", short_help="Serve agents over standard input and output.")(mcp.mcp_command)
app.command("cache", short_help="Show or delete the files kept between runs.")(cache.cache_command)


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


UNWATCHED = ("sweep", "cache", "serve", "mcp")
"""A sweep works in threads of its own, draws a bar, and says what it kept where it is interrupted. Servers hear
Ctrl-C themselves."""

for command in app.registered_commands:
    if command.name not in UNWATCHED and command.callback is not None:
        command.callback = watched(command.callback)


@contextmanager
def _lines_of_warnings() -> Iterator[None]:
    """Show a warning of a plug-in as one line, others as Python does."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", PluginWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, PluginWarning):
                say(f"rooftile: warning: {printable(str(message))}")
            else:
                usual(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]  # the place is handed on as it comes
        yield


@functools.cache
def parser(command: str = "") -> Any:
    """What reads the words of a command line, of one command alone or of all: made once a process, since it takes longer than
    many an answer, and that of one a twentieth of a second less than that of all."""
    alone = copy.copy(app)
    alone.registered_commands = [each for each in app.registered_commands if each.name == command]
    return typer.main.get_command(alone if alone.registered_commands else app)


def run_app(arguments: list[str]) -> int:
    """Run one command line.

    Returns the exit code. Raises whatever the command raises: `main` turns it into a line.
    """
    asked.typed.set(shlex.join(["rooftile", *arguments]))
    try:
        with _lines_of_warnings():
            outcome = parser(arguments[0] if arguments else "")(
                args=arguments, prog_name="rooftile", standalone_mode=False
            )
    except SystemExit as leaving:  # the way in which completion ends
        return leaving.code if isinstance(leaving.code, int) else 0
    except typer.Abort:  # the parser's word for Ctrl-C, in older versions
        raise KeyboardInterrupt from None
    if outcome == _INTERRUPTED:  # the same in newer ones
        raise KeyboardInterrupt
    return outcome if isinstance(outcome, int) else 0
