"""DeepLab v3 (L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", arXiv:1706.05587) on MobileNet
v2 as of the TensorFlow models: no pyramid of dilated convolutions and no decoder, but a 1x1 beside the mean of the whole image.

Up to the map of classes at a part of the image's size; enlarging it and choosing the class are not part of the network.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder
from simulator.reading.sizes import NONE, Count

from .mobilenet import blocks_v2


def build_deeplab_mobilenet_v2(
    image_size: int = 513, image_width: Count = NONE, classes: int = 21, output_stride: int = 8, mean: bool = True
) -> Graph:
    """DeepLab on MobileNet v2.

    `image_width`: 0 for as wide as high; `output_stride`: image's size to the map's, 8 or 16; `mean`: whether the mean of
    the image joins.
    """
    name = "deeplab_mobilenet_v2"
    if output_stride not in (8, 16):
        raise NetworkError(f"{name}: output_stride: must be 8 or 16, got {output_stride}")
    settings = {"image_size": image_size, "image_width": image_width, "classes": classes}
    net = NetworkBuilder(name, {**settings, "output_stride": output_stride, "mean": mean})
    x, _ = blocks_v2(net, net.input(3, image_size, image_width or image_size), 1.0, output_stride)
    found = [net.conv(x, 256, 1, activation="relu", name="aspp0")]
    if mean:
        y = net.conv(net.global_pool(x, name="mean"), 256, 1, activation="relu", name="image_pooling")
        found.append(net.resize(y, (x.height, x.width), name="image_resize"))
    y = net.concat(*reversed(found), name="concat") if mean else found[0]
    y = net.conv(y, 256, 1, activation="relu", name="concat_projection")
    net.conv(y, classes, 1, bias=True, name="map")
    return net.build()


NETWORKS = {"deeplab_mobilenet_v2": build_deeplab_mobilenet_v2}
