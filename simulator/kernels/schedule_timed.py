"""Segments whose lists there is no room for: their times are worked out as soon as they are listed, and the lists forgotten."""

import math
from typing import NamedTuple

from .jit import kernel
from .schedule_segments import TIMED, Floats, Ints, Truths, run_list
from .schedule_stretches import STATE, STEPS, UNLISTED, Lists, Looked, list_segment


class Alone(NamedTuple):
    """Scratch: the list of one segment, rows of frontiers, and values[2, states, points] of a run."""

    lists: Lists
    points: Looked
    values: Floats


class Asked(NamedTuple):
    """Of each segment of one mode, [cuts, cuts, in, out]: whether it is wanted, where its list begins, and times."""

    wanted: Truths
    where: Ints
    known: Floats
    """float64[points, cuts, cuts, in, out]: of one run, from the state at its first cut to that at its last. [s]"""


@kernel
def time_wanted(given, kept, held, cutting, chip, count, asked, alone):
    """Work out the times of `count` points in every segment that is wanted and not listed; `where` then says TIMED.

    The first arguments are those of `schedule_stretches.list_wanted`. Returns whether the list of one segment was long enough.
    """
    (wanted, where, known), (lists, points, values) = asked, alone
    cuts = cutting.cuts
    for i in range(cuts.shape[0] - 1):
        for j in range(i + 1, cuts.shape[0]):
            for entry in range(2):
                for leave in range(2):
                    if not wanted[i, j, entry, leave] or where[i, j, entry, leave] != UNLISTED:
                        continue
                    lists.used[:] = 0
                    if not list_segment(given, kept, held, cutting, (i, j, entry, leave), where, lists, points):
                        return False
                    at = where[i, j, entry, leave]
                    if at < 0:
                        continue
                    values[0, :, :] = math.inf
                    values[0, int(cuts[i, STATE]) if entry else 0, :] = 0.0
                    now = run_list(lists, at, int(cuts[j, STEPS]) - int(cuts[i, STEPS]), chip, count, values)
                    to = int(cuts[j, STATE]) if leave else 0
                    for p in range(count):
                        known[p, i, j, entry, leave] = values[now, to, p]
                    where[i, j, entry, leave] = TIMED
    return True
