"""Steps of a chip: what exists, figures of `simulate` and `cost`, what is worth a dollar, and what the command answers."""

import json
from dataclasses import replace

import pytest
from rich.table import Table

from simulator import load_chip, load_network, simulate
from simulator.chip.parts import dram_parts
from simulator.cli import main
from simulator.cost.price import chip_cost
from simulator.errors import ChipError, OptionError
from simulator.report.fit import fitted, parts_of
from simulator.report.papers import best_changes
from simulator.report.sensitivities import sensitivity_report, verdicts
from simulator.study.sensitivities import LEAST_USD, Sensitivity, Step, sensitivity
from simulator.study.steps import Outcome, levers, links, neighbours, step_usd, stepped

NETWORK = "squeezenet@64"


@pytest.fixture(scope="module")
def found():
    return sensitivity(NETWORK, "example_edge")


def test_every_figure_is_that_of_simulate(found):
    graph, chip = load_network(NETWORK), load_chip("example_edge")
    base = simulate(graph, chip, gains=False)
    assert (found.base.throughput_per_s, found.base.power_w) == (base.throughput_per_s, base.power_w)
    assert found.base.bill_usd == base.cost["bill_usd"]["best"]
    assert found.base.throughput_per_usd == base.throughput_per_usd
    assert len(found.steps) >= 20
    for step in found.steps:
        run = simulate(graph, load_chip("example_edge", set=[step.setting]), gains=False)
        assert step.outcome.throughput_per_s == run.throughput_per_s
        assert step.outcome.power_w == run.power_w
        assert step.change_per_s == run.throughput_per_s - base.throughput_per_s
        if step.bottom_up:
            continue
        if step.key == "sram.bytes_per_cycle":
            assert (step.change_usd, step.per_usd, step.outcome.throughput_per_usd) == (None, None, None)
        else:
            assert step.change_usd == run.cost["bill_usd"]["best"] - base.cost["bill_usd"]["best"]
            assert step.outcome.throughput_per_usd == pytest.approx(run.throughput_per_usd, rel=1e-12)


def a_step(key, per_s, usd, base):
    outcome = Outcome(base.throughput_per_s + per_s, 1.0, base.bill_usd + usd, 1.0, None)
    return Step(key, key, 1, 2, True, outcome, per_s, usd, False)


def test_a_bargain_of_a_few_cents_is_no_reason_to_change_a_chip():
    base = Outcome(100.0, 0.01, 10.0, 1.0, None)
    crumb, gain = a_step("vector.lanes", 0.9, 0.01, base), a_step("dram.devices", 90.0, 5.0, base)
    dear = a_step("sram.capacity_mib", 2.0, 8.0, base)
    found = Sensitivity("net", "chip", (), 4, "int8", base, (crumb, gain, dear))
    assert crumb.per_usd > gain.per_usd
    assert found.next_dollar is gain
    assert verdicts(found)[0] == (
        "At batch 4 change dram.devices=2 next: +90.00/s for 5.00 USD; the whole chip then gives 12.7/s for each of its "
        "dollars, 10.0 as it is."
    )
    assert verdicts(replace(found, steps=(dear,)))[0].startswith(
        "At batch 4 no step that costs more gives more for each"
    )
    assert verdicts(replace(found, steps=(crumb,)))[0].startswith("At batch 4 the next dollar buys nothing")


@pytest.mark.parametrize("chip", ["example_edge", "t4"])
def test_eighty_columns_take_two_tables(chip, found):
    shown = found if chip == "example_edge" else sensitivity(NETWORK, chip)
    table = next(part for part in parts_of(sensitivity_report(shown)) if isinstance(part, Table))
    assert len(fitted(table, 80)) <= 2


def test_widths_are_priced_from_below(found):
    chip = load_chip("example_edge")
    wide = load_chip("example_edge", set={"interconnect.bytes_per_cycle": 512})
    bills = [chip_cost(one, draws=0, bottom_up=True).bill_usd.best for one in (chip, wide)]
    step = next(one for one in found.steps if one.setting == "interconnect.bytes_per_cycle=512")
    assert step.bottom_up
    assert step.change_usd == bills[1] - bills[0] > 0.0


def test_the_next_dollar_is_what_makes_the_whole_chip_worth_most(found):
    best = found.next_dollar
    dearer = [one for one in found.steps if one.key != "clock_mhz" and (one.change_usd or 0.0) >= LEAST_USD]
    more = [one for one in dearer if one.change_per_s >= 0.01 * found.base.throughput_per_s]
    assert best.outcome.throughput_per_usd == max(one.outcome.throughput_per_usd for one in more)
    assert best_changes(found)[:1] == (
        [best] if best.outcome.throughput_per_usd > found.base.throughput_per_usd else []
    )
    saving = found.cheapest_saving
    cheaper = [one for one in found.steps if one.key != "clock_mhz" and (one.change_usd or 0.0) <= -LEAST_USD]
    assert saving.per_usd == min(one.per_usd for one in cheaper if one.per_usd >= 0.0)
    assert all(one.change_per_s > 0.0 and one.change_usd < LEAST_USD for one in found.better)


def test_keys_are_in_the_order_of_what_they_change(found):
    keys = list(dict.fromkeys(one.key for one in found.steps))
    reach = [max(abs(one.change_per_s) for one in found.steps if one.key == key) for key in keys]
    assert reach == sorted(reach, reverse=True)


def test_steps_exist():
    known = {lever.key: lever for lever in levers(load_chip("example_edge"))}
    assert (known["array.columns"].down, known["array.columns"].up) == (14, 18)
    assert (known["array.count"].down, known["array.count"].up) == (3, 5)
    assert (known["sram.capacity_mib"].down, known["sram.capacity_mib"].up) == (7, 9)
    assert (known["dram.devices"].down, known["dram.devices"].up) == (None, 2)
    assert (known["clock_mhz"].down, known["clock_mhz"].up) == (720, 880)
    small = {lever.key: lever for lever in levers(load_chip("example_edge", set={"sram.capacity_mib": 2}))}
    assert (small["sram.capacity_mib"].down, small["sram.capacity_mib"].up) == (1.5, 2.5)
    lone = {lever.key for lever in levers(load_chip("inferx_x1"))}
    assert "array.columns" not in lone  # one column: no tenth of it
    assert "dram.devices" not in {lever.key for lever in levers(load_chip("groq_tsp"))}


def test_every_step_of_every_part_is_the_next():
    parts = dram_parts()
    for name, part in parts.items():
        slower, faster = neighbours(name)
        for other, sign in ((slower, -1), (faster, 1)):
            if other is None:
                continue
            assert sign * (parts[other].bytes_per_s - part.bytes_per_s) > 0.0
            assert parts[other].width_bits == part.width_bits
            between = sorted((part.bytes_per_s, parts[other].bytes_per_s))
            kind = name.rstrip("0123456789-x.").split("-")[0].rstrip("0123456789xe")
            assert not [
                one
                for one in parts.values()
                if one.name.startswith(kind)
                and one.width_bits == part.width_bits
                and between[0] < one.bytes_per_s < between[1]
            ]
    assert neighbours("lpddr4-4266-x32") == ("lpddr4x-3733-x32", "lpddr5-5500-x32")
    assert neighbours("custom") == (None, None)
    assert links("pcie3-x4") == ("pcie3-x2", "pcie3-x8")


def test_a_chip_without_a_bill_has_throughput_alone():
    found = sensitivity(NETWORK, "nvdla_64")
    assert all(step.change_usd is None and step.per_usd is None for step in found.steps)
    assert found.next_dollar is None
    assert found.cheapest_saving is None
    assert any("no bill" in note for note in found.notes)
    best = max(found.steps, key=lambda step: step.change_per_s)
    assert verdicts(found)[0].startswith(f"Most throughput is gained by {best.setting}: +")


def test_a_gpu_has_multiprocessors_and_a_power_limit():
    known = {lever.key: lever for lever in levers(load_chip("t4"))}
    assert (known["array.count"].down, known["array.count"].up) == (36, 44)
    assert (known["power_limit_w"].down, known["power_limit_w"].up) == (63, 77)
    assert "array.columns" not in known


def test_a_step_that_cannot_run_says_why():
    chip = load_chip("example_edge", set={"sram.capacity_mib": 0.5, "vector.lanes": 65536})
    found = sensitivity("squeezenet", chip)
    step = next(one for one in found.steps if one.key == "vector.lanes" and one.up)
    assert step.outcome.throughput_per_s is None
    assert "bytes" in step.outcome.reason
    assert step.change_per_s is None


def test_a_difference_that_nobody_prices():
    chip = load_chip("example_edge")
    assert step_usd(chip, stepped(chip, "sram.bytes_per_cycle", 1024), "sram.bytes_per_cycle", 1.0, 1.0) is None
    assert step_usd(chip, chip, "dram.devices", None, 2.0) is None
    with pytest.raises(ChipError, match="clock_mhz"):
        stepped(chip, "clock_mhz", -1)
    with pytest.raises(OptionError, match="set: must be left out"):
        sensitivity(NETWORK, chip, set={"clock_mhz": 1})


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    picture = tmp_path / "s.svg"
    assert main(["sensitivity", NETWORK, "--chip", "example_edge", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("squeezenet at 64 x 64 on Example edge chip: batch 1, int8\nAt batch 1 ")
    assert "1 -> 2" in out
    assert max(map(len, out.splitlines())) <= 120
    assert "What one step buys" in picture.read_text()
    assert main(["sensitivity", NETWORK, "--chip", "example_edge", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["next_dollar"] in [step["setting"] for step in data["steps"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--chip: missing"),
        (["--chip", "example_edg"], "did you mean"),
        (["--chip", "example_edge", "--json", "no/such/folder.json"], "--json: cannot write"),
        (["--chip", "example_edge", "--precision", "fp64"], "precision"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert main(["sensitivity", NETWORK, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
