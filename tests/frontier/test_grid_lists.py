"""Lists that the search on a grid walks, and the frontier that it makes of what it found; without the compiler alone."""

import itertools
import math
import os
import random

import numpy as np
import pytest

from simulator.frontier.grid import search
from simulator.frontier.grid.candidates import build_tables
from simulator.kernels import grid_best as best
from simulator.kernels import grid_lists as lists
from simulator.kernels import grid_unroll as unroll
from simulator.kernels.grid_envelope import (
    BINS,
    LEVELS,
    NO_FLOOR,
    Survivors,
    bins_of,
    level_of,
    matched,
    place_of,
    record,
    remember,
)
from simulator.kernels.grid_front import blocks_of
from simulator.kernels.grid_layout import (
    EACH,
    FOLDS,
    INPUTS,
    INPUTS_BY_P,
    INPUTS_BY_Q,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SET_CYCLES,
    SIZE,
    STEPS,
    TRIPS,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    WINDOW,
)
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

SPEC = ArraySpec(
    2, 3, 2, "weights", ("reduction",), ("out_channels",), ("out_channels", "pixels", "groups"), weight_load_cycles=2.0
)
SHAPE = Shape((2, 2, 20, 12, 6, 5, 3, 3), padding=(1, 1), plane=(6, 5))


@pytest.fixture(scope="module")
def built():
    found = build_tables(SHAPE, SPEC)
    assert len(found.units.factors) > 1
    return found


def bounds_of(pixels):
    """Scratch for bounds of so many pixel tiles."""
    return np.full((blocks_of(pixels), lists.TILE_JUDGED), np.nan)


def fresh(built, pixels=4000, axes=4000):
    units, longest = len(built.units.factors), 2 * max(len(built.axis_k), len(built.axis_c)) + 4
    return lists.Lists(
        np.full((pixels, 8), np.nan), np.full((axes, 6), np.nan), bounds_of(pixels), np.zeros(longest, dtype=np.int64),
        np.full((lists.SLOTS * units, 2), -1), np.zeros(2, dtype=np.int64), np.zeros((3, 2), dtype=np.int64),
    )  # fmt: skip


def asked_for(pixels, k, c):
    """A row of a plan: what matters of pixel tiles, of K and of C."""
    asked = np.zeros(14, dtype=np.int64)
    asked[[lists.BY_WINDOW, lists.BY_PIXELS, lists.BY_TRIPS, lists.BY_INPUTS, lists.BY_FEED]] = pixels
    asked[[lists.K_BY_SIZE, lists.K_BY_TRIPS, lists.K_BY_FEED]] = k
    asked[[lists.C_BY_SIZE, lists.C_BY_TRIPS, lists.C_BY_FEED]] = c
    return asked


BITS = list(itertools.product((0, 1), repeat=3))
KINDS = [(*bits, inputs, 1) for bits in BITS for inputs in range(3)]
"""Whether the window, the pixels, the trips and the inputs of pixel tiles matter."""


def test_every_list_is_found_again_by_what_matters_in_it(built):
    """Whatever was asked before: all kinds of lists are made, then asked for in another order."""
    layer, own, rng = built.layer, fresh(built), random.Random(1)
    every = [(u, *kind) for u in range(2) for kind in zip(KINDS, BITS * 3, BITS[::-1] * 3, strict=True)]
    for u, pixels, k, c in [*every, *rng.sample(every, len(every))]:
        asked = asked_for(pixels, k, c)
        lists.lists_of(layer, u, asked, own)
        alone = fresh(built)
        count = lists.pixel_list(layer, u, asked, alone.pixels, 0, alone.bounds)
        at, there = own.present[lists.OF_PIXELS]
        assert there == count
        assert own.pixels[at : at + there].tolist() == alone.pixels[:count].tolist()
        for row, table, matters, by_steps in (
            (lists.OF_K, layer.axis_k, k, layer.rules.in_by_steps),
            (lists.OF_C, layer.axis_c, c, layer.rules.partial_by_steps),
        ):
            feed = STEPS + EACH * u if by_steps else TRIPS
            count = lists.axis_list(table, u, lists.Matters(*matters), feed, alone.scratch, alone.axes, 0)
            at, there = own.present[row]
            assert there == count
            assert own.axes[at : at + there].tolist() == alone.axes[:count].tolist()
    made = (own.where[:, lists.BEGIN] >= 0).sum()
    assert made == 2 * (len(KINDS) + 2 * len(BITS))


@pytest.mark.parametrize("spare", [-1, 0, 1])
@pytest.mark.parametrize("short", ["pixels", "axes"])
def test_lists_stay_while_there_is_room_for_the_longest_more(built, short, spare):
    """A row more than there are pixel tiles; and four times as many as the longest axis has, and eight. Else all begin anew."""
    longest = max(len(built.axis_k), len(built.axis_c))
    own, kinds = fresh(built), ((KINDS[-1], (1, 1, 1), (1, 1, 1)), (KINDS[-2], (0, 1, 1), (1, 0, 1)))
    lists.lists_of(built.layer, 0, asked_for(*kinds[0]), own)
    first = own.used.copy()
    room = {"pixels": first[lists.IN_PIXELS] + len(built.pixel) + 1, "axes": first[lists.IN_AXES] + 4 * longest + 8}[
        short
    ]
    own = own._replace(**{short: getattr(own, short)[: room + spare].copy()})
    alone = fresh(built)
    for to in (own, alone):
        lists.lists_of(built.layer, 0, asked_for(*kinds[1]), to)
    stays = spare >= 0
    assert own.used.tolist() == (alone.used + first * stays).tolist()
    assert (
        own.present.tolist()
        == (alone.present + np.array([[first[0], 0], [first[1], 0], [first[1], 0]]) * stays).tolist()
    )
    assert (own.where[:, lists.BEGIN] >= 0).sum() == 3 * (1 + stays)


def no_worse(one, other, columns):
    return all(one[column] <= other[column] for column in columns)


@pytest.mark.parametrize("matters", BITS)
def test_a_list_of_an_axis_has_the_rows_that_no_other_covers(matters):
    """From the largest row down; the whole extent, row 0, goes before all, whatever it is."""
    rng = random.Random(2)
    table = np.array(
        [[rng.randint(1, 9), *(rng.randint(1, 30) for _ in range(STEPS + 2 * EACH - 1))] for _ in range(90)]
    )
    table = table.astype(np.float64)
    for u, feed in ((0, TRIPS), (1, STEPS + EACH)):
        folds = FOLDS + EACH * u
        judged = [folds, *(column for column, own in zip((SIZE, TRIPS, feed), matters, strict=True) if own)]
        kept = []
        for row in range(len(table) - 1, 0, -1):
            if not any(no_worse(table[one], table[row], judged) for one in kept):
                kept.append(row)
        out = np.full((400, 6), np.nan)
        length = lists.axis_list(table, u, lists.Matters(*matters), feed, np.zeros(90, dtype=np.int64), out, 7)
        found = out[7 : 7 + length]
        assert np.isnan(out[:7]).all()
        assert np.isnan(out[7 + length :]).all()
        rows = found[found[:, lists.AXIS_JUMP] == 0]
        assert rows[:, lists.AXIS_ROW].astype(int).tolist() == [0, *kept[::-1]]
        wanted = table[rows[:, lists.AXIS_ROW].astype(int)][:, [SIZE, TRIPS, folds, feed]]
        assert (rows[:, [lists.AXIS_SIZE, lists.AXIS_TRIPS, lists.AXIS_FOLDS, lists.AXIS_FEED]] == wanted).all()
        # Rows of bounds: of what they lead past the least of each column; before the first of them that of all, if there is more.
        own, count = np.flatnonzero(found[:, lists.AXIS_JUMP] > 0), len(kept)
        chunks = -(-count // lists.CHUNK)
        assert len(own) == (0 if count < 2 else chunks + (count > lists.CHUNK))
        for at in own.tolist():
            past = found[at + 1 : int(found[at, lists.AXIS_JUMP])]
            least = past[past[:, lists.AXIS_JUMP] == 0][:, : lists.AXIS_BOUNDED].min(axis=0)
            assert (found[at, : lists.AXIS_BOUNDED] == least).all()
        spans = [(at, int(found[at, lists.AXIS_JUMP])) for at in own.tolist()]
        if count > lists.CHUNK:
            assert spans.pop(0) == (1, length)
        ends = [end for _, end in spans]
        assert ends == [*(at for at, _ in spans[1:]), *([length] if spans else [])]
        assert all(sum(found[a:b, lists.AXIS_JUMP] == 0) == lists.CHUNK for a, b in spans[:-1])


@pytest.mark.parametrize("by_steps", [0, 1])
def test_a_list_of_pixel_tiles_has_those_that_no_other_covers(built, by_steps):
    layer = built.layer._replace(rules=built.layer.rules._replace(weights_by_steps=by_steps))
    table, seen = layer.pixel, set()
    for u, kind in itertools.product(range(2), KINDS):
        by_window, by_pixels, by_trips, by_inputs, _ = kind
        kept = []
        for row in layer.needed[layer.starts[u] : layer.starts[u + 1]].tolist():
            trips = float(np.prod(table[row, [TRIPS_N, TRIPS_P, TRIPS_Q]]))
            shared = min(table[row, INPUTS_BY_P], table[row, INPUTS_BY_Q])
            own = np.zeros(8)
            own[lists.TILE_WINDOW], own[lists.TILE_PIXELS] = (
                by_window * table[row, WINDOW],
                by_pixels * table[row, PIXELS],
            )
            own[lists.TILE_TRIPS], own[lists.TILE_INPUTS] = trips, (0.0, table[row, INPUTS], shared)[by_inputs]
            own[lists.TILE_FOLDS] = table[row, PIXEL_FOLDS + EACH * u] - layer.own[u, SET_CYCLES] * trips
            own[lists.TILE_FEED] = table[row, PIXEL_STEPS + EACH * u] if by_steps else trips
            own[lists.TILE_ROW], own[lists.TILE_SWAP] = row, table[row, INPUTS_BY_P] < table[row, INPUTS_BY_Q]
            judged = [lists.TILE_WINDOW, lists.TILE_PIXELS, lists.TILE_INPUTS, lists.TILE_FOLDS, lists.TILE_FEED]
            judged += [lists.TILE_TRIPS] * by_trips
            if trips == 1.0 or not any(no_worse(one, own, judged) for one in kept):
                kept.append(own.tolist())
        out, bounds = np.full((len(table) + 5, 8), np.nan), bounds_of(len(table))
        count = lists.pixel_list(layer, u, asked_for(kind, (0, 0, 0), (0, 0, 0)), out, 4, bounds)
        assert out[4 : 4 + count].tolist() == kept
        seen.add(count)
        out[:] = np.nan
        count = lists.pixel_list(layer, u, asked_for((*kind[:4], 0), (0, 0, 0), (0, 0, 0)), out, 0, bounds)
        assert (out[:count, lists.TILE_FEED] == 0.0).all()
    assert len(seen) > 4


# what a search found


def survivors(rng, count):
    """Points of which many are equal in one thing or another, with footprints over some octaves; each with its number."""
    rows = [
        [rng.choice([0.25, 3, 5, 8, 9, 17, 30]) * 2.0 ** rng.randint(0, 3), rng.randint(0, 9), rng.randint(10, 19)]
        for _ in range(count)
    ]
    return np.array(rows, dtype=np.float64)


def kept_of(points, floor=NO_FLOOR):
    """By footprint, bytes and cycles, those that none before is as good as in bytes and cycles; of equals the first.

    Footprints up to the floor count as one, but of equals the smallest is first.
    """
    kept = []
    for at in sorted(
        range(len(points)), key=lambda at: (max(points[at][0], floor), *points[at][1:], points[at][0], at)
    ):
        if not any((points[one][1:] <= points[at][1:]).all() for one in kept):
            kept.append(at)
    return kept


@pytest.mark.parametrize("count", [1, 2, 15, 40, 130])
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("floor", [NO_FLOOR, 1.0, 4.0, 16.0, 2.0**20])
def test_the_frontier_of_survivors_is_exact(count, bound, floor):
    """Whether or not an envelope tells that some are beaten."""
    rng, least, last = random.Random(count), 10.0, 200
    points, bins = survivors(rng, count), bins_of(floor, last)
    envelope, nearby = np.full((LEVELS + 1, BINS), math.inf), np.full((LEVELS, BINS, 3), math.inf)
    envelope[LEVELS, 0] = 0.0
    keep = Survivors(
        envelope, nearby, np.zeros((count, 3)), np.zeros(count, dtype=np.int64), np.zeros(1, dtype=np.int64)
    )
    for at, (footprint, total, cycles) in enumerate(points.tolist()):
        if bound:
            place = place_of(footprint, bins)
            remember(envelope, nearby, level_of(cycles, least), place, footprint, total, cycles, bins.last)
        record(keep.points, keep.codes, keep.found, footprint, total, cycles, 100 + at)
    assert keep.points.tolist() == points.tolist()
    # Scratch is what the last search left there.
    order, stay, at = (np.full(count, 3 * BINS) for _ in range(3))
    sorting = best.Sorting(order, np.full(4 * BINS + 1, 3 * BINS), stay, at, np.zeros((count + 1, 2)))
    out, codes = np.zeros((count, 3)), np.zeros(count, dtype=np.int64)
    found = best.keep_best(keep, least, bins, sorting, out, codes)
    assert codes[:found].tolist() == [100 + at for at in kept_of(points, floor)]
    assert out[:found].tolist() == points[kept_of(points, floor)].tolist()


def test_what_has_no_room_is_counted():
    points, codes, found = np.zeros((1, 3)), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for at in range(3):
        record(points, codes, found, 1.0 + at, 2.0, 3.0, 4 + at)
    assert (points.tolist(), codes.tolist(), found.tolist()) == ([[1.0, 2.0, 3.0]], [4], [3])


def test_an_envelope_has_the_least_bytes_of_smaller_survivors():
    """Of every cell and bin: of what was remembered with at most these cycles and this footprint, up to the highest cell."""
    rng, last, seen = random.Random(3), 9, []
    envelope, nearby = np.full((LEVELS + 1, BINS), math.inf), np.full((LEVELS, BINS, 3), math.inf)
    envelope[LEVELS, 0] = 0.0
    for _ in range(40):
        level, place, total = rng.randint(0, 6), rng.randint(0, last), float(rng.randint(0, 99))
        remember(envelope, nearby, level, place, 5.0, total, 7.0, last)
        seen.append((level, place, total))
        top = max(one for one, _, _ in seen)
        assert envelope[LEVELS, 0] == top
        for cell, at in itertools.product(range(top + 1), range(last + 1)):
            own = [size for one, where, size in seen if one <= cell and where <= at]
            assert envelope[cell, at] == min(own, default=math.inf)
        assert nearby[level, place].tolist() == [5.0, total, 7.0]
    assert (envelope[:LEVELS, last + 1 :] == math.inf).all()


def test_a_survivor_in_the_cell_or_the_one_below_matches_what_is_no_better():
    nearby = np.full((LEVELS, BINS, 3), math.inf)
    nearby[3, 5] = 10.0, 20.0, 30.0
    for level, place in itertools.product(range(2, 6), range(4, 8)):
        near = level in (3, 4) and place in (5, 6)
        assert matched(nearby, level, place, NO_FLOOR, 10.0, 20.0, 30.0) == near
        for worse in ((9.0, 20.0, 30.0), (10.0, 19.0, 30.0), (10.0, 20.0, 29.0)):
            assert not matched(nearby, level, place, NO_FLOOR, *worse)
    nearby[0, 0] = 1.0, 1.0, 1.0
    assert matched(nearby, 0, 0, NO_FLOOR, 1.0, 1.0, 1.0)


def test_a_search_leaves_out_nothing_that_its_scratch_has_no_room_for(monkeypatch):
    """With room for few survivors the search is made again with more."""
    built = build_tables(Shape((1, 2, 5, 4, 3, 2, 1, 1), plane=(3, 2)), SPEC)
    expected = search._search(SPEC, 0, built)
    small = search._Scratch(4, 1024, 1024)
    monkeypatch.setattr(search._own, "scratch", small, raising=False)
    found = search._search(SPEC, 0, built)
    assert search._own.scratch.room > 4
    assert found.codes.tolist() == expected.codes.tolist()


# unrollings


@pytest.mark.parametrize("extents", [(7,), (5, 3), (4, 6, 3), (1, 9, 2)])
@pytest.mark.parametrize("length", [1, 4, 12, 40])
def test_factors_of_an_axis_are_all_that_fit_or_those_that_no_other_exceeds(extents, length):
    ranges = (range(1, extent + 1) for extent in extents)
    fit = [factors for factors in itertools.product(*ranges) if math.prod(factors) <= length]
    out = np.full((len(fit) + 9, len(extents)), -1)
    count = unroll.factor_tuples(np.array(extents), length, True, out)
    assert [tuple(row) for row in out[:count].tolist()] == sorted(fit, key=lambda factors: factors)
    assert (
        unroll.factor_tuples(np.array(extents), length, True, out[: len(fit)]) == len(fit) - 1
    )  # no more than there is room for
    count = unroll.factor_tuples(np.array(extents), length, False, out)
    few = {tuple(row) for row in out[:count].tolist()}
    best = {
        one for one in fit
        if not any(other != one and all(a >= b for a, b in zip(other, one, strict=True)) for other in fit)
    }  # fmt: skip
    assert best <= few <= {*fit}
    assert len(few) == count


@pytest.mark.parametrize(("extent", "room"), [(10, 12), (12, 10), (7, 7), (100, 30)])
def test_the_next_factor_is_the_largest_that_leaves_as_much_room(extent, room):
    """A larger one is of use only where it is the largest for which what is left is still as long."""
    at, seen = 0, []
    while at := unroll.next_factor(extent, room, at):
        seen.append(at)
    most = min(extent, room)
    assert seen == [one for one in range(1, most + 1) if one == most or room // (one + 1) != room // one]


def test_unrollings_that_no_other_beats():
    rng = random.Random(4)
    for _ in range(20):
        costs = np.array([[float(rng.randint(0, 3)) for _ in range(3)] for _ in range(12)])
        wanted = []
        for row, own in enumerate(costs):
            better = [
                (one <= own).all() and ((one < own).any() or at < row) for at, one in enumerate(costs) if at != row
            ]
            wanted.append(not any(better))
        keep = np.zeros(12, dtype=np.bool_)
        assert unroll.keep_unrollings(costs, keep) == sum(wanted)
        assert keep.tolist() == wanted


def test_what_an_unrolling_costs_a_layer_that_is_not_cut():
    """2 groups, 3 items, 10 x 6 channels, 4 x 5 pixels, a kernel of 3 x 3; 2 x 3 x 2 channels and 2 rows at once."""
    extents = np.array([2, 3, 10, 6, 4, 5, 3, 3, 6 * 9, 4 * 5])
    one = np.array([[1, 1, 4, 3, 2, 1, 1, 1, 1, 1]])
    costs = np.zeros((1, 5))
    unroll.layer_costs(extents, one, np.array([[2.0, 7.0]]), False, False, costs)
    channels, reduction, pixels = 3, 2 * 9, 2 * 5
    assert costs[0, unroll.LAYER_STEPS] == 2 * 3 * channels * reduction * pixels
    assert costs[0, unroll.INPUT_PASSES] == channels * 2.0
    assert costs[0, unroll.WEIGHT_PASSES] == 3 * pixels * 7.0
    assert costs[0, unroll.PARTIAL_PASSES] == reduction
    assert costs[0, unroll.WEIGHT_LOADS] == 2 * channels * reduction
    flat = np.array([[1, 1, 4, 1, 1, 1, 1, 1, 16, 8]])  # 54 terms by 16, 20 pixels by 8
    unroll.layer_costs(extents, flat, np.ones((1, 2)), True, True, costs)
    assert costs[0].tolist() == [2 * 3 * 3 * 4 * 3, 3, 9, 4, 2 * 3 * 4]
