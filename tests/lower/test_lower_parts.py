"""Single steps of lowering on numbers by hand: sets of weights, long products, formats, what is read, and several cores."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from simulator.chip.load import load_chip
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.lower.array import ArraySpec, array_spec, target_of
from simulator.lower.operands import Operands
from simulator.lower.rows import MOST_MACS, Lowered, Row, _inner_bytes, _read_again, check_batch, lower
from simulator.lower.shape import LONG_CHANNELS, LONG_GROUP_MACS, LONG_MACS, LONG_ROWS, Shape, layer_shape

GRID = ArraySpec(
    1, 4, 6, "weights", ("in_channels", "kernel_height"), ("out_channels", "kernel_height"), ("batch", "pixels"),
    systolic=True, holds=("inputs", "outputs"),
)  # fmt: skip
"""Rows of four take 3 input channels of 3 kernel rows, columns of six the output channels."""


def test_weights_come_in_whole_sets():
    """9 on four rows are three passes, 10 on six columns two; kernel columns and groups are sets of their own."""
    extents = (2, 5, 10, 3, 7, 7, 3, 4)
    assert GRID.weights_with_gaps(extents) == 3 * 2 * (2 * 4) * 24
    flat = replace(GRID, unroll_rows=("reduction",), unroll_columns=("out_channels",))
    assert flat.weights_with_gaps(extents) == 9 * 2 * 2 * 24
    assert replace(GRID, unroll_columns=("groups", "kernel_width")).weights_with_gaps(extents) == 3 * 2 * 10 * 24
    own = 2 * 10 * 3 * 3 * 4
    for other in ({"systolic": False}, {"stationary": "outputs"}, {"holds": ("inputs", "weights", "outputs")}):
        assert replace(GRID, **other).weights_with_gaps(extents) == own


@pytest.mark.parametrize(
    ("change", "mixes"),
    [
        ({}, True),
        ({"unroll_count": ("batch",)}, False),
        ({"unroll_count": ("pixels",)}, False),
        ({"unroll_count": ()}, True),
        ({"unroll_rows": ("out_height",)}, False),
        ({"unroll_rows": ("pixels",), "unroll_count": ()}, False),
        ({"kind": "sm"}, False),
        ({"most_rows": (2, 2)}, False),
        ({"most_columns": (2, 2)}, False),
        ({"most_count": (2, 2)}, False),
    ],
)
def test_items_are_mixed_where_pixels_lie_as_they_do(change, mixes):
    assert replace(GRID, **change).mixes_items == mixes


def test_products_that_are_long():
    """Of many rows and of most products; or of very many channels; and less of each group of several."""

    def long(rows=LONG_ROWS, k=1, c=1, g=1, **other):
        return Shape((g, 1, k, c, rows, 1, 1, 1), **other).is_long

    assert long(k=LONG_MACS // LONG_ROWS)
    assert not long(k=LONG_MACS // LONG_ROWS // 2, c=1) or LONG_MACS // LONG_ROWS // 2 >= LONG_CHANNELS
    deep = LONG_MACS // LONG_ROWS
    assert (long(c=deep), long(c=deep - 1)) == (True, False)
    assert (long(rows=LONG_ROWS - 1, c=2 * deep), long(rows=2 * LONG_ROWS, c=deep // 2)) == (False, True)
    assert Shape((1, LONG_ROWS // 2, 1, deep, 2, 1, 1, 1)).is_long
    assert (long(rows=1, k=LONG_CHANNELS), long(rows=1, k=LONG_CHANNELS - 1)) == (True, False)
    of_groups = LONG_GROUP_MACS // LONG_ROWS
    assert (long(g=2, c=of_groups), long(g=2, c=of_groups - 1), long(c=of_groups)) == (True, False, False)
    assert not long(c=deep, context=5)
    assert not Shape((2, 1, 1, deep, LONG_ROWS, 1, 1, 1), steps=2).is_long
    for at in (5, 6, 7):
        extents = [1, 1, 1, deep, LONG_ROWS, 1, 1, 1]
        extents[at] = 2
        assert not Shape(tuple(extents)).is_long
    assert (LONG_MACS, LONG_ROWS, LONG_CHANNELS, LONG_GROUP_MACS) == (2**34, 128, 32768, 2**25)


def test_a_shape_is_one_step_on_one_place_unless_said():
    one = Shape((1, 1, 1, 1, 1, 1, 1, 1))
    assert (one.stride, one.dilation, one.padding, one.plane, one.steps) == ((1, 1), (1, 1), (0, 0), (1, 1), 1)
    many = Shape((1, 3, 2, 5, 4, 1, 1, 1), plane=(4, 1)).in_one
    assert (many.extents, many.plane) == ((1, 1, 2, 5, 12, 1, 1, 1), (12, 1))


def test_a_transposed_convolution_by_its_places():
    """3 x 5 places make 6 x 10 outputs of a kernel of four: four sums a place."""
    layer = SimpleNamespace(
        kind="conv", groups=1, places=(3, 5), kernel_height=2, kernel_width=4, stride=(2, 2), padding=(1, 1, 1, 1),
        transposed=True, dilation=(1, 1), in_height=3, in_width=5, steps=1, out_channels=7, in_channels=2, loop="",
        out_height=6, out_width=10,
    )  # fmt: skip
    found = layer_shape(layer, 2, 1.0, 4.0, 2 * 7 * 60 * 1.0, winograd=1.0)
    assert (found.stride, found.padding, found.plane) == ((1, 1), (0, 1), (3, 5))
    assert found.extents == (1, 2, 7, 2, 3, 5, 2, 4)
    layer.kernel_height, layer.kernel_width = 3, 6
    assert layer_shape(layer, 2, 1.0, 4.0, 840.0).padding == (1, 2)
    assert (found.acc_width, found.out_width, found.weight_width) == (16.0, 4.0, 1.0)


def operands(stored, outputs, formats):
    """A tensor that two steps write, of so many elements, of which so many are state; widths by the use."""
    steps = [
        SimpleNamespace(stored=s, output_elements=o, layer=f"layer {at}", fused=())
        for at, (s, o) in enumerate(zip(stored, outputs, strict=True))
    ]
    fused = SimpleNamespace(steps=steps, tensors=[SimpleNamespace(producers=(0, 1), state=False)])
    return SimpleNamespace(
        fused=fused, _given=None, format=lambda use, layer: SimpleNamespace(width=formats[use], use=use)
    )


def test_a_tensor_that_is_state_in_part_has_the_mean_width():
    widths = {"activations": 2.0, "cache": 0.5}
    assert Operands._width(operands((0, 0), (10, 20), widths), 0) == 2.0
    assert Operands._width(operands((0, 20), (10, 20), widths), 0) == (10 * 2.0 + 20 * 0.5) / 30
    assert Operands._width(operands((10, 20), (10, 20), widths), 0) == 0.5
    assert Operands._width(operands((0, 20), (10, 20), {"activations": 2.0, "cache": 2.0}), 0) == 2.0


@pytest.mark.parametrize(
    ("stored", "second", "use"),
    [
        ((10, 20), False, "cache"), ((10, 20), True, "cache"), ((0, 20), False, "activations"), ((0, 20), True, "cache"),
        ((0, 0), True, "activations"), ((0, 0), False, "activations"),
    ],
)  # fmt: skip
def test_what_is_state_as_a_whole_is_read_as_state_and_a_second_operand_if_any_is(stored, second, use):
    fake = operands(stored, (10, 20), {"activations": 2.0, "cache": 0.5})
    assert Operands._as_read(fake, fake.fused.tensors[0])[second].use == use


@pytest.mark.parametrize(
    ("role", "own", "asked"),
    [
        ("weights", "head", "head"),
        ("weights", "", "weights"),
        ("activations", "head", "activations"),
        ("cache", "", "cache"),
    ],
)
def test_weights_of_a_head_have_a_format_of_their_own(role, own, asked):
    layer = SimpleNamespace(role=own, name="last")
    fake = SimpleNamespace(formats=lambda of: SimpleNamespace(of=lambda role, name: (of is layer, role, name)))
    assert Operands.format(fake, role, layer) == (True, asked, "last")


def row(**keys):
    base = dict.fromkeys(Row.__dataclass_fields__, 0)
    return SimpleNamespace(**{**base, "reads": (), "shape": None, "inputs": -1, "weights": -1, **keys})


def test_what_a_step_cannot_do_without():
    """Of a tensor the largest that it reads of it: beside the tiles, as its inputs, or as its second operand."""
    shape = Shape((1, 1, 4, 2, 2, 2, 1, 1), stride=(2, 2), plane=(3, 3), in_width=2.0)  # four of nine places
    rows = [
        row(reads=((5, 10.0), (6, 99.0), (5, 30.0))), row(shape=shape, inputs=5, reads=((5, 10.0),)),
        row(shape=shape, inputs=5, reads=((5, 50.0),)), row(weights=5, second_bytes=40.0), row(weights=6, second_bytes=40.0),
        row(weights=5, second_bytes=40.0, reads=((5, 70.0),)),
    ]  # fmt: skip
    low = SimpleNamespace(rows=rows)
    assert [Lowered._read(low, 5, step) for step in range(6)] == [30.0, 16.0, 50.0, 40.0, 0.0, 70.0]


def test_the_share_of_a_tensor_that_misses_the_cache():
    low = SimpleNamespace(
        cached_bytes=30.0, tensor_bytes=(40.0, 120.0, 20.0, 40.0), tensor_producers=((), (0,), (1,), (2,)),
        tensor_readers=((0,), (1,), (2,), ()),
    )  # fmt: skip
    assert [Lowered.missed(low, tensor) for tensor in range(4)] == [1.0, 0.75, 0.0, 1.0]
    low.cached_bytes = 0.0
    assert [Lowered.missed(low, tensor) for tensor in range(4)] == [1.0] * 4


def test_weights_of_a_row_before_are_not_its_own():
    assert Row.own_weight_bytes.fget(row(weight_bytes=5.0, shared=True)) == 0.0
    assert Row.own_weight_bytes.fget(row(weight_bytes=5.0, shared=False)) == 5.0


def test_cores_read_again_what_is_less():
    compute, vector = SimpleNamespace(is_compute=True), SimpleNamespace(is_compute=False)
    step = SimpleNamespace(layer=compute, inputs=(1,))
    assert [_read_again(step, 10.0, 7.0, cores) for cores in (1, 4)] == [0.0, 21.0]
    assert _read_again(step, 5.0, 7.0, 4) == 15.0
    assert _read_again(SimpleNamespace(layer=vector, inputs=(1,)), 5.0, 7.0, 4) == 0.0
    assert _read_again(SimpleNamespace(layer=compute, inputs=()), 5.0, 7.0, 4) == 0.0


def test_room_of_a_step_of_an_lstm():
    layer = SimpleNamespace(out_height=12, steps=6, in_channels=10, out_channels=40)
    assert _inner_bytes(layer, 3, 1.0, 4.0) == 3 * 2 * (10 * (1.0 + 4.0) + 40 * 4.0)


@pytest.mark.parametrize(("precision", "width"), [("int8", 1.0), ("bf16", 2.0)])
def test_sums_of_an_lstm_are_as_wide_as_its_inputs(precision, width):
    net = NetworkBuilder("lstm")
    net.lstm(net.dense(net.input(8, 6), 4 * 10, bias=False), name="cell")
    (row,) = (row for row in lower(net.build(), load_chip("inferx_x1"), 3, precision).rows if row.kind == "lstm")
    assert row.shape.out_width == row.shape.in_width == width


def product(batch):
    net = NetworkBuilder("one")
    net.dense(net.conv(net.input(3, 4, 4), 8, 3, bias=False).flat(), 10, bias=False)
    return net.build()


@pytest.mark.parametrize("batch", [0, -1, True, 1.0, "2"])
def test_a_batch_is_a_whole_number(batch):
    with pytest.raises(NetworkError, match="must be a whole number of at least 1"):
        check_batch(product(1), batch)


def test_the_largest_batch_that_can_be_counted():
    graph = product(1)
    largest = MOST_MACS // (4 * 27 * 8 + 320)
    check_batch(graph, largest)
    with pytest.raises(NetworkError, match=f"must be at most {largest} for one"):
        check_batch(graph, largest + 1)
    exact = SimpleNamespace(nodes=lambda data: [("a", {"layer": SimpleNamespace(macs=2**23)})], graph={"name": "all"})
    check_batch(exact, 2**30)
    with pytest.raises(NetworkError):
        check_batch(exact, 2**30 + 1)


def test_cores_are_as_fast_together_and_hold_as_much_as_one():
    chip = load_chip("example_edge", set={"vector.macs_per_cycle": {"int8": 6}, "interconnect.bytes_per_cycle": 48})
    four = chip.model_copy(update={"cores": 4})
    one, many = target_of(chip, "int8"), target_of(four, "int8")
    assert (many.lanes, many.lane_macs, many.rates) == (
        4 * one.lanes, tuple((key, 4 * value) for key, value in one.lane_macs), tuple((key, 4 * v) for key, v in one.rates),
    )  # fmt: skip
    assert one.lane_macs == (("int8", 6.0),)
    spec, specs = array_spec(chip, "int8"), array_spec(four, "int8")
    for name in ("rate", "link_bytes_per_cycle", "port_bytes_per_cycle"):
        assert getattr(specs, name) == 4 * getattr(spec, name) > 0
    assert (specs.count, specs.rows, specs.accumulator_bytes) == (spec.count, spec.rows, spec.accumulator_bytes)
    assert (one.winograd, target_of(load_chip("inferx_x1"), "int8").winograd) in {(0.0, 1.0), (0.0, 9.0 / 16.0)}
    rows = [lower(product(1), each, 2).rows for each in (chip, four)]
    for alone, cut in zip(*rows, strict=True):
        assert cut.fixed_bytes == alone.fixed_bytes + 3 * min(alone.weight_bytes, alone.input_bytes)
