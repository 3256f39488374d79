"""Where the time went: each step's time split by cause, filled in a fixed order, each part the least of its own and the rest."""

import numpy as np
import numpy.typing as npt

from simulator.result import WATERFALL

Floats = npt.NDArray[np.float64]

PARTS = WATERFALL
"""Columns of a waterfall, in the order in which they are filled."""

ROOFS = {
    "ideal_s": "array",
    "edges_s": "array",
    "fill_drain_s": "array",
    "weight_loading_s": "array",
    "interconnect_s": "interconnect",
    "sram_s": "sram",
    "vector_s": "vector",
    "overhead_s": "overhead",
    "dram_s": "dram",
    "host_s": "host",
    "power_s": "power",
}
"""The roof that each part belongs to (`bound_by`)."""


def split(step_s: Floats, on_chip_s: Floats, overhead_s: float | Floats, has_dram: bool) -> Floats:
    """Waterfall of every step, float64[steps, 11] in the order of PARTS; rows sum to `step_s`. [s]

    on_chip_s: float64[steps, 8 or more]: array parts ideal, edges, fill and drain, weight loading; then the busy time of array,
    interconnect, SRAM ports and vector unit. What of the on-chip time exceeds the array's belongs to the roof that sets
    it; what remains after the overhead, to the outer memory.
    """
    out = np.zeros((len(step_s), len(PARTS)))
    left = step_s.copy()

    def take(column: int, busy: Floats) -> None:
        part = np.minimum(busy, left)
        out[:, column] = part
        np.subtract(left, part, out=left)

    for column in range(4):
        take(column, on_chip_s[:, column])
    busy = on_chip_s[:, 4:8]
    sets = busy.argmax(axis=1)  # the array wins ties: it is what an architect wants to keep busy
    excess = busy.max(axis=1) - busy[:, 0]
    for roof, column in ((1, 4), (2, 5), (3, 6)):
        take(column, np.where(sets == roof, excess, 0.0))
    take(7, np.broadcast_to(overhead_s, step_s.shape))
    out[:, 8 if has_dram else 9] = left
    return out


def shown(parts: Floats, hidden_s: Floats, has_dram: bool) -> Floats:
    """Rows of parts as people see them: weights that shift into the array while it waits for outer memory show as loading. [s]

    hidden_s: time of each row that a second set of weights hides, as much of it as there is waiting is moved. Which roof binds
    is asked of the parts before: without the wait this loading would take no time.
    """
    out, outer = parts.copy(), 8 if has_dram else 9
    moved = np.minimum(hidden_s, parts[:, outer])
    out[:, 3] += moved
    out[:, outer] -= moved
    return out


_NAMES = tuple(dict.fromkeys(ROOFS.values()))


def roof_times(parts: Floats) -> Floats:
    """What each roof costs beyond the ideal time, for rows of parts: float64[rows, roofs], roofs in the order of ROOFS. [s]

    A fixed order of additions, where a product of matrices adds as it likes.
    """
    out = np.empty((len(parts), len(_NAMES)))
    out[:, 0] = (parts[:, 1] + parts[:, 2]) + parts[:, 3]
    out[:, 1:] = parts[:, 4:]
    return out


def largest_of(parts: Floats) -> list[str]:
    """`bound_by` of each row of parts: the roof of its largest part other than ideal; `array` where nothing else takes time."""
    return [_NAMES[at] for at in roof_times(parts).argmax(axis=1).tolist()]


def named(row: Floats) -> dict[str, float]:
    """One waterfall as the dictionary of a result. [s]"""
    return dict(zip(PARTS, (float(value) for value in row), strict=True))
