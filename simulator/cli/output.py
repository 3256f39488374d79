"""Where answers go: standard output, or a file that is there whole or not at all."""

import os
import sys
from pathlib import Path

from simulator.errors import OptionError
from simulator.progress import aside
from simulator.store import whole

MOST_SHOWN = 100
"""Characters of a path in a message."""


def check_writable(option: str, path: str) -> None:
    """Refuse an output path that cannot work before the work is done.

    `option` names the option in the message. Raises OptionError.
    """
    place = Path(path)
    try:
        there = _there(place)
        if there and place.is_dir():
            raise OptionError(f"{option}: must be a file that can be written, got the folder {path!r}")
        if not place.parent.is_dir():
            raise OptionError(f"{option}: cannot write {path!r}: there is no folder {str(place.parent)!r}")
        if not os.access(place if there else place.parent, os.W_OK):
            raise OptionError(f"{option}: cannot write {path!r}: no permission")
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise OptionError(f"{option}: cannot write {_cut(path)}: {_reason(error)}") from None


def emit(text: str) -> None:
    """Write to standard output. Raises BrokenPipeError without a number: with one the parser would end the process itself."""
    try:
        with aside():
            sys.stdout.write(text)
    except BrokenPipeError:
        raise BrokenPipeError from None


def note(text: str) -> None:
    """Say something beside the answer, on standard error: one line, there at once."""
    with aside():
        print(text, file=sys.stderr, flush=True)


def write(option: str, path: str, text: str) -> None:
    """Write `text` to the file `path`, or to standard output for `-`.

    A file appears whole or stays as it was; a device or a pipe (`/dev/null`) is written in place.
    Raises OptionError when the system refuses.
    """
    if path == "-":
        emit(text)
        return
    try:
        whole.deliver(path, text.encode())
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise OptionError(f"{option}: cannot write {_cut(path)}: {_reason(error)}") from None


def _there(place: Path) -> bool:
    """Whether there is something at a path, or may be. Raises OSError and ValueError where there can be nothing."""
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return True


def _cut(path: str) -> str:
    """A path as messages show it."""
    return repr(path if len(path) <= MOST_SHOWN else path[:MOST_SHOWN] + "...")


def _reason(error: OSError | ValueError) -> str:
    """What the system says."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
