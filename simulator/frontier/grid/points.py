"""What points of frontiers are and what their on-chip cycles consist of, for one point or for many layers at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.candidates import TILE_LOOPS, Tables, build_tables
from simulator.frontier.grid.folds import fold_costs, set_loads
from simulator.frontier.grid.unrolling import LOOPS, Floats, Ints
from simulator.kernels import grid_tiling as at
from simulator.lower.array import ArraySpec
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


@dataclass(frozen=True)
class Stack:
    """Tables of many layers behind each other, flat, so that points of all of them are read at once.

    starts, rows: int64[layers, 5], where each layer's group, pixel, K and C tables and `Tables.own` begin and how many
    rows they have. tiles, first_tile: sizes of all pixel tiles and each layer's first. layer: float64[layers, 7],
    see `stack`. loads, factors: cycles to load a set of weights, and loops, of each unrolling; first_unit: each layer's first.
    """

    tables: tuple[Floats, ...]
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
        return Stack((none,) * 5, ints, ints, ints[:, :3], ints[:, 0], none, ints, none, none, ints, ints[:, 0])
    kinds = [[*t.four, t.own] for t in built]
    loads = [np.array(set_loads(spec, t.units, s.weight_width)) for s, t in zip(shapes, built, strict=True)]
    lengths = np.array([[table.size for table in row] for row in kinds], dtype=np.int64)
    rows = np.array([[len(table) for table in row] for row in kinds], dtype=np.int64)
    cost, streams = fold_costs(spec)
    # MACs, MACs a cycle, cost of a fold (load, overhead, hidden), MACs per unit and cycle, the axis that streams.
    fixed = [spec.rate * spec.rows * spec.columns * spec.count, *cost, spec.rate, float(streams)]
    return Stack(
        tuple(np.concatenate([row[kind].ravel() for row in kinds]) for kind in range(5)),
        np.cumsum(lengths, axis=0) - lengths,
        rows,
        np.concatenate([t.pixel_tiles for t in built]),
        np.cumsum(rows[:, 1]) - rows[:, 1],
        np.stack([t.numbers for t in built]),
        np.stack([t.rules for t in built]),
        np.array([[float(shape.macs), *fixed] for shape in shapes]),
        np.concatenate(loads),
        np.concatenate([t.units.factors for t in built]),
        np.cumsum(rows[:, 4]) - rows[:, 4],
    )


def _unpack(stacked: Stack, layers: Ints, codes: Ints) -> tuple[list[Ints], Ints, Ints, Ints]:
    """(rows of group, pixel, K and C, order, stream, unrolling) of every code; see `kernels.grid_search.walk`."""
    rows = stacked.rows[layers]
    rest = np.asarray(codes, dtype=np.int64)
    found = []
    for kind in (3, 2, 1, 0):
        rest, row = np.divmod(rest, rows[:, kind])
        found.append(row)
    rest, stream = np.divmod(rest, 4)
    unrolling, order = np.divmod(rest, 5)
    return found[::-1], order, stream - 1, unrolling


def tile_sizes(stacked: Stack, layers: Ints, codes: Ints) -> Ints:
    """What many points are, int64[points, 9]: sizes g n k c p q, number of the order, stream (-1 none), unrolling."""
    (group, pixel, k, c), order, stream, unrolling = _unpack(stacked, layers, codes)
    wide = 2 * stacked.rows[layers, 4] + 2
    starts = stacked.starts[layers]
    tiles = stacked.tiles[stacked.first_tile[layers] + pixel]
    sizes = [stacked.tables[kind][starts[:, kind] + row * wide] for kind, row in ((0, group), (2, k), (3, c))]
    columns = [sizes[0], tiles[:, 0], sizes[1], sizes[2], tiles[:, 1], tiles[:, 2], order, stream, unrolling]
    return np.stack(columns, axis=1).astype(np.int64)


def breakdowns(stacked: Stack, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of many points, float64[points, 9] in the order of `OnChip`.

    layers: place in the stack of each point. codes, outer_bytes: of its frontier. Cycles beyond the steps are weight
    loading, and fill and drain, in the proportion in which every fold pays for them.
    """
    (group, pixel, k, c), _, _, u = _unpack(stacked, layers, codes)
    flat_group, flat_pixel, flat_k, flat_c, flat_own = stacked.tables
    wide, starts = 2 * stacked.rows[layers, 4] + 2, stacked.starts[layers]
    group, pixel = starts[:, 0] + group * wide, starts[:, 1] + pixel * (wide + 6)
    k, c, own = starts[:, 2] + k * wide, starts[:, 3] + c * wide, 2 + 2 * u
    numbers, rules, layer = stacked.numbers[layers].T, stacked.rules[layers].T, stacked.layer[layers].T
    # Folds cost more than steps along the streaming axis alone; along the others the folds are the steps.
    steps = flat_k[k + own + (layer[6] != 1)] * flat_c[c + own + (layer[6] != 2)]
    steps = steps * flat_pixel[pixel + own + 6 + (layer[6] != 0)] * flat_group[group + own]
    trips = flat_pixel[pixel + 2] * flat_pixel[pixel + 3] * flat_pixel[pixel + 4]
    owned = flat_own[starts[:, 4] + at.OWN * u + np.arange(at.OWN)[:, None]]
    inputs = np.where(rules[at.FEED_IN_RULE] == 0, flat_k[k + own], flat_k[k + 1])
    weights = np.where(rules[at.FEED_WT_RULE] == 0, flat_pixel[pixel + own + 6], trips)
    feed = inputs * numbers[at.FEED_IN] * owned[at.COPIES_IN] * rules[at.HOLDS_IN]
    feed = feed + weights * numbers[at.FEED_WT] * owned[at.COPIES_WT] * rules[at.HOLDS_WT]
    feed = feed + numbers[at.FEED_OUT] * rules[at.HOLDS_OUT]
    passes = np.where(rules[at.FEED_OUT_RULE] == 1, flat_c[c + own], flat_c[c + 1]) - 1.0
    folds = flat_k[k + own + 1] * flat_group[group + own]
    fits = flat_group[group] * flat_k[k] * flat_pixel[pixel + 1] * numbers[at.ACC_ROOM] <= numbers[at.ACCUMULATORS]
    back = numbers[at.FEED_PARTIAL] * rules[at.HOLDS_OUT] * np.stack([passes, np.where(fits, 0.0, flat_c[c + 1] - 1.0)])
    arrays, feeds = (
        _ways(folds, flat_pixel[pixel + own + 7], trips, flat_c[c + own + 1], owned, numbers, rules),
        feed + back,
    )
    kept = _keeps(arrays + owned[at.ONCE], feeds, outer_bytes, numbers, rules)
    array, feed = np.where(kept, arrays[1], arrays[0]), np.where(kept, feeds[1], feeds[0])
    ideal = layer[0] / layer[1]
    set_load = np.where(layer[6] == 0, stacked.loads[stacked.first_unit[layers] + u], layer[2])
    filling, loading = _overheads(np.maximum(array - steps, 0.0), owned[at.ONCE], layer, set_load)
    edges = np.maximum(steps - ideal, 0.0)
    total = ideal + edges + filling + loading
    sets = flat_c[c + own] * flat_group[group + own] * np.where(layer[6] == 1, flat_k[k + 1], flat_k[k + own])
    sets = sets * np.where(layer[6] == 0, trips, flat_pixel[pixel + own + 6])
    sets = np.maximum(sets, np.where(kept, numbers[at.SETS] * flat_c[c + own], 0.0))
    hidden = np.where(layer[4] > 0.0, np.maximum(sets * set_load - loading, 0.0), 0.0)
    link, port = feed / numbers[at.LINK], (feed + outer_bytes) / numbers[at.PORT]
    return np.stack([total, ideal, edges, filling, loading, link, port, feed, hidden], axis=1)


def _ways(
    folds: Floats, pixels: Floats, trips: Floats, reduction: Floats, owned: Floats, numbers: Floats, rules: Ints
) -> Floats:
    """Array cycles with the accumulators left unused and with sums kept in them, float64[2, points]; see `onetile`."""
    plain = folds * pixels
    stream = plain - folds * owned[at.SET_CYCLES] * trips
    cut = np.maximum(stream, owned[at.SET_LEAST] * numbers[at.SETS])
    cut = cut + owned[at.SET_CYCLES] * np.maximum(folds * trips, numbers[at.SETS])
    ways: Floats = np.stack([plain, np.where(rules[at.RESETS] > 0, cut, plain)]) * reduction
    return ways


def _keeps(arrays: Floats, feeds: Floats, outer_bytes: Floats, numbers: Floats, rules: Ints) -> npt.NDArray[np.bool_]:
    """Whether sums stay in the accumulators, which there must be: not where the array then works longer for nothing."""
    cycles = np.maximum(arrays, feeds / numbers[at.LINK])
    cycles = np.maximum(cycles, (feeds + outer_bytes) / numbers[at.PORT])
    kept: npt.NDArray[np.bool_] = (rules[at.KEEPS] > 0) & (
        (cycles[1] < cycles[0]) | ((cycles[1] == cycles[0]) & (arrays[1] <= arrays[0]))
    )
    return kept


def _overheads(extra: Floats, once: Floats, layer: Floats, load: Floats) -> tuple[Floats, Floats]:
    """(fill and drain, weight loading) of cycles `extra` beyond the steps and `once` a layer, which may be -1."""
    overhead, hidden, rate = layer[3:6]
    share = np.divide(load, load + overhead, out=np.zeros_like(load), where=load + overhead > 0.0)
    loading = extra * share
    filling = extra - loading
    first = np.where((hidden > 0.0) & (once > 0.0), np.minimum(once, load / rate), 0.0)
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
