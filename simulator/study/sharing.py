"""Questions that do not depend on each other, answered by as many processes as there are cores where that is worth it.

This process begins alone. If much is left after a moment, others help: each takes the next question when it has answered one,
and so does this one. What they find on the way lies in the disk cache, where all find it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Generic, TypeVar

from simulator.errors import InputError
from simulator.frontier import threads
from simulator.progress import Shared, each, shared
from simulator.store.processes import EndedError, Helper, Raised

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ALONE_S = 1.0
"""What takes no longer is done by this process alone. [s]"""

WORTH_S = 1.5
"""Work for which another process is started: it takes a third of that until it can answer. [s]"""

LOOK_EVERY_S = 0.02
"""How long a wait lasts at most: what another thread raises here, as Ctrl-C does, is heard between two. [s]"""

_taken = threading.Lock()
"""Held by who has the cores of this machine."""


def answers(
    ask: Callable[[Item], Answer],
    items: Sequence[Item],
    size: Callable[[Item], float] = lambda _: 1.0,
    begin: Callable[[Item], None] = lambda _: None,
) -> list[Answer]:
    """The answers in the order of the items, which are asked in that order; what `ask` raises first is raised.

    ask: a function of a module, or a `partial` of one, that depends on nothing that another process lacks. size: about how long
    an item takes, above 0, in any unit. begin: called before this process asks an item. Raises InputError where a process that
    helps ends before its time.
    """
    if len(items) > 1 and threads.cores() > 1 and _taken.acquire(blocking=False):
        try:
            with shared(float(sum(map(size, items)))) as rounds:
                return _Shared(ask, items, size, begin, rounds).answered()
        finally:
            _taken.release()
    found = []
    for item in each(items, size=size):
        begin(item)
        found.append(ask(item))
    return found


class _Shared(Generic[Item, Answer]):
    """Items that several processes ask, this one among them."""

    def __init__(
        self,
        ask: Callable[[Item], Answer],
        items: Sequence[Item],
        size: Callable[[Item], float],
        begin: Callable[[Item], None],
        rounds: Shared,
    ) -> None:
        self._ask, self._items, self._size, self._begin, self._rounds = ask, items, size, begin, rounds
        self._found: dict[int, Answer] = {}
        self._faults: dict[int, Exception] = {}
        self._next, self._lock = 0, threading.Lock()
        self._helpers: list[Helper] = []
        self._busy: set[int] = set()
        """Items that others ask."""
        self._over = threading.Event()

    def answered(self) -> list[Answer]:
        """All answers. However it ends, nobody helps any more afterwards."""
        threading.Thread(target=self._call, daemon=True, name="helpers").start()
        try:
            self._do_own()
            while self._busy:
                self._rounds.check()
                time.sleep(LOOK_EVERY_S)
        finally:
            self._over.set()
            with self._lock:
                for helper in self._helpers:
                    helper.kill()
        for fault in sorted(self._faults):
            raise self._faults[fault]
        return [self._found[place] for place in range(len(self._items))]

    def _take(self, by_helper: bool = False) -> int | None:
        """The next item; None where there is none, or something was raised already."""
        with self._lock:
            if self._over.is_set() or self._faults or self._next == len(self._items):
                return None
            place, self._next = self._next, self._next + 1
            if by_helper:
                self._busy.add(place)
            return place

    def _do_own(self) -> None:
        while (place := self._take()) is not None:
            item = self._items[place]
            self._rounds.begin(self._size(item))
            self._begin(item)
            try:
                with threads.alone() if self._busy else nullcontext():
                    self._found[place] = self._ask(item)
            except InputError as error:
                self._faults[place] = error
            self._rounds.end(self._size(item))

    def _call(self) -> None:
        """Have others help, where enough is left after a while."""
        begin = time.monotonic()
        if self._over.wait(ALONE_S):
            return
        while not _compiled():  # two would compile the same
            if self._over.wait(ALONE_S):
                return
        done, gone = self._rounds.share, time.monotonic() - begin
        left_s = gone * (1.0 - done) / done if done > 0.0 else WORTH_S * len(self._items)
        count = min(threads.cores() - 1, int(left_s / WORTH_S), len(self._items) - self._next)
        for _ in range(count):
            threading.Thread(target=self._help, daemon=True, name="helper").start()

    def _help(self) -> None:
        """Have another process ask items."""
        try:
            helper = Helper()
        except OSError:  # no process is to be had
            return
        with self._lock:
            if self._over.is_set():
                helper.kill()
            self._helpers.append(helper)
        try:
            if helper.knows(partial(_alone, self._ask)):
                while (place := self._take(by_helper=True)) is not None:
                    self._hand(helper, place)
        finally:
            helper.close()

    def _hand(self, helper: Helper, place: int) -> None:
        """Have a helper ask an item."""
        item = self._items[place]
        try:
            found: Any = helper.answer(item)
            if isinstance(found, Raised):
                self._faults[place] = found.error
            else:
                self._found[place] = found
        except EndedError as ended:
            self._faults[place] = InputError(
                f"a process that helped ended by {ended}; what was found is kept: ask again, on fewer cores if memory is short"
            )
        finally:
            self._rounds.add(self._size(item))
            with self._lock:
                self._busy.discard(place)


def _alone(ask: Callable[[Item], Answer], item: Item) -> Answer:
    """An answer of a process that has one core."""
    with threads.alone():
        return ask(item)


def _compiled() -> bool:
    """Whether the kernels that most questions need are on disk already."""
    from simulator.kernels.grid_search import search  # noqa: PLC0415  # a process that helps may need none
    from simulator.kernels.jit import needs_compile  # noqa: PLC0415
    from simulator.kernels.schedule_few import residency  # noqa: PLC0415

    return not needs_compile((search, residency))
