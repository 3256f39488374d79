"""Many contexts of one batch at once, on chips that schedule every step by itself: GPUs.

Of a token's pass only attention depends on the context, and its sizes grow with it by the same amount each time. So the pass is
lowered at both ends of a stretch of contexts and in its middle, which must lie on the line; steps that differ are scheduled
once for each context, in one pool, and all others once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simulator.cost.priced import priced
from simulator.lower.array import target_of
from simulator.lower.rows import Lowered, Row, lower
from simulator.lower.work import work_of
from simulator.result.economics import charged_steps
from simulator.result.totals import link_time
from simulator.schedule.few import solve_one
from simulator.schedule.machines import least_of_parts, machines_of
from simulator.schedule.pool import build_pool
from simulator.schedule.segments import divisors
from simulator.study.growing import Spent
from simulator.study.repeating import Limit, depths

if TYPE_CHECKING:
    from simulator.study.request import Question

Floats = npt.NDArray[np.float64]

FEWEST = 3
"""Contexts that are told at once: of fewer each is a pass of its own."""

SAME = 1e-14
"""Share by which sums of bytes may differ in their last digits."""


class BentError(Exception):
    """The pass at the middle is not on the line between both ends."""


def may(asked: "Question") -> bool:
    """Whether steps of a pass are independent of each other, and nothing is added to it."""
    chip = asked.chip
    rules = chip.schedule
    alone = rules.residency == "none" and rules.overlap != "network" and rules.placement == "time"
    plain = asked.speculation is None and not asked.runtime.reads_again(asked.decoder)
    return chip.is_gpu and alone and not chip.keeps_weights and plain


class Contexts:
    """A token of each sequence of a question, behind contexts from `first` to `last`."""

    def __init__(self, asked: "Question", first: int, last: int) -> None:
        """Raises BentError where sizes do not grow by the same amount each time."""
        self._asked, self._ends = asked, (first, last)
        self._depths = depths(asked.decoder)
        layers = self._depths[1] if self._depths else asked.decoder.layers
        self._low, self._high = (self._lowered(layers, context) for context in (first, last))
        if len(self._low.rows) != len(self._high.rows):
            raise BentError
        self._varied = [step for step, row in enumerate(self._low.rows) if row != self._high.rows[step]]
        self._rows = [_Line(first, last) for first, last in zip(self._low.rows, self._high.rows, strict=True)]
        self._sizes = _Line(self._low.tensor_bytes, self._high.tensor_bytes)
        middle = (first + last) // 2
        self._check(self._lowered(layers, middle), middle)
        self._shallow = None
        if self._depths:
            self._shallow = [self._lowered(self._depths[0], context) for context in (first, last)]
        self._machines, self._limit = machines_of(asked.chip), Limit.of(asked.chip)
        self._times = np.array([self._times_of(row) for row in self._low.rows])

    def spent(self, contexts: Sequence[int]) -> "list[Spent | None]":
        """Seconds and joules behind each context; None where the batch may run faster in parts."""
        chip, low = self._asked.chip, self._spread(contexts)
        pool = build_pool(low, float(target_of(chip, self._asked.precision).lanes), False, False)
        plan = solve_one(pool, self._machines)[0]
        if plan is None:
            return [None] * len(contexts)
        power, work = priced(chip).power, work_of(low)
        records, steps = plan.steps
        charged = work.executed if power is None else charged_steps(power, work)
        columns = np.stack(
            [steps.times[:, 0], steps.moved[:, 0], records.feed[steps.rows[:, 0]], charged, work.executed]
        )
        deep = self._sums(columns, len(contexts), self._times, work.products[0])
        link_s, limit = link_time(chip, work_of(self._low)), self._limit
        latency_s = limit.times_s(deep.time_s + (link_s + chip.call_s), deep.least_s)
        period_s = limit.times_s(np.maximum(deep.time_s, link_s), deep.least_s)
        joules = np.zeros(len(contexts))
        if power is not None:
            limited = deep.least_s > period_s
            share = np.where(limited, period_s / np.where(limited, deep.least_s, 1.0), 1.0)
            joules = deep.dynamic_j * share + float(power.static_w) * period_s
        sure = self._whole(contexts, columns, work.products[0])
        return [
            (float(seconds), float(energy)) if whole else None
            for seconds, energy, whole in zip(latency_s, joules, sure, strict=True)
        ]

    # ---- the pass --------------------------------------------------------------------------------------------------

    def _lowered(self, layers: int, context: int) -> Lowered:
        graph, batch = self._asked.graph_of("decode", layers, prompt=1, context=context)
        return lower(graph, self._asked.chip, batch, self._asked.precision)

    def _check(self, middle: Lowered, context: int) -> None:
        """Raise BentError where a pass that was lowered at a context is not on the line."""
        share = self._share(context)
        rows = tuple(line.at(share) for line in self._rows)
        if not (_alike(rows, middle.rows) and _alike(self._sizes.at(share), middle.tensor_bytes)):
            raise BentError

    def _share(self, context: int) -> tuple[int, int]:
        """How far a context is from the first, of how many."""
        first, last = self._ends
        return context - first, max(1, last - first)

    def _times_of(self, row: Row) -> float:
        """How often a step of the pass that was lowered stands in that of all layers."""
        if self._depths is None:
            return 1.0
        low, high = self._depths
        found = re.match(r"layer(\d+)_", row.name)
        return (self._asked.decoder.layers - low) / (high - low) if found and int(found[1]) > low else 1.0

    def _spread(self, contexts: Sequence[int]) -> Lowered:
        """The pass at the first context, and behind it the steps that vary once for each context, on tensors of their own."""
        base = self._low
        rows, sizes = list(base.rows), list(base.tensor_bytes)
        readers, producers, widths = list(base.tensor_readers), list(base.tensor_producers), list(base.widths)
        states = set(base.states)
        grown = [tensor for tensor, size in enumerate(base.tensor_bytes) if size != self._high.tensor_bytes[tensor]]
        for context in contexts:
            share = self._share(context)
            own = {tensor: len(sizes) + number for number, tensor in enumerate(grown)}
            here = self._sizes.at(share)
            for tensor in grown:
                sizes.append(here[tensor])
                readers.append(base.tensor_readers[tensor])
                producers.append(base.tensor_producers[tensor])
                widths.append(base.widths[tensor])
                if tensor in states:
                    states.add(own[tensor])
            rows += [_moved(self._rows[step].at(share), own) for step in self._varied]
        return replace(
            base, rows=tuple(rows), tensor_bytes=tuple(sizes), tensor_readers=tuple(readers),
            tensor_producers=tuple(producers), widths=tuple(widths), states=frozenset(states),
        )  # fmt: skip

    def _sums(self, columns: Floats, count: int, times: Floats, product: str) -> "_Sums":
        """What steps of `_spread` add up to behind each context, where those of the pass count so many times.

        columns: time, bytes of the outer memory, bytes fed, MACs as energy counts them, MACs executed, of each step.
        """
        steps = len(self._low.rows)
        same = np.setdiff1d(np.arange(steps), self._varied)
        own = columns[:, steps:].reshape(len(columns), count, len(self._varied))
        fixed = (columns[:, :steps] * times)[:, same].sum(axis=1)
        time_s, moved, feed, charged, executed = fixed[:, None] + own @ times[self._varied]
        power = priced(self._asked.chip).power
        if power is None:
            return _Sums(time_s, executed, np.zeros(count), np.zeros(count))
        dynamic_j = np.asarray(power.energy(product, charged, feed + moved, feed, moved, 0.0).total_j)
        return _Sums(time_s, executed, dynamic_j, dynamic_j / self._limit.left_w)

    def _whole(self, contexts: Sequence[int], columns: Floats, product: str) -> npt.NDArray[np.bool_]:
        """Whether no equal parts of the batch can be faster, in neither of the passes that all layers are told from."""
        sure = np.ones(len(contexts), dtype=np.bool_)
        parts, of = np.array([self._share(context) for context in contexts], dtype=np.float64).T
        at = parts / of
        passes = [(self._low, self._high, np.ones(len(self._low.rows)))]
        if self._shallow is not None:
            passes.append((self._shallow[0], self._shallow[1], np.where(self._times == 1.0, 1.0, 0.0)))
        machines = self._machines.part(np.zeros(len(contexts), dtype=np.int64))
        for first, last, times in passes:
            sums = self._sums(columns, len(contexts), times, product)
            ends = self._limit.times_s(sums.time_s, sums.least_s)
            compulsory = first.compulsory_bytes + at * (last.compulsory_bytes - first.compulsory_bytes)
            weights, cycles = sum(row.weight_bytes for row in first.rows), sums.executed / work_of(first).units
            for size in divisors(first.batch) if first.batch > 1 else ():
                parts = first.batch // size
                outer = compulsory + (parts - 1) * weights
                sure &= least_of_parts(cycles, outer, len(first.rows) * parts, machines) >= ends
        return sure


@dataclass(frozen=True)
class _Sums:
    """Of a pass behind each context: seconds without a limit, MACs executed, joules at the full voltage beside those at rest,
    and the least seconds that these allow."""

    time_s: Floats
    executed: Floats
    dynamic_j: Floats
    least_s: Floats


def spent_behind(asked: "Question", contexts: Sequence[int]) -> "dict[int, Spent]":
    """Seconds and joules of a token behind many contexts, of those that can be told at once."""
    found: dict[int, Spent] = {}
    if not may(asked):
        return found
    bend = max(1, asked.decoder.window) - 1
    for stretch in ([one for one in contexts if one <= bend], [one for one in contexts if one > bend]):
        if len(stretch) < FEWEST:
            continue
        try:
            told = Contexts(asked, min(stretch), max(stretch)).spent(stretch)
        except BentError:
            continue
        found.update({context: one for context, one in zip(stretch, told, strict=True) if one is not None})
    return found


def _moved(row: Row, own: dict[int, int]) -> Row:
    """A step on other tensors."""
    names = ("inputs", "weights", "output", "values")
    moved: dict[str, Any] = {name: own[at] for name in names if (at := getattr(row, name)) in own}
    if any(tensor in own for tensor, _ in row.reads):
        moved["reads"] = tuple((own.get(tensor, tensor), size) for tensor, size in row.reads)
    return replace(row, **moved)


class _Line:
    """What lies between two records of numbers: whole numbers, fractions, and records and tuples of these."""

    def __init__(self, first: Any, last: Any) -> None:
        """Raises BentError where they differ in anything else."""
        self._first = first
        self._parts: dict[str, _Line] = {}
        self._each: list[_Line] = []
        self._step = None
        if first is last or first == last:
            return
        if is_dataclass(first):
            pairs = {field.name: (getattr(first, field.name), getattr(last, field.name)) for field in fields(first)}
            self._parts = {name: _Line(*_straight(name, *pair)) for name, pair in pairs.items() if pair[0] != pair[1]}
        elif isinstance(first, tuple) and len(first) == len(last):
            self._each = [_Line(a, b) for a, b in zip(first, last, strict=True)]
        elif type(first) is type(last) and type(first) in (int, float):
            self._step = last - first
        else:
            raise BentError

    def at(self, share: tuple[int, int]) -> Any:
        """So many steps of so many from the first. Raises BentError where a whole number is not on the line."""
        if self._parts:
            found = {name: line.at(share) for name, line in self._parts.items()}
            return replace(self._first, **{name: _straight(name, value)[0] for name, value in found.items()})
        if self._each:
            return tuple(line.at(share) for line in self._each)
        if self._step is None:
            return self._first
        if isinstance(self._first, float):
            return self._first + self._step * share[0] / share[1]
        whole, rest = divmod(self._step * share[0], share[1])
        if rest:
            raise BentError
        return self._first + whole


def _straight(name: str, *values: Any) -> tuple[Any, ...]:
    """Values of a field of a record as what grows with the context: attention has so many bytes of outputs for all its scores."""
    return tuple(1.0 / value for value in values) if name == "out_width" else values


def _alike(one: Any, other: Any) -> bool:
    """Whether two records are equal but for the last digits of sums."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if is_dataclass(one):
        return all(_alike(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, float):
        return bool(abs(one - other) <= SAME * abs(other))
    return bool(one == other)
