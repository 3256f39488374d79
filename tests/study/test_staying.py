"""Caches that stay in the SRAM of chips without DRAM: what they take, what fits beside them, laws."""

import re

import pytest

from simulator import generate, load_chip, load_network, simulate, sweep
from simulator.cli import main
from simulator.errors import InfeasibleError

TWO = {"layers": 2}
CACHE = 2 * 3 * 64 * 2 * 2
"""Bytes of a token: keys and values, heads, numbers, layers, fp16."""


def asked(chip="groq_tsp", **given):
    return generate("smollm2_135m", chip, **{"prompt": 100, "output": 20, "params": TWO, **given})


def decode(context, batch=1, **more):
    return simulate(
        load_network("smollm2_135m", layers=2, phase="decode", context=context),
        load_chip("groq_tsp", **more),
        batch,
        "fp16",
    )


def test_a_cache_moves_nothing():
    """Weights of two layers fit: what comes over the link is a word and what goes is one, whatever the context."""
    short, long = (decode(context) for context in (100, 3100))
    assert short.dram_bytes == long.dram_bytes
    assert long.sram_bytes - short.sram_bytes >= 3000 * CACHE


def test_the_bytes_are_those_of_the_sram():
    found = asked(batch=3)
    assert found.capacity_bytes == load_chip("groq_tsp").sram.capacity_bytes
    assert found.cache_bytes == 3 * 119 * CACHE
    share = 100 * found.cache_bytes / found.capacity_bytes
    assert f"no DRAM: the cache stays in the SRAM, of which it takes {share:.3g} %" in found.notes


def small(mib):
    return {"sram.capacity_mib": mib}


def test_the_largest_batch_fits_and_one_more_does_not():
    """Exactly: caches of all sequences beside the smallest tiles."""
    most = asked(set=small(2)).largest_batch
    assert most == (2 * 2**20 - 4096) // (119 * CACHE)
    assert asked(set=small(2), batch="max").batch == most
    with pytest.raises(InfeasibleError) as caught:
        asked(set=small(2), batch=most + 1)
    line = str(caught.value)
    assert f"sram.capacity_mib: smollm2_135m at batch {most + 1} and 119 tokens needs 2." in line
    assert f"the largest batch that fits is {most}, the longest context at this batch" in line
    assert line.endswith("2 times the memory would do")
    longest = int(re.findall(r"at this batch (\d+) tokens", line)[0])
    assert asked(set=small(2), batch=most + 1, prompt=longest - 19).batch == most + 1


def test_no_batch_fits_a_long_prompt():
    with pytest.raises(InfeasibleError, match=r"no batch fits, the longest context at this batch 6\d\d tokens"):
        asked(set=small(1), prompt=1000)


def test_a_pass_says_what_states_take():
    with pytest.raises(
        InfeasibleError, match=rf"beside {1100 * CACHE:,} of states, which have no other place, got 1,048,576"
    ):
        decode(1099, set=small(1))
    graph = load_network("smollm2_135m", layers=2, phase="decode", context=1099)
    table = sweep(graph, "groq_tsp", {"sram.capacity_mib": [1.0, 2.0]}, precision="fp16")
    assert [f"{1100 * CACHE:,} of states" in (reason or "") for reason in table["reason"]] == [True, False]
    assert table["throughput_per_s"][1] == decode(1099, set=small(2)).throughput_per_s


def test_a_sweep_over_contexts_says_the_same():
    """With the batch, whose states are beside every part of it, and sizes of SRAM that they do not fit."""
    vary = {"context": [100, 300, 500, 700, 900, 1100, 1300, 1500], "batch": [1, 4], "sram.capacity_mib": [4.0, 16.0]}
    table, ran = sweep("smollm2_135m", "groq_tsp", vary, params={"layers": 2, "phase": "decode"}, precision="fp16"), 0
    for row in table.iter_rows(named=True):
        given = row["param.context"], row["batch"], row["sram.capacity_mib"]
        if row["status"] == "ok":
            one = decode(*given[:2], set=small(given[2]))
            assert row["throughput_per_s"] == pytest.approx(one.throughput_per_s, rel=1e-12)
            ran += 1
        else:
            with pytest.raises(InfeasibleError) as caught:
                decode(*given[:2], set=small(given[2]))
            assert row["reason"].startswith(str(caught.value).splitlines()[0])
    assert 20 < ran < 32


@pytest.mark.parametrize("batch", [1, 3])
def test_more_sram_and_fewer_tokens_are_never_slower(batch):
    own, last = load_chip("groq_tsp").sram.capacity_mib, 0.0
    for mib in (0.5, 0.9, 1.5, 8.0, own):
        try:
            found = asked(prompt=300, batch=batch, set=small(mib))
        except InfeasibleError:
            assert last == 0.0
            continue
        assert found.tokens_per_s >= last * (1 - 1e-12)
        last = found.tokens_per_s
        fewer = asked(prompt=200, batch=batch, set=small(mib))
        assert fewer.tpot_s <= found.tpot_s * (1 + 1e-12)
    assert last > 0.0


GUESSES = {"speculate": 2, "accept": 0.5, "draft": "smollm2_135m"}


@pytest.mark.parametrize("given", [{"mode": "continuous"}, GUESSES])
def test_what_is_approximated_is_said(given):
    notes = asked(output=8, **given).notes
    assert sum(note.startswith("approximated: the ") for note in notes) == 1


def test_prompts_keep_what_a_window_leaves_out_later():
    """gemma3_1b sees 512 rows in five of six layers: the pass over the prompt keeps all, so it is what limits the batch."""
    params = {"layers": 6}
    plain, long = (
        generate("gemma3_1b", "groq_tsp", prompt=n, output=8, params=params, set=small(40)) for n in (256, 2048)
    )
    assert plain.largest_batch > 6 * long.largest_batch


def test_weights_make_way_for_the_cache():
    """Channel by channel: what streams grows by no more than what the cache takes, and a little for whole channels."""
    low, high = (decode(context, set=small(16)) for context in (500, 1500))
    moved = [one.dram_bytes for one in (low, high)]
    assert 0.0 < moved[1] - moved[0] <= 1000 * CACHE + 2 * 576 * 49152
    assert pytest.approx(moved[1] - moved[0], rel=0.2) == 1000 * CACHE


def test_comparing_says_what_lacks(capsys):
    code = main(["compare", "smollm2_135m", "groq_tsp", "a100", "--prompt", "9000", "--output", "9", "--batch", "4"])
    assert code == 0
    assert "SRAM for the cache" in capsys.readouterr().out


def test_a_batch_whose_layers_are_too_large_to_be_built_is_none_to_look_at():
    """Of experts, whose sequences are one item: the largest batch is told by caches and the tiles of a single sequence."""
    found = generate("deepseek_v3", "cerebras_wse3", prompt=1024, output=2, params={"layers": 4, "dense_first": 3})
    assert found.batch == 1
    assert found.largest_batch > 2**24 / (1024 * 128)
