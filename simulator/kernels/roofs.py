"""Array, interconnect and SRAM-port cycles of many points of frontiers at once, to see a chip without one of them."""

from .jit import kernel

# indices of `numbers` and `rules`, and columns of `own`, as in onetile.py
ACCUMULATORS, LINK, PORT = 11, 12, 13
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL = 14, 15, 16, 17
ACC_ROOM, SETS = 20, 21
FEED_IN_RULE, FEED_WT_RULE, FEED_OUT_RULE, HOLDS_IN, HOLDS_WT, HOLDS_OUT, KEEPS, RESETS = 0, 1, 2, 3, 4, 5, 8, 9
COPIES_IN, COPIES_WT, SET_CYCLES, SET_LEAST, ONCE, OWN = 0, 1, 2, 3, 4, 5


@kernel
def roof_cycles(group, pixel, axis_k, axis_c, owned, starts, rows, numbers, rules, layers, codes, outer_bytes, out):
    """Fill out[point] = (array, interconnect, SRAM ports) in cycles.

    The flat tables, `starts` and `rows` of `points.Stack`. The code of a point is unpacked as `kernels.frontier.walk` packs
    it; of the two ways to use accumulators the one that is faster on the chip as it is.
    """
    for i in range(codes.shape[0]):
        layer, rest = layers[i], codes[i]
        number, rule = numbers[layer], rules[layer]
        wide = 2 * rows[layer, 4] + 2
        c = starts[layer, 3] + (rest % rows[layer, 3]) * wide
        rest //= rows[layer, 3]
        k = starts[layer, 2] + (rest % rows[layer, 2]) * wide
        rest //= rows[layer, 2]
        p = starts[layer, 1] + (rest % rows[layer, 1]) * (wide + 6)
        rest //= rows[layer, 1]
        g = starts[layer, 0] + (rest % rows[layer, 0]) * wide
        u = rest // rows[layer, 0] // 20  # four streams and five orders lie below the unrolling
        own, mine = 2 + 2 * u, starts[layer, 4] + OWN * u
        folds, trips = axis_k[k + own + 1] * group[g + own], pixel[p + 2] * pixel[p + 3] * pixel[p + 4]
        plain = folds * pixel[p + own + 7]
        inputs = axis_k[k + own] if rule[FEED_IN_RULE] == 0 else axis_k[k + 1]
        weights = pixel[p + own + 6] if rule[FEED_WT_RULE] == 0 else trips
        feed = inputs * number[FEED_IN] * owned[mine + COPIES_IN] * rule[HOLDS_IN]
        feed += weights * number[FEED_WT] * owned[mine + COPIES_WT] * rule[HOLDS_WT]
        feed += number[FEED_OUT] * rule[HOLDS_OUT]
        partial = number[FEED_PARTIAL] * rule[HOLDS_OUT]
        fed = feed + partial * ((axis_c[c + own] if rule[FEED_OUT_RULE] == 1 else axis_c[c + 1]) - 1.0)
        array = plain * axis_c[c + own + 1] + owned[mine + ONCE]
        if rule[KEEPS]:
            fits = group[g] * axis_k[k] * pixel[p + 1] * number[ACC_ROOM] <= number[ACCUMULATORS]
            kept = feed + partial * (0.0 if fits else axis_c[c + 1] - 1.0)
            cut = plain
            if rule[RESETS]:
                each = owned[mine + SET_CYCLES]
                cut = max(plain - folds * each * trips, owned[mine + SET_LEAST] * number[SETS])
                cut += each * max(folds * trips, number[SETS])
            cut = cut * axis_c[c + own + 1] + owned[mine + ONCE]
            ours = max(cut, kept / number[LINK], (kept + outer_bytes[i]) / number[PORT])
            theirs = max(array, fed / number[LINK], (fed + outer_bytes[i]) / number[PORT])
            if ours < theirs or (ours == theirs and cut <= array):
                array, fed = cut, kept
        out[i, 0] = array
        out[i, 1] = fed / number[LINK]
        out[i, 2] = (fed + outer_bytes[i]) / number[PORT]
