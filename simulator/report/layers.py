"""The table of the layers."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import format as fmt
from simulator.result.form import LayerResult, Result
from simulator.units import MIB
from simulator.vocabulary import OPERANDS

LETTERS = {
    "groups": "G",
    "batch": "N",
    "out_channels": "K",
    "in_channels": "C",
    "out_height": "P",
    "out_width": "Q",
    "kernel_height": "R",
    "kernel_width": "S",
    "reduction": "CRS",
    "pixels": "PQ",
}
"""Loops by the letters that a narrow column has room for."""

STREAMED = {word: f"~{word[0].upper()}" for word in OPERANDS}
"""The operand that passes by instead of being held."""

BLOCKS = (
    "Tiling: rows (pixels) x columns (output channels) of a thread block | parts of the reduction in blocks of their own"
    " | blocks of a cluster."
)
"""What the tilings of a GPU mean."""

STAGES = (
    "Tiling: arrays of the layer's stage | which part of the network it is in | slices of output channels, one by one."
)
"""What the words of stages mean, where layers run side by side."""

LEGEND = (
    "Tiling: tile in the SRAM | order of the loops, outermost first | spread over the array | ~ streamed, not held.\n"
    "G groups, N batch, K output channels, C input channels, P x Q output, R x S kernel; "
    "I inputs, W weights, O outputs."
)

ROOM_FOR_TILING = 105
"""Characters a page needs before the tilings fit beside the figures."""


def layer_section(result: Result, width: int) -> list[RenderableType]:
    """Return the table of the layers and what its tilings mean, for a page `width` characters wide."""
    words = {word for layer in result.layers for word in layer.tiling}
    known = BLOCKS if "thread_block" in words else STAGES if "arrays" in words else LEGEND
    legend = known if width >= ROOM_FOR_TILING else f"Tilings: on {ROOM_FOR_TILING} columns or more, and in --json."
    return [layer_table(result, width), Text(legend, style="dim")]


def layer_table(result: Result, width: int) -> Table:
    """Return one row a layer for a page `width` characters wide; tilings are shown where there is room for them."""
    scale, unit = _time_unit(result)
    tilings = width >= ROOM_FOR_TILING
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    table.add_column("layer", overflow="fold", min_width=12)
    table.add_column("kind", no_wrap=True)
    for heading in ("MMAC", unit, "share", "util", "MB", "MiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bound by", no_wrap=True)
    if tilings:
        table.add_column("tiling", overflow="fold")
    places = _places(result, scale)
    for layer in result.layers:
        table.add_row(*_row(layer, result, scale, places), *([Text(short_tiling(layer.tiling))] if tilings else []))
    table.add_row(*_total(result, scale, places), style="bold")
    return table


def _time_unit(result: Result) -> tuple[float, str]:
    """Return the unit of the time column: the one in which the slowest layer stays below ten thousand."""
    slowest = max((layer.latency_s for layer in result.layers), default=0.0)
    return next(((scale, unit) for scale, unit in ((1e-6, "us"), (1e-3, "ms")) if slowest < 9999 * scale), (1.0, "s"))


def _places(result: Result, scale: float) -> tuple[int, int, int, int]:
    """Return the decimals of the columns MMAC, time, MB and MiB: four digits for the largest figure."""
    return (
        fmt.decimals(max((layer.macs for layer in result.layers), default=0) / 1e6),
        fmt.decimals(max((layer.latency_s for layer in result.layers), default=0.0) / scale),
        fmt.decimals(max((layer.dram_bytes for layer in result.layers), default=0.0) / 1e6),
        fmt.decimals(max((layer.sram_bytes for layer in result.layers), default=0.0) / MIB, 3),
    )


def _row(layer: LayerResult, result: Result, scale: float, places: tuple[int, int, int, int]) -> list[Text]:
    """Return the cells of one layer; Text, so that a bracket in a name is not taken for markup."""
    cells = (
        layer.name,
        layer.kind,
        fmt.fixed(layer.macs / 1e6, places[0]) if layer.macs else "-",
        fmt.fixed(layer.latency_s / scale, places[1]),
        fmt.percent(layer.latency_s / result.latency_s if result.latency_s else 0.0),
        fmt.percent(layer.utilisation) if layer.macs else "-",
        fmt.fixed(layer.dram_bytes / 1e6, places[2]),
        fmt.fixed(layer.sram_bytes / MIB, places[3]),
        layer.bound_by,
    )
    return [Text(cell) for cell in cells]


def _total(result: Result, scale: float, places: tuple[int, int, int, int]) -> list[str]:
    """Return the cells of the last row: sums, and for the SRAM the largest."""
    return [
        "total",
        "",
        fmt.fixed(result.macs / 1e6, places[0]),
        fmt.fixed(result.latency_s / scale, places[1]),
        fmt.percent(1.0),
        fmt.percent(result.utilisation),
        fmt.fixed(result.dram_bytes / 1e6, places[2]),
        fmt.fixed(result.sram_bytes / MIB, places[3]),
        result.bound_by,
    ]


def short_tiling(tiling: Mapping[str, Any]) -> str:
    """Return a tiling in one short line: tile | order of the loops | unrolling | the operand that is streamed.

    >>> tile = {"g": 1, "n": 1, "k": 32, "c": 256, "p": 14, "q": 14}
    >>> unrolling = {"reduction": 64, "pixels": 2}
    >>> short_tiling({"tile": tile, "order": "CKNPQ", "streamed": "weights", "unrolling": unrolling})
    'k32 c256 p14 q14 | CKNPQ | CRS64 PQ2 | ~W'
    """
    if "thread_block" in tiling:
        block = f"{tiling['thread_block']} | {tiling.get('split_reduction')}"
        return str(tiling.get("runs_on") or " | ".join(filter(None, (block, tiling.get("cluster")))))
    if tiling.get("arrays"):
        return " | ".join(f"{name} {tiling[name]}" for name in ("arrays", "context", "slices") if name in tiling)
    tile = " ".join(f"{name}{size}" for name, size in tiling.get("tile", {}).items() if size > 1)
    unrolling = " ".join(f"{LETTERS.get(name, name)}{factor}" for name, factor in tiling.get("unrolling", {}).items())
    words = (tile, tiling.get("order"), unrolling, STREAMED.get(tiling.get("streamed", "")), tiling.get("runs_on"))
    return " | ".join(word for word in words if word)
