"""ResNet version 2 (K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016): normalise first, then convolve.

The normalisation before a block's first convolution has an addition before it, so it folds into no convolution; its scale
and shift are done with the relu behind it and counted with it. `halve` tells the two versions in use apart: "first", as the
ONNX model zoo has it (the first block of a stage halves the image), or "last", as TF-slim and Keras have it.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .resnet import check_halve, stages, stem, stride_of


def build_resnet50_v2(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-50 v2."""
    return _build("resnet50_v2", (3, 4, 6, 3), image_size, classes, halve)


def build_resnet101_v2(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-101 v2."""
    return _build("resnet101_v2", (3, 4, 23, 3), image_size, classes, halve)


def build_resnet152_v2(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-152 v2."""
    return _build("resnet152_v2", (3, 8, 36, 3), image_size, classes, halve)


def _build(name: str, blocks: Sequence[int], image_size: ImageSize, classes: int, halve: str) -> Graph:
    """Stem, four stages, classifier."""
    check_halve(name, halve)
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes, "halve": halve})
    x = stem(net, net.image(image_size), "relu" if halve == "first" else "")
    for stage in range(4):
        x = stages(net, x, stage, blocks[stage], _bottleneck, stride_of(stage, halve == "last"))
    x = net.global_pool(net.vector("relu", x, name="relu5"), name="pool5")
    net.dense(x, classes, name=f"fc{classes}")
    return net.build()


def _bottleneck(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """Relu, then 1x1, 3x3 and 1x1 convolutions; a convolution on the short way reads behind the relu."""
    y = net.vector("relu", x, name=f"{name}_relu")
    short = x
    if x.channels != 4 * width:
        short = net.conv(y, 4 * width, 1, stride=stride, name=f"{name}_branch1")
    elif stride != 1:
        short = net.pool(x, 1, stride=stride, name=f"{name}_branch1")
    y = net.conv(y, width, 1, activation="relu", name=f"{name}_branch2a")
    y = net.conv(y, width, 3, stride=stride, padding=1, activation="relu", name=f"{name}_branch2b")
    return net.add(net.conv(y, 4 * width, 1, name=f"{name}_branch2c"), short, name=name)


NETWORKS = {
    "resnet50_v2": build_resnet50_v2,
    "resnet101_v2": build_resnet101_v2,
    "resnet152_v2": build_resnet152_v2,
}
