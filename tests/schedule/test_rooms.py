"""Rooms for all but kept weights that segments of sub-batches try."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulator.schedule import best
from simulator.schedule.keep import rooms_of


@pytest.mark.parametrize("mib", [1, 6, 40])
def test_segments_try_each_room_of_the_list_the_largest_first(mib):
    pool = SimpleNamespace(weights=np.array([2.0**19, 3.0 * 2**20]), all_weights=3.5 * 2**20)
    tried = best.segment_rooms(pool, mib * 2.0**20, keep=True)
    assert tried == sorted(rooms_of(pool, mib * 2.0**20, True, best.SEGMENT_ROOMS), reverse=True)
    assert tried[0] == mib * 2**20
    assert len(tried) >= 2
    assert best.segment_rooms(pool, mib * 2.0**20, keep=False) == tried[:1]
