"""Candidate tables of a layer: every tile size worth trying, with the steps, windows and trips it costs on one array.

The tables are what the kernels of `kernels.grid_search` read; `one_tile` makes them for a single given tiling.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError
from simulator.frontier.grid.folds import fold_costs, once, resets, set_loads, stream
from simulator.frontier.grid.unrolling import Floats, Ints, Unrollings, unit_channels, unrollings
from simulator.kernels import grid_search as kernels
from simulator.kernels import grid_tables as tables
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store.memory import remembered

TILE_LOOPS = "gnkcpq"
"""Loops that tilings cut, in the order of `Shape.extents`; kernel rows and columns stay whole."""

MOST_TILES = 1 << 17
MOST_BATCH = 16
"""Beyond these, tiles that only a bent fold cost tells apart are not tried: time, and at most a few cycles a fold."""


@dataclass(frozen=True)
class Tables:
    """Candidate tiles of one layer on one array, as the kernels read them."""

    group: Floats
    pixel: Floats
    axis_k: Floats
    axis_c: Floats
    pixel_tiles: Ints
    needed: Ints
    starts: Ints
    units: Unrollings
    own: Floats
    """Of each unrolling: copies of inputs and of weights, cycles of each set of weights and least cycles of it (`resets`), and
    cycles once a layer."""
    numbers: Floats
    rules: Ints

    @functools.cached_property
    def rows(self) -> Ints:
        """Rows of the four tables."""
        return np.array([len(table) for table in self.four], dtype=np.int64)

    @functools.cached_property
    def no_worse(self) -> npt.NDArray[np.bool_]:
        """Whether unrolling v takes no more steps and folds than u in any tile of groups and of input channels: bool[v, u]."""
        both = np.concatenate([self.group[:, 2:], self.axis_c[:, 2:]]).reshape(-1, len(self.units.copies), 2)
        return np.asarray((both[:, :, None] <= both[:, None]).all(axis=(0, 3)))

    @property
    def four(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The four tables."""
        return self.group, self.pixel, self.axis_k, self.axis_c


@remembered(8 * 2**20)
def _axis(
    extent: int,
    inner: int,
    outer: tuple[float, ...],
    units: tuple[int, ...],
    fold: tuple[float, ...] | None,
    only: int,
    within: tuple[tuple[int, float], ...] | None = None,
) -> Floats:
    """The table of groups, K or C: a row a size, falling: size, trips, then for each unrolling its steps and its fold.

    inner: elements of the flattened extent per index (kernel elements for a flattened reduction, else 1). outer:
    further steps per index of each unrolling (uncut kernel loops). fold: cost of a fold where this axis streams
    through the array. only: the one size wanted, or 0 for every size at which trips or steps change. within: where units
    work through several indices of this axis in a pass, (indices a pass, passes per index beyond) of each unrolling: the
    steps are then passes, which move operands, and the folds are steps.
    """
    size = np.array([only], dtype=np.int64) if only else np.arange(1, extent + 1, dtype=np.int64)
    trips = -(-extent // size)
    ragged = extent - (trips - 1) * size
    unit = np.array(units, dtype=np.int64)
    whole, rest = (-(-(n[:, None] * inner) // unit) * np.array(outer) for n in (size, ragged))
    more = (trips - 1)[:, None]
    steps = more * whole + rest
    folds = steps
    if fold is not None:
        folds = more * stream(whole, fold) + stream(rest, fold)
    if within is not None:
        each, beyond = (np.array(column) for column in zip(*within, strict=True))
        whole, rest = (-(-n[:, None] // each) * beyond for n in (size, ragged))
        steps = more * whole + rest
    table = np.empty((len(size), 2 + 2 * len(units)))
    table[:, 0], table[:, 1], table[:, 2::2], table[:, 3::2] = size, trips, steps, folds
    if only:
        return table
    # The smallest size of every trip count, and a larger one only if it saves steps over both that and the size
    # before.
    first = np.r_[True, trips[1:] != trips[:-1]]
    base = np.maximum.accumulate(np.where(first, np.arange(len(size)), 0))
    before = np.maximum(np.arange(len(size)) - 1, 0)
    saves = (table[:, 2:] < table[base, 2:]).any(axis=1) & (table[:, 2:] < table[before, 2:]).any(axis=1)
    return np.ascontiguousarray(table[first | saves][::-1])


def _axes(
    shape: Shape, spec: ArraySpec, units: Unrollings, sizes: tuple[int, int, int]
) -> tuple[Floats, Floats, Floats]:
    """Tables of groups, output channels and input channels; sizes: the one wanted of each, or 0."""
    g, _, k, c, _, _, r, s = shape.extents
    factors = units.factors
    cost, streams = fold_costs(spec)
    group_units, k_units, c_units, flat = (tuple(factors[:, at].tolist()) for at in (0, 2, 3, 8))
    ones = (1.0,) * len(factors)
    group = _axis(g // shape.steps, 1, (1.0 / spec.rate,) * len(factors), group_units, None, sizes[0])
    if shape.steps > 1:
        group = group.copy()
        group[:, 1:] *= shape.steps
    passes_k = passes_c = None
    if spec.unit_words is not None:
        wide, deep = unit_channels(spec, factors, s)
        beyond = (-(-r // factors[:, 6])).astype(float).tolist()
        passes_k = tuple((int(n), 1.0) for n in wide * factors[:, 2])
        passes_c = tuple(zip((deep * factors[:, 3]).tolist(), beyond, strict=True))
    axis_k = _axis(k, 1, ones, k_units, cost if streams == 1 else None, sizes[1], passes_k)
    fold = cost if streams == 2 else None
    if units.flat_reduction:
        return group, axis_k, _axis(c, r * s, ones, flat, fold, sizes[2])
    kernel_steps = tuple(float(-(-r // a) * -(-s // b)) for a, b in factors[:, 6:8].tolist())
    return group, axis_k, _axis(c, 1, kernel_steps, c_units, fold, sizes[2], passes_c)


@remembered(8 * 2**20)
def _windows(extent: int, geometry: tuple[int, ...], sizes: tuple[int, ...]) -> Floats:
    """Input rows that tiles of each size touch; see `tables.touched`. geometry: stride, dilation, kernel, pad, plane."""
    out = np.empty((len(sizes), 3))
    tables.touched(extent, np.array(sizes, dtype=np.int64), *geometry, np.empty(geometry[-1], dtype=np.int64), out)
    return out


def _batch_sizes(extent: int, units: tuple[int, ...], bent: bool) -> tuple[int, ...]:
    """Sizes of the batch to try: the smallest of every trip count, and where the ragged tile saves a step; all if bent."""
    size = np.arange(1, extent + 1)
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
def _sizes(extent: int, every: bool, geometry: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Tile sizes to try for one axis: the smallest of every trip count, and every integer where it is unrolled.

    Where kernels overlap, a larger tile of the same trip count may touch fewer rows at the edges of the plane: these
    too.
    """
    size = np.arange(1, extent + 1)
    if every or extent == 1:
        return tuple(size.tolist())
    trips = -(-extent // size)
    keep = np.r_[True, trips[1:] != trips[:-1]]
    if geometry is not None and geometry[2] > 1:
        base = np.maximum.accumulate(np.where(keep, np.arange(extent), 0))
        rows = _windows(extent, geometry, tuple(size.tolist()))
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
class _Pixels:
    """What a pixel table depends on: N P Q, geometry of P and Q, units (n, p, q, flat) per unrolling, fold, loads of a set."""

    extents: tuple[int, int, int]
    geometry: tuple[tuple[int, ...], tuple[int, ...]]
    units: tuple[tuple[int, ...], ...]
    fold: tuple[float, ...] | None
    loads: tuple[float, ...]
    sets: tuple[float, ...]
    """Cycles that a fold of each unrolling adds however long it is; 0 where nothing asks for more folds."""

    @classmethod
    def of(cls, shape: Shape, spec: ArraySpec, units: Unrollings) -> "_Pixels":
        """Collect it from a layer and an array."""
        _, n, _, _, p, q, r, s = shape.extents
        factors = units.factors
        chosen = factors[:, [1, 4, 5, 9]]
        if not units.flat_pixels:
            chosen[:, 3] = 0
        cost, axis = fold_costs(spec)
        sides = zip(shape.stride, shape.dilation, (r, s), shape.padding, shape.plane, strict=True)
        rows, columns = (tuple(side) for side in sides)
        unit = tuple(tuple(row) for row in chosen.tolist())
        loads = set_loads(spec, units, shape.weight_width)
        sets = tuple(resets(spec, loads, 1.0)[0][:, 0].tolist())
        return cls((n, p, q), (rows, columns), unit, cost if axis == 0 else None, loads, sets)

    def rows(self, sizes: Sequence[tuple[int, ...]]) -> tuple[Floats, Ints, Ints, Floats]:
        """(table, sizes, row of the smallest tile with the same trips, costs) of all tiles n x p x q; see `tables.pixel_rows`."""
        counts = [len(axis) for axis in sizes]
        padded = np.zeros((3, max(counts)), dtype=np.int64)
        windows = np.empty((2, max(counts), 3))
        for at, axis in enumerate(sizes):
            padded[at, : counts[at]] = axis
            if at > 0:
                windows[at - 1, : counts[at]] = _windows(self.extents[at], self.geometry[at - 1], axis)
        rows, units = math.prod(counts), len(self.units)
        table, tiles = np.empty((rows, 8 + 2 * units)), np.empty((rows, 3), dtype=np.int64)
        base, cost = np.empty(rows, dtype=np.int64), np.empty((rows, 5))
        tables.pixel_rows(
            np.array(self.extents, dtype=np.int64), padded, np.array(counts, dtype=np.int64), windows,
            np.array(self.units, dtype=np.int64), np.array(self.loads, dtype=np.float64),
            np.array([*(self.fold or (0.0,) * 3), self.fold is not None], dtype=np.float64), table, tiles, base, cost,
        )  # fmt: skip
        return table, tiles, base, cost

    def one(self, n: int, p: int, q: int) -> tuple[Floats, Ints]:
        """The table of one tile, and its sizes."""
        table, tiles, _, _ = self.rows(((n,), (p,), (q,)))
        return table, tiles


@remembered(32 * 2**20)
def _pixel_table(pixels: _Pixels) -> tuple[Floats, Ints, Ints, Ints]:
    """(table, sizes n p q of its rows, rows that each unrolling needs, where each unrolling's begin)."""
    units = np.array(pixels.units)
    cut = bool((units[:, 1:] > 1).any())
    # A fold that hides its load is not linear in its steps: then every tile may differ.
    bent = pixels.fold is not None and bool(pixels.fold[2])
    n_sizes = _batch_sizes(pixels.extents[0], tuple(sorted(set(units[:, 0].tolist()))), bent)
    area = len(n_sizes) * pixels.extents[1] * pixels.extents[2]
    every = (cut or bent) and area <= MOST_TILES
    sides = [_sizes(e, every, g) for e, g in zip(pixels.extents[1:], pixels.geometry, strict=True)]
    if cut and not every:
        sides = [_aligned(side, e, units[:, 1:]) for side, e in zip(sides, pixels.extents[1:], strict=True)]
    sizes = [_thinned(n_sizes, MOST_TILES // (len(sides[0]) * len(sides[1]))), *sides]
    table, tiles, base, cost = pixels.rows(sizes)
    whole = (table[:, 2:5] == 1.0).all(axis=1)
    order = np.lexsort((table[:, 1], table[:, 0]))
    smaller = (base == np.arange(len(base))) | (cost < cost[base]).any(axis=1)
    needed = []
    out = np.empty(len(table), dtype=np.int64)
    for u in range(len(units)):
        columns = table[:, 8 + 2 * u : 10 + 2 * u].copy()
        columns[:, 1] -= pixels.sets[u] * cost[:, 2]  # where more folds may be needed, what a fold adds counts apart
        saves = smaller | (columns < columns[base]).any(axis=1)
        rows = order[saves[order]]
        count = tables.keep_front(np.ascontiguousarray(np.hstack([cost[rows], columns[rows]])), whole[rows], out)
        needed.append(rows[out[:count]])
    used = np.unique(np.concatenate(needed)) if len(needed) > 1 else np.sort(needed[0])
    starts = np.cumsum([0] + [len(rows) for rows in needed])
    place = np.searchsorted(used, np.concatenate(needed))
    return np.ascontiguousarray(table[used]), tiles[used], place, starts


def _numbers(shape: Shape, spec: ArraySpec, units: Unrollings) -> tuple[Floats, Floats]:
    """The row of numbers that the kernels read, their order is in `kernels.onetile`; and `Tables.own`."""
    g, n, k, c, p, q, r, s = (float(extent) for extent in shape.extents)
    outputs = g * n * k * p * q
    kernel_reads = 1.0 if spec.stationary == "rows" else r * s
    plane = shape.plane[0] * shape.plane[1] if spec.stationary == "rows" else p * q
    # An operand with a path of its own takes none of the shared SRAM.
    room = [float(word in spec.holds) for word in ("inputs", "weights", "outputs")]
    costs, sets = resets(spec, set_loads(spec, units, shape.weight_width), outputs * shape.acc_width)
    numbers = np.array(
        [
            shape.in_width * room[0], shape.weight_width * r * s * room[1], shape.out_width, shape.acc_width,
            shape.in_width * g * c, shape.weight_width * g * k * c * r * s, outputs,
            2.0 if spec.double_buffered else 1.0,
            shape.in_width * room[0], shape.weight_width * room[1], max(shape.out_width, shape.acc_width) * room[2],
            spec.accumulator_bytes, spec.link_bytes_per_cycle, spec.port_bytes_per_cycle,
            shape.in_width * g * n * c * plane * kernel_reads, shape.weight_width * g * k * c * r * s,
            outputs * shape.out_width, outputs * 2.0 * shape.acc_width, 0.0,
            shape.out_width * room[2], shape.acc_width * room[2], sets,
        ]
    )  # fmt: skip
    fill = once(spec, _layer_steps(shape, spec, units)) * shape.steps / spec.rate
    return numbers, np.concatenate([units.copies, costs, fill[:, None]], axis=1)


def _layer_steps(shape: Shape, spec: ArraySpec, units: Unrollings) -> Floats:
    """Steps of a fold past which all of the layer streams, for each unrolling."""
    steps = -(-np.array(shape.extents[:6]) // units.factors[:, :6])
    if fold_costs(spec)[1] == 1:
        return np.asarray(steps[:, 2], dtype=np.float64)
    pixels = steps[:, 4] * steps[:, 5]
    if units.flat_pixels:
        pixels = -(-shape.extents[4] * shape.extents[5] // units.factors[:, 9])
    return np.asarray(steps[:, 1] * pixels, dtype=np.float64)


def _rules(spec: ArraySpec) -> Ints:
    """Feed rules of the stationarity (inputs, weights, partial outputs) and what shares the SRAM; see `on_chip_cycles`."""
    feeds = {"weights": (0, 1, 1), "outputs": (0, 0, 2), "inputs": (1, 0, 1), "rows": (0, 1, 1)}[spec.stationary]
    held = tuple(int(word in spec.holds) for word in ("inputs", "weights", "outputs"))
    keeps = int(spec.accumulator_bytes > 0)
    return np.array([*feeds, *held, 0, 0, keeps, 2 if keeps and fold_costs(spec)[1] == 0 else 0], dtype=np.int64)


@remembered(64 * 2**20)
def build_tables(shape: Shape, spec: ArraySpec) -> Tables:
    """All candidate tables of a layer on an array; kept in memory."""
    units = unrollings(shape.step_extents, spec)
    group, axis_k, axis_c = _axes(shape, spec, units, (0, 0, 0))
    pixel, tiles, needed, starts = _pixel_table(_Pixels.of(shape, spec, units))
    numbers, own = _numbers(shape, spec, units)
    group = _group_tiles(group, numbers[kernels.BUFFERS])
    numbers[kernels.LEAST] = _least(group, pixel, axis_k, axis_c, own)
    rules = _rules(spec)
    # Where even the fewest folds are as many sets as the outputs ask for, nothing comes in again.
    if (
        not own[:, 2:4].any()
        or numbers[kernels.SETS] <= (axis_k[:, 3::2].min(axis=0) * group[:, 2::2].min(axis=0)).min()
    ):
        own[:, 2:4], rules[kernels.RESETS] = 0.0, 0
    elif not own[:, kernels.SET_CYCLES].any():
        rules[kernels.RESETS] = 1
    rules[kernels.MERGED] = bool((pixel[:, 5] == np.minimum(pixel[:, 6], pixel[:, 7])).all())
    rules[kernels.LAST_BIN] = _last_bin(group, pixel, axis_k, axis_c, numbers)
    return Tables(group, pixel, axis_k, axis_c, tiles, needed, starts, units, own, numbers, rules)


def one_tile(shape: Shape, spec: ArraySpec, tile: dict[str, int]) -> Tables:
    """The tables of one tiling, sizes g n k c p q. OptionError for a missing, unknown or impossible size."""
    if set(tile) != set(TILE_LOOPS):
        raise OptionError(f"tile: loops must be {' '.join(TILE_LOOPS)}, got {' '.join(sorted(tile)) or 'none'}")
    for loop, extent in zip(TILE_LOOPS, shape.extents, strict=False):
        if not 1 <= tile[loop] <= extent:
            raise OptionError(f"tile.{loop}: must be from 1 to {extent}, got {tile[loop]}")
    units = unrollings(shape.step_extents, spec)
    axes = _axes(shape, spec, units, (tile["g"], tile["k"], tile["c"]))
    pixel, tiles = _Pixels.of(shape, spec, units).one(tile["n"], tile["p"], tile["q"])
    row = np.zeros(len(units.factors), dtype=np.int64)
    starts = np.arange(len(row) + 1)
    numbers, own = _numbers(shape, spec, units)
    return Tables(axes[0], pixel, axes[1], axes[2], tiles, row, starts, units, own, numbers, _rules(spec))


def _group_tiles(table: Floats, buffers: float) -> Floats:
    """Group tiles worth trying: every loop over operands depends on the groups, so only steps speak for a larger one.

    But a tile of all groups is held once, where smaller ones are fetched while others are worked on.
    """
    rows: list[int] = []
    for row in range(len(table) - 1, -1, -1):
        size = table[row, 0] / (buffers if table[row, 1] == 1.0 else 1.0)
        if not any((table[other, 2:] <= table[row, 2:]).all() and table[other, 0] <= size for other in rows):
            rows.append(row)
    return np.ascontiguousarray(table[rows])


def _least(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, own: Floats) -> float:
    """No tiling takes fewer on-chip cycles: the best unrolling with the best tile of each axis."""
    k, p, c, g = (t[:, at::2].min(axis=0) for t, at in ((axis_k, 3), (pixel, 9), (axis_c, 3), (group, 3)))
    return float((k * p * c * g + own[:, kernels.ONCE]).min())


def _last_bin(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, numbers: Floats) -> int:
    """Bin of a footprint that no tiling exceeds."""
    k, c = axis_k[0, 0], axis_c[0, 0]
    largest = (
        numbers[0] * pixel[:, 0].max() * c + numbers[1] * k * c + max(numbers[2], numbers[3]) * k * pixel[:, 1].max()
    )
    largest = largest * group[:, 0].max() + numbers[8:11].sum()
    return min(kernels.BINS - 1, int(np.float64(largest * numbers[7]).view(np.int64) >> 48) - 16367)
