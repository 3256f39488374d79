"""Asks one checkout all questions: workers with its `simulator` on their path, as many as wanted, and a file of answers."""

import gzip
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

WORKER = Path(__file__).with_name("worker.py")
PATIENCE_S = 1200.0
"""A question that takes longer is answered by an error."""
TOLD_EVERY_S = 30.0
"""Between two lines of progress where no terminal shows them."""


class Side(NamedTuple):
    """A checkout to ask: its name for people, its folder, the interpreter that has what it depends on, a folder for its cache."""

    name: str
    root: Path
    python: str
    cache: Path


class Answers:
    """Answers by label, packed: those of a whole network unpacked take hundreds of times the room."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.questions: list[dict[str, Any]] = []
        self.seconds: dict[str, float] = {}
        self.core_seconds = 0.0
        self._packed: dict[str, bytes] = {}

    def put(self, label: str, seconds: float, answer: str) -> None:
        self.seconds[label], self._packed[label] = seconds, zlib.compress(answer.encode(), 3)

    def get(self, label: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(zlib.decompress(self._packed[label]))
        return found

    def __contains__(self, label: str) -> bool:
        return label in self._packed

    def save(self, path: Path) -> None:
        """One line for the head, one for each question and answer; whole or not at all."""
        draft = path.with_name(path.name + ".tmp")
        with gzip.open(draft, "wt", encoding="utf-8", compresslevel=4) as file:
            file.write(json.dumps(self.head) + "\n")
            for question in self.questions:
                label = question["label"]
                answer = zlib.decompress(self._packed[label]).decode()
                file.write(f"{json.dumps(question)}\t{self.seconds[label]}\t{answer}\n")
        os.replace(draft, path)

    @classmethod
    def load(cls, path: Path) -> "Answers":
        found = cls()
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found.head = json.loads(next(file))
            for line in file:
                question, seconds, answer = line.rstrip("\n").split("\t")
                found.questions.append(json.loads(question))
                found.put(found.questions[-1]["label"], float(seconds), answer)
        return found


class Worker:
    """One process that answers; started anew where a question ended it."""

    def __init__(self, side: Side, log: Path) -> None:
        self._side, self._log = side, log
        self.hello: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def start(self) -> None:
        """Start the process. Raises RuntimeError where it does not begin, or has another `simulator` than it should."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env |= {"PYTHONPATH": str(self._side.root), "ROOFTILE_CACHE_DIR": str(self._side.cache), "ROOFTILE_QUIET": "1"}
        # -P: modules beside the worker hide nothing. A session of its own: Ctrl-C reaches the parent alone.
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [self._side.python, "-P", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=env,
                text=True, encoding="utf-8", bufsize=1, start_new_session=True, cwd=self._side.cache,
            )  # fmt: skip
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self._side.name}: a worker did not start: {self.last_words()}")
        self.hello = json.loads(line)
        if not Path(self.hello["file"]).resolve().is_relative_to(self._side.root.resolve()):
            raise RuntimeError(f"{self._side.name}: must import from {self._side.root}, got {self.hello['file']}")

    def ask(self, question: Mapping[str, Any]) -> tuple[float, str, float]:
        """(Seconds, answer as JSON, core seconds). What ends the process, or does not end, is an error."""
        if self._stopped:
            raise RuntimeError("stopped")
        if self._process is None:
            self.start()
        process, began, late = self._process, time.perf_counter(), threading.Event()
        assert process is not None
        timer = threading.Timer(PATIENCE_S, lambda: (late.set(), self._end(process)))
        timer.daemon = True
        timer.start()
        try:
            _pipe(process.stdin).write(json.dumps(question) + "\n")
            line = _pipe(process.stdout).readline()
        except (BrokenPipeError, OSError):
            line = ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            seconds, busy, answer = line.rstrip("\n").split("\t", 2)
            return float(seconds), answer, float(busy)
        code = process.wait()
        self._process = None
        what = f"no answer within {PATIENCE_S:g} s" if late.is_set() else f"exit code {code}: {self.last_words()}"
        return time.perf_counter() - began, json.dumps({"error": ["the process ended", what]}), 0.0

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def stop(self) -> None:
        """End the process and those that it has started; it is not started again."""
        self._stopped = True
        process = self._process  # the thread that asks may let go of it meanwhile
        if process is not None:
            self._end(process)

    @staticmethod
    def _end(process: "subprocess.Popen[str]") -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        except ProcessLookupError:
            process.kill()
        process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def ask(side: Side, asked: Sequence[dict[str, Any]], jobs: int, expected: Mapping[str, float] | None = None) -> Answers:
    """All answers of one side. expected: seconds of each question, as the other side took them."""
    found, began = Answers(), time.time()
    found.questions = list(asked)
    todo: queue.SimpleQueue[list[dict[str, Any]]] = queue.SimpleQueue()
    for batch in batches(asked):
        todo.put(batch)
    progress = Progress(side.name, asked, expected or {})
    failed: list[BaseException] = []
    with tempfile.TemporaryDirectory(prefix="answers-", ignore_cleanup_errors=True) as folder:
        workers = [Worker(side, Path(folder, f"log{number}")) for number in range(jobs)]
        try:
            workers[0].start()
            print(f"{side.name}: {workers[0].hello['file']}", file=sys.stderr)
            threads = [
                threading.Thread(target=_work, args=(worker, todo, found, progress, failed), daemon=True)
                for worker in workers
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):  # not join: Ctrl-C must get through
                time.sleep(0.2)
                progress.tell()
        finally:
            for worker in workers:
                worker.stop()
        progress.end()
    if failed:
        raise failed[0]
    took = {"seconds": round(time.time() - began, 1), "core_seconds": round(found.core_seconds, 1)}
    found.head = {"name": side.name, **took, **workers[0].hello}
    return found


def batches(asked: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Questions in the order of asking: sweeps one by one, runs by chip and network, which share frontiers."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for question in asked:
        own = (question["label"],) if question["kind"] == "sweep" else (question["chip"], question["network"])
        found.setdefault(own, []).append(question)
    return list(found.values())


def _work(
    worker: Worker,
    todo: "queue.SimpleQueue[list[dict[str, Any]]]",
    found: Answers,
    progress: "Progress",
    failed: list[BaseException],
) -> None:
    """Have one worker answer until nothing is left to ask."""
    try:
        while not failed:
            for question in todo.get_nowait():
                seconds, answer, busy = worker.ask(question)
                found.put(question["label"], seconds, answer)
                found.core_seconds += busy
                progress.add(question["label"], found.seconds[question["label"]])
    except queue.Empty:
        return
    except Exception as error:
        failed.append(error)


class Progress:
    """Questions done and the time that is left, on standard error."""

    def __init__(self, name: str, asked: Sequence[Mapping[str, Any]], expected: Mapping[str, float]) -> None:
        self._name, self._count, self._done = name, len(asked), 0
        # Without times of the other side a sweep counts as some runs.
        self._weights = {
            each["label"]: expected.get(each["label"], 4.0 if each["kind"] == "sweep" else 1.0) + 0.01 for each in asked
        }
        self._all, self._past = sum(self._weights.values()), 0.0
        self._began, self._told = time.time(), 0.0
        self._slowest = (0.0, "")
        self._shown = sys.stderr.isatty()

    def add(self, label: str, seconds: float) -> None:
        self._done += 1
        self._past += self._weights[label]
        self._slowest = max(self._slowest, (seconds, label))

    def tell(self) -> None:
        now = time.time()
        if now - self._told < (0.5 if self._shown else TOLD_EVERY_S) or not self._done:
            return
        self._told = now
        left_s = (now - self._began) * (self._all / self._past - 1.0)
        text = f"{self._name}: {self._done} of {self._count} answers, {left_s / 60:.1f} min left"
        print(f"\r\x1b[K{text}" if self._shown else text, end="" if self._shown else "\n", file=sys.stderr, flush=True)

    def end(self) -> None:
        lead = "\r\x1b[K" if self._shown else ""
        text = f"{self._done} answers in {time.time() - self._began:.0f} s; slowest {self._slowest[0]:.1f} s: {self._slowest[1]}"
        print(f"{lead}{self._name}: {text}", file=sys.stderr, flush=True)
