"""What one would change: the time saved if one roof vanished and the network were scheduled anew."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.kernels.roofs import roof_cycles
from simulator.schedule.best import best
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Floats, Pool, without
from simulator.schedule.solve import Machine
from simulator.schedule.stacks import parts_of

ON_CHIP = ("array", "interconnect", "sram")
"""Roofs inside the frontier."""


def gains(
    machine: Machine,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    sub_batches: bool,
    steady: Plan,
    host_s: float,
    limited_s: Callable[[Plan], float] | None = None,
) -> dict[str, float]:
    """Seconds saved per batch in steady state, one roof at a time. Not additive.

    Scheduled anew over the tilings kept for the chip as it is, so each is a lower bound of what its roof costs. steady: the
    chip's schedule; host_s: time of the batch on a host link beside a DRAM, 0 where there is no DRAM to be beside (the roof
    is then the link itself); limited_s: least time of a schedule under the power limit. A roof that no tiling reaches is not
    scheduled again: it saves nothing.
    """
    steady_s = steady.time_s
    power_s = limited_s(steady) if limited_s is not None else 0.0
    period_s = max(steady_s, host_s, power_s)

    def saved(changed: Machine, pools: Callable[[int], Pool]) -> float:
        # Only what is faster than the chip as it is saves time, and only steady schedules are asked for.
        _, other = best(changed, batch, pools, keep, sub_batches, (0.0, period_s))
        if other is None:
            return 0.0
        return max(0.0, period_s - max(other.time_s, host_s, limited_s(other) if limited_s is not None else 0.0))

    out = dict.fromkeys((*ON_CHIP, "vector", "outer", "overhead"), 0.0)
    out["host"] = period_s - max(steady_s, power_s)
    out["power"] = period_s - max(steady_s, host_s)
    for roof in (*ON_CHIP, "vector"):
        if period_s == steady_s and binds(pool_of(batch), roof):
            out[roof] = saved(machine, _variants(pool_of, roof))
    if period_s == steady_s:
        out["outer"] = saved(replace(machine, byte_s=0.0), pool_of)
        if machine.overhead_s > 0.0:
            out["overhead"] = saved(replace(machine, overhead_s=0.0), pool_of)
    return out


def binds(pool: Pool, roof: str) -> bool:
    """Whether a roof sets the on-chip cycles of any point of the pool."""
    if roof == "vector":
        return bool((pool.steps[:, 1] > 0.0).any())
    cycles = on_chip(pool) if pool.shapes else {}
    return bool(cycles) and bool((cycles[roof] > _others(cycles, roof)).any())


def _others(cycles: dict[str, Floats], roof: str) -> Floats:
    """The largest of the other roofs at every point."""
    return np.asarray(np.max([values for name, values in cycles.items() if name != roof], axis=0))


def _variants(pool_of: Callable[[int], Pool], roof: str) -> Callable[[int], Pool]:
    """The pools of a chip without `roof`, made when first asked for."""
    made: dict[int, Pool] = {}

    def variant(size: int) -> Pool:
        if size not in made:
            made[size] = _variant(pool_of(size), roof)
        return made[size]

    return variant


def _variant(pool: Pool, roof: str) -> Pool:
    if roof == "vector" or not pool.shapes:
        return without(pool, None, roof == "vector")
    return without(pool, _others(on_chip(pool), roof), False)


def on_chip(pool: Pool) -> dict[str, Floats]:
    """Cycles of every point of a pool at each roof inside its frontiers; the largest is the point's cycles."""
    if pool.low.spec.kind == "sm":
        found = parts_of(pool, pool.point_shape, pool.codes, pool.points[:, 1])
        return {name: found[:, column].copy() for name, column in zip(ON_CHIP, (0, 5, 6), strict=True)}
    if "on_chip" not in pool.memo:
        stacked = pool.stack
        rows = np.empty((len(pool.points), 3))
        roof_cycles(
            *stacked.tables, stacked.starts, stacked.rows, stacked.numbers, stacked.rules, pool.point_shape, pool.codes,
            pool.points[:, 1].copy(), rows,
        )  # fmt: skip
        pool.memo["on_chip"] = {name: rows[:, column].copy() for column, name in enumerate(ON_CHIP)}
    known: dict[str, Floats] = pool.memo["on_chip"]
    return known
