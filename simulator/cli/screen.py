"""Standard output for people: colour on a terminal, plain text of a fixed width elsewhere."""

import io
import os
import sys

from rich.console import Console

PIPED_WIDTH = 120
"""Columns when standard output is not a terminal: wide enough for every table."""


class _Screen(Console):
    """A console that leaves a closed pipe to `main`, where every end of the command is decided."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Return the console that prints tables to standard output; COLUMNS and NO_COLOR are heeded."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name outside the terminal's encoding is no reason to fail
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPED_WIDTH
    return _Screen(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def ascii_only() -> bool:
    """Tell whether standard output has no room for block characters, so that bars are drawn of `#`."""
    return not console().encoding.lower().startswith("utf")
