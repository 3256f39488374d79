"""Reports in other forms: Markdown, and the table of a report that programs read, as CSV."""

import csv
import io
import re

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report.fit import headed, parts_of, plain, sheet_of
from simulator.study.sheet import cell as safe_cell

_NUMBER = re.compile(
    r"<?(?P<number>[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?) ?(?P<unit>%|[A-Za-z]+(?:/[A-Za-z]+)?)?(?P<mark>[*+]?)"
)
"""A figure of a table: a number, perhaps with a unit, perhaps with a mark that a note explains."""

_MISSING = ("", "-", "unknown", "none", "no DRAM")
"""What a column of figures says where there is none."""

_BARS = re.compile("[█▉▊▋▌▍▎▏#]*")
"""Cells of a column that is a picture, which is for people."""

_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Units that a column may mix, each cell in that which suits it; a program gets seconds."""


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
    """The table of a report for programs, else that with headings and the most rows, the first of equals, as CSV.

    One line of headings. A figure is a bare number, with its unit in the heading; a missing one is empty; the marks of a column
    are a column of their own. Bars are left out.
    """
    table = sheet_of(report)
    if table is None:
        tables = [part for part in parts_of(report) if isinstance(part, Table)]
        table = max(tables, key=lambda each: (headed(each), each.row_count), default=None)
    out = io.StringIO()
    if table is not None:
        first, *rows = _rows(table)
        columns = [
            column
            for at, heading in enumerate(first)
            if heading or at == 0 or not all(_BARS.fullmatch(row[at]) for row in rows)
            for column in _bare(heading, [row[at] for row in rows], at, table.columns[at].justify == "right")
        ]
        csv.writer(out, lineterminator="\n").writerows(zip(*columns, strict=True))
    return out.getvalue()


def _bare(heading: str, cells: list[str], at: int, right: bool) -> list[list[str]]:
    """A column as programs read it, its heading first, and behind it that of its marks, where it has any."""
    cells = ["" if cell == "-" or (right and cell in _MISSING) else cell for cell in cells]
    if not heading and at == 0:
        heading = "place" if cells == [str(place) for place in range(1, len(cells) + 1)] else "what"
    found = [_NUMBER.fullmatch(cell) for cell in cells]
    units = {match["unit"] or "" for match in found if match}
    if (
        not units
        or any(cell and not match for cell, match in zip(cells, found, strict=True))
        or not (len(units) == 1 or units <= {*_TIMES})
    ):
        return [[_safe(heading), *(_safe(cell) for cell in cells)]]
    unit = "s" if units <= {*_TIMES} else units.pop()
    numbers = [_number(match) if match else "" for match in found]
    marks = [match["mark"] if match else "" for match in found]
    column = [_safe(" ".join(filter(None, (heading, unit)))), *numbers]
    return [column, [_safe(f"{heading} mark"), *marks]] if any(marks) else [column]


def _number(match: re.Match[str]) -> str:
    """A figure of a column alone; what is below the least that is shown is none of it."""
    number = match["number"].replace(",", "").removeprefix("+")
    if match[0].startswith("<"):
        return "0"
    scale = _TIMES.get(match["unit"] or "s", 1.0)
    return number if scale == 1.0 else f"{float(number) * scale:.6g}"


def _safe(text: str) -> str:
    """A cell of words, none of which a spreadsheet would run; a figure among words as programs read it."""
    match = _NUMBER.fullmatch(text)
    return _number(match) if match and not (match["unit"] or match["mark"]) else str(safe_cell(text))


def _rows(table: Table) -> list[list[str]]:
    """Headings and rows of a table as text on one line each."""
    columns = [[plain(column.header), *(plain(cell) for cell in column.cells)] for column in table.columns]
    return [[" ".join(text.split()) for text in row] for row in zip(*columns, strict=True)]


def _table(table: Table) -> str:
    """A table in Markdown."""
    rows = [[text.replace("|", "\\|") for text in row] for row in _rows(table)]
    rules = ["---:" if column.justify == "right" else "---" for column in table.columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))
