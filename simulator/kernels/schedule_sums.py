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
    """Scratch of a block of points: machines, busy and hidden cycles by cause, which any point has, what is left of a step."""

    cycle_s: Floats
    byte_s: Floats
    overhead_s: Floats
    overheads: Floats
    busy: Floats
    some: npt.NDArray[np.bool_]
    left: Floats
    totals: Floats


def new_block() -> Block:
    """Scratch for one thread."""
    return Block(
        cycle_s=np.zeros(BLOCK),
        byte_s=np.zeros(BLOCK),
        overhead_s=np.zeros(BLOCK),
        overheads=np.zeros(BLOCK),
        busy=np.zeros((HIDDEN + 1, BLOCK)),
        some=np.zeros(HIDDEN + 1, dtype=np.bool_),
        left=np.zeros(BLOCK),
        totals=np.zeros((2, BLOCK)),
    )


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
def busy_alike(records, row, vector, many, block):
    """Fill in the busy cycles of a step that all points of a block run in the same way."""
    of = causes(records, row, vector)
    for cause in range(HIDDEN + 1):
        own = of[cause]
        block.some[cause] = own > 0.0
        if own > 0.0:
            for p in range(many):
                block.busy[cause, p] = own


@kernel
def busy_each(records, rows, vector, repeats, many, block):
    """Fill in the busy cycles of a step of every point of a block, all its runs together."""
    for cause in range(HIDDEN + 1):
        block.some[cause] = False
    for p in range(many):
        of = causes(records, rows[p], vector[p])
        for cause in range(HIDDEN + 1):
            block.busy[cause, p] = of[cause] * repeats[p]
            block.some[cause] |= of[cause] > 0.0


@kernel
def take(cycles, cycle_s, many, left, part):
    """Take what a cause costs from what is left of the time of a step, and add it to the cause's part."""
    for p in range(many):
        own = cycles[p] * cycle_s[p]
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
def split_step(block, many, parts):
    """Split the time of a step of a block, in `block.left`, among its causes and add it to `parts`: float64[CAUSES, BLOCK]."""
    for cause in range(ON_CHIP):
        if block.some[cause]:
            take(block.busy[cause], block.cycle_s, many, block.left, parts[cause])
    if block.some[HIDDEN]:
        take_hidden(block.busy[HIDDEN], block.cycle_s, block.overheads, many, block.left, parts[LOADING])
    take_rest(block.overheads, many, block.left, parts[OVERHEAD], parts[OUTER])


@kernel
def load_block(rates, begin, many, block, parts):
    """Bring the rates of points begin .. begin + many - 1 into a block, and set its sums to nothing."""
    for p in range(many):
        block.cycle_s[p], block.byte_s[p] = rates.cycle_s[begin + p], rates.byte_s[begin + p]
        block.overhead_s[p] = block.overheads[p] = rates.overhead_s[begin + p]
    for p in range(BLOCK):
        block.totals[0, p], block.totals[1, p] = 0.0, 0.0
        for cause in range(CAUSES):
            parts[cause, p] = 0.0


@kernel
def store_block(begin, many, block, parts, sums):
    """Write the sums of a block to its points."""
    for p in range(many):
        sums.outer_bytes[begin + p], sums.feed_bytes[begin + p] = block.totals[0, p], block.totals[1, p]
        for cause in range(CAUSES):
            sums.parts[cause, begin + p] = parts[cause, p]


@kernel
def add_alike(totals, moved, fed, many):
    """Add bytes that are the same for all points of a block."""
    for p in range(many):
        totals[0, p] += moved
        totals[1, p] += fed


@kernel
def times_alike(cycles, moved, phi, many, block):
    """Fill in the time of a step that all points of a block run in the same way."""
    for p in range(many):
        block.left[p] = step_time(cycles, moved, block.cycle_s[p], block.byte_s[p], phi, block.overhead_s[p])


@kernel
def sum_steps(records, steps, rates, block, parts, sums):
    """Add up schedules given step by step. records: `Records`; steps: `Steps`; rates: `Rates`; parts: scratch."""
    count = steps.rows.shape[1]
    for begin in range(0, count, BLOCK):
        many = min(BLOCK, count - begin)
        load_block(rates, begin, many, block, parts)
        for step in range(steps.rows.shape[0]):
            rows, repeats = steps.rows[step, begin : begin + many], steps.repeats[step, begin : begin + many]
            busy_each(records, rows, steps.vector[step, begin : begin + many], repeats, many, block)
            for p in range(many):
                block.left[p] = steps.times[step, begin + p]
                block.overheads[p] = block.overhead_s[p] * repeats[p]
                block.totals[0, p] += steps.moved[step, begin + p]
                block.totals[1, p] += records.feed[rows[p]] * repeats[p]
            split_step(block, many, parts)
        store_block(begin, many, block, parts, sums)


@kernel
def sum_blocks(records, vector, paths, blocks, rates, phi, block, parts, sums, first):
    """Add up schedules of whole batches that are known block by block (see `kernels.schedule_whole`), from `first` on in `sums`.

    vector: cycles of vector work of each step. paths: frontier rows and bytes of each step and point, and the same of each
    block where its points are alike, else APART. blocks: int64[blocks, 3], first point and how many.
    """
    rows, moved, alike, alike_moved = paths
    for at in range(blocks.shape[0]):
        begin, many = blocks[at, 0], blocks[at, 1]
        load_block(rates, begin, many, block, parts)
        for step in range(vector.shape[0]):
            row = alike[step, at]
            if row != APART:
                busy_alike(records, row, vector[step], many, block)
                total = max(0.0, alike_moved[step, at])
                add_alike(block.totals, total, records.feed[row], many)
                times_alike(max(records.cycles[row], vector[step]), alike_moved[step, at], phi, many, block)
            else:
                for cause in range(HIDDEN + 1):
                    block.some[cause] = False
                for p in range(many):
                    own = rows[step, begin + p]
                    of = causes(records, own, vector[step])
                    for cause in range(HIDDEN + 1):
                        block.busy[cause, p] = of[cause]
                        block.some[cause] |= of[cause] > 0.0
                    total = moved[step, begin + p]
                    block.totals[0, p] += max(0.0, total)
                    block.totals[1, p] += records.feed[own]
                    cycles = max(records.cycles[own], vector[step])
                    block.left[p] = step_time(
                        cycles, total, block.cycle_s[p], block.byte_s[p], phi, block.overhead_s[p]
                    )
            split_step(block, many, parts)
        store_block(first + begin, many, block, parts, sums)


@kernel
def largest_losses(parts, has_dram, host_s, power_s, out):
    """Fill out[point] with the place in `vocabulary.WATERFALL` of the largest part beyond the ideal; 0 where nothing is lost.

    parts: float64[CAUSES, points]. host_s, power_s: what the host link and the power limit add. [s]
    """
    for p in range(out.shape[0]):
        best, most = 0, 0.0
        for cause in range(EDGES, OVERHEAD + 1):
            if parts[cause, p] > most:
                best, most = cause, parts[cause, p]
        dram, host = (parts[OUTER, p], host_s[p]) if has_dram else (0.0, parts[OUTER, p] + host_s[p])
        for place, own in ((OUTER, dram), (OUTER + 1, host), (OUTER + 2, power_s[p]), (OUTER + 3, parts[PIPELINE, p])):
            if own > most:
                best, most = place, own
        out[p] = best
