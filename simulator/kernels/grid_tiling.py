"""Footprint, outer-memory bytes and on-chip cycles of one given tiling, in any of the 120 loop orders.

The search in `grid_search.py` uses closed forms of its own for the orders that matter; every point of a frontier costs
here what the search says it costs, and this file is what the loop-walking twin of the tests is compared with.
"""

import math
from typing import NamedTuple

from .grid_layout import (
    COPIES_IN,
    COPIES_WEIGHTS,
    EACH,
    FOLDS,
    HAS_INPUTS,
    HAS_OUTPUTS,
    HAS_WEIGHTS,
    INPUTS,
    ONCE,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    PIXELS,
    SET_CYCLES,
    SET_LEAST,
    SIZE,
    STEPS,
    TRIPS,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    WINDOW,
    Tile,
)
from .jit import kernel

AT_N, AT_K, AT_C, AT_P, AT_Q = range(5)
"""Loops of an order, in the order of their positions."""

AGAIN_N, AGAIN_P, AGAIN_Q = 1, 2, 4
"""Bits of loops over which weights are read again."""

NOTHING, OF_INPUTS, OF_WEIGHTS, OF_OUTPUTS = range(-1, 3)
"""The streamed operand."""


class Once(NamedTuple):
    """Which loops of a tiling are trivial: one trip."""

    group: bool
    n: bool
    k: bool
    c: bool
    p: bool
    q: bool


class Passes(NamedTuple):
    """What a loop order implies."""

    again: int
    """Bits of N, P, Q loops outside the innermost loop of the weights: over these they are read again."""
    over_k: bool
    """Whether inputs are read again over K."""
    shared: int
    """Along which axis neighbours share inputs: 0 none, 1 P, 2 Q, as columns of the pixel table behind `INPUTS`."""
    partial: bool
    """Whether outputs leave unfinished."""


@kernel
def loop_rules(position, once):
    """`Passes` of an order. position: int64[5], place of N, K, C, P, Q, outermost 0. once: `Once`."""
    last = -1
    if not once.k:
        last = max(last, position[AT_K])
    if not once.c:
        last = max(last, position[AT_C])
    again = 0
    if not once.n and position[AT_N] < last:
        again |= AGAIN_N
    if not once.p and position[AT_P] < last:
        again |= AGAIN_P
    if not once.q and position[AT_Q] < last:
        again |= AGAIN_Q
    inner, shared = -1, 0
    if not once.n:
        inner = max(inner, position[AT_N])
    if not once.c:
        inner = max(inner, position[AT_C])
    if not once.p and position[AT_P] > inner:
        inner, shared = position[AT_P], 1
    if not once.q and position[AT_Q] > inner:
        inner, shared = position[AT_Q], 2
    over_k = not once.k and position[AT_K] < inner
    done = -1
    if not once.n:
        done = max(done, position[AT_N])
    if not once.k:
        done = max(done, position[AT_K])
    if not once.p:
        done = max(done, position[AT_P])
    if not once.q:
        done = max(done, position[AT_Q])
    return Passes(again, over_k, shared, not once.c and position[AT_C] < done)


@kernel
def trips_of(pixel, row):
    """Trips of N, P and Q together."""
    return pixel[row, TRIPS_N] * pixel[row, TRIPS_P] * pixel[row, TRIPS_Q]


@kernel
def weight_passes(pixel, row, again, streamed):
    """How often the weights pass: trips of N, P, Q in `again`, of all three when streamed."""
    passes = 1.0
    if streamed or again & AGAIN_N:
        passes *= pixel[row, TRIPS_N]
    if streamed or again & AGAIN_P:
        passes *= pixel[row, TRIPS_P]
    if streamed or again & AGAIN_Q:
        passes *= pixel[row, TRIPS_Q]
    return passes


@kernel
def fed_bytes(layer, at, u):
    """Bytes between SRAM and arrays beside partial outputs, with unrolling u."""
    numbers, rules, own, pixel, axis_k = layer.numbers, layer.rules, layer.own, layer.pixel, layer.axis_k
    inputs = axis_k[at.k, STEPS + EACH * u] if rules.in_by_steps else axis_k[at.k, TRIPS]
    inputs *= numbers.feed_in * own[u, COPIES_IN]
    weights = pixel[at.pixel, PIXEL_STEPS + EACH * u] if rules.weights_by_steps else trips_of(pixel, at.pixel)
    weights *= numbers.feed_weights * own[u, COPIES_WEIGHTS]
    return inputs * rules.holds_in + weights * rules.holds_weights + numbers.feed_out * rules.holds_out


@kernel
def once_of(numbers, own, u, passes):
    """Cycles of unrolling u beside its folds: those once a layer, and those to widen the weights in each pass of them."""
    return own[u, ONCE] + numbers.widening * own[u, COPIES_WEIGHTS] * passes


@kernel
def on_chip_cycles(layer, at, outer_bytes):
    """On-chip cycles of a `Tile` with the best unrolling: largest of array, interconnect and SRAM ports.

    With accumulators the better of two ways: sums stay in them, and weights come in again where they are full; or they are
    left unused, where the SRAM has outputs.
    """
    best = math.inf
    if math.isinf(outer_bytes):  # not allowed
        return best
    numbers, rules, own, axis_c = layer.numbers, layer.rules, layer.own, layer.axis_c
    partial = numbers.feed_partial * rules.holds_out
    trips = trips_of(layer.pixel, at.pixel)
    outputs = layer.group[at.group, SIZE] * layer.axis_k[at.k, SIZE] * layer.pixel[at.pixel, PIXELS]
    fits = outputs * numbers.acc_room <= numbers.accumulators
    for u in range(len(own)):
        sets = layer.axis_k[at.k, FOLDS + EACH * u] * layer.group[at.group, STEPS + EACH * u]
        array = sets * layer.pixel[at.pixel, PIXEL_FOLDS + EACH * u]
        shared = fed_bytes(layer, at, u)
        once = once_of(
            numbers, own, u, layer.pixel[at.pixel, PIXEL_STEPS + EACH * u] if rules.weights_by_steps else trips
        )
        passes = (axis_c[at.c, STEPS + EACH * u] if rules.partial_by_steps else axis_c[at.c, TRIPS]) - 1.0
        for kept in range(1 - rules.holds_out, 1 + rules.keeps):
            cycles, fed = array, shared + partial * passes
            if kept:
                fed = shared + partial * (0.0 if fits else axis_c[at.c, TRIPS] - 1.0)
                if rules.resets:
                    stream = array - sets * own[u, SET_CYCLES] * trips
                    cycles = max(stream, own[u, SET_LEAST] * numbers.sets)
                    cycles += own[u, SET_CYCLES] * max(sets * trips, numbers.sets)
            cycles = cycles * axis_c[at.c, FOLDS + EACH * u] + once
            cycles = max(cycles, fed / numbers.link, (fed + outer_bytes) / numbers.port)
            best = min(best, cycles)
    return best


@kernel
def footprint_inputs(numbers, g, size_c, window, changes, stream, resident):
    """SRAM bytes of the inputs. changes: whether another tile follows."""
    if resident & HAS_INPUTS:
        return 0.0
    if stream == OF_INPUTS:
        return numbers.grain_in * numbers.buffers
    return numbers.in_bytes * g * size_c * window * (numbers.buffers if changes else 1.0)


@kernel
def footprint_weights(numbers, g, size_k, size_c, changes, stream, resident):
    """SRAM bytes of the weights."""
    if resident & HAS_WEIGHTS:
        return 0.0
    if stream == OF_WEIGHTS:
        return numbers.grain_weights * numbers.buffers
    return numbers.weight_bytes * g * size_k * size_c * (numbers.buffers if changes else 1.0)


@kernel
def footprint_outputs(layer, elements, changes, split, stream, resident):
    """SRAM bytes of the outputs: at accumulator width while C is cut, none where the accumulators hold them.

    Infinite where neither has room.
    """
    numbers = layer.numbers
    if stream == OF_OUTPUTS and not resident & HAS_OUTPUTS:
        return numbers.grain_out * numbers.buffers
    if split:
        held = elements * numbers.acc_room
        if held <= numbers.accumulators:
            return 0.0
        if not layer.rules.holds_out:
            return math.inf
        if resident & HAS_OUTPUTS:
            return held
        return held * (numbers.buffers if changes else 1.0)
    if resident & HAS_OUTPUTS:
        return 0.0
    return elements * numbers.out_room * (numbers.buffers if changes else 1.0)


@kernel
def footprint_of(layer, at, once, stream, resident):
    """SRAM bytes of the tiles of a `Tile`. once: `Once`."""
    numbers, g, k, c = layer.numbers, layer.group[at.group, SIZE], layer.axis_k[at.k, SIZE], layer.axis_c[at.c, SIZE]
    window, pixels = layer.pixel[at.pixel, WINDOW], layer.pixel[at.pixel, PIXELS]
    cut = not (once.n and once.p and once.q and once.group)
    footprint = footprint_inputs(numbers, g, c, window, cut or not once.c, stream, resident)
    footprint += footprint_weights(numbers, g, k, c, not (once.group and once.k and once.c), stream, resident)
    return footprint + footprint_outputs(layer, g * k * pixels, cut or not once.k, not once.c, stream, resident)


@kernel
def least_footprint(layer, resident):
    """SRAM bytes of the smallest tiling: smallest tiles, or whole axes, whose tiles no others follow, in every combination."""
    pixel, least = layer.pixel, math.inf
    windows, smallest = math.inf, 0
    for row in range(len(pixel)):
        if trips_of(pixel, row) > 1.0 and pixel[row, WINDOW] < windows:
            windows, smallest = pixel[row, WINDOW], row
    for row in range(len(pixel)):
        whole = trips_of(pixel, row) == 1.0
        if not whole and row != smallest:
            continue
        for group in range(len(layer.group)):
            for k in range(0, len(layer.axis_k), max(1, len(layer.axis_k) - 1)):
                for c in range(0, len(layer.axis_c), max(1, len(layer.axis_c) - 1)):
                    once = Once(
                        layer.group[group, TRIPS] == 1.0, whole, layer.axis_k[k, TRIPS] == 1.0,
                        layer.axis_c[c, TRIPS] == 1.0, whole, whole,
                    )  # fmt: skip
                    for stream in range(NOTHING, OF_OUTPUTS + 1):
                        least = min(least, footprint_of(layer, Tile(group, row, k, c), once, stream, resident))
    return least


@kernel
def outer_bytes_of(layer, at, passes, stream, resident):
    """Outer-memory bytes of a `Tile`; infinite where resident outputs would leave unfinished. passes: `Passes`."""
    numbers, pixel, trips_k = layer.numbers, layer.pixel, layer.axis_k[at.k, TRIPS]
    total = 0.0
    if not resident & HAS_INPUTS:
        if stream == OF_INPUTS:
            total += numbers.all_inputs * pixel[at.pixel, INPUTS] * trips_k
        else:
            total += numbers.all_inputs * pixel[at.pixel, INPUTS + passes.shared] * (trips_k if passes.over_k else 1.0)
    if not resident & HAS_WEIGHTS:
        total += numbers.all_weights * weight_passes(pixel, at.pixel, passes.again, stream == OF_WEIGHTS)
    if resident & HAS_OUTPUTS:
        if passes.partial:
            total = math.inf
    else:
        total += numbers.all_outputs * numbers.out_bytes
        if passes.partial or stream == OF_OUTPUTS:
            total += numbers.all_outputs * 2.0 * numbers.acc_bytes * (layer.axis_c[at.c, TRIPS] - 1.0)
    return total


@kernel
def tiling_cost(layer, at, position, stream, resident):
    """(footprint, outer-memory bytes) of a `Tile`; infinite bytes where resident outputs would leave unfinished, both where
    partial sums have no room.
    """
    pixel = layer.pixel
    once = Once(
        layer.group[at.group, TRIPS] == 1.0, pixel[at.pixel, TRIPS_N] == 1.0, layer.axis_k[at.k, TRIPS] == 1.0,
        layer.axis_c[at.c, TRIPS] == 1.0, pixel[at.pixel, TRIPS_P] == 1.0, pixel[at.pixel, TRIPS_Q] == 1.0,
    )  # fmt: skip
    footprint = footprint_of(layer, at, once, stream, resident)
    if math.isinf(footprint):
        return math.inf, math.inf
    return footprint, outer_bytes_of(layer, at, loop_rules(position, once), stream, resident)
