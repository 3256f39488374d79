"""Laws of requests on drawn models: more work takes no less time, more bandwidth and fewer bits no more, and parts add up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import examples

from simulator import generate
from simulator.chip.change import changed_chip
from simulator.chip.load import load_chip

CHIPS = {name: load_chip(name) for name in ("a100", "inferx_x1")}
SHAPES = st.fixed_dictionaries(
    {
        "layers": st.sampled_from([1, 2]), "hidden": st.sampled_from([256, 512]), "kv_heads": st.sampled_from([1, 2, 4]),
        "heads": st.just(4), "head_dim": st.just(64), "ffn": st.sampled_from([512, 1024]), "vocabulary": st.just(1000),
        "window": st.sampled_from([0, 0, 100]),
    }
)  # fmt: skip
SIZES = {"prompt": st.integers(1, 300), "output": st.integers(2, 40), "batch": st.sampled_from([1, 2, 5, 8])}
LESS = 1.0 - 1e-9


def found(chip, shapes, **given):
    return generate("llama3_8b", chip, params=shapes, **given)


@settings(max_examples=examples(3, 20))
@given(chip=st.sampled_from(sorted(CHIPS)), shapes=SHAPES, **SIZES)
def test_laws_of_a_request(chip, shapes, prompt, output, batch):
    asked = {"prompt": prompt, "output": output, "batch": batch}
    machine = CHIPS[chip]
    own = found(machine, shapes, **asked)
    assert own.tpot_last_s >= own.tpot_first_s * LESS
    assert found(machine, shapes, **{**asked, "batch": 2 * batch}).latency_s >= own.latency_s * LESS
    longer = found(machine, shapes, **{**asked, "prompt": 2 * prompt})
    assert (
        longer.latency_s >= own.latency_s * 0.98
    )  # attention of a prompt goes in one part or two: a kernel more or less
    wide = changed_chip(machine, {"dram.devices": 2 * machine.dram.devices}, "wide")
    assert found(wide, shapes, **asked).latency_s <= own.latency_s / LESS
    assert own.largest_batch <= found(wide, shapes, **asked).largest_batch
    if own.joules_per_token is not None:
        passes = own.prefill.energy["total_j"] + (output - 1) * own.decode.energy["total_j"]
        assert own.joules_per_token * batch * output == pytest.approx(passes, rel=0.02)
    used = own.weights_bytes + own.cache_bytes + own.activation_bytes
    assert (used <= own.capacity_bytes) == (batch <= own.largest_batch)


@settings(max_examples=examples(2, 10))
@given(shapes=SHAPES, prompt=st.integers(1, 300), batch=st.sampled_from([1, 8]))
def test_fewer_bits_of_the_cache_are_not_slower(shapes, prompt, batch):
    def step(cache):
        words = f"weights=fp16,activations=fp16,cache={cache}"
        return found(CHIPS["a100"], shapes, prompt=prompt, output=2, batch=batch, precision=words).tpot_s

    assert step("int8") <= step("fp16") / LESS
