"""The search: boxes of designs in the order of the cheapest bill in them, and the runs that decide about them."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.library import Entry
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.errors import ChipError, InfeasibleError, NetworkError
from simulator.graph.build import Graph
from simulator.graph.shallow import decoder_in
from simulator.graph.subject import subject_of
from simulator.result.form import Result
from simulator.run import simulate
from simulator.study.repeating import deep
from simulator.study.sizing_answer import Design, Served, Targets
from simulator.study.sizing_bounds import Needed, Speeds, demands_of, has_room, is_fast, least_w, most_per_s
from simulator.study.sizing_space import Group, Space
from simulator.units import MIB

MOST_TESTS = 4_000
"""Designs tested in one search; beyond it the search gives up."""

MOST_AFTER = 200
"""Designs tested for the runners-up once the winner is known."""

ROUGH = 2e-3
"""Share by which a pass of equal layers, of which two are scheduled, may differ from that of all. [-]"""

At = tuple[int, int, int]
Run = Callable[[Graph, Architecture, int, str], Result]


@dataclass(frozen=True)
class Box:
    """Designs low..high, both included, of one group; or one bundled chip."""

    group: Group | None
    low: At
    high: At
    entry: Entry | None = None

    @property
    def single(self) -> bool:
        """Whether it is one design."""
        return self.low == self.high

    def halves(self) -> "tuple[Box, Box]":
        """Cut in two along its longest side."""
        axis = max(range(3), key=lambda side: self.high[side] - self.low[side])
        middle = (self.low[axis] + self.high[axis]) // 2
        below, above = list(self.high), list(self.low)
        below[axis], above[axis] = middle, middle + 1
        return (
            Box(self.group, self.low, (below[0], below[1], below[2])),
            Box(self.group, (above[0], above[1], above[2]), self.high),
        )

    def cells(self) -> tuple[slice, slice, slice]:
        """Its designs, as the arrays of its group have them."""
        first, second, third = (slice(low, high + 1) for low, high in zip(self.low, self.high, strict=True))
        return first, second, third


class GivenUpError(Exception):
    """More designs would have to be tested than a search may."""


class Search:
    """Everything that was run, kept over searches for different targets."""

    def __init__(
        self,
        mix: Sequence[tuple[Graph, float]],
        space: Space,
        bundled: Sequence[Entry],
        batch: int,
        precision: str,
        tell: Callable[[str], None],
    ) -> None:
        """mix: networks with their shares of the inferences, which sum to 1. tell: called now and then."""
        self.mix, self.space, self.bundled = mix, space, bundled
        self.batch, self.precision, self.tell = batch, precision, tell
        self.note: Callable[[float], None] = lambda _: None
        """Called with the share of the search that is done: of the boxes that wait, each needs one run at least."""
        self._waiting = 0
        self._runs: dict[Any, Design | None] = {}
        self._roughs: dict[Any, Design | None] = {}
        self._tried: set[Any] = set()
        self._chips: dict[tuple[int, At], Architecture | None] = {}
        self._rooms: dict[int, npt.NDArray[np.bool_]] = {}
        self._is_deep = any(decoder_in(graph) is not None for graph, _ in mix)
        self._demand: dict[int | str, tuple[Needed, ...]] = {}

    @property
    def tested(self) -> int:
        """Designs that were run."""
        return len(self._tried)

    def find(self, targets: Targets, wanted: int = 1) -> list[tuple[Box, Design]]:
        """The cheapest designs that meet the targets: the cheapest first, then of other arrays or other memory.

        Raises GivenUpError where that takes too long.
        """
        found: list[tuple[Box, Design]] = []
        taken: set[Any] = set()
        ticket, begin = count(), self.tested
        queue = [(self._least(box, targets, taken), next(ticket), box) for box in self._all()]
        heapq.heapify(queue)
        while queue and len(found) < wanted:
            least, _, box = heapq.heappop(queue)
            self._waiting = len(queue)
            if least == np.inf:
                break
            if found and self.tested - begin > MOST_AFTER:
                break
            if self.tested - begin > MOST_TESTS:
                raise GivenUpError
            now = self._least(box, targets, taken)
            if now > least:
                heapq.heappush(queue, (now, next(ticket), box))
                continue
            box = self._hull(box, targets, taken)
            if not self._may_reach(box, targets):
                continue
            if not box.single:
                for half in self._halves(box):
                    heapq.heappush(queue, (self._least(half, targets, taken), next(ticket), half))
                continue
            design = self.run(box) if self._may_meet(self.rough(box), targets) else None
            if design is not None and not design.misses(targets):
                found.append((box, design))
                taken.add(_kind(box))
                if len(found) == 1:
                    begin = self.tested
        return found

    def most(self, targets: Targets, wanted: int = 1) -> list[tuple[Box, Design]]:
        """The designs with most throughput for a USD of their bill that meet the targets, the best first, each of other arrays or
        memory.

        Boxes wait in the order of a bound: no design of a box is faster than its largest, or cheaper than its cheapest. Raises
        GivenUpError where that takes too long.
        """
        found: list[tuple[Box, Design]] = []
        taken: set[Any] = set()
        ticket, begin = count(), self.tested
        queue = [(-np.inf, next(ticket), box) for box in self._all()]
        while queue and len(found) < wanted:
            bound, _, box = heapq.heappop(queue)
            self._waiting = len(queue)
            if self.tested - begin > (MOST_AFTER if found else MOST_TESTS):
                if found:
                    break
                raise GivenUpError
            now = -self._most(box, targets, taken)
            if now == 0.0:
                continue
            if now > bound:
                heapq.heappush(queue, (now, next(ticket), box))
            elif not box.single:
                for half in self._halves(box):
                    heapq.heappush(queue, (bound, next(ticket), half))
            else:
                design = self.run(box)
                if design is not None and not design.misses(targets):
                    found.append((box, design))
                    taken.add(_kind(box))
        return found

    def _most(self, box: Box, targets: Targets, taken: set[Any]) -> float:
        """No design of a box has more throughput for a USD; of a single one what it has. 0 where none can meet the targets."""
        usd = self._least(box, targets, taken)
        if not np.isfinite(usd):
            return 0.0
        if box.single:
            design = self.run(box)
            return 0.0 if design is None or design.misses(targets) else design.throughput_per_s / usd
        if box.group is None:
            return 0.0
        out, bills = self._ruled_out(box, box.group, targets, taken)
        rates = most_per_s(self._demands(box.group), _of_cells(box, box.group.speeds))
        return float(np.where(out, 0.0, rates / bills).max())

    def run(self, box: Box) -> Design | None:
        """The largest design of a box, run; None where it does not run."""
        return self._kept(box, self._runs, simulate)

    def rough(self, box: Box) -> Design | None:
        """The same to within ROUGH: of language models equal layers once."""
        return self._kept(box, self._roughs, deep) if self._is_deep else self.run(box)

    def _may_meet(self, design: Design | None, targets: Targets) -> bool:
        """Whether a design that was run roughly may meet targets."""
        most = ROUGH if self._is_deep else 0.0
        return design is not None and all(share <= most for share in design.misses(targets).values())

    def _kept(self, box: Box, known: dict[Any, Design | None], run: Run) -> Design | None:
        """The largest design of a box, run once in one of both ways."""
        if box.entry is not None:
            name = box.entry.name
            self._tried.add(name)
            if name not in known:
                known[name] = self._served(box.entry.architecture, name, {}, run, bundled=True)
            return known[name]
        if box.group is None:
            return None
        key = box.group.number, box.high
        self._tried.add(key)
        if key not in known:
            chip = self._design(box.group, box.high)
            if chip is None:
                known[key] = None
                return None
            known[key] = self._served(chip, chip.name, box.group.changes(box.high, self.space.base), run, bundled=False)
        return known[key]

    def _served(
        self, chip: Architecture | None, name: str, settings: Mapping[str, Any], simulated: Run, bundled: bool
    ) -> Design | None:
        """What a chip makes of the mix."""
        self.note(self.tested / (self.tested + self._waiting + 1))
        self.tell(f"{self.tested:,} designs tested")
        cost = None if chip is None else priced_chip(chip).cost
        if chip is None or cost is None or cost.bill_usd is None or cost.bill_usd.best is None:
            return None
        served, time_s, energy_j, latency_s = [], 0.0, 0.0, 0.0
        known = True
        for graph, share in self.mix:
            try:
                run = simulated(graph, chip, self.batch, self.precision)
            except (InfeasibleError, ChipError, NetworkError):
                return None
            each_s = share / run.throughput_per_s
            time_s, latency_s = time_s + each_s, max(latency_s, run.latency_s)
            known = known and run.power_w is not None
            energy_j += each_s * (run.power_w or 0.0)
            served.append(
                Served(
                    subject_of(graph),
                    share,
                    run.throughput_per_s,
                    run.latency_s,
                    run.power_w,
                    partial(bound_of, run),
                )
            )
        power_w = energy_j / time_s if known else None
        tops = chip.peak_tops(self.precision)
        only = served[0].throughput_per_s if len(served) == 1 else 1.0 / time_s
        return Design(
            name,
            bundled,
            dict(settings),
            summary(chip),
            only,
            latency_s,
            power_w,
            cost.bill_usd.best,
            tops,
            tuple(served),
        )

    def _all(self) -> Iterator[Box]:
        """Every group as one box, or as single designs where more may be slower; every bundled chip."""
        for group in self.space.groups:
            sizes = group.bill_usd.shape
            roomy = np.flatnonzero(self._roomy(group))
            if not len(roomy):
                continue
            # Capacity does not grow with bandwidth: the largest design of a box is one that has room.
            whole = Box(group, (0, 0, 0), (sizes[0] - 1, int(roomy[-1]), sizes[2] - 1))
            if group.chip.power_limit_w is None and group.chip.schedule.placement == "time":
                yield whole
            else:
                for at in np.ndindex(*sizes):
                    yield Box(group, (at[0], at[1], at[2]), (at[0], at[1], at[2]))
        for entry in self.bundled:
            yield Box(None, (0, 0, 0), (0, 0, 0), entry)

    def _halves(self, box: Box) -> Iterator[Box]:
        """Both halves of a box, each up to the fastest of its memories that has room; none of one without."""
        group = box.group
        if group is None:
            return
        for half in box.halves():
            roomy = np.flatnonzero(self._roomy(group)[half.low[1] : half.high[1] + 1])
            if len(roomy):
                yield replace(half, high=(half.high[0], half.low[1] + int(roomy[-1]), half.high[2]))

    def _roomy(self, group: Group) -> npt.NDArray[np.bool_]:
        """Whether each memory of a group has room for the networks."""
        if group.number not in self._rooms:
            demands = self._demands(group)
            room = [has_room(demands, capacity) for capacity in group.room_bytes]
            self._rooms[group.number] = np.array(room, dtype=np.bool_)
        return self._rooms[group.number]

    def _design(self, group: Group, at: At) -> Architecture | None:
        """One chip of a group, made once; None where its values do not go together."""
        key = group.number, at
        if key not in self._chips:
            try:
                self._chips[key] = group.design(at)
            except ChipError:
                self._chips[key] = None
        return self._chips[key]

    def _least(self, box: Box, targets: Targets, taken: set[Any]) -> float:
        """The cheapest bill in a box that the targets do not rule out from the start; infinite where there is none."""
        if box.entry is not None:
            return float(np.inf) if _kind(box) in taken else self._least_bundled(box.entry, targets)
        if box.group is None:
            return float(np.inf)
        out, bills = self._ruled_out(box, box.group, targets, taken)
        return float(np.where(out, np.inf, bills).min())

    def _hull(self, box: Box, targets: Targets, taken: set[Any]) -> Box:
        """The smallest box that holds all designs of one that are not ruled out, of which there is one."""
        if box.group is None or box.single:
            return box
        places = np.argwhere(~self._ruled_out(box, box.group, targets, taken)[0])
        low, high = (
            tuple(int(base + at) for base, at in zip(box.low, end, strict=True))
            for end in (places.min(axis=0), places.max(axis=0))
        )
        return replace(box, low=(low[0], low[1], low[2]), high=(high[0], high[1], high[2]))

    def is_out(self, targets: Targets) -> bool:
        """Whether bounds alone rule every design out."""
        return all(self._least(box, targets, set()) == np.inf for box in self._all())

    def _ruled_out(
        self, box: Box, group: Group, targets: Targets, taken: set[Any]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """(whether targets rule each design of a box out from the start, their bills)."""
        cells = box.cells()
        bills = group.bill_usd[cells]
        out = ~is_fast(self._demands(group), _of_cells(box, group.speeds), targets) | np.zeros(bills.shape, dtype=bool)
        if targets.max_cost_usd is not None:
            out |= bills > targets.max_cost_usd
        if targets.max_power_w is not None:
            # Where a power limit holds a chip back its energy is not that of its work at full voltage.
            speed = targets if group.chip.power_limit_w is None else replace(targets, latency_s=None)
            joules = group.mac_j, np.array(group.outer_byte_j)[cells[1]][None, :, None]
            held = np.array(group.sram_mib)[cells[0]][:, None, None] * MIB
            out |= least_w(self._demands(group), speed, group.static_w[cells], joules, held) > targets.max_power_w
        out |= ~self._roomy(group)[cells[1]][None, :, None]
        for memory in range(box.low[1], box.high[1] + 1):
            if (*_arrays(group), memory) in taken:
                out[:, memory - box.low[1], :] = True
        return out, bills

    def _least_bundled(self, entry: Entry, targets: Targets) -> float:
        """The bill of a bundled chip; infinite where the targets or its memory rule it out from the start."""
        chip = entry.architecture
        cost = None if chip is None else priced_chip(chip).cost
        if chip is None or cost is None or cost.bill_usd is None or cost.bill_usd.best is None:
            return float(np.inf)
        if targets.max_cost_usd is not None and cost.bill_usd.best > targets.max_cost_usd:
            return float(np.inf)
        try:
            demands = self._demands(entry)
        except (ChipError, NetworkError):
            return float(np.inf)
        power = priced_chip(chip).power
        if not has_room(demands, chip.dram_capacity_bytes) or not is_fast(
            demands, Speeds.of(chip, self.precision), targets
        ):
            return float(np.inf)
        if targets.max_power_w is not None and power is not None and chip.power_limit_w is None:
            joules = float(np.min(power.mac_j[chip.product(self.precision).format])), power.outer_byte_j
            least = least_w(demands, targets, float(power.static_w), joules, chip.sram.capacity_bytes)
            if least > targets.max_power_w:
                return float(np.inf)
        return float(cost.bill_usd.best)

    def _may_reach(self, box: Box, targets: Targets) -> bool:
        """Whether the largest design of a box meets what more of everything can only help."""
        fast = Targets(targets.at_least_per_s, targets.latency_s)
        if not fast.given() or box.group is None:
            return True
        if self._design(box.group, box.high) is None:
            return False
        if box.single:
            return True
        return self._may_meet(self.rough(box), fast)

    def _demands(self, of: Group | Entry) -> tuple[Needed, ...]:
        """What every network asks of the arrays of a group, or of a bundled chip."""
        key, chip = (of.number, of.chip) if isinstance(of, Group) else (of.name, of.architecture)
        if key not in self._demand:
            self._demand[key] = () if chip is None else demands_of(self.mix, chip, self.batch, self.precision)
        return self._demand[key]


def _of_cells(box: Box, speeds: Speeds) -> Speeds:
    """The speeds of the designs of a box, of those of its group."""
    first, second, third = box.cells()
    return Speeds(speeds.macs_per_s[..., third], speeds.outer_bytes_per_s[:, second], speeds.held_bytes[first])


def summary(chip: Architecture) -> str:
    """The four resources of a chip in one line."""
    array, dram = chip.array, chip.dram
    units = "no array" if array is None else f"{array.count} x {array.rows} x {array.columns} MACs"
    memory = "no DRAM" if dram is None else f"{dram.devices} x {dram.part}"
    return f"{units}, {chip.sram.capacity_mib:g} MiB, {memory}, {chip.clock_mhz:g} MHz"


def _arrays(group: Group) -> tuple[int, int, int]:
    """Arrays, rows and columns of a group."""
    array = group.chip.array
    return (0, 0, 0) if array is None else (array.count, array.rows, array.columns)


def _kind(box: Box) -> Any:
    """What two answers must differ in: the arrays or the memory, or the bundled chip."""
    if box.entry is not None:
        return box.entry.name
    return None if box.group is None else (*_arrays(box.group), box.high[1])


def bound_of(run: Result) -> str:
    """What binds a run, asked for once a design is shown."""
    return run.bound_by
