"""How answers and chips show themselves in Python: in a line, as tables and a picture in a notebook, as a picture, as a table."""

import base64
import html as escaping
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args, get_type_hints

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.errors import OptionError
from simulator.report.fit import parts_of, plain
from simulator.report.page import content
from simulator.report.paper import Grid, grid_of
from simulator.result.form import Result

WIDTH = 100
"""Characters that the bars of a report are drawn for in a notebook."""

WITHOUT = "A picture needs the extra 'charts': pip install 'rooftile[charts]'"


@dataclass(frozen=True)
class Face:
    """Where an answer's report and chart are made, and its rows: which of its fields they are, or where they are made.

    plain: where its chart is made as plain data, which is drawn much sooner than the chart that is made of it.
    """

    report: str
    chart: str
    rows: str
    plain: str = ""


FACES = {
    "Architecture": Face("chip.chip_report", "chip.chip_chart", "rows.chip_rows"),
    "BatchCurve": Face("batch.batch_report", "batch.batch_chart", "points"),
    "Comparison": Face("compare_tables.comparison_report", "scatter.compare_chart", "rows.comparison_rows"),
    "Cost": Face("cost_tables.cost_report", "charts.cost_chart", "rows.cost_rows", "charts.cost_specification"),
    "Explanation": Face("explanation.explain_report", "explanation.explain_chart", "layers"),
    "Generation": Face("generation.generate_report", "generation.generation_chart", "rows.generation_rows"),
    "Lint": Face("linting.lint_report", "linting.lint_chart", "findings"),
    "MemoryMap": Face("memory.memory_report", "memory_charts.memory_chart", "points"),
    "Ranking": Face("compare_tables.ranking_report", "scatter.ranking_chart", "rows.ranking_rows"),
    "Result": Face("tables.run_report", "run_charts.run_chart", "layers", "run_charts.titled"),
    "Sensitivity": Face("sensitivities.sensitivity_report", "sensitivities.sensitivity_chart", "steps"),
    "Sizing": Face("sizing.size_report", "sizing.size_chart", "answers"),
    **dict.fromkeys(("SweepTable", "SweepScan"), Face("points.table_report", "points.table_chart", "")),
    "Uncertainty": Face("uncertainties.uncertainty_report", "uncertainties.uncertainty_chart", "influences"),
    "Validation": Face("validation.validation_report", "validation.validation_chart", "points"),
    "Verdict": Face("claim.claim_report", "claim.verdict_chart", "bounds"),
}
"""By the name of the class of an answer."""

WHOSE = ("network", "model", "chip", "batch", "precision")
"""What an answer is about, before the columns of its rows: tables of several answers can be put below each other."""


def _made(place: str) -> Callable[..., Any]:
    """The function that stands at a place of this room."""
    module, _, name = place.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"simulator.report.{module}"), name)
    return found


def _report(found: Any) -> RenderableType:
    """The report of an answer."""
    make = _made(FACES[type(found).__name__].report)
    report: RenderableType = make(found, None, width=WIDTH) if isinstance(found, Result) else make(found)
    return report


def headline(found: Any) -> str:
    """The first line of an answer's report."""
    return first_line(_report(found))


def first_line(report: RenderableType) -> str:
    """The first words of a report."""
    texts = (part.plain for part in parts_of(report) if isinstance(part, Text))
    return next((text.splitlines()[0] for text in texts if text.strip()), "")


def chart(found: Any) -> Any:
    """The picture of an answer."""
    return _made(FACES[type(found).__name__].chart)(found)


def html(found: Any) -> str:
    """The report of an answer as tables; the picture above them, where the extra `charts` is there."""
    face = FACES[type(found).__name__]
    return shown(_report(found), lambda: _made(face.plain or face.chart)(found))


def shown(report: RenderableType, draw: Callable[[], Any]) -> str:
    """A report as tables, and a picture as SVG inside the page: no script, and nothing that is fetched.

    The picture is an image of its own: what is in it neither runs nor meets the marks of the pictures beside it.
    """
    text = "".join(map(_part, parts_of(report)))
    words = escaping.escape(first_line(report))
    try:
        picture = base64.b64encode(content(draw(), ".svg")).decode("ascii")
    except OptionError:
        return f"<div>{text}<p>{escaping.escape(WITHOUT)}</p></div>"
    style = "max-width:100%;background:#ffffff"
    return f'<div><img alt="{words}" style="{style}" src="data:image/svg+xml;base64,{picture}">{text}</div>'


def _part(part: RenderableType) -> str:
    """A text or a table of a report."""
    if isinstance(part, Table):
        return _table(grid_of(part))
    words = plain(part) if isinstance(part, Text | str) else ""
    lines = "<br>".join(escaping.escape(line) for line in words.splitlines())
    strong = isinstance(part, Text) and "bold" in str(part.style)
    return "" if not words.strip() else f"<p><b>{lines}</b></p>" if strong else f"<p>{lines}</p>"


def _table(grid: Grid) -> str:
    """A table as notebooks show tables."""
    head = "".join(_cell("th", words, right) for words, right in zip(grid.headings, grid.right, strict=False))
    body = "".join(
        f"<tr>{''.join(_cell('td', words, right) for words, right in zip(row, grid.right, strict=True))}</tr>"
        for row in grid.rows
    )
    caption = f"<caption>{escaping.escape(grid.caption)}</caption>" if grid.caption else ""
    below = f"<p>{escaping.escape(grid.below)}</p>" if grid.below else ""
    return f"<table>{caption}{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>{below}"


def _cell(tag: str, words: str, right: bool) -> str:
    """A cell; figures stand to the right."""
    return f'<{tag} style="text-align:{"right" if right else "left"}">{escaping.escape(words)}</{tag}>'


def table(found: Any) -> Any:
    """The rows of an answer, after what it is about; what a row holds in turn is a column of its own (`outcome.power_w`)."""
    try:
        import polars as pl  # noqa: PLC0415
    except ImportError:
        raise OptionError("to_polars: needs polars; install it with: pip install 'rooftile[sweep]'") from None
    place = FACES[type(found).__name__].rows
    rows: Sequence[Any] = _made(place)(found) if "." in place else getattr(found, place)
    kinds = _kinds(type(rows[0])) if rows and not isinstance(rows[0], dict) else {}
    flat = [row if isinstance(row, dict) else _flat(asdict(row)) for row in rows]
    whose = {name: getattr(found, name) for name in WHOSE if isinstance(getattr(found, name, None), str | int)}
    frame = pl.DataFrame([{**whose, **row} for row in flat], infer_schema_length=None)
    # A column of which nothing is known in this answer has the type that it has in others.
    names = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
    empty = [name for name, kind in frame.schema.items() if kind == pl.Null]
    return frame.with_columns(pl.col(name).cast(names[kinds.get(name, float)]) for name in empty)


def pandas_table(found: Any) -> Any:
    """The rows of an answer, a pandas table."""
    return as_pandas(table(found))


def as_pandas(frame: Any) -> Any:
    """A polars table as a pandas one, made from columns so that it needs no pyarrow."""
    try:
        pd = importlib.import_module("pandas")
    except ImportError:
        raise OptionError("to_pandas: needs pandas; install it with: pip install pandas") from None
    return pd.DataFrame(frame.to_dict(as_series=False))


def _kinds(of: type, before: str = "") -> dict[str, type]:
    """The type of each column that the fields of a class are."""
    out: dict[str, type] = {}
    for name, hint in get_type_hints(of).items():
        kinds = [kind for kind in (*get_args(hint), hint) if isinstance(kind, type)]
        plain_kind = next((kind for kind in kinds if kind in (str, int, float, bool)), None)
        inside = next((kind for kind in kinds if hasattr(kind, "__dataclass_fields__")), None)
        if inside is not None:
            out |= _kinds(inside, f"{before}{name}.")
        elif plain_kind is not None:
            out[before + name] = plain_kind
    return out


BY_DATA = ("resident",)
"""Mappings whose keys are names of tensors: they would be a column for each layer."""


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A row of plain data with what is inside it beside it; lists and names of tensors are left out, they are no columns."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            out |= {} if key in BY_DATA else _flat(value, f"{before}{key}.")
        elif not isinstance(value, list | tuple):
            out[before + key] = str(value) if key in ("value", "was") else value
    return out
