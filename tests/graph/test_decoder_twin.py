"""Every family of attention against a walk of every token: products, and what the cache keeps."""

import pytest
from naive_decoder import Walk

from simulator.formats import formats_of
from simulator.graph.language import Decoder, decoders
from simulator.graph.load import load_network, summary

TINY = {"hidden": 24, "layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 6, "ffn": 40, "vocabulary": 50}
LATENT = {**TINY, "kv_heads": 4, "latent": 10, "rope_dim": 2, "value_dim": 5}
FAMILIES = {
    "grouped": TINY,
    "every head": {**TINY, "kv_heads": 4, "activation": "gelu_mlp"},
    "one for all": {**TINY, "kv_heads": 1, "parallel": True},
    "window": {**TINY, "window": 5},
    "alternating": {**TINY, "window": 4, "global_every": 3},
    "compressed": {**LATENT, "query_rank": 7},
    "compressed, plain queries": LATENT,
    "experts": {**TINY, "experts": 6, "active": 2, "expert_ffn": 8, "shared_ffn": 9, "dense_first": 1},
}


def macs(shapes, **given):
    return summary(load_network("llama3_8b", **shapes, **given))["macs"]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_token_of_an_answer(family):
    shapes = FAMILIES[family]
    decoder = Decoder(**{**vars(decoders()["llama3_8b"]), **shapes})
    walk = Walk(decoder)
    for context in range(12):
        assert macs(shapes, phase="decode", context=context) == walk.token(absorbed=context > 0)
        assert walk.cache_values() == decoder.cache_values(context + 1)
    assert decoder.cache_bytes(12, formats_of("fp16", ())) == 2 * walk.cache_values()


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("prompt", [1, 6, 11])
def test_a_prompt_is_its_tokens(family, prompt):
    shapes = FAMILIES[family]
    walk = Walk(Decoder(**{**vars(decoders()["llama3_8b"]), **shapes}))
    tokens = [walk.token(absorbed=False, last=number == prompt - 1) for number in range(prompt)]
    assert macs(shapes, prompt=prompt) == sum(tokens)
    behind = Walk(walk.decoder)
    for _ in range(4):
        behind.token(absorbed=False)
    pieces = [behind.token(absorbed=True, last=number == prompt - 1) for number in range(prompt)]
    assert macs(shapes, prompt=prompt, context=4) == sum(pieces)  # a chunk of a prompt
