"""How far a long question is: who does the work goes through it with `each`, who asked may look from another thread.

A thread that nobody watches, as in most programs that call the package, pays next to nothing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Watch:
    """What a thread is doing: loops inside loops, and words. One thread writes, others read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begin = clock, clock()
        self._loops: tuple[tuple[int, int, float], ...] = ()
        self.words = ""
        """What is being done."""

    def put(self, loops: tuple[tuple[int, int, float], ...]) -> None:
        """Note (rounds done, rounds in all, when it began) of the loops that run, the outermost first."""
        self._loops = loops

    @property
    def loops(self) -> tuple[tuple[int, int, float], ...]:
        """The same."""
        return self._loops

    def now(self) -> float:
        """Seconds of the clock."""
        return self._clock()

    @property
    def elapsed_s(self) -> float:
        """Since the watch began."""
        return self._clock() - self._begin

    @property
    def share(self) -> float | None:
        """Share of the outermost loop that is done, the part of its round included; None outside of loops."""
        loops, done = self._loops, 0.0
        for rounds, of, _ in reversed(loops):
            done = min(1.0, (rounds + done) / of)
        return done if loops else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the outermost loop will still take, were all rounds alike; None where nothing is known."""
        loops, share = self._loops, self.share
        if not share or not loops or share >= 1.0:
            return None
        return (self._clock() - loops[0][2]) * (1.0 - share) / share


_own = threading.local()


def watch(own: Watch | None) -> None:
    """Have what this thread does from now on noted in `own`."""
    _own.watch = own


def watched() -> Watch | None:
    """What notes the work of this thread; None where nobody looks."""
    found: Watch | None = getattr(_own, "watch", None)
    return found


def say(words: str) -> None:
    """Note what this thread is doing, in words."""
    own = watched()
    if own is not None:
        own.words = words


def each(items: Sequence[Item], words: Callable[[Item], str] | None = None) -> Iterator[Item]:
    """Go through items, noting how many are done; words: what is said of one, unless a loop outside says more."""
    own = watched()
    if own is None or not items:
        yield from items
        return
    outer, begin = own.loops, own.now()
    try:
        for done, item in enumerate(items):
            own.put((*outer, (done, len(items), begin)))
            if words is not None and not outer:
                own.words = words(item)
            yield item
    finally:
        own.put(outer)


def stages(count: int) -> Callable[[], None]:
    """Note that the first of so many stages begins; what is given back notes the next. They end where it is let go."""
    rounds = each(range(count))
    next(rounds, None)

    def then() -> None:
        next(rounds, None)

    return then


def counted(items: Iterable[Item]) -> Iterator[Item]:
    """`each` of items that are not listed yet."""
    return each(tuple(items))
