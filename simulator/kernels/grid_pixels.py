"""Tables of pixel tiles: what each tile costs, and which of all sizes an unrolling has any use for."""

import math
from typing import NamedTuple

from .grid_front import is_no_worse
from .grid_layout import (
    ALL_ROWS,
    COST_FOLDS,
    COST_INPUTS,
    COST_PIXELS,
    COST_SHARED,
    COST_STEPS,
    COST_TRIPS,
    COST_WINDOW,
    COSTS,
    EACH,
    FRESH_ROWS,
    INPUTS,
    INPUTS_BY_P,
    INPUTS_BY_Q,
    MOST_ROWS,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SIZE_N,
    SIZE_P,
    SIZE_Q,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    UNIT_FLAT,
    UNIT_N,
    UNIT_P,
    UNIT_Q,
    WINDOW,
    Floats,
    Ints,
)
from .grid_tables import Fold, fold_cost
from .jit import kernel

PLACE, LAST_STEPS, FIRST, OF_SIZE = range(4)
"""Columns of a choice of sizes of an axis: place among all sizes, what it is judged by, where in the choice the smallest size
with as many tiles stands, and how many these are."""

CHOICE = 4
"""How many columns that are."""


ALL, LEAST, MOST = range(4, 7)
PLANE = 7
"""Columns of planes: steps of a tile that is whole along P and Q, the last along Q, the last along P, the last along both; then
those of all tiles of an image, of the shortest and of the longest."""


class PixelAxes(NamedTuple):
    """Sizes to try along N, P and Q, rising, of extents N P Q; windows of those of each, zeros along N, where none slides."""

    extents: Ints
    n: Ints
    p: Ints
    q: Ints
    images: Floats
    rows: Floats
    columns: Floats


class PixelUnits(NamedTuple):
    """Unrollings as pixel tiles see them."""

    units: Ints
    """A row an unrolling, see the columns of units."""
    flat: bool
    """Whether P and Q are one loop."""
    loads: Floats
    """Cycles to load a set of weights."""
    fold: Fold
    folds: bool
    """Whether there are folds."""


class PixelTiles(NamedTuple):
    """Pixel tiles, a row each: columns of the table, and sizes. plane: scratch, see PLANE."""

    table: Floats
    sizes: Ints
    plane: Floats


class PixelCosts(NamedTuple):
    """Pixel tiles that an unrolling may have use for, a row each, with room for all."""

    cost: Floats
    """Columns of costs."""
    number: Ints
    """Number of the tile in n x p x q."""
    place: Ints
    """Scratch: row of a tile, by the sizes chosen."""
    plane: Floats
    """Scratch, with a row for each size along P and Q, see PLANE."""
    n: Ints
    """Scratch: choices of sizes of the three axes."""
    p: Ints
    q: Ints


@kernel
def plane_steps(extents, array, u, sizes, trips, out, row):
    """Array steps of an image in a tile of sizes p q with unrolling u, into a row of columns of planes. trips: along both."""
    units = array.units
    every, least, most = 0.0, math.inf, 0.0
    for end_p in range(2):
        p = extents[SIZE_P] - (trips[0] - 1) * sizes[0] if end_p else sizes[0]
        for end_q in range(2):
            q = extents[SIZE_Q] - (trips[1] - 1) * sizes[1] if end_q else sizes[1]
            if array.flat:
                steps = (p * q + units[u, UNIT_FLAT] - 1) // units[u, UNIT_FLAT]
            else:
                steps = (p + units[u, UNIT_P] - 1) // units[u, UNIT_P]
                steps = steps * ((q + units[u, UNIT_Q] - 1) // units[u, UNIT_Q])
            out[row, 2 * end_p + end_q] = steps
            times = (1.0 if end_p else trips[0] - 1.0) * (1.0 if end_q else trips[1] - 1.0)
            if times > 0.0:
                every, least, most = every + times * steps, min(least, float(steps)), max(most, float(steps))
    out[row, ALL], out[row, LEAST], out[row, MOST] = every, least, most


@kernel
def unit_items(images, n, trips, unit):
    """Turns of a unit through the images of a tile of n, and of the last of so many tiles."""
    return float((n + unit - 1) // unit), float((images - (trips - 1) * n + unit - 1) // unit)


@kernel
def unit_steps(array, u, items, trips, plane, row):
    """(array steps, cycles of folds) of all tiles together, ragged ones included, with unrolling u.

    items: `unit_items`. trips: tiles along the three axes. plane: steps of an image, `plane_steps` in a row of it. Steps are
    whole numbers, and so are their sums in any order.
    """
    fold, load = array.fold, array.loads[u]
    whole, last = items
    times_n = trips[SIZE_N] - 1.0
    steps = (times_n * whole + last) * plane[row, ALL]
    if not array.folds:
        return steps, steps
    if load == math.floor(load) and fold.overhead == math.floor(fold.overhead):
        tiles = float(trips[SIZE_N] * trips[SIZE_P] * trips[SIZE_Q])
        at_load = fold_cost(load, load, fold)
        if not fold.hidden or last * plane[row, LEAST] >= load:  # each fold costs as much beyond its steps
            return steps, steps + tiles * (at_load - load)
        if max(last, whole) * plane[row, MOST] <= load:
            return steps, tiles * at_load
    folds = 0.0
    for end_n in range(2):
        if not end_n and times_n == 0.0:
            continue
        turns = last if end_n else whole
        for end_p in range(2):
            times_p = (1.0 if end_n else times_n) * (1.0 if end_p else trips[SIZE_P] - 1.0)
            if times_p == 0.0:
                continue
            for end_q in range(2):
                times = times_p if end_q else times_p * (trips[SIZE_Q] - 1.0)
                if times != 0.0:
                    folds += times * fold_cost(turns * plane[row, 2 * end_p + end_q], load, fold)
    return steps, folds


@kernel
def inputs_of(axes, j, k):
    """Inputs of all tiles of the j-th size along P and the k-th along Q: (not shared, shared along P, shared along Q)."""
    images, rows, columns = axes.extents[SIZE_N], axes.rows, axes.columns
    return (
        images * rows[j, ALL_ROWS] * columns[k, ALL_ROWS],
        images * rows[j, FRESH_ROWS] * columns[k, ALL_ROWS],
        images * rows[j, ALL_ROWS] * columns[k, FRESH_ROWS],
    )


@kernel
def pixel_rows(axes, array, numbers, out):
    """Fill the table of some pixel tiles with what each costs every unrolling. axes: `PixelAxes`, array: `PixelUnits`, out:
    `PixelTiles`, numbers: of the tiles in n x p x q.
    """
    extents, table = axes.extents, out.table
    for row in range(len(numbers)):
        k = numbers[row] % len(axes.q)
        rest = numbers[row] // len(axes.q)
        i, j = rest // len(axes.p), rest % len(axes.p)
        sizes = axes.n[i], axes.p[j], axes.q[k]
        n, p, q = sizes
        trips = (extents[SIZE_N] + n - 1) // n, (extents[SIZE_P] + p - 1) // p, (extents[SIZE_Q] + q - 1) // q
        out.sizes[row, SIZE_N], out.sizes[row, SIZE_P], out.sizes[row, SIZE_Q] = sizes
        table[row, WINDOW] = n * axes.rows[j, MOST_ROWS] * axes.columns[k, MOST_ROWS]
        table[row, PIXELS] = n * p * q
        table[row, TRIPS_N], table[row, TRIPS_P], table[row, TRIPS_Q] = trips
        table[row, INPUTS], table[row, INPUTS_BY_P], table[row, INPUTS_BY_Q] = inputs_of(axes, j, k)
        for u in range(len(array.units)):
            plane_steps(extents, array, u, (p, q), (trips[SIZE_P], trips[SIZE_Q]), out.plane, 0)
            items = unit_items(extents[SIZE_N], n, trips[SIZE_N], array.units[u, UNIT_N])
            steps, folds = unit_steps(array, u, items, trips, out.plane, 0)
            table[row, PIXEL_STEPS + EACH * u], table[row, PIXEL_FOLDS + EACH * u] = steps, folds


@kernel
def choose_sizes(sizes, extent, windows, unit, straight, out):
    """The sizes of an axis that an unrolling may have use for, into columns of a choice. Returns how many.

    A larger size with as many tiles is of use where it touches fewer rows, or saves steps over all smaller ones: in the sum of
    all tiles where folds are linear in steps (straight); else in the last tile, which is the only one that has fewer. unit:
    indices of the axis that are worked on at a time; 0 where it depends on the other axis too, then all sizes are.
    """
    count, first, trips = 0, 0, 0
    for i in range(len(sizes)):
        size, before = sizes[i], trips
        trips = (extent + size - 1) // size
        if trips != before:
            first = count
        steps, useless = 0, False
        if unit > 0:
            steps = (extent - (trips - 1) * size + unit - 1) // unit
            if straight:
                steps += (trips - 1) * ((size + unit - 1) // unit)
            for j in range(first, count):
                at = out[j, PLACE]
                useless = out[j, LAST_STEPS] <= steps
                for column in range(windows.shape[1]):
                    useless = useless and windows[at, column] <= windows[i, column]
                if useless:
                    break
        if not useless:
            out[count, PLACE], out[count, LAST_STEPS], out[count, FIRST], out[count, OF_SIZE] = i, steps, first, trips
            count += 1
    return count


@kernel
def unit_tiles(axes, array, u, adds, out):
    """Fill out with the pixel tiles that unrolling u may have use for, in the order of n x p x q. Returns how many.

    Left out are those that a smaller one with the same trips is as good as, of which three are asked: the smallest, the last kept
    before it along Q, and the last along P. adds: cycles that a fold adds however long it is, which count apart where more
    folds may be needed. out: `PixelCosts`.
    """
    extents, cost, place, units = axes.extents, out.cost, out.place, array.units
    straight = not (array.folds and array.fold.hidden > 0.0)
    along_p, along_q = (0, 0) if array.flat else (units[u, UNIT_P], units[u, UNIT_Q])
    count_n = choose_sizes(axes.n, extents[SIZE_N], axes.images, units[u, UNIT_N], straight, out.n)
    count_p = choose_sizes(axes.p, extents[SIZE_P], axes.rows, along_p, straight, out.p)
    count_q = choose_sizes(axes.q, extents[SIZE_Q], axes.columns, along_q, straight, out.q)
    count = 0
    for a in range(count_n):
        i = out.n[a, PLACE]
        n, first_a, trips_n = axes.n[i], out.n[a, FIRST], out.n[a, OF_SIZE]
        items = unit_items(extents[SIZE_N], n, trips_n, units[u, UNIT_N])
        for b in range(count_p):
            j, first_b = out.p[b, PLACE], out.p[b, FIRST]
            p, trips_p = axes.p[j], out.p[b, OF_SIZE]
            for c in range(count_q):
                k, first_c = out.q[c, PLACE], out.q[c, FIRST]
                q = axes.q[k]
                trips = trips_n, trips_p, out.q[c, OF_SIZE]
                if a == 0:
                    plane_steps(extents, array, u, (p, q), (trips_p, trips[SIZE_Q]), out.plane, b * count_q + c)
                steps, folds = unit_steps(array, u, items, trips, out.plane, b * count_q + c)
                all_trips = float(trips[SIZE_N] * trips[SIZE_P] * trips[SIZE_Q])
                inputs, by_p, by_q = inputs_of(axes, j, k)
                cost[count, COST_WINDOW] = n * axes.rows[j, MOST_ROWS] * axes.columns[k, MOST_ROWS]
                cost[count, COST_PIXELS] = n * p * q
                cost[count, COST_TRIPS], cost[count, COST_INPUTS] = all_trips, inputs
                cost[count, COST_SHARED], cost[count, COST_STEPS] = min(by_p, by_q), steps
                cost[count, COST_FOLDS] = folds - adds * all_trips
                at = (a * count_p + b) * count_q + c
                smallest = (first_a * count_p + first_b) * count_q + first_c
                if (
                    (at > smallest and is_no_worse(cost, place[smallest], cost, count, COSTS))
                    or (c > first_c and is_no_worse(cost, place[at - 1], cost, count, COSTS))
                    or (b > first_b and is_no_worse(cost, place[at - count_q], cost, count, COSTS))
                ):
                    place[at] = (
                        place[at - 1] if c > first_c else place[at - count_q] if b > first_b else place[smallest]
                    )
                    continue
                place[at], out.number[count] = count, (i * len(axes.p) + j) * len(axes.q) + k
                count += 1
    return count
