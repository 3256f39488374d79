"""Compile the kernels of schedules into the disk cache: `python -m simulator.warm`.

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

from simulator.kernels import best, frontier, programme, roofs, segments, stretches
from simulator.kernels.jit import cache_works, needs_compile


@contextlib.contextmanager
def beside() -> Iterator[bool]:
    """Compile the kernels of schedules in a process of its own for as long as the block runs; yields whether it does."""
    # A run with overlap `network` needs one of the programmes, any other run the other.
    programmes = (programme.residency, programme.fetch_ahead)
    if not needs_compile((frontier.search,)) and not all(needs_compile((one,)) for one in programmes):
        yield False
        return
    if not cache_works():
        yield True
        return
    command = [sys.executable, "-m", "simulator.warm"]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
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
    spans, cube, box = np.zeros((1, 4), dtype=np.int64), np.zeros((1, 1, 2)), np.zeros((1, 1, 2), dtype=np.int64)
    net = (flat, flat, none, ints, ints)
    memo = (none, ints, flat_ints)
    network = (ints, ints, ints, spans, flat, flat, net)
    programme.mark(0, 0, flat, flat, ints, flat, none, ints, ints, 0)
    programme.residency(network, none, 0, 0, 0, none, np.inf, memo, ints, cube, box)
    programme.walk_back(ints, box, 0, 0, 0, flat_ints)
    labels = (np.zeros((1, 1, 1, 6)), np.zeros((1, 1), dtype=np.int64), memo, ints)
    programme.fetch_ahead(network, none, none, none, False, 0.0, none, flat, none, *labels, 2)
    programme.walk_labels(ints, ints, np.zeros((1, 1, 1, 6)), 0, flat_ints, none)
    ends = np.zeros(5, dtype=np.int64)
    best.keep_best(
        flat, ints, 0, np.zeros((best.LEVELS + 1, 1)), np.float64(1.0), np.int64(0), ints, ends, ints, ints, flat, flat,
        ints,
    )  # fmt: skip
    tables = (none, none, none, none, none)
    no_points = np.zeros(0, dtype=np.int64)
    roofs.roof_cycles(*tables, flat_ints, flat_ints, flat, flat_ints, no_points, no_points, none, flat)
    _compile_segments(ints, none, flat, flat_ints, spans, net)


def _compile_segments(ints: Any, none: Any, flat: Any, flat_ints: Any, spans: Any, net: Any) -> None:
    """The same for the kernels of sub-batches."""
    lists, twice = (ints, flat_ints, flat, np.zeros(2, dtype=np.int64)), np.zeros((2, 1, 2))
    network = (ints, ints, ints, spans, spans, flat, flat, none, net)
    stretches.stay_between(none, flat[:, :2].copy(), flat)
    stretches.list_stretch(network, none, False, 0, 0, 0.0, lists, (ints, ints))
    in_room = (0.0, flat[:, :2].copy(), none, flat)
    wanted, where = np.zeros((1, 1, 1, 2, 2), dtype=np.bool_), np.zeros((1, 1, 1, 2, 2), dtype=np.int64)
    near = np.zeros((1, 1, 4), dtype=np.int64)
    stretches.list_neighbours(network, none, False, True, *in_room, near[0], lists, (ints, ints))
    stretches.list_wanted(network, none, False, *in_room, wanted[0], where[0], lists, (ints, ints))
    cuts, modes, rates = in_room[1], np.zeros((1, 3), dtype=np.int64), (none, none, none)
    times, bounds = np.zeros((1, 1, 3, 3, 1)), np.zeros((1, 3, 1))
    segments.least_runs(lists, 0, rates, 0.0, 0, 1.0, np.zeros((0, 1)))
    segments.neighbour_times(lists, near[0], cuts, flat, modes[0], rates, 0.0, 0, np.zeros((2, 1, 1)), times[0])
    segments.potentials(times[:, :0], 0, bounds, bounds)
    table, chosen = np.zeros((1, 1, 1, 2, 2, 2)), np.zeros((1, 1, 6), dtype=np.int64)
    exact = (lists, near, where, wanted, rates, 0.0, twice, table)
    given = (0, none, (times, bounds, bounds), modes, (cuts, 0.0, flat, flat), exact)
    segments.mark_wanted(*given)
    scratch = (np.zeros((1, 2)), np.zeros((1, 2, 4), dtype=np.int64), chosen[0])
    segments.best_ways(*given, scratch, none, ints, chosen)
    segments.want_ways(np.zeros(0, dtype=np.int64), chosen, modes, wanted)
    segments.paths_of(
        0, ints, chosen, modes, cuts, where, lists, rates, 0.0, twice, flat_ints, np.zeros((1, 1, 3), dtype=np.int64)
    )


if __name__ == "__main__":
    compile_schedules()
