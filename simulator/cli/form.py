"""`--format`, which every command has that prints a table."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Annotated, Any

import typer

from simulator.cli import reporting
from simulator.cli.asked import Asked, asked
from simulator.errors import OptionError, nearest

chosen: ContextVar[str] = ContextVar("form", default="table")
"""In which form the command at work answers."""

FORMS = ("table", "csv", "md", "json")
"""Forms of an answer. csv: the ranking, else the largest table of the report. json: all of it, as `--json -`."""

Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="F",
        help="Answer as table, csv (its ranking, else its largest table), md, or json (everything).",
    ),
]


def answering(command: Callable[..., None], name: str, reports: bool = False) -> Callable[..., None]:
    """A command with `--format`: its tables in another form, or its JSON on standard output.

    name: the command's, which its JSON carries. reports: with `--report`.
    """
    signature = inspect.signature(command)
    options_here = [inspect.Parameter("format", inspect.Parameter.KEYWORD_ONLY, default="table", annotation=Format)]
    if reports:
        options_here.append(
            inspect.Parameter("report", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=reporting.Report)
        )

    @functools.wraps(command)
    def run(*, format: str, report: str | None = None, **options: Any) -> None:
        if format not in FORMS:
            raise OptionError(f"--format: must be one of {', '.join(FORMS)}, got {format!r}{nearest(format, FORMS)}")
        if format == "json":
            if options.get("json") not in (None, "-"):
                raise OptionError("--format json: writes to standard output; --json FILE writes to a file")
            options["json"] = "-"
        reporting.check_report(report)
        before = (
            chosen.set(format),
            asked.set(Asked(name)),
            reporting.wanted.set(report),
            reporting.details.set(()),
        )
        try:
            command(**options)
        finally:
            chosen.reset(before[0])
            asked.reset(before[1])
            reporting.wanted.reset(before[2])
            reporting.details.reset(before[3])

    keep = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=[*keep, *options_here])  # type: ignore[attr-defined]
    return run
