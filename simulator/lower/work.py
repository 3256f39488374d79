"""What a network does for a batch on an array, whatever the schedule."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.lower.room import Room, room_of, staying_bytes
from simulator.lower.rows import Lowered

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Work:
    """MACs and bytes of a batch. executed, charged: MACs of each step, and as energy counts them."""

    network: str
    batch: int
    macs: Any
    """This and what follows but for names: numbers, or one entry a context (`result.contexts`)."""
    macs_executed: Any
    macs_charged: Any
    executed: Floats
    charged: Floats
    compulsory_bytes: Any
    weight_bytes: Any
    """Of them, constant weights."""
    input_output_bytes: Any
    staying_bytes: Any
    """Of states that stay in the SRAM."""
    units: Any
    """MACs a cycle of the whole chip; of layers that multiply in several formats, the mean over their MACs."""
    products: tuple[str, ...]
    """Keys of the rates of the array in which its layers multiply, the main one first."""
    product: Ints
    """Place among these of each step."""
    step_units: Floats
    """Of each step, in its own format."""
    room: Room
    """What of the outer memory it takes."""

    def least_outer_bytes(self, held_bytes: Floats | float) -> Floats:
        """Bytes of the outer memory that no schedule of a batch avoids, whatever a compiler does, one entry a chip.

        held_bytes: SRAM that may hold weights from one batch to the next, and states.
        """
        left = np.maximum(0.0, held_bytes - self.staying_bytes)
        return np.asarray(self.compulsory_bytes - np.minimum(self.weight_bytes, left))

    def part(self, at: Any) -> "Work":
        """That of some contexts."""
        names = (
            "macs",
            "macs_executed",
            "macs_charged",
            "compulsory_bytes",
            "weight_bytes",
            "input_output_bytes",
            "staying_bytes",
            "units",
        )
        own = {name: value[at] if np.ndim(value := getattr(self, name)) else value for name in names}
        steps = {} if self.executed.ndim == 1 else {name: getattr(self, name)[:, at] for name in BY_STEP}
        return replace(self, **own, **steps, room=self.room.part(at))


BY_STEP = ("executed", "charged", "step_units")


def work_of(low: Lowered) -> Work:
    """Sums over hundreds of steps take longer than many a schedule: keep what this gives."""
    executed = [row.macs_executed for row in low.rows]
    spec = low.spec
    full = spec.count * spec.rows * spec.columns
    rates = [spec.rate if row.shape is None else row.shape.rate or spec.rate for row in low.rows]
    step_units = np.array([full * rate for rate in rates])
    products = tuple(dict.fromkeys([low.product, *(row.product for row in low.rows if row.product)]))
    return Work(
        network=low.network,
        batch=low.batch,
        macs=low.macs,
        macs_executed=sum(executed),
        macs_charged=low.macs_charged,
        executed=np.array(executed, dtype=np.float64),
        charged=np.array([float(row.macs_charged) for row in low.rows]),
        compulsory_bytes=low.compulsory_bytes,
        weight_bytes=sum(row.own_weight_bytes for row in low.rows),
        input_output_bytes=low.input_output_bytes,
        staying_bytes=staying_bytes(low),
        units=mean_units(step_units, np.array(executed, dtype=np.float64)),
        step_units=step_units,
        products=products,
        product=np.array([products.index(row.product or low.product) for row in low.rows], dtype=np.int64),
        room=room_of(low),
    )


def mean_units(units: Floats, macs: Floats) -> Any:
    """MACs a cycle over all steps, of which each does so many; exactly that of all where they are the same. By column."""
    if not macs.any() or (units == units.flat[0]).all():
        return float(units.flat[0])
    found = macs.sum(axis=0) / (macs / units).sum(axis=0)
    return found if found.ndim else float(found)
