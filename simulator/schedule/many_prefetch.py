"""Whole batches with overlap `network`: chips of one SRAM size, or of neighbouring ones, through one kernel."""

import threading
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from simulator.frontier.packs import LONGEST
from simulator.kernels import schedule_keep as keeping
from simulator.kernels import schedule_lists as lists
from simulator.kernels import schedule_prefetch as kernels
from simulator.kernels.layout import OWN_CYCLES, VECTOR_CYCLES, Listing
from simulator.kernels.schedule_labels import SLOTS, Terms
from simulator.kernels.schedule_sums import BLOCK, Steps
from simulator.schedule.few import ahead_sizes
from simulator.schedule.keep import keeping_of, tried_of
from simulator.schedule.machines import Machines
from simulator.schedule.plans import Plans, Sums, added
from simulator.schedule.pool import Pool
from simulator.schedule.records import all_records

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

FEWEST, MOST = 6, 1024
"""Chips that are solved together: at least; at most."""

ALONE, TOGETHER, NEAR = 32, 64, 8.0
"""Chips of one SRAM size that are solved for themselves, at least; fewer are solved with those of neighbouring sizes, up to so
many, whose sizes differ by this factor at most. Where weights may stay for ever, sizes have too many runs for that."""

MOST_CODES = 2**24 // SLOTS
"""Choices of a run that labels tell apart."""

MOST_BYTES = 64 * 2**20
"""Labels of a block, of networks with many states, take at most so much memory; else chips are solved one by one."""


@dataclass(frozen=True)
class _Runs:
    """What may be tried in some SRAM sizes, in the order of `schedule.keep` and `schedule.few`: one entry a run."""

    room: Floats
    """[runs, sizes], left for tiles and tensors; negative where a size does not try it. [B]"""
    room_of: Ints
    """Which room beside kept weights it is in."""
    ahead: Floats
    start: Floats
    """[runs, sizes], bytes ahead at the beginning of a warm schedule. [B]"""
    kept: Floats
    """float64[rooms, sizes, steps], weights that stay of each step. [B]"""
    least_cycles: Floats
    least_bytes: Floats

    @property
    def stays(self) -> Floats:
        """Weights that stay, [runs, sizes]. [B]"""
        return np.asarray(self.kept.sum(axis=2))[self.room_of]


def solve_ahead(pool: Pool, machines: Machines, keep: bool, stop: threading.Event | None = None) -> tuple[Plans, Ints]:
    """(best whole-batch schedules of all chips, numbers of the chips that are left to be solved one by one).

    keep: weights may stay for ever. stop: set where the run is interrupted (KeyboardInterrupt).
    """
    keep = keep and bool(pool.weights.any())
    ratio = machines.byte_s / machines.cycle_s
    order = np.lexsort((ratio, machines.capacity_bytes))
    plans, left = Plans.nothing(len(order)), []
    for begin, end in _buckets(machines.capacity_bytes[order], 0 if keep else ALONE):
        if end - begin < FEWEST or not machines.byte_s[order[begin:end]].all() or _block_bytes(pool) > MOST_BYTES:
            left.append(order[begin:end])
            continue
        capacities, sizes = np.unique(machines.capacity_bytes[order[begin:end]], return_inverse=True)
        runs = _runs_of(pool, capacities, keep, machines.fifo_bytes)
        listed = _list(pool, runs)
        if np.diff(listed[1].begins[:, [0, -1]]).max() >= MOST_CODES:
            left.append(order[begin:end])
            continue
        for low in range(begin, end, MOST):
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt
            points = order[low : min(end, low + MOST)]
            own, part = sizes[low - begin : low - begin + len(points)], machines.part(points)
            found = _search(pool, runs, listed, part, own, ratio[points])
            kinds = (_sums(pool, runs, found, kind, part, own) for kind in (kernels.COLD, kernels.STEADY))
            plans.put(points, Plans(*kinds))
            left.append(points[np.isneginf(found.best[kernels.COLD])])
    return plans, np.sort(np.concatenate(left)) if left else np.zeros(0, dtype=np.int64)


def _buckets(rising: Floats, alone: int) -> list[tuple[int, int]]:
    """Where chips that are solved together begin and end, of chips sorted by SRAM size. alone: as `ALONE`."""
    edges = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1], [True]])).tolist()
    found: list[tuple[int, int]] = []
    open_ = False
    for begin, end in pairwise(edges):
        few = end - begin < alone
        first = found[-1][0] if found else begin
        if open_ and few and end - first <= TOGETHER and rising[begin] <= NEAR * rising[first]:
            found[-1] = first, end
        else:
            found.append((begin, end))
        open_ = few
    return found


def _runs_of(pool: Pool, capacities: Floats, keep: bool, fifo_bytes: float | None) -> _Runs:
    """Every room with every size set aside; sizes so large that nothing is left for tiles are none."""
    steps = len(pool.weights)
    tried, room, kept = keeping.NONE_TRIED, capacities[None, :], np.zeros((1, len(capacities), steps))
    if keep:
        tried = tried_of(pool, float(capacities.max()))
        settled = keeping.new_settled(tried, len(capacities), steps)
        keeping.settle(capacities, keeping_of(pool), tried, settled)
        some = (settled.rooms >= 0.0).any(axis=1)
        room, kept = settled.rooms[some], settled.kept[some]
    streamed = (pool.weights - kept).sum(axis=2)
    open_ = np.where((room >= 0.0) & (streamed != 0.0), room, 0.0).max(axis=1).tolist()
    ahead = [
        [0.0] if not largest else [fifo_bytes] if fifo_bytes is not None else ahead_sizes(largest) for largest in open_
    ]
    room_of = np.repeat(np.arange(len(room)), [len(own) for own in ahead])
    aside, left, streamed = np.concatenate(ahead), room[room_of], streamed[room_of]
    if fifo_bytes is None:
        none = (aside[:, None] > 0.0) & ((streamed == 0.0) | (aside[:, None] >= left))
        left = np.where(none | (left < 0.0), -1.0, left - aside[:, None])
    least_cycles, least_bytes = np.full(left.shape, pool.least_cycles.sum()), streamed.copy()
    next_room = np.searchsorted(tried.rooms, left)
    known = next_room < len(tried.rooms)
    least_cycles[known] = tried.least[next_room[known], keeping.LEAST_CYCLES]
    least_bytes[known] += tried.least[next_room[known], keeping.LEAST_BYTES]
    return _Runs(left, room_of, aside, np.minimum(aside[:, None], streamed), kept, least_cycles, least_bytes)


def _list(pool: Pool, runs: _Runs) -> tuple[Truths, Listing]:
    """(whether each run has any schedule, the choices of each)."""
    (count, many), steps = runs.room.shape, len(pool.weights)
    sizes = lists.Sizes(runs.room.ravel(), runs.kept[runs.room_of].reshape(-1, steps))
    firsts = np.arange(0, count * many + 1, many)
    while True:
        begins, fits, scratch = (
            np.zeros((count, steps + 1), dtype=np.int64),
            np.ones(count, dtype=np.bool_),
            _scratch(pool),
        )
        listing = Listing(begins, scratch.ways, scratch.amounts)
        if not lists.list_buckets(pool.source, sizes, firsts, fits, listing, scratch.reached):
            return fits, listing
        _scratch(pool, grow=True)


def _search(
    pool: Pool, runs: _Runs, listed: tuple[Truths, Listing], machines: Machines, sizes: Ints, ratio: Floats
) -> kernels.Out:
    """The best schedules of chips of these SRAM sizes, sorted by them and by `ratio`."""
    count, steps, (fits, listing) = len(ratio), len(pool.weights), listed
    out = kernels.Out(
        np.full((2, count), np.inf), np.full((2, count), np.inf), np.zeros((2, count), dtype=np.int64),
        np.full((2, count, steps), -1, dtype=np.int32), np.zeros((2, count, steps)), np.zeros((2, count, steps)),
    )  # fmt: skip
    first_pass = pool.weights - runs.kept
    streamed = first_pass.sum(axis=2, keepdims=True)
    fewest, floor_of = _fewest(listing, fits)
    least = fewest.min(axis=0)
    to_come = (streamed - np.cumsum(first_pass, axis=2)) + streamed
    terms = Terms(first_pass, to_come, runs.kept, runs.room, least.sum() - np.cumsum(least))
    # Added step after step as the times of schedules are: rounding keeps order, so that this holds to the last bit.
    each = fewest[:, None, :] * machines.cycle_s[None, :, None] + machines.overhead_s[None, :, None]
    floors = np.ascontiguousarray(np.cumsum(each, axis=2)[:, :, -1])
    work = kernels.Work(
        sizes.astype(np.int64), np.empty((2 * len(fits), count)), np.empty((2, count)), floor_of, floors,
        np.empty(count, dtype=np.int64), np.empty(BLOCK, dtype=np.int64), np.empty((4, count)),
    )  # fmt: skip
    bounds = kernels.Bounds(runs.room_of, runs.ahead, runs.start, runs.least_cycles, runs.least_bytes)
    kernels.search(
        listing.begins, fits, listing, terms, bounds, machines.rates, ratio, work, _scratch(pool).running, out
    )
    return out


def _fewest(listing: Listing, fits: Truths) -> tuple[Floats, Ints]:
    """(fewest cycles of any choice of each step, distinct rows; the row of each run)."""
    begins = listing.begins
    listed = np.flatnonzero(fits)[np.argsort(begins.T[0][fits])]
    rows = np.zeros((len(fits), begins.shape[1] - 1))
    if len(listed):
        cycles = listing.amounts[: begins[fits, -1].max(), OWN_CYCLES]
        rows[listed] = np.minimum.reduceat(cycles, begins[listed, :-1].ravel()).reshape(len(listed), -1)
    found, row_of = np.unique(rows, axis=0, return_inverse=True)
    return found, row_of.reshape(-1)


def _sums(pool: Pool, runs: _Runs, found: kernels.Out, kind: int, machines: Machines, sizes: Ints) -> Sums:
    """What the schedules of a kind add up to."""
    time_s, steps = found.best[kind], len(pool.steps)
    rows = np.ascontiguousarray(found.rows[kind].T.astype(np.int64))
    vector = np.repeat(pool.steps[:, VECTOR_CYCLES, None], len(time_s), axis=1)
    moved, times = (np.ascontiguousarray(column[kind].T) for column in (found.moved, found.times))
    one = added(all_records(pool), Steps(rows, vector, np.ones((steps, len(time_s))), moved, times), machines)
    return Sums(time_s, one.outer_bytes, one.feed_bytes, runs.stays[found.runs[kind], sizes], one.parts)


class _Scratch:
    """Arrays that the kernels write to, kept from one call to the next."""

    def __init__(self, pool: Pool, wide: int) -> None:
        steps, states = len(pool.steps), pool.moves.states
        self.wide = wide
        self.ways, self.amounts = np.zeros((wide, 5), dtype=np.int64), np.empty((wide, 7))
        self.reached = lists.Reached(np.zeros((2, states), dtype=np.int64), np.empty(LONGEST + wide, dtype=np.int64))
        places, rows = _places(pool)
        self.running = kernels.new_running(steps, states, places, rows)


def _places(pool: Pool) -> tuple[Ints, int]:
    """(first row of the choices of each step and state that a move leads to, how many rows there are)."""
    places = np.full((len(pool.steps), pool.moves.states), -1, dtype=np.int64)
    places[pool.move_step, pool.moves.target] = 0
    reached = np.flatnonzero(places == 0)
    places.flat[reached] = np.arange(len(reached)) * SLOTS
    return places, len(reached) * SLOTS


def _block_bytes(pool: Pool) -> int:
    """Memory of the labels of a block. [B]"""
    if "ahead_block_bytes" not in pool.memo:
        bytes_of_rows = 4 * _places(pool)[1] + 48 * pool.moves.states * SLOTS
        pool.memo["ahead_block_bytes"] = bytes_of_rows * BLOCK
    found: int = pool.memo["ahead_block_bytes"]
    return found


_own = threading.local()


def _scratch(pool: Pool, grow: bool = False) -> _Scratch:
    """This thread's scratch for a pool; with `grow`, twice as long lists."""
    known: tuple[Pool, _Scratch] | None = getattr(_own, "scratch", None)
    if known is None or known[0] is not pool:
        known = (pool, _Scratch(pool, 64 * len(pool.moves.source) + 1024))
    elif grow:
        known = (pool, _Scratch(pool, 2 * known[1].wide))
    _own.scratch = known
    return known[1]
