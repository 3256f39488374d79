"""Attention of a decoder: which rows see how many, the cache, and the products."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.graph.build import NetworkBuilder, Output
from simulator.graph.check import LARGEST_EXTENT
from simulator.graph.language import Decoder


@dataclass(frozen=True)
class Pass:
    """New tokens and cached tokens of each of so many sequences."""

    prompt: int
    context: int
    sequences: int
    name: str = ""
    """In the names of layers; of one alone empty."""

    @property
    def tokens(self) -> int:
        """New tokens of all sequences."""
        return self.sequences * self.prompt

    def parts(self, window: int) -> list[tuple[int, int]]:
        """(rows, keys) whose products are those of all rows, each with what lies before it, itself, and no more than a window.

        Row i sees context + i keys. Of an odd number of rows the mean is a whole number; an even one is two odd ones.
        """
        growing = self.prompt if not window else min(self.prompt, max(0, window - self.context))
        half = growing // 2
        first = half if half % 2 else half - 1
        split = [growing] if growing % 2 else [first, growing - first]
        found, before = [], self.context
        for rows in split if growing else []:
            found.append((rows, before + (rows + 1) // 2))
            before += rows
        return found + ([(self.prompt - growing, window)] if growing < self.prompt else [])

    def rows_at_hand(self, window: int) -> int:
        """Rows of the cache that the new tokens see or are."""
        return (min(self.context, window - 1) if window else self.context) + self.prompt


def attend(net: NetworkBuilder, x: Output, decoder: Decoder, layer: int, steps: Sequence[Pass]) -> Output:
    """Queries against the keys of their group, and the projection of what they find. steps: which share the rows of `x`."""
    name, shared = f"layer{layer + 1}", decoder.kv_heads * decoder.head_dim
    query = net.dense(x, decoder.heads * decoder.head_dim, bias=False, name=f"{name}_query")
    key = net.dense(x, shared, bias=False, name=f"{name}_key")
    value = net.dense(x, shared, bias=False, name=f"{name}_value")
    if decoder.qk_norm:
        query = net.vector("layer_norm", query, name=f"{name}_query_norm")
        key = net.vector("layer_norm", key, name=f"{name}_key_norm")
    found = [one for step in steps for one in _found(net, (query, key, value), decoder, layer, step)]
    return gathered(net, found, decoder.heads * decoder.head_dim, decoder.hidden, name, steps)


def _found(
    net: NetworkBuilder, given: tuple[Output, Output, Output], decoder: Decoder, layer: int, step: Pass
) -> list[Output]:
    """What the queries of a pass find."""
    query, key, value = given
    window = decoder.window_of(layer)
    keys, values = (cached(net, each, step, window) for each in (key, value))
    groups, queries = step.sequences * decoder.kv_heads, decoder.heads // decoder.kv_heads
    found = []
    for number, (rows, seen) in enumerate(step.parts(window), 1):
        part = f"layer{layer + 1}_{step.name}attention{number}"
        asked = Output(query.name, groups * decoder.head_dim, rows * queries)
        scores = net.matmul(
            asked, Output(keys.name, keys.channels, seen), heads=groups, transposed=True, name=f"{part}_scores"
        )
        weights = probabilities(net, scores, step.sequences, f"{part}_softmax")
        seen_values = Output(values.name, values.channels, seen)
        one = net.matmul(weights, seen_values, heads=groups, name=f"{part}_values")
        found.append(Output(one.name, step.sequences * rows, decoder.heads * decoder.head_dim))
    return found


def probabilities(net: NetworkBuilder, scores: Output, sequences: int, name: str) -> Output:
    """The softmax of scores, whose sequences lie side by side in the channels; across the width where those would be too many."""
    if scores.channels <= LARGEST_EXTENT:
        return net.vector("softmax", scores, name=name)
    apart = Output(scores.name, scores.channels // sequences, scores.height, sequences)
    return Output(net.vector("softmax", apart, name=name).name, scores.channels, scores.height)


def gathered(
    net: NetworkBuilder, found: list[Output], width: int, hidden: int, name: str, steps: Sequence[Pass]
) -> Output:
    """The projection of what all queries found, `width` numbers each."""
    joined = found[0] if len(found) == 1 else net.concat(*found, name=f"{name}_attention")
    joined = Output(joined.name, width, sum(step.tokens for step in steps))
    return net.dense(joined, hidden, bias=False, name=f"{name}_projection")


def cached(net: NetworkBuilder, new: Output, step: Pass, window: int) -> Output:
    """Write new rows to the cache, and return what holds all rows that are seen: the cache, or the new rows where it is empty.

    The sequences lie side by side in the channels, as heads do.
    """
    channels = step.sequences * new.channels
    if not step.context:
        net.output(new, origin="state")
        return Output(new.name, channels, step.prompt)
    cache = net.state(channels, step.rows_at_hand(window), name=f"{new.name}_{step.name}cache")
    net.output(new, origin="state", into=cache)
    return cache
