"""SRAM against DRAM: points of `simulate`, exact thresholds, the laws they rest on, and what the command answers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import load_chip, load_network, memory_map, simulate
from simulator.cli import main
from simulator.errors import ChipError, InfeasibleError, OptionError
from simulator.graph.build import NetworkBuilder
from simulator.report import format as fmt
from simulator.report.memory import memory_lines
from simulator.study.memory import cheapest, devices_around, sizes_around
from simulator.study.memory_bench import LEAST_BYTES, SAME, Bench, Reaching, Speed, least_true
from simulator.units import MIB

SIZES = (0.0625, 0.125, 0.25, 0.5, 1.0)
CHANGES = {"sram.capacity_mib": 0.125, "schedule.overlap": "layer", "clock_mhz": 1000}


@pytest.fixture(scope="module")
def small():
    """Convolutions whose weights are the larger part, so that both SRAM and DRAM count."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(16, 14, 14), 64, 3, padding=1, name="first")
    y = net.conv(x, 128, 3, padding=1, name="second")
    net.conv(net.add(net.conv(y, 64, 1, name="third"), x), 32, 3, name="last")
    return net.build()


@pytest.fixture(scope="module")
def chip():
    return load_chip("example_edge", set=CHANGES)


@pytest.fixture(scope="module")
def found(small, chip):
    return memory_map(small, chip, sizes_mib=SIZES, devices=(1, 2, 3))


def changed(**settings):
    return load_chip("example_edge", set={**CHANGES, **settings})


def test_points_are_those_of_simulate(small, found):
    for size, count in ((0.0625, 1), (0.25, 1), (0.25, 3), (1.0, 2)):
        point = found.at(size, count)
        run = simulate(small, changed(**{"sram.capacity_mib": size, "dram.devices": count}), gains=False)
        assert (point.throughput_per_s, point.latency_s, point.dram_bytes) == (
            run.throughput_per_s, run.latency_s, run.dram_bytes
        )  # fmt: skip
        assert (point.bill_usd, point.area_mm2) == (run.cost["bill_usd"]["best"], run.cost["area_mm2"]["best"])
        assert point.throughput_per_usd == run.throughput_per_usd


@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
def test_more_sram_or_dram_is_never_slower(small, overlap):
    found = memory_map(small, changed(**{"schedule.overlap": overlap}), sizes_mib=SIZES, devices=(1, 2, 3))
    rates = np.array([point.throughput_per_s for point in found.points]).reshape(3, len(SIZES))
    assert (np.diff(rates, axis=0) >= 0.0).all()
    assert (np.diff(rates, axis=1) >= 0.0).all()
    assert found.own.nothing_above_mib >= found.own.nearly_mib >= found.own.needs_mib
    full = [row.nothing_above_mib for row in found.thresholds]
    assert rates.max() <= max(row.most_per_s for row in found.thresholds)
    assert all(size > 0.0 for size in full)


def test_thresholds_end_on_one_byte(small, chip, found):
    bench, own = Bench(small, chip, 1, "int8"), found.own
    edges = [round(size * MIB) for size in (own.nothing_above_mib, own.nearly_mib)]
    sizes = np.array([size - less for size in edges for less in (0, 1)], dtype=np.int64)
    full, less, nearly, below = bench.rates(sizes, np.ones(4, dtype=np.int64))
    assert full == pytest.approx(own.most_per_s, rel=1e-9)
    assert less < own.most_per_s * (1.0 - 1e-9)
    assert nearly >= 0.99 * own.most_per_s * (1.0 - 1e-9) > below


def test_sram_instead_of_dram(small, found):
    one = found.exchanges[0]
    assert (one.dram_devices, one.more_devices) == (1, 2)

    def run(**settings):
        return simulate(small, changed(**settings), gains=False)

    here, more = run(), run(**{"dram.devices": 2})
    assert one.gain == pytest.approx(more.throughput_per_s / here.throughput_per_s - 1.0)
    assert one.gain > 0.01
    enough = run(**{"sram.capacity_mib": 0.125 + one.worth_mib})
    assert enough.throughput_per_s >= more.throughput_per_s * (1.0 - 1e-9)
    assert run(**{"sram.capacity_mib": 0.125 + 0.99 * one.worth_mib}).throughput_per_s < more.throughput_per_s
    bill = here.cost["bill_usd"]["best"]
    assert one.dram_usd == pytest.approx(more.cost["bill_usd"]["best"] - bill)
    assert one.sram_usd == pytest.approx(enough.cost["bill_usd"]["best"] - bill)
    same = run(**{"sram.capacity_mib": 0.125 + one.money_mib}).cost["bill_usd"]["best"]
    assert same - bill == pytest.approx(one.dram_usd, rel=1e-3)
    assert one.cheaper == "SRAM"
    near = next(row for row in found.frontier if (row["sram_mib"], row["dram_devices"]) == (0.125, 1))
    assert near["worth_mib"] == pytest.approx(one.worth_mib, rel=0.25)
    assert near["money_mib"] == pytest.approx(one.money_mib, rel=1e-3)


def test_traffic_lies_between_its_bound_and_that_of_the_fastest(small, chip, found):
    for row in found.traffic:
        assert row.bound_bytes <= row.least_bytes <= row.dram_bytes
    least = [row.least_bytes for row in found.traffic]
    assert least == sorted(least, reverse=True)
    bench = Bench(small, chip, 1, "int8")
    at = round(found.least_traffic_mib * MIB)
    fewest, more = bench.least_traffic([at, at - 1])
    assert fewest == bench.low.input_output_bytes < more  # all weights and tensors on the chip


def test_the_cheapest_way_is_the_one_no_point_beats(found):
    for point in found.points:
        beaten = any(
            (other.bill_usd <= point.bill_usd and other.throughput_per_s >= point.throughput_per_s * (1.0 + 1e-9))
            or (other.bill_usd < point.bill_usd and other.throughput_per_s >= point.throughput_per_s * (1.0 - 1e-9))
            for other in found.points
        )
        assert point.cheapest is not bool(beaten)
    assert cheapest([1.0, None, 2.0], [5.0, 9.0, 5.0]) == {0}


def test_a_custom_part_and_its_devices(small):
    part = {"dram.part": "custom", "dram.gb_per_s_per_device": 17.064, "dram.measured_efficiency": 0.8}
    found = memory_map(small, changed(**part), sizes_mib=(0.125,), devices=(1, 2))
    for count in (1, 2):
        run = simulate(small, changed(**part, **{"dram.devices": count}), gains=False)
        point = found.at(0.125, count)
        assert (point.throughput_per_s, point.bill_usd) == (run.throughput_per_s, run.cost["bill_usd"]["best"])


def test_a_gpu_whose_cache_is_part_of_its_tilings(small):
    found = memory_map(small, "jetson_nano", precision="fp16", sizes_mib=(0.03125, 0.25), devices=(1, 2))
    for size, count in ((0.03125, 1), (0.25, 2)):
        changes = {"sram.capacity_mib": size, "dram.devices": count}
        run = simulate(small, load_chip("jetson_nano", set=changes), precision="fp16", gains=False)
        point = found.at(size, count)
        assert (point.throughput_per_s, point.dram_bytes) == (run.throughput_per_s, run.dram_bytes)
    assert found.own.nothing_above_mib > 0.03125
    for row in found.traffic:
        assert row.bound_bytes <= row.least_bytes <= row.dram_bytes


def test_a_chip_without_dram(small):
    found = memory_map(small, "groq_tsp", sizes_mib=(0.125, 1.0, 64.0))
    assert (found.devices, found.exchanges, found.frontier) == ((0,), (), ())
    assert found.own.most_per_s >= found.points[-1].throughput_per_s * (1.0 - 1e-9)
    assert any("no DRAM" in note for note in found.notes)
    with pytest.raises(OptionError, match="has no DRAM; give it one with set dram"):
        memory_map(small, "groq_tsp", devices=(1, 2))


def test_a_chip_without_a_price(small):
    found = memory_map(small, "nvdla_64", sizes_mib=(0.125, 0.25), devices=(1, 2))
    assert all(point.bill_usd is None and point.throughput_per_s for point in found.points)
    assert all("no cost" in point.reason for point in found.points)
    assert found.best is None
    assert all(one.dram_usd is None for one in found.exchanges)
    assert memory_lines(found)


def test_a_power_limit_tells_no_thresholds(small):
    found = memory_map(small, changed(power_limit_w=5.0), sizes_mib=(0.25, 1.0), devices=(1, 2))
    assert (found.thresholds, found.exchanges, found.own) == ((), (), None)
    assert any("power_limit_w" in note for note in found.notes)
    assert found.traffic
    rates = [fmt.significant(found.at(size, found.dram_devices).throughput_per_s) for size in (0.25, 1.0)]
    said = memory_lines(found)[0]
    assert said.startswith("0.25 MiB to 1 MiB of SRAM give ")
    assert all(rate in said for rate in rates)


def test_a_batch_and_what_does_not_run(small, chip):
    found = memory_map(small, chip, batch=2, sizes_mib=(0.001, 0.125), devices=(1,))
    assert found.at(0.125, 1).throughput_per_s == simulate(small, chip, 2, gains=False).throughput_per_s
    net = NetworkBuilder("wide")
    net.pool(net.input(16, 28, 28), 2)
    wide = changed(**{"vector.lanes": 4096})
    gap = memory_map(net.build(), wide, sizes_mib=(0.001, 0.25), devices=(1,))
    assert gap.at(0.001, 1).throughput_per_s is None
    assert "needs at least" in gap.at(0.001, 1).reason
    needs = round(gap.own.needs_mib * MIB)
    runs, starved = Bench(net.build(), wide, 1, "int8").rates(np.array([needs, needs - 1]), np.ones(2, dtype=np.int64))
    assert runs > 0.0 == starved
    with pytest.raises(InfeasibleError, match="needs at least"):
        memory_map(net.build(), wide, sizes_mib=(0.001, 0.002), devices=(1,))


@given(st.lists(st.tuples(st.integers(1, 2**40), st.integers(0, 2**40)), min_size=1, max_size=5))
def test_searches_end_on_the_edge(pairs):
    edges = np.array([edge for edge, _ in pairs], dtype=np.int64)
    high = edges + np.array([more for _, more in pairs], dtype=np.int64)

    def good(searches, sizes):
        return sizes >= edges[searches]

    assert least_true(good, np.zeros_like(edges), high).tolist() == edges.tolist()
    near = least_true(good, np.zeros_like(edges), high, 1e-3)
    assert ((near >= edges) & (near - edges <= np.maximum(1, 1e-3 * near))).all()


@pytest.mark.parametrize("own", [1, 2, 3, 4, 5, 8, 12, 64])
def test_the_map_has_the_chip_itself(own):
    assert own in devices_around(own)
    assert len(devices_around(own)) >= 6
    assert float(own) in sizes_around(float(own))
    assert (min(sizes_around(8.0)), max(sizes_around(8.0))) == (0.5, 64.0)


def test_values_no_chip_may_have(small, chip):
    with pytest.raises(ChipError, match=r"sram.*capacity_mib"):
        memory_map(small, chip, sizes_mib=(-1.0, 1.0))
    with pytest.raises(ChipError, match=r"dram.*devices"):
        memory_map(small, chip, devices=(0, 1))


def test_the_command(tmp_path, capsys):
    picture, file = tmp_path / "m.svg", tmp_path / "m.json"
    changes = ["--set", "schedule.overlap=layer", "--sram", "1:4:x2", "--dram", "1,2"]
    arguments = ["memory", "squeezenet@64", "--chip", "example_edge", *changes]
    assert main([*arguments, "--plot", str(picture), "--json", str(file)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "buys nothing for this network with 1 DRAM" in out
    assert "More DRAM, or more SRAM?" in out
    assert "Throughput per USD" in picture.read_text(encoding="utf-8")
    data = json.loads(file.read_text(encoding="utf-8"))
    assert [(point["sram_mib"], point["dram_devices"]) for point in data["points"]] == [
        (size, count) for count in (1, 2) for size in (1.0, 2.0, 4.0)
    ]
    assert data["changes"] == ["schedule.overlap=layer"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sram", "8:1:x2"], "--sram: empty range"),
        (["--sram", "large"], "--sram: must be numbers, got 'large'"),
        (["--dram", "1.5"], "dram.devices"),
        (["--batch", "0"], "--batch: must be"),
        (["--set", "dram.device=1"], "did you mean"),
        (["--json", "none/x.json"], "--json: cannot write"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["memory", "squeezenet", "--chip", "example_edge", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_power_limit_and_what_does_not_run_together():
    net = NetworkBuilder("wide")
    net.pool(net.input(16, 28, 28), 2)
    wide = changed(**{"vector.lanes": 4096, "power_limit_w": 50.0})
    found = memory_map(net.build(), wide, sizes_mib=(0.001, 0.25), devices=(1,))
    assert [point.throughput_per_s is None for point in found.points] == [True, False]


def test_a_search_that_follows_one_schedule_finds_what_every_rate_says(monkeypatch):
    graph = load_network("smollm2_135m", phase="decode", context=40, layers=1, vocabulary=2000)
    bench = Bench(graph, load_chip("inferx_x1"), 1, "int8")
    assert bench.alone
    devices, ends = np.array([1, 1, 2]), (np.full(3, LEAST_BYTES), np.full(3, 2**26))
    top = bench.rates(ends[1], devices)
    least = top * np.array([1.0, 0.97, 0.8]) * SAME
    looked, own = [], Speed.reaches

    def reaches(speed, size, least_per_s, promise):
        looked.append(promise is None)
        return own(speed, size, least_per_s, promise)

    monkeypatch.setattr(Speed, "reaches", reaches)
    found = least_true(Reaching(bench, devices, least, ends), *ends)
    assert sum(looked) < 3 * 12 < len(looked)  # of 26 halves each
    assert (bench.rates(found, devices) >= least).all()
    assert (bench.rates(found - 1, devices) < least).all()
