"""A report to send: one HTML file that opens without a network, and reads like a page of a paper.

It begins with the answer in one sentence. Tables are tables, which can be sorted; pictures are drawn by the library that is in
the file, and have words for who cannot see them. Names come from files of strangers: everything is escaped here.
"""

import html as escaping
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report.fit import parts_of, plain
from simulator.report.page import drawing, require_charts, specification_of


@dataclass(frozen=True)
class Picture:
    """A chart, or one as plain data, and what it shows in words."""

    chart: Any
    words: str


@dataclass(frozen=True)
class Sheet:
    """A table with what stands behind each row: shown when the row's first cell is opened, or pointed at."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    behind: Sequence[Sequence[str]] = ()
    """Lines of each row."""


Part = RenderableType | Picture | Sheet


@dataclass(frozen=True)
class Grid:
    """A table as a page shows it: words alone."""

    caption: str
    headings: Sequence[str]
    right: Sequence[bool]
    """Of each column, whether it holds figures."""
    rows: Sequence[Sequence[str]]
    behind: Sequence[Sequence[str]] = ()
    """Lines of each row."""
    below: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Paper:
    """All of a report."""

    title: str
    answer: str
    """In one sentence."""
    sections: Sequence[Section]
    made: Mapping[str, str]
    """What made it: the command, the version, digests."""


def paper_html(paper: Paper) -> str:
    """The report as one page.

    Raises OptionError when the extra `charts` is not installed.
    """
    require_charts("report")
    own = files("simulator.report")
    names = ("paper.css", "cards.css", "fit.js", "paper.js", "sort.js")
    style, cards, fit, draw, sort = ((own / name).read_text(encoding="utf-8") for name in names)
    body = "".join(_section(number, section) for number, section in enumerate(paper.sections))
    ways = "".join(
        f'<li><a href="#s{number}">{_text(section.heading)}</a></li>' for number, section in enumerate(paper.sections)
    )
    made = "".join(f"<dt>{_text(name)}</dt><dd><code>{_text(value)}</code></dd>" for name, value in paper.made.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline' 'unsafe-eval'; img-src data:\">\n"
        f"<title>{_text(paper.title)}</title>\n<style>\n{style}{cards}</style>\n</head>\n<body>\n"
        f'<header><h1>{_text(paper.title)}</h1><p class="answer">{_text(paper.answer)}</p></header>\n'
        f'<nav aria-label="Sections"><ul>{ways}</ul></nav>\n<main>\n{body}</main>\n'
        f"<footer><h2>How it was made</h2><dl>{made}</dl></footer>\n"
        f"<script>{drawing()}</script>\n<script>\n{fit}{draw}{sort}</script>\n</body>\n</html>\n"
    )


def _text(words: str) -> str:
    """Words as text of a page."""
    return escaping.escape(words, quote=True)


def _line(words: str) -> str:
    """A line of text; what stands between backticks is typed as it is, and not broken."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(words))


def _section(number: int, section: Section) -> str:
    """A heading with its parts."""
    parts = "".join(_part(f"s{number}p{at}", part) for at, part in enumerate(flat(section.parts)))
    return f'<section id="s{number}"><h2>{_text(section.heading)}</h2>\n{parts}</section>\n'


def flat(parts: Iterable[Part]) -> list[Part]:
    """The parts, reports taken apart."""
    found: list[Part] = []
    for part in parts:
        found += [part] if isinstance(part, Picture | Sheet) else [*parts_of(part)]
    return found


def _part(name: str, part: Part) -> str:
    """One text, table or picture."""
    if isinstance(part, Picture):
        return _picture(name, part)
    if isinstance(part, Sheet):
        return _sheet(part)
    if isinstance(part, Table):
        return _table(part)
    words = plain(part) if isinstance(part, Text | str) else ""
    if not words.strip():
        return ""
    if isinstance(part, Text) and "bold" in str(part.style) and "\n" not in words:
        return f"<h3>{_text(words)}</h3>\n"
    return f"<p>{'<br>'.join(map(_line, words.splitlines()))}</p>\n"


def _picture(name: str, picture: Picture) -> str:
    """A chart: its specification, which the script draws, and its words."""
    chart = specification_of(picture.chart)
    specification = json.dumps(chart, ensure_ascii=True).replace("<", "\\u003c")
    return (
        f'<figure><div class="chart" id="{name}" role="img" aria-label="{_text(picture.words)}"></div>'
        f'<script type="application/json" data-chart="{name}">{specification}</script>'
        "</figure>\n"
    )


def grid_of(part: Table | Sheet) -> Grid:
    """The table of a report, or one whose rows can be opened, in words."""
    if isinstance(part, Sheet):
        figures = [all(_is_figure(row[at]) for row in part.rows) for at in range(len(part.headings))]
        return Grid(part.caption, part.headings, figures, part.rows, part.behind)
    right = [column.justify == "right" for column in part.columns]
    columns = [[plain(cell) for cell in column.cells] for column in part.columns]
    rows = [[" ".join(text.split()) for text in row] for row in zip(*columns, strict=True)]
    headings = [" ".join(plain(column.header).split()) for column in part.columns] if part.show_header else []
    ends = (plain(end) if end else "" for end in (part.title, part.caption))
    return Grid(next(ends), headings, right, rows, (), next(ends))


def _table(table: Table) -> str:
    """A table of a report."""
    grid = grid_of(table)
    caption = f"<caption>{_text(grid.caption)}</caption>" if table.title else ""
    head = f"<thead><tr>{''.join(map(_heading, grid.headings, grid.right))}</tr></thead>" if table.show_header else ""
    body = "".join(f"<tr>{''.join(map(_cell, row, grid.right, range(len(row))))}</tr>" for row in grid.rows)
    below = f'<p class="below">{_text(grid.below)}</p>' if table.caption else ""
    kind = "" if table.show_header else ' class="facts"'
    return f'<div class="wide"><table{kind}>{caption}{head}<tbody>{body}</tbody></table></div>{below}\n'


def _heading(words: str, right: bool) -> str:
    """A heading that sorts its column."""
    side = ' class="number"' if right else ""
    return f'<th scope="col"{side}><button type="button">{_text(words)}</button></th>' if words else "<td></td>"


def _cell(words: str, right: bool, at: int) -> str:
    """A cell; the first one names its row."""
    side = ' class="number"' if right else ""
    return f'<th scope="row"{side}>{_text(words)}</th>' if at == 0 and not right else f"<td{side}>{_line(words)}</td>"


def _sheet(sheet: Sheet) -> str:
    """A table whose rows can be opened."""
    right = grid_of(sheet).right
    head = "".join(map(_heading, sheet.headings, right))
    body = ""
    for number, row in enumerate(sheet.rows):
        lines = sheet.behind[number] if sheet.behind else ()
        first = _text(row[0])
        if lines:
            inside = "<br>".join(map(_text, lines))
            first = f"<details><summary>{first}</summary><p>{inside}</p></details>"
        tip = f' title="{_text(chr(10).join(lines))}"' if lines else ""
        cells = "".join(map(_cell, row[1:], right[1:], range(1, len(row))))
        body += f'<tr{tip}><th scope="row" data-sort="{_text(row[0])}">{first}</th>{cells}</tr>'
    return (
        f'<div class="wide"><table><caption>{_text(sheet.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )


def _is_figure(words: str) -> bool:
    """Whether a cell holds a number, or nothing."""
    bare = words.replace(",", "").removesuffix("%").strip()
    return not bare or bare == "-" or bare.replace(".", "", 1).replace("-", "", 1).replace("+", "", 1).isdigit()
