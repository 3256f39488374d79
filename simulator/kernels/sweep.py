"""The residency programme for many points at once: one list of choices for each SRAM size, points innermost.

For overlap `none` and `layer`, whole batches. Answers equal `kernels.programme.residency` to the last bit: the same additions
in the same order, the same first of equals. Points differ in seconds per cycle, per byte and per step; the choices of a step
depend on the SRAM left alone. (`insert_point` stands in `programme` too: a kernel calls only its own file.)
"""

import math

from .jit import kernel

BLOCK, MARK = 64, 32
"""Points that run through the programme together, so that they stay in the nearest cache; as in `kernels.programme`."""

COLUMNS = 6
TIME_S, OUTER_BYTES, KEPT_BYTES, FEED_BYTES, ROOF, ROOF_S = 0, 1, 2, 3, 4, 5
"""Columns of the answers: time of a batch, bytes of the outer memory, weights that stay, bytes fed to the arrays, the number
of the roof that costs most (order of `schedule.waterfall.ROOFS`), and what it costs."""


@kernel
def insert_point(out, count, at, pool):
    """Insert pool row `at` into the staircase `out` (bytes rising, cycles falling), dropping what it beats. New count."""
    total, cycles = pool[at, 1], pool[at, 2]
    place = count
    while place > 0 and pool[out[place - 1], 1] > total:
        place -= 1
    if place > 0 and pool[out[place - 1], 2] <= cycles:
        return count
    last = place
    while last < count and pool[out[last], 2] >= cycles:
        last += 1
    if place > 0 and pool[out[place - 1], 1] == total:
        place -= 1
    if last == place:
        for j in range(count, place, -1):
            out[j] = out[j - 1]
        count += 1
    else:
        for j in range(last, count):
            out[place + 1 + j - last] = out[j]
        count -= last - place - 1
    out[place] = at
    return count


@kernel
def stair(lo, hi, base, pool, room, first, marks, kept, stairs):
    """Fill `stairs` with the points of pool rows lo..hi that fit `room` and that no other beats, bytes rising.

    kept: int64[4], what `stairs` holds from the call before: lo, rows that fitted, points, and whether it is of use; SRAM
    sizes come in rising order, so often few rows are new, or none. base: where the rows' blocks begin in `first`. Returns
    how many points there are, or -1 where they may not fit in `stairs`.
    """
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
            for j in range(first[base + block], first[base + block + 1]):
                if count == stairs.shape[0]:
                    return -1
                stairs[count] = marks[j]
                count += 1
    while low < hi and pool[low, 0] <= room:
        if count == stairs.shape[0]:
            kept[3] = 0
            return -1
        count = insert_point(stairs, count, low, pool)
        low += 1
    kept[0], kept[1], kept[2], kept[3] = lo, low, count, 1
    return count


@kernel
def share(size, order, weights, channels, kept):
    """Fill kept[step] with the bytes of each step's weights among the `size` bytes that stay; return their sum."""
    for step in range(weights.shape[0]):
        kept[step] = 0.0
    left, total = size, 0.0
    for j in range(order.shape[0]):
        step = order[j]
        if weights[step] <= left:
            kept[step] = weights[step]
            left -= weights[step]
            total += kept[step]
        else:
            kept[step] = channels[step] * math.floor(left / channels[step])
            total += kept[step]
            break
    return total


@kernel
def choices(net, weights, room, slot, listing):
    """List what each step can do in `room` bytes: begins[step], ways (source, target, point), amounts (cycles, bytes).

    kept: bytes of each step's weights that stay in SRAM. slot: which of the staircases kept from one SRAM size to the next
    to use. Returns the number of choices, 0 where no schedule fits, -1 where a list is too short.
    """
    first, source, target, spans, spans_kept, costs, steps, pool, blocks, marks, _ = net
    reach, begins, ways, amounts, kept, _, held, stairs = listing
    count, states, wide = 0, reach.shape[1], ways.shape[0]
    for state in range(states):
        reach[0, state] = 0
    reach[0, 0] = 1
    for step in range(steps.shape[0]):
        begins[step] = count
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            reach[after, state] = 0
        whole = weights[step] > 0.0 and kept[step] >= weights[step]
        for move in range(first[step], first[step + 1]):
            left = room - costs[move, 0]
            if reach[now, source[move]] == 0 or left < steps[step, 0]:
                continue
            lo, hi, base = spans[move, 0], spans[move, 1], spans[move, 2]
            beside = costs[move, 1] - (0.0 if whole else kept[step])
            if whole:
                lo, hi, base = spans_kept[move, 0], spans_kept[move, 1], spans_kept[move, 2]
            found = 1
            if lo < hi:
                found = stair(lo, hi, base, pool, left, blocks, marks, held[slot, move], stairs[slot, move])
            if found == 0:
                continue
            if found < 0 or count + found > wide:
                return -1
            reach[after, target[move]] = 1
            for i in range(found):
                ways[count, 0], ways[count, 1], ways[count, 2] = source[move], target[move], -1
                amounts[count, 0], amounts[count, 1] = steps[step, 1], beside
                if lo < hi:
                    point = stairs[slot, move, i]
                    ways[count, 2] = point
                    amounts[count, 0] = max(steps[step, 1], pool[point, 2])
                    amounts[count, 1] = max(0.0, pool[point, 1] + beside)
                count += 1
        if begins[step] == count:
            return 0
    begins[steps.shape[0]] = count
    return count if reach[steps.shape[0] % 2, 0] == 1 else 0


@kernel
def price(cycles, total, phi, cycle_s, byte_s, overhead_s, size, out):
    """Time of a step for a block of points: max + phi min + overhead. [s]"""
    for p in range(size):
        on_chip, outer = cycles * cycle_s[p], total * byte_s[p]
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        out[p] = large + phi * small + overhead_s[p]


@kernel
def relax(cost, total, size, time, moved, new_time, new_moved, way, number, wins):
    """One choice for a block of points: better times, then fewer bytes, replace what the target state had.

    Short loops that each write one array: the compiler turns those into vector instructions, and one long loop it does not.
    """
    for p in range(size):
        at = time[p] + cost[p]
        tie = (at == new_time[p]) & (moved[p] + total < new_moved[p])
        wins[p] = 1.0 if at < new_time[p] else (1.0 if tie else 0.0)
    for p in range(size):
        new_time[p] = time[p] + cost[p] if wins[p] > 0.5 else new_time[p]
    for p in range(size):
        new_moved[p] = moved[p] + total if wins[p] > 0.5 else new_moved[p]
    for p in range(size):
        way[p] = number if wins[p] > 0.5 else way[p]


@kernel
def run_block(listing, machines, phi, begin, size, running):
    """The programme over one block of points; way[step * states + state, p] is the choice. Final times in times[steps % 2]."""
    _, begins, ways, amounts, _, _, _, _ = listing
    end = begin + size
    cycle_s, byte_s, overhead_s = machines[0][begin:end], machines[1][begin:end], machines[2][begin:end]
    times, moveds, way, cost, wins = running
    states, steps = times.shape[1], begins.shape[0] - 1
    for state in range(states):
        for p in range(size):
            times[0, state, p] = moveds[0, state, p] = math.inf if state > 0 else 0.0
    for step in range(steps):
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            for p in range(size):
                times[after, state, p], moveds[after, state, p] = math.inf, math.inf
        for number in range(begins[step], begins[step + 1]):
            source, target = ways[number, 0], ways[number, 1]
            price(amounts[number, 0], amounts[number, 1], phi, cycle_s, byte_s, overhead_s, size, cost)
            relax(
                cost, amounts[number, 1], size, times[now, source], moveds[now, source], times[after, target],
                moveds[after, target], way[step * states + target], number, wins,
            )  # fmt: skip


@kernel
def short_sum(values, begin, size, eight):
    """Sum of up to 128 values from `begin` in the order of numpy: eight running sums, then their tree, then the rest."""
    total, end = 0.0, begin
    if size >= 8:
        end = begin + size - size % 8
        for i in range(begin, end):
            at = (i - begin) % 8
            eight[at] = values[i] if i < begin + 8 else eight[at] + values[i]
        total = ((eight[0] + eight[1]) + (eight[2] + eight[3])) + ((eight[4] + eight[5]) + (eight[6] + eight[7]))
    for i in range(end, begin + size):
        total += values[i]
    return total


@kernel
def pairwise(values, size, sums, todo):
    """Sum of values[:size] in the order of numpy's sum, so that both agree to the last bit.

    numpy halves what is longer than 128, at a multiple of eight. sums, todo: scratch, a tree that is walked without calling
    itself (a kernel that does cannot be kept on disk safely): entries of `todo` are pieces (begin, size), a size of -1 adds
    the last two sums.
    """
    if size <= 128:
        return short_sum(values, 0, size, sums[56:])
    pieces, have = 1, 0
    todo[0, 0], todo[0, 1] = 0, size
    while pieces > 0:
        pieces -= 1
        begin, count = todo[pieces, 0], todo[pieces, 1]
        if count < 0:
            sums[have - 2] += sums[have - 1]
            have -= 1
        elif count <= 128:
            sums[have] = short_sum(values, begin, count, sums[56:])
            have += 1
        else:
            half = count // 2
            half -= half % 8
            todo[pieces, 0], todo[pieces, 1] = 0, -1
            todo[pieces + 1, 0], todo[pieces + 1, 1] = begin + half, count - half
            todo[pieces + 2, 0], todo[pieces + 2, 1] = begin, half
            pieces += 3
    return sums[0]


@kernel
def take(high, low, cycle_s, left, part_of, begin, end):
    """One part of the waterfall of points begin..end - 1: (high - low) cycles, or what is left of the step."""
    for k in range(begin, end):
        part = min(high * cycle_s[k] - low * cycle_s[k], left[k])
        left[k] -= part
        part_of[k] += part


@kernel
def take_roof(busy, vector, cycle_s, left, parts, begin, end):
    """What the roof that sets the on-chip time takes beyond the array; of equal times the first roof counts.

    busy: the row of on-chip parts of a choice; array, interconnect and SRAM ports are 4 to 6.
    """
    sets, most = 0, busy[4]
    for roof in range(1, 4):
        own = busy[4 + roof] if roof < 3 else vector
        if own * cycle_s[begin] > most * cycle_s[begin]:
            sets, most = roof, own
    if sets > 0:
        take(most, busy[4], cycle_s, left, parts[2 + sets], begin, end)


@kernel
def waterfall(busy, vector, tiled, group, end):
    """Split a step of points 0..end - 1 among the roofs, as `schedule.waterfall.split` does."""
    cycle_s, overhead_s, left, parts = group
    if tiled:
        for part in range(4):
            if busy[part] > 0.0:
                take(busy[part], 0.0, cycle_s, left, parts[8 if part == 0 else part - 1], 0, end)
        close, most = False, max(busy[4], busy[5], busy[6], vector)
        for own in (busy[4], busy[5], busy[6], vector):
            close |= own < most and own * (1.0 + 1e-12) >= most
        # Roofs that differ by rounding may be as slow as each other at one clock and not at another.
        for k in range(0, end, 1 if close else end):
            take_roof(busy, vector, cycle_s, left, parts, k, k + 1 if close else end)
    elif vector > 0.0:
        take(vector, 0.0, cycle_s, left, parts[5], 0, end)
    for k in range(end):
        part = min(overhead_s[k], left[k])
        left[k] -= part
        parts[6, k] += part
    for k in range(end):
        parts[7, k] += left[k]


@kernel
def largest(parts, k, has_dram, extra_s):
    """(number of the roof that costs most, its time); parts: edges, filling, loading, interconnect to overhead, the wait."""
    best, most = 0, (parts[0, k] + parts[1, k]) + parts[2, k]
    dram, host = (parts[7, k], extra_s) if has_dram else (0.0, parts[7, k] + extra_s)
    for roof in range(1, 7):
        own = parts[2 + roof, k] if roof < 5 else dram if roof == 5 else host
        if own > most:
            best, most = roof, own
    return best, most


@kernel
def answer(steps, listing, path, many, phi, answering, kept_bytes, has_dram, host_s, out):
    """Write the answers of `many` points with one path, where they are faster than what `out` has."""
    _, _, ways, amounts, _, parts_of, _, _ = listing
    _, _, rows, cycle_s, byte_s, overhead_s, left, parts, step_s, one, sums, todo = answering
    count, fed = steps.shape[0], 0
    for part in range(parts.shape[0]):
        for k in range(many):
            parts[part, k] = 0.0
    for step in range(count):
        number = path[step]
        price(amounts[number, 0], amounts[number, 1], phi, cycle_s, byte_s, overhead_s, many, left)
        for k in range(many):
            step_s[step, k] = left[k]
        group = (cycle_s, overhead_s, left, parts)
        waterfall(parts_of[number], steps[step, 1], ways[number, 2] >= 0, group, many)
        one[step] = max(0.0, amounts[number, 1])
    outer = pairwise(one, count, sums, todo)
    for step in range(count):
        if ways[path[step], 2] >= 0:
            one[fed] = parts_of[path[step], 7]
            fed += 1
    feed = pairwise(one, fed, sums, todo)
    for k in range(many):
        for step in range(count):
            one[step] = step_s[step, k]
        time_s, row = pairwise(one, count, sums, todo), rows[k]
        if time_s < out[row, 0]:
            out[row, 0], out[row, 1], out[row, 2], out[row, 3] = time_s, outer, kept_bytes, feed
            out[row, 4], out[row, 5] = largest(parts, k, has_dram, max(time_s, host_s) - time_s)


@kernel
def walk_block(steps, listing, machines, phi, begin, size, running, answering, kept_bytes, has_dram, host_s, out):
    """Follow the choices of a block back; points with the same path are answered together."""
    ways = listing[2]
    cycle_s, byte_s, overhead_s, order = machines
    times, way = running[0], running[2]
    paths, digests, rows = answering[0], answering[1], answering[2]
    states, count = times.shape[1], steps.shape[0]
    for p in range(size):
        digests[p] = -1
        # As in `schedule.solve`: faster both as the programme adds and as numpy adds, which differ by rounding.
        if times[count % 2, 0, p] < out[order[begin + p], 0]:
            state, digest = 0, 0
            for step in range(count - 1, -1, -1):
                paths[p, step] = way[step * states + state, p]
                state = ways[paths[p, step], 0]
                digest = (digest * 31 + paths[p, step]) & 0xFFFFFFFFFFFF
            digests[p] = digest
    for p in range(size):
        if digests[p] < 0:
            continue
        many, digest = 0, digests[p]
        for q in range(p, size):
            same = digests[q] == digest
            for step in range(count if same and q > p else 0):
                same &= paths[q, step] == paths[p, step]
            if same:
                digests[q], rows[many] = -1, order[begin + q]
                answering[3][many], answering[4][many] = cycle_s[begin + q], byte_s[begin + q]
                answering[5][many] = overhead_s[begin + q]
                many += 1
        answer(steps, listing, paths[p], many, phi, answering, kept_bytes, has_dram, host_s, out)


@kernel
def may_win(cycles, outer, count, phi, machines, begin, end, out):
    """Whether a room with these least cycles and bytes can be faster than what `out` has, for any of these points."""
    cycle_s, byte_s, overhead_s, order = machines
    for p in range(begin, end):
        on_chip, memory = cycles * cycle_s[p], outer * byte_s[p]
        busy = (1.0 - phi) * max(on_chip, memory) + phi * (on_chip + memory)
        if (busy + overhead_s[p] * count) * (1.0 - 1e-9) < out[order[p], 0]:
            return True
    return False


@kernel
def try_room(net, keeping, machines, scratch, capacity, room, slot, rooms, least, span, how, out):
    """Points of `span` (begin, end), of one SRAM size, with `room` bytes for all but kept weights. -1: a list is too short."""
    listing, running, answering = scratch
    weights, channels, keep_order = keeping
    steps, detail, count = net[6], net[10], net[6].shape[0]
    (begin, end), (phi, has_dram, host_s) = span, how
    stays = share(capacity - room, keep_order, weights, channels, listing[4])
    # Whole channels stay, so more than `room` may be left: what holds in the next listed room holds here.
    at, cycles, outer = 0, 0.0, 0.0
    while at < rooms.shape[0] and rooms[at] < capacity - stays:
        at += 1
    if at < rooms.shape[0]:
        cycles, outer = least[at, 0], least[at, 1]
        for step in range(count):
            outer += weights[step] - listing[4][step]
    if cycles == math.inf or not may_win(cycles, outer, count, phi, machines, begin, end, out):
        return 0
    listed = choices(net, weights, capacity - stays, slot, listing)
    if listed <= 0:
        return listed
    ways, parts_of = listing[2], listing[5]
    for number in range(listed):  # near each other, so that the points find them in the cache
        if ways[number, 2] >= 0:
            for column in range(8):
                parts_of[number, column] = detail[ways[number, 2], column]
    for p in range(begin, end, BLOCK):
        size = min(BLOCK, end - p)
        if may_win(cycles, outer, count, phi, machines, p, p + size, out):
            run_block(listing, machines, phi, p, size, running)
            walk_block(steps, listing, machines, phi, p, size, running, answering, stays, has_dram, host_s, out)
    return 0


@kernel
def residency_points(net, keeping, machines, scratch, rooms, least, capacities, starts, lo, hi, how, out):
    """Answers of the points of SRAM sizes lo..hi - 1: out[point, COLUMNS], infinite time where nothing fits.

    net: arrays of a pool (first, source and target of moves, spans, spans_kept, costs, steps, points, blocks, marks) and
    the on-chip parts of its points. keeping: bytes of each step's weights, of one output channel of them, and the steps in
    the order in which weights are kept. machines: seconds per cycle, byte and step of the points, and their places in `out`.
    capacities, starts: SRAM sizes, rising, and where the points of each begin. rooms: sizes beside kept weights that are
    tried, rising; none: no weights are kept. least[room]: cycles, and bytes without constant weights, that no schedule in it
    stays below. how: phi, whether there is a DRAM, and a batch's time on the host link beside it. -1: a list is too short.
    """
    all_weights = 0.0
    for step in range(keeping[0].shape[0]):
        all_weights += keeping[0][step]
    many = rooms.shape[0]
    for at in range(lo, hi):
        capacity, span = capacities[at], (starts[at], starts[at + 1])
        for p in range(span[0], span[1]):
            out[machines[3][p], 0] = math.inf
        # The same rooms in the same order as `schedule.keep`: of equally fast schedules the first counts.
        for number in range(many + 1 if many > 0 else 0, -1, -1):
            room = rooms[number] if number < many else capacity - (all_weights if number > many else 0.0)
            if room <= 0.0 or (number < many and (room >= capacity or capacity - room >= all_weights)):
                continue
            if try_room(net, keeping, machines, scratch, capacity, room, number, rooms, least, span, how, out) < 0:
                return -1
    return 0
