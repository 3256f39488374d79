"""Which reader a file is for: by its suffix, by its name, or a folder by what lies in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError
from simulator.graph.nodes import Graph
from simulator.graph.readers.looks import LOOKED_AT, looks_like
from simulator.store.foreign import printable

AT_SIZE = "at_size"
"""Parameter of a reader that takes what stands behind @."""

SUFFIXES = (".onnx", ".tflite", ".json", ".csv", ".yaml", ".yml")
"""Of files that hold networks as data: nothing of them is run."""

Builder = Callable[..., Graph]


def reader_of(path: Path) -> Builder | None:
    """The builder of the network that a file, or a folder, describes; None for what is none of them.

    The builder takes `at_size` and parameters: sizes of inputs by their names (`images="1x3x640x640"`), and what the kind of file
    has of its own. It raises NetworkError, one line a fault.
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return _onnx(path)
    if suffix == ".json" or (path.is_dir() and (path / "config.json").exists()):
        from simulator.graph.readers.hugging import hugging_builder  # noqa: PLC0415

        return hugging_builder(path)
    if suffix in (".csv", ".yaml", ".yml"):
        from simulator.graph.readers.tables import table_builder  # noqa: PLC0415

        return table_builder(path)
    if suffix == ".tflite":
        from simulator.graph.readers.tflite import tflite_builder  # noqa: PLC0415

        return tflite_builder(path)
    return None


def _onnx(path: Path) -> Builder:
    def build(at_size: str = "", **given: Any) -> Graph:
        from simulator.graph.readers.onnx_kept import onnx_graph  # noqa: PLC0415

        return _named(onnx_graph(path, given, at_size), path)

    return build


def _named(graph: Graph, path: Path) -> Graph:
    """A graph that is called as its file."""
    graph.graph["name"] = printable(path.stem)
    return graph


def not_by_name(path: Path) -> str:
    """`; ...` about a file, or a folder, that is there, but is no network by its name; empty where there is none."""
    try:
        if path.is_dir():
            inside = sorted(each.name for each in path.iterdir() if each.suffix.lower() in SUFFIXES[:2])
            return (
                f"; it is a folder: name a file in it, such as {printable(str(path / inside[0]))!r}" if inside else ""
            )
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            what = looks_like(file.read(LOOKED_AT))
    except (OSError, ValueError):  # it may not be read, or no file can have such a name
        return ""
    return (
        f"; there is a file of that name, {what}"
        if "must end" in what
        else "; there is a file of that name, but its name must end so"
    )


def no_size(where: str, at_size: str) -> None:
    """Refuse what stands behind @ of a file whose sizes are fixed. Raises NetworkError."""
    if at_size:
        raise NetworkError(f"{where}: it has no open sizes to set; leave @{printable(at_size)} out")
