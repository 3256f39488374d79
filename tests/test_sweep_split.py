"""Points whose batch may be taken in parts equal one-by-one `simulate`, to the last bit; many go together."""

import dataclasses
import threading

import numpy as np
import pytest

from simulator import load_chip, simulate, sweep
from simulator.chip.schema import Architecture
from simulator.graph.build import Graph, NetworkBuilder
from simulator.schedule.pools import pool_source
from simulator.schedule.many_segments import in_order, solve_split
from simulator.schedule.many_whole import Answers, Machines
from simulator.sweep.apart import solve_apart
from simulator.sweep.groups import Variant


def chain() -> Graph:
    """Layers whose activations outgrow a small SRAM, then layers whose weights do."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(3, 24, 24), 24, 3, padding=1)
    x = net.add(x, net.conv(net.conv(x, 48, 1), 24, 3, padding=1))
    x = net.conv(net.conv(x, 48, 3, stride=2, padding=1), 96, 3, stride=2, padding=1)
    net.dense(net.dense(net.conv(x, 160, 3).flat(), 400), 100)
    return net.build()


def answers(
    network: Graph, chip: Architecture, batch: int, machines: Machines, host_s: float = 0.0
) -> tuple[Answers, Answers]:
    """The same points together and one by one."""
    variant = Variant(chip, network, batch, "int8", pool_source(network, chip, "int8"))
    return solve_split(variant, machines, host_s), solve_apart(variant, machines, host_s)


def machines(rng: np.random.Generator, kib: tuple[float, ...], each: int) -> Machines:
    """`each` chips of every SRAM size, from bound by the array to bound by memory, some without overhead."""
    count = len(kib) * each
    clock, rate = (
        np.exp(rng.uniform(np.log(1e8), np.log(2e9), count)),
        np.exp(rng.uniform(np.log(1e8), np.log(1e11), count)),
    )
    return Machines(np.tile(kib, each) * 1024.0, 1 / clock, 1 / rate, rng.choice([0.0, 1e-6], count))


def check_same(found: tuple[Answers, Answers]) -> None:
    """Compare every column."""
    for field in dataclasses.fields(Answers):
        together, apart = (getattr(one, field.name) for one in found)
        runs = np.isfinite(found[1].cold_s)  # what does not run has times alone
        assert np.array_equal(together[runs], apart[runs]), field.name
    assert np.array_equal(found[0].cold_s, found[1].cold_s)


@pytest.mark.parametrize("overlap", ["none", "layer"])
@pytest.mark.parametrize("batch", [2, 3, 6, 8])
@pytest.mark.parametrize("keep", [True, False])
def test_points_together_equal_points_one_by_one(overlap: str, batch: int, keep: bool) -> None:
    chip = load_chip("example_edge", set={"schedule.overlap": overlap, "schedule.keep_weights": keep})
    rng = np.random.default_rng(batch)
    points = machines(rng, (1.0, 12.0, 40.0, 80.0, 160.0, 500.0, 4000.0), 9)
    check_same(answers(chain(), chip, batch, points))
    check_same(answers(chain(), chip, batch, machines(rng, (60.0, 250.0), 3), host_s=1e-4))


def test_points_of_a_whole_network_equal_simulate() -> None:
    vary = {"sram.capacity_mib": [0.7, 3.0], "clock_mhz": [300, 1500], "dram.devices": [1, 2]}
    settings = {"schedule.overlap": "layer"}
    for row in sweep("resnet18", "example_edge", vary, batch=4, set=settings).to_dicts():
        chip = load_chip("example_edge", set={**settings, **{key: row[key] for key in vary}})
        found = simulate("resnet18", chip, 4, gains=False)
        for name in ("throughput_per_s", "latency_s", "dram_bytes", "load_bytes", "bound_by", "energy_per_inference_j"):
            assert row[name] == getattr(found, name), (name, row)


def test_everything_is_tried_once_and_halves_before_the_whole() -> None:
    assert in_order(2) == [("whole", 2), ("whole", 1), ("segments", 2)]
    assert in_order(3) == [("whole", 3), ("whole", 1), ("segments", 3)]
    assert in_order(12) == [
        ("whole", 12), ("whole", 6), ("whole", 3), ("whole", 1), ("segments", 3), ("whole", 2), ("segments", 6), ("whole", 4),
        ("segments", 12),
    ]  # fmt: skip


def test_an_interrupted_run_stops() -> None:
    chip = load_chip("example_edge", set={"schedule.overlap": "layer"})
    variant = Variant(chip, chain(), 2, "int8", pool_source(chain(), chip, "int8"))
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        solve_split(variant, machines(np.random.default_rng(0), (100.0,), 2), 0.0, stop)
