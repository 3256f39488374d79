"""Labels of the prefetch programme for a block of points at once, points innermost: the programme through one list of choices.

Labels (time, bytes ahead) of a state are SLOTS rows of a block; a point that needs more is left to the other programme.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import (
    NEED_ROOM,
    OWN_BYTES,
    OWN_CYCLES,
    RESERVED_ROOM,
    UNTIL_ROOM,
    WAY_GROUP,
    WAY_SOURCE,
    WAY_TARGET,
    prefetch_step,
)  # fmt: skip
from .schedule_lists import ANY, WHOLLY
from .schedule_sums import BLOCK
from .schedule_whole import total_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOTS = 32
"""Labels that a state has room for."""

TIME, AHEAD, WAY = 0, BLOCK, 2 * BLOCK
"""Where the columns of a row of labels begin: time (no label: infinite), bytes ahead (no label: -1), number of the choice."""

NEEDS, UNBEATEN = 2 * BLOCK, 3 * BLOCK
"""Of a label to be put among others, in place of the choice: marks of who needs a row, and of who is not beaten."""


CYCLE_S, BYTE_S, BYTES_PER_S, OVERHEAD_S, STOP_S, UNTIL_S = (column * BLOCK for column in range(6))
"""Where the columns of a block's machines begin: seconds per cycle and byte, bytes per second, overhead, and when to stop: a
schedule, a step. One array: the compiler makes vector code of a loop over few."""


class Lanes(NamedTuple):
    """What the points of a block have of their own: the number of the SRAM size and bytes ahead at the start; where sizes differ,
    of a choice its bytes, those of a first pass, bytes ahead that there may be, and what its time lacks: nothing, or infinity
    where a point does not have the choice."""

    sizes: Ints
    start: Floats
    total: Floats
    first: Floats
    most: Floats
    lacks: Floats


class Labels(NamedTuple):
    """Scratch of the programme: rows of labels, numbers of choices and their rows of each step and state, how many labels each
    state has, a label, points with too many labels, and what points have of their own."""

    rows: Floats
    way: npt.NDArray[np.float32]
    places: Ints
    wide: Ints
    label: Floats
    over: Floats
    lanes: Lanes


class Terms(NamedTuple):
    """What is known of a run in each SRAM size: weights of each step's first pass, bytes to come after it, weights that stay, and
    the room for all else (negative: not tried); and least cycles after each step.

    Of all runs one row a run, of the first three one a room, of the cycles one in all.
    """

    first_pass: Floats
    to_come: Floats
    kept: Floats
    rooms: Floats
    least_after: Floats


@kernel
def of_run(terms, run, room):
    """The terms of one run, which is in this room."""
    return Terms(terms.first_pass[room], terms.to_come[room], terms.kept[room], terms.rooms[run], terms.least_after)


@kernel
def fill_lanes(number, step, listing, terms, lanes, many):
    """Fill in what each point of a block makes of a choice; whether any has it. As `schedule_whole.own_totals`."""
    ways, amounts, some = listing.ways, listing.amounts, False
    for p in range(many):
        size = lanes.sizes[p]
        left, first = terms.rooms[size] - amounts[number, RESERVED_ROOM], terms.first_pass[size, step]
        has = amounts[number, NEED_ROOM] <= left < amounts[number, UNTIL_ROOM]
        if ways[number, WAY_GROUP] != ANY:
            has &= (first <= 0.0) == (ways[number, WAY_GROUP] == WHOLLY)
        total = max(0.0, total_of(number, terms.kept[size, step], listing))
        lanes.total[p], lanes.first[p], lanes.lacks[p] = total, min(first, total), 0.0 if has else math.inf
        some |= has
    return some


@kernel
def relax(cycles, total, first, most, number, machine, source, target, many, label):
    """Put what one choice makes of a label of each point into an only row `target`; whether some points need another row.

    first: bytes that may come from those ahead. most: bytes ahead that there may be afterwards. `label`: scratch, the label with
    marks of who still needs a row. Sums with 0.0 keep the compiler from storing under a mask.
    """
    some = 0
    for p in range(many):
        time, more = prefetch_step(
            source[AHEAD + p],
            total,
            first,
            most,
            cycles,
            machine[CYCLE_S + p],
            machine[BYTE_S + p],
            machine[BYTES_PER_S + p],
        )
        end = source[TIME + p] + (time + machine[OVERHEAD_S + p])
        done = end if end < machine[UNTIL_S + p] else math.inf
        later = more if done < math.inf else -1.0
        had, had_ahead, had_way = target[TIME + p] + 0.0, target[AHEAD + p] + 0.0, target[WAY + p] + 0.0
        fresh = (had > done) | (had_ahead < later)
        takes = fresh & (had >= done) & (had_ahead <= later)
        target[TIME + p], target[AHEAD + p] = done if takes else had, later if takes else had_ahead
        target[WAY + p] = number if takes else had_way
        left = fresh & ((had < done) | (had_ahead > later))
        label[TIME + p], label[AHEAD + p], label[NEEDS + p] = done, later, 1.0 if left else 0.0
        some += left
    return some > 0


@kernel
def propose(cycles, total, first, most, machine, source, many, label):
    """Fill in what one choice makes of a label of each point, to be put among several; see `relax`."""
    for p in range(many):
        time, more = prefetch_step(
            source[AHEAD + p],
            total,
            first,
            most,
            cycles,
            machine[CYCLE_S + p],
            machine[BYTE_S + p],
            machine[BYTES_PER_S + p],
        )
        end = source[TIME + p] + (time + machine[OVERHEAD_S + p])
        done = end if end < machine[UNTIL_S + p] else math.inf
        label[TIME + p], label[AHEAD + p], label[NEEDS + p] = done, more if done < math.inf else -1.0, 1.0


@kernel
def propose_each(cycles, machine, source, many, label, lanes):
    """As `propose`, where points of a block differ in what the choice moves, and in whether they have it."""
    for p in range(many):
        time, more = prefetch_step(
            source[AHEAD + p],
            lanes.total[p],
            lanes.first[p],
            lanes.most[p],
            cycles,
            machine[CYCLE_S + p],
            machine[BYTE_S + p],
            machine[BYTES_PER_S + p],
        )
        end = source[TIME + p] + (time + machine[OVERHEAD_S + p]) + lanes.lacks[p]
        done = end if end < machine[UNTIL_S + p] else math.inf
        label[TIME + p], label[AHEAD + p], label[NEEDS + p] = done, more if done < math.inf else -1.0, 1.0


@kernel
def is_fresh(row, many, label):
    """Keep the marks of labels that the labels of a row do not beat; the first of equals stays. Whether any is left."""
    some = 0
    for p in range(many):
        left = (label[NEEDS + p] > 0.0) & ((row[p] > label[p]) | (row[AHEAD + p] < label[AHEAD + p]))
        label[NEEDS + p] = label[UNBEATEN + p] = 1.0 if left else 0.0
        some += left
    return some > 0


@kernel
def replace(row, number, many, label):
    """Put labels into a row where they beat what is there, once; what they beat beside goes. Whether any still needs a row.

    Marks in `label`: who needs a row; who is not beaten.
    """
    some = 0
    for p in range(many):
        had, had_ahead, had_way = row[p] + 0.0, row[AHEAD + p] + 0.0, row[WAY + p] + 0.0
        done, later, needs = label[p], label[AHEAD + p], label[NEEDS + p] > 0.0
        beaten = (label[UNBEATEN + p] > 0.0) & (had >= done) & (had_ahead <= later)
        takes = beaten & needs
        gone, gone_ahead = math.inf if beaten else had, -1.0 if beaten else had_ahead
        row[p], row[AHEAD + p] = done if takes else gone, later if takes else gone_ahead
        row[WAY + p] = number if takes else had_way
        left = needs & ~takes
        label[NEEDS + p] = 1.0 if left else 0.0
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
            over[p] = max(over[p], label[NEEDS + p])
        return wide
    row = rows[at + wide]
    for p in range(many):
        needs = label[NEEDS + p] > 0.0
        row[p], row[AHEAD + p] = label[p] if needs else math.inf, label[AHEAD + p] if needs else -1.0
        row[WAY + p] = number
    return wide + 1


@kernel
def in_order(many, row, after):
    """Exchange the labels of two rows where the second ends first: as the programme of one point has them."""
    for p in range(many):
        low, low_ahead, low_way = row[p] + 0.0, row[AHEAD + p] + 0.0, row[WAY + p] + 0.0
        high, high_ahead, high_way = after[p] + 0.0, after[AHEAD + p] + 0.0, after[WAY + p] + 0.0
        swap = high < low
        row[p], after[p] = high if swap else low, low if swap else high
        row[AHEAD + p], after[AHEAD + p] = high_ahead if swap else low_ahead, low_ahead if swap else high_ahead
        row[WAY + p], after[WAY + p] = high_way if swap else low_way, low_way if swap else high_way


@kernel
def run_block(begins, listing, terms, ahead, machine, many, labels):
    """The programme over a block of points; labels of the end in rows[steps % 2], state 0.

    begins: where the choices of each step begin. terms: `Terms` of the run. ahead: bytes that may be ahead.
    """
    ways, amounts = listing.ways, listing.amounts
    rows, wide, label, over, lanes = labels.rows, labels.wide, labels.label, labels.over, labels.lanes
    states, steps, apart = wide.shape[1], len(begins) - 1, len(terms.rooms) > 1
    wide[0, 0] = 1  # choices of the first step are listed from state 0 alone
    for p in range(many):
        rows[0, 0, TIME + p], rows[0, 0, AHEAD + p], over[p] = 0.0, lanes.start[p], 0.0
    for step in range(steps):
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            wide[after, state] = 0
        for p in range(many):
            to_come = terms.least_after[step] * machine[CYCLE_S + p] + (steps - 1 - step) * machine[OVERHEAD_S + p]
            machine[UNTIL_S + p] = machine[STOP_S + p] - to_come
            lanes.most[p] = min(ahead, terms.to_come[lanes.sizes[p], step])
        most = lanes.most[0]
        for number in range(begins[step], begins[step + 1]):
            if apart:
                if fill_lanes(number, step, listing, terms, lanes, many):
                    offer_each(number, step, float((number - begins[0]) * SLOTS), listing, machine, many, labels)
                continue
            source, target = ways[number, WAY_SOURCE], ways[number, WAY_TARGET]
            cycles, total = amounts[number, OWN_CYCLES], max(0.0, amounts[number, OWN_BYTES])
            first, at = min(terms.first_pass[0, step], total), target * SLOTS
            for slot in range(wide[now, source]):
                own, found = rows[now, source * SLOTS + slot], wide[after, target]
                code = float((number - begins[0]) * SLOTS + slot)
                if found == 0:
                    for p in range(many):
                        rows[after, at, TIME + p], rows[after, at, AHEAD + p] = math.inf, -1.0
                if found <= 1:
                    wide[after, target] = 1
                    if relax(cycles, total, first, most, code, machine, own, rows[after, at], many, label):
                        wide[after, target] = another(code, many, at, wide[after, target], rows[after], label, over)
                else:
                    propose(cycles, total, first, most, machine, own, many, label)
                    wide[after, target] = keep_label(code, many, at, found, rows[after], label, over)
        for state in range(states):
            end_state(many, state * SLOTS, wide[after, state], labels.places[step, state], rows[after], labels.way)


@kernel
def offer_each(number, step, code, listing, machine, many, labels):
    """Put what a choice makes of the labels of its source among those of its target, where points of a block differ in what the
    choice moves. That of points of one SRAM size stands in `run_block`: a call for each choice would cost a third."""
    source, target = listing.ways[number, WAY_SOURCE], listing.ways[number, WAY_TARGET]
    rows, wide, label, over = labels.rows, labels.wide, labels.label, labels.over
    now, after, at = step % 2, 1 - step % 2, target * SLOTS
    for slot in range(wide[now, source]):
        if wide[after, target] == 0:
            wide[after, target] = 1
            for p in range(many):
                rows[after, at, TIME + p], rows[after, at, AHEAD + p] = math.inf, -1.0
        own = rows[now, source * SLOTS + slot]
        propose_each(listing.amounts[number, OWN_CYCLES], machine, own, many, label, labels.lanes)
        wide[after, target] = keep_label(code + slot, many, at, wide[after, target], rows[after], label, over)


@kernel
def end_state(many, at, wide, place, rows, way):
    """Sort the labels of a state by time, empty rows last, and note their choices in `way` from row `place` on."""
    for last in range(wide - 1, 0, -1):
        for j in range(at, at + last):
            in_order(many, rows[j], rows[j + 1])
    for j in range(wide):
        for p in range(many):
            way[place + j, p] = rows[at + j, WAY + p]


@kernel
def end_block(steps, machine, many, labels, found):
    """Fill found[0], found[1] and found[2] with time, last label and wait of the fastest end of each point of a block.

    What is missing of the bytes ahead at the start comes in at the end, while the last step waits.
    """
    rows, wide, last = labels.rows, labels.wide, steps % 2
    for p in range(many):
        found[0, p], found[1, p], found[2, p] = math.inf, 0.0, 0.0
    for slot in range(wide[last, 0]):
        for p in range(many):
            missing = labels.lanes.start[p] - rows[last, slot, AHEAD + p]
            wait = (missing if missing > 0.0 else 0.0) * machine[BYTE_S + p]
            end = rows[last, slot, TIME + p] + wait
            if end < found[0, p]:
                found[0, p], found[1, p], found[2, p] = end, float(slot), wait
