"""Rows of the tables that answers give in Python, where they are no field of the answer: one figure a column, units in names."""

from collections.abc import Iterator
from typing import Any

from simulator.chip.schema import Architecture
from simulator.cost.price import Band, Cost
from simulator.study.compare import CLASSES, KINDS, PER, Comparison, Figure, Line
from simulator.study.generating import Generation
from simulator.study.ranking import Ranking
from simulator.units import GB, OPERATIONS_PER_MAC


def chip_rows(chip: Architecture) -> list[dict[str, Any]]:
    """One row a number format that the chip multiplies: its peak, and from how many operations a byte on it is reached."""
    rate = chip.outer_bytes_per_s
    rows = []
    for name in () if chip.array is None else chip.array.rate:
        peak = chip.peak_tops(name)
        rows.append({
            "chip": chip.name, "format": name, "peak_tops": peak, "mac_units": chip.macs,
            "macs_per_cycle": peak * 1e12 / OPERATIONS_PER_MAC / chip.clock_hz, "clock_mhz": chip.clock_mhz,
            "sram_mib": chip.sram.capacity_mib, "outer_gb_per_s": None if rate is None else rate / GB,
            "ridge_operations_per_byte": peak * 1e12 / rate if rate else None,
        })  # fmt: skip
    return rows


def comparison_rows(found: Comparison) -> list[dict[str, Any]]:
    """One row a figure: of each chip the published and the simulated ones, by class of batch."""
    return [
        {"kind": kind, "class": name, **_figure(line, figure)}
        for line in found.lines
        for kind, name, figure in _figures(line)
    ]


def ranking_rows(order: Ranking) -> list[dict[str, Any]]:
    """One row a chip, the best first, with the figure that it counts with."""
    return [{"place": at, **_figure(row.line, row.figure)} for at, row in enumerate(order.rows, 1)]


def _figures(line: Line) -> Iterator[tuple[str, str, Figure]]:
    """(where from, class of batch, figure) of a line."""
    asked = [("simulated", "asked", line.asked)]
    for kind, name, figure in [(kind, name, getattr(line, kind)[name]) for kind in KINDS for name in CLASSES] + asked:
        if figure is not None:
            yield kind, name, figure


def _figure(line: Line, figure: Figure) -> dict[str, Any]:
    """A figure and its chip."""
    return {
        "chip": line.chip, "title": line.title, "mine": line.mine, "mode": figure.mode, "batch": figure.batch,
        "precision": figure.precision, "throughput_per_s": figure.throughput_per_s, "power_w": figure.power_w,
        "peak_tops": line.peak_tops, "dram_devices": line.dram_devices, "dram_gib": line.dram_gib, "sram_mb": line.sram_mb,
        "bill_usd": line.bill_usd, "list_price_usd": line.price_usd, "area_mm2": line.area_mm2,
        "tdp_w": line.tdp_w,
        **{name: line.per(figure, what) for what, name in PER.items()},
    }  # fmt: skip


def cost_rows(cost: Cost) -> list[dict[str, Any]]:
    """One row a part: of the die its area, of the bill its money with the range, of the chip at work its power."""
    whole = Band(0.0, None, 0.0) if cost.bill_usd is None else cost.bill_usd
    rows = [_part("die", name, area_mm2=area) for name, area in cost.area_items.items()]
    rows.append(_part("die", "total", area_mm2=cost.area_mm2.best))
    if cost.bill_usd is not None:
        rows += [_part("bill", name, band) for name, band in cost.bill_items.items()]
        rows.append(_part("bill", "total", whole))
    rows += [_part("power", name, power_w=watts) for name, watts in cost.peak_items.items()]
    return [{"chip": cost.chip, **row} for row in [*rows, _part("power", "total", power_w=cost.peak_power_w)]]


def _part(
    of: str, name: str, bill: Band | None = None, area_mm2: float | None = None, power_w: float | None = None
) -> dict[str, Any]:
    """A row of a bill."""
    low, best, high = (None, None, None) if bill is None else (bill.low, bill.best, bill.high)
    return {"of": of, "part": name, "area_mm2": area_mm2, "bill_low_usd": low, "bill_usd": best, "bill_high_usd": high,
            "peak_power_w": power_w}  # fmt: skip


def generation_rows(found: Generation) -> list[dict[str, Any]]:
    """One row a pass: the prompt, and the tokens that were worked out; between those time is linear."""
    passes = [("prefill", 0, found.prompt, found.ttft_s), *(("decode", at, 1, seconds) for at, seconds in found.steps)]
    return [
        {"phase": phase, "context_tokens": context, "tokens": tokens, "time_s": seconds}
        for phase, context, tokens, seconds in passes
    ]
