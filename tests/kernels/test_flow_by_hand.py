"""How rows flow through layers side by side: the kernels on random pipelines, against what each says in words."""

import functools
import math
import os
import random
from fractions import Fraction
from typing import NamedTuple

import naive_space
import numpy as np
import pytest
from naive_space import even_reads, window_reads

from simulator.kernels import space_pipeline as kernels
from simulator.kernels.layout import Machine

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"),
]


class Edge(NamedTuple):
    """producer: a node, or -1 - number of an input; reads: input rows of each unit; gone: rows that none after it reads."""

    producer: int
    source: int
    numbers: list[int]
    reads: list[set[int]]
    gone: list[int]


class Node(NamedTuple):
    step: int
    units: int
    outs: int
    edges: list[Edge]


def edge_of(rng, producer, source, rows, units):
    """An edge into a node; units: None where the window may say how many there are."""
    if units is None:
        taps, stride, dilation = rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 2)
        reach = (taps - 1) * dilation
        pad = rng.choice(range(0, min(2, reach) + 1, dilation))
        units = (rows + 2 * pad - reach - 1) // stride + 1
        if rng.random() < 0.5 and units > 0:
            gone = [min(rows, max(0, (unit + 1) * stride - pad)) for unit in range(units - 1)] + [rows]
            numbers = [kernels.WINDOW, rows, stride, reach, dilation, pad]
            return Edge(producer, source, numbers, window_reads(units, rows, taps, stride, dilation, pad), gone)
        units = rng.choice([rows, rng.randint(1, 6)])
    kind = rng.choice([kernels.EVEN, kernels.EVEN, kernels.WHOLE])
    reads = even_reads(units, rows) if kind == kernels.EVEN else [set(range(rows))] * units
    gone = [min(set().union(*reads[unit + 1 :]), default=rows) for unit in range(units)]
    return Edge(producer, source, [kind, rows, 1, 0, 1, 0], reads, gone)


def random_nodes(rng, steps):
    """Steps of one node or two, which read outputs of steps before and two inputs of the network, some of them twice."""
    nodes, last, inputs = [], [], [rng.randint(1, 6), rng.randint(1, 6)]
    for step in range(steps):
        for more in range(rng.choice([1, 1, 2])):
            edges = []
            for count in range(rng.choice([1, 1, 2, 3])):
                source = rng.randrange(-2, step)
                if more and not count:
                    edge = edge_of(rng, len(nodes) - 1, -1, nodes[-1].outs, None)
                elif source >= 0:
                    edge = edge_of(
                        rng, last[source], source, nodes[last[source]].outs, len(edges[0].reads) if edges else None
                    )
                else:
                    rows = inputs[-1 - source]
                    edge = edge_of(rng, source, steps - 1 - source, rows, len(edges[0].reads) if edges else None)
                edges.append(edge)
            units = len(edges[0].reads)
            nodes.append(Node(step, units, rng.choice([units, units, 1]), edges))
        last.append(len(nodes) - 1)
    return nodes, inputs


def readers_of(edges, by, count):
    order = sorted(range(len(edges)), key=lambda e: (by[e], e))
    rows = [e for e in order if by[e] >= 0]
    first = np.searchsorted([by[e] for e in rows], np.arange(count + 1))
    return kernels.Readers(first, np.array(rows, dtype=np.int64), np.array([edges[e][0] for e in rows], dtype=np.int64))


def flow_of(rng, nodes, inputs, steps):
    edges = [(at, edge) for at, node in enumerate(nodes) for edge in node.edges]
    origins = [edge.producer if edge.producer >= 0 else len(nodes) - 1 - edge.producer for _, edge in edges]
    outs = [node.outs for node in nodes]
    times = [max(node.units, node.outs) for node in nodes] + inputs
    size = np.array([float(rng.randint(1, 9)) for _ in range(steps + 2)])
    source = [edge.source for _, edge in edges]
    lasts = [max((nodes[at].step for at, edge in edges if edge.source == s), default=steps) for s in range(steps + 2)]
    return kernels.Flow(
        np.searchsorted([node.step for node in nodes], np.arange(steps + 1)), np.array([node.units for node in nodes]),
        np.array(outs), np.cumsum([0, *(len(node.edges) for node in nodes)]),
        np.array([[edge.producer, *edge.numbers, edge.source] for _, edge in edges]),
        np.array([float(rng.randint(1, 5)) for _ in edges]), np.array([float(rng.randint(1, 9)) for _ in edges]), size,
        np.zeros(steps + 2), np.array([steps if rng.random() < 0.2 else last for last in lasts]),
        readers_of(edges, source, steps + 2), readers_of(edges, origins, len(nodes) + 2), np.array([*outs, *inputs]),
        np.cumsum([0, *times]),
    )  # fmt: skip


def pipelines(seed, count):
    """Random pipelines, and a context of each."""
    rng = random.Random(seed)
    for _ in range(count):
        steps = rng.randint(1, 4)
        nodes, inputs = random_nodes(rng, steps)
        first = rng.randrange(steps)
        yield rng, nodes, flow_of(rng, nodes, inputs, steps), first, rng.randrange(first, steps)


def filled(nodes, flow, first, end, load, room):
    """When the last row of an item is out: each unit of work, and each row, as soon as all is there that it waits for."""
    own = {at for at, node in enumerate(nodes) if first <= node.step <= end}
    takers, e = [], 0
    for at, node in enumerate(nodes):
        for edge in node.edges:
            takers += [(edge.producer, at, edge, int(room[e]))] if at in own else []
            e += 1
    under_way = set()

    def once(known):
        @functools.cache
        def asked(*what):
            if (known, what) in under_way:
                return math.inf
            under_way.add((known, what))
            time = known(*what)
            under_way.discard((known, what))
            return time

        return asked

    def rows_of(producer):
        return nodes[producer].outs if producer >= 0 else int(flow.rows_of[len(nodes) - 1 - producer])

    @once
    def done(at, unit):
        node = nodes[at]
        begin = (sent(at, unit - 1) if node.outs == node.units else done(at, unit - 1)) if unit else 0.0
        rows = [(edge.producer, max(edge.reads[unit])) for edge in node.edges if edge.reads[unit]]
        return max(begin, *(sent(*row) for row in rows), 0.0) + load.unit_s[at]

    @once
    def sent(producer, row):
        if producer in own:
            ready = done(producer, row if nodes[producer].outs == nodes[producer].units else nodes[producer].units - 1)
        else:
            ready = (sent(producer, row - 1) if row else 0.0) + load.outer_s / rows_of(producer)
        for by, at, edge, most in takers:
            if by == producer and row >= most:
                ready = max(ready, done(at, next(u for u, gone in enumerate(edge.gone) if gone > row - most)))
        return ready

    ends = {at: sent(at, nodes[at].outs - 1) for at in own}
    last = {nodes[at].step: at for at in sorted(own)}
    outs = [ends[at] + load.outer_s / nodes[at].outs for step, at in last.items() if load.leaves[step]]
    return max([*ends.values(), *outs])


def test_an_item_passes_as_soon_as_its_rows_can():
    """Buffers of a row or some: where one is too short for a fork and its join, nothing comes out."""
    locked, all_ = 0, 0
    for rng, nodes, flow, first, end in pipelines(1, 220):
        load = kernels.Load(
            np.array([rng.choice([0.25, 1.0, 3.0]) for _ in nodes]), rng.choice([0.0, 1.0, 12.0]),
            np.array([rng.random() < 0.5 for _ in range(len(flow.first_node) - 1)]),
        )  # fmt: skip
        room = np.array([rng.choice([1, 2, 3, 9]) for _ in flow.edges])
        found = kernels.fill(first, end, flow, load, room, kernels.new_running(flow))
        assert found == pytest.approx(filled(nodes, flow, first, end, load, room), rel=1e-12)
        locked, all_ = locked + (found == math.inf), all_ + 1
    assert 10 < locked < all_ - 100


def waiting(nodes, flow, first, end):
    """(place of its edge, rows that wait there at even pace, lag) of all edges of a context, by a count instant by instant."""
    stages, place, found, e = [], {}, [], 0
    for at, node in enumerate(nodes):
        if first <= node.step <= end:
            for edge in node.edges:
                if edge.producer not in place:
                    place[edge.producer] = len(stages)
                    stages.append(naive_space.Stage(Fraction(1), [], [True]))
            inputs = [naive_space.Input(place[edge.producer], edge.numbers[1], edge.reads) for edge in node.edges]
            found += [(e + i, (len(stages), i)) for i in range(len(node.edges))]
            place[at] = len(stages)
            stages.append(naive_space.Stage(Fraction(1), inputs, [True] * node.units))
        e += len(node.edges)
    rows = naive_space.waiting_rows(stages)
    return {e: rows[at] for e, at in found}


def has_no_holes(edge):
    """Whether no row is read for the last time before rows that come before it."""
    after = [set().union(*edge.reads[unit + 1 :]) for unit in range(len(edge.reads))]
    return all(gone == min(rows, default=edge.numbers[1]) for gone, rows in zip(edge.gone, after, strict=True))


def alone(edge):
    """(lag, rows) of a stage that waits for one input."""
    stages = [naive_space.Stage(Fraction(1), [], [True])]
    stages.append(
        naive_space.Stage(Fraction(1), [naive_space.Input(0, edge.numbers[1], edge.reads)], [True] * len(edge.reads))
    )
    late = [
        Fraction(max(read) + 1, edge.numbers[1]) - Fraction(u, len(edge.reads))
        for u, read in enumerate(edge.reads)
        if read
    ]
    return max([Fraction(0), *late]), naive_space.waiting_rows(stages)[1, 0]


def test_buffers_hold_what_waits_at_even_pace():
    """Of every context from a step on at once; a tensor from outside comes as late as its readers in the context allow.

    Rows in the holes of a dilated window wait with those around them, which an instant by instant count does not ask for.
    """
    for _, nodes, flow, first, end in pipelines(2, 200):
        if not all(has_no_holes(edge) for node in nodes for edge in node.edges):
            continue
        edges = len(flow.edges)
        lags, line = np.full(edges, 77.0), np.full(edges, 77)
        kernels.own_buffers(flow, lags, line)
        wanted = [alone(edge) for node in nodes for edge in node.edges]
        assert lags.tolist() == pytest.approx([float(lag) for lag, _ in wanted], abs=1e-12)
        assert line.tolist() == [rows for _, rows in wanted]
        room, rows = np.full(len(flow.first_node) - 1, 77.0), np.full(edges, 77)
        kernels.pace(
            first, end, flow, lags, np.full(len(nodes), 77.0), np.full(len(flow.source_bytes), 77.0), rows, room
        )
        for last in range(first, end + 1):
            known = waiting(nodes, flow, first, last)
            assert room[last] == sum(flow.row_bytes[e] * count for e, count in known.items())
        assert {e: rows[e] for e in known} == known
        assert (np.delete(rows, list(known)) == 77).all()
        assert (np.delete(room, range(first, end + 1)) == 77.0).all()


def least_time(nodes, flow, first, end, load):
    """Of `filled` without limits of room, where of every node but its last row only the begin and the pace are known."""
    begins, ends = {}, {}

    def there(edge, row):
        if edge.producer not in ends:
            return load.outer_s * (row + 1) / edge.numbers[1]
        if row + 1 == nodes[edge.producer].outs:
            return ends[edge.producer]
        return begins[edge.producer] + (row + 1) * load.unit_s[edge.producer]

    for at, node in enumerate(nodes):
        if first <= node.step <= end:
            at_first, at_last = (
                max([0.0, *(there(edge, max(edge.reads[unit])) for edge in node.edges if edge.reads[unit])])
                for unit in (0, -1)
            )
            begins[at] = at_first
            ends[at] = max(at_first + node.units * load.unit_s[at], at_last + load.unit_s[at])
    last = {nodes[at].step: at for at in sorted(ends)}
    outs = [ends[at] + load.outer_s / nodes[at].outs for step, at in last.items() if load.leaves[step]]
    return max([*ends.values(), *outs])


def test_no_item_passes_sooner():
    """In each context from a step on: what its stages take for an item at the levels of that context."""
    seen, machine = 0, Machine(0.0, 0.5, 0.0, 0.0, 0.25)
    for rng, nodes, flow, first, end in pipelines(3, 60):
        steps = len(flow.first_node) - 1
        cycles = np.array([[rng.choice([0.0, 3.0, 8.0]) for _ in range(steps)] for _ in range(steps)])
        columns = (np.array([rng.choice([0.5, 2.0, 9.0]) for _ in range(steps)]) for _ in range(2))
        shared = kernels.Shared(*columns, np.array([rng.random() < 0.5 for _ in range(steps)]))
        out = np.full(steps, 77.0)
        kernels.least_fills(first, end, flow, cycles, machine, shared, np.full((3, len(nodes)), 77.0), out)
        for last in range(first, end + 1):
            unit_s = []
            for at, node in enumerate(nodes):
                lanes_s = shared.vector_s[last]
                own = max(lanes_s if shared.on_vector[node.step] else 0.0, cycles[last, node.step] * 0.5) + 0.25
                unit_s.append((own if at == flow.first_node[node.step] else lanes_s) / node.units)
            load = kernels.Load(np.array(unit_s), shared.outer_s[last], flow.last_reader[:steps] > last)
            assert out[last] == pytest.approx(least_time(nodes, flow, first, last, load), rel=1e-12)
            exact = kernels.fill(first, last, flow, load, np.full(len(flow.edges), 99), kernels.new_running(flow))
            assert out[last] <= exact * (1.0 + 1e-12)
            seen += out[last] < exact * (1.0 - 1e-12)
        assert (np.delete(out, range(first, end + 1)) == 77.0).all()
    assert seen > 5
