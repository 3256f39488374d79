"""What a sweep is: network, chip, axes and design, and everything that its answers depend on, as plain data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.chip.faults import shown
from simulator.chip.yaml_places import label_of, read_yaml
from simulator.errors import ChipError, OptionError, argument, nearest
from simulator.store.foreign import printable, text_of
from simulator.sweeps.design import Design, design_of, size
from simulator.sweeps.ranges import Axis, axis_of

CHUNK = 65_536
"""Points of one part of a folder."""

MOST_CHUNK = 1_000_000
"""Points of the largest part."""

SLOW_CHUNK = 2_048
"""The same where every point is solved on its own: a chunk is what an interrupted run loses."""

MODEL_CHUNK = 64
"""The same of a language model, each of whose points takes up to a second."""

LAID_OUT_CHUNK = 256
"""The same where a language model is laid out once for all contexts."""

KEYS = ("network", "chip", "vary", "design", "seed", "set", "param", "batch", "precision", "chunk")
"""Keys of a plan file."""

MOST_BYTES = 4_000_000
"""Of a plan file."""

MOST_FAULTS = 12
"""Lines of an error for unknown keys."""

GRID = Design()


@dataclass(frozen=True)
class Plan:
    """Points of a sweep, without their network and chip."""

    axes: tuple[Axis, ...]
    design: Design = GRID
    batch: int = 1
    precision: str = "int8"
    chunk: int = CHUNK

    def check_beside(self, **given: object) -> None:
        """Raise OptionError for what varies and is given beside, too. given: None where it is not."""
        for key, value in given.items():
            if value is not None and any(axis.key == key for axis in self.axes):
                raise OptionError(key=key, must="be left out where it varies", got=value)

    @property
    def points(self) -> int:
        """Number of points."""
        return size(self.design, self.axes)

    @property
    def chunks(self) -> int:
        """Number of parts."""
        return -(-self.points // self.chunk)

    def bounds(self, chunk: int) -> tuple[int, int]:
        """First point of a chunk, and the one after its last."""
        return chunk * self.chunk, min(self.points, (chunk + 1) * self.chunk)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the plan of a folder."""
        return {
            "points": self.points,
            "chunk": self.chunk,
            "design": {"kind": self.design.kind, "points": self.design.points, "seed": self.design.seed},
            "batch": self.batch,
            "precision": self.precision,
            "vary": [axis.to_dict() for axis in self.axes],
        }


def plan_of(
    vary: Mapping[str, Any] | Sequence[str],
    design: str = "grid",
    seed: int = 0,
    batch: int = 1,
    precision: str = "int8",
    chunk: int = CHUNK,
) -> Plan:
    """The plan of a sweep.

    vary: {key: range text or values}, or texts `KEY=RANGE` as on the command line. Raises OptionError for any fault.
    """
    placed = design_of(design, seed)
    pairs = list(_pairs(vary))
    axes: list[Axis] = []
    for key, what, label in pairs:
        if any(axis.key == key for axis in axes):
            raise OptionError(f"{label}: {key}: given twice")
        axes.append(axis_of(key, what, label, placed.draws))
    if not axes:
        raise OptionError("missing; must be at least one KEY=RANGE such as sram.capacity_mib=1:64:x2", key="vary")
    if isinstance(chunk, bool) or not isinstance(chunk, int) or not 1 <= chunk <= MOST_CHUNK:
        raise OptionError(f"chunk: must be a whole number from 1 to {MOST_CHUNK:,}, got {chunk!r}")
    plan = Plan(tuple(axes), placed, batch, precision, chunk)
    size(placed, axes)
    return plan


def _pairs(vary: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any, str]]:
    """(key, range or values, label for messages) of each axis."""
    if isinstance(vary, Mapping):
        for key, what in vary.items():
            if not isinstance(key, str):
                raise OptionError(f"vary: keys must be text such as 'sram.capacity_mib', got {key!r}")
            yield key, what, f"vary {key}"
        return
    if isinstance(vary, str):
        raise OptionError(f"vary: must be a mapping or a list of KEY=RANGE texts, got {vary!r}")
    for text in vary or ():
        if not isinstance(text, str):
            raise OptionError(f"vary: must be texts such as 'sram.capacity_mib=1:64:x2', got {shown(text)}")
        label = argument("vary", label_of(text))
        key, equals, what = (part.strip() for part in text.partition("="))
        if not (key and equals and what):
            raise OptionError(f"{label}: must be KEY=RANGE, such as sram.capacity_mib=1:64:x2")
        yield key, what, label


def read_plan(path: str | Path) -> dict[str, Any]:
    """A plan file as plain data with the keys of `sweep`. Raises OptionError for what is wrong in it."""
    place = Path(path)
    try:
        text = text_of(place, MOST_BYTES, OptionError)
        data, places = read_yaml(text, printable(str(place)), most=MOST_BYTES)
    except ChipError as error:
        raise OptionError(str(error)) from None
    faults = [f"{places[(key,)]}: {key}: unknown key{nearest(key, KEYS)}" for key in data if key not in KEYS][
        :MOST_FAULTS
    ]
    for key, kind, noun in (
        ("vary", dict, "a mapping of keys to ranges or lists"),
        ("set", dict, "a mapping of chip keys to values"),
        ("param", dict, "a mapping of parameters to values"),
        ("network", str, "text"),
        ("chip", str, "text"),
        ("design", str, "text such as latin:1000"),
        ("precision", str, "text such as int8"),
        ("batch", int, "a whole number"),
        ("seed", int, "a whole number"),
        ("chunk", int, "a whole number"),
    ):
        if key in data and (not isinstance(data[key], kind) or isinstance(data[key], bool)):
            faults.append(f"{places[(key,)]}: {key}: must be {noun}, got {shown(data[key])}")
    if faults:
        raise OptionError("\n".join(faults))
    if isinstance(data.get("vary"), dict):
        data["vary"] = dict(_flat(data["vary"]))
    if isinstance(data.get("set"), dict):
        data["set"] = dict(_flat(data["set"]))
    return data


def _flat(data: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested keys as dotted ones, so that a plan may be written like a chip file."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield path + key, value


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """What differs between two plans, one line each."""
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in dict.fromkeys([*old, *new]):
            lines += differences(old.get(key), new.get(key), f"{where}.{key}" if where else key)
        return lines
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(each, dict) for each in [*old, *new]):
        keyed = [{str(each.get("key", at)): each for at, each in enumerate(side)} for side in (old, new)]
        lines = differences(keyed[0], keyed[1], where)
        order = [list(side) for side in keyed]
        return lines or ([f"{where}: was in the order {order[0]}, now {order[1]}"] if order[0] != order[1] else [])
    return [] if old == new else [f"{where}: was {_shown(old)}, now {_shown(new)}"]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
