"""What points of frontiers are and what their cycles consist of, read from the tables of many layers at once.

The tables lie behind each other in flat arrays; starts[layer, table] is where one begins, rows[layer, table] how many rows
it has (tables: group, pixel, K, C; the fifth are the copies of each unrolling).
"""

from .jit import kernel

# columns of `layer`
MACS, PEAK, LOAD, OVERHEAD, HIDDEN, STREAMS, RATE = 0, 1, 2, 3, 4, 5, 6
# indices of `numbers` and `rules`, as in frontier.py
LINK, PORT, FILL = 12, 13, 14
FEED_IN, FEED_WT, FEED_OUT, FEED_PARTIAL = 15, 16, 17, 18


@kernel
def unpack(code, rows, layer, out, at):
    """Take a code apart into out[at]: rows of group, pixel, K and C, order, stream, unrolling (columns 0, 1, 2, 3, 6, 7, 8)."""
    out[at, 3] = code % rows[layer, 3]
    code //= rows[layer, 3]
    out[at, 2] = code % rows[layer, 2]
    code //= rows[layer, 2]
    out[at, 1] = code % rows[layer, 1]
    code //= rows[layer, 1]
    out[at, 0] = code % rows[layer, 0]
    code //= rows[layer, 0]
    out[at, 7] = code % 4 - 1
    code //= 4
    out[at, 6] = code % 5
    out[at, 8] = code // 5


@kernel
def decode_rows(group, pixel, axis_k, axis_c, tiles, starts, rows, layers, codes, out):
    """Sizes g n k c p q, order, stream and unrolling of every code, into out: int64[points, 9]."""
    for i in range(codes.shape[0]):
        layer = layers[i]
        unpack(codes[i], rows, layer, out, i)
        wide = 2 * rows[layer, 4] + 2
        g = group[starts[layer, 0] + out[i, 0] * wide]
        k = axis_k[starts[layer, 2] + out[i, 2] * wide]
        c = axis_c[starts[layer, 3] + out[i, 3] * wide]
        first = out[i, 1]
        for before in range(layer):
            first += rows[before, 1]
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = int(g), tiles[first, 0], int(k), int(c)
        out[i, 4], out[i, 5] = tiles[first, 1], tiles[first, 2]


@kernel
def breakdown_rows(
    group, pixel, axis_k, axis_c, copies, starts, rows, numbers, rules, layer_numbers, layers, codes, outer_bytes, out
):
    """Array cycles by cause, interconnect and SRAM cycles and feed bytes of every code, into out: float64[points, 8].

    The same sums as `on_chip_cycles` in frontier.py. Cycles beyond the steps belong to loading and to fill and drain in the
    proportion in which every fold pays for them.
    """
    for i in range(layers.shape[0]):
        layer, code = layers[i], codes[i]
        wide = 2 * rows[layer, 4] + 2
        cr = starts[layer, 3] + code % rows[layer, 3] * wide
        code //= rows[layer, 3]
        kr = starts[layer, 2] + code % rows[layer, 2] * wide
        code //= rows[layer, 2]
        pr = starts[layer, 1] + code % rows[layer, 1] * (wide + 6)
        code //= rows[layer, 1]
        gr = starts[layer, 0] + code % rows[layer, 0] * wide
        u = code // rows[layer, 0] // 20
        at = 2 + 2 * u
        steps = group[gr + at] * axis_k[kr + at] * axis_c[cr + at] * pixel[pr + 6 + at]
        folds = group[gr + at] * axis_k[kr + at + 1] * axis_c[cr + at + 1] * pixel[pr + 6 + at + 1]
        ideal = layer_numbers[layer, MACS] / layer_numbers[layer, PEAK]
        load, overhead = layer_numbers[layer, LOAD], layer_numbers[layer, OVERHEAD]
        extra = max(folds - steps, 0.0)
        loading = extra * load / (load + overhead) if load + overhead > 0.0 else 0.0
        filling = extra - loading
        once = numbers[layer, FILL]
        if layer_numbers[layer, HIDDEN] > 0.0 and once > 0.0:
            first = min(once, load / layer_numbers[layer, RATE])
            loading += first
            filling += once - first
        elif filling + once >= 0.0:
            filling += once
        elif loading + once >= 0.0:
            loading += once
        edges = max(steps - ideal, 0.0)
        inputs = axis_k[kr + at] if rules[layer, 0] == 0 else axis_k[kr + 1]
        inputs *= numbers[layer, FEED_IN] * copies[starts[layer, 4] + 2 * u]
        weights = pixel[pr + 6 + at]
        if rules[layer, 1] != 0:
            weights = pixel[pr + 2] * pixel[pr + 3] * pixel[pr + 4]
        weights *= numbers[layer, FEED_WT] * copies[starts[layer, 4] + 2 * u + 1]
        outputs = numbers[layer, FEED_OUT]
        if rules[layer, 2] == 1:
            outputs += numbers[layer, FEED_PARTIAL] * (axis_c[cr + at] - 1.0)
        elif rules[layer, 2] == 2:
            outputs += numbers[layer, FEED_PARTIAL] * (axis_c[cr + 1] - 1.0)
        feed = inputs * rules[layer, 3] + weights * rules[layer, 4] + outputs * rules[layer, 5]
        out[i, 0] = ideal + edges + filling + loading
        out[i, 1], out[i, 2], out[i, 3], out[i, 4] = ideal, edges, filling, loading
        out[i, 5] = feed / numbers[layer, LINK]
        out[i, 6] = (feed + outer_bytes[i]) / numbers[layer, PORT]
        out[i, 7] = feed
