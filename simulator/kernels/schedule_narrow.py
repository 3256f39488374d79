"""Which choices of a list may matter to a block of points: those on no path near the best of any of them are left out.

Points of a block differ little in the ratio of bandwidth and clock, and mostly one choice a step is left of seven: then there is
nothing to search.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import OWN_BYTES, OWN_CYCLES, WAY_KIND, WAY_SOURCE, WAY_TARGET, Listing, Rates, step_time
from .schedule_lists import ALWAYS, VARIED
from .schedule_whole import BUCKET, FIRST, MANY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOGETHER = 8
"""Blocks of a bucket that are narrowed together before each on its own."""

LEAST, MOST, KINK = range(3)
"""Columns of bounds: along the line at the least and at the most ratio, and of each choice at its worst."""


class Narrowing(NamedTuple):
    """Scratch: bounds of each choice, how each state was reached, the guide, bounds of the ways to a state and from it."""

    lead: Floats
    came: Ints
    guide: Ints
    forth: Floats
    back: Floats


class Task(NamedTuple):
    """What is narrowed: choices, for points of these rates; where those that matter are listed, and scratch."""

    listing: Listing
    rates: Rates
    phi: float
    picks: Ints
    scratch: Narrowing


def new_narrowing(steps: int, states: int, wide: int) -> Narrowing:
    """Scratch for lists of up to `wide` choices."""
    return Narrowing(
        np.empty((wide, 3)),
        np.zeros((steps, states), dtype=np.int64),
        np.zeros(steps, dtype=np.int64),
        np.empty((steps + 1, states, 3)),
        np.empty((steps + 1, states, 3)),
    )


@kernel
def cycles_of(cycles, total, ratio, phi):
    """Cycles of a choice without overhead, where a byte takes `ratio` cycles."""
    return step_time(cycles, total, 1.0, ratio, phi, 0.0)


@kernel
def guide(task, starts, ratio):
    """Fill scratch.guide with the fastest choices at one ratio among those that all points have; whether there is such a path."""
    ways, amounts = task.listing.ways, task.listing.amounts
    came, path, forth = task.scratch.came, task.scratch.guide, task.scratch.forth
    steps, states = came.shape
    forth[0, 0, LEAST] = 0.0  # choices of the first step are listed from state 0 alone
    for step in range(steps):
        for state in range(states):
            forth[step + 1, state, LEAST] = math.inf
        for at in range(starts[step], starts[step + 1]):
            number = task.picks[at]
            kind, target = ways[number, WAY_KIND], ways[number, WAY_TARGET]
            if kind == VARIED:
                return False
            own = cycles_of(amounts[number, OWN_CYCLES], amounts[number, OWN_BYTES], ratio, task.phi)
            time = forth[step, ways[number, WAY_SOURCE], LEAST] + own
            if kind == ALWAYS and time < forth[step + 1, target, LEAST]:
                forth[step + 1, target, LEAST], came[step, target] = time, number
    state = 0
    for step in range(steps - 1 if forth[steps, 0, LEAST] < math.inf else -1, -1, -1):
        path[step] = came[step, state]
        state = ways[path[step], WAY_SOURCE]
    return forth[steps, 0, LEAST] < math.inf


@kernel
def weigh(task, starts, least, most):
    """Fill lead[at] with three bounds of what choice picks[at] takes beyond the guide's at ratios from `least` to `most`.

    And forth[step, state] with their least sums over the ways to a state. Returns the most cycles of the guide. Cycles are
    linear in the ratio but for one kink, upwards. So what a choice takes beyond the guide is least at an end or at its kink: the
    third bound, good for a wide range. And it is above a line: that of a choice through its ends, lowered to its kink, less that
    of the guide, which is below the line through its ends. Lines of a path add to a line, which is least at an end: the first
    two bounds, of which one must hold.
    """
    ways, amounts, phi = task.listing.ways, task.listing.amounts, task.phi
    lead, path, forth = task.scratch.lead, task.scratch.guide, task.scratch.forth
    steps, states, whole = len(path), forth.shape[1], 0.0
    forth[0, 0, LEAST] = forth[0, 0, MOST] = forth[0, 0, KINK] = 0.0
    for step in range(steps):
        cycles, total = amounts[path[step], OWN_CYCLES], amounts[path[step], OWN_BYTES]
        low, high = cycles_of(cycles, total, least, phi), cycles_of(cycles, total, most, phi)
        whole += high
        for state in range(states):
            forth[step + 1, state, LEAST] = forth[step + 1, state, MOST] = forth[step + 1, state, KINK] = math.inf
        for at in range(starts[step], starts[step + 1]):
            number = task.picks[at]
            own, moved = amounts[number, OWN_CYCLES], amounts[number, OWN_BYTES]
            first, last = cycles_of(own, moved, least, phi), cycles_of(own, moved, most, phi)
            lower, less = 0.0, min(first - low, last - high)
            if moved * least < own < moved * most:
                kink, at_kink = own / moved, own + phi * own
                lower = first + (last - first) * ((kink - least) / (most - least)) - at_kink
                less = min(less, at_kink - cycles_of(cycles, total, kink, phi))
            first, last = first - low - lower, last - high - lower
            row = at - starts[0]
            lead[row, LEAST], lead[row, MOST], lead[row, KINK] = first, last, less
            source, target = ways[number, WAY_SOURCE], ways[number, WAY_TARGET]
            forth[step + 1, target, LEAST] = min(forth[step + 1, target, LEAST], forth[step, source, LEAST] + first)
            forth[step + 1, target, MOST] = min(forth[step + 1, target, MOST], forth[step, source, MOST] + last)
            forth[step + 1, target, KINK] = min(forth[step + 1, target, KINK], forth[step, source, KINK] + less)
    return whole


@kernel
def ratios(rates, first, many):
    """(least and most cycles that a byte takes, most cycles of overhead) of points of a block."""
    least, most, overhead = math.inf, 0.0, 0.0
    for p in range(first, first + many):
        ratio = rates.byte_s[p] / rates.cycle_s[p]
        least, most = min(least, ratio), max(most, ratio)
        overhead = max(overhead, rates.overhead_s[p] / rates.cycle_s[p])
    return least, most, overhead


@kernel
def near_guide(task, starts, margin, starts_out, at):
    """List the choices on a path within `margin` cycles of the guide from place `at` of `picks` on; where the list ends."""
    ways, picks = task.listing.ways, task.picks
    lead, forth, back = task.scratch.lead, task.scratch.forth, task.scratch.back
    steps, states, begin = len(starts) - 1, forth.shape[1], starts[0]
    for state in range(states):
        back[steps, state, LEAST] = back[steps, state, MOST] = back[steps, state, KINK] = math.inf
    back[steps, 0, LEAST] = back[steps, 0, MOST] = back[steps, 0, KINK] = 0.0
    for step in range(steps - 1, -1, -1):
        for state in range(states):
            back[step, state, LEAST] = back[step, state, MOST] = back[step, state, KINK] = math.inf
        for i in range(starts[step], starts[step + 1]):
            source, target = ways[picks[i], WAY_SOURCE], ways[picks[i], WAY_TARGET]
            back[step, source, LEAST] = min(
                back[step, source, LEAST], lead[i - begin, LEAST] + back[step + 1, target, LEAST]
            )
            back[step, source, MOST] = min(
                back[step, source, MOST], lead[i - begin, MOST] + back[step + 1, target, MOST]
            )
            back[step, source, KINK] = min(
                back[step, source, KINK], lead[i - begin, KINK] + back[step + 1, target, KINK]
            )
    for step in range(steps):
        starts_out[step] = at
        for i in range(starts[step], starts[step + 1]):
            picks[at] = picks[i]
            source, target = ways[picks[i], WAY_SOURCE], ways[picks[i], WAY_TARGET]
            first = forth[step, source, LEAST] + (lead[i - begin, LEAST] + back[step + 1, target, LEAST])
            last = forth[step, source, MOST] + (lead[i - begin, MOST] + back[step + 1, target, MOST])
            less = forth[step, source, KINK] + (lead[i - begin, KINK] + back[step + 1, target, KINK])
            at += ((first <= margin) | (last <= margin)) & (less <= margin)
    starts_out[steps] = at
    return at


@kernel
def narrow(task, first, many, starts, starts_out, at):
    """List those of the choices picks[starts[step]] .. that may be best for points first .. first + many - 1 from place `at` on.

    Returns where the list ends; -1: nothing can be left out.
    """
    least, most, overhead = ratios(task.rates, first, many)
    if not (most < math.inf and overhead < math.inf):
        return -1
    if not guide(task, starts, 0.5 * (least + most)):
        return -1
    margin = 1e-9 * (weigh(task, starts, least, most) + (len(starts) - 1) * overhead)
    return near_guide(task, starts, margin, starts_out, at)


@kernel
def narrow_blocks(rates, blocks, wanted, listing, phi, scratch, chosen):
    """List the choices of each block that is wanted: picks[starts[block, step]] .. picks[starts[block, step + 1] - 1].

    What is left out lies on no path that comes within a billionth of the guide's at any of the block's ratios of bandwidth and
    clock. Rounding is far smaller, so the best of all stays, and the first of equals. rates, blocks, listing: as in
    `kernels.schedule_whole.residency_blocks`. Blocks of a bucket are first narrowed together, TOGETHER at a time. chosen:
    `Chosen`; its picks have room for all choices of each block and bucket and one, its starts two rows more than blocks.
    """
    picks, starts = chosen.picks, chosen.starts
    task = Task(listing, rates, phi, picks, scratch)
    at, steps, count = 0, starts.shape[1] - 1, len(blocks)
    whole, shared, bucket, end, fewer = starts[count], starts[count + 1], -1, 0, False
    for number in range(count):
        if not wanted[number]:
            continue
        first, many, out = blocks[number, FIRST], blocks[number, MANY], starts[number]
        if blocks[number, BUCKET] != bucket:
            bucket, end = blocks[number, BUCKET], number
            begins = listing.begins[bucket]
            for step in range(steps + 1):
                whole[step] = at + begins[step] - begins[0]
            for i in range(begins[0], begins[steps]):
                picks[at] = i
                at += 1
        if number >= end:
            end = number
            while end < count and end < number + TOGETHER and blocks[end, BUCKET] == bucket:
                end += 1
            found = narrow(task, first, blocks[end - 1, FIRST] + blocks[end - 1, MANY] - first, whole, shared, at)
            fewer, at = found >= 0, max(at, found)
        own, found = shared if fewer else whole, -1
        if fewer and shared[steps] - shared[0] > steps:
            found = narrow(task, first, many, shared, out, at)
            at = max(at, found)
        if found < 0:
            for step in range(steps + 1):
                out[step] = own[step]
        chosen.straight[number] = fewer and out[steps] - out[0] == steps
