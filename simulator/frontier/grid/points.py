"""What points of frontiers are and what their on-chip cycles consist of, for one point or for many layers at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.candidates import TILE_LOOPS, Tables, build_tables
from simulator.frontier.grid.folds import OVER_C, OVER_K, OVER_PIXELS, fold_costs, set_loads
from simulator.frontier.grid.unrolling import LOOPS, Floats, Ints
from simulator.kernels import grid_layout as at
from simulator.kernels.grid_layout import EACH, FOLDS, SIZE, STEPS, TRIPS, Numbers, Rules
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.shape import Shape

ORDERS = ("CKNPQ", "CKNQP", "NPCQK", "NQCPK", "NQPKC")
"""Loop orders over tiles, outermost first. Tests compare with all 120."""

STREAMED = (None, "inputs", "weights", "outputs")
"""The streamed operand by number of stream + 1."""

ORDER, STREAM, UNROLLING = 6, 7, 8
"""Columns of `tile_sizes` after the six sizes."""


@dataclass(frozen=True, slots=True)
class OnChip:
    """What the on-chip cycles of one tiling consist of. [cycle], `feed_bytes` [B]

    array = ideal + edges + fill_drain + weight_loading; the tiling takes the largest of array, interconnect and sram. Loading
    that a second set of weights hides behind these is `hidden_loading`.
    """

    array: float
    ideal: float
    edges: float
    fill_drain: float
    weight_loading: float
    interconnect: float
    sram: float
    feed_bytes: float
    hidden_loading: float


(
    ARRAY, IDEAL, EDGES, FILL_DRAIN, WEIGHT_LOADING, INTERCONNECT, SRAM, FEED_BYTES, HIDDEN_LOADING,
) = range(9)  # fmt: skip
"""Columns of on-chip parts: those of `OnChip`."""

OF_GROUP, OF_PIXEL, OF_K, OF_C, OF_OWN = range(5)
"""Columns of places in a stack: a table each."""


def cycles_of(parts: Floats) -> Floats:
    """Cycles of points by their parts, which run beside each other: the largest."""
    return np.asarray(np.maximum(np.maximum(parts[:, ARRAY], parts[:, INTERCONNECT]), parts[:, SRAM]))


class FlatTables(NamedTuple):
    """Tables of many layers behind each other, flat, and what their unrollings have of their own."""

    group: Floats
    pixel: Floats
    k: Floats
    c: Floats
    own: Floats


class LayerColumns(NamedTuple):
    """What parts of cycles need of a layer beside its tables, one entry a point."""

    macs: Floats
    macs_per_cycle: Floats
    load: Floats
    overhead: Floats
    hidden: Floats
    """Of a fold: load, overhead and hidden as `Fold` has them."""
    rate: Floats
    """MACs a unit and cycle."""
    streams: Floats
    """The axis that streams."""


class Unpacked(NamedTuple):
    """What codes of points say: rows in the four tables, order, streamed operand and unrolling of each."""

    group: Ints
    pixel: Ints
    k: Ints
    c: Ints
    order: Ints
    stream: Ints
    unrolling: Ints


@dataclass(frozen=True)
class Stack:
    """Tables of many layers behind each other, flat, so that points of all of them are read at once.

    starts, rows: int64[layers, 5], where each layer's group, pixel, K and C tables and `Tables.own` begin and how many
    rows they have. tiles, first_tile: sizes of all pixel tiles and each layer's first. numbers, rules, layer: a row a layer of
    `Numbers`, `Rules` and `LayerColumns`. loads, factors: cycles to load a set of weights, and loops, of each unrolling;
    first_unit: each layer's first.
    """

    tables: FlatTables
    starts: Ints
    rows: Ints
    tiles: Ints
    first_tile: Ints
    numbers: Floats
    rules: Ints
    layer: Floats
    loads: Floats
    factors: Ints
    first_unit: Ints


def stack(shapes: Sequence[Shape], spec: ArraySpec, built: Sequence[Tables]) -> Stack:
    """Lay the tables of several layers behind each other; layer i of `breakdowns` is shapes[i] with built[i]."""
    if not built:
        none, ints = np.zeros(0), np.zeros((0, 5), dtype=np.int64)
        one = np.zeros(0, dtype=np.int64)
        return Stack(FlatTables(*(none,) * 5), ints, ints, ints[:, :3], one, none, ints, none, none, ints, one)
    kinds = [FlatTables(t.group, t.pixel, t.axis_k, t.axis_c, t.own) for t in built]
    specs = [spec_of(shape, spec) for shape in shapes]
    of_each = zip(shapes, specs, built, strict=True)
    loads = [np.array(set_loads(own, t.units, shape.weight_width)) for shape, own, t in of_each]
    lengths = np.array([[table.size for table in row] for row in kinds], dtype=np.int64)
    rows = np.array([[len(table) for table in row] for row in kinds], dtype=np.int64)
    cost, streams = fold_costs(spec)
    return Stack(
        FlatTables(*(np.concatenate([table.ravel() for table in kind]) for kind in zip(*kinds, strict=True))),
        np.cumsum(lengths, axis=0) - lengths,
        rows,
        np.concatenate([t.pixel_tiles for t in built]),
        np.cumsum(rows[:, OF_PIXEL]) - rows[:, OF_PIXEL],
        np.array([t.numbers for t in built], dtype=np.float64),
        np.array([t.rules for t in built], dtype=np.int64),
        np.array(  # as `LayerColumns` has them
            [
                [float(shape.macs), own.rate * own.rows * own.columns * own.count, *cost, own.rate, float(streams)]
                for shape, own in zip(shapes, specs, strict=True)
            ]
        ),
        np.concatenate(loads),
        np.concatenate([t.units.factors for t in built]),
        np.cumsum(rows[:, OF_OWN]) - rows[:, OF_OWN],
    )


def _unpack(stacked: Stack, layers: Ints, codes: Ints) -> Unpacked:
    """What every code says; see `kernels.grid_search.code_of`."""
    rows = stacked.rows[layers]
    rest, c = np.divmod(np.asarray(codes, dtype=np.int64), rows[:, OF_C])
    rest, k = np.divmod(rest, rows[:, OF_K])
    rest, pixel = np.divmod(rest, rows[:, OF_PIXEL])
    rest, group = np.divmod(rest, rows[:, OF_GROUP])
    rest, stream = np.divmod(rest, 4)
    unrolling, order = np.divmod(rest, 5)
    return Unpacked(group, pixel, k, c, order, stream - 1, unrolling)


class TileRows(NamedTuple):
    """Rows of tiles in the four tables."""

    group: Ints
    pixel: Ints
    k: Ints
    c: Ints


def unstreamed(tiles: TileRows, unrollings: range) -> Unpacked:
    """Tiles in each of some unrollings, in the first order and with nothing streamed."""
    group, pixel, k, c = (np.tile(rows, len(unrollings)) for rows in tiles)
    unrolling = np.repeat(np.arange(unrollings.start, unrollings.stop), len(tiles.group))
    return Unpacked(group, pixel, k, c, np.zeros_like(group), np.full_like(group, -1), unrolling)


class _Places(NamedTuple):
    """Where the rows of points begin in flat tables, and how far behind it the two columns of each one's unrolling stand."""

    group: Ints
    pixel: Ints
    k: Ints
    c: Ints
    own: Ints
    unrolling: Ints


def _places(stacked: Stack, layers: Ints, found: Unpacked) -> _Places:
    """Where the rows of points begin."""
    one = len(stacked.rows) == 1
    own = EACH * (stacked.rows[0, OF_OWN] if one else stacked.rows[layers, OF_OWN])
    starts = stacked.starts[0] if one else stacked.starts[layers].T
    return _Places(
        starts[OF_GROUP] + found.group * (STEPS + own),
        starts[OF_PIXEL] + found.pixel * (at.PIXEL_STEPS + own),
        starts[OF_K] + found.k * (STEPS + own),
        starts[OF_C] + found.c * (STEPS + own),
        starts[OF_OWN] + at.OWN * found.unrolling,
        EACH * found.unrolling,
    )


def tile_sizes(stacked: Stack, layers: Ints, codes: Ints) -> Ints:
    """What many points are, int64[points, 9]: sizes g n k c p q, number of the order, stream (-1 none), unrolling."""
    found = _unpack(stacked, layers, codes)
    tables, places = stacked.tables, _places(stacked, layers, found)
    n, p, q = stacked.tiles[stacked.first_tile[layers] + found.pixel].T
    g, k, c = tables.group[places.group + SIZE], tables.k[places.k + SIZE], tables.c[places.c + SIZE]
    return np.stack([g, n, k, c, p, q, found.order, found.stream, found.unrolling], axis=1).astype(np.int64)


class _Read(NamedTuple):
    """Columns of the tables at points."""

    groups: Floats
    """Steps."""
    size: Floats
    """Outputs of a tile."""
    k_trips: Floats
    k_steps: Floats
    k_folds: Floats
    c_trips: Floats
    c_steps: Floats
    c_folds: Floats
    trips: Floats
    """Of N, P and Q together."""
    pixel_steps: Floats
    pixel_folds: Floats
    steps: Floats
    """Of the layer."""


def _read(stacked: Stack, places: _Places, streams: Floats) -> _Read:
    """Columns of the tables at points. streams: the axis that streams."""
    tables, group, pixel, k, c, own = stacked.tables, places.group, places.pixel, places.k, places.c, places.unrolling
    # Along the streaming axis folds cost more than steps, which stand one column before; along the others both are equal.
    steps = tables.k[k + own + FOLDS - (streams == OVER_K)]
    steps = steps * tables.c[c + own + FOLDS - (streams == OVER_C)]
    steps = steps * tables.pixel[pixel + own + at.PIXEL_FOLDS - (streams == OVER_PIXELS)]
    groups = tables.group[group + own + STEPS]
    return _Read(
        groups,
        tables.group[group + SIZE] * tables.k[k + SIZE] * tables.pixel[pixel + at.PIXELS],
        tables.k[k + TRIPS],
        tables.k[k + own + STEPS],
        tables.k[k + own + FOLDS],
        tables.c[c + TRIPS],
        tables.c[c + own + STEPS],
        tables.c[c + own + FOLDS],
        tables.pixel[pixel + at.TRIPS_N] * tables.pixel[pixel + at.TRIPS_P] * tables.pixel[pixel + at.TRIPS_Q],
        tables.pixel[pixel + own + at.PIXEL_STEPS],
        tables.pixel[pixel + own + at.PIXEL_FOLDS],
        steps * groups,
    )


def breakdowns(stacked: Stack, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of many points, float64[points, 9] in the order of `OnChip`.

    layers: place in the stack of each point. codes, outer_bytes: of its frontier. Cycles beyond the steps are weight
    loading, and fill and drain, in the proportion in which every fold pays for them; weights that are widened are loading too.
    """
    return parts_of(stacked, layers, _unpack(stacked, layers, codes), outer_bytes)


def parts_of(stacked: Stack, layers: Ints, found: Unpacked, outer_bytes: Floats) -> Floats:
    """The same of points that were taken apart."""
    places = _places(stacked, layers, found)
    numbers, rules, layer = _of_layers(stacked, layers)
    read = _read(stacked, places, layer.streams)
    own = stacked.tables.own[places.own + np.arange(at.OWN)[:, None]]
    inputs = np.where(rules.in_by_steps, read.k_steps, read.k_trips)
    weights = np.where(rules.weights_by_steps, read.pixel_steps, read.trips)
    feed = inputs * numbers.feed_in * own[at.COPIES_IN] * rules.holds_in
    feed = feed + weights * numbers.feed_weights * own[at.COPIES_WEIGHTS] * rules.holds_weights
    feed = feed + numbers.feed_out * rules.holds_out
    passes = np.where(rules.partial_by_steps, read.c_steps, read.c_trips) - 1.0
    fits = read.size * numbers.acc_room <= numbers.accumulators
    back = numbers.feed_partial * rules.holds_out * np.stack([passes, np.where(fits, 0.0, read.c_trips - 1.0)])
    arrays, feeds = _ways(read, own, numbers, rules), feed + back
    widening = numbers.widening * own[at.COPIES_WEIGHTS] * weights
    kept = _keeps(arrays + (own[at.ONCE] + widening), feeds, outer_bytes, numbers, rules)
    array, feed = np.where(kept, arrays[1], arrays[0]), np.where(kept, feeds[1], feeds[0])
    ideal = layer.macs / layer.macs_per_cycle
    set_load = np.where(
        layer.streams == OVER_PIXELS, stacked.loads[stacked.first_unit[layers] + found.unrolling], layer.load
    )
    filling, loading = _overheads(np.maximum(array - read.steps, 0.0), own[at.ONCE], layer, set_load)
    edges = np.maximum(read.steps - ideal, 0.0)
    total = ideal + edges + filling + loading
    # A unit that works through several channels in a pass takes a set for each of them: folds, not passes, along K and C.
    sets = read.c_folds * read.groups * np.where(layer.streams == OVER_K, read.k_trips, read.k_folds)
    sets = sets * np.where(layer.streams == OVER_PIXELS, read.trips, read.pixel_steps)
    sets = np.maximum(sets, np.where(kept, numbers.sets * read.c_folds, 0.0))
    hidden = np.where(layer.hidden > 0.0, np.maximum(sets * set_load - loading, 0.0), 0.0)
    loading, total = loading + widening, total + widening
    link, port = feed / numbers.link, (feed + outer_bytes) / numbers.port
    out = np.empty((len(total), 9))
    for place, column in enumerate((total, ideal, edges, filling, loading, link, port, feed, hidden)):
        out[:, place] = column
    return out


def _of_layers(stacked: Stack, layers: Ints) -> tuple[Numbers, Rules, LayerColumns]:
    """What every point has of its layer: columns, or numbers where there is one layer."""
    if len(stacked.numbers) == 1:
        return Numbers(*stacked.numbers[0]), Rules(*stacked.rules[0]), LayerColumns(*stacked.layer[0])
    found = (each.T.copy().take(layers, axis=1) for each in (stacked.numbers, stacked.rules, stacked.layer))
    numbers, rules, layer = found
    return Numbers(*numbers), Rules(*rules), LayerColumns(*layer)


def _ways(read: _Read, own: Floats, numbers: Numbers, rules: Rules) -> Floats:
    """Array cycles with the accumulators left unused and with sums kept in them, float64[2, points]; see
    `kernels.grid_tiling.on_chip_cycles`.
    """
    folds = read.k_folds * read.groups
    plain = folds * read.pixel_folds
    stream = plain - folds * own[at.SET_CYCLES] * read.trips
    cut = np.maximum(stream, own[at.SET_LEAST] * numbers.sets)
    cut = cut + own[at.SET_CYCLES] * np.maximum(folds * read.trips, numbers.sets)
    ways: Floats = np.stack([plain, np.where(np.greater(rules.resets, 0), cut, plain)]) * read.c_folds
    return ways


def _keeps(arrays: Floats, feeds: Floats, outer_bytes: Floats, numbers: Numbers, rules: Rules) -> npt.NDArray[np.bool_]:
    """Whether sums stay in the accumulators, which there must be: not where the array then works longer for nothing, if the
    SRAM has outputs."""
    cycles = np.maximum(arrays, feeds / numbers.link)
    cycles = np.maximum(cycles, (feeds + outer_bytes) / numbers.port)
    better = (cycles[1] < cycles[0]) | ((cycles[1] == cycles[0]) & (arrays[1] <= arrays[0]))
    kept: npt.NDArray[np.bool_] = np.greater(rules.keeps, 0) & (better | np.equal(rules.holds_out, 0))
    return kept


def _overheads(extra: Floats, once: Floats, layer: LayerColumns, load: Floats) -> tuple[Floats, Floats]:
    """(fill and drain, weight loading) of cycles `extra` beyond the steps and `once` a layer, which may be -1."""
    share = np.divide(load, load + layer.overhead, out=np.zeros_like(load), where=load + layer.overhead > 0.0)
    loading = extra * share
    filling = extra - loading
    first = np.where((layer.hidden > 0.0) & (once > 0.0), np.minimum(once, load / layer.rate), 0.0)
    loading, filling = loading + first, filling + (once - first)
    # The cycle that the last index of a layer counts less belongs to the loading where nothing is filled.
    return np.maximum(filling, 0.0), np.maximum(loading + np.minimum(filling, 0.0), 0.0)


def breakdown(
    shape: Shape, spec: ArraySpec, code: int, outer_bytes: float = 0.0, built: Tables | None = None
) -> OnChip:
    """On-chip cycles of one point of a frontier, by cause. outer_bytes: its traffic, which passes the SRAM ports
    too.
    """
    stacked = stack([shape], spec, [built or build_tables(shape, spec)])
    row = breakdowns(stacked, np.zeros(1, dtype=np.int64), np.array([code]), np.array([outer_bytes]))
    return OnChip(*(float(value) for value in row[0]))


def decode(shape: Shape, spec: ArraySpec, code: int, built: Tables | None = None) -> dict[str, Any]:
    """What a point of a frontier is: `tile` (sizes), `order`, `streamed` (None or the operand), `unrolling`
    (factors).
    """
    built = built or build_tables(shape, spec)
    row = tile_sizes(stack([shape], spec, [built]), np.zeros(1, dtype=np.int64), np.array([code]))[0]
    return words(built.units.factors[row[UNROLLING]], row)


def words(factors: Ints, row: Ints) -> dict[str, Any]:
    """One row of `tile_sizes` in words; see `decode`. factors: of its unrolling."""
    return {
        "tile": dict(zip(TILE_LOOPS, (int(size) for size in row[:6]), strict=True)),
        "order": ORDERS[row[ORDER]],
        "streamed": STREAMED[row[STREAM] + 1],
        "unrolling": {word: int(f) for word, f in zip(LOOPS, factors, strict=True) if f > 1},
    }
