"""Decoders: published sizes, exact products, caches, windows, experts, and names."""

import itertools
from dataclasses import replace

import pytest

from simulator.errors import NetworkError
from simulator.graph.language import Decoder, aliases, chances, decoders
from simulator.graph.load import load_network, network_digest, summary
from simulator.store.data import read_data

ROWS = read_data("language_models.yaml")["models"]
SMALL = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 2, "head_dim": 16, "ffn": 96, "vocabulary": 100}


def layers_of(name, **params):
    return {node: data["layer"] for node, data in load_network(name, **params).nodes(data=True)}


def products(layers):
    """MACs of attention."""
    return sum(layer.macs for layer in layers.values() if layer.kind == "matmul")


@pytest.mark.parametrize("name", sorted(decoders()))
def test_parameters_and_cache_are_the_published_ones(name):
    decoder, row = decoders()[name], ROWS[name]
    decoder.check(name)
    assert decoder.parameters / 1e9 == pytest.approx(row["published_b"], rel=0.01)
    assert decoder.values_per_row * decoder.layers == row["cache_values"]


@pytest.mark.parametrize("name", ["gpt2", "llama3_2_1b", "qwen2_5_0_5b", "falcon_7b", "minicpm3_4b"])
def test_the_graph_has_the_parameters_of_the_description(name):
    assert summary(load_network(name, layers=2, prompt=2))["parameters"] == decoders_of(name, layers=2).parameters


def decoders_of(name, **changes):
    return Decoder(**{**vars(decoders()[name]), **changes})


def test_products_of_two_models_by_hand():
    # Llama 3 8B, a token behind 1,023: weights that are read, and 1,024 keys and values of 32 heads of 128 in 32 layers.
    weights = 32 * (4096 * 128 * (32 + 2 * 8 + 32) + 3 * 4096 * 14336) + 4096 * 128256
    assert summary(load_network("llama3_8b", phase="decode", context=1023))["macs"] == weights + 2 * 1024 * 4096 * 32
    # GPT-2, a prompt of 100: 12 layers of 12 x 768 x 768, the head once, and pairs of a token and what lies before it.
    weights = 100 * 12 * 12 * 768 * 768 + 768 * 50257
    assert summary(load_network("gpt2", prompt=100))["macs"] == weights + 12 * 2 * 768 * (100 * 101 // 2)


@pytest.mark.parametrize("prompt", [1, 2, 3, 4, 5, 6, 7, 16, 37, 38])
@pytest.mark.parametrize("context", [0, 1, 7, 20])
@pytest.mark.parametrize("window", [0, 1, 5, 8, 30])
def test_causal_products_are_exact(prompt, context, window):
    layers = layers_of("llama3_8b", **SMALL, prompt=prompt, context=context, window=window, sequences=2)
    seen = [min(context + row, window or 10**9) for row in range(1, prompt + 1)]
    assert products(layers) == 2 * 2 * 2 * 4 * 16 * sum(
        seen
    )  # layers, sequences, two products, heads, numbers of a head


def test_a_cache_is_state_of_all_rows_that_are_seen():
    layers = layers_of("llama3_8b", **SMALL, phase="decode", context=20, sequences=3)
    states = [layer for layer in layers.values() if layer.is_state_input]
    assert sum(state.output_elements for state in states) == 3 * decoders_of("llama3_8b", **SMALL).cache_values(21)
    assert {layer.into for layer in layers.values() if layer.origin and layer.into} == {state.name for state in states}
    # Nothing is read from an empty cache, but new rows are written.
    empty = layers_of("llama3_8b", **SMALL, prompt=8)
    assert not any(layer.is_state_input for layer in empty.values())
    assert sum(layer.output_elements for layer in empty.values() if layer.origin) == 8 * 2 * 2 * 2 * 16


def test_windows_cut_the_cache_of_local_layers_only():
    gemma = decoders()["gemma3_1b"]
    assert [gemma.window_of(layer) for layer in range(7)] == [512] * 5 + [0, 512]
    assert gemma.cache_values(1000) == 2 * 256 * (22 * 512 + 4 * 1000)
    layers = layers_of("gemma3_1b", phase="decode", context=999, layers=6)
    assert [layers[f"layer{n}_key_norm_cache"].out_height for n in (1, 6)] == [512, 1000]


def test_experts_meet_what_even_routing_expects():
    mixtral = decoders()["mixtral_8x7b"]
    assert mixtral.experts_met(0, 1) == 2  # as many as work on a token
    for tokens in (2, 3, 8, 100):
        expected = 8 * (1 - 0.75**tokens)
        met = [mixtral.experts_met(layer, tokens) for layer in range(32)]
        assert sum(met) == pytest.approx(32 * expected, abs=0.51)
        assert max(met) - min(met) <= 1


@pytest.mark.parametrize(("experts", "active"), [(8, 2), (128, 8), (32, 4), (3, 3)])
def test_a_skewed_routing_meets_fewer_experts(experts, active):
    even = chances(experts, active, 0.0)
    assert even == pytest.approx([active / experts] * experts)
    for skew in (0.3, 0.9, 2.0, 8.0):
        found = chances(experts, active, skew)
        assert sum(found) == pytest.approx(active)
        assert all(0.0 <= after <= before <= 1.0 for before, after in itertools.pairwise(found))
        free = [chance for chance in found if 0.0 < chance < 1.0]
        first = experts - len(free) + 1
        for rank, chance in enumerate(free, first):  # in proportion, behind those that always work
            assert chance == pytest.approx(free[0] * (rank / first) ** -skew)
    own = replace(decoders()["mixtral_8x7b"], experts=experts, active=active)
    for tokens in (1, 2, 5, 40):
        met = [
            sum(replace(own, skew=skew).experts_met(layer, tokens) for layer in range(32)) for skew in (0, 0.5, 1, 3)
        ]
        assert met == sorted(met, reverse=True)


@pytest.mark.parametrize("skew", [-0.1, 9])
def test_a_skew_has_limits(skew):
    with pytest.raises(NetworkError, match=r"mixtral_8x7b: skew: must be a number from 0 to 8, got"):
        load_network("mixtral_8x7b", phase="decode", layers=1, skew=skew)


@pytest.mark.parametrize(("sequences", "prompt"), [(1, 1), (3, 1), (16, 1), (2, 7)])
def test_products_of_experts_are_exact(sequences, prompt):
    shapes = {**SMALL, "experts": 8, "active": 3, "expert_ffn": 32, "shared_ffn": 48, "dense_first": 1}
    layers = layers_of("mixtral_8x7b", **shapes, sequences=sequences, prompt=prompt)
    tokens = sequences * prompt
    experts = [layer for layer in layers.values() if layer.kind == "conv"]
    assert sum(layer.macs for layer in experts) == tokens * 3 * 3 * 64 * 32
    met = Decoder(**{**vars(decoders()["mixtral_8x7b"]), **shapes}).experts_met(1, tokens)
    assert sum(layer.parameters for layer in experts) == met * 3 * 64 * 32


def test_latents_are_expanded_of_a_prompt_and_absorbed_into_the_queries_behind_a_context():
    shapes = {
        **SMALL, "kv_heads": 4, "head_dim": 24, "latent": 32, "query_rank": 20, "rope_dim": 8, "value_dim": 16,
        "experts": 0,
        "active": 0,
    }  # fmt: skip
    prompt = layers_of("deepseek_v3", **shapes, prompt=5)
    assert products(prompt) == 2 * 4 * 15 * (24 + 16)
    step = layers_of("deepseek_v3", **shapes, phase="decode", context=9)
    assert products(step) == 2 * 4 * 10 * (32 + 8 + 32)
    caches = [layer for layer in step.values() if layer.is_state_input]
    assert [layer.output_elements for layer in caches] == [10 * 40] * 2
    weights = [sum(layer.parameters for layer in found.values()) for found in (prompt, step)]
    assert weights[0] == weights[1] == decoders_of("deepseek_v3", **shapes).parameters


def test_ids_of_hugging_face_are_names():
    assert set(aliases().values()) <= set(decoders())
    want = network_digest(load_network("llama3_1_8b", layers=1, prompt=3))
    for name in ("meta-llama/Llama-3.1-8B", "meta-llama/llama-3.1-8b", "Llama-3.1-8B"):
        assert network_digest(load_network(name, layers=1, prompt=3)) == want


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"phase": "train"}, "phase: must be 'prefill' or 'decode', got 'train'"),
        ({"prompt": -1}, "prompt: must be a whole number of at least 0, got -1"),
        ({"context": -1}, "context: must be a whole number of at least 0, got -1"),
        ({"activation": "swigl"}, "did you mean 'swiglu'?"),
        ({"kv_heads": 3}, "kv_heads: must divide the 32 heads, got 3"),
        ({"experts": 4, "active": 5, "expert_ffn": 8}, "active: must be 1 to 4, as many experts as there are, got 5"),
        ({"experts": 4, "active": 2}, "expert_ffn: must be at least 1 where there are experts, got 0"),
        ({"latent": 8}, "rope_dim: must be below head_dim"),
        ({"window": -1}, "window: must be a whole number of at least 0, got -1"),
    ],
)
def test_faults_are_one_line(params, words):
    with pytest.raises(NetworkError) as caught:
        load_network("llama3_8b", **params)
    assert words in str(caught.value)
    assert str(caught.value).startswith("llama3_8b: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["gpt_oss_20b", "deepseek_v2_lite"])
def test_many_sequences_that_share_experts_have_scores_beside_each_other(model):
    """Side by side in the channels they would be more than a layer may have."""
    few, many = (layers_of(model, layers=2, phase="decode", context=4999, sequences=count) for count in (1, 4096))
    scores = [name for name, layer in few.items() if layer.kind == "softmax" and "attention" in name]
    assert scores
    for name in scores:
        assert many[name].output_elements == 4096 * few[name].output_elements
        assert many[name].vector_operations == 4096 * few[name].vector_operations
