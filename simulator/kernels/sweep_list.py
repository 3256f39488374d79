"""What the steps of a network can do in SRAM sizes near each other: lists of choices for `kernels.sweep`.

A **bucket** is points of one SRAM size or of neighbouring ones. Its choices are listed once, each with the SRAM sizes between
which it is there. (`insert_point` says what it drops; the one of `kernels.programme` has no use for that.)
"""

import math

from .jit import kernel

MARK = 32
"""As in `kernels.programme`."""

ALWAYS, SOME, VARIED = 0, 1, 2
"""Kinds of choices: there for all points of a bucket; for some of them; with other bytes of kept weights from size to size."""

ANY, PARTLY, WHOLLY = 0, 1, 2
"""Points that a choice is for, by the weights of its step that stay: all points, those that keep a part, those that keep all."""

# columns of `ways` and of `amounts`
SOURCE, TARGET, POINT, KIND, GROUP = 0, 1, 2, 3, 4
CYCLES, TOTAL, TILES, BESIDE, NEED, UNTIL, RESERVED, FEED = 0, 1, 2, 3, 4, 5, 6, 7


@kernel
def insert_point(out, count, at, pool, gone, lost):
    """Insert pool row `at` into the staircase `out` (bytes rising, cycles falling). Returns (new count, new lost).

    Rows that it beats go to `gone` from place `lost` on, as (row, its footprint): from that footprint on they are beaten.
    """
    total, cycles = pool[at, 1], pool[at, 2]
    place = count
    while place > 0 and pool[out[place - 1], 1] > total:
        place -= 1
    if place > 0 and pool[out[place - 1], 2] <= cycles:
        return count, lost
    last = place
    while last < count and pool[out[last], 2] >= cycles:
        last += 1
    if place > 0 and pool[out[place - 1], 1] == total:
        place -= 1
    for j in range(place, last):
        gone[lost, 0], gone[lost, 1] = out[j], at
        lost += 1
    if last == place:
        for j in range(count, place, -1):
            out[j] = out[j - 1]
        count += 1
    else:
        for j in range(last, count):
            out[place + 1 + j - last] = out[j]
        count -= last - place - 1
    out[place] = at
    return count, lost


@kernel
def stair(span, pool, room, first, marks, kept, out, gone):
    """Fill `out` with the rows of a frontier that fit `room` and that no other beats, bytes rising.

    span: the frontier's rows lo..hi, and where its blocks begin in `first`. kept: int64[4], what `out` holds from the call
    before: lo, rows that fitted, points, and whether it is of use; SRAM sizes mostly rise, so often few rows are new, or none.
    Returns how many points there are, or -1 where they may not fit in `out`.
    """
    lo, hi, base = span[0], span[1], span[2]
    low, count = kept[1], kept[2]
    known = kept[3] == 1 and kept[0] == lo and (low == lo or pool[low - 1, 0] <= room)
    if not known or (low + MARK < hi and pool[low + MARK, 0] <= room):
        low, count, end = lo, 0, hi
        while low < end:
            middle = (low + end) // 2
            low, end = (middle + 1, end) if pool[middle, 0] <= room else (low, middle)
        low = lo
        if end > lo:
            block = (end - 1 - lo) // MARK
            low = lo + block * MARK
            kept[3] = 0
            for j in range(first[base + block], first[base + block + 1]):
                if count == out.shape[0]:
                    return -1
                out[count] = marks[j]
                count += 1
    while low < hi and pool[low, 0] <= room:
        if count == out.shape[0]:
            kept[3] = 0
            return -1
        count, _ = insert_point(out, count, low, pool, gone, 0)
        low += 1
    kept[0], kept[1], kept[2], kept[3] = lo, low, count, 1
    return count


@kernel
def stairs_between(span, pool, least, most, first, marks, kept, out, gone):
    """Fill `gone` with all rows of the staircases of rooms from `least` to `most`: (row, row that beats it or -1), bytes rising.

    Returns how many there are, or -1 where a list is too short.
    """
    count = stair(span, pool, least, first, marks, kept, out, gone)
    if count < 0:
        return -1
    low, hi, lost = kept[1], span[1], 0
    while low < hi and pool[low, 0] <= most:
        if count == out.shape[0] or lost + count + 1 >= gone.shape[0]:
            kept[3] = 0
            return -1
        count, lost = insert_point(out, count, low, pool, gone, lost)
        low += 1
    kept[1], kept[2] = low, count
    if lost + count > gone.shape[0]:
        return -1
    for j in range(count):
        gone[lost + j, 0], gone[lost + j, 1] = out[j], -1
    for j in range(1, lost + count if lost > 0 else 0):
        row, by, place = gone[j, 0], gone[j, 1], j
        while place > 0 and pool[gone[place - 1, 0], 1] > pool[row, 1]:
            gone[place, 0], gone[place, 1] = gone[place - 1, 0], gone[place - 1, 1]
            place -= 1
        gone[place, 0], gone[place, 1] = row, by
    return lost + count


@kernel
def span_of(step, weights, rooms_of, kept, many, group):
    """(least room, most room, whether kept bytes differ, kept bytes) of a bucket's sizes in a group; least > most: none."""
    least, most, varied, some = math.inf, -math.inf, False, -1.0
    for size in range(many):
        if rooms_of[size] < 0.0 or (weights[step] > 0.0 and kept[size, step] >= weights[step]) != (group == WHOLLY):
            continue
        least, most = min(least, rooms_of[size]), max(most, rooms_of[size])
        varied |= group == PARTLY and some >= 0.0 and kept[size, step] != some
        some = kept[size, step]
    return least, most, varied, some


@kernel
def list_step(net, step, limits, whole, group, stays, slot, count, listing):
    """Append what a step can do in rooms between `limits` to the list; its new length, or -1 where it is too short.

    whole: whether its weights stay as a whole; group: the points that are meant. stays: kept bytes, whether these differ.
    """
    first, source, target, spans, spans_kept, costs, steps, pool, blocks, marks, feed = net
    reach, ways, amounts, held, stairs, gone = listing
    now, after = step % 2, 1 - step % 2
    for move in range(first[step], first[step + 1]):
        least, most = limits[0] - costs[move, 0], limits[1] - costs[move, 0]
        if reach[now, source[move]] == 0 or most < steps[step, 0]:
            continue
        span = spans_kept[move] if whole else spans[move]
        beside = costs[move, 1] - (0.0 if whole else stays[0])
        tiled, found = span[0] < span[1], 1
        if tiled:
            at = slot + slot + 1 if whole else slot + slot
            found = stairs_between(span, pool, least, most, blocks, marks, held[at, move], stairs[at, move], gone)
        if found < 0 or count + found > ways.shape[0]:
            return -1
        for i in range(found):
            row = gone[i, 0] if tiled else -1
            need, until = steps[step, 0], math.inf
            if tiled:
                need = max(need, pool[row, 0])
                until = pool[gone[i, 1], 0] if gone[i, 1] >= 0 else math.inf
            if need >= until or until <= least:
                continue
            reach[after, target[move]] = 1
            ways[count, SOURCE], ways[count, TARGET], ways[count, POINT] = source[move], target[move], row
            ways[count, KIND], ways[count, GROUP] = ALWAYS, group
            if need > least or until <= most or group != ANY:
                ways[count, KIND] = SOME
            if stays[1]:
                ways[count, KIND] = VARIED
            amounts[count, CYCLES] = max(steps[step, 1], pool[row, 2]) if tiled else steps[step, 1]
            amounts[count, TOTAL] = max(0.0, pool[row, 1] + beside) if tiled else beside
            amounts[count, TILES], amounts[count, BESIDE] = pool[row, 1] if tiled else 0.0, costs[move, 1]
            amounts[count, NEED], amounts[count, UNTIL], amounts[count, RESERVED] = need, until, costs[move, 0]
            amounts[count, FEED] = feed[row] if tiled else 0.0
            count += 1
    return count


@kernel
def list_choices(net, weights, rooms_of, kept, many, slot, count, begins, listing):
    """Append what each step can do in the rooms of a bucket's SRAM sizes to the list, and fill begins[step].

    Returns the new length of the list, the same where no schedule fits, -1 where the list is too short.
    """
    reach, before = listing[0], count
    steps, states = weights.shape[0], reach.shape[1]
    for state in range(states):
        reach[0, state] = 0
    reach[0, 0] = 1
    for step in range(steps):
        begins[step] = count
        for state in range(states):
            reach[1 - step % 2, state] = 0
        partly = span_of(step, weights, rooms_of, kept, many, PARTLY)
        wholly = span_of(step, weights, rooms_of, kept, many, WHOLLY)
        group = ANY if partly[0] > partly[1] or wholly[0] > wholly[1] else PARTLY
        if partly[0] <= partly[1]:
            count = list_step(net, step, partly, False, group, (partly[3], partly[2]), slot, count, listing)
        if count >= 0 and wholly[0] <= wholly[1]:
            group = WHOLLY if group == PARTLY else ANY
            count = list_step(net, step, wholly, True, group, (0.0, False), slot, count, listing)
        if count < 0:
            return -1
        if begins[step] == count:
            return before
    begins[steps] = count
    return count if reach[steps % 2, 0] == 1 else before


@kernel
def list_buckets(net, weights, rooms_of, kept, size_firsts, wanted, slot, begins, listing):
    """List the choices of the buckets that are wanted: rows begins[bucket, step] .. begins[bucket, step + 1] - 1.

    net: arrays of a pool (first, source and target of moves, spans, spans_kept, costs, steps, points, blocks, marks), and the
    bytes that each frontier row feeds to the arrays. weights: bytes of each step. rooms_of: bytes for all but kept weights of
    each SRAM size, negative where it does not try this room. kept: float64[sizes, steps]. size_firsts: the first SRAM size of
    each bucket, and the end. slot: which of the staircases kept from one bucket to the next to use. A bucket in which no
    schedule fits is wanted no longer. Returns 0, or -1 where a list is too short.
    """
    count = 0
    for bucket in range(wanted.shape[0]):
        if wanted[bucket]:
            lo, hi, before = size_firsts[bucket], size_firsts[bucket + 1], count
            count = list_choices(
                net, weights, rooms_of[lo:hi], kept[lo:hi], hi - lo, slot, count, begins[bucket], listing
            )
            if count < 0:
                return -1
            wanted[bucket] = count > before
    return 0
