"""Staircases: of the rows of a frontier, those that fit a room and that no other beats in bytes and cycles."""

import math
from typing import NamedTuple

from .jit import kernel
from .layout import BYTES, CYCLES, FOOTPRINT, SPAN_BASE, SPAN_HI, SPAN_LO, SPAN_QUERY, Floats, Ints

MARK = 32
"""Rows from one staircase that is kept to the next."""

JOINS, LEAVES = range(2)
"""Columns of a row's life: the footprints at which it joins the staircase and leaves it."""

HELD_BYTES, HELD_CYCLES = range(2)
"""Columns of what a staircase being built holds beside its rows."""


class Memo(NamedTuple):
    """The last answer to each query of a pool, and scratch for one that is too long to be remembered."""

    rooms: Floats
    """Room asked for last (NaN: none)."""
    counts: Ints
    """How many rows there were."""
    rows: Ints
    """int64[queries, most remembered]."""
    points: Ints


@kernel
def insert_point(out, held, count, at, points, life):
    """Insert row `at` into the staircase `out` (bytes rising, cycles falling). Rows that it beats leave at its footprint.

    A row that is beaten at once leaves as it comes. held: float64[room, 2], bytes and cycles of `out`. New count.
    """
    footprint, total, cycles = points[at, FOOTPRINT], points[at, BYTES], points[at, CYCLES]
    place = count
    while place > 0 and held[place - 1, HELD_BYTES] > total:
        place -= 1
    if place > 0 and held[place - 1, HELD_CYCLES] <= cycles:
        life[at, LEAVES] = footprint
        return count
    last = place
    while last < count and held[last, HELD_CYCLES] >= cycles:
        last += 1
    if place > 0 and held[place - 1, HELD_BYTES] == total:
        place -= 1
    for j in range(place, last):
        life[out[j], LEAVES] = footprint
    if last == place:
        for j in range(count, place, -1):
            out[j] = out[j - 1]
            held[j, HELD_BYTES], held[j, HELD_CYCLES] = held[j - 1, HELD_BYTES], held[j - 1, HELD_CYCLES]
    elif last > place + 1:
        for j in range(last, count):
            to = place + 1 + j - last
            out[to] = out[j]
            held[to, HELD_BYTES], held[to, HELD_CYCLES] = held[j, HELD_BYTES], held[j, HELD_CYCLES]
    out[place], held[place, HELD_BYTES], held[place, HELD_CYCLES] = at, total, cycles
    return count + 1 - (last - place)


@kernel
def mark(lo, hi, net, base, size, out, held):
    """Staircases of points lo..hi of a `layout.Net` every MARK rows, so that a query need not start from nothing.

    Fills, of the net, `life` with the footprints at which each row joins and leaves the staircase, and from block `base` on
    `heads` with the footprint of each block's first row and `blocks` with where its staircase begins in `marks`. size: marks in
    use. out, held: scratch. New size; -1: `marks` is too short.
    """
    points, life, marks = net.points, net.life, net.marks
    count, block = 0, base
    for at in range(lo, hi):
        life[at, JOINS], life[at, LEAVES] = points[at, FOOTPRINT], math.inf
        if (at - lo) % MARK == 0:
            net.blocks[block], net.heads[block] = size, points[at, FOOTPRINT]
            if size + count > len(marks):
                return -1
            for j in range(count):
                marks[size + j] = out[j]
            size += count
            block += 1
        count = insert_point(out, held, count, at, points, life)
    net.blocks[block] = size
    return size


@kernel
def stairs_between(span, net, least, most, out):
    """Rows of a span that no other beats in bytes and cycles in some room from `least` to `most`, bytes rising.

    span: a row of spans (see `layout`); net: a pool's `layout.Net`. Each row is there in rooms from its footprint to where it
    leaves (see `mark`). Returns how many, or -1 where `out` is too short.
    """
    lo, hi, base = span[SPAN_LO], span[SPAN_HI], span[SPAN_BASE]
    low, high = 0, (hi - lo + MARK - 1) // MARK
    while low < high:
        middle = (low + high) // 2
        if net.heads[base + middle] <= least:
            low = middle + 1
        else:
            high = middle
    count, begin = 0, lo
    if low > 0:
        block = low - 1
        begin = lo + block * MARK
        for j in range(net.blocks[base + block], net.blocks[base + block + 1]):
            if net.life[net.marks[j], LEAVES] > least:
                if count == len(out):
                    return -1
                out[count] = net.marks[j]
                count += 1
    for at in range(begin, hi):
        if net.life[at, JOINS] > most:
            break
        if net.life[at, LEAVES] > max(least, net.life[at, JOINS]):
            if count == len(out):
                return -1
            place = count
            while place > 0 and net.points[out[place - 1], BYTES] > net.points[at, BYTES]:
                out[place] = out[place - 1]
                place -= 1
            out[place] = at
            count += 1
    return count


@kernel
def fitting(span, net, room, memo):
    """(rows, how many) of the points of a span that fit `room` (`stairs_between`). The last answer to each query is remembered.

    span: a move's lo, hi, base, and the number of its query; moves with the same frontier and the same reserved bytes share
    one. memo: `Memo`.
    """
    rooms, counts, rows, points = memo
    query = span[SPAN_QUERY]
    if rooms[query] == room:
        return rows[query], counts[query]
    count = stairs_between(span, net, room, room, points)
    if count > rows.shape[1]:
        return points, count
    rooms[query], counts[query] = room, count
    for i in range(count):
        rows[query, i] = points[i]
    return rows[query], count
