"""What a chip costs and what its runs draw, worked out once a chip: the cost half of a result."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.efficiency import efficiency
from simulator.cost.power import PowerModel, power_model
from simulator.cost.price import Cost, chip_cost
from simulator.errors import ChipError, InfeasibleError
from simulator.store.memory import Memory, one_each

Floats = npt.NDArray[np.float64]

_known: Memory[int, tuple[Architecture, "Priced"]] = Memory(1024, one_each)


@dataclass(frozen=True)
class Priced:
    """Cost and power model of one chip; None where they cannot be told, with the reason in `notes`."""

    cost: Cost | None
    power: PowerModel | None
    notes: tuple[str, ...]


def priced(chip: Architecture) -> Priced:
    """Cost and power model of a chip. Kept while the process lives: chips are frozen."""
    found = _known.get(id(chip))
    if found is not None and found[0] is chip:
        return found[1]
    cost, power, notes = None, None, []
    try:
        cost = chip_cost(chip)
        if not cost.calibrated:
            notes.append(f"cost: {cost.status}")
    except ChipError as error:
        notes.append(f"no cost: {error}")
    try:
        power = power_model(chip)
    except ChipError as error:
        notes.append(f"no power: {error}")
    return _known.put(id(chip), (chip, Priced(cost, power, tuple(dict.fromkeys(notes)))))[1]


@dataclass(frozen=True)
class PowerLimit:
    """What a chip may draw, and what its work costs it."""

    model: PowerModel
    limit_w: float
    precision: str

    def least_s(self, macs_executed: float, feed_bytes: float, outer_bytes: float) -> float:
        """Least time of a batch with so many MACs and bytes: its energy / (limit - static power). [s]"""
        return float(self.model.limited_s(self.limit_w, self.precision, macs_executed, feed_bytes, outer_bytes))

    def shares(self, macs_executed: Floats, feed_bytes: Floats, outer_bytes: Floats) -> Floats:
        """Share of each step in the energy of a batch, in all 1; from columns with one entry a step."""
        spent = self.model.energy(
            self.precision, macs_executed, feed_bytes + outer_bytes, feed_bytes, outer_bytes, 0.0
        ).total_j
        return np.asarray(spent / spent.sum())


def power_limit(chip: Architecture, precision: str) -> PowerLimit | None:
    """The power limit of a chip; None without one.

    Raises ChipError where the energy of the chip cannot be told, InfeasibleError where it draws the limit at rest.
    """
    if chip.power_limit_w is None:
        return None
    model = priced(chip).power or power_model(chip)  # the second call says why there is none
    if chip.power_limit_w <= model.static_w:
        raise InfeasibleError(at_rest(chip.name, chip.power_limit_w, float(model.static_w)))
    return PowerLimit(model, float(chip.power_limit_w), precision)


def at_rest(name: str, limit_w: float, static_w: float) -> str:
    """The line that says of a power limit that nothing is left of it for work."""
    return f"{name}: power_limit_w: must be above the {static_w:.3g} W that the chip draws at rest, got {limit_w:g}"


def economics(
    chip: Architecture,
    precision: str,
    batch: int,
    period_s: float,
    macs_executed: float,
    feed_bytes: float,
    outer_bytes: float,
) -> dict[str, Any]:
    """The fields of a `Result` about cost, power and inference efficiency, and the notes that go with them.

    All for one batch in steady state: MACs executed, bytes between SRAM and arrays, bytes of outer memory (which pass the
    SRAM ports too).
    """
    known = priced(chip)
    energy, power_w = None, None
    if known.power is not None:
        run = known.power.energy(precision, macs_executed, feed_bytes + outer_bytes, feed_bytes, outer_bytes, period_s)
        energy, power_w = {part: float(value) for part, value in run.to_dict().items()}, float(run.average_w)
    ratios = efficiency(
        batch / period_s, chip.peak_tops(precision), chip.sram.capacity_bytes, chip.dram_devices, known.cost, power_w
    )
    cost = None if known.cost is None else known.cost.to_dict()
    return {"cost": cost, "energy": energy, "power_w": power_w, **ratios, "notes": known.notes}
