"""Layers side by side: which rows wait in a pipeline, what fits, and how long an item takes through it.

A step is one or more nodes (a fused pool is a node of its own behind its layer); a node works in `units` (rows of
outputs, or rows of inputs where it only adds them up). An edge brings rows from a producing node (`edges[e, PRODUCER]`)
or from outside (-1 - number of the network's tensor). Times of the even pace are in periods of the slowest stage.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .jit import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLACK = 1e-7
"""Rows; phases are sums of a few hundred fractions of at least 1/65,536 with errors near 1e-13."""

PRODUCER, KIND, ROWS, STRIDE, REACH, DILATION, PAD, SOURCE = range(8)
"""Columns of `Flow.edges`."""

COLUMNS = 8

WINDOW, EVEN, WHOLE = range(3)
"""Kinds of edges: a window slides over the rows, rows pass in proportion, all rows come first."""


class Readers(NamedTuple):
    """Edges that read each tensor, and the nodes that they lead to: those of tensor n from first[n] on, rising."""

    first: Ints
    edge: Ints
    node: Ints


class Flow(NamedTuple):
    """How rows flow through a network. Sources are tensors: outputs of the steps, then the network's inputs; origins are where
    rows come from: the nodes, then the network's inputs."""

    first_node: Ints
    """Of each step, and the end."""
    units: Ints
    """Units of work of each node for an item."""
    outs: Ints
    """Rows of its outputs."""
    first_edge: Ints
    """Of each node, and the end."""
    edges: Ints
    """int64[edges, COLUMNS]."""
    row_bytes: Floats
    """Of a row of each edge."""
    edge_bytes: Floats
    """Of an item of each edge: all or a slice of its source."""
    source_bytes: Floats
    """Of an item of each source."""
    stored_bytes: Floats
    """Of that, what is state: it goes to outer memory whoever else reads it."""
    last_reader: Ints
    """Last step that reads each source; the number of steps for an output of the network."""
    readers: Readers
    """Of each source."""
    takers: Readers
    """Of each origin."""
    rows_of: Ints
    """Rows of each origin."""
    start: Ints
    """Where the times of each origin begin in those of `Running`, and the end."""


class Load(NamedTuple):
    """What an item takes in a context: of each node a unit of work, and its outer-memory traffic, over which tensors from
    outside arrive evenly [s]; and whether each step's output goes to outer memory."""

    unit_s: Floats
    outer_s: float
    leaves: npt.NDArray[np.bool_]


class Running(NamedTuple):
    """Scratch of `fill`, zeros at the start: when each row was given and each unit was done, and how far each origin is."""

    given: Floats
    done: Floats
    clock: Floats
    worked: Ints
    """Units done."""
    sent: Ints
    """Rows that moved on."""
    held: Ints
    """Whether a finished row waits for room."""
    room_at: Ints
    """Of each edge, the first unit whose end gives room for the next row."""


class Shared(NamedTuple):
    """What the stages of the contexts first .. step share, one entry a step: vector and outer-memory time of an item [s]; and
    whether each step has vector work."""

    vector_s: Floats
    outer_s: Floats
    on_vector: npt.NDArray[np.bool_]


def new_running(flow: Flow) -> Running:
    """Scratch for one filling of a pipeline."""
    times, origins = int(flow.start[-1]), len(flow.rows_of)
    worked, sent, held, at = (np.zeros(size, dtype=np.int64) for size in (origins, origins, origins, len(flow.edges)))
    return Running(np.zeros(times), np.zeros(times), np.zeros(origins), worked, sent, held, at)


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
def own_buffers(flow, lags, line):
    """Lag and rows of every edge for a stage that waits for this input alone, into lags: float64[e], line: int64[e]."""
    for node in range(len(flow.units)):
        for e in range(flow.first_edge[node], flow.first_edge[node + 1]):
            lags[e] = own_lag(flow.edges[e], flow.units[node])
            line[e] = most_rows(flow.edges[e], flow.units[node], lags[e])


@kernel
def pace(first, end, flow, lags, phase, arrival, rows, room):
    """Buffers of the context of steps first .. end at even pace, and of every shorter one that begins there.

    phase: float64[nodes], when a node begins. arrival: float64[sources], when a tensor from outside begins to arrive: as
    late as its readers allow. rows: int64[e], rows that wait. room: float64[steps], buffer bytes of the context first
    .. step.
    """
    edges, units, row_bytes, readers = flow.edges, flow.units, flow.row_bytes, flow.readers
    begin = flow.first_node[first]
    arrival[:] = math.inf
    total = 0.0
    for step in range(first, end + 1):
        for node in range(flow.first_node[step], flow.first_node[step + 1]):
            phase[node] = 0.0
            for e in range(flow.first_edge[node], flow.first_edge[node + 1]):
                known = phase[edges[e, PRODUCER]] if edges[e, PRODUCER] >= begin else 0.0
                phase[node] = max(phase[node], known + lags[e])
            for e in range(flow.first_edge[node], flow.first_edge[node + 1]):
                if edges[e, PRODUCER] >= begin:
                    rows[e] = most_rows(edges[e], units[node], phase[node] - phase[edges[e, PRODUCER]])
                    total += rows[e] * row_bytes[e]
                    continue
                source = edges[e, SOURCE]
                rows[e] = 0
                earlier = phase[node] - lags[e] < arrival[source]
                arrival[source] = min(arrival[source], phase[node] - lags[e])
                at = readers.first[source] if earlier else readers.first[source + 1]
                while at < readers.first[source + 1] and readers.edge[at] <= e:
                    again, reader = readers.edge[at], readers.node[at]
                    if again >= flow.first_edge[begin] and again != e:
                        total -= rows[again] * row_bytes[again]
                        rows[again] = most_rows(edges[again], units[reader], phase[reader] - arrival[source])
                        total += rows[again] * row_bytes[again]
                    at += 1
                rows[e] = most_rows(edges[e], units[node], phase[node] - arrival[source])
                total += rows[e] * row_bytes[e]
        room[step] = total


@kernel
def origin_of(flow, e):
    """Where the rows of an edge come from: its producer, or behind all nodes the tensor of the network."""
    producer = flow.edges[e, PRODUCER]
    return producer if producer >= 0 else len(flow.units) - 1 - producer


@kernel
def has_sent(origin, ready, own, flow, room, running):
    """Let the next row of an origin, there from `ready` on, move on once every reader has room; False while that is not known.

    own: first and last edge of the context, and the end.
    """
    row, takers = running.sent[origin], flow.takers
    for i in range(takers.first[origin], takers.first[origin + 1]):
        e, node = takers.edge[i], takers.node[i]
        if own[0] > e or e >= own[1] or row < room[e]:
            continue
        while freed_rows(flow.edges[e], flow.units[node], running.room_at[e]) <= row - room[e]:
            running.room_at[e] += 1
        if running.room_at[e] >= running.worked[node]:
            return False
        ready = max(ready, running.done[flow.start[node] + running.room_at[e]])
    running.given[flow.start[origin] + row] = running.clock[origin] = ready
    running.sent[origin] += 1
    return True


@kernel
def has_worked(node, flow, unit_s, running):
    """Let a node do its next unit of work, once all rows it reads are there; False while that is not known."""
    unit, units, now = running.worked[node], flow.units[node], running.clock[node]
    for e in range(flow.first_edge[node], flow.first_edge[node + 1]):
        row, origin = last_row(flow.edges[e], units, unit), origin_of(flow, e)
        if row >= running.sent[origin]:
            return False
        if row >= 0:
            now = max(now, running.given[flow.start[origin] + row])
    running.clock[node] = running.done[flow.start[node] + unit] = now + unit_s[node]
    running.worked[node] += 1
    running.held[node] = 1 if flow.outs[node] == units or unit + 1 == units else 0
    return True


@kernel
def fill(first, end, flow, load, room, running):
    """Time from the arrival of an item at an idle context, its buffers as in `room`, to its last row out. [s]

    Infinite where the pipeline locks up. Every node goes as far as it can, round by round.
    """
    begin, stop = flow.first_node[first], flow.first_node[end + 1]
    own = (flow.first_edge[begin], flow.first_edge[stop])
    moved = True
    while moved:
        moved = False
        for e in range(own[0], own[1]):
            if begin <= flow.edges[e, PRODUCER]:
                continue
            origin = origin_of(flow, e)
            rows = flow.rows_of[origin]
            while running.sent[origin] < rows:
                if not has_sent(origin, running.clock[origin] + load.outer_s / rows, own, flow, room, running):
                    break
                moved = True
        for node in range(begin, stop):
            while running.worked[node] < flow.units[node] or running.held[node] > 0:
                if running.held[node] > 0:
                    if not has_sent(node, running.clock[node], own, flow, room, running):
                        break
                    running.held[node] = 0
                elif not has_worked(node, flow, load.unit_s, running):
                    break
                moved = True
    finish = 0.0
    for node in range(begin, stop):
        if running.worked[node] < flow.units[node] or running.held[node] > 0:
            return math.inf
        finish = max(finish, running.clock[node])
    for step in range(first, end + 1):
        if load.leaves[step]:
            node = flow.first_node[step + 1] - 1
            finish = max(finish, running.clock[node] + load.outer_s / flow.outs[node])
    return finish


@kernel
def crossing(first, end, flow, seen, part, read, written):
    """Bytes an item moves to and from outer memory in the contexts first .. step, into read, written: float64[steps].

    Of a source from before the context, its readers together read no more than all. seen: int64[sources], scratch of zeros at
    the start, of which `first + 1` marks what this call has counted. part: float64[sources], scratch, read so far.
    """
    begin = flow.first_node[first]
    taken, given = 0.0, 0.0
    for step in range(first, end + 1):
        for e in range(flow.first_edge[flow.first_node[step]], flow.first_edge[flow.first_node[step + 1]]):
            source = flow.edges[e, SOURCE]
            if source < 0:
                continue
            if flow.edges[e, PRODUCER] < begin:
                if seen[source] != first + 1:
                    seen[source] = first + 1
                    part[source] = 0.0
                more = min(flow.edge_bytes[e], flow.source_bytes[source] - part[source])
                part[source] += more
                taken += more
            elif seen[source] != first + 1 and flow.last_reader[source] == step:
                seen[source] = first + 1
                given -= flow.source_bytes[source] - flow.stored_bytes[source]
        given += flow.source_bytes[step]
        read[step], written[step] = taken, given


@kernel
def least_fills(first, last, flow, cycles, machine, shared, scratch, out):
    """No item leaves the contexts first .. step sooner, into out: float64[steps]: `fill` with all buffers unlimited,
    and of every node the times of its first and last unit only. [s]

    cycles: float64[ends, steps], of every stage in the contexts first .. end. scratch: float64[3, nodes].
    """
    begin = flow.first_node[first]
    begins, ends, unit_of = scratch[0], scratch[1], scratch[2]
    for end in range(first, last + 1):
        outer_s, vector_s = shared.outer_s[end], shared.vector_s[end]
        out[end] = 0.0
        for step in range(first, end + 1):
            lead_s = max(vector_s if shared.on_vector[step] else 0.0, cycles[end, step] * machine.cycle_s)
            for node in range(flow.first_node[step], flow.first_node[step + 1]):
                units = flow.units[node]
                unit_s = (lead_s + machine.overhead_s if node == flow.first_node[step] else vector_s) / units
                begins[node], ends[node], unit_of[node] = 0.0, 0.0, unit_s
                for e in range(flow.first_edge[node], flow.first_edge[node + 1]):
                    for unit in (0, units - 1):
                        row = last_row(flow.edges[e], units, unit)
                        producer = flow.edges[e, PRODUCER]
                        if row < 0:
                            continue
                        if producer < begin:
                            there = outer_s * (row + 1.0) / flow.edges[e, ROWS]
                        elif row == flow.outs[producer] - 1:
                            there = ends[producer]
                        else:
                            there = begins[producer] + (row + 1.0) * unit_of[producer]
                        if unit == 0:
                            begins[node] = max(begins[node], there)
                        ends[node] = max(ends[node], there + unit_s)
                ends[node] = max(ends[node], begins[node] + unit_s * units)
                out[end] = max(out[end], ends[node])
            if flow.last_reader[step] > end:
                node = flow.first_node[step + 1] - 1
                out[end] = max(out[end], ends[node] + outer_s / flow.outs[node])
