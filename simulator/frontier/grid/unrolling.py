"""Which loops of a layer run side by side on an array: the unrollings worth trying, from the chip's `array` section."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.kernels import grid_unroll as kernels
from simulator.lower.array import ArraySpec
from simulator.store.memory import remembered

LOOPS = (
    "groups",
    "batch",
    "out_channels",
    "in_channels",
    "out_height",
    "out_width",
    "kernel_height",
    "kernel_width",
    "reduction",
    "pixels",
)
"""Words of `array.unroll`, in the order of the kernels."""

MOST_TUPLES = 4096


@dataclass(frozen=True)
class Unrollings:
    """The unrollings kept for one layer.

    factors: int64[U, 10], indices per cycle of each loop of `LOOPS` over rows, columns and arrays together.
    copies: float64[U, 2], copies of inputs and of weights that leave the SRAM (1 with multicast).
    """

    factors: npt.NDArray[np.int64]
    copies: npt.NDArray[np.float64]
    flat_reduction: bool
    flat_pixels: bool


def _axis(extents: list[int], words: tuple[str, ...], length: int) -> npt.NDArray[np.int64]:
    """All useful factor tuples of one axis, int64[rows, 10]."""
    if not words or length == 1:
        return np.ones((1, len(LOOPS)), dtype=np.int64)
    loops = [LOOPS.index(word) for word in words]
    out = np.empty((MOST_TUPLES + 1, len(loops)), dtype=np.int64)
    rows = kernels.factor_tuples(np.array([extents[at] for at in loops], dtype=np.int64), length, out)
    factors = np.ones((rows, len(LOOPS)), dtype=np.int64)
    factors[:, loops] = out[:rows]
    return factors


def _kernel_whole(factors: npt.NDArray[np.int64], spec: ArraySpec) -> npt.NDArray[np.int64]:
    """The tuples of an axis that spread as many kernel rows as it can, where rows are stationary; else all of them.

    A row-stationary unit slides one row of the kernel along one row of the inputs and passes its sums to the unit of the
    next kernel row: one unit never takes two kernel rows in turn.
    """
    if spec.stationary != "rows":
        return factors
    most: np.int64 = factors[:, 6].max()
    whole: npt.NDArray[np.int64] = factors[factors[:, 6] == most]
    return whole


def _left(extents: list[int], factors: npt.NDArray[np.int64]) -> list[int]:
    """Extents in blocks of the factors already taken."""
    return [-(-extent // int(factor)) for extent, factor in zip(extents, factors, strict=True)]


@remembered(16 * 2**20)
def unrollings(extents: tuple[int, ...], spec: ArraySpec) -> Unrollings:
    """Unrollings of a layer of `extents` (G N K C P Q R S) that no other beats in steps, feed and weight loads together."""
    words = (*spec.unroll_rows, *spec.unroll_columns, *spec.unroll_count)
    flat_reduction, flat_pixels = "reduction" in words, "pixels" in words
    whole = [*extents, extents[3] * extents[6] * extents[7], extents[4] * extents[5]]
    pairs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for on_rows in _kernel_whole(_axis(whole, spec.unroll_rows, spec.rows), spec):
        after_rows = _left(whole, on_rows)
        if spec.systolic:  # an input passes every column of its row, so each group needs rows of its own
            after_rows[0] = min(after_rows[0], max(1, spec.rows // int(on_rows.prod())))
        for on_columns in _kernel_whole(_axis(after_rows, spec.unroll_columns, spec.columns), spec):
            both = on_rows * on_columns
            on_count = _axis(_left(after_rows, on_columns), spec.unroll_count, spec.count)
            pairs.append((both * on_count, on_count))
    factors = np.ascontiguousarray(np.concatenate([pair[0] for pair in pairs]))
    on_count = np.ascontiguousarray(np.concatenate([pair[1] for pair in pairs]))
    costs = np.empty((len(factors), 5))
    kernels.layer_costs(
        np.array(extents, dtype=np.int64), factors, on_count, flat_reduction, flat_pixels, spec.multicast, costs
    )
    if spec.accumulator_bytes > 0:
        costs[:, 3] = 0.0  # partial outputs stay in the accumulators: their passes cost nothing
    keep = np.empty(len(factors), dtype=np.bool_)
    kernels.keep_unrollings(costs, keep)
    rank = np.argsort(costs[keep, 0], kind="stable")
    factors, on_count = factors[keep][rank], on_count[keep][rank]
    copies = np.ones((len(factors), 2))
    if not spec.multicast:
        copies[:, 0] = on_count[:, 2]
        copies[:, 1] = on_count[:, 1] * on_count[:, 4] * on_count[:, 5] * on_count[:, 9]
    return Unrollings(factors, copies, flat_reduction, flat_pixels)
