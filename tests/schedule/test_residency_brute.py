"""The programme for residency against every decision on small graphs, branches included."""

import math
import random
from dataclasses import replace

import adapter
import pytest
from naive_schedule import Choice, Problem, Step, Tensor, brute_schedule

pytestmark = pytest.mark.kernel

SIZES = (2, 3, 4, 6, 8)


def random_choices(rng: random.Random, operands: int) -> dict[int, list[Choice]]:
    """A few tilings for each resident mask; each resident operand takes bytes away, larger tiles too."""
    choices = {}
    for mask in range(8):
        if mask & ~operands:
            continue
        outer = 16.0 - 4 * mask.bit_count()
        choices[mask] = [
            (float(room), max(0.0, outer - 2 * i + rng.randint(0, 2)), float(rng.randint(1, 20)))
            for i, room in enumerate(sorted(rng.sample(range(1, 8), rng.randint(1, 3))))
        ]
        if rng.random() < 0.1:
            choices[mask] = []
    return choices


def random_problem(rng: random.Random) -> Problem:
    """A graph of up to six layers: chains, branches, residuals, products of two activations.

    All numbers are small multiples of 1/4, so that sums are exact and ties are real ties.
    """
    tensors = [Tensor(rng.choice(SIZES), None)]
    steps = []
    for j in range(rng.randint(1, 6)):
        known = range(len(tensors))
        inputs: int | None = rng.choice([len(tensors) - 1, rng.choice(known)])
        weights = rng.choice(known) if rng.random() < 0.25 else None
        extras = tuple(rng.choice(known) for _ in range(rng.choice([0, 0, 1, 2])))
        if rng.random() < 0.2:
            # Vector work reads all its tensors beside its (only) tiling.
            inputs, weights, extras = None, None, (len(tensors) - 1, *extras)
        operands = 4 | (inputs is not None) | (weights is not None) << 1
        steps.append(Step(random_choices(rng, operands), inputs, weights, extras, rng.choice([0.0, 1.0])))
        tensors.append(Tensor(rng.choice(SIZES), j))
    return Problem(
        tensors, steps, rng.choice([6, 9, 12, 20, 40]), rng.choice([0.5, 1.0, 2.0]), rng.choice([0, 0.25, 1])
    )


def with_kept(problem: Problem, rng: random.Random) -> Problem:
    """The same with some tensors that stay in the SRAM for ever."""
    tensors = [replace(tensor, kept=rng.random() < 0.3) for tensor in problem.tensors]
    return replace(problem, tensors=tensors)


def chain(capacity: float) -> Problem:
    """Two layers; the tensor between them has 4 bytes."""
    first = Step({0: [(2.0, 10.0, 1.0)], 4: [(2.0, 6.0, 1.0)]}, inputs=0)
    second = Step({0: [(3.0, 9.0, 1.0)], 1: [(1.0, 5.0, 1.0)]}, inputs=1)
    return Problem([Tensor(4, None), Tensor(4, 0), Tensor(4, 1)], [first, second], capacity, phi=0.0)


def test_a_chain_by_hand() -> None:
    # Resident, the tensor takes 4 of the bytes in both layers, whose tiles need 2 and 1.
    assert brute_schedule(chain(6)) == (11.0, 11.0)
    assert brute_schedule(chain(5)) == (19.0, 19.0)
    assert brute_schedule(chain(2)) == (math.inf, math.inf)


def residual(capacity: float) -> Problem:
    """Tensor 1 is read by the next layer and, two later, as the second input of a fused addition."""
    tensors = [Tensor(4, None), Tensor(4, 0), Tensor(2, 1), Tensor(2, 2)]
    middle = {0: [(8.0, 6.0, 0.0)], 1: [(4.0, 2.0, 0.0)], 5: [(2.0, 0.0, 0.0)]}
    last = {0: [(6.0, 4.0, 0.0)], 1: [(4.0, 2.0, 0.0)]}
    steps = [
        Step({0: [(1.0, 8.0, 0.0)], 4: [(1.0, 4.0, 0.0)]}, inputs=0),
        Step(middle, inputs=1),
        Step(last, inputs=2, extras=(1,)),
    ]
    return Problem(tensors, steps, capacity)


def test_a_residual_by_hand() -> None:
    # All resident: layer 2 holds tensors 1 and 2 and 4 bytes of tiles.
    assert brute_schedule(residual(10)) == (4 + 0 + 2, 6)
    # Two bytes less: tensor 1 leaves after layer 1 (4 written there, 4 read beside layer 2).
    assert brute_schedule(residual(8)) == (4 + (0 + 4) + (2 + 4), 14)


def test_a_product_of_two_activations_by_hand() -> None:
    # Layers 0 and 1 make the two operands of layer 2: all resident needs 4 + 2 bytes and the one byte of its tile.
    tensors = [Tensor(9, None), Tensor(4, 0), Tensor(2, 1), Tensor(1, 2)]
    maker = Step({0: [(1.0, 20.0, 0.0)], 4: [(1.0, 10.0, 0.0)]}, inputs=0)
    masks = {0: [(1.0, 30.0, 0.0)], 1: [(1.0, 8.0, 0.0)], 2: [(1.0, 16.0, 0.0)], 3: [(1.0, 1.0, 0.0)]}
    steps = [maker, maker, Step(masks, inputs=1, weights=2)]
    assert brute_schedule(Problem(tensors, steps, 7)) == (21, 21)
    # In 5 bytes only one of them: the inputs save 10 + 22, the weights 10 + 14.
    assert brute_schedule(Problem(tensors, steps, 5)) == (38, 38)
    assert brute_schedule(Problem(tensors, steps, 4)) == (46, 46)


def test_overlap_and_overhead_by_hand() -> None:
    step = Step({0: [(1.0, 8.0, 3.0), (2.0, 4.0, 5.0)]}, inputs=0, overhead=1.0)
    tensors = [Tensor(4, None), Tensor(4, 0)]
    assert brute_schedule(Problem(tensors, [step], 2, bandwidth=2.0, phi=0.25)) == (4 + 0.75 + 1, 8)
    assert brute_schedule(Problem(tensors, [step], 2, bandwidth=1.0, phi=0.25)) == (5 + 1 + 1, 4)


def test_more_capacity_is_never_slower() -> None:
    rng = random.Random(5)
    for _ in range(40):
        problem = random_problem(rng)
        more = Problem(problem.tensors, problem.steps, problem.capacity + 3, problem.bandwidth, problem.phi)
        assert brute_schedule(more) <= brute_schedule(problem)


@pytest.mark.parametrize("seed", range(10))
def test_the_programme_equals_every_decision(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        problem = random_problem(rng)
        assert adapter.schedule(problem) == brute_schedule(problem), problem


def test_a_state_by_hand() -> None:
    """The tensor between two layers takes its 4 bytes all the time; the network's own input is one too in the second case."""
    kept = replace(chain(6), tensors=[Tensor(4, None), Tensor(4, 0, kept=True), Tensor(4, 1)])
    assert brute_schedule(kept) == adapter.schedule(kept) == (11.0, 11.0)
    assert (
        brute_schedule(replace(kept, capacity=5.0))
        == adapter.schedule(replace(kept, capacity=5.0))
        == (math.inf, math.inf)
    )
    first = {5: [(2.0, 1.0, 1.0)], 4: [(2.0, 6.0, 1.0)]}
    both = [Tensor(3, None, kept=True), Tensor(4, 0, kept=True), Tensor(4, 1)]
    problem = Problem(both, [replace(kept.steps[0], choices=first), kept.steps[1]], 9.0, phi=0.0)
    assert brute_schedule(problem) == adapter.schedule(problem) == (6.0, 6.0)
    assert brute_schedule(replace(problem, capacity=8.0)) == adapter.schedule(replace(problem, capacity=8.0))


@pytest.mark.parametrize("seed", range(4))
def test_states_that_stay_are_beside_every_decision(seed: int) -> None:
    rng = random.Random(seed + 100)
    for _ in range(40):
        problem = with_kept(random_problem(rng), rng)
        assert adapter.schedule(problem) == brute_schedule(problem), problem
