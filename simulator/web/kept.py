"""What stays worked out: the last answers, each made once, by whomever it is asked for meanwhile."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The last values by their keys."""

    def __init__(self, most: int) -> None:
        self._found: LRUCache[str, tuple[threading.Lock, list[Value]]] = LRUCache(most)
        self._lock = threading.Lock()

    def peek(self, key: str) -> Value | None:
        """The value of a key, if it is there; nobody waits for it."""
        with self._lock:
            found = self._found.get(key)
        return found[1][0] if found and found[1] else None

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """The value of a key: kept, or made while others who ask for it wait. What fails is not kept."""
        with self._lock:
            own, found = self._found.setdefault(key, (threading.Lock(), []))
        with own:
            if not found:
                found.append(make())
            return found[0]
