"""Whole batches with overlap `network`: points of one SRAM size through one kernel, equal to one-by-one `simulate`."""

import math
import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.kernels import sweep_ahead as kernels
from simulator.kernels import sweep_keep as keeping
from simulator.kernels import sweep_list as lists
from simulator.kernels import sweep_waits as waits
from simulator.schedule.packs import LONGEST
from simulator.schedule.pool import Pool
from simulator.schedule.solve import ahead_sizes
from simulator.sweep.apart import solve_apart
from simulator.sweep.plan import CHUNK
from simulator.sweep.together import Answers, Machines, detail_of, feed_of, keeping_of, net_of, rooms_of
from simulator.sweep.variants import COLUMNS, Space, Variant

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST, MOST = 6, 1024
"""Points of one SRAM size that are solved together: at least; at most."""

MANY = 64
"""Points of one SRAM size that make a plan fast enough for chunks of the usual size."""

LONGEST_PIECE = 128
"""Values that numpy adds without halving them."""

MOST_BYTES = 64 * 2**20
"""Labels of a block, of networks with many states, take at most so much memory; else points are solved one by one."""


@dataclass(frozen=True)
class _Runs:
    """What may be tried in one SRAM size, in the order of `schedule.keep` and `schedule.solve`: one entry a run."""

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


def solve_network(
    variant: Variant, machines: Machines, pool: Pool, host_s: float, stop: threading.Event | None
) -> Answers:
    """The best schedules of all points of a group: through one kernel where an SRAM size has many points, else one by one."""
    chip = variant.chip
    fifo_bytes = None if "weights" in chip.sram.holds else float(chip.sram.weight_fifo_bytes)
    found, left = solve_ahead(pool, machines, variant.keep, fifo_bytes, chip.dram is not None, host_s, stop)
    if not len(left):
        return found
    found.put(left, solve_apart(variant, machines.part(left), host_s, stop))
    return found


def many_a_size(space: Space) -> bool:
    """Whether most points of a plan are one of many of their SRAM size, in every chunk."""
    axes, size = space.plan.axes, "sram.capacity_mib"
    if not space.first.ahead or space.plan.design.kind != "grid":
        return False
    sizes = max([len(axis.values) for axis in axes if axis.key == size], default=1)
    each = math.prod(len(axis.values) for axis in axes if axis.key in COLUMNS and axis.key != size)
    return min(each, CHUNK // sizes) >= MANY


def solve_ahead(
    pool: Pool, machines: Machines, keep: bool, fifo_bytes: float | None, has_dram: bool, host_s: float,
    stop: threading.Event | None = None,
) -> tuple[Answers, Ints]:  # fmt: skip
    """(best whole-batch schedules of all points, numbers of the points that are left to be solved one by one).

    keep: weights may stay for ever. fifo_bytes: the buffer of weights that have a path of their own. stop: set where the run is
    interrupted (KeyboardInterrupt).
    """
    keep = keep and bool(pool.weights.any())
    ratio = machines.byte_s / machines.cycle_s
    order = np.lexsort((ratio, machines.capacity_bytes))
    rising = machines.capacity_bytes[order]
    edges = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1], [True]]))
    rows, left = np.full((10, len(order)), np.nan), []
    for begin, end in pairwise(edges.tolist()):
        if end - begin < FEWEST or not machines.byte_s[order[begin:end]].all() or _block_bytes(pool) > MOST_BYTES:
            left.append(order[begin:end])
            continue
        runs = _runs_of(pool, float(rising[begin]), keep, fifo_bytes)
        listed = _list(pool, runs)
        for low in range(begin, end, MOST):
            if stop is not None and stop.is_set():
                raise KeyboardInterrupt
            points = order[low : min(end, low + MOST)]
            found = _search(pool, runs, listed, [column[points] for column in _columns(machines)], ratio[points])
            rows[:, points] = _answers(pool, runs, found, machines, points, has_dram, host_s)
            left.append(points[np.isneginf(found.best[0])])
    cold_s, steady_s, outer, kept, cold_kept, feed, steady_outer, roof, roof_s, cold_feed = rows
    roof = np.where(np.isfinite(steady_s), roof, 0.0).astype(np.int64)
    return (
        Answers(cold_s, steady_s, outer, kept, cold_kept, feed, steady_outer, roof, roof_s, cold_feed),
        np.sort(np.concatenate(left)) if left else np.zeros(0, dtype=np.int64),
    )


def _columns(machines: Machines) -> tuple[Floats, Floats, Floats]:
    return machines.cycle_s, machines.byte_s, machines.overhead_s


def _runs_of(pool: Pool, capacity: float, keep: bool, fifo_bytes: float | None) -> _Runs:
    """Every room with every size set aside; sizes so large that nothing is left for tiles are none."""
    steps = len(pool.weights)
    if keep:
        sizes, bounds = rooms_of(pool, capacity)
        rooms, stays, kept, least = (
            np.empty((len(sizes) + 2, 1)), np.empty((len(sizes) + 2, 1)), np.zeros((len(sizes) + 2, 1, steps)),
            np.empty((len(sizes) + 2, 1, 2)),
        )  # fmt: skip
        keeping.settle(np.array([capacity]), *keeping_of(pool), sizes, bounds, (rooms, stays, kept, least))
        tried = np.flatnonzero(rooms[:, 0] >= 0.0)
        room, kept = rooms[tried, 0], kept[tried, 0]
    else:
        sizes, bounds, room, kept = np.zeros(0), np.zeros((0, 2)), np.array([capacity]), np.zeros((1, steps))
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
    next_size = np.searchsorted(sizes, left)
    known = next_size < len(sizes)
    least_cycles[known] = bounds[next_size[known], 0]
    least_bytes[known] += bounds[next_size[known], 1]
    return _Runs(left, aside, np.minimum(aside, streamed), kept[of_room], least_cycles, least_bytes)


def _list(pool: Pool, runs: _Runs) -> tuple[Ints, npt.NDArray[np.bool_], Ints, Floats]:
    """(where the choices of each run and step begin, whether it has any schedule, choices, their amounts)."""
    net, count = net_of(pool), len(runs.room)
    begins = np.zeros((count, len(pool.weights) + 1), dtype=np.int64)
    rising = np.argsort(runs.room, kind="stable")  # few points are new to a staircase from one room to the next
    while True:
        listing, fits = _scratch(pool).listing, np.ones(count, dtype=np.bool_)
        own = np.zeros_like(begins)
        if not lists.list_buckets(
            net, pool.weights, runs.room[rising], runs.kept[rising], np.arange(count + 1), fits, 0, own, listing
        ):
            begins[rising], fits[rising] = own, fits.copy()
            return begins, fits, listing[1], listing[2]
        _scratch(pool, grow=True)


@dataclass(frozen=True)
class _Found:
    """What the kernel writes: rows cold and steady, an entry a point; frontier rows, bytes and times of steps."""

    best: Floats
    runs: Ints
    rows: npt.NDArray[np.int32]
    totals: Floats
    times: Floats


def _search(
    pool: Pool,
    runs: _Runs,
    listed: tuple[Ints, npt.NDArray[np.bool_], Ints, Floats],
    columns: list[Floats],
    ratio: Floats,
) -> _Found:
    """The best schedules of points of one SRAM size, sorted by `ratio`."""
    count, steps = len(ratio), len(pool.weights)
    found = _Found(
        np.full((2, count), np.inf), np.zeros((2, count), dtype=np.int64), np.full((2, count, steps), -1, dtype=np.int32),
        np.zeros((2, count, steps)), np.zeros((2, count, steps)),
    )  # fmt: skip
    (begins, fits, ways, amounts), (cycle_s, byte_s, overhead_s) = listed, columns
    first_pass = pool.weights - runs.kept
    streamed = first_pass.sum(axis=1, keepdims=True)
    fewest, floor_of = _fewest(begins, fits, amounts)
    least = fewest.min(axis=0)
    terms = (first_pass, (streamed - np.cumsum(first_pass, axis=1)) + streamed, least.sum() - np.cumsum(least))
    # Added as the times of steps are: rounding keeps order, so that this holds to the last bit.
    floors = np.stack(
        [np.ascontiguousarray(own * cycle_s[:, None] + overhead_s[:, None]).sum(axis=1) for own in fewest]
    )
    work = (
        np.empty((2 * len(fits), count)), np.empty((2, count)), (floor_of, floors), np.empty(count, dtype=np.int64),
        np.empty(kernels.BLOCK, dtype=np.int64), np.empty((4, count)),
    )  # fmt: skip
    kernels.search(
        begins, fits, (ways, amounts), terms, (runs.ahead, runs.start, runs.least_cycles, runs.least_bytes),
        (cycle_s, byte_s, 1.0 / byte_s, overhead_s), ratio, work, _scratch(pool).running,
        (np.full((2, count), np.inf), found.best, found.runs, found.rows, found.totals, found.times),
    )  # fmt: skip
    return found


def _fewest(begins: Ints, fits: npt.NDArray[np.bool_], amounts: Floats) -> tuple[Floats, Ints]:
    """(fewest cycles of any choice of each step, distinct rows; the row of each run)."""
    listed = np.flatnonzero(fits)[np.argsort(begins[fits, 0])]
    rows = np.zeros((len(fits), begins.shape[1] - 1))
    if len(listed):
        cycles = amounts[: begins[fits, -1].max(), kernels.CYCLES]
        rows[listed] = np.minimum.reduceat(cycles, begins[listed, :-1].ravel()).reshape(len(listed), -1)
    found, row_of = np.unique(rows, axis=0, return_inverse=True)
    return found, row_of.reshape(-1)


def pieces_of(size: int) -> list[tuple[int, int]]:
    """How numpy adds up `size` values: pieces (first, how many), or (0, -1) where the last two sums are added.

    It halves what is longer than 128, at a multiple of eight.
    """

    def split(begin: int, count: int) -> list[tuple[int, int]]:
        if count <= LONGEST_PIECE:
            return [(begin, count)]
        half = count // 2 - count // 2 % 8
        return [*split(begin, half), *split(begin + half, count - half), (0, -1)]

    return split(0, size)


def _answers(
    pool: Pool, runs: _Runs, found: _Found, machines: Machines, points: Ints, has_dram: bool, host_s: float
) -> Floats:
    """Fields of `Answers`, a row each; by the arithmetic of `sweep.apart.answer_of`."""
    (cold_s, steady_s), (cold, steady) = found.best, (0, 1)
    outer, kept, detail = found.totals.sum(axis=2), runs.stays[found.runs], detail_of(pool)
    feed = np.stack([_fed(found.rows[kind], pool) for kind in (cold, steady)])
    roof, roof_s = np.zeros(len(points), dtype=np.int64), np.zeros(len(points))
    waits.roofs(
        pool.steps[:, 1], detail, found.rows[1], found.times[1], (machines.cycle_s[points], machines.overhead_s[points]),
        steady_s, has_dram, host_s, np.zeros(8), roof, roof_s,
    )  # fmt: skip
    rows = np.stack([
        cold_s, steady_s, outer[cold], kept[steady], kept[cold], feed[steady], outer[steady], roof, roof_s, feed[cold],
    ])  # fmt: skip
    rows[2:, ~np.isfinite(cold_s)] = np.nan
    return rows


def _fed(rows: npt.NDArray[np.int32], pool: Pool) -> Floats:
    """Bytes fed to the arrays: the sum over the steps that have tiles."""
    feed, tiled = feed_of(pool), rows >= 0
    if (tiled == tiled[0]).all():
        return np.asarray(feed[np.ascontiguousarray(rows[:, tiled[0]])].sum(axis=1))
    return np.array([feed[own[own >= 0]].sum() for own in rows])


class _Scratch:
    """Arrays that the kernels write to, kept from one call to the next."""

    def __init__(self, pool: Pool, wide: int, stairs: int) -> None:
        steps, states, moves = len(pool.steps), pool.moves.states, len(pool.moves.source)
        self.wide, self.stairs, block = wide, stairs, kernels.BLOCK
        self.listing = (
            np.zeros((2, states), dtype=np.int64), np.zeros((wide, 5), dtype=np.int64), np.empty((wide, 8)),
            np.zeros((2, moves, 4), dtype=np.int64), np.empty((2, moves, stairs), dtype=np.int64),
            np.empty((32 * stairs, 2), dtype=np.int64),
        )  # fmt: skip
        places, rows = _places(pool)
        blocks = (
            np.zeros((2, states * kernels.SLOTS, 3 * block)), np.zeros((rows, block), dtype=np.float32), places,
            np.zeros((2, states), dtype=np.int64), np.zeros(4 * block), np.zeros(block),
        )  # fmt: skip
        self.running: tuple[Any, ...] = (
            np.zeros(6 * block), blocks, np.zeros((3, block)), np.zeros(steps, dtype=np.int64), np.zeros(steps),
            (np.array(pieces_of(steps), dtype=np.int64), np.zeros(64)),
        )  # fmt: skip


def _places(pool: Pool) -> tuple[Ints, int]:
    """(first row of the choices of each step and state that a move leads to, how many rows there are)."""
    places = np.full((len(pool.steps), pool.moves.states), -1, dtype=np.int64)
    places[pool.move_step, pool.moves.target] = 0
    reached = np.flatnonzero(places == 0)
    places.flat[reached] = np.arange(len(reached)) * kernels.SLOTS
    return places, len(reached) * kernels.SLOTS


def _block_bytes(pool: Pool) -> int:
    """Memory of the labels of a block. [B]"""
    if "ahead_block_bytes" not in pool.memo:
        bytes_of_rows = 4 * _places(pool)[1] + 48 * pool.moves.states * kernels.SLOTS
        pool.memo["ahead_block_bytes"] = bytes_of_rows * kernels.BLOCK
    found: int = pool.memo["ahead_block_bytes"]
    return found


_own = threading.local()


def _scratch(pool: Pool, grow: bool = False) -> _Scratch:
    """This thread's scratch for a pool; with `grow`, twice as long lists."""
    known: tuple[Pool, _Scratch] | None = getattr(_own, "scratch", None)
    if known is None or known[0] is not pool:
        known = (pool, _Scratch(pool, 64 * len(pool.moves.source) + 1024, 32))
    elif grow:
        known = (pool, _Scratch(pool, 2 * known[1].wide, min(2 * known[1].stairs, LONGEST)))
    _own.scratch = known
    return known[1]
