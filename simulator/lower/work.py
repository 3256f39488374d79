"""What a network does for a batch on an array, whatever the schedule."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.lower.room import Room, room_of
from simulator.lower.rows import Lowered

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
    """MACs a cycle of the whole chip."""
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
    return Work(
        network=low.network,
        batch=low.batch,
        macs=low.macs,
        macs_executed=sum(executed),
        macs_charged=low.macs_charged,
        executed=np.array(executed, dtype=np.float64),
        charged=np.array([float(row.macs_charged) for row in low.rows]),
        compulsory_bytes=low.compulsory_bytes,
        weight_bytes=sum(row.weight_bytes for row in low.rows),
        input_output_bytes=low.input_output_bytes,
        units=spec.count * spec.rows * spec.columns * spec.rate,
        room=room_of(low),
    )
