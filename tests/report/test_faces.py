"""Answers of studies show themselves in Python: short, in a notebook, as a picture, as a table."""

import importlib.util

import pytest

import simulator
from simulator.errors import OptionError
from simulator.report.faces import FACES


@pytest.fixture(scope="module")
def answers():
    net, chip = simulator.load_network("squeezenet"), "example_edge"
    return {
        "Result": simulator.simulate(net, chip),
        "BatchCurve": simulator.batch_curve(net, chip, batches=[1, 2]),
        "Explanation": simulator.explain(net, chip, "inferx_x1"),
        "Lint": simulator.lint(net, chip),
        "MemoryMap": simulator.memory_map(net, chip, sizes_mib=[1, 4], devices=[1, 2]),
        "Sensitivity": simulator.sensitivity(net, chip),
        "Sizing": simulator.size(net, chip, at_least_per_s=300, vary={"clock_mhz": [400, 800]}, bundled=False),
        "Uncertainty": simulator.uncertainty(net, chip, "inferx_x1", draws=200),
        "Ranking": simulator.compare_chips("squeezenet", [chip, "inferx_x1"], batch=1),
    }


@pytest.mark.parametrize("name", list(FACES))
def test_every_answer_shows_itself(answers, name):
    found = answers[name]
    assert type(found).__name__ == name
    assert repr(found).startswith(f"{name}(")
    assert len(repr(found)) < 400
    assert "\n" not in repr(found)
    page = found._repr_html_()
    assert page.startswith("<pre>")
    assert "<iframe srcdoc=" in page
    assert found.plot().to_dict()
    assert len(found.to_polars().columns) > 2


def test_a_ranking_of_chips(answers):
    ranking = answers["Ranking"]
    assert [row.value for row in ranking.rows] == sorted((row.value for row in ranking.rows), reverse=True)
    run = simulator.simulate("squeezenet", "inferx_x1")
    assert {row.line.chip: row.value for row in ranking.rows}["inferx_x1"] == run.throughput_per_usd
    with pytest.raises(OptionError, match="by: must be one of usd"):
        simulator.compare_chips("squeezenet", ["inferx_x1"], by="dollar")
    with pytest.raises(OptionError, match="limits: must have keys of power_w"):
        simulator.compare_chips("squeezenet", ["inferx_x1"], limits={"watt": 3})


def test_rows_reach_whatever_reads_arrow(answers):
    pl = pytest.importorskip("polars")
    for found in answers.values():
        again = pl.DataFrame(found)  # by the capsule: a class of its own is nothing else to polars
        assert again.equals(found.to_polars())


def test_a_pandas_table_is_the_same(answers):
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(OptionError, match="to_pandas: needs pandas"):
            answers["Result"].to_pandas()
        return
    rows = answers["Result"].to_pandas()
    assert rows["latency_s"].sum() == pytest.approx(answers["Result"].latency_s)
