"""Pools of a language model behind any context of a stretch, from those at its ends.

Moves are the same behind every context, and so are most frontiers: only sizes of caches and of scores grow, each by as much a
token. What differs is put in its place; the frontiers of attention alone are sought anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from simulator.frontier import array
from simulator.frontier.grid.points import Stack
from simulator.frontier.kept import frontiers
from simulator.frontier.packs import Rows, blocks_of, joined, marked
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FOOTPRINT,
    RESERVED,
    SPAN_BASE,
    SPAN_HI,
    SPAN_LO,
    SPAN_QUERY,
    VECTOR_CYCLES,
)
from simulator.lower.behind import LoweredBehind, WorkBehind
from simulator.lower.lines import BentError, Column
from simulator.lower.operands import Operands
from simulator.lower.rows import Lowered, lower_steps
from simulator.lower.shape import Shape
from simulator.lower.work import Work
from simulator.schedule.pool import Above, Pool, Used, beside_after, build_pool, least_of_steps, used_by, vector_work
from simulator.schedule.states import Moves

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 6
"""Contexts of a stretch that are worth three pools: those at its ends, and one in the middle to see that it is a line."""

ROUNDING = 1e-9
"""Share of a sum by which bounds stay below it, since sums in another order must not cut the best."""

GROWN = ("reserved", "beside")
"""Columns of moves that grow with the context."""

USED_ARRAYS = tuple(Used._fields.index(name) for name in ("place_layer", "at", "at_kept"))
"""Places of the arrays of `Used`."""


class PoolsBehind:
    """The pools of a network at one batch behind contexts from `first` to `last`."""

    def __init__(
        self, steps: Callable[[int], Operands], batch: int, ends: tuple[int, int], keep: bool, floor: float = NO_FLOOR
    ) -> None:
        """steps: those behind a context. keep, floor: as of `build_pool`. Raises BentError where sizes do not grow by the same
        amount each time, or moves differ.
        """
        (first, last), operands = ends, [steps(context) for context in ends]
        self._first, self._keep, self._floor, times = first, keep, floor, last - first
        self._exactly = partial(PoolsBehind, steps, batch, ends, keep)
        self._lanes = float(operands[0].target.lanes)
        self._low = LoweredBehind((operands[0], operands[1]), batch, times)
        self.base, end = (self._built(low) for low in (self._low.first, self._low.last))
        self._work = WorkBehind(self.base.low, end.low, times)
        self._plan = _same_moves(self.base.moves, end.moves)
        self._grown = {name: Column(getattr(self.base.moves, name), getattr(end.moves, name), times) for name in GROWN}
        used, other = (used_by(pool.low, pool.moves, keep) for pool in (self.base, end))
        same = (used.layers, used.masks) == (other.layers, other.masks)
        if not (same and all(np.array_equal(used[at], other[at]) for at in USED_ARRAYS)):
            raise BentError
        self._doubled: dict[int, Pool] = {}
        """Pools that others are above of, at the first context doubled so often."""
        self._back = np.where(self.base.back == end.back, self.base.back, 0)
        self._settle(used, end.moves.reserved)
        middle = (first + last) // 2
        self._compare(self._built(lower_steps(steps(middle), batch)), middle)

    @cached_property
    def exact(self) -> "PoolsBehind":
        """The same without a floor."""
        return self if self._floor == NO_FLOOR else self._exactly()

    def _built(self, low: Lowered) -> Pool:
        return build_pool(low, self._lanes, True, self._keep, floor=self._floor)

    def at(self, context: int) -> Pool:
        """The pool behind a context. Raises BentError where something would be no whole number."""
        if context < 2 * self._first:
            return self._above(self._made(context), self.base)
        doubled = (context // self._first).bit_length() - 1
        if doubled not in self._doubled:
            self._doubled[doubled] = self._made(self._first << doubled)
        return self._above(self._made(context), self._doubled[doubled])

    def _above(self, pool: Pool, other: Pool) -> Pool:
        """A pool that knows how far it is above another one, of a context before it, where that can be told."""
        found = above(pool, other, self._used.at, sorted(self._low.varied))
        if found is None:
            return pool
        higher = replace(pool, above=found)
        vars(higher).update({name: vars(pool)[name] for name in ("back", "work", "beside_after")})
        return higher

    def _made(self, context: int) -> Pool:
        """The same, for itself."""
        more, base = context - self._first, self.base
        firsts = self._low.firsts(more)
        reserved, beside = (self._grown[name].at(more) for name in GROWN)
        plan = replace(self._plan, reserved=reserved, beside=beside)
        steps, shapes = base.steps.copy(), list(base.shapes)
        for first, row in firsts.items():
            steps[self._steps[first]] = vector_work(row, base.low, self._lanes)
        for number, first in self._grown_shapes:
            shapes[number] = firsts[first].shape or shapes[number]
        places = self._used.places(shapes)[self._fixed :]
        rows = joined([self._static, marked(frontiers.get_all(places, base.spec, self._floor))])
        pool = self._filled(plan, steps, rows, tuple(shapes))
        pool = replace(
            pool, lowered=lambda: self._low.at(more), stacked=self._tables(pool.shapes), floor=self._floor,
            exactly=None if self._floor == NO_FLOOR else lambda: self.exact.at(context), fixed=len(self._static.points),
        )  # fmt: skip
        pool.memo.update(alike=base.alike)
        after = beside_after(plan, self._least(rows, BYTES), beside, self._weights)
        vars(pool).update(back=self._back, work=self._work.at(more), beside_after=after)  # that is known already
        return pool

    def _tables(self, shapes: tuple[Shape, ...]) -> "Stack | Callable[[], Stack]":
        """What codes of points of these layers are read with."""
        if any(shapes[number].context == 0 for number, _ in self._grown_shapes):
            return lambda: array.model_of(self.base.spec).tables(shapes, self.base.spec)
        return self.base.stack  # codes of attention speak for themselves

    def _filled(self, plan: Moves, steps: Floats, rows: Rows, shapes: tuple[Shape, ...]) -> Pool:
        """The pool of moves and frontiers: as `laid_out`, of which most is that of the base."""
        base, bounds, used = self.base, rows.bounds, self._used
        sizes = np.diff(bounds)
        blocks = blocks_of(bounds)
        each = np.zeros((len(bounds), 3), dtype=np.int64)  # the last is what number -1, vector work, finds
        each[:-1, SPAN_LO], each[:-1, SPAN_HI], each[:-1, SPAN_BASE] = (
            bounds[:-1],
            bounds[1:],
            np.cumsum(blocks) - blocks,
        )
        spans, spans_kept = (np.empty_like(base.spans) for _ in range(2))
        for out, at, queries in ((spans, used.at, self._queries[0]), (spans_kept, used.at_kept, self._queries[1])):
            out[:, :SPAN_QUERY], out[:, SPAN_QUERY] = each[at], queries
        costs = base.costs.copy()
        costs[:, RESERVED], costs[:, BESIDE] = plan.reserved, plan.beside
        return replace(
            base, moves=plan, points=rows.points, codes=rows.codes, footprints=rows.footprints, spans=spans,
            spans_kept=spans_kept, costs=costs, steps=steps, shapes=shapes, point_shape=np.repeat(used.place_layer, sizes),
            least_cycles=least_of_steps(plan, self._least(rows, CYCLES), steps), pack="", memo={},
            **rows.marked._asdict(),
        )  # fmt: skip

    def _least(self, rows: Rows, column: int) -> Floats:
        """The least of a column of points for each move, float64[2, moves]: as it is, and with its weights in the SRAM."""
        least = np.append(np.minimum.reduceat(rows.points[:, column], rows.bounds[:-1]), 0.0)  # the last of vector work
        return least[self._both]

    def work(self, contexts: Sequence[int]) -> Work:
        """What the network does behind contexts: columns of one entry each."""
        return self._work.at(np.array(contexts, dtype=np.float64) - self._first)

    def _settle(self, used: Used, ends_reserved: Floats) -> None:
        """Put the frontiers that no context changes in front. ends_reserved: bytes of whole tensors behind the last."""
        grown = np.array(
            [used.layers[layer] in self._low.varied for layer in used.place_layer.tolist()], dtype=np.bool_
        )
        order = np.argsort(grown, kind="stable")
        numbers = np.append(np.argsort(order, kind="stable"), -1)
        self._used = Used(
            used.layers, used.place_layer[order], tuple(used.masks[place] for place in order.tolist()), numbers[used.at],
            numbers[used.at_kept],
        )  # fmt: skip
        self._fixed = int((~grown).sum())
        firsts = self._low.firsts_of()
        self._steps = {first: [step for step, other in firsts.items() if other == first] for first in firsts.values()}
        self._grown_shapes = [(number, firsts[step]) for number, step in enumerate(used.layers) if step in firsts]
        self._both, self._weights = (
            np.stack([self._used.at, self._used.at_kept]),
            self.base.weights[self.base.move_step],
        )
        # Moves with as many bytes of whole tensors at both ends have so everywhere.
        pair = np.stack([self.base.moves.reserved, ends_reserved], axis=1)
        size = np.unique(pair, axis=0, return_inverse=True)[1].reshape(-1)
        self._queries = np.unique(self._both * (int(size.max()) + 1) + size, return_inverse=True)[1].reshape(2, -1)
        same = self._used.places(self._used.shapes(self.base.low))[: self._fixed]
        self._static = marked(frontiers.get_all(same, self.base.low.spec, self._floor))

    def _compare(self, middle: Pool, context: int) -> None:
        """Raise BentError where a pool that was built for a context is another one.

        What is the most of several that grow bends one way only: where the middle is on the line, all of it is.
        """
        own = self.at(context)
        _same_moves(own.moves, middle.moves)
        same = own.low == middle.low and all(
            np.array_equal(getattr(own.moves, name), getattr(middle.moves, name)) for name in GROWN
        )
        same = same and np.array_equal(own.steps, middle.steps) and np.array_equal(own.weights, middle.weights)
        mine, work = vars(own.work), vars(middle.work)
        if not same or any(not np.array_equal(mine[name], work[name]) for name in mine if name != "room"):
            raise BentError
        if own.work.room != middle.work.room:
            raise BentError


def above(pool: Pool, other: Pool, places: Ints, varied: Sequence[int]) -> Above | None:
    """How far a pool is above another one, which differs in some steps; None where that cannot be told. places: of each move the
    number of its frontier.

    A choice of a step takes so much more than what the other pool offers with the same move in no more room. Weights are in the
    SRAM for nothing, so that only steps without any may differ.
    """
    moves, less = pool.moves, other.moves
    if (moves.reserved < less.reserved).any() or (pool.steps < other.steps).any() or pool.weights[varied].any():
        return None
    more_bytes, more_cycles = moves.beside - less.beside, np.zeros(len(places))
    own, its = pool.steps[:, VECTOR_CYCLES][pool.move_step], other.steps[:, VECTOR_CYCLES][pool.move_step]
    more_cycles[places < 0] = (own - its)[places < 0]
    known: dict[tuple[int, float, float], tuple[float, float] | None] = {}
    columns = (pool.spans[:, SPAN_LO], pool.spans[:, SPAN_HI], other.spans[:, SPAN_LO], other.spans[:, SPAN_HI])
    pairs = np.stack(columns, axis=1)
    some = np.zeros(len(pool.steps), dtype=np.bool_)
    some[varied] = True
    for move in np.flatnonzero((places >= 0) & some[pool.move_step]).tolist():
        key = (int(places[move]), float(own[move]), float(its[move]))
        if key not in known:
            low, high, begin, end = pairs[move].tolist()
            known[key] = _least_more(pool.points[low:high], other.points[begin:end], key[1:])
        found = known[key]
        if found is None:
            return None
        more_cycles[move] = found[0]
        more_bytes[move] += found[1]
    first = moves.first[:-1]
    cycles, outer = (float(np.minimum.reduceat(column, first).sum()) for column in (more_cycles, more_bytes))
    return Above(other, cycles - ROUNDING * abs(cycles), outer - ROUNDING * abs(outer))


def _least_more(points: Floats, others: Floats, vector: tuple[float, float]) -> tuple[float, float] | None:
    """(cycles, bytes) that each of some points takes more at least than the best of others in its room; None where some have no
    such. vector: cycles of vector work beside both.
    """
    at = np.searchsorted(others[:, FOOTPRINT], points[:, FOOTPRINT], side="right") - 1
    if at.min() < 0:
        return None
    cycles, outer = (np.minimum.accumulate(others[:, column])[at] for column in (CYCLES, BYTES))
    more = np.maximum(points[:, CYCLES], vector[0]) - np.maximum(cycles, vector[1])
    return float(more.min()), float((points[:, BYTES] - outer).min())


def _same_moves(one: Moves, other: Moves) -> Moves:
    """One of two sets of moves that differ in bytes alone. Raises BentError where they do not, or bytes decide what there is."""
    for name in (field.name for field in fields(Moves) if field.name not in GROWN):
        a, b = getattr(one, name), getattr(other, name)
        if not (np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b):
            raise BentError
    if one.thinned or one.thinned_cuts:
        raise BentError
    return one
