"""Which factors the kernels of unrollings try, against all there are, counted with loops of Python."""

import itertools
import math

import numpy as np
import pytest

from simulator.kernels import grid_unroll as unroll
from simulator.kernels.array_steps import GROUPS, KERNEL_HEIGHT, loop_steps, next_useful

G, K, C, R, S = 0, 2, 3, 6, 7
EXTENTS = np.array([3, 1, 5, 4, 2, 2, 3, 2, 24, 4])


def axis(loops=(), most=None, length=1, every=True, tall=False):
    columns = [np.array(one, dtype=np.int64) for one in (loops, most or [0] * len(loops))]
    return unroll.Axis(*columns, length, every, tall)


def scratch():
    return np.full((unroll.SCRATCH, unroll.MOST_TUPLES + 1, len(EXTENTS)), -1)


def factors_of(extents, one):
    """All factors of an axis that takes every tuple."""
    ranges = [
        range(1, min(extents[loop], most or extents[loop]) + 1) for loop, most in zip(one.loops, one.most, strict=True)
    ]
    fit = (
        [row for row in itertools.product(*ranges) if math.prod(row) <= one.length]
        if one.length > 1
        else [(1,) * len(ranges)]
    )
    rows = []
    for row in fit:
        wide = [1] * len(extents)
        for loop, factor in zip(one.loops, row, strict=True):
            wide[loop] = factor
        rows.append(tuple(wide))
    if one.tall:
        rows = [row for row in rows if row[KERNEL_HEIGHT] == max(other[KERNEL_HEIGHT] for other in rows)]
    return rows


AXES = [
    axis(),
    axis((K,), length=1),
    axis((K, C), length=6),
    axis((C, R), (2, 0), length=7),
    axis((R, S, K), (0, 0, 2), length=5, tall=True),
    axis((G, K), length=4, tall=True),
]


@pytest.mark.parametrize("one", AXES)
def test_factors_of_one_axis(one):
    given, out = scratch(), scratch()[0]
    count = unroll.axis_factors(EXTENTS, one, given, out)
    assert sorted(map(tuple, out[:count].tolist())) == sorted(factors_of(EXTENTS.tolist(), one))


def test_the_tallest_come_to_the_front_in_their_order():
    rows = np.ones((5, len(EXTENTS)), dtype=np.int64)
    rows[:, KERNEL_HEIGHT] = [2, 3, 1, 3, 3]
    rows[:, K] = [1, 2, 3, 4, 5]
    assert unroll.keep_tallest(rows, 4) == 2
    assert rows[:2, K].tolist() == [2, 4]
    assert rows[4, K] == 5


@pytest.mark.parametrize("group_rows", [0, 4])
@pytest.mark.parametrize(
    ("columns", "arrays"), [(AXES[5], AXES[2]), (AXES[4], AXES[0]), (AXES[0], AXES[3]), (AXES[3], AXES[5])]
)
def test_rows_columns_and_arrays_together(columns, arrays, group_rows):
    """Each axis takes of what those before it leave; groups on the columns want rows of their own, where they must."""
    on_rows = np.ones((3, len(EXTENTS)), dtype=np.int64)
    on_rows[1, [K, R]] = 2, 3
    on_rows[2, [G, C]] = 2, 2
    wanted = []
    for row in on_rows.tolist():
        left = [-(-extent // factor) for extent, factor in zip(EXTENTS.tolist(), row, strict=True)]
        own = list(left)
        if group_rows:
            own[GROUPS] = min(left[GROUPS], max(1, group_rows // math.prod(row)))
        for wide in factors_of(own, columns):
            rest = [-(-extent // factor) for extent, factor in zip(left, wide, strict=True)]
            for deep in factors_of(rest, arrays):
                both = [
                    min(math.prod(each), extent)
                    for *each, extent in zip(row, wide, deep, EXTENTS.tolist(), strict=True)
                ]
                wanted.append((tuple(both), deep))
    factors, alone = np.full((2, len(wanted) + 2, len(EXTENTS)), -1)
    count = unroll.spread(EXTENTS, on_rows, columns, arrays, group_rows, scratch(), factors, alone)
    found = zip(map(tuple, factors[:count].tolist()), map(tuple, alone[:count].tolist()), strict=True)
    assert sorted(found) == sorted(wanted)
    assert (factors[count:] == -1).all()
    few = np.full((2, 2, len(EXTENTS)), -1)
    assert (
        unroll.spread(EXTENTS, on_rows, columns, arrays, group_rows, scratch(), *few) == count
    )  # counted, where there is no room
    assert few[0].tolist() == factors[:2].tolist()


def test_steps_over_the_loops_of_a_layer():
    """Those of each loop, of the last part too; as one loop they are fewer."""
    for factors in (
        [1] * 10,
        [2, 1, 3, 3, 2, 1, 2, 1, 5, 3],
        [3, 1, 5, 4, 1, 2, 3, 2, 24, 4],
        [2, 1, 4, 2, 2, 2, 1, 2, 7, 2],
    ):
        steps = [len(range(0, extent, factor)) for extent, factor in zip(EXTENTS.tolist(), factors, strict=True)]
        for flat_reduction, flat_pixels in itertools.product((False, True), repeat=2):
            reduction = steps[8] if flat_reduction else steps[C] * steps[R] * steps[S]
            pixels = steps[9] if flat_pixels else steps[4] * steps[5]
            found = loop_steps(EXTENTS, np.array(factors), flat_reduction, flat_pixels)
            assert found == (steps[G], steps[1], steps[K], reduction, pixels)


def test_the_next_factor_of_use_needs_fewer_steps():
    for extent in range(1, 14):
        for factor in range(1, extent + 1):
            steps = len(range(0, extent, factor))
            fewer = [other for other in range(1, extent + 1) if len(range(0, extent, other)) < steps]
            assert next_useful(extent, factor) == min(fewer, default=extent + 1)
