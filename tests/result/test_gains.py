"""The cycles behind `gain_if_infinite` are those of the frontier and of its breakdown."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simulator import run
from simulator.chip.load import load_chip
from simulator.frontier import packs
from simulator.frontier.grid.points import breakdowns
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.lower.rows import lower
from simulator.result import gains
from simulator.result.gains import ON_CHIP, Gains, bound_of, on_chip
from simulator.run import simulate
from simulator.schedule import records
from simulator.schedule.best import best_plans
from simulator.schedule.few import solve_one
from simulator.schedule.keep import rooms, share
from simulator.schedule.machines import machines_of
from simulator.schedule.pool import Pool, build_pool, without
from simulator.schedule.pools import pool_source


@pytest.mark.kernel
@pytest.mark.parametrize("stationary", ["weights", "outputs", "inputs"])
def test_roof_cycles_of_a_tiny_layer(stationary: str) -> None:
    net = NetworkBuilder("tiny")
    net.conv(net.input(3, 4, 4), 3, 3, padding=1)
    chip = load_chip(
        "example_edge", set={"array.count": 1, "array.rows": 2, "array.columns": 2, "array.stationary": stationary}
    )
    compare(pool_source(net.build(), chip, "int8")(1))


@pytest.mark.parametrize("name", ["example_edge", "tpu_v1", "dpu_b4096"])
def test_roof_cycles_are_those_of_the_breakdown(name: str) -> None:
    compare(pool_source(load_network("alexnet"), load_chip(name), "int8")(1))


def compare(pool: Pool) -> None:
    """Assert that the kernel's cycles are those of the breakdown, and their largest the point's."""
    found = on_chip(pool)
    rows = breakdowns(pool.stack, pool.point_shape, pool.codes, pool.points[:, 1].copy())
    for roof, column in zip(ON_CHIP, (0, 5, 6), strict=True):
        np.testing.assert_array_equal(found[roof], rows[:, column])
    largest = np.max([found[roof] for roof in ON_CHIP], axis=0)
    np.testing.assert_allclose(largest, pool.points[:, 2], rtol=1e-12)


def test_roofs_that_are_kept_are_those_that_were_worked_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(records, "WORTH_KEEPING_S", 0.0)
    monkeypatch.setattr(packs, "WORTH_KEEPING_S", 0.0)
    low = lower(load_network("alexnet"), load_chip("example_edge"), 1, "int8")
    first, second, third = (build_pool(low, 16.0, True, True) for _ in range(3))
    made = on_chip(first)
    (file,) = tmp_path.glob("*.roofs.rooftile")
    monkeypatch.setattr(records, "all_records", None)  # must not be asked again
    for roof, column in on_chip(second).items():
        np.testing.assert_array_equal(column, made[roof])
    monkeypatch.undo()
    file.write_bytes(b"something else")
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    for roof, column in on_chip(third).items():
        np.testing.assert_array_equal(column, made[roof])
    # Other cycles are not the file's.
    assert without(first, lambda _: made["array"], False).pack == ""


def test_gains_are_times_saved() -> None:
    result = simulate("resnet50", "inferx_x1")
    period = result.batch / result.throughput_per_s
    assert set(result.gain_if_infinite) == {
        "array",
        "interconnect",
        "sram",
        "vector",
        "dram",
        "host",
        "overhead",
        "power",
    }
    assert all(0.0 <= saved <= period for saved in result.gain_if_infinite.values())
    # Its DRAM is what holds X1 back: without that roof it runs at the speed of its array.
    assert result.gain_if_infinite["dram"] > 0.3 * period


def test_without_gains_nothing_else_changes() -> None:
    assert (
        simulate("alexnet", "dpu_b4096", gains=False).throughput_per_s
        == simulate("alexnet", "dpu_b4096").throughput_per_s
    )


def test_no_bound_cuts_the_best_schedule_of_a_chip_without_a_roof() -> None:
    """Points of a chip without its array have other cycles than they were searched for: bounds must hold for them too."""
    graph, chip = load_network("mobilenet_v2"), load_chip("example_edge")
    machines, pools = machines_of(chip), pool_source(graph, chip, "int8")
    changed = without(pools(1), lambda pool: np.maximum(on_chip(pool)["interconnect"], on_chip(pool)["sram"]), False)
    _, steady = best_plans(machines, 1, lambda _: changed, True, False)
    capacity = float(machines.capacity_bytes[0])
    everything = [
        solve_one(changed, machines, share(changed, capacity - room) if room < capacity else None)
        for room in [*rooms(capacity, changed.all_weights), capacity]
    ]
    everything.append(solve_one(changed, machines, changed.weights))
    assert steady is not None
    assert steady.time_s == min(plan.time_s for _, plan in everything if plan is not None)


@pytest.mark.parametrize("name", ["example_edge", "inferx_x1", "t4", "dpu_b4096", "groq_tsp", "edge_tpu"])
@pytest.mark.parametrize("batch", [1, 4])
def test_what_binds_is_what_saves_most_and_gains_lie_between_their_bounds(
    name: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Gains] = []

    class Seen(Gains):
        def __init__(self, *of: Any) -> None:
            super().__init__(*of)
            asked.append(self)

    monkeypatch.setattr(run, "Gains", Seen)
    net = NetworkBuilder("small")
    x = net.conv(net.input(16, 14, 14), 64, 3, padding=1)
    net.conv(x, 32, 1)
    found = simulate(net.build(), load_chip(name), batch)
    bound = found.bound_by
    (gains,) = asked
    saved = found.gain_if_infinite
    assert bound == bound_of(saved, found.largest_loss)
    for roof in gains._open:
        near = 1e-9 * found.latency_s
        assert gains.least(roof) - near <= saved[roof] <= gains._most(roof) + near, roof


@pytest.mark.parametrize(("mib", "batch"), [(0.5, 1), (0.25, 4), (0.125, 8)])
def test_a_roof_saves_at_least_what_the_schedule_as_it_is_takes_less_without_it(
    mib: float, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step: the most of what is left on the chip, beside the memory, with the overhead, in every run; and weights that
    come in once for all runs.
    """
    asked: list[Gains] = []
    monkeypatch.setattr(run, "Gains", lambda *of: asked.append(Gains(*of)) or asked[-1])
    net = NetworkBuilder("small")
    x = net.conv(net.input(16, 28, 28), 64, 3, padding=1)
    x = net.vector("gelu", net.conv(x, 32, 1))
    net.dense(net.pool(net.conv(x, 96, 3, padding=1), 2).flat(), 40)
    chip = load_chip("example_edge", {"sram.capacity_mib": mib, "vector.lanes": 4, "overhead_us": 2.0})
    assert simulate(net.build(), chip, batch).bound_by
    (own,) = asked
    plan = own._steady
    assert (len(plan.pieces) > 1) == (batch > 1)
    records, steps = plan.steps
    for roof in (*ON_CHIP, "vector", "dram", "overhead"):
        time_s, at = plan.all_starts_s, 0
        for piece in plan.pieces:
            machine, loads = piece.terms.machine, 0.0 if piece.load_bytes is None else piece.load_bytes
            byte_s = 0.0 if roof == "dram" else machine.byte_s
            moved, loads = (piece.outer_bytes() - loads) / piece.repeats, loads + np.zeros(len(piece.path))
            for step in range(len(piece.path)):
                row = steps.rows[at, 0]
                each = {"array": records.array[row], "interconnect": records.link[row], "sram": records.ports[row]}
                each["vector"] = steps.vector[at, 0]
                on_chip_s = max(cycles for name, cycles in each.items() if name != roof) * machine.cycle_s
                outer_s = moved[step] * byte_s
                one = max(on_chip_s, outer_s) + machine.phi * min(on_chip_s, outer_s)
                time_s += (one + (0.0 if roof == "overhead" else machine.overhead_s)) * piece.repeats
                time_s += loads[step] * machine.byte_s
                at += 1
        assert own.least(roof) == pytest.approx(own._period_s - max(time_s, own._host_s), rel=1e-9, abs=1e-15), roof


def test_a_network_of_vector_work_alone_has_gains() -> None:
    net = NetworkBuilder("vector")
    net.pool(net.input(64, 28, 28), 2)
    found = simulate(net.build(), "example_edge", gains=True)
    assert found.gain_if_infinite["array"] == found.gain_if_infinite["interconnect"] == 0.0
    assert max(found.gain_if_infinite.values()) > 0.0


def test_what_binds_takes_few_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one roof takes nearly all of the time no other is tried: large products fill an array whatever feeds it."""
    net = NetworkBuilder("wide")
    net.conv(net.input(256, 28, 28), 256, 3, padding=1)
    monkeypatch.setattr(Gains, "_schedule", lambda *_: pytest.fail("scheduled again"))
    assert simulate(net.build(), load_chip("inferx_x1", set={"host": None}), 8).bound_by == "array"


def test_without_its_memory_a_chip_in_space_saves_the_weights_of_all_contexts() -> None:
    """Each roof saves what it takes beyond the others, for every item and slice; weights come in once a batch."""
    chip, work = load_chip("example_edge"), SimpleNamespace(batch=3)
    contexts = [
        SimpleNamespace(
            slices=1, reload_bytes=10.0, roofs_s={"array": 5.0, "vector": 1.0, "interconnect": 2.0, "outer": 9.0}
        ),
        SimpleNamespace(
            slices=2, reload_bytes=30.0, roofs_s={"array": 7.0, "vector": 8.0, "interconnect": 2.0, "outer": 1.0}
        ),
    ]
    machines = SimpleNamespace(byte_s=np.array([0.5]))
    totals = SimpleNamespace(host_s=np.zeros(1), power_s=np.zeros(1), period_s=np.array([1000.0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gains, "link_time", lambda chip, work: 990.0)
        found = gains.gains_in_space(chip, work, machines, SimpleNamespace(contexts=contexts), totals)
        assert found == {**dict.fromkeys(found, 0.0), "vector": 2 * 3 * 1.0, "dram": 10.0}
        patch.setattr(gains, "link_time", lambda chip, work: 100.0)
        assert (
            gains.gains_in_space(chip, work, machines, SimpleNamespace(contexts=contexts), totals)["dram"]
            == 12.0 + 20.0
        )
        totals.host_s[0] = 4.0
        found = gains.gains_in_space(chip, work, machines, SimpleNamespace(contexts=contexts), totals)
        assert found == {**dict.fromkeys(found, 0.0), "host": 4.0}
        totals.power_s[0] = 6.0
        found = gains.gains_in_space(chip, work, machines, SimpleNamespace(contexts=contexts), totals)
        assert found == {**dict.fromkeys(found, 0.0), "power": 6.0}
