"""The best schedules of a network on many chips: by the search that suits how many there are, under the same model.

A batch may run as a whole or in equal parts, one after another: so it never takes longer than its items one by one.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.kernels.layout import SLACK
from simulator.schedule.best import best_plans
from simulator.schedule.machines import Machines, least_of_parts
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans, Sums, sums_of, sums_of_many
from simulator.schedule.program import Program

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Schedules = tuple[Plan | None, Plan | None]
"""For one batch on its own, and for many; None where nothing fits."""

Limited = Callable[[Sums], Floats]
"""Gives the least time of what schedules add up to under another limit, such as power. [s]"""

TOGETHER = 64
"""Chips whose schedules are added up together."""

FEW = 2
"""Chips that are solved one by one: less work than to list choices for many."""


def solve_program(
    program: Program, machines: Machines, stop: threading.Event | None = None, limited: Limited | None = None
) -> Plans:
    """The best schedules of all chips, one entry a chip; KeyboardInterrupt once `stop` is set.

    limited: what else schedules are as slow as.
    """
    machines = program.left(machines)
    plans = _at_once(program, machines, stop)
    for size in program.parts(limited is not None):
        ends = [_ends(sums, limited) for sums in (plans.cold, plans.steady)]
        at = np.flatnonzero(least_in_parts(program, size, machines) < np.maximum(*ends))
        if not len(at):
            continue
        found = Plans.nothing(len(machines))
        found.put(at, _at_once(program.at(size), machines.part(at), stop).repeated(program.batch // size))
        plans = faster(plans, found, limited)
    return plans


def faster(plans: Plans, found: Plans, limited: Limited | None = None) -> Plans:
    """Of two schedules of each chip the faster; limited: as in `solve`."""
    pairs = ((plans.cold, found.cold), (plans.steady, found.steady))
    ends = ((_ends(mine, limited), _ends(other, limited)) for mine, other in pairs)
    cold, steady = (
        mine.where(_is_faster(other_end, end), other)
        for (mine, other), (end, other_end) in zip(pairs, ends, strict=True)
    )
    return Plans(cold, steady)


def solve_alone(program: Program, machines: Machines, limited: Limited | None = None) -> tuple[Plans, Schedules]:
    """The best schedules of the one chip of `machines`, as columns, and as they are. limited: as in `solve`."""
    machines, beside = program.left(machines), program.beside
    chosen: list[tuple[Sums | None, Plan | None]] = [(None, None)] * 2
    ends = [np.inf, np.inf]
    for size in (program.batch, *program.parts(limited is not None)):
        times = program.batch // size
        if times > 1 and least_in_parts(program, size, machines)[0] >= max(ends):
            continue
        part, limit_s = program.at(size), (ends[0] / times, ends[1] / times)
        found = best_plans(machines, size, part.pool_of, part.keep, part.split, limit_s)
        known: dict[int, Sums] = {}
        for kind, plan in enumerate(found):
            if plan is None:
                continue
            if id(plan) not in known:
                known[id(plan)] = sums_of(plan, machines).repeated(times)
            sums = known[id(plan)]
            end = float(_ends(sums, limited)[0])
            if _is_faster(end, ends[kind]):
                chosen[kind], ends[kind] = (sums, _in_parts(plan, times, beside)), end
    (cold, quick), (steady, many) = chosen
    return Plans(cold or Sums.nothing(1), steady or Sums.nothing(1)), (quick, many)


def steady_alone(program: Program, machines: Machines, limit_s: float, limited: Limited | None) -> float:
    """Time of a batch in steady state on the one chip of `machines`; `limit_s` where it does not beat that. [s]

    limited: as in `solve`.
    """
    machines = program.left(machines)
    for size in (program.batch, *program.parts(limited is not None)):
        times = program.batch // size
        if times > 1 and least_in_parts(program, size, machines)[0] >= limit_s:
            continue
        part = program.at(size)
        _, plan = best_plans(machines, size, part.pool_of, part.keep, part.split, (0.0, limit_s / times))
        if plan is not None:
            limit_s = min(limit_s, float(_ends(sums_of(plan, machines).repeated(times), limited)[0]))
    return limit_s


def _in_parts(plan: Plan, times: int, beside: float) -> Plan:
    """A schedule of a part, run `times` times. beside: SRAM that states of the batch take. [B]"""
    if times == 1 and beside == 0.0:
        return plan
    return Plan(tuple(replace(piece, repeats=piece.repeats * times) for piece in plan.pieces), times, beside)


def least_in_parts(program: Program, size: int, machines: Machines, cycles: float | None = None) -> Floats:
    """No schedule in parts of this size is faster, one entry a chip; cycles: that all its steps take at least, if others. [s]

    What tilings of a part do, tilings of the whole batch may do, so all parts take no fewer cycles than it; and every part
    moves all weights but those that the SRAM has room for.
    """
    pool, times = program.pool, program.batch // size
    kept = np.minimum(pool.all_weights, machines.capacity_bytes) if program.keep else np.zeros(len(machines))
    work, once, steps = pool.work, pool.all_weights - kept, len(pool.steps) * times
    outer = work.compulsory_bytes - pool.all_weights + times * once
    spec = pool.spec
    if cycles is None:  # on a GPU a part may waste less of its last wave of thread blocks
        cycles = work.macs_executed / work.units if spec.kind == "sm" else float(pool.least_cycles.sum())
    return least_of_parts(np.full(len(machines), cycles), outer, steps, machines, spec)


def _ends(sums: Sums, limited: Limited | None) -> Floats:
    """Time of schedules, under the other limit too. [s]"""
    return sums.time_s if limited is None else np.maximum(sums.time_s, limited(sums))


def _is_faster(time_s: Any, than_s: Any) -> Any:
    """Whether one takes less than another by more than the order of sums."""
    return time_s < than_s * SLACK


def _at_once(program: Program, machines: Machines, stop: threading.Event | None) -> Plans:
    """The best schedules of a whole batch, or in sub-batches where the chip has them."""
    count = len(machines)
    plans, left = Plans.nothing(count), np.arange(count)
    if count > FEW:
        program = program.exact
        # Imported here: one chip is solved without them.
        from simulator.schedule.many_prefetch import solve_ahead  # noqa: PLC0415
        from simulator.schedule.many_segments import solve_split  # noqa: PLC0415
        from simulator.schedule.many_whole import solve_whole  # noqa: PLC0415

        if machines.overlap == "network":
            if not program.split:
                plans, left = solve_ahead(program.pool, machines, program.keep, stop)
        elif program.split:
            plans, left = solve_split(program, machines, stop)
        else:
            return solve_whole(program.pool, machines, program.keep)
    for begin in range(0, len(left), TOGETHER):
        _one_by_one(program, machines, left[begin : begin + TOGETHER], stop, plans)
    return plans


def _one_by_one(program: Program, machines: Machines, some: Ints, stop: threading.Event | None, plans: Plans) -> None:
    """Put the best schedules of some chips among those of all."""
    found: list[tuple[Plan, Plan]] = []
    runs = np.zeros(len(some), dtype=np.bool_)
    for place, at in enumerate(some.tolist()):
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        cold, steady = best_plans(machines.one(at), program.batch, program.pool_of, program.keep, program.split)
        runs[place] = cold is not None and steady is not None
        if cold is not None and steady is not None:
            found.append((cold, steady))
    if found:
        own = machines.part(some[runs])
        cold_sums = sums_of_many([cold for cold, _ in found], own)
        same = all(cold is steady for cold, steady in found)
        plans.put(some[runs], Plans(cold_sums, cold_sums if same else sums_of_many([last for _, last in found], own)))
