"""YOLOv6 release 3 (C. Li et al., "YOLOv6 v3.0: A Full-Scale Reloading", arXiv:2301.05586), as used after training: the
convolutions that it trains side by side are one. Up to its output maps.

Relu everywhere but in the heads, whose activation is `silu` as trained by the authors.
"""

from simulator.graph.build import Graph, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts, scaled

_SIZES = {"n": (1 / 3, 0.25, False), "s": (1 / 3, 0.5, False), "m": (0.6, 0.75, True)}
"""Depth, width, whether part of each block passes by."""


def build_yolov6n(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv6 nano."""
    return _build("n", image_size, classes, activation)


def build_yolov6s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv6 small."""
    return _build("s", image_size, classes, activation)


def build_yolov6m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv6 medium: pairs with residuals beside a 1x1, and boxes as distributions."""
    return _build("m", image_size, classes, activation)


def _build(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone of 3x3 convolutions, the way up and the way down, three heads apart for classes and boxes."""
    parts = Parts(f"yolov6{size}", image_size, classes, activation)
    net = parts.net
    parts.activation = "relu"
    depth, width, split = _SIZES[size]
    block = _split if split else _row
    counts = [round(count * depth) for count in (6, 12, 18, 6, 12)]
    wide = [scaled(channels * width) for channels in (64, 128, 256, 512, 1024)]
    x = parts.conv(net.image(image_size, 32), wide[0], 3, "conv0", 2)
    kept = []
    for stage, count in enumerate(counts[:4], start=1):
        x = block(parts, parts.conv(x, wide[stage], 3, f"down{stage}", 2), wide[stage], count, f"stage{stage}")
        kept.append(x)
    x = parts.pyramid(x, "pyramid") if split else _pyramid(parts, x)
    ways: list[Output] = []
    for number, channels in enumerate((wide[2], wide[1]), start=1):
        x = parts.conv(x, channels, 1, f"up{number}_in")
        ways.append(x)
        joined = _fuse(parts, x, kept[3 - number], kept[2 - number], f"up{number}")
        x = block(parts, joined, channels, counts[4], f"neck{number}")
    found = [x]
    for number, (skip, channels) in enumerate(((ways[1], wide[2]), (ways[0], wide[3])), start=3):
        x = parts.conv(x, x.channels, 3, f"neck{number}_down", 2)
        x = block(parts, net.concat(x, skip, name=f"join{number}"), channels, counts[4], f"neck{number}")
        found.append(x)
    parts.activation = activation
    for number, value in enumerate(found, start=1):
        x = parts.conv(value, value.channels, 1, f"head{number}")
        for what, channels in (("classes", classes), ("boxes", 68 if split else 4)):
            y = parts.conv(x, x.channels, 3, f"head{number}_{what}")
            net.conv(y, channels, 1, bias=True, name=f"map{number}_{what}")
    return net.build()


def _row(parts: Parts, x: Output, channels: int, count: int, name: str) -> Output:
    """`count` 3x3 convolutions one after another."""
    for number in range(1, count + 1):
        x = parts.conv(x, channels, 3, f"{name}_conv{number}")
    return x


def _split(parts: Parts, x: Output, channels: int, count: int, name: str) -> Output:
    """Half of `count` pairs of 3x3 convolutions with residuals, on two thirds of the channels, beside one 1x1.

    The one number that scales a residual is left out.
    """
    inner = channels * 2 // 3
    y, by = parts.conv(x, inner, 1, f"{name}_in"), parts.conv(x, inner, 1, f"{name}_by")
    for number in range(1, count // 2 + 1):
        y = parts.pair(y, inner, (3, 3), True, f"{name}_{number}")
    return parts.conv(parts.net.concat(y, by, name=f"{name}_concat"), channels, 1, f"{name}_out")


def _pyramid(parts: Parts, x: Output) -> Output:
    """Three pools of 5 pixels one after another between convolutions, beside one 1x1."""
    half = x.channels // 2
    y = parts.conv(_row(parts, parts.conv(x, half, 1, "pyramid_in"), half, 1, "pyramid"), half, 1, "pyramid_conv2")
    by = parts.conv(x, half, 1, "pyramid_by")
    levels = [y]
    for number in range(1, 4):
        levels.append(parts.net.pool(levels[-1], 5, stride=1, padding=2, name=f"pyramid_pool{number}"))
    y = parts.conv(parts.net.concat(*levels, name="pyramid_concat"), half, 1, "pyramid_conv3")
    y = parts.conv(y, half, 3, "pyramid_conv4")
    return parts.conv(parts.net.concat(by, y, name="pyramid_join"), x.channels, 1, "pyramid_out")


def _fuse(parts: Parts, x: Output, skip: Output, finer: Output, name: str) -> Output:
    """The coarser value enlarged, the one of that size and the finer one halved, all of the same channels, joined."""
    channels = x.channels
    y = parts.larger(x, name)
    across = parts.conv(skip, channels, 1, f"{name}_skip")
    down = parts.conv(parts.conv(finer, channels, 1, f"{name}_finer"), channels, 3, f"{name}_down", 2)
    return parts.conv(parts.net.concat(y, across, down, name=f"{name}_concat"), channels, 1, f"{name}_out")


NETWORKS = {"yolov6n": build_yolov6n, "yolov6s": build_yolov6s, "yolov6m": build_yolov6m}
