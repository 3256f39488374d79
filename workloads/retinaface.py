"""RetinaFace (J. Deng et al., CVPR 2020) as its PyTorch version has it: without the branch of dense faces and with plain
convolutions, up to its output maps of faces, boxes and five points of a face.

Two boxes a place of three maps. On ResNet-50, and on MobileNet v1 with a quarter of the channels.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .mobilenet import features_v1
from .resnet import bottleneck_v1_5, stages, stem, stride_of

BOXES = 2


def build_retinaface_resnet50(image_size: ImageSize = 640) -> Graph:
    """RetinaFace on ResNet-50 v1.5, whose last three stages lead to 256 channels each."""
    net = NetworkBuilder("retinaface_resnet50", {"image_size": image_size})
    x = stem(net, net.image(image_size))
    found = []
    for stage, count in enumerate((3, 4, 6, 3)):
        x = stages(net, x, stage, count, bottleneck_v1_5, stride_of(stage, last=False))
        found.append(x)
    return _heads(net, found[1:], 256)


def build_retinaface_mobilenet(image_size: ImageSize = 640) -> Graph:
    """RetinaFace on MobileNet v1, width 0.25, of which three values lead to 64 channels each."""
    net = NetworkBuilder("retinaface_mobilenet", {"image_size": image_size})
    found = features_v1(net, net.image(image_size), 0.25, padding=1)
    return _heads(net, [found[5], found[11], found[13]], 64)


def _heads(net: NetworkBuilder, found: list[Output], channels: int) -> Graph:
    """Each of three values of one width, joined from the coarsest up; then contexts and three 1x1 each."""
    levels = [
        net.conv(x, channels, 1, activation="relu", name=f"level{number}") for number, x in enumerate(found, start=1)
    ]
    for number in (1, 0):
        x = join_coarser(net, levels[number], levels[number + 1], f"level{number + 1}")
        levels[number] = net.conv(x, channels, 3, padding=1, activation="relu", name=f"level{number + 1}_merge")
    levels = [_context(net, x, f"context{number}") for number, x in enumerate(levels, start=1)]
    for what, outputs in (("boxes", 4), ("faces", 2), ("points", 10)):
        for number, x in enumerate(levels, start=1):
            net.conv(x, BOXES * outputs, 1, bias=True, name=f"map{number}_{what}")
    return net.build()


def join_coarser(net: NetworkBuilder, fine: Output, coarse: Output, name: str) -> Output:
    """Add a value of half the size, enlarged; at odd sizes it is cut to the finer one's."""
    large = net.resize(coarse, 2, name=f"{name}_resize")
    return net.add(fine, Output(large.name, large.channels, fine.height, fine.width), name=f"{name}_add")


def _context(net: NetworkBuilder, x: Output, name: str) -> Output:
    """One, two and three 3x3 convolutions, which share their first ones, joined: what is seen grows from 3 to 7 pixels."""
    half, quarter = x.channels // 2, x.channels // 4
    near = net.conv(x, half, 3, padding=1, name=f"{name}_conv3")
    y = net.conv(x, quarter, 3, padding=1, activation="relu", name=f"{name}_conv5_1")
    wider = net.conv(y, quarter, 3, padding=1, name=f"{name}_conv5_2")
    y = net.conv(y, quarter, 3, padding=1, activation="relu", name=f"{name}_conv7_1")
    widest = net.conv(y, quarter, 3, padding=1, name=f"{name}_conv7_2")
    return net.vector("relu", net.concat(near, wider, widest, name=f"{name}_concat"), name=f"{name}_relu")


NETWORKS = {
    "retinaface_resnet50": build_retinaface_resnet50,
    "retinaface_mobilenet": build_retinaface_mobilenet,
}
