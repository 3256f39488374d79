"""A against B under uncertainty: what is drawn, how often A wins, what turns it, and the command."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from simulator import load_chip, load_network, simulate, uncertainty
from simulator.chip.change import changed_chip
from simulator.cli import main
from simulator.cost.price import chip_cost
from simulator.errors import ChipError, OptionError
from simulator.graph.build import NetworkBuilder
from simulator.report.uncertainties import uncertainty_chart, verdicts
from simulator.study import assumptions
from simulator.study import uncertainties as study

Z = 1.645


@pytest.fixture(scope="module")
def network():
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), 64, 3, padding=1)
    net.dense(net.conv(x, 64, 3, stride=2).flat(), 500)
    return net.build()


def found_of(network, a="inferx_x1", b="tpu_v1", **more):
    return uncertainty(network, a, b, **{"draws": 2000, **more})


def test_best_estimates_are_those_of_simulate(network):
    for by in ("throughput_per_usd", "throughput_per_s", "latency_s", "throughput_per_w"):
        found = found_of(network, by=by)
        for side, name in ((found.a, "inferx_x1"), (found.b, "tpu_v1")):
            run = simulate(network, load_chip(name))
            assert side.best == pytest.approx(getattr(run, by), rel=1e-12)
            assert side.low < side.best < side.high
        quotient = found.a.best / found.b.best
        assert found.ratio == pytest.approx(1 / quotient if by == "latency_s" else quotient)
    assert found_of(network, by="cost").a.best == pytest.approx(chip_cost(load_chip("inferx_x1")).bill_usd.best)


def test_equal_seeds_give_equal_draws(network):
    pair = (network, "example_edge", "inferx_x1")
    one, same, other = found_of(*pair), found_of(*pair), found_of(*pair, seed=1)
    assert one == same
    assert one.ratio_low != other.ratio_low
    assert abs(one.share - other.share) < 0.05
    assert one.a_beats_b + one.b_beats_a == one.draws == sum(one.histogram["count"])
    edges = one.histogram["edges"]
    assert not any(low < 1.0 < high for low, high in pairwise(edges))  # no bar has both winners
    # What is left out does not move the draws of the others.
    few = assumptions.draws_of(assumptions.assumptions_of(("dram",), None, None), 50)
    more = assumptions.draws_of(assumptions.assumptions_of(("wafer", "dram", "model_a"), None, None), 50)
    assert few["dram"].tolist() == more["dram"].tolist()


def test_a_chip_beside_itself_never_wins(network):
    found = found_of(network, "inferx_x1", "inferx_x1")
    assert (found.a_beats_b, found.b_beats_a) == (0, 0)
    assert (found.ratio, found.ratio_low, found.ratio_high) == (1.0, 1.0, 1.0)
    assert all(one.share == 0.0 and one.turns_at is None for one in found.influences)
    uncertainty_chart(found)


def test_one_design_has_one_error_of_model_and_area(network):
    found = found_of(network, "inferx_x1", "inferx_x1", set_b=["dram.devices=2"])
    names = {one.name: one for one in found.influences}
    assert {"model_a", "area"} <= names.keys()
    assert not {"model_b", "reference_area"} & names.keys()
    assert names["model_a"].words == "error of the model, both"
    assert names["model_a"].ratio_low == pytest.approx(names["model_a"].ratio_high)
    assert found.b.changes == ("dram.devices=2",)
    assert found.influences[0].name == "dram"  # the two differ in DRAM and little else


def test_two_independent_errors_win_as_often_as_the_normal_distribution_says():
    """Both chips compute-bound, so that only the two errors of the model count."""
    net = NetworkBuilder("square")
    net.conv(net.input(256, 28, 28), 256, 3, padding=1)
    graph = net.build()
    sets = {"clock_mhz": 100, "sram.capacity_mib": 64}
    other = {**sets, "clock_mhz": 110, "vector.lanes": 4096}
    found = uncertainty(graph, "example_edge", "example_edge", by="throughput", draws=20_000, set_a=sets, set_b=other)
    names = {one.name: one for one in found.influences}
    assert names["bandwidth"].ratio_low == pytest.approx(names["bandwidth"].ratio_high, rel=1e-3)
    sd = math.log(names["model_a"].high) / Z * math.sqrt(2)
    expected = 0.5 * (1 + math.erf(math.log(found.ratio) / sd / math.sqrt(2)))
    assert found.ratio == pytest.approx(1 / 1.1, rel=1e-3)
    assert found.share == pytest.approx(expected, abs=0.015)
    assert names["model_a"].share == pytest.approx(0.5, abs=0.05)
    # The order turns where the error makes up for the ratio.
    assert names["model_a"].turns_at == pytest.approx(1.1, rel=1e-3)
    assert names["model_b"].turns_at == pytest.approx(1 / 1.1, rel=1e-3)
    assert names["model_a"].turns_within


def test_the_price_at_which_two_bills_are_equal(network):
    """A bill goes straight with the price of memory, so the turning point follows from the items of `chip_cost`."""
    few = {"dram.devices": 1, "sram.capacity_mib": 32}
    many = {"dram.devices": 2, "sram.capacity_mib": 2}
    found = found_of(network, "example_edge", "example_edge", by="cost", set_a=few, set_b=many)
    a, b = (chip_cost(load_chip("example_edge", set=each)) for each in (few, many))
    factor = 1 - (a.bill_usd.best - b.bill_usd.best) / (a.bill_items["dram"].best - b.bill_items["dram"].best)
    dram = next(one for one in found.influences if one.name == "dram")
    assert dram.best == 2.4
    assert dram.turns_at == pytest.approx(factor, rel=1e-3)
    assert dram.turns_within == (dram.low <= factor <= dram.high)


@pytest.mark.parametrize("chip", ["example_edge", "tpu_v1", "dpu_b4096"])
def test_between_solved_bandwidths_times_go_straight(chip):
    """The interpolation is within a thousandth of a schedule of its own, the port's limit included."""
    graph, base = load_network("resnet18"), load_chip(chip)
    curve = study._curve(graph, base, 1, "int8", [0.6, 1.6])
    for factor in (0.613, 0.77, 0.951, 1.043, 1.313, 1.57):
        changes = {"dram.measured_efficiency": min(1.0, base.dram.efficiency * factor)}
        if base.dram.port_bytes_per_cycle is not None:
            changes["dram.port_bytes_per_cycle"] = base.dram.port_bytes_per_cycle * factor
        run = simulate(graph, changed_chip(base, changes), gains=False)
        rows = {"bandwidth": np.array([factor])}
        assert curve.at(curve.period_s, rows)[0] == pytest.approx(1 / run.throughput_per_s, rel=1e-3)
        assert curve.at(curve.latency_s, rows)[0] == pytest.approx(run.latency_s, rel=1e-3)


def test_verdicts_say_what_turns_it(network):
    near = found_of(network, "example_edge", "inferx_x1")
    far = found_of(network, "example_edge", "example_edge", set_b=["dram.devices=6"])
    assert verdicts(near)[0] == (f"A beats B in {near.a_beats_b:,} of 2,000 draws ({100 * near.share:.1f} %).")
    turned = [one.words for one in near.influences if one.turns_within]
    assert verdicts(near)[1].startswith("Turned by one assumption alone" if turned else "No assumption alone")
    assert all(words in verdicts(near)[1] for words in turned)
    assert verdicts(far)[1].startswith("No assumption alone turns it")


def test_faults(network):
    with pytest.raises(OptionError, match=r"^by: unknown figure 'troughput'; did you mean 'throughput'"):
        found_of(network, by="troughput")
    with pytest.raises(OptionError, match=r"^draws: must be from 100 to 1,000,000, got 5"):
        found_of(network, draws=5)
    with pytest.raises(OptionError, match=r"^seed: must be from 0 to 4,294,967,295, got 4294967296"):
        found_of(network, seed=2**32)
    with pytest.raises(ChipError, match=r"only an accelerator has a bill, got gpu; by throughput_per_s compares"):
        found_of(network, "inferx_x1", "example_edge", set_b=["kind=gpu"])
    assert found_of(network, "inferx_x1", "example_edge", set_b=["kind=gpu"], by="throughput").draws == 2000
    with pytest.raises(OptionError, match=r"set_b: must be left out"):
        uncertainty(network, "tpu_v1", load_chip("tpu_v1"), set_b=["batch=1"])


COMMAND = ["compare", "example_edge", "inferx_x1", "--network", "alexnet", "--draws", "500"]


def test_the_command(tmp_path, capsys):
    picture, answers = tmp_path / "u.svg", tmp_path / "u.json"
    command = [*COMMAND, "--uncertainty", "--set-a", "dram.devices=2", "--batch", "1"]
    assert main([*command, "--plot", str(picture), "--json", str(answers)]) == 0
    out = capsys.readouterr().out
    assert "of 500 draws" in out
    assert "dram.devices=2" in out
    data = json.loads(answers.read_text())
    assert data["by"] == "throughput_per_usd"
    assert data["share"] == data["a_beats_b"] / 500
    assert [one["name"] for one in data["influences"]][:1] != []
    assert "A beats B in" in picture.read_text()
    assert main([*command, "--by", "latency", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["by"] == "latency_s"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["compare", "tpu_v1", "--network", "alexnet", "--uncertainty"],
            "--uncertainty: must have two chips, A and B, got 1",
        ),
        ([*COMMAND, "--set-b", "clock_mhz=1"], "--set-a, --set-b: need --uncertainty"),
        ([*COMMAND, "--uncertainty", "--published"], "--uncertainty: must stand without --published"),
        ([*COMMAND, "--uncertainty", "--set-b", "clok_mhz=1"], "--set-b clok_mhz=1: clok_mhz: unknown key"),
        ([*COMMAND, "--uncertainty", "--seed", "-1"], "--seed: "),
    ],
)
def test_bad_command_lines(arguments, line, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rooftile: {line}")
    assert error.count("\n") == 1
