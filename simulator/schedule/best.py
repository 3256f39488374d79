"""The best schedules of a network on a chip: whole batches, or sub-batches over the network or over segments of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.schedule.keep import rooms, share, whole_batches
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.segments import divisors, in_segments
from simulator.schedule.solve import Machine


SEGMENT_ROOMS = 0.5
"""Rooms for everything but kept weights that are tried with segments, in each doubling: one in four."""


def best(
    machine: Machine, batch: int, pool_of: Callable[[int], Pool], keep: bool, sub_batches: bool
) -> tuple[Plan | None, Plan | None]:
    """(fastest schedule for one batch, fastest in steady state).

    pool_of: the pool of the network at a batch. keep: weights may stay in SRAM for ever. sub_batches: the batch may be
    taken in parts. None where no schedule fits the SRAM.
    """
    cold, steady = whole_batches(pool_of(batch), machine, keep)
    if batch == 1 or not sub_batches:
        return cold, steady
    for size in divisors(batch):
        times = batch // size
        limit = (cold.time_s / times if cold else np.inf, steady.time_s / times if steady else np.inf)
        part_cold, part_steady = whole_batches(pool_of(size), machine, keep, limit)
        cold, steady = faster(cold, repeated(part_cold, times)), faster(steady, repeated(part_steady, times))
    whole = pool_of(batch)
    tried = rooms(machine.capacity_bytes, float(whole.weights.sum()), SEGMENT_ROOMS) if keep else []
    for room in [machine.capacity_bytes, *tried[::-1]]:
        kept = share(whole, machine.capacity_bytes - room)
        most = max(plan.time_s if plan else np.inf for plan in (cold, steady))
        found = in_segments(machine, batch, pool_of, kept, keep, most)
        cold, steady = faster(cold, found), faster(steady, found)
    return cold, steady


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
