"""What a chip costs and what its work draws: worked out once a chip, or for many that differ in numbers alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.load import chip_digest
from simulator.chip.schema import Architecture
from simulator.cost.bill import DRAWS
from simulator.cost.book import fit
from simulator.cost.money import YIELD_MODELS
from simulator.cost.power import PowerModel, covered_mm2, power_model, powers
from simulator.cost.price import Cost, chip_cost, default_reference
from simulator.cost.quantities import Quantities, quantities_of, silicon
from simulator.errors import ChipError
from simulator.store.memory import Memory, of_each, one_each
from simulator.units import MIB

_by_parts: Memory[tuple[object, ...], "Priced"] = Memory(256, one_each)


@dataclass(frozen=True)
class Priced:
    """Cost and power model of one chip; None where they cannot be told, with the reason in `notes`."""

    cost: Cost | None
    power: PowerModel | None
    notes: tuple[str, ...]
    cost_notes: tuple[str, ...] = ()
    """Those of them that are about the cost."""


@of_each(1024)
def priced_chip(chip: Architecture) -> Priced:
    """Cost and power model of a chip. Kept while the process lives: chips are frozen.

    Chips that differ in nothing that costs, as in how well they use their DRAM, have one: the draws take longest.
    """
    try:
        q = quantities_of(chip)
    except ChipError:  # which says why there is no cost
        return _worked_out(chip)
    is_reference = q.kind == "accelerator" and chip_digest(chip) == default_reference(DRAWS, YIELD_MODELS[0], False)[1]
    key = repr(q), chip.process_nm, chip.published_die_mm2, is_reference
    return _by_parts.get(key) or _by_parts.put(key, _worked_out(chip))


def _worked_out(chip: Architecture) -> Priced:
    """The same, worked out."""
    cost, power, notes = None, None, []
    try:
        cost = chip_cost(chip)
        if not cost.calibrated:
            notes.append(f"cost: {cost.status}")
    except ChipError as error:
        notes.append(f"no cost: {error}")
    of_cost = tuple(notes)
    try:
        power = power_model(chip)
    except ChipError as error:
        notes.append(f"no power: {error}")
    return Priced(cost, power, tuple(dict.fromkeys(notes)), of_cost)


def varied(chip: Architecture, columns: Mapping[str, npt.NDArray[Any]]) -> Quantities:
    """The quantities of a chip with the columns that its cost depends on put in. Raises ChipError as `quantities`."""
    q = quantities_of(chip)
    if "sram.capacity_mib" in columns:
        beside = q.sram_bytes - float(chip.sram.capacity_bytes)
        q = replace(q, sram_bytes=np.floor(columns["sram.capacity_mib"].astype(np.float64) * MIB) + beside)
    if "clock_mhz" in columns:
        q = replace(q, clock_hz=columns["clock_mhz"].astype(np.float64) * 1e6)
    if "dram.capacity_gib" in columns:
        q = q.with_gib(columns["dram.capacity_gib"].astype(np.float64))
    if "dram.devices" not in columns or q.memory is None or chip.dram is None:
        return q
    # A device of a custom part may be counted as several.
    return q.with_devices(columns["dram.devices"].astype(np.float64) * (q.memory.devices / chip.dram.devices))


def power_of(chip: Architecture, columns: Mapping[str, npt.NDArray[Any]] | None = None) -> PowerModel:
    """What the work of a chip draws; with columns, of chips that differ in them. Raises ChipError where it cannot be told."""
    if not columns:
        return priced_chip(chip).power or power_model(chip)  # the second call says why there is none
    q = varied(chip, columns)
    parts = silicon(q, fit())
    return powers(q, parts, covered_mm2(q, parts))
