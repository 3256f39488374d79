"""A batch in equal parts, one after another: when parts are tried, what they cannot be faster than, and that they win."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.kernels.layout import (
    BYTES,
    CYCLES,
    FOOTPRINT,
    LEAST_ROOM,
    PATH_MOVE,
    PATH_POINT,
    RESERVED,
    SLACK,
    VECTOR_CYCLES,
)
from simulator.schedule import many_whole
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Piece
from simulator.schedule.pools import pool_source
from simulator.schedule.program import program_of, splits
from simulator.schedule.solve import least_in_parts, solve_alone, solve_program, steady_alone

WHOLE = {"schedule.sub_batches": False}
"""Parts of a batch are not among the choices of its schedule, so that they are tried beside it."""


def network():
    """Tensors of 18,432 bytes an item between convolutions with few weights, then a layer of weights."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(3, 24, 24), 32, 3, padding=1, bias=False)
    x = net.conv(net.conv(x, 32, 1, bias=False), 8, 3, stride=4, bias=False)
    net.dense(x.flat(), 100, bias=False)
    return net.build()


def program(batch, **keys):
    chip = load_chip("example_edge", set={**WHOLE, **keys})
    return program_of(chip, pool_source(network(), chip, "int8"), batch)


def machines(kib, byte_s=1e-9, overlap="layer", overhead_s=1e-7):
    """Chips that differ in their SRAM."""
    count = len(kib)
    return Machines(
        np.array(kib) * 1024.0, np.full(count, 1e-9), np.full(count, byte_s), np.full(count, overhead_s), overlap
    )


@pytest.mark.parametrize(
    ("keys", "limited", "parts"),
    [
        ({}, False, [2, 1]),
        ({"schedule.sub_batches": True}, False, []),
        ({"schedule.sub_batches": True}, True, [2, 1]),
        ({"schedule.residency": "none", "schedule.overlap": "layer"}, False, []),
        ({"schedule.residency": "none", "schedule.overlap": "layer"}, True, [2, 1]),
        ({"schedule.residency": "none", "schedule.overlap": "layer", "array.systolic": True}, False, [2, 1]),
        ({"schedule.residency": "none", "schedule.overlap": "network"}, False, [2, 1]),
    ],
)
def test_parts_are_tried_unless_schedules_have_them(keys, limited, parts):
    assert program(4, **keys).parts(limited) == parts
    assert program(1, **keys).parts(limited) == []


@pytest.mark.parametrize(("keys", "takes"), [({}, True), (WHOLE, False), ({"schedule.residency": "none"}, False)])
def test_a_batch_of_two_or_more_may_be_taken_in_parts(keys, takes):
    chip = load_chip("example_edge", set=keys)
    assert [splits(chip, batch) for batch in (1, 2, 3)] == [False, takes, takes]


@pytest.mark.parametrize("keys", [{}, {"schedule.keep_weights": False}])
@pytest.mark.parametrize("overlap", ["none", "layer"])
def test_parts_win_where_only_they_stay_in_the_sram(overlap, keys):
    """In 60 KiB an item's tensors stay between layers; of four items they go out and in."""
    four = program(4, **keys, **{"schedule.overlap": overlap})
    points = machines((60.0, 70.0, 4000.0), overlap=overlap)
    plans, found = solve_program(four, points), []
    for at in range(len(points)):
        alone, (cold, steady) = solve_alone(four, points.one(at))
        assert plans.cold.time_s[at] == alone.cold.time_s[0]
        assert plans.steady.time_s[at] == alone.steady.time_s[0]
        assert steady_alone(four, points.one(at), np.inf, None) == alone.steady.time_s[0]
        half = alone.steady.time_s[0] / 2
        assert steady_alone(four, points.one(at), half, None) == half
        one, _ = solve_alone(program(1, **keys, **{"schedule.overlap": overlap}), points.one(at))
        assert alone.cold.time_s[0] <= 4 * one.cold.time_s[0] * (1 + 1e-12)
        assert alone.steady.time_s[0] <= 4 * one.steady.time_s[0] * (1 + 1e-12)
        found.append((sum(piece.repeats for piece in cold.pieces), alone.cold.outer_bytes[0] / 4))
        assert (cold.pieces[0].repeats > 1) == (steady.pieces[0].repeats > 1)
    assert [repeats for repeats, _ in found] == [4, 4, 1]
    # The image and the result of an item, and weights that never stay: what cannot be avoided, and no tensor between layers.
    ends, weights = 3 * 24 * 24 + 100, 864 + 1024 + 2304 + 28800
    if four.keep:
        assert ends <= found[0][1] < ends + weights
    else:
        assert found[0][1] == ends + weights


@pytest.mark.parametrize(("keys", "less"), [({}, 0.0), ({"array.systolic": True, "array.rate": {"int8": 0.5}}, 2.0)])
@pytest.mark.parametrize(("keep", "kept"), [(True, 1000.0), (False, 0.0)])
def test_what_no_parts_are_faster_than(keys, less, keep, kept):
    """Every part moves all weights but those that stay, every step has its overhead, and a systolic one its last cycle."""
    four = program(4, **keys, **{"schedule.keep_weights": keep})
    assert four.keep == keep
    work, steps = four.pool.work, len(four.pool.steps)
    weights, ends = 864 + 1024 + 2304 + 28800, 4 * (1728 + 100)
    assert (four.pool.all_weights, work.compulsory_bytes) == (weights, weights + ends)
    chips = machines((1000.0 / 1024.0, 9000.0), overlap="none", overhead_s=1e-6)
    for size, parts in ((2, 2), (1, 4)):
        cycles = float(four.pool.least_cycles.sum()) - less * steps * parts
        stays = np.array([kept, weights if keep else 0.0])
        outer = ends + parts * (weights - stays)
        wanted = (cycles + outer) * 1e-9 + steps * parts * 1e-6
        assert least_in_parts(four, size, chips) == pytest.approx(wanted * SLACK, rel=1e-12)
        found = solve_program(program(size, **keys, **{"schedule.keep_weights": keep}), chips)
        assert (least_in_parts(four, size, chips)[1] <= parts * found.cold.time_s[1]).all()


@pytest.mark.parametrize("keep", [True, False])
def test_lists_of_choices_that_are_too_short_grow(monkeypatch, keep):
    """Chips at once have the same schedules whatever room the lists of choices had at first."""
    four = program(4)
    points = machines((20.0, 60.0, 70.0, 4000.0))
    expected = many_whole.solve_whole(four.pool, points, keep)
    small = many_whole._Scratch(four.pool, 3)
    monkeypatch.setattr(many_whole._own, "scratch", (four.pool, small), raising=False)
    found = many_whole.solve_whole(four.pool, points, keep)
    assert many_whole._own.scratch[1].wide in {3 * 2**at for at in range(1, 20)}
    for mine, other in zip((found.cold, found.steady), (expected.cold, expected.steady), strict=True):
        assert mine.time_s.tolist() == other.time_s.tolist()
        assert mine.outer_bytes.tolist() == other.outer_bytes.tolist()


def test_cycles_and_room_of_steps_by_hand():
    """The second and third of three steps: the lanes' own, and the middle one of three points, which they outlast."""
    path, points, costs, steps = (np.zeros((rows, 12)) for rows in (2, 3, 4, 3))
    path[:, PATH_MOVE], path[:, PATH_POINT] = (3, 1), (-1, 1)
    points[:, FOOTPRINT], points[:, BYTES], points[:, CYCLES] = 10, 7, (50, 60, 70)
    footprints = np.array([10.0, 20.0, 30.0])
    costs[:, RESERVED], steps[:, LEAST_ROOM] = (100, 200, 300, 400), (4, 5, 6)
    pool = SimpleNamespace(points=points, footprints=footprints, steps=steps)
    terms = SimpleNamespace(costs=costs, kept=np.array([1.0, 2.0]))
    for last, load, held in ((61.0, np.array([1e4, 2e4]), 31003), (59.0, None, 1003)):
        steps[:, VECTOR_CYCLES] = (0.0, 8.0, last)
        piece = Piece(pool, terms, 1, path.astype(np.int64), np.zeros(2), 1, 1000.0, load)
        assert piece.footprints().tolist() == [5 + 400 + held, 20 + 200 + held]
        assert piece.cycles().tolist() == [8.0, max(60.0, last)]
