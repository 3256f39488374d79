"""Laws that every result obeys, on random small chips and networks, and on the bundled ones."""

import functools
import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, currently_in_test_context, given, note, settings
from hypothesis import strategies as st
from profiles import examples
from random_models import Graph, chips, networks

from simulator.chip.load import load_chip
from simulator.chip.schema import Architecture
from simulator.errors import InfeasibleError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.result.form import Result
from simulator.run import simulate
from simulator.vocabulary import BITS

SLACK = 1e-9
"""Relative; sums of tens of float64 terms agree to far better."""

quick = settings(
    max_examples=examples(10, 200), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
batches = st.sampled_from([1, 1, 2, 3, 4])


def tried(network: Graph, chip: Architecture, batch: int) -> Result | None:
    """The result, or None where the SRAM is too small."""
    if currently_in_test_context():
        for name, data in network.nodes(data=True):
            note(f"{data['layer']!r} <- {list(network.in_edges(name, data='operand'))}")
    try:
        return simulate(network, chip, batch=batch)
    except InfeasibleError:
        return None


def times(result: Result | None) -> tuple[float, float]:
    """(latency, period of one batch) [s]; infinite where nothing fits."""
    return (math.inf, math.inf) if result is None else (result.latency_s, result.batch / result.throughput_per_s)


def changed(chip: Architecture, section: str, **values: Any) -> Architecture:
    """The chip with some keys of one section set."""
    data = chip.model_dump(by_alias=True)
    (data if section == "" else data[section]).update(values)
    return Architecture.model_validate(data)


def in_space(chip: Architecture) -> Architecture:
    """The chip with its layers side by side, each with all of its operands in SRAM."""
    whole = changed(chip, "sram", holds=["inputs", "weights", "outputs"])
    return changed(whole, "schedule", placement="space")


def scaled(section: str, key: str) -> Callable[[Architecture, float], Architecture]:
    """A change that multiplies one key of a chip."""

    def change(chip: Architecture, factor: float) -> Architecture:
        owner = chip if section == "" else getattr(chip, section)
        return changed(chip, section, **{key: getattr(owner, key) * factor})

    return change


def more_devices(chip: Architecture, factor: float) -> Architecture:
    """More DRAM devices; a chip without DRAM stays as it is."""
    if chip.dram is None:
        return chip
    return changed(chip, "dram", devices=math.ceil(chip.dram.devices * factor))


def wider_dram(chip: Architecture, factor: float) -> Architecture:
    """Faster DRAM and a wider port to it, each where it can be changed."""
    if chip.dram is None:
        return chip
    keys = ("gb_per_s_per_device", "port_bytes_per_cycle")
    known = {key: getattr(chip.dram, key) for key in keys}
    return changed(chip, "dram", **{key: None if value is None else value * factor for key, value in known.items()})


MORE = {
    "sram": scaled("sram", "capacity_mib"),
    "ports": scaled("sram", "bytes_per_cycle"),
    "interconnect": scaled("interconnect", "bytes_per_cycle"),
    "clock": scaled("", "clock_mhz"),
    "devices": more_devices,
    "dram": wider_dram,
}


def never_slower(slow: Result | None, fast: Result | None) -> None:
    """Latency and period of `fast` are no longer than those of `slow`."""
    if currently_in_test_context():
        note(f"latency, period: {times(slow)} before, {times(fast)} after")
    for before, after in zip(times(slow), times(fast), strict=True):
        assert after <= before * (1.0 + SLACK)


@pytest.mark.parametrize("what", MORE)
@given(network=networks, chip=chips(), batch=batches, factor=st.sampled_from([1.07, 1.5, 2.0, 7.0]))
@quick
def test_more_is_never_slower(what: str, network: Graph, chip: Architecture, batch: int, factor: float) -> None:
    never_slower(tried(network, chip, batch), tried(network, MORE[what](chip, factor), batch))


@given(network=networks, chip=chips(), batch=batches)
@quick
def test_a_better_compiler_is_never_slower(network: Graph, chip: Architecture, batch: int) -> None:
    def run(**schedule: object) -> Result | None:
        return tried(network, changed(chip, "schedule", **schedule), batch)

    never_slower(run(residency="none"), run(residency="optimal"))
    never_slower(run(sub_batches=False), run(sub_batches=True))
    never_slower(run(overlap="layer"), run(overlap="network"))


@given(network=networks, chip=chips(), batch=batches)
@quick
def test_one_bound_is_below_all_that_compilers_do(network: Graph, chip: Architecture, batch: int) -> None:
    """And is what by hand no schedule avoids: MACs at peak; ends of the network, and weights that the SRAM has no room for."""
    bounds = set()
    in_space = [{"placement": "space"}] if len(chip.sram.holds) == 3 else []
    for schedule in ({"residency": "none"}, {"keep_weights": False}, {"overlap": "network"}, *in_space):
        result = tried(network, changed(chip, "schedule", **schedule), batch)
        if result is not None:
            bounds.add(result.lower_bound_s)
            assert min(times(result)) >= result.lower_bound_s * (1.0 - SLACK)
    assert len(bounds) <= 1


def test_the_bound_by_hand() -> None:
    """A layer of 1,000,000 weights on a chip with room for 262,144 of them."""
    net = NetworkBuilder("dense")
    net.dense(net.input(1000), 1000, bias=False)
    sets = {"sram.capacity_mib": 0.25, "dram.devices": 1, "dram.measured_efficiency": 1.0}
    for keep in (True, False):
        found = simulate(net.build(), load_chip("example_edge", set={**sets, "schedule.keep_weights": keep}))
        bandwidth = load_chip("example_edge", set=sets).outer_bytes_per_s
        assert bandwidth is not None
        assert found.lower_bound_s == pytest.approx((1000 + 1000 + 1_000_000 - 262_144) / bandwidth, rel=1e-12)
        assert found.latency_s > found.lower_bound_s


@given(network=networks, chip=chips(), batch=st.sampled_from([1, 2, 3]))
@quick
def test_twice_the_batch_takes_at_most_twice_the_time(network: Graph, chip: Architecture, batch: int) -> None:
    """With sub-batches: a chip may always run the two halves one after the other."""
    chip = changed(chip, "schedule", residency="optimal", sub_batches=True)
    once, twice = tried(network, chip, batch), tried(network, chip, 2 * batch)
    assert times(twice)[1] <= 2.0 * times(once)[1] * (1.0 + SLACK)


@given(network=networks, chip=chips(), batch=batches)
@quick
def test_bounds_and_sums(network: Graph, chip: Architecture, batch: int) -> None:
    result = tried(network, chip, batch)
    if result is not None:
        check(result, network, chip)


def check(result: Result, network: Graph, chip: Architecture) -> None:
    """Bounds, shares and sums of one result."""
    latency_s, period_s = times(result)
    never_faster(result, network, chip)
    assert sum(layer.dram_bytes for layer in result.layers) == pytest.approx(result.dram_bytes, rel=1e-12)
    assert sum(layer.macs for layer in result.layers) == result.macs
    at_once = sum if chip.schedule.placement == "space" else max  # in space all stages have their room together
    assert at_once(layer.sram_bytes for layer in result.layers) >= result.sram_bytes >= 0.0
    assert max(layer.sram_bytes for layer in result.layers) <= result.sram_bytes
    assert result.sram_bytes <= chip.sram.capacity_bytes
    assert sum(layer.latency_s for layer in result.layers) == pytest.approx(latency_s, rel=1e-12)
    assert sum(result.waterfall.values()) == pytest.approx(latency_s, rel=1e-12)
    assert sum(result.waterfall_period.values()) == pytest.approx(period_s, rel=1e-12)
    for layer in result.layers:
        assert sum(layer.waterfall.values()) == pytest.approx(layer.latency_s, rel=1e-12, abs=1e-12 * latency_s)
        assert 0.0 <= layer.utilisation <= 1.0
        assert layer.latency_s >= 0.0
        assert layer.dram_bytes >= 0.0
    for parts in (result.waterfall, result.waterfall_period, *(layer.waterfall for layer in result.layers)):
        assert min(parts.values()) >= 0.0
    assert 0.0 <= result.utilisation <= 1.0
    for part, total in result.waterfall.items():
        by_layer = sum(layer.waterfall.get(part, 0.0) for layer in result.layers)
        assert by_layer == pytest.approx(total, rel=1e-9, abs=1e-12 * latency_s)


def never_faster(result: Result, network: Graph, chip: Architecture) -> None:
    """No schedule does the MACs faster than all units, nor moves inputs, outputs and weights faster than the memory."""
    assert chip.array is not None
    latency_s, period_s = times(result)
    layers = [network.nodes[name]["layer"] for name in network]
    units = chip.macs * next(rate for word, rate in chip.array.rate.items() if word == result.precision)
    macs = result.batch * sum(layer.macs for layer in layers)
    assert result.macs == macs
    assert result.macs_executed <= macs * 1.78  # edges of Winograd: one output takes the 16 products of four
    compute_s = result.macs_executed / units / chip.clock_hz
    assert min(latency_s, period_s) >= compute_s * (1.0 - SLACK)
    weights = sum(layer.weight_elements for layer in layers if layer.kind != "matmul")
    memory = chip.outer_bytes_per_s
    assert memory is not None
    width = BITS[result.precision] / 8
    outputs = result.batch * sum(
        network.nodes[name]["layer"].output_elements for name in network if network.out_degree(name) == 0
    )
    assert latency_s >= result.lower_bound_s * (1.0 - SLACK)
    assert period_s >= ((outputs + weights) * width - result.load_bytes) / memory * (1.0 - SLACK)


def text(result: Result) -> str:
    return json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("what", MORE)
@given(network=networks, chip=chips(), batch=batches, factor=st.sampled_from([1.07, 2.0, 7.0]))
@settings(quick, max_examples=examples(15))
def test_the_laws_hold_in_space(what: str, network: Graph, chip: Architecture, batch: int, factor: float) -> None:
    """Layers side by side on parts of the chip instead of one after another."""
    chip = in_space(chip)
    result = tried(network, chip, batch)
    if result is not None:
        check(result, network, chip)
    never_slower(result, tried(network, MORE[what](chip, factor), batch))


@given(network=networks, chip=chips(), batch=batches)
@settings(quick, max_examples=examples(20))
def test_the_same_input_gives_the_same_bytes(network: Graph, chip: Architecture, batch: int) -> None:
    first = tried(network, chip, batch)
    again = tried(nx.freeze(network.copy()), chip.model_copy(), batch)
    assert (first is None) == (again is None)
    if first is not None and again is not None:
        assert text(first) == text(again)


BUNDLED = [
    ("resnet50", "example_edge", 1),
    ("resnet50", "inferx_x1", 2),
    ("mobilenet_v2", "dpu_b4096", 1),
    ("bert_base", "tpu_v1", 4),
    ("alexnet", "eyeriss", 1),
    ("resnet18", "groq_tsp", 1),
    ("resnet50_v1", "nvdla_256", 1),
]


@functools.cache
def bundled(network: str) -> Graph:
    return load_network(network)


def run_bundled(network: str, chip: Architecture, batch: int) -> Result | None:
    assert chip.array is not None
    try:
        return simulate(bundled(network), chip, batch=batch, precision=next(iter(chip.array.rate)))
    except InfeasibleError:
        return None


@pytest.mark.parametrize(("network", "name", "batch"), BUNDLED)
def test_bundled_networks_on_bundled_chips(network: str, name: str, batch: int) -> None:
    chip = load_chip(name)
    result = run_bundled(network, chip, batch)
    assert result is not None
    check(result, bundled(network), chip)
    for change in (MORE["sram"], MORE["clock"], MORE["devices"]):
        never_slower(result, run_bundled(network, change(chip, 2.0), batch))


FRESH = """
import hashlib, json, sys
from simulator.chip.load import load_chip
from simulator.run import simulate
from simulator.vocabulary import BITS
for network, name, batch in json.loads(sys.argv[1]):
    chip = load_chip(name)
    result = simulate(network, chip, batch=batch, precision=next(iter(chip.array.rate)))
    print(hashlib.sha256(json.dumps(result.to_dict(), allow_nan=False).encode()).hexdigest())
"""


def test_a_fresh_process_gives_the_same_bytes() -> None:
    """Nor do a warm store of frontiers, the order of the runs, or the seed of Python's hashes change anything."""
    ours = []
    for network, name, batch in BUNDLED:
        result = run_bundled(network, load_chip(name), batch)
        assert result is not None
        ours.append(hashlib.sha256(text(result).encode()).hexdigest())
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", FRESH, json.dumps(BUNDLED[::-1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ours[::-1]
