"""Do the tests notice? A copy of the tree, whose tests are collected once; each mutant is a process forked from there."""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mutation.draw import Mutant
from mutation.reach import Reach

SURVIVED, BY_TEST, BY_TIME, BY_CRASH, AT_IMPORT = "survived", "test", "time", "crash", "at import"
SLOWER = 2
"""A mutant that takes so many times as long as the tests do while it is watched what they run, after the start, is killed."""
WAIT = 12
"""The limit is of processor time, which is the same on a busy machine; a run that sleeps ends after so many times the limit."""
LONGEST_S = 7200
"""The limit of running all tests as they are, once. [s]"""
GONE = "the process of the tests has ended"
WORKER = Path(__file__).with_name("worker.py")


class Verdict(NamedTuple):
    """A mutant, what became of it, the test that noticed (or how the run ended), and how many tests were to run."""

    mutant: Mutant
    fate: str
    by: str
    tests: int


class Worker:
    """A process in a copy of the tree that has collected tests."""

    def __init__(self, tree: Path, words: Sequence[str], compiled: bool, is_quiet: bool = False) -> None:
        kept = tree.with_name(f"{tree.name}.kept{compiled:d}.{id(self)}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTEST_"))}
        environment |= {
            "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "ROOFTILE_CACHE_DIR": str(kept),
            **({} if compiled else {"NUMBA_DISABLE_JIT": "1"}),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), *words], cwd=tree, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if is_quiet else None, text=True,
        )  # fmt: skip
        self.tests = self._answer() or []

    def ask(self, **question: Any) -> dict[str, Any]:
        """What came of it; nothing where the process is gone."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._answer() or {}

    def _answer(self) -> Any:
        line = self.process.stdout.readline() if self.process.stdout else ""
        return json.loads(line) if line else None

    def stop(self) -> None:
        """End it, and all that it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


class Judge:
    """The tests that run one way, with compiled kernels or without the compiler, and which lines they reach."""

    def __init__(self, tree: Path, words: Sequence[str], compiled: bool, most_s: float) -> None:
        self.tree = tree
        self.compiled = compiled
        self.most_s = most_s
        self.start_s = 5
        self.workers = [Worker(tree, words, compiled)]

    def learn(self, sources: Mapping[str, str], kept: Path) -> None:
        """Find out which lines of the sources the tests reach; they must pass."""
        worker = self.workers[0]
        self.reach = Reach(self.tree, sources, kept)

        def asked(tests: list[str]) -> dict[str, Any]:
            found = worker.ask(files=list(sources), tests=tests, limit_s=LONGEST_S, longest_s=WAIT * LONGEST_S)
            return found if "seconds" in found else {"failed": found.get("by", GONE)}

        if not worker.tests:
            raise RuntimeError("the tests cannot be collected")
        self.reach.learn(worker.tests, asked)

    def judge(self, mutant: Mutant) -> Verdict:
        """Run the tests that reach a mutant with it."""
        tests = self.reach.tests(mutant.file, mutant.line, self.most_s)
        if not tests:
            return Verdict(mutant, SURVIVED, "no test runs it", 0)
        limit_s = math.ceil(self.start_s + SLOWER * sum(self.reach.seconds[test] for test in tests))
        source = self.reach.sources[mutant.file]
        asked = {"tests": tests, "limit_s": limit_s, "longest_s": WAIT * limit_s}
        said = self.workers[0].ask(file=mutant.file, before=source, after=mutant.applied(source), **asked)
        if not said:
            raise RuntimeError(GONE)
        if said["fate"] == AT_IMPORT:
            said = self._anew(mutant, source, asked) or {"fate": BY_CRASH, "by": "the tests cannot be collected"}
        return Verdict(mutant, said["fate"], said["by"], len(tests))

    def _anew(self, mutant: Mutant, source: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Run tests in a process that imports a mutant."""
        path = self.tree / mutant.file
        path.write_text(mutant.applied(source), encoding="utf-8")
        files = list(dict.fromkeys(test.split("::")[0] for test in asked["tests"]))
        self.workers.append(Worker(self.tree, files, self.compiled, is_quiet=True))
        try:
            return self.workers[-1].ask(**asked)
        finally:
            path.write_text(source, encoding="utf-8")
            self.workers.pop().stop()

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()


def copied(root: Path, folder: Path) -> Path:
    """Copy what git tracks of a tree, with its compiled kernels.

    Byte code goes by what a file holds: times are too coarse for files that change twice a second.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and (root / name).is_file()]
    kernels = (root / "simulator" / "kernels" / "__pycache__").glob("*.nb?")
    names += [path.relative_to(root).as_posix() for path in kernels]
    tree = folder / "tree"
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, tree / name)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    return tree
