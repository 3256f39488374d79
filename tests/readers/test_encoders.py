"""Encoders from configurations of Hugging Face: their parameters, and layers that share weights."""

import pytest
from encoder_configs import PUBLISHED, config

from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.check import check_graph
from simulator.graph.load import load_network, network_digest, summary
from simulator.graph.writers import table_csv
from simulator.run import simulate
from simulator.study.generating import generate


@pytest.mark.parametrize("kind", PUBLISHED)
def test_parameters_are_those_that_are_published(tmp_path, kind):
    millions, values = PUBLISHED[kind]
    folder = config(tmp_path, kind, values)
    assert summary(load_network(folder))["parameters"] == pytest.approx(millions * 1e6, rel=0.01)


def test_an_encoder_is_the_bundled_one(tmp_path):
    graph = load_network(f"{config(tmp_path, 'bert', PUBLISHED['bert'][1])}/config.json@128")
    assert summary(graph)["macs"] == summary(load_network("bert_base"))["macs"] + 768 * 768  # its pooler
    vit = load_network(config(tmp_path, "vit", PUBLISHED["vit"][1]))
    assert summary(vit)["macs"] == summary(load_network("vit_b16"))["macs"]


def test_layers_of_albert_share_their_weights(tmp_path):
    """All work is BERT's, but for the narrow tables; weights count, and take room, once a group."""
    values = PUBLISHED["albert"][1]
    graph, bert = load_network(config(tmp_path, "albert", values)), load_network(config(tmp_path, "bert", values))
    widened = 128 * 128 * 768  # rows of the table
    assert summary(graph)["macs"] == summary(bert)["macs"] + widened
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768
    rest = (30_000 + 512 + 2) * 128 + 128 * 768 + 768 + 768 * 768 + 768
    assert summary(graph)["parameters"] == layer + rest
    grouped = load_network(config(tmp_path, "albert", {**values, "num_hidden_groups": 4}))
    assert summary(grouped)["parameters"] == 4 * layer + rest
    assert [grouped.nodes[f"layer{number}_ffn1"]["layer"].shares for number in (1, 3, 4, 6)] == [
        "", "layer1_ffn1", "", "layer4_ffn1",
    ]  # fmt: skip
    for chip in ("tpu_v1", "a100"):  # an array, and a GPU, which computes queries, keys and values as one
        one, twelve = (simulate(each, chip, precision="int8") for each in (graph, bert))
        assert any("share weights of others" in note for note in one.notes)
        assert not any("share weights of others" in note for note in twelve.notes)
        assert one.dram_used_bytes < twelve.dram_used_bytes / 3
        assert one.lower_bound_s < 1.01 * twelve.lower_bound_s  # it widens its words
        assert one.throughput_per_s == pytest.approx(twelve.throughput_per_s, rel=0.05)
    (tmp_path / "a.csv").write_text(table_csv(graph))
    assert network_digest(load_network(tmp_path / "a.csv")) == network_digest(graph)


@pytest.mark.parametrize(
    ("owner", "width", "words"),
    [
        ("nobody", 8, "shares: must be the name of a layer before, got 'nobody'"),
        ("later", 8, "shares: must be the name of a layer before, got 'later'"),
        ("other", 8, "shares: must have 64 weights, got 32"),
        ("conv", 8, "shares: must be a dense with weights of its own, got 'conv'"),
        ("sharing", 8, "shares: must be a dense with weights of its own, got 'sharing'"),
    ],
)
def test_only_the_same_weights_of_a_layer_before_are_shared(owner, width, words):
    net = NetworkBuilder("shared")
    x = net.input(8, 4, name="x")
    net.conv(x, 8, 1, name="conv")
    net.dense(x, 8, name="first")
    net.dense(x, 8, name="sharing", shares="first")
    net.dense(x, 4, name="other")
    net.dense(x, width, name="y", shares=owner)
    net.dense(x, 8, name="later")
    with pytest.raises(NetworkError) as told:
        check_graph(net.build(), "shared")
    assert words in str(told.value)


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_an_encoder_is_called_as_its_family(tmp_path, kind):
    graph = load_network(config(tmp_path, kind, PUBLISHED[kind][1]))
    assert (graph.graph["name"], "sequence_length" in graph.graph["parameters"]) == (kind, kind == "bert")


def macs(tmp_path, kind, size="", **values):
    return summary(load_network(f"{config(tmp_path, kind, {**PUBLISHED[kind][1], **values})}/config.json{size}"))[
        "macs"
    ]


def test_networks_for_images_are_the_bundled_ones(tmp_path):
    assert macs(tmp_path, "resnet") == summary(load_network("resnet50"))["macs"]
    assert macs(tmp_path, "efficientnet") == summary(load_network("efficientnet_b0"))["macs"]
    basic = {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]}
    assert macs(tmp_path, "resnet", **basic) == summary(load_network("resnet18"))["macs"]
    assert macs(tmp_path, "convnext") == pytest.approx(4.47e9, rel=0.005)  # the paper's table 1
    assert macs(tmp_path, "segformer") == pytest.approx(8.4e9, rel=0.005)  # the paper's table 1


def test_variants_of_networks_for_images(tmp_path):
    assert macs(tmp_path, "regnet") == pytest.approx(4.0e9, rel=0.01)  # RegNetY-4.0GF of the paper
    assert macs(tmp_path, "mobilevit") == pytest.approx(2.0e9, rel=0.01)  # the paper's table of MobileViT-S
    small = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536, "image_size": [512, 864]}
    values = {**PUBLISHED["yolos"][1], **small, "use_mid_position_embeddings": True}
    assert summary(load_network(config(tmp_path, "yolos", values)))["parameters"] == pytest.approx(30.7e6, rel=0.01)
    # A layer of RegNet X is one of Y without the means that weigh its channels: here 144 and 32 of them on each side.
    x, y = (
        summary(load_network(config(tmp_path, "regnet", {"depths": [2], "hidden_sizes": [128], "layer_type": kind})))
        for kind in ("x", "y")
    )
    assert y["parameters"] - x["parameters"] == 2 * 128 * 8 + 8 + 128 + 2 * 128 * 32 + 32 + 128


def test_what_places_and_queries_of_detectors_are(tmp_path):
    """Boxes come of `queries` rows, which ask the pixels of an image of a thirty-second of the sides."""
    graph = load_network(f"{config(tmp_path, 'detr', {'num_queries': 50})}/config.json@320x640")
    assert graph.nodes["box3"]["layer"].output_elements == 50 * 4
    assert graph.nodes["decoder1_cross_scores"]["layer"].macs == 50 * (10 * 20) * 256
    yolos = load_network(config(tmp_path, "yolos", PUBLISHED["yolos"][1]))
    assert yolos.nodes["places0_table"]["layer"].table_rows == 50 * 83 + 101
    assert yolos.nodes["classes3"]["layer"].output_elements == 100 * 92
    mobile = load_network(config(tmp_path, "mobilevit", {}))
    assert mobile.nodes["stage3_layer1_attention_scores"]["layer"].macs == 4 * 256 * 256 * 144


def test_deberta_adds_two_scores_to_those_of_bert(tmp_path):
    """Contents against places and places against contents, whose rows go through two layers of their own or the shared ones."""
    rows, places, layers = 64, 512, 12
    scores, projected = rows * places * 768, places * 768 * 768
    bert = macs(tmp_path, "bert", "@64") - 768 * 768  # its pooler
    assert macs(tmp_path, "deberta-v2", "@64") == bert + layers * 2 * (scores + projected)
    assert macs(tmp_path, "deberta-v2", "@64", pos_att_type="p2c") == bert + layers * (scores + projected)
    assert macs(tmp_path, "deberta-v2", "@64", relative_attention=False) == bert
    # Version 1 reads of its table what the sequence can reach: two rows a token.
    assert macs(tmp_path, "deberta", "@64") == bert + layers * 2 * (rows * 2 * rows * 768 + 2 * rows * 768 * 768)


def test_what_a_builder_does_not_have_is_refused(tmp_path):
    for kind, values, words in (
        ("convnext", {"depths": [3, 3]}, "stages: must be as many in each list, got depths 2, hidden_sizes 4"),
        ("resnet", {"layer_type": "other"}, "layer_type: must be one of basic, bottleneck, got 'other'"),
        ("resnet", {"downsample_in_bottleneck": True}, "downsample_in_bottleneck: must be False, got True"),
        ("efficientnet", {"width_coefficient": "1"}, "width_coefficient: must be a number of 0.1 to 10, got '1'"),
        ("mobilevit", {"hidden_sizes": [8]}, "hidden_sizes: must be 3 numbers, got 1"),
        ("detr", {"backbone": "vgg"}, "backbone: must be one of resnet18, resnet34, resnet50, resnet101, got 'vgg'"),
        ("yolos", {"image_size": [1, 2, 3]}, "image_size: must be 2 numbers, got 3"),
        (
            "llava",
            {"text_config": {"model_type": "lama"}},
            "text_config: model_type: 'lama' is not known; did you mean 'llama'",
        ),
        ("mllama", {}, "(some of its layers ask an image, which no layer of a language model here does), but an ONNX"),
        ("mamba", {}, "model_type: 'mamba' is not known (its layers carry a state from token to token"),
        (
            "convnet",
            {},
            "model_type: 'convnet' is not known, but an ONNX file of it can be read; did you mean 'convnext'",
        ),
    ):
        with pytest.raises(NetworkError) as told:
            load_network(config(tmp_path, kind, {**PUBLISHED.get(kind, (0, {}))[1], **values}))
        assert words in str(told.value)
        assert "\n" not in str(told.value)


def test_a_vision_tower_is_not_left_out_in_silence(tmp_path):
    text = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 100,
    }
    seeing = load_network(config(tmp_path, "gemma3", {"text_config": text, "vision_config": {"hidden_size": 32}}))
    for kind, values in (
        ("llava", {"text_config": {**text, "model_type": "llama"}, "vision_config": {}}),
        ("qwen2_vl", text),
        ("qwen2_vl", {"text_config": {**text, "model_type": "qwen2_vl_text"}}),
    ):
        alone = load_network(config(tmp_path, "qwen2", text))
        other = load_network(config(tmp_path, kind, values))
        assert network_digest(other) == network_digest(alone)
        assert other.graph["notes"] == seeing.graph["notes"]
    usual = load_network(config(tmp_path, "llava", {"text_config": {"vocab_size": 32064}}))
    assert summary(usual)["parameters"] == pytest.approx(6.74e9, rel=0.001)  # of Vicuna 7B
    assert [note for note in seeing.graph["notes"] if "vision tower" in note]
    assert not load_network(config(tmp_path, "gemma3", {"text_config": text})).graph.get("notes")


def test_an_encoder_is_told_apart_from_an_unknown_name(tmp_path):
    folder = config(tmp_path, "vit", PUBLISHED["vit"][1])
    with pytest.raises(NetworkError, match=r"must be a language model, .*; `rooftile run` runs other networks"):
        generate(str(folder), "a100", prompt=8, output=8)
    with pytest.raises(NetworkError, match=r"must be a language model, .*; did you mean 'mistral_7b'"):
        generate("mistrall_7b", "a100", prompt=8, output=8)
