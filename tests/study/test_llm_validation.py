"""Measured language models: rows, their times, groups, and a chip that is left out."""

from dataclasses import replace

import pytest

from simulator.chip.load import load_chip
from simulator.formats import formats_of
from simulator.graph.language import decoders
from simulator.store.data import read_data
from simulator.study import llm_validation
from simulator.study.asking import asked_of
from simulator.study.llm_validation import Row, judged, validate_languages
from simulator.study.runtimes import known_runtimes


@pytest.fixture(scope="module")
def found():
    return validate_languages(["a40", "rtx3090"])


def test_every_row_names_what_there_is():
    data = read_data("llm_validation.yaml")
    assert sum(len(own["rows"]) for own in data["sets"]) + sum(data["set_aside"].values()) == 1649
    for own in data["sets"]:
        assert own["runtime"] in known_runtimes()
        assert own["source"]
        assert {row[1] for row in own["rows"]} <= set(decoders())
        assert all(formats_of(row[2]) for row in own["rows"])
    for chip in judged():
        assert load_chip(chip).array is not None


def test_a_row_is_the_pass_that_was_measured(found):
    row = next(one for one in found.rows if one.chip == "a40" and one.phase == "prefill")
    own = known_runtimes()["llamacpp-2024-05"]
    asked = asked_of("llama3_8b", load_chip("a40"), (512, 1, 1), "fp16", {}, own)
    assert row.predicted_s == asked.run("prefill", 512, 0).latency_s
    assert row.known
    assert row.bytes_s < row.roofline_s < row.predicted_s
    (group,) = [one for one in found.groups["phase"] if one.name == "decode"]
    assert group.count == 20
    assert group.median <= group.ninetieth


def test_the_constant_of_a_class_is_in_what_it_is_between(found):
    assert all(row.overhead_s > 0.0 for row in found.rows if row.phase == "prefill")
    assert all(row.overhead_s == 0.0 for row in found.rows if row.phase == "decode")  # kernels of single operations


def test_weights_of_fewer_bits_are_read_as_they_are_stored(found):
    decode = {row.precision: row for row in reversed(found.rows) if row.chip == "a40" and row.phase == "decode"}
    narrow, wide = decode["q4_k_m"], decode["fp16"]
    share = formats_of("q4_k_m").weights.width / formats_of("fp16").weights.width
    assert share * wide.bytes_s < narrow.bytes_s < 1.1 * share * wide.bytes_s
    assert share * wide.predicted_s < narrow.predicted_s < 0.5 * wide.predicted_s


def test_a_constant_is_fitted_without_the_chip_that_is_judged(monkeypatch):
    def row(chip, kernels, took_us):  # a time that is kernels alone
        own = known_runtimes()["eager"].us_per_kernel * kernels
        return Row(
            "set", "llamacpp-2024-05", chip, "m", "fp16", "decode", 1, took_us * kernels, own, own, 0.0, 0.0, True
        )

    rows = [row("a", 10, 7.0), row("b", 20, 7.0), row("c", 30, 12.0)]
    blind = [llm_validation._blind(one, rows) for one in rows]
    assert blind[2].predicted_s == pytest.approx(30 * 7.0)  # of a and b alone
    assert blind[2].measured_s == 30 * 12.0


def test_a_server_fills_its_share_of_all_memory_or_of_what_weights_and_activations_leave():
    def most(name):
        asked = asked_of(
            "llama3_2_1b", load_chip("h100"), (1024, 1024, 1), "fp16", {}, replace(known_runtimes()[name], most=None)
        )
        return llm_validation._most(asked, asked.runtime), asked

    of_all, asked = most("vllm-0.11")
    cache = asked.cache_bytes(2047)
    assert of_all == (0.9 * 80 * 2**30 - asked.weights_bytes) // cache
    of_free, asked = most("trtllm-1.0")
    active = asked.activations * 8192 / 1024
    assert of_free == 0.9 * (80 * 2**30 - asked.weights_bytes - active) // cache
    assert active > 1024 * 2 * 8192 / 1024  # at least one number of each token
