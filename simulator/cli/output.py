"""Where answers go: standard output, or a file that is there whole or not at all."""

import os
import sys
from pathlib import Path

from simulator.errors import OptionError
from simulator.store import whole


def check_writable(option: str, path: str) -> None:
    """Refuse an output path that cannot work before the work is done.

    `option` names the option in the message. Raises OptionError.
    """
    place = Path(path)
    if place.is_dir():
        raise OptionError(f"{option}: must be a file that can be written, got the folder {path!r}")
    if not place.parent.is_dir():
        raise OptionError(f"{option}: cannot write {path!r}: there is no folder {str(place.parent)!r}")
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        raise OptionError(f"{option}: cannot write {path!r}: no permission")


def emit(text: str) -> None:
    """Write to standard output. Raises BrokenPipeError without a number: with one the parser would end the process itself."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise BrokenPipeError from None


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
    except OSError as error:
        raise OptionError(f"{option}: cannot write {path!r}: {error.strerror or error}") from None
