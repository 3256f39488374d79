"""Weights fetched ahead, for many points at once: the kernels of its search by hand. Without the compiler alone."""

import math
import os
import random
from typing import NamedTuple

import numpy as np
import pytest
from one_by_one import made_up, random_parts
from test_sweep_ahead import check, many_machines
from two_layers import two_layers

from simulator.kernels import schedule_labels as labels
from simulator.kernels import schedule_prefetch as kernels
from simulator.kernels.layout import WAY_POINT, Listing, Rates
from simulator.kernels.schedule_lists import ANY, PARTLY, SOME, VARIED, WHOLLY
from simulator.kernels.schedule_sums import BLOCK
from simulator.schedule.many_prefetch import solve_ahead

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

COLD, STEADY = kernels.COLD, kernels.STEADY


def out_of(points, steps=2):
    return kernels.Out(
        np.full((2, points), math.inf), np.full((2, points), math.inf), np.full((2, points), -1),
        np.full((2, points, steps), -1, dtype=np.int32), np.zeros((2, points, steps)), np.zeros((2, points, steps)),
    )  # fmt: skip


def work_of(points, rows=4):
    lists = np.full(points, -1), np.full(BLOCK, -1)
    return kernels.Work(
        np.zeros(points, dtype=np.int64), np.zeros((rows, points)), np.full((2, points), math.inf),
        np.zeros(rows // 2, dtype=np.int64), np.zeros((2, points)), *lists, np.full((4, points), -1.0),
    )  # fmt: skip


def test_cycles_that_a_run_does_not_go_below():
    """Of its own; or of points beside, where all is known of them. A cold run needs no more than the bytes it lacks at first."""
    columns = np.array([[0.0], [6.0]]), np.array([[50.0], [70.0]]), np.array([[10.0], [20.0]])
    bounds = kernels.Bounds(np.zeros(2, dtype=np.int64), np.zeros(2), *columns)
    work = work_of(5)
    lows, beside = work.lows, work.beside
    lows[2], lows[3] = (7.0, 80.0, 90.0, 0.0, 200.0), (9.0, 60.0, 0.0, 0.0, 160.0)
    beside[:, 2] = 1, 4, 2.0, 0.5  # point 2 between 1 and 4, of which its ratio is twice and half

    def bound(row, own, top):
        return kernels.bound_of(row, 2, own, np.ones((2, 1)), work, top, bounds)

    assert [bound(0, own, True) for own in (4.0, 6.0)] == [50.0, 60.0]
    assert [bound(2, own, True) for own in (3.0, 4.0)] == [70.0, 80.0]
    assert bound(2, 1.0, False) == 200.0 * 0.5
    lows[2, 4] = 100.0
    assert bound(2, 1.0, False) == 80.0
    assert bound(2, 4.5, False) == 90.0
    assert bound(3, 1.0, False) == 90.0 - 6.0  # what the cold run of the point takes, with 6 bytes more
    assert bound(3, 2.0, False) == 160.0 * 0.5
    assert bound(3, 0.25, True) == 90.0 - 6.0 * 0.25


def test_what_points_of_other_sizes_tell():
    """More SRAM with more room is never slower; with less room left beside more weights nothing is known."""
    rooms = np.array([[5.0, 6.0, 4.0], [-1.0, 6.0, 7.0], [5.0, 5.0, -1.0]])
    known = [[kernels.no_less(run, size, other, rooms) for other in range(3)] for run in range(3) for size in range(3)]
    assert known[:3] == [[True, False, False], [True, True, False], [False, False, True]]
    assert known[3:6] == [[True, False, False], [False, True, False], [False, True, True]]
    assert known[6:] == [[True, False, False], [True, True, False], [False, False, True]]
    work, out = work_of(3), out_of(3)
    work.sizes[:], work.highs[COLD], out.runs[COLD] = (0, 1, 2), (10.0, 20.0, math.inf), (0, 0, 1)

    def most(x, other, over):
        return kernels.most_of(COLD, x, other, over, rooms, work, out)

    assert [most(1, 0, over) for over in (0.5, 3.0)] == [10.0, 30.0]  # a memory as slow or slower
    assert [most(0, 1, 1.0), most(2, 0, 1.0), most(0, 2, 1.0), most(1, 1, 2.0)] == [math.inf] * 3 + [40.0]
    columns = np.zeros((3, 3)), np.full((3, 3), 7.0), np.zeros((3, 3))
    bounds = kernels.Bounds(np.zeros(3, dtype=np.int64), np.zeros(3), *columns)
    lows = kernels.Work(work.sizes, np.full((6, 3), 50.0), *work[2:])
    lows.beside[:, 0] = 1, 2, 4.0, 0.25
    lows.lows[0, 2] = lows.lows[2, 2] = 1000.0
    assert kernels.bound_of(0, 0, 1.0, rooms, lows, False, bounds) == 50.0  # of the middle size; the last has less room
    assert kernels.bound_of(4, 0, 1.0, rooms, lows, False, bounds) == 50.0
    rooms[0, 2] = 9.0
    assert kernels.bound_of(0, 0, 1.0, rooms, lows, False, bounds) == 250.0
    lows.beside[2, 0] = 0.5
    assert kernels.bound_of(4, 0, 1.0, rooms, lows, False, bounds) == 25.0
    assert kernels.bound_of(4, 0, 1.0, rooms, lows, True, bounds) == 7.0


def test_machines_of_a_block():
    rates = Rates(np.array([1.0, 2.0, 4.0]), np.array([8.0, 0.0, 0.5]), np.array([3.0, 5.0, 7.0]))
    own, work = kernels.new_running(1, 1, np.zeros((1, 1), dtype=np.int64), 9), work_of(3)
    machine, work.lanes[:2], work.sizes[:] = own.machine, (2, 1), (0, 1, 2)
    kernels.fill_block(work, 2, rates, np.array([1.0, 10.0, 20.0]), 1.5, own)
    assert own.labels.lanes.sizes[:2].tolist() == [2, 1]
    for column, wanted in (
        (labels.CYCLE_S, (4.0, 2.0)), (labels.BYTE_S, (0.5, 0.0)), (labels.BYTES_PER_S, (2.0, math.inf)),
        (labels.OVERHEAD_S, (7.0, 5.0)),
    ):  # fmt: skip
        assert tuple(machine[column : column + 2]) == wanted
    assert machine[labels.STOP_S : labels.STOP_S + 2] == pytest.approx([30.0, 15.0], rel=1e-8)
    assert (machine[labels.STOP_S : labels.STOP_S + 2] > [30.0, 15.0]).all()
    assert (machine[2:BLOCK] == 0.0).all()


def test_points_of_a_level_and_what_is_beside_them():
    """Ten points: 0, 4, 8 and the last, then all between; what a slower memory takes bounds them."""
    ratio, rates = 2.0 ** np.arange(10), Rates(np.full(10, 2.0), np.ones(10), np.full(10, 3.0))
    work, out, rooms = work_of(10), out_of(10), np.ones((1, 1))
    limits, out.runs[:] = out.limits, 0
    limits[:] = 0.0
    assert kernels.begin_level(4, True, rates, ratio, 5, rooms, work, out) == 4
    assert work.nodes[:4].tolist() == [0, 4, 8, 9]
    assert limits[:, [0, 4, 8, 9]].tolist() == [[math.inf] * 4] * 2
    work.highs[COLD], work.highs[STEADY] = 100.0, 90.0
    work.highs[COLD, 0], work.highs[STEADY, 8] = 10.0, 4.0
    assert kernels.begin_level(1, False, rates, ratio, 5, rooms, work, out) == 6
    assert work.nodes[:6].tolist() == [1, 2, 3, 5, 6, 7]
    assert work.beside[:, 2].tolist() == [0.0, 4.0, 4.0, 0.25]
    assert work.beside[:, 7].tolist() == [4.0, 8.0, 8.0, 0.5]
    # Twice as slow a memory as at point 0 takes at most twice as long; no longer than at the next known point.
    most = [20.0, 40.0, 80.0, 100.0, 100.0, 100.0]
    assert limits[COLD, work.nodes[:6]] == pytest.approx([cycles * 2.0 + 5 * 3.0 for cycles in most], rel=1e-9)
    assert (limits[COLD, work.nodes[:6]] > [cycles * 2.0 + 5 * 3.0 for cycles in most]).all()
    assert limits[STEADY, work.nodes[:6]] == pytest.approx([90.0 * 2.0 + 15.0] * 3 + [4.0 * 2.0 + 15.0] * 3, rel=1e-9)
    assert kernels.begin_level(4, False, rates, ratio, 5, rooms, work, out) == 2  # 0 and the last are known
    assert work.nodes[:2].tolist() == [4, 8]
    assert work.beside[:2, 8].tolist() == [0.0, 9.0]


def test_at_the_end_of_a_level():
    """Of one batch the schedule does for many if it is as fast; what points beside can rely on is in cycles."""
    work, out = work_of(4), out_of(4)
    work.nodes[:4] = range(4)
    out.best[COLD], out.best[STEADY] = (9.0, 9.0, math.inf, -math.inf), (9.0, 8.0, math.inf, 5.0)
    out.runs[COLD], out.runs[STEADY] = 3, 5
    out.rows[COLD], out.moved[COLD], out.times[COLD] = 6, 7.0, 8.0
    rates = Rates(np.full(4, 0.5), np.ones(4), np.full(4, 2.0))
    kernels.end_level(4, rates, 2, work, out)
    assert out.best[STEADY].tolist() == [9.0, 8.0, math.inf, -math.inf]  # left to the other programme
    assert out.runs[STEADY].tolist() == [3, 5, 5, 3]
    assert out.rows[STEADY].tolist() == [[6, 6], [-1, -1], [-1, -1], [6, 6]]
    assert (out.moved[STEADY, 0].tolist(), out.times[STEADY, 0].tolist()) == ([7.0, 7.0], [8.0, 8.0])
    assert out.moved[STEADY, 1:3].max() == out.times[STEADY, 1:3].max() == 0.0
    assert work.highs[COLD] == pytest.approx([10.0, 10.0, math.inf, math.inf], rel=1e-9)
    assert work.highs[STEADY] == pytest.approx([10.0, 8.0, math.inf, math.inf], rel=1e-9)
    assert (work.highs[:, 0] > 10.0).all()  # sums in another order


def test_the_fastest_end_waits_for_what_is_missing():
    """Three labels of two points: the time at which each ends and what it has of 10 bytes that are to be ahead at the start."""
    own = kernels.new_running(3, 1, np.zeros((3, 1), dtype=np.int64), 9)
    rows, found = own.labels.rows, np.full((3, BLOCK), 77.0)
    own.labels.wide[1, 0] = 3
    for slot, (times, ahead) in enumerate(
        [((5.0, 9.0), (2.0, 10.0)), ((8.0, 8.0), (9.0, 4.0)), ((9.0, 1.0), (12.0, -1.0))]
    ):
        rows[1, slot, labels.TIME : labels.TIME + 2], rows[1, slot, labels.AHEAD : labels.AHEAD + 2] = times, ahead
    own.machine[labels.BYTE_S : labels.BYTE_S + 2] = 0.5, 1.0
    own.labels.lanes.start[:2] = 10.0
    labels.end_block(3, own.machine, 2, own.labels, found)
    assert found[:, 0].tolist() == [8.5, 1.0, 0.5]
    assert found[:, 1].tolist() == [9.0, 0.0, 0.0]
    own.labels.lanes.start[:2] = 0.0
    labels.end_block(3, own.machine, 2, own.labels, found)
    assert found[:, :2].T.tolist() == [[5.0, 0.0, 0.0], [2.0, 2.0, 1.0]]
    own.labels.wide[1, 0] = 0
    labels.end_block(3, own.machine, 2, own.labels, found)
    assert found[:, 0].tolist() == [math.inf, 0.0, 0.0]


def test_a_schedule_is_written_down():
    own, out = kernels.new_running(2, 1, np.zeros((2, 1), dtype=np.int64), 9), out_of(3)
    ways, amounts = np.zeros((4, 5), dtype=np.int64), np.zeros((4, 7))
    ways[:, WAY_POINT] = 10, 11, 12, 13
    own.path[:], own.moved[:], own.step_s[:] = (3, 1), (8.0, 0.0), (0.5, 0.25)
    kernels.note_point(4, 2, STEADY, 0.75, Listing(np.zeros(1, dtype=np.int64), ways, amounts), own, out)
    assert (out.limits[STEADY, 2], out.best[STEADY, 2], out.runs[STEADY, 2]) == (0.75, 0.75, 4)
    assert out.rows[STEADY, 2].tolist() == [13, 11]
    assert out.moved[STEADY, 2].tolist() == [8.0, 0.0]
    assert out.times[STEADY, 2].tolist() == [0.5, 0.25]
    assert (out.best[COLD] == math.inf).all()
    assert (out.best[STEADY, :2] == math.inf).all()


# labels


def label_of(times, ahead):
    own = np.zeros(4 * BLOCK)
    own[: len(times)], own[labels.AHEAD : labels.AHEAD + len(times)] = times, ahead
    own[labels.NEEDS : labels.NEEDS + len(times)] = 1.0
    return own


def test_labels_of_a_block_are_put_among_others_point_by_point():
    """The labels of four points: beaten, beating one, beating both, and neither; where both are beaten one row is left empty."""
    many, rows, over = 4, np.zeros((labels.SLOTS, 3 * BLOCK)), np.zeros(BLOCK)
    for row, (time, ahead) in enumerate([(10.0, 1.0), (20.0, 5.0)]):
        rows[row, :many], rows[row, labels.AHEAD : labels.AHEAD + many], rows[row, labels.WAY : labels.WAY + many] = (
            time, ahead, row,
        )  # fmt: skip
    label = label_of([20.0, 15.0, 9.0, 12.0], [5.0, 6.0, 7.0, 3.0])
    wide = labels.keep_label(9.0, many, 0, 2, rows, label, over)
    kept = [
        sorted(
            tuple(rows[row, column + p] for column in (labels.TIME, labels.AHEAD, labels.WAY))
            for row in range(wide)
            if rows[row, p] < math.inf
        )
        for p in range(many)
    ]
    first, second = (10.0, 1.0, 0.0), (20.0, 5.0, 1.0)
    assert wide == 3
    assert kept == [[first, second], [first, (15.0, 6.0, 9.0)], [(9.0, 7.0, 9.0)], [first, (12.0, 3.0, 9.0), second]]
    assert all(
        (rows[row, p] == math.inf) == (rows[row, labels.AHEAD + p] == -1.0) for row in range(wide) for p in range(many)
    )
    assert labels.keep_label(8.0, many, 0, wide, rows, label_of([99.0] * 4, [0.0] * 4), over) == wide
    assert over.max() == 0.0
    # Without room for another row the points that need one are marked.
    label = label_of([30.0, 30.0, 30.0, 8.0], [9.0, 0.0, 9.0, 9.0])
    rows[2:, :many], rows[2:, labels.AHEAD : labels.AHEAD + many] = 1.0, 2.0
    assert labels.keep_label(7.0, many, 0, labels.SLOTS, rows, label, over) == labels.SLOTS
    assert over[:many].tolist() == [1.0, 0.0, 0.0, 0.0]  # the third has an empty row


def test_labels_of_a_state_are_sorted_by_time():
    many, rows, way = 2, np.zeros((8, 3 * BLOCK)), np.zeros((9, BLOCK), dtype=np.float32)
    for row, times in enumerate([(5.0, math.inf), (math.inf, 2.0), (3.0, 3.0), (4.0, 1.0)]):
        rows[2 + row, :many], rows[2 + row, labels.WAY : labels.WAY + many] = times, row
        rows[2 + row, labels.AHEAD : labels.AHEAD + many] = 10.0 + row
    labels.end_state(many, 2, 4, 3, rows, way)
    assert rows[2:6, :many].T.tolist() == [[3.0, 4.0, 5.0, math.inf], [1.0, 2.0, 3.0, math.inf]]
    assert rows[2:6, labels.AHEAD : labels.AHEAD + many].T.tolist() == [
        [12.0, 13.0, 10.0, 11.0],
        [13.0, 11.0, 12.0, 10.0],
    ]
    assert way[3:7, :many].T.tolist() == [[2.0, 3.0, 0.0, 1.0], [3.0, 1.0, 2.0, 0.0]]
    assert way[:3].max() == way[7:].max() == 0.0


@pytest.mark.usefixtures("made_up_parts")
def test_more_points_than_a_block_holds():
    """So many of one SRAM size that the last level has more than a block of them."""
    rng, pool = random.Random(5), two_layers()
    pool = made_up(pool, random_parts(rng, pool))
    machines = many_machines(rng, 2 * BLOCK, (60,), 1.0)
    assert check(pool, machines, solve_ahead(pool, machines, True), True) == 2 * BLOCK


@pytest.mark.parametrize("seed", range(6))
def test_labels_of_a_state_are_those_that_no_other_beats(seed):
    """Times and bytes ahead of three points, one label of each after another: rows grow only where a point has no room left."""
    rng, points, slots = random.Random(seed), 3, labels.SLOTS
    rows, over = np.full((slots + 2, 3 * BLOCK), -7.0), np.zeros(points)
    rows[1:, : 2 * BLOCK] = np.repeat([math.inf, -1.0], BLOCK)
    wide, known, room = 0, [[] for _ in range(points)], [[] for _ in range(points)]
    for number in range(40):
        label, needed, more = np.zeros(4 * BLOCK), [], False
        for p in range(points):
            new = float(rng.randint(0, 12)), float(rng.randint(0, 12))
            label[labels.TIME + p], label[labels.AHEAD + p], label[labels.NEEDS + p] = *new, 1.0
            if any(had <= new[0] and ahead >= new[1] for had, ahead, _ in known[p]):
                continue
            known[p] = [one for one in known[p] if not (one[0] >= new[0] and one[1] <= new[1])] + [(*new, number)]
            # What it beats makes room for it, and so do rows that other points alone have.
            room[p] = [one if one in known[p] else None for one in room[p]] + [None] * (wide - len(room[p]))
            if None in room[p]:
                room[p][room[p].index(None)] = known[p][-1]
            else:
                more = True
                needed.append(p)
        for p in needed:
            if wide < slots:
                room[p].append(known[p][-1])
        found = labels.keep_label(number, points, 1, wide, rows, label, over)
        if wide == slots and needed:
            assert (found, over.tolist()) == (slots, [float(p in needed) for p in range(points)])
            return
        wide += more
        assert (found, over.max()) == (wide, 0.0)
        for p in range(points):
            held = rows[1 : 1 + wide, [labels.TIME + p, labels.AHEAD + p, labels.WAY + p]].tolist()
            assert sorted(tuple(one) for one in held if one[0] < math.inf) == sorted(known[p])
        assert (rows[0] == -7.0).all()
    assert wide > 2


def step_of(ahead, moved, first, most, cycles, byte_s):
    """(seconds, bytes ahead afterwards) of a step at one second a cycle: what is ahead comes first, what time is left fetches."""
    used = min(ahead, first)
    time = max(cycles, (moved - used) * byte_s)
    return time, min(most, ahead - used + time / byte_s - (moved - used))


class Case(NamedTuple):
    """What one point reads: (cycles, bytes, first pass) of each choice that it has, by number; most bytes ahead and least cycles
    after each step; and (limit, seconds a byte, overhead)."""

    choices: dict
    most: list
    after: list
    machine: tuple


def every_label(listing, case, steps):
    """What all sequences of choices of a point lead to, state by state and step by step, as far as no other beats it."""
    stop_s, byte_s, overhead_s = case.machine
    known, out = {0: [(0.0, 2.0)]}, []
    for step in range(steps):
        found = {}
        for number in range(listing.begins[step], listing.begins[step + 1]):
            source, target = listing.ways[number, :2].tolist()
            for time, ahead in known.get(source, []) if number in case.choices else []:
                cycles, moved, first = case.choices[number]
                took, later = step_of(ahead, moved, first, case.most[step], cycles, byte_s)
                end = time + took + overhead_s
                if end < stop_s - case.after[step] - (steps - 1 - step) * overhead_s:
                    found.setdefault(target, set()).add((end, later))
        known = {
            state: sorted(
                one for one in some if not any(had != one and had[0] <= one[0] and had[1] >= one[1] for had in some)
            )
            for state, some in found.items()
        }
        out.append(known)
    return out


def case_of(listing, terms, size, after, machine, apart):
    """What a point of an SRAM size reads of a list; where all have one size each choice is there, and moves what it says."""
    choices, steps = {}, len(after)
    for step in range(steps):
        whole, kept = terms.first_pass[size, step] <= 0.0, terms.kept[size, step]
        for number in range(listing.begins[step], listing.begins[step + 1]):
            _, _, point, kind, group = listing.ways[number].tolist()
            cycles, moved, tiles, beside, need, until, reserved = listing.amounts[number].tolist()
            if apart and not (
                need <= terms.rooms[size] - reserved < until and group in (ANY, WHOLLY if whole else PARTLY)
            ):
                continue
            if apart and kind == VARIED:
                moved = beside - kept + (max(tiles, kept - beside) if point >= 0 else 0.0)
            moved = max(0.0, moved)
            choices[number] = cycles, moved, min(terms.first_pass[size, step], moved)
    return Case(choices, [min(8.0, more) for more in terms.to_come[size]], after, machine)


MACHINES = (math.inf, 0.5, 0.25), (24.0, 2.0, 0.0), (31.0, 0.25, 1.0), (math.inf, 1.0, 0.5), (40.0, 0.5, 0.0)
"""Limit, seconds a byte, and overhead."""


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_labels_of_a_block_are_those_of_each_of_its_points(seed, apart):
    """Points of one SRAM size, or of three, through four steps of three states; all numbers are exact.

    What `way` says leads back to the begin."""
    rng, steps, states, sizes = random.Random(seed), 4, 3, 3 if apart else 1
    machines = MACHINES if apart else MACHINES[:3]
    begins, ways, amounts = [5], [[0] * 5] * 5, [[0.0] * 7] * 5  # those of other runs come before
    few = seed % 2 + 1  # so that many end at the same time
    for step in range(steps):
        for _ in range(20 if apart else 12):
            states_of = rng.randrange(states) if step else 0, rng.randrange(states)
            ways.append(
                [*states_of, rng.choice([-1, 3]), rng.choice([SOME, VARIED]), rng.choice([ANY, ANY, PARTLY, WHOLLY])]
            )
            amounts.append([
                few * float(rng.randint(1, 12 // few**3)), float(rng.randint(-1, 9)), rng.choice([0.0, 3.0, 7.0]),
                rng.choice([2.0, 6.0]), rng.choice([0.0, 8.0]), rng.choice([12.0, 99.0]), rng.choice([0.0, 2.0]),
            ])  # fmt: skip
        begins.append(len(ways))
    listing = Listing(np.array(begins), np.array(ways), np.array(amounts))
    terms = labels.Terms(
        np.array([[float(max(0, rng.randint(-3, 6))) for _ in range(steps)] for _ in range(sizes)]),
        np.array([[6.0, 16.0, 9.0, 4.0], [3.0, 9.0, 9.0, 0.0], [20.0, 7.0, 5.0, 4.0]][:sizes]),
        np.array([[float(rng.randint(0, 4)) for _ in range(steps)] for _ in range(sizes)]), np.array([9.0, 12.0, 14.0][:sizes]),
        np.array([3.0, 2.0, 1.0, 0.0]),
    )  # fmt: skip
    places = np.arange(steps * states).reshape(steps, states) * labels.SLOTS
    own = kernels.new_running(steps, states, places, steps * states * labels.SLOTS)
    own.labels.rows[:], own.labels.over[:] = 99.0, 1.0  # of a block before
    size_of = [rng.randrange(sizes) for _ in machines]
    for p, (stop_s, byte_s, overhead_s) in enumerate(machines):
        own.labels.lanes.sizes[p] = size_of[p]
        for column, value in (
            (labels.CYCLE_S, 1.0), (labels.BYTE_S, byte_s), (labels.BYTES_PER_S, 1.0 / byte_s), (labels.OVERHEAD_S, overhead_s),
            (labels.STOP_S, stop_s),
        ):  # fmt: skip
            own.machine[column + p] = value
    cases = [
        case_of(listing, terms, size, terms.least_after.tolist(), machine, apart)
        for size, machine in zip(size_of, machines, strict=True)
    ]
    own.labels.lanes.start[: len(machines)] = 2.0
    labels.run_block(listing.begins, listing, terms, 8.0, own.machine, len(machines), own.labels)
    rows, seen = own.labels.rows[steps % 2], 0
    wanted = [every_label(listing, case, steps) for case in cases]
    for state in range(states):
        wide, at = own.labels.wide[steps % 2, state], state * labels.SLOTS
        assert wide >= max(len(one[-1].get(state, [])) for one in wanted)
        for p, case in enumerate(cases):
            held = rows[at : at + wide, [labels.TIME + p, labels.AHEAD + p]].tolist()
            some = [tuple(one) for one in held if one[0] < math.inf]
            assert some == wanted[p][-1].get(state, [])
            assert held[len(some) :] == [[math.inf, -1.0]] * (wide - len(some))
            seen += len(some)
            for slot, end in enumerate(some):
                path, now, place = [], state, slot
                for step in range(steps - 1, -1, -1):
                    number, place = divmod(int(own.labels.way[places[step, now] + place, p]), labels.SLOTS)
                    assert listing.ways[begins[0] + number, 1] == now
                    path.append(begins[0] + number)
                    now = listing.ways[path[-1], 0]
                assert (now, place) == (0, 0)
                time, ahead = 0.0, 2.0
                for step, number in enumerate(path[::-1]):
                    assert begins[step] <= number < begins[step + 1]
                    cycles, moved, first = case.choices[number]
                    took, ahead = step_of(ahead, moved, first, case.most[step], cycles, case.machine[1])
                    time += took + case.machine[2]
                assert (time, ahead) == end
    assert own.labels.over[: len(machines)].max() == 0.0
    assert seen > 4


def test_a_row_that_is_begun_anew_knows_nothing_of_what_was_there():
    """Of every point; so that one label of each is one row."""
    own, points = kernels.new_running(1, 1, np.zeros((1, 1), dtype=np.int64), labels.SLOTS), 3
    own.labels.rows[1] = 50.0
    listing = Listing(np.array([0, 1]), np.array([[0, 0, 0]]), np.array([[4.0, 2.0]]))
    own.machine[:] = 1.0
    own.machine[labels.STOP_S : labels.STOP_S + BLOCK] = 100.0
    terms = labels.Terms(np.zeros((1, 1)), np.full((1, 1), 9.0), np.zeros((1, 1)), np.ones(1), np.zeros(1))
    labels.run_block(listing.begins, listing, terms, 9.0, own.machine, points, own.labels)
    assert own.labels.wide[1, 0] == 1
    assert own.labels.rows[1, 0, [labels.TIME, labels.TIME + 1, labels.TIME + 2]].tolist() == [5.0] * 3
    assert own.labels.rows[1, 0, [labels.AHEAD, labels.AHEAD + 1, labels.AHEAD + 2]].tolist() == [2.0] * 3
