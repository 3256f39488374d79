"""Run in a copy of the tree, with the arguments of pytest: collects tests once, then forks a process for each thing it is asked.

A line in with `files` asks to run all tests as they are: how long each took, and which lines of these files it ran. Any other is
a mutant: its file, source before and after, the tests in their order, and limits. A line out is what came of it. Functions
of a mutant get their other code in place, wherever they were imported to.
"""

import contextlib
import functools
import gc
import inspect
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import coverage
import pytest
from _pytest.main import pytest_runtestloop

OPTIONS = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--no-header", "--rootdir=.", "--hypothesis-seed=0"]
MOST_BYTES = 16 << 30
"""Address space of a test run: a list that grows for ever must not take the machine with it."""
AT_IMPORT = "at import"
"""What is said of a change that takes a new import: of a constant, or of what a function is without arguments."""
Code = types.CodeType


class Worker:
    """Collected tests, and what they are asked."""

    def __init__(self, asked: TextIO, answers: TextIO) -> None:
        self.asked = asked
        self.answers = answers
        self.failed = ""
        self.reached: Reached | None = None
        self.is_run = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """In place of running all tests: say which there are, and answer until nothing more is asked."""
        if self.is_run:
            return None
        items = {item.nodeid: item for item in session.items}
        print(json.dumps(list(items)), file=self.answers, flush=True)
        gc.collect()
        gc.freeze()
        for line in self.asked:
            asked = json.loads(line)
            run = functools.partial(self.run, session, items, asked)
            print(json.dumps(forked(run, asked["limit_s"], asked["longest_s"])), file=self.answers, flush=True)
        return True

    def run(self, session: pytest.Session, items: dict[str, pytest.Item], asked: dict[str, Any]) -> dict[str, Any]:
        """In a process of its own: run the tests."""
        gc.unfreeze()
        self.is_run = True
        session.items[:] = [items[name] for name in asked["tests"]]
        if "files" in asked:
            self.reached = Reached(asked["files"])
        elif "file" in asked and not swapped(asked["file"], asked["before"], asked["after"]):
            return {"fate": AT_IMPORT}
        forget(memories())
        shutil.rmtree(os.environ["ROOFTILE_CACHE_DIR"], ignore_errors=True)
        with contextlib.suppress(session.Failed, session.Interrupted):
            pytest_runtestloop(session)
        if self.reached:
            return {"failed": self.failed, **self.reached.found()}
        return {"fate": "test" if session.testsfailed else "survived", "by": self.failed}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.reached:
            self.reached.begin(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self.reached:
            self.reached.end(nodeid)


class Reached:
    """How long each test took [s], and which lines of some files it ran."""

    def __init__(self, files: list[str]) -> None:
        self.files = {str(Path(file).resolve()): file for file in files}
        self.seconds: dict[str, float] = {}
        self.memories = memories()
        self.coverage = coverage.Coverage(data_file=None, include=list(self.files), config_file=False)
        self.coverage.start()

    def begin(self, test: str) -> None:
        """Each test as if it were the first: what it would run if no other had found it before."""
        forget(self.memories)
        shutil.rmtree(os.environ["ROOFTILE_CACHE_DIR"], ignore_errors=True)
        self.coverage.switch_context(test)
        self.seconds[test] = -time.process_time()

    def end(self, test: str) -> None:
        self.seconds[test] += time.process_time()
        self.coverage.switch_context("")

    def found(self) -> dict[str, Any]:
        """Seconds of each test; of each file and line the tests that ran it."""
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {file: data.contexts_by_lineno(full) for full, file in self.files.items()}
        return {"seconds": self.seconds, "lines": lines}


def swapped(file: str, before: str, after: str) -> bool:
    """Give all functions of a file the code that they have in its other source; whether that is all of the change."""
    full = str(Path(file).resolve())
    old, new = (compile(source, full, "exec") for source in (before, after))
    if outside(old) != outside(new):
        return False
    live: dict[tuple[str, int], list[types.FunctionType]] = {}
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename == full:
            live.setdefault(place(each.__code__), []).append(each)
    count = 0
    for one, other in zip(functions(old), functions(new), strict=True):
        own = live.get(place(one), []) if one != other else []
        if any(each.__code__.co_freevars != other.co_freevars for each in own):
            return False
        for function in own:
            function.__code__ = other
            count += 1
    return count > 0


def place(code: Code) -> tuple[str, int]:
    """What tells functions of a file apart: codes that have run are no longer equal to those that have not."""
    return code.co_name, code.co_firstlineno


def inner(code: Code) -> list[Code]:
    """What is defined right in some code."""
    return [const for const in code.co_consts if isinstance(const, Code)]


def is_class(code: Code) -> bool:
    return not code.co_flags & inspect.CO_OPTIMIZED


def outside(code: Code) -> list[Any]:
    """What a file, and its classes, do when they are imported."""
    plain = [const for const in code.co_consts if not isinstance(const, Code)]
    return [code.co_code, repr(plain), code.co_names, [outside(one) for one in inner(code) if is_class(one)]]


def functions(code: Code) -> list[Code]:
    """Functions that are there once a file was imported, in order; not those that others make when they run."""
    return [each for one in inner(code) for each in (functions(one) if is_class(one) else [one])]


def memories() -> list[Any]:
    """What remembers answers in this process."""
    memory: Any = getattr(sys.modules.get("simulator.store.memory"), "Memory", ())
    found = [each for each in gc.get_objects() if isinstance(each, (functools._lru_cache_wrapper, memory))]
    return [each for each in found if isinstance(each, memory) or str(each.__module__).startswith("simulator")]


def forget(known: list[Any]) -> None:
    for each in known:
        (each.cache_clear if hasattr(each, "cache_clear") else each.clear)()


def forked(run: Callable[[], dict[str, Any]], limit_s: int, longest_s: float) -> dict[str, Any]:
    """What a run says in a process of its own, within limits of processor time and of time. [s]"""
    says, said = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(says)
        alone(run, said, limit_s)
    os.close(said)
    with open(says, encoding="utf-8") as out:
        if not select.select([out], [], [], longest_s)[0]:
            os.kill(pid, signal.SIGKILL)
        answer = out.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if answer:
        return dict(json.loads(answer))
    return {"fate": "time" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "crash", "by": f"exit {code}"}


def alone(run: Callable[[], dict[str, Any]], said: int, limit_s: int) -> None:
    """In a process of its own: run, say what came of it, and end, whatever that was."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
        answer = json.dumps(run()).encode()
        with open(said, "wb") as out:
            out.write(answer)
    except BaseException:  # nothing may go on here as if it were the process that was forked
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    """Read and answer on what were input and output: pytest has its own."""
    asked, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    pytest.main([*OPTIONS, *sys.argv[1:]], plugins=[Worker(asked, answers)])


if __name__ == "__main__":
    main()
