"""Weights fetched ahead and sub-batches by brute force on small problems; what the searches leave out loses nothing."""

import random

import adapter
import pytest
from naive_schedule import Problem, Step, Tensor, ahead_time, brute_ahead, brute_schedule
from test_residency_brute import random_problem

from simulator.schedule.solve import ahead_sizes

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
