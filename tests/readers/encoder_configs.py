"""Configurations of encoders, with the parameters that are published of them."""

import json

CLASSES = {str(number): "" for number in range(1000)}
PUBLISHED = {
    # millions of parameters that the papers and model cards state
    "bert": (
        109.5,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 30522,
        },
    ),
    "roberta": (
        124.6,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 50265,
            "max_position_embeddings": 514,
            "type_vocab_size": 1,
        },
    ),
    "distilbert": (66.4, {"dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "vocab_size": 30522}),
    "electra": (
        13.5,
        {
            "hidden_size": 256,
            "embedding_size": 128,
            "num_hidden_layers": 12,
            "num_attention_heads": 4,
            "intermediate_size": 1024,
            "vocab_size": 30522,
        },
    ),
    "albert": (
        11.7,
        {
            "hidden_size": 768,
            "embedding_size": 128,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 30000,
        },
    ),
    "vit": (
        86.6,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 224,
            "patch_size": 16,
            "architectures": ["ViTForImageClassification"],
            "id2label": CLASSES,
        },
    ),
    "deit": (
        5.7,
        {
            "hidden_size": 192,
            "num_hidden_layers": 12,
            "num_attention_heads": 3,
            "image_size": 224,
            "patch_size": 16,
            "architectures": ["DeiTForImageClassification"],
            "id2label": CLASSES,
        },
    ),
    "swin": (
        28.3,
        {
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "window_size": 7,
            "architectures": ["SwinForImageClassification"],
            "id2label": CLASSES,
        },
    ),
    "clip": (151.3, {"text_config": {}, "vision_config": {}, "projection_dim": 512}),
    "whisper": (
        37.8,
        {
            "d_model": 384,
            "encoder_layers": 4,
            "encoder_attention_heads": 6,
            "encoder_ffn_dim": 1536,
            "decoder_layers": 4,
            "vocab_size": 51865,
        },
    ),
    "mpnet": (
        109.5,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 30527,
            "max_position_embeddings": 514,
        },
    ),
    "mt5": (
        300,
        {
            "d_model": 512,
            "num_layers": 8,
            "num_heads": 6,
            "d_kv": 64,
            "d_ff": 1024,
            "vocab_size": 250112,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
    ),
    "t5": (60.5, {"d_model": 512, "num_layers": 6, "num_heads": 8, "d_kv": 64, "d_ff": 2048, "vocab_size": 32128}),
}


def config(tmp_path, kind, values):
    folder = tmp_path / kind
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **values}))
    return folder
