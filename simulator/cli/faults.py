"""What a fault looks like on standard error: one line each, and an exit code."""

import contextlib
import difflib
import os
import re
import sys
import traceback
from typing import Any

from simulator.errors import InputError, RooftileError, nearest
from simulator.store.foreign import printable

DEBUG = "ROOFTILE_DEBUG"
"""Set to 1, this environment variable shows the traceback of any fault."""

_OPTIONS = {"most": "--max", "least": "--min", "params": "--param"}
"""Arguments of Python calls that the command calls otherwise than by their own names."""


_LONG = re.compile(r"\S{400,}")
"""A word that nobody reads to its end."""

NUL = "embedded null byte", "no name of a file holds a NUL character"
"""Python's word for a fault of a name that many calls of it may find, and ours."""


def _shortened(word: re.Match[str]) -> str:
    return f"{word[0][:100]}... ({len(word[0]):,} characters)"


def option(argument: str) -> str:
    """The option that sets an argument of a Python call."""
    return _OPTIONS.get(argument, f"--{argument.replace('_', '-')}")


def report(error: Exception) -> int:
    """Print `error` as lines that begin with `rooftile: ` and return the exit code it stands for."""
    if os.environ.get(DEBUG, "") not in ("", "0"):
        traceback.print_exception(error)
    lines, code = explain(error)
    for line in lines:
        say(f"rooftile: {_LONG.sub(_shortened, printable(line)).replace(*NUL)}")
    return code


def say(line: str) -> None:
    """Print one line on standard error; where nothing can be written there, the exit code has to do."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed by somebody, or none at all
        print(line, file=sys.stderr, flush=True)


def explain(error: Exception) -> tuple[list[str], int]:
    """Return the lines of an error and its exit code: ours, the command line parser's, the system's, or unexpected."""
    if isinstance(error, RooftileError):
        text = error.told(option) if isinstance(error, InputError) else str(error)
        return [line for line in text.split("\n") if line.strip()], error.exit_code
    if hasattr(error, "format_message"):  # typer carries its own copy of click, so its classes cannot be named here
        return [_usage(error)], 2
    if isinstance(error, OSError):
        where = "standard output: cannot be written" if error.filename is None else f"{error.filename}: cannot be used"
        return [f"{where}: {error.strerror or error}"], 2
    if isinstance(error, MemoryError):
        return ["memory: there is too little for this question; a smaller batch or network needs less"], 2
    kind = type(error).__name__
    first = (str(error).splitlines() or ["no message"])[0]
    return [f"internal error: {kind}: {first} (a defect of rooftile; {DEBUG}=1 shows the traceback)"], 1


def _usage(error: Any) -> str:
    """Return one line, where: what, for a fault in the command line; the parser's own words are the last resort."""
    kind = type(error).__name__
    context: Any = getattr(error, "ctx", None)
    parameter: Any = getattr(error, "param", None)
    if kind == "NoSuchOption":
        known = {name[2:] for p in context.command.params for name in p.opts if name.startswith("--")} | {"help"}
        typed = error.option_name.lstrip("-")
        # Of a word of an option's name the options that have it, else the nearest name.
        close = [name for name in sorted(known) if typed and typed in name.split("-")] if len(typed) > 1 else []
        close = close or difflib.get_close_matches(typed, sorted(known), n=1)
        meant = " or ".join(f"'--{name}'" for name in close)
        hint = f"did you mean {meant}?" if close else f"known: {', '.join('--' + k for k in sorted(known))}"
        return f"{error.option_name}: unknown option; {hint}"
    if kind == "MissingParameter" and parameter is not None:
        where = _where(parameter)
        return f"{where}: missing; see 'rooftile {context.info_name} --help'"
    message = str(error.message)
    if kind == "BadParameter" and parameter is not None:
        return f"{_where(parameter)}: {message}"
    if message.startswith("No such command"):
        name = message.split("'")[1]
        return f"{name}: unknown command{nearest(name, context.command.commands)}"
    if "unexpected extra argument" in message:
        return f"{message[message.rindex('(') + 1 : -1]}: unexpected; see 'rooftile {context.info_name} --help'"
    return message[:1].lower() + message[1:].removesuffix(".") + "; see 'rooftile --help'"


def _where(parameter: Any) -> str:
    """Return an option as it is typed, or an argument as the help names it."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).upper()
