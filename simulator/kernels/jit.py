"""The one decorator of the kernels, and their cache on disk, which any change of any file of this folder voids.

A kernel may call kernels of other files here: the compiler links and inlines them, a loop over a formula of another file is as
fast as with the formula in it. numba's own cache does not see an edit in a file that a function only calls into, so ours
has another stamp: what all files of the folder hold, the flags, and the compiler's version. It uses parts of numba that are
promised to nobody; with a numba that has others, or without a writable place (read-only site-packages and no home, as in
many containers), kernels are compiled anew in each process.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# numba imports the coverage package wherever it is installed, for code that is traced: a twentieth of a short run. Where it is
# in use it is here already.
_untraced = "coverage" not in sys.modules
if _untraced:
    sys.modules["coverage"] = None  # type: ignore[assignment]  # as if there were none
try:
    import numba
    from numba.core import caching, codegen, config
    from numba.extending import models, register_model, typeof_impl
    from numba.misc.appdirs import AppDirs
finally:
    if _untraced:
        del sys.modules["coverage"]

FOLDER = Path(__file__).parent

# Kernels run without the interpreter lock and divide as IEEE says (1/0 is infinite). They make no arrays, so numba need not
# count references to them (`_nrt`): counting is atomic, and costs more than many a short loop, most of all where threads share
# the arrays of a pool. C calls none of them.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}

# What Python does not call needs no code that takes Python's values apart, a third of all that is compiled.
INNER: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True}

# What numba reads of the environment that changes the code, beyond the processor, which it heeds itself.
SETTINGS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")


@functools.cache
def stamp() -> tuple[str, ...]:
    """What the code of any kernel depends on, but its types and the processor: if it differs, so may the code.

    Taken once, when the first kernel is made: a file edited under a running process must not give its new stamp to the old code.
    Raises OSError where there are no sources to read.
    """
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".py") and not name.startswith("."))
    if Path(__file__).name not in names:
        raise FileNotFoundError(f"{FOLDER}: must hold the sources of its modules, got {names}")
    sources = hashlib.sha256()
    for name in names:
        text = (FOLDER / name).read_bytes()
        sources.update(f"{name} {len(text)} ".encode() + text)
    settings = [f"{name}={getattr(config, name, None)}" for name in SETTINGS]
    return (sources.hexdigest(), numba.__version__, repr(sorted(INNER.items())), *settings)


def _places() -> Iterator[Path]:
    """Where numba would look for a place: NUMBA_CACHE_DIR, beside the files, the user's folder."""
    own = caching._CacheLocator.get_suitable_cache_subpath(str(FOLDER / "jit.py"))
    if chosen := getattr(config, "CACHE_DIR", ""):
        yield Path(chosen) / own
    yield FOLDER / "__pycache__"
    yield Path(AppDirs(appname="numba", appauthor=False).user_cache_dir) / own


def _is_writable(place: Path) -> bool:
    """Make the folder; whether a file can be made in it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


def _found_place() -> Path | None:
    """Take the stamp and look for a writable place; None where the one or the other is not to be had."""
    needed = ("_CacheLocator", "CompileResultCacheImpl", "FunctionCache")
    if not all(hasattr(caching, name) for name in needed) or not hasattr(caching.FunctionCache, "_load_overload"):
        return None
    try:
        stamp()
    except OSError:
        return None
    return next((place for place in _places() if _is_writable(place)), None)


@functools.cache
def cache_place() -> Path | None:
    """The folder of compiled kernels; None, said once on stderr, where there can be none."""
    place = _found_place()
    if place is None:
        sys.stderr.write("rooftile: no writable place for compiled kernels: they are compiled again at each start\n")
    return place


def cache_works() -> bool:
    """Whether compiled kernels can be kept on disk: what is not optimised holds addresses of its process."""
    optimised = int(getattr(config, "OPT", 3)) > 0
    return optimised and not getattr(config, "DISABLE_JIT", False) and cache_place() is not None


@functools.cache
def _cache_class(inner: bool) -> Any:
    """The class of the caches: numba's, but for place, stamp and what is done before the first load.

    Made late, because its bases may be missing; instances of it replace the caches of our own functions alone.
    """
    place, taken = str(cache_place()), stamp()

    class Locator(caching._CacheLocator):
        """Where the files of a kernel are, and what they depend on."""

        def __init__(self, py_file: str) -> None:
            self._py_file = py_file  # numba names it in warnings

        def get_cache_path(self) -> str:
            return place

        def get_source_stamp(self) -> tuple[str, ...]:
            return taken

        def get_disambiguator(self) -> str:
            # numba: the line, so that each edit leaves files behind. Kernels have names of their own.
            return "kernel"

    class Implementation(caching.CompileResultCacheImpl):
        """How code becomes bytes. The stamp goes with them, too: two processes may write the files of a kernel at a time."""

        def __init__(self, function: Any) -> None:
            code = function.__code__
            self._lineno, self._locator = code.co_firstlineno, Locator(code.co_filename)
            name = f"{Path(code.co_filename).stem}.{function.__qualname__}{'.inner' if inner else ''}"
            self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))

        def reduce(self, data: Any) -> Any:
            reduced = super().reduce(data)
            return taken, reduced if inner else _unlinked(reduced, data.library)

        def rebuild(self, target_context: Any, reduced_data: Any) -> Any:
            written, data = reduced_data
            return super().rebuild(target_context, data) if written == taken else None

    class Files(caching.FunctionCache):
        """The cache of one kernel, read without further ado.

        numba, before it reads a first one, sets up all that compiling needs, for the sake of types that others may have
        added: a third of a second of every process, when most kernels are not called and ours know numbers, arrays and
        tuples alone. A kernel that must be compiled sets it up then.
        """

        _impl_class = Implementation

        def __init__(self, function: Any) -> None:
            super().__init__(function)
            # numba looks at this before it unpickles the rest, which may name classes that are gone.
            self._cache_file._version = taken

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            with self._guard_against_spurious_io_errors():
                try:
                    return self._load_overload(sig, target_context)
                except (AttributeError, ImportError, ValueError, EOFError, pickle.UnpicklingError):
                    return None  # half written by another version: as if it were missing

        def is_filled(self) -> bool:
            """Whether code of this stamp is there, for any types."""
            return bool(self._cache_file._load_index())

    return Files


def _unlinked(reduced: Any, library: Any) -> Any:
    """Code that Python alone calls, with the names of what it holds instead of all that other code would link with: to read that
    takes half of the time of loading it."""
    with contextlib.suppress(
        LookupError, AttributeError, TypeError, ValueError
    ):  # parts of numba that are promised to nobody
        (name, kind, (code, _)), told, *rest = reduced
        text = str(library.codegen._create_empty_module(name))
        for held in (told.llvm_func_name, told.llvm_cpython_wrapper_name):
            text += f'\ndefine void @"{held}"() {{\n  ret void\n}}\n'
        llvm: Any = vars(codegen)["ll"]  # llvmlite, as numba has it
        names = llvm.parse_assembly(text).as_bitcode()
        if kind == "object":
            return ((name, kind, (code, names)), told, *rest)
    return reduced


class Kernel:
    """A kernel that numba hears of at its first call, from Python or from the code of another: of most it never hears, and
    to tell it of all of them took a twentieth of a short run.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._made: Any = None
        self._inner: Any = None

    def made(self) -> Any:
        """Return the dispatcher of numba's that Python calls; one, whichever threads ask for it."""
        with _making:
            self._made = self._made or self._make(inner=False)
            return self._made

    def inner(self) -> Any:
        """Return the dispatcher that the code of other kernels calls, and Python cannot."""
        with _making:
            self._inner = self._inner or self._make(inner=True)
            return self._inner

    def _make(self, inner: bool) -> Any:
        made = numba.njit(**(INNER if inner else OPTIONS))(self._function)
        if cache_works():
            made._cache = _cache_class(inner)(self._function)  # where `cache=True` puts numba's own
        # numba looks through all that is installed for types that others add; kernels know numbers, arrays and tuples.
        made._compilation_chain_init_hook = _nothing
        return made

    def __call__(self, *values: Any) -> Any:
        """Run it, compiled."""
        return (self._made or self.made())(*values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of any object, as to copy it
            raise AttributeError(name)
        return getattr(self.made(), name)


def _nothing() -> None:
    """What numba does before it first compiles, of kernels."""


_making = threading.RLock()


class Called(numba.types.Dispatcher):
    """The type of a kernel that the code of another calls.

    numba compiles a version of its own for each constant that a call passes; the compiler of the machine code, which inlines
    such calls, puts the constant in without it.
    """

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call with arguments of these types, constants taken for any number."""
        wide = {name: numba.types.unliteral(value) for name, value in kws.items()}
        return super().get_call_type(context, tuple(map(numba.types.unliteral, args)), wide)


register_model(Called)(models.OpaqueModel)


@typeof_impl.register(Kernel)
def _type_of(known: Kernel, _: Any) -> Called:
    """What numba takes a kernel for that the code of another calls."""
    return Called(known.inner())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` at its first call, or load it: see OPTIONS for the flags, and the module for the cache."""
    return function if getattr(config, "DISABLE_JIT", False) else Kernel(function)


def needs_compile(dispatchers: tuple[Any, ...]) -> bool:
    """Whether any of the kernels is not on disk, so that its first call will compile. Cheap."""
    if getattr(config, "DISABLE_JIT", False) or os.environ.get("ROOFTILE_QUIET"):
        return False
    if not cache_works():
        return True
    return not all(dispatcher._cache.is_filled() for dispatcher in dispatchers)
