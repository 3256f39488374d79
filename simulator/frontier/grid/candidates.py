"""Candidate tables of a layer: every tile size worth trying, with the steps, windows and trips it costs on one array.

The tables are what the kernels of `kernels.grid_search` read; `one_tile` makes them for a single given tiling.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.errors import OptionError
from simulator.frontier.grid.folds import Resets, fold_costs, once, resets, set_loads
from simulator.frontier.grid.pixels import Pixels, pixel_table
from simulator.frontier.grid.sizes import apart, sizes_of
from simulator.frontier.grid.unrolling import Floats, Ints, Unrollings, unit_channels, unrollings, with_flat
from simulator.kernels import grid_layout as layout
from simulator.kernels.array_steps import (
    BATCH,
    GROUPS,
    IN_CHANNELS,
    KERNEL_HEIGHT,
    KERNEL_WIDTH,
    OUT_CHANNELS,
    OUT_HEIGHT,
    OUT_WIDTH,
    PIXELS,
    REDUCTION,
)
from simulator.kernels.grid_envelope import BINS
from simulator.kernels.grid_layout import EACH, FOLDS, SIZE, STEPS, TRIPS, Bools, Layer, Numbers, Rules
from simulator.kernels.grid_tables import OVER_C, OVER_K, OVER_PIXELS, Fold, folds_of, group_tiles
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.shape import Shape
from simulator.store.memory import remembered

TILE_LOOPS = "gnkcpq"
"""Loops that tilings cut, in the order of `Shape.extents`; kernel rows and columns stay whole."""


Sizes = tuple[int, ...]
"""Of tiles along an axis."""


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
    numbers: Numbers
    rules: Rules

    @functools.cached_property
    def layer(self) -> Layer:
        """All of it, as the kernels take it."""
        return Layer(
            self.group, self.pixel, self.axis_k, self.axis_c, self.needed, self.starts, self._no_worse(), self.own,
            self.numbers, self.rules,
        )  # fmt: skip

    def _no_worse(self) -> Bools:
        """Whether unrolling v takes no more steps and folds than u in any tile of groups and of input channels: bool[v, u]."""
        both = np.concatenate([self.group[:, STEPS:], self.axis_c[:, STEPS:]]).reshape(-1, len(self.units.copies), EACH)
        alike: dict[bytes, int] = {}  # many unrollings differ along other axes alone
        of = [alike.setdefault(both[:, u].tobytes(), u) for u in range(both.shape[1])]
        first = list(alike.values())
        both, place = both[:, first], {u: at for at, u in enumerate(first)}
        found = np.asarray((both[:, :, None] <= both[:, None]).all(axis=(0, 3)))
        at = [place[u] for u in of]
        return np.asarray(found[np.ix_(at, at)])


class _Within(NamedTuple):
    """Where units work through several indices of an axis in a pass, of each unrolling: indices a pass, passes an index."""

    each: tuple[int, ...]
    passes: tuple[float, ...]


@remembered(8 * 2**20)
def _axis(
    extent: int,
    inner: int,
    outer: tuple[float, ...],
    units: tuple[int, ...],
    fold: Fold | None,
    only: Sizes,
    within: _Within | None = None,
) -> Floats:
    """The table of groups, K or C: a row a size, falling: size, trips, then for each unrolling its steps and its fold.

    inner: elements of the flattened extent per index (kernel elements for a flattened reduction, else 1). outer:
    further steps per index of each unrolling, or of all (uncut kernel loops). fold: cost of a fold where this axis streams
    through the array. only: the sizes wanted, in that order, or none for every size at which trips or steps change. within: the
    steps are then passes, which move operands, and the folds are steps.
    """
    size = np.array(only, dtype=np.int64) if only else sizes_of(extent)
    trips = -(-extent // size)
    ragged = extent - (trips - 1) * size
    unit = np.array(units, dtype=np.int64)
    whole, rest = (-(-(n[:, None] * inner) // unit) * np.array(outer) for n in (size, ragged))
    more = (trips - 1)[:, None]
    steps = more * whole + rest
    folds = steps
    if fold is not None:
        folds = more * folds_of(whole, fold) + folds_of(rest, fold)
    if within is not None:
        each, passes = np.array(within.each), np.array(within.passes)
        whole, rest = (-(-n[:, None] // each) * passes for n in (size, ragged))
        steps = more * whole + rest
    table = np.empty((len(size), STEPS + EACH * len(units)))
    table[:, SIZE], table[:, TRIPS], table[:, STEPS::EACH], table[:, FOLDS::EACH] = size, trips, steps, folds
    if only:
        return table
    # The smallest size of every trip count, and a larger one only if it saves steps over both that and the size
    # before.
    first = np.r_[True, trips[1:] != trips[:-1]]
    base = np.maximum.accumulate(np.where(first, np.arange(len(size)), 0))
    before = np.maximum(np.arange(len(size)) - 1, 0)
    own = table[:, STEPS:]
    saves = (own < own[base]).any(axis=1) & (own < own[before]).any(axis=1)
    return np.ascontiguousarray(table[first | saves][::-1])


class _Axes(NamedTuple):
    """Tables of groups, output channels and input channels."""

    group: Floats
    k: Floats
    c: Floats


def _axes(shape: Shape, spec: ArraySpec, units: Unrollings, only: tuple[Sizes, Sizes, Sizes] = ((), (), ())) -> _Axes:
    """Tables of the three axes; `only`: the sizes wanted of each, or none for all worth trying."""
    g_only, k_only, c_only = only
    g, _, k, c, _, _, r, s = shape.extents
    factors = units.factors
    cost, streams = fold_costs(spec)
    group_units, k_units, c_units, flat = (
        tuple(factors[:, at].tolist()) for at in (GROUPS, OUT_CHANNELS, IN_CHANNELS, REDUCTION)
    )
    ones = (1.0,)
    group = _axis(g // shape.steps, 1, (1.0 / spec.rate,), group_units, None, g_only)
    if shape.steps > 1:
        group = group.copy()
        group[:, TRIPS:] *= shape.steps
    passes_k = passes_c = None
    if spec.unit_words is not None:
        wide, deep = unit_channels(spec, factors, s)
        beyond = tuple((-(-r // factors[:, KERNEL_HEIGHT])).astype(float).tolist())
        passes_k = _Within(tuple((wide * factors[:, OUT_CHANNELS]).tolist()), ones)
        passes_c = _Within(tuple((deep * factors[:, IN_CHANNELS]).tolist()), beyond)
    axis_k = _axis(k, 1, ones, k_units, cost if streams == OVER_K else None, k_only, passes_k)
    fold = cost if streams == OVER_C else None
    if units.flat_reduction:
        return _Axes(group, axis_k, _axis(c, r * s, ones, flat, fold, c_only))
    kernel = factors[:, [KERNEL_HEIGHT, KERNEL_WIDTH]].tolist()
    kernel_steps = tuple(float(-(-r // a) * -(-s // b)) for a, b in kernel)
    return _Axes(group, axis_k, _axis(c, 1, kernel_steps, c_units, fold, c_only, passes_c))


def _numbers(shape: Shape, spec: ArraySpec, sets: float) -> Numbers:
    """The numbers that the kernels read. sets: see `Resets`."""
    g, n, k, c, p, q, r, s = (float(extent) for extent in shape.extents)
    outputs = g * n * k * p * q
    kernel_reads = 1.0 if spec.stationary == "rows" else r * s
    plane = shape.plane[0] * shape.plane[1] if spec.stationary == "rows" else p * q
    # An operand with a path of its own takes none of the shared SRAM.
    room_in, room_weights, room_out = (float(word in spec.holds) for word in ("inputs", "weights", "outputs"))
    return Numbers(
        in_bytes=shape.in_width * room_in,
        weight_bytes=shape.weight_width * r * s * room_weights,
        out_bytes=float(shape.out_width),
        acc_bytes=float(shape.acc_width),
        all_inputs=shape.in_width * g * c,
        all_weights=shape.weight_width * g * k * c * r * s,
        all_outputs=outputs,
        buffers=2.0 if spec.double_buffered else 1.0,
        grain_in=shape.in_width * room_in,
        grain_weights=shape.weight_width * room_weights,
        grain_out=max(shape.out_width, shape.acc_width) * room_out,
        accumulators=float(spec.sum_bytes(shape.acc_width)),
        link=float(spec.link_bytes_per_cycle),
        port=float(spec.port_bytes_per_cycle),
        feed_in=shape.in_width * g * n * c * plane * kernel_reads,
        feed_weights=shape.weight_width * g * k * c * r * s,
        feed_out=outputs * shape.out_width,
        feed_partial=outputs * 2.0 * shape.acc_width,
        least=0.0,
        out_room=shape.out_width * room_out,
        acc_room=float(shape.acc_width),
        sets=float(sets),
        widening=shape.widening * g * k * c * r * s,
    )


def _resets(shape: Shape, spec: ArraySpec, units: Unrollings) -> Resets:
    """What accumulators that fill cost on a layer."""
    g, n, k, _, p, q, _, _ = shape.extents
    loads, held = set_loads(spec, units, shape.weight_width), spec.sum_bytes(shape.acc_width)
    return resets(spec, loads, float(g * n * k * p * q) * shape.acc_width, held)


def _own(shape: Shape, spec: ArraySpec, units: Unrollings, costs: Resets) -> Floats:
    """What each unrolling has of its own on a layer, see its columns."""
    fill = once(spec, _layer_steps(shape, spec, units)) * shape.steps / spec.rate
    return np.column_stack([units.copies, costs.cycles, costs.least, fill])


def _layer_steps(shape: Shape, spec: ArraySpec, units: Unrollings) -> Floats:
    """Steps of a fold past which all of the layer streams, for each unrolling."""
    steps = -(-np.array(with_flat(shape.extents)) // units.factors)
    if fold_costs(spec).streams == OVER_K:
        return np.asarray(steps[:, OUT_CHANNELS], dtype=np.float64)
    pixels = steps[:, PIXELS] if units.flat_pixels else steps[:, OUT_HEIGHT] * steps[:, OUT_WIDTH]
    return np.asarray(steps[:, BATCH] * pixels, dtype=np.float64)


def _rules(spec: ArraySpec) -> Rules:
    """Feed rules of the stationarity and what shares the SRAM."""
    inputs, weights, partial = {
        "weights": (1, 0, 1), "outputs": (1, 1, 0), "inputs": (0, 1, 1), "rows": (1, 0, 1),
    }[spec.stationary]  # fmt: skip
    holds_in, holds_weights, holds_out = (int(word in spec.holds) for word in ("inputs", "weights", "outputs"))
    keeps = int(spec.accumulator_bytes > 0 or not holds_out)  # else the SRAM is the only place for partial sums
    full = 2 if keeps and fold_costs(spec).streams == OVER_PIXELS else 0
    return Rules(inputs, weights, partial, holds_in, holds_weights, holds_out, 0, 0, keeps, full)


@remembered(64 * 2**20)
def build_tables(shape: Shape, spec: ArraySpec) -> Tables:
    """All candidate tables of a layer on an array; kept in memory."""
    spec = spec_of(shape, spec)
    units = unrollings(shape.step_extents, spec)
    group, axis_k, axis_c = _axes(shape, spec, units)
    if shape.is_long:
        axis_k, axis_c = (np.ascontiguousarray(axis[apart(axis[:, TRIPS].tolist())]) for axis in (axis_k, axis_c))
    pixel, tiles, needed, starts = pixel_table(Pixels.of(shape, spec, units))
    costs = _resets(shape, spec, units)
    own, numbers, rules = _own(shape, spec, units, costs), _numbers(shape, spec, costs.sets), _rules(spec)
    group = _group_tiles(group, numbers.buffers)
    numbers = numbers._replace(least=_least(group, pixel, axis_k, axis_c, own))
    # Where even the fewest folds are as many sets as the outputs ask for, nothing comes in again.
    resetting = own[:, [layout.SET_CYCLES, layout.SET_LEAST]]
    fewest = axis_k[:, FOLDS::EACH].min(axis=0) * group[:, STEPS::EACH].min(axis=0)
    if not resetting.any() or numbers.sets <= fewest.min():
        own[:, [layout.SET_CYCLES, layout.SET_LEAST]] = 0.0
        rules = rules._replace(resets=0)
    elif not own[:, layout.SET_CYCLES].any():
        rules = rules._replace(resets=1)
    by_p, by_q = pixel[:, layout.INPUTS_BY_P], pixel[:, layout.INPUTS_BY_Q]
    merged = int((pixel[:, layout.INPUTS] == np.minimum(by_p, by_q)).all())
    rules = rules._replace(merged=merged, last_bin=_last_bin(group, pixel, axis_k, axis_c, numbers))
    return Tables(group, pixel, axis_k, axis_c, tiles, needed, starts, units, own, numbers, rules)


def one_tile(shape: Shape, spec: ArraySpec, tile: dict[str, int]) -> Tables:
    """The tables of one tiling, sizes g n k c p q. OptionError for a missing, unknown or impossible size."""
    if set(tile) != set(TILE_LOOPS):
        raise OptionError(f"tile: loops must be {' '.join(TILE_LOOPS)}, got {' '.join(sorted(tile)) or 'none'}")
    for loop, extent in zip(TILE_LOOPS, shape.extents, strict=False):
        if not 1 <= tile[loop] <= extent:
            raise OptionError(f"tile.{loop}: must be from 1 to {extent}, got {tile[loop]}")
    return some_tiles(shape, spec, (tile["g"],), (tile["p"],), (tile["k"],), (tile["c"],), (tile["n"],), (tile["q"],))


def some_tiles(
    shape: Shape, spec: ArraySpec, g: Sizes, p: Sizes, k: Sizes, c: Sizes, n: Sizes = (1,), q: Sizes = (1,)
) -> Tables:
    """The tables of tiles of given sizes, rising, a row each in their order; pixel rows are all of n x p x q."""
    spec = spec_of(shape, spec)
    units = unrollings(shape.step_extents, spec)
    group, axis_k, axis_c = _axes(shape, spec, units, (g, k, c))
    found = Pixels.of(shape, spec, units).rows(n, p, q)
    row = np.zeros(len(units.factors), dtype=np.int64)
    starts = np.arange(len(row) + 1)
    costs = _resets(shape, spec, units)
    own, numbers = _own(shape, spec, units, costs), _numbers(shape, spec, costs.sets)
    return Tables(group, found.table, axis_k, axis_c, found.sizes, row, starts, units, own, numbers, _rules(spec))


def _group_tiles(table: Floats, buffers: float) -> Floats:
    """Group tiles worth trying: every loop over operands depends on the groups, so only steps speak for a larger one.

    But a tile of all groups is held once, where smaller ones are fetched while others are worked on.
    """
    if len(table) == 1:
        return table
    rows = np.empty(len(table), dtype=np.int64)
    return np.ascontiguousarray(table[rows[: group_tiles(table, buffers, rows)]])


def _least(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, own: Floats) -> float:
    """No tiling takes fewer on-chip cycles: the best unrolling with the best tile of each axis."""
    pairs = (axis_k, FOLDS), (pixel, layout.PIXEL_FOLDS), (axis_c, FOLDS), (group, FOLDS)
    k, p, c, g = (table[:, first::EACH].min(axis=0) for table, first in pairs)
    return float((k * p * c * g + own[:, layout.ONCE]).min())


def _last_bin(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, numbers: Numbers) -> int:
    """Bin of a footprint that no tiling exceeds."""
    k, c = axis_k[:, SIZE].max(), axis_c[:, SIZE].max()
    window, pixels = pixel[:, layout.WINDOW].max(), pixel[:, layout.PIXELS].max()
    largest = numbers.in_bytes * window * c + numbers.weight_bytes * k * c
    largest = largest + max(numbers.out_bytes, numbers.acc_bytes) * k * pixels
    grains = numbers.grain_in + numbers.grain_weights + numbers.grain_out
    largest = largest * group[:, SIZE].max() + grains
    return min(BINS - 1, int(np.float64(largest * numbers.buffers).view(np.int64) >> 48) - 16367)
