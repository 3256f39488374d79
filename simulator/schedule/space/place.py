"""Placement in space: all layers side by side as a pipeline of stages, and contexts in turn for what does not fit.

Equations, assumptions and sources: docs/space.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError, nearest
from simulator.graph.fuse import Steps
from simulator.kernels import space_pipeline as kernels
from simulator.kernels.layout import Machine
from simulator.kernels.schedule_sums import (
    CAUSES,
    EDGES,
    FILLING,
    IDEAL,
    LINK,
    LOADING,
    OUTER,
    OVERHEAD,
    PIPELINE,
    VECTOR,
)  # fmt: skip
from simulator.lower.array import ArraySpec
from simulator.lower.rows import Lowered
from simulator.schedule.space.contexts import (
    Choice,
    Pipeline,
    Place,
    assigned,
    best_contexts,
    channels,
    pipeline,
    sliced,
    stage_cycles,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GOALS = ("period", "latency")

WAITS = {"array": PIPELINE, "vector": VECTOR, "interconnect": LINK, "outer": OUTER}
"""What an item of a context may wait for, in the order of `Pipeline.roofs`, and the cause that such a wait counts as."""


@dataclass(frozen=True)
class Context:
    """Steps first .. last, on the chip together; the tuples have an entry for each.

    slices: how many times in turn it runs, each time with a slice of its one layer's output channels (else 1). cycles:
    array cycles of a stage for an item (of a slice). roofs_s: of the slowest stage and of each shared roof. item_s: of the
    slowest of these.
    fill_s: from an item's arrival at the idle context to its last row out. outer_bytes: of an item over outer memory;
    reload_bytes: of a batch (of all slices), 0 where the weights stay.
    """

    first: int
    last: int
    slices: int
    arrays: tuple[int, ...]
    cycles: tuple[float, ...]
    weight_bytes: tuple[float, ...]
    line_bytes: tuple[float, ...]
    skip_bytes: tuple[float, ...]
    reload_bytes: float
    outer_bytes: float
    item_s: float
    fill_s: float
    roofs_s: dict[str, float]

    @property
    def bound_by(self) -> str:
        """The slowest of `roofs_s`."""
        return max(self.roofs_s, key=lambda roof: self.roofs_s[roof])

    @property
    def sram_bytes(self) -> float:
        """SRAM in use: weights, line buffers and skip buffers of all its stages."""
        return sum(self.weight_bytes) + sum(self.line_bytes) + sum(self.skip_bytes)


@dataclass(frozen=True)
class SpacePlan:
    """A network placed in space, for a batch.

    period_s: of a batch in steady state. latency_s: from the arrival of a batch at the idle, warm chip to its last
    result. load_bytes: once, where all weights stay. outer_bytes: float64[steps], of a batch. period_parts,
    latency_parts: float64[CAUSES, steps] (`kernels.schedule_sums`); all entries together are period_s and latency_s. [s]
    """

    contexts: tuple[Context, ...]
    batch: int
    period_s: float
    latency_s: float
    load_bytes: float
    outer_bytes: Floats
    period_parts: Floats
    latency_parts: Floats
    notes: tuple[str, ...]

    @property
    def sram_bytes(self) -> float:
        """SRAM of the largest context."""
        return max(context.sram_bytes for context in self.contexts)


def place_network(
    low: Lowered, fused: Steps, spec: ArraySpec, machine: Machine, lanes: float, goal: str = "period"
) -> SpacePlan:
    """Place a network in space.

    low: the network at its batch. fused: the steps that it was made of. spec: the array, of whose `count` arrays every
    stage takes some. machine: the chip's numbers; its overhead is of every stage for every item. lanes: elements that the vector
    unit does a cycle. goal: the least `period` of a batch, or the least `latency`.

    Raises InfeasibleError where a layer's buffers do not fit, OptionError for an unknown goal.
    """
    if goal not in GOALS:
        raise OptionError(f"goal: must be one of {', '.join(GOALS)}, got {goal!r}{nearest(goal, GOALS)}")
    pipe, byte_s = pipeline(low, fused, spec, Place(machine, lanes)), machine.byte_s
    choices = best_contexts(pipe, low, goal)
    once = len(choices) == 1 and choices[0].slices == 1
    made = tuple(_context(pipe, choice, once) for choice in choices)
    period, latency = np.zeros((2, CAUSES, len(low.rows)))
    moved = np.zeros(len(low.rows))
    for context, choice in zip(made, choices, strict=True):
        own = slice(context.first, context.last + 1)
        period[:, own] = latency[:, own] = _parts(pipe, low, context, choice)
        latency[PIPELINE, own] += context.slices * (context.fill_s - context.item_s) * _weights(pipe, context)
        moved[own] = _outer(pipe, context)
    weights = float(pipe.stages.weight_bytes.sum()) if once else 0.0
    return SpacePlan(
        contexts=made,
        batch=low.batch,
        period_s=sum(c.reload_bytes * byte_s + c.slices * low.batch * c.item_s for c in made),
        latency_s=sum(c.reload_bytes * byte_s + c.slices * (c.fill_s + (low.batch - 1) * c.item_s) for c in made),
        load_bytes=weights,
        outer_bytes=moved,
        period_parts=period,
        latency_parts=latency,
        notes=_notes(low, made),
    )


def _context(pipe: Pipeline, choice: Choice, once: bool) -> Context:
    """A chosen context with its buffers and times."""
    first, last = choice.first, choice.last
    s, flow, own = pipe.stages, pipe.stages.flow, slice(choice.first, choice.last + 1)
    rows = pipe.buffers(first, last).rows
    line, skip = np.zeros(s.steps), np.zeros(s.steps)
    for step in range(first, last + 1):
        edges = s.edges_of(step)
        line[step] = (np.minimum(pipe.line, rows)[edges] * flow.row_bytes[edges]).sum()
        skip[step] = (np.maximum(rows - pipe.line, 0)[edges] * flow.row_bytes[edges]).sum()
    arrays, cycles = assigned(pipe, choice)
    moved = pipe.moved(first).at(last)
    roofs = pipe.roofs(choice.level, moved, choice.slices)
    part = choice.size / channels(s.shapes[first]) if choice.slices > 1 else 1.0
    return Context(
        first=first,
        last=last,
        slices=choice.slices,
        arrays=tuple(arrays[own].tolist()),
        cycles=tuple(cycles[own].tolist()),
        weight_bytes=tuple((s.weight_bytes[own] * part).tolist()),
        line_bytes=tuple(line[own].tolist()),
        skip_bytes=tuple(skip[own].tolist()),
        reload_bytes=0.0 if once else float(s.weight_bytes[own].sum()),
        outer_bytes=float(moved.outer(choice.slices)),
        item_s=float(roofs.max()),
        fill_s=pipe.fill_s(first, last, cycles, roofs),
        roofs_s=dict(zip(WAITS, roofs.tolist(), strict=True)),
    )


def _weights(pipe: Pipeline, context: Context) -> Floats:
    """Share of each step in its context's time: its arrays; where none are used, its vector work; else equal shares."""
    arrays = np.array(context.arrays, dtype=np.float64)
    vector = pipe.stages.vector_operations[context.first : context.last + 1]
    for by in (arrays, vector):
        if by.sum() > 0.0:
            return np.asarray(by / by.sum())
    return np.full(len(arrays), 1.0 / len(arrays))


def _parts(pipe: Pipeline, low: Lowered, context: Context, choice: Choice) -> Floats:
    """Time of the period of a context's steps by cause, float64[CAUSES, steps]; see docs/space.md for what each part is. [s]"""
    chip, spec, own = pipe.chip.machine, pipe.spec, slice(context.first, context.last + 1)
    times = context.slices * pipe.batch
    share = _weights(pipe, context)
    arrays, cycles = np.array(context.arrays) / spec.count, np.array(context.cycles)
    loading, filling = np.array([_folds(pipe, choice, step) for step in range(context.first, context.last + 1)]).T
    units = spec.rows * spec.columns * spec.count
    rates = [spec.rate if row.shape is None else row.shape.rate or spec.rate for row in low.rows[own]]
    executed = np.array([row.macs_executed for row in low.rows[own]], dtype=np.float64)
    out = np.zeros((CAUSES, len(share)))
    left = times * context.item_s * share

    def take(cause: int, busy: Floats) -> None:
        part = np.minimum(np.maximum(busy, 0.0), left)
        out[cause] = part
        np.subtract(left, part, out=left)

    ideal = executed / (np.array(rates) * units) * chip.cycle_s
    busy = times * arrays * chip.cycle_s
    take(IDEAL, ideal)
    take(EDGES, busy * (cycles - loading - filling) - ideal)
    take(FILLING, busy * filling)
    take(LOADING, busy * loading)
    take(OVERHEAD, times * arrays * chip.overhead_s)
    stage_s = float(cycles.max()) * chip.cycle_s + chip.overhead_s if arrays.any() else 0.0
    take(PIPELINE, times * stage_s * share - busy * cycles - times * arrays * chip.overhead_s)
    out[WAITS[context.bound_by]] += left
    if context.reload_bytes > 0.0:
        out[OUTER] += pipe.stages.weight_bytes[own] * chip.byte_s
    return out


def _folds(pipe: Pipeline, choice: Choice, step: int) -> tuple[float, float]:
    """Cycles of a stage that load weights, and that fill and drain."""
    shape = pipe.stages.shapes[step]
    if shape is None:
        return 0.0, 0.0
    if choice.slices > 1:
        shape = sliced(shape, choice.size)
    arrays = int(assigned(pipe, choice).arrays[step])
    curve = stage_cycles(shape, pipe.spec)
    return float(curve.loading[arrays]), float(curve.filling[arrays])


def _outer(pipe: Pipeline, context: Context) -> Floats:
    """Outer-memory bytes of each step of a context for a batch: what it reads first, what leaves, weights loaded
    anew."""
    s, flow = pipe.stages, pipe.stages.flow
    begin = flow.first_node[context.first]
    seen: dict[int, float] = {}
    out = np.zeros(context.last + 1 - context.first)
    for step in range(context.first, context.last + 1):
        taken = 0.0
        own = s.edges_of(step)
        for edge, size in zip(flow.edges[own].tolist(), flow.edge_bytes[own].tolist(), strict=True):
            source = edge[kernels.SOURCE]
            if edge[kernels.PRODUCER] < begin:
                more = min(size, float(flow.source_bytes[source]) - seen.get(source, 0.0))
                seen[source] = seen.get(source, 0.0) + more
                taken += more
        leaves = flow.last_reader[step] > context.last
        given = float(flow.source_bytes[step] if leaves else flow.stored_bytes[step])
        reload = float(s.weight_bytes[step]) if context.reload_bytes > 0.0 else 0.0
        out[step - context.first] = pipe.batch * (context.slices * taken + given + float(s.fixed_bytes[step])) + reload
    return out


def _notes(low: Lowered, made: tuple[Context, ...]) -> tuple[str, ...]:
    """What a reader should know about contexts and slices."""
    notes = []
    if len(made) > 1:
        reload = sum(context.reload_bytes for context in made)
        notes.append(
            f"{len(made)} contexts in turn: {reload / 1e6:,.2f} MB of weights are loaded again for every batch"
        )
    for context in made:
        if context.slices > 1:
            notes.append(
                f"layer {low.rows[context.first].name!r} does not fit the SRAM: it runs in {context.slices} slices of "
                "its output channels, each reading all inputs over the outer memory"
            )
    return tuple(notes)
