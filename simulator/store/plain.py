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
    found = disk.load(name)
    if found is not None:
        try:
            return json.loads(found["json"].tobytes())
        except (LookupError, ValueError):  # a file of another make: as good as none
            pass
    made = make()
    disk.save(name, {"json": np.frombuffer(json.dumps(made).encode(), dtype=np.uint8)})
    return made
