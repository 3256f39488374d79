"""The frontier of one layer: every tiling that no other beats in SRAM footprint, outer-memory bytes and on-chip cycles.

Over all loop orders and streamed operands only four forms of traffic are left (T: trips of N, P and Q together, I0 and Is
the inputs without and with sharing of rows between neighbours, X further passes of unfinished outputs; F with -, I, W, O
the footprint with nothing, inputs, weights or outputs streamed):

    OUTPUT_FIRST  T W + Tk I0 + O        min(F-, FI, FW)   order NQPKC, only where C is cut
    INPUT_FIRST   T W + Is + O + X       min(F-, FW, FO)   order NPCQK or NQCPK
    WEIGHT_FIRST  W + Tk Is + O + X      min(F-, FO)       order CKNPQ or CKNQP
    PASSING       W + Tk I0 + O + X      FI                order CKNPQ

Every other pair has the bytes of one of these and no smaller footprint (docs/model.md has the cases). `search` walks the
candidate tables of `tables.py` once a form and an unrolling, skips blocks whose best corner is beaten, and appends what
the envelope does not beat; `keep_best` makes the exact frontier of the survivors.
"""

import math

import numpy as np

from .jit import kernel

# indices of `numbers`, as in onetile.py
IN_BYTES, WT_BYTES, OUT_BYTES, ACC_BYTES = 0, 1, 2, 3
ALL_INPUTS, ALL_WEIGHTS, ALL_OUTPUTS = 4, 5, 6
BUFFERS, GRAIN_IN, GRAIN_WT, GRAIN_OUT, ACCUMULATORS = 7, 8, 9, 10, 11
LINK, PORT, FILL = 12, 13, 14
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL, LEAST = 15, 16, 17, 18, 19
# indices of `rules`
FEED_IN_RULE, FEED_WT_RULE, FEED_OUT_RULE, HOLDS_IN, HOLDS_WT, HOLDS_OUT = 0, 1, 2, 3, 4, 5
OUTPUT_FIRST, INPUT_FIRST, WEIGHT_FIRST, PASSING = 0, 1, 2, 3
LEVELS, BINS = 64, 1024
CHUNK = 8
ORDER_OF = (4, 2, 0, 0)  # of the four forms, in `tiling.ORDERS`; one more where rows are shared along P


@kernel
def bin_of(footprint):
    """Index of the footprint's bin: 16 an octave, from below one byte up to 2**63."""
    return max(0, min(BINS - 1, (np.float64(footprint).view(np.int64) >> 48) - 16367))


@kernel
def quarter_bin(footprint):
    """Index of the quarter of a bin."""
    return max(0, min(4 * BINS - 1, (np.float64(footprint).view(np.int64) >> 46) - 4 * 16367))


@kernel
def level_of(cycles, least):
    """Index of the cell of cycles: 0 the least, then four an octave."""
    if cycles <= least:
        return 0
    return max(1, min(LEVELS - 1, (np.float64(cycles / least).view(np.int64) >> 50) - 4 * 1023 + 1))


@kernel
def beaten(envelope, level, place, total):
    """Whether a survivor of a smaller bin and a smaller cell of cycles (or both of the least) has no more bytes."""
    below = min(max(level - 1, 0), int(envelope[LEVELS, 0]))
    return place > 0 and envelope[below, place - 1] <= total


@kernel
def matched(nearby, level, place, footprint, total, cycles):
    """Whether a survivor remembered in this cell, or one next to it, is no worse in anything."""
    for l in range(max(level - 1, 0), level + 1):
        for p in range(max(place - 1, 0), place + 1):
            if nearby[l, p, 0] <= footprint and nearby[l, p, 1] <= total and nearby[l, p, 2] <= cycles:
                return True
    return False


@kernel
def remember(envelope, nearby, level, place, footprint, total, cycles, last):
    """Lower the envelope for this cell and bin and all larger ones. envelope[LEVELS, 0]: highest cell in use."""
    top = int(envelope[LEVELS, 0])
    while top < level:
        for larger in range(last + 1):
            envelope[top + 1, larger] = envelope[top, larger]
            nearby[top + 1, larger, 0] = math.inf
        top += 1
        envelope[LEVELS, 0] = top
    nearby[level, place, 0], nearby[level, place, 1], nearby[level, place, 2] = footprint, total, cycles
    for above in range(level, top + 1):
        if envelope[above, place] <= total:
            return
        for larger in range(place, last + 1):
            if envelope[above, larger] <= total:
                break
            envelope[above, larger] = total


@kernel
def axis_list(table, rows, u, small, feed_rule, out):
    """Rows of an axis table that matter, the whole extent first: (size, trips, fold, feed, row). Returns how many.

    small[4:7]: whether size, trips and feed matter; folds always do. feed_rule: 0 steps, 1 trips.
    """
    count = 0
    least_trips, least_fold, least_feed = math.inf, math.inf, math.inf
    for row in range(rows - 1, -1, -1):
        size, trips, fold = table[row, 0], table[row, 1], table[row, 3 + 2 * u]
        feed = table[row, 2 + 2 * u] if feed_rule == 0 else trips
        if trips > 1.0:
            covered = trips >= least_trips or not small[5]
            covered = covered and fold >= least_fold and (feed >= least_feed or not small[6])
            if covered:
                covered = False
                for i in range(count - 1, -1, -1):
                    if (
                        (out[i, 1] <= trips or not small[5])
                        and out[i, 2] <= fold
                        and (out[i, 3] <= feed or not small[6])
                        and (out[i, 0] <= size or not small[4])
                    ):
                        covered = True
                        break
            if covered:
                continue
            least_trips, least_fold, least_feed = min(trips, least_trips), min(fold, least_fold), min(feed, least_feed)
        out[count, 0], out[count, 1], out[count, 2], out[count, 3], out[count, 4] = size, trips, fold, feed, row
        count += 1
    # Largest first, so that the whole extent leads and the chunks fall in size.
    for i in range(count // 2):
        for column in range(5):
            swap = out[i, column]
            out[i, column] = out[count - 1 - i, column]
            out[count - 1 - i, column] = swap
    return count


@kernel
def pixel_list(pixel, rows, u, small, feed_rule, out):
    """Pixel tiles that matter: (window, pixels, trips, inputs, fold, feed, row, swap P and Q). Returns how many.

    small[4:9]: whether these matter: window, pixels, trips, inputs (1 not shared, 2 shared), feed. Folds always do.
    """
    count = 0
    for row in range(rows - 1, -1, -1):
        trips = pixel[row, 2] * pixel[row, 3] * pixel[row, 4]
        inputs = min(pixel[row, 6], pixel[row, 7]) if small[7] == 2 else pixel[row, 5]
        fold = pixel[row, 9 + 2 * u]
        feed = pixel[row, 8 + 2 * u] if feed_rule == 0 else trips
        covered = False
        if trips > 1.0:
            for i in range(count):
                if (
                    out[i, 4] <= fold
                    and (out[i, 0] <= pixel[row, 0] or not small[4])
                    and (out[i, 1] <= pixel[row, 1] or not small[5])
                    and (out[i, 2] <= trips or not small[6])
                    and (out[i, 3] <= inputs or not small[7])
                    and (out[i, 5] <= feed or not small[8])
                ):
                    covered = True
                    break
        if not covered:
            out[count, 0], out[count, 1], out[count, 2], out[count, 3] = pixel[row, 0], pixel[row, 1], trips, inputs
            out[count, 4], out[count, 5], out[count, 6] = fold, feed, row
            out[count, 7] = 1.0 if pixel[row, 6] < pixel[row, 7] else 0.0
            count += 1
    return count


@kernel
def chunk_bounds(axis, first, count, bounds):
    """Least size, trips, fold and feed of every run of CHUNK rows of `axis` from `first` on. Returns how many runs."""
    runs = 0
    for low in range(first, count, CHUNK):
        for column in range(4):
            least = math.inf
            for i in range(low, min(count, low + CHUNK)):
                least = min(least, axis[i, column])
            bounds[runs, column] = least
        runs += 1
    return runs


@kernel
def outputs_footprint(numbers, g, k, pixels, changes, split, resident):
    """SRAM bytes of held outputs: at accumulator width while C is cut, none where the accumulators hold them."""
    elements = g * k * pixels
    buffers = numbers[BUFFERS] if changes and not resident else 1.0
    if split:
        held = elements * numbers[ACC_BYTES]
        return 0.0 if held <= numbers[ACCUMULATORS] else held * buffers
    return 0.0 if resident else elements * numbers[OUT_BYTES] * buffers


@kernel
def stream_of(held, passing, feeding):
    """The streamed operand of the least footprint among: held outputs, streamed inputs, streamed weights (else outputs)."""
    if held <= passing and held <= feeding:
        return -1
    return 0 if passing <= feeding else 1


@kernel
def walk(group, gr, pixels, axis_k, axis_c, bounds, small, form, u, whole, resident, merged, rows, copies, numbers, rules, keep):
    """Offer every tiling of one form, unrolling and triviality of C; returns the survivors so far.

    pixels, axis_k, axis_c: lists of `pixel_list` and `axis_list`, counts: their lengths and the bins in use.
    bounds: of the runs of `axis_c`. whole: C is not cut. merged: streamed inputs cost what shared ones cost.
    keep: (envelope, nearby, found, marks, count).
    """
    envelope, nearby, found, marks = keep
    count = small[9]
    g, g1, steps_g = group[gr, 0], group[gr, 1] == 1.0, group[gr, 2 + 2 * u]
    low, high = (0, 1) if whole else (1, small[2])
    buffers, least, last = numbers[BUFFERS], numbers[LEAST], small[3]
    in_on, wt_on = 0.0 if resident & 1 else 1.0, 0.0 if resident & 2 else 1.0
    out_on = 0.0 if resident & 4 else 1.0
    out_total = numbers[ALL_OUTPUTS] * numbers[OUT_BYTES] * out_on
    slope = 0.0 if form == OUTPUT_FIRST else numbers[ALL_OUTPUTS] * 2.0 * numbers[ACC_BYTES] * out_on
    passes = form == OUTPUT_FIRST or form == PASSING or (form == WEIGHT_FIRST and merged)
    grain_in = numbers[GRAIN_IN] * buffers if in_on and passes else math.inf
    grain_wt = numbers[GRAIN_WT] * buffers if wt_on and form <= INPUT_FIRST else math.inf
    grain_out = numbers[GRAIN_OUT] * buffers if out_on and (form == INPUT_FIRST or form == WEIGHT_FIRST) else math.inf
    feed_in = numbers[FEED_IN] * copies[u, 0] * rules[HOLDS_IN]
    feed_wt = numbers[FEED_WT] * copies[u, 1] * rules[HOLDS_WT]
    feed_part = numbers[FEED_PARTIAL] * rules[HOLDS_OUT] if rules[FEED_OUT_RULE] > 0 else 0.0
    for i in range(small[0]):
        trips = pixels[i, 2]
        cut = trips > 1.0 or not g1
        inputs = in_on * numbers[IN_BYTES] * g * pixels[i, 0] * (buffers if cut or not whole else 1.0)
        wt_total = wt_on * numbers[ALL_WEIGHTS] * (trips if form <= INPUT_FIRST else 1.0)
        in_total = in_on * numbers[ALL_INPUTS] * pixels[i, 3]
        feed_p = feed_wt * pixels[i, 5] + numbers[FEED_OUT] * rules[HOLDS_OUT]
        for j in range(small[1]):
            k, k1 = axis_k[j, 0], axis_k[j, 1] == 1.0
            changes = not (g1 and k1 and whole)
            weights = wt_on * numbers[WT_BYTES] * g * k * (buffers if changes else 1.0)
            outputs = outputs_footprint(numbers, g, k, pixels[i, 1], cut or not k1, not whole, not out_on)
            base = (in_total if form == INPUT_FIRST else in_total * axis_k[j, 1]) + wt_total + out_total
            held = math.inf if form == PASSING else min(outputs, grain_out)
            passing, feeding = outputs + grain_in, outputs + grain_wt
            product = axis_k[j, 2] * pixels[i, 4]
            feed_k = feed_p + feed_in * axis_k[j, 3]
            run = 0
            for start in range(low, high, CHUNK):
                size = bounds[run, 0]
                footprint = min(held + (inputs + weights) * size, passing + weights * size, feeding + inputs * size)
                total = base + slope * (bounds[run, 1] - 1.0)
                place = bin_of(footprint)
                shared = feed_k + feed_part * (bounds[run, 3] - 1.0)
                cycles = product * bounds[run, 2] * steps_g + numbers[FILL]
                cycles = max(cycles, shared / numbers[LINK], (shared + total) / numbers[PORT])
                run += 1
                if beaten(envelope, 0, place, total) or beaten(envelope, level_of(cycles, least), place, total):
                    continue
                for m in range(start, min(high, start + CHUNK)):
                    size = axis_c[m, 0]
                    footprint = min(held + (inputs + weights) * size, passing + weights * size, feeding + inputs * size)
                    total = base + slope * (axis_c[m, 1] - 1.0)
                    place = bin_of(footprint)
                    if beaten(envelope, 0, place, total):
                        continue
                    shared = feed_k + feed_part * (axis_c[m, 3] - 1.0)
                    cycles = product * axis_c[m, 2] * steps_g + numbers[FILL]
                    cycles = max(cycles, shared / numbers[LINK], (shared + total) / numbers[PORT])
                    level = level_of(cycles, least)
                    if beaten(envelope, level, place, total):
                        continue
                    if level <= envelope[LEVELS, 0] and matched(nearby, level, place, footprint, total, cycles):
                        continue
                    remember(envelope, nearby, level, place, footprint, total, cycles, last)
                    if count < found.shape[0]:
                        found[count, 0], found[count, 1], found[count, 2] = footprint, total, cycles
                        stream = stream_of(
                            held + (inputs + weights) * size, passing + weights * size, feeding + inputs * size
                        )
                        if stream < 0 and grain_out < outputs:
                            stream = 2
                        order = ORDER_OF[form] + int(pixels[i, 7]) * (1 if form == INPUT_FIRST or form == WEIGHT_FIRST else 0)
                        code = ((u * 5 + order) * 4 + stream + 1) * group.shape[0] + gr
                        code = (code * rows[1] + int(pixels[i, 6])) * rows[2] + int(axis_k[j, 4])
                        marks[count] = code * rows[3] + int(axis_c[m, 4])
                    count += 1
    small[9] = count


@kernel
def wanted(form, whole, resident, merged):
    """Whether a form can hold a point of the frontier that no other form has, with C whole or cut."""
    inputs, weights, outputs = resident & 1 != 0, resident & 2 != 0, resident & 4 != 0
    if whole:
        if form == OUTPUT_FIRST:
            return False
        if form == WEIGHT_FIRST:
            return not weights or merged
        return form == INPUT_FIRST or not (inputs or merged)
    if form == OUTPUT_FIRST:
        return True
    if outputs:  # they would leave unfinished
        return False
    if form == INPUT_FIRST:
        return not inputs
    if form == WEIGHT_FIRST:
        return inputs or not weights
    return not (inputs or weights or merged)


@kernel
def lists(pixel, axis_k, axis_c, rows, u, form, resident, numbers, rules, scratch, small):
    """Fill the three lists of one form and unrolling with what its footprint, bytes and cycles depend on."""
    pixels, list_k, list_c, _ = scratch
    in_on, wt_on, out_on = resident & 1 == 0, resident & 2 == 0, resident & 4 == 0
    feeds = not (math.isinf(numbers[LINK]) and math.isinf(numbers[PORT]))
    small[4] = 1 if in_on and form != PASSING else 0
    small[5] = 1 if out_on or form == OUTPUT_FIRST else 0
    small[6] = 1 if wt_on and form <= INPUT_FIRST else 0
    small[7] = 0 if not in_on else (1 if form == OUTPUT_FIRST or form == PASSING else 2)
    small[8] = 1 if feeds and rules[HOLDS_WT] else 0
    small[0] = pixel_list(pixel, rows[1], u, small, rules[FEED_WT_RULE], pixels)
    small[4] = 1 if wt_on or out_on or form == OUTPUT_FIRST else 0
    small[5] = 1 if in_on and form != INPUT_FIRST else 0
    small[6] = 1 if feeds and rules[HOLDS_IN] else 0
    small[1] = axis_list(axis_k, rows[2], u, small, rules[FEED_IN_RULE], list_k)
    small[4] = 1 if in_on or wt_on else 0
    small[5] = 1 if out_on and form != OUTPUT_FIRST else 0
    small[6] = 1 if feeds and rules[HOLDS_OUT] and rules[FEED_OUT_RULE] > 0 else 0
    small[2] = axis_list(axis_c, rows[3], u, small, 0 if rules[FEED_OUT_RULE] == 1 else 1, list_c)


@kernel
def search(group, pixel, axis_k, axis_c, rows, resident, copies, numbers, rules, scratch, small, envelope, nearby, found, marks):
    """Survivors of all tilings for one set of resident operands. Returns their count (may exceed the room: try again).

    scratch: (list of pixel tiles, of K, of C, flags, counts). envelope: float64[LEVELS + 1, BINS].
    """
    pixels, list_k, list_c, bounds = scratch
    merged, window, most = rows[1] > 0, 0.0, 0.0
    for row in range(rows[1]):
        merged = merged and pixel[row, 5] == min(pixel[row, 6], pixel[row, 7])
        window, most = max(window, pixel[row, 0]), max(most, pixel[row, 1])
    whole_k, whole_c = axis_k[0, 0], axis_c[0, 0]
    largest = numbers[IN_BYTES] * window * whole_c + numbers[WT_BYTES] * whole_k * whole_c
    largest += max(numbers[OUT_BYTES], numbers[ACC_BYTES]) * whole_k * most
    groups = 1.0
    for gr in range(rows[0]):
        groups = max(groups, group[gr, 0])
    largest = largest * groups + numbers[GRAIN_IN] + numbers[GRAIN_WT] + numbers[GRAIN_OUT]
    small[3] = bin_of(largest * numbers[BUFFERS])
    for place in range(small[3] + 1):
        envelope[0, place] = math.inf
        nearby[0, place, 0] = math.inf
    envelope[LEVELS, 0] = 0.0
    small[9] = 0
    for u in range(copies.shape[0]):
        for form in range(4):
            for cell in range(2):
                whole = cell == 0
                if not wanted(form, whole, resident, merged) or (not whole and rows[3] == 1):
                    continue
                lists(pixel, axis_k, axis_c, rows, u, form, resident, numbers, rules, scratch, small)
                chunk_bounds(list_c, 0 if whole else 1, 1 if whole else small[2], bounds)
                for gr in range(rows[0]):
                    walk(
                        group, gr, pixels, list_k, list_c, bounds, small, form, u, whole, resident, merged, rows, copies,
                        numbers, rules, (envelope, nearby, found, marks),
                    )  # fmt: skip
    return small[9]


@kernel
def comes_before(found, one, other):
    """Whether survivor `one` sorts before `other`: by footprint, then bytes, then cycles."""
    if found[one, 0] != found[other, 0]:
        return found[one, 0] < found[other, 0]
    if found[one, 1] != found[other, 1]:
        return found[one, 1] < found[other, 1]
    return found[one, 2] < found[other, 2]


@kernel
def sort_survivors(found, count, envelope, least, order, ends):
    """Fill `order` with the survivors that the final envelope does not beat, sorted; return how many.

    ends: int64[4 * BINS + 1], scratch of a counting sort on quarter bins, which insertion finishes.
    """
    for i in range(ends.shape[0]):
        ends[i] = 0
    for i in range(count):
        if not beaten(envelope, level_of(found[i, 2], least), bin_of(found[i, 0]), found[i, 1]):
            ends[quarter_bin(found[i, 0]) + 1] += 1
    for i in range(1, ends.shape[0]):
        ends[i] += ends[i - 1]
    total = ends[ends.shape[0] - 1]
    for i in range(count):
        if not beaten(envelope, level_of(found[i, 2], least), bin_of(found[i, 0]), found[i, 1]):
            at = quarter_bin(found[i, 0])
            order[ends[at]] = i
            ends[at] += 1
    for i in range(1, total):
        moving = order[i]
        at = i
        while at > 0 and comes_before(found, moving, order[at - 1]):
            order[at] = order[at - 1]
            at -= 1
        order[at] = moving
    return total


@kernel
def keep_best(found, codes, count, envelope, least, order, ends, stair, out, out_codes):
    """The exact frontier of the first `count` survivors, by rising footprint. Returns how many points are kept.

    order: int64[count], ends: see `sort_survivors`, stair: float64[count + 1, 2], all scratch: the stair holds the kept
    (bytes, cycles), bytes rising and cycles falling.
    """
    kept, steps = 0, 0
    for i in range(sort_survivors(found, count, envelope, least, order, ends)):
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
        if low > 0 and stair[low - 1, 0] == total:
            low -= 1
        last = low
        while last < steps and stair[last, 1] >= cycles:
            last += 1
        if last == low:
            for j in range(steps, low, -1):
                stair[j, 0], stair[j, 1] = stair[j - 1, 0], stair[j - 1, 1]
            steps += 1
        elif last > low + 1:
            for j in range(last, steps):
                stair[low + 1 + j - last, 0], stair[low + 1 + j - last, 1] = stair[j, 0], stair[j, 1]
            steps -= last - low - 1
        stair[low, 0], stair[low, 1] = total, cycles
        out[kept, 0], out[kept, 1], out[kept, 2] = found[at, 0], total, cycles
        out_codes[kept] = codes[at]
        kept += 1
    return kept
