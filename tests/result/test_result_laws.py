"""The laws of every result by hand, and the waterfall that it is told by."""

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.kernels.schedule_sums import CAUSES, IDEAL, LOADING, OUTER, OVERHEAD, PIPELINE, Records, Steps
from simulator.result import waterfall
from simulator.result.gains import bound_of
from simulator.result.laws import check, fractions
from simulator.schedule.machines import Machines
from simulator.schedule.plans import Plans, added
from simulator.vocabulary import WATERFALL


def test_a_share_is_of_the_slots_there_were():
    shares = fractions(np.array([3.0, 8.0, 5.0]), np.array([4.0, 8.0, 0.0]), "net")
    assert shares.tolist() == [0.75, 1.0, 0.0]
    assert fractions(np.array([1.0 + 5e-10]), np.ones(1), "net").tolist() == [1.0]  # rounding
    assert fractions(np.zeros(0), np.zeros(0), "net").tolist() == []
    with pytest.raises(ModelError, match=r"^net: utilisation must be at most 1, got 1\.00000001"):
        fractions(np.array([0.5, 1.0 + 1e-8]), np.ones(2), "net")


def plans(cold, steady):
    found = Plans.nothing(len(cold))
    found.cold.time_s[:], found.steady.time_s[:] = cold, steady
    return found


def test_nothing_is_faster_than_its_macs_or_in_steady_state_than_its_bytes():
    runs, compute_s, compulsory_s = np.ones(2, dtype=np.bool_), np.array([2.0, 2.0]), np.array([3.0, 1.0])
    check("net", plans([2.0, 2.0], [3.0, 2.0]), runs, compute_s, compulsory_s)
    # Alone, a batch may find weights in place; rounding is no fault.
    check("net", plans([2.0, 2.0 - 1e-9], [3.0 - 1e-9, 2.0]), runs, compute_s, compulsory_s)
    for cold, steady, bound in (
        ([2.0, 1.9], [3.0, 2.0], r"time 1\.9 s is below the compute bound 2 s"),
        ([2.0, 2.0], [3.0, 1.9], r"time 1\.9 s is below the compute bound 2 s"),
        ([2.0, 2.0], [2.9, 2.0], r"time 2\.9 s is below the memory bound 3 s"),
    ):
        with pytest.raises(ModelError, match=f"^net: {bound}$"):
            check("net", plans(cold, steady), runs, compute_s, compulsory_s)


def test_a_chip_that_does_not_run_breaks_no_law():
    runs = np.array([False, True])
    check("net", plans([1.0, 2.0], [1.0, 2.0]), runs, np.array([9.0, 2.0]), np.array([9.0, 2.0]))
    with pytest.raises(ModelError, match="below the compute bound 9 s"):
        check("net", plans([1.0, 2.0], [1.0, 2.0]), ~runs, np.array([9.0, 2.0]), np.zeros(2))


def parts(**causes):
    found = np.zeros((CAUSES, 1))
    for cause, seconds in causes.items():
        found[{"ideal": IDEAL, "loading": LOADING, "outer": OUTER, "overhead": OVERHEAD, "wait": PIPELINE}[cause]] = (
            seconds
        )
    return found


@pytest.mark.parametrize(("hidden", "loading", "outer"), [(2.0, 3.0, 3.0), (7.0, 6.0, 0.0), (0.0, 1.0, 5.0)])
def test_hidden_loading_shows_as_far_as_the_array_waits(hidden, loading, outer):
    """A step of 4 cycles of work and 1 of loading that takes 10 s: while it waits 5 s, weights shift into the array."""
    point = {"ideal": 4.0, "loading": 1.0, "array": 5.0, "cycles": 5.0, "hidden": hidden}
    records = Records(*(np.array([point.get(name, 0.0), 0.0]) for name in Records._fields))
    one = np.ones((1, 1))
    steps = Steps(np.zeros((1, 1), dtype=np.int64), 0.0 * one, one, one, 10.0 * one)
    machines = Machines(np.ones(1), np.ones(1), np.ones(1), np.zeros(1), "network")
    found = added(records, steps, machines).parts[:, 0]
    assert (found[LOADING], found[OUTER], found[IDEAL]) == (loading, outer, 4.0)


@pytest.mark.parametrize("has_dram", [True, False])
def test_a_row_of_a_waterfall(has_dram):
    found = waterfall.rows_of(parts(ideal=4.0, overhead=0.5, outer=5.0), has_dram, 2.0, 3.0)
    row = waterfall.named(found[0])
    assert tuple(row) == WATERFALL
    said = {word: seconds for word, seconds in row.items() if seconds}
    outer = {"dram_s": 5.0, "host_s": 2.0} if has_dram else {"host_s": 7.0}
    assert said == {"ideal_s": 4.0, "overhead_s": 0.5, **outer, "power_s": 3.0}


def test_a_pipeline_has_one_part_more():
    found = waterfall.rows_of(parts(ideal=4.0, wait=1.5), True, pipeline=True)
    assert waterfall.named(found[0])["pipeline_s"] == 1.5
    assert tuple(waterfall.named(found[0])) == (*WATERFALL, "pipeline_s")


def test_the_largest_loss_is_the_largest_part_beyond_the_ideal():
    found = np.hstack([parts(ideal=9.0, loading=1.0, outer=2.0), parts(ideal=9.0, loading=3.0, outer=2.0)])
    zeros = np.zeros(2)

    def words(has_dram, host_s, power_s):
        return [waterfall.LOSSES[at] for at in waterfall.losses(found, has_dram, host_s, power_s).tolist()]

    assert words(True, zeros, zeros) == ["dram_s", "weight_loading_s"]
    assert words(False, zeros + 0.5, zeros) == ["host_s", "weight_loading_s"]
    assert words(True, zeros + 2.5, zeros) == ["host_s", "weight_loading_s"]
    assert words(True, zeros, zeros + 3.5) == ["power_s", "power_s"]
    found = np.hstack([parts(ideal=9.0), parts(ideal=9.0, wait=1.0)])
    assert words(True, zeros, zeros) == ["ideal_s", "pipeline_s"]


def test_what_binds_is_what_gains_most():
    assert bound_of({"array": 2.0, "dram": 3.0}, "edges_s") == "dram"
    assert bound_of({"array": 2.0, "dram": 2.0}, "dram_s") == "array"
    assert bound_of({"array": 0.0, "dram": 0.0}, "dram_s") == "dram", "two bind at once: no one alone gains"
    assert bound_of({"array": 0.0, "dram": 0.0}, "pipeline_s") == "array"
