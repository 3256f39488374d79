"""Parts of the candidate tables that need loops: input rows that tiles touch, and rows of a table that no other
beats.
"""

from typing import NamedTuple

import numpy as np

from .grid_layout import (
    ALL_ROWS,
    COST_INPUTS,
    COST_PIXELS,
    COST_SHARED,
    COST_TRIPS,
    COST_WINDOW,
    EACH,
    FRESH_ROWS,
    INPUTS,
    INPUTS_BY_P,
    INPUTS_BY_Q,
    MOST_ROWS,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SIZE_N,
    SIZE_P,
    SIZE_Q,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    UNIT_FLAT,
    UNIT_N,
    UNIT_P,
    UNIT_Q,
    WINDOW,
    Floats,
    Ints,
)
from .grid_tiling import trips_of
from .jit import kernel


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


class PixelAxes(NamedTuple):
    """Sizes to try along N, P and Q, rising, of extents N P Q; windows of those of P and of Q."""

    extents: Ints
    n: Ints
    p: Ints
    q: Ints
    rows: Floats
    columns: Floats


class PixelUnits(NamedTuple):
    """Unrollings as pixel tiles see them."""

    units: Ints
    """A row an unrolling, see the columns of units."""
    flat: bool
    """Whether P and Q are one loop."""
    loads: Floats
    """Cycles to load a set of weights."""
    fold: Fold
    folds: bool
    """Whether there are folds."""


class PixelTiles(NamedTuple):
    """Pixel tiles, a row each: columns of the table, sizes, row of the smallest tile with the same trips, columns of costs."""

    table: Floats
    sizes: Ints
    base: Ints
    cost: Floats


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
    for i in range(sizes.shape[0]):
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
def keep_front(table, whole, out):
    """Rows of `table` that no earlier row is as good as in every column, and the rows marked whole. Returns how many.

    out: int64[rows], their places.
    """
    count = 0
    for row in range(table.shape[0]):
        covered = False
        if not whole[row]:
            for i in range(count - 1, -1, -1):
                covered = True
                for column in range(table.shape[1]):
                    if table[out[i], column] > table[row, column]:
                        covered = False
                        break
                if covered:
                    break
        if not covered:
            out[count] = row
            count += 1
    return count


@kernel
def fold_cost(steps, load, fold):
    """Cycles of a fold that streams `steps` steps past stationary operands which take `load` cycles to come in."""
    return max(steps, load) + fold.overhead if fold.hidden > 0.0 else steps + load + fold.overhead


@kernel
def fill_folds(steps, fold, out):
    """Fill out with the cycles of folds that stream so many steps; both flat."""
    for i in range(steps.shape[0]):
        out[i] = fold_cost(steps[i], fold.load, fold)


@kernel
def pixel_rows(axes, array, out):
    """Fill the table of all pixel tiles n x p x q, and what stands beside it. axes: `PixelAxes`, array: `PixelUnits`, out:
    `PixelTiles`.
    """
    extents, rows, columns = axes.extents, axes.rows, axes.columns
    table, cost = out.table, out.cost
    images = extents[SIZE_N]
    base_n, trips_n = 0, 0
    for i in range(axes.n.shape[0]):
        n = axes.n[i]
        if (images + n - 1) // n != trips_n:
            base_n, trips_n = i, (images + n - 1) // n
        base_p, trips_p = 0, 0
        for j in range(axes.p.shape[0]):
            p = axes.p[j]
            if (extents[SIZE_P] + p - 1) // p != trips_p:
                base_p, trips_p = j, (extents[SIZE_P] + p - 1) // p
            base_q, trips_q = 0, 0
            for k in range(axes.q.shape[0]):
                q = axes.q[k]
                if (extents[SIZE_Q] + q - 1) // q != trips_q:
                    base_q, trips_q = k, (extents[SIZE_Q] + q - 1) // q
                row = (i * axes.p.shape[0] + j) * axes.q.shape[0] + k
                out.sizes[row, SIZE_N], out.sizes[row, SIZE_P], out.sizes[row, SIZE_Q] = n, p, q
                out.base[row] = (base_n * axes.p.shape[0] + base_p) * axes.q.shape[0] + base_q
                table[row, WINDOW] = n * rows[j, MOST_ROWS] * columns[k, MOST_ROWS]
                table[row, PIXELS] = n * p * q
                table[row, TRIPS_N], table[row, TRIPS_P], table[row, TRIPS_Q] = trips_n, trips_p, trips_q
                table[row, INPUTS] = images * rows[j, ALL_ROWS] * columns[k, ALL_ROWS]
                table[row, INPUTS_BY_P] = images * rows[j, FRESH_ROWS] * columns[k, ALL_ROWS]
                table[row, INPUTS_BY_Q] = images * rows[j, ALL_ROWS] * columns[k, FRESH_ROWS]
                cost[row, COST_WINDOW], cost[row, COST_PIXELS] = table[row, WINDOW], table[row, PIXELS]
                cost[row, COST_TRIPS], cost[row, COST_INPUTS] = trips_of(table, row), table[row, INPUTS]
                cost[row, COST_SHARED] = min(table[row, INPUTS_BY_P], table[row, INPUTS_BY_Q])
                tile_steps(extents, array, out.sizes, table, row)


@kernel
def tile_steps(extents, array, sizes, table, row):
    """Array steps and folds of a row of a pixel table, summed over the tiles, ragged ones included, for every unrolling."""
    units, fold = array.units, array.fold
    for u in range(units.shape[0]):
        steps, folds = 0.0, 0.0
        for corner in range(8):
            times, items, pixels, p, q = 1.0, 1.0, 1, 1, 1
            for axis in range(3):
                size, trips = sizes[row, axis], table[row, TRIPS_N + axis]
                if (corner >> (2 - axis)) & 1:  # the last tile
                    size = extents[axis] - (int(trips) - 1) * size
                else:
                    times *= trips - 1.0
                if axis == SIZE_N:
                    items = float((size + units[u, UNIT_N] - 1) // units[u, UNIT_N])
                elif axis == SIZE_P:
                    p = size
                else:
                    q = size
            if times == 0.0:
                continue
            if array.flat:
                pixels = (p * q + units[u, UNIT_FLAT] - 1) // units[u, UNIT_FLAT]
                one = items * pixels
            else:
                one = items * ((p + units[u, UNIT_P] - 1) // units[u, UNIT_P])
                one = one * ((q + units[u, UNIT_Q] - 1) // units[u, UNIT_Q])
            steps += times * one
            if array.folds:
                folds += times * fold_cost(one, array.loads[u], fold)
        table[row, PIXEL_STEPS + EACH * u], table[row, PIXEL_FOLDS + EACH * u] = steps, folds if array.folds else steps


def folds_of(steps: Floats, fold: Fold) -> Floats:
    """Cycles of folds that stream so many steps (`fold_cost`); an array of the same form."""
    out = np.empty(steps.size)
    fill_folds(np.ascontiguousarray(steps, dtype=np.float64).ravel(), fold, out)
    return out.reshape(steps.shape)
