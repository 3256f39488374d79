"""Xception (F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017), as its author's Keras has
it.

A separable convolution is a depthwise 3x3 and a 1x1, with nothing between and one normalisation behind. Padding is
TensorFlow's "same" but in the first two convolutions, which have none.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize


def build_xception(image_size: ImageSize = 299, classes: int = 1000) -> Graph:
    """Xception of Keras (figure 5 of the paper)."""
    net = NetworkBuilder("xception", {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, 32, 3, stride=2, activation="relu", name="block1_conv1")
    x = net.conv(x, 64, 3, activation="relu", name="block1_conv2")
    for number, channels in enumerate((128, 256, 728), start=2):
        x = _halving(net, x, f"block{number}", (channels, channels), starts_with_relu=number > 2)
    for number in range(5, 13):
        y = _separables(net, x, f"block{number}", (728, 728, 728), starts_with_relu=True)
        x = net.add(y, x, name=f"block{number}")
    x = _halving(net, x, "block13", (728, 1024), starts_with_relu=True)
    x = _separables(net, x, "block14", (1536, 2048), starts_with_relu=False)
    x = net.vector("relu", x, name="block14_relu")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _halving(net: NetworkBuilder, x: Output, name: str, widths: Sequence[int], *, starts_with_relu: bool) -> Output:
    """Separable convolutions and a pool, beside a 1x1 with the stride."""
    short = net.conv(x, widths[-1], 1, stride=2, padding="same", name=f"{name}_short")
    y = _separables(net, x, name, widths, starts_with_relu=starts_with_relu)
    return net.add(net.pool(y, 3, stride=2, padding="same", name=f"{name}_pool"), short, name=name)


def _separables(net: NetworkBuilder, x: Output, name: str, widths: Sequence[int], *, starts_with_relu: bool) -> Output:
    """Separable convolutions, a relu before each, or before each but the first."""
    for number, channels in enumerate(widths, start=1):
        part = f"{name}_sepconv{number}"
        if number > 1 or starts_with_relu:
            x = net.vector("relu", x, name=f"{part}_relu")
        x = net.depthwise(x, 3, padding="same", name=f"{part}_depthwise")
        x = net.conv(x, channels, 1, name=f"{part}_pointwise")
    return x


NETWORKS = {"xception": build_xception}
