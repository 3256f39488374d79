"""Building layer graphs: sizes by hand and by hypothesis, and every fault word for word."""

import doctest
import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import NetworkError
from simulator.graph import build as build_module
from simulator.graph.build import NetworkBuilder
from simulator.graph.check import check_graph
from simulator.graph.load import load_network
from simulator.graph.window import output_extent

SMALL = st.integers(1, 6)


def message(call, *args, **kwargs):
    with pytest.raises(NetworkError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ---- sizes --------------------------------------------------------------------------------------


@given(st.integers(1, 30), SMALL, SMALL, st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
def test_output_extent_counts_the_windows(extent, kernel, stride, dilation, before, after):
    reach = dilation * (kernel - 1)
    starts = [s for s in range(-before, extent + after, stride) if s + reach < extent + after]
    assert max(0, output_extent(extent, kernel, stride, dilation, before, after)) == len(starts)


@given(st.integers(1, 30), SMALL, SMALL, SMALL)
def test_output_extent_rounded_up_leaves_no_row_out(extent, kernel, stride, before):
    before = min(before, kernel // 2)
    if extent + 2 * before < kernel:
        return
    outputs = output_extent(extent, kernel, stride, 1, before, before, ceil=True)
    assert (outputs - 1) * stride < extent + before  # the last window begins inside
    assert outputs - output_extent(extent, kernel, stride, 1, before, before) in (0, 1)
    if stride <= kernel:
        assert (outputs - 1) * stride + kernel >= extent + before


@given(st.integers(1, 40), SMALL, SMALL, st.integers(1, 3))
def test_same_padding_gives_ceil_of_inputs_by_stride(extent, kernel, stride, dilation):
    net = NetworkBuilder("n")
    x = net.conv(net.input(3, extent, extent), 4, kernel, stride=stride, dilation=dilation, padding="same")
    assert (x.height, x.width) == (math.ceil(extent / stride),) * 2
    check_graph(net.build(), "n")


def test_an_asymmetric_convolution_by_hand():
    net = NetworkBuilder("n")
    x = net.conv(
        net.input(4, 10, 20), 6, (3, 5), stride=(1, 2), padding=(1, 0, 2, 1), dilation=(2, 1), groups=2, bias=True
    )
    layer = net.build().nodes["conv1"]["layer"]
    assert (x.channels, x.height, x.width) == (6, 7, 10)  # (10 + 1 - 4 - 1) + 1; (20 + 3 - 4 - 1) // 2 + 1
    assert layer.macs == 6 * 7 * 10 * 2 * 3 * 5
    assert layer.parameters == 6 * 2 * 15 + 6
    assert layer.input_elements == 4 * 10 * 20


def test_vector_layers_by_hand():
    net = NetworkBuilder("n")
    x = net.input(8, 9, 9)
    a = net.conv(x, 4, 1, activation="silu")
    b = net.conv(x, 4, 1)
    joined = net.concat(a, b)
    up = net.resize(net.pool(joined, 2, ceil=True), 3)
    gate = net.vector("sigmoid", net.global_pool(up))
    scaled = net.vector("mul", up, gate)
    graph = net.build()
    check_graph(graph, "n")
    assert (joined.channels, joined.height) == (8, 9)
    assert (up.height, up.width) == (15, 15)
    assert (scaled.channels, scaled.height) == (8, 15)
    assert list(graph) == [
        "input", "conv1", "conv1_silu", "conv2", "concat1", "pool1", "resize1", "pool2", "sigmoid1", "mul1",
    ]  # fmt: skip
    assert graph.nodes["pool1"]["layer"].vector_operations == 8 * 5 * 5 * 4
    assert graph.nodes["pool2"]["layer"].vector_operations == 8 * 15 * 15


def test_matmul_of_both_kinds():
    net = NetworkBuilder("n")
    q = net.input(24, 5, name="q")
    k = net.input(24, 7, name="k")
    v = net.input(36, 7, name="v")
    scores = net.matmul(q, k, heads=3, transposed=True)
    out = net.matmul(scores, v, heads=3)
    graph = net.build()
    check_graph(graph, "n")
    assert (scores.channels, scores.height) == (21, 5)
    assert (out.channels, out.height) == (36, 5)
    assert graph.nodes["matmul1"]["layer"].macs == 3 * 5 * 7 * 8
    assert graph.nodes["matmul2"]["layer"].macs == 3 * 5 * 7 * 12
    assert graph.nodes["matmul2"]["layer"].parameters == 0
    assert graph.nodes["matmul2"]["layer"].weight_elements == 36 * 7


def test_the_example_in_the_docstring():
    assert doctest.testmod(build_module).failed == 0
    assert doctest.testmod(build_module).attempted >= 5


# ---- faults of the builder ----------------------------------------------------------------------


def small():
    net = NetworkBuilder("net")
    return net, net.input(6, 8, 8)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda n, x: n.conv(x, 4, 3, groups=4, name="a"),
            "net: a: groups: must divide the 6 inputs and 4 outputs, got 4",
        ),
        (lambda n, x: n.conv(x, 0, 3), "net: conv1: out_channels: must be a whole number of at least 1, got 0"),
        (lambda n, x: n.conv(x, 4, 2.5), "net: conv1: kernel: must be a whole number of at least 1, got 2.5"),
        (
            lambda n, x: n.conv(x, 4, (3, 3, 3)),
            "net: conv1: kernel: must be one number or (height, width), got (3, 3, 3)",
        ),
        (
            lambda n, x: n.conv(x, 4, 3, stride=(1, 0)),
            "net: conv1: stride: must be a whole number of at least 1, got 0",
        ),
        (
            lambda n, x: n.conv(x, 4, 3, padding=-1),
            "net: conv1: padding: must be 1, 2 or 4 whole numbers of at least 0, or 'same', got -1",
        ),
        (
            lambda n, x: n.conv(x, 4, 3, padding="valid"),
            "net: conv1: padding: must be 1, 2 or 4 whole numbers of at least 0, or 'same', got 'valid'",
        ),
        (
            lambda n, x: n.dense(x, 4),
            "net: dense1: inputs: must be channels x rows, got 6 x 8 x 8 of 'input'; did you mean x.flat()?",
        ),
        (
            lambda n, x: n.vector("relo", x),
            "net: relo1: kind: must be elementwise, got 'relo'; did you mean 'relu'?",
        ),
        (lambda n, x: n.vector("add", x), "net: add1: inputs: must be two or more, got 1"),
        (lambda n, x: n.vector("relu", x, x), "net: relu1: inputs: must be one, got 2"),
        (lambda n, x: n.add(x, x), "net: add1: inputs: must be different nodes, got one twice; put a 'copy' between"),
        (lambda n, x: n.concat(x), "net: concat1: inputs: must be two or more, got 1"),
        (
            lambda n, x: n.add(x, n.pool(x, 2)),
            "net: add1: inputs: must have one shape, got 6 x 8 x 8 of 'input' and 6 x 4 x 4 of 'pool1'",
        ),
        (
            lambda n, x: n.concat(x, n.pool(x, 2)),
            "net: concat1: inputs: must have one shape, got 6 x 8 x 8 of 'input' and 6 x 4 x 4 of 'pool1'",
        ),
        (lambda n, x: n.input(1), "net: input: name: must be given once, got it twice"),
        (
            lambda n, x: n.matmul(x, x, heads=1),
            "net: matmul1: inputs: must be channels x rows, got 6 x 8 x 8 of 'input'",
        ),
        (
            lambda n, x: n.matmul(n.input(6, 2, name="a"), n.input(6, 3, name="b"), heads=4),
            "net: matmul1: heads: must divide the 6 channels of 'a', got 4",
        ),
        (
            lambda n, x: n.matmul(n.input(6, 2, name="a"), n.input(6, 2, name="b"), heads=2),
            "net: matmul1: inputs: must agree in the reduction, got 3 of 'a', 2 of 'b'",
        ),
        (
            lambda n, x: n.conv(NetworkBuilder("other").input(3, 9, 9, name="far"), 4, 3),
            "net: conv1: inputs: must come from this builder, got 'far'",
        ),
        (lambda n, x: n.build(), "net: must have at least one layer, got none"),
    ],
)
def test_faults_of_the_builder(call, expected):
    net, x = small()
    assert message(call, net, x) == expected


@pytest.mark.parametrize(
    ("name", "smallest"), [("vgg16", 32), ("vgg19", 32), ("alexnet", 67), ("alexnet_torch", 63), ("inception_v3", 75)]
)
def test_the_smallest_image_of_a_network(name, smallest):
    text = message(load_network, name, image_size=3)
    assert text.endswith(f"the network's input must be at least {smallest} x {smallest} (height x width)")
    assert text.startswith(f"{name}: ")
    load_network(name, image_size=smallest)
    message(load_network, name, image_size=smallest - 1)


@given(st.lists(st.tuples(SMALL, st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=5))
def test_the_smallest_image_is_exact(windows):
    def built(rows):
        net = NetworkBuilder("n")
        x = net.input(1, rows, rows)
        for kernel, stride, padding in windows:
            x = net.conv(x, 1, kernel, stride=stride, padding=padding)
        return net.build()

    least = 1
    for rows in itertools.count(1):
        try:
            built(rows)
        except NetworkError as error:
            least = int(str(error).split("at least ")[1].split(" ")[0])
            assert least > rows
        else:
            assert least == rows
            break


@pytest.mark.parametrize("groups", [True, 1.0])
def test_a_layer_is_not_good_because_it_equals_a_good_one(groups):
    net = NetworkBuilder("net")
    x = net.input(4, 8, name="x")
    for name in ("first", "second", "third"):
        x = net.vector("relu", x, name=name)
    graph = net.build()
    graph.nodes["third"]["layer"] = replace(graph.nodes["third"]["layer"], groups=groups)
    with pytest.raises(NetworkError) as error:
        check_graph(graph, "net")
    assert str(error.value) == f"net: third: groups: must be a whole number of at least 1, got {groups}"
