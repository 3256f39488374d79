"""Whole batches with overlap `none` or `layer`: many points through one kernel, equal to one-by-one `simulate`."""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.kernels import sweep as kernels
from simulator.schedule.keep import SMALLEST_ROOM, channel_bytes, least, rooms, share
from simulator.schedule.packs import LONGEST
from simulator.schedule.pool import Pool
from simulator.schedule.solve import PHI
from simulator.tiling import breakdowns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


FIRST_STAIRS = 32
"""Choices that a move is given room for at first; more than 14 are rare."""


@dataclass(frozen=True)
class Machines:
    """What differs between the points of one group, one entry a point: `schedule.solve.Machine` as columns."""

    capacity_bytes: Floats
    cycle_s: Floats
    byte_s: Floats
    overhead_s: Floats

    def __len__(self) -> int:
        return len(self.capacity_bytes)


@dataclass(frozen=True)
class Answers:
    """What schedules of many points give, one entry a point; times are infinite where nothing fits."""

    cold_s: Floats
    """Time of one batch on its own, without the host link. [s]"""
    steady_s: Floats
    """Time of a batch in steady state, without the host link. [s]"""
    outer_bytes: Floats
    """Of the cold schedule. [B]"""
    kept_bytes: Floats
    """Weights that stay for ever, in steady state. [B]"""
    cold_kept_bytes: Floats
    feed_bytes: Floats
    """Between SRAM and arrays, in steady state. [B]"""
    steady_outer_bytes: Floats
    roof: Ints
    """Place in `ROOFS` of what costs most of a period."""
    roof_s: Floats
    """What that roof costs. [s]"""
    cold_feed_bytes: Floats


def solve_together(pool: Pool, machines: Machines, overlap: str, keep: bool, has_dram: bool, host_s: float) -> Answers:
    """The best whole-batch schedules of all points; `keep`: weights may stay for ever."""
    keep = keep and bool(pool.weights.any())
    # Where many rooms are tried, points of one SRAM size go by the ratio of clock and bandwidth: neighbours then want the same
    # rooms, and a block leaves out the others.
    ratio = machines.byte_s / machines.cycle_s
    order = np.lexsort((ratio, machines.capacity_bytes)) if keep else np.argsort(machines.capacity_bytes, kind="stable")
    sorted_bytes = machines.capacity_bytes[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_bytes[1:] != sorted_bytes[:-1], [True]]))
    capacities = sorted_bytes[starts[:-1]]
    columns = (machines.cycle_s[order], machines.byte_s[order], machines.overhead_s[order], order)
    sizes, bounds = _rooms(pool, float(capacities[-1])) if keep else (np.zeros(0), np.zeros((0, 2)))
    plan = pool.moves
    net = (
        plan.first, plan.source, plan.target, pool.spans, pool.spans_kept, pool.costs, pool.steps, pool.points,
        pool.blocks, pool.marks, detail_of(pool),
    )  # fmt: skip
    out = np.empty((len(order), kernels.COLUMNS))
    scratch = _scratch(pool, len(sizes) + 2)
    while True:
        done = kernels.residency_points(
            net, _keeping(pool), columns, scratch.arrays, sizes, bounds, capacities, starts, 0, len(capacities),
            (PHI[overlap], has_dram, host_s), out,
        )  # fmt: skip
        if done == 0:
            break
        scratch = _scratch(pool, len(sizes) + 2, grow=True)
    time_s, outer = out[:, kernels.TIME_S], out[:, kernels.OUTER_BYTES]
    kept = out[:, kernels.KEPT_BYTES]
    roof = np.where(np.isfinite(time_s), out[:, kernels.ROOF], 0.0).astype(np.int64)
    feed, roof_s = out[:, kernels.FEED_BYTES], out[:, kernels.ROOF_S]
    return Answers(time_s, time_s, outer, kept, kept, feed, outer, roof, roof_s, feed)


def detail_of(pool: Pool) -> Floats:
    """On-chip parts of every point of a pool, in the order of `tiling.OnChip` with ideal first: as the kernel reads them."""
    if "sweep_detail" not in pool.memo:
        detail = np.zeros((len(pool.points), 8))
        if pool.shapes:
            stacked = pool.stack
            cycles = breakdowns(stacked, pool.point_shape, pool.codes, pool.points[:, 1])
            detail[:, 0:4], detail[:, 4] = cycles[:, 1:5], cycles[:, 0]
            detail[:, 5], detail[:, 6], detail[:, 7] = cycles[:, 5], cycles[:, 6], cycles[:, 7]
        pool.memo["sweep_detail"] = detail
    found: Floats = pool.memo["sweep_detail"]
    return found


def _keeping(pool: Pool) -> tuple[Floats, Floats, Ints]:
    """(weights of each step, bytes of one output channel of them, steps in the order in which weights are kept)."""
    if "sweep_keeping" not in pool.memo:
        share(pool, 0.0)  # fills the order
        channels = np.ones(len(pool.weights))
        for step, row in enumerate(pool.low.rows):
            if row.shape is not None and row.weight_bytes > 0.0:
                channels[step] = channel_bytes(row)
        order = np.array(pool.memo["keep_order"], dtype=np.int64)
        pool.memo["sweep_keeping"] = (pool.weights, channels, order)
    found: tuple[Floats, Floats, Ints] = pool.memo["sweep_keeping"]
    return found


def _rooms(pool: Pool, largest: float) -> tuple[Floats, Floats]:
    """(the fixed list of rooms below the largest SRAM, least cycles and bytes of a schedule in each)."""
    # All weights are more than any SRAM here, so the list is whole; the kernel leaves out what a point does not try.
    sizes = rooms(largest, np.inf) if largest > SMALLEST_ROOM else []
    bounds = np.array([least(pool, size) for size in sizes]).reshape(-1, 2)
    return np.array(sizes), bounds


class _Scratch:
    """Arrays that the kernel writes to, kept from one call to the next."""

    def __init__(self, pool: Pool, slots: int, wide: int, stairs: int) -> None:
        steps, states, moves = len(pool.steps), pool.moves.states, len(pool.moves.source)
        self.wide, self.stairs, self.slots = wide, stairs, slots
        self._held = np.zeros((slots, moves, 4), dtype=np.int64)
        listing = (
            np.zeros((2, states), dtype=np.int64), np.zeros(steps + 1, dtype=np.int64),
            np.empty((wide, 3), dtype=np.int64), np.empty((wide, 2)), np.empty(steps), np.empty((wide, 8)),
            self._held, np.empty((slots, moves, stairs), dtype=np.int64),
        )  # fmt: skip
        running = (
            np.empty((2, states, kernels.BLOCK)), np.empty((2, states, kernels.BLOCK)),
            np.zeros((steps * states, kernels.BLOCK), dtype=np.int64), np.empty(kernels.BLOCK), np.empty(kernels.BLOCK),
        )  # fmt: skip
        block = kernels.BLOCK
        answering = (
            np.empty((block, steps), dtype=np.int64), np.empty(block, dtype=np.int64), np.empty(block, dtype=np.int64),
            np.empty(block), np.empty(block), np.empty(block), np.empty(block), np.empty((9, block)),
            np.empty((steps, block)), np.empty(steps), np.empty(64), np.empty((128, 2), dtype=np.int64),
        )  # fmt: skip
        self.arrays = (listing, running, answering)

    def fresh(self) -> None:
        """Forget the staircases of another call: SRAM sizes begin low again."""
        self._held[:] = 0


_own = threading.local()


def _scratch(pool: Pool, slots: int, grow: bool = False) -> _Scratch:
    """This thread's scratch for a pool with room for `slots` lists of staircases; with `grow`, twice as long ones."""
    known: tuple[Pool, _Scratch] | None = getattr(_own, "scratch", None)
    if known is None or known[0] is not pool or known[1].slots < slots:
        known = (pool, _Scratch(pool, slots, 8 * len(pool.moves.source) + 1024, FIRST_STAIRS))
    elif grow:
        known = (pool, _Scratch(pool, slots, 2 * known[1].wide, min(2 * known[1].stairs, LONGEST)))
    _own.scratch = known
    known[1].fresh()
    return known[1]
