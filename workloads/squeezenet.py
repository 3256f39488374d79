"""SqueezeNet 1.0 and 1.1 (F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters...",
arXiv:1602.07360; 1.1 is the authors' cheaper release).
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

# Squeeze widths of fire 2 to 9; each expands to four times as many 1x1 and as many 3x3 channels
_SQUEEZE = (16, 16, 32, 32, 48, 48, 64, 64)


def build_squeezenet(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """SqueezeNet 1.0: 7x7 stem, pools before fire 2, 5 and 9."""
    return _build("squeezenet", 96, 7, (2, 5, 9), image_size, classes)


def build_squeezenet_v1_1(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """SqueezeNet 1.1: 3x3 stem, pools before fire 2, 4 and 6."""
    return _build("squeezenet_v1_1", 64, 3, (2, 4, 6), image_size, classes)


def _build(
    name: str, stem: int, kernel: int, pools: tuple[int, int, int], image_size: ImageSize, classes: int
) -> Graph:
    """Stem, eight fire modules, a 1x1 classifier."""
    net = NetworkBuilder(name, {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, stem, kernel, stride=2, bias=True, activation="relu", name="conv1")
    for number, squeeze in enumerate(_SQUEEZE, start=2):
        if number in pools:
            x = net.pool(x, 3, stride=2, ceil=True, name=f"pool{number - 1}")
        x = _fire(net, x, f"fire{number}", squeeze)
    x = net.conv(x, classes, 1, bias=True, activation="relu", name="conv10")
    net.global_pool(x, name="pool10")
    return net.build()


def _fire(net: NetworkBuilder, x: Output, name: str, squeeze: int) -> Output:
    """1x1 that narrows, then 1x1 and 3x3 side by side."""
    x = net.conv(x, squeeze, 1, bias=True, activation="relu", name=f"{name}_squeeze")
    one = net.conv(x, 4 * squeeze, 1, bias=True, activation="relu", name=f"{name}_1x1")
    three = net.conv(x, 4 * squeeze, 3, padding=1, bias=True, activation="relu", name=f"{name}_3x3")
    return net.concat(one, three, name=name)


NETWORKS = {"squeezenet": build_squeezenet, "squeezenet_v1_1": build_squeezenet_v1_1}
