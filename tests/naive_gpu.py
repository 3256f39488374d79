"""The slow twin of `simulator.blocks`: hands thread blocks to multiprocessors one by one and walks their rounds."""

import itertools

BLOCKS = [(256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64)]
REGISTERS = 131_072
STEP_BYTES, STEP_CYCLES, START_CYCLES, SHARE, CACHE = 64, 800, 3000, 0.8, 0.7


def walk(extents, width, out_width, chip, block, parts):
    """(on-chip cycles, feed bytes) of one choice; None where a part of the reduction would be empty.

    extents: G N K C P Q R S. chip: multiprocessors, MACs a cycle of one, bytes a cycle of link and cache.
    """
    g, n, k, c, p, q, r, s = extents
    count, macs, link, port = chip
    pieces = []
    reduction, size = c * r * s, -(-(c * r * s) // parts)
    step = STEP_BYTES // width
    size = -(-size // step) * step  # whole steps
    for part in range(parts):
        if part * size >= reduction:
            return None
        pieces.append(size // step)
    own = [[] for _ in range(count)]
    feed = 0
    rows, columns = range(0, n * p * q, block[0]), range(0, k, block[1])
    for turn, (_, _, _, steps) in enumerate(itertools.product(range(g), rows, columns, pieces)):
        own[turn % count].append(steps)
        feed += (block[0] + block[1]) * steps * STEP_BYTES
    outputs = g * n * p * q * k
    feed += outputs * out_width if parts == 1 else 8 * parts * outputs
    together = max(1, REGISTERS // (block[0] * block[1] * 4))
    longest = 0.0
    for blocks in own:
        time = 0.0
        for first in range(0, len(blocks), together):
            beside = blocks[first : first + together]
            busy = sum(block[0] * block[1] * steps * step / (macs * SHARE) for steps in beside)
            time += max(busy, max(beside) * STEP_CYCLES) + START_CYCLES
        longest = max(longest, time)
    return max(longest, feed / (link * CACHE), feed / (port * CACHE)), feed


def best(extents, width, out_width, chip, lanes, plane):
    """(fewest cycles, least feed of these) over the whole list."""
    found = []
    for block in BLOCKS:
        for parts in (1, 2, 4):
            one = walk(extents, width, out_width, chip, block, parts)
            if one is not None:
                found.append(one)
    g, n, k, c, p, q, r, s = extents
    if c == k == 1 or n == p == q == 1:
        feed = g * (n * c * plane[0] * plane[1] + k * c * r * s) * width + g * n * p * q * k * out_width
        macs = g * n * p * q * k * c * r * s
        cycles = max(macs / lanes, macs / (chip[0] * chip[1])) + START_CYCLES
        found.append((max(cycles, feed / (chip[2] * CACHE), feed / (chip[3] * CACHE)), feed))
    return min(found)
