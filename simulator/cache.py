"""Frontiers kept on disk: one file a layer and array, with the frontiers of all sets of resident operands built so far;
and packs of arrays, one file a network and array (`schedule.packs`).

The folder is `$ROOFTILE_CACHE_DIR`, else `rooftile` in the user's cache folder. A file is named by a digest of layer,
array and the code that builds frontiers, so that nothing stale is ever found; it is written whole under another name and
renamed, and says inside what it is called. A damaged or foreign file, or one under the name of another, counts as missing.
Where nothing can be written nothing is kept, silently: the cache saves time and changes no result.
"""

import functools
import hashlib
import json
import math
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[np.generic]
Points = tuple[Floats, Floats, Floats, Ints]
"""Footprint [B], outer-memory bytes, on-chip cycles and code of every point of one frontier."""

MOST_BYTES = 1 << 30
"""Beyond this the files used longest ago go."""

_COLUMNS = ("footprint", "bytes", "cycles", "codes")
_SUFFIX = ".frontier.rooftile"
_ARRAYS = ".pack.rooftile"
_START = struct.Struct("<16sII")  # magic, checksum of all that follows it, length of the table
_MAGIC = b"rooftile kept 1\n"
_CHECKED = 20  # where that begins
_GRAIN = 64  # arrays begin at multiples of it: kernels are compiled for aligned ones
_SOURCES = (
    "candidates.py",
    "folds.py",
    "tiling.py",
    "unrolling.py",
    "points.py",
    "schedule/packs.py",
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
    arrays = _read(name + _SUFFIX)
    if arrays is None:
        return {}
    found: dict[int, Points] = {}
    begin = 0
    for mask, end in zip(arrays["masks"].tolist(), arrays["ends"].tolist(), strict=True):
        points: Any = tuple(arrays[column][begin:end] for column in _COLUMNS)
        found[mask] = points
        begin = end
    return found


def save(name: str, frontiers: Mapping[int, Points]) -> bool:
    """Keep the frontiers of a layer and array under a name, instead of what is there. False if nothing can be written."""
    masks = sorted(frontiers)
    columns = [np.concatenate([frontiers[mask][at] for mask in masks]) if masks else np.zeros(0) for at in range(4)]
    arrays = dict(zip(_COLUMNS, columns, strict=True))
    arrays["masks"] = np.array(masks, dtype=np.int64)
    arrays["ends"] = np.cumsum([len(frontiers[mask][0]) for mask in masks], dtype=np.int64)
    return _write(name + _SUFFIX, arrays)


def load_arrays(name: str) -> dict[str, Array] | None:
    """Return the arrays kept under a name; None if there are none or they are damaged."""
    return _read(name + _ARRAYS)


def save_arrays(name: str, arrays: Mapping[str, Array]) -> bool:
    """Keep arrays under a name, instead of what is there. False if nothing can be written."""
    return _write(name + _ARRAYS, arrays)


def _encoded(name: str, arrays: Mapping[str, Array]) -> bytearray:
    """Arrays as the bytes of the file `name`, which says its name: under another one it answers another question."""
    table, places, end = [], [], 0
    for key, array in arrays.items():
        places.append(end)
        table.append([key, array.dtype.str, array.shape, end])
        end = -(-(end + array.nbytes) // _GRAIN) * _GRAIN
    text = json.dumps({"name": name, "arrays": table}).encode()
    begin = -(-(_START.size + len(text)) // _GRAIN) * _GRAIN
    raw = bytearray(begin + end)
    raw[_START.size : _START.size + len(text)] = text
    for place, array in zip(places, arrays.values(), strict=True):
        raw[begin + place : begin + place + array.nbytes] = array.tobytes()
    _START.pack_into(raw, 0, _MAGIC, 0, len(text))
    _START.pack_into(raw, 0, _MAGIC, zlib.crc32(memoryview(raw)[_CHECKED:]), len(text))
    return raw


def _decoded(name: str, raw: npt.NDArray[np.uint8]) -> dict[str, Array] | None:
    """The arrays of the file `name`, or None where its bytes are not what `_encoded` made of that name."""
    content = raw.data
    magic, checksum, size = _START.unpack_from(content)
    if magic != _MAGIC or checksum != zlib.crc32(content[_CHECKED:]):
        return None
    table = json.loads(bytes(content[_START.size : _START.size + size]))
    if table["name"] != name:
        return None
    begin = -(-(_START.size + size) // _GRAIN) * _GRAIN
    found: dict[str, Array] = {}
    for key, kind, shape, place in table["arrays"]:
        dtype = np.dtype(kind)
        part = raw[begin + place : begin + place + dtype.itemsize * math.prod(shape)]
        found[key] = part.view(dtype).reshape(shape)
    return found


def _read(name: str) -> dict[str, Array] | None:
    """The arrays of the file `name`, views of one block; None where it is missing, damaged, or of something else."""
    try:
        with open(folder() / name, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:  # whatever it is, it may be large
                return None
            file.seek(0)
            return _decoded(name, np.fromfile(file, dtype=np.uint8))
    except Exception:  # whatever is wrong with a file, it is built anew
        return None


def _write(name: str, arrays: Mapping[str, Array]) -> bool:
    """Write the file `name`, whole or not at all. False if nothing can be written."""
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(suffix=".tmp", dir=place)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_encoded(name, arrays))
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
