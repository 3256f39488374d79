"""What the programmes read: moves of a network beside the frontiers they may use, in flat arrays, built once and shared."""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier import array
from simulator.frontier.grid.points import Stack
from simulator.frontier.grid.search import WEIGHTS
from simulator.frontier.kept import Place
from simulator.frontier.packs import Lookup, Pack, blocks_of, mark_all, pack_of
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FIRST_PASS,
    RESERVED,
    SPAN_HI,
    SPAN_LO,
    VECTOR_CYCLES,
    Net,
    Network,
    Source,
)
from simulator.lower.array import ArraySpec
from simulator.lower.rows import Lowered, Row
from simulator.lower.shape import Shape
from simulator.lower.work import Work, work_of
from simulator.schedule.states import Moves, moves
from simulator.units import GPU_VECTOR_L2_EFFICIENCY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


TENSOR_BYTES = 2
"""Column of `Pool.cuts` behind those of `kernels.schedule_stretches`: bytes of the tensor there."""


@dataclass(frozen=True)
class Above:
    """How far a pool is above another one with the same moves: every schedule takes at least so much more than some schedule of
    that, which needs no more room."""

    pool: "Pool"
    cycles: float
    """On-chip."""
    outer_bytes: float


@dataclass(frozen=True)
class Pool:
    """Moves and frontiers of one network on one array.

    points: float64[points, 3], room, bytes and cycles of all frontiers one after another; codes and footprints beside. spans:
    int64[moves, 4], rows lo..hi a move may use (equal for vector work), where its blocks begin, and a number that moves with the
    same rows and the same reserved bytes share; spans_kept: the same where the step's weights are in
    SRAM as a whole. life, heads, blocks, marks: what queries start from (`kernels.stairs.mark`). costs: float64[moves, 4]
    and steps: float64[steps, 2] as `kernels.schedule_few` reads them. move_step: the step of each move. weights: constant
    weight bytes of each step. [B]
    """

    lowered: "Lowered | Callable[[], Lowered]"
    """The network in numbers, or what makes it: few ask for it once there is a pool."""
    spec: ArraySpec
    moves: Moves
    points: Floats
    codes: Ints
    footprints: Floats
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
    starts: Floats
    """Cycles of each step before its transfers, not beside them. No choice changes them, so that the searches leave them out:
    `Plan` and `solve_whole` add them."""
    stacked: "Stack | Callable[[], Stack]"
    """Tables of the shapes, to read points of the frontiers, or what makes them."""
    pack: str = ""
    """The file on disk of the points, where such are kept; empty where they are other ones."""
    rescored: bool = False
    """Whether the points have other cycles than they were searched for: then the frontiers of weights that are in SRAM may lack
    points that were beaten there and would be the best now."""
    floor: float = NO_FLOOR
    """Room below which a tiling may be offered that needs more: then a schedule must be looked at (`exact`). [B]"""
    exactly: "Callable[[], Pool] | None" = field(default=None, compare=False, repr=False)
    """Makes the same without a floor."""
    fixed: int = 0
    """Points in front that pools that are alike have too."""
    above: Above | None = field(default=None, compare=False, repr=False)
    """Another pool, of which bounds are known: those of this one follow from them."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What later rooms derive from the pool once (orders, least times)."""

    @functools.cached_property
    def low(self) -> Lowered:
        """The network in numbers."""
        return self.lowered() if callable(self.lowered) else self.lowered

    @functools.cached_property
    def stack(self) -> Stack:
        """Tables of the shapes, to read points of the frontiers."""
        return self.stacked() if callable(self.stacked) else self.stacked

    @functools.cached_property
    def exact(self) -> "Pool":
        """The same without a floor: all that a network may do in any room. It takes several times as long to find."""
        return self if self.exactly is None else self.exactly()

    @property
    def alike(self) -> dict[Any, Any]:
        """What is derived of what pools behind other contexts have in common with this one; theirs too, where they share it."""
        found: dict[Any, Any] = self.memo.setdefault("alike", {})
        return found

    @functools.cached_property
    def net(self) -> Net:
        """Points and what queries of them start from, as the kernels read them."""
        return Net(self.points, self.life, self.heads, self.blocks, self.marks)

    @functools.cached_property
    def network(self) -> Network:
        """Moves, steps and points as the kernels read them, where no weights stay."""
        plan = self.moves
        return Network(plan.first, plan.source, plan.target, self.spans, self.costs, self.steps, self.back, self.net)

    @functools.cached_property
    def back(self) -> Ints:
        """How many steps before each one is a step with the same moves: as many for all. 0: there is none."""
        plan = self.moves
        columns = (plan.source, plan.target, self.spans, self.spans_kept, self.costs)
        of_moves = np.column_stack([column.astype(np.float64) for column in columns])
        of_steps = np.column_stack([self.steps, self.weights])
        return back_of([
            (of_moves[low:high].tobytes(), of_steps[step].tobytes())
            for step, (low, high) in enumerate(pairwise(plan.first.tolist()))
        ])  # fmt: skip

    @functools.cached_property
    def source(self) -> Source:
        """The same, and what the kernels ask where weights stay."""
        return Source(self.network, self.spans_kept, self.weights)

    @functools.cached_property
    def work(self) -> Work:
        """What the network does for the batch, whatever the schedule."""
        return work_of(self.low)

    @functools.cached_property
    def longest(self) -> int:
        """The longest axis of a layer."""
        return max((max(shape.extents) for shape in self.shapes), default=0)

    @functools.cached_property
    def has_long(self) -> bool:
        """Whether a layer is a very long product."""
        return any(shape.is_long for shape in self.shapes)

    @functools.cached_property
    def all_weights(self) -> float:
        """Constant weights of the network. [B]"""
        return float(self.weights.sum())

    @functools.cached_property
    def cuts(self) -> Floats:
        """Where segments may begin and end, float64[cuts, 3]: steps before, state (-1: none) and bytes of its tensor."""
        rows = [(0.0, -1.0, 0.0)]
        for steps, tensor, state in self.moves.at_cut:
            rows.append((float(steps), float(state), self.low.tensor_bytes[tensor] if tensor >= 0 else 0.0))
        return np.array(rows)

    @functools.cached_property
    def least_after(self) -> Floats:
        """No choice of the steps after each takes fewer on-chip cycles."""
        return np.asarray(self.least_cycles.sum() - np.cumsum(self.least_cycles))

    @functools.cached_property
    def beside_after(self) -> Floats:
        """No choice of the steps after each moves fewer bytes of the outer memory beside its constant weights, once each."""
        tiles = _least_of_spans(self.points[:, BYTES], (self.spans, self.spans_kept))
        return beside_after(self.moves, tiles, self.costs[:, BESIDE], self.weights[self.move_step])


class Used(NamedTuple):
    """Which frontiers the moves of a network use, each place once. layers: a step of each distinct shape. place_layer, masks: of
    each place the number of its shape, and the resident operands. at, at_kept: of each move its place, and the same where the
    step's weights are in SRAM as a whole; -1 for vector work.
    """

    layers: tuple[int, ...]
    place_layer: Ints
    masks: tuple[int, ...]
    at: Ints
    at_kept: Ints

    def shapes(self, low: Lowered) -> tuple[Shape, ...]:
        """Distinct shapes of the layers."""
        return tuple([shape for step in self.layers if (shape := low.rows[step].shape) is not None])

    def places(self, shapes: Sequence[Shape]) -> list[Place]:
        """The frontiers."""
        return [(shapes[layer], mask) for layer, mask in zip(self.place_layer.tolist(), self.masks, strict=True)]


def used_by(low: Lowered, plan: Moves, keep: bool) -> Used:
    """The frontiers that some moves use. keep: whether constant weights may be in SRAM as a whole."""
    numbers: dict[tuple[int, int], int] = {}
    layers: dict[Shape, int] = {}
    steps: list[int] = []
    at, at_kept = ([-1] * len(plan.masks) for _ in range(2))
    first, masks = plan.first.tolist(), plan.masks.tolist()
    for step, row in enumerate(low.rows):
        if row.shape is None:
            continue
        layer = layers.setdefault(row.shape, len(layers))
        if layer == len(steps):
            steps.append(step)
        kept = WEIGHTS if keep and row.weight_bytes > 0.0 else 0
        for move in range(first[step], first[step + 1]):
            at[move] = numbers.setdefault((layer, masks[move]), len(numbers))
            at_kept[move] = numbers.setdefault((layer, masks[move] | kept), len(numbers))
    owner = np.array([layer for layer, _ in numbers], dtype=np.int64)
    places = (np.array(found, dtype=np.int64) for found in (at, at_kept))
    return Used(tuple(steps), owner, tuple(mask for _, mask in numbers), *places)


def build_pool(
    low: Lowered, lanes: float, optimal: bool, keep: bool, lookup: Lookup | None = None, floor: float = NO_FLOOR
) -> Pool:
    """The pool of a lowered network.

    lanes: elements the vector unit does a cycle. optimal: whether activations may be resident. keep: whether constant
    weights may be in SRAM as a whole (for ever, or for a segment of sub-batches). lookup: gives the frontier of a shape.
    floor: see `Pool`.
    """
    plan = moves(low, optimal)
    used = used_by(low, plan, keep)
    shapes = used.shapes(low)
    steps = np.array([vector_work(row, low, lanes) for row in low.rows])
    found = laid_out(low, plan, used, steps, pack_of(used.places(shapes), shapes, low.spec, lookup, floor))
    if floor == NO_FLOOR:
        return found
    return replace(found, floor=floor, exactly=lambda: build_pool(low, lanes, optimal, keep, lookup))


def laid_out(low: Lowered, plan: Moves, used: Used, steps: Floats, pack: Pack) -> Pool:
    """The pool of moves and of the frontiers that they use. steps: as of `Pool`; pack: the frontiers of `used` in its order."""
    move_step = np.repeat(np.arange(len(low.rows)), np.diff(plan.first))
    blocks = blocks_of(pack.bounds)
    rows = np.stack([pack.bounds[:-1], pack.bounds[1:], np.cumsum(blocks) - blocks], axis=1)
    rows = np.concatenate([rows, np.zeros((1, 3), dtype=np.int64)])  # what number -1, vector work, finds
    sizes, size = np.unique(plan.reserved, return_inverse=True)
    asked = np.concatenate([used.at, used.at_kept]) * len(sizes) + np.concatenate([size, size])
    queries = np.unique(asked, return_inverse=True)[1].reshape(2, -1, 1)
    weights = np.array([row.weight_bytes for row in low.rows])
    costs = np.zeros((len(move_step), 4))
    costs[:, RESERVED], costs[:, BESIDE], costs[:, FIRST_PASS] = plan.reserved, plan.beside, weights[move_step]
    spans, spans_kept = (
        np.hstack([rows[which], query]) for which, query in zip((used.at, used.at_kept), queries, strict=True)
    )
    first_at = used.at[plan.first[:-1]]
    shapes = used.shapes(low)
    starts = np.array([*(array.model_of(low.spec).start(shape, low.spec) for shape in shapes), 0.0])
    step_shape = np.where(first_at < 0, -1, np.append(used.place_layer, -1)[first_at])
    return Pool(
        lowered=low,
        spec=low.spec,
        moves=plan,
        points=pack.points,
        codes=pack.codes,
        footprints=pack.footprints,
        spans=spans,
        spans_kept=spans_kept,
        life=pack.life,
        heads=pack.heads,
        blocks=pack.blocks,
        marks=pack.marks,
        costs=costs,
        steps=steps,
        move_step=move_step,
        weights=weights,
        least_cycles=_least(plan, pack.points, (spans, spans_kept), steps),
        shapes=shapes,
        point_shape=np.repeat(used.place_layer, np.diff(pack.bounds)),
        step_shape=step_shape,
        starts=starts[step_shape],
        stacked=pack.stack,
        pack=pack.name,
    )


def vector_work(row: Row, low: Lowered, lanes: float) -> tuple[float, float]:
    """(least footprint [B], on-chip cycles) of the vector work of a step; on a GPU it goes through the shared cache."""
    cycles = row.vector_operations / lanes
    if low.spec.kind != "sm":
        return row.least_footprint, cycles
    if row.shape is None:
        moved = row.fixed_bytes + row.output_bytes + sum(size for _, size in row.reads)
        cycles = max(cycles, moved / (low.spec.port_bytes_per_cycle * GPU_VECTOR_L2_EFFICIENCY))
    return 0.0, cycles


def beside_after(plan: Moves, tiles: Floats, beside: Floats, weights: Floats) -> Floats:
    """`Pool.beside_after` from the least bytes of tiles of each move, float64[2, moves], and its other bytes and weights."""
    moved = tiles + beside
    least = np.maximum(0.0, np.minimum(moved[0] - weights, moved[1]))  # of weights in SRAM no tile moves any
    each = np.minimum.reduceat(least, plan.first[:-1])
    return np.asarray(each.sum() - np.cumsum(each))


def least_of_steps(plan: Moves, of_moves: Floats, steps: Floats) -> Floats:
    """Fewest on-chip cycles of each step, from the fewest of the tiles of each move, float64[2, moves]."""
    return np.maximum(steps[:, VECTOR_CYCLES], np.minimum.reduceat(of_moves.min(axis=0), plan.first[:-1]))


def _least(plan: Moves, points: Floats, spans: tuple[Ints, Ints], steps: Floats) -> Floats:
    """Fewest on-chip cycles of each step over all its moves and points."""
    return least_of_steps(plan, _least_of_spans(points[:, CYCLES], spans), steps)


def _least_of_spans(column: Floats, spans: tuple[Ints, Ints]) -> Floats:
    """The least of a column of points in each of some spans, float64[2, moves]; 0 in empty ones."""
    lows, highs = (np.concatenate([which[:, column] for which in spans]) for column in (SPAN_LO, SPAN_HI))
    # Ranges that begin at the same point are the same, but for empty ones.
    begins, at, inverse = np.unique(np.where(lows < highs, lows, -1), return_index=True, return_inverse=True)
    ends = highs[at].tolist()
    least = [column[lo:hi].min() if lo >= 0 else 0.0 for lo, hi in zip(begins.tolist(), ends, strict=True)]
    return np.array(least)[inverse].reshape(2, -1)


def back_of(steps: Sequence[Hashable]) -> Ints:
    """Of each step, how many steps before it is an equal one, if as many as most others have; else 0."""
    known: dict[Hashable, int] = {}
    numbers = np.array([known.setdefault(step, len(known)) for step in steps], dtype=np.int64)
    equal = [int((numbers[period:] == numbers[:-period]).sum()) for period in range(1, len(numbers) // 2 + 1)]
    found = np.zeros(len(numbers), dtype=np.int64)
    if equal and max(equal) > 1:
        period = equal.index(max(equal)) + 1
        found[period:][numbers[period:] == numbers[:-period]] = period
    return found


def without(pool: Pool, cycles_of: "Callable[[Pool], Floats] | None", vector: bool) -> Pool:
    """The same moves and tilings with other on-chip cycles a point; with `vector`, vector work takes no time."""
    points, found = pool.points, (pool.life, pool.heads, pool.blocks, pool.marks)
    if cycles_of is not None and len(points):
        points = points.copy()
        points[:, CYCLES] = cycles_of(pool)
        spans = np.concatenate([pool.spans, pool.spans_kept])
        starts = np.unique(spans[spans[:, SPAN_LO] < spans[:, SPAN_HI], SPAN_LO])
        found = mark_all(points, np.append(starts, len(points)).astype(np.int64))
    steps = pool.steps.copy()
    if vector:
        steps[:, VECTOR_CYCLES] = 0.0
    least = _least(pool.moves, points, (pool.spans, pool.spans_kept), steps)
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
        pack="",
        rescored=cycles_of is not None,
        above=None,
        fixed=0,
        exactly=None if pool.exactly is None else lambda: without(pool.exact, cycles_of, vector),
        memo={},
    )
