"""Commands on a pseudo-terminal, as a person at a keyboard runs them."""

import contextlib
import errno
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading

from simulator.cli import main

ROWS, COLUMNS = 24, 80

ENDED = re.compile(r"\x1e(\d+)\x1e")
"""What stands behind the output of each of several commands: its exit code."""
LAST = b"\x1d"
"""Behind all of them, where the terminal stays open: the library that draws keeps the streams that it finds."""
SEVERAL = """
import json, os, sys
from simulator.cli import main
for folder, arguments in json.loads(sys.argv[1]):
    os.chdir(folder)
    sys.stdout.write(f"\\x1e{main(arguments)}\\x1e")
    sys.stdout.flush()
"""


def on_one_terminal(commands, folder, *, colour=True):
    """[(exit code, what it printed)] of (folder, command) one after the other in one process: to start one takes longest."""
    code, text = on_terminal([json.dumps(commands)], folder, colour=colour, program=("-P", "-c", SEVERAL))
    assert code == 0, text
    return _each(text, len(commands))


def _each(text, count):
    """[(exit code, what it printed)] of so many commands; what is said when all have ended belongs to the last."""
    *parts, rest = ENDED.split(text)
    found = [(int(ended), printed) for printed, ended in zip(parts[::2], parts[1::2], strict=True)]
    assert len(found) == count, text
    last, printed = found.pop()
    return [*found, (last, printed + rest)]


def on_our_terminal(commands):
    """The same with colours and in this process, whose streams are a terminal meanwhile: what it has imported and found is
    there already."""
    ours, theirs = _pair()
    printed = bytearray()
    reader = threading.Thread(target=_read_all, args=(ours, printed))
    reader.start()
    before, variables = os.getcwd(), dict(os.environ)
    try:
        with _streams(theirs):
            os.environ.clear()
            os.environ.update(_environment(colour=True))
            try:
                for folder, arguments in commands:
                    os.chdir(folder)
                    sys.stdout.write(f"\x1e{main(arguments)}\x1e")
                    sys.stdout.flush()
            finally:
                os.write(1, LAST)
    finally:
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(before)
        reader.join(timeout=60)
        os.close(ours)
    return _each(printed.removesuffix(LAST).decode("utf-8", "replace"), len(commands))


@contextlib.contextmanager
def _streams(terminal):
    """This process with its three streams on a terminal, which is closed behind it."""
    kept, own = [os.dup(number) for number in range(3)], (sys.stdin, sys.stdout, sys.stderr)
    try:
        for number in range(3):
            os.dup2(terminal, number)
        os.close(terminal)
        with (
            open(0, closefd=False) as sys.stdin,
            open(1, "w", closefd=False) as sys.stdout,
            open(2, "w", closefd=False, errors="backslashreplace") as sys.stderr,
        ):
            yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = own
        for number, one in enumerate(kept):
            os.dup2(one, number)
            os.close(one)


def _pair():
    """(our end, their end) of a terminal of a usual size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs


def on_terminal(arguments, folder, *, colour=True, program=("-m", "simulator")):
    """(exit code, everything printed) of a command whose three streams are one terminal."""
    ours, theirs = _pair()
    process = subprocess.Popen(
        [sys.executable, *program, *arguments], cwd=folder, env=_environment(colour),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    printed = bytearray()
    try:
        _read_all(ours, printed)
        return process.wait(), printed.decode("utf-8", "replace")
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment(colour):
    """The variables of a terminal: nothing else decides on width and colour."""
    own = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return {**kept, "TERM": "xterm-256color"} | ({} if colour else {"NO_COLOR": "1"})


def _read_all(terminal, printed):
    """Add to some bytes what is printed until LAST, or until the last process has closed the terminal."""
    while LAST not in printed and (data := _read(terminal)):
        printed += data


def _read(terminal):
    """What was printed next; nothing once the last process has closed the terminal, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
