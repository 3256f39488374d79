"""The best schedules of a network on a chip: whole batches, or sub-batches over the network or over segments of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.schedule.keep import rooms, share, whole_batches
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.segments import divisors, in_segments
from simulator.schedule.solve import Machine


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
        part_cold, part_steady = whole_batches(pool_of(size), machine, keep)
        cold = faster(cold, repeated(part_cold, batch // size))
        steady = faster(steady, repeated(part_steady, batch // size))
    whole = pool_of(batch)
    for room in [machine.capacity_bytes, *rooms(machine.capacity_bytes, float(whole.weights.sum()), 1)[::-1]]:
        kept = share(whole, machine.capacity_bytes - room) if keep else np.zeros(len(whole.weights))
        limit = max(plan.time_s if plan else np.inf for plan in (cold, steady))
        found = in_segments(machine, batch, pool_of, kept, limit)
        cold, steady = faster(cold, found), faster(steady, found)
        if not keep:
            break
    return cold, steady


def repeated(plan: Plan | None, times: int) -> Plan | None:
    """The whole network `times` times, each run as in `plan`."""
    if plan is None:
        return None
    return Plan(tuple(replace(piece, repeats=piece.repeats * times) for piece in plan.pieces))


def faster(plan: Plan | None, other: Plan | None) -> Plan | None:
    """The faster of two schedules; the first where they are equal."""
    if plan is None or other is None:
        return plan or other
    return other if other.time_s < plan.time_s else plan
