"""The residency programme for many points at once, points innermost.

For overlap `none` and `layer`, whole batches. Answers equal `kernels.programme.residency` to the last bit: the same additions
in the same order, the same first of equals. Points differ in SRAM size and in seconds per cycle, per byte and per step. Blocks
of points of one bucket run through its list of choices (`kernels.sweep_list`) together.
"""

import math

from .jit import kernel

BLOCK = 64
"""Points that run through the programme together, so that they stay in the nearest cache."""

# as in `kernels.sweep_list`
ALWAYS, VARIED, ANY, WHOLLY = 0, 2, 0, 2
SOURCE, TARGET, POINT, KIND, GROUP = 0, 1, 2, 3, 4
CYCLES, TOTAL, TILES, BESIDE, NEED, UNTIL, RESERVED, FEED = 0, 1, 2, 3, 4, 5, 6, 7

TIME_S, KEPT_BYTES, OUTER_BYTES, FEED_BYTES, LIMIT_S = 0, 1, 2, 3, 4
"""Rows of the answers: time of a batch, weights that stay, bytes of the outer memory, bytes fed to the arrays; and a time that
some schedule of the point keeps, so that no slower one is of interest."""

APART = -2
"""In place of the frontier row of all points of a block, where they have not all the same choice."""


@kernel
def relax(cycles, totals, phi, number, machine, source, target, way):
    """One choice for a block of points: a better time, then fewer bytes, replaces what the target state had.

    Rows of a block: `machine` seconds per cycle, byte and step; states time and bytes; `way` the number of the choice. totals:
    bytes of each point, infinite where it does not have the choice. Sums with 0.0 keep the compiler from storing under a
    mask, which is several times slower than always storing.
    """
    for p in range(BLOCK):
        on_chip, outer = cycles * machine[p], totals[p] * machine[BLOCK + p]
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        time, moved = source[p] + (large + phi * small + machine[2 * BLOCK + p]), source[BLOCK + p] + totals[p]
        had, had_moved, had_way = target[p] + 0.0, target[BLOCK + p] + 0.0, way[p] + 0.0
        wins = (time < had) | ((time == had) & (moved < had_moved))
        target[p] = time if wins else had
        target[BLOCK + p] = moved if wins else had_moved
        way[p] = number if wins else had_way


@kernel
def own_totals(step, number, weights, block, kept, rooms_of, listing, totals):
    """Bytes of a choice for each point of a block, infinite where a point does not have it; whether any point has it."""
    _, ways, amounts = listing
    sizes, some = block[1], False
    for p in range(BLOCK):
        size = sizes[p]
        room, own = rooms_of[size] - amounts[number, RESERVED], kept[size, step]
        has = amounts[number, NEED] <= room < amounts[number, UNTIL]
        if ways[number, GROUP] != ANY:
            has &= (weights[step] > 0.0 and own >= weights[step]) == (ways[number, GROUP] == WHOLLY)
        totals[p] = total_of(number, own, ways, amounts) if has else math.inf
        some |= has
    return some


@kernel
def total_of(number, kept, ways, amounts):
    """Bytes that a choice moves where `kept` bytes of its step's weights stay."""
    if ways[number, KIND] != VARIED:
        return amounts[number, TOTAL]
    beside = amounts[number, BESIDE] - kept
    return max(0.0, amounts[number, TILES] + beside) if ways[number, POINT] >= 0 else beside


@kernel
def run_block(weights, listing, picks, starts, block, kept, rooms_of, phi, running):
    """The programme over one block of points: way[step * states + state, p] is the choice; final times in values[steps % 2]."""
    _, ways, amounts = listing
    values, way, reached, totals = running[0], running[1], running[10], running[6][0]
    machine, states, steps = block[0], values.shape[1], starts.shape[0] - 1
    for state in range(states):
        reached[0, state] = 0
    reached[0, 0] = 1
    for p in range(2 * BLOCK):
        values[0, 0, p] = 0.0
    for step in range(steps):
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            reached[after, state] = 0
        for at in range(starts[step], starts[step + 1]):
            number = picks[at]
            source, target = ways[number, SOURCE], ways[number, TARGET]
            if reached[now, source] == 0:
                continue
            if ways[number, KIND] == ALWAYS:
                totals[:] = amounts[number, TOTAL]
            elif not own_totals(step, number, weights, block, kept, rooms_of, listing, totals):
                continue
            if reached[after, target] == 0:
                reached[after, target] = 1
                values[after, target, :] = math.inf
                way[step * states + target, :] = 0.0
            relax(
                amounts[number, CYCLES], totals, phi, float(number), machine, values[now, source], values[after, target],
                way[step * states + target],
            )  # fmt: skip
    if reached[steps % 2, 0] == 0:
        values[steps % 2, 0, :] = math.inf


@kernel
def alike_times(cycles, total, machine, phi, out):
    """Fill out[p] with the time of a step, of which all points of a block have the same choice. [s]"""
    for p in range(BLOCK):
        on_chip, outer = cycles * machine[p], total * machine[BLOCK + p]
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        out[p] = large + phi * small + machine[2 * BLOCK + p]


@kernel
def run_straight(listing, picks, starts, block, phi, running):
    """As `run_block` and `walk_block`, where every step has one choice, for all points."""
    amounts = listing[2]
    values, path, step_s = running[0], running[4], running[5]
    steps = starts.shape[0] - 1
    times = values[steps % 2, 0]
    for p in range(BLOCK):
        times[p] = 0.0
    for step in range(steps):
        number = picks[starts[step]]
        path[step, BLOCK] = number
        alike_times(amounts[number, CYCLES], amounts[number, TOTAL], block[0], phi, step_s[step])
        for p in range(BLOCK):
            times[p] += step_s[step, p]


@kernel
def short_sums(values, begin, size, wide, eight, out):
    """Sums of up to 128 rows from `begin` in the order of numpy: eight running sums, then their tree, then the rest."""
    end = begin
    for p in range(wide):
        out[p] = 0.0
    if size >= 8:
        end = begin + size - size % 8
        for i in range(begin, end):
            at = (i - begin) % 8
            for p in range(wide):
                eight[at, p] = values[i, p] if i < begin + 8 else eight[at, p] + values[i, p]
        for p in range(wide):
            low = (eight[0, p] + eight[1, p]) + (eight[2, p] + eight[3, p])
            out[p] = low + ((eight[4, p] + eight[5, p]) + (eight[6, p] + eight[7, p]))
    for i in range(end, begin + size):
        for p in range(wide):
            out[p] += values[i, p]


@kernel
def pairwise(values, size, wide, sums, todo):
    """Fill sums[0, :wide] with the sum of values[:size, :wide] in the order of numpy's sum, so that both agree to the last bit.

    numpy halves what is longer than 128, at a multiple of eight. sums, todo: scratch, a tree that is walked without calling
    itself (a kernel that does cannot be kept on disk safely): entries of `todo` are pieces (begin, size), a size of -1 adds
    the last two sums.
    """
    pieces, have = 1, 0
    todo[0, 0], todo[0, 1] = 0, size
    while pieces > 0:
        pieces -= 1
        begin, count = todo[pieces, 0], todo[pieces, 1]
        if count < 0:
            for p in range(wide):
                sums[have - 2, p] += sums[have - 1, p]
            have -= 1
        elif count <= 128:
            short_sums(values, begin, count, wide, sums[56:], sums[have])
            have += 1
        else:
            half = count // 2
            half -= half % 8
            todo[pieces, 0], todo[pieces, 1] = 0, -1
            todo[pieces + 1, 0], todo[pieces + 1, 1] = begin + half, count - half
            todo[pieces + 2, 0], todo[pieces + 2, 1] = begin, half
            pieces += 3


@kernel
def faster_points(time, block, faster, out):
    """Keep the marks of the points of a block that are faster than in `out`; how many there are."""
    first, some = block[2], 0
    for p in range(BLOCK):
        if faster[p]:
            faster[p] = time[p] < out[TIME_S, first + p] and time[p] <= out[LIMIT_S, first + p]
            some += faster[p]
    return some


@kernel
def walk_block(listing, picks, starts, block, kept, phi, running):
    """Follow the choices of a block back: path and seconds of every step, and bytes where points differ.

    path[step, BLOCK]: the choice of the step where all points of the block have the same, else -1.
    """
    _, ways, amounts = listing
    values, way, states_of, _, path, step_s, moved, cycles, _, _, _ = running
    machine, sizes, states, count = block[0], block[1], values.shape[1], starts.shape[0] - 1
    states_of[:] = 0
    together = True
    for step in range(count - 1, -1, -1):
        row = step * states
        number, others = picks[starts[step]], 0
        if starts[step + 1] > starts[step] + 1:  # else there is no other choice
            number, others = int(way[row + states_of[0], 0]), not together
            if together:
                for p in range(BLOCK):
                    others += way[row + states_of[0], p] != number
        path[step, BLOCK] = number if others == 0 and ways[number, KIND] != VARIED else -1
        if path[step, BLOCK] >= 0:  # mostly all points of a block go the same way
            states_of[0], together = ways[number, SOURCE], True
            alike_times(amounts[number, CYCLES], amounts[number, TOTAL], machine, phi, step_s[step])
            continue
        if together:
            states_of[:] = states_of[0]
        together = True
        for p in range(BLOCK):
            number = int(way[row + states_of[p], p])
            path[step, p], states_of[p] = number, ways[number, SOURCE]
            together &= states_of[p] == states_of[0]
            cycles[p], moved[step, p] = amounts[number, CYCLES], total_of(number, kept[sizes[p], step], ways, amounts)
        for p in range(BLOCK):
            on_chip, outer = cycles[p] * machine[p], moved[step, p] * machine[BLOCK + p]
            large = on_chip if on_chip > outer else outer
            small = outer if on_chip > outer else on_chip
            step_s[step, p] = large + phi * small + machine[2 * BLOCK + p]


@kernel
def note_block(listing, block, many, stays, running, out, paths):
    """Where points of a block are faster than in `out`, write what it has of them, and their paths."""
    begins, ways, amounts = listing
    rows, totals, alike, alike_totals = paths
    count = begins.shape[0] - 1
    _, _, _, faster, path, step_s, moved, _, sums, todo, _ = running
    sizes, first = block[1], block[2]
    pairwise(step_s, count, BLOCK, sums, todo)
    # As in `schedule.solve`: faster both as the programme adds and as numpy adds, which differ by rounding.
    some = faster_points(sums[0], block, faster, out)
    if some == 0:
        return
    for p in range(many):
        if faster[p] > 0:
            out[TIME_S, first + p], out[KEPT_BYTES, first + p] = sums[0, p], stays[sizes[p]]
    wide = 1  # columns to add: where all points have the same path, one does for all
    for step in range(count):
        number, at = path[step, BLOCK], block[3]
        if number < 0:
            wide = BLOCK
        if number >= 0 and some == many:
            alike[step, at], alike_totals[step, at] = ways[number, POINT], amounts[number, TOTAL]
            continue
        for p in range(many if alike[step, at] != APART else 0):
            rows[step, first + p], totals[step, first + p] = alike[step, at], alike_totals[step, at]
        alike[step, at] = APART
        for p in range(many):
            if faster[p]:
                rows[step, first + p] = ways[path[step, p] if number < 0 else number, POINT]
                totals[step, first + p] = moved[step, p] if number < 0 else amounts[number, TOTAL]
    for step in range(count):
        number = path[step, BLOCK]
        for p in range(wide):
            own = moved[step, p] if number < 0 else amounts[number, TOTAL]
            moved[step, p] = own if own > 0.0 else 0.0
    pairwise(moved, count, wide, sums, todo)
    for p in range(many):
        if faster[p]:
            out[OUTER_BYTES, first + p] = sums[0, p if wide > 1 else 0]
    note_feed(listing, first, many, wide, running, out)


@kernel
def note_feed(listing, first, many, wide, running, out):
    """Bytes fed to the arrays of the points of a block that are faster: a sum over the steps that have tiles."""
    begins, ways, amounts = listing
    count = begins.shape[0] - 1
    _, _, _, faster, path, rows, _, _, sums, todo, _ = running
    fed, alike = 0, True
    for step in range(count):
        number, tiled = path[step, BLOCK], 0
        if number >= 0:
            for p in range(wide):
                rows[fed, p] = amounts[number, FEED]
            tiled = BLOCK * (ways[number, POINT] >= 0)
        else:
            for p in range(BLOCK):
                rows[fed, p] = amounts[path[step, p], FEED]
                tiled += ways[path[step, p], POINT] >= 0
        fed += tiled > 0
        alike &= tiled % BLOCK == 0
    if alike:
        pairwise(rows, fed, wide, sums, todo)
    for p in range(many):
        if not faster[p]:
            continue
        if not alike:
            fed = 0
            for step in range(count):
                at = path[step, BLOCK] if path[step, BLOCK] >= 0 else path[step, p]
                if ways[at, POINT] >= 0:
                    rows[fed, p] = amounts[at, FEED]
                    fed += 1
            pairwise(rows, fed, wide, sums, todo)
        out[FEED_BYTES, first + p] = sums[0, p if wide > 1 else 0]


@kernel
def fill_block(machines, sizes, rooms_of, begin, many, rows, faster):
    """The machines of points begin .. begin + many - 1 as rows of a block, the last one to its end; mark who tries the room."""
    for p in range(BLOCK):
        at = begin + min(p, many - 1)
        rows[0][p], rows[0][BLOCK + p], rows[0][2 * BLOCK + p] = machines[0][at], machines[1][at], machines[2][at]
        rows[1][p] = sizes[at]
        faster[p] = p < many and rooms_of[sizes[at]] >= 0.0


@kernel
def residency_blocks(
    weights, machines, sizes_of, blocks, wanted, lists, chosen, room, phi, only_limit, scratch, out, paths
):
    """Best times and paths of the points of the blocks that are wanted, where they beat what is in `out`.

    weights: bytes of each step. machines: seconds per cycle, byte and step of the points; sizes_of: number of each point's SRAM
    size. blocks: int64[blocks, 3], first point, how many, bucket. lists: begins, ways and amounts of `kernels.sweep_list`.
    chosen: which of these, as `kernels.sweep_narrow` gives it. room: bytes for all but kept weights of each SRAM size (negative:
    not tried), bytes kept, and of each step. only_limit: fill in LIMIT_S alone. out: one row as named above, one column a point.
    paths: (frontier rows or -1, bytes of the outer memory), one row a step; the same of all points of each block, APART where
    they differ.
    """
    running, rows = scratch
    picks, starts, straight = chosen
    rooms_of, stays, kept = room
    steps = weights.shape[0]
    for at in range(blocks.shape[0]):
        first, many, bucket = blocks[at, 0], blocks[at, 1], blocks[at, 2]
        if not wanted[at]:
            continue
        listing, block = (lists[0][bucket], lists[1], lists[2]), (rows[0], rows[1], first, at)
        fill_block(machines, sizes_of, rooms_of, first, many, rows, running[3])
        if straight[at]:
            run_straight(listing, picks, starts[at], block, phi, running)
        else:
            run_block(weights, listing, picks, starts[at], block, kept, rooms_of, phi, running)
        times = running[0][steps % 2, 0]
        if only_limit:
            for p in range(many):
                if running[3][p]:  # sums in another order must not cut the best
                    out[LIMIT_S, first + p] = times[p] * (1.0 + 1e-9)
        elif faster_points(times, block, running[3], out) > 0:
            if not straight[at]:
                walk_block(listing, picks, starts[at], block, kept, phi, running)
            note_block(listing, block, many, stays, running, out, paths)
