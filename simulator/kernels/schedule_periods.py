"""Layers that are alike, chosen once: what the programmes of `schedule_few` know before a step may differ from what they knew a
period before by one time alone. They look at differences of times only, so with equal moves they choose the same again, for as
long as the steps are those of a period before.
"""

import math

from .jit import kernel
from .layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FIRST_PASS,
    KEPT,
    PATH_MOVE,
    PATH_POINT,
    SLACK,
    SPAN_LO,
    VECTOR_CYCLES,
    step_time,
)

REST_S, REST_BYTES = range(2)
"""Columns of what is still to come after a step: least on-chip seconds, least bytes of the outer memory."""

MOVED = 1
"""Beside TIME, column of the values of the residency programme: bytes of the outer memory."""

TIME, AHEAD, OWN, MOVE, POINT, BEFORE = range(6)
"""Columns of a label of the prefetch programme: time at its end, bytes ahead, time of the step, move, point, label before."""

ROUNDING = 1e-12
"""Share of a time by which times that are the same but for the order of their sums may differ."""


@kernel
def same_moves(network, step, period):
    """Whether the weights that stay leave the moves of a step as those of the step a period before, where `back` says they are.

    Of each step the same bytes stay whatever its move, so the first one tells.
    """
    move, then = network.first[step], network.first[step - period]
    costs, spans = network.costs, network.spans
    same = costs[move, KEPT] == costs[then, KEPT] and costs[move, FIRST_PASS] == costs[then, FIRST_PASS]
    return same and spans[move, SPAN_LO] == spans[then, SPAN_LO]


@kernel
def same_values(values, step, period):
    """Whether what is known before a step differs from the same a period before by one time and one number of bytes.

    Only differences of times, and of bytes, are looked at: so from there on equal moves are chosen for ever.
    """
    time, moved = math.nan, math.nan
    for state in range(values.shape[1]):
        now, then = values[step, state, TIME], values[step - period, state, TIME]
        if (now == math.inf) != (then == math.inf):
            return False
        if now == math.inf:
            continue
        if math.isnan(time):
            time, moved = now - then, values[step, state, MOVED] - values[step - period, state, MOVED]
        if abs(now - then - time) > ROUNDING * now:
            return False
        if values[step, state, MOVED] - values[step - period, state, MOVED] != moved:
            return False
    return True


@kernel
def again(network, machine, step, period, rest, limit, values, choice):
    """Choose at a step what was chosen a period before; False where some of it cannot end before `limit`."""
    first, source, _, _, costs, steps, _, net = network
    shift, pool = first[step] - first[step - period], net.points
    for state in range(values.shape[1]):
        values[step + 1, state, TIME], values[step + 1, state, MOVED] = math.inf, math.inf
        if values[step + 1 - period, state, TIME] == math.inf:
            continue
        move, point = choice[step - period, state, PATH_MOVE] + shift, choice[step - period, state, PATH_POINT]
        cycles, total = steps[step, VECTOR_CYCLES], costs[move, BESIDE] - costs[move, KEPT]
        if point >= 0:
            cycles, total = max(cycles, pool[point, CYCLES]), max(0.0, pool[point, BYTES] + total)
        time = values[step, source[move], TIME] + step_time(
            cycles, total, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s
        )
        if time + rest[step] >= limit:
            return False
        values[step + 1, state, TIME], values[step + 1, state, MOVED] = time, total + values[step, source[move], MOVED]
        choice[step, state, PATH_MOVE], choice[step, state, PATH_POINT] = move, point
    return True


@kernel
def same_labels(labels, counts, step, period):
    """Whether the labels before a step differ from those a period before by one time alone: see `same_values`."""
    time = math.nan
    for state in range(counts.shape[1]):
        if counts[step, state] != counts[step - period, state]:
            return False
        for label in range(counts[step, state]):
            now, then = labels[step, state, label], labels[step - period, state, label]
            if math.isnan(time):
                time = now[TIME] - then[TIME]
            if now[AHEAD] != then[AHEAD] or abs(now[TIME] - then[TIME] - time) > ROUNDING * now[TIME]:
                return False
    return True


@kernel
def labels_again(network, machine, step, period, rest, until, running):
    """Make of the labels before a step what was made a period before; False where one cannot end in time.

    until: bytes that must be ahead at the end, and the limit that is to be beaten.
    """
    labels, counts, _ = running
    due, limit = until
    shift = network.first[step] - network.first[step - period]
    for state in range(counts.shape[1]):
        counts[step + 1, state] = counts[step + 1 - period, state]
        for label in range(counts[step + 1, state]):
            then, now = labels[step + 1 - period, state, label], labels[step + 1, state, label]
            move = int(then[MOVE]) + shift
            done = labels[step, network.source[move], int(then[BEFORE]), TIME] + then[OWN]
            to_come = max(rest[step, REST_S], (rest[step, REST_BYTES] + due - then[AHEAD]) * machine.byte_s)
            if done + to_come >= limit:
                return False
            now[TIME], now[AHEAD], now[OWN] = done, then[AHEAD], then[OWN]
            now[MOVE], now[POINT], now[BEFORE] = move, then[POINT], then[BEFORE]
    return True


@kernel
def alike_periods(network, weights, ahead, step):
    """How many whole periods from a step on have steps that are those of a period before, with as much to be fetched ahead."""
    steps, period, to_come = len(network.first) - 1, network.back[step], weights.to_come
    last = step
    while last < steps and network.back[last] == period and same_moves(network, last, period):
        if min(ahead, to_come[last]) != min(ahead, to_come[last - period]):
            break
        last += 1
    return (last - step) // period


@kernel
def ends_late(network, machine, weights, ahead, step, until, running):
    """Whether no label before a step, which differs from one a period before by a time alone, can end in time.

    As long as steps are those of a period before, each period adds that time again. until: as in `labels_again`.
    """
    labels, counts, _ = running
    due, limit = until
    period, periods = network.back[step], alike_periods(network, weights, ahead, step)
    if periods == 0:
        return False
    after = step + periods * period - 1
    for state in range(counts.shape[1]):
        for label in range(counts[step, state]):
            now, then = labels[step, state, label], labels[step - period, state, label]
            end = now[TIME] + periods * (now[TIME] - then[TIME])
            rest = max(
                weights.rest[after, REST_S], (weights.rest[after, REST_BYTES] + due - now[AHEAD]) * machine.byte_s
            )
            if (end + rest) * SLACK < limit:
                return False
    return True


@kernel
def go_on(labels, counts, step, period, periods):
    """Make the labels so many periods after a step, which differ from one a period before by a time alone, but for rounding."""
    to = step + periods * period
    for state in range(counts.shape[1]):
        counts[to, state] = counts[step, state]
        for label in range(counts[step, state]):
            now, then, there = labels[step, state, label], labels[step - period, state, label], labels[to, state, label]
            there[TIME], there[AHEAD] = now[TIME] + periods * (now[TIME] - then[TIME]), now[AHEAD]
