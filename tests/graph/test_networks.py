"""The bundled networks: sizes that are published, shapes, and that equal calls give equal graphs."""

import networkx as nx
import pytest
from network_values import FOLDED, MILLIONS, NORMALISED, OPERATIONS, PUBLISHED
from profiles import by_night

from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.language import decoders
from simulator.graph.load import load_network, network_digest, summary
from simulator.store import bundled


def layers_of(graph):
    return {name: data["layer"] for name, data in graph.nodes(data=True)}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_macs_and_parameters(name):
    found = summary(load_network(name))
    assert (found["macs"], found["parameters"]) == PUBLISHED[name]


def test_every_bundled_network_has_a_check_value():
    assert set(bundled.networks()) == set(PUBLISHED) | set(decoders())  # those of decoders: test_decoder.py


def normalised(name):
    """Channels that have a batch normalisation behind their convolution; a transposed one has none."""
    layers = layers_of(load_network(name)).values()
    return sum(
        layer.groups * layer.out_channels
        for layer in layers
        if layer.kind == "conv" and not layer.has_bias and not layer.name.endswith("_larger")
    )


@pytest.mark.parametrize("name", sorted(NORMALISED))
def test_parameters_with_batch_normalisation_are_those_of_others(name):
    assert summary(load_network(name))["parameters"] + 2 * normalised(name) == NORMALISED[name]


@pytest.mark.parametrize("name", sorted(MILLIONS))
def test_millions_of_parameters_are_those_of_others(name):
    found = (summary(load_network(name))["parameters"] + 2 * normalised(name)) / 1e6
    value, tolerance = MILLIONS[name]
    assert found == pytest.approx(value, abs=tolerance)


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


@pytest.mark.parametrize("name", by_night(sorted(PUBLISHED), sorted(PUBLISHED)[::3]))
def test_graphs_are_plain_topological_and_reproducible(name):
    graph, again = load_network(name), load_network(name)
    assert type(graph) is nx.DiGraph
    place = {node: number for number, node in enumerate(graph)}
    assert all(place[u] < place[v] for u, v in graph.edges)
    assert network_digest(graph) == network_digest(again)
    assert graph.graph["name"] == name


@pytest.mark.parametrize(
    "name", sorted(set(PUBLISHED) - {"bert_base", "bert_large", "gnmt", "ncf", "dlrm", "rnnt", "r3d_18"})
)
@pytest.mark.parametrize("image_size", by_night([265, 1413], [265]))
def test_any_image_size(name, image_size):
    step = (
        32
        if name.startswith(("yolo", "ppyoloe", "vit", "clip", "dla", "centernet", "swin"))
        else 2
        if name == "unet"
        else 1
    )
    image_size -= image_size % step
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
    with pytest.raises(NetworkError, match=r"yolov5s: activation: must be 'silu' or 'relu', got 'gelu'"):
        load_network("yolov5s", activation="gelu")


@pytest.mark.parametrize(
    # Ultralytics prints these for a network in training: a second head, and a depthwise 3x3 beside each 7x7
    ("name", "parameters"),
    [("yolov10n", 2_775_520), ("yolov10s", 8_128_272)],
)
def test_yolov10_in_training(name, parameters):
    layers = layers_of(load_network(name)).values()
    found = summary(load_network(name))["parameters"] + 2 * normalised(name) + 16
    head = [layer for layer in layers if layer.name.startswith(("head", "map"))]
    found += sum(layer.parameters for layer in head)
    found += 2 * sum(layer.groups * layer.out_channels for layer in head if layer.is_compute and not layer.has_bias)
    found += sum((9 + 2) * layer.groups for layer in layers if layer.kernel_height == 7)
    assert found == parameters


@pytest.mark.parametrize(
    ("name", "giga"),
    # Tables of Ultralytics and of YOLOv6's README
    [
        *((f"yolov8{size}_seg", giga) for size, giga in zip("nsmlx", (12.6, 42.6, 110.2, 220.5, 344.1), strict=True)),
        *((f"yolov6{size}", giga) for size, giga in zip("nsm", (11.4, 45.3, 85.8), strict=True)),
    ],
)
def test_operations_with_products_of_convolutions_upwards_counted_four_times(name, giga):
    layers = layers_of(load_network(name)).values()
    found = sum(layer.macs * (4 if layer.name.endswith("_larger") else 1) for layer in layers)
    assert 2 * found / 1e9 == pytest.approx(giga, rel=0.009 if name.startswith("yolov8") else 0, abs=0.05)


@pytest.mark.parametrize(
    # torchvision; CLIP's count of what sees. Not counted here: normalisations, the row of the class, the places.
    ("name", "layers", "rows", "parameters"),
    [
        ("vit_b16", 12, 197, 86_567_656),
        ("vit_b32", 12, 50, 88_224_232),
        ("vit_l16", 24, 197, 304_326_632),
        ("clip_vit_b32", 12, 50, 87_849_216),
    ],
)
def test_parameters_of_vision_transformers(name, layers, rows, parameters):
    graph = load_network(name)
    hidden = layers_of(graph)["patches"].out_channels
    norms = 2 * layers + (2 if name.startswith("clip") else 1)
    assert summary(graph)["parameters"] + (2 * norms + rows + 1) * hidden == parameters
    assert layers_of(graph)["layer1_scores"].out_height == rows


def test_attention_among_pixels():
    graph = load_network("yolo11n")
    layers = layers_of(graph)
    scores, context = layers["attention1_scores"], layers["attention1_context"]
    assert (scores.groups, scores.out_height, scores.in_channels, scores.out_channels) == (2, 400, 32, 400)
    assert (context.groups, context.out_height, context.in_channels, context.out_channels) == (2, 400, 400, 64)
    assert (layers["attention1_placed"].out_height, layers["attention1_placed"].out_channels) == (20, 128)
    assert maps_of(load_network("yolov10s")) == maps_of(load_network("yolov8s"))
    assert maps_of(load_network("yolov6n"))[:2] == [(80, 80), (4, 80)]
    assert maps_of(load_network("ppyoloe_s"))[:2] == [(80, 80), (68, 80)]
    assert maps_of(load_network("yolov5s_seg")) == [(32, 160), (351, 80), (351, 40), (351, 20)]
    assert maps_of(load_network("yolov8n_pose"))[:3] == [(51, 80), (51, 40), (51, 20)]


def test_maps_of_retinaface_and_centernet():
    for name in ("retinaface_resnet50", "retinaface_mobilenet"):
        maps = maps_of(load_network(name, image_size=320))
        assert maps == [(channels, side) for channels in (8, 4, 20) for side in (40, 20, 10)]
        assert sum(channels // 4 * side**2 for channels, side in maps[:3]) == 4_200  # boxes, as in Rockchip's demo
    assert maps_of(load_network("centernet_dla34")) == [(80, 128), (2, 128), (2, 128)]


def test_deeplab_keeps_the_size_by_gaps():
    layers = layers_of(load_network("deeplab_mobilenet_v2"))
    found = [
        (layers[f"block{n}_depthwise"].stride[0], layers[f"block{n}_depthwise"].dilation[0]) for n in (4, 7, 8, 14, 15)
    ]
    assert found == [(2, 1), (1, 1), (1, 2), (1, 2), (1, 4)]
    assert layers["map"].out_height == 65
    wide = layers_of(load_network("deeplab_mobilenet_v2", image_size=128, image_width=256, output_stride=16))
    assert (wide["map"].out_height, wide["image_resize"].out_width) == (8, 16)
    with pytest.raises(NetworkError, match=r"deeplab_mobilenet_v2: output_stride: must be 8 or 16, got 32"):
        load_network("deeplab_mobilenet_v2", output_stride=32)


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
    assert (x.rows().channels, x.rows().height, x.rows().image(2, 8).width) == (16, 16, 8)
    with pytest.raises(NetworkError, match=r"conv1: image: must have 16 pixels, got 3 x 5"):
        x.rows().image(3, 5)
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
