"""Lists of tiles that a search walks: of each table the rows that matter for an unrolling and a form of traffic."""

import math
from typing import NamedTuple

from .grid_front import is_covered, widen_bounds
from .grid_layout import (
    EACH,
    FOLDS,
    INPUTS,
    INPUTS_BY_P,
    INPUTS_BY_Q,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SET_CYCLES,
    SIZE,
    STEPS,
    TRIPS,
    WINDOW,
    Floats,
    Ints,
)
from .grid_tiling import trips_of
from .jit import kernel

CHUNK = 8
"""Rows of a list of an axis between two rows of bounds."""

(
    FORM, WITH_WHOLE, WITH_CUT, BY_WINDOW, BY_PIXELS, BY_TRIPS, BY_INPUTS, BY_FEED, K_BY_SIZE, K_BY_TRIPS, K_BY_FEED, C_BY_SIZE,
    C_BY_TRIPS, C_BY_FEED,
) = range(14)  # fmt: skip
"""Columns of a plan: a form, whether it is searched with C whole and with C cut, and what matters of pixel tiles (inputs: 1 not
shared, 2 shared), of K and of C; folds always do."""

UNSHARED, SHARED = 1, 2
"""How inputs matter in a plan."""

TILE_FOLDS, TILE_INPUTS, TILE_FEED, TILE_WINDOW, TILE_PIXELS, TILE_TRIPS, TILE_ROW, TILE_SWAP = range(8)
"""Columns of a list of pixel tiles: 0 where it does not matter; row of the table; whether P and Q change places in the order."""

TILE_JUDGED = 6
"""How many of its columns tiles are judged by: the first, with the trips last, which matter in some plans alone."""

AXIS_SIZE, AXIS_TRIPS, AXIS_FOLDS, AXIS_FEED, AXIS_ROW, AXIS_JUMP = range(6)
"""Columns of a list of K or C: the row of the table; where to go on when a row of bounds is beaten, 0 in all other rows."""

AXIS_BOUNDED = 4
"""How many of its columns have bounds: the first."""

BEGIN, COUNT = range(2)
"""Columns of places of lists."""

OF_PIXELS, OF_K, OF_C = range(3)
"""Rows of the places of the present lists."""

IN_PIXELS, IN_AXES = range(2)
"""Entries of rows in use."""

PIXEL_SLOTS, AXIS_SLOTS = 24, 8
"""Different lists of pixel tiles, and of K or of C, that an unrolling may have."""

SLOTS = PIXEL_SLOTS + 2 * AXIS_SLOTS


class Lists(NamedTuple):
    """Lists of tiles. One is made when first asked for and found again by what matters in it."""

    pixels: Floats
    axes: Floats
    bounds: Floats
    """Scratch: least values of blocks of pixel tiles, see `grid_front`."""
    scratch: Ints
    where: Ints
    """int64[SLOTS x unrollings, 2], place of each list; it begins at -1 where it is not made."""
    used: Ints
    """Rows in use of the first two."""
    present: Ints
    """int64[3, 2], places of the lists that are walked."""


class Matters(NamedTuple):
    """What matters of the tiles of an axis beside folds."""

    size: int
    trips: int
    feed: int


@kernel
def axis_list(table, u, matters, feed, rows, out, base):
    """Rows of an axis table that matter, whole extent first, then falling, into a list of `AXIS_` columns.

    matters: `Matters`. feed: column of the table that the feed follows. rows: int64, scratch. base: row of `out` where the list
    begins. Before the cut rows, and before every CHUNK of them, goes a row of their least values, which says where to go on when
    even that is beaten. Returns how many rows.
    """
    count, folds = 0, FOLDS + EACH * u
    by_size, by_trips, by_feed = matters.size, matters.trips, matters.feed
    for row in range(len(table) - 1, 0, -1):
        covered = False
        for i in range(count - 1, -1, -1):
            at = rows[i]
            if (
                table[at, folds] <= table[row, folds]
                and (table[at, TRIPS] <= table[row, TRIPS] or not by_trips)
                and (table[at, feed] <= table[row, feed] or not by_feed)
                and (table[at, SIZE] <= table[row, SIZE] or not by_size)
            ):
                covered = True
                break
        if not covered:
            rows[count] = row
            count += 1
    rows[count] = 0
    length, chunk = 0, 0
    for i in range(count, -1, -1):
        if i == count - 1 or (i < count and (count - 1 - i) % CHUNK == 0):
            bounds = 0 if count < 2 else (2 if i == count - 1 and count > CHUNK else 1)
            for _ in range(bounds):
                chunk = length
                for column in range(AXIS_BOUNDED):
                    out[base + chunk, column] = math.inf
                out[base + chunk, AXIS_ROW], out[base + chunk, AXIS_JUMP] = 0.0, 0.0  # of no row of the table
                length += 1
        row, to = rows[i], base + length
        out[to, AXIS_SIZE], out[to, AXIS_TRIPS], out[to, AXIS_FOLDS] = (
            table[row, SIZE],
            table[row, TRIPS],
            table[row, folds],
        )
        out[to, AXIS_FEED], out[to, AXIS_ROW], out[to, AXIS_JUMP] = table[row, feed], row, 0.0
        length += 1
        if i < count:
            for bound in range(1, chunk + 1, max(1, chunk - 1)):
                for column in range(AXIS_BOUNDED):
                    out[base + bound, column] = min(out[base + bound, column], out[to, column])
                out[base + bound, AXIS_JUMP] = length
    return length


@kernel
def pixel_list(layer, u, asked, out, base, bounds):
    """Pixel tiles that matter with unrolling u, into a list of `TILE_` columns. Returns how many.

    asked: a row of a plan. Folds always matter: what a fold adds however long it is, is left out where more folds may be needed.
    base: row of `out` to begin at. bounds: scratch.
    """
    pixel, steps, folds, each = layer.pixel, PIXEL_STEPS + EACH * u, PIXEL_FOLDS + EACH * u, layer.own[u, SET_CYCLES]
    by_steps, by_inputs = layer.rules.weights_by_steps, asked[BY_INPUTS]
    count, columns = base, TILE_JUDGED if asked[BY_TRIPS] else TILE_TRIPS
    for at in range(layer.starts[u], layer.starts[u + 1]):
        row = layer.needed[at]
        trips = trips_of(pixel, row)
        by_p, by_q = pixel[row, INPUTS_BY_P], pixel[row, INPUTS_BY_Q]
        out[count, TILE_WINDOW] = pixel[row, WINDOW] * asked[BY_WINDOW]
        out[count, TILE_PIXELS] = pixel[row, PIXELS] * asked[BY_PIXELS]
        out[count, TILE_TRIPS] = trips
        out[count, TILE_INPUTS] = (pixel[row, INPUTS] if by_inputs == UNSHARED else min(by_p, by_q)) * min(by_inputs, 1)
        out[count, TILE_FOLDS] = pixel[row, folds] - each * trips
        out[count, TILE_FEED] = asked[BY_FEED] * (pixel[row, steps] if by_steps else trips)
        out[count, TILE_ROW], out[count, TILE_SWAP] = row, 1.0 if by_p < by_q else 0.0
        if trips > 1.0 and is_covered(out, bounds, base, count, columns):
            continue
        widen_bounds(out, bounds, base, count)
        count += 1
    return count - base


@kernel
def axis_place(table, u, slot, matters, feed, lists):
    """(begin, rows) of the list of an axis that stands in a slot, which is made where it is not there yet. See `axis_list`."""
    where, used = lists.where, lists.used
    if where[slot, BEGIN] < 0:
        where[slot, BEGIN] = used[IN_AXES]
        where[slot, COUNT] = axis_list(table, u, matters, feed, lists.scratch, lists.axes, used[IN_AXES])
        used[IN_AXES] += where[slot, COUNT]
    return where[slot, BEGIN], where[slot, COUNT]


@kernel
def lists_of(layer, u, asked, lists):
    """Set `lists.present` to the places of the lists of pixel tiles, K and C for one unrolling and a row of a plan."""
    rules, where, used, present = layer.rules, lists.where, lists.used, lists.present
    axis_k, axis_c = layer.axis_k, layer.axis_c
    longest = max(len(axis_k), len(axis_c))
    if used[IN_PIXELS] + len(layer.pixel) + 1 > len(lists.pixels) or used[IN_AXES] + 4 * longest + 8 > len(lists.axes):
        used[IN_PIXELS], used[IN_AXES] = 0, 0  # begin anew
        for slot in range(len(where)):
            where[slot, BEGIN] = -1
    slot = SLOTS * u + ((asked[BY_WINDOW] * 2 + asked[BY_PIXELS]) * 2 + asked[BY_TRIPS]) * 3 + asked[BY_INPUTS]
    if where[slot, BEGIN] < 0:
        where[slot, BEGIN] = used[IN_PIXELS]
        where[slot, COUNT] = pixel_list(layer, u, asked, lists.pixels, used[IN_PIXELS], lists.bounds)
        used[IN_PIXELS] += where[slot, COUNT]
    present[OF_PIXELS, BEGIN], present[OF_PIXELS, COUNT] = where[slot, BEGIN], where[slot, COUNT]
    own_steps = STEPS + EACH * u
    of_k = Matters(asked[K_BY_SIZE], asked[K_BY_TRIPS], asked[K_BY_FEED])
    slot = SLOTS * u + PIXEL_SLOTS + of_k.size * 4 + of_k.trips * 2 + of_k.feed
    feed = own_steps if rules.in_by_steps else TRIPS
    present[OF_K, BEGIN], present[OF_K, COUNT] = axis_place(axis_k, u, slot, of_k, feed, lists)
    of_c = Matters(asked[C_BY_SIZE], asked[C_BY_TRIPS], asked[C_BY_FEED])
    slot = SLOTS * u + PIXEL_SLOTS + AXIS_SLOTS + of_c.size * 4 + of_c.trips * 2 + of_c.feed
    feed = own_steps if rules.partial_by_steps else TRIPS
    present[OF_C, BEGIN], present[OF_C, COUNT] = axis_place(axis_c, u, slot, of_c, feed, lists)
