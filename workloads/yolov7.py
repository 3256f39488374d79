"""YOLOv7 (C.-Y. Wang et al., "YOLOv7: Trainable bag-of-freebies...", CVPR 2023), as used after training: the convolutions that
it trains side by side are one. And its authors' tiny one, whose leaky relus count as relus. Up to their output maps.
"""

from simulator.graph.build import Graph, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts


def build_yolov7(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv7."""
    parts = Parts("yolov7", image_size, classes, activation)
    net = parts.net
    x = parts.conv(net.image(image_size, 32), 32, 3, "conv0")
    x = parts.conv(parts.conv(x, 64, 3, "conv1", 2), 64, 3, "conv2")
    x = _block(parts, parts.conv(x, 128, 3, "conv3", 2), "stage1", 64, 256)
    kept = []
    for stage, (inner, channels) in enumerate(((128, 512), (256, 1024), (256, 1024)), start=2):
        x = _block(parts, _halve(parts, x, f"down{stage}", x.channels // 2), f"stage{stage}", inner, channels)
        kept.append(x)
    top = _pyramid(parts, x, 512)
    ways: list[Output] = []
    for number, (skip, channels) in enumerate(((kept[1], 256), (kept[0], 128)), start=1):
        y = net.resize(
            parts.conv(ways[-1] if ways else top, channels, 1, f"up{number}_in"), 2, name=f"up{number}_resize"
        )
        across = parts.conv(skip, channels, 1, f"up{number}_skip")
        ways.append(_neck(parts, net.concat(across, y, name=f"up{number}"), f"neck{number}", channels))
    outputs = [ways[1]]
    for number, (skip, channels) in enumerate(((ways[0], 256), (top, 512)), start=3):
        y = _halve(parts, outputs[-1], f"down{number + 2}", outputs[-1].channels, skip)
        outputs.append(_neck(parts, y, f"neck{number}", channels))
    _maps(parts, outputs, classes)
    return net.build()


def build_yolov7_tiny(image_size: ImageSize = 640, classes: int = 80, activation: str = "relu") -> Graph:
    """YOLOv7 tiny."""
    parts = Parts("yolov7_tiny", image_size, classes, activation)
    net = parts.net
    x = parts.conv(parts.conv(net.image(image_size, 32), 32, 3, "conv0", 2), 64, 3, "conv1", 2)
    kept = []
    for stage, inner in enumerate((32, 64, 128, 256), start=1):
        if stage > 1:
            x = net.pool(x, 2, name=f"down{stage}")
        x = _small(parts, x, f"stage{stage}", inner)
        kept.append(x)
    by, y = parts.conv(x, 256, 1, "pyramid_by"), parts.conv(x, 256, 1, "pyramid_in")
    pools = [net.pool(y, k, stride=1, padding=k // 2, name=f"pyramid_pool{k}") for k in (5, 9, 13)]
    y = parts.conv(net.concat(y, *pools, name="pyramid_concat"), 256, 1, "pyramid_conv")
    ways = [parts.conv(net.concat(by, y, name="pyramid_join"), 256, 1, "pyramid_out")]
    for number, (skip, channels) in enumerate(((kept[2], 128), (kept[1], 64)), start=1):
        y = net.resize(parts.conv(ways[-1], channels, 1, f"up{number}_in"), 2, name=f"up{number}_resize")
        across = parts.conv(skip, channels, 1, f"up{number}_skip")
        ways.append(_small(parts, net.concat(across, y, name=f"up{number}"), f"neck{number}", channels // 2))
    outputs = [ways[2]]
    for number, skip in enumerate((ways[1], ways[0]), start=3):
        y = parts.conv(outputs[-1], skip.channels, 3, f"neck{number}_down", 2)
        y = net.concat(y, skip, name=f"join{number}")
        outputs.append(_small(parts, y, f"neck{number}", skip.channels // 2))
    _maps(parts, outputs, classes)
    return net.build()


def _maps(parts: Parts, outputs: list[Output], classes: int) -> None:
    """One convolution and one map for each of three values."""
    for number, x in enumerate(outputs, start=1):
        y = parts.conv(x, 2 * x.channels, 3, f"head{number}")
        parts.net.conv(y, 3 * (5 + classes), 1, bias=True, name=f"map{number}")


def _small(parts: Parts, x: Output, name: str, inner: int) -> Output:
    """Two 1x1 and two 3x3 behind the second, all four joined."""
    joined = [parts.conv(x, inner, 1, f"{name}_by"), parts.conv(x, inner, 1, f"{name}_in")]
    for number in (1, 2):
        joined.append(parts.conv(joined[-1], inner, 3, f"{name}_conv{number}"))
    return parts.conv(parts.net.concat(*joined, name=f"{name}_concat"), 2 * inner, 1, f"{name}_out")


def _block(parts: Parts, x: Output, name: str, inner: int, channels: int) -> Output:
    """Two 1x1, four 3x3 behind the second; the values of both and of every second 3x3, joined."""
    by, y = parts.conv(x, inner, 1, f"{name}_by"), parts.conv(x, inner, 1, f"{name}_in")
    joined = [by, y]
    for number in range(1, 5):
        y = parts.conv(y, inner, 3, f"{name}_conv{number}")
        if number % 2 == 0:
            joined.append(y)
    return parts.conv(parts.net.concat(*joined, name=f"{name}_concat"), channels, 1, f"{name}_out")


def _neck(parts: Parts, x: Output, name: str, channels: int) -> Output:
    """Two 1x1 and four narrower 3x3 behind the second, all six joined."""
    by, y = parts.conv(x, channels, 1, f"{name}_by"), parts.conv(x, channels, 1, f"{name}_in")
    joined = [by, y]
    for number in range(1, 5):
        y = parts.conv(y, channels // 2, 3, f"{name}_conv{number}")
        joined.append(y)
    return parts.conv(parts.net.concat(*joined, name=f"{name}_concat"), channels, 1, f"{name}_out")


def _halve(parts: Parts, x: Output, name: str, channels: int, *more: Output) -> Output:
    """Halve the image by a pool and by a convolution, both joined, with `more`."""
    pooled = parts.conv(parts.net.pool(x, 2, name=f"{name}_pool"), channels, 1, f"{name}_pooled")
    y = parts.conv(parts.conv(x, channels, 1, f"{name}_in"), channels, 3, f"{name}_conv", 2)
    return parts.net.concat(pooled, y, *more, name=name)


def _pyramid(parts: Parts, x: Output, channels: int) -> Output:
    """Pools of three sizes between convolutions, beside one 1x1."""
    y = parts.conv(parts.conv(x, channels, 1, "pyramid_conv1"), channels, 3, "pyramid_conv2")
    y = parts.conv(y, channels, 1, "pyramid_conv3")
    pools = [parts.net.pool(y, k, stride=1, padding=k // 2, name=f"pyramid_pool{k}") for k in (5, 9, 13)]
    y = parts.conv(parts.net.concat(y, *pools, name="pyramid_concat"), channels, 1, "pyramid_conv4")
    y = parts.conv(y, channels, 3, "pyramid_conv5")
    by = parts.conv(x, channels, 1, "pyramid_by")
    return parts.conv(parts.net.concat(y, by, name="pyramid_join"), channels, 1, "pyramid_out")


NETWORKS = {"yolov7": build_yolov7, "yolov7_tiny": build_yolov7_tiny}
