"""Array, interconnect and SRAM-port cycles of many points of frontiers at once, to see a chip without one of them."""

from .jit import kernel


@kernel
def roof_cycles(
    group, pixel, axis_k, axis_c, copies, starts, rows, numbers, rules, at, layers, codes, outer_bytes, out
):
    """Fill out[point] = (array, interconnect, SRAM ports) in cycles.

    The flat tables, `starts` and `rows` of `points.Stack`; at: int64[9], places in `numbers` and `rules` of fill, link, port,
    feed of inputs, weights, outputs and partial outputs, and of the rules of inputs, weights and outputs (three in a row),
    then of what the SRAM holds (three in a row). The code of a point is unpacked as `kernels.frontier.walk` packs it.
    """
    for i in range(codes.shape[0]):
        layer, rest = layers[i], codes[i]
        wide = 2 * rows[layer, 4] + 2
        c = starts[layer, 3] + (rest % rows[layer, 3]) * wide
        rest //= rows[layer, 3]
        k = starts[layer, 2] + (rest % rows[layer, 2]) * wide
        rest //= rows[layer, 2]
        p = starts[layer, 1] + (rest % rows[layer, 1]) * (wide + 6)
        rest //= rows[layer, 1]
        g = starts[layer, 0] + (rest % rows[layer, 0]) * wide
        u = rest // rows[layer, 0] // 20  # four streams and five orders lie below the unrolling
        own = 2 + 2 * u
        own_copies = starts[layer, 4] + 2 * u
        folds = axis_k[k + own + 1] * pixel[p + own + 7] * axis_c[c + own + 1] * group[g + own]
        inputs = axis_k[k + own] if rules[layer, at[7]] == 0 else axis_k[k + 1]
        inputs *= numbers[layer, at[3]] * copies[own_copies]
        weights = pixel[p + own + 6] if rules[layer, at[7] + 1] == 0 else pixel[p + 2] * pixel[p + 3] * pixel[p + 4]
        weights *= numbers[layer, at[4]] * copies[own_copies + 1]
        outputs = numbers[layer, at[5]]
        if rules[layer, at[7] + 2] == 1:
            outputs += numbers[layer, at[6]] * (axis_c[c + own] - 1.0)
        elif rules[layer, at[7] + 2] == 2:
            outputs += numbers[layer, at[6]] * (axis_c[c + 1] - 1.0)
        feed = inputs * rules[layer, at[8]] + weights * rules[layer, at[8] + 1] + outputs * rules[layer, at[8] + 2]
        out[i, 0] = folds + numbers[layer, at[0]]
        out[i, 1] = feed / numbers[layer, at[1]]
        out[i, 2] = (feed + outer_bytes[i]) / numbers[layer, at[2]]
