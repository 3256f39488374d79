"""A layer on a GPU: thread blocks of a fixed list of sizes, cut over the multiprocessors, fed from the shared cache.

A multiprocessor (SM) is an array with a MAC rate and no shape of its own: what an unrolling is for other arrays is here
a block of outputs and a split of the reduction. docs/model_gpu.md has the equations, their sources and what was fitted.
"""

import functools

import numpy as np

from simulator.candidates import Floats, Ints, Shape
from simulator.tiling import WEIGHTS, Frontier
from simulator.units import (
    GPU_ARRAY_EFFICIENCY,
    GPU_BLOCK_CYCLES,
    GPU_L2_EFFICIENCY,
    GPU_STEP_BYTES,
    GPU_STEP_CYCLES,
    GPU_SUM_BYTES,
)
from simulator.unrolling import ArraySpec

BLOCKS = (
    (256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64),
)  # fmt: skip
"""Rows (pixels) and columns (output channels) of the outputs that one thread block computes: those of common libraries."""

SPLITS = (1, 2, 4)
"""Parts of the reduction that may run in blocks of their own, whose sums are added afterwards."""

ON_LANES = len(BLOCKS) * len(SPLITS)
"""Code of a layer that runs on the vector lanes: one channel a group, or one pixel, leaves a matrix unit nothing to share."""

SUM_WIDTH = 4
"""Bytes of a partial sum."""

_ALL = tuple((rows, columns, parts) for rows, columns in BLOCKS for parts in SPLITS)


@functools.lru_cache(maxsize=65_536)
def _all_parts(shape: Shape, spec: ArraySpec) -> Floats:
    """On-chip parts of every choice, float64[choices, 8] in the order of `points.OnChip`; infinite where there is none."""
    g, n, k, c, p, q, r, s = shape.step_extents
    ideal = shape.macs / (spec.rate * spec.rows * spec.columns * spec.count) / shape.steps
    out = np.full((len(_ALL) + 1, 9), np.inf)
    outputs = float(g * n * k * p * q)
    for code, (rows, columns, parts) in enumerate(_ALL):
        steps = _steps(c * r * s, parts, shape.in_width)
        if steps == 0:
            continue
        blocks = g * -(-(n * p * q) // rows) * -(-k // columns) * parts
        each = -(-blocks // spec.count)  # blocks of the SM that has most of them
        beside = max(1, GPU_SUM_BYTES // (rows * columns * SUM_WIDTH))
        rounds = -(-each // beside)
        length = steps * GPU_STEP_BYTES / shape.in_width  # of the reduction, as the blocks see it
        one = rows * columns * length / (spec.rate * spec.rows * spec.columns * GPU_ARRAY_EFFICIENCY)
        waiting = (rounds - 1) * _idle(beside * one, steps) + _idle((each - (rounds - 1) * beside) * one, steps)
        waiting += rounds * GPU_BLOCK_CYCLES
        written = outputs * (shape.out_width if parts == 1 else 2.0 * SUM_WIDTH * parts)
        feed = blocks * (rows + columns) * length * shape.in_width + written
        out[code] = _row(ideal, each * one, waiting, feed, spec)
    if (c == 1 and k == 1) or n * p * q == 1:
        plane = shape.plane[0] * shape.plane[1]
        feed = g * (n * c * plane + k * c * r * s) * shape.in_width + outputs * shape.out_width
        macs = shape.macs / shape.steps
        out[ON_LANES] = _row(ideal, max(ideal, macs / spec.lanes), float(GPU_BLOCK_CYCLES), feed, spec)
    return out * shape.steps  # of a recurrence, one after another


def _steps(reduction: int, parts: int, width: float) -> int:
    """Steps of GPU_STEP_BYTES that a block takes through its part of the reduction; 0 where a part would be empty."""
    step = max(1, int(GPU_STEP_BYTES / width))
    each = -(-reduction // parts)
    steps = -(-each // step)
    return 0 if parts > 1 and steps * step * (parts - 1) >= reduction else steps


def _idle(busy: float, steps: int) -> float:
    """Cycles for which the units of a multiprocessor wait in one round of blocks that keeps them busy for `busy`."""
    return max(0.0, steps * GPU_STEP_CYCLES - busy)


def _row(ideal: float, busy: float, waiting: float, feed: float, spec: ArraySpec) -> tuple[float, ...]:
    """The parts of one choice as `points.OnChip` has them."""
    link = feed / (spec.link_bytes_per_cycle * GPU_L2_EFFICIENCY)
    port = feed / (spec.port_bytes_per_cycle * GPU_L2_EFFICIENCY)
    return busy + waiting, ideal, max(0.0, busy - ideal), waiting, 0.0, link, port, feed, 0.0


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0) -> Frontier:
    """The best choice of a layer: the fewest on-chip cycles, then the least feed, then the first.

    One point: the constant weights are read once, and all else goes through the cache, whatever the blocks are.
    """
    parts = _all_parts(shape, spec)
    cycles = np.max(parts[:, [0, 5, 6]], axis=1)
    best = int(np.lexsort((parts[:, 7], cycles))[0])
    g, _, k, c, _, _, r, s = shape.step_extents
    weights = 0.0 if resident & WEIGHTS else shape.weight_width * g * k * c * r * s
    one = np.zeros(1)
    return Frontier(one, one + weights, one + cycles[best], np.array([best], dtype=np.int64))


def parts(shapes: tuple[Shape, ...], spec: ArraySpec, layers: Ints, codes: Ints) -> Floats:
    """On-chip parts of many points, float64[points, 8], as `points.breakdowns`; layers: place in `shapes` of each."""
    rows = [_all_parts(shapes[layer], spec)[code] for layer, code in zip(layers.tolist(), codes.tolist(), strict=True)]
    return np.array(rows).reshape(-1, 9)


def words(code: int) -> dict[str, object]:
    """What a point is: rows and columns of a thread block, parts of the reduction, or that it runs on the lanes."""
    if code == ON_LANES:
        return {"thread_block": "none", "runs_on": "vector lanes"}
    rows, columns, parts = _ALL[code]
    return {"thread_block": f"{rows}x{columns}", "split_reduction": parts}
