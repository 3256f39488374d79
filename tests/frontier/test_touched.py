"""Input rows that tiles touch: closed forms against the sets of rows themselves."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.kernels.grid_tables import Side, slide_of, touched


def by_sets(extent: int, side: Side, size: int) -> tuple[int, int, int]:
    """(most rows of a tile, rows of all tiles, rows that the tile before has not)."""
    found, fresh, before = [], 0, set[int]()
    for first in range(0, extent, size):
        rows = {
            o * side.stride + r * side.dilation - side.pad
            for o in range(first, min(extent, first + size))
            for r in range(side.kernel)
        } & set(range(side.plane))
        found.append(len(rows))
        fresh += len(rows - before)
        before = rows
    return max(found), sum(found), fresh


@pytest.mark.kernel
@given(
    st.integers(1, 30), st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(0, 7), st.integers(1, 40)
)
def test_closed_forms_equal_sets(extent: int, stride: int, dilation: int, kernel: int, pad: int, plane: int) -> None:
    side, sizes = Side(stride, dilation, kernel, pad, plane), np.arange(1, extent + 1, dtype=np.int64)
    out = np.empty((extent, 3))
    touched(extent, side, sizes, out)
    assert out.tolist() == [[*by_sets(extent, side, size)] for size in sizes.tolist()]


@pytest.mark.kernel
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run")
def test_how_a_kernel_slides():
    """Rows at 2 o + 3 r - 1 of ten: output 0 begins in the padding, 3 ends in it. Row r is row r + 2 of three outputs before."""
    assert slide_of(Side(2, 3, 3, 1, 10)) == (3, 2, 1, 3)
    assert slide_of(Side(2, 4, 3, 3, 12)) == (2, 1, 2, 4)  # rows at 2 o + 4 r - 3: outputs 0 and 1, and from 4 on
    assert slide_of(Side(1, 1, 1, 0, 7)) == (1, 1, 0, 7)
    assert slide_of(Side(1, 1, 9, 1, 3)) == (1, 1, 1, 1)  # no output is within the plane
