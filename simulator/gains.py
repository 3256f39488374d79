"""What one would change: the time saved if one roof vanished and the network were scheduled anew."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulator.schedule.best import best
from simulator.schedule.pool import Pool, without
from simulator.schedule.solve import Machine
from simulator.schedule.stacks import stack_of
from simulator.tiling import breakdowns

ON_CHIP = {"array": 0, "interconnect": 5, "sram": 6}
"""Roofs inside the frontier, and their columns in `tiling.breakdowns`."""


def gains(
    machine: Machine,
    batch: int,
    pool_of: Callable[[int], Pool],
    keep: bool,
    sub_batches: bool,
    period_s: float,
    host_s: float,
    has_dram: bool,
) -> dict[str, float]:
    """Seconds saved per batch in steady state, one roof at a time. Not additive.

    Scheduled anew over the tilings kept for the chip as it is, so each is a lower bound of what its roof costs. host_s:
    time of the batch on the host link beside a DRAM.
    """

    def saved(changed: Machine, pools: Callable[[int], Pool]) -> float:
        _, steady = best(changed, batch, pools, keep, sub_batches)
        return 0.0 if steady is None else max(0.0, period_s - max(steady.time_s, host_s))

    out = {roof: saved(machine, _variants(pool_of, roof)) for roof in (*ON_CHIP, "vector")}
    out["dram" if has_dram else "host"] = saved(replace(machine, byte_s=0.0), pool_of)
    if has_dram:
        _, steady = best(machine, batch, pool_of, keep, sub_batches)
        out["host"] = 0.0 if steady is None else max(0.0, period_s - steady.time_s)
    out["overhead"] = saved(replace(machine, overhead_s=0.0), pool_of) if machine.overhead_s > 0.0 else 0.0
    return out


def _variants(pool_of: Callable[[int], Pool], roof: str) -> Callable[[int], Pool]:
    """The pools of a chip without `roof`, made when first asked for."""
    made: dict[int, Pool] = {}

    def variant(size: int) -> Pool:
        if size not in made:
            made[size] = _variant(pool_of(size), roof)
        return made[size]

    return variant


def _variant(pool: Pool, roof: str) -> Pool:
    if roof == "vector":
        return without(pool, pool.points[:, 2], True)
    stacked, _ = stack_of(pool)
    rows = breakdowns(stacked, pool.point_shape, pool.codes, pool.points[:, 1].copy())
    others = [column for name, column in ON_CHIP.items() if name != roof]
    return without(pool, np.maximum(rows[:, others[0]], rows[:, others[1]]), False)
