"""Unrollings: how many indices of each loop run in one cycle on rows, columns and arrays.

Loops are numbered: groups 0, batch 1, out_channels 2, in_channels 3, out_height 4, out_width 5, kernel_height 6,
kernel_width 7, and flattened reduction 8 and pixels 9.
"""

from .jit import kernel

LOOPS = 10


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

    extents: int64[8]. unrolls: int64[rows, 10], all axes together; copies: float64[rows, 2], of inputs and of weights.
    costs: float64[rows, 5].
    """
    reduction = extents[3] * extents[6] * extents[7]
    for row in range(unrolls.shape[0]):
        steps_g = float((extents[0] + unrolls[row, 0] - 1) // unrolls[row, 0])
        steps_n = float((extents[1] + unrolls[row, 1] - 1) // unrolls[row, 1])
        steps_k = float((extents[2] + unrolls[row, 2] - 1) // unrolls[row, 2])
        if flat_reduction:
            steps_c = float((reduction + unrolls[row, 8] - 1) // unrolls[row, 8])
        else:
            steps_c = float((extents[3] + unrolls[row, 3] - 1) // unrolls[row, 3])
            steps_c *= float((extents[6] + unrolls[row, 6] - 1) // unrolls[row, 6])
            steps_c *= float((extents[7] + unrolls[row, 7] - 1) // unrolls[row, 7])
        if flat_pixels:
            steps_p = float((extents[4] * extents[5] + unrolls[row, 9] - 1) // unrolls[row, 9])
        else:
            steps_p = float((extents[4] + unrolls[row, 4] - 1) // unrolls[row, 4])
            steps_p *= float((extents[5] + unrolls[row, 5] - 1) // unrolls[row, 5])
        costs[row, 0] = steps_g * steps_n * steps_k * steps_c * steps_p
        costs[row, 1] = steps_k * copies[row, 0]
        costs[row, 2] = steps_n * steps_p * copies[row, 1]
        costs[row, 3] = steps_c
        costs[row, 4] = steps_g * steps_k * steps_c


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
