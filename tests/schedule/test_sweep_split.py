"""Points whose batch may be taken in parts: many together have the schedules of one, to the last bit."""

import threading

import numpy as np
import pytest
from one_by_one import check_sums
from profiles import by_night

from simulator import load_chip, simulate, sweep
from simulator.chip.schema import Architecture
from simulator.graph.build import Graph, NetworkBuilder
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.schedule import many_segments, segments
from simulator.schedule.keep import rooms_of
from simulator.schedule.machines import Machines
from simulator.schedule.many_segments import in_order, solve_split
from simulator.schedule.many_whole import solve_whole
from simulator.schedule.pools import pool_source
from simulator.schedule.program import Program, program_of
from simulator.schedule.solve import solve_alone, solve_program


def chain() -> Graph:
    """Layers whose activations outgrow a small SRAM, then layers whose weights do."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(3, 24, 24), 24, 3, padding=1)
    x = net.add(x, net.conv(net.conv(x, 48, 1), 24, 3, padding=1))
    x = net.conv(net.conv(x, 48, 3, stride=2, padding=1), 96, 3, stride=2, padding=1)
    net.dense(net.dense(net.conv(x, 160, 3).flat(), 400), 100)
    return net.build()


def program(network: Graph, chip: Architecture, batch: int) -> Program:
    """What is scheduled."""
    return program_of(chip, pool_source(network, chip, "int8", floor=NO_FLOOR), batch)


def machines(rng: np.random.Generator, kib: tuple[float, ...], each: int, overlap: str) -> Machines:
    """`each` chips of every SRAM size, from bound by the array to bound by memory, some without overhead."""
    count = len(kib) * each
    clock, rate = (
        np.exp(rng.uniform(np.log(1e8), np.log(2e9), count)),
        np.exp(rng.uniform(np.log(1e8), np.log(1e11), count)),
    )
    return Machines(np.tile(kib, each) * 1024.0, 1 / clock, 1 / rate, rng.choice([0.0, 1e-6], count), overlap)


def check_same(program: Program, points: Machines) -> int:
    """Compare the same points together and one by one; how many of them run."""
    (found, left), runs, others = solve_split(program, points), 0, 0
    whole = solve_program(program, points)
    for at in range(len(points)):
        alone, (quick, _) = solve_alone(program, points.one(at))
        runs += quick is not None
        row = np.array([at])
        for plans in [whole] if at in left else [found, whole]:
            if quick is None:
                assert np.isinf(plans.cold.time_s[at])
                assert np.isinf(plans.steady.time_s[at])
            else:
                same = [check_sums(plans.cold.take(row), alone.cold), check_sums(plans.steady.take(row), alone.steady)]
                others += not all(same)
    assert others == 0
    assert len(left) <= 0.2 * len(points)
    return runs


@pytest.mark.parametrize("overlap", ["none", "layer"])
@pytest.mark.parametrize("batch", by_night([2, 3, 6, 8], [2, 6]))
@pytest.mark.parametrize("keep", [True, False])
def test_points_together_equal_points_one_by_one(overlap: str, batch: int, keep: bool) -> None:
    chip = load_chip("example_edge", set={"schedule.overlap": overlap, "schedule.keep_weights": keep})
    rng = np.random.default_rng(batch)
    batches = program(chain(), chip, batch)
    points = machines(rng, (1.0, 12.0, 40.0, 80.0, 160.0, 500.0, 4000.0), 9, overlap)
    assert check_same(batches, points) > 30
    check_same(batches, machines(rng, (60.0, 250.0), 3, overlap))


def test_points_of_a_whole_network_equal_simulate() -> None:
    vary = {"sram.capacity_mib": [0.7, 3.0], "clock_mhz": [300, 1500], "dram.devices": [1, 2]}
    settings = {"schedule.overlap": "layer"}
    for row in sweep("resnet18", "example_edge", vary, batch=4, set=settings).to_dicts():
        chip = load_chip("example_edge", set={**settings, **{key: row[key] for key in vary}})
        found = simulate("resnet18", chip, 4, gains=False)
        for name in (
            "throughput_per_s",
            "latency_s",
            "dram_bytes",
            "load_bytes",
            "largest_loss",
            "energy_per_inference_j",
        ):
            assert row[name] == getattr(found, name), (name, row)


def test_everything_is_tried_once_and_halves_before_the_whole() -> None:
    assert in_order(2) == [("whole", 2), ("whole", 1), ("segments", 2)]
    assert in_order(3) == [("whole", 3), ("whole", 1), ("segments", 3)]
    assert in_order(12) == [
        ("whole", 12), ("whole", 6), ("whole", 3), ("whole", 1), ("segments", 3), ("whole", 2), ("segments", 6), ("whole", 4),
        ("segments", 12),
    ]  # fmt: skip


@pytest.mark.parametrize("keep", [True, False])
def test_whole_batches_that_may_be_the_best_are_never_left_out(keep: bool) -> None:
    """Those of points that are known to be barely slower; of points that are known to be much faster none is tried."""
    chip = load_chip("example_edge", set={"schedule.overlap": "layer", "schedule.keep_weights": keep})
    batches, every = program(chain(), chip, 2), np.arange(12)
    for kib in (80.0, 160.0, 4000.0):
        points = machines(np.random.default_rng(1), (kib,), len(every), "layer")
        own = many_segments._OneSize(batches, kib * 1024.0, points)
        for size in (1, 2):
            pool, times = batches.pool_of(size), 2 // size
            sizes = rooms_of(pool, kib * 1024.0, keep)
            best_s = solve_whole(pool, points, keep).steady.time_s * times
            assert np.isfinite(best_s).all()
            own._known = best_s * (1.0 + 1e-9)
            assert own._promising(pool, times, sizes, every).tolist() == every.tolist()
            assert own._promising(pool, times, sizes, every[3:5]).tolist() == [3, 4]
            own._known = best_s / 10.0
            assert own._promising(pool, times, sizes, every).tolist() == []


def test_an_interrupted_run_stops() -> None:
    chip = load_chip("example_edge", set={"schedule.overlap": "layer"})
    batches = program(chain(), chip, 2)
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        solve_split(batches, machines(np.random.default_rng(0), (100.0,), 2, "layer"), stop)


@pytest.mark.parametrize("most_times", [1, 2**22])
def test_schedules_are_the_same_where_lists_have_no_room(monkeypatch: pytest.MonkeyPatch, most_times: int) -> None:
    """Segments that are timed at once, for one point or for many, and listed where they are chosen alone."""
    chip = load_chip("example_edge", set={"schedule.overlap": "layer", "schedule.keep_weights": False})
    points = machines(np.random.default_rng(5), (12.0, 40.0, 160.0), 5, "layer")
    wanted = solve_program(program(chain(), chip, 6), points)
    alone = [solve_alone(program(chain(), chip, 6), points.one(at))[0] for at in range(3)]
    real, points_timed = segments._Search._list_wanted, set[int]()

    def timed(search: segments._Search, points: Machines | None = None) -> None:
        for mode in range(len(search._wanted) if points is not None else 0):
            search._time_wanted(points, mode)
            points_timed.add(len(points))
        real(search, points)

    monkeypatch.setattr(segments, "MOST_TIMES", most_times)
    monkeypatch.setattr(segments, "_empty_lists", lambda: segments._new_lists(8, 8, np.zeros(2, dtype=np.int64)))
    monkeypatch.setattr(segments, "_own", threading.local())
    monkeypatch.setattr(segments._Search, "_list_wanted", timed)
    again = solve_program(program(chain(), chip, 6), points)
    assert (max(points_timed) > 1) == (most_times > 1)
    assert check_sums(again.cold, wanted.cold)
    assert check_sums(again.steady, wanted.steady)
    for at, one in enumerate(alone):
        assert check_sums(solve_alone(program(chain(), chip, 6), points.one(at))[0].steady, one.steady)
