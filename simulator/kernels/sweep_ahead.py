"""The prefetch programme for many points of one SRAM size at once, points innermost: overlap `network`.

Answers equal `kernels.programme.fetch_ahead` to the last bit: the same operations, the same first of equals. A **run** is a room
beside kept weights with so many bytes set aside, begun cold or warm; its list of choices (`kernels.sweep_list`) is the same for
all points. Labels (time, bytes ahead) of a state are SLOTS rows of a block; a point that needs more is left to the other
programme. Which runs a point needs at all: `kernels.sweep_runs` has the bounds, here is what a run gives.
"""

import math

from .jit import kernel

BLOCK = 64
"""Points that run through the programme together, so that they stay in the nearest cache."""

SLOTS = 32
"""Labels that a state has room for."""

SPREAD = 4
"""Of points in order, every so many are solved before those between."""

FEW = 128
"""Of fewer points the first leave out what cannot win; of more, they see it through, so that others need not try it."""

SLACK = 1e-11
"""Share of a time that sums in another order may differ by."""

# as in `kernels.sweep_list`
SOURCE, TARGET, POINT = 0, 1, 2
CYCLES, TOTAL = 0, 1

COLD, STEADY = 0, 1
"""Kinds of answers: the fastest for a batch on its own, and the fastest of many batches."""


@kernel
def relax(cycles, total, first, most, number, machine, source, target, many, label):
    """Put what one choice makes of a label of each point into an only row `target`; whether some points need another row.

    first: bytes that may come from those ahead. most: bytes ahead that there may be afterwards. Rows of BLOCK: `machine` seconds
    per cycle and byte, bytes per second, overhead, times to stop at, of the schedule and of the step; a label time, bytes ahead
    (no label: infinite, -1), number of the choice; `label` the same without number, and marks of who still needs a row. Sums
    with 0.0 keep the compiler from storing under a mask.
    """
    some = 0
    for p in range(many):
        have = source[BLOCK + p]
        used = have if have < first else first
        rest = total - used
        on_chip, outer = cycles * machine[p], rest * machine[BLOCK + p]
        time = on_chip if on_chip > outer else outer
        spare = machine[2 * BLOCK + p] * time - rest
        spare = spare if spare > 0.0 else 0.0
        more = have - used + spare
        more = more if more < most else most
        end = source[p] + time + machine[3 * BLOCK + p]
        done = end if end < machine[5 * BLOCK + p] else math.inf
        later = more if done < math.inf else -1.0
        had, had_ahead, had_way = target[p] + 0.0, target[BLOCK + p] + 0.0, target[2 * BLOCK + p] + 0.0
        fresh = (had > done) | (had_ahead < later)
        takes = fresh & (had >= done) & (had_ahead <= later)
        target[p], target[BLOCK + p] = done if takes else had, later if takes else had_ahead
        target[2 * BLOCK + p] = number if takes else had_way
        left = fresh & ((had < done) | (had_ahead > later))
        label[p], label[BLOCK + p], label[2 * BLOCK + p] = done, later, 1.0 if left else 0.0
        some += left
    return some > 0


@kernel
def propose(cycles, total, first, most, machine, source, many, label):
    """Fill in what one choice makes of a label of each point, to be put among several; see `relax`."""
    for p in range(many):
        have = source[BLOCK + p]
        used = have if have < first else first
        rest = total - used
        on_chip, outer = cycles * machine[p], rest * machine[BLOCK + p]
        time = on_chip if on_chip > outer else outer
        spare = machine[2 * BLOCK + p] * time - rest
        spare = spare if spare > 0.0 else 0.0
        more = have - used + spare
        more = more if more < most else most
        end = source[p] + time + machine[3 * BLOCK + p]
        done = end if end < machine[5 * BLOCK + p] else math.inf
        label[p], label[BLOCK + p], label[2 * BLOCK + p] = done, more if done < math.inf else -1.0, 1.0


@kernel
def is_fresh(row, many, label):
    """Keep the marks of labels that the labels of a row do not beat; the first of equals stays. Whether any is left."""
    some = 0
    for p in range(many):
        left = (label[2 * BLOCK + p] > 0.0) & ((row[p] > label[p]) | (row[BLOCK + p] < label[BLOCK + p]))
        label[2 * BLOCK + p] = label[3 * BLOCK + p] = 1.0 if left else 0.0
        some += left
    return some > 0


@kernel
def replace(row, number, many, label):
    """Put labels into a row where they beat what is there, once; what they beat beside goes. Whether any still needs a row.

    Marks in `label`: who needs a row; who is not beaten.
    """
    some = 0
    for p in range(many):
        had, had_ahead, had_way = row[p] + 0.0, row[BLOCK + p] + 0.0, row[2 * BLOCK + p] + 0.0
        done, later, needs = label[p], label[BLOCK + p], label[2 * BLOCK + p] > 0.0
        beaten = (label[3 * BLOCK + p] > 0.0) & (had >= done) & (had_ahead <= later)
        takes = beaten & needs
        gone, gone_ahead = math.inf if beaten else had, -1.0 if beaten else had_ahead
        row[p], row[BLOCK + p] = done if takes else gone, later if takes else gone_ahead
        row[2 * BLOCK + p] = number if takes else had_way
        left = needs & ~takes
        label[2 * BLOCK + p] = 1.0 if left else 0.0
        some += left
    return some > 0


@kernel
def keep_label(number, many, at, wide, rows, label, over):
    """Put a label of each point among the `wide` rows of a state from `at` on; how many rows it has then."""
    for j in range(at, at + wide):
        if not is_fresh(rows[j], many, label):
            return wide
    some = True
    for j in range(at, at + wide):
        some = replace(rows[j], number, many, label)
    return another(number, many, at, wide, rows, label, over) if some else wide


@kernel
def another(number, many, at, wide, rows, label, over):
    """Put the labels that still need a row into one more, or mark their points; how many rows the state has then."""
    if wide == SLOTS:
        for p in range(many):
            over[p] = max(over[p], label[2 * BLOCK + p])
        return wide
    row = rows[at + wide]
    for p in range(many):
        needs = label[2 * BLOCK + p] > 0.0
        row[p], row[BLOCK + p] = label[p] if needs else math.inf, label[BLOCK + p] if needs else -1.0
        row[2 * BLOCK + p] = number
    return wide + 1


@kernel
def in_order(many, row, after):
    """Exchange the labels of two rows where the second ends first: as the programme of one point has them."""
    for p in range(many):
        low, low_ahead, low_way = row[p] + 0.0, row[BLOCK + p] + 0.0, row[2 * BLOCK + p] + 0.0
        high, high_ahead, high_way = after[p] + 0.0, after[BLOCK + p] + 0.0, after[2 * BLOCK + p] + 0.0
        swap = high < low
        row[p], after[p] = high if swap else low, low if swap else high
        row[BLOCK + p], after[BLOCK + p] = high_ahead if swap else low_ahead, low_ahead if swap else high_ahead
        row[2 * BLOCK + p], after[2 * BLOCK + p] = high_way if swap else low_way, low_way if swap else high_way


@kernel
def run_block(begins, listing, terms, ahead, start, machine, many, running):
    """The programme over a block of points, begun with `start` bytes ahead; labels of the end in rows[steps % 2], state 0.

    terms: first-pass weights of each step, bytes to come after it, least cycles after it. running: rows of labels, numbers of
    choices, their rows of each step and state, how many labels each state has, scratch of a label, points with too many labels.
    """
    ways, amounts = listing
    rows, way, places, wide, label, over = running
    states, steps = wide.shape[1], begins.shape[0] - 1
    for state in range(states):
        wide[0, state] = 0
    wide[0, 0] = 1
    for p in range(many):
        rows[0, 0, p], rows[0, 0, BLOCK + p], over[p] = 0.0, start, 0.0
    for step in range(steps):
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            wide[after, state] = 0
        most = min(ahead, terms[1][step])
        for p in range(many):
            to_come = terms[2][step] * machine[p] + (steps - 1 - step) * machine[3 * BLOCK + p]
            machine[5 * BLOCK + p] = machine[4 * BLOCK + p] - to_come
        for number in range(begins[step], begins[step + 1]):
            source, target = ways[number, SOURCE], ways[number, TARGET]
            cycles, total = amounts[number, CYCLES], max(0.0, amounts[number, TOTAL])
            first, at = min(terms[0][step], total), target * SLOTS
            for slot in range(wide[now, source]):
                own, found = rows[now, source * SLOTS + slot], wide[after, target]
                code = float((number - begins[0]) * SLOTS + slot)
                if found == 0:
                    for p in range(many):
                        rows[after, at, p], rows[after, at, BLOCK + p] = math.inf, -1.0
                if found <= 1:
                    wide[after, target] = 1
                    if relax(cycles, total, first, most, code, machine, own, rows[after, at], many, label):
                        wide[after, target] = another(code, many, at, wide[after, target], rows[after], label, over)
                else:
                    propose(cycles, total, first, most, machine, own, many, label)
                    wide[after, target] = keep_label(code, many, at, found, rows[after], label, over)
        for state in range(states):
            end_state(many, state * SLOTS, wide[after, state], places[step, state], rows[after], way)


@kernel
def end_state(many, at, wide, place, rows, way):
    """Sort the labels of a state by time, empty rows last, and note their choices in `way` from row `place` on."""
    for last in range(wide - 1, 0, -1):
        for j in range(at, at + last):
            in_order(many, rows[j], rows[j + 1])
    for j in range(wide):
        for p in range(many):
            way[place + j, p] = rows[at + j, 2 * BLOCK + p]


@kernel
def end_block(steps, start, machine, many, running, found):
    """Fill found[0], found[1] and found[2] with time, last label and wait of the fastest end of each point of a block.

    What is missing of `start` comes in at the end, while the last step waits.
    """
    rows, wide, last = running[0], running[3], steps % 2
    for p in range(many):
        found[0, p], found[1, p], found[2, p] = math.inf, 0.0, 0.0
    for slot in range(wide[last, 0]):
        for p in range(many):
            missing = start - rows[last, slot, BLOCK + p]
            wait = (missing if missing > 0.0 else 0.0) * machine[BLOCK + p]
            end = rows[last, slot, p] + wait
            if end < found[0, p]:
                found[0, p], found[1, p], found[2, p] = end, float(slot), wait


@kernel
def add_up(values, pieces, sums):
    """The sum of `values` in the order of numpy's: eight running sums for each piece, then their tree, then the rest.

    pieces: int64[n, 2], first value and how many of each piece, or -1 to add the last two sums (`sweep.ahead.pieces_of`).
    """
    have = 0
    for piece in range(pieces.shape[0]):
        begin, count = pieces[piece, 0], pieces[piece, 1]
        if count < 0:
            have -= 1
            sums[have - 1] += sums[have]
            continue
        end, total = begin, 0.0
        if count >= 8:
            end = begin + count - count % 8
            for i in range(8):
                sums[have + i] = values[begin + i]
            for i in range(begin + 8, end):
                sums[have + (i - begin) % 8] += values[i]
            low = (sums[have] + sums[have + 1]) + (sums[have + 2] + sums[have + 3])
            total = low + ((sums[have + 4] + sums[have + 5]) + (sums[have + 6] + sums[have + 7]))
        for i in range(end, begin + count):
            total += values[i]
        sums[have] = total
        have += 1
    return sums[0]


@kernel
def walk_point(begin, listing, terms, aside, machine, p, found, running, path, step_s, summing):
    """Follow the choices of a point of a block back; fill in path[step] and the time of each step. Their sum as numpy's. [s]"""
    ways, amounts = listing
    way, places = running[1], running[2]
    state, slot, steps = 0, int(found[1, p]), step_s.shape[0]
    for step in range(steps - 1, -1, -1):
        code = int(way[places[step, state] + slot, p])
        number, slot = begin + code // SLOTS, code % SLOTS
        path[step], state = number, ways[number, SOURCE]
    have = aside[1]
    for step in range(steps):
        total = max(0.0, amounts[path[step], TOTAL])
        used = min(have, terms[0][step], total)
        rest = total - used
        time = max(amounts[path[step], CYCLES] * machine[p], rest * machine[BLOCK + p])
        have = min(have - used + max(0.0, machine[2 * BLOCK + p] * time - rest), aside[0], terms[1][step])
        step_s[step] = time + machine[3 * BLOCK + p]
    step_s[steps - 1] += found[2, p]
    return add_up(step_s, summing[0], summing[1])


@kernel
def bound_of(lows, row, x, own, beside, top, bounds):
    """Cycles that a run does not go below at a point, by what is known of it at points beside. own: the point's ratio.

    With as many cycles, a slower memory is never faster; and a memory slower by a factor never takes more than that factor.
    """
    run = row // 2
    if top:
        low = max(bounds[2][run], bounds[3][run] * own)
    else:
        low = max(lows[row, int(beside[0, x])], lows[row, int(beside[1, x])] * beside[3, x])
    if row % 2 == 1:  # begun cold, the bytes ahead at the start can be brought in first
        low = max(low, lows[row - 1, x] - bounds[1][run] * own)
    return low


@kernel
def note_point(run, x, kind, total, listing, path, step_s, out):
    """Write down the schedule of a point as the best of a kind."""
    ways, amounts = listing
    limits, best, runs, rows, totals, times = out
    limits[kind, x], best[kind, x], runs[kind, x] = total, total, run
    for step in range(step_s.shape[0]):
        rows[kind, x, step], totals[kind, x, step] = ways[path[step], POINT], max(0.0, amounts[path[step], TOTAL])
        times[kind, x, step] = step_s[step]


@kernel
def fill_block(lanes, many, machines, limits, share, machine):
    """The machines of the points of a block, as rows of BLOCK, and when to stop: at so many times their limits."""
    for p in range(many):
        machine[4 * BLOCK + p] = limits[lanes[p]] * share * (1.0 + 1e-9)
        for part in range(4):
            machine[part * BLOCK + p] = machines[part][lanes[p]]


@kernel
def try_block(run, warm, share, many, begins, listing, terms, aside, machines, lows, lanes, scratch, out):
    """One run of a block of points: what it takes, and where it is the best so far, the schedule."""
    machine, running, found, path, step_s, summing = scratch
    steps, own, row = step_s.shape[0], (terms[0][run], terms[1][run], terms[2]), 2 * run + warm
    fill_block(lanes, many, machines, out[0][STEADY if warm else COLD], share, machine)
    run_block(begins[run], listing, own, aside[0], aside[1], machine, many, running)
    end_block(steps, aside[1], machine, many, running, found)
    for p in range(many):
        x, time = lanes[p], found[0, p]
        if running[5][p] > 0.0:  # more labels than there is room for: not of use, and nothing more is to be tried
            out[0][COLD, x], out[0][STEADY, x], out[1][COLD, x] = -math.inf, -math.inf, -math.inf
            continue
        least = min(time, machine[4 * BLOCK + p])
        if least < math.inf:
            lows[row, x] = max(lows[row, x], (least - steps * machines[3][x] - SLACK * least) / machines[0][x])
        if time >= out[0][STEADY if warm else COLD, x]:
            continue
        total = walk_point(begins[run, 0], listing, own, aside, machine, p, found, running, path, step_s, summing)
        for kind in (COLD, STEADY):
            if (kind == STEADY or warm == 0) and total < out[0][kind, x]:
                note_point(run, x, kind, total, listing, path, step_s, out)


@kernel
def begin_level(stride, top, machines, ratio, steps, highs, nodes, beside, limits):
    """Fill in the points of a level, what is beside them, and times that they need not exceed; how many points there are.

    beside: places of the points before and after of which all is known, and the ratio over theirs. By the best of those: a
    memory slower by a factor takes at most that factor.
    """
    many, wide, last = 0, SPREAD * stride, ratio.shape[0] - 1
    for x in range(last + 1):
        known = not top and (x % wide == 0 or x == last)
        if known or (x % stride != 0 and x != last):
            continue
        nodes[many] = x
        many += 1
        before = x - x % wide
        after = min(before + wide, last)
        beside[0, x], beside[1, x], beside[2, x] = before, after, ratio[x] / ratio[before]
        beside[3, x] = ratio[x] / ratio[after]
        for kind in (COLD, STEADY):
            limits[kind, x] = math.inf
            if not top:
                most = min(highs[kind, after], highs[kind, before] * beside[2, x])
                limits[kind, x] = (most * machines[0][x] + steps * machines[3][x]) * (1.0 + 1e-10)
    return many


@kernel
def probe(nodes, many, begins, fits, listing, terms, bounds, machines, ratio, lanes, scratch, limits):
    """Times that the first points need not exceed: what the run takes that promises most. It will be run again in its turn."""
    machine, running, found = scratch[0], scratch[1], scratch[2]
    steps, one = begins.shape[1] - 1, min(many, 1)  # a number written out would compile everything anew for it
    for i in range(many):
        lanes[0], best, low = nodes[i], -1, math.inf
        for run in range(begins.shape[0]):
            own = max(bounds[2][run], bounds[3][run] * ratio[lanes[0]])
            if fits[run] and own < low:
                best, low = run, own
        if best >= 0:
            fill_block(lanes, one, machines, limits[COLD], 1.0, machine)
            own_terms = (terms[0][best], terms[1][best], terms[2])
            run_block(begins[best], listing, own_terms, bounds[0][best], 0.0, machine, one, running)
            end_block(steps, 0.0, machine, one, running, found)
            if running[5][0] == 0.0:
                limits[COLD, lanes[0]] = limits[STEADY, lanes[0]] = found[0, 0] * (1.0 + 1e-10)


@kernel
def end_level(nodes, many, machines, steps, highs, out):
    """Where a schedule for one batch is as fast as that for many, it does for both; what points beside can rely on."""
    _, best, runs, rows, totals, times = out
    for i in range(many):
        x = nodes[i]
        if best[COLD, x] <= best[STEADY, x] < math.inf:
            best[STEADY, x], runs[STEADY, x] = best[COLD, x], runs[COLD, x]
            for step in range(steps):
                rows[STEADY, x, step], totals[STEADY, x, step] = rows[COLD, x, step], totals[COLD, x, step]
                times[STEADY, x, step] = times[COLD, x, step]
        for kind in (COLD, STEADY):
            high = (best[kind, x] - steps * machines[3][x] + SLACK * best[kind, x]) / machines[0][x]
            highs[kind, x] = high if best[COLD, x] > -math.inf else math.inf


@kernel
def search(begins, fits, listing, terms, bounds, machines, ratio, work, scratch, out):
    """The best schedules of points of one SRAM size, in the order of `ratio`, seconds per byte over seconds per cycle.

    begins: int64[runs, steps + 1], places of each run's choices in `listing`; fits: whether it has any schedule. Runs are in
    the order of `schedule.keep`. terms: see `run_block`, a row a run. bounds: bytes ahead of each run, those at the start of a
    warm one, its least cycles and bytes. machines: seconds per cycle and byte, bytes per second, overhead in seconds. out:
    limits, times (infinite: nothing fits; minus infinity: too many labels), runs, frontier rows, bytes and times of steps.
    work: scratch, and rows of times that no schedule of a run beats, with no slack: of schedules that never wait for memory the
    first is at its floor, which leaves out the others.

    Few points far apart first, then those between: what a run takes at two points bounds what it takes between them.
    """
    lows, highs, (floor_of, floors), nodes, lanes, beside = work
    steps, count, stride, top = begins.shape[1] - 1, ratio.shape[0], 1, True
    while count // (stride * SPREAD) >= 2:
        stride *= SPREAD
    while stride >= 1:
        many = begin_level(stride, top, machines, ratio, steps, highs, nodes, beside, out[0])
        if top and count < FEW:
            probe(nodes, many, begins, fits, listing, terms, bounds, machines, ratio, lanes, scratch, out[0])
        for row in range(2 * begins.shape[0]):
            run, warm, full = row // 2, row % 2, 0
            start = bounds[1][run] if warm else 0.0
            for i in range(many):
                x = nodes[i]
                if not fits[run] or (warm and start <= 0.0):
                    lows[row, x] = math.inf
                    continue
                low, limit = bound_of(lows, row, x, ratio[x], beside, top, bounds), out[0][STEADY if warm else COLD, x]
                lows[row, x] = low
                low_s = (low * machines[0][x] + steps * machines[3][x]) * (1.0 - SLACK)
                if low_s < limit and limit > floors[floor_of[run], x]:
                    lanes[full] = x
                    full += 1
                if full == BLOCK or (full > 0 and i == many - 1):
                    share = 1.0 + (stride - 1) / 16.0  # points far apart tell more where runs are seen through
                    aside = bounds[0][run], start
                    try_block(
                        run, warm, share, full, begins, listing, terms, aside, machines, lows, lanes, scratch, out
                    )
                    full = 0
        end_level(nodes, many, machines, steps, highs, out)
        stride, top = stride // SPREAD, False
