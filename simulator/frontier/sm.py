"""A layer on a GPU: thread blocks of a fixed list of sizes, cut over the multiprocessors, fed from the shared cache.

A multiprocessor (SM) is an array with a MAC rate and no shape of its own: what an unrolling is for other arrays is here
a block of outputs and a split of the reduction. docs/model_gpu.md has the equations, their sources and what was fitted.
"""

import numpy as np

from simulator.frontier.grid.points import ARRAY, FEED_BYTES, INTERCONNECT, SRAM
from simulator.frontier.grid.search import WEIGHTS, Frontier
from simulator.frontier.grid.unrolling import Floats, Ints
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.store.memory import remembered
from simulator.units import (
    GPU_ARRAY_EFFICIENCY,
    GPU_ARRAY_EFFICIENCY_ASYNC,
    GPU_ATTENTION_PART,
    GPU_ATTENTION_ROWS,
    GPU_KERNEL_CYCLES,
    GPU_L2_EFFICIENCY,
    GPU_LANE_EFFICIENCY,
    GPU_ROUND_CYCLES,
    GPU_SOFTMAX_CYCLES,
    GPU_STEP_BYTES,
    GPU_STEP_CYCLES,
    GPU_SUM_BYTES,
)

BLOCKS = (
    (256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64),
)  # fmt: skip
"""Rows (pixels) and columns (output channels) of the outputs that one thread block computes: those of common libraries."""

SPLITS = (1, 2, 4)
"""Parts of the reduction that may run in blocks of their own, whose sums are added afterwards."""

ON_LANES = len(BLOCKS) * len(SPLITS)
"""Code of a layer that runs on the vector lanes: one channel a group, or one pixel, leaves a matrix unit nothing to share."""

ATTENTION = ON_LANES + 1
"""Code of attention: both products and the softmax between them in one kernel."""

SUM_WIDTH = 4
"""Bytes of a partial sum."""

_ALL = tuple((rows, columns, parts) for rows, columns in BLOCKS for parts in SPLITS)


@remembered(16 * 2**20)
def _all_parts(shape: Shape, spec: ArraySpec) -> Floats:
    """On-chip parts of every choice, float64[choices, 9] in the order of `grid.points.OnChip`; infinite where there is none."""
    out = np.full((ATTENTION + 1, 9), np.inf)
    if shape.context > 0:
        out[ATTENTION] = _attention(shape, spec)
        return out
    for code, (rows, columns, parts) in enumerate(_ALL):
        found = _product(shape, spec, rows, columns, parts)
        if found is not None:
            out[code] = found
    _, n, k, c, p, q, _, _ = shape.step_extents
    if (c == 1 and k == 1) or n * p * q == 1:
        out[ON_LANES] = _on_lanes(shape, spec)
    return out * shape.steps  # of a recurrence, one after another


def _product(shape: Shape, spec: ArraySpec, rows: int, columns: int, parts: int) -> tuple[float, ...] | None:
    """One size of thread block and split of the reduction; None where a part of it would be empty."""
    g, n, k, c, p, q, r, s = shape.step_extents
    steps = _steps(c * r * s, parts, shape.in_width)
    if steps == 0:
        return None
    blocks = g * -(-(n * p * q) // rows) * -(-k // columns) * parts
    each = -(-blocks // spec.count)  # blocks of the SM that has most of them
    beside = max(1, GPU_SUM_BYTES // (rows * columns * SUM_WIDTH))
    rounds = -(-each // beside)
    length = steps * GPU_STEP_BYTES / shape.in_width  # of the reduction, as the blocks see it
    one = rows * columns * length / _macs(spec)
    waiting = (rounds - 1) * _idle(beside * one, steps) + _idle((each - (rounds - 1) * beside) * one, steps)
    outputs = float(g * n * k * p * q)
    written = outputs * (shape.out_width if parts == 1 else 2.0 * SUM_WIDTH * parts)
    feed = blocks * (rows + columns) * length * shape.in_width + written
    return _row(_ideal(shape, spec), each * one, waiting + _starts(rounds, spec), feed, spec)


def _on_lanes(shape: Shape, spec: ArraySpec) -> tuple[float, ...]:
    """The layer on the vector lanes, each operand fetched once."""
    g, n, k, c, p, q, r, s = shape.step_extents
    plane = shape.plane[0] * shape.plane[1]
    feed = g * (n * c * plane + k * c * r * s) * shape.in_width + float(g * n * k * p * q) * shape.out_width
    ideal = _ideal(shape, spec)
    busy = shape.macs / shape.steps / (spec.lanes * GPU_LANE_EFFICIENCY)
    return _row(ideal, max(ideal, busy), _starts(1, spec), feed, spec)


def _attention(shape: Shape, spec: ArraySpec) -> tuple[float, ...]:
    """softmax(Q K') V in one kernel: a block has a head's queries, or a part of them, and all its keys and values.

    Its softmax runs between the products, on the lanes of its multiprocessor, which are `GPU_SOFTMAX_CYCLES` at a score.
    """
    g, n, k, c, p, q, r, s = shape.step_extents
    queries = n * p * q
    rows = queries if queries <= GPU_ATTENTION_ROWS else GPU_ATTENTION_PART
    blocks = g * -(-queries // rows)
    each = -(-blocks // spec.count)
    rounds = -(-each // max(1, GPU_SUM_BYTES // (rows * shape.context * SUM_WIDTH)))
    busy = each * rows * k * (c * r * s + shape.context) / _macs(spec)
    waiting = each * rows * k * GPU_SOFTMAX_CYCLES / (spec.lanes / spec.count)
    fetched = blocks * (rows * c * r * s + k * (c * r * s + shape.context)) * shape.in_width
    feed = fetched + float(g * queries * k) * shape.out_width
    return _row(_ideal(shape, spec), busy, waiting + _starts(rounds, spec), feed, spec)


def _ideal(shape: Shape, spec: ArraySpec) -> float:
    """Cycles of one step of a layer at the full MAC rate."""
    return shape.macs / (spec.rate * spec.rows * spec.columns * spec.count) / shape.steps


def _macs(spec: ArraySpec) -> float:
    """MACs a cycle that thread blocks reach on one multiprocessor."""
    share = GPU_ARRAY_EFFICIENCY_ASYNC if spec.async_copies else GPU_ARRAY_EFFICIENCY
    return spec.rate * spec.rows * spec.columns * share


def _starts(rounds: int, spec: ArraySpec) -> float:
    """Cycles to start a kernel and its rounds of blocks."""
    return float(rounds * GPU_ROUND_CYCLES + (0 if spec.async_copies else GPU_KERNEL_CYCLES))


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
    """The parts of one choice as `grid.points.OnChip` has them."""
    link = feed / (spec.link_bytes_per_cycle * GPU_L2_EFFICIENCY)
    port = feed / (spec.port_bytes_per_cycle * GPU_L2_EFFICIENCY)
    return busy + waiting, ideal, max(0.0, busy - ideal), waiting, 0.0, link, port, feed, 0.0


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0) -> Frontier:
    """The best choice of a layer: the fewest on-chip cycles, then the least feed, then the first.

    One point: the constant weights are read once, and all else goes through the cache, whatever the blocks are.
    """
    parts = _all_parts(shape, spec)
    cycles = np.max(parts[:, [ARRAY, INTERCONNECT, SRAM]], axis=1)
    best = int(np.lexsort((parts[:, FEED_BYTES], cycles))[0])
    g, _, k, c, _, _, r, s = shape.step_extents
    weights = 0.0 if resident & WEIGHTS else shape.weight_width * g * k * c * r * s
    one = np.zeros(1)
    return Frontier(one, one + weights, one + cycles[best], np.array([best], dtype=np.int64))


def parts(shapes: tuple[Shape, ...], spec: ArraySpec, layers: Ints, codes: Ints) -> Floats:
    """On-chip parts of many points, float64[points, 9], as `grid.points.breakdowns`; layers: place in `shapes` of each."""
    rows = [_all_parts(shapes[layer], spec)[code] for layer, code in zip(layers.tolist(), codes.tolist(), strict=True)]
    return np.array(rows).reshape(-1, 9)


def words(code: int) -> dict[str, object]:
    """What a point is: rows and columns of a thread block, parts of the reduction, or that it runs on the lanes."""
    if code == ON_LANES:
        return {"thread_block": "none", "runs_on": "vector lanes"}
    if code == ATTENTION:
        return {"thread_block": "queries of a head", "runs_on": "attention"}
    rows, columns, parts = _ALL[code]
    return {"thread_block": f"{rows}x{columns}", "split_reduction": parts}
