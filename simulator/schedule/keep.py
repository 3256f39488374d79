"""Weights that stay in SRAM for ever: how many bytes, and of which layers."""

import numpy as np
import numpy.typing as npt

from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.solve import Machine, residency, settle, solve
from simulator.units import KIB

Floats = npt.NDArray[np.float64]

STEPS_PER_OCTAVE = 1
"""Sizes tried for the kept weights: 64 KiB x 2^k, and all of them. The same list for every chip, so that more SRAM only
adds choices."""


def sizes(capacity: float, all_weights: float) -> list[float]:
    """Bytes of weights to keep that are worth trying in an SRAM of `capacity` bytes, the most first."""
    most = min(capacity, all_weights)
    found, size, step = [], 64.0 * KIB, 0
    while size < most:
        found.append(size)
        step += 1
        size = 64.0 * KIB * 2.0 ** (step / STEPS_PER_OCTAVE)
    if all_weights < capacity:
        found.append(all_weights)
    return found[::-1]


def share(pool: Pool, size: float) -> Floats:
    """Bytes of each step's weights among the `size` bytes that stay: most bytes per MAC first, whole output channels.

    A byte kept saves a byte of traffic wherever it lies; layers with the most weight bytes per MAC are the first to be
    bound by memory on any chip. The order depends on the network alone, so that a larger SRAM never loses a choice.
    """
    rows = pool.low.rows
    if "keep_order" not in pool.memo:
        pool.memo["keep_order"] = sorted(
            (step for step, row in enumerate(rows) if row.weight_bytes > 0.0),
            key=lambda step: (-rows[step].weight_bytes / max(1, rows[step].macs_executed), step),
        )
    kept = np.zeros(len(rows))
    left = size
    for step in pool.memo["keep_order"]:
        row = rows[step]
        if row.weight_bytes <= left:
            kept[step] = row.weight_bytes
        elif row.shape is not None:
            channel = row.weight_bytes / (row.shape.extents[0] * row.shape.extents[2])
            kept[step] = channel * float(left // channel)
        left -= kept[step]
    return kept


def lower_bound(pool: Pool, machine: Machine, kept: Floats) -> float:
    """No schedule with these weights kept is faster: on-chip time alone, and outer-memory time alone. [s]"""
    bounds = []
    for cycle_s, byte_s in ((machine.cycle_s, 0.0), (0.0, machine.byte_s)):
        part = Machine(machine.capacity_bytes, cycle_s, byte_s, "network", machine.overhead_s)
        plan = residency(pool, settle(pool, part, kept))
        if plan is None:
            return np.inf
        bounds.append(plan.time_s)
    return max(bounds)


def whole_batches(pool: Pool, machine: Machine, keep: bool) -> tuple[Plan | None, Plan | None]:
    """(fastest schedule for one batch, fastest in steady state) without sub-batches; `keep`: weights may stay for ever."""
    cold, steady = solve(pool, machine)
    if not keep:
        return cold, steady
    for size in sizes(machine.capacity_bytes, float(pool.weights.sum())):
        limit = (cold.time_s if cold else np.inf, steady.time_s if steady else np.inf)
        kept = share(pool, size)
        if lower_bound(pool, machine, kept) >= max(limit):
            continue
        found, found_steady = solve(pool, machine, kept, limit)
        cold, steady = found or cold, found_steady or steady
    return cold, steady
