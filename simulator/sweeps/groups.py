"""Points in groups that share a network, an array and thus their frontiers; what differs inside a group as columns.

Keys of COLUMNS change numbers of a schedule, or of the price, alone: SRAM size, clock, bandwidth, overhead, DRAM capacity. Every
other key makes a group.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.change import changed_chip
from simulator.chip.parts import CUSTOM
from simulator.chip.schema import Architecture, Schedule
from simulator.cost.quantities import quantities_of
from simulator.errors import InputError, OptionError
from simulator.graph.build import Graph
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.array import array_spec
from simulator.lower.rows import check_batch
from simulator.result.contexts import independent
from simulator.schedule.behind import FEWEST
from simulator.schedule.machines import COLUMNS
from simulator.schedule.pool import Pool
from simulator.schedule.pools import Pools, floor_of, pool_bytes, pool_source
from simulator.schedule.program import Program, program_of, splits
from simulator.schedule.solve import FEW
from simulator.store.memory import Memory, one_each
from simulator.sweeps.design import places
from simulator.sweeps.plan import Plan
from simulator.sweeps.ranges import PARAMETER, Axis, Value

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

CONTEXT = f"{PARAMETER}context"
"""Of a language model: tokens before a pass."""

WORTH_MORE = 2
"""Networks at other contexts that take as long to lay out as one at both ends of a stretch of contexts, and its points."""

MOST_VARIANTS, MOST_GRAPHS, MOST_STRETCHES = 1024, 64, 8
"""Groups, networks of other parameters, and networks laid out for many contexts, that stay built."""

MOST_POOL_BYTES = 32 * 2**20
"""Pools of one sweep, which goes through its arrays one after another and needs few of them. [B]"""


@dataclass(frozen=True)
class Variant:
    """What the points of one group share. `fault` says why the group cannot be simulated at all."""

    chip: Architecture
    graph: Graph | None
    batch: int
    precision: str
    pools: Callable[[int], Pool] | None = None
    """Where pools come from, if the caller has a source in hand: what it gave stays as long as this variant."""
    fault: str | None = None
    kept: Pools | None = None
    """Where pools are kept, if not among those that all callers share."""
    behind: "Behind | None" = None
    """Of a token whose context is a column."""
    floor: float = NO_FLOOR
    """Of its pools, see `Pool`."""

    @property
    def program(self) -> Program | None:
        """What is scheduled, whose pools stay as long as what is given here; None where nothing can be simulated in time."""
        if self.graph is None or self.chip.schedule.placement == "space":
            return None
        return program_of(
            self.chip,
            self.pools or pool_source(self.graph, self.chip, self.precision, self.kept, floor=self.floor),
            self.batch,
        )

    @property
    def laid_out(self) -> bool:
        """Whether contexts are a column of points that are solved one by one, on one network laid out for all."""
        return self.behind is not None and not independent(self.chip)

    @property
    def together(self) -> bool:
        """Whether all points go through one kernel."""
        return self._rules.overlap != "network" and self._rules.placement == "time" and not self._split

    @property
    def ahead(self) -> bool:
        """Whether points of one SRAM size go through one kernel: weights are fetched ahead across layers."""
        return self._rules.overlap == "network" and self._rules.placement == "time" and not self._split

    @property
    def _rules(self) -> Schedule:
        return self.chip.schedule

    @property
    def _split(self) -> bool:
        return splits(self.chip, self.batch)


@dataclass(frozen=True)
class Behind:
    """Contexts that are a column."""

    at: Callable[[int], Variant]
    """Gives the variant of one context."""
    contexts: npt.NDArray[np.int64]
    """All that the points of a sweep may have."""
    kept: Memory[Any, Any]
    """What is laid out for many contexts."""
    key: tuple[Value, ...]
    """Of the variant, among what is kept."""


Group = tuple[Variant, npt.NDArray[np.int64], Columns]
"""What is shared, numbers of its points, its columns."""


class Space:
    """All points of a plan: their values, their groups, and the chip of each group."""

    def __init__(self, plan: Plan, chip: Architecture, network: Callable[[Mapping[str, Value]], Graph]) -> None:
        """`network` builds the network with the values of `param.` axes. Raises InputError for values that cannot be."""
        self.plan, self.chip, self._network = plan, chip, network
        self._tables = {axis.key: _table(axis.values) for axis in plan.axes if not axis.drawn}
        keys = [axis.key for axis in plan.axes]
        custom = chip.dram is None or chip.dram.part == CUSTOM or "dram.part" in keys
        # What misses a GPU's cache depends on its size.
        cached = "array.kind" in keys or chip.is_gpu
        apart = {"dram.devices"} if custom else set()
        apart |= {"sram.capacity_mib"} if cached else set()
        apart |= {*COLUMNS} if _as_columns(chip, plan.axes) else {CONTEXT}
        self._shared = tuple(axis.key in (*COLUMNS, CONTEXT) and axis.key not in apart for axis in plan.axes)
        columns = [axis for axis, shared in zip(plan.axes, self._shared, strict=True) if shared and axis.key != CONTEXT]
        # The chips of a group: so few are solved one by one, as a run is.
        self._few = not any(axis.drawn for axis in columns) and math.prod(len(axis.values) for axis in columns) <= FEW
        self._graphs: Memory[tuple[tuple[str, Value], ...], Graph] = Memory(MOST_GRAPHS, one_each)
        self._known: Memory[tuple[Value, ...], Variant] = Memory(MOST_VARIANTS, one_each)
        self._pools: Pools = Memory(MOST_POOL_BYTES, pool_bytes)
        self._stretches: Memory[Any, Any] = Memory(MOST_STRETCHES, one_each)
        self.stop = threading.Event()
        """Set when the run is interrupted: points that are solved one by one end early."""
        self.made: Mapping[str, str] = {}
        """What the parts of a folder say of what made them."""
        self.begun = False
        """Whether a point was solved, so that everything is compiled."""
        self._check()

    def graph(self, values: Mapping[str, Value] | None = None) -> Graph:
        """The network with these values of its parameters, built once."""
        given = {key[len(PARAMETER) :]: value for key, value in (values or {}).items() if key.startswith(PARAMETER)}
        key = tuple(sorted(given.items()))
        found = self._graphs.get(key)
        return self._graphs.put(key, self._network(given)) if found is None else found

    def _check(self) -> None:
        """Try every value of every axis beside the first values of the others."""
        first = {axis.key: axis.extremes()[0] for axis in self.plan.axes}
        if not any(key.startswith(PARAMETER) for key in first):
            self.graph()  # a fault of the network is none of an axis
        if self.chip.power_limit_w is not None and "process_nm" not in first:
            quantities_of(self.chip)  # nor is a limit on a chip whose energy cannot be told
        for axis, shared in zip(self.plan.axes, self._shared, strict=True):
            # Of contexts that are columns the ends tell of all.
            values = (min(axis.values), max(axis.values)) if shared and axis.key == CONTEXT else _to_check(axis)
            for value in values:
                label = f"vary {axis.key}={value}"
                changed = self._variant({**first, axis.key: value}, label)
                if changed.fault is not None:
                    what = changed.fault.splitlines()[0]
                    raise OptionError(what if label in what else f"{label}: {what}")

    @property
    def first(self) -> Variant:
        """The group of the first point."""
        return self.groups(0, 1)[0][0]

    def values(self, low: int, high: int) -> Columns:
        """Column of each axis for points low..high - 1."""
        out: Columns = {}
        for axis, at in zip(self.plan.axes, places(self.plan.design, self.plan.axes, low, high), strict=True):
            if axis.drawn:
                out[axis.key] = at.astype(np.int64) if axis.whole else at
            else:
                out[axis.key] = self._tables[axis.key][at]
        return out

    def groups(self, low: int, high: int) -> list[Group]:
        """(what is shared, numbers of its points counted from `low`, its columns) of each group."""
        columns = self.values(low, high)
        code = np.zeros(high - low, dtype=np.int64)
        for axis, shared in zip(self.plan.axes, self._shared, strict=True):
            if not shared:
                own = _numbered(columns[axis.key])
                _, code = np.unique(code * (int(own.max()) + 1) + own, return_inverse=True)
        order = np.argsort(code, kind="stable")
        found = []
        for rows in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
            values = {axis.key: columns[axis.key][rows[:1]].tolist()[0] for axis in self.plan.axes}
            inside = {
                axis.key: columns[axis.key][rows]
                for axis, shared in zip(self.plan.axes, self._shared, strict=True)
                if shared
            }
            found.append((self._shared_by(values), rows, inside))
        return found

    def _shared_by(self, values: Mapping[str, Value]) -> Variant:
        """The variant of a group, built once; its own chip has the first point's values of the columns."""
        key = tuple(values[axis.key] for axis, shared in zip(self.plan.axes, self._shared, strict=True) if not shared)
        found = self._known.get(key)
        if found is not None:
            return found
        one = self._variant(values, "point")
        for axis, shared in zip(self.plan.axes, self._shared, strict=True):
            if axis.key == CONTEXT and shared:
                contexts = np.array(sorted(set(axis.values)), dtype=np.int64)
                at = partial(self._behind, values)
                one = replace(one, behind=Behind(at, contexts, self._stretches, key))
        return self._known.put(key, one)

    def _behind(self, values: Mapping[str, Value], context: int) -> Variant:
        return self._variant({**values, CONTEXT: context}, "point")

    def _variant(self, values: Mapping[str, Value], label: str) -> Variant:
        """The variant with these values; a fault of theirs is kept in it."""
        batch = values.get("batch", self.plan.batch)
        precision = str(values.get("precision", self.plan.precision))
        chip = self.chip
        try:
            chip = changed_chip(self.chip, {key: values[key] for key in values if _of_chip(key)}, label)
            graph = self.graph(values)
            check_batch(graph, batch)  # type: ignore[arg-type]  # checked there
            array_spec(chip, precision)
            if chip.power_limit_w is not None:
                quantities_of(chip)  # a limit needs the energy of the chip
        except InputError as error:
            return Variant(chip, None, 1, precision, fault=str(error))
        floor = floor_of(chip) if self._few else NO_FLOOR
        return Variant(chip, graph, int(batch), precision, kept=self._pools, floor=floor)


def _as_columns(chip: Architecture, axes: Sequence[Axis]) -> bool:
    """Whether contexts may be told many at once, or laid out at once: then no other key is a column.

    So where steps are scheduled each by itself, there must be many more contexts than values of all of those; elsewhere none.
    """
    contexts = [axis for axis in axes if axis.key == CONTEXT]
    whole = all(type(value) is int for axis in contexts for value in axis.values) and all(
        axis.values for axis in contexts
    )
    if not (contexts and whole):
        return False
    others = [axis for axis in axes if axis.key in COLUMNS]
    if not independent(chip):
        in_time = chip.array is not None and chip.schedule.placement == "time" and chip.schedule.residency == "optimal"
        return in_time and not others and len(contexts[0].values) >= FEWEST
    if any(axis.drawn for axis in others):
        return False
    return not others or len(contexts[0].values) > WORTH_MORE * math.prod(len(axis.values) for axis in others)


def _to_check(axis: Axis) -> tuple[Value, ...]:
    """Values of an axis that are tried one by one; of long ranges every so many, and both ends."""
    values = axis.extremes()
    if len(values) <= 256:
        return values
    return (*values[:: len(values) // 256], values[-1])


def _numbered(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Equal values of a column as equal numbers from 0."""
    if column.dtype != object:
        return np.asarray(np.unique(column, return_inverse=True)[1])
    known: dict[Value, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in column.tolist()], dtype=np.int64)


def _table(values: tuple[Value, ...]) -> npt.NDArray[Any]:
    """Values of an axis as one array: whole numbers, numbers, or text."""
    if all(isinstance(value, bool) for value in values):
        return np.array(values, dtype=bool)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array(values, dtype=object)


def _of_chip(key: str) -> bool:
    return key not in ("batch", "precision") and not key.startswith(PARAMETER)
