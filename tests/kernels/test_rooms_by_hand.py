"""The search through rooms: its kernels by hand on two layers, and all of it against trying every room. Without the compiler."""

import itertools
import math
import os
import random

import adapter
import numpy as np
import pytest
from test_sweep_kernel import SCALE, random_pool
from two_layers import C, U, two_layers

from simulator.kernels import schedule_rooms as kernels
from simulator.schedule import few, keep
from simulator.schedule.machines import Machines

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.usefixtures("made_up_parts"),
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


def search_of(rooms, overlap="network", fifo_bytes=None):
    """Ten C a second, one U a second, two seconds a step. rooms: in U, the last is all of the SRAM."""
    machines = adapter.machines(60 * U, 0.1 / C, 1.0 / U, overlap, 2.0, fifo_bytes)
    return keep._Search(two_layers(), machines, [room * U for room in rooms])


def test_what_no_schedule_in_a_room_stays_below():
    """All weights are there for nothing, whatever the room; cycles and bytes each of the tilings that are best for them."""
    pool = two_layers()
    own, floors = few.scratch_of(pool), keep._floors(pool, 60 * U)
    found = {
        room: kernels.least_in(room * U, floors, own.memo, own.values, own.choice) for room in (4.9, 5, 7.9, 8, 46, 60)
    }
    most, large, all_ = (80 * C, 10 * U), (70 * C, 8 * U), (60 * C, 7 * U)
    assert found == {4.9: (math.inf, math.inf), 5: most, 7.9: most, 8: large, 46: all_, 60: all_}
    counted = floors._replace(cycles=9.0)
    assert kernels.least_in(8 * U, counted, own.memo, own.values, own.choice) == (9.0, 8 * U)
    assert kernels.least_in(4 * U, counted, own.memo, own.values, own.choice) == (9.0, math.inf)
    assert floors.rooms[[0, 4, 8, -1]].tolist() == [4 * U, 8 * U, 16 * U, 60 * U]


def test_places_among_the_rooms_of_the_list():
    """Of what is left beside weights that stay, however little that is; behind the list where none are asked to."""
    left, least = np.array([1.0, 1.0, 1.05, 2.0, 9.0]) * kernels.SMALLEST_ROOM, kernels.SMALLEST_ROOM
    real = np.full(5, 77)
    kernels.places(np.array([5.0, 1.0, 0.5, 4.0, 0.0]), left * [0.1, 1.0, 1.0, 1.0, 1.0], 4.0 * least, real)
    assert real.tolist() == [0, 0, 1, 4, 9]
    kernels.places(np.zeros(1), left[:1], 4.1 * least, real)
    assert real[0] == 10


def test_the_floor_of_a_room_is_found_once():
    search = search_of([50, 60])
    chip, floors, scratch = search._chip, search._floors, search._scratch

    def floor(at, kept):
        return kernels.floor_s(at, kept * U, chip, floors, scratch)

    assert floor(0, 0.0) == math.inf
    assert np.isnan(floors.least[1:]).all()
    assert floor(4, 4.0) == pytest.approx(8 + 10 - 4 + 2 * 2.0, rel=1e-8)
    assert floor(4, 10.0) == floor(4, 11.0) == pytest.approx(8 + 2 * 2.0, rel=1e-8)
    assert floor(4, 10.0) < 8 + 2 * 2.0  # sums in another order
    more = floors._replace(more_cycles=90 * C, more_bytes=5 * U)  # of another network
    assert kernels.floor_s(4, 4.0 * U, chip, more, scratch) == pytest.approx(8 + 5 + 10 - 4 + 2 * 2.0, rel=1e-8)
    assert kernels.floor_s(4, 11.0 * U, chip, more, scratch) == pytest.approx(7 + 9 + 2 * 2.0, rel=1e-8)
    floors.least[4] = 1000 * C, 0.0
    assert floor(4, 10.0) == pytest.approx(100.0 + 2 * 2.0, rel=1e-8)
    floors.least[4] = 1.0, math.inf
    assert floor(4, 10.0) == math.inf


def test_sizes_that_may_be_set_aside():
    """Below what is left, if any weights come over the memory; no schedule is faster than one in the rest of the room."""
    search = search_of([50, 54, 60])
    given = search._chip, search._rooms, search._floors, search._scratch
    scratch = search._scratch
    assert scratch.sizes.tolist() == [0.0, 16 * U, 32 * U]
    assert [kernels.sizes_ahead(2, room * U, *given) for room in (16, 16.1, 32, 32.1, 60)] == [1, 2, 2, 3, 3]
    # 44 and 28 U are left, of the list 45.3 and 32: too little for the large tiling of the second layer.
    assert scratch.bounds[0] == -math.inf
    assert scratch.bounds[1:] == pytest.approx([8 + 10 + 2 * 2.0] * 2, rel=1e-8)
    # One channel stays: of the list 64 U are left, and 48 and 32 without what is set aside.
    assert kernels.real_bytes(1, *given[:3]) == 64 * U
    assert kernels.real_bytes(2, *given[:3]) == 60 * U
    assert kernels.sizes_ahead(1, 56 * U, *given) == 3
    assert scratch.bounds[0] == -math.inf
    assert scratch.bounds[1:] == pytest.approx([7 + 10 - 6 + 2 * 2.0, 8 + 10 - 6 + 2 * 2.0], rel=1e-8)
    assert kernels.sizes_ahead(0, 50 * U, *given) == 1  # all weights stay
    assert scratch.sizes[0] == 0.0


def test_a_buffer_of_their_own_is_the_one_size():
    search = search_of([50, 54, 60], fifo_bytes=3 * U)
    given, scratch = (search._chip, search._rooms, search._floors, search._scratch), search._scratch
    for room, size in ((2, 3 * U), (1, 3 * U), (0, 0.0)):
        assert kernels.sizes_ahead(room, 50 * U, *given) == 1
        assert (scratch.sizes[0], scratch.bounds[0]) == (size, -math.inf)


def tried(pool, machines, sizes, limits):
    """(times, whether begun warm) of all schedules that are faster than a limit, with nothing left out by a bound."""
    found = []
    for size in sizes[::-1]:
        kept = keep.share(pool, sizes[-1] - size)
        terms = few.settle(pool, machines.row(), kept)
        if machines.overlap != "network":
            plan = few.residency(pool, terms, max(limits))
            found += [(plan.time_s, plan.kept_bytes, False)] if plan is not None and plan.time_s < max(limits) else []
            continue
        fifo, some = machines.fifo_bytes, terms.streamed.any()
        ahead = few.ahead_sizes(terms.machine.capacity_bytes) if fifo is None else [fifo]
        ahead = ahead if some else [0.0]
        runs, run = few._Runs(pool, terms, np.array(ahead), fifo is not None), 0
        while run < 2 * len(ahead):
            run, plan = runs.faster(run, np.array(limits))
            if plan is not None:
                found.append((plan.time_s, plan.kept_bytes, run % 2 == 1))
            run += 1
    return found


@pytest.mark.parametrize("overlap", ["none", "layer", "network"])
def test_every_room_with_a_faster_schedule_is_found_the_largest_first(overlap):
    """Faster than either limit: of a batch on its own, or of many."""
    rng, seen = random.Random(overlap), 0
    for number in range(4 if overlap == "network" else 8):
        pool = random_pool(rng)
        fifo = 3.0 * SCALE if number % 3 == 2 and overlap == "network" else None
        columns = [np.array([rng.choice([0.25, 1.1, 3.0]) * unit]) for unit in (1.0, 1.0 / SCALE, 0.5)]
        machines = Machines(np.array([rng.choice([9.0, 41.0, 80.0]) * SCALE]), *columns, overlap, fifo)
        sizes = keep.rooms_of(pool, float(machines.capacity_bytes[0]), True)
        times = [time for time, _, _ in tried(pool, machines, sizes, (np.inf, np.inf))]
        some, most = np.quantile(times, [0.3, 0.7]) if times else (1.0, 2.0)
        near = [(np.nextafter(time, np.inf),) * 2 for time in rng.sample(times, min(2, len(times)))]  # nor by rounding
        for limits in [
            (some, most),
            (most, some),
            (0.0, most),
            (most, 0.0),
            (np.inf, 0.0),
            (0.0, np.inf),
            (0.0, 0.0),
            *near,
        ]:
            search, found = keep._Search(pool, machines, sizes), []
            while (one := search.faster(np.array(limits))) is not None:
                found.append((one[0].time_s, one[0].kept_bytes, one[2] % 2 == 1))
            assert found == tried(pool, machines, sizes, limits)
            seen += len(found)
    assert seen > 30


def test_rooms_that_cannot_be_faster_are_left_out_together():
    search = search_of([4, 5, 8, 16, 50, 60], "layer")
    assert search.faster(np.zeros(2)) is None
    assert np.isfinite(search._floors.least[:, 0]).sum() == 1


def relaxed_s(left, slow, size):
    """The fastest run of both tilings of both layers with so many streamed weights each, twice a size ahead, half of it there."""
    most, streamed, best = 2.0 * size, sum(left), math.inf
    to_come = streamed + left[1], streamed
    start = min(size, streamed)
    for tilings in itertools.product([(6, 50), (4, 40)], [(4, 30), (3, 20)]):
        have, time = start, 0.0
        for step, (moved, cycles) in enumerate(tilings):
            used, on_chip = min(have, left[step]), cycles * 0.1 * slow
            outer = moved + left[step] - used
            have = min(have - used + max(0.0, on_chip - outer), most, to_come[step])
            time += max(on_chip, outer) + 2.0
        best = min(best, time + max(0.0, start - have))
    return best


@pytest.mark.parametrize("fifo", [None, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("slow", [1.0, 2.0, 2.5, 4.0])
def test_a_span_is_left_out_up_to_its_relaxed_time(slow, fifo):
    """As much stays as in its smallest room; a clock of so many times the time, so that memory or array binds."""
    for rooms in ([50, 54, 60], [4, 50, 60]):
        machines = adapter.machines(60 * U, slow * 0.1 / C, 1.0 / U, "network", 2.0, fifo and fifo * U)
        search = keep._Search(two_layers(), machines, [room * U for room in rooms])
        given = search._chip, search._rooms
        for low, high in [(0, 0), (1, 1), (2, 2), (0, 2)]:
            left = [(all_ - kept) / U for all_, kept in zip(search._chip.weights, search._rooms.kept[low], strict=True)]
            wanted = relaxed_s(left, slow, 32.0 if fifo is None else fifo)
            late = [kernels.slow_ahead(low, high, *given, wanted * (1.0 + by), search._scratch) for by in (-1e-6, 1e-6)]
            assert late == [True, False]
