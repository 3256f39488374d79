"""Sub-batches: a segment of the network takes the batch in parts, so that its activations (or weights) stay on the chip.

A segment begins and ends where exactly one tensor is live. Inside, weights are read by every run, or come in once and stay
for all runs of the segment; at an end the tensor is resident for the whole batch or in outer memory. The best choice of
segments, sizes (divisors of the batch) and residency is a programme over the cuts. Bounds from a programme in which segments
of any kind meet at every cut leave few of them to be run.
"""

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.frontier.packs import LONGEST
from simulator.kernels import layout
from simulator.kernels import schedule_segments as kernels
from simulator.kernels import schedule_stretches as lists
from simulator.kernels import schedule_timed as timed
from simulator.kernels.layout import Machine, Source
from simulator.schedule.few import settle, with_times
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Piece, Plan, Terms
from simulator.schedule.pool import TENSOR_BYTES, Pool

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCK = 64
"""Points whose bounds are worked out together, where there are not too many cuts."""

MOST_LISTED = 2**14
"""Choices of segments that are kept, for each point of a block; what is beyond is timed at once. 64 bytes each."""

MOST_TIMES = 2**22
"""Times of segments that a block has room for."""

FIRST_TRY, WIDER, LAST_TRY = 1.002, 2.0, 16.0
"""The first limit of a search, as a multiple of its bound; by how much its excess grows where nothing is found; and the
multiple from which on there is no limit but that of the caller."""

ROOMS_PER_OCTAVE = 16
"""Rooms of bounds in each doubling: those between have the bound of the next."""

SLACK = layout.SLACK

MOST_SMALL = 16
"""Sub-batches of up to so many items are tried whenever they divide the batch; larger ones only by halving it."""


LARGEST_PART = 4096
"""Sub-batches of more items are not tried: what they share their weights among is enough, and each takes a search of its own."""


def half_of(batch: int) -> int:
    """The largest of the halves of halves of a batch that is tried; 0 where there is none."""
    half = batch
    while half % 2 == 0:
        half //= 2
        if half <= LARGEST_PART:
            return half
    return 0


def is_thinned(batch: int) -> bool:
    """Whether halves of a batch are too large to be tried."""
    return batch % 2 == 0 and half_of(batch) != batch // 2


def divisors(batch: int) -> list[int]:
    """Sizes of sub-batches to try, the largest first: halves of halves of the batch, and small divisors."""
    sizes = {size for size in range(1, min(batch - 1, MOST_SMALL) + 1) if batch % size == 0}
    while half := half_of(batch):
        sizes.add(half)
        batch = half
    return sorted(sizes, reverse=True)


@dataclass(frozen=True)
class Ways:
    """The fastest ways over the cuts, one entry a point.

    time_s: infinite where none beats its limit. pieces: segments of each. chosen: int64[points, cuts, 6], (place of the size,
    start, end, in, out, held), last first. paths: int64[points, steps, 3], (mode, move, point) of each step.
    """

    time_s: Floats
    pieces: Ints
    chosen: Ints
    paths: Ints

    def take(self, at: Ints) -> "Ways":
        """Of some of the points."""
        return Ways(self.time_s[at], self.pieces[at], self.chosen[at], self.paths[at])


class Segments:
    """A batch in one SRAM with some weights that stay for ever: schedules in segments, for many points at once.

    kept: bytes of each step's weights that stay. keep: whether weights may stay in the SRAM at all.
    """

    def __init__(
        self, pools: dict[int, Pool], batch: int, capacity_bytes: float, kept: Floats, keep: bool, phi: float
    ) -> None:
        self.batch, self.kept, self.sizes = batch, kept, sorted(pools, reverse=True)
        self.pools, self.phi, self._capacity = [pools[size] for size in self.sizes], phi, capacity_bytes
        whole = pools[batch]
        self.room = capacity_bytes - float(kept.sum())
        self.streamed = whole.weights - kept
        self._keep = keep

    @functools.cached_property
    def holdable(self) -> Floats:
        """Weights of each step that may come in once and stay for all runs. [B]"""
        return self.streamed if self._keep else np.zeros_like(self.kept)

    @functools.cached_property
    def modes(self) -> Ints:
        """int64[modes, 3]: place of the size, whether weights are held, runs in the batch."""
        held = bool(self.holdable.any())
        rows = [
            (place, hold, self.batch // size)
            for place, size in enumerate(self.sizes)
            for hold in ((0, 1) if size < self.batch and held else (0,))
        ]
        return np.array(rows, dtype=np.int64)

    @functools.cached_property
    def cuts(self) -> Floats:
        """Steps before each cut and the state in which its tensor is resident (-1: none): float64[cuts, 2]."""
        return np.ascontiguousarray(self.pools[0].cuts[:, :2])

    def least_times(self, points: Machines) -> Floats:
        """No schedule in segments takes less: a step takes its fewest cycles, its weights come in once. [s]

        Nor does it take less than all its runs with weights for nothing, whatever is resident, in all the room.
        """
        cycles = np.full(len(self.kept), np.inf)
        for pool, size in zip(self.pools, self.sizes, strict=True):
            cycles = np.minimum(cycles, pool.least_cycles * (self.batch // size))
        begins, choices = self._free_choices()
        least = np.empty(len(points))
        kernels.least_batch(begins, choices, cycles, self.streamed, self.chip(points), len(points), least)
        return least * SLACK

    def _free_choices(self) -> tuple[Ints, Floats]:
        """(first choice of each step, choices of all sizes as `kernels.schedule_segments.least_batch` reads them).

        Weights are for nothing. With other cycles than those searched for, weights in SRAM are no guarantee of the best
        points: choices with weights that are streamed count, too, and are those of this SRAM alone.
        """
        whole, name = self.pools[0], f"free {quantised(self.room)} of {self.sizes}"
        if name in whole.memo:
            known: tuple[Ints, Floats] = whole.memo[name]
            return known
        steps, choices, count = [], [], len(self.kept)
        for pool, size in zip(self.pools, self.sizes, strict=True):
            listed = free_list(pool, self.room, self.kept if pool.rescored else None)
            steps.append(np.repeat(np.arange(count), np.diff(listed.begins)))
            runs = np.full(len(listed.amounts), self.batch / size)
            choices.append(np.column_stack([listed.amounts[:, : lists.MOVES + 1], runs]))
        step = np.concatenate(steps)
        order = np.argsort(step, kind="stable")
        found = np.searchsorted(step[order], np.arange(count + 1)), np.concatenate(choices)[order]
        if not any(pool.rescored for pool in self.pools):
            whole.memo[name] = found
        return found

    def chip(self, points: Machines) -> kernels.Chip:
        """Chips as the kernels read them."""
        return kernels.Chip(points.rates, self.phi)

    def solve(self, points: Machines, limits_s: Floats) -> Ways:
        """The fastest ways over the cuts that beat `limits_s`."""
        count, own = len(points), _scratch()
        search = _Search(self, own)
        time_s, pieces = np.full(count, np.inf), np.zeros(count, dtype=np.int64)
        chosen = np.zeros((count, len(self.cuts), 6), dtype=np.int64)
        paths = np.zeros((count, len(self.kept), 3), dtype=np.int64)
        for low in range(0, count, search.block):
            rows = slice(low, min(count, low + search.block))
            found = kernels.Found(time_s[rows], pieces[rows], chosen[rows])
            search.run(points.part(rows), limits_s[rows], found, paths[rows])
        return Ways(time_s, pieces, chosen, paths)

    def stay(self) -> Floats:
        """Weights from each cut to each later one that come in once for all runs of a segment that holds them. [B]"""
        found = np.zeros((len(self.cuts), len(self.cuts)))
        lists.stay_between(self.holdable, self.cuts, found)
        return found

    def around(self, place: int) -> Floats:
        """Bytes of the tensor at each cut for the whole batch beyond those of one run, by place of the size. [B]"""
        return np.asarray(self.pools[place].cuts[:, TENSOR_BYTES] * (self.batch // self.sizes[place] - 1))

    def plan(self, machine: Machine, ways: Ways) -> Plan:
        """The schedule of the first point, whose machine is given."""
        terms: dict[tuple[int, int], Terms] = {}
        pieces = []
        stay = self.stay()
        for place, i, j, entry, leave, held in ways.chosen[0, : ways.pieces[0]][::-1].tolist():
            pool, repeats = self.pools[place], self.batch // self.sizes[place]
            if (place, held) not in terms:
                terms[place, held] = self._terms(pool, machine, held)
            own = terms[place, held]
            begin, end = int(self.cuts[i, lists.STEPS]), int(self.cuts[j, lists.STEPS])
            around = self.around(place)
            beside = (around[i] if entry else 0.0) + (around[j] if leave else 0.0)
            left = own.machine.capacity_bytes - (beside + (stay[i, j] if held else 0.0))
            own = replace(own, machine=own.machine._replace(capacity_bytes=left))
            path = ways.paths[0, begin:end, kernels.PATH_MOVE :].copy()
            once = with_times(Piece(pool, own, begin, path, np.empty(end - begin)))
            load = self.streamed[begin:end] if held else None
            pieces.append(Piece(pool, own, begin, path, once.step_s, repeats, float(beside), load))
        return Plan(tuple(pieces))

    def _terms(self, pool: Pool, machine: Machine, held: int) -> Terms:
        """Terms of a run; with weights held, what stays for ever is taken from the SRAM either way."""
        terms = settle(pool, machine, self.kept)
        if not held:
            return terms
        if "held" not in pool.memo:  # the same for every chip
            pool.memo["held"] = settle(pool, machine, pool.weights)
        whole: Terms = pool.memo["held"]
        return Terms(terms.kept, whole.costs, whole.spans, terms.machine, np.zeros_like(terms.streamed))


def quantised(room: float) -> int:
    """Number of the smallest room of the fixed list that is at least `room`."""
    return math.ceil(ROOMS_PER_OCTAVE * math.log2(room) - 1e-9)


def free_list(pool: Pool, room: float, kept: Floats | None = None) -> lists.Lists:
    """All choices of each step, that no other of the step beats, with weights for nothing in at least `room` bytes.

    kept: of the pool with other cycles, whose choices with weights that are streamed count, too. Rooms are those of a fixed
    list, so that most are known already.
    """
    steps = quantised(room)
    name = f"free {steps}"
    if name not in pool.memo or kept is not None:
        own, parts = _scratch(), []
        for held in (True, False) if kept is not None else (True,):
            own.reset()
            given = np.zeros(len(pool.weights)) if kept is None else kept
            own.list_whole(pool.source, given, held, max(room, 2.0 ** (steps / ROOMS_PER_OCTAVE)))
            begins, _, amounts, used = own.lists
            step = np.repeat(np.arange(len(pool.weights)), np.diff(begins[: used[lists.BEGINS]]))
            parts.append(np.column_stack([step, amounts[: used[lists.CHOICES], : lists.MOVES + 1]]))
        found = _unbeaten(np.concatenate(parts), len(pool.weights))
        if kept is not None:
            return found
        pool.memo[name] = found
    known: lists.Lists = pool.memo[name]
    return known


def _unbeaten(rows: Floats, steps: int) -> lists.Lists:
    """Lists for `kernels.schedule_segments` of rows (step, cycles, bytes) that no other of the same step beats."""
    begins, amounts = np.empty(steps + 1, dtype=np.int64), np.zeros((len(rows), 4))
    count = lists.unbeaten(rows[np.argsort(rows[:, 0], kind="stable")], begins, amounts)
    return lists.Lists(begins, np.zeros((0, 4), dtype=np.int64), amounts[:count].copy(), np.zeros(2, dtype=np.int64))


class _Search:
    """Lists of one SRAM and what is decided with them: shared by all its points."""

    def __init__(self, parent: Segments, own: "_Scratch") -> None:
        self._parent, self._own, self._stay = parent, own, parent.stay()
        modes, count = len(parent.modes), len(parent.cuts)
        self._near = np.empty((modes, count - 1, 4), dtype=np.int64)
        self._where = np.full((modes, count, count, 2, 2), -1, dtype=np.int64)
        self._wanted = np.zeros_like(self._where, dtype=np.bool_)
        self.block = max(1, min(BLOCK, MOST_TIMES // self._where.size))
        self._known = np.empty((modes, 0, count, count, 2, 2))
        self._around = np.stack([parent.around(place) for place in parent.modes[:, kernels.SIZE]])
        self._states = max(pool.moves.states for pool in parent.pools)
        own.reset()
        for mode, (place, held, repeats) in enumerate(parent.modes.tolist()):
            before, source, near = own.lists.used.copy(), parent.pools[place].source, self._near[mode]
            cutting = self._cutting(mode)
            while not lists.list_neighbours(
                source, parent.kept, bool(held), repeats == 1, cutting, near, own.lists, own.rows
            ):
                own.lists.used[:] = before
                own.lists = _longer(own.lists)

    def run(self, points: Machines, limits_s: Floats, found: kernels.Found, paths: Ints) -> None:
        """Fill found (time, segments, chosen) and paths of a block of points."""
        parent, own, count = self._parent, self._own, len(points)
        modes, cuts, chip = parent.modes, parent.cuts, parent.chip(points)
        self._where[self._where == kernels.TIMED] = lists.UNLISTED  # of other points
        times = np.empty((len(modes), len(cuts) - 1, 3, 3, count))
        before, after = (np.empty((len(cuts), 2 + len(modes), count)) for _ in range(2))
        values = np.empty((2, self._states, count))
        for mode in range(len(modes)):
            kernels.neighbour_times(
                own.lists, self._near[mode], cuts, self._stay, modes[mode], chip, count, values, times[mode]
            )
        kernels.potentials(times, count, before, after)
        bounds, least = kernels.Bounds(times, before, after), before[-1, kernels.OUTSIDE] * SLACK
        table = own.table(len(parent.sizes), len(cuts))
        seen = np.empty((len(cuts), len(parent.sizes), len(cuts)), dtype=np.bool_)
        scratch = kernels.Tried(
            np.empty((len(cuts), 2)),
            np.empty((len(cuts), 2, 4), dtype=np.int64),
            np.empty((len(cuts), 6), dtype=np.int64),
        )
        cutting, pairs = lists.Cutting(cuts, parent.room, self._around, self._stay), np.empty((2, self._states, 2))
        factor = FIRST_TRY
        while True:
            open_ = (found.time_s == np.inf) & (least < limits_s)
            if not open_.any():
                break
            near = least * factor if factor < LAST_TRY else np.full(count, np.inf)
            tried = np.where(open_, np.minimum(limits_s, np.where(least > 0.0, near, np.inf)), 0.0)
            self._wanted[:] = False
            exact = kernels.Exact(own.lists, self._near, self._where, self._wanted, self._known, pairs, table, seen)
            kernels.mark_wanted(count, tried, bounds, modes, cutting, chip, exact)
            self._list_wanted(points)
            exact = exact._replace(lists=own.lists, known=self._known)
            kernels.best_ways(count, tried, bounds, modes, cutting, chip, exact, scratch, found)
            # What was tried up to its limit is done.
            least = np.where(tried >= limits_s, np.inf, least)
            factor = 1.0 + (factor - 1.0) * WIDER
        choice = np.zeros((len(parent.kept), self._states), dtype=np.int64)
        self._wanted[:] = False
        kernels.want_ways(found.pieces, found.chosen, modes, self._wanted)
        self._where[self._wanted & (self._where == kernels.TIMED)] = lists.UNLISTED
        self._list_wanted()
        kernels.paths_of(count, found, modes, cuts, self._where, own.lists, chip, pairs, choice, paths)

    def _list_wanted(self, points: Machines | None = None) -> None:
        """List the segments that are wanted, as far as they are not listed yet.

        points: of whom those that would make the lists too long are timed; all are listed without them.
        """
        parent, own = self._parent, self._own
        for mode, (place, held, _) in enumerate(parent.modes.tolist()):
            if not self._wanted[mode].any():
                continue
            source, wanted, where = parent.pools[place].source, self._wanted[mode], self._where[mode]
            while not lists.list_wanted(
                source, parent.kept, bool(held), self._cutting(mode), wanted, where, own.lists, own.rows
            ):
                if points is not None and len(own.lists.ways) >= MOST_LISTED * len(points):
                    self._time_wanted(points, mode)
                    break
                own.lists = _longer(own.lists)

    def _time_wanted(self, points: Machines, mode: int) -> None:
        """Work out the times of the segments of a mode that are wanted and not listed."""
        parent, own, count = self._parent, self._own, len(points)
        place, held, _ = parent.modes[mode].tolist()
        if self._known.shape[1] < count:
            self._known = np.empty((len(parent.modes), count, *self._where.shape[1:]))
        values = np.empty((2, self._states, count))
        while not timed.time_wanted(
            parent.pools[place].source, parent.kept, bool(held), self._cutting(mode), parent.chip(points), count,
            timed.Asked(self._wanted[mode], self._where[mode], self._known[mode]),
            timed.Alone(own.alone, own.rows, values),
        ):  # fmt: skip
            own.alone = _longer(own.alone)

    def _cutting(self, mode: int) -> lists.Cutting:
        """What lists of one mode are made from."""
        return lists.Cutting(self._parent.cuts, self._parent.room, self._around[mode], self._stay)


class _Scratch:
    """A thread's lists and tables, kept from one call to the next: fresh pages cost more than a small search."""

    def __init__(self) -> None:
        self.rows = lists.Looked(np.empty(LONGEST, dtype=np.int64), np.empty(2 * lists.NEAR, dtype=np.int64))
        self.lists, self.alone = _empty_lists(), _empty_lists()
        self._table = np.empty(0)

    def reset(self) -> None:
        """Forget all lists."""
        self.lists.used[:] = 0

    def list_whole(self, source: Source, kept: Floats, held: bool, room: float) -> None:
        """List the choices of the whole network."""
        while not lists.list_stretch(source, kept, held, 0, len(kept), room, self.lists, self.rows):
            self.lists = _longer(self.lists)

    def table(self, sizes: int, cuts: int) -> Floats:
        """Room for the times of all segments."""
        size = sizes * cuts * cuts * 8
        if len(self._table) < size:
            self._table = np.empty(size)
        return self._table[:size].reshape(sizes, cuts, cuts, 2, 2, 2)


def _empty_lists() -> lists.Lists:
    """Lists with nothing in them."""
    return _new_lists(4096, 16384, np.zeros(2, dtype=np.int64))


def _new_lists(begins: int, choices: int, used: Ints) -> lists.Lists:
    """Room for lists."""
    return lists.Lists(
        np.empty(begins, dtype=np.int64), np.empty((choices, 4), dtype=np.int64), np.empty((choices, 4)), used
    )


def _longer(short: lists.Lists) -> lists.Lists:
    """Twice as long lists, with what is in them; pages of the rest are not touched."""
    begins, choices = short.used.tolist()
    long = _new_lists(2 * len(short.begins), 2 * len(short.ways), short.used)
    long.begins[:begins], long.ways[:choices], long.amounts[:choices] = (
        short.begins[:begins], short.ways[:choices], short.amounts[:choices],
    )  # fmt: skip
    return long


_own = threading.local()


def _scratch() -> _Scratch:
    """This thread's scratch."""
    if not hasattr(_own, "scratch"):
        _own.scratch = _Scratch()
    found: _Scratch = _own.scratch
    return found


def in_segments(
    machines: Machines, batch: int, pool_of: Callable[[int], Pool], kept: Floats, keep: bool, limit_s: float
) -> Plan | None:
    """The fastest schedule in segments that beats `limit_s` on the one chip of `machines`, or None.

    pool_of: the pool of a sub-batch. kept: bytes of each step's weights that stay for ever. keep: whether weights may stay
    in the SRAM at all.
    """
    pools = {size: pool_of(size) for size in (batch, *divisors(batch))}
    parts = Segments(pools, batch, float(machines.capacity_bytes[0]), kept, keep, machines.phi)
    if parts.least_times(machines)[0] >= limit_s:
        return None
    ways = parts.solve(machines, np.array([limit_s]))
    return parts.plan(machines.row(), ways) if ways.pieces[0] else None
