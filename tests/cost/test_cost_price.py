"""Laws of cost: more of anything never costs less, an older process is never smaller, one chip equals a sweep."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from profiles import examples

from simulator.chip.load import load_chip
from simulator.cost import book as data
from simulator.cost import money
from simulator.cost.columns import band_factor, cost_columns
from simulator.cost.efficiency import RATIOS, ratios
from simulator.cost.power import power_model
from simulator.cost.price import chip_cost
from simulator.cost.provenance import coefficients
from simulator.cost.quantities import quantities_of, silicon
from simulator.errors import ChipError, OptionError
from simulator.report.document import plain

NODES = (65, 45, 40, 28, 22, 20, 16, 11, 10, 8, 7, 6, 5, 4, 3)
ACCELERATORS = ("example_edge", "inferx_x1", "tpu_v1", "tpu_v4i", "groq_tsp", "eyeriss")
PARTS = ("lpddr4-4266-x32", "lpddr5-6400-x32", "ddr4-3200-x64", "gddr6-14-x32", "hbm2-2.4", "hbm3-6.4")

CHIPS = st.fixed_dictionaries(
    {
        "process_nm": st.sampled_from(NODES),
        "clock_mhz": st.integers(100, 2000),
        "array.count": st.integers(1, 64),
        "array.rows": st.integers(1, 128),
        "array.columns": st.integers(1, 128),
        "array.rate": st.sampled_from([{"int8": 1.0}, {"int8": 1.0, "bf16": 0.5}, {"fp16": 1.0}, {"int4": 2.0}]),
        "sram.capacity_mib": st.floats(0.01, 200),
        "sram.bytes_per_cycle": st.integers(1, 10_000),
        "dram.part": st.sampled_from(PARTS),
        "dram.devices": st.integers(1, 12),
        "host.link": st.sampled_from(["pcie3-x1", "pcie3-x4", "pcie4-x16", "usb3"]),
        "vector.lanes": st.integers(1, 5000),
    }
)

# What makes a chip larger, faster or wider: each key with how it grows.
MORE = {
    "clock_mhz": lambda old, n: old + n,
    "array.count": lambda old, n: old + n,
    "array.rows": lambda old, n: old + n,
    "array.columns": lambda old, n: old + n,
    "array.rate": lambda old, _: {**old, "fp32": 0.25},
    "sram.capacity_mib": lambda old, n: old + n / 4,
    "sram.bytes_per_cycle": lambda old, n: old + n,
    "dram.devices": lambda old, n: old + n,
    "vector.lanes": lambda old, n: old + n,
    "host.link": lambda _old, _n: "pcie4-x16",
}


def priced(settings_):
    """Cost of a chip, or None where it cannot be made."""
    try:
        return chip_cost(load_chip("example_edge", set=settings_), draws=0)
    except ChipError as error:
        if "reticle" in str(error) or "die edge" in str(error):
            return None
        raise


@settings(max_examples=examples(100))
@given(chip=CHIPS, key=st.sampled_from(sorted(MORE)), n=st.integers(1, 20))
def test_more_of_anything_never_costs_less(chip, key, n):
    less, more = priced(chip), priced({**chip, key: MORE[key](chip[key], n)})
    assume(less is not None and more is not None)
    # To rounding: what does not enter a formula changes nothing.
    assert more.area_mm2.best >= less.area_mm2.best * (1 - 1e-12)
    assert more.bill_usd.best >= less.bill_usd.best * (1 - 1e-12)
    assert more.peak_power_w >= less.peak_power_w * (1 - 1e-12)


@settings(max_examples=examples(60))
@given(chip=CHIPS, place=st.integers(0, len(NODES) - 2))
def test_an_older_process_is_never_smaller(chip, place):
    older, newer = priced({**chip, "process_nm": NODES[place]}), priced({**chip, "process_nm": NODES[place + 1]})
    assume(older is not None and newer is not None)
    assert older.area_mm2.best >= newer.area_mm2.best


@settings(max_examples=examples(40))
@given(chip=CHIPS)
def test_items_sum_to_the_whole_and_bands_hold_the_best(chip):
    cost = priced(chip)
    assume(cost is not None)
    assert sum(cost.area_items.values()) == pytest.approx(cost.area_mm2.best)
    assert sum(band.best for band in cost.bill_items.values()) == pytest.approx(cost.bill_usd.best)
    assert sum(cost.peak_items.values()) == pytest.approx(cost.peak_power_w)
    for band in (cost.area_mm2, cost.bill_usd, cost.relative_cost, *cost.bill_items.values()):
        assert 0 < band.low <= band.best <= band.high < 1e6
    json.dumps(plain(cost.to_dict()), allow_nan=False)


def test_one_chip_equals_a_sweep_to_the_last_bit():
    chip = load_chip("tpu_v4i")
    rng = np.random.RandomState(5)
    mib = np.floor(rng.uniform(1, 300, 3000) * 2**20) / 2**20
    clock, devices = rng.uniform(300, 2000, 3000), rng.randint(1, 4, 3000).astype(float)
    accumulators = chip.array.accumulator_capacity_bytes
    base = quantities_of(chip)
    many = dataclasses.replace(base, sram_bytes=mib * 2**20 + accumulators, clock_hz=clock * 1e6).with_devices(devices)
    table = cost_columns(many)
    for at in range(0, 3000, 149):
        changes = {"sram.capacity_mib": mib[at].item(), "clock_mhz": clock[at].item(), "dram.devices": int(devices[at])}
        one = load_chip("tpu_v4i", set=changes)
        cost, power = chip_cost(one, draws=0), power_model(one)
        assert table.area_mm2[at] == cost.area_mm2.best
        assert table.bill_usd[at] == cost.bill_usd.best
        assert table.relative_cost[at] == cost.relative_cost.best
        assert table.bill_low_usd[at] == pytest.approx(cost.bill_usd.low, rel=1e-12)
        assert table.power.peak_w[at] == cost.peak_power_w == power.peak_w
        assert table.power.static_w[at] == power.static_w
        assert table.power.interconnect_byte_j[at] == power.interconnect_byte_j
        assert table.can_be_made[at]


@pytest.mark.parametrize("part", ["lpddr4-4266-x32", "custom"])
def test_capacity_has_a_price_of_its_own(part):
    custom = {"dram.gb_per_s_per_device": 17.064} if part == "custom" else {}
    chips = [
        load_chip("example_edge", set={"dram.part": part, **custom, "dram.capacity_gib": gib}) for gib in (1, 2, 8)
    ]
    small, usual, large = (chip_cost(chip) for chip in chips)
    bills = [cost.bill_items["dram"].best for cost in (small, usual, large)]
    assert bills == pytest.approx([2.64, 5.28, 21.12])
    assert [cost.details["dram_gib"] for cost in (small, usual, large)] == [1, 2, 8]
    left_out = load_chip("example_edge", set={"dram.part": part, **custom})
    assert chip_cost(left_out).bill_usd.best == usual.bill_usd.best
    assert small.area_items == large.area_items
    assert chips[2].dram_capacity_bytes == 8 * 2**30


def test_lpddr4_and_lpddr5_of_the_same_capacity_differ_by_their_price_for_a_gib():
    both = [
        chip_cost(load_chip("example_edge", set={"dram.part": part, "dram.capacity_gib": 4}))
        for part in ("lpddr4-4266-x32", "lpddr5-5500-x32")
    ]
    assert both[1].bill_items["dram"].best / both[0].bill_items["dram"].best == pytest.approx(1.2 / 1.1)


@pytest.mark.parametrize("part", ["lpddr4-4266-x32", "lpddr5-6400-x32"])
def test_a_chip_without_dram_saves_its_interface_and_no_more(part):
    """Interconnect and control go with what is counted, not with a class: 23 mm2 without DRAM, where 26 are with it."""
    having, without = (
        chip_cost(load_chip("example_edge", set=change), draws=0) for change in ({"dram.part": part}, {"dram": None})
    )
    share = having.area_items["interconnect_control"] / having.area_mm2.best
    assert without.area_items["interconnect_control"] / without.area_mm2.best == pytest.approx(share, abs=1e-4)
    saved = having.area_mm2.best - without.area_mm2.best
    assert saved == pytest.approx(having.area_items["dram_interfaces"] / (1 - share), rel=1e-3)
    static = having.peak_items["static_w"] - without.peak_items["static_w"]
    assert static == pytest.approx(0.020 * saved, rel=1e-3)
    if part.startswith("lpddr4"):
        assert having.bill_usd.best - without.bill_usd.best == pytest.approx(6.7, abs=0.1)
        assert without.area_mm2.best == pytest.approx(47.2, abs=0.1)


def test_the_share_gives_way_near_the_largest_die():
    chip = quantities_of(load_chip("example_edge"))
    mib = np.array([1, 10, 100, 200, 300, 400, 500, 590]) * 2.0**20
    table = cost_columns(dataclasses.replace(chip, sram_bytes=mib))
    counted = np.array([silicon(dataclasses.replace(chip, sram_bytes=m), data.fit()).counted for m in mib])
    share = 1 - counted / table.area_mm2
    assert share[0] == pytest.approx(0.489, abs=1e-3)
    assert (np.diff(share) <= 1e-12).all()
    assert (np.diff(table.area_mm2) > 0).all()
    assert (table.area_mm2 >= counted).all()
    # What repairs itself and leaks less does not make a full die cheaper or cooler.
    assert (np.diff(table.bill_usd) > 0).all()
    assert (np.diff(table.power.static_w) > 0).all()


def test_8_bit_floats_share_multipliers():
    """Beside int8 and bf16 they cost a tenth for one more precision, not a unit of their own; alone they cost two of int8."""
    area = [
        chip_cost(load_chip("example_edge", set={"array.rate": rate}), draws=0).area_items["macs"]
        for rate in ({"int8": 1.0, "bf16": 0.5}, {"int8": 1.0, "bf16": 0.5, "fp8": 1.0}, {"int8": 1.0}, {"fp8": 1.0})
    ]
    assert area[1] / area[0] == pytest.approx(1.2 / 1.1)
    assert area[3] / area[2] == pytest.approx(2.0)


def test_a_sweep_says_which_points_cannot_be_made():
    base = quantities_of(load_chip("inferx_x1"))
    assert cost_columns(base.with_devices(np.arange(1.0, 9.0))).can_be_made.tolist() == [True] * 6 + [False] * 2
    large = cost_columns(dataclasses.replace(base, sram_bytes=np.array([8, 2000]) * 2.0**20))
    assert large.can_be_made.tolist() == [True, False]


def test_bands_by_draws_and_by_propagation_agree():
    for name in ACCELERATORS:
        drawn, propagated = chip_cost(load_chip(name)), chip_cost(load_chip(name), draws=0)
        assert drawn.bill_usd.best == propagated.bill_usd.best
        assert drawn.bill_usd.low == pytest.approx(propagated.bill_usd.low, rel=0.1)
        assert drawn.bill_usd.high == pytest.approx(propagated.bill_usd.high, rel=0.1)
        assert drawn.area_mm2.best / drawn.area_mm2.low == pytest.approx(band_factor())
        assert drawn.area_mm2.high <= 858.0


def test_the_same_chip_always_costs_the_same():
    first, second = (chip_cost(load_chip("tpu_v4i")) for _ in range(2))
    assert first == second


def test_relative_cost():
    x1, tpu = load_chip("inferx_x1"), load_chip("tpu_v1")
    own = chip_cost(x1).relative_cost
    assert (own.low, own.best, own.high) == (1.0, 1.0, 1.0)
    there, back = chip_cost(tpu, x1), chip_cost(x1, tpu)
    assert there.reference == x1.name
    assert there.relative_cost.best * back.relative_cost.best == pytest.approx(1.0)
    # Shared prices make a ratio surer than its parts.
    spread = there.bill_usd.high / there.bill_usd.low
    assert there.relative_cost.high / there.relative_cost.low < spread


@pytest.mark.parametrize("name", ["inferx_x1", "tpu_v1", "tpu_v4i", "groq_tsp"])
def test_bundled_chips_lie_near_their_published_die_and_power(name):
    chip = load_chip(name)
    cost = chip_cost(chip, draws=0)
    assert cost.area_mm2.low <= chip.published["die_area_mm2"] <= cost.area_mm2.high
    assert cost.calibrated
    assert 0.4 < cost.peak_power_w / chip.published["tdp_w"] < 1.7


def test_yield_models_differ_as_they_should():
    bills = {m: chip_cost(load_chip("groq_tsp"), draws=0, yield_model=m).bill_usd.best for m in money.YIELD_MODELS}
    assert bills["poisson"] > bills["murphy"] > bills["negative_binomial"] > bills["seeds"]
    with pytest.raises(OptionError, match=r"^yield_model: unknown model 'poison'; did you mean 'poisson'\?$"):
        chip_cost(load_chip("groq_tsp"), yield_model="poison")


def test_kinds_of_sram_and_fabric_from_below():
    chip = load_chip("example_edge")
    areas = [chip_cost(chip, draws=0, sram_kind=k).area_mm2.best for k in ("scratchpad", "banked_buffer", "cache")]
    assert areas == sorted(areas)
    assert areas[0] == chip_cost(chip, draws=0).area_mm2.best
    cached = load_chip("example_edge", set={"sram.managed": "cache"})
    assert chip_cost(cached, draws=0).area_mm2.best == areas[2]
    below = chip_cost(chip, draws=0, bottom_up=True)
    assert "more than two times apart" in below.notes[0]
    lanes = load_chip("example_edge", set={"vector.lanes": 2560})
    assert chip_cost(lanes, draws=0, bottom_up=True).area_mm2.best > below.area_mm2.best


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"process_nm": 2}, "process_nm: must be 3 to 65 nm for a cost, got 2"),
        ({"process_nm": 130}, "process_nm: must be 3 to 65 nm for a cost, got 130"),
        ({"process_nm": None}, "process_nm: missing; a cost needs 3 to 65 nm"),
        ({"sram.capacity_mib": 600}, "die: must be at most the reticle limit of 858 mm2 (26 x 33 mm), got 911 mm2"),
        (
            {"dram.devices": 12},
            "dram.devices: must be at most 6: interfaces of 12 need 52 mm of die edge, 124 mm2 has 36 mm",
        ),
    ],
)
def test_chips_that_cannot_be_priced(changes, line):
    with pytest.raises(ChipError) as caught:
        chip_cost(load_chip("inferx_x1", set=changes))
    assert str(caught.value) == f"Flex Logix InferX X1: {line}"


def test_the_number_of_devices_that_fit_is_right():
    assert chip_cost(load_chip("inferx_x1", set={"dram.devices": 6})).calibrated
    with pytest.raises(ChipError, match="at most 6"):
        chip_cost(load_chip("inferx_x1", set={"dram.devices": 7}))


@pytest.mark.parametrize("kind", ["gpu", "soc"])
def test_outside_the_calibration_no_figure_is_sure(kind):
    cost = chip_cost(load_chip("inferx_x1", set={"kind": kind}))
    assert cost.status.startswith("outside calibration")
    assert not cost.calibrated
    assert cost.area_mm2.best is None
    assert cost.area_mm2.low < cost.area_mm2.high
    assert cost.bill_usd is None
    assert cost.relative_cost is None
    with pytest.raises(ChipError, match="a reference must be an accelerator"):
        chip_cost(load_chip("tpu_v1"), load_chip("inferx_x1", set={"kind": kind}))


def test_figures_are_calibrated_between_known_nodes_and_for_dies_of_some_size():
    def inside(nm, **sizes):
        cost = chip_cost(load_chip("inferx_x1", set={"process_nm": nm, **sizes}))
        assert cost.status.startswith("inside") == cost.calibrated
        return cost.calibrated

    assert [inside(nm) for nm in (16, 13, 28, 40)] == [True, True, True, False]
    assert not inside(16, **{"array.count": 1, "sram.capacity_mib": 1.0})


def test_a_block_has_an_area_and_no_bill():
    for nm, published in ((28, 5.5), (16, 3.3)):
        cost = chip_cost(load_chip("nvdla_2048", set={"kind": "ip", "process_nm": nm}))
        assert cost.area_mm2.best == pytest.approx(published, rel=0.10)
        assert cost.area_mm2.low < published < cost.area_mm2.high
        assert cost.bill_usd is None
    smaller = chip_cost(load_chip("nvdla_2048", set={"kind": "ip", "process_nm": 7}))
    assert smaller.area_mm2.best < 0.6 * published


def test_a_custom_part_is_counted_as_usual_devices():
    cost = chip_cost(load_chip("nvdla_2048"))
    said = "dram.part: custom: counted as 2 x32 LPDDR4X devices of 17.064 GB/s; `dram.family` names another kind"
    assert cost.notes == (said,)
    assert cost.status.startswith("a block of IP")
    alone = chip_cost(load_chip("nvdla_2048", set={"kind": "accelerator"}))
    assert alone.notes == cost.notes
    assert alone.status.startswith("extrapolated")


def test_a_gpu_pays_for_a_mac_with_all_movement():
    gpu = power_model(load_chip("inferx_x1", set={"kind": "gpu", "power_limit_w": 70}))
    chip = power_model(load_chip("inferx_x1"))
    assert gpu.mac_j["int8"] > 5 * chip.mac_j["int8"]
    assert gpu.mac_j["bf16"] == pytest.approx(1.8 * gpu.mac_j["int8"])
    assert gpu.sram_byte_j == gpu.interconnect_byte_j == 0.0
    high = power_model(load_chip("inferx_x1", set={"kind": "gpu", "power_limit_w": 140}))
    assert gpu.static_w == high.static_w > 0.0  # what the die draws at rest knows no limit


def test_a_stack_of_memory_idles_at_eight_watts_beside_a_gpu():
    four, five = (power_model(load_chip("h100", set={"dram.devices": n, "dram.capacity_gib": 64})) for n in (4, 5))
    assert five.static_w - four.static_w == pytest.approx(8.0, abs=1.0)  # and its interface is a part of the die


@pytest.mark.parametrize(("nm", "over"), [(12, (16 / 7) ** 0.9), (7, 1.0), (5, (5 / 7) ** 0.3)])
def test_the_energy_of_a_mac_of_a_gpu_falls_less_below_7_nm(nm, over):
    at, seven = (power_model(load_chip("a100", set={"process_nm": node})).mac_j["fp16"] for node in (nm, 7))
    assert at / seven == pytest.approx(over, rel=1e-12)  # 12 nm is 16 nm made denser


@pytest.mark.parametrize(("macs", "milliwatts"), [(2048, 766), (512, 210), (128, 82), (32, 45)])
def test_peak_power_of_the_nvdla_sizings_at_16_nm(macs, milliwatts):
    """The primer's peak, without DRAM; the energy of a MAC comes from its average power."""
    model = power_model(load_chip(f"nvdla_{macs}", set={"kind": "ip", "process_nm": 16}))
    watts = model.peak_w - model.peak["dram_w"]
    assert watts == pytest.approx(milliwatts * 1e-3, rel=0.15 if macs >= 128 else 0.4)


def test_energy_of_a_chip_without_dram_goes_over_its_link():
    model = power_model(load_chip("groq_tsp"))
    run = model.energy("int8", 1e9, 1e6, 1e6, 1e6, 1e-3)
    assert run.items["dram_j"] == 0.0
    assert run.items["host_j"] == pytest.approx(1e6 * 8 * 5e-12)
    with pytest.raises(ChipError, match=r"^Groq TSP v1: array.rate: no bf16; "):
        model.energy("bf16", 1e9, 1e6, 1e6, 1e6, 1e-3)


def test_energy_takes_arrays():
    model = power_model(load_chip("inferx_x1"))
    bytes_ = np.array([1e6, 2e6])
    run = model.energy("int8", 1e9, bytes_, bytes_, bytes_, np.array([1e-3, 2e-3]))
    one = model.energy("int8", 1e9, 2e6, 2e6, 2e6, 2e-3)
    assert run.total_j[1] == one.total_j
    assert run.average_w[1] == one.average_w


def test_efficiency():
    bill = chip_cost(load_chip("tpu_v1")).bill_usd.best
    rates = np.array([1000.0, 500.0])
    known = {
        "bill_usd": bill,
        "peak_tops": 92.0,
        "sram_mib": np.array([24.0, 12.0]),
        "dram_devices": 2,
        "power_w": 40.0,
    }
    found = ratios(rates, {**known, "area_mm2": 331.0})
    assert tuple(found) == RATIOS
    assert found["throughput_per_usd"].tolist() == pytest.approx([1000 / bill, 500 / bill])
    assert found["throughput_per_tops"].tolist() == pytest.approx([1000 / 92, 500 / 92])
    assert found["throughput_per_dram"].tolist() == [500.0, 250.0]
    assert found["throughput_per_sram_mib"].tolist() == pytest.approx([1000 / 24, 500 / 12])
    assert found["throughput_per_w"].tolist() == [25.0, 12.5]
    assert found["throughput_per_mm2"].tolist() == pytest.approx([1000 / 331, 500 / 331])
    assert found["energy_per_inference_j"].tolist() == pytest.approx([0.04, 0.08])
    none = ratios(rates, {"peak_tops": 92.0, "sram_mib": 24.0, "dram_devices": np.array([0, 2])})
    assert np.isnan(none["throughput_per_dram"]).tolist() == [True, False]
    for name in ("throughput_per_usd", "throughput_per_w", "throughput_per_mm2", "energy_per_inference_j"):
        assert np.isnan(none[name]).all()


def test_every_coefficient_has_a_source():
    for name in ACCELERATORS:
        rows = coefficients(load_chip(name))
        assert len({row.name for row in rows}) == len(rows)
        for row in rows:
            assert all(row.sources)
            assert row.confidence in {"sourced", "fitted", "derived", "recalled", "corroborated"}
    assert any("HBM2" in row.name or "hbm2" in row.name for row in coefficients(load_chip("tpu_v4i")))
    assert data.node(12).nm == data.node(14).nm == 16


def test_the_kind_of_sram_sets_its_area():
    area = {
        kind: chip_cost(load_chip("inferx_x1", set={"sram.kind": kind}), draws=0).area_items["sram"]
        for kind in ("scratchpad", "banked_buffer", "cache")
    }
    assert area["banked_buffer"] == pytest.approx(1.4 * area["scratchpad"])
    assert area["cache"] == pytest.approx(1.8 * area["scratchpad"])
    assert chip_cost(load_chip("inferx_x1"), draws=0).area_items["sram"] == area["scratchpad"]
