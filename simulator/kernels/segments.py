"""Segments of sub-batches: bounds that leave most of them out, their times, and the best way over the cuts.

All that is read of a network are lists of choices (`kernels.stretches`). A *mode* is a size of sub-batches with weights read by
every run or held for all of them. At a cut the tensor is in outer memory, or resident in the middle of a segment, or resident
for the whole batch where one segment ends and the next begins.
"""

import math

from .jit import kernel

SOURCE, TARGET, MOVE, POINT = 0, 1, 2, 3  # as in `kernels.stretches`
CYCLES, TOTAL, NEED, RESERVED = 0, 1, 2, 3
SIZE, HELD, REPEATS = 0, 1, 2
OUTSIDE, INSIDE, WHOLE = 0, 1, 2
"""Where the tensor at a cut is: outer memory; in SRAM, one run's; in SRAM, the whole batch's."""
SLACK = 1.0 - 1e-9
"""Sums in another order must not cut the best."""


@kernel
def relax(cycles, total, machine, phi, count, source, target):
    """One choice for `count` points: a shorter time replaces what the target state had."""
    cycle_s, byte_s, overhead_s = machine
    for p in range(count):
        on_chip, outer = cycles * cycle_s[p], total * byte_s[p]
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        time, had = source[p] + (large + phi * small + overhead_s[p]), target[p]
        target[p] = time if time < had else had


@kernel
def run_list(lists, at, length, machine, phi, count, values):
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
                amounts[at_choice, CYCLES], amounts[at_choice, TOTAL], machine, phi, count,
                values[now, ways[at_choice, SOURCE]], values[after, ways[at_choice, TARGET]],
            )  # fmt: skip
        now = after
    return now


@kernel
def least_runs(lists, at, machine, phi, count, repeats, out):
    """Lower out[step, point] to the least time of any choice of the step, `repeats` times. [s]"""
    begins, _, amounts, _ = lists
    cycle_s, byte_s, overhead_s = machine
    for step in range(out.shape[0]):
        for i in range(begins[at + step], begins[at + step + 1]):
            cycles, total = amounts[i, CYCLES], amounts[i, TOTAL]
            for p in range(count):
                on_chip, outer = cycles * cycle_s[p], total * byte_s[p]
                large = on_chip if on_chip > outer else outer
                small = outer if on_chip > outer else on_chip
                time, had = (large + phi * small + overhead_s[p]) * repeats, out[step, p]
                out[step, p] = time if time < had else had


@kernel
def neighbour_times(lists, where, cuts, stay, mode, machine, phi, count, values, out):
    """Least time of the batch between neighbouring cuts in one mode: out[cut, where at the start, where at the end, point]. [s]

    where: as in `kernels.stretches.list_neighbours`. stay: weights that come in once, none unless they are held.
    """
    out[:] = math.inf
    for i in range(cuts.shape[0] - 1):
        length = int(cuts[i + 1, 0]) - int(cuts[i, 0])
        for variant in range(4):
            at = where[i, variant]
            if at < 0:
                continue
            entry, leave = variant & 1, variant >> 1
            for before in range(OUTSIDE, WHOLE + 1):
                if (before == WHOLE) != (entry == 1) or (before > OUTSIDE and cuts[i, 1] < 0):
                    continue
                for state in range(values.shape[1]):
                    values[0, state, :] = math.inf
                values[0, int(cuts[i, 1]) if before > OUTSIDE else 0, :] = 0.0
                now = run_list(lists, at, length, machine, phi, count, values)
                for after in range(OUTSIDE, WHOLE + 1):
                    if (after == WHOLE) != (leave == 1) or (after > OUTSIDE and cuts[i + 1, 1] < 0):
                        continue
                    state = int(cuts[i + 1, 1]) if after > OUTSIDE else 0
                    for p in range(count):
                        time = values[now, state, p] * mode[REPEATS]
                        time += stay[i, i + 1] * machine[1][p] if mode[HELD] else 0.0
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
    modes, stretches = times.shape[0], times.shape[1]
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
def list_time(lists, at, length, machine, phi, p, source, target, values):
    """Time of one point through one list, from one state to another, as `kernels.programme.residency` has it. [s]"""
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = machine[0][p], machine[1][p], machine[2][p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, 0] = math.inf
    values[0, source, 0] = 0.0
    for step in range(length):
        after = 1 - now
        for state in range(states):
            values[after, state, 0] = math.inf
        for i in range(begins[at + step], begins[at + step + 1]):
            on_chip, outer = amounts[i, CYCLES] * cycle_s, amounts[i, TOTAL] * byte_s
            time = values[now, ways[i, SOURCE], 0] + (max(on_chip, outer) + phi * min(on_chip, outer) + overhead_s)
            values[after, ways[i, TARGET], 0] = min(values[after, ways[i, TARGET], 0], time)
        now = after
    return values[now, target, 0]


@kernel
def between(lists, near, i, j, cuts, room, machine, phi, p, source, target, values):
    """(least, most) time of one point from cut i to cut j in `room` bytes, from the lists of larger rooms. [s]

    near: where the list of each stretch between neighbouring cuts begins. All choices of a larger room are at least as fast as
    those of `room`; those of them that fit it are there in `room`, too. Where both times are the same, that is the time.
    """
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = machine[0][p], machine[1][p], machine[2][p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, 0], values[0, state, 1] = math.inf, math.inf
    values[0, source, 0], values[0, source, 1] = 0.0, 0.0
    for cut in range(i, j):
        at = near[cut, 0]
        if at < 0:
            return math.inf, math.inf
        for step in range(int(cuts[cut + 1, 0]) - int(cuts[cut, 0])):
            after = 1 - now
            for state in range(states):
                values[after, state, 0], values[after, state, 1] = math.inf, math.inf
            for c in range(begins[at + step], begins[at + step + 1]):
                before, target_of = ways[c, SOURCE], ways[c, TARGET]
                on_chip, outer = amounts[c, CYCLES] * cycle_s, amounts[c, TOTAL] * byte_s
                own = max(on_chip, outer) + phi * min(on_chip, outer) + overhead_s
                values[after, target_of, 0] = min(values[after, target_of, 0], values[now, before, 0] + own)
                if room - amounts[c, RESERVED] >= amounts[c, NEED]:
                    values[after, target_of, 1] = min(values[after, target_of, 1], values[now, before, 1] + own)
            now = after
    return values[now, target, 0], values[now, target, 1]


@kernel
def visit(p, limit, bounds, modes, network, exact, writing):
    """Go through the segments that may be part of a schedule of point `p` faster than `limit` seconds.

    bounds: times and potentials (see above). modes: int64[modes, 3], place of the size, held, repeats. network: cuts, room,
    around and stay as in `kernels.stretches`. exact: lists, near, where, wanted, machine, phi, values and the table; segments
    whose times need lists of their own are marked in `wanted`, or, with `writing`, all times go to table[size, i, j, in, out,
    held].
    """
    times, before, after = bounds
    cuts, _, _, stay = network
    count = cuts.shape[0]
    for mode in range(modes.shape[0]):
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
                                note(p, mode, i, j, entry, leave, modes, network, exact, writing)
                    more = min(outside + after[j, 0, p], inside + after[j, 2 + mode, p])
                    if not (base + more) * SLACK < limit:
                        break


@kernel
def note(p, mode, i, j, entry, leave, modes, network, exact, writing):
    """Write the time of one segment into the table; or only say in `wanted` whether it needs a list of its own."""
    lists, near, where, wanted, machine, phi, values, table = exact
    cuts, whole, around, stay = network
    at = where[mode, i, j, entry, leave]
    source, target = int(cuts[i, 1]) if entry else 0, int(cuts[j, 1]) if leave else 0
    if at == -1:
        room = whole - (around[mode, i] if entry else 0.0) - (around[mode, j] if leave else 0.0)
        room -= stay[i, j] if modes[mode, HELD] else 0.0
        least, time = between(lists, near[mode], i, j, cuts, room, machine, phi, p, source, target, values)
        if least != time or room <= 0.0:
            wanted[mode, i, j, entry, leave] = True
            return
    elif writing and at >= 0:
        length = int(cuts[j, 0]) - int(cuts[i, 0])
        time = list_time(lists, at, length, machine, phi, p, source, target, values)
    else:
        return
    if writing:
        once = stay[i, j] if modes[mode, HELD] else 0.0
        time = time * modes[mode, REPEATS] + once * machine[1][p]
        table[modes[mode, SIZE], i, j, entry, leave, modes[mode, HELD]] = time


@kernel
def mark_wanted(count, limits, bounds, modes, network, exact):
    """Mark the lists that any of `count` points needs (see `visit`); a point with a limit of 0 needs none."""
    for p in range(count):
        if limits[p] > 0.0:
            visit(p, limits[p], bounds, modes, network, exact, False)


@kernel
def over_cuts(tables, plain, value, came, chosen):
    """Write the segments of the fastest way into `chosen`, last first; return (how many, its time).

    tables: float64[sizes, cuts, cuts, in, out, held], time of each segment; infinite where it cannot be. plain: only those
    whose ends are in outer memory and whose weights are read by every run. value: float64[cuts, 2], time at each cut with its
    tensor in outer memory or resident. came: int64[cuts, 2, 4], the segment that ends there as (size, start, in, held).
    chosen: int64[cuts, 6], (size, start, end, in, out, held). Of equals the first in the order of the tables counts.
    """
    count, kinds = tables.shape[1], 1 if plain else 2
    for j in range(count):
        value[j, 0], value[j, 1] = math.inf, math.inf
    value[0, 0] = 0.0
    for j in range(1, count):
        for size in range(tables.shape[0]):
            for i in range(j):
                for entry in range(kinds):
                    for leave in range(kinds):
                        for held in range(kinds):
                            time = value[i, entry] + tables[size, i, j, entry, leave, held]
                            if time < value[j, leave]:
                                value[j, leave] = time
                                came[j, leave, 0], came[j, leave, 1] = size, i
                                came[j, leave, 2], came[j, leave, 3] = entry, held
    pieces, at, leave = 0, count - 1, 0
    while at > 0 and value[count - 1, 0] < math.inf:
        size, start, entry, held = came[at, leave, 0], came[at, leave, 1], came[at, leave, 2], came[at, leave, 3]
        chosen[pieces, 0], chosen[pieces, 1], chosen[pieces, 2] = size, start, at
        chosen[pieces, 3], chosen[pieces, 4], chosen[pieces, 5] = entry, leave, held
        pieces, at, leave = pieces + 1, start, entry
    return pieces, value[count - 1, 0]


@kernel
def best_ways(count, limits, bounds, modes, network, exact, scratch, found, pieces, chosen):
    """The fastest way over the cuts of each point that beats its limit: found[p] seconds, pieces[p] segments, chosen[p].

    chosen: int64[points, cuts, 6], last segment first, as `over_cuts`. What is not faster is left alone. A way whose
    segments all end in outer memory and hold no weights counts before others that are as fast.
    """
    value, came, other = scratch
    table = exact[7]
    for p in range(count):
        if not limits[p] > 0.0:
            continue
        table[:] = math.inf
        visit(p, limits[p], bounds, modes, network, exact, True)
        plain, time = over_cuts(table, True, value, came, chosen[p])
        if time < limits[p]:
            found[p], pieces[p] = time, plain
        many, time = over_cuts(table, False, value, came, other)
        if time < min(found[p], limits[p]):
            found[p], pieces[p] = time, many
            for piece in range(many):
                for column in range(6):
                    chosen[p, piece, column] = other[piece, column]


@kernel
def list_path(lists, at, length, machine, phi, p, ends, values, choice, mode, begin, path):
    """Write (mode, move, point) of each step of one stretch into path[begin + step]: the choices of `residency`.

    ends: states before and after. values: float64[2, states, 2], time and bytes. choice: int64[length, states].
    """
    begins, ways, amounts, _ = lists
    cycle_s, byte_s, overhead_s = machine[0][p], machine[1][p], machine[2][p]
    now, states = 0, values.shape[1]
    for state in range(states):
        values[0, state, 0], values[0, state, 1] = math.inf, math.inf
    values[0, ends[0], 0], values[0, ends[0], 1] = 0.0, 0.0
    for step in range(length):
        after = 1 - now
        for state in range(states):
            values[after, state, 0], values[after, state, 1] = math.inf, math.inf
        for i in range(begins[at + step], begins[at + step + 1]):
            source, target = ways[i, SOURCE], ways[i, TARGET]
            if values[now, source, 0] == math.inf:
                continue
            on_chip, outer = amounts[i, CYCLES] * cycle_s, amounts[i, TOTAL] * byte_s
            time = values[now, source, 0] + (max(on_chip, outer) + phi * min(on_chip, outer) + overhead_s)
            moved, old = amounts[i, TOTAL] + values[now, source, 1], values[after, target, 0]
            if time < old or (time == old and moved < values[after, target, 1]):
                values[after, target, 0], values[after, target, 1] = time, moved
                choice[step, target] = i
        now = after
    state = ends[1]
    for step in range(length - 1, -1, -1):
        i = choice[step, state]
        path[begin + step, 0], path[begin + step, 1], path[begin + step, 2] = mode, ways[i, MOVE], ways[i, POINT]
        state = ways[i, SOURCE]


@kernel
def want_ways(pieces, chosen, modes, wanted):
    """Mark in `wanted` the segments of the ways in `chosen`."""
    for p in range(pieces.shape[0]):
        for piece in range(pieces[p]):
            way = chosen[p, piece]
            wanted[mode_of(modes, way[0], way[5]), way[1], way[2], way[3], way[4]] = True


@kernel
def mode_of(modes, size, held):
    """The mode of a size with weights held or not."""
    mode = 0
    while modes[mode, SIZE] != size or modes[mode, HELD] != held:
        mode += 1
    return mode


@kernel
def paths_of(count, pieces, chosen, modes, cuts, where, lists, machine, phi, values, choice, paths):
    """Write (mode, move, point) of every step of the ways in `chosen` into paths: int64[points, steps, 3]."""
    for p in range(count):
        for piece in range(pieces[p]):
            size, i, j = chosen[p, piece, 0], chosen[p, piece, 1], chosen[p, piece, 2]
            entry, leave, held = chosen[p, piece, 3], chosen[p, piece, 4], chosen[p, piece, 5]
            mode = mode_of(modes, size, held)
            begin, end = int(cuts[i, 0]), int(cuts[j, 0])
            ends = (int(cuts[i, 1]) if entry else 0, int(cuts[j, 1]) if leave else 0)
            at = where[mode, i, j, entry, leave]
            list_path(lists, at, end - begin, machine, phi, p, ends, values, choice, mode, begin, paths[p])
