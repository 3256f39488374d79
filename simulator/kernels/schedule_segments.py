"""Segments of sub-batches: bounds that leave most of them out, their times, and the best way over the cuts.

All that is read of a network are lists of choices (`kernels.schedule_stretches`). A *mode* is a size of sub-batches with
weights read by every run or held for all of them. At a cut the tensor is in outer memory, or resident in the middle of a
segment, or resident for the whole batch where one segment ends and the next begins.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import SLACK, Rates, step_time
from .schedule_cuts import WAY_BEGIN, WAY_END, WAY_HELD, WAY_IN, WAY_OUT, WAY_SIZE, forget, over_cuts
from .schedule_stretches import (
    BESIDES,
    MOVE,
    MOVES,
    NEEDS,
    POINT,
    SOURCE,
    STATE,
    STEPS,
    TAKES,
    TARGET,
    UNLISTED,
    Lists,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

SIZE, HELD, REPEATS = 0, 1, 2
OUTSIDE, INSIDE, WHOLE = 0, 1, 2
"""Where the tensor at a cut is: outer memory; in SRAM, one run's; in SRAM, the whole batch's."""
TIME, MOVED = range(2)
"""Columns of values: time, bytes of the outer memory."""

PLAIN = 0
"""Variant of a stretch whose ends are not resident for the whole batch (see `kernels.schedule_stretches.list_neighbours`)."""

TIMED = -3
"""Instead of where the list of a segment begins: its time is known, and no list is kept."""

LEAST, MOST = range(2)
"""Columns of values between two times."""

PATH_MODE, PATH_MOVE, PATH_POINT = range(3)
"""Columns of a path."""

RUNS = 2
"""Column of the choices of `least_batch` beside TAKES and MOVES."""


class Chip(NamedTuple):
    """Chips of one SRAM size: rates, a column each, and the share of the shorter time that is not hidden."""

    rates: Rates
    phi: float


class Bounds(NamedTuple):
    """Times between neighbouring cuts, and least times from the beginning to every cut and from it to the end. [s]"""

    times: Floats
    before: Floats
    after: Floats


class Exact(NamedTuple):
    """What times of segments are worked out from: lists, where each begins, which are wanted, and times that are known,
    float64[modes, points, cuts, cuts, in, out]; scratch; and the table they go to, with where it has any (`over_cuts`)."""

    lists: Lists
    near: Ints
    where: Ints
    wanted: Truths
    known: Floats
    values: Floats
    table: Floats
    seen: Truths


class Found(NamedTuple):
    """The fastest ways over the cuts: time, how many segments, and the segments, last first."""

    time_s: Floats
    pieces: Ints
    chosen: Ints


class Tried(NamedTuple):
    """Scratch of `over_cuts`: times at every cut, the segments by which it was reached, and a way over the cuts."""

    value: Floats
    came: Ints
    other: Ints


@kernel
def relax(cycles, total, chip, count, source, target):
    """One choice for `count` points: a shorter time replaces what the target state had."""
    cycle_s, byte_s, overhead_s = chip.rates
    for p in range(count):
        time = source[p] + step_time(cycles, total, cycle_s[p], byte_s[p], chip.phi, overhead_s[p])
        had = target[p]
        target[p] = time if time < had else had


@kernel
def run_list(lists, at, length, chip, count, values):
    """The residency programme through one list for `count` points from values[0]; returns which of the two is the last."""
    begins, ways, amounts, _ = lists
    now = 0
    for step in range(length):
        after = 1 - now
        for state in range(values.shape[1]):
            for p in range(count):
                values[after, state, p] = math.inf
        for at_choice in range(begins[at + step], begins[at + step + 1]):
            relax(
                amounts[at_choice, TAKES], amounts[at_choice, MOVES], chip, count,
                values[now, ways[at_choice, SOURCE]], values[after, ways[at_choice, TARGET]],
            )  # fmt: skip
        now = after
    return now


@kernel
def least_batch(begins, choices, cycles, streamed, chip, count, out):
    """Fill out[point] with a time that no schedule of the batch is below: each step's least, added up. [s]

    choices: float64[choices, 3], (cycles, bytes, runs in the batch) of all sizes of sub-batches, those of a step together.
    cycles, streamed: of each step in all, whatever is chosen.
    """
    cycle_s, byte_s, overhead_s = chip.rates
    out[:] = 0.0
    for step in range(len(cycles)):
        for p in range(count):
            least = math.inf
            for i in range(begins[step], begins[step + 1]):
                time = step_time(choices[i, TAKES], choices[i, MOVES], cycle_s[p], byte_s[p], chip.phi, overhead_s[p])
                least = min(least, time * choices[i, RUNS])
            once = step_time(cycles[step], streamed[step], cycle_s[p], byte_s[p], chip.phi, overhead_s[p])
            out[p] += max(once, least)


@kernel
def neighbour_times(lists, where, cuts, stay, mode, chip, count, values, out):
    """Least time of the batch between neighbouring cuts in one mode: out[cut, where at the start, where at the end, point]. [s]

    where: as in `kernels.schedule_stretches.list_neighbours`. stay: weights that come in once, none unless they are held.
    """
    out[:] = math.inf
    for i in range(len(cuts) - 1):
        length = int(cuts[i + 1, STEPS]) - int(cuts[i, STEPS])
        for variant in range(4):
            at = where[i, variant]
            if at < 0:
                continue
            entry, leave = variant & 1, variant >> 1
            for before in range(OUTSIDE, WHOLE + 1):
                if (before == WHOLE) != (entry == 1) or (before > OUTSIDE and cuts[i, STATE] < 0):
                    continue
                for state in range(values.shape[1]):
                    values[0, state, :] = math.inf
                values[0, int(cuts[i, STATE]) if before > OUTSIDE else 0, :] = 0.0
                now = run_list(lists, at, length, chip, count, values)
                for after in range(OUTSIDE, WHOLE + 1):
                    if (after == WHOLE) != (leave == 1) or (after > OUTSIDE and cuts[i + 1, STATE] < 0):
                        continue
                    state = int(cuts[i + 1, STATE]) if after > OUTSIDE else 0
                    for p in range(count):
                        time = values[now, state, p] * mode[REPEATS]
                        time += stay[i, i + 1] * chip.rates.byte_s[p] if mode[HELD] else 0.0
                        out[i, before, after, p] = time
        if mode[REPEATS] == 1:  # one run is the whole batch
            for p in range(count):
                out[i, OUTSIDE, WHOLE, p] = out[i, OUTSIDE, INSIDE, p]
                out[i, WHOLE, OUTSIDE, p] = out[i, INSIDE, OUTSIDE, p]
                out[i, WHOLE, WHOLE, p] = out[i, INSIDE, INSIDE, p]


@kernel
def place(where, mode):
    """Row of a potential for a tensor at a cut: 0 outer memory, 1 resident for the whole batch, 2 + mode inside a segment."""
    if where == INSIDE:
        return 2 + mode
    return 0 if where == OUTSIDE else 1


@kernel
def potentials(times, count, before, after):
    """Least time from the beginning to every cut, and from it to the end: [cuts, 2 + modes, points]. [s]

    times: [modes, stretches, 3, 3, points] of `neighbour_times`. Bounds only: within a segment, a stretch is charged the
    whole-batch bytes of its own ends and its own held weights alone.
    """
    modes, stretches = len(times), times.shape[1]
    before[:] = math.inf
    after[:] = math.inf
    before[0, 0, :] = 0.0
    after[stretches, 0, :] = 0.0
    for at in range(stretches):
        for mode in range(modes):
            for x in range(3):
                for y in range(3):
                    lower(before[at, place(x, mode)], times[mode, at, x, y], count, before[at + 1, place(y, mode)])
    for at in range(stretches - 1, -1, -1):
        for mode in range(modes):
            for x in range(3):
                for y in range(3):
                    lower(after[at + 1, place(y, mode)], times[mode, at, x, y], count, after[at, place(x, mode)])


@kernel
def lower(known, more, count, out):
    """Lower out[p] to known[p] + more[p]."""
    for p in range(count):
        time, had = known[p] + more[p], out[p]
        out[p] = time if time < had else had


@kernel
def list_time(lists, at, length, chip, p, source, target, values):
    """Time of one point through one list, from one state to another, as `kernels.schedule_few.residency` has it. [s]"""
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = chip.rates.cycle_s[p], chip.rates.byte_s[p], chip.rates.overhead_s[p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, TIME] = math.inf
    values[0, source, TIME] = 0.0
    for step in range(length):
        after = 1 - now
        for state in range(states):
            values[after, state, TIME] = math.inf
        for i in range(begins[at + step], begins[at + step + 1]):
            own = step_time(amounts[i, TAKES], amounts[i, MOVES], cycle_s, byte_s, chip.phi, overhead_s)
            time, had = values[now, ways[i, SOURCE], TIME] + own, values[after, ways[i, TARGET], TIME]
            values[after, ways[i, TARGET], TIME] = min(had, time)
        now = after
    return values[now, target, TIME]


@kernel
def between(lists, near, i, j, cuts, room, chip, p, source, target, values):
    """(least, most) time of one point from cut i to cut j in `room` bytes, from the lists of larger rooms. [s]

    near: where the list of each stretch between neighbouring cuts begins. All choices of a larger room are at least as fast as
    those of `room`; those of them that fit it are there in `room`, too. Where both times are the same, that is the time.
    """
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = chip.rates.cycle_s[p], chip.rates.byte_s[p], chip.rates.overhead_s[p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, LEAST], values[0, state, MOST] = math.inf, math.inf
    values[0, source, LEAST], values[0, source, MOST] = 0.0, 0.0
    for cut in range(i, j):
        at = near[cut, PLAIN]
        if at < 0:
            return math.inf, math.inf
        for step in range(int(cuts[cut + 1, STEPS]) - int(cuts[cut, STEPS])):
            after = 1 - now
            for state in range(states):
                values[after, state, LEAST], values[after, state, MOST] = math.inf, math.inf
            for c in range(begins[at + step], begins[at + step + 1]):
                before, target_of = ways[c, SOURCE], ways[c, TARGET]
                own = step_time(amounts[c, TAKES], amounts[c, MOVES], cycle_s, byte_s, chip.phi, overhead_s)
                had = values[after, target_of, LEAST]
                values[after, target_of, LEAST] = min(had, values[now, before, LEAST] + own)
                if room - amounts[c, BESIDES] >= amounts[c, NEEDS]:
                    had = values[after, target_of, MOST]
                    values[after, target_of, MOST] = min(had, values[now, before, MOST] + own)
            now = after
    return values[now, target, LEAST], values[now, target, MOST]


@kernel
def visit(p, limit, bounds, modes, cutting, chip, exact, writing):
    """Go through the segments that may be part of a schedule of point `p` faster than `limit` seconds.

    bounds: times and potentials (see above). modes: int64[modes, 3], place of the size, held, repeats. exact: `Exact`; segments
    whose times need lists of their own are marked in `wanted`, or, with `writing`, all times go to table[size, i, j, in, out,
    held].
    """
    times, before, after = bounds
    cuts, stay = cutting.cuts, cutting.stay
    count = len(cuts)
    for mode in range(len(modes)):
        held, reach = modes[mode, HELD], 1 if modes[mode, REPEATS] == 1 else count
        for entry in range(2):
            for i in range(count - 1):
                base, inside, outside = before[i, entry, p], math.inf, math.inf
                for j in range(i + 1, min(count, i + 1 + reach)):
                    own = times[mode, j - 1]
                    if j == i + 1:
                        start = WHOLE if entry else OUTSIDE
                        to = own[start, OUTSIDE, p], own[start, INSIDE, p], own[start, WHOLE, p]
                    else:
                        to = (
                            min(outside + own[OUTSIDE, OUTSIDE, p], inside + own[INSIDE, OUTSIDE, p]),
                            min(outside + own[OUTSIDE, INSIDE, p], inside + own[INSIDE, INSIDE, p]),
                            min(outside + own[OUTSIDE, WHOLE, p], inside + own[INSIDE, WHOLE, p]),
                        )
                    outside, inside = to[0], to[1]
                    if not held or stay[i, j] > 0.0:
                        for leave in range(2):
                            time = to[2] if leave else outside
                            if (base + time + after[j, leave, p]) * SLACK < limit:
                                note(p, mode, (i, j), (entry, leave), modes, cutting, chip, exact, writing)
                    more = min(outside + after[j, 0, p], inside + after[j, 2 + mode, p])
                    if not (base + more) * SLACK < limit:
                        break


@kernel
def note(p, mode, span, ends, modes, cutting, chip, exact, writing):
    """Write the time of one segment into the table; or only say in `wanted` whether it needs a list of its own."""
    lists, near, where, wanted, known, values, table, seen = exact
    cuts, room, around, stay = cutting
    (i, j), (entry, leave) = span, ends
    at = where[mode, i, j, entry, leave]
    source, target = int(cuts[i, STATE]) if entry else 0, int(cuts[j, STATE]) if leave else 0
    if at == UNLISTED:
        left = room - (around[mode, i] if entry else 0.0) - (around[mode, j] if leave else 0.0)
        left -= stay[i, j] if modes[mode, HELD] else 0.0
        least, time = between(lists, near[mode], i, j, cuts, left, chip, p, source, target, values)
        if least != time or left <= 0.0:
            wanted[mode, i, j, entry, leave] = True
            return
    elif at == TIMED:
        time = known[mode, p, i, j, entry, leave]
    elif writing and at >= 0:
        time = list_time(lists, at, int(cuts[j, STEPS]) - int(cuts[i, STEPS]), chip, p, source, target, values)
    else:
        return
    if writing:
        once = stay[i, j] if modes[mode, HELD] else 0.0
        time = time * modes[mode, REPEATS] + once * chip.rates.byte_s[p]
        table[modes[mode, SIZE], i, j, entry, leave, modes[mode, HELD]] = time
        seen[j, modes[mode, SIZE], i] = True


@kernel
def mark_wanted(count, limits, bounds, modes, cutting, chip, exact):
    """Mark the lists that any of `count` points needs (see `visit`); a point with a limit of 0 needs none."""
    writing = count < 0  # a constant written out would compile everything anew for it
    for p in range(count):
        if limits[p] > 0.0:
            visit(p, limits[p], bounds, modes, cutting, chip, exact, writing)


@kernel
def best_ways(count, limits, bounds, modes, cutting, chip, exact, scratch, out):
    """The fastest way over the cuts of each point that beats its limit, into `out`: `Found`.

    Its segments are int64[points, cuts, 6], last first, as of `over_cuts`. What is not faster is left alone. A way whose
    segments all end in outer memory and hold no weights counts before others that are as fast. scratch: `Tried`.
    """
    value, came, other = scratch
    writing = count > 0
    table, seen, (found, pieces, chosen) = exact.table, exact.seen, out
    table[:] = math.inf
    seen[:] = False
    for p in range(count):
        if not limits[p] > 0.0:
            continue
        visit(p, limits[p], bounds, modes, cutting, chip, exact, writing)
        plain, time = over_cuts(table, seen, writing, value, came, chosen[p])
        if time < limits[p]:
            found[p], pieces[p] = time, plain
        many, time = over_cuts(table, seen, not writing, value, came, other)
        if time < min(found[p], limits[p]):
            found[p], pieces[p] = time, many
            for piece in range(many):
                for column in range(6):
                    chosen[p, piece, column] = other[piece, column]
        forget(table, seen)


@kernel
def list_path(lists, at, length, chip, p, ends, values, choice, mode, path):
    """Write (mode, move, point) of each step of one stretch into `path`: the choices of `residency`.

    ends: states before and after. values: float64[2, states, 2], time and bytes. choice: int64[length, states].
    """
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = chip.rates.cycle_s[p], chip.rates.byte_s[p], chip.rates.overhead_s[p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, TIME], values[0, state, MOVED] = math.inf, math.inf
    values[0, ends[0], 0], values[0, ends[0], 1] = 0.0, 0.0
    for step in range(length):
        after = 1 - now
        for state in range(states):
            values[after, state, TIME], values[after, state, MOVED] = math.inf, math.inf
        for i in range(begins[at + step], begins[at + step + 1]):
            source, target = ways[i, SOURCE], ways[i, TARGET]
            if values[now, source, TIME] == math.inf:
                continue
            own = step_time(amounts[i, TAKES], amounts[i, MOVES], cycle_s, byte_s, chip.phi, overhead_s)
            time, moved = values[now, source, TIME] + own, amounts[i, MOVES] + values[now, source, MOVED]
            old = values[after, target, TIME]
            if time < old or (time == old and moved < values[after, target, MOVED]):
                values[after, target, TIME], values[after, target, MOVED] = time, moved
                choice[step, target] = i
        now = after
    state = ends[1]
    for step in range(length - 1, -1, -1):
        i = choice[step, state]
        path[step, PATH_MODE], path[step, PATH_MOVE], path[step, PATH_POINT] = mode, ways[i, MOVE], ways[i, POINT]
        state = ways[i, SOURCE]


@kernel
def want_ways(pieces, chosen, modes, wanted):
    """Mark in `wanted` the segments of the ways in `chosen`."""
    for p in range(len(pieces)):
        for piece in range(pieces[p]):
            way = chosen[p, piece]
            mode = mode_of(modes, way[WAY_SIZE], way[WAY_HELD])
            wanted[mode, way[WAY_BEGIN], way[WAY_END], way[WAY_IN], way[WAY_OUT]] = True


@kernel
def mode_of(modes, size, held):
    """The mode of a size with weights held or not."""
    mode = 0
    while modes[mode, SIZE] != size or modes[mode, HELD] != held:
        mode += 1
    return mode


@kernel
def paths_of(count, found, modes, cuts, where, lists, chip, values, choice, paths):
    """Write (mode, move, point) of every step of the ways in `found` into paths: int64[points, steps, 3]."""
    for p in range(count):
        for piece in range(found.pieces[p]):
            way = found.chosen[p, piece]
            i, j, entry, leave = way[WAY_BEGIN], way[WAY_END], way[WAY_IN], way[WAY_OUT]
            mode = mode_of(modes, way[WAY_SIZE], way[WAY_HELD])
            begin, end = int(cuts[i, STEPS]), int(cuts[j, STEPS])
            ends = (int(cuts[i, STATE]) if entry else 0, int(cuts[j, STATE]) if leave else 0)
            at = where[mode, i, j, entry, leave]
            list_path(lists, at, end - begin, chip, p, ends, values, choice, mode, paths[p, begin:end])
