"""`python -m simulator`: the same as the command `rooftile`."""

import contextlib
import os
import sys

# `python -m` looks for modules in the current folder first, where a `numpy.py` of somebody's would be run as numpy. A clone
# that is not installed is found by that way alone. The command `rooftile` never looks there.
with contextlib.suppress(OSError):  # a current folder that was deleted holds no module
    clone = os.path.dirname(os.path.dirname(__file__))
    if not sys.flags.safe_path and sys.path[0] == os.getcwd() != clone:
        del sys.path[0]

from simulator.cli import main  # not before the path is safe

sys.exit(main())
