"""Transposed and 3-D convolutions and attention of the builder: counts by hand, shapes, and what is refused."""

import numpy as np
import pytest

from simulator import load_chip, simulate
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder, Output
from simulator.graph.check import check_graph
from simulator.graph.layer import Layer
from simulator.lower.rows import lower
from simulator.lower.shape import touched_bytes


def layer_of(net: NetworkBuilder, name: str) -> Layer:
    graph = net.build()
    check_graph(graph, "test")
    found: Layer = graph.nodes[name]["layer"]
    return found


def scattered(rows: int, kernel: int, stride: int, cut: int, more: int) -> tuple[int, int]:
    """(outputs, products of them that stay) of one axis, each input spread by hand."""
    outputs = (rows - 1) * stride + kernel + more - 2 * cut
    kept = [i * stride + k - cut for i in range(rows) for k in range(kernel)]
    return outputs, sum(0 <= at < outputs for at in kept)


def test_a_transposed_convolution_is_one_call_with_exact_macs():
    net = NetworkBuilder("up")
    y = net.transposed(net.input(16, 14, 14), 8, 3, stride=2, padding=1, output_padding=1, name="up")
    assert (y.channels, y.height, y.width) == (8, 28, 28)
    layer = layer_of(net, "up")
    assert scattered(14, 3, 2, 1, 1)[0] == 28
    assert layer.macs == 14 * 14 * 9 * 16 * 8  # as torch counts: what the padding cuts off is computed
    assert layer.parameters == 9 * 16 * 8
    (row,) = lower(net.build(), load_chip("example_edge")).rows
    assert row.macs == row.macs_executed == layer.macs
    assert row.output_bytes == 8 * 28 * 28
    assert row.shape.out_width * 8 * 14 * 14 == row.output_bytes
    assert touched_bytes(row.shape) == 16 * 14 * 14
    found = simulate(net.build(), "example_edge")
    assert found.dram_bytes == 16 * 14 * 14 + 8 * 28 * 28  # the weights stay for ever


def test_transposed_and_3d_convolutions_have_number_formats_as_all_layers():
    net = NetworkBuilder("up")
    net.transposed(net.input(4, 8, 8), 4, 2, formats={"weights": "int4"}, activation="relu", name="up")
    net.conv3d(net.video(3, 4, 8, 8, name="film"), 4, 3, formats={"weights": "int4"}, name="stem")
    graph = net.build()
    own = {name: dict(graph.nodes[name]["layer"].formats) for name in ("up", "up_relu", "stem")}
    assert all(formats == {"weights": "int4"} for formats in own.values())


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "more", "groups"), [(2, 2, 0, 0, 1), (4, 2, 1, 0, 16), (5, 3, 2, 2, 2)]
)
def test_sizes_and_products_of_transposed_convolutions(kernel, stride, padding, more, groups):
    net = NetworkBuilder("up")
    y = net.transposed(
        net.input(16, 9, 5), 32, kernel, stride=stride, padding=padding, output_padding=more, groups=groups, name="up"
    )
    sides = [scattered(n, kernel, stride, padding, more) for n in (9, 5)]
    assert (y.height, y.width) == (sides[0][0], sides[1][0])
    layer = layer_of(net, "up")
    assert layer.macs >= sides[0][1] * sides[1][1] * 16 * 32 // groups
    assert layer.macs == 9 * 5 * kernel**2 * 16 * 32 // groups


def test_a_3d_convolution_counts_as_torch_does():
    net = NetworkBuilder("video")
    x = net.conv3d(net.video(3, 16, 112, 112), 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), name="stem")
    assert (x.channels, x.height, x.width) == (64, 16, 56 * 56)
    x = net.conv3d(net.vector("relu", x), 32, 3, padding=2, dilation=2, groups=4, name="wide")
    assert (x.height, x.width) == (16, 56 * 56)
    x = net.pool3d(x, 2, name="half")
    assert (x.height, x.width) == (8, 28 * 28)
    stem, wide = layer_of(net, "stem"), layer_of(net, "wide")
    assert stem.macs == 16 * 56 * 56 * 3 * 7 * 7 * 3 * 64
    assert stem.parameters == 3 * 7 * 7 * 3 * 64
    assert wide.macs == 16 * 56 * 56 * 27 * 64 // 4 * 32
    assert layer_of(net, "half").vector_operations == 32 * 8 * 28 * 28 * 8


@pytest.mark.parametrize("stride", [1, 2])
def test_the_window_of_a_frame_reaches_as_far_as_in_the_image(stride):
    """Inputs that outputs 200 to 399 of a frame touch: as many as by hand, to within a row and a half."""
    size, out = 40, 40 // stride
    net = NetworkBuilder("video")
    net.conv3d(net.video(1, 4, size, size), 1, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1), name="conv")
    layer = layer_of(net, "conv")
    by_hand = set()
    for at in range(out * out // 4, out * out // 2):
        row, column = divmod(at, out)
        by_hand |= {(row * stride + r - 1, column * stride + s - 1) for r in range(3) for s in range(3)}
    inside = {(r, c) for r, c in by_hand if 0 <= r < size and 0 <= c < size}
    places = np.arange(out * out // 4, out * out // 2)
    reads = np.unique(np.add.outer(places * layer.stride[1], np.arange(9) * layer.dilation[1]) - layer.padding[2])
    assert abs(len(reads[(reads >= 0) & (reads < size * size)]) - len(inside)) <= 1.5 * size
    low = lower(net.build(), load_chip("example_edge"))
    assert touched_bytes(low.rows[0].shape) == 4 * size * size


def heads(positions: tuple[int, int] = (14, 14)) -> tuple[NetworkBuilder, Output, Output, Output]:
    net = NetworkBuilder("attend")
    query, key, value = (
        net.input(channels, *positions, name=name) for name, channels in (("q", 64), ("k", 16), ("v", 16))
    )
    return net, query, key, value


def test_windows_and_groups_of_attention():
    """8 heads of 8 numbers share 2 heads of keys; 4 windows of 7 x 7: every query meets 49 keys."""
    net, query, key, value = heads()
    y = net.attention(query, key, value, heads=8, groups=2, window=7, name="local")
    assert (y.channels, y.height, y.width) == (64, 14, 14)
    scores, context = layer_of(net, "local_scores"), layer_of(net, "local_context")
    assert scores.macs == context.macs == 8 * 196 * 49 * 8
    assert (scores.groups, scores.out_height, scores.out_channels) == (2 * 4, 49 * 4, 49)
    assert scores.weight_elements == context.weight_elements == 16 * 196
    assert scores.input_elements == 64 * 196
    net, query, key, value = heads((196, 1))
    net.attention(query, key, value, heads=8, groups=2, name="all")
    assert layer_of(net, "all_scores").macs == 8 * 196 * 196 * 8
    low = lower(net.build(), load_chip("example_edge", set={"vector.fuses": ["attention"]}))
    assert [row.macs for row in low.rows] == [2 * 8 * 196 * 196 * 8]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda n, q, k, v: n.attention(q, k, v, heads=8, groups=3), "groups: must divide the 8 heads, got 3"),
        (lambda n, q, k, v: n.attention(q, k, v, heads=8, groups=2, window=5), "window: must divide 14 x 14 of 'q', got 5 x 5"),
        (lambda n, q, k, v: n.attention(q, k, v, heads=8), "must have one shape"),
        (lambda n, q, k, v: n.attention(q, q, q, heads=8), "inputs: must be three nodes"),
        (lambda n, q, k, v: n.conv3d(n.conv(q, 8, 3), 8, 3), "inputs: must be a video, or made of one"),
        (lambda n, q, k, v: n.conv3d(n.video(1, 2, 8, 8, name="x"), 8, 3), "must be at least as large as the window"),
        (lambda n, q, k, v: n.transposed(q, 8, 3, stride=2, output_padding=2), "output_padding: must be below the stride"),
        (lambda n, q, k, v: n.transposed(q, 8, 3, padding=-1), "padding: must be one whole number of at least 0"),
    ],
)  # fmt: skip
def test_what_the_builder_refuses(call, line):
    with pytest.raises(NetworkError) as caught:
        call(*heads())
    assert line in str(caught.value)
