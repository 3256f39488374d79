"""Weights fetched ahead and sub-batches by brute force on small problems; what the searches leave out loses nothing."""

import math
import random

import adapter
import pytest
from naive_schedule import Chain, Problem, Step, Tensor, ahead_time, brute_ahead, brute_schedule, brute_segments
from profiles import by_night
from test_residency_brute import random_problem

from simulator.schedule.few import ahead_sizes

UNIT = 32 * 1024
"""Sizes set aside for weights are 64 KiB x 2^k, so the small numbers of the problems stand for 32 KiB each."""


def enlarged(problem: Problem) -> Problem:
    """The same problem with `UNIT` times the bytes everywhere, and the same times."""
    steps = [
        Step(
            {m: [(f * UNIT, b * UNIT, t) for f, b, t in rows] for m, rows in step.choices.items()},
            step.inputs,
            step.weights,
            step.extras,
            step.overhead,
        )
        for step in problem.steps
    ]
    tensors = [Tensor(tensor.size_bytes * UNIT, tensor.producer) for tensor in problem.tensors]
    return Problem(tensors, steps, problem.capacity * UNIT, problem.bandwidth * UNIT, phi=0.0)


def test_weights_ahead_by_hand() -> None:
    # Two layers at one byte a unit of time. The first takes 10 on chip and moves 4, so 6 bytes of the second's 5 weights
    # could come meanwhile, but only 3 are set aside: the second moves 8 - 3 = 5 bytes in 5 units.
    problem = Problem([Tensor(1, None)], [Step({}), Step({})], 100)
    path = ((0.0, 4.0, 10.0), (0.0, 8.0, 2.0))
    assert ahead_time(problem, [0.0, 5.0], path, 3.0, 0.0) == (10 + 5, 0.0)
    assert ahead_time(problem, [0.0, 5.0], path, 0.0, 0.0) == (10 + 8, 0.0)
    # With 8 set aside all 5 come, and 1 more of the next batch's; the second moves its other 3 bytes.
    assert ahead_time(problem, [0.0, 5.0], path, 8.0, 0.0) == (10 + 3, 1.0)


def test_the_sizes_set_aside_only_grow() -> None:
    kib = 1024.0
    assert ahead_sizes(64 * kib) == [0.0]
    assert ahead_sizes(65 * kib) == [0.0, 64 * kib]
    assert ahead_sizes(300 * kib) == [0.0, 64 * kib, 128 * kib, 256 * kib]


@pytest.mark.parametrize("seed", range(6))
def test_weights_ahead_equal_every_schedule(seed: int) -> None:
    rng = random.Random(100 + seed)
    done = 0
    while done < 60:
        small = random_problem(rng)
        if not 2 <= len(small.steps) <= 4:
            continue
        problem = enlarged(small)
        weights = [float(rng.choice([0, 1, 2, 5])) * UNIT for _ in problem.steps]
        theirs = brute_ahead(problem, weights, ahead_sizes(problem.capacity))
        assert adapter.ahead(problem, weights) == theirs, (problem, weights)
        done += 1
        if not any(weights):
            assert theirs[0] == brute_schedule(problem)[0]


def random_chain(rng: random.Random) -> Chain:
    """Up to four layers at a batch of 2, 3, 4 or 6; the weights pass for every run unless they are in SRAM."""
    batch, steps = rng.choice([2, 3, 4, 6]), rng.randint(1, 4)
    sizes = [rng.choice([1, 2, 4]) for _ in range(steps + 1)]
    weights = [float(rng.choice([0, 1, 3, 8])) for _ in range(steps)]
    capacity, bandwidth = rng.choice([5, 9, 14, 24, 60]), rng.choice([0.5, 1.0, 2.0])
    phi = rng.choice([0.0, 0.25, 1.0])
    parts = {}
    for size in (s for s in range(1, batch + 1) if batch % s == 0):
        layers = []
        for j in range(steps):
            choices: dict[int, list[tuple[float, float, float]]] = {}
            for mask in (0, 1, 4, 5):
                ends = (not mask & 1) * sizes[j] * size + (not mask & 4) * sizes[j + 1] * size
                rooms = sorted(rng.sample(range(1, 8), 2))
                cycles = [float(rng.randint(0, 6) * size) for _ in range(2)]
                choices[mask] = [(float(rooms[i]), ends + weights[j] * (2 - i), cycles[i]) for i in range(2)]
                # Weights in SRAM only take their traffic away: the bounds of the search rest on it.
                choices[mask | 2] = [(float(rooms[i]), float(ends), cycles[i]) for i in range(2)]
            layers.append(Step(choices, inputs=j))
        tensors = [Tensor(sizes[0] * size, None), *(Tensor(sizes[j + 1] * size, j) for j in range(steps))]
        parts[size] = Problem(tensors, layers, capacity, bandwidth, phi)
    return Chain(parts, weights)


def two_layers(capacity: float) -> Chain:
    """A batch of two; one item's tensor between the layers has 4 bytes, the layers' weights have 3 and 2."""
    parts = {}
    for size in (1, 2):
        first = {mask: [(1.0, (3.0, 0.0)[mask >> 1 & 1] + (4.0 * size, 0.0)[mask >> 2], 0.0)] for mask in range(8)}
        last = {mask: [(1.0, (2.0, 0.0)[mask >> 1 & 1] + (4.0 * size, 0.0)[mask & 1], 0.0)] for mask in range(8)}
        tensors = [Tensor(1, None), Tensor(4 * size, 0), Tensor(1, 1)]
        parts[size] = Problem(tensors, [Step(first, inputs=0), Step(last, inputs=1)], capacity, phi=0.0)
    return Chain(parts, [3.0, 2.0])


@pytest.mark.parametrize(
    ("capacity", "time"),
    [
        (9, 3 + 2),  # both items' tensor stays (8 bytes, and 1 of a tile): the weights pass once
        (8, 2 * (3 + 2)),  # one item's tensor stays: the weights pass for each of the two
        (5, 2 * (3 + 2)),
        (4, 3 + 8 + 2 + 8),  # the tensor of both goes out and comes back
    ],
)
def test_sub_batches_by_hand(capacity: float, time: float) -> None:
    assert brute_segments(two_layers(capacity)) == adapter.segments(two_layers(capacity)) == time


def test_a_segment_may_hold_the_weights_of_any_number_of_layers() -> None:
    # Twelve layers, one byte of weights each, one item in SRAM at a time: with all weights held a batch of four moves
    # 12 bytes of them, 4 of inputs and 4 of outputs. One cut more costs 8 bytes and saves none.
    parts = {}
    for size in (1, 2, 4):
        layers = []
        for j in range(12):
            moved = {mask: (not mask & 1) * size + (not mask & 2) + (not mask & 4) * size for mask in range(8)}
            layers.append(Step({mask: [(0.5, float(moved[mask]), 0.0)] for mask in range(8)}, inputs=j))
        tensors = [Tensor(size, None), *(Tensor(size, j) for j in range(12))]
        parts[size] = Problem(tensors, layers, 12 + 2 * 1 + 0.5, phi=0.0)
    assert adapter.segments(Chain(parts, [1.0] * 12)) == 12 + 4 + 4


@pytest.mark.parametrize("seed", by_night(range(6), range(3)))
def test_sub_batches_equal_every_way_to_cut_a_chain(seed: int) -> None:
    rng = random.Random(200 + seed)
    for _ in range(25):
        chain = random_chain(rng)
        best = brute_segments(chain)
        assert adapter.segments(chain) == best, chain
        # A limit cuts nothing that beats it, and all that does not.
        assert adapter.segments(chain, best * (1.0 + 1e-6)) == best, chain
        assert adapter.segments(chain, best) == math.inf, chain


@pytest.mark.kernel
def test_a_few_small_problems() -> None:
    rng = random.Random(7)
    for _ in range(5):
        small = random_problem(rng)
        assert adapter.schedule(small) == brute_schedule(small)
        if len(small.steps) <= 3:
            problem, weights = enlarged(small), [2.0 * UNIT] * len(small.steps)
            assert adapter.ahead(problem, weights) == brute_ahead(problem, weights, ahead_sizes(problem.capacity))
    assert adapter.segments(two_layers(9)) == 5
