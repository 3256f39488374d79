"""A network on one chip with any SRAM and any number of DRAM devices: many points at once, and exact searches over SRAM."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.chip.change import changed_chip
from simulator.chip.parts import CUSTOM
from simulator.chip.schema import Architecture
from simulator.cost.columns import cost_columns
from simulator.cost.priced import varied
from simulator.errors import ChipError
from simulator.graph.build import Graph
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.rows import Lowered, lower
from simulator.result.room import has_room
from simulator.result.totals import link_time
from simulator.schedule.keep import Promise, promise_of, promised_s
from simulator.schedule.machines import machines_of
from simulator.schedule.pools import pool_source
from simulator.schedule.program import Program, program_of, splits
from simulator.schedule.solve import solve_alone, steady_alone
from simulator.sweeps.groups import Columns, Variant
from simulator.sweeps.run import threads
from simulator.sweeps.table import Block, empty_block, fill
from simulator.units import MIB

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

SAME = 1.0 - 1e-9
"""Relative: throughputs that differ by less are one and the same but for the order of sums."""

LEAST_BYTES, MOST_BYTES = 1049, 2**40
"""Smallest and largest SRAM that a chip file may have [B]."""

NO_TIME = 1e-30
"""A cycle without weight, so that time is the bytes moved [s]."""


@dataclass(frozen=True)
class Bench:
    """One network, chip, batch and precision; SRAM in bytes and DRAM devices are what varies (0 devices: no DRAM)."""

    graph: Graph
    chip: Architecture
    batch: int
    precision: str

    @property
    def low(self) -> Lowered:
        """The network in numbers."""
        return lower(self.graph, self.chip, self.batch, self.precision)

    @property
    def share(self) -> float:
        """Part of the SRAM that tensors and tiles share: half of a cache [-]."""
        return 0.5 if self.chip.sram.managed == "cache" else 1.0

    def ample_bytes(self) -> int:
        """SRAM beyond which nothing can change: all weights and tensors several times over, double buffers and all. [B]"""
        low = self.low
        several = 16.0 * (sum(row.weight_bytes for row in low.rows) + sum(low.tensor_bytes))
        return min(int(several) + 2**26, MOST_BYTES)

    def run(self, sram_bytes: Ints, devices: Ints, cost: bool = False) -> Block:
        """Answers of the sweep engine for these points, which are those of `simulate`; on one thread a core."""
        block, stop, tasks = empty_block(len(sram_bytes)), threading.Event(), []
        with threads(stop) as workers:
            for chip, rows, columns in self._groups(sram_bytes, devices):
                source = pool_source(self.graph, chip, self.precision, floor=NO_FLOOR)
                if chip.schedule.placement == "time":
                    source(self.batch)  # built before the threads begin, so that no two search the same frontiers
                variant = Variant(chip, self.graph, self.batch, self.precision, source)
                for part in np.array_split(np.arange(len(rows)), min(len(rows), 2 * workers._max_workers)):
                    mine = {key: column[part] for key, column in columns.items()}
                    tasks.append(workers.submit(fill, block, rows[part], variant, mine, cost, stop))
            for task in tasks:
                task.result()
        return block

    def _groups(self, sram_bytes: Ints, devices: Ints) -> list[tuple[Architecture, Ints, Columns]]:
        """(chip, its points, their columns): one group, or one for each value of what is no column of a sweep."""
        dram = self.chip.dram
        columns: Columns = {}
        apart: Columns = {}
        cached = self.chip.is_gpu  # what a GPU's cache serves is part of its tilings
        (apart if cached else columns)["sram.capacity_mib"] = sram_bytes / MIB
        if dram is not None:
            (apart if dram.part == CUSTOM else columns)["dram.devices"] = devices
        code = np.zeros(len(sram_bytes), dtype=np.int64)
        for values in apart.values():
            _, own = np.unique(values, return_inverse=True)
            code = code * (int(own.max()) + 1) + own
        found: list[tuple[Architecture, Ints, Columns]] = []
        for each in np.unique(code).tolist():
            rows = np.flatnonzero(code == each)
            chip = changed_chip(self.chip, {key: values[rows[0]].item() for key, values in apart.items()})
            found.append((chip, rows, {key: values[rows] for key, values in columns.items()}))
        return found

    def rates(self, sram_bytes: Ints, devices: Ints) -> Floats:
        """Throughput of every point, 0 where nothing runs [1/s]."""
        return np.nan_to_num(self.run(sram_bytes, devices).numbers["throughput_per_s"])

    @property
    def alone(self) -> bool:
        """Whether every point is scheduled by itself, as where weights are fetched ahead across layers."""
        rules = self.chip.schedule
        alone = rules.overlap == "network" and rules.placement == "time" and not splits(self.chip, self.batch)
        return alone and self.chip.power_limit_w is None

    def speed(self, devices: int) -> "Speed":
        """Of the chip with so many DRAM devices."""
        ((chip, _, _),) = self._groups(np.array([LEAST_BYTES]), np.array([devices]))
        program = program_of(chip, pool_source(self.graph, chip, self.precision, floor=NO_FLOOR), self.batch)
        return Speed(chip, program, devices, float(link_time(chip, program.pool.work)))

    def bills(self, sram_bytes: Ints, devices: Ints) -> Floats:
        """Bill of materials, best estimate; NaN where it cannot be told, or the chip cannot be made [USD]."""
        found = np.full(len(sram_bytes), np.nan)
        for chip, rows, columns in self._groups(sram_bytes, devices):
            try:
                known = cost_columns(varied(chip, columns))
            except ChipError:
                continue
            found[rows] = np.where(known.can_be_made, known.bill_usd, np.nan)
        return found

    def least_traffic(self, sram_bytes: Sequence[int]) -> Floats:
        """Fewest bytes to and from outer memory of any schedule of a batch; infinite where nothing fits. [B]

        The programmes of `simulate` with time that is the bytes alone. NaN for layers placed in space.
        """
        least = np.full(len(sram_bytes), np.inf)
        if self.chip.schedule.placement == "space":
            return np.full(len(sram_bytes), np.nan)
        here = np.full(len(sram_bytes), self.chip.dram_devices, dtype=np.int64)
        for chip, rows, columns in self._groups(np.asarray(sram_bytes, dtype=np.int64), here):
            program = program_of(chip, pool_source(self.graph, chip, self.precision, floor=NO_FLOOR), self.batch)
            machines = machines_of(chip, columns, len(rows))
            # Where no time is but that of the memory, one after another is as good as any overlap.
            only = replace(
                machines, cycle_s=np.full(len(rows), NO_TIME), byte_s=np.ones(len(rows)), overhead_s=np.zeros(len(rows)),
                overlap="none", fifo_bytes=None,
            )  # fmt: skip
            for at in range(len(rows)):
                plans, _ = solve_alone(program, only.one(at))
                if plans.fits[0]:
                    least[rows[at]] = plans.cold.outer_bytes[0]
        return least


@dataclass(frozen=True)
class Speed:
    """A chip with some DRAM devices, whose SRAM varies."""

    chip: Architecture
    program: Program
    devices: int
    link_s: float
    """Of a batch on the host link."""

    def reaches(self, size: int, least_per_s: float, promise: Promise | None) -> tuple[bool, Promise | None]:
        """Whether an SRAM of `size` bytes gives so much throughput, and where a schedule was that does.

        promise: where one was before; without it all are looked through.
        """
        columns: Columns = {"sram.capacity_mib": np.array([size / MIB])}
        if self.chip.dram is not None:
            columns["dram.devices"] = np.array([self.devices])
        machine = machines_of(self.chip, columns, 1)
        if not has_room(self.chip, self.program.pool.work, machine)[0]:
            return False, None
        left = self.program.left(machine)
        limit_s = self.program.batch / least_per_s * (1.0 + 1e-12)  # beyond it there is less, however that is rounded
        if promise is not None:
            time_s = promised_s(self.program.pool, left, promise, limit_s)
        else:
            time_s, promise = steady_alone(self.program, machine, limit_s, None), promise_of(self.program.pool, left)
        enough = time_s < limit_s and self.program.batch / max(time_s, self.link_s) >= least_per_s
        return enough, promise


TURNS = 4
"""How often a search goes down along one schedule before sizes are tried by halves again."""


class Reaching:
    """Searches over SRAM for some throughput each: what was learned of every one, so that little is looked through.

    Where some size does, the same kind of schedule is tried in smaller ones, which takes no time; at the first in which it no
    longer does, all schedules are looked through, and mostly none does.
    """

    def __init__(self, bench: Bench, devices: Ints, least_per_s: Floats, ends: tuple[Ints, Ints]) -> None:
        """ends: of each search a size that does not, and one that does. [B]"""
        speeds = {each: bench.speed(each) for each in sorted({*devices.tolist()})}
        self._speeds = [speeds[each] for each in devices.tolist()]
        self._least, self._low, self._high = least_per_s.tolist(), ends[0].tolist(), ends[1].tolist()

    def __call__(self, searches: Ints, sizes: Ints) -> Truths:
        """Whether each size does."""
        stop = threading.Event()
        with threads(stop) as workers:
            tasks = [workers.submit(self._holds, *one) for one in zip(searches.tolist(), sizes.tolist(), strict=True)]
            return np.array([task.result() for task in tasks], dtype=np.bool_)

    def _holds(self, search: int, size: int) -> bool:
        if self._low[search] < size < self._high[search]:
            holds, promise = self._try(search, size)
            for _ in range(TURNS if holds else 0):
                if promise is None:
                    break
                self._follow(search, promise)
                if self._high[search] - self._low[search] < 2:
                    break
                further, promise = self._try(search, self._high[search] - 1)
                if not further:
                    break
        return bool(size >= self._high[search])

    def _follow(self, search: int, promise: Promise) -> None:
        """Go down by halves as long as one kind of schedule does."""
        low = self._low[search]
        while self._high[search] - low > 1:
            middle = (low + self._high[search]) // 2
            holds, _ = self._speeds[search].reaches(middle, self._least[search], promise)
            if holds:
                self._high[search] = middle
            else:
                low = middle

    def _try(self, search: int, size: int) -> tuple[bool, Promise | None]:
        """Look all schedules through."""
        holds, found = self._speeds[search].reaches(size, self._least[search], None)
        ends = self._high if holds else self._low
        ends[search] = size
        return holds, found


def least_true(good: Callable[[Ints, Ints], Truths], below: Ints, enough: Ints, within: float = 0.0) -> Ints:
    """The smallest size of each search at which `good` holds, to the byte, or to a share `within` of it from above.

    good(searches, sizes): whether it holds for these searches at these sizes; once it holds it holds for every larger size.
    below: sizes at which it does not hold. enough: sizes at which it does. All searches go in step, so that each round is
    one call.
    """
    low, high = below.copy(), enough.copy()
    while True:
        open_ = np.flatnonzero(high - low > np.maximum(1, (within * high).astype(np.int64)))
        if not len(open_):
            return high
        middle = (low[open_] + high[open_]) // 2
        holds = good(open_, middle)
        high[open_] = np.where(holds, middle, high[open_])
        low[open_] = np.where(holds, low[open_], middle)


@dataclass(frozen=True)
class Ladder:
    """Throughput of numbers of DRAM devices at a list of SRAM sizes, the last of which is ample: where searches begin."""

    sizes: Ints
    """Rising [B]."""
    rates: dict[int, Floats]
    """By number of devices [1/s]."""

    def most(self, devices: int) -> float:
        """Throughput with all the SRAM one could wish for [1/s]."""
        return float(self.rates[devices][-1])

    def bracket(self, devices: int, target: float) -> tuple[int, int] | None:
        """(a size that does not reach `target`, one that does); None where none does."""
        reached = np.flatnonzero(self.rates[devices] >= target)
        if not len(reached) or target <= 0.0:
            return None
        first = int(reached[0])
        return (int(self.sizes[first - 1]) if first else LEAST_BYTES - 1), int(self.sizes[first])


def ladder_of(bench: Bench, devices: Sequence[int], more: Sequence[int] = ()) -> Ladder:
    """Throughput at powers of two from the smallest SRAM to an ample one, and at the sizes in `more`."""
    top = max(bench.ample_bytes(), *more)
    doublings = [2**k for k in range(11, top.bit_length())]
    sizes = np.array(sorted({LEAST_BYTES, *doublings, *more, top}), dtype=np.int64)
    grid = bench.rates(np.tile(sizes, len(devices)), np.repeat(np.array(devices, dtype=np.int64), len(sizes)))
    return Ladder(sizes, dict(zip(devices, grid.reshape(len(devices), -1), strict=True)))


def least_sram(
    bench: Bench, ladder: Ladder, devices: Sequence[int], targets: Sequence[float], within: float = 0.0
) -> list[int | None]:
    """Least SRAM of each (devices, throughput) that reaches the throughput, to the byte or `within` a share; None: none does.

    Holds because more SRAM is never slower. [B]
    """
    wanted = [target * SAME for target in targets]
    brackets = [ladder.bracket(each, target) for each, target in zip(devices, wanted, strict=True)]
    at = [number for number, bracket in enumerate(brackets) if bracket is not None]
    found: list[int | None] = [None] * len(brackets)
    if not at:
        return found
    below, enough = np.array([brackets[number] for number in at], dtype=np.int64).T
    each, least = np.array([devices[n] for n in at], dtype=np.int64), np.array([wanted[n] for n in at])

    def reaches(searches: Ints, sizes: Ints) -> Truths:
        return np.asarray(bench.rates(sizes, each[searches]) >= least[searches])

    good = Reaching(bench, each, least, (below, enough)) if bench.alone else reaches
    for number, size in zip(at, least_true(good, below, enough, within).tolist(), strict=True):
        found[number] = size
    return found
