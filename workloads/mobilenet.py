"""MobileNet v1 (A. Howard et al., arXiv:1704.04861) and v2 (M. Sandler et al., CVPR 2018).

Padding is TensorFlow's "same", as in the authors' code: the odd row is below, the odd column on the right. `width`
scales the channels; how it rounds is the authors' code too.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output


def build_mobilenet_v1(image_size: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v1: pairs of a depthwise 3x3 and a 1x1 convolution."""
    net = NetworkBuilder("mobilenet_v1", {"image_size": image_size, "width": width, "classes": classes})
    x = net.input(3, image_size, image_size)
    x = net.conv(x, _at_least_8(32 * width), 3, stride=2, padding="same", activation="relu", name="conv0")
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
    for number, (channels, stride) in enumerate(plan, start=1):
        x = net.depthwise(x, 3, stride=stride, padding="same", activation="relu", name=f"conv{number}_depthwise")
        x = net.conv(x, _at_least_8(channels * width), 1, activation="relu", name=f"conv{number}_pointwise")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def build_mobilenet_v2(image_size: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v2: inverted residuals with linear bottlenecks."""
    net = NetworkBuilder("mobilenet_v2", {"image_size": image_size, "width": width, "classes": classes})
    x = net.input(3, image_size, image_size)
    x = net.conv(x, _by_8(32 * width), 3, stride=2, padding="same", activation="relu", name="conv0")
    number = 0
    # Table 2 of the paper: expansion, output channels, repeats, stride of the first
    for expansion, channels, repeats, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for repeat in range(repeats):
            number += 1
            x = _inverted(net, x, f"block{number}", expansion, _by_8(channels * width), 1 if repeat else stride)
    # The last convolution grows with the width but does not shrink with it.
    x = net.conv(x, _by_8(1280 * max(1.0, width)), 1, activation="relu", name="conv_last")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _inverted(net: NetworkBuilder, x: Output, name: str, expansion: int, channels: int, stride: int) -> Output:
    """1x1 that widens, depthwise 3x3, 1x1 that narrows; a residual where the shape is kept."""
    y = x
    if expansion != 1:
        y = net.conv(y, x.channels * expansion, 1, activation="relu", name=f"{name}_expand")
    y = net.depthwise(y, 3, stride=stride, padding="same", activation="relu", name=f"{name}_depthwise")
    y = net.conv(y, channels, 1, name=f"{name}_project")
    return net.add(y, x, name=f"{name}_add") if stride == 1 and x.channels == channels else y


def _at_least_8(channels: float) -> int:
    """Whole channels, 8 at least."""
    return max(8, int(channels))


def _by_8(channels: float) -> int:
    """Nearest multiple of 8 that loses no more than a tenth of the channels."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


NETWORKS = {"mobilenet_v1": build_mobilenet_v1, "mobilenet_v2": build_mobilenet_v2}
