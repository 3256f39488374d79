"""Networks for other tools: a table of layers, a SCALE-Sim topology, and one layer as a problem of Timeloop or ZigZag."""

import csv
import io
from collections import Counter
from typing import Any

from simulator.errors import NetworkError, nearest
from simulator.graph.layer import Layer
from simulator.graph.nodes import Graph
from simulator.graph.readers.tables import COLUMNS, SEVERAL

_DEFAULTS = Layer("", "")


def layer_rows(graph: Graph) -> list[dict[str, Any]]:
    """Rows of a layer table, as `load_network` reads it: what is usual of a layer is left out."""
    rows = []
    for name, data in graph.nodes(data=True):
        layer: Layer = data["layer"]
        edges = graph.pred[name].items()

        def names(operand: str, edges: Any = edges) -> list[str]:
            return [f"{u}:{e['elements']}" if "elements" in e else u for u, e in edges if e["operand"] == operand]

        row: dict[str, Any] = {"name": name, "kind": layer.kind, "reads": names("inputs"), "second": names("weights")}
        row |= {key: getattr(layer, key) for key in COLUMNS[4:] if getattr(layer, key) != getattr(_DEFAULTS, key)}
        if layer.kind not in ("conv", "pool"):  # there the inputs are as large as the outputs unless it says otherwise
            for side in ("height", "width"):
                row.pop(f"in_{side}", None)
                if getattr(layer, f"in_{side}") != getattr(layer, f"out_{side}"):
                    row[f"in_{side}"] = getattr(layer, f"in_{side}")
        rows.append({key: value for key, value in row.items() if value != []})
    return rows


def table_csv(graph: Graph) -> str:
    """A layer table as CSV. Raises NetworkError for names with a semicolon, which parts names there."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in layer_rows(graph):
        if ";" in row["name"]:
            raise NetworkError(f"{row['name']}: name: must have no semicolon in a CSV table; write YAML")
        cells = {key: _cell(key, value) for key, value in row.items()}
        writer.writerow([cells.get(column, "") for column in COLUMNS])
    return text.getvalue()


def _cell(key: str, value: Any) -> str:
    if key in SEVERAL:
        return "x".join(map(str, value))
    if key == "formats":
        return ";".join(f"{role}={word}" for role, word in value)
    return ";".join(value) if isinstance(value, list) else str(value)


def table_yaml(graph: Graph) -> str:
    """A layer table as YAML."""
    import yaml  # noqa: PLC0415

    rows = [
        {
            key: dict(value) if key == "formats" else list(value) if isinstance(value, tuple) else value
            for key, value in row.items()
        }
        for row in layer_rows(graph)
    ]
    return str(yaml.safe_dump({"layers": rows}, sort_keys=False, allow_unicode=True))


def scale_sim(graph: Graph) -> str:
    """A SCALE-Sim topology: convolutions, one row for each group, and products written as convolutions of one column.

    Images include their padding, as SCALE-Sim has them; dilation makes a kernel as wide as it reaches. Other work is left out.
    """
    lines = ["Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"]
    for name, data in graph.nodes(data=True):
        layer: Layer = data["layer"]
        if not layer.is_compute:
            continue
        sides = [
            (layer.in_height + layer.padding[0] + layer.padding[1], layer.dilation[0] * (layer.kernel_height - 1) + 1),
            (layer.in_width + layer.padding[2] + layer.padding[3], layer.dilation[1] * (layer.kernel_width - 1) + 1),
        ]
        label = name.replace(",", "_")
        numbers = (
            sides[0][0],
            sides[1][0],
            sides[0][1],
            sides[1][1],
            layer.in_channels,
            layer.out_channels,
            layer.stride[0],
        )
        row = ", ".join(map(str, numbers)) + ","
        for group in range(layer.groups):
            lines.append(f"{label}{f'_group{group + 1}' if layer.groups > 1 else ''}, {row}")
            if len(lines) > 200_000:
                raise NetworkError(f"{name}: groups: a topology has a row a group, and these are too many")
    return "\n".join(lines) + "\n"


def left_out(graph: Graph, form: str) -> str:
    """What a form does not keep of a network, in one line; empty where it keeps everything, or is of one layer."""
    if form != "scalesim":
        return ""
    kinds = Counter(data["layer"].kind for _, data in graph.nodes(data=True) if not data["layer"].is_compute)
    kinds.pop("input", None)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    gone = f", nor is vector work ({said})" if kinds else ""
    return f"a topology of SCALE-Sim holds products alone: biases, number formats and edges are not in it{gone}"


def _layer_of(graph: Graph, name: str) -> Layer:
    """A layer of the MAC array by name. Raises NetworkError."""
    known = [each for each, data in graph.nodes(data=True) if data["layer"].is_compute]
    if name not in known:
        raise NetworkError(
            f"{graph.graph.get('name', 'network')}: layer: must be one of the MAC array, got {name!r}{nearest(name, known)}"
        )
    layer: Layer = graph.nodes[name]["layer"]
    return layer


def timeloop_problem(graph: Graph, name: str) -> str:
    """One layer as a problem of Timeloop: dimensions N G M C P Q R S, for one item."""
    layer = _layer_of(graph, name)
    steps = {
        "Wstride": layer.stride[1],
        "Hstride": layer.stride[0],
        "Wdilation": layer.dilation[1],
        "Hdilation": layer.dilation[0],
    }
    image = "[[[N]], [[G]], [[C]], [[R, Hdilation], [P, Hstride]], [[S, Wdilation], [Q, Wstride]]]"
    sizes = {
        "N": 1, "G": layer.groups, "M": layer.out_channels, "C": layer.in_channels, "P": layer.out_height, "Q": layer.out_width,
        "R": layer.kernel_height, "S": layer.kernel_width,
    }  # fmt: skip
    coefficients = "".join(f"    - {{name: {key}, default: 1}}\n" for key in steps)
    return (
        "problem:\n  version: 0.4\n  shape:\n    name: layer\n    dimensions: [N, G, M, C, P, Q, R, S]\n    coefficients:\n"
        f"{coefficients}"
        "    data_spaces:\n"
        "    - {name: Weights, projection: [[[G]], [[M]], [[C]], [[R]], [[S]]]}\n"
        f"    - {{name: Inputs, projection: {image}}}\n"
        "    - {name: Outputs, projection: [[[N]], [[G]], [[M]], [[P]], [[Q]]], read_write: true}\n"
        f"  instance: {{{', '.join(f'{key}: {value}' for key, value in {**sizes, **steps}.items())}}}\n"
    )


def zigzag_layer(graph: Graph, name: str) -> str:
    """One layer as a workload of ZigZag, for one item of 8 bits."""
    layer = _layer_of(graph, name)
    high, wide = layer.stride, layer.dilation
    sizes = [
        1,
        layer.groups,
        layer.out_channels,
        layer.in_channels,
        layer.out_height,
        layer.out_width,
        layer.kernel_height,
        layer.kernel_width,
    ]
    padding = layer.padding
    return (
        f"- id: 0\n  name: {name!r}\n  operator_type: {layer.kind.capitalize()}\n"
        "  equation: O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]\n"
        f"  dimension_relations: [iy={high[0]}*oy+{wide[0]}*fy, ix={high[1]}*ox+{wide[1]}*fx]\n"
        f"  loop_dims: [B, G, K, C, OY, OX, FY, FX]\n  loop_sizes: {sizes}\n"
        "  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}\n  operand_source: {I: 0, W: 0}\n"
        f"  pr_loop_dims: [IY, IX]\n  pr_loop_sizes: [{layer.in_height}, {layer.in_width}]\n"
        f"  padding: [[{padding[0]}, {padding[1]}], [{padding[2]}, {padding[3]}]]\n"
    )


FORMS = {"table": table_csv, "yaml": table_yaml, "scalesim": scale_sim}
LAYER_FORMS = {"timeloop": timeloop_problem, "zigzag": zigzag_layer}


def written(graph: Graph, form: str, layer: str = "") -> str:
    """A network, or one layer of it, in a form of FORMS or LAYER_FORMS. Raises NetworkError."""
    if form in FORMS:
        return FORMS[form](graph)
    if form not in LAYER_FORMS:
        raise NetworkError(
            f"form: must be one of {', '.join((*FORMS, *LAYER_FORMS))}, got {form!r}{nearest(form, (*FORMS, *LAYER_FORMS))}"
        )
    if not layer:
        raise NetworkError(f"form: {form} is of one layer: name it, as in {form}:conv1")
    return LAYER_FORMS[form](graph, layer)
