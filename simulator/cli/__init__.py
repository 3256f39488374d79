"""The command `rooftile`: one file a command; this one turns whatever happens into an exit code.

Exit codes: 0; 1 a fault of ours; 2 bad input, or output that cannot be written; 3 a `--check` that does not hold; 130
interrupted. Standard output carries the answer alone; notices and errors go to standard error, one line an error.
"""

import atexit
import gc
import os
import sys
from collections.abc import Sequence

EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code; never raises."""
    # A command makes few cycles and many objects while it starts: collecting less often saves a twentieth of a run.
    gc.set_threshold(400_000, 20, 20)
    # Nor is there a use in looking for cycles while the process ends: the system takes its memory as a whole.
    atexit.register(gc.freeze)
    try:
        # Imported here so that Ctrl-C during the imports is handled like any other.
        from simulator.cli.app import run_app  # noqa: PLC0415

        code = run_app(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not at exit where nobody could handle it
    except KeyboardInterrupt:
        print("rooftile: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:
        from simulator.cli.faults import report  # noqa: PLC0415

        return report(error)
    return code


def _discard_output() -> None:
    """Point standard output at nothing: the reader is gone, and Python's flush at exit would complain about it."""
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, sys.stdout.fileno())
    finally:
        os.close(sink)
