"""Answers of the points of a sweep as columns with the names of a result: rates, roofs, cost, power, ratios, status."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.schema import Architecture
from simulator.cost.distinct import priced_once
from simulator.cost.efficiency import RATIOS
from simulator.cost.power import PowerModel
from simulator.cost.price import block_mm2
from simulator.cost.priced import power_of, varied
from simulator.cost.quantities import Quantities
from simulator.errors import ChipError
from simulator.graph.fuse import fuse_layers
from simulator.lower.rows import lower
from simulator.lower.work import Work, work_of
from simulator.result.economics import at_rest, efficiency, limiting, spent
from simulator.result.room import has_room, short_of_room
from simulator.result.totals import Totals, limit_of, totals_of
from simulator.schedule.few import infeasible
from simulator.schedule.machines import Machines, machines_of
from simulator.schedule.plans import Plans
from simulator.schedule.pool import Pool
from simulator.schedule.solve import solve_program
from simulator.schedule.space.solve import SpaceProgram, solve_space
from simulator.sweeps.groups import Columns, Variant

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

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
"""Runs; runs, but its cost cannot be told; does not fit its SRAM or DRAM; is no chip, network or batch at all."""


@dataclass
class Block:
    """Columns of a stretch of points."""

    numbers: dict[str, Floats]
    loss: npt.NDArray[np.int64]
    """Place in `waterfall.LOSSES`, -1 where nothing runs."""
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


@dataclass(frozen=True)
class Solved:
    """The schedules of a group: what was done, by which machines; in space, why a point has none."""

    work: Work
    machines: Machines
    plans: Plans
    pool: Pool | None
    reasons: list[str]


def fill(
    block: Block,
    rows: Ints,
    variant: Variant,
    columns: Columns,
    cost: bool = True,
    stop: threading.Event | None = None,
    solved: Solved | None = None,
) -> None:
    """Evaluate the points of one group and write them to `rows` of a block.

    cost: whether cost and power are wanted. stop: set where the run is interrupted. solved: the schedules, if they are known.
    """
    if variant.fault is not None or variant.graph is None:
        block.status[rows], block.reason[rows] = STATUS.index("invalid"), variant.fault
        return
    chip = variant.chip
    power = limiting(chip, columns)
    solved = solved or _solved(variant, columns, len(rows), power, stop)
    totals = totals_of(chip, solved.work, solved.machines, solved.plans, power)
    runs = totals.runs
    if not runs.all():
        without = np.flatnonzero(~runs)
        block.status[rows[without]] = STATUS.index("infeasible")
        block.reason[rows[without]] = _reasons(variant, columns, solved, power, without)
    found = {name: getattr(totals, name) for name in NUMBERS if hasattr(totals, name)}
    if cost:
        with np.errstate(invalid="ignore"):  # what does not run takes for ever
            found |= _economics(block, rows, variant, columns, solved, totals)
    for name, column in found.items():
        block.numbers[name][rows] = np.where(runs, column, np.nan)
    block.loss[rows] = np.where(runs, totals.loss, -1)


def _solved(
    variant: Variant, columns: Columns, count: int, power: PowerModel | None, stop: threading.Event | None
) -> Solved:
    """The best schedules of a group."""
    machines, program = machines_of(variant.chip, columns, count), variant.program
    if program is not None:
        work = program.pool.work
        limited = limit_of(variant.chip, work, power)
        return Solved(work, machines, solve_program(program, machines, stop, limited), program.pool, [])
    chip, graph = variant.chip, variant.graph
    low = lower(graph, chip, variant.batch, variant.precision)  # type: ignore[arg-type]  # seen by the caller
    space = SpaceProgram(low, fuse_layers(graph, chip.vector.fuses), float(chip.vector.lanes))  # type: ignore[arg-type]
    plans, reasons = solve_space(space, machines, stop)
    return Solved(work_of(low), machines, plans, None, reasons)


def _reasons(variant: Variant, columns: Columns, solved: Solved, power: PowerModel | None, without: Ints) -> list[str]:
    """Why some points do not run."""
    name, limit_w = variant.chip.name, variant.chip.power_limit_w
    count = len(solved.machines)
    room = has_room(variant.chip, solved.work, solved.machines)
    static_w = np.broadcast_to(0.0 if power is None else power.static_w, (count,))[without].tolist()
    known: dict[float, str] = {}
    lines = []
    for at, drawn in zip(without.tolist(), static_w, strict=True):
        if limit_w is not None and drawn >= limit_w:
            lines.append(at_rest(name, limit_w, drawn))
            continue
        if not room[at]:
            lines.append(_no_room(variant.chip, solved, columns, at))
            continue
        if solved.pool is None:
            lines.append(solved.reasons[at])
            continue
        capacity = float(solved.machines.capacity_bytes[at])
        if capacity not in known:
            known[capacity] = why_not(solved.pool, capacity, name)
        lines.append(known[capacity])
    return lines


def why_not(pool: Pool, capacity_bytes: float, name: str) -> str:
    """Why a pool has no schedule in an SRAM, in one line. name: of the chip."""
    said = str(infeasible(pool, capacity_bytes, name)).splitlines()
    return said[0] if len(said) == 1 else f"{said[0]} (and {len(said) - 1} more lines)"


def _no_room(chip: Architecture, solved: Solved, columns: Columns, at: int) -> str:
    """Why the outer memory of a point has no room for the batch."""
    own = 1 if chip.dram is None else chip.dram.devices
    room_bytes = 0.0 if solved.machines.room_bytes is None else float(solved.machines.room_bytes[at])
    devices = int(columns["dram.devices"][at]) if "dram.devices" in columns else own
    return short_of_room(chip, solved.work.part(at), room_bytes, devices)


def _economics(
    block: Block, rows: Ints, variant: Variant, columns: Columns, solved: Solved, totals: Totals
) -> dict[str, Floats]:
    """Cost, power and ratios of a group; why there is no cost goes into the block."""
    chip = variant.chip
    figures: dict[str, Any] = {}
    try:
        figures, power = _cost(block, rows, chip, varied(chip, columns), columns, totals.runs)
        figures["power_w"] = spent(power, solved.work, solved.plans, totals).average_w
    except ChipError as error:
        _no_cost(block, rows, totals.runs, f"no cost: {error}")
    return {**figures, **efficiency(chip, solved.work, totals, columns, figures)}


def _cost(
    block: Block, rows: Ints, chip: Any, q: Quantities, columns: Columns, runs: Truths
) -> tuple[dict[str, Any], PowerModel]:
    """(area and bill, the power model) of a group."""
    if q.kind != "accelerator":
        area = {"area_mm2": np.broadcast_to(block_mm2(q), (len(rows),))} if q.kind == "ip" else {}
        _no_cost(block, rows, runs, f"no cost: {chip.name}: kind: only an accelerator has a bill, got {q.kind}")
        return area, power_of(chip, columns)
    known = priced_once(q)
    made = np.broadcast_to(known.can_be_made, (len(rows),))
    names = ("area_mm2", "bill_usd", "bill_low_usd", "bill_high_usd", "relative_cost")
    if not made.all():
        why = "no cost: the die is above the reticle limit or its memory interfaces do not fit its edge"
        _no_cost(block, rows[~made], runs[~made], why)
    return {name: np.where(made, getattr(known, name), np.nan) for name in names}, known.power


def _no_cost(block: Block, rows: Ints, runs: Truths, reason: str) -> None:
    """Say of points that run why their cost cannot be told."""
    block.status[rows[runs]] = STATUS.index("no cost")
    block.reason[rows[runs]] = reason
