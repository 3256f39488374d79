"""A layer graph as it is built and read here, which becomes a `networkx.DiGraph` as soon as somebody wants one.

Importing networkx takes a tenth of a short command, and of it a command needs nodes, edges and neighbours. Where networkx is
imported already, graphs are its own from the beginning.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import networkx as nx

_CLASS: Any = object.__dict__["__class__"]
"""How an object's class is set, whatever its own `__class__` does."""


class Early:
    """What of a directed graph of networkx is asked for here, under its names. All else makes the object one of networkx."""

    frozen = False

    def __init__(self, **told: Any) -> None:
        # The names that networkx has for them: it takes them over as they are.
        self.graph: dict[str, Any] = told
        self._node: dict[str, dict[str, Any]] = {}
        self._adj: dict[str, dict[str, dict[str, Any]]] = {}
        self._succ, self._pred = self._adj, dict[str, dict[str, dict[str, Any]]]()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """As `isinstance` asks for it: to whoever knows networkx it is a graph of it, before anything else is asked for."""
        return getattr(sys.modules.get("networkx"), "DiGraph", Early)  # no such name while it is being imported

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not name.startswith("__networkx"):  # what Python asks of any object, as to copy it
            raise AttributeError(name)
        return getattr(self._become(), name)

    def __reduce__(self) -> Any:
        return _again, (dict(vars(self)),)

    def __iter__(self) -> Iterator[str]:
        return iter(self._node)

    def __len__(self) -> int:
        return len(self._node)

    def __contains__(self, name: object) -> bool:
        return name in self._node

    def __getitem__(self, name: str) -> Any:
        return self._adj[name]

    @property
    def nodes(self) -> "_Nodes":
        """The nodes, with what they carry."""
        return _Nodes(self)

    @property
    def pred(self) -> Mapping[str, Mapping[str, dict[str, Any]]]:
        """node -> what it reads -> the edge."""
        return MappingProxyType(self._pred)

    @property
    def succ(self) -> Mapping[str, Mapping[str, dict[str, Any]]]:
        """node -> what reads it -> the edge."""
        return MappingProxyType(self._succ)

    def add_node(self, node_for_adding: str, **data: Any) -> None:
        """Add a node, or to what it carries."""
        if self.frozen:
            return self._become().add_node(node_for_adding, **data)  # type: ignore[no-any-return]  # which raises
        if node_for_adding not in self._node:
            self._adj[node_for_adding], self._pred[node_for_adding] = {}, {}
            self._node[node_for_adding] = {}
        self._node[node_for_adding].update(data)
        return None

    def add_edge(self, u_of_edge: str, v_of_edge: str, **data: Any) -> None:
        """Add an edge, and the nodes at its ends where they are missing, or to what it carries."""
        if self.frozen:
            return self._become().add_edge(u_of_edge, v_of_edge, **data)  # type: ignore[no-any-return]
        for name in (u_of_edge, v_of_edge):
            if name not in self._node:
                self.add_node(name)
        edge = self._adj[u_of_edge].setdefault(v_of_edge, {})
        edge.update(data)
        self._pred[v_of_edge][u_of_edge] = edge
        return None

    def _become(self) -> Any:
        """This object, as networkx's: it has the same parts, under the same names."""
        import networkx as nx  # noqa: PLC0415

        if type(self) is Early:
            vars(self).update({**vars(nx.DiGraph()), **vars(self)})
            _CLASS.__set__(self, nx.DiGraph)
            if vars(self).pop("frozen", False):
                nx.freeze(self)  # type: ignore[arg-type]  # it is one now
        return self


class _Nodes(Mapping[str, dict[str, Any]], Set[str]):
    """The nodes of a graph: a mapping to what they carry, a set of their names, and pairs of both where it is called so."""

    def __init__(self, owner: Early) -> None:
        self._owner, self._node = owner, owner._node

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._node[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._node)

    def __len__(self) -> int:
        return len(self._node)

    def __contains__(self, name: object) -> bool:
        return name in self._node

    @classmethod
    def _from_iterable(cls, names: Iterable[str]) -> set[str]:  # type: ignore[override]
        return set(names)

    def __call__(self, *given: Any, **more: Any) -> Any:
        if not given and more == {"data": True}:
            return self._node.items()
        return self._owner._become().nodes(*given, **more)


def _again(parts: dict[str, Any]) -> Any:
    """A graph that was pickled or copied."""
    graph = Early()
    vars(graph).update(parts)
    return graph._become() if "networkx" in sys.modules else graph


if TYPE_CHECKING:
    Graph: TypeAlias = nx.DiGraph[str]  # subscripted in the stubs only
else:
    Graph: TypeAlias = Early


def new_graph(**told: Any) -> Graph:
    """An empty directed graph that carries what is told."""
    made: Any = Early(**told)
    if "networkx" in sys.modules:
        made._become()
    found: Graph = made
    return found


def is_digraph(graph: Any) -> bool:
    """Whether this is a directed graph with one edge between two nodes at most, of ours or of networkx."""
    if type(graph) is Early:
        return True
    if "networkx" not in sys.modules:  # then nobody can have made one
        return False
    import networkx as nx  # noqa: PLC0415

    return isinstance(graph, nx.DiGraph) and not graph.is_multigraph()


def freeze(graph: Graph) -> Graph:
    """The same graph, whose nodes and edges are fixed from now on."""
    early: Any = graph
    if type(early) is Early:
        early.frozen = True
        return graph
    import networkx as nx  # noqa: PLC0415

    frozen: Graph = nx.freeze(graph)
    return frozen


def is_frozen(graph: Any) -> bool:
    """Whether nodes and edges of a graph are fixed."""
    return bool(getattr(graph, "frozen", False))
