"""Amounts with units, and which unit a key takes."""

import doctest
from fractions import Fraction

import pytest

from simulator.chip.load import load_chip
from simulator.cli import main
from simulator.errors import ChipError, OptionError
from simulator.reading import amounts, units
from simulator.reading.amounts import amount, amount_of_key, option_amount, split
from simulator.reading.units import CAPACITY, MONEY, POWER, RATE, TIME, unit_of_key
from simulator.sweeps.ranges import axis_of, chip_keys


@pytest.mark.parametrize("module", [amounts, units])
def test_the_examples_of_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted >= 2


@pytest.mark.parametrize(
    ("text", "dimension", "unit", "value"),
    [
        ("1000/s", RATE, "/s", 1000.0), ("30fps", RATE, "/s", 30.0), ("30 FPS", RATE, "/s", 30.0), ("1.5k/s", RATE, "/s", 1500.0),
        ("60/min", RATE, "/s", 1.0), ("1,000", RATE, "/s", 1000.0), ("5ms", TIME, "s", 5e-3), ("20 us", TIME, "s", 20e-6),
        ("20 µs", TIME, "s", 20e-6), ("10W", POWER, "W", 10.0), ("500mW", POWER, "W", 0.5), ("100USD", MONEY, "USD", 100.0),
        ("$100", MONEY, "USD", 100.0), ("$ 1,250.50", MONEY, "USD", 1250.5), ("25 usd", MONEY, "USD", 25.0),
        ("1e9", RATE, "/s", 1e9),
    ],
)  # fmt: skip
def test_amounts_of_options(text, dimension, unit, value):
    assert option_amount("--x", text, dimension, unit) == value


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("5", TIME, "--x: must have a unit, such as 5ms, got '5'"),
        ("5m", TIME, "--x: must be a time such as 5ms, got '5m'; units: s, ms, us"),
        ("5W", TIME, "--x: must be a time such as 5ms, got '5W'"),
        ("fast", RATE, "--x: must be a rate such as 1000/s, got 'fast'"),
        ("1,5", RATE, "--x: must be a rate such as 1000/s, got '1,5'; a comma separates thousands, a point decimals"),
        ("0W", POWER, "--x: must be above 0, such as 10W, got '0W'"),
        ("-3$", MONEY, "--x: must be above 0"),
        ("$5W", POWER, "--x: must be a power such as 10W, got '$5W'"),
        ("1e400/s", RATE, "--x: must be a finite number"),
        ("1e308/s", RATE, "--x: must be from 1e-15 to 1e+15, such as 1000/s"),
        ("1e-300s", TIME, "--x: must be from 1e-15 to"),
        ("1" * 60, RATE, "--x: must"),
        ("1e999999999/s", RATE, "--x: must be a rate"),
        ("5mw", POWER, "--x: must be a power such as 10W, got '5mw'; capitals matter: mW or MW"),
    ],
)
def test_amounts_that_are_none(text, dimension, message):
    with pytest.raises(OptionError) as caught:
        option_amount("--x", text, dimension, next(iter(dimension.worth)), bare=False)
    assert str(caught.value).startswith(message)


def test_conversions_are_exact():
    assert amount("5.6GHz", units.FREQUENCY, "MHz") == 5600
    assert amount("0.1GHz", units.FREQUENCY, "MHz") == 100
    assert amount("205 Gbit/s", units.BANDWIDTH, "GB/s") == 25.625
    assert amount("8Gb", CAPACITY, "GiB") == 1
    assert isinstance(amount("1GHz", units.FREQUENCY, "MHz"), int)
    assert split("0.1 ms") == (Fraction(1, 10), "ms")


def test_every_key_of_a_chip_with_a_unit_in_its_name_takes_that_unit():
    plain = {"array.count", "array.rows", "dram.devices", "vector.lanes", "array.winograd"}
    for key in chip_keys():
        dimension, unit = unit_of_key(key)
        if any(
            key.endswith(end) for end in ("_mhz", "_mib", "_kib", "_us", "_w", "_nm", "_per_cycle", "_cycles", "_bytes")
        ):
            assert unit, key
            assert amount_of_key(key, f"4{unit}") == 4, key
        if key in plain:
            assert (dimension, unit) == (units.SHARE, ""), key
    assert unit_of_key("dram.gb_per_s_per_device") == (units.BANDWIDTH, "GB/s")
    assert unit_of_key("energy_per_inference_j") == (units.ENERGY, "J")
    assert unit_of_key("throughput_per_w") == (units.SHARE, "")


def test_words_and_bare_numbers_of_a_key_are_no_amounts():
    for text in ("16", "1e3", "null", "true", "ddr4-3200", "[1, 2]", "", "4x"):
        assert amount_of_key("array.kind", text) is None, text
    assert amount_of_key("clock_mhz", "1e3") is None
    assert amount_of_key("clock_mhz", "1,000") == 1000
    assert amount_of_key("efficiency", "86%") == 0.86


def test_a_change_of_a_chip_takes_units():
    changed = load_chip("example_edge", set=["clock_mhz=1GHz", "sram.capacity_mib=512KiB", "power_limit_w=7500 mW"])
    assert (changed.clock_mhz, changed.sram.capacity_mib, changed.power_limit_w) == (1000.0, 0.5, 7.5)
    assert load_chip("example_edge", set={"clock_mhz": "1.2 GHz"}).clock_mhz == 1200.0
    with pytest.raises(ChipError) as caught:
        load_chip("example_edge", set=["clock_mhz=5ms"])
    assert str(caught.value) == (
        "set clock_mhz=5ms: clock_mhz: must be a frequency such as 1GHz (a bare number: MHz), got '5ms'; "
        "units: Hz, kHz, MHz, GHz"
    )


@pytest.mark.parametrize(
    ("key", "text", "values"),
    [
        ("sram.capacity_mib", "512KiB:4MiB:x2", (0.5, 1, 2, 4)),
        ("sram.capacity_mib", "512KiB:2MiB:+512KiB", (0.5, 1, 1.5, 2)),
        ("clock_mhz", "500MHz,1GHz,1500", (500, 1000, 1500)),
        ("clock_mhz", ["1GHz", 2000], (1000, 2000)),
        ("param.width", "50%,1", (0.5, 1)),
        ("param.image_size", "640x384,1080x1920", ("640x384", "1080x1920")),
        ("dram.part", "lpddr4x-4266-x32", ("lpddr4x-4266-x32",)),
    ],
)
def test_a_range_takes_units(key, text, values):
    assert axis_of(key, text, "vary", drawn=False).values == values


def test_a_range_of_something_else_is_one_line():
    with pytest.raises(
        OptionError, match=r"^vary: must be a capacity such as 512KiB \(a bare number: MiB\), got '5ms'"
    ):
        axis_of("sram.capacity_mib", "5ms:4MiB:x2", "vary", drawn=False)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["run", "resnet50", "--chip", "example_edge", "--set", "clock_mhz=5ms"],
            "--set clock_mhz=5ms: clock_mhz: must be a frequency such as 1GHz (a bare number: MHz), got '5ms'; "
            "units: Hz, kHz, MHz, GHz",
        ),
        (
            ["size", "resnet50", "--at-least", "30s"],
            "--at-least: must be a rate such as 1000/s (a bare number: /s), got '30s'; units: /s, k/s, M/s, /min, /h, fps, "
            "ips, qps, images/s, frames/s",
        ),
        (
            ["best", "x", "--max", "latency=5W"],
            "--max latency=5W: latency: must be a time such as 5ms (a bare number: s)",
        ),
        (["best", "x", "--max", "latency"], "--max: must be COLUMN=VALUE, such as relative_cost=2, got 'latency'"),
        (["memory", "resnet50", "--chip", "x", "--sram", "1s"], "--sram: must be a capacity such as 512KiB"),
    ],
)
def test_a_wrong_amount_is_one_line(arguments, line, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"rooftile: {line}")


def test_limits_of_points_take_units():
    from simulator.cli.best import limits  # noqa: PLC0415

    asked = [
        "latency=5ms",
        "power_w=500mW",
        "sram.capacity_mib=1GiB",
        "throughput=30fps",
        "relative_cost=2",
        "utilisation=50%",
    ]
    assert limits(asked, "--max") == {
        "latency": 0.005, "power_w": 0.5, "sram.capacity_mib": 1024.0, "throughput": 30.0, "relative_cost": 2.0,
        "utilisation": 0.5,
    }  # fmt: skip
