"""The power limit: a batch takes at least its energy over what the limit leaves beside the static power."""

import math

import pytest
from test_sweep_engine import check_equal

from simulator import load_chip, load_network, simulate, sweep
from simulator.cost.power import power_model
from simulator.errors import ChipError, InfeasibleError
from simulator.graph.build import NetworkBuilder

SETTINGS = [
    {"schedule.overlap": "layer"},
    {"schedule.overlap": "none", "schedule.residency": "none"},
    {"schedule.overlap": "network"},
    {"schedule.placement": "space"},
    {"dram": None},
]


@pytest.fixture(scope="module")
def network():
    """Three convolutions and a dense layer."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), 32, 3, padding=1)
    x = net.conv(net.conv(x, 64, 1), 32, 3, padding=1)
    net.dense(x.flat(), 100)
    return net.build()


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("batch", [1, 4])
def test_a_batch_takes_its_energy_over_the_limit(network, settings, batch):
    free = simulate(network, load_chip("example_edge", set=settings), batch)
    static_w = float(power_model(load_chip("example_edge", set=settings)).static_w)
    limit_w = (free.power_w + static_w) / 2  # half of what it draws beyond the static power
    slow = simulate(network, load_chip("example_edge", set={**settings, "power_limit_w": limit_w}), batch)
    period_s = batch / slow.throughput_per_s
    assert math.isclose(slow.power_w, limit_w, rel_tol=1e-9)
    assert math.isclose(period_s, 2 * batch / free.throughput_per_s, rel_tol=1e-9)
    assert slow.bound_by == "power"
    assert slow.dram_bytes == free.dram_bytes
    assert slow.latency_s > free.latency_s
    assert math.isclose(math.fsum(slow.waterfall.values()), slow.latency_s, rel_tol=1e-12)
    assert math.isclose(math.fsum(slow.waterfall_period.values()), period_s, rel_tol=1e-12)
    assert math.isclose(math.fsum(layer.latency_s for layer in slow.layers), slow.latency_s, rel_tol=1e-12)
    assert slow.waterfall_period["power_s"] == pytest.approx(period_s / 2)
    for layer in slow.layers:
        assert math.isclose(math.fsum(layer.waterfall.values()), layer.latency_s, rel_tol=1e-12)
    if slow.gain_if_infinite:
        assert slow.gain_if_infinite["power"] == slow.waterfall_period["power_s"]
        assert slow.gain_if_infinite["array"] == 0.0


def test_a_limit_that_is_not_reached_changes_nothing(network):
    free, limited = (simulate(network, load_chip("example_edge", set=s)) for s in ({}, {"power_limit_w": 1e5}))
    assert limited == free


@pytest.mark.parametrize("settings", SETTINGS)
def test_points_of_a_sweep_equal_simulate(network, settings):
    chip = load_chip("example_edge", set=settings)
    vary = {"power_limit_w": [0.3, 0.55, 0.9, 1.4, 50.0], "sram.capacity_mib": [0.03, 2, 64], "clock_mhz": [100, 900]}
    table = sweep(network, chip, vary)
    check_equal(network, chip, table, vary)
    assert "power_s" in table["largest_loss"].to_list()
    assert set(table["status"].to_list()) >= {"ok", "infeasible"}


def test_points_of_a_sweep_in_sub_batches_equal_simulate():
    network, chip = load_network("squeezenet"), load_chip("example_edge", set={"power_limit_w": 1.2})
    vary = {"batch": [1, 4], "sram.capacity_mib": [0.5, 1], "schedule.overlap": ["layer", "network"]}
    check_equal(network, chip, sweep(network, chip, vary), vary)


def test_limits_that_cannot_be(network):
    with pytest.raises(
        InfeasibleError, match=r"power_limit_w: must be above the .* W that the chip draws at rest, got"
    ):
        simulate(network, load_chip("example_edge", set={"power_limit_w": 0.01}))
    with pytest.raises(ChipError, match=r"process_nm: missing"):
        simulate(network, load_chip("example_edge", set={"power_limit_w": 5, "process_nm": None}))
    with pytest.raises(ChipError, match=r"process_nm"):
        sweep(network, "example_edge", {"clock_mhz": [100, 200]}, set={"power_limit_w": 5, "process_nm": None})


def test_points_of_a_sweep_that_draw_their_limit_at_rest_do_not_run():
    """More SRAM leaks more: from some size on nothing is left for the work, and below it each point is a run of it."""
    network = load_network("squeezenet")
    rest_w = float(power_model(load_chip("inferx_x1")).static_w)
    chip, sizes = {"power_limit_w": 1.2 * rest_w}, [8, 16, 64]
    table = sweep(network, "inferx_x1", {"sram.capacity_mib": sizes}, set=chip)
    for row, size in zip(table.to_dicts(), sizes, strict=True):
        own = load_chip("inferx_x1", set={**chip, "sram.capacity_mib": size})
        if row["status"] == "ok":
            assert row["throughput_per_s"] == pytest.approx(simulate(network, own).throughput_per_s, rel=1e-12)
            continue
        with pytest.raises(InfeasibleError) as caught:
            simulate(network, own)
        assert row["reason"] == str(caught.value)
    assert [row["status"] for row in table.to_dicts()] == ["ok", "infeasible", "infeasible"]
