"""The difference of two chips: figures of `simulate`, parts that sum to it, and what the command answers."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples

from simulator import load_chip, load_network, simulate
from simulator.cli import main
from simulator.errors import OptionError
from simulator.report.explanation import steps, verdict
from simulator.study.explaining import TIMES, explain

NETWORK = "squeezenet@64"


@pytest.fixture(scope="module")
def graph():
    return load_network(NETWORK)


@pytest.mark.parametrize("of", TIMES)
@pytest.mark.parametrize("pair", [("example_edge", "inferx_x1"), ("tpu_v1", "nvdla_2048")])
def test_figures_are_those_of_simulate_and_the_parts_sum_to_the_difference(graph, pair, of):
    found = explain(graph, *pair, batch=2, of=of)
    for side, chip in zip((found.a, found.b), pair, strict=True):
        run = simulate(graph, chip, batch=2, gains=False)
        assert side.time_s == (run.latency_s if of == "latency" else 2 / run.throughput_per_s)
        assert (side.throughput_per_s, side.latency_s, side.dram_bytes) == (
            run.throughput_per_s, run.latency_s, run.dram_bytes
        )  # fmt: skip
    longest = max(found.a.time_s, found.b.time_s)
    assert math.fsum(part.difference_s for part in found.parts) == pytest.approx(
        found.difference_s, abs=1e-12 * longest
    )
    assert math.fsum(seconds for _, seconds in steps(found)) == pytest.approx(found.difference_s, abs=1e-12 * longest)
    latency = found.b.latency_s - found.a.latency_s
    assert math.fsum(row.difference_s for row in found.layers) == pytest.approx(latency, abs=1e-12 * longest)
    sizes = [abs(row.difference_s) for row in found.layers]
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=examples(20))
@given(clock=st.floats(50, 2000), other=st.floats(50, 2000))
def test_a_change_of_the_clock_alone_is_the_clock(graph, clock, other):
    chip = "example_edge"
    found = explain(graph, chip, chip, set_a={"clock_mhz": clock}, set_b={"clock_mhz": other})
    back = explain(graph, chip, chip, set_a={"clock_mhz": other}, set_b={"clock_mhz": clock})
    ideal = next(part for part in found.parts if part.cause == "ideal_s")
    assert (found.ideal["macs_executed"], found.ideal["mac_units"]) == (0.0, 0.0)
    assert found.ideal["clock"] == pytest.approx(ideal.difference_s, rel=1e-9, abs=1e-18)
    assert back.ideal["clock"] == pytest.approx(-found.ideal["clock"], rel=1e-9, abs=1e-18)


def test_multiplying_is_shared_among_units_clock_and_winograd(graph):
    found = explain(graph, "example_edge", "inferx_x1")
    ideal = next(part for part in found.parts if part.cause == "ideal_s")
    assert found.ideal["macs_executed"] < 0.0  # Winograd
    assert found.ideal["mac_units"] == 0.0  # 4,096 on both
    assert found.ideal["clock"] < 0.0
    assert sum(found.ideal.values()) == pytest.approx(ideal.difference_s, rel=1e-9)


def test_one_chip_twice_differs_in_nothing(graph):
    found = explain(graph, "example_edge", load_chip("example_edge"))
    assert found.difference_s == 0.0
    assert all(part.difference_s == 0.0 for part in found.parts)
    assert verdict(found).startswith("No difference")


def test_a_chip_that_places_layers_in_space_beside_one_in_time(graph):
    found = explain(
        graph, "example_edge", "example_edge", set_b={"schedule.placement": "space", "sram.capacity_mib": 32}
    )
    assert any(part.cause == "pipeline_s" for part in found.parts)
    assert math.fsum(part.difference_s for part in found.parts) == pytest.approx(found.difference_s, rel=1e-9)


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    picture = tmp_path / "e.pdf"
    line = ["explain", NETWORK, "example_edge", "example_edge", "--set", "clock_mhz=500", "--set-b", "dram.devices=2"]
    assert main([*line, "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "B  Example edge chip, clock_mhz=500, dram.devices=2" in out
    assert "waiting for DRAM" in out
    assert picture.read_bytes().startswith(b"%PDF")
    assert main([*line, "--json", "-", "--latency"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["of"] == "latency"
    assert sum(part["difference_s"] for part in data["parts"]) == pytest.approx(data["difference_s"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["no_such", "example_edge"], "unknown chip 'no_such'"),
        (["example_edge", "example_edge", "--set-b", "clok_mhz=3"], "did you mean"),
        (["example_edge", "example_edge", "--plot", "x.bmp"], "--plot: must end in .svg, .png, .pdf or .html"),
        (["example_edge"], "B: missing"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert main(["explain", NETWORK, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_calls_that_make_no_sense(graph):
    with pytest.raises(OptionError, match="of: must be one of period, latency"):
        explain(graph, "example_edge", "example_edge", of="throughput")
    with pytest.raises(OptionError, match="set_b"):
        explain(graph, "example_edge", load_chip("example_edge"), set_b={"clock_mhz": 1})
