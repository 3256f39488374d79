"""Pictures of results, as altair charts. Text in them comes from chip files of strangers: write them with `page`."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.cost.price import Band, Cost
from simulator.report import format as fmt
from simulator.report.cost_tables import AREA, BILL, POWER
from simulator.report.page import chart_of
from simulator.report.run_charts import Specification, heading, param, params, row_axis, row_text

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
    return chart_of(cost_specification(cost))


def cost_specification(cost: Cost) -> Specification:
    """The same as plain data."""
    panels = [_panel("area", "Area, mm2", _steps(cost.area_items, AREA), cost.area_mm2, "die")]
    if cost.bill_usd is not None:
        items = {name: band.best or 0.0 for name, band in cost.bill_items.items()}
        panels.append(_panel("bill", "Bill, USD", _steps(items, BILL), cost.bill_usd, "all"))
    power = Band(cost.peak_power_w, cost.peak_power_w, cost.peak_power_w)
    panels.append(_panel("power", "Peak power, W", _steps(cost.peak_items, POWER), power, "all"))
    told = [one for panel in panels for one in panel.pop("params")]
    return {
        "params": [*told, *params(cost=_title(cost))],
        "title": {**heading("cost", [cost.status], size=15), "limit": 640, "offset": 12},
        "vconcat": panels,
        "spacing": 18,
        "config": {"padding": 12, "view": {"stroke": None}, "axis": {"grid": False, "labelFontSize": 11}},
    }


def _title(cost: Cost) -> list[str]:
    """What a chip costs, and what of it most."""
    lines = [f"{cost.chip}, {cost.process_nm:g} nm"]
    items = {name: band.best or 0.0 for name, band in cost.bill_items.items()}
    if cost.bill_usd is not None and cost.bill_usd.best is not None and any(items.values()):
        most = max(items, key=lambda name: items[name])
        part = f"the largest part: {BILL[most]}, {fmt.significant(items[most], 3)}"
        lines = [f"{lines[0]}: a bill of {fmt.significant(cost.bill_usd.best, 3)} USD, {part}"]
    relative = cost.relative_cost
    if relative is not None and relative.best is not None and relative.low != relative.high:
        low, best, high = (fmt.significant(value, 3) for value in (relative.low, relative.best, relative.high))
        lines.append(f"relative cost {best} ({low} to {high}) times that of {cost.reference}")
    return lines


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


def _panel(name: str, title: str, rows: Sequence[dict[str, Any]], total: Band, whole: str) -> Specification:
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
    line = [{"part": whole, "low": total.low, "high": total.high}] if ranged and total.best is not None else []
    colour = {"color": "#D55E00", "aria": False}  # there may be no range to draw, and what is not there has no words
    return {
        # Room to the right for the longest text, which belongs to the whole.
        "params": params(**{f"{name}_most": right * 1.45 or 1.0}),
        "width": WIDTH,
        "height": {"step": ROW},
        "data": {"name": name, "values": shown},
        "encoding": {"y": row_axis("part")},
        "layer": [
            {
                "mark": {"type": "bar", "height": ROW - 8},
                "encoding": {
                    "x": {"field": "from", "type": "quantitative", "title": title,
                          "scale": {"domain": [0, param(f"{name}_most")], "nice": False}},
                    "x2": {"field": "to"},
                    "color": {"field": "colour", "type": "nominal", "scale": None},
                },
            },
            row_text("label_at"),
            {
                "data": {"name": f"{name}_range", "values": line},
                "layer": [
                    {"mark": {"type": "rule", "strokeWidth": 2, **colour},
                     "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}},
                    *({"mark": {"type": "tick", "thickness": 2, "height": 12, **colour},
                       "encoding": {"x": {"field": end, "type": "quantitative"}}} for end in ("low", "high")),
                ],
            },
        ],
    }  # fmt: skip
