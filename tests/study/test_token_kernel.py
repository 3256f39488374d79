"""A runtime whose kernel for further tokens widens weights and multiplies them on the tiles of a chip that is no GPU."""

from dataclasses import replace

import pytest

from simulator.chip.change import changed_chip
from simulator.chip.load import load_chip
from simulator.study.asking import asked_of
from simulator.study.contexts import spent_behind
from simulator.study.runtimes import known_runtimes


def test_a_kernel_for_further_tokens_widens_and_multiplies_at_its_own_pace():
    """512 weights in 142 cycles in half of 32 tiles, however many sequences; prompts and other weights have other kernels."""
    chip, runtime = load_chip("ryzen_ai_npu"), known_runtimes()["fastflowlm-0.1"]
    plain = replace(runtime, name="plain", weight_operations=None)

    def of(runtime, batch=1, precision="weights=q4_1,activations=bf16,head=q4_1,embedding=bf16"):
        return asked_of("smollm2_135m", chip, (64, 2, batch), precision, {"layers": 1, "vocabulary": 512}, runtime)

    weights = 576 * (2 * 576 + 2 * 192) + 3 * 576 * 1536 + 512 * 576
    for batch in (1, 2):
        found, free = of(runtime, batch).run("decode", 1, 64), of(plain, batch).run("decode", 1, 64)
        kernel_s = weights * 142 / 512 / 16 / 1.5e9
        widened_s = weights / 1024 / 1.5e9  # by the lanes of all tiles, one operation each
        loading = [one.waterfall["weight_loading_s"] for one in (found, free)]
        assert loading[0] - loading[1] == pytest.approx(kernel_s - widened_s, rel=1e-3)
        assert found.dram_bytes == free.dram_bytes
        assert found.latency_s - found.waterfall["overhead_s"] > kernel_s
    assert of(runtime).run("prefill", 64, 0) == of(plain).run("prefill", 64, 0)
    assert of(runtime, 1, "bf16").run("decode", 1, 64) == of(plain, 1, "bf16").run("decode", 1, 64)
    assert runtime.on_tokens(chip, 1.0) is chip
    assert runtime.on_tokens(gpu := load_chip("h100"), 0.625) is gpu
    own = changed_chip(chip, {"vector.operations": {"silu": 3, "dequantize": 2}})
    assert runtime.on_tokens(own, 0.625).vector.operations == {"silu": 3, "dequantize": 142 * 32 / 512 * 2}
    # Many contexts at once are told for the chip as it is, so not for this kernel.
    assert spent_behind(of(runtime), range(64, 76)) == {}
    assert spent_behind(of(plain), range(64, 76))
