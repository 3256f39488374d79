"""Nodes between known ones, published dies that contradict, and memory parts: families, capacities, those of today."""

import math

import numpy as np
import pytest

from simulator import simulate
from simulator.chip.change import changed_chip
from simulator.chip.load import load_chip
from simulator.chip.parts import dram_families, dram_part, usual_part
from simulator.cli import main
from simulator.cost import book as data
from simulator.cost.columns import cost_columns
from simulator.cost.power import power_model
from simulator.cost.price import chip_cost
from simulator.cost.priced import varied
from simulator.cost.provenance import coefficients
from simulator.errors import ChipError


def test_a_node_between_two_known_ones_is_interpolated_and_says_so():
    """In logarithms: 8 nm lies ln(8/7) / ln(10/7), 0.374 of the way, from 7 to 10 nm."""
    way = math.log(8 / 7) / math.log(10 / 7)
    made, seven, ten = data.node(8), data.node(7), data.node(10)
    assert made.logic_mtr_mm2 == pytest.approx(96.3 * (52.5 / 96.3) ** way)
    assert made.wafer_usd == pytest.approx(9346 * (5992 / 9346) ** way)
    assert made.between == (10, 7)
    assert seven.between == ten.between == ()
    assert (data.node(15).logic_mtr_mm2, data.node(13).wafer_usd) == pytest.approx(
        (28.9, 3984)
    )  # 14 and 12 count as 16
    ends = sorted(data.cost_book()["nodes"])
    assert [data.node(nm).nm for nm in (ends[0], ends[-1])] == [ends[0], ends[-1]]
    large = {"sram.capacity_mib": 64}
    cost = chip_cost(load_chip("inferx_x1", set={"process_nm": 8, **large}), draws=0)
    assert "process_nm: 8: interpolated between 10 and 7 nm" in cost.notes
    assert cost.calibrated
    assert not chip_cost(load_chip("inferx_x1", set={"process_nm": 4, **large}), draws=0).calibrated
    assert not [note for note in chip_cost(load_chip("inferx_x1"), draws=0).notes if "interpolated" in note]
    rows = [
        row for row in coefficients(load_chip("inferx_x1", set={"process_nm": 8})) if row.name.startswith("node 8 nm")
    ]
    assert [row.confidence for row in rows] == ["derived"] * 5
    assert rows[0].value == made.logic_mtr_mm2
    for nm in (22, 20, 8, 6, 4):
        assert chip_cost(load_chip("inferx_x1", set={"process_nm": nm}), draws=0).bill_usd.best > 0


@pytest.mark.parametrize("name", ["a100", "h100", "l4", "p4", "t4", "v100"])
def test_the_range_of_a_gpu_holds_its_published_die(name):
    cost = chip_cost(load_chip(name))
    assert cost.area_mm2.low <= cost.published_mm2 <= cost.area_mm2.high
    assert not cost.contradicted


def test_a_range_that_the_file_contradicts_is_wrong(capsys):
    cost = chip_cost(load_chip("eyeriss"), draws=0)
    assert (cost.published_mm2, cost.contradicted) == (16.0, True)
    assert main(["cost", "eyeriss"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "90 % range wrong: the file publishes 16" in said
    assert main(["cost", "jetson_agx_xavier"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "die by the model wrong: the file publishes 350" in said
    assert "at least to at most" not in said
    # Of another chip nothing is published.
    assert main(["cost", "eyeriss", "--set", "clock_mhz=100"]) == 0
    assert "wrong" not in capsys.readouterr().out


def test_a_custom_part_is_of_a_family():
    """40 GB/s: two x32 LPDDR5 devices of 25.6 GB/s, 4 GiB each, at 1.2 times the price of DDR5 for a GiB."""
    custom = {"dram.part": "custom", "dram.gb_per_s_per_device": 40.0, "dram.family": "lpddr5"}
    chip = load_chip("example_edge", set=custom)
    cost = chip_cost(chip, draws=0)
    assert cost.notes == ("dram.part: custom: counted as 2 x32 LPDDR5 devices of 25.6 GB/s",)
    assert cost.bill_items["dram"].best == pytest.approx(2 * 4 * 2.4 * 1.2)
    assert power_model(chip).outer_byte_j == pytest.approx(8 * 6.0e-12)
    own = chip_cost(load_chip("example_edge", set={**custom, "dram.capacity_gib": 16}), draws=0)
    assert own.bill_items["dram"].best == pytest.approx(16 * 2.4 * 1.2)
    named = chip_cost(load_chip("example_edge", set={"dram.part": "lpddr5-6400-x32", "dram.devices": 2}), draws=0)
    assert named.area_items == cost.area_items
    stacked = load_chip(
        "example_edge", set={**custom, "dram.family": "hbm3e", "process_nm": 5, "sram.capacity_mib": 32}
    )
    assert chip_cost(stacked, draws=0).bill_items["interposer"].best > 0
    assert simulate("squeezenet", stacked, gains=False).throughput_per_s == pytest.approx(
        simulate("squeezenet", load_chip("example_edge", set={**custom, "sram.capacity_mib": 32})).throughput_per_s
    )


def test_a_custom_part_in_a_sweep_is_as_many_devices_as_alone():
    chip = load_chip("example_edge", set={"dram.part": "custom", "dram.gb_per_s_per_device": 40.0})
    swept = cost_columns(varied(chip, {"dram.devices": np.array([1, 2])}))
    for devices, usd in zip((1, 2), swept.bill_usd, strict=True):
        assert usd == chip_cost(changed_chip(chip, {"dram.devices": devices}), draws=0).bill_usd.best


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"dram.part": "custom", "dram.gb_per_s_per_device": 40.0, "dram.family": "lpddr6"},
            "unknown kind of memory 'lpddr6'",
        ),
        ({"dram.family": "lpddr5"}, "must be left out, lpddr4-4266-x32 is of one; or set part: custom"),
    ],
)
def test_a_family_is_a_known_one_of_a_custom_part(changes, line):
    with pytest.raises(ChipError, match=line):
        load_chip("example_edge", set=changes)


def test_every_named_part_has_a_price_and_an_energy():
    assert set(dram_families()) <= set(data.families())
    for name in dram_families():
        assert dram_part(usual_part(name)).name.startswith(f"{name}-")


@pytest.mark.parametrize(
    ("part", "gb_per_s", "gib"),
    [
        ("lpddr4x-3733-x32", 14.932, 2),
        ("lpddr5x-9600-x32", 38.4, 4),
        ("ddr5-8000-x64", 64.0, 8),
        ("gddr6x-21-x32", 84.0, 2),
        ("gddr7-32-x32", 128.0, 2),
        ("hbm3e-9.6", 1228.8, 24),
    ],
)
def test_parts_of_today(part, gb_per_s, gib):
    assert (dram_part(part).gb_per_s, dram_part(part).capacity_gib) == pytest.approx((gb_per_s, gib))
    chip = load_chip("example_edge", set={"dram.part": part, "process_nm": 5, "sram.capacity_mib": 64})
    assert chip_cost(chip, draws=0).bill_items["dram"].best > 0
