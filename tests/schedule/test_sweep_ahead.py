"""Sweeps that fetch weights ahead: points of one SRAM size through one kernel equal the schedules of one, to the last bit."""

import dataclasses
import math
import random
import sys

import adapter
import numpy as np
import pytest
from naive_schedule import Problem, Step, Tensor
from one_by_one import check_plans, first_best, made_up
from profiles import by_night
from test_sweep_engine import check_equal
from test_sweep_kernel import SCALE, random_pool

from simulator import load_chip, load_network, sweep
from simulator.graph.build import NetworkBuilder
from simulator.kernels import schedule_labels as kernels
from simulator.kernels.schedule_sums import EDGES, LINK, OUTER, OVERHEAD, PORTS
from simulator.schedule.few import solve_one
from simulator.schedule.keep import whole_batches
from simulator.schedule.machines import Machines
from simulator.schedule.many_prefetch import solve_ahead
from simulator.schedule.plans import Plans
from simulator.schedule.pool import Pool
from simulator.schedule.pools import pool_source
from simulator.sweeps.plan import plan_of
from simulator.sweeps.run import _space

pytestmark = pytest.mark.usefixtures("made_up_parts")


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


def many_machines(
    rng: random.Random, count: int, sizes: tuple[float, ...], spread: float, fifo_bytes: float | None = None
) -> Machines:
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
        "network",
        fifo_bytes,
    )


def check(pool: Pool, machines: Machines, found: tuple[Plans, np.ndarray], keep: bool) -> int:
    """Compare all points that were not left with the search of one; how many of them run."""
    plans, left = found
    runs, others = 0, 0
    for at in sorted({*range(len(machines))} - {*left.tolist()}):
        cold, steady = first_best(pool, machines.one(at), keep)
        others += not check_plans(plans, at, machines, cold, steady)
        runs += cold is not None
    assert others == 0
    return runs


@pytest.mark.kernel
@pytest.mark.parametrize("seed", by_night(range(4), range(2)))
@pytest.mark.parametrize(("keep", "fifo"), [(False, None), (True, None), (False, 3.0 * SCALE)])
def test_points_equal_the_schedules_of_one(seed, keep, fifo):
    rng = random.Random(seed)
    runs = 0
    for _ in range(4):
        pool = random_pool(rng)
        machines = many_machines(rng, 40, (3, 9, 41, 80), rng.choice([0.1, 1.0, 4.0]), fifo)
        found = solve_ahead(pool, machines, keep)
        runs += check(pool, machines, found, keep)
        assert len(found[1]) < 10
    assert runs > 50


@pytest.mark.kernel
@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
def test_one_chip_finds_the_first_of_the_best_over_all_rooms(overlap):
    """What bounds leave out of the rooms of a chip is nothing that would be chosen."""
    rng = random.Random(11)
    chosen = 0
    for number in range(16):
        pool = random_pool(rng)
        fifo = 3.0 * SCALE if number % 4 == 3 and overlap == "network" else None
        many = many_machines(rng, 6, (3, 9, 41, 80), rng.choice([0.1, 1.0, 4.0]), fifo)
        for at in range(len(many)):
            one = dataclasses.replace(many.one(at), overlap=overlap)
            found, expected = whole_batches(pool, one, True), first_best(pool, one, True)
            for mine, theirs in zip(found, expected, strict=True):
                chosen += mine is not None and mine.kept_bytes > 0.0
                assert (mine and mine.time_s) == (theirs and theirs.time_s)
    assert chosen > 20


@pytest.mark.parametrize("keep", [False, True])
def test_many_points_of_one_size_in_several_levels(keep):
    """So many that blocks are full, and that most of them are bounded by points beside."""
    rng = random.Random(7)
    pool = random_pool(rng)
    while len(pool.steps) < 4 or not pool.weights.any() or solve_one(pool, adapter.machines(60.0 * SCALE))[0] is None:
        pool = random_pool(rng)
    machines = many_machines(rng, 1200, (60,), 3.0)
    found = solve_ahead(pool, machines, keep)
    assert check(pool, machines, found, keep) == 1200


def labelled(labels: int) -> Pool:
    """Two layers: each tiling of the first takes longer than the one before and leaves more memory time to fetch the second's
    weights, so every one of them is a label of its own.
    """
    first = [(1.0, 1000.0 - at, 2000.0 + 10.0 * at) for at in range(labels)]
    steps = [Step({0: first}, inputs=0), Step({0: [(1.0, 5000.0, 1.0)]}, inputs=1)]
    problem = Problem([Tensor(4, None), Tensor(4, 0), Tensor(4, 1)], steps, 100.0)
    pool = adapter.pool_of(problem, [0.0, 5000.0])
    return made_up(pool, np.zeros((len(pool.points), 9)))


@pytest.mark.parametrize(("labels", "left"), [(kernels.SLOTS, 0), (kernels.SLOTS + 1, 8)])
def test_points_with_too_many_labels_are_left(labels, left):
    pool, count = labelled(labels), 8
    columns = np.full(count, 1e6), np.ones(count), np.linspace(0.5, 1.0, count), np.zeros(count)
    machines = Machines(*columns, "network", 1e5)
    found = solve_ahead(pool, machines, False)
    assert len(found[1]) == left
    assert found[0].fits.sum() == count - left
    assert check(pool, machines, found, False) == count - left


def test_points_left_are_solved_one_by_one(network, monkeypatch):
    """SRAM sizes of few points, or a network with too many states: the answers are the same."""
    module, chip = sys.modules["simulator.schedule.many_prefetch"], load_chip("example_edge")
    solving = sys.modules["simulator.schedule.solve"]
    vary = {"sram.capacity_mib": [0.1, 0.25], "clock_mhz": "100:1600:/8"}
    usual, apart, best = sweep(network, chip, vary), [], solving.best_plans

    def noted(machines, *rest):
        apart.append(len(machines))
        return best(machines, *rest)

    monkeypatch.setattr(solving, "best_plans", noted)
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
    """Some three hundred and fifty points at random, some of which fit no SRAM."""
    chip, rng = load_chip("example_edge", set=sets), random.Random(str(sets))
    clocks = sorted(round(math.exp(rng.uniform(math.log(20), math.log(3000))), 3) for _ in range(4))
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
    module = sys.modules["simulator.sweeps.run"]
    space = _space(plan_of(vary), lambda _: network, "example_edge", None)
    assert (65_536 if module.many_a_size(space) else 2_048) == chunk


def test_time_by_cause_where_each_can_be_the_largest(network):
    """The sums of many against those of one, where each part can be the largest."""
    pool = pool_source(network, load_chip("example_edge"), "int8")(1)
    rng, largest = random.Random(3), set()
    for large in (2, 5, 6):
        parts = np.array([[rng.choice([0, 0, 1, 2, 30]) for _ in range(9)] for _ in pool.points]).reshape(-1, 9)
        parts[:, large] = [rng.choice([150, 250, 300]) for _ in pool.points]
        parts = parts * pool.points[:, 2:] / 300.0
        parts[:, 0] = parts[:, 1:5].sum(axis=1)
        own = made_up(pool, parts)
        machines = dataclasses.replace(
            many_machines(rng, 60, (600,), 3.0),
            byte_s=np.exp(np.array([rng.uniform(-15, 1) for _ in range(60)])),
            overhead_s=np.array([rng.choice([0.0, 0.0, 3e4]) for _ in range(60)]),
        )
        found = solve_ahead(own, machines, True)
        assert check(own, machines, found, True) == 60
        largest |= {*found[0].steady.parts[1:].argmax(axis=0).tolist()}
    assert largest >= {EDGES - 1, LINK - 1, PORTS - 1, OVERHEAD - 1, OUTER - 1}
