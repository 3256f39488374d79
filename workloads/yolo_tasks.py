"""YOLOv5 and YOLOv8 that outline what they find, and YOLOv8 that finds the joints of persons or boxes that are turned
(G. Jocher et al.; see `yolo_scaled`), up to their output maps.

Outlines are sums of 32 images, the prototypes, at a quarter of the image's size; each box has a weight for each of them. Adding
them up is not part of the network. A joint is two coordinates and whether it is seen. Boxes that are turned are those of views
from above: 15 classes of DOTA.
"""

from collections.abc import Callable

from simulator.graph.build import Graph, Output
from simulator.reading.sizes import ImageSize

from .yolo_scaled import Parts, detect_v8, features_v5, features_v8, scaled

PROTOTYPES = 32

_WIDTHS = {"n": 0.25, "s": 0.5, "m": 0.75, "l": 1.0, "x": 1.25}


def build_yolov5n_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 nano, with outlines."""
    return _build_v5_seg("n", image_size, classes, activation)


def build_yolov5s_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 small, with outlines."""
    return _build_v5_seg("s", image_size, classes, activation)


def build_yolov5m_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 medium, with outlines."""
    return _build_v5_seg("m", image_size, classes, activation)


def build_yolov5l_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 large, with outlines."""
    return _build_v5_seg("l", image_size, classes, activation)


def build_yolov5x_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv5 extra large, with outlines."""
    return _build_v5_seg("x", image_size, classes, activation)


def build_yolov8n_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 nano, with outlines."""
    return _build_v8_seg("n", image_size, classes, activation)


def build_yolov8s_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 small, with outlines."""
    return _build_v8_seg("s", image_size, classes, activation)


def build_yolov8m_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 medium, with outlines."""
    return _build_v8_seg("m", image_size, classes, activation)


def build_yolov8l_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 large, with outlines."""
    return _build_v8_seg("l", image_size, classes, activation)


def build_yolov8x_seg(image_size: ImageSize = 640, classes: int = 80, activation: str = "silu") -> Graph:
    """YOLOv8 extra large, with outlines."""
    return _build_v8_seg("x", image_size, classes, activation)


def build_yolov8n_pose(image_size: ImageSize = 640, joints: int = 17, activation: str = "silu") -> Graph:
    """YOLOv8 nano, with joints."""
    return _build_v8_pose("n", image_size, joints, activation)


def build_yolov8s_pose(image_size: ImageSize = 640, joints: int = 17, activation: str = "silu") -> Graph:
    """YOLOv8 small, with joints."""
    return _build_v8_pose("s", image_size, joints, activation)


def build_yolov8m_pose(image_size: ImageSize = 640, joints: int = 17, activation: str = "silu") -> Graph:
    """YOLOv8 medium, with joints."""
    return _build_v8_pose("m", image_size, joints, activation)


def build_yolov8l_pose(image_size: ImageSize = 640, joints: int = 17, activation: str = "silu") -> Graph:
    """YOLOv8 large, with joints."""
    return _build_v8_pose("l", image_size, joints, activation)


def build_yolov8x_pose(image_size: ImageSize = 640, joints: int = 17, activation: str = "silu") -> Graph:
    """YOLOv8 extra large, with joints."""
    return _build_v8_pose("x", image_size, joints, activation)


def build_yolov8n_obb(image_size: ImageSize = 1024, classes: int = 15, activation: str = "silu") -> Graph:
    """YOLOv8 nano, with boxes that are turned."""
    return _build_v8_obb("n", image_size, classes, activation)


def build_yolov8s_obb(image_size: ImageSize = 1024, classes: int = 15, activation: str = "silu") -> Graph:
    """YOLOv8 small, with boxes that are turned."""
    return _build_v8_obb("s", image_size, classes, activation)


def build_yolov8m_obb(image_size: ImageSize = 1024, classes: int = 15, activation: str = "silu") -> Graph:
    """YOLOv8 medium, with boxes that are turned."""
    return _build_v8_obb("m", image_size, classes, activation)


def build_yolov8l_obb(image_size: ImageSize = 1024, classes: int = 15, activation: str = "silu") -> Graph:
    """YOLOv8 large, with boxes that are turned."""
    return _build_v8_obb("l", image_size, classes, activation)


def build_yolov8x_obb(image_size: ImageSize = 1024, classes: int = 15, activation: str = "silu") -> Graph:
    """YOLOv8 extra large, with boxes that are turned."""
    return _build_v8_obb("x", image_size, classes, activation)


def _build_v5_seg(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Prototypes from the finest value, enlarged by repetition; three maps of boxes, classes and weights of the prototypes."""
    parts = Parts(f"yolov5{size}_seg", image_size, classes, activation)
    found = features_v5(parts, size, image_size)
    x = parts.conv(found[0], scaled(256 * _WIDTHS[size]), 3, "prototypes_conv1")
    _prototypes(parts, parts.net.resize(x, 2, name="prototypes_resize"))
    for number, x in enumerate(found, start=1):
        parts.net.conv(x, 3 * (5 + classes + PROTOTYPES), 1, bias=True, name=f"map{number}")
    return parts.net.build()


def _build_v8_seg(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Prototypes from the finest value, enlarged by a transposed convolution; maps of weights, of boxes and of classes."""
    parts = Parts(f"yolov8{size}_seg", image_size, classes, activation)
    found = features_v8(parts, size, image_size)
    x = parts.conv(found[0], scaled(256 * _WIDTHS[size]), 3, "prototypes_conv1")
    _prototypes(parts, parts.larger(x, "prototypes"))
    _maps(parts, found, "weights", PROTOTYPES)
    detect_v8(parts, found, classes)
    return parts.net.build()


def _build_v8_pose(size: str, image_size: ImageSize, joints: int, activation: str) -> Graph:
    """Maps of joints, of boxes and of one class."""
    parts = Parts(f"yolov8{size}_pose", image_size, joints, activation, what="joints")
    found = features_v8(parts, size, image_size)
    _maps(parts, found, "joints", 3 * joints)
    detect_v8(parts, found, 1)
    return parts.net.build()


def _build_v8_obb(size: str, image_size: ImageSize, classes: int, activation: str) -> Graph:
    """Maps of angles, of boxes and of classes."""
    parts = Parts(f"yolov8{size}_obb", image_size, classes, activation)
    found = features_v8(parts, size, image_size)
    _maps(parts, found, "angles", 1)
    detect_v8(parts, found, classes)
    return parts.net.build()


def _prototypes(parts: Parts, x: Output) -> None:
    """The last two convolutions of the prototypes."""
    x = parts.conv(x, x.channels, 3, "prototypes_conv2")
    parts.conv(x, PROTOTYPES, 1, "prototypes")


def _maps(parts: Parts, found: list[Output], what: str, channels: int) -> None:
    """One more map for each of the three values."""
    inner = max(found[0].channels // 4, channels)
    for number, x in enumerate(found, start=1):
        y = parts.pair(x, inner, (3, 3), False, f"head{number}_{what}")
        parts.net.conv(y, channels, 1, bias=True, name=f"map{number}_{what}")


_BUILDERS: tuple[Callable[..., Graph], ...] = (
    build_yolov5n_seg, build_yolov5s_seg, build_yolov5m_seg, build_yolov5l_seg, build_yolov5x_seg,
    build_yolov8n_seg, build_yolov8s_seg, build_yolov8m_seg, build_yolov8l_seg, build_yolov8x_seg,
    build_yolov8n_pose, build_yolov8s_pose, build_yolov8m_pose, build_yolov8l_pose, build_yolov8x_pose,
    build_yolov8n_obb, build_yolov8s_obb, build_yolov8m_obb, build_yolov8l_obb, build_yolov8x_obb,
)  # fmt: skip

NETWORKS = {function.__name__.removeprefix("build_"): function for function in _BUILDERS}
