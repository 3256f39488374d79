"""Outer memory that has constants alone, and none at all: what stays in the SRAM, what is limited, what it costs."""

import pytest

from simulator import load_chip, load_network, simulate, sweep
from simulator.chip.schema import Architecture
from simulator.cost.book import fit
from simulator.cost.price import chip_cost
from simulator.cost.quantities import quantities_of, silicon
from simulator.errors import ChipError, InfeasibleError
from simulator.graph.build import Graph, NetworkBuilder

NOTHING = {"dram": None, "host": None}


def small(channels: int = 32) -> Graph:
    """Two convolutions and a sum around the second; then a dense layer."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), channels, 3, padding=1)
    x = net.add(x, net.conv(x, channels, 3, padding=1))
    net.dense(net.vector("relu", x).flat(), 10)
    return net.build()


def weights_of(graph: Graph) -> int:
    """Constant weights of a graph."""
    return sum(data["layer"].weight_elements for _, data in graph.nodes(data=True) if data["layer"].kind != "matmul")


def test_read_only_memory_has_nothing_but_weights_to_give():
    """4.209 MB of weights, once each at 0.86 x 0.4 GB/s: the activations of 96 pixels live in 256 KiB."""
    graph = load_network("mobilenet_v1", image_size=96)
    found = simulate(graph, load_chip("example_mcu"))
    assert found.dram_bytes == weights_of(graph) == 4_209_088
    assert found.lower_bound_s == pytest.approx((4_209_088 - 2**18) / (0.86 * 0.4e9))  # the SRAM might hold some
    assert found.latency_s > found.lower_bound_s
    assert found.waterfall["dram_s"] > 0.5 * found.latency_s
    assert found.dram_used_bytes == 4_209_088
    written = simulate(graph, load_chip("example_mcu", set={"dram.read_only": False, "schedule.residency": "none"}))
    assert written.dram_bytes > found.dram_bytes


def test_what_lives_is_in_the_sram():
    """The sum needs its two tensors and its own: 3 x 32 x 32 x 32 bytes, and no tile of weights."""
    fits, short = (
        load_chip("example_mcu", set={"sram.capacity_mib": kib / 1024, "vector.fuses": []}) for kib in (97, 95)
    )
    assert simulate(small(), fits).sram_bytes >= 3 * 32 * 32 * 32
    with pytest.raises(
        InfeasibleError, match=r"layer 'add\d*' needs at least 98,\d+ bytes of SRAM \(tensors that live then 98,304\)"
    ):
        simulate(small(), short)


def test_a_batch_is_no_slower_than_its_items():
    graph = small(8)
    chip = load_chip("example_mcu", set={"sram.capacity_mib": 0.0625})
    one, four = (simulate(graph, chip, batch=batch) for batch in (1, 4))
    assert four.throughput_per_s >= one.throughput_per_s * (1 - 1e-9)
    weights = weights_of(graph)
    assert one.dram_bytes + one.load_bytes == weights  # some stay for ever
    assert four.dram_bytes <= 4 * one.dram_bytes


def test_without_any_outer_memory_all_is_inside():
    """Weights and activations together are in the SRAM from the start, and no byte moves outside."""
    graph = small()
    weights = weights_of(graph)
    found = simulate(graph, load_chip("example_edge", set=NOTHING))
    assert found.dram_bytes == found.load_bytes == found.dram_used_bytes == 0.0
    assert found.waterfall["dram_s"] == found.waterfall["host_s"] == 0.0
    assert found.sram_bytes >= weights + 2 * 32 * 32 * 32
    with pytest.raises(InfeasibleError, match=rf"weights {weights:,}\), since there is no outer memory at all"):
        simulate(graph, load_chip("example_edge", set={**NOTHING, "sram.capacity_mib": weights / 2**20}))


def test_sweeps_say_the_same():
    graph, chip = small(8), load_chip("example_mcu")
    table = sweep(graph, chip, {"sram.capacity_mib": [0.03, 0.0625, 0.25], "dram.devices": [1, 2], "batch": [1, 2]})
    for row in table.iter_rows(named=True):
        changed = {key: row[key] for key in ("sram.capacity_mib", "dram.devices")}
        one = simulate(graph, load_chip("example_mcu", set=changed), batch=row["batch"])
        assert row["throughput_per_s"] == one.throughput_per_s
    assert len(table) == 12


def test_flash_has_no_phy_and_few_balls():
    flash = load_chip("example_mcu", set={"process_nm": 16})
    custom = {"part": "custom", "devices": 1, "gb_per_s_per_device": 0.4, "read_only": True}
    dram = load_chip("example_mcu", set={"process_nm": 16, "dram": {**custom, "read_only": False}})
    by_bandwidth = load_chip("example_mcu", set={"process_nm": 16, "dram": custom})

    def interface_mm2(chip: Architecture) -> float:
        return float(silicon(quantities_of(chip), fit()).dram)

    assert interface_mm2(flash) == interface_mm2(by_bandwidth) < 0.1
    assert interface_mm2(dram) > 1.0
    assert chip_cost(flash).details["dram_gib"] == 0.0625
    assert chip_cost(dram).details["balls"] - chip_cost(flash).details["balls"] == pytest.approx(84, abs=4)


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ({"schedule.residency": "none"}, "schedule.residency: must be 'optimal' where dram.read_only is true, got 'none'"),
        ({"schedule.placement": "space"}, "schedule.placement: must be 'time' where dram.read_only is true, got"),
        ({"sram.holds": ["inputs", "outputs"]}, "sram.holds: must be left out where dram.read_only is true"),
        ({"dram": None, "schedule.residency": "none"}, "must be 'optimal' where there is neither dram nor host"),
    ],
)  # fmt: skip
def test_what_such_chips_cannot_say(sets, line):
    with pytest.raises(ChipError) as caught:
        load_chip("example_mcu", set=sets)
    assert line in str(caught.value)


def attending(rows: int, stored: bool = True) -> Graph:
    """A query meets a cache of so many rows of 8 channels; a new row of it is written, which is part of it."""
    net = NetworkBuilder("cache")
    cache = net.input(8, rows, 1, origin="state")
    query = net.input(8, 1, 1, name="query")
    if stored:
        net.output(net.dense(query, 8, name="new"), origin="state", into=cache)
    net.matmul(query, cache, transposed=True)
    return net.build()


@pytest.mark.parametrize("sets", [{}, NOTHING])
def test_a_state_stays_where_no_memory_can_be_written(sets: dict[str, None]) -> None:
    """In the SRAM, for all items and beside all else; what is written of it takes no room of its own."""
    chip = load_chip("example_mcu", set=sets)
    less, more = (simulate(attending(rows), chip, batch=2) for rows in (512, 1024))
    assert more.sram_bytes - less.sram_bytes == 2 * 512 * (8 + 1)  # scores, too
    assert less.dram_bytes + less.load_bytes == (0.0 if sets else 64.0)
    here = load_chip("example_mcu", set={**sets, "sram.capacity_mib": less.sram_bytes / 2**20})
    assert simulate(attending(512), here, batch=2).sram_bytes == less.sram_bytes
    with pytest.raises(InfeasibleError, match=r"states 8,192\b"):
        simulate(attending(512), load_chip("example_mcu", set={**sets, "sram.capacity_mib": 8192 / 2**20}), batch=2)


def test_a_state_that_is_not_written_back_takes_what_it_reads_alone() -> None:
    """Beside a cache that a new row becomes part of, one that nothing is written to takes as much."""
    chip = load_chip("example_mcu")
    written, read = (simulate(attending(512, stored), chip).sram_bytes for stored in (True, False))
    assert 0.0 <= written - read <= 64.0 + 16.0  # the layer that writes it
