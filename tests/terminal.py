"""Commands on a pseudo-terminal, as a person at a keyboard runs them."""

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

ROWS, COLUMNS = 24, 80

ENDED = re.compile(r"\x1e(\d+)\x1e")
"""What stands behind the output of each of several commands: its exit code."""
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
    *parts, rest = ENDED.split(text)
    found = [(int(ended), printed) for printed, ended in zip(parts[::2], parts[1::2], strict=True)]
    assert (code, len(found)) == (0, len(commands)), text
    last, printed = found.pop()
    return [*found, (last, printed + rest)]  # what it says while the process ends


def on_terminal(arguments, folder, *, colour=True, program=("-m", "simulator")):
    """(exit code, everything printed) of a command whose three streams are one terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *program, *arguments], cwd=folder, env=_environment(colour),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    printed = bytearray()
    try:
        while data := _read(ours):
            printed += data
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


def _read(terminal):
    """What was printed next; nothing once the last process has closed the terminal, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
