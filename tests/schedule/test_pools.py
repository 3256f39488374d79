"""Pools that are kept are found again only by chips for which they hold: whatever field of a chip file is changed."""

import functools
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
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
from simulator.store.memory import Memory
from simulator.sweeps.ranges import chip_keys

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

ENGINE = ("simulator.frontier", "simulator.lower", "simulator.schedule")


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


def unset(data: Any) -> Iterator[str]:
    """Keys that a chip file may have and this one has not."""
    known = dict(leaves(data))
    for key in chip_keys():
        if known.get(key) is None and not key.startswith(("published.", "sources.", "variants.")):
            yield key


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
    return [16, True] if value is None else []


def answer(graph: Any, chip: Architecture) -> Any:
    try:
        return simulate(graph, chip, batch=2, precision=min(chip.array.rate)).to_dict()
    except InputError as error:
        return str(error)


def keepers() -> list[Callable[[], Any]]:
    """What empties each memory of the rooms whose answers hang on a chip."""
    found: list[Callable[[], Any]] = []
    for held in gc.get_objects():
        if isinstance(held, Memory):
            found.append(held.clear)
        elif isinstance(held, functools._lru_cache_wrapper) and held.__module__.startswith(ENGINE):
            found.append(held.cache_clear)
    return found


@pytest.mark.parametrize(
    "name", by_night(["example_edge", "tpu_v1", "eyeriss", "t4", "edge_tpu", "dpu_b4096"], ["eyeriss"])
)
def test_any_changed_field_has_the_answer_of_a_fresh_process(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path / "file"))  # nothing is kept on disk
    graph, chip = network(), load_chip(name)
    data = chip.model_dump(by_alias=True)
    own = {k: v for k, v in data.items() if k not in ("published", "sources", "name", "aliases")}
    asked = []
    for key, value in [*leaves(own), *((key, None) for key in unset(own))]:
        for other in others(key, value):
            try:
                changed = changed_chip(chip, {key: other})
            except (InputError, ValidationError):
                continue
            if changed != chip:
                asked.append((key, other, changed))
    answer(graph, chip)  # what it is made of is kept
    warm = [answer(graph, changed) for *_, changed in asked]
    assert [answer(graph, changed) for *_, changed in asked[::-1]][::-1] == warm
    forget = keepers()
    for (key, other, changed), found in zip(asked, warm, strict=True):
        for each in forget:
            each()
        try:
            fresh = answer(network(), changed)
        except ModelError as error:  # no excuse for a difference
            fresh = str(error)
        assert found == fresh, (key, other)
    assert len({str(found) for found in warm}) > 20


def test_the_floor_is_a_power_of_two_below_a_64th_of_the_sram():
    floors = [
        pools.floor_of(load_chip("inferx_x1", set={"sram.capacity_mib": mib})) for mib in (1.0, 1.5, 7.9, 8.0, 100.0)
    ]
    assert floors == [2.0**14, 2.0**14, 2.0**16, 2.0**17, 2.0**17]
    assert pools.floor_of(load_chip("t4")) == NO_FLOOR
