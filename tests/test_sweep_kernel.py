"""The kernel of many points against the schedules of `simulate`, on small hand-made problems; also without the compiler."""

import dataclasses
import math
import random
import sys

import adapter
import numpy as np
import pytest
from naive_schedule import Problem, Tensor
from test_residency_brute import random_problem

from simulator.kernels import schedule_whole as kernels
from simulator.result.waterfall import PARTS, ROOFS
from simulator.schedule.keep import rooms, share
from simulator.schedule.many_whole import Answers, Machines, detail_of, solve_together
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.schedule.few import Machine, solve
from simulator.sweep.apart import NAMES, answer_of

pytestmark = pytest.mark.kernel

SCALE = 4096
"""Bytes of SRAM for one of the problem: rooms beside kept weights begin at 16 KiB."""


def enlarged(problem: Problem, weights: list[float]) -> Problem:
    """The same with larger tensors and tiles, and weights that are traffic unless they are in SRAM."""
    steps = []
    for step, own in zip(problem.steps, weights, strict=True):
        choices = {}
        for mask, found in step.choices.items():
            choices[mask] = [(f * SCALE, b * SCALE + own, c) for f, b, c in found]
            if own:
                choices[mask | 2] = [(f * SCALE, b * SCALE, c) for f, b, c in found]
        steps.append(dataclasses.replace(step, choices=choices))
    tensors = [Tensor(tensor.size_bytes * SCALE, tensor.producer) for tensor in problem.tensors]
    return dataclasses.replace(problem, tensors=tensors, steps=steps)


def random_pool(rng: random.Random) -> Pool:
    """A pool whose tilings have on-chip parts made up at random, ties among roofs included."""
    problem = random_problem(rng)
    # A product of two activations has no weights.
    weights = [float(rng.choice([0, 1, 2, 5]) * SCALE) * (step.weights is None) for step in problem.steps]
    pool = adapter.pool_of(enlarged(problem, weights), weights, keep=True)
    detail = np.array([[float(rng.choice([0, 0, 1, 2, 3])) for _ in range(8)] for _ in pool.points]).reshape(-1, 8)
    detail[:, 4] = detail[:, 0:4].sum(axis=1)
    pool.memo["sweep_detail"] = detail
    return pool


def random_machines(rng: random.Random, count: int, spread: float = 2.0) -> Machines:
    """`count` points; with little spread, of nearly the same clock and bandwidth, so that most have the same path."""
    sizes = [float(rng.choice([3, 6, 9, 14, 20, 41]) * SCALE) for _ in range(count)]
    own = [0.37, 0.37 * (1.0 + spread), 0.37 / (1.0 + spread)]
    times = [[rng.choice(own) for _ in range(count)] for _ in range(3)]
    return Machines(np.array(sizes), np.array(times[0]), np.array(times[1]) / SCALE, np.array(times[2]))


def first_best(pool: Pool, machine: Machine, keep: bool) -> Plan | None:
    """The fastest over all rooms in the order of `schedule.keep`, of equals the first; nothing left out by a bound."""
    if not keep or not pool.weights.any():
        return solve(pool, machine)[0]
    total = float(pool.weights.sum())
    found = solve(pool, machine, pool.weights)[0] if total < machine.capacity_bytes else None
    for room in [machine.capacity_bytes, *rooms(machine.capacity_bytes, total)[::-1]]:
        limit = np.inf if found is None else found.time_s
        found = solve(pool, machine, share(pool, machine.capacity_bytes - room), (limit, limit))[0] or found
    return found


def check(pool: Pool, machines: Machines, found: Answers, overlap: str, keep: bool, host_s: float) -> int:
    """Compare all points with the functions of `simulate`; how many of them run."""
    runs = 0
    for at in range(len(machines)):
        machine = Machine(
            float(machines.capacity_bytes[at]), float(machines.cycle_s[at]), float(machines.byte_s[at]), overlap,
            float(machines.overhead_s[at]),
        )  # fmt: skip
        plan = first_best(pool, machine, keep)
        if plan is None:
            assert math.isinf(found.cold_s[at])
            continue
        runs += 1
        one = answer_of(machine, plan, plan, True, host_s)
        assert {name: getattr(found, name)[at] for name in vars(one)} == vars(one)
    return runs


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("spread", [2.0, 0.01, 1e-15])
def test_points_equal_the_schedules_of_simulate(seed, keep, spread):
    rng = random.Random(seed)
    runs = 0
    for _ in range(4):
        pool, machines = random_pool(rng), random_machines(rng, 12, spread)
        for overlap, host_s in (("none", 0.0), ("layer", 30.0)):
            found = solve_together(pool, machines, overlap, keep, True, host_s)
            runs += check(pool, machines, found, overlap, keep, host_s)
    assert runs > 20


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("bucket", "span"), [(1, 7), (5, 1), (300, 2000)])
def test_points_do_not_depend_on_their_neighbours(monkeypatch, keep, bucket, span):
    """Every point with its own SRAM size, in buckets of all sorts, against one point at a time."""
    module, rng = sys.modules["simulator.schedule.many_whole"], random.Random(bucket)
    pool = random_pool(rng)
    many = random_machines(rng, 150)
    many = dataclasses.replace(
        many, capacity_bytes=np.floor(np.array([rng.uniform(3, 60) for _ in range(150)]) * SCALE)
    )
    monkeypatch.setattr(module, "BUCKET", bucket)
    monkeypatch.setattr(module, "MOST_BUCKET", bucket)
    monkeypatch.setattr(module, "SPAN", span)
    found = solve_together(pool, many, "layer", keep, True, 0.0)
    assert check(pool, many, found, "layer", keep, 0.0) > 40


def test_lists_grow_where_they_are_too_short(monkeypatch):
    rng = random.Random(1)
    pool, machines = random_pool(rng), random_machines(rng, 5)
    usual = solve_together(pool, machines, "layer", True, True, 0.0)
    module = sys.modules["simulator.schedule.many_whole"]
    monkeypatch.setattr(module, "FIRST_STAIRS", 1)
    monkeypatch.setattr(module._own, "scratch", None, raising=False)
    again = solve_together(pool, machines, "layer", True, True, 0.0)
    assert again.cold_s.tolist() == usual.cold_s.tolist()
    assert detail_of(pool) is pool.memo["sweep_detail"]


def summed(values, wide):
    """The kernel's sum of a column, beside columns of something else."""
    sums, rows = np.zeros((64, kernels.BLOCK)), np.random.default_rng(1).random((len(values), kernels.BLOCK))
    rows[:, wide - 1] = values
    kernels.pairwise(rows, len(values), wide, sums, np.empty((128, 2), dtype=np.int64))
    return sums[0, wide - 1]


@pytest.mark.parametrize("size", [1, 7, 8, 54, 127, 128, 129, 155, 300, 1041, 4097])
def test_sums_are_those_of_numpy(size):
    values = np.random.default_rng(size).random(size)
    assert summed(values, kernels.BLOCK) == values.sum()
    assert summed(values, 1) == values.sum()


def test_roofs_are_numbered_as_in_the_waterfall():
    assert NAMES == ("array", "interconnect", "sram", "vector", "overhead", "dram", "host", "power")
    assert [ROOFS[part] for part in PARTS[1:]] == ["array"] * 3 + list(NAMES[1:])
