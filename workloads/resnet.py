"""ResNet (K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016), its layers named as by the authors.

`resnet50` is version 1.5, which PyTorch ships and MLPerf runs: the stride of a stage is in the 3x3 convolution.
`resnet50_v1` is the paper's, with the stride in the first 1x1.
"""

from collections.abc import Callable, Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output


def build_resnet18(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-18: basic blocks of two 3x3 convolutions."""
    return _build("resnet18", (2, 2, 2, 2), _basic, image_size, classes)


def build_resnet34(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-34: basic blocks of two 3x3 convolutions."""
    return _build("resnet34", (3, 4, 6, 3), _basic, image_size, classes)


def build_resnet50(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-50 v1.5."""
    return _build("resnet50", (3, 4, 6, 3), _bottleneck_v1_5, image_size, classes)


def build_resnet101(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-101 v1.5."""
    return _build("resnet101", (3, 4, 23, 3), _bottleneck_v1_5, image_size, classes)


def build_resnet152(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-152 v1.5."""
    return _build("resnet152", (3, 8, 36, 3), _bottleneck_v1_5, image_size, classes)


def build_resnet50_v1(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-50 of the paper: stride in the first 1x1."""
    return _build("resnet50_v1", (3, 4, 6, 3), _bottleneck_v1, image_size, classes)


def build_resnet101_v1(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-101 of the paper: stride in the first 1x1."""
    return _build("resnet101_v1", (3, 4, 23, 3), _bottleneck_v1, image_size, classes)


def build_resnet152_v1(image_size: int = 224, classes: int = 1000) -> Graph:
    """ResNet-152 of the paper: stride in the first 1x1."""
    return _build("resnet152_v1", (3, 8, 36, 3), _bottleneck_v1, image_size, classes)


def _build(
    name: str,
    blocks: Sequence[int],
    block: Callable[[NetworkBuilder, Output, str, int, int], Output],
    image_size: int,
    classes: int,
) -> Graph:
    """Stem, four stages of `blocks` blocks each, classifier."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    x = net.input(3, image_size, image_size)
    x = net.conv(x, 64, 7, stride=2, padding=3, activation="relu", name="conv1")
    x = net.pool(x, 3, stride=2, padding=1, name="pool1")
    for stage, count in enumerate(blocks):
        for number in range(count):
            # The first stage follows the pool, which has already halved the image.
            stride = 2 if number == 0 and stage > 0 else 1
            x = block(net, x, f"res{stage + 2}{_letter(number, count)}", 64 << stage, stride)
    x = net.global_pool(x, name="pool5")
    net.dense(x, classes, name=f"fc{classes}")
    return net.build()


def _letter(number: int, count: int) -> str:
    """Name of a block: a, b, c, ... in short stages, a, b1, b2, ... in long ones, as the authors' files have it."""
    if count <= 6:
        return "abcdef"[number]
    return "a" if number == 0 else f"b{number}"


def _basic(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """Two 3x3 convolutions beside the identity, or beside a 1x1 where the shape changes."""
    short = x
    if stride != 1 or x.channels != width:
        short = net.conv(x, width, 1, stride=stride, name=f"{name}_branch1")
    y = net.conv(x, width, 3, stride=stride, padding=1, activation="relu", name=f"{name}_branch2a")
    y = net.conv(y, width, 3, padding=1, name=f"{name}_branch2b")
    return net.add(y, short, activation="relu", name=name)


def _bottleneck(
    net: NetworkBuilder, x: Output, name: str, width: int, stride: int, strides: tuple[int, int] = (1, 1)
) -> Output:
    """1x1, 3x3, 1x1 convolutions; `strides` of the first two."""
    short = x
    if stride != 1 or x.channels != 4 * width:
        short = net.conv(x, 4 * width, 1, stride=stride, name=f"{name}_branch1")
    y = net.conv(x, width, 1, stride=strides[0], activation="relu", name=f"{name}_branch2a")
    y = net.conv(y, width, 3, stride=strides[1], padding=1, activation="relu", name=f"{name}_branch2b")
    y = net.conv(y, 4 * width, 1, name=f"{name}_branch2c")
    return net.add(y, short, activation="relu", name=name)


def _bottleneck_v1(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    return _bottleneck(net, x, name, width, stride, (stride, 1))


def _bottleneck_v1_5(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    return _bottleneck(net, x, name, width, stride, (1, stride))


NETWORKS = {
    "resnet18": build_resnet18,
    "resnet34": build_resnet34,
    "resnet50": build_resnet50,
    "resnet101": build_resnet101,
    "resnet152": build_resnet152,
    "resnet50_v1": build_resnet50_v1,
    "resnet101_v1": build_resnet101_v1,
    "resnet152_v1": build_resnet152_v1,
}
