"""Input rows that tiles touch: closed forms against the sets of rows themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.kernels.grid_tables import Side, touched


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
