"""Generations: definitions, the sum over the growing context, what fits, money."""

import json

import pytest

from simulator import generate
from simulator.cli import main
from simulator.cost.serving import Rates
from simulator.errors import InfeasibleError, NetworkError, OptionError
from simulator.graph.load import load_network
from simulator.report.generation import sentence
from simulator.result.evidence import language_band, unmeasured
from simulator.run import simulate
from simulator.study.growing import Growing

TWO = {"layers": 2}


def asked(model="llama3_2_1b", chip="a100", **given):
    return generate(model, chip, **{"prompt": 100, "output": 20, "params": TWO, **given})


@pytest.fixture(scope="module")
def found():
    return asked(batch=3)


def test_the_definitions_hold(found):
    assert found.latency_s == pytest.approx(found.ttft_s + 19 * found.tpot_s)
    assert found.tokens_per_s == pytest.approx(3 * 20 / found.latency_s)
    assert found.requests_per_s == pytest.approx(3 / found.latency_s)
    assert found.tokens_per_s_per_user == pytest.approx(1 / found.tpot_s)
    assert found.tpot_first_s <= found.tpot_s <= found.tpot_last_s


def test_the_passes_are_runs(found):
    first = simulate(load_network("llama3_2_1b", layers=2, prompt=100), "a100", batch=3, precision="fp16")
    assert found.ttft_s == first.latency_s
    for context, seconds in ((100, found.tpot_first_s), (118, found.tpot_last_s)):
        graph = load_network("llama3_2_1b", layers=2, phase="decode", context=context)
        assert simulate(graph, "a100", batch=3, precision="fp16").latency_s == pytest.approx(seconds, rel=1e-12)


def test_joules_are_those_of_the_passes(found):
    spent = found.prefill.energy["total_j"] + 19 * found.decode.energy["total_j"]
    assert 60 * found.joules_per_token == pytest.approx(spent, rel=0.01)


def test_bytes_are_those_of_the_model(found):
    assert (
        found.cache_bytes == 3 * (100 + 20 - 1) * 2 * 8 * 64 * 2 * 2
    )  # rows, keys and values, heads, numbers, layers, fp16
    per_layer = 2048 * 64 * 2 * (32 + 8) + 3 * 2048 * 8192
    assert found.weights_bytes == 2 * (2 * per_layer + 128256 * 2048)


@pytest.mark.parametrize(
    ("model", "chip"), [("llama3_2_1b", "a100"), ("gemma3_1b", "a100"), ("smollm2_135m", "inferx_x1")]
)
def test_the_sum_is_that_of_every_single_token(model, chip):
    params = {"layers": 2, "vocabulary": 1000, "window": 120 if model == "gemma3_1b" else 0}
    precision = "fp16" if chip == "a100" else "int8"
    given = asked(model, chip, prompt=100, output=42, params=params, precision=precision)
    total = 0.0
    for context in range(100, 141):
        graph = load_network(model, **params, phase="decode", context=context)
        total += simulate(graph, chip, precision=precision, gains=False).latency_s
    assert 41 * given.tpot_s == pytest.approx(total, rel=1e-3)


def test_a_sum_bends_where_it_must():
    bent = Growing(lambda at: (1.0 + max(0, at - 37) * 0.5, 2.0), 5, 300)
    assert bent.sums() == (pytest.approx(sum(1.0 + max(0, at - 37) * 0.5 for at in range(5, 301)), rel=1e-3), 2.0 * 296)
    assert len(bent.points()) < 20
    assert Growing(lambda at: (float(at), 0.0), 7, 7).sums() == (7.0, 0.0)


def test_one_token_has_no_decode():
    one = asked(output=1)
    assert (one.tpot_s, one.tokens_per_s_per_user, one.decode, one.steps) == (None, None, None, ())
    assert one.latency_s == one.ttft_s


def test_capacity_is_a_limit():
    with pytest.raises(InfeasibleError) as caught:
        asked("llama3_70b", "h100", params={})
    told = str(caught.value)
    assert "weights 131.4" in told
    assert "no batch fits; 2 times the memory would do, or 9 such devices in place of 5" in told
    with pytest.raises(InfeasibleError, match=r"\(weights of both models 133\.7, "):
        asked("llama3_70b", "h100", params={}, speculate=3, accept=0.5, draft="llama3_2_1b")
    most = asked(batch="max", set={"dram.capacity_gib": 2}, chip="h100")
    assert most.batch == most.largest_batch > 1
    used = most.weights_bytes + most.cache_bytes + most.activation_bytes
    assert used <= most.capacity_bytes < used + (most.cache_bytes + most.activation_bytes) / most.batch
    with pytest.raises(InfeasibleError, match=f"the largest batch that fits is {most.batch:,}"):
        asked(batch=most.batch + 1, set={"dram.capacity_gib": 2}, chip="h100")


def test_what_language_models_have_is_measured_where_some_were():
    """Of an H100 rows of Llama are known, and no LSTM is."""
    assert unmeasured("Nvidia H100 SXM 80 GB", {"silu", "lstm"}) == ["lstm"]
    assert unmeasured("Nvidia A100 (PCIe 40/80 GB, SXM 40/80 GB)", {"silu"}) == ["silu"]


@pytest.mark.parametrize(
    ("model", "chip", "given"),
    [
        ("deepseek_v2_lite", "h100", {"prompt": 100, "output": 200, "params": {"layers": 4}}),  # shares of experts
        ("gpt_oss_20b", "l4", {"prompt": 2000, "output": 10, "params": {"layers": 2}}),  # and a window
        ("gemma3_1b", "l4", {"prompt": 8000, "output": 2, "params": {}}),  # a window alone, passes of fewer layers
        ("mistral_7b", "l4", {"prompt": 20_000, "output": 2, "params": {"layers": 2}}),
    ],
)
def test_the_largest_batch_fits_and_one_more_does_not(model, chip, given):
    """The passes of all prompts at once, too: they keep what a window leaves out later."""
    most = generate(model, chip, batch="max", next_limit=False, **given)
    assert most.batch == most.largest_batch > 1
    with pytest.raises(InfeasibleError, match=f"at batch {most.batch + 1:,} and .* fits is {most.batch:,}"):
        generate(model, chip, batch=most.batch + 1, next_limit=False, **given)


def test_prompts_that_are_too_many_to_be_built_are_told_by_the_room_they_take():
    with pytest.raises(InfeasibleError, match=r"deepseek_v3 at batch 256 and 2,175 tokens needs .* no batch fits"):
        generate("deepseek_v3", "b200", prompt=2048, output=128, batch=256, precision="fp8")


def test_sequences_of_one_item_are_as_many_as_its_layers_have_room_for():
    """With experts a batch is one network: `max` is what can be told, and says so; more is one line that says how many."""
    given = {"prompt": 5000, "output": 2, "precision": "int8", "params": {"layers": 2}, "next_limit": False}
    most = generate("deepseek_v2_lite", "b200", batch="max", **given)
    told = [note for note in most.notes if note.startswith(f"batch {most.batch:,} is the largest that can be told, of")]
    assert len(told) == 1
    assert most.batch < most.largest_batch
    with pytest.raises(
        OptionError, match=rf"^batch: must be at most {most.batch} for 5,001 tokens: with experts a pass is"
    ):
        generate("deepseek_v2_lite", "b200", batch=most.batch + 1, **given)
    turns = generate("deepseek_v2_lite", "b200", **{**given, "next_limit": True}).next_limit
    assert all(turn.up_to_batch <= most.batch for turn in turns.values())


def test_experts_share_their_weights_among_the_batch():
    given = {"params": {"layers": 1, "vocabulary": 1000}, "output": 2}
    one, many = (asked("mixtral_8x7b", "h100", batch=batch, **given).decode for batch in (1, 64))
    experts = 3 * 4096 * 14336 * 2
    assert one.dram_bytes == pytest.approx(2 * experts, rel=0.2)
    assert many.dram_bytes == pytest.approx(8 * experts, rel=0.2)


def test_a_chip_is_bought_or_rented():
    with pytest.raises(OptionError, match="price: must be left out where a rent is given"):
        Rates(price_usd=3.0, rent_usd_per_h=1.0)


def test_money_by_hand(found):
    rented = asked(batch=3, price=Rates(rent_usd_per_h=3.6))
    assert rented.usd_per_million_tokens == pytest.approx(1e6 * 0.001 * found.latency_s / 60)
    assert rented.usd_per_million_input_tokens == pytest.approx(1e6 * 0.001 * found.ttft_s / 300)
    free = asked(batch=3, price=Rates(price_usd=8766 * 3600.0, years=1, load=1, energy_usd_per_kwh=0))
    assert free.usd_per_million_tokens == pytest.approx(1e6 * found.latency_s / 60)  # a dollar a second


def test_what_stands_behind_the_rates_is_said(found):
    within, rows = language_band(True, "static")
    ends = found.tokens_per_s_low / found.tokens_per_s, found.tokens_per_s_high / found.tokens_per_s
    assert ends == pytest.approx((1 - within, 1 + within))
    assert found.notes[0].startswith(
        f"throughput: 90 % of {rows} measured rows of GPUs (none of them of this chip) are within"
    )
    assert "for all users with the time of their prompts" in sentence(found)
    assert "for each user after its first token" in sentence(found)
    other = asked("smollm2_135m", "inferx_x1", output=2, params={"layers": 1, "vocabulary": 1000})
    assert (other.tokens_per_s_low, other.tokens_per_s_high) == (None, None)
    assert any("no language model was measured on such a chip" in note for note in other.notes)


def test_how_sure_a_bill_is_matters_where_it_is_paid():
    given = {
        "model": "smollm2_135m",
        "chip": "example_edge",
        "output": 2,
        "set": {"process_nm": 40},
        "params": {"layers": 1, "vocabulary": 1000},
    }
    assert any(note.startswith("cost:") for note in asked(**given).notes)
    assert not any(note.startswith("cost:") for note in asked(**given, price=Rates(rent_usd_per_h=2.0)).notes)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"model": "llama3_8"}, NetworkError, "did you mean"),
        ({"model": "resnet50"}, NetworkError, "got 'resnet50'; `rooftile run` runs other networks"),
        ({"model": "lama3_8b"}, NetworkError, "did you mean 'llama3_8b'"),
        ({"prompt": 0}, OptionError, "prompt: must be a whole number of at least 1, got 0"),
        ({"output": 2.5}, OptionError, "output: must be a whole number"),
        ({"batch": "most"}, OptionError, "batch: must be a whole number of at least 1 or 'max', got 'most'"),
        ({"chips": 2}, OptionError, "chips: must be 1, got 2; systems of several chips come later"),
        (
            {"mode": "statik"},
            OptionError,
            "mode: must be 'static' or 'continuous', got 'statik'; did you mean 'static'?",
        ),
        ({"params": {"context": 3}}, OptionError, "context: must be left out"),
        ({"params": {"layerz": 3}}, NetworkError, "did you mean 'layers'?"),
        ({"price": -1.0}, OptionError, "price_usd: must be above 0"),
        (
            {"mode": "continuous", "prefill": "chunked:2", "output": 2},
            InfeasibleError,
            "must be at least chunked:100, chunks of",
        ),
    ],
)
def test_faults_are_one_line(given, error, words):
    with pytest.raises(error) as caught:
        asked(**given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_writes_the_same(tmp_path, capsys, found):
    words = ["generate", "llama3_2_1b", "--chip", "a100", "--prompt", "100", "--output", "20", "--batch", "3"]
    assert main([*words, "--param", "layers=2", "--json", str(tmp_path / "a.json")]) == 0
    told = capsys.readouterr().out
    assert "tokens/s" in told.splitlines()[0] and "Where the time of a token goes" in told  # noqa: PT018
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["tpot_s"] == found.tpot_s
    assert list(data)[5:] == list(found.to_dict())  # after what made it
    assert main([*words, "--chips", "2"]) == 2
