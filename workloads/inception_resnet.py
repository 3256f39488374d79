"""Inception-ResNet v2 (C. Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
AAAI 2017), as its authors' TF-slim has it, which differs from the paper in the stem and in some widths; Keras has the same. As
used after training: no auxiliary head.
"""

from collections.abc import Sequence

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

from .inception import Convolution, chains, shrink, stem_v3

_FIRST: tuple[tuple[Convolution, ...], ...] = (
    ((96, 1, 1),),
    ((48, 1, 1), (64, 5, 1)),
    ((64, 1, 1), (96, 3, 1), (96, 3, 1)),
)
_BLOCK_35: tuple[tuple[Convolution, ...], ...] = (
    ((32, 1, 1),),
    ((32, 1, 1), (32, 3, 1)),
    ((32, 1, 1), (48, 3, 1), (64, 3, 1)),
)
_BLOCK_17: tuple[tuple[Convolution, ...], ...] = (
    ((192, 1, 1),),
    ((128, 1, 1), (160, (1, 7), 1), (192, (7, 1), 1)),
)
_BLOCK_8: tuple[tuple[Convolution, ...], ...] = (
    ((192, 1, 1),),
    ((192, 1, 1), (224, (1, 3), 1), (256, (3, 1), 1)),
)
_REDUCE_A: tuple[tuple[Convolution, ...], ...] = (
    ((384, 3, 2),),
    ((256, 1, 1), (256, 3, 1), (384, 3, 2)),
)
_REDUCE_B: tuple[tuple[Convolution, ...], ...] = (
    ((256, 1, 1), (384, 3, 2)),
    ((256, 1, 1), (288, 3, 2)),
    ((256, 1, 1), (288, 3, 1), (320, 3, 2)),
)


def build_inception_resnet_v2(image_size: ImageSize = 299, classes: int = 1000) -> Graph:
    """Inception-ResNet v2 of TF-slim. The factor by which a block's value is scaled folds into its last convolution."""
    net = NetworkBuilder("inception_resnet_v2", {"image_size": image_size, "classes": classes})
    x = stem_v3(net, net.image(image_size))
    branches = chains(net, x, "mixed5", _FIRST)
    pooled = net.pool(x, 3, stride=1, padding=1, name="mixed5_pool")
    x = net.concat(*branches, net.conv(pooled, 64, 1, activation="relu", name="mixed5_projection"), name="mixed5")
    for number in range(1, 11):
        x = _residual(net, x, f"block35_{number}", _BLOCK_35)
    x = shrink(net, x, "mixed6", _REDUCE_A)
    for number in range(1, 21):
        x = _residual(net, x, f"block17_{number}", _BLOCK_17)
    x = shrink(net, x, "mixed7", _REDUCE_B)
    for number in range(1, 11):
        x = _residual(net, x, f"block8_{number}", _BLOCK_8, "relu" if number < 10 else "")
    x = net.conv(x, 1536, 1, activation="relu", name="conv7")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _residual(
    net: NetworkBuilder, x: Output, name: str, branches: Sequence[Sequence[Convolution]], activation: str = "relu"
) -> Output:
    """Chains side by side, and a 1x1 with biases and no normalisation that is added to what they read."""
    y = net.concat(*chains(net, x, name, branches), name=f"{name}_concat")
    y = net.conv(y, x.channels, 1, bias=True, name=f"{name}_up")
    return net.add(y, x, activation=activation, name=name)


NETWORKS = {"inception_resnet_v2": build_inception_resnet_v2}
