"""RetinaNet (T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017), up to its maps of classes and boxes.

`retinanet_resnext50` at 800 x 800 with the 264 classes of Open Images is the detector of MLPerf inference from 2.1 on.
Choosing among the boxes is not part of the network.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .resnet import bottleneck_32x4d, stages, stem, stride_of
from .retinaface import join_coarser

BOXES = 9
CHANNELS = 256


def build_retinanet_resnext50(image_size: ImageSize = 800, classes: int = 264) -> Graph:
    """RetinaNet as MLPerf's reference code and torchvision have it, on ResNeXt-50 32x4d: levels 3 to 7, of which the sixth
    comes from the fifth of the pyramid; 120,087 boxes at 800 x 800.

    Two heads of four 3x3 convolutions serve all levels. Here each level has heads of its own: their parameters count once a
    level, 78.18 million in all where the published network has 37.06. Scores (the sigmoids of the maps) belong to the choice.
    """
    net = NetworkBuilder("retinanet_resnext50", {"image_size": image_size, "classes": classes})
    x = stem(net, net.image(image_size))
    found = []
    for stage, count in enumerate((3, 4, 6, 3)):
        x = stages(net, x, stage, count, bottleneck_32x4d, stride_of(stage, last=False))
        found.append(x)
    levels = _pyramid(net, found[1:])
    for what, each in (("classes", classes), ("boxes", 4)):
        for level, x in enumerate(levels, start=3):
            _head(net, x, BOXES * each, f"head{level}_{what}")
    return net.build()


def _pyramid(net: NetworkBuilder, found: list[Output]) -> list[Output]:
    """Levels 3 to 5, joined from the coarsest up, and two coarser ones by convolutions of stride 2."""
    levels: list[Output] = []
    joined = None
    for level, x in zip((5, 4, 3), reversed(found), strict=True):
        fine = net.conv(x, CHANNELS, 1, bias=True, name=f"level{level}_1x1")
        if joined is not None:
            fine = join_coarser(net, fine, joined, f"level{level}")
        joined = fine
        levels.insert(0, net.conv(fine, CHANNELS, 3, padding=1, bias=True, name=f"level{level}"))
    x = net.conv(levels[-1], CHANNELS, 3, stride=2, padding=1, bias=True, name="level6")
    levels.append(x)
    x = net.vector("relu", x, name="level6_relu")  # the heads read what is before it
    levels.append(net.conv(x, CHANNELS, 3, stride=2, padding=1, bias=True, name="level7"))
    return levels


def _head(net: NetworkBuilder, x: Output, outputs: int, name: str) -> None:
    """Four 3x3 convolutions and that of the map."""
    for number in range(1, 5):
        x = net.conv(x, CHANNELS, 3, padding=1, bias=True, activation="relu", name=f"{name}_conv{number}")
    net.conv(x, outputs, 3, padding=1, bias=True, name=name)


NETWORKS = {"retinanet_resnext50": build_retinanet_resnext50}
