"""Standard output for people: colour on a terminal, plain text of a fixed width elsewhere."""

import io
import os
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from rich.console import Console

from simulator.cli.asked import first, last
from simulator.cli.form import chosen
from simulator.cli.output import emit, note

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPED_WIDTH = 120
"""Columns of text when standard output is not a terminal; tables take what they need."""

LINES = 24
"""Of a page, which nothing is fitted to."""

ENDING = re.compile(r"(?: |\x1b\[[\d;]*m)+$")
"""Spaces at the end of a line, and what ends colours between them."""


class _Screen(Console):
    """A console that leaves a closed pipe to `main`, where every end of the command is decided."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Return the console that prints tables to standard output; COLUMNS and NO_COLOR are heeded."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name outside the terminal's encoding is no reason to fail
    width = None
    if not _asked_width():  # rich would take a width of 0 at its word, and print nothing
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH
    # With a height rich heeds the width of a terminal that is called dumb, too.
    return _Screen(
        file=sys.stdout, width=width, height=LINES, highlight=False, markup=False, emoji=False, soft_wrap=False
    )


def _asked_width() -> bool:
    """Tell whether COLUMNS holds a width."""
    columns = os.environ.get("COLUMNS", "")
    return columns.isdecimal() and int(columns) > 0


def show(report: "RenderableType", told: bool = False) -> None:
    """Print a report in the form that is asked for. No line ends in spaces, no figure is cut, whatever the width.

    What of a network is not certain stands before it, unless the report has it (`told`); that of a CSV goes to standard error.
    What one inference of a language model is stands behind it.
    """
    before, after = "" if told and chosen.get() != "csv" else first(), last()
    if chosen.get() in ("csv", "md"):
        from simulator.report.export import as_csv, as_markdown  # noqa: PLC0415

        if chosen.get() == "csv":
            if before or after:
                note(f"{before}{after}".removesuffix("\n"))
        else:
            emit(before and f"{before}\n")
        emit((as_csv if chosen.get() == "csv" else as_markdown)(report))
        if chosen.get() == "md":
            emit(after and f"\n{after}")
        return
    from simulator.report.fit import printed  # noqa: PLC0415

    screen = console()
    with screen.capture() as capture:
        printed(report, screen, folds=sys.stdout.isatty() or _asked_width())
    emit(before and f"{before}\n")
    lines = (ENDING.sub(lambda end: end[0].replace(" ", ""), line) for line in capture.get().splitlines())
    emit("".join(f"{line}\n" for line in lines))
    notes = [line for one in after.splitlines() for line in textwrap.wrap(one, screen.width)]
    emit("".join(f"{line}\n" for line in ["", *notes]) if notes else "")


def ascii_only() -> bool:
    """Tell whether standard output has no room for block characters, so that bars are drawn of `#`."""
    return not console().encoding.lower().startswith("utf")
