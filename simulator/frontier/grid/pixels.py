"""The table of pixel tiles of a layer: sizes along batch, height and width worth trying, with what they cost on one array."""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.frontier.grid.folds import fold_costs, resets, set_loads
from simulator.frontier.grid.sizes import apart, sizes_of
from simulator.frontier.grid.unrolling import Floats, Ints, Unrollings
from simulator.kernels import grid_layout as layout
from simulator.kernels import grid_pixels as kernels
from simulator.kernels import grid_tables as tables
from simulator.kernels.array_steps import BATCH, OUT_HEIGHT, OUT_WIDTH, PIXELS
from simulator.kernels.grid_front import front_of
from simulator.kernels.grid_layout import EACH
from simulator.kernels.grid_pixels import CHOICE, PLANE, PixelAxes, PixelCosts, PixelTiles, PixelUnits
from simulator.kernels.grid_tables import OVER_PIXELS, Fold, Side
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store.memory import remembered

MOST_TILES = 1 << 17
LARGE_BATCH, MOST_PARTS = 4096, 128
"""Batch beyond which so many sizes of its parts are tried: the time grows with the square of what is."""
MOST_BATCH = 16
"""Beyond these, tiles that only a bent fold cost tells apart are not tried: time, and at most a few cycles a fold."""


@remembered(8 * 2**20)
def windows(extent: int, side: Side, sizes: tuple[int, ...]) -> Floats:
    """Input rows that tiles of each size touch; see `tables.touched`."""
    out = np.empty((len(sizes), 3))
    read_once = side.kernel == side.stride == 1 and side.pad == 0 and extent <= side.plane
    if read_once:  # by one tile: there is nothing to walk
        out[:, layout.MOST_ROWS], out[:, layout.ALL_ROWS], out[:, layout.FRESH_ROWS] = sizes, extent, extent
        return out
    tables.touched(extent, side, np.array(sizes, dtype=np.int64), out)
    return out


def _batch_sizes(extent: int, units: tuple[int, ...], bent: bool) -> tuple[int, ...]:
    """Sizes of the batch to try: the smallest of every trip count, and where the ragged tile saves a step; all if bent."""
    size = sizes_of(extent)
    if bent and extent <= MOST_BATCH:
        return tuple(size.tolist())
    trips = -(-extent // size)
    ragged = extent - (trips - 1) * size
    first = np.concatenate([[True], trips[1:] != trips[:-1]])
    keep = first.copy()
    for unit in units:
        if unit > 1:
            steps = -(-ragged // unit)
            keep[1:] |= steps[1:] < steps[:-1]
    return tuple(size[keep].tolist())


@functools.lru_cache(maxsize=4096)
def _sizes(extent: int, every: bool, side: Side) -> tuple[int, ...]:
    """Tile sizes to try for one axis: the smallest of every trip count, and every integer where it is unrolled.

    Where kernels overlap, a larger tile of the same trip count may touch fewer rows at the edges of the plane: these
    too.
    """
    size = sizes_of(extent)
    if every or extent == 1:
        return tuple(size.tolist())
    trips = -(-extent // size)
    keep = np.r_[True, trips[1:] != trips[:-1]]
    if side.kernel > 1:
        base = np.maximum.accumulate(np.where(keep, np.arange(len(size)), 0))
        rows = windows(extent, side, tuple(size.tolist()))
        keep |= (rows < rows[base]).any(axis=1)
    return tuple(size[keep].tolist())


def _aligned(sizes: tuple[int, ...], extent: int, units: Ints) -> tuple[int, ...]:
    """The sizes, and each rounded up to every unrolling: too many tiles to try every integer."""
    size = np.array(sizes)[:, None]
    rounded = np.minimum(-(-size // np.unique(units[units > 0])) * np.unique(units[units > 0]), extent)
    return tuple(sorted({*sizes, *rounded.ravel().tolist()}))


def _thinned(sizes: tuple[int, ...], most: int) -> tuple[int, ...]:
    """At most about `most` of the sizes, the smallest and the largest among them."""
    at = np.linspace(0, len(sizes) - 1, max(2, min(most, len(sizes)))).astype(int)
    return tuple(sizes[i] for i in np.unique(at))


@dataclass(frozen=True)
class Pixels:
    """What a pixel table depends on."""

    extents: tuple[int, int, int]
    """Of N, P and Q."""
    sides: tuple[Side, Side]
    """Of P and Q."""
    units: tuple[tuple[int, ...], ...]
    """Of each unrolling, see the columns of units."""
    fold: Fold | None
    loads: tuple[float, ...]
    """Cycles to load a set of weights, of each unrolling."""
    rows_whole: bool
    """Whether tiles have whole rows of outputs."""
    sets: tuple[float, ...]
    """Cycles that a fold of each unrolling adds however long it is; 0 where nothing asks for more folds."""
    few: bool = False
    """Whether not every size is tried."""

    @classmethod
    def of(cls, shape: Shape, spec: ArraySpec, units: Unrollings) -> "Pixels":
        """Collect it from a layer and an array."""
        _, n, _, _, p, q, r, s = shape.extents
        chosen = units.factors[:, [BATCH, OUT_HEIGHT, OUT_WIDTH, PIXELS]]
        if not units.flat_pixels:
            chosen[:, layout.UNIT_FLAT] = 0
        cost, axis = fold_costs(spec)
        sides = zip(shape.stride, shape.dilation, (r, s), shape.padding, shape.plane, strict=True)
        rows, columns = (Side(*side) for side in sides)
        unit = tuple(tuple(row) for row in chosen.tolist())
        loads = set_loads(spec, units, shape.weight_width)
        sets = tuple(resets(spec, loads, 1.0, spec.sum_bytes(shape.acc_width)).cycles.tolist())
        return cls(
            (n, p, q),
            (rows, columns),
            unit,
            cost if axis == OVER_PIXELS else None,
            loads,
            spec.stationary == "rows",
            sets,
            shape.is_long,
        )

    def axes(self, n: tuple[int, ...], p: tuple[int, ...], q: tuple[int, ...]) -> PixelAxes:
        """Sizes along each axis, with the windows of those of P and Q."""
        extents, (rows, columns) = self.extents, self.sides
        return PixelAxes(
            extents=np.array(extents, dtype=np.int64),
            n=np.array(n, dtype=np.int64),
            p=np.array(p, dtype=np.int64),
            q=np.array(q, dtype=np.int64),
            images=np.zeros((len(n), 3)),
            rows=windows(extents[layout.SIZE_P], rows, p),
            columns=windows(extents[layout.SIZE_Q], columns, q),
        )

    def array(self) -> PixelUnits:
        """Unrollings as the kernels see them."""
        units = np.array(self.units, dtype=np.int64)
        return PixelUnits(
            units, bool(units[:, layout.UNIT_FLAT].all()), np.array(self.loads, dtype=np.float64),
            self.fold or Fold(0.0, 0.0, 0.0), self.fold is not None,
        )  # fmt: skip

    def rows(self, n: tuple[int, ...], p: tuple[int, ...], q: tuple[int, ...]) -> PixelTiles:
        """All tiles n x p x q; see `kernels.pixel_rows`."""
        return _table(self.axes(n, p, q), self.array(), np.arange(len(n) * len(p) * len(q)))


def _table(axes: PixelAxes, array: PixelUnits, numbers: Ints) -> PixelTiles:
    """The tiles of these numbers in n x p x q."""
    columns = layout.PIXEL_STEPS + EACH * len(array.units)
    out = PixelTiles(
        np.empty((len(numbers), columns)), np.empty((len(numbers), 3), dtype=np.int64), np.empty((1, PLANE))
    )
    kernels.pixel_rows(axes, array, numbers, out)
    return out


class PixelTable(NamedTuple):
    """The pixel tiles worth trying: table, sizes of its rows, rows that each unrolling needs, where each unrolling's begin."""

    table: Floats
    sizes: Ints
    needed: Ints
    starts: Ints


@remembered(32 * 2**20)
def pixel_table(pixels: Pixels) -> PixelTable:
    """The pixel tiles worth trying, of all sizes."""
    units = np.array(pixels.units)
    along = units[:, layout.UNIT_P :]
    cut = bool((along > 1).any())
    # A fold that hides its load is not linear in its steps: then every tile may differ.
    bent = pixels.fold is not None and bool(pixels.fold.hidden)
    images, *plane = pixels.extents
    n_sizes = _batch_sizes(images, tuple(sorted(set(units[:, layout.UNIT_N].tolist()))), bent)
    area = len(n_sizes) * math.prod(plane)
    every = (cut or bent) and area <= MOST_TILES and not pixels.few
    p_sizes, q_sizes = (_sizes(extent, every, side) for extent, side in zip(plane, pixels.sides, strict=True))
    if pixels.few:  # larger sizes are fewer tiles
        falling = p_sizes[::-1]
        p_sizes = tuple(falling[place] for place in apart(-(-plane[0] // size) for size in falling))[::-1]
    if pixels.rows_whole:
        q_sizes = (plane[-1],)
    if cut and not every:
        p_sizes, q_sizes = (_aligned(*one, along) for one in zip((p_sizes, q_sizes), plane, strict=True))
    most = MOST_TILES // (len(p_sizes) * len(q_sizes))
    n_sizes = _thinned(n_sizes, most if images <= LARGE_BATCH else min(most, MOST_PARTS))
    axes, array = pixels.axes(n_sizes, p_sizes, q_sizes), pixels.array()
    needed = _needed(axes, array, pixels.sets)
    used = np.unique(np.concatenate(needed))
    starts = np.cumsum([0] + [len(rows) for rows in needed])
    table, tiles, _ = _table(axes, array, used)
    return PixelTable(table, tiles, np.searchsorted(used, np.concatenate(needed)), starts)


def _needed(axes: PixelAxes, array: PixelUnits, sets: tuple[float, ...]) -> list[Ints]:
    """Numbers in n x p x q of the tiles that each unrolling needs, by rising window and pixels: all that no other beats, and the
    whole layer.
    """
    count = len(axes.n) * len(axes.p) * len(axes.q)
    number, place = (np.empty(count, dtype=np.int64) for _ in range(2))
    choices = (np.empty((len(sizes), CHOICE), dtype=np.int64) for sizes in (axes.n, axes.p, axes.q))
    plane = np.empty((len(axes.p) * len(axes.q), PLANE))
    out = PixelCosts(np.empty((count, layout.COSTS)), number, place, plane, *choices)
    found: dict[tuple[object, ...], Ints] = {}
    needed = []
    for u, adds in enumerate(sets):
        same = (*array.units[u].tolist(), array.loads[u], adds)  # many unrollings differ along other loops alone
        if same not in found:
            many = kernels.unit_tiles(axes, array, u, adds, out)
            cost = out.cost[:many]
            order = np.lexsort((cost[:, layout.COST_PIXELS], cost[:, layout.COST_WINDOW]))
            cost = cost[order]
            found[same] = number[order[front_of(cost, cost[:, layout.COST_TRIPS] == 1.0)]]
        needed.append(found[same])
    return needed
