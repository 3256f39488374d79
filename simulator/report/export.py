"""Reports in other forms: Markdown, and the largest table of a report as CSV."""

import csv
import io
import re

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report.fit import parts_of, plain
from simulator.study.sheet import cell as safe_cell

_NUMBER = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")


def as_markdown(report: RenderableType) -> str:
    """A report as Markdown: its texts as paragraphs, its tables as tables."""
    blocks = []
    for part in parts_of(report):
        if isinstance(part, Table):
            blocks += [f"**{plain(part.title)}**"] if part.title else []
            blocks.append(_table(part))
            blocks += [plain(part.caption)] if part.caption else []
        elif isinstance(part, Text | str) and plain(part).strip():
            blocks.append("  \n".join(line.rstrip() for line in plain(part).splitlines()))
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_csv(report: RenderableType) -> str:
    """The table of a report with the most rows, the first of equals, as CSV: one line of headings, figures without commas."""
    tables = [part for part in parts_of(report) if isinstance(part, Table)]
    out = io.StringIO()
    if tables:
        table = max(tables, key=lambda each: each.row_count)
        writer = csv.writer(out, lineterminator="\n")
        for row in _rows(table):
            writer.writerow([safe_cell(_figure(text)) for text in row])
    return out.getvalue()


def _rows(table: Table) -> list[list[str]]:
    """Headings and rows of a table as text on one line each."""
    columns = [[plain(column.header), *(plain(cell) for cell in column.cells)] for column in table.columns]
    return [[" ".join(text.split()) for text in row] for row in zip(*columns, strict=True)]


def _figure(text: str) -> str:
    """A figure as programs read it; other text as it is."""
    return text.replace(",", "") if _NUMBER.fullmatch(text) else text


def _table(table: Table) -> str:
    """A table in Markdown."""
    rows = [[text.replace("|", "\\|") for text in row] for row in _rows(table)]
    rules = ["---:" if column.justify == "right" else "---" for column in table.columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))
