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
from simulator.graph.told import told_of
from simulator.run import simulate
from simulator.schedule.pools import pool_source
from simulator.store.memory import Memory, Statistics, array_bytes, of_each, one_each, remembered
from simulator.sweeps import groups, run


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
    kept = Memory(2500)
    for key in "ab":
        kept.put(key, np.zeros(125))
    assert kept.get("a") is not None
    kept.put("c", np.zeros(125))
    assert (kept.get("b"), len(kept), kept.held) == (None, 2, 2000)
    assert kept.get("a") is not None
    large = kept.put("large", np.zeros(10_000))
    assert kept.get("large") is large  # the newest stays whatever its size
    assert len(kept) == 1
    kept.drop(lambda key: key == "large")
    assert (len(kept), kept.held) == (0, 0)


def test_what_grew_since_it_was_put_is_measured_again():
    kept = Memory(10_000)
    kept.put("a", {"first": np.zeros(100)})
    kept.get("a")["second"] = np.zeros(1000)
    kept.put("b", {})
    assert kept.held == 8800


def test_the_order_of_use_stays_when_values_are_measured_anew():
    kept = Memory(3000)
    for key in "abc":
        kept.put(key, np.zeros(100))
    for key in "bac":
        kept.get(key)
    kept.put("d", np.zeros(100))  # beyond the bound: b goes, which was used longest ago
    assert [kept.get(key) is not None for key in "abcd"] == [True, False, True, True]


def test_a_memory_by_number_keeps_so_many():
    kept = Memory(2, one_each)
    for key in "abc":
        kept.put(key, np.zeros(1000))
    assert [kept.get(key) is not None for key in "abc"] == [False, True, True]
    assert kept.statistics == Statistics(hits=2, misses=1, evictions=1, values=2, held=2)


def test_a_function_with_a_memory_is_asked_once():
    asked = []

    @remembered(1000)
    def answer(size, *, plus=0):
        asked.append((size, plus))
        return np.zeros(size + plus)

    assert answer(3) is answer(3)
    assert answer(3, plus=1) is answer(3, plus=1)
    assert len(answer(200)) == 200  # too large for all that is kept beside it
    answer(3)
    assert asked == [(3, 0), (3, 1), (200, 0), (3, 0)]
    assert answer.memory.statistics.held == 24
    answer.memory.clear()
    assert answer.memory.statistics.values == 0


def test_threads_may_use_it_together():
    kept, faults = Memory(5000), []

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
    own = []

    def small(most, *how):
        own.append(Memory(most if one_each in how else 1, *how))
        return own[-1]

    monkeypatch.setattr(groups, "Memory", small)
    monkeypatch.setattr(packs, "frontiers", Store(1))
    assert sweep(network, "example_edge", vary, set=sets).equals(whole)
    assert [len(each) for each in own if each.most == 1] == [1]
    assert len(packs.frontiers._frontiers) <= 4  # of twelve: each thread has one in hand, not yet measured


def test_sweeps_side_by_side_leave_the_pools_of_others_alone(network, monkeypatch):
    """Both are within their points at the same time; the first to begin is the first to end."""
    module = sys.modules["simulator.schedule.pools"]
    before = module._pools.most
    both, first_done, found = threading.Barrier(2, timeout=120), threading.Event(), {}
    fill = run.fill

    def together(*args, **options):
        name = threading.current_thread().name
        if name in ("first", "second"):  # the one point that each solves on its own thread
            both.wait()
            assert module._pools.most == before
            if name == "second":
                assert first_done.wait(120)
        return fill(*args, **options)

    def work(rows):
        found[rows] = sweep(network, "example_edge", {"array.rows": [rows], "clock_mhz": [100, 200]})
        if threading.current_thread().name == "first":
            first_done.set()

    monkeypatch.setattr(run, "fill", together)
    threads = [threading.Thread(target=work, args=(rows,), name=name) for rows, name in ((8, "first"), (16, "second"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert module._pools.most == before
    for rows in (8, 16):
        assert found[rows].equals(sweep(network, "example_edge", {"array.rows": [rows], "clock_mhz": [100, 200]}))


def test_pools_are_bounded_and_go_with_their_graph(monkeypatch):
    module = sys.modules["simulator.schedule.pools"]
    monkeypatch.setattr(module, "_pools", Memory(2**40))
    graph = load_network("alexnet")
    simulate(graph, "example_edge", gains=False)
    assert len(module._pools) > 0
    del graph
    gc.collect()
    assert len(module._pools) == 0


def test_what_a_caller_has_in_hand_stays(network, monkeypatch):
    monkeypatch.setattr(sys.modules["simulator.schedule.pools"], "_pools", Memory(1))
    frozen = load_network("alexnet")
    pools = pool_source(frozen, load_chip("example_edge"), "int8")
    one, two = pools(1), pools(2)
    assert pools(1) is one
    assert pools(2) is two


def test_a_pool_that_somebody_has_is_not_built_again(monkeypatch):
    net = NetworkBuilder("in hand")
    net.dense(net.input(8, 1, 1), 4)
    graph, chip = nx.freeze(net.build()), load_chip("example_edge")
    monkeypatch.setattr(sys.modules["simulator.schedule.pools"], "_pools", Memory(1))
    held = pool_source(graph, chip, "int8")
    pool = held(2)
    held(3)  # now the newest: the other is no longer kept
    assert pool_source(graph, chip, "int8")(2) is pool


def test_what_is_said_of_an_object_is_kept_for_that_object_alone():
    asked = []
    told = of_each(2)(lambda one: asked.append(one) or len(asked))
    same, other, third = [], [], []  # equal, but not one
    assert [told(same), told(other), told(same), told(third), told(same), told(other)] == [1, 2, 1, 3, 1, 4]


def test_what_layers_are_is_kept_of_fixed_graphs_alone():
    net = NetworkBuilder("open", formats={"weights": "int4"})
    net.dense(net.input(8, 1, 1), 4)
    graph = net.build()
    assert told_of(graph) == ({"input", "dense"}, True)
    graph.remove_node(list(graph)[1])
    assert told_of(graph).kinds == {"input"}
    nx.freeze(graph)
    assert told_of(graph) is told_of(graph)
