"""DenseNet (G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017), as torchvision has it.

Each layer of a block reads all that the layers before it gave. The normalisation at its beginning has a concatenation or a pool
before it that others read too, so it folds into no convolution, nor do those of the transitions and the last; their scale and
shift are done with the relu behind them and counted with it. That behind the 1x1 of a layer folds.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

_GROWTH = 32
"""Channels that each layer adds."""

_NARROW = 4 * _GROWTH
"""Channels to which the 1x1 of a layer narrows."""


def build_densenet121(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """DenseNet-121 of torchvision (table 1 of the paper)."""
    return _build("densenet121", (6, 12, 24, 16), image_size, classes)


def build_densenet169(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """DenseNet-169 of torchvision (table 1 of the paper)."""
    return _build("densenet169", (6, 12, 32, 32), image_size, classes)


def build_densenet201(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """DenseNet-201 of torchvision (table 1 of the paper)."""
    return _build("densenet201", (6, 12, 48, 32), image_size, classes)


def _build(name: str, blocks: Sequence[int], image_size: ImageSize, classes: int) -> Graph:
    """Stem, four blocks of `blocks` layers each with transitions between, classifier."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, 64, 7, stride=2, padding=3, activation="relu", name="conv0")
    x = net.pool(x, 3, stride=2, padding=1, name="pool0")
    for block, count in enumerate(blocks, start=1):
        x = _block(net, x, f"block{block}", count)
        if block < len(blocks):
            x = net.conv(
                net.vector("relu", x, name=f"transition{block}_relu"), x.channels // 2, 1, name=f"transition{block}"
            )
            x = net.pool(x, 2, name=f"pool{block}")
    x = net.global_pool(net.vector("relu", x, name="relu5"), name="pool5")
    net.dense(x, classes, name="fc")
    return net.build()


def _block(net: NetworkBuilder, x: Output, name: str, count: int) -> Output:
    """`count` layers, each of which reads all that was there before it and puts its own channels behind."""
    for number in range(1, count + 1):
        layer = f"{name}_layer{number}"
        y = net.vector("relu", x, name=f"{layer}_relu")
        y = net.conv(y, _NARROW, 1, activation="relu", name=f"{layer}_1x1")
        y = net.conv(y, _GROWTH, 3, padding=1, name=f"{layer}_3x3")
        x = net.concat(x, y, name=layer)
    return x


NETWORKS = {
    "densenet121": build_densenet121,
    "densenet169": build_densenet169,
    "densenet201": build_densenet201,
}
