"""Staircases and labels against all rows, and what a step's kept weights change; without the compiler alone."""

import itertools
import math
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.frontier.packs import blocks_of, mark_all
from simulator.kernels import schedule_few as few
from simulator.kernels import stairs
from simulator.kernels.layout import BESIDE, BYTES, CYCLES, FIRST_PASS, FOOTPRINT, KEPT, RESERVED, Machine, Net

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


def frontier(rng, count):
    """Rows by rising footprint, the number of which is small enough that many are equal in one thing or another."""
    rows = [[rng.randint(1, 60), rng.randint(0, 40), rng.randint(0, 40)] for _ in range(count)]
    return np.array(sorted(rows), dtype=np.float64)


def beats(one, other):
    """Whether a row is no worse in bytes and cycles, and better in one."""
    no_worse = one[BYTES] <= other[BYTES] and one[CYCLES] <= other[CYCLES]
    return no_worse and (one[BYTES] < other[BYTES] or one[CYCLES] < other[CYCLES])


def best_in(points, lo, hi, room):
    """Rows that fit and that no other one that fits beats; of equals the first."""
    fit = [at for at in range(lo, hi) if points[at, FOOTPRINT] <= room]
    return {
        at
        for at in fit
        if not any(beats(points[o], points[at]) for o in fit)
        and not any(o < at and (points[o, 1:] == points[at, 1:]).all() for o in fit)
    }


@pytest.mark.parametrize("seed", range(2))
def test_a_query_finds_the_rows_that_no_other_beats(seed):
    rng = random.Random(seed)
    parts = [frontier(rng, count) for count in (2 * stairs.MARK + 5, 1, stairs.MARK)]
    points, bounds = np.concatenate(parts), np.cumsum([0, *map(len, parts)])
    net, blocks = Net(points, *mark_all(points, bounds)), blocks_of(bounds)
    for number, (lo, hi) in enumerate(itertools.pairwise(bounds.tolist())):
        span = np.array([lo, hi, blocks[:number].sum(), 0])
        for least, more in itertools.product((0.0, 1.0, 7.0, 20.5, 33.0, 59.0, 70.0), (0.0, 4.0, 100.0)):
            most = least + more
            own = {*points[lo:hi, FOOTPRINT].tolist(), least}
            wanted = set().union(*(best_in(points, lo, hi, room) for room in own if least <= room <= most))
            out = np.full(200, -1)
            count = stairs.stairs_between(span, net, least, most, out)
            assert {*out[:count].tolist()} == wanted
            assert count == len(wanted)
            assert (np.diff(points[out[:count], BYTES]) >= 0.0).all()
            if count:
                assert stairs.stairs_between(span, net, least, most, np.zeros(count - 1, dtype=np.int64)) == -1
                assert stairs.stairs_between(span, net, least, most, np.zeros(count, dtype=np.int64)) == count


def test_rows_leave_where_another_beats_them():
    # The third has the bytes of the second and fewer cycles; the fourth beats the first two; the last is beaten as it comes.
    points = np.array([[1, 10, 10], [2, 8, 12], [3, 8, 11], [4, 7, 9], [5, 6, 20], [6, 7, 9]], dtype=np.float64)
    found = mark_all(points, np.array([0, len(points)]))
    assert found.life.tolist() == [[1, 4], [2, 3], [3, 4], [4, math.inf], [5, math.inf], [6, 6]]


def test_the_last_answer_to_a_query_is_remembered():
    points = np.array([[1, 10, 30], [2, 20, 20], [3, 30, 10]], dtype=np.float64)
    net = Net(points, *mark_all(points, np.array([0, 3])))
    memo = stairs.Memo(
        np.full(3, math.nan), np.zeros(3, dtype=np.int64), np.zeros((3, 2), dtype=np.int64), np.zeros(9, np.int64)
    )
    span = np.array([0, 3, 0, 1])
    rows, count = stairs.fitting(span, net, 2.0, memo)
    assert rows[:count].tolist() == [0, 1]
    assert (memo.rooms[1], memo.counts[1], memo.rows[1].tolist()) == (2.0, 2, [0, 1])
    memo.rows[1, 0] = 77  # what is remembered is given
    rows, count = stairs.fitting(span, net, 2.0, memo)
    assert rows[:count].tolist() == [77, 1]
    rows, count = stairs.fitting(span, net, 3.0, memo)  # too long to be remembered
    assert (rows[:count].tolist(), memo.rooms[1]) == ([0, 1, 2], 2.0)
    rows, count = stairs.fitting(span, net, 1.0, memo)
    assert (rows[:count].tolist(), memo.rooms[1]) == ([0], 1.0)
    assert math.isnan(memo.rooms[0])


# labels of weights fetched ahead


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_those_that_no_other_beats_in_time_and_bytes_ahead(seed):
    rng, room = random.Random(seed), 4
    labels, count, kept, full = np.zeros((room, 6)), 0, [], 0
    for number in range(60):
        time = rng.randint(0, 20)
        new = (float(time), float(time + rng.randint(0, 6)))
        place, now = few.insert(labels, count, *new, 100.0 + number)
        beaten = any(time <= new[0] and ahead >= new[1] for time, ahead, _ in kept)
        left = [one for one in kept if not (one[0] >= new[0] and one[1] <= new[1])]
        if beaten or len(left) == room:
            assert (place, now) == (-1, count)
            full += not beaten
        else:
            kept, count = sorted([*left, (*new, 100.0 + number)]), now
            labels[place, few.MOVE] = number
        assert count == len(kept)
        assert [tuple(row) for row in labels[:count, : few.OWN + 1].tolist()] == kept
        assert labels[:count, few.MOVE].tolist() == [own - 100.0 for _, _, own in kept]  # the other columns come along
    assert full > 0


def test_what_kept_weights_change_of_a_move():
    """None, a part and all of three steps' weights, the third's of one byte or half of one; the last step has none."""
    for third in (8.0, 1.0, 0.5):
        kept_weights_change(np.array([8.0, 8.0, third, 0.0]), np.array([0.0, 3.0, third, 0.0]))


def kept_weights_change(weights, kept):
    step = np.array([0, 1, 2, 2, 3])
    costs, spans, inside = np.zeros((5, 4)), np.arange(20).reshape(5, 4), 100 + np.arange(20).reshape(5, 4)
    costs[:, RESERVED], costs[:, BESIDE], costs[:, FIRST_PASS] = 5.0, 6.0, weights[step]
    out, out_spans = np.full((5, 4), 9.0), np.full((5, 4), 9)
    few.settle(kept, weights, step, SimpleNamespace(costs=costs, spans=spans), inside, out, out_spans)
    assert out[:, RESERVED].tolist() == [5.0] * 5
    assert out[:, BESIDE].tolist() == [6.0] * 5
    assert out[:, KEPT].tolist() == [0.0, 3.0, 0.0, 0.0, 0.0]
    assert out[:, FIRST_PASS].tolist() == [8.0, 5.0, 0.0, 0.0, 0.0]
    assert out_spans.tolist() == [*spans[:2].tolist(), *inside[2:4].tolist(), spans[4].tolist()]


def test_what_is_to_come_after_a_step():
    to_come, rest = np.zeros(3), np.zeros((3, 2))
    machine = Machine(1.0, 0.5, 1.0, 0.0, 0.0)
    beside, left = np.array([5.0, 5.0, 0.0]), np.array([30.0, 10.0, 0.0])
    few.come_after(np.array([6.0, 4.0, 0.0]), beside, left, machine, 50.0, to_come, rest)
    assert to_come.tolist() == [80.0, 60.0, 50.0]
    assert rest[:, few.REST_S] == pytest.approx([3.0, 2.0, 0.0], rel=1e-9)
    assert rest[:, few.REST_BYTES] == pytest.approx([35.0, 15.0, 0.0], rel=1e-9)
    assert (rest[:2] < [[3.0, 35.0], [2.0, 15.0]]).all()  # a little less, for sums in another order
