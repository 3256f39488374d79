"""Formulas of area, money and energy on numbers worked by hand, and one chip from its file to its bill step by step."""

import math

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cost import area, joules, money
from simulator.cost.die import Die, die_of, fabric_notes
from simulator.cost.power import _stacks, covered_mm2, power_model, without_mm2
from simulator.cost.price import chip_cost
from simulator.cost.quantities import Silicon, quantities_of
from simulator.cost.serving import Rates, usd_per_s
from simulator.errors import OptionError


def test_logic_shrinks_less_than_its_density():
    assert area.logic_scale(28.9, 0.545) == 1.0
    assert area.logic_scale(4 * 28.9, 0.5) == pytest.approx(0.5)


def test_the_widest_mode_sets_a_unit_and_each_further_one_adds_a_tenth():
    weights = {"int8": 1.0, "bf16": 3.0, "fp16": 3.0}
    assert area.unit_weight({"int8": 1.0}, weights) == 1.0
    assert area.unit_weight({"int8": 1.0, "bf16": 0.5}, weights) == pytest.approx(1.1 * 1.5)
    assert area.unit_weight({"int8": 1.0, "bf16": 0.25, "fp16": 0.25}, weights) == pytest.approx(1.2)


def test_a_mebibyte_at_16_nm():
    # 8,388,608 cells of 0.07 um2 at an efficiency of 0.4, then as a cache.
    assert area.sram_mm2(2**20, 0.07, 0.4) == pytest.approx(8.388608 * 0.07 / 0.4)
    assert area.sram_mm2(2**20, 0.07, 0.4, 1.8) == pytest.approx(1.8 * 8.388608 * 0.07 / 0.4)


def test_an_interface_shrinks_only_in_its_logic():
    assert area.interface_mm2(2.0, 96.3, 1.0, 1.0) == pytest.approx(3.0)
    assert area.interface_mm2(2.0, 96.3, 0.5, 1.0) == pytest.approx(2.5)


def test_areas_by_hand():
    assert area.mac_mm2(1e6, 1.5, 200.0, 0.5) == pytest.approx(150.0)
    # Routers of 512 bits, two of 0.5 mm2 a 256; 3 million lanes of 4 um2; five control blocks: at half the area.
    assert area.fabric_mm2(2, 512.0, 3e6, 5, (0.5, 4.0, 0.25), 0.5) == pytest.approx((2.0 + 12.0 + 1.25) / 2)
    assert area.ip_mm2(1e6, 3 * 2**20, 0.5, 2.0, 0.25) == pytest.approx(0.5 + 2.0 + 0.75)
    assert area.usable_edge_mm(100.0, 0.6) == pytest.approx(24.0)


def test_a_die_gives_way_near_the_largest():
    assert area.die_mm2(60.0, 0.4) == pytest.approx(100.0)
    assert area.die_mm2(60.0, 0.4, 100.0) == pytest.approx(100.0 / 2**0.25)
    assert area.die_mm2(120.0, 0.4, 100.0) == 120.0  # what is counted is there


def test_memory_test_assembly_and_board():
    assert money.dram_usd(8.0, 3.0, 1.25) == 30.0
    assert money.test_usd(40.0, 2.0, 3.0, 0.1) == 9.0
    assert money.assembly_loss_usd(90.0, 0.9, 0.5) == pytest.approx(110.0)  # of nine of twenty that work
    assert money.board_usd(4.0, 75.0, 2.0, 0.2) == 23.0
    dies = money.dies_per_wafer(100.0)
    assert money.interposer_usd(100.0, 1000.0 * dies, 0.0, 3.0, 0.02) == pytest.approx(1000.0 + 2.0)
    assert money.interposer_usd(100.0, 1000.0 * dies, 3.0, 3.0, 0.0) == pytest.approx(1000.0 * 2**3)
    assert joules.scaled_to_node(10.0, 4.0, 16.0, 0.5) == 5.0


def test_dies_on_a_wafer():
    # 10 x 10 mm with 0.2 mm of scribe: 10.2 mm pitch on a usable circle of 290 mm.
    by_hand = math.pi * 145**2 / 10.2**2 - math.pi * 290 / math.sqrt(2 * 10.2**2)
    assert money.dies_per_wafer(100.0) == pytest.approx(by_hand)
    assert 560 < by_hand < 580
    assert money.dies_per_wafer(1e9) == 1.0


@pytest.mark.parametrize(
    ("model", "good"),
    [("poisson", 0.449), ("murphy", 0.474), ("seeds", 0.556), ("negative_binomial", 0.492)],
)
def test_yields_of_800_mm2_at_a_tenth_of_a_defect(model, good):
    assert money.die_yield(800.0, 0.1, model) == pytest.approx(good, abs=5e-4)
    assert money.die_yield(1e-9, 0.1, model) == pytest.approx(1.0)


def test_the_published_ball_count_of_x1_is_near():
    # 450 + one DRAM + four lanes; the supply's balls are on top: 624 balls are published.
    assert money.package_balls(100, 4, 13.5 / 0.8, 450, 8, 4) == pytest.approx(624, rel=0.05)


def test_packages_go_straight_from_small_to_large():
    small, large = (600.0, 10.0), (1500.0, 70.0)
    assert money.package_size(500.0, 5.0, small, large) == 0.0
    assert money.package_size(500.0, 40.0, small, large) == 0.5
    assert money.package_size(9999.0, 5.0, small, large) == 1.0
    assert money.package_usd(1000.0, 0.0, (3.0, 0.005), (15.0, 0.015)) == pytest.approx(8.0)
    assert money.package_usd(1000.0, 1.0, (3.0, 0.005), (15.0, 0.015)) == pytest.approx(30.0)


def test_energies():
    assert joules.mac_j(1e12, 2.0, 0.25) == pytest.approx(0.5)
    assert joules.bank_kib(8 * 2**20, 64.0) == 64.0
    assert joules.bank_kib(2**14, 64.0) == 16.0
    assert joules.sram_j(1e12, 1.0, 16.0, 8.0, 1.0) == pytest.approx(2.0)
    assert joules.wire_j(1e12, 5.0, 100.0) == pytest.approx(8 * 5 * 0.1)
    assert joules.link_j(17e9, 6.5) == pytest.approx(0.884)
    assert joules.static_w(100.0, 10.0, 20.0, 4.0) == pytest.approx(2.04)


def test_arrays_equal_numbers_to_the_last_bit():
    rng = np.random.RandomState(3)
    mm2, d0 = rng.uniform(1, 858, 5000), rng.uniform(0.05, 0.3, 5000)
    for model in money.YIELD_MODELS:
        many = money.die_usd(4000.0, money.dies_per_wafer(mm2), money.die_yield(mm2, d0, model))
        for at in range(0, 5000, 371):
            a, d = mm2[at : at + 1], d0[at : at + 1]
            assert money.die_usd(4000.0, money.dies_per_wafer(a), money.die_yield(a, d, model))[0] == many[at]


def test_inferx_x1_step_by_step():
    """Every number by hand: coefficients from the data file, arithmetic from here."""
    cost = chip_cost(load_chip("inferx_x1"), draws=0)
    # Area. 4,096 units, INT8 and half-rate BF16, arrays of 64 units, at 16 nm where logic has scale 1.
    unit = 1.1 * max(1.0, 0.5 * 4.631)
    macs = 4096 * unit * 764.2e-6
    sram = 8 * 2**20 * 8 * 0.07e-6 / 0.3927
    controllers_over_7_nm = (96.3 / 28.9) ** 0.6787
    dram = 2.0 + 60 / 96.3 * controllers_over_7_nm
    links = 4 * (0.48 + 3.96 / 96.3 * controllers_over_7_nm)
    free = (macs + sram + dram + links) / (1 - 0.489)
    die = free / (1 + (free / 858) ** 4) ** 0.25
    assert cost.area_items["macs"] == pytest.approx(macs)
    assert cost.area_items["sram"] == pytest.approx(sram)
    assert cost.area_items["dram_interfaces"] == pytest.approx(dram)
    assert cost.area_items["links"] == pytest.approx(links)
    assert cost.area_mm2.best == pytest.approx(die)
    assert die == pytest.approx(50.17, abs=0.01)
    assert cost.area_mm2.high == pytest.approx(die * math.exp(1.645 * 0.1523))
    # Peak power: BF16 at half rate is the costlier one; 64 arrays take 65 operands a cycle each.
    clock = 933e6
    sram_pj = 0.94 * (16 / 7) ** 0.153 * (64 / 8) ** 0.13 * 1.05
    wire_pj = 8 * 0.5 * math.sqrt(die) * 0.1 * (16 / 14) ** 0.83
    power = 4096 * 0.5 * 3.2 * 0.25e-12 * clock
    power += 64 * 65 * clock * (sram_pj + wire_pj) * 1e-12
    power += 17.064e9 * 8 * 6.5e-12 + 4 * 8e9 / 8 * 0.98462 * 0.91 * 8 * 5e-12
    power += (20 * (die - sram) + 8 * 4) * 1e-3
    assert cost.peak_power_w == pytest.approx(power)
    # Bill.
    dies = math.pi * 145**2 / (math.sqrt(die) + 0.2) ** 2 - math.pi * 290 / (math.sqrt(2) * (math.sqrt(die) + 0.2))
    good = (1 + (die - 0.35 * sram) / 100 * 0.08 / 3) ** -3
    bill = {"die": 3984 / dies / good}
    balls = math.ceil(450 + 100 + 4 * 8 + power / 0.8 * 4)
    size = max((balls - 600) / 900, (power - 10) / 60)
    bill["package"] = 3 + 0.005 * balls + size * (15 + 0.015 * balls - 3 - 0.005 * balls)
    bill["dram"] = 2 * 2.4 * 1.1
    bill["test"] = 1.74 + 0.33 + 0.01 * bill["die"]
    bill["assembly"] = 1.0 + (bill["die"] + bill["package"] + bill["test"]) * (1 / 0.99**2 - 1)
    bill["board"] = 0.1 + 0.05 * power
    assert {name: band.best for name, band in cost.bill_items.items()} == pytest.approx(bill)
    assert cost.bill_usd.best == pytest.approx(sum(bill.values()))
    assert cost.relative_cost.best == 1.0


def test_energy_of_a_run_step_by_step():
    chip = load_chip("inferx_x1")
    model = power_model(chip)
    run = model.energy("int8", 4e9, 50e6, 40e6, 30e6, 0.01)
    assert run.items["mac_j"] == pytest.approx(4e9 * 0.25e-12)
    assert run.items["dram_j"] == pytest.approx(30e6 * 8 * 6.5e-12)
    assert run.items["host_j"] == 0.0
    assert run.items["static_j"] == pytest.approx(model.static_w * 0.01)
    assert run.items["sram_j"] == pytest.approx(50e6 * model.sram_byte_j)
    assert run.items["interconnect_j"] == pytest.approx(40e6 * model.interconnect_byte_j)
    assert run.total_j == pytest.approx(sum(run.items.values()))
    assert run.average_w == pytest.approx(run.total_j / 0.01)
    assert run.to_dict()["total_j"] == run.total_j


PARTS = Silicon(macs=100.0, sram=50.0, dram=20.0, io=10.0, scale=1.0)
"""180 mm2 that are counted."""


@pytest.mark.parametrize(("name", "share"), [("l4", 0.565), ("jetson_agx_xavier", 0.565), ("inferx_x1", 0.489)])
def test_a_die_is_what_is_counted_and_its_share_of_all_else(name, share):
    """Of GPUs and SoCs, which the fit does not cover, the middle of 0.34 and 0.79; and no die is beyond the reticle."""
    q = quantities_of(load_chip(name))
    free = 180.0 / (1.0 - share)
    assert covered_mm2(q, PARTS) == pytest.approx(free / (1 + (free / 858) ** 4) ** 0.25)
    free -= 30.0
    assert covered_mm2(q, PARTS, 30.0) == pytest.approx(free / (1 + (free / 858) ** 4) ** 0.25)
    off = covered_mm2(q, PARTS) - covered_mm2(q, PARTS, 30.0)
    assert without_mm2(q, PARTS, 500.0, 30.0) == pytest.approx(500.0 - off)


def test_a_block_covers_its_macs_and_its_sram():
    q = quantities_of(load_chip("nvdla_1024"))
    assert q.kind == "ip"
    assert covered_mm2(q, PARTS) == 150.0
    assert covered_mm2(q, PARTS, 30.0) == 120.0


def test_what_a_chip_has_of_memory():
    """Three devices of LPDDR4-4266 x 32: 17.064 GB/s and 2 GiB each; or as much as the file says."""
    chip = load_chip("inferx_x1", set={"dram.devices": 3})
    memory = quantities_of(chip).memory
    assert (memory.devices, memory.bytes_per_s_each, memory.gib) == (3, pytest.approx(17.064e9), 3 * 2.0)
    assert quantities_of(chip).with_devices(5).memory.gib == 5 * 2.0
    assert quantities_of(chip).with_gib(7.0).memory.gib == 7.0
    assert _stacks(quantities_of(chip)) == 0.0  # on the board
    assert _stacks(quantities_of(load_chip("a100"))) == 5.0
    custom = {"dram.part": "custom", "dram.gb_per_s_per_device": 60.0, "dram.family": "lpddr5", "dram.devices": 2}
    wide = quantities_of(load_chip("inferx_x1", set=custom)).memory
    assert (wide.devices, wide.bytes_per_s_each) == (6, pytest.approx(20e9))  # three of 25.6 GB/s for each
    alone = quantities_of(load_chip("inferx_x1", set={"dram": None}))
    assert _stacks(alone) == 0.0
    assert (alone.memory, alone.with_devices(5), alone.with_gib(7.0)) == (None, alone, alone)


def test_a_chip_of_two_cores_has_twice_of_each():
    """But for the units of an array, and what is outside of the cores."""
    one, two = (quantities_of(load_chip(name, set={"process_nm": 16})) for name in ("bm1688_core", "bm1688"))
    for name in (
        "arrays",
        "mac_units",
        "sram_bytes",
        "sram_bytes_per_cycle",
        "interconnect_bytes_per_cycle",
        "vector_lanes",
    ):
        assert getattr(two, name) == 2 * getattr(one, name), name
    for name in ("rows", "columns", "rates", "memory", "io_lanes", "clock_hz", "sram_kind"):
        assert getattr(two, name) == getattr(one, name), name


@pytest.mark.parametrize(("part", "channels"), [("ddr5-8000-x64", 2), ("lpddr5-6400-x32", 1)])
def test_die_edge_of_memory_and_links(part, channels):
    """Each channel of 32 bits takes 4.27 mm, each lane 0.3 mm."""
    chip = load_chip(
        "example_edge", set={"dram.part": part, "dram.devices": 3, "process_nm": 5, "host.link": "pcie4-x8"}
    )
    die = die_of(quantities_of(chip))
    assert quantities_of(chip).memory.channels_each == channels
    assert die.edge_needed_mm == pytest.approx(3 * channels * 4.27 + 8 * 0.3)
    alone = die_of(quantities_of(load_chip("example_edge", set={"dram": None, "host.link": "pcie4-x4"})))
    assert alone.edge_needed_mm == pytest.approx(4 * 0.3)


def test_all_memory_of_a_chip_is_counted():
    """The shared SRAM, the accumulators, and the buffer on the weights' own path."""
    sets = {
        "sram.holds": ["inputs", "outputs"],
        "sram.weight_fifo_kib": 16,
        "sram.capacity_mib": 2,
        "array.accumulator_kib": 96,
    }
    assert quantities_of(load_chip("example_edge", set=sets)).sram_bytes == 2 * 2**20 + (96 + 16) * 2**10


def test_a_gpus_mac_at_the_clock_at_which_it_was_fitted():
    """3 pJ in INT8 at 1.41 GHz and 16 nm, 1.8 times that in FP16; at four times the clock twice, the root of it."""
    keys = {"process_nm": 16, "clock_mhz": 1410}
    one, fast = (power_model(load_chip("t4", set={**keys, "clock_mhz": mhz})) for mhz in (1410, 4 * 1410))
    assert one.mac_j["int8"] == pytest.approx(3e-12)
    assert one.mac_j["fp16"] == pytest.approx(1.8 * 3e-12)
    assert fast.mac_j["int8"] == pytest.approx(2 * 3e-12)


def test_a_second_at_work_pays_for_the_seconds_between():
    """4,383 hours of work a year for two years; 90 W at work, and 30 W as long at rest."""
    rates = Rates(years=2.0, energy_usd_per_kwh=0.1, pue=1.5, load=0.5)
    bought = 1000.0 / (2 * 8766 * 3600 * 0.5)
    assert usd_per_s(rates, 1000.0, 90.0, 30.0) == pytest.approx(bought + 0.120 / 3600 * 1.5 * 0.1)
    mostly = Rates(years=2.0, energy_usd_per_kwh=0.1, pue=1.0, load=0.75)
    assert usd_per_s(mostly, 0.0, 90.0, 30.0) == pytest.approx(0.100 / 3600 * 0.1)
    assert usd_per_s(Rates(rent_usd_per_h=7.2), 1000.0, 90.0, 30.0) == 0.002


def test_an_estimate_from_below_is_told_where_it_is_far_off():
    """180 mm2 counted are a die of 352.25 mm2 by the share but for the reticle: 170 mm2 of all else."""
    q = quantities_of(load_chip("inferx_x1"))
    usual = covered_mm2(q, PARTS) - 180.0
    for times, told in ((0.49, True), (0.51, False), (1.0, False), (1.99, False), (2.01, True)):
        notes = fabric_notes(Die(q, PARTS, 180.0 + times * usual, power_model(load_chip("inferx_x1"))))
        assert bool(notes) == told, times
        assert not told or f"{times * usual:,.1f} mm2 from vector lanes" in notes[0]


@pytest.mark.parametrize(
    "wrong", [{"rent_usd_per_h": 0.0}, {"pue": 0.0}, {"pue": 1e12}, {"load": -0.5}, {"energy_usd_per_kwh": -0.01}]
)
def test_only_energy_may_cost_nothing(wrong):
    (name,) = wrong
    with pytest.raises(OptionError, match=f"price: {name}: must be above 0 and below 1e12"):
        Rates(**wrong)
    assert Rates(energy_usd_per_kwh=0.0).energy_usd_per_kwh == 0.0


@pytest.mark.parametrize(
    ("wrong", "line"), [({"pue": 0.99}, "pue: must be at least 1"), ({"load": 1.01}, "load: must be at most 1")]
)
def test_no_site_draws_less_than_its_machines_and_no_year_is_longer(wrong, line):
    with pytest.raises(OptionError, match=f"price: {line}"):
        Rates(**wrong)
