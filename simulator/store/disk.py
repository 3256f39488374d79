"""The one disk cache: arrays by question, one file each; what was used longest ago goes first.

The folder is `$ROOFTILE_CACHE_DIR`, else `rooftile` in the user's cache folder. A file is named by a digest of its question and
of the code and data that answers depend on, so that nothing stale is ever found, and says inside what it is called. A damaged
or foreign file, or one under the name of another, counts as missing. Where nothing can be written nothing is kept, silently:
the cache saves time and changes no result.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from simulator.store import whole
from simulator.store.digest import model_digest

if TYPE_CHECKING:  # where plain data alone are kept, nobody needs it: it takes a tenth of a short command
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]

Found = TypeVar("Found")

USUAL_MIB = 1024
"""What may be kept unless `$ROOFTILE_CACHE_MIB` says how much. [MiB]"""

TRIM_EVERY = 256
"""Writes, on average, between two looks at how much there is."""

USED_WITHIN_S = 60.0
"""A file used so lately is not marked as used again. [s]"""

_SUFFIX = ".rooftile"
_NAME = re.compile(rf"[0-9a-f]{{32}}\.[a-z]+{re.escape(_SUFFIX)}")
_MAGIC = b"rooftile kept 1\n"
_START = struct.Struct("<16sII")  # magic, checksum of all that follows it, length of the table
_CHECKED = 20  # where that begins
_GRAIN = 64  # arrays begin at multiples of it: kernels are compiled for aligned ones


def folder() -> Path:
    """Return where arrays are kept; it may not exist. Raises OSError where there is no home to look into."""
    chosen = os.environ.get("ROOFTILE_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs  # noqa: PLC0415  # not needed where a folder is chosen

    try:
        found = platformdirs.user_cache_path("rooftile", appauthor=False)
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from None
    if not found.is_absolute():  # older ones leave a home that is not known as `~`: a folder of that name here
        raise FileNotFoundError(str(found))
    return found


def most_bytes() -> int:
    """Beyond this the files used longest ago go: `$ROOFTILE_CACHE_MIB`, a whole number of MiB, else USUAL_MIB. [bytes]"""
    chosen = os.environ.get("ROOFTILE_CACHE_MIB", "")
    return (int(chosen) if chosen.isdecimal() and len(chosen) < 10 else USUAL_MIB) << 20


def size() -> int:
    """What is kept now. [bytes]"""
    total = 0
    with contextlib.suppress(OSError):  # there is no such folder
        for path in _files():
            with contextlib.suppress(OSError):  # another process deletes it
                total += path.stat().st_size
    return total


def name_of(kind: str, *parts: object) -> str:
    """Name of the file of a question. kind: a word of small letters; parts: any objects whose `repr` says all of it."""
    digest = hashlib.sha256(model_digest().encode())
    for part in parts:
        digest.update(repr(part).encode() + b"\0")
    return f"{digest.hexdigest()[:32]}.{kind}{_SUFFIX}"


def load(name: str) -> "dict[str, Array] | None":
    """The arrays kept under a name, views of one block; None where they are missing, damaged, or of something else."""
    import numpy as np  # noqa: PLC0415

    return _loaded(name, lambda file: _decoded(name, np.fromfile(file, dtype=np.uint8)))


def load_bytes(name: str) -> bytes | None:
    """The bytes kept under a name; None where they are missing, damaged, or of something else."""

    def read(file: IO[bytes]) -> bytes | None:
        content = memoryview(file.read())
        places = _places(name, content)
        return None if places is None else bytes(content[places[0] :][: math.prod(places[1][0][2])])

    return _loaded(name, read)


def _loaded(name: str, read: Callable[[IO[bytes]], Found | None]) -> Found | None:
    """What is read of the file under a name; None where there is none that is ours."""
    try:
        path = folder() / name
        # Not blocking: whatever lies at the name, a pipe as well, is not waited for.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:  # whatever it is, it may be large
                return None
            file.seek(0)
            found = read(file)
            if found is not None:
                _mark_used(path, os.fstat(handle).st_mtime)
            return found
    except Exception:  # whatever is wrong with a file, it is built anew
        return None


def save_bytes(name: str, content: bytes) -> bool:
    """Keep bytes under a name, instead of what is there. False if nothing can be written."""
    import numpy as np  # noqa: PLC0415

    return save(name, {"bytes": np.frombuffer(content, dtype=np.uint8)})


def save(name: str, arrays: "Mapping[str, Array]") -> bool:
    """Keep arrays under a name, instead of what is there. False if nothing can be written."""
    try:
        place, content = folder(), _encoded(name, arrays)
        try:
            _write(place / name, content)
        except FileNotFoundError:
            place.mkdir(parents=True, exist_ok=True)
            _write(place / name, content)
        if int.from_bytes(os.urandom(4), "big") % TRIM_EVERY == 0:
            trim()
    except OSError:
        return False
    return True


def _write(place: Path, content: bytearray) -> None:
    """Write a file; what a power cut damages counts as missing."""
    whole.write(place, content, durable=False, mode=0o600)


def trim() -> None:
    """Delete the files used longest ago beyond `most_bytes`. Raises OSError where the folder cannot be read."""
    stats = []
    with os.scandir(folder()) as entries:  # there may be ten thousand: a path for each takes three times as long
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):  # another process was faster
                    stats.append((entry.stat(), entry.path))
    excess = sum(stat.st_size for stat, _ in stats) - most_bytes()
    if excess <= 0:
        return
    for stat, path in sorted(stats, key=lambda item: item[0].st_mtime):
        if excess <= 0:
            return
        Path(path).unlink(missing_ok=True)
        excess -= stat.st_size


def clear() -> int:
    """Delete all that is kept on disk; return how many bytes that freed. Other files in the folder stay."""
    freed = 0
    with contextlib.suppress(OSError):  # there is no such folder
        for path in [*_files(), *whole.drafts(folder(), _NAME.fullmatch)]:
            with contextlib.suppress(OSError):  # another process was faster, or the file is not ours to delete
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def _files() -> Iterator[Path]:
    """All files of ours."""
    return (path for path in folder().iterdir() if _NAME.fullmatch(path.name))


def _mark_used(path: Path, last_s: float) -> None:
    """Have a file stay longer than those not used since. Its time of reading would tell, but few systems keep that."""
    if abs(time.time() - last_s) > USED_WITHIN_S:
        with contextlib.suppress(OSError):  # a folder that may only be read
            os.utime(path)


def _encoded(name: str, arrays: "Mapping[str, Array]") -> bytearray:
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


def _places(name: str, content: memoryview) -> tuple[int, list[Any]] | None:
    """(where arrays begin, [key, type, sizes, place] of each) of the file `name`; None where its bytes are not what `_encoded`
    made of that name."""
    magic, checksum, size = _START.unpack_from(content)
    if magic != _MAGIC or checksum != zlib.crc32(content[_CHECKED:]):
        return None
    table = json.loads(bytes(content[_START.size : _START.size + size]))
    if table["name"] != name:
        return None
    return -(-(_START.size + size) // _GRAIN) * _GRAIN, table["arrays"]


def _decoded(name: str, raw: "npt.NDArray[np.uint8]") -> "dict[str, Array] | None":
    """The arrays of the file `name`, or None where its bytes are not what `_encoded` made of that name."""
    import numpy as np  # noqa: PLC0415

    places = _places(name, raw.data)
    if places is None:
        return None
    begin, arrays = places
    found: dict[str, Array] = {}
    for key, kind, shape, place in arrays:
        dtype = np.dtype(kind)
        part = raw[begin + place : begin + place + dtype.itemsize * math.prod(shape)]
        found[key] = part.view(dtype).reshape(shape)
    return found
