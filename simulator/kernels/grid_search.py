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

from .grid_envelope import TOP, is_beaten, level_of, matched, place_of, record, remember
from .grid_layout import (
    COPIES_IN,
    COPIES_WEIGHTS,
    EACH,
    FOLDS,
    HAS_INPUTS,
    HAS_OUTPUTS,
    HAS_WEIGHTS,
    PIXEL_FOLDS,
    PIXEL_STEPS,
    SET_CYCLES,
    SET_LEAST,
    SIZE,
    STEPS,
    TRIPS,
    Bools,
    Floats,
    Numbers,
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
from .grid_tiling import NOTHING, OF_INPUTS, OF_OUTPUTS, OF_WEIGHTS, once_of, trips_of
from .jit import kernel
from .layout import FOOTPRINT

OUTPUT_FIRST, INPUT_FIRST, WEIGHT_FIRST, PASSING = range(4)
"""Forms of traffic."""

ORDER_OF = (4, 2, 0, 0)
"""Of the forms, in `grid.points.ORDERS`; one more where rows are shared along P."""

NOT_ASKED, KEPT, BEATEN = range(3)
"""What is known of a pair of tiles."""


class Task(NamedTuple):
    """One walk: a form with an unrolling, a tile of groups, and C whole or cut."""

    form: int
    u: int
    group: int
    whole: int
    resident: int


class Terms(NamedTuple):
    """What all tilings of a task share; nothing where the operand is resident."""

    in_bytes: float
    """SRAM bytes of the inputs for each input of a tile in one channel and group."""
    weight_bytes: float
    """The same of the weights for each input and output channel."""
    all_inputs: float
    """Outer-memory bytes of the inputs for each input of one plane, of all weights, and of all finished outputs."""
    all_weights: float
    all_outputs: float
    slope: float
    """Outer-memory bytes of unfinished outputs for each pass after the first."""
    out_width: float
    """SRAM bytes of an output in a tile."""
    out_buffers: float
    """Copies of an output tile that others follow."""
    grain_in: float
    """SRAM bytes of streamed operands; infinite for what is not streamed."""
    grain_weights: float
    grain_out: float
    feed_partial: float
    """Bytes fed of unfinished outputs at a pass."""


class Contest(NamedTuple):
    """What decides between unrollings: tables, and what is fed of each operand at a pass."""

    pixel: Floats
    axis_k: Floats
    own: Floats
    no_worse: Bools
    feed_in: float
    feed_weights: float
    feed_out: float
    is_fed: bool
    """Whether there is a limit to what is fed."""
    in_by_steps: int
    weights_by_steps: int
    resets: int
    numbers: Numbers


@kernel
def terms_of(numbers, rules, g, task):
    """What all tilings of a `Task` share. g: groups of a tile."""
    form, resident, buffers = task.form, task.resident, numbers.buffers
    in_on, out_on = 0.0 if resident & HAS_INPUTS else 1.0, 0.0 if resident & HAS_OUTPUTS else 1.0
    weights_on = 0.0 if resident & HAS_WEIGHTS else 1.0
    grain_in, grain_weights, grain_out = math.inf, math.inf, math.inf
    if in_on and (form in (OUTPUT_FIRST, PASSING) or (form == WEIGHT_FIRST and rules.merged)):
        grain_in = numbers.grain_in * buffers
    if weights_on and form <= INPUT_FIRST:
        grain_weights = numbers.grain_weights * buffers
    if out_on and form in (INPUT_FIRST, WEIGHT_FIRST):
        grain_out = numbers.grain_out * buffers
    return Terms(
        in_on * numbers.in_bytes * g, weights_on * numbers.weight_bytes * g, in_on * numbers.all_inputs,
        weights_on * numbers.all_weights, numbers.all_outputs * numbers.out_bytes * out_on,
        numbers.all_outputs * 2.0 * numbers.acc_bytes * out_on if form != OUTPUT_FIRST else 0.0,
        numbers.out_room * out_on if task.whole else numbers.acc_room, buffers if out_on else 1.0,
        grain_in, grain_weights, grain_out, numbers.feed_partial * rules.holds_out,
    )  # fmt: skip


@kernel
def outputs_of(layer, terms, elements, whole, changes):
    """(SRAM bytes of a tile of outputs, bytes fed at a pass of partial sums); infinite where partial sums have no room."""
    room = elements * terms.out_width
    if not whole and room <= layer.numbers.accumulators:
        return 0.0, 0.0
    if not whole and not layer.rules.holds_out:
        return math.inf, terms.feed_partial
    return room * (terms.out_buffers if changes else 1.0), terms.feed_partial


@kernel
def beaten(contest, u, p, k, feed):
    """Whether another unrolling takes no more cycles for pixel tile p and K tile k, whatever the tile of C.

    Footprint and bytes do not depend on the unrolling. An earlier unrolling may be as good, it has been walked already; a
    later one must be better. feed: bytes fed beside partial outputs with unrolling u.
    """
    pixel, axis_k, own, no_worse = contest.pixel, contest.axis_k, contest.own, contest.no_worse
    trips, folds, numbers = trips_of(pixel, p), axis_k[k, FOLDS + EACH * u], contest.numbers
    once = once_of(numbers, own, u, pixel[p, PIXEL_STEPS + EACH * u] if contest.weights_by_steps else trips)
    product = folds * pixel[p, PIXEL_FOLDS + EACH * u]
    for v in range(len(own)):
        if v == u or not no_worse[v, u]:
            continue
        others = axis_k[k, FOLDS + EACH * v]
        other = others * pixel[p, PIXEL_FOLDS + EACH * v]
        weights = pixel[p, PIXEL_STEPS + EACH * v] if contest.weights_by_steps else trips
        if other > product or (v > u and other == product) or once_of(numbers, own, v, weights) > once:
            continue
        if contest.resets:
            # Where accumulators are full, fewer folds and their stream count apart.
            stream = other - others * own[v, SET_CYCLES] * trips
            if (
                others > folds
                or stream > product - folds * own[u, SET_CYCLES] * trips
                or own[v, SET_CYCLES] > own[u, SET_CYCLES]
                or own[v, SET_LEAST] > own[u, SET_LEAST]
            ):
                continue
        inputs = axis_k[k, STEPS + EACH * v] if contest.in_by_steps else axis_k[k, TRIPS]
        moved = contest.feed_weights * own[v, COPIES_WEIGHTS] * weights + contest.feed_out
        moved += contest.feed_in * own[v, COPIES_IN] * inputs
        if moved < feed or (moved == feed and v < u) or not contest.is_fed:
            return True
    return False


@kernel
def kept_folds(folds, stream, trips, own, u, sets):
    """Cycles for each step of the reduction where sums stay in accumulators, which ask for so many sets of weights at least.

    folds: of groups and K. stream: cycles that the folds of the pixel tiles stream, without what a fold costs however long it
    is.
    """
    return max(folds * stream, own[u, SET_LEAST] * sets) + own[u, SET_CYCLES] * max(folds * trips, sets)


@kernel
def code_of(rows, at, u, order, stream):
    """One number that says what a point is: a `Tile` with an unrolling, an order and a streamed operand. rows: of each table."""
    code = ((u * 5 + order) * 4 + stream + 1) * rows.group + at.group
    return ((code * rows.pixel + at.pixel) * rows.k + at.k) * rows.c + at.c


@kernel
def streamed(plain, passing, feeding, otherwise):
    """Which operand streams, by the footprints without, with streamed inputs and with streamed weights."""
    if min(passing, feeding) < plain:
        return OF_INPUTS if passing <= feeding else OF_WEIGHTS
    return otherwise


@kernel
def walk(layer, lists, task, contest, known, bins, keep):
    """Offer every tiling of a `Task`. lists: see `lists_of`; contest: `Contest`; known, bins, keep: see `search`."""
    form, u, gr, whole, resident = task
    numbers, rules, own, group, units = layer.numbers, layer.rules, layer.own, layer.group, len(layer.own)
    pixels, axes, present, envelope, nearby = lists.pixels, lists.axes, lists.present, keep.envelope, keep.nearby
    rows = Tile(len(group), len(layer.pixel), len(layer.axis_k), len(layer.axis_c))
    g, g1, steps_g = group[gr, SIZE], group[gr, TRIPS] == 1.0, group[gr, STEPS + EACH * u]
    buffers, link, port = numbers.buffers, numbers.link, numbers.port
    shares_k, passes, swaps = form != INPUT_FIRST, form <= INPUT_FIRST, form in (INPUT_FIRST, WEIGHT_FIRST)
    terms = terms_of(numbers, rules, g, task)
    feed_in, feed_weights = contest.feed_in * own[u, COPIES_IN], contest.feed_weights * own[u, COPIES_WEIGHTS]
    each, passed = own[u, SET_CYCLES], AXIS_TRIPS if rules.keeps else AXIS_FEED
    begin, many = present[OF_PIXELS, BEGIN], present[OF_PIXELS, COUNT]
    begin_k, begin_c = present[OF_K, BEGIN], present[OF_C, BEGIN]
    end_k, end_c = begin_k + present[OF_K, COUNT], begin_c + (1 if whole else present[OF_C, COUNT])
    for turn in range(many):
        # Those that beat most come first: large tiles, but small ones where weights cost nothing to pass again.
        i = begin + (turn if resident & HAS_WEIGHTS else many - 1 - turn)
        trips, folds_p, p = pixels[i, TILE_TRIPS], pixels[i, TILE_FOLDS], int(pixels[i, TILE_ROW])
        cut = trips > 1.0 or not g1
        inputs = terms.in_bytes * pixels[i, TILE_WINDOW] * (1.0 if whole and not cut else buffers)
        weights_total = terms.all_weights * (trips if passes else 1.0)
        in_total = terms.all_inputs * pixels[i, TILE_INPUTS]
        feed_p = feed_weights * pixels[i, TILE_FEED] + contest.feed_out
        once, j = once_of(numbers, own, u, pixels[i, TILE_FEED]), begin_k
        while j < end_k:
            at_k, j = j, j + 1
            jump_k, row_k = int(axes[at_k, AXIS_JUMP]), int(axes[at_k, AXIS_ROW])
            feed_k = feed_p + feed_in * axes[at_k, AXIS_FEED]
            if units > 1 and jump_k == 0:
                pair = (u * rows.pixel + p) * rows.k + row_k
                if known[pair] == NOT_ASKED:
                    known[pair] = BEATEN if beaten(contest, u, p, row_k, feed_k) else KEPT
                if known[pair] == BEATEN:
                    continue
            k, k1, folds_k = axes[at_k, AXIS_SIZE], axes[at_k, AXIS_TRIPS] == 1.0, axes[at_k, AXIS_FOLDS]
            weights = terms.weight_bytes * k * (1.0 if g1 and k1 and whole else buffers)
            outputs, back = outputs_of(layer, terms, g * k * pixels[i, TILE_PIXELS], whole, cut or not k1)
            base = in_total * (axes[at_k, AXIS_TRIPS] if shares_k else 1.0) + weights_total + terms.all_outputs
            held = math.inf if form == PASSING else min(outputs, terms.grain_out)
            passing, feeding = outputs + terms.grain_in, outputs + terms.grain_weights
            plain = folds_k * (folds_p + each * trips) * steps_g
            array = kept_folds(folds_k * steps_g, folds_p, trips, own, u, numbers.sets) if rules.resets else plain
            if math.isinf(min(held, outputs)):
                j = begin_k + jump_k if jump_k > 0 else j
                continue
            m = begin_c + (0 if whole else 1)
            while m < end_c:
                in_held, weights_held = inputs * axes[m, AXIS_SIZE], weights * axes[m, AXIS_SIZE]
                footprint = min(held + (in_held + weights_held), passing + weights_held, feeding + in_held)
                total = base + terms.slope * (axes[m, AXIS_TRIPS] - 1.0)
                is_low, place = footprint <= bins.floor, place_of(footprint, bins)
                level, cycles = 0, 0.0
                lost = is_beaten(envelope, level, place, is_low, total)
                if not lost:
                    folds_c = axes[m, AXIS_FOLDS]
                    fed = feed_k + back * (axes[m, passed] - 1.0)
                    cycles = max(array * folds_c + once, fed / link, (fed + total) / port)
                    if array > plain and rules.holds_out:  # or the accumulators are left unused
                        fed = feed_k + terms.feed_partial * (axes[m, AXIS_FEED] - 1.0)
                        cycles = min(cycles, max(plain * folds_c + once, fed / link, (fed + total) / port))
                    level = level_of(cycles, numbers.least)
                    lost = is_beaten(envelope, level, place, is_low, total)
                    if not lost and level <= envelope[TOP]:
                        lost = matched(nearby, level, place, bins.floor, footprint, total, cycles)
                jump_c, m = int(axes[m, AXIS_JUMP]), m + 1
                if jump_k > 0:
                    j = begin_k + jump_k if lost else j
                    break
                if lost or jump_c > 0:
                    m = begin_c + jump_c if lost and jump_c > 0 else m
                    continue
                remember(envelope, nearby, level, place, footprint, total, cycles, bins.last)
                stream = OF_OUTPUTS if terms.grain_out < outputs else NOTHING
                stream = streamed(held + (in_held + weights_held), passing + weights_held, feeding + in_held, stream)
                order = ORDER_OF[form] + (int(pixels[i, TILE_SWAP]) if swaps else 0)
                at = Tile(gr, p, row_k, int(axes[m - 1, AXIS_ROW]))
                record(
                    keep.points, keep.codes, keep.found, footprint, total, cycles, code_of(rows, at, u, order, stream)
                )


@kernel
def search(layer, plan, resident, bins, known, lists, keep):
    """Survivors of all tilings for one set of resident operands, into keep. More than there is room for: try again with more.

    layer: `grid_layout.Layer`. plan: int64[forms, 14], see its columns. known: int8[unrollings x P x K], what is known of pairs
    of tiles, the same for all sets of resident operands. lists: `Lists`. bins: `Bins`. keep: `Survivors`.
    """
    numbers, rules, envelope, nearby = layer.numbers, layer.rules, keep.envelope, keep.nearby
    contest = Contest(
        layer.pixel, layer.axis_k, layer.own, layer.no_worse, numbers.feed_in * rules.holds_in,
        numbers.feed_weights * rules.holds_weights, numbers.feed_out * rules.holds_out,
        not (math.isinf(numbers.link) and math.isinf(numbers.port)), rules.in_by_steps, rules.weights_by_steps, rules.resets,
        numbers,
    )  # fmt: skip
    for place in range(bins.last + 1):
        envelope[0, place] = math.inf
        nearby[0, place, FOOTPRINT] = math.inf
    envelope[TOP] = 0.0
    keep.found[0] = 0
    for u in range(len(layer.own)):
        for at in range(len(plan)):
            asked = plan[at]
            lists_of(layer, u, asked, lists)
            for whole in range(2):
                if asked[WITH_WHOLE] if whole else asked[WITH_CUT]:
                    for gr in range(len(layer.group)):
                        walk(layer, lists, Task(asked[FORM], u, gr, whole, resident), contest, known, bins, keep)
