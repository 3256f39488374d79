"""Tables of layers: SCALE-Sim topologies (convolutions and matrix products), and a table of layers as CSV or YAML.

A layer table has a row a layer and columns (or keys) that are called as the fields of a `Layer`, beside `reads`, the names of the
layers that it reads, and `second`, that of the second operand of a matmul; what is left out is 1, or as a layer has it. A row
that says not what it reads comes behind the row above. SCALE-Sim's rows are a chain likewise.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError, nearest
from simulator.formats import own_formats
from simulator.graph.check import EXTENTS, LARGEST_EXTENT
from simulator.graph.layer import Layer
from simulator.graph.nodes import Graph
from simulator.graph.readers.scale_sim import topology
from simulator.graph.window import output_extent
from simulator.reading.names import near_file
from simulator.store.data import plain_yaml
from simulator.store.foreign import printable, text_of

MOST_BYTES = 4_000_000
"""Of a CSV file; a YAML file may have a fourth of it."""

MOST_ROWS = 20_000

WHOLE = (*EXTENTS, "steps", "table_rows")
SEVERAL = {"stride": 2, "dilation": 2, "padding": 4}
WORDS = ("name", "kind", "loop", "origin", "into", "role", "shares")
FLAGS = ("has_bias", "transposed")
COLUMNS = (
    "name",
    "kind",
    "reads",
    "second",
    *WHOLE[:-2],
    *SEVERAL,
    "has_bias",
    "steps",
    "loop",
    "origin",
    "into",
    "table_rows",
    "transposed",
    "role",
    "shares",
    "formats",
)
"""Columns of a layer table, in the order in which they are written."""


def table_builder(path: Path) -> Callable[..., Graph]:
    """The builder of what a table describes. Raises NetworkError, one line."""

    def build(at_size: str = "", **given: Any) -> Graph:
        where = printable(str(path))
        if at_size:
            raise NetworkError(f"{where}: a table has no open sizes; leave @{printable(at_size)} out")
        near = lambda: near_file(path, (path.suffix,))  # noqa: E731
        if path.suffix.lower() == ".csv":
            return _from_csv(text_of(path, MOST_BYTES, NetworkError, near), where, path.stem, given)
        _no_sizes(given, where)
        return _from_rows(_yaml_rows(text_of(path, MOST_BYTES // 4, NetworkError, near), where), where, path.stem)

    return build


def _no_sizes(given: Mapping[str, Any], where: str) -> None:
    """Raise NetworkError where sizes are given: a table of layers has no open ones."""
    if given:
        raise NetworkError(
            f"{where}: {printable(next(iter(given))[:60])}: a table of layers has no open sizes; leave it out"
        )


def _from_csv(text: str, where: str, name: str, given: Mapping[str, Any]) -> Graph:
    first = next((line for line in text.splitlines() if line.strip()), "")
    comma = "\t" if "\t" in first and "," not in first else ","
    try:
        read = csv.reader(io.StringIO(text, newline=None), delimiter=comma, strict=False)
        lines = [[cell.strip() for cell in row] for row in read]
    except csv.Error as error:
        raise NetworkError(f"{where}: must be a table of comma-separated values: {error}") from None
    lines = [row for row in lines if any(row) and not row[0].startswith("#")]
    if len(lines) < 2:
        raise NetworkError(f"{where}: must have a head line and at least one layer, got less")
    if len(lines) > MOST_ROWS:
        raise NetworkError(f"{where}: must have at most {MOST_ROWS:,} layers, got more")
    head = [cell.lower() for cell in lines[0]]
    if "kind" in head and "name" in head:
        _no_sizes(given, where)
        _check_cells(head, lines[1:], where)
        rows = [{key: cell for key, cell in zip(head, row, strict=False) if key} for row in lines[1:]]
        return _from_rows(rows, where, name)
    _check_head(lines[0], where)
    return topology(lines[1:], where, name, given)


def _check_cells(head: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> None:
    """Raise NetworkError for a column that is there twice, and for cells that are below none."""
    twice = next((cell for place, cell in enumerate(head) if cell and cell in head[:place]), None)
    if twice is not None:
        raise NetworkError(f"{where}: columns: {printable(twice[:60])}: must be there once, got it twice")
    for number, row in enumerate(rows, 1):
        beyond = next(
            (cell for place, cell in enumerate(row) if cell and not (place < len(head) and head[place])), None
        )
        if beyond is not None:
            raise NetworkError(
                f"{where}: layer {number}: must have its cells below names in the head line, "
                f"got one below none: {printable(beyond[:60])!r}"
            )


def _check_head(head: Sequence[str], where: str) -> None:
    """Raise NetworkError for a head line that is that of neither kind of table."""
    if len(head) == 1 and head[0].count(";") > 1:
        raise NetworkError(f"{where}: cells must be separated by commas, or by tabs, got {printable(head[0][:60])!r}")
    if not any(head[1:]) or all(re.fullmatch(r"[\d:.]*", cell) for cell in head[1:]):
        raise NetworkError(
            f"{where}: must begin with a head line, as a table of layers (name, kind, ...) or of SCALE-Sim (Layer name, ...), "
            f"got {printable(', '.join(head)[:60])!r}"
        )
    if len({cell.lower() for cell in head} & {*COLUMNS}) > 1:
        raise NetworkError(
            f"{where}: columns: a table of layers must have name and kind, got {printable(', '.join(head)[:80])!r}"
        )
    text = " ".join(head).lower()
    known = any(word in text for word in ("layer", "ifmap", "filter", "gemm"))
    if not known and [each.lower() for each in head[1:4]] != ["m", "n", "k"]:
        raise NetworkError(
            f"{where}: columns: must be those of a table of layers (name, kind, ...) or of SCALE-Sim (Layer name, IFMAP Height, "
            f"... or Layer, M, N, K), got {printable(', '.join(head)[:80])!r}"
        )


def _yaml_rows(text: str, where: str) -> list[Mapping[str, Any]]:
    try:
        found = plain_yaml(text)
    except ValueError as error:
        raise NetworkError(f"{where}: {printable(str(error))}") from None
    rows = found.get("layers") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        got = "none" if rows is None else "a list of other things" if rows else "an empty one"
        raise NetworkError(
            f"{where}: layers: must be a list of layers, each with name and kind, "
            f"got {got if rows is None or isinstance(rows, list) else 'something else'}"
        )
    if len(rows) > MOST_ROWS:
        raise NetworkError(f"{where}: must have at most {MOST_ROWS:,} layers, got more")
    return [{str(key): value for key, value in row.items()} for row in rows]


# ---- layer tables ----------------------------------------------------------------------------------------------------


def _from_rows(rows: Sequence[Mapping[str, Any]], where: str, name: str) -> Graph:
    """A graph of rows that are layers."""
    graph, before = Graph(name=printable(name), parameters={}), ""
    for number, row in enumerate(rows, 1):
        unknown = next((key for key in row if key not in COLUMNS), None)
        if unknown is not None:
            raise NetworkError(
                f"{where}: layer {number}: {printable(unknown[:60])}: no such column{nearest(unknown, COLUMNS)}"
            )
        fields: dict[str, Any] = {}
        for key, value in row.items():
            if value is None or value == "":
                continue
            fields[key] = _field(key, value, f"{where}: layer {number}: {key}")
        layer = _layer(fields, f"{where}: layer {number}")
        if layer.name in graph:
            raise NetworkError(f"{where}: layer {number}: name: must be given once, got {layer.name!r} twice")
        reads = fields.get("reads") or ([before] if before and layer.kind != "input" else [])
        graph.add_node(layer.name, layer=layer)
        for operand, names in (("inputs", reads), ("weights", fields.get("second") or [])):
            for each in names:
                source, _, elements = each.rpartition(":")
                source, count = (source, int(elements)) if source in graph and elements.isdecimal() else (each, 0)
                if source not in graph or source == layer.name:
                    near = nearest(source, [other for other in graph if other != layer.name][-200:])
                    raise NetworkError(f"{where}: {layer.name}: reads: must be layers above, got {source!r}{near}")
                graph.add_edge(source, layer.name, operand=operand, **({"elements": count} if count else {}))
        before = layer.name
    return graph


def _layer(fields: Mapping[str, Any], where: str) -> Layer:
    """A layer of checked fields; rows and columns that follow from others need not be given."""
    given = {key: value for key, value in fields.items() if key not in ("reads", "second")}
    if "name" not in given or "kind" not in given:
        raise NetworkError(f"{where}: must have a name and a kind, got {', '.join(given) or 'none'}")
    if given["kind"] not in ("conv", "pool"):
        for side in ("height", "width"):
            given.setdefault(f"in_{side}", given.get(f"out_{side}", 1))
    else:
        for axis, side in enumerate(("height", "width")):
            if f"out_{side}" in given:
                continue
            pads = given.get("padding", (0, 0, 0, 0))
            stride, dilation = (given.get(key, (1, 1))[axis] for key in ("stride", "dilation"))
            extent, kernel = given.get(f"in_{side}", 1), given.get(f"kernel_{side}", 1)
            given[f"out_{side}"] = max(
                1, output_extent(extent, kernel, max(1, stride), dilation, pads[2 * axis], pads[2 * axis + 1])
            )
    return Layer(**given)


def _field(key: str, value: Any, where: str) -> Any:
    """One cell, in the type of its column. Raises NetworkError."""
    if key in WHOLE:
        return _whole(value, where)
    if key in SEVERAL:
        parts = value if isinstance(value, list) else str(value).lower().split("x")
        numbers = [_whole(each, where, 0) for each in parts]
        if len(numbers) == 1:
            numbers *= SEVERAL[key]
        if len(numbers) != SEVERAL[key]:
            raise NetworkError(
                f"{where}: must be {SEVERAL[key]} numbers such as {'x'.join('1' * SEVERAL[key])}, "
                f"got {printable(str(value)[:60])!r}"
            )
        return tuple(numbers)
    if key in ("reads", "second"):
        return [printable(str(each)) for each in (value if isinstance(value, list) else str(value).split(";"))]
    if key == "formats":
        return _formats(value, where)
    if key in FLAGS:
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise NetworkError(f"{where}: must be true or false, got {printable(str(value)[:60])!r}")
        return str(value).lower() in ("true", "1")
    return printable(str(value))


def _formats(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Number formats that a layer carries: weights=int4;activations=fp16, or a mapping."""
    if not isinstance(value, dict):
        parts = [part.partition("=") for part in str(value).split(";")]
        value = {role.strip(): word.strip() for role, _, word in parts}
    try:
        return own_formats({str(role): str(word) for role, word in value.items()})
    except NetworkError as error:
        raise NetworkError(f"{where}: {printable(str(error).removeprefix('precision: '))[:150]}") from None


def _whole(value: Any, where: str, least: int = 0) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 9 or not least <= int(text) <= LARGEST_EXTENT:
        raise NetworkError(
            f"{where}: must be a whole number of {least} to {LARGEST_EXTENT:,}, got {printable(text[:60])!r}"
        )
    return int(text)
