"""The one way to write a file: it is there whole, or stays as it was.

The content goes to a draft beside the file, which is then renamed. A draft is always a new file under a name that nobody can
foresee, so that nothing is written through a link that lies there; what a killed process left is known by the name.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

Content = bytes | bytearray | memoryview

_PREFIX = ".rooftile-"
_MOST_NAME = 56  # characters of the file's name in its draft's: names have at most 255 bytes
_DRAFT = re.compile(rf"{re.escape(_PREFIX)}[0-9a-f]{{12}}\.(.+)", re.DOTALL)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def write(place: Path, content: Content, *, durable: bool = True, mode: int = 0o666) -> None:
    """Write a file whole; a link at the name is replaced, not followed. A file that is there keeps its permissions.

    durable: the file outlives a power cut, which costs milliseconds; without, it may be damaged by one. mode: permissions of a
    new file, less the user's mask. Raises OSError, and leaves nothing behind.
    """
    draft = place.with_name(f"{_PREFIX}{os.urandom(6).hex()}.{place.name[:_MOST_NAME]}")
    handle = os.open(draft, _NEW, mode)
    try:
        with open(handle, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                there = os.lstat(place).st_mode
                if stat.S_ISREG(there):
                    os.chmod(draft, there & 0o777)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(handle)
        os.replace(draft, place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable and os.name == "posix":
        _keep_name(place.parent)


def deliver(path: str | Path, content: Content) -> None:
    """Write a file where the user wants it: a link stays, and the file it names is replaced; a device or a pipe is written
    in place. Raises OSError.
    """
    place = Path(path).resolve()
    if place.exists() and not place.is_file():
        place.write_bytes(content)
    else:
        write(place, content)


def drafts(folder: Path, ours: Callable[[str], object]) -> Iterator[Path]:
    """Drafts in a folder of the files whose names a test picks."""
    for path in folder.iterdir():
        found = _DRAFT.fullmatch(path.name)
        if found and ours(found[1]):
            yield path


def _keep_name(folder: Path) -> None:
    """Have the names in a folder outlive a power cut, where the system can do that: the file is there in any case."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
