"""What is kept in memory is bounded, and what is let go is built again with equal bits."""

import gc
import sys
import threading
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest

from simulator import load_chip, load_network, sweep
from simulator.frontier import packs
from simulator.frontier.kept import Store
from simulator.graph.build import NetworkBuilder
from simulator.kept import Kept, array_bytes
from simulator.run import simulate
from simulator.schedule.pools import pool_source


@dataclass
class Record:
    one: np.ndarray
    more: dict[str, object]


def test_arrays_are_counted_once_however_deep():
    block = np.zeros(1000)
    assert array_bytes(block) == 8000
    assert array_bytes(block[:10]) == 8000  # a view holds all of it
    assert array_bytes(Record(block, {"again": block[5:], "other": [np.zeros(2), (np.zeros(3), "text")]})) == 8040
    assert array_bytes("text") == array_bytes(None) == array_bytes(Record) == 0


def test_the_least_recently_used_goes_first():
    kept = Kept(2500)
    for key in "ab":
        kept.put(key, np.zeros(125))
    assert kept.get("a") is not None
    kept.put("c", np.zeros(125))
    assert (kept.get("b"), len(kept), kept.held_bytes) == (None, 2, 2000)
    assert kept.get("a") is not None
    large = kept.put("large", np.zeros(10_000))
    assert kept.get("large") is large  # the newest stays whatever its size
    assert len(kept) == 1
    kept.drop(lambda key: key == "large")
    assert (len(kept), kept.held_bytes) == (0, 0)


def test_what_grew_since_it_was_put_is_measured_again():
    kept = Kept(10_000)
    kept.put("a", {"first": np.zeros(100)})
    kept.get("a")["second"] = np.zeros(1000)
    kept.put("b", {})
    assert kept.held_bytes == 8800


def test_threads_may_use_it_together():
    kept, faults = Kept(5000), []

    def work(seed):
        rng = np.random.default_rng(seed)
        try:
            for key in rng.integers(0, 20, 500).tolist():
                found = kept.get(key) or kept.put(key, {"start": np.zeros(10)})
                found[str(rng.integers(100))] = np.zeros(10)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.fixture(scope="module")
def network():
    net = NetworkBuilder("small")
    net.conv(net.conv(net.input(3, 32, 32), 16, 3), 32, 3)
    return nx.freeze(net.build())


@pytest.mark.parametrize("order", [("array.rows", "clock_mhz"), ("clock_mhz", "array.rows")])
def test_a_sweep_that_keeps_next_to_nothing_is_the_same(order, network, monkeypatch):
    values = {"array.rows": [8, 12, 16, 20, 24, 32], "clock_mhz": [100, 200]}
    vary = {key: values[key] for key in order}
    sets = {"schedule.overlap": "layer"}
    whole = sweep(network, "example_edge", vary, set=sets)
    module = sys.modules["simulator.schedule.pools"]
    monkeypatch.setattr(module, "_pools", Kept(1))
    monkeypatch.setattr(packs, "frontiers", Store(1))
    assert sweep(network, "example_edge", vary, set=sets).equals(whole)
    assert len(module._pools) == 1
    assert len(packs.frontiers._frontiers) <= 4  # of twelve: each thread has one in hand, not yet measured


def test_pools_are_bounded_and_go_with_their_graph(monkeypatch):
    module = sys.modules["simulator.schedule.pools"]
    monkeypatch.setattr(module, "_pools", Kept(2**40))
    graph = load_network("alexnet")
    simulate(graph, "example_edge", gains=False)
    assert len(module._pools) > 0
    del graph
    gc.collect()
    assert len(module._pools) == 0


def test_what_a_caller_has_in_hand_stays(network, monkeypatch):
    monkeypatch.setattr(sys.modules["simulator.schedule.pools"], "_pools", Kept(1))
    frozen = load_network("alexnet")
    pools = pool_source(frozen, load_chip("example_edge"), "int8")
    one, two = pools(1), pools(2)
    assert pools(1) is one
    assert pools(2) is two


def test_a_pool_that_somebody_has_is_not_built_again(monkeypatch):
    net = NetworkBuilder("in hand")
    net.dense(net.input(8, 1, 1), 4)
    graph, chip = nx.freeze(net.build()), load_chip("example_edge")
    monkeypatch.setattr(sys.modules["simulator.schedule.pools"], "_pools", Kept(1))
    held = pool_source(graph, chip, "int8")
    pool = held(2)
    held(3)  # now the newest: the other is no longer kept
    assert pool_source(graph, chip, "int8")(2) is pool
