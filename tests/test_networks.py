"""The bundled networks: sizes that are published, shapes, and that equal calls give equal graphs."""

import networkx as nx
import pytest

from simulator import bundled
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network, network_digest, summary

# Multiply-accumulates of convolutions, dense layers and attention products; parameters are the weights of convolutions
# and dense layers, and the biases of layers that have no batch normalisation behind them. torchvision's counts hold the
# two numbers a channel of a batch normalisation as well (resnet50: 25,557,032 = 25,503,912 + 2 x 26,560).
PUBLISHED = {
    "resnet18": (1_814_073_344, 11_679_912),
    "resnet34": (3_663_761_408, 21_780_648),
    "resnet50": (4_089_184_256, 25_503_912),
    "resnet50_reid": (2_669_150_208, 23_454_912),
    "resnet101": (7_801_405_440, 44_443_816),
    "resnet152": (11_513_626_624, 60_041_384),
    "resnet50_v1": (3_857_973_248, 25_503_912),
    "resnet101_v1": (7_570_194_432, 44_443_816),
    "resnet152_v1": (11_282_415_616, 60_041_384),
    "vgg16": (15_470_264_320, 138_357_544),
    "vgg19": (19_632_062_464, 143_667_240),
    "alexnet": (724_406_816, 60_965_224),
    "alexnet_torch": (714_188_480, 61_100_840),
    "mobilenet_v1": (568_740_352, 4_210_088),
    "mobilenet_v2": (300_774_272, 3_470_760),
    "inception_v1": (1_582_671_872, 6_998_552),
    "inception_v3": (5_713_216_096, 23_800_136),
    "squeezenet": (818_924_576, 1_248_424),
    "squeezenet_v1_1": (349_151_936, 1_235_496),
    "inception_v4": (12_253_974_624, 42_616_648),
    "resnet50_v2": (4_089_184_256, 25_503_912),
    "resnet101_v2": (7_801_405_440, 44_443_816),
    "resnet152_v2": (11_513_626_624, 60_041_384),
    "mobilenet_edgetpu": (990_670_464, 4_053_833),
    "ssd_resnet34": (216_415_931_904, 19_962_678),
    "ssd_mobilenet_v1": (1_237_129_408, 6_794_495),
    "ssd_mobilenet_v2": (1_875_065_840, 16_798_847),
    "efficientnet_b0": (385_814_752, 5_246_532),
    "efficientnet_b1": (686_802_832, 7_732_136),
    "efficientnet_b2": (993_561_872, 9_042_426),
    "efficientnet_b3": (1_827_141_392, 12_145_936),
    "efficientnet_b4": (4_393_771_024, 19_216_416),
    "efficientnet_lite0": (385_187_552, 4_609_992),
    "efficientnet_lite1": (600_185_232, 5_363_016),
    "efficientnet_lite2": (859_736_272, 6_033_976),
    "efficientnet_lite3": (1_383_321_872, 8_120_424),
    "efficientnet_lite4": (2_553_034_336, 12_894_200),
    "efficientnet_edgetpu_s": (2_352_309_120, 5_388_233),
    "efficientnet_edgetpu_m": (3_660_285_568, 6_832_969),
    "efficientnet_edgetpu_l": (9_661_895_584, 10_499_041),
    "yolov3": (32_932_037_632, 61_896_541),
    "yolov3_tiny": (2_782_480_896, 8_845_998),
    "yolov5n": (2_234_060_800, 1_862_653),
    "yolov5s": (8_216_780_800, 7_216_381),
    "yolov5m": (24_436_224_000, 21_153_789),
    "yolov5l": (54_496_870_400, 46_503_677),
    "yolov5x": (102_724_096_000, 86_660_605),
    "yolov8n": (4_371_456_000, 3_146_592),
    "yolov8s": (14_300_774_400, 11_146_512),
    "yolov8m": (39_467_827_200, 25_869_504),
    "yolov8l": (82_573_721_600, 43_645_040),
    "yolov8x": (128_901_632_000, 68_171_552),
    "yolov7": (52_255_539_200, 36_882_269),
    "yolox_s": (13_342_771_200, 8_945_151),
    "yolox_m": (36_765_158_400, 25_283_199),
    "yolox_l": (77_646_336_000, 54_139_647),
    "yolox_x": (140_704_896_000, 98_970_495),
    "lane_resnet18": (8_361_824_256, 44_512_592),
    "unet": (150_428_424_448, 31_029_698),
    "gnmt": (3_400_422_400, 136_028_160),
    "dlrm": (2_458_496, 2_368_897),
    "rnnt": (7_328_775_680, 45_314_077),
    "ncf": (106_624, 107_073),
    "bert_base": (11_173_625_856, 85_017_600),
    "bert_large": (123_211_874_304, 302_211_072),
}

# Parameters that others count, with two numbers for each normalised channel. torchvision (inception_v3 without its auxiliary
# head); timm 0.9 for inception_v4 and for EfficientNet (those for EdgeTPU have 1,000 classes there, 1,001 here); Keras for
# yolov3_tiny; Ultralytics' yolov8.yaml, with the sixteen numbers of a fixed layer that decodes the boxes. yolov3: the count
# of its PyTorch port, and darknet prints 65.86 billion operations.
NORMALISED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet_v2": 3_504_872,
    "inception_v3": 23_834_568,
    "inception_v4": 42_679_816,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_lite0": 4_652_008,
    "efficientnet_edgetpu_s": 5_438_392 + 1_281,
    "efficientnet_edgetpu_m": 6_899_496 + 1_281,
    "yolov3": 61_949_149,
    "yolov3_tiny": 8_852_366,
    "yolov8n": 3_157_200 - 16,
    "yolov8s": 11_166_560 - 16,
    "yolov8m": 25_902_640 - 16,
    "yolov8l": 43_691_520 - 16,
    "yolov8x": 68_229_648 - 16,
    "yolox_s": 8_968_255,
}

# The same with one number a normalised channel, as left by folding: Ultralytics' summaries of YOLOv5 6.2 and the authors' of
# YOLOv7, and the millions of the Open Model Zoo for the two detectors of the TensorFlow models.
FOLDED = {
    "yolov5n": 1_867_405,
    "yolov5s": 7_225_885,
    "yolov5m": 21_172_173,
    "yolov5l": 46_533_693,
    "yolov5x": 86_705_005,
    "yolov7": 36_905_341,
    "ssd_mobilenet_v1": 6.807e6,
    "ssd_mobilenet_v2": 16.818e6,
}

# Billions of operations, two a multiply-accumulate. Vitis AI model zoo 2.5; MLPerf inference (V. J. Reddi et al., ISCA 2020,
# table 1) for its two detectors; Ultralytics for YOLO.
OPERATIONS = [
    ("inception_v4", {}, 24.55),
    ("inception_v1", {"variant": "slim"}, 3.0),
    ("resnet50_v1", {"halve": "last"}, 6.97),
    ("resnet101_v1", {"halve": "last"}, 14.4),
    ("resnet152_v1", {"halve": "last"}, 21.83),
    ("resnet50_v1", {}, 7.76),
    ("resnet50", {}, 8.19),
    ("resnet50_reid", {}, 5.3),
    ("resnet50_v2", {"halve": "last", "image_size": 299}, 13.1),
    ("resnet101_v2", {"halve": "last", "image_size": 299}, 26.78),
    ("resnet152_v2", {"halve": "last", "image_size": 299}, 40.47),
    ("efficientnet_edgetpu_s", {}, 4.72),
    ("efficientnet_edgetpu_m", {}, 7.34),
    ("efficientnet_edgetpu_l", {}, 19.36),
    ("mobilenet_edgetpu", {}, 2 * 0.99),  # the zoo's names give multiply-accumulates for these two
    ("mobilenet_edgetpu", {"width": 0.75}, 2 * 0.624),
    ("ssd_mobilenet_v1", {}, 2.47),
    ("ssd_mobilenet_v2", {}, 3.775),  # Open Model Zoo
    ("ssd_resnet34", {}, 433),
    ("yolov3_tiny", {}, 5.56),  # darknet
    ("yolov5n", {}, 4.5),
    ("yolov5s", {}, 16.5),
    ("yolov5m", {}, 49.0),
    ("yolov5l", {}, 109.1),
    ("yolov7", {}, 104.7),
    ("yolox_s", {}, 26.8),  # the paper, table 3; the others too
    ("yolox_m", {}, 73.8),
    ("yolox_l", {}, 155.6),
    ("yolox_x", {}, 281.9),
    ("lane_resnet18", {}, 2 * 8.4),  # the zoo's name gives multiply-accumulates
    ("yolov8n", {}, 8.7),
    ("yolov8s", {}, 28.6),
    ("yolov8m", {}, 78.9),
    ("yolov8l", {}, 165.2),
    ("yolov8x", {}, 257.8),
]


def layers_of(graph):
    return {name: data["layer"] for name, data in graph.nodes(data=True)}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_macs_and_parameters(name):
    found = summary(load_network(name))
    assert (found["macs"], found["parameters"]) == PUBLISHED[name]


def test_every_bundled_network_has_a_check_value():
    assert set(bundled.networks()) == set(PUBLISHED)


def normalised(name):
    """Channels that have a batch normalisation behind their convolution."""
    layers = layers_of(load_network(name)).values()
    return sum(layer.groups * layer.out_channels for layer in layers if layer.kind == "conv" and not layer.has_bias)


@pytest.mark.parametrize("name", sorted(NORMALISED))
def test_parameters_with_batch_normalisation_are_those_of_others(name):
    assert summary(load_network(name))["parameters"] + 2 * normalised(name) == NORMALISED[name]


@pytest.mark.parametrize("name", sorted(FOLDED))
def test_parameters_with_folded_normalisation_are_those_of_others(name):
    assert summary(load_network(name))["parameters"] + normalised(name) == pytest.approx(FOLDED[name], rel=3e-5)


@pytest.mark.parametrize(("name", "params", "giga"), OPERATIONS)
def test_operations_are_those_of_others(name, params, giga):
    assert 2 * summary(load_network(name, **params))["macs"] / 1e9 == pytest.approx(giga, rel=0.009)


@pytest.mark.parametrize(
    ("name", "width", "gmac", "million"),
    # Table 6 of the MobileNet paper; README of the authors' v2 code
    [
        ("mobilenet_v1", 0.75, 0.325, 2.6),
        ("mobilenet_v1", 0.5, 0.149, 1.3),
        ("mobilenet_v1", 0.25, 0.041, 0.5),
        ("mobilenet_v2", 1.4, 0.582, 6.06),
        ("mobilenet_v2", 0.75, 0.209, 2.61),
        ("mobilenet_v2", 0.35, 0.059, 1.66),
    ],
)
def test_width_multipliers(name, width, gmac, million):
    found = summary(load_network(name, width=width))
    assert found["macs"] / 1e9 == pytest.approx(gmac, rel=0.02)
    assert found["parameters"] / 1e6 == pytest.approx(million, rel=0.08)


def test_versions_of_resnet_differ_in_the_place_of_the_stride():
    one, one_and_a_half = (layers_of(load_network(name)) for name in ("resnet50_v1", "resnet50"))
    assert one["res3a_branch2a"].stride == (2, 2)
    assert one["res3a_branch2b"].stride == (1, 1)
    assert one_and_a_half["res3a_branch2a"].stride == (1, 1)
    assert one_and_a_half["res3a_branch2b"].stride == (2, 2)
    assert one_and_a_half["res3a_branch2b"].out_height == 28
    assert [name for name in one if one[name].is_compute] == [
        name for name in one_and_a_half if one_and_a_half[name].is_compute
    ]


def test_resnet_residuals_join_the_last_convolution_and_the_shortcut():
    graph = load_network("resnet50")
    assert set(graph.predecessors("res2a")) == {"res2a_branch2c", "res2a_branch1"}
    assert set(graph.predecessors("res2b")) == {"res2b_branch2c", "res2a_relu"}
    assert set(graph.successors("res2a_relu")) == {"res2b_branch2a", "res2b"}
    assert [name for name in graph if graph.out_degree(name) == 0] == ["fc1000"]


def test_alexnet_sizes_of_the_paper():
    layers = layers_of(load_network("alexnet"))
    assert [layers[f"conv{n}"].out_height for n in range(1, 6)] == [55, 27, 13, 13, 13]
    assert [layers[f"conv{n}"].groups for n in range(1, 6)] == [1, 2, 1, 2, 2]
    assert layers["fc6"].in_channels == 6 * 6 * 256
    assert layers["norm1"].kind == "local_norm"


def test_mobilenet_pads_as_tensorflow():
    layers = layers_of(load_network("mobilenet_v1"))
    assert layers["conv0"].padding == (0, 1, 0, 1)
    assert layers["conv1_depthwise"].padding == (1, 1, 1, 1)
    depthwise = layers["conv2_depthwise"]
    assert (depthwise.groups, depthwise.in_channels, depthwise.out_channels, depthwise.out_height) == (64, 1, 1, 56)


def test_attention_products_of_bert():
    graph = load_network("bert_base", sequence_length=100)
    layers = layers_of(graph)
    scores, context = layers["layer1_scores"], layers["layer1_context"]
    assert (scores.groups, scores.out_height, scores.in_channels, scores.out_channels) == (12, 100, 64, 100)
    assert (context.groups, context.out_height, context.in_channels, context.out_channels) == (12, 100, 100, 64)
    assert graph.edges["layer1_query", "layer1_scores"]["operand"] == "inputs"
    assert graph.edges["layer1_key", "layer1_scores"]["operand"] == "weights"
    assert graph.edges["layer1_value", "layer1_context"]["operand"] == "weights"
    assert layers["layer1_softmax"].output_elements == 12 * 100 * 100
    assert layers["layer1_ffn1"].out_height == 100
    assert layers["embedding"].input_elements == 100 * 768


def test_bert_head():
    plain, squad = (load_network("bert_large", head=head) for head in ("none", "squad"))
    assert summary(squad)["macs"] - summary(plain)["macs"] == 384 * 1024 * 2
    assert layers_of(squad)["squad"].out_channels == 2


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_graphs_are_plain_topological_and_reproducible(name):
    graph, again = load_network(name), load_network(name)
    assert type(graph) is nx.DiGraph
    place = {node: number for number, node in enumerate(graph)}
    assert all(place[u] < place[v] for u, v in graph.edges)
    assert network_digest(graph) == network_digest(again)
    assert graph.graph["name"] == name


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"bert_base", "bert_large", "gnmt", "ncf", "dlrm", "rnnt"}))
@pytest.mark.parametrize("image_size", [265, 1413])
def test_any_image_size(name, image_size):
    image_size -= image_size % 32 if name.startswith("yolo") else 1 if name == "unet" else 0
    image_size += 200 if name == "ssd_resnet34" else 0  # its last windows ask for 385
    graph = load_network(name, image_size=image_size)
    assert graph.nodes["input"]["layer"].out_height == image_size
    default = load_network(name).nodes["input"]["layer"].out_height
    found = summary(graph)["macs"]
    assert (found > PUBLISHED[name][0]) == (image_size > default)


def maps_of(graph):
    layers = [graph.nodes[name]["layer"] for name in graph if graph.out_degree(name) == 0]
    return [(each.out_channels, each.out_height) for each in layers]


def test_maps_of_the_yolos():
    assert maps_of(load_network("yolov3")) == [(255, 13), (255, 26), (255, 52)]
    assert maps_of(load_network("yolov3_tiny")) == [(255, 13), (255, 26)]
    assert maps_of(load_network("yolov5s")) == [(255, 80), (255, 40), (255, 20)]
    assert maps_of(load_network("yolov7")) == [(255, 80), (255, 40), (255, 20)]
    assert maps_of(load_network("yolox_s"))[:3] == [(80, 80), (4, 80), (1, 80)]
    assert maps_of(load_network("yolov8s")) == [(64, 80), (80, 80), (64, 40), (80, 40), (64, 20), (80, 20)]
    assert 2 * summary(load_network("yolov3"))["macs"] / 1e9 == pytest.approx(65.86, abs=0.01)
    with pytest.raises(NetworkError, match=r"yolov3: image_size: must be a multiple of 32, got 400"):
        load_network("yolov3", image_size=400)
    with pytest.raises(NetworkError, match=r"yolov5s: activation: must be 'silu' or 'relu', got 'gelu'"):
        load_network("yolov5s", activation="gelu")


@pytest.mark.parametrize(
    ("name", "boxes", "sides"),
    # MLPerf inference: 15,130 and 1,917 boxes
    [("ssd_resnet34", 15_130, [50, 25, 13, 7, 3, 3]), ("ssd_mobilenet_v1", 1_917, [19, 10, 5, 3, 2, 1])],
)
def test_boxes_of_ssd(name, boxes, sides):
    maps = [each for each in layers_of(load_network(name)).values() if each.name.endswith("_boxes")]
    assert [each.out_height for each in maps] == sides
    assert sum(each.out_channels // 4 * each.out_height**2 for each in maps) == boxes


def test_unet_of_the_paper_and_with_padding():
    assert maps_of(load_network("unet")) == [(2, 388)]
    assert layers_of(load_network("unet"))["bottom_conv2"].out_height == 28
    same = load_network("unet", padding="same", image_size=128, channels=3, width=32, classes=1)
    assert maps_of(same) == [(1, 128)]
    # Keras prints 7,760,097 for it, with a bias for each of 32 + 64 + 128 + 256 channels on the way up
    assert summary(same)["parameters"] + 480 == 7_760_097
    with pytest.raises(NetworkError, match=r"unet: image_size: must be a multiple of 16, got 100"):
        load_network("unet", padding="same", image_size=100)


def test_first_and_last_halving_have_the_same_weights():
    for version in ("resnet50_v1", "resnet101_v2"):
        first, last = (load_network(version, halve=halve) for halve in ("first", "last"))
        assert summary(first)["parameters"] == summary(last)["parameters"]
    with pytest.raises(NetworkError, match=r"resnet50_v1: halve: must be 'first' or 'last', got 'middle'"):
        load_network("resnet50_v1", halve="middle")


def test_slices_and_blocks_of_pixels_are_no_layers():
    net = NetworkBuilder("views")
    x = net.conv(net.input(8, 4, 4), 16, 1)
    assert (x.spread(2).channels, x.spread(2).height, x.part(5).channels) == (4, 8, 5)
    net.conv(x.part(5), 3, 1, name="half")
    net.conv(x.spread(2), 3, 3, padding=1, name="large")
    graph = net.build()
    assert list(graph) == ["input", "conv1", "half", "large"]
    assert layers_of(graph)["half"].macs == 5 * 3 * 16
    with pytest.raises(NetworkError, match=r"conv1: part: must be 1 to 16 channels, got 17"):
        x.part(17)
    assert (x.gather(2).channels, x.gather(2).height) == (64, 2)
    with pytest.raises(NetworkError, match=r"conv1: gather: 3 must divide 4 x 4 pixels"):
        x.gather(3)
    with pytest.raises(NetworkError, match=r"conv1: spread: 3 squared must divide the 16 channels"):
        x.spread(3)


def test_inception_v1_of_pytorch():
    graph = load_network("inception_v1", variant="slim")
    convolutions = [layer for layer in layers_of(graph).values() if layer.kind == "conv"]
    channels = sum(layer.out_channels for layer in convolutions)
    assert summary(graph)["parameters"] + 2 * channels == 6_624_904  # torchvision
    assert max(layer.kernel_height for layer in convolutions[1:]) == 3
    with pytest.raises(NetworkError, match=r"inception_v1: variant: must be 'paper' or 'slim', got 'tf'"):
        load_network("inception_v1", variant="tf")


def test_inception_v3_sizes_of_the_paper():
    layers = layers_of(load_network("inception_v3"))
    found = [
        (layers[name].out_channels, layers[name].out_height) for name in ("mixed5b", "mixed6a", "mixed7a", "mixed7c")
    ]
    assert found == [(256, 35), (768, 17), (1280, 8), (2048, 8)]
    tall = layers["mixed6b_c_conv2"]
    assert (tall.kernel_height, tall.kernel_width, tall.padding) == (7, 1, (3, 3, 0, 0))


def test_classes():
    assert layers_of(load_network("resnet18", classes=10))["fc10"].out_channels == 10


def test_names_are_forgiving():
    digest = network_digest(load_network("resnet50"))
    for name in ("ResNet-50", "resnet_50", "resnet50_v1.5", "RESNET50"):
        assert network_digest(load_network(name)) == digest
    assert load_network("vgg-16").graph["name"] == "vgg16"
    assert load_network("bert-large").graph["name"] == "bert_large"
    plain = ["".join(each for each in name if each.isalnum()) for name in bundled.networks()]
    assert len(set(plain)) == len(plain)


def test_digest_sees_every_field():
    digests = {
        network_digest(load_network(name, **params))
        for name, params in (
            ("resnet50", {}),
            ("resnet50", {"image_size": 225}),
            ("resnet50", {"classes": 999}),
            ("resnet50_v1", {}),
            ("alexnet", {}),
            ("alexnet", {"image_size": 228}),
        )
    }
    assert len(digests) == 6


def test_parameters_are_kept_with_their_defaults():
    assert load_network("resnet50", image_size=320).graph["parameters"] == {"image_size": 320, "classes": 1000}
    assert load_network("mobilenet_v1", width=1).graph["parameters"]["width"] == 1.0
