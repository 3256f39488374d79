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


@kernel
def cycles_of(cycles, total, ratio, phi):
    """Cycles of a choice without overhead, where a byte takes `ratio` cycles."""
    outer = total * ratio
    large = cycles if cycles > outer else outer
    small = outer if cycles > outer else cycles
    return large + phi * small


@kernel
def guide(listing, ratio, phi, scratch):
    """Fill `path` with the fastest choices at one ratio among those that all points have; whether there is such a path."""
    begins, ways, amounts = listing
    _, came, path, forth, _ = scratch
    steps, states = came.shape
    for state in range(states):
        forth[0, state] = math.inf
    forth[0, 0] = 0.0
    for step in range(steps):
        for state in range(states):
            forth[step + 1, state] = math.inf
        for number in range(begins[step], begins[step + 1]):
            kind, target = ways[number, KIND], ways[number, TARGET]
            if kind == VARIED:
                return False
            time = forth[step, ways[number, SOURCE]] + cycles_of(
                amounts[number, CYCLES], amounts[number, TOTAL], ratio, phi
            )
            if kind == ALWAYS and time < forth[step + 1, target]:
                forth[step + 1, target], came[step, target] = time, number
    state = 0
    for step in range(steps - 1 if forth[steps, 0] < math.inf else -1, -1, -1):
        path[step] = came[step, state]
        state = ways[path[step], SOURCE]
    return forth[steps, 0] < math.inf


@kernel
def weigh(listing, least, most, phi, scratch):
    """Fill lead[number] with the cycles that no choice takes less than beyond the guide's, at any ratio from `least` to `most`.

    Returns the most cycles of the guide. Both are piecewise linear in the ratio, convex, with one kink, so that their
    difference is least at an end or at the kink of the choice.
    """
    begins, ways, amounts = listing
    lead, _, path, forth, _ = scratch
    steps, states = path.shape[0], forth.shape[1]
    whole = 0.0
    for step in range(steps):
        cycles, total = amounts[path[step], CYCLES], amounts[path[step], TOTAL]
        low, high = cycles_of(cycles, total, least, phi), cycles_of(cycles, total, most, phi)
        whole += high
        for state in range(states):
            forth[step + 1, state] = math.inf
        for number in range(begins[step], begins[step + 1]):
            own, moved = amounts[number, CYCLES], amounts[number, TOTAL]
            less = min(cycles_of(own, moved, least, phi) - low, cycles_of(own, moved, most, phi) - high)
            if moved * least < own < moved * most:
                less = min(less, own + phi * own - cycles_of(cycles, total, own / moved, phi))
            lead[number] = less
            target = ways[number, TARGET]
            forth[step + 1, target] = min(forth[step + 1, target], forth[step, ways[number, SOURCE]] + less)
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
def all_choices(begins, starts, picks, at):
    """List all choices of a bucket from place `at` of `picks` on; where the list ends."""
    for step in range(begins.shape[0]):
        starts[step] = at + begins[step] - begins[0]
    for number in range(begins[0], begins[begins.shape[0] - 1]):
        picks[at + number - begins[0]] = number
    return starts[begins.shape[0] - 1]


@kernel
def near_guide(listing, margin, starts, picks, at, scratch):
    """List the choices from place `at` of `picks` on on a path within `margin` cycles of the guide; where the list ends."""
    begins, ways, _ = listing
    lead, _, _, forth, back = scratch
    steps, states = forth.shape[0] - 1, forth.shape[1]
    for state in range(states):
        back[steps, state] = math.inf
    back[steps, 0] = 0.0
    for step in range(steps - 1, -1, -1):
        for state in range(states):
            back[step, state] = math.inf
        for number in range(begins[step], begins[step + 1]):
            source = ways[number, SOURCE]
            back[step, source] = min(back[step, source], lead[number] + back[step + 1, ways[number, TARGET]])
    for step in range(steps):
        starts[step] = at
        for number in range(begins[step], begins[step + 1]):
            picks[at] = number
            rest = lead[number] + back[step + 1, ways[number, TARGET]]
            at += forth[step, ways[number, SOURCE]] + rest <= margin
    starts[steps] = at
    return at


@kernel
def narrow_blocks(machines, blocks, wanted, lists, phi, scratch, chosen):
    """List the choices of each block that is wanted: picks[starts[block, step]] .. picks[starts[block, step + 1] - 1].

    What is left out lies on no path that comes within a billionth of the guide's at any of the block's ratios of bandwidth and
    clock. Rounding is far smaller, so the best of all stays, and the first of equals. machines, blocks, lists: as in
    `kernels.sweep.residency_blocks`. chosen: picks, room for all choices of the blocks and one; starts; and whether every step
    has one choice, for all points of the block.
    """
    picks, starts, straight = chosen
    at, steps = 0, starts.shape[1] - 1
    for number in range(blocks.shape[0]):
        if not wanted[number]:
            continue
        listing = (lists[0][blocks[number, 2]], lists[1], lists[2])
        least, most, overhead = ratios(machines, blocks[number, 0], blocks[number, 1])
        straight[number] = False
        if most < math.inf and overhead < math.inf and guide(listing, 0.5 * (least + most), phi, scratch):
            margin = 1e-9 * (weigh(listing, least, most, phi, scratch) + steps * overhead)
            at = near_guide(listing, margin, starts[number], picks, at, scratch)
            straight[number] = at - starts[number, 0] == steps
        else:
            at = all_choices(listing[0], starts[number], picks, at)
