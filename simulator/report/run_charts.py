"""A run as a picture: the roofline with a dot a layer, and where the time goes. Names come from strangers: write with `page`.

Pictures of a run are Vega-Lite as plain data. What changes with a chip stands in named data and in parameters alone, so that a
page which follows a slider gives a drawn picture its new numbers, and draws none anew.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from simulator.report import format as fmt
from simulator.report.page import LABELS_APART, TITLE_WIDTH, chart_of
from simulator.report.tables import sentence
from simulator.result.form import LayerResult, Result
from simulator.units import GB, OPERATIONS_PER_MAC
from simulator.vocabulary import CAUSES, ROOF_NAMES, ROOFS

WIDTH, HEIGHT, ROW = 560, 340, 24
"""Size of the roofline, and height of a row of the waterfall [pixel]."""

COLOURS = ("#0072B2", "#CC79A7", "#56B4E9", "#009E73", "#999999", "#E69F00", "#D55E00", "#882255")
"""One for each roof, in the order of `vocabulary.ROOFS` (Okabe and Ito)."""

IDEAL, LOST = "#009E73", "#D55E00"

MOST_INTENSE = 1e5
"""Operations per byte at which a layer is drawn that moves next to nothing."""

Specification = dict[str, Any]
"""A picture as Vega-Lite."""


def run_chart(result: Result) -> Any:
    """Roofline and waterfall of a run, the title its answer in a sentence.

    Raises OptionError when the extra `charts` is not installed.
    """
    return chart_of(titled(result))


def titled(result: Result) -> Specification:
    """The same as plain data: what only writes a file needs no chart library, which takes longer than a run."""
    title = {"text": textwrap.wrap(sentence(result), TITLE_WIDTH), "anchor": "start", "fontSize": 15, "offset": 12}
    return {**run_specification(result), "title": title}


def run_specification(result: Result, dot: str = "layer") -> Specification:
    """The same without the title, which takes longer to find than all of the rest. dot: what a layer is called."""
    roofline, below = _roofline(result, dot), _waterfall(result)
    return {
        "params": [*roofline.pop("params"), *below.pop("params")],
        "vconcat": [roofline, below],
        "spacing": 28,
        "config": {"padding": 12, "view": {"stroke": "#dddddd"}},
    }


def params(**values: Any) -> list[dict[str, Any]]:
    """Parameters of a picture: their values by name."""
    return [{"name": name, "value": value} for name, value in values.items()]


def param(name: str) -> dict[str, str]:
    """Where a parameter stands in a picture."""
    return {"expr": name}


def heading(name: str, under: Sequence[str] = (), size: int = 12) -> dict[str, Any]:
    """The title of a picture by its parameter, and lines that stand below it."""
    below = {"subtitle": [*under], "subtitleColor": "#555555"} if under else {}
    return {"text": param(name), "anchor": "start", "fontSize": size, **below}


def tip(field: str, title: str = "", figure: str = "") -> dict[str, Any]:
    """A line of what is shown where a mark is pointed at."""
    shown = {"type": "quantitative", "format": figure} if figure else {"type": "nominal"}
    return {"field": field, **shown, **({"title": title} if title else {})}


def _roofline(result: Result, dot: str) -> Specification:
    """Throughput of each layer against its operations per byte of the outer memory, below the two roofs."""
    peak, rate = result.peak_tops, result.outer_gb_per_s
    rows = [_dot(layer) for layer in result.layers if layer.macs and layer.latency_s > 0.0]
    across = [row["x"] for row in rows] or [1.0]
    ridge = peak * 1e12 / (rate * GB) if rate else None
    low, high = min([*across, *([ridge] if ridge else [])]) / 2.0, max([*across, *([ridge] if ridge else [])]) * 2.0
    top = max([peak * 1.6, *(row["y"] * 1.3 for row in rows)])
    floor = min([row["y"] for row in rows] or [peak]) / 2.0
    roofs = [{"x": high, "y": peak, "at": 2}]
    roofs.append({"x": ridge if ridge and ridge > low else low, "y": peak, "at": 1})
    if ridge and rate and ridge > low:
        start = max(low, floor / peak * ridge)
        roofs.append({"x": start, "y": start * rate * GB / 1e12, "at": 0})
    words = f"Each dot is {'an' if dot[0] in 'aeiou' else 'a'} {dot}, its size the time that it takes"
    if any(row["y"] > 1.001 * min(peak, row["x"] * (rate or math.inf) * GB / 1e12) for row in rows):
        words += "; above the roof: Winograd, or weights that were fetched before"
    names = [ROOF_NAMES[roof] for roof in ROOFS]
    used = [name for name in names if any(row["roof"] == name for row in rows)]
    colour = {
        "field": "roof", "type": "nominal", "title": "bound by", "scale": {"domain": names, "range": [*COLOURS]},
        "legend": {"values": param("roofs_used")},
    }  # fmt: skip
    position = {
        "x": _logarithmic("x", "operations per byte of the outer memory", "least_x", "most_x"),
        "y": _logarithmic("y", "TOPS", "least_y", "most_y"),
    }
    tips = [tip("layer", dot), tip("y", "TOPS", ".3~g"), tip("us", figure=",.4~g"), tip("x", "operations per byte", ",.4~g"),
            tip("roof", "bound by")]  # fmt: skip
    size = {"field": "us", "type": "quantitative", "title": "time, us", "scale": {"range": [15, 260]}, "legend": None}
    return {
        "params": params(
            least_x=low, most_x=high, least_y=floor, most_y=top, roofs_used=used, roofline=_mostly(result, dot)
        ),
        "title": heading("roofline", [words]),
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": position,
        "layer": [
            {
                "data": {"name": "roofs", "values": roofs},
                "mark": {"type": "line", "color": "#333333", "strokeWidth": 1.5},
                "encoding": {"order": {"field": "at", "type": "quantitative"}},
            },
            {
                "data": {"name": "layers", "values": rows},
                "mark": {"type": "point", "filled": True, "opacity": 0.75},
                "encoding": {"color": colour, "size": size, "tooltip": tips},
            },
        ],
    }


def _logarithmic(field: str, title: str, least: str, most: str) -> dict[str, Any]:
    """An axis between two parameters."""
    scale = {"type": "log", "domain": [param(least), param(most)], "nice": False}
    apart = {"labelSeparation": LABELS_APART}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": apart}


def _mostly(result: Result, dot: str) -> str:
    """Which roof binds the layers that take most of the time."""
    times: dict[str, float] = {}
    for layer in result.layers:
        times[layer.bound_by] = times.get(layer.bound_by, 0.0) + layer.latency_s
    whole = sum(times.values())
    if not whole:
        return f"No {dot} takes any time"
    most = max(times, key=lambda roof: times[roof])
    return f"{dot.capitalize()}s bound by {ROOF_NAMES[most]} take {fmt.share(times[most] / whole)} of the time"


def _dot(layer: LayerResult) -> dict[str, Any]:
    """One layer; one that moves nothing stands at the right."""
    operations = layer.macs * OPERATIONS_PER_MAC
    return {
        "layer": layer.name,
        "x": min(operations / layer.dram_bytes, MOST_INTENSE) if layer.dram_bytes else MOST_INTENSE,
        "y": operations / layer.latency_s / 1e12,
        "us": layer.latency_s * 1e6,
        "roof": ROOF_NAMES[layer.bound_by],
    }


def waterfall(result: Result, words: str) -> Any:
    """The waterfall alone as a chart, under these words. Raises OptionError when the extra `charts` is not installed."""
    return chart_of({**_fixed(_waterfall(result)), "title": {"text": words, "anchor": "start", "fontSize": 12}})


def _fixed(picture: Specification) -> Specification:
    """A picture without names, so that several of its kind stand in one: its data and parameters are where they are used."""
    told = {one["name"]: one["value"] for one in picture["params"]}

    def within(part: Any) -> Any:
        if isinstance(part, list):
            return [within(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "expr" in part:
            return told[part["expr"]]
        return {key: {"values": each["values"]} if key == "data" else within(each) for key, each in part.items()}

    found: Specification = within({key: part for key, part in picture.items() if key != "params"})
    return found


def _waterfall(result: Result) -> Specification:
    """Where the time of a batch in steady state goes, each part beginning where the one above it ends."""
    period_s = result.batch / result.throughput_per_s
    scale, unit = fmt.time_unit(period_s)
    rows, at = [], 0.0
    for key, seconds in fmt.parts(result.waterfall_period).items():
        text = f"{fmt.significant(seconds / scale, 3)} {unit}, {fmt.share(seconds / period_s)}"
        rows.append({"part": CAUSES[key], "from": at / scale, "to": (at + seconds) / scale, "text": text,
                     "colour": IDEAL if key == "ideal_s" else LOST})  # fmt: skip
        at += seconds
    useful = result.waterfall_period.get("ideal_s", 0.0)
    words = f"Useful work is {fmt.share(useful / period_s)} of the time"
    lost_s = result.waterfall_period.get(result.largest_loss, 0.0)
    if result.largest_loss != "ideal_s" and lost_s > 0.0:
        words += f"; the largest loss is {CAUSES[result.largest_loss]}, {fmt.share(lost_s / period_s)}"
    span = {"domain": [0.0, param("whole")], "nice": False}
    return {
        "params": params(whole=at / scale * 1.3, waterfall=words),
        "title": heading("waterfall"),
        "data": {"name": "causes", "values": rows},
        "width": WIDTH,
        "height": {"step": ROW},
        "encoding": {"y": row_axis("part")},
        "layer": [
            {
                "mark": {"type": "bar", "height": ROW - 8},
                "encoding": {
                    "x": {"field": "from", "type": "quantitative", "scale": span,
                          "title": f"{unit} of a batch in steady state"},
                    "x2": {"field": "to"},
                    "color": {"field": "colour", "type": "nominal", "scale": None},
                },
            },
            row_text("to"),
        ],
    }  # fmt: skip


def row_axis(field: str) -> dict[str, Any]:
    """The axis of rows in the order of their data, by name."""
    axis = {"ticks": False, "domain": False, "labelLimit": 240}
    return {"field": field, "type": "nominal", "sort": None, "title": None, "axis": axis}


def row_text(at: str) -> dict[str, Any]:
    """The figure of a row, to the right of where it ends."""
    return {
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11},
        "encoding": {"x": {"field": at, "type": "quantitative"}, "text": {"field": "text", "type": "nominal"}},
    }
