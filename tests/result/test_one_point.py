"""`simulate` is the sweep of one point: every figure that both give is the same, to the last bit, alone and in a grid."""

from dataclasses import fields
from itertools import product

import pytest
from profiles import by_night

from simulator import load_chip, simulate, sweep
from simulator.chip.change import changed_chip
from simulator.errors import InfeasibleError
from simulator.graph.build import NetworkBuilder
from simulator.result.form import Result

GRID = "example_edge"
CHIPS = {
    "a grid with DRAM": (GRID, {}),
    "a grid with little SRAM": (GRID, {"sram.capacity_mib": 0.04}),
    "weights never stay": (GRID, {"schedule.keep_weights": False, "sram.capacity_mib": 0.06}),
    "weights have a path of their own": (GRID, {"sram.holds": ["inputs", "outputs"], "sram.weight_fifo_kib": 16}),
    "without DRAM": (GRID, {"dram": None, "sram.capacity_mib": 0.1}),
    "a power limit": (GRID, {"power_limit_w": 1.3}),
    "a GPU with a power limit": ("t4", {"power_limit_w": 30}),
}
"""Chip, and what is set; each with every overlap where it may be chosen."""
CLOCKS = [90, 200, 410, 800, 1010, 1300, 1700]
"""Enough for points of one SRAM size to be solved together, whatever the overlap."""


@pytest.fixture(scope="module")
def network():
    """Convolutions with a residual, then layers of more weights than work."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 24, 24), 16, 3, padding=1)
    x = net.add(x, net.conv(net.conv(x, 48, 1), 16, 3, padding=1))
    x = net.vector("relu", net.conv(x, 64, 3, stride=2))
    net.dense(net.dense(x.flat(), 60), 10)
    return net.build()


def check(network, chip, batch, clocks):
    """Sweep a chip over its clock and compare each row with `simulate`; how many of them run."""
    table, runs = sweep(network, chip, {"clock_mhz": clocks}, batch=batch), 0
    shared = sorted({*table.columns} & {field.name for field in fields(Result)})
    assert len(shared) == 16
    for row in table.to_dicts():
        one = changed_chip(chip, {"clock_mhz": row["clock_mhz"]})
        if row["status"] == "infeasible":
            with pytest.raises(InfeasibleError):
                simulate(network, one, batch, gains=False)
            continue
        runs += 1
        found = simulate(network, one, batch, gains=False)
        assert {name: row[name] for name in shared} == {name: getattr(found, name) for name in shared}, one.clock_mhz
        area, bill = ((found.cost or {}).get(name) for name in ("area_mm2", "bill_usd"))
        assert row["bill_usd"] == (bill["best"] if bill else None)
        assert row["area_mm2"] is None or row["area_mm2"] == area["best"]
    return runs


OVERLAPS = ("none", "layer", "network")
CASES = [*product(CHIPS, (1, 4), OVERLAPS)]
BY_DAY = [
    (name, batch, overlap)
    for at, name in enumerate(CHIPS)
    for batch, overlap in ((4, OVERLAPS[at % 3]), (4, OVERLAPS[(at + 1) % 3]), (1, OVERLAPS[at % 3]))
    if batch == 4 or at % 3 == 0
]
"""A batch of four with each chip at two of the overlaps, and of one, which has no parts to choose, with every third."""


@pytest.mark.parametrize("case", by_night(CASES, BY_DAY), ids=["-".join(map(str, case)) for case in CASES])
def test_a_result_is_that_of_a_sweep(network, case):
    name, batch, overlap = case
    file, sets = CHIPS[name]
    chip = load_chip(file, set={**sets, "schedule.overlap": overlap})
    assert check(network, chip, batch, CLOCKS[3:4]) == 1
    assert check(network, chip, batch, CLOCKS) > 3


@pytest.mark.parametrize("sets", [{}, {"sram.capacity_mib": 0.04}, {"dram": None}, {"power_limit_w": 1.3}])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_placement_in_space_is_that_of_a_sweep(network, sets, batch):
    chip = load_chip(GRID, set={"schedule.placement": "space", **sets})
    assert check(network, chip, batch, CLOCKS[3:4]) == 1
    assert check(network, chip, batch, CLOCKS) > 3
