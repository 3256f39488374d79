"""U-Net (O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015).

As in the paper no convolution pads, so what joins from the way down is cropped and the map is smaller than the image:
388 x 388 of 572 x 572. With `padding="same"`, as most use it, the map has the image's size. A 2x2 convolution upwards with
stride 2 is a 1x1 convolution whose channels become blocks of pixels: the same products, and nothing moves. Its bias, one a
channel, is counted neither there nor here.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

DEPTH = 4
"""Halvings."""


def build_unet(
    image_size: ImageSize = 572, channels: int = 1, width: int = 64, classes: int = 2, padding: str = "valid"
) -> Graph:
    """U-Net. `channels` of the image; `width`: channels of the first convolution; `padding`: "valid" or "same"."""
    if padding not in ("valid", "same"):
        raise NetworkError(f"unet: padding: must be 'valid' or 'same', got {padding!r}")
    settings = {"image_size": image_size, "channels": channels, "width": width, "classes": classes, "padding": padding}
    net = NetworkBuilder("unet", settings)
    pad = 1 if padding == "same" else 0
    x = net.image(image_size, 1 << DEPTH if pad else 1, channels)
    skips: list[Output] = []
    for level in range(DEPTH):
        x = _pair(net, x, width << level, pad, f"down{level + 1}")
        skips.append(x)
        x = net.pool(x, 2, name=f"pool{level + 1}")
    x = _pair(net, x, width << DEPTH, pad, "bottom")
    for level in reversed(range(DEPTH)):
        name = f"up{level + 1}"
        x = net.conv(x, 4 * (width << level), 1, name=f"{name}_larger").spread(2)
        skip = skips[level]
        if (skip.height, skip.width) != (x.height, x.width):
            crop = Output(skip.name, skip.channels, x.height, x.width)
            skip = net.vector("copy", crop, name=f"{name}_crop")
        x = _pair(net, net.concat(skip, x, name=f"{name}_concat"), width << level, pad, name)
    net.conv(x, classes, 1, bias=True, name="map")
    return net.build()


def _pair(net: NetworkBuilder, x: Output, channels: int, pad: int, name: str) -> Output:
    """Two 3x3 convolutions."""
    x = net.conv(x, channels, 3, padding=pad, bias=True, activation="relu", name=f"{name}_conv1")
    return net.conv(x, channels, 3, padding=pad, bias=True, activation="relu", name=f"{name}_conv2")


NETWORKS = {"unet": build_unet}
