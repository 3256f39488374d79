"""The fastest way over the cuts of a network in sub-batches, kernel by kernel, against every way. Without the compiler alone."""

import itertools
import math
import os
import random

import numpy as np
import pytest

from simulator.kernels import schedule_segments as kernels
from simulator.kernels import schedule_stretches as lists
from simulator.kernels.layout import Rates, step_time
from simulator.kernels.schedule_cuts import forget, over_cuts

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STATES = 3
CHIP = kernels.Chip(Rates(np.array([1.0, 0.5]), np.array([0.25, 2.0]), np.array([0.125, 0.5])), 0.5)
"""Two chips, one fast at on-chip work and one at memory; all their numbers are exact."""

CUTS = np.array([[0.0, -1.0], [1.0, 1.0], [3.0, 2.0], [4.0, -1.0], [5.0, -1.0]])
"""Steps before, and the state in which the tensor there is resident: there is none at the ends, and at the fourth."""
MODES = np.array([[0, 0, 1], [1, 0, 3], [1, 1, 3]])
"""Of the whole batch, and of its thirds with weights read by each and held."""
COUNT = len(CUTS)


def one_list(rng):
    """Choices of five steps; between stretches a tensor is outside, or resident where it may be."""
    begins, ways, amounts, at_cut = [0], [], [], {int(steps): int(state) for steps, state in CUTS}
    for step in range(5):
        ends = [
            [0, *([at_cut[at]] if at_cut[at] > 0 else [])] if at in at_cut else range(STATES) for at in (step, step + 1)
        ]
        for source, target in itertools.product(*ends):
            for _ in range(rng.choice([1, 1, 2])):
                number = len(ways)
                ways.append([source, target, 100 + number, 200 + number])
                amounts.append(
                    [float(rng.randint(0, 3)), float(rng.randint(0, 8)), *map(float, rng.choices((1, 3), k=2))]
                )
        begins.append(len(ways))
    return lists.Lists(np.array(begins), np.array(ways), np.array(amounts), np.array([6, len(ways)]))


def stay_of(rng):
    """Weights that come in once: those of a segment are those of its stretches; of one stretch there may be none."""
    own = [rng.choice([0.0, 0.0, 4.0]) for _ in range(COUNT - 1)]
    return np.array([[sum(own[i:j]) for j in range(COUNT)] for i in range(COUNT)])


def run_s(found, i, j, entry, leave, p):
    """One run from cut to cut."""
    ends = (int(CUTS[i, 1]) if entry else 0, int(CUTS[j, 1]) if leave else 0)
    begin, end = int(CUTS[i, 0]), int(CUTS[j, 0])
    return kernels.list_time(found, begin, end - begin, CHIP, p, *ends, np.zeros((2, STATES, 2)))


def segments_of(found, stay, p):
    """Seconds of the batch in every segment that there may be, by (mode, i, j, entry, leave)."""
    out = {}
    for mode, (i, j), entry, leave in itertools.product(
        range(3), itertools.combinations(range(COUNT), 2), range(2), range(2)
    ):
        _, held, repeats = MODES[mode]
        if (repeats == 1 and j > i + 1) or (held and not stay[i, j]):
            continue
        if (entry and CUTS[i, 1] < 0) or (leave and CUTS[j, 1] < 0):
            continue
        once = stay[i, j] * CHIP.rates.byte_s[p] if held else 0.0
        out[mode, i, j, entry, leave] = run_s(found, i, j, entry, leave, p) * repeats + once
    return out


def best_of(segments):
    """Least time over all ways, and over those that are plain."""
    least, plain = math.inf, math.inf
    todo = [(0, 0, 0.0, True)]
    while todo:
        at, inside, time, is_plain = todo.pop()
        if at == COUNT - 1:
            least, plain = min(least, time), min(plain, time if is_plain else math.inf)
        for (mode, i, j, entry, leave), own in segments.items():
            if (i, entry) == (at, inside):
                todo.append((j, leave, time + own, is_plain and not (entry or leave or MODES[mode, 1])))
    return least, plain


def bounds_of(found, stay):
    """As a search has them."""
    times, values = np.zeros((3, COUNT - 1, 3, 3, 2)), np.zeros((2, STATES, 2))
    near = np.repeat(CUTS[:-1, :1].astype(np.int64), 4, axis=1)
    for mode in range(3):
        kernels.neighbour_times(found, near, CUTS, stay, MODES[mode], CHIP, 2, values, times[mode])
    assert (times[:, CUTS[:-1, 1] < 0, 1:] == math.inf).all()
    assert (times[:, CUTS[1:, 1] < 0, :, 1:] == math.inf).all()
    before, after = np.zeros((COUNT, 5, 2)), np.zeros((COUNT, 5, 2))
    kernels.potentials(times, 2, before, after)
    return near, kernels.Bounds(times, before, after)


def exact_of(rng, found, near, room_for_all=True):
    """Lists, or times, or neither, of each segment."""
    where, known = np.full((3, COUNT, COUNT, 2, 2), lists.NO_ROOM), np.full((3, 2, COUNT, COUNT, 2, 2), np.nan)
    for at in itertools.product(range(3), range(COUNT), range(COUNT), range(2), range(2)):
        _, i, j, entry, leave = at
        if i < j and not (entry and CUTS[i, 1] < 0) and not (leave and CUTS[j, 1] < 0):
            where[at] = rng.choice([int(CUTS[i, 0]), lists.UNLISTED, kernels.TIMED]) if room_for_all else lists.UNLISTED
            if where[at] == kernels.TIMED:
                known[(at[0], slice(None), *at[1:])] = [run_s(found, i, j, entry, leave, p) for p in range(2)]
    return kernels.Exact(
        found, np.stack([near] * 3), where, np.zeros(where.shape, dtype=np.bool_), known, np.zeros((2, STATES, 2)),
        np.zeros((2, COUNT, COUNT, 2, 2, 2)), np.ones((COUNT, 2, COUNT), dtype=np.bool_),
    )  # fmt: skip


def tried():
    return kernels.Tried(
        np.zeros((COUNT, 2)), np.zeros((COUNT, 2, 4), dtype=np.int64), np.zeros((COUNT, 6), dtype=np.int64)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_fastest_way_is_the_least_of_all(seed):
    """With its segments, and what each does; within a limit that is just above it, and none at the limit itself."""
    rng = random.Random(seed)
    for _ in range(6):
        found, stay = one_list(rng), stay_of(rng)
        near, bounds = bounds_of(found, stay)
        exact = exact_of(rng, found, near)
        cutting = lists.Cutting(CUTS, 99.0, np.zeros((3, COUNT)), stay)
        every = [segments_of(found, stay, p) for p in range(2)]
        for at in rng.sample(sorted(every[0]), rng.choice([0, 3])):  # those that have no room
            exact.where[at] = lists.NO_ROOM
            del every[0][at], every[1][at]
        wanted, plain = zip(*map(best_of, every), strict=True)
        for limits in ([math.inf] * 2, [time * 1.001 for time in wanted], list(wanted), [math.inf, 0.0]):
            out = kernels.Found(np.full(2, math.inf), np.zeros(2, dtype=np.int64), np.full((2, COUNT, 6), -1))
            kernels.best_ways(2, np.array(limits), bounds, MODES, cutting, CHIP, exact, tried(), out)
            for p in range(2):
                if not limits[p] > wanted[p]:
                    assert (out.time_s[p], out.pieces[p]) == (math.inf, 0)
                    continue
                assert out.time_s[p] == wanted[p]
                at, total = [0, 0], 0.0
                for size, i, j, entry, leave, held in out.chosen[p, : out.pieces[p]][::-1].tolist():
                    assert at == [i, entry]
                    at = [j, leave]
                    total += every[p][kernels.mode_of(MODES, size, held), i, j, entry, leave]
                    if plain[p] == wanted[p]:
                        assert (entry, leave, held) == (0, 0, 0)
                assert (at, total) == ([COUNT - 1, 0], wanted[p])
        assert not exact.wanted.any()
        check_paths(found, stay, out, every)


@pytest.mark.parametrize("seed", range(3))
def test_a_limit_just_above_the_fastest_way_leaves_it(seed):
    """Whatever the order in which a bound adds what the times add: of numbers whose sums are rounded."""
    rng = random.Random(20 + seed)
    for _ in range(12):
        found, stay = one_list(rng), stay_of(rng) * 0.3
        found.amounts[:, :2] *= [[rng.uniform(0.1, 2.0), rng.uniform(0.1, 2.0)] for _ in found.amounts]
        near, bounds = bounds_of(found, stay)
        exact, cutting = exact_of(rng, found, near), lists.Cutting(CUTS, 99.0, np.zeros((3, COUNT)), stay)
        limits, times = np.full(2, math.inf), []
        for _ in range(2):
            out = kernels.Found(np.full(2, math.inf), np.zeros(2, dtype=np.int64), np.full((2, COUNT, 6), -1))
            kernels.best_ways(2, limits, bounds, MODES, cutting, CHIP, exact, tried(), out)
            times.append(out.time_s.tolist())
            limits = np.nextafter(out.time_s, math.inf)
        assert times[0] == times[1]


def check_paths(found, stay, out, every):
    """What the first point does in each step is of its segments, and takes as long."""
    marked, paths = np.zeros((3, COUNT, COUNT, 2, 2), dtype=np.bool_), np.full((2, 5, 3), -1)
    kernels.want_ways(out.pieces, out.chosen, MODES, marked)
    where = np.where(marked, CUTS[:, 0].astype(np.int64)[None, :, None, None, None], -9)
    kernels.paths_of(
        1, out, MODES, CUTS, where, found, CHIP, np.zeros((2, STATES, 2)), np.zeros((5, STATES), dtype=np.int64), paths
    )
    assert (paths[1] == -1).all()
    segments = set()
    for size, i, j, entry, leave, held in out.chosen[0, : out.pieces[0]].tolist():
        mode = kernels.mode_of(MODES, size, held)
        segments.add((mode, i, j, entry, leave))
        rows = paths[0, int(CUTS[i, 0]) : int(CUTS[j, 0])]
        numbers = rows[:, kernels.PATH_MOVE] - 100
        assert (rows[:, kernels.PATH_MODE] == mode).all()
        assert (rows[:, kernels.PATH_POINT] == 200 + numbers).all()
        states = found.ways[numbers]
        assert (states[1:, lists.SOURCE] == states[:-1, lists.TARGET]).all()
        assert states[0, lists.SOURCE] == (CUTS[i, 1] if entry else 0)
        assert states[-1, lists.TARGET] == (CUTS[j, 1] if leave else 0)
        one = [
            step_time(*found.amounts[n, :2], *(rate[0] for rate in CHIP.rates[:2]), CHIP.phi, CHIP.rates[2][0])
            for n in numbers
        ]
        once = stay[i, j] * CHIP.rates.byte_s[0] if held else 0.0
        assert sum(one) * MODES[mode, kernels.REPEATS] + once == every[0][mode, i, j, entry, leave]
    assert {tuple(at) for at in np.argwhere(marked).tolist()} == segments


@pytest.mark.parametrize("seed", range(4))
def test_lists_are_wanted_where_the_room_matters(seed):
    """Of segments that may be part of a way: where what fits what is left is slower than all, or nothing is left at all."""
    rng, some = random.Random(10 + seed), set()
    for _ in range(4):
        found, stay = one_list(rng), stay_of(rng)
        near, bounds = bounds_of(found, stay)
        exact = exact_of(rng, found, near, room_for_all=False)
        around = np.array([[rng.choice([0.0, 1.0, 2.0]) for _ in range(COUNT)] for _ in range(3)])
        cutting = lists.Cutting(CUTS, rng.choice([4.0, 6.0, 7.0]), around, stay)
        kernels.mark_wanted(2, np.array([math.inf, 0.0]), bounds, MODES, cutting, CHIP, exact)
        every = segments_of(found, stay, 0)
        for at in np.argwhere(exact.where == lists.UNLISTED).tolist():
            mode, i, j, entry, leave = at
            left = cutting.room - entry * around[mode, i] - leave * around[mode, j] - MODES[mode, 1] * stay[i, j]
            ends = int(CUTS[i, 1]) if entry else 0, int(CUTS[j, 1]) if leave else 0
            least, most = kernels.between(found, near, i, j, CUTS, left, CHIP, 0, *ends, np.zeros((2, STATES, 2)))
            wanted = tuple(at) in every and (least != most or left <= 0.0)
            assert exact.wanted[tuple(at)] == wanted, at
            some.add((wanted, tuple(at) in every))
    assert some == {(True, True), (False, True), (False, False)}


def test_of_ways_as_fast_the_first_counts():
    tables, scratch, chosen = np.full((2, 3, 3, 2, 2, 2), math.inf), tried(), np.zeros((3, 6), dtype=np.int64)

    def way(plain):
        seen = np.ascontiguousarray(np.isfinite(tables).any(axis=(3, 4, 5)).transpose(2, 0, 1))
        return over_cuts(tables, seen, plain, scratch.value, scratch.came, chosen)

    tables[1, 0, 2, 0, 0, 0] = tables[1, 0, 1, 0, 1, 0] = 4.0
    tables[1, 1, 2, 1, 0, 1] = 0.0
    assert way(False) == (1, 4.0)
    assert chosen[0].tolist() == [1, 0, 2, 0, 0, 0]
    tables[1, 1, 2, 1, 0, 1] = -1.0
    assert way(True) == (1, 4.0)
    assert way(False) == (2, 3.0)
    assert chosen[:2].tolist() == [[1, 1, 2, 1, 0, 1], [1, 0, 1, 0, 1, 0]]
    tables[0, 0, 1, 0, 1, 1] = 4.0
    assert way(False) == (2, 3.0)
    assert chosen[1].tolist() == [0, 0, 1, 0, 1, 1]
    tables[:, :, 2] = math.inf
    assert way(False) == (0, math.inf)


def test_what_was_seen_is_forgotten():
    """The next point begins with times of its own."""
    tables, seen = np.full((2, 3, 3, 2, 2, 2), math.inf), np.zeros((3, 2, 3), dtype=np.bool_)
    tables[1, 0, 2, 1, 0, 1], seen[2, 1, 0] = 4.0, True
    tables[0, 0, 1], seen[1, 0, 0] = 3.0, True
    forget(tables, seen)
    assert np.isinf(tables).all()
    assert not seen.any()


@pytest.mark.parametrize("seed", range(3))
def test_choices_of_a_step_are_those_that_no_other_beats(seed):
    """In cycles and bytes, among them equals, whatever their order."""
    rng = random.Random(seed)
    for _ in range(40):
        steps = rng.randint(1, 4)
        rows = [
            (step, *map(float, rng.choices(range(5), k=2))) for step in range(steps) for _ in range(rng.randint(0, 7))
        ]
        begins, out = np.full(steps + 1, 77), np.full((len(rows) + 1, 4), 77.0)
        count = lists.unbeaten(np.array(rows).reshape(-1, 3), begins, out)
        assert (begins[0], begins[-1]) == (0, count)
        for step, (begin, end) in enumerate(itertools.pairwise(begins.tolist())):
            own = {row[1:] for row in rows if row[0] == step}
            best = [one for one in own if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in own)]
            assert out[begin:end, [lists.TAKES, lists.MOVES]].tolist() == sorted(map(list, best))
