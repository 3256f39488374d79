"""MobileNet v3 (A. Howard et al., "Searching for MobileNetV3", ICCV 2019), as torchvision has it.

A hard swish stands as `silu` and a hard sigmoid as `sigmoid`, which are counted with as many operations. `width` scales the
channels as in the authors' code and in Keras: the dense layer before the last grows with it but does not shrink with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .efficientnet import excite
from .mobilenet import by_8


@dataclass(frozen=True)
class _Block:
    """One inverted residual."""

    kernel: int
    expansion: float
    channels: int
    excite: bool = False
    hard: bool = False
    """Hard swish instead of relu."""
    stride: int = 1


_LARGE = (
    _Block(3, 1, 16),
    _Block(3, 4, 24, stride=2),
    _Block(3, 3, 24),
    _Block(5, 3, 40, excite=True, stride=2),
    *(_Block(5, 3, 40, excite=True),) * 2,
    _Block(3, 6, 80, hard=True, stride=2),
    _Block(3, 2.5, 80, hard=True),
    *(_Block(3, 2.3, 80, hard=True),) * 2,
    *(_Block(3, 6, 112, excite=True, hard=True),) * 2,
    _Block(5, 6, 160, excite=True, hard=True, stride=2),
    *(_Block(5, 6, 160, excite=True, hard=True),) * 2,
)
"""Table 1 of the paper; the expansion counts from what a block reads."""

_SMALL = (
    _Block(3, 1, 16, excite=True, stride=2),
    _Block(3, 72 / 16, 24, stride=2),
    _Block(3, 88 / 24, 24),
    _Block(5, 4, 40, excite=True, hard=True, stride=2),
    *(_Block(5, 6, 40, excite=True, hard=True),) * 2,
    *(_Block(5, 3, 48, excite=True, hard=True),) * 2,
    _Block(5, 6, 96, excite=True, hard=True, stride=2),
    *(_Block(5, 6, 96, excite=True, hard=True),) * 2,
)
"""Table 2 of the paper."""


def build_mobilenet_v3_large(image_size: ImageSize = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v3 large of torchvision, with `silu` for hard swish and `sigmoid` for hard sigmoid."""
    return _build("mobilenet_v3_large", _LARGE, 1280, image_size, width, classes)


def build_mobilenet_v3_small(image_size: ImageSize = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v3 small of torchvision, with `silu` for hard swish and `sigmoid` for hard sigmoid."""
    return _build("mobilenet_v3_small", _SMALL, 1024, image_size, width, classes)


def _build(name: str, blocks: Sequence[_Block], last: int, image_size: ImageSize, width: float, classes: int) -> Graph:
    """Stem, blocks, last convolution, two dense layers."""
    net = NetworkBuilder(name, {"image_size": image_size, "width": width, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, by_8(16 * width), 3, stride=2, padding=1, activation="silu", name="conv0")
    for number, block in enumerate(blocks, start=1):
        x = _inverted(net, x, f"block{number}", block, width)
    x = net.conv(x, 6 * x.channels, 1, activation="silu", name="conv_last")
    x = net.dense(net.global_pool(x, name="pool"), by_8(last * max(1.0, width)), activation="silu", name="fc1")
    net.dense(x, classes, name="fc2")
    return net.build()


def _inverted(net: NetworkBuilder, x: Output, name: str, block: _Block, width: float) -> Output:
    """Widen, convolve each channel, excite, narrow; a residual where the shape is kept."""
    act = "silu" if block.hard else "relu"
    channels = by_8(block.channels * width)
    y = x
    if block.expansion != 1:
        y = net.conv(y, by_8(x.channels * block.expansion), 1, activation=act, name=f"{name}_expand")
    padding = block.kernel // 2
    y = net.depthwise(y, block.kernel, stride=block.stride, padding=padding, activation=act, name=f"{name}_depthwise")
    if block.excite:
        y = excite(net, y, name, by_8(y.channels // 4), "relu")  # a quarter of the channels that it weighs
    y = net.conv(y, channels, 1, name=f"{name}_project")
    return net.add(y, x, name=f"{name}_add") if block.stride == 1 and x.channels == channels else y


NETWORKS = {"mobilenet_v3_large": build_mobilenet_v3_large, "mobilenet_v3_small": build_mobilenet_v3_small}
