"""Which steps of a network are on the chip together: the best contexts for a pipeline in space, by a programme over
cuts.

Equations, assumptions and sources: docs/space.md.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.candidates import fold_costs
from simulator.errors import InfeasibleError, ModelError
from simulator.graph.fuse import Steps
from simulator.kernels import space as kernels
from simulator.lowering import Lowered
from simulator.schedule.stages import Stages, build_stages
from simulator.tiling import Shape
from simulator.unrolling import LOOPS, ArraySpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLICES = tuple(sorted({base << k for base in (1, 3) for k in range(18)} - {1}))
"""In how many slices of output channels a layer may run that does not fit as a whole: the same list for every chip, so
that more SRAM only adds choices."""


@dataclass(frozen=True)
class Place:
    """The numbers of a chip that a placement in space reads: SI units."""

    capacity_bytes: float
    cycle_s: float
    byte_s: float
    """Of the outer memory; 0 without a limit."""
    overhead_s: float
    """Of each stage, for each item."""
    lanes: float
    """Elements that the vector unit does a cycle, shared by all stages."""


@functools.lru_cache(maxsize=4096)
def stage_cycles(shape: Shape, spec: ArraySpec) -> Floats:
    """Cycles of a layer on 0, 1, .. spec.count arrays, each with its best unrolling: float64[3, count + 1], read-only.

    Rows: all cycles (infinite on no array), of them loading weights, of them fill and drain. Never rising: a stage may
    leave arrays idle.
    """
    e = shape.extents
    extents = np.array([*e, e[3] * e[6] * e[7], e[4] * e[5]], dtype=np.int64)
    axes = (spec.unroll_rows, spec.unroll_columns, spec.unroll_count)
    slots = [(axis, LOOPS.index(word)) for axis, words in enumerate(axes) for word in words]
    used = {word for words in axes for word in words}
    fold, streams = fold_costs(spec)
    out = np.empty((3, spec.count + 1))
    kernels.curve(
        extents, np.array(slots, dtype=np.int64).reshape(-1, 2), np.array([spec.rows, spec.columns, spec.count]),
        "reduction" in used, "pixels" in used, fold, streams, spec.rate, out,
    )  # fmt: skip
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Pipeline:
    """All that the search reads, built once. curves: float64[steps, arrays + 1], cycles; levels: their values,
    rising."""

    stages: Stages
    spec: ArraySpec
    chip: Place
    batch: int
    computes: npt.NDArray[np.bool_]
    curves: Floats
    levels: Floats
    lags: Floats
    line: Ints

    def rooms(self, first: int, end: int) -> tuple[Floats, Ints]:
        """(buffer bytes of the contexts first .. step, rows that wait on every edge of first .. end)."""
        s = self.stages
        room, rows = np.full(s.steps, np.inf), np.zeros(len(s.edges), dtype=np.int64)
        kernels.pace(
            first, end, s.first_node, s.units, s.first_edge, s.edges, s.readers, s.first_reader, self.lags, s.row_bytes,
            np.zeros(len(s.units)), np.zeros(len(s.source_bytes)), rows, room,
        )  # fmt: skip
        return room, rows

    def shares(self, first: int) -> Floats:
        """Of an item in the contexts first .. step: float64[5, steps], vector operations, bytes read from and written
        to outer memory, bytes of tables read there, bytes between stages."""
        s = self.stages
        out = np.zeros((5, s.steps))
        kernels.crossing(
            first, s.steps - 1, s.first_node, s.first_edge, s.edges, s.source_bytes, s.last_reader,
            np.zeros(len(s.source_bytes), dtype=np.int64), out[1], out[2],
        )  # fmt: skip
        inner = np.where(s.edges[:, kernels.SOURCE] >= 0, s.row_bytes * s.edges[:, kernels.ROWS], 0.0)
        ends = np.concatenate([[0.0], np.cumsum(inner)])[s.first_edge[s.first_node]]
        out[0, first:] = np.cumsum(s.vector_operations[first:])
        out[3, first:] = np.cumsum(s.fixed_bytes[first:])
        out[4, first:] = ends[first + 1 :] - ends[first]
        return out

    def roofs(self, cycles: Floats | float, share: Floats, slices: int = 1) -> Floats:
        """Time of an item on each roof: float64[4, ...], array stages, vector unit, interconnect, outer memory. [s]

        cycles: of the slowest stage. A slice of output channels reads all inputs and gives its share of the rest.
        """
        chip = self.chip
        vector = share[0] / slices / chip.lanes * chip.cycle_s
        inner = (share[4] + share[2] / slices) / self.spec.link_bytes_per_cycle * chip.cycle_s
        outer = (share[1] + (share[2] + share[3]) / slices) * chip.byte_s
        return np.array([cycles * chip.cycle_s + chip.overhead_s, vector + chip.overhead_s, inner, outer])

    def fill_s(self, first: int, end: int, cycles: Floats, roofs: Floats) -> float:
        """Time from an item's arrival at the idle context to its last row out; never below the slowest roof. [s]

        cycles: float64[steps], of every stage.
        """
        s, chip = self.stages, self.chip
        vector_s = roofs[1] - chip.overhead_s
        node_s = np.full(len(s.units), vector_s)
        on_vector = np.where(s.vector_operations > 0.0, vector_s, 0.0)
        node_s[s.first_node[:-1]] = np.maximum(on_vector, cycles * chip.cycle_s) + chip.overhead_s
        found = kernels.fill(
            first, end, s.first_node, s.units, s.outs, s.rows_of, s.first_edge, s.edges, s.takers, s.first_taker, s.start,
            self.rooms(first, end)[1], node_s / s.units, roofs[3], s.last_reader[: s.steps] > end,
        )  # fmt: skip
        return max(float(found), float(roofs.max()))


def pipeline(low: Lowered, fused: Steps, spec: ArraySpec, chip: Place) -> Pipeline:
    """The stages of a network, the cycles of each on every number of arrays, and its buffers at even pace."""
    stages = build_stages(low, fused)
    curves = np.zeros((stages.steps, spec.count + 1))
    for step, shape in enumerate(stages.shapes):
        if shape is not None:
            curves[step] = stage_cycles(shape, spec)[0]
    lags, line = np.zeros(len(stages.edges)), np.zeros(len(stages.edges), dtype=np.int64)
    kernels.own_buffers(stages.units, stages.first_edge, stages.edges, lags, line)
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


def assigned(pipe: Pipeline, choice: Choice) -> tuple[Ints, Floats]:
    """(arrays, cycles) of every stage of a context; zeros elsewhere."""
    steps = pipe.stages.steps
    arrays, cycles = np.zeros(steps, dtype=np.int64), np.zeros(steps)
    if choice.slices > 1:
        shape, _ = sliced(pipe.stages.shapes[choice.first], choice.size)
        curve = stage_cycles(shape, pipe.spec)[0]
        arrays[choice.first] = int(np.argmin(curve))
        cycles[choice.first] = curve[-1]
        return arrays, cycles
    kernels.assign(pipe.curves, pipe.computes, choice.first, choice.last, choice.level, arrays)
    own = slice(choice.first, choice.last + 1)
    cycles[own] = np.where(pipe.computes[own], pipe.curves[np.arange(choice.first, choice.last + 1), arrays[own]], 0.0)
    return arrays, cycles


def _time_s(pipe: Pipeline, choice: Choice, share: Floats, once: bool, goal: str) -> float:
    """What a context adds to the period or to the latency of a batch. [s]"""
    roofs = pipe.roofs(choice.level, share, choice.slices)
    reload = 0.0 if once else float(pipe.stages.weight_bytes[choice.first : choice.last + 1].sum()) * pipe.chip.byte_s
    item = float(roofs.max())
    if goal == "period":
        return reload + choice.slices * pipe.batch * item
    fill = pipe.fill_s(choice.first, choice.last, assigned(pipe, choice)[1], roofs)
    return reload + choice.slices * (fill + (pipe.batch - 1) * item)


def _from(pipe: Pipeline, first: int, goal: str) -> list[Choice]:
    """Every context that begins at step `first` and fits."""
    s, steps = pipe.stages, pipe.stages.steps
    weights = np.cumsum(s.weight_bytes[first:])
    reach = first + int(np.searchsorted(weights, pipe.chip.capacity_bytes, side="right")) - 1
    if reach < first:
        return []
    room, _ = pipe.rooms(first, reach)
    places = np.full(steps, len(pipe.levels), dtype=np.int64)
    kernels.slowest_of_all(pipe.curves, pipe.computes, pipe.levels, first, reach, places)
    shares = pipe.shares(first)
    found = []
    for last in range(first, reach + 1):
        if weights[last - first] + room[last] > pipe.chip.capacity_bytes or places[last] == len(pipe.levels):
            break
        once = last - first + 1 == steps
        draft = Choice(0.0, 0.0, first, last, 1, float(pipe.levels[places[last]]))
        moved = 0.0 if once else float(weights[last - first])
        moved += pipe.batch * float(shares[1:4, last].sum())
        found.append(replace(draft, time_s=_time_s(pipe, draft, shares[:, last], once, goal), outer_bytes=moved))
    return found


def sliced(shape: Shape | None, size: int) -> tuple[Shape, int]:
    """(loop nest of a slice of `size` output channels, or groups where there are more of them, and how many there
    are)."""
    if shape is None:
        raise ModelError("vector work has no output channels to slice")
    axis = 0 if shape.extents[0] > shape.extents[2] else 2
    extents = list(shape.extents)
    whole, extents[axis] = extents[axis], size
    return replace(shape, extents=tuple(extents)), whole  # type: ignore[arg-type]


def _in_slices(pipe: Pipeline, step: int, goal: str) -> Choice | None:
    """The best way to run a layer in slices of its output channels, or None where not even the smallest fits."""
    shape = pipe.stages.shapes[step]
    if shape is None:
        return None
    room, share = float(pipe.rooms(step, step)[0][step]), pipe.shares(step)[:, step]
    best: Choice | None = None
    whole = sliced(shape, 1)[1]
    for parts in SLICES:
        size = -(-whole // parts)
        slices = -(-whole // size)
        weights = float(pipe.stages.weight_bytes[step])
        if slices == 1 or weights * size / whole + room > pipe.chip.capacity_bytes:
            continue
        level = float(stage_cycles(sliced(shape, size)[0], pipe.spec)[0, -1])
        draft = Choice(0.0, 0.0, step, step, slices, level, size)
        moved = weights + pipe.batch * float(slices * share[1] + share[2] + share[3])
        choice = replace(draft, time_s=_time_s(pipe, draft, share, False, goal), outer_bytes=moved)
        if best is None or (choice.time_s, choice.outer_bytes) < (best.time_s, best.outer_bytes):
            best = choice
        if size == 1:
            break
    return best


def contexts(pipe: Pipeline, low: Lowered, goal: str) -> list[Choice]:
    """The best contexts: a programme over the cuts, time first, then outer-memory bytes. Raises InfeasibleError."""
    steps = pipe.stages.steps
    best: list[tuple[float, float, Choice | None]] = [(0.0, 0.0, None), *[(np.inf, np.inf, None)] * steps]
    faults = []
    for first in range(steps):
        choices = _from(pipe, first, goal)
        if not choices:
            sliced = _in_slices(pipe, first, goal)
            if sliced is None:
                faults.append(_fault(pipe, low, first))
            choices = [sliced] if sliced else []
        for choice in choices:
            total = (best[first][0] + choice.time_s, best[first][1] + choice.outer_bytes)
            if total < best[choice.last + 1][:2]:
                best[choice.last + 1] = (*total, choice)
    if faults:
        rest = [f"sram.capacity_mib: and {len(faults) - 3} more layers do not fit"] if len(faults) > 4 else []
        raise InfeasibleError("\n".join([*faults[: 3 if rest else 4], *rest]))
    path = []
    at = steps
    while at > 0:
        chosen = best[at][2]
        if chosen is None:
            raise InfeasibleError(f"{low.network}: array.count: no cut into contexts fits the arrays")
        path.append(chosen)
        at = chosen.first
    return path[::-1]


def _fault(pipe: Pipeline, low: Lowered, step: int) -> str:
    """The line that says what a layer needs."""
    shape, weights = pipe.stages.shapes[step], float(pipe.stages.weight_bytes[step])
    least = float(pipe.rooms(step, step)[0][step])
    if shape is not None and weights > 0.0:
        whole = sliced(shape, 1)[1]
        least += weights * -(-whole // max(SLICES)) / whole
    return (
        f"{low.network}: sram.capacity_mib: layer {low.rows[step].name!r} needs at least {least:,.0f} bytes of SRAM "
        f"for its line buffers and its smallest slice of weights, got {pipe.chip.capacity_bytes:,.0f}"
    )
