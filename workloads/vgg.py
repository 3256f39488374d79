"""VGG-16 and VGG-19 (K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks...", ICLR 2015: columns D and E).

At another image size than 224 the first dense layer takes whatever the last pool gives, so its weights change.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder
from simulator.reading.sizes import ImageSize


def build_vgg16(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """VGG-16."""
    return _build("vgg16", (2, 2, 3, 3, 3), image_size, classes)


def build_vgg19(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """VGG-19."""
    return _build("vgg19", (2, 2, 4, 4, 4), image_size, classes)


def _build(name: str, depths: Sequence[int], image_size: ImageSize, classes: int) -> Graph:
    """Five stages of 3x3 convolutions and a pool, then three dense layers."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    for stage, (depth, width) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), start=1):
        for number in range(1, depth + 1):
            x = net.conv(x, width, 3, padding=1, bias=True, activation="relu", name=f"conv{stage}_{number}")
        x = net.pool(x, 2, name=f"pool{stage}")
    x = net.dense(x.flat(), 4096, activation="relu", name="fc6")
    x = net.dense(x, 4096, activation="relu", name="fc7")
    net.dense(x, classes, name="fc8")
    return net.build()


NETWORKS = {"vgg16": build_vgg16, "vgg19": build_vgg19}
