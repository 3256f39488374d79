"""Tables on pages of any width: no figure is cut, no line is too long, nothing is lost; and the other forms of an answer."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from simulator.chip.library import with_variants
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


def test_programs_read_figures():
    """Nothing stands for a missing figure, a sign is none of a formula, units and marks do not make words of figures."""
    cells = [
        ["1", "12.5 %", "-1,234.5", "8.202 ms", "1,655*", "pcie3", "3.1"],
        ["2", "<0.01 %", "+0.5", "888.3 us", "90.7", "-x", "41 to 69"],
        ["3", "-", "-", "-", "unknown", "-", "-"],
    ]  # fmt: skip
    table = table_of(["figure"] * 5 + ["name", "figure"], cells)
    for at, heading in enumerate(["", "share", "change", "first", "USD", "link", "band"]):
        table.columns[at].header = heading
    assert list(csv.reader(io.StringIO(as_csv(Group(table))))) == [
        ["place", "share %", "change", "first s", "USD", "USD mark", "link", "band"],
        ["1", "12.5", "-1234.5", "0.008202", "1655", "*", "pcie3", "3.1"],
        ["2", "0", "0.5", "0.0008883", "90.7", "", "'-x", "41 to 69"],
        ["3", "", "", "", "", "", "", ""],
    ]


def test_a_table_without_headings_leaves_no_line_for_them_and_is_none_for_programs():
    bare = Table("", "", box=None)
    for at in range(5):
        bare.add_row(f"what {at}", str(at))
    screen = Console(width=80, file=io.StringIO(), color_system=None)
    printed(bare, screen, folds=True)
    assert screen.file.getvalue().splitlines()[0].split() == ["what", "0", "0"]
    assert as_csv(Group(bare, table_of(["name"], [["only"]]))) == "h0\nonly\n"


def test_what_of_an_indented_line_does_not_fit_is_indented():
    screen = Console(width=24, file=io.StringIO(), color_system=None)
    printed(Text("a line that is long enough\n\n  power: without the limit\n  bill"), screen, folds=True)
    assert [line.rstrip() for line in screen.file.getvalue().splitlines()] == [
        "a line that is long", "enough", "", "  power: without the", "  limit", "  bill",
    ]  # fmt: skip


TABLES = [
    "sensitivity squeezenet@64 --chip t4",
    "run vit_b16 --chip jetson_orin_nano-15w --layers --param image_size=64x48",
    "run squeezenet@64 --chip inferx_x1", "run squeezenet@64 --chip inferx_x1 --layers", "cost inferx_x1",
    "explain squeezenet@64 inferx_x1 example_edge", "sensitivity squeezenet@64 --chip inferx_x1",
    "lint squeezenet@64 --chip inferx_x1", "batch squeezenet@64 --chip inferx_x1 --batch 1,2", "chips",
    "memory squeezenet@64 --chip inferx_x1 --sram 1,8 --dram 1,2", "networks", "cost --validate", "validate eyeriss",
    "compare inferx_x1 t4 --network squeezenet@64", "claim inferx_x1 --network squeezenet@64 --throughput 1000",
    "generate smollm2_135m --chip example_edge --param layers=1 --prompt 8 --output 2",
    "compare t4 example_edge --network smollm2_135m --param layers=1 --prompt 8 --output 2",
    "size squeezenet@64 --chip example_edge --at-least 10/s --vary sram.capacity_mib=1,2 --no-bundled",
]  # fmt: skip


@pytest.mark.parametrize("line", TABLES)
def test_the_csv_of_every_command_is_read_by_programs(line, capsys):
    assert main([*line.split(), "--format", "csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    assert any(rows[0])
    assert not [cell for row in rows for cell in row if "█" in cell or "▏" in cell]
    assert not [cell for row in rows for cell in row if re.fullmatch(r"'?-|'[-+][\d.,]+( %)?", cell)]


@pytest.mark.parametrize("line", TABLES)
def test_no_line_is_cut_and_no_two_are_blank(line, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(line.split()) == 0
    out = capsys.readouterr().out
    assert max(map(cell_len, out.splitlines())) <= 80
    assert "…" not in out
    assert "\n\n\n" not in out
    assert not out.startswith("\n")
    assert not out.endswith("\n\n")


@pytest.mark.parametrize(
    ("form", "first"), [("csv", "of,part,unit,low,best,high,share %"), ("md", "Flex"), ("json", "{"), ("table", "Flex")]
)
def test_every_form_from_the_command(capsys, form, first):
    assert main(["cost", "inferx_x1", "--format", form]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith(first)
    assert form == "md" or not any(line.endswith(" ") for line in out.splitlines())


def test_slips_in_the_form(capsys, tmp_path):
    assert main(["chips", "--format", "cvs"]) == 2
    assert "--format: must be one of table, csv, md, json, got 'cvs'" in capsys.readouterr().err
    assert main(["cost", "inferx_x1", "--format", "json", "--json", str(tmp_path / "x.json")]) == 2
    assert "--format json" in capsys.readouterr().err


def drawn(table, width):
    screen = Console(width=width, file=io.StringIO(), color_system=None)
    printed(table, screen, folds=True)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def test_words_that_would_fold_often_stand_beneath_their_row():
    table = table_of(["name", "words", "figure"], [["one", "a sentence of more words than there is room for", "1,234"],
                                                   ["two", "", "5"]])  # fmt: skip
    assert drawn(table, 24) == [
        "h0      h2", "  h1", "one  1,234", "  a sentence of more", "  words than there is", "  room for", "two      5",
    ]  # fmt: skip
    assert drawn(table, 70)[1] == "one  a sentence of more words than there is room for  1,234"


def test_a_name_that_is_too_long_stands_above_its_figures():
    rows = [["block_1_attention_scores", "1,234,567", "89"], ["short", "1", "2"]]
    table = table_of(["words", "figure", "figure"], rows)
    assert drawn(table, 26) == [
        "h0                  h1  h2", "block_1_attention_scores", "             1,234,567  89", "short                1   2",
    ]  # fmt: skip


def test_a_title_is_folded_to_the_page_not_to_its_table():
    table = table_of(["name", "figure"], [["a", "1"]])
    table.title = "A title that is longer than its table"
    assert drawn(table, 60)[0] == table.title


@pytest.mark.parametrize("width", [40, 80, 100])
def test_every_chip_has_its_whole_name(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["chips"]) == 0
    out = capsys.readouterr().out
    assert max(map(cell_len, out.splitlines())) <= width
    said = " ".join(out.split())
    entries = [*with_variants().values()]
    assert not [entry.name for entry in entries if entry.title not in said]
    assert {entry.name for entry in entries} <= set(said.split())


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
