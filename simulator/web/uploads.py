"""Files of others: sent ones stay in memory; a process reads them, which is ended when it takes too long or too much."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import simulator
from simulator.errors import ChipError, NetworkError
from simulator.graph.build import Graph
from simulator.graph.check import check_graph
from simulator.graph.early import freeze, new_graph
from simulator.graph.layer import Layer
from simulator.graph.load import load_network, network_named
from simulator.graph.readers.files import SUFFIXES
from simulator.store.foreign import printable

SECONDS = 30
"""That a file may take to be read."""

MEMORY_BYTES = 3 * 2**30
"""That reading it may take, libraries and all."""

MOST_KEPT_BYTES = 256_000_000
"""Of files that were sent; the oldest go first."""

MOST_GRAPHS = 64
"""Networks that stay read."""

MOST_SIZES = 64
"""Open sizes that are given for a file."""

STEM = "network"
"""What a file is called while it is read: no name of a stranger's reaches the disk."""

MARK = "file:"
"""Begins the name of a file that was sent."""


def sizes_of(text: str) -> dict[str, int | str]:
    """Open sizes of a file as they are written: `images=1x3x640x640 words=128`. Raises NetworkError."""
    found: dict[str, int | str] = {}
    for word in text.split()[:MOST_SIZES]:
        name, sign, value = word.partition("=")
        if not name or not sign or not value:
            raise NetworkError(
                f"open sizes: must be NAME=SIZES, such as images=1x3x640x640, got {printable(word[:60])!r}"
            )
        found[name] = int(value) if value.isdecimal() and len(value) < 12 else value
    return found


class Shelf:
    """The files that were sent, and the networks that were read."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes]] = {}
        self._graphs: dict[str, Graph] = {}
        self._chips: set[str] = set()
        self._lock = threading.Lock()

    def put(self, file: str, data: bytes) -> str:
        """Keep a file; what it is called from now on. Raises NetworkError for one that is no network as data."""
        file = printable(file.replace("\\", "/").rpartition("/")[2])[-100:]
        suffix = Path(file).suffix.lower()
        if suffix not in SUFFIXES:
            kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
            code = ": a Python file is code, and nothing that is sent is run" if suffix == ".py" else ""
            raise NetworkError(f"{file or 'file'}: must end in {kinds}{code}")
        name = f"{MARK}{hashlib.sha256(data).hexdigest()[:16]}:{file}"
        with self._lock:
            self._files[name] = file, data
            while sum(len(held) for _, held in self._files.values()) > MOST_KEPT_BYTES and len(self._files) > 1:
                self._files.pop(next(iter(self._files)))
        return name

    def graph(self, name: str, params: Mapping[str, Any]) -> Graph:
        """The network of a name: a bundled one, or one that was sent. Raises NetworkError, one line a fault."""
        key = json.dumps([name, sorted(params.items())])
        with self._lock:
            found = self._graphs.get(key)
        if found is None:
            found = self._sent(name, params) if name.startswith(MARK) else load_network(network_named(name), **params)
            with self._lock:
                if len(self._graphs) >= MOST_GRAPHS:
                    self._graphs.pop(next(iter(self._graphs)))
                self._graphs[key] = found
        return found

    def _sent(self, name: str, params: Mapping[str, Any]) -> Graph:
        with self._lock:
            held = self._files.get(name)
        if held is None:
            raise NetworkError(f"{printable(name.rpartition(':')[2])}: is not here any more; send the file again")
        file, data = held
        return graph_of(_read("network", file, data, params), file)

    def check_chip(self, text: str) -> None:
        """See that a text is a chip file, in the process for it. Raises ChipError, one line a fault."""
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        if digest in self._chips:
            return
        errors = _read("chip", "chip.yaml", text.encode("utf-8", "replace"), {}).get("errors")
        if errors:
            raise ChipError("\n".join(map(str, errors)))
        self._chips.add(digest)


def graph_of(answer: Mapping[str, Any], file: str) -> Graph:
    """The network that the process read, made anew from plain data and checked. Raises NetworkError."""
    if errors := answer.get("errors"):
        raise NetworkError("\n".join(map(str, errors)))
    graph: Graph = new_graph(**answer["graph"])
    if graph.graph["name"] == STEM:  # a file that does not name its network: it is called as the file was
        graph.graph["name"] = Path(file).stem
    for row in answer["layers"]:
        layer = Layer(**{name: _frozen(value) for name, value in row.items()})
        graph.add_node(layer.name, layer=layer)
    for one, other, data in answer["edges"]:
        graph.add_edge(one, other, **data)
    check_graph(graph, file)
    return freeze(graph)


def _frozen(value: Any) -> Any:
    """Lists of JSON as the tuples that a layer has."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _read(kind: str, file: str, data: bytes, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have the process read a file that lies alone in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="rooftile-") as folder:
        path = Path(folder, STEM + Path(file).suffix.lower())
        path.write_bytes(data)
        return read_apart(kind, str(path), file, params)


def read_apart(kind: str, path: str, file: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have a process of its own read a file. file: what it is called in faults."""
    asked = json.dumps({"kind": kind, "path": path, "params": dict(params)})
    command = [sys.executable, "-P", "-m", "simulator.web.parse", str(SECONDS), str(MEMORY_BYTES)]
    package = str(Path(simulator.__file__).parent.parent)
    ways = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": ways, "ROOFTILE_NO_CODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            command, input=asked.encode(), capture_output=True, timeout=SECONDS, env=environment, check=False
        )
        found: dict[str, Any] = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        return {"errors": [f"{file}: must be read within {SECONDS} s"]}
    except ValueError:  # it was ended, or ended itself, before it could answer
        return {"errors": [f"{file}: must be read within {SECONDS} s and {MEMORY_BYTES / 2**30:g} GiB"]}
    if errors := found.get("errors"):
        found["errors"] = [str(line).replace(path, file) for line in errors]
    return found
