"""Continuous batching, prompts in chunks, and speculation: definitions by hand, and the passes behind them."""

import pytest

from simulator import generate
from simulator.errors import InfeasibleError, OptionError
from simulator.graph.load import load_network, summary
from simulator.run import simulate

PARAMS = {"layers": 2, "vocabulary": 2000}
GIVEN = {"prompt": 60, "output": 21, "batch": 40, "mode": "continuous", "params": PARAMS}


def asked(**given):
    return generate("llama3_2_1b", "h100", **{**GIVEN, **given})


def run(batch=1, items=1, **shapes):
    graph = load_network("llama3_2_1b", **PARAMS, **shapes)
    return simulate(graph, "h100", batch=batch * items, precision="fp16", gains=False).latency_s


@pytest.fixture(scope="module")
def whole():
    return asked()


def test_whole_prompts_stand_between_the_steps(whole):
    # 40 sequences of 20 steps: two begin together.
    prefill, step = run(2, prompt=60), run(40, phase="decode", context=60 + 10)
    assert whole.latency_s == pytest.approx(20 * prefill + 20 * step)
    assert whole.tokens_per_s == pytest.approx(40 * 21 / whole.latency_s)
    assert whole.ttft_s == pytest.approx(prefill)
    assert whole.latency_s == pytest.approx(whole.ttft_s + 20 * whole.tpot_s)
    assert any("2 prompts in a pass" in note for note in whole.notes)


def test_chunks_share_steps(whole):
    found = asked(prefill="chunked:120")  # two prompts a chunk, so 20 mixed passes
    mixed = run(phase="decode", context=70, sequences=40, chunk=60, chunks=2)
    assert found.latency_s == pytest.approx(20 * mixed)
    assert found.latency_s < whole.latency_s  # weights are read once for both
    assert found.ttft_s == pytest.approx(mixed)
    half = asked(prefill="chunked:30", batch=10, output=41)  # a prompt in two pieces: 20 mixed passes of 40
    mixed, step = (
        run(phase="decode", context=80, sequences=10, **more) for more in ({"chunk": 30, "chunk_context": 15}, {})
    )
    assert half.latency_s == pytest.approx(20 * mixed + 20 * step, rel=1e-3)
    assert half.ttft_s == pytest.approx(2 * mixed)


def test_a_chunk_of_one_token_is_one_more_sequence():
    for model, twice in (("llama3_2_1b", 0), ("minicpm3_4b", 40 * 256 * (64 + 64)), ("qwen3_30b_a3b", 0)):
        params = {"layers": 1, "vocabulary": 2000, "phase": "decode", "context": 70}
        mixed = summary(load_network(model, **params, sequences=7, chunk=1, chunk_context=70))
        more = summary(load_network(model, **params, sequences=8))
        assert mixed["macs"] == more["macs"]
        assert (
            mixed["parameters"] == more["parameters"] + twice
        )  # weights in and out of the space of latents, read by both


def test_a_batch_whose_chunks_do_not_keep_up_is_cut_and_told():
    found = asked(prefill="chunked:30", batch=50)
    assert found.batch == 20 * 30 // 60
    assert "batch 10 is the largest whose prompts in chunks keep up" in found.notes
    with pytest.raises(
        InfeasibleError,
        match=r"prefill: must be at least chunked:3, chunks of 2 tokens end no prompt of 60 in 20 steps",
    ):
        asked(prefill="chunked:2")


def test_more_prompts_are_never_faster_for_each_user():
    few, many = asked(batch=8), asked(batch=64)
    assert many.tokens_per_s > few.tokens_per_s
    assert many.tokens_per_s_per_user < few.tokens_per_s_per_user
    assert asked(output=1).tpot_s is None


def test_guesses_come_out_of_one_pass():
    given = {"mode": "static", "batch": 2}
    plain = asked(**given)
    found = asked(**given, speculate=3, accept=0.5)
    check = run(2, phase="decode", prompt=4, context=60, words=4)
    assert found.tpot_first_s == pytest.approx(check / (1 + 0.5 + 0.25 + 0.125))
    assert any("1.88 tokens a pass" in note and "the draft takes no time" in note for note in found.notes)
    assert found.tpot_s < plain.tpot_s < asked(**given, speculate=3, accept=0.0).tpot_s
    drafted = asked(**given, speculate=3, accept=0.5, draft="smollm2_135m")
    assert drafted.tpot_s > found.tpot_s
    assert drafted.ttft_s > found.ttft_s == found.prefill.latency_s
    assert drafted.weights_bytes > found.weights_bytes
    assert drafted.cache_bytes > found.cache_bytes
    assert asked(**given, speculate=3, accept=1.0).tpot_first_s == pytest.approx(check / 4)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prefill": "chunks"}, "prefill: must be 'whole', or 'chunked:512' with a number of tokens, got 'chunks'"),
        ({"prefill": "chunked:0"}, "prefill: must be 'whole'"),
        ({"prefill": "chunked:8", "mode": "static"}, "prefill: must be 'whole' but in mode 'continuous'"),
        (
            {"prefill": "chunked:8", "speculate": 2},
            "prefill: must be 'whole' but in mode 'continuous' without speculation",
        ),
        ({"speculate": 0, "accept": 0.5}, "speculate: must be a whole number from 1 to 64, got 0"),
        ({"speculate": 2, "accept": 1.5}, "accept: must be a probability from 0 to 1, got 1.5"),
        ({"accept": 0.5}, "speculate: must be given with accept"),
        ({"speculate": 2}, "accept: must be given with speculate"),
    ],
)
def test_faults_are_one_line(given, words):
    with pytest.raises(OptionError) as caught:
        asked(**given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
