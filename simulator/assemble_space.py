"""From a placement in space to a `Result`, with the same names as a schedule in time."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from simulator.assemble import POWER, TOLERANCE, fraction, host_layer, host_seconds
from simulator.chip.schema import Architecture
from simulator.errors import ModelError
from simulator.lowering import Lowered
from simulator.pricing import PowerLimit, economics
from simulator.result import LayerResult, Result
from simulator.schedule.solve import Machine
from simulator.schedule.space import PARTS, Context, SpacePlan
from simulator.schedule.waterfall import ROOFS

Floats = npt.NDArray[np.float64]


def assemble_space(
    chip: Architecture,
    machine: Machine,
    low: Lowered,
    quick: SpacePlan,
    steady: SpacePlan,
    precision: str,
    limit: PowerLimit | None = None,
) -> Result:
    """The result of one network placed in space: `quick` has the least latency, `steady` the least period.

    limit: what the chip may draw.
    """
    host_s = host_seconds(chip, low) if chip.dram is not None else 0.0
    host = PARTS.index("host_s")
    total, period = quick.latency_parts.sum(axis=0), steady.period_parts.sum(axis=0)
    busy_s, latency_s = max(steady.period_s, host_s), quick.latency_s + (host_s + chip.call_s)
    total[host] += host_s + chip.call_s
    period[host] += busy_s - steady.period_s
    period_s, slower_s = busy_s, latency_s
    if limit is not None:
        work = float(sum(row.macs_executed for row in low.rows)), feed_bytes(low)
        period_s = max(busy_s, limit.least_s(*work, float(steady.outer_bytes.sum())))
        slower_s = max(latency_s, limit.least_s(*work, float(quick.outer_bytes.sum())))
        quick = _slowed(quick, low, limit, slower_s - latency_s)
    total[POWER], period[POWER] = slower_s - latency_s, period_s - busy_s
    units = chip.macs * low.spec.rate
    executed = sum(row.macs_executed for row in low.rows)
    compute_s = executed / units / chip.clock_hz
    if steady.period_s < compute_s * (1.0 - TOLERANCE):
        raise ModelError(f"{low.network}: time {steady.period_s:.3g} s is below the compute bound {compute_s:.3g} s")
    outside = economics(
        chip, precision, low.batch, period_s, float(executed), feed_bytes(low), float(steady.outer_bytes.sum())
    )
    streamed = max(0.0, low.compulsory_bytes - quick.load_bytes)
    return Result(
        network=low.network,
        chip=chip.name,
        batch=low.batch,
        precision=low.precision,
        latency_s=slower_s,
        throughput_per_s=low.batch / period_s,
        load_s=steady.load_s,
        peak_tops=chip.peak_tops(precision),
        utilisation=fraction(compute_s, period_s, low.network),
        effective_utilisation=low.macs / units / chip.clock_hz / period_s,
        macs=low.macs,
        macs_executed=executed,
        dram_bytes=float(quick.outer_bytes.sum()),
        load_bytes=steady.load_bytes,
        sram_bytes=quick.sram_bytes,
        bound_by=_bound(period),
        lower_bound_s=max(compute_s, streamed * machine.byte_s),
        waterfall=_named(total),
        waterfall_period=_named(period),
        gain_if_infinite={},
        layers=(*_layers(low, quick, units * chip.clock_hz), *host_layer(host_s + chip.call_s, PARTS)),
        **{**outside, "notes": (*steady.notes, *outside["notes"])},
    )


def _slowed(plan: SpacePlan, low: Lowered, limit: PowerLimit, more_s: float) -> SpacePlan:
    """A plan whose layers take `more_s` longer under a power limit, each by its share of the energy."""
    executed = np.array([float(row.macs_executed) for row in low.rows])
    fed = np.array([row.weight_bytes + row.input_bytes + row.output_bytes for row in low.rows])
    parts = plan.latency_parts.copy()
    parts[:, POWER] = more_s * limit.shares(executed, fed, plan.outer_bytes)
    return replace(plan, latency_parts=parts)


def feed_bytes(low: Lowered) -> float:
    """Bytes between the SRAM and the stages' arrays: every operand once, the least any stage moves. [B]"""
    return sum(row.weight_bytes + row.input_bytes + row.output_bytes for row in low.rows)


def _layers(low: Lowered, plan: SpacePlan, macs_per_s: float) -> tuple[LayerResult, ...]:
    found = []
    for number, context in enumerate(plan.contexts):
        for at, step in enumerate(range(context.first, context.last + 1)):
            row, parts = low.rows[step], plan.latency_parts[step]
            time_s = float(parts.sum())
            found.append(
                LayerResult(
                    name=row.name,
                    kind=row.kind,
                    macs=row.macs,
                    cycles=context.cycles[at] * low.batch,
                    latency_s=time_s,
                    utilisation=fraction(row.macs_executed, time_s * macs_per_s, row.name),
                    dram_bytes=float(plan.outer_bytes[step]),
                    sram_bytes=context.weight_bytes[at] + context.line_bytes[at] + context.skip_bytes[at],
                    bound_by=_bound(parts),
                    tiling=_stage(context, at, number, len(plan.contexts)),
                    fused=row.fused,
                    waterfall=_named(parts),
                )
            )
    return tuple(found)


def _stage(context: Context, at: int, number: int, contexts: int) -> dict[str, object]:
    """What the stage of a layer is, where a schedule in time has its tiling."""
    stage: dict[str, object] = {"arrays": context.arrays[at]}
    if contexts > 1:
        stage["context"] = number + 1
    if context.slices > 1:
        stage["slices"] = context.slices
    return stage


def _named(parts: Floats) -> dict[str, float]:
    return dict(zip(PARTS, (float(value) for value in parts), strict=True))


def _bound(parts: Floats) -> str:
    """The roof of the largest part other than ideal; the slowest stage counts as the array."""
    by_roof: dict[str, float] = {}
    for part, value in list(zip(PARTS, parts.tolist(), strict=True))[1:]:
        roof = ROOFS.get(part, "array")
        by_roof[roof] = by_roof.get(roof, 0.0) + value
    return max(by_roof, key=lambda roof: by_roof[roof])
