"""The designs that sizing looks at: values of keys around a base chip, in groups that share their arrays, each priced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.change import changed_chip
from simulator.chip.parts import CUSTOM, dram_part, dram_parts
from simulator.chip.schema import Architecture
from simulator.cost.columns import cost_columns
from simulator.cost.priced import varied
from simulator.errors import ChipError, OptionError, argument
from simulator.study.sizing_bounds import Speeds
from simulator.study.steps import memory_kind, short
from simulator.sweeps.ranges import axis_of
from simulator.units import MIB

Floats = npt.NDArray[np.float64]

INNER = ("sram.capacity_mib", "dram.part", "dram.devices", "clock_mhz")
"""Keys along which more is never slower; designs that differ in others make groups."""

ARRAYS = (0.25, 0.5, 1, 2, 4)
SIDES = (0.5, 1, 2)
SRAM = (0.0625, 0.125, 0.25, 0.375, 0.5, 0.75, 1, 1.5, 2, 3, 4)
CLOCK = (0.5, 0.75, 1)
FEED = (0.5, 1)
"""Multiples of the base chip: number of arrays, rows and columns, SRAM, clock, and what feeds each MAC unit."""

DEVICES = (1, 2, 4, 8)
"""Numbers of DRAMs, beside the base chip's own."""

FEED_KEY = "feed"
"""Not a key of a chip: interconnect and SRAM ports, in proportion to the MAC units, times this."""

MOST_DESIGNS = 2_000_000


@dataclass(frozen=True)
class Group:
    """Designs with the same arrays. Bills are float64[sram, memory, clock], infinite where no such die can be made. [USD]"""

    number: int
    place: tuple[int, ...]
    """Number of the value on each outer axis."""
    chip: Architecture
    settings: Mapping[str, Any]
    sram_mib: tuple[float, ...]
    memory: tuple[Mapping[str, Any], ...]
    """Changes of DRAM part and devices, in the order of bandwidth; one without changes where there is nothing to vary."""
    clock_mhz: tuple[float, ...]
    bill_usd: Floats
    static_w: Floats
    """Power that is always drawn. [W]"""
    mac_j: float
    """Energy of one MAC. [J]"""
    outer_byte_j: tuple[float, ...]
    """Energy of a byte of each memory. [J]"""
    room_bytes: tuple[int | None, ...]
    """Capacity of each memory; 0 without one, None where it is not known. [B]"""
    speeds: Speeds
    """Columns of [sram, memory, clock], of a memory at the highest clock: no design is faster."""

    def changes(self, at: tuple[int, int, int], base: Architecture) -> dict[str, Any]:
        """What the design at (sram, memory, clock) has otherwise than the base chip."""
        plain = base.model_dump(by_alias=True)
        return {key: value for key, value in {**self.settings, **self.inner(at)}.items() if _at(plain, key) != value}

    def inner(self, at: tuple[int, int, int]) -> dict[str, Any]:
        """What it changes on the chip of its group."""
        return {
            "sram.capacity_mib": self.sram_mib[at[0]], **self.memory[at[1]], "clock_mhz": self.clock_mhz[at[2]]
        }  # fmt: skip

    def design(self, at: tuple[int, int, int]) -> Architecture:
        """The chip at (sram, memory, clock)."""
        return changed_chip(self.chip, self.inner(at), "size")


@dataclass(frozen=True)
class Space:
    """All designs around a base chip."""

    base: Architecture
    axes: Mapping[str, tuple[Any, ...]]
    """Values of each key; `feed` is a multiple of the base chip's."""
    groups: tuple[Group, ...]
    outer: tuple[str, ...]
    """Keys that make groups, in the order of `Group.place`."""

    @property
    def designs(self) -> int:
        """Designs that can be made."""
        return int(sum(np.isfinite(group.bill_usd).sum() for group in self.groups))


def _at(plain: Any, key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    for part in key.split("."):
        plain = plain.get(part) if isinstance(plain, dict) else None
    return plain


def default_axes(chip: Architecture) -> dict[str, tuple[Any, ...]]:
    """Values around a chip: arrays, rows, columns, feed, SRAM, DRAM parts of its kind and devices, clocks up to its own."""
    axes: dict[str, tuple[Any, ...]] = {}
    array = chip.array
    if array is None:
        raise ChipError(f"{chip.name}: array: missing; this chip can be compared, not simulated")
    for name, factors in (("count", ARRAYS), ("rows", SIDES), ("columns", SIDES)):
        size = int(getattr(array, name))
        if getattr(array.unroll, name):
            sizes = dict.fromkeys(int(size * factor) for factor in factors if size * factor == int(size * factor) >= 1)
            axes[f"array.{name}"] = tuple(sizes)
    axes[FEED_KEY] = FEED
    axes["sram.capacity_mib"] = tuple(short(float(chip.sram.capacity_mib) * factor) for factor in SRAM)
    if chip.dram is not None:
        axes["dram.part"] = _kin(chip.dram.part)
        axes["dram.devices"] = tuple(sorted({*DEVICES, chip.dram.devices}))
    axes["clock_mhz"] = tuple(short(float(chip.clock_mhz) * factor) for factor in CLOCK)
    return axes


def _kin(part: str) -> tuple[str, ...]:
    """Memory parts of the same kind and width, slowest first; of equally fast ones the chip's own, else the first."""
    if part == CUSTOM:
        return (part,)
    known = dram_parts()
    kin = [one for one in known.values() if memory_kind(one.name) == memory_kind(part)]
    kin = [one for one in kin if one.width_bits == known[part].width_bits]
    fastest: dict[float, str] = {}
    for one in kin:
        if one.name == part or one.bytes_per_s not in fastest:
            fastest[one.bytes_per_s] = one.name
    return tuple(fastest[rate] for rate in sorted(fastest))


def given_axes(vary: Mapping[str, Any] | Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Axes of the user's: {key: range or values}, or texts `KEY=RANGE`. Raises OptionError as `sweep` does."""
    pairs = vary.items() if isinstance(vary, Mapping) else [_pair(text) for text in vary]
    axes: dict[str, tuple[Any, ...]] = {}
    for key, what in pairs:
        label = argument("vary", f"{key}={what}")
        axis = axis_of(key, what, label, drawn=False)
        if key in ("batch", "precision") or key.startswith("param."):
            raise OptionError(f"{label}: must be a key of the chip; a size is sought for one batch of one network")
        if key in axes:
            raise OptionError(f"{label}: {key}: given twice")
        axes[key] = axis.values
    return axes


def _pair(text: str) -> tuple[str, str]:
    key, equals, what = (part.strip() for part in text.partition("="))
    if not (key and equals and what):
        raise OptionError(key="vary", given=text, must="be KEY=RANGE, such as sram.capacity_mib=1:64:x2")
    return key, what


def space_of(chip: Architecture, axes: Mapping[str, tuple[Any, ...]], precision: str) -> Space:
    """All designs with every combination of values, priced.

    Raises ChipError for a chip that has no bill and for values that cannot be on any chip; OptionError for too many.
    """
    outer = tuple(key for key in axes if key not in INNER)
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST_DESIGNS:
        raise OptionError(f"size: must have at most {MOST_DESIGNS:,} designs, got {count:,}")
    groups: list[Group] = []
    fault: ChipError | None = None
    for place in product(*(range(len(axes[key])) for key in outer)):
        settings = {key: axes[key][at] for key, at in zip(outer, place, strict=True)}
        settings = _fed(chip, settings)
        try:
            groups.append(_group(len(groups), place, chip, settings, axes, precision))
        except ChipError as error:  # values that do not go together: a group that is not there
            fault = error
    if not groups:
        raise fault or ChipError(f"{chip.name}: no design")
    return Space(chip, axes, tuple(groups), outer)


def _fed(base: Architecture, settings: dict[str, Any]) -> dict[str, Any]:
    """`feed` as keys: interconnect, SRAM ports, vector lanes and accumulators in proportion to the MAC units."""
    if FEED_KEY not in settings or base.array is None:
        return settings
    feed = settings.pop(FEED_KEY)
    array = base.array
    units = 1
    for name in ("count", "rows", "columns"):
        units *= settings.get(f"array.{name}", getattr(array, name))
    ratio = units / array.macs
    fed = {
        "interconnect.bytes_per_cycle": short(base.interconnect.bytes_per_cycle * ratio * feed),
        "sram.bytes_per_cycle": short(base.sram.bytes_per_cycle * ratio * feed),
        "vector.lanes": max(base.vector.channels, round(base.vector.lanes * ratio)),
    }
    if array.accumulator_kib is not None:
        fed["array.accumulator_kib"] = short(array.accumulator_kib * ratio)
    return settings | fed


def _group(
    number: int,
    place: tuple[int, ...],
    base: Architecture,
    settings: Mapping[str, Any],
    axes: Mapping[str, tuple[Any, ...]],
    precision: str,
) -> Group:
    """One group, priced."""
    chip = changed_chip(base, settings, "size")
    chip.peak_tops(precision)
    sram = tuple(sorted(axes.get("sram.capacity_mib", (short(float(base.sram.capacity_mib)),))))
    clock = tuple(sorted(axes.get("clock_mhz", (short(float(base.clock_mhz)),))))
    memory = _memories(chip, axes)
    bills = np.full((len(sram), len(memory), len(clock)), np.inf)
    static = np.zeros_like(bills)
    mac_j, outer_j, room, rates = 0.0, [], [], []
    for at, changes in enumerate(memory):
        one = changed_chip(chip, changes, "size")
        grid = np.meshgrid(np.array(sram, dtype=np.float64), np.array(clock, dtype=np.float64), indexing="ij")
        columns = {"sram.capacity_mib": grid[0].ravel(), "clock_mhz": grid[1].ravel()}
        known = cost_columns(varied(one, columns))
        usd = np.where(np.broadcast_to(known.can_be_made, known.bill_usd.shape), known.bill_usd, np.inf)
        bills[:, at, :] = usd.reshape(grid[0].shape)
        static[:, at, :] = np.broadcast_to(known.power.static_w, (grid[0].size,)).reshape(grid[0].shape)
        mac_j = float(np.min(known.power.mac_j[one.product(precision).format]))
        outer_j.append(float(known.power.outer_byte_j))
        room.append(one.dram_capacity_bytes)
        fastest = one if clock[-1] == one.clock_mhz else changed_chip(one, {"clock_mhz": clock[-1]}, "size")
        rates.append(fastest.outer_bytes_per_s or np.inf)
    own = Speeds.of(chip, precision)
    speeds = Speeds(
        (np.array(clock) / chip.clock_mhz * own.macs_per_s)[None, None, :],
        np.array(rates)[None, :, None],
        np.array(sram)[:, None, None] * MIB,
    )
    return Group(
        number, place, chip, dict(settings), sram, memory, clock, bills, static, mac_j, tuple(outer_j), tuple(room), speeds
    )  # fmt: skip


def _memories(chip: Architecture, axes: Mapping[str, tuple[Any, ...]]) -> tuple[dict[str, Any], ...]:
    """Combinations of DRAM part and devices in the order of their bandwidth, cheaper kinds first where it is equal."""
    given = {key: axes[key] for key in ("dram.part", "dram.devices") if key in axes}
    if chip.dram is None:
        if given:
            raise ChipError(f"{chip.name}: dram: missing; {', '.join(given)} cannot be varied")
        return ({},)
    parts, devices = given.get("dram.part", (chip.dram.part,)), given.get("dram.devices", (chip.dram.devices,))
    found = []
    for part, count in product(parts, devices):
        if CUSTOM in (part, chip.dram.part):
            rate = changed_chip(chip, {"dram.part": part, "dram.devices": count}, "size").dram_bytes_per_s or 0.0
        else:
            one = dram_part(part)
            rate = count * one.bytes_per_s * (chip.dram.measured_efficiency or one.efficiency)
        found.append((rate, {"dram.part": part, "dram.devices": count}))
    return tuple(changes for _, changes in sorted(found, key=lambda pair: pair[0]))
