"""YAML to plain data that remembers on which line every key stands.

Reads the YAML 1.2 core schema: 1e9 is a number, `no` is text, 010 is ten, 12:30 is text. Anchors, aliases, merge keys
and tags are refused: a chip file is short, and each of them can surprise its reader. Text is made printable here, where it
enters.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml
from yaml.composer import Composer

from simulator.errors import ChipError, argument
from simulator.reading.amounts import amount_of_key
from simulator.store.foreign import one_line, printable

_LONE = re.compile("[\ud800-\udfff]")  # halves of characters, which no UTF-8 text has

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the file."""

Places = dict[Path, str]
"""Key path -> `file:line`, or the option that set it."""

_DEEPEST = 20  # deeper nesting is no chip file, and unbounded recursion would end in a traceback
_LONGEST = 1_000_000  # characters; the largest bundled file has a twentieth of it
_MOST_KEYS = 6_000  # the largest bundled file has a third of it
_MOST_NODES = 25_000  # keys, values and entries of lists; the same
_LONGEST_KEY = 100  # characters; the longest of a chip file has a third of it
_LONGEST_LABEL = 120  # characters
_SLOW = 100_000  # characters; a longer text that is no YAML is not read a second time for better words


class _Strict(Composer):
    """Composes nodes as pyyaml does, but refuses anchors, tags, depth and number before they cost anything."""

    file = ""
    depth = 0
    most = _MOST_NODES
    nodes = 0
    keys = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[attr-defined]  # of the parser beside it
        self.nodes += 1
        self.keys += index is None and isinstance(parent, yaml.MappingNode)
        fault = ""
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            fault = "anchors and aliases are not allowed"
        elif event.tag is not None:
            fault = f"tags are not allowed, got {_tag_as_written(event.tag)}"
        elif self.depth > _DEEPEST:
            fault = f"nested deeper than {_DEEPEST}"
        elif self.keys > _MOST_KEYS:
            fault = f"must have at most {_MOST_KEYS:,} keys"
        elif self.nodes > self.most:
            fault = f"must have at most {self.most:,} keys and values"
        if fault:
            raise ChipError(f"{self.file}:{event.start_mark.line + 1}: {fault}")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Loader(_Strict, yaml.SafeLoader):
    """A safe loader with the scalars of YAML 1.2 instead of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # pyyaml's own protocol

    def __init__(self, text: str, file: str) -> None:
        yaml.SafeLoader.__init__(self, text)
        self.file = file


def _tag_as_written(tag: str) -> str:
    """`!!int` for what the parser makes of it."""
    return printable(tag.replace("tag:yaml.org,2002:", "!!"))[:_LONGEST_KEY]


_FLOAT = r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """Digits as a decimal number, where pyyaml would read 010 as octal."""
    return int(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Fast(_Strict, _C_LOADER):  # type: ignore[misc]  # known when it runs
    """The same with the parser in C, where pyyaml was built with it: a sixth of the time."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    yaml_constructors = _Loader.yaml_constructors

    def __init__(self, text: str, file: str) -> None:
        _C_LOADER.__init__(self, text)
        Composer.__init__(self)
        self.file = file


def dotted(path: Path) -> str:
    """`array.unroll.rows[1]` for a key path; `file` for the top."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out or "file"


def read_yaml(text: str, file: str, most: int = _MOST_NODES) -> tuple[dict[str, Any], Places]:
    """Plain data of a YAML mapping, and where each of its keys stands. most: keys, values and entries of lists together.

    Raises
    ------
    ChipError
        The text is not one YAML mapping of plain keys, lists, text, numbers, true, false and null.
    """
    if not text.strip():
        raise ChipError(f"{file}: empty; must be a mapping of keys such as 'name:' and 'array:'")
    if len(text) > _LONGEST:
        raise ChipError(f"{file}: must be at most {_LONGEST:,} characters, got {len(text):,}")
    if not text.isascii() and (lone := _LONE.search(text)):  # of a command line that is not UTF-8
        raise ChipError(f"{file}: must be UTF-8 text, got byte 0x{ord(lone[0]) & 0xFF:02x}")
    node, loader = _compose(text, file, most)
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node is not None else 1
        raise ChipError(f"{file}:{line}: must be a mapping of keys such as 'name:' and 'array:'")
    places: Places = {}
    data: dict[str, Any] = _plain(node, loader, (), places, file)
    return data, places


def _compose(text: str, file: str, most: int) -> tuple[yaml.Node | None, yaml.SafeLoader]:
    """The node tree of one document."""
    try:
        loader: Any
        try:
            loader = _Fast(text, file)
            loader.most = most
            return loader.get_single_node(), loader
        except yaml.YAMLError:  # the other parser says more clearly what is wrong
            if len(text) > _SLOW:
                raise
        loader = _Loader(text, file)
        loader.most = most
        return loader.get_single_node(), loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ChipError(f"{file}:{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ChipError(f"{file}: not YAML text: {str(error).splitlines()[0]}") from None


def _plain(node: yaml.Node, loader: yaml.SafeLoader, path: Path, places: Places, file: str) -> Any:
    """Node -> plain data, filling `places`; keys given twice and keys that are not words are refused."""
    places[path] = f"{file}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loader, path, places, file)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, loader, (*path, i), places, file) for i, item in enumerate(node.value)]
    try:
        value = loader.construct_object(node)
        return one_line(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError, TypeError):  # a number of thousands of digits
        shown = str(node.value)[:40]
        raise ChipError(f"{places[path]}: {dotted(path)}: must be plain text or a number, got {shown!r}") from None


def _mapping(node: yaml.MappingNode, loader: yaml.SafeLoader, path: Path, places: Places, file: str) -> dict[str, Any]:
    """Return the data of a mapping whose keys are plain words, each once."""
    data: dict[str, Any] = {}
    for key, value in node.value:
        where = f"{file}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            raise ChipError(f"{where}: {dotted(path)}: keys must be plain words")
        word = printable(key.value)
        if len(word) > _LONGEST_KEY:
            raise ChipError(
                f"{where}: {dotted(path)}: keys must have at most {_LONGEST_KEY} characters, got {len(word):,}"
            )
        inner: Path = (*path, word)
        if word in data:
            first = places[inner].rsplit(":", 1)[1]
            raise ChipError(f"{where}: {dotted(inner)}: given twice; first on line {first}")
        data[word] = _plain(value, loader, inner, places, file)
        places[inner] = where
    return data


def set_label(expression: str) -> str:
    """The place of a change `a.b=c` in messages, on one line."""
    return argument("set", label_of(expression))


def label_of(expression: str) -> str:
    """A change or a range as it was typed, on one line that stays one."""
    text = printable(" ".join(expression.split()))
    return text if len(text) <= _LONGEST_LABEL else text[:_LONGEST_LABEL] + "..."


def parse_setting(expression: str) -> tuple[str, Any]:
    """`sram.capacity_mib=16` -> key and value; the value is an amount with a unit (`512KiB`), or read as YAML."""
    label = set_label(expression)
    key, equals, text = expression.partition("=")
    if not equals or not key.strip():
        raise ChipError(f"{label}: must be KEY=VALUE, such as sram.capacity_mib=16")
    amount = amount_set(key.strip(), text, label)
    if not isinstance(amount, str):
        return key.strip(), amount
    try:
        data, _ = read_yaml(f"value: {text}", label)
    except ChipError:
        raise ChipError(f"{label}: {text!r} is not a value") from None
    if data.keys() != {"value"}:
        raise ChipError(f"{label}: {text!r} is not a value")
    return key.strip(), data["value"]


def amount_set(key: str, text: str, label: str) -> int | float | str:
    """An amount with a unit, such as 1GHz, in that of the key; any other text as it is. Raises ChipError."""
    try:
        number = amount_of_key(key, text)
    except ValueError as error:
        raise ChipError(f"{label}: {key}: {error}") from None
    return text if number is None else number


def override(data: dict[str, Any], places: Places, key: str, value: Any, label: str) -> None:
    """Set the dotted `key` of plain data to `value`; the place of everything below it becomes `label`.

    Raises
    ------
    ChipError
        The key is not dotted words, or leads through something that is not a mapping.
    """
    path: Path = tuple(printable(key).split("."))
    if not all(path):
        raise ChipError(f"{label}: must be KEY=VALUE, such as sram.capacity_mib=16")
    if len(path) > _DEEPEST:
        raise ChipError(f"{label}: nested deeper than {_DEEPEST}")
    at = data
    for depth, part in enumerate(path[:-1], 1):
        name = str(part)
        if at.get(name) is None:
            at[name] = {}
            places[path[:depth]] = label
        if not isinstance(at[name], dict):
            raise ChipError(f"{label}: {dotted(path[:depth])}: is not a mapping, so nothing below it can be set")
        at = at[name]
    at[str(path[-1])] = dict(value) if isinstance(value, Mapping) else value
    for below in [p for p in places if p[: len(path)] == path]:
        places[below] = label
    places[path] = label
