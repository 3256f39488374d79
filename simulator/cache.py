"""Frontiers kept on disk: one file a layer and array, with the frontiers of all sets of resident operands built so far;
and packs of arrays, one file a network and array (`schedule.packs`).

The folder is `$ROOFTILE_CACHE_DIR`, else `rooftile` in the user's cache folder. A file is named by a digest of layer,
array and the code that builds frontiers, so that nothing stale is ever found; it is written whole under another name and
renamed. A damaged or foreign file counts as missing. Where nothing can be written nothing is kept, silently: the cache
saves time and changes no result.
"""

import functools
import hashlib
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Points = tuple[Floats, Floats, Floats, Ints]
"""Footprint [B], outer-memory bytes, on-chip cycles and code of every point of one frontier."""

MOST_BYTES = 1 << 30
"""Beyond this the files used longest ago go."""

_ROW = np.dtype([("footprint", "<f8"), ("bytes", "<f8"), ("cycles", "<f8"), ("code", "<i8"), ("mask", "<i8")])
_HEADER = -1  # the mask of the first row, whose code is the checksum of the others
_SUFFIX = ".frontier.npy"
_ARRAYS = ".pack.npz"
_SOURCES = (
    "candidates.py",
    "folds.py",
    "tiling.py",
    "unrolling.py",
    "points.py",
    "schedule/packs.py",
    "kernels/best.py",
    "kernels/frontier.py",
    "kernels/onetile.py",
    "kernels/programme.py",
    "kernels/tables.py",
    "kernels/unroll.py",
)


def folder() -> Path:
    """Return where frontiers are kept; it may not exist."""
    chosen = os.environ.get("ROOFTILE_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rooftile"


@functools.cache
def _code_digest() -> bytes:
    """Digest of the files whose change could change a frontier, its codes or a pack."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.digest()


def name_of(*parts: object) -> str:
    """Name of the file for a layer and an array: any objects whose `repr` says all that a frontier depends on."""
    digest = hashlib.sha256(_code_digest())
    for part in parts:
        digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()[:32]


def load(name: str) -> dict[int, Points]:
    """Return the frontiers kept under a name by set of resident operands; empty if there are none or they are damaged."""
    try:
        path = folder() / (name + _SUFFIX)
        rows = np.load(path, allow_pickle=False)
    except (OSError, RuntimeError, ValueError, EOFError):  # RuntimeError: no home to look into
        return {}
    if not _sound(rows):
        return {}
    rows = rows[1:]
    masks, first = np.unique(rows["mask"], return_index=True)
    found: dict[int, Points] = {}
    for mask, part in zip(masks, np.split(rows, first[1:]), strict=True):
        footprint, bytes_, cycles = (np.ascontiguousarray(part[column]) for column in ("footprint", "bytes", "cycles"))
        found[int(mask)] = footprint, bytes_, cycles, np.ascontiguousarray(part["code"])
    return found


def _sound(rows: npt.NDArray[np.void]) -> bool:
    """Whether an array read from disk is what `save` wrote."""
    if rows.dtype != _ROW or rows.ndim != 1 or len(rows) < 2 or rows["mask"][0] != _HEADER:
        return False
    return int(rows["code"][0]) == zlib.crc32(rows[1:].tobytes())


def save(name: str, frontiers: Mapping[int, Points]) -> bool:
    """Keep the frontiers of a layer and array under a name, instead of what is there. False if nothing can be written."""
    parts = [np.zeros(1, dtype=_ROW)]
    for mask in sorted(frontiers):
        part = np.empty(len(frontiers[mask][0]), dtype=_ROW)
        part["footprint"], part["bytes"], part["cycles"], part["code"] = frontiers[mask]
        part["mask"] = mask
        parts.append(part)
    rows = np.concatenate(parts)
    rows["mask"][0], rows["code"][0] = _HEADER, zlib.crc32(rows[1:].tobytes())
    return _write(name + _SUFFIX, lambda file: np.save(file, rows, allow_pickle=False))


def load_arrays(name: str) -> dict[str, npt.NDArray[np.generic]] | None:
    """Return the arrays kept under a name; None if there are none or they are damaged (the file has checksums)."""
    try:
        with open(folder() / (name + _ARRAYS), "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def save_arrays(name: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> bool:
    """Keep arrays under a name, instead of what is there. False if nothing can be written."""
    return _write(name + _ARRAYS, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]  # names are ours


def _write(name: str, fill: Callable[[IO[bytes]], None]) -> bool:
    """Have `fill` write the file `name`, whole or not at all. False if nothing can be written."""
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(suffix=".tmp", dir=place)
        try:
            with os.fdopen(handle, "wb") as file:
                fill(file)
            os.replace(draft, place / name)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _trim(place)
    except (OSError, RuntimeError):
        return False
    return True


_writes = 0


def _trim(place: Path) -> None:
    """Every 64th write, not always the first of a process: delete the files used longest ago beyond MOST_BYTES."""
    global _writes  # noqa: PLW0603  # a counter of this process; being off by a few does not matter
    _writes += 1
    if _writes % 64 != os.getpid() % 64:
        return
    files = sorted(((path.stat(), path) for path in _files(place)), key=lambda item: item[0].st_mtime)
    excess = sum(stat.st_size for stat, _ in files) - MOST_BYTES
    for stat, path in files:
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= stat.st_size


def _files(place: Path) -> list[Path]:
    """All that is kept in a folder."""
    return [*place.glob("*" + _SUFFIX), *place.glob("*" + _ARRAYS)]


def clear() -> int:
    """Delete all that is kept on disk; return how many bytes that freed. Other files in the folder stay."""
    freed = 0
    try:
        paths = [*_files(folder()), *folder().glob("*.tmp")]
    except (OSError, RuntimeError):
        return 0
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError:  # another process was faster, or the file is not ours to delete
            continue
        freed += size
    return freed
