"""PP-YOLOE (S. Xu et al., "PP-YOLOE: An evolved version of YOLO", arXiv:2203.16250), as used after training: the convolutions
that it trains side by side are one. Up to its output maps.

A hard sigmoid counts as a sigmoid.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts

_SIZES = {"s": (0.33, 0.5), "m": (0.67, 0.75), "l": (1.0, 1.0), "x": (1.33, 1.25)}
"""Depth, width."""


def build_ppyoloe_s(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """PP-YOLOE small."""
    return _build("s", image_size, classes, activation)


def build_ppyoloe_m(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """PP-YOLOE medium."""
    return _build("m", image_size, classes, activation)


def build_ppyoloe_l(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """PP-YOLOE large."""
    return _build("l", image_size, classes, activation)


def build_ppyoloe_x(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """PP-YOLOE extra large."""
    return _build("x", image_size, classes, activation)


def _build(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Stem, four stages of which three lead to the neck, heads."""
    parts = Parts(f"ppyoloe_{size}", image_size, classes, activation)
    depth, width = _SIZES[size]
    net = parts.net
    wide = [round(channels * width) for channels in (64, 128, 256, 512, 1024)]
    x = parts.conv(net.image(image_size, 32), wide[0] // 2, 3, "stem1", 2)
    x = parts.conv(parts.conv(x, wide[0] // 2, 3, "stem2"), wide[0], 3, "stem3")
    kept = []
    for stage, count in enumerate((3, 6, 6, 3), start=1):
        x = _stage(parts, x, wide[stage], max(1, round(count * depth)), f"stage{stage}")
        kept.append(x)
    few = max(1, round(3 * depth))
    out = [round(channels * width) for channels in (768, 384, 192)]
    ways: list[Output] = []
    for number, (stage_value, channels) in enumerate(zip(reversed(kept[1:]), out, strict=True), start=1):
        x = stage_value
        if ways:
            up = parts.conv(ways[-1], ways[-1].channels // 2, 1, f"up{number}_in")
            x = net.concat(net.resize(up, 2, name=f"up{number}_resize"), x, name=f"up{number}")
        ways.append(_block(parts, x, channels, few, f"up{number}", pools=number == 1))
    found = [ways[2]]
    for number, (skip, channels) in enumerate(((ways[1], out[1]), (ways[0], out[0])), start=4):
        x = parts.conv(found[-1], found[-1].channels, 3, f"down{number}", 2)
        x = _block(parts, net.concat(x, skip, name=f"join{number}"), channels, few, f"neck{number}")
        found.append(x)
    for number, x in enumerate(found, start=1):
        mean = net.global_pool(x, name=f"head{number}_mean")
        y = _weighed(net, x, mean, f"head{number}_classes")
        y = net.add(parts.conv(y, x.channels, 1, f"head{number}_classes"), x, name=f"head{number}_classes_add")
        net.conv(y, classes, 3, padding=1, bias=True, name=f"map{number}_classes")
        y = parts.conv(_weighed(net, x, mean, f"head{number}_boxes"), x.channels, 1, f"head{number}_boxes")
        net.conv(y, 68, 3, padding=1, bias=True, name=f"map{number}_boxes")
    return net.build()


def _stage(parts: Parts, x: Output, channels: int, count: int, name: str) -> Output:
    """Halve the image, `count` pairs on half the channels with residuals beside one 1x1, channels weighed by their means."""
    net = parts.net
    middle = (x.channels + channels) // 2
    x = parts.conv(x, middle, 3, f"{name}_down", 2)
    by, y = parts.conv(x, middle // 2, 1, f"{name}_by"), parts.conv(x, middle // 2, 1, f"{name}_in")
    for number in range(1, count + 1):
        y = parts.pair(y, middle // 2, (3, 3), True, f"{name}_{number}")
    y = net.concat(by, y, name=f"{name}_concat")
    y = _weighed(net, y, net.global_pool(y, name=f"{name}_mean"), name)
    return parts.conv(y, channels, 1, f"{name}_out")


def _weighed(net: NetworkBuilder, x: Output, mean: Output, name: str) -> Output:
    """Each channel of x times what a dense layer says of all means."""
    y = net.conv(mean, x.channels, 1, bias=True, activation="sigmoid", name=f"{name}_weigh")
    return net.vector("mul", x, y, name=f"{name}_scale")


def _block(parts: Parts, x: Output, channels: int, count: int, name: str, pools: bool = False) -> Output:
    """`count` pairs on half the channels beside one 1x1; pools of three sizes behind the middle pair where `pools`."""
    half = channels // 2
    by, y = parts.conv(x, half, 1, f"{name}_by"), parts.conv(x, half, 1, f"{name}_start")
    for number in range(1, count + 1):
        y = parts.pair(y, half, (3, 3), False, f"{name}_{number}")
        if pools and number - 1 == (count - 1) // 2:
            levels = [parts.net.pool(y, k, stride=1, padding=k // 2, name=f"{name}_pool{k}") for k in (5, 9, 13)]
            y = parts.conv(parts.net.concat(y, *levels, name=f"{name}_levels"), half, 1, f"{name}_pooled")
    return parts.conv(parts.net.concat(by, y, name=f"{name}_concat"), channels, 1, f"{name}_out")


NETWORKS = {
    "ppyoloe_s": build_ppyoloe_s,
    "ppyoloe_m": build_ppyoloe_m,
    "ppyoloe_l": build_ppyoloe_l,
    "ppyoloe_x": build_ppyoloe_x,
}
