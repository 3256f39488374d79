"""The bundled networks in a row each, as `rooftile networks` lists them."""

from typing import Any

from simulator.graph.language import decoders
from simulator.graph.load import load_network, network_parameters, summary
from simulator.store.bundled import networks
from simulator.store.digest import networks_digest
from simulator.store.plain import kept


def bundled_rows() -> list[dict[str, Any]]:
    """A row a bundled network, by name; kept on disk, since building all of them takes a second."""
    found: list[dict[str, Any]] = kept("summaries", networks_digest(), _rows)
    return found


def _rows() -> list[dict[str, Any]]:
    """The rows, of networks built now."""
    rows: list[dict[str, Any]] = []
    for name in networks():
        if name in decoders():  # told by its description: the graph depends on prompt and context
            decoder = decoders()[name]
            told = {"parameters": decoder.parameters, "layers": decoder.layers, "cache_values": decoder.cache_values(1)}
            rows.append({"name": name, "macs": None, **told, "keywords": network_parameters(name), "plugin": None})
            continue
        graph = load_network(name)
        rows.append({"name": name, **summary(graph), "keywords": graph.graph["parameters"], "plugin": None})
    return rows
