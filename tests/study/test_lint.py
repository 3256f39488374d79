"""The design check: needs against brute force, findings against runs, and what the command answers."""

import json

import pytest

from simulator import load_chip, load_network, simulate
from simulator.cli import main
from simulator.study.linting import SAME, STARVED, WASTED, lint, settings_of
from simulator.study.shapes import exchanged, narrower

NETWORK = "squeezenet@64"


@pytest.fixture(scope="module")
def found():
    return lint(NETWORK, "example_edge", set={"sram.capacity_mib": 16, "dram.devices": 4})


@pytest.fixture(scope="module")
def graph():
    return load_network(NETWORK)


def throughput(graph, *settings):
    chip = load_chip("example_edge", set=["sram.capacity_mib=16", "dram.devices=4", *settings])
    return simulate(graph, chip, gains=False).throughput_per_s


def test_every_finding_is_what_a_run_gives(found, graph):
    base = throughput(graph)
    assert found.base.throughput_per_s == base
    assert len(found.findings) >= 3
    for one in (*found.findings, found.together):
        assert one.outcome.throughput_per_s == throughput(graph, *one.settings)
        assert one.change == one.outcome.throughput_per_s / base - 1
        if one.rule == "unneeded" and one.resource != "together":
            assert one.change >= -SAME
            assert one.change_usd is None or one.change_usd < 0.0
        if one.rule == "starved":
            assert one.change >= STARVED


@pytest.mark.parametrize("key", ["sram.capacity_mib", "dram.devices"])
def test_the_least_that_is_needed_by_brute_force(found, graph, key):
    need = next(one for one in found.needs if one.key == key)
    values = [at / 4 for at in range(1, 65)] if key == "sram.capacity_mib" else [1, 2, 3, 4]
    base = throughput(graph)
    enough = [value for value in values if throughput(graph, f"{key}={value}") >= base * (1 - SAME)]
    assert need.needed == min(enough)
    assert (need.kept is None) == (need.needed == need.there)
    if need.loss is not None:
        assert need.loss == 1 - throughput(graph, f"{key}={need.less}") / base
        assert need.loss > SAME


def test_widths_are_halved_until_something_is_lost(found, graph):
    need = next(one for one in found.needs if one.key == "vector.lanes")
    base = throughput(graph)
    assert throughput(graph, f"vector.lanes={need.needed}") >= base * (1 - SAME)
    if need.less is not None:
        assert throughput(graph, f"vector.lanes={need.less}") < base * (1 - SAME)


def test_a_wide_array_and_a_shape_that_suits(graph):
    chip = {"array.count": 1, "array.rows": 1024, "array.columns": 4}
    found = lint(graph, "example_edge", set=chip)
    assert found.idle >= WASTED
    one = next(finding for finding in found.findings if finding.rule == "array-width")
    assert one.outcome.idle < found.idle
    assert one.change > 0.0
    assert "hold no MAC, most in" in one.message


def test_shapes_keep_or_leave_units():
    chip = load_chip("example_edge")
    units = chip.array.macs
    shapes = exchanged(chip)
    assert {"array.count": 2, "array.rows": 128} in shapes
    for changes in shapes:
        assert load_chip("example_edge", set=changes).array.macs == units
    for changes in narrower(chip):
        assert load_chip("example_edge", set=changes).array.macs < units
    lone = load_chip("inferx_x1")  # nothing may be spread over its columns
    assert not [changes for changes in exchanged(lone) if changes.get("array.columns", 1) > 1]


def test_a_dram_that_is_never_needed():
    """Everything of a small network stays in a large SRAM, and a wide link brings the pictures."""
    settings = {"sram.capacity_mib": 64, "host.link": "pcie4-x16"}
    found = lint(NETWORK, "example_edge", batch=1, set=settings)
    one = next(finding for finding in found.findings if finding.rule == "no-dram-needed")
    assert one.settings == ("dram=null",)
    run = simulate(load_network(NETWORK), load_chip("example_edge", set={**settings, "dram": None}), gains=False)
    assert one.outcome.throughput_per_s == run.throughput_per_s
    assert one.change_usd < 0.0


def test_a_power_limit_that_binds_is_what_starves():
    found = lint("resnet18", "t4", batch=64)
    one = next(finding for finding in found.findings if finding.rule == "starved" and finding.resource == "power limit")
    assert one.change >= STARVED
    assert not [finding for finding in found.findings if finding.rule == "overhead" and finding.change <= SAME]
    assert exchanged(load_chip("t4")) == narrower(load_chip("t4")) == []


def test_settings_are_what_the_command_takes():
    assert settings_of({"dram": None, "sram.capacity_mib": 2.5}) == ("dram=null", "sram.capacity_mib=2.5")


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    picture = tmp_path / "l.html"
    assert main(["lint", NETWORK, "--chip", "example_edge", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("squeezenet at 64 x 64 on Example edge chip: batch 1, int8\n")
    assert "Checked, nothing found" in out
    assert picture.exists()
    assert main(["lint", NETWORK, "--chip", "example_edge", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"rule", "settings", "change", "change_usd"} <= data["findings"][0].keys()


def test_a_block_of_ip_has_findings_without_money():
    found = lint(NETWORK, "nvdla_64")
    assert all(one.change_usd is None for one in found.findings)


@pytest.mark.parametrize(
    ("options", "message"),
    [([], "--chip: missing"), (["--chip", "t44"], "did you mean"), (["--chip", "goya"], "array: missing")],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert main(["lint", NETWORK, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_every_form_of_the_report_has_the_proofs(capsys, monkeypatch):
    """What is indented on a terminal is no less a part of the answer, and its second line is indented, too."""
    monkeypatch.setenv("COLUMNS", "60")
    line = ["lint", "squeezenet@64", "--chip", "inferx_x1"]
    assert main(line) == 0
    shown = capsys.readouterr().out
    proofs = shown.count("    --set ")
    assert proofs > 2
    passed = shown.split("Checked, nothing found\n")[1].splitlines()
    assert all(one.startswith("  ") for one in passed)
    assert main([*line, "--format", "md"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n--set ") >= proofs - 1
    assert all(" ".join(one.split()) in " ".join(told.split()) for one in passed)
