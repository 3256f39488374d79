"""What the package gives shows itself in Python: short, in a notebook, as a picture, as a table."""

import dataclasses
import importlib
import importlib.util
import pkgutil

import pytest
from report_example import few_layers

import simulator
from simulator import study
from simulator.chip.library import entry
from simulator.errors import OptionError
from simulator.report import faces
from simulator.report.faces import FACES
from simulator.store.shown import Shown
from simulator.study.claim import judge
from simulator.study.validation import THROUGHPUT, validate

WAYS = ("__repr__", "_repr_html_", "plot", "to_polars", "to_pandas", "__arrow_c_stream__")
"""What each of them can do."""

NOT_SHOWN = {"Fit", "Languages", "Refits", "Serving"}
"""Answers of commands that no call of the package gives: tables alone."""

SWEEPS = ("SweepTable", "SweepScan")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    net, chip = few_layers(), "example_edge"
    vary = {"sram.capacity_mib": "1:8:x2", "clock_mhz": [400, 800]}
    ranking = simulator.compare_chips("squeezenet@64", [chip, "inferx_x1"], batch=1)
    counted = validate([entry("eyeriss")])  # has counters alone, and is quick
    throughputs = tuple(dataclasses.replace(point, quantity=THROUGHPUT) for point in counted.points)
    return {
        "Architecture": simulator.load_chip(chip),
        "Result": simulator.simulate(net, chip),
        "BatchCurve": simulator.batch_curve(net, chip, batches=[1, 2]),
        "Comparison": ranking.found,
        "Cost": simulator.chip_cost(simulator.load_chip(chip)),
        "Explanation": simulator.explain(net, chip, "inferx_x1"),
        "Generation": simulator.generate("smollm2_135m", "jetson_agx_orin", prompt=16, output=4, params={"layers": 2}),
        "Lint": simulator.lint(net, chip),
        "MemoryMap": simulator.memory_map(net, chip, sizes_mib=[1, 4], devices=[1, 2]),
        "Sensitivity": simulator.sensitivity(net, chip),
        "Sizing": simulator.size(net, chip, at_least_per_s=300, vary={"clock_mhz": [400, 800]}, bundled=False),
        "SweepTable": simulator.sweep(net, chip, vary),
        "SweepScan": simulator.sweep(net, chip, vary, out=tmp_path_factory.mktemp("faces") / "points"),
        "Uncertainty": simulator.uncertainty(net, chip, "inferx_x1", draws=200),
        "Ranking": ranking,
        "Validation": dataclasses.replace(counted, points=throughputs),
        "Verdict": judge(entry("goya"), simulator.load_network("resnet50"), 15000.0, 10, verdict_alone=True),
    }


def test_every_answer_has_a_face():
    """Whatever a study answers with, whatever a call of the package gives, and the chip."""
    found = set()
    for module in pkgutil.iter_modules(study.__path__):
        for name, kind in vars(importlib.import_module(f"simulator.study.{module.name}")).items():
            if isinstance(kind, type) and kind.__module__.startswith("simulator.study") and hasattr(kind, "to_dict"):
                found.add(name)
    given = {simulator.Result.__name__, "Architecture", "Cost", *SWEEPS}
    assert found - NOT_SHOWN | given == set(FACES)
    assert {kind.__name__ for kind in Shown.__subclasses__()} | set(SWEEPS) == set(FACES)


@pytest.mark.parametrize("name", list(FACES))
def test_every_answer_shows_itself_in_all_ways(answers, name):
    pl = pytest.importorskip("polars")
    found = answers[name]
    assert type(found).__name__ == name
    assert not [way for way in WAYS if not callable(getattr(found, way, None))]
    if name not in SWEEPS:  # polars' own form: the first rows
        assert repr(found).startswith(f"{name}(")
        assert len(repr(found)) < 400
        assert "\n" not in repr(found)
    page = found._repr_html_()
    assert "<table" in page or name == "Lint"  # a chip with nothing to find
    assert 'src="data:image/svg+xml;base64,' in page
    assert not [word for word in ("<script", "<iframe", "http:", "https:") if word in page]
    assert found.plot().to_dict()
    table = found.to_polars()
    assert len(table.columns) > 2
    assert len(table) >= (0 if name in ("Lint", "Sizing") else 1)
    assert pl.Null not in table.dtypes
    assert pl.DataFrame(found).equals(table)  # by the capsule: a class of its own is nothing else to polars


def test_tables_are_always_there_and_pictures_where_they_can_be(answers, monkeypatch):
    monkeypatch.setattr(faces, "content", _missing)
    page = answers["Result"]._repr_html_()
    assert "<table" in page
    assert "<img" not in page
    assert "rooftile[charts]" in page


def _missing(*_):
    raise OptionError("no charts")


def test_tables_of_several_answers_go_below_each_other(answers):
    pl = pytest.importorskip("polars")
    other = simulator.simulate("squeezenet@64", "inferx_x1", batch=2)
    both = pl.concat([answers["Result"].to_polars(), other.to_polars()], how="diagonal")
    assert both.group_by("chip", "batch").len().height == 2
    assert not [name for name in both.columns if name.startswith("resident.")]  # data are no columns
    assert answers["Sensitivity"].to_polars()["outcome.reason"].dtype == pl.String


def test_a_table_cut_down_is_shown_as_any_other(answers):
    pl = pytest.importorskip("polars")
    table = answers["SweepTable"]
    assert isinstance(table, pl.DataFrame)
    assert "<img" not in type(table)(table.select("clock_mhz"))._repr_html_()
    assert "<img" not in answers["SweepScan"].select("clock_mhz")._repr_html_()
    assert table.equals(answers["SweepScan"].collect())
    if importlib.util.find_spec("altair") is not None:
        assert table.plot.point(x="clock_mhz", y="power_w").to_dict()


def test_a_chip_says_its_roofs():
    chip = simulator.load_chip("t4")
    assert repr(chip).startswith("Architecture(Nvidia Tesla T4: peak ")
    rows = chip.to_polars()
    assert rows["format"].to_list() == list(chip.array.rate)
    at = rows["format"].to_list().index("int8")
    assert rows["peak_tops"][at] == chip.peak_tops("int8")
    assert rows["ridge_operations_per_byte"][at] == pytest.approx(
        chip.peak_tops("int8") * 1e12 / chip.outer_bytes_per_s
    )


def test_a_ranking_of_chips(answers):
    ranking = answers["Ranking"]
    assert [row.value for row in ranking.rows] == sorted((row.value for row in ranking.rows), reverse=True)
    run = simulator.simulate("squeezenet@64", "inferx_x1")
    assert {row.line.chip: row.value for row in ranking.rows}["inferx_x1"] == run.throughput_per_usd
    rows = ranking.to_polars()
    assert rows["place"].to_list() == [1, 2]
    assert rows["throughput_per_usd"].to_list() == [row.value for row in ranking.rows]
    with pytest.raises(OptionError, match="by: must be one of usd"):
        simulator.compare_chips("squeezenet", ["inferx_x1"], by="dollar")
    with pytest.raises(OptionError, match="limits: must have keys of power_w"):
        simulator.compare_chips("squeezenet", ["inferx_x1"], limits={"watt": 3})


def test_rows_of_a_bill_add_up(answers):
    pl = pytest.importorskip("polars")
    rows = answers["Cost"].to_polars()
    for of, column in (("die", "area_mm2"), ("bill", "bill_usd"), ("power", "peak_power_w")):
        part = rows.filter(pl.col("of") == of)
        total = part.filter(pl.col("part") == "total")[column].item()
        assert part.filter(pl.col("part") != "total")[column].sum() == pytest.approx(total)


@pytest.mark.parametrize("name", list(FACES))
def test_a_pandas_table_is_the_same(answers, name):
    pl = pytest.importorskip("polars")
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(OptionError, match="to_pandas: needs pandas"):
            answers[name].to_pandas()
        return
    rows, table = answers[name].to_pandas(), answers[name].to_polars()
    table = table.collect() if isinstance(table, pl.LazyFrame) else table
    assert [*rows.columns] == table.columns
    for column, kind in table.schema.items():
        if kind.is_numeric():
            assert rows[column].sum() == pytest.approx(table[column].sum())
        assert rows[column].isna().sum() == table[column].null_count() + (
            table[column].is_nan().sum() if kind.is_float() else 0
        )
