"""The benchmark of sweeps measures what it says, on a few points."""

import bench_sweep as bench
import pytest


@pytest.mark.parametrize("each", [1, 2])
def test_speeds_are_of_sweeps_that_run(each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "NETWORK", "alexnet")
    assert bench.in_parts_speed(2, each, 2) > 0.0
    assert bench.one_by_one_speed(bench.FIFO, 1, 2) > 0.0
    count, seconds, core = bench.streamed(8.0, each)
    assert (count, seconds > 0.0, core > 0.0) == (8, True, True)
