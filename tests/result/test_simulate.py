"""One tiny network on the example chip, every number by hand; and how `simulate` meets bad input."""

import dataclasses
import pickle
from typing import Any

import networkx as nx
import pytest
from random_models import Graph

from simulator.chip.load import load_chip
from simulator.errors import ChipError, InfeasibleError, NetworkError
from simulator.graph.build import NetworkBuilder
from simulator.run import simulate

CYCLE_S = 1 / 800e6
"""The example chip runs at 800 MHz."""
DRAM_BYTES_PER_S = 4266e6 * 4 * 0.80
"""One LPDDR4-4266 of 32 bits; 0.80 of it reaches a stream."""
HOST_BYTES_PER_S = 8e9 / 8 * 0.98462 * 0.91 * 4
"""PCIe 3, 4 lanes of 8 Gbit/s: line code 128b/130b, and 0.91 for the headers of packets."""


def two_convolutions() -> Graph:
    """16 channels of 8 x 8 -> 3 x 3 to 64 channels, relu -> 1 x 1 to 16 channels. One byte an element:

    ================  ======  =======  =======  =======
                      inputs  weights  outputs     MACs
    ================  ======  =======  =======  =======
    first (3 x 3)       1024     9216     4096  589,824
    second (1 x 1)      4096     1024     1024   65,536
    ================  ======  =======  =======  =======
    """
    net = NetworkBuilder("two convolutions")
    x = net.input(16, 8, 8)
    x = net.conv(x, 64, 3, padding=1, activation="relu", name="first")
    net.conv(x, 16, 1, name="second")
    graph: Graph = nx.freeze(net.build())
    return graph


# Array: 4 arrays of 64 x 16 = 4096 units, reduction on the rows, output channels on the columns, 4 arrays side by side.
#   first: 589,824 / 4096 = 144 cycles at best. Reduction 16 x 3 x 3 = 144 on 64 rows: 3 blocks. 64 output channels on
#     16 columns x 4 arrays: 1 block. 64 pixels one by one: 64 x 3 x 1 = 192 cycles, so 48 are lost at the edges.
#   second: 65,536 / 4096 = 16 cycles. Reduction 64: 1 block; 16 output channels: 1 block; 64 pixels over 4 arrays: 16.
# Interconnect, 256 B a cycle (weights stay in the array; partial sums in the accumulators; a copy serves all arrays):
#   first: every pixel's window 64 x 144 = 9216, weights 9216, outputs 4096: 22,528 B = 88 cycles, less than 192.
#   second: 64 x 64 = 4096, weights 1024, outputs 1024: 6144 B = 24 cycles, 8 more than the array's 16.
# SRAM ports, 512 B a cycle: feed and DRAM bytes; at most (22,528 + 14,336) / 512 = 72 and (6144 + 6144) / 512 = 24 cycles.
# Vector unit, 256 lanes: relu on 4096 elements = 16 cycles. None of the two ever binds.
FIRST_S, SECOND_S = 192 * CYCLE_S, 24 * CYCLE_S


def memory_s(size_bytes: float) -> float:
    """Time of some bytes over the DRAM."""
    return size_bytes / DRAM_BYTES_PER_S


def run(**schedule: Any) -> Any:
    """The example chip with another `schedule`."""
    chip = load_chip("example_edge", {f"schedule.{key}": value for key, value in schedule.items()})
    return simulate(two_convolutions(), chip)


def test_everything_on_chip() -> None:
    """Both weights (10,240 B) stay for ever and the tensor between the layers is resident: DRAM sees the ends only."""
    result = run()
    assert result.load_bytes == 9216 + 1024
    assert result.load_s == pytest.approx(memory_s(10240))
    assert [layer.dram_bytes for layer in result.layers] == [1024, 1024, 0][: len(result.layers)]
    assert result.dram_bytes == 2048
    # first: 240 ns in the array, 75.0 ns in the DRAM; second: 30 ns on the interconnect, 75.0 ns in the DRAM.
    first, second = result.layers[:2]
    assert (first.name, first.fused, first.cycles) == ("first", ("first_relu",), 192)
    assert (second.name, second.fused, second.cycles) == ("second", (), 24)
    assert first.latency_s == pytest.approx(FIRST_S, rel=1e-12)
    assert second.latency_s == pytest.approx(memory_s(1024), rel=1e-12)
    assert (first.bound_by, second.bound_by) == ("array", "dram")
    assert first.utilisation == pytest.approx(144 / 192)
    assert second.utilisation == pytest.approx(16 * CYCLE_S / memory_s(1024))
    # The batch comes in and its result leaves over the host link: 2048 B, 571 ns, longer than the chip takes (315 ns).
    host_s = 2048 / HOST_BYTES_PER_S
    assert result.latency_s == pytest.approx(FIRST_S + memory_s(1024) + host_s, rel=1e-12)
    assert 1 / result.throughput_per_s == pytest.approx(host_s, rel=1e-12)
    assert result.macs == result.macs_executed == 589_824 + 65_536
    assert result.peak_tops == pytest.approx(4096 * 2 * 800e6 / 1e12)
    assert result.utilisation == result.effective_utilisation == pytest.approx(160 * CYCLE_S / host_s)
    # 2048 B of DRAM against 160 cycles of MACs: 150 and 200 ns.
    assert result.lower_bound_s == pytest.approx(160 * CYCLE_S)
    parts = {
        "ideal_s": 160 * CYCLE_S,
        "edges_s": 48 * CYCLE_S,
        "interconnect_s": 8 * CYCLE_S,
        "dram_s": memory_s(1024) - SECOND_S,
        "host_s": host_s,
    }
    for part, value in result.waterfall.items():
        assert value == pytest.approx(parts.get(part, 0.0), rel=1e-9, abs=1e-18), part
    # In steady state the link is busy all the time: the other 256 ns of it are what remains beside the chip's work.
    on_chip_s = FIRST_S + memory_s(1024)
    for part, value in result.waterfall_period.items():
        expected = host_s - on_chip_s if part == "host_s" else parts.get(part, 0.0)
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-18), part


OUTER_S = memory_s(1024 + 9216 + 4096), memory_s(4096 + 1024 + 1024)
"""DRAM time of the two layers where nothing stays on chip: 14,336 and 6144 B, 1050 and 450 ns."""


@pytest.mark.parametrize(
    ("overlap", "first_s", "second_s"),
    [
        ("none", OUTER_S[0] + FIRST_S, OUTER_S[1] + SECOND_S),  # one after the other
        (
            "layer",
            OUTER_S[0] + 0.25 * FIRST_S,
            OUTER_S[1] + 0.25 * SECOND_S,
        ),  # first tiles in and last tiles out stand out
        ("network", OUTER_S[0], OUTER_S[1]),  # the DRAM never rests
    ],
)
def test_nothing_on_chip(overlap: str, first_s: float, second_s: float) -> None:
    result = run(residency="none", overlap=overlap)
    assert result.load_bytes == 0
    assert [layer.dram_bytes for layer in result.layers][:2] == [14336, 6144]
    assert [layer.cycles for layer in result.layers][:2] == [192, 24]
    assert [layer.latency_s for layer in result.layers][:2] == pytest.approx([first_s, second_s], rel=1e-12)
    host_s = 2048 / HOST_BYTES_PER_S
    assert result.latency_s == pytest.approx(first_s + second_s + host_s, rel=1e-12)
    assert 1 / result.throughput_per_s == pytest.approx(first_s + second_s, rel=1e-12)
    assert result.waterfall["dram_s"] == pytest.approx(first_s + second_s - FIRST_S - SECOND_S, rel=1e-9)
    assert result.bound_by == "dram"


def test_weights_of_the_second_layer_come_ahead() -> None:
    """A clock 10 times slower: the first layer takes 2400 ns, its 14,336 B 1050 ns; the second's 1024 B come meanwhile."""
    chip = load_chip("example_edge", {"schedule.residency": "none", "schedule.overlap": "network", "clock_mhz": 80.0})
    result = simulate(two_convolutions(), chip)
    first, second = result.layers[:2]
    assert first.latency_s == pytest.approx(10 * FIRST_S, rel=1e-12)
    # second: 5120 B left, 375 ns, against 300 ns on the interconnect.
    assert second.latency_s == pytest.approx(memory_s(5120), rel=1e-12)
    assert second.dram_bytes == 6144
    # In steady state the first layer's 9216 B come ahead as well, in the 2025 ns that its own 5120 B leave. The second layer
    # still waits for its inputs and outputs, which no other layer's time can carry.
    assert 1 / result.throughput_per_s == pytest.approx(10 * FIRST_S + memory_s(5120), rel=1e-12)


def test_a_batch_of_four() -> None:
    """Pixels of all items pass the same weights: 4 x 192 and 4 x 16 cycles; the feed of inputs and outputs is 4 times."""
    result = simulate(two_convolutions(), load_chip("example_edge"), batch=4)
    first, second = result.layers[:2]
    assert first.cycles == 4 * 192
    # 4 x 4096 + 1024 + 4 x 1024 B = 84 cycles on the interconnect, 64 in the array.
    assert second.cycles == 84
    assert first.latency_s == pytest.approx(4 * FIRST_S, rel=1e-12)
    assert second.latency_s == pytest.approx(memory_s(4 * 1024), rel=1e-12)
    assert result.macs == 4 * 655_360


def test_names_and_objects_are_the_same() -> None:
    by_name = simulate("resnet18", "example_edge")
    assert by_name == simulate("resnet18", load_chip("example_edge"))
    assert by_name.network == "resnet18"
    assert by_name.chip == load_chip("example_edge").name


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "2"])
def test_a_batch_must_be_a_whole_number(batch: Any) -> None:
    with pytest.raises(NetworkError, match="batch: must be a whole number of at least 1"):
        simulate(two_convolutions(), "example_edge", batch=batch)


def test_a_batch_beyond_counting_names_the_largest() -> None:
    largest = 2**53 // 655_360
    with pytest.raises(NetworkError, match=f"must be at most {largest}"):
        simulate(two_convolutions(), "example_edge", batch=largest + 1)


def test_a_precision_that_the_chip_does_not_have() -> None:
    with pytest.raises((ChipError, NetworkError), match="int8x"):
        simulate(two_convolutions(), "example_edge", precision="int8x")


def test_a_chip_too_small_says_which_layer_and_how_many_bytes() -> None:
    net = NetworkBuilder("wide kernel")
    net.conv(net.input(1, 40, 40), 1, 40, name="wide")  # one output needs 1600 inputs and as many weights at a time
    chip = load_chip("example_edge", {"sram.capacity_mib": 0.001})
    with pytest.raises(InfeasibleError, match=r"layer 'wide' needs at least [\d,]+ bytes of SRAM .*, got 1,048"):
        simulate(net.build(), chip)


def test_a_vector_unit_may_need_operations_of_its_own() -> None:
    """4096 outputs of a silu: 4 operations each on 2 lanes, or the 76 of a table; a bias for nothing else."""
    net = NetworkBuilder("silu")
    net.conv(net.input(16, 8, 8), 64, 1, activation="silu", name="conv")
    graph = nx.freeze(net.build())
    settings: dict[str, Any] = {"vector.lanes": 2, "vector.fuses": ["silu"]}
    usual = simulate(graph, load_chip("example_edge", set=settings))
    table = simulate(graph, load_chip("example_edge", set={**settings, "vector.operations": {"silu": 76, "add": 5}}))
    assert usual.layers[0].latency_s == pytest.approx(4096 * 4 / 2 * CYCLE_S)
    assert table.layers[0].latency_s == pytest.approx(4096 * 76 / 2 * CYCLE_S)
    assert table.layers[0].bound_by == "vector"
    with pytest.raises(ChipError, match=r"vector\.operations.*slu"):
        load_chip("example_edge", set={"vector.operations": {"slu": 76}})


def test_lanes_of_channels_idle_without_them() -> None:
    """64 channels of 64 pixels on 30 lanes: 4096 / 30 cycles; on lanes of 6 channels each 11 rounds, as of 66 channels."""
    net = NetworkBuilder("silu")
    net.conv(net.input(16, 8, 8), 64, 1, activation="silu", name="conv")
    graph = nx.freeze(net.build())
    settings: dict[str, Any] = {"vector.lanes": 30, "vector.fuses": ["silu"], "vector.operations": {"silu": 99}}
    free = simulate(graph, load_chip("example_edge", set=settings)).layers[0]
    split = simulate(graph, load_chip("example_edge", set={**settings, "vector.channels": 6})).layers[0]
    assert free.latency_s == pytest.approx(99 * 4096 / 30 * CYCLE_S)
    assert split.latency_s == pytest.approx(99 * 66 * 64 / 30 * CYCLE_S)
    with pytest.raises(ChipError, match=r"vector\.channels: must be at most lanes, 30, got 31"):
        load_chip("example_edge", set={**settings, "vector.channels": 31})


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("fp16", 16), ("fp32", 32)])
def test_wide_elements_take_several_lanes_of_so_many_bytes(precision: str, bits: int) -> None:
    """4,096 outputs of 99 operations on 30 lanes of a byte or two; a lane without a width takes any."""
    net = NetworkBuilder("silu")
    net.conv(net.input(16, 8, 8), 64, 1, activation="silu", name="conv")
    graph = nx.freeze(net.build())
    settings: dict[str, Any] = {
        "array.rate": {"int8": 1, "fp16": 1, "fp32": 1}, "vector.lanes": 30, "vector.fuses": ["silu"],
        "vector.operations": {"silu": 99},
    }  # fmt: skip
    for lane_bytes, lanes in ((None, 1), (1, bits // 8), (2, max(1, bits // 16))):
        chip = load_chip("example_edge", set={**settings, "vector.lane_bytes": lane_bytes})
        layer = simulate(graph, chip, precision=precision).layers[0]
        assert layer.latency_s == pytest.approx(99 * 4096 * lanes / 30 * CYCLE_S)


@pytest.mark.parametrize(
    ("keys", "start_s"),
    [
        ({"schedule.overlap": "layer"}, 3000 * CYCLE_S),
        ({"schedule.overlap": "none"}, 3000 * CYCLE_S),
        ({"schedule.overlap": "layer", "clock_mhz": 100.0}, 3000 * 8 * CYCLE_S),
        ({"schedule.overlap": "network"}, 0.0),
        ({"schedule.overlap": "layer", "schedule.placement": "space"}, 0.0),
        ({"schedule.overlap": "layer", "overhead_us": 2.0}, 2e-6),
    ],
)
def test_the_start_of_a_layer(keys: dict[str, Any], start_s: float) -> None:
    """3,000 cycles where nothing runs ahead of a layer, or what the file says; each of two layers waits for it."""
    chip = load_chip("example_edge", {"overhead_us": None, **keys})
    assert chip.overhead_s == pytest.approx(start_s, rel=1e-12)
    if chip.schedule.placement == "time":
        result = simulate(two_convolutions(), chip)
        assert result.waterfall["overhead_s"] == pytest.approx(2 * start_s, rel=1e-12)


def test_kernels_of_a_gpu_are_apart_by_a_launch_and_by_cycles() -> None:
    for name in ("a100", "jetson_nano"):
        chip = load_chip(name)
        assert chip.overhead_s == pytest.approx(1e-6 + 3500 / chip.clock_hz)
    assert load_chip("a100", {"overhead_us": 1}).overhead_s == pytest.approx(1e-6)


def test_layers_made_when_asked_for_are_those_of_any_other_answer() -> None:
    graph = two_convolutions()
    asked, packed, replaced, compared = (simulate(graph, "example_edge", gains=False) for _ in range(4))
    assert [layer.name for layer in asked.layers][:2] == ["first", "second"]
    assert asked.layers is asked.layers
    assert pickle.loads(pickle.dumps(packed)).layers == asked.layers
    assert dataclasses.replace(replaced, batch=2).layers == asked.layers
    assert compared == asked
    assert compared.to_dict() == asked.to_dict()
    with pytest.raises(dataclasses.FrozenInstanceError):
        compared.layers = ()  # type: ignore[misc, assignment]


def test_arrays_over_which_nothing_is_spread_are_told() -> None:
    lost = simulate(two_convolutions(), load_chip("example_edge", {"array.count": 2, "array.unroll.count": []}))
    assert any(note.startswith("array.unroll.count: names no dimension") for note in lost.notes)
    assert not any("array.unroll.count" in note for note in simulate(two_convolutions(), "example_edge").notes)
