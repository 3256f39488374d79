"""YOLOv5 release 6 (G. Jocher et al., YOLOv5, doi:10.5281/zenodo.3908559) and YOLOv8 (G. Jocher et al., Ultralytics YOLOv8,
2023), up to their output maps.

Decoding the boxes is not part of the network. `activation` is `silu` as trained by the authors; vendors of edge chips often
retrain with `relu`. The letters n, s, m, l, x scale one plan in depth and width.
"""

import math
from collections.abc import Callable

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

_V5 = {"n": (1 / 3, 0.25), "s": (1 / 3, 0.5), "m": (2 / 3, 0.75), "l": (1.0, 1.0), "x": (4 / 3, 1.25)}
"""Depth, width."""

_V8 = {
    "n": (1 / 3, 0.25, 1024),
    "s": (1 / 3, 0.5, 1024),
    "m": (2 / 3, 0.75, 768),
    "l": (1.0, 1.0, 512),
    "x": (1.0, 1.25, 512),
}
"""Depth, width, most channels before the width counts."""


def build_yolov5n(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 nano."""
    return _build_v5("n", image_size, classes, activation)


def build_yolov5s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 small."""
    return _build_v5("s", image_size, classes, activation)


def build_yolov5m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 medium."""
    return _build_v5("m", image_size, classes, activation)


def build_yolov5l(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 large."""
    return _build_v5("l", image_size, classes, activation)


def build_yolov5x(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 extra large."""
    return _build_v5("x", image_size, classes, activation)


def build_yolov8n(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 nano."""
    return _build_v8("n", image_size, classes, activation)


def build_yolov8s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 small."""
    return _build_v8("s", image_size, classes, activation)


def build_yolov8m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 medium."""
    return _build_v8("m", image_size, classes, activation)


def build_yolov8l(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 large."""
    return _build_v8("l", image_size, classes, activation)


def build_yolov8x(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 extra large."""
    return _build_v8("x", image_size, classes, activation)


Block = Callable[[Output, int, int, bool, str], Output]
"""Makes (value, channels, pairs, whether with residuals, name) a block: `Parts.c3` or `Parts.c2f`."""


class Parts:
    """The pieces that both versions are made of, with one activation."""

    def __init__(self, name: str, image_size: ImageSize, classes: int, activation: str, what: str = "classes") -> None:
        if activation not in ("silu", "relu"):
            raise NetworkError(f"{name}: activation: must be 'silu' or 'relu', got {activation!r}")
        self.net = NetworkBuilder(name, {"image_size": image_size, what: classes, "activation": activation})
        self.activation = activation

    def conv(self, x: Output, channels: int, kernel: int, name: str, stride: int = 1) -> Output:
        """Convolution that keeps the size or halves it, and the activation."""
        act = self.activation
        return self.net.conv(x, channels, kernel, stride=stride, padding=kernel // 2, activation=act, name=name)

    def pair(self, x: Output, channels: int, kernels: tuple[int, int], short: bool, name: str) -> Output:
        """Two convolutions, with a residual where `short`."""
        y = self.conv(self.conv(x, channels, kernels[0], f"{name}_conv1"), channels, kernels[1], f"{name}_conv2")
        return self.net.add(x, y, name=f"{name}_add") if short else y

    def c3(
        self, x: Output, channels: int, count: int, short: bool, name: str, kernels: tuple[int, int] = (1, 3)
    ) -> Output:
        """`count` pairs on half the channels, the other half passing by."""
        half = channels // 2
        y, by = self.conv(x, half, 1, f"{name}_in"), self.conv(x, half, 1, f"{name}_by")
        for number in range(1, count + 1):
            y = self.pair(y, half, kernels, short, f"{name}_{number}")
        return self.conv(self.net.concat(y, by, name=f"{name}_concat"), channels, 1, f"{name}_out")

    def c2f(self, x: Output, channels: int, count: int, short: bool, name: str) -> Output:
        """`count` pairs on half the channels one after another, the values of all joined."""
        half = channels // 2
        return self.chain(x, channels, half, count, lambda y, each: self.pair(y, half, (3, 3), short, each), name)

    def chain(
        self, x: Output, channels: int, inner: int, count: int, link: Callable[[Output, str], Output], name: str
    ) -> Output:
        """`count` links on `inner` channels one after another, the values of all joined with as many that pass by.

        link: makes (value, name) the next value.
        """
        y = self.conv(x, 2 * inner, 1, f"{name}_in")
        joined, y = [y], y.part(inner)
        for number in range(1, count + 1):
            y = link(y, f"{name}_{number}")
            joined.append(y)
        return self.conv(self.net.concat(*joined, name=f"{name}_concat"), channels, 1, f"{name}_out")

    def larger(self, x: Output, name: str) -> Output:
        """Transposed convolution 2x2 of stride 2: a 1x1 whose channels become blocks of pixels. Its bias is not counted."""
        return self.net.conv(x, 4 * x.channels, 1, name=f"{name}_larger").spread(2)

    def pyramid(self, x: Output, name: str) -> Output:
        """Three pools one after another, all four values joined."""
        y = self.conv(x, x.channels // 2, 1, f"{name}_in")
        levels = [y]
        for number in range(1, 4):
            y = self.net.pool(y, 5, stride=1, padding=2, name=f"{name}_pool{number}")
            levels.append(y)
        return self.conv(self.net.concat(*levels, name=f"{name}_concat"), x.channels, 1, f"{name}_out")

    def neck(self, block: Block, top: Output, kept: list[Output], thin: bool, few: int) -> list[Output]:
        """The way up and the way down: three maps, the finest first, of `few` pairs a block.

        kept: outputs of the stages, the last of which leads to `top`. thin: a convolution halves the middle map first.
        """
        middle = block(self.join(top, kept[2], "up1", larger=True), kept[2].channels, few, False, "neck1")
        if thin:
            middle = self.conv(middle, kept[1].channels, 1, "middle")
        outputs = [block(self.join(middle, kept[1], "up2", larger=True), kept[1].channels, few, False, "neck2")]
        for number, (skip, stage) in enumerate(((middle, kept[2]), (top, kept[3])), start=3):
            x = self.conv(outputs[-1], outputs[-1].channels, 3, f"neck{number}_down", 2)
            outputs.append(block(self.join(x, skip, f"join{number}"), stage.channels, few, False, f"neck{number}"))
        return outputs

    def join(self, x: Output, skip: Output, name: str, larger: bool = False) -> Output:
        """Put x, made `larger` first, before a value that was made earlier."""
        x = self.net.resize(x, 2, name=f"{name}_resize") if larger else x
        return self.net.concat(x, skip, name=name)


def scaled(channels: float) -> int:
    """Next multiple of 8."""
    return math.ceil(channels / 8) * 8


def _build_v5(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone and neck, three maps."""
    parts = Parts(f"yolov5{size}", image_size, classes, activation)
    for number, x in enumerate(features_v5(parts, size, image_size), start=1):
        parts.net.conv(x, 3 * (5 + classes), 1, bias=True, name=f"map{number}")
    return parts.net.build()


def features_v5(parts: Parts, size: str, image_size: ImageSize) -> list[Output]:
    """YOLOv5 without its maps: backbone, the way up and the way down; three values, the finest first."""
    depth, width = _V5[size]
    net = parts.net
    act = parts.activation
    wide = [scaled(channels * width) for channels in (64, 128, 256, 512, 1024)]
    counts = [max(1, round(count * depth)) for count in (3, 6, 9, 3)]
    x = net.conv(net.image(image_size, 32), wide[0], 6, stride=2, padding=2, activation=act, name="conv0")
    kept = []
    for stage, count in enumerate(counts, start=1):
        x = parts.c3(parts.conv(x, wide[stage], 3, f"down{stage}", 2), wide[stage], count, True, f"stage{stage}")
        kept.append(x)
    top = parts.conv(parts.pyramid(x, "pyramid"), wide[3], 1, "top")
    return parts.neck(parts.c3, top, kept, True, counts[0])


def _build_v8(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone and neck, three maps of boxes and of classes."""
    parts = Parts(f"yolov8{size}", image_size, classes, activation)
    detect_v8(parts, features_v8(parts, size, image_size), classes)
    return parts.net.build()


def features_v8(parts: Parts, size: str, image_size: ImageSize) -> list[Output]:
    """YOLOv8 without its heads: backbone, the way up and the way down; three values, the finest first."""
    depth, width, most = _V8[size]
    wide = [scaled(min(channels, most) * width) for channels in (64, 128, 256, 512, 1024)]
    counts = [max(1, round(count * depth)) for count in (3, 6, 6, 3)]
    x = parts.conv(parts.net.image(image_size, 32), wide[0], 3, "conv0", 2)
    kept = []
    for stage, count in enumerate(counts, start=1):
        x = parts.c2f(parts.conv(x, wide[stage], 3, f"down{stage}", 2), wide[stage], count, True, f"stage{stage}")
        kept.append(x)
    return parts.neck(parts.c2f, parts.pyramid(x, "pyramid"), kept, False, counts[0])


def detect_v8(parts: Parts, found: list[Output], classes: int) -> None:
    """Maps of boxes and of classes for each of three values, whose finest sets the widths."""
    narrow, wide = head_widths(found[0].channels, classes)
    for number, x in enumerate(found, start=1):
        for what, channels, last in (("boxes", narrow, 64), ("classes", wide, classes)):
            y = parts.pair(x, channels, (3, 3), False, f"head{number}_{what}")
            parts.net.conv(y, last, 1, bias=True, name=f"map{number}_{what}")


def head_widths(channels: int, classes: int) -> tuple[int, int]:
    """Channels inside the heads of boxes and of classes, from those of the finest value."""
    return max(16, channels // 4, 64), max(channels, min(classes, 100))


_BUILDERS: tuple[Callable[..., Graph], ...] = (
    build_yolov5n, build_yolov5s, build_yolov5m, build_yolov5l, build_yolov5x,
    build_yolov8n, build_yolov8s, build_yolov8m, build_yolov8l, build_yolov8x,
)  # fmt: skip

NETWORKS = {function.__name__.removeprefix("build_"): function for function in _BUILDERS}
