"""ResNet (K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016), its layers named as by the authors.

`resnet50` is version 1.5, which PyTorch ships and MLPerf runs: the stride of a stage is in the 3x3 convolution.
`resnet50_v1` is the paper's, with the stride in the first 1x1. Version 2 is in `resnet_v2`.
"""

from collections.abc import Callable, Sequence

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize


def build_resnet18(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ResNet-18: basic blocks of two 3x3 convolutions."""
    return _build("resnet18", (2, 2, 2, 2), basic, image_size, classes)


def build_resnet34(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ResNet-34: basic blocks of two 3x3 convolutions."""
    return _build("resnet34", (3, 4, 6, 3), basic, image_size, classes)


def build_resnet50(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ResNet-50 v1.5."""
    return _build("resnet50", (3, 4, 6, 3), bottleneck_v1_5, image_size, classes)


def build_resnet50_reid(image_size: int = 256, image_width: int = 128) -> Graph:
    """ResNet-50 v1.5 as used to tell persons apart: an upright image of that height and width, 2,048 features, no classes."""
    net = NetworkBuilder("resnet50_reid", {"image_size": image_size, "image_width": image_width})
    x = stem(net, net.input(3, image_size, image_width))
    for stage, count in enumerate((3, 4, 6, 3)):
        x = stages(net, x, stage, count, bottleneck_v1_5, stride_of(stage, last=False))
    net.global_pool(x, name="pool5")
    return net.build()


def build_resnet101(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ResNet-101 v1.5."""
    return _build("resnet101", (3, 4, 23, 3), bottleneck_v1_5, image_size, classes)


def build_resnet152(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """ResNet-152 v1.5."""
    return _build("resnet152", (3, 8, 36, 3), bottleneck_v1_5, image_size, classes)


def build_resnet50_v1(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-50 of the paper: stride in the first 1x1. `halve`: "first", or "last" for TF-slim's."""
    return _build_v1("resnet50_v1", (3, 4, 6, 3), image_size, classes, halve)


def build_resnet101_v1(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-101 of the paper: stride in the first 1x1. `halve`: "first", or "last" for TF-slim's."""
    return _build_v1("resnet101_v1", (3, 4, 23, 3), image_size, classes, halve)


def build_resnet152_v1(image_size: ImageSize = 224, classes: int = 1000, halve: str = "first") -> Graph:
    """ResNet-152 of the paper: stride in the first 1x1. `halve`: "first", or "last" for TF-slim's."""
    return _build_v1("resnet152_v1", (3, 8, 36, 3), image_size, classes, halve)


def _build_v1(name: str, blocks: Sequence[int], image_size: ImageSize, classes: int, halve: str) -> Graph:
    """Version 1. TF-slim halves the image in the 3x3 of a stage's last block, so more blocks see the smaller image."""
    check_halve(name, halve)
    block = _bottleneck_v1 if halve == "first" else bottleneck_v1_5
    return _build(name, blocks, block, image_size, classes, {"halve": halve})


Block = Callable[[NetworkBuilder, Output, str, int, int], Output]


def _build(
    name: str,
    blocks: Sequence[int],
    block: Block,
    image_size: ImageSize,
    classes: int,
    more: dict[str, str] | None = None,
) -> Graph:
    """Stem, four stages of `blocks` blocks each, classifier."""
    more = more or {}
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes, **more})
    x = stem(net, net.image(image_size))
    for stage in range(4):
        x = stages(net, x, stage, blocks[stage], block, stride_of(stage, more.get("halve") == "last"))
    x = net.global_pool(x, name="pool5")
    net.dense(x, classes, name=f"fc{classes}")
    return net.build()


def check_halve(name: str, halve: str) -> None:
    """Raise NetworkError for a value of `halve` that there is not."""
    if halve not in ("first", "last"):
        raise NetworkError(f"{name}: halve: must be 'first' or 'last', got {halve!r}")


def stem(net: NetworkBuilder, x: Output, activation: str = "relu") -> Output:
    """7x7 convolution and pool: a quarter of the image."""
    x = net.conv(x, 64, 7, stride=2, padding=3, activation=activation, name="conv1")
    return net.pool(x, 3, stride=2, padding=1, name="pool1")


def stride_of(stage: int, last: bool) -> tuple[int, int]:
    """(stride of the first block, of the last) of a stage. The first stage follows the pool, which has halved the image."""
    if last:
        return (1, 2 if stage < 3 else 1)
    return (2 if stage > 0 else 1, 1)


def stages(net: NetworkBuilder, x: Output, stage: int, count: int, block: Block, strides: tuple[int, int]) -> Output:
    """One stage of `count` blocks; `strides` of the first and of the last."""
    for number in range(count):
        stride = strides[0] if number == 0 else strides[1] if number == count - 1 else 1
        x = block(net, x, f"res{stage + 2}{_letter(number, count)}", 64 << stage, stride)
    return x


def _letter(number: int, count: int) -> str:
    """Name of a block: a, b, c, ... in short stages, a, b1, b2, ... in long ones, as the authors' files have it."""
    if count <= 6:
        return "abcdef"[number]
    return "a" if number == 0 else f"b{number}"


def basic(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """Two 3x3 convolutions beside the identity, or beside a 1x1 where the shape changes."""
    short = x
    if stride != 1 or x.channels != width:
        short = net.conv(x, width, 1, stride=stride, name=f"{name}_branch1")
    y = net.conv(x, width, 3, stride=stride, padding=1, activation="relu", name=f"{name}_branch2a")
    y = net.conv(y, width, 3, padding=1, name=f"{name}_branch2b")
    return net.add(y, short, activation="relu", name=name)


def _bottleneck(
    net: NetworkBuilder, x: Output, name: str, width: int, stride: int, strides: tuple[int, int],
    inner: int = 0, groups: int = 1,
) -> Output:  # fmt: skip
    """1x1, 3x3, 1x1 convolutions; `strides` of the first two. inner: channels within, `width` if 0, in `groups`."""
    inner = inner or width
    short = x
    if x.channels != 4 * width:
        short = net.conv(x, 4 * width, 1, stride=stride, name=f"{name}_branch1")
    elif stride != 1:
        short = net.pool(x, 1, stride=stride, name=f"{name}_branch1")
    y = net.conv(x, inner, 1, stride=strides[0], activation="relu", name=f"{name}_branch2a")
    y = net.conv(y, inner, 3, stride=strides[1], padding=1, groups=groups, activation="relu", name=f"{name}_branch2b")
    y = net.conv(y, 4 * width, 1, name=f"{name}_branch2c")
    return net.add(y, short, activation="relu", name=name)


def _bottleneck_v1(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    return _bottleneck(net, x, name, width, stride, (stride, 1))


def bottleneck_v1_5(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """1x1, 3x3 with the stride, 1x1 convolutions."""
    return _bottleneck(net, x, name, width, stride, (1, stride))


def bottleneck_32x4d(net: NetworkBuilder, x: Output, name: str, width: int, stride: int) -> Output:
    """The block of ResNeXt 32x4d (S. Xie et al., CVPR 2017): twice the channels within, in 32 groups."""
    return _bottleneck(net, x, name, width, stride, (1, stride), inner=2 * width, groups=32)


NETWORKS = {
    "resnet18": build_resnet18,
    "resnet34": build_resnet34,
    "resnet50": build_resnet50,
    "resnet50_reid": build_resnet50_reid,
    "resnet101": build_resnet101,
    "resnet152": build_resnet152,
    "resnet50_v1": build_resnet50_v1,
    "resnet101_v1": build_resnet101_v1,
    "resnet152_v1": build_resnet152_v1,
}
