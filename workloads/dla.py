"""DLA-34 (F. Yu et al., "Deep Layer Aggregation", CVPR 2018), and CenterNet on it (X. Zhou et al., "Objects as Points",
arXiv:1904.07850) up to its output maps.

CenterNet is the authors' version without deformable convolutions (their dlav0). A convolution upwards, of each channel by 4x4
with stride 2, is a 2x2 one with four outputs for each channel, which become blocks of pixels: the same products.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

_WIDTHS = (16, 32, 64, 128, 256, 512)


def build_dla34(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """DLA-34 with its classifier."""
    net = _begin("dla34", image_size, classes)
    x = _features(net, net.image(image_size, 32))[-1]
    net.dense(net.global_pool(x, name="pool"), classes, name="fc")
    return net.build()


def build_centernet_dla34(image_size: ImageSize = 512, classes: int = 80) -> Graph:
    """CenterNet: a map of centres for each class, two of sizes and two of offsets, at a quarter of the image's size."""
    net = _begin("centernet_dla34", image_size, classes)
    levels = _features(net, net.image(image_size, 32))
    for number in range(1, len(levels)):
        start = len(levels) - 1 - number
        levels[start + 1 :] = _climb(net, levels[start:], f"up{number}")
    x = levels[-1]
    for what, channels in (("centres", classes), ("sizes", 2), ("offsets", 2)):
        y = net.conv(x, 256, 3, padding=1, bias=True, activation="relu", name=f"head_{what}")
        net.conv(y, channels, 1, bias=True, name=f"map_{what}")
    return net.build()


def _begin(name: str, image_size: ImageSize, classes: int) -> NetworkBuilder:
    """Return a builder for an image whose size five halvings divide, so that what was halved in two ways joins."""
    return NetworkBuilder(name, {"image_size": image_size, "classes": classes})


def _features(net: NetworkBuilder, x: Output) -> list[Output]:
    """Values of the last four levels."""
    x = net.conv(x, _WIDTHS[0], 7, padding=3, activation="relu", name="conv0")
    x = net.conv(x, _WIDTHS[0], 3, padding=1, activation="relu", name="level0")
    x = net.conv(x, _WIDTHS[1], 3, stride=2, padding=1, activation="relu", name="level1")
    found = []
    for level in range(2, 6):
        name, wide = f"level{level}", _WIDTHS[level]
        bottom = net.pool(x, 2, name=f"{name}_pool")
        # All but the first of these levels also join what came in; two of them are two trees one after another.
        if level in (3, 4):
            first = _tree(net, x, bottom, wide, f"{name}_1", 2, [])
            x = _tree(net, first, first, wide, f"{name}_2", 1, [bottom, first])
        else:
            x = _tree(net, x, bottom, wide, name, 2, [bottom] if level == 5 else [])
        found.append(x)
    return found


def _tree(
    net: NetworkBuilder, x: Output, bottom: Output, channels: int, name: str, stride: int, more: list[Output]
) -> Output:
    """Two blocks, joined with `more` and narrowed. bottom: x of the size of the first block's value."""
    short = bottom
    if x.channels != channels:
        short = net.conv(bottom, channels, 1, name=f"{name}_project")
    first = _block(net, x, short, channels, stride, f"{name}_block1")
    second = _block(net, first, first, channels, 1, f"{name}_block2")
    joined = net.concat(second, first, *more, name=f"{name}_concat")
    return net.conv(joined, channels, 1, activation="relu", name=f"{name}_root")


def _block(net: NetworkBuilder, x: Output, short: Output, channels: int, stride: int, name: str) -> Output:
    """Two 3x3 convolutions and a residual."""
    y = net.conv(x, channels, 3, stride=stride, padding=1, activation="relu", name=f"{name}_conv1")
    y = net.conv(y, channels, 3, padding=1, name=f"{name}_conv2")
    return net.add(y, short, activation="relu", name=name)


def _climb(net: NetworkBuilder, levels: list[Output], name: str) -> list[Output]:
    """Bring the coarser levels to the size and width of the first, then join one after another; all but the first change."""
    base = levels[0]
    larger = []
    wide = base.channels
    for number, level in enumerate(levels[1:], start=1):
        x = level
        if x.channels != wide:
            x = net.conv(x, wide, 1, activation="relu", name=f"{name}_project{number}")
        x = net.conv(x, 4 * wide, 2, padding=(0, 1, 0, 1), groups=wide, name=f"{name}_{number}_larger")
        larger.append(x.spread(2))
    found: list[Output] = []
    for number, y in enumerate(larger, start=1):
        joined = net.concat(found[-1] if found else base, y, name=f"{name}_concat{number}")
        found.append(net.conv(joined, base.channels, 3, padding=1, activation="relu", name=f"{name}_node{number}"))
    return found


NETWORKS = {"dla34": build_dla34, "centernet_dla34": build_centernet_dla34}
