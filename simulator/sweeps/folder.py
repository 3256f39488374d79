"""A sweep folder: `plan.json`, one Parquet part a chunk with its checksum in its name, one lock.

The checksum is of the part, its number and the plan, so that nothing else is ever taken for it. A part is there whole or not
at all. Whatever ends a run, at most the chunk in hand is lost.
"""

import hashlib
import io
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
from simulator.store.foreign import bytes_of, printable, text_of
from simulator.sweeps.design import MOST_POINTS
from simulator.sweeps.plan import MOST_CHUNK, differences

PLAN = "plan.json"
LOCK = ".lock"
AGAIN = "again"
"""Key of a plan under which lies what its points are run again with; no two plans differ by it."""
_PART = re.compile(r"part-(\d{6,})-([0-9a-f]{8})\.parquet")

BOUND, SUBJECT = "parts_are_bound", "subject"
"""Key of a plan whose parts have checksums that cover plan and number."""

MOST_PLAN_BYTES = 256 * 2**20
"""Of `plan.json`: some million values, one a line."""

MOST_PART_BYTES = 2**32
"""Of a part: a million points of a hundred columns are a quarter of it."""

MOST_FAULTS = 8
"""Parts that are named in an error."""

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

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return printable(str(self.path))

    def sound(self, plan: dict[str, Any], seal: bytes) -> bool:
        """Whether the file holds what was written, for this chunk of this plan. seal: the plan's."""
        try:
            raw = bytes_of(self.path, MOST_PART_BYTES, OptionError)
        except OptionError:
            return False
        return checksum_of(seal, self.chunk, raw) == self.checksum and _has_rows(plan, self.chunk, raw)


def seal_of(plan: dict[str, Any]) -> bytes:
    """What binds parts to their plan; nothing for folders that 0.2 began."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).digest() if plan.get(BOUND) else b""


def checksum_of(seal: bytes, chunk: int, raw: bytes) -> int:
    """Checksum of a part. It covers plan and number too, so that the part of another sweep, or of another place, is found."""
    return zlib.crc32(raw, zlib.crc32(seal + str(chunk).encode()) if seal else 0)


def _has_rows(plan: dict[str, Any], chunk: int, raw: bytes) -> bool:
    """Whether a part has the rows of its chunk, and the columns that vary first."""
    import polars as pl  # noqa: PLC0415

    keys = [axis["key"] for axis in plan.get("vary", [])]
    try:
        columns = list(pl.read_parquet_schema(io.BytesIO(raw)))
        rows = pl.scan_parquet(io.BytesIO(raw)).select(pl.len()).collect().item()
    except Exception:  # whatever is wrong with a file, it is no part
        return False
    return rows == points_of(plan, chunk) and columns[: len(keys)] == keys


def points_of(plan: dict[str, Any], chunk: int) -> int:
    """Points of one chunk of a plan; below 1 beyond its end."""
    return min(int(plan["points"]), (chunk + 1) * int(plan["chunk"])) - chunk * int(plan["chunk"])


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
                f"{printable(str(folder))}: another run is writing here; wait for it, or choose another folder",
                key="out",
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
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or what the system has no bytes for
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OptionError(
            f"{printable(str(folder))}: cannot write: {printable(reason)}; finished parts are kept", key="out"
        ) from None


def begin(folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Write the plan, or check that the folder was begun with the same one; the plan as it stands there.

    Raises OptionError with the differences.
    """
    plan = json.loads(json.dumps(plan))
    old = read_plan_of(folder) if (folder / PLAN).exists() else None
    if old is None:
        if _all_parts(folder):
            raise OptionError(f"{printable(str(folder))}: has parts but no {PLAN}; choose another folder", key="out")
        with told(folder):
            whole.write(folder / PLAN, (json.dumps(plan, indent=2) + "\n").encode())
        return plan
    lines = differences({**old, AGAIN: None}, {**plan, AGAIN: None})
    if lines:
        where = f"{folder / PLAN}: made with another plan"
        shown = [f"{where}: {line}" for line in lines[:6]]
        more = [f"{where}: and {len(lines) - 6} more differences"] if len(lines) > 6 else []
        raise OptionError("\n".join([*shown, *more]), key="out")
    return plan


def read_plan_of(folder: Path) -> dict[str, Any]:
    """The plan of a folder. Raises OptionError where there is none, or it cannot be read."""
    where = printable(str(folder))
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{where}: must be a sweep folder, got a file")
    if not (folder / PLAN).exists():
        raise OptionError(f"{where}: is not a sweep folder: there is no {PLAN}")
    text = text_of(folder / PLAN, MOST_PLAN_BYTES, OptionError)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not _is_plan(data):
        raise OptionError(f"{printable(str(folder / PLAN))}: damaged; delete the folder or choose another")
    plan: dict[str, Any] = data
    return plan


def _is_plan(data: Any) -> bool:
    """Whether plain data is a plan, as far as reading a folder needs it."""
    if not isinstance(data, dict):
        return False
    numbers = [(data.get("points"), MOST_POINTS), (data.get("chunk"), MOST_CHUNK)]
    axes = data.get("vary", [])
    return all(type(number) is int and 1 <= number <= most for number, most in numbers) and (
        isinstance(axes, list) and all(isinstance(axis, dict) and isinstance(axis.get("key"), str) for axis in axes)
    )


def parts_of(folder: Path, plan: dict[str, Any]) -> dict[int, Part]:
    """Parts by chunk, in order: of each number of the plan one."""
    return {part.chunk: part for part in _all_parts(folder) if points_of(plan, part.chunk) > 0}


def _all_parts(folder: Path) -> list[Part]:
    """All that are named as parts, by number."""
    named = [(path, _PART.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    found = [Part(path, int(name[1]), int(name[2], 16)) for path, name in named if name]
    return sorted(found, key=lambda part: part.chunk)


def checked_parts(folder: Path, repair: bool) -> dict[int, Part]:
    """Parts that are whole, by chunk.

    A damaged one is named in an OptionError, or deleted with `repair`; one that the plan has no place for is named.
    """
    plan = read_plan_of(folder)
    seal = seal_of(plan)
    parts: dict[int, Part] = {}
    damaged, faults = [], []
    for part in _all_parts(folder):
        if points_of(plan, part.chunk) < 1:
            last = -(-int(plan["points"]) // int(plan["chunk"])) - 1
            faults.append(
                f"{part.name}: must be numbered 0 to {last}, as the plan's are; it is of another sweep, move it"
            )
        elif not part.sound(plan, seal):
            damaged.append(part)
        elif part.chunk in parts:
            faults.append(f"{part.name}: must be there once, got {parts[part.chunk].path.name} too; move one")
        else:
            parts[part.chunk] = part
    if not repair:
        faults += [f"{part.name}: damaged; {argument('repair')} computes it again" for part in damaged]
    if faults:
        more = (
            [f"{printable(str(folder))}: and {len(faults) - MOST_FAULTS} more parts"]
            if len(faults) > MOST_FAULTS
            else []
        )
        raise OptionError("\n".join([*faults[:MOST_FAULTS], *more]))
    for part in damaged:
        with told(folder):
            part.path.unlink()
    return parts


def clean(folder: Path) -> None:
    """Delete what a killed run left half written."""
    for path in whole.drafts(folder, lambda name: name == PLAN or _PART.fullmatch(name)):
        path.unlink(missing_ok=True)


def write_part(folder: Path, seal: bytes, chunk: int, raw: bytes) -> Path:
    """Write one part, given as the bytes of its file. seal: the plan's. Raises OptionError where the system refuses."""
    path = folder / f"part-{chunk:06d}-{checksum_of(seal, chunk, raw):08x}.parquet"
    with told(folder):
        whole.write(path, raw)
    return path
