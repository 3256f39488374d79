"""Measured language models: rows, their times, groups, and a chip that is left out."""

import pytest

from simulator.chip.load import load_chip
from simulator.graph.language import decoders
from simulator.store.data import read_data
from simulator.study import llm_validation
from simulator.study.llm_validation import Row, judged, validate_languages
from simulator.study.request import asked_of
from simulator.study.runtimes import runtimes


@pytest.fixture(scope="module")
def found():
    return validate_languages(["a40", "rtx3090"])


def test_every_row_names_what_there_is():
    data = read_data("llm_validation.yaml")
    assert sum(len(own["rows"]) for own in data["sets"]) + sum(data["set_aside"].values()) == 1649
    for own in data["sets"]:
        assert own["runtime"] in runtimes()
        assert own["source"]
        assert {row[1] for row in own["rows"]} <= set(decoders())
    for chip in judged():
        assert load_chip(chip).array is not None


def test_a_row_is_the_pass_that_was_measured(found):
    row = next(one for one in found.rows if one.chip == "a40" and one.phase == "prefill")
    own = runtimes()["llamacpp-2024-05"]
    asked = asked_of("llama3_8b", load_chip("a40"), (512, 1, 1), "fp16", {}, own)
    assert row.predicted_s == asked.run("prefill", 512, 0).latency_s
    assert row.known
    assert row.bytes_s < row.roofline_s < row.predicted_s
    (group,) = [one for one in found.groups["phase"] if one.name == "decode"]
    assert group.count == 8
    assert group.median <= group.ninetieth


def test_a_constant_is_fitted_without_the_chip_that_is_judged(monkeypatch):
    def row(chip, kernels, took_us):  # a time that is kernels alone
        own = runtimes()["eager"].us_per_kernel * kernels
        return Row(
            "set", "llamacpp-2024-05", chip, "m", "fp16", "decode", 1, took_us * kernels, own, own, 0.0, 0.0, True
        )

    rows = [row("a", 10, 7.0), row("b", 20, 7.0), row("c", 30, 12.0)]
    blind = [llm_validation._blind(one, rows) for one in rows]
    assert blind[2].predicted_s == pytest.approx(30 * 7.0)  # of a and b alone
    assert blind[2].measured_s == 30 * 12.0
