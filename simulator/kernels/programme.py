"""Dynamic programmes over the order of the layers: residency, and residency with weights fetched ahead.

A move (see `schedule.states`) has a range lo..hi of the points of a pool (footprint, bytes, cycles); a choice is a point of it
that fits the SRAM left. Minimised: time, then outer-memory bytes; the first of equals in a fixed order.
`costs` per move: reserved bytes, bytes beside the tiles, bytes of weights that stay for ever, first-pass weight bytes.
`steps` per step: least footprint and on-chip cycles of vector work.
`chip`: [capacity, seconds per cycle, seconds per byte, phi, overhead in seconds].
"""

import math

from .jit import kernel

RESERVED, BESIDE, KEPT, FIRST_PASS = 0, 1, 2, 3
CAPACITY, CYCLE_S, BYTE_S, PHI, OVERHEAD_S = 0, 1, 2, 3, 4
MARK = 32


@kernel
def insert_point(out, held, count, at, points, life):
    """Insert row `at` into the staircase `out` (bytes rising, cycles falling). Rows that it beats leave at its footprint.

    A row that is beaten at once leaves as it comes. held: float64[room, 2], bytes and cycles of `out`. New count.
    """
    footprint, total, cycles = points[at, 0], points[at, 1], points[at, 2]
    place = count
    while place > 0 and held[place - 1, 0] > total:
        place -= 1
    if place > 0 and held[place - 1, 1] <= cycles:
        life[at, 1] = footprint
        return count
    last = place
    while last < count and held[last, 1] >= cycles:
        last += 1
    if place > 0 and held[place - 1, 0] == total:
        place -= 1
    for j in range(place, last):
        life[out[j], 1] = footprint
    if last == place:
        for j in range(count, place, -1):
            out[j], held[j, 0], held[j, 1] = out[j - 1], held[j - 1, 0], held[j - 1, 1]
    elif last > place + 1:
        for j in range(last, count):
            to = place + 1 + j - last
            out[to], held[to, 0], held[to, 1] = out[j], held[j, 0], held[j, 1]
    out[place], held[place, 0], held[place, 1] = at, total, cycles
    return count + 1 - (last - place)


@kernel
def mark(lo, hi, points, life, out, held, heads, first, marks, size):
    """Staircases of rows lo..hi of `points` every MARK rows, so that a query need not start from nothing.

    life: float64[rows, 2], filled with the footprints at which each row joins and leaves the staircase. heads: float64[blocks],
    footprint of each block's first row. first: int64[blocks + 1], filled with where each block's staircase begins in
    `marks`. size: marks in use. out, held: scratch. New size; -1: `marks` is too short.
    """
    count, block = 0, 0
    for at in range(lo, hi):
        life[at, 0], life[at, 1] = points[at, 0], math.inf
        if (at - lo) % MARK == 0:
            first[block], heads[block] = size, points[at, 0]
            if size + count > marks.shape[0]:
                return -1
            for j in range(count):
                marks[size + j] = out[j]
            size += count
            block += 1
        count = insert_point(out, held, count, at, points, life)
    first[block] = size
    return size


@kernel
def stair(lo, hi, base, net, room, out):
    """Rows lo..hi that fit `room` and that no other beats in bytes and cycles, bytes rising. Returns how many.

    net: points, lives, heads, firsts and marks of a pool (see `mark`). base: where the blocks of these rows begin.
    """
    points, life, heads, first, marks = net
    low, high = 0, (hi - lo + MARK - 1) // MARK
    while low < high:
        middle = (low + high) // 2
        if heads[base + middle] <= room:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    count, block = 0, low - 1
    for j in range(first[base + block], first[base + block + 1]):
        if life[marks[j], 1] > room:
            out[count] = marks[j]
            count += 1
    for at in range(lo + block * MARK, min(hi, lo + block * MARK + MARK)):
        if life[at, 0] > room:
            break
        if life[at, 1] > room:
            place = count
            while place > 0 and points[out[place - 1], 1] > points[at, 1]:
                out[place] = out[place - 1]
                place -= 1
            out[place] = at
            count += 1
    return count


@kernel
def fitting(span, net, room, memo, points):
    """(rows, how many) of the points of a span that fit `room`: see `stair`. The last answer to each query is remembered.

    span: a move's lo, hi, base, and the number of its query; moves with the same frontier and the same reserved bytes share
    one. memo: room asked for last (NaN: none), how many rows, and the rows. points: scratch for a long answer.
    """
    rooms, counts, rows = memo
    query = span[3]
    if rooms[query] == room:
        return rows[query], counts[query]
    count = stair(span[0], span[1], span[2], net, room, points)
    if count > rows.shape[1]:
        return points, count
    rooms[query], counts[query] = room, count
    for i in range(count):
        rows[query, i] = points[i]
    return rows[query], count


@kernel
def step_time(cycles, total, chip):
    """Time of a step without prefetch: max + phi min + overhead. [s]"""
    on_chip, outer = cycles * chip[1], total * chip[2]
    return max(on_chip, outer) + chip[3] * min(on_chip, outer) + chip[4]


@kernel
def residency(network, chip, begin, end, state_in, rest, limit, memo, points, values, choice):
    """Fill values[step + 1, state] = (time, bytes) and choice[step, state] = (move, point); return the step that fails or -1.

    Steps begin..end - 1 from state `state_in`; what cannot end before `limit` seconds, with at least rest[step] to come
    after the step, is dropped. network: first move of each step, source and target states of moves, their spans (see `fitting`)
    and costs, the steps, and the points of the pool (see `stair`). memo, points: see `fitting`.
    values: float64[steps + 1, states, 2]. choice: int64[steps, states, 2]; point -1 is vector work.
    """
    first, source, target, spans, costs, steps, net = network
    pool, states = net[0], values.shape[1]
    for state in range(states):
        values[begin, state, 0], values[begin, state, 1] = math.inf, math.inf
    values[begin, state_in, 0], values[begin, state_in, 1] = 0.0, 0.0
    for step in range(begin, end):
        for state in range(states):
            values[step + 1, state, 0], values[step + 1, state, 1] = math.inf, math.inf
        reached = False
        for move in range(first[step], first[step + 1]):
            before, bytes_before = values[step, source[move], 0], values[step, source[move], 1]
            room = chip[0] - costs[move, 0]
            if before == math.inf or room < steps[step, 0]:
                continue
            beside = costs[move, 1] - costs[move, 2]
            tiled = spans[move, 0] < spans[move, 1]
            choices, fit = 1, points
            if tiled:
                fit, choices = fitting(spans[move], net, room, memo, points)
            state = target[move]
            for i in range(choices):
                point, cycles, total = -1, steps[step, 1], beside
                if tiled:
                    point = fit[i]
                    cycles, total = max(cycles, pool[point, 2]), max(0.0, pool[point, 1] + beside)
                time = before + step_time(cycles, total, chip)
                total += bytes_before
                if time + rest[step] >= limit:
                    reached = True  # it fits, but it is not of interest
                    continue
                old = values[step + 1, state, 0]
                if time < old or (time == old and total < values[step + 1, state, 1]):
                    values[step + 1, state, 0], values[step + 1, state, 1] = time, total
                    choice[step, state, 0], choice[step, state, 1] = move, point
                    reached = True
        if not reached:
            return step
    return -1


@kernel
def walk_back(source, choice, begin, end, last_state, path):
    """Follow the choices from the last state: path[step - begin] = (move, point)."""
    state = last_state
    for step in range(end - 1, begin - 1, -1):
        path[step - begin, 0], path[step - begin, 1] = choice[step, state, 0], choice[step, state, 1]
        state = source[choice[step, state, 0]]


@kernel
def insert(labels, step, state, count, time, ahead, own):
    """Place of a new label among the `count` of a state, sorted by time with bytes ahead rising; -1 where another beats it.

    Returns (place, new count); labels that the new one beats are removed.
    """
    room, columns = labels.shape[2], labels.shape[3]
    place = count
    while place > 0 and labels[step, state, place - 1, 0] > time:
        place -= 1
    if place > 0 and labels[step, state, place - 1, 1] >= ahead:
        return -1, count
    if place > 0 and labels[step, state, place - 1, 0] == time:
        place -= 1
    last = place
    while last < count and labels[step, state, last, 1] <= ahead:
        last += 1
    if last == place:
        if count == room:
            return -1, count
        for j in range(count, place, -1):
            for column in range(columns):
                labels[step, state, j, column] = labels[step, state, j - 1, column]
        count += 1
    elif last > place + 1:
        for j in range(last, count):
            for column in range(columns):
                labels[step, state, place + 1 + j - last, column] = labels[step, state, j, column]
        count -= last - place - 1
    labels[step, state, place, 0], labels[step, state, place, 1], labels[step, state, place, 2] = time, ahead, own
    return place, count


@kernel
def prefetch(network, chip, ahead, start, to_come, rest, limit, labels, counts, memo, points):
    """Residency with weights of later layers fetched ahead into `ahead` bytes of SRAM. Returns the step that fails or -1.

    A label is (time, weight bytes on chip for later layers, time of this step, move, point, label before). With R bytes
    ahead, a layer whose first pass of weights is p takes u = min(R, p) of them, and its idle memory time fetches more.
    start: bytes ahead at the beginning. to_come[step]: weight bytes of the layers after it (next batch included).
    rest[step]: least on-chip seconds and streamed weight bytes of the layers after it; a label that cannot end before
    `limit` seconds is dropped. Returns -2 where the limit alone stopped every schedule.
    labels: float64[steps + 1, states, room, 6]. counts: int64[steps + 1, states].
    """
    first, source, target, spans, costs, steps, net = network
    pool, states = net[0], counts.shape[1]
    for state in range(states):
        counts[0, state] = 0
    counts[0, 0] = 1
    labels[0, 0, 0, 0], labels[0, 0, 0, 1], labels[0, 0, 0, 2] = 0.0, start, 0.0
    per_second = 1.0 / chip[2] if chip[2] > 0.0 else math.inf
    for step in range(first.shape[0] - 1):
        for state in range(states):
            counts[step + 1, state] = 0
        reached, stopped = False, False
        for move in range(first[step], first[step + 1]):
            had = counts[step, source[move]]
            room = chip[0] - ahead - costs[move, 0]
            if had == 0 or room < steps[step, 0]:
                continue
            beside = costs[move, 1] - costs[move, 2]
            tiled = spans[move, 0] < spans[move, 1]
            choices, fit = 1, points
            if tiled:
                fit, choices = fitting(spans[move], net, room, memo, points)
            for choice in range(choices):
                point = fit[choice] if tiled else -1
                total, cycles = max(0.0, beside), steps[step, 1]
                if point >= 0:
                    total, cycles = max(0.0, pool[point, 1] + beside), max(cycles, pool[point, 2])
                on_chip = cycles * chip[1]
                for label in range(had):
                    have = labels[step, source[move], label, 1]
                    used = min(have, costs[move, 3], total)
                    time = max(on_chip, (total - used) * chip[2])
                    spare = 0.0 if math.isinf(per_second) else per_second * time - (total - used)
                    later = ahead if math.isinf(per_second) else have - used + max(0.0, spare)
                    later = min(later, ahead, to_come[step])
                    done = labels[step, source[move], label, 0] + time + chip[4]
                    if done + max(rest[step, 0], (rest[step, 1] - later) * chip[2]) >= limit:
                        stopped = True
                        continue
                    state = target[move]
                    had_now = counts[step + 1, state]
                    place, count = insert(labels, step + 1, state, had_now, done, later, time + chip[4])
                    counts[step + 1, state] = count
                    if place >= 0:
                        labels[step + 1, state, place, 3], labels[step + 1, state, place, 4] = move, point
                        labels[step + 1, state, place, 5] = label
                        reached = True
        if not reached:
            return -2 if stopped else step
    return -1


@kernel
def fetch_ahead(network, chip, sizes, bounds, fifo, streamed, to_come, rest, limits, labels, counts, memo, points, at):
    """Run `prefetch` with each of `sizes` bytes ahead, begun cold and then warm, from run `at` on, to the first that is faster.

    Runs are numbered 2 x size + warm. limits: what a cold schedule, and a steady one, must beat. bounds: no schedule with
    so much set aside is faster. fifo: the bytes ahead lie in a buffer of their own. streamed: weight bytes of a batch.
    Returns (run, last label, wait in seconds for what is missing of the bytes it began with); run 2 x sizes: none is faster.
    """
    last_step, end, capacity = network[0].shape[0] - 1, 2 * sizes.shape[0], chip[0]
    for run in range(at, end):
        ahead, warm = sizes[run // 2], run % 2
        start = min(ahead, streamed) if warm else 0.0
        if warm and start <= 0.0:
            continue
        most = max(limits[0], limits[1])
        if not warm and ahead > 0.0 and bounds[run // 2] >= most:
            return end, 0, 0.0  # more set aside leaves even less for the tiles
        limit = limits[1] if warm else most
        chip[0] = capacity + (ahead if fifo else 0.0)
        failed = prefetch(network, chip, ahead, start, to_come, rest, limit, labels, counts, memo, points)
        chip[0] = capacity
        if failed >= 0 and not warm:
            return end, 0, 0.0  # less SRAM for tiles will not fit either
        if failed != -1:
            continue
        best, best_time, best_wait = -1, limit, 0.0
        for label in range(counts[last_step, 0]):
            # What is missing of `start` comes in at the end, while the last step waits.
            wait = max(0.0, start - labels[last_step, 0, label, 1]) * chip[2]
            if labels[last_step, 0, label, 0] + wait < best_time:
                best, best_time, best_wait = label, labels[last_step, 0, label, 0] + wait, wait
        if best >= 0:
            return run, best, best_wait
    return end, 0, 0.0


@kernel
def walk_labels(first, source, labels, last_label, path, times):
    """Follow the labels back: path[step] = (move, point), times[step] = time of the step."""
    state, label = 0, last_label
    for step in range(first.shape[0] - 2, -1, -1):
        times[step] = labels[step + 1, state, label, 2]
        path[step, 0], path[step, 1] = int(labels[step + 1, state, label, 3]), int(labels[step + 1, state, label, 4])
        label = int(labels[step + 1, state, label, 5])
        state = source[path[step, 0]]
