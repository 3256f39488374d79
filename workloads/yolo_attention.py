"""YOLOv10 (A. Wang et al., "YOLOv10: Real-Time End-to-End Object Detection", NeurIPS 2024) and YOLO11 (G. Jocher, J. Qiu,
Ultralytics YOLO11, 2024), up to their output maps.

Both follow YOLOv8; each pixel of the coarsest value looks at all others, and the heads of classes convolve channel by channel. Of
YOLOv10's two heads only the one that needs no choosing among boxes is used after training, and a depthwise 7x7 and the 3x3 beside
it are one 7x7 then.
"""

from collections.abc import Callable, Sequence
from functools import partial

from simulator.graph.build import Graph, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts, head_widths, scaled

_V11 = {
    "n": (0.5, 0.25, 1024),
    "s": (0.5, 0.5, 1024),
    "m": (0.5, 1.0, 512),
    "l": (1.0, 1.0, 512),
    "x": (1.0, 1.5, 512),
}
"""Depth, width, most channels before the width counts."""


def build_yolov10n(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv10 nano."""
    return _build_v10("n", image_size, classes, activation)


def build_yolov10s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv10 small."""
    return _build_v10("s", image_size, classes, activation)


def build_yolo11n(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLO11 nano."""
    return _build_v11("n", image_size, classes, activation)


def build_yolo11s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLO11 small."""
    return _build_v11("s", image_size, classes, activation)


def build_yolo11m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLO11 medium."""
    return _build_v11("m", image_size, classes, activation)


def build_yolo11l(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLO11 large."""
    return _build_v11("l", image_size, classes, activation)


def build_yolo11x(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLO11 extra large."""
    return _build_v11("x", image_size, classes, activation)


Block = Callable[[Output, str], Output]
"""Makes (value, name) a block's value."""


def _build_v10(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone of which two steps down convolve channel by channel, attention, neck and heads. Blocks n and s have in common."""
    parts = Parts(f"yolov10{size}", image_size, classes, activation)
    wide = [scaled(channels * {"n": 0.25, "s": 0.5}[size]) for channels in (64, 128, 256, 512, 1024)]
    mixed = size == "s"
    x = parts.conv(parts.net.image(image_size, 32), wide[0], 3, "conv0", 2)
    kept = []
    for stage, (channels, count) in enumerate(zip(wide[1:], (1, 2, 2, 1), strict=True), start=1):
        x = (parts.conv if stage < 3 else partial(_down, parts))(x, channels, 3, f"down{stage}", 2)
        block: Block = partial(_pairs, parts, channels, True)
        if mixed and stage == 4:
            block = _mixer(parts, channels)
        x = parts.chain(x, channels, channels // 2, count, block, f"stage{stage}")
        kept.append(x)
    top = _attend(parts, parts.pyramid(x, "pyramid"), 1)
    made = [
        partial(parts.chain, channels=wide[n], inner=wide[n] // 2, count=1, link=partial(_pairs, parts, wide[n], False))
        for n in (3, 2, 3)
    ]
    made.append(partial(parts.chain, channels=wide[4], inner=wide[4] // 2, count=1, link=_mixer(parts, wide[4])))
    _heads(parts, _neck(parts, top, kept, made, last_by_channel=True), classes)
    return parts.net.build()


def _build_v11(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Backbone, attention, neck and heads."""
    parts = Parts(f"yolo11{size}", image_size, classes, activation)
    depth, width, most = _V11[size]
    count = max(1, round(2 * depth))
    deep = size in "mlx"  # every block is one of blocks, not only those of the coarsest value

    def block(x: Output, name: str, channels: int, inner: int, nested: bool) -> Output:
        link = partial(_nested, parts) if nested or deep else partial(_squeezed, parts)
        return parts.chain(x, channels, inner, count, link, name)

    wide = [scaled(min(channels, most) * width) for channels in (64, 128, 256, 512, 1024)]
    x = parts.conv(parts.net.image(image_size, 32), wide[0], 3, "conv0", 2)
    kept = []
    for stage, channels in enumerate((wide[2], wide[3], wide[3], wide[4]), start=1):
        x = parts.conv(x, wide[stage], 3, f"down{stage}", 2)
        inner = channels // (4 if stage < 3 else 2)
        x = block(x, f"stage{stage}", channels, inner, stage > 2)
        kept.append(x)
    top = _attend(parts, parts.pyramid(x, "pyramid"), count)
    made = [
        partial(block, channels=channels, inner=channels // 2, nested=number == 3)
        for number, channels in enumerate((wide[3], wide[2], wide[3], wide[4]))
    ]
    _heads(parts, _neck(parts, top, kept, made, last_by_channel=False), classes)
    return parts.net.build()


def _pairs(parts: Parts, channels: int, short: bool, x: Output, name: str) -> Output:
    """Two 3x3 convolutions on half of a block's channels."""
    return parts.pair(x, channels // 2, (3, 3), short, name)


def _squeezed(parts: Parts, x: Output, name: str) -> Output:
    """Two 3x3 convolutions with half of the channels between them, and a residual."""
    y = parts.conv(parts.conv(x, x.channels // 2, 3, f"{name}_conv1"), x.channels, 3, f"{name}_conv2")
    return parts.net.add(x, y, name=f"{name}_add")


def _nested(parts: Parts, x: Output, name: str) -> Output:
    """A block of two pairs of 3x3 convolutions."""
    return parts.c3(x, x.channels, 2, True, name, (3, 3))


def _mixer(parts: Parts, channels: int) -> Block:
    """Make the link of a block of `channels` that convolves channel by channel: 3x3, 7x7 on twice the channels, 3x3."""

    def link(x: Output, name: str) -> Output:
        y = _by_channel(parts, x, 3, f"{name}_depthwise1")
        y = parts.conv(y, channels, 1, f"{name}_expand")
        y = _by_channel(parts, y, 7, f"{name}_depthwise2")
        y = parts.conv(y, channels // 2, 1, f"{name}_project")
        y = _by_channel(parts, y, 3, f"{name}_depthwise3")
        return parts.net.add(x, y, name=f"{name}_add")

    return link


def _by_channel(parts: Parts, x: Output, kernel: int, name: str) -> Output:
    """Depthwise convolution and the activation."""
    return parts.net.depthwise(x, kernel, padding=kernel // 2, activation=parts.activation, name=name)


def _down(parts: Parts, x: Output, channels: int, kernel: int, name: str, stride: int) -> Output:
    """Widen by a 1x1, halve the image by a depthwise convolution without activation."""
    x = parts.conv(x, channels, 1, f"{name}_widen")
    return parts.net.depthwise(x, kernel, stride=stride, padding=kernel // 2, name=name)


def _attend(parts: Parts, x: Output, count: int) -> Output:
    """Attention among the pixels on half of the channels, `count` times; the other half passes by."""
    half = x.channels // 2
    by = parts.conv(x, x.channels, 1, "attention_in")
    y = by.part(half)
    for number in range(1, count + 1):
        y = _attention(parts, y, f"attention{number}")
    return parts.conv(parts.net.concat(by.part(half), y, name="attention_concat"), x.channels, 1, "attention_out")


def _attention(parts: Parts, x: Output, name: str) -> Output:
    """Heads of 64 channels with queries and keys of 32, the place from a depthwise 3x3; then two 1x1. Each with a residual."""
    net = parts.net
    heads = x.channels // 64
    query, key = (net.conv(x, 32 * heads, 1, name=f"{name}_{what}").rows() for what in ("query", "key"))
    value = net.conv(x, x.channels, 1, name=f"{name}_value")
    scores = net.matmul(query, key, heads=heads, transposed=True, name=f"{name}_scores")
    weights = net.vector("softmax", scores, name=f"{name}_softmax")
    y = net.matmul(weights, value.rows(), heads=heads, name=f"{name}_context").image(x.height, x.width)
    y = net.add(y, net.depthwise(value, 3, padding=1, name=f"{name}_place"), name=f"{name}_placed")
    x = net.add(x, net.conv(y, x.channels, 1, name=f"{name}_projection"), name=f"{name}_add1")
    y = net.conv(parts.conv(x, 2 * x.channels, 1, f"{name}_ffn1"), x.channels, 1, name=f"{name}_ffn2")
    return net.add(x, y, name=f"{name}_add2")


def _neck(
    parts: Parts, top: Output, kept: Sequence[Output], blocks: Sequence[Callable[..., Output]], last_by_channel: bool
) -> list[Output]:
    """The way up and the way down with one block after each join; three values, the finest first."""
    middle = blocks[0](parts.join(top, kept[2], "up1", larger=True), name="neck1")
    found = [blocks[1](parts.join(middle, kept[1], "up2", larger=True), name="neck2")]
    for number, (skip, block) in enumerate(((middle, blocks[2]), (top, blocks[3])), start=3):
        down = partial(_down, parts) if last_by_channel and number == 4 else parts.conv
        x = down(found[-1], found[-1].channels, 3, f"neck{number}_down", 2)
        found.append(block(parts.join(x, skip, f"join{number}"), name=f"neck{number}"))
    return found


def _heads(parts: Parts, found: Sequence[Output], classes: int) -> None:
    """Maps of boxes as of YOLOv8, maps of classes from depthwise and 1x1 convolutions in turns."""
    narrow, wide = head_widths(found[0].channels, classes)
    for number, x in enumerate(found, start=1):
        name = f"head{number}_boxes"
        parts.net.conv(parts.pair(x, narrow, (3, 3), False, name), 64, 1, bias=True, name=f"map{number}_boxes")
        y = x
        for turn in (1, 2):
            y = _by_channel(parts, y, 3, f"head{number}_classes_depthwise{turn}")
            y = parts.conv(y, wide, 1, f"head{number}_classes_conv{turn}")
        parts.net.conv(y, classes, 1, bias=True, name=f"map{number}_classes")


_BUILDERS: tuple[Callable[..., Graph], ...] = (
    build_yolov10n, build_yolov10s, build_yolo11n, build_yolo11s, build_yolo11m, build_yolo11l, build_yolo11x,
)  # fmt: skip

NETWORKS = {function.__name__.removeprefix("build_"): function for function in _BUILDERS}
