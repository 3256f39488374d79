"""Questions that take long: one at a time in a thread of its own, with how far each is; they can be given up."""

import threading
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from simulator.errors import OptionError, RooftileError, StoppedError, nearest
from simulator.progress import Watch, watch
from simulator.store.foreign import printable
from simulator.web import forms

Tell = Callable[[str], None]
"""Called between long steps; what it raises ends the work."""

Polled = TypeVar("Polled", bound=forms.Standing)
"""Where a question stands, with the answer of its kind."""

MOST_WAITING = 16
"""Questions that wait or work."""

MOST_KEPT = 64
"""Questions that are remembered; the oldest that have ended go first."""

MOST_LINES = 8
"""Of what is wrong with a question."""

LONGEST_LINE = 500

MOST_POINTS = 200_000
"""Of a sweep."""

SWEPT_AT_ONCE = 1_000
"""Points after which a sweep says how far it is."""


def points_told(tell: Tell, done: int, points: int) -> None:
    """Say how far a sweep is; one with too many points ends here."""
    if points > MOST_POINTS:
        raise OptionError(f"vary: must make at most {MOST_POINTS:,} points, got {points:,}")
    tell(f"{done:,} of {points:,} points")


def fault_lines(error: Exception) -> list[str]:
    """What was raised, one line a fault, as the command says it."""
    if isinstance(error, RooftileError):
        lines = [line for line in str(error).split("\n") if line.strip()]
    elif isinstance(error, MemoryError):
        lines = ["memory: there is too little for this question; a smaller batch or network needs less"]
    else:
        first = (str(error).splitlines() or ["no message"])[0]
        lines = [f"internal error: {type(error).__name__}: {first} (a defect of rooftile)"]
    return [printable(line)[:LONGEST_LINE] for line in lines[:MOST_LINES]]


class Job:
    """One question."""

    def __init__(self, ticket: str, task: Callable[[Tell], Any]) -> None:
        self.ticket, self.task, self.watch = ticket, task, Watch()
        self.state: forms.State = "waiting"
        self.answer: Any = None
        self.errors: list[str] = []
        self.ended = threading.Event()

    @property
    def unwanted(self) -> bool:
        """Whether nobody wants it any more."""
        return self.watch.unwanted

    def tell(self, words: str) -> None:
        """Note what is being done. Raises StoppedError where nobody wants it any more."""
        if self.unwanted:
            raise StoppedError("it was cancelled")
        self.watch.words = words

    def standing(self) -> dict[str, Any]:
        """Where it stands, and its answer."""
        working = self.state == "working"
        return {
            "ticket": self.ticket,
            "state": self.state,
            "doing": self.watch.words if working else self.state,
            "elapsed_s": self.watch.elapsed_s,
            "share": 1.0 if self.state == "done" else self.watch.share if working else None,
            "left_s": self.watch.left_s if working else None,
            "errors": self.errors,
            "answer": self.answer,
        }


class Jobs(Generic[Polled]):
    """The questions of one server, oldest first."""

    def __init__(self, faults: Callable[[Exception], list[str]], polled: type[Polled]) -> None:
        """faults: the lines of what a question raised. polled: the form of where one stands."""
        self._faults, self._polled, self._numbers, self._jobs = faults, polled, count(1), dict[str, Job]()
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, task: Callable[[Tell], Any]) -> forms.Submitted:
        """Put a question in the queue. Raises OptionError where too many wait."""
        with self._lock:
            ahead = sum(not job.ended.is_set() for job in self._jobs.values())
            if ahead >= MOST_WAITING:
                raise OptionError(f"submit: must be at most {MOST_WAITING} questions at once; poll or cancel one")
            for old in [ticket for ticket, job in self._jobs.items() if job.ended.is_set()][
                : len(self._jobs) + 1 - MOST_KEPT
            ]:
                del self._jobs[old]
            job = Job(f"work-{next(self._numbers)}", task)
            self._jobs[job.ticket] = job
            self._queue.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="rooftile-long")
                self._thread.start()
        return forms.Submitted(ticket=job.ticket, ahead=ahead)

    def poll(self, ticket: str, wait_s: float = 0.0) -> Polled:
        """Where a question stands, after a while where one is asked for. Raises OptionError for an unknown ticket."""
        job = self._job(ticket)
        job.ended.wait(wait_s)
        return self._polled(**job.standing())

    def cancel(self, ticket: str) -> Polled:
        """Give a question up: it ends at its next step. Raises OptionError for an unknown ticket."""
        job = self._job(ticket)
        job.watch.unwanted = True
        if job.state == "waiting":
            job.state = "cancelled"
            job.ended.set()
        return self._polled(**job.standing())

    def _job(self, ticket: str) -> Job:
        found = self._jobs.get(ticket)
        if found is None:
            near = nearest(ticket, self._jobs) if self._jobs else "; nothing was submitted"
            raise OptionError(f"ticket: must be one that submit gave, got {printable(ticket)!r}{near}")
        return found

    def _work(self) -> None:
        """Answer one question after the other, for ever."""
        while True:
            job = self._queue.get()
            if job.unwanted:
                continue
            job.state = "working"
            job.watch.begin()
            watch(job.watch)
            try:
                job.answer = job.task(job.tell)
                job.state = "done"
            except StoppedError:
                job.state = "cancelled"
            except Exception as error:
                job.errors, job.state = self._faults(error), "failed"
            finally:
                watch(None)
                job.ended.set()
