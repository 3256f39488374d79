"""What schedules add up to: bytes moved and fed, and time by cause, for one schedule or for many at once.

A step's time is split among its causes in the order of their numbers below, each taking the least of its own busy time and
what is left; what remains is waiting for the outer memory. Weights that shift into an array while it waits for the outer memory
count as loading. All is added step after step, so that one schedule gives the same
figures alone and among others.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import step_time

Floats = npt.NDArray[np.float64]

BLOCK = 64
"""Points that are worked on together, so that they stay in the nearest cache."""

APART = -2
"""In place of the frontier row of all points of a block, where they have not all the same."""

IDEAL, EDGES, FILLING, LOADING, LINK, PORTS, VECTOR, OVERHEAD, OUTER, PIPELINE = range(10)
"""Causes in the order in which a step's time is split; a pipeline's waiting is filled in by those who place layers in space."""

CAUSES = 10
ON_CHIP = 7
"""Causes whose busy time is cycles of the chip."""

HIDDEN = ON_CHIP
"""Row of a block with the cycles of weight loading that a second set of weights hides."""


class Records(NamedTuple):
    """What points of frontiers consist of, one entry a point; the last entry, row -1, is of a step without tiles.

    Cycles: of the array in four parts and in all, what interconnect and SRAM ports take, the most of these; bytes fed to the
    arrays; cycles of weight loading that a second set of weights hides.
    """

    ideal: Floats
    edges: Floats
    filling: Floats
    loading: Floats
    array: Floats
    link: Floats
    ports: Floats
    cycles: Floats
    feed: Floats
    hidden: Floats


class Added(NamedTuple):
    """What is added to, one entry a point: bytes of the outer memory, bytes fed to the arrays, seconds by cause."""

    outer_bytes: Floats
    feed_bytes: Floats
    parts: Floats
    """float64[CAUSES, points]."""


class Steps(NamedTuple):
    """Schedules step by step, all [steps, points] and of the whole batch.

    rows: of `Records` (-1: no tiles). vector: cycles of vector work of one run. repeats: runs. moved: bytes of the outer
    memory. times: of the step. [s]
    """

    rows: npt.NDArray[np.int64]
    vector: Floats
    repeats: Floats
    moved: Floats
    times: Floats


class Block(NamedTuple):
    """Scratch of a block of points: machines, sums of bytes, and seconds by cause, each a part of `lanes`, one array, since the
    compiler makes vector code of a loop over few; busy and hidden cycles by cause of a step, which any point has, all its cycles
    and overheads, and what is left of its time.
    """

    lanes: Floats
    cycle_s: Floats
    byte_s: Floats
    overhead_s: Floats
    totals: Floats
    parts: Floats
    overheads: Floats
    busy: Floats
    some: npt.NDArray[np.bool_]
    cycles: Floats
    left: Floats


CYCLE_S, BYTE_S, OVERHEAD_S, MOVED, FED, PARTS = (row * BLOCK for row in range(6))
"""Where the columns of `Block.lanes` begin; from the last on those of the causes."""


def new_block() -> Block:
    """Scratch for one thread."""
    rows = np.zeros((5 + CAUSES, BLOCK))
    return Block(
        rows.reshape(-1), rows[0], rows[1], rows[2], rows[3:5], rows[5:],
        overheads=np.zeros(BLOCK),
        busy=np.zeros((HIDDEN + 1, BLOCK)),
        some=np.zeros(HIDDEN + 1, dtype=np.bool_),
        cycles=np.zeros(BLOCK),
        left=np.zeros(BLOCK),
    )  # fmt: skip


@kernel
def causes(records, row, vector):
    """Cycles of a step by cause: the array's parts, what the busiest other roof takes beyond the array, and hidden loading.

    Of equal roofs the first counts, the array before all: it is what an architect wants to keep busy.
    """
    array, link, ports = records.array[row], records.link[row], records.ports[row]
    most = max(array, link, ports, vector)
    over = most - array
    on_link = over if link == most else 0.0
    on_ports = over if ports == most and link < most else 0.0
    on_vector = over if vector == most and link < most and ports < most else 0.0
    ideal, edges = records.ideal[row], records.edges[row]
    on_array = ideal, edges, records.filling[row], records.loading[row]
    return *on_array, on_link, on_ports, on_vector, records.hidden[row]


@kernel
def busy_each(records, rows, vector, repeats, many, block):
    """Fill in the busy cycles of a step of every point of a block, all its runs together: neighbours mostly run alike."""
    block.some[:] = False
    p = 0
    while p < many:
        row, lanes, times, end = rows[p], vector[p], repeats[p], p + 1
        while end < many and rows[end] == row and vector[end] == lanes and repeats[end] == times:
            end += 1
        of = causes(records, row, lanes)
        for cause in range(HIDDEN + 1):
            own = of[cause] * times
            block.some[cause] |= of[cause] > 0.0
            for like in range(p, end):
                block.busy[cause, like] = own
        p = end


@kernel
def busy_apart(records, rows, vector, begin, many, block):
    """Fill in the busy cycles of a step of every point of a block and what each feeds: neighbours mostly have the same row."""
    block.some[:] = False
    p = 0
    while p < many:
        row, end = rows[begin + p], p + 1
        while end < many and rows[begin + end] == row:
            end += 1
        of = causes(records, row, vector)
        for cause in range(HIDDEN + 1):
            own = of[cause]
            block.some[cause] |= own > 0.0
            for like in range(p, end):
                block.busy[cause, like] = own
        own, fed = max(records.cycles[row], vector), records.feed[row]
        for like in range(p, end):
            block.cycles[like] = own
            block.totals[1, like] += fed
        p = end


@kernel
def take(cycles, cycle_s, many, left, part):
    """Take what a cause costs from what is left of the time of a step, and add it to the cause's part."""
    for p in range(many):
        own = cycles[p] * cycle_s[p]
        own = own if own < left[p] else left[p]
        left[p] -= own
        part[p] += own


@kernel
def take_alike(cycles, cycle_s, left, part):
    """The same of a cause that takes as many cycles of every point of a block. The last points of a block may be of no meaning:
    loops of a length that the compiler knows take half as long."""
    for p in range(BLOCK):
        own = cycles * cycle_s[p]
        own = own if own < left[p] else left[p]
        left[p] -= own
        part[p] += own


@kernel
def take_rest(overheads, many, left, fixed, rest):
    """Take the overhead of a step; what is left then was waiting for the outer memory."""
    for p in range(many):
        own = overheads[p] if overheads[p] < left[p] else left[p]
        fixed[p] += own
        rest[p] += left[p] - own


@kernel
def take_hidden(cycles, cycle_s, overheads, many, left, loading):
    """Take from what a step will wait for the outer memory the time in which weights shift into the array meanwhile."""
    for p in range(many):
        waits = left[p] - overheads[p] if left[p] > overheads[p] else 0.0
        own = cycles[p] * cycle_s[p]
        own = own if own < waits else waits
        left[p] -= own
        loading[p] += own


@kernel
def split_step(block, many):
    """Split the time of a step of a block, in `block.left`, among its causes and add it to theirs."""
    parts = block.parts
    for cause in range(ON_CHIP):
        if block.some[cause]:
            take(block.busy[cause], block.cycle_s, many, block.left, parts[cause])
    if block.some[HIDDEN]:
        take_hidden(block.busy[HIDDEN], block.cycle_s, block.overheads, many, block.left, parts[LOADING])
    take_rest(block.overheads, many, block.left, parts[OVERHEAD], parts[OUTER])


@kernel
def split_alike(of, block):
    """As `split_step`, where all points of a block take as many cycles `of` each cause."""
    parts = block.parts
    for cause in range(ON_CHIP):
        if of[cause] > 0.0:
            take_alike(of[cause], block.cycle_s, block.left, parts[cause])
    if of[HIDDEN] > 0.0:
        block.busy[HIDDEN, :] = of[HIDDEN]
        take_hidden(block.busy[HIDDEN], block.cycle_s, block.overheads, BLOCK, block.left, parts[LOADING])
    take_rest(block.overheads, BLOCK, block.left, parts[OVERHEAD], parts[OUTER])


@kernel
def load_block(rates, begin, many, block):
    """Bring the rates of points begin .. begin + many - 1 into a block, the last one to its end, and set its sums to nothing."""
    for p in range(BLOCK):
        at = begin + min(p, many - 1)
        block.cycle_s[p], block.byte_s[p] = rates.cycle_s[at], rates.byte_s[at]
        block.overhead_s[p] = block.overheads[p] = rates.overhead_s[at]
        block.totals[0, p], block.totals[1, p] = 0.0, 0.0
        for cause in range(CAUSES):
            block.parts[cause, p] = 0.0


@kernel
def store_block(begin, many, block, sums):
    """Write the sums of a block to its points."""
    for p in range(many):
        sums.outer_bytes[begin + p], sums.feed_bytes[begin + p] = block.totals[0, p], block.totals[1, p]
        for cause in range(CAUSES):
            sums.parts[cause, begin + p] = block.parts[cause, p]


@kernel
def step_alike(cycles, moved, fed, phi, block):
    """Fill in the time of a step that all points of a block run in the same way, and add its bytes."""
    once = max(0.0, moved)
    for p in range(BLOCK):
        block.left[p] = step_time(cycles, moved, block.cycle_s[p], block.byte_s[p], phi, block.overhead_s[p])
    for p in range(BLOCK):
        block.totals[0, p] += once
        block.totals[1, p] += fed


@kernel
def on_array_alone(of):
    """Whether a step keeps its array busy and nothing else."""
    others = 0.0
    for cause in range(FILLING, HIDDEN + 1):
        others += of[cause]
    return others <= 0.0


@kernel
def add_plain(of, cycles, moved, fed, phi, lanes):
    """As `step_alike` and `split_alike`, where a step keeps its array busy and nothing else, which most steps do: at once."""
    once, ideal, edges = max(0.0, moved), of[IDEAL], of[EDGES]
    for p in range(BLOCK):
        cycle_s, overhead_s = lanes[CYCLE_S + p], lanes[OVERHEAD_S + p]
        left = step_time(cycles, moved, cycle_s, lanes[BYTE_S + p], phi, overhead_s)
        own = ideal * cycle_s
        own = own if own < left else left
        left -= own
        lanes[PARTS + IDEAL * BLOCK + p] += own
        own = edges * cycle_s
        own = own if own < left else left
        left -= own
        lanes[PARTS + EDGES * BLOCK + p] += own
        own = overhead_s if overhead_s < left else left
        lanes[PARTS + OVERHEAD * BLOCK + p] += own
        lanes[PARTS + OUTER * BLOCK + p] += left - own
        lanes[MOVED + p] += once
        lanes[FED + p] += fed


@kernel
def step_apart(moved, phi, begin, many, block):
    """Fill in the time of a step of every point of a block, from its cycles there, and add its bytes."""
    for p in range(many):
        total = moved[begin + p]
        block.totals[0, p] += total if total > 0.0 else 0.0
        block.left[p] = step_time(block.cycles[p], total, block.cycle_s[p], block.byte_s[p], phi, block.overhead_s[p])


@kernel
def sum_steps(records, steps, rates, block, sums):
    """Add up schedules given step by step. records: `Records`; steps: `Steps`; rates: `Rates`."""
    count = steps.rows.shape[1]
    for begin in range(0, count, BLOCK):
        many = min(BLOCK, count - begin)
        load_block(rates, begin, many, block)
        for step in range(len(steps.rows)):
            rows, repeats = steps.rows[step, begin : begin + many], steps.repeats[step, begin : begin + many]
            busy_each(records, rows, steps.vector[step, begin : begin + many], repeats, many, block)
            for p in range(many):
                block.left[p] = steps.times[step, begin + p]
                block.overheads[p] = block.overhead_s[p] * repeats[p]
                block.totals[0, p] += steps.moved[step, begin + p]
                block.totals[1, p] += records.feed[rows[p]] * repeats[p]
            split_step(block, many)
        store_block(begin, many, block, sums)


@kernel
def sum_blocks(records, vector, paths, blocks, rates, phi, block, sums, first):
    """Add up schedules of whole batches that are known block by block (see `kernels.schedule_whole`), from `first` on in `sums`.

    vector: cycles of vector work of each step. paths: frontier rows and bytes of each step and point, and the same of each
    block where its points are alike, else APART. blocks: int64[blocks, 3], first point and how many.
    """
    rows, moved, alike, alike_moved = paths
    for at in range(len(blocks)):
        begin, many = blocks[at, 0], blocks[at, 1]
        load_block(rates, begin, many, block)
        for step in range(len(vector)):
            row = alike[step, at]
            if row != APART:
                of, cycles = causes(records, row, vector[step]), max(records.cycles[row], vector[step])
                if on_array_alone(of):
                    add_plain(of, cycles, alike_moved[step, at], records.feed[row], phi, block.lanes)
                else:
                    step_alike(cycles, alike_moved[step, at], records.feed[row], phi, block)
                    split_alike(of, block)
            else:
                busy_apart(records, rows[step], vector[step], begin, many, block)
                step_apart(moved[step], phi, begin, many, block)
                split_step(block, many)
        store_block(first + begin, many, block, sums)


@kernel
def largest_losses(parts, has_dram, host_s, power_s, out):
    """Fill out[point] with the place in `vocabulary.WATERFALL` of the largest part beyond the ideal; 0 where nothing is lost.

    parts: float64[CAUSES, points]. host_s, power_s: what the host link and the power limit add. [s]
    """
    for p in range(len(out)):
        best, most = 0, 0.0
        for cause in range(EDGES, OVERHEAD + 1):
            if parts[cause, p] > most:
                best, most = cause, parts[cause, p]
        dram, host = (parts[OUTER, p], host_s[p]) if has_dram else (0.0, parts[OUTER, p] + host_s[p])
        for place, own in ((OUTER, dram), (OUTER + 1, host), (OUTER + 2, power_s[p]), (OUTER + 3, parts[PIPELINE, p])):
            if own > most:
                best, most = place, own
        out[p] = best
