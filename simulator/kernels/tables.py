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
