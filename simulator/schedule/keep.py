"""Weights that stay in SRAM for ever: how much room the tiles and tensors keep, and which weights fill the rest.

The room of everything else is one of a fixed list of sizes, the same for every chip, and the weights kept are what the SRAM
has beyond it. So with more SRAM every choice still exists and keeps at least the same weights: more SRAM is never slower.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.kernels import schedule_keep as kernels
from simulator.kernels import schedule_rooms as inner
from simulator.kernels.layout import Machine, least_grid
from simulator.kernels.schedule_few import Running
from simulator.kernels.schedule_rooms import PER_OCTAVE, SMALLEST_ROOM
from simulator.lower.rows import Row
from simulator.schedule.few import ahead_sizes, fetched, network_of, quick, settle, solve_one, walked
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.scratch import scratch_of
from simulator.store.memory import Memory, one_each

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Best = tuple[Plan | None, Plan | None]

Promise = tuple[int, int]
"""Room and run of a schedule."""

Near = dict[int, Promise]
"""Of each kind those that were the best on a chip, for a pool that is alike: they promise to be nearly so for another."""

PROBED = 4
"""Of the rooms that are tried, one in so many is tried in a hurry first: one in each doubling."""

MOST_CAPACITIES = 8
"""Sizes of the SRAM of which is kept what was learned of their rooms."""

BESIDE = 2.0
"""SRAM sizes that differ by no larger factor mostly have their best schedules in the same room."""

_near_like: Memory[tuple[Machine, int, float], Near] = Memory(64, one_each)
"""What promised most on a chip for a network of so many steps and weights, which may differ in the rest, as behind a context."""

NO_MACHINE = Machine(0.0, 1.0, 0.0, 0.0, 0.0)
"""For what no machine decides."""

NEAR = 1e-9
"""Share of a time above it that is fast enough: as fast is, and sums in another order must not cut the best."""


class Floor(NamedTuple):
    """What no schedule stays below: on-chip cycles, and bytes of the outer memory, each alone."""

    cycles: float
    outer_bytes: float

    def times_s(self, steps: int, machines: Machines) -> Floats:
        """No schedule of so many steps is faster, one entry a chip. [s]"""
        return least_grid(self.cycles, self.outer_bytes, steps, machines.rates, machines.phi)


def fixed_sizes(below: float, per_octave: float = PER_OCTAVE) -> list[float]:
    """The fixed list of sizes, rising, below one. [B]"""
    found: list[float] = []
    size = SMALLEST_ROOM
    while size < below:
        found.append(size)
        size = SMALLEST_ROOM * 2.0 ** (len(found) / per_octave)
    return found


def rooms(capacity: float, all_weights: float, per_octave: float = PER_OCTAVE) -> list[float]:
    """Rooms for everything but kept weights, rising: the fixed list below `capacity`, and what all weights leave. [B]"""
    found = [size for size in fixed_sizes(capacity, per_octave) if capacity - size < all_weights]
    if all_weights < capacity:
        found.append(capacity - all_weights)
    return sorted(found)


def rooms_of(pool: Pool, capacity: float, keep: bool, per_octave: float = PER_OCTAVE) -> list[float]:
    """Rooms that are tried, rising, all of the SRAM last; `keep`: weights may stay for ever. [B]"""
    return [*(rooms(capacity, pool.all_weights, per_octave) if keep and pool.weights.any() else []), capacity]


def tried_of(pool: Pool, largest: float) -> kernels.Tried:
    """The same for many SRAM sizes up to the largest: the fixed list, of which the kernel leaves out what a size does not try."""
    # Never empty: beside it, all weights may stay in an SRAM smaller than any room of it.
    sizes = fixed_sizes(max(largest, 2.0 * SMALLEST_ROOM))
    return kernels.Tried(np.array(sizes), np.array([least(pool, size) for size in sizes]).reshape(-1, 2))


def listed(room: float) -> float:
    """The smallest size of the fixed list that is at least `room`. [B]"""
    return float(SMALLEST_ROOM * 2.0 ** (inner.listed_at(room) / PER_OCTAVE))


def order_of(pool: Pool) -> Ints:
    """Steps in the order in which their weights are kept: most bytes per MAC first.

    A byte kept saves a byte of traffic wherever it lies; layers with the most weight bytes per MAC are the first to be
    bound by memory on any chip. The order depends on the network alone, so that more room never keeps less of any layer.
    """
    alike = pool.alike
    if "keep_order" not in alike:
        rows = pool.low.rows
        order = sorted(
            (step for step, row in enumerate(rows) if row.weight_bytes > 0.0),
            key=lambda step: (-rows[step].weight_bytes / max(1, rows[step].macs_executed), step),
        )
        alike["keep_order"] = np.array(order, dtype=np.int64)
    found: Ints = alike["keep_order"]
    return found


def keeping_of(pool: Pool) -> kernels.Keeping:
    """Weights of the network that may stay, and the order in which they do."""
    alike = pool.alike
    if "keeping" not in alike:
        channels = np.ones(len(pool.weights))
        for step, row in enumerate(pool.low.rows):
            if row.shape is not None and row.weight_bytes > 0.0:
                channels[step] = channel_bytes(row)
        alike["keeping"] = kernels.Keeping(pool.weights, channels, order_of(pool))
    found: kernels.Keeping = alike["keeping"]
    return found


def share(pool: Pool, size: float) -> Floats:
    """Bytes of each step's weights among the `size` bytes that stay, in the order of `order_of`, whole output channels."""
    weights, channels, order = keeping_of(pool)
    kept = np.zeros(len(weights))
    kernels.share(size, order, weights, channels, kept)
    return kept


def channel_bytes(row: Row) -> float:
    """Bytes of one output channel's weights; of a recurrence all of them, which stay as a whole or not. [B]"""
    if row.shape is None or row.shape.steps > 1:
        return row.weight_bytes
    return row.weight_bytes / (row.shape.extents[0] * row.shape.extents[2])


def least(pool: Pool, room: float) -> Floor:
    """What no schedule in `room` bytes stays below, with all weights in SRAM for nothing.

    It depends on the network and the array only, so it is kept.
    """
    known = pool.memo.setdefault("least", {})
    if room not in known:
        known[room] = _least(pool, room)
    found: Floor = known[room]
    return found


def _least(pool: Pool, room: float) -> Floor:
    """What no schedule in `room` bytes stays below."""
    if pool.above is not None:
        cycles, outer = least(pool.above.pool, room)
        return Floor(cycles + pool.above.cycles, outer + pool.above.outer_bytes)
    own = scratch_of(pool)
    return Floor(*inner.least_in(room, _floors(pool), own.memo, own.values, own.choice))


def _floors(pool: Pool, capacity: float = 0.0) -> inner.Floors:
    """Where the kernel keeps what it learns of the rooms of an SRAM. Rooms of the fixed list are those of every SRAM: what was
    learned of them with the last few is taken from there.
    """
    if pool.above is not None:
        other = _floors(pool.above.pool, capacity)
        return other._replace(more_cycles=pool.above.cycles, more_bytes=pool.above.outer_bytes)
    kept: dict[float, inner.Floors] = pool.memo.setdefault("floors", {})
    found = kept.get(capacity)
    if found is None:
        before = list(kept.values())
        free = before[0].free if before else network_of(pool, settle(pool, NO_MACHINE, pool.weights))
        sizes = [SMALLEST_ROOM * 2.0 ** (at / PER_OCTAVE) for at in range(inner.listed_at(capacity) + 1)]
        cycles = float(pool.least_cycles.sum()) if pool.rescored else math.nan
        least = np.full((len(sizes) + 1, 2), np.nan)
        for one in before:
            shared = min(len(sizes), len(one.least) - 1)
            known = one.least[:shared].copy()  # another thread may be adding to it
            whole = ~np.isnan(known.sum(axis=1))
            least[:shared][whole] = known[whole]
        nothing = np.zeros(len(pool.steps))
        rooms = np.array([*sizes, capacity])
        found = inner.Floors(rooms, least, free, pool.all_weights, cycles, nothing, 0.0, 0.0)
        for old in list(kept)[: max(0, len(kept) - MOST_CAPACITIES + 1)]:
            kept.pop(old, None)
        kept[capacity] = found
    return found


def floor_of(pool: Pool, kept: float, room: float) -> Floor:
    """What no schedule in `room` bytes with `kept` bytes of weights kept stays below."""
    cycles, outer = least(pool, room)
    return Floor(cycles, outer + max(0.0, pool.all_weights - kept))


def floor_of_span(pool: Pool, capacity_bytes: float, low: float, high: float) -> Floor:
    """What no schedule stays below in any room of `low` to `high` bytes, beside what of the SRAM's weights it leaves."""
    return floor_of(pool, capacity_bytes - low, real_room(pool, capacity_bytes, high))


def real_room(pool: Pool, capacity_bytes: float, room: float) -> float:
    """At least what is really left for everything but kept weights: whole channels may keep less than there is. [B]"""
    left = capacity_bytes - room
    if left <= 0.0:
        return capacity_bytes
    return listed(capacity_bytes - float(share(pool, left).sum()))


def whole_batches(pool: Pool, machines: Machines, keep: bool, limit_s: tuple[float, float] = (np.inf, np.inf)) -> Best:
    """(fastest schedule for one batch, fastest in steady state) without sub-batches; `keep`: weights may stay for ever.

    Only schedules faster than `limit_s` are looked for; None where there is none.
    """
    if not keep or not pool.weights.any():
        return solve_one(pool, machines, None, limit_s)
    capacity = float(machines.capacity_bytes[0])
    sizes = rooms_of(pool, capacity, keep)
    # All weights first: of schedules as fast, it moves the fewest bytes.
    found = solve_one(pool, machines, pool.weights, limit_s) if pool.all_weights < capacity else (None, None)
    known = [plan.time_s * (1.0 + NEAR) if plan else most for plan, most in zip(found, limit_s, strict=True)]
    row = machines.row()
    near: Near = pool.alike.setdefault(("near", row), {})
    like = row, len(pool.steps), pool.all_weights
    limit_s = _sharpened(
        pool, machines, sizes, (known[0], known[1]), near or _beside(pool, row) or _near_like.get(like) or {}
    )
    best = _explored(pool, machines, sizes, found, limit_s, near)
    pool.alike["last near"] = row, near
    _near_like.put(like, dict(near))
    return best


def _beside(pool: Pool, row: Machine) -> Near:
    """What promised most on the last chip, if it has no other rates than this and an SRAM that is nearly as large."""
    last: tuple[Machine, Near] | None = pool.alike.get("last near")
    if last is None or row._replace(capacity_bytes=last[0].capacity_bytes) != last[0]:
        return {}
    return last[1] if 1.0 / BESIDE <= row.capacity_bytes / last[0].capacity_bytes <= BESIDE else {}


def promise_of(pool: Pool, machines: Machines) -> Promise | None:
    """Where the best steady schedule of a whole batch was, the last time that the chip was asked about; None: nowhere yet."""
    near: Near = pool.alike.get(("near", machines.row()), {})
    return near.get(1)


def promised_s(pool: Pool, machines: Machines, promise: Promise, limit_s: float) -> float:
    """Time of a steady schedule of a whole batch at such a place, on a chip where weights may stay for ever; infinite where it
    does not beat the limit. [s]
    """
    sizes = rooms_of(pool, float(machines.capacity_bytes[0]), True)
    left = sizes[-1] - sizes[min(promise[0], len(sizes) - 1)]
    return quick(pool, machines, share(pool, left) if left > 0.0 else None, limit_s, promise[1])[0]


def _sharpened(
    pool: Pool, machines: Machines, sizes: list[float], limit_s: tuple[float, float], near: Near
) -> tuple[float, float]:
    """Limits no larger than what a quick schedule in a few of the rooms takes: with them most rooms are soon left out.

    The quick schedules are not answers, they will be found again in their turn: so the answers stay the first of the best.
    """
    known: Iterable[tuple[int, int | None]] = dict.fromkeys(tuple(near.values()))
    for room, run in known or [(room, None) for room in range(len(sizes) - 1, -1, -PROBED)]:
        left = sizes[-1] - sizes[min(room, len(sizes) - 1)]
        time_s, warm = quick(pool, machines, share(pool, left) if left > 0.0 else None, max(limit_s), run)
        found = time_s * (1.0 + NEAR)
        limit_s = (limit_s[0] if warm else min(limit_s[0], found), min(limit_s[1], found))
    return limit_s


def _explored(
    pool: Pool, machines: Machines, sizes: list[float], best: Best, limit_s: tuple[float, float], near: Near
) -> Best:
    """The best of `best` and of schedules in rooms of these sizes, of which those that cannot be better are left out; `near` says
    where they were.
    """
    plans, limits = (
        list(best),
        np.array([plan.time_s if plan else most for plan, most in zip(best, limit_s, strict=True)]),
    )
    search = _Search(pool, machines, sizes)
    while (found := search.faster(limits)) is not None:
        plan, room, run = found
        for kind in (0, 1):
            # One begun warm does for many batches alone.
            if (kind == 1 or run % 2 == 0) and plan.time_s < limits[kind]:
                plans[kind], limits[kind] = plan, plan.time_s
                near[kind] = room, run
    return plans[0], plans[1]


def _rooms_beside(pool: Pool, capacity: float, sizes: list[float]) -> inner.Rooms:
    """What stays beside rooms of these sizes; of pools that are alike the same, so that those of the last SRAM are kept."""
    known: tuple[list[float], inner.Rooms] | None = pool.alike.get("rooms")
    if known is not None and known[0] == sizes:
        return known[1]
    asked = capacity - np.array(sizes)
    kept, real = np.empty((len(sizes), len(pool.weights))), np.empty(len(sizes), dtype=np.int64)
    kernels.shares(asked, keeping_of(pool), kept)
    streams = pool.weights - kept
    stays, streamed = kept.sum(axis=1), streams.sum(axis=1)
    inner.places(asked, capacity - stays, capacity, real)
    rooms = inner.Rooms(asked, stays, kept, streamed, streamed[:, None] - np.cumsum(streams, axis=1), real)
    pool.alike["rooms"] = sizes, rooms
    return rooms


class _Search:
    """The rooms of one chip, looked through from the largest to the smallest."""

    def __init__(self, pool: Pool, machines: Machines, sizes: list[float]) -> None:
        self._pool, self._machines, own = pool, machines, scratch_of(pool)
        capacity, fifo_bytes = float(machines.capacity_bytes[0]), machines.fifo_bytes
        self._rooms, self._floors = _rooms_beside(pool, capacity, sizes), _floors(pool, capacity)
        ahead = inner.IN_SRAM if fifo_bytes is None else inner.IN_FIFO
        self._chip = inner.Chip(
            pool.network, pool.spans_kept, pool.weights, pool.least_cycles, pool.least_after,
            pool.beside_after, machines.row(), ahead if machines.overlap == "network" else inner.WITHOUT, fifo_bytes or 0.0,
        )  # fmt: skip
        steps, sizes_ahead = len(pool.steps), np.array(ahead_sizes(capacity))
        running = Running(own.labels, own.counts, own.memo)
        self._scratch = inner.Scratch(
            np.empty_like(pool.costs), np.empty_like(pool.spans), np.full(steps, np.nan), np.empty((steps, 2)),
            np.empty(steps), sizes_ahead, np.empty(len(sizes_ahead)), own.values, own.choice, running,
            own.memo if pool.above is None else scratch_of(pool.above.pool).memo,
        )  # fmt: skip
        spans = np.zeros((inner.MOST_SPANS, 2), dtype=np.int64)
        spans[0] = 0, len(sizes) - 1
        self._search = inner.Search(np.array([1, -1, 0], dtype=np.int64), spans)

    def faster(self, limits: Floats) -> tuple[Plan, int, int] | None:
        """The next schedule that is faster than one of the limits, its room and run; None where there is none."""
        room, run, label, wait = inner.next_faster(
            self._chip, self._rooms, self._floors, limits, self._scratch, self._search
        )
        if room < 0:
            return None
        terms = settle(self._pool, self._machines.row(), self._rooms.kept[room])
        if self._chip.ahead == inner.WITHOUT:
            return Plan((walked(self._pool, terms),)), room, 0
        around = 0.0 if self._chip.ahead == inner.IN_FIFO else float(self._scratch.sizes[run // 2])
        return fetched(self._pool, terms, (label, wait), around), room, run
