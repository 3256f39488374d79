"""Whole batches with overlap `none` or `layer`: many points through one kernel, equal to one-by-one `simulate`."""

import threading
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from simulator.kernels import sweep as kernels
from simulator.kernels import sweep_keep as keeping
from simulator.kernels import sweep_list as lists
from simulator.kernels import sweep_narrow as narrowing
from simulator.kernels import sweep_roofs as roofs
from simulator.schedule.keep import SMALLEST_ROOM, channel_bytes, least, rooms, share
from simulator.schedule.packs import LONGEST
from simulator.schedule.pool import Pool
from simulator.schedule.solve import PHI
from simulator.schedule.stacks import parts_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Paths = tuple[Ints, Floats, Ints, Floats]


FIRST_STAIRS = 32
"""Choices that a move is given room for at first; more than 14 are rare."""

BUCKET, MOST_BUCKET, NEAR = 64, 256, 0.04
"""Points of neighbouring SRAM sizes whose choices are listed together: at least; at most; up to so many as differ by this share
of their size."""

SPAN, MOST_BUCKETS = 2048, 32
"""Points of a call of the kernels, four times as many where no weights stay; and buckets of a call."""


@dataclass(frozen=True)
class Machines:
    """What differs between the points of one group, one entry a point: `schedule.solve.Machine` as columns."""

    capacity_bytes: Floats
    cycle_s: Floats
    byte_s: Floats
    overhead_s: Floats

    def __len__(self) -> int:
        return len(self.capacity_bytes)

    def part(self, rows: Ints | Truths) -> Self:
        """Some of the points."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


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

    def put(self, rows: Ints, found: Self, at: Ints | slice = slice(None)) -> None:
        """Replace some rows by rows of others."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(found, field.name)[at]


def solve_together(pool: Pool, machines: Machines, overlap: str, keep: bool, has_dram: bool, host_s: float) -> Answers:
    """The best whole-batch schedules of all points; `keep`: weights may stay for ever."""
    keep = keep and bool(pool.weights.any())
    order, size_of, buckets = _buckets(machines, keep)
    columns = [np.ascontiguousarray(column[order]) for column in _columns(machines)]
    sizes, bounds = rooms_of(pool, float(machines.capacity_bytes.max())) if keep else (np.zeros(0), np.zeros((0, 2)))
    found, roof = np.empty((5, len(order))), np.empty(len(order), dtype=np.int64)
    for begin, end in pairwise(_spans(buckets, SPAN if keep else 4 * SPAN)):
        lo, hi = int(buckets[begin]), int(buckets[end])
        part = [column[lo:hi] for column in columns]
        best, paths, blocks = _best_paths(
            pool, part, (buckets[begin : end + 1] - lo, size_of[lo:hi]), sizes, bounds, PHI[overlap]
        )
        roofs.roofs(
            pool.steps, pool.points, detail_of(pool), paths, blocks, (part[1], part[2], part[3]), PHI[overlap], best[0], has_dram,
            host_s, _scratch(pool).splitting, roof[lo:hi], found[4, lo:hi],
        )  # fmt: skip
        found[:4, lo:hi] = best[:4]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    time_s, kept, outer, feed, roof_s = found[:, back]
    roof = np.where(np.isfinite(time_s), roof[back], 0)
    return Answers(time_s, time_s, outer, kept, kept, feed, outer, roof, roof_s, feed)


def _columns(machines: Machines) -> tuple[Floats, Floats, Floats, Floats]:
    return machines.capacity_bytes, machines.cycle_s, machines.byte_s, machines.overhead_s


def _buckets(machines: Machines, keep: bool) -> tuple[Ints, Ints, Ints]:
    """(points in the order of the kernel, number of the SRAM size of each, where buckets begin, and the end).

    A bucket has points of one SRAM size or of neighbouring ones.
    """
    order = np.argsort(machines.capacity_bytes, kind="stable")
    rising = machines.capacity_bytes[order]
    fresh = np.concatenate([[True], rising[1:] != rising[:-1]])
    size_of, firsts = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
    spread = np.log(rising[-1] / rising[0])
    near = int(len(order) * NEAR / spread) if spread > len(order) * NEAR / MOST_BUCKET else MOST_BUCKET
    many = MOST_BUCKET if keep else max(BUCKET, near // BUCKET * BUCKET)
    firsts = firsts[np.concatenate([[True], firsts[1:] // many != firsts[:-1] // many])]
    edges = np.append(firsts, len(order))
    # Points of a bucket go by the ratio of clock and bandwidth: neighbours then mostly want the same choices.
    ratio = (machines.byte_s / machines.cycle_s)[order]
    inside = np.repeat(np.arange(len(firsts)), np.diff(edges)) + ratio / (1.001 * max(float(ratio.max()), 1e-300))
    again = np.argsort(inside)
    return order[again], size_of[again], edges


def _spans(buckets: Ints, points: int) -> list[int]:
    """Places of buckets at which the points are cut into calls of the kernel, so that memory stays small."""
    spans, begin = [0], 0
    for at in range(1, len(buckets)):
        if buckets[at] - buckets[begin] >= points or at - begin >= MOST_BUCKETS or at == len(buckets) - 1:
            spans.append(at)
            begin = at
    return spans


def _best_paths(
    pool: Pool, columns: list[Floats], buckets: tuple[Ints, Ints], room_sizes: Floats, bounds: Floats, phi: float
) -> tuple[Floats, Paths, Ints]:
    """(answers as rows of `kernels.sweep`, paths and blocks as there) of points in buckets.

    buckets: where each begins, and the end; the number of each point's SRAM size, counted on from any.
    """
    firsts, size_of = buckets[0], buckets[1] - buckets[1].min()
    sizes = np.empty(int(size_of.max()) + 1)
    sizes[size_of] = columns[0]
    steps, count = len(pool.weights), len(size_of)
    rooms_tried = len(room_sizes) + 2 if len(room_sizes) else 1
    settled = (
        np.empty((rooms_tried, len(sizes))), np.empty((rooms_tried, len(sizes))),
        np.zeros((rooms_tried, len(sizes), steps)), np.empty((rooms_tried, len(sizes), 2)),
    )  # fmt: skip
    keeping.settle(sizes, *keeping_of(pool), room_sizes, bounds, settled)
    bound_s = np.empty((rooms_tried, count))
    keeping.bound_times(settled[3], size_of, *columns[1:], steps, phi, bound_s)
    best = np.zeros((5, count))
    best[kernels.TIME_S] = best[kernels.LIMIT_S] = np.inf
    run = _Run(pool, columns, size_of, firsts, settled, phi, best)
    if rooms_tried > 1:
        # First where each block promises most: what cannot beat that need not be tried.
        promising = bound_s[:, run.blocks[:, 0] + run.blocks[:, 1] // 2].argmin(axis=0)
        for room in np.unique(promising):
            run.try_room(int(room), promising == room, only_limit=True)
    # The same rooms in the same order as `schedule.keep`: of equally fast schedules the first counts.
    for room in range(rooms_tried):
        may_win = bound_s[room] < np.minimum(best[kernels.TIME_S], best[kernels.LIMIT_S])
        run.try_room(room, np.logical_or.reduceat(may_win, run.blocks[:, 0]))
    return best, run.paths, run.blocks


class _Run:
    """The kernels on points in buckets: lists of choices, and blocks of points that run through them."""

    def __init__(
        self, pool: Pool, columns: list[Floats], size_of: Ints, firsts: Ints, settled: tuple[Any, ...], phi: float,
        best: Floats,
    ) -> None:  # fmt: skip
        block, many = kernels.BLOCK, np.diff(firsts)
        per_bucket = -(-many // block)
        bucket = np.repeat(np.arange(len(many)), per_bucket)
        inside = (np.arange(len(bucket)) - np.repeat(np.cumsum(per_bucket) - per_bucket, per_bucket)) * block
        self.blocks = np.stack([firsts[bucket] + inside, np.minimum(block, many[bucket] - inside), bucket], axis=1)
        self._pool, self._machines, self._size_of, self._phi = pool, tuple(columns[1:]), size_of, phi
        self._size_firsts = np.append(np.minimum.reduceat(size_of, firsts[:-1]), size_of.max() + 1)
        self._settled, self._best = settled, best
        self._begins = np.zeros((len(many), len(pool.weights) + 1), dtype=np.int64)
        self._net = net_of(pool)
        self._scratch = _scratch(pool, len(settled[0]))
        self.paths = self._scratch.paths(len(size_of), len(self.blocks))

    def try_room(self, room: int, wanted: npt.NDArray[np.bool_], only_limit: bool = False) -> None:
        """Better what is known of the points of the blocks that are wanted, with a room of this number."""
        if not wanted.any():
            return
        rooms_of, stays, kept = (part[room] for part in self._settled[:3])
        weights, bucket = self._pool.weights, self.blocks[:, 2]
        while True:
            buckets = np.zeros(len(self._begins), dtype=np.bool_)
            buckets[bucket[wanted]] = True
            if not lists.list_buckets(
                self._net,
                weights,
                rooms_of,
                kept,
                self._size_firsts,
                buckets,
                room,
                self._begins,
                self._scratch.listing,
            ):
                break
            self._scratch = _scratch(self._pool, len(self._settled[0]), grow=True)
        _, ways, amounts, *_ = self._scratch.listing
        wanted, listing = wanted & buckets[bucket], (self._begins, ways, amounts)
        length = 3 * (self._begins[:, -1] - self._begins[:, 0])[bucket[wanted]].sum()
        chosen, lead = self._scratch.chosen(int(length), len(self.blocks))
        narrowing.narrow_blocks(self._machines, self.blocks, wanted, listing, self._phi, lead, chosen)
        kernels.residency_blocks(
            weights, self._machines, self._size_of, self.blocks, wanted, listing, chosen,
            (rooms_of, stays, kept), self._phi, only_limit, self._scratch.running, self._best, self.paths,
        )  # fmt: skip


def detail_of(pool: Pool) -> Floats:
    """On-chip parts of every point of a pool, in the order of `tiling.OnChip` with ideal first: as the kernel reads them."""
    if "sweep_detail" not in pool.memo:
        detail = np.zeros((len(pool.points), 8))
        if pool.shapes:
            cycles = parts_of(pool, pool.point_shape, pool.codes, pool.points[:, 1])
            detail[:, 0:4], detail[:, 4] = cycles[:, 1:5], cycles[:, 0]
            detail[:, 5], detail[:, 6], detail[:, 7] = cycles[:, 5], cycles[:, 6], cycles[:, 7]
        pool.memo["sweep_detail"] = detail
    found: Floats = pool.memo["sweep_detail"]
    return found


def feed_of(pool: Pool) -> Floats:
    """Bytes that each frontier row feeds to the arrays."""
    if "sweep_feed" not in pool.memo:
        pool.memo["sweep_feed"] = np.ascontiguousarray(detail_of(pool)[:, 7])
    found: Floats = pool.memo["sweep_feed"]
    return found


def net_of(pool: Pool) -> tuple[Any, ...]:
    """A network's moves and frontiers, as `kernels.sweep_list` reads them."""
    plan = pool.moves
    return (
        plan.first, plan.source, plan.target, pool.spans, pool.spans_kept, pool.costs, pool.steps, pool.points, pool.blocks,
        pool.marks, feed_of(pool),
    )  # fmt: skip


def keeping_of(pool: Pool) -> tuple[Floats, Floats, Ints]:
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


def rooms_of(pool: Pool, largest: float) -> tuple[Floats, Floats]:
    """(the fixed list of rooms below the largest SRAM, least cycles and bytes of a schedule in each)."""
    # All weights are more than any SRAM here, so the list is whole; the kernel leaves out what a point does not try. It
    # is never empty: beside it, all weights may stay in an SRAM smaller than any room of it.
    sizes = rooms(max(largest, 2.0 * SMALLEST_ROOM), np.inf)
    bounds = np.array([least(pool, size) for size in sizes]).reshape(-1, 2)
    return np.array(sizes), bounds


class _Scratch:
    """Arrays that the kernels write to, kept from one call to the next."""

    def __init__(self, pool: Pool, slots: int, wide: int, stairs: int) -> None:
        steps, states, moves = len(pool.steps), pool.moves.states, len(pool.moves.source)
        self.wide, self.stairs, self.slots = wide, stairs, slots
        self._steps = steps
        self._paths: tuple[Ints, Floats] | None = None
        self._picks = np.zeros(0, dtype=np.int64)
        self._narrowing = (
            np.empty((wide, 3)), np.zeros((steps, states), dtype=np.int64), np.zeros(steps, dtype=np.int64),
            np.empty((steps + 1, states, 3)), np.empty((steps + 1, states, 3)),
        )  # fmt: skip
        self._held = np.zeros((2 * slots, moves, 4), dtype=np.int64)
        block = kernels.BLOCK
        self.listing = (
            np.zeros((2, states), dtype=np.int64), np.zeros((wide, 5), dtype=np.int64), np.empty((wide, 8)), self._held,
            np.empty((2 * slots, moves, stairs), dtype=np.int64), np.empty((32 * stairs, 2), dtype=np.int64),
        )  # fmt: skip
        running = (
            np.empty((2, states, 2 * block)), np.zeros((steps * states, block)), np.zeros(block, dtype=np.int64),
            np.zeros(block, dtype=np.bool_), np.zeros((steps, block + 1), dtype=np.int64), np.zeros((steps, block)),
            np.zeros((steps, block)), np.zeros(block), np.zeros((64, block)), np.empty((128, 2), dtype=np.int64),
            np.zeros((2, states), dtype=np.int64),
        )  # fmt: skip
        self.running = (running, (np.empty(3 * block), np.empty(block, dtype=np.int64)))
        self.splitting = (
            np.zeros(9 * block), np.zeros(block), np.zeros(3 * block), np.zeros(8 * block), np.zeros(block),
        )  # fmt: skip

    def paths(self, count: int, blocks: int) -> Paths:
        """Rows and bytes of every step of points, and of all points of blocks; of points that do not run, of no meaning."""
        size = self._steps * count
        if self._paths is None or len(self._paths[0]) < size:
            self._paths = np.full(size, -1, dtype=np.int32), np.zeros(size)
        rows, totals = self._paths
        alike = np.full((self._steps, blocks), -1), np.zeros((self._steps, blocks))
        return rows[:size].reshape(self._steps, count), totals[:size].reshape(self._steps, count), *alike

    def chosen(self, length: int, blocks: int) -> tuple[Any, Any]:
        """Lists of `kernels.sweep_narrow` for so many choices in all blocks, and its scratch."""
        if len(self._picks) <= length:
            self._picks = np.empty(length + length // 2 + 1, dtype=np.int64)
        starts, straight = np.zeros((blocks + 2, self._steps + 1), dtype=np.int64), np.zeros(blocks, dtype=np.bool_)
        return (self._picks, starts, straight), self._narrowing

    def fresh(self) -> None:
        """Forget the staircases of another call: SRAM sizes begin low again."""
        self._held[:] = 0


_own = threading.local()


def _scratch(pool: Pool, slots: int = 1, grow: bool = False) -> _Scratch:
    """This thread's scratch for a pool with room for `slots` lists of staircases; with `grow`, twice as long ones."""
    known: tuple[Pool, _Scratch] | None = getattr(_own, "scratch", None)
    if known is None or known[0] is not pool or known[1].slots < slots:
        known = (pool, _Scratch(pool, slots, 32 * len(pool.moves.source) + 1024, FIRST_STAIRS))
    elif grow:
        known = (pool, _Scratch(pool, slots, 2 * known[1].wide, min(2 * known[1].stairs, LONGEST)))
    _own.scratch = known
    known[1].fresh()
    return known[1]
