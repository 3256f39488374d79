"""Dynamic programmes over the order of the layers: residency, and residency with weights fetched ahead.

A move (see `schedule.states`) has a range lo..hi of the points of a pool (footprint, bytes, cycles); a choice is a point of it
that fits the SRAM left. Minimised: time, then outer-memory bytes; the first of equals in a fixed order.
"""

import math
from typing import NamedTuple

from .jit import kernel
from .layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FIRST_PASS,
    KEPT,
    LEAST_ROOM,
    PATH_MOVE,
    PATH_POINT,
    RESERVED,
    SLACK,
    SPAN_HI,
    SPAN_LO,
    SPAN_QUERY,
    VECTOR_CYCLES,
    Floats,
    Ints,
    Machine,
    prefetch_step,
    step_time,
)  # fmt: skip
from .schedule_periods import (
    AHEAD,
    BEFORE,
    MOVE,
    MOVED,
    OWN,
    POINT,
    REST_BYTES,
    REST_S,
    TIME,
    again,
    alike_periods,
    ends_late,
    go_on,
    labels_again,
    same_labels,
    same_moves,
    same_values,
)
from .stairs import Memo, fitting

BOUND_ON_CHIP = 0.5
"""Share of a time that on-chip work must take for what never waits for weights to be as slow: else that is not even tried."""


class Ahead(NamedTuple):
    """What is known of the weights that may be fetched ahead."""

    sizes: Floats
    """Bytes of SRAM to set aside, one after another."""
    bounds: Floats
    """No schedule with so much set aside is faster. [s]"""
    fifo: bool
    """Whether they lie in a buffer of their own."""
    streamed: float
    """Weight bytes of a batch."""
    to_come: Floats
    """Weight bytes of the layers after each step, next batch included."""
    rest: Floats
    """Least on-chip seconds and bytes of the outer memory of the layers after each step."""


class Running(NamedTuple):
    """Scratch of the prefetch programme, and what queries gave."""

    labels: Floats
    """float64[steps + 1, states, room, 6]."""
    counts: Ints
    """int64[steps + 1, states], how many labels there are."""
    memo: Memo


@kernel
def residency(network, machine, rest, limit, memo, values, choice):
    """Fill values[step + 1, state] = (time, bytes) and choice[step, state] = (move, point); return the step that fails or -1.

    What cannot end before `limit` seconds, with at least rest[step] to come after the step, is dropped. network: first move of
    each step, source and target states of moves, their spans (see `fitting`) and costs, the steps, and the points of the pool
    (see `stair`). memo: see `fitting`.
    values: float64[steps + 1, states, 2]. choice: int64[steps, states, 2]; point -1 is vector work.
    """
    first, source, target, spans, costs, steps, back, net = network
    pool, states = net.points, values.shape[1]
    for state in range(states):
        values[0, state, TIME], values[0, state, MOVED] = math.inf, math.inf
    values[0, 0, TIME], values[0, 0, MOVED] = 0.0, 0.0
    alike = 0
    for step in range(len(first) - 1):
        period = back[step]
        same = period > 0 and same_moves(network, step, period)
        same = same and (alike == period or same_values(values, step, period))
        if same and again(network, machine, step, period, rest, limit, values, choice):
            alike = period
            continue
        alike = 0
        for state in range(states):
            values[step + 1, state, TIME], values[step + 1, state, MOVED] = math.inf, math.inf
        reached = False
        for move in range(first[step], first[step + 1]):
            before, bytes_before = values[step, source[move], TIME], values[step, source[move], MOVED]
            room = machine.capacity_bytes - costs[move, RESERVED]
            if before == math.inf or room < steps[step, LEAST_ROOM]:
                continue
            beside = costs[move, BESIDE] - costs[move, KEPT]
            tiled = spans[move, SPAN_LO] < spans[move, SPAN_HI]
            choices, fit = 1, memo.points
            if tiled:
                fit, choices = fitting(spans[move], net, room, memo)
            state = target[move]
            for i in range(choices):
                point, cycles, total = -1, steps[step, VECTOR_CYCLES], beside
                if tiled:
                    point = fit[i]
                    cycles, total = max(cycles, pool[point, CYCLES]), max(0.0, pool[point, BYTES] + beside)
                time = before + step_time(
                    cycles, total, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s
                )
                total += bytes_before
                if time + rest[step] >= limit:
                    reached = True  # it fits, but it is not of interest
                    continue
                old = values[step + 1, state, TIME]
                if time < old or (time == old and total < values[step + 1, state, MOVED]):
                    values[step + 1, state, TIME], values[step + 1, state, MOVED] = time, total
                    choice[step, state, PATH_MOVE], choice[step, state, PATH_POINT] = move, point
                    reached = True
        if not reached:
            return step
    return -1


@kernel
def walk_back(source, choice, path):
    """Follow the choices from the end: path[step] = (move, point)."""
    state = 0
    for step in range(len(path) - 1, -1, -1):
        path[step, PATH_MOVE], path[step, PATH_POINT] = choice[step, state, PATH_MOVE], choice[step, state, PATH_POINT]
        state = source[path[step, PATH_MOVE]]


@kernel
def insert(labels, count, time, ahead, own):
    """Place of a new label among the `count` of a state, sorted by time with bytes ahead rising; -1 where another beats it.

    Returns (place, new count); labels that the new one beats are removed.
    """
    room, columns = labels.shape
    place = count
    while place > 0 and labels[place - 1, TIME] > time:
        place -= 1
    if place > 0 and labels[place - 1, AHEAD] >= ahead:
        return -1, count
    if place > 0 and labels[place - 1, TIME] == time:
        place -= 1
    last = place
    while last < count and labels[last, AHEAD] <= ahead:
        last += 1
    if last == place:
        if count == room:
            return -1, count
        for j in range(count, place, -1):
            for column in range(columns):
                labels[j, column] = labels[j - 1, column]
        count += 1
    else:
        for j in range(last, count):
            for column in range(columns):
                labels[place + 1 + j - last, column] = labels[j, column]
        count -= last - place - 1
    labels[place, TIME], labels[place, AHEAD], labels[place, OWN] = time, ahead, own
    return place, count


@kernel
def prefetch(network, machine, weights, ahead, ends, limit, running, ways):
    """Residency with weights of later layers fetched ahead into `ahead` bytes of SRAM. Returns the step that fails or -1.

    A label is (time, weight bytes on chip for later layers, time of this step, move, point, label before). With R bytes
    ahead, a layer whose first pass of weights is p takes u = min(R, p) of them, and its idle memory time fetches more.
    weights: `Ahead`. ends: bytes ahead at the beginning, and those that must be there again at the end. A label that cannot
    end before `limit` seconds is dropped. Returns -2 where the limit alone stopped every schedule. running: `Running`.
    ways: whether labels are wanted at every step; else periods that are alike are gone over at once, and times are rounded.
    """
    known, to_come, rest, (labels, counts, memo) = weights, weights.to_come, weights.rest, running
    first, source, target, spans, costs, steps, back, net = network
    (start, due), pool, states = ends, net.points, counts.shape[1]
    for state in range(states):
        counts[0, state] = 0
    counts[0, 0] = 1
    labels[0, 0, 0, TIME], labels[0, 0, 0, AHEAD] = 0.0, start
    per_second = 1.0 / machine.byte_s if machine.byte_s > 0.0 else math.inf
    alike, step, begin = 0, -1, 0
    while step < len(first) - 2:
        step += 1
        period, most = back[step], min(ahead, to_come[step])
        same = 0 < period <= step - begin and most == min(ahead, to_come[step - period])
        same = same and same_moves(network, step, period)
        if same and (alike == period or same_labels(labels, counts, step, period)):
            if alike == 0 and ends_late(network, machine, known, ahead, step, (due, limit), running):
                return -2
            periods = 0 if ways else alike_periods(network, known, ahead, step)
            if periods > 0:
                go_on(labels, counts, step, period, periods)
                begin = step + periods * period
                step = begin - 1
                continue
            if labels_again(network, machine, step, period, rest, (due, limit), running):
                alike = period
                continue
        alike = 0
        for state in range(states):
            counts[step + 1, state] = 0
        reached, stopped = False, False
        for move in range(first[step], first[step + 1]):
            had = counts[step, source[move]]
            room = machine.capacity_bytes - ahead - costs[move, RESERVED]
            if had == 0 or room < steps[step, LEAST_ROOM]:
                continue
            beside = costs[move, BESIDE] - costs[move, KEPT]
            tiled = spans[move, SPAN_LO] < spans[move, SPAN_HI]
            choices, fit = 1, memo.points
            if tiled:
                fit, choices = fitting(spans[move], net, room, memo)
            for choice in range(choices):
                point = fit[choice] if tiled else -1
                total, cycles = max(0.0, beside), steps[step, VECTOR_CYCLES]
                if point >= 0:
                    total, cycles = max(0.0, pool[point, BYTES] + beside), max(cycles, pool[point, CYCLES])
                weights = min(costs[move, FIRST_PASS], total)
                for label in range(had):
                    own, later = prefetch_step(
                        labels[step, source[move], label, AHEAD], total, weights, most, cycles,
                        machine.cycle_s, machine.byte_s, per_second,
                    )  # fmt: skip
                    done = labels[step, source[move], label, TIME] + (own + machine.overhead_s)
                    if done + max(rest[step, REST_S], (rest[step, REST_BYTES] + due - later) * machine.byte_s) >= limit:
                        stopped = True
                        continue
                    state = target[move]
                    had_now = counts[step + 1, state]
                    place, count = insert(labels[step + 1, state], had_now, done, later, own + machine.overhead_s)
                    counts[step + 1, state] = count
                    if place >= 0:
                        labels[step + 1, state, place, MOVE], labels[step + 1, state, place, POINT] = move, point
                        labels[step + 1, state, place, BEFORE] = label
                        reached = True
        if not reached:
            return -2 if stopped else step
    return -1


@kernel
def settle(kept, weights, move_step, network, kept_spans, costs, spans):
    """Fill in the costs and spans of moves where `kept` bytes of each step's weights stay in the SRAM for ever.

    weights: bytes of each step. move_step: step of each move. kept_spans: of moves whose weights are in the SRAM.
    """
    for move in range(len(network.costs)):
        step = move_step[move]
        settle_move(move, kept[step], weights[step], network, kept_spans, costs, spans)


@kernel
def settle_move(move, stays, streamed, network, kept_spans, costs, spans):
    """Fill in the costs and the span of a move where so many bytes of the weights of its step stay, of so many."""
    whole = 0.0 < streamed <= stays
    for column in range(network.costs.shape[1]):
        costs[move, column] = network.costs[move, column]
    costs[move, KEPT] = 0.0 if whole else stays
    costs[move, FIRST_PASS] -= stays
    for column in range(SPAN_LO, SPAN_QUERY + 1):
        spans[move, column] = kept_spans[move, column] if whole else network.spans[move, column]


@kernel
def come_after(after, beside, left, machine, streamed, to_come, rest):
    """Fill in what is to come after each step, as of `Ahead`. after: fewest cycles; left: streamed weight bytes; beside: fewest
    other bytes."""
    for step in range(len(rest)):  # sums in another order must not cut the best
        to_come[step] = left[step] + streamed
        rest[step, REST_S] = after[step] * machine.cycle_s * (1.0 - 1e-12)
        rest[step, REST_BYTES] = (left[step] + beside[step]) * (1.0 - 1e-12)


@kernel
def hopeless(network, machine, weights, limit, running):
    """Whether no run can beat the limit: one that begins with all weights ahead, in a buffer of their own, does not.

    Such a run never lacks weights, so each step takes what its tiles and other bytes take; with fewer weights ahead or less
    room for tiles no step takes less. Rounding keeps order, so this holds to the last bit.
    """
    most = 2.0 * weights.streamed
    room = machine.capacity_bytes + most
    ample = Machine(room, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s)
    return prefetch(network, ample, weights, most, (weights.streamed, 0.0), limit, running, False) != -1


@kernel
def fetch_ahead(network, machine, weights, limits, running, at):
    """Run `prefetch` with each of the sizes ahead, begun cold and then warm, from run `at` on, to the first that is faster.

    Runs are numbered 2 x size + warm. limits: what a cold schedule, and a steady one, must beat. weights: `Ahead`; running:
    `Running`.
    Returns (run, last label, wait in seconds for what is missing of the bytes it began with); run 2 x sizes: none is faster.
    """
    sizes, labels, counts = weights.sizes, running.labels, running.counts
    last_step, end, capacity = len(network.first) - 1, 2 * len(sizes), machine.capacity_bytes
    on_chip = weights.rest[0, REST_S] + last_step * machine.overhead_s
    worth = len(sizes) > 1 and on_chip > BOUND_ON_CHIP * max(limits[0], limits[1])
    if worth and hopeless(network, machine, weights, max(limits[0], limits[1]), running):
        return end, 0, 0.0
    for run in range(at, end):
        ahead, warm = sizes[run // 2], run % 2
        start = min(ahead, weights.streamed) if warm else 0.0
        if warm and start <= 0.0:
            continue
        most = max(limits[0], limits[1])
        if not warm and ahead > 0.0 and weights.bounds[run // 2] >= most:
            return end, 0, 0.0  # more set aside leaves even less for the tiles
        limit = limits[1] if warm else most
        room = capacity + (ahead if weights.fifo else 0.0)
        own = Machine(room, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s)
        ends = start, start * (1.0 - 1e-12)  # as `come_after` has what is to come
        # Without ways first, which is soon done, since most runs are too slow.
        failed = prefetch(network, own, weights, ahead, ends, limit / SLACK, running, False)
        if failed == -1 and best_label(labels, counts, last_step, start, limit / SLACK, machine)[0] < 0:
            continue
        if failed == -1:
            failed = prefetch(network, own, weights, ahead, ends, limit, running, True)
        if failed >= 0 and not warm:
            return end, 0, 0.0  # less SRAM for tiles will not fit either
        if failed != -1:
            continue
        best, wait = best_label(labels, counts, last_step, start, limit, machine)
        if best >= 0:
            return run, best, wait
    return end, 0, 0.0


@kernel
def best_label(labels, counts, last, start, limit, machine):
    """(last label of the fastest schedule, seconds that it waits at its end) of those that begin with `start` bytes ahead; -1
    where none is faster than the limit."""
    best, best_time, best_wait = -1, limit, 0.0
    for label in range(counts[last, 0]):
        # What is missing of `start` comes in at the end, while the last step waits.
        wait = max(0.0, start - labels[last, 0, label, AHEAD]) * machine.byte_s
        if labels[last, 0, label, TIME] + wait < best_time:
            best, best_time, best_wait = label, labels[last, 0, label, TIME] + wait, wait
    return best, best_wait


@kernel
def walk_labels(first, source, labels, last_label, path, times):
    """Follow the labels back: path[step] = (move, point), times[step] = time of the step."""
    state, label = 0, last_label
    for step in range(len(first) - 2, -1, -1):
        found = labels[step + 1, state, label]
        times[step] = found[OWN]
        path[step, PATH_MOVE], path[step, PATH_POINT] = int(found[MOVE]), int(found[POINT])
        label, state = int(found[BEFORE]), source[path[step, PATH_MOVE]]
