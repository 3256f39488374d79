"""EfficientNet (M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019), and
its authors' two families without squeeze and excitation: lite for any small chip, edgetpu for one.

All pad as TensorFlow's "same" and scale one plan of blocks in width, depth and image size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .mobilenet import by_8


@dataclass(frozen=True)
class _Blocks:
    """Blocks of one kind in a row."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    fused: bool = False
    """One convolution widens, instead of a 1x1 and a depthwise one."""
    from_channels: int = 0
    """What the expansion counts from, where that is not what the block reads."""
    residual: bool = True


_PLAN = (
    _Blocks(1, 3, 1, 1, 16),
    _Blocks(2, 3, 2, 6, 24),
    _Blocks(2, 5, 2, 6, 40),
    _Blocks(3, 3, 2, 6, 80),
    _Blocks(3, 5, 1, 6, 112),
    _Blocks(4, 5, 2, 6, 192),
    _Blocks(1, 3, 1, 6, 320),
)
"""Table 1 of the paper."""

_PLAN_EDGETPU = (
    _Blocks(1, 3, 1, 4, 24, fused=True, from_channels=24, residual=False),
    _Blocks(2, 3, 2, 8, 32, fused=True),
    _Blocks(4, 3, 2, 8, 48, fused=True),
    _Blocks(5, 5, 2, 8, 96),
    _Blocks(4, 5, 1, 8, 144),
    _Blocks(2, 5, 2, 8, 192),
)


@dataclass(frozen=True)
class _Family:
    """What the members of a family share."""

    plan: Sequence[_Blocks]
    activation: str
    excite: bool
    fixed_ends: bool
    """Stem, last convolution and the depth of the first and last blocks do not scale."""


_CLASSIC = _Family(_PLAN, "silu", excite=True, fixed_ends=False)
_LITE = _Family(_PLAN, "relu", excite=False, fixed_ends=True)
_EDGETPU = _Family(_PLAN_EDGETPU, "relu", excite=False, fixed_ends=False)


def build_efficientnet_b0(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """EfficientNet-B0."""
    return _build("efficientnet_b0", _CLASSIC, 1.0, 1.0, image_size, classes)


def build_efficientnet_b1(image_size: ImageSize = 240, classes: int = 1000) -> Graph:
    """EfficientNet-B1."""
    return _build("efficientnet_b1", _CLASSIC, 1.0, 1.1, image_size, classes)


def build_efficientnet_b2(image_size: ImageSize = 260, classes: int = 1000) -> Graph:
    """EfficientNet-B2."""
    return _build("efficientnet_b2", _CLASSIC, 1.1, 1.2, image_size, classes)


def build_efficientnet_b3(image_size: ImageSize = 300, classes: int = 1000) -> Graph:
    """EfficientNet-B3."""
    return _build("efficientnet_b3", _CLASSIC, 1.2, 1.4, image_size, classes)


def build_efficientnet_b4(image_size: ImageSize = 380, classes: int = 1000) -> Graph:
    """EfficientNet-B4."""
    return _build("efficientnet_b4", _CLASSIC, 1.4, 1.8, image_size, classes)


def build_efficientnet_lite0(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """EfficientNet-lite0."""
    return _build("efficientnet_lite0", _LITE, 1.0, 1.0, image_size, classes)


def build_efficientnet_lite1(image_size: ImageSize = 240, classes: int = 1000) -> Graph:
    """EfficientNet-lite1."""
    return _build("efficientnet_lite1", _LITE, 1.0, 1.1, image_size, classes)


def build_efficientnet_lite2(image_size: ImageSize = 260, classes: int = 1000) -> Graph:
    """EfficientNet-lite2."""
    return _build("efficientnet_lite2", _LITE, 1.1, 1.2, image_size, classes)


def build_efficientnet_lite3(image_size: ImageSize = 280, classes: int = 1000) -> Graph:
    """EfficientNet-lite3."""
    return _build("efficientnet_lite3", _LITE, 1.2, 1.4, image_size, classes)


def build_efficientnet_lite4(image_size: ImageSize = 300, classes: int = 1000) -> Graph:
    """EfficientNet-lite4."""
    return _build("efficientnet_lite4", _LITE, 1.4, 1.8, image_size, classes)


def build_efficientnet_edgetpu_s(image_size: ImageSize = 224, classes: int = 1001) -> Graph:
    """EfficientNet-EdgeTPU small; one class is the background."""
    return _build("efficientnet_edgetpu_s", _EDGETPU, 1.0, 1.0, image_size, classes)


def build_efficientnet_edgetpu_m(image_size: ImageSize = 240, classes: int = 1001) -> Graph:
    """EfficientNet-EdgeTPU medium; one class is the background."""
    return _build("efficientnet_edgetpu_m", _EDGETPU, 1.0, 1.1, image_size, classes)


def build_efficientnet_edgetpu_l(image_size: ImageSize = 300, classes: int = 1001) -> Graph:
    """EfficientNet-EdgeTPU large; one class is the background."""
    return _build("efficientnet_edgetpu_l", _EDGETPU, 1.2, 1.4, image_size, classes)


def classic(width: float, depth: float, image_size: ImageSize, classes: int) -> Graph:
    """The paper's plan, as wide and deep as two factors say."""
    return _build("efficientnet", _CLASSIC, width, depth, image_size, classes)


def _build(name: str, family: _Family, width: float, depth: float, image_size: ImageSize, classes: int) -> Graph:
    """Stem, blocks, last convolution, classifier."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    ends = 1.0 if family.fixed_ends else width
    x = net.image(image_size)
    x = net.conv(x, by_8(32 * ends), 3, stride=2, padding="same", activation=family.activation, name="stem")
    number, last = 0, len(family.plan) - 1
    for place, blocks in enumerate(family.plan):
        as_planned = family.fixed_ends and place in (0, last)
        repeats = blocks.repeats if as_planned else math.ceil(blocks.repeats * depth)
        for repeat in range(repeats):
            number += 1
            x = _block(net, x, f"block{number}", family, blocks, by_8(blocks.channels * width), repeat, width)
    x = net.conv(x, by_8(1280 * ends), 1, activation=family.activation, name="head")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _block(
    net: NetworkBuilder,
    x: Output,
    name: str,
    family: _Family,
    blocks: _Blocks,
    channels: int,
    repeat: int,
    width: float,
) -> Output:
    """Widen, convolve each channel, excite, narrow; a residual where the shape is kept."""
    stride = 1 if repeat else blocks.stride
    base = by_8(blocks.from_channels * width) if blocks.from_channels and not repeat else x.channels
    y = x
    act = family.activation
    if blocks.fused:
        # The authors' code halves the image in the 1x1 behind it.
        y = net.conv(y, base * blocks.expansion, blocks.kernel, padding="same", activation=act, name=f"{name}_expand")
    else:
        if blocks.expansion != 1:
            y = net.conv(y, base * blocks.expansion, 1, activation=act, name=f"{name}_expand")
        y = net.depthwise(y, blocks.kernel, stride=stride, padding="same", activation=act, name=f"{name}_depthwise")
    if family.excite:
        y = excite(net, y, name, max(1, x.channels // 4))
    y = net.conv(y, channels, 1, stride=stride if blocks.fused else 1, name=f"{name}_project")
    kept = stride == 1 and x.channels == channels and blocks.residual
    return net.add(y, x, name=f"{name}_add") if kept else y


def excite(net: NetworkBuilder, x: Output, name: str, narrow: int, activation: str = "silu") -> Output:
    """Weigh the channels by what their means say, through a layer of `narrow` channels."""
    y = net.global_pool(x, name=f"{name}_squeeze")
    y = net.conv(y, narrow, 1, bias=True, activation=activation, name=f"{name}_reduce")
    y = net.conv(y, x.channels, 1, bias=True, activation="sigmoid", name=f"{name}_excite")
    return net.vector("mul", x, y, name=f"{name}_scale")


NETWORKS = {
    "efficientnet_b0": build_efficientnet_b0,
    "efficientnet_b1": build_efficientnet_b1,
    "efficientnet_b2": build_efficientnet_b2,
    "efficientnet_b3": build_efficientnet_b3,
    "efficientnet_b4": build_efficientnet_b4,
    "efficientnet_lite0": build_efficientnet_lite0,
    "efficientnet_lite1": build_efficientnet_lite1,
    "efficientnet_lite2": build_efficientnet_lite2,
    "efficientnet_lite3": build_efficientnet_lite3,
    "efficientnet_lite4": build_efficientnet_lite4,
    "efficientnet_edgetpu_s": build_efficientnet_edgetpu_s,
    "efficientnet_edgetpu_m": build_efficientnet_edgetpu_m,
    "efficientnet_edgetpu_l": build_efficientnet_edgetpu_l,
}
