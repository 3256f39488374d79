"""YOLOX (Z. Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430), up to its output maps.

Its backbone and neck are those of the early YOLOv5, with the image's blocks of 2 x 2 pixels as channels of the first
convolution; the heads are apart for classes and boxes.
"""

from simulator.graph.build import Graph, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts, scaled

_SIZES = {"s": (1 / 3, 0.5), "m": (2 / 3, 0.75), "l": (1.0, 1.0), "x": (4 / 3, 1.25)}
"""Depth, width."""


def build_yolox_s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOX small."""
    return _build("s", image_size, classes, activation)


def build_yolox_m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOX medium."""
    return _build("m", image_size, classes, activation)


def build_yolox_l(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOX large."""
    return _build("l", image_size, classes, activation)


def build_yolox_x(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOX extra large."""
    return _build("x", image_size, classes, activation)


def _build(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone, the way up and the way down, three heads."""
    parts = Parts(f"yolox_{size}", image_size, classes, activation)
    depth, width = _SIZES[size]
    net = parts.net
    wide = [scaled(channels * width) for channels in (64, 128, 256, 512, 1024)]
    few, many = (max(1, round(count * depth)) for count in (3, 9))
    x = parts.conv(net.image(image_size, 32).gather(2), wide[0], 3, "conv0")
    kept = []
    for stage, count in enumerate((few, many, many, few), start=1):
        x = parts.conv(x, wide[stage], 3, f"down{stage}", 2)
        if stage == 4:
            x = _pyramid(parts, x)
        x = parts.c3(x, wide[stage], count, stage < 4, f"stage{stage}")
        kept.append(x)
    top = parts.conv(x, wide[3], 1, "top")
    for number, x in enumerate(parts.neck(parts.c3, top, kept, True, few), start=1):
        stem = parts.conv(x, wide[2], 1, f"head{number}")
        for what, maps in (("classes", {"classes": classes}), ("boxes", {"boxes": 4, "objects": 1})):
            y = parts.pair(stem, wide[2], (3, 3), False, f"head{number}_{what}")
            for each, channels in maps.items():
                net.conv(y, channels, 1, bias=True, name=f"map{number}_{each}")
    return net.build()


def _pyramid(parts: Parts, x: Output) -> Output:
    """Pools of 5, 9 and 13 pixels side by side, joined."""
    y = parts.conv(x, x.channels // 2, 1, "pyramid_in")
    pools = [parts.net.pool(y, k, stride=1, padding=k // 2, name=f"pyramid_pool{k}") for k in (5, 9, 13)]
    return parts.conv(parts.net.concat(y, *pools, name="pyramid_concat"), x.channels, 1, "pyramid_out")


NETWORKS = {
    "yolox_s": build_yolox_s,
    "yolox_m": build_yolox_m,
    "yolox_l": build_yolox_l,
    "yolox_x": build_yolox_x,
}
