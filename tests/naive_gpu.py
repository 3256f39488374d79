"""The slow twin of `simulator.frontier.sm`: hands thread blocks to multiprocessors one by one and walks their rounds."""

import itertools
import math

BLOCKS = [(256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64)]
FURTHER = [
    (128, 192), (192, 128), (192, 192), (320, 128), (128, 320), (64, 192), (192, 64), (384, 64), (64, 384), (64, 320), (320, 64),
]  # fmt: skip
REGISTERS = 131_072
STEP_BYTES, STEP_CYCLES, ROUND_CYCLES, CACHE, LANES = 64, 300, 3500, 0.75, 0.35
SOFTMAX = {1: 20, 2: 17}  # by bytes of a score behind it
SHARE = {False: 0.7, True: 0.9}  # by whether copies to the shared memory pass no registers
KERNEL_CYCLES = {False: 10_000, True: 0}
AHEAD_CYCLES, SPLIT_CYCLES = 75, 5000  # where products run asynchronously; where copies pass no registers


def walk(extents, width, out_width, chip, block, parts, free=False, ahead=False, cluster=(1, 1), weights=None):
    """(on-chip cycles, feed bytes) of one choice; None where a part of the reduction would be empty.

    extents: G N K C P Q R S. chip: multiprocessors, MACs a cycle of one, bytes a cycle of link and cache. free: copies to
    the shared memory pass no registers. ahead: products run asynchronously. cluster: blocks along rows and along columns that
    fetch together. weights: bytes of one, and cycles of the lanes of a multiprocessor to widen it, where they are narrower.
    """
    narrow, widening = weights or (width, 0.0)
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
    feed, turn = 0.0, 0
    high, wide = cluster
    rows, columns = range(0, n * p * q, block[0] * high), range(0, k, block[1] * wide)
    for _, _, _, steps in itertools.product(range(g), rows, columns, pieces):
        for _ in range(high * wide):
            own[turn % count].append(steps)
            turn += 1
        # Each row and column of the cluster once, and as wide as they are stored.
        feed += high * block[0] * steps * STEP_BYTES + wide * block[1] * steps * step * narrow
    outputs = g * n * p * q * k
    feed += outputs * out_width if parts == 1 else 8 * parts * outputs
    together = max(1, REGISTERS // (block[0] * block[1] * 4))
    rate = macs * (1.0 if ahead else SHARE[free])
    longest = 0.0
    for blocks in own:
        time = 0.0
        for first in range(0, len(blocks), together):
            beside = blocks[first : first + together]
            busy = sum(block[0] * block[1] * steps * step / rate for steps in beside)
            busy += sum(block[1] * steps * step * widening for steps in beside)
            time += max(busy, max(beside) * (AHEAD_CYCLES if ahead else STEP_CYCLES)) + ROUND_CYCLES
        longest = max(longest, time)
    longest += KERNEL_CYCLES[free]
    if free and parts > 1:
        longest += SPLIT_CYCLES
    return max(longest, feed / (link * CACHE), feed / (port * CACHE)), feed


def attention(extents, context, width, out_width, chip, lanes, free=False, ahead=False, weights=None):
    """(on-chip cycles, feed bytes) of softmax(Q K') V: heads as groups, queries as pixels, keys as output channels; weights: of
    `walk`, of keys and values.
    """
    narrow, widening = weights or (width, 0.0)
    g, n, k, c, p, q, _, _ = extents
    count, macs, link, port = chip
    queries = n * p * q
    if queries <= 16 and free:
        return decode(g, queries, k, c, context, (width, out_width, narrow, widening), chip)
    size = queries if queries <= 512 and c <= 64 else 128 if ahead else 64
    share = 1.0 if ahead else SHARE[free]
    own = [[] for _ in range(count)]
    feed = g * queries * k * out_width
    for turn, _ in enumerate(itertools.product(range(g), range(0, queries, size))):
        own[turn % count].append((size * k * c + size * k * context, size * k))
        feed += size * c * width + (k * c + k * context) * narrow  # queries, keys, values
    together = max(1, REGISTERS // (size * context * 4))
    longest = 0.0
    for blocks in own:
        time = 0.0
        for products, scores in blocks:
            two = products / (macs * share) + k * (c + context) * widening, scores * SOFTMAX[width] / (lanes / count)
            time += max(two) + (0.35 if ahead else 1.0) * min(two)
        longest = max(longest, time + sum(ROUND_CYCLES for _ in range(0, len(blocks), together)))
    return max(longest + KERNEL_CYCLES[free], feed / (link * CACHE), feed / (port * CACHE)), feed


def decode(heads, queries, keys, depth, context, widths, chip):
    """The same of few queries, after its start: parts of a head's keys, on two places of each multiprocessor in turn; one for
    several queries. Keys and values pass the cache while they come from the memory. widths: bytes of a query, of an output, of
    a key, and cycles to widen it.
    """
    width, out_width, narrow, widening = widths
    count, macs, link, port = chip
    places, parts = parts_of_keys(heads, queries, keys, count)
    longest = math.ceil(keys / parts)
    time, left = 0, heads * parts
    while left > 0:
        products = places * longest * (depth + context) * (16 / (macs * SHARE[True]) + widening)
        time += max(products, 5000 + 700 * math.ceil(longest / 64)) if products else 0
        left -= places * count
    ends = heads * (queries * depth * width + queries * keys * out_width)
    return max(time, ends / (link * CACHE), ends / (port * CACHE)), ends + heads * keys * (depth + context) * narrow


def parts_of_keys(heads, queries, keys, count):
    """Places of each multiprocessor, and parts of the keys of a head: as many as have a place, of 256 keys at least."""
    places, parts = 1 if queries > 1 and keys > 16 else 2, 1
    while heads * (parts + 1) <= places * count and parts * 256 < keys:
        parts += 1
    return places, parts


def start(heads, queries, keys, count, free):
    """Cycles before the keys come, and to add parts: of attention of few queries alone."""
    if queries > 16 or not free:
        return 0
    return 10_500 + (2000 if parts_of_keys(heads, queries, keys, count)[1] > 1 else 0)


def choices(free=False, ahead=False, cluster=1, few=False):
    """All blocks, parts and clusters; few: of many experts with few rows each, too."""
    blocks = BLOCKS + (FURTHER if ahead else []) + ([(16, columns) for columns in (64, 128, 256)] if few else [])
    splits, together = (1, 2, 4, 8, 16) if free else (1, 2, 4), {(1, 1), (cluster, 1), (1, cluster)}
    return list(itertools.product(blocks, splits, together))


def best(extents, width, out_width, chip, lanes, plane, free=False, ahead=False, cluster=1, weights=None):
    """(fewest cycles, least feed of these) over the whole list."""
    found = []
    for block, parts, together in choices(free, ahead, cluster):
        one = walk(extents, width, out_width, chip, block, parts, free, ahead, together, weights)
        if one is not None:
            found.append(one)
    g, n, k, c, p, q, r, s = extents
    if c == k == 1 or n == p == q == 1:
        narrow, widening = weights or (width, 0.0)
        feed = g * (n * c * plane[0] * plane[1] * width + k * c * r * s * narrow) + g * n * p * q * k * out_width
        macs = g * n * p * q * k * c * r * s
        busy = macs / (lanes * LANES) + g * k * c * r * s * widening / chip[0]
        cycles = max(busy, macs / (chip[0] * chip[1])) + ROUND_CYCLES + KERNEL_CYCLES[free]
        beside = feed - (
            g * k * c * r * s * narrow if n == p == q == 1 else 0
        )  # weights for one vector pass at the memory's pace
        found.append((max(cycles, beside / (chip[2] * CACHE), beside / (chip[3] * CACHE)), feed))
    return min(found)
