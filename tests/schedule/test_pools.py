"""Pools that are kept are found again only by chips for which they hold: whatever field of a chip file is changed."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest
from profiles import by_night
from pydantic import ValidationError

from simulator import load_chip
from simulator.chip.change import changed_chip
from simulator.chip.schema import Architecture
from simulator.errors import InputError, ModelError
from simulator.graph.build import NetworkBuilder
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.run import simulate
from simulator.schedule import pools

OTHER = {
    "stationary": ["weights", "outputs", "inputs", "rows"],
    "managed": ["software", "cache"],
    "residency": ["optimal", "none"],
    "overlap": ["network", "layer", "none"],
    "placement": ["time", "space"],
    "holds": [["inputs", "weights", "outputs"], ["inputs", "outputs"]],
    "part": ["lpddr4-4266-x32", "ddr4-2400-x64", "hbm2-2000-x1024"],
    "fuses": [["relu"], ["relu", "add", "pool"]],
}
"""Values to change to of keys that are words."""


def network() -> Any:
    net = NetworkBuilder("keys")
    first = net.conv(net.input(3, 20, 20), 24, 3, padding=1, activation="relu")
    second = net.add(net.conv(first, 24, 3, padding=1), first)
    net.dense(net.global_pool(second), 10)
    return nx.freeze(net.build())


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key, value


def others(key: str, value: Any) -> list[Any]:
    """Values unlike the one that a chip has."""
    word = key.rsplit(".", 1)[-1]
    if word in OTHER:
        return [other for other in OTHER[word] if other != (list(value) if isinstance(value, tuple) else value)]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2, max(1, value // 2)]
    if isinstance(value, float):
        return [value * 1.5]
    return []


def answer(graph: Any, chip: Architecture) -> Any:
    try:
        return simulate(graph, chip, batch=2, precision=min(chip.array.rate)).to_dict()
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    "name", by_night(["example_edge", "tpu_v1", "eyeriss", "t4", "edge_tpu", "dpu_b4096"], ["eyeriss"])
)
def test_any_changed_field_has_the_answer_of_a_fresh_process(name: str) -> None:
    graph, chip = network(), load_chip(name)
    data = chip.model_dump(by_alias=True)
    told_apart = 0
    for key, value in leaves({k: v for k, v in data.items() if k not in ("published", "sources", "name", "aliases")}):
        for other in others(key, value):
            try:
                changed = changed_chip(chip, {key: other})
            except (InputError, ValidationError):
                continue
            pools._pools.clear()
            answer(graph, chip)  # its pools are kept
            warm = answer(graph, changed)
            pools._pools.clear()
            try:
                fresh = answer(graph, changed)
            except ModelError as error:  # no excuse for a difference
                fresh = str(error)
            assert warm == fresh, key
            told_apart += 1
    assert told_apart > 12


def test_the_floor_is_a_power_of_two_below_a_64th_of_the_sram():
    floors = [
        pools.floor_of(load_chip("inferx_x1", set={"sram.capacity_mib": mib})) for mib in (1.0, 1.5, 7.9, 8.0, 100.0)
    ]
    assert floors == [2.0**14, 2.0**14, 2.0**16, 2.0**17, 2.0**17]
    assert pools.floor_of(load_chip("t4")) == NO_FLOOR
