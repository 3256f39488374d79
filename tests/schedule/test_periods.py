"""Alike layers: what is chosen for one of them is chosen for those behind it, and the schedules are those of the whole search."""

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.graph.load import load_network
from simulator.kernels import schedule_few as kernels
from simulator.schedule import few, keep
from simulator.schedule.few import solve_one
from simulator.schedule.machines import machines_of
from simulator.schedule.pool import back_of
from simulator.schedule.pools import pool_bytes, pool_source
from simulator.store.memory import Memory

LAYERS = 7


def pool_of(chip):
    """A token of a small decoder, and what is kept between its searches."""
    graph = load_network("smollm2_135m", phase="decode", context=40, layers=LAYERS, vocabulary=64)
    return pool_source(graph, chip, "int8", Memory(1, pool_bytes))(1)


def chip_with(overlap, capacity_mib):
    return load_chip("example_edge", set={"schedule.overlap": overlap, "sram.capacity_mib": capacity_mib})


def as_numbers(plan):
    """What was chosen, and the time of each step to the last bit."""
    piece = plan.pieces[0]
    return piece.path.tolist(), piece.step_s.tolist(), piece.around_bytes


@pytest.mark.parametrize(("overlap", "mib"), [("network", 1.0), ("network", 12.0), ("layer", 1.0), ("layer", 12.0)])
def test_alike_layers_are_scheduled_as_if_each_were_searched(overlap, mib):
    """With some weights kept and with none; the last layers differ from the others in what comes after them."""
    chip = chip_with(overlap, mib)
    machines, own, plain = machines_of(chip), pool_of(chip), pool_of(chip)
    assert set(own.back.tolist()) == {0, 14}
    assert own.back[-16:].any()
    vars(plain)["back"] = np.zeros_like(own.back)
    for kept_mib in (0.0, 0.3, mib / 2):
        kept = keep.share(own, kept_mib * 2**20)
        found, expected = (solve_one(one, machines, kept) for one in (own, plain))
        assert [as_numbers(plan) for plan in found] == [as_numbers(plan) for plan in expected]
    found, expected = (keep.whole_batches(one, machines, True) for one in (own, plain))
    assert [as_numbers(plan) for plan in found] == [as_numbers(plan) for plan in expected]
    # With nothing to spare a layer differs from the one before, and a limit leaves out the same.
    limit_s = found[1].time_s * (1.0 + 1e-6)
    found, expected = (keep.whole_batches(one, machines, True, (limit_s, limit_s)) for one in (own, plain))
    assert [as_numbers(plan) for plan in found] == [as_numbers(plan) for plan in expected]


@pytest.mark.parametrize("start_kib", [0, 64])
def test_periods_that_are_gone_over_at_once_end_as_if_each_was_run(start_kib):
    chip = chip_with("network", 1.0)
    pool, machines = pool_of(chip), machines_of(chip)
    runs = few._Runs(pool, few.settle(pool, machines.row()), np.array([64.0 * 1024]), False)
    ends, start = [], start_kib * 1024.0
    for ways in (True, False):
        weights, running, steps = runs._weights, runs._running, len(pool.steps)
        running.counts[1:] = -1
        failed = kernels.prefetch(
            runs._network, machines.row(), weights, 64.0 * 1024, (start, start), np.inf, running, ways
        )
        ends.append(running.labels[steps, 0, : running.counts[steps, 0], :2].copy())
        assert failed == -1
        assert (running.counts >= 0).all() == ways  # some steps were left out
        assert kernels.best_label(running.labels, running.counts, steps, start, np.inf, machines.row())[0] >= 0
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)


def test_the_period_is_the_one_that_most_steps_have():
    assert back_of("abcabcabcd").tolist() == [0, 0, 0, 3, 3, 3, 3, 3, 3, 0]
    assert back_of("aabaabaabaab").tolist() == [0, 0, 0, *[3] * 9]
    assert back_of("abcd").tolist() == back_of("aabc").tolist() == [0] * 4  # one step is no period
    assert back_of("aaab").tolist() == [0, 1, 1, 0]
    assert back_of("").tolist() == []
