"""Sliding windows: padding as written, output extents, and how large an image a chain of windows needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Padding: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int] | str
"""Both axes, (height, width), (above, below, left, right), or "same" (outputs = ceil(inputs / stride))."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a node asks of the node before it: output extent -> smallest input extent, for rows and for columns."""

    producer: str
    extents: tuple[Callable[[int], int], Callable[[int], int]]


def output_extent(
    extent: int, kernel: int, stride: int, dilation: int, before: int, after: int, ceil: bool = False
) -> int:
    """Rows (or columns) of outputs of a window sliding over `extent` rows; below 1 where the window does not fit.

    floor((extent + before + after - dilation * (kernel - 1) - 1) / stride) + 1; with `ceil`, a last window that begins
    inside the inputs or the padding before them counts too (as in Caffe's and PyTorch's pooling).
    """
    room = extent + before + after - dilation * (kernel - 1) - 1
    if not ceil:
        return room // stride + 1
    outputs = -(-room // stride) + 1
    return outputs - 1 if (outputs - 1) * stride >= extent + before else outputs


def pads_of(
    extents: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> tuple[int, int, int, int] | None:
    """(above, below, left, right) of a padding as written; None where it is not one."""
    if padding == "same":
        totals = [
            max(0, (-(-n // stride[a]) - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 - n)
            for a, n in enumerate(extents)
        ]
        # TensorFlow puts the odd row below and the odd column on the right.
        above, left = totals[0] // 2, totals[1] // 2
        return (above, totals[0] - above, left, totals[1] - left)
    given = padding if isinstance(padding, tuple) else (padding,)
    pads = [each for each in given if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
    if len(pads) != len(given) or len(pads) not in (1, 2, 4):
        return None
    if len(pads) == 4:
        return (pads[0], pads[1], pads[2], pads[3])
    return (pads[0], pads[0], pads[-1], pads[-1])


def image_needed(needs: Mapping[str, Need], name: str, axis: int) -> int:
    """Rows (axis 0) or columns (axis 1) of the network input that give a node one output, along its first inputs."""
    extent = 1
    while name in needs:
        extent = needs[name].extents[axis](extent)
        name = needs[name].producer
    return extent
