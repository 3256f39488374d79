"""Points one by one, where their schedules have no common form: prefetch across layers, sub-batches, placement in space."""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import InfeasibleError
from simulator.schedule.best import best
from simulator.schedule.plan import Piece, Plan
from simulator.schedule.solve import Machine
from simulator.schedule.waterfall import ROOFS, roof_times, split
from simulator.simulate import simulate
from simulator.sweep.together import Answers, Machines, detail_of
from simulator.sweep.variants import Columns, Variant, changed_chip

Floats = npt.NDArray[np.float64]

NAMES = tuple(dict.fromkeys(ROOFS.values()))
"""Roofs in the order of `schedule.waterfall`."""


RATES = (
    "throughput_per_s", "latency_s", "utilisation", "effective_utilisation", "dram_bytes", "load_bytes", "peak_tops", "power_w",
)  # fmt: skip
"""Fields of a result that a sweep in space takes as they are."""


@dataclass(frozen=True)
class Simulated:
    """What `simulate` gives for many points, one entry a point.

    The schedule of least latency and that of least period may move different bytes: power is that of the second, so it
    cannot be worked out anew from the bytes of the first.
    """

    rates: dict[str, Floats]
    """By the names of RATES; NaN where a point does not run, or has no power that can be told."""
    roof: npt.NDArray[np.int64]
    """Place in NAMES."""
    faults: list[str]
    """Why a point does not run, or ""."""


@dataclass(frozen=True)
class _One:
    """What `Answers` has of one point."""

    cold_s: float = np.inf
    steady_s: float = np.inf
    outer_bytes: float = np.nan
    kept_bytes: float = np.nan
    cold_kept_bytes: float = np.nan
    feed_bytes: float = np.nan
    steady_outer_bytes: float = np.nan
    roof: int = 0
    roof_s: float = np.nan
    cold_feed_bytes: float = np.nan


def solve_apart(variant: Variant, machines: Machines, host_s: float, stop: threading.Event | None = None) -> Answers:
    """The best schedules of all points of a group, by the functions of `simulate`; KeyboardInterrupt once `stop` is set."""
    chip, pool_of = variant.chip, variant.pool_of
    fifo_bytes = None if "weights" in chip.sram.holds else float(chip.sram.weight_fifo_bytes)
    has_dram = chip.dram is not None
    rows = []
    for at in range(len(machines)):
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        machine = Machine(
            float(machines.capacity_bytes[at]), float(machines.cycle_s[at]), float(machines.byte_s[at]),
            chip.schedule.overlap, float(machines.overhead_s[at]), fifo_bytes,
        )  # fmt: skip
        cold, steady = best(machine, variant.batch, pool_of, variant.keep, variant.split) if pool_of else (None, None)
        rows.append(_One() if cold is None or steady is None else answer_of(machine, cold, steady, has_dram, host_s))
    return _answers(rows)


def _answers(rows: list[_One]) -> Answers:
    """One row a point as columns."""

    def column(name: str) -> Floats:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    return Answers(
        cold_s=column("cold_s"),
        steady_s=column("steady_s"),
        outer_bytes=column("outer_bytes"),
        kept_bytes=column("kept_bytes"),
        cold_kept_bytes=column("cold_kept_bytes"),
        feed_bytes=column("feed_bytes"),
        steady_outer_bytes=column("steady_outer_bytes"),
        roof=np.array([row.roof for row in rows], dtype=np.int64),
        roof_s=column("roof_s"),
        cold_feed_bytes=column("cold_feed_bytes"),
    )


def answer_of(machine: Machine, cold: Plan, steady: Plan, has_dram: bool, host_s: float) -> _One:
    """What `Answers` has of one point, from its schedules; host_s: of a batch on the host link beside a DRAM."""
    parts = np.concatenate([_parts(piece, machine, has_dram) for piece in steady.pieces]).sum(axis=0)
    period_s = max(steady.time_s, host_s)
    parts[9] += period_s - steady.time_s
    roofs = roof_times(parts[None, :])[0]
    return _One(
        cold_s=cold.time_s,
        steady_s=steady.time_s,
        outer_bytes=float(cold.outer_bytes().sum()),
        kept_bytes=steady.kept_bytes,
        cold_kept_bytes=cold.kept_bytes,
        feed_bytes=_fed(steady),
        steady_outer_bytes=float(steady.outer_bytes().sum()),
        roof=int(roofs.argmax()),
        roof_s=float(roofs.max()),
        cold_feed_bytes=_fed(cold),
    )


def _fed(plan: Plan) -> float:
    """Bytes between SRAM and arrays of one batch, in the order of `schedule.stacks.fed_bytes`."""
    feed = 0.0
    for piece in plan.pieces:
        points = piece.path[:, 1]
        feed += float(detail_of(piece.pool)[points[points >= 0], 7].sum()) * piece.repeats
    return feed


def _parts(piece: Piece, machine: Machine, has_dram: bool) -> Floats:
    """Waterfall of each step of a piece, as `assemble.layer_parts` without its words."""
    points = piece.path[:, 1]
    on_chip = np.zeros((len(points), 8))
    tiled = np.flatnonzero(points >= 0)
    on_chip[tiled, 0:7] = detail_of(piece.pool)[points[tiled], 0:7]
    on_chip[:, 7] = piece.pool.steps[piece.start : piece.start + len(points), 1]
    parts = split(piece.step_s, on_chip * machine.cycle_s, machine.overhead_s, has_dram) * piece.repeats
    parts[:, 8 if has_dram else 9] += piece.load_s
    return parts


def simulate_apart(variant: Variant, columns: Columns, count: int) -> Simulated:
    """Points of a chip that places its layers in space, each by `simulate`."""
    rates = {name: np.full(count, np.nan) for name in RATES}
    roof, faults = np.zeros(count, dtype=np.int64), [""] * count
    for at in range(count if variant.graph is not None else 0):
        chip = changed_chip(variant.chip, {key: column[at].item() for key, column in columns.items()})
        try:
            found = simulate(variant.graph, chip, variant.batch, variant.precision, gains=False)  # type: ignore[arg-type]
        except InfeasibleError as error:
            faults[at] = str(error)
            continue
        for name, column in rates.items():
            value = getattr(found, name)
            column[at] = np.nan if value is None else value
        roof[at] = NAMES.index(found.bound_by)
    return Simulated(rates, roof, faults)
