"""A token behind many contexts at once, on chips that schedule every step by itself.

Of a token's pass only attention depends on the context, and its sizes grow with it by the same amount each time. So the steps
of the pass are laid out at both ends of a stretch of contexts and in its middle, which must lie on the line; those that differ
are scheduled once for each context, in one pool, and all others once. Equal layers are looked at once.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.power import PowerModel
from simulator.graph.fuse import Step
from simulator.lower.lines import BentError, Line
from simulator.lower.operands import Operands
from simulator.lower.room import Room, live_bytes
from simulator.lower.rows import Lowered, Row, lower_steps, row_of
from simulator.lower.work import Work, mean_units, work_of
from simulator.result.totals import Totals, limit_of, totals_of
from simulator.schedule.few import solve_one
from simulator.schedule.machines import Machines, least_of_parts, machines_of
from simulator.schedule.plans import Plans, Sums, each_step
from simulator.schedule.pool import Pool, build_pool
from simulator.schedule.program import program_of
from simulator.schedule.solve import Limited, faster

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Bytes = dict[str, Floats]
"""Sums of bytes of a pass, by name in `Work` and `Room`, one entry a context."""

FEWEST = 3
"""Contexts that are told at once: of fewer each is a pass of its own."""

ENDS = ("compulsory_bytes", "weight_bytes", "input_output_bytes")
ROOM = ("weights", "states", "ends")
TENSORS = ("inputs", "weights", "output", "values")
"""What of a row is the number of a tensor."""
CLOSE = 1e-12
"""Share by which sums of bytes of a whole pass may differ in their last digits."""


def independent(chip: Architecture) -> bool:
    """Whether steps of a pass are scheduled by themselves, each in the whole SRAM."""
    rules = chip.schedule
    alone = rules.residency == "none" and rules.overlap != "network" and rules.placement == "time"
    return alone and not chip.keeps_weights and chip.array is not None


@dataclass(frozen=True)
class Passes:
    """A token of a language model on a chip, whatever is before it."""

    steps: Callable[[int, int], Operands]
    """Those of the pass with so many layers, behind a context."""
    chip: Architecture
    batch: int
    layers: int
    shallow: tuple[int, int] | None
    """Layers of two passes that differ by layers that repeat to the last; None: all layers are looked at."""


@dataclass(frozen=True)
class Told:
    """What passes take, one entry a context."""

    work: Work
    machines: Machines
    plans: Plans
    sure: Truths
    """Whether no equal parts of the batch can be faster, neither of all layers nor of a pass with fewer."""

    def totals(self, chip: Architecture, power: PowerModel | None) -> Totals:
        """Their figures. power: as of `totals_of`."""
        return totals_of(chip, self.work, self.machines, self.plans, power)


class _Ends:
    """The pass of some depth at both ends of a stretch of contexts."""

    def __init__(self, of: "Passes", layers: int, ends: tuple[int, int]) -> None:
        self.operands = first, last = of.steps(layers, ends[0]), of.steps(layers, ends[1])
        self.first, self.last = lower_steps(first, of.batch), lower_steps(last, of.batch)
        self._works = work_of(self.first), work_of(self.last)
        self._live = live_bytes(self.first, True), live_bytes(self.last, True)

    def bytes(self, at: Floats) -> Bytes:
        """Sums of bytes at shares of the stretch; of activations those of the step with the most."""
        found = {}
        for name in (*ENDS, *ROOM):
            low, high = (float(getattr(work.room if name in ROOM else work, name)) for work in self._works)
            found[name] = low + at * (high - low)
        first, last = self._live
        return {**found, "activations": np.asarray((first[:, None] + at * (last - first)[:, None]).max(axis=0))}


class Contexts:
    """A token's pass behind contexts from `first` to `last`."""

    def __init__(self, of: Passes, first: int, last: int) -> None:
        """Raises BentError where sizes do not grow by the same amount each time."""
        self._of, self._ends = of, (first, last)
        layers = of.shallow[1] if of.shallow else of.layers
        self._deep = _Ends(of, layers, (first, last))
        low, high = (operands.fused for operands in self._deep.operands)
        if len(low.steps) != len(high.steps) or self._deep.first.inside != "nothing" or self._deep.first.staying:
            raise BentError
        varied = [place for place, step in enumerate(low.steps) if step != high.steps[place]]
        self._lines = {place: Line(low.steps[place], high.steps[place]) for place in varied}
        if any(low.steps[place].stored for place in varied):
            raise BentError  # formats of what is state in part would depend on the context
        self._tensors = Line(low.tensors, high.tensors)
        middle = (first + last) // 2
        self._check(of.steps(layers, middle), middle)
        self._low = None
        if of.shallow:
            self._low = _Ends(of, of.shallow[0], (first, last))
        self._groups = self._alike(varied)
        self._times = np.array([self._times_of(row) for row in self._deep.first.rows])

    def told(self, contexts: Sequence[int], power: PowerModel | None, parts: bool = False) -> Told | None:
        """What passes behind each context take; None where some have no schedule. power: as of `totals_of`. parts: the batch
        runs in equal parts where that is faster, so that all of them are sure.
        """
        chip, low = self._of.chip, self._spread(contexts)
        machine = machines_of(chip)
        pool = build_pool(low, float(self._deep.operands[0].target.lanes), False, False)
        plan = solve_one(pool, machine)[0]
        if plan is None:
            return None
        spread = _Spread(len(self._deep.first.rows), self._groups, len(contexts))
        added = each_step(plan, machine)
        taken = spread.columns(np.vstack([plan.step_s, added.outer_bytes, added.feed_bytes, added.parts]))
        machines = machine.part(np.zeros(len(contexts), dtype=np.int64))
        first, among = np.array([self._share(context) for context in contexts], dtype=np.float64).T
        cases = [_Case(times, sums(first / among)) for times, sums in self._cases()]
        least = None if low.spec.kind == "sm" else spread.columns(pool.least_cycles)
        steps = _Steps(low, work_of(low), spread, taken, least)
        told = Told(steps.work(cases[0]), machines, steps.plans(cases[0]), np.ones(len(contexts), dtype=np.bool_))
        if parts:
            return self._in_parts(told, contexts, steps, cases[0], power)
        for case in cases:
            limited = limit_of(chip, steps.work(case), power)
            for size in self._sizes(limited):
                told.sure[self._may_be_faster(size, steps, case, machines, limited)] = False
        return told

    # ---- the pass --------------------------------------------------------------------------------------------------

    def _check(self, middle: Operands, context: int) -> None:
        """Raise BentError where a pass that was laid out at a context is not on the line.

        What is the most of several that grow bends one way only: where the middle is on the line, all of it is.
        """
        share, fused = self._share(context), middle.fused
        steps = self._deep.operands[0].fused.steps
        here = tuple(self._lines[place].at(share) if place in self._lines else step for place, step in enumerate(steps))
        between = self._deep.bytes(np.array([share[0] / share[1]]))["compulsory_bytes"][0]
        own = lower_steps(middle, self._of.batch).compulsory_bytes
        if here != fused.steps or self._tensors.at(share) != fused.tensors or abs(between - own) > CLOSE * own:
            raise BentError

    def _share(self, context: int) -> tuple[int, int]:
        """How far a context is from the first, of how many."""
        first, last = self._ends
        return context - first, max(1, last - first)

    def _times_of(self, row: Row) -> float:
        """How often a step of the pass that was lowered stands in that of all layers."""
        if self._of.shallow is None:
            return 1.0
        low, high = self._of.shallow
        found = re.match(r"layer(\d+)_", row.name)
        return (self._of.layers - low) / (high - low) if found and int(found[1]) > low else 1.0

    def _alike(self, varied: Sequence[int]) -> list[list[int]]:
        """Steps that vary, those together that are the same at both ends but for their names and the numbers of their tensors."""
        found: dict[Any, list[int]] = {}
        for place in varied:
            key = tuple(_nameless(low, low.rows[place]) for low in (self._deep.first, self._deep.last))
            found.setdefault(key, []).append(place)
        return list(found.values())

    def _cases(self) -> list[tuple[Floats, Callable[[Floats], Bytes]]]:
        """All layers, and the passes with fewer that they may be told from: how often each step that was lowered is in them, and
        what gives their sums of bytes at shares of the stretch."""
        ones = np.ones(len(self._times))
        if self._low is None or self._of.shallow is None:
            return [(ones, self._deep.bytes)]
        low, high = self._of.shallow
        more = (self._of.layers - high) / (high - low)
        fewer = self._low

        def deep(at: Floats) -> Bytes:
            above, below = self._deep.bytes(at), fewer.bytes(at)
            if not np.array_equal(above["activations"], below["activations"]):
                raise BentError
            return {name: above[name] + more * (above[name] - below[name]) for name in above}

        once = np.where(self._times == 1.0, 1.0, 0.0)
        return [(self._times, deep), (ones, self._deep.bytes), (once, fewer.bytes)]

    def _spread(self, contexts: Sequence[int]) -> Lowered:
        """The pass at the first context, and behind it a step of each of `_groups` for each context, on tensors of its own."""
        base, operands = self._deep.first, self._deep.operands[0]
        rows, sizes = list(base.rows), list(base.tensor_bytes)
        readers, producers, widths = list(base.tensor_readers), list(base.tensor_producers), list(base.widths)
        states = set(base.states)
        ends = self._deep.last.tensor_bytes
        grown = [tensor for tensor, size in enumerate(base.tensor_bytes) if size != ends[tensor]]
        for context in contexts:
            share = self._share(context)
            own = {tensor: len(sizes) + number for number, tensor in enumerate(grown)}
            here = self._tensors.at(share)
            for tensor in grown:
                sizes.append(here[tensor].elements * base.batch * base.widths[tensor])
                readers.append(base.tensor_readers[tensor])
                producers.append(base.tensor_producers[tensor])
                widths.append(base.widths[tensor])
                if tensor in states:
                    states.add(own[tensor])
            for first, *_ in self._groups:
                step: Step = self._lines[first].at(share)
                row = row_of(step, base.batch, operands)
                rows.append(_moved(replace(row, rectified=base.rows[first].rectified), own))
        return replace(
            base, rows=tuple(rows), tensor_bytes=tuple(sizes), tensor_readers=tuple(readers),
            tensor_producers=tuple(producers), widths=tuple(widths), states=frozenset(states),
        )  # fmt: skip

    def _sizes(self, limited: Limited | None) -> list[int]:
        """Sizes of equal parts that the batch may run in: the rules of the chip alone tell, and no pool is asked for."""
        return program_of(self._of.chip, _no_pool, self._of.batch).parts(limited is not None)

    def _may_be_faster(
        self,
        size: int,
        steps: "_Steps",
        case: "_Case",
        machines: Machines,
        limited: Limited | None,
        plans: Plans | None = None,
    ) -> Ints:
        """Contexts behind which parts of a size may be faster than the whole batch, or than `plans`: as `least_in_parts`."""
        work, known = steps.work(case), plans or steps.plans(case)
        ends = known.cold.time_s if limited is None else np.maximum(known.cold.time_s, limited(known.cold))
        parts = work.batch // size
        count = int(case.times.sum()) * parts
        outer = work.compulsory_bytes + (parts - 1) * work.weight_bytes
        return np.flatnonzero(least_of_parts(steps.least_cycles(case), outer, count, machines, steps.low.spec) < ends)

    def _in_parts(
        self, told: Told, contexts: Sequence[int], steps: "_Steps", case: "_Case", power: PowerModel | None
    ) -> Told | None:
        """The same, in equal parts of the batch where that is faster: as `solve`. None where some parts have no schedule."""
        plans, limited = told.plans, limit_of(self._of.chip, told.work, power)
        for size in self._sizes(limited):
            at = self._may_be_faster(size, steps, case, told.machines, limited, plans)
            if not len(at):
                continue
            own = Contexts(replace(self._of, batch=size), *self._ends).told(
                [contexts[one] for one in at.tolist()], None
            )
            if own is None:
                return None
            found = Plans.nothing(len(contexts))
            found.put(at, own.plans.repeated(self._of.batch // size))
            plans = faster(plans, found, limited)
        return replace(told, plans=plans)


def _no_pool(batch: int) -> Pool:
    raise NotImplementedError


@dataclass(frozen=True)
class _Case:
    """A pass of some depth behind each context: how often each step that was lowered is in it, and its sums of bytes."""

    times: Floats
    bytes: Bytes


class _Spread:
    """Where what is known of the steps of `Contexts._spread` belongs: columns with one entry a context."""

    def __init__(self, steps: int, groups: Sequence[Sequence[int]], count: int) -> None:
        self._steps, self._groups, self._count = steps, groups, count
        self._same = np.setdiff1d(np.arange(steps), [place for group in groups for place in group])
        self.first = np.array([*self._same, *(group[0] for group in groups)], dtype=np.int64)
        """Of each row of columns the step that was lowered."""

    def columns(self, each: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[..., steps] of all that were scheduled as [..., rows, contexts]: steps that do not vary, and those of each group."""
        ahead = each.shape[:-1]
        same = np.broadcast_to(each[..., self._same, None], (*ahead, len(self._same), self._count))
        own = each[..., self._steps :].reshape(*ahead, self._count, len(self._groups))
        return np.concatenate([same, np.swapaxes(own, -1, -2)], axis=-2)

    def times(self, each: Floats) -> Floats:
        """How often each row counts, float64[rows, 1], where each step that was lowered counts so often."""
        return np.array([*each[self._same], *(each[list(group)].sum() for group in self._groups)])[:, None]


@dataclass(frozen=True)
class _Steps:
    """Steps that were scheduled, whatever pass they are added up to."""

    low: Lowered
    own: Work
    spread: _Spread
    taken: Floats
    """Seconds, bytes of the outer memory, bytes fed, seconds by cause: [3 + causes, rows, contexts]."""
    least: Floats | None
    """Fewest cycles of each; None where their MACs tell."""

    def plans(self, case: _Case) -> Plans:
        """What passes take."""
        sums = (self.taken * self.spread.times(case.times)).sum(axis=1)
        found = Sums(sums[0], sums[1], sums[2], np.zeros(sums.shape[1]), np.ascontiguousarray(sums[3:]))
        return Plans(found, found)

    def work(self, case: _Case) -> Work:
        """What passes do."""
        own, times = self.own, self.spread.times(case.times)
        executed, charged = (self.spread.columns(each) * times for each in (own.executed, own.charged))
        macs = self.spread.columns(np.array([float(row.macs) for row in self.low.rows])) * times
        units = self.spread.columns(own.step_units)
        rooms = {name: case.bytes[name] for name in (*ROOM, "activations")}
        ends: dict[str, Any] = {name: case.bytes[name] for name in ENDS}
        return replace(
            own, macs=macs.sum(axis=0), macs_executed=executed.sum(axis=0), macs_charged=charged.sum(axis=0),
            executed=executed, charged=charged, units=mean_units(units, executed), step_units=units,
            product=own.product[self.spread.first], room=Room(own.batch, **rooms), **ends,
        )  # fmt: skip

    def least_cycles(self, case: _Case) -> Floats:
        """No schedule of passes takes fewer."""
        if self.least is None:
            work = self.work(case)
            return np.asarray(work.macs_executed / work.units)
        return np.asarray((self.least * self.spread.times(case.times)).sum(axis=0))


def _nameless(low: Lowered, row: Row) -> tuple[Any, ...]:
    """All of a step that its schedule depends on where it is scheduled by itself."""

    def tensor(number: int) -> tuple[Any, ...]:
        read, written = bool(low.tensor_readers[number]), bool(low.tensor_producers[number])
        return (low.tensor_bytes[number], low.widths[number], read, written, number in low.states)

    places = tuple(tensor(number) if (number := getattr(row, name)) >= 0 else () for name in TENSORS)
    none: dict[str, Any] = dict.fromkeys(TENSORS, -1)
    bare = replace(row, name="", fused=(), reads=(), **none)
    return bare, places, tuple((tensor(number), size) for number, size in row.reads)


def _moved(row: Row, own: dict[int, int]) -> Row:
    """A step on other tensors."""
    moved: dict[str, Any] = {name: own[at] for name in TENSORS if (at := getattr(row, name)) in own}
    if any(tensor in own for tensor, _ in row.reads):
        moved["reads"] = tuple((own.get(tensor, tensor), size) for tensor, size in row.reads)
    return replace(row, **moved)
