"""Layers side by side: which rows wait in a pipeline, what fits, and how long an item takes through it.

A step is one or more nodes (a fused pool is a node of its own behind its layer); a node works in `units` (rows of
outputs, or rows of inputs where it only adds them up). An edge brings rows from a producing node (`edges[e, PRODUCER]`)
or from outside (-1 - number of the network's tensor). Times of the even pace are in periods of the slowest stage.
"""

import math

from .jit import kernel

SLACK = 1e-7
"""Rows; phases are sums of a few hundred fractions of at least 1/65,536 with errors near 1e-13."""

# columns of `edges`
PRODUCER, KIND, ROWS, STRIDE, REACH, DILATION, PAD, SOURCE = 0, 1, 2, 3, 4, 5, 6, 7
# values of KIND: a window slides over the rows, rows pass in proportion, all rows first
WINDOW, EVEN, WHOLE = 0, 1, 2


@kernel
def last_row(edge, units, unit):
    """Highest input row that a unit of work reads; -1 where it reads padding only."""
    rows = edge[ROWS]
    if edge[KIND] == WHOLE:
        return rows - 1
    if edge[KIND] == EVEN:
        return ((unit + 1) * rows + units - 1) // units - 1
    last = unit * edge[STRIDE] + edge[REACH] - edge[PAD]
    over = max(0, last - rows + 1)  # taps in the padding below read nothing
    return max(-1, last - (over + edge[DILATION] - 1) // edge[DILATION] * edge[DILATION])


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
    first, end, first_node, nodes, first_edge, edges, readers, first_reader, lags, row_bytes, phase, source, rows,
    room
):  # fmt: skip
    """Buffers of the context of steps first .. end at even pace, and of every shorter one that begins there.

    phase: float64[nodes], when a node begins. source: float64[sources], when a tensor from outside begins to arrive: as
    late as its readers allow. rows: int64[e], rows that wait. room: float64[steps], buffer bytes of the context first
    .. step. readers, first_reader: edges that read each source (CSR), in the order of the steps.
    """
    begin = first_node[first]
    for origin in range(source.shape[0]):
        source[origin] = math.inf
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
def _when(row, ready, takers, lo, hi, first_edge_of, edges, units, room, done, start, count, at):
    """When a finished row moves on: once every reader has room for it; -1 while that is not known yet.

    takers: rows lo .. hi are (edge, node) of the readers. at: int64[e], first unit whose end gives room for the row.
    """
    now = ready
    for i in range(lo, hi):
        e, node = takers[i, 0], takers[i, 1]
        if first_edge_of[0] > e or e >= first_edge_of[1] or row < room[e]:
            continue
        while freed_rows(edges[e], units[node], at[e]) <= row - room[e]:
            at[e] += 1
        if at[e] >= count[node]:
            return -1.0
        now = max(now, done[start[node] + at[e]])
    return now


@kernel
def fill(
    first, end, first_node, units, outs, rows_of, first_edge, edges, takers, first_taker, start, room, unit_s,
    outer_s, leaves, times, counts
):  # fmt: skip
    """Time from the arrival of an item at an idle context, its buffers as in `room`, to its last row out. [s]

    unit_s: float64[nodes], of one unit of work. outer_s: of the context's outer-memory traffic for an item, over which
    tensors from outside arrive evenly. leaves: whether a step's output goes to outer memory. rows_of: int64[origins],
    rows of every node's outputs and of every network input. start: int64[origins + 1], where the times of each begin.
    takers: readers of each origin. times: float64[3, .], counts: int64[4, .], scratch of zeros. Infinite where the
    pipeline locks up. Every node goes as far as it can, round by round.
    """
    begin, stop = first_node[first], first_node[end + 1]
    own = (first_edge[begin], first_edge[stop])
    given, done, clock = times[0], times[1], times[2]
    count, sent, held, at = counts[0], counts[1], counts[2], counts[3]
    moved = True
    while moved:
        moved = False
        for e in range(own[0], own[1]):
            origin = edges[e, PRODUCER]
            if begin <= origin:
                continue
            origin = origin if origin >= 0 else units.shape[0] - 1 - origin
            while sent[origin] < rows_of[origin]:
                ready = clock[origin] + outer_s / rows_of[origin]
                lo, hi = first_taker[origin], first_taker[origin + 1]
                ready = _when(sent[origin], ready, takers, lo, hi, own, edges, units, room, done, start, count, at)
                if ready < 0.0:
                    break
                given[start[origin] + sent[origin]] = clock[origin] = ready
                sent[origin] += 1
                moved = True
        for node in range(begin, stop):
            while count[node] < units[node] or held[node] > 0:
                if held[node] > 0:
                    lo, hi = first_taker[node], first_taker[node + 1]
                    ready = _when(
                        sent[node], clock[node], takers, lo, hi, own, edges, units, room, done, start, count, at
                    )
                    if ready < 0.0:
                        break
                    given[start[node] + sent[node]] = clock[node] = ready
                    sent[node] += 1
                    held[node] = 0
                    moved = True
                    continue
                ready = _begins(node, clock[node], count[node], units, first_edge, edges, sent, given, start)
                if ready < 0.0:
                    break
                clock[node] = done[start[node] + count[node]] = ready + unit_s[node]
                count[node] += 1
                held[node] = 1 if outs[node] == units[node] or count[node] == units[node] else 0
                moved = True
    finish = 0.0
    for step in range(first, end + 1):
        for node in range(first_node[step], first_node[step + 1]):
            if count[node] < units[node] or held[node] > 0:
                return math.inf
            finish = max(finish, clock[node])
        if leaves[step]:
            finish = max(finish, clock[first_node[step + 1] - 1] + outer_s / outs[first_node[step + 1] - 1])
    return finish


@kernel
def _begins(node, clock, unit, units, first_edge, edges, sent, given, start):
    """When a node can begin a unit of work: once all rows it reads are there; -1 while that is not known yet."""
    now = clock
    for e in range(first_edge[node], first_edge[node + 1]):
        row = last_row(edges[e], units[node], unit)
        origin = edges[e, PRODUCER]
        origin = origin if origin >= 0 else units.shape[0] - 1 - origin
        if row >= sent[origin]:
            return -1.0
        if row >= 0:
            now = max(now, given[start[origin] + row])
    return now


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
def least_fills(
    first, last, first_node, units, outs, first_edge, edges, cycles, cycle_s, vector_s, overhead_s, outer_s,
    on_vector, last_reader, scratch, out
):  # fmt: skip
    """No item leaves the contexts first .. step sooner, into out: float64[steps]: `fill` with all buffers unlimited,
    and of every node the times of its first and last unit only. [s]

    cycles: float64[ends, steps], of every stage in the contexts first .. end; cycle_s: seconds of one. vector_s, outer_s:
    float64[steps], vector and outer-memory time of an item in the contexts first .. step. on_vector: whether a step has
    vector work. scratch: float64[3, nodes].
    """
    begin = first_node[first]
    begins, ends, unit_of = scratch[0], scratch[1], scratch[2]
    for end in range(first, last + 1):
        out[end] = 0.0
        for step in range(first, end + 1):
            lead_s = vector_s[end] if on_vector[step] else 0.0
            lead_s = max(lead_s, cycles[end, step] * cycle_s)
            for node in range(first_node[step], first_node[step + 1]):
                unit_s = (lead_s + overhead_s if node == first_node[step] else vector_s[end]) / units[node]
                begins[node], ends[node], unit_of[node] = 0.0, 0.0, unit_s
                for e in range(first_edge[node], first_edge[node + 1]):
                    for unit in (0, units[node] - 1):
                        row = last_row(edges[e], units[node], unit)
                        producer = edges[e, PRODUCER]
                        if row < 0:
                            continue
                        if producer < begin:
                            there = outer_s[end] * (row + 1.0) / edges[e, ROWS]
                        elif row == outs[producer] - 1:
                            there = ends[producer]
                        else:
                            there = begins[producer] + (row + 1.0) * unit_of[producer]
                        if unit == 0:
                            begins[node] = max(begins[node], there)
                        ends[node] = max(ends[node], there + unit_s)
                ends[node] = max(ends[node], begins[node] + unit_s * units[node])
                out[end] = max(out[end], ends[node])
            if last_reader[step] > end:
                node = first_node[step + 1] - 1
                out[end] = max(out[end], ends[node] + outer_s[end] / outs[node])
