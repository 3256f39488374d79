"""The layer graph of an ONNX file, kept on disk: asked of again, nothing is parsed, and the onnx package is not imported.

A graph is kept under a digest of all that it is made from: the file without its large weights, which nobody reads, what was
given, and the version of the onnx package. Of files beside the model it says which were named and what was read of them.
"""

import dataclasses
import hashlib
import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.graph.early import new_graph
from simulator.graph.layer import Layer
from simulator.graph.nodes import Graph
from simulator.graph.readers.beside import Beside
from simulator.graph.readers.wire import without_weights
from simulator.store import disk, plain
from simulator.store.foreign import printable

WORTH_KEEPING_S = 0.03
"""A graph that takes less to read is not written to disk. [s]"""

_USUAL = {field.name: field.default for field in dataclasses.fields(Layer)}


def onnx_graph(path: Path, given: Mapping[str, Any], size: str) -> Graph:
    """The layer graph of an ONNX file, as `read_onnx` and `layers_of` give it. Raises NetworkError, one line a fault."""
    raw, version = without_weights(path), _onnx_version()
    source = (hashlib.sha256(raw).hexdigest(), version, sorted(given.items()), size)
    name = "" if version is None else disk.name_of("network", source)
    kept = plain.load(name) if name else None
    if kept is not None:
        found = _unpacked(kept, Beside(path.parent))
        if found is not None:
            return found
    begin = time.perf_counter()
    # Imported here: a graph that is kept needs none of it.
    from simulator.graph.readers.emit import layers_of  # noqa: PLC0415
    from simulator.graph.readers.onnx_read import read_bytes  # noqa: PLC0415

    where, beside = printable(str(path)), Beside(path.parent)
    made = layers_of(read_bytes(raw, where, beside, given, size), where)
    if name and time.perf_counter() - begin > WORTH_KEEPING_S:
        plain.save(name, _packed(made, beside))
    return made


def _onnx_version() -> str | None:
    """The text that says which onnx package there is, which is not imported for it; None where it cannot be known."""
    found = importlib.util.find_spec("onnx")
    if found is None or found.origin is None:
        return None
    try:
        return Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None


def _packed(graph: Graph, beside: Beside) -> dict[str, Any]:
    """A graph, and what it took of files beside the model, as plain data."""
    layers = [
        {key: value for key in _USUAL if (value := getattr(data["layer"], key)) != _USUAL[key]}
        for _, data in graph.nodes(data=True)
    ]
    # Consumer by consumer, as they were added: the order of a layer's inputs counts.
    edges = [(producer, name, edge) for name in graph for producer, edge in graph.pred[name].items()]
    told = {key: value for key, value in graph.graph.items() if key in ("notes", "inspection", "formats")}
    return {"layers": layers, "edges": edges, "told": told, "beside": beside.told()}


def _unpacked(kept: Any, beside: Beside) -> Graph | None:
    """The graph that `_packed` took apart; None where it was another one, or where files beside the model are others now."""
    try:
        if not beside.still(kept["beside"]):
            return None
        layers = [Layer(**{key: _tupled(value) for key, value in values.items()}) for values in kept["layers"]]
        graph: Graph = new_graph(**kept["told"])
        for layer in layers:
            graph.add_node(layer.name, layer=layer)
        for producer, consumer, edge in kept["edges"]:
            graph.add_edge(producer, consumer, **edge)
        graph.graph["notes"] = tuple(graph.graph["notes"])
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return graph


def _tupled(value: Any) -> Any:
    """What was a tuple before it was JSON."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
