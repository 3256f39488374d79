"""The schedules of many chips as columns: what each adds up to, in steady state and for a batch on its own."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from simulator.kernels import schedule_sums as kernels
from simulator.kernels.schedule_sums import CAUSES, FILLING, Added, Records, Steps
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.records import all_records

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


MOST_RECORDS = 32
"""Tilings of a network, for each that schedules use, of which all are looked at, once, rather than those of each schedule."""


@dataclass(frozen=True)
class Sums:
    """What schedules of a batch add up to, one entry a chip; infinite times where nothing fits."""

    time_s: Floats
    """Without the host link. [s]"""
    outer_bytes: Floats
    feed_bytes: Floats
    """Between SRAM and arrays."""
    kept_bytes: Floats
    """Weights that stay in SRAM for ever."""
    parts: Floats
    """Time by cause, float64[CAUSES, chips] (`kernels.schedule_sums`). [s]"""

    @classmethod
    def nothing(cls, count: int) -> Self:
        """Of chips on which nothing fits."""
        outer, feed, kept = (np.full(count, np.nan) for _ in range(3))
        return cls(np.full(count, np.inf), outer, feed, kept, np.zeros((CAUSES, count)))

    def take(self, at: Ints) -> Self:
        """Some of the chips, by their numbers."""
        # Faster than an index in brackets, and rows stay whole in memory.
        return replace(self, **{field.name: np.take(getattr(self, field.name), at, axis=-1) for field in fields(self)})

    def put(self, rows: Any, found: Self) -> None:
        """Replace the figures of some chips."""
        for field in fields(self):
            getattr(self, field.name)[..., rows] = getattr(found, field.name)

    def where(self, better: npt.NDArray[np.bool_], other: Self) -> Self:
        """The figures of another where it is better."""
        names = [field.name for field in fields(self)]
        return replace(self, **{name: np.where(better, getattr(other, name), getattr(self, name)) for name in names})

    def repeated(self, times: int) -> Self:
        """Of batches that run `times` times, one after another."""
        if times == 1:
            return self
        longer = ("time_s", "outer_bytes", "feed_bytes", "parts")
        return replace(self, **{name: getattr(self, name) * times for name in longer})


@dataclass(frozen=True)
class Plans:
    """The best schedules of chips, one entry a chip: for one batch on its own, and for many."""

    cold: Sums
    steady: Sums

    @classmethod
    def nothing(cls, count: int) -> Self:
        """Of chips on which nothing fits."""
        return cls(Sums.nothing(count), Sums.nothing(count))

    def put(self, rows: Any, found: Self) -> None:
        """Replace the schedules of some chips."""
        self.cold.put(rows, found.cold)
        self.steady.put(rows, found.steady)

    def repeated(self, times: int) -> Self:
        """Of batches that run `times` times, one after another."""
        return replace(self, cold=self.cold.repeated(times), steady=self.steady.repeated(times))

    @property
    def fits(self) -> npt.NDArray[np.bool_]:
        """Whether each chip has a schedule."""
        return np.isfinite(self.cold.time_s) & np.isfinite(self.steady.time_s)


def added(records: Records, steps: Steps, machines: Machines) -> Added:
    """Schedules that are given step by step, added up."""
    count = steps.rows.shape[1]
    sums = Added(np.zeros(count), np.zeros(count), np.zeros((CAUSES, count)))
    kernels.sum_steps(records, steps, machines.rates, _scratch(), sums)
    return sums


_own = threading.local()


def _scratch() -> kernels.Block:
    """This thread's scratch for sums."""
    if not hasattr(_own, "scratch"):
        _own.scratch = kernels.new_block()
    found: kernels.Block = _own.scratch
    return found


def each_step(plan: Plan, machines: Machines) -> Added:
    """What each step of one schedule adds: as if every step were a schedule of its own."""
    records, steps = plan.steps
    count = steps.rows.shape[0]
    made: Any = [np.ascontiguousarray(column.T) for column in steps]
    return started(added(records, Steps(*made), machines.part(np.zeros(count, dtype=np.int64))), plan.start_s)


def started(sums: Added, start_s: Any) -> Added:
    """The same with what is before the transfers of steps: the array fills then. start_s: one entry each. [s]"""
    sums.parts[FILLING] += start_s
    return sums


def sums_of(plan: Plan, machines: Machines) -> Sums:
    """What one schedule adds up to, on the one chip of `machines`."""
    found = started(added(*plan.steps, machines), plan.all_starts_s)
    return Sums(np.array([plan.time_s]), found.outer_bytes, found.feed_bytes, np.array([plan.kept_bytes]), found.parts)


def sums_of_many(plans: Sequence[Plan], machines: Machines) -> Sums:
    """As `sums_of` each, of schedules of one network, one of each chip."""
    if len(plans) == 1:
        return sums_of(plans[0], machines)
    pools = {id(piece.pool): piece.pool for plan in plans for piece in plan.pieces}
    steps = sum(len(piece.path) for piece in plans[0].pieces)
    if sum(len(pool.points) for pool in pools.values() if "records" not in pool.memo) > MOST_RECORDS * steps * len(
        plans
    ):
        each = [sums_of(plan, machines.one(at)) for at, plan in enumerate(plans)]
        return Sums(*(np.concatenate([getattr(one, field.name) for one in each], axis=-1) for field in fields(Sums)))
    known, offset = {}, 0
    for number, pool in pools.items():
        known[number] = offset
        offset += len(pool.points)
    every = [all_records(pool) for pool in pools.values()]
    records = Records(
        *(np.concatenate([*(own[:-1] for own in column), np.zeros(1)]) for column in zip(*every, strict=True))
    )
    rows, vector, repeats, moved, times = (np.empty((steps, len(plans))) for _ in Steps._fields)
    for at, plan in enumerate(plans):
        columns = [
            (
                np.where(piece.points >= 0, piece.points + known[id(piece.pool)], -1),
                piece.vector,
                np.full(len(piece.path), float(piece.repeats)),
                piece.outer_bytes(),
                piece.total_s,
            )
            for piece in plan.pieces
        ]
        for column, parts in zip((rows, vector, repeats, moved, times), zip(*columns, strict=True), strict=True):
            column[:, at] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    found = added(records, Steps(rows.astype(np.int64), vector, repeats, moved, times), machines)
    found = started(found, np.array([plan.all_starts_s for plan in plans]))
    time_s, kept = (np.array([getattr(plan, name) for plan in plans]) for name in ("time_s", "kept_bytes"))
    return Sums(time_s, found.outer_bytes, found.feed_bytes, kept, found.parts)
