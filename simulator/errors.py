"""Every error Rooftile raises on purpose.

RooftileError
├── InputError            bad input of the user: exit code 2
│   ├── ChipError         a chip file or a `--set`
│   ├── NetworkError      a network, its parameters, batch or precision
│   ├── OptionError       a command-line option or an argument of a Python call
│   └── InfeasibleError   the chip cannot run the network (a layer does not fit)
├── CheckError            an answer does not hold what `--check` asks of it: exit code 3
├── StoppedError          interrupted by the user: exit code 130, and what is kept
└── ModelError            a law of the model is broken: our fault, exit code 1

PluginWarning             a plug-in cannot be used; everything else goes on

The message of an InputError is one line a fault: where, what, must be, got, nearest right name. Arguments of a Python call
stand in it by their own names (`draws: must be ...`); a face that calls them otherwise puts its names there (`--draws: ...`).
"""

import difflib
import re
from collections.abc import Callable, Iterable

_MARK = "\x1f"  # before the name of an argument, until the message is told
_ARGUMENT = re.compile(_MARK + r"(\w+)")
_NOTHING = object()


class RooftileError(Exception):
    """Anything Rooftile raises on purpose."""

    exit_code = 1


def argument(name: str, given: str = "") -> str:
    """An argument of a Python call, and what was given for it, as messages of an InputError name it."""
    return f"{_MARK}{name} {given}" if given else _MARK + name


def named(text: str, name: Callable[[str], str]) -> str:
    """A text with every `argument` in it by the name that `name` gives it."""
    return _ARGUMENT.sub(lambda found: name(found[1]), text)


class InputError(RooftileError):
    """Input that the user can mend.

    text: the whole message; or with `key`, what is wrong with it, where `must` does not say it.
    key: the argument at fault. given: what of it, where it takes several. place: file or line where the key stands.
    must, got: what it has to be, beginning with that verb, and what it is.
    """

    exit_code = 2

    def __init__(
        self, text: str = "", *, key: str = "", given: str = "", must: str = "", got: object = _NOTHING, place: str = ""
    ) -> None:
        self.key, self.must, self.got, self.place = key, must, None if got is _NOTHING else got, place
        what = f"must {must}" if must else text
        if got is not _NOTHING:
            what += f", got {got!r}"
        head = [part for part in (place, argument(key, given) if key else "") if part]
        self._said = "\n".join(": ".join([*head, line]) for line in what.split("\n"))
        super().__init__(named(self._said, str))

    def told(self, name: Callable[[str], str]) -> str:
        """The message with the arguments by the names that `name` gives them: one line a fault."""
        return named(self._said, name)


class ChipError(InputError):
    """A chip file, or a `--set`, is wrong."""


class NetworkError(InputError):
    """A network, its parameters, its batch or its precision is wrong."""


class OptionError(InputError):
    """An option of a command, or an argument of a Python call, is wrong."""


class InfeasibleError(InputError):
    """The chip cannot run the network: the message says which layer needs how many bytes and how many there are."""


class CheckError(RooftileError):
    """An answer does not hold what was asked of it."""

    exit_code = 3


class StoppedError(RooftileError):
    """The user interrupted; the message says what is kept and how to go on."""

    exit_code = 130


class ModelError(RooftileError):
    """A result breaks a law of the model (a defect of ours, never the user's)."""


class PluginWarning(UserWarning):
    """A plug-in cannot be used: which, of which distribution, and why."""


MOST_NAMES = 10
"""Names in one line of an error."""


def nearest(name: str, known: Iterable[str], listed_by: str = "") -> str:
    """`; did you mean 'x'?` or `; known: a, b, c` to end an error line about an unknown name: ten names at most.

    listed_by: the command that lists them, named in place of names that are not near.

    >>> nearest("resnet5", ["resnet50", "vgg16"]), nearest("gpt2", ["gnmt", "vgg16"])
    ("; did you mean 'resnet50'?", '; known: gnmt, vgg16')
    """
    choices = sorted(known)
    wanted = name.lower()
    # What it learns of its second text it learns once.
    matcher = difflib.SequenceMatcher(None, "", wanted, autojunk=False)
    likeness = {choice: _likeness(matcher, wanted, choice.lower()) for choice in choices}
    ranked = sorted(choices, key=lambda choice: (likeness[choice], choice), reverse=True)
    close = [choice for choice in ranked[:3] if likeness[choice] >= _NEAR]
    if close:
        return "; did you mean " + " or ".join(repr(choice) for choice in close) + "?"
    if len(choices) <= MOST_NAMES:
        return "; known: " + ", ".join(choices) if choices else ""
    if listed_by:
        return f"; {listed_by!r} lists them"
    return "; known: " + ", ".join(ranked[:MOST_NAMES]) + f" and {len(choices) - MOST_NAMES} more"


def only_near(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is near; else empty."""
    found = nearest(name, known)
    return found if "did you mean" in found else ""


_NEAR = 0.6  # gpt2 and gnmt have 0.5, and are not near


def _likeness(matcher: "difflib.SequenceMatcher[str]", name: str, other: str) -> float:
    """How near two names are, from 0 to 1; so is one that the other begins with, and one with one letter changed (t5, t4).

    matcher: its second text is `name`.
    """
    if len(name) == len(other) > 1 and sum(map(str.__ne__, name, other)) == 1:
        return max(_NEAR, 1 - 1 / len(name))
    if min(len(name), len(other)) >= 3 and (other.startswith(name) or name.startswith(other)):
        return max(_NEAR, 2 * len(name) / (len(name) + len(other)))
    matcher.set_seq1(other)
    # The cheap bounds first: there may be tens of thousands of unknown names.
    if matcher.real_quick_ratio() < _NEAR or matcher.quick_ratio() < _NEAR:
        return matcher.quick_ratio() * _NEAR
    return matcher.ratio()
