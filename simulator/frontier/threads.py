"""Work in pieces that do not depend on each other, on the cores that are idle: kernels let other threads run."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from simulator.progress import each

Item = TypeVar("Item")

WORKER = "rooftile-frontier"
"""What the names of the threads begin with."""

FEWEST = 4
"""Fewer pieces are not worth threads."""

LOOK_EVERY_S = 0.1
"""How long a wait lasts at most: what another thread raises here, as Ctrl-C does, is heard between two."""

_taken = threading.Lock()


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def alone() -> Iterator[None]:
    """Have the cores for something else: what is done side by side is done one after another meanwhile."""
    mine = _taken.acquire(blocking=False)
    try:
        yield
    finally:
        if mine:
            _taken.release()


def side_by_side(work: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Do some work for every item, one a core; one after another where another thread has the cores already.

    Progress is noted in the thread that asks. What `work` raises is raised here; who is interrupted waits for no kernel.
    """
    count = min(len(items), cores())
    if len(items) < FEWEST or count == 1 or not _taken.acquire(blocking=False):
        for item in each(items):
            work(item)
        return
    stop = threading.Event()
    workers = ThreadPoolExecutor(count, thread_name_prefix=WORKER)
    try:
        for one in each([workers.submit(_unless, stop, work, item) for item in items]):
            _wait(one)
    except BaseException:
        stop.set()
        raise
    finally:
        workers.shutdown(wait=False, cancel_futures=True)
        _taken.release()


def _unless(stop: threading.Event, work: Callable[[Item], None], item: Item) -> None:
    if not stop.is_set():
        work(item)


def _wait(one: Future[None]) -> None:
    while not one.done():
        try:
            one.result(LOOK_EVERY_S)
        except TimeoutError:
            continue
    one.result()
