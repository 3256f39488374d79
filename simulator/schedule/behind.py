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
from simulator.frontier.kept import frontiers
from simulator.frontier.packs import Pack, joined, marked
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.behind import LoweredBehind, WorkBehind
from simulator.lower.lines import BentError, Column
from simulator.lower.operands import Operands
from simulator.lower.rows import Lowered, lower_steps
from simulator.lower.work import Work
from simulator.schedule.pool import Pool, Used, build_pool, laid_out, used_by, vector_work
from simulator.schedule.states import Moves

Ints = npt.NDArray[np.int64]

FEWEST = 6
"""Contexts of a stretch that are worth three pools: those at its ends, and one in the middle to see that it is a line."""

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
        self._back = np.where(self.base.back == end.back, self.base.back, 0)
        self._settle(used)
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
        more = context - self._first
        low = self._low.at(more)
        reserved, beside = (self._grown[name].at(more) for name in GROWN)
        plan = replace(self._plan, reserved=reserved, beside=beside)
        steps, shapes = self.base.steps.copy(), self._used.shapes(low)
        for step in self._low.varied:
            steps[step] = vector_work(low.rows[step], low, self._lanes)
        places = self._used.places(shapes)[self._fixed :]
        fresh = marked(frontiers.get_all(places, low.spec, self._floor))
        stack = self.base.stack
        if any(shape.context == 0 for shape, _ in places):  # codes of attention speak for themselves
            stack = array.model_of(low.spec).tables(shapes, low.spec)
        rows = joined([self._static, fresh])
        pool = laid_out(low, plan, self._used, steps, Pack(*rows[:-1], *rows.marked, stack))
        if self._floor != NO_FLOOR:
            pool = replace(pool, floor=self._floor, exactly=lambda: self.exact.at(context))
        pool.memo.update(back=self._back, work=self._work.at(more), alike=self.base.alike)
        return pool

    def work(self, contexts: Sequence[int]) -> Work:
        """What the network does behind contexts: columns of one entry each."""
        return self._work.at(np.array(contexts, dtype=np.float64) - self._first)

    def _settle(self, used: Used) -> None:
        """Put the frontiers that no context changes in front."""
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


def _same_moves(one: Moves, other: Moves) -> Moves:
    """One of two sets of moves that differ in bytes alone. Raises BentError where they do not, or bytes decide what there is."""
    for name in (field.name for field in fields(Moves) if field.name not in GROWN):
        a, b = getattr(one, name), getattr(other, name)
        if not np.all(a == b):  # of arrays of other lengths False
            raise BentError
    if one.thinned or one.thinned_cuts:
        raise BentError
    return one
