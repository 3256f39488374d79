"""The best placements in space of a network on many chips, one after another, as columns like schedules in time."""

import threading
from dataclasses import dataclass

import numpy as np

from simulator.errors import InfeasibleError
from simulator.graph.fuse import Steps
from simulator.kernels.layout import Machine
from simulator.lower.rows import Lowered
from simulator.schedule.machines import Machines
from simulator.schedule.plans import Plans, Sums
from simulator.schedule.space.place import SpacePlan, place_network


@dataclass(frozen=True)
class SpaceProgram:
    """What is placed: a network at its batch, the steps that it was made of, the lanes of the vector unit."""

    low: Lowered
    fused: Steps
    lanes: float

    @property
    def feed_bytes(self) -> float:
        """Bytes between the SRAM and the stages' arrays: every operand once, the least any stage moves."""
        return sum(row.weight_bytes + row.input_bytes + row.output_bytes for row in self.low.rows)


def solve_space(
    program: SpaceProgram, machines: Machines, stop: threading.Event | None = None
) -> tuple[Plans, list[str]]:
    """(the best placements of all chips, why each has none: "" where it has); KeyboardInterrupt once `stop` is set."""
    plans, reasons = Plans.nothing(len(machines)), [""] * len(machines)
    for at in range(len(machines)):
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        try:
            plans.put(slice(at, at + 1), place_alone(program, machines.row(at))[0])
        except InfeasibleError as error:
            reasons[at] = str(error)
    return plans, reasons


def place_alone(program: SpaceProgram, machine: Machine) -> tuple[Plans, tuple[SpacePlan, SpacePlan]]:
    """The best placements on one chip, as columns, and as they are: of least latency, and of least period.

    Raises InfeasibleError where a layer's buffers do not fit.
    """
    quick, steady = (
        place_network(program.low, program.fused, program.low.spec, machine, program.lanes, goal)
        for goal in ("latency", "period")
    )
    cold = _sums(program, quick, quick.latency_s, quick.latency_parts)
    return Plans(cold, _sums(program, steady, steady.period_s, steady.period_parts)), (quick, steady)


def _sums(program: SpaceProgram, plan: SpacePlan, time_s: float, parts: np.ndarray) -> Sums:
    time, outer, feed, kept = (
        np.array([figure]) for figure in (time_s, float(plan.outer_bytes.sum()), program.feed_bytes, plan.load_bytes)
    )
    return Sums(time, outer, feed, kept, parts.sum(axis=1, keepdims=True))
