"""Footprint, outer-memory bytes and on-chip cycles of one given tiling, in any of the 120 loop orders.

The search in `frontier.py` uses closed forms of its own for the orders that matter; every point of a frontier costs
here what the search says it costs, and this file is what the loop-walking twin of the tests is compared with.

Layout of `numbers` (float64): see the names below. `rules` (int64): feed rules of the stationarity, then what the SRAM
holds.
"""

import math

from .jit import kernel

# indices of `numbers`
IN_BYTES, WT_BYTES, OUT_BYTES, ACC_BYTES = 0, 1, 2, 3  # a byte width each; weights times kernel elements
ALL_INPUTS, ALL_WEIGHTS, ALL_OUTPUTS = 4, 5, 6  # bytes per input element of one plane, bytes, elements
BUFFERS, GRAIN_IN, GRAIN_WT, GRAIN_OUT, ACCUMULATORS = 7, 8, 9, 10, 11
LINK, PORT = 12, 13  # bytes per cycle of interconnect and SRAM ports
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL, LEAST = 14, 15, 16, 17, 18
OUT_ROOM, ACC_ROOM = 19, 20  # bytes of SRAM per finished and per unfinished output; 0 where outputs have their own path
SETS = 21  # least sets of weights a step of the reduction, where outputs fill the accumulators
NUMBERS = 22
# indices of `rules`
FEED_IN_RULE, FEED_WT_RULE, FEED_OUT_RULE, HOLDS_IN, HOLDS_WT, HOLDS_OUT = 0, 1, 2, 3, 4, 5
KEEPS, RESETS = 8, 9  # whether there are accumulators; whether weights come in again where these are full, 2 at a price
# columns of `own`, a row an unrolling
COPIES_IN, COPIES_WT, SET_CYCLES, SET_LEAST, ONCE = 0, 1, 2, 3, 4
OWN = 5


@kernel
def loop_rules(position, n1, k1, c1, p1, q1):
    """What the loop order implies: (weights re-read over these loops, inputs over K, shared axis, outputs unfinished).

    position: int64[5], place of N, K, C, P, Q, outermost 0. n1..q1: whether the loop is trivial (one trip).
    First: bits 1, 2, 4 for N, P, Q loops outside the innermost non-trivial loop of the weights. Third: 0 none, 1 P,
    2 Q.
    """
    last = -1
    if not k1:
        last = max(last, position[1])
    if not c1:
        last = max(last, position[2])
    again = 0
    if not n1 and position[0] < last:
        again |= 1
    if not p1 and position[3] < last:
        again |= 2
    if not q1 and position[4] < last:
        again |= 4
    inner, shared = -1, 0
    if not n1:
        inner = max(inner, position[0])
    if not c1:
        inner = max(inner, position[2])
    if not p1 and position[3] > inner:
        inner, shared = position[3], 1
    if not q1 and position[4] > inner:
        inner, shared = position[4], 2
    over_k = 1 if (not k1 and position[1] < inner) else 0
    done = -1
    if not n1:
        done = max(done, position[0])
    if not k1:
        done = max(done, position[1])
    if not p1:
        done = max(done, position[3])
    if not q1:
        done = max(done, position[4])
    partial = 1 if (not c1 and position[2] < done) else 0
    return again, over_k, shared, partial


@kernel
def weight_passes(pixel, row, again, streamed):
    """How often the weights pass: trips of N, P, Q in `again`, of all three when streamed."""
    passes = 1.0
    if streamed or again & 1:
        passes *= pixel[row, 2]
    if streamed or again & 2:
        passes *= pixel[row, 3]
    if streamed or again & 4:
        passes *= pixel[row, 4]
    return passes


@kernel
def fed_bytes(pixel, pr, axis_k, kr, u, own, numbers, rules):
    """Bytes between SRAM and arrays beside partial outputs."""
    inputs = axis_k[kr, 2 + 2 * u] if rules[FEED_IN_RULE] == 0 else axis_k[kr, 1]
    inputs *= numbers[FEED_IN] * own[u, COPIES_IN]
    trips = pixel[pr, 2] * pixel[pr, 3] * pixel[pr, 4]
    weights = pixel[pr, 8 + 2 * u] if rules[FEED_WT_RULE] == 0 else trips
    weights *= numbers[FEED_WT] * own[u, COPIES_WT]
    return inputs * rules[HOLDS_IN] + weights * rules[HOLDS_WT] + numbers[FEED_OUT] * rules[HOLDS_OUT]


@kernel
def on_chip_cycles(group, gr, pixel, pr, axis_k, kr, axis_c, cr, own, numbers, rules, outer_bytes):
    """On-chip cycles with the best unrolling: largest of array, interconnect and SRAM ports. Returns (cycles, unrolling).

    With accumulators the better of two ways: sums stay in them, and weights come in again where they are full; or they are
    left unused.
    """
    best, which = math.inf, 0
    if math.isinf(outer_bytes):  # not allowed
        return best, which
    partial = numbers[FEED_PARTIAL] * rules[HOLDS_OUT]
    trips = pixel[pr, 2] * pixel[pr, 3] * pixel[pr, 4]
    fits = group[gr, 0] * axis_k[kr, 0] * pixel[pr, 1] * numbers[ACC_ROOM] <= numbers[ACCUMULATORS]
    for u in range(own.shape[0]):
        sets = axis_k[kr, 3 + 2 * u] * group[gr, 2 + 2 * u]
        array = sets * pixel[pr, 9 + 2 * u]
        shared = fed_bytes(pixel, pr, axis_k, kr, u, own, numbers, rules)
        passes = (axis_c[cr, 2 + 2 * u] if rules[FEED_OUT_RULE] == 1 else axis_c[cr, 1]) - 1.0
        for kept in range(1 + rules[KEEPS]):
            cycles, fed = array, shared + partial * passes
            if kept:
                fed = shared + partial * (0.0 if fits else axis_c[cr, 1] - 1.0)
                if rules[RESETS]:
                    stream = array - sets * own[u, SET_CYCLES] * trips
                    cycles = max(stream, own[u, SET_LEAST] * numbers[SETS])
                    cycles += own[u, SET_CYCLES] * max(sets * trips, numbers[SETS])
            cycles = cycles * axis_c[cr, 3 + 2 * u] + own[u, ONCE]
            cycles = max(cycles, fed / numbers[LINK], (fed + outer_bytes) / numbers[PORT])
            if cycles < best:
                best, which = cycles, u
    return best, which


@kernel
def footprint_inputs(numbers, g, size_c, window, changes, stream, resident):
    """SRAM bytes of the inputs."""
    buffers = numbers[BUFFERS]
    if resident & 1:
        return 0.0
    if stream == 0:
        return numbers[GRAIN_IN] * buffers
    return numbers[IN_BYTES] * g * size_c * window * (buffers if changes else 1.0)


@kernel
def footprint_weights(numbers, g, size_k, size_c, changes, stream, resident):
    """SRAM bytes of the weights."""
    if resident & 2:
        return 0.0
    if stream == 1:
        return numbers[GRAIN_WT] * numbers[BUFFERS]
    return numbers[WT_BYTES] * g * size_k * size_c * (numbers[BUFFERS] if changes else 1.0)


@kernel
def footprint_outputs(numbers, g, size_k, pixels, changes, split, stream, resident):
    """SRAM bytes of the outputs: at accumulator width while C is cut, none where the accumulators hold them."""
    if stream == 2 and not resident & 4:
        return numbers[GRAIN_OUT] * numbers[BUFFERS]
    elements = g * size_k * pixels
    if split:
        held = elements * numbers[ACC_ROOM]
        if held <= numbers[ACCUMULATORS]:
            return 0.0
        if resident & 4:
            return held
        return held * (numbers[BUFFERS] if changes else 1.0)
    if resident & 4:
        return 0.0
    return elements * numbers[OUT_ROOM] * (numbers[BUFFERS] if changes else 1.0)


@kernel
def tiling_cost(group, gr, pixel, pr, axis_k, kr, axis_c, cr, position, stream, resident, numbers):
    """(footprint, outer-memory bytes) of one tiling; infinite bytes where resident outputs would leave unfinished."""
    g1, k1, c1 = group[gr, 1] == 1.0, axis_k[kr, 1] == 1.0, axis_c[cr, 1] == 1.0
    n1, p1, q1 = pixel[pr, 2] == 1.0, pixel[pr, 3] == 1.0, pixel[pr, 4] == 1.0
    again, over_k, shared, partial = loop_rules(position, n1, k1, c1, p1, q1)
    cut = not (n1 and p1 and q1 and g1)
    g, k, c = group[gr, 0], axis_k[kr, 0], axis_c[cr, 0]
    footprint = footprint_inputs(numbers, g, c, pixel[pr, 0], cut or not c1, stream, resident)
    footprint += footprint_weights(numbers, g, k, c, not (g1 and k1 and c1), stream, resident)
    footprint += footprint_outputs(numbers, g, k, pixel[pr, 1], cut or not k1, not c1, stream, resident)
    total = 0.0
    if not resident & 1:
        if stream == 0:
            total += numbers[ALL_INPUTS] * pixel[pr, 5] * axis_k[kr, 1]
        else:
            total += numbers[ALL_INPUTS] * pixel[pr, 5 + shared] * (axis_k[kr, 1] if over_k else 1.0)
    if not resident & 2:
        total += numbers[ALL_WEIGHTS] * weight_passes(pixel, pr, again, stream == 1)
    if resident & 4:
        if partial:
            total = math.inf
    else:
        total += numbers[ALL_OUTPUTS] * numbers[OUT_BYTES]
        if partial or stream == 2:
            total += numbers[ALL_OUTPUTS] * 2.0 * numbers[ACC_BYTES] * (axis_c[cr, 1] - 1.0)
    return footprint, total
