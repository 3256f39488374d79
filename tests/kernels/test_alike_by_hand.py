"""Layers that are alike, gone over at once, against the same search step by step: random networks of a period and its repeats."""

import math
import os
import random

import numpy as np
import pytest
from test_few_by_hand import CHIP, ahead_of, memo, network_of, random_moves

from simulator.kernels import schedule_few as kernels
from simulator.kernels.schedule_periods import TIME

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]

STATES = 2


def repeated(rng):
    """(network with what is known of its periods, the same without, period, fewest bytes of each step).

    A step or two before, the same moves in each period, of which more bytes may stay from some step on, and mostly one more."""
    before, period, times = rng.randint(0, 2), rng.choice([1, 2, 3]), rng.randint(3, 6)
    kinds = [[]]
    while not all(kinds):
        kinds = [random_moves(rng, 1, STATES) for _ in range(before + period + 1)]
    needs = [(rng.choice([0.0, 1.0]), float(rng.randint(1, 5))) for _ in kinds]
    numbers = [*range(before), *(before + at % period for at in range(period * times)), before + period][
        : rng.choice([-1, 99])
    ]
    other, moves, least = rng.choice([99, rng.randrange(len(numbers))]), [], []
    for at, kind in enumerate(numbers):
        kept = kinds[kind][0].kept + (at >= other)
        own = [move._replace(step=at, kept=kept, beside=max(move.beside, kept)) for move in kinds[kind]]
        least.append(min(move.beside - kept for move in own))
        moves += own
    network = network_of(moves, [needs[kind] for kind in numbers])
    back = np.array([period if period <= at - before < period * times else 0 for at in range(len(numbers))])
    return network._replace(back=back), network, period, np.array(least)


def after(least):
    """Sums of what comes after each step."""
    return least.sum() - np.cumsum(least)


def test_residency_is_that_of_a_search_of_each_step():
    """To the last bit, as all numbers are exact: values, choices, and where it fails; within a limit too."""
    rng, seen = random.Random(1), set()
    for _ in range(150):
        network, plain, period, least = repeated(rng)
        steps = len(least)
        cycles = network.steps[:, 1] * CHIP.cycle_s
        rest, limit = after(np.maximum(cycles, least * CHIP.byte_s)), math.inf
        for _ in range(2):
            found = []
            for own in (network, plain):
                values, choice = np.full((steps + 1, STATES, 2), 99.0), np.full((steps, STATES, 2), 99)
                found.append((kernels.residency(own, CHIP, rest, limit, memo(), values, choice), values, choice))
            (failed, values, choice), (wanted, each, chosen) = found
            assert failed == wanted
            known = failed if failed >= 0 else steps
            assert (values[: known + 1] == each[: known + 1]).all()
            some = each[1 : known + 1, :, TIME] < math.inf
            assert (choice[:known][some] == chosen[:known][some]).all()
            seen.add((failed >= 0, limit < math.inf, period))
            limit = rng.choice([1.0, 1.25, 2.0]) * min(60.0, each[steps, 0, TIME])
    assert len(seen) > 8


@pytest.mark.parametrize("byte_s", [1.5, 0.0])
def test_weights_fetched_ahead_are_those_of_a_search_of_each_step(byte_s):
    """All labels where the ways are wanted, else the last ones, and those but for rounding."""
    rng, chip, seen, gone = random.Random(2), CHIP._replace(byte_s=byte_s, capacity_bytes=15.0), set(), 0
    for _ in range(90):
        network, plain, _, least = repeated(rng)
        steps, ahead, start = len(least), rng.choice([0.0, 2.0, 4.0]), rng.choice([0.0, 2.0])
        due, to_come = rng.choice([0.0, start]), np.array([rng.choice([9.0, 9.0, 9.0, 3.0])] * steps)
        to_come[steps - rng.randint(0, 3) :] = 1.0
        rest = np.stack([after(network.steps[:, 1] * chip.cycle_s), after(least)], axis=1)
        limit = math.inf
        for _ in range(2):
            found = []
            for own, ways in ((plain, True), (network, True), (network, False)):
                running = kernels.Running(
                    np.full((steps + 1, STATES, 30, 6), 77.0), np.full((steps + 1, STATES), 77), memo()
                )
                weights = ahead_of(to_come, rest)
                failed = kernels.prefetch(own, chip, weights, ahead, (start, due), limit, running, ways)
                found.append((failed, running.labels, running.counts))
            (wanted, labels, counts), *others = found
            for failed, *_ in others:  # what ends late may be known before it is known where nothing fits
                late = failed == -2 and wanted >= 0 and limit < math.inf
                assert failed == wanted or late or (wanted == -2 and failed == -1)
            if wanted == -2 and others[1][0] == -1:  # nor are those left out that end just above the limit
                ends = others[1][1][steps, 0, : others[1][2][steps, 0], TIME]
                assert (ends >= limit * (1.0 - 2e-9)).all()
            seen.add((wanted, limit < math.inf) if wanted < 0 else (0, limit < math.inf))
            if wanted != -1:
                break
            (_, again, as_many), (_, last, at_last) = others
            assert (as_many == counts).all()
            gone += (at_last == 77).any()
            assert (at_last[steps] == counts[steps]).all()
            for state in range(STATES):
                for step in range(steps + 1):
                    count = counts[step, state]
                    columns = slice(6 if step else 2)
                    assert (again[step, state, :count, columns] == labels[step, state, :count, columns]).all()
                count = counts[steps, state]
                assert last[steps, state, :count, :2] == pytest.approx(labels[steps, state, :count, :2], rel=1e-12)
            if not counts[steps, 0]:
                break
            ends = labels[steps, 0, : counts[steps, 0], TIME]
            limit = rng.choice([ends.min(), ends.min() * 1.01, ends.max() * 1.01, ends.max() * 1.3])
    assert gone > 10
    assert {(-1, True), (-1, False), (-2, True), (0, False)} <= seen
