"""What a search of many chips found, against what the search of one chip finds on each of them."""

import dataclasses
import random

import numpy as np

from simulator.schedule.few import solve_one
from simulator.schedule.keep import rooms, share
from simulator.schedule.machines import Machines
from simulator.schedule.plan import Plan
from simulator.schedule.plans import Plans, Sums, sums_of
from simulator.schedule.pool import Pool

AS_FAST = 1e-12
"""Relative: schedules whose times differ by less differ by the order of sums alone."""

FIGURES = tuple(field.name for field in dataclasses.fields(Sums))


def made_up(pool: Pool, parts: np.ndarray) -> Pool:
    """The pool with these on-chip parts of its points, in the order of `schedule.records.parts_of` (fixture `made_up_parts`)."""
    pool = dataclasses.replace(pool, codes=np.arange(len(pool.points)), memo={})
    pool.memo["made up"] = parts
    return pool


def random_parts(rng: random.Random, pool: Pool) -> np.ndarray:
    """Parts of a few cycles each, ties among roofs included."""
    parts = np.array([[float(rng.choice([0, 0, 1, 2, 3])) for _ in range(9)] for _ in pool.points]).reshape(-1, 9)
    parts[:, 0] = parts[:, 1:5].sum(axis=1)
    return parts


def first_best(pool: Pool, machines: Machines, keep: bool) -> tuple[Plan | None, Plan | None]:
    """The fastest over all rooms in the order of `schedule.keep`, of equals the first; nothing left out by a bound."""
    total, size = float(pool.weights.sum()), float(machines.capacity_bytes[0])
    tried = [size]
    if keep and total:
        tried = [*([size - total] if total < size else []), size, *rooms(size, total)[::-1]]
    cold = steady = None
    for room in tried:
        limits = tuple(np.inf if plan is None else plan.time_s for plan in (cold, steady))
        found = solve_one(pool, machines, share(pool, size - room), limits)
        cold, steady = found[0] or cold, found[1] or steady
    return cold, cold if cold is not None and cold.time_s <= steady.time_s else steady


def check_sums(found: Sums, one: Sums) -> bool:
    """Compare the figures of one chip, to the last bit; False where the other search chose another schedule, as fast."""
    if all(np.array_equal(getattr(found, name), getattr(one, name)) for name in FIGURES):
        return True
    figures = [(name, getattr(found, name), getattr(one, name)) for name in FIGURES]
    assert abs(found.time_s[0] - one.time_s[0]) <= AS_FAST * one.time_s[0], figures
    # The same schedule moves, feeds and keeps the same: then its time and its parts are the same, too.
    moved = ("outer_bytes", "feed_bytes", "kept_bytes")
    assert any(getattr(found, name)[0] != getattr(one, name)[0] for name in moved), figures
    return False


def check_plans(found: Plans, at: int, machines: Machines, cold: Plan | None, steady: Plan | None) -> bool:
    """Compare the schedules of chip `at` with those of the search of one; whether both chose the same."""
    if cold is None or steady is None:
        assert np.isinf(found.cold.time_s[at])
        assert np.isinf(found.steady.time_s[at])
        return True
    one, row = machines.one(at), np.array([at])
    pairs = ((found.cold, cold), (found.steady, steady))
    same = [check_sums(sums.take(row), sums_of(plan, one)) for sums, plan in pairs]
    return all(same)
