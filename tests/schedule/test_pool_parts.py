"""What a pool and a schedule say of themselves, column by column, against sums over single moves and steps."""

import gc
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from two_layers import two_layers

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FIRST_PASS,
    FOOTPRINT,
    KEPT,
    LEAST_ROOM,
    RESERVED,
    SLACK,
    SPAN_HI,
    SPAN_LO,
    SPAN_QUERY,
    VECTOR_CYCLES,
)
from simulator.lower.lines import BentError
from simulator.schedule import behind, keep, pools, segments
from simulator.schedule.few import _least_footprint
from simulator.schedule.plan import Piece, Plan
from simulator.schedule.pool import Pool, _least_of_spans, back_of, build_pool, vector_work, without
from simulator.schedule.pools import pool_source
from simulator.schedule.states import moves
from simulator.store.memory import Memory
from simulator.units import GPU_VECTOR_L2_EFFICIENCY


def network():
    """A residual of two convolutions of one shape, a pool, a norm, and two layers of one shape."""
    net = NetworkBuilder("small")
    first = net.conv(net.input(3, 12, 12), 8, 3, padding=1, bias=False)
    second = net.conv(net.conv(first, 8, 3, padding=1, bias=False), 8, 3, padding=1, bias=False)
    x = net.dense(net.pool(net.add(second, first), 2).flat(), 96, bias=False)
    x = net.vector("layer_norm", x)
    net.dense(net.dense(x, 96, bias=False), 96, bias=False)
    return net.build()


@pytest.fixture(scope="module")
def pool():
    return pool_source(network(), load_chip("example_edge"), "int8")(2)


def ranges(pool, spans, move):
    return pool.points[spans[move, SPAN_LO] : spans[move, SPAN_HI]]


def test_moves_and_their_frontiers(pool):
    """Each move has the points of its layer's frontier, with its weights moved or in the SRAM."""
    moves, rows, first = pool.moves, pool.low.rows, pool.moves.first.tolist()
    assert pool.move_step.tolist() == [step for step in range(len(rows)) for _ in range(first[step], first[step + 1])]
    asked = {}
    for move, step in enumerate(pool.move_step.tolist()):
        row = rows[step]
        wanted = [moves.reserved[move], moves.beside[move], row.weight_bytes, 0.0]
        assert pool.costs[move, [RESERVED, BESIDE, FIRST_PASS, KEPT]].tolist() == wanted
        for spans, resident in ((pool.spans, False), (pool.spans_kept, True)):
            found = ranges(pool, spans, move)
            assert (len(found) == 0) == (row.shape is None)
            mine = (
                row.shape,
                moves.masks[move] | (2 if resident and row.weight_bytes > 0.0 else 0),
                moves.reserved[move],
            )
            if row.shape is not None:
                same = asked.setdefault(mine[:2], spans[move, [SPAN_LO, SPAN_HI]].tolist())
                assert same == spans[move, [SPAN_LO, SPAN_HI]].tolist()
                assert (pool.point_shape[same[0] : same[1]] == pool.shapes.index(row.shape)).all()
                assert (found[:, BYTES].min() < row.weight_bytes) >= (
                    resident and row.weight_bytes > found[:, BYTES].min()
                )
    places = {}
    for spans in (pool.spans, pool.spans_kept):  # an entry a range and bytes set aside, whatever else differs
        for move, (low, high, query) in enumerate(spans[:, [SPAN_LO, SPAN_HI, SPAN_QUERY]].tolist()):
            places.setdefault((low, high, float(moves.reserved[move])), set()).add(query)
    assert all(len(queries) == 1 for queries in places.values())
    assert sorted(query for queries in places.values() for query in queries) == list(range(len(places)))
    assert pool.starts.tolist() == [0.0] * len(rows)
    without_keeping = build_pool(pool.low, 16.0, True, False)
    assert without_keeping.spans_kept.tolist() == without_keeping.spans.tolist()
    unweighted = [move for move, step in enumerate(pool.move_step.tolist()) if rows[step].weight_bytes == 0.0]
    assert unweighted
    assert pool.spans_kept[unweighted].tolist() == pool.spans[unweighted].tolist()
    assert pool.step_shape.tolist() == [-1 if row.shape is None else pool.shapes.index(row.shape) for row in rows]
    assert len(pool.shapes) == len({row.shape for row in rows if row.shape is not None}) < len(rows)
    assert pool.weights.tolist() == [row.weight_bytes for row in rows]
    assert pool.all_weights == sum(row.weight_bytes for row in rows)


def test_least_of_each_step_and_of_those_behind_it(pool):
    least, beside = [], []
    for step, row in enumerate(pool.low.rows):
        own = range(pool.moves.first[step], pool.moves.first[step + 1])
        every = [ranges(pool, spans, move) for move in own for spans in (pool.spans, pool.spans_kept)]
        cycles = min((points[:, CYCLES].min() if len(points) else 0.0) for points in every)
        least.append(max(cycles, pool.steps[step, VECTOR_CYCLES]))
        moved = []
        for move in own:
            for spans, weights in ((pool.spans, row.weight_bytes), (pool.spans_kept, 0.0)):
                points = ranges(pool, spans, move)
                tiles = points[:, BYTES].min() if len(points) else 0.0
                moved.append(max(0.0, tiles + pool.costs[move, BESIDE] - weights))
        beside.append(min(moved))
    assert pool.least_cycles.tolist() == least
    assert pool.least_after == pytest.approx([sum(least[at + 1 :]) for at in range(len(least))], abs=1e-9)
    assert pool.beside_after == pytest.approx([sum(beside[at + 1 :]) for at in range(len(least))], abs=1e-9)
    assert sum(beside) > 0.0


def test_bytes_beside_the_weights_behind_each_step():
    """Three steps of two moves each, on points of 5, 40, 7 and 90 bytes: the least of a step's moves, of both kinds of spans."""
    points, costs = np.zeros((4, 3)), np.zeros((6, 4))
    points[:, BYTES], costs[:, BESIDE] = (5, 40, 7, 90), (1, 0, 20, 30, 2, 0)
    spans, kept = np.zeros((2, 6, 4), dtype=np.int64)
    spans[:, SPAN_LO], spans[:, SPAN_HI] = (1, 1, 3, 3, 0, 0), (2, 2, 4, 4, 0, 0)
    kept[:, SPAN_LO], kept[:, SPAN_HI] = (0, 0, 2, 2, 0, 0), (1, 1, 3, 3, 0, 0)
    fake = SimpleNamespace(
        points=points, costs=costs, spans=spans, spans_kept=kept, weights=np.array([38.0, 60.0, 1.0]),
        move_step=np.array([0, 0, 1, 1, 2, 2]), moves=SimpleNamespace(first=np.array([0, 2, 4, 6])),
    )  # fmt: skip
    # The first 40 - 38; the second 7 + 20, less than 90 + 20 - 60; the last nothing, and not one less.
    assert Pool.beside_after.func(fake).tolist() == [27.0, 0.0, 0.0]
    fake.move_step, fake.moves.first = fake.move_step[::-1].copy(), np.array([0, 2, 4, 6])
    fake.weights = np.array([1.0, 60.0, 38.0])
    assert Pool.beside_after.func(fake).tolist() == [27.0, 0.0, 0.0]


def test_cuts_are_where_moves_say(pool):
    sizes = pool.low.tensor_bytes
    wanted = [[0.0, -1.0, 0.0]]
    wanted += [[steps, state, sizes[tensor] if tensor >= 0 else 0.0] for steps, tensor, state in pool.moves.at_cut]
    assert pool.cuts.tolist() == wanted
    fake = SimpleNamespace(
        moves=SimpleNamespace(at_cut=[(3, 0, 1), (5, -1, -1)]), low=SimpleNamespace(tensor_bytes=(7.0,))
    )
    assert Pool.cuts.func(fake).tolist() == [[0.0, -1.0, 0.0], [3.0, 1.0, 7.0], [5.0, -1.0, 0.0]]


def test_the_least_of_spans_against_each_span():
    rng = np.random.default_rng(1)
    for _ in range(20):
        column = rng.integers(0, 50, 30).astype(float)
        begins = np.sort(rng.choice(30, 6, replace=False))
        pieces = [(0, 0), *zip(begins.tolist(), [*begins[1:].tolist(), 30], strict=True)]
        both = []
        for _ in range(2):
            chosen = [pieces[at] for at in rng.integers(0, len(pieces), 9)]
            spans = np.zeros((9, 4), dtype=np.int64)
            spans[:, [SPAN_LO, SPAN_HI]] = chosen
            both.append((spans, [min(column[low:high], default=0.0) for low, high in chosen]))
        found = _least_of_spans(column, (both[0][0], both[1][0]))
        assert found.tolist() == [both[0][1], both[1][1]]


def test_what_is_as_many_steps_before():
    assert back_of("abababab").tolist() == [0, 0, 2, 2, 2, 2, 2, 2]
    assert back_of("xabcabcy").tolist() == [0, 0, 0, 0, 3, 3, 3, 0]
    assert back_of("aabb").tolist() == [0, 1, 0, 1]
    assert back_of("aabc").tolist() == [0, 0, 0, 0]  # of one pair no period is known
    assert back_of("abcabd").tolist() == [0, 0, 0, 3, 3, 0]
    assert back_of("").tolist() == []
    assert back_of("aaa").tolist() == [0, 1, 1]


def test_vector_work_of_a_step():
    """On a grid the lanes' cycles and a room; on a GPU no room, and the bytes through its cache where nothing multiplies."""
    row = SimpleNamespace(
        vector_operations=640.0, least_footprint=99.0, shape=None, fixed_bytes=100.0, output_bytes=200.0,
        reads=((0, 300.0), (1, 400.0)),
    )  # fmt: skip
    grid, gpu = (SimpleNamespace(spec=SimpleNamespace(kind=kind, port_bytes_per_cycle=2.0)) for kind in ("grid", "sm"))
    assert vector_work(row, grid, 64.0) == (99.0, 10.0)
    room, cycles = vector_work(row, gpu, 64.0)
    assert room == 0.0
    assert cycles == 1000.0 / (2.0 * GPU_VECTOR_L2_EFFICIENCY)
    assert vector_work(row, gpu, 0.1) == (0.0, 6400.0)
    row.shape = "any"
    assert vector_work(row, gpu, 64.0) == (0.0, 10.0)


def test_a_pool_without_a_limit(pool):
    """Other cycles of its points, or no vector work: all else is as it was, and the least is anew."""
    half = without(pool, lambda one: one.points[:, CYCLES] / 2, False)
    assert (half.points[:, CYCLES] * 2).tolist() == pool.points[:, CYCLES].tolist()
    assert half.points[:, [FOOTPRINT, BYTES]].tolist() == pool.points[:, [FOOTPRINT, BYTES]].tolist()
    assert (half.rescored, half.pack, half.memo) == (True, "", {})
    assert (half.exact.points[:, CYCLES] * 2).tolist() == pool.exact.points[:, CYCLES].tolist()
    assert half.exact.floor == pool.exact.floor == NO_FLOOR < pool.floor
    assert (pool.exact.exact is pool.exact, without(pool.exact, None, True).exactly) == (True, None)
    assert half.steps.tolist() == pool.steps.tolist()
    still = without(pool, None, True)
    assert (still.rescored, still.points is pool.points) == (False, True)
    assert still.steps[:, VECTOR_CYCLES].max() == 0.0 < pool.steps[:, VECTOR_CYCLES].max()
    assert still.steps[:, LEAST_ROOM].tolist() == pool.steps[:, LEAST_ROOM].tolist()
    assert (still.least_cycles <= pool.least_cycles).all()
    assert half.least_cycles.sum() < pool.least_cycles.sum() > still.least_cycles.sum()


def piece(repeats, load, starts):
    """Three steps, the middle one vector work, of a pool of five."""
    path = np.array([[4, 1], [2, -1], [0, 0]])
    points, costs, steps = np.zeros((2, 3)), np.zeros((5, 4)), np.zeros((5, 2))
    points[:, BYTES], costs[:, BESIDE], costs[:, KEPT] = (70.0, 30.0), (1, 2, 3, 4, 5), (0, 0, 0, 0, 31.0)
    steps[:, VECTOR_CYCLES] = (10, 20, 30, 40, 50)
    terms = SimpleNamespace(costs=costs, kept=np.array([3.0, 4.0]), machine=SimpleNamespace(cycle_s=0.5, byte_s=0.25))
    held = SimpleNamespace(points=points, footprints=np.zeros(2), steps=steps, starts=np.array([0.0, *starts, 0.0]))
    return Piece(held, terms, 1, path, np.array([6.0, 7.0, 8.0]), repeats, 0.0, load)


def test_time_and_bytes_of_a_schedule_in_pieces():
    """The first piece three times with weights brought in before it; each step starts in 2, 0 and 4 cycles of half a second."""
    first, second = piece(3, np.array([8.0, 0.0, 4.0]), (2.0, 0.0, 4.0)), piece(1, None, (0.0, 2.0, 0.0))
    assert first.load_s.tolist() == [2.0, 0.0, 1.0]
    assert second.load_s.tolist() == [0.0, 0.0, 0.0]
    assert (first.start_cycles.tolist(), first.start_s.tolist()) == ([6.0, 0.0, 12.0], [3.0, 0.0, 6.0])
    assert (first.total_s.tolist(), second.total_s.tolist()) == ([20.0, 21.0, 25.0], [6.0, 7.0, 8.0])
    assert first.vector.tolist() == [20.0, 30.0, 40.0]
    assert first.points.tolist() == [1, -1, 0]
    assert first.tile_bytes().tolist() == [30.0, 0.0, 70.0]
    # 30 + 5 - 31 bytes, 3, and 70 + 1, three times; the first and the last with weights.
    assert first.outer_bytes().tolist() == [20.0, 9.0, 217.0]
    assert second.outer_bytes().tolist() == [4.0, 3.0, 71.0]
    plan = Plan((first, second))
    assert plan.time_s == 66.0 + 21.0 + 9.0 + 1.0
    assert plan.all_starts_s == 10.0
    assert plan.start_s.tolist() == [3.0, 0.0, 6.0, 0.0, 1.0, 0.0]
    assert plan.step_s.tolist() == [23.0, 21.0, 31.0, 6.0, 8.0, 8.0]
    assert plan.outer_bytes.tolist() == [20.0, 9.0, 217.0, 4.0, 3.0, 71.0]
    assert (plan.kept_bytes, plan.parts) == (7.0, 1)
    assert first.around_bytes == Piece(*list(vars(first).values())[:5]).around_bytes == 0.0
    # Rooms of 80 and 90 bytes, and a sum in another order.
    fake = SimpleNamespace(most_bytes=Plan.most_bytes.func(SimpleNamespace(footprints=np.array([80.0, 90.0]))))
    sizes = (90.0, 90.0 * SLACK, 89.9, 85.0, 91.0)
    assert [Plan.fits(fake, size) for size in sizes] == [True, True, False, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_stay_and_what_they_leave(pool, seed):
    """In the order of bytes for each product, of the first that does not fit whole output channels."""
    rng, rows = random.Random(seed), pool.low.rows
    order = sorted(
        (step for step, row in enumerate(rows) if row.weight_bytes),
        key=lambda s: (-rows[s].weight_bytes / rows[s].macs_executed, s),
    )
    assert keep.order_of(pool).tolist() == order
    for _ in range(10):
        room = rng.uniform(0.0, pool.all_weights * 1.1)
        kept, left = np.zeros(len(rows)), room
        for step in order:
            channel = rows[step].weight_bytes / (rows[step].shape.extents[0] * rows[step].shape.extents[2])
            while kept[step] + channel <= rows[step].weight_bytes and left >= channel:
                kept[step], left = kept[step] + channel, left - channel
            if kept[step] < rows[step].weight_bytes:
                break
        assert keep.share(pool, room).tolist() == kept.tolist()
        whole = room + 5e4
        cycles, outer = keep.floor_of(pool, room, whole)
        assert (cycles, outer) == (
            keep.least(pool, whole)[0],
            keep.least(pool, whole)[1] + max(0.0, pool.all_weights - room),
        )
        assert keep.floor_of_span(pool, 9e4, 4e4, 6e4) == keep.floor_of(pool, 5e4, keep.real_room(pool, 9e4, 6e4))
        assert keep.real_room(pool, whole, 5e4) >= whole - kept.sum()
        assert keep.real_room(pool, whole, whole) == keep.real_room(pool, whole, whole + 1.0) == whole


def test_the_room_of_the_smallest_tiling_of_a_move():
    """The first of its points, or what vector work needs where it has none, behind all points too."""
    points, spans = np.zeros((3, 3)), np.zeros((3, 4), dtype=np.int64)
    points[:, FOOTPRINT], spans[:, SPAN_LO], spans[:, SPAN_HI] = (10, 20, 30), (1, 2, 3), (3, 2, 3)
    fake = SimpleNamespace(points=points, spans=spans)
    assert [_least_footprint(fake, move, 7.0) for move in range(3)] == [20.0, 7.0, 7.0]


def test_moves_of_both_ends_must_be_the_same_but_for_bytes():
    """Every one of them; nor may there be so many that bytes have decided which there are."""
    one = moves(two_layers().low)
    assert behind._same_moves(one, replace(one, reserved=one.reserved + 1.0, beside=one.beside * 2.0)) is one
    for name in ("first", "source", "target", "masks"):
        column = getattr(one, name).copy()
        column[-1] += 1
        for other in (column, column[:-1]):
            with pytest.raises(BentError):
                behind._same_moves(one, replace(one, **{name: other}))
    for more in ({"states": one.states + 1}, {"thinned": 1}, {"thinned_cuts": 1}, {"at_cut": ()}):
        with pytest.raises(BentError):
            behind._same_moves(one, replace(one, **more))
    for more in ({"thinned": 1}, {"thinned_cuts": 1}):
        with pytest.raises(BentError):
            behind._same_moves(replace(one, **more), replace(one, **more))


def test_a_pool_in_the_middle_of_a_stretch_must_be_on_its_line(monkeypatch):
    """Each part of it that is another alone is noticed."""
    monkeypatch.setattr(behind, "_same_moves", lambda one, _: one)

    def made(**other):
        of = {name: np.array([1.0, 2.0]) for name in ("reserved", "beside", "steps", "weights", "macs", "bytes_")}
        of |= {"low": 5, "room": 3} | other
        return SimpleNamespace(
            low=of["low"], moves=SimpleNamespace(reserved=of["reserved"], beside=of["beside"]), steps=of["steps"],
            weights=of["weights"], work=SimpleNamespace(room=of["room"], macs=of["macs"], bytes_=of["bytes_"]),
        )  # fmt: skip

    def compare(middle):
        behind.PoolsBehind._compare(SimpleNamespace(at=lambda _: made()), middle, 3)

    compare(made())
    for name in ("reserved", "beside", "steps", "weights", "macs", "bytes_"):
        with pytest.raises(BentError):
            compare(made(**{name: np.array([1.0, 2.5])}))
    for other in ({"low": 6}, {"room": 4}):
        with pytest.raises(BentError):
            compare(made(**other))


def test_pools_without_a_floor_are_exact_themselves():
    own = behind.PoolsBehind.exact.func
    plain, floored = (SimpleNamespace(_floor=floor, _exactly=lambda: "others") for floor in (NO_FLOOR, 4096.0))
    assert own(plain) is plain
    assert own(floored) == "others"


def test_pools_of_a_network_go_with_it(monkeypatch):
    """And no others; what a caller still has in hand stays with the caller."""
    kept = Memory(2**30, lambda _: 1)
    monkeypatch.setattr(pools, "_pools", kept)
    graphs, chip = [load_network("squeezenet", image_size=size) for size in (32, 40)], load_chip("example_edge")
    one, other = (pools.pool_source(graph, chip, "int8") for graph in graphs)
    asked = [one(1), one(2), other(1)]
    assert (len(kept), one(1) is asked[0], other(2) is other(2)) == (3, True, True)
    del one, graphs[0], asked
    gc.collect()
    assert {key[0] for key in kept._values} == {pools._numbers[graphs[0]]}
    assert len(kept) == 2


def test_lists_of_a_pool_with_other_cycles_are_no_other_ones():
    """Those with weights for nothing are made once a room; with streamed weights they are made anew, and kept by nobody."""
    pool = pools.pool_source(load_network("squeezenet", image_size=32), load_chip("inferx_x1"), "int8")(1)
    free = segments.free_list(pool, 2.0**20)
    streamed = segments.free_list(pool, 2.0**20, pool.weights / 2)
    assert streamed is not segments.free_list(pool, 2.0**20, pool.weights / 2)
    assert segments.free_list(pool, 2.0**20) is free
