"""Swin transformers (Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021).

Attention is among the pixels of a window of 7 x 7; maps that are no multiple of that are padded for it. Shifting the windows
between layers moves nothing: it is where a window begins. Parameters are those of the convolution and the dense layers, not of
the normalisations and the tables of places.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize

PATCH, WINDOW, MERGE = 4, 7, 2


def build_swin_t(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """Swin-T: 96 channels and 3 heads in the first stage, 2, 2, 6 and 2 layers."""
    net = NetworkBuilder("swin_t", {"image_size": image_size, "classes": classes})
    x = net.conv(net.image(image_size, PATCH * MERGE**3), 96, PATCH, stride=PATCH, bias=True, name="patches")
    x = net.vector("layer_norm", x, name="patches_norm")
    for stage, count in enumerate((2, 2, 6, 2)):
        if stage:
            y = net.vector("layer_norm", x.gather(MERGE), name=f"merge{stage}_norm")
            x = _dense(net, y, 2 * x.channels, f"merge{stage}", bias=False)
        for number in range(count):
            x = _block(net, x, f"stage{stage + 1}_{number + 1}", 3 << stage)
    x = net.global_pool(net.vector("layer_norm", x, name="norm"), name="pool")
    net.dense(x, classes, name="head")
    return net.build()


def _dense(net: NetworkBuilder, x: Output, channels: int, name: str, bias: bool = True, activation: str = "") -> Output:
    """A dense layer for each pixel."""
    return net.dense(x.rows(), channels, bias=bias, activation=activation, name=name).image(x.height, x.width)


def _block(net: NetworkBuilder, x: Output, name: str, heads: int) -> Output:
    """Attention within windows and the feed-forward pair, each behind a normalisation and beside the identity."""
    y = net.vector("layer_norm", x, name=f"{name}_norm1")
    high, wide = (-(-side // WINDOW) * WINDOW for side in (x.height, x.width))
    if (high, wide) != (x.height, x.width):
        y = net.vector("copy", Output(y.name, y.channels, high, wide), name=f"{name}_pad")
    query, key, value = (_dense(net, y, x.channels, f"{name}_{part}") for part in ("query", "key", "value"))
    y = net.attention(query, key, value, heads=heads, window=WINDOW, name=name)
    y = _dense(net, y, x.channels, f"{name}_projection")
    x = net.add(Output(y.name, x.channels, x.height, x.width), x, name=f"{name}_add1")
    y = net.vector("layer_norm", x, name=f"{name}_norm2")
    y = _dense(net, y, 4 * x.channels, f"{name}_ffn1", activation="gelu")
    return net.add(_dense(net, y, x.channels, f"{name}_ffn2"), x, name=f"{name}_add2")


NETWORKS = {"swin_t": build_swin_t}
