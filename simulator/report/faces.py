"""How answers show themselves in Python: in a line, as a page in a notebook, as a picture, as a table."""

import html as escaping
import importlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from simulator.errors import OptionError
from simulator.report.fit import parts_of, printed
from simulator.report.page import html as page
from simulator.result.form import Result

WIDTH = 100
"""Characters of a report in a notebook."""


@dataclass(frozen=True)
class Face:
    """Where an answer's report and chart are made, and which of its fields are the rows of its table."""

    report: str
    chart: str
    rows: str


FACES = {
    "Result": Face("tables.run_report", "run_chart.run_chart", "layers"),
    "BatchCurve": Face("batch_report.batch_report", "batch_report.batch_chart", "points"),
    "Explanation": Face("explain_report.explain_report", "explain_report.explain_chart", "layers"),
    "Lint": Face("lint_report.lint_report", "lint_report.lint_chart", "findings"),
    "MemoryMap": Face("memory_report.memory_report", "memory_chart.memory_chart", "points"),
    "Sensitivity": Face("sensitivity_report.sensitivity_report", "sensitivity_report.sensitivity_chart", "steps"),
    "Sizing": Face("size_report.size_report", "size_report.size_chart", "answers"),
    "Uncertainty": Face("uncertainty_report.uncertainty_report", "uncertainty_report.uncertainty_chart", "influences"),
    "Ranking": Face("compare_tables.ranking_report", "scatter.ranking_chart", "rows"),
}
"""By the name of the class of an answer."""


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
    texts = (part.plain for part in parts_of(_report(found)) if isinstance(part, Text))
    return next((text.splitlines()[0] for text in texts if text.strip()), "")


def chart(found: Any) -> Any:
    """The picture of an answer."""
    return _made(FACES[type(found).__name__].chart)(found)


def html(found: Any) -> str:
    """The report of an answer; the picture below it, where the extra `charts` is there."""
    file = io.StringIO()
    screen = Console(file=file, width=WIDTH, markup=False, highlight=False, emoji=False)
    printed(_report(found), screen, folds=True)
    text = f"<pre>{escaping.escape(file.getvalue())}</pre>"
    try:
        picture = escaping.escape(page(chart(found)), quote=True)
    except OptionError:
        return text
    return (
        f'{text}<iframe srcdoc="{picture}" sandbox="allow-scripts" width="100%" height="720" frameborder="0"></iframe>'
    )


def table(found: Any) -> Any:
    """The rows of an answer; what a row holds in turn is a column of its own (`outcome.power_w`)."""
    try:
        import polars as pl  # noqa: PLC0415
    except ImportError:
        raise OptionError("to_polars: needs polars; install it with: pip install 'rooftile[sweep]'") from None
    rows: Sequence[Any] = getattr(found, FACES[type(found).__name__].rows)
    return pl.DataFrame([_flat(asdict(row)) for row in rows], infer_schema_length=None)


def pandas_table(found: Any) -> Any:
    """The rows of an answer, a pandas table, made from columns so that it needs no pyarrow."""
    try:
        pd = importlib.import_module("pandas")
    except ImportError:
        raise OptionError("to_pandas: needs pandas; install it with: pip install pandas") from None
    return pd.DataFrame(table(found).to_dict(as_series=False))


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A row of plain data with what is inside it beside it; lists are left out, they are no columns."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{before}{key}.")
        elif not isinstance(value, list | tuple):
            out[before + key] = str(value) if key in ("value", "was") else value
    return out
