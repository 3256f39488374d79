"""The frontier of one layer: every tiling that no other beats in SRAM footprint, outer bytes and on-chip cycles.

Over all loop orders and streamed operands only four forms of traffic are left (T: trips of N, P and Q together, I0
and Is the inputs without and with sharing of rows between neighbours, X further passes of unfinished outputs; F with
-, I, W, O the footprint with nothing, inputs, weights or outputs streamed):

    OUTPUT_FIRST  T W + Tk I0 + O        min(F-, FI, FW)   order NQPKC, only where C is cut
    INPUT_FIRST   T W + Is + O + X       min(F-, FW, FO)   order NPCQK or NQCPK
    WEIGHT_FIRST  W + Tk Is + O + X      min(F-, FO)       order CKNPQ or CKNQP
    PASSING       W + Tk I0 + O + X      FI                order CKNPQ

Where neighbours share nothing, I0 = Is and WEIGHT_FIRST, with FI, takes the place of PASSING. Every other pair has the
bytes of one of these and no smaller footprint (docs/model.md has the cases). `search` walks the candidate tables once a
form and an unrolling, skips blocks whose best corner is beaten, and appends what the envelope does not beat;
`best.keep_best` makes the exact frontier of the survivors.
"""

import math
from typing import NamedTuple

import numpy as np

from .grid_layout import (
    COPIES_IN,
    COPIES_WEIGHTS,
    EACH,
    FOLDS,
    HAS_INPUTS,
    HAS_OUTPUTS,
    HAS_WEIGHTS,
    ONCE,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    SET_CYCLES,
    SET_LEAST,
    SIZE,
    STEPS,
    TRIPS,
    Floats,
    Ints,
    Tile,
)
from .grid_lists import (
    AXIS_FEED,
    AXIS_FOLDS,
    AXIS_JUMP,
    AXIS_ROW,
    AXIS_SIZE,
    AXIS_TRIPS,
    BEGIN,
    BY_FEED,
    COUNT,
    FORM,
    OF_C,
    OF_K,
    OF_PIXELS,
    TILE_FEED,
    TILE_FOLDS,
    TILE_INPUTS,
    TILE_PIXELS,
    TILE_ROW,
    TILE_SWAP,
    TILE_TRIPS,
    TILE_WINDOW,
    WITH_CUT,
    WITH_WHOLE,
    lists_of,
)
from .grid_tiling import NOTHING, OF_INPUTS, OF_OUTPUTS, OF_WEIGHTS, trips_of
from .jit import kernel
from .layout import BYTES, CYCLES, FOOTPRINT

OUTPUT_FIRST, INPUT_FIRST, WEIGHT_FIRST, PASSING = range(4)
"""Forms of traffic."""

ORDER_OF = (4, 2, 0, 0)
"""Of the forms, in `grid.points.ORDERS`; one more where rows are shared along P."""

LEVELS, BINS = 64, 1024
"""Cells of cycles and bins of footprints of an envelope."""

TOP = (LEVELS, 0)
"""Where an envelope keeps its highest cell."""

NOT_ASKED, KEPT, BEATEN = range(3)
"""What is known of a pair of tiles."""


class Survivors(NamedTuple):
    """What no tiling offered so far has beaten, and what tells so."""

    envelope: Floats
    """float64[LEVELS + 1, BINS], least bytes of a survivor with at most these cycles and this footprint."""
    nearby: Floats
    """float64[LEVELS, BINS, 3], the last survivor of each cell and bin."""
    points: Floats
    codes: Ints
    found: Ints
    """int64[1], how many; more than `points` has room for where some were left out."""


class Task(NamedTuple):
    """One walk: a form with an unrolling, a tile of groups, and C whole or cut."""

    form: int
    u: int
    group: int
    whole: int
    resident: int
    feeds_weights: int
    """Whether the feed of weights matters."""


@kernel
def level_of(cycles, least):
    """Index of the cell of cycles: 0 the least, then four an octave."""
    if cycles <= least:
        return 0
    return max(1, min(LEVELS - 1, (np.float64(cycles / least).view(np.int64) >> 50) - 4 * 1023 + 1))


@kernel
def remember(keep, level, place, footprint, total, cycles, last):
    """Note a survivor: lower the envelope for its cell and bin and all larger ones."""
    envelope, nearby = keep.envelope, keep.nearby
    top = int(envelope[TOP])
    while top < level:
        for larger in range(last + 1):
            envelope[top + 1, larger] = envelope[top, larger]
            nearby[top + 1, larger, FOOTPRINT] = math.inf
        top += 1
    envelope[TOP] = top
    nearby[level, place, FOOTPRINT], nearby[level, place, BYTES], nearby[level, place, CYCLES] = (
        footprint,
        total,
        cycles,
    )
    for above in range(level, top + 1):
        if envelope[above, place] <= total:
            return
        for larger in range(place, last + 1):
            if envelope[above, larger] <= total:
                break
            envelope[above, larger] = total


@kernel
def matched(nearby, level, place, footprint, total, cycles):
    """Whether a survivor remembered in this cell, or one next to it, is no worse in anything."""
    for cell in range(max(level - 1, 0), level + 1):
        for at in range(max(place - 1, 0), place + 1):
            if (
                nearby[cell, at, FOOTPRINT] <= footprint
                and nearby[cell, at, BYTES] <= total
                and nearby[cell, at, CYCLES] <= cycles
            ):
                return True
    return False


@kernel
def record(keep, footprint, total, cycles, code):
    """Append a survivor where there is room, and count it."""
    at, points = keep.found[0], keep.points
    if at < keep.codes.shape[0]:
        points[at, FOOTPRINT], points[at, BYTES], points[at, CYCLES] = footprint, total, cycles
        keep.codes[at] = code
    keep.found[0] = at + 1


@kernel
def grains(form, resident, numbers, rules):
    """SRAM bytes of streamed inputs, weights and outputs; infinite for what a form does not stream."""
    buffers = numbers.buffers
    grain_in, grain_weights, grain_out = math.inf, math.inf, math.inf
    if not resident & HAS_INPUTS and (form in (OUTPUT_FIRST, PASSING) or (form == WEIGHT_FIRST and rules.merged)):
        grain_in = numbers.grain_in * buffers
    if not resident & HAS_WEIGHTS and form <= INPUT_FIRST:
        grain_weights = numbers.grain_weights * buffers
    if not resident & HAS_OUTPUTS and form in (INPUT_FIRST, WEIGHT_FIRST):
        grain_out = numbers.grain_out * buffers
    return grain_in, grain_weights, grain_out


@kernel
def beaten(layer, u, p, k, feed, feeds_weights):
    """Whether another unrolling takes no more cycles for pixel tile p and K tile k, whatever the tile of C.

    Footprint and bytes do not depend on the unrolling. An earlier unrolling may be as good, it has been walked already; a
    later one must be better. feed: bytes fed beside partial outputs with unrolling u. feeds_weights: whether the feed of weights
    matters.
    """
    pixel, axis_k, own, numbers, rules = layer.pixel, layer.axis_k, layer.own, layer.numbers, layer.rules
    feed_in, feed_weights = numbers.feed_in * rules.holds_in, numbers.feed_weights * rules.holds_weights * feeds_weights
    feed_out = numbers.feed_out * rules.holds_out
    trips = trips_of(pixel, p)
    fed = not (math.isinf(numbers.link) and math.isinf(numbers.port))
    folds = axis_k[k, FOLDS + EACH * u]
    product = folds * pixel[p, PIXEL_FOLDS + EACH * u]
    for v in range(own.shape[0]):
        others = axis_k[k, FOLDS + EACH * v]
        other = others * pixel[p, PIXEL_FOLDS + EACH * v]
        if (
            v == u
            or not layer.no_worse[v, u]
            or other > product
            or (v > u and other == product)
            or own[v, ONCE] > own[u, ONCE]
        ):
            continue
        if rules.resets:
            # Where accumulators are full, fewer folds and their stream count apart.
            stream = other - others * own[v, SET_CYCLES] * trips
            if (
                others > folds
                or stream > product - folds * own[u, SET_CYCLES] * trips
                or own[v, SET_CYCLES] > own[u, SET_CYCLES]
                or own[v, SET_LEAST] > own[u, SET_LEAST]
            ):
                continue
        weights = pixel[p, PIXEL_STEPS + EACH * v] if rules.weights_by_steps else trips
        inputs = axis_k[k, STEPS + EACH * v] if rules.in_by_steps else axis_k[k, TRIPS]
        moved = (feed_weights * own[v, COPIES_WEIGHTS] * weights + feed_out) + feed_in * own[v, COPIES_IN] * inputs
        if moved < feed or (moved == feed and v < u) or not fed:
            return True
    return False


@kernel
def left_out(layer, known, task, p, k, feed):
    """Whether the pair of pixel tile p and K tile k is `beaten`, which is asked once."""
    u = task.u
    place = (u * layer.pixel.shape[0] + p) * layer.axis_k.shape[0] + k
    if known[place] == NOT_ASKED:
        known[place] = BEATEN if beaten(layer, u, p, k, feed, task.feeds_weights) else KEPT
    return known[place] == BEATEN


@kernel
def kept_folds(folds, stream, trips, own, u, sets):
    """Cycles for each step of the reduction where sums stay in accumulators, which ask for so many sets of weights at least.

    folds: of groups and K. stream: cycles that the folds of the pixel tiles stream, without what a fold costs however long it
    is.
    """
    return max(folds * stream, own[u, SET_LEAST] * sets) + own[u, SET_CYCLES] * max(folds * trips, sets)


@kernel
def code_of(layer, at, u, order, stream):
    """One number that says what a point is: a `Tile` with an unrolling, an order and a streamed operand."""
    code = ((u * 5 + order) * 4 + stream + 1) * layer.group.shape[0] + at.group
    code = (code * layer.pixel.shape[0] + at.pixel) * layer.axis_k.shape[0] + at.k
    return code * layer.axis_c.shape[0] + at.c


@kernel
def streamed(plain, passing, feeding, otherwise):
    """Which operand streams, by the footprints without, with streamed inputs and with streamed weights."""
    if min(passing, feeding) < plain:
        return OF_INPUTS if passing <= feeding else OF_WEIGHTS
    return otherwise


@kernel
def walk(layer, lists, task, known, keep):
    """Offer every tiling of a `Task`. lists: see `lists_of`; known: see `search`; keep: `Survivors`."""
    form, u, gr, whole, resident, _ = task
    numbers, rules, own, group, units = layer.numbers, layer.rules, layer.own, layer.group, layer.own.shape[0]
    pixels, axes, present, envelope, nearby = lists.pixels, lists.axes, lists.present, keep.envelope, keep.nearby
    g, g1, steps_g = group[gr, SIZE], group[gr, TRIPS] == 1.0, group[gr, STEPS + EACH * u]
    buffers, last, once, link, port = numbers.buffers, rules.last_bin, own[u, ONCE], numbers.link, numbers.port
    in_on, out_on = 0.0 if resident & HAS_INPUTS else 1.0, 0.0 if resident & HAS_OUTPUTS else 1.0
    weights_on = 0.0 if resident & HAS_WEIGHTS else 1.0
    shares_k, passes, swaps = form != INPUT_FIRST, form <= INPUT_FIRST, form in (INPUT_FIRST, WEIGHT_FIRST)
    out_width = numbers.out_room * out_on if whole else numbers.acc_room
    out_total = numbers.all_outputs * numbers.out_bytes * out_on
    slope = numbers.all_outputs * 2.0 * numbers.acc_bytes * out_on if form != OUTPUT_FIRST else 0.0
    grain_in, grain_weights, grain_out = grains(form, resident, numbers, rules)
    feed_in = numbers.feed_in * own[u, COPIES_IN] * rules.holds_in
    feed_weights = numbers.feed_weights * own[u, COPIES_WEIGHTS] * rules.holds_weights
    feed_part, feed_out = numbers.feed_partial * rules.holds_out, numbers.feed_out * rules.holds_out
    each, passed = own[u, SET_CYCLES], AXIS_TRIPS if rules.keeps else AXIS_FEED
    begin, many = present[OF_PIXELS, BEGIN], present[OF_PIXELS, COUNT]
    begin_k, begin_c = present[OF_K, BEGIN], present[OF_C, BEGIN]
    end_k, end_c = begin_k + present[OF_K, COUNT], begin_c + (1 if whole else present[OF_C, COUNT])
    for turn in range(many):
        # Those that beat most come first: large tiles, but small ones where weights cost nothing to pass again.
        i = begin + (turn if resident & HAS_WEIGHTS else many - 1 - turn)
        trips, folds_p = pixels[i, TILE_TRIPS], pixels[i, TILE_FOLDS]
        cut = trips > 1.0 or not g1
        inputs = in_on * numbers.in_bytes * g * pixels[i, TILE_WINDOW] * (1.0 if whole and not cut else buffers)
        weights_total = weights_on * numbers.all_weights * (trips if passes else 1.0)
        in_total = in_on * numbers.all_inputs * pixels[i, TILE_INPUTS]
        feed_p = feed_weights * pixels[i, TILE_FEED] + feed_out
        j = begin_k
        while j < end_k:
            k, k1, folds_k = axes[j, AXIS_SIZE], axes[j, AXIS_TRIPS] == 1.0, axes[j, AXIS_FOLDS]
            weights = weights_on * numbers.weight_bytes * g * k * (1.0 if g1 and k1 and whole else buffers)
            outputs, back = g * k * pixels[i, TILE_PIXELS] * out_width, feed_part
            if not whole and outputs <= numbers.accumulators:
                outputs, back = 0.0, 0.0
            elif out_on and (cut or not k1):
                outputs *= buffers
            base = in_total * (axes[j, AXIS_TRIPS] if shares_k else 1.0) + weights_total + out_total
            held = math.inf if form == PASSING else min(outputs, grain_out)
            passing, feeding = outputs + grain_in, outputs + grain_weights
            plain = folds_k * (folds_p + each * trips) * steps_g
            array = kept_folds(folds_k * steps_g, folds_p, trips, own, u, numbers.sets) if rules.resets else plain
            feed_k = feed_p + feed_in * axes[j, AXIS_FEED]
            jump_k, j = int(axes[j, AXIS_JUMP]), j + 1
            p, row_k = int(pixels[i, TILE_ROW]), int(axes[j - 1, AXIS_ROW])
            if units > 1 and jump_k == 0 and left_out(layer, known, task, p, row_k, feed_k):
                continue
            m = begin_c + (0 if whole else 1)
            while m < end_c:
                in_held, weights_held = inputs * axes[m, AXIS_SIZE], weights * axes[m, AXIS_SIZE]
                footprint = min(held + (in_held + weights_held), passing + weights_held, feeding + in_held)
                total = base + slope * (axes[m, AXIS_TRIPS] - 1.0)
                place = max(0, min(last, (np.float64(footprint).view(np.int64) >> 48) - 16367))
                level, cycles = 0, 0.0
                lost = place > 0 and envelope[0, place - 1] <= total
                if not lost:
                    folds_c = axes[m, AXIS_FOLDS]
                    fed = feed_k + back * (axes[m, passed] - 1.0)
                    cycles = max(array * folds_c + once, fed / link, (fed + total) / port)
                    if array > plain:  # or the accumulators are left unused
                        fed = feed_k + feed_part * (axes[m, AXIS_FEED] - 1.0)
                        cycles = min(cycles, max(plain * folds_c + once, fed / link, (fed + total) / port))
                    level = level_of(cycles, numbers.least)
                    lost = place > 0 and envelope[min(max(level - 1, 0), int(envelope[TOP])), place - 1] <= total
                jump_c, m = int(axes[m, AXIS_JUMP]), m + 1
                if jump_k > 0:
                    j = begin_k + jump_k if lost else j
                    break
                if lost or jump_c > 0:
                    m = begin_c + jump_c if lost and jump_c > 0 else m
                    continue
                if level <= envelope[TOP] and matched(nearby, level, place, footprint, total, cycles):
                    continue
                remember(keep, level, place, footprint, total, cycles, last)
                stream = OF_OUTPUTS if grain_out < outputs else NOTHING
                stream = streamed(held + (in_held + weights_held), passing + weights_held, feeding + in_held, stream)
                order = ORDER_OF[form] + (int(pixels[i, TILE_SWAP]) if swaps else 0)
                at = Tile(gr, p, row_k, int(axes[m - 1, AXIS_ROW]))
                record(keep, footprint, total, cycles, code_of(layer, at, u, order, stream))


@kernel
def search(layer, plan, resident, known, lists, keep):
    """Survivors of all tilings for one set of resident operands, into keep. More than there is room for: try again with more.

    layer: `grid_layout.Layer`. plan: int64[forms, 14], see its columns. known: int8[unrollings x P x K], what is known of pairs
    of tiles, the same for all sets of resident operands. lists: `Lists`. keep: `Survivors`.
    """
    envelope, nearby = keep.envelope, keep.nearby
    for place in range(layer.rules.last_bin + 1):
        envelope[0, place] = math.inf
        nearby[0, place, FOOTPRINT] = math.inf
    envelope[TOP] = 0.0
    keep.found[0] = 0
    for u in range(layer.own.shape[0]):
        for at in range(plan.shape[0]):
            asked = plan[at]
            lists_of(layer, u, asked, lists)
            for whole in range(2):
                if asked[WITH_WHOLE] if whole else asked[WITH_CUT]:
                    for gr in range(layer.group.shape[0]):
                        task = Task(asked[FORM], u, gr, whole, resident, asked[BY_FEED])
                        walk(layer, lists, task, known, keep)
