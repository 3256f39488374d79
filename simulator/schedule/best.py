"""The best schedules of a network on a chip: whole batches, or sub-batches over the network or over segments of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.progress import counted, each
from simulator.schedule.keep import Best, rooms_of, share, whole_batches
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.segments import SLACK, Segments, Ways, divisors, half_of

SEGMENT_ROOMS = 1
"""Rooms for everything but kept weights that are tried with segments, in each doubling: one size in four."""


def best_plans(
    machines: Machines,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    sub_batches: bool,
    limit_s: tuple[float, float] = (np.inf, np.inf),
) -> Best:
    """(fastest schedule for one batch, fastest in steady state) of the one chip of `machines`.

    pool_of: the pool of the network at a batch. keep: weights may stay in SRAM for ever. sub_batches: the batch may be
    taken in parts. None where no schedule fits the SRAM, or none is faster than `limit_s`.

    Pools with a floor offer all that fits any room, and more: where the best of that fits, it is the best of what fits.
    """
    found = _best(machines, batch, pool_of, keep, sub_batches, limit_s)
    capacity = float(machines.capacity_bytes[0])
    if all(plan is None or plan.fits(capacity) for plan in found):
        return found
    return _best(machines, batch, lambda size: pool_of(size).exact, keep, sub_batches, limit_s)


def _best(
    machines: Machines,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    sub_batches: bool,
    limit_s: tuple[float, float],
) -> Best:
    """The best of what the pools offer. See `best`."""
    whole = pool_of(batch)  # refuses what is no batch
    if batch == 1 or not sub_batches:
        return _same_where_as_fast(whole_batches(whole, machines, keep, limit_s), limit_s)
    for size in each(divisors(batch), lambda size: f"tilings at batch {size:,}"):
        pool_of(size)
    parts = {
        size: [
            InRoom(machines, size, pool_of, keep, room)
            for room in segment_rooms(pool_of(size), float(machines.capacity_bytes[0]), keep)
        ]
        for size in each(halves(batch), lambda size: f"schedules at batch {size:,}")
    }
    return _in_parts(machines, batch, pool_of, keep, parts, _sharpened(batch, parts, limit_s))


def _same_where_as_fast(found: Best, limit_s: tuple[float, float]) -> Best:
    """A schedule for one batch does for many: where it is as fast, both figures come from one schedule."""
    cold, steady = found
    if cold is not None and (steady is None or cold.time_s <= steady.time_s) and cold.time_s < limit_s[1]:
        steady = cold
    return cold, steady


def halves(batch: int) -> list[int]:
    """Batches whose segments are tried for a batch: itself, its half, the half of that and so on; a single item has none."""
    half = half_of(batch)
    return [batch, *halves(half)] if half else [batch] * (batch > 1)


def segment_rooms(pool: Pool, capacity_bytes: float, keep: bool) -> list[float]:
    """Rooms for everything but kept weights that are tried with segments, in order. [B]"""
    return rooms_of(pool, capacity_bytes, keep, SEGMENT_ROOMS)[::-1]


class InRoom:
    """The schedule of a batch in segments, in one room for everything but kept weights: sought at most once."""

    def __init__(self, machines: Machines, batch: int, pool_of: Callable[[int], Pool], keep: bool, room: float) -> None:
        pools = {size: pool_of(size) for size in (batch, *divisors(batch))}
        capacity = float(machines.capacity_bytes[0])
        kept = share(pools[batch], capacity - room)
        self._segments = Segments(pools, batch, capacity, kept, keep, machines.phi)
        self._machines = machines
        self.least_s = float(self._segments.least_times(machines)[0])
        """No schedule is faster. [s]"""
        self._ways: Ways | None = None

    def time_s(self, limit_s: float) -> float:
        """Time of the fastest, infinite where it does not beat the limit. [s]"""
        if self._ways is None and self.least_s < limit_s:
            ways = self._segments.solve(self._machines, np.array([limit_s]))
            if ways.pieces[0]:
                self._ways = ways
            else:
                self.least_s = limit_s
        time_s = np.inf if self._ways is None else float(self._ways.time_s[0])
        return time_s if time_s < limit_s else np.inf

    def plan(self, limit_s: float) -> Plan | None:
        """The fastest, or None where it does not beat the limit."""
        if self.time_s(limit_s) == np.inf or self._ways is None:
            return None
        return self._segments.plan(self._machines.row(), self._ways)


Parts = dict[int, list[InRoom]]
"""Segments of a batch and of its halves, in every room that is tried."""


def _sharpened(batch: int, parts: Parts, limit_s: tuple[float, float]) -> tuple[float, float]:
    """Limits no larger than what the fastest schedule in segments takes: with them most of the rest is soon left out.

    What promises most is tried first. The answers stay the first of the best: this only leaves out what is slower.
    """
    least = max(limit_s)
    tried = [
        (room.least_s * (batch // size), at, batch // size, room)
        for size in parts
        for at, room in enumerate(parts[size])
    ]
    for promised, _, times, room in counted(sorted(tried, key=lambda one: one[:3])):
        if promised >= least:
            break
        least = min(least, room.time_s(least / times) * times)
    # As fast is fast enough, and sums in another order must not cut the best.
    return min(limit_s[0], least / SLACK), min(limit_s[1], least / SLACK)


def _in_parts(
    machines: Machines,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    parts: Parts,
    limit_s: tuple[float, float],
) -> Best:
    """The best of whole batches, of smaller batches one after another, and of segments in sub-batches."""
    found = whole_batches(pool_of(batch), machines, keep, limit_s)
    half = half_of(batch)
    for size in divisors(batch):
        times = batch // size
        limit = _limits(found, limit_s, times)
        if size == half and size > 1:  # its own parts included, so that two batches never take longer than twice one
            part = _in_parts(machines, size, pool_of, keep, parts, limit)
        elif half and half % size == 0 and size != half:
            continue
        else:
            part = _same_where_as_fast(whole_batches(pool_of(size), machines, keep, limit), limit)
        found = faster(found[0], repeated(part[0], times)), faster(found[1], repeated(part[1], times))
    for room in parts[batch]:
        segments = room.plan(max(_limits(found, limit_s, 1)))
        found = faster(found[0], segments), faster(found[1], segments)
    return _same_where_as_fast(found, limit_s)


def _limits(found: Best, limit_s: tuple[float, float], times: int) -> tuple[float, float]:
    """Times that a part run `times` times must beat to be of use. [s]"""
    cold, steady = (plan.time_s if plan else limit for plan, limit in zip(found, limit_s, strict=True))
    return cold / times, steady / times


def repeated(plan: Plan | None, times: int) -> Plan | None:
    """The whole network `times` times, each run as in `plan`."""
    if plan is None:
        return None
    return Plan(tuple(replace(piece, repeats=piece.repeats * times) for piece in plan.pieces))


def faster(plan: Plan | None, other: Plan | None) -> Plan | None:
    """The faster of two schedules; of equals the one that moves fewer bytes, then the first."""
    if plan is None or other is None:
        return plan or other
    if other.time_s == plan.time_s:
        return other if other.outer_bytes.sum() < plan.outer_bytes.sum() else plan
    return other if other.time_s < plan.time_s else plan
