"""What a chip costs and what its runs draw, worked out once a chip: the cost half of a result."""

from dataclasses import dataclass
from typing import Any

from simulator.chip.schema import Architecture
from simulator.cost.efficiency import efficiency
from simulator.cost.power import PowerModel, power_model
from simulator.cost.price import Cost, chip_cost
from simulator.errors import ChipError

_known: dict[int, tuple[Architecture, "Priced"]] = {}
_MOST_KNOWN = 1024


@dataclass(frozen=True)
class Priced:
    """Cost and power model of one chip; None where they cannot be told, with the reason in `notes`."""

    cost: Cost | None
    power: PowerModel | None
    notes: tuple[str, ...]


def priced(chip: Architecture) -> Priced:
    """Cost with closed-form bands and power model of a chip. Kept while the process lives: chips are frozen."""
    found = _known.get(id(chip))
    if found is not None and found[0] is chip:
        return found[1]
    cost, power, notes = None, None, []
    try:
        cost = chip_cost(chip, draws=0)
        if not cost.calibrated:
            notes.append(f"cost: {cost.status}")
    except ChipError as error:
        notes.append(f"no cost: {error}")
    try:
        power = power_model(chip)
    except ChipError as error:
        notes.append(f"no power: {error}")
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[id(chip)] = (chip, Priced(cost, power, tuple(dict.fromkeys(notes))))
    return _known[id(chip)][1]


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
