"""A map: a coloured number at every point of two axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.report import format as fmt
from simulator.report.page import data_of, joined

CELL_WIDTH, CELL_HEIGHT = 38, 24
"""Size of a point [pixel]."""

LEAST_WIDTH = 420
"""Width of a map of few points [pixel]."""

BLANK, DARK_INK, LIGHT_INK = "#ffffff", "#222222", "#ffffff"


@dataclass(frozen=True)
class Cell:
    """One point. value: None where there is none."""

    x: str
    y: str | int | float
    value: float | None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Axis:
    """What one goes along. words: None without a title and labels."""

    count: int
    words: str | None


def cells_map(
    alt: Any, cells: Sequence[Cell], across: Axis, upward: Axis, title: Any, less_is_better: bool = False,
    frames: Mapping[str, Mapping[str, Any]] | None = None,
) -> Any:  # fmt: skip
    """Colour and number of every point; a gap is white. Darker is better. frames: mark -> how its points are framed."""
    known = [cell.value for cell in cells if cell.value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    rows = []
    for cell in cells:
        row: dict[str, Any] = {"x": cell.x, "y": cell.y, "text": "-", "fill": BLANK, "ink": DARK_INK}
        if cell.value is not None:
            depth = (cell.value - low) / (high - low) if high > low else 0.5
            depth = 1.0 - depth if less_is_better else depth
            row |= {"text": short(cell.value), "fill": shade(depth), "ink": LIGHT_INK if depth > 0.55 else DARK_INK}
        rows.append(row)
    x = alt.X("x:N", sort=None, title=across.words, axis=alt.Axis(labelAngle=0, ticks=False, domain=False))
    y = alt.Y(
        "y:O", sort="descending", title=upward.words,
        axis=alt.Axis(ticks=False, domain=False, labels=upward.words is not None),
    )  # fmt: skip
    base = alt.Chart(data_of(rows)).encode(x=x, y=y)
    layers = [
        base.mark_rect(stroke=BLANK, strokeWidth=1).encode(color=alt.Color("fill:N", scale=None)),
        base.mark_text(fontSize=10.5).encode(text=alt.Text("text:N"), color=alt.Color("ink:N", scale=None)),
    ]
    for mark, style in (frames or {}).items():
        marked = [row for row, cell in zip(rows, cells, strict=True) if mark in cell.marks]
        if marked:
            frame = alt.Chart(data_of(marked)).encode(x=x, y=y)
            layers.append(frame.mark_rect(filled=False, fillOpacity=0, **style))
    width = max(LEAST_WIDTH, CELL_WIDTH * across.count)
    return joined(alt.layer, *layers).properties(width=width, height=CELL_HEIGHT * upward.count, title=title)


def short(value: float) -> str:
    """A number of a cell: three digits, thousands as k."""
    return f"{fmt.significant(value / 1e3, 3)}k" if value >= 9_999.5 else fmt.significant(value, 3)


def shade(depth: float) -> str:
    """A blue between nearly white (0) and dark (1), as a browser writes it."""
    light, dark = (239, 246, 251), (0, 78, 122)
    return "#" + "".join(f"{round(a + (b - a) * depth):02x}" for a, b in zip(light, dark, strict=True))
