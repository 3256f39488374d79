"""How results show themselves in Python: as a page in a notebook, as a picture, as a table."""

import html as escaping
import io
from typing import Any

from rich.console import Console

from simulator.errors import OptionError
from simulator.report.fit import printed
from simulator.report.page import html as page
from simulator.report.run_chart import run_chart, sentence
from simulator.report.tables import run_report
from simulator.result.form import Result

__all__ = ["html", "layers_table", "run_chart"]

WIDTH = 100
"""Characters of a report in a notebook."""


def html(result: Result) -> str:
    """The answer in a sentence and the report; the picture above it, where the extra `charts` is there."""
    file = io.StringIO()
    report = run_report(result, None, width=WIDTH)
    printed(report, Console(file=file, width=WIDTH, markup=False, highlight=False, emoji=False), folds=True)
    text = f"<p><b>{escaping.escape(sentence(result))}</b></p><pre>{escaping.escape(file.getvalue())}</pre>"
    try:
        picture = escaping.escape(page(run_chart(result)), quote=True)
    except OptionError:
        return text
    return (
        f'{text}<iframe srcdoc="{picture}" sandbox="allow-scripts" width="100%" height="720" frameborder="0"></iframe>'
    )


def layers_table(result: Result) -> Any:
    """One row a layer; the waterfall as columns of its parts."""
    try:
        import polars as pl  # noqa: PLC0415
    except ImportError:
        raise OptionError("to_polars: needs polars; install it with: pip install 'rooftile[sweep]'") from None
    names = ("name", "kind", "macs", "cycles", "latency_s", "utilisation", "dram_bytes", "sram_bytes", "bound_by")
    rows = [{**{name: getattr(layer, name) for name in names}, **layer.waterfall} for layer in result.layers]
    return pl.DataFrame(rows)
