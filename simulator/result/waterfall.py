"""Where the time went, in the words of a result: time by cause as parts, and which of them is the largest loss."""

import numpy as np
import numpy.typing as npt

from simulator.kernels.schedule_sums import OUTER, OVERHEAD, PIPELINE, largest_losses
from simulator.vocabulary import PIPELINE as PIPELINE_WORD
from simulator.vocabulary import WATERFALL

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DRAM = WATERFALL.index("dram_s")
HOST = WATERFALL.index("host_s")
POWER = WATERFALL.index("power_s")
"""Places of parts that are no causes of a schedule: what waits for the outer memory goes to one of the first two."""


def rows_of(
    parts: Floats, has_dram: bool, host_s: Floats | float = 0.0, power_s: Floats | float = 0.0, pipeline: bool = False
) -> Floats:
    """Waterfalls in the order of `vocabulary.WATERFALL`, float64[n, 11], or 12 with `pipeline`. [s]

    parts: float64[CAUSES, n] of `kernels.schedule_sums`. host_s, power_s: what the host link and the power limit add.
    """
    out = np.zeros((parts.shape[1], len(WATERFALL) + pipeline))
    out[:, : OVERHEAD + 1] = parts[: OVERHEAD + 1].T
    out[:, DRAM if has_dram else HOST] = parts[OUTER]
    out[:, HOST] += host_s
    out[:, POWER] = power_s
    if pipeline:
        out[:, len(WATERFALL)] = parts[PIPELINE]
    return out


def words_of(pipeline: bool = False) -> tuple[str, ...]:
    """The parts of a waterfall."""
    return (*WATERFALL, PIPELINE_WORD) if pipeline else WATERFALL


def named(row: Floats) -> dict[str, float]:
    """One waterfall as the dictionary of a result. [s]"""
    return dict(zip(words_of(len(row) > len(WATERFALL)), row.tolist(), strict=True))


LOSSES = words_of(pipeline=True)
"""What `losses` gives the places of; the first is the ideal, where nothing is lost."""


def losses(parts: Floats, has_dram: bool, host_s: Floats, power_s: Floats) -> Ints:
    """Place in LOSSES of the largest part beyond the ideal, for each column of parts."""
    out = np.empty(parts.shape[1], dtype=np.int64)
    largest_losses(np.ascontiguousarray(parts), has_dram, host_s, power_s, out)
    return out
