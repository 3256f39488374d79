"""What one would change: the time saved if one roof vanished and the network were scheduled anew."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.power import PowerModel
from simulator.kernels.layout import VECTOR_CYCLES
from simulator.lower.work import Work
from simulator.progress import each
from simulator.result.totals import Totals, limit_of, link_time
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.plans import sums_of
from simulator.schedule.pool import Pool, without
from simulator.schedule.program import Program
from simulator.schedule.records import roofs_of
from simulator.schedule.solve import steady_alone
from simulator.vocabulary import ON_CHIP, ROOF_OF, ROOFS

if TYPE_CHECKING:  # few chips place layers in space
    from simulator.schedule.space.place import SpacePlan

Floats = npt.NDArray[np.float64]


def gains(
    chip: Architecture,
    machines: Machines,
    program: Program,
    steady: Plan,
    power: PowerModel | None,
) -> dict[str, float]:
    """Seconds saved per batch in steady state on the one chip of `machines`, one roof at a time. Not additive.

    Scheduled anew over the tilings kept for the chip as it is, so each is a lower bound of what its roof costs. steady: the
    chip's schedule. power: of the chip, where there is a limit. A roof that no tiling reaches is not scheduled again: it saves
    nothing. A chip without DRAM has its host link as outer memory.
    """
    work = program.pool.work

    limited = limit_of(chip, work, power)
    steady_s, host_s = steady.time_s, float(link_time(chip, work))
    power_s = 0.0 if limited is None else float(limited(sums_of(steady, machines))[0])
    period_s = max(steady_s, host_s, power_s)

    def saved(changed: Machines, pools: Callable[[int], Pool]) -> float:
        # Only what is faster than the chip as it is saves time, and only steady schedules are asked for.
        other_s = steady_alone(replace(program, pool_of=pools), changed, period_s, limited)
        return period_s - max(other_s, host_s)

    outer = "dram" if chip.dram is not None else "host"
    out = {roof: 0.0 for roof in ROOFS if roof != "dram" or roof == outer}
    out["host"] = period_s - max(steady_s, power_s)
    out["power"] = period_s - max(steady_s, host_s)
    if period_s > steady_s:
        return out
    for roof in each((*ON_CHIP, "vector"), lambda roof: f"without {roof}"):
        if binds(program.pool, roof):
            out[roof] = saved(machines, _variants(program.pool_of, roof))
    out[outer] = saved(replace(machines, byte_s=np.zeros(1)), program.pool_of)
    if machines.overhead_s[0] > 0.0:
        out["overhead"] = saved(replace(machines, overhead_s=np.zeros(1)), program.pool_of)
    return out


def gains_in_space(
    chip: Architecture, work: Work, machines: Machines, plan: "SpacePlan", totals: Totals
) -> dict[str, float]:
    """Seconds saved per batch in steady state, one roof at a time, of layers placed in space as they are."""
    outer = "dram" if chip.dram is not None else "host"
    out = {roof: 0.0 for roof in ROOFS if roof != "dram" or roof == outer}
    host_s, power_s = float(totals.host_s[0]), float(totals.power_s[0])
    out["power"] = power_s
    out["host"] = host_s if power_s == 0.0 else 0.0
    if host_s > 0.0 or power_s > 0.0:
        return out
    for context in plan.contexts:
        roofs = {outer if roof == "outer" else roof: own for roof, own in context.roofs_s.items()}
        for roof, own in roofs.items():
            others = max(0.0, *(other for name, other in roofs.items() if name != roof))
            out[roof] += context.slices * work.batch * max(0.0, own - others)
    out[outer] += sum(context.reload_bytes for context in plan.contexts) * float(machines.byte_s[0])
    floor_s = link_time(chip, work)
    return {roof: min(saved, float(totals.period_s[0]) - floor_s) for roof, saved in out.items()}


def bound_of(saved: dict[str, float], loss: str) -> str:
    """The roof with the largest gain. Where no roof alone saves anything, several bind at once: that of the largest loss."""
    roof = max(saved, key=lambda name: saved[name])
    return roof if saved[roof] > 0.0 else ROOF_OF.get(loss, "array")


def binds(pool: Pool, roof: str) -> bool:
    """Whether a roof sets the on-chip cycles of any point of the pool."""
    if roof == "vector":
        return bool((pool.steps[:, VECTOR_CYCLES] > 0.0).any())
    cycles = on_chip(pool) if pool.shapes else {}
    return bool(cycles) and bool((cycles[roof] > _others(cycles, roof)).any())


def _others(cycles: dict[str, Floats], roof: str) -> Floats:
    """The largest of the other roofs at every point."""
    first, second = (values for name, values in cycles.items() if name != roof)
    return np.maximum(first, second)


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
    return dict(zip(ON_CHIP, roofs_of(pool), strict=True))
