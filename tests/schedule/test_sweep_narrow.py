"""Choices that a block of points leaves out, against every path of small lists of choices, added exactly; also uncompiled."""

import os
import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from simulator.kernels import schedule_lists as lists
from simulator.kernels import schedule_narrow as narrowing
from simulator.kernels.layout import OWN_BYTES, OWN_CYCLES, WAY_KIND, WAY_SOURCE, WAY_TARGET, Listing, Rates
from simulator.kernels.schedule_whole import Chosen

pytestmark = pytest.mark.kernel
uncompiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"
)


def random_list(rng, steps, states, kinds):
    """A list in which state 0 goes through from end to end, with many equal choices."""
    begins, rows = [0], []
    for step in range(steps):
        ends = [(0, 0)]
        ends += [(rng.randrange(states if step else 1), rng.randrange(states)) for _ in range(5)]
        rows += [
            (*end, rng.choice(kinds), float(rng.choice([1, 2, 3, 5, 8])), float(rng.choice([0, 1, 2, 4, 9])))
            for end in ends
        ]
        begins.append(len(rows))
    ways, amounts = np.zeros((len(rows), 5), dtype=np.int64), np.zeros((len(rows), 7))
    for number, (source, target, kind, cycles, total) in enumerate(rows):
        ways[number, WAY_SOURCE], ways[number, WAY_TARGET], ways[number, WAY_KIND] = source, target, kind
        amounts[number, OWN_CYCLES], amounts[number, OWN_BYTES] = cycles, total
    return Listing(np.array([begins]), ways, amounts)


def random_points(rng, count, spread):
    """Seconds per cycle, byte and step; ratios of the first two within a factor of 1 + spread, rising."""
    ratios = sorted(rng.choice([0.5, 1.0, 2.0]) * 1.0 + rng.uniform(0, spread) for _ in range(count))
    cycle_s = np.array([rng.choice([1e-9, 3e-9]) for _ in range(count)])
    return Rates(cycle_s, cycle_s * np.array(ratios), np.array([rng.choice([0.0, 1e-6, 1e-9]) for _ in range(count)]))


def paths_of(begins, ways):
    """Every path through a list, as tuples of choices."""
    found = [((), 0)]
    for low, high in pairwise(begins.tolist()):
        found = [
            ((*path, n), int(ways[n, WAY_TARGET]))
            for path, state in found
            for n in range(low, high)
            if ways[n, WAY_SOURCE] == state
        ]
    return [path for path, state in found if state == 0]


def best_choices(begins, ways, amounts, ratio, phi):
    """Choices on the fastest paths of a point: which overhead there is a step is the same for all."""
    totals = {}
    for path in paths_of(begins, ways):
        total = Fraction(0)
        for n in path:
            cycles, outer = Fraction(amounts[n, OWN_CYCLES]), Fraction(amounts[n, OWN_BYTES]) * ratio
            total += max(cycles, outer) + Fraction(phi) * min(cycles, outer)
        totals[path] = total
    least = min(totals.values())
    return {n for path, total in totals.items() if total <= least * (1 + Fraction(1, 10**12)) for n in path}


def narrowed(listing, machines, blocks, phi):
    """(choices of each block, whether straight)."""
    begins, ways, _ = listing
    steps, states, length = begins.shape[1] - 1, int(ways.max()) + 1, len(ways)
    scratch = narrowing.new_narrowing(steps, states, length)
    picks = np.full(3 * length * len(blocks) + 1, -1)
    starts, straight = np.zeros((len(blocks) + 2, steps + 1), dtype=np.int64), np.ones(len(blocks), dtype=np.bool_)
    wanted = np.ones(len(blocks), dtype=np.bool_)
    narrowing.narrow_blocks(machines, blocks, wanted, listing, phi, scratch, Chosen(picks, starts, straight))
    found = []
    for at in range(len(blocks)):
        own = [picks[low:high].tolist() for low, high in pairwise(starts[at].tolist())]
        for step, numbers in enumerate(own):
            assert numbers == sorted(set(numbers))
            assert all(begins[0, step] <= n < begins[0, step + 1] for n in numbers)
        found.append(([n for numbers in own for n in numbers], bool(straight[at])))
        assert not straight[at] or all(len(numbers) == 1 for numbers in own)
    return found


@pytest.mark.parametrize("phi", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("spread", [0.0, 0.01, 2.0])
def test_what_is_best_for_a_point_stays(phi, spread):
    rng = random.Random(f"{phi} {spread}")
    left, all_of_them, alone = 0, 0, 0
    for _ in range(12):
        listing = random_list(rng, 4, 3, [lists.ALWAYS, lists.ALWAYS, lists.SOME])
        listing[1][listing[0][0][:-1], WAY_KIND] = lists.ALWAYS  # so that there is a guide
        machines = random_points(rng, 6, spread)
        blocks = np.array([[0, 2, 0], [2, 3, 0], [5, 1, 0]])
        for (first, many, _), (picked, straight) in zip(blocks, narrowed(listing, machines, blocks, phi), strict=True):
            left, all_of_them, alone = left + len(picked), all_of_them + len(listing[1]), alone + straight
            for p in range(first, first + many):
                ratio = Fraction(machines[1][p]) / Fraction(machines[0][p])
                assert best_choices(listing[0][0], listing[1], listing[2], ratio, phi) <= set(picked)
    assert left < 0.8 * all_of_them
    assert spread > 0.01 or phi == 0.0 or alone > 0


@pytest.mark.parametrize("kind", [lists.SOME, lists.VARIED])
def test_nothing_is_left_out_without_a_path_of_all_points(kind):
    listing = random_list(random.Random(kind), 4, 3, [lists.ALWAYS])
    listing[1][listing[0][0][2] : listing[0][0][3], WAY_KIND] = kind
    blocks = np.array([[0, 4, 0], [4, 2, 0]])
    found = narrowed(listing, random_points(random.Random(1), 6, 0.01), blocks, 0.25)
    assert found == [(list(range(len(listing[1]))), False)] * 2


def test_a_clock_without_end_leaves_nothing_out():
    listing = random_list(random.Random(2), 4, 3, [lists.ALWAYS])
    machines = Rates(np.zeros(2), np.ones(2), np.ones(2))
    with np.errstate(divide="ignore"):
        ((picked, straight),) = narrowed(listing, machines, np.array([[0, 2, 0]]), 0.25)
    assert (picked, straight) == (list(range(len(listing[1]))), False)


def cycles_at(amounts, n, ratio, phi):
    """Cycles of a choice where a byte takes `ratio` of them."""
    cycles, outer = amounts[n, OWN_CYCLES], amounts[n, OWN_BYTES] * ratio
    return max(cycles, outer) + phi * min(cycles, outer)


def task_of(rng, phi, kinds=(lists.ALWAYS, lists.SOME), rates=None):
    """What is narrowed of a random list of four steps and three states, listed from place 7 of the list of choices on."""
    listing = random_list(rng, 4, 3, kinds)
    length = len(listing.ways)
    picks = np.full(2 * length + 8, -1)
    picks[7 : 7 + length] = np.arange(length)
    scratch = narrowing.new_narrowing(4, 3, length)
    for each in scratch:
        each.fill(-99)
    return narrowing.Task(listing, rates, phi, picks, scratch), 7 + listing.begins[0]


@uncompiled
@pytest.mark.parametrize("phi", [0.0, 0.25, 1.0])
def test_the_guide_is_the_fastest_path_that_all_points_have(phi):
    rng, seen = random.Random(3), set()
    for _ in range(30):
        task, starts = task_of(rng, phi)
        begins, ways, amounts = task.listing.begins[0], task.listing.ways, task.listing.amounts
        ratio = rng.choice([0.25, 1.5, 3.0])
        common = [path for path in paths_of(begins, ways) if all(ways[n, WAY_KIND] == lists.ALWAYS for n in path)]
        found = narrowing.guide(task, starts, ratio)
        assert found == bool(common)
        if found:
            times = {path: sum(cycles_at(amounts, n, ratio, phi) for n in path) for path in common}
            assert times[tuple(task.scratch.guide.tolist())] == min(times.values())
        seen.add(found)
    assert seen == {False, True}
    task, starts = task_of(rng, phi, [lists.ALWAYS])
    task.listing.ways[-1, WAY_KIND] = lists.VARIED
    assert not narrowing.guide(task, starts, 1.0)


@uncompiled
@pytest.mark.parametrize("phi", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("least", "most"), [(1.0, 1.0), (0.5, 0.75), (0.25, 4.0)])
def test_what_choices_take_beyond_the_guide(phi, least, most):
    """At both ends, less how far a choice is below the line through them; and least of all. Kept is what is on a way near 0."""
    rng, fewer = random.Random(4), 0
    for _ in range(6):
        task, starts = task_of(rng, phi, [lists.ALWAYS])
        begins, ways, amounts = task.listing.begins[0], task.listing.ways, task.listing.amounts
        assert narrowing.guide(task, starts, 0.5 * (least + most))
        guide = task.scratch.guide.tolist()
        whole = narrowing.weigh(task, starts, least, most)
        assert whole == pytest.approx(sum(cycles_at(amounts, n, most, phi) for n in guide))
        wanted = []
        for step, (low, high) in enumerate(pairwise(begins.tolist())):
            for n in range(low, high):
                kink = min(max(amounts[n, OWN_CYCLES] / max(amounts[n, OWN_BYTES], 1e-9), least), most)
                ends = [cycles_at(amounts, n, ratio, phi) for ratio in (least, most)]
                below = np.interp(kink, [least, most], ends) - cycles_at(amounts, n, kink, phi) if least < most else 0.0
                beyond = [
                    cycles_at(amounts, n, ratio, phi) - cycles_at(amounts, guide[step], ratio, phi)
                    for ratio in (least, most, kink)
                ]
                wanted.append([beyond[0] - below, beyond[1] - below, min(beyond)])
        assert task.scratch.lead == pytest.approx(np.array(wanted), abs=1e-12)
        sums = [(path, np.array([wanted[n] for n in path]).sum(axis=0)) for path in paths_of(begins, ways)]
        nearest = [np.min([own for path, own in sums if n in path] or [[np.inf] * 3], axis=0) for n in range(len(ways))]
        for margin in (1e-9, 0.7, 3.2):
            near = [n for n, own in enumerate(nearest) if min(own[:2]) <= margin and own[2] <= margin]
            out, at = np.zeros(5, dtype=np.int64), 7 + len(ways)
            end = narrowing.near_guide(task, starts, margin, out, at)
            assert task.picks[at:end].tolist() == near
            assert [out[0], out[-1]] == [at, end]
            assert (np.diff(out) == np.histogram(near, begins)[0]).all()
            fewer += len(near) < len(ways)
    assert fewer > 3


@uncompiled
def test_ratios_of_a_block():
    """Cycles that a byte takes, and the most of overhead: 2, 3 and 8 for the middle three points, and 4."""
    cycle_s = np.array([1.0, 2.0, 1.0, 0.5, 1.0])
    rates = Rates(cycle_s, np.array([1.0, 4.0, 3.0, 4.0, 9.0]), np.array([9.0, 2.0, 3.0, 2.0, 9.0]))
    assert narrowing.ratios(rates, 1, 3) == (2.0, 8.0, 4.0)
    assert narrowing.ratios(rates, 2, 1) == (3.0, 3.0, 3.0)
    rates.overhead_s[2] = np.inf
    task, starts = task_of(random.Random(5), 0.25, [lists.ALWAYS], rates)
    assert narrowing.narrow(task, 2, 1, starts, starts.copy(), 50) == -1
    assert narrowing.narrow(task, 3, 1, starts, starts.copy(), 7 + len(task.listing.ways)) > 0


def test_each_bucket_has_its_own_list():
    """A block of another bucket is narrowed from that bucket's choices, as if it were alone, whatever came before it."""
    rng, fewer = random.Random(6), 0
    for _ in range(4):
        one, other = (random_list(rng, 4, 3, [lists.ALWAYS]) for _ in range(2))
        both = Listing(
            np.concatenate([one.begins, other.begins + len(one.ways)]), np.concatenate([one.ways, other.ways]),
            np.concatenate([one.amounts, other.amounts]),
        )  # fmt: skip
        rates = random_points(rng, 6, 0.01)
        blocks = np.array([[0, 1, 0], [1, 1, 0], [2, 2, 1], [4, 2, 0]])
        scratch = narrowing.new_narrowing(4, 3, len(both.ways))
        picks, starts = np.full(8 * len(both.ways), -1), np.zeros((6, 5), dtype=np.int64)
        straight = np.ones(4, dtype=np.bool_)
        narrowing.narrow_blocks(
            rates, blocks, np.array([True, True, True, True]), both, 0.25, scratch, Chosen(picks, starts, straight)
        )
        for at, (first, many, bucket) in enumerate(blocks):
            listing, begin = (one, 0) if bucket == 0 else (other, len(one.ways))
            ((alone, is_straight),) = narrowed(listing, rates, np.array([[first, many, 0]]), 0.25)
            found = picks[starts[at, 0] : starts[at, 4]].tolist()
            assert {begin + n for n in alone} <= {*found}
            assert all(begin <= n < begin + len(listing.ways) for n in found)
            assert not is_straight or straight[at] or len(found) > 4
            fewer += len(found) < len(listing.ways)
    assert fewer > 8


def near_of(listing, own, machines, points, phi):
    """Of choices, step by step, those on a way near the guide at some ratio of the points; None where none can be left out."""
    least, most, overhead = narrowing.ratios(machines, points[0], len(points))
    length = len(listing.ways)
    scratch, picks = narrowing.new_narrowing(len(own), 3, length), np.array([n for numbers in own for n in numbers])
    task, starts = narrowing.Task(listing, machines, phi, picks, scratch), np.cumsum([0, *map(len, own)])
    if not narrowing.guide(task, starts, 0.5 * (least + most)):
        return None
    whole = narrowing.weigh(task, starts, least, most)
    lead = {n: row.copy() for n, row in zip(picks.tolist(), scratch.lead, strict=False)}
    ways = [()]
    for numbers in own:
        ways = [
            (*way, n)
            for way in ways
            for n in numbers
            if listing.ways[n, WAY_SOURCE] == (listing.ways[way[-1], WAY_TARGET] if way else 0)
        ]
    sums = [(way, sum(lead[n] for n in way)) for way in ways if listing.ways[way[-1], WAY_TARGET] == 0]
    margin, kept = 1e-9 * (whole + len(own) * overhead), []
    for numbers in own:
        kept.append([])
        for n in numbers:
            first, last, kink = np.min([total for way, total in sums if n in way] or [[np.inf] * 3], axis=0)
            if min(first, last) <= margin and kink <= margin:
                kept[-1].append(n)
    return kept


def in_words(bucket_of, blocks, wanted, near):
    """(choices left, whether straight) of each block: eight of a bucket from the first that is wanted, then each alone."""
    found, end, last, whole, shared = {}, 0, None, [], None
    for number, (first, many, bucket) in enumerate(blocks.tolist()):
        if not wanted[number]:
            continue
        if number >= end or bucket != last:
            end = next(
                (at for at in range(number, len(blocks)) if blocks[at, 2] != bucket or at == number + 8), len(blocks)
            )
            whole, last = bucket_of(bucket), bucket
            shared = near(whole, range(first, blocks[end - 1, 0] + blocks[end - 1, 1]))
        own = whole if shared is None else shared
        if shared is not None and any(len(numbers) > 1 for numbers in shared):
            alone = near(shared, range(first, first + many))
            own = shared if alone is None else alone
        found[number] = own, shared is not None and all(len(numbers) == 1 for numbers in own)
    return found


@uncompiled
@pytest.mark.parametrize("spread", [0.02, 1.0])
def test_blocks_are_narrowed_together_and_then_alone(spread):
    """Twelve blocks of two buckets, of which some are not wanted; of some lists not every point has a way."""
    rng, seen = random.Random(f"{spread}"), set()
    for case in range(6):
        parts = [
            random_list(rng, 3, 3, [lists.ALWAYS] * 5 + [lists.SOME, rng.choice([lists.ALWAYS, lists.VARIED])])
            for _ in "ab"
        ]
        for part in parts:  # so large that a billionth of them all is more than some of them differ by
            part.amounts[:] *= 2.0**20
            part.amounts[:, OWN_CYCLES] += [rng.choice([0.0, 2.0**-9]) for _ in part.ways]
        length = len(parts[0].ways)
        both = Listing(
            np.concatenate([parts[0].begins, parts[1].begins + length]),
            *(np.concatenate([part[at] for part in parts]) for at in (1, 2)),
        )  # fmt: skip
        machines, phi = random_points(rng, 14, spread), rng.choice([0.0, 0.25])
        blocks = np.array([[at, 1, int(at >= 10)] for at in range(10)] + [[10, 3, case % 2], [13, 1, case % 2]])
        wanted = np.array([rng.random() < 0.8 for _ in blocks])
        picks, starts = np.full(40 * len(both.ways), -1), np.zeros((len(blocks) + 2, 4), dtype=np.int64)
        straight, scratch = np.zeros(len(blocks), dtype=np.bool_), narrowing.new_narrowing(3, 3, len(both.ways))
        narrowing.narrow_blocks(machines, blocks, wanted, both, phi, scratch, Chosen(picks, starts, straight))

        def bucket_of(bucket, both=both):
            return [[*range(low, high)] for low, high in pairwise(both.begins[bucket].tolist())]

        def near(own, points, both=both, machines=machines, phi=phi):
            return near_of(both, own, machines, points, phi)

        expected = in_words(bucket_of, blocks, wanted, near)
        for number, (own, is_straight) in expected.items():
            assert [picks[low:high].tolist() for low, high in pairwise(starts[number].tolist())] == own
            assert straight[number] == is_straight
            seen.add((is_straight, sum(map(len, own)) < length))
        assert (starts[: len(blocks)][~wanted] == 0).all()
    assert len(seen) == 3
