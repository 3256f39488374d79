"""What a run pays each time: weights that are fetched again, the host's call; and groups on a systolic array."""

import math

import pytest
from naive_array import layer_steps

from simulator import load_chip, load_network, simulate, sweep
from simulator.frontier.grid.search import frontier
from simulator.frontier.grid.unrolling import unrollings
from simulator.graph.build import NetworkBuilder
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

DENSE = {"schedule.overlap": "layer", "schedule.sub_batches": False}


def dense(width: int = 512) -> NetworkBuilder:
    net = NetworkBuilder("dense")
    net.dense(net.input(width, 1, 1), width)
    return net


def test_weights_that_are_not_kept_come_with_every_run() -> None:
    graph = dense().build()
    kept = simulate(graph, load_chip("example_edge", set=DENSE))
    fetched = simulate(graph, load_chip("example_edge", set={**DENSE, "schedule.keep_weights": False}))
    assert (kept.load_bytes, kept.dram_bytes) == (512 * 512, 2 * 512)
    assert (fetched.load_bytes, fetched.dram_bytes) == (0.0, 512 * 512 + 2 * 512)
    assert fetched.latency_s > kept.latency_s
    assert fetched.lower_bound_s == kept.lower_bound_s  # of the chip, whatever its compiler does


@pytest.mark.parametrize("dram", [True, False])
@pytest.mark.parametrize("placement", ["time", "space"])
def test_a_call_adds_to_the_latency_alone(dram: bool, placement: str) -> None:
    chip = "example_edge" if dram else "edge_tpu"
    keys = {"schedule.placement": placement}
    graph = dense(64).build()
    plain, called = (simulate(graph, load_chip(chip, set={**keys, "call_us": us})) for us in (0, 250))
    assert called.latency_s == pytest.approx(plain.latency_s + 250e-6, rel=1e-12)
    assert called.throughput_per_s == plain.throughput_per_s
    assert called.waterfall["host_s"] == pytest.approx(plain.waterfall["host_s"] + 250e-6, rel=1e-12)
    assert math.fsum(layer.latency_s for layer in called.layers) == pytest.approx(called.latency_s, rel=1e-12)


def test_a_sweep_pays_the_call_too() -> None:
    graph, chip = dense(64).build(), load_chip("edge_tpu")
    table = sweep(graph, chip, {"call_us": [0.0, 40.0], "schedule.keep_weights": [True, False]})
    for row in table.to_dicts():
        keys = {key: row[key] for key in ("call_us", "schedule.keep_weights")}
        one = simulate(graph, load_chip("edge_tpu", set=keys), gains=False)
        assert (row["latency_s"], row["throughput_per_s"]) == (one.latency_s, one.throughput_per_s)


@pytest.mark.parametrize("systolic", [True, False])
def test_groups_of_a_systolic_array_have_rows_of_their_own(systolic: bool) -> None:
    # 16 x 8 units, depthwise 3 x 3 of 20 channels. Systolic: groups times reduction at most 16 rows, so five groups with a
    # third of their nine products each, 4 x 3 folds, are the best; with broadcast 3 steps of 7 of the 20 groups on 8 columns.
    spec = ArraySpec(1, 16, 8, "weights", ("reduction",), ("out_channels", "groups"), (), systolic=systolic)
    shape = Shape((20, 1, 1, 1, 4, 4, 3, 3), padding=(1, 1), plane=(4, 4))
    for factors in unrollings(shape.extents, spec).factors.tolist():
        assert not systolic or factors[0] * factors[8] <= 16
    most, products = (5, 3) if systolic else (7, 9)
    steps = layer_steps(
        {"G": 20, "N": 1, "K": 1, "C": 1, "P": 4, "Q": 4, "R": 3, "S": 3},
        {"g": 20, "n": 1, "k": 1, "c": 1, "p": 4, "q": 4},
        {"groups": most, "reduction": products},
    )
    found = frontier(shape, spec)
    fills = 0 if not systolic else 4 * 3 * (16 + 8 - 2) - 1
    assert found.cycles.min() == steps + fills


def test_a_published_call_is_part_of_what_one_query_waits_for() -> None:
    chip = load_chip("ncore")
    assert chip.call_s == pytest.approx(220e-6)
    assert simulate(load_network("squeezenet"), chip, gains=False).latency_s > chip.call_s
