"""Where answers go: standard output, or a file that is there whole or not at all."""

import os
import sys
from pathlib import Path

from simulator.errors import OptionError


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


def write(option: str, path: str, text: str) -> None:
    """Write `text` to the file `path`, or to standard output for `-`.

    A file appears whole, by rename, or stays as it was; a device or a pipe (`/dev/null`) is written in place.
    Raises OptionError when the system refuses.
    """
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        place = Path(path).resolve()  # through links: the link stays, the file it names is replaced
        if place.exists() and not place.is_file():
            place.write_text(text, encoding="utf-8")
        else:
            _replace(place, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OptionError(f"{option}: cannot write {path!r}: {error.strerror or error}") from None


def _replace(place: Path, text: str) -> None:
    """Write beside `place`, then rename over it; nothing is left behind on failure."""
    temporary = place.with_name(f".{place.name[:100]}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            if place.exists():
                os.chmod(temporary, place.stat().st_mode & 0o777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
