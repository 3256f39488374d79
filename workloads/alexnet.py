"""AlexNet: the one of the paper, and the one that PyTorch ships.

`alexnet` (A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012) has convolutions 2, 4 and 5 in two groups and takes 227 x 227: the paper's 224 does not give its own sizes.
`alexnet_torch` (A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997) has
one group and no normalisation. At another image size the first dense layer takes whatever the last pool gives.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize


def build_alexnet(image_size: ImageSize = 227, classes: int = 1000) -> Graph:
    """AlexNet of the paper, in two groups."""
    net = NetworkBuilder("alexnet", {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, 96, 11, stride=4, bias=True, activation="relu", name="conv1")
    x = net.pool(net.vector("local_norm", x, name="norm1"), 3, stride=2, name="pool1")
    x = net.conv(x, 256, 5, padding=2, groups=2, bias=True, activation="relu", name="conv2")
    x = net.pool(net.vector("local_norm", x, name="norm2"), 3, stride=2, name="pool2")
    x = net.conv(x, 384, 3, padding=1, bias=True, activation="relu", name="conv3")
    x = net.conv(x, 384, 3, padding=1, groups=2, bias=True, activation="relu", name="conv4")
    x = net.conv(x, 256, 3, padding=1, groups=2, bias=True, activation="relu", name="conv5")
    return _classify(net, net.pool(x, 3, stride=2, name="pool5"), classes)


def build_alexnet_torch(image_size: ImageSize = 224, classes: int = 1000) -> Graph:
    """AlexNet as PyTorch ships it, in one group."""
    net = NetworkBuilder("alexnet_torch", {"image_size": image_size, "classes": classes})
    x = net.image(image_size)
    x = net.conv(x, 64, 11, stride=4, padding=2, bias=True, activation="relu", name="conv1")
    x = net.pool(x, 3, stride=2, name="pool1")
    x = net.conv(x, 192, 5, padding=2, bias=True, activation="relu", name="conv2")
    x = net.pool(x, 3, stride=2, name="pool2")
    for number, width in enumerate((384, 256, 256), start=3):
        x = net.conv(x, width, 3, padding=1, bias=True, activation="relu", name=f"conv{number}")
    return _classify(net, net.pool(x, 3, stride=2, name="pool5"), classes)


def _classify(net: NetworkBuilder, x: Output, classes: int) -> Graph:
    """Three dense layers."""
    x = net.dense(x.flat(), 4096, activation="relu", name="fc6")
    x = net.dense(x, 4096, activation="relu", name="fc7")
    net.dense(x, classes, name="fc8")
    return net.build()


NETWORKS = {"alexnet": build_alexnet, "alexnet_torch": build_alexnet_torch}
