"""Every point of a sweep equals one-by-one `simulate`, to the last bit."""

import random
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from simulator import load_chip, load_network, simulate, sweep
from simulator.chip.change import changed_chip
from simulator.cost.columns import cost_columns
from simulator.cost.distinct import priced_once
from simulator.cost.price import chip_cost
from simulator.cost.quantities import quantities_of
from simulator.errors import ChipError, InfeasibleError, NetworkError, OptionError
from simulator.graph.build import NetworkBuilder
from simulator.schedule.machines import machines_of

SAME = (
    "throughput_per_s", "latency_s", "utilisation", "effective_utilisation", "dram_bytes", "load_bytes", "largest_loss",
    "power_w", "throughput_per_usd", "throughput_per_tops", "throughput_per_dram", "throughput_per_sram_mib", "throughput_per_w",
    "throughput_per_mm2", "energy_per_inference_j",
)  # fmt: skip


@pytest.fixture(scope="module")
def network():
    """A few layers with residuals: quick, and residency matters."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), 16, 3, padding=1)
    for _ in range(3):
        y = net.conv(net.conv(x, 32, 1), 16, 3, padding=1)
        x = net.add(x, y)
    net.dense(net.conv(x, 64, 3, stride=2).flat(), 100)
    return net.build()


def check_equal(network, chip, table, axes):
    """Compare every row with `simulate` of the chip it stands for."""
    for row in table.to_dicts():
        values = {key: row[key] for key in axes}
        one = changed_chip(chip, {key: value for key, value in values.items() if key not in ("batch", "precision")})
        arguments = (network, one, values.get("batch", 1), values.get("precision", "int8"), False)
        if row["status"] == "infeasible":
            with pytest.raises(InfeasibleError) as caught:
                simulate(*arguments)
            assert row["reason"].startswith(str(caught.value).splitlines()[0])
            assert row["throughput_per_s"] is None
            continue
        found = simulate(*arguments)
        assert {name: row[name] for name in SAME} == {name: getattr(found, name) for name in SAME}, values
        cost = found.cost or {}
        for column, (key, part) in {
            "area_mm2": ("area_mm2", "best"),
            "bill_usd": ("bill_usd", "best"),
            "relative_cost": ("relative_cost", "best"),
        }.items():
            assert row[column] == (cost[key][part] if cost.get(key) else None), (column, values)
        if cost.get("bill_usd"):  # the range of a result is drawn, that of a sweep propagated
            bill = chip_cost(one, draws=0).bill_usd
            assert (row["bill_low_usd"], row["bill_high_usd"]) == (bill.low, bill.high)


@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
@pytest.mark.parametrize("holds", [["inputs", "weights", "outputs"], ["inputs", "outputs"]])
def test_points_equal_simulate(network, overlap, holds):
    sets = {"schedule.overlap": overlap, "sram.holds": holds}
    chip = load_chip("example_edge", set=sets)
    vary = {"sram.capacity_mib": [0.001, 0.01, 0.02, 0.03, 0.05, 0.2], "clock_mhz": [100, 1700], "dram.devices": [1, 3]}
    table = sweep(network, chip, vary)
    assert len(table) == 24
    assert table["status"].is_in(["ok", "infeasible"]).all()
    assert table["throughput_per_s"].n_unique() > 8
    check_equal(network, chip, table, vary)


def test_points_equal_simulate_with_batches_precisions_and_groups(network):
    chip = load_chip("example_edge", set={"schedule.overlap": "layer"})
    vary = {"batch": [1, 4], "precision": ["int8", "bf16"], "array.rows": [16, 64], "sram.capacity_mib": [0.02, 0.1],
            "schedule.residency": ["optimal", "none"]}  # fmt: skip
    table = sweep(network, chip, vary)
    check_equal(network, chip, table, vary)


def test_points_of_a_real_network_equal_simulate():
    # Weights that stay for ever, in many rooms: the kernel tries the same ones in the same order.
    network, chip = load_network("mobilenet_v2"), load_chip("example_edge", set={"schedule.overlap": "layer"})
    vary = {
        "sram.capacity_mib": "0.1:6",
        "clock_mhz": "50:2000",
        "dram.port_bytes_per_cycle": "1:64",
        "overhead_us": "0:5",
    }
    table = sweep(network, chip, vary, design="latin:40", seed=3)
    assert (table["load_bytes"] > 0).sum() > 10
    check_equal(network, chip, table, vary)


def test_placement_in_space_equals_simulate(network):
    chip = load_chip("example_edge", set={"schedule.placement": "space"})
    vary = {"sram.capacity_mib": [0.0011, 0.5, 2], "clock_mhz": [400, 800]}
    check_equal(network, chip, sweep(network, chip, vary), vary)


@pytest.mark.parametrize("sets", [{}, {"dram": None}, {"power_limit_w": 2.25}], ids=["dram", "none", "limit"])
def test_in_space_every_column_is_that_of_the_result(network, sets):
    # In small SRAMs the plan of least latency and that of least period move different bytes: power is the second's.
    chip = load_chip("example_edge", set={"schedule.placement": "space", "array.count": 8, "overhead_us": 0, **sets})
    vary = {"sram.capacity_mib": [0.0011, 0.006, 0.009, 0.012, 0.016, 0.024, 0.05, 2], "batch": [1, 3, 16]}
    if chip.dram is not None:
        vary["dram.devices"] = [1, 2]
    table = sweep(network, chip, vary)
    assert {"infeasible"} < set(table["status"])
    check_equal(network, chip, table, vary)


def test_placement_may_vary(network):
    chip = load_chip("example_edge", set={"schedule.overlap": "layer"})
    vary = {"schedule.placement": ["time", "space"], "sram.capacity_mib": [0.009, 0.05, 0.5], "batch": [1, 7]}
    check_equal(network, chip, sweep(network, chip, vary), vary)


def test_chips_without_dram_and_chips_with_a_cache_equal_simulate(network):
    for sets in ({"dram": None}, {"sram.managed": "cache"}, {"dram.part": "custom", "dram.gb_per_s_per_device": 7.3}):
        chip = load_chip("example_edge", set={"schedule.overlap": "layer", **sets})
        vary = {"sram.capacity_mib": [0.03, 0.3], "clock_mhz": [100, 900]}
        if chip.dram is not None:
            vary["dram.devices"] = [1, 3]
            vary["dram.capacity_gib"] = [1, 6.5]
        check_equal(network, chip, sweep(network, chip, vary), vary)


def test_columns_equal_machines():
    rng = random.Random(4)
    started = {"overhead_us": None, "schedule.overlap": "layer"}  # in cycles, at whatever clock
    sets = (
        {},
        {"dram.port_bytes_per_cycle": 12.5},
        {"dram": None},
        started,
        {**started, "schedule.placement": "space"},
    )
    chips = [load_chip("example_edge", set=keys) for keys in sets] + [load_chip("t4")]
    for _ in range(300):
        chip = rng.choice(chips)
        changes = {
            "sram.capacity_mib": rng.uniform(0.01, 99),
            "clock_mhz": rng.uniform(1, 3000),
        }
        if rng.random() < 0.5:
            changes["overhead_us"] = rng.uniform(0, 9)
        if chip.dram is not None:
            changes["dram.devices"] = rng.randint(1, 99)
            changes["dram.measured_efficiency"] = rng.uniform(0.1, 1)
        one = machines_of(changed_chip(chip, changes))
        many = machines_of(chip, {key: np.array([value] * 3) for key, value in changes.items()}, 3)
        for name in ("capacity_bytes", "cycle_s", "byte_s", "overhead_s"):
            assert getattr(many, name).tolist() == getattr(one, name).tolist() * 3


def test_many_points_do_not_depend_on_slices_or_chunks(network):
    chip = load_chip("example_edge", set={"schedule.overlap": "layer"})
    vary = {"sram.capacity_mib": "0.01:1:/40", "clock_mhz": "100:2000:/40", "dram.devices": "1:8:+1"}
    whole = sweep(network, chip, vary)
    assert len(whole) == 12_800
    assert whole.equals(sweep(network, chip, vary, chunk=999))


@pytest.mark.parametrize(
    "shared", [("sram_bytes", "clock_hz", "devices"), ("clock_hz",), ("devices", "sram_bytes"), ()]
)
@pytest.mark.parametrize("chip", ["example_edge", "groq_tsp"])
def test_what_is_priced_once_costs_the_same(shared, chip):
    """Few combinations of many points, points that share none, and what does not vary at all."""
    q = quantities_of(load_chip(chip, set={"process_nm": 14}))
    rng = np.random.default_rng(3)
    for distinct in (5, 400):
        drawn = {
            "sram_bytes": rng.integers(1, 64, distinct) * 2.0**20 + rng.integers(0, 9, distinct),
            "clock_hz": rng.uniform(1e8, 2e9, distinct),
            "devices": rng.integers(1, 5, distinct).astype(float),
        }
        columns = {name: drawn[name][rng.integers(0, distinct, 400)] for name in shared}
        varied = replace(q, **{name: column for name, column in columns.items() if name != "devices"})
        varied = varied.with_devices(columns["devices"]) if "devices" in columns else varied
        once, each = priced_once(varied), cost_columns(varied)
        for name in ("area_mm2", "bill_usd", "bill_low_usd", "bill_high_usd", "relative_cost", "can_be_made"):
            assert getattr(once, name).tolist() == getattr(each, name).tolist()
        for name in ("sram_byte_j", "interconnect_byte_j", "outer_byte_j", "static_w"):
            assert np.all(getattr(once.power, name) == getattr(each.power, name))
        assert all(np.all(once.power.peak[name] == value) for name, value in each.power.peak.items())


def test_a_block_of_ip_has_its_area_at_every_point(network):
    chip, vary = load_chip("nvdla_64"), {"sram.capacity_mib": [0.0625, 0.5], "clock_mhz": [500, 1000]}
    table = sweep(network, chip, vary)
    assert table["area_mm2"].n_unique() == 2
    assert table["throughput_per_mm2"].null_count() == 0
    check_equal(network, chip, table, vary)


def test_infeasible_points_stay_with_their_reason():
    table = sweep("alexnet", "example_edge", {"sram.capacity_mib": [0.001, 8]}, set={"vector.lanes": 4096})
    assert table["status"].to_list() == ["infeasible", "ok"]
    assert "needs at least" in table["reason"][0]
    assert table["throughput_per_s"].null_count() == 1
    assert table["reason"][1] is None


def test_values_that_do_not_go_together_stay_with_their_reason(network):
    vary = {"array.rows": [16, 65_536], "array.columns": [16, 65_536]}
    table = sweep(network, "example_edge", vary, set={"array.count": 1, "schedule.residency": "none"})
    assert table["status"].to_list()[3] == "invalid"
    assert "must be at most 1,073,741,824" in table["reason"][3]
    assert table["throughput_per_s"].is_not_null().to_list() == [True, True, True, False]


def test_dies_that_cannot_be_made_have_no_cost_but_a_reason(network):
    table = sweep(network, "example_edge", {"sram.capacity_mib": [8, 4000]}, set={"schedule.overlap": "layer"})
    assert table["status"].to_list() == ["ok", "no cost"]
    assert "reticle" in table["reason"][1]
    assert table["bill_usd"][1] is None
    assert table["throughput_per_s"][1] > 0


@pytest.mark.parametrize(
    ("vary", "error", "line"),
    [
        (
            {"sram.capacity_mib": [-1]},
            OptionError,
            "vary sram.capacity_mib=-1: sram.capacity_mib: must be at least 0.001",
        ),
        ({"dram.devices": [1.5]}, OptionError, "vary dram.devices=1.5: dram.devices: must be a whole number, got 1.5"),
        ({"dram.part": ["lpddr9"]}, OptionError, "unknown DRAM part 'lpddr9'"),
        ({"precision": ["int9"]}, OptionError, "vary precision=int9: precision: "),
        ({"batch": [0]}, OptionError, "vary batch=0: batch: must be a whole number of at least 1, got 0"),
        ({"param.image_sise": [10]}, OptionError, "image_sise: unknown parameter; did you mean 'image_size'?"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_runs(vary, error, line):
    with pytest.raises(error, match=r".") as caught:
        sweep("resnet18", "example_edge", vary)
    assert line in str(caught.value)


def test_other_faults_of_calls(network):
    with pytest.raises(OptionError, match=r"2,250,000 points: a table has at most 2,000,000; give a folder"):
        sweep(network, "example_edge", {"clock_mhz": "1:1500:+1", "sram.capacity_mib": "1:1500:+1"})
    with pytest.raises(OptionError, match=r"param.image_size: a network given as a graph has no parameters"):
        sweep(network, "example_edge", {"param.image_size": [32]})
    with pytest.raises(OptionError, match=r"set: must be left out"):
        sweep(network, load_chip("example_edge"), {"batch": [1]}, set={"clock_mhz": 1})
    with pytest.raises(ChipError, match=r"unknown chip"):
        sweep(network, "exampel_edge", {"batch": [1]})
    with pytest.raises(NetworkError, match=r"did you mean 'resnet50'"):
        sweep("resnet5", "example_edge", {"batch": [1]})


def test_network_parameters_are_varied():
    table = sweep("alexnet", "dpu_b4096", {"param.image_size": [224, 256], "clock_mhz": [100, 200]})
    assert isinstance(table, pl.DataFrame)
    assert table["param.image_size"].to_list() == [224, 224, 256, 256]
    rates = table["throughput_per_s"].to_list()
    assert rates[0] > rates[2]
    assert rates[1] > rates[0]


def test_what_varies_is_not_given_beside() -> None:
    with pytest.raises(OptionError, match=r"^batch: must be left out where it varies, got 4$"):
        sweep("alexnet", "example_edge", {"batch": "1,2"}, batch=4)
    with pytest.raises(OptionError, match=r"^precision: must be left out where it varies, got 'int8'$"):
        sweep("alexnet", "example_edge", {"precision": "int8,int16"}, precision="int8")
