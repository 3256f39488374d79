"""SSD (W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016), up to its maps of boxes and classes.

`ssd_resnet34` at 1200 x 1200 and `ssd_mobilenet_v1` at 300 x 300 are the detectors of MLPerf inference 0.5 to 2.0;
`ssd_mobilenet_v2` is that of the TensorFlow object detection models. Choosing among the boxes is not part of the network.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .mobilenet import features_v1, features_v2
from .resnet import basic, stages, stem


def build_ssd_resnet34(image_size: ImageSize = 1200, classes: int = 81) -> Graph:
    """SSD of MLPerf on ResNet-34, whose fourth stage keeps the image size and whose fifth is left out.

    Heads have stride 3, so that 1200 x 1200 gives maps of 50, 25, 13, 7, 3 and 3 with 15,130 boxes.
    """
    net = NetworkBuilder("ssd_resnet34", {"image_size": image_size, "classes": classes})
    x = stem(net, net.image(image_size))
    for stage, (count, stride) in enumerate(((3, 1), (4, 2), (6, 1))):
        x = stages(net, x, stage, count, basic, (stride, 1))
    maps = [x]
    plan = ((256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 2, 0), (128, 256, 1, 0))
    for number, (narrow, channels, stride, padding) in enumerate(plan, start=1):
        y = net.conv(maps[-1], narrow, 1, bias=True, activation="relu", name=f"extra{number}_1x1")
        y = net.conv(
            y, channels, 3, stride=stride, padding=padding, bias=True, activation="relu", name=f"extra{number}_3x3"
        )
        maps.append(y)
    for number, (x, boxes) in enumerate(zip(maps, (4, 6, 6, 6, 4, 4), strict=True), start=1):
        for what, each in (("boxes", 4), ("classes", classes)):
            net.conv(x, boxes * each, 3, stride=3, padding=1, bias=True, name=f"head{number}_{what}")
    return net.build()


def build_ssd_mobilenet_v1(image_size: ImageSize = 300, classes: int = 91) -> Graph:
    """SSD on MobileNet v1: 1,917 boxes at 300 x 300, heads of 1x1."""
    net = NetworkBuilder("ssd_mobilenet_v1", {"image_size": image_size, "classes": classes})
    found = features_v1(net, net.image(image_size), 1.0)
    maps = [found[11], found[13]]
    for number, (narrow, channels) in enumerate(_EXTRAS, start=1):
        y = net.conv(maps[-1], narrow, 1, activation="relu", name=f"extra{number}_1x1")
        maps.append(net.conv(y, channels, 3, stride=2, padding="same", activation="relu", name=f"extra{number}_3x3"))
    _heads(net, maps, classes, 1)
    return net.build()


def build_ssd_mobilenet_v2(image_size: ImageSize = 300, classes: int = 91) -> Graph:
    """SSD on MobileNet v2: depthwise convolutions between the further maps, heads of 3x3."""
    net = NetworkBuilder("ssd_mobilenet_v2", {"image_size": image_size, "classes": classes})
    last, wide = features_v2(net, net.image(image_size), 1.0)
    maps = [wide["block14"], last]
    for number, (narrow, channels) in enumerate(_EXTRAS, start=1):
        y = net.conv(maps[-1], narrow, 1, activation="relu", name=f"extra{number}_1x1")
        y = net.depthwise(y, 3, stride=2, padding="same", activation="relu", name=f"extra{number}_depthwise")
        maps.append(net.conv(y, channels, 1, activation="relu", name=f"extra{number}_pointwise"))
    _heads(net, maps, classes, 3)
    return net.build()


_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
"""Channels of the 1x1 and of the 3x3 of each step to a smaller map."""


def _heads(net: NetworkBuilder, maps: Sequence[Output], classes: int, kernel: int) -> None:
    """Boxes and classes of each map: three boxes a place of the first, six of the others."""
    for number, x in enumerate(maps, start=1):
        boxes = 3 if number == 1 else 6
        for what, each in (("boxes", 4), ("classes", classes)):
            net.conv(x, boxes * each, kernel, padding=kernel // 2, bias=True, name=f"head{number}_{what}")


NETWORKS = {
    "ssd_resnet34": build_ssd_resnet34,
    "ssd_mobilenet_v1": build_ssd_mobilenet_v1,
    "ssd_mobilenet_v2": build_ssd_mobilenet_v2,
}
