"""The fit of the area model: it reproduces what the data file says, and predicts chips that it has not seen."""

import math
from dataclasses import astuple
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.cost import calibration as model
from simulator.cost.book import cost_book, fit
from simulator.cost.validation import against_published

# Errors with the chip left out of the fit, as percent: a change of the data or of the form shows here.
LEFT_OUT = {
    "TPU v1": 13.7,
    "Groq TSP": 15.8,
    "InferX X1": 24.8,
    "Hanguang 800": 17.8,
    "Kunlun 1": -20.5,
    "NNP-T": 4.9,
    "NNP-I": 0.2,
    "GC200": 1.2,
    "GC2": 3.0,
    "TPU v4i": 13.6,
    "MTIA v1": -18.1,
    "MTIA v2": 11.0,
    "RNGD": -6.3,
    "Warboy": -18.2,
    "NorthPole": -2.1,
}


@pytest.fixture(scope="module")
def found():
    return against_published()


def test_the_coefficients_in_use_are_those_of_the_fit():
    again = model.rounded(model.fitted(model.chips()))
    for name in model.NAMES:
        assert getattr(again, name) == pytest.approx(getattr(fit(), name), rel=2e-3), name


def test_errors_left_out_of_the_fit(found):
    errors = {row.name: 100 * row.error_left_out for row in found.chips}
    assert errors == pytest.approx(LEFT_OUT, abs=0.3)
    assert found.mean_error == pytest.approx(0.095, abs=0.001)
    assert found.mean_error_left_out == pytest.approx(0.114, abs=0.001)
    assert found.worst_error_left_out == pytest.approx(max(map(abs, LEFT_OUT.values())) / 100, abs=0.003)
    for form in cost_book()["calibration"]["earlier"].values():  # no class of chips is needed, and fewer coefficients
        assert found.mean_error_left_out < form["mean_error_left_out"]
        assert found.worst_error_left_out < form["worst_error_left_out"]
        assert len(model.NAMES) < form["coefficients"]
    assert model.log_rms(found.chips) == pytest.approx(cost_book()["residuals"]["log_rms_left_out"], abs=5e-4)


def test_bands_hold_the_published_area_of_chips_left_out(found):
    assert [row.name for row in found.chips if not row.inside] == []
    for row in found.chips:
        assert row.high_mm2 / row.low_mm2 > 1.5, row.name  # they are wide enough to say something


def test_blocks_and_nvdla(found):
    assert max(abs(block.error) for block in found.blocks) < 0.10
    worst = {nm: max(abs(row.error) for row in found.nvdla if row.nm == nm) for nm in (28, 16)}
    forms = cost_book()["ip_blocks"]
    for nm, column in ((28, 2), (16, 3)):
        (fixed, per_mac, per_mib), _ = model.ip_fit(column)
        assert fixed == pytest.approx(forms[nm]["fixed_mm2"], rel=2e-3)
        assert per_mac == pytest.approx(forms[nm]["um2_per_mac"], rel=1e-3)
        assert per_mib == pytest.approx(forms[nm]["mm2_per_mib"], rel=3e-3)
        assert worst[nm] == pytest.approx(forms[nm]["max_error"], abs=1e-3)


def test_every_number_of_the_data_has_a_known_source():
    sources = cost_book()["sources"]

    def walk(value, path):
        if not isinstance(value, dict):
            return
        named = value.get("source")
        keys = [named] if isinstance(named, str) else named or []
        for key in keys:
            # A chip may name its source in words.
            assert key in sources or " " in key, f"{path}: {key}"
        if "conf" in value:
            words = [value["conf"]] if isinstance(value["conf"], str) else value["conf"]
            assert set(words) <= {"sourced", "fitted", "derived", "recalled", "corroborated"}, path
            assert keys, path
        for key, below in value.items():
            walk(below, f"{path}.{key}")

    walk({key: value for key, value in cost_book().items() if key != "sources"}, "silicon_cost")
    assert all(entry["source"] for entry in cost_book()["calibration"]["chips"].values())


def test_the_band_of_a_chip_left_out_is_that_of_the_others(monkeypatch):
    """Predicted e and 1 / e^2 times what is published, one exactly, and one near the reticle limit, which counts for no band."""
    monkeypatch.setattr(model, "predicted", lambda chip, fit: fit)
    members = [
        SimpleNamespace(name=name, mm2=mm2) for name, mm2 in (("a", 10.0), ("b", 20.0), ("c", 30.0), ("d", 840.0))
    ]
    folds = [10.0 * math.e, 20.0 / math.e**2, 30.0, 1.0]
    rows = model.comparisons(members, 5.0, folds, 2.0)
    bands = [math.sqrt(4 / 2), math.sqrt(1 / 2), math.sqrt((1 + 4) / 2), math.sqrt((1 + 4) / 3)]
    for row, chip, mm2, band in zip(rows, members, folds, bands, strict=True):
        factor = math.exp(2.0 * band)
        assert astuple(row) == pytest.approx((chip.name, chip.mm2, 5.0, mm2, mm2 / factor, mm2 * factor))


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e5])
def test_least_squares_find_the_minimum_whatever_the_unit(scale):
    """A curve through points beside it: no sum of squares near what is found is smaller, and the slope there is flat."""
    x = np.linspace(0.0, 2.0, 9)
    y = 3.0 * np.exp(-1.5 * x) + 0.1 * np.cos(7.0 * x)

    def residuals(part):
        return scale * (part[0] * np.exp(-part[1] * x) - y)

    found = model.least_squares(residuals, np.array([0.5, 0.2]))
    least = np.square(residuals(found)).sum()
    assert found == pytest.approx(
        model.least_squares(lambda part: residuals(part) / scale, np.array([2.0, 2.0])), rel=1e-5
    )
    for move in (np.array([1e-3, 0.0]), np.array([0.0, 1e-3])):
        assert least < np.square(residuals(found + move)).sum()
        assert least < np.square(residuals(found - move)).sum()
    one = model.least_squares(residuals, np.array([0.5, 0.2]), most_steps=0)
    assert one.tolist() == [0.5, 0.2]


def test_the_sizings_are_compared_at_both_nodes(found):
    """Each with the area that was published for its node, and by the fit of that node."""
    rows = cost_book()["calibration"]["nvdla"]["rows"]
    assert [(block.nm, block.published_mm2) for block in found.nvdla] == [(28, row[2]) for row in rows] + [
        (16, row[3]) for row in rows
    ]
