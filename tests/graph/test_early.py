"""Graphs that become networkx's when somebody asks: what they answer before, and that they are the same afterwards."""

import copy
import pickle
import sys
from unittest import mock

import networkx as nx
import pytest

from simulator.graph import early
from simulator.graph.build import NetworkBuilder
from simulator.graph.check import check_graph
from simulator.graph.load import network_digest, summary
from simulator.run import simulate

WITHOUT = {name: module for name, module in sys.modules.items() if name.partition(".")[0] != "networkx"}


def built():
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 8, 8, name="image"), 4, 3, padding=1, activation="relu", name="conv")
    y = net.conv(x, 4, 1, name="side")
    net.dense(net.global_pool(net.add(x, y)), 10, name="head")
    return net.build()


@pytest.fixture
def graph():
    """As a command makes it, which has not imported networkx; what is tested then has."""
    with mock.patch.dict(sys.modules, WITHOUT, clear=True):
        made = built()
    assert type(made) is early.Early
    return made


def test_it_answers_as_networkx_does(graph):
    other = built()
    assert type(other) is nx.DiGraph
    assert type(graph) is early.Early
    assert (list(graph), len(graph), "conv" in graph, "nothing" in graph) == (list(other), len(other), True, False)
    assert list(graph.nodes(data=True)) == list(other.nodes(data=True))
    assert dict(graph.nodes) == dict(other.nodes)
    assert graph.nodes & {"conv", "nothing"} == {"conv"}
    for name in other:
        assert dict(graph.pred[name]) == dict(other.pred[name])
        assert dict(graph.succ[name]) == dict(other.succ[name]) == dict(graph[name])
    assert (network_digest(graph), summary(graph)) == (network_digest(other), summary(other))
    assert early.is_digraph(graph)
    assert type(graph) is early.Early  # nothing of that needed more


@pytest.mark.parametrize(
    "ask",
    [
        lambda graph: isinstance(graph, nx.DiGraph),
        lambda graph: list(nx.topological_sort(graph)),
        lambda graph: graph.number_of_edges(),
        nx.is_directed_acyclic_graph,
        lambda graph: list(graph.edges(data=True)),
        lambda graph: list(graph.nodes(data="layer")),
        lambda graph: sorted(graph.in_degree),
        lambda graph: nx.to_dict_of_lists(nx.DiGraph(graph)),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_what_only_networkx_knows_makes_it_networkx(graph, ask, frozen):
    if frozen:
        graph = early.freeze(graph)
    assert ask(graph) == ask(built())
    assert isinstance(graph, nx.DiGraph)
    assert graph.size() == built().size()
    assert type(graph) is nx.DiGraph
    assert nx.is_frozen(graph) is frozen is early.is_frozen(graph)
    check_graph(graph, "small")
    if not frozen:
        graph.add_edge("conv", "head")
        assert graph.has_edge("conv", "head")


def test_a_frozen_one_does_not_change(graph):
    early.freeze(graph)
    for change in (lambda: graph.add_node("x"), lambda: graph.add_edge("conv", "x"), lambda: graph.remove_node("conv")):
        with pytest.raises(nx.NetworkXError, match="Frozen"):
            change()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_copies_are_equal_ones(graph, again):
    early.freeze(graph)
    other = again(graph)
    assert network_digest(other) == network_digest(built())
    assert early.is_frozen(other)
    assert type(other) is nx.DiGraph  # which is known here


def test_a_run_is_the_same(graph):
    assert simulate(graph, "inferx_x1").to_dict() == simulate(built(), "inferx_x1").to_dict()
