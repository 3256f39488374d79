"""Answers of the points of a sweep as columns with the names of a result: rates, roofs, cost, power, ratios, status."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.assemble import TOLERANCE, compulsory_of, host_seconds
from simulator.cost.book import fit
from simulator.cost.efficiency import RATIOS
from simulator.cost.power import PowerModel, covered_mm2, powers
from simulator.cost.price import chip_cost
from simulator.cost.quantities import Quantities, quantities, silicon
from simulator.errors import ChipError, ModelError
from simulator.pricing import at_rest
from simulator.schedule.pool import Pool
from simulator.schedule.solve import Machine, infeasible
from simulator.sweep.ahead import solve_network
from simulator.sweep.apart import NAMES, simulate_apart, solve_apart
from simulator.sweep.distinct import priced_once
from simulator.sweep.split import solve_split
from simulator.sweep.together import Answers, Machines, solve_together
from simulator.sweep.variants import Columns, Variant, clock_of, machines_of, priced
from simulator.units import MIB, OPERATIONS_PER_MAC

Floats = npt.NDArray[np.float64]

NUMBERS = (
    "throughput_per_s",
    "latency_s",
    "utilisation",
    "effective_utilisation",
    "dram_bytes",
    "load_bytes",
    "area_mm2",
    "bill_usd",
    "bill_low_usd",
    "bill_high_usd",
    "relative_cost",
    "power_w",
    *RATIOS,
)
"""Columns of numbers, after those of the axes. NaN becomes null."""

STATUS = ("ok", "no cost", "infeasible", "invalid")
"""Runs; runs, but its cost cannot be told; does not fit its SRAM; is no chip, network or batch at all."""


@dataclass
class Block:
    """Columns of a stretch of points."""

    numbers: dict[str, Floats]
    roof: npt.NDArray[np.int64]
    """Place in NAMES, -1 where nothing runs."""
    status: npt.NDArray[np.int64]
    """Place in STATUS."""
    reason: npt.NDArray[Any]


def empty_block(count: int) -> Block:
    """Columns of `count` points of which nothing is known yet."""
    return Block(
        {name: np.full(count, np.nan) for name in NUMBERS},
        np.full(count, -1, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.full(count, None, dtype=object),
    )


def fill(
    block: Block,
    rows: npt.NDArray[np.int64],
    variant: Variant,
    columns: Columns,
    cost: bool = True,
    stop: threading.Event | None = None,
) -> None:
    """Evaluate the points of one group and write them to `rows` of a block.

    cost: whether cost and power are wanted. stop: set where the run is interrupted.
    """
    count = len(rows)
    if variant.fault is not None or variant.graph is None or variant.pool_of is None:
        block.status[rows], block.reason[rows] = STATUS.index("invalid"), variant.fault
        return
    if variant.chip.schedule.placement == "space":
        _fill_space(block, rows, variant, columns, cost)
        return
    machines = machines_of(variant.chip, columns, count)
    pool = variant.pool_of(variant.batch)
    host_s = host_seconds(variant.chip, pool.low) if variant.chip.dram is not None else 0.0
    answers = _solved(variant, machines, pool, host_s, stop)
    runs = np.isfinite(answers.cold_s) & np.isfinite(answers.steady_s)
    limited = _Limited.of(variant, answers, columns, pool)
    if limited is not None:
        runs &= limited.static_w < limited.limit_w
    if not runs.all():
        without = np.flatnonzero(~runs)
        block.status[rows[without]] = STATUS.index("infeasible")
        block.reason[rows[without]] = _reasons(variant, pool, machines.capacity_bytes[without], limited, without)
    found = _rates(variant, answers, columns, machines, pool, host_s, limited, runs)
    roof = answers.roof
    if limited is not None:
        without_limit = np.where(runs, np.maximum(answers.steady_s, host_s), 0.0)
        more_s = np.where(runs, found["_period_s"], 0.0) - without_limit
        roof = np.where(more_s > answers.roof_s, NAMES.index("power"), roof)
    _put(block, rows, variant, columns, found, runs, roof, cost)


def _fill_space(block: Block, rows: npt.NDArray[np.int64], variant: Variant, columns: Columns, cost: bool) -> None:
    """Evaluate the points of a group placed in space: each is a result, whose rates and power stand as they are."""
    ran = simulate_apart(variant, columns, len(rows))
    found = dict(ran.rates)
    found["_tops"] = found.pop("peak_tops")
    runs = np.isfinite(found["latency_s"])
    without = np.flatnonzero(~runs)
    block.status[rows[without]] = STATUS.index("infeasible")
    block.reason[rows[without]] = [ran.faults[at] for at in without]
    _put(block, rows, variant, columns, found, runs, ran.roof, cost)


def _put(
    block: Block,
    rows: npt.NDArray[np.int64],
    variant: Variant,
    columns: Columns,
    found: dict[str, Floats],
    runs: npt.NDArray[np.bool_],
    roof: npt.NDArray[np.int64],
    cost: bool,
) -> None:
    """Write a group to its rows, with cost and what follows from it where wanted."""
    if cost:
        with np.errstate(invalid="ignore"):  # what does not run takes for ever
            _economics(block, rows, variant, columns, found, runs)
    for name in NUMBERS:
        if name in found:
            block.numbers[name][rows] = np.where(runs, found[name], np.nan)
    block.roof[rows] = np.where(runs, roof, -1)


@dataclass(frozen=True)
class _Limited:
    """The power limit of a group, one entry a point."""

    limit_w: float
    static_w: Floats
    cold_s: Floats
    """Least time of a batch on its own. [s]"""
    steady_s: Floats
    """Least time of a batch in steady state. [s]"""

    @classmethod
    def of(cls, variant: Variant, answers: Answers, columns: Columns, pool: Pool) -> "_Limited | None":
        """What `pricing.PowerLimit` gives for every point; None without a limit."""
        chip, count = variant.chip, len(answers.cold_s)
        if chip.power_limit_w is None:
            return None
        q = priced(quantities(chip), chip, columns, count)
        parts = silicon(q, fit())
        power = powers(q, parts, covered_mm2(q, parts))
        charged = np.full(count, pool.low.macs_charged)
        cold, steady = (
            power.limited_s(float(chip.power_limit_w), variant.precision, charged, feed, outer)
            for feed, outer in (
                (answers.cold_feed_bytes, answers.outer_bytes),
                (answers.feed_bytes, answers.steady_outer_bytes),
            )
        )
        static_w = np.broadcast_to(power.static_w, (count,))
        fits = static_w < chip.power_limit_w  # others do not run, whatever their time
        return cls(float(chip.power_limit_w), static_w, np.where(fits, cold, 0.0), np.where(fits, steady, 0.0))


def _solved(variant: Variant, machines: Machines, pool: Pool, host_s: float, stop: threading.Event | None) -> Answers:
    """Schedules of a group: through one kernel where they have one form, else point by point."""
    chip = variant.chip
    if variant.together:
        return solve_together(pool, machines, chip.schedule.overlap, variant.keep, chip.dram is not None, host_s)
    if variant.ahead:
        return solve_network(variant, machines, pool, host_s, stop)
    if chip.schedule.overlap != "network":
        return solve_split(variant, machines, host_s, stop)
    return solve_apart(variant, machines, host_s, stop)


def _reasons(
    variant: Variant,
    pool: Pool,
    capacities: Floats,
    limited: _Limited | None,
    without: npt.NDArray[np.int64],
) -> list[str]:
    """Why points with these capacities, numbers `without` of the group, do not run."""
    if limited is not None and (limited.static_w >= limited.limit_w).any():
        drawn = limited.static_w[without].tolist()
        fits = [at_rest(variant.chip.name, limited.limit_w, own) if own >= limited.limit_w else "" for own in drawn]
        others = _reasons(variant, pool, capacities, None, without)
        return [line or other for line, other in zip(fits, others, strict=True)]
    known = {}
    for capacity in np.unique(capacities).tolist():
        machine = Machine(capacity, 1.0, 0.0, variant.chip.schedule.overlap, 0.0)
        lines = str(infeasible(pool, machine, variant.chip.name)).splitlines()
        known[capacity] = lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more lines)"
    return [known[capacity] for capacity in capacities.tolist()]


def _rates(
    variant: Variant,
    answers: Answers,
    columns: Columns,
    machines: Machines,
    pool: Pool,
    host_s: float,
    limited: _Limited | None,
    runs: npt.NDArray[np.bool_],
) -> dict[str, Floats]:
    """Rates and shares of a group, by the arithmetic of `assemble`; also what cost and power need (names with _)."""
    chip, count = variant.chip, len(runs)
    low = pool.low
    clock_hz = clock_of(chip, columns, count)
    units = chip.macs * low.spec.rate
    executed = sum(row.macs_executed for row in low.rows)
    period_s, latency_s = np.maximum(answers.steady_s, host_s), answers.cold_s + (host_s + chip.call_s)
    if limited is not None:
        period_s, latency_s = np.maximum(period_s, limited.steady_s), np.maximum(latency_s, limited.cold_s)
    compute_s = executed / units / clock_hz
    share = compute_s / period_s
    found = {
        "throughput_per_s": low.batch / period_s,
        "latency_s": latency_s,
        "utilisation": np.minimum(1.0, share),
        "effective_utilisation": low.macs / units / clock_hz / period_s,
        "dram_bytes": answers.outer_bytes,
        "load_bytes": answers.kept_bytes,
        "_period_s": period_s,
        "_charged": np.full(count, low.macs_charged),
        "_feed": answers.feed_bytes,
        "_outer": answers.steady_outer_bytes,
        "_tops": chip.macs * low.spec.rate * clock_hz * OPERATIONS_PER_MAC / 1e12,
    }
    _check(variant, share[runs])
    least = (compulsory_of(pool, low) - answers.kept_bytes) * machines.byte_s * (1.0 - TOLERANCE)
    if (answers.steady_s[runs] < least[runs]).any():
        raise ModelError(f"{low.network}: a point is below the memory bound")
    return found


def _check(variant: Variant, share: Floats) -> None:
    """Raise ModelError where more MACs are done than there are slots for them."""
    if len(share) and float(share.max()) > 1.0 + TOLERANCE:
        raise ModelError(f"{variant.chip.name}: utilisation must be at most 1, got {float(share.max())!r}")


def _economics(
    block: Block,
    rows: npt.NDArray[np.int64],
    variant: Variant,
    columns: Columns,
    found: dict[str, Floats],
    runs: npt.NDArray[np.bool_],
) -> None:
    """Cost, power and ratios of a group into `found`; why there is no cost into the block."""
    chip, count, rate = variant.chip, len(rows), found["throughput_per_s"]
    capacity = machines_capacity(chip, columns, count)
    found["throughput_per_tops"] = rate / found["_tops"]
    found["throughput_per_sram_mib"] = rate / (capacity / MIB)
    if chip.dram is not None:
        devices = columns.get("dram.devices", np.full(count, chip.dram.devices))
        found["throughput_per_dram"] = rate / devices.astype(np.float64)
    try:
        q = priced(quantities(chip), chip, columns, count)
    except ChipError as error:
        _no_cost(block, rows, runs, f"no cost: {error}")
        return
    power = _cost(block, rows, chip, q, columns, found, runs)
    if "power_w" not in found:
        run = power.energy(
            variant.precision, found["_charged"], found["_feed"] + found["_outer"], found["_feed"], found["_outer"],
            found["_period_s"],
        )  # fmt: skip
        found["power_w"] = run.average_w
    for name, below in (("usd", "bill_usd"), ("mm2", "area_mm2"), ("w", "power_w")):
        if below in found:
            found[f"throughput_per_{name}"] = rate / found[below]
    found["energy_per_inference_j"] = found["power_w"] / rate


def machines_capacity(chip: Any, columns: Columns, count: int) -> Floats:
    """SRAM of every point as the chip file means it [bytes]."""
    mib = columns.get("sram.capacity_mib", np.full(count, float(chip.sram.capacity_mib)))
    return np.asarray(np.floor(mib.astype(np.float64) * MIB))


def _cost(
    block: Block,
    rows: npt.NDArray[np.int64],
    chip: Any,
    q: Quantities,
    columns: Columns,
    found: dict[str, Floats],
    runs: npt.NDArray[np.bool_],
) -> PowerModel:
    """Area and bill into `found`; the power model of the group."""
    if q.kind != "accelerator":
        parts = silicon(q, fit())
        if not columns:
            area = chip_cost(chip, draws=0).area_mm2.best
            found["area_mm2"] = np.full(len(rows), np.nan if area is None else area)
        _no_cost(block, rows, runs, f"no cost: {chip.name}: kind: only an accelerator has a bill, got {q.kind}")
        return powers(q, parts, covered_mm2(q, parts))
    known = priced_once(q)
    made = np.broadcast_to(known.can_be_made, (len(rows),))
    for name in ("area_mm2", "bill_usd", "bill_low_usd", "bill_high_usd", "relative_cost"):
        found[name] = np.where(made, getattr(known, name), np.nan)
    if not made.all():
        why = "no cost: the die is above the reticle limit or its memory interfaces do not fit its edge"
        _no_cost(block, rows[~made], runs[~made], why)
    return known.power


def _no_cost(block: Block, rows: npt.NDArray[np.int64], runs: npt.NDArray[np.bool_], reason: str) -> None:
    """Say of points that run why their cost cannot be told."""
    block.status[rows[runs]] = STATUS.index("no cost")
    block.reason[rows[runs]] = reason


def roof_names() -> tuple[str, ...]:
    """Words of `bound_by`, in the order of `Block.roof`."""
    return NAMES
