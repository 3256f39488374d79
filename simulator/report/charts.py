"""Pictures of results, as altair charts. Text in them comes from chip files of strangers: write them with `page`."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.cost.price import Band, Cost
from simulator.report import format as fmt
from simulator.report.cost_tables import AREA, BILL, POWER
from simulator.report.page import require_charts

WIDTH = 460
ROW = 22
"""Pixels: width of a panel, and height of one row in it."""

COLOURS = {
    "mac": "#0072B2",
    "sram": "#56B4E9",
    "dram": "#E69F00",
    "link": "#CC79A7",
    "fabric": "#009E73",
    "die": "#882255",
    "rest": "#999999",
    "all": "#333333",
}
"""One colour for each resource, the same in every panel; told apart by colour-blind readers (Okabe and Ito)."""

_RESOURCE = {
    "macs": "mac",
    "macs_w": "mac",
    "sram": "sram",
    "sram_w": "sram",
    "dram": "dram",
    "dram_w": "dram",
    "dram_interfaces": "dram",
    "links": "link",
    "host_w": "link",
    "interconnect_control": "fabric",
    "interconnect_w": "fabric",
    "interposer": "fabric",
    "die": "die",
    "block": "mac",
}


def cost_chart(cost: Cost) -> Any:
    """Area, bill and peak power of one chip, each part beginning where the one above it ends.

    The bar of the whole has its range as a line. Where no best figure may be told, the range stands alone.
    Raises OptionError when the extra `charts` is not installed.
    """
    alt = require_charts()
    panels = [_panel(alt, "Area, mm2", _steps(cost.area_items, AREA), cost.area_mm2, "die")]
    if cost.bill_usd is not None:
        items = {name: band.best or 0.0 for name, band in cost.bill_items.items()}
        panels.append(_panel(alt, "Bill, USD", _steps(items, BILL), cost.bill_usd, "all"))
    power = Band(cost.peak_power_w, cost.peak_power_w, cost.peak_power_w)
    panels.append(_panel(alt, "Peak power, W", _steps(cost.peak_items, POWER), power, "all"))
    subtitle = [cost.status]
    relative = cost.relative_cost
    if relative is not None and relative.best is not None and relative.low != relative.high:
        low, best, high = (fmt.significant(value, 3) for value in (relative.low, relative.best, relative.high))
        subtitle.append(f"relative cost {best} ({low} to {high}) times that of {cost.reference}")
    title = alt.TitleParams(
        f"{cost.chip}, {cost.process_nm:g} nm", subtitle=subtitle, anchor="start", limit=640, fontSize=15, offset=12
    )
    chart = alt.vconcat(*panels, spacing=18, title=title)
    return chart.configure(
        padding=12, view=alt.ViewConfig(stroke=None), axis=alt.AxisConfig(grid=False, labelFontSize=11)
    )


def _steps(items: Mapping[str, float], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of a panel: each part with where it begins and ends."""
    rows, at = [], 0.0
    for name, value in items.items():
        if not value:  # nothing to draw: a chip without DRAM, for one
            continue
        colour = COLOURS[_RESOURCE.get(name, "rest")]
        rows.append({"part": names[name], "from": at, "to": at + value, "value": value, "colour": colour})
        at += value
    return rows


def _panel(alt: Any, title: str, rows: Sequence[dict[str, Any]], total: Band, whole: str) -> Any:
    """One panel: a stair of parts, and the whole with its range."""
    end = rows[-1]["to"] if rows else 0.0
    places = fmt.decimals(total.best if total.best is not None else total.high, 3)
    shown = [{**row, "text": fmt.fixed(row["value"], places)} for row in rows]
    right = end
    ranged = total.low < total.high
    if total.best is None:
        text = f"{fmt.fixed(total.low, 0)} to {fmt.fixed(total.high, 0)}"
        shown.append({"part": whole, "from": total.low, "to": total.high, "colour": "#cccccc", "text": text})
        right = total.high
    else:
        text = fmt.fixed(total.best, places)
        if ranged:
            text += f" ({fmt.fixed(total.low, places)} to {fmt.fixed(total.high, places)})"
            right = total.high
        shown.append({"part": whole, "from": 0.0, "to": total.best, "colour": COLOURS["all"], "text": text})
    for row in shown:
        row["label_at"] = max(row["to"], total.high) if row["part"] == whole else row["to"]
    base = alt.Chart(alt.Data(values=shown)).encode(
        y=alt.Y("part:N", sort=[row["part"] for row in shown], title=None, axis=alt.Axis(ticks=False, domain=False))
    )
    # Room to the right for the longest text, which belongs to the whole.
    scale = alt.Scale(domain=[0, right * 1.45 or 1.0], nice=False)
    bars = base.mark_bar(height=ROW - 8).encode(
        x=alt.X("from:Q", scale=scale, title=title), x2="to:Q", color=alt.Color("colour:N", scale=None)
    )
    labels = base.mark_text(align="left", dx=6, fontSize=11).encode(x="label_at:Q", text="text:N")
    layers = [bars, labels]
    if ranged and total.best is not None:
        line = [{"part": whole, "low": total.low, "high": total.high}]
        ends = alt.Chart(alt.Data(values=line)).encode(y=alt.Y("part:N", sort=[row["part"] for row in shown]))
        layers.append(ends.mark_rule(color="#D55E00", strokeWidth=2).encode(x="low:Q", x2="high:Q"))
        layers.append(ends.mark_tick(color="#D55E00", thickness=2, height=12).encode(x="low:Q"))
        layers.append(ends.mark_tick(color="#D55E00", thickness=2, height=12).encode(x="high:Q"))
    return alt.layer(*layers).properties(width=WIDTH, height=ROW * len(shown))
