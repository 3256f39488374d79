"""Plain data that takes long to read, kept on disk: as JSON, under the digest of what it was read from.

Keys that are no text, as the nanometres of a process node, are kept as pairs.
"""

import json
from collections.abc import Callable
from typing import Any

from simulator.store import disk


def kept(kind: str, source: object, make: Callable[[], Any]) -> Any:
    """What `make` gives: mappings, lists, text, numbers, true, false and None. kind: a word of small letters; source: what it is
    made from.

    The answer is a new one at each call: whoever asks may change it.
    """
    name = disk.name_of(kind, source)
    found = load(name)
    if found is None:
        found = make()
        save(name, found)
    return found


def load(name: str) -> Any:
    """The plain data kept under a name of `disk.name_of`; None where there are none."""
    found = disk.load_bytes(name)
    if found is None:
        return None
    try:
        return json.loads(found, object_hook=_mapping)
    except (LookupError, ValueError):  # a file of another make: as good as none
        return None


def save(name: str, data: Any) -> bool:
    """Keep plain data under a name. False if nothing can be written."""
    return disk.save_bytes(name, json.dumps(_textual(data)).encode())


_PAIRS = "\0pairs"


def _textual(data: Any) -> Any:
    """The same with keys that are text: JSON knows no others."""
    if isinstance(data, dict):
        changed = {key: _textual(value) for key, value in data.items()}
        return changed if all(isinstance(key, str) for key in data) else {_PAIRS: list(changed.items())}
    return [_textual(value) for value in data] if isinstance(data, list | tuple) else data


def _mapping(read: dict[str, Any]) -> dict[Any, Any]:
    """The mapping that was kept."""
    return dict(read[_PAIRS]) if _PAIRS in read else read
