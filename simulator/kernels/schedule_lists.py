"""What the steps of a network can do in SRAM sizes near each other: lists of choices for `kernels.schedule_whole`.

A **bucket** is points of one SRAM size or of neighbouring ones. Its choices are listed once, each with the SRAM sizes between
which it is there.
"""

import math
from typing import NamedTuple

from .jit import kernel
from .layout import (
    BESIDE,
    BESIDE_BYTES,
    BYTES,
    CYCLES,
    LEAST_ROOM,
    NEED_ROOM,
    OWN_BYTES,
    OWN_CYCLES,
    RESERVED,
    RESERVED_ROOM,
    SPAN_HI,
    SPAN_LO,
    TILE_BYTES,
    UNTIL_ROOM,
    VECTOR_CYCLES,
    WAY_GROUP,
    WAY_KIND,
    WAY_POINT,
    WAY_SOURCE,
    WAY_TARGET,
    Floats,
    Ints,
)  # fmt: skip
from .stairs import JOINS, LEAVES, stairs_between

ALWAYS, SOME, VARIED = 0, 1, 2
"""Kinds of choices: there for all points of a bucket; for some of them; with other bytes of kept weights from size to size."""

ANY, PARTLY, WHOLLY = 0, 1, 2
"""Points that a choice is for, by the weights of its step that stay: all points, those that keep a part, those that keep all."""


class Sizes(NamedTuple):
    """SRAM sizes: bytes for all but kept weights of each, negative where it does not try this room; and the bytes of each step's
    weights that stay, float64[sizes, steps]."""

    rooms: Floats
    kept: Floats


class Span(NamedTuple):
    """Sizes of a bucket in a group: least and most room (least > most: none), whether kept bytes differ, and kept bytes."""

    least: float
    most: float
    varied: bool
    kept: float


class Reached(NamedTuple):
    """Scratch: which states are reached before and after a step, and rows that a query gave."""

    states: Ints
    rows: Ints


@kernel
def span_of(step, weights, rooms_of, kept, many, group):
    """`Span` of the first `many` sizes in a group."""
    least, most, varied, some = math.inf, -math.inf, False, -1.0
    for size in range(many):
        if rooms_of[size] < 0.0 or (weights[step] > 0.0 and kept[size, step] >= weights[step]) != (group == WHOLLY):
            continue
        least, most = min(least, rooms_of[size]), max(most, rooms_of[size])
        varied |= group == PARTLY and some >= 0.0 and kept[size, step] != some
        some = kept[size, step]
    return Span(least, most, varied, some)


@kernel
def list_step(given, step, span, whole, group, count, listing, reached):
    """Append what a step can do in the rooms of a `Span` to the list; its new length, or -1 where it is too short.

    given: `layout.Source`. whole: whether its weights stay as a whole; group: the points that are meant. reached: `Reached`.
    """
    network, (reach, found_rows), spans = given.network, reached, given.kept_spans if whole else given.network.spans
    first, source, target, steps, net = network.first, network.source, network.target, network.steps, network.net
    ways, amounts, points, life = listing.ways, listing.amounts, net.points, net.life
    now, after = step % 2, 1 - step % 2
    for move in range(first[step], first[step + 1]):
        reserved = network.costs[move, RESERVED]
        least, most = span.least - reserved, span.most - reserved
        if reach[now, source[move]] == 0 or most < steps[step, LEAST_ROOM]:
            continue
        beside = network.costs[move, BESIDE] - (0.0 if whole else span.kept)
        tiled, found = spans[move, SPAN_LO] < spans[move, SPAN_HI], 1
        if tiled:
            found = stairs_between(spans[move], net, least, most, found_rows)
        if found < 0 or count + found > len(ways):
            return -1
        for i in range(found):
            row = found_rows[i] if tiled else -1
            need, until = steps[step, LEAST_ROOM], math.inf
            if tiled:
                need, until = max(need, life[row, JOINS]), life[row, LEAVES]
            if need >= until or until <= least:
                continue
            reach[after, target[move]] = 1
            ways[count, WAY_SOURCE], ways[count, WAY_TARGET], ways[count, WAY_POINT] = source[move], target[move], row
            ways[count, WAY_KIND], ways[count, WAY_GROUP] = ALWAYS, group
            if need > least or until <= most or group != ANY:
                ways[count, WAY_KIND] = SOME
            if span.varied:
                ways[count, WAY_KIND] = VARIED
            vector, tiles = steps[step, VECTOR_CYCLES], points[row, BYTES] if tiled else 0.0
            amounts[count, OWN_CYCLES] = max(vector, points[row, CYCLES]) if tiled else vector
            amounts[count, OWN_BYTES] = max(0.0, tiles + beside) if tiled else beside
            amounts[count, TILE_BYTES], amounts[count, BESIDE_BYTES] = tiles, network.costs[move, BESIDE]
            amounts[count, NEED_ROOM], amounts[count, UNTIL_ROOM] = need, until
            amounts[count, RESERVED_ROOM] = reserved
            count += 1
    return count


@kernel
def list_choices(given, sizes, lo, hi, count, begins, listing, reached):
    """Append what each step can do in the rooms of SRAM sizes lo .. hi - 1 to the list, and fill begins[step].

    Returns the new length of the list, the same where no schedule fits, -1 where the list is too short.
    """
    before, weights, reach = count, given.weights, reached.states
    rooms_of, kept, many = sizes.rooms[lo:hi], sizes.kept[lo:hi], hi - lo
    steps, states = len(weights), reach.shape[1]
    for state in range(states):
        reach[0, state] = 0
    reach[0, 0] = 1
    for step in range(steps):
        begins[step] = count
        for state in range(states):
            reach[1 - step % 2, state] = 0
        partly = span_of(step, weights, rooms_of, kept, many, PARTLY)
        wholly = span_of(step, weights, rooms_of, kept, many, WHOLLY)
        group = ANY if partly.least > partly.most or wholly.least > wholly.most else PARTLY
        if partly.least <= partly.most:
            count = list_step(given, step, partly, False, group, count, listing, reached)
        if count >= 0 and wholly.least <= wholly.most:
            group = WHOLLY if group == PARTLY else ANY
            count = list_step(given, step, wholly, True, group, count, listing, reached)
        if count < 0:
            return -1
        if begins[step] == count:
            return before
    begins[steps] = count
    return count if reach[steps % 2, 0] == 1 else before


@kernel
def list_buckets(given, sizes, size_firsts, wanted, listing, reached):
    """List the choices of the buckets that are wanted: rows begins[bucket, step] .. begins[bucket, step + 1] - 1.

    given: `layout.Source`. sizes: `Sizes`. size_firsts: the first SRAM size of each bucket, and the end. A bucket in which no
    schedule fits is wanted no longer. Returns 0, or -1 where a list is too short. reached: `Reached`.
    """
    count = 0
    for bucket in range(len(wanted)):
        if wanted[bucket]:
            lo, hi, before = size_firsts[bucket], size_firsts[bucket + 1], count
            count = list_choices(given, sizes, lo, hi, count, listing.begins[bucket], listing, reached)
            if count < 0:
                return -1
            wanted[bucket] = count > before
    return 0
