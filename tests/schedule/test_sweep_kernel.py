"""The kernel of many points against the schedules of one, on small hand-made problems; also without the compiler."""

import dataclasses
import random
import sys
from fractions import Fraction

import adapter
import numpy as np
import pytest
from naive_schedule import Problem, Tensor
from one_by_one import check_plans, first_best, made_up, random_parts
from profiles import by_night
from test_residency_brute import random_problem

from simulator.kernels.schedule_sums import CAUSES, EDGES, FILLING, LINK, LOADING, OUTER, OVERHEAD, PIPELINE, VECTOR
from simulator.result import waterfall
from simulator.schedule.few import solve_one
from simulator.schedule.machines import Machines
from simulator.schedule.many_whole import solve_whole
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans, sums_of
from simulator.schedule.pool import Pool
from simulator.vocabulary import ROOF_OF, ROOFS, WATERFALL

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("made_up_parts")]

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
    return made_up(pool, random_parts(rng, pool))


def random_machines(rng: random.Random, count: int, overlap: str, spread: float = 2.0) -> Machines:
    """`count` points; with little spread, of nearly the same clock and bandwidth, so that most have the same path."""
    sizes = [float(rng.choice([3, 6, 9, 14, 20, 41]) * SCALE) for _ in range(count)]
    own = [0.37, 0.37 * (1.0 + spread), 0.37 / (1.0 + spread)]
    times = [[rng.choice(own) for _ in range(count)] for _ in range(3)]
    return Machines(np.array(sizes), np.array(times[0]), np.array(times[1]) / SCALE, np.array(times[2]), overlap)


def check(pool: Pool, machines: Machines, found: Plans, keep: bool) -> int:
    """Compare all points with the search of one; how many of them run."""
    runs, others = 0, 0
    for at in range(len(machines)):
        plan, _ = first_best(pool, machines.one(at), keep)
        others += not check_plans(found, at, machines, plan, plan)
        runs += plan is not None
    assert found.steady is found.cold
    assert others == 0
    return runs


@pytest.mark.parametrize("seed", by_night(range(6), range(2)))
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("spread", [2.0, 0.01, 1e-15])
def test_points_equal_the_schedules_of_one(seed, keep, spread):
    rng = random.Random(seed)
    runs = 0
    for _ in range(4):
        pool, machines = random_pool(rng), random_machines(rng, 12, "none", spread)
        for overlap in ("none", "layer"):
            many = dataclasses.replace(machines, overlap=overlap)
            runs += check(pool, many, solve_whole(pool, many, keep), keep)
    assert runs > 20


BUCKETS = [(bucket, span, keep) for bucket, span in ((1, 7), (5, 1), (300, 2000)) for keep in (False, True)]


@pytest.mark.parametrize("case", by_night(BUCKETS, BUCKETS[1::2]))
def test_points_do_not_depend_on_their_neighbours(monkeypatch, case):
    """Every point with its own SRAM size, in buckets of all sorts, against one point at a time."""
    bucket, span, keep = case
    module, rng = sys.modules["simulator.schedule.many_whole"], random.Random(bucket)
    pool = random_pool(rng)
    many = random_machines(rng, 150, "layer")
    many = dataclasses.replace(
        many, capacity_bytes=np.floor(np.array([rng.uniform(3, 60) for _ in range(150)]) * SCALE)
    )
    monkeypatch.setattr(module, "BUCKET", bucket)
    monkeypatch.setattr(module, "MOST_BUCKET", bucket)
    monkeypatch.setattr(module, "SPAN", span)
    assert check(pool, many, solve_whole(pool, many, keep), keep) > 40


def test_lists_grow_where_they_are_too_short(monkeypatch):
    rng = random.Random(1)
    pool, machines = random_pool(rng), random_machines(rng, 5, "layer")
    usual = solve_whole(pool, machines, True)
    module = sys.modules["simulator.schedule.many_whole"]
    monkeypatch.setattr(module._own, "scratch", (pool, module._Scratch(pool, 1)), raising=False)
    again = solve_whole(pool, machines, True)
    assert module._own.scratch[1].wide > 1
    assert again.cold.time_s.tolist() == usual.cold.time_s.tolist()
    assert again.cold.parts.tolist() == usual.cold.parts.tolist()


def by_cause(plan: Plan, machines: Machines) -> list[Fraction]:
    """Time of a schedule by cause, as the pages say it: each cause takes of a step's time what is left of it, in order."""
    out, machine = [Fraction(0)] * CAUSES, machines.row()
    (piece,) = plan.pieces
    for step_s, point, vector in zip(piece.step_s.tolist(), piece.points.tolist(), piece.vector.tolist(), strict=True):
        own = [0.0] * 9 if point < 0 else piece.pool.memo["made up"][point].tolist()
        array, link, ports = own[0], own[5], own[6]
        roofs = [array, link, ports, vector]
        over = [Fraction(0)] * 3
        if max(roofs) > array:
            over[roofs.index(max(roofs)) - 1] = Fraction(max(roofs)) - Fraction(array)
        busy = [Fraction(cycles) * Fraction(machine.cycle_s) for cycles in (*own[1:5], *over)]
        left = Fraction(step_s)
        for cause, wanted in enumerate([*busy, Fraction(machine.overhead_s)]):
            out[cause] += min(wanted, left)
            left -= min(wanted, left)
        shifted = min(left, Fraction(own[8]) * Fraction(machine.cycle_s))  # weights come into the array while it waits
        out[LOADING] += shifted
        out[OUTER] += left - shifted
    return out


@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
def test_time_by_cause_is_that_of_exact_sums(overlap):
    rng, checked = random.Random(overlap), 0
    while checked < 30:
        pool, machines = random_pool(rng), random_machines(rng, 1, overlap)
        plan = solve_one(pool, machines)[0]
        if plan is None:
            continue
        checked += 1
        found, wanted = sums_of(plan, machines), by_cause(plan, machines)
        assert found.parts[:, 0].tolist() == pytest.approx([float(part) for part in wanted], rel=1e-12, abs=1e-9)
        assert sum(wanted) == sum(map(Fraction, plan.step_s.tolist()))
        (piece,) = plan.pieces
        fed = sum(piece.pool.memo["made up"][point][7] for point in piece.points.tolist() if point >= 0)
        assert found.outer_bytes.tolist() == [pytest.approx(plan.outer_bytes.sum(), rel=1e-12)]
        assert found.feed_bytes.tolist() == [pytest.approx(fed, rel=1e-12)]


def test_losses_are_those_of_the_waterfall():
    """The kernel's loss is the largest part of the waterfall, the first of equals; ideal time is no loss."""
    rng, seen = random.Random(5), set()
    for has_dram in (True, False):
        parts = np.array([[float(rng.choice([0, 0, 1, 2, 5])) for _ in range(400)] for _ in range(CAUSES)])
        host_s, power_s = (np.array([float(rng.choice([0, 0, 3, 6])) for _ in range(400)]) for _ in range(2))
        found = [waterfall.LOSSES[at] for at in waterfall.losses(parts, has_dram, host_s, power_s).tolist()]
        rows = waterfall.rows_of(parts, has_dram, host_s, power_s, pipeline=True)
        for row, loss in zip(rows, found, strict=True):
            lost = {**waterfall.named(row), "ideal_s": 0.0}
            assert loss == max(lost, key=lost.__getitem__)
        seen |= {*found}
        assert rows.sum() == pytest.approx(parts.sum() + host_s.sum() + power_s.sum())
    assert seen >= {*waterfall.LOSSES[1:]}
    assert tuple(dict.fromkeys(ROOF_OF.values())) == ROOFS
    causes = (EDGES, FILLING, LOADING, LINK, VECTOR, OVERHEAD, OUTER, PIPELINE)
    assert [WATERFALL[cause] for cause in causes[:6]] == [
        "edges_s", "fill_drain_s", "weight_loading_s", "interconnect_s", "vector_s", "overhead_s",
    ]  # fmt: skip
