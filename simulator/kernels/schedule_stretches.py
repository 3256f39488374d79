"""Lists of choices: what the programmes of segments run through, made once for all points of one SRAM size.

A list has, for every step of a stretch, the choices of a run in a given room, in the order of `schedule_few.residency`: the
states before and after, the move and the point of its frontier, on-chip cycles, outer-memory bytes, and the bytes of SRAM that
it needs beside those of whole tensors.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel
from .layout import BESIDE, BYTES, CYCLES, FOOTPRINT, LEAST_ROOM, RESERVED, SPAN_HI, SPAN_LO, SPAN_QUERY, VECTOR_CYCLES
from .stairs import stairs_between

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEAR = 32
"""Moves that are looked back at for the same rows and reserved bytes."""

SOURCE, TARGET, MOVE, POINT = range(4)
"""Columns of the choices of a list."""

TAKES, MOVES, NEEDS, BESIDES = range(4)
"""Columns of what a choice takes: on-chip cycles, outer-memory bytes, SRAM bytes of its own, and of whole tensors."""

BEGINS, CHOICES = range(2)
"""What `Lists.used` counts."""

UNLISTED, NO_ROOM = -1, -2
"""Instead of where the list of a segment begins: there is none yet, or the segment has no room."""

STEPS, STATE = range(2)
"""Columns of cuts: steps before, and the state in which the tensor there is resident (-1: none)."""


class Lists(NamedTuple):
    """Lists of choices: where steps begin, what choices are and take, and how many of both are in use."""

    begins: Ints
    ways: Ints
    amounts: Floats
    used: Ints


class Looked(NamedTuple):
    """Scratch: rows of a frontier, and where the choices of the last 2 x NEAR moves begin."""

    points: Ints
    starts: Ints


class Cutting(NamedTuple):
    """Where segments may begin and end."""

    cuts: Floats
    """float64[cuts, 2], steps before and state with the tensor resident (-1: none)."""
    room: float
    around: Floats
    """Whole-batch bytes of the tensor at each cut beyond those of one run: of one mode, or a row a mode."""
    stay: Floats
    """stay[i, j]: weights that come in once between two cuts."""


@kernel
def list_stretch(given, kept, held, begin, end, room, lists, scratch):
    """List the choices of steps begin..end - 1 of a run in `room` bytes, behind what is there.

    given: `layout.Source`. kept: bytes of each step's weights that stay for ever. held: all weights are in SRAM. lists: `Lists`.
    scratch: `Looked`; of moves with the same number in their span (the same rows and reserved bytes) one is asked. Returns
    whether the lists were long enough.
    """
    first, source, target, spans, costs, steps, _, net = given.network
    weights, (begins, ways, amounts, used), (points, starts) = given.weights, lists, scratch
    at, count, pool = used[BEGINS], used[CHOICES], net.points
    if at + end - begin >= len(begins):
        return False
    for step in range(begin, end):
        begins[at + step - begin] = count
        inside = weights[step] > 0.0 and (held or kept[step] >= weights[step])
        stays = 0.0 if inside or held else kept[step]
        which = given.kept_spans if inside else spans
        for move in range(first[step], first[step + 1]):
            left, beside = room - costs[move, RESERVED], costs[move, BESIDE] - stays
            starts[move % (2 * NEAR)] = count
            if left < steps[step, LEAST_ROOM]:
                continue
            tiled, found, same = which[move, SPAN_LO] < which[move, SPAN_HI], 1, -1
            if tiled:
                for other in range(max(first[step], move - NEAR), move):
                    if which[other, SPAN_QUERY] == which[move, SPAN_QUERY]:
                        same = starts[other % (2 * NEAR)]
                        found = starts[(other + 1) % (2 * NEAR)] - same
                        break
                if same < 0:
                    found = stairs_between(which[move], net, left, left, points)
            if count + found > len(ways):
                return False
            for i in range(found):
                point = (points[i] if same < 0 else ways[same + i, POINT]) if tiled else -1
                ways[count, SOURCE], ways[count, TARGET] = source[move], target[move]
                ways[count, MOVE], ways[count, POINT] = move, point
                amounts[count, TAKES], amounts[count, MOVES] = steps[step, VECTOR_CYCLES], beside
                amounts[count, NEEDS], amounts[count, BESIDES] = steps[step, LEAST_ROOM], costs[move, RESERVED]
                if tiled:
                    amounts[count, NEEDS] = max(steps[step, LEAST_ROOM], pool[point, FOOTPRINT])
                    amounts[count, TAKES] = max(steps[step, VECTOR_CYCLES], pool[point, CYCLES])
                    amounts[count, MOVES] = max(0.0, pool[point, BYTES] + beside)
                count += 1
    begins[at + end - begin] = count
    used[BEGINS], used[CHOICES] = at + end - begin + 1, count
    return True


@kernel
def list_neighbours(given, kept, held, once, cutting, where, lists, scratch):
    """List every stretch between neighbouring cuts in up to four rooms: where[cut, variant], -1 where there is none.

    variant: bit 0, the tensor at its start is in SRAM for the whole batch and the segment begins there; bit 1, the same at its
    end. cutting: `Cutting` of one mode. once: one run is the whole batch, so that only variant 0 matters. Returns whether the
    lists were long enough.
    """
    cuts, room, around, stay = cutting
    for i in range(len(cuts) - 1):
        for variant in range(4):
            where[i, variant] = -1
            entry, leave = variant & 1, variant >> 1
            if (once and variant > 0) or (entry and cuts[i, STATE] < 0) or (leave and cuts[i + 1, STATE] < 0):
                continue
            left = room - (around[i] if entry else 0.0) - (around[i + 1] if leave else 0.0)
            left -= stay[i, i + 1] if held else 0.0
            if left <= 0.0:
                continue
            where[i, variant] = lists.used[BEGINS]
            if not list_stretch(given, kept, held, int(cuts[i, STEPS]), int(cuts[i + 1, STEPS]), left, lists, scratch):
                return False
    return True


@kernel
def list_wanted(given, kept, held, cutting, wanted, where, lists, scratch):
    """List every segment of `wanted` that is not listed yet, each in its own room; returns whether the lists were long enough.

    cutting: `Cutting` of one mode. wanted, where: [cuts, cuts, in, out]; where it begins in `begins`, UNLISTED or NO_ROOM.
    """
    number = next_unlisted(wanted, where, 0)
    while number >= 0:
        if not list_segment(given, kept, held, cutting, segment_of(number, len(wanted)), where, lists, scratch):
            return False
        number = next_unlisted(wanted, where, number)
    return True


@kernel
def segment_of(number, count):
    """(start, end, in, out) of a segment by its number, where there are so many cuts."""
    return number // (4 * count), number // 4 % count, number // 2 % 2, number % 2


@kernel
def next_unlisted(wanted, where, number):
    """The number of the first segment from `number` on that is wanted and not listed; -1: none."""
    while number < wanted.size:
        i, j, entry, leave = segment_of(number, len(wanted))
        if i < j and wanted[i, j, entry, leave] and where[i, j, entry, leave] == UNLISTED:
            return number
        number += 1
    return -1


@kernel
def list_segment(given, kept, held, cutting, at, where, lists, scratch):
    """List one segment in its own room and note where; returns whether the lists were long enough. See `list_wanted`."""
    cuts, room, around, stay = cutting
    i, j, entry, leave = at
    left = room - (around[i] if entry else 0.0) - (around[j] if leave else 0.0)
    left -= stay[i, j] if held else 0.0
    where[i, j, entry, leave] = NO_ROOM
    if left <= 0.0:
        return True
    begins = lists.used[BEGINS]
    if not list_stretch(given, kept, held, int(cuts[i, STEPS]), int(cuts[j, STEPS]), left, lists, scratch):
        where[i, j, entry, leave] = UNLISTED
        return False
    where[i, j, entry, leave] = begins
    return True


@kernel
def stay_between(weights, cuts, out):
    """Fill out[i, j] with the weight bytes of the steps from cut i to cut j > i."""
    for i in range(len(cuts) - 1):
        total, at = 0.0, int(cuts[i, STEPS])
        for j in range(i + 1, len(cuts)):
            while at < int(cuts[j, STEPS]):
                total += weights[at]
                at += 1
            out[i, j] = total


@kernel
def unbeaten(rows, begins, out):
    """Fill `out` with the choices of each step that no other of it beats in cycles and bytes, cycles rising; how many there are.

    rows: (step, cycles, bytes) of choices, step after step. begins: filled with where each step begins in `out`, and the end.
    """
    count, at = 0, 0
    for step in range(len(begins) - 1):
        begins[step] = count
        while at < len(rows) and rows[at, 0] == step:
            cycles, total, place = rows[at, 1], rows[at, 2], count
            at += 1
            while place > begins[step] and out[place - 1, TAKES] > cycles:
                place -= 1
            if place > begins[step] and out[place - 1, MOVES] <= total:
                continue
            if place > begins[step] and out[place - 1, TAKES] == cycles:
                place -= 1
            last = place
            while last < count and out[last, MOVES] >= total:
                last += 1
            shift = place + 1 - last
            if shift > 0:
                for i in range(count, place, -1):
                    out[i, TAKES], out[i, MOVES] = out[i - 1, TAKES], out[i - 1, MOVES]
            else:
                for i in range(last, count):
                    out[i + shift, TAKES], out[i + shift, MOVES] = out[i, TAKES], out[i, MOVES]
            out[place, TAKES], out[place, MOVES] = cycles, total
            count += shift
    begins[len(begins) - 1] = count
    return count
