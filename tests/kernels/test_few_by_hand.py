"""Schedules of one chip: the kernels of its search on small random networks of vector work, against all ways through them."""

import itertools
import math
import os
import random
from typing import NamedTuple

import numpy as np
import pytest

from simulator.kernels import schedule_few as kernels
from simulator.kernels.layout import Machine, Net, Network
from simulator.kernels.schedule_periods import AHEAD, BEFORE, MOVE, MOVED, OWN, POINT, REST_BYTES, REST_S, TIME
from simulator.kernels.stairs import Memo

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


class Option(NamedTuple):
    """A move without tiles: states, bytes of whole tensors, of the outer memory beside, of kept weights and of a first pass."""

    step: int
    source: int
    target: int
    reserved: float
    beside: float
    kept: float
    first: float


def random_moves(rng, steps, states):
    """Moves from any state to any, grouped by step; beginning and end are no matter here."""
    return [
        Option(step, source, target, rng.choice([0.0, 4.0, 9.0]), rng.choice([0.0, 3.0, 5.0, 8.0]), rng.choice([0.0, 1.0]),
               rng.choice([0.0, 2.0, 4.0]))
        for step in range(steps) for source in range(states) for target in range(states) for _ in range(rng.randint(0, 2))
    ]  # fmt: skip


def network_of(moves, steps):
    """rows of `steps`: least room and cycles of each."""
    first = np.searchsorted([move.step for move in moves], np.arange(len(steps) + 1))
    none, empty = np.zeros((0, 3)), np.zeros((0, 2), dtype=np.int64)
    return Network(
        first, np.array([move.source for move in moves]), np.array([move.target for move in moves]),
        np.array([[5, 5, 0, 0]] * len(moves)), np.array([move[3:] for move in moves]), np.array(steps),
        np.zeros(len(steps), dtype=np.int64), Net(none, none, none, empty, empty),
    )  # fmt: skip


def memo():
    return Memo(
        np.full(1, np.nan), np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
    )


def ways(moves, begin, end, state_in):
    """All ways through steps begin .. end - 1, as numbers of moves."""
    found = [((), state_in)]
    for step in range(begin, end):
        found = [
            ((*way, n), move.target) for way, state in found for n, move in enumerate(moves)
            if (move.step, move.source) == (step, state)
        ]  # fmt: skip
    return found


STEPS = [(2.0, 5.0), (7.0, 1.0), (0.0, 3.0)]
"""Least room and cycles."""
CHIP = Machine(10.0, 2.0, 1.5, 0.25, 0.5)


def step_s(move, chip):
    on_chip, outer = STEPS[move.step][1] * chip.cycle_s, (move.beside - move.kept) * chip.byte_s
    return max(on_chip, outer) + chip.phi * min(on_chip, outer) + chip.overhead_s


@pytest.mark.parametrize("end", [1, 2, 3])
def test_residency_is_the_best_of_all_ways(end):
    rng, fates = random.Random(end), set()
    for case in range(60):
        moves = random_moves(rng, end, 2)
        rest = np.array([rng.choice([0.0, 4.0]) for _ in range(end)])
        limit = math.inf if case % 2 else rng.uniform(5.0, 50.0)
        best, late, reached = {}, [False] * end, [False] * end
        for last in range(end):
            for way, state in ways(moves, 0, last + 1, 0):
                own = [moves[n] for n in way]
                if any(CHIP.capacity_bytes - move.reserved < STEPS[move.step][0] for move in own):
                    continue
                times = list(itertools.accumulate(step_s(move, CHIP) for move in own))
                if any(time + rest[at] >= limit for at, time in enumerate(times[:-1])):
                    continue
                late[last] |= times[-1] + rest[last] >= limit
                if times[-1] + rest[last] < limit:
                    reached[last] = True
                    found = times[-1], sum(move.beside - move.kept for move in own), way
                    best[last, state] = min(best.get((last, state), (math.inf,)), found)
        network, values, choice = (
            network_of(moves, STEPS[:end]),
            np.full((end + 1, 2, 2), 99.0),
            np.full((end, 2, 2), 99),
        )
        failed = kernels.residency(network, CHIP, rest, limit, memo(), values, choice)
        # It stops at the step that nothing reaches, but not where the limit alone keeps from it.
        stops = [step for step in range(end) if not (reached[step] or late[step])]
        assert failed == (stops[0] if stops else -1)
        fates.add((failed >= 0, limit < math.inf, (end - 1, 0) in best))
        for last, state in itertools.product(range(stops[0] if stops else end), range(2)):
            wanted = best.get((last, state), (math.inf, math.inf))
            assert values[last + 1, state, [TIME, MOVED]].tolist() == pytest.approx(list(wanted[:2]))
        if (end - 1, 0) in best and not stops:
            path = np.full((end, 2), 77)
            kernels.walk_back(network.source, choice, path)
            assert (path[:, 1] == -1).all()
            assert (tuple(path[:, 0].tolist()), 0) in ways(moves, 0, end, 0)
            way = [moves[n] for n in path[:, 0]]
            found = sum(step_s(move, CHIP) for move in way), sum(move.beside - move.kept for move in way)
            assert found == pytest.approx(best[end - 1, 0][:2])
    assert {(True, True, False), (False, False, True), (False, True, True)} <= fates


def test_a_way_is_followed_back_from_its_end():
    source, choice = np.array([1, 0, 2, 1]), np.full((3, 3, 2), -7)
    choice[2, 0], choice[1, 1], choice[0, 2] = (3, 30), (2, 20), (1, 10)
    path = np.full((3, 2), 77)
    kernels.walk_back(source, choice, path)
    assert path.tolist() == [[1, 10], [2, 20], [3, 30]]


def test_a_label_stays_that_no_other_beats():
    """Of all that came: earlier with as much ahead, or as early with more; where there is no room it does not come in."""
    rng, full = random.Random(6), 0
    for _ in range(60):
        labels, kept, count = np.full((3, 6), np.nan), [], 0
        for number in range(25):
            time, ahead = float(rng.randint(0, 6)), float(rng.randint(0, 6))
            beaten = any(t <= time and a >= ahead for t, a, _ in kept)
            left = [one for one in kept if not (one[0] >= time and one[1] <= ahead)]
            place, count = kernels.insert(labels, count, time, ahead, number + 0.5)
            if beaten or (len(kept) == 3 and len(left) == 3):
                full += not beaten
                assert place == -1
            else:
                kept = sorted([*left, (time, ahead, number)])
                assert kept[place][2] == number
                labels[place, MOVE] = labels[place, POINT] = labels[place, BEFORE] = number
            assert count == len(kept)
            assert labels[:count, [TIME, AHEAD, OWN]].tolist() == [[t, a, n + 0.5] for t, a, n in kept]
            assert (labels[:count, [MOVE, POINT, BEFORE]] == [[n] * 3 for *_, n in kept]).all()
    assert full > 5


def test_moves_of_steps_whose_weights_stay():
    """None of the first step's weights stay, 3 of 4 bytes of the second's, all 4 of the third's, and the fourth has none."""
    moves = [Option(0, 0, 0, 1.0, 2.0, 5.0, 4.0), *(Option(step, 0, 0, 1.0, 2.0, 5.0, 4.0) for step in (1, 2, 2, 3))]
    network = network_of(moves, [(0.0, 0.0)] * 4)
    spans = np.arange(20).reshape(5, 4)
    network = network._replace(spans=spans)
    costs, own = np.full((5, 4), 77.0), np.full((5, 4), 77)
    kernels.settle(
        np.array([0.0, 3.0, 4.0, 0.0]), np.array([4.0, 4.0, 4.0, 0.0]), np.array([0, 1, 2, 2, 3]), network, spans + 100,
        costs, own,
    )  # fmt: skip
    assert costs.tolist() == [[1, 2, 0, 4], [1, 2, 3, 1], [1, 2, 0, 0], [1, 2, 0, 0], [1, 2, 0, 4]]
    assert own.tolist() == [[*(spans[at] + 100 * (at in (2, 3)))] for at in range(5)]


def test_what_comes_after_a_step():
    to_come, rest = np.zeros(2), np.zeros((2, 2))
    kernels.come_after(
        np.array([8.0, 0.0]), np.array([3.0, 1.0]), np.array([5.0, 2.0]), CHIP, 20.0, to_come, rest
    )  # fmt: skip
    assert to_come.tolist() == [25.0, 22.0]
    assert rest[:, REST_S].tolist() == [16.0 * (1.0 - 1e-12), 0.0]
    assert rest[:, REST_BYTES].tolist() == [8.0 * (1.0 - 1e-12), 3.0 * (1.0 - 1e-12)]


# weights fetched ahead


def carried(way, chip, ahead, start, to_come):
    """(time, bytes ahead) after each step of a way, as docs/model.md says it."""
    time, have, out = 0.0, start, []
    for step, move in enumerate(way):
        total = max(0.0, move.beside - move.kept)
        used = min(have, move.first, total)
        on_chip, outer = STEPS[step][1] * chip.cycle_s, (total - used) * chip.byte_s
        most = min(ahead, to_come[step])
        idle = max(on_chip - outer, 0.0)
        fetched = idle / chip.byte_s if chip.byte_s else most
        have = min(have - used + fetched, most)
        time += max(on_chip, outer) + chip.overhead_s
        out.append((time, have))
    return out


def scratch():
    return kernels.Running(np.full((4, 2, 30, 6), 77.0), np.full((4, 2), 77), memo())


def ahead_of(to_come, rest=None, sizes=(0.0,), bounds=None, fifo=False, streamed=6.0):
    return kernels.Ahead(
        np.array(sizes), np.zeros(len(sizes)) if bounds is None else np.array(bounds), fifo, streamed, np.array(to_come),
        np.zeros((3, 2)) if rest is None else rest,
    )  # fmt: skip


def few_moves(rng):
    return [move for move in random_moves(rng, 3, 2) if rng.random() < 0.8]


def ends_of(moves, chip, ahead, start, to_come):
    """Of all ways to state 0, by the state after each step: (time, bytes ahead, way)."""
    room = chip.capacity_bytes - ahead
    return [
        (*carried(own, chip, ahead, start, to_come)[-1], way)
        for way, state in ways(moves, 0, 3, 0)
        if state == 0
        for own in [[moves[n] for n in way]]
        if all(room - move.reserved >= STEPS[move.step][0] for move in own)
    ]


@pytest.mark.parametrize("byte_s", [1.5, 0.0])
@pytest.mark.parametrize(("ahead", "start"), [(0.0, 0.0), (3.0, 0.0), (4.0, 2.0)])
def test_weights_fetched_ahead_are_the_best_of_all_ways(ahead, start, byte_s):
    """Of the ends that no other beats all are labels, and each label is a way that takes what it says."""
    rng, chip, several, fails = random.Random(7), CHIP._replace(byte_s=byte_s, capacity_bytes=15.0), 0, set()
    for _ in range(90):
        moves, to_come = few_moves(rng), [5.0, 2.0, 6.0]
        network, running = network_of(moves, STEPS), scratch()
        failed = kernels.prefetch(network, chip, ahead_of(to_come), ahead, (start, 0.0), math.inf, running, True)
        ends = ends_of(moves, chip, ahead, start, to_come)
        fails.add(failed >= 0)
        if failed >= 0 or not ends:
            assert not ends
            assert failed == -1 or not running.counts[failed + 1].any()
            continue
        count = running.counts[3, 0]
        labels = running.labels[3, 0, :count]
        best = {
            (round(time, 9), round(have, 9)) for time, have, _ in ends
            if not any(t <= time + 1e-9 and a >= have - 1e-9 and (t, a) != (time, have) and
                       (t < time - 1e-9 or a > have + 1e-9) for t, a, _ in ends)
        }  # fmt: skip
        assert {(round(time, 9), round(have, 9)) for time, have in labels[:, [TIME, AHEAD]].tolist()} == best
        several += len(best) > 1
        for label in range(count):
            path, times = np.full((3, 2), 77), np.full(3, np.nan)
            kernels.walk_labels(network.first, network.source, running.labels, label, path, times)
            own = carried([moves[n] for n in path[:, 0]], chip, ahead, start, to_come)
            assert own[-1] == pytest.approx(tuple(labels[label, [TIME, AHEAD]]))
            assert np.cumsum(times) == pytest.approx([time for time, _ in own])
            assert (path[:, 1] == -1).all()
    assert several > 1 or ahead == 0.0 or byte_s == 0.0
    assert fails == {False, True}


def test_what_cannot_end_in_time_is_dropped():
    """By what is to come on the chip, or by the bytes that are missing and due; the limit itself is too late."""
    one = [Option(step, 0, 0, 0.0, 2.0, 0.0, 0.0) for step in range(3)]
    network, to_come = network_of(one, STEPS), [9.0] * 3
    chip = Machine(20.0, 2.0, 1.0, 0.0, 0.0)  # steps of 10, 2 and 6 seconds, with 8, 0 and 4 to fetch in
    for ahead, due, rest, ends in [
        (0.0, 0.0, [(8.0, 0.0), (6.0, 0.0), (0.0, 0.0)], 18.0),
        (0.0, 0.0, [(8.0, 0.0), (9.0, 0.0), (0.0, 0.0)], 21.0),
        (0.0, 0.0, [(8.0, 0.0), (6.0, 10.0), (0.0, 0.0)], 22.0),
        (5.0, 7.0, [(8.0, 0.0), (6.0, 10.0), (0.0, 0.0)], 24.0),  # 5 of the 17 bytes are there
        (5.0, 7.0, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], 20.0),
    ]:
        weights = ahead_of(to_come, np.array(rest))
        found = [
            kernels.prefetch(network, chip, weights, ahead, (0.0, due), limit, scratch(), True)
            for limit in (ends, ends + 0.5)
        ]
        assert found == [-2, -1]
    small = chip._replace(capacity_bytes=6.0)
    assert kernels.prefetch(network, small, ahead_of(to_come), 0.0, (0.0, 0.0), 50.0, scratch(), True) == 1


def test_the_first_size_that_is_faster():
    """Each size cold and then warm: a cold run must beat the later limit, a warm one the steady; what lacks is waited for."""
    rng, seen = random.Random(8), set()
    chip, sizes = CHIP._replace(capacity_bytes=15.0), (0.0, 2.0, 4.0, 7.0)
    for case in range(160):
        moves, to_come, streamed, fifo = few_moves(rng), [5.0, 2.0, 6.0], rng.choice([0.0, 3.0, 6.0]), case % 2 == 1
        known = (
            case % 4 < 2
        )  # seconds on the chip that are to come, more than half of the limits; no step has more weights
        to_come, streamed = ([20.0, 16.0, 12.0], 12.0) if known else (to_come, streamed)
        chip, more = (chip._replace(overhead_s=8.0), 22.0) if known else (chip._replace(overhead_s=0.5), 0.0)
        network, limits, begin = (
            network_of(moves, STEPS),
            (more + rng.uniform(5, 35), more + rng.uniform(5, 35)),
            rng.randint(0, 3),
        )
        wanted, over = None, False
        for run in range(begin, 8):
            ahead, warm = sizes[run // 2], run % 2
            start = min(ahead, streamed) if warm else 0.0
            if over or (warm and start == 0.0):
                continue
            own = chip._replace(capacity_bytes=15.0 + ahead * fifo)
            every = [
                (time + max(0.0, start - have) * chip.byte_s, max(0.0, start - have) * chip.byte_s)
                for time, have, _ in ends_of(moves, own, ahead, start, to_come)
            ]
            over = not every and not warm
            limit = limits[1] if warm else max(limits)
            if every and min(every)[0] < limit - 1e-9:
                wanted = run, min(every)
                break
        rest = np.array([[8.0, 0.0], [6.0, 0.0], [0.0, 0.0]]) if known else None
        weights, running = ahead_of(to_come, rest, sizes, None, fifo, streamed), scratch()
        run, label, wait = kernels.fetch_ahead(network, chip, weights, np.array(limits), running, begin)
        seen.add(run)
        assert run == (8 if wanted is None else wanted[0])
        if wanted:
            assert wait == pytest.approx(wanted[1][1])
            assert running.labels[3, 0, label, TIME] + wait == pytest.approx(wanted[1][0])
            near = np.full(2, wanted[1][0] * (1.0 + 1e-12))  # rounding leaves out nothing
            assert kernels.fetch_ahead(network, chip, weights, near, running, run)[0] == run
    assert len(seen) > 4


def test_the_end_that_waits_least_with_its_time():
    """The first of equals; what is missing of 9 bytes is waited for."""
    labels, counts, chip = np.full((3, 2, 4, 6), 1.0), np.array([[9, 9], [9, 9], [4, 1]]), CHIP._replace(byte_s=2.0)
    labels[2, 0, :, [TIME, AHEAD]] = [[8.0, 10.0, 14.0, 15.0], [3.0, 6.0, 8.0, 12.0]]  # ends at 20, 16, 16 and 15
    assert kernels.best_label(labels, counts, 2, 9.0, math.inf, chip) == (3, 0.0)
    counts[2, 0] = 3
    assert kernels.best_label(labels, counts, 2, 9.0, math.inf, chip) == (1, 6.0)
    assert kernels.best_label(labels, counts, 2, 9.0, 16.0, chip)[0] == -1
    assert kernels.best_label(labels, counts, 2, 3.0, math.inf, chip) == (0, 0.0)


def test_sizes_whose_bound_is_too_late_are_not_run():
    one = [Option(step, 0, 0, 0.0, 2.0, 0.0, 0.0) for step in range(3)]
    network, chip = network_of(one, STEPS), Machine(20.0, 2.0, 1.0, 0.0, 0.0)  # 18 seconds
    for bounds, begin, wanted in [((50.0, 20.0), 0, 0), ((0.0, 20.0), 2, 4), ((0.0, 19.0), 2, 2), ((0.0, 20.0), 3, 3)]:
        weights = ahead_of([9.0] * 3, None, (0.0, 4.0), bounds, False, 4.0)
        assert kernels.fetch_ahead(network, chip, weights, np.array([15.0, 20.0]), scratch(), begin)[0] == wanted
