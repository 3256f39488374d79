"""What a fold, a set of weights and a table row cost, on numbers by hand and against sums over single tiles."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.frontier.grid.candidates import _axis, _Within
from simulator.frontier.grid.folds import (
    OVER_C,
    OVER_K,
    OVER_PIXELS,
    Fold,
    fold_costs,
    once,
    once_costs,
    resets,
    set_loads,
)
from simulator.frontier.grid.points import cycles_of
from simulator.frontier.grid.sizes import LONG_ALL, LONG_EACH, apart
from simulator.kernels.grid_layout import EACH, SIZE, STEPS, TRIPS
from simulator.kernels.grid_points import ARRAY, INTERCONNECT, SRAM
from simulator.lower.array import ArraySpec

PLAIN = ArraySpec(
    2, 5, 4, "weights", ("reduction",), ("out_channels",), (), weight_load_cycles=6.0, pass_overhead_cycles=3.0
)
"""Five rows of four columns: a systolic one of them fills in 5 + 4 - 2 = 7 cycles."""


@pytest.mark.parametrize(
    ("stationary", "systolic", "two", "fold", "axis"),
    [
        ("weights", False, False, (6.0, 3.0, 0.0), OVER_PIXELS),
        ("weights", True, False, (6.0, 10.0, 0.0), OVER_PIXELS),
        ("weights", True, True, (6.0, 3.0, 1.0), OVER_PIXELS),
        ("rows", False, True, (6.0, 3.0, 1.0), OVER_PIXELS),
        ("inputs", True, False, (6.0, 10.0, 0.0), OVER_K),
        ("outputs", True, True, (0.0, 10.0, 0.0), OVER_C),
        ("outputs", False, False, (0.0, 3.0, 0.0), OVER_C),
    ],
)
def test_cycles_of_a_fold(stationary, systolic, two, fold, axis):
    spec = replace(PLAIN, stationary=stationary, systolic=systolic, weights_double_buffered=two)
    assert fold_costs(spec) == (Fold(*fold), axis)


def test_cycles_to_load_a_set():
    units = SimpleNamespace(factors=np.array([[1, 1, 2, 3, 1, 1, 1, 1, 1, 1], [2, 7, 1, 1, 7, 7, 3, 1, 2, 7]]))
    assert set_loads(PLAIN, units, 2.0) == (6.0, 6.0)
    # 2 x 3 weights, and 2 x 3 x 2, of two bytes over four bytes a cycle; an array of half the rate has half as many cycles.
    bus = replace(PLAIN, weight_load_cycles=0.0, weight_bus_bytes_per_cycle=4.0)
    assert set_loads(bus, units, 2.0) == (3.0, 6.0)
    assert set_loads(replace(bus, rate=0.5, weight_bus_bytes_per_cycle=1.0), units, 2.0) == (6.0, 12.0)


def test_cycles_once_a_layer():
    """The array fills once where it holds two sets; of the first load and the last fold the shorter is waited for."""
    two = replace(PLAIN, systolic=True, weights_double_buffered=True)
    assert once_costs(PLAIN) == (0.0, 0.0, 0.0)
    assert once_costs(two) == (7.0, 6.0, 1.0)
    assert once_costs(replace(two, weights_double_buffered=False)) == (0.0, 0.0, 1.0)
    assert once(two, np.array([2.0, 6.0, 9.0])).tolist() == [8.0, 12.0, 12.0]
    # Nothing but multiplications: no cycle that could be counted less, but where one of the parts is a whole one.
    bare = replace(two, rows=1, columns=1, weight_load_cycles=0.0, pass_overhead_cycles=0.0)
    assert once_costs(bare) == (0.0, 0.0, 0.0)
    for key, value in (("weight_load_cycles", 1.0), ("pass_overhead_cycles", 1.0), ("rows", 2)):
        assert once_costs(replace(bare, **{key: value}))[2] == 1.0
    assert once_costs(replace(bare, weight_load_cycles=0.75))[2] == 0.0


def test_accumulators_that_fill_cost_what_a_set_costs():
    loads = (6.0, 8.0)
    one_set = resets(PLAIN, loads, 100.0, 30.0)
    assert (one_set.cycles.tolist(), one_set.least.tolist(), one_set.sets) == ([9.0, 11.0], [0.0, 0.0], 4.0)
    two = resets(replace(PLAIN, weights_double_buffered=True, rate=0.5), loads, 90.0, 30.0)
    assert (two.cycles.tolist(), two.least.tolist(), two.sets) == ([3.0, 3.0], [6.0, 8.0], 6.0)
    hidden = replace(PLAIN, weights_double_buffered=True, pass_overhead_cycles=0.0)
    assert resets(hidden, loads, 90.0, 30.0).sets == 3.0
    free = replace(PLAIN, pass_overhead_cycles=0.0)
    assert resets(free, (0.0, 8.0), 90.0, 1.0).sets == resets(hidden, (0.0, 8.0), 90.0, 1.0).sets == 90.0
    others = [
        resets(PLAIN, loads, 100.0, 0.0),
        resets(replace(PLAIN, stationary="outputs"), loads, 100.0, 30.0),
        resets(free, (0.0, 0.0), 100.0, 30.0),
    ]
    for nothing in others:
        assert (nothing.cycles.tolist(), nothing.least.tolist(), nothing.sets) == ([0.0, 0.0], [0.0, 0.0], 0.0)


def test_the_longest_of_array_interconnect_and_ports_counts():
    parts = np.zeros((3, 9))
    parts[:, [ARRAY, INTERCONNECT, SRAM]] = [[5, 3, 4], [2, 7, 1], [2, 3, 9]]
    assert cycles_of(parts).tolist() == [5, 7, 9]


def test_numbers_of_tiles_that_are_tried_of_a_long_product():
    """Up to eight all of them, each size; beyond, the next that is 2^(1/4) as many; and the last one."""
    numbers = [1, 2, 2, *range(3, 24), 10.5, 24, 24]
    numbers.sort()
    kept = [numbers[place] for place in apart(numbers)]
    assert kept == [1, 2, 2, *range(3, 9), 10, 12, 15, 18, 22, 24, 24]
    assert (8, pytest.approx(2.0)) == (LONG_ALL, LONG_EACH**4)
    assert apart([9, 9, 10, 11]) == [0, 1, 3]


def rows_of(extent, inner, outer, units, fold, within):
    """Every size: (size, tiles, steps and folds of each unrolling), tile by tile."""
    every = []
    for size in range(1, extent + 1):
        tiles = [min(size, extent - begin) for begin in range(0, extent, size)]
        own = []
        for at, unit in enumerate(units):
            blocks = [-(-length * inner // unit) * outer[at] for length in tiles]
            folds = [block if fold is None else cycles_of_a_fold(block, fold) for block in blocks]
            steps = blocks
            if within is not None:
                steps = [-(-length // within.each[at]) * within.passes[at] for length in tiles]
            own += [sum(steps), sum(folds)]
        every.append((size, len(tiles), *own))
    return every


def cycles_of_a_fold(steps, fold):
    """A fold that hides its load takes as long as the longer of both."""
    return (max(steps, fold.load) if fold.hidden else steps + fold.load) + fold.overhead


@pytest.mark.parametrize("seed", range(12))
def test_sizes_along_an_axis(seed):
    """Each size of the table has the steps of its tiles; one is left out where it saves none over a smaller one."""
    rng = random.Random(seed)
    for _ in range(6):
        extent, inner, count = rng.randint(1, 25), rng.choice([1, 1, 3]), rng.randint(1, 3)
        units = tuple(rng.randint(1, 7) for _ in range(count))
        outer = tuple(float(rng.randint(1, 3)) for _ in range(count))
        fold = rng.choice([None, Fold(2.0, 1.0, 0.0), Fold(4.0, 1.0, 1.0)])
        each, passes = (
            tuple(rng.randint(1, 4) for _ in range(count)),
            tuple(float(rng.randint(1, 3)) for _ in range(count)),
        )
        within = rng.choice([None, _Within(each, passes)])
        every = rows_of(extent, inner, outer, units, fold, within)
        kept, trips, first = [], 0, every[0]
        for at, row in enumerate(every):
            if row[1] != trips:
                trips, first = row[1], row
                kept.append(row)
            elif all(any(a < b for a, b in zip(row[2:], other[2:], strict=True)) for other in (first, every[at - 1])):
                kept.append(row)
        table = _axis(extent, inner, outer, units, fold, (), within)
        assert (SIZE, TRIPS, table.shape[1]) == (0, 1, STEPS + EACH * count)
        assert [tuple(row) for row in table.tolist()] == kept[::-1]
        only = rng.randint(1, extent)
        assert [tuple(row) for row in _axis(extent, inner, outer, units, fold, (only,), within).tolist()] == [
            every[only - 1]
        ]
