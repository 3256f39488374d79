"""Runtimes: names, classes, those that nobody knows, and what they make of a pass."""

from dataclasses import replace

import pytest

from simulator import generate
from simulator.chip.change import changed_chip
from simulator.chip.load import load_chip
from simulator.errors import OptionError
from simulator.graph.language import decoders
from simulator.study.added import Alone, Served, cache_bytes_per_s, reread
from simulator.study.asking import asked_of
from simulator.study.contexts import spent_behind
from simulator.study.passing import Passing, rows_in_turn
from simulator.study.runtimes import MODEL_OWN, known_runtimes, runtime_of

H100 = load_chip("h100")


def test_a_runtime_is_a_name_or_a_class():
    assert runtime_of(None, H100) is MODEL_OWN
    assert runtime_of("eager", H100).us_per_kernel == runtime_of("llamacpp-2024-05", H100).us_per_kernel
    assert runtime_of("trtllm-0.5", H100).reads_by_head
    with pytest.raises(OptionError, match=r"runtime: must be a name such as vllm-0\.11, .*, got 'a b'"):
        runtime_of("a b", H100)
    assert runtime_of("eager", chip := load_chip("gaudi2")).on(chip).overhead_us == 4.0
    assert runtime_of("npu", chip := load_chip("eyeriss")).on(chip) is chip  # its file says what a layer costs


@pytest.mark.parametrize(
    ("name", "chip", "kind"),
    [
        ("vllm-0.12", "h100", "compiled"),
        ("tt-metal-2026", "h100", "npu"),
        ("own", "h100", "compiled"),
        ("own", "gaudi2", "compiled"),
        ("own", "tpu_v6e", "compiled"),
        ("own", "wormhole", "npu"),
    ],
)
def test_one_that_nobody_knows_takes_its_class_and_says_so(name, chip, kind):
    found = runtime_of(name, load_chip(chip))
    assert (found.kind, found.us_per_kernel) == (kind, known_runtimes()[kind].us_per_kernel)
    assert f"runtime {name}: not known, so it takes the constants of its class, {kind}" in found.note
    assert not known_runtimes()["vllm-0.11"].note


def test_without_a_runtime_an_npu_says_what_others_take():
    assert runtime_of(None, load_chip("gaudi2")) is runtime_of(None, load_chip("eyeriss")) is MODEL_OWN
    told = runtime_of(None, load_chip("rk3588")).note
    assert told == "no runtime is told, so 3 us pass between two operations; runtimes of class npu take 40.5"
    assert "so 0 us pass" in runtime_of(None, load_chip("wormhole")).note  # transfers run ahead
    found = generate("smollm2_135m", "rk3588", prompt=16, output=2, precision="int8", params={"layers": 1})
    assert told in found.notes


def test_a_generation_tells_its_runtime():
    given = {"prompt": 64, "output": 4, "params": {"layers": 1}}
    found = generate("llama3_2_1b", "h100", runtime="trtlm-0.5", **given)
    assert found.runtime == "trtlm-0.5"
    assert any("not known" in note and "did you mean 'trtllm-0.5' or" in note for note in found.notes)
    slow = generate("llama3_2_1b", "h100", runtime="compiled", set={"overhead_us": 40}, **given)
    assert slow.tpot_s > found.tpot_s  # a file's own figure stands


def test_a_cache_that_is_read_once_a_head_takes_the_time_of_its_bytes():
    small = changed_chip(H100, {"sram.capacity_mib": 0.5})

    def step(runtime):
        asked = asked_of("llama3_2_1b", small, (4000, 2, 8), "fp16", {"layers": 2}, runtime)
        return asked, asked.run("decode", 1, 4000)

    own = known_runtimes()["compiled"]
    asked, once = step(own)
    by_head = step(replace(known_runtimes()["trtllm-0.5"], served=False))[1]
    more = (
        8 * 3 * 2 * 2 * 8 * 64 * 2 * 4000
    )  # sequences, times again, layers, keys and values, heads, numbers, bytes, tokens
    keys = 64 * 2 * 4000  # of one head, in half of a cache that was made small enough to hold a part of them
    missed = more * (1 - 0.25 * 2**20 / keys)
    assert by_head.dram_bytes == pytest.approx(once.dram_bytes + missed)
    more_s = missed / asked.chip.outer_bytes_per_s
    assert by_head.latency_s == pytest.approx(once.latency_s + more_s + (more - missed) / cache_bytes_per_s(small))
    assert sum(by_head.waterfall.values()) == pytest.approx(by_head.latency_s)
    assert sum(by_head.waterfall_period.values()) == pytest.approx(8 / by_head.throughput_per_s)
    assert by_head.energy["total_j"] == pytest.approx(
        sum(value for name, value in by_head.energy.items() if name.endswith("_j") and name != "total_j")
    )
    assert by_head.gain_if_infinite["dram"] == pytest.approx(once.gain_if_infinite["dram"] + more_s)
    assert reread(once, asked.chip, 0.0, 1.0, 0.0).latency_s == once.latency_s
    apart = reread(once, load_chip("gaudi2"), more, keys, 0.0)  # no shared cache: all of it passes the memory
    assert apart.dram_bytes == pytest.approx(once.dram_bytes + more)


def test_a_runtime_may_leave_the_window_out():
    for runtime, window in (("trtllm-0.15", 0), ("trtllm-1.0", decoders()["mistral_7b"].window)):
        asked = asked_of("mistral_7b", H100, (10, 2, 1), "fp16", {"layers": 1}, known_runtimes()[runtime])
        assert asked.decoder.window == window
    given = asked_of("mistral_7b", H100, (10, 2, 1), "fp16", {"window": 7}, known_runtimes()["trtllm-0.15"])
    assert given.decoder.window == 7


def test_bytes_and_kernels_of_single_operations_are_those_counted_by_hand():
    # Llama 3 8B: 4,096 numbers a token, 32 and 8 heads of 128, a gated feed-forward of 14,336. Of a token in one layer:
    hidden, queries, keys, wide = 4096, 4096, 1024, 14336
    norms = 2 * (hidden + hidden + hidden + hidden) * 4  # read, written, read, written, twice a layer
    turned = (queries + queries + keys + keys) * 4
    stored = 2 * (4 + 2) * keys
    joined, added = (queries + queries) * 4, 2 * 3 * hidden * 4
    activated = (2 + 3) * wide * 4  # silu, and the product of two
    # Queries, keys and values; the scores; what the heads give; gate and up; down:
    inputs = 3 * hidden + queries + queries + 2 * hidden + wide
    results = queries + 2 * keys + queries + hidden + 2 * wide + hidden
    own = decoders()["llama3_8b"]
    by_hand = norms + turned + stored + joined + added + activated
    assert Alone(own, "copies").token_bytes(0) == by_hand + 6 * (inputs + results) == 1_142_784
    assert Alone(own, "direct").token_bytes(0) == by_hand + 2 * (inputs + results)
    assert Alone(own, "copies").score_bytes == 2 + (2 + 4) + (4 + 4) + (4 + 2) + 2
    assert Alone(own, "direct").score_bytes == 4 + (4 + 4) + 4
    taken = Alone(own, "inputs", 0.6)  # copies of inputs, results in 32 bits
    assert taken.token_bytes(0) == by_hand + 6 * inputs + 2 * results
    assert taken.score_bytes == 4 + (4 + 4) + (4 + 2) + 2
    assert taken.kernels == 9 * 2 + 14
    assert taken.widened_bytes(1) == Alone(own, "copies", 0.6).widened_bytes(1) > (0.0, 0.0)
    assert (Alone(own, "copies").kernels, Alone(own, "direct").kernels) == (9 * 3 + 14, 9 + 14)
    assert Alone(own, "copies").pieces_of(1100) == [(0, 512), (512, 1024), (1024, 1100)]
    scores = 32 * (512 * 612 + 512 * 1124 + 76 * 1200)
    every = 32 * (1100 * 1_142_784 + 24 * scores)
    assert Alone(own, "copies").pass_bytes(1, 1100, 100) == (every, every)  # no cache: all of them are missed
    paired = Alone(own, "copies", pairs=True)
    assert paired.token_bytes(0) == 1_142_784 - norms / 2 - 2 * wide * 4
    assert paired.kernels == 9 * 3 + 14 - 2 - 1


def test_kernels_of_single_operations_of_one_token_are_those_counted_by_hand():
    # Two norms with a scale each, two turned, two stored, scores joined, two sums, the activation and its product.
    own = decoders()["llama3_8b"]
    single = 2 * 2 + 2 + 2 + 1 + 2 + 2
    assert Alone(own, "copies").kernels_of_few(1) == (
        32 * (single + 7 + 3),
        32 * 2,
    )  # 16 bits: no copies for one vector
    assert Alone(own, "copies").kernels_of_few(2) == (32 * (single + 7 * 3 + 3), 32 * 2)
    assert Alone(own, "copies", 0.6).kernels_of_few(1) == (
        32 * (single + 7 * 2 + 3),
        32 * 2,
    )  # inputs become blocks of 8 bits
    assert Alone(own, "direct", 0.6).kernels_of_few(1) == (32 * (single + 7 + 3), 32 * 2)
    # Pairs are one kernel; attention is one, and the sum of its parts. Experts: router, choice, their weights, their sum.
    fused, experts = Alone(own, "blocks", 1.0625, False, pairs=True), decoders()["qwen3_30b_a3b"]
    assert fused.kernels_of_few(4) == (32 * (2 + 2 + 2 + 2 + 1 + 7 * 2 + 2), 32)
    routed = Alone(experts, "blocks", 1.0625, False, pairs=True).kernels_of_few(1)[0]
    assert routed == 48 * (4 + 2 + 2 + 2 + 1 + 7 * 2 + 2 + 4)  # queries and keys are normalised
    assert Alone(experts, "blocks", 1.0625, False).kernels_of_few(1)[0] == 48 * (8 + 2 + 2 + 2 + 2 + 7 * 2 + 2 + 7 + 7)


def test_a_token_of_single_operations_takes_the_time_between_its_kernels():
    def step(way, chip=H100, tokens=1):
        runtime = replace(known_runtimes()["llamacpp-metal"], alone=way, reads_by_head=False)
        asked = asked_of("llama3_2_1b", chip, (100, 2, tokens), "fp16", {"layers": 2}, runtime)
        return asked.run("decode", 1, 100)

    together, apart = step(""), step("direct")
    known = together.waterfall["overhead_s"] / 4e-6
    launched = 2 * (4 + 2 + 2 + 1 + 2 + 2 + 7 + 3)
    between_s = launched * 1e-6 + (launched - 2 * 2 - known) * 3500 / H100.clock_hz
    assert apart.waterfall["overhead_s"] == pytest.approx(between_s)
    assert apart.latency_s == pytest.approx(together.latency_s + between_s - known * 4e-6)
    assert any("in a kernel of its own" in note for note in apart.notes)
    for own_us in (40.0, 0.0):  # a file's own figure stands
        told = changed_chip(H100, {"overhead_us": own_us})
        rounds = launched - 2 * 2 - (known if own_us else 0)
        wanted_s = launched * own_us * 1e-6 + rounds * 3500 / H100.clock_hz
        assert step("direct", told).waterfall["overhead_s"] == pytest.approx(wanted_s)


def test_what_fits_the_share_of_the_cache_does_not_pass_the_memory():
    own = decoders()["llama3_8b"]
    wide, rest = Alone(own, "direct", scores=False).tensors(0)[3], Alone(own, "direct", scores=False).token_bytes(0)
    assert wide[0] == own.ffn
    longest = 4 * own.ffn * 300  # bytes of the tensor in a pass over 300 tokens; the next has 4,096 numbers of a token
    half = Alone(own, "direct", scores=False, cached_bytes=longest / 2).pass_bytes(3, 100, 0)
    assert half.every == pytest.approx(32 * 300 * rest)
    assert half.missed == pytest.approx(32 * 300 * wide[1] / 2)
    assert Alone(own, "direct", scores=False, cached_bytes=longest).pass_bytes(3, 100, 0).missed == 0.0
    smaller = Alone(own, "direct", scores=False, piece=150, cached_bytes=longest / 2)
    assert smaller.pass_bytes(3, 100, 0).missed == 0.0
    scores = Alone(own, "direct", cached_bytes=4 * 32 * 600 * 600 / 2)
    assert scores.pass_bytes(1, 600, 0).missed == pytest.approx(
        Alone(own, "direct", scores=False, cached_bytes=scores.cached_bytes).pass_bytes(1, 600, 0).missed
        + 32 * 32 * 512 * 512 * 16 * (1 - 600**2 / 2 / 512**2)
    )  # of the second piece, 88 queries, all scores fit


def test_products_of_blocks_copy_their_inputs_in_8_bits_and_fused_attention_moves_no_scores():
    own, hidden, queries, keys, wide = decoders()["llama3_8b"], 4096, 4096, 1024, 14336
    inputs, results = 3 * hidden + queries + 2 * hidden + wide, queries + 2 * keys + 2 * hidden + 2 * wide
    fused, direct = Alone(own, "blocks", 1.0625, False), Alone(own, "direct")
    by_hand = direct.token_bytes(0) - 2 * (inputs + results + 2 * queries) - 4 * 2 * queries
    # In: 4 bytes read and 1.125 of a block written and read, in place of 2. Out, and at attention: 4 in place of 2.
    assert fused.token_bytes(0) == by_hand + 4.25 * inputs + 2 * results + 2 * 2 * queries
    assert fused.score_bytes == 0
    assert fused.widened_bytes(600) == (0.0, 0.0)
    assert fused.kernels == 7 * 2 + 1 + 12
    of_halves = Alone(own, "blocks")
    assert of_halves.token_bytes(0) == Alone(own, "copies").token_bytes(0)
    assert of_halves.score_bytes == Alone(own, "copies").score_bytes


def test_each_expert_of_a_token_has_inputs_and_results_that_are_scaled_and_added():
    own = decoders()["mixtral_8x7b"]
    plain, hidden = replace(own, experts=0, active=0, expert_ffn=0, ffn=2 * own.expert_ffn), own.hidden
    # A second input of gate and up, and a second result of down; both results scaled; one sum of two.
    more = hidden * (2 * 6 + 6 + 4 * (2 * 2 + 3))
    assert Alone(own, "copies").token_bytes(0) == Alone(plain, "copies").token_bytes(0) + more
    assert Alone(own, "copies", pairs=True).token_bytes(0) == Alone(plain, "copies", pairs=True).token_bytes(0) + more
    assert Alone(own, "copies").pass_bytes(1, 1, 0).every == own.layers * (
        Alone(own, "copies").token_bytes(0) + 24 * own.heads
    )


def test_narrow_weights_are_widened_once_a_piece_where_products_take_copies():
    own, body = decoders()["llama3_8b"], 32 * (2 * 4096 * 128 * (32 + 8) + 3 * 4096 * 14336)
    assert Alone(own, "copies", 0.6).widened_bytes(600).every == pytest.approx(2 * body * (2 + 2))
    assert Alone(own, "copies").widened_bytes(600) == Alone(own, "direct", 0.6).widened_bytes(600) == (0.0, 0.0)
    experts = decoders()["mixtral_8x7b"]
    met = sum(experts.experts_met(layer, 1) for layer in range(experts.layers))
    assert Alone(experts, "copies", 1.0).widened_bytes(1).every == 4.0 * (
        experts.layers * experts.attention_parameters + met * 3 * experts.hidden * experts.expert_ffn
    )
    # Queries and results of attention are 4,096 by 4,096, keys and values a quarter of that: in the mean 2,560.
    attention = 32 * 2 * 4096 * 128 * (32 + 8)
    held = Alone(own, "copies", 0.6, cached_bytes=2 * 4096 * 2560).widened_bytes(600)
    assert held.missed == pytest.approx(2 * 4 * (body - attention) * (1 - 2560 / 14336))


def test_prompts_of_single_operations_take_the_time_of_their_bytes_and_starts():
    def asked(runtime):
        return asked_of("llama3_2_1b", H100, (600, 2, 3), "fp16", {"layers": 2}, known_runtimes()[runtime])

    fused, single = asked("compiled"), asked("llamacpp-2023")
    one = replace(fused, batch=1)
    pieces = [one.run("prefill", 512, 0), one.run("prefill", 88, 512)]  # of each sequence
    more = single.run("prefill", 600, 0)
    own = Alone(single.decoder, "copies", cached_bytes=25 * 2**20)
    moved = own.pass_bytes(3, 600, 0)
    held_s = (moved.every - moved.missed) / cache_bytes_per_s(H100)
    starts_s = 4 * 2 * own.kernels * 4e-6  # pieces of 1,800 tokens, layers, kernels, time of each
    waited_s = starts_s - 3 * sum(piece.waterfall["overhead_s"] for piece in pieces)
    once_s = 3 * sum(piece.latency_s for piece in pieces)
    assert more.latency_s == pytest.approx(once_s + moved.missed / H100.outer_bytes_per_s + held_s + waited_s)
    assert held_s > 0.0
    assert more.macs == 3 * sum(piece.macs for piece in pieces)
    assert more.waterfall["overhead_s"] == pytest.approx(starts_s)
    assert sum(more.waterfall.values()) == pytest.approx(more.latency_s)
    assert sum(more.waterfall_period.values()) == pytest.approx(3 / more.throughput_per_s)
    assert sum(layer.macs for layer in more.layers) == more.macs
    assert more.batch == 3
    assert any("a kernel of its own" in note for note in more.notes)
    beside = {"chunk": 64, "chunks": 2, "chunk_context": 100}
    longer = single.run("decode", 1, 600, **beside).latency_s - fused.run("decode", 1, 600, **beside).latency_s
    small = own.pass_bytes(2, 64, 100)
    assert longer > small.missed / H100.outer_bytes_per_s + (small.every - small.missed) / cache_bytes_per_s(H100)


def test_short_prompts_of_several_sequences_share_a_piece():
    own = replace(known_runtimes()["llamacpp-2025-11"], piece=450)
    asked = asked_of("llama3_2_1b", H100, (200, 2, 5), "fp16", {"layers": 2}, own)
    two = replace(asked, batch=2).run("prefill", 200, 0)
    found = asked.run("prefill", 200, 0)
    assert (found.batch, found.macs) == (5, two.macs * 5 / 2)
    assert found.utilisation < two.utilisation  # no less of each, and the gaps of a third piece
    longer = replace(asked, batch=1).run("prefill", 1000, 0)
    parts = [replace(asked, batch=1)._piece(1, *one) for one in ((450, 0), (450, 450), (100, 900))]
    assert longer.macs == sum(part.macs for part in parts)
    assert longer.waterfall["ideal_s"] == pytest.approx(sum(part.waterfall["ideal_s"] for part in parts))


def test_kernels_of_a_server_between_products_are_counted_by_hand():
    own = decoders()["llama3_8b"]
    activated = 2 * 14336 * (2 + 2)  # both results written and read; in place of one that only the next product reads
    turned = 3.5 * 128 * (32 + 2 * 8)
    assert Served(own, 2.0, 2.0).pass_bytes(5, 0).every == 32 * 5 * activated
    assert Served(own, 2.0, 2.0).pass_bytes(5, 3).every == pytest.approx(32 * (5 * activated + 3 * turned))
    held = Served(own, 2.0, 2.0, cached_bytes=2 * 14336 * 2 * 5).pass_bytes(5, 5)
    assert held.missed == 0.0
    assert Served(own, 2.0, 2.0, cached_bytes=14336 * 2 * 5).pass_bytes(5, 5).missed == pytest.approx(
        32 * 5 * activated / 2
    )
    assert (Served(own, 2.0, 2.0).kernels(True), Served(own, 2.0, 2.0).kernels(False)) == (2, 1)
    experts = decoders()["qwen3_30b_a3b"]
    wide, rows = 2 * 8 * 768 * 4, 8 * 2048 * (1 + 1 + 2 + 2)
    assert Served(experts, 2.0, 1.0).pass_bytes(1, 0).every == experts.layers * (wide + rows)
    plain = replace(own, activation="gelu_mlp")
    assert Served(plain, 2.0, 2.0).pass_bytes(5, 0).every == Served(plain, 2.0, 2.0).kernels(False) == 0


def test_a_pass_of_a_server_takes_longer_by_its_kernels_alone_or_among_many_contexts():
    asked = asked_of("llama3_2_1b", H100, (64, 40, 300), "fp16", {"layers": 2}, known_runtimes()["vllm-0.11"])
    plain = replace(asked, runtime=known_runtimes()["compiled"])
    moved = Served(asked.decoder, 2.0, 2.0, 25 * 2**20).pass_bytes(300, 0)
    more_s = moved.missed / H100.outer_bytes_per_s + (moved.every - moved.missed) / cache_bytes_per_s(H100) + 2 * 4e-6
    assert asked.run("decode", 1, 80).latency_s == pytest.approx(plain.run("decode", 1, 80).latency_s + more_s)
    contexts = [70, 75, 80, 90, 100]
    for one in (asked, replace(asked, runtime=known_runtimes()["llamacpp-2025-11"])):
        told = spent_behind(one, contexts)
        assert set(told) == set(contexts)
        for context in contexts:
            assert told[context] == pytest.approx(one.token(context), rel=1e-9)
    first = asked.run("prefill", 64, 0)
    assert sum(first.waterfall.values()) == pytest.approx(first.latency_s)
    experts = asked_of("qwen3_30b_a3b", H100, (64, 2, 2), "fp8", {"layers": 1}, known_runtimes()["trtllm-1.0"])
    few = replace(experts, runtime=known_runtimes()["compiled"])
    assert experts.run("decode", 1, 64).latency_s > few.run("decode", 1, 64).latency_s + 33e-6
    gaudi = asked_of(
        "llama3_2_1b", load_chip("gaudi2"), (64, 2, 1), "bf16", {"layers": 1}, known_runtimes()["vllm-0.11"]
    )
    assert gaudi.more_behind(64) == (0.0, 0.0)


def test_products_of_blocks_end_on_the_lanes():
    chip, runtime = load_chip("gb10"), known_runtimes()["llamacpp-2025-11"]
    blocks = runtime.on_blocks(chip, 1.0625)
    # 32 MACs of an output: 1,024 a cycle; a conversion, 16 a cycle; two operations on 128 lanes; all at 0.7. Before, 128 rows of
    # weights and of inputs come over 0.75 of 64 bytes a cycle for 128 x 128 outputs; twice 300 cycles for 256 MACs of each.
    fetched, outputs = 128 * (32 * 1.0625 + 36), 128 * 128
    cycles = (32 / 1024 + 1 / 16 + 2 / 128) / 0.7 + (fetched / 48 + 600 * 32 / 256) / outputs
    assert blocks.array.rate["int8*fp16"] * 512 == pytest.approx(32 / cycles / 0.9)
    assert blocks.peak_tops("q8_0") == blocks.peak_tops("q4_0") < chip.peak_tops("q8_0")
    assert blocks.peak_tops("fp16") == chip.peak_tops("fp16")
    assert runtime.on_blocks(chip, 2.0) is chip
    assert known_runtimes()["llamacpp-2024-05"].on_blocks(chip, 1.0625) is chip
    assert runtime.on_blocks(load_chip("arc_b580"), 1.0625).name  # any GPU
    asked = asked_of("llama3_2_1b", chip, (64, 2, 1), "q8_0", {"layers": 1}, runtime)
    plain = replace(asked, runtime=replace(runtime, alone=""))
    assert asked.chip is plain.chip
    assert asked.run("prefill", 64, 0).waterfall["ideal_s"] > 1.5 * plain.run("prefill", 64, 0).waterfall["ideal_s"]


def test_sums_of_16_bits_are_faster_on_the_cards_that_say_so():
    runtime = known_runtimes()["llamacpp-2024-05"]
    for name, times in (("rtx4090", 2.0), ("rtx6000ada", 1.0), ("h100", 1.0), ("gaudi2", 1.0)):
        chip = load_chip(name)
        assert runtime.on(chip).peak_tops("fp16" if "fp16" in chip.array.rate else "bf16") == pytest.approx(
            times * chip.peak_tops("fp16" if "fp16" in chip.array.rate else "bf16")
        )


def test_weights_of_16_bits_that_meet_one_vector_are_read_at_a_pace_of_each_multiprocessor():
    """Six bytes a cycle: an H100 then reads slower than its memory gives; a small card does not notice, nor do two sequences."""

    def token_s(chip, runtime, batch=1, precision="fp16"):
        asked = asked_of("llama2_7b", chip, (64, 2, batch), precision, {"layers": 1, "vocabulary": 512}, runtime)
        found = asked.run("decode", 1, 64)
        return found.latency_s, found.dram_bytes

    old = runtime_of("llamacpp-2024-05", H100)
    free = replace(old, name="free", vector_bytes=None)
    slow, moved = token_s(H100, old)
    fast, _ = token_s(H100, free)
    assert slow > moved / (6.0 * 132 * H100.clock_hz) > fast
    assert token_s(H100, old, 2) == token_s(H100, free, 2)
    assert token_s(H100, old, precision="w4a16") == token_s(H100, free, precision="w4a16")
    small = load_chip("rtx4000ada")
    assert token_s(small, old) == token_s(small, free)


def test_rows_of_a_prompt_that_go_alone_take_a_conversion_a_weight():
    chip, runtime = load_chip("rtx4090"), known_runtimes()["autoawq-gemv"]
    shapes = {"layers": 2, "vocabulary": 512}
    asked = asked_of("llama2_7b", chip, (512, 2, 1), "awq", shapes, runtime)
    plain = replace(asked, runtime=replace(runtime, row_by_row=False))
    found = asked.run("prefill", 512, 0)
    converted_s = (
        512 * 2 * (4 * 4096**2 + 3 * 4096 * 11008) / (16 * 128 * 2.52e9)
    )  # rows, weights of two layers; a cycle of 128
    assert converted_s < found.latency_s < 1.1 * converted_s + plain.run("prefill", 512, 0).latency_s
    assert plain.run("prefill", 512, 0).latency_s < 0.2 * found.latency_s
    assert asked.run("decode", 1, 512) == plain.run("decode", 1, 512)
    assert runtime.on_rows(chip, 2.0) is known_runtimes()["autoawq-gemm"].on_rows(chip, 0.5) is chip


def test_rows_of_several_sequences_come_one_behind_the_other():
    """Each but the first reads products from the cache, what that does not hold from the memory, or turns them into floats."""
    chip, runtime = load_chip("rtx4090"), known_runtimes()["autoawq-gemv"]
    asked = asked_of("mistral_7b", chip, (64, 4, 8), "awq", {"layers": 2, "vocabulary": 512}, runtime)
    plain = replace(asked, runtime=replace(runtime, row_by_row=False))
    found, without = asked.run("decode", 1, 64), plain.run("decode", 1, 64)
    own = Passing(asked.decoder, asked.formats.weights.width, cached_bytes=asked._cached_bytes)
    assert own.products(0) == (4096 * 6144, 4096**2, *(4096 * 14336,) * 3)
    assert own.weight * 4096 * 14336 < asked._cached_bytes  # all are held, and conversions take longer than the cache
    converted_s = 7 * 2 * (4096 * (6144 + 4096) + 3 * 4096 * 14336) / (16 * 128 * chip.clock_hz)
    assert found.latency_s - without.latency_s == pytest.approx(converted_s)
    assert found.dram_bytes == without.dram_bytes
    bare = rows_in_turn(without, chip, replace(own, cached_bytes=0.0), 3)
    again = 2 * 2 * own.weight * sum(own.products(0))
    assert bare.dram_bytes == pytest.approx(without.dram_bytes + again)
    # The memory is slower than the lanes.
    assert bare.latency_s - without.latency_s == pytest.approx(again / chip.outer_bytes_per_s)
    assert rows_in_turn(without, chip, replace(own, weight=2.0), 8) is rows_in_turn(without, chip, own, 1) is without
    more_s, _ = asked.more_behind(64)
    assert more_s == pytest.approx(converted_s)  # tokens behind many contexts take it too


def test_products_of_few_rows_a_block_widen_each_weight_for_these_rows():
    chip, runtime = load_chip("rtx4090"), known_runtimes()["autoawq-gemm"]
    # 256 MACs a cycle with sums of 32 bits; 17 operations for 8 weights on 128 lanes, for 16 rows; all at 0.7, not 0.9.
    rate = runtime.on_tiles(chip, 0.5).array.rate["int4*fp16"]
    assert rate * 512 == pytest.approx(1 / (1 / 256 + 17 / 8 / (16 * 128)) * 0.7 / 0.9)
    assert runtime.on_tiles(chip, 2.0) is chip
    assert known_runtimes()["autoawq-gemv"].on_tiles(chip, 0.5) is chip
    gaudi = load_chip("gaudi2")
    assert runtime.on_tiles(gaudi, 0.5) is gaudi


def test_sums_of_split_products_and_scores_pass_between_kernels_of_prompts():
    # Llama 3 8B: queries, keys and values; what the heads give; gate, up and down. Eight sums of 16 bits written, then read.
    own = decoders()["llama3_8b"]
    outputs = 4096 + 2 * 1024 + 4096 + 2 * 14336 + 4096
    split = Passing(own, 0.5, splits=8)
    assert split.pass_bytes(2, 100, 0) == (32 * 200 * outputs * 8 * 2 * 2,) * 2  # no cache: all of it is missed
    assert Passing(own, 2.0, splits=8).pass_bytes(2, 100, 0) == (0.0, 0.0)  # weights of 16 bits have other kernels
    held = Passing(own, 0.5, splits=8, cached_bytes=8 * 2 * 200 * 14336.0).pass_bytes(2, 100, 0)
    assert held == (split.pass_bytes(2, 100, 0).every, 0.0)
    scores = Passing(own, 0.5, score_bytes=32).pass_bytes(2, 100, 50)  # of all tokens, whatever comes behind them
    assert scores.every == 32 * 32 * 32 * 2 * 100 * 150
    experts = decoders()["qwen3_30b_a3b"]
    assert Passing(experts, 0.5).outputs(0) == (128 * (32 + 2 * 4), 2048, 8 * 768, 8 * 768, 8 * 2048)


def test_prompts_in_tiles_take_the_time_of_what_passes_between_their_kernels():
    def run(phase, **changes):
        runtime = replace(known_runtimes()["autoawq-gemm"], **changes)
        asked = asked_of("llama3_2_1b", load_chip("rtx4090"), (300, 2, 2), "awq", {"layers": 2}, runtime)
        return asked, asked.run(phase, *((300, 0) if phase == "prefill" else (1, 300)))

    asked, whole = run("prefill")
    apart = run("prefill", splits=1, score_bytes=0)[1]
    moved = Passing(asked.decoder, 0.5, 8, 32, asked._cached_bytes).pass_bytes(2, 300, 0)
    held_s = (moved.every - moved.missed) / cache_bytes_per_s(asked.chip)
    assert whole.latency_s == pytest.approx(apart.latency_s + moved.missed / asked.chip.outer_bytes_per_s + held_s)
    assert apart.latency_s > run("prefill", splits=1, score_bytes=0, tile_rows=0)[1].latency_s
    plain = {"splits": 1, "score_bytes": 0, "tile_rows": 0}
    assert run("decode")[1].latency_s == run("decode", **plain)[1].latency_s
