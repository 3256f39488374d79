"""Where tensors come from and go: states in the outer memory, slices, and what the builder says of them."""

import pytest

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.graph.check import check_graph
from simulator.graph.load import network_digest


def attention(origin: str = "state") -> Graph:
    """One query against 32 rows of a cache in two heads, and a key that is written to it."""
    net = NetworkBuilder("attention")
    x = net.input(16, 1)
    cache = net.input(16, 32, name="cache", origin=origin)
    key = net.dense(x, 16, bias=False, name="key")
    net.output(key, origin=origin, into=cache if origin == "state" else None)
    query = net.dense(x, 16, bias=False, name="query")
    net.matmul(query, cache, heads=2, transposed=True, name="scores")
    return net.build()


def test_a_state_and_what_is_written_to_it_are_marked() -> None:
    graph = attention()
    check_graph(graph, "attention")
    assert graph.nodes["cache"]["layer"].is_state_input
    assert (graph.nodes["key"]["layer"].origin, graph.nodes["key"]["layer"].into) == ("state", "cache")
    plain = attention("host")
    assert not plain.nodes["cache"]["layer"].is_state_input
    assert network_digest(plain) != network_digest(graph)


def test_state_is_an_input_of_that_origin() -> None:
    net = NetworkBuilder("two")
    first, second = net.state(4, 2), net.input(4, 2, name="other", origin="state")
    net.add(first, second)
    graph = net.build()
    assert graph.nodes[first.name]["layer"].is_state_input
    assert graph.nodes["other"]["layer"].is_state_input


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda net, x, state: net.input(4, origin="dram"), "origin: must be one of host, state, got 'dram'"),
        (lambda net, x, state: net.output(x, origin="state"), "output: must be the output of a layer of this builder"),
        (lambda net, x, state: net.output(Output("y", 4)), "output: must be the output of a layer of this builder"),
        (lambda net, x, state: net.output(net.dense(x, 4), into=state), "into: must be a state of this builder"),
        (lambda net, x, state: net.output(net.dense(x, 4), origin="state", into=x), "into: must be a state of this"),
        (lambda net, x, state: net.embedding(x, 4, table_rows=-1), "table_rows: must be a whole number of at least 1"),
        (lambda net, x, state: net.add(x.part(3), x.part(3)), "must be different nodes, got one twice"),
    ],
)
def test_faults_of_origins_are_one_line(build, words) -> None:  # type: ignore[no-untyped-def]
    net = NetworkBuilder("net")
    x, state = net.input(4, name="x"), net.state(4, name="kept")
    with pytest.raises(NetworkError, match=r"^net: ") as caught:
        build(net, x, state)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_vector_work_says_how_much_of_a_tensor_it_reads() -> None:
    net = NetworkBuilder("slices")
    gates = net.dense(net.input(8, 4), 32, bias=False, name="gates")
    net.vector("sigmoid", gates.part(8), name="quarter")
    net.vector("mul", gates.part(16), gates.part(16), name="halves")
    net.vector("tanh", gates, name="all")
    net.dense(gates.part(8), 4, name="product")
    graph = net.build()
    check_graph(graph, "slices")
    said = {name: graph.edges["gates", name].get("elements") for name in ("quarter", "halves", "all", "product")}
    assert said == {"quarter": 32, "halves": None, "all": None, "product": None}


def test_a_table_of_words_counts_where_its_rows_are_given() -> None:
    net = NetworkBuilder("words")
    net.embedding(net.input(1, 5), 8, table_rows=100, name="table")
    net.embedding(net.input(1, 5, name="other"), 8, name="untold")
    graph = net.build()
    assert [graph.nodes[name]["layer"].parameters for name in ("table", "untold")] == [800, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"elements": 0}, "elements: must be a whole number of 1 to 16, got 0"),
        ({"elements": 17}, "elements: must be a whole number of 1 to 16, got 17"),
        ({"elements": True}, "elements: must be a whole number of 1 to 16, got True"),
    ],
)
def test_a_share_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    net = NetworkBuilder("net")
    net.vector("relu", net.input(16, name="x"), name="y")
    graph = net.build()
    graph.edges["x", "y"].update(change)
    with pytest.raises(NetworkError, match="x -> y") as caught:
        check_graph(graph, "net")
    assert words in str(caught.value)
