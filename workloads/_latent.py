"""Attention over a compressed cache (DeepSeek-AI, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language
Model", 2024): of each token one latent vector for all heads, and a part that turns with its position.

Without a context keys and values are made of the latents of the prompt. With one, the queries are brought into the space of the
latents instead (absorbed weights), which are keys and values of all heads at once.
"""

from collections.abc import Sequence

from simulator.graph.build import NetworkBuilder, Output
from simulator.graph.language import Decoder

from ._attention import Pass, cached, gathered, probabilities


def attend_latent(net: NetworkBuilder, x: Output, decoder: Decoder, layer: int, steps: Sequence[Pass]) -> Output:
    """Queries, the latents, attention in one of its two forms, and the projection."""
    name, heads = f"layer{layer + 1}", decoder.heads
    asked = x
    if decoder.query_rank:
        low = net.dense(x, decoder.query_rank, bias=False, name=f"{name}_query_low")
        asked = net.vector("layer_norm", low, name=f"{name}_query_norm")
    query = net.dense(asked, heads * decoder.head_dim, bias=False, name=f"{name}_query")
    latent = net.dense(x, decoder.latent + decoder.rope_dim, bias=False, name=f"{name}_latent")
    latent = net.vector("layer_norm", latent, name=f"{name}_latent_norm")
    window = decoder.window_of(layer)
    found = []
    for step in steps:
        kept = cached(net, latent, step, window)
        form = _absorbed if step.context else _expanded
        found += form(net, query, kept, decoder, step, f"{name}_{step.name}".rstrip("_"))
    return gathered(net, found, heads * decoder.value_dim, decoder.hidden, name, steps)


def _expanded(
    net: NetworkBuilder, query: Output, kept: Output, decoder: Decoder, step: Pass, name: str
) -> list[Output]:
    """Keys and values of every head from the latents, then attention head by head."""
    plain = decoder.head_dim - decoder.rope_dim
    latents = Output(kept.name, decoder.latent, step.tokens)
    keys = net.dense(latents, decoder.heads * plain, bias=False, name=f"{name}_keys")
    turned = Output(kept.name, decoder.rope_dim, step.tokens)
    spread = net.resize(turned, (decoder.heads, 1), name=f"{name}_keys_turned")  # each head has a copy
    whole = net.concat(
        keys, Output(spread.name, decoder.heads * decoder.rope_dim, step.tokens), name=f"{name}_keys_whole"
    )
    values = net.dense(latents, decoder.heads * decoder.value_dim, bias=False, name=f"{name}_values")
    groups, found = step.sequences * decoder.heads, []
    for number, (rows, seen) in enumerate(step.parts(0), 1):
        part = f"{name}_attention{number}"
        asked = Output(query.name, groups * decoder.head_dim, rows)
        key = Output(whole.name, groups * decoder.head_dim, seen)
        scores = net.matmul(asked, key, heads=groups, transposed=True, name=f"{part}_scores")
        weights = probabilities(net, scores, step.sequences, f"{part}_softmax")
        value = Output(values.name, groups * decoder.value_dim, seen)
        given = net.matmul(weights, value, heads=groups, name=f"{part}_values")
        found.append(Output(given.name, step.sequences * rows, decoder.heads * decoder.value_dim))
    return found


def _absorbed(
    net: NetworkBuilder, query: Output, kept: Output, decoder: Decoder, step: Pass, name: str
) -> list[Output]:
    """Queries into the latents' space, attention of all heads over one cache, and its finds out of that space."""
    heads, plain = decoder.heads, decoder.head_dim - decoder.rope_dim
    own = Output(query.name, heads * plain, step.tokens)
    asked = net.conv(own, heads * decoder.latent, 1, groups=heads, name=f"{name}_absorbed")
    turned = Output(query.name, heads * decoder.rope_dim, step.tokens)
    whole = net.concat(asked, turned, name=f"{name}_query_whole")
    width, found = decoder.latent + decoder.rope_dim, []
    for number, (rows, seen) in enumerate(step.parts(0), 1):
        part = f"{name}_attention{number}"
        one = Output(whole.name, step.sequences * width, rows * heads)
        keys = Output(kept.name, step.sequences * width, seen)
        scores = net.matmul(one, keys, heads=step.sequences, transposed=True, name=f"{part}_scores")
        weights = probabilities(net, scores, step.sequences, f"{part}_softmax")
        values = Output(kept.name, step.sequences * decoder.latent, seen)
        seen_values = net.matmul(weights, values, heads=step.sequences, name=f"{part}_values")
        latents = Output(seen_values.name, heads * decoder.latent, step.sequences * rows)
        out = net.conv(latents, heads * decoder.value_dim, 1, groups=heads, name=f"{part}_out")
        found.append(Output(out.name, step.sequences * rows, heads * decoder.value_dim))
    return found
