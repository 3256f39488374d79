"""What the programmes read: moves of a network beside the frontiers they may use, in flat arrays, built once and shared."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.kernels import programme as kernels
from simulator.lowering import Lowered
from simulator.schedule.states import Moves, moves
from simulator.tiling import WEIGHTS, Frontier, Shape
from simulator.unrolling import ArraySpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MARK = kernels.MARK
LONGEST = 4096
"""More points than any staircase in bytes and cycles has (a few dozen); beyond it `mark` would need more room."""

Lookup = Callable[[Shape, ArraySpec, int], Frontier]


@dataclass(frozen=True)
class Pool:
    """Moves and frontiers of one network on one array.

    points: float64[points, 3], footprint, bytes and cycles of all frontiers one after another; codes beside. spans: rows lo..hi
    a move may use (equal for vector work) and where its blocks begin; spans_kept: the same where the step's weights are in
    SRAM as a whole. life, heads, blocks, marks: what queries start from (`kernels.programme.mark`). costs: float64[moves, 4]
    and steps: float64[steps, 2] as `kernels.programme` reads them. move_step: the step of each move. weights: constant
    weight bytes of each step. [B]
    """

    low: Lowered
    moves: Moves
    points: Floats
    codes: Ints
    spans: Ints
    spans_kept: Ints
    life: Floats
    heads: Floats
    blocks: Ints
    marks: Ints
    costs: Floats
    steps: Floats
    move_step: Ints
    weights: Floats
    least_cycles: Floats
    """No choice of a step takes fewer on-chip cycles."""
    shapes: tuple[Shape, ...]
    """Distinct shapes of the layers."""
    point_shape: Ints
    """Of each point, the place of its shape in `shapes`."""
    step_shape: Ints
    """Of each step, the place of its shape in `shapes`; -1 for vector work."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What later rooms derive from the pool once (orders, stacked tables)."""

    @property
    def net(self) -> tuple[Floats, Floats, Floats, Ints, Ints]:
        """Points and what queries of them start from, as the kernels read them."""
        return self.points, self.life, self.heads, self.blocks, self.marks


def build_pool(low: Lowered, lanes: float, optimal: bool, keep: bool, lookup: Lookup) -> Pool:
    """The pool of a lowered network.

    lanes: elements the vector unit does a cycle. optimal: whether activations may be resident. keep: whether constant
    weights may be in SRAM as a whole (for ever, or for a segment of sub-batches). lookup: gives the frontier of a shape.
    """
    plan = moves(low, optimal)
    move_step = np.repeat(np.arange(len(low.rows)), np.diff(plan.first))
    places: dict[tuple[Shape, int], tuple[int, int, int]] = {}
    parts: list[Frontier] = []
    spans = np.zeros((len(move_step), 3), dtype=np.int64)
    spans_kept = np.zeros((len(move_step), 3), dtype=np.int64)

    def place(shape: Shape, resident: int) -> tuple[int, int, int]:
        if (shape, resident) not in places:
            part = lookup(shape, low.spec, resident)
            _, start, base = places[next(reversed(places))] if places else (0, 0, 0)
            if parts:
                base += -(-len(parts[-1]) // MARK) + 1
            parts.append(part)
            places[shape, resident] = (start, start + len(part), base)
        return places[shape, resident]

    for move, (step, mask) in enumerate(zip(move_step.tolist(), plan.masks.tolist(), strict=True)):
        shape = low.rows[step].shape
        if shape is None:
            continue
        spans[move] = spans_kept[move] = place(shape, mask)
        if keep and low.rows[step].weight_bytes > 0.0:
            spans_kept[move] = place(shape, mask | WEIGHTS)
    shapes = tuple(dict.fromkeys(shape for shape, _ in places))
    owner = [shapes.index(shape) for shape, _ in places]
    point_shape = np.repeat(np.array(owner, dtype=np.int64), [len(part) for part in parts])
    points, codes = _join(parts)
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    found = mark_all(points, bounds)
    weights = np.array([row.weight_bytes for row in low.rows])
    costs = np.zeros((len(move_step), 4))
    costs[:, 0], costs[:, 1], costs[:, 3] = plan.reserved, plan.beside, weights[move_step]
    steps = np.array([[row.least_footprint, row.vector_operations / lanes] for row in low.rows])
    least = _least(plan, points, spans_kept, steps)
    numbers = {shape: at for at, shape in enumerate(shapes)}
    step_shape = np.array([-1 if row.shape is None else numbers[row.shape] for row in low.rows], dtype=np.int64)
    return Pool(
        low, plan, points, codes, spans, spans_kept, *found, costs, steps, move_step, weights, least, shapes,
        point_shape,
        step_shape,
    )  # fmt: skip


def _least(plan: Moves, points: Floats, spans: Ints, steps: Floats) -> Floats:
    """Fewest on-chip cycles of each step over all its moves and points."""
    least = steps[:, 1].copy()
    cheapest = {at: points[at[0] : at[1], 2].min() for at in {(int(a), int(b)) for a, b, _ in spans} if at[0] < at[1]}
    for step, first in enumerate(plan.first[:-1]):
        on_tiles = [cheapest.get((int(a), int(b)), 0.0) for a, b, _ in spans[first : plan.first[step + 1]]]
        least[step] = max(least[step], min(on_tiles))
    return least


def _join(parts: list[Frontier]) -> tuple[Floats, Ints]:
    """(points, codes) of frontiers laid one after another."""
    points = np.empty((sum(len(part) for part in parts), 3))
    row = 0
    for part in parts:
        end = row + len(part)
        points[row:end, 0], points[row:end, 1], points[row:end, 2] = part.footprint, part.bytes_, part.cycles
        row = end
    codes = np.concatenate([part.codes for part in parts]) if parts else np.zeros(0, dtype=np.int64)
    return points, codes


def mark_all(points: Floats, bounds: Ints) -> tuple[Floats, Floats, Ints, Ints]:
    """(life, heads, blocks, marks) of frontiers whose rows begin and end at `bounds` (`kernels.programme.mark`)."""
    counts = -(-np.diff(bounds) // MARK) + 1
    heads, blocks = np.zeros(counts.sum() + 1), np.zeros(counts.sum() + 1, dtype=np.int64)
    life, marks = np.empty((len(points), 2)), np.empty(4096, dtype=np.int64)
    scratch = np.empty(LONGEST, dtype=np.int64)
    base = used = 0
    for row, end, count in zip(bounds.tolist(), bounds[1:].tolist(), counts.tolist(), strict=False):
        while True:
            size = kernels.mark(row, end, points, life, scratch, heads[base:], blocks[base:], marks, used)
            if size >= 0:
                break
            marks = np.concatenate([marks[:used], np.empty(2 * len(marks), dtype=np.int64)])
        base, used = base + count, size
    return life, heads, blocks, marks[:used].copy()


def without(pool: Pool, cycles: Floats | None, vector: bool) -> Pool:
    """The same moves and tilings with other on-chip cycles a point; with `vector`, vector work takes no time."""
    points, found = pool.points, (pool.life, pool.heads, pool.blocks, pool.marks)
    if cycles is not None and len(points):
        points = points.copy()
        points[:, 2] = cycles
        starts = {(int(lo), int(hi)) for spans in (pool.spans, pool.spans_kept) for lo, hi, _ in spans if lo < hi}
        found = mark_all(points, np.array([*sorted(lo for lo, _ in starts), len(points)], dtype=np.int64))
    steps = pool.steps.copy()
    if vector:
        steps[:, 1] = 0.0
    least = _least(pool.moves, points, pool.spans_kept, steps)
    life, heads, blocks, marks = found
    return replace(
        pool,
        points=points,
        life=life,
        heads=heads,
        blocks=blocks,
        marks=marks,
        steps=steps,
        least_cycles=least,
        memo={},
    )
