"""Commands beside a thread that watches them: Ctrl-C is heard at once, and a long command shows how far it is.

A kernel does not stop for a signal. So the command runs in a thread of its own, and the first thread waits, draws a line on a
terminal once it takes long, and leaves when it is told to.
"""

import atexit
import contextvars
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from simulator.frontier.threads import WORKER
from simulator.progress import Watch, say, watch

SHOWN_AFTER_S = 2.0
"""What takes less shows nothing."""

LOOK_EVERY_S = 0.2

DUMB = ("dumb", "unknown")
"""What terminals are called that know no codes."""

LEAVES_WITHIN_S = 0.5
"""Time that an interrupted command has to tidy up; one that is inside a kernel then is left to end with the process."""

STACK_BYTES = 16 * 2**20
"""Of the thread of a command: some systems give a thread much less than a process."""


def watched(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, watched."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        beside(functools.partial(command, **given))

    return run


class _Work(threading.Thread):
    """A command in a thread of its own, with what it ended with."""

    def __init__(self, work: Callable[[], None], own: Watch) -> None:
        super().__init__(daemon=True, name="command")
        self._work, self._own, self._context = work, own, contextvars.copy_context()
        self.error: BaseException | None = None
        self.ended, self._bell = False, threading.Lock()
        self._bell.acquire()  # until the work has ended

    def run(self) -> None:
        watch(self._own)
        try:
            self._context.run(self._work)
        except BaseException as error:  # raised again in the first thread
            self.error = error
        finally:
            self.ended = True
            self._bell.release()

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end for some time; returns whether the work has ended.

        A signal may strike at any line of Python. An event then keeps its lock for ever, and whoever waits next hangs; a `join`
        takes the thread for ended. To take a bare lock is one step, which a signal finds done or not done.
        """
        if not self.ended:
            self._bell.acquire(timeout=seconds)
        return self.ended


def beside(work: Callable[[], None]) -> None:
    """Do some work in another thread while this one watches; raises what the work raises, KeyboardInterrupt at Ctrl-C."""
    own = Watch()
    before = threading.stack_size(STACK_BYTES)
    thread = _Work(work, own)
    try:
        thread.start()
    finally:
        threading.stack_size(before)
    line = _Line(own)
    try:
        while not thread.ends_within(LOOK_EVERY_S):
            line.draw()
        line.hide()
    except KeyboardInterrupt:
        line.hide()
        _stop(thread)
        raise KeyboardInterrupt from None
    if thread.error is not None:
        raise thread.error


def _stop(thread: _Work) -> None:
    """Have a thread end: at its next line of Python, or, where none comes soon, with the process."""
    import ctypes  # noqa: PLC0415

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt))
    threading.excepthook = lambda _: None  # it may strike while the thread ends, too
    thread.ends_within(LEAVES_WITHIN_S)
    leave_behind(WORKER)
    # A thread that is still inside a kernel must not find the interpreter gone when it comes back. Nor is the exit code safe:
    # Python ends by the signal where code that was made from text, as in many an import, was interrupted.
    atexit.register(leave)


def leave_behind(name: str) -> None:
    """Have the process end without threads whose names begin so and that are inside a kernel still, after a moment."""
    begin = time.monotonic()
    while any(thread.name.startswith(name) for thread in threading.enumerate()):
        if time.monotonic() - begin > LEAVES_WITHIN_S:
            # Python waits for all threads before it calls what `atexit` has. Without this part of it, we wait, too.
            getattr(threading, "_register_atexit", atexit.register)(leave)
            return
        time.sleep(0.02)


def leave(code: int = 130) -> None:
    """End the process here and now; unless told otherwise as one that was interrupted."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


class _Line:
    """The line on a terminal that says what is done, how far it is and how long it will still take."""

    def __init__(self, own: Watch) -> None:
        self._own, self._drawn, self._shows = own, "", sys.stderr.isatty()
        own.hide = self.hide

    def draw(self) -> None:
        """Draw the line, unless something is being printed: then its place is not free."""
        if not self._shows or not self._own.printing.acquire(blocking=False):
            return
        try:
            self._put(line_of(self._own) if self._own.elapsed_s >= SHOWN_AFTER_S else "")
        finally:
            self._own.printing.release()

    def hide(self) -> None:
        """Take the line away."""
        self._put("")

    def _put(self, text: str) -> None:
        if text == self._drawn:
            return
        with suppress(OSError, ValueError):  # a terminal that is gone: the work goes on
            # A terminal that is called dumb shows what others obey.
            gone = f"{' ' * len(self._drawn)}\r" if os.environ.get("TERM") in DUMB else "\x1b[K"
            print(f"\r{gone}{text[: _columns() - 1]}", end="", file=sys.stderr, flush=True)
        self._drawn = text


def _columns() -> int:
    """Columns of the terminal."""
    try:
        return max(20, os.get_terminal_size(sys.stderr.fileno()).columns)
    except (OSError, ValueError):
        return 80


def line_of(own: Watch) -> str:
    """What the line says."""
    share, left = own.share, own.left_s
    parts = [own.words or "working", f"{own.elapsed_s:,.0f} s"]
    if share is not None and left is not None:
        parts += [f"{100.0 * share:.0f} %", f"about {duration(left)} left"]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    if seconds < 5400.0:
        return f"{seconds / 60.0:,.0f} min"
    return f"{seconds / 3600.0:,.1f} h" if seconds < 48.0 * 3600.0 else f"{seconds / 86400.0:,.0f} days"


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yields what says what is being done, for the line."""
    yield say
