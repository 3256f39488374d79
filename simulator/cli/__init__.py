"""The command `rooftile`: one file a command; this one turns whatever happens into an exit code.

Exit codes: 0; 1 a fault of ours; 2 bad input, or output that cannot be written; 3 a `--check` that does not hold; 130
interrupted. Standard output carries the answer alone; notices and errors go to standard error, one line an error.
"""

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Sequence

EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130

QUIET = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""Settings of libraries unless the user has them: no threads for products of matrices, of which there are none; no look through
all that is installed for plug-ins of pydantic."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code; never raises."""
    # A command makes few cycles and many objects while it starts: collecting less often saves a twentieth of a run.
    gc.set_threshold(400_000, 20, 20)
    # Nor is there a use in looking for cycles while the process ends: the system takes its memory as a whole.
    atexit.register(gc.freeze)
    if (missing := _without_streams()) is not None:
        return missing
    for name, value in QUIET.items():  # read when the libraries are imported
        os.environ.setdefault(name, value)
    try:
        # Imported here so that Ctrl-C during the imports is handled like any other.
        from simulator.cli.app import run_app  # noqa: PLC0415

        code = run_app(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not at exit where nobody could handle it
    except KeyboardInterrupt:
        from simulator.cli.faults import say  # noqa: PLC0415

        say("rooftile: interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:
        from simulator.cli.faults import report  # noqa: PLC0415

        if isinstance(error, OSError) and error.filename is None:
            _discard_output()  # what is left of the answer would be tried again at exit
        return report(error)
    return code


def _without_streams() -> int | None:
    """The exit code where standard output was closed before the command began; without standard error errors go nowhere.

    What is opened first would take the place of a closed stream, and others would write into it.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the process ends
    if sys.stdout is None:
        print("rooftile: standard output: cannot be written: it is closed", file=sys.stderr)
        return EXIT_INPUT
    return None


def _discard_output() -> None:
    """Point standard output at nothing: the reader is gone, and Python's flush at exit would complain about it."""
    with contextlib.suppress(OSError, ValueError):  # an output of a test has no number
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, sys.stdout.fileno())
        finally:
            os.close(sink)
