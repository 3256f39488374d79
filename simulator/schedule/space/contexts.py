"""Which steps of a network are on the chip together: the best contexts for a pipeline in space, by a programme over
cuts.

Equations, assumptions and sources: docs/space.md.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.errors import InfeasibleError, ModelError
from simulator.frontier.grid.folds import fold_costs, once_costs
from simulator.frontier.grid.unrolling import LOOPS, OF_WEIGHTS, on_one_array, set_size, with_flat
from simulator.graph.fuse import Steps
from simulator.kernels import space_pipeline as kernels
from simulator.kernels import space_share as sharing
from simulator.kernels.layout import Machine
from simulator.kernels.space_share import Curve
from simulator.lower.array import ArraySpec, spec_of
from simulator.lower.rows import Lowered
from simulator.lower.shape import Shape
from simulator.schedule.space.stages import Stages, build_stages
from simulator.store.memory import remembered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLICES = tuple(sorted({base << k for base in (1, 3) for k in range(18)} - {1}))
"""In how many slices of output channels a layer may run that does not fit as a whole: the same list for every chip, so
that more SRAM only adds choices."""

SLACK = 1e-9
"""Relative slack of bounds: sums of a few hundred float64 terms agree to far better."""


@dataclass(frozen=True)
class Place:
    """The numbers of a chip that a placement in space reads: SI units."""

    machine: Machine
    """Its overhead is of each stage, for each item."""
    lanes: float
    """Elements that the vector unit does a cycle, shared by all stages."""


@remembered(16 * 2**20)
def stage_cycles(shape: Shape, spec: ArraySpec) -> Curve:
    """Cycles of a layer on 0, 1, .. spec.count arrays, each with its best unrolling: read-only.

    Infinite on no array, and never rising: a stage may leave arrays idle.
    """
    spec = spec_of(shape, spec)
    ways = on_one_array(shape.extents, spec)
    blocks = -(-np.array(with_flat(shape.extents), dtype=np.int64) // ways)
    loop = np.array([LOOPS.index(word) for word in spec.unroll_count], dtype=np.int64)
    used = {*spec.unroll_rows, *spec.unroll_columns, *spec.unroll_count}
    (load, overhead, hidden), streams = fold_costs(spec)
    bus = spec.weight_bus_bytes_per_cycle
    bus_cycles = shape.weight_width / bus * spec.rate if bus > 0.0 else 0.0
    out = Curve(*(np.empty(spec.count + 1) for _ in Curve._fields))
    sharing.curve(
        sharing.Nest(blocks, set_size(ways), "reduction" in used, "pixels" in used),
        sharing.Slots(loop, np.isin(loop, OF_WEIGHTS).astype(np.int64), spec.count),
        sharing.Folds(
            float(load), float(overhead), float(hidden), streams, float(spec.rate), float(bus_cycles), *once_costs(spec)
        ),
        np.ones((2, max(len(LOOPS), len(loop))), dtype=np.int64), out,
    )  # fmt: skip
    for column in out:
        column.flags.writeable = False
    return out


class Buffers(NamedTuple):
    """room: bytes of the contexts first .. step. rows: that wait on every edge of the context first .. end."""

    room: Floats
    rows: Ints


class Moved(NamedTuple):
    """Of an item in the contexts first .. step, one entry a step: vector operations; bytes read from outer memory and written
    to it, of tables read there, and between stages."""

    operations: Floats
    read: Floats
    written: Floats
    tables: Floats
    inner: Floats

    def at(self, step: int) -> "Moved":
        """Of the context that ends at a step."""
        return Moved(*(column[step] for column in self))

    def outer(self, slices: int = 1) -> Floats:
        """All bytes over outer memory: each slice reads all inputs. [B]"""
        return slices * self.read + self.written + self.tables


@dataclass(frozen=True)
class Pipeline:
    """All that the search reads, built once. curves: float64[steps, arrays + 1], cycles; levels: their values, rising. lags,
    line: of every edge, for a stage that waits for it alone."""

    stages: Stages
    spec: ArraySpec
    chip: Place
    batch: int
    computes: npt.NDArray[np.bool_]
    curves: Floats
    levels: Floats
    lags: Floats
    line: Ints

    def buffers(self, first: int, end: int) -> Buffers:
        """Buffers of the contexts first .. step, up to first .. end."""
        flow = self.stages.flow
        room, rows = np.full(self.stages.steps, np.inf), np.zeros(len(flow.edges), dtype=np.int64)
        phase, arrival = np.zeros(len(flow.units)), np.zeros(len(flow.source_bytes))
        kernels.pace(first, end, flow, self.lags, phase, arrival, rows, room)
        return Buffers(room, rows)

    def moved(self, first: int) -> Moved:
        """What an item moves in the contexts that begin at a step."""
        stages, flow = self.stages, self.stages.flow
        out = Moved(*(np.zeros(stages.steps) for _ in Moved._fields))
        seen = np.zeros(len(flow.source_bytes), dtype=np.int64)
        part = np.zeros(len(flow.source_bytes))
        kernels.crossing(first, stages.steps - 1, flow, seen, part, out.read, out.written)
        inner = np.where(flow.edges[:, kernels.SOURCE] >= 0, flow.row_bytes * flow.edges[:, kernels.ROWS], 0.0)
        ends = np.concatenate([[0.0], np.cumsum(inner)])[flow.first_edge[flow.first_node]]
        out.operations[first:] = np.cumsum(stages.vector_operations[first:])
        out.tables[first:] = np.cumsum(stages.fixed_bytes[first:])
        out.inner[first:] = ends[first + 1 :] - ends[first]
        return out

    def roofs(self, cycles: Floats | float, moved: Moved, slices: int = 1) -> Floats:
        """Time of an item on each roof, in the order of the names below: float64[4, ...]. [s]

        cycles: of the slowest stage. A slice of output channels reads all inputs and gives its share of the rest.
        """
        chip = self.chip.machine
        vector = moved.operations / slices / self.chip.lanes * chip.cycle_s
        inner = (moved.inner + moved.written / slices) / self.spec.link_bytes_per_cycle * chip.cycle_s
        outer = (moved.read + (moved.written + moved.tables) / slices) * chip.byte_s
        return np.array([cycles * chip.cycle_s + chip.overhead_s, vector + chip.overhead_s, inner, outer])

    def fill_s(self, first: int, end: int, cycles: Floats, roofs: Floats) -> float:
        """Time from an item's arrival at the idle context to its last row out; never below the slowest roof. [s]

        cycles: float64[steps], of every stage.
        """
        flow, chip = self.stages.flow, self.chip.machine
        vector_s = roofs[VECTOR_ROOF] - chip.overhead_s
        node_s = np.full(len(flow.units), vector_s)
        on_vector = np.where(self.stages.vector_operations > 0.0, vector_s, 0.0)
        node_s[flow.first_node[:-1]] = np.maximum(on_vector, cycles * chip.cycle_s) + chip.overhead_s
        load = kernels.Load(node_s / flow.units, roofs[OUTER_ROOF], flow.last_reader[: self.stages.steps] > end)
        rows = self.buffers(first, end).rows
        found = kernels.fill(first, end, flow, load, rows, kernels.new_running(flow))
        return max(float(found), float(roofs.max()))


ARRAY_ROOF, VECTOR_ROOF, LINK_ROOF, OUTER_ROOF = range(4)
"""Rows of `Pipeline.roofs`: stages on arrays, vector unit, interconnect, outer memory."""


def pipeline(low: Lowered, fused: Steps, spec: ArraySpec, chip: Place) -> Pipeline:
    """The stages of a network, the cycles of each on every number of arrays, and its buffers at even pace."""
    stages = build_stages(low, fused, chip.lanes)
    curves = np.zeros((stages.steps, spec.count + 1))
    for step, shape in enumerate(stages.shapes):
        if shape is not None:
            curves[step] = stage_cycles(shape, spec).cycles
    edges = len(stages.flow.edges)
    lags, line = np.zeros(edges), np.zeros(edges, dtype=np.int64)
    kernels.own_buffers(stages.flow, lags, line)
    levels = np.unique(np.append(curves[:, 1:], 0.0))
    return Pipeline(stages, spec, chip, low.batch, stages.computes, curves, levels, lags, line)


@dataclass(frozen=True)
class Choice:
    """A context that fits, in numbers: what it adds to the objective, and what decides ties."""

    time_s: float
    outer_bytes: float
    first: int
    last: int
    slices: int
    level: float
    """Cycles of its slowest stage."""
    size: int = 0
    """Output channels (or groups) of a slice."""


class Assigned(NamedTuple):
    """Arrays and cycles of every stage; zeros outside the context."""

    arrays: Ints
    cycles: Floats


def assigned(pipe: Pipeline, choice: Choice) -> Assigned:
    """The arrays that the stages of a context take, and their cycles with them."""
    steps = pipe.stages.steps
    arrays, cycles = np.zeros(steps, dtype=np.int64), np.zeros(steps)
    if choice.slices > 1:
        curve = stage_cycles(sliced(pipe.stages.shapes[choice.first], choice.size), pipe.spec).cycles
        arrays[choice.first] = int(np.argmin(curve))
        cycles[choice.first] = curve[-1]
        return Assigned(arrays, cycles)
    sharing.assign(pipe.curves, pipe.computes, choice.first, choice.last, choice.level, arrays)
    own = slice(choice.first, choice.last + 1)
    cycles[own] = np.where(pipe.computes[own], pipe.curves[np.arange(choice.first, choice.last + 1), arrays[own]], 0.0)
    return Assigned(arrays, cycles)


def settled(pipe: Pipeline, draft: Choice, goal: str) -> Choice:
    """The context with what it adds to the period or the latency of a batch, no longer a lower bound of it."""
    moved = pipe.moved(draft.first).at(draft.last)
    roofs = pipe.roofs(draft.level, moved, draft.slices)
    item = float(roofs.max())
    whole = draft.slices == 1 and draft.last - draft.first + 1 == pipe.stages.steps
    reload = 0.0 if whole else float(pipe.stages.weight_bytes[draft.first : draft.last + 1].sum())
    first = item
    if goal == "latency":
        first = pipe.fill_s(draft.first, draft.last, assigned(pipe, draft).cycles, roofs)
    time_s = reload * pipe.chip.machine.byte_s + draft.slices * (first + (pipe.batch - 1) * item)
    return replace(draft, time_s=time_s, outer_bytes=reload + pipe.batch * float(moved.outer(draft.slices)))


def fitting(pipe: Pipeline, first: int, goal: str) -> list[Choice]:
    """Every context that begins at step `first` and fits, with its time, or for the latency a lower bound of it."""
    stages, steps, chip = pipe.stages, pipe.stages.steps, pipe.chip.machine
    weights = np.cumsum(stages.weight_bytes[first:])
    reach = first + int(np.searchsorted(weights, chip.capacity_bytes, side="right")) - 1
    if reach < first:
        return []
    places = np.full(steps, len(pipe.levels), dtype=np.int64)
    sharing.slowest_of_all(pipe.curves, pipe.computes, pipe.levels, first, reach, places)
    room = pipe.buffers(first, reach).room[first:]
    fit = (weights + room <= chip.capacity_bytes) & (places[first:] < len(pipe.levels))
    last = first + (len(fit) if fit.all() else int(fit.argmin())) - 1
    if last < first:
        return []
    level, moved = np.zeros(steps), pipe.moved(first)
    level[first : last + 1] = pipe.levels[places[first : last + 1]]
    roofs = pipe.roofs(level, moved)
    item = roofs.max(axis=0)
    least = item.copy()
    if goal == "latency":
        _bound_fills(pipe, first, last, level, roofs, least)
    reload = np.concatenate([np.zeros(first), weights])
    if first == 0:
        reload[steps - 1] = 0.0
    time = reload * chip.byte_s + np.maximum(least, item) + (pipe.batch - 1) * item
    outer = reload + pipe.batch * moved.outer()
    return [Choice(float(time[at]), float(outer[at]), first, at, 1, float(level[at])) for at in range(first, last + 1)]


def _bound_fills(pipe: Pipeline, first: int, last: int, level: Floats, roofs: Floats, least: Floats) -> None:
    """Fill least[step] with a time that no item takes less than to pass through the idle context first .. step. [s]"""
    stages, chip = pipe.stages, pipe.chip.machine
    cycles = np.zeros((stages.steps, stages.steps))
    sharing.assign_all(pipe.curves, pipe.computes, first, last, level, cycles)
    vector_s = roofs[VECTOR_ROOF] - chip.overhead_s
    shared = kernels.Shared(vector_s, roofs[OUTER_ROOF], stages.vector_operations > 0.0)
    scratch = np.empty((3, len(stages.flow.units)))
    kernels.least_fills(first, last, stages.flow, cycles, chip, shared, scratch, least)


def _sliced_axis(shape: Shape) -> int:
    """The loop that slices cut: output channels, or groups where there are more of them."""
    return 0 if shape.extents[0] > shape.extents[2] else 2


def channels(shape: Shape | None) -> int:
    """How many output channels (or groups) of a layer slices share."""
    if shape is None:
        raise ModelError("vector work has no output channels to slice")
    return shape.extents[_sliced_axis(shape)]


def sliced(shape: Shape | None, size: int) -> Shape:
    """The loop nest of a slice of `size` output channels (or groups)."""
    if shape is None:
        raise ModelError("vector work has no output channels to slice")
    extents = list(shape.extents)
    extents[_sliced_axis(shape)] = size
    return replace(shape, extents=tuple(extents))  # type: ignore[arg-type]


def _in_slices(pipe: Pipeline, step: int, goal: str) -> Choice | None:
    """The best way to run a layer in slices of its output channels, or None where not even the smallest fits."""
    shape = pipe.stages.shapes[step]
    if shape is None:
        return None
    room = float(pipe.buffers(step, step).room[step])
    best: Choice | None = None
    whole = channels(shape)
    for parts in SLICES:
        size = -(-whole // parts)
        slices = -(-whole // size)
        weights = float(pipe.stages.weight_bytes[step])
        if slices == 1 or weights * size / whole + room > pipe.chip.machine.capacity_bytes:
            continue
        level = float(stage_cycles(sliced(shape, size), pipe.spec).cycles[-1])
        draft = Choice(np.inf, np.inf, step, step, slices, level, size)
        choice = settled(pipe, draft, goal)
        if best is None or (choice.time_s, choice.outer_bytes) < (best.time_s, best.outer_bytes):
            best = choice
        if size == 1:
            break
    return best


def best_contexts(pipe: Pipeline, low: Lowered, goal: str) -> list[Choice]:
    """The contexts of the least period or latency, then of the fewest outer-memory bytes. Raises InfeasibleError.

    A programme over the cuts. For the latency the times of all contexts are first bounded from below; only those on a
    path that may still beat the best one by these bounds are worked out.
    """
    table, faults = [], []
    for first in range(pipe.stages.steps):
        choices = fitting(pipe, first, goal)
        if not choices:
            alone = _in_slices(pipe, first, goal)
            if alone is None:
                faults.append(_fault(pipe, low, first))
            choices = [alone] if alone else []
        table.append(choices)
    if faults:
        rest = [f"sram.capacity_mib: and {len(faults) - 3} more layers do not fit"] if len(faults) > 4 else []
        raise InfeasibleError("\n".join([*faults[: 3 if rest else 4], *rest]))
    if goal == "period":
        return _shortest(table)
    bound = sum(settled(pipe, choice, goal).time_s for choice in _shortest(table))
    limit = bound * (1.0 + SLACK)
    steps = len(table)
    before, behind = [0.0] + [np.inf] * steps, [np.inf] * steps + [0.0]
    for choice in (c for row in table for c in row):
        before[choice.last + 1] = min(before[choice.last + 1], before[choice.first] + choice.time_s)
    for choice in (c for row in table[::-1] for c in row):
        behind[choice.first] = min(behind[choice.first], choice.time_s + behind[choice.last + 1])
    return _shortest(
        [
            [settled(pipe, c, goal) for c in row if before[c.first] + c.time_s + behind[c.last + 1] <= limit]
            for row in table
        ]
    )


def _shortest(table: list[list[Choice]]) -> list[Choice]:
    """The cheapest way from the first step to the last; table: the contexts that begin at each step."""
    best: list[tuple[float, float, Choice | None]] = [(0.0, 0.0, None), *[(np.inf, np.inf, None)] * len(table)]
    for choice in (c for row in table for c in row):
        total = (best[choice.first][0] + choice.time_s, best[choice.first][1] + choice.outer_bytes)
        if total < best[choice.last + 1][:2]:
            best[choice.last + 1] = (*total, choice)
    path: list[Choice] = []
    at = len(table)
    while at > 0:
        chosen = best[at][2]
        if chosen is None:
            raise ModelError("placement in space: no contexts cover the network")
        path.append(chosen)
        at = chosen.first
    return path[::-1]


def _fault(pipe: Pipeline, low: Lowered, step: int) -> str:
    """The line that says what a layer needs."""
    shape, weights = pipe.stages.shapes[step], float(pipe.stages.weight_bytes[step])
    least = float(pipe.buffers(step, step).room[step])
    if shape is not None:
        whole = channels(shape)
        least += weights * -(-whole // max(SLICES)) / whole
    return (
        f"{low.network}: sram.capacity_mib: layer {low.rows[step].name!r} needs at least {least:,.0f} bytes of SRAM "
        f"for its line buffers and its smallest slice of weights, got {pipe.chip.machine.capacity_bytes:,.0f}"
    )
