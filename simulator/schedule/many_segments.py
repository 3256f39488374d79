"""Sub-batches with overlap `none` or `layer`: many chips at once.

Segments are sought for all chips of an SRAM size together, in the rooms that may beat what is known; whole batches, by the
kernels of `schedule.many_whole`, where no bound tells that they are slower. What was found is then gone through in the order of
`schedule.best`, with its rule for schedules that are as fast.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.kernels.layout import BESIDE, BYTES, CYCLES, SLACK, VECTOR_CYCLES, times_grid
from simulator.kernels.schedule_segments import HELD, PATH_MODE, PATH_MOVE, PATH_POINT, REPEATS, SIZE
from simulator.kernels.schedule_sums import Records, Steps
from simulator.schedule import keep as keeping
from simulator.schedule.best import halves, segment_rooms
from simulator.schedule.machines import Machines
from simulator.schedule.many_whole import solve_whole
from simulator.schedule.plans import Plans, Sums, added
from simulator.schedule.pool import Pool
from simulator.schedule.program import Program
from simulator.schedule.records import all_records
from simulator.schedule.segments import Segments, Ways, divisors, half_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

SURE = 1e-12
"""Relative: whole batches that are faster by less may be so by the order of sums alone; such chips are solved one by one."""


def in_order(batch: int) -> list[tuple[str, int]]:
    """What is tried for a batch, in the order of `schedule.best`: ("whole", size) and ("segments", size)."""
    found = [("whole", batch)]
    half = half_of(batch)
    for size in divisors(batch):
        if size == half and size > 1:
            found += in_order(size)
        elif size == half or not half or half % size != 0:
            found.append(("whole", size))
    return [*found, ("segments", batch)]


def solve_split(program: Program, machines: Machines, stop: threading.Event | None = None) -> tuple[Plans, Ints]:
    """(best schedules of all chips, whose batch may be taken in parts, numbers of those left to be solved one by one).

    stop: set where the run is interrupted (KeyboardInterrupt).
    """
    plans, hard = Plans.nothing(len(machines)), np.zeros(len(machines), dtype=np.bool_)
    for capacity in np.unique(machines.capacity_bytes).tolist():
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        rows = np.flatnonzero(machines.capacity_bytes == capacity)
        found, left = _OneSize(program, capacity, machines.part(rows)).solve()
        plans.put(rows, Plans(found, found))
        hard[rows] = left
    return plans, np.flatnonzero(hard)


@dataclass
class _Room:
    """The segments of a batch in one room, and what is known of each point: least time, and the ways of those solved. [s]"""

    segments: Segments
    times: int
    """Runs of the batch in the whole batch."""
    least_s: Floats
    ways: list[tuple[Ints, Ways]]


class _OneSize:
    """All chips of one SRAM size."""

    def __init__(self, program: Program, capacity: float, machines: Machines) -> None:
        self._program, self._machines, self._capacity = program, machines, capacity
        self._batch, count = program.batch, len(machines)
        self._known = np.full(count, np.inf)
        self._wholes: dict[int, Sums] = {}
        self._rooms: dict[int, list[_Room]] = {}
        pool_of = program.pool_of
        for size in halves(program.batch):
            pools = {part: pool_of(part) for part in (size, *divisors(size))}
            times, self._rooms[size] = program.batch // size, []
            for room in segment_rooms(pools[size], capacity, program.keep):
                kept = keeping.share(pools[size], capacity - room)
                segments = Segments(pools, size, capacity, kept, program.keep, machines.phi)
                self._rooms[size].append(_Room(segments, times, segments.least_times(machines) * times, []))

    def solve(self) -> tuple[Sums, Truths]:
        """(what the best schedules add up to, which chips are still to be solved one by one)."""
        self._seek()
        order = in_order(self._batch)
        for kind, size in order:
            if kind == "whole":
                self._wholes[size] = self._whole_batches(size)
        count = len(self._machines)
        best_s, best_bytes = np.full(count, np.inf), np.full(count, np.inf)
        hard, winner = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
        winners: list[tuple[Ints, Ints, Sums]] = []
        for kind, size in order:
            if kind == "whole":
                time_s, moved = self._wholes[size].time_s, self._wholes[size].outer_bytes
                times = self._batch // size
                if times > 1:  # as fast but for the order of sums; times that are no power of two round anew
                    odd = times & (times - 1) > 0
                    hard |= (time_s < self._known) if odd else (time_s < best_s) & (time_s > best_s * (1.0 - SURE))
                better = np.flatnonzero(time_s < best_s)
                best_s[better], best_bytes[better] = time_s[better], moved[better]
                winner[better] = -size
                continue
            for room in self._rooms[size]:
                for at, ways in room.ways:
                    found = _sums(room, self._machines.part(at), ways)
                    time_s, moved = found.time_s, found.outer_bytes
                    faster = (time_s < best_s[at]) | ((time_s == best_s[at]) & (moved < best_bytes[at]))
                    some = np.flatnonzero((ways.time_s * room.times < best_s[at]) & faster)
                    best_s[at[some]], best_bytes[at[some]] = time_s[some], moved[some]
                    winners.append((at, some, found))
                    winner[at[some]] = len(winners)
        return self._won(winner, winners), hard

    def _whole_batches(self, size: int) -> Sums:
        """Whole batches of a size, for those chips that they may be best for; infinite times for others."""
        pool, times, count = self._program.pool_of(size), self._batch // size, len(self._machines)
        sizes = keeping.rooms_of(pool, self._capacity, self._program.keep)
        at = self._promising(pool, times, sizes, np.arange(count))
        out = Sums.nothing(count)
        if len(at):
            out.put(at, solve_whole(pool, self._machines.part(at), self._program.keep).steady.repeated(times))
        return out

    def _promising(self, pool: Pool, times: int, sizes: list[float], at: Ints) -> Ints:
        """Those of some points for which whole batches in rooms of these sizes may be best, as `schedule.keep` bounds them."""
        floor = keeping.floor_of_span(pool, self._capacity, sizes[0], sizes[-1])
        if not self._program.keep:  # where no weights may stay, they are among the bytes of every tiling
            floor = keeping.floor_of(pool, pool.all_weights, keeping.real_room(pool, self._capacity, sizes[-1]))
        least_s = floor.times_s(len(pool.steps), self._machines.part(at))
        at = at[least_s * times < self._known[at]]
        if len(sizes) == 1 or not len(at):
            return at
        middle = len(sizes) // 2
        upper = self._promising(pool, times, sizes[middle:], at)
        lower = self._promising(pool, times, sizes[:middle], np.setdiff1d(at, upper))
        return np.union1d(upper, lower)

    def _seek(self) -> None:
        """Solve what may be the best or as good, what promises most first."""
        known = self._known
        rooms = [room for rooms in self._rooms.values() for room in rooms]
        for room in sorted(rooms, key=lambda one: float(np.minimum(one.least_s, 1e30).sum())):
            at = np.flatnonzero(room.least_s < known)
            if not len(at):
                continue
            ways = room.segments.solve(self._machines.part(at), known[at] / room.times)
            found = ways.pieces > 0
            known[at] = np.minimum(known[at], np.where(found, ways.time_s * room.times / SLACK, np.inf))
            some = np.flatnonzero(found)
            room.ways.append((at[some], ways.take(some)))
        for room in rooms:  # what is slower than the best by more than the order of sums is of no interest
            room.ways = [
                (at[near], ways.take(near))
                for at, ways in room.ways
                for near in [np.flatnonzero(ways.time_s * room.times < known[at])]
                if len(near)
            ]

    def _won(self, winner: Ints, winners: list[tuple[Ints, Ints, Sums]]) -> Sums:
        """What won for each chip: a number of `winners` from 1, or minus the size of whole batches."""
        out = Sums.nothing(len(winner))
        for size, found in self._wholes.items():
            at = np.flatnonzero(winner == -size)
            out.put(at, found.take(at))
        for number, (at, some, found) in enumerate(winners):
            mine = some[winner[at[some]] == number + 1]
            if len(mine):
                out.put(at[mine], found.take(mine))
        return out


class _Ran(NamedTuple):
    """Steps that run in one size of sub-batches."""

    pool: Pool
    mine: Truths
    """Which entries of the paths they are."""
    step: Ints
    move: Ints
    point: Ints


def _by_size(segments: Segments, ways: Ways) -> Iterator[_Ran]:
    """The steps that run in each size of sub-batches."""
    place = segments.modes[ways.paths[:, :, PATH_MODE], SIZE]
    for number, pool in enumerate(segments.pools):
        mine = place == number
        if mine.any():
            move, point = ways.paths[:, :, PATH_MOVE][mine], ways.paths[:, :, PATH_POINT][mine]
            yield _Ran(pool, mine, np.nonzero(mine)[1], move, point)


def _sums(room: _Room, machines: Machines, ways: Ways) -> Sums:
    """What the ways of some chips add up to, for the whole batch."""
    segments = room.segments
    records, steps = _steps(segments, machines, ways)
    found = added(records, steps, machines)
    time_s = np.ascontiguousarray(np.cumsum(steps.times, axis=0)[-1])  # step after step, as a plan adds
    kept = np.full(len(machines), float(segments.kept.sum()))
    return Sums(time_s, found.outer_bytes, found.feed_bytes, kept, found.parts).repeated(room.times)


def _steps(segments: Segments, machines: Machines, ways: Ways) -> tuple[Records, Steps]:
    """Every step of the ways of some chips, and what the points that they use consist of."""
    mode = ways.paths[:, :, PATH_MODE]
    held, repeats = segments.modes[mode, HELD] == 1, segments.modes[mode, REPEATS].astype(np.float64)
    cycles, once, vector = (np.empty(mode.shape) for _ in range(3))
    rows = np.empty(mode.shape, dtype=np.int64)
    whole = (segments.kept >= segments.pools[0].weights) & (segments.pools[0].weights > 0.0)
    kept, records, offset = np.where(whole, 0.0, segments.kept), [], 0
    for pool, mine, step, move, point in _by_size(segments, ways):
        own, tiled = pool.steps[step, VECTOR_CYCLES], point >= 0
        stays = np.where(held[mine], 0.0, kept[step])
        used, back = np.unique(point[tiled], return_inverse=True)
        tiles, takes, places = np.zeros(len(point)), own.copy(), np.full(len(point), -1)
        tiles[tiled] = pool.points[point[tiled], BYTES]
        takes[tiled] = np.maximum(pool.points[point[tiled], CYCLES], own[tiled])
        places[tiled] = offset + back
        once[mine] = np.maximum(0.0, tiles + (pool.costs[move, BESIDE] - stays))
        cycles[mine], vector[mine], rows[mine] = takes, own, places
        records.append([column[used] for column in all_records(pool)])
        offset += len(used)
    step_s = times_grid(cycles, once, machines.rates, machines.phi)
    load = np.where(held, segments.streamed, 0.0)
    columns = rows, vector, repeats, once * repeats + load, step_s * repeats + load * machines.byte_s[:, None]
    together = Records(*(np.concatenate([*column, np.zeros(1)]) for column in zip(*records, strict=True)))
    return together, Steps(*(np.ascontiguousarray(column.T) for column in columns))
