"""Lists of choices for SRAM sizes near each other, against what each of the sizes can do. Without the compiler alone."""

import itertools
import math
import os
import random
from typing import NamedTuple

import numpy as np
import pytest
from test_stairs import best_in, frontier

from simulator.frontier.packs import blocks_of, mark_all
from simulator.kernels import schedule_lists as kernels
from simulator.kernels import schedule_stretches as stretches
from simulator.kernels import schedule_whole as whole
from simulator.kernels.layout import (
    BYTES,
    CYCLES,
    NEED_ROOM,
    OWN_CYCLES,
    RESERVED_ROOM,
    UNTIL_ROOM,
    WAY_GROUP,
    WAY_KIND,
    Listing,
    Net,
    Network,
    Source,
)

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STEPS, STATES, SIZES = 3, 2, 5


class Move(NamedTuple):
    """States, bytes of whole tensors and beside the tiles, and numbers of its frontiers: as it is, with its weights in SRAM."""

    source: int
    target: int
    reserved: float
    beside: float
    rows: int
    inside: int


def random_source(rng):
    """(network, its moves step by step, bounds of its frontiers): of some moves there are no tiles, or no rows of them."""
    parts = [frontier(rng, count) for count in (7, 3, 5, 1)]
    points, bounds = np.concatenate(parts), np.cumsum([0, *map(len, parts)])
    net, blocks = Net(points, *mark_all(points, bounds)), blocks_of(bounds)
    spans = [[bounds[n], bounds[n + 1], blocks[:n].sum(), n] for n in range(len(parts))] + [[0, 0, 0, 0]]
    moves = []
    for _ in range(STEPS):
        moves.append([])
        for source, target in itertools.product(range(STATES), range(STATES)):
            for _ in range(rng.choice([0, 1, 1, 2])):
                tiled = rng.random() < 0.7
                own = [rng.randrange(4) if tiled else 4 for _ in range(2)]
                moves[-1].append(Move(source, target, rng.choice([0.0, 5.0]), rng.choice([2.0, 9.0, 30.0]), *own))
    flat = [move for own in moves for move in own]
    table = np.array([[move.reserved, move.beside, 0.0, 0.0] for move in flat]).reshape(-1, 4)
    network = Network(
        np.cumsum([0, *map(len, moves)]), np.array([move.source for move in flat]), np.array([move.target for move in flat]),
        np.array([spans[move.rows] for move in flat]).reshape(-1, 4), table,
        np.array([[rng.choice([0.0, 12.0]), float(rng.randint(0, 30))] for _ in range(STEPS)]), np.zeros(STEPS, dtype=np.int64),
        net,
    )  # fmt: skip
    inside = np.array([spans[move.inside] for move in flat]).reshape(-1, 4)
    return Source(network, inside, np.array([rng.choice([0.0, 4.0, 8.0]) for _ in range(STEPS)])), moves, bounds


def can_do(source, moves, bounds, step, room, kept):
    """What a step can do in a room: (move, row, cycles, bytes), of each move the rows that no other that fits beats."""
    least, lanes = source.network.steps[step].tolist()
    stays = source.weights[step] > 0.0 and kept >= source.weights[step]
    found = []
    for move in moves[step]:
        own, left = move.inside if stays else move.rows, room - move.reserved
        beside = move.beside - (0.0 if stays else kept)
        if left < least:
            continue
        if own == 4:
            found.append((move, -1, lanes, beside))
            continue
        points = source.network.net.points
        for row in sorted(best_in(points, bounds[own], bounds[own + 1], left), key=lambda row: points[row, BYTES]):
            found.append((move, row, max(lanes, points[row, CYCLES]), max(0.0, points[row, BYTES] + beside)))
    return found


def sizes_of(rng, weights):
    """Rooms, some of which are not tried, and what stays of each step: of some steps a part, the same or not, or all."""
    rooms = np.array([rng.choice([-1.0, *map(float, rng.choices(range(1, 60), k=4))]) for _ in range(SIZES)])
    kept = [
        [rng.choice([0.0, 0.0, min(own, 3.0), min(own, 2.0), own, own + 1.0]) for own in weights] for _ in range(SIZES)
    ]
    return kernels.Sizes(rooms, np.array(kept) * (weights > 0.0))


def listing_of(buckets, room):
    return Listing(np.full((buckets, STEPS + 1), -7), np.full((room, 5), -7), np.full((room, 7), -7.0))


def reached_of():
    return kernels.Reached(np.full((2, STATES), 9), np.full(400, -1))


def rows_of(listing, bucket, step):
    return range(*listing.begins[bucket, step : step + 2])


def there(listing, source, sizes, size, step, number):
    """What a listed choice is at a size: as `can_do`, without the move; None where it is not there."""
    left, kept = sizes.rooms[size] - listing.amounts[number, RESERVED_ROOM], sizes.kept[size, step]
    group, stays = listing.ways[number, WAY_GROUP], source.weights[step] > 0.0 and kept >= source.weights[step]
    if not listing.amounts[number, NEED_ROOM] <= left < listing.amounts[number, UNTIL_ROOM]:
        return None
    if group not in (kernels.ANY, kernels.WHOLLY if stays else kernels.PARTLY):
        return None
    moved = whole.total_of(number, kept, listing)
    return (*listing.ways[number, :3].tolist(), float(listing.amounts[number, OWN_CYCLES]), float(moved))


def check_kind(listing, source, sizes, tried, step, number):
    """Always there: in each room from the smallest to the largest. Varied: of those that keep a part each keeps its own."""
    stays = [source.weights[step] > 0.0 and sizes.kept[size, step] >= source.weights[step] for size in tried]
    kind, group = listing.ways[number, [WAY_KIND, WAY_GROUP]].tolist()
    assert (group == kernels.ANY) == (len({*stays}) == 1)
    meant = [
        size
        for size, all_ in zip(tried, stays, strict=True)
        if group == kernels.ANY or all_ == (group == kernels.WHOLLY)
    ]
    least, most = (end(sizes.rooms[meant]) - listing.amounts[number, RESERVED_ROOM] for end in (min, max))
    need, until = listing.amounts[number, [NEED_ROOM, UNTIL_ROOM]]
    assert need < until
    assert until > least
    assert need <= most
    varied = (
        len({*sizes.kept[meant, step].tolist()}) > 1 and group != kernels.WHOLLY and not stays[tried.index(meant[0])]
    )
    always = need <= least and until > most and group == kernels.ANY
    assert kind == (kernels.VARIED if varied else kernels.ALWAYS if always else kernels.SOME)
    return kind


@pytest.mark.parametrize("seed", range(2))
def test_a_bucket_lists_what_each_of_its_sizes_can_do(seed):
    """From the states that any of them reaches; in the order of moves, of a move by bytes. None where no schedule fits."""
    rng, kinds, gone, short = random.Random(seed), set(), 0, 0
    for _ in range(40):
        source, moves, bounds = random_source(rng)
        sizes, firsts = sizes_of(rng, source.weights), np.array([0, rng.randint(1, 4), SIZES])
        listing, wanted = listing_of(3, 400), np.array([True, rng.random() < 0.9])
        asked = wanted.copy()
        assert kernels.list_buckets(source, sizes, firsts, wanted, listing, reached_of()) == 0
        end = 0
        for bucket in range(2):
            if not asked[bucket]:
                assert (not wanted[bucket], (listing.begins[bucket] == -7).all()) == (True, True)
                continue
            tried = [size for size in range(*firsts[bucket : bucket + 2]) if sizes.rooms[size] >= 0.0]
            each = [
                {size: can_do(source, moves, bounds, step, sizes.rooms[size], sizes.kept[size, step]) for size in tried}
                for step in range(STEPS)
            ]
            if not wanted[bucket]:  # then none of the sizes has a way
                gone += 1
                assert not any(has_way([each[step][size] for step in range(STEPS)]) for size in tried)
                continue
            assert listing.begins[bucket, 0] == end
            end, states = listing.begins[bucket, -1], {0}
            for step in range(STEPS):
                assert len(rows_of(listing, bucket, step)) > 0
                for size in tried:
                    some = [
                        there(listing, source, sizes, size, step, number) for number in rows_of(listing, bucket, step)
                    ]
                    assert [one for one in some if one] == [
                        (move.source, move.target, *one) for move, *one in each[step][size] if move.source in states
                    ]
                for number in rows_of(listing, bucket, step):
                    kinds.add(check_kind(listing, source, sizes, tried, step, number))
                states = {int(listing.ways[number, 1]) for number in rows_of(listing, bucket, step)}
            assert 0 in states
        assert (listing.ways[end + 200 :] == -7).all()
        most = max((listing.begins[bucket, -1] for bucket in range(2) if wanted[bucket]), default=0)
        if most:
            short += 1
            own = Listing(listing.begins.copy(), listing.ways[: most - 1], listing.amounts[: most - 1])
            assert kernels.list_buckets(source, sizes, firsts, asked, own, reached_of()) == -1
    assert kinds == {kernels.ALWAYS, kernels.SOME, kernels.VARIED}
    assert min(gone, short) > 5


def has_way(choices):
    """Whether there is a way from state 0 to state 0."""
    states = {0}
    for own in choices:
        states = {move.target for move, *_ in own if move.source in states}
    return 0 in states


def test_a_move_far_behind_has_the_same_rows():
    """Of a step of many moves those with the same rows and reserved bytes are listed once, near each other or not."""
    rng = random.Random(7)
    parts = [frontier(rng, rng.randint(1, 4)) for _ in range(60)]
    points, bounds = np.concatenate(parts), np.cumsum([0, *map(len, parts)])
    net, blocks = Net(points, *mark_all(points, bounds)), blocks_of(bounds)
    for lag in (1, stretches.NEAR - 1, stretches.NEAR, stretches.NEAR + 1, 2 * stretches.NEAR):
        numbers = [rng.randrange(60) for _ in range(lag)] * 3
        spans = np.array([[bounds[n], bounds[n + 1], blocks[:n].sum(), n] for n in numbers])
        ends, ints = np.arange(len(numbers)), np.zeros(1, dtype=np.int64)
        network = Network(
            np.array([0, len(numbers)]),
            ends,
            ends,
            spans,
            np.zeros((len(numbers), 4)),
            np.array([[7.0, 3.0]]),
            ints,
            net,
        )
        found = stretches.Lists(np.full(9, -1), np.full((400, 4), -1), np.zeros((400, 4)), np.zeros(2, dtype=np.int64))
        scratch = stretches.Looked(np.full(400, -1), np.full(2 * stretches.NEAR, -5))
        source = Source(network, spans, np.zeros(1))
        assert stretches.list_stretch(source, np.zeros(1), False, 0, 1, 40.0, found, scratch)
        wanted = [
            (move, row)
            for move, n in enumerate(numbers)
            for row in sorted(best_in(points, bounds[n], bounds[n + 1], 40.0), key=lambda row: points[row, BYTES])
        ]
        assert list(map(tuple, found.ways[: found.used[1], 2:].tolist())) == wanted
        rows = points[[row for _, row in wanted]]
        taken = zip(*[np.maximum(3.0, rows[:, CYCLES]), rows[:, BYTES], np.maximum(7.0, rows[:, 0])], strict=True)
        assert list(map(tuple, found.amounts[: found.used[1], :3])) == list(taken)


def test_a_span_of_sizes():
    """Sizes that are not tried count nowhere; weights that stay as a whole or in part, and whether parts differ."""
    rooms = np.array([9.0, -1.0, 5.0, 7.0, 0.0])
    kept = np.array([[4.0, 1.0, 0.0], [4.0, 9.0, 0.0], [5.0, 0.0, 0.0], [3.0, 1.0, 0.0], [3.0, 2.0, 0.0]])
    weights = np.array([4.0, 4.0, 0.0])

    def spans(many, step):
        return [
            tuple(kernels.span_of(step, weights, rooms, kept, many, group))
            for group in (kernels.PARTLY, kernels.WHOLLY)
        ]

    none = (math.inf, -math.inf, False, -1.0)
    assert spans(5, 0) == [(0.0, 7.0, False, 3.0), (5.0, 9.0, False, 5.0)]
    assert spans(2, 0) == [none, (9.0, 9.0, False, 4.0)]
    assert spans(5, 1) == [(0.0, 9.0, True, 2.0), none]
    assert spans(1, 1) == [(9.0, 9.0, False, 1.0), none]
    assert spans(3, 1) == [(5.0, 9.0, True, 0.0), none]
    assert spans(5, 2) == [(0.0, 9.0, False, 0.0), none]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_segments_are_gone_through_one_after_another(count):
    wanted, where = np.ones((count, count, 2, 2), dtype=np.bool_), np.full((count, count, 2, 2), stretches.UNLISTED)
    every = [
        (i, j, x, y)
        for i in range(count)
        for j in range(i + 1, count)
        for x, y in itertools.product(range(2), repeat=2)
    ]
    for listed_before, left_out in zip(every[1::3], every[2::3], strict=False):
        where[listed_before], wanted[left_out] = stretches.NO_ROOM, False
    found, number = [], stretches.next_unlisted(wanted, where, 0)
    while number >= 0:
        found.append(stretches.segment_of(number, count))
        where[found[-1]] = 33
        number = stretches.next_unlisted(wanted, where, number)
    assert found == every[::3]
