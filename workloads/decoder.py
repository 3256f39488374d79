"""Decoders: language models that read a prompt (`phase` "prefill") or write one token after another ("decode").

One builder for all families, from the descriptions of `simulator/data/language_models.yaml`. What is counted and what not:

- Attention goes by groups of heads that share keys and values, so that a cache is read once. A query sees what lies before it:
  rows of a prompt are taken with the mean of their lengths, in at most two parts, so that products are exact; a window cuts it.
- Keys and values are written to the cache; where there is a context they are read from it, else they are at hand.
- Experts run on their share of the tokens, as many of them as even routing meets (`Decoder.experts_met`). Tokens are gathered
  for them by one piece of vector work and added up by another.
- The head reads the last token, or the last `words`; of its words one is taken (a maximum over the vocabulary), so none of them
  goes to the host.
- A pass may have pieces of prompts beside the sequences (`chunk`): all but attention is done for both at once.
- Turning by position (rotary embedding) and scaling are done on the way and cost nothing; biases are not counted.
- `sequences` are held by one item and share their experts: a batch of experts is one item, that of other models may be either.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_origin

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.graph.language import ACTIVATIONS, PHASES, Decoder, aliases, decoders
from simulator.reading.sizes import NONE, Count

from ._attention import Pass, attend
from ._latent import attend_latent

PROMPT = 512
"""Tokens of a prompt unless given."""


@dataclass(frozen=True)
class Asked:
    """What a pass is to do."""

    phase: str = "prefill"
    """Or "decode"."""
    prompt: Count = NONE
    """New tokens of a sequence; 0: one in decode, else PROMPT."""
    context: Count = NONE
    """Tokens in the cache already."""
    sequences: int = 1
    words: int = 1
    """Last tokens of a sequence of which each gives a word."""
    chunk: Count = NONE
    """New tokens of each of `chunks` more sequences, pieces of prompts behind `chunk_context` tokens, that share the pass."""
    chunks: int = 1
    chunk_context: Count = NONE

    def passes(self, name: str) -> list[Pass]:
        """That of the sequences, and that of the pieces of prompts beside them. Raises NetworkError."""
        if self.phase not in PHASES:
            raise NetworkError(f"{name}: phase: must be 'prefill' or 'decode', got {self.phase!r}")
        step = Pass(self.prompt or (1 if self.phase == "decode" else PROMPT), self.context, self.sequences)
        if not 1 <= self.words <= step.prompt:
            raise NetworkError(
                f"{name}: words: must be 1 to {step.prompt:,}, the new tokens of a sequence, got {self.words}"
            )
        return [step, Pass(self.chunk, self.chunk_context, self.chunks, name="chunk_")] if self.chunk else [step]


def build(name: str, asked: Asked, decoder: Decoder) -> Graph:
    """Build one pass of a decoder."""
    decoder.check(name)
    steps = asked.passes(name)
    net = NetworkBuilder(name)
    tokens = net.input(1, sum(one.tokens for one in steps), name="tokens")
    x = net.embedding(tokens, decoder.hidden, "words", table_rows=0 if decoder.tied else decoder.vocabulary)
    for layer in range(decoder.layers):
        x = _layer(net, x, decoder, layer, steps)
    given = asked.sequences * asked.words + (asked.chunks if asked.chunk else 0)
    last = net.vector("layer_norm", Output(x.name, decoder.hidden, given), name="norm")
    logits = net.dense(last, decoder.vocabulary, bias=False, name="head", role="head")
    net.global_pool(Output(logits.name, given, decoder.vocabulary), name="word")
    graph = net.build()
    seen = [step.context + step.prompt for step in steps]
    if note := decoder.beyond(max(seen)):
        graph.graph["notes"] = (note,)
    return graph


def _layer(net: NetworkBuilder, x: Output, decoder: Decoder, layer: int, steps: list[Pass]) -> Output:
    """Attention and feed-forward, one behind the other or side by side."""
    name = f"layer{layer + 1}"
    normal = net.vector("layer_norm", x, name=f"{name}_norm1")
    attention = (attend_latent if decoder.latent else attend)(net, normal, decoder, layer, steps)
    if decoder.parallel:
        return net.add(attention, _feed_forward(net, normal, decoder, layer), x, name=f"{name}_add")
    x = net.add(attention, x, name=f"{name}_add1")
    normal = net.vector("layer_norm", x, name=f"{name}_norm2")
    return net.add(_feed_forward(net, normal, decoder, layer), x, name=f"{name}_add2")


def _feed_forward(net: NetworkBuilder, x: Output, decoder: Decoder, layer: int) -> Output:
    """A plain feed-forward, or experts."""
    name = f"layer{layer + 1}"
    if not decoder.has_experts(layer):
        return _dense(net, x, decoder, decoder.ffn, f"{name}_ffn")
    total = _experts(net, x, decoder, layer)
    if not decoder.shared_ffn:
        return total
    return net.add(total, _dense(net, x, decoder, decoder.shared_ffn, f"{name}_shared"), name=f"{name}_experts_add")


def _dense(net: NetworkBuilder, x: Output, decoder: Decoder, width: int, name: str) -> Output:
    """Up, the activation or the gate, and down."""
    activation, gated = ACTIVATIONS[decoder.activation]
    if gated:
        gate = net.dense(x, width, bias=False, activation=activation, name=f"{name}_gate")
        up = net.dense(x, width, bias=False, name=f"{name}_up")
        wide = net.vector("mul", gate, up, name=f"{name}_mul")
    else:
        wide = net.dense(x, width, bias=False, activation=activation, name=f"{name}_up")
    return net.dense(wide, decoder.hidden, bias=False, name=f"{name}_down")


def _experts(net: NetworkBuilder, x: Output, decoder: Decoder, layer: int) -> Output:
    """Experts on their shares of the rows, in at most two sizes that differ by a row, and the sum of what they give a token."""
    name, hidden, tokens = f"layer{layer + 1}", decoder.hidden, x.height
    scores = net.dense(x, decoder.experts, bias=False, name=f"{name}_router")
    net.vector("softmax", scores, name=f"{name}_routing")
    rows = tokens * decoder.active
    met = decoder.experts_met(layer, tokens)
    gathered = net.resize(x, (decoder.active, 1), name=f"{name}_gather") if decoder.active > 1 else x
    each, more = divmod(rows, met)
    sizes = [(count, height) for count, height in ((more, each + 1), (met - more, each)) if count]
    found = []
    for number, (count, height) in enumerate(sizes, 1):
        given = _expert(net, Output(gathered.name, count * hidden, height), decoder, count, f"{name}_experts{number}")
        found.append(Output(given.name, count * height, hidden))
    joined = found[0] if len(found) == 1 else net.concat(*found, name=f"{name}_experts")
    if decoder.active == 1:
        return Output(joined.name, hidden, tokens)
    return net.pool(Output(joined.name, hidden, rows), (decoder.active, 1), name=f"{name}_experts_sum")


def _expert(net: NetworkBuilder, x: Output, decoder: Decoder, count: int, name: str) -> Output:
    """`count` experts side by side, each on rows and weights of its own: convolutions of one pixel in so many groups."""
    activation, gated = ACTIVATIONS[decoder.activation]
    width = count * decoder.expert_ffn
    if gated:
        gate = net.conv(x, width, 1, groups=count, activation=activation, name=f"{name}_gate")
        wide = net.vector("mul", gate, net.conv(x, width, 1, groups=count, name=f"{name}_up"), name=f"{name}_mul")
    else:
        wide = net.conv(x, width, 1, groups=count, activation=activation, name=f"{name}_up")
    return net.conv(wide, count * decoder.hidden, 1, groups=count, name=f"{name}_down")


def _builder(name: str, decoder: Decoder) -> Callable[..., Graph]:
    """The builder of one bundled model: its shapes are the defaults of the parameters."""

    own = inspect.signature(Asked).parameters

    def build_named(**given: Any) -> Graph:
        asked = Asked(**{key: value for key, value in given.items() if key in own})
        return build(name, asked, Decoder(**{key: value for key, value in given.items() if key not in own}))

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own.values()]
    for field in fields(Decoder):
        value = getattr(decoder, field.name)
        kind: Any = Count if field.default == 0 and type(value) is int else type(value)  # what other models have not
        if get_origin(field.type) is Annotated:  # it has a range
            kind = field.type
        parameters.append(inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=kind))
    build_named.__name__ = f"build_{name}"
    build_named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return build_named


NETWORKS = {name: _builder(name, decoder) for name, decoder in decoders().items()}

ALIASES = dict(aliases())
