"""The one memory cache: what was built once and may be needed again, within bounds; what was used longest ago goes first.

`Memory` is bounded by the bytes of the arrays it holds, or by the number of its values. `remembered` keeps the answers of a
function in one, `of_each` those of a function of one frozen object.
"""

import dataclasses
import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
V = TypeVar("V")
P = ParamSpec("P")

PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
"""Kinds of values that hold no arrays; most of what is walked through."""


class Statistics(NamedTuple):
    """What a memory was asked, and what it holds. held: bytes of arrays, or values where they are counted."""

    hits: int
    misses: int
    evictions: int
    values: int
    held: int


def array_bytes(value: Any) -> int:
    """Bytes of all arrays in nested records, mappings, lists and tuples, each counted once."""
    total = 0
    array: Any = getattr(sys.modules.get("numpy"), "ndarray", ())  # without numpy there are none
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if type(one) in PLAIN or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, array):
            if isinstance(one.base, array):
                todo.append(one.base)
            else:
                total += one.nbytes
        elif isinstance(one, dict):
            todo.extend(tuple(one.values()))  # other threads may add to it
        elif isinstance(one, list | tuple):
            if not PLAIN.issuperset(map(type, one)):
                todo.extend(one)
        else:
            kind: Any = type(one)
            todo.extend(getattr(one, name) for name in _fields(kind))
    return total


@functools.cache
def _fields(kind: Any) -> tuple[str, ...]:
    """Names of the fields of a record; none for anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def one_each(_: Any) -> int:
    """The size of a value where values are counted."""
    return 1


class Memory(Generic[K, V]):
    """Values by key that together have at most `most`, as `size_of` measures them; the newest stays whatever its size.

    grows: whether values get larger after they were put; those used since the last time are then measured anew. Threads may
    use a memory together.
    """

    def __init__(self, most: int, size_of: Callable[[Any], int] = array_bytes, grows: bool = True) -> None:
        self.most = most
        self._grows = grows and size_of is not one_each
        self._values: OrderedDict[K, V] = OrderedDict()
        """In the order of their use."""
        self._sizes: dict[K, int] = {}
        self._size_of, self._held = size_of, 0
        self._touched: dict[K, None] = {}
        self._lock = threading.RLock()
        self._hits = self._misses = self._evictions = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def held(self) -> int:
        """What is held now, as far as it was measured. [B], or values"""
        return self._held

    @property
    def statistics(self) -> Statistics:
        """What was asked so far, and what is held."""
        with self._lock:
            return Statistics(self._hits, self._misses, self._evictions, len(self), self.held)

    def get(self, key: K) -> V | None:
        """The value, now the one used last; None where there is none."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._values.move_to_end(key)
            if self._grows:
                self._touched.pop(key, None)
                self._touched[key] = None
            return found

    def put(self, key: K, value: V) -> V:
        """Keep a value, and let go of what was used longest ago."""
        with self._lock:
            for each in self._touched:
                if each != key and each in self._values:
                    self._measure(each)
            self._touched = {key: None} if self._grows else {}
            self._values[key] = value
            self._values.move_to_end(key)
            self._measure(key)
            while self._held > self.most and len(self._values) > 1:
                self._held -= self._sizes.pop(self._values.popitem(last=False)[0])
                self._evictions += 1
            return value

    def _measure(self, key: K) -> None:
        """Note how large a value is now."""
        size = self._size_of(self._values[key])
        self._held += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def drop(self, unwanted: Callable[[K], bool]) -> None:
        """Let go of all keys that a test picks."""
        with self._lock:
            for key in [key for key in self._values if unwanted(key)]:
                del self._values[key]
                self._held -= self._sizes.pop(key)

    def clear(self) -> None:
        """Let go of everything."""
        self.drop(lambda _: True)


class _Key:
    """Arguments of a call, whose hash is taken once: records are slow to hash, and a look-up does it several times."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts, self._hash = parts, hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._parts == other._parts


class Remembered(Generic[P, V]):
    """A function with the memory of its answers."""

    def __init__(self, function: Callable[P, V], memory: Memory[_Key, V]) -> None:
        functools.update_wrapper(self, function)
        self.memory = memory
        self._function = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V:
        """The answer for these arguments, kept or new."""
        key = _Key((args, *kwargs.items()))
        found = self.memory.get(key)
        return self.memory.put(key, self._function(*args, **kwargs)) if found is None else found

    def known(self, *args: P.args, **kwargs: P.kwargs) -> V | None:
        """The answer for these arguments, if it is kept."""
        return self.memory.get(_Key((args, *kwargs.items())))


def remembered(most_bytes: int) -> Callable[[Callable[P, V]], Remembered[P, V]]:
    """A decorator: the answers of a function are kept by its arguments, in a memory of their own. None is no answer."""
    return lambda function: Remembered(function, Memory(most_bytes, grows=False))


def of_each(most: int) -> Callable[[Callable[[T], V]], Callable[[T], V]]:
    """A decorator: what a function says of a frozen object is kept for that very object, of the last `most` of them."""

    def decorate(function: Callable[[T], V]) -> Callable[[T], V]:
        memory: Memory[int, tuple[T, V]] = Memory(most, one_each)

        @functools.wraps(function)
        def call(one: T) -> V:
            found = memory.get(id(one))  # it is kept beside, so that no other has its number
            if found is not None and found[0] is one:
                return found[1]
            return memory.put(id(one), (one, function(one)))[1]

        return call

    return decorate
