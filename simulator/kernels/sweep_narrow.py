"""Which choices of a list may matter to a block of points: those on no path near the best of any of them are left out.

Points of a block differ little in the ratio of bandwidth and clock, and mostly one choice a step is left of seven: then there is
nothing to search.
"""

import math

from .jit import kernel

# as in `kernels.sweep_list`
ALWAYS, VARIED = 0, 2
SOURCE, TARGET, KIND = 0, 1, 3
CYCLES, TOTAL = 0, 1

TOGETHER = 8
"""Blocks of a bucket that are narrowed together before each on its own."""


@kernel
def cycles_of(cycles, total, ratio, phi):
    """Cycles of a choice without overhead, where a byte takes `ratio` cycles."""
    outer = total * ratio
    large = cycles if cycles > outer else outer
    small = outer if cycles > outer else cycles
    return large + phi * small


@kernel
def guide(listing, picks, starts, ratio, phi, scratch):
    """Fill `path` with the fastest choices at one ratio among those that all points have; whether there is such a path."""
    ways, amounts = listing
    _, came, path, forth, _ = scratch
    steps, states = came.shape
    for state in range(states):
        forth[0, state, 0] = math.inf
    forth[0, 0, 0] = 0.0
    for step in range(steps):
        for state in range(states):
            forth[step + 1, state, 0] = math.inf
        for at in range(starts[step], starts[step + 1]):
            number = picks[at]
            kind, target = ways[number, KIND], ways[number, TARGET]
            if kind == VARIED:
                return False
            own = cycles_of(amounts[number, CYCLES], amounts[number, TOTAL], ratio, phi)
            time = forth[step, ways[number, SOURCE], 0] + own
            if kind == ALWAYS and time < forth[step + 1, target, 0]:
                forth[step + 1, target, 0], came[step, target] = time, number
    state = 0
    for step in range(steps - 1 if forth[steps, 0, 0] < math.inf else -1, -1, -1):
        path[step] = came[step, state]
        state = ways[path[step], SOURCE]
    return forth[steps, 0, 0] < math.inf


@kernel
def weigh(listing, picks, starts, least, most, phi, scratch):
    """Fill lead[at] with three bounds of what choice picks[at] takes beyond the guide's at ratios from `least` to `most`.

    And forth[step, state] with their least sums over the ways to a state. Returns the most cycles of the guide. Cycles are
    linear in the ratio but for one kink, upwards. So what a choice takes beyond the guide is least at an end or at its kink: the
    third bound, good for a wide range. And it is above a line: that of a choice through its ends, lowered to its kink, less that
    of the guide, which is below the line through its ends. Lines of a path add to a line, which is least at an end: the first
    two bounds, of which one must hold.
    """
    ways, amounts = listing
    lead, _, path, forth, _ = scratch
    steps, states, whole = path.shape[0], forth.shape[1], 0.0
    for state in range(states):
        forth[0, state, 0] = forth[0, state, 1] = forth[0, state, 2] = math.inf
    forth[0, 0, 0] = forth[0, 0, 1] = forth[0, 0, 2] = 0.0
    for step in range(steps):
        cycles, total = amounts[path[step], CYCLES], amounts[path[step], TOTAL]
        low, high = cycles_of(cycles, total, least, phi), cycles_of(cycles, total, most, phi)
        whole += high
        for state in range(states):
            forth[step + 1, state, 0] = forth[step + 1, state, 1] = forth[step + 1, state, 2] = math.inf
        for at in range(starts[step], starts[step + 1]):
            number = picks[at]
            own, moved = amounts[number, CYCLES], amounts[number, TOTAL]
            first, last = cycles_of(own, moved, least, phi), cycles_of(own, moved, most, phi)
            lower, less = 0.0, min(first - low, last - high)
            if moved * least < own < moved * most:
                kink, at_kink = own / moved, own + phi * own
                lower = first + (last - first) * ((kink - least) / (most - least)) - at_kink
                less = min(less, at_kink - cycles_of(cycles, total, kink, phi))
            first, last = first - low - lower, last - high - lower
            lead[at - starts[0], 0], lead[at - starts[0], 1], lead[at - starts[0], 2] = first, last, less
            source, target = ways[number, SOURCE], ways[number, TARGET]
            forth[step + 1, target, 0] = min(forth[step + 1, target, 0], forth[step, source, 0] + first)
            forth[step + 1, target, 1] = min(forth[step + 1, target, 1], forth[step, source, 1] + last)
            forth[step + 1, target, 2] = min(forth[step + 1, target, 2], forth[step, source, 2] + less)
    return whole


@kernel
def ratios(machines, first, many):
    """(least and most cycles that a byte takes, most cycles of overhead) of points of a block."""
    least, most, overhead = math.inf, 0.0, 0.0
    for p in range(first, first + many):
        ratio = machines[1][p] / machines[0][p]
        least, most = min(least, ratio), max(most, ratio)
        overhead = max(overhead, machines[2][p] / machines[0][p])
    return least, most, overhead


@kernel
def near_guide(listing, picks, starts, margin, scratch, starts_out, at):
    """List the choices on a path within `margin` cycles of the guide from place `at` of `picks` on; where the list ends."""
    ways, _ = listing
    lead, _, _, forth, back = scratch
    steps, states, begin = forth.shape[0] - 1, forth.shape[1], starts[0]
    for state in range(states):
        back[steps, state, 0] = back[steps, state, 1] = back[steps, state, 2] = math.inf
    back[steps, 0, 0] = back[steps, 0, 1] = back[steps, 0, 2] = 0.0
    for step in range(steps - 1, -1, -1):
        for state in range(states):
            back[step, state, 0] = back[step, state, 1] = back[step, state, 2] = math.inf
        for i in range(starts[step], starts[step + 1]):
            source, target = ways[picks[i], SOURCE], ways[picks[i], TARGET]
            back[step, source, 0] = min(back[step, source, 0], lead[i - begin, 0] + back[step + 1, target, 0])
            back[step, source, 1] = min(back[step, source, 1], lead[i - begin, 1] + back[step + 1, target, 1])
            back[step, source, 2] = min(back[step, source, 2], lead[i - begin, 2] + back[step + 1, target, 2])
    for step in range(steps):
        starts_out[step] = at
        for i in range(starts[step], starts[step + 1]):
            picks[at] = picks[i]
            source, target = ways[picks[i], SOURCE], ways[picks[i], TARGET]
            first = forth[step, source, 0] + (lead[i - begin, 0] + back[step + 1, target, 0])
            last = forth[step, source, 1] + (lead[i - begin, 1] + back[step + 1, target, 1])
            less = forth[step, source, 2] + (lead[i - begin, 2] + back[step + 1, target, 2])
            at += ((first <= margin) | (last <= margin)) & (less <= margin)
    starts_out[steps] = at
    return at


@kernel
def narrow(listing, machines, first, many, picks, starts, phi, scratch, starts_out, at):
    """List those of the choices picks[starts[step]] .. that may be best for points first .. first + many - 1 from place `at` on.

    Returns where the list ends; -1: nothing can be left out.
    """
    least, most, overhead = ratios(machines, first, many)
    if not (most < math.inf and overhead < math.inf):
        return -1
    if not guide(listing, picks, starts, 0.5 * (least + most), phi, scratch):
        return -1
    margin = 1e-9 * (weigh(listing, picks, starts, least, most, phi, scratch) + (starts.shape[0] - 1) * overhead)
    return near_guide(listing, picks, starts, margin, scratch, starts_out, at)


@kernel
def narrow_blocks(machines, blocks, wanted, lists, phi, scratch, chosen):
    """List the choices of each block that is wanted: picks[starts[block, step]] .. picks[starts[block, step + 1] - 1].

    What is left out lies on no path that comes within a billionth of the guide's at any of the block's ratios of bandwidth and
    clock. Rounding is far smaller, so the best of all stays, and the first of equals. machines, blocks, lists: as in
    `kernels.sweep.residency_blocks`. Blocks of a bucket are first narrowed together, TOGETHER at a time. chosen: picks, room for
    all choices of each block and bucket and one; starts, two rows more than blocks; and whether every step has one choice, for
    all points of the block.
    """
    picks, starts, straight = chosen
    listing, at, steps, count = (lists[1], lists[2]), 0, starts.shape[1] - 1, blocks.shape[0]
    whole, shared, bucket, end, fewer = starts[count], starts[count + 1], -1, 0, False
    for number in range(count):
        if not wanted[number]:
            continue
        if blocks[number, 2] != bucket:
            bucket, end = blocks[number, 2], number
            begins = lists[0][bucket]
            for step in range(steps + 1):
                whole[step] = at + begins[step] - begins[0]
            for i in range(begins[0], begins[steps]):
                picks[at] = i
                at += 1
        if number >= end:
            end = number
            while end < count and end < number + TOGETHER and blocks[end, 2] == bucket:
                end += 1
            first, many = blocks[number, 0], blocks[end - 1, 0] + blocks[end - 1, 1] - blocks[number, 0]
            found = narrow(listing, machines, first, many, picks, whole, phi, scratch, shared, at)
            fewer, at = found >= 0, max(at, found)
        own, found = shared if fewer else whole, -1
        if fewer and shared[steps] - shared[0] > steps:
            found = narrow(
                listing, machines, blocks[number, 0], blocks[number, 1], picks, shared, phi, scratch, starts[number], at
            )
            at = max(at, found)
        if found < 0:
            for step in range(steps + 1):
                starts[number, step] = own[step]
        straight[number] = fewer and starts[number, steps] - starts[number, 0] == steps
