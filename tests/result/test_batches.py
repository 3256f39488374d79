"""A batch of N never takes longer than N runs of one: it may run in equal parts, one after another, on every chip."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import by_night, examples
from random_models import Graph, chips, networks
from test_laws import changed, in_space, times, tried

from simulator import load_chip, load_network, simulate, sweep
from simulator.chip.library import bundled_entries
from simulator.chip.schema import Architecture
from simulator.graph.build import NetworkBuilder
from simulator.schedule.program import Program

SLACK = 1e-9
quick = settings(
    max_examples=examples(10, 200), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(network=networks, chip=chips(), batch=st.sampled_from([2, 3, 4, 6, 8, 12]), space=st.booleans())
@quick
def test_a_batch_is_no_slower_than_its_items(network: Graph, chip: Architecture, batch: int, space: bool) -> None:
    chip = in_space(chip) if space else chip
    one, many = times(tried(network, chip, 1)), times(tried(network, chip, batch))
    for alone, together in zip(one, many, strict=True):
        assert together <= batch * alone * (1.0 + SLACK)


@given(network=networks, chip=chips(), batch=st.sampled_from([2, 3, 4, 6, 8, 12]))
@quick
def test_the_best_of_all_parts(network: Graph, chip: Architecture, batch: int) -> None:
    """The naive twin: every size that divides the batch, run as a whole; no bound leaves any out."""
    chip = changed(chip, "schedule", sub_batches=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "parts", lambda *_: [])
        sizes = [size for size in range(1, batch + 1) if batch % size == 0]
        least_s = min(batch // size * times(tried(network, chip, size))[1] for size in sizes)
    assert times(tried(network, chip, batch))[1] == pytest.approx(least_s, rel=2e-9)


def small() -> Graph:
    """Layers of many activations, then of many weights."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 56, 56), 24, 3, stride=2, padding=1, activation="relu")
    x = net.depthwise(net.conv(x, 72, 1), 3, stride=2, padding=1, activation="relu")
    x = net.add(x, net.conv(x, 72, 3, padding=1))
    net.dense(net.dense(x.flat(), 96), 1000)
    return net.build()


SIMULABLE = [name for name, entry in bundled_entries().items() if entry.architecture]
BY_DAY = ("dpu_b4096", "edge_tpu", "eyeriss", "groq_tsp", "inferx_x1", "l4", "nvdla_64", "t4", "tpu_v1")


@pytest.mark.parametrize("name", by_night(SIMULABLE, BY_DAY))
def test_bundled_chips(name: str) -> None:
    chip = load_chip(name)
    assert chip.array is not None
    precision = next(iter(chip.array.rate))
    long = [load_network("squeezenet", image_size=64)] if name in ("ncore", "nvdla_64", "t4", "jetson_nano") else []
    for network in (small(), *long):
        one = times(simulate(network, chip, 1, precision, gains=False))
        for batch in (2, 5, 6):
            many = times(simulate(network, chip, batch, precision, gains=False))
            assert all(after <= batch * before * (1.0 + SLACK) for before, after in zip(one, many, strict=True))


def test_the_chip_whose_activations_spill() -> None:
    """Eight at once would spill over the link; two times four do not."""
    network = load_network("mobilenet_v2", image_size=160)
    rates = [simulate(network, "edge_tpu", batch, gains=False).throughput_per_s for batch in (1, 4, 8)]
    assert [round(rate) for rate in rates] == [901, 1289, 1289]
    found = simulate(network, "edge_tpu", 8)
    assert "the batch runs in 2 equal parts of 4, one after another: faster than at once" in found.notes
    assert {layer.tiling["sub_batches"] for layer in found.layers if "fold" in layer.tiling or layer.macs} == {2}
    assert math.fsum(layer.latency_s for layer in found.layers) == pytest.approx(found.latency_s, rel=1e-12)
    assert min(found.gain_if_infinite.values()) >= 0.0


@pytest.mark.parametrize(
    ("name", "vary"),
    [
        ("edge_tpu", {"clock_mhz": [200, 900], "sram.capacity_mib": [0.5, 2]}),
        ("nvdla_64", {"clock_mhz": [100, 300, 500, 700, 900, 1100, 1300], "overhead_us": [0, 3]}),
        ("t4", {"power_limit_w": [35, 70], "clock_mhz": [400, 900, 1590]}),
    ],
)
def test_points_of_a_sweep_run_in_the_same_parts(name: str, vary: dict[str, list[float]]) -> None:
    network = load_network("squeezenet", image_size=96)
    for row in sweep(network, name, vary, batch=6).to_dicts():
        found = simulate(network, load_chip(name, set={key: row[key] for key in vary}), 6, gains=False)
        for figure in ("throughput_per_s", "latency_s", "dram_bytes", "load_bytes", "power_w"):
            assert row[figure] == getattr(found, figure)
