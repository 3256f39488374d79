"""Bytes of weights, tensors, caches and tables where each has a number format of its own, by hand."""

import pytest

from simulator.chip.load import load_chip
from simulator.errors import NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.graph.own import precision_of
from simulator.lower.room import room_of
from simulator.lower.rows import lower
from simulator.lower.work import work_of
from simulator.run import simulate
from simulator.vocabulary import PRECISIONS


def two_layers():
    net = NetworkBuilder("two")
    x = net.conv(net.input(3, 8, 8), 16, 3, padding=1, name="first")
    net.dense(net.global_pool(x, name="pooled"), 10, bias=False, name="last")
    return net.build()


def test_weights_and_tensors_have_their_own_bits():
    low = lower(two_layers(), load_chip("inferx_x1"), 2, "w4a8")
    assert [row.weight_bytes for row in low.rows if row.shape] == [0.5 * 9 * 3 * 16, 0.5 * 16 * 10]
    assert low.tensor_bytes == lower(two_layers(), load_chip("inferx_x1"), 2, "int8").tensor_bytes
    assert all(shape.in_width == 1.0 and shape.rate == 0.0 for shape in (row.shape for row in low.rows) if shape)


def test_a_part_of_a_network_differs():
    low = lower(two_layers(), load_chip("inferx_x1"), 1, "weights={last:int8,all:int4},activations=int8")
    assert [row.weight_bytes for row in low.rows if row.shape] == [0.5 * 9 * 3 * 16, 16 * 10]
    with pytest.raises(NetworkError, match=r"^precision: weights.lst: must be a part .*; did you mean 'last'\?$"):
        lower(two_layers(), load_chip("inferx_x1"), 1, "weights={lst:int8,all:int4},activations=int8")


def test_a_decoder_in_four_formats():
    """Weights in 4 bits, tensors in 16, cache in 8, the head in 16: as counted from the shapes of the model."""
    shapes = {"layers": 2, "phase": "decode", "context": 100}
    graph = load_network("smollm2_135m", **shapes)
    low = lower(graph, load_chip("a100"), 3, "weights=int4,activations=fp16,cache=int8,head=fp16")
    plain = lower(graph, load_chip("a100"), 3, "fp16")
    head = next(row for row in low.rows if row.name == "head")
    before = {row.name: row.weight_bytes for row in plain.rows}
    assert head.weight_bytes == before["head"]
    for row in low.rows:
        if row.weight_bytes and row is not head:
            assert row.weight_bytes == before[row.name] / 4
    # 3 sequences, 2 layers, keys and values of 3 heads of 64 numbers, 101 rows: a byte each.
    assert room_of(low).states == 3 * 2 * 2 * 3 * 64 * 101 == room_of(plain).states / 2
    # Of a token's 9 x 64 queries and 2 x 3 x 64 keys and values, which one layer makes, the latter go to the cache.
    query = next(row for row in low.rows if row.name == "layer1_query")
    assert low.widths[query.output] == pytest.approx((576 * 2 + 384 * 1) / 960)
    assert query.output_bytes == pytest.approx(3 * (576 * 2 + 384 * 1))
    assert plain.widths[query.output] == 2.0
    attention = next(row for row in low.rows if row.kind == "matmul")
    assert (attention.shape.in_width, attention.shape.weight_width) == (2.0, 1.0)


def test_a_table_of_words_has_its_own_format():
    graph = load_network("qwen2_5_7b", layers=1, phase="decode", context=4)
    rows = [
        lower(graph, load_chip("a100"), 1, f"weights=int4,activations=fp16,embedding={word}").rows
        for word in ("fp16", "q8_0")
    ]
    table, other = (next(row for row in found if row.kind == "embedding") for found in rows)
    assert other.table_bytes / table.table_bytes == other.fixed_bytes / table.fixed_bytes == 8.5 / 16


def test_layers_that_multiply_in_several_formats():
    chip = load_chip("inferx_x1")
    rates = chip.array.rate
    low = lower(two_layers(), chip, 1, "weights={last:bf16,all:int8},activations=int8")
    first, last = (row for row in low.rows if row.shape)
    assert (first.product, last.product) == ("int8", "bf16")
    assert (first.shape.rate, last.shape.rate) == (0.0, rates["bf16"])
    work = work_of(low)
    taken = first.macs_executed / rates["int8"] + last.macs_executed / rates["bf16"]
    assert work.units == pytest.approx(chip.macs * (first.macs_executed + last.macs_executed) / taken, rel=1e-12)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_one_format_for_everything_is_what_all_roles_say(precision):
    """Of a chip that has it: the same bytes, the same layers, to the bit."""
    chip = load_chip("inferx_x1", set=[f"array.rate.{precision}=1"])
    said = ",".join(f"{role}={precision}" for role in ("weights", "activations", "cache", "head", "embedding"))
    found, other = (lower(two_layers(), chip, 2, word) for word in (precision, said))
    assert (found.rows, found.tensor_bytes, found.spec) == (other.rows, other.tensor_bytes, other.spec)


def carried():
    """Two layers that carry formats of their own, one that has those of the network, and a residual."""
    net = NetworkBuilder("carried", formats={"weights": "int8", "activations": "bf16"})
    x = net.conv(net.input(16, 8, 8), 16, 3, padding=1, activation="relu", name="first", formats={"weights": "int4"})
    y = net.conv(x, 16, 3, padding=1, name="second", formats={"weights": "bf16", "activations": "int8"})
    net.dense(net.add(x, y, name="sum").flat(), 10, bias=False, name="last")
    return net.build()


def test_a_network_carries_formats_of_its_own_and_the_question_wins():
    graph, chip = carried(), load_chip("inferx_x1", set={"array.winograd": False})
    assert (precision_of(graph, None), precision_of(two_layers(), None), precision_of(graph, "int8")) == (
        "own",
        "int8",
        "int8",
    )
    low = lower(graph, chip, 1, "own")
    widths = {row.name: (row.shape.in_width, row.shape.weight_width) for row in low.rows if row.shape}
    assert widths == {"first": (2.0, 0.5), "second": (2.0, 2.0), "last": (2.0, 1.0)}
    assert simulate(graph, chip).precision == "own"
    asked = lower(graph, chip, 1, "int8")
    assert {(row.shape.in_width, row.shape.weight_width) for row in asked.rows if row.shape} == {(1.0, 1.0)}


@pytest.mark.parametrize(("formats", "fault"), [
    ({"weight": "int4"}, "odd: odd: formats: weight: must be a role of operands; did you mean 'weights'?"),
    ({"weights": "int5x"}, "odd: odd: formats: unknown format 'int5x'; did you mean 'int4' or 'int8' or 'int16'?"),
])  # fmt: skip
def test_formats_that_a_network_cannot_carry(formats, fault):
    with pytest.raises(NetworkError) as found:
        NetworkBuilder("odd", formats=formats)
    assert str(found.value)[:60] == fault[:60]


@pytest.mark.parametrize(
    ("network", "chip", "precision"),
    [
        ("smollm2_135m", "a100", "weights=fp16,activations=int8"),  # whose inputs are widened
        ("smollm2_135m", "a100", "weights=int4,activations=fp16,cache=int8,head=fp16"), ("smollm2_135m", "hailo10h", "w4a8"),
        ("squeezenet", "example_edge", "int8"),
    ],
)  # fmt: skip
def test_a_batch_takes_so_many_times_what_an_item_takes(network, chip, precision):
    """Of each step all but constant weights."""
    graph = load_network(
        network, **({"layers": 1, "phase": "decode", "context": 40} if network[0:5] == "smoll" else {})
    )
    one, five = (lower(graph, load_chip(chip), batch, precision) for batch in (1, 5))
    names = "macs macs_executed vector_operations input_bytes output_bytes second_bytes stored_bytes stored_apart_bytes"
    for row, many in zip(one.rows, five.rows, strict=True):
        for name in (*names.split(), "fixed_bytes", "inner_bytes"):
            assert getattr(many, name) == pytest.approx(5 * getattr(row, name)), (row.name, name)
        assert [size for _, size in many.reads] == pytest.approx([5 * size for _, size in row.reads])
        assert (many.weight_bytes, many.table_bytes) == (row.weight_bytes, row.table_bytes)
        if row.shape and not row.shape.in_one.is_long:
            assert many.shape.weight_width == row.shape.weight_width
            assert many.shape.softmax_operations == pytest.approx(5 * row.shape.softmax_operations)
    assert list(five.tensor_bytes) == pytest.approx([5 * size for size in one.tensor_bytes])
    assert (five.compulsory_bytes - one.compulsory_bytes) / 4 + sum(
        r.own_weight_bytes for r in one.rows
    ) == pytest.approx(one.compulsory_bytes)
