"""What points of frontiers of a grid are, and what their on-chip cycles consist of: many points of many layers at once."""

from typing import NamedTuple

from .grid_layout import (
    COPIES_IN,
    COPIES_WEIGHTS,
    EACH,
    FOLDS,
    ONCE,
    OVER_C,
    OVER_K,
    OVER_PIXELS,
    OWN,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SET_CYCLES,
    SET_LEAST,
    SIZE,
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
from .jit import kernel

OF_GROUP, OF_PIXEL, OF_K, OF_C, OF_OWN = range(5)
"""Columns of what is said of the tables of a layer: a table each."""

ROW_ORDER, ROW_STREAM, ROW_UNROLLING = range(4, 7)
"""Columns of a point taken apart, after its rows in the first four tables; stream -1: nothing streams."""

READ = 7
"""All of them."""


class Stacked(NamedTuple):
    """Tables of many layers behind each other, flat: where each layer's begin and how many rows they have, int64[layers, 5];
    a row a layer of `Numbers`, `Rules` and `Array`; cycles to load a set of weights in each unrolling, and each layer's first.
    """

    group: Floats
    pixel: Floats
    k: Floats
    c: Floats
    own: Floats
    starts: Ints
    rows: Ints
    numbers: Floats
    rules: Ints
    array: Floats
    loads: Floats
    first_unit: Ints


class Array(NamedTuple):
    """What parts of cycles need of a layer beside its tables."""

    macs: float
    macs_per_cycle: float
    load: float
    """Of a fold: load, overhead and hidden as `grid_tables.Fold` has them."""
    overhead: float
    hidden: float
    rate: float
    """MACs a unit and cycle."""
    streams: float
    """The axis that streams."""


class Read(NamedTuple):
    """What the tables say of a point."""

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
    own: int
    """Where what its unrolling has of its own begins."""


class Fed(NamedTuple):
    """Array cycles of a point and bytes fed to the arrays; passes of its weights; whether sums stay in the accumulators."""

    array: float
    feed: float
    weights: float
    kept: bool


@kernel
def numbers_of(row):
    """A row of numbers by name."""
    return Numbers(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12], row[13],
        row[14], row[15], row[16], row[17], row[18], row[19], row[20], row[21], row[22],
    )  # fmt: skip


@kernel
def rules_of(row):
    """A row of rules by name."""
    return Rules(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9])


@kernel
def array_of(row):
    """A row of what an array is for a layer, by name."""
    return Array(row[0], row[1], row[2], row[3], row[4], row[5], row[6])


@kernel
def take_apart(rows, layers, codes, out):
    """Fill out[point, READ] with what codes say; see `grid_search.code_of`. rows: as of `Stacked`."""
    for i in range(codes.shape[0]):
        rest, layer = codes[i], layers[i]
        for column in (OF_C, OF_K, OF_PIXEL, OF_GROUP):
            count = rows[layer, column]
            out[i, column] = rest % count
            rest //= count
        out[i, ROW_STREAM] = rest % 4 - 1
        rest //= 4
        out[i, ROW_ORDER], out[i, ROW_UNROLLING] = rest % 5, rest // 5


@kernel
def read_at(stacked, layer, row, streams):
    """`Read` of a point that was taken apart.

    Along the streaming axis folds cost more than steps, which stand one column before; along the others both are equal.
    """
    starts, unrolling = stacked.starts[layer], row[ROW_UNROLLING]
    units, own = stacked.rows[layer, OF_OWN], EACH * unrolling
    group = starts[OF_GROUP] + row[OF_GROUP] * (STEPS + EACH * units)
    pixel = starts[OF_PIXEL] + row[OF_PIXEL] * (PIXEL_STEPS + EACH * units)
    k = starts[OF_K] + row[OF_K] * (STEPS + EACH * units)
    c = starts[OF_C] + row[OF_C] * (STEPS + EACH * units)
    steps = stacked.k[k + own + (STEPS if streams == OVER_K else FOLDS)]
    steps *= stacked.c[c + own + (STEPS if streams == OVER_C else FOLDS)]
    steps *= stacked.pixel[pixel + own + (PIXEL_STEPS if streams == OVER_PIXELS else PIXEL_FOLDS)]
    groups = stacked.group[group + own + STEPS]
    return Read(
        groups,
        stacked.group[group + SIZE] * stacked.k[k + SIZE] * stacked.pixel[pixel + PIXELS],
        stacked.k[k + TRIPS],
        stacked.k[k + own + STEPS],
        stacked.k[k + own + FOLDS],
        stacked.c[c + TRIPS],
        stacked.c[c + own + STEPS],
        stacked.c[c + own + FOLDS],
        stacked.pixel[pixel + TRIPS_N] * stacked.pixel[pixel + TRIPS_P] * stacked.pixel[pixel + TRIPS_Q],
        stacked.pixel[pixel + own + PIXEL_STEPS],
        stacked.pixel[pixel + own + PIXEL_FOLDS],
        steps * groups,
        starts[OF_OWN] + OWN * unrolling,
    )


@kernel
def cycles_kept(read, own, numbers):
    """Array cycles of a step of the reduction with sums kept in the accumulators; see `grid_tiling.on_chip_cycles`."""
    folds = read.k_folds * read.groups
    stream = folds * read.pixel_folds - folds * own[SET_CYCLES] * read.trips
    cut = max(stream, own[SET_LEAST] * numbers.sets)
    return cut + own[SET_CYCLES] * max(folds * read.trips, numbers.sets)


@kernel
def stays(arrays, feeds, numbers, rules, outer_bytes):
    """Whether sums stay in the accumulators, which there must be: not where the array then works longer for nothing, if the SRAM
    has outputs. arrays, feeds: array cycles and bytes fed without and with it.
    """
    plain = max(arrays[0], feeds[0] / numbers.link, (feeds[0] + outer_bytes) / numbers.port)
    kept = max(arrays[1], feeds[1] / numbers.link, (feeds[1] + outer_bytes) / numbers.port)
    better = kept < plain or (kept == plain and arrays[1] <= arrays[0])
    return rules.keeps > 0 and (better or rules.holds_out == 0)


@kernel
def fed_at(read, own, numbers, rules, outer_bytes):
    """`Fed` of a point: the better of sums kept in the accumulators, and of these left unused."""
    inputs = read.k_steps if rules.in_by_steps else read.k_trips
    weights = read.pixel_steps if rules.weights_by_steps else read.trips
    feed = inputs * numbers.feed_in * own[COPIES_IN] * rules.holds_in
    feed += weights * numbers.feed_weights * own[COPIES_WEIGHTS] * rules.holds_weights
    feed += numbers.feed_out * rules.holds_out
    passes = (read.c_steps if rules.partial_by_steps else read.c_trips) - 1.0
    back, folds = numbers.feed_partial * rules.holds_out, read.k_folds * read.groups
    plain, plain_feed = folds * read.pixel_folds * read.c_folds, feed + back * passes
    fits = read.size * numbers.acc_room <= numbers.accumulators
    kept_feed = feed + back * (0.0 if fits else read.c_trips - 1.0)
    kept = cycles_kept(read, own, numbers) * read.c_folds if rules.resets else plain
    once = own[ONCE] + numbers.widening * own[COPIES_WEIGHTS] * weights
    if stays((plain + once, kept + once), (plain_feed, kept_feed), numbers, rules, outer_bytes):
        return Fed(kept, kept_feed, weights, True)
    return Fed(plain, plain_feed, weights, False)


@kernel
def overheads(extra, once, array, load):
    """(fill and drain, weight loading) of cycles `extra` beyond the steps and `once` a layer, which may be -1."""
    share = load / (load + array.overhead) if load + array.overhead > 0.0 else 0.0
    loading = extra * share
    filling = extra - loading
    first = min(once, load / array.rate) if array.hidden > 0.0 and once > 0.0 else 0.0
    loading, filling = loading + first, filling + (once - first)
    # The cycle that the last index of a layer counts less belongs to the loading where nothing is filled.
    return max(filling, 0.0), max(loading + min(filling, 0.0), 0.0)


@kernel
def hidden_loading(read, array, fed, least_sets, load):
    """Cycles of all loads of sets of weights.

    A unit that works through several channels in a pass takes a set for each of them: folds, not passes, along K and C.
    """
    sets = read.c_folds * read.groups * (read.k_trips if array.streams == OVER_K else read.k_folds)
    sets *= read.trips if array.streams == OVER_PIXELS else read.pixel_steps
    if fed.kept:
        sets = max(sets, least_sets * read.c_folds)
    return sets * load


@kernel
def parts_of(stacked, layer, row, outer_bytes, out):
    """Fill out[9] with the parts of one point, in the order of `grid.points.OnChip`."""
    numbers, rules = numbers_of(stacked.numbers[layer]), rules_of(stacked.rules[layer])
    array = array_of(stacked.array[layer])
    read = read_at(stacked, layer, row, array.streams)
    own = stacked.own[read.own : read.own + OWN]
    fed = fed_at(read, own, numbers, rules, outer_bytes)
    load = array.load
    if array.streams == OVER_PIXELS:
        load = stacked.loads[stacked.first_unit[layer] + row[ROW_UNROLLING]]
    ideal = array.macs / array.macs_per_cycle
    filling, loading = overheads(max(fed.array - read.steps, 0.0), own[ONCE], array, load)
    edges = max(read.steps - ideal, 0.0)
    widening = numbers.widening * own[COPIES_WEIGHTS] * fed.weights
    hidden = 0.0
    if array.hidden > 0.0:
        hidden = max(hidden_loading(read, array, fed, numbers.sets, load) - loading, 0.0)
    out[0], out[1], out[2] = ideal + edges + filling + loading + widening, ideal, edges
    out[3], out[4] = filling, loading + widening
    out[5], out[6] = fed.feed / numbers.link, (fed.feed + outer_bytes) / numbers.port
    out[7], out[8] = fed.feed, hidden


@kernel
def fill_parts(stacked, layers, rows, outer_bytes, out):
    """Fill out[point, 9] with the parts of points that were taken apart. outer_bytes: their traffic, which passes the SRAM
    ports too."""
    for i in range(layers.shape[0]):
        parts_of(stacked, layers[i], rows[i], outer_bytes[i], out[i])
