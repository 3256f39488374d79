"""Tables that a page has room for: digits are never cut, columns move into a further table below instead."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

LEAST_TEXT = 10
"""Characters below which a column of words is not folded or shortened. [characters]"""

GAP, NARROW_GAP = 2, 1
"""Between columns, and where a table would not fit otherwise. [characters]"""

MOST_FOLDS = 2
"""Lines of a cell above which words stand beneath their row, where they have the whole width."""


def parts_of(report: RenderableType, indents: bool = False) -> Iterator[RenderableType]:
    """The texts and tables that a report consists of, in order. indents: what is indented as it is; else what stands inside."""
    if isinstance(report, Group):
        for part in report.renderables:
            yield from parts_of(part, indents)
    elif isinstance(report, Padding) and not indents:
        yield from parts_of(report.renderable)
    else:
        yield report


class WithSheet(Group):
    """A report with the table that stands for it where programs read it, which need not be one that is shown."""

    def __init__(self, *parts: RenderableType, sheet: Table) -> None:
        super().__init__(*parts)
        self.sheet = sheet


def sheet_of(report: RenderableType) -> Table | None:
    """The table that stands for a report; None where any of its own may."""
    return report.sheet if isinstance(report, WithSheet) else None


def headed(table: Table) -> bool:
    """Whether a table has a heading; a row of empty ones is none."""
    return table.show_header and any(plain(column.header).strip() for column in table.columns)


def fitted(table: Table, width: int) -> list[Table]:
    """One table, or as many as it takes for a page `width` characters wide; each begins with the columns that name its rows."""
    columns = table.columns
    if not columns or _whole(columns, GAP) <= width:
        return [table]
    gap = GAP if _whole(columns, NARROW_GAP) > width and _room(columns, GAP) <= width else NARROW_GAP
    names = _names(columns, width, gap)
    groups: list[list[Column]] = [[]]
    for column in columns[len(names) :]:
        if groups[-1] and _room([*names, *groups[-1], column], gap) > width:
            groups.append([])
        groups[-1].append(column)
    return [_part(table, [*names, *group], width, gap) for group in groups]


def _names(columns: Sequence[Column], width: int, gap: int) -> list[Column]:
    """The first column, and as many more columns of words as tell the rows apart, in at most three quarters of the width."""
    count = 1
    while count + 1 < len(columns) and columns[count].justify != "right":
        rows = list(zip(*(map(plain, column.cells) for column in columns[:count]), strict=True))
        if len({*rows}) == len(rows) or 4 * _room(columns[: count + 1], gap) > 3 * width:
            break
        count += 1
    return list(columns[:count])


def plain(cell: RenderableType) -> str:
    """The characters of a cell or a heading."""
    if isinstance(cell, str):
        cell = Text.from_markup(cell, emoji=False)
    return cell.plain if isinstance(cell, Text) else ""


def _longest(column: Column, words: bool = False) -> int:
    """Characters of the longest line, or word, of a column."""
    cells = [plain(column.header), *(plain(cell) for cell in column.cells)]
    return max((cell_len(part) for cell in cells for part in (cell.split() if words else cell.split("\n"))), default=0)


def _natural(column: Column) -> int:
    """Characters that a column takes where there is room for all of it."""
    widest = _longest(column)
    return max(widest if column.max_width is None else min(widest, column.max_width), column.min_width or 0)


def _shrinks(column: Column) -> bool:
    """Whether a column holds words, which may be folded or shortened; figures may not."""
    return column.justify != "right" and not column.no_wrap


def _least(column: Column) -> int:
    """Characters that a column cannot do without."""
    natural = _natural(column)
    if not _shrinks(column):
        return natural
    heading = max((cell_len(word) for word in plain(column.header).split()), default=0)
    return min(natural, max(LEAST_TEXT, column.min_width or 0, heading))


def _whole(columns: Sequence[Column], gap: int) -> int:
    """Characters of columns side by side in which nothing is folded."""
    return sum(map(_natural, columns)) + gap * (len(columns) - 1)


def _room(columns: Sequence[Column], gap: int) -> int:
    """Characters that columns side by side cannot do without."""
    return sum(map(_least, columns)) + gap * (len(columns) - 1)


def _low(heading: RenderableType) -> RenderableType:
    """A heading without empty lines above it: beside a taller one it stands at the bottom anyway."""
    return heading.lstrip("\n") if isinstance(heading, str) else heading


def _part(table: Table, columns: Sequence[Column], width: int, gap: int) -> Table:
    """Some columns of a table; what room is left goes to the columns of words."""
    out = _bare(table, gap)
    left = width - _room(columns, gap)
    for column in columns:
        least = _least(column)
        more = min(max(left, 0), _natural(column) - least)
        left -= more
        out.add_column(
            _low(column.header), justify=column.justify, style=column.style, no_wrap=column.no_wrap, overflow="fold",
            min_width=None if _shrinks(column) else least + more, max_width=least + more,
        )  # fmt: skip
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        out.add_row(*cells, style=row.style, end_section=row.end_section)
    out.show_header = headed(out)
    return out


def _bare(table: Table, gap: int) -> Table:
    """A table in the style of another, without columns and rows."""
    return Table(
        box=table.box, padding=(0, gap, 0, 0), pad_edge=False, header_style=table.header_style,
        show_header=table.show_header,
    )  # fmt: skip


def _folds(column: Column) -> int:
    """Lines of the tallest cell of a column that has its width."""
    width = column.max_width or _natural(column)
    lines = (textwrap.wrap(line, width) for cell in column.cells for line in plain(cell).split("\n"))
    return max(map(len, lines), default=1)


def _beneath(table: Table, width: int, gap: int) -> tuple[list[Column], list[Column]]:
    """The columns that stay side by side, and those of words that would fold too often: these go beneath each row."""
    columns, below = table.columns, []
    while len(columns) > 2 and (high := [one for one in columns[1:] if _shrinks(one) and _folds(one) > MOST_FOLDS]):
        below.append(max(high, key=_longest))
        columns = _part(table, [one for one in table.columns if one not in below], width, gap).columns
    kept = [one for one in table.columns if one not in below]
    return kept, below


def _rows(table: Table, width: int) -> Iterator[RenderableType]:
    """A table that fits, whole or row by row.

    Row by row, words that would fold too often stand beneath their row, and a name that is too long for its column stands
    above its figures, so that no name is broken.
    """
    gap = table.padding[1]
    kept, below = _beneath(table, width, gap)
    shaped = _part(table, kept, width, gap) if below else table
    names = shaped.columns[0]
    room = names.max_width or _natural(names)
    long = [len(plain(cell).split()) == 1 and cell_len(plain(cell)) > room for cell in names.cells]
    if not below and not any(long):
        yield table
        return
    wide = [column.max_width or _natural(column) for column in shaped.columns]

    def of(cells: Sequence[RenderableType], style: StyleType | None) -> Table:
        out = _bare(table, gap)
        for column, characters in zip(shaped.columns, wide, strict=True):
            out.add_column(
                column.header, justify=column.justify, style=column.style, no_wrap=column.no_wrap, overflow="fold",
                width=characters,
            )  # fmt: skip
        if cells:
            out.add_row(*cells, style=style)
        out.show_header = not cells
        return out

    if headed(shaped):
        yield of([], None)
        for column in below:
            if heading := plain(column.header).strip():
                yield Padding(Text(heading, style=table.header_style), (0, 0, 0, GAP), expand=False)
    for at, (row, over) in enumerate(zip(shaped.rows, long, strict=True)):
        cells = [column._cells[at] for column in shaped.columns]
        if over:
            name = cells[0] if isinstance(cells[0], Text) else Text.from_markup(str(cells[0]), emoji=False)
            yield Text.assemble(name, style=row.style or "")
            cells[0] = ""
        yield of(cells, row.style)
        for column in below:
            if plain(column._cells[at]).strip():
                yield Padding(Text(plain(column._cells[at])), (0, 0, 0, GAP), expand=False)


def _hanging(part: RenderableType) -> list[RenderableType]:
    """A text line by line where some are indented: what of such a line does not fit stands below it, indented as it is."""
    if not isinstance(part, Text) or not re.search(r"^ ", part.plain, re.MULTILINE):
        return [part]
    lines = [(line, len(line.plain) - len(line.plain.lstrip(" "))) for line in part.split("\n", allow_blank=True)]
    return [Padding(line[indent:], (0, 0, 0, indent), expand=False) if indent else line for line, indent in lines]


def printed(report: RenderableType, screen: Console, folds: bool) -> None:
    """Print a report part by part. folds: whether tables keep to the width of the screen; else they take what they need."""
    for part in parts_of(report, indents=True):
        if not isinstance(part, Table):
            screen.print(*_hanging(part), sep="\n")
            continue
        part.show_header = headed(part)
        title, part.title = part.title, None
        caption, part.caption = part.caption, None
        # As texts: a title of the table's own would be folded to the width of the table.
        _line(screen, title, part.title_style or "bold")
        if folds:
            for number, table in enumerate(fitted(part, screen.width)):
                screen.print(*([""] if number else []), *_rows(table, screen.width), sep="\n")
        else:
            width = screen.width
            screen.width = max(width, _whole(part.columns, GAP + 1) + GAP + 2)
            screen.print(part)
            screen.width = width
        _line(screen, caption, part.caption_style or "table.caption")
        part.title, part.caption = title, caption


def _line(screen: Console, text: RenderableType | None, style: StyleType) -> None:
    """Print what stands above or below a table."""
    if text is not None:
        screen.print(Text(plain(text)) if isinstance(text, str) else text, style=style)
