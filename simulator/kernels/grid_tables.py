"""Parts of the candidate tables that need loops: input rows that tiles touch, and cycles of folds."""

from typing import NamedTuple

import numpy as np

from .grid_layout import ALL_ROWS, FRESH_ROWS, MOST_ROWS, SIZE, STEPS, TRIPS, Floats
from .jit import kernel

OVER_PIXELS, OVER_K, OVER_C = range(3)
"""Axes that stream through an array."""


class Side(NamedTuple):
    """One axis of the outputs, and of the inputs that the kernel slides over."""

    stride: int
    dilation: int
    kernel: int
    pad: int
    plane: int


class Fold(NamedTuple):
    """What a fold costs beside its steps. [cycle]"""

    load: float
    """To bring the stationary operand in."""
    overhead: float
    """To fill and drain a systolic array."""
    hidden: float
    """Whether the load hides behind streaming: the array holds two sets."""


class Slide(NamedTuple):
    """How the kernel slides: row j of it at an output is its row j + up at the output `back` before; outputs before `inner`, and
    from `outer` on, may touch the padding."""

    back: int
    up: int
    inner: int
    outer: int


@kernel
def slide_of(side):
    """`Slide` of a `Side`."""
    common, rest = side.stride, side.dilation
    while rest > 0:
        common, rest = rest, common % rest
    inner = (side.pad + side.stride - 1) // side.stride
    reach = side.plane + side.pad - (side.kernel - 1) * side.dilation  # an output reaches beyond the plane from here on
    outer = max(0, (reach + side.stride - 1) // side.stride)
    return Slide(side.dilation // common, side.stride // common, inner, max(inner, outer))


@kernel
def rows_of_run(first, end, side, slide):
    """Input rows that outputs first .. end - 1 touch; rows in the padding are not touched, rows that the stride skips neither.

    The run has a row of the kernel already where the output `back` before is in the run, and the kernel reaches `up` further.
    """
    count = end - first
    rows = min(count, slide.back) * side.kernel + max(0, count - slide.back) * min(side.kernel, slide.up)
    for part in range(2):
        low, high = (first, min(end, slide.inner)) if part == 0 else (max(first, slide.outer), end)
        for o in range(low, high):
            for r in range(side.kernel):
                at = o * side.stride + r * side.dilation - side.pad
                if (at < 0 or at >= side.plane) and (o - slide.back < first or r + slide.up >= side.kernel):
                    rows -= 1
    return rows


@kernel
def touched(extent, side, sizes, out):
    """Input rows that tiles of some output rows touch; the same for columns.

    out[i] for sizes[i]: windows of tiles. side: `Side`. A row is fresh that the tile before does not touch.
    """
    slide = slide_of(side)
    for i in range(len(sizes)):
        most, total, fresh = 0, 0, 0
        size = sizes[i]
        for first in range(0, extent, size):
            end = min(extent, first + size)
            rows = rows_of_run(first, end, side, slide)
            most = max(most, rows)
            total += rows
            before = first - size
            fresh += (
                rows if first == 0 else rows_of_run(before, end, side, slide) - rows_of_run(before, first, side, slide)
            )
        out[i, MOST_ROWS], out[i, ALL_ROWS], out[i, FRESH_ROWS] = most, total, fresh


@kernel
def fold_cost(steps, load, fold):
    """Cycles of a fold that streams `steps` steps past stationary operands which take `load` cycles to come in."""
    return max(steps, load) + fold.overhead if fold.hidden > 0.0 else steps + load + fold.overhead


@kernel
def fill_folds(steps, fold, out):
    """Fill out with the cycles of folds that stream so many steps; both flat."""
    for i in range(len(steps)):
        out[i] = fold_cost(steps[i], fold.load, fold)


@kernel
def group_tiles(table, buffers, out):
    """Rows of a table of groups, the smallest tile first, that no row before takes no more steps and room than. Returns how many.

    A tile of all groups is held once; of others `buffers` are.
    """
    count = 0
    for row in range(len(table) - 1, -1, -1):
        size = table[row, SIZE] / (buffers if table[row, TRIPS] == 1.0 else 1.0)
        covered = False
        for i in range(count):
            at, column = out[i], STEPS
            covered = table[at, SIZE] <= size
            while covered and column < table.shape[1]:
                covered = table[at, column] <= table[row, column]
                column += 1
            if covered:
                break
        if not covered:
            out[count] = row
            count += 1
    return count


def folds_of(steps: Floats, fold: Fold) -> Floats:
    """Cycles of folds that stream so many steps (`fold_cost`); an array of the same form."""
    out = np.empty(steps.size)
    fill_folds(np.ascontiguousarray(steps, dtype=np.float64).ravel(), fold, out)
    return out.reshape(steps.shape)
