"""The best schedules of a network on a chip: whole batches, or sub-batches over the network or over segments of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.schedule.keep import Best, rooms, share, whole_batches
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.segments import divisors, in_segments
from simulator.schedule.solve import Machine

SEGMENT_ROOMS = 1
"""Rooms for everything but kept weights that are tried with segments, in each doubling: one size in four."""


def best(
    machine: Machine,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    sub_batches: bool,
    limit_s: tuple[float, float] = (np.inf, np.inf),
) -> Best:
    """(fastest schedule for one batch, fastest in steady state).

    pool_of: the pool of the network at a batch. keep: weights may stay in SRAM for ever. sub_batches: the batch may be
    taken in parts. None where no schedule fits the SRAM, or none is faster than `limit_s`.
    """
    found = whole_batches(pool_of(batch), machine, keep, limit_s)
    if batch > 1 and sub_batches:
        found = _in_parts(machine, batch, pool_of, keep, found, limit_s)
    cold, steady = found
    # A schedule for one batch does for many: where it is as fast, both figures come from one schedule.
    if cold is not None and (steady is None or cold.time_s <= steady.time_s) and cold.time_s < limit_s[1]:
        steady = cold
    return cold, steady


def _in_parts(
    machine: Machine,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    found: Best,
    limit_s: tuple[float, float],
) -> Best:
    """The best of `found`, of smaller batches one after another, and of segments in sub-batches."""
    half = batch // 2 if batch % 2 == 0 else 0
    for size in divisors(batch):
        times = batch // size
        limit = _limits(found, limit_s, times)
        if size == half:  # its own parts included, so that two batches never take longer than twice one
            part = best(machine, size, pool_of, keep, True, limit)
        elif half and half % size == 0:
            continue
        else:
            part = whole_batches(pool_of(size), machine, keep, limit)
        found = faster(found[0], repeated(part[0], times)), faster(found[1], repeated(part[1], times))
    whole = pool_of(batch)
    tried = rooms(machine.capacity_bytes, float(whole.weights.sum()), SEGMENT_ROOMS) if keep else []
    for room in [machine.capacity_bytes, *tried[::-1]]:
        kept = share(whole, machine.capacity_bytes - room)
        segments = in_segments(machine, batch, pool_of, kept, keep, max(_limits(found, limit_s, 1)))
        found = faster(found[0], segments), faster(found[1], segments)
    return found


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
        return other if other.outer_bytes().sum() < plan.outer_bytes().sum() else plan
    return other if other.time_s < plan.time_s else plan
