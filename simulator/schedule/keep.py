"""Weights that stay in SRAM for ever: how much room the tiles and tensors keep, and which weights fill the rest.

The room of everything else is one of a fixed list of sizes, the same for every chip, and the weights kept are what the SRAM
has beyond it. So with more SRAM every choice still exists and keeps at least the same weights: more SRAM is never slower.
"""

import numpy as np
import numpy.typing as npt

from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.solve import Machine, residency, settle, solve
from simulator.units import KIB

Floats = npt.NDArray[np.float64]
Best = tuple[Plan | None, Plan | None]

SMALLEST_ROOM = 16.0 * KIB
"""The smallest room for everything but kept weights that is tried. [B]"""

PER_OCTAVE = 4
"""Sizes of that room tried in each doubling."""


def rooms(capacity: float, all_weights: float, per_octave: int = PER_OCTAVE) -> list[float]:
    """Rooms for everything but kept weights, rising: the fixed list below `capacity`, and what all weights leave. [B]"""
    found, size, step = [], SMALLEST_ROOM, 0
    while size < capacity:
        if capacity - size < all_weights:
            found.append(size)
        step += 1
        size = SMALLEST_ROOM * 2.0 ** (step / per_octave)
    if all_weights < capacity:
        found.append(capacity - all_weights)
    return sorted(found)


def share(pool: Pool, size: float) -> Floats:
    """Bytes of each step's weights among the `size` bytes that stay: most bytes per MAC first, whole output channels.

    A byte kept saves a byte of traffic wherever it lies; layers with the most weight bytes per MAC are the first to be
    bound by memory on any chip. The order depends on the network alone, so that more room never keeps less of any layer.
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
            left -= row.weight_bytes
        elif row.shape is not None:
            channel = row.weight_bytes / (row.shape.extents[0] * row.shape.extents[2])
            kept[step] = channel * float(left // channel)
            break
    return kept


def lower_bound(pool: Pool, machine: Machine, kept: Floats, room: float) -> float:
    """No schedule in `room` bytes with these weights kept is faster. [s]

    Where layers do not fetch ahead the programme itself, given the room, is the bound; else on-chip time alone and
    outer-memory time alone, whichever is longer.
    """
    if machine.overlap != "network":
        part = Machine(room + float(kept.sum()), machine.cycle_s, machine.byte_s, machine.overlap, machine.overhead_s)
        plan = residency(pool, settle(pool, part, kept))
        return np.inf if plan is None else plan.time_s * (1.0 - 1e-12)
    bounds = []
    for cycle_s, byte_s in ((machine.cycle_s, 0.0), (0.0, machine.byte_s)):
        part = Machine(room + float(kept.sum()), cycle_s, byte_s, "network", machine.overhead_s)
        plan = residency(pool, settle(pool, part, kept))
        if plan is None:
            return np.inf
        bounds.append(plan.time_s)
    return max(bounds) * (1.0 - 1e-12)


def whole_batches(pool: Pool, machine: Machine, keep: bool) -> Best:
    """(fastest schedule for one batch, fastest in steady state) without sub-batches; `keep`: weights may stay for ever."""
    found = solve(pool, machine)
    if not keep or not pool.weights.any():
        return found
    sizes = rooms(machine.capacity_bytes, float(pool.weights.sum()))
    return _explore(pool, machine, sizes, 0, len(sizes) - 1, found) if sizes else found


def _explore(pool: Pool, machine: Machine, sizes: list[float], low: int, high: int, best: Best) -> Best:
    """The best of `best` and of the rooms sizes[low..high]; a range that cannot be better is left out as a whole."""
    limit = _limits(best)
    most = share(pool, machine.capacity_bytes - sizes[low])
    if lower_bound(pool, machine, most, sizes[high]) >= max(limit):
        return best
    if low == high:
        found, found_steady = solve(pool, machine, most, limit)
        return found or best[0], found_steady or best[1]
    middle = (low + high) // 2
    best = _explore(pool, machine, sizes, low, middle, best)
    return _explore(pool, machine, sizes, middle + 1, high, best)


def _limits(best: Best) -> tuple[float, float]:
    cold, steady = best
    return (cold.time_s if cold else np.inf, steady.time_s if steady else np.inf)
