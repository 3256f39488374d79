"""The best points of a sweep and its front: sentences, the knee, what binds the rows that are shown."""

import json

import pytest

from simulator import load_chip, simulate
from simulator.cli import main
from simulator.report.points import knee
from simulator.sweeps.again import bounds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sweep") / "points"
    axes = ["--vary", "sram.capacity_mib=1,8,64", "--vary", "dram.devices=1,2"]
    assert (
        main(["sweep", "squeezenet", "--chip", "example_edge", "--set", "clock_mhz=400", *axes, "--out", str(place)])
        == 0
    )
    return place


def test_the_best_point_in_a_sentence(folder, capsys):
    assert main(["best", str(folder), "--by", "throughput_per_usd", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Most throughput per USD: ")
    assert "sram.capacity_mib=" in " ".join(lines[:2])
    assert "bound by" in lines[0] + lines[1]
    assert [line.split()[:2] for line in lines[-2:]] == [["1", "1"], ["2", "8"]]


def test_bound_by_of_shown_rows_is_that_of_a_run(folder, capsys):
    assert main(["pareto", str(folder), "--of", "throughput,cost", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    for row in rows:
        keys = {"clock_mhz": 400, "sram.capacity_mib": row["sram.capacity_mib"], "dram.devices": row["dram.devices"]}
        found = simulate("squeezenet", load_chip("example_edge", set=keys))
        assert (row["bound_by"], row["largest_loss"]) == (found.bound_by, found.largest_loss)


def test_nothing_is_told_where_the_network_or_the_plan_is_not_known(folder, tmp_path):
    plan = json.loads((folder / "plan.json").read_text())
    for change in ({"again": None}, {"network_digest": "0" * 40}, {"chip_digest": "0" * 40}):
        (tmp_path / "plan.json").write_text(json.dumps({**plan, **change}))
        assert bounds(tmp_path, [{"sram.capacity_mib": 1.0, "dram.devices": 1}]) == [None]


def test_the_knee():
    goals = ["throughput_per_s", "relative_cost"]
    rows = [{"throughput_per_s": speed, "relative_cost": cost} for speed, cost in ((1.0, 1.0), (8.0, 1.2), (10.0, 4.0))]
    assert knee(rows, goals) == 1
    assert knee(rows[:2], goals) is None
