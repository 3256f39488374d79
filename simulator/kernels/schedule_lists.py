"""What the steps of a network can do in SRAM sizes near each other: lists of choices for `kernels.schedule_whole`.

A **bucket** is points of one SRAM size or of neighbouring ones. Its choices are listed once, each with the SRAM sizes between
which it is there.
"""

import math

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
)  # fmt: skip
from .stairs import JOINS, LEAVES, stairs_between

ALWAYS, SOME, VARIED = 0, 1, 2
"""Kinds of choices: there for all points of a bucket; for some of them; with other bytes of kept weights from size to size."""

ANY, PARTLY, WHOLLY = 0, 1, 2
"""Points that a choice is for, by the weights of its step that stay: all points, those that keep a part, those that keep all."""


@kernel
def span_of(step, weights, rooms_of, kept, many, group):
    """(least room, most room, whether kept bytes differ, kept bytes) of a bucket's sizes in a group; least > most: none."""
    least, most, varied, some = math.inf, -math.inf, False, -1.0
    for size in range(many):
        if rooms_of[size] < 0.0 or (weights[step] > 0.0 and kept[size, step] >= weights[step]) != (group == WHOLLY):
            continue
        least, most = min(least, rooms_of[size]), max(most, rooms_of[size])
        varied |= group == PARTLY and some >= 0.0 and kept[size, step] != some
        some = kept[size, step]
    return least, most, varied, some


@kernel
def list_step(network, spans, step, limits, whole, group, stays, count, listing, reach, found_rows):
    """Append what a step can do in rooms between `limits` to the list; its new length, or -1 where it is too short.

    network, spans: see `list_buckets`. whole: whether its weights stay as a whole; group: the points that are meant. stays:
    kept bytes, whether these differ. reach: which states are reached before and after. found_rows: scratch.
    """
    first, source, target, steps, net = network.first, network.source, network.target, network.steps, network.net
    ways, amounts, points, life = listing.ways, listing.amounts, net.points, net.life
    now, after = step % 2, 1 - step % 2
    for move in range(first[step], first[step + 1]):
        reserved = network.costs[move, RESERVED]
        least, most = limits[0] - reserved, limits[1] - reserved
        if reach[now, source[move]] == 0 or most < steps[step, LEAST_ROOM]:
            continue
        beside = network.costs[move, BESIDE] - (0.0 if whole else stays[0])
        tiled, found = spans[move, SPAN_LO] < spans[move, SPAN_HI], 1
        if tiled:
            found = stairs_between(spans[move], net, least, most, found_rows)
        if found < 0 or count + found > ways.shape[0]:
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
            if stays[1]:
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
def list_choices(network, kept_spans, weights, rooms_of, kept, many, count, begins, listing, reach, found_rows):
    """Append what each step can do in the rooms of a bucket's SRAM sizes to the list, and fill begins[step].

    Returns the new length of the list, the same where no schedule fits, -1 where the list is too short.
    """
    before = count
    steps, states = weights.shape[0], reach.shape[1]
    for state in range(states):
        reach[0, state] = 0
    reach[0, 0] = 1
    for step in range(steps):
        begins[step] = count
        for state in range(states):
            reach[1 - step % 2, state] = 0
        partly = span_of(step, weights, rooms_of, kept, many, PARTLY)
        wholly = span_of(step, weights, rooms_of, kept, many, WHOLLY)
        group = ANY if partly[0] > partly[1] or wholly[0] > wholly[1] else PARTLY
        if partly[0] <= partly[1]:
            count = list_step(
                network, network.spans, step, partly, False, group, (partly[3], partly[2]), count, listing, reach, found_rows
            )  # fmt: skip
        if count >= 0 and wholly[0] <= wholly[1]:
            group = WHOLLY if group == PARTLY else ANY
            count = list_step(
                network, kept_spans, step, wholly, True, group, (0.0, False), count, listing, reach, found_rows
            )
        if count < 0:
            return -1
        if begins[step] == count:
            return before
    begins[steps] = count
    return count if reach[steps % 2, 0] == 1 else before


@kernel
def list_buckets(network, kept_spans, weights, rooms_of, kept, size_firsts, wanted, listing, reach, found_rows):
    """List the choices of the buckets that are wanted: rows begins[bucket, step] .. begins[bucket, step + 1] - 1.

    network: of a pool with `spans` where weights pass; kept_spans: where a step's weights are in SRAM as a whole. weights:
    bytes of each step. rooms_of: bytes for all but kept weights of each SRAM size, negative where it does not try this room.
    kept: float64[sizes, steps]. size_firsts: the first SRAM size of each bucket, and the end. A bucket in which no schedule
    fits is wanted no longer. Returns 0, or -1 where a list is too short. reach, found_rows: scratch.
    """
    count = 0
    for bucket in range(wanted.shape[0]):
        if wanted[bucket]:
            lo, hi, before = size_firsts[bucket], size_firsts[bucket + 1], count
            count = list_choices(
                network, kept_spans, weights, rooms_of[lo:hi], kept[lo:hi], hi - lo, count, listing.begins[bucket], listing,
                reach, found_rows,
            )  # fmt: skip
            if count < 0:
                return -1
            wanted[bucket] = count > before
    return 0
