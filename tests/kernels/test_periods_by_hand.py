"""Layers that are alike: when what is known before them is the same, and what is chosen again. Without the compiler alone."""

import math
import os

import numpy as np
import pytest

from simulator.kernels import schedule_periods as kernels
from simulator.kernels.layout import BESIDE, FIRST_PASS, KEPT, SPAN_LO, Machine, Net, Network
from simulator.kernels.schedule_few import Ahead, Running

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

AGAIN = math.inf
MACHINE = Machine(1e9, 2.0, 3.0, 0.5, 1.0)
"""Two seconds a cycle, three a byte, half of the shorter time beside the longer, one second a step."""


def network_of(steps, back=()):
    """Two moves a step: to state 0 from state 1 with 8 cycles and 5 bytes, and vector work of 6 cycles from state 0 to 1."""
    none = np.zeros(0)
    costs, spans = np.zeros((2 * steps, 4)), np.zeros((2 * steps, 4), dtype=np.int64)
    costs[:, BESIDE], costs[:, KEPT] = 7.0, 2.0
    source, target = (np.array([one, other] * steps) for one, other in ((1, 0), (0, 1)))
    points = np.array([[9.0, 9.0, 9.0], [1.0, 5.0, 8.0]])
    return Network(
        np.arange(0, 2 * steps + 1, 2), source, target, spans, costs, np.array([[0.0, 6.0]] * steps), np.array(back),
        Net(points, none, none, none, none),
    )  # fmt: skip


def test_moves_are_the_same_where_as_much_stays():
    """Of each step the first move tells, of all others the pool."""
    assert kernels.same_moves(network_of(4), 3, 2)
    for column, table in ((KEPT, "costs"), (FIRST_PASS, "costs"), (SPAN_LO, "spans")):
        for move, same in ((6, False), (2, False), (0, True), (3, True), (4, True), (7, True)):
            network = network_of(4)
            getattr(network, table)[move, column] += 1
            assert kernels.same_moves(network, 3, 2) == same


def values_of(*changes):
    """Known before steps 1 and 3: the same but for five seconds and 64 bytes; of four states one is not reached."""
    values = np.full((5, 4, 2), 999.0)
    values[1] = [[AGAIN, AGAIN], [1.0, 10.0], [2e6, 30.0], [3.0, 20.0]]
    values[3] = values[1] + [5.0, 64.0]
    for at, change in changes:
        values[at] += change
    return values


@pytest.mark.parametrize("state", [1, 2, 3])
def test_what_is_known_differs_by_one_time_and_one_number_of_bytes(state):
    assert kernels.same_values(values_of(), 3, 2)
    assert kernels.same_values(values_of(((3, slice(1, 4), 0), 2.0), ((3, slice(1, 4), 1), 3.0)), 3, 2)
    for step in (1, 3):
        assert not kernels.same_values(values_of(((step, state, 0), 0.01)), 3, 2)
        assert not kernels.same_values(values_of(((step, state, 0), -0.01)), 3, 2)
        assert not kernels.same_values(values_of(((step, state, 1), 1.0)), 3, 2)
        gone = values_of()
        gone[step, state] = AGAIN
        assert not kernels.same_values(gone, 3, 2)
        come = values_of()
        come[step, 0] = 1.0
        assert not kernels.same_values(come, 3, 2)
    assert kernels.same_values(values_of(((2, slice(None), 0), 0.01)), 3, 2)  # between them


def test_times_may_differ_by_the_order_of_sums():
    assert kernels.same_values(values_of(((3, 2, 0), 1.5e-6)), 3, 2)
    assert not kernels.same_values(values_of(((3, 2, 0), 2.5e-6)), 3, 2)
    nothing = np.full((5, 4, 2), AGAIN)
    assert kernels.same_values(nothing, 3, 2)


def test_the_same_is_chosen_again():
    """State 0 from state 1 with the second point, state 1 from state 0 with vector work, state 2 not at all.

    8 cycles and 5 + 7 - 2 bytes take 30 + 16 / 2 + 1 seconds; 6 cycles and 7 - 2 bytes 15 + 12 / 2 + 1.
    """
    network, choice = network_of(4), np.full((4, 3, 2), 77)
    network.costs[:4] = network.costs[6:] = 99.0  # those of the step at hand count
    values, rest = np.full((5, 3, 2), 5.0), np.array([1e9, 1e9, 2.0, 1e9])
    values[2] = [[1.0, 10.0], [2.0, 20.0], [AGAIN, AGAIN]]
    choice[1, :2] = [[2, 1], [3, -1]]

    def again(limit, rest):
        return kernels.again(network, MACHINE, 2, 1, rest, limit, values, choice)

    assert again(43.5, rest)
    assert values[3].tolist() == [[2.0 + 39.0, 20.0 + 10.0], [1.0 + 22.0, 10.0 + 5.0], [AGAIN, AGAIN]]
    assert choice[2].tolist() == [[4, 1], [5, -1], [77, 77]]
    assert not again(43.0, rest)
    network.costs[4:6, KEPT] = 1000.0  # more stays than what the tiles move; vector work has no less than nothing
    assert again(1e9, np.zeros(4))
    assert values[3, 0].tolist() == [2.0 + 16.0 + 1.0, 20.0]
    network.steps[2, 1] = 100.0  # vector work beside the tiles takes longer
    network.costs[4:6, KEPT] = 2.0
    assert again(1e9, np.zeros(4))
    assert values[3, 0].tolist() == [2.0 + 200.0 + 15.0 + 1.0, 30.0]


def running_of(steps):
    """Two states with room for three labels."""
    return Running(np.full((steps + 1, 2, 3, 6), 555.0), np.zeros((steps + 1, 2), dtype=np.int64), None)


def labelled():
    """Before steps 1 and 3: two labels of state 0 and one of state 1, five seconds later."""
    running = running_of(4)
    for step, later in ((1, 0.0), (3, 5.0)):
        running.counts[step] = 2, 1
        running.labels[step, 0, :2, :2] = [[2e6 + later, 10.0], [2e6 + 1.0 + later, 30.0]]
        running.labels[step, 1, 0, :2] = [3.0 + later, 0.0]
    return running


def test_labels_differ_by_one_time():
    def same(*changes):
        running = labelled()
        for at, change in changes:
            running.labels[at] += change
        return kernels.same_labels(running.labels, running.counts, 3, 2)

    assert same()
    assert same(((3, 0, slice(2), kernels.TIME), 2.0), ((3, 1, 0, kernels.TIME), 2.0))
    assert same(((3, 0, 1, kernels.OWN), 2.0), ((3, 0, 2, kernels.TIME), 2.0), ((2, 0, 0, kernels.TIME), 2.0))
    for step in (1, 3):
        for state, label in ((0, 0), (0, 1), (1, 0)):
            for change in (0.01, -0.01):
                assert not same(((step, state, label, kernels.TIME), change))
            assert not same(((step, state, label, kernels.AHEAD), 1.0))
    assert same(((3, 0, 1, kernels.TIME), 1.5e-6))
    assert not same(((3, 0, 1, kernels.TIME), 2.5e-6))
    for step in (1, 3):
        for state in (0, 1):
            running = labelled()
            running.counts[step, state] += 1
            assert not kernels.same_labels(running.labels, running.counts, 3, 2)


def test_the_same_labels_are_made_again():
    """Two labels of state 0 from both labels of state 1; of state 1 none. The first has to fetch 100 + 3 - 30 bytes more."""
    network, running = network_of(4), running_of(4)
    labels, counts = running.labels, running.counts
    counts[2], counts[3] = (2, 0), (9, 9)
    labels[2, 1, :2, kernels.TIME] = 10.0, 20.0
    #                  time, ahead, own, move, point, before
    labels[2, 0, :2] = [[70.0, 30.0, 4.0, 2.0, 1.0, 1.0], [80.0, 40.0, 6.0, 2.0, -1.0, 0.0]]
    rest = np.array([[1e9, 1e9], [1e9, 1e9], [5.0, 100.0], [1e9, 1e9]])

    def again(limit):
        return kernels.labels_again(network, MACHINE, 2, 1, rest, (3.0, limit), running)

    late = 20.0 + 4.0 + (100.0 + 3.0 - 30.0) * 3.0
    assert again(late + 0.5)
    assert labels[3, 0, :2].tolist() == [[24.0, 30.0, 4.0, 4.0, 1.0, 1.0], [16.0, 40.0, 6.0, 4.0, -1.0, 0.0]]
    assert counts[3].tolist() == [2, 0]
    assert not again(late)
    rest[2] = 50.0, 0.0
    assert again(24.0 + 50.5)
    assert not again(24.0 + 50.0)


def late_after(limit, back=(0, 0, 2, 2, 2, 2, 2, 0), to_come=(1e9,) * 8, changes=()):
    """Labels that take 6 and 8 seconds a period of two steps, and end at 22 and 20 before what is to come of 7 seconds each."""
    network, running = network_of(8, back), running_of(8)
    for move, column in changes:
        network.costs[move, column] += 1.0
    labels, counts = running.labels, running.counts
    counts[2] = 1, 1
    labels[2, :, 0, kernels.TIME], labels[0, :, 0, kernels.TIME] = (10.0, 4.0), (4.0, -4.0)
    labels[2, :, 0, kernels.AHEAD] = 1.0, 2.0
    rest = np.full((8, 2), 1e9)
    rest[5], rest[3] = (7.0, 1.0), (2.0, 4.0)
    weights = Ahead(None, None, False, 0.0, np.array(to_come), rest)
    return kernels.ends_late(network, MACHINE, weights, 100.0, 2, (2.0, limit), running)


def test_periods_that_do_not_end_in_time():
    """Two whole periods, of which nothing but the time grows: from 10 to 22 and from 4 to 20. Then seven seconds are to come."""
    assert late_after(27.0 * (1 - 2e-9))
    assert not late_after(27.0)
    assert not late_after(28.5)
    # A period of which less may be ahead, or whose moves differ, is none: after one 16 and 12, and (4 + 2 - 1) x 3 seconds.
    less = (*(1e9,) * 4, 50.0, *(1e9,) * 3)
    for told in ({"to_come": less}, {"changes": [(2 * 4, KEPT)]}, {"back": (0, 0, 2, 2, 3, 2, 2, 0)}):
        assert late_after(24.0 * (1 - 2e-9), **told)
        assert not late_after(24.0, **told)
    assert not late_after(0.0, to_come=(*(1e9,) * 3, 50.0, *(1e9,) * 4))
    assert not late_after(0.0, back=(0, 0, 2, 0, 0, 0, 0, 0))
    assert late_after(27.0 * (1 - 2e-9), to_come=(*(100.0,) * 4, *(200.0,) * 4))  # more than fits
