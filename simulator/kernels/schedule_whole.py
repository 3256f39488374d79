"""The residency programme for many points at once, points innermost.

For overlap `none` and `layer`, whole batches: what `kernels.schedule_few.residency` gives for each point, by the same additions
in the same order. Points differ in SRAM size and in seconds per cycle, per byte and per step. Blocks of points of one bucket
run through its list of choices (`kernels.schedule_lists`) together.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import (
    BESIDE_BYTES,
    NEED_ROOM,
    OWN_BYTES,
    OWN_CYCLES,
    RESERVED_ROOM,
    TILE_BYTES,
    UNTIL_ROOM,
    WAY_GROUP,
    WAY_KIND,
    WAY_POINT,
    WAY_SOURCE,
    WAY_TARGET,
    step_time,
)  # fmt: skip
from .schedule_lists import ALWAYS, ANY, VARIED, WHOLLY
from .schedule_sums import APART, BLOCK

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TIME, MOVED = 0, BLOCK
"""Where the two values of a state begin in its row of a block."""

CYCLE_S, BYTE_S, OVERHEAD_S = 0, BLOCK, 2 * BLOCK
"""Where the columns of `Running.machine` begin. One array: the compiler makes vector code of a loop over few."""

FIRST, MANY, BUCKET = range(3)
"""Columns of blocks: first point, how many, bucket."""


class Chosen(NamedTuple):
    """Which choices of a list matter to each block (see `kernels.schedule_narrow`)."""

    picks: Ints
    starts: Ints
    straight: npt.NDArray[np.bool_]


class Room(NamedTuple):
    """One room of every SRAM size: bytes for all but kept weights (negative: not tried), bytes kept, and of each step."""

    rooms: Floats
    stays: Floats
    kept: Floats


class Paths(NamedTuple):
    """Frontier row (-1: none) and outer-memory bytes of each step and point; and of each block where its points are alike."""

    rows: npt.NDArray[np.int32]
    moved: Floats
    alike: Ints
    alike_moved: Floats


class Best(NamedTuple):
    """Answers, one entry a point: time of a batch, bytes of weights that stay, and a time that some schedule keeps. [s, B, s]"""

    time_s: Floats
    kept_bytes: Floats
    limit_s: Floats


class Running(NamedTuple):
    """Scratch of a block: values of states, choices, states and choices of a path, and its points' machines and sizes."""

    values: Floats
    way: Floats
    states: Ints
    faster: npt.NDArray[np.bool_]
    path: Ints
    moved: Floats
    totals: Floats
    reached: Ints
    machine: Floats
    sizes: Ints


def new_running(steps: int, states: int) -> Running:
    """Scratch for networks of this size."""
    return Running(
        values=np.empty((2, states, 2 * BLOCK)),
        way=np.zeros((steps * states, BLOCK)),
        states=np.zeros(BLOCK, dtype=np.int64),
        faster=np.zeros(BLOCK, dtype=np.bool_),
        path=np.zeros((steps, BLOCK + 1), dtype=np.int64),
        moved=np.zeros((steps, BLOCK)),
        totals=np.zeros(BLOCK),
        reached=np.zeros((2, states), dtype=np.int64),
        machine=np.zeros(3 * BLOCK),
        sizes=np.zeros(BLOCK, dtype=np.int64),
    )


@kernel
def relax(cycles, totals, phi, number, machine, source, target, way):
    """One choice for a block of points: a better time, then fewer bytes, replaces what the target state had.

    source, target: values of states. way: the numbers of their choices. totals: bytes of each point, infinite where it does
    not have the choice. Sums with 0.0 keep the compiler from storing under a mask, which is several times slower than always
    storing.
    """
    for p in range(BLOCK):
        own = step_time(cycles, totals[p], machine[CYCLE_S + p], machine[BYTE_S + p], phi, machine[OVERHEAD_S + p])
        time, moved = source[TIME + p] + own, source[MOVED + p] + totals[p]
        had, had_moved, had_way = target[TIME + p] + 0.0, target[MOVED + p] + 0.0, way[p] + 0.0
        wins = (time < had) | ((time == had) & (moved < had_moved))
        target[TIME + p] = time if wins else had
        target[MOVED + p] = moved if wins else had_moved
        way[p] = number if wins else had_way


@kernel
def own_totals(step, number, weights, room, listing, running):
    """Bytes of a choice for each point of a block, infinite where a point does not have it; whether any point has it."""
    ways, amounts, some = listing.ways, listing.amounts, False
    for p in range(BLOCK):
        size = running.sizes[p]
        left, own = room.rooms[size] - amounts[number, RESERVED_ROOM], room.kept[size, step]
        has = amounts[number, NEED_ROOM] <= left < amounts[number, UNTIL_ROOM]
        if ways[number, WAY_GROUP] != ANY:
            has &= (weights[step] > 0.0 and own >= weights[step]) == (ways[number, WAY_GROUP] == WHOLLY)
        running.totals[p] = total_of(number, own, listing) if has else math.inf
        some |= has
    return some


@kernel
def total_of(number, kept, listing):
    """Bytes that a choice moves where `kept` bytes of its step's weights stay."""
    if listing.ways[number, WAY_KIND] != VARIED:
        return listing.amounts[number, OWN_BYTES]
    beside = listing.amounts[number, BESIDE_BYTES] - kept
    tiled = listing.ways[number, WAY_POINT] >= 0
    return max(0.0, listing.amounts[number, TILE_BYTES] + beside) if tiled else beside


@kernel
def run_block(weights, listing, picks, starts, room, phi, running):
    """The programme over one block of points: way[step * states + state, p] is the choice; final times in values[steps % 2]."""
    ways, amounts, values, reached, totals = (
        listing.ways, listing.amounts, running.values, running.reached, running.totals,
    )  # fmt: skip
    states, steps = values.shape[1], len(starts) - 1
    reached[0, 0] = 1  # choices of the first step are listed from state 0 alone
    for p in range(2 * BLOCK):
        values[0, 0, p] = 0.0
    for step in range(steps):
        now, after = step % 2, 1 - step % 2
        for state in range(states):
            reached[after, state] = 0
        for at in range(starts[step], starts[step + 1]):
            number = picks[at]
            source, target = ways[number, WAY_SOURCE], ways[number, WAY_TARGET]
            if reached[now, source] == 0:
                continue
            if ways[number, WAY_KIND] == ALWAYS:
                totals[:] = amounts[number, OWN_BYTES]
            elif not own_totals(step, number, weights, room, listing, running):
                continue
            if reached[after, target] == 0:
                reached[after, target] = 1
                values[after, target, :] = math.inf
                running.way[step * states + target, :] = 0.0
            relax(
                amounts[number, OWN_CYCLES], totals, phi, float(number), running.machine, values[now, source],
                values[after, target], running.way[step * states + target],
            )  # fmt: skip
    if reached[steps % 2, 0] == 0:
        values[steps % 2, 0, :] = math.inf


@kernel
def run_straight(listing, picks, starts, phi, running):
    """As `run_block` and `walk_block`, where every step has one choice, for all points."""
    steps = len(starts) - 1
    times = running.values[steps % 2, 0]
    for p in range(BLOCK):
        times[p] = 0.0
    for step in range(steps):
        number = picks[starts[step]]
        running.path[step, BLOCK] = number
        add_times(listing.amounts[number, OWN_CYCLES], listing.amounts[number, OWN_BYTES], phi, running.machine, times)


@kernel
def add_times(cycles, moved, phi, machine, times):
    """Add the time of a step, of which all points of a block have the same choice."""
    for p in range(BLOCK):
        times[p] += step_time(cycles, moved, machine[CYCLE_S + p], machine[BYTE_S + p], phi, machine[OVERHEAD_S + p])


@kernel
def faster_points(time, first, faster, best):
    """Keep the marks of the points of a block that are faster than the best so far; how many there are."""
    some = 0
    for p in range(BLOCK):
        if faster[p]:
            faster[p] = time[p] < best.time_s[first + p] and time[p] <= best.limit_s[first + p]
            some += faster[p]
    return some


@kernel
def walk_block(listing, picks, starts, kept, running):
    """Follow the choices of a block back: path of every step, and bytes where points differ.

    path[step, BLOCK]: the choice of the step where all points of the block have the same, else -1.
    """
    ways, way, states_of, path = listing.ways, running.way, running.states, running.path
    states, count = running.values.shape[1], len(starts) - 1
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
        path[step, BLOCK] = number if others == 0 and ways[number, WAY_KIND] != VARIED else -1
        if path[step, BLOCK] >= 0:  # mostly all points of a block go the same way
            states_of[0], together = ways[number, WAY_SOURCE], True
            continue
        if together:
            states_of[:] = states_of[0]
        together = True
        for p in range(BLOCK):
            number = int(way[row + states_of[p], p])
            path[step, p], states_of[p] = number, ways[number, WAY_SOURCE]
            together &= states_of[p] == states_of[0]
            running.moved[step, p] = total_of(number, kept[running.sizes[p], step], listing)


@kernel
def note_block(listing, first, many, at, stays, running, best, paths):
    """Where points of a block are faster than the best so far, write what they have, and their paths."""
    ways, amounts, path, faster = listing.ways, listing.amounts, running.path, running.faster
    count, some = len(path), 0
    times = running.values[count % 2, 0]
    for p in range(many):
        if faster[p]:
            some += 1
            best.time_s[first + p], best.kept_bytes[first + p] = times[p], stays[running.sizes[p]]
    for step in range(count):
        number = path[step, BLOCK]
        if number >= 0 and some == many:
            paths.alike[step, at], paths.alike_moved[step, at] = ways[number, WAY_POINT], amounts[number, OWN_BYTES]
            continue
        for p in range(many if paths.alike[step, at] != APART else 0):
            paths.rows[step, first + p], paths.moved[step, first + p] = (
                paths.alike[step, at],
                paths.alike_moved[step, at],
            )
        paths.alike[step, at] = APART
        for p in range(many):
            if faster[p]:
                paths.rows[step, first + p] = ways[path[step, p] if number < 0 else number, WAY_POINT]
                paths.moved[step, first + p] = running.moved[step, p] if number < 0 else amounts[number, OWN_BYTES]


@kernel
def fill_block(rates, sizes, rooms, first, many, running):
    """The machines of points first .. first + many - 1 as a block, the last one to its end; mark who tries the room."""
    for p in range(BLOCK):
        at = first + min(p, many - 1)
        running.machine[CYCLE_S + p], running.machine[BYTE_S + p] = rates.cycle_s[at], rates.byte_s[at]
        running.machine[OVERHEAD_S + p] = rates.overhead_s[at]
        running.sizes[p] = sizes[at]
        running.faster[p] = p < many and rooms[sizes[at]] >= 0.0


@kernel
def residency_blocks(
    weights, rates, sizes_of, blocks, wanted, listing, chosen, room, phi, only_limit, running, best, paths
):
    """Best times and paths of the points of the blocks that are wanted, where they beat what is in `best`.

    weights: bytes of each step. rates: `layout.Rates`; sizes_of: number of each point's SRAM size. blocks: int64[blocks, 3].
    listing: `layout.Listing`. only_limit: fill in `best.limit_s` alone.
    """
    steps = len(weights)
    for at in range(len(blocks)):
        first, many = blocks[at, FIRST], blocks[at, MANY]
        if not wanted[at]:
            continue
        starts = chosen.starts[at]
        fill_block(rates, sizes_of, room.rooms, first, many, running)
        if chosen.straight[at]:
            run_straight(listing, chosen.picks, starts, phi, running)
        else:
            run_block(weights, listing, chosen.picks, starts, room, phi, running)
        times = running.values[steps % 2, 0]
        if only_limit:
            for p in range(many):
                if running.faster[p]:  # sums in another order must not cut the best
                    best.limit_s[first + p] = times[p] * (1.0 + 1e-9)
        elif faster_points(times, first, running.faster, best) > 0:
            if not chosen.straight[at]:
                walk_block(listing, chosen.picks, starts, room.kept, running)
            note_block(listing, first, many, at, room.stays, running, best, paths)
