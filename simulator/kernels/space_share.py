"""Sharing the arrays among layers side by side: cycles of a layer on some of them, and the share that is best for a
pipeline."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .array_steps import loop_steps, next_useful
from .grid_tables import fold_cost
from .jit import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OVER_PIXELS, OVER_CHANNELS = range(2)
"""What a fold streams over: output pixels, output channels; else the reduction."""


class Nest(NamedTuple):
    """The loops of a layer (`kernels.array_steps`) in blocks of what one array does side by side, a row for each way to; weights
    that it holds then; and whether reduction and pixels are unrolled as one loop each."""

    extents: Ints
    sets: Ints
    flat_reduction: bool
    flat_pixels: bool


class Slots(NamedTuple):
    """Which loops run side by side on several arrays, whether each has weights of its own there, and how many there are."""

    loop: Ints
    weighs: Ints
    arrays: int


class Folds(NamedTuple):
    """Cycles of a fold beside its steps, whether its load hides behind the present steps, what it streams over, and the rate;
    cycles that a weight takes on a bus (0: none); and what a layer takes once: to fill, its first load, less."""

    load: float
    overhead: float
    hidden: float
    streams: int
    rate: float
    bus: float
    fill: float
    first: float
    less: float


class Fold(NamedTuple):
    """What `grid_tables.fold_cost` reads."""

    overhead: float
    hidden: float


class Curve(NamedTuple):
    """Cycles of a layer on 0, 1, 2, ... arrays: all, of them loading weights, of them fill and drain."""

    cycles: Floats
    loading: Floats
    filling: Floats


@kernel
def curve(nest, slots, folds, scratch, out):
    """Cycles of a layer on 1, 2, ... arrays, each with the best unrolling, into out: `Curve` (never rising).

    scratch: int64[2, 10 or slots].
    """
    out.cycles[:], out.loading[:], out.filling[:] = math.inf, 0.0, 0.0
    factor, total = scratch[0], scratch[1]
    for way in range(len(nest.extents)):
        count, at, fresh = len(slots.loop), 0, True
        while at >= 0:
            if at == count:
                note(nest, way, slots, folds, factor, total, out)
                at, fresh = at - 1, False
                continue
            left, room = left_of(nest, way, slots, at, factor)
            factor[at] = 1 if fresh else next_useful(left, factor[at])
            fresh = factor[at] <= min(left, room)
            at += 1 if fresh else -1
    for arrays in range(1, len(out.cycles)):
        if out.cycles[arrays] >= out.cycles[arrays - 1]:
            out.cycles[arrays] = out.cycles[arrays - 1]
            out.loading[arrays], out.filling[arrays] = out.loading[arrays - 1], out.filling[arrays - 1]


@kernel
def left_of(nest, way, slots, at, factor):
    """What the slots before one leave: (blocks of the indices of its loop, arrays)."""
    left, room = nest.extents[way, slots.loop[at]], slots.arrays
    for i in range(at):
        if slots.loop[i] == slots.loop[at]:
            left = (left + factor[i] - 1) // factor[i]
        room //= factor[i]
    return left, room


@kernel
def note(nest, way, slots, folds, factor, total, out):
    """Keep the cycles of one unrolling, a factor a slot, if they are the fewest so far on as many arrays."""
    total[:] = 1
    used, weights = 1, nest.sets[way]
    for i in range(len(slots.loop)):
        total[slots.loop[i]] *= factor[i]
        used *= factor[i]
        weights *= factor[i] if slots.weighs[i] else 1
    own = nest.extents[way]
    groups, batch, channels, reduction, pixels = loop_steps(own, total, nest.flat_reduction, nest.flat_pixels)
    pixels *= batch
    steps = groups * channels * reduction * pixels
    stream = pixels if folds.streams == OVER_PIXELS else (channels if folds.streams == OVER_CHANNELS else reduction)
    many = steps / stream
    once = folds.fill + min(folds.first, stream) - folds.less
    load = folds.bus * weights if folds.bus > 0.0 else folds.load
    whole = many * fold_cost(stream, load, Fold(folds.overhead, folds.hidden)) + once
    filling = max(0.0, many * folds.overhead + once)
    if whole / folds.rate < out.cycles[used]:
        out.cycles[used] = whole / folds.rate
        out.loading[used], out.filling[used] = (whole - steps - filling) / folds.rate, filling / folds.rate


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
    while hi < len(levels) and not fits(curves, computes, first, end, levels[hi]):
        lo = hi + 1
        hi += stride
        stride *= 2
    hi = min(hi, len(levels))
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
        if at < len(levels) and computes[step]:
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
