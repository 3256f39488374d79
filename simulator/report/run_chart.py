"""A run as a picture: the roofline with a dot a layer, and where the time goes. Names come from strangers: write with `page`."""

import math
from typing import Any

from simulator.report import format as fmt
from simulator.report.page import require_charts
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


def run_chart(result: Result) -> Any:
    """Roofline and waterfall of a run, the title its answer in a sentence.

    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    title = alt.TitleParams(sentence(result), anchor="start", fontSize=15, offset=12)
    chart = alt.vconcat(_roofline(alt, result), waterfall(alt, result), spacing=28, title=title)
    return chart.configure(padding=12, view=alt.ViewConfig(stroke="#dddddd"))


def sentence(result: Result) -> str:
    """What a run gives, and what binds it."""
    bound = ROOF_NAMES.get(result.bound_by, result.bound_by)
    busy = fmt.share(result.utilisation)
    return (
        f"{result.network} on {result.chip}: {fmt.significant(result.throughput_per_s)} per second at batch {result.batch:,}, "
        f"{busy} of the peak, bound by {bound}"
    )


def _roofline(alt: Any, result: Result) -> Any:
    """Throughput of each layer against its operations per byte of the outer memory, below the two roofs."""
    peak, rate = result.peak_tops, result.outer_gb_per_s
    rows = [_dot(layer) for layer in result.layers if layer.macs and layer.latency_s > 0.0]
    across = [row["x"] for row in rows] or [1.0]
    ridge = peak * 1e12 / (rate * GB) if rate else None
    low, high = min([*across, *([ridge] if ridge else [])]) / 2.0, max([*across, *([ridge] if ridge else [])]) * 2.0
    top = max([peak * 1.6, *(row["y"] * 1.3 for row in rows)])
    floor = min([row["y"] for row in rows] or [peak]) / 2.0
    x = alt.X(
        "x:Q",
        title="operations per byte of the outer memory",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
    )
    y = alt.Y("y:Q", title="TOPS", scale=alt.Scale(type="log", domain=[floor, top], nice=False))
    roofs = [{"x": high, "y": peak, "at": 2}]
    roofs.append({"x": ridge if ridge and ridge > low else low, "y": peak, "at": 1})
    if ridge and rate and ridge > low:
        start = max(low, floor / peak * ridge)
        roofs.append({"x": start, "y": start * rate * GB / 1e12, "at": 0})
    line = alt.Chart(alt.Data(values=roofs)).mark_line(color="#333333", strokeWidth=1.5).encode(x=x, y=y, order="at:Q")
    used = [roof for roof in ROOFS if any(row["roof"] == ROOF_NAMES[roof] for row in rows)]
    colour = alt.Color("roof:N", title="bound by", scale=alt.Scale(
        domain=[ROOF_NAMES[roof] for roof in used], range=[COLOURS[ROOFS.index(roof)] for roof in used]
    ))  # fmt: skip
    tips = [alt.Tooltip("layer:N"), alt.Tooltip("y:Q", title="TOPS", format=".3~g"), alt.Tooltip("us:Q", format=",.4~g"),
            alt.Tooltip("x:Q", title="operations per byte", format=",.4~g"), alt.Tooltip("roof:N", title="bound by")]  # fmt: skip
    size = alt.Size("us:Q", title="time, us", scale=alt.Scale(range=[15, 260]), legend=None)
    dots = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, opacity=0.75)
    words = "Each dot is a layer, its size the time that it takes"
    if any(row["y"] > 1.001 * min(peak, row["x"] * (rate or math.inf) * GB / 1e12) for row in rows):
        words += "; above the roof: Winograd, or weights that were fetched before"
    heading = alt.TitleParams(words, anchor="start", fontSize=12)
    return alt.layer(line, dots.encode(x=x, y=y, color=colour, size=size, tooltip=tips)).properties(
        width=WIDTH, height=HEIGHT, title=heading
    )


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


def waterfall(alt: Any, result: Result, words: str = "Where the time goes: green is useful work") -> Any:
    """Where the time of a batch in steady state goes, each part beginning where the one above it ends, under these words."""
    period_s = result.batch / result.throughput_per_s
    scale, unit = fmt.time_unit(period_s)
    rows, at = [], 0.0
    for key, seconds in result.waterfall_period.items():
        if seconds > 0.0:
            text = f"{fmt.significant(seconds / scale, 3)} {unit}, {fmt.share(seconds / period_s)}"
            rows.append({"part": CAUSES[key], "from": at / scale, "to": (at + seconds) / scale, "text": text,
                         "colour": IDEAL if key == "ideal_s" else LOST})  # fmt: skip
            at += seconds
    order = [row["part"] for row in rows]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("part:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=240))
    )
    span = alt.Scale(domain=[0.0, at / scale * 1.3], nice=False)
    bars = base.mark_bar(height=ROW - 8).encode(
        x=alt.X("from:Q", scale=span, title=f"{unit} of a batch in steady state"),
        x2="to:Q",
        color=alt.Color("colour:N", scale=None),
    )
    labels = base.mark_text(align="left", dx=6, fontSize=11).encode(x="to:Q", text="text:N")
    heading = alt.TitleParams(words, anchor="start", fontSize=12)
    return alt.layer(bars, labels).properties(width=WIDTH, height=ROW * len(rows), title=heading)
