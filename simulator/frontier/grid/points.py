"""What points of frontiers are and what their on-chip cycles consist of, for one point or for many layers at once."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simulator.frontier.grid.candidates import TILE_LOOPS, Tables, build_tables
from simulator.frontier.grid.folds import fold_costs, set_loads
from simulator.frontier.grid.unrolling import LOOPS, Floats, Ints
from simulator.kernels import grid_points as kernels
from simulator.kernels.grid_points import ARRAY, INTERCONNECT, OF_OWN, OF_PIXEL, ORDER, SRAM, STREAM, UNROLLING
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.shape import Shape

ORDERS = ("CKNPQ", "CKNQP", "NPCQK", "NQCPK", "NQPKC")
"""Loop orders over tiles, outermost first. Tests compare with all 120."""

STREAMED = (None, "inputs", "weights", "outputs")
"""The streamed operand by number of stream + 1."""


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

    @functools.cached_property
    def flat(self) -> kernels.Stacked:
        """All of it, as the kernels take it."""
        return kernels.Stacked(
            *self.tables, self.starts, self.rows, self.tiles, self.first_tile, self.numbers, self.rules, self.layer, self.loads,
            self.first_unit,
        )  # fmt: skip


def stack(shapes: Sequence[Shape], spec: ArraySpec, built: Sequence[Tables]) -> Stack:
    """Lay the tables of several layers behind each other; layer i of `breakdowns` is shapes[i] with built[i]."""
    if not built:
        none, ints = np.zeros(0), np.zeros((0, 5), dtype=np.int64)
        one = np.zeros(0, dtype=np.int64)
        return Stack(FlatTables(*(none,) * 5), ints, ints, ints[:, :3], one, none, ints, none, none, ints, one)
    kinds = [FlatTables(t.group, t.pixel, t.axis_k, t.axis_c, t.own) for t in built]
    specs = [spec_of(shape, spec) for shape in shapes]
    of_each = zip(shapes, specs, built, strict=True)
    loads = [np.array(set_loads(own, t.units, shape.weight_width), dtype=np.float64) for shape, own, t in of_each]
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


def tile_sizes(stacked: Stack, layers: Ints, codes: Ints) -> Ints:
    """What many points are, int64[points, 9]: sizes g n k c p q, number of the order, stream (-1 none), unrolling."""
    out = np.empty((len(codes), 9), dtype=np.int64)
    kernels.tile_sizes(stacked.flat, layers, codes, out)
    return out


def breakdowns(stacked: Stack, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of many points, float64[points, 9] in the order of `OnChip`.

    layers: place in the stack of each point. codes, outer_bytes: of its frontier.
    """
    out = np.empty((len(codes), 9))
    kernels.breakdowns(stacked.flat, layers, codes, outer_bytes, out)
    return out


def fastest(stacked: Stack, tiles: kernels.TileRows) -> Floats:
    """The same of tiles of a layer, each with the unrolling that takes the fewest cycles without outer memory; of equals the
    first."""
    out = np.empty((len(tiles.group), 9))
    kernels.fastest(stacked.flat, tiles, np.empty((1, 9)), out)
    return out


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
