"""Rooms of an SRAM and weights that stay in it: the fixed list, whole output channels, and what is left for all else."""

import itertools
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import adapter
import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.kernels.schedule_rooms import PER_OCTAVE, SMALLEST_ROOM
from simulator.lower.rows import lower
from simulator.schedule import keep
from simulator.schedule.keep import channel_bytes, fixed_sizes, listed, order_of, real_room, rooms, rooms_of, share
from simulator.schedule.machines import machines_of
from simulator.schedule.pool import build_pool


@pytest.fixture(scope="module")
def pool():
    """A convolution with little weight for its work, and a dense layer with much: 4 x 27 and 6 x 256 bytes."""
    net = NetworkBuilder("two")
    x = net.conv(net.input(3, 8, 8), 4, 3, padding=1, bias=False, name="conv")
    net.dense(x.flat(), 6, bias=False, name="dense")
    low = lower(net.build(), load_chip("example_edge", set={"array.winograd": False}), 2)
    return build_pool(low, 256.0, True, True)


def test_the_fixed_list_doubles_every_octave():
    sizes = fixed_sizes(4.0 * SMALLEST_ROOM + 1.0)
    assert len(sizes) == 2 * PER_OCTAVE + 1
    assert sizes[:: int(PER_OCTAVE)] == [SMALLEST_ROOM, 2 * SMALLEST_ROOM, 4 * SMALLEST_ROOM]
    assert [after / size for size, after in pairwise(sizes)] == pytest.approx(
        [2 ** (1 / PER_OCTAVE)] * (len(sizes) - 1)
    )
    assert fixed_sizes(SMALLEST_ROOM) == []
    assert [listed(room) for room in (1.0, SMALLEST_ROOM, sizes[3], sizes[3] * 1.001, sizes[4] * 0.999)] == [
        SMALLEST_ROOM, SMALLEST_ROOM, sizes[3], sizes[4], sizes[4]
    ]  # fmt: skip
    assert all(listed(size) == size for size in fixed_sizes(1e15))  # though its logarithm is rounded


def test_rooms_leave_out_what_keeps_more_than_there_is():
    """Below the SRAM, those that leave less than all weights, and what all weights leave."""
    sizes = fixed_sizes(4.0 * SMALLEST_ROOM)
    capacity = sizes[-1] + 100.0
    tried = rooms(capacity, capacity - sizes[3] - 50.0)
    assert tried == [sizes[3] + 50.0, *sizes[4:]]
    assert rooms(capacity, capacity) == sizes
    assert rooms(capacity, 1.0) == [capacity - 1.0]


def test_weights_with_the_least_work_stay_first_by_whole_channels(pool):
    assert pool.weights.tolist() == [108.0, 1536.0]
    assert [channel_bytes(row) for row in pool.low.rows] == [27.0, 256.0]
    many = [SimpleNamespace(shape=replace(row.shape, steps=2), weight_bytes=row.weight_bytes) for row in pool.low.rows]
    assert [channel_bytes(row) for row in many] == [108.0, 1536.0]  # of a recurrence all of them
    assert channel_bytes(SimpleNamespace(shape=None, weight_bytes=7.0)) == 7.0
    assert order_of(pool).tolist() == [1, 0]
    kept = {
        size: share(pool, size).tolist() for size in (0.0, 255.0, 256.0, 1535.0, 1536.0 + 53.0, 1536.0 + 108.0, 9e9)
    }
    assert kept == {
        0.0: [0, 0], 255.0: [0, 0], 256.0: [0, 256], 1535.0: [0, 5 * 256],
        1589.0: [27, 1536], 1644.0: [108, 1536], 9e9: [108, 1536],
    }  # fmt: skip


def test_what_kept_weights_really_leave(pool):
    """The least of the fixed list that is as large as the SRAM without the channels that stay; all of it where none may."""
    capacity = 10_000.0
    assert real_room(pool, capacity, capacity) == capacity
    assert real_room(pool, capacity, capacity + 5.0) == capacity
    assert real_room(pool, capacity, capacity - 255.0) == listed(capacity)
    assert real_room(pool, capacity, capacity - 300.0) == listed(capacity - 256.0)
    assert real_room(pool, capacity, 1000.0) == listed(capacity - 1644.0)


def test_rooms_that_are_tried_end_with_all_of_the_sram(pool):
    assert rooms_of(pool, 50_000.0, True) == [50_000.0 - 1644.0, 50_000.0]
    assert rooms_of(pool, 50_000.0, False) == [50_000.0]


def test_a_schedule_that_begins_warm_is_no_answer_for_one_batch(monkeypatch, pool):
    """It may be the best of many batches; one that begins cold may be the best of both."""
    found = [(5.0, 2), (4.0, 3), (4.5, 0), (4.5, 4), (4.0, 1)]  # odd runs begin warm
    plans = [(SimpleNamespace(time_s=time_s), 0, run) for time_s, run in found]
    asked, left = [], iter(plans)

    def faster(limits):
        asked.append(limits.tolist())
        return next(left, None)

    monkeypatch.setattr(keep, "_Search", lambda *_: SimpleNamespace(faster=faster))
    near = {}
    cold, steady = keep._explored(pool, None, [1.0], (None, None), (9.0, 8.0), near)
    assert (cold, steady) == (plans[2][0], plans[1][0])
    assert near == {0: (0, 0), 1: (0, 3)}  # where a pool that is alike looks first
    assert asked == [[9.0, 8.0], [5.0, 5.0], [5.0, 4.0], [4.5, 4.0], [4.5, 4.0], [4.5, 4.0]]


def test_what_was_learned_of_rooms_serves_other_srams():
    """The same schedules and bounds as of pools that were asked nothing before, however many SRAMs come in between."""
    net = NetworkBuilder("three")
    x = net.conv(net.input(16, 14, 14), 64, 3, padding=1, bias=False)
    net.dense(net.conv(x, 24, 1, bias=False).flat(), 40, bias=False)
    chip = load_chip("inferx_x1")
    low = lower(net.build(), chip, 1)
    asked = build_pool(low, 256.0, True, True)
    for kib in (40, 90, 41, 2000, 64, 300, 150, 33, 700, 90, 40, 110, 1200):
        machines = machines_of(chip, {"sram.capacity_mib": np.array([kib / 1024])})
        found, alone = (
            keep.whole_batches(pool, machines, True) for pool in (asked, build_pool(low, 256.0, True, True))
        )
        for one, other in zip(found, alone, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert (one.time_s, one.outer_bytes.tolist()) == (other.time_s, other.outer_bytes.tolist())
        assert len(asked.memo["floors"]) <= keep.MOST_CAPACITIES
    every = {}
    for floors in asked.memo["floors"].values():
        for room, least in zip(floors.rooms[:-1].tolist(), floors.least[:-1].tolist(), strict=True):
            if not np.isnan(least).any():
                assert every.setdefault(room, least) == least
    assert every


def test_quick_schedules_limit_what_they_are_an_answer_for(monkeypatch):
    """One that begins warm is one of many batches alone; each room is asked for what may better either."""
    found = {(60.0, None): (7.0, False), (12.0, 3): (8.0, True), (0.0, 1): (4.0, True), (30.0, 2): (np.inf, False)}
    asked = []

    def quick(pool, machines, kept, limit_s, run):
        left = 0.0 if kept is None else float(kept)
        asked.append((left, run, limit_s))
        return found[left, run]

    monkeypatch.setattr(keep, "quick", quick)
    monkeypatch.setattr(keep, "share", lambda pool, left: left)
    sizes, near = [40.0, 70.0, 88.0, 100.0], 1.0 + keep.NEAR
    sharp = [
        keep._sharpened(None, None, sizes, limits, {0: (0, None)}) for limits in ((9.0, 5.0), (5.0, 9.0), (5.0, 6.0))
    ]
    assert sharp == [(7.0 * near, 5.0), (5.0, 7.0 * near), (5.0, 6.0)]
    assert keep._sharpened(None, None, sizes, (9.0, 20.0), {1: (2, 3)}) == (9.0, 8.0 * near)
    asked.clear()
    assert keep._sharpened(None, None, sizes, (9.0, 20.0), {0: (1, 2), 1: (9, 1)}) == (9.0, 4.0 * near)
    assert asked == [(30.0, 2, 20.0), (0.0, 1, 20.0)]
    asked.clear()
    found.update({(0.0, None): (6.0, False)})
    assert keep._sharpened(None, None, sizes, (9.0, 20.0), {}) == (6.0 * near, 6.0 * near)
    assert [left for left, *_ in asked] == [0.0]


def test_only_matrices_of_weights_stay_by_channels(pool):
    """Of all else, and of a layer without weights, each byte counts for itself."""
    dense, none = pool.low.rows[1], replace(pool.low.rows[1], weight_bytes=0.0)
    rows = [dense, none, SimpleNamespace(shape=None, weight_bytes=7.0), replace(dense, weight_bytes=0.75)]
    given = SimpleNamespace(
        alike={"keep_order": np.arange(4)},
        low=SimpleNamespace(rows=rows),
        weights=np.array([r.weight_bytes for r in rows]),
    )
    assert keep.keeping_of(given).channels.tolist() == [256.0, 1.0, 1.0, 0.125]


def test_where_the_best_was_it_is_found_again():
    """In steady state, on the same chip; and nothing where a limit is not beaten."""
    net = NetworkBuilder("wide")
    x = net.conv(net.input(3, 16, 16), 16, 3, padding=1, bias=False)
    net.dense(x.flat(), 40, bias=False)
    low = lower(net.build(), load_chip("example_edge", set={"array.winograd": False}), 2)
    wide = build_pool(low, 256.0, True, True)
    for capacity, byte_s in itertools.product((60e3, 120e3), (0.1, 3.0)):
        machines = adapter.machines(capacity, 1.0, byte_s, "layer")
        best, promise = keep.whole_batches(wide, machines, True)[1], keep.promise_of(wide, machines)
        rooms_ = range(len(rooms_of(wide, capacity, True)))
        times = [keep.promised_s(wide, machines, (room, promise[1]), np.inf) for room in rooms_]
        assert min(times) == times[promise[0]] == pytest.approx(best.time_s, rel=1e-9)
        assert keep.promised_s(wide, machines, promise, 0.99 * best.time_s) == np.inf
        # The last room is all of the SRAM: so is one that a smaller SRAM does not have.
        plain = keep.whole_batches(wide, machines, False)[1].time_s
        assert plain == keep.promised_s(wide, machines, (99, 0), np.inf) == times[-1] > times[0]


def test_networks_alike_in_steps_and_weights_look_where_the_last_one_was(monkeypatch):
    """As behind another context, on the same chip: the answers are those of a process that knows nothing."""
    chip, tried = load_chip("inferx_x1", set={"schedule.overlap": "network"}), []
    quick = keep.quick

    def counted(pool, machines, kept, limit_s, run=None):
        tried.append(run)
        return quick(pool, machines, kept, limit_s, run)

    monkeypatch.setattr(keep, "quick", counted)
    keep._near_like.clear()
    answers = []
    for context in (300, 400, 300):
        graph = load_network("smollm2_135m", layers=2, phase="decode", context=context)
        pool = build_pool(lower(graph, chip, 1, "int8"), 8.0, optimal=True, keep=True)
        tried.clear()
        answers.append((keep.whole_batches(pool, machines_of(chip), True)[0].time_s, len(tried)))
    keep._near_like.clear()
    (first, many), (_, few), (again, fewer) = answers
    assert first == again
    assert many > 2 >= max(few, fewer)
