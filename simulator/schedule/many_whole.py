"""Whole batches with overlap `none` or `layer`: many chips through one kernel."""

import threading
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier.packs import LONGEST
from simulator.kernels import schedule_keep as keeping
from simulator.kernels import schedule_lists as lists
from simulator.kernels import schedule_narrow as narrowing
from simulator.kernels import schedule_sums as adding
from simulator.kernels import schedule_whole as kernels
from simulator.kernels.layout import VECTOR_CYCLES, Listing
from simulator.schedule.keep import keeping_of, tried_of
from simulator.schedule.machines import Machines
from simulator.schedule.plans import Plans, Sums, started
from simulator.schedule.pool import Pool
from simulator.schedule.records import all_records

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

FIRST_WIDE = 32
"""Choices of each move that a list has room for at first."""

BUCKET, MOST_BUCKET, NEAR = 64, 256, 0.04
"""Points of neighbouring SRAM sizes whose choices are listed together: at least; at most; up to so many as differ by this share
of their size."""

SPAN, MOST_BUCKETS = 2048, 32
"""Points of a call of the kernels, four times as many where no weights stay; and buckets of a call."""


def solve_whole(pool: Pool, machines: Machines, keep: bool) -> Plans:
    """The best whole-batch schedules of all chips; `keep`: weights may stay for ever."""
    keep = keep and bool(pool.weights.any())
    order, size_of, firsts = _buckets(machines, keep)
    sorted_ = machines.part(order)
    tried = tried_of(pool, float(machines.capacity_bytes.max())) if keep else keeping.NONE_TRIED
    count, records = len(order), all_records(pool)
    vector = np.ascontiguousarray(pool.steps[:, VECTOR_CYCLES])
    best = kernels.Best(*(np.empty(count) for _ in kernels.Best._fields))
    sums = adding.Added(np.empty(count), np.empty(count), np.empty((adding.CAUSES, count)))
    block = adding.new_block()
    for begin, end in pairwise(_spans(firsts, SPAN if keep else 4 * SPAN)):
        lo, hi = int(firsts[begin]), int(firsts[end])
        part = sorted_.part(slice(lo, hi))
        run = _best_paths(part, pool, firsts[begin : end + 1] - lo, size_of[lo:hi], tried)
        for column, found in zip(best, run.best, strict=True):
            column[lo:hi] = found
        adding.sum_blocks(records, vector, run.paths, run.blocks, part.rates, machines.phi, block, sums, lo)
    back = np.empty_like(order)
    back[order] = np.arange(count)
    start_s = float(pool.starts.sum()) * sorted_.cycle_s
    sums = started(sums, start_s)
    all_ = Sums(best.time_s + start_s, sums.outer_bytes, sums.feed_bytes, best.kept_bytes, sums.parts).take(back)
    return Plans(all_, all_)


class _Buckets(NamedTuple):
    """Points in the order of the kernel, the number of the SRAM size of each, and where buckets begin, and the end.

    A bucket has points of one SRAM size or of neighbouring ones.
    """

    order: Ints
    size_of: Ints
    firsts: Ints


def _buckets(machines: Machines, keep: bool) -> _Buckets:
    """Sort the points into buckets."""
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
    return _Buckets(order[again], size_of[again], edges)


def _spans(buckets: Ints, points: int) -> list[int]:
    """Places of buckets at which the points are cut into calls of the kernel, so that memory stays small."""
    spans, begin = [0], 0
    for at in range(1, len(buckets)):
        if buckets[at] - buckets[begin] >= points or at - begin >= MOST_BUCKETS or at == len(buckets) - 1:
            spans.append(at)
            begin = at
    return spans


def _best_paths(machines: Machines, pool: Pool, firsts: Ints, size_of: Ints, tried: keeping.Tried) -> "_Run":
    """Answers, paths and blocks as `kernels.schedule_whole` has them, of chips in buckets.

    firsts: where each bucket begins, and the end. size_of: the number of each chip's SRAM size, counted on from any.
    """
    size_of = size_of - size_of.min()
    sizes = np.empty(int(size_of.max()) + 1)
    sizes[size_of] = machines.capacity_bytes
    settled = keeping.new_settled(tried, len(sizes), len(pool.weights))
    keeping.settle(sizes, keeping_of(pool), tried, settled)
    bound_s = np.empty((len(settled.rooms), len(size_of)))
    keeping.bound_times(settled.bounds, size_of, machines.rates, float(len(pool.weights)), machines.phi, bound_s)
    rooms = [kernels.Room(*of) for of in zip(settled.rooms, settled.stays, settled.kept, strict=True)]
    run = _Run(pool, machines, size_of, firsts, rooms)
    if len(rooms) > 1:
        # First where each block promises most: what cannot beat that need not be tried.
        middle = run.blocks[:, kernels.FIRST] + run.blocks[:, kernels.MANY] // 2
        promising = bound_s[:, middle].argmin(axis=0)
        for room in np.unique(promising):
            run.try_room(int(room), promising == room, only_limit=True)
    # The same rooms in the same order as `schedule.keep`: of equally fast schedules the first counts.
    for room in range(len(rooms)):
        may_win = bound_s[room] < np.minimum(run.best.time_s, run.best.limit_s)
        run.try_room(room, np.logical_or.reduceat(may_win, run.blocks[:, kernels.FIRST]))
    return run


class _Run:
    """The kernels on chips in buckets: lists of choices, and blocks of chips that run through them."""

    def __init__(self, pool: Pool, machines: Machines, size_of: Ints, firsts: Ints, rooms: list[kernels.Room]) -> None:
        block, many = adding.BLOCK, np.diff(firsts)
        per_bucket = -(-many // block)
        bucket = np.repeat(np.arange(len(many)), per_bucket)
        inside = (np.arange(len(bucket)) - np.repeat(np.cumsum(per_bucket) - per_bucket, per_bucket)) * block
        self.blocks = np.stack([firsts[bucket] + inside, np.minimum(block, many[bucket] - inside), bucket], axis=1)
        self._pool, self._machines, self._size_of = pool, machines, size_of
        self._size_firsts = np.append(np.minimum.reduceat(size_of, firsts[:-1]), size_of.max() + 1)
        count, self._rooms = len(size_of), rooms
        self.best = kernels.Best(np.full(count, np.inf), np.zeros(count), np.full(count, np.inf))
        self._begins = np.zeros((len(many), len(pool.weights) + 1), dtype=np.int64)
        self._scratch = _scratch(pool)
        self.paths = self._scratch.paths(count, len(self.blocks))

    def try_room(self, room: int, wanted: Truths, only_limit: bool = False) -> None:
        """Better what is known of the chips of the blocks that are wanted, with a room of this number."""
        if not wanted.any():
            return
        own, pool, bucket = self._rooms[room], self._pool, self.blocks[:, kernels.BUCKET]
        sizes = lists.Sizes(own.rooms, own.kept)
        while True:
            buckets = np.zeros(len(self._begins), dtype=np.bool_)
            buckets[bucket[wanted]] = True
            listing = Listing(self._begins, self._scratch.ways, self._scratch.amounts)
            short = lists.list_buckets(pool.source, sizes, self._size_firsts, buckets, listing, self._scratch.reached)
            if not short:
                break
            self._scratch = _scratch(pool, grow=True)
        wanted = wanted & buckets[bucket]
        begins = self._begins.T
        length = 3 * (begins[-1] - begins[0])[bucket[wanted]].sum()
        chosen, rates, phi = (
            self._scratch.chosen(int(length), len(self.blocks)),
            self._machines.rates,
            self._machines.phi,
        )
        narrowing.narrow_blocks(rates, self.blocks, wanted, listing, phi, self._scratch.narrowing, chosen)
        kernels.residency_blocks(
            pool.weights, rates, self._size_of, self.blocks, wanted, listing, chosen, own, phi, only_limit,
            self._scratch.running, self.best, self.paths,
        )  # fmt: skip


class _Scratch:
    """Arrays that the kernels write to, kept from one call to the next."""

    def __init__(self, pool: Pool, wide: int) -> None:
        steps, states = len(pool.steps), pool.moves.states
        self.wide, self._steps = wide, steps
        self._paths: tuple[npt.NDArray[np.int32], Floats] | None = None
        self._picks = np.zeros(0, dtype=np.int64)
        self.narrowing = narrowing.new_narrowing(steps, states, wide)
        self.running = kernels.new_running(steps, states)
        self.ways, self.amounts = np.zeros((wide, 5), dtype=np.int64), np.empty((wide, 7))
        self.reached = lists.Reached(np.zeros((2, states), dtype=np.int64), np.empty(LONGEST + wide, dtype=np.int64))

    def paths(self, count: int, blocks: int) -> kernels.Paths:
        """Rows and bytes of every step of chips, and of all chips of blocks; of chips that do not run, of no meaning."""
        size = self._steps * count
        if self._paths is None or len(self._paths[0]) < size:
            self._paths = np.full(size, -1, dtype=np.int32), np.zeros(size)
        rows, moved = (
            self._paths[0][:size].reshape(self._steps, count),
            self._paths[1][:size].reshape(self._steps, count),
        )
        return kernels.Paths(rows, moved, np.full((self._steps, blocks), -1), np.zeros((self._steps, blocks)))

    def chosen(self, length: int, blocks: int) -> kernels.Chosen:
        """Lists of `kernels.schedule_narrow` for so many choices in all blocks."""
        if len(self._picks) <= length:
            self._picks = np.empty(length + length // 2 + 1, dtype=np.int64)
        starts, straight = np.zeros((blocks + 2, self._steps + 1), dtype=np.int64), np.zeros(blocks, dtype=np.bool_)
        return kernels.Chosen(self._picks, starts, straight)


_own = threading.local()


def _scratch(pool: Pool, grow: bool = False) -> _Scratch:
    """This thread's scratch for a pool; with `grow`, twice as long lists."""
    known: tuple[Pool, _Scratch] | None = getattr(_own, "scratch", None)
    if known is None or known[0] is not pool:
        known = (pool, _Scratch(pool, FIRST_WIDE * len(pool.moves.source) + 1024))
    elif grow:
        known = (pool, _Scratch(pool, 2 * known[1].wide))
    _own.scratch = known
    return known[1]
