"""The search through rooms for everything but the weights that stay, for one chip: see `schedule.keep`, which it is the inner
part of. It goes on until it finds a schedule that is faster, and from there when it is asked again.
"""

import math
from typing import NamedTuple

from .jit import kernel
from .layout import (
    SLACK,
    Floats,
    Ints,
    Machine,
    Network,
    least_time,
    step_time,
)
from .schedule_few import Ahead, Running, best_label, come_after, fetch_ahead, prefetch, residency, settle_move
from .schedule_keep import LEAST_BYTES, LEAST_CYCLES
from .schedule_periods import TIME
from .stairs import Memo

SMALLEST_ROOM = 16.0 * 1024.0
"""The smallest room for everything but kept weights that is tried. [B]"""

PER_OCTAVE = 4
"""Sizes of that room tried in each doubling."""

DEPTH, ROOM, RUN = range(3)
"""Places of `Search.at`: spans that are still to be looked at, the room at hand (-1: none), and its next run."""

SMALL, LARGE = range(2)
"""Columns of a span: places of its smallest and its largest room."""

MOST_SPANS = 64
"""More than halves of halves of any list of rooms."""

WITHOUT, IN_SRAM, IN_FIFO = range(3)
"""Where weights are fetched ahead to."""


class Chip(NamedTuple):
    """What is searched: a network, the spans of moves whose weights are in the SRAM, bytes of weights of each step, fewest cycles
    of each step and of those after it, fewest bytes of those beside weights; the chip; and where weights are fetched ahead to.
    """

    network: Network
    kept_spans: Ints
    weights: Floats
    cycles: Floats
    after: Floats
    beside: Floats
    machine: Machine
    ahead: int
    fifo_bytes: float


class Rooms(NamedTuple):
    """What stays beside each room, rising: bytes asked to stay, bytes that do, the same of each step; of what does not stay the
    sum, and what comes after each step; and the place among `Floors` of what is really left for everything else."""

    asked: Floats
    stays: Floats
    kept: Floats
    streamed: Floats
    left: Floats
    real: Ints


class Floors(NamedTuple):
    """What no schedule stays below in each room of the fixed list, and last in the whole SRAM: see `least_in`. NaN: not known.

    free: the network with all weights in the SRAM for nothing. cycles: those of any schedule, NaN where they must be found.
    more_cycles, more_bytes: what is to be added, where all this is of another network that takes so much less at least.
    """

    rooms: Floats
    least: Floats
    free: Network
    all_weights: float
    cycles: float
    nothing: Floats
    more_cycles: float
    more_bytes: float


class Scratch(NamedTuple):
    """Arrays to work with: costs and spans of a room, bytes of each step's weights that stay there (NaN: none yet), what comes
    after each step, sizes ahead with their bounds, values and choices of the programme of residency, what that of prefetch needs,
    and the memo of queries of the network of `Floors`."""

    costs: Floats
    spans: Ints
    kept: Floats
    rest: Floats
    rest_s: Floats
    sizes: Floats
    bounds: Floats
    values: Floats
    choice: Ints
    running: Running
    floor_memo: Memo


class Search(NamedTuple):
    """How far a search is: `at`, and the spans of rooms that are still to be looked at."""

    at: Ints
    spans: Ints


@kernel
def listed_at(room):
    """Place in the fixed list of its smallest size that is at least `room`."""
    steps = PER_OCTAVE * math.log2(max(room, SMALLEST_ROOM) / SMALLEST_ROOM)
    return math.ceil(steps - 1e-9)


@kernel
def places(asked, left, capacity, real):
    """Fill in the place among `Floors` of what is left beside the weights that stay, or of the whole SRAM where none are."""
    for i in range(len(asked)):
        real[i] = listed_at(left[i]) if asked[i] > 0.0 else listed_at(capacity) + 1


@kernel
def least_in(room, floors, memo, values, choice):
    """(cycles, bytes of the outer memory) that no schedule in `room` bytes stays below, with all weights in SRAM for nothing."""
    free, capacity = floors.free, room + floors.all_weights - floors.all_weights
    end, cycles, outer = len(free.first) - 1, floors.cycles, math.inf
    if math.isnan(cycles):
        cycles = math.inf
        machine = Machine(capacity, 1.0, 0.0, 0.0, 0.0)
        if residency(free, machine, floors.nothing, math.inf, memo, values, choice) < 0:
            cycles = values[end, 0, TIME]
    machine = Machine(capacity, 0.0, 1.0, 0.0, 0.0)
    if residency(free, machine, floors.nothing, math.inf, memo, values, choice) < 0:
        outer = values[end, 0, TIME]
    return cycles, outer


@kernel
def floor_s(at, kept, chip, floors, scratch):
    """No schedule in a room of `floors` with `kept` bytes of weights kept is faster; infinite where nothing fits it. [s]"""
    known = floors.least
    if math.isnan(known[at, LEAST_CYCLES]):
        found = least_in(floors.rooms[at], floors, scratch.floor_memo, scratch.values, scratch.choice)
        known[at, LEAST_CYCLES], known[at, LEAST_BYTES] = found
    if known[at, LEAST_BYTES] == math.inf:
        return math.inf
    machine, steps = chip.machine, float(len(chip.network.first) - 1)
    outer = known[at, LEAST_BYTES] + floors.more_bytes + max(0.0, floors.all_weights - kept)
    return least_time(
        known[at, LEAST_CYCLES] + floors.more_cycles,
        outer,
        steps,
        machine.cycle_s,
        machine.byte_s,
        machine.phi,
        machine.overhead_s,
    )


@kernel
def sizes_ahead(room, capacity, chip, rooms, floors, scratch):
    """How many of the sizes may be set aside for weights fetched ahead; fill in what no schedule with so much is faster than."""
    count, some = 1, False
    for step in range(rooms.kept.shape[1]):
        some |= chip.weights[step] - rooms.kept[room, step] > 0.0
    scratch.sizes[0] = chip.fifo_bytes if some and chip.ahead == IN_FIFO else 0.0
    while some and chip.ahead == IN_SRAM and count < len(scratch.sizes) and scratch.sizes[count] < capacity:
        count += 1
    for at in range(count):
        size = scratch.sizes[at]
        scratch.bounds[at] = -math.inf
        if size > 0.0 and chip.ahead == IN_SRAM:  # a buffer of its own leaves as much for the tiles
            within = listed_at(real_bytes(room, chip, rooms, floors) - size)
            scratch.bounds[at] = floor_s(within, rooms.asked[room], chip, floors, scratch)
    return count


@kernel
def real_bytes(room, chip, rooms, floors):
    """What is left for everything but the weights that stay, at least."""
    return chip.machine.capacity_bytes if rooms.asked[room] <= 0.0 else floors.rooms[rooms.real[room]]


@kernel
def settled(room, chip, rooms, scratch):
    """The network with the costs and spans of a room: those of steps of which as much stays as in the last one are there."""
    for step in range(len(chip.weights)):
        stays = rooms.kept[room, step]
        if stays != scratch.kept[step]:
            scratch.kept[step] = stays
            for move in range(chip.network.first[step], chip.network.first[step + 1]):
                settle_move(
                    move, stays, chip.weights[step], chip.network, chip.kept_spans, scratch.costs, scratch.spans
                )
    first, source, target, _, _, steps, back, net = chip.network
    return Network(first, source, target, scratch.spans, scratch.costs, steps, back, net)


@kernel
def run_ahead(room, run, chip, rooms, floors, limits, scratch):
    """(run, label, wait) of the first run from `run` on in a room that is faster, as `fetch_ahead`; run -1: none is."""
    machine = chip.machine
    capacity = machine.capacity_bytes - rooms.stays[room]
    own = Machine(capacity, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s)
    count, streamed = sizes_ahead(room, capacity, chip, rooms, floors, scratch), rooms.streamed[room]
    if run >= 2 * count:
        return -1, 0, 0.0
    come_after(chip.after, chip.beside, rooms.left[room], machine, streamed, scratch.rest_s, scratch.rest)
    network = settled(room, chip, rooms, scratch)
    fifo = chip.ahead == IN_FIFO
    weights = Ahead(scratch.sizes[:count], scratch.bounds[:count], fifo, streamed, scratch.rest_s, scratch.rest)
    found, label, wait = fetch_ahead(network, own, weights, limits, scratch.running, run)
    return (found if found < 2 * count else -1), label, wait


@kernel
def slow_ahead(low, high, chip, rooms, limit, scratch):
    """Whether no run in the rooms from one to another can beat the limit, with weights fetched ahead.

    Looked at is one that has as much room for tiles as the largest and keeps what the smallest does, twice the bytes ahead that
    any may have, in a buffer of their own, and begins with half of them there. Whatever another has ahead at a step, it has half
    of its own more, or what it gained in time by using some; so it ends no later. See `hopeless`.
    """
    machine, capacity = chip.machine, chip.machine.capacity_bytes - rooms.stays[high]
    size = chip.fifo_bytes if chip.ahead == IN_FIFO else 0.0
    for at in range(1, len(scratch.sizes)):
        if chip.ahead == IN_SRAM and scratch.sizes[at] < capacity:
            size = scratch.sizes[at]
    streamed = rooms.streamed[low]
    come_after(chip.after, chip.beside, rooms.left[low], machine, streamed, scratch.rest_s, scratch.rest)
    network, most = settled(low, chip, rooms, scratch), 2.0 * size
    weights = Ahead(scratch.sizes[:1], scratch.bounds[:1], True, streamed, scratch.rest_s, scratch.rest)
    ample = Machine(capacity + most, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s)
    start = min(size, streamed)
    ends, running, last = (start, start * (1.0 - 1e-12)), scratch.running, len(chip.network.first) - 1
    limit /= SLACK
    if prefetch(network, ample, weights, most, ends, limit, running, False) != -1:
        return True
    return best_label(running.labels, running.counts, last, start, limit, machine)[0] < 0


@kernel
def run_alone(room, chip, rooms, limits, scratch):
    """Whether there is a faster schedule in a room without weights fetched ahead; `choice` of the scratch says which."""
    machine, first = chip.machine, chip.network.first
    capacity, end, rest = machine.capacity_bytes - rooms.stays[room], len(first) - 1, scratch.rest_s
    total = 0.0
    for step in range(end - 1, -1, -1):
        rest[step] = total
        own = chip.weights[step] - rooms.kept[room, step]
        total += SLACK * step_time(
            chip.cycles[step], own, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s
        )
    network = settled(room, chip, rooms, scratch)
    own = Machine(capacity, machine.cycle_s, machine.byte_s, machine.phi, machine.overhead_s)
    limit, memo, values = max(limits[0], limits[1]), scratch.running.memo, scratch.values
    failed = residency(network, own, rest, limit, memo, values, scratch.choice)
    return failed < 0 and values[end, 0, TIME] < limit


@kernel
def next_faster(chip, rooms, floors, limits, scratch, search):
    """(room, run, label, wait) of the next schedule that is faster than one of the limits; room -1 where there is none.

    Rooms are tried from the largest to the smallest; spans of them in which nothing can be faster are left out as a whole.
    limits: of a batch on its own, and in steady state. run, label, wait: as of `fetch_ahead`.
    """
    at, spans = search
    while True:
        room = at[ROOM]
        if room >= 0:
            run = at[RUN]
            if chip.ahead == WITHOUT:
                at[ROOM] = -1
                if run_alone(room, chip, rooms, limits, scratch):
                    return room, 0, 0, 0.0
                continue
            found, label, wait = run_ahead(room, run, chip, rooms, floors, limits, scratch)
            if found < 0:
                at[ROOM] = -1
                continue
            at[RUN] = found + 1
            return room, found, label, wait
        if at[DEPTH] == 0:
            return -1, 0, 0, 0.0
        at[DEPTH] -= 1
        low, high = spans[at[DEPTH], SMALL], spans[at[DEPTH], LARGE]
        if floor_s(rooms.real[high], rooms.asked[low], chip, floors, scratch) >= max(limits[0], limits[1]):
            continue
        # With other cycles than those searched for, weights in SRAM are no guarantee of the best points.
        sure = chip.ahead != WITHOUT and (low == high or math.isnan(floors.cycles))
        if sure and slow_ahead(low, high, chip, rooms, max(limits[0], limits[1]), scratch):
            continue
        if low == high:
            at[ROOM], at[RUN] = low, 0
            continue
        middle = (low + high) // 2
        spans[at[DEPTH], SMALL], spans[at[DEPTH], LARGE] = low, middle
        spans[at[DEPTH] + 1, SMALL], spans[at[DEPTH] + 1, LARGE] = middle + 1, high
        at[DEPTH] += 2
