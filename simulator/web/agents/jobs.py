"""Questions that take long: one at a time in a thread of its own, with how far each is; they can be given up."""

import threading
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import Any

from simulator.errors import OptionError, StoppedError, nearest
from simulator.progress import Watch, watch
from simulator.store.foreign import printable
from simulator.web.agents import forms
from simulator.web.agents.answers import Tell

MOST_WAITING = 16
"""Questions that wait or work."""

MOST_KEPT = 64
"""Questions that are remembered; the oldest that have ended go first."""


class Job:
    """One question."""

    def __init__(self, ticket: str, task: Callable[[Tell], Any]) -> None:
        self.ticket, self.task, self.watch = ticket, task, Watch()
        self.state: forms.State = "waiting"
        self.answer: Any = None
        self.errors: list[str] = []
        self.unwanted, self.ended = threading.Event(), threading.Event()

    def tell(self, words: str) -> None:
        """Note what is being done. Raises StoppedError where nobody wants it any more."""
        if self.unwanted.is_set():
            raise StoppedError("it was cancelled")
        self.watch.words = words

    def polled(self) -> forms.Polled:
        """Where it stands."""
        working = self.state == "working"
        return forms.Polled(
            ticket=self.ticket,
            state=self.state,
            doing=self.watch.words if working else self.state,
            elapsed_s=self.watch.elapsed_s,
            share=1.0 if self.state == "done" else self.watch.share if working else None,
            left_s=self.watch.left_s if working else None,
            errors=self.errors,
            answer=self.answer,
        )


class Jobs:
    """The questions of one server, oldest first."""

    def __init__(self, faults: Callable[[Exception], list[str]]) -> None:
        """faults: the lines of what a question raised."""
        self._faults, self._numbers, self._jobs = faults, count(1), dict[str, Job]()
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
                self._thread = threading.Thread(target=self._work, daemon=True, name="rooftile-mcp")
                self._thread.start()
        return forms.Submitted(ticket=job.ticket, ahead=ahead)

    def poll(self, asked: forms.PollAsked) -> forms.Polled:
        """Where a question stands, after a while where one is asked for. Raises OptionError for an unknown ticket."""
        job = self._job(asked.ticket)
        job.ended.wait(asked.wait_s)
        return job.polled()

    def cancel(self, asked: forms.CancelAsked) -> forms.Polled:
        """Give a question up: it ends at its next step. Raises OptionError for an unknown ticket."""
        job = self._job(asked.ticket)
        job.unwanted.set()
        if job.state == "waiting":
            job.state = "cancelled"
            job.ended.set()
        return job.polled()

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
            if job.unwanted.is_set():
                continue
            job.state, job.watch = "working", Watch()
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
