"""Loop nests and bytes of lowered layers, by hand."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.lower.array import ArraySpec
from simulator.lower.rows import lower
from simulator.lower.shape import Shape, layer_shape, places_read, touched_bytes
from simulator.lower.work import work_of


@pytest.mark.parametrize(
    ("shape", "touched"),
    [
        (Shape((1, 1, 10, 8, 1, 1, 1, 1)), 8),
        # A stride of 2 without a kernel to fill the gap: 3 x 3 of 5 x 5.
        (Shape((1, 1, 4, 8, 3, 3, 1, 1), stride=(2, 2), plane=(5, 5)), 8 * 9),
        (Shape((1, 1, 4, 8, 2, 3, 1, 1), stride=(4, 2), plane=(5, 5)), 8 * 6),
        (Shape((1, 1, 4, 8, 5, 5, 3, 3), padding=(1, 1), plane=(5, 5)), 8 * 25),
        # Rows 0, 2, 4 of a dilated kernel; columns 0, 1, 2.
        (Shape((1, 1, 4, 8, 1, 1, 3, 3), dilation=(2, 1), plane=(5, 5)), 8 * 3 * 3),
        # Rows -1 and 5 are no rows of the plane: 1, 3 are left; columns 0 to 3.
        (Shape((1, 1, 4, 1, 1, 2, 4, 3), dilation=(2, 1), padding=(1, 0), plane=(5, 5)), 2 * 4),
        (Shape((3, 2, 4, 8, 1, 1, 1, 1), in_width=2.0), 3 * 2 * 8 * 2),
    ],
)
def test_bytes_of_the_inputs_that_are_read(shape, touched):
    assert touched_bytes(shape) == touched


def test_macs_of_a_loop_nest_and_of_a_second_product():
    extents = (2, 1, 6, 4, 5, 1, 1, 1)
    assert Shape(extents).macs == 2 * 6 * 4 * 5
    assert Shape(extents, context=3).macs == 2 * 6 * 4 * 5 + 2 * 6 * 5 * 3


def test_extents_of_one_step():
    shape = Shape((12, 2, 3, 4, 5, 6, 1, 1), steps=4)
    assert shape.step_extents == (3, 2, 3, 4, 5, 6, 1, 1)


def layer_of(kernel=3, **words):
    net = NetworkBuilder("one")
    net.conv(net.input(8, 12, 11), 16, kernel, name="only", **words)
    return net.build().nodes["only"]["layer"]


def test_a_convolution_in_windows_of_winograd():
    plain = layer_shape(layer_of(padding=1), 2, 1.0, 4.0, output_bytes=2 * 16 * 12 * 11)
    assert plain.extents == (1, 2, 16, 8, 12, 11, 3, 3)
    assert (plain.stride, plain.plane, plain.weight_width, plain.out_width, plain.acc_width) == (
        (1, 1),
        (12, 11),
        1,
        1,
        4,
    )
    found = layer_shape(layer_of(padding=1), 2, 1.0, 4.0, output_bytes=2 * 16 * 12 * 11, winograd=0.5625)
    assert found.extents == (1, 2, 16, 8, 6, 6, 4, 4)
    assert (found.stride, found.padding, found.plane) == ((2, 2), (1, 1), (12, 11))
    # 16 numbers for the 9 of a kernel; 36 blocks for 132 outputs; 4 outputs a block.
    assert found.weight_width == 9 / 16
    assert found.out_width == 132 / 36
    assert found.acc_width == 16.0


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (3, {"stride": 2}),
        (3, {"stride": (1, 2)}),
        (1, {}),
        ((3, 1), {}),
        (5, {}),
        (3, {"groups": 2}),
        (3, {"dilation": 2}),
    ],
)
def test_other_convolutions_have_no_winograd(kernel, words):
    layer = layer_of(kernel, **words)
    assert layer_shape(layer, 1, 1.0, 4.0, 100.0, winograd=1.0) == layer_shape(layer, 1, 1.0, 4.0, 100.0)


def test_a_product_of_activations_has_a_group_an_item():
    net = NetworkBuilder("product")
    x = net.input(8, 5, 1)
    net.matmul(x, net.dense(x, 8), transposed=True, name="scores")
    shape = layer_shape(net.build().nodes["scores"]["layer"], 3, 2.0, 4.0, 3 * 25 * 2.0)
    assert shape.extents[:5] == (3, 1, 5, 8, 5)
    assert (shape.in_width, shape.weight_width, shape.out_width) == (2.0, 2.0, 2.0)


def test_bytes_that_no_schedule_can_do_without():
    """Inputs as far as they are read, by whoever reads most of them; all weights; outputs. Between layers: nothing."""
    net = NetworkBuilder("forked")
    x = net.input(4, 6, 6)
    sparse = net.conv(x, 8, 1, stride=2, bias=False)
    net.conv(sparse, 2, 1, bias=False)
    low = lower(net.build(), load_chip("example_edge"), 2)
    assert low.compulsory_bytes == 4 * 8 + 8 * 2 + 2 * (4 * 9) + 2 * (2 * 9)
    assert low.input_output_bytes == 2 * (4 * 36) + 2 * (2 * 9)
    net.conv(x, 3, 2, bias=False)  # leaves out the last row and column of none
    low = lower(net.build(), load_chip("example_edge"), 2)
    assert low.compulsory_bytes == 4 * 8 + 8 * 2 + 4 * 3 * 4 + 2 * (4 * 36) + 2 * (2 * 9) + 2 * (3 * 25)


def test_work_of_a_batch():
    net = NetworkBuilder("two")
    net.conv(net.conv(net.input(4, 6, 6), 8, 1, bias=False), 2, 1, bias=False)
    chip = load_chip(
        "example_edge", set={"array.count": 3, "array.rows": 8, "array.columns": 5, "array.rate": {"int8": 2}}
    )
    work = work_of(lower(net.build(), chip, 2))
    assert work.executed.tolist() == work.charged.tolist() == [2 * 36 * 32, 2 * 36 * 16]
    assert (work.macs, work.macs_executed, work.macs_charged) == (2 * 36 * 48,) * 3
    assert work.units == 3 * 8 * 5 * 2


@pytest.mark.parametrize(("side", "paper_us"), [(256, 18.0), (512, 32.0)])
def test_a_systolic_array_takes_whole_sets_of_weights(side, paper_us):
    """The example of Jouppi et al., ISCA 2017, section 7: 600 x 600 weights take longer on a larger array."""
    net = NetworkBuilder("product")
    net.dense(net.input(600), 600)
    keys = {"array.rows": side, "array.columns": side, "array.weight_load_cycles": side}
    low = lower(net.build(), load_chip("tpu_v1", keys))
    sets = (-(-600 // side)) ** 2
    assert low.rows[0].weight_bytes == sets * side * side
    assert 1e6 * low.rows[0].weight_bytes / 34e9 == pytest.approx(paper_us, rel=0.05)
    assert lower(net.build(), load_chip("tpu_v1", keys | {"array.systolic": False})).rows[0].weight_bytes == 600 * 600
    assert lower(net.build(), load_chip("edge_tpu")).rows[0].weight_bytes == 600 * 600


@given(*[st.integers(1, 9)] * 4, st.integers(0, 9), st.integers(1, 40))
def test_places_that_are_read_are_those_of_every_pair(extent, kernel, stride, dilation, pad, plane):
    places = {i * stride + j * dilation - pad for i in range(extent) for j in range(kernel)}
    assert places_read(extent, kernel, stride, dilation, pad, plane) == len(places & set(range(plane)))


def test_places_of_a_billion_take_no_time():
    assert places_read(10**9, 3, 2, 1, 1, 2 * 10**9) == 2 * 10**9
    assert places_read(3, 10**9, 1, 2, 0, 10**10) == 2 * 10**9 + 1


def test_a_window_begins_at_the_padding_above_and_left():
    """Of the four sides of a convolution; the two others only make outputs."""
    layer = layer_of(padding=(1, 2, 0, 3))
    assert layer.padding == (1, 2, 0, 3)
    shape = layer_shape(layer, 1, 1.0, 4.0, output_bytes=16 * 13 * 12)
    assert (shape.padding, shape.extents[4:6]) == ((1, 0), (13, 12))


@pytest.mark.parametrize(
    ("rows", "columns", "extents", "sets"),
    [
        (("reduction",), ("out_channels", "pixels"), (1, 7, 5, 3, 9, 9, 2, 1), 2 * 2),  # 6 on 4 rows, 5 on 3 columns
        (("in_channels", "out_height"), ("out_channels", "in_channels"), (1, 7, 5, 3, 9, 9, 2, 1), 1 * 2 * 2),
        (("reduction",), ("groups",), (2, 7, 5, 3, 9, 9, 2, 1), 2 * 1 * 5),
        (("kernel_height", "kernel_width"), ("out_channels",), (1, 7, 5, 3, 9, 9, 5, 4), 5 * 2 * 3),
        (("pixels",), ("batch",), (1, 7, 5, 3, 9, 9, 1, 1), 15),
    ],
)
def test_weights_straight_from_outer_memory_come_in_whole_sets(rows, columns, extents, sets):
    """Of 4 x 3 units, whatever of them a layer fills; words that do not run over weights take none of them."""
    spec = ArraySpec(1, 4, 3, "weights", rows, columns, (), systolic=True, holds=("inputs", "outputs"))
    own = math.prod(extents[at] for at in (0, 2, 3, 6, 7))
    assert spec.weights_with_gaps(extents) == sets * 12
    for other in ({"systolic": False}, {"stationary": "outputs"}, {"holds": ("inputs", "weights", "outputs")}):
        assert dataclasses.replace(spec, **other).weights_with_gaps(extents) == own


def test_weights_of_a_recurrence_may_be_held_from_step_to_step():
    """Where there is a next step, and no loop of a model in which other layers run meanwhile."""

    def holds(**changes):
        layer = dataclasses.replace(layer_of(kernel=1), **changes)
        return layer_shape(layer, 1, 1.0, 4.0, output_bytes=16 * 12 * 11).holds_weights

    assert [holds(steps=steps) for steps in (1, 2, 3)] == [False, True, True]
    assert not holds(steps=2, loop="decode")
