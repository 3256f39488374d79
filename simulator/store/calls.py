"""Arguments of the public calls: one that is of another type altogether is told in one line, by its name; and names that many
calls share.

What a value must be beyond its type is for those who use it. The command gives these types always, a call from Python may not.
"""

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import wraps
from numbers import Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args

from simulator.errors import OptionError, nearest
from simulator.reading.precision import precision_text
from simulator.store.foreign import printable

P = ParamSpec("P")
R = TypeVar("R")

MOST_SHOWN = 60
"""Characters of a bad value."""


def _list_of(value: Any, kind: type) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, bytes) and all(isinstance(one, kind) for one in value)


def _by_text(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _network(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "nodes")


def _networks(value: Any) -> bool:
    return _network(value) or (isinstance(value, Mapping) and all(map(_network, value)))


def _chip(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "sram")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _formats(value: Any) -> bool:
    return _text(value) or _by_text(value)


def _changes(value: Any) -> bool:
    return value is None or isinstance(value, Mapping) or _list_of(value, object)


def _ranges(value: Any) -> bool:
    return value is None or _by_text(value) or _list_of(value, str)


def _numbers(value: Any) -> bool:
    return value is None or _list_of(value, Real)


_CHANGES = (_changes, "a mapping or a list of key=value texts")
_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "network": (_network, "a name, a path or a layer graph"),
    "size.network": (_networks, "a name, a path, a layer graph, or a mapping of these to shares"),
    **dict.fromkeys(("chip", "a", "b"), (_chip, "a name, a path or an Architecture")),
    "name_or_path": (lambda value: isinstance(value, str | Path), "a name or a path"),
    "batch": (lambda value: isinstance(value, Hashable), "a whole number of at least 1"),
    **dict.fromkeys(("by", "of", "design"), (_text, "text")),
    "precision": (lambda value: value is None or _formats(value), "text or a mapping of roles to formats"),
    "generate.model": (_text, "the name of a language model"),
    **dict.fromkeys(("set", "set_a", "set_b", "vary"), _CHANGES),
    "size.vary": (_ranges, "a mapping or a list of key=range texts"),
    "params": (lambda value: value is None or _by_text(value), "a mapping of names to values"),
    "out": (lambda value: value is None or isinstance(value, str | Path), "a path"),
    "batches": (lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes), "a list of batches"),
    **dict.fromkeys(("sizes_mib", "devices"), (_numbers, "a list of numbers")),
    **dict.fromkeys(("draws", "seed"), (lambda value: isinstance(value, int), "a whole number")),
}
"""Name of an argument -> whether a value is of its type, and that type in words: the same in every call that is not named."""


def public(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: the call raises OptionError for an argument that is not of its type; number formats become their word."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    own = {key.rpartition(".")[2]: one for key, one in _WANTED.items() if key.startswith(f"{function.__name__}.")}
    wanted = {**_WANTED, **own}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            fits, words = wanted.get(name, (None, ""))
            if fits is not None and not fits(value):
                text = printable(repr(value))
                shown = text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
                raise OptionError(f"must be {words}, got {shown}", key=name)
        if "precision" in names:
            args, kwargs = _told(names, args, kwargs)
        return function(*args, **kwargs)

    return call


def _told(names: tuple[str, ...], args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Arguments with the precision as the word that the rest reads."""
    at = names.index("precision")
    if at < len(args) and args[at] is not None:
        return (*args[:at], precision_text(args[at]), *args[at + 1 :]), kwargs
    if kwargs.get("precision") is not None:
        return args, {**kwargs, "precision": precision_text(kwargs["precision"])}
    return args, kwargs


def usual(**values: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator for a call that ends in `**more: Unpack[...]`: what each of these is where it is left out.

    The names, types and words of what may be given stand in that TypedDict. Another name is a TypeError, as in any call; help
    shows all of them as if they stood in the call itself.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        *named, more = signature.parameters.values()
        types = get_args(more.annotation)[0].__annotations__
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=types[name])
            for name, value in values.items()
        ]
        shown = signature.replace(parameters=[*named, *own])

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in shown.parameters:
                    near = nearest(name, shown.parameters)
                    raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {name!r}{near}")
            return function(*args, **{**values, **kwargs})

        call.__signature__ = shown  # type: ignore[attr-defined]
        return call

    return decorate
