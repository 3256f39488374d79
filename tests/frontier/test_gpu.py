"""GPUs: thread blocks against a slow twin, the cache's rule, points of a sweep, and what a chip file may not say."""

import dataclasses
import math
import random

import naive_gpu
import numpy as np
import pytest
from profiles import by_night
from test_sweep_engine import check_equal

from simulator import load_chip, load_network, simulate, sweep
from simulator.cli import main
from simulator.cost.power import power_model
from simulator.errors import ChipError
from simulator.frontier import sm
from simulator.frontier.grid.search import WEIGHTS
from simulator.frontier.sm import frontier
from simulator.graph.build import NetworkBuilder
from simulator.kernels.grid_points import ARRAY, EDGES, FEED_BYTES, FILL_DRAIN, IDEAL, INTERCONNECT, SRAM
from simulator.lower.array import array_spec
from simulator.lower.rows import lower
from simulator.lower.shape import Shape
from simulator.report.layers import short_tiling
from simulator.units import GPU_L2_EFFICIENCY


@pytest.fixture(scope="module")
def network():
    """Convolutions, one of them depthwise, a residual, attention of one head and a dense layer."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), 16, 3, padding=1)
    x = net.add(x, net.conv(net.conv(x, 16, 3, padding=1, groups=16), 16, 1))
    x = net.dense(net.conv(x, 64, 3, stride=2).flat(), 256)
    net.dense(net.vector("layer_norm", x), 100)
    return net.build()


def test_blocks_are_those_of_the_slow_twin():
    rng = random.Random(7)
    for _ in range(60):
        width = rng.choice([1, 2])
        count, macs, lanes = rng.choice([1, 3, 40]), rng.choice([256, 1024]), rng.choice([64, 2560])
        free = rng.random() < 0.6
        ahead, cluster = free and rng.random() < 0.5, rng.choice([1, 2, 4])
        link, port = rng.choice([64, 1000]), rng.choice([128, 1024])
        if rng.random() < 0.2:
            g, k, c = rng.randint(2, 64), 1, 1
        else:
            g, k, c = rng.choice([1, 1, 3]), rng.randint(1, 700), rng.randint(1, 300)
        r = rng.choice([1, 3])
        n, p, q = (1, 1, 1) if rng.random() < 0.1 else (rng.randint(1, 4), rng.randint(1, 40), rng.randint(1, 40))
        narrow, widening = rng.choice([(width, 0.0), (width, 0.0), (width / 2, 1 / lanes), (width / 4, 2 / lanes)])
        shape = Shape(
            (g, n, k, c, p, q, r, r),
            padding=(r // 2, r // 2),
            plane=(p, q),
            in_width=width,
            weight_width=narrow,
            out_width=width,
            widening=widening,
        )
        high, rate = rng.choice([1, 4]), rng.choice([1, 2])  # as many MACs a cycle, whatever the units are
        sets = {
            "array.count": count, "array.rows": high, "array.columns": macs // high // rate, "array.rate": {"int8": rate},
            "sram.bytes_per_cycle": port, "interconnect.bytes_per_cycle": link, "vector.lanes": lanes,
            "array.async_copies": free, "array.async_products": ahead, "array.cluster": cluster,
        }  # fmt: skip
        spec = array_spec(load_chip("t4", set=sets), "int8")
        chip = (count, macs, link, port)
        weights = (narrow, widening * count)
        cycles, _ = naive_gpu.best(shape.extents, width, width, chip, lanes, (p, q), free, ahead, cluster, weights)
        found = frontier(shape, spec)
        assert len(found) == 1
        assert found.cycles[0] == pytest.approx(cycles, rel=1e-12), shape
        if found.codes[0] != sm.ON_LANES:
            rows, columns, split, *together = sm.choices(spec)[found.codes[0] - sm.FIRST]
            block = (rows, columns), split, free, ahead, tuple(together), weights
            _, feed = naive_gpu.walk(shape.extents, width, width, chip, *block)
            row = sm.parts((shape,), spec, np.zeros(1, dtype=np.int64), found.codes)[0]
            assert row[FEED_BYTES] == pytest.approx(feed, rel=1e-12), shape
            assert row[ARRAY] == pytest.approx(row[[IDEAL, EDGES, FILL_DRAIN]].sum(), rel=1e-12), shape
            assert row[EDGES] >= 0.0
        assert found.bytes_[0] == narrow * g * k * c * r * r
        assert frontier(shape, spec, 2).bytes_[0] == 0.0  # with the weights in the cache
        assert frontier(shape, spec, 5).bytes_[0] == found.bytes_[0]
        assert found.footprint.tolist() == found.rooms.tolist() == [0.0]


@pytest.mark.parametrize(("ahead", "cluster"), [(False, 1), (True, 2)])
def test_every_choice_of_blocks_is_that_of_the_slow_twin(ahead, cluster):
    """Short reductions on few multiprocessors: several rounds of blocks, the last one not full, of which each may wait."""
    rng, rounds = random.Random(ahead), 0
    for macs in (1024, 1024, 32768, 32768):  # so fast that full rounds wait, too
        count, free = rng.choice([1, 2, 3]), ahead or rng.random() < 0.5
        shape = Shape((1, 1, rng.randint(500, 900), rng.choice([8, 40, 200]), rng.randint(500, 900), 1, 1, 1))
        sets = {
            "array.count": count, "array.columns": macs, "array.rate": {"int8": 1}, "sram.bytes_per_cycle": 2**20,
            "interconnect.bytes_per_cycle": 2**20, "array.async_copies": free, "array.async_products": ahead,
            "array.cluster": cluster,
        }  # fmt: skip
        spec = array_spec(load_chip("t4", set=sets), "int8")
        chip = (count, macs, 2**20, 2**20)
        choices = sm.choices(spec)
        codes = sm.FIRST + np.arange(len(choices))
        found = sm.parts((shape,), spec, np.zeros(len(codes), dtype=np.int64), codes)
        for (rows, columns, split, *together), row in zip(choices, found, strict=True):
            walked = naive_gpu.walk(shape.extents, 1, 1, chip, (rows, columns), split, free, ahead, tuple(together))
            cycles, feed = walked or (np.inf, np.inf)
            assert row[[ARRAY, INTERCONNECT, SRAM]].max() == pytest.approx(cycles, rel=1e-12)
            assert row[FEED_BYTES] == pytest.approx(feed, rel=1e-12)
            rounds += 1
    assert rounds > 100


def test_constant_weights_are_read_once_whatever_the_blocks():
    """2 groups of 4 x 8 kernels of 3 x 5, of two bytes; none where they are there already."""
    shape = Shape((2, 1, 8, 4, 6, 7, 3, 5), plane=(8, 11), in_width=2.0, weight_width=2.0)
    spec = array_spec(load_chip("a100"), "fp16")
    assert frontier(shape, spec).bytes_.tolist() == [2 * 2 * 4 * 8 * 3 * 5]
    assert frontier(shape, spec, WEIGHTS).bytes_.tolist() == [0.0]


@pytest.mark.parametrize("pixels", [256, 255])
def test_a_block_that_is_full_has_no_edges(pixels):
    """Where products run asynchronously it works at the peak; of one row less a row of its time is lost."""
    sets = {"array.count": 1, "array.columns": 1024, "array.rate": {"int8": 1}, "array.async_copies": True}
    spec = array_spec(load_chip("t4", set={**sets, "array.async_products": True}), "int8")
    shape = Shape((1, pixels, 128, 4096, 1, 1, 1, 1))
    code = sm.FIRST + sm.choices(spec).index((256, 128, 1, 1, 1))
    row = sm.parts((shape,), spec, np.zeros(1, dtype=np.int64), np.array([code]))[0]
    assert (row[IDEAL], row[EDGES]) == (pixels * 128 * 4096 / 1024, (256 - pixels) * 128 * 4096 / 1024)
    assert row[ARRAY] == row[[IDEAL, EDGES, FILL_DRAIN]].sum()


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("cluster", [1, 2, 4])
@pytest.mark.parametrize(("free", "ahead"), [(False, False), (True, False), (True, True)])
def test_choices_are_those_of_the_slow_twin(free, ahead, cluster, few):
    known = array_spec(load_chip("t4"), "int8")
    spec = dataclasses.replace(known, async_copies=free, async_products=ahead, cluster=cluster, few_rows=few)
    twin = [(*block, parts, *together) for block, parts, together in naive_gpu.choices(free, ahead, cluster, few)]
    assert sorted(sm.choices(spec)) == sorted(twin)


@pytest.mark.parametrize(("extents", "on_lanes"), [
    ((1, 1, 64, 64, 8, 8, 1, 1), False), ((1, 2, 8, 8, 1, 2, 1, 1), False), ((8, 1, 1, 1, 8, 8, 3, 3), True),
    ((1, 1, 64, 64, 1, 1, 1, 1), True), ((1, 1, 4, 1, 8, 8, 1, 1), False), ((1, 1, 1, 4, 8, 8, 1, 1), False),
    ((1, 1, 8, 8, 1, 4, 1, 1), False), ((1, 1, 8, 8, 4, 1, 1, 1), False), ((1, 4, 8, 8, 1, 1, 1, 1), False),
])  # fmt: skip
def test_only_one_channel_a_group_or_one_pixel_may_run_on_the_lanes(extents, on_lanes):
    shape = Shape(extents, plane=(extents[4] + extents[6] - 1, extents[5] + extents[7] - 1))
    parts = sm._all_parts(shape, array_spec(load_chip("t4"), "int8"))
    assert math.isfinite(parts[sm.ON_LANES].max()) == on_lanes


@pytest.mark.parametrize(("mib", "missing"), [(4, 0.0), (0.5, 0.5), (0.25, 0.75)])
def test_what_misses_the_cache_is_beyond_half_its_capacity(mib, missing):
    net = NetworkBuilder("two")
    x = net.dense(net.input(256, 2048, 1), 256)  # 512 KiB in, between and out at one byte
    net.dense(x, 256)
    chip = load_chip("t4", set={"sram.capacity_mib": mib})
    low = lower(net.build(), chip)
    assert low.missed(low.rows[0].output) == missing
    first, second = simulate(net.build(), chip).layers
    size, weights = 2048 * 256, 256 * 256
    assert first.dram_bytes == size + weights + missing * size
    assert second.dram_bytes == missing * size + weights + size
    assert first.sram_bytes == min(mib * 2**20 / 2, 2 * size + weights)


def test_a_result_adds_up(network):
    chip = load_chip("t4")
    for batch in (1, 64):
        result = simulate(network, chip, batch, "fp16")
        period_s = batch / result.throughput_per_s
        assert math.isclose(math.fsum(result.waterfall.values()), result.latency_s, rel_tol=1e-12)
        assert math.isclose(math.fsum(result.waterfall_period.values()), period_s, rel_tol=1e-12)
        assert math.isclose(math.fsum(layer.latency_s for layer in result.layers), result.latency_s, rel_tol=1e-12)
        assert result.dram_bytes == math.fsum(layer.dram_bytes for layer in result.layers)
        assert result.latency_s >= result.lower_bound_s
        assert 0.0 < result.utilisation < 1.0
        assert result.layers[1].tiling == {"thread_block": "none", "runs_on": "vector lanes"}
        assert set(result.layers[0].tiling) == {"thread_block", "split_reduction"}
        assert all(0.0 <= saved <= period_s for saved in result.gain_if_infinite.values())


def test_tables_say_thread_blocks_and_a_cache(network, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "130")
    path = "t4"
    assert main(["run", "mobilenet_v1", "--chip", path, "--layers"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "of a thread block" in shown
    assert "vector lanes" in shown
    assert main(["batch", "mobilenet_v1", "--chip", path, "--batch", "1,8"]) == 0
    assert "The SRAM is a cache: of a tensor above half of it (2 MiB)" in " ".join(capsys.readouterr().out.split())
    assert len({short_tiling(layer.tiling) for layer in simulate(network, path).layers if layer.tiling}) > 1


def test_a_mac_of_a_gpu_costs_the_same_inside_an_soc():
    clock = {"clock_mhz": 1000}  # both 12 nm
    alone, inside = (power_model(load_chip(name, set=clock)) for name in ("t4", "jetson_agx_xavier"))
    assert alone.mac_j["int8"] == inside.mac_j["int8"]
    assert inside.sram_byte_j == 0.0


def test_the_energy_of_a_mac_follows_clock_node_and_the_way_of_its_operands():
    def joules(**sets):
        return power_model(load_chip("a100", set={key.replace("__", "."): value for key, value in sets.items()})).mac_j

    assert joules()["bf16"] == pytest.approx(2.2e-12, rel=0.01)  # 7 nm, 1.41 GHz
    assert joules(clock_mhz=2820)["bf16"] == pytest.approx(2**0.5 * joules()["bf16"])
    assert joules(process_nm=16)["bf16"] == pytest.approx((16 / 7) ** 0.9 * joules()["bf16"])
    assert joules(array__async_products=True)["bf16"] == pytest.approx(0.7 * joules()["bf16"])


def test_a_limit_takes_clock_and_voltage_so_that_time_grows_less_than_power():
    network = load_network("bert_large", sequence_length=128)
    free, mild, hard = (
        simulate(network, load_chip("a100", set={"power_limit_w": watts}), 64, "fp16") for watts in (2000, 200, 100)
    )
    assert free.bound_by != "power"
    assert mild.bound_by == hard.bound_by == "power"
    assert mild.power_w == pytest.approx(200.0)  # all that is left of a throttled chip's power is used, none above
    assert mild.energy["mac_j"] < free.energy["mac_j"]
    rest = float(power_model(load_chip("a100")).static_w)
    left = (200.0 - rest) / (100.0 - rest)
    assert mild.throughput_per_s / hard.throughput_per_s == pytest.approx(left ** (2 / 3), rel=1e-9)


def test_a_throttled_chip_gains_nothing_from_a_faster_clock():
    network = load_network("bert_large", sequence_length=128)
    slow, fast = (
        simulate(network, load_chip("a100", set={"power_limit_w": 100, "clock_mhz": mhz, "overhead_us": 0}), 64, "fp16")
        for mhz in (1410, 1500)
    )
    assert fast.throughput_per_s == pytest.approx(slow.throughput_per_s, rel=0.03)


def test_without_a_power_limit_more_is_never_slower(network):
    rng = random.Random(5)
    keys = {
        "sram.capacity_mib": 4,
        "sram.bytes_per_cycle": 1024,
        "clock_mhz": 1590,
        "dram.devices": 8,
        "vector.lanes": 2560,
    }
    for _ in range(40):
        sets = {"power_limit_w": None, **{key: value * rng.choice([0.125, 0.5, 1]) for key, value in keys.items()}}
        sets |= {key: int(sets[key]) for key in ("dram.devices", "vector.lanes")}
        batch, key = rng.choice([1, 7, 64]), rng.choice(list(keys))
        more = {**sets, key: sets[key] * rng.choice([2, 3])}
        one, other = (simulate(network, load_chip("t4", set=s), batch, gains=False) for s in (sets, more))
        assert other.throughput_per_s >= one.throughput_per_s * (1.0 - 1e-12), (key, sets)
        assert other.latency_s <= one.latency_s * (1.0 + 1e-12), (key, sets)


def test_steps_of_a_recurrence_run_one_after_another():
    one, four = (Shape((steps, 1, 512, 256, 1, 1, 1, 1), steps=steps) for steps in (1, 4))
    spec = array_spec(load_chip("t4"), "int8")
    assert frontier(four, spec).cycles[0] == 4 * frontier(one, spec).cycles[0]
    layers, codes = np.repeat([0, 1], 3), np.array([sm.ON_LANES, sm.FIRST, sm.FIRST + 1] * 2)
    rows = sm.parts((one, four), spec, layers, codes)
    assert rows[3:] == pytest.approx(4 * rows[:3], rel=1e-12)
    assert rows[3:, IDEAL] == pytest.approx(four.macs / (40 * 1024), rel=1e-12)
    small, large = (
        simulate("gnmt", load_chip("t4", set={"sram.capacity_mib": mib, "power_limit_w": 1e4}), gains=False)
        for mib in (0.01, 1e4)
    )
    weights = sum(row.weight_bytes for row in lower(load_network("gnmt"), load_chip("t4")).rows)
    assert large.dram_bytes < 1.1 * weights < 5 * weights < small.dram_bytes  # read once, and at every step
    assert large.latency_s >= large.lower_bound_s


def test_int8_is_faster_than_fp16_and_a_t4_is_held_back_by_its_power():
    network = load_network("bert_large", sequence_length=128)
    fast, slow = (simulate(network, "t4", 32, precision) for precision in ("int8", "fp16"))
    assert 1.5 < fast.throughput_per_s / slow.throughput_per_s < 2.0
    assert fast.bound_by == slow.bound_by == "power"
    assert fast.power_w == pytest.approx(70.0)
    free = simulate(network, load_chip("t4", set={"power_limit_w": 1000}), 32, "int8")
    assert free.bound_by != "power"
    assert fast.gain_if_infinite["power"] == pytest.approx(fast.waterfall_period["power_s"])


@pytest.mark.parametrize("overlap", by_night(["layer", "none", "network"], ["network"]))
def test_points_of_a_sweep_equal_simulate(network, overlap):
    chip = load_chip("t4", set={"schedule.overlap": overlap})
    vary = {
        "batch": [1, 32], "precision": ["int8", "fp16"], "sram.capacity_mib": [0.05, 4], "clock_mhz": [300, 1590],
        "power_limit_w": [10, 70, 300], "array.count": [4, 40],
    }  # fmt: skip
    table = sweep(network, chip, vary)
    assert table["throughput_per_s"].n_unique() > 16
    check_equal(network, chip, table, vary)


@pytest.mark.parametrize(
    "name", ["t4", "v100", "a100", "a30", "l4", "l40s", "h100", "jetson_agx_xavier", "jetson_xavier_nx"]
)
def test_peaks_are_those_published(name):
    chip = load_chip(name)
    facts = chip.published or {}
    fp16 = facts.get("peak_tflops_fp16") or facts["peak_tops_int8"] / 2
    assert chip.peak_tops("fp16") == pytest.approx(fp16, rel=0.03 if name != "jetson_xavier_nx" else 0.15)


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ({"array.stationary": "weights"}, "array.stationary: must be left out where kind is sm"),
        ({"array.unroll.rows": ["pixels"]}, "array.unroll: must be left out where kind is sm"),
        ({"array.winograd": True}, "array.winograd: must be left out where kind is sm"),
        ({"sram.managed": "software"}, "sram.managed: must be 'cache' where array.kind is sm, got 'software'"),
        ({"schedule.residency": "optimal"}, "schedule.residency: must be 'none' where array.kind is sm"),
        ({"schedule.placement": "space"}, "schedule.placement: must be 'time' where array.kind is sm"),
        ({"sram.holds": ["inputs"]}, "sram.holds: must be left out where array.kind is sm"),
        ({"array.kind": "gpu"}, "array.kind: must be"),
        ({"array.async_products": True}, "array.async_products: must be left out where async_copies is false"),
        ({"array.cluster": 0}, "array.cluster: must be at least 1"),
    ],
)
def test_what_a_chip_file_of_a_gpu_may_not_say(sets, line):
    with pytest.raises(ChipError) as caught:
        load_chip("t4", set=sets)
    assert line in str(caught.value)


def test_a_cluster_halves_what_one_operand_takes_of_the_cache():
    shape = Shape((1, 1, 8192, 8192, 8192, 1, 1, 1), in_width=2, weight_width=2, out_width=2)
    alone, pair = (
        frontier(shape, array_spec(load_chip("h100", set={"array.cluster": size}), "bf16")).cycles[0] for size in (1, 2)
    )
    ideal = 8192**3 / (132 * 2048)
    assert alone > 1.3 * ideal  # held back by the cache
    assert pair < 1.15 * ideal


def test_a_result_names_the_cluster_where_there_is_one(network):
    assert {"thread_block", "split_reduction", "cluster"} <= set(simulate(network, "h100", 64, "fp16").layers[0].tiling)


def test_a_layer_on_the_lanes_fetches_each_operand_once_as_wide_as_it_is_stored():
    """8 channels of 10 x 10 inputs of two bytes, 3 x 3 weights of half a byte each, 8 x 8 outputs of one."""
    shape = Shape((8, 1, 1, 1, 8, 8, 3, 3), plane=(10, 10), in_width=2.0, weight_width=0.5, out_width=1.0)
    row = sm._all_parts(shape, array_spec(load_chip("t4"), "int8"))[sm.ON_LANES]
    assert row[FEED_BYTES] == 8 * (100 * 2 + 9 * 0.5 + 64)
    # Of three images with planes that are not square; and two products of seven by five numbers, one pixel each.
    widths = {"in_width": 2.0, "weight_width": 0.5, "out_width": 4.0}
    spec = array_spec(load_chip("t4"), "int8")
    for extents, plane, feed, passing in (
        ((8, 3, 1, 1, 8, 4, 3, 3), (10, 6), 8 * (3 * 60 * 2 + 9 * 0.5 + 3 * 32 * 4), 0.0),
        ((2, 1, 5, 7, 1, 1, 1, 1), (1, 1), 2 * (7 * 2 + 35 * 0.5 + 5 * 4), 2 * 35 * 0.5),
    ):
        lanes = sm._all_parts(Shape(extents, plane=plane, **widths), array_spec(load_chip("t4"), "int8"))[sm.ON_LANES]
        assert lanes[FEED_BYTES] == feed
        link = spec.link_bytes_per_cycle * GPU_L2_EFFICIENCY  # weights that meet one vector pass the cache, and no more
        assert lanes[INTERCONNECT] == pytest.approx((feed - passing) / link)


def test_what_products_may_be_cut_into():
    """Whole instructions of 16 rows and 8 columns, split by powers of two; clusters along one side at a time."""
    spec = array_spec(load_chip("h100_sxm"), "fp16")
    plain = sm.choices(dataclasses.replace(spec, async_products=False, async_copies=False, cluster=1, few_rows=False))
    assert len({*plain}) == len(plain) == 10 * 3
    assert all(rows % 32 == columns % 32 == 0 and rows * columns >= 2048 for rows, columns, *_ in plain)
    assert {parts for _, _, parts, *_ in plain} == {1, 2, 4}
    assert {(columns, rows) for rows, columns, *_ in plain} == {(rows, columns) for rows, columns, *_ in plain}
    few = sm.choices(dataclasses.replace(spec, async_products=False, async_copies=False, cluster=1, few_rows=True))
    assert [*dict.fromkeys(one[:2] for one in few[len(plain) :])] == [(16, 64), (16, 128), (16, 256)]
    wide = sm.choices(dataclasses.replace(spec, async_products=True, async_copies=True, cluster=2))
    further = {one[:2] for one in wide} - {one[:2] for one in plain}
    assert len(further) == 11
    assert all(rows % 64 == columns % 64 == 0 and 64 * 192 <= rows * columns <= 320 * 128 for rows, columns in further)
    assert {(columns, rows) for rows, columns in further} == further
    assert {one[2] for one in wide} == {1, 2, 4, 8, 16}
    assert {one[3:] for one in wide} == {(1, 1), (2, 1), (1, 2)}
    assert {one[3:] for one in plain} == {(1, 1)}
