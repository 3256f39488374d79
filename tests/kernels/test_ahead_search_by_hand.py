"""The search for weights fetched ahead of many points, against every run and way of each point. Without the compiler alone."""

import itertools
import math
import os
import random
from typing import NamedTuple

import numpy as np
import pytest

from simulator.kernels import schedule_labels as labels
from simulator.kernels import schedule_prefetch as kernels
from simulator.kernels.layout import Listing, Rates
from simulator.kernels.schedule_lists import ANY, SOME, VARIED

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STEPS, STATES, SIZES, RUNS = 3, 2, 3, 5
ROOM_OF, AHEAD = np.array([0, 0, 0, 1, 1]), np.array([0.0, 4.0, 9.0, 0.0, 6.0])
"""Of each run: its room beside kept weights, and the bytes that may be ahead."""


class Given(NamedTuple):
    """What a search reads of its runs, and of its points."""

    fits: np.ndarray
    listing: Listing
    terms: labels.Terms
    bounds: kernels.Bounds
    rates: Rates
    sizes: np.ndarray
    ratio: np.ndarray


def random_listing(rng):
    """Choices of each run from state 0 to any; of some steps few points have one, of a larger size no fewer."""
    begins, ways, amounts = [], [], []
    for _ in range(RUNS):
        begins.append([])
        for step in range(STEPS):
            begins[-1].append(len(ways))
            for number in range(rng.choice([1, 3, 5])):
                states = rng.randrange(STATES if step and number else 1), rng.randrange(STATES) if number else 0
                kind, tiled = rng.choice([SOME, VARIED]), rng.random() < 0.7
                tiles, beside = (rng.choice([0.0, 3.0, 8.0]) if tiled else 0.0), rng.choice([6.0, 12.0])
                ways.append([*states, len(ways) if tiled else -1, kind, ANY])
                amounts.append([
                    rng.choice([1.0, 4.0, 14.0]) * (1 + step // 2), tiles + beside, tiles, beside,
                    rng.choice([0.0, 5.0]) if number else 0.0, math.inf, rng.choice([0.0, 2.0]) if number else 0.0,
                ])  # fmt: skip
        begins[-1].append(len(ways))
    return Listing(np.array(begins), np.array(ways), np.array(amounts))


def random_search(rng, count):
    """Of more SRAM no less room is left and no fewer weights stay; some sizes do not try some rooms; one run has no schedule."""
    listing, weights = random_listing(rng), np.array([rng.choice([0.0, 6.0, 6.0]) for _ in range(STEPS)])
    kept = np.sort(
        [[[min(own, rng.choice([0.0, 2.0, 6.0])) for own in weights] for _ in range(SIZES)] for _ in range(2)], axis=1
    )
    kept[0] = 0.0
    rooms = np.sort([[rng.choice([4.0, 6.0, 9.0]) for _ in range(SIZES)] for _ in range(RUNS)], axis=1)
    rooms[np.array([[rng.random() < 0.15 for _ in range(SIZES)] for _ in range(RUNS)])] = -1.0
    rooms[:, rng.randrange(SIZES)] *= rng.choice([1.0, 1.0, -1.0])
    first = weights - kept
    streamed = first.sum(axis=2)
    to_come = 2.0 * streamed[:, :, None] - np.cumsum(first, axis=2)
    parts = [[listing.amounts[a:b] for a, b in itertools.pairwise(own)] for own in listing.begins.tolist()]
    cycles = [sum(part[:, 0].min() for part in own) for own in parts]
    least = [min(own[step][:, 0].min() for own in parts) for step in range(STEPS)]
    loose = rng.choice([0.0, 0.5, 1.0])
    bounds = kernels.Bounds(
        ROOM_OF, AHEAD, np.minimum(AHEAD[:, None], streamed[ROOM_OF]),
        loose * np.repeat(np.array(cycles)[:, None], SIZES, axis=1),
        loose * streamed[ROOM_OF],
    )  # fmt: skip
    terms = labels.Terms(first, to_come, kept, rooms, sum(least) - np.cumsum(least))
    sizes = np.sort([rng.randrange(SIZES) for _ in range(count)])
    ratio, cycle_s = (
        np.array([rng.choice(some) for _ in range(count)])
        for some in ((0.25, 0.5, 0.8, 1.0, 2.1, 4.0), (0.5, 1.0, 3.0))
    )
    ratio = ratio[np.lexsort((ratio, sizes))]
    rates = Rates(cycle_s, ratio * cycle_s, np.array([rng.choice([0.0, 0.5]) for _ in range(count)]))
    return Given(np.array([rng.random() < 0.9 for _ in range(RUNS)]), listing, terms, bounds, rates, sizes, ratio)


def choices_of(given, run, step, size):
    """Number and bytes of each choice that a size has in a run."""
    for number in range(*given.listing.begins[run, step : step + 2]):
        _, moved, tiles, beside, need, _, reserved = given.listing.amounts[number].tolist()
        if need <= given.terms.rooms[run, size] - reserved:
            if given.listing.ways[number, 3] == VARIED:
                moved = max(0.0, tiles + beside - given.terms.kept[ROOM_OF[run], size, step])
            yield number, moved


def step_of(given, run, x, step, number, moved, have):
    """(seconds, bytes ahead afterwards) of a choice."""
    room, size, cycle_s, byte_s = ROOM_OF[run], given.sizes[x], given.rates.cycle_s[x], given.rates.byte_s[x]
    used = min(have, given.terms.first_pass[room, size, step], moved)
    time = max(given.listing.amounts[number, 0] * cycle_s, (moved - used) * byte_s)
    idle = time / byte_s - (moved - used)
    return time + given.rates.overhead_s[x], min(have - used + idle, AHEAD[run], given.terms.to_come[room, size, step])


def ends_of(given, run, x, start):
    """Least time of all ways of a run at a point, what is missing of the bytes at the start waited for at the end."""
    known = {0: {(0.0, start)}}
    for step in range(STEPS):
        found = {}
        for number, moved in choices_of(given, run, step, given.sizes[x]):
            source, target = given.listing.ways[number, :2].tolist()
            for time, have in known.get(source, ()):
                own, later = step_of(given, run, x, step, number, moved, have)
                found.setdefault(target, set()).add((round(time + own, 9), round(later, 9)))
        known = found
    return min(
        (time + max(0.0, start - have) * given.rates.byte_s[x] for time, have in known.get(0, ())), default=math.inf
    )


def times_of(given, x):
    """Of each run, begun cold and warm, the least time; those that are not tried take for ever."""
    out = np.full((RUNS, 2), math.inf)
    for run in range(RUNS):
        if given.fits[run] and given.terms.rooms[run, given.sizes[x]] >= 0.0:
            start = given.bounds.start[run, given.sizes[x]]
            out[run, 0] = ends_of(given, run, x, 0.0)
            out[run, 1] = ends_of(given, run, x, start) if start > 0.0 else math.inf
    return out


def solved(given, times):
    """What a search says; floors: what each run takes, one a run."""
    count, floors = len(given.ratio), np.minimum(times[:, :, 0], times[:, :, 1]).T * (1.0 - 1e-9)
    out = kernels.Out(
        np.full((2, count), math.inf), np.full((2, count), math.inf), np.full((2, count), 99),
        np.full((2, count, STEPS), -7, dtype=np.int32), np.full((2, count, STEPS), -7.0), np.full((2, count, STEPS), -7.0),
    )  # fmt: skip
    work = kernels.Work(
        given.sizes, np.full((2 * RUNS, count), math.nan), np.full((2, count), math.nan), np.arange(RUNS),
        np.where(floors < math.inf, floors, 0.0), np.full(count, -1), np.full(labels.BLOCK, -1), np.full((4, count), math.nan),
    )  # fmt: skip
    places = np.arange(STEPS * STATES).reshape(STEPS, STATES) * labels.SLOTS
    running = kernels.new_running(STEPS, STATES, places, STEPS * STATES * labels.SLOTS)
    kernels.search(
        given.listing.begins,
        given.fits,
        given.listing,
        given.terms,
        given.bounds,
        given.rates,
        given.ratio,
        work,
        running,
        out,
    )
    return out


def is_run(given, out, kind, x, warm):
    """Whether the steps of a schedule are choices of its run that the point has, and take what they say."""
    run = out.runs[kind, x]
    start = given.bounds.start[run, given.sizes[x]] if warm else 0.0
    known = [(0, start, 0.0)]
    for step in range(STEPS):
        row, moved, time = out.rows[kind, x, step], out.moved[kind, x, step], out.times[kind, x, step]
        found = []
        for number, own in choices_of(given, run, step, given.sizes[x]):
            source, target, point, *_ = given.listing.ways[number].tolist()
            for state, have, total in known:
                if (source, point, own) == (state, row, moved):
                    took, later = step_of(given, run, x, step, number, moved, have)
                    wait = max(0.0, start - later) * given.rates.byte_s[x] if step == STEPS - 1 else 0.0
                    if took + wait == pytest.approx(time):
                        found.append((target, later, total + took + wait))
        known = found
    return any(state == 0 and total == pytest.approx(out.best[kind, x]) for state, _, total in known)


@pytest.mark.parametrize(("few", "slots"), [(128, 32), (1, 32), (128, 1), (1, 1)])
def test_each_point_has_the_best_of_all_runs(few, slots, monkeypatch):
    """For a batch on its own begun cold; for many begun either way. Where labels have too little room nothing is said."""
    monkeypatch.setattr(kernels, "FEW", few)
    for module in (kernels, labels):
        monkeypatch.setattr(module, "SLOTS", slots)
    rng, warm, left = random.Random(few + slots), 0, 0
    for count in (1, 5, 9, 12, 16):
        given = random_search(rng, count)
        times = np.array([times_of(given, x) for x in range(count)])
        out = solved(given, times)
        for x in range(count):
            if out.best[kernels.COLD, x] == -math.inf:
                assert slots == 1
                left += 1
                continue
            cold, either = times[x, :, 0].min(), times[x].min()
            assert out.best[:, x].tolist() == pytest.approx([cold, either], rel=1e-8)
            for kind, runs in enumerate((times[x, :, :1], times[x])):
                if out.best[kind, x] < math.inf:
                    best = runs[out.runs[kind, x]]
                    assert best.min() == pytest.approx(out.best[kind, x], rel=1e-8)
                    assert out.times[kind, x].sum() == pytest.approx(out.best[kind, x], rel=1e-8)
                    begun = [
                        is_run(given, out, kind, x, False),
                        kind == kernels.STEADY and is_run(given, out, kind, x, True),
                    ]
                    assert any(begun)
                    warm += not begun[0]
    assert warm > 0 or slots == 1
    assert (left > 0) == (slots == 1)
