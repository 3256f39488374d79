"""The best schedules of a network on many chips: by the search that suits how many there are, under the same model."""

import threading

import numpy as np

from simulator.schedule.best import best
from simulator.schedule.machines import Machines
from simulator.schedule.many_prefetch import solve_ahead
from simulator.schedule.many_segments import solve_split
from simulator.schedule.many_whole import solve_whole
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans, sums_of
from simulator.schedule.program import Program

Schedules = tuple[Plan | None, Plan | None]
"""For one batch on its own, and for many; None where nothing fits."""

FEW = 2
"""Chips that are solved one by one: less work than to list choices for many."""


def solve(program: Program, machines: Machines, stop: threading.Event | None = None) -> Plans:
    """The best schedules of all chips, one entry a chip; KeyboardInterrupt once `stop` is set."""
    count = len(machines)
    plans, left = Plans.nothing(count), np.arange(count)
    if count > FEW:
        if machines.overlap == "network":
            if not program.split:
                plans, left = solve_ahead(program.pool, machines, program.keep, stop)
        elif program.split:
            plans, left = solve_split(program, machines, stop)
        else:
            return solve_whole(program.pool, machines, program.keep)
    for at in left.tolist():
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        plans.put(slice(at, at + 1), solve_alone(program, machines.one(at))[0])
    return plans


def solve_alone(program: Program, machines: Machines) -> tuple[Plans, Schedules]:
    """The best schedules of the one chip of `machines`, as columns, and as they are."""
    cold, steady = best(machines, program.batch, program.pool_of, program.keep, program.sub_batches)
    if cold is None or steady is None:
        return Plans.nothing(1), (None, None)
    quick = sums_of(cold, machines)
    return Plans(quick, quick if steady is cold else sums_of(steady, machines)), (cold, steady)
