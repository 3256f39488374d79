"""Sweeps that fetch weights ahead: points of one SRAM size through one kernel equal one-by-one `simulate`, to the last bit."""

import dataclasses
import math
import random
import sys

import adapter
import numpy as np
import pytest
from naive_schedule import Problem, Step, Tensor
from test_sweep_engine import check_equal
from test_sweep_kernel import SCALE, random_pool

from simulator import load_chip, load_network, sweep
from simulator.graph.build import NetworkBuilder
from simulator.kernels import schedule_prefetch as kernels
from simulator.schedule.pools import pool_source
from simulator.schedule.keep import rooms, share
from simulator.schedule.many_prefetch import pieces_of, solve_ahead
from simulator.schedule.many_whole import Answers, Machines
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.few import Machine, solve
from simulator.sweep.apart import answer_of
from simulator.sweep.plan import plan_of
from simulator.sweep.run import _space


@pytest.fixture(scope="module")
def network():
    """A few layers with residuals, and weights that are worth fetching ahead or keeping."""
    net = NetworkBuilder("small")
    x = net.conv(net.input(3, 32, 32), 16, 3, padding=1)
    for _ in range(3):
        y = net.conv(net.conv(x, 48, 1), 16, 3, padding=1)
        x = net.add(x, y)
    net.dense(net.conv(x, 96, 3, stride=2).flat(), 40)
    return net.build()


def many_machines(rng: random.Random, count: int, sizes: tuple[float, ...], spread: float) -> Machines:
    """Points of few SRAM sizes; some of them with the same clock and bandwidth, or with ratios that are."""

    def drawn(values: list[float]) -> list[float]:
        return [
            rng.choice(values) if rng.random() < 0.4 else math.exp(rng.uniform(-spread, spread)) for _ in range(count)
        ]

    return Machines(
        np.array([float(rng.choice(sizes) * SCALE) for _ in range(count)]),
        np.array(drawn([1.0, 0.25])),
        np.array(drawn([1.0, 0.25, 2.0])) / SCALE,
        np.array([rng.choice([0.0, 0.37, 100.0]) for _ in range(count)]),
    )


def first_best(pool: Pool, machine: Machine, keep: bool) -> tuple[Plan | None, Plan | None]:
    """The fastest over all rooms in the order of `schedule.keep`, of equals the first; nothing left out by a bound."""
    total, size = float(pool.weights.sum()), machine.capacity_bytes
    tried = [size]
    if keep and total:
        tried = [*([size - total] if total < size else []), size, *rooms(size, total)[::-1]]
    cold = steady = None
    for room in tried:
        limits = tuple(np.inf if plan is None else plan.time_s for plan in (cold, steady))
        found = solve(pool, machine, share(pool, size - room), limits)
        cold, steady = found[0] or cold, found[1] or steady
    return cold, cold if cold is not None and cold.time_s <= steady.time_s else steady


def check(pool: Pool, machines: Machines, found: tuple[Answers, np.ndarray], keep: bool, fifo: float | None) -> int:
    """Compare all points that were not left with the functions of `simulate`; how many of them run."""
    answers, left = found
    runs = 0
    for at in sorted({*range(len(machines))} - {*left.tolist()}):
        machine = Machine(
            float(machines.capacity_bytes[at]), float(machines.cycle_s[at]), float(machines.byte_s[at]), "network",
            float(machines.overhead_s[at]), fifo,
        )  # fmt: skip
        cold, steady = first_best(pool, machine, keep)
        if cold is None:
            assert math.isinf(answers.cold_s[at])
            continue
        runs += 1
        one = answer_of(machine, cold, steady, True, 30.0)
        assert {name: getattr(answers, name)[at] for name in vars(one)} == vars(one)
    return runs


@pytest.mark.kernel
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("keep", "fifo"), [(False, None), (True, None), (False, 3.0 * SCALE)])
def test_points_equal_the_schedules_of_simulate(seed, keep, fifo):
    rng = random.Random(seed)
    runs = 0
    for _ in range(4):
        pool = random_pool(rng)
        machines = many_machines(rng, 40, (3, 9, 41, 80), rng.choice([0.1, 1.0, 4.0]))
        found = solve_ahead(pool, machines, keep, fifo, True, 30.0)
        runs += check(pool, machines, found, keep, fifo)
        assert len(found[1]) < 10
    assert runs > 50


@pytest.mark.parametrize("keep", [False, True])
def test_many_points_of_one_size_in_several_levels(keep):
    """So many that blocks are full, and that most of them are bounded by points beside."""
    rng = random.Random(7)
    pool = random_pool(rng)
    while (
        len(pool.steps) < 4
        or not pool.weights.any()
        or solve(pool, Machine(60.0 * SCALE, 1.0, 1.0, "none", 0.0))[0] is None
    ):
        pool = random_pool(rng)
    machines = many_machines(rng, 1200, (60,), 3.0)
    found = solve_ahead(pool, machines, keep, None, True, 30.0)
    assert check(pool, machines, found, keep, None) == 1200


def labelled(labels: int) -> Pool:
    """Two layers: each tiling of the first takes longer than the one before and leaves more memory time to fetch the second's
    weights, so every one of them is a label of its own.
    """
    first = [(1.0, 1000.0 - at, 2000.0 + 10.0 * at) for at in range(labels)]
    steps = [Step({0: first}, inputs=0), Step({0: [(1.0, 5000.0, 1.0)]}, inputs=1)]
    problem = Problem([Tensor(4, None), Tensor(4, 0), Tensor(4, 1)], steps, 100.0)
    pool = adapter.pool_of(problem, [0.0, 5000.0])
    pool.memo["sweep_detail"] = np.zeros((len(pool.points), 8))
    return pool


@pytest.mark.parametrize(("labels", "left"), [(kernels.SLOTS, 0), (kernels.SLOTS + 1, 8)])
def test_points_with_too_many_labels_are_left(labels, left):
    pool, count = labelled(labels), 8
    machines = Machines(np.full(count, 1e6), np.ones(count), np.linspace(0.5, 1.0, count), np.zeros(count))
    found = solve_ahead(pool, machines, False, 1e5, True, 30.0)
    assert len(found[1]) == left
    assert np.isfinite(found[0].cold_s).sum() == count - left
    assert check(pool, machines, found, False, 1e5) == count - left


def test_points_left_are_solved_one_by_one(network, monkeypatch):
    """SRAM sizes of few points, or a network with too many states: the answers are the same."""
    module, chip = sys.modules["simulator.schedule.many_prefetch"], load_chip("example_edge")
    vary = {"sram.capacity_mib": [0.1, 0.25], "clock_mhz": "100:1600:/8"}
    usual, apart, solve_apart = sweep(network, chip, vary), [], module.solve_apart

    def noted(variant, machines, *others):
        apart.append(len(machines))
        return solve_apart(variant, machines, *others)

    monkeypatch.setattr(module, "solve_apart", noted)
    assert sweep(network, chip, vary).equals(usual)
    assert not apart
    monkeypatch.setattr(module, "FEWEST", 9)
    assert sweep(network, chip, vary).equals(usual)
    monkeypatch.setattr(module, "FEWEST", 2)
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    assert sweep(network, chip, vary).equals(usual)
    assert sum(apart) >= 32


@pytest.mark.parametrize(
    "sets",
    [
        {},
        {"sram.holds": ["inputs", "outputs"], "sram.weight_fifo_kib": 96},
        {"dram": None},
        {"schedule.keep_weights": False},
        {"schedule.residency": "none", "vector.fuses": []},
        {"power_limit_w": 2.0},
    ],
)
def test_tables_equal_simulate(network, sets):
    """Hundreds of points at random, some of which fit no SRAM."""
    chip, rng = load_chip("example_edge", set=sets), random.Random(str(sets))
    clocks = sorted(round(math.exp(rng.uniform(math.log(20), math.log(3000))), 3) for _ in range(6))
    vary = {
        "sram.capacity_mib": [0.001, round(rng.uniform(0.02, 0.3), 4), round(rng.uniform(0.3, 2), 4), 6],
        "clock_mhz": clocks,
        "overhead_us": [0, round(rng.uniform(0, 5), 3)],
    }
    if chip.dram is not None:
        vary["dram.devices"] = [1, 4]
    table = sweep(network, chip, vary)
    assert table["status"].is_in(["ok", "no cost", "infeasible"]).all()
    assert table["throughput_per_s"].n_unique() > 15
    check_equal(network, chip, table, vary)


def test_a_real_network_equals_simulate():
    network, chip = load_network("mobilenet_v2"), load_chip("example_edge")
    vary = {"sram.capacity_mib": [0.6, 2], "clock_mhz": "50:2000:/7", "dram.port_bytes_per_cycle": [2, 8, 64]}
    table = sweep(network, chip, vary)
    assert (table["load_bytes"] > 0).sum() > 10
    check_equal(network, chip, table, vary)


def test_points_do_not_depend_on_slices_or_chunks(network):
    chip = load_chip("example_edge")
    vary = {"clock_mhz": "100:2000:/20", "dram.devices": "1:4:+1", "sram.capacity_mib": [0.05, 0.2, 1]}
    whole = sweep(network, chip, vary)
    assert len(whole) == 240
    assert whole.equals(sweep(network, chip, vary, chunk=37))


@pytest.mark.parametrize(
    ("vary", "chunk"),
    [
        ({"sram.capacity_mib": [1, 2], "clock_mhz": "100:200:/64"}, 65_536),
        ({"sram.capacity_mib": [1, 2], "clock_mhz": "100:200:/63"}, 2_048),
        ({"sram.capacity_mib": "1:2:/2000", "clock_mhz": "100:200:/64"}, 2_048),
        ({"array.rows": "10:99:+1", "sram.capacity_mib": [1, 2]}, 2_048),
    ],
)
def test_chunks_are_small_where_few_points_share_an_sram_size(network, vary, chunk):
    module = sys.modules["simulator.sweep.run"]
    space = _space(plan_of(vary), network, "example_edge", None, {})
    assert (65_536 if module.many_a_size(space) else 2_048) == chunk


@pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 127, 128, 129, 136, 300, 1000])
def test_sums_are_those_of_numpy(size):
    rng, pieces = np.random.default_rng(size), np.array(pieces_of(size), dtype=np.int64)
    for _ in range(20):
        values = np.exp(rng.normal(size=size) * 10)
        assert kernels.add_up(values, pieces, np.zeros(64)) == values.sum()


def test_roofs_are_those_of_the_waterfall(network):
    """Its own split of times against that of one point, where each part can be the largest."""
    chip = load_chip("example_edge")
    pool = pool_source(network, chip, "int8")(1)
    rng, roofs = random.Random(3), set()
    for large in (1, 5, 6):
        detail = np.array([[rng.choice([0, 0, 1, 2, 30]) for _ in range(8)] for _ in pool.points]).reshape(-1, 8)
        detail[:, large] = [rng.choice([150, 250, 300]) for _ in pool.points]
        pool.memo["sweep_detail"] = detail * pool.points[:, 2:] / 300.0
        pool.memo.pop("sweep_feed", None)
        machines = dataclasses.replace(
            many_machines(rng, 60, (600,), 3.0),
            byte_s=np.exp(np.array([rng.uniform(-15, 1) for _ in range(60)])),
            overhead_s=np.array([rng.choice([0.0, 0.0, 3e4]) for _ in range(60)]),
        )
        found = solve_ahead(pool, machines, True, None, True, 30.0)
        assert check(pool, machines, found, True, None) == 60
        roofs |= {*found[0].roof.tolist()}
    assert roofs >= {0, 1, 2, 4, 5}
