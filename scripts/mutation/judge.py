"""Do the tests notice? Copies of the tree, one a worker, in which one file at a time is changed and the tests are run."""

import math
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mutation.draw import Mutant
from mutation.rooms import Room

SURVIVED, BY_TEST, BY_TIME, BY_CRASH = "survived", "test", "time", "crash"
MOST_BYTES = 8 << 30
"""Address space of a test run: a list that grows for ever must not take the machine with it. Too little to draw charts."""
WAIT = 10
"""The limit is of processor time, which is the same on a busy machine; a run that sleeps ends after so many times the limit."""
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "--hypothesis-seed=0"]


class Verdict(NamedTuple):
    """A mutant, what became of it, the test that noticed (or what the run said last), and how long it took [s]."""

    mutant: Mutant
    fate: str
    by: str
    seconds: float


class Tree:
    """One copy of the tree, and the test run in it that is under way."""

    def __init__(self, root: Path, command: Sequence[str] = PYTEST) -> None:
        self.root = root
        self.command = command
        self.running: subprocess.Popen[bytes] | None = None

    def run(self, room: Room, limit_s: float | None) -> tuple[str, str]:
        """Run the tests of a room: (fate, test or last words)."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTEST_"))}
        environment |= {
            "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", "ROOFTILE_CACHE_DIR": str(self.root / "kept"),
            **({} if room.compiled else {"NUMBA_DISABLE_JIT": "1"}),
        }  # fmt: skip
        for kept in ("kept", ".hypothesis"):  # no answers, or examples, of another change
            shutil.rmtree(self.root / kept, ignore_errors=True)
        with tempfile.TemporaryFile() as said:
            self.running = subprocess.Popen(
                [*self.command, *room.words(self.root)], cwd=self.root, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
            with self._limited(limit_s):
                try:
                    code = self.running.wait(limit_s and WAIT * limit_s)
                except subprocess.TimeoutExpired:
                    return BY_TIME, "waited"
            said.seek(0)
            return fate_of(code, said.read().decode(errors="replace"))

    @contextmanager
    def _limited(self, limit_s: float | None) -> Iterator[None]:
        """Bound memory and time of the run, and end all of it, with what it has started, whatever happens."""
        try:
            resource.prlimit(self.running.pid, resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            if limit_s is not None:
                resource.prlimit(self.running.pid, resource.RLIMIT_CPU, (math.ceil(limit_s), math.ceil(limit_s) + 1))
            yield
        finally:
            self.stop()

    def twin(self, folder: Path) -> "Tree":
        """Another copy, with all that was compiled meanwhile."""
        return Tree(Path(shutil.copytree(self.root, folder)), self.command)

    def stop(self) -> None:
        if self.running and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()

    def judge(self, mutant: Mutant, room: Room, limit_s: float) -> Verdict:
        """Run the tests with a mutant in place of the file."""
        begin, path = time.monotonic(), self.root / mutant.file
        source = path.read_text(encoding="utf-8")
        path.write_text(mutant.applied(source), encoding="utf-8")
        try:
            fate, by = self.run(room, limit_s)
        finally:
            path.write_text(source, encoding="utf-8")
        return Verdict(mutant, fate, by, time.monotonic() - begin)


def fate_of(code: int, said: str) -> tuple[str, str]:
    """Read the outcome of pytest: 0 all passed, 1 a test failed, by a signal of the limit, else it broke."""
    lines = said.strip().splitlines() or [""]
    if code == 0:
        return SURVIVED, lines[-1]
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return BY_TIME, lines[-1]
    failed = [line.split()[1] for line in lines if line.startswith("FAILED ")]
    return (BY_TEST, failed[-1]) if code == 1 and failed else (BY_CRASH, f"exit {code}: {lines[-1]}")


def copied(root: Path, folder: Path) -> Tree:
    """Copy what git tracks of a tree, with its compiled kernels.

    Byte code goes by what a file holds: times are too coarse for files that change twice a second.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and (root / name).is_file()]
    kernels = (root / "simulator" / "kernels" / "__pycache__").glob("*.nb?")
    names += [path.relative_to(root).as_posix() for path in kernels]
    tree = folder / "tree0"
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, tree / name)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    return Tree(tree)


def judge_all(
    trees: Sequence[Tree], tasks: Sequence[tuple[Mutant, Room]], limit_s: float, told: Callable[[Verdict], None]
) -> None:
    """Judge mutants, one at a time in each tree; `told` hears each verdict, in the order in which they come."""
    free: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)
    ended = threading.Event()

    def one(mutant: Mutant, room: Room) -> Verdict | None:
        if ended.is_set():
            return None
        tree = free.get()
        try:
            return tree.judge(mutant, room, limit_s)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        try:
            for done in as_completed([pool.submit(one, *task) for task in tasks]):
                if verdict := done.result():
                    told(verdict)
        finally:
            ended.set()
            for tree in trees:
                tree.stop()
