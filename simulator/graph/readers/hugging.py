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
from simulator.graph.readers.hugging_formats import roles_of, with_formats
from simulator.reading.names import near_file
from simulator.store import bundled
from simulator.store.foreign import printable, text_of

MOST_BYTES = 5_000_000
"""Of a configuration: some hold the names of thousands of classes."""

LARGEST = 10_000_000
"""Of a size in a configuration."""

MOST_LAYERS = 1_000
"""Of layers in a configuration, each of which becomes some twenty of a graph. The largest in use have a fifth of it."""

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
    if kind in DECODERS:
        inner = config.get("text_config")
        decoder = decoder_of(inner if isinstance(inner, dict) else config, kind, where)
        build: Callable[..., Any] = bundled.part("decoder", "_builder")(
            path.parent.name if path.name == "config.json" else path.stem, decoder
        )
    elif kind in ENCODERS:
        name, reader = ENCODERS[kind]
        build = _called(kind, partial(bundled.part("_encoders", name), **reader(_Config(config, where), config)))
    else:
        known = [*DECODERS, *ENCODERS]
        raise NetworkError(f"{where}: model_type: {printable(kind[:60])!r} is not known{nearest(kind[:60], known)}")
    return _quantised(build, config)


def _quantised(build: Callable[..., Any], config: Mapping[str, Any]) -> Callable[..., Any]:
    """A builder whose graph has the number formats of the configuration, and a note of them."""
    roles, note = roles_of(config)
    if not note:
        return build

    def with_note(graph: Any) -> None:
        graph.graph["notes"] = (*graph.graph.get("notes", ()), note)
        if roles:
            with_formats(graph, roles)

    return _then(build, with_note)


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


class _Config:
    """A configuration that is read with bounds."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = values, where

    def whole(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        """The first of some keys that is there and not null, as a whole number. Raises NetworkError."""
        for name in names:
            value = self._values.get(name)
            if value is None:
                continue
            if isinstance(value, list) and value and len(set(map(str, value))) == 1:
                value = value[0]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise NetworkError(
                    f"{self._where}: {name}: must be a whole number of {least} to {most:,}, got {printable(repr(value)[:60])}"
                )
            return value
        if default is None:
            raise NetworkError(f"{self._where}: {names[0]}: must be given, got none")
        return default

    def layers(self, *names: str, default: int | None = None) -> int:
        """The same of how many layers there are."""
        return self.whole(*names, default=default, most=MOST_LAYERS)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value."""
        value = self._values.get(name)
        return default if value is None else bool(value)

    def inner(self, name: str) -> "_Config":
        """A configuration inside this one."""
        value = self._values.get(name)
        return _Config(value if isinstance(value, dict) else {}, f"{self._where}: {name}")

    def wholes(self, name: str, default: list[int]) -> list[int]:
        """A list of at most 64 whole numbers, which are small: layers, or heads, of stages."""
        value = self._values.get(name)
        if value is None:
            return default
        good = (
            isinstance(value, list)
            and 0 < len(value) <= 64
            and all(isinstance(each, int) and each > 0 for each in value)
            and sum(value) <= MOST_LAYERS
        )
        if not good:
            raise NetworkError(
                f"{self._where}: {name}: must be a list of whole numbers, {MOST_LAYERS:,} in all, "
                f"got {printable(repr(value)[:60])}"
            )
        return list(value)


def decoder_of(values: Mapping[str, Any], kind: str, where: str) -> Decoder:
    """A decoder's shapes from a configuration of that `model_type`. Raises NetworkError."""
    read = _Config(values, where)
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


def _experts(read: _Config) -> dict[str, int]:
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


# ---- encoders --------------------------------------------------------------------------------------------------------


def _labels(config: Mapping[str, Any], head: str, default: int) -> int:
    """Classes of a head that the configuration's architecture has; 0 without."""
    names = config.get("architectures")
    if not any(head in str(each) for each in (names if isinstance(names, list) else [])):
        return 0
    labels = config.get("id2label")
    return len(labels) if isinstance(labels, dict) and labels else default


def _text(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """BERT, RoBERTa, DistilBERT and kin. Tables of ELECTRA and ALBERT may be narrower; layers of ALBERT share weights."""
    hidden = read.whole("hidden_size", "dim")
    kind = config.get("model_type")
    distil, albert = kind == "distilbert", kind == "albert"
    layers = read.layers("num_hidden_layers", "n_layers")
    if albert:
        read.whole("inner_group_num", default=1, most=1)  # more layers a group are in no model in use
    return {
        "hidden": hidden,
        "layers": layers,
        "heads": read.whole("num_attention_heads", "n_heads"),
        "ffn": read.whole("intermediate_size", "hidden_dim", default=16384 if albert else 4 * hidden),
        "vocabulary": read.whole("vocab_size"),
        "embedding": read.whole("embedding_size", default=128) if kind in ("albert", "electra") else 0,
        "groups": read.whole("num_hidden_groups", default=1, most=layers) if albert else 0,
        "positions": read.whole("max_position_embeddings", default=512),
        "types": 0 if distil else read.whole("type_vocab_size", default=2, least=0),
        "pooler": not distil and kind != "electra" and not _labels(config, "Masked", 1),
    }


def _vision(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """ViT and DeiT."""
    hidden = read.whole("hidden_size")
    return {
        "image_size": read.whole("image_size", default=224),
        "patch": read.whole("patch_size", default=16),
        "hidden": hidden,
        "layers": read.layers("num_hidden_layers"),
        "heads": read.whole("num_attention_heads"),
        "ffn": read.whole("intermediate_size", default=4 * hidden),
        "more_rows": 2 if config.get("model_type") == "deit" and "Teacher" in str(config.get("architectures")) else 1,
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


def _swin(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    depths = read.wholes("depths", [2, 2, 6, 2])
    heads = read.wholes("num_heads", [3, 6, 12, 24])
    return {
        "image_size": read.whole("image_size", default=224),
        "patch": read.whole("patch_size", default=4),
        "hidden": read.whole("embed_dim", default=96),
        "depths": "x".join(map(str, depths)),
        "heads": "x".join(map(str, heads)),
        "window": read.whole("window_size", default=7),
        "ratio": max(1, int(float(str(config.get("mlp_ratio", 4)))))
        if str(config.get("mlp_ratio", 4)).replace(".", "").isdigit()
        else 4,
        "classes": _labels(config, "ImageClassification", 1000),
    }


def _clip(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    text, vision = read.inner("text_config"), read.inner("vision_config")
    return {
        "image_size": vision.whole("image_size", default=224),
        "patch": vision.whole("patch_size", default=32),
        "vision_hidden": vision.whole("hidden_size", default=768),
        "vision_layers": vision.layers("num_hidden_layers", default=12),
        "vision_heads": vision.whole("num_attention_heads", default=12),
        "vision_ffn": vision.whole("intermediate_size", default=3072),
        "hidden": text.whole("hidden_size", default=512),
        "layers": text.layers("num_hidden_layers", default=12),
        "heads": text.whole("num_attention_heads", default=8),
        "ffn": text.whole("intermediate_size", default=2048),
        "vocabulary": text.whole("vocab_size", default=49408),
        "sequence_length": text.whole("max_position_embeddings", default=77),
        "features": read.whole("projection_dim", default=512),
    }


def _whisper(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mels": read.whole("num_mel_bins", default=80),
        "sequence_length": read.whole("max_source_positions", default=1500),
        "positions": read.whole("max_target_positions", default=448),
        "hidden": read.whole("d_model"),
        "layers": read.layers("encoder_layers"),
        "heads": read.whole("encoder_attention_heads"),
        "ffn": read.whole("encoder_ffn_dim"),
        "decoder_layers": read.layers("decoder_layers"),
        "vocabulary": read.whole("vocab_size"),
    }


def _t5(read: _Config, config: Mapping[str, Any]) -> dict[str, Any]:
    layers = read.layers("num_layers")
    return {
        "hidden": read.whole("d_model"),
        "layers": layers,
        "decoder_layers": read.layers("num_decoder_layers", default=layers),
        "heads": read.whole("num_heads"),
        "head_dim": read.whole("d_kv", default=64),
        "ffn": read.whole("d_ff"),
        "gated": str(config.get("feed_forward_proj", "relu")).startswith("gated"),
        "vocabulary": read.whole("vocab_size"),
        "tied": read.flag("tie_word_embeddings", True),
    }


Reader = Callable[[_Config, Mapping[str, Any]], dict[str, Any]]

ENCODERS: dict[str, tuple[str, Reader]] = {
    **dict.fromkeys(
        ("bert", "roberta", "distilbert", "xlm-roberta", "camembert", "mpnet", "electra", "albert"),
        ("text_network", _text),
    ),
    **dict.fromkeys(("vit", "deit"), ("vision_network", _vision)),
    "swin": ("swin_network", _swin),
    "clip": ("clip_network", _clip),
    "whisper": ("whisper_network", _whisper),
    **dict.fromkeys(("t5", "mt5", "umt5"), ("t5_network", _t5)),
}
"""`model_type` -> (builder of workloads/_encoders.py, what reads its shapes)."""
