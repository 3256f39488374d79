"""What one would change: the time saved if one roof vanished and the network were scheduled anew."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.power import PowerModel
from simulator.kernels.layout import VECTOR_CYCLES, times_each
from simulator.lower.work import Work
from simulator.progress import each
from simulator.result.totals import Totals, limit_of, link_time
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.plans import sums_of
from simulator.schedule.pool import Pool, without
from simulator.schedule.program import Program
from simulator.schedule.records import Roofs, roofs_of
from simulator.schedule.solve import least_in_parts, steady_alone
from simulator.vocabulary import ON_CHIP, ROOF_OF, ROOFS

if TYPE_CHECKING:  # few chips place layers in space
    from simulator.schedule.space.place import SpacePlan

Floats = npt.NDArray[np.float64]


class Gains:
    """Seconds that a batch in steady state on one chip saves without one roof, each roof's worked out when it is asked for.

    Not additive. Scheduled anew over the tilings kept for the chip as it is, so each is a lower bound of what its roof costs.
    A roof that no tiling reaches is not scheduled again: it saves nothing. A chip without DRAM has its host link as outer
    memory.
    """

    def __init__(
        self, chip: Architecture, machines: Machines, program: Program, steady: Plan, power: PowerModel | None
    ) -> None:
        """machines: the one chip. steady: its schedule. power: of the chip, where there is a limit."""
        work = program.pool.work
        self._machines, self._program, self._steady = machines, program, steady
        self._limited = limit_of(chip, work, power)
        self._host_s = float(link_time(chip, work))
        power_s = 0.0 if self._limited is None else float(self._limited(sums_of(steady, machines))[0])
        self._period_s = max(steady.time_s, self._host_s, power_s)
        self._outer = "dram" if chip.dram is not None else "host"
        self._known = {roof: 0.0 for roof in ROOFS if roof != "dram" or roof == self._outer}
        self._known["host"] = self._period_s - max(steady.time_s, power_s)
        self._known["power"] = self._period_s - max(steady.time_s, self._host_s)
        scheduled: tuple[str, ...] = (
            *ON_CHIP,
            "vector",
            self._outer,
            *(("overhead",) if machines.overhead_s[0] > 0.0 else ()),
        )
        self._open = scheduled if self._period_s <= steady.time_s else ()
        """Roofs whose gains take a schedule; of those that had theirs it is in `_found`."""
        self._found: dict[str, float] = {}

    def seconds(self) -> dict[str, float]:
        """Of every roof. [s]"""
        found = {roof: self._saved(roof) for roof in each(self._open, lambda roof: f"without {roof}")}
        return {**self._known, **found}

    def bound(self, loss: str) -> str:
        """As `bound_of` all of them. Roofs that cannot save as much as another does are not scheduled without."""
        return bound_within(self.most(), self.least, self.saved, loss)

    def most(self) -> dict[str, float]:
        """No schedule without each roof saves more, in the order of `seconds`; nothing is scheduled. [s]"""
        return {**self._known, **{roof: self._most(roof) for roof in self._open}}

    def saved(self, roof: str) -> float:
        """What one roof saves. [s]"""
        return self._saved(roof) if roof in self._open else self._known[roof]

    def _saved(self, roof: str) -> float:
        """By scheduling the network without a roof, once. [s]"""
        if roof not in self._found:
            self._found[roof] = self._schedule(roof)
        return self._found[roof]

    def _schedule(self, roof: str) -> float:
        program, machines = self._program, self._machines
        if roof in (*ON_CHIP, "vector"):
            if not binds(program.pool, roof):
                return 0.0
            program = replace(program, pool_of=_variants(program.pool_of, roof))
        else:
            machines = _freed(machines, roof)
        # Only what is faster than the chip as it is saves time, and only steady schedules are asked for.
        return self._period_s - max(steady_alone(program, machines, self._period_s, self._limited), self._host_s)

    def _most(self, roof: str) -> float:
        """No schedule without the roof saves more. [s]

        Without the feed or the vector unit the array still takes all products at its peak; without the array nothing is
        known of the cycles.
        """
        program, machines, work = self._program, self._machines, self._program.pool.work
        if roof in (*ON_CHIP, "vector"):
            cycles = 0.0 if roof == "array" else work.macs_executed / work.units
            least = least_in_parts(program, program.batch, machines, cycles)
        else:
            least = least_in_parts(program, program.batch, _freed(machines, roof))
        return self._period_s - max(float(least[0]), self._host_s)

    def least(self, roof: str) -> float:
        """The steady schedule saves so much as it is, nothing fetched ahead of its steps; a better one no less. [s]"""
        if roof not in self._open:
            return self._known[roof]
        if self._limited is not None:
            return 0.0
        records, steps = self._steady.steps
        tiles = records.cycles
        if roof in ON_CHIP:
            tiles = _others(dict(zip(ON_CHIP, (getattr(records, name) for name in Roofs._fields), strict=True)), roof)
        vector = np.zeros_like(steps.vector) if roof == "vector" else steps.vector
        cycles = np.maximum(tiles[steps.rows], vector)[:, 0]
        time_s, begin = self._steady.all_starts_s, 0
        for piece in self._steady.pieces:
            once, machine = replace(piece, repeats=1, load_bytes=None), piece.terms.machine
            if roof == "overhead":
                machine = machine._replace(overhead_s=0.0)
            elif roof == self._outer:
                machine = machine._replace(byte_s=0.0)
            own = cycles[begin : begin + len(piece.path)]
            time_s += float(replace(piece, step_s=times_each(own, once.outer_bytes(), machine)).total_s.sum())
            begin += len(piece.path)
        return self._period_s - max(time_s, self._host_s)


class Waiting:
    """The gains of a run that are worked out when they are asked for: all of them where it is called."""

    def __init__(self, make: Callable[[], Gains]) -> None:
        self.gains = cache(make)

    def __call__(self) -> dict[str, float]:
        """Of every roof. [s]"""
        return self.gains().seconds()


def bound_within(
    most: Mapping[str, float], least: Callable[[str], float], saved: Callable[[str], float], loss: str
) -> str:
    """As `bound_of` of gains that are no more than `most` and no less than `least`, of which those that cannot be the largest
    are not asked for. saved: works one out. [s]
    """
    order = sorted(most, key=lambda roof: -most[roof])
    if least(order[0]) > max(0.0, *(most[roof] for roof in order[1:])):
        return order[0]
    known, best = dict.fromkeys(most, 0.0), 0.0
    for roof in each(order, lambda roof: f"without {roof}"):
        if most[roof] >= best:
            known[roof] = saved(roof)
            best = max(best, known[roof])
    return bound_of(known, loss)


def _freed(machines: Machines, roof: str) -> Machines:
    """The chip without what commands or its outer memory take."""
    none = np.zeros(1)
    return replace(machines, overhead_s=none) if roof == "overhead" else replace(machines, byte_s=none)


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
    return without(pool, lambda pool: _others(on_chip(pool), roof), False)


def on_chip(pool: Pool) -> dict[str, Floats]:
    """Cycles of every point of a pool at each roof inside its frontiers; the largest is the point's cycles."""
    return dict(zip(ON_CHIP, roofs_of(pool), strict=True))
