"""Unrollings: how many indices of each loop run in one cycle on rows, columns and arrays."""

from .array_steps import loop_steps
from .grid_layout import COPIES_IN, COPIES_WEIGHTS
from .jit import kernel

LAYER_STEPS, INPUT_PASSES, WEIGHT_PASSES, PARTIAL_PASSES, WEIGHT_LOADS = range(5)
"""Columns of what an unrolling costs a layer as a whole."""


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
    loops = extents.shape[0]
    count = 0
    last = out.shape[0] - 1  # the tuple being counted up
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
def layer_costs(extents, unrolls, copies, flat_reduction, flat_pixels, costs):
    """Per unrolling: steps, passes of inputs, of weights, of partial outputs, and weight loads of the whole layer.

    extents: int64[10] and unrolls: int64[rows, 10], of the loops of `kernels.array_steps`, all axes together; copies:
    float64[rows, 2]. costs: float64[rows, 5], see its columns.
    """
    for row in range(unrolls.shape[0]):
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
