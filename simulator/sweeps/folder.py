"""A sweep folder: `plan.json`, one Parquet part a chunk with its checksum in its name, one lock.

A part is there whole or not at all. Whatever ends a run, at most the chunk in hand is lost.
"""

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import OptionError, argument
from simulator.store import whole
from simulator.sweeps.plan import differences

PLAN = "plan.json"
LOCK = ".lock"
AGAIN = "again"
"""Key of a plan under which lies what its points are run again with; no two plans differ by it."""
_PART = re.compile(r"part-(\d{6,})-([0-9a-f]{8})\.parquet")

EXTRA = "sweep: needs polars and filelock; install them with: pip install 'rooftile[sweep]'"


def need_extra() -> None:
    """Raise OptionError with the command to run where the extra of sweeps is missing."""
    try:
        import filelock  # noqa: F401, PLC0415
        import polars  # noqa: F401, PLC0415
    except ImportError:
        raise OptionError(EXTRA) from None


@dataclass(frozen=True)
class Part:
    """A chunk on disk."""

    path: Path
    chunk: int
    checksum: int

    def sound(self) -> bool:
        """Whether the file holds what was written."""
        try:
            return zlib.crc32(self.path.read_bytes()) == self.checksum
        except OSError:
            return False


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold the folder, made if need be; the system drops the lock when the process ends, however it ends.

    Raises OptionError where another run holds it, or where it cannot be written.
    """
    import filelock  # noqa: PLC0415

    with told(folder):
        if folder.exists() and not folder.is_dir():
            raise OptionError(key="out", must=f"be a folder, got the file {str(folder)!r}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise OptionError(
                f"{folder}: another run is writing here; wait for it, or choose another folder", key="out"
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what the system refuses (a full disk, no permission) into one line about the folder."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OptionError(
            f"{folder}: cannot write: {error.strerror or error}; finished parts are kept", key="out"
        ) from None


def begin(folder: Path, plan: dict[str, Any]) -> None:
    """Write the plan, or check that the folder was begun with the same one. Raises OptionError with the differences."""
    old = read_plan_of(folder) if (folder / PLAN).exists() else None
    if old is None:
        strangers = [path.name for path in folder.iterdir() if _PART.fullmatch(path.name)]
        if strangers:
            raise OptionError(f"{folder}: has parts but no {PLAN}; choose another folder", key="out")
        with told(folder):
            whole.write(folder / PLAN, (json.dumps(plan, indent=2) + "\n").encode())
        return
    lines = differences({**old, AGAIN: None}, {**json.loads(json.dumps(plan)), AGAIN: None})
    if lines:
        where = f"{folder / PLAN}: made with another plan"
        shown = [f"{where}: {line}" for line in lines[:6]]
        more = [f"{where}: and {len(lines) - 6} more differences"] if len(lines) > 6 else []
        raise OptionError("\n".join([*shown, *more]), key="out")


def read_plan_of(folder: Path) -> dict[str, Any]:
    """The plan of a folder. Raises OptionError where there is none, or it cannot be read."""
    try:
        data = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"points", "chunk"} <= data.keys():
            raise ValueError("no plan")
    except FileNotFoundError:
        raise OptionError(f"{folder}: is not a sweep folder: there is no {PLAN}") from None
    except NotADirectoryError:
        raise OptionError(f"{folder}: must be a sweep folder, got a file") from None
    except OSError as error:
        raise OptionError(f"{folder / PLAN}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise OptionError(f"{folder / PLAN}: damaged; delete the folder or choose another") from None
    return data


def parts_of(folder: Path) -> dict[int, Part]:
    """Parts by chunk, in order."""
    found = {}
    for path in sorted(folder.iterdir()):
        name = _PART.fullmatch(path.name)
        if name:
            found[int(name[1])] = Part(path, int(name[1]), int(name[2], 16))
    return dict(sorted(found.items()))


def checked_parts(folder: Path, repair: bool) -> dict[int, Part]:
    """Parts that are whole. A damaged one is named in an OptionError, or deleted with `repair`."""
    parts = parts_of(folder)
    damaged = [part for part in parts.values() if not part.sound()]
    if damaged and not repair:
        raise OptionError(
            "\n".join(f"{part.path}: damaged; {argument('repair')} computes it anew" for part in damaged[:8])
            + (f"\n{folder}: and {len(damaged) - 8} more damaged parts" if len(damaged) > 8 else "")
        )
    for part in damaged:
        with told(folder):
            part.path.unlink()
        del parts[part.chunk]
    return parts


def clean(folder: Path) -> None:
    """Delete what a killed run left half written."""
    for path in whole.drafts(folder, lambda name: name == PLAN or _PART.fullmatch(name)):
        path.unlink(missing_ok=True)


def write_part(folder: Path, chunk: int, raw: bytes) -> Path:
    """Write one part, given as the bytes of its file. Raises OptionError where the system refuses."""
    path = folder / f"part-{chunk:06d}-{zlib.crc32(raw):08x}.parquet"
    with told(folder):
        whole.write(path, raw)
    return path
