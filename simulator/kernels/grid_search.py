"""The frontier of one layer: every tiling that no other beats in SRAM footprint, outer bytes and on-chip cycles.

Over all loop orders and streamed operands only four forms of traffic are left (T: trips of N, P and Q together, I0
and Is the inputs without and with sharing of rows between neighbours, X further passes of unfinished outputs; F with
-, I, W, O the footprint with nothing, inputs, weights or outputs streamed):

    OUTPUT_FIRST  T W + Tk I0 + O        min(F-, FI, FW)   order NQPKC, only where C is cut
    INPUT_FIRST   T W + Is + O + X       min(F-, FW, FO)   order NPCQK or NQCPK
    WEIGHT_FIRST  W + Tk Is + O + X      min(F-, FO)       order CKNPQ or CKNQP
    PASSING       W + Tk I0 + O + X      FI                order CKNPQ

Where neighbours share nothing, I0 = Is and WEIGHT_FIRST, with FI, takes the place of PASSING. Every other pair has the
bytes of one of these and no smaller footprint (docs/model.md has the cases). `search` walks the candidate tables once a
form and an unrolling, skips blocks whose best corner is beaten, and appends what the envelope does not beat;
`best.keep_best` makes the exact frontier of the survivors.
"""

import math

import numpy as np

from .jit import kernel

# indices of `numbers`, as in onetile.py
IN_BYTES, WT_BYTES, OUT_BYTES, ACC_BYTES = 0, 1, 2, 3
ALL_INPUTS, ALL_WEIGHTS, ALL_OUTPUTS = 4, 5, 6
BUFFERS, GRAIN_IN, GRAIN_WT, GRAIN_OUT, ACCUMULATORS = 7, 8, 9, 10, 11
LINK, PORT = 12, 13
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL, LEAST = 14, 15, 16, 17, 18
OUT_ROOM, ACC_ROOM, SETS = 19, 20, 21
# indices of `rules`
FEED_IN_RULE, FEED_WT_RULE, FEED_OUT_RULE, HOLDS_IN, HOLDS_WT, HOLDS_OUT, MERGED, LAST_BIN = 0, 1, 2, 3, 4, 5, 6, 7
KEEPS, RESETS = 8, 9
COPIES_IN, COPIES_WT, SET_CYCLES, SET_LEAST, ONCE = 0, 1, 2, 3, 4  # columns of `own`
OUTPUT_FIRST, INPUT_FIRST, WEIGHT_FIRST, PASSING = 0, 1, 2, 3
LEVELS, BINS = 64, 1024
CHUNK = 8
ORDER_OF = (4, 2, 0, 0)  # of the four forms, in `grid.search.ORDERS`; one more where rows are shared along P


@kernel
def level_of(cycles, least):
    """Index of the cell of cycles: 0 the least, then four an octave."""
    if cycles <= least:
        return 0
    return max(1, min(LEVELS - 1, (np.float64(cycles / least).view(np.int64) >> 50) - 4 * 1023 + 1))


@kernel
def remember(envelope, nearby, level, place, footprint, total, cycles, last):
    """Note a survivor: lower the envelope for its cell and bin and all larger ones. envelope[LEVELS, 0]: highest
    cell.
    """
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
def matched(nearby, level, place, footprint, total, cycles):
    """Whether a survivor remembered in this cell, or one next to it, is no worse in anything."""
    for cell in range(max(level - 1, 0), level + 1):
        for at in range(max(place - 1, 0), place + 1):
            if nearby[cell, at, 0] <= footprint and nearby[cell, at, 1] <= total and nearby[cell, at, 2] <= cycles:
                return True
    return False


@kernel
def axis_list(table, u, by_size, by_trips, by_feed, feed, rows, out, base):
    """Rows of an axis table that matter, whole extent first, then falling: (size, trips, fold, feed, row, 0).

    by_size, by_trips, by_feed: whether these matter; folds always do. feed: column of the table that the feed follows.
    rows: int64, scratch. base: row of `out` where the list begins. Before the cut rows, and before every CHUNK of them, goes
    a row of their least values, whose last column says where to go on when even that is beaten. Returns how many rows.
    """
    count = 0
    for row in range(table.shape[0] - 1, 0, -1):
        covered = False
        for i in range(count - 1, -1, -1):
            at = rows[i]
            if (
                table[at, 3 + 2 * u] <= table[row, 3 + 2 * u]
                and (table[at, 1] <= table[row, 1] or not by_trips)
                and (table[at, feed] <= table[row, feed] or not by_feed)
                and (table[at, 0] <= table[row, 0] or not by_size)
            ):
                covered = True
                break
        if not covered:
            rows[count] = row
            count += 1
    rows[count] = 0
    length, chunk = 0, 0
    for i in range(count, -1, -1):
        if i == count - 1 or (i < count and (count - 1 - i) % CHUNK == 0):
            bounds = 0 if count < 2 else (2 if i == count - 1 and count > CHUNK else 1)
            for _ in range(bounds):
                chunk = length
                out[base + chunk, 0], out[base + chunk, 1], out[base + chunk, 2], out[base + chunk, 3] = (
                    math.inf,
                    math.inf,
                    math.inf,
                    math.inf,
                )
                length += 1
        row = rows[i]
        out[base + length, 0], out[base + length, 1], out[base + length, 2] = (
            table[row, 0],
            table[row, 1],
            table[row, 3 + 2 * u],
        )
        out[base + length, 3], out[base + length, 4], out[base + length, 5] = table[row, feed], row, 0.0
        length += 1
        if i < count:
            for bound in range(1, chunk + 1, max(1, chunk - 1)):
                for column in range(4):
                    out[base + bound, column] = min(out[base + bound, column], out[base + length - 1, column])
                out[base + bound, 5] = length
    return length


@kernel
def pixel_list(pixel, needed, first, end, u, plan, at_plan, feed, each, out, base):
    """Pixel tiles that matter: (window, pixels, trips, inputs, fold, feed, row, swap P and Q). Returns how many.

    needed[first:end]: rows of the table for unrolling u. plan[3:8]: whether these matter: window, pixels, trips,
    inputs (1 not shared, 2 shared), feed. Folds always do. feed: 0 steps, 1 trips. each: what a fold adds however long it
    is, left out here where more folds may be needed. base: row of `out` to begin at.
    """
    count = base
    for at in range(first, end):
        row = needed[at]
        trips = pixel[row, 2] * pixel[row, 3] * pixel[row, 4]
        out[count, 0], out[count, 1] = pixel[row, 0] * plan[at_plan, 3], pixel[row, 1] * plan[at_plan, 4]
        out[count, 2], out[count, 3] = (
            trips,
            pixel[row, 5] if plan[at_plan, 6] == 1 else min(pixel[row, 6], pixel[row, 7]),
        )
        out[count, 3] *= min(plan[at_plan, 6], 1)
        out[count, 4] = pixel[row, 9 + 2 * u] - each * trips
        out[count, 5] = plan[at_plan, 7] * (pixel[row, 8 + 2 * u] if feed == 0 else trips)
        out[count, 6], out[count, 7] = row, 1.0 if pixel[row, 6] < pixel[row, 7] else 0.0
        covered = False
        if trips > 1.0:
            for i in range(count - 1, base - 1, -1):
                covered = out[i, 2] <= trips or not plan[at_plan, 5]
                for column in (0, 1, 3, 4, 5):
                    covered = covered and out[i, column] <= out[count, column]
                if covered:
                    break
        if not covered:
            count += 1
    return count - base


@kernel
def record(found, codes, lengths, footprint, total, cycles, code):
    """Append a survivor where there is room, and count it: lengths[3]."""
    at = lengths[3]
    if at < codes.shape[0]:
        found[at, 0], found[at, 1], found[at, 2] = footprint, total, cycles
        codes[at] = code
    lengths[3] = at + 1


@kernel
def grains(form, resident, numbers, rules):
    """SRAM bytes of streamed inputs, weights and outputs; infinite for what a form does not stream."""
    buffers = numbers[BUFFERS]
    grain_in, grain_wt, grain_out = math.inf, math.inf, math.inf
    if not resident & 1 and (form in (OUTPUT_FIRST, PASSING) or (form == WEIGHT_FIRST and rules[MERGED])):
        grain_in = numbers[GRAIN_IN] * buffers
    if not resident & 2 and form <= INPUT_FIRST:
        grain_wt = numbers[GRAIN_WT] * buffers
    if not resident & 4 and form in (INPUT_FIRST, WEIGHT_FIRST):
        grain_out = numbers[GRAIN_OUT] * buffers
    return grain_in, grain_wt, grain_out


@kernel
def beaten(tables, p, k, u, feed, feeds_wt, no_worse, own, numbers, rules):
    """Whether another unrolling takes no more cycles for pixel tile p and K tile k, whatever the tile of C.

    Footprint and bytes do not depend on the unrolling. An earlier unrolling may be as good, it has been walked already; a
    later one must be better. feed: bytes fed beside partial outputs with unrolling u. feeds_wt: whether the feed of weights
    matters. no_worse: see `search`.
    """
    _, pixel, axis_k, _ = tables
    feed_in, feed_wt = numbers[FEED_IN] * rules[HOLDS_IN], numbers[FEED_WT] * rules[HOLDS_WT] * feeds_wt
    feed_out = numbers[FEED_OUT] * rules[HOLDS_OUT]
    trips = pixel[p, 2] * pixel[p, 3] * pixel[p, 4]
    fed = not (math.isinf(numbers[LINK]) and math.isinf(numbers[PORT]))
    product = axis_k[k, 3 + 2 * u] * pixel[p, 9 + 2 * u]
    for v in range(own.shape[0]):
        other = axis_k[k, 3 + 2 * v] * pixel[p, 9 + 2 * v]
        if (
            v == u
            or not no_worse[v, u]
            or other > product
            or (v > u and other == product)
            or own[v, ONCE] > own[u, ONCE]
        ):
            continue
        if rules[RESETS]:
            # Where accumulators are full, fewer folds and their stream count apart.
            stream = other - axis_k[k, 3 + 2 * v] * own[v, SET_CYCLES] * trips
            if (
                axis_k[k, 3 + 2 * v] > axis_k[k, 3 + 2 * u]
                or stream > product - axis_k[k, 3 + 2 * u] * own[u, SET_CYCLES] * trips
                or own[v, SET_CYCLES] > own[u, SET_CYCLES]
                or own[v, SET_LEAST] > own[u, SET_LEAST]
            ):
                continue
        weights = pixel[p, 8 + 2 * v] if rules[FEED_WT_RULE] == 0 else trips
        inputs = axis_k[k, 2 + 2 * v] if rules[FEED_IN_RULE] == 0 else axis_k[k, 1]
        moved = (feed_wt * own[v, COPIES_WT] * weights + feed_out) + feed_in * own[v, COPIES_IN] * inputs
        if moved < feed or (moved == feed and v < u) or not fed:
            return True
    return False


@kernel
def left_out(tables, p, k, u, feed, feeds_wt, fixed):
    """Whether the pair of pixel tile p and K tile k is `beaten`, which is asked once."""
    rows, no_worse, own, numbers, rules, known = fixed
    place = (u * rows[1] + p) * rows[2] + k
    if known[place] == 0:
        worse = beaten(tables, p, k, u, feed, feeds_wt, no_worse, own, numbers, rules)
        known[place] = 2 if worse else 1
    return known[place] == 2


@kernel
def kept_folds(folds, stream, trips, own, u, sets):
    """Cycles for each step of the reduction where sums stay in accumulators, which ask for so many sets of weights at least.

    folds: of groups and K. stream: cycles that the folds of the pixel tiles stream, without what a fold costs however long it
    is.
    """
    return max(folds * stream, own[u, SET_LEAST] * sets) + own[u, SET_CYCLES] * max(folds * trips, sets)


@kernel
def code_of(rows, u, order, stream, gr, p, k, c):
    """One number that says what a point is."""
    return ((((((u * 5 + order) * 4 + stream + 1) * rows[0] + gr) * rows[1] + p) * rows[2]) + k) * rows[3] + c


@kernel
def walk(tables, gr, pixels, axes, lengths, form, u, whole, resident, feeds_wt, fixed, keep):
    """Offer every tiling of one form, unrolling, group tile and triviality of C.

    pixels, axes: lists of `pixel_list` and `axis_list`; lengths: see `lists_of`. whole: C is not cut. feeds_wt: whether the
    feed of weights matters. fixed: rows, no_worse, own, numbers, rules and known of `search`. keep: (envelope, nearby, found,
    codes).
    """
    rows, _, own, numbers, rules, _ = fixed
    group, units = tables[0], own.shape[0]
    envelope, nearby, found, codes = keep
    g, g1, steps_g = group[gr, 0], group[gr, 1] == 1.0, group[gr, 2 + 2 * u]
    buffers, last, once, link, port = numbers[BUFFERS], rules[LAST_BIN], own[u, ONCE], numbers[LINK], numbers[PORT]
    in_on, wt_on, out_on = 1.0 - (resident & 1), 1.0 - (resident >> 1 & 1), 1.0 - (resident >> 2)
    shares_k, pass_wt, swaps = form != INPUT_FIRST, form <= INPUT_FIRST, form in (INPUT_FIRST, WEIGHT_FIRST)
    out_width = numbers[OUT_ROOM] * out_on if whole else numbers[ACC_ROOM]
    out_total = numbers[ALL_OUTPUTS] * numbers[OUT_BYTES] * out_on
    slope = numbers[ALL_OUTPUTS] * 2.0 * numbers[ACC_BYTES] * out_on if form != OUTPUT_FIRST else 0.0
    grain_in, grain_wt, grain_out = grains(form, resident, numbers, rules)
    feed_in = numbers[FEED_IN] * own[u, COPIES_IN] * rules[HOLDS_IN]
    feed_wt = numbers[FEED_WT] * own[u, COPIES_WT] * rules[HOLDS_WT]
    feed_part, feed_out = numbers[FEED_PARTIAL] * rules[HOLDS_OUT], numbers[FEED_OUT] * rules[HOLDS_OUT]
    each, passed = own[u, SET_CYCLES], 1 if rules[KEEPS] else 3
    begin, begin_k, begin_c = lengths[4], lengths[5], lengths[6]
    end_k, end_c = begin_k + lengths[1], begin_c + (1 if whole else lengths[2])
    for turn in range(lengths[0]):
        # Those that beat most come first: large tiles, but small ones where weights cost nothing to pass again.
        i = begin + (turn if resident & 2 else lengths[0] - 1 - turn)
        cut = pixels[i, 2] > 1.0 or not g1
        inputs = in_on * numbers[IN_BYTES] * g * pixels[i, 0] * (1.0 if whole and not cut else buffers)
        wt_total = wt_on * numbers[ALL_WEIGHTS] * (pixels[i, 2] if pass_wt else 1.0)
        in_total = in_on * numbers[ALL_INPUTS] * pixels[i, 3]
        feed_p = feed_wt * pixels[i, 5] + feed_out
        j = begin_k
        while j < end_k:
            k, k1 = axes[j, 0], axes[j, 1] == 1.0
            weights = wt_on * numbers[WT_BYTES] * g * k * (1.0 if g1 and k1 and whole else buffers)
            outputs, back = g * k * pixels[i, 1] * out_width, feed_part
            if not whole and outputs <= numbers[ACCUMULATORS]:
                outputs, back = 0.0, 0.0
            elif out_on and (cut or not k1):
                outputs *= buffers
            base = in_total * (axes[j, 1] if shares_k else 1.0) + wt_total + out_total
            held = math.inf if form == PASSING else min(outputs, grain_out)
            passing, feeding = outputs + grain_in, outputs + grain_wt
            plain = axes[j, 2] * (pixels[i, 4] + each * pixels[i, 2]) * steps_g
            array = plain
            if rules[RESETS]:
                array = kept_folds(axes[j, 2] * steps_g, pixels[i, 4], pixels[i, 2], own, u, numbers[SETS])
            feed_k = feed_p + feed_in * axes[j, 3]
            jump_k, j = int(axes[j, 5]), j + 1
            if units > 1 and jump_k == 0:
                p, kr = int(pixels[i, 6]), int(axes[j - 1, 4])
                if left_out(tables, p, kr, u, feed_k, feeds_wt, fixed):
                    continue
            m = begin_c + (0 if whole else 1)
            while m < end_c:
                in_held, wt_held = inputs * axes[m, 0], weights * axes[m, 0]
                footprint = min(held + (in_held + wt_held), passing + wt_held, feeding + in_held)
                total = base + slope * (axes[m, 1] - 1.0)
                place = max(0, min(last, (np.float64(footprint).view(np.int64) >> 48) - 16367))
                level, cycles = 0, 0.0
                lost = place > 0 and envelope[0, place - 1] <= total
                if not lost:
                    fed = feed_k + back * (axes[m, passed] - 1.0)
                    cycles = max(array * axes[m, 2] + once, fed / link, (fed + total) / port)
                    if array > plain:  # or the accumulators are left unused
                        fed = feed_k + feed_part * (axes[m, 3] - 1.0)
                        cycles = min(cycles, max(plain * axes[m, 2] + once, fed / link, (fed + total) / port))
                    level = level_of(cycles, numbers[LEAST])
                    lost = place > 0 and envelope[min(max(level - 1, 0), int(envelope[LEVELS, 0])), place - 1] <= total
                jump_c, m = int(axes[m, 5]), m + 1
                if jump_k > 0:
                    j = begin_k + jump_k if lost else j
                    break
                if lost or jump_c > 0:
                    m = begin_c + jump_c if lost and jump_c > 0 else m
                    continue
                if level <= envelope[LEVELS, 0] and matched(nearby, level, place, footprint, total, cycles):
                    continue
                remember(envelope, nearby, level, place, footprint, total, cycles, last)
                stream = 2 if grain_out < outputs else -1
                if min(passing + wt_held, feeding + in_held) < held + (in_held + wt_held):
                    stream = 0 if passing + wt_held <= feeding + in_held else 1
                order = ORDER_OF[form] + (int(pixels[i, 7]) if swaps else 0)
                code = code_of(rows, u, order, stream, gr, int(pixels[i, 6]), int(axes[j - 1, 4]), int(axes[m - 1, 4]))
                record(found, codes, lengths, footprint, total, cycles, code)


@kernel
def lists_of(tables, needed, starts, u, plan, at, each, rules, lists, lengths):
    """Set lengths[0:3] to the rows of the lists of pixel tiles, K and C for one unrolling and form, and lengths[4:7] to where
    they begin; lengths[3] are the survivors so far.

    lists: (float64[room, 8] of pixel tiles, float64[room, 6] of K and C, scratch, where, used). A list is made when first
    asked for and found again by what matters in it: where[40 x unrollings, 2], begin and rows, -1 for those not made. used:
    rows in use of the first two.
    """
    _, pixel, axis_k, axis_c = tables
    pixels, axes, scratch, where, used = lists
    longest = max(axis_k.shape[0], axis_c.shape[0])
    if used[0] + pixel.shape[0] + 1 > pixels.shape[0] or used[1] + 4 * longest + 8 > axes.shape[0]:
        used[0], used[1] = 0, 0  # begin anew
        for slot in range(where.shape[0]):
            where[slot, 0] = -1
    slot = 40 * u + ((plan[at, 3] * 2 + plan[at, 4]) * 2 + plan[at, 5]) * 3 + plan[at, 6]
    if where[slot, 0] < 0:
        where[slot, 0], feed = used[0], rules[FEED_WT_RULE]
        where[slot, 1] = pixel_list(pixel, needed, starts[u], starts[u + 1], u, plan, at, feed, each, pixels, used[0])
        used[0] += where[slot, 1]
    lengths[0], lengths[4] = where[slot, 1], where[slot, 0]
    slot = 40 * u + 24 + plan[at, 8] * 4 + plan[at, 9] * 2 + plan[at, 10]
    if where[slot, 0] < 0:
        where[slot, 0], feed = used[1], 2 + 2 * u if rules[FEED_IN_RULE] == 0 else 1
        where[slot, 1] = axis_list(axis_k, u, plan[at, 8], plan[at, 9], plan[at, 10], feed, scratch, axes, used[1])
        used[1] += where[slot, 1]
    lengths[1], lengths[5] = where[slot, 1], where[slot, 0]
    slot = 40 * u + 32 + plan[at, 11] * 4 + plan[at, 12] * 2 + plan[at, 13]
    if where[slot, 0] < 0:
        where[slot, 0], feed = used[1], 2 + 2 * u if rules[FEED_OUT_RULE] == 1 else 1
        where[slot, 1] = axis_list(axis_c, u, plan[at, 11], plan[at, 12], plan[at, 13], feed, scratch, axes, used[1])
        used[1] += where[slot, 1]
    lengths[2], lengths[6] = where[slot, 1], where[slot, 0]


@kernel
def search(tables, rows, needed, starts, plan, resident, no_worse, own, numbers, rules, known, lists, lengths, keep):
    """Survivors of all tilings for one set of resident operands: lengths[3] (may exceed the room: try again with
    more).

    tables: (group, pixel, axis_k, axis_c), rows: of each. plan: int64[forms, 14]: form, with C whole, with C cut, then
    what matters: pixel tiles 3-7, K 8-10, C 11-13. no_worse[v, u]: whether unrolling v takes no more steps and folds than u in
    any tile of groups and of C. known: int8[unrollings x P x K], whether a pair of tiles is beaten (1 no, 2 yes, 0 not asked
    yet), the same for all sets of resident operands. lists: see `lists_of`. keep: see `walk`.
    """
    fixed = (rows, no_worse, own, numbers, rules, known)
    envelope, nearby, _, _ = keep
    for place in range(rules[LAST_BIN] + 1):
        envelope[0, place] = math.inf
        nearby[0, place, 0] = math.inf
    envelope[LEVELS, 0] = 0.0
    lengths[3] = 0
    for u in range(own.shape[0]):
        for at in range(plan.shape[0]):
            lists_of(tables, needed, starts, u, plan, at, own[u, SET_CYCLES], rules, lists, lengths)
            for whole in range(2):
                if plan[at, 2 - whole]:
                    for gr in range(rows[0]):
                        walk(
                            tables, gr, lists[0], lists[1], lengths, plan[at, 0], u, whole, resident, plan[at, 7], fixed,
                            keep,
                        )  # fmt: skip
