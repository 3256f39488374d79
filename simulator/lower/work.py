"""What a network does for a batch on an array, whatever the schedule."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.lower.room import Room, room_of
from simulator.lower.rows import Lowered

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Work:
    """MACs and bytes of a batch. executed, charged: MACs of each step, and as energy counts them."""

    network: str
    batch: int
    macs: int
    macs_executed: int
    macs_charged: float
    executed: Floats
    charged: Floats
    compulsory_bytes: float
    weight_bytes: float
    """Of them, constant weights."""
    input_output_bytes: float
    units: float
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

        held_bytes: SRAM that may hold weights from one batch to the next.
        """
        return np.asarray(self.compulsory_bytes - np.minimum(self.weight_bytes, held_bytes))


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
        units=_mean(step_units, executed),
        step_units=step_units,
        products=products,
        product=np.array([products.index(row.product or low.product) for row in low.rows], dtype=np.int64),
        room=room_of(low),
    )


def _mean(units: Floats, macs: list[int]) -> float:
    """MACs a cycle over all steps, of which each does so many; exactly that of all where they are the same."""
    if not sum(macs) or (units == units[0]).all():
        return float(units[0])
    done = np.array(macs, dtype=np.float64)
    return float(done.sum() / (done / units).sum())
