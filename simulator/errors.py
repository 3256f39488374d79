"""Every error Rooftile raises on purpose.

RooftileError
├── InputError            bad input of the user: exit code 2
│   ├── ChipError         a chip file or a `--set`
│   ├── NetworkError      a network, its parameters, batch or precision
│   ├── OptionError       a command-line option or an argument of a Python call
│   └── InfeasibleError   the chip cannot run the network (a layer does not fit)
├── StoppedError          interrupted by the user: exit code 130, and what is kept
└── ModelError            a law of the model is broken: our fault, exit code 1

The message of an InputError is one line a fault: where, what, must be, got, nearest right name.
"""

import difflib
from collections.abc import Iterable


class RooftileError(Exception):
    """Anything Rooftile raises on purpose."""

    exit_code = 1


class InputError(RooftileError):
    """Input that the user can mend."""

    exit_code = 2


class ChipError(InputError):
    """A chip file, or a `--set`, is wrong."""


class NetworkError(InputError):
    """A network, its parameters, its batch or its precision is wrong."""


class OptionError(InputError):
    """An option of a command, or an argument of a Python call, is wrong."""


class InfeasibleError(InputError):
    """The chip cannot run the network: the message says which layer needs how many bytes and how many there are."""


class StoppedError(RooftileError):
    """The user interrupted; the message says what is kept and how to go on."""

    exit_code = 130


class ModelError(RooftileError):
    """A result breaks a law of the model (a defect of ours, never the user's)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or `; known: a, b, c` to end an error line about an unknown name."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "; known: " + ", ".join(choices)
