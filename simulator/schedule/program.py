"""What is scheduled, whatever the chip's numbers: a network's pools at any batch, and the rules of the chip's compiler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from simulator.chip.schema import Architecture
from simulator.schedule.machines import Machines
from simulator.schedule.pool import Pool
from simulator.schedule.segments import divisors

NOTHING = 0.5
"""SRAM in which no step runs. [B]"""


@dataclass(frozen=True)
class Program:
    """A network on the frontiers of a chip, at one batch."""

    pool_of: Callable[[int], Pool]
    """Gives the moves and frontiers at any batch."""
    batch: int
    keep: bool
    """Weights may stay in SRAM for ever."""
    sub_batches: bool
    """A batch of several items may be taken in parts."""
    apart: bool
    """Every layer is scheduled for itself alone, and its tilings have all that parts of the batch could do."""
    keeps_states: bool = False
    """States of all items stay in the SRAM, whatever part of the batch runs."""

    @property
    def split(self) -> bool:
        """Whether the batch may be taken in parts, layers of which take turns."""
        return self.sub_batches and self.batch > 1 and self.beside == 0.0

    @property
    def beside(self) -> float:
        """SRAM that states of the batch take, beside all that its schedule does. [B]"""
        return float(self.pool.work.staying_bytes) if self.keeps_states else 0.0

    def left(self, machines: Machines) -> Machines:
        """Chips with the SRAM that states leave: next to none where they do not fit."""
        beside = self.beside
        if beside == 0.0:
            return machines
        return replace(machines, capacity_bytes=np.maximum(NOTHING, machines.capacity_bytes - beside))

    @property
    def pool(self) -> Pool:
        """At the whole batch."""
        return self.pool_of(self.batch)

    @property
    def exact(self) -> Self:
        """The same with pools that have no floor: many chips' schedules are not looked at one by one."""
        return replace(self, pool_of=lambda batch: self.pool_of(batch).exact)

    def parts(self, limited: bool) -> list[int]:
        """Sizes of equal parts that the batch may run in, one after another, the largest first; none for a batch of one.

        limited: another limit than time counts (power). Without, schedules in sub-batches have these parts among their choices.
        """
        known = (self.split or self.apart) and not limited
        return [] if self.batch == 1 or known else divisors(self.batch)

    def at(self, batch: int) -> Self:
        """The same at another batch."""
        return replace(self, batch=batch)


def program_of(chip: Architecture, pool_of: Callable[[int], Pool], batch: int) -> Program:
    """The program of a chip: what its schedule allows. A batch that is none is refused by what gives the pools."""
    rules = chip.schedule
    # Not on GPUs, whose waves of blocks are not tilings, nor on systolic arrays, which count the last cycle of a layer not.
    apart = rules.residency == "none" and rules.overlap != "network"
    apart = apart and chip.array is not None and chip.array.kind == "grid" and not chip.array.systolic
    return Program(pool_of, batch, chip.keeps_weights, takes_parts(chip), apart, chip.keeps_states)


def splits(chip: Architecture, batch: int) -> bool:
    """Whether a chip may take a batch in parts."""
    return takes_parts(chip) and batch > 1


def takes_parts(chip: Architecture) -> bool:
    """Whether a chip may take batches of several items in parts."""
    return chip.schedule.sub_batches and chip.schedule.residency == "optimal"
