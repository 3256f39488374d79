"""The command `rooftile`, also as `python -m simulator`: the first lines of ours that run. Ctrl-C is quiet from here on."""

import contextlib
import os
import signal
import sys
from typing import Any


def _leave(*_: Any) -> None:
    """End the process as one that was interrupted, without a word of Python's."""
    with contextlib.suppress(OSError):
        os.write(2, b"rooftile: interrupted\n")
    os._exit(130)


def _heard(by: Any) -> None:
    """Have Ctrl-C heard by a function, where it is heard at all."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _leave):
        signal.signal(signal.SIGINT, by)


_heard(_leave)

# `python -m` looks for modules in the current folder first, where a `numpy.py` of somebody's would be run as numpy. A clone
# that is not installed is found by that way alone. The command `rooftile` never looks there.
if __name__ == "__main__":
    with contextlib.suppress(OSError):  # a current folder that was deleted holds no module
        clone = os.path.dirname(os.path.dirname(__file__))
        if not sys.flags.safe_path and sys.path[0] == os.getcwd() != clone:
            del sys.path[0]


def main() -> int:
    """Run the command line of this process and return its exit code."""
    from simulator.cli import main as command  # noqa: PLC0415  # not before the path is safe

    with contextlib.suppress(Exception):  # the command tells what is wrong
        import simulator.cli.app  # noqa: F401, PLC0415  # an interrupt inside of an import may come out as anything
    try:
        _heard(signal.default_int_handler)
        return command()
    except KeyboardInterrupt:  # just before the command was ready for it
        _leave()
        return 130
    finally:
        _heard(_leave)  # nothing is left to tidy up


if __name__ == "__main__":
    sys.exit(main())
