"""YOLOv3 (J. Redmon, A. Farhadi, "YOLOv3: An Incremental Improvement", arXiv:1804.02767), up to its three output maps.

A leaky relu counts as a relu. Decoding the boxes is not part of the network.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output


def build_yolov3(image_size: int = 416, classes: int = 80) -> Graph:
    """YOLOv3 for any image size that is a multiple of 32; 80 classes are those of COCO."""
    if image_size % 32:
        raise NetworkError(f"yolov3: image_size: must be a multiple of 32, got {image_size}")
    net = NetworkBuilder("yolov3", {"image_size": image_size, "classes": classes})
    x = _conv(net, net.input(3, image_size, image_size), 32, 3, "conv0")
    stages = []
    for stage, count in enumerate((1, 2, 8, 8, 4), start=1):
        x = _conv(net, x, 32 << stage, 3, f"down{stage}", stride=2)
        for number in range(1, count + 1):
            name = f"res{stage}_{number}"
            y = _conv(net, x, 16 << stage, 1, f"{name}_1x1")
            x = net.add(_conv(net, y, 32 << stage, 3, f"{name}_3x3"), x, name=name)
        stages.append(x)
    outputs = 3 * (5 + classes)  # three boxes a cell: four coordinates, one score, the classes
    x = _detect(net, x, "head1", 512, outputs)
    for number, (width, skip) in enumerate(((256, stages[3]), (128, stages[2])), start=2):
        x = net.resize(_conv(net, x, width, 1, f"head{number}_in"), 2, name=f"head{number}_resize")
        x = _detect(net, net.concat(x, skip, name=f"head{number}_concat"), f"head{number}", width, outputs)
    return net.build()


def _conv(net: NetworkBuilder, x: Output, channels: int, kernel: int, name: str, stride: int = 1) -> Output:
    """Convolution with its (leaky) relu."""
    return net.conv(x, channels, kernel, stride=stride, padding=kernel // 2, activation="relu", name=name)


def _detect(net: NetworkBuilder, x: Output, name: str, width: int, outputs: int) -> Output:
    """Five convolutions, whose value goes to the next head, and two that give this head's map."""
    for number in range(1, 6):
        x = _conv(net, x, width if number % 2 else 2 * width, 1 if number % 2 else 3, f"{name}_conv{number}")
    y = _conv(net, x, 2 * width, 3, f"{name}_conv6")
    net.conv(y, outputs, 1, bias=True, name=f"{name}_map")
    return x


NETWORKS = {"yolov3": build_yolov3}
