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

    def command(self, name: str | None = None, *, answers: bool = False, reports: bool = False, **options: Any) -> Any:
        """As typer's, of a function that can forbid code, and that takes the passes of language models.

        answers: it takes `--format`. reports: and `--report`.
        """
        declare = super().command(name, **options)

        def put(function: Callable[..., None]) -> Any:
            answered = answering(function, name or function.__name__, reports) if answers else function
            return declare(_able_to_forbid_code(of_passes(answered)))

        return put


# rich_markup_mode None: plain help starts in half the time, and a usage error stays one line.
app = _Commands(
    name="rooftile",
    cls=Grouped,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run", answers=True, reports=True, short_help="Run a network on a chip.")(run.run_command)
app.command("cost", answers=True, reports=True, short_help="Estimate area, bill of materials and power of a chip.")(
    cost.cost_command
)
app.command(
    "compare", answers=True, reports=True, short_help="Compare chips: throughput per TOPS, per DRAM, per MB of SRAM."
)(compare.compare_command)
app.command("sensitivity", answers=True, reports=True, short_help="Show what the next dollar buys.")(
    sensitivity.sensitivity_command
)
app.command("lint", answers=True, reports=True, short_help="Find resources of a chip that a network does not need.")(
    lint.lint_command
)
app.command("size", answers=True, reports=True, short_help="Find the cheapest chip that reaches targets.")(
    size.size_command
)
app.command("explain", answers=True, reports=True, short_help="Explain why one chip is slower than another.")(
    explain.explain_command
)
app.command("claim", answers=True, short_help="Judge a claimed throughput.")(claim.claim_command)
app.command(
    "batch", answers=True, reports=True, short_help="Find the batch: throughput, latency and traffic against it."
)(batch.batch_command)
app.command(
    "generate", answers=True, reports=True, short_help="Run a language model: tokens/s, TTFT, TPOT, memory, cost."
)(generate.generate_command)
app.command("memory", answers=True, reports=True, short_help="Weigh SRAM against DRAM.")(memory.memory_command)
app.command("sweep", short_help="Run a network on many chips.")(sweep.sweep_command)
app.command("best", answers=True, reports=True, short_help="Show the best points of a sweep.")(best.best_command)
app.command("pareto", answers=True, reports=True, short_help="Show the Pareto-optimal points of a sweep.")(
    pareto.pareto_command
)
app.command("validate", answers=True, short_help="Compare published figures with the model.")(validate.validate_command)
app.command("chips", answers=True, short_help="List the bundled chips.")(chips.chips_command)
app.command("networks", answers=True)(networks.networks_command)
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
