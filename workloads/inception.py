"""Inception v1 (GoogLeNet: C. Szegedy et al., "Going Deeper with Convolutions", CVPR 2015), v3 (C. Szegedy et al.,
"Rethinking the Inception Architecture for Computer Vision", CVPR 2016) and v4 (C. Szegedy et al., "Inception-v4,
Inception-ResNet and the Impact of Residual Connections on Learning", AAAI 2017), as used after training: no auxiliary heads.
"""

from collections.abc import Sequence
from typing import TypeAlias

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output, Size
from simulator.reading.sizes import ImageSize

Convolution: TypeAlias = tuple[int, Size, int]
"""Channels, kernel, stride."""

# Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
_V1 = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def build_inception_v1(image_size: ImageSize = 224, classes: int = 1000, variant: str = "paper") -> Graph:
    """Inception v1. `variant`: "paper", with 5x5 convolutions, local normalisation and biases; or "slim", as TF-slim and
    PyTorch have it, with 3x3 in their place and batch normalisation.
    """
    if variant not in ("paper", "slim"):
        raise NetworkError(f"inception_v1: variant: must be 'paper' or 'slim', got {variant!r}")
    net = NetworkBuilder("inception_v1", {"image_size": image_size, "classes": classes, "variant": variant})
    paper = variant == "paper"
    x = net.image(image_size)
    x = net.conv(x, 64, 7, stride=2, padding=3, bias=paper, activation="relu", name="conv1")
    x = net.pool(x, 3, stride=2, ceil=True, name="pool1")
    x = net.vector("local_norm", x, name="norm1") if paper else x
    x = net.conv(x, 64, 1, bias=paper, activation="relu", name="conv2_reduce")
    x = net.conv(x, 192, 3, padding=1, bias=paper, activation="relu", name="conv2")
    x = net.vector("local_norm", x, name="norm2") if paper else x
    for block, widths in _V1.items():
        if block.endswith("a"):
            # A stage begins with a pool: 2 after the stem, 3 and 4 between stages.
            kernel = 2 if block == "5a" and not paper else 3
            x = net.pool(x, kernel, stride=2, ceil=True, name=f"pool{int(block[0]) - 1}")
        x = _block_v1(net, x, f"inception_{block}", widths, paper)
    net.dense(net.global_pool(x, name="pool5"), classes, name="fc")
    return net.build()


def _block_v1(net: NetworkBuilder, x: Output, name: str, widths: Sequence[int], paper: bool) -> Output:
    """Four branches side by side."""

    def conv(y: Output, channels: int, kernel: int, part: str) -> Output:
        return net.conv(y, channels, kernel, padding=kernel // 2, bias=paper, activation="relu", name=f"{name}_{part}")

    one, reduce3, three, reduce5, five, projection = widths
    branches = [conv(x, one, 1, "1x1")]
    branches.append(conv(conv(x, reduce3, 1, "3x3_reduce"), three, 3, "3x3"))
    branches.append(conv(conv(x, reduce5, 1, "5x5_reduce"), five, 5 if paper else 3, "5x5"))
    pooled = net.pool(x, 3, stride=1, padding=1, name=f"{name}_pool")
    branches.append(conv(pooled, projection, 1, "projection"))
    return net.concat(*branches, name=name)


def build_inception_v3(image_size: ImageSize = 299, classes: int = 1000) -> Graph:
    """Inception v3."""
    net = NetworkBuilder("inception_v3", {"image_size": image_size, "classes": classes})
    x = stem_v3(net, net.image(image_size))
    for letter, projection in zip("bcd", (32, 64, 64), strict=True):
        x = _block_35(net, x, f"mixed5{letter}", projection)
    x = shrink(net, x, "mixed6a", [[(384, 3, 2)], [(64, 1, 1), (96, 3, 1), (96, 3, 2)]])
    for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
        x = _block_17(net, x, f"mixed6{letter}", width)
    seven: list[Convolution] = [(192, 1, 1), (192, (1, 7), 1), (192, (7, 1), 1), (192, 3, 2)]
    x = shrink(net, x, "mixed7a", [[(192, 1, 1), (320, 3, 2)], seven])
    for letter in "bc":
        x = _block_8(net, x, f"mixed7{letter}")
    net.dense(net.global_pool(x, name="pool8"), classes, name="fc")
    return net.build()


def stem_v3(net: NetworkBuilder, x: Output) -> Output:
    """Stem of v3: an eighth of the image."""
    x = net.conv(x, 32, 3, stride=2, activation="relu", name="conv1a")
    x = net.conv(x, 32, 3, activation="relu", name="conv2a")
    x = net.conv(x, 64, 3, padding=1, activation="relu", name="conv2b")
    x = net.pool(x, 3, stride=2, name="pool2")
    x = net.conv(x, 80, 1, activation="relu", name="conv3b")
    x = net.conv(x, 192, 3, activation="relu", name="conv4a")
    return net.pool(x, 3, stride=2, name="pool4")


def _chain(net: NetworkBuilder, x: Output, name: str, convolutions: Sequence[Convolution]) -> Output:
    """Convolutions one after another; those with stride 1 keep the size."""
    for number, (channels, kernel, stride) in enumerate(convolutions, start=1):
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if stride == 1 else 0
        x = net.conv(
            x, channels, kernel, stride=stride, padding=padding, activation="relu", name=f"{name}_conv{number}"
        )
    return x


def _projection(net: NetworkBuilder, x: Output, name: str, channels: int) -> Output:
    """Average pool and a 1x1 convolution."""
    return _chain(net, net.pool(x, 3, stride=1, padding=1, name=f"{name}_pool"), f"{name}_pool", [(channels, 1, 1)])


def _block_35(net: NetworkBuilder, x: Output, name: str, projection: int) -> Output:
    """Block of the 35 x 35 stage."""
    return net.concat(
        _chain(net, x, f"{name}_a", [(64, 1, 1)]),
        _chain(net, x, f"{name}_b", [(48, 1, 1), (64, 5, 1)]),
        _chain(net, x, f"{name}_c", [(64, 1, 1), (96, 3, 1), (96, 3, 1)]),
        _projection(net, x, name, projection),
        name=name,
    )


def chains(net: NetworkBuilder, x: Output, name: str, branches: Sequence[Sequence[Convolution]]) -> list[Output]:
    """Up to three chains that read the same."""
    letters = "abc"[: len(branches)]
    return [_chain(net, x, f"{name}_{letter}", chain) for letter, chain in zip(letters, branches, strict=True)]


def shrink(net: NetworkBuilder, x: Output, name: str, branches: Sequence[Sequence[Convolution]]) -> Output:
    """Halve the image by chains and a pool side by side."""
    return net.concat(*chains(net, x, name, branches), net.pool(x, 3, stride=2, name=f"{name}_pool"), name=name)


def _block_17(net: NetworkBuilder, x: Output, name: str, width: int) -> Output:
    """Block of the 17 x 17 stage: 7x7 kernels in two halves."""
    flat, tall = (1, 7), (7, 1)
    return net.concat(
        _chain(net, x, f"{name}_a", [(192, 1, 1)]),
        _chain(net, x, f"{name}_b", [(width, 1, 1), (width, flat, 1), (192, tall, 1)]),
        _chain(
            net,
            x,
            f"{name}_c",
            [(width, 1, 1), (width, tall, 1), (width, flat, 1), (width, tall, 1), (192, flat, 1)],
        ),
        _projection(net, x, name, 192),
        name=name,
    )


def _block_8(net: NetworkBuilder, x: Output, name: str) -> Output:
    """Block of the 8 x 8 stage: the last kernels of two branches lie side by side."""
    b = _chain(net, x, f"{name}_b", [(384, 1, 1)])
    c = _chain(net, x, f"{name}_c", [(448, 1, 1), (384, 3, 1)])
    halves = [
        _chain(net, y, f"{name}_{letter}_{shape}", [(384, kernel, 1)])
        for letter, y in (("b", b), ("c", c))
        for shape, kernel in (("flat", (1, 3)), ("tall", (3, 1)))
    ]
    return net.concat(_chain(net, x, f"{name}_a", [(320, 1, 1)]), *halves, _projection(net, x, name, 192), name=name)


def build_inception_v4(image_size: ImageSize = 299, classes: int = 1000) -> Graph:
    """Inception v4 (figures 3 to 9 of the paper)."""
    net = NetworkBuilder("inception_v4", {"image_size": image_size, "classes": classes})
    x = _stem_v4(net, net.image(image_size))
    for number in range(1, 5):
        x = _block_a_v4(net, x, f"mixed_a{number}")
    x = shrink(net, x, "reduce_a", [[(384, 3, 2)], [(192, 1, 1), (224, 3, 1), (256, 3, 2)]])
    for number in range(1, 8):
        x = _block_b_v4(net, x, f"mixed_b{number}")
    seven: list[Convolution] = [(256, 1, 1), (256, (1, 7), 1), (320, (7, 1), 1), (320, 3, 2)]
    x = shrink(net, x, "reduce_b", [[(192, 1, 1), (192, 3, 2)], seven])
    for number in range(1, 4):
        x = _block_c_v4(net, x, f"mixed_c{number}")
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def _stem_v4(net: NetworkBuilder, x: Output) -> Output:
    """Stem: each halving is a pool and a convolution side by side, as is the step between the last two."""
    x = net.conv(x, 32, 3, stride=2, activation="relu", name="conv1")
    x = net.conv(x, 32, 3, activation="relu", name="conv2")
    x = net.conv(x, 64, 3, padding=1, activation="relu", name="conv3")
    halved = net.conv(x, 96, 3, stride=2, activation="relu", name="stem1_conv")
    x = net.concat(net.pool(x, 3, stride=2, name="stem1_pool"), halved, name="stem1")
    branches: list[list[Convolution]] = [[(64, 1, 1)], [(64, 1, 1), (64, (1, 7), 1), (64, (7, 1), 1)]]
    ends = [
        net.conv(_chain(net, x, f"stem2_{letter}", chain), 96, 3, activation="relu", name=f"stem2_{letter}_last")
        for letter, chain in zip("ab", branches, strict=True)
    ]
    x = net.concat(*ends, name="stem2")
    halved = net.conv(x, 192, 3, stride=2, activation="relu", name="stem3_conv")
    return net.concat(halved, net.pool(x, 3, stride=2, name="stem3_pool"), name="stem3")


def _block_a_v4(net: NetworkBuilder, x: Output, name: str) -> Output:
    """Block of the 35 x 35 stage of v4."""
    return net.concat(
        _chain(net, x, f"{name}_a", [(96, 1, 1)]),
        _chain(net, x, f"{name}_b", [(64, 1, 1), (96, 3, 1)]),
        _chain(net, x, f"{name}_c", [(64, 1, 1), (96, 3, 1), (96, 3, 1)]),
        _projection(net, x, name, 96),
        name=name,
    )


def _block_b_v4(net: NetworkBuilder, x: Output, name: str) -> Output:
    """Block of the 17 x 17 stage of v4."""
    flat, tall = (1, 7), (7, 1)
    long: list[Convolution] = [(192, 1, 1), (192, tall, 1), (224, flat, 1), (224, tall, 1), (256, flat, 1)]
    return net.concat(
        _chain(net, x, f"{name}_a", [(384, 1, 1)]),
        _chain(net, x, f"{name}_b", [(192, 1, 1), (224, flat, 1), (256, tall, 1)]),
        _chain(net, x, f"{name}_c", long),
        _projection(net, x, name, 128),
        name=name,
    )


def _block_c_v4(net: NetworkBuilder, x: Output, name: str) -> Output:
    """Block of the 8 x 8 stage of v4: the last kernels of two branches lie side by side."""
    flat, tall = (1, 3), (3, 1)
    b = _chain(net, x, f"{name}_b", [(384, 1, 1)])
    c = _chain(net, x, f"{name}_c", [(384, 1, 1), (448, tall, 1), (512, flat, 1)])
    halves = [
        _chain(net, y, f"{name}_{letter}_{shape}", [(256, kernel, 1)])
        for letter, y in (("b", b), ("c", c))
        for shape, kernel in (("flat", flat), ("tall", tall))
    ]
    return net.concat(_chain(net, x, f"{name}_a", [(256, 1, 1)]), *halves, _projection(net, x, name, 256), name=name)


NETWORKS = {
    "inception_v1": build_inception_v1,
    "inception_v3": build_inception_v3,
    "inception_v4": build_inception_v4,
}
