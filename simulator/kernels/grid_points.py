"""What points of frontiers are, read from their codes, and what their on-chip cycles consist of; many layers at once."""

import math
from typing import NamedTuple

from .grid_layout import (
    COPIES_IN,
    COPIES_WEIGHTS,
    EACH,
    FOLDS,
    ONCE,
    OWN,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SET_CYCLES,
    SET_LEAST,
    SIZE,
    SIZE_N,
    SIZE_P,
    SIZE_Q,
    STEPS,
    TRIPS,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    Floats,
    Ints,
    Numbers,
    Rules,
)
from .grid_tables import OVER_C, OVER_K, OVER_PIXELS, Fold
from .jit import kernel

(
    ARRAY, IDEAL, EDGES, FILL_DRAIN, WEIGHT_LOADING, INTERCONNECT, SRAM, FEED_BYTES, HIDDEN_LOADING,
) = range(9)  # fmt: skip
"""Columns of on-chip parts: those of `grid.points.OnChip`."""

OF_GROUP, OF_PIXEL, OF_K, OF_C, OF_OWN = range(5)
"""Columns of places in a stack: a table each."""

AT_G, AT_N, AT_K, AT_C, AT_P, AT_Q, ORDER, STREAM, UNROLLING = range(9)
"""Columns of `tile_sizes`: six sizes of a tile, number of the order, streamed operand (-1 none), unrolling."""


class LayerColumns(NamedTuple):
    """What parts of cycles need of a layer beside its tables, one entry a layer."""

    macs: float
    macs_per_cycle: float
    load: float
    overhead: float
    hidden: float
    """Of a fold: load, overhead and hidden as `Fold` has them."""
    rate: float
    """MACs a unit and cycle."""
    streams: float
    """The axis that streams."""


NUMBER = Numbers(*range(len(Numbers._fields)))
RULE = Rules(*range(len(Rules._fields)))
LAYER = LayerColumns(*range(len(LayerColumns._fields)))
"""Columns of the numbers, the rules and the rest of a layer."""


class Stacked(NamedTuple):
    """Tables of many layers: see `grid.points.Stack`."""

    group: Floats
    pixel: Floats
    k: Floats
    c: Floats
    own: Floats
    starts: Ints
    rows: Ints
    tiles: Ints
    first_tile: Ints
    numbers: Floats
    rules: Ints
    layer: Floats
    loads: Floats
    first_unit: Ints


class Point(NamedTuple):
    """What a code says: rows in the four tables, order, streamed operand and unrolling."""

    group: int
    pixel: int
    k: int
    c: int
    order: int
    stream: int
    unrolling: int


class TileRows(NamedTuple):
    """Rows of tiles in the four tables."""

    group: Ints
    pixel: Ints
    k: Ints
    c: Ints


class Read(NamedTuple):
    """Columns of the tables at a point."""

    groups: float
    """Steps."""
    size: float
    """Outputs of a tile."""
    k_trips: float
    k_steps: float
    k_folds: float
    c_trips: float
    c_steps: float
    c_folds: float
    trips: float
    """Of N, P and Q together."""
    pixel_steps: float
    pixel_folds: float
    steps: float
    """Of the layer."""


class Ways(NamedTuple):
    """With accumulators left unused, and with sums kept in them: cycles of the array, and bytes fed."""

    plain: float
    kept: float
    plain_feed: float
    kept_feed: float


@kernel
def point_of(stacked, layer, code):
    """What a code of a layer says; see `grid_search.code_of`."""
    rows = stacked.rows
    rest, c = code // rows[layer, OF_C], code % rows[layer, OF_C]
    rest, k = rest // rows[layer, OF_K], rest % rows[layer, OF_K]
    rest, pixel = rest // rows[layer, OF_PIXEL], rest % rows[layer, OF_PIXEL]
    rest, group = rest // rows[layer, OF_GROUP], rest % rows[layer, OF_GROUP]
    rest, stream = rest // 4, rest % 4 - 1
    return Point(group, pixel, k, c, rest % 5, stream, rest // 5)


@kernel
def place_in(stacked, layer, table, row, before):
    """Where a row of a table begins. before: columns of the table before those of the unrollings."""
    return stacked.starts[layer, table] + row * (before + EACH * stacked.rows[layer, OF_OWN])


@kernel
def tile_sizes(stacked, layers, codes, out):
    """What points are, a row each, into int64[points, 9]: see its columns."""
    for i in range(len(codes)):
        layer = layers[i]
        at = point_of(stacked, layer, codes[i])
        tile = stacked.first_tile[layer] + at.pixel
        out[i, AT_G] = stacked.group[place_in(stacked, layer, OF_GROUP, at.group, STEPS) + SIZE]
        out[i, AT_K] = stacked.k[place_in(stacked, layer, OF_K, at.k, STEPS) + SIZE]
        out[i, AT_C] = stacked.c[place_in(stacked, layer, OF_C, at.c, STEPS) + SIZE]
        out[i, AT_N], out[i, AT_P], out[i, AT_Q] = (
            stacked.tiles[tile, SIZE_N],
            stacked.tiles[tile, SIZE_P],
            stacked.tiles[tile, SIZE_Q],
        )
        out[i, ORDER], out[i, STREAM], out[i, UNROLLING] = at.order, at.stream, at.unrolling


@kernel
def read_of(stacked, layer, at):
    """`Read` of a `Point`."""
    streams, own = stacked.layer[layer, LAYER.streams], EACH * at.unrolling
    group = place_in(stacked, layer, OF_GROUP, at.group, STEPS)
    pixel = place_in(stacked, layer, OF_PIXEL, at.pixel, PIXEL_STEPS)
    k, c = place_in(stacked, layer, OF_K, at.k, STEPS), place_in(stacked, layer, OF_C, at.c, STEPS)
    of_pixel, of_k, of_c = stacked.pixel, stacked.k, stacked.c
    # Along the streaming axis folds cost more than steps, which stand one column before; along the others both are equal.
    steps = of_k[k + own + (STEPS if streams == OVER_K else FOLDS)]
    steps = steps * of_c[c + own + (STEPS if streams == OVER_C else FOLDS)]
    steps = steps * of_pixel[pixel + own + (PIXEL_STEPS if streams == OVER_PIXELS else PIXEL_FOLDS)]
    groups = stacked.group[group + own + STEPS]
    return Read(
        groups, stacked.group[group + SIZE] * of_k[k + SIZE] * of_pixel[pixel + PIXELS],
        of_k[k + TRIPS], of_k[k + own + STEPS], of_k[k + own + FOLDS],
        of_c[c + TRIPS], of_c[c + own + STEPS], of_c[c + own + FOLDS],
        of_pixel[pixel + TRIPS_N] * of_pixel[pixel + TRIPS_P] * of_pixel[pixel + TRIPS_Q],
        of_pixel[pixel + own + PIXEL_STEPS], of_pixel[pixel + own + PIXEL_FOLDS], steps * groups,
    )  # fmt: skip


@kernel
def ways_of(stacked, layer, read, own, weights):
    """`Ways` of a point, without what the array takes once a layer; see `grid_tiling.on_chip_cycles`.

    own: where the unrolling's own columns begin. weights: passes of the weights.
    """
    numbers, rules = stacked.numbers[layer], stacked.rules[layer]
    inputs = read.k_steps if rules[RULE.in_by_steps] else read.k_trips
    feed = inputs * numbers[NUMBER.feed_in] * stacked.own[own + COPIES_IN] * rules[RULE.holds_in]
    feed = feed + weights * numbers[NUMBER.feed_weights] * stacked.own[own + COPIES_WEIGHTS] * rules[RULE.holds_weights]
    feed = feed + numbers[NUMBER.feed_out] * rules[RULE.holds_out]
    passes = (read.c_steps if rules[RULE.partial_by_steps] else read.c_trips) - 1.0
    fits = read.size * numbers[NUMBER.acc_room] <= numbers[NUMBER.accumulators]
    partial = numbers[NUMBER.feed_partial] * rules[RULE.holds_out]
    each, sets = stacked.own[own + SET_CYCLES], numbers[NUMBER.sets]
    folds = read.k_folds * read.groups
    plain = folds * read.pixel_folds
    kept = plain
    if rules[RULE.resets] > 0:
        kept = max(plain - folds * each * read.trips, stacked.own[own + SET_LEAST] * sets)
        kept = kept + each * max(folds * read.trips, sets)
    return Ways(
        plain * read.c_folds, kept * read.c_folds, feed + partial * passes,
        feed + partial * (0.0 if fits else read.c_trips - 1.0),
    )  # fmt: skip


@kernel
def stays(ways, outer_bytes, link, port):
    """Whether it is no slower to keep sums in the accumulators: not where the array then works longer for nothing."""
    plain = max(ways.plain, ways.plain_feed / link, (ways.plain_feed + outer_bytes) / port)
    kept = max(ways.kept, ways.kept_feed / link, (ways.kept_feed + outer_bytes) / port)
    return kept < plain or (kept == plain and ways.kept <= ways.plain)


@kernel
def overheads(extra, once, fold, rate):
    """(fill and drain, weight loading) of cycles `extra` beyond the steps and `once` a layer, which may be -1.

    In the proportion in which every fold pays for them.
    """
    share = fold.load / (fold.load + fold.overhead) if fold.load + fold.overhead > 0.0 else 0.0
    loading = extra * share
    filling = extra - loading
    first = min(once, fold.load / rate) if fold.hidden > 0.0 and once > 0.0 else 0.0
    loading, filling = loading + first, filling + (once - first)
    # The cycle that the last index of a layer counts less belongs to the loading where nothing is filled.
    return max(filling, 0.0), max(loading + min(filling, 0.0), 0.0)


@kernel
def parts_of(stacked, layer, at, outer_bytes, row, out):
    """On-chip parts of a `Point` of a layer, into a row of float64[rows, 9].

    Cycles beyond the steps are weight loading, and fill and drain (`overheads`); weights that are widened are loading too.
    """
    numbers, rules, of_layer = stacked.numbers[layer], stacked.rules[layer], stacked.layer[layer]
    read, own = read_of(stacked, layer, at), stacked.starts[layer, OF_OWN] + OWN * at.unrolling
    weights = read.pixel_steps if rules[RULE.weights_by_steps] else read.trips
    ways = ways_of(stacked, layer, read, own, weights)
    once, streams = stacked.own[own + ONCE], of_layer[LAYER.streams]
    widening = numbers[NUMBER.widening] * stacked.own[own + COPIES_WEIGHTS] * weights
    array, link, port = once + widening, numbers[NUMBER.link], numbers[NUMBER.port]
    whole = Ways(ways.plain + array, ways.kept + array, ways.plain_feed, ways.kept_feed)
    kept = rules[RULE.keeps] > 0 and (rules[RULE.holds_out] == 0 or stays(whole, outer_bytes, link, port))
    array, feed = (ways.kept, ways.kept_feed) if kept else (ways.plain, ways.plain_feed)
    ideal = of_layer[LAYER.macs] / of_layer[LAYER.macs_per_cycle]
    load = of_layer[LAYER.load]
    if streams == OVER_PIXELS:
        load = stacked.loads[stacked.first_unit[layer] + at.unrolling]
    fold = Fold(load, of_layer[LAYER.overhead], of_layer[LAYER.hidden])
    filling, loading = overheads(max(array - read.steps, 0.0), once, fold, of_layer[LAYER.rate])
    edges = max(read.steps - ideal, 0.0)
    total = ideal + edges + filling + loading
    # A unit that works through several channels in a pass takes a set for each of them: folds, not passes, along K and C.
    sets = read.c_folds * read.groups * (read.k_trips if streams == OVER_K else read.k_folds)
    sets = sets * (read.trips if streams == OVER_PIXELS else read.pixel_steps)
    sets = max(sets, numbers[NUMBER.sets] * read.c_folds) if kept else sets
    out[row, ARRAY], out[row, IDEAL], out[row, EDGES] = total + widening, ideal, edges
    out[row, FILL_DRAIN], out[row, WEIGHT_LOADING] = filling, loading + widening
    out[row, INTERCONNECT], out[row, SRAM], out[row, FEED_BYTES] = feed / link, (feed + outer_bytes) / port, feed
    out[row, HIDDEN_LOADING] = max(sets * load - loading, 0.0) if fold.hidden > 0.0 else 0.0


@kernel
def breakdowns(stacked, layers, codes, outer_bytes, out):
    """On-chip parts of many points, a row each."""
    for i in range(len(codes)):
        parts_of(stacked, layers[i], point_of(stacked, layers[i], codes[i]), outer_bytes[i], i, out)


@kernel
def fastest(stacked, tiles, tried, out):
    """Parts of tiles of the first layer, a row each, in the unrolling with the fewest cycles without outer memory; of equals the
    first. tiles: `TileRows`. tried: float64[1, 9], scratch.
    """
    for i in range(len(out)):
        least = math.inf
        for u in range(stacked.rows[0, OF_OWN]):
            at = Point(tiles.group[i], tiles.pixel[i], tiles.k[i], tiles.c[i], 0, -1, u)
            parts_of(stacked, 0, at, 0.0, 0, tried)
            cycles = max(tried[0, ARRAY], tried[0, INTERCONNECT], tried[0, SRAM])
            if u == 0 or cycles < least:
                least = cycles
                for column in range(out.shape[1]):
                    out[i, column] = tried[0, column]
