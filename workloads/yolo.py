"""YOLOv3 (J. Redmon, A. Farhadi, "YOLOv3: An Incremental Improvement", arXiv:1804.02767) and its authors' tiny one, up to
their output maps.

A leaky relu counts as a relu. Decoding the boxes is not part of the network.
"""

from simulator.graph.build import Graph, NetworkBuilder, Output
from simulator.reading.sizes import ImageSize


def build_yolov3(image_size: ImageSize = 416, classes: int = 80) -> Graph:
    """YOLOv3 for any image size that is a multiple of 32; 80 classes are those of COCO."""
    net = _begin("yolov3", image_size, classes)
    x = _conv(net, net.image(image_size, 32), 32, 3, "conv0")
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


def build_yolov3_tiny(image_size: ImageSize = 416, classes: int = 80) -> Graph:
    """YOLOv3-tiny: six pools in a row of convolutions, two maps. The last pool keeps the size."""
    net = _begin("yolov3_tiny", image_size, classes)
    x = net.image(image_size, 32)
    for number in range(1, 7):
        x = skip = _conv(net, x, 8 << number, 3, f"conv{number}")
        # darknet pads the last one, of stride 1, below and on the right.
        last = number == 6
        x = net.pool(x, 2, stride=1 if last else 2, padding=(0, 1, 0, 1) if last else 0, name=f"pool{number}")
        if number == 5:
            joined = skip
    outputs = 3 * (5 + classes)
    x = _conv(net, _conv(net, x, 1024, 3, "conv7"), 256, 1, "conv8")
    net.conv(_conv(net, x, 512, 3, "head1_conv"), outputs, 1, bias=True, name="head1_map")
    x = net.resize(_conv(net, x, 128, 1, "head2_in"), 2, name="head2_resize")
    x = _conv(net, net.concat(x, joined, name="head2_concat"), 256, 3, "head2_conv")
    net.conv(x, outputs, 1, bias=True, name="head2_map")
    return net.build()


def _begin(name: str, image_size: ImageSize, classes: int) -> NetworkBuilder:
    """Return a builder for an image whose size five halvings divide."""
    return NetworkBuilder(name, {"image_size": image_size, "classes": classes})


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


NETWORKS = {"yolov3": build_yolov3, "yolov3_tiny": build_yolov3_tiny}
