"""Layers side by side: how fast a layer is on some of the arrays, and which contexts of a pipeline fit and how long
they take.

A step is one or more nodes (a fused pool is a node of its own behind its layer); a node works in `units` (rows of
outputs, or rows of inputs where it only adds them up). An edge brings rows from a producing node (`edges[e, PRODUCER]`)
or from outside (-1 - number of the network input). Times of the even pace are in periods of the slowest stage.
"""

import math

import numpy as np

from .jit import kernel

SLACK = 1e-7
"""Rows; phases are sums of a few hundred fractions of at least 1/65,536 with errors near 1e-13."""

# columns of `edges`
PRODUCER, KIND, ROWS, STRIDE, REACH, PAD, SOURCE = 0, 1, 2, 3, 4, 5, 6
# values of KIND: a window slides over the rows, rows pass in proportion, all rows first
WINDOW, EVEN, WHOLE = 0, 1, 2


@kernel
def curve(extents, slots, limits, flat_reduction, flat_pixels, fold, streams, rate, out):
    """Cycles of a layer on 1, 2, ... arrays with the best unrolling, into out: float64[3, arrays + 1] (never rising).

    extents: int64[10], loops as in `unroll`, flattened reduction and pixels last. slots: int64[m, 2], (axis, loop) with
    axis 0 rows, 1 columns, 2 arrays. limits: int64[3], lengths of the axes. fold: load, overhead, hidden of a fold
    [cycle]; streams: axis that a fold streams over, 0 pixels, 1 K, 2 C. Rows of out: all cycles, of them loading, of
    them fill.
    """
    m = slots.shape[0]
    out[:] = 0.0
    out[0, :] = math.inf
    factor = np.ones(m + 1, dtype=np.int64)
    total = extents.copy()
    at = 0
    fresh = True
    while at >= 0:
        if at == m:
            total[:] = 1
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
            out[:, arrays] = out[:, arrays - 1]


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
def last_row(edge, units, unit):
    """Highest input row that a unit of work reads; -1 where it reads padding only."""
    rows = edge[ROWS]
    if edge[KIND] == WHOLE:
        return rows - 1
    if edge[KIND] == EVEN:
        return ((unit + 1) * rows + units - 1) // units - 1
    return max(-1, min(rows - 1, unit * edge[STRIDE] + edge[REACH] - edge[PAD]))


@kernel
def freed_rows(edge, units, unit):
    """Input rows that no later unit of the item reads, once `unit` is done."""
    rows = edge[ROWS]
    if unit == units - 1:
        return rows
    if unit < 0 or edge[KIND] == WHOLE:
        return 0
    if edge[KIND] == EVEN:
        return (unit + 1) * rows // units
    return min(rows, max(0, (unit + 1) * edge[STRIDE] - edge[PAD]))


@kernel
def own_lag(edge, units):
    """Periods by which a stage begins after the producer of one input, so that at even pace it never waits for it."""
    lag = 0.0
    for unit in range(units):
        lag = max(lag, (last_row(edge, units, unit) + 1.0) / edge[ROWS] - float(unit) / units)
    return lag


@kernel
def most_rows(edge, units, lag):
    """Most rows of an edge that wait at even pace, the stage beginning `lag` periods after the producer.

    Row n of all items arrives at (n + 1) / rows; just before unit u is done, at lag + (u + 1) / units, all rows have
    arrived that came earlier and only those that unit u - 1 was the last to read are gone.
    """
    most = 1
    for unit in range(units):
        arrived = math.ceil((lag + (unit + 1.0) / units) * edge[ROWS] - SLACK) - 1
        most = max(most, arrived - freed_rows(edge, units, unit - 1))
    return most


@kernel
def own_buffers(nodes, first_edge, edges, lags, line):
    """Lag and rows of every edge for a stage that waits for this input alone, into lags: float64[e], line: int64[e]."""
    for node in range(nodes.shape[0]):
        for e in range(first_edge[node], first_edge[node + 1]):
            lags[e] = own_lag(edges[e], nodes[node])
            line[e] = most_rows(edges[e], nodes[node], lags[e])


@kernel
def pace(
    first, end, first_node, nodes, first_edge, edges, readers, first_reader, lags, row_bytes, phase, source, rows, room
):
    """Buffers of the context of steps first .. end at even pace, and of every shorter one that begins there.

    phase: float64[nodes], when a node begins. source: float64[sources], when a tensor from outside begins to arrive: as
    late as its readers allow. rows: int64[e], rows that wait. room: float64[steps], buffer bytes of the context first
    .. step. readers, first_reader: edges that read each source (CSR), in the order of the steps.
    """
    begin = first_node[first]
    source[:] = math.inf
    total = 0.0
    for step in range(first, end + 1):
        for node in range(first_node[step], first_node[step + 1]):
            phase[node] = 0.0
            for e in range(first_edge[node], first_edge[node + 1]):
                known = phase[edges[e, PRODUCER]] if edges[e, PRODUCER] >= begin else 0.0
                phase[node] = max(phase[node], known + lags[e])
            for e in range(first_edge[node], first_edge[node + 1]):
                if edges[e, PRODUCER] >= begin:
                    rows[e] = most_rows(edges[e], nodes[node], phase[node] - phase[edges[e, PRODUCER]])
                    total += rows[e] * row_bytes[e]
                    continue
                origin = edges[e, SOURCE]
                rows[e] = 0
                earlier = phase[node] - lags[e] < source[origin]
                source[origin] = min(source[origin], phase[node] - lags[e])
                at = first_reader[origin] if earlier else first_reader[origin + 1]
                while at < first_reader[origin + 1] and readers[at, 0] <= e:
                    if readers[at, 0] >= first_edge[begin] and readers[at, 0] != e:
                        again, reader = readers[at, 0], readers[at, 1]
                        total -= rows[again] * row_bytes[again]
                        rows[again] = most_rows(edges[again], nodes[reader], phase[reader] - source[origin])
                        total += rows[again] * row_bytes[again]
                    at += 1
                rows[e] = most_rows(edges[e], nodes[node], phase[node] - source[origin])
                total += rows[e] * row_bytes[e]
        room[step] = total


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
def fill(first, end, first_node, nodes, outs, first_edge, edges, leaves, unit_s, outer_s, start, finish):
    """Time from the arrival of an item at an idle context to its last row out. [s]

    unit_s: float64[nodes], of one unit of work. outer_s: of the context's outer-memory traffic for an item, over which
    tensors from outside arrive evenly. leaves: whether a step's output goes to outer memory. start: int64[nodes], where
    the finish times of a node's units begin in `finish`. outs: output rows of each node.
    """
    begin = first_node[first]
    done = 0.0
    for step in range(first, end + 1):
        for node in range(first_node[step], first_node[step + 1]):
            now = 0.0
            for unit in range(nodes[node]):
                for e in range(first_edge[node], first_edge[node + 1]):
                    row = last_row(edges[e], nodes[node], unit)
                    if row < 0:
                        continue
                    producer = edges[e, PRODUCER]
                    if producer < begin:
                        now = max(now, outer_s * (row + 1.0) / edges[e, ROWS])
                    elif outs[producer] == nodes[producer]:
                        now = max(now, finish[start[producer] + row])
                    else:
                        now = max(now, finish[start[producer] + nodes[producer] - 1])
                now += unit_s[node]
                finish[start[node] + unit] = now
            done = max(done, now)
        if leaves[step]:
            node = first_node[step + 1] - 1
            done = max(done, finish[start[node] + nodes[node] - 1] + outer_s / outs[node])
    return done


@kernel
def crossing(first, end, first_node, first_edge, edges, source_bytes, last_reader, seen, read, written):
    """Bytes an item moves to and from outer memory in the contexts first .. step, into read, written: float64[steps].

    last_reader: last step that reads each step's output; beyond all steps where it is an output of the network.
    seen: int64[sources], scratch of zeros at the start, of which `first + 1` marks what this call has counted.
    """
    begin = first_node[first]
    taken, given = 0.0, 0.0
    for step in range(first, end + 1):
        for e in range(first_edge[first_node[step]], first_edge[first_node[step + 1]]):
            origin = edges[e, SOURCE]
            if origin < 0 or seen[origin] == first + 1:
                continue
            if edges[e, PRODUCER] < begin:
                seen[origin] = first + 1
                taken += source_bytes[origin]
            elif last_reader[origin] == step:
                seen[origin] = first + 1
                given -= source_bytes[origin]
        given += source_bytes[step]
        read[step], written[step] = taken, given


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
