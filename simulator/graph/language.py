"""Language models as descriptions: the shapes of a decoder, and what follows from them without a graph."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any

from simulator.errors import NetworkError, nearest
from simulator.formats import Formats
from simulator.reading.sizes import Between
from simulator.store.data import read_data

OWN_EXPERTS = "sequences of one item (parameter `sequences`) meet their own, as in `rooftile generate`"
"""What to ask instead, where the items of a batch would meet experts of their own."""

PHASES = ("prefill", "decode")
"""Passes of a decoder: over a prompt, and for one token after another."""

ACTIVATIONS = {"swiglu": ("silu", True), "geglu": ("gelu", True), "gelu_mlp": ("gelu", False)}
"""Of a feed-forward: the vector work, and whether a gate is multiplied in."""


SKEWS = Between(0.0, 8.0)
"""Beyond it the same few experts do all work."""


@dataclass(frozen=True)
class Decoder:
    """A decoder: layers of attention and feed-forward over `hidden` numbers a token. Sizes in elements.

    Left out everywhere: biases, the scales of normalisations and trained positions, together far below one part in a hundred.
    """

    hidden: int = 4096
    layers: int = 32
    heads: int = 32
    kv_heads: int = 8
    """Heads of keys and values, each shared by heads / kv_heads queries."""
    head_dim: int = 128
    ffn: int = 14336
    activation: str = "swiglu"
    vocabulary: int = 128256
    tied: bool = False
    """The head is the embedding table: stored once."""
    parallel: bool = False
    """Attention and feed-forward read one normalisation, side by side."""
    qk_norm: bool = False
    """Queries and keys are normalised."""
    window: int = 0
    """Rows of the cache that a query sees; 0: all."""
    global_every: int = 0
    """The last of so many layers sees all rows; 0: none does."""
    experts: int = 0
    active: int = 0
    """Experts that work on a token."""
    expert_ffn: int = 0
    shared_ffn: int = 0
    """Width of the experts that work on every token."""
    dense_first: int = 0
    """Layers at the bottom that have a plain feed-forward in place of experts."""
    latent: int = 0
    """Numbers of a compressed cache, from which the keys and values of all heads are made; 0: not compressed."""
    query_rank: int = 0
    """Numbers of compressed queries; 0: not compressed."""
    rope_dim: int = 0
    """Of a compressed cache: the part of `head_dim` that turns with the position, one for all heads."""
    value_dim: int = 0
    """Of a compressed cache: numbers of a head's values."""
    skew: Annotated[float, SKEWS] = 0.0
    """Of routing: the r-th expert is asked for r^-skew times as often as the first; 0: all equally often."""
    longest: int = 0
    """Tokens of the longest context that the model was made for; 0: not known."""

    def check(self, where: str) -> None:
        """Raise NetworkError for what is no decoder."""
        if self.activation not in ACTIVATIONS:
            near = nearest(self.activation, ACTIVATIONS)
            raise NetworkError(f"{where}: activation: must be {', '.join(ACTIVATIONS)}, got {self.activation!r}{near}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in (int, "int") and value < (1 if field.default else 0):
                raise NetworkError(f"{where}: {field.name}: must be at least {int(bool(field.default))}, got {value}")
        if not SKEWS.low <= self.skew <= SKEWS.high:
            raise NetworkError(f"{where}: skew: must be {SKEWS.words}, got {self.skew}")
        if self.heads % self.kv_heads:
            raise NetworkError(f"{where}: kv_heads: must divide the {self.heads} heads, got {self.kv_heads}")
        if self.active and not self.experts:
            raise NetworkError(f"{where}: experts: must be at least 1 where {self.active} work on a token, got 0")
        if self.experts and not 1 <= self.active <= self.experts:
            raise NetworkError(
                f"{where}: active: must be 1 to {self.experts}, as many experts as there are, got {self.active}"
            )
        if self.experts and not self.expert_ffn:
            raise NetworkError(f"{where}: expert_ffn: must be at least 1 where there are experts, got 0")
        if self.latent and not (self.value_dim and 0 < self.rope_dim < self.head_dim):
            raise NetworkError(
                f"{where}: rope_dim: must be below head_dim, beside a value_dim, where there is a latent, got {self.rope_dim}"
            )

    # ---- what a layer is -----------------------------------------------------------------------------------------

    def window_of(self, layer: int) -> int:
        """Rows that layer number `layer` (from 0) sees; 0: all."""
        return 0 if self.global_every and (layer + 1) % self.global_every == 0 else self.window

    def has_experts(self, layer: int) -> bool:
        """Whether layer number `layer` (from 0) has experts."""
        return self.experts > 0 and layer >= self.dense_first

    @property
    def values_per_row(self) -> int:
        """Numbers that the cache of one layer holds for a token."""
        return self.latent + self.rope_dim if self.latent else 2 * self.kv_heads * self.head_dim

    def beyond(self, tokens: int) -> str:
        """What to say of a context of so many tokens; empty where the model was made for it, or nobody knows."""
        if not self.longest or tokens <= self.longest:
            return ""
        return (
            f"context: beyond the {self.longest:,} tokens that the model was made for; time is counted as if it went on"
        )

    def rows_kept(self, layer: int, tokens: int) -> int:
        """Rows of a layer's cache after so many tokens: all, or those of its window."""
        window = self.window_of(layer)
        return min(tokens, window) if window else tokens

    def cache_values(self, tokens: int) -> int:
        """Numbers that the cache of one sequence holds after so many tokens, all layers."""
        return self.values_per_row * sum(self.rows_kept(layer, tokens) for layer in range(self.layers))

    def cache_bytes(self, tokens: int, formats: Formats) -> float:
        """Bytes of the cache of one sequence after so many tokens."""
        return sum(
            self.values_per_row
            * self.rows_kept(layer, tokens)
            * formats.of("cache", f"layer{layer + 1}_key_cache").width
            for layer in range(self.layers)
        )

    # ---- parameters ----------------------------------------------------------------------------------------------

    @property
    def attention_parameters(self) -> int:
        """Of one layer."""
        if not self.latent:
            return self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
        queries = self.heads * self.head_dim
        into = self.query_rank * (self.hidden + queries) if self.query_rank else self.hidden * queries
        expanded = self.heads * (self.head_dim - self.rope_dim + self.value_dim)
        kept = self.hidden * (self.latent + self.rope_dim) + self.latent * expanded
        return into + kept + self.heads * self.value_dim * self.hidden

    def feed_forward_parameters(self, width: int) -> int:
        """Of a feed-forward of that width."""
        return (3 if ACTIVATIONS[self.activation][1] else 2) * self.hidden * width

    def feed_forward_of(self, layer: int, experts: int) -> int:
        """Of layer number `layer` (from 0), where so many experts count; without the router."""
        if not self.has_experts(layer):
            return self.feed_forward_parameters(self.ffn)
        return self.feed_forward_parameters(self.shared_ffn) + experts * self.feed_forward_parameters(self.expert_ffn)

    @property
    def parameters(self) -> int:
        """All that is stored."""
        return self._parameters(self.experts) + (0 if self.tied else self.vocabulary * self.hidden)

    @property
    def active_parameters(self) -> int:
        """Those that work on one token: the head, and of the embedding table nothing."""
        return self._parameters(self.active)

    def _parameters(self, experts: int) -> int:
        """Layers with so many experts each, and the head."""
        total = self.layers * self.attention_parameters + self.vocabulary * self.hidden
        for layer in range(self.layers):
            router = self.experts * self.hidden if self.has_experts(layer) else 0
            total += router + self.feed_forward_of(layer, experts)
        return total

    def weight_bytes(self, formats: Formats) -> float:
        """Bytes of all that is stored."""
        words = self.vocabulary * self.hidden
        total = words * formats.head.width + (0.0 if self.tied else words * formats.embedding.width)
        for layer in range(self.layers):
            parts = {"query": self.attention_parameters}
            if self.has_experts(layer):
                parts["router"] = self.experts * self.hidden
                parts["shared_up"] = self.feed_forward_parameters(self.shared_ffn)
                parts["experts1_up"] = self.experts * self.feed_forward_parameters(self.expert_ffn)
            else:
                parts["ffn_up"] = self.feed_forward_parameters(self.ffn)
            for name, elements in parts.items():
                total += elements * formats.of("weights", f"layer{layer + 1}_{name}").width
        return total

    def experts_met(self, layer: int, tokens: int) -> int:
        """Distinct experts that so many tokens meet in a layer: E (1 - (1 - k/E)^tokens) where routing is even.

        Whole numbers, of which those of all layers up to each add up to the expectation, to half an expert.
        """
        expected = sum(1.0 - (1.0 - chance) ** tokens for chance in chances(self.experts, self.active, self.skew))
        before, upto = (round(expected * number) for number in (layer, layer + 1))
        return max(1, min(upto - before, self.experts, tokens * self.active))


@cache
def chances(experts: int, active: int, skew: float) -> tuple[float, ...]:
    """Of each expert to work on a token, together `active`: proportional to r^-skew, at most one."""
    found, sure = [rank**-skew for rank in range(1, experts + 1)], 0
    while sure < active:
        rest = (active - sure) / sum(found[sure:])
        if found[sure] * rest <= 1.0:
            return (1.0,) * sure + tuple(weight * rest for weight in found[sure:])
        sure += 1
    return (1.0,) * active + (0.0,) * (experts - active)


@cache
def decoders() -> Mapping[str, Decoder]:
    """{name: decoder} of the bundled language models."""
    names = {field.name for field in fields(Decoder)}
    models = read_data("language_models.yaml")["models"]
    return {name: Decoder(**{key: value for key, value in row.items() if key in names}) for name, row in models.items()}


@cache
def aliases() -> Mapping[str, str]:
    """{id at Hugging Face: name} of the bundled language models."""
    models: Mapping[str, Mapping[str, Any]] = read_data("language_models.yaml")["models"]
    return {row["hf"]: name for name, row in models.items() if "hf" in row}
