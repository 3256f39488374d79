"""Faults of a chip file in words: where, what, must be, got, nearest right key. One line a fault."""

import difflib
import typing
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.chip.yaml_places import Path, Places, dotted
from simulator.errors import nearest


def _figure(limit: float) -> str:
    """A limit as a file would say it: 65,536, not 65536.0."""
    return f"{int(limit):,}" if limit == int(limit) else f"{limit:,}"


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "greater_than": lambda c: f"must be greater than {_figure(c['gt'])}",
    "greater_than_equal": lambda c: f"must be at least {_figure(c['ge'])}",
    "less_than_equal": lambda c: f"must be at most {_figure(c['le'])}",
    "literal_error": lambda c: f"must be {c['expected']}",
    "finite_number": lambda _: "must be a finite number",
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "string_type": lambda _: "must be text",
    "bool_type": lambda _: "must be true or false",
    "tuple_type": lambda _: "must be a list",
    "model_type": lambda _: "must be a mapping",
    "model_attributes_type": lambda _: "must be a mapping",
    "dict_type": lambda _: "must be a mapping",
    "too_short": lambda c: f"must have at least {c['min_length']} entry",
    "string_too_short": lambda c: f"must have at least {c['min_length']} character",
    "string_too_long": lambda c: f"must have at most {c['max_length']} characters",
}
_MOST_LINES = 12  # more faults than this are not mended one by one
_LONGEST_SHOWN = 60  # characters of a bad value: enough to recognise it, and a line stays a line


def explain(error: ValidationError, model: type[BaseModel], places: Places, file: str) -> str:
    """One line for each fault of a validation, unknown keys first; a misspelt key is not also reported missing."""
    lines: list[str] = []
    misspelt: set[Path] = set()
    entries = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    left = 0
    for number, entry in enumerate(entries):
        if len(lines) == _MOST_LINES:  # the wrong file altogether: the first lines say so
            left = len(entries) - number
            break
        path: Path = tuple(part for part in entry["loc"] if part != "[key]")
        kind, context = entry["type"], entry.get("ctx") or {}
        if kind == "extra_forbidden":
            what, meant = _unknown(path, model)
            misspelt.update(meant)
        elif kind == "missing":
            if path in misspelt:
                continue
            what = "missing"
        elif kind == "chip_fault":
            path += tuple(context["key"].split(".")) if context["key"] else ()
            what = context["what"]
        elif entry["loc"][-1:] == ("[key]",):
            words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            what = "unknown word" + nearest(str(path[-1]), words)
        else:
            words_for = _WORDS.get(kind)
            say = words_for(context) if words_for else entry["msg"]
            what = f"{say}, got {shown(entry['input'])}"
            if kind == "literal_error" and isinstance(entry["input"], str):
                what += _close(entry["input"], context["expected"])
        line = f"{_place(path, places, file)}: {dotted(path)}: {what}"
        if line not in lines:
            lines.append(line)
    return "\n".join([*lines, f"{file}: and {left} more faults"] if left else lines)


def shown(value: Any) -> str:
    """A bad value on one line, cut where it is long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _place(path: Path, places: Places, file: str) -> str:
    """Line of the key, or of the nearest thing above it that the file has."""
    return next((places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in places), file)


def _close(word: str, expected: str) -> str:
    """`; did you mean 'x'?` when a word that is not allowed resembles one that is."""
    words = [w.strip("'") for w in expected.replace(" or ", ", ").split(", ")]
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def keys(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Keys of a mapping as a file writes them, and the model below each that is a mapping itself."""
    out: dict[str, type[BaseModel] | None] = {}
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        below = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        out[field.alias or name] = below
    return out


def _unknown(path: Path, model: type[BaseModel]) -> tuple[str, set[Path]]:
    """Say what is wrong with an unknown key, and which paths were meant by it."""
    owner: type[BaseModel] = model
    for part in path[:-1]:
        below = keys(owner).get(str(part))
        if below is None:
            break
        owner = below
    known, word = list(keys(owner)), str(path[-1])
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"unknown key; did you mean {close[0]!r}?", {(*path[:-1], close[0])}
    elsewhere = [f"{top}.{word}" for top, below in keys(model).items() if below and word in keys(below)]
    if elsewhere:
        return f"unknown key; did you mean {elsewhere[0]!r}?", set()
    return f"unknown key; known keys: {', '.join(known)}", set()
