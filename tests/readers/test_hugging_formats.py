"""`quantization_config` of a configuration: the number formats of a run."""

import json

import pytest

from simulator import generate, load_chip, load_network, simulate
from simulator.graph.load import network_digest
from simulator.graph.readers.hugging_formats import roles_of

SMALL = {
    "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 2, "num_attention_heads": 9, "num_key_value_heads": 3,
    "intermediate_size": 1536, "vocab_size": 49152,
}  # fmt: skip
WEIGHTS = {"num_bits": 4, "type": "int", "group_size": 128, "strategy": "group"}
EIGHT = {"num_bits": 8, "type": "int"}
SCHEMES = [
    # quantization_config: weights, activations, cache, head
    ({"quant_method": "gptq", "bits": 4, "group_size": 128}, ("gptq", "16", "16", "16")),
    ({"quant_method": "gptq", "bits": 8, "group_size": 128}, ("int8_g128", "16", "16", "16")),
    ({"quant_method": "gptq", "bits": 3, "group_size": 128}, ("3", "16", "16", "16")),
    ({"quant_method": "awq", "bits": 4, "group_size": 64}, ("int4_g64", "16", "16", "16")),
    ({"load_in_8bit": True}, ("int8", "16", "16", "16")),
    ({"load_in_4bit": True, "bnb_4bit_use_double_quant": True}, ("nf4_double", "16", "16", "16")),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, ("fp8", "fp8", "16", "16")),
    ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": WEIGHTS}}, "ignore": ["lm_head"]},
     ("int4_g128", "16", "16", "16")),
    ({"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8, "type": "float"}, "ignore": [], "config_groups": {
        "g": {"weights": EIGHT, "input_activations": EIGHT, "targets": ["lm_head"]}
     }}, ("int8", "int8", "fp8", "int8")),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, ("nvfp4", "nvfp4", "fp8", "16")),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), SCHEMES)
def test_a_scheme_becomes_formats(given, words):
    roles, note = roles_of({"quantization_config": given})
    assert (tuple(roles[role] for role in ("weights", "activations", "cache", "head")), roles["embedding"]) == (
        words,
        "16",
    )
    assert note.startswith(f"the file has weights in {words[0]} (")


@pytest.mark.parametrize("given", [
    {"quant_method": "aqlm"}, {}, {"quant_method": "gptq", "bits": 900},
    {"quant_method": "compressed-tensors", "config_groups": 3},
    {"quant_method": ["gptq"]}, {"quant_method": "quanto", "weights": "int2"},
])  # fmt: skip
def test_an_unknown_scheme_is_ignored_and_told(given):
    roles, note = roles_of({"quantization_config": given})
    assert roles == {}
    assert note.startswith("ignored: quantization_config: the scheme ")
    assert roles_of({"quantization_config": "gptq"})[1].startswith(
        "ignored: quantization_config: must be keys and values"
    )
    assert roles_of({"quantization_config": None}) == ({}, "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("awq")
    (folder / "config.json").write_text(json.dumps({**SMALL, "quantization_config": SCHEMES[0][0]}))
    return folder


def test_a_run_has_them_and_a_word_for_others_wins(folder):
    graph = load_network(folder, phase="decode", context=100)
    assert network_digest(graph) != network_digest(
        load_network("smollm2_135m", phase="decode", context=100, layers=2, tied=False)
    )
    own, said, other = (simulate(graph, load_chip("a100"), precision=word) for word in (None, "gptq", "fp16"))
    assert (own.latency_s, own.dram_bytes) == (said.latency_s, said.dram_bytes)
    assert own.dram_bytes < 0.9 * other.dram_bytes
    assert "the file has weights in gptq (gptq)" in own.notes
    narrow, plain = (simulate(graph, load_chip("edge_tpu"), precision=word) for word in (None, "int8"))
    assert any(note.startswith("the chip has no format that holds fp16") for note in narrow.notes)
    assert narrow.dram_bytes < plain.dram_bytes  # four bits of weights, int8 of the rest


def test_a_request_has_them(folder):
    asked = {"chip": "a100", "prompt": 8, "output": 2}
    own, said = (generate(str(folder), precision=word, **asked) for word in (None, "gptq"))
    assert own.latency_s == said.latency_s
    assert own.formats == said.formats
