"""Unrollings: how many indices of each loop run in one cycle on rows, columns and arrays."""

from typing import NamedTuple

from .array_steps import GROUPS, KERNEL_HEIGHT, loop_steps
from .grid_layout import COPIES_IN, COPIES_WEIGHTS, Ints
from .jit import kernel

LAYER_STEPS, INPUT_PASSES, WEIGHT_PASSES, PARTIAL_PASSES, WEIGHT_LOADS = range(5)
"""Columns of what an unrolling costs a layer as a whole."""

MOST_TUPLES = 4096
"""Of an axis; further ones are not looked at."""

TUPLES, ON_COLUMNS, ON_ARRAYS, ONE_EACH = range(4)
SCRATCH = 4
"""Parts of the scratch, int64[SCRATCH, MOST_TUPLES + 1, loops]: tuples of one axis, factors over columns and over arrays, and
the rows below."""

MOST, AFTER_ROWS, AFTER_COLUMNS = range(3)
"""Rows of the last part: factors of an axis at most, and extents in blocks of what is taken already."""


class Axis(NamedTuple):
    """One axis of the array: how long it is and what may be spread over it."""

    loops: Ints
    """Loops in the order of the chip file, and how much of each at most (0: as much as there is room for)."""
    most: Ints
    length: int
    every: bool
    """Whether all tuples are of use, not only those that no other exceeds."""
    tall: bool
    """Whether only those are of use that spread as many kernel rows as any."""


@kernel
def next_factor(extent, room, factor):
    """Next larger factor of a loop with `room` units for it and the loops behind it; 0 when there is none.

    Of factors that leave those equally much, the largest: a smaller one has no fewer steps in any tile.
    """
    larger = factor + 1
    if larger > min(extent, room):
        return 0
    return min(extent, room // (room // larger))


@kernel
def factor_tuples(extents, length, every, out):
    """Tuples of factors, one a loop, whose product is at most `length`; all of them, or those that no other exceeds.

    extents: int64[loops]. every: whether all. out: int64[rows, loops]. Returns how many, at most one less than its rows; of
    those that are not all, a few may still be exceeded by others.
    """
    loops = len(extents)
    count = 0
    last = len(out) - 1  # the tuple being counted up
    for i in range(loops):
        out[last, i] = 1
    while True:
        room = length
        for i in range(loops - 1):
            room //= out[last, i]
        most = min(room, extents[loops - 1])
        for factor in range(1 if every else most, most + 1):
            if count == last:
                return count
            for i in range(loops - 1):
                out[count, i] = out[last, i]
            out[count, loops - 1] = factor
            count += 1
        at = loops - 2
        while at >= 0:
            room = length
            for i in range(at):
                room //= out[last, i]
            if every:
                factor = out[last, at] + 1 if out[last, at] < min(room, extents[at]) else 0
            else:
                factor = next_factor(extents[at], room, out[last, at])
            if factor > 0:
                out[last, at] = factor
                break
            out[last, at] = 1
            at -= 1
        if at < 0:
            return count


@kernel
def axis_factors(extents, axis, scratch, out):
    """Factors of all loops over one axis, int64[rows, loops] into out, with room for MOST_TUPLES.

    extents: int64[loops]. Returns how many.
    """
    count = len(axis.loops)
    if count == 0 or axis.length == 1:
        out[0] = 1
        return 1
    tuples, most = scratch[TUPLES], scratch[ONE_EACH, MOST]
    for i in range(count):
        extent = extents[axis.loops[i]]
        most[i] = min(extent, axis.most[i]) if axis.most[i] > 0 else extent
    found = factor_tuples(most[:count], axis.length, axis.every, tuples)
    for row in range(found):
        out[row] = 1
        for i in range(count):
            out[row, axis.loops[i]] = tuples[row, i]
    return keep_tallest(out, found) if axis.tall else found


@kernel
def keep_tallest(factors, count):
    """Move the rows that spread the most kernel rows to the front; returns how many they are."""
    most, kept = 0, 0
    for row in range(count):
        most = max(most, factors[row, KERNEL_HEIGHT])
    for row in range(count):
        if factors[row, KERNEL_HEIGHT] == most:
            for i in range(factors.shape[1]):
                factors[kept, i] = factors[row, i]
            kept += 1
    return kept


@kernel
def spread(extents, on_rows, columns, arrays, group_rows, scratch, factors, alone):
    """Factors over rows, columns and arrays together, none beyond its extent, and those over arrays alone.

    extents: int64[loops]. on_rows: int64[ways, loops], factors over the rows. columns, arrays: an Axis each. group_rows: rows
    that groups on the columns share, 0 if they need none of their own. factors, alone: int64[most, loops]; what they have no
    room for is counted only. Returns how many there are.
    """
    loops = len(extents)
    wide, deep = scratch[ON_COLUMNS], scratch[ON_ARRAYS]
    left, rest = scratch[ONE_EACH, AFTER_ROWS], scratch[ONE_EACH, AFTER_COLUMNS]
    found = 0
    for row in range(len(on_rows)):
        used = 1
        for i in range(loops):
            left[i] = -(-extents[i] // on_rows[row, i])
            used *= on_rows[row, i]
        groups = left[GROUPS]
        if group_rows > 0:
            left[GROUPS] = min(groups, max(1, group_rows // used))
        ways = axis_factors(left, columns, scratch, wide)
        left[GROUPS] = groups
        for way in range(ways):
            for i in range(loops):
                rest[i] = -(-left[i] // wide[way, i])
            for at in range(axis_factors(rest, arrays, scratch, deep)):
                if found < len(factors):
                    for i in range(loops):
                        factors[found, i] = min(on_rows[row, i] * wide[way, i] * deep[at, i], extents[i])
                        alone[found, i] = deep[at, i]
                found += 1
    return found


@kernel
def layer_costs(extents, unrolls, copies, flat_reduction, flat_pixels, costs):
    """Per unrolling: steps, passes of inputs, of weights, of partial outputs, and weight loads of the whole layer.

    extents: int64[10] and unrolls: int64[rows, 10], of the loops of `kernels.array_steps`, all axes together; copies:
    float64[rows, 2]. costs: float64[rows, 5], see its columns.
    """
    for row in range(len(unrolls)):
        groups, batch, channels, reduction, pixels = loop_steps(extents, unrolls[row], flat_reduction, flat_pixels)
        costs[row, LAYER_STEPS] = groups * batch * channels * reduction * pixels
        costs[row, INPUT_PASSES] = channels * copies[row, COPIES_IN]
        costs[row, WEIGHT_PASSES] = batch * pixels * copies[row, COPIES_WEIGHTS]
        costs[row, PARTIAL_PASSES] = reduction
        costs[row, WEIGHT_LOADS] = groups * channels * reduction


@kernel
def keep_unrollings(costs, keep):
    """Mark the rows that no other beats in all costs (of equal rows the first). Returns how many."""
    rows, columns = costs.shape
    count = 0
    for row in range(rows):
        covered = False
        for other in range(rows):
            if other == row:
                continue
            worse, better = False, False
            for column in range(columns):
                worse = worse or costs[other, column] > costs[row, column]
                better = better or costs[other, column] < costs[row, column]
            if not worse and (better or other < row):
                covered = True
                break
        keep[row] = not covered
        count += 1 if keep[row] else 0
    return count
