"""Unrollings: how many indices of each loop run in one cycle on rows, columns and arrays.

Loops are numbered: groups 0, batch 1, out_channels 2, in_channels 3, out_height 4, out_width 5, kernel_height 6,
kernel_width 7, and flattened reduction 8 and pixels 9.
"""

from .jit import kernel

LOOPS = 10


@kernel
def useful(extent, factor):
    """Smallest factor that needs as few steps as `factor`."""
    steps = (extent + factor - 1) // factor
    return (extent + steps - 1) // steps


@kernel
def next_factor(extent, factor):
    """Smallest factor that needs fewer steps than `factor`; extent + 1 when there is none."""
    steps = (extent + factor - 1) // factor
    if steps == 1:
        return extent + 1
    return (extent + steps - 2) // (steps - 1)


@kernel
def factor_tuples(extents, length, out):
    """Tuples of factors, one a loop, whose product is at most `length`; the last loop takes the most that helps.

    extents: int64[loops]. out: int64[rows, loops]. Returns how many (the room is checked by the caller's bound).
    """
    loops = extents.shape[0]
    count = 0
    last = out.shape[0] - 1  # the tuple being counted up
    for i in range(loops):
        out[last, i] = 1
    while count < last:
        room = length
        for i in range(loops - 1):
            room //= out[last, i]
        out[last, loops - 1] = useful(extents[loops - 1], min(room, extents[loops - 1]))
        for i in range(loops):
            out[count, i] = out[last, i]
        count += 1
        at = loops - 2
        while at >= 0:
            product = 1
            for i in range(at):
                product *= out[last, i]
            out[last, at] = next_factor(extents[at], out[last, at])
            if out[last, at] <= extents[at] and product * out[last, at] <= length:
                break
            out[last, at] = 1
            at -= 1
        if at < 0:
            return count
    return count


@kernel
def layer_costs(extents, unrolls, on_count, flat_reduction, flat_pixels, multicast, costs):
    """Per unrolling: steps, passes of inputs, of weights, of partial outputs, and weight loads of the whole layer.

    extents: int64[8]. unrolls: int64[rows, 10], all axes together; on_count: the part of it that is spread over arrays.
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
        copies_in, copies_wt = 1.0, 1.0
        if not multicast:
            copies_in = float(on_count[row, 2])
            copies_wt = float(on_count[row, 1] * on_count[row, 4] * on_count[row, 5] * on_count[row, 9])
        costs[row, 0] = steps_g * steps_n * steps_k * steps_c * steps_p
        costs[row, 1] = steps_k * copies_in
        costs[row, 2] = steps_n * steps_p * copies_wt
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
