"""A configuration of Hugging Face, read key by key with bounds: each fault is a line that names the key."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import NetworkError
from simulator.store.foreign import printable

LARGEST = 10_000_000
"""Of a size in a configuration."""

MOST_LAYERS = 1_000
"""Of layers in a configuration, each of which becomes some twenty of a graph. The largest in use have a fifth of it."""


class Config:
    """A configuration that is read with bounds."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = values, where

    def whole(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        """The first of some keys that is there and not null, as a whole number. Raises NetworkError."""
        for name in names:
            value = self._values.get(name)
            if value is None:
                continue
            if isinstance(value, list) and value and len(set(map(str, value))) == 1:
                value = value[0]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise NetworkError(
                    f"{self._where}: {name}: must be a whole number of {least} to {most:,}, got {printable(repr(value)[:60])}"
                )
            return value
        if default is None:
            raise NetworkError(f"{self._where}: {names[0]}: must be given, got none")
        return default

    def layers(self, *names: str, default: int | None = None) -> int:
        """The same of how many layers there are."""
        return self.whole(*names, default=default, most=MOST_LAYERS)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value, which some write as 0 or 1. Raises NetworkError."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool | int) or value not in (0, 1):
            raise NetworkError(f"{self._where}: {name}: must be true or false, got {printable(repr(value)[:60])}")
        return bool(value)

    def inner(self, name: str) -> "Config":
        """A configuration inside this one."""
        value = self._values.get(name)
        return Config(value if isinstance(value, dict) else {}, f"{self._where}: {name}")

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number, which need not be whole. Raises NetworkError."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise NetworkError(
                f"{self._where}: {name}: must be a number of {least:g} to {most:g}, got {printable(repr(value)[:60])}"
            )
        return float(value)

    def word(self, name: str, default: str, known: Sequence[str]) -> str:
        """One of a few words. Raises NetworkError."""
        value = self._values.get(name, default)
        if value not in known:
            raise NetworkError(
                f"{self._where}: {name}: must be one of {', '.join(known)}, got {printable(repr(value)[:60])}"
            )
        return str(value)

    def same(self, name: str, value: Any) -> None:
        """Raise NetworkError where a key is there that has another value than the one that there is a builder for."""
        found = self._values.get(name)
        if found is not None and found != value:
            raise NetworkError(f"{self._where}: {name}: must be {value!r}, got {printable(repr(found)[:60])}")

    def stages(self, defaults: Mapping[str, list[int]]) -> dict[str, str]:
        """Lists of whole numbers, one a stage and all as long, as texts such as 3x3x9x3. Raises NetworkError."""
        found = {
            name: self.wholes(name, usual, MOST_LAYERS if name == "depths" else LARGEST)
            for name, usual in defaults.items()
        }
        lengths = {name: len(numbers) for name, numbers in found.items()}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise NetworkError(f"{self._where}: stages: must be as many in each list, got {said}")
        return {name: "x".join(map(str, numbers)) for name, numbers in found.items()}

    def long(self, name: str, values: Sequence[int], count: int) -> None:
        """Raise NetworkError where a list has another length than the builder's."""
        if len(values) != count:
            raise NetworkError(f"{self._where}: {name}: must be {count} numbers, got {len(values)}")

    def sides(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of an image: a whole number, or two. Raises NetworkError."""
        value = self._values.get(name)
        if not isinstance(value, list):
            side = self.whole(name, default=0, least=1)
            return (side, side) if side else default
        self.long(name, self.wholes(name, [], LARGEST), 2)
        return value[0], value[1]

    def wholes(self, name: str, default: list[int], most: int = MOST_LAYERS) -> list[int]:
        """A list of at most 64 whole numbers, at most so many in all: layers, heads or widths of stages. Raises NetworkError."""
        value = self._values.get(name)
        if value is None:
            return default
        good = (
            isinstance(value, list)
            and 0 < len(value) <= 64
            and all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in value)
            and sum(value) <= most
        )
        if not good:
            raise NetworkError(
                f"{self._where}: {name}: must be a list of whole numbers, {most:,} in all, "
                f"got {printable(repr(value)[:60])}"
            )
        return list(value)
