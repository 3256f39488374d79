"""What the builders of encoders, and of networks for images and sound, ask of a configuration of Hugging Face."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.graph.readers.hugging_config import LARGEST, Config


def _labels(config: Mapping[str, Any], head: str, default: int) -> int:
    """Classes of a head that the configuration's architecture has; 0 without."""
    names = config.get("architectures")
    if not any(head in str(each) for each in (names if isinstance(names, list) else [])):
        return 0
    labels = config.get("id2label")
    return len(labels) if isinstance(labels, dict) and labels else default


def _text(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
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


def _vision(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
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


def _swin(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
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


def _clip(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
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


def _whisper(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("attention_heads", "ffn_dim"):  # the decoder's are the encoder's in the builder
        read.same(f"decoder_{name}", read.whole(f"encoder_{name}"))
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


def _t5(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
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


def _deberta(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """DeBERTa, and its versions 2 and 3, which share layers between contents and places."""
    second, hidden = config.get("model_type") != "deberta", read.whole("hidden_size")
    positions = read.whole("max_position_embeddings", default=512)
    told = config.get("max_relative_positions", -1)
    span = positions if isinstance(told, int) and told < 1 else read.whole("max_relative_positions", default=positions)
    buckets = config.get("position_buckets", -1)
    if second and isinstance(buckets, int) and buckets > 0:
        span = read.whole("position_buckets")
    scores = config.get("pos_att_type") or []
    scores = scores.split("|") if isinstance(scores, str) else scores
    if not isinstance(scores, list) or not read.flag("relative_attention"):
        scores = []
    return {
        "hidden": hidden,
        "layers": read.layers("num_hidden_layers"),
        "heads": read.whole("num_attention_heads"),
        "ffn": read.whole("intermediate_size"),
        "vocabulary": read.whole("vocab_size"),
        "positions": positions if read.flag("position_biased_input", True) else 0,
        "types": read.whole("type_vocab_size", default=0, least=0),
        "embedding": read.whole("embedding_size", default=hidden),
        "span": span,
        "whole": second,
        "shared": second and read.flag("share_att_key"),
        "key_bias": second,
        "to_place": "c2p" in scores,
        "from_place": "p2c" in scores,
        "kernel": read.whole("conv_kernel_size", default=0, least=0, most=99) if second else 0,
    }


def _modern(read: Config, _: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hidden": read.whole("hidden_size", default=768),
        "layers": read.layers("num_hidden_layers", default=22),
        "heads": read.whole("num_attention_heads", default=12),
        "ffn": read.whole("intermediate_size", default=1152),
        "vocabulary": read.whole("vocab_size", default=50368),
        "window": read.whole("local_attention", default=128),
    }


def _bart(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """BART and kin: some normalise before each part, and places may be computed, which takes a table too."""
    kind = config.get("model_type")
    positions = read.whole("max_position_embeddings", default=1024)
    return {
        "hidden": read.whole("d_model"),
        "layers": read.layers("encoder_layers"),
        "heads": read.whole("encoder_attention_heads"),
        "ffn": read.whole("encoder_ffn_dim"),
        "decoder_layers": read.layers("decoder_layers"),
        "decoder_heads": read.whole("decoder_attention_heads"),
        "decoder_ffn": read.whole("decoder_ffn_dim"),
        "vocabulary": read.whole("vocab_size"),
        "positions": positions + (2 if kind in ("bart", "mbart") else 0),
        "before": kind in ("mbart", "pegasus") or read.flag("normalize_before"),
        "activation": "relu" if config.get("activation_function") == "relu" else "gelu",
    }


def _siglip(read: Config, _: Mapping[str, Any]) -> dict[str, Any]:
    text, vision = read.inner("text_config"), read.inner("vision_config")
    positions = text.whole("max_position_embeddings", default=64)
    return {
        "image_size": vision.whole("image_size", default=224),
        "patch": vision.whole("patch_size", default=16),
        "vision_hidden": vision.whole("hidden_size", default=768),
        "vision_layers": vision.layers("num_hidden_layers", default=12),
        "vision_heads": vision.whole("num_attention_heads", default=12),
        "vision_ffn": vision.whole("intermediate_size", default=3072),
        "hidden": text.whole("hidden_size", default=768),
        "layers": text.layers("num_hidden_layers", default=12),
        "heads": text.whole("num_attention_heads", default=12),
        "ffn": text.whole("intermediate_size", default=3072),
        "vocabulary": text.whole("vocab_size", default=32000),
        "sequence_length": positions,
        "positions": positions,
    }


def _speech(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """Wav2Vec2 and HuBERT."""
    convs = {"conv_dim": [512] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2]}
    found = read.stages(convs)
    return {
        "hidden": read.whole("hidden_size", default=768),
        "layers": read.layers("num_hidden_layers", default=12),
        "heads": read.whole("num_attention_heads", default=12),
        "ffn": read.whole("intermediate_size", default=3072),
        "channels": found["conv_dim"],
        "kernels": found["conv_kernel"],
        "strides": found["conv_stride"],
        "conv_bias": read.flag("conv_bias"),
        "normed": read.word("feat_extract_norm", "group", ("group", "layer")) == "layer",
        "before": read.flag("do_stable_layer_norm"),
        "place_kernel": read.whole("num_conv_pos_embeddings", default=128, most=4096),
        "place_groups": read.whole("num_conv_pos_embedding_groups", default=16),
        "letters": read.whole("vocab_size", default=32) if "ForCTC" in str(config.get("architectures")) else 0,
    }


def _beit(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """BEiT and DINOv2, which differ from ViT in what is not counted, and in how the width of a layer is told."""
    wide = read.whole("mlp_ratio", default=4, most=64) * read.whole("hidden_size")
    found = {**_vision(read, config), "ffn": read.whole("intermediate_size", default=wide)}
    if config.get("model_type") == "dinov2":  # its places are more than a hundredth of the smallest one
        patches = read.whole("image_size", default=224) // found["patch"]
        found["places"] = patches * patches + 1
        if read.flag("use_swiglu_ffn"):
            found |= {"gated": True, "ffn": -(-(wide * 2 // 3) // 8) * 8}
    return found


def _convnext(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    found = read.stages({"depths": [3, 3, 9, 3], "hidden_sizes": [96, 192, 384, 768]})
    return {
        "image_size": read.whole("image_size", default=224),
        "patch": read.whole("patch_size", default=4),
        "depths": found["depths"],
        "widths": found["hidden_sizes"],
        "response_norm": config.get("model_type") == "convnextv2",
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


def _resnet(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    read.same("downsample_in_bottleneck", False)
    found = read.stages({"depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048]})
    return {
        "image_size": read.whole("image_size", default=224),
        "embedding": read.whole("embedding_size", default=64),
        "depths": found["depths"],
        "widths": found["hidden_sizes"],
        "bottleneck": read.word("layer_type", "bottleneck", ("basic", "bottleneck")) == "bottleneck",
        "first_stride": 2 if read.flag("downsample_in_first_stage") else 1,
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


def _efficientnet(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    read.same("num_block_repeats", [1, 2, 2, 3, 3, 4, 1])
    read.same("expand_ratios", [1, 6, 6, 6, 6, 6, 6])
    read.same("out_channels", [16, 24, 40, 80, 112, 192, 320])
    return {
        "image_size": read.whole("image_size", default=600),
        "width": read.number("width_coefficient", 2.0, 0.1, 10.0),
        "depth": read.number("depth_coefficient", 3.1, 0.1, 20.0),
        "classes": len(config["id2label"]) if isinstance(config.get("id2label"), dict) and config["id2label"] else 1000,
    }


def _mobilenet(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """MobileNet v1 and v2: those of the paper, as wide as their factor says."""
    return {
        "image_size": read.whole("image_size", default=224),
        "width": read.number("depth_multiplier", 1.0, 0.1, 10.0),
        "classes": len(config["id2label"]) if isinstance(config.get("id2label"), dict) and config["id2label"] else 1001,
    }


def _segformer(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    usual = {
        "depths": [2, 2, 2, 2], "hidden_sizes": [32, 64, 160, 256], "num_attention_heads": [1, 2, 5, 8],
        "sr_ratios": [8, 4, 2, 1], "patch_sizes": [7, 3, 3, 3], "strides": [4, 2, 2, 2], "mlp_ratios": [4, 4, 4, 4],
    }  # fmt: skip
    found = read.stages(usual)
    return {
        "image_size": read.whole("image_size", default=512),
        "depths": found["depths"],
        "widths": found["hidden_sizes"],
        "heads": found["num_attention_heads"],
        "reductions": found["sr_ratios"],
        "kernels": found["patch_sizes"],
        "strides": found["strides"],
        "ratio": read.whole("mlp_ratios", default=4),
        "decoder": read.whole("decoder_hidden_size", default=256),
        "labels": _labels(config, "SemanticSegmentation", 150),
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


def _regnet(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    found = read.stages({"depths": [2, 6, 12, 2], "hidden_sizes": [128, 192, 512, 1088]})
    return {
        "image_size": read.whole("image_size", default=224),
        "embedding": read.whole("embedding_size", default=32),
        "depths": found["depths"],
        "widths": found["hidden_sizes"],
        "group": read.whole("groups_width", default=64),
        "squeeze": read.word("layer_type", "y", ("x", "y")) == "y",
        "first_stride": 2 if read.flag("downsample_in_first_stage", True) else 1,
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


def _mobilevit(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    read.same("output_stride", 32)
    read.same("conv_kernel_size", 3)
    widths = read.wholes("hidden_sizes", [144, 192, 240], LARGEST)
    necks = read.wholes("neck_hidden_sizes", [16, 32, 64, 96, 128, 160, 640], LARGEST)
    read.long("hidden_sizes", widths, 3)
    read.long("neck_hidden_sizes", necks, 7)
    return {
        "image_size": read.whole("image_size", default=256),
        "necks": "x".join(map(str, necks)),
        "widths": "x".join(map(str, widths)),
        "heads": read.whole("num_attention_heads", default=4),
        "ratio": read.number("mlp_ratio", 2.0, 0.1, 64.0),
        "expand": read.number("expand_ratio", 4.0, 0.1, 64.0),
        "patch": read.whole("patch_size", default=2, most=32),
        "classes": _labels(config, "ImageClassification", 1000),
        "channels": read.whole("num_channels", default=3),
    }


_RESNETS = {
    "resnet18": ("2x2x2x2", False),
    "resnet34": ("3x4x6x3", False),
    "resnet50": ("3x4x6x3", True),
    "resnet101": ("3x4x23x3", True),
}
"""Backbone -> blocks of its stages, and whether they are bottlenecks."""


def _objects(config: Mapping[str, Any]) -> int:
    """Classes of a detector, and the one for no object."""
    labels = config.get("id2label")
    return (len(labels) if isinstance(labels, dict) and labels else 91) + 1


def _detr(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    """DETR, and the Table Transformer, which normalises before each part."""
    read.same("dilation", False)
    depths, bottleneck = _RESNETS[read.word("backbone", "resnet50", tuple(_RESNETS))]
    return {
        "depths": depths,
        "widths": "256x512x1024x2048" if bottleneck else "64x128x256x512",
        "bottleneck": bottleneck,
        "hidden": read.whole("d_model", default=256),
        "layers": read.layers("encoder_layers", default=6),
        "heads": read.whole("encoder_attention_heads", default=8),
        "ffn": read.whole("encoder_ffn_dim", default=2048),
        "decoder_layers": read.layers("decoder_layers", default=6),
        "decoder_heads": read.whole("decoder_attention_heads", default=8),
        "decoder_ffn": read.whole("decoder_ffn_dim", default=2048),
        "queries": read.whole("num_queries", default=100),
        "classes": _objects(config),
        "before": config.get("model_type") == "table-transformer",
        "channels": read.whole("num_channels", default=3),
    }


def _yolos(read: Config, config: Mapping[str, Any]) -> dict[str, Any]:
    patch, boxes = read.whole("patch_size", default=16), read.whole("num_detection_tokens", default=100)
    rows, columns = (max(1, side // patch) for side in read.sides("image_size", (512, 864)))
    hidden = read.whole("hidden_size", default=768)
    return {
        "image_size": f"{rows * patch}x{columns * patch}",
        "patch": patch,
        "hidden": hidden,
        "layers": read.layers("num_hidden_layers", default=12),
        "heads": read.whole("num_attention_heads", default=12),
        "ffn": read.whole("intermediate_size", default=3072),
        "boxes": boxes,
        "places": rows * columns + 1 + boxes,
        "each": read.flag("use_mid_position_embeddings", True),
        "classes": _objects(config),
        "channels": read.whole("num_channels", default=3),
    }


Reader = Callable[[Config, Mapping[str, Any]], dict[str, Any]]

ENCODERS: dict[str, tuple[str, str, Reader]] = {
    **dict.fromkeys(
        ("bert", "roberta", "distilbert", "xlm-roberta", "camembert", "mpnet", "electra", "albert", "ernie"),
        ("_encoders", "text_network", _text),
    ),
    **dict.fromkeys(("vit", "deit"), ("_encoders", "vision_network", _vision)),
    **dict.fromkeys(("beit", "dinov2"), ("_encoders", "vision_network", _beit)),
    **dict.fromkeys(("swin", "swinv2"), ("_encoders", "swin_network", _swin)),
    "clip": ("_encoders", "clip_network", _clip),
    "whisper": ("_encoders", "whisper_network", _whisper),
    **dict.fromkeys(("t5", "mt5", "umt5"), ("_encoders", "t5_network", _t5)),
    **dict.fromkeys(("deberta", "deberta-v2"), ("_encoders_more", "deberta_network", _deberta)),
    "modernbert": ("_encoders_more", "modern_network", _modern),
    **dict.fromkeys(("bart", "mbart", "pegasus", "marian"), ("_encoders_more", "bart_network", _bart)),
    "siglip": ("_encoders_more", "siglip_network", _siglip),
    **dict.fromkeys(("wav2vec2", "hubert"), ("_encoders_more", "speech_network", _speech)),
    **dict.fromkeys(("convnext", "convnextv2"), ("_vision", "convnext_network", _convnext)),
    "resnet": ("_vision", "resnet_network", _resnet),
    "regnet": ("_vision", "regnet_network", _regnet),
    "mobilevit": ("_vision", "mobilevit_network", _mobilevit),
    **dict.fromkeys(("detr", "table-transformer"), ("_detection", "detr_network", _detr)),
    "yolos": ("_detection", "yolos_network", _yolos),
    "mobilenet_v1": ("mobilenet", "build_mobilenet_v1", _mobilenet),
    "mobilenet_v2": ("mobilenet", "build_mobilenet_v2", _mobilenet),
    "efficientnet": ("_vision", "efficientnet_network", _efficientnet),
    "segformer": ("_vision", "segformer_network", _segformer),
}
"""`model_type` -> (module of `workloads`, its builder, what reads its shapes)."""

_STATES = "its layers carry a state from token to token, which no layer here does"
_SPARSE = "its attention leaves pairs of tokens out in a pattern of its own"

REFUSED = {
    **dict.fromkeys(
        ("mamba", "mamba2", "falcon_mamba", "rwkv", "jamba", "bamba", "zamba2", "recurrent_gemma"), _STATES
    ),
    **dict.fromkeys(("qwen3_next", "granitemoehybrid", "nemotron_h", "lfm2"), f"of some layers, {_STATES}"),
    "mllama": "some of its layers ask an image, which no layer of a language model here does",
    "sam": "its encoder adds a score for each place to those of windows of its own",
    **dict.fromkeys(("longformer", "big_bird", "bigbird_pegasus", "led", "reformer"), _SPARSE),
}
"""`model_type` -> why there is no builder for it."""
