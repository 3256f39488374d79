"""Fits, quantities, powers and ranges on numbers by hand: what single steps of them give."""

import math
from dataclasses import astuple
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cost import bill, calibration
from simulator.cost.book import Fit, of_pair
from simulator.cost.money import interposer_usd
from simulator.cost.power import PowerModel, _mac_energies, _stacks, power_model
from simulator.cost.price import _band, _ip_band, chip_cost
from simulator.cost.priced import priced_chip
from simulator.cost.quantities import _lanes, quantities_of


def test_a_fit_of_least_squares_is_found_from_afar():
    """A line through three points by hand, and a curve that is met."""

    def line(x):
        return np.array([x[0] + x[1] * at - y for at, y in ((0.0, 1.0), (1.0, 3.0), (2.0, 4.0))])

    found = calibration.least_squares(line, np.array([-50.0, 90.0]))
    assert found == pytest.approx([7 / 6, 1.5], abs=1e-6)

    def curve(x):
        return np.array([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])

    assert calibration.least_squares(curve, np.array([-1.2, 1.0])) == pytest.approx([1.0, 1.0], abs=1e-5)
    assert calibration.least_squares(curve, np.array([-1.2, 1.0]), 1)[0] < 0.0  # a step does not do


def test_errors_of_coefficients_from_fits_that_leave_one_out():
    """Of 1, 2 and 6: squares about the mean of 3 are 4 + 1 + 9, two thirds of which are 28 / 3."""
    fits = [Fit(value, 2.0 * value, 5.0, value + 1.0, -value) for value in (1.0, 2.0, 6.0)]
    found = calibration.jackknife_se(fits)
    root = math.sqrt(28 / 3)
    assert astuple(found) == pytest.approx((root, 2 * root, 0.0, root, root))


@pytest.mark.parametrize(("low", "high", "inside"), [(5, 6, True), (4, 5, True), (4, 4.9, False), (5.1, 6, False)])
def test_a_band_holds_its_ends(low, high, inside):
    one = SimpleNamespace(low_mm2=low, published_mm2=5, high_mm2=high)
    assert calibration.Comparison.inside.fget(one) == inside


def test_a_multiplier_of_two_formats_is_between_both():
    assert of_pair(2.0, 8.0) == of_pair(8.0, 2.0) == 4.0


def test_every_core_of_a_chip_is_counted():
    chip = load_chip("example_edge", set={"interconnect.bytes_per_cycle": 48.0})
    one, four = quantities_of(chip), quantities_of(chip.model_copy(update={"cores": 4}))
    for name in ("arrays", "sram_bytes", "sram_bytes_per_cycle", "interconnect_bytes_per_cycle", "vector_lanes"):
        assert getattr(four, name) == 4 * getattr(one, name) > 0
    assert one.interconnect_bytes_per_cycle == 48.0
    assert (four.rows, four.columns, four.clock_hz) == (one.rows, one.columns, one.clock_hz)


def test_what_a_chip_has_not_counts_for_nothing():
    alone = load_chip("nvdla_1024")
    q = quantities_of(alone)
    assert (alone.host, q.host_bytes_per_s, q.io_lanes) == (None, 0.0, 0.0)
    assert (q.of_gpu, q.async_products) == (False, False)
    bare = chip_without_memory()
    model = power_model(bare)
    assert (model.peak["dram_w"], _stacks(quantities_of(bare))) == (0.0, 0.0)
    assert quantities_of(load_chip("h100")).async_products
    for name in ("t4", "jetson_agx_xavier"):
        assert (quantities_of(load_chip(name)).of_gpu, quantities_of(load_chip(name)).async_products) == (True, False)


def test_lanes_of_a_host_link():
    """A PCIe link has one unless its name says more; any other counts as one, which is said."""
    notes = []
    found = [_lanes(link, notes) for link in (None, "pcie4", "pcie4-x4", "pcie5-x8", "pcie5")]
    assert found == [
        (0.0, "pcie_lane"), (1.0, "pcie_lane"), (4.0, "pcie_lane"), (8.0, "pcie5_lane"), (1.0, "pcie5_lane")
    ]  # fmt: skip
    assert notes == []
    assert _lanes("usb3-x2", notes) == (1.0, "pcie_lane")
    assert notes == ["host.link: usb3-x2: counted as one PCIe lane"]


def chip_without_memory():
    return load_chip("example_edge").model_copy(update={"dram": None})


def test_energies_of_a_gpu_s_formats():
    """Whole numbers keep their weights; floats are over FP16 as they are elsewhere, and no chip without a GPU has that."""
    of = {name: _mac_energies(quantities_of(load_chip(name))) for name in ("t4", "a100", "inferx_x1")}
    weights = calibration.cost_book()["energy"]["mac_weights"]
    fitted = calibration.cost_book()["energy"]["gpu"]["float_weight"]
    for name in ("t4", "a100"):
        assert of[name]["int4"] / of[name]["int8"] == pytest.approx(weights["int4"] / weights["int8"])
        assert of[name]["fp16"] / of[name]["int8"] == pytest.approx(max(weights["int8"], fitted) / weights["int8"])
    assert of["a100"]["bf16"] == of["a100"]["fp16"]
    for name in ("a100", "h100", "b200"):
        found = _mac_energies(quantities_of(load_chip(name)))
        for precision, integer in (("tf32", "int8"), ("fp32", "int8"), ("fp8", "int8"), ("fp4", "int4")):
            weight = max(weights[integer], fitted * weights[precision] / weights["fp16"])
            if precision in found:
                assert found[precision] / found["int8"] == pytest.approx(weight / weights["int8"])
    x1 = of["inferx_x1"]
    assert x1["bf16"] / x1["int8"] == pytest.approx(weights["bf16"] / weights["int8"])


def model_of(throttle):
    """A joule for each MAC, and a watt at rest."""
    return PowerModel("hand", {"int8": 1.0}, 0.0, 0.0, 0.0, False, 1.0, {}, 3.0, throttle)


@pytest.mark.parametrize(("limit_w", "throttle", "time_s", "wanted"), [
    (3.0, 1.0, 1.0, 2.0), (3.0, 1.0, 4.0, 2.0), (3.0, 0.5, 0.5, 0.5 * 4**0.5), (3.0, 0.5, 4.0, 2.0), (1.0, 1.0, 1.0, math.inf),
    (1.0, 0.5, 1.0, math.inf), (5.0, 0.5, 1.0, 1.0),
])  # fmt: skip
def test_time_under_a_limit_by_hand(limit_w, throttle, time_s, wanted):
    """Four joules of MACs: a limit of three watts leaves two for them."""
    assert model_of(throttle).limited_s(limit_w, "int8", 4.0, 0.0, 0.0, time_s) == pytest.approx(wanted)


def test_a_gpu_lowers_its_voltage_with_its_clock():
    exponent = calibration.cost_book()["energy"]["gpu"]["clock_exponent"]
    model = power_model(load_chip("t4"))
    assert (model.limit_w, model.throttle * (1.0 + exponent)) == (70.0, pytest.approx(1.0))
    assert power_model(load_chip("inferx_x1")).throttle == 1.0


def test_an_interposer_lies_below_die_and_stacks():
    entry = {
        "stack_mm2": 100.0, "area_factor": 1.2, "wafer_usd": 1000.0, "d0_cm2": 0.1, "alpha": 3.0, "ubump_usd_mm2": 0.01,
        "bonding_yield": 0.98,
    }  # fmt: skip
    usd, good = bill._interposer(entry, 300.0, 2.0, np.array([1.0, 2.0]))
    assert usd.tolist() == [value * interposer_usd(600.0, 1000.0, 0.1, 3.0, 0.01) for value in (1.0, 2.0)]
    assert good == 0.98


def test_ranges():
    """By percentiles of the draws around the best, or by the root of the squares of single moves."""
    e = math.e
    found = _band(np.array([10.0, 10.0 * e**0.3, 10.0 * e**-0.4]), 0)
    assert (found.best, found.high / 10.0, 10.0 / found.low) == pytest.approx(
        (10.0, e ** (0.5 * 1.645), e ** (0.5 * 1.645)), 1e-3
    )
    drawn = _band(np.array([50.0, *range(101)]), 101)
    assert (drawn.low, drawn.best, drawn.high) == (5.0, 50.0, 95.0)
    assert (_band(np.array([1.0, *range(101)]), 101).low, _band(np.array([99.0, *range(101)]), 101).high) == (1.0, 99.0)
    q = quantities_of(load_chip("nvdla_1024"))
    block = _ip_band(q)
    nm = 28 if q.node.nm >= 28 else 16
    worst = 1.0 + 2.0 * calibration.cost_book()["ip_blocks"][nm]["max_error"]
    assert (block.high / block.best, block.best / block.low) == pytest.approx((worst, worst))
    cost = chip_cost(load_chip("nvdla_1024"))
    assert cost.area_items == {"block": cost.area_mm2.best}


def test_chips_are_priced_once():
    """Those that differ in nothing that costs together, but the reference, which is compared with itself."""
    chip = load_chip("example_edge")
    assert priced_chip(chip) is priced_chip(chip)
    assert priced_chip(load_chip("example_edge", set={"dram.measured_efficiency": 0.5})) is priced_chip(chip)
    assert priced_chip(load_chip("example_edge", set={"sram.capacity_mib": 16})) is not priced_chip(chip)
    reference = load_chip("inferx_x1")
    other = load_chip("inferx_x1", set={"dram.measured_efficiency": 0.5})
    found, alike = priced_chip(reference).cost.relative_cost, priced_chip(other).cost.relative_cost
    assert (found.low, found.best, found.high) == (1.0, 1.0, 1.0)
    assert alike.best == 1.0
