"""Whole batches with overlap `network`: chips of one SRAM size through one kernel."""

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
"""Chips of one SRAM size that are solved together: at least; at most."""

MOST_BYTES = 64 * 2**20
"""Labels of a block, of networks with many states, take at most so much memory; else chips are solved one by one."""


@dataclass(frozen=True)
class _Runs:
    """What may be tried in one SRAM size, in the order of `schedule.keep` and `schedule.few`: one entry a run."""

    room: Floats
    """Left for tiles and tensors. [B]"""
    ahead: Floats
    start: Floats
    """Bytes ahead at the beginning of a warm schedule. [B]"""
    kept: Floats
    """float64[runs, steps], weights that stay of each step. [B]"""
    least_cycles: Floats
    least_bytes: Floats

    @property
    def stays(self) -> Floats:
        """Weights that stay. [B]"""
        return np.asarray(self.kept.sum(axis=1))


def solve_ahead(pool: Pool, machines: Machines, keep: bool, stop: threading.Event | None = None) -> tuple[Plans, Ints]:
    """(best whole-batch schedules of all chips, numbers of the chips that are left to be solved one by one).

    keep: weights may stay for ever. stop: set where the run is interrupted (KeyboardInterrupt).
    """
    keep = keep and bool(pool.weights.any())
    ratio = machines.byte_s / machines.cycle_s
    order = np.lexsort((ratio, machines.capacity_bytes))
    rising = machines.capacity_bytes[order]
    edges = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1], [True]]))
    plans, left = Plans.nothing(len(order)), []
    for begin, end in pairwise(edges.tolist()):
        if end - begin < FEWEST or not machines.byte_s[order[begin:end]].all() or _block_bytes(pool) > MOST_BYTES:
            left.append(order[begin:end])
            continue
        runs = _runs_of(pool, float(rising[begin]), keep, machines.fifo_bytes)
        listed = _list(pool, runs)
        for low in range(begin, end, MOST):
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt
            points = order[low : min(end, low + MOST)]
            part = machines.part(points)
            found = _search(pool, runs, listed, part, ratio[points])
            plans.put(points, Plans(*(_sums(pool, runs, found, kind, part) for kind in (kernels.COLD, kernels.STEADY))))
            left.append(points[np.isneginf(found.best[kernels.COLD])])
    return plans, np.sort(np.concatenate(left)) if left else np.zeros(0, dtype=np.int64)


def _runs_of(pool: Pool, capacity: float, keep: bool, fifo_bytes: float | None) -> _Runs:
    """Every room with every size set aside; sizes so large that nothing is left for tiles are none."""
    steps = len(pool.weights)
    tried, room, kept = keeping.NONE_TRIED, np.array([capacity]), np.zeros((1, steps))
    if keep:
        tried = tried_of(pool, capacity)
        settled = keeping.new_settled(tried, 1, steps)
        keeping.settle(np.array([capacity]), keeping_of(pool), tried, settled)
        some = np.flatnonzero(settled.rooms >= 0.0)
        room, kept = settled.rooms[some].ravel(), settled.kept[some].reshape(-1, steps)
    streamed = (pool.weights - kept).sum(axis=1)
    ahead = [
        [0.0] if not own else [fifo_bytes] if fifo_bytes is not None else ahead_sizes(size)
        for size, own in zip(room.tolist(), streamed.tolist(), strict=True)
    ]
    of_room = np.repeat(np.arange(len(room)), [len(own) for own in ahead])
    aside = np.concatenate(ahead)
    left = room[of_room] - (aside if fifo_bytes is None else 0.0)
    streamed = streamed[of_room]
    least_cycles, least_bytes = np.full(len(left), pool.least_cycles.sum()), streamed.copy()
    next_room = np.searchsorted(tried.rooms, left)
    known = next_room < len(tried.rooms)
    least_cycles[known] = tried.least[next_room[known], keeping.LEAST_CYCLES]
    least_bytes[known] += tried.least[next_room[known], keeping.LEAST_BYTES]
    return _Runs(left, aside, np.minimum(aside, streamed), kept[of_room], least_cycles, least_bytes)


def _list(pool: Pool, runs: _Runs) -> tuple[Truths, Listing]:
    """(whether each run has any schedule, the choices of each)."""
    count = len(runs.room)
    begins = np.zeros((count, len(pool.weights) + 1), dtype=np.int64)
    rising = np.argsort(runs.room, kind="stable")
    sizes = lists.Sizes(runs.room[rising], runs.kept[rising])
    while True:
        own, fits, scratch = np.zeros_like(begins), np.ones(count, dtype=np.bool_), _scratch(pool)
        listing = Listing(own, scratch.ways, scratch.amounts)
        if not lists.list_buckets(pool.source, sizes, np.arange(count + 1), fits, listing, scratch.reached):
            begins[rising], fits[rising] = own, fits.copy()
            return fits, listing._replace(begins=begins)
        _scratch(pool, grow=True)


def _search(pool: Pool, runs: _Runs, listed: tuple[Truths, Listing], machines: Machines, ratio: Floats) -> kernels.Out:
    """The best schedules of chips of one SRAM size, sorted by `ratio`."""
    count, steps, (fits, listing) = len(ratio), len(pool.weights), listed
    out = kernels.Out(
        np.full((2, count), np.inf), np.full((2, count), np.inf), np.zeros((2, count), dtype=np.int64),
        np.full((2, count, steps), -1, dtype=np.int32), np.zeros((2, count, steps)), np.zeros((2, count, steps)),
    )  # fmt: skip
    first_pass = pool.weights - runs.kept
    streamed = first_pass.sum(axis=1, keepdims=True)
    fewest, floor_of = _fewest(listing, fits)
    least = fewest.min(axis=0)
    terms = Terms(first_pass, (streamed - np.cumsum(first_pass, axis=1)) + streamed, least.sum() - np.cumsum(least))
    # Added step after step as the times of schedules are: rounding keeps order, so that this holds to the last bit.
    each = fewest[:, None, :] * machines.cycle_s[None, :, None] + machines.overhead_s[None, :, None]
    floors = np.ascontiguousarray(np.cumsum(each, axis=2)[:, :, -1])
    work = kernels.Work(
        np.empty((2 * len(fits), count)), np.empty((2, count)), floor_of, floors, np.empty(count, dtype=np.int64),
        np.empty(BLOCK, dtype=np.int64), np.empty((4, count)),
    )  # fmt: skip
    bounds = kernels.Bounds(runs.ahead, runs.start, runs.least_cycles, runs.least_bytes)
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


def _sums(pool: Pool, runs: _Runs, found: kernels.Out, kind: int, machines: Machines) -> Sums:
    """What the schedules of a kind add up to."""
    time_s, steps = found.best[kind], len(pool.steps)
    rows = np.ascontiguousarray(found.rows[kind].T.astype(np.int64))
    vector = np.repeat(pool.steps[:, VECTOR_CYCLES, None], len(time_s), axis=1)
    moved, times = (np.ascontiguousarray(column[kind].T) for column in (found.moved, found.times))
    one = added(all_records(pool), Steps(rows, vector, np.ones((steps, len(time_s))), moved, times), machines)
    return Sums(time_s, one.outer_bytes, one.feed_bytes, runs.stays[found.runs[kind]], one.parts)


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
