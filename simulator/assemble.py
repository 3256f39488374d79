"""From schedules to a `Result`: totals, layers, waterfalls, and the laws that every run checks."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.errors import ModelError
from simulator.lowering import Lowered
from simulator.result import LayerResult, Result
from simulator.schedule.solve import Machine, Plan
from simulator.schedule.waterfall import largest, named, split
from simulator.store import frontiers
from simulator.tiling import breakdowns, stack, tile_sizes, words
from simulator.units import MIB

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-9
"""Relative slack of the checks: sums of a few hundred float64 terms agree to far better."""


def assemble(
    chip: Architecture,
    machine: Machine,
    cold: Plan,
    steady: Plan,
    precision: str,
    gains: Mapping[str, float] | None = None,
) -> Result:
    """The result of one network on one chip from its fastest schedules: `cold` for latency, `steady` for throughput."""
    low = cold.pool.low
    has_dram = chip.dram is not None
    host_s = host_seconds(chip, low) if has_dram else 0.0
    parts, detail = layer_parts(cold, machine, has_dram)
    total = _with_host(parts.sum(axis=0), host_s)
    steady_parts = parts if steady is cold else layer_parts(steady, machine, has_dram)[0]
    period_s = max(steady.time_s, host_s)
    period = _with_host(steady_parts.sum(axis=0), period_s - steady.time_s)
    latency_s = cold.time_s + host_s
    outer = cold.outer_bytes()
    units = chip.macs * low.spec.rate
    executed = sum(row.macs_executed for row in low.rows)
    throughput = low.batch / period_s
    compute_s = executed / units / chip.clock_hz
    compulsory = low.compulsory_bytes - float(steady.terms.kept.sum())
    lower = max(compute_s, max(0.0, low.compulsory_bytes - float(cold.terms.kept.sum())) * machine.byte_s)
    check(low, cold, steady, compute_s, compulsory * machine.byte_s)
    peak = chip.peak_tops(precision)
    devices = chip.dram_devices
    return Result(
        network=low.network,
        chip=chip.name,
        batch=low.batch,
        precision=low.precision,
        latency_s=latency_s,
        throughput_per_s=throughput,
        load_s=float(steady.terms.kept.sum()) * machine.byte_s,
        peak_tops=peak,
        utilisation=compute_s / period_s,
        effective_utilisation=low.macs / units / chip.clock_hz / period_s,
        macs=low.macs,
        macs_executed=executed,
        dram_bytes=float(outer.sum()),
        load_bytes=float(steady.terms.kept.sum()),
        sram_bytes=float(cold.footprints().max()),
        bound_by=largest(period),
        lower_bound_s=lower,
        waterfall=named(total),
        waterfall_period=named(period),
        gain_if_infinite=dict(gains or {}),
        layers=_layers(low, cold, machine, parts, detail, outer, units),
        throughput_per_tops=throughput / peak,
        throughput_per_dram=throughput / devices if devices else None,
        throughput_per_sram_mib=throughput / (chip.sram.capacity_bytes / MIB),
        notes=_notes(chip, cold),
    )


def _with_host(row: Floats, host_s: float) -> Floats:
    out = row.copy()
    out[9] += host_s
    return out


def host_seconds(chip: Architecture, low: Lowered) -> float:
    """Time to bring the batch's inputs in and its outputs out over the host link; 0 without a link. [s]"""
    rate = chip.host_bytes_per_s
    return low.input_output_bytes / rate if rate else 0.0


def layer_parts(plan: Plan, machine: Machine, has_dram: bool) -> tuple[Floats, list[dict[str, object]]]:
    """(waterfall of each step, its tiling in words)."""
    pool, low = plan.pool, plan.pool.low
    steps = len(low.rows)
    on_chip = np.zeros((steps, 8))
    on_chip[:, 7] = pool.steps[:, 1]
    tiled = np.flatnonzero(plan.path[:, 1] >= 0)
    detail: list[dict[str, object]] = [{} for _ in range(steps)]
    if len(tiled):
        shapes = list(dict.fromkeys(low.rows[step].shape for step in tiled))
        place = {shape: at for at, shape in enumerate(shapes)}
        built = [frontiers.tables(shape, low.spec) for shape in shapes if shape is not None]
        stacked = stack([shape for shape in shapes if shape is not None], low.spec, built)
        layers = np.array([place[low.rows[step].shape] for step in tiled], dtype=np.int64)
        at = plan.path[tiled, 1]
        rows = breakdowns(stacked, layers, pool.codes[at], pool.points[at, 1])
        on_chip[tiled, 0:4] = rows[:, 1:5]
        on_chip[tiled, 4], on_chip[tiled, 5], on_chip[tiled, 6] = rows[:, 0], rows[:, 5], rows[:, 6]
        for step, layer, row in zip(tiled, layers, tile_sizes(stacked, layers, pool.codes[at]), strict=True):
            detail[step] = words(built[layer], row)
    return split(plan.step_s, on_chip * machine.cycle_s, machine.overhead_s, has_dram), detail


def _layers(
    low: Lowered, plan: Plan, machine: Machine, parts: Floats, detail: list[dict[str, object]], outer: Floats, units: float
) -> tuple[LayerResult, ...]:
    footprints = plan.footprints().tolist()
    on_chip = np.array([0.0 if p < 0 else plan.pool.points[p, 2] for p in plan.path[:, 1]])
    cycles = np.maximum(on_chip, plan.pool.steps[:, 1]).tolist()
    step_s, outer_list = plan.step_s.tolist(), outer.tolist()
    rate = units / machine.cycle_s
    return tuple(
        LayerResult(
            name=row.name,
            kind=row.kind,
            macs=row.macs,
            cycles=cycles[at],
            latency_s=step_s[at],
            utilisation=row.macs_executed / (step_s[at] * rate) if step_s[at] > 0.0 else 0.0,
            dram_bytes=outer_list[at],
            sram_bytes=footprints[at],
            bound_by=largest(parts[at]),
            tiling=detail[at],
            fused=row.fused,
            waterfall=named(parts[at]),
        )
        for at, row in enumerate(low.rows)
    )


def _notes(chip: Architecture, plan: Plan) -> tuple[str, ...]:
    notes = []
    if chip.dram is None:
        streamed = float(plan.terms.streamed.sum())
        if streamed > 0.0:
            notes.append(
                f"no DRAM: {streamed / 1e6:,.2f} MB of weights do not fit the SRAM and stream over the host link every batch"
            )
    if plan.pool.moves.thinned:
        notes.append(
            f"{plan.pool.moves.thinned} long-lived tensors go through outer memory: more would make too many resident sets"
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
