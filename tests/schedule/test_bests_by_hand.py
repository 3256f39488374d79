"""Schedules as columns, which of two is faster, what is tried of a batch, and what a pool says of its steps: small numbers."""

from dataclasses import fields, replace
from types import SimpleNamespace

import adapter
import numpy as np
import pytest
from two_layers import C, U, two_layers

from simulator.kernels.schedule_sums import CAUSES
from simulator.schedule import best, few, pool, segments, solve
from simulator.schedule.plans import Plans, Sums
from simulator.units import GPU_VECTOR_L2_EFFICIENCY


def sums(*times):
    """Figures of chips, all told from their times."""
    time_s = np.array(times, dtype=np.float64)
    return Sums(time_s, time_s + 100.0, time_s + 200.0, time_s + 300.0, np.outer(np.arange(1.0, CAUSES + 1), time_s))


def same(found, *times):
    wanted = sums(*times)
    for field in fields(Sums):
        assert getattr(found, field.name).tolist() == getattr(wanted, field.name).tolist(), field.name


def test_columns_of_schedules():
    three = sums(1.0, 2.0, 3.0)
    same(three.take(np.array([1, 2])), 2.0, 3.0)
    same(three.take(np.array([2, 0])), 3.0, 1.0)
    same(three.where(np.array([True, False, True]), sums(7.0, 8.0, 9.0)), 7.0, 2.0, 9.0)
    assert three.repeated(1) is three
    twice = three.repeated(2)
    assert twice.time_s.tolist() == [2.0, 4.0, 6.0]
    assert twice.outer_bytes.tolist() == [202.0, 204.0, 206.0]
    assert twice.feed_bytes.tolist() == [402.0, 404.0, 406.0]
    assert twice.kept_bytes.tolist() == [301.0, 302.0, 303.0]  # the same weights
    assert twice.parts.tolist() == (2.0 * three.parts).tolist()
    none = Plans.nothing(3)
    assert none.fits.tolist() == [False] * 3
    none.put(np.array([2]), Plans(sums(4.0), sums(5.0)))
    assert none.fits.tolist() == [False, False, True]
    same(none.cold.take(np.array([2])), 4.0)
    same(none.steady.take(np.array([2])), 5.0)
    assert none.cold.time_s.tolist() == [np.inf, np.inf, 4.0]
    assert np.isnan(none.cold.outer_bytes[:2]).all()
    assert Plans(sums(1.0, np.inf, 1.0), sums(1.0, 1.0, np.inf)).fits.tolist() == [True, False, False]
    same(Plans(sums(1.0), sums(2.0)).repeated(3).steady.take(np.array([0])).where(np.array([True]), sums(6.0)), 6.0)
    assert Plans(sums(1.0), sums(2.0)).repeated(3).cold.time_s.tolist() == [3.0]


def test_the_faster_of_two_by_more_than_the_order_of_sums():
    one, other = sums(10.0, 10.0, 10.0, np.inf), sums(9.0, 10.0 * (1 - 1e-10), 11.0, 5.0)
    same(solve.faster(Plans(one, one), Plans(other, other)).cold, 9.0, 10.0, 10.0, 5.0)
    mixed = solve.faster(Plans(one, other), Plans(other, one))
    same(mixed.cold, 9.0, 10.0, 10.0, 5.0)
    same(mixed.steady, 9.0, 10.0 * (1 - 1e-10), 10.0, 5.0)

    def limited(found):
        """As slow as 9.5 seconds at least, where fewer than 111 bytes move."""
        return np.where(found.outer_bytes < 111.0, 9.5, 12.0)

    same(solve.faster(Plans(one, one), Plans(other, other), limited).cold, 9.0, 10.0, 10.0, 5.0)
    same(solve.faster(Plans(other, other), Plans(one, one), limited).cold, 9.0, 10.0 * (1 - 1e-10), 10.0, 5.0)


def test_one_schedule_for_one_batch_and_for_many_where_it_is_as_fast():
    slow, quick = SimpleNamespace(time_s=5.0), SimpleNamespace(time_s=4.0)
    one = best._same_where_as_fast
    assert one((slow, quick), (9.0, 9.0)) == (slow, quick)
    assert one((quick, slow), (9.0, 9.0)) == (quick, quick)
    equal = SimpleNamespace(time_s=5.0)
    assert one((equal, slow), (9.0, 9.0))[1] is equal
    assert one((slow, None), (9.0, 9.0)) == (slow, slow)
    assert one((slow, None), (9.0, 5.0)) == (slow, None)  # no faster than what is known
    assert one((None, quick), (9.0, 9.0)) == (None, quick)
    assert best._limits((slow, None), (9.0, 8.0), 2) == (2.5, 4.0)
    assert best._limits((None, quick), (9.0, 8.0), 1) == (9.0, 4.0)


def test_the_faster_of_two_schedules_then_the_one_that_moves_less_then_the_first():
    def plan(time_s, *moved):
        return SimpleNamespace(time_s=time_s, outer_bytes=np.array(moved))

    slow, quick, less, alike = plan(5.0, 1.0, 1.0), plan(4.0, 9.0, 9.0), plan(5.0, 1.5), plan(5.0, 2.0)
    for one, other, best_of in (
        (slow, quick, quick), (quick, slow, quick), (slow, less, less), (less, slow, less), (slow, alike, slow),
        (alike, slow, alike), (slow, None, slow), (None, slow, slow),
    ):  # fmt: skip
        assert best.faster(one, other) is best_of
    assert best.faster(None, None) is None


def test_batches_whose_segments_are_tried():
    assert [best.halves(batch) for batch in (1, 2, 3, 8, 12)] == [[], [2], [3], [8, 4, 2], [12, 6, 3]]


def test_modes_of_segments():
    """Size of the sub-batch, whether weights are held, runs; a whole batch runs once and holds none."""
    pools = {size: two_layers() for size in (4, 2, 1)}
    found = segments.Segments(pools, 4, 60 * U, np.array([0.0, 4 * U]), True, 0.25)
    assert found.modes.tolist() == [[0, 0, 1], [1, 0, 2], [1, 1, 2], [2, 0, 4], [2, 1, 4]]
    assert found.room == 56 * U
    assert found.streamed.tolist() == found.holdable.tolist() == [2 * U, 4 * U]
    bare = segments.Segments(pools, 4, 60 * U, np.zeros(2), False, 0.25)
    assert bare.modes.tolist() == [[0, 0, 1], [1, 0, 2], [2, 0, 4]]
    assert bare.holdable.tolist() == [0.0, 0.0]
    sizes = pools[4].cuts[:, pool.TENSOR_BYTES]
    assert [found.around(place).tolist() for place in range(3)] == [(sizes * more).tolist() for more in (0, 1, 3)]
    # Each step in the fewest cycles of all runs, and weights that do not stay once: of 40 C and 2 U, 20 C and 4 U.
    chip = adapter.machines(60 * U, 1.0 / C, 1.0 / U, "layer", 1.0)
    assert found.least_times(chip)[0] >= (40 + 2 / 4 + 1 + 20 + 4 / 4 + 1) * (1 - 2e-9)


def test_vector_work_of_a_step():
    row = SimpleNamespace(
        vector_operations=600.0,
        least_footprint=5.0,
        shape=None,
        fixed_bytes=40.0,
        output_bytes=50.0,
        reads=((0, 30.0), (1, 80.0)),
    )
    grid, gpu = (SimpleNamespace(spec=SimpleNamespace(kind=kind, port_bytes_per_cycle=2.0)) for kind in ("grid", "sm"))
    assert pool.vector_work(row, grid, 100.0) == (5.0, 6.0)
    assert pool.vector_work(row, gpu, 100.0) == (0.0, 200.0 / (2.0 * GPU_VECTOR_L2_EFFICIENCY))
    assert pool.vector_work(row, gpu, 1.0) == (0.0, 600.0)
    row.shape = "a product"
    assert pool.vector_work(row, gpu, 100.0) == (0.0, 6.0)
    assert pool.vector_work(row, grid, 100.0) == (5.0, 6.0)


def test_fewest_cycles_of_a_step():
    """Over its moves and their tilings, with weights in the SRAM or not; no fewer than its vector work."""
    points = np.array([[0, 0, 5.0], [0, 0, 3.0], [0, 0, 4.0], [0, 0, 9.0], [0, 0, 2.0]])
    plan = SimpleNamespace(first=np.array([0, 2, 3, 4]))

    def least(kept, vector):
        spans, held = (np.array([[*pair, 0, 0] for pair in rows]) for rows in ([(0, 2), (2, 3), (3, 4), (0, 0)], kept))
        return pool._least(plan, points, (spans, held), np.array([[0.0, cycles] for cycles in vector])).tolist()

    assert least([(0, 2), (2, 3), (3, 4), (0, 0)], (0, 0, 0)) == [3, 9, 0]
    assert least([(0, 2), (4, 5), (3, 4), (0, 0)], (0, 0, 7)) == [2, 9, 7]
    assert least([(2, 3), (3, 4), (2, 3), (0, 0)], (3.5, 1, 7)) == [3.5, 4, 7]


def test_a_pool_with_other_cycles():
    plain = two_layers()
    plain.memo["known"] = 1
    found = pool.without(plain, lambda plain: plain.points[:, 2] / 2.0, False)
    assert found.points[:, 2].tolist() == (plain.points[:, 2] / 2.0).tolist()
    assert found.points[:, :2].tolist() == plain.points[:, :2].tolist()
    assert (found.rescored, found.pack, found.memo) == (True, "", {})
    assert found.steps.tolist() == plain.steps.tolist()
    worked = replace(plain, steps=np.array([[3.0, 25 * C], [4.0, 10 * C]]))
    still = pool.without(worked, None, True)
    assert still.steps.tolist() == [[3.0, 0.0], [4.0, 0.0]]
    assert worked.steps[0, 1] == 25 * C
    assert (still.rescored, still.points is plain.points) == (False, True)


def test_a_schedule_must_beat_the_limit():
    """20 C and 11 U, 40 C and 6 U: at 1 / C and 2 / U seconds 22 + 20 / 4 and 40 + 12 / 4, and one each; or with less room."""
    layers = two_layers()
    terms = few.settle(layers, adapter.machines(60 * U, 1.0 / C, 2.0 / U, "layer", 1.0).row())
    best_s = 22 + 20 / 4 + 40 + 12 / 4 + 2
    assert few.residency(layers, terms).time_s == pytest.approx(best_s, rel=1e-12)
    (piece,) = few.residency(layers, terms, best_s * (1 + 1e-9)).pieces
    assert piece.cycles().tolist() == [40 * C, 20 * C]
    assert few.residency(layers, terms, best_s * (1 - 1e-9)) is None
    small = few.settle(layers, adapter.machines(7 * U, 1.0 / C, 2.0 / U, "layer", 1.0).row())
    assert few.residency(layers, small).time_s == pytest.approx(50 + 16 / 4 + 30 + 24 / 4 + 2, rel=1e-12)
    assert few.residency(layers, few.settle(layers, adapter.machines(4.9 * U).row())) is None


@pytest.mark.parametrize(
    ("plans", "again"),
    [((7, 8), 0), ((8, 9), 1), ((9, 8), 1), ((None, 8), 0), ((8, None), 0), ((None, 9), 1), ((None, None), 0)],
)  # fmt: skip
def test_what_does_not_fit_is_sought_without_a_floor(monkeypatch, plans, again):
    """One of both that does not is enough. Room for eight bytes."""
    chip, asked = SimpleNamespace(capacity_bytes=np.array([8.0])), []
    found = tuple(size and SimpleNamespace(fits=lambda room, size=size: size <= room) for size in plans)

    def sought(machines, batch, pool_of, *rest):
        asked.append(pool_of(batch))
        return found if len(asked) == 1 else "exact"

    monkeypatch.setattr(best, "_best", sought)
    answer = best.best_plans(chip, 4, lambda size: SimpleNamespace(exact=("exact", size)), True, True)
    assert answer == ("exact" if again else found)
    assert asked[1:] == [("exact", 4)] * again


def test_what_does_not_fit_is_looked_for_among_exact_pools(monkeypatch):
    """Pools with a floor may offer what fits no chip, for one batch, in steady state or for both."""
    asked = []

    def found(machines, batch, pool_of, *others):
        asked.append(pool_of(3))
        return offered if len(asked) == 1 else "exact"

    def plan(size):
        return SimpleNamespace(fits=lambda capacity: size <= capacity)

    monkeypatch.setattr(best, "_best", found)
    machines, pools = adapter.machines(10.0, 1.0, 1.0, "none"), SimpleNamespace(exact="an exact pool")
    for sizes, again in [((9, 10), False), ((9, 11), True), ((11, 9), True), ((None, 10), False), ((None, 11), True)]:
        asked.clear()
        offered = tuple(None if size is None else plan(size) for size in sizes)
        assert best.best_plans(machines, 1, lambda batch: pools, True, True) == ("exact" if again else offered)
        assert asked == ([pools, "an exact pool"] if again else [pools])


def test_choices_of_a_room_are_those_of_the_next_size_of_a_list():
    """So that whoever asks first, all rooms up to that size have them."""
    top = 2.0 ** (np.ceil(segments.ROOMS_PER_OCTAVE * np.log2(46 * U)) / segments.ROOMS_PER_OCTAVE)
    below = 2.0 ** (np.floor(segments.ROOMS_PER_OCTAVE * np.log2(46 * U)) / segments.ROOMS_PER_OCTAVE)
    found = []
    for room in (top, 46 * U, 1.001 * below, below):  # the large tiling of the second layer does not fit the last two
        begins, _, amounts, _ = segments.free_list(two_layers(), room)
        found.append(amounts[: begins[-1]].tolist())
    assert below < 1.001 * below < 46 * U < top
    assert found[0] == found[1] == found[2] != found[3]


@pytest.mark.parametrize(
    ("each", "time_s"),
    [
        ({6: 60.0, 3: 28.0, 2: 15.0, 1: 12.0}, 45.0), ({6: 60.0, 3: 20.0, 2: 15.0, 1: 12.0}, 40.0),
        ({6: 39.0, 3: 20.0, 2: 15.0, 1: 12.0}, 39.0), ({6: 60.0, 3: 28.0, 2: 19.0, 1: 9.0}, 54.0),
    ],
)  # fmt: skip
def test_a_batch_runs_in_the_equal_parts_that_are_the_fastest(monkeypatch, each, time_s):
    """Of three, of two that are no part of its half, of single items that are, or as a whole; each asked once."""
    asked = []

    def whole(size, machines, keep, limit_s):
        asked.append(size)
        found = SimpleNamespace(time_s=each[size], outer_bytes=np.zeros(1))
        return tuple(found if found.time_s < most else None for most in limit_s)

    def times(plan, count):
        return plan and SimpleNamespace(time_s=plan.time_s * count, outer_bytes=plan.outer_bytes)

    monkeypatch.setattr(best, "whole_batches", whole)
    monkeypatch.setattr(best, "repeated", times)
    cold, steady = best._in_parts(None, 6, lambda size: size, True, {6: [], 3: []}, (np.inf, np.inf))
    assert cold.time_s == steady.time_s == time_s
    assert sorted(asked) == [1, 2, 3, 6]


def test_segments_need_beat_one_of_both_limits(monkeypatch):
    """A batch on its own takes 60 s, one of many 50: segments of 55 do for the one alone."""
    plans = (
        SimpleNamespace(time_s=60.0, outer_bytes=np.zeros(1)),
        SimpleNamespace(time_s=50.0, outer_bytes=np.zeros(1)),
    )
    monkeypatch.setattr(
        best, "whole_batches", lambda size, machines, keep, limit_s: plans if size == 2 else (None, None)
    )
    own, asked = SimpleNamespace(time_s=55.0, outer_bytes=np.zeros(1)), []
    room = SimpleNamespace(plan=lambda limit_s: (asked.append(limit_s), own)[1])
    cold, steady = best._in_parts(None, 2, lambda size: size, True, {2: [room], 1: []}, (np.inf, np.inf))
    assert (cold.time_s, steady.time_s, asked) == (55.0, 50.0, [60.0])
