"""Plain data that takes long to read, kept on disk: as JSON, under the digest of what it was read from."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.store import disk


def kept(kind: str, source: object, make: Callable[[], Any]) -> Any:
    """What `make` gives, which must be the same after JSON. kind: a word of small letters; source: what it is made from.

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
    found = disk.load(name)
    if found is None:
        return None
    try:
        return json.loads(found["json"].tobytes())
    except (LookupError, ValueError):  # a file of another make: as good as none
        return None


def save(name: str, data: Any) -> bool:
    """Keep plain data under a name. False if nothing can be written."""
    return disk.save(name, {"json": np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)})
