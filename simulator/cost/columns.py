"""Cost and power of the points of a sweep: the same functions as for one chip, on columns.

Points that differ in a name (process node, memory part, kind, link, precisions) are priced group by group; everything
else may vary within a group: put the columns into `Quantities` with `dataclasses.replace`.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from simulator.cost import money
from simulator.cost.bill import Floats, Z, bill_of, factors_of, total_of
from simulator.cost.book import cost_book
from simulator.cost.die import die_of
from simulator.cost.power import PowerModel
from simulator.cost.price import default_reference
from simulator.cost.quantities import Quantities
from simulator.errors import ChipError

_VARIED = (
    "arrays",
    "rows",
    "columns",
    "sram_bytes",
    "sram_bytes_per_cycle",
    "interconnect_bytes_per_cycle",
    "vector_lanes",
    "io_lanes",
    "host_bytes_per_s",
    "clock_hz",
)
"""Numbers of `Quantities` that may be columns, beside the number of memory devices."""


@dataclass(frozen=True)
class Columns:
    """Cost of the points of a sweep, one entry each."""

    area_mm2: Floats
    bill_usd: Floats
    bill_low_usd: Floats
    bill_high_usd: Floats
    relative_cost: Floats
    can_be_made: Any
    """False where the die is above the reticle limit or its memory interfaces do not fit its edge (array of bool)."""
    power: PowerModel
    """Energy per MAC and byte, static and peak power; figures that vary are arrays."""


def cost_columns(q: Quantities) -> Columns:
    """Price points that share every name in `q`.

    `q` has numbers or arrays of one length. Figures are the best estimates of `chip_cost`, to the last bit; ranges are by
    first-order propagation, as `chip_cost(..., draws=0)` has them. Raises ChipError for a chip outside the calibration.
    """
    if q.kind != "accelerator":
        raise ChipError(f"{q.name}: kind: only an accelerator has a bill, got {q.kind}")
    model = money.YIELD_MODELS[0]
    die = die_of(_upright(q))
    bill, _ = bill_of(die, factors_of(0), model, "area")
    total: Floats = np.atleast_2d(total_of(bill))
    best = total[:, 0]
    factor = np.exp(Z * np.sqrt(np.square(np.log(total[:, 1:] / total[:, :1])).sum(axis=1)))
    reference = default_reference(0, model, False)[2]
    return Columns(
        area_mm2=_flat(die.mm2),
        bill_usd=best,
        bill_low_usd=best / factor,
        bill_high_usd=best * factor,
        relative_cost=best / reference[0],
        can_be_made=np.ravel(die.can_be_made),
        power=_flat_power(die.power),
    )


def band_factor() -> float:
    """What the area of a die is divided and multiplied by for its range [-]."""
    return float(np.exp(Z * cost_book()["residuals"]["log_rms_left_out"]))


def _upright(q: Quantities) -> Quantities:
    """The same with every array as one column, so that the uncertain factors can stand beside it as rows."""
    varied = {name: _column(getattr(q, name)) for name in _VARIED}
    upright = replace(q, **varied)
    if q.memory is None:
        return upright
    upright = upright.with_devices(_column(q.memory.devices))
    return upright if q.memory.own_gib is None else upright.with_gib(_column(q.memory.own_gib))


def _column(value: Any) -> Any:
    """An array as a column; a number as it is."""
    return value if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64).reshape(-1, 1)


def _flat(value: Any) -> Any:
    """A column as an array of one dimension; a number as an array of one."""
    return np.ravel(np.asarray(value, dtype=np.float64))


def _flat_power(power: PowerModel) -> PowerModel:
    """The same with columns flat again."""
    changed: dict[str, Any] = {}
    for item in fields(power):
        value = getattr(power, item.name)
        if isinstance(value, np.ndarray):
            changed[item.name] = value.ravel()
        if isinstance(value, dict):
            changed[item.name] = {
                name: np.ravel(own) if isinstance(own, np.ndarray) else own for name, own in value.items()
            }
    return replace(power, **changed)
