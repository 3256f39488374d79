"""Configurations of language models, as they are published, have the parameters that their cards state."""

import json

import pytest

from simulator.graph.load import load_network, summary
from simulator.graph.readers.hugging import decoder_of

NAMES = {
    "h": "hidden_size", "l": "num_hidden_layers", "a": "num_attention_heads", "k": "num_key_value_heads", "d": "head_dim",
    "f": "intermediate_size", "v": "vocab_size", "tie": "tie_word_embeddings", "e": "num_experts_per_tok",
}  # fmt: skip
LATENT = {
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "first_k_dense_replace": 1,
    "tie": False,
}  # fmt: skip
PUBLISHED = [
    # model_type, thousands of millions of parameters, configuration
    ("phi", 2.78, {"h": 2560, "l": 32, "a": 32, "f": 10240, "v": 51200, "tie": False}),
    ("phi3", 3.82, {"h": 3072, "l": 32, "a": 32, "f": 8192, "v": 32064, "tie": False}),
    ("mistral", 12.25, {"h": 5120, "l": 40, "a": 32, "k": 8, "d": 128, "f": 14336, "v": 131072, "tie": False}),
    (
        "mixtral",
        46.7,
        {"h": 4096, "l": 32, "a": 32, "k": 8, "f": 14336, "v": 32000, "tie": False, "num_local_experts": 8, "e": 2},
    ),
    ("gemma2", 2.614, {"h": 2304, "l": 26, "a": 8, "k": 4, "d": 256, "f": 9216, "v": 256000, "sliding_window": 4096}),
    ("qwen2", 7.616, {"h": 3584, "l": 28, "a": 28, "k": 4, "f": 18944, "v": 152064, "tie": False}),
    ("qwen3", 0.596, {"h": 1024, "l": 28, "a": 16, "k": 8, "d": 128, "f": 3072, "v": 151936, "tie": True}),
    (
        "qwen3_moe",
        30.53,
        {"h": 2048, "l": 48, "a": 32, "k": 4, "d": 128, "f": 6144, "moe_intermediate_size": 768, "num_experts": 128, "e": 8}
        | {"v": 151936, "tie": False},
    ),
    (
        "deepseek_v2",
        15.7,
        {"h": 2048, "l": 27, "a": 16, "f": 10944, "moe_intermediate_size": 1408, "n_routed_experts": 64, "n_shared_experts": 2}
        | {"e": 6, "q_lora_rank": None, "v": 102400, **LATENT},
    ),
    (
        "deepseek_v3",
        671.0,
        {"h": 7168, "l": 61, "a": 128, "f": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1}
        | {"e": 8, "q_lora_rank": 1536, "v": 129280, **LATENT, "first_k_dense_replace": 3},
    ),
    (
        "gpt_oss",
        20.91,
        {"h": 2880, "l": 24, "a": 64, "k": 8, "d": 64, "f": 2880, "num_local_experts": 32, "e": 4, "v": 201088}
        | {"sliding_window": 128, "tie": False, "quantization_config": {"quant_method": "mxfp4"}},
    ),
]  # fmt: skip


def written(short):
    return {NAMES.get(name, name): value for name, value in short.items()}


@pytest.mark.parametrize(("kind", "billions", "short"), PUBLISHED, ids=[each[0] for each in PUBLISHED])
def test_parameters_are_those_of_the_card(tmp_path, kind, billions, short):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, **written(short)}))
    assert summary(load_network(tmp_path))["parameters"] == pytest.approx(billions * 1e9, rel=0.01)


def test_every_other_layer_of_gpt_oss_sees_a_window():
    decoder = decoder_of(written(PUBLISHED[-1][2]), "gpt_oss", "config.json")
    assert (decoder.window, decoder.global_every) == (128, 2)
