"""Points that differ in the context alone, on chips whose steps depend on each other: one network laid out for all of them.

Each is scheduled by itself, as a run of it is, on a pool that is put together from those at the ends of all contexts.
"""

import threading
from collections.abc import Sequence
from functools import partial

import numpy as np

from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.graph.shallow import with_layers
from simulator.lower.array import target_of
from simulator.lower.lines import BentError
from simulator.lower.operands import Operands
from simulator.lower.rows import check_batch, operands_of
from simulator.result.economics import limiting
from simulator.result.room import has_room
from simulator.result.totals import limit_of
from simulator.schedule.behind import PoolsBehind
from simulator.schedule.machines import machines_of
from simulator.schedule.plans import Plans
from simulator.schedule.pool import Pool
from simulator.schedule.pools import floor_of
from simulator.schedule.program import Program, program_of
from simulator.schedule.solve import solve_program
from simulator.sweeps.table import Solved, why_not


class Stretch:
    """A pass of a language model behind contexts from the first to the last, at any batch."""

    def __init__(self, graph: Graph, chip: Architecture, precision: str, ends: tuple[int, int]) -> None:
        self._graph, self.chip, self._ends = graph, chip, ends
        self._target = target_of(chip, precision)
        self._steps: dict[int, Operands] = {}
        self._pools: dict[int, PoolsBehind] = {}
        self._lock = threading.Lock()

    def pools(self, batch: int) -> PoolsBehind:
        """Those at a batch. Raises BentError where they are no lines, NetworkError for what the chip cannot run."""
        with self._lock:
            if batch not in self._pools:
                steps = partial(self._operands, batch)
                self._pools[batch] = PoolsBehind(steps, batch, self._ends, self.chip.keeps_weights, floor_of(self.chip))
            return self._pools[batch]

    def program(self, batch: int, context: int) -> Program:
        """What is scheduled behind a context."""
        known: dict[int, Pool] = {}

        def pool_of(size: int) -> Pool:
            if size not in known:
                known[size] = self.pools(size).at(context)
            return known[size]

        return program_of(self.chip, pool_of, batch)

    def _operands(self, batch: int, context: int) -> Operands:
        if context not in self._steps:
            graph = with_layers(self._graph, self._graph.graph["parameters"]["layers"], context=context)
            check_batch(graph, batch)
            self._steps[context] = operands_of(graph, self._target)
        return self._steps[context]


def solved_behind(
    stretch: Stretch, batch: int, contexts: Sequence[int], stop: threading.Event | None = None
) -> Solved | None:
    """The schedules behind contexts, one entry each; None where they must be looked at one by one. stop: as of `solve`."""
    chip = stretch.chip
    power, machine = limiting(chip), machines_of(chip)
    count = len(contexts)
    plans, reasons = Plans.nothing(count), [""] * count
    try:
        work = stretch.pools(batch).work(contexts)
        machines = machine.part(np.zeros(count, dtype=np.int64))
        for at in np.flatnonzero(has_room(chip, work, machines)).tolist():
            program = stretch.program(batch, contexts[at])
            found = solve_program(program, machine, stop, limit_of(chip, program.pool.work, power))
            plans.put(slice(at, at + 1), found)
            if not found.fits[0]:
                reasons[at] = why_not(program.pool, float(machine.capacity_bytes[0]), chip.name)
    except BentError:
        return None
    return Solved(work, machines, plans, None, reasons)
