"""Steps of a network in numbers of two bytes, by hand; lines between two records; and work of some of many contexts."""

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.lower.array import ArraySpec, array_spec, target_of
from simulator.lower.lines import GRAIN, MOST, BentError, Line, _held, grains
from simulator.lower.room import Room
from simulator.lower.rows import _rows, lower, operands_of, row_of
from simulator.lower.work import mean_units, work_of


@pytest.fixture(scope="module")
def low():
    """Two convolutions of 6 x 5 pixels with a residual, a pool, and a product of tokens, at a batch of three."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 6, 5), 4, 3, padding=1, bias=False, name="first")
    y = net.add(net.conv(x, 4, 1, bias=False, name="second"), x, name="sum", activation="relu")
    net.pool(y, 2, name="pool")
    tokens = net.input(8, 7, name="tokens")
    net.matmul(tokens, net.dense(tokens, 8, bias=False, name="keys"), heads=2, transposed=True, name="product")
    chip = load_chip("inferx_x1", set={"array.winograd": False, "vector.fuses": ["add", "relu"]})
    return lower(net.build(), chip, 3, "bf16")


def test_bytes_of_each_step(low):
    """Of the inputs, of constant weights, of a second activation, and of the outputs."""
    pixels, tokens = 3 * 30 * 2, 3 * 7 * 2
    found = [(row.input_bytes, row.weight_bytes, row.second_bytes, row.output_bytes) for row in low.rows]
    assert found == [
        (3 * pixels, 2 * 9 * 12, 0, 4 * pixels),
        (4 * pixels, 2 * 16, 0, 4 * pixels),
        (4 * pixels, 0, 0, 4 * 3 * 2 * 3 * 2),
        (8 * tokens, 2 * 64, 0, 8 * tokens),
        (8 * tokens, 0, 8 * tokens, 2 * 7 * tokens),
    ]
    assert [row.reads for row in low.rows] == [(), ((2, 4 * pixels),), ((3, 4 * pixels),), (), ()]
    # Two vectors of 256 lanes would be 1,024 bytes of each: all of what is less.
    assert [row.least_footprint for row in low.rows] == [0, 0, 4 * pixels + 144, 0, 0]
    assert [(row.inputs, row.weights, row.output) for row in low.rows] == [
        (0, -1, 2), (2, -1, 3), (-1, -1, 4), (1, -1, 5), (1, 5, 6)
    ]  # fmt: skip


def test_work_of_each_step(low):
    assert [row.macs for row in low.rows] == [3 * 30 * 9 * 12, 3 * 30 * 16, 0, 3 * 7 * 64, 3 * 7 * 7 * 8]
    assert [row.macs_executed for row in low.rows] == [row.macs for row in low.rows]
    assert [row.vector_operations for row in low.rows] == [0, 2 * 3 * 30 * 4, 3 * 4 * 6 * 4, 0, 0]
    assert low.rows[4].shape.extents == (3 * 2, 1, 7, 4, 7, 1, 1, 1)


def test_bytes_that_come_and_go(low):
    work, ends = work_of(low), 3 * 2 * (3 * 30 + 8 * 7 + 4 * 6 + 2 * 7 * 7)
    assert work.weight_bytes == 2 * (9 * 12 + 16 + 64)
    assert work.input_output_bytes == ends
    assert work.compulsory_bytes == work.weight_bytes + ends
    # Between layers the most live while the second convolution reads one tensor of 4 x 30 and writes another.
    assert work.room == Room(3, weights=work.weight_bytes, states=0.0, ends=ends, activations=2 * 4 * 3 * 30 * 2)
    assert work.least_outer_bytes(100.0) == work.compulsory_bytes - 100.0
    assert work.least_outer_bytes(1e9) == ends


@pytest.mark.parametrize(("chip", "stays"), [("inferx_x1", False), ("groq_tsp", True), ("example_mcu", True)])
def test_bytes_of_states(chip, stays):
    """A cache of 9 rows of 8 that a layer adds a row to, a product with it, and a second output that is state on its own."""
    net = NetworkBuilder("cache")
    x, cache = net.input(8, 1, name="x"), net.state(8, 9, name="cache")
    new = net.output(net.dense(x, 8, bias=False, name="new"), origin="state", into=cache)
    scores = net.matmul(new, cache, transposed=True, name="scores")
    net.output(net.dense(scores, 16, bias=False, name="apart"), origin="state")
    low = lower(net.build(), load_chip(chip), 2, "int8")
    work, weights = work_of(low), 8 * 8 + 9 * 16
    states, ends = 2 * (8 * 9 + 16), 2 * 8
    assert (work.weight_bytes, work.input_output_bytes, work.staying_bytes) == (weights, ends, stays * states)
    moved = 0 if stays else 2 * (8 * 9 + 8 + 16)
    inside = chip == "example_mcu"  # inputs too
    assert work.compulsory_bytes == weights + (0 if inside else ends) + moved
    assert low.staying == ({1, 2, 4} if stays else set())
    left = 100.0 - (work.staying_bytes if stays else 0.0)
    assert work.least_outer_bytes(100.0) == work.compulsory_bytes - max(0.0, left)
    assert work.least_outer_bytes(300.0) == work.compulsory_bytes - min(weights, 300.0 - work.staying_bytes)
    assert work.room.states == (0.0 if inside else states)


def test_an_input_that_nobody_reads_need_not_come():
    net = NetworkBuilder("unread")
    x = net.input(3, 8, 8)
    net.input(5, 8, 8, name="other")
    net.conv(x, 4, 1, bias=False)
    low = lower(net.build(), load_chip("inferx_x1"))
    assert low.tensor_bytes == (3 * 64, 5 * 64, 4 * 64)
    assert low.compulsory_bytes == 3 * 64 + 12 + 4 * 64


def test_work_of_some_contexts(low):
    """What has an entry a context is cut, along the second axis where the first is steps; what has none stays."""
    one = work_of(low)
    columns = {
        name: np.arange(3.0) + at
        for at, name in enumerate(("macs", "macs_executed", "macs_charged", "compulsory_bytes", "weight_bytes"))
    }
    steps = {name: np.arange(6.0).reshape(2, 3) + at for at, name in enumerate(("executed", "charged", "step_units"))}
    room = Room(3, weights=np.arange(3.0), states=5.0, ends=np.arange(3.0) * 2, activations=np.arange(3.0) * 3)
    many = replace(one, **columns, **steps, room=room)
    part = many.part(np.array([2, 0]))
    for name, all_of_them in columns.items():
        assert getattr(part, name).tolist() == [all_of_them[2], all_of_them[0]], name
    for name, all_of_them in steps.items():
        assert getattr(part, name).tolist() == all_of_them[:, [2, 0]].tolist(), name
    assert (part.units, part.input_output_bytes, part.batch) == (one.units, one.input_output_bytes, 3)
    assert {f.name: np.asarray(getattr(part.room, f.name)).tolist() for f in fields(Room)} == {
        "batch": 3, "weights": [2.0, 0.0], "states": 5.0, "ends": [4.0, 0.0], "activations": [6.0, 0.0],
    }  # fmt: skip
    assert one.part(np.array([0])).executed.tolist() == one.executed.tolist()


@dataclass(frozen=True)
class Record:
    """Something with whole numbers, alone and in tuples."""

    name: str
    size: int
    sizes: tuple[int, ...] = ()
    inner: "Record | None" = None


def test_a_line_between_two_records():
    first, last = (Record("a", size, (7, 2 * size), Record("b", 3, (size,))) for size in (10, 22))
    line = Line(first, last)
    assert line.at((0, 4)) == first
    assert line.at((4, 4)) == last
    assert line.at((3, 4)) == Record("a", 19, (7, 38), Record("b", 3, (19,)))
    with pytest.raises(BentError):
        line.at((1, 7))


@pytest.mark.parametrize(
    ("first", "last"),
    [(Record("a", 1), Record("b", 1)), ((1, 2), (1, 2, 3)), (1, 2.0), (Record("a", 1), 1), (None, 1), (False, True)],
)
def test_what_is_no_line(first, last):
    with pytest.raises(BentError):
        Line(first, last)


def test_numbers_that_have_a_whole_number_of_parts():
    """Whole ones, and parts of them, up to so many that sums are exact."""
    part = 1.0 / GRAIN
    held = [0.0, 1.0, -3.0, 0.5, part, 2.0 + 3.0 * part, float(MOST), -MOST / GRAIN + 0.5]
    bent = [part / 2.0, 1.0 / 3.0, 1.5 * part, 2.0 * MOST, MOST / GRAIN + 0.5]
    assert _held(np.array(held)).all()
    assert not _held(np.array(bent)).any()
    assert [grains(value) for value in (3.0, 0.5, 2.0 + part)] == [3 * GRAIN, GRAIN // 2, 2 * GRAIN + 1]
    with pytest.raises(BentError):
        grains(1.0 / 3.0)


def test_what_is_the_same_at_both_ends_stays():
    assert Line(("a", 1.5), ("a", 1.5)).at((1, 3)) == ("a", 1.5)


def test_units_of_layers_in_several_formats():
    """The mean over their MACs: as many as are done in all, over the cycles that they take; of each context by itself."""
    assert mean_units(np.array([4.0, 2.0]), np.array([8.0, 8.0])) == 16 / (2 + 4)
    assert mean_units(np.array([4.0, 4.0]), np.array([8.0, 3.0])) == 4.0
    assert mean_units(np.array([4.0, 2.0]), np.zeros(2)) == 4.0
    both = mean_units(np.array([[4.0, 4.0, 4.0], [2.0, 2.0, 2.0]]), np.array([[8.0, 4.0, 0.0], [8.0, 0.0, 6.0]]))
    assert both.tolist() == [16 / 6, 4.0, 2.0]


def test_state_that_is_written_has_the_width_of_the_cache():
    """A token of a sequence adds a row of keys and of values, 3 heads of 64 numbers each, in each layer."""
    graph = load_network("smollm2_135m", layers=2, phase="decode", context=10)
    for word, width in (("bf16", 2.0), ("weights=bf16,activations=bf16,cache=int8", 1.0)):
        low = lower(graph, load_chip("h100"), 5, word)
        assert sum(row.stored_bytes for row in low.rows) == 5 * 2 * 2 * 3 * 64 * width
        assert sum(row.stored_apart_bytes for row in low.rows) in {0.0, 5 * 2 * 2 * 3 * 64 * width}


def test_lanes_matter_to_tilings_of_gpus_and_of_attention_alone():
    assert array_spec(load_chip("v100"), "fp16").lanes == load_chip("v100").vector.lanes
    edge = load_chip("example_edge")
    assert array_spec(edge, "int8").lanes == 0.0
    words = [*edge.vector.fuses, "attention"]
    assert array_spec(load_chip("example_edge", set={"vector.fuses": words}), "int8").lanes == edge.vector.lanes


def test_two_cores_are_one_of_twice_the_speed_to_their_tilings():
    """As fast as both, with the memory of one."""
    slow = {"array.rate": {"int8": 0.25}}
    one, two = (array_spec(load_chip(name, set=slow), "int8") for name in ("bm1688_core", "bm1688"))
    for name in ("rate", "link_bytes_per_cycle", "port_bytes_per_cycle"):
        assert getattr(two, name) == 2 * getattr(one, name), name
    assert (one.rate, two.rate) == (0.25, 0.5)
    assert (two.count, two.rows, two.columns, two.accumulator_bytes) == (
        one.count, one.rows, one.columns, one.accumulator_bytes
    )  # fmt: skip


def test_only_a_recurrence_hands_bytes_from_step_to_step(low):
    assert [row.inner_bytes for row in low.rows] == [0.0] * len(low.rows)


def test_a_weight_is_widened_in_a_lane_for_a_cycle_unless_the_chip_says_otherwise():
    target = target_of(load_chip("inferx_x1", set={"vector.lanes": 64}), "int8")
    assert replace(target, operations=()).widening == 1 / 64
    assert replace(target, operations=(("add", 5.0), ("dequantize", 3.0))).widening == 3 / 64


def test_inputs_that_are_widened_pass_the_lanes_once_an_item():
    """Beside what is done with the outputs: each input takes what a weight does."""
    net = NetworkBuilder("one")
    net.dense(net.input(64), 8, bias=False, activation="relu")
    for lanes, each in itertools.product((64, 6912), (1.0, 3.0)):
        chip = load_chip("a100", set={"vector.lanes": lanes, "vector.operations": {"dequantize": each}})
        plain, widened = (
            lower(net.build(), chip, 3, words).rows[0] for words in ("fp16", "weights=fp16,activations=int8")
        )
        assert plain.vector_operations == 3 * 8
        assert widened.vector_operations == 3 * 8 + 3 * 64 * each


def test_an_array_without_lanes_takes_whatever_nothing_else_is_said_of():
    """An array that is described by its size alone: one MAC a unit, no accumulators, buses without a limit."""
    spec = ArraySpec(1, 2, 3, "outputs", (), (), ())
    assert (spec.rate, spec.lanes, spec.accumulator_bytes, spec.cluster) == (1.0, 0.0, 0.0, 1)
    assert (spec.weight_load_cycles, spec.weight_bus_bytes_per_cycle, spec.pass_overhead_cycles) == (0.0, 0.0, 0.0)
    assert (spec.link_bytes_per_cycle, spec.port_bytes_per_cycle) == (np.inf, np.inf)
    switches = ("systolic", "weights_double_buffered", "async_copies", "async_products", "few_rows")
    assert not any(getattr(spec, name) for name in switches)
    assert spec.double_buffered
    assert spec.multicast
    plain = array_spec(load_chip("example_edge", set={"vector.fuses": ["relu"]}), "int8")
    assert plain.lanes == 0.0
    chip = load_chip("example_edge", set={"vector.fuses": ["attention"], "vector.lanes": 48})
    assert array_spec(chip, "int8").lanes == 48.0


@pytest.mark.parametrize(
    ("network", "chip", "precision"), [("llama3_8b", "groq_tsp", "int8"), ("gemma3_1b", "l4", "w4a16")]
)
def test_alike_steps_are_worked_out_once(network, chip, precision):
    """What differs is their names and tensors: each is as it is alone."""
    graph = load_network(network, phase="decode", context=40, layers=7, vocabulary=64)
    operands = operands_of(graph, target_of(load_chip(chip), precision))
    assert operands is operands_of(graph, target_of(load_chip(chip), precision))
    assert len(set(operands.alike)) < 0.6 * len(operands.alike)
    assert _rows(operands, 3) == tuple(row_of(step, 3, operands) for step in operands.fused.steps)


def test_threads_may_ask_for_operands_of_one_graph_on_many_arrays():
    graph = load_network("alexnet")
    targets = [target_of(load_chip("example_edge", set={"array.rows": rows}), "int8") for rows in range(1, 33)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as workers:
            found = list(workers.map(lambda target: operands_of(graph, target), 4 * targets))
    finally:
        sys.setswitchinterval(usual)
    assert [operands.target for operands in found] == 4 * targets


def test_all_weights_and_tables_stay_where_there_is_no_memory() -> None:
    net = NetworkBuilder("words")
    net.dense(net.embedding(net.input(1), 16, table_rows=10), 32, bias=False)
    low = lower(net.build(), load_chip("example_edge", set={"dram": None, "host": None}), 2)
    assert (low.inside, low.held_bytes) == ("all", 16 * 10 + 16 * 32)
    assert [(row.weight_bytes, row.fixed_bytes) for row in low.rows] == [(0.0, 0.0)] * len(low.rows)
