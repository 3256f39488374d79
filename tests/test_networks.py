"""The bundled networks: sizes that are published, shapes, and that equal calls give equal graphs."""

import networkx as nx
import pytest

from simulator import bundled
from simulator.errors import NetworkError
from simulator.graph.load import load_network, network_digest, summary

# Multiply-accumulates of convolutions, dense layers and attention products; parameters are the weights of convolutions
# and dense layers, and the biases of layers that have no batch normalisation behind them. torchvision's counts hold the
# two numbers a channel of a batch normalisation as well (resnet50: 25,557,032 = 25,503,912 + 2 x 26,560).
PUBLISHED = {
    "resnet18": (1_814_073_344, 11_679_912),
    "resnet34": (3_663_761_408, 21_780_648),
    "resnet50": (4_089_184_256, 25_503_912),
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
    "yolov3": (32_932_037_632, 61_896_541),
    "bert_base": (11_173_625_856, 85_017_600),
    "bert_large": (123_211_874_304, 302_211_072),
}

# Parameters that PyTorch counts, with two numbers for each normalised channel. inception_v3 without its auxiliary head;
# yolov3 is not in torchvision: the count is that of its PyTorch port, and darknet prints 65.86 billion operations.
PYTORCH = [
    ("resnet18", 11_689_512),
    ("resnet34", 21_797_672),
    ("resnet50", 25_557_032),
    ("resnet101", 44_549_160),
    ("resnet152", 60_192_808),
    ("mobilenet_v2", 3_504_872),
    ("inception_v3", 23_834_568),
    ("yolov3", 61_949_149),
]


def layers_of(graph):
    return {name: data["layer"] for name, data in graph.nodes(data=True)}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_macs_and_parameters(name):
    found = summary(load_network(name))
    assert (found["macs"], found["parameters"]) == PUBLISHED[name]


def test_every_bundled_network_has_a_check_value():
    assert set(bundled.networks()) == set(PUBLISHED)


@pytest.mark.parametrize(("name", "parameters"), PYTORCH)
def test_parameters_with_batch_normalisation_are_pytorchs(name, parameters):
    layers = layers_of(load_network(name)).values()
    normalised = sum(
        layer.groups * layer.out_channels for layer in layers if layer.kind == "conv" and not layer.has_bias
    )
    assert summary(load_network(name))["parameters"] + 2 * normalised == parameters


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


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"bert_base", "bert_large"}))
@pytest.mark.parametrize("image_size", [101, 513])
def test_any_image_size(name, image_size):
    image_size -= image_size % 32 if name == "yolov3" else 0
    graph = load_network(name, image_size=image_size)
    assert graph.nodes["input"]["layer"].out_height == image_size
    assert (summary(graph)["macs"] > PUBLISHED[name][0]) == (image_size > 500)


def test_three_maps_of_yolov3():
    graph = load_network("yolov3")
    maps = [graph.nodes[name]["layer"] for name in graph if graph.out_degree(name) == 0]
    assert [(each.out_channels, each.out_height) for each in maps] == [(255, 13), (255, 26), (255, 52)]
    assert 2 * summary(graph)["macs"] / 1e9 == pytest.approx(65.86, abs=0.01)
    with pytest.raises(NetworkError, match=r"yolov3: image_size: must be a multiple of 32, got 400"):
        load_network("yolov3", image_size=400)


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
