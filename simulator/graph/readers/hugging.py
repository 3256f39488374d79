"""Configurations of Hugging Face: a `config.json`, or the folder that it lies in, becomes the builder of that network.

Nothing is downloaded and no weights are read. Decoders have the one builder of all language models; encoders have those of
`workloads/_encoders.py`.
"""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from simulator.errors import NetworkError, nearest
from simulator.graph.language import Decoder
from simulator.graph.readers.hugging_config import Config
from simulator.graph.readers.hugging_encoders import ENCODERS, REFUSED
from simulator.graph.readers.hugging_formats import roles_of, with_formats
from simulator.reading.names import near_file
from simulator.store import bundled
from simulator.store.foreign import printable, text_of

MOST_BYTES = 5_000_000
"""Of a configuration: some hold the names of thousands of classes."""

_GELU = frozenset(
    [
        "gpt2",
        "gptj",
        "gpt_neox",
        "gpt_bigcode",
        "falcon",
        "opt",
        "bloom",
        "mpt",
        "phi",
        "starcoder2",
        "codegen",
        "gpt_neo",
    ]
)
_GATED_GELU = frozenset(["gemma", "gemma2", "gemma3", "gemma3_text"])
_SILU = frozenset(
    [
        "llama",
        "mistral",
        "mixtral",
        "qwen2",
        "qwen3",
        "qwen2_moe",
        "qwen3_moe",
        "phi3",
        "olmo",
        "olmo2",
        "olmoe",
        "stablelm",
        "deepseek_v2",
        "deepseek_v3",
        "granite",
        "gpt_oss",
        "cohere",
        "cohere2",
        "internlm2",
        "baichuan",
        "exaone",
        "smollm3",
        "mistral3",
        "yi",
        "minicpm",
        "glm",
        "glm4",
    ]
)
DECODERS = _GELU | _GATED_GELU | _SILU
"""`model_type` of the decoders that are known."""

_TIED = frozenset(
    [
        "gpt2",
        "gemma",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "opt",
        "bloom",
        "falcon",
        "mpt",
        "gpt_bigcode",
        "cohere",
        "cohere2",
        "starcoder2",
        "gpt_neo",
    ]
)
"""Those whose head is the embedding table unless the configuration says otherwise."""

_GLOBAL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
"""Of how many layers one sees the whole context, unless the configuration says it: the others see a window."""

_PARALLEL = frozenset(["gptj", "gpt_neox", "falcon", "phi", "cohere", "cohere2", "codegen"])
_QK_NORM = frozenset(["qwen3", "qwen3_moe", "olmo2", "gemma3", "gemma3_text", "olmoe"])


_SEEING = {
    **dict.fromkeys(("llava", "llava_next", "llava_onevision", "vipllava", "idefics3", "smolvlm"), "llama"),
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl"), "qwen2"),
    "paligemma": "gemma",
}
"""`model_type` of models that also see -> that of the language model inside, unless its own configuration says it."""

_USUAL = {
    "llama": {
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000,
    },
    "mistral": {
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "intermediate_size": 14336, "vocab_size": 32000,
    },
}  # fmt: skip
"""What a configuration inside another leaves out: the defaults of its class."""

_ALONE = "the language model alone: its vision tower is left out; the tokens of an image count as those of a prompt"


def hugging_builder(path: Path) -> Callable[..., Any]:
    """The builder of what a configuration, or the folder of one, describes. Raises NetworkError, one line."""
    place = path / "config.json" if path.is_dir() else path
    where = printable(str(place))
    text = text_of(place, MOST_BYTES, NetworkError, lambda: near_file(place, (place.suffix,)))
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise NetworkError(f"{where}: must be JSON, got something else") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str) or not kind:
        raise NetworkError(f"{where}: must be a configuration of Hugging Face, with a model_type, got none")
    if kind in DECODERS or kind in _SEEING:
        decoder = decoder_of(*_language(config, kind, where), where)
        build: Callable[..., Any] = bundled.part("decoder", "_builder")(
            path.parent.name if path.name == "config.json" else path.stem, decoder
        )
        if kind in _SEEING or isinstance(config.get("vision_config"), dict):
            build = _then(build, lambda graph: _note(graph, _ALONE))
    elif kind in ENCODERS:
        stem, name, reader = ENCODERS[kind]
        build = _called(kind, partial(bundled.part(stem, name), **reader(Config(config, where), config)))
    else:
        why = f" ({REFUSED[kind]})" if kind in REFUSED else ""
        near = "" if why else nearest(kind[:60], [*DECODERS, *_SEEING, *ENCODERS])
        shown = printable(kind[:60])
        raise NetworkError(
            f"{where}: model_type: {shown!r} is not known{why}, but an ONNX file of it can be read{near}"
        )
    return _quantised(build, config)


def _language(config: Mapping[str, Any], kind: str, where: str) -> tuple[Mapping[str, Any], str]:
    """What a configuration says of its language model, and the `model_type` of that. Raises NetworkError."""
    inner = config.get("text_config")
    if kind in DECODERS:
        return (inner if isinstance(inner, dict) else config), kind
    if not isinstance(inner, dict):
        return config, _SEEING[kind]
    told = str(inner.get("model_type") or _SEEING[kind])
    own = _SEEING[kind] if told.startswith(kind) else told
    if own not in DECODERS:
        raise NetworkError(
            f"{where}: text_config: model_type: {printable(told[:60])!r} is not known{nearest(told[:60], DECODERS)}"
        )
    return {**_USUAL.get(own, {}), **inner}, own


def _quantised(build: Callable[..., Any], config: Mapping[str, Any]) -> Callable[..., Any]:
    """A builder whose graph has the number formats of the configuration, and a note of them."""
    roles, note = roles_of(config)
    if not note:
        return build

    def with_note(graph: Any) -> None:
        _note(graph, note)
        if roles:
            with_formats(graph, roles)

    return _then(build, with_note)


def _note(graph: Any, words: str) -> None:
    """Have a graph say something of itself."""
    graph.graph["notes"] = (*graph.graph.get("notes", ()), words)


def _called(family: str, build: Callable[..., Any]) -> Callable[..., Any]:
    """A builder whose graph is called as its family: one builder makes several."""
    return _then(build, lambda graph: graph.graph.update(name=family))


def _then(build: Callable[..., Any], change: Callable[[Any], None]) -> Callable[..., Any]:
    """A builder, with what is changed of its graph."""

    @functools.wraps(build, assigned=())
    def changed(**given: Any) -> Any:
        graph = build(**given)
        change(graph)
        return graph

    changed.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
    return changed


def decoder_of(values: Mapping[str, Any], kind: str, where: str) -> Decoder:
    """A decoder's shapes from a configuration of that `model_type`. Raises NetworkError."""
    read = Config(values, where)
    hidden = read.whole("hidden_size", "n_embd", "d_model")
    heads = read.whole("num_attention_heads", "n_head", "n_heads")
    one = kind == "falcon" and read.flag("multi_query", True) and not read.flag("new_decoder_architecture")
    kv_heads = 1 if one else read.whole("num_key_value_heads", "num_kv_heads", default=heads)
    if kind == "gpt_bigcode" and read.flag("multi_query", True):
        kv_heads = 1
    head_dim = read.whole("head_dim", default=max(1, hidden // heads))
    shapes: dict[str, Any] = {
        "hidden": hidden,
        "layers": read.layers("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "ffn": read.whole("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", default=4 * hidden),
        "activation": "gelu_mlp" if kind in _GELU else "geglu" if kind in _GATED_GELU else "swiglu",
        "vocabulary": read.whole("vocab_size"),
        "tied": read.flag("tie_word_embeddings", kind in _TIED),
        "parallel": kind in _PARALLEL and read.flag("use_parallel_residual", True) and read.flag("parallel_attn", True),
        "qk_norm": kind in _QK_NORM,
        "longest": _longest(values),
    }
    if read.flag("use_sliding_window", True):
        shapes["window"] = read.whole("sliding_window", default=0)
    if kind in _GLOBAL_EVERY and shapes.get("window"):
        shapes["global_every"] = read.whole("sliding_window_pattern", default=_GLOBAL_EVERY[kind])
    shapes.update(_experts(read))
    if (latent := read.whole("kv_lora_rank", default=0)) > 0:
        rope = read.whole("qk_rope_head_dim")
        shapes |= {
            "latent": latent, "query_rank": read.whole("q_lora_rank", default=0, least=0), "rope_dim": rope,
            "head_dim": read.whole("qk_nope_head_dim") + rope, "value_dim": read.whole("v_head_dim"), "kv_heads": heads,
        }  # fmt: skip
    decoder = Decoder(**shapes)
    decoder.check(where)
    return decoder


def _longest(values: Mapping[str, Any]) -> int:
    """Tokens of the longest context; 0 where none is told, or nothing that can be: it is for a note alone."""
    told = values.get("max_position_embeddings", values.get("n_positions"))
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else 0


def _experts(read: Config) -> dict[str, int]:
    """Experts of a configuration, where it has any."""
    experts = read.whole("num_local_experts", "num_experts", "n_routed_experts", default=0, least=0)
    if not experts:
        return {}
    width = read.whole("moe_intermediate_size", "intermediate_size")
    shared = read.whole("shared_expert_intermediate_size", default=0, least=0)
    return {
        "experts": experts,
        "active": read.whole("num_experts_per_tok", "num_experts_per_token"),
        "expert_ffn": width,
        "shared_ffn": shared or read.whole("n_shared_experts", default=0, least=0) * width,
        "dense_first": read.whole("first_k_dense_replace", default=0, least=0),
    }
