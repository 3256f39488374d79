"""How far a long question is: who does the work goes through it with `each`, who asked may look from another thread.

A thread that nobody watches, as in most programs that call the package, pays next to nothing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from simulator.errors import StoppedError

Item = TypeVar("Item")


FINE = 1000
"""Parts that a share is counted in."""

INNER = 0.5
"""Share of what is left of a round that a loop inside it counts for: nobody knows how many more will follow."""


@dataclass(slots=True)
class Loop:
    """A loop that runs: rounds done and in all, when it began, and the share of this round that loops inside it have done.

    Rounds that take unlike times count by their sizes.
    """

    done: float
    of: float
    begin: float
    inside: float = 0.0
    size: float = 1.0
    """Of this round."""


class Watch:
    """What a thread is doing: loops inside loops, and words. One thread writes, others read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self._begin = clock, clock()
        self.unwanted = False
        """Whether nobody wants the answer any more: the next round of any loop ends the work."""
        self.loops: tuple[Loop, ...] = ()
        """That run now, the outermost first."""
        self.words = ""
        """What is being done."""
        self.printing = threading.RLock()
        """Taken while the thread prints: nobody draws on the terminal meanwhile."""
        self.hide: Callable[[], None] = lambda: None
        """Takes what was drawn off the terminal."""

    def begin(self) -> None:
        """Count the seconds from now on: what was asked has waited for its turn."""
        self._begin = self.clock()

    def check(self) -> None:
        """Raise StoppedError where nobody wants the answer any more."""
        if self.unwanted:
            raise StoppedError("it was cancelled")

    @property
    def elapsed_s(self) -> float:
        """Since the watch began."""
        return self.clock() - self._begin

    @property
    def share(self) -> float | None:
        """Share of the outermost loop that is done, parts of its round included; never falls. None outside of loops."""
        loops, done = self.loops, 0.0
        for loop in reversed(loops):
            inside = loop.inside + (1.0 - loop.inside) * INNER * done
            done = min(1.0, (loop.done + loop.size * inside) / loop.of)
        return done if loops else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the outermost loop will still take, were all rounds alike; None where nothing is known."""
        loops, share = self.loops, self.share
        if not share or not loops or share >= 1.0:
            return None
        return (self.clock() - loops[0].begin) * (1.0 - share) / share


_own = threading.local()


def watch(own: Watch | None) -> None:
    """Have what this thread does from now on noted in `own`."""
    _own.watch = own


def watched() -> Watch | None:
    """What notes the work of this thread; None where nobody looks."""
    found: Watch | None = getattr(_own, "watch", None)
    return found


@contextmanager
def aside() -> Iterator[None]:
    """Take what is drawn about this thread off the terminal, until what is printed inside is there."""
    own = watched()
    if own is None:
        yield
        return
    with own.printing:
        own.hide()
        yield


def say(words: str) -> None:
    """Note what this thread is doing, in words."""
    own = watched()
    if own is not None:
        own.words = words


def each(
    items: Sequence[Item], words: Callable[[Item], str] | None = None, size: Callable[[Item], float] | None = None
) -> Iterator[Item]:
    """Go through items, noting how many are done; words: what is said of one, unless a loop outside says more.

    size: about how long one takes, above 0, in any unit; left out where all take alike.
    """
    own = watched()
    if own is None or not items:
        yield from items
        return
    whole = float(len(items)) if size is None else sum(map(size, items))
    outer, loop, done = own.loops, Loop(0.0, whole, own.clock()), 0.0
    own.loops = (*outer, loop)
    try:
        for item in items:
            own.check()
            loop.size = 1.0 if size is None else size(item)
            loop.done, loop.inside = done, 0.0
            done += loop.size
            if words is not None and not outer:
                own.words = words(item)
            yield item
    finally:
        own.loops = outer
        if outer:
            outer[-1].inside += (1.0 - outer[-1].inside) * INNER


class Shared:
    """A loop whose rounds several do: the thread that is watched notes here which it begins, any that one is done."""

    def __init__(self, own: Watch | None, loop: Loop) -> None:
        self._own, self._loop, self._lock = own, loop, threading.Lock()

    def begin(self, size: float) -> None:
        """This thread begins a round; raises StoppedError where nobody wants the answer any more."""
        self.check()
        self._loop.inside, self._loop.size = 0.0, size

    def end(self, size: float) -> None:
        """This thread has done its round."""
        self._loop.size = self._loop.inside = 0.0
        self.add(size)

    def add(self, size: float) -> None:
        """Another has done one."""
        with self._lock:
            self._loop.done += size

    def check(self) -> None:
        """Raise StoppedError where nobody wants the answer any more."""
        if self._own is not None:
            self._own.check()

    @property
    def share(self) -> float:
        """Share of the rounds that are done."""
        return self._loop.done / self._loop.of


@contextmanager
def shared(whole: float) -> Iterator[Shared]:
    """A loop whose rounds several do; whole: their sizes together."""
    own = watched()
    loop = Loop(0.0, whole, 0.0 if own is None else own.clock(), size=0.0)
    outer = () if own is None else own.loops
    if own is not None:
        own.loops = (*outer, loop)
    try:
        yield Shared(own, loop)
    finally:
        if own is not None:
            own.loops = outer
        if outer:
            outer[-1].inside += (1.0 - outer[-1].inside) * INNER


def stages(count: int) -> Callable[[], None]:
    """Note that the first of so many stages begins; what is given back notes the next. They end where it is let go."""
    rounds = each(range(count))
    next(rounds, None)

    def then() -> None:
        next(rounds, None)

    return then


@contextmanager
def measured() -> Iterator[Callable[[float], None]]:
    """Note a share of work that nobody can list beforehand, as of a search; yields what notes it. It never falls."""
    own = watched()
    if own is None:
        yield lambda _: None
        return
    outer, loop = own.loops, Loop(0, FINE, own.clock())
    own.loops = (*outer, loop)

    def note(share: float) -> None:
        own.check()
        loop.done, loop.inside = max(loop.done, min(FINE - 1, int(FINE * share))), 0.0

    try:
        yield note
    finally:
        own.loops = outer


def counted(items: Iterable[Item]) -> Iterator[Item]:
    """`each` of items that are not listed yet."""
    return each(tuple(items))
