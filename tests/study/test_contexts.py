"""Many contexts at once: what each pass alone gives, to twelve digits; what cannot be told at once is left out."""

import pytest

from simulator import load_chip
from simulator.study.asking import asked_of
from simulator.study.contexts import spent_behind
from simulator.study.request import of_batch, spent
from simulator.study.runtimes import runtime_of

CONTEXTS = [40, 63, 64, 65, 127, 200, 1000]


def question(model, chip, batch, runtime=None, **params):
    machine = load_chip(chip)
    small = {"layers": 4, "vocabulary": 2000, **params}
    return of_batch(asked_of(model, machine, (64, 64, 1), None, small, runtime_of(runtime, machine)), batch)


@pytest.mark.parametrize(
    ("model", "chip", "batch", "params"),
    [
        ("smollm2_135m", "a100", 1, {}),
        ("smollm2_135m", "l4", 6, {}),
        ("smollm2_135m", "h100", 4, {"layers": 2}),
        ("smollm2_135m", "a100", 1, {"window": 65}),
        ("smollm2_135m", "jetson_orin_nano", 16, {}),
        ("deepseek_v2_lite", "h100", 3, {"experts": 8, "active": 2}),
        ("smollm2_135m", "mi300x", 5, {}),
        ("smollm2_135m", "hailo10h", 3, {}),
        ("smollm2_135m", "rk3588_core", 1, {"layers": 2}),
        ("gemma3_1b", "hailo10h", 2, {"window": 40, "layers": 14}),
        ("deepseek_v2_lite", "rk3588_core", 2, {"experts": 8, "active": 2, "layers": 3}),
    ],
)  # fmt: skip
def test_each_context_takes_what_its_pass_alone_takes(model, chip, batch, params):
    asked = question(model, chip, batch, **params)
    found = spent_behind(asked, CONTEXTS)
    assert set(found) == set(CONTEXTS)
    for context in CONTEXTS[1::2]:
        assert found[context] == pytest.approx(spent(asked.run("decode", 1, context)), rel=1e-12)


def test_what_depends_on_more_is_left_to_each_pass():
    assert spent_behind(question("smollm2_135m", "a100", 1, "llamacpp-2024-05"), CONTEXTS) == {}
    assert spent_behind(question("smollm2_135m", "tpu_v5e", 1), CONTEXTS) == {}


def test_a_batch_that_may_be_faster_in_parts_is_left_to_each_pass(monkeypatch):
    monkeypatch.setattr("simulator.result.contexts.least_of_parts", lambda cycles, *_: 0.0 * cycles)
    assert spent_behind(question("smollm2_135m", "a100", 4), CONTEXTS) == {}
    assert set(spent_behind(question("smollm2_135m", "a100", 1), CONTEXTS)) == set(CONTEXTS)
