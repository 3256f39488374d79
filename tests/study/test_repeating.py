"""Equal layers once: shallow decoders tell what a deep one takes."""

import pytest
from profiles import by_night

from simulator.chip.load import load_chip
from simulator.graph.language import decoders
from simulator.graph.shallow import depths
from simulator.result.gains import Gains, bound_of, bound_within
from simulator.study.asking import asked_of

SMALL = {"vocabulary": 1000}
CASES = [
    ("llama3_2_1b", "h100", "fp16", {**SMALL, "layers": 9}, 1e-9),
    ("llama3_8b", "a100-pcie-40", "fp16", {"layers": 9}, 1e-9),  # held back by its power limit, the shallow ones not
    ("llama3_8b", "l4", "fp16", {"layers": 9}, 1e-9),  # all held back
    ("gemma3_1b", "a100", "fp16", {**SMALL, "layers": 27, "window": 64}, 1e-9),
    ("llama3_2_1b", "gaudi2", "bf16", {**SMALL, "layers": 7}, 1e-6),
    ("smollm2_135m", "inferx_x1", "int8", {**SMALL, "layers": 6}, 1e-12),
    ("qwen3_30b_a3b", "h100", "bf16", {**SMALL, "layers": 27, "expert_ffn": 64}, 5e-3),
]


@pytest.mark.parametrize(("model", "chip", "precision", "params", "close"), CASES)
@pytest.mark.parametrize("phase", by_night(["prefill", "decode"], ["decode"]))
def test_a_deep_decoder_takes_what_all_its_layers_take(model, chip, precision, params, close, phase):
    asked = asked_of(model, load_chip(chip), (60, 5, 3), precision, params)
    assert depths(asked.decoder) is not None
    new, context = (60, 0) if phase == "prefill" else (1, 200)
    whole = asked.pass_of(phase, new, context)(asked.decoder.layers)
    short = asked.run(phase, new, context)
    for name in (
        "latency_s",
        "throughput_per_s",
        "utilisation",
        "power_w",
        "dram_used_bytes",
    ):
        near = close if name != "power_w" or asked.chip.is_gpu else 0.05  # see below
        assert getattr(short, name) == pytest.approx(getattr(whole, name), rel=near), name
    assert sum(short.waterfall.values()) == pytest.approx(whole.latency_s, rel=close)
    assert (short.bound_by, short.largest_loss) == (whole.bound_by, whole.largest_loss)
    if asked.chip.is_gpu:  # where weights may stay, which of them do is not decided where it costs no time
        assert short.dram_bytes == pytest.approx(whole.dram_bytes, rel=close)
    if not asked.decoder.experts:
        assert [layer.name for layer in short.layers] == [layer.name for layer in whole.layers]
        assert sum(layer.macs for layer in short.layers) == whole.macs


@pytest.mark.parametrize(
    ("model", "chip", "precision", "layers", "phase", "scheduled"),
    [
        ("llama3_8b", "tpu_v5e", "int8", 32, "decode", 0),  # nothing but the memory can save so much
        ("smollm2_135m", "h100", "fp16", 9, "prefill", None),
        ("llama3_8b", "l4", "fp16", 9, "decode", 2),  # one roof, at both depths
    ],
)
def test_what_binds_is_told_without_every_gain(model, chip, precision, layers, phase, scheduled, monkeypatch):
    asked = asked_of(model, load_chip(chip), (40, 5, 2), precision, {**SMALL, "layers": layers})
    made, own = [], Gains._schedule
    monkeypatch.setattr(Gains, "_schedule", lambda self, roof: (made.append(roof), own(self, roof))[1])
    found = asked._run(phase, 40 if phase == "prefill" else 1, 0 if phase == "prefill" else 300)
    bound = found.bound_by
    if scheduled is not None:
        assert len(made) == scheduled
    assert bound == bound_of(found.gain_if_infinite, found.largest_loss)


@pytest.mark.parametrize(
    ("most", "saved", "asked", "bound"),
    [
        ({"array": 3.0, "dram": 5.0}, {"array": 2.0, "dram": 1.0}, ["dram", "array"], "array"),
        ({"array": 1.0, "dram": 5.0}, {"array": 1.0, "dram": 2.0}, ["dram"], "dram"),
        ({"array": 2.0, "dram": 5.0}, {"array": 2.0, "dram": 2.0}, ["dram", "array"], "array"),  # of equals the first
        ({"array": 1.0, "dram": 5.0}, {"array": 0.5, "dram": 4.0}, [], "dram"),  # saves more as it is
        ({"array": 0.0, "dram": 1.0}, {"array": 0.0, "dram": 0.0}, ["dram", "array"], "vector"),  # none saves: the loss
    ],
)
def test_the_largest_of_gains_that_lie_below_ends(most, saved, asked, bound):
    made = []
    least = {"array": 0.0, "dram": 1.5 if not asked else 0.0}
    found = bound_within(most, least.__getitem__, lambda roof: (made.append(roof), saved[roof])[1], "vector_s")
    assert (found, made) == (bound, asked)


def test_periods_of_every_family():
    assert depths(decoders()["llama3_1_405b"]) == (1, 2)
    assert depths(decoders()["gemma3_1b"]) == (2, 8)  # 26 = 2 + 4 x 6
    first, second = depths(decoders()["deepseek_v3"])
    assert (61 - second) % (second - first) == 0
    assert first > decoders()["deepseek_v3"].dense_first
