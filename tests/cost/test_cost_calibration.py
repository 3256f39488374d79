"""The fit of the area model: it reproduces what the data file says, and predicts chips that it has not seen."""

import pytest

from simulator.cost import calibration as model
from simulator.cost.book import Fit, book, fit
from simulator.cost.validation import against_published

EARLIER = tuple(name for name in model.NAMES if name != "array_exponent")

# Errors with the chip left out of the fit, as percent: a change of the data or of the form shows here.
LEFT_OUT = {
    "TPU v1": 5.8,
    "Groq TSP": 16.0,
    "InferX X1": 27.0,
    "Hanguang 800": 23.2,
    "Kunlun 1": -21.3,
    "NNP-T": 21.4,
    "NNP-I": 2.8,
    "GC200": 5.5,
    "GC2": -7.1,
    "TPU v4i": 7.5,
    "MTIA v1": -16.6,
    "MTIA v2": 16.0,
    "RNGD": -6.2,
    "Warboy": -17.9,
    "NorthPole": -23.4,
}


def mean_error(chips, fits):
    return sum(abs(model.predicted(c, f) / c.mm2 - 1) for c, f in zip(chips, fits, strict=True)) / len(chips)


@pytest.fixture(scope="module")
def found():
    return against_published()


def test_the_earlier_coefficients_give_their_published_error():
    published = book()["calibration"]["published"]
    earlier = Fit(**{name: published[name] for name in EARLIER}, array_exponent=0.0)
    chips = model.chips()
    assert mean_error(chips, [earlier] * len(chips)) == pytest.approx(published["mean_error"], abs=5e-4)


def test_the_earlier_form_fitted_again_is_the_earlier_fit():
    chips, published = model.chips(), book()["calibration"]["published"]
    start = model.without_arrays(model.prior())
    how = {"free": EARLIER, "starts": 1}
    full, folds = model.fitted(chips, start, **how), model.left_out(chips, start, **how)
    assert mean_error(chips, [full] * len(chips)) == pytest.approx(published["mean_error"], abs=0.002)
    assert mean_error(chips, folds) == pytest.approx(published["mean_error_left_out"], abs=0.002)
    for name, se in zip(model.NAMES, [119, 1.33, 0.018, 0.13, 0.031, 0.066, 1], strict=True):
        if name in EARLIER:  # standard errors of the earlier fit
            assert abs(getattr(full, name) - published[name]) < 0.5 * se, name


def test_the_coefficients_in_use_are_those_of_the_fit():
    again = model.rounded(model.fitted(model.chips()))
    for name in model.NAMES:
        assert getattr(again, name) == pytest.approx(getattr(fit(), name), rel=2e-3), name


def test_errors_left_out_of_the_fit(found):
    errors = {row.name: 100 * row.error_left_out for row in found.chips}
    assert errors == pytest.approx(LEFT_OUT, abs=0.3)
    assert found.mean_error == pytest.approx(0.105, abs=0.001)
    assert found.mean_error_left_out == pytest.approx(0.145, abs=0.001)
    assert found.mean_error_left_out < book()["calibration"]["published"]["mean_error_left_out"]
    assert model.log_rms(found.chips) == pytest.approx(book()["residuals"]["log_rms_left_out"], abs=5e-4)


def test_bands_hold_the_published_area_of_chips_left_out(found):
    assert found.inside / len(found.chips) >= 0.8
    assert [row.name for row in found.chips if not row.inside] == ["NorthPole"]


def test_blocks_and_nvdla(found):
    assert max(abs(block.error) for block in found.blocks) < 0.10
    worst = {nm: max(abs(row.error) for row in found.nvdla if row.nm == nm) for nm in (28, 16)}
    forms = book()["ip_blocks"]
    for nm, column in ((28, 2), (16, 3)):
        (fixed, per_mac, per_mib), _ = model.ip_fit(column)
        assert fixed == pytest.approx(forms[nm]["fixed_mm2"], rel=2e-3)
        assert per_mac == pytest.approx(forms[nm]["um2_per_mac"], rel=1e-3)
        assert per_mib == pytest.approx(forms[nm]["mm2_per_mib"], rel=3e-3)
        assert worst[nm] == pytest.approx(forms[nm]["max_error"], abs=1e-3)


def test_every_number_of_the_data_has_a_known_source():
    sources = book()["sources"]

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

    walk({key: value for key, value in book().items() if key != "sources"}, "silicon_cost")
    assert all(entry["source"] for entry in book()["calibration"]["chips"].values())
