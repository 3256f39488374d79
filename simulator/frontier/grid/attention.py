"""Attention on a grid of MAC units whose scores never leave the chip: softmax(Q K') V, tile by tile.

A tile has some heads, some queries of each and some of their keys with the values beside. The first product makes its
scores, the vector lanes their softmax, the second product adds to the sums of its queries. Where a tile has not all keys,
the lanes keep the largest score and the sum of each query, and scale its sums anew at the next keys (M. Milakov,
N. Gimelshein, "Online normalizer calculation for softmax", 2018).
"""

import functools
import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulator.frontier.grid import lanes, points
from simulator.frontier.grid.candidates import some_tiles
from simulator.frontier.grid.search import INPUTS, OUTPUTS, VALUES, WEIGHTS, Frontier
from simulator.frontier.grid.unrolling import Floats, Ints, unrollings
from simulator.kernels import grid_points as columns
from simulator.kernels.array_steps import GROUPS, IN_CHANNELS, OUT_CHANNELS, OUT_HEIGHT, PIXELS, REDUCTION
from simulator.kernels.grid_front import front_of
from simulator.kernels.grid_points import TileRows
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store.memory import remembered
from simulator.vocabulary import OPERANDS

MOST_EACH = 2.0**0.5
"""Numbers of tiles that are tried along an axis grow at least so much from one to the next."""

STATISTICS = 2
"""Numbers kept of a query between its tiles of keys: the largest score and the sum."""


class Sizes(NamedTuple):
    """Heads, queries and keys of tiles, one entry each."""

    heads: Ints
    queries: Ints
    keys: Ints


class Choices(NamedTuple):
    """Every tile worth a look, one entry each: heads, queries and keys, how often they follow each other, on-chip parts.

    parts: float64[choices, 9] in the order of `points.OnChip`, without what outer bytes take of the ports.
    """

    heads: Ints
    queries: Ints
    keys: Ints
    turns: Ints
    """Tiles of heads and queries: keys and values pass once for each where a tile has not all of them."""
    passes: Ints
    """Tiles of keys."""
    parts: Floats
    on_lanes: Ints
    """Whether the vector lanes do both products."""


@functools.lru_cache(maxsize=64)
def products(shape: Shape) -> tuple[Shape, Shape]:
    """The two products as layers of their own; all queries of a head lie along the height."""
    g, n, k, c, p, q, _, _ = shape.extents
    rows = n * p * q
    plain = replace(shape, plane=(rows, 1), context=0, softmax_operations=0.0, out_width=_out_width(shape))
    scores = replace(plain, extents=(g, 1, k, c, rows, 1, 1, 1), out_width=shape.in_width)
    return scores, replace(plain, extents=(g, 1, shape.context, k, rows, 1, 1, 1))


def _out_width(shape: Shape) -> float:
    """Bytes of an output of the second product; those of a shape count per output of its loop nest, the scores."""
    return shape.out_width * shape.extents[2] / shape.context


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0) -> Frontier:
    """Every tile of `choices` that no other beats with some operands resident (bits INPUTS, WEIGHTS, VALUES, OUTPUTS).

    The bytes of the values are those of their second and later passes: the first is read beside the tiles.
    """
    found = choices(shape, spec)
    footprint, bytes_ = _footprint(shape, spec, resident, found), _bytes(shape, resident, found)
    parts = _with_outer(found.parts, bytes_, spec)
    cycles = points.cycles_of(parts)
    rows = np.stack([footprint, bytes_, cycles], axis=1)
    order = np.lexsort((cycles, bytes_, footprint))
    codes = order[front_of(rows[order])]
    return Frontier(footprint[codes], bytes_[codes], cycles[codes], codes.astype(np.int64), footprint[codes])


def parts(shape: Shape, spec: ArraySpec, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of points, float64[points, 9] as `points.breakdowns`; outer_bytes: their traffic. [B]"""
    asked, place = np.unique(codes, return_inverse=True)
    found = choices.known(shape, spec)
    each = some(shape, spec, tuple(asked.tolist())).parts if found is None else found.parts[asked]
    return _with_outer(each[place], outer_bytes, spec)


def words(shape: Shape, spec: ArraySpec, code: int) -> dict[str, object]:
    """What a point is: heads, queries and keys of a tile."""
    found = some(shape, spec, (code,))
    names = {"heads": found.heads, "queries": found.queries, "keys": found.keys}
    place = "attention on vector lanes" if found.on_lanes[0] else "attention"
    return {"tile": {name: int(sizes[0]) for name, sizes in names.items()}, "runs_on": place}


def _with_outer(found: Floats, outer_bytes: Floats, spec: ArraySpec) -> Floats:
    """Parts with the ports' time of the outer bytes."""
    done = found.copy()
    done[:, columns.SRAM] = (found[:, columns.FEED_BYTES] + outer_bytes) / spec.port_bytes_per_cycle
    return done


@remembered(16 * 2**20)
def choices(shape: Shape, spec: ArraySpec) -> Choices:
    """Every tile of some heads, queries and keys; their places are the codes of points."""
    sizes = candidates(shape, spec)
    return _choices(shape, spec, sizes, np.arange(math.prod(map(len, sizes))))


@remembered(2 * 2**20)
def some(shape: Shape, spec: ArraySpec, codes: tuple[int, ...]) -> Choices:
    """Those of some codes."""
    return _choices(shape, spec, candidates(shape, spec), np.array(codes, dtype=np.int64))


def _choices(shape: Shape, spec: ArraySpec, sizes: tuple[tuple[int, ...], ...], codes: Ints) -> Choices:
    """Tiles of these codes, each product with the unrolling that is the fastest for it.

    Where tiles are double-buffered, the lanes work on one tile's scores while the array has another's: then only the
    softmax of one tile is waited for, else all of it. Sums that are scaled anew are waited for. Lanes that multiply do the
    products of a tile themselves where that is faster.
    """
    at = np.unravel_index(codes, tuple(map(len, sizes)))
    heads, queries, keys = (np.array(each)[axis] for each, axis in zip(sizes, at, strict=True))
    scores, values = products(shape)
    zero = np.zeros_like(at[0])
    first = some_tiles(scores, spec, sizes[0], sizes[1], sizes[2], (scores.extents[3],))
    second = some_tiles(values, spec, sizes[0], sizes[1], (shape.context,), sizes[2])
    both = points.fastest(points.stack([scores], spec, [first]), TileRows(at[0], at[1], at[2], zero))
    both = both + points.fastest(points.stack([values], spec, [second]), TileRows(at[0], at[1], zero, at[2]))
    every, rows = shape.extents[0], scores.extents[4]
    turns = -(-every // heads) * -(-rows // queries)
    passes = -(-scores.extents[2] // keys)
    shared = turns * passes if spec.double_buffered else np.ones_like(turns)
    softmax = shape.softmax_operations / spec.lanes
    again = float(every * rows * shape.context) * (passes - 1) / spec.lanes
    _wait(both, softmax / shared + again)
    on_lanes = np.zeros(len(both), dtype=np.int64)
    if shape.lane_macs > 0.0:
        own = _lanes(shape, spec, Sizes(heads, queries, keys), turns * passes)
        _wait(own, softmax + again)
        on_lanes = (points.cycles_of(own) < points.cycles_of(both)).astype(np.int64)
        both = np.where(on_lanes[:, None] == 1, own, both)
    return Choices(heads, queries, keys, turns, passes, both, on_lanes)


def _wait(parts: Floats, cycles: Floats) -> None:
    """Add cycles in which the products wait for the lanes."""
    parts[:, columns.FILL_DRAIN] += cycles
    parts[:, columns.ARRAY] += cycles


def _lanes(shape: Shape, spec: ArraySpec, sizes: Sizes, tiles: Ints) -> Floats:
    """Parts of tiles whose products the lanes do, no lane idle. Operands and scores pass the ports once a tile."""
    found, depth = lanes.parts(shape, spec, np.zeros(len(tiles))), shape.extents[3]
    ends = sizes.queries * (depth * shape.in_width + shape.context * _out_width(shape))
    read = sizes.keys * (depth + shape.context) * shape.weight_width
    scores = 2 * sizes.queries * sizes.keys * shape.in_width  # written by one product, read by the other
    feed = (tiles * sizes.heads * (ends + read + scores)).astype(np.float64)
    found[:, columns.FEED_BYTES] = feed
    found[:, columns.INTERCONNECT] = feed / spec.link_bytes_per_cycle
    found[:, columns.SRAM] = feed / spec.port_bytes_per_cycle
    return found


def candidates(shape: Shape, spec: ArraySpec) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Heads, queries and keys of a tile to try, rising: the smallest of some numbers of tiles, and what fits unrollings."""
    scores, values = products(shape)
    first, second = (unrollings(one.step_extents, spec).factors for one in (scores, values))
    return (
        _sizes(scores.extents[0], first[:, GROUPS], second[:, GROUPS]),
        _sizes(scores.extents[4], *(one[:, loop] for one in (first, second) for loop in (OUT_HEIGHT, PIXELS))),
        _sizes(scores.extents[2], first[:, OUT_CHANNELS], second[:, IN_CHANNELS], second[:, REDUCTION]),
    )


def _sizes(extent: int, *units: Ints) -> tuple[int, ...]:
    """Sizes of a tile along an axis: of numbers of tiles that grow by MOST_EACH, and units doubled as often as they fit."""
    found, trips = {1, extent}, 1.0
    while trips < extent:
        found.add(-(-extent // int(trips)))
        trips = max(trips + 1.0, trips * MOST_EACH)
    for unit in {int(one) for every in units for one in every}:
        size = unit
        while size < extent:
            found.add(size)
            size *= 2
    return tuple(sorted(found))


def _bytes(shape: Shape, resident: int, found: Choices) -> Floats:
    """Outer-memory bytes: queries and outputs once, keys and values once or for every turn; see `frontier`."""
    g, n, k, c, p, q, *_ = shape.extents
    rows = n * p * q
    again = np.where(found.passes == 1, 1.0, found.turns / -(-g // found.heads))
    total = np.zeros(len(again))
    if not resident & INPUTS:
        total += shape.in_width * g * rows * c
    if not resident & WEIGHTS:
        total += shape.weight_width * g * k * c * again
    if not resident & VALUES:
        total += shape.weight_width * g * k * shape.context * (again - 1.0)
    if not resident & OUTPUTS:
        total += _out_width(shape) * g * rows * shape.context
    return total


def _footprint(shape: Shape, spec: ArraySpec, resident: int, found: Choices) -> Floats:
    """SRAM bytes of a tile: its operands, its scores, and the sums of its queries; twice what follows while it is worked on."""
    c, buffers = shape.extents[3], 2.0 if spec.double_buffered else 1.0
    inside, weights, outside = (float(word in spec.holds) for word in OPERANDS)
    queries, keys = found.heads * found.queries, found.heads * found.keys
    turned, keyed = np.where(found.turns > 1, buffers, 1.0), np.where(found.turns * found.passes > 1, buffers, 1.0)
    total = shape.in_width * queries * found.keys * keyed
    if not resident & INPUTS:
        total = total + shape.in_width * inside * queries * c * turned
    if not resident & WEIGHTS:
        total = total + shape.weight_width * weights * keys * c * keyed
    if not resident & VALUES:
        total = total + shape.weight_width * weights * keys * shape.context * keyed
    sums = queries * shape.context * shape.acc_width
    unfinished = np.where(sums <= spec.accumulator_bytes, 0.0, sums * outside)
    unfinished = unfinished + STATISTICS * queries * shape.acc_width
    whole = 0.0 if resident & OUTPUTS else _out_width(shape) * outside * queries * shape.context * turned
    return np.asarray(total + np.where(found.passes > 1, unfinished + whole, whole))
