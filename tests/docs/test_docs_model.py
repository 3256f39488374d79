"""The pages on the model agree with the program: constants, words, tables, and what is said to have no effect."""

import re
from pathlib import Path

import numpy as np

from simulator import load_chip, load_network, units
from simulator.frontier.grid.pixels import MOST_BATCH, MOST_TILES
from simulator.frontier.grid.points import ORDERS
from simulator.graph.build import NetworkBuilder
from simulator.kernels.grid_unroll import MOST_TUPLES
from simulator.lower.rows import MOST_MACS, lower
from simulator.schedule import best, few, keep, scratch, segments, states
from simulator.schedule.machines import PHI, machines_of
from simulator.units import DRAM_STREAMED_EFFICIENCY, KIB, PORT_EFFICIENCY, effective_bytes_per_s
from simulator.vocabulary import BITS, ROOF_OF, VECTOR_OPERATIONS, WATERFALL

CLONE = Path(__file__).parents[2]
MODEL, LAYER, SCHEDULE = (
    (CLONE / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("model", "model_layer", "model_schedule")
)


def rows(page, first):
    """Cells of the body of the table whose header begins with the cell `first`."""
    body = re.search(rf"^\| {re.escape(first)} \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", page, re.MULTILINE)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]


def small_network():
    net = NetworkBuilder("small")
    x = net.conv(net.input(8, 12, 12), 16, 3, padding=1, activation="relu")
    net.dense(net.global_pool(x), 10)
    return net.build()


def test_the_constants_are_those_of_the_program():
    shown = {name: float(value) for name, value, *_ in rows(MODEL, "constant")}
    cached = load_chip("example_edge", set={"sram.managed": "cache"})
    assert shown == {
        "phi": PHI["layer"],
        "port": PORT_EFFICIENCY,
        "streamed DRAM": DRAM_STREAMED_EFFICIENCY,
        "GPU array": units.GPU_ARRAY_EFFICIENCY,
        "GPU L2": units.GPU_L2_EFFICIENCY,
        "GPU array, asynchronous": units.GPU_ARRAY_EFFICIENCY_ASYNC,
        "GPU round": units.GPU_ROUND_CYCLES,
        "GPU kernel": units.GPU_KERNEL_CYCLES,
        "GPU softmax": units.GPU_SOFTMAX_CYCLES,
        "GPU lanes": units.GPU_LANE_EFFICIENCY,
        "GPU rectified": units.GPU_RECTIFIED_ENERGY,
        "GPU step": units.GPU_STEP_CYCLES,
        "GPU floor": units.GPU_KERNEL_FLOOR_US,
        "GPU gap": units.GPU_KERNEL_GAP_CYCLES,
        "GPU vectors": units.GPU_VECTOR_L2_EFFICIENCY,
        "layer start": units.LAYER_START_CYCLES,
        "cache": machines_of(cached).row().capacity_bytes / cached.sram.capacity_bytes,
    }


def test_phi_of_the_other_overlaps_is_a_limit():
    assert PHI == {"none": 1.0, "layer": 0.25, "network": 0.0}
    assert "phi = 1 (none), 0.25 (layer), 0 (network)" in SCHEDULE


def test_the_bandwidth_is_the_lesser_of_devices_and_port():
    assert "min(devices x rate x efficiency, 0.75 x port_bytes_per_cycle x clock)" in SCHEDULE
    assert effective_bytes_per_s(100.0, 0.5, 80.0) == 50.0
    assert effective_bytes_per_s(100.0, 0.9, 80.0) == 60.0


def test_every_vector_kind_has_its_operations():
    shown = {kind: float(count) for count, kinds in rows(MODEL, "operations per output") for kind in kinds.split(", ")}
    assert shown == VECTOR_OPERATIONS


def test_every_precision_has_its_bytes():
    header = re.search(r"^\| (int4 \|[^\n]*) \|\n\|[-|]+\n\| ([^\n]*) \|$", MODEL, re.MULTILINE)
    columns = zip(header[1].split(" | "), header[2].split(" | "), strict=True)
    shown = {precision: 8 * float(size) for names, size in columns for precision in names.split(", ")}
    assert shown == BITS
    assert MOST_MACS == 2**53
    assert "2**53" in MODEL


def test_the_lists_of_sizes_are_those_of_the_program():
    for page in (MODEL, SCHEDULE):
        assert "64 KiB x 2^k" in page
        assert "16 KiB x 2^(k/4)" in page
    assert few.ahead_sizes(300.0 * KIB) == [0.0, 64.0 * KIB, 128.0 * KIB, 256.0 * KIB]
    assert keep.rooms(40.0 * KIB, 1e9) == [16.0 * KIB * 2.0 ** (step / 4) for step in range(6)]
    assert keep.rooms(40.0 * KIB, 8.0 * KIB) == [32.0 * KIB, 16.0 * KIB * 2.0 ** (5 / 4)]
    assert keep.PER_OCTAVE / best.SEGMENT_ROOMS == 4
    assert "every fourth room" in SCHEDULE
    assert f"within {segments.FIRST_TRY - 1.0:.1%}".replace("%", " %") in " ".join(SCHEDULE.split())
    assert segments.WIDER == 2.0
    assert "the margin doubles" in SCHEDULE
    assert (states.MOST_MOVES, states.MOST_OF_ALL, states.FEWEST_MOVES, MOST_TUPLES) == (1024, 49_152, 4, 4096)
    assert "each layer keeps four choices" in SCHEDULE
    assert "at most 1024 moves at a layer; at most 4096 unrollings an axis" in " ".join(MODEL.split())
    assert f"more than {segments.LARGEST_PART} items" in " ".join(SCHEDULE.split())
    assert f"of more than {states.MOST_CUTS} places" in " ".join(SCHEDULE.split())
    assert "more than 1024, or the network more than 49,152" in " ".join(SCHEDULE.split())
    assert f"for batches up to {MOST_BATCH} and up to {MOST_TILES:,} tiles" in " ".join(LAYER.split())
    assert f"room for {scratch.LABELS} labels" in " ".join(SCHEDULE.split())


def test_the_bundled_networks_have_few_moves():
    most = int(re.search(r"The bundled networks have at most (\d+)", " ".join(SCHEDULE.split()))[1])
    chip = load_chip("example_edge")
    branching = ("inception_v4", "yolov7", "yolov8x_seg", "bert_large", "unet")
    assert max(np.diff(states.moves(lower(load_network(name), chip)).first).max() for name in branching) == most


def test_the_loop_orders_are_those_of_the_search():
    assert f"`{' '.join(ORDERS)}`" in LAYER
    assert {order for row in rows(LAYER, "form") for order in row[3].split(", ")} == set(ORDERS)


def test_the_waterfall_is_filled_in_the_order_shown():
    shown = [(re.findall(r"`(\w+)`", part), re.split(" or |, ", roof)) for part, _, roof in rows(SCHEDULE, "part")]
    pairs = [pair for parts, roofs in shown for pair in zip(parts, roofs, strict=True)]
    assert pairs == [(part, ROOF_OF[part]) for part in WATERFALL]


def test_every_file_named_is_there():
    for page in (MODEL, LAYER, SCHEDULE):
        for name in re.findall(r"`((?:tests|simulator)/[\w/.]+)`", page):
            assert (CLONE / name).exists(), name
