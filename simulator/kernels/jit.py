"""The one decorator of the kernels: numba's disk cache where it can be written, no cache where it cannot.

numba decides at decoration where a cache file may go and raises RuntimeError when no place is writable
(read-only site-packages and no home, as in many containers): that must not stop the program.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config


def _probe(x):
    return x


@functools.cache
def cache_works() -> bool:
    """Whether numba finds a writable place for this package's cache: beside the file, NUMBA_CACHE_DIR, or the user's."""
    try:
        numba.njit(cache=True)(_probe)
    except RuntimeError:
        if not getattr(config, "DISABLE_JIT", False):
            sys.stderr.write("rooftile: no writable place for compiled kernels: they are compiled anew at each start\n")
        return False
    return True


class _Files:
    """numba's cache on disk for one kernel: looked for when the kernel is first called, and read without further ado.

    numba itself looks for its place when a kernel is decorated, and before it reads a first one sets up all that compiling
    needs, for the sake of types that others may have added: together a third of a second of every process, when most kernels
    are not called and ours know numbers, arrays and tuples alone. A kernel that must be compiled sets it up then.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @functools.cached_property
    def _numbas(self) -> Any:
        return caching.FunctionCache(self._function)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel compiled for these types, or None where it is not in the cache."""
        with self._numbas._guard_against_spurious_io_errors():
            return self._numbas._load_overload(sig, target_context)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numbas, name)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` lazily: cached where possible, without the interpreter lock, IEEE division (1/0 is infinite).

    Kernels make no arrays, so numba need not count references to them (`_nrt`): counting is atomic, and costs more than many a
    short loop, most of all where threads share the arrays of a pool.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    made = numba.njit(**options)(function)
    if not cache_works() or getattr(config, "DISABLE_JIT", False):
        return made
    if not _knows_numba(made):
        return numba.njit(cache=True, **options)(function)
    made._cache = _Files(function)  # where `cache=True` puts numba's own
    return made


def _knows_numba(made: Any) -> bool:
    """Whether this numba has what `_Files` relies on, which it promises to nobody; else its own way does, only slower."""
    inner = getattr(caching, "FunctionCache", None)
    return (
        hasattr(made, "_cache")
        and hasattr(inner, "_load_overload")
        and hasattr(inner, "_guard_against_spurious_io_errors")
    )


def needs_compile(dispatchers: tuple[Any, ...]) -> bool:
    """Whether any of the kernels has no entry in numba's disk cache, so that its first call will compile. Cheap."""
    if getattr(config, "DISABLE_JIT", False) or os.environ.get("ROOFTILE_QUIET"):
        return False
    for dispatcher in dispatchers:
        stats = getattr(dispatcher, "stats", None)
        place = getattr(stats, "cache_path", None)
        if place is None:
            return True
        name = f"{dispatcher.py_func.__module__.rsplit('.', 1)[-1]}.{dispatcher.py_func.__qualname__}-"
        if not Path(place).is_dir() or not any(f.startswith(name) for f in os.listdir(place)):
            return True
    return False
