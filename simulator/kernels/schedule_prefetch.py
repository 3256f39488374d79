"""The prefetch programme for many points at once, points innermost: overlap `network`.

What `kernels.schedule_few.fetch_ahead` gives for each point: the same operations, the same first of equals. A **run** is a
room beside kept weights with so many bytes set aside, begun cold or warm; its list of choices (`kernels.schedule_lists`) is the
same for all points, which have one SRAM size or neighbouring ones. Labels (time, bytes ahead) are those of
`kernels.schedule_labels`.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import OWN_CYCLES, WAY_POINT, WAY_SOURCE, prefetch_step
from .schedule_labels import (
    BYTE_S,
    BYTES_PER_S,
    CYCLE_S,
    OVERHEAD_S,
    SLOTS,
    STOP_S,
    Labels,
    Lanes,
    end_block,
    of_run,
    run_block,
)
from .schedule_sums import BLOCK
from .schedule_whole import total_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPREAD = 4
"""Of points in order, every so many are solved before those between."""

FEW = 128
"""Of fewer points the first leave out what cannot win; of more, they see it through, so that others need not try it."""

ROUNDING = 1e-11
"""Share of a time that sums in another order may differ by."""

COLD, STEADY = 0, 1
"""Kinds of answers: the fastest for a batch on its own, and the fastest of many batches."""


class Running(NamedTuple):
    """Scratch of a block: its machines, the programme, ends found (time, label, wait), and a path with the bytes and times of its
    steps."""

    machine: Floats
    labels: Labels
    found: Floats
    path: Ints
    moved: Floats
    step_s: Floats


class Bounds(NamedTuple):
    """Of each run: its room, bytes ahead; and in each SRAM size those at the start of a warm one, least cycles and bytes."""

    room_of: Ints
    ahead: Floats
    start: Floats
    cycles: Floats
    bytes_: Floats


class Work(NamedTuple):
    """Scratch of a search: the number of each point's SRAM size, rising; what a run, cold and warm, takes at least at each point,
    and a point at most; floors; lists."""

    sizes: Ints
    lows: Floats
    highs: Floats
    floor_of: Ints
    floors: Floats
    nodes: Ints
    lanes: Ints
    beside: Floats


class Out(NamedTuple):
    """The best schedules of each kind: limits, times (infinite: nothing fits; minus infinity: too many labels), runs, and
    frontier rows, bytes and times of steps."""

    limits: Floats
    best: Floats
    runs: Ints
    rows: npt.NDArray[np.int32]
    moved: Floats
    times: Floats


BEFORE, AFTER, OVER_BEFORE, OVER_AFTER = range(4)
"""Rows of `Work.beside`: the points before and after of which all is known, and the ratio over theirs."""


def new_running(steps: int, states: int, places: Ints, rows: int) -> Running:
    """Scratch for networks of this size; places, rows: of the choices of each step and state."""
    labels = Labels(
        np.zeros((2, states * SLOTS, 3 * BLOCK)), np.zeros((rows, BLOCK), dtype=np.float32), places,
        np.zeros((2, states), dtype=np.int64), np.zeros(4 * BLOCK), np.zeros(BLOCK),
        Lanes(np.zeros(BLOCK, dtype=np.int64), *(np.zeros(BLOCK) for _ in Lanes._fields[1:])),
    )  # fmt: skip
    path, moved, step_s = np.zeros(steps, dtype=np.int64), np.zeros(steps), np.zeros(steps)
    return Running(np.zeros(6 * BLOCK), labels, np.zeros((3, BLOCK)), path, moved, step_s)


@kernel
def walk_point(begin, listing, terms, ahead, p, running):
    """Follow the choices of a point of a block back; fill in the path, bytes and time of each step. Returns the sum of times."""
    ways, amounts = listing.ways, listing.amounts
    machine, labels, found, path, moved, step_s = running
    state, slot, steps = 0, int(found[1, p]), len(step_s)
    for step in range(steps - 1, -1, -1):
        code = int(labels.way[labels.places[step, state] + slot, p])
        number, slot = begin + code // SLOTS, code % SLOTS
        path[step], state = number, ways[number, WAY_SOURCE]
    have, size = labels.lanes.start[p], labels.lanes.sizes[p]
    for step in range(steps):
        total = max(0.0, total_of(path[step], terms.kept[size, step], listing))
        moved[step], most = total, min(ahead, terms.to_come[size, step])
        time, have = prefetch_step(
            have, total, min(terms.first_pass[size, step], total), most, amounts[path[step], OWN_CYCLES],
            machine[CYCLE_S + p], machine[BYTE_S + p], machine[BYTES_PER_S + p],
        )  # fmt: skip
        step_s[step] = time + machine[OVERHEAD_S + p]
    step_s[steps - 1] += found[2, p]
    total = 0.0
    for step in range(steps):  # step after step, as a plan adds: the wait is part of the last
        total += step_s[step]
    return total


@kernel
def no_less(run, size, other, rooms):
    """Whether a run has no less in one SRAM size than in another, in which it is tried: no less room, and no fewer weights stay.

    More SRAM mostly has more of both; but as whole channels stay, a little less room may be left.
    """
    return size == other or (size > other and rooms[run, other] >= 0.0 and rooms[run, size] >= rooms[run, other])


@kernel
def bound_of(row, x, own, rooms, work, top, bounds):
    """Cycles that a run does not go below at a point, by what is known of it at points beside. own: the point's ratio.

    With as many cycles, a slower memory is never faster; a memory slower by a factor never takes more than that factor; and a
    run with more room, beside which no fewer weights stay, is never slower. rooms: as of `Terms`.
    """
    run, size, lows, beside = row // 2, work.sizes[x], work.lows, work.beside
    low = max(bounds.cycles[run, size], bounds.bytes_[run, size] * own)
    if not top:
        before, after = int(beside[BEFORE, x]), int(beside[AFTER, x])
        if no_less(run, work.sizes[before], size, rooms):
            low = max(low, lows[row, before] * min(1.0, beside[OVER_BEFORE, x]))
        if no_less(run, work.sizes[after], size, rooms):
            low = max(low, lows[row, after] * min(1.0, beside[OVER_AFTER, x]))
    if row % 2 == 1:  # begun cold, the bytes ahead at the start can be brought in first
        low = max(low, lows[row - 1, x] - bounds.start[run, size] * own)
    return low


@kernel
def note_point(run, x, kind, total, listing, running, out):
    """Write down the schedule of a point as the best of a kind."""
    out.limits[kind, x], out.best[kind, x], out.runs[kind, x] = total, total, run
    for step in range(len(running.step_s)):
        number = running.path[step]
        out.rows[kind, x, step] = listing.ways[number, WAY_POINT]
        out.moved[kind, x, step] = running.moved[step]
        out.times[kind, x, step] = running.step_s[step]


@kernel
def fill_block(work, many, rates, limits, share, running):
    """The machines and SRAM sizes of the points of a block, and when to stop: at so many times their limits."""
    machine, sizes = running.machine, running.labels.lanes.sizes
    for p in range(many):
        x = work.lanes[p]
        machine[STOP_S + p], sizes[p] = limits[x] * share * (1.0 + 1e-9), work.sizes[x]
        machine[CYCLE_S + p], machine[BYTE_S + p] = rates.cycle_s[x], rates.byte_s[x]
        machine[OVERHEAD_S + p] = rates.overhead_s[x]
        machine[BYTES_PER_S + p] = 1.0 / rates.byte_s[x] if rates.byte_s[x] > 0.0 else math.inf


@kernel
def run_lanes(row, many, begins, listing, terms, bounds, running):
    """One run of the points that were brought into a block; times of their ends are in `running.found`. row: 2 x run + warm."""
    run, warm, lanes = row // 2, row % 2, running.labels.lanes
    for p in range(many):
        lanes.start[p] = bounds.start[run, lanes.sizes[p]] if warm else 0.0
    run_block(
        begins[run],
        listing,
        of_run(terms, run, bounds.room_of[run]),
        bounds.ahead[run],
        running.machine,
        many,
        running.labels,
    )
    end_block(len(running.step_s), running.machine, many, running.labels, running.found)


@kernel
def try_block(row, share, many, begins, listing, terms, bounds, rates, work, running, out):
    """One run of a block of points: what it takes, and where it is the best so far, the schedule. row: 2 x run + warm."""
    run, warm, machine, found, steps = row // 2, row % 2, running.machine, running.found, len(running.step_s)
    kind_of_row = STEADY if warm else COLD
    fill_block(work, many, rates, out.limits[kind_of_row], share, running)
    run_lanes(row, many, begins, listing, terms, bounds, running)
    for p in range(many):
        x, time = work.lanes[p], found[0, p]
        if (
            running.labels.over[p] > 0.0
        ):  # more labels than there is room for: not of use, and nothing more is to be tried
            out.limits[COLD, x], out.limits[STEADY, x], out.best[COLD, x] = -math.inf, -math.inf, -math.inf
            continue
        least = min(time, machine[STOP_S + p])
        if least < math.inf:
            low = (least - steps * rates.overhead_s[x] - ROUNDING * least) / rates.cycle_s[x]
            work.lows[row, x] = max(work.lows[row, x], low)
        if time >= out.limits[kind_of_row, x]:
            continue
        total = walk_point(
            begins[run, 0], listing, of_run(terms, run, bounds.room_of[run]), bounds.ahead[run], p, running
        )
        for kind in (COLD, STEADY):
            if (kind == STEADY or warm == 0) and total < out.limits[kind, x]:
                note_point(run, x, kind, total, listing, running, out)


@kernel
def most_of(kind, x, other, over, rooms, work, out):
    """Cycles that a point does not exceed, by the best of another: where it may run the same, and a memory slower by a factor
    takes at most that factor. over: its ratio over the other's."""
    if work.highs[kind, other] < math.inf and no_less(out.runs[kind, other], work.sizes[x], work.sizes[other], rooms):
        return work.highs[kind, other] * max(1.0, over)
    return math.inf


@kernel
def begin_level(stride, top, rates, ratio, steps, rooms, work, out):
    """Fill in the points of a level, what is beside them, and times that they need not exceed; how many points there are."""
    many, wide, last, beside = 0, SPREAD * stride, len(ratio) - 1, work.beside
    for x in range(last + 1):
        known = not top and (x % wide == 0 or x == last)
        if known or (x % stride != 0 and x != last):
            continue
        work.nodes[many] = x
        many += 1
        before = x - x % wide
        after = min(before + wide, last)
        beside[BEFORE, x], beside[AFTER, x] = before, after
        beside[OVER_BEFORE, x], beside[OVER_AFTER, x] = ratio[x] / ratio[before], ratio[x] / ratio[after]
        for kind in (COLD, STEADY):
            most = math.inf
            if not top:
                most = min(
                    most_of(kind, x, before, beside[OVER_BEFORE, x], rooms, work, out),
                    most_of(kind, x, after, beside[OVER_AFTER, x], rooms, work, out),
                )
            out.limits[kind, x] = (most * rates.cycle_s[x] + steps * rates.overhead_s[x]) * (1.0 + 1e-10)
    return many


@kernel
def probe(many, begins, fits, listing, terms, bounds, rates, ratio, work, running, limits):
    """Times that the first points need not exceed: what the run takes that promises most. It will be run again in its turn."""
    one = min(many, 1)  # a number written out would compile everything anew for it
    for i in range(many):
        x, best, low = work.nodes[i], -1, math.inf
        size = work.sizes[x]
        for run in range(len(begins)):
            own = max(bounds.cycles[run, size], bounds.bytes_[run, size] * ratio[x])
            if fits[run] and terms.rooms[run, size] >= 0.0 and own < low:
                best, low = run, own
        if best >= 0:
            work.lanes[0] = x
            fill_block(work, one, rates, limits[COLD], 1.0, running)
            run_lanes(2 * best, one, begins, listing, terms, bounds, running)
            if running.labels.over[0] == 0.0:
                limits[COLD, x] = limits[STEADY, x] = running.found[0, 0] * (1.0 + 1e-10)


@kernel
def end_level(many, rates, steps, work, out):
    """Where a schedule for one batch is as fast as that for many, it does for both; what points beside can rely on."""
    best = out.best
    for i in range(many):
        x = work.nodes[i]
        if best[COLD, x] <= best[STEADY, x] < math.inf:
            best[STEADY, x], out.runs[STEADY, x] = best[COLD, x], out.runs[COLD, x]
            for step in range(steps):
                out.rows[STEADY, x, step], out.moved[STEADY, x, step] = (
                    out.rows[COLD, x, step],
                    out.moved[COLD, x, step],
                )
                out.times[STEADY, x, step] = out.times[COLD, x, step]
        for kind in (COLD, STEADY):
            high = (best[kind, x] - steps * rates.overhead_s[x] + ROUNDING * best[kind, x]) / rates.cycle_s[x]
            work.highs[kind, x] = high if best[COLD, x] > -math.inf else math.inf


@kernel
def search(begins, fits, listing, terms, bounds, rates, ratio, work, running, out):
    """The best schedules of points of neighbouring SRAM sizes, sorted by size and `ratio`, seconds per byte over those per cycle.

    begins: int64[runs, steps + 1], places of each run's choices in `listing`; fits: whether it has any schedule. Runs are in
    the order of `schedule.keep`. terms: `Terms`, a row a run. bounds: `Bounds`. rates: `layout.Rates`. work: `Work`; its floors
    are times that no schedule of a run beats, with no slack: of schedules that never wait for memory the first is at its floor,
    which leaves out the others.

    Few points far apart first, then those between: what a run takes at two points bounds what it takes between them.
    """
    steps, count, stride, top = begins.shape[1] - 1, len(ratio), 1, True
    while count // (stride * SPREAD) >= 2:
        stride *= SPREAD
    while stride >= 1:
        many = begin_level(stride, top, rates, ratio, steps, terms.rooms, work, out)
        if top and count < FEW:
            probe(many, begins, fits, listing, terms, bounds, rates, ratio, work, running, out.limits)
        for row in range(2 * len(begins)):
            run, warm, full = row // 2, row % 2, 0
            for i in range(many):
                x = work.nodes[i]
                size = work.sizes[x]
                # Begun with nothing ahead it is no other; where it is not tried, it is no bound for points that try it.
                work.lows[row, x] = work.lows[row - 1, x] if warm else math.inf
                if fits[run] and terms.rooms[run, size] >= 0.0 and (not warm or bounds.start[run, size] > 0.0):
                    low = bound_of(row, x, ratio[x], terms.rooms, work, top, bounds)
                    limit = out.limits[STEADY if warm else COLD, x]
                    work.lows[row, x] = low
                    low_s = (low * rates.cycle_s[x] + steps * rates.overhead_s[x]) * (1.0 - ROUNDING)
                    if low_s < limit and limit > work.floors[work.floor_of[run], x]:
                        work.lanes[full] = x
                        full += 1
                if full == BLOCK or (full > 0 and i == many - 1):
                    share = 1.0 + (stride - 1) / 16.0  # points far apart tell more where runs are seen through
                    try_block(row, share, full, begins, listing, terms, bounds, rates, work, running, out)
                    full = 0
        end_level(many, rates, steps, work, out)
        stride, top = stride // SPREAD, False
