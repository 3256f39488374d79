"""From schedules to a `Result`: totals, layers, waterfalls, and the laws that every run checks."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.errors import ModelError
from simulator.lowering import Lowered
from simulator.pricing import PowerLimit, economics
from simulator.result import LayerResult, Result
from simulator.schedule.plan import Piece, Plan
from simulator.schedule.pool import Pool
from simulator.schedule.solve import Machine
from simulator.schedule.stacks import parts_of, words_of
from simulator.schedule.waterfall import PARTS, largest_of, named, shown, split

Floats = npt.NDArray[np.float64]

POWER = PARTS.index("power_s")
"""Column of a waterfall that holds what the power limit adds."""

TOLERANCE = 1e-9
"""Relative slack of the checks: sums of a few hundred float64 terms agree to far better."""


def assemble(
    chip: Architecture,
    machine: Machine,
    low: Lowered,
    cold: Plan,
    steady: Plan,
    precision: str,
    gains: Mapping[str, float] | None = None,
    limit: PowerLimit | None = None,
) -> Result:
    """The result of one network on one chip from its fastest schedules: `cold` for latency, `steady` for throughput.

    low: the network at the whole batch. limit: what the chip may draw.
    """
    has_dram = chip.dram is not None
    whole = _whole(cold.pieces[0].pool, low)
    host_s = host_time(chip, whole.input_output_bytes) if has_dram else 0.0
    parts, seen, detail, fed, feed = layer_parts(cold, machine, has_dram)
    wait_s = host_s + chip.call_s
    total = _with_host(seen.sum(axis=0), wait_s)
    outer = cold.outer_bytes()
    executed = whole.macs_executed
    charged = whole.macs_charged
    latency_s = cold.time_s + wait_s
    if limit is not None:
        slower_s = max(latency_s, limit.least_s(charged, feed, float(outer.sum())))
        parts[:, POWER] = (slower_s - latency_s) * limit.shares(whole.charged, fed, outer)
        seen[:, POWER] = parts[:, POWER]
        total[POWER], latency_s = slower_s - latency_s, slower_s
    steady_parts, steady_seen, steady_outer = parts, seen, float(steady.outer_bytes().sum())
    if steady is not cold:
        steady_parts, steady_seen, _, _, feed = layer_parts(steady, machine, has_dram)
    busy_s = max(steady.time_s, host_s)
    period_s = busy_s if limit is None else max(busy_s, limit.least_s(charged, feed, steady_outer))
    period, period_seen = (_with_host(rows.sum(axis=0), busy_s - steady.time_s) for rows in (steady_parts, steady_seen))
    period[POWER] = period_seen[POWER] = period_s - busy_s  # in place of what a single batch waits
    units = chip.macs * low.spec.rate
    throughput = low.batch / period_s
    compute_s = executed / units / chip.clock_hz
    least_bytes = whole.compulsory_bytes
    compulsory = least_bytes - steady.kept_bytes
    lower = max(compute_s, max(0.0, least_bytes - cold.kept_bytes) * machine.byte_s)
    check(low, cold, steady, compute_s, compulsory * machine.byte_s)
    outside = economics(chip, precision, low.batch, period_s, charged, feed, steady_outer)
    return Result(
        network=low.network,
        chip=chip.name,
        batch=low.batch,
        precision=low.precision,
        latency_s=latency_s,
        throughput_per_s=throughput,
        load_s=steady.kept_bytes * machine.byte_s,
        peak_tops=chip.peak_tops(precision),
        utilisation=fraction(compute_s, period_s, low.network),
        effective_utilisation=whole.macs / units / chip.clock_hz / period_s,
        macs=whole.macs,
        macs_executed=executed,
        dram_bytes=float(outer.sum()),
        load_bytes=steady.kept_bytes,
        sram_bytes=float(cold.footprints().max()),
        bound_by=largest_of(period[None, :])[0],
        lower_bound_s=lower,
        waterfall=named(total),
        waterfall_period=named(period_seen),
        gain_if_infinite=dict(gains or {}),
        layers=_layers(low, cold, machine, parts, seen, detail, outer, whole.executed, units, wait_s),
        **{**outside, "notes": (*_notes(chip, cold), *outside["notes"])},
    )


@dataclass(frozen=True)
class _Whole:
    """What a network does for a batch, whatever the schedule. executed, charged: MACs of each step, and as energy counts them."""

    macs: int
    macs_executed: int
    macs_charged: float
    executed: Floats
    charged: Floats
    compulsory_bytes: float
    input_output_bytes: float


def _whole(pool: Pool, low: Lowered) -> _Whole:
    """Worked out once a batch: sums over hundreds of steps take longer than many a schedule."""
    known: dict[int, _Whole] = pool.memo.setdefault("whole", {})
    if low.batch not in known:
        executed = [row.macs_executed for row in low.rows]
        known[low.batch] = _Whole(
            low.macs,
            sum(executed),
            low.macs_charged,
            np.array(executed, dtype=np.float64),
            np.array([float(row.macs_charged) for row in low.rows]),
            low.compulsory_bytes,
            low.input_output_bytes,
        )
    return known[low.batch]


def _with_host(row: Floats, host_s: float) -> Floats:
    out = row.copy()
    out[9] += host_s
    return out


def host_seconds(chip: Architecture, low: Lowered) -> float:
    """Time to bring the batch's inputs in and its outputs out over the host link; 0 without a link. [s]"""
    return host_time(chip, low.input_output_bytes)


def host_time(chip: Architecture, bytes_: float) -> float:
    """Time of so many bytes over the host link; 0 without a link. [s]"""
    rate = chip.host_bytes_per_s
    return bytes_ / rate if rate else 0.0


Said = tuple[dict[str, object], int]
"""A tiling in words, which others share, and how many sub-batches run it."""


def layer_parts(plan: Plan, machine: Machine, has_dram: bool) -> tuple[Floats, Floats, list[Said], Floats, float]:
    """(waterfall of each step, as `waterfall.shown`, its tiling in words, its bytes between SRAM and arrays, all of these).

    All are of the batch.
    """
    parts, seen, details, fed, total = [], [], [], [], 0.0
    for piece in plan.pieces:
        on_chip, detail, feed = _on_chip(piece)
        fed.append(feed * piece.repeats)
        total += float(feed[piece.path[:, 1] >= 0].sum()) * piece.repeats
        on_chip_s = on_chip * machine.cycle_s
        waterfall = split(piece.step_s, on_chip_s, machine.overhead_s, has_dram) * piece.repeats
        waterfall[:, 8 if has_dram else 9] += piece.load_s
        parts.append(waterfall)
        seen.append(shown(waterfall, on_chip_s[:, 8] * piece.repeats, has_dram))
        details.extend(detail)
    return np.concatenate(parts), np.concatenate(seen), details, np.concatenate(fed), total


def _on_chip(piece: Piece) -> tuple[Floats, list[Said], Floats]:
    """(busy cycles of each step as `waterfall.split` reads them, its tiling in words, its bytes fed), of one run."""
    pool, steps = piece.pool, len(piece.path)
    on_chip = np.zeros((steps, 9))
    on_chip[:, 7] = pool.steps[piece.start : piece.start + steps, 1]
    tiled = np.flatnonzero(piece.path[:, 1] >= 0)
    detail: list[Said] = [({}, 1)] * steps
    fed = np.zeros(steps)
    if len(tiled):
        layers = pool.step_shape[piece.start + tiled]
        codes = pool.codes[piece.path[tiled, 1]]
        cycles = parts_of(pool, layers, codes, pool.points[piece.path[tiled, 1], 1])
        fed[tiled] = cycles[:, 7]
        on_chip[tiled, 0:4] = cycles[:, 1:5]
        on_chip[tiled, 4], on_chip[tiled, 5], on_chip[tiled, 6] = cycles[:, 0], cycles[:, 5], cycles[:, 6]
        on_chip[tiled, 8] = cycles[:, 8]
        for step, said in zip(tiled.tolist(), words_of(pool, layers, codes), strict=True):
            detail[step] = (said, piece.repeats)
    return on_chip, detail, fed


def _layers(
    low: Lowered,
    plan: Plan,
    machine: Machine,
    parts: Floats,
    seen: Floats,
    detail: list[Said],
    outer: Floats,
    executed: Floats,
    units: float,
    wait_s: float,
) -> "functools.partial[tuple[LayerResult, ...]]":
    """What makes the layers when they are asked for; it holds a few columns, not the plan. Raises as `fraction` at once."""
    step_s = plan.step_s + parts[:, POWER]
    slots = step_s * (units / machine.cycle_s)
    shares = np.divide(executed, slots, out=np.zeros(len(slots)), where=slots > 0.0)
    worst = int(shares.argmax())
    fraction(float(executed[worst]), float(slots[worst]), low.rows[worst].name)
    cycles = np.concatenate([piece.cycles() * piece.repeats for piece in plan.pieces])
    columns = (cycles, step_s, np.minimum(shares, 1.0), outer, plan.footprints())
    return functools.partial(_made, low, columns, parts, seen, detail, wait_s)


def _made(
    low: Lowered, columns: tuple[Floats, ...], parts: Floats, seen: Floats, detail: list[Said], wait_s: float
) -> tuple[LayerResult, ...]:
    """The layers of a result, the host link last. columns: cycles, time, utilisation, outer-memory and SRAM bytes a step."""
    steps = zip(
        low.rows, *(column.tolist() for column in columns), largest_of(parts), detail, seen.tolist(), strict=True
    )
    layers = (
        LayerResult(
            name=row.name,
            kind=row.kind,
            macs=row.macs,
            cycles=cycles,
            latency_s=step_s,
            utilisation=share,
            dram_bytes=outer,
            sram_bytes=footprint,
            bound_by=bound,
            tiling=dict(said) if times == 1 or not said else {**said, "sub_batches": times},
            fused=row.fused,
            waterfall=dict(zip(PARTS, waterfall, strict=True)),
        )
        for row, cycles, step_s, share, outer, footprint, bound, (said, times), waterfall in steps
    )
    return (*layers, *host_layer(wait_s))


def compulsory_of(pool: Pool, low: Lowered) -> float:
    """Compulsory bytes of the network, worked out once a batch. [B]"""
    return _whole(pool, low).compulsory_bytes


def fraction(macs: float, slots: float, name: str) -> float:
    """MACs done of the slots there were, in [0, 1]. Raises ModelError above 1 by more than rounding."""
    share = macs / slots if slots > 0.0 else 0.0
    if share > 1.0 + TOLERANCE:
        raise ModelError(f"{name}: utilisation must be at most 1, got {share!r}")
    return min(1.0, share)


def host_layer(host_s: float, columns: Sequence[str] = PARTS) -> tuple[LayerResult, ...]:
    """The batch's way in and out over the host link, as a layer of its own, so that the layers sum to the latency."""
    if host_s == 0.0:
        return ()
    waterfall = {part: host_s if part == "host_s" else 0.0 for part in columns}
    return (LayerResult("host link", "transfer", 0, 0.0, host_s, 0.0, 0.0, 0.0, "host", {}, (), waterfall),)


def _notes(chip: Architecture, plan: Plan) -> tuple[str, ...]:
    notes = []
    if chip.dram is None:
        streamed = sum(float(piece.terms.streamed.sum()) for piece in plan.pieces[:1])
        if streamed > 0.0:
            notes.append(
                f"no DRAM: {streamed / 1e6:,.2f} MB of weights do not fit the SRAM and stream over the host link every batch"
            )
    if plan.pieces[0].pool.moves.thinned:
        notes.append(
            f"{plan.pieces[0].pool.moves.thinned} long-lived tensors go through outer memory: there would be too many sets "
            "of resident tensors"
        )
    return tuple(notes)


def check(low: Lowered, cold: Plan, steady: Plan, compute_s: float, compulsory_s: float) -> None:
    """Raise ModelError where a result breaks a law: faster than its MACs or its compulsory bytes, or not a number."""
    for plan in (cold, steady):
        if not math.isfinite(plan.time_s):
            raise ModelError(f"{low.network}: time: must be finite, got {plan.time_s}")
        if plan.time_s < compute_s * (1.0 - TOLERANCE):
            raise ModelError(f"{low.network}: time {plan.time_s:.3g} s is below the compute bound {compute_s:.3g} s")
    if steady.time_s < compulsory_s * (1.0 - TOLERANCE):
        raise ModelError(f"{low.network}: time {steady.time_s:.3g} s is below the memory bound {compulsory_s:.3g} s")
