"""The validation: the page is what the command writes, the summary is right, and the model beats both baselines."""

import importlib.util
import json
import math
import re
import statistics
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import THOROUGH

from simulator import load_chip, load_network, simulate
from simulator.chip.library import bundled_entries
from simulator.chip.load import simulable
from simulator.cli import main
from simulator.report.validation import validation_chart, validation_page
from simulator.store.data import read_data
from simulator.store.memory import Memory, one_each
from simulator.study import validation
from simulator.study.claim import MODEL_ERROR
from simulator.study.evidence import evidence_of
from simulator.study.standing import BLIND, CHANGED, FITTED, STANDINGS, standing_of
from simulator.study.validation import UNSEEN, of_rows, spearman, validate
from simulator.study.validation_data import book

DOCS = Path(__file__).parents[2] / "docs"


BY_DAY = ("eyeriss", "groq_tsp", "l4", "nvdla_32", "tpu_v1")
"""Chips whose figures are computed at every change; by night those of all. Of `dpu_b4096` the fits compute most."""


OF_FITS = re.compile(r"(?<=were fitted together\.\n).*?(?=## Known misses)", re.DOTALL)


@pytest.fixture(scope="module")
def found():
    """What the last run wrote; that a run would write the same is a test of its own."""
    return of_rows((DOCS / "validation.json").read_text(encoding="utf-8"))


def of_chips(points, chips):
    return [point for point in points if point.chip in chips]


def test_the_rows_are_what_the_model_says(found):
    chips = [*bundled_entries()] if THOROUGH else BY_DAY
    anew = validate(bundled_entries()[name] for name in chips)
    assert len(anew.points) > 60
    assert of_chips(found.points, chips) == [*anew.points], "rooftile validate --page docs/validation.md writes them"
    if THOROUGH:
        assert found == anew


def summary(summaries, group):
    return next(one for one in summaries if one.group == group)


@pytest.fixture(autouse=True)
def _without_fits(monkeypatch):
    """By day pages are without the tables of the fits, which take as long as the rows: they have tests of their own."""
    if not THOROUGH:
        monkeypatch.setattr(sys.modules[validation_page.__module__], "all_fits", lambda: [])


def test_the_page_is_up_to_date(found):
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    if not THOROUGH:
        page, left_out = OF_FITS.subn("", page)
        assert left_out == 1
    written = validation_page(found, "validation.svg")
    assert page == (written if THOROUGH else OF_FITS.sub("", written)), (
        "rooftile validate --page docs/validation.md writes it"
    )


def test_the_bands_of_throughputs_are_those_of_these_rows(found):
    """Mend with `python scripts/evidence.py`."""
    wanted = evidence_of(found, bundled_entries())
    kept = read_data("evidence.yaml")
    assert kept["measured"] == wanted["measured"]
    for chips, families in wanted["bands"].items():
        for family, own in families.items():
            band = kept["bands"][chips][family]
            assert band["rows"] == own["rows"]
            assert (band["low"], band["high"]) == pytest.approx((own["low"], own["high"]), rel=0.02)


def test_the_readme_says_what_the_page_says(found):
    readme = " ".join((DOCS.parent / "README.md").read_text(encoding="utf-8").split())
    every, unseen = (summary(found.summaries, group) for group in ("all measured", UNSEEN))
    chips = {point.chip for point in found.points if point.group.startswith("measured")}
    for text in (
        f"{every.count} measured figures of {len(chips)} chips",
        f"median error {100 * every.median:.1f} %, 90th percentile {100 * every.ninetieth:.1f} %",
        f"rank correlation {every.spearman:.3f}.",
        f"the median is {100 * unseen.median:.1f} %;",
    ):
        assert text in readme


def test_the_independent_test_stands_before_what_was_fitted(found):
    text = book()["independent"]
    readme = " ".join((DOCS.parent / "README.md").read_text(encoding="utf-8").split())
    every = summary(found.summaries, "all measured")
    for page, fitted in (
        (readme, f"{every.count} measured figures"),
        (validation_page(found, "validation.svg"), "the median absolute error"),
    ):
        assert page.count(text) == 1
        assert page.index(text) < page.index(fitted)


def test_the_page_names_the_chips_whose_facts_came_late(found):
    page = validation_page(found, "validation.svg")
    (line,) = (line for line in page.splitlines() if "not blind:" in line)
    chips = set(book()["settled_late"])
    assert chips == {
        "a10", "bm1684x", "bm1688", "bm1688_core", "dpu_b4096", "dpu_b4096_x2", "ncore", "nnpi_1100", "nvdla_2048", "rk3568",
        "rk3588_core", "tpu_v3",
    }  # fmt: skip
    assert all(chip in line for chip in chips)


def test_every_row_says_what_it_was_to_the_model(found):
    assert {point.standing for point in found.points} == {*STANDINGS} - {BLIND}  # each was blind once, when it was read
    assert standing_of("a100", None) == standing_of("dpu_b4096_x2", "zoo") == FITTED
    assert standing_of("dpu_b4096_x2", "zoo_rest") == standing_of("l4", "trt102") == FITTED
    assert standing_of("rk3568", None) == CHANGED
    page = validation_page(found, "validation.svg")
    for one in book()["blind"]:
        source = bundled_entries()[one["chip"]].published.sources[one["source"]]
        rows = [p for p in found.points if p.chip == one["chip"] and p.source == source]
        assert len(rows) == one["count"]
        assert f"| {one['chip']} | {one['count']} | {100 * one['median']:.1f} % |" in page
    unseen = [p for p in found.points if p.group.startswith("measured") and p.standing not in (FITTED, CHANGED)]
    assert summary(found.summaries, UNSEEN).count == len(unseen)


def test_the_page_says_where_a_simpler_model_is_nearer(found):
    (line,) = (one for one in validation_page(found, "v.svg").splitlines() if one.startswith("Where a simpler model"))
    named = set(re.findall(r"(\w+) \((?:constant|roofline)", line))
    for chip in {p.chip for p in found.points}:
        rates = [
            p for p in found.points if p.chip == chip and p.roofline is not None and p.group.startswith("measured")
        ]
        if len(rates) >= 10:
            own, other = (
                statistics.median(abs(value / p.published - 1) for p, value in ((p, getattr(p, name)) for p in rates))
                for name in ("predicted", "roofline")
            )
            assert other >= own or chip in named


def test_claims_are_doubted_beyond_what_nine_in_ten_figures_stay_within(found):
    assert summary(found.summaries, "all measured").ninetieth == pytest.approx(MODEL_ERROR, abs=0.03)


def test_chips_and_networks_are_summed_up_apart(found):
    for groups, of in ((found.by_chip, lambda p: p.chip), (found.by_network, lambda p: p.network.split(" ")[0])):
        assert [one.group for one in groups] == sorted({of(point) for point in found.points})
        assert sum(one.count for one in groups) == len(found.points)
        for one in groups:
            errors = sorted(abs(point.error) for point in found.points if of(point) == one.group)
            assert one.median == pytest.approx(statistics.median(errors))
            assert abs(one.worst) == pytest.approx(errors[-1])


@pytest.mark.skipif(importlib.util.find_spec("vl_convert") is None, reason="needs the extra 'charts'")
def test_the_picture_is_up_to_date(found):
    from simulator.report.page import content  # noqa: PLC0415

    again = content(validation_chart(found), ".svg")
    drawn_twice = content(validation_chart(found), ".svg")
    assert drawn_twice == again, "a picture does not depend on what the process drew before"
    same = (DOCS / "validation.svg").read_bytes() == again  # the two are 100 KB: not for a diff on the screen
    assert same, "rooftile validate --page docs/validation.md writes it"


def test_errors_by_hand(found):
    vgg = next(p for p in found.points if (p.chip, p.network) == ("dpu_b4096", "vgg16"))
    assert vgg.published == 21.72  # many host threads: one keeps the chip waiting
    own = simulate("vgg16", "dpu_b4096", gains=False).throughput_per_s
    assert (vgg.predicted, vgg.error) == (own, own / 21.72 - 1)
    # Roofline: 15.47 GMAC at 614.4 GMAC/s, or 138 MB of weights and the ends at 19.2 GB/s: MACs.
    graph = load_network("vgg16")
    macs = sum(data["layer"].macs for _, data in graph.nodes(data=True))
    assert vgg.roofline == pytest.approx(0.6144e12 / macs)
    assert vgg.utilised == pytest.approx(0.6144e12 / macs)


def test_active_units_by_hand(found):
    # 5 kernel rows x 7 output rows x 4 channels are 140 of 168 units; 27 output rows fill the 7 in 4 passes but for one.
    point = next(p for p in found.points if p.chip == "eyeriss" and p.quantity == "active_units.conv2")
    assert point.predicted == pytest.approx(140 * 27 / 28)


def test_a_roofline_of_memory_by_hand(found):
    point = next(p for p in found.points if (p.chip, p.published) == ("nvdla_32", 3.6))
    graph = load_network("resnet50_v1")
    weights = sum(d["layer"].weight_elements for _, d in graph.nodes(data=True) if d["layer"].kind in ("conv", "dense"))
    memory = 0.5e9 / (weights + 3 * 224 * 224 + 1000)
    macs = sum(d["layer"].macs for _, d in graph.nodes(data=True))
    assert point.roofline == pytest.approx(min(memory, 32e9 / macs))


def test_one_query_at_a_time_is_compared_with_latency(found):
    wanted = ("bm1684x", "resnet50", "int8", 4)
    point = next(p for p in found.points if (p.chip, p.network, p.precision, p.batch) == wanted)
    latency_s = simulate("resnet50", "bm1684x", batch=4, gains=False).latency_s
    assert point.predicted == 4 / latency_s


def test_rows_of_one_network_share_it(monkeypatch):
    """And with it what was derived from it."""
    asked = []
    monkeypatch.setattr(
        validation, "load_network", lambda *given, **params: asked.append(given) or load_network(*given)
    )
    monkeypatch.setattr(validation, "_graphs", Memory(2, one_each))
    chip = bundled_entries()["nvdla_32"]
    assert validate([chip]).points == validate([chip]).points
    assert len(asked) == len(set(asked)) >= 1


def test_settings_of_a_figure_count(found):
    clocks = {
        p.published: p.predicted for p in found.points if (p.chip, p.network, p.batch) == ("ncore", "resnet50", 1)
    }
    assert len(clocks) == 2
    slow = load_chip("ncore", set={"clock_mhz": 2000})
    assert clocks[min(clocks)] == pytest.approx(1 / simulate("resnet50", slow, gains=False).latency_s)


def test_summaries_by_hand(found):
    measured = [p for p in found.points if p.group.startswith("measured")]
    one = summary(found.summaries, "all measured")
    errors = sorted(abs(p.error) for p in measured)
    assert one.count == len(errors) >= 50
    middle = len(errors) // 2
    assert one.median == (errors[middle] if len(errors) % 2 else (errors[middle - 1] + errors[middle]) / 2)
    assert sum(e <= one.ninetieth for e in errors) >= 0.9 * len(errors)
    assert abs(one.worst) == errors[-1]


def test_the_model_beats_both_baselines(found):
    model, constant, roofline = (
        summary(found.baselines[name], "all measured") for name in ("model", "constant utilisation", "roofline")
    )
    assert model.median < 0.7 * constant.median < 0.7 * roofline.median
    assert model.ninetieth < 0.5 * constant.ninetieth
    assert model.spearman > max(constant.spearman, roofline.spearman, 0.95)


def test_the_goals_are_met(found):
    dedicated, gpus = (summary(found.summaries, f"measured, {name}") for name in ("dedicated accelerators", "GPUs"))
    assert dedicated.median <= 0.15
    assert gpus.median <= 0.25
    assert min(dedicated.spearman, gpus.spearman) > 0.95
    assert dedicated.count + gpus.count == summary(found.summaries, "all measured").count


def test_nothing_is_dropped_silently(found):
    results = sum(len(chip.published.results) for chip in bundled_entries().values())
    extras = sum(len(entry["figures"]) for entry in book()["points"])
    assert results + extras == len(found.points) + sum(number for _, number in found.left_out)
    assert {entry["chip"] for entry in book()["points"]} <= set(simulable())
    assert {entry["source"] for entry in book()["points"]} == set(book()["sources"])
    assert set(book()["fitted"]) <= set(simulable())


def test_every_point_has_a_source(found):
    assert not [p for p in found.points if not p.source]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_rank_correlation(pairs):
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    got = spearman(a, b)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert got is None
        return
    assert -1 - 1e-12 <= got <= 1 + 1e-12
    assert spearman(a, a) == pytest.approx(1)
    assert spearman(a, [-x for x in a]) == pytest.approx(-1)
    assert spearman([x**3 for x in a], b) == pytest.approx(got)
    if len(set(a)) == len(a) and len(set(b)) == len(b):
        n = len(a)
        gaps = (sorted(a).index(x) - sorted(b).index(y) for x, y in zip(a, b, strict=True))
        assert got == pytest.approx(1 - 6 * math.fsum(d * d for d in gaps) / (n * (n * n - 1)))


def test_the_command(tmp_path, capsys):
    assert main(["validate", "groq_tsp", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["points"][0]["error"] == data["points"][0]["predicted"] / data["points"][0]["published"] - 1
    page = tmp_path / "v.markdown"
    assert main(["validate", "nvdla_512", "--page", str(page)]) == 0
    assert "![predicted against published throughput](v.svg)" in page.read_text(encoding="utf-8")
    assert (tmp_path / "v.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "nvdla_512" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["groqq"], "groqq: must be a bundled chip; did you mean 'groq_tsp'?"),
        (["goya"], "goya: nothing published about it can be modelled"),
        (["groq_tsp", "--page", "/none/v.md"], "--page: cannot write '/none/v.md': there is no folder '/none'"),
        (["groq_tsp", "--plot", "v.gif"], "--plot: must end in"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["validate", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
