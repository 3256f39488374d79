"""What is scheduled, whatever the chip's numbers: a network's pools at any batch, and the rules of the chip's compiler."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.chip.schema import Architecture
from simulator.schedule.pool import Pool


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

    @property
    def split(self) -> bool:
        """Whether the batch may be taken in parts."""
        return self.sub_batches and self.batch > 1

    @property
    def pool(self) -> Pool:
        """At the whole batch."""
        return self.pool_of(self.batch)


def program_of(chip: Architecture, pool_of: Callable[[int], Pool], batch: int) -> Program:
    """The program of a chip: what its schedule allows. A batch that is none is refused by what gives the pools."""
    return Program(pool_of, batch, chip.keeps_weights, takes_parts(chip))


def splits(chip: Architecture, batch: int) -> bool:
    """Whether a chip may take a batch in parts."""
    return takes_parts(chip) and batch > 1


def takes_parts(chip: Architecture) -> bool:
    """Whether a chip may take batches of several items in parts."""
    return chip.schedule.sub_batches and chip.schedule.residency == "optimal"
