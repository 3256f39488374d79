"""Compile the kernels of schedules into the disk cache: in a process of its own.

The command starts this beside itself when nothing is compiled yet: while one process compiles the search for tilings the
other compiles the rest, and the first run is done in little more than half the time. The calls below have the types of
the real ones and no work to do; a test checks that the real calls add no second version of any kernel.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.kernels import grid_best as best
from simulator.kernels import grid_envelope as envelopes
from simulator.kernels import grid_search as frontier
from simulator.kernels import layout, stairs
from simulator.kernels import schedule_few as few
from simulator.kernels import schedule_keep as keeping
from simulator.kernels import schedule_rooms as rooms
from simulator.kernels import schedule_segments as segments
from simulator.kernels import schedule_stretches as stretches
from simulator.kernels import schedule_sums as sums
from simulator.kernels import schedule_taken as taken
from simulator.kernels import schedule_timed as timed
from simulator.kernels.jit import cache_works, needs_compile
from simulator.kernels.layout import Machine, Net, Network, Rates, Source
from simulator.store import processes


@contextlib.contextmanager
def beside() -> Iterator[bool]:
    """Compile the kernels of schedules in a process of its own for as long as the block runs; yields whether it does."""
    # A run with overlap `network` needs one of the programmes, any other run the other.
    programmes = (few.residency, few.fetch_ahead)
    if not needs_compile((frontier.search,)) and not all(needs_compile((one,)) for one in programmes):
        yield False
        return
    if not cache_works() or not sys.executable:  # inside another program there may be no interpreter to start
        yield True
        return
    try:
        process = subprocess.Popen(
            processes.command(__name__, compile_schedules.__name__),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:  # no second process to be had: everything is compiled in this one
        yield True
        return
    try:
        yield True
    finally:
        process.terminate()
        process.wait()


def compile_schedules() -> None:
    """Call every kernel of schedules once, on nothing."""
    none, ints = np.zeros(1), np.zeros(1, dtype=np.int64)
    flat, flat_ints = np.zeros((1, 8)), np.zeros((1, 8), dtype=np.int64)
    spans, box = np.zeros((1, 4), dtype=np.int64), np.zeros((1, 1, 2), dtype=np.int64)
    net = Net(flat, flat, none, ints, ints)
    memo, machine = stairs.Memo(none, ints, flat_ints, ints), Machine(0.0, 0.0, 0.0, 0.0, 0.0)
    network = Network(ints, ints, ints, spans, flat, flat, ints, net)
    stairs.mark(0, 0, net, 0, 0, ints, flat)
    few.residency(network, machine, none, np.inf, memo, np.zeros((1, 1, 2)), box)
    few.walk_back(ints, box, flat_ints)
    labels = np.zeros((1, 1, 1, 6))
    running = few.Running(labels, np.zeros((1, 1), dtype=np.int64), memo)
    weights = few.Ahead(none[:0], none, False, 0.0, none, flat)
    few.fetch_ahead(network, machine, weights, none, running, 0)
    few.settle(none, none, ints, network, spans, flat, spans)
    few.come_after(none, none, none, machine, 0.0, none, flat[:0])
    few.walk_labels(ints, ints, labels, 0, flat_ints, none)
    keep = envelopes.Survivors(
        np.zeros((envelopes.LEVELS + 1, 1)), np.zeros((1, 1, 3)), flat, ints, np.zeros(1, dtype=np.int64)
    )
    sorting = best.Sorting(ints, np.zeros(5, dtype=np.int64), ints, ints, flat)
    best.keep_best(keep, 1.0, envelopes.bins_of(envelopes.NO_FLOOR, 0), sorting, flat, ints)
    _compile_rooms(network, running, spans, flat, box)
    _compile_sums(none, flat, flat_ints, machine)
    _compile_segments(ints, none, flat, flat_ints, network)


def _compile_rooms(network: Network, running: few.Running, spans: Any, flat: Any, box: Any) -> None:
    """The same for the search through rooms."""
    none, ints, values = np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros((1, 1, 2))
    machine = Machine(0.0, 0.0, 0.0, 0.0, 0.0)
    chip = rooms.Chip(network, spans, none, none, none, none, machine, rooms.WITHOUT, 0.0)
    floors = rooms.Floors(none, flat, network, 0.0, 0.0, none, 0.0, 0.0)
    scratch = rooms.Scratch(flat, spans, none, flat, none, none, none, values, box, running, running.memo)
    tried = rooms.Rooms(none, none, flat, none, flat, ints)
    rooms.listed_at(1.0)
    rooms.places(none, none, 0.0, ints)
    rooms.least_in(0.0, floors, running.memo, values, box)
    rooms.next_faster(chip, tried, floors, none, scratch, rooms.Search(np.array([0, -1, 0]), spans))


def _compile_sums(none: Any, flat: Any, flat_ints: Any, machine: Machine) -> None:
    """The same for what schedules add up to."""
    nothing = np.zeros(0)
    taken.take_steps(flat, none, flat, flat, 0, flat_ints[:0], flat)
    layout.fill_times(none, none, machine, none.copy())
    layout.least_time(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    kept = keeping.Keeping(nothing, nothing, np.zeros(0, dtype=np.int64))
    keeping.share(0.0, kept.order, kept.weights, kept.channels, nothing)
    keeping.shares(nothing, kept, flat[:0])
    records, steps = sums.Records(*[none] * 10), sums.Steps(flat_ints[:0], flat[:0], flat[:0], flat[:0], flat[:0])
    parts = np.zeros((sums.CAUSES, 8))
    added = sums.Added(np.zeros(8), np.zeros(8), parts)
    many = Rates(np.zeros(8), np.zeros(8), np.zeros(8))
    sums.sum_steps(records, steps, many, sums.new_block(), added)
    sums.largest_losses(parts, True, np.zeros(8), np.zeros(8), np.zeros(8, dtype=np.int64))


def _compile_segments(ints: Any, none: Any, flat: Any, flat_ints: Any, network: Network) -> None:
    """The same for the kernels of sub-batches."""
    lists, pairs = stretches.Lists(ints, flat_ints, flat, np.zeros(2, dtype=np.int64)), np.zeros((2, 1, 2))
    source, rows = Source(network, network.spans, none), stretches.Looked(ints, ints)
    cuts, chip = flat[:, :2].copy(), segments.Chip(Rates(none, none, none), 0.0)
    stretches.stay_between(none, cuts, flat)
    stretches.list_stretch(source, none, False, 0, 0, 0.0, lists, rows)
    stretches.unbeaten(flat[:0], ints, flat)
    wanted, where = np.zeros((1, 1, 1, 2, 2), dtype=np.bool_), np.zeros((1, 1, 1, 2, 2), dtype=np.int64)
    near = np.zeros((1, 1, 4), dtype=np.int64)
    one = stretches.Cutting(cuts, 0.0, none, flat)
    stretches.list_neighbours(source, none, False, True, one, near[0], lists, rows)
    stretches.list_wanted(source, none, False, one, wanted[0], where[0], lists, rows)
    modes, times, bounds = np.zeros((1, 3), dtype=np.int64), np.zeros((1, 1, 3, 3, 1)), np.zeros((1, 3, 1))
    segments.least_batch(ints, flat, none, none, chip, 0, none)
    segments.neighbour_times(lists, near[0], cuts, flat, modes[0], chip, 0, np.zeros((2, 1, 1)), times[0])
    segments.potentials(times[:, :0].copy(), 0, bounds, bounds)
    times_known, table = np.zeros((1, 0, 1, 1, 2, 2)), np.zeros((1, 1, 1, 2, 2, 2))
    asked, alone = timed.Asked(wanted[0], where[0], times_known[0]), timed.Alone(lists, rows, np.zeros((2, 1, 1)))
    timed.time_wanted(source, none, False, one, chip, 0, asked, alone)
    seen = np.zeros((1, 1, 1), dtype=np.bool_)
    exact = segments.Exact(lists, near, where, wanted, times_known, pairs, table, seen)
    cutting, known = stretches.Cutting(cuts, 0.0, flat, flat), segments.Bounds(times, bounds, bounds)
    segments.mark_wanted(0, none, known, modes, cutting, chip, exact)
    found = segments.Found(none, ints, np.zeros((1, 1, 6), dtype=np.int64))
    scratch = segments.Tried(np.zeros((1, 2)), np.zeros((1, 2, 4), dtype=np.int64), np.zeros((1, 6), dtype=np.int64))
    segments.best_ways(0, none, known, modes, cutting, chip, exact, scratch, found)
    segments.want_ways(np.zeros(0, dtype=np.int64), found.chosen, modes, wanted)
    paths = np.zeros((1, 1, 3), dtype=np.int64)
    segments.paths_of(0, found, modes, cuts, where, lists, chip, pairs, flat_ints, paths)


if __name__ == "__main__":
    compile_schedules()
