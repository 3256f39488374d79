"""Segments whose lists there is no room for: their times are worked out as soon as they are listed, and the lists forgotten."""

import math
from typing import NamedTuple

from .jit import kernel
from .schedule_segments import TIMED, Floats, Ints, Truths, run_list
from .schedule_stretches import STATE, STEPS, Lists, Looked, list_segment, next_unlisted, segment_of


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
    number = next_unlisted(wanted, where, 0)
    while number >= 0:
        at = segment_of(number, len(wanted))
        i, j, entry, leave = at
        lists.used[:] = 0
        if not list_segment(given, kept, held, cutting, at, where, lists, points):
            return False
        begins = where[i, j, entry, leave]
        if begins >= 0:
            values[0, :, :] = math.inf
            values[0, int(cuts[i, STATE]) if entry else 0, :] = 0.0
            now = run_list(lists, begins, int(cuts[j, STEPS]) - int(cuts[i, STEPS]), chip, count, values)
            to = int(cuts[j, STATE]) if leave else 0
            for p in range(count):
                known[p, i, j, entry, leave] = values[now, to, p]
            where[i, j, entry, leave] = TIMED
        number = next_unlisted(wanted, where, number)
    return True
