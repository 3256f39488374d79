"""Sharing the arrays among layers side by side: cycles of a layer on some of them, and the share that is best for a
pipeline."""

import math

from .jit import kernel


@kernel
def curve(extents, slots, limits, flat_reduction, flat_pixels, fold, streams, rate, scratch, out):
    """Cycles of a layer on 1, 2, ... arrays with the best unrolling, into out: float64[3, arrays + 1] (never rising).

    extents: int64[10], loops as in `unroll`, flattened reduction and pixels last. slots: int64[m, 2], (axis, loop) with
    axis 0 rows, 1 columns, 2 arrays. limits: int64[3], lengths of the axes. fold: load, overhead, hidden of a fold
    [cycle]; streams: axis that a fold streams over, 0 pixels, 1 K, 2 C. scratch: int64[2, 10 or m]. Rows of out: all
    cycles, of them loading, of them fill.
    """
    m = slots.shape[0]
    for arrays in range(out.shape[1]):
        out[0, arrays], out[1, arrays], out[2, arrays] = math.inf, 0.0, 0.0
    factor, total = scratch[0], scratch[1]
    at = 0
    fresh = True
    while at >= 0:
        if at == m:
            for i in range(total.shape[0]):
                total[i] = 1
            used = 1
            for i in range(m):
                total[slots[i, 1]] *= factor[i]
                if slots[i, 0] == 2:
                    used *= factor[i]
            _note(extents, total, used, flat_reduction, flat_pixels, fold, streams, rate, out)
            at -= 1
            fresh = False
            continue
        left, room = extents[slots[at, 1]], limits[slots[at, 0]]
        for i in range(at):
            if slots[i, 1] == slots[at, 1]:
                left = (left + factor[i] - 1) // factor[i]
            if slots[i, 0] == slots[at, 0]:
                room //= factor[i]
        last = slots[at, 0] != 2 and (at + 1 == m or slots[at + 1, 0] != slots[at, 0])
        most = min(left, room)
        if fresh:
            factor[at] = 1
            if last:  # units that stand idle save nothing, so the last loop of rows and columns takes all that helps
                steps = (left + most - 1) // most
                factor[at] = (left + steps - 1) // steps
        else:
            steps = (left + factor[at] - 1) // factor[at]
            if last or steps == 1:
                at -= 1
                continue
            factor[at] = (left + steps - 2) // (steps - 1)
            if factor[at] > most:
                at -= 1
                continue
        at += 1
        fresh = True
    for arrays in range(1, out.shape[1]):
        if out[0, arrays] >= out[0, arrays - 1]:
            for row in range(3):
                out[row, arrays] = out[row, arrays - 1]


@kernel
def _note(extents, factors, used, flat_reduction, flat_pixels, fold, streams, rate, out):
    """Keep the cycles of one unrolling on `used` arrays if they are the fewest so far."""
    steps_g = float((extents[0] + factors[0] - 1) // factors[0])
    steps_k = float((extents[2] + factors[2] - 1) // factors[2])
    if flat_reduction:
        steps_c = float((extents[8] + factors[8] - 1) // factors[8])
    else:
        steps_c = float((extents[3] + factors[3] - 1) // factors[3])
        steps_c *= float((extents[6] + factors[6] - 1) // factors[6])
        steps_c *= float((extents[7] + factors[7] - 1) // factors[7])
    steps_p = float((extents[1] + factors[1] - 1) // factors[1])
    if flat_pixels:
        steps_p *= float((extents[9] + factors[9] - 1) // factors[9])
    else:
        steps_p *= float((extents[4] + factors[4] - 1) // factors[4])
        steps_p *= float((extents[5] + factors[5] - 1) // factors[5])
    steps = steps_g * steps_k * steps_c * steps_p
    stream = steps_p if streams == 0 else (steps_k if streams == 1 else steps_c)
    folds = steps / stream
    loading, filling = folds * fold[0], folds * fold[1]
    if fold[2] > 0.0:  # the next weights load behind the present ones
        loading = folds * max(0.0, fold[0] - stream)
    cycles = (steps + loading + filling) / rate
    if cycles < out[0, used]:
        out[0, used], out[1, used], out[2, used] = cycles, loading / rate, filling / rate


@kernel
def needed(curves, step, level):
    """Fewest arrays on which a step takes at most `level` cycles; more than there are where none do."""
    lo, hi = 1, curves.shape[1]
    while lo < hi:
        middle = (lo + hi) // 2
        if curves[step, middle] <= level:
            hi = middle
        else:
            lo = middle + 1
    return lo


@kernel
def fits(curves, computes, first, end, level):
    """Whether the arrays suffice for every step of a context to take at most `level` cycles."""
    left = curves.shape[1] - 1
    for step in range(first, end + 1):
        if computes[step]:
            left -= needed(curves, step, level)
            if left < 0:
                return False
    return True


@kernel
def slowest(curves, computes, levels, first, end, start):
    """Place in `levels` (rising) of the cycles of the slowest step with the best assignment of arrays; len(levels) if
    none.

    The assignment of arrays one by one to the slowest step ends at the same cycles (docs). start: a place that is not
    above.
    """
    lo, hi, stride = start, start, 1
    while hi < levels.shape[0] and not fits(curves, computes, first, end, levels[hi]):
        lo = hi + 1
        hi += stride
        stride *= 2
    hi = min(hi, levels.shape[0])
    while lo < hi:
        middle = (lo + hi) // 2
        if fits(curves, computes, first, end, levels[middle]):
            hi = middle
        else:
            lo = middle + 1
    return lo


@kernel
def slowest_of_all(curves, computes, levels, first, end, out):
    """Place in `levels` of the slowest step of the contexts first .. step, for every step up to `end`, into out:
    int64[steps]."""
    at = 0
    for step in range(first, end + 1):
        if at < levels.shape[0] and computes[step]:
            at = slowest(curves, computes, levels, first, step, at)
        out[step] = at


@kernel
def assign(curves, computes, first, end, level, arrays):
    """Fewest arrays with which each step of a context takes at most `level` cycles, into arrays: int64[steps]."""
    for step in range(first, end + 1):
        arrays[step] = needed(curves, step, level) if computes[step] else 0


@kernel
def assign_all(curves, computes, first, last, level, cycles):
    """Cycles of every step in the contexts first .. end, the slowest of which takes level[end], into cycles:
    float64[ends, steps]."""
    for end in range(first, last + 1):
        for step in range(first, end + 1):
            cycles[end, step] = curves[step, needed(curves, step, level[end])] if computes[step] else 0.0
