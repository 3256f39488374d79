"""Every command says what it is about as `run` does: the network, the size of its input, and what else is not as usual."""

import pytest

from simulator.cli import main

NET = "squeezenet@64x48"
SAID = "squeezenet at 64 x 48"

LINES = [
    f"run {NET} --chip example_edge", f"batch {NET} --chip example_edge --batch 1,2",
    f"memory {NET} --chip example_edge --sram 1,2 --dram 1", f"sensitivity {NET} --chip example_edge",
    f"lint {NET} --chip example_edge", f"explain {NET} example_edge t4",
    f"claim example_edge --network {NET} --throughput 1000", f"compare example_edge t4 --network {NET}",
    f"size {NET} --chip example_edge --at-least 10/s --vary sram.capacity_mib=1,2 --no-bundled",
    f"sweep {NET} --chip example_edge --vary clock_mhz=100,200 --out swept",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_it_is_said(line, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 0
    assert SAID in capsys.readouterr().out
    if line.startswith("sweep"):
        for command in ("best", "pareto"):
            assert main([command, "swept"]) == 0
            assert f"{SAID} on Example edge chip\n" in capsys.readouterr().out


def test_a_size_that_varies_is_none_of_the_sweep(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    line = "sweep squeezenet --chip example_edge --vary param.image_size=64,96 --out swept"
    assert main(line.split()) == 0
    assert capsys.readouterr().out.startswith("squeezenet on Example edge chip\n2 of 2 points")
