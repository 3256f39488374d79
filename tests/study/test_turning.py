"""The batch at which the limit of a pass turns: by hand, one by one, and in words."""

from types import SimpleNamespace

import pytest

from simulator import generate
from simulator.chip.load import load_chip
from simulator.errors import InfeasibleError
from simulator.graph.load import load_network
from simulator.report.generation import next_limit as in_words
from simulator.run import simulate
from simulator.study.turning import NextLimit, next_limit

SMALL = {"layers": 1, "vocabulary": 1000}
TINY = {**SMALL, "ffn": 64, "hidden": 64, "heads": 1, "kv_heads": 1}
ORIN = {"prompt": 8, "output": 9, "params": SMALL, "set": {"dram.capacity_gib": 0.3125}}


def passes(limits, asked):
    """A pass of each batch that is bound as `limits` says, with two further limits that would save less."""

    def of(batch):
        asked.append(batch)
        bound = limits(batch)
        saved = {"dram": 0.2, "overhead": 0.3, "vector": 1e-4, bound: 0.5}
        return SimpleNamespace(bound_by=bound, batch=batch, throughput_per_s=float(batch), gain_if_infinite=saved)

    return of


@pytest.mark.parametrize("turn", [2, 3, 5, 64, 65, 99, 100])
def test_the_turn_is_found(turn):
    asked = []
    found = next_limit(passes(lambda batch: "dram" if batch < turn else "array", asked), 1, 100)
    assert found == NextLimit("dram", turn - 1, "array", turn)
    assert len(asked) <= 16


def test_a_limit_that_stays_is_followed_by_the_next_largest():
    asked = []
    assert next_limit(passes(lambda _: "dram", asked), 3, 40) == NextLimit("dram", 40, "overhead", None)
    assert asked == [3, 6, 12, 24, 40]
    assert next_limit(passes(lambda _: "dram", []), 40, 40) == NextLimit("dram", 40, "overhead", None)
    assert next_limit(passes(lambda _: "dram", []), 41, 40).up_to_batch == 41


def test_what_saves_next_to_nothing_is_no_next_limit():
    own = SimpleNamespace(
        bound_by="power", batch=1, throughput_per_s=1.0, gain_if_infinite={"power": 0.5, "dram": 1e-4}
    )
    assert next_limit(lambda _: own, 1, 1) == NextLimit("power", 1, None, None)


def test_a_batch_that_the_chip_cannot_do_ends_the_search():
    def limits(batch):
        if batch > 30:
            raise InfeasibleError("too large")
        return "dram"

    assert next_limit(passes(limits, []), 5, 100) == NextLimit("dram", 20, "overhead", None)


@pytest.fixture(scope="module")
def small():
    """A decoder of a layer on an Orin of few GiB, behind few tokens."""
    return generate("llama3_2_1b", "jetson_agx_orin", **ORIN)


def test_a_small_decoder_by_hand(small):
    """A token reads each weight once and multiplies it once for each sequence: both take the same time at the batch that is the
    balance of the chip, of which tiles and what else a step takes leave some 40 %."""
    turn = small.next_limit["decode"]
    assert (turn.bound_by, turn.next_bound_by, turn.next_batch) == ("dram", "array", turn.up_to_batch + 1)
    macs_per_s = small.decode.peak_tops * 1e12 / 2
    balance = macs_per_s / (small.decode.outer_gb_per_s * 1e9 / 2)
    assert 0.6 * balance < turn.next_batch < 1.7 * balance


def test_one_by_one_it_is_the_same(small):
    """Runs of the networks of the passes, each by itself."""
    for phase, rows in (("decode", {"context": 11}), ("prefill", {"prompt": 8})):
        turn = small.next_limit[phase]
        graph = load_network("llama3_2_1b", **SMALL, phase=phase, **rows)
        runs = [simulate(graph, small_chip(), one, "fp16") for one in (1, turn.up_to_batch, turn.next_batch)]
        assert [run.bound_by for run in runs] == [turn.bound_by, turn.bound_by, turn.next_bound_by]


def small_chip():
    return load_chip("jetson_agx_orin", set=ORIN["set"])


def test_it_is_said_in_words_and_in_the_json(small):
    turn = small.next_limit["decode"]
    words = f"Decode is bound by DRAM up to batch {turn.up_to_batch:,}; at {turn.next_batch:,} by MAC array."
    assert words in in_words(small).splitlines()
    data = small.to_dict()["next_limit"]
    assert data["decode"]["next_batch"] == turn.next_batch
    assert [*data] == ["decode", "prefill"]
    held = generate("llama3_2_1b", "jetson_agx_orin", **{**ORIN, "set": {"dram.capacity_gib": 0.15}})
    assert f"up to batch {held.largest_batch:,}, the largest that fits; " in in_words(held)


def test_where_it_takes_longer_it_is_told_when_it_is_wanted():
    given = {"prompt": 8, "output": 3, "params": TINY}
    without = generate("smollm2_135m", "inferx_x1", **given)
    assert without.next_limit is None
    assert "--next-limit" in in_words(without)
    tight = {"dram.capacity_gib": 0.001}
    told = generate("smollm2_135m", "inferx_x1", **given, set=tight, batch="max", next_limit=True)
    assert told.next_limit["decode"].up_to_batch == told.largest_batch
    # No runtime takes its pass in parts, whatever the chip may do with images: the batch that fits has room for its prompts.
    assert told.prefill.dram_used_bytes <= told.capacity_bytes < 1.2 * told.prefill.dram_used_bytes


def test_prompts_between_the_steps_have_no_batch_of_their_own():
    given = {"prompt": 8, "params": SMALL, "set": {"dram.capacity_gib": 0.15}, "batch": 2}
    found = generate("llama3_2_1b", "jetson_agx_orin", **given, output=9, mode="continuous")
    assert [*found.next_limit] == ["decode"]
    alone = generate("llama3_2_1b", "jetson_agx_orin", **given, output=1)
    assert [*alone.next_limit] == ["prefill"]
    assert alone.to_dict()["decode"] is None
