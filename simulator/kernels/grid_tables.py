"""Parts of the candidate tables that need loops: input rows that tiles touch, and rows of a table that no other
beats.
"""

from .jit import kernel


@kernel
def touched(extent, sizes, stride, dilation, kernel_extent, pad, plane, stamp, out):
    """Input rows that tiles of some output rows touch; the same for columns.

    out[i] for sizes[i]: [most rows of one tile, sum over tiles, sum over tiles of rows that the tile before did not
    hold]. stamp: int64[plane], scratch. Rows in the padding are not touched, rows skipped by the stride neither.
    """
    for i in range(sizes.shape[0]):
        for at in range(plane):
            stamp[at] = -2
        most, total, fresh = 0, 0, 0
        size = sizes[i]
        for tile in range((extent + size - 1) // size):
            rows, new = 0, 0
            for o in range(tile * size, min(extent, (tile + 1) * size)):
                for r in range(kernel_extent):
                    at = o * stride + r * dilation - pad
                    if at < 0 or at >= plane or stamp[at] == tile:
                        continue
                    rows += 1
                    if stamp[at] != tile - 1:
                        new += 1
                    stamp[at] = tile
            most = max(most, rows)
            total += rows
            fresh += new
        out[i, 0], out[i, 1], out[i, 2] = most, total, fresh


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
    """Cycles of a fold that streams `steps` steps, as `folds.stream`. fold: (load, overhead, hidden)."""
    return max(steps, load) + fold[1] if fold[2] > 0.0 else steps + load + fold[1]


@kernel
def pixel_rows(extents, sizes, counts, windows, units, loads, fold, table, tiles, base, cost):
    """Fill the table of all pixel tiles n x p x q (see `candidates`), their sizes, and for each the row of the smallest tile
    with the same trips.

    extents: N P Q. sizes: int64[3, most], rising, `counts` of each. windows: float64[2, most, 3] of the sizes of P and of Q.
    units: int64[unrollings, 4], n p q and flat pixels. loads: float64[unrollings], of a set. fold: load, overhead, hidden, and
    whether there are folds. cost: float64[rows, 5], what of a tile its bytes and footprint depend on.
    """
    row, flat = 0, True
    for u in range(units.shape[0]):
        flat = flat and units[u, 3] > 0
    base_n, trips_n = 0, 0
    for i in range(counts[0]):
        n = sizes[0, i]
        if (extents[0] + n - 1) // n != trips_n:
            base_n, trips_n = i, (extents[0] + n - 1) // n
        base_p, trips_p = 0, 0
        for j in range(counts[1]):
            p = sizes[1, j]
            if (extents[1] + p - 1) // p != trips_p:
                base_p, trips_p = j, (extents[1] + p - 1) // p
            base_q, trips_q = 0, 0
            for k in range(counts[2]):
                q = sizes[2, k]
                if (extents[2] + q - 1) // q != trips_q:
                    base_q, trips_q = k, (extents[2] + q - 1) // q
                tiles[row, 0], tiles[row, 1], tiles[row, 2] = n, p, q
                base[row] = (base_n * counts[1] + base_p) * counts[2] + base_q
                table[row, 0] = n * windows[0, j, 0] * windows[1, k, 0]
                table[row, 1] = n * p * q
                table[row, 2], table[row, 3], table[row, 4] = trips_n, trips_p, trips_q
                table[row, 5] = extents[0] * windows[0, j, 1] * windows[1, k, 1]
                table[row, 6] = extents[0] * windows[0, j, 2] * windows[1, k, 1]
                table[row, 7] = extents[0] * windows[0, j, 1] * windows[1, k, 2]
                cost[row, 0], cost[row, 1], cost[row, 3] = table[row, 0], table[row, 1], table[row, 5]
                cost[row, 2] = table[row, 2] * table[row, 3] * table[row, 4]
                cost[row, 4] = min(table[row, 6], table[row, 7])
                tile_steps(extents, tiles, row, units, loads, fold, flat, table)
                row += 1


@kernel
def tile_steps(extents, tiles, row, units, loads, fold, flat, table):
    """Array steps and folds of a row of a pixel table, summed over the tiles, ragged ones included, for every unrolling."""
    for u in range(units.shape[0]):
        steps, folds = 0.0, 0.0
        for corner in range(8):
            times, items, pixels, p, q = 1.0, 1.0, 1, 1, 1
            for axis in range(3):
                size, trips = tiles[row, axis], table[row, 2 + axis]
                if (corner >> (2 - axis)) & 1:  # the last tile
                    size = extents[axis] - (int(trips) - 1) * size
                else:
                    times *= trips - 1.0
                if axis == 0:
                    items = float((size + units[u, 0] - 1) // units[u, 0])
                elif axis == 1:
                    p = size
                else:
                    q = size
            if times == 0.0:
                continue
            if flat:
                pixels = (p * q + units[u, 3] - 1) // units[u, 3]
                one = items * pixels
            else:
                one = items * ((p + units[u, 1] - 1) // units[u, 1]) * ((q + units[u, 2] - 1) // units[u, 2])
            steps += times * one
            if fold[3] > 0.0:
                folds += times * fold_cost(one, loads[u], fold)
        table[row, 8 + 2 * u], table[row, 9 + 2 * u] = steps, folds if fold[3] > 0.0 else steps
