"""Lists of choices and segments, kernel by kernel, against every sequence of choices.

Without the compiler alone: each kernel would be compiled for these calls by itself.
"""

import itertools
import math
import os
import random

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.kernels import schedule_segments as kernels
from simulator.kernels import schedule_stretches as lists
from simulator.kernels import schedule_timed as timed
from simulator.kernels.layout import (
    BESIDE,
    BYTES,
    CYCLES,
    FOOTPRINT,
    LEAST_ROOM,
    RESERVED,
    SPAN_HI,
    SPAN_LO,
    VECTOR_CYCLES,
    Rates,
    step_time,
)
from simulator.lower.rows import lower
from simulator.schedule.pool import build_pool

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STATES = 3
CHIP = kernels.Chip(Rates(np.array([1.0, 0.5]), np.array([0.25, 2.0]), np.array([0.125, 0.5])), 0.5)
"""Two chips, one fast at on-chip work and one at memory; all their numbers are exact."""


def random_lists(rng, lengths, most=4):
    """Lists of so many steps each, with choices of few cycles and bytes, so that many take the same time."""
    begins, ways, amounts = [], [], []
    for length in lengths:
        for _ in range(length):
            begins.append(len(ways))
            for _ in range(rng.randint(2, most)):
                ways.append([rng.randrange(STATES), rng.randrange(STATES), rng.randrange(100), rng.randrange(100)])
                amounts.append(
                    [float(rng.randint(0, 3)), float(rng.randint(0, 8)), *map(float, rng.choices((1, 3), k=2))]
                )
        begins.append(len(ways))
    return lists.Lists(np.array(begins), np.array(ways), np.array(amounts), np.array([len(begins), len(ways)]))


def sequences(found, steps):
    """All sequences of one choice a step whose states join; `steps` are places in `begins`."""
    rows = [range(found.begins[at], found.begins[at + 1]) for at in steps]
    for way in itertools.product(*rows):
        if all(found.ways[a, lists.TARGET] == found.ways[b, lists.SOURCE] for a, b in itertools.pairwise(way)):
            yield way


def ends_of(found, way):
    return int(found.ways[way[0], lists.SOURCE]), int(found.ways[way[-1], lists.TARGET])


def cost(found, way, p):
    """(time on chip `p`, bytes) of a sequence."""
    rates, rows = CHIP.rates, found.amounts[list(way)]
    times = [
        step_time(row[lists.TAKES], row[lists.MOVES], rates.cycle_s[p], rates.byte_s[p], CHIP.phi, rates.overhead_s[p])
        for row in rows
    ]
    return sum(times), rows[:, lists.MOVES].sum()


@pytest.mark.parametrize("seed", range(4))
def test_a_list_takes_as_long_as_its_fastest_sequence(seed):
    rng = random.Random(seed)
    found, at, length = (
        random_lists(rng, (2, 3, 2)),
        3,
        3,
    )  # the second list: two steps of the first and its end before it
    steps = range(at, at + length)
    for p in range(2):
        for source, target in itertools.product(range(STATES), repeat=2):
            own = [cost(found, way, p) for way in sequences(found, steps) if ends_of(found, way) == (source, target)]
            time, moved = min(own, default=(math.inf, math.inf))
            values = np.full((2, STATES, 2), 7.0)
            assert kernels.list_time(found, at, length, CHIP, p, source, target, values) == time
            if not own:
                continue
            # Of the fastest it is one that moves least.
            choice, path = np.full((length, STATES), -1), np.full((length, 3), -1)
            kernels.list_path(
                found, at, length, CHIP, p, (source, target), np.full((2, STATES, 2), 7.0), choice, 5, path
            )
            assert path[:, kernels.PATH_MODE].tolist() == [5] * length
            assert any(
                (found.ways[list(way), lists.MOVE].tolist(), found.ways[list(way), lists.POINT].tolist())
                == (path[:, kernels.PATH_MOVE].tolist(), path[:, kernels.PATH_POINT].tolist())
                for way in sequences(found, steps)
                if ends_of(found, way) == (source, target) and cost(found, way, p) == (time, moved)
            )
    # Several chips at once, from one state.
    values = np.full((2, STATES, 2), math.inf)
    values[0, 1] = 0.25, 4.0
    last = kernels.run_list(found, at, length, CHIP, 2, values)
    for p, target in itertools.product(range(2), range(STATES)):
        own = [cost(found, way, p)[0] for way in sequences(found, steps) if ends_of(found, way) == (1, target)]
        assert values[last, target, p] == (0.25, 4.0)[p] + min(own, default=math.inf)


def test_of_paths_as_good_the_first_counts():
    found = lists.Lists(
        np.array([0, 4]), np.array([[0, 0, move, 10 + move] for move in range(4)]),
        np.array([[8.0, 3.0, 1.0, 1.0], [8.0, 2.0, 1.0, 1.0], [8.0, 2.0, 1.0, 1.0], [9.0, 0.0, 1.0, 1.0]]), np.array([2, 4]),
    )  # fmt: skip
    path = np.zeros((1, 3), dtype=np.int64)
    chip = CHIP._replace(phi=0.0)  # 8 cycles hide the bytes
    kernels.list_path(found, 0, 1, chip, 0, (0, 0), np.zeros((2, 1, 2)), np.zeros((1, 1), dtype=np.int64), 0, path)
    assert path.tolist() == [[0, 1, 11]]


@pytest.mark.parametrize("seed", range(4))
def test_a_segment_lies_between_all_choices_and_those_that_fit(seed):
    rng = random.Random(seed)
    found = random_lists(rng, (2, 1, 2, 1))
    cuts = np.array([[0.0, -1.0], [2.0, 1.0], [3.0, 2.0], [5.0, -1.0], [6.0, 0.0]])
    near = np.array([[0, 9, 9, 9], [3, 9, 9, 9], [5, 9, 9, 9], [8, 9, 9, 9]])
    steps, values = (3, 5, 6), np.full((2, STATES, 2), 7.0)
    for p, room in itertools.product(range(2), (3.0, 4.0, 5.0, 6.0)):
        for source, target in itertools.product(range(STATES), repeat=2):
            own = [way for way in sequences(found, steps) if ends_of(found, way) == (source, target)]
            fit = [way for way in own if (found.amounts[list(way), lists.NEEDS :].sum(axis=1) <= room).all()]
            wanted = tuple(min((cost(found, way, p)[0] for way in ways), default=math.inf) for ways in (own, fit))
            assert kernels.between(found, near, 1, 3, cuts, room, CHIP, p, source, target, values) == wanted
    near[2, 0] = -1  # a stretch without a list
    assert kernels.between(found, near, 1, 3, cuts, 9.0, CHIP, 0, 0, 0, values) == (math.inf, math.inf)


def test_no_step_takes_less_than_its_quickest_choice_nor_than_what_it_always_needs():
    choices = np.array([[8.0, 1.0, 1.0], [1.0, 1.0, 2.0], [0.5, 9.0, 1.0], [100.0, 0.0, 1.0], [2.0, 3.0, 4.0]])
    begins, cycles, streamed = np.array([0, 3, 3 + 2]), np.array([0.5, 300.0]), np.array([0.0, 7.0])
    out = np.array([5.0, 5.0])
    kernels.least_batch(begins, choices, cycles, streamed, CHIP, 2, out)

    wanted = [0.0, 0.0]
    for step, p in itertools.product(range(2), range(2)):
        cycle_s, byte_s, overhead_s = (float(rate[p]) for rate in CHIP.rates)
        own = [
            step_time(takes, moves, cycle_s, byte_s, 0.5, overhead_s) * runs
            for takes, moves, runs in choices[begins[step] : begins[step + 1]].tolist()
        ]
        wanted[p] += max(min(own), step_time(cycles[step], streamed[step], cycle_s, byte_s, 0.5, overhead_s))
    assert out.tolist() == wanted
    kernels.least_batch(np.array([0, 0, 0]), choices, cycles, streamed, CHIP, 2, out)  # nothing fits
    assert out.tolist() == [math.inf, math.inf]


def test_potentials_are_shortest_ways_from_both_ends():
    rng, modes, stretches = random.Random(1), 2, 3
    times = np.array([float(rng.randint(1, 40)) for _ in range(modes * stretches * 9 * 2)])
    times = times.reshape(modes, stretches, 3, 3, 2)
    before, after = (np.full((stretches + 1, 2 + modes, 2), 7.0) for _ in range(2))
    kernels.potentials(times, 2, before, after)
    # Outer memory, whole batch, and inside a segment of either mode: a way stays in the mode in which it is inside.
    places = [("outside", None), ("whole", None), ("inside", 0), ("inside", 1)]
    number = {"outside": kernels.OUTSIDE, "inside": kernels.INSIDE, "whole": kernels.WHOLE}

    def fastest(route, p):
        total = 0.0
        for at, (one, other) in route:
            held = {mode for _, mode in (one, other) if mode is not None}
            if len(held) > 1:
                return math.inf
            total += min(times[mode, at, number[one[0]], number[other[0]], p] for mode in (held or range(modes)))
        return total

    for cut, to, p in itertools.product(range(stretches + 1), range(4), range(2)):
        ways = [
            [places[0], *middle, places[to]] if cut else [places[0]]
            for middle in itertools.product(places, repeat=max(0, cut - 1))
        ]
        wanted = min(fastest(list(enumerate(itertools.pairwise(way))), p) for way in ways)
        assert before[cut, to, p] == (wanted if cut or to == 0 else math.inf)
        rest = stretches - cut
        ways = [
            [places[to], *middle, places[0]] if rest else [places[0]]
            for middle in itertools.product(places, repeat=max(0, rest - 1))
        ]
        wanted = min(fastest([(cut + i, pair) for i, pair in enumerate(itertools.pairwise(way))], p) for way in ways)
        assert after[cut, to, p] == (wanted if rest or to == 0 else math.inf)


@pytest.mark.parametrize(("mode", "stays"), [((0, 0, 3), 0.0), ((0, 1, 3), 8.0), ((0, 0, 1), 0.0)])
def test_times_between_neighbouring_cuts(mode, stays):
    rng = random.Random(2)
    found = random_lists(rng, (2, 2, 2, 2, 1, 1, 1, 1), most=9)
    cuts = np.array([[0.0, -1.0], [2.0, 1.0], [3.0, 2.0]])
    where = np.array([[0, -1, 6, -1], [12, 14, 16, 18]])
    if mode[kernels.REPEATS] == 1:
        where[:, 1:] = -1
    stay = np.array([[0.0, 8.0, 9.0], [0.0, 0.0, 8.0], [0.0, 0.0, 0.0]])
    out, values = np.full((2, 3, 3, 2), 7.0), np.full((2, STATES, 2), 7.0)
    kernels.neighbour_times(found, where, cuts, stay, np.array(mode), CHIP, 2, values, out)
    once, seen = mode[kernels.REPEATS] == 1, 0
    for i, before, after, p in itertools.product(range(2), range(3), range(3), range(2)):
        asked = [kernels.INSIDE if once and x == kernels.WHOLE else x for x in (before, after)]
        variant = (asked[0] == kernels.WHOLE) + 2 * (asked[1] == kernels.WHOLE)
        at, states = where[i, variant], []
        for x, cut in zip(asked, (i, i + 1), strict=True):
            states.append(0 if x == kernels.OUTSIDE else int(cuts[cut, 1]))
        wanted = math.inf
        if at >= 0 and -1 not in states:
            run = kernels.list_time(found, at, 2 - i, CHIP, p, *states, np.zeros((2, STATES, 2)))
            wanted = run * mode[kernels.REPEATS] + stays * CHIP.rates.byte_s[p]
        seen += wanted < math.inf
        assert out[i, before, after, p] == wanted, (i, before, after, p)
    assert seen >= 8


def test_a_mode_is_found_by_size_and_whether_weights_are_held():
    modes = np.array([[0, 0, 1], [1, 0, 2], [1, 1, 2], [2, 1, 4]])
    assert [kernels.mode_of(modes, *modes[at, :2]) for at in range(4)] == [0, 1, 2, 3]
    assert [kernels.place(where, 5) for where in (kernels.OUTSIDE, kernels.WHOLE, kernels.INSIDE)] == [0, 1, 7]


# made from a network


@pytest.fixture(scope="module")
def pool():
    """Four branches of one tensor, which are added up, a pool and a layer with weights: tensors that may stay or not, moves of a
    step that share their rows, and steps without products."""
    net = NetworkBuilder("branches")
    x = net.conv(net.input(2, 4, 4), 4, 1, bias=False)
    branches = [net.conv(x, 4, 3, padding=1, bias=False) for _ in range(4)]
    both = branches.pop()
    for branch in branches:
        both = net.add(both, branch)
    net.dense(net.pool(both, 2).flat(), 6, bias=False)
    keys = {"array.winograd": False, "array.rows": 4, "array.columns": 4, "vector.fuses": ["relu"]}
    chip = load_chip("example_edge", set=keys)
    return build_pool(lower(net.build(), chip, 2), 16.0, True, True)


def listed(found, at, steps):
    """Rows of one list: for each step a row a choice, what it is and takes."""
    begins = found.begins[at : at + steps + 1].tolist()
    return [
        [tuple(found.ways[i].tolist() + found.amounts[i].tolist()) for i in range(low, high)]
        for low, high in itertools.pairwise(begins)
    ]


def every_choice(pool, kept, held, begin, end, room):
    """The same from the moves and points themselves: of each move the points that fit and that no other one beats."""
    network, out = pool.network, []
    for step in range(begin, end):
        out.append([])
        own = pool.weights[step]
        inside = own > 0.0 and (held or kept[step] == own)
        for move in range(network.first[step], network.first[step + 1]):
            span = (pool.spans_kept if inside else pool.spans)[move]
            beside = pool.costs[move, BESIDE] - (0.0 if inside or held else kept[step])
            reserved, least, lanes = pool.costs[move, RESERVED], *pool.steps[step, [LEAST_ROOM, VECTOR_CYCLES]]
            ends = (int(network.source[move]), int(network.target[move]), move)
            if room - reserved < least:
                continue
            if span[SPAN_LO] == span[SPAN_HI]:
                out[-1].append((*ends, -1, lanes, beside, least, reserved))
                continue
            rows = pool.points[span[SPAN_LO] : span[SPAN_HI]]
            fit = [at for at, row in enumerate(rows) if row[FOOTPRINT] <= room - reserved]
            best = [
                at
                for at in fit
                if not any(
                    (rows[o, BYTES] <= rows[at, BYTES] and rows[o, CYCLES] < rows[at, CYCLES])
                    or (rows[o, BYTES] < rows[at, BYTES] and rows[o, CYCLES] <= rows[at, CYCLES])
                    for o in fit
                )
            ]
            for at in sorted(best, key=lambda at: rows[at, BYTES]):
                needs, takes = max(least, rows[at, FOOTPRINT]), max(lanes, rows[at, CYCLES])
                moves = max(0.0, rows[at, BYTES] + beside)
                out[-1].append((*ends, int(span[SPAN_LO]) + at, takes, moves, needs, reserved))
    return out


def empty(steps=200, choices=4000):
    return lists.Lists(
        np.full(steps, -9), np.full((choices, 4), -9), np.full((choices, 4), -9.0), np.zeros(2, dtype=np.int64)
    )


def scratch():
    return lists.Looked(np.zeros(400, dtype=np.int64), np.full(2 * lists.NEAR, -5))


ROOMS = (90.0, 150.0, 300.0, 700.0, 1500.0)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_stretch_has_the_choices_of_each_move(pool, held, share):
    kept, found, sizes = np.floor(pool.weights * share), empty(), []
    work = np.flatnonzero(pool.spans[:, SPAN_LO] == pool.spans[:, SPAN_HI])  # moves of vector work: rooms that just do
    just = {float(pool.costs[move, RESERVED] + pool.steps[pool.move_step[move], LEAST_ROOM]) for move in work}
    assert min(just) > 0.0
    for begin, end in ((0, len(pool.weights)), (2, 6)):
        for room in (*ROOMS, *sorted(just)[:3]):
            at = found.used[lists.BEGINS]
            assert lists.list_stretch(pool.source, kept, held, begin, end, room, found, scratch())
            wanted = every_choice(pool, kept, held, begin, end, room)
            assert listed(found, at, end - begin) == wanted
            sizes.append(sum(map(len, wanted)))
            assert found.used.tolist() == [at + end - begin + 1, found.begins[at + end - begin]]
    assert len({*sizes}) > 3


def test_a_stretch_says_where_lists_are_too_short(pool):
    whole, steps = empty(), len(pool.weights)
    kept = np.zeros(steps)
    assert lists.list_stretch(pool.source, kept, False, 0, steps, 700.0, whole, scratch())
    for short, there in ((steps, False), (steps + 1, True)):
        assert lists.list_stretch(pool.source, kept, False, 0, steps, 700.0, empty(short), scratch()) == there
    for more, there in ((2, False), (3, True)):  # behind another list: two steps from the third on
        own = empty(steps + 1 + more)
        assert lists.list_stretch(pool.source, kept, False, 0, steps, 700.0, own, scratch())
        assert lists.list_stretch(pool.source, kept, False, 2, 4, 700.0, own, scratch()) == there
    choices = int(whole.used[lists.CHOICES])
    for short, there in ((choices - 1, False), (choices, True)):
        assert lists.list_stretch(pool.source, kept, False, 0, steps, 700.0, empty(choices=short), scratch()) == there


def cutting_of(pool, room):
    cuts = np.ascontiguousarray(pool.cuts[:, :2])
    stay = np.zeros((len(cuts), len(cuts)))
    lists.stay_between(pool.weights, cuts, stay)
    return lists.Cutting(cuts, room, pool.cuts[:, 2] * 1.5, stay)


def test_weights_between_cuts(pool):
    cuts, _, _, stay = cutting_of(pool, 0.0)
    for i, j in itertools.product(range(len(cuts)), repeat=2):
        own = pool.weights[int(cuts[i, lists.STEPS]) : int(cuts[j, lists.STEPS])]
        assert stay[i, j] == (own.sum() if j > i else 0.0)


def room_of(cutting, i, j, entry, leave, held):
    """SRAM that a segment leaves to its runs: not the whole batch's tensors at its ends, nor the weights that it holds."""
    left = cutting.room - entry * cutting.around[i] - leave * cutting.around[j]
    return left - cutting.stay[i, j] if held else left


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("room", [250.0, 400.0, 900.0])
def test_neighbouring_cuts_have_a_list_for_each_room(pool, held, room):
    cutting, kept, found = cutting_of(pool, room), np.zeros(len(pool.weights)), empty()
    count = len(cutting.cuts)
    assert count > 3
    for once in (False, True):
        where = np.full((count - 1, 4), 77)
        found.used[:] = 0
        assert lists.list_neighbours(pool.source, kept, held, once, cutting, where, found, scratch())
        for i, entry, leave in itertools.product(range(count - 1), range(2), range(2)):
            at = where[i, entry + 2 * leave]
            has_state = all(cutting.cuts[cut, lists.STATE] >= 0 for cut, ask in ((i, entry), (i + 1, leave)) if ask)
            left = room_of(cutting, i, i + 1, entry, leave, held)
            if (once and (entry or leave)) or not has_state or left <= 0.0:
                assert at == -1
                continue
            steps = [int(cutting.cuts[cut, lists.STEPS]) for cut in (i, i + 1)]
            assert listed(found, at, steps[1] - steps[0]) == every_choice(pool, kept, held, *steps, left)
    assert not lists.list_neighbours(pool.source, kept, held, False, cutting, where, empty(4), scratch())


@pytest.mark.parametrize(("held", "room"), [(False, 300.0), (True, 500.0)])
def test_segments_that_are_wanted_are_listed_once(pool, held, room):
    cutting, kept, found = cutting_of(pool, room), np.zeros(len(pool.weights)), empty(600, 20000)
    count = len(cutting.cuts)
    wanted = np.zeros((count, count, 2, 2), dtype=np.bool_)
    for i, j in itertools.combinations(range(count), 2):
        for entry, leave in itertools.product(range(2), repeat=2):
            wanted[i, j, entry, leave] = (i + entry + 2 * leave) % 3 > 0
    where = np.full(wanted.shape, -1)
    where[0, 1, 0, 0] = 33  # listed before
    assert lists.list_wanted(pool.source, kept, held, cutting, wanted, where, found, scratch())
    seen = {-1: 0, -2: 0, 1: 0}
    for at in np.ndindex(*wanted.shape):
        i, j, entry, leave = at
        if at == (0, 1, 0, 0) or not wanted[at]:
            assert where[at] == (33 if at == (0, 1, 0, 0) else -1)
            seen[-1] += 1
            continue
        left = room_of(cutting, i, j, entry, leave, held)
        seen[1 if left > 0.0 else -2] += 1
        if left <= 0.0:
            assert where[at] == -2
            continue
        steps = [int(cutting.cuts[cut, lists.STEPS]) for cut in (i, j)]
        assert listed(found, where[at], steps[1] - steps[0]) == every_choice(pool, kept, held, *steps, left)
    assert min(seen.values()) > 0
    # Too short: what is not listed yet says so.
    where[:] = -1
    assert not lists.list_wanted(pool.source, kept, held, cutting, wanted, where, empty(2), scratch())
    assert (where == -1).any()


@pytest.mark.parametrize(("held", "room"), [(False, 300.0), (True, 500.0)])
def test_segments_that_are_not_listed_are_timed_as_from_their_lists(pool, held, room):
    cutting, kept, found = cutting_of(pool, room), np.zeros(len(pool.weights)), empty(600, 20000)
    cuts, states = cutting.cuts, pool.moves.states
    wanted = np.ones((len(cuts), len(cuts), 2, 2), dtype=np.bool_)
    wanted[0, 2] = False
    where, listed_at, known = np.full(wanted.shape, -1), np.full(wanted.shape, -1), np.full((2, *wanted.shape), -1.0)
    where[1, 2, 0, 0] = 33  # listed before
    assert lists.list_wanted(pool.source, kept, held, cutting, wanted, listed_at, found, scratch())
    asked = timed.Asked(wanted, where, known)
    values = np.empty((2, states, 2))
    alone = timed.Alone(empty(1), scratch(), values)
    assert not timed.time_wanted(pool.source, kept, held, cutting, CHIP, 2, asked, alone)
    assert (known == -1.0).all()  # the list was too short for the first of them
    alone = alone._replace(lists=empty(600, 20000))
    assert timed.time_wanted(pool.source, kept, held, cutting, CHIP, 2, asked, alone)
    seen = set()
    for at in np.ndindex(*wanted.shape):
        i, j, entry, leave = at
        timed_now = i < j and wanted[at] and at != (1, 2, 0, 0)
        expected = listed_at[at] if not timed_now or listed_at[at] == lists.NO_ROOM else kernels.TIMED
        assert where[at] == (33 if at == (1, 2, 0, 0) else expected)
        seen.add(int(where[at]))
        if expected != kernels.TIMED or not timed_now:
            assert (known[:, i, j, entry, leave] == -1.0).all()
            continue
        source, target = int(cuts[i, lists.STATE]) if entry else 0, int(cuts[j, lists.STATE]) if leave else 0
        steps = int(cuts[j, lists.STEPS]) - int(cuts[i, lists.STEPS])
        for p in range(2):
            time = kernels.list_time(found, listed_at[at], steps, CHIP, p, source, target, np.empty((2, states, 2)))
            assert known[p, i, j, entry, leave] == time
    assert {-1, lists.NO_ROOM, kernels.TIMED} <= seen
