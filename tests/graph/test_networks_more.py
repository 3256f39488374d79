"""DenseNet, Inception-ResNet, MobileNet v3, RetinaNet, Xception: sums of their published plans, layer by layer, without the
builder.
"""

import pytest
from network_values import PUBLISHED

from simulator.errors import NetworkError
from simulator.graph.load import load_network, summary


class Plan:
    """Products, weights and normalised channels of a network, added up one convolution at a time."""

    def __init__(self):
        self.macs = self.weights = self.biases = self.normalised = 0

    def add(self, side, inputs, outputs, area=1, norm=True):
        """Add a convolution whose outputs are `side` x `side`, with a kernel of `area` numbers."""
        self.weights += area * inputs * outputs
        self.macs += side**2 * area * inputs * outputs
        self.normalised += outputs * norm
        self.biases += outputs * (not norm)
        return outputs

    def chain(self, side, inputs, *convolutions):
        """Add (outputs, area) one behind the other."""
        for outputs, area in convolutions:
            inputs = self.add(side, inputs, outputs, area)
        return inputs

    def grouped(self, side, channels, area, norm=True):
        """Add a depthwise convolution."""
        self.weights += area * channels
        self.macs += side**2 * area * channels
        self.normalised += channels * norm

    def found(self):
        return self.macs, self.weights + self.biases


def densenet(blocks):
    """Table 1 of the paper; a normalisation before every convolution but the first, and one at the end."""
    plan = Plan()
    channels, side = plan.add(112, 3, 64, 49), 56
    for number, count in enumerate(blocks, start=1):
        for _ in range(count):
            plan.normalised += channels
            plan.chain(side, channels, (128, 1), (32, 9))
            plan.normalised -= 32  # none behind the 3x3: there is one behind the concatenation
            channels += 32
        plan.normalised += channels
        if number < len(blocks):
            channels = plan.add(side, channels, channels // 2)
            plan.normalised -= channels
            side //= 2
    plan.add(1, channels, 1000, norm=False)
    return plan


@pytest.mark.parametrize(
    # torchvision's counts, which hold the scale and shift of every normalised channel
    ("name", "blocks", "parameters"),
    [
        ("densenet121", (6, 12, 24, 16), 7_978_856),
        ("densenet169", (6, 12, 32, 32), 14_149_480),
        ("densenet201", (6, 12, 48, 32), 20_013_928),
    ],
)
def test_densenet_is_the_sum_of_its_plan(name, blocks, parameters):
    plan = densenet(blocks)
    assert plan.found() == PUBLISHED[name]
    assert sum(plan.found()[1:]) + 2 * plan.normalised == parameters
    graph = load_network(name)
    convolutions = [data["layer"] for _, data in graph.nodes(data=True) if data["layer"].is_compute]
    assert len(convolutions) == int(name.removeprefix("densenet"))  # which gave it its name
    assert graph.nodes["relu5"]["layer"].out_channels == {121: 1024, 169: 1664, 201: 1920}[len(convolutions)]


def test_layers_of_densenet_read_all_before_them():
    graph = load_network("densenet121")
    widths = [graph.nodes[f"block2_layer{n}_1x1"]["layer"].in_channels for n in range(1, 13)]
    assert widths == [128 + 32 * n for n in range(12)]
    assert graph.nodes["transition2"]["layer"].out_height == 28
    assert graph.nodes["pool2"]["layer"].out_height == 14


def xception():
    """Figure 5 of the paper; a separable convolution has one normalisation, behind its 1x1."""
    plan = Plan()
    plan.add(149, 3, 32, 9)
    channels = plan.add(147, 32, 64, 9)

    def separable(side, inputs, outputs):
        plan.grouped(side, inputs, 9, norm=False)
        return plan.add(side, inputs, outputs)

    for side, half, widths in ((147, 74, (128, 128)), (74, 37, (256, 256)), (37, 19, (728, 728))):
        plan.add(half, channels, widths[-1])
        for width in widths:
            channels = separable(side, channels, width)
    for _ in range(8 * 3):
        separable(19, 728, 728)
    plan.add(10, 728, 1024)
    separable(19, 728, 728)
    separable(19, 728, 1024)
    separable(10, 1024, 1536)
    separable(10, 1536, 2048)
    plan.add(1, 2048, 1000, norm=False)
    return plan


def test_xception_is_the_sum_of_its_plan():
    plan = xception()
    assert plan.found() == PUBLISHED["xception"]
    # Keras counts the mean and the variance too, four numbers a normalised channel.
    assert PUBLISHED["xception"][1] + 4 * plan.normalised == 22_910_480
    layers = load_network("xception").nodes
    assert [layers[f"block{n}"]["layer"].out_height for n in (2, 3, 4, 12, 13)] == [74, 37, 19, 19, 10]
    assert "block2_sepconv1_relu" not in layers
    assert "block3_sepconv1_relu" in layers


def inception_resnet():
    """Figures 16 to 19 of the paper, with the stem and the widths of TF-slim."""
    plan = Plan()
    plan.add(149, 3, 32, 9)
    plan.chain(147, 32, (32, 9), (64, 9))
    plan.add(73, 64, 80)
    plan.add(71, 80, 192, 9)
    for chain in (((96, 1),), ((48, 1), (64, 25)), ((64, 1), (96, 9), (96, 9)), ((64, 1),)):
        plan.chain(35, 192, *chain)
    for _ in range(10):
        for chain in (((32, 1),), ((32, 1), (32, 9)), ((32, 1), (48, 9), (64, 9))):
            plan.chain(35, 320, *chain)
        plan.add(35, 32 + 32 + 64, 320, norm=False)
    plan.add(17, 320, 384, 9)
    plan.add(17, plan.chain(35, 320, (256, 1), (256, 9)), 384, 9)
    for _ in range(20):
        for chain in (((192, 1),), ((128, 1), (160, 7), (192, 7))):
            plan.chain(17, 320 + 2 * 384, *chain)
        plan.add(17, 2 * 192, 1088, norm=False)
    for chain, last in ((((256, 1),), 384), (((256, 1),), 288), (((256, 1), (288, 9)), 320)):
        plan.add(8, plan.chain(17, 1088, *chain), last, 9)
    for _ in range(10):
        for chain in (((192, 1),), ((192, 1), (224, 3), (256, 3))):
            plan.chain(8, 1088 + 384 + 288 + 320, *chain)
        plan.add(8, 192 + 256, 2080, norm=False)
    plan.add(8, 2080, 1536)
    plan.add(1, 1536, 1000, norm=False)
    return plan


def test_inception_resnet_is_the_sum_of_its_plan():
    plan = inception_resnet()
    assert plan.found() == PUBLISHED["inception_resnet_v2"]
    # Keras counts shift, mean and variance of each normalised channel; there is no scale.
    assert PUBLISHED["inception_resnet_v2"][1] + 3 * plan.normalised == 55_873_736
    graph = load_network("inception_resnet_v2")
    assert [graph.nodes[name]["layer"].out_channels for name in ("mixed5", "mixed6", "mixed7")] == [320, 1088, 2080]
    assert set(graph.predecessors("block17_2")) == {"block17_2_up", "block17_1_relu"}
    assert "block8_9_relu" in graph
    assert "block8_10_relu" not in graph


# torchvision's tables: kernel, widened channels, channels, those of the squeeze (0: none), stride
LARGE = (
    *((3, 16, 16, 0, 1), (3, 64, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 24, 2), (5, 120, 40, 32, 1)),
    *((5, 120, 40, 32, 1), (3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1)),
    *(
        (3, 480, 112, 120, 1),
        (3, 672, 112, 168, 1),
        (5, 672, 160, 168, 2),
        (5, 960, 160, 240, 1),
        (5, 960, 160, 240, 1),
    ),
)
SMALL = (
    *((3, 16, 16, 8, 2), (3, 72, 24, 0, 2), (3, 88, 24, 0, 1), (5, 96, 40, 24, 2), (5, 240, 40, 64, 1)),
    *((5, 240, 40, 64, 1), (5, 120, 48, 32, 1), (5, 144, 48, 40, 1), (5, 288, 96, 72, 2), (5, 576, 96, 144, 1)),
    (5, 576, 96, 144, 1),
)


def mobilenet_v3(blocks, last):
    plan = Plan()
    side, channels = 112, plan.add(112, 3, 16, 9)
    for kernel, inner, outputs, squeeze, stride in blocks:
        if inner != channels:
            plan.add(side, channels, inner)
        side //= stride
        plan.grouped(side, inner, kernel**2)
        if squeeze:
            plan.add(1, plan.add(1, inner, squeeze, norm=False), inner, norm=False)
        channels = plan.add(side, inner, outputs)
    channels = plan.add(side, channels, 6 * channels)
    plan.add(1, plan.add(1, channels, last, norm=False), 1000, norm=False)
    return plan


@pytest.mark.parametrize(
    ("name", "blocks", "last", "parameters"),
    [("mobilenet_v3_large", LARGE, 1280, 5_483_032), ("mobilenet_v3_small", SMALL, 1024, 2_542_856)],
)
def test_mobilenet_v3_is_the_sum_of_its_plan(name, blocks, last, parameters):
    plan = mobilenet_v3(blocks, last)
    assert plan.found() == PUBLISHED[name]
    assert PUBLISHED[name][1] + 2 * plan.normalised == parameters
    layers = load_network(name).nodes
    hard = [each for each in range(1, len(blocks) + 1) if f"block{each}_depthwise_silu" in layers]
    assert hard == list(range(7 if name.endswith("large") else 4, len(blocks) + 1))
    kinds = {each["layer"].kind for _, each in layers.items() if each["layer"].name.endswith("_excite_sigmoid")}
    assert kinds == {"sigmoid"}


@pytest.mark.parametrize(
    # Table 3 of the paper; Keras has the same multiply-accumulates to the last one, and 4 (2) numbers a normalised channel
    ("name", "million_macs", "million", "exactly"),
    [("mobilenet_v3_large", 155, 4.0, 154_560_624), ("mobilenet_v3_small", 44, 2.0, 43_399_344)],
)
def test_width_of_mobilenet_v3(name, million_macs, million, exactly):
    found = summary(load_network(name, width=0.75))
    assert found["macs"] == exactly
    assert found["macs"] / 1e6 == pytest.approx(million_macs, rel=0.015)
    assert found["parameters"] / 1e6 == pytest.approx(million, rel=0.02)
    wider = load_network(name, width=1.25).nodes
    assert wider["fc1"]["layer"].out_channels == {"mobilenet_v3_large": 1600, "mobilenet_v3_small": 1280}[name]


def grouped_resnet(plan, side, groups, wide):
    """Table 1 of the ResNeXt paper: (side, channels) of the last three stages. ResNet v1.5: one group, not widened."""
    channels, side, found = plan.add(side // 2, 3, 64, 49), side // 4, []
    for stage, count in enumerate((3, 4, 6, 3)):
        width, before = 64 << stage, channels
        for number in range(count):
            inner = plan.add(side, channels, wide * width)
            side //= 2 if stage and number == 0 else 1
            plan.add(side, inner // groups, inner, 9)
            channels = plan.add(side, inner, 4 * width)
        plan.add(side, before, channels)
        found.append((side, channels))
    return found[1:]


def retinanet(classes, groups, wide):
    """torchvision's, at 800 x 800; and the weights and biases of the two heads of one level."""
    plan = Plan()
    for side, channels in grouped_resnet(plan, 800, groups, wide):
        plan.add(side, channels, 256, norm=False)
        plan.add(side, 256, 256, 9, norm=False)
    for side in (13, 7):
        plan.add(side, 256, 256, 9, norm=False)
    for side in (100, 50, 25, 13, 7):
        before = plan.found()[1]
        for outputs in (256, 256, 256, 256, 9 * classes, 256, 256, 256, 256, 9 * 4):
            plan.add(side, 256, outputs, 9, norm=False)
    return plan, plan.found()[1] - before


@pytest.mark.parametrize(
    # torchvision: gigaoperations are multiply-accumulates; the count holds two numbers a normalised channel
    ("groups", "wide", "giga", "parameters"),
    [(1, 1, 4.09, 25_557_032), (32, 2, 4.23, 25_028_904)],
)
def test_plan_of_resnext_is_that_of_torchvision(groups, wide, giga, parameters):
    plan = Plan()
    grouped_resnet(plan, 224, groups, wide)
    plan.add(1, 2048, 1000, norm=False)
    assert plan.found()[1] + 2 * plan.normalised == parameters
    assert plan.macs / 1e9 == pytest.approx(giga, abs=0.005)


def test_retinanet_is_the_sum_of_its_plan():
    # torchvision, on ResNet-50 with 91 classes: heads once, normalisations frozen and not counted
    plan, head = retinanet(91, 1, 1)
    assert plan.found()[1] - 4 * head == 34_014_999
    assert plan.macs / 1e9 == pytest.approx(151.54, abs=0.005)
    # The bodies of torchvision's ResNet-50 and ResNeXt-50 without their normalisations, and the further classes
    plan, head = retinanet(264, 32, 2)
    bodies = (25_028_904 - 2 * 34_112) - (25_557_032 - 2 * 26_560)
    assert plan.found()[1] - 4 * head == 34_014_999 + bodies + (264 - 91) * 9 * (9 * 256 + 1) == 37_060_652
    assert plan.normalised == 34_112
    assert plan.found() == PUBLISHED["retinanet_resnext50"]


def test_maps_of_retinanet():
    graph = load_network("retinanet_resnext50")
    layers = [graph.nodes[name]["layer"] for name in graph if graph.out_degree(name) == 0]
    maps = [(each.out_channels, each.out_height) for each in layers]
    assert maps == [(channels, side) for channels in (9 * 264, 9 * 4) for side in (100, 50, 25, 13, 7)]
    assert sum(channels // 4 * side**2 for channels, side in maps[5:]) == 120_087  # boxes, as in NVIDIA's submissions
    assert set(graph.predecessors("level6")) == {"level5"}
    assert set(graph.successors("level6")) == {"level6_relu", "head6_classes_conv1", "head6_boxes_conv1"}
    block = graph.nodes["res3a_branch2b"]["layer"]
    assert (block.groups, block.in_channels, block.out_channels, block.stride) == (32, 8, 8, (2, 2))
    fewer = summary(load_network("retinanet_resnext50", classes=91))
    places = sum(side**2 for side in (100, 50, 25, 13, 7))
    assert summary(graph)["macs"] - fewer["macs"] == (264 - 91) * 9 * 9 * 256 * places


@pytest.mark.parametrize(
    ("name", "layer", "least"),
    # 29 is torchvision's own limit, 75 Keras'.
    [("densenet121", "pool3", 29), ("inception_resnet_v2", "mixed7_a_conv2", 75)],
)
def test_images_that_are_too_small(name, layer, least):
    load_network(name, image_size=least)
    with pytest.raises(NetworkError, match=rf"{name}: {layer}: image: is too small.*at least {least} x {least}"):
        load_network(name, image_size=least - 1)
