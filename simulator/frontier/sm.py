"""A layer on a GPU: thread blocks of a fixed list of sizes, cut over the multiprocessors, fed from the shared cache.

A multiprocessor (SM) is an array with a MAC rate and no shape of its own: what an unrolling is for other arrays is here
a block of outputs and a split of the reduction. docs/model_gpu.md has the equations, their sources and what was fitted.
"""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from simulator.frontier.grid.points import cycles_of
from simulator.frontier.grid.search import WEIGHTS, Frontier
from simulator.frontier.grid.unrolling import Floats, Ints
from simulator.kernels.grid_points import FEED_BYTES
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.shape import Shape
from simulator.store.memory import remembered
from simulator.units import (
    GPU_ARRAY_EFFICIENCY,
    GPU_ARRAY_EFFICIENCY_ASYNC,
    GPU_ARRAY_EFFICIENCY_DIRECT,
    GPU_ATTENTION_DEPTH,
    GPU_ATTENTION_PART,
    GPU_ATTENTION_ROWS,
    GPU_DECODE_BLOCKS,
    GPU_DECODE_CYCLES,
    GPU_DECODE_KEYS,
    GPU_DECODE_MERGE_CYCLES,
    GPU_DECODE_ROUND_CYCLES,
    GPU_DECODE_ROWS,
    GPU_DECODE_STEP_CYCLES,
    GPU_KERNEL_CYCLES,
    GPU_L2_EFFICIENCY,
    GPU_LANE_EFFICIENCY,
    GPU_ROUND_CYCLES,
    GPU_SOFTMAX_CYCLES,
    GPU_SOFTMAX_EXPOSED,
    GPU_SOFTMAX_NARROW_CYCLES,
    GPU_SPLIT_CYCLES,
    GPU_STEP_BYTES,
    GPU_STEP_CYCLES,
    GPU_STEP_CYCLES_AHEAD,
    GPU_SUM_BYTES,
)

BLOCKS = (
    (256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64),
)  # fmt: skip
"""Rows (pixels) and columns (output channels) of the outputs that one thread block computes: those of common libraries."""

ASYNC_BLOCKS = (
    (128, 192), (192, 128), (192, 192), (320, 128), (128, 320), (64, 192), (192, 64), (384, 64), (64, 384), (64, 320), (320, 64),
)  # fmt: skip
"""Further ones where products run asynchronously: an instruction of four warps takes any multiple of 8 columns up to 256."""

FEW_ROWS_BLOCKS = ((16, 64), (16, 128), (16, 256))
"""Further ones where one kernel has products of many experts with few rows each: an instruction of a warp has 16 rows (PTX,
`mma`), and the library of such kernels begins there (Triton's `fused_moe`)."""

SPLITS = (1, 2, 4)
"""Parts of the reduction that may run in blocks of their own, whose sums are added afterwards."""

ASYNC_SPLITS = (1, 2, 4, 8, 16)
"""The same where copies run beside the threads: libraries of such chips split further."""

ON_LANES = 0
"""Code of a layer that runs on the vector lanes: one channel a group, or one pixel, leaves a matrix unit nothing to share."""

ATTENTION = 1
"""Code of attention: both products and the softmax between them in one kernel."""

FIRST = 2
"""Code of the first choice of a product."""

SUM_WIDTH = 4
"""Bytes of a partial sum."""


class _Parts(NamedTuple):
    """What on-chip cycles consist of, as `grid.points.OnChip` has it: numbers, or a column each."""

    array: Any
    ideal: Any
    edges: Any
    fill_drain: Any
    weight_loading: Any
    interconnect: Any
    sram: Any
    feed_bytes: Any
    hidden_loading: Any


_Choice = tuple[int, int, int, int, int]
"""Rows and columns of a block, parts of the reduction, blocks of a cluster along rows and along columns."""


@functools.lru_cache(maxsize=256)
def choices(spec: ArraySpec) -> tuple[_Choice, ...]:
    """What a product may be cut into on a chip, in the order of preference."""
    further = (*(ASYNC_BLOCKS if spec.async_products else ()), *(FEW_ROWS_BLOCKS if spec.few_rows else ()))
    splits = ASYNC_SPLITS if spec.async_copies else SPLITS
    clusters = [(1, 1)] if spec.cluster == 1 else [(1, 1), (spec.cluster, 1), (1, spec.cluster)]
    return tuple((*block, parts, *cluster) for block in (*BLOCKS, *further) for parts in splits for cluster in clusters)


@remembered(16 * 2**20)
def _all_parts(shape: Shape, spec: ArraySpec) -> Floats:
    """On-chip parts of every choice, float64[choices, 9] in the order of `grid.points.OnChip`; infinite where there is none.

    Rows are codes: `ON_LANES`, `ATTENTION`, and the choices of a product from `FIRST` on.
    """
    spec = spec_of(shape, spec)
    none = np.full((FIRST, 9), np.inf)
    if shape.context > 0:
        none[ATTENTION] = _attention(shape, spec)
        return none
    _, n, k, c, p, q, _, _ = shape.step_extents
    if (c == 1 and k == 1) or n * p * q == 1:
        none[ON_LANES] = _on_lanes(shape, spec)
    return np.concatenate([none, _products(shape, spec)]) * shape.steps  # of a recurrence, one after another


@functools.lru_cache(maxsize=64)
def _columns(some: tuple[_Choice, ...]) -> tuple[Ints, ...]:
    """Choices a column each, and whether the block is one of older kernels, alone in its cluster."""
    rows, columns, parts, high, wide = np.array(some).T
    older = np.array([choice[:2] in BLOCKS for choice in some]) & (high * wide == 1)
    return rows, columns, parts, high, wide, older


def _products(shape: Shape, spec: ArraySpec) -> Floats:
    """Every size of thread block, split and cluster; infinite where a part of the reduction would be empty.

    Libraries run convolutions in kernels of an older kind: their threads load registers, in blocks of their own sizes.
    """
    g, n, k, c, p, q, r, s = shape.step_extents
    rows, columns, parts, high, wide, older = _columns(choices(spec))
    if shape.convolves:
        spec = replace(spec, async_products=False)
    steps = _steps(c * r * s, parts, shape.in_width)
    # Blocks of a cluster begin together, so that all of them are there, with outputs or without.
    blocks = g * _whole(n * p * q, rows, high) * _whole(k, columns, wide) * parts
    each = -(-blocks // spec.count)  # blocks of the SM that has most of them
    beside = np.maximum(1, GPU_SUM_BYTES // (rows * columns * SUM_WIDTH))
    rounds = -(-each // beside)
    length = steps * GPU_STEP_BYTES / shape.in_width  # of the reduction, as the blocks see it
    one = rows * columns * length / _macs(spec) + columns * length * _widening(shape, spec)
    waiting = (rounds - 1) * _idle(beside * one, steps, spec) + _idle((each - (rounds - 1) * beside) * one, steps, spec)
    if spec.async_copies:
        waiting = waiting + np.where(parts > 1, GPU_SPLIT_CYCLES, 0.0)
    written = float(g * n * k * p * q) * np.where(parts == 1, shape.out_width, 2.0 * SUM_WIDTH * parts)
    # Blocks of a cluster fetch the operand that they have in common once.
    feed = blocks * (rows / wide + columns / high * _narrow(shape)) * length * shape.in_width + written
    found = _row(_ideal(shape, spec), each * one, waiting + _starts(rounds, spec), feed, spec)
    out = np.stack(np.broadcast_arrays(*found), axis=1)
    out[(steps == 0) | (shape.convolves & ~older)] = np.inf
    return out


def _whole(length: int, block: Ints, cluster: Ints) -> Ints:
    """Blocks along one side of the outputs, in whole clusters."""
    return np.asarray(-(-length // (block * cluster)) * cluster)


def _on_lanes(shape: Shape, spec: ArraySpec) -> _Parts:
    """The layer on the vector lanes, each operand fetched once. Weights that meet one vector only pass the cache on their way."""
    g, n, k, c, p, q, r, s = shape.step_extents
    plane = shape.plane[0] * shape.plane[1]
    weights = k * c * r * s
    feed = g * (n * c * plane + weights * _narrow(shape)) * shape.in_width + float(g * n * k * p * q) * shape.out_width
    passing = g * weights * _narrow(shape) * shape.in_width if n * p * q == 1 else 0.0
    ideal = _ideal(shape, spec)
    busy = shape.macs / shape.steps / (spec.lanes * GPU_LANE_EFFICIENCY) + g * weights * shape.widening
    return _row(ideal, max(ideal, busy), _starts(1, spec), feed, spec, passing)


def _attention(shape: Shape, spec: ArraySpec) -> _Parts:
    """softmax(Q K') V in one kernel: a block has a head's queries, or a part of them, and all its keys and values.

    Its softmax runs between the products, on the lanes of its multiprocessor, which are `GPU_SOFTMAX_CYCLES` at a score.
    """
    g, n, k, c, p, q, _, _ = shape.step_extents  # of a kernel of one
    queries = n * p * q
    if _is_decode(shape, spec):
        return _decode(shape, spec)
    whole = queries <= GPU_ATTENTION_ROWS and c <= GPU_ATTENTION_DEPTH
    rows = queries if whole else GPU_ATTENTION_PART * (2 if spec.async_products else 1)
    blocks = g * -(-queries // rows)
    each = -(-blocks // spec.count)
    rounds = -(-each // max(1, GPU_SUM_BYTES // (rows * shape.context * SUM_WIDTH)))
    cached = k * (c + shape.context)  # keys and values of a head
    busy = each * rows * cached / _macs(spec) + each * cached * _widening(shape, spec)
    of_score = GPU_SOFTMAX_CYCLES + (GPU_SOFTMAX_NARROW_CYCLES if shape.in_width < 2 else 0)
    waiting = each * rows * k * of_score / (spec.lanes / spec.count)
    if spec.async_products:
        waiting -= (1.0 - GPU_SOFTMAX_EXPOSED) * min(busy, waiting)
    fetched = blocks * (rows * c + cached * _narrow(shape)) * shape.in_width
    feed = fetched + float(g * queries * k) * shape.out_width
    return _row(_ideal(shape, spec), busy, waiting + _starts(rounds, spec), feed, spec)


def _narrow(shape: Shape) -> float:
    """Bytes of a weight over those of an input. [-]"""
    return shape.weight_width / shape.in_width


def _widening(shape: Shape, spec: ArraySpec) -> float:
    """Cycles of the lanes of one multiprocessor to widen a weight: each block does it for its own."""
    return shape.widening * spec.count


def _decode(shape: Shape, spec: ArraySpec) -> _Parts:
    """The same of few queries: the keys of a head are cut into parts until every multiprocessor has its blocks.

    A block walks through its keys 64 at a time and waits for each; parts are added in a kernel of their own. Two blocks are
    beside each other; one alone, where several queries share tiles of keys that fill its memory. What a kernel does before
    its keys come and after they are there is its `start`.
    """
    g, n, k, c, p, q, _, _ = shape.step_extents
    queries = n * p * q
    beside, parts = _decode_parts(shape, spec)
    room = beside * spec.count
    keys, rounds = -(-k // parts), -(-g * parts // room)
    macs = spec.rate * spec.rows * spec.columns * _share(spec)
    cached = c + shape.context  # of a key and its value
    busy = beside * rounds * keys * cached * (GPU_DECODE_ROWS / macs + _widening(shape, spec))
    walk = rounds * (GPU_DECODE_ROUND_CYCLES + -(-keys // 64) * GPU_DECODE_STEP_CYCLES)
    kept = g * k * cached * _narrow(shape) * shape.in_width
    feed = kept + g * queries * c * shape.in_width + float(g * queries * k) * shape.out_width
    return _row(_ideal(shape, spec), busy, max(0.0, walk - busy), feed, spec, kept)


def _decode_parts(shape: Shape, spec: ArraySpec) -> tuple[int, int]:
    """Blocks of attention of few queries beside each other on a multiprocessor, and parts of the keys of a head."""
    g, n, k, _, p, q, _, _ = shape.step_extents
    beside = GPU_DECODE_BLOCKS[n * p * q > 1 and k > GPU_DECODE_ROWS]
    return beside, max(1, min(beside * spec.count // g, -(-k // GPU_DECODE_KEYS)))


def start(shape: Shape, spec: ArraySpec) -> float:
    """Cycles of a layer beside which nothing of it is read: of attention of few queries, to start and to add its parts."""
    spec = spec_of(shape, spec)
    if not (shape.context > 0 and _is_decode(shape, spec)):
        return 0.0
    _, parts = _decode_parts(shape, spec)
    return float(GPU_DECODE_CYCLES + (GPU_DECODE_MERGE_CYCLES if parts > 1 else 0))


def _is_decode(shape: Shape, spec: ArraySpec) -> bool:
    """Whether attention is of so few queries that the keys of a head are cut into parts."""
    _, n, _, _, p, q, _, _ = shape.step_extents
    return n * p * q <= GPU_DECODE_ROWS and spec.async_copies


def _ideal(shape: Shape, spec: ArraySpec) -> float:
    """Cycles of one step of a layer at the full MAC rate."""
    return shape.macs / (spec.rate * spec.rows * spec.columns * spec.count) / shape.steps


def _macs(spec: ArraySpec) -> float:
    """MACs a cycle that thread blocks of a product reach on one multiprocessor."""
    return spec.rate * spec.rows * spec.columns * (GPU_ARRAY_EFFICIENCY_DIRECT if spec.async_products else _share(spec))


def _share(spec: ArraySpec) -> float:
    """Share of the MAC rate that threads reach which load the operands into registers."""
    return GPU_ARRAY_EFFICIENCY_ASYNC if spec.async_copies else GPU_ARRAY_EFFICIENCY


def _starts(rounds: Any, spec: ArraySpec) -> Any:
    """Cycles to start a kernel and its rounds of blocks."""
    return rounds * GPU_ROUND_CYCLES + (0.0 if spec.async_copies else GPU_KERNEL_CYCLES)


def _steps(reduction: int, parts: Ints, width: float) -> Ints:
    """Steps of GPU_STEP_BYTES that a block takes through its part of the reduction; 0 where a part would be empty."""
    step = max(1, int(GPU_STEP_BYTES / width))
    each = -(-reduction // parts)
    steps = -(-each // step)
    return np.where(steps * step * (parts - 1) >= reduction, 0, steps)


def _idle(busy: Floats, steps: Ints, spec: ArraySpec) -> Floats:
    """Cycles for which the units of a multiprocessor wait in one round of blocks that keeps them busy for `busy`."""
    step = GPU_STEP_CYCLES_AHEAD if spec.async_products else GPU_STEP_CYCLES
    return np.maximum(0.0, steps * step - busy)


def _row(ideal: float, busy: Any, waiting: Any, feed: Any, spec: ArraySpec, passing: float = 0.0) -> _Parts:
    """The parts of choices. passing: bytes fed that only pass the cache on their way from the memory, at the memory's pace."""
    again = feed - passing
    link = again / (spec.link_bytes_per_cycle * GPU_L2_EFFICIENCY)
    port = again / (spec.port_bytes_per_cycle * GPU_L2_EFFICIENCY)
    return _Parts(busy + waiting, ideal, np.maximum(0.0, busy - ideal), waiting, 0.0, link, port, feed, 0.0)


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0) -> Frontier:
    """The best choice of a layer: the fewest on-chip cycles, then the least feed, then the first.

    One point: the constant weights are read once, and all else goes through the cache, whatever the blocks are.
    """
    parts = _all_parts(shape, spec)
    cycles = cycles_of(parts)
    best = int(np.lexsort((parts[:, FEED_BYTES], cycles))[0])
    g, _, k, c, _, _, r, s = shape.step_extents
    weights = 0.0 if resident & WEIGHTS else shape.weight_width * g * k * c * r * s
    one = np.zeros(1)
    return Frontier(one, one + weights, one + cycles[best], np.array([best], dtype=np.int64), one)


def parts(shapes: tuple[Shape, ...], spec: ArraySpec, layers: Ints, codes: Ints) -> Floats:
    """On-chip parts of many points, float64[points, 9], as `grid.points.breakdowns`; layers: place in `shapes` of each."""
    rows = [_all_parts(shapes[layer], spec)[code] for layer, code in zip(layers.tolist(), codes.tolist(), strict=True)]
    return np.array(rows).reshape(-1, 9)


def words(code: int, spec: ArraySpec) -> dict[str, object]:
    """What a point is: rows and columns of a thread block, parts of the reduction, or that it runs on the lanes."""
    if code == ON_LANES:
        return {"thread_block": "none", "runs_on": "vector lanes"}
    if code == ATTENTION:
        return {"thread_block": "queries of a head", "runs_on": "attention"}
    rows, columns, parts, high, wide = choices(spec)[code - FIRST]
    found: dict[str, object] = {"thread_block": f"{rows}x{columns}", "split_reduction": parts}
    return found if spec.cluster == 1 else {**found, "cluster": f"{high}x{wide}"}
