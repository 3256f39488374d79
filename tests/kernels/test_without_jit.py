"""The whole program on a tiny network, with the compiler and without: the same figures to the last bit.

Marked `kernel`, so that every search and programme also runs as plain Python, and with bounds checks.
"""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from profiles import by_night

from simulator import load_chip, simulate
from simulator.graph.build import NetworkBuilder
from simulator.result.form import Result

CASES: list[dict[str, Any]] = [
    {"array.stationary": stationary, "schedule.overlap": overlap}
    for stationary, overlap in product(("weights", "outputs"), ("none", "layer", "network"))
]
CASES += [
    {"array.stationary": "inputs", "sram.capacity_mib": 0.005},
    {"array.stationary": "rows", "interconnect.multicast": False},
    {"array.unroll.count": ["pixels"], "array.accumulator_kib": 0.25, "array.weights_double_buffered": False},
    {"schedule.placement": "space", "array.count": 8},
    {"schedule.placement": "space", "array.count": 8, "sram.capacity_mib": 0.001},
]
"""Changes to the example chip, whose SRAM is made small enough to matter."""


def run(changes: dict[str, Any], batch: int = 4) -> Result:
    """A residual block and a dense layer; tensors of a few hundred bytes, so that a search takes well under a second."""
    net = NetworkBuilder("tiny")
    x = net.conv(net.input(4, 5, 5), 8, 3, padding=1, activation="relu")
    x = net.add(x, net.conv(x, 8, 1), activation="relu")
    net.dense(net.global_pool(x), 10)
    chip = load_chip("example_edge", set={"sram.capacity_mib": 0.02, **changes})
    return simulate(net.build(), chip, batch=batch)


ALIKE = [CASES[2], CASES[8], CASES[10]]
"""Weights fetched ahead, pixels on the arrays, and layers side by side that do not all fit."""
NAMES = [" ".join(map(str, changes.values())) for changes in CASES]
BY_DAY = ("weights network", "outputs layer", *NAMES[6:10])


def figures() -> str:
    """Everything about these cases, as text: plain Python takes seconds for each."""
    return json.dumps([run(changes).to_dict() for changes in ALIKE])


@pytest.fixture(autouse=True)
def _searched_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frontiers kept on disk by an earlier run would leave nothing to search."""
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))


@pytest.mark.kernel
@pytest.mark.parametrize("name", by_night(NAMES, BY_DAY))
def test_sums_and_bounds(name: str) -> None:
    result = run(CASES[NAMES.index(name)])
    assert result.latency_s >= result.lower_bound_s
    assert result.batch / result.throughput_per_s <= result.latency_s * (1 + 1e-12)
    assert sum(result.waterfall.values()) == pytest.approx(result.latency_s, rel=1e-12)
    assert sum(layer.dram_bytes for layer in result.layers) == pytest.approx(result.dram_bytes, rel=1e-12)
    assert result.macs == 4 * (8 * 4 * 9 * 25 + 8 * 8 * 25 + 8 * 10)


def test_the_compiler_changes_no_bit(tmp_path: Path) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("this process has no compiler to compare with")
    path = os.pathsep.join(sys.path)
    environment = {
        **os.environ, "NUMBA_DISABLE_JIT": "1", "ROOFTILE_CACHE_DIR": str(tmp_path / "plain"), "PYTHONPATH": path,
    }  # fmt: skip
    command = [sys.executable, __file__]
    plain = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert plain == figures() + "\n"


if __name__ == "__main__":
    print(figures())
