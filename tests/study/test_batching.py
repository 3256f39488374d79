"""The batch curve: figures of `simulate`, the batch at which the SRAM overflows, and what the command answers."""

import json

import adapter
import pytest

from simulator import batch_curve, load_chip, load_network, simulate
from simulator.cli import main
from simulator.errors import OptionError
from simulator.graph.build import NetworkBuilder
from simulator.lower.room import live_bytes
from simulator.report.batch import batch_lines
from simulator.schedule.few import solve_one
from simulator.schedule.pools import pool_source
from simulator.study.batching import enough_sram, published_points

BATCHES = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def small():
    """Three convolutions and a shortcut, so that up to three tensors live at once."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(16, 28, 28), 32, 3, padding=1, name="first")
    y = net.conv(x, 32, 3, padding=1, name="second")
    net.conv(net.add(net.conv(y, 32, 1, name="third"), x), 8, 1, name="last")
    return net.build()


@pytest.fixture(scope="module")
def chip():
    return load_chip("example_edge", set={"sram.capacity_mib": 0.25, "schedule.overlap": "layer"})


@pytest.fixture(scope="module")
def found(small, chip):
    return batch_curve(small, chip, BATCHES)


def test_figures_are_those_of_simulate(small, chip, found):
    for point in found.points:
        run = simulate(small, chip, point.batch, gains=False)
        assert (point.throughput_per_s, point.latency_s, point.dram_bytes, point.load_bytes, point.sram_bytes) == (
            run.throughput_per_s, run.latency_s, run.dram_bytes, run.load_bytes, run.sram_bytes
        )  # fmt: skip
        assert (point.utilisation, point.bound_by, point.power_w) == (run.utilisation, run.bound_by, run.power_w)


def test_activations_by_hand(small, chip, found):
    tensor = 32 * 28 * 28
    # While `third` runs with its add, the shortcut, its input and its output live.
    assert found.points[0].activation_bytes == 3 * tensor
    assert [point.activation_bytes for point in found.points] == [3 * tensor * batch for batch in BATCHES]
    pool = pool_source(small, chip, "int8")(1)
    assert live_bytes(pool.low).max() == 3 * tensor


def test_the_sram_that_is_enough_is_enough_and_no_byte_less(small, chip):
    """In it a schedule exists that keeps every live tensor at every step; one byte below, there is none."""
    pool = pool_source(small, chip, "int8")(2)
    enough = enough_sram(pool)
    live, kept = live_bytes(pool.low), []
    for capacity in (enough, enough - 1):
        # Bytes as time: the schedule that moves the least.
        plan, _ = solve_one(pool, adapter.machines(capacity, 0.0))
        held = [pool.moves.resident[move] for move in plan.pieces[0].path[:, 0].tolist()]
        kept.append([sum(pool.low.tensor_bytes[tensor] for tensor in tensors) for tensors in held])
    assert kept[0] == live.tolist()
    assert kept[1] != live.tolist()
    wide, _ = solve_one(pool, adapter.machines(4.0 * enough, 0.0))
    assert wide.outer_bytes.sum() == pool.low.compulsory_bytes


def test_the_overflow_is_the_last_batch_that_fits(small, chip, found):
    pools = pool_source(small, chip, "int8")
    up_to = found.resident_up_to
    assert up_to == 3
    assert found.overflows_at == 4
    assert enough_sram(pools(up_to)) <= chip.sram.capacity_bytes < enough_sram(pools(up_to + 1))
    spills = [point.unspilled_per_s is not None for point in found.points]
    assert spills == [False, False, True, True]
    for point in found.points:
        assert 0.0 <= point.spilling < 1.0
        assert point.unspilled_per_s is None or point.unspilled_per_s >= point.throughput_per_s
    assert "up to batch 3; from batch 4 on" in " ".join(batch_lines(found))


def test_twice_the_batch_is_never_slower_per_item(found):
    rates = [point.throughput_per_s for point in found.points]
    assert rates == sorted(rates)


def test_no_overflow_and_not_even_one(small, chip):
    wide = batch_curve(small, load_chip("example_edge"), (1, 2))
    assert (wide.resident_up_to, wide.overflows_at) == (2, None)
    assert all(point.spilling == 0.0 for point in wide.points)
    narrow = batch_curve(small, load_chip("example_edge", set={"sram.capacity_mib": 0.0625}), (1,))
    assert (narrow.resident_up_to, narrow.overflows_at) == (0, 1)
    assert "not hold all activations of even one item" in " ".join(batch_lines(narrow))


def test_a_chip_that_keeps_nothing_has_no_overflow(small):
    found = batch_curve(small, "nvdla_64", (1, 2))
    assert (found.resident_up_to, found.overflows_at, found.points[0].spilling) == (None, None, None)
    assert "keeps no tensors" in batch_lines(found)[1]


def test_a_batch_that_does_not_fit_stays_with_its_reason():
    net = NetworkBuilder("wide")
    net.pool(net.input(16, 28, 28), 2)
    chip = load_chip("example_edge", set={"sram.capacity_mib": 1e-3, "vector.lanes": 4096})
    found = batch_curve(net.build(), chip, (1, 2))
    assert [point.throughput_per_s for point in found.points] == [None, None]
    assert "needs at least" in found.points[0].reason
    assert batch_lines(found)[0] == "No batch that was asked for fits this chip."


def test_published_figures_of_the_same_size_alone():
    graph = load_network("resnet50", image_size=32)
    chip = load_chip("dpu_b4096")
    assert batch_curve(graph, chip, (1,)).published == ()
    rows = published_points(load_network("resnet50"), chip, "int8", 256)
    assert {row.throughput_per_s for row in rows} >= {88.69, 84.83}
    assert next(row for row in rows if row.throughput_per_s == 88.69).remarks == ()


def test_what_the_model_does_not_cover_is_not_set_against_it():
    row = published_points(load_network("alexnet", image_size=227), load_chip("eyeriss"), "int16", 8)[0]
    assert not row.like
    assert "dense layers were not run" in row.remarks[-1]


def test_no_batch_is_a_fault(small, chip):
    with pytest.raises(OptionError, match="at least one"):
        batch_curve(small, chip, ())


def test_the_command(tmp_path, capsys):
    picture = tmp_path / "b.svg"
    arguments = ["batch", "squeezenet@64", "--chip", "example_edge", "--batch", "1,3", "--set", "sram.capacity_mib=0.1"]
    assert main([*arguments, "--plot", str(picture)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "activations" in out
    assert "from batch" in out
    assert "Activations" in picture.read_text(encoding="utf-8")
    assert main([*arguments, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [point["batch"] for point in data["points"]] == [1, 3]
    assert data["overflows_at"] == data["resident_up_to"] + 1
    assert data["points"][1]["spilling"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "0,1"], "--batch: must be whole numbers of at least 1, got 0"),
        (["--batch", "1:8"], "--batch: must have a step"),
        (["--batch", "1.5"], "--batch: must be whole numbers of at least 1, got 1.5"),
        (["--batch", "1,1"], "--batch: must name each value once"),
        (["--precision", "int7"], "int7"),
        (["--set", "sram.capasity=1"], "did you mean"),
        (["--plot", "x.gif"], "--plot: must end in"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["batch", "squeezenet", "--chip", "example_edge", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_what_the_memory_cannot_hold_is_told_before_any_tiling_is_sought(monkeypatch, capsys):
    monkeypatch.setattr("simulator.schedule.pools.build_pool", lambda *_: pytest.fail("tilings were sought"))
    assert main(["run", "squeezenet@64", "--chip", "inferx_x1", "--batch", "1e6"]) == 2
    assert "dram.capacity_gib: squeezenet at batch 1,000,000 needs" in capsys.readouterr().err


def test_a_curve_without_any_batch_says_what_is_short(capsys):
    assert main(["batch", "squeezenet@64", "--chip", "inferx_x1", "--batch", "1e6"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(
        "No batch that was asked for fits this chip. squeezenet at 64 x 64 on Flex Logix InferX X1, int8"
    )
    assert (
        "Does not fit at batch 1000000: Flex Logix InferX X1: dram.capacity_gib: squeezenet at batch 1,000,000" in out
    )
