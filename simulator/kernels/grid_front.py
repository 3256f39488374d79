"""Rows that no earlier row is as good as in every column: block by block, since few blocks can hold one that is."""

import numpy as np

from .grid_layout import Bools, Floats, Ints
from .jit import kernel

BLOCK = 16
"""Rows whose least values are kept together."""


def blocks_of(rows: int) -> int:
    """How many blocks of bounds so many rows need."""
    return -(-rows // BLOCK)


@kernel
def is_no_worse(one, i, other, j, columns):
    """Whether row i of one table is as good as row j of another in its first columns."""
    no_worse, column = True, 0
    while no_worse and column < columns:
        no_worse = one[i, column] <= other[j, column]
        column += 1
    return no_worse


@kernel
def is_covered(rows, bounds, base, at, columns):
    """Whether one of the rows base to at - 1 is as good as row `at` in its first columns. bounds: see `widen_bounds`."""
    for block in range((at - base - 1) // BLOCK, -1, -1):
        if is_no_worse(bounds, block, rows, at, columns):
            begin = base + block * BLOCK
            for i in range(min(begin + BLOCK, at) - 1, begin - 1, -1):
                if is_no_worse(rows, i, rows, at, columns):
                    return True
    return False


@kernel
def widen_bounds(rows, bounds, base, at):
    """Note row `at`, the last of those from `base` on, in the least values of its block, a row each."""
    block = (at - base) // BLOCK
    first = (at - base) % BLOCK == 0
    for column in range(bounds.shape[1]):
        bounds[block, column] = rows[at, column] if first else min(bounds[block, column], rows[at, column])


@kernel
def keep_front(table, whole, kept, bounds, out):
    """Places of the rows of `table` that no earlier row is as good as in every column, and of those marked whole, into out.

    kept: scratch, with room for all rows. Returns how many.
    """
    count, columns = 0, table.shape[1]
    for row in range(len(table)):
        for column in range(columns):
            kept[count, column] = table[row, column]
        if whole[row] or not is_covered(kept, bounds, 0, count, columns):
            widen_bounds(kept, bounds, 0, count)
            out[count] = row
            count += 1
    return count


def front_of(table: Floats, whole: Bools | None = None) -> Ints:
    """Places of the rows that no earlier row is as good as in every column, and of those marked whole.

    table: float64[rows, columns].
    """
    rows, columns = table.shape
    marked = np.zeros(rows, dtype=np.bool_) if whole is None else whole
    out = np.empty(rows, dtype=np.int64)
    count = keep_front(
        np.ascontiguousarray(table), marked, np.empty((rows, columns)), np.empty((blocks_of(rows), columns)), out
    )
    return out[:count]
