"""What a chip file and varied keys give to the schedules, by hand."""

from dataclasses import replace

import adapter
import naive
import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.chip.parts import dram_part
from simulator.schedule.machines import Machines, least_of_parts, machines_of

MIB, GIB = 2.0**20, 2.0**30
PART = "lpddr4-4266-x32"
PEAK = 4 * 4266e6
"""Bytes a second of a device with 32 pins."""


def columns(**given):
    return {key.replace("__", "."): np.array(values) for key, values in given.items()}


def chip(**sets):
    return load_chip("example_edge", set={key.replace("__", "."): value for key, value in sets.items()})


def test_numbers_of_a_chip():
    own = machines_of(chip(sram__capacity_mib=0.3, clock_mhz=500, overhead_us=3, dram__measured_efficiency=0.5))
    assert len(own) == 1
    assert own.row() == pytest.approx((314_572.0, 2e-9, 2 / PEAK, 0.0, 3e-6))  # whole bytes
    assert (own.overlap, own.fifo_bytes, own.room_bytes.tolist()) == ("network", None, [dram_part(PART).capacity_bytes])
    assert machines_of(chip(sram__managed="cache")).row().capacity_bytes == 4 * MIB
    own = machines_of(chip(sram__holds=["inputs", "outputs"], sram__weight_fifo_kib=3))
    assert own.fifo_bytes == 3 * 1024
    assert machines_of(chip(sram__holds=["inputs", "outputs"])).fifo_bytes == 0.0


def test_cycles_before_a_layer_pass_at_whatever_clock():
    of = chip(overhead_us=None, schedule__overlap="layer")
    seconds, cycles = of.layer_start
    assert cycles > 0
    found = machines_of(of, columns(clock_mhz=[100, 400]), 2)
    assert found.overhead_s == pytest.approx([seconds + cycles * 1e-8, seconds + cycles * 0.25e-8])
    assert found.cycle_s == pytest.approx([1e-8, 0.25e-8])
    assert machines_of(of, columns(overhead_us=[7, 8]), 2).overhead_s == pytest.approx([7e-6, 8e-6])


def test_bandwidth_is_the_lesser_of_devices_and_port():
    """Three quarters of the cycles of all cores' ports move data."""
    usual = chip(dram__measured_efficiency=0.5)
    varied = columns(dram__devices=[1, 3], dram__measured_efficiency=[0.5, 0.25])
    assert machines_of(usual, varied, 2).byte_s == pytest.approx([2 / PEAK, 4 / (3 * PEAK)])
    custom = chip(dram__part="custom", dram__gb_per_s_per_device=7, dram__devices=2, dram__measured_efficiency=1)
    assert machines_of(custom).byte_s == pytest.approx([1 / 14e9])
    assert machines_of(custom, columns(dram__devices=[1, 5]), 2).byte_s == pytest.approx([1 / 7e9, 1 / 35e9])
    assert machines_of(custom, columns(dram__devices=[5])).byte_s == pytest.approx([1 / 35e9])
    ported = chip(dram__measured_efficiency=1, dram__port_bytes_per_cycle=16, cores=2, schedule__residency="none")
    slow, fast = columns(clock_mhz=[100]), columns(clock_mhz=[1000])
    assert machines_of(ported, slow).byte_s == pytest.approx([1 / (0.75 * 2 * 16 * 100e6)])
    assert machines_of(ported, fast).byte_s == pytest.approx([1 / PEAK])
    wide = {**slow, **columns(dram__port_bytes_per_cycle=[8])}
    assert machines_of(ported, wide).byte_s == pytest.approx([1 / (0.75 * 2 * 8 * 100e6)])
    assert machines_of(usual, wide).byte_s == pytest.approx([1 / (0.75 * 8 * 100e6)])


def test_without_dram_the_host_link_is_the_outer_memory():
    linked, alone = chip(dram=None), chip(dram=None, host=None)
    assert machines_of(linked, count=3).byte_s == pytest.approx([1 / linked.host_bytes_per_s] * 3)
    assert machines_of(alone, count=2).byte_s.tolist() == [0.0, 0.0]
    assert machines_of(alone, columns(dram__capacity_gib=[1]), 1).room_bytes is None


def test_room_of_the_outer_memory():
    """What is given; else that of the parts, however many; of a custom part it is not known."""
    each = dram_part(PART).capacity_bytes
    devices, given = columns(dram__devices=[1, 3]), columns(dram__capacity_gib=[0.5, 1 / 3])
    assert machines_of(chip(), count=2).room_bytes.tolist() == [each, each]
    assert machines_of(chip(), devices, 2).room_bytes.tolist() == [each, 3 * each]
    assert machines_of(chip(), {**devices, **given}, 2).room_bytes.tolist() == [GIB / 2, GIB // 3]
    own = chip(dram__capacity_gib=2)
    assert machines_of(own, devices, 2).room_bytes.tolist() == [2 * GIB] * 2
    assert machines_of(own, given, 2).room_bytes.tolist() == [GIB / 2, GIB // 3]
    custom = chip(dram__part="custom", dram__gb_per_s_per_device=7)
    assert machines_of(custom, devices, 2).room_bytes is None
    assert machines_of(custom, given, 2).room_bytes.tolist() == [GIB / 2, GIB // 3]


def test_some_of_many_chips():
    four = [np.arange(at, at + 4.0) for at in (10, 20, 30, 40)]
    many = Machines(*four, "layer", 5.0)
    assert len(many) == 4
    assert [replace(many, overlap=word).phi for word in ("none", "layer", "network")] == [1.0, 0.25, 0.0]
    assert many.row(2) == (12.0, 22.0, 32.0, 0.25, 42.0)
    assert many.row() == (10.0, 20.0, 30.0, 0.25, 40.0)
    assert [column.tolist() for column in many.rates] == [four[1].tolist(), four[2].tolist(), four[3].tolist()]
    one = many.one(2)
    assert (len(one), one.row(), one.overlap, one.fifo_bytes) == (1, many.row(2), "layer", 5.0)
    roomy = replace(many, room_bytes=np.arange(4.0)).part(np.array([3, 1]))
    assert (roomy.capacity_bytes.tolist(), roomy.room_bytes.tolist()) == ([13.0, 11.0], [3.0, 1.0])


def test_what_no_schedule_of_some_steps_is_faster_than():
    """Cycles at 2 and bytes at 3 seconds each, a quarter of the shorter beside the longer, and 5 seconds a step."""
    machines = Machines(*(np.full(2, value) for value in (9.0, 2.0, 3.0, 5.0)), "layer")
    spec = adapter.spec_of(naive.Machine())
    cycles, outer = np.array([100.0, 10.0]), np.array([20.0, 30.0])
    least = np.array([200 + 60 / 4 + 4 * 5, 90 + 20 / 4 + 4 * 5])
    found = least_of_parts(cycles, outer, 4, machines, spec)
    assert found == pytest.approx(least, rel=1e-8)
    assert (found < least).all()  # sums in another order
    shorter = least_of_parts(cycles, outer, 4, machines, replace(spec, systolic=True, rate=0.5))
    assert shorter == pytest.approx([(100 - 4 / 0.5) * 2 + 60 / 4 + 20, 90 + (10 - 8) * 2 / 4 + 20], rel=1e-8)
    none = least_of_parts(np.zeros(2), outer, 4, machines, replace(spec, systolic=True, rate=0.5))
    assert none == pytest.approx([60 + 20, 90 + 20], rel=1e-8)
