"""Sub-batches with overlap `none` or `layer`: many points at once, equal to one-by-one `simulate`.

Segments are sought for all points of an SRAM size together, in the rooms that may beat what is known; whole batches, by the
kernels of `together`, where no bound tells that they are slower. What was found is then gone through in the order of
`schedule.best`, with its rule for schedules that are as fast: so the answers are the same to the last bit.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from simulator.schedule.best import halves, rooms_of
from simulator.schedule.keep import least, real_room, rooms, share
from simulator.schedule.pool import Pool
from simulator.schedule.segments import SLACK, Points, Segments, Ways, divisors
from simulator.schedule.solve import PHI, Machine
from simulator.schedule.waterfall import PARTS, roof_times, split
from simulator.sweep.apart import solve_apart
from simulator.sweep.together import Answers, Machines, detail_of, solve_together
from simulator.sweep.variants import Variant

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

SURE = 1e-12
"""Relative: whole batches that are faster by less may be so by the order of sums alone; such points are solved one by one."""


def in_order(batch: int) -> list[tuple[str, int]]:
    """What is tried for a batch, in the order of `schedule.best`: ("whole", size) and ("segments", size)."""
    found = [("whole", batch)]
    half = batch // 2 if batch % 2 == 0 else 0
    for size in divisors(batch):
        if size == half and size > 1:
            found += in_order(size)
        elif size == half or not half or half % size != 0:
            found.append(("whole", size))
    return [*found, ("segments", batch)]


def solve_split(variant: Variant, machines: Machines, host_s: float, stop: threading.Event | None = None) -> Answers:
    """The best schedules of all points of a group whose batch may be taken in parts; KeyboardInterrupt once `stop` is set."""
    pool_of = variant.pool_of
    if pool_of is None:
        return solve_apart(variant, machines, host_s, stop)
    count, nan = len(machines), np.full(len(machines), np.nan)
    out = Answers(**{field.name: nan.copy() for field in fields(Answers)})
    out = replace(
        out, cold_s=np.full(count, np.inf), steady_s=np.full(count, np.inf), roof=np.zeros(count, dtype=np.int64)
    )
    hard = np.zeros(len(machines), dtype=np.bool_)
    for capacity in np.unique(machines.capacity_bytes).tolist():
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        rows = np.flatnonzero(machines.capacity_bytes == capacity)
        hard[rows] = _OneSize(variant, pool_of, capacity, machines.part(rows), rows, host_s).fill(out)
    if hard.any():
        out.put(np.flatnonzero(hard), solve_apart(variant, machines.part(hard), host_s, stop))
    return out


def _times(answers: Answers, times: int) -> Answers:
    """The answers of batches that run `times` times, one after another."""
    if times == 1:
        return answers
    longer = ("cold_s", "steady_s", "outer_bytes", "feed_bytes", "steady_outer_bytes", "roof_s", "cold_feed_bytes")
    return replace(answers, **{name: getattr(answers, name) * times for name in longer})


@dataclass
class _Room:
    """The segments of a batch in one room, and what is known of each point: least time, and the ways of those solved. [s]"""

    segments: Segments
    times: int
    """Runs of the batch in the whole batch."""
    least_s: Floats
    ways: list[tuple[Ints, Ways]]


class _OneSize:
    """All points of one SRAM size."""

    def __init__(
        self,
        variant: Variant,
        pool_of: Callable[[int], Pool],
        capacity: float,
        machines: Machines,
        rows: Ints,
        host_s: float,
    ) -> None:
        self._variant, self._pool_of, self._machines, self._rows, self._host_s = (
            variant,
            pool_of,
            machines,
            rows,
            host_s,
        )
        self._batch, self._capacity = variant.batch, capacity
        self._phi, self._has_dram = PHI[variant.chip.schedule.overlap], variant.chip.dram is not None
        self._points = Points(machines.cycle_s, machines.byte_s, machines.overhead_s)
        self._known = np.full(len(rows), np.inf)
        self._wholes: dict[int, Answers] = {}
        self._rooms: dict[int, list[_Room]] = {}
        for size in halves(variant.batch):
            pools = {part: pool_of(part) for part in (size, *divisors(size))}
            times, self._rooms[size] = variant.batch // size, []
            for room in rooms_of(pools[size], capacity, variant.keep):
                kept = share(pools[size], capacity - room)
                segments = Segments(pools, size, capacity, kept, variant.keep, self._phi)
                self._rooms[size].append(_Room(segments, times, segments.least_times(self._points) * times, []))

    def fill(self, out: Answers) -> Truths:
        """Put the answers of all points but those that are returned, which are still to be solved."""
        self._seek()
        order = in_order(self._batch)
        for kind, size in order:
            if kind == "whole":
                self._wholes[size] = self._whole_batches(size)
        count = len(self._rows)
        best_s, best_bytes = np.full(count, np.inf), np.full(count, np.inf)
        hard, winner = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
        winners: list[tuple[_Room, int, Ints]] = []
        for kind, size in order:
            if kind == "whole":
                time_s, moved = self._wholes[size].cold_s, self._wholes[size].outer_bytes
                times = self._batch // size
                if times > 1:  # as fast but for the order of sums; times that are no power of two round anew
                    odd = times & (times - 1) > 0
                    hard |= (time_s < self._known) if odd else (time_s < best_s) & (time_s > best_s * (1.0 - SURE))
                better = np.flatnonzero(time_s < best_s)
                best_s[better], best_bytes[better] = time_s[better], moved[better]
                winner[better] = -size
                continue
            for room in self._rooms[size]:
                for number, (at, ways) in enumerate(room.ways):
                    time_s, moved = (one * room.times for one in _totals(room.segments, self._points.part(at), ways))
                    faster = (time_s < best_s[at]) | ((time_s == best_s[at]) & (moved < best_bytes[at]))
                    some = np.flatnonzero((ways.time_s * room.times < best_s[at]) & faster)
                    best_s[at[some]], best_bytes[at[some]] = time_s[some], moved[some]
                    winners.append((room, number, some))
                    winner[at[some]] = len(winners)
        self._put(out, winner, winners)
        return hard

    def _whole_batches(self, size: int) -> Answers:
        """The answers of whole batches of a size, for those points that they may be best for; infinite times for others."""
        pool, times, count = self._pool_of(size), self._batch // size, len(self._rows)
        sizes = [self._capacity]
        if self._variant.keep and pool.weights.any():
            sizes = [*rooms(self._capacity, pool.all_weights), self._capacity]
        at = self._promising(pool, times, sizes, np.arange(count))
        out = Answers(**{field.name: np.full(count, np.inf) for field in fields(Answers)})
        out = replace(out, roof=np.zeros(count, dtype=np.int64))
        if len(at):
            found = solve_together(
                pool, self._machines.part(at), self._variant.chip.schedule.overlap, self._variant.keep, self._has_dram,
                self._host_s / times,
            )  # fmt: skip
            out.put(at, _times(found, times))
        return out

    def _promising(self, pool: Pool, times: int, sizes: list[float], at: Ints) -> Ints:
        """Those of some points for which whole batches in rooms of these sizes may be best, as `schedule.keep` bounds them."""
        machine = Machine(self._capacity, 1.0, 0.0, "none", 0.0)
        room = real_room(pool, machine, sizes[-1])
        cycles, outer = least(pool, room)
        streamed = max(0.0, pool.all_weights - (self._capacity - sizes[0]))
        on_chip, memory = cycles * self._points.cycle_s[at], (outer + streamed) * self._points.byte_s[at]
        busy = (1.0 - self._phi) * np.maximum(on_chip, memory) + self._phi * (on_chip + memory)
        least_s = (busy + self._points.overhead_s[at] * len(pool.steps)) * SLACK
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
            ways = room.segments.solve(self._points.part(at), known[at] / room.times)
            found = ways.pieces > 0
            known[at] = np.minimum(known[at], np.where(found, ways.time_s * room.times / SLACK, np.inf))
            some = np.flatnonzero(found)
            room.ways.append(
                (at[some], Ways(ways.time_s[some], ways.pieces[some], ways.chosen[some], ways.paths[some]))
            )
        for room in rooms:  # what is slower than the best by more than the order of sums is of no interest
            room.ways = [
                (at[near], Ways(ways.time_s[near], ways.pieces[near], ways.chosen[near], ways.paths[near]))
                for at, ways in room.ways
                for near in [np.flatnonzero(ways.time_s * room.times < known[at])]
            ]

    def _put(self, out: Answers, winner: Ints, winners: list[tuple[_Room, int, Ints]]) -> None:
        """Fill in the answers of points by what won: a number of `winners` from 1, or minus the size of whole batches."""
        for size, found in self._wholes.items():
            at = np.flatnonzero(winner == -size)
            out.put(self._rows[at], found, at)
        for number, (room, which, some) in enumerate(winners):
            at, ways = room.ways[which]
            mine = some[winner[at[some]] == number + 1]
            if len(mine):
                ways = Ways(ways.time_s[mine], ways.pieces[mine], ways.chosen[mine], ways.paths[mine])
                host_s = self._host_s / room.times
                found = answers_of(room.segments, self._points.part(at[mine]), ways, self._has_dram, host_s)
                out.put(self._rows[at[mine]], _times(found, room.times))


@dataclass(frozen=True)
class _Steps:
    """Every step of the ways of some points, [points, steps]."""

    step_s: Floats
    """One run."""
    repeats: Floats
    outer: Floats
    """Of all runs. [B]"""
    load_s: Floats
    """Weights that come in once for all runs."""

    @property
    def time_s(self) -> Floats:
        """Of one batch. [s]"""
        return np.asarray((self.step_s * self.repeats + self.load_s).sum(axis=1))


def _by_size(segments: Segments, ways: Ways) -> Iterator[tuple[Pool, Truths, Ints, Ints, Ints]]:
    """(pool, which entries, their steps, moves and points) of the steps that run in each size of sub-batches."""
    place = segments.modes[ways.paths[:, :, 0], 0]
    for number, pool in enumerate(segments.pools):
        mine = place == number
        if mine.any():
            yield pool, mine, np.nonzero(mine)[1], ways.paths[:, :, 1][mine], ways.paths[:, :, 2][mine]


def _steps(segments: Segments, points: Points, ways: Ways) -> _Steps:
    """Times and bytes of every step, by the arithmetic of `schedule.plan`."""
    mode = ways.paths[:, :, 0]
    held, repeats = segments.modes[mode, 1] == 1, segments.modes[mode, 2].astype(np.float64)
    cycles, once = np.empty(mode.shape), np.empty(mode.shape)
    whole = (segments.kept >= segments.pools[0].weights) & (segments.pools[0].weights > 0.0)
    kept = np.where(whole, 0.0, segments.kept)
    for pool, mine, step, move, point in _by_size(segments, ways):
        vector, tiled = pool.steps[step, 1], point >= 0
        stays = np.where(held[mine], 0.0, kept[step])
        tiles = np.zeros((len(point), 2))
        if len(pool.points):
            tiles = np.where(tiled[:, None], pool.points[np.where(tiled, point, 0), 1:3], 0.0)
        once[mine] = np.maximum(0.0, tiles[:, 0] + (pool.costs[move, 1] - stays))
        cycles[mine] = np.where(tiled, np.maximum(tiles[:, 1], vector), vector)
    on_chip, memory = cycles * points.cycle_s[:, None], once * points.byte_s[:, None]
    step_s = np.maximum(on_chip, memory) + segments.phi * np.minimum(on_chip, memory) + points.overhead_s[:, None]
    load = np.where(held, segments.streamed, 0.0)
    return _Steps(step_s, repeats, once * repeats + load, load * points.byte_s[:, None])


def _totals(segments: Segments, points: Points, ways: Ways) -> tuple[Floats, Floats]:
    """(time of one batch, bytes to and from the outer memory) of each point, as a `Plan` has them."""
    steps = _steps(segments, points, ways)
    return steps.time_s, np.asarray(steps.outer.sum(axis=1))


def answers_of(segments: Segments, points: Points, ways: Ways, has_dram: bool, host_s: float) -> Answers:
    """What `Answers` has of each point; host_s: of the batch on a host link beside a DRAM."""
    steps, count = _steps(segments, points, ways), len(points)
    time_s, outer = steps.time_s, steps.outer.sum(axis=1)
    on_chip, fed = np.zeros((*steps.step_s.shape, 8)), np.zeros(steps.step_s.shape)
    tiled = ways.paths[:, :, 2] >= 0
    for pool, mine, step, _, point in _by_size(segments, ways):
        detail = detail_of(pool)
        own = np.zeros((len(point), 8))
        if len(detail):
            own = np.where((point >= 0)[:, None], detail[np.where(point >= 0, point, 0)], 0.0)
        fed[mine] = own[:, 7]
        own[:, 7] = pool.steps[step, 1]
        on_chip[mine] = own
    on_chip *= points.cycle_s[:, None, None]
    rows = split(
        steps.step_s.ravel(), on_chip.reshape(-1, 8), np.repeat(points.overhead_s, len(segments.kept)), has_dram
    )
    rows *= steps.repeats.reshape(-1, 1)
    rows[:, 8 if has_dram else 9] += steps.load_s.ravel()
    rows = rows.reshape(count, -1, len(PARTS))
    parts = rows[:, 0].copy()
    for row in range(1, rows.shape[1]):  # as numpy adds the rows of one point
        parts += rows[:, row]
    parts[:, 9] += np.maximum(time_s, host_s) - time_s
    roofs = roof_times(parts)
    feed = _fed(segments, ways, fed, tiled)
    kept = np.full(count, float(segments.kept.sum()))
    return Answers(time_s, time_s, outer, kept, kept, feed, outer, roofs.argmax(axis=1), roofs.max(axis=1), feed)


def _fed(segments: Segments, ways: Ways, fed: Floats, tiled: Truths) -> Floats:
    """Bytes between SRAM and arrays of one batch: piece by piece, in the order of `schedule.stacks.fed_bytes`."""
    total, at = np.zeros(len(fed)), segments.cuts[:, 0].astype(np.int64)
    layouts: dict[bytes, list[int]] = {}
    for p in range(len(fed)):
        layouts.setdefault(ways.chosen[p, : ways.pieces[p], :3].tobytes(), []).append(p)
    for rows in layouts.values():
        for place, i, j in ways.chosen[rows[0], : ways.pieces[rows[0]], :3][::-1].tolist():
            columns = np.arange(at[i], at[j])
            columns = columns[tiled[rows[0], columns]]  # layers with tiles are the same whatever the point
            total[rows] += fed[np.ix_(rows, columns)].sum(axis=1) * (segments.batch // segments.sizes[place])
    return total
