"""What tells that a tiling is beaten, against lists of what was remembered; and fronts of rows. Without the compiler alone."""

import itertools
import math
import os
import random

import numpy as np
import pytest

from simulator.kernels import grid_front as fronts
from simulator.kernels.grid_envelope import (
    APART,
    LEVELS,
    NO_FLOOR,
    TOP,
    bins_of,
    is_beaten,
    matched,
    place_of,
    remember,
)

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


def empty():
    envelope = np.full((LEVELS + 1, APART), math.inf)
    envelope[TOP] = 0.0
    return envelope, np.full((LEVELS, APART, 3), math.inf)


def test_a_tiling_is_beaten_by_one_of_a_lower_cell_that_moves_no_more():
    """And of a lower bin, or of the same up to the floor. In the lowest cell, up to the floor, only by one that moves less."""
    rng, last = random.Random(5), 4
    for number in range(40):
        if number % 8 == 0:
            (envelope, nearby), seen = empty(), []
        for level, place, is_low, total in itertools.product(range(6), range(last + 1), (False, True), range(5)):
            lower = [
                size
                for cell, at, size in seen
                if cell <= max(level - 1, 0) and (at < place or (is_low and at == place))
            ]
            wanted = any(size < total or (size == total and (level > 0 or not is_low)) for size in lower)
            assert is_beaten(envelope, level, place, is_low, float(total)) == wanted
        level, place, total = rng.randint(0, 4), rng.randint(0, last), rng.randint(0, 4)
        remember(envelope, nearby, level, place, 5.0, float(total), 7.0, last)
        seen.append((level, place, total))


@pytest.mark.parametrize("floor", [NO_FLOOR, 1.0, 2.0])
def test_a_survivor_next_to_a_tiling_matches_it_if_it_is_no_worse(floor):
    """Up to the floor a larger one too, if it has fewer bytes or cycles. The highest cells are next to none of the lowest."""
    rng, ends = random.Random(6), (0, 1, LEVELS - 1)
    for _ in range(60):
        _, nearby = empty()
        for cell, at in itertools.product(ends, (0, 1, APART - 1)):
            if rng.random() < 0.5:
                nearby[cell, at] = [rng.randint(1, 3) for _ in range(3)]
        for level, place in itertools.product((0, 1, 2), (0, 1, 2)):
            one = size, total, cycles = tuple(float(rng.randint(1, 3)) for _ in range(3))
            near = [
                nearby[cell, at].tolist()
                for cell in range(level - 1, level + 1)
                for at in range(place - 1, place + 1)
                if min(cell, at) >= 0
            ]
            wanted = any(
                a <= max(size, floor) and b <= total and c <= cycles and (a <= size or (b, c) != (total, cycles))
                for a, b, c in near
            )
            assert matched(nearby, level, place, floor, *one) == wanted


def bin_of(footprint):
    """Sixteen an octave, counted from one byte."""
    octave = math.floor(math.log2(footprint))
    return 1 + 16 * octave + int(16 * (footprint / 2.0**octave - 1.0))


@pytest.mark.parametrize("floor", [NO_FLOOR, 0.5, 1.0, 2.0, 64.0])
def test_bins_are_sixteen_an_octave_and_one_up_to_the_floor(floor):
    """Which lies below that where the floor begins; all beyond the last bin are in it."""
    for last in (0, 30, 150):
        bins = bins_of(floor, last)
        lowest = max(0, bin_of(floor) - 1) if floor > 0.0 else 0
        assert bins == (floor, lowest, max(lowest, last))
        for octave, part, beyond in itertools.product(range(-3, 9), range(0, 16, 3), (0.0, 0.01)):
            footprint = 2.0**octave * (1.0 + part / 16 + beyond)
            wanted = lowest if footprint <= floor else min(max(bin_of(footprint), 0), bins.last)
            assert place_of(footprint, bins) == wanted


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_a_front_has_the_rows_that_no_earlier_one_is_as_good_as(columns):
    """And those marked whole; of as many rows as several blocks have, and of just as many as one has."""
    rng = random.Random(columns)
    for rows in (0, 1, 2, fronts.BLOCK, fronts.BLOCK + 1, 2 * fronts.BLOCK, 75):
        for most in (3, 40):
            table = np.array([[rng.randint(0, most) for _ in range(columns)] for _ in range(rows)], dtype=np.float64)
            table = table.reshape(rows, columns)
            for falling in (False, True):
                table = -np.sort(-table, axis=0) if falling else table
                whole = np.array([rng.random() < 0.1 for _ in range(rows)], dtype=np.bool_)
                for marked in (None, whole):
                    kept = []
                    for row in range(rows):
                        if (marked is not None and marked[row]) or not any(
                            (table[one] <= table[row]).all() for one in kept
                        ):
                            kept.append(row)
                    assert fronts.front_of(table, marked).tolist() == kept


def test_blocks_of_rows():
    assert [fronts.blocks_of(rows) for rows in (0, 1, fronts.BLOCK, fronts.BLOCK + 1)] == [0, 1, 1, 2]
