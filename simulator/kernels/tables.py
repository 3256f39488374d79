"""Candidate tiles: one table a loop axis, one table for the pixel tile, with what each candidate costs.

A row of an axis table is (size, trips, then for each unrolling: steps, fold); of the pixel table (window, pixels,
trips of N, P, Q, input elements without sharing, shared along P, shared along Q, then steps and fold an unrolling).
"Steps" are array steps summed over the ragged tiles; "fold" is the same sum where the stationary operand makes this axis
the one that streams through the array, with what every fold costs on top (`stream_cost`); elsewhere it equals the steps.
"""

from .jit import kernel

AXIS_FIXED = 2
PIXEL_FIXED = 8


@kernel
def stream_cost(steps, load, overhead, hidden, longest):
    """Cycles of one fold that streams `steps` steps past stationary operands.

    `load` cycles bring the stationary operand in, hidden behind streaming where the array holds two sets; `overhead`
    fills and drains a systolic array; accumulators hold `longest` steps, a longer stream is cut and starts again.
    """
    pieces = 1.0
    if longest > 0 and steps > longest:
        pieces = float((steps + longest - 1) // longest)
    if hidden:
        piece = steps / pieces
        return pieces * (max(piece, load) + overhead)
    return steps + pieces * (load + overhead)


@kernel
def axis_row(extent, size, inner, outer, units, streams, load, overhead, hidden, table, row):
    """Fill one row of an axis table; the arguments are those of `axis_table`."""
    trips = (extent + size - 1) // size
    ragged = extent - (trips - 1) * size
    table[row, 0], table[row, 1] = float(size), float(trips)
    for u in range(units.shape[0]):
        whole = float((size * inner + units[u] - 1) // units[u]) * outer[u]
        rest = float((ragged * inner + units[u] - 1) // units[u]) * outer[u]
        steps = (trips - 1) * whole + rest
        fold = steps
        if streams:
            fold = (trips - 1) * stream_cost(whole, load, overhead, hidden, 0)
            fold += stream_cost(rest, load, overhead, hidden, 0)
        table[row, AXIS_FIXED + 2 * u], table[row, AXIS_FIXED + 2 * u + 1] = steps, fold


@kernel
def axis_table(extent, inner, outer, units, streams, load, overhead, hidden, full, table):
    """Fill `table` for K or C; return the number of rows.

    extent: loop extent. inner: elements of the flattened extent per index (kernel elements for a flattened reduction, else 1).
    outer[u]: further steps per index (uncut kernel loops). units[u]: unrolling. streams: whether this axis streams.
    full: every tile at which trips or steps change; else only every tile at which trips change.
    """
    rows, last_trips = 0, 0
    for size in range(extent, 0, -1):
        trips = (extent + size - 1) // size
        # The smallest size of every trip count is always kept; a larger one only if it saves steps (checked below).
        smallest = size == (extent + trips - 1) // trips
        if not full and not smallest:
            continue
        axis_row(extent, size, inner, outer, units, streams, load, overhead, hidden, table, rows)
        # Going down in size: an earlier (larger) row of the same trips survives only where it saves steps.
        first = rows
        while first > 0 and table[first - 1, 1] == table[rows, 1]:
            first -= 1
        if last_trips == trips:
            kept = first
            for r in range(first, rows):
                better = False
                for column in range(AXIS_FIXED, table.shape[1]):
                    better = better or table[r, column] < table[rows, column]
                if better:
                    for column in range(table.shape[1]):
                        table[kept, column] = table[r, column]
                    kept += 1
            for column in range(table.shape[1]):
                table[kept, column] = table[rows, column]
            rows = kept
        last_trips = trips
        rows += 1
    return rows


@kernel
def touched(extent, size, stride, dilation, kernel_extent, pad, plane, stamp, out):
    """Input rows that tiles of `size` output rows touch; the same for columns.

    out: [most rows of one tile, sum over tiles, sum over tiles of rows that the tile before did not hold].
    stamp: int64[plane], scratch. Rows in the padding are not touched, rows skipped by the stride neither.
    """
    for i in range(plane):
        stamp[i] = -2
    most, total, fresh = 0, 0, 0
    trips = (extent + size - 1) // size
    for tile in range(trips):
        rows, new = 0, 0
        low = tile * size
        high = min(extent, low + size)
        for o in range(low, high):
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
    out[0], out[1], out[2] = float(most), float(total), float(fresh)


@kernel
def pixel_steps(n, p, q, un, up, uq, flat):
    """Array steps of one pixel tile: batch x rows x columns unrolled, or rows x columns flattened over `flat`."""
    items = float((n + un - 1) // un)
    if flat > 0:
        return items * float((p * q + flat - 1) // flat)
    return items * float((p + up - 1) // up) * float((q + uq - 1) // uq)


@kernel
def pixel_row(n, p, q, extents, units, windows_p, windows_q, streams, cost, longest, table, row):
    """Fill one row of the pixel table. extents: [N, P, Q]; units[u]: [n, p, q, flat]; windows: rows of `touched` by size."""
    tn = (extents[0] + n - 1) // n
    tp = (extents[1] + p - 1) // p
    tq = (extents[2] + q - 1) // q
    table[row, 0] = n * windows_p[p, 0] * windows_q[q, 0]
    table[row, 1] = float(n) * p * q
    table[row, 2], table[row, 3], table[row, 4] = float(tn), float(tp), float(tq)
    table[row, 5] = extents[0] * windows_p[p, 1] * windows_q[q, 1]
    table[row, 6] = extents[0] * windows_p[p, 2] * windows_q[q, 1]
    table[row, 7] = extents[0] * windows_p[p, 1] * windows_q[q, 2]
    rn, rp, rq = extents[0] - (tn - 1) * n, extents[1] - (tp - 1) * p, extents[2] - (tq - 1) * q
    for u in range(units.shape[0]):
        steps, fold = 0.0, 0.0
        for corner in range(8):
            a, b, c = n, p, q
            times = 1.0
            if corner & 1:
                a = rn
            else:
                times *= tn - 1
            if corner & 2:
                b = rp
            else:
                times *= tp - 1
            if corner & 4:
                c = rq
            else:
                times *= tq - 1
            if times == 0.0:
                continue
            one = pixel_steps(a, b, c, units[u, 0], units[u, 1], units[u, 2], units[u, 3])
            steps += times * one
            if streams:
                fold += times * stream_cost(one, cost[0], cost[1], cost[2] > 0.0, longest[u])
        table[row, PIXEL_FIXED + 2 * u] = steps
        table[row, PIXEL_FIXED + 2 * u + 1] = fold if streams else steps


@kernel
def sizes(extent, every, out):
    """Tile sizes to try for one axis: the smallest of every trip count, or every integer. Returns how many."""
    count = 0
    for size in range(extent, 0, -1):
        trips = (extent + size - 1) // size
        if every or size == (extent + trips - 1) // trips:
            out[count] = size
            count += 1
    return count


@kernel
def dominated(table, row, other, columns):
    """Whether `other` is no worse than `row` in every column and cuts the same of N, P and Q."""
    for t in range(2, 5):
        if (table[row, t] == 1.0) != (table[other, t] == 1.0):
            return False
    for column in range(columns):
        if table[other, column] > table[row, column]:
            return False
    return True


@kernel
def pixel_table(extents, geometry, units, streams, cost, longest, every, scratch, tiles, table):
    """Fill the pixel table; return the number of rows.

    extents: int64[3] N, P, Q. geometry: int64[2, 6] per axis (extent, stride, dilation, kernel, pad, plane).
    every: int64[3], whether every integer tile of N, P, Q is tried (where it is unrolled). tiles: int64[rows, 3] n, p, q.
    scratch: (stamp, windows of P, windows of Q, sizes of N, P, Q).
    """
    stamp, windows_p, windows_q, size_n, size_p, size_q = scratch
    count_n = sizes(extents[0], every[0], size_n)
    count_p = sizes(extents[1], every[1], size_p)
    count_q = sizes(extents[2], every[2], size_q)
    one = table[0]
    for i in range(count_p):
        g = geometry[0]
        touched(g[0], size_p[i], g[1], g[2], g[3], g[4], g[5], stamp, windows_p[size_p[i]])
    for i in range(count_q):
        g = geometry[1]
        touched(g[0], size_q[i], g[1], g[2], g[3], g[4], g[5], stamp, windows_q[size_q[i]])
    rows, columns = 0, one.shape[0]
    for i in range(count_n):
        for j in range(count_p):
            for k in range(count_q):
                n, p, q = size_n[i], size_p[j], size_q[k]
                pixel_row(n, p, q, extents, units, windows_p, windows_q, streams, cost, longest, table, rows)
                covered = False
                for other in range(rows - 1, -1, -1):
                    if dominated(table, rows, other, columns):
                        covered = True
                        break
                if covered:
                    continue
                kept = 0
                for other in range(rows):
                    if dominated(table, other, rows, columns):
                        continue
                    if kept < other:
                        for column in range(columns):
                            table[kept, column] = table[other, column]
                        for column in range(3):
                            tiles[kept, column] = tiles[other, column]
                    kept += 1
                if kept < rows:
                    for column in range(columns):
                        table[kept, column] = table[rows, column]
                tiles[kept, 0], tiles[kept, 1], tiles[kept, 2] = n, p, q
                rows = kept + 1
    return rows
