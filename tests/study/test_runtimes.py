"""Runtimes: names, classes, those that nobody knows, and what they make of a pass."""

import pytest

from simulator import generate
from simulator.chip.load import load_chip
from simulator.errors import OptionError
from simulator.graph.language import decoders
from simulator.study.request import asked_of
from simulator.study.runtimes import MODEL_OWN, reread, runtime_of, runtimes

H100 = load_chip("h100")


def test_a_runtime_is_a_name_or_a_class():
    assert runtime_of(None, H100) is MODEL_OWN
    assert runtime_of("eager", H100).us_per_kernel == runtime_of("llamacpp-2024-05", H100).us_per_kernel
    assert runtime_of("trtllm-0.5", H100).reads_by_head
    with pytest.raises(OptionError, match=r"runtime: must be a name such as vllm-0\.11, .*, got 'a b'"):
        runtime_of("a b", H100)
    chip = load_chip("gaudi2")
    assert runtime_of("eager", chip).on(chip) is chip  # no GPU: its file says what a layer costs


@pytest.mark.parametrize(
    ("name", "chip", "kind"),
    [
        ("vllm-0.12", "h100", "compiled"),
        ("tt-metal-2026", "h100", "npu"),
        ("own", "h100", "compiled"),
        ("own", "gaudi2", "npu"),
    ],
)
def test_one_that_nobody_knows_takes_its_class_and_says_so(name, chip, kind):
    found = runtime_of(name, load_chip(chip))
    assert (found.kind, found.us_per_kernel) == (kind, runtimes()[kind].us_per_kernel)
    assert f"runtime {name}: not known, so it takes the constants of its class, {kind}" in found.note
    assert not runtimes()["vllm-0.11"].note


def test_a_generation_tells_its_runtime():
    given = {"prompt": 64, "output": 4, "params": {"layers": 1}}
    found = generate("llama3_2_1b", "h100", runtime="trtlm-0.5", **given)
    assert found.runtime == "trtlm-0.5"
    assert any("not known" in note and "did you mean 'trtllm-0.5' or" in note for note in found.notes)
    slow = generate("llama3_2_1b", "h100", runtime="compiled", set={"overhead_us": 40}, **given)
    assert slow.tpot_s > found.tpot_s  # a file's own figure stands


def test_a_cache_that_is_read_once_a_head_takes_the_time_of_its_bytes():
    def step(runtime):
        asked = asked_of("llama3_2_1b", H100, (4000, 2, 8), "fp16", {"layers": 2}, runtime)
        return asked, asked.run("decode", 1, 4000)

    own = runtimes()["compiled"]
    asked, once = step(own)
    by_head = step(runtimes()["trtllm-0.5"])[1]
    more = (
        8 * 3 * 2 * 2 * 8 * 64 * 2 * 4000
    )  # sequences, times again, layers, keys and values, heads, numbers, bytes, tokens
    assert by_head.dram_bytes == pytest.approx(once.dram_bytes + more)
    more_s = more / asked.chip.outer_bytes_per_s
    assert by_head.latency_s == pytest.approx(once.latency_s + more_s)
    assert sum(by_head.waterfall.values()) == pytest.approx(by_head.latency_s)
    assert sum(by_head.waterfall_period.values()) == pytest.approx(8 / by_head.throughput_per_s)
    assert by_head.energy["total_j"] == pytest.approx(
        sum(value for name, value in by_head.energy.items() if name.endswith("_j") and name != "total_j")
    )
    assert by_head.gain_if_infinite["dram"] == pytest.approx(once.gain_if_infinite["dram"] + more_s)
    assert reread(once, asked.chip, 0.0).latency_s == once.latency_s


def test_a_runtime_may_leave_the_window_out():
    for runtime, window in (("trtllm-0.15", 0), ("trtllm-1.0", decoders()["mistral_7b"].window)):
        asked = asked_of("mistral_7b", H100, (10, 2, 1), "fp16", {"layers": 1}, runtimes()[runtime])
        assert asked.decoder.window == window
    given = asked_of("mistral_7b", H100, (10, 2, 1), "fp16", {"window": 7}, runtimes()["trtllm-0.15"])
    assert given.decoder.window == 7
