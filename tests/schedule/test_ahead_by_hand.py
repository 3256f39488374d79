"""What a search for many chips tries, and what a schedule says of itself, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from two_layers import C, U, two_layers

from simulator.kernels.layout import Machine
from simulator.kernels.schedule_sums import BLOCK
from simulator.schedule import few, many_prefetch
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Piece, Plan, Terms


def runs_of(keep, fifo_bytes=None, capacity=20.0):
    found = many_prefetch._runs_of(two_layers(), np.array([capacity * U]), keep, fifo_bytes)
    columns = (found.room[:, 0], found.ahead, found.start[:, 0], found.stays[:, 0], found.least_bytes[:, 0])
    return [tuple(row) for row in (np.column_stack(columns) / U).round(9).tolist()], found


def test_runs_without_kept_weights_have_each_size_set_aside():
    rows, found = runs_of(False)
    assert rows == [(20, 0, 0, 0, 10), (4, 16, 10, 0, 10)]
    assert found.least_cycles.tolist() == [[60 * C], [60 * C]]
    rows, _ = runs_of(False, fifo_bytes=3 * U)
    assert rows == [(20, 3, 3, 0, 10)]


def test_runs_of_every_room():
    """All weights kept; none; then rooms of the list from the largest that leave less than all weights, by whole channels of 4 U.

    Bytes and cycles are those of tilings that fit the next room of the list: 5 U for both layers, or 8 U for the first.
    """
    rows, found = runs_of(True)
    listed = 4 * 2.0 ** (np.arange(10) / 4)  # up to 19 U; from 10.4 U on less is left than all weights
    assert rows[0] == (10, 0, 0, 10, 8)  # the other weights are there for nothing: 4 + 4 U
    assert rows[1:3] == [(20, 0, 0, 0, 10), (4, 16, 10, 0, np.inf)]
    stays = [4.0 * ((20 - size) // 4) for size in listed if 20 - size < 10]
    assert [row[3] for row in rows[3:] if row[1] == 0] == stays[::-1]
    assert [row[1] for row in rows] == [
        0,
        0,
        16,
        *[ahead for kept in stays[::-1] for ahead in ([0, 16] if 20 - kept > 16 else [0])],
    ]
    for (room, ahead, start, kept, least), cycles in zip(rows, found.least_cycles[:, 0], strict=True):
        assert room == 20 - kept - ahead
        assert start == min(ahead, 10 - kept)
        if room < listed[-1]:
            of_tiles = (np.inf, np.inf) if room <= 4 else (80 * C, 10) if room <= listed[3] else (70 * C, 8)
            assert (cycles, least) == (of_tiles[0], of_tiles[1] + 10 - kept)
        else:
            assert (cycles, least) == (60 * C, 10 - kept)
    rows, _ = runs_of(True, fifo_bytes=3 * U)
    assert rows[0] == (10, 0, 0, 10, 8)
    assert all(row[:3] == (20 - row[3], 3, min(3, 10 - row[3])) for row in rows[1:])


def test_runs_of_several_sizes_are_those_of_each():
    """In the same order; what a size does not try has a negative room."""
    sizes = [9.0, 20.0, 21.0, 40.0]
    for fifo_bytes in (None, 3 * U):
        found = many_prefetch._runs_of(two_layers(), np.array(sizes) * U, True, fifo_bytes)
        for at, size in enumerate(sizes):
            alone, _ = runs_of(True, fifo_bytes, size)
            columns = (found.room[:, at], found.ahead, found.start[:, at], found.stays[:, at], found.least_bytes[:, at])
            rows = [tuple(row) for row in (np.column_stack(columns) / U).round(9).tolist() if row[0] >= 0.0]
            assert [(row[0], *row[2:4]) for row in rows] == [(row[0], *row[2:4]) for row in alone]
            assert all(row[4] >= one[4] for row, one in zip(rows, alone, strict=True))  # larger rooms are known, too
            if fifo_bytes is None:
                assert [row[1] for row in rows] == [row[1] for row in alone]


def test_memory_of_a_block_is_that_of_its_labels():
    pool = two_layers()
    labels = many_prefetch._Scratch(pool, 1).running.labels
    assert many_prefetch._block_bytes(pool) == sum(column.nbytes for column in labels[:2])
    assert sum(column.nbytes for column in labels[:2]) > 1000 * BLOCK


@pytest.fixture
def piece():
    """Four steps, from the second of a pool on: tilings 0 and 2, vector work, tiling 1; the second move reserves and spares."""
    pool = SimpleNamespace(
        points=np.array([[5.0, 100.0, 7.0], [6.0, 200.0, 1.0], [7.0, 300.0, 3.0]]),
        footprints=np.array([10.0, 20.0, 30.0]),  # offered in less room than they need
        steps=np.array([[90.0, 99.0], [91.0, 4.0], [92.0, 5.0], [93.0, 6.0], [94.0, 8.0]]),
        starts=np.zeros(5),
    )
    costs = np.array([[0.0, 0.0, 0.0, 0.0], [1000.0, 50.0, 400.0, 0.0], [0.0, 25.0, 5.0, 0.0]])
    terms = Terms(np.array([0.5, 0.25]), costs, np.zeros((3, 4)), Machine(1e9, 1.0, 2.0, 0.0, 0.0), np.zeros(2))
    path = np.array([[0, 0], [1, 2], [2, -1], [2, 1]])
    return Piece(pool, terms, 1, path, np.array([1.0, 2.0, 3.0, 4.0]))


def test_what_a_piece_of_a_schedule_takes(piece):
    assert piece.points.tolist() == [0, 2, -1, 1]
    assert piece.vector.tolist() == [4.0, 5.0, 6.0, 8.0]
    assert piece.tile_bytes().tolist() == [100.0, 300.0, 0.0, 200.0]
    assert piece.outer_bytes().tolist() == [100.0, 0.0, 20.0, 220.0]
    assert piece.cycles().tolist() == [7.0, 5.0, 6.0, 8.0]
    assert piece.footprints().tolist() == [10.75, 1030.75, 93.75, 20.75]
    assert (piece.load_s.tolist(), piece.total_s.tolist()) == ([0.0] * 4, [1.0, 2.0, 3.0, 4.0])


def test_a_piece_that_runs_three_times_loads_its_weights_once(piece):
    again = Piece(
        *(getattr(piece, name) for name in ("pool", "terms", "start", "path", "step_s")), 3, 0.125, np.arange(4.0)
    )
    assert again.outer_bytes().tolist() == [300.0, 1.0, 62.0, 663.0]
    assert again.load_s.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert again.total_s.tolist() == [3.0, 8.0, 13.0, 18.0]
    assert (again.footprints() - piece.footprints()).tolist() == [6.125] * 4
    plan = Plan((piece, again))
    assert plan.time_s == 10.0 + 42.0
    assert plan.step_s.tolist() == [*piece.total_s, *again.total_s]
    assert plan.outer_bytes.tolist() == [*piece.outer_bytes(), *again.outer_bytes()]
    assert plan.footprints.tolist() == [*piece.footprints(), *again.footprints()]
    assert plan.kept_bytes == 0.75


def test_vector_work_alone_has_no_tilings(piece):
    bare = SimpleNamespace(points=np.zeros((0, 3)), footprints=np.zeros(0), steps=piece.pool.steps)
    alone = Piece(bare, piece.terms, 1, np.array([[0, -1], [2, -1]]), np.zeros(2))
    assert alone.tile_bytes().tolist() == [0.0, 0.0]
    assert alone.cycles().tolist() == [4.0, 5.0]
    assert alone.outer_bytes().tolist() == [0.0, 20.0]
    assert alone.footprints().tolist() == [91.75, 92.75]


def test_a_quick_schedule_of_a_run_beyond_the_last_is_that_of_the_last():
    """Sizes of 0, 64 and 128 KiB: runs 4 and 5 are the last; without a number it is the largest below half the SRAM."""
    pool, chips = two_layers(), Machines(np.array([60 * U]), np.array([1e-6]), np.array([1e-4]), np.zeros(1), "network")
    times = [few.quick(pool, chips, None, np.inf, run) for run in (0, 1, 2, 3, 4, 5, 98, 99, None)]
    assert times[6:8] == times[4:6]
    assert times[8] == times[2]
    assert [warm for _, warm in times] == [False, True] * 4 + [False]
    assert len({time for time, _ in times}) > 1
    assert few.quick(pool, chips, None, times[2][0], 2) == (np.inf, False)


def test_a_schedule_as_slow_as_the_limit_is_none():
    """Of a batch on its own, and of many: each has its own limit."""
    pool, chips = two_layers(), Machines(np.array([60 * U]), np.array([1e-6]), np.array([1e-4]), np.zeros(1), "network")
    cold, steady = few.solve_one(pool, chips)
    for limits in ((cold.time_s, np.inf), (np.inf, steady.time_s), (cold.time_s, steady.time_s)):
        found = few.solve_one(pool, chips, None, limits)
        assert [None if plan is None else plan.time_s for plan in found] == [
            None if np.isfinite(limit) else own.time_s for limit, own in zip(limits, (cold, steady), strict=True)
        ]
