"""The compiled kernels on disk: what voids them, where they go, and that other packages keep numba's own way.

Most tests run the decorator's file in a small package of its own, in which kernels of one file call those of another. Each
program has a process of its own, a fork of one that has set numba up and knows no kernel: that takes longest.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.kernels import jit

OUTER = """
from .inner import scaled
from .jit import kernel

@kernel
def outer(x):
    return scaled(x) + 1.0
"""
INNER = """
from .jit import kernel

@kernel
def scaled(x):
    return 2.0 * x
"""
PROGRAM = """
from sums.jit import needs_compile
from sums.outer import outer
wanted = needs_compile((outer,))
print(outer(10.0), "compiled" if sum(outer.stats.cache_misses.values()) else "loaded", "wanted" if wanted else "kept")
"""
NEW, OLD = "compiled wanted", "loaded kept"

FORKS = """
import json, os, sys, traceback
import numba
numba.njit(lambda x: x + 1.0)(1.0)

def run(program, environment, folder):
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.dont_write_bytecode = True
    sys.path.insert(0, environment["PYTHONPATH"])
    numba.core.config.reload_config()
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run(*json.loads(line))
            code = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_host: "list[subprocess.Popen[str]]" = []


@pytest.fixture(scope="module", autouse=True)
def _forks() -> Iterator[None]:
    """The process that forks, where a system can."""
    if not hasattr(os, "fork"):
        yield
        return
    command = [sys.executable, "-c", FORKS]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    # A thread of the library of matrices would be lost in a fork, of which Python warns.
    environment = {**plain, "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as host:
        _host.append(host)
        yield
        _host.clear()
        assert host.stdin is not None
        host.stdin.close()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "sums"
    folder.mkdir()
    shutil.copy(jit.__file__, folder / "jit.py")
    (folder / "__init__.py").write_text("")
    (folder / "outer.py").write_text(OUTER)
    (folder / "inner.py").write_text(INNER)
    return folder


def run(package: Path, program: str = PROGRAM, anew: bool = False, **settings: str) -> subprocess.CompletedProcess[str]:
    """What a program says. anew: in a process that begins with it, and not in a fork."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",  # edits within a second must be seen by Python itself
        "HOME": str(package.parent / "home"),
        "XDG_CACHE_HOME": str(package.parent / "home"),
        **settings,
    }
    command = [sys.executable, "-c", program]
    if anew or not _host:
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    (host,) = _host
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(json.dumps([program, environment, str(package.parent)]) + "\n")
    host.stdin.flush()
    code = int(host.stdout.readline())
    out, err = ((package.parent / name).read_text() for name in ("out", "err"))
    assert code == 0, err
    return subprocess.CompletedProcess(command, code, out, err)


def said(package: Path, anew: bool = False, **settings: str) -> str:
    done = run(package, anew=anew, **settings)
    assert done.stderr == ""
    return done.stdout.strip()


def code_files(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*.nbc")}


CODE = {
    f"{name}-kernel.py{sys.version_info[0]}{sys.version_info[1]}.1.nbc"
    for name in ("outer.outer", "inner.scaled.inner")
}


def test_an_edit_in_a_file_called_into_voids_the_caller(package: Path) -> None:
    assert said(package) == f"21.0 {NEW}"
    assert said(package) == f"21.0 {OLD}"
    stale = {file: file.read_bytes() for file in package.rglob("*.nbc")}
    (package / "inner.py").write_text(INNER.replace("2.0", "3.0"))
    assert said(package) == f"31.0 {NEW}"
    assert said(package) == f"31.0 {OLD}"
    assert code_files(package) == CODE
    # As if a process with the old sources had written its code last, while the index is of the new ones.
    for file, code in stale.items():
        file.write_bytes(code)
    assert said(package) == "31.0 compiled kept"
    assert said(package) == f"31.0 {OLD}"
    (package / "more.py").write_text("")
    assert said(package) == f"31.0 {NEW}"


def test_flags_and_settings_void_the_cache(package: Path) -> None:
    said(package)
    assert said(package, NUMBA_BOUNDSCHECK="1") == f"21.0 {NEW}"
    assert said(package, NUMBA_BOUNDSCHECK="1") == f"21.0 {OLD}"
    assert said(package) == f"21.0 {NEW}"
    decorator = package / "jit.py"
    decorator.write_text(decorator.read_text().replace('"nogil": True', '"nogil": False'))
    assert said(package) == f"21.0 {NEW}"


def test_bounds_are_checked_with_a_cache_of_its_own(package: Path, tmp_path: Path) -> None:
    (package / "outer.py").write_text(OUTER.replace("scaled(x)", "scaled(x[1])"))
    program = """
import numpy as np
from sums.outer import outer
try:
    outer(np.zeros(3)[:1])
except IndexError:
    print("out of bounds")
"""
    checks = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path / "own")}
    for _ in range(2):
        assert run(package, program, **checks).stdout == "out of bounds\n"
        assert run(package, program).stdout == ""


def test_places(package: Path, tmp_path: Path) -> None:
    assert said(package, NUMBA_CACHE_DIR=str(tmp_path / "own")) == f"21.0 {NEW}"
    assert code_files(tmp_path / "own") == CODE
    assert not (package / "__pycache__").exists()
    assert said(package) == f"21.0 {NEW}"
    assert code_files(package / "__pycache__") == CODE


def test_read_only_package(package: Path) -> None:
    (package / "__pycache__").write_text("")  # nobody, not even root, can make files below a file
    assert said(package, anew=True) == f"21.0 {NEW}"
    assert said(package, anew=True) == f"21.0 {OLD}"
    assert code_files(package.parent / "home") == CODE


def test_no_writable_place(package: Path) -> None:
    (package / "__pycache__").write_text("")
    (package.parent / "home").write_text("")
    done = run(package)
    assert done.stdout == "21.0 compiled wanted\n"
    assert done.stderr.count("\n") == 1
    assert "no writable place for compiled kernels" in done.stderr


def test_no_sources(package: Path) -> None:
    """A package of byte code alone has nothing to take a stamp of."""
    program = "import compileall, sys; compileall.compile_dir(sys.argv[1], legacy=True, quiet=1)"
    subprocess.run([sys.executable, "-c", program, str(package)], check=True)
    shutil.rmtree(package / "__pycache__", ignore_errors=True)
    for file in package.glob("*.py"):
        file.unlink()
    done = run(package)
    assert done.stdout == "21.0 compiled wanted\n"
    assert done.stderr.count("\n") == 1
    assert not code_files(package.parent)


def test_without_the_compiler(package: Path) -> None:
    (package / "__pycache__").write_text("")
    (package.parent / "home").write_text("")
    program = "from sums.outer import outer; print(outer(10.0), type(outer).__name__)"
    done = run(package, program, NUMBA_DISABLE_JIT="1")
    assert (done.stdout, done.stderr) == ("21.0 function\n", "")


OTHERS = """
from numba import njit

@njit(cache=True)
def double(x):
    return 2 * x
"""
BESIDE = """
from numba.core import caching
before = list(caching.CacheImpl._locator_classes)
import {first}
import {second}
from simulator.kernels import schedule_whole as sweep
from sums.outer import outer
theirs, ours = others.double._cache, outer._cache
print(outer(10.0), type(theirs) is caching.FunctionCache, type(theirs._impl.locator) in before, theirs.cache_path)
print(type(sweep.relax._cache).__module__, type(ours).__module__, caching.CacheImpl._locator_classes == before)
"""


@pytest.mark.parametrize(
    "names", [("others", "simulator.kernels.schedule_whole"), ("simulator.kernels.schedule_whole", "others")]
)
def test_other_packages_keep_numbas_own_cache(package: Path, names: tuple[str, str]) -> None:
    """numba is imported first, and others' functions are decorated before and after ours."""
    (package.parent / "others.py").write_text(OTHERS)
    done = run(package, BESIDE.format(first=names[0], second=names[1]))
    theirs, ours = done.stdout.splitlines()
    assert theirs == f"21.0 True True {package.parent / '__pycache__'}"
    assert ours == "simulator.kernels.jit sums.jit True"
