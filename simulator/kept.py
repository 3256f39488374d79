"""What was built once and may be needed again, within bounds: what was used longest ago goes first."""

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
"""Kinds of values that hold no arrays; most of what is walked through."""


class Kept(Generic[K, V]):
    """Values by key that together hold at most `most_bytes` of arrays; the newest stays whatever its size."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._values: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, int] = {}
        self._touched: set[K] = set()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def held_bytes(self) -> int:
        """Arrays held now, as far as they were measured. [B]"""
        return sum(self._sizes.values())

    def get(self, key: K) -> V | None:
        """The value, now the one used last; None where there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            self._touched.add(key)
            return self._values[key]

    def put(self, key: K, value: V) -> V:
        """Keep a value, and let go of what was used longest ago. Values used since the last time are measured anew."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            for each in self._touched | {key}:
                if each in self._values:
                    self._sizes[each] = array_bytes(self._values[each])
            self._touched = {key}
            held = self.held_bytes
            while held > self.most_bytes and len(self._values) > 1:
                oldest, _ = self._values.popitem(last=False)
                held -= self._sizes.pop(oldest)
            return value

    def drop(self, unwanted: Callable[[K], bool]) -> None:
        """Let go of all keys that a test picks."""
        with self._lock:
            for key in [key for key in self._values if unwanted(key)]:
                del self._values[key]
                self._sizes.pop(key, None)


def array_bytes(value: Any) -> int:
    """Bytes of all arrays in nested records, mappings, lists and tuples, each counted once."""
    total = 0
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if type(one) in PLAIN or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            if isinstance(one.base, np.ndarray):
                todo.append(one.base)
            else:
                total += one.nbytes
        elif isinstance(one, dict):
            todo.extend(tuple(one.values()))  # other threads may add to it
        elif isinstance(one, list | tuple):
            todo.extend(one)
        else:
            kind: Any = type(one)
            todo.extend(getattr(one, name) for name in _fields(kind))
    return total


@functools.cache
def _fields(kind: Any) -> tuple[str, ...]:
    """Names of the fields of a record; none for anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()
