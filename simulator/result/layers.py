"""The layers of a result, made when they are asked for: of a schedule in time, and of a placement in space."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.kernels.layout import PATH_MOVE, times_each
from simulator.kernels.schedule_sums import Records, Steps
from simulator.lower.rows import Lowered
from simulator.lower.work import Work
from simulator.result import waterfall
from simulator.result.form import LayerResult, Layers
from simulator.result.laws import fractions
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.plans import each_step
from simulator.schedule.records import words_of
from simulator.vocabulary import ROOFS

if TYPE_CHECKING:  # few chips place layers in space
    from simulator.schedule.space.place import Context, SpacePlan

Floats = npt.NDArray[np.float64]
Said = dict[str, object]

Shares = Callable[[Floats, Floats], Floats]
"""Gives the share of each step in the energy of a batch, from bytes fed and bytes of the outer memory of each."""


@dataclass(frozen=True)
class Limited:
    """What a power limit adds to a batch, and how its steps share in it."""

    more_s: float
    shares: Shares


@dataclass(frozen=True)
class Details:
    """What is known of each step beside its time, for the whole batch."""

    parts: Floats
    """Seconds by cause, float64[CAUSES, steps]."""
    bound: Sequence[str]
    """The roof that binds."""
    cycles: Floats
    outer_bytes: Floats
    sram_bytes: Floats
    tilings: Sequence[Said]
    resident: Sequence[dict[str, float]] = ()
    """Bytes of each tensor that is in the SRAM as a whole; nothing of a pipeline."""


@dataclass(frozen=True)
class Columns:
    """One schedule step by step, for the whole batch."""

    time_s: Floats
    slower_s: Floats
    """What the power limit adds; it is in `time_s`."""
    most_sram_bytes: float
    """SRAM in use at most."""
    details: Callable[[], Details]
    """Gives the rest, which few ask for."""
    pipeline: bool = False


def in_time(plan: Plan, machines: Machines, has_dram: bool, limited: Limited | None) -> Columns:
    """A schedule in time, layer after layer on the whole chip."""
    slower_s = np.zeros(len(plan.step_s))
    if limited is not None:
        slower_s = _slower(limited, each_step(plan, machines).feed_bytes, plan.outer_bytes)
    details = functools.partial(_details, plan, machines, has_dram, slower_s)
    return Columns(plan.step_s + slower_s, slower_s, plan.most_bytes, details)


def _details(plan: Plan, machines: Machines, has_dram: bool, slower_s: Floats) -> Details:
    """Of the steps of a schedule in time."""
    return Details(
        parts=each_step(plan, machines).parts,
        bound=_bound(*plan.steps, machines, has_dram, slower_s),
        cycles=np.concatenate([piece.cycles() * piece.repeats + piece.start_cycles for piece in plan.pieces]),
        outer_bytes=plan.outer_bytes,
        sram_bytes=plan.footprints,
        tilings=_tilings(plan),
        resident=_resident(plan),
    )


def _bound(records: Records, steps: Steps, machines: Machines, has_dram: bool, slower_s: Floats) -> list[str]:
    """The roof of each step whose absence would save most of its time, with its tiling as it is."""
    machine = machines.row()
    rows, vector = steps.rows[:, 0], steps.vector[:, 0]
    busy = dict(zip(ROOFS, (records.array[rows], records.link[rows], records.ports[rows], vector), strict=False))
    moved = steps.moved[:, 0] / steps.repeats[:, 0]
    cycles = np.max([*busy.values()], axis=0)
    once = times_each(cycles, moved, machine)
    saved = {roof: np.zeros(len(rows)) for roof in ROOFS}
    for roof in busy:
        left = np.max([own for name, own in busy.items() if name != roof], axis=0)
        saved[roof] = once - times_each(left, moved, machine)
    saved["overhead"] = np.full(len(rows), machine.overhead_s)
    saved["dram" if has_dram else "host"] = once - times_each(cycles, np.zeros(len(rows)), machine)
    saved["power"] = slower_s / steps.repeats[:, 0]
    return [ROOFS[at] for at in np.argmax([*saved.values()], axis=0).tolist()]


def in_space(low: Lowered, plan: "SpacePlan", has_dram: bool, limited: Limited | None) -> Columns:
    """A placement in space, all layers side by side."""
    fed = np.array([row.weight_bytes + row.input_bytes + row.output_bytes for row in low.rows])
    slower_s = np.zeros(len(fed)) if limited is None else _slower(limited, fed, plan.outer_bytes)
    details = functools.partial(_details_in_space, low, plan, has_dram)
    return Columns(plan.latency_parts.sum(axis=0) + slower_s, slower_s, plan.sram_bytes, details, pipeline=True)


def _details_in_space(low: Lowered, plan: "SpacePlan", has_dram: bool) -> Details:
    """Of the steps of a placement in space."""
    cycles, sram, stages, bound = [], [], [], []
    for number, context in enumerate(plan.contexts):
        cycles += [own * low.batch for own in context.cycles]
        buffers = zip(context.weight_bytes, context.line_bytes, context.skip_bytes, strict=True)
        sram += [sum(own) for own in buffers]
        stages += [_stage(context, at, number, len(plan.contexts)) for at in range(len(context.cycles))]
        roof = context.bound_by if context.bound_by != "outer" else "dram" if has_dram else "host"
        bound += [roof] * len(context.cycles)
    return Details(plan.latency_parts, bound, np.array(cycles), plan.outer_bytes, np.array(sram), stages)


def _slower(limited: Limited, fed: Floats, outer: Floats) -> Floats:
    """What a power limit adds to each step. [s]"""
    return limited.more_s * limited.shares(fed, outer)


def _tilings(plan: Plan) -> list[Said]:
    """The tiling of each step in words."""
    found: list[Said] = []
    for piece in plan.pieces:
        own: list[Said] = [{}] * len(piece.path)
        tiled = np.flatnonzero(piece.points >= 0)
        if len(tiled):
            said = words_of(
                piece.pool, piece.pool.step_shape[piece.start + tiled], piece.pool.codes[piece.points[tiled]]
            )
            for step, words in zip(tiled.tolist(), said, strict=True):
                own[step] = words if piece.repeats == 1 else {**words, "sub_batches": piece.repeats}
        found += own
    return found


def _resident(plan: Plan) -> list[dict[str, float]]:
    """The tensors that are in the SRAM as a whole at each step, by the layer that makes them. [B]"""
    found = []
    for piece in plan.pieces:
        low = piece.pool.low
        for move in piece.path[:, PATH_MOVE].tolist():
            found.append({_maker(low, t): low.tensor_bytes[t] for t in piece.pool.moves.resident[move]})
    return found


def _maker(low: Lowered, tensor: int) -> str:
    """The layer that makes a tensor, or of an input the first one that reads it."""
    producers, readers = low.tensor_producers[tensor], low.tensor_readers[tensor]
    if producers:
        return low.rows[producers[0]].name
    return f"input of {low.rows[readers[0]].name}" if readers else "input"


def _stage(context: "Context", at: int, number: int, contexts: int) -> Said:
    """What the stage of a layer is, where a schedule in time has its tiling."""
    stage: Said = {"arrays": context.arrays[at]}
    if contexts > 1:
        stage["context"] = number + 1
    if context.slices > 1:
        stage["slices"] = context.slices
    return stage


def layers_of(
    low: Lowered, work: Work, columns: Columns, macs_per_s: Floats, has_dram: bool, wait_s: float
) -> Callable[[], Layers]:
    """What makes the layers, the host link last, when they are asked for. Raises ModelError at once.

    macs_per_s: of the chip at the full rate of each step. wait_s: of the host.
    """
    shares = fractions(work.executed, columns.time_s * macs_per_s, low.network)
    return functools.partial(_made, low, columns, shares, has_dram, wait_s)


def _made(low: Lowered, columns: Columns, shares: Floats, has_dram: bool, wait_s: float) -> Layers:
    own = columns.details()
    rows = waterfall.rows_of(own.parts, has_dram, 0.0, columns.slower_s, columns.pipeline)
    numbers = (own.cycles, columns.time_s, shares, own.outer_bytes, own.sram_bytes)
    words = waterfall.words_of(columns.pipeline)
    resident = own.resident or [{}] * len(low.rows)
    found = zip(
        low.rows, *(column.tolist() for column in numbers), own.bound, own.tilings, rows.tolist(), resident, strict=True
    )
    layers = (
        LayerResult(
            name=row.name,
            kind=row.kind,
            macs=row.macs,
            cycles=cycles,
            latency_s=time_s,
            utilisation=share,
            dram_bytes=outer,
            sram_bytes=sram,
            bound_by=roof,
            tiling=dict(said),
            fused=row.fused,
            waterfall=dict(zip(words, parts, strict=True)),
            resident=whole,
        )
        for row, cycles, time_s, share, outer, sram, roof, said, parts, whole in found
    )
    return (*layers, *_host_layer(wait_s, words))


def _host_layer(host_s: float, words: Sequence[str]) -> Layers:
    """The batch's way in and out over the host link, as a layer of its own, so that the layers sum to the latency."""
    if host_s == 0.0:
        return ()
    parts = {part: host_s if part == "host_s" else 0.0 for part in words}
    return (LayerResult("host link", "transfer", 0, 0.0, host_s, 0.0, 0.0, 0.0, "host", {}, (), parts),)
