"""What others wrote: the one reader of their files, and their names made printable.

Whatever lies at a path, reading it ends and takes bounded memory: devices and pipes have no end, and are refused. A name is made
printable where it enters, so that it can steer no terminal, forge no line and break no picture.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from simulator.errors import InputError

_KINDS = ((stat.S_ISDIR, "directory"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
# Not blocking: a pipe that was put at the name in the meantime is not waited for.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


NO_CODE = "ROOFTILE_NO_CODE"
"""Set to 1, this environment variable forbids networks that are Python files, and plug-ins: nothing of a stranger's is run."""


def code_forbidden() -> bool:
    """Whether code of others may not be run."""
    return os.environ.get(NO_CODE, "") not in ("", "0")


def printable(text: str) -> str:
    r"""A text with control characters, marks of direction and whatever else cannot be seen written as escapes.

    >>> printable("a\x1b[31mb"), printable("Größe 4 × 4")
    ('a\\x1b[31mb', 'Größe 4 × 4')
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """The same of a text that may have several lines: they become one."""
    return text if text.isprintable() else printable(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))


def text_of(path: Path, most_bytes: int, fault: type[InputError], near: Callable[[], str] = lambda: "") -> str:
    """Text of a regular file of at most so many bytes of UTF-8, without the mark that some editors put before it.

    fault: raised with one line for whatever is wrong. near: what to add where there is no such file.
    """
    raw = bytes_of(path, most_bytes, fault, near)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at {error.start}"
        raise fault(f"{printable(str(path))}: must be UTF-8 text, got {byte}") from None


def bytes_of(path: Path, most_bytes: int, fault: type[InputError], near: Callable[[], str] = lambda: "") -> bytes:
    """Bytes of a regular file of at most so many. fault, near: as of `text_of`."""
    name = printable(str(path))
    try:
        kind = _other_kind(os.stat(path).st_mode)  # before it is opened: of some devices opening alone does something
        if kind is None:
            with open(os.open(path, _FLAGS), "rb") as file:
                kind = _other_kind(os.fstat(file.fileno()).st_mode)
                raw = file.read(most_bytes + 1) if kind is None else b""
    except FileNotFoundError:
        raise fault(f"{name}: {_absent(path, near)}") from None
    except PermissionError:
        raise fault(f"{name}: may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or what the system has no bytes for
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise fault(f"{name}: cannot be read: {printable(reason)}") from None
    if kind is not None:
        raise fault(f"{name}: must be a file, got a {kind}")
    if len(raw) > most_bytes:
        raise fault(f"{name}: must be at most {most_bytes:,} bytes, got more")
    return raw


def check_regular(path: Path, fault: type[InputError], near: Callable[[], str] = lambda: "") -> None:
    """Raise `fault` with one line unless a regular file lies at a path: for files that are not read as a whole."""
    name = printable(str(path))
    try:
        kind = _other_kind(os.stat(path).st_mode)
    except FileNotFoundError:
        raise fault(f"{name}: {_absent(path, near)}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise fault(f"{name}: cannot be read: {printable(reason)}") from None
    if kind is not None:
        raise fault(f"{name}: must be a file, got a {kind}")


def _absent(path: Path, near: Callable[[], str]) -> str:
    """What is wrong with a path at which there is no file: a link may end there."""
    if os.path.islink(path):
        return f"no such file: it is a link to {printable(os.readlink(path))!r}, which is not there"
    return f"no such file{near()}"


def _other_kind(mode: int) -> str | None:
    """What something is that is no regular file."""
    return None if stat.S_ISREG(mode) else next((word for is_one, word in _KINDS if is_one(mode)), "device")
