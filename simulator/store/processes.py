"""What runs a function of the package in a process of its own, and processes that answer one question after another."""

import contextlib
import gc
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

_LENGTH = struct.Struct("<Q")
"""Of what is said, before it."""


def command(module: str, function: str) -> list[str]:
    """What runs a function without arguments of a module of the package in another process.

    Nothing of the current folder may be imported: with `-P` it is not on the path of modules, which `-m` would put it on.
    PYTHONPATH counts as in this process. The folder of the package goes last, for a clone that is not installed.
    """
    program = f"import sys; sys.path.append(sys.argv[1]); from {module} import {function}; {function}()"
    shield = "-I" if sys.flags.isolated else "-P"
    return [sys.executable, shield, "-c", program, str(Path(__file__).parent.parent.parent)]


class EndedError(Exception):
    """A process ended before it answered; the message says how."""


class Raised(NamedTuple):
    """What was raised instead of an answer."""

    error: Exception


class Helper:
    """A process that answers one question after another with a function, which is sent to it once.

    Not one of `multiprocessing`, which runs the script of the caller again in each, from its first line.
    """

    def __init__(self) -> None:
        """Raises OSError where no process is to be had."""
        self._process = subprocess.Popen(
            command(__name__, serve.__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def knows(self, ask: Callable[[Any], Any]) -> bool:
        """Send the function and wait until it is there; False where it cannot be sent, or not be found there."""
        try:
            return self.answer(ask) is None
        except (EndedError, pickle.PicklingError, AttributeError, TypeError):
            return False

    def answer(self, question: Any) -> Any:
        """The answer, or what was `Raised` instead. Raises EndedError where the process ends."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EndedError("no streams")
        try:
            _say(stdin, question)
            raw = _heard(stdout)
        except (OSError, ValueError):  # ValueError: closed here meanwhile
            raw = None
        if raw is None:
            code = self._process.wait()
            raise EndedError(f"signal {-code}" if code < 0 else f"exit code {code}")
        return pickle.loads(raw)

    def kill(self) -> None:
        """End the process, whatever it does; who waits for an answer hears of it."""
        self._process.kill()

    def close(self) -> None:
        """End the process and wait until it is gone."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):  # what was not sent any more
                if stream is not None:
                    stream.close()


def serve() -> None:
    """Read a function, then questions, and write the answers: what the process of a `Helper` does.

    It ends with the process that asks, however that ends; Ctrl-C is for that one to hear.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(400_000, 20, 20)  # as the command has it
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    ask = pickle.loads(asked.get())
    _say(said, None)
    while True:
        question = pickle.loads(asked.get())
        try:
            found = ask(question)
        except Exception as error:  # raised again by the one that asks
            found = Raised(error)
        _say(said, found)


def _listen(stream: IO[bytes], asked: "queue.SimpleQueue[bytes]") -> None:
    """Take in what is asked; at its end nobody waits for an answer any more."""
    while (raw := _heard(stream)) is not None:
        asked.put(raw)
    os._exit(0)


def _say(stream: IO[bytes], what: Any) -> None:
    """Write something with its length before it."""
    raw = pickle.dumps(what)
    stream.write(_LENGTH.pack(len(raw)) + raw)
    stream.flush()


def _heard(stream: IO[bytes]) -> bytes | None:
    """What `_say` wrote; None where the stream ends."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size: int = _LENGTH.unpack(head)[0]
    raw = stream.read(size)
    return raw if len(raw) == size else None
