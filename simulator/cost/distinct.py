"""Cost of points that mostly share it: the SRAM sizes, clocks and memories that occur are priced once, in every combination."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.cost.columns import Columns, cost_columns
from simulator.cost.power import PowerModel
from simulator.cost.quantities import Quantities

WORTH = 2
"""Points a combination from which pricing the combinations is less work."""


def priced_once(q: Quantities) -> Columns:
    """`cost_columns` of points that differ in SRAM size, clock and memory devices alone; the same to the last bit."""
    varied = {
        "sram_bytes": q.sram_bytes,
        "clock_hz": q.clock_hz,
        "devices": 1.0 if q.memory is None else q.memory.devices,
        "gib": None if q.memory is None else q.memory.own_gib,
    }
    values, places = {}, []
    for name, column in varied.items():
        if np.ndim(column) > 0:
            values[name], place = np.unique(column, return_inverse=True)
            places.append(place)
    shape = tuple(len(own) for own in values.values())
    many = int(np.prod(shape))
    if many < 2 or many * WORTH > len(places[0]):
        return cost_columns(q)
    mesh = {name: own.ravel() for name, own in zip(values, np.meshgrid(*values.values(), indexing="ij"), strict=True)}
    devices, gib = mesh.pop("devices", None), mesh.pop("gib", None)
    few = replace(q, **mesh)
    few = few if gib is None else few.with_gib(gib)
    known = cost_columns(few if devices is None else few.with_devices(devices))
    spread: Columns = _spread(known, np.ravel_multi_index(tuple(places), shape), many)
    return spread


def _spread(found: Any, back: npt.NDArray[np.int64], many: int) -> Any:
    """The same for points at these places among `many`: arrays, and what holds them."""
    if isinstance(found, np.ndarray):
        return found[back] if len(found) == many else found
    if isinstance(found, dict):
        return {name: _spread(value, back, many) for name, value in found.items()}
    if isinstance(found, Columns | PowerModel):
        return replace(found, **{item.name: _spread(getattr(found, item.name), back, many) for item in fields(found)})
    return found
