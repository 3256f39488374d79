"""Residency for many points at once: the kernel over random lists of choices, against every way through them."""

import itertools
import math
import os
import random
import sys

import numpy as np
import pytest

from simulator.kernels import schedule_sums as sums
from simulator.kernels import schedule_whole as kernels
from simulator.kernels.layout import (
    BESIDE_BYTES,
    NEED_ROOM,
    OWN_BYTES,
    OWN_CYCLES,
    RESERVED_ROOM,
    TILE_BYTES,
    UNTIL_ROOM,
    WAY_GROUP,
    WAY_KIND,
    WAY_POINT,
    WAY_SOURCE,
    WAY_TARGET,
    Listing,
    Rates,
)
from simulator.kernels.schedule_lists import ALWAYS, ANY, PARTLY, SOME, VARIED, WHOLLY
from simulator.kernels.schedule_sums import APART, Records, causes

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STEPS, STATES, POINTS = 3, 2, 7
WEIGHTS = np.array([4.0, 0.0, 6.0])
ROOM = kernels.Room(np.array([9.0, 14.0, -1.0, 20.0]), np.array([1.0, 2.0, 3.0, 4.0]), np.array([
    [0.0, 0.0, 0.0], [4.0, 0.0, 2.0], [4.0, 0.0, 6.0], [3.0, 0.0, 6.0]
]))  # fmt: skip
"""Of four sizes, of which the third is not tried."""


def random_listing(rng, most):
    """Two lists behind each other, of choices with few cycles and bytes, so that many ways take the same time."""
    begins, ways, amounts = [], [], []
    for _ in range(2):
        begins.append([])
        for step in range(STEPS):
            begins[-1].append(len(ways))
            for _ in range(rng.randint(1, most)):
                kind = rng.choice([ALWAYS, SOME, VARIED])
                group = ANY if kind == ALWAYS else rng.choice([ANY, PARTLY, WHOLLY])
                states = rng.randrange(STATES if step else 1), rng.randrange(STATES if step < STEPS - 1 else 1)
                ways.append([*states, rng.choice([-1, len(ways)]), kind, group])
                tiles, beside = rng.choice([0.0, 3.0, 8.0]), rng.choice([2.0, 6.0])
                need, reserved = rng.choice([0.0, 8.0]), rng.choice([0.0, 4.0])
                amounts.append(
                    [
                        rng.choice([2.0, 4.0, 7.0]),
                        tiles + beside,
                        tiles,
                        beside,
                        need,
                        rng.choice([12.0, 99.0]),
                        reserved,
                    ]
                )
        begins[-1].append(len(ways))
    return Listing(np.array(begins), np.array(ways), np.array(amounts))


def bytes_of(listing, n, step, size):
    """What a choice moves at a size; None where it is not there."""
    kind, group, amounts, own = *listing.ways[n, [WAY_KIND, WAY_GROUP]], listing.amounts[n], ROOM.kept[size, step]
    left = ROOM.rooms[size] - amounts[RESERVED_ROOM]
    whole = WEIGHTS[step] > 0.0 and own >= WEIGHTS[step]
    if kind != ALWAYS and not (
        amounts[NEED_ROOM] <= left < amounts[UNTIL_ROOM] and group in (ANY, WHOLLY if whole else PARTLY)
    ):
        return None
    if kind != VARIED:
        return amounts[OWN_BYTES]
    if listing.ways[n, WAY_POINT] < 0:
        return amounts[BESIDE_BYTES] - own
    return max(0.0, amounts[TILE_BYTES] + amounts[BESIDE_BYTES] - own)


def ways_of(listing, bucket, size):
    """All ways that there are at a size, with the bytes of each step."""
    rows = [range(*listing.begins[bucket, step : step + 2]) for step in range(STEPS)]
    for way in itertools.product(*rows):
        states = [0, *(listing.ways[n, WAY_TARGET] for n in way)]
        moved = [bytes_of(listing, n, step, size) for step, n in enumerate(way)]
        if [listing.ways[n, WAY_SOURCE] for n in way] == states[:-1] and states[-1] == 0 and None not in moved:
            yield way, moved


def time_of(listing, way, moved, rates, p, phi=0.25):
    """Seconds of a way at a point; all numbers are such that sums are exact."""
    total = 0.0
    for n, size in zip(way, moved, strict=True):
        on_chip, outer = listing.amounts[n, OWN_CYCLES] * rates.cycle_s[p], size * rates.byte_s[p]
        total += max(on_chip, outer) + phi * min(on_chip, outer) + rates.overhead_s[p]
    return total


def empty(blocks, points=POINTS):
    """No answers yet, and no paths."""
    best = kernels.Best(np.full(points, math.inf), np.full(points, -1.0), np.full(points, math.inf))
    paths = kernels.Paths(
        np.full((STEPS, points), -9, dtype=np.int32), np.full((STEPS, points), -9.0), np.full((STEPS, blocks), -1),
        np.full((STEPS, blocks), -9.0),
    )  # fmt: skip
    return best, paths


def solve(listing, rates, sizes, blocks, best, paths, straight=False, only_limit=False, wanted=None, phi=0.25):
    picks = np.arange(len(listing.ways))
    starts = np.array([listing.begins[bucket] for _, _, bucket in blocks])
    chosen = kernels.Chosen(picks, starts, np.full(len(blocks), straight))
    running = kernels.new_running(STEPS, STATES)
    for each in running:
        each.fill(1)
    kernels.residency_blocks(
        WEIGHTS, rates, sizes, blocks, np.ones(len(blocks), dtype=np.bool_) if wanted is None else wanted, listing, chosen,
        ROOM, phi, only_limit, running, best, paths,
    )  # fmt: skip


def path_of(paths, blocks, p):
    """Rows and bytes of a point's path."""
    at = next(at for at, (first, many, _) in enumerate(blocks) if first <= p < first + many)
    alike = paths.alike[:, at] != APART
    rows, moved = (
        np.where(alike, paths.alike[:, at], paths.rows[:, p]),
        np.where(alike, paths.alike_moved[:, at], paths.moved[:, p]),
    )
    return rows.tolist(), moved.tolist()


def random_rates(rng, points=POINTS):
    return Rates(*(np.array([rng.choice([0.5, 1.0, 2.0]) for _ in range(points)]) for _ in range(3)))


BLOCKS = np.array([[0, 2, 0], [2, 4, 1], [6, 1, 1]])


def test_every_point_has_the_best_of_all_ways():
    """The fastest, of these one that moves least; its path is one that takes as long. Limits are a little above the times."""
    rng, none, tied, apart = random.Random(1), 0, 0, 0
    for case in range(16):
        blocks = BLOCKS if case else np.array([[0, 64, 0], [64, 3, 1]])  # one of them full
        points = int(blocks[:, 1].sum())
        listing, rates = random_listing(rng, 4), random_rates(rng, points)
        rates.byte_s[:] *= 1.0 if case % 4 else 2.0**-12  # a memory that is so fast hides all bytes
        sizes = np.array([rng.randrange(4) for _ in range(points)])
        (best, paths), (limits, _) = empty(len(blocks), points), empty(len(blocks), points)
        if case % 4 == 3:
            best.limit_s[:] = 30.0
        phi = 0.25 * (case % 2)  # without it bytes are hidden, and many ways take as long
        solve(listing, rates, sizes, blocks, best, paths, phi=phi)
        solve(listing, rates, sizes, blocks, limits, paths, only_limit=True, phi=phi)
        apart += (paths.alike != APART).sum()
        for first, many, bucket in blocks:
            for p in range(first, first + many):
                every = {
                    tuple(way): (time_of(listing, way, moved, rates, p, phi), sum(moved), moved)
                    for way, moved in ways_of(listing, bucket, sizes[p])
                }
                time, total, _ = min(every.values(), default=(math.inf, 0.0, []))
                if time == math.inf or sizes[p] == 2 or time > best.limit_s[p]:
                    none += 1
                    assert (best.time_s[p], best.kept_bytes[p]) == (math.inf, -1.0)
                    continue
                assert (best.time_s[p], best.kept_bytes[p]) == (time, ROOM.stays[sizes[p]])
                assert limits.limit_s[p] == time * (1.0 + 1e-9)
                rows, moved = path_of(paths, blocks, p)
                like = [
                    way for way, (own, _, each) in every.items()
                    if own == time and each == moved and [listing.ways[n, WAY_POINT] for n in way] == rows
                ]  # fmt: skip
                assert like
                assert sum(moved) == total
                tied += len({own[1] for own in every.values() if own[0] == time}) > 1
    assert none > 10
    assert tied > 1
    assert apart > 3


def of_steps(steps, monkeypatch):
    """All lists have so many steps."""
    here = sys.modules[random_listing.__module__]
    for name, value in (
        ("STEPS", steps),
        ("WEIGHTS", WEIGHTS[:steps]),
        ("ROOM", ROOM._replace(kept=ROOM.kept[:, :steps].copy())),
    ):
        monkeypatch.setattr(here, name, value)


@pytest.mark.parametrize("steps", [2, 3])
def test_only_a_faster_room_replaces_what_is_known(steps, monkeypatch):
    """Of two lists for the same points each point has the faster, the first where both are as fast; alike points and others."""
    of_steps(steps, monkeypatch)
    rng, mixed = random.Random(2), 0
    for case in range(20):
        one, other, rates = random_listing(rng, 1), random_listing(rng, 3), random_rates(rng)
        if case % 2:  # which all points have
            one.ways[:, [WAY_SOURCE, WAY_TARGET, WAY_KIND, WAY_GROUP]] = 0
        sizes = np.array([rng.choice([0, 1, 3]) for _ in range(POINTS)])
        best, paths = empty(3)
        solve(one, rates, sizes, BLOCKS, best, paths)
        before, had = best.time_s.copy(), [path_of(paths, BLOCKS, p) for p in range(POINTS)]
        alone, alone_paths = empty(3)
        solve(other, rates, sizes, BLOCKS, alone, alone_paths)
        solve(other, rates, sizes, BLOCKS, best, paths)
        assert best.time_s.tolist() == np.minimum(before, alone.time_s).tolist()
        for p in range(POINTS):
            faster = alone.time_s[p] < before[p]
            if best.time_s[p] < math.inf:
                assert path_of(paths, BLOCKS, p) == (path_of(alone_paths, BLOCKS, p) if faster else had[p])
        mixed += len(set((alone.time_s < before)[2:6].tolist())) == 2
    assert mixed > 2


@pytest.mark.parametrize("steps", [2, 3])
def test_a_list_of_one_choice_a_step_needs_no_programme(steps, monkeypatch):
    of_steps(steps, monkeypatch)
    rng = random.Random(3)
    listing, rates = random_listing(rng, 1), random_rates(rng)
    listing.ways[:, [WAY_SOURCE, WAY_TARGET, WAY_KIND, WAY_GROUP]] = 0
    sizes, wanted = np.array([0, 1, 0, 2, 3, 1, 0]), np.array([True, True, False])
    (best, paths), (other, others) = empty(3), empty(3)
    solve(listing, rates, sizes, BLOCKS, best, paths, straight=True, wanted=wanted)
    solve(listing, rates, sizes, BLOCKS, other, others, wanted=wanted)
    assert (best.time_s < math.inf).tolist() == [True, True, True, False, True, True, False]
    for p in (0, 1, 2, 4, 5):
        ((way, moved),) = ways_of(listing, 0 if p < 2 else 1, sizes[p])
        assert best.time_s[p] == other.time_s[p] == time_of(listing, way, moved, rates, p)
        rows = [listing.ways[n, WAY_POINT] for n in way]
        assert path_of(paths, BLOCKS, p) == path_of(others, BLOCKS, p) == (rows, moved)
    assert (paths.alike[:, 0] != APART).all()


@pytest.mark.parametrize(
    ("array", "link", "ports", "vector", "beyond"),
    [
        (10, 9, 8, 7, (0, 0, 0)), (10, 10, 10, 10, (0, 0, 0)), (10, 13, 8, 7, (3, 0, 0)),
        (10, 9, 13, 7, (0, 3, 0)), (10, 9, 8, 13, (0, 0, 3)), (10, 13, 13, 13, (3, 0, 0)),
        (10, 9, 13, 13, (0, 3, 0)), (10, 13, 9, 13, (3, 0, 0)), (10, 11, 12, 13, (0, 0, 3)),
        (10, 13, 11, 12, (3, 0, 0)), (10, 11, 13, 12, (0, 3, 0)),
    ],
)  # fmt: skip
def test_beyond_the_array_the_first_of_the_busiest_counts(array, link, ports, vector, beyond):
    def column(value):
        return np.array([99.0, value], dtype=np.float64)

    records = Records(*map(column, (1.0, 2.0, 3.0, 4.0, array, link, ports, 50.0, 60.0, 5.0)))
    assert causes(records, 1, vector) == (1.0, 2.0, 3.0, 4.0, *beyond, 5.0)


def split(records, row, vector, repeats, chip, time):
    """(seconds by cause, hidden ones among the loading) of a step: each takes its own, or what is left; then hidden loading, from
    what will wait for the memory; then the overhead; the rest is the memory's."""
    cycle_s, _, overhead_s = chip
    own = [cycles * repeats * cycle_s for cycles in causes(records, row, vector)]
    parts, left = [0.0] * sums.CAUSES, time
    for cause, busy in enumerate(own[: sums.ON_CHIP]):
        parts[cause] = min(busy, left)
        left -= parts[cause]
    hidden = min(own[sums.HIDDEN], max(0.0, left - overhead_s * repeats))
    parts[sums.LOADING] += hidden
    left -= hidden
    parts[sums.OVERHEAD] = min(left, overhead_s * repeats)
    parts[sums.OUTER] = left - parts[sums.OVERHEAD]
    return np.array(parts)


def test_a_step_that_keeps_its_array_busy_and_nothing_else():
    """Whatever there is of products and their edges; of all other causes, and of loading that is hidden, there is none."""
    for cause in range(sums.HIDDEN + 1):
        of = np.zeros(sums.HIDDEN + 1)
        assert sums.on_array_alone(of)
        of[cause] = 1.0
        assert sums.on_array_alone(of) == (cause in (sums.IDEAL, sums.EDGES))


def test_what_schedules_add_up_to():
    """Given step by step, with repeats; and block by block, where points of a block are alike in a step and where not."""
    rng = np.random.default_rng(4)
    steps, points, phi = 5, 70, 0.25
    columns = rng.integers(0, 6, (len(Records._fields), 5)).astype(float)
    records = Records(*columns)
    records.array[:] = records.ideal + records.edges + records.filling + records.loading
    records.cycles[:] = np.max([records.array, records.link, records.ports], axis=0)
    for row in (2, 3):  # of which nothing but the array is busy, for any vector work below
        array = 9.0 + row
        for column, value in zip(
            records, (array - 2.0, 2.0, 0.0, 0.0, array, 5.0, array, array, row, 0.0), strict=True
        ):
            column[row] = value
    rates = Rates(*(rng.choice([0.5, 1.0, 2.0], points) for _ in range(3)))
    rows, vector = rng.integers(-1, 4, (steps, points)), rng.integers(0, 9, (steps, points)).astype(float)
    repeats, moved = (
        rng.integers(1, 4, (steps, points)).astype(float),
        rng.integers(-2, 9, (steps, points)).astype(float),
    )
    times = rng.integers(0, 90, (steps, points)).astype(float)

    def added():
        return sums.Added(np.full(points, 7.0), np.full(points, 7.0), np.full((sums.CAUSES, points), 7.0))

    found, block = added(), sums.new_block()
    block.lanes[:] = 7.0
    given = sums.Steps(rows, vector, repeats, moved, times)
    sums.sum_steps(records, given, rates, block, found)
    for p in range(points):
        chip = [column[p] for column in rates]
        each = [split(records, rows[s, p], vector[s, p], repeats[s, p], chip, times[s, p]) for s in range(steps)]
        assert found.parts[:, p] == pytest.approx(sum(each))
        assert found.outer_bytes[p] == moved[:, p].sum()
        assert found.feed_bytes[p] == (records.feed[rows[:, p]] * repeats[:, p]).sum()

    blocks = np.array([[0, 64, 0], [64, 6, 0]])
    alike = np.array([[1, APART], [APART, -1], [2, 3], [3, 3], [APART, 2]])
    alike_moved = np.array([[4.0, 9.0], [9.0, -1.0], [0.0, 5.0], [8.0, 90.0], [9.0, -1.0]])
    found = added()
    sums.sum_blocks(records, vector[:, 0], (rows, moved, alike, alike_moved), blocks, rates, phi, block, found, 0)
    for p in range(points):
        at, chip = int(p >= 64), [column[p] for column in rates]
        cycle_s, byte_s, overhead_s = chip
        total, fed, each = 0.0, 0.0, []
        for s in range(steps):
            row, outer = (rows[s, p], moved[s, p]) if alike[s, at] == APART else (alike[s, at], alike_moved[s, at])
            on_chip, memory = max(records.cycles[row], vector[s, 0]) * cycle_s, outer * byte_s
            time = max(on_chip, memory) + phi * min(on_chip, memory) + overhead_s
            each.append(split(records, row, vector[s, 0], 1.0, chip, time))
            total, fed = total + max(0.0, outer), fed + records.feed[row]
        assert found.parts[:, p] == pytest.approx(sum(each))
        assert (found.outer_bytes[p], found.feed_bytes[p]) == (total, fed)


def test_the_largest_loss_of_each_point():
    """Beyond the ideal; what is waited for is the outer memory's, or where there is none the host's; of equals the first."""
    rng, seen = np.random.default_rng(5), set()
    for has_dram in (False, True):
        parts = rng.integers(0, 3, (sums.CAUSES, 400)).astype(float)
        parts[sums.IDEAL] = 99.0
        parts[:, :20] = 0.0
        host, power = rng.integers(0, 3, (2, 400)).astype(float) * (rng.random((2, 400)) < 0.5)
        out = np.full(400, 77)
        sums.largest_losses(parts, has_dram, host, power, out)
        for p in range(400):
            waits = [parts[sums.OUTER, p], host[p]] if has_dram else [0.0, parts[sums.OUTER, p] + host[p]]
            losses = [*parts[sums.EDGES : sums.OUTER, p], *waits, power[p], parts[sums.PIPELINE, p]]
            most = max(losses)
            assert out[p] == (sums.EDGES + losses.index(most) if most > 0.0 else 0)
            seen.add(int(out[p]))
    assert seen == {*range(sums.OUTER + 4)}
