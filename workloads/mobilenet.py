"""MobileNet v1 (A. Howard et al., arXiv:1704.04861), v2 (M. Sandler et al., CVPR 2018), and EdgeTPU's (TF-slim's, of the
search of A. Howard et al., "Searching for MobileNetV3", ICCV 2019): no squeeze and excitation, no hard swish.

Padding is TensorFlow's "same", as in the authors' code: the odd row is below, the odd column on the right. `width`
scales the channels; how it rounds is the authors' code too.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.graph.window import Padding
from simulator.reading.sizes import ImageSize


def build_mobilenet_v1(image_size: ImageSize = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v1: pairs of a depthwise 3x3 and a 1x1 convolution."""
    net = NetworkBuilder("mobilenet_v1", {"image_size": image_size, "width": width, "classes": classes})
    x = features_v1(net, net.image(image_size), width)[-1]
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def features_v1(net: NetworkBuilder, x: Output, width: float, padding: Padding = "same") -> list[Output]:
    """MobileNet v1 without its classifier: what each pair of convolutions gives, the first convolution's value first."""
    x = net.conv(x, _at_least_8(32 * width), 3, stride=2, padding=padding, activation="relu", name="conv0")
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
    found = [x]
    for number, (channels, stride) in enumerate(plan, start=1):
        x = net.depthwise(x, 3, stride=stride, padding=padding, activation="relu", name=f"conv{number}_depthwise")
        x = net.conv(x, _at_least_8(channels * width), 1, activation="relu", name=f"conv{number}_pointwise")
        found.append(x)
    return found


def build_mobilenet_v2(image_size: ImageSize = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet v2: inverted residuals with linear bottlenecks."""
    net = NetworkBuilder("mobilenet_v2", {"image_size": image_size, "width": width, "classes": classes})
    x, _ = features_v2(net, net.image(image_size), width)
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def features_v2(net: NetworkBuilder, x: Output, width: float) -> tuple[Output, dict[str, Output]]:
    """MobileNet v2 without its classifier: its value, and the widened value inside each block by the block's name."""
    x, wide = blocks_v2(net, x, width)
    # The last convolution grows with the width but does not shrink with it.
    return net.conv(x, by_8(1280 * max(1.0, width)), 1, activation="relu", name="conv_last"), wide


def blocks_v2(
    net: NetworkBuilder, x: Output, width: float, output_stride: int = 32
) -> tuple[Output, dict[str, Output]]:
    """The same without its last convolution.

    output_stride: image's size to the value's; once reached, the convolutions behind a stride have gaps instead.
    """
    x = net.conv(x, by_8(32 * width), 3, stride=2, padding="same", activation="relu", name="conv0")
    wide: dict[str, Output] = {}
    number, reached, gaps = 0, 2, 1
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
        halve = stride == 2 and reached < output_stride
        for repeat in range(repeats):
            number += 1
            name = f"block{number}"
            each = 2 if halve and not repeat else 1
            x, wide[name] = _inverted(net, x, name, expansion, by_8(channels * width), each, gaps)
            if not repeat:
                reached, gaps = (reached * each, gaps) if halve else (reached, gaps * stride)
    return x, wide


def _inverted(
    net: NetworkBuilder, x: Output, name: str, expansion: int, channels: int, stride: int, dilation: int
) -> tuple[Output, Output]:
    """1x1 that widens, depthwise 3x3, 1x1 that narrows; a residual where the shape is kept. Gives the widened value too."""
    y = x
    if expansion != 1:
        y = net.conv(y, x.channels * expansion, 1, activation="relu", name=f"{name}_expand")
    wide = y
    y = net.depthwise(
        y, 3, stride=stride, padding="same", dilation=dilation, activation="relu", name=f"{name}_depthwise"
    )
    y = net.conv(y, channels, 1, name=f"{name}_project")
    return net.add(y, x, name=f"{name}_add") if stride == 1 and x.channels == channels else y, wide


_EDGETPU = (
    ((3, 2, 8, 32), *((3, 1, 4, 32),) * 3, (3, 2, 8, 48), *((3, 1, 4, 48),) * 3),
    (
        *((3, 2, 8, 96), *((3, 1, 4, 96),) * 3, (3, 1, 8, 96), *((3, 1, 4, 96),) * 3),
        *((5, 2, 8, 160), *((5, 1, 4, 160),) * 3, (3, 1, 8, 192)),
    ),
)
"""Kernel, stride, expansion, channels: of the fused blocks, of the depthwise ones."""


def build_mobilenet_edgetpu(image_size: ImageSize = 224, width: float = 1.0, classes: int = 1001) -> Graph:
    """MobileNet EdgeTPU: its first blocks widen by a full 3x3 instead of a 1x1 and a depthwise 3x3."""
    net = NetworkBuilder("mobilenet_edgetpu", {"image_size": image_size, "width": width, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, by_8(32 * width), 3, stride=2, padding="same", activation="relu", name="conv0")
    x = net.conv(x, by_8(16 * width), 1, name="block1_project")
    number = 1
    for fused, blocks in zip((True, False), _EDGETPU, strict=True):
        for kernel, stride, expansion, wide in blocks:
            number += 1
            name, before = f"block{number}", x
            inner = x.channels * expansion
            if fused:
                x = net.conv(x, inner, kernel, stride=stride, padding="same", activation="relu", name=f"{name}_expand")
            else:
                x = net.conv(x, inner, 1, activation="relu", name=f"{name}_expand")
                x = net.depthwise(x, kernel, stride=stride, padding="same", activation="relu", name=f"{name}_depthwise")
            x = net.conv(x, by_8(wide * width), 1, name=f"{name}_project")
            # The one widening block without a stride among blocks of its width has no residual.
            if stride == 1 and before.channels == x.channels and expansion == 4:
                x = net.add(x, before, name=f"{name}_add")
    x = net.conv(x, 1280, 1, activation="relu", name="conv_last")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _at_least_8(channels: float) -> int:
    """Whole channels, 8 at least."""
    return max(8, int(channels))


def by_8(channels: float) -> int:
    """Nearest multiple of 8 that loses no more than a tenth of the channels."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


NETWORKS = {
    "mobilenet_v1": build_mobilenet_v1,
    "mobilenet_v2": build_mobilenet_v2,
    "mobilenet_edgetpu": build_mobilenet_edgetpu,
}
