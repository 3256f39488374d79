"""What runs a function of the package in a process of its own."""

import sys
from pathlib import Path


def command(module: str, function: str) -> list[str]:
    """What runs a function without arguments of a module of the package in another process.

    Nothing of the current folder may be imported: with `-P` it is not on the path of modules, which `-m` would put it on.
    PYTHONPATH counts as in this process. The folder of the package goes last, for a clone that is not installed.
    """
    program = f"import sys; sys.path.append(sys.argv[1]); from {module} import {function}; {function}()"
    shield = "-I" if sys.flags.isolated else "-P"
    return [sys.executable, shield, "-c", program, str(Path(__file__).parent.parent.parent)]
