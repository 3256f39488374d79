"""Every law on 300 random chips and networks; ROOFTILE_LAWS=100000 asks for more, as every night does."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_models import Graph, chips, networks
from test_laws import MORE, SLACK, changed, check, in_space, never_slower, times, tried

from simulator import sweep
from simulator.chip.schema import Architecture
from simulator.lower.rows import lower

COUNT = int(os.environ.get("ROOFTILE_LAWS", "300"))


def more(what: str) -> Callable[[Graph, Architecture, int, int], None]:
    """More of a resource is never slower."""

    def law(network: Graph, chip: Architecture, batch: int, factor: int) -> None:
        never_slower(tried(network, chip, batch), tried(network, MORE[what](chip, float(factor)), batch))

    return law


def more_macs(network: Graph, chip: Architecture, batch: int, factor: int) -> None:
    """Nor are more rows, columns or arrays, each with its accumulators: but of systolic arrays, which drain over their height."""
    assert chip.array is not None
    chip = changed(chip, "array", systolic=False)
    side = ("rows", "columns", "count")[factor % 3]
    assert chip.array is not None
    values: dict[str, Any] = {side: getattr(chip.array, side) * factor}
    if side == "count" and chip.array.accumulator_kib is not None:
        values["accumulator_kib"] = chip.array.accumulator_kib * factor
    never_slower(tried(network, chip, batch), tried(network, changed(chip, "array", **values), batch))


def sums(network: Graph, chip: Architecture, batch: int, factor: int) -> None:
    """Bounds lie below, parts add up, and no fewer bytes are moved than must be."""
    chip = in_space(chip) if factor == 3 else chip
    result = tried(network, chip, batch)
    if result is not None:
        check(result, network, chip)
        assert min(times(result)) >= result.lower_bound_s * (1.0 - SLACK)
        assert (result.dram_bytes + result.load_bytes) >= lower(network, chip, batch).compulsory_bytes * (1.0 - SLACK)


def batches(network: Graph, chip: Architecture, batch: int, factor: int) -> None:
    """A batch takes no longer than its parts one after another; and more work takes no less time."""
    one, many = times(tried(network, chip, batch)), times(tried(network, chip, batch * factor))
    assert all(one[at] * (1.0 - SLACK) <= many[at] <= factor * one[at] * (1.0 + SLACK) for at in (0, 1))


def sweep_of_one(network: Graph, chip: Architecture, batch: int, factor: int) -> None:
    """A run is the sweep of one point, and a point the same among others."""
    values = [chip.clock_mhz * (1 + step) for step in range(factor)]
    result = tried(network, chip, batch)
    row = sweep(network, chip, {"clock_mhz": values}, batch=batch).row(0, named=True)
    assert (row["status"] == "infeasible") == (result is None)
    for figure in ("latency_s", "throughput_per_s", "utilisation", "dram_bytes", "load_bytes"):
        assert row[figure] == (None if result is None else getattr(result, figure))


LAWS = {
    **{what: more(what) for what in MORE},
    "macs": more_macs,
    "sums": sums,
    "batches": batches,
    "sweep": sweep_of_one,
}


@pytest.mark.parametrize("law", LAWS)
@given(network=networks, chip=chips(), batch=st.sampled_from([1, 1, 2, 3]), factor=st.sampled_from([2, 3, 4]))
@settings(max_examples=COUNT // len(LAWS), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_law(law: str, network: Graph, chip: Architecture, batch: int, factor: int) -> None:
    LAWS[law](network, chip, batch, factor)
