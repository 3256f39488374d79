"""Tables on pages of any width: no figure is cut, no line is too long, nothing is lost; and the other forms of an answer."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from simulator.cli import main
from simulator.report.export import as_csv, as_markdown
from simulator.report.fit import fitted, printed

words = st.text("abc defgh", min_size=1, max_size=20).filter(str.strip)
figures = st.integers(0, 10**9).map("{:,}".format)


def table_of(kinds, rows):
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for at, kind in enumerate(kinds):
        table.add_column(f"h{at}", justify="right" if kind == "figure" else "left", no_wrap=kind != "words")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


@given(st.data(), st.integers(30, 100))
def test_figures_are_whole_at_any_width(data, width):
    kinds = ["name", *data.draw(st.lists(st.sampled_from(["figure", "words"]), min_size=1, max_size=9))]
    draw = {"name": st.text("xyz", min_size=1, max_size=8), "figure": figures, "words": words}
    rows = [[data.draw(draw[kind]) for kind in kinds] for _ in range(3)]
    file = io.StringIO()
    screen = Console(file=file, width=width, markup=False, highlight=False, emoji=False)
    printed(table_of(kinds, rows), screen, folds=True)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    shown = file.getvalue().split()
    assert all(cell in shown for row in rows for kind, cell in zip(kinds, row, strict=True) if kind != "words")
    assert not any("…" in line for line in lines)


def test_a_table_that_fits_is_left_alone():
    table = table_of(["name", "figure"], [["a", "1"]])
    assert fitted(table, 80) == [table]


def test_further_tables_begin_with_the_first_column():
    rows = [["chip_one", *["123,456,789"] * 8], ["chip_two", *["1"] * 8]]
    first, *more = fitted(table_of(["name", *["figure"] * 8], rows), 50)
    assert more
    for part in more:
        assert [cell.plain for cell in part.columns[0].cells] == ["chip_one", "chip_two"]
    assert sum(len(part.columns) - 1 for part in (first, *more)) == 8


def test_forms():
    small, large = table_of(["name"], [["only"]]), table_of(["name", "figure"], [["=1+1", "1,234.5"], ["b|c", "7"]])
    report = Group(Text("The answer."), small, large)
    assert list(csv.reader(io.StringIO(as_csv(report)))) == [["h0", "h1"], ["'=1+1", "1234.5"], ["b|c", "7"]]
    assert as_markdown(report).splitlines()[-4:] == [
        "| h0 | h1 |",
        "| --- | ---: |",
        "| =1+1 | 1,234.5 |",
        "| b\\|c | 7 |",
    ]
    assert as_csv(Text("no table")) == ""


@pytest.mark.parametrize(("form", "first"), [("csv", ",best"), ("md", "Flex"), ("json", "{"), ("table", "Flex")])
def test_every_form_from_the_command(capsys, form, first):
    assert main(["cost", "inferx_x1", "--format", form]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith(first) or (form == "csv" and out[0] == ",")
    assert form == "md" or not any(line.endswith(" ") for line in out.splitlines())


def test_slips_in_the_form(capsys, tmp_path):
    assert main(["chips", "--format", "cvs"]) == 2
    assert "--format: must be one of table, csv, md, json, got 'cvs'" in capsys.readouterr().err
    assert main(["cost", "inferx_x1", "--format", "json", "--json", str(tmp_path / "x.json")]) == 2
    assert "--format json" in capsys.readouterr().err


def test_rows_that_the_first_column_does_not_name_keep_the_second():
    columns = [["MACs", "", ""], ["1 -> 2", "1 -> 4", "1 -> 9"], *(["1,000"] * 3 for _ in range(6))]
    table = Table(box=None)
    for number, _ in enumerate(columns):
        table.add_column(f"column {number}", justify="right" if number > 1 else "left", no_wrap=True)
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    parts = fitted(table, 40)
    assert len(parts) > 1
    assert all([*part.columns[1].cells] == columns[1] for part in parts)
