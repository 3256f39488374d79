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
    "ernie": (
        118,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 40000,
            "max_position_embeddings": 2048,
            "type_vocab_size": 4,
        },
    ),
    "deberta": (
        139,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 50265,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
        },
    ),
    "deberta-v2": (  # version 3, base
        184,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "vocab_size": 128100,
            "relative_attention": True,
            "pos_att_type": "p2c|c2p",
            "position_biased_input": False,
            "position_buckets": 256,
            "share_att_key": True,
        },
    ),
    "modernbert": (
        149,
        {"hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12, "intermediate_size": 1152},
    ),
    "bart": (
        139.4,
        {
            "d_model": 768,
            "encoder_layers": 6,
            "encoder_attention_heads": 12,
            "encoder_ffn_dim": 3072,
            "decoder_layers": 6,
            "decoder_attention_heads": 12,
            "decoder_ffn_dim": 3072,
            "vocab_size": 50265,
            "max_position_embeddings": 1024,
        },
    ),
    "marian": (
        74.4,
        {
            "d_model": 512,
            "encoder_layers": 6,
            "encoder_attention_heads": 8,
            "encoder_ffn_dim": 2048,
            "decoder_layers": 6,
            "decoder_attention_heads": 8,
            "decoder_ffn_dim": 2048,
            "vocab_size": 58101,
            "max_position_embeddings": 512,
        },
    ),
    "siglip": (203, {"text_config": {}, "vision_config": {}}),
    "wav2vec2": (94.4, {"hidden_size": 768, "vocab_size": 32, "architectures": ["Wav2Vec2ForCTC"]}),
    "beit": (
        86.5,
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "architectures": ["BeitForImageClassification"],
            "id2label": CLASSES,
        },
    ),
    "dinov2": (
        86.6,
        {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "image_size": 518, "patch_size": 14},
    ),
    "swinv2": (
        28.3,
        {
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "window_size": 8,
            "image_size": 256,
            "architectures": ["Swinv2ForImageClassification"],
            "id2label": CLASSES,
        },
    ),
    "convnext": (28.6, {"architectures": ["ConvNextForImageClassification"], "id2label": CLASSES}),
    "convnextv2": (28.6, {"architectures": ["ConvNextV2ForImageClassification"], "id2label": CLASSES}),
    "resnet": (25.6, {"architectures": ["ResNetForImageClassification"], "id2label": CLASSES}),
    "efficientnet": (
        5.29,
        {"image_size": 224, "width_coefficient": 1.0, "depth_coefficient": 1.0, "id2label": CLASSES},
    ),
    "segformer": (
        3.75,
        {
            "architectures": ["SegformerForSemanticSegmentation"],
            "id2label": {str(number): "" for number in range(150)},
        },
    ),
    "mobilenet_v1": (4.24, {"depth_multiplier": 1.0, "image_size": 224}),
    "mobilenet_v2": (3.5, {"id2label": CLASSES}),
    "regnet": (20.6, {"architectures": ["RegNetForImageClassification"], "id2label": CLASSES}),
    "mobilevit": (5.58, {"architectures": ["MobileViTForImageClassification"], "id2label": CLASSES}),
    "detr": (41.5, {"backbone": "resnet50"}),
    "table-transformer": (28.8, {"backbone": "resnet18", "num_queries": 15, "id2label": {"0": "", "1": ""}}),
    "yolos": (
        6.49,
        {
            "hidden_size": 192,
            "num_attention_heads": 3,
            "intermediate_size": 768,
            "image_size": [800, 1333],
            "use_mid_position_embeddings": False,
        },
    ),
    "t5": (60.5, {"d_model": 512, "num_layers": 6, "num_heads": 8, "d_kv": 64, "d_ff": 2048, "vocab_size": 32128}),
}


def config(tmp_path, kind, values):
    folder = tmp_path / kind
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **values}))
    return folder
