"""The frontier of one layer: every tiling that no other beats in SRAM footprint, outer-memory bytes and on-chip cycles.

`enumerate_tilings` walks the candidate tables of `tables.py` for five loop orders and at most one streamed operand, and
appends what the envelope does not already beat; `keep_best` makes the exact frontier from the sorted survivors.

Layout of `numbers` (float64): see the names below. `rules` (int64): feed rules of the stationarity and what the SRAM holds.
"""

import math

from .jit import kernel

# indices of `numbers`
IN_BYTES, WT_BYTES, OUT_BYTES, ACC_BYTES = 0, 1, 2, 3  # a byte width each; weights times kernel elements
ALL_INPUTS, ALL_WEIGHTS, ALL_OUTPUTS = 4, 5, 6  # bytes per input element of one plane, bytes, elements
BUFFERS, GRAIN_IN, GRAIN_WT, GRAIN_OUT, ACCUMULATORS = 7, 8, 9, 10, 11
LINK, PORT, FILL = 12, 13, 14  # bytes per cycle of interconnect and SRAM ports; cycles once a layer
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL, LEAST = 15, 16, 17, 18, 19
NUMBERS = 20
# indices of `rules`
FEED_IN_RULE, FEED_WT_RULE, FEED_OUT_RULE, HOLDS_IN, HOLDS_WT, HOLDS_OUT = 0, 1, 2, 3, 4, 5
LEVELS, BINS, PER_OCTAVE = 16, 1024, 16


@kernel
def loop_rules(position, n1, k1, c1, p1, q1):
    """What the loop order implies: (weights re-read over these loops, inputs over K, shared axis, outputs unfinished).

    position: int64[5], place of N, K, C, P, Q, outermost 0. n1..q1: whether the loop is trivial (one trip).
    First: bits 1, 2, 4 for N, P, Q loops outside the innermost non-trivial loop of the weights. Third: 0 none, 1 P, 2 Q.
    """
    last = -1
    if not k1:
        last = max(last, position[1])
    if not c1:
        last = max(last, position[2])
    again = 0
    if not n1 and position[0] < last:
        again |= 1
    if not p1 and position[3] < last:
        again |= 2
    if not q1 and position[4] < last:
        again |= 4
    inner, shared = -1, 0
    if not n1:
        inner = max(inner, position[0])
    if not c1:
        inner = max(inner, position[2])
    if not p1 and position[3] > inner:
        inner, shared = position[3], 1
    if not q1 and position[4] > inner:
        inner, shared = position[4], 2
    over_k = 1 if (not k1 and position[1] < inner) else 0
    done = -1
    if not n1:
        done = max(done, position[0])
    if not k1:
        done = max(done, position[1])
    if not p1:
        done = max(done, position[3])
    if not q1:
        done = max(done, position[4])
    partial = 1 if (not c1 and position[2] < done) else 0
    return again, over_k, shared, partial


@kernel
def weight_passes(pixel, row, again, streamed):
    """How often the weights pass: trips of N, P, Q in `again`, of all three when streamed."""
    passes = 1.0
    if streamed or again & 1:
        passes *= pixel[row, 2]
    if streamed or again & 2:
        passes *= pixel[row, 3]
    if streamed or again & 4:
        passes *= pixel[row, 4]
    return passes


@kernel
def on_chip_cycles(group, gr, pixel, pr, axis_k, kr, axis_c, cr, copies, numbers, rules, outer_bytes):
    """Cycles of the best unrolling: the largest of array, interconnect and SRAM ports. Returns (cycles, unrolling)."""
    best, which = math.inf, 0
    for u in range(copies.shape[0]):
        array = group[gr, 2 + 2 * u] * axis_k[kr, 3 + 2 * u] * axis_c[cr, 3 + 2 * u] * pixel[pr, 9 + 2 * u] + numbers[FILL]
        if array >= best:
            continue
        inputs = axis_k[kr, 2 + 2 * u] if rules[FEED_IN_RULE] == 0 else axis_k[kr, 1]
        inputs *= numbers[FEED_IN] * copies[u, 0]
        if rules[FEED_WT_RULE] == 0:
            weights = pixel[pr, 8 + 2 * u]
        else:
            weights = pixel[pr, 2] * pixel[pr, 3] * pixel[pr, 4]
        weights *= numbers[FEED_WT] * copies[u, 1]
        outputs = numbers[FEED_OUT]
        if rules[FEED_OUT_RULE] == 1:
            outputs += numbers[FEED_PARTIAL] * (axis_c[cr, 2 + 2 * u] - 1.0)
        elif rules[FEED_OUT_RULE] == 2:
            outputs += numbers[FEED_PARTIAL] * (axis_c[cr, 1] - 1.0)
        shared = inputs * rules[HOLDS_IN] + weights * rules[HOLDS_WT] + outputs * rules[HOLDS_OUT]
        cycles = max(array, max(shared / numbers[LINK], (shared + outer_bytes) / numbers[PORT]))
        if cycles < best:
            best, which = cycles, u
    return best, which


@kernel
def bin_of(footprint):
    """Index of the footprint's bin: 16 an octave, from below one byte up to 2**60."""
    if footprint < 1.0:
        return 0
    mantissa, exponent = math.frexp(footprint)
    return exponent * PER_OCTAVE + int((mantissa - 0.5) * 2 * PER_OCTAVE)


@kernel
def level_of(cycles, least):
    """Index of the coarsest envelope level at or above `cycles`, and of the finest at or below it (-1: none)."""
    excess = cycles / least - 1.0
    if excess <= 0.0:
        return 0, 0
    bound, level = 1.0 / 512.0, 1
    while level < LEVELS - 1 and excess > bound:
        bound *= 2.0
        level += 1
    return level, level - 1


@kernel
def beaten(envelope, level, place, outer_bytes):
    """Whether a kept tiling of a smaller bin has no more bytes and no more cycles than this level allows."""
    return place > 0 and envelope[level, place - 1] <= outer_bytes


@kernel
def remember(envelope, level, place, outer_bytes):
    """Lower the envelope at `level` and above for this bin and all larger ones."""
    for above in range(level, LEVELS):
        if envelope[above, place] <= outer_bytes:
            return
        for larger in range(place, BINS):
            if envelope[above, larger] <= outer_bytes:
                break
            envelope[above, larger] = outer_bytes


@kernel
def footprint_inputs(numbers, g, size_c, window, changes, stream, resident):
    """SRAM bytes of the inputs."""
    buffers = numbers[BUFFERS]
    if resident & 1:
        return 0.0
    if stream == 0:
        return numbers[GRAIN_IN] * buffers
    return numbers[IN_BYTES] * g * size_c * window * (buffers if changes else 1.0)


@kernel
def footprint_weights(numbers, g, size_k, size_c, changes, stream, resident):
    """SRAM bytes of the weights."""
    if resident & 2:
        return 0.0
    if stream == 1:
        return numbers[GRAIN_WT] * numbers[BUFFERS]
    return numbers[WT_BYTES] * g * size_k * size_c * (numbers[BUFFERS] if changes else 1.0)


@kernel
def footprint_outputs(numbers, g, size_k, pixels, changes, split, stream, resident):
    """SRAM bytes of the outputs: at accumulator width while C is cut, none where the accumulators hold them."""
    if stream == 2 and not resident & 4:
        return numbers[GRAIN_OUT] * numbers[BUFFERS]
    elements = g * size_k * pixels
    if split:
        held = elements * numbers[ACC_BYTES]
        if held <= numbers[ACCUMULATORS]:
            return 0.0
        if resident & 4:
            return held
        return held * (numbers[BUFFERS] if changes else 1.0)
    if resident & 4:
        return 0.0
    return elements * numbers[OUT_BYTES] * (numbers[BUFFERS] if changes else 1.0)


@kernel
def tiling_cost(group, gr, pixel, pr, axis_k, kr, axis_c, cr, position, stream, resident, numbers):
    """(footprint, outer-memory bytes) of one tiling; infinite bytes where resident outputs would leave unfinished."""
    g1, k1, c1 = group[gr, 1] == 1.0, axis_k[kr, 1] == 1.0, axis_c[cr, 1] == 1.0
    n1, p1, q1 = pixel[pr, 2] == 1.0, pixel[pr, 3] == 1.0, pixel[pr, 4] == 1.0
    again, over_k, shared, partial = loop_rules(position, n1, k1, c1, p1, q1)
    cut = not (n1 and p1 and q1 and g1)
    g, k, c = group[gr, 0], axis_k[kr, 0], axis_c[cr, 0]
    footprint = footprint_inputs(numbers, g, c, pixel[pr, 0], cut or not c1, stream, resident)
    footprint += footprint_weights(numbers, g, k, c, not (g1 and k1 and c1), stream, resident)
    footprint += footprint_outputs(numbers, g, k, pixel[pr, 1], cut or not k1, not c1, stream, resident)
    total = 0.0
    if not resident & 1:
        if stream == 0:
            total += numbers[ALL_INPUTS] * pixel[pr, 5] * axis_k[kr, 1]
        else:
            total += numbers[ALL_INPUTS] * pixel[pr, 5 + shared] * (axis_k[kr, 1] if over_k else 1.0)
    if not resident & 2:
        total += numbers[ALL_WEIGHTS] * weight_passes(pixel, pr, again, stream == 1)
    if resident & 4:
        if partial:
            total = math.inf
    else:
        total += numbers[ALL_OUTPUTS] * numbers[OUT_BYTES]
        if partial or stream == 2:
            total += numbers[ALL_OUTPUTS] * 2.0 * numbers[ACC_BYTES] * (axis_c[cr, 1] - 1.0)
    return footprint, total


@kernel
def offer(place, footprint, total, cycles, code, envelope, level, found, codes, count):
    """Append a tiling to the survivors and lower the envelope. Returns the new count."""
    remember(envelope, level, place, total)
    if count < found.shape[0]:
        found[count, 0], found[count, 1], found[count, 2] = footprint, total, cycles
        codes[count] = code
    return count + 1


@kernel
def pixel_list(pixel, rows, columns, position, k1, c1, flags, out):
    """Pixel tiles that no other beats for this loop order.

    flags: whether these matter: window, pixels, weight passes (1 by order, 2 streamed), inputs (1 shared by order,
    2 streamed), trips in the feed. Steps and folds always matter. Returns how many rows were written to `out`.
    """
    count = 0
    for row in range(rows - 1, -1, -1):
        n1, p1, q1 = pixel[row, 2] == 1.0, pixel[row, 3] == 1.0, pixel[row, 4] == 1.0
        again, _, shared, _ = loop_rules(position, n1, k1, c1, p1, q1)
        passes = weight_passes(pixel, row, again, flags[2] == 2)
        trips = pixel[row, 2] * pixel[row, 3] * pixel[row, 4]
        inputs = pixel[row, 5 + shared] if flags[3] == 1 else pixel[row, 5]
        covered = False
        for i in range(count):
            at = out[i]
            if (pixel[at, 2] == 1.0) != n1 or (pixel[at, 3] == 1.0) != p1 or (pixel[at, 4] == 1.0) != q1:
                continue
            if flags[0] and pixel[at, 0] > pixel[row, 0]:
                continue
            if flags[1] and pixel[at, 1] > pixel[row, 1]:
                continue
            if flags[2] and weight_passes(pixel, at, again, flags[2] == 2) > passes:
                continue
            if flags[3] and (pixel[at, 5 + shared] if flags[3] == 1 else pixel[at, 5]) > inputs:
                continue
            if flags[4] and pixel[at, 2] * pixel[at, 3] * pixel[at, 4] > trips:
                continue
            worse = False
            for column in range(8, columns):
                if pixel[at, column] > pixel[row, column]:
                    worse = True
                    break
            if not worse:
                covered = True
                break
        if not covered:
            out[count] = row
            count += 1
    return count


@kernel
def walk(group, gr, tables, lists, counts, position, order, k1, c1, stream, resident, copies, numbers, rules, state):
    """Offer every tiling of one loop order, streamed operand and triviality of K and C. Returns the new count.

    tables: (pixel, axis_k, axis_c). lists: row indices of each (pixel, K, C) and `counts` how many.
    state: (envelope, found, codes, count).
    """
    pixel, axis_k, axis_c = tables
    rows_p, rows_k, rows_c = lists
    envelope, found, codes, count = state
    g, g1 = group[gr, 0], group[gr, 1] == 1.0
    least = numbers[LEAST]
    partial_bytes = numbers[ALL_OUTPUTS] * 2.0 * numbers[ACC_BYTES]
    for i in range(counts[0]):
        pr = rows_p[i]
        n1, p1, q1 = pixel[pr, 2] == 1.0, pixel[pr, 3] == 1.0, pixel[pr, 4] == 1.0
        again, over_k, shared, partial = loop_rules(position, n1, k1, c1, p1, q1)
        if partial and resident & 4:
            continue
        cut = not (n1 and p1 and q1 and g1)
        once = 0.0
        if not resident & 2:
            once += numbers[ALL_WEIGHTS] * weight_passes(pixel, pr, again, stream == 1)
        if not resident & 4:
            once += numbers[ALL_OUTPUTS] * numbers[OUT_BYTES]
        inputs = 0.0
        if not resident & 1:
            inputs = numbers[ALL_INPUTS] * (pixel[pr, 5] if stream == 0 else pixel[pr, 5 + shared])
        by_k = over_k or stream == 0
        by_c = (partial or stream == 2) and not resident & 4
        for j in range(counts[1]):
            kr = rows_k[j]
            k = axis_k[kr, 0]
            outputs = footprint_outputs(numbers, g, k, pixel[pr, 1], cut or not k1, not c1, stream, resident)
            base = once + (inputs * axis_k[kr, 1] if by_k else inputs)
            for m in range(counts[2]):
                cr = rows_c[m]
                c = axis_c[cr, 0]
                total = base + (partial_bytes * (axis_c[cr, 1] - 1.0) if by_c else 0.0)
                footprint = outputs + footprint_inputs(numbers, g, c, pixel[pr, 0], cut or not c1, stream, resident)
                footprint += footprint_weights(numbers, g, k, c, not (g1 and k1 and c1), stream, resident)
                place = bin_of(footprint)
                if beaten(envelope, 0, place, total):
                    continue
                cycles, unrolling = on_chip_cycles(group, gr, pixel, pr, axis_k, kr, axis_c, cr, copies, numbers, rules, total)
                above, below = level_of(cycles, least)
                if beaten(envelope, below, place, total):
                    continue
                code = (((unrolling * 5 + order) * 4 + stream + 1) * group.shape[0] + gr) * pixel.shape[0] + pr
                code = (code * axis_k.shape[0] + kr) * axis_c.shape[0] + cr
                count = offer(place, footprint, total, cycles, code, envelope, above, found, codes, count)
    return count


@kernel
def enumerate_tilings(tables, rows, orders, resident, copies, numbers, rules, scratch):
    """Survivors of all tilings for one set of resident operands. Returns their count (may exceed the room: try again).

    tables: (group, pixel, axis_k, axis_c). rows: int64[4], rows of each. orders: int64[5, 5].
    scratch: (envelope, found, codes, list of pixel, K and C rows, flags).
    """
    group, pixel, axis_k, axis_c = tables
    envelope, found, codes, rows_p, rows_k, rows_c, flags, counts = scratch
    unrollings = copies.shape[0]
    for level in range(LEVELS):
        for place in range(BINS):
            envelope[level, place] = math.inf
    count = 0
    for kc in range(4):
        k1, c1 = kc & 1 == 1, kc & 2 == 2
        if (not k1 and rows[2] == 1) or (not c1 and rows[3] == 1):
            continue
        for order in range(5):
            # With K and C both whole, or C whole, these orders repeat others.
            if (c1 and order == 3) or (k1 and c1 and order < 2):
                continue
            for stream in range(-1, 3):
                if stream >= 0 and resident & (1 << stream):
                    continue
                position = orders[order]
                count_lists(pixel, axis_k, axis_c, rows, position, k1, c1, stream, resident, rules, unrollings, scratch)
                for gr in range(rows[0]):
                    count = walk(
                        group, gr, (pixel, axis_k, axis_c), (rows_p, rows_k, rows_c), counts, position, order, k1, c1,
                        stream, resident, copies, numbers, rules, (envelope, found, codes, count),
                    )  # fmt: skip
    return count


@kernel
def count_lists(pixel, axis_k, axis_c, rows, position, k1, c1, stream, resident, rules, unrollings, scratch):
    """Fill the three row lists of one loop order: only what its footprint, bytes and cycles depend on counts."""
    _, _, _, rows_p, rows_k, rows_c, flags, counts = scratch
    holds_in = stream != 0 and not resident & 1
    holds_wt = stream != 1 and not resident & 2
    # Resident outputs take accumulator space while C is cut.
    holds_out = stream != 2 and (not resident & 4 or not c1)
    flags[0] = 1 if holds_in else 0
    flags[1] = 1 if holds_out else 0
    flags[2] = 0 if resident & 2 else (2 if stream == 1 else 1)
    flags[3] = 0 if resident & 1 else (2 if stream == 0 else 1)
    flags[4] = rules[1]
    counts[0] = pixel_list(pixel, rows[1], 8 + 2 * unrollings, position, k1, c1, flags, rows_p)
    if k1:
        rows_k[0], counts[1] = 0, 1
    else:
        flags[0] = 1 if (holds_wt or holds_out) else 0
        flags[1] = 1 if (not resident & 1 or rules[0] == 1) else 0
        counts[1] = cut_list(axis_k, rows[2], 2 + 2 * unrollings, flags, rows_k)
    if c1:
        rows_c[0], counts[2] = 0, 1
    else:
        flags[0] = 1 if (holds_wt or holds_in) else 0
        flags[1] = 1 if (not resident & 4 or rules[2] == 2) else 0
        counts[2] = cut_list(axis_c, rows[3], 2 + 2 * unrollings, flags, rows_c)


@kernel
def cut_list(table, rows, columns, flags, out):
    """Rows of an axis table with more than one trip that no other beats in size, trips (where flagged), steps and folds."""
    count = 0
    for row in range(rows - 1, -1, -1):
        if table[row, 1] == 1.0:
            continue
        covered = False
        for i in range(count):
            at = out[i]
            worse = False
            for column in range(columns):
                if (column > 1 or flags[column]) and table[at, column] > table[row, column]:
                    worse = True
                    break
            if not worse:
                covered = True
                break
        if not covered:
            out[count] = row
            count += 1
    return count


@kernel
def keep_best(found, order, codes, stair, out, out_codes):
    """The exact frontier: `order` sorts `found` by footprint, then bytes, then cycles. Returns how many are kept.

    stair: float64[rows, 2], scratch: the kept (bytes, cycles), bytes rising and cycles falling.
    """
    kept, steps = 0, 0
    for i in range(order.shape[0]):
        at = order[i]
        total, cycles = found[at, 1], found[at, 2]
        low, high = 0, steps
        while low < high:
            middle = (low + high) // 2
            if stair[middle, 0] <= total:
                low = middle + 1
            else:
                high = middle
        if low > 0 and stair[low - 1, 1] <= cycles:
            continue
        last = low
        while last < steps and stair[last, 1] >= cycles:
            last += 1
        if last == low:
            for j in range(steps, low, -1):
                stair[j, 0], stair[j, 1] = stair[j - 1, 0], stair[j - 1, 1]
            steps += 1
        else:
            for j in range(last, steps):
                stair[low + 1 + j - last, 0], stair[low + 1 + j - last, 1] = stair[j, 0], stair[j, 1]
            steps -= last - low - 1
        stair[low, 0], stair[low, 1] = total, cycles
        out[kept, 0], out[kept, 1], out[kept, 2] = found[at, 0], total, cycles
        out_codes[kept] = codes[at]
        kept += 1
    return kept
