"""Which loops of a layer run side by side on an array: the unrollings worth trying, from the chip's `array` section."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.kernels import grid_unroll as kernels
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
from simulator.kernels.grid_front import front_of
from simulator.kernels.grid_layout import COPIES_IN, COPIES_WEIGHTS
from simulator.lower.array import ArraySpec
from simulator.store.memory import remembered

LOOPS = (
    "groups",
    "batch",
    "out_channels",
    "in_channels",
    "out_height",
    "out_width",
    "kernel_height",
    "kernel_width",
    "reduction",
    "pixels",
)
"""Words of `array.unroll`, in the order of the kernels."""

OF_WEIGHTS = [GROUPS, OUT_CHANNELS, IN_CHANNELS, KERNEL_HEIGHT, KERNEL_WIDTH, REDUCTION]
"""Loops whose indices have weights of their own."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_UNROLLINGS = 64
"""Beyond these, unrollings that lose on the layer as a whole are not tried on its tiles."""


@dataclass(frozen=True)
class Unrollings:
    """The unrollings kept for one layer.

    factors: int64[U, 10], indices per cycle of each loop of `LOOPS` over rows, columns and arrays together.
    copies: float64[U, 2], copies of inputs and of weights that leave the SRAM (1 with multicast).
    """

    factors: npt.NDArray[np.int64]
    copies: npt.NDArray[np.float64]
    flat_reduction: bool
    flat_pixels: bool


def _axis(words: Sequence[str], most: Sequence[int], length: int, every: bool) -> kernels.Axis:
    """One axis of the array, as the kernels have it."""
    loops = np.array([LOOPS.index(word) for word in words], dtype=np.int64)
    return kernels.Axis(loops, np.array(most or [0] * len(words), dtype=np.int64), length, every, tall=False)


def _rows(extents: Ints, spec: ArraySpec, every: bool) -> Ints:
    """Factor tuples of the rows. On a systolic array groups on the columns need rows of their own, so fewer may be better."""
    lengths = {spec.rows}
    if spec.systolic and "groups" in spec.unroll_columns:
        lengths = {max(1, spec.rows // groups) for groups in range(1, min(spec.columns, int(extents[GROUPS])) + 1)}
    scratch, found = _scratch(), []
    out = scratch[kernels.ON_COLUMNS]
    for length in sorted(lengths, reverse=True):
        count = kernels.axis_factors(extents, _axis(spec.unroll_rows, spec.most_rows, length, every), scratch, out)
        found.append(out[:count].copy())
    factors: Ints = found[0] if len(found) == 1 else np.unique(np.concatenate(found), axis=0)
    return factors[: kernels.keep_tallest(factors, len(factors))] if _is_tall(spec) else factors


def _scratch() -> Ints:
    """Room for the kernels of unrollings."""
    return np.empty((kernels.SCRATCH, kernels.MOST_TUPLES + 1, len(LOOPS)), dtype=np.int64)


def _is_tall(spec: ArraySpec) -> bool:
    """Whether rows and columns spread as many kernel rows as they can.

    A row-stationary unit slides one row of the kernel along one row of the inputs and passes its sums to the unit of the
    next kernel row: one unit never takes two kernel rows in turn.
    """
    return spec.stationary == "rows"


class _Spread(NamedTuple):
    """Factors over rows, columns and arrays together, and those over arrays alone: int64[unrollings, 10]."""

    factors: Ints
    on_count: Ints


def _spread(whole: list[int], spec: ArraySpec) -> _Spread:
    """The factors worth a look; none exceeds its extent.

    Where a larger factor costs something, parts of an axis are among them: more weights a set over a bus, more copies where
    nothing is multicast, other channels a unit with memory.
    """
    by_bus = spec.weight_bus_bytes_per_cycle > 0.0
    words = (*spec.unroll_rows, *spec.unroll_columns)
    every = by_bus or (spec.unit_words is not None and "kernel_width" in words)
    columns = _axis(spec.unroll_columns, spec.most_columns, spec.columns, every)._replace(tall=_is_tall(spec))
    arrays = _axis(spec.unroll_count, spec.most_count, spec.count, by_bus or not spec.multicast)
    extents = np.array(whole, dtype=np.int64)
    on_rows = _rows(extents, spec, every)
    # An input passes every column of its row, so each group needs rows of its own.
    group_rows = spec.rows if spec.systolic else 0
    scratch, found, room = _scratch(), 1024, 0
    while room < found:  # what does not fit is counted, and there is room for it the next time
        room = found
        factors, alone = np.empty((2, room, len(LOOPS)), dtype=np.int64)
        found = kernels.spread(extents, on_rows, columns, arrays, group_rows, scratch, factors, alone)
    return _Spread(factors[:found], alone[:found])


def on_one_array(extents: Sequence[int], spec: ArraySpec) -> Ints:
    """Factors over the rows and columns of one array, int64[ways, 10]: those that `unrollings` spreads over arrays."""
    return np.unique(_spread(with_flat(extents), replace(spec, count=1, unroll_count=())).factors, axis=0)


class UnitChannels(NamedTuple):
    """Channels that one unit works through in a pass, for each unrolling."""

    outputs: Ints
    inputs: Ints


def unit_channels(spec: ArraySpec, factors: Ints, kernel_width: int) -> UnitChannels:
    """Output and input channels that one unit works through in a pass, for each unrolling; 1 without unit memory.

    A row-stationary unit holds rows of the kernel and of the inputs for q input channels, q S inputs, and for p output
    channels, p q S weights and p partial sums. q comes first: it saves passes of partial sums, which are wider than
    inputs and move both ways.
    """
    ones = np.ones(len(factors), dtype=np.int64)
    if spec.unit_words is None:
        return UnitChannels(ones, ones)
    inputs, weights, outputs = spec.unit_words
    row = -(-kernel_width // factors[:, KERNEL_WIDTH])
    deep = np.maximum(1, np.minimum(inputs // row, weights // row))
    wide = np.maximum(1, np.minimum(outputs, weights // (row * deep)))
    return UnitChannels(wide, deep)


def _costs(extents: tuple[int, ...], spec: ArraySpec, factors: Ints, copies: Floats) -> Floats:
    """What unrollings differ in, the less the better: with no more of any of these, none is slower in any tile."""
    wide, deep = unit_channels(spec, factors, extents[KERNEL_WIDTH])
    outputs, inputs = wide * factors[:, OUT_CHANNELS], deep * factors[:, IN_CHANNELS]
    columns = [-factors, -outputs[:, None], -inputs[:, None], copies]
    if spec.weight_bus_bytes_per_cycle > 0.0:
        columns.append(set_size(factors)[:, None])
    return np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=np.float64)


def with_flat(extents: Sequence[int]) -> list[int]:
    """Extents G N K C P Q R S of a layer, and those of the reduction and of the pixels as one loop each."""
    kernel = extents[KERNEL_HEIGHT] * extents[KERNEL_WIDTH]
    return [*extents, extents[IN_CHANNELS] * kernel, extents[OUT_HEIGHT] * extents[OUT_WIDTH]]


def set_size(factors: Ints) -> Ints:
    """Weights that the units hold at once, for each unrolling."""
    size: Ints = factors[:, OF_WEIGHTS].prod(axis=1)
    return size


@remembered(16 * 2**20)
def unrollings(extents: tuple[int, ...], spec: ArraySpec) -> Unrollings:
    """Unrollings of a layer of `extents` (G N K C P Q R S) that no other beats in every tile: see `_costs`."""
    words = (*spec.unroll_rows, *spec.unroll_columns, *spec.unroll_count)
    flat_reduction, flat_pixels = "reduction" in words, "pixels" in words
    whole = with_flat(extents)
    factors, on_count = _spread(whole, spec)
    copies = np.ones((len(factors), 2))
    if not spec.multicast:
        copies[:, COPIES_IN] = on_count[:, OUT_CHANNELS]
        copies[:, COPIES_WEIGHTS] = on_count[:, [BATCH, OUT_HEIGHT, OUT_WIDTH, PIXELS]].prod(axis=1)
    costs = _costs(extents, spec, factors, copies)
    place = np.lexsort(costs.T[::-1])  # so that whatever beats a row, or is equal, comes before it
    chosen = place[front_of(costs[place])]
    factors, copies = np.ascontiguousarray(factors[chosen]), np.ascontiguousarray(copies[chosen])
    whole_layer = _on_whole_layer(whole, Unrollings(factors, copies, flat_reduction, flat_pixels))
    # Of unrollings that cost a layer the same the one with the smaller sets of weights comes first.
    rank = np.lexsort((set_size(factors), whole_layer[:, kernels.LAYER_STEPS]))
    if len(rank) > MOST_UNROLLINGS:
        keep = np.empty(len(rank), dtype=np.bool_)
        kernels.keep_unrollings(whole_layer[rank], keep)
        rank = rank[keep]
    return Unrollings(factors[rank], copies[rank], flat_reduction, flat_pixels)


def _on_whole_layer(extents: Sequence[int], found: Unrollings) -> Floats:
    """What each unrolling costs a layer that is not cut, as `kernels.layer_costs` has it; extents: with the flat loops."""
    costs = np.empty((len(found.factors), 5))
    loops = np.array(extents, dtype=np.int64)
    kernels.layer_costs(loops, found.factors, found.copies, found.flat_reduction, found.flat_pixels, costs)
    return costs


def least_steps(extents: tuple[int, ...], spec: ArraySpec) -> float:
    """Steps of a layer in the unrolling with the fewest: no tiling takes fewer. One step is `spec.rate` of them a cycle."""
    costs = _on_whole_layer(with_flat(extents), unrollings(extents, spec))
    return float(costs[:, kernels.LAYER_STEPS].min())
