"""Time of a placement in space by cause, and what its stages do, on numbers worked by hand."""

import dataclasses
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
from space_example import SPEC, lowered, placed

from simulator.graph.build import NetworkBuilder
from simulator.kernels import space_pipeline as kernels
from simulator.kernels.schedule_sums import CAUSES, EDGES, FILLING, IDEAL, LOADING, OUTER, OVERHEAD, PIPELINE
from simulator.kernels.space_pipeline import EVEN, WINDOW
from simulator.lower.shape import Shape
from simulator.schedule.space import contexts
from simulator.schedule.space.contexts import Choice, Moved, Pipeline, stage_cycles
from simulator.schedule.space.stages import NO_WINDOW, _Builder, _Node, _work, build_stages, item_shape, widened

US = 1e-6
uncompiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"
)


def us_by_cause(parts):
    """Microseconds of each cause that takes any."""
    return {cause: pytest.approx(time / US, rel=1e-9) for cause, time in enumerate(parts) if time > 1e-15}


@pytest.mark.kernel
def test_causes_of_a_layer_in_slices():
    """9,000 products on 96 units, in 4 slices of 25 cycles for each of 5 items; 9,000 bytes of weights at 100 MB/s."""
    net = NetworkBuilder("large")
    net.dense(net.input(100), 90, bias=False)
    plan = placed(net.build(), batch=5, capacity_bytes=3100.0, overhead_s=2 * US)
    (context,) = plan.contexts
    ideal = 5 * 9000 / 96
    period = {IDEAL: ideal, EDGES: 4 * 5 * 25 - ideal, OVERHEAD: 4 * 5 * 2.0, OUTER: 90.0}
    assert us_by_cause(plan.period_parts[:, 0]) == period
    assert plan.period_s == pytest.approx(630 * US)
    # Of an item 4 x 100 + 90 bytes pass, a fourth of them for each slice: before its first row, and after its last.
    fill = 4 * 2 * 1.225
    assert context.slices * (context.fill_s - context.item_s) == pytest.approx(fill * US)
    assert us_by_cause(plan.latency_parts[:, 0]) == {**period, PIPELINE: fill}


@pytest.mark.kernel
def test_causes_of_two_stages_side_by_side():
    """What a batch on its own takes longer than one of many is the pipeline's, and so are arrays that wait."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(2, 8, 8), 4, 3, padding=1, bias=False)
    net.conv(x, 8, 1, bias=False)
    plan = placed(net.build(), batch=3, byte_s=1.0)
    assert len(plan.contexts) == 1
    for parts, total in ((plan.period_parts, plan.period_s), (plan.latency_parts, plan.latency_s)):
        assert parts.sum() == pytest.approx(total, rel=1e-12)
        assert (parts[[OVERHEAD, FILLING, LOADING]] == 0.0).all()
    later = plan.latency_parts - plan.period_parts
    assert (np.delete(later, PIPELINE, axis=0) == 0.0).all()
    fill = sum(context.fill_s - context.item_s for context in plan.contexts)
    assert later[PIPELINE].sum() == pytest.approx(fill, rel=1e-9)
    assert fill > 0.0
    assert plan.period_parts.shape == (CAUSES, 2)
    ideal = np.array([3 * 64 * 4 * 18, 3 * 64 * 4 * 8]) / 96 * US
    assert plan.period_parts[IDEAL] == pytest.approx(ideal)


def test_weights_that_are_widened_pass_the_lanes_once_an_item():
    """Two groups of 2 x 3 x 9 weights, at half a cycle each of 64 lanes; nothing where they are not widened."""
    net = NetworkBuilder("grouped")
    net.pool(net.conv(net.input(6, 8, 7), 4, 3, padding=1, groups=2, bias=False), 2)
    low, fused = lowered(net.build(), batch=5)
    conv, pool = low.rows
    wide = dataclasses.replace(conv, shape=dataclasses.replace(conv.shape, widening=0.5))
    assert widened(wide, 5, 64.0) == 0.5 * 64 * (2 * 2 * 3 * 9)
    assert (widened(conv, 5, 64.0), widened(pool, 5, 64.0)) == (0.0, 0.0)
    stages = build_stages(dataclasses.replace(low, rows=(wide, pool)), fused, 64.0)
    plain = build_stages(low, fused, 64.0)
    more = stages.vector_operations - plain.vector_operations
    assert more.tolist() == [0.5 * 64 * 108, 0.0]
    assert plain.vector_operations.tolist() == [row.vector_operations / 5 for row in low.rows]
    assert plain.weight_bytes.tolist() == [108.0, 0.0]


def test_an_item_of_a_product_has_its_heads_as_groups():
    net = NetworkBuilder("product")
    x = net.input(8, 10)
    net.matmul(net.dense(x, 8), net.dense(x, 8), heads=2, transposed=True)
    low, _ = lowered(net.build(), batch=3, spec=SPEC)
    dense, _, product = low.rows
    assert item_shape(product, 3).extents == (2, 1, 10, 4, 10, 1, 1, 1)
    groups, items, *_ = dense.shape.extents
    assert item_shape(dense, 3).extents == (groups, 1, *dense.shape.extents[2:])
    assert items == 3


def test_rows_flow_from_two_inputs_to_two_results():
    """What each stage reads of what, by which window, and what waits for it; bytes of an item, whatever the batch."""
    net = NetworkBuilder("two")
    left, right = net.input(2, 9, 8, name="left"), net.input(4, 4, 4, name="right")
    x = net.conv(left, 4, 3, stride=2, bias=False)
    net.dense(net.global_pool(net.conv(right, 4, 1, bias=False)), 6, bias=False)
    net.conv(x, 2, 3, padding=1, bias=False)
    low, fused = lowered(net.build(), batch=3)
    flow = build_stages(low, fused).flow
    begin, end = -1, 5
    assert flow.edges.tolist() == [
        [begin, WINDOW, 9, 2, 2, 1, 0, end],  # of the first input, which stands behind the five steps
        [begin - 1, WINDOW, 4, 1, 0, 1, 0, end + 1],
        [1, EVEN, 4, *NO_WINDOW, 1],
        [2, EVEN, 1, *NO_WINDOW, 2],
        [0, WINDOW, 4, 1, 2, 1, 1, 0],
    ]
    assert (flow.units.tolist(), flow.outs.tolist()) == ([4, 4, 4, 1, 4], [4, 4, 1, 1, 4])
    assert flow.edge_bytes.tolist() == [144, 64, 64, 4, 48]
    assert flow.row_bytes.tolist() == [16, 16, 16, 4, 12]
    assert flow.first_node.tolist() == flow.first_edge.tolist() == [0, 1, 2, 3, 4, 5]
    inputs = len(low.tensor_bytes)
    assert flow.source_bytes[: end + 2].tolist() == [48, 64, 4, 6, 24, 144, 64]
    assert flow.last_reader[: end + 2].tolist() == [4, 2, 3, end, end, 0, 1]
    assert flow.rows_of.tolist() == [4, 4, 1, 0, 0, 9, 4] + [0] * (inputs - 2)
    assert flow.start[: end + 3].tolist() == [0, 4, 8, 12, 13, 17, 26, 30]
    for readers in (flow.readers, flow.takers):
        assert readers.edge.tolist() == readers.node.tolist() == [4, 2, 3, 0, 1]
        assert readers.first[: end + 3].tolist() == [0, 1, 2, 3, 3, 3, 4, 5]


def test_wider_numbers_are_more_bytes_of_every_edge():
    """Of inputs of the network and of what steps hand on, of two that write parts of a tensor as well."""
    net = NetworkBuilder("both")
    x = net.input(2, 8, 8)
    x = net.concat(net.conv(x, 4, 3, padding=1, bias=False), net.conv(x, 2, 1, bias=False))
    net.dense(net.global_pool(net.conv(x, 3, 1, bias=False)), 5, bias=False)
    low, fused = lowered(net.build(), batch=3, fuses=("concat",))
    plain, wide = (
        build_stages(dataclasses.replace(low, widths=tuple(times * width for width in low.widths)), fused)
        for times in (1, 4)
    )
    assert (wide.flow.edge_bytes == 4 * plain.flow.edge_bytes).all()
    assert plain.flow.edge_bytes.sum() == 2 * 2 * 64 + 6 * 64 + 3 * 64 + 3


def test_half_as_wide_weights_need_half_the_bus():
    def cycles(width, bus, rate=1.0):
        shape = Shape((1, 1, 90, 100, 4, 4, 1, 1), plane=(4, 4), weight_width=width)
        return np.array(stage_cycles(shape, dataclasses.replace(SPEC, weight_bus_bytes_per_cycle=bus, rate=rate)))[
            :, 1:
        ]

    assert (cycles(2.0, 0.5) == cycles(1.0, 0.25)).all()
    assert (cycles(1.0, 0.25) >= cycles(1.0, 0.5)).all()
    assert (cycles(1.0, 0.25) > cycles(1.0, 0.5)).any()
    assert (
        cycles(1.0, 0.5, rate=2.0) == cycles(1.0, 0.25) / 2.0
    ).all()  # the bus does not go with the rate of the units


@pytest.mark.parametrize(
    ("height", "kernel", "stride", "work"),
    [
        (6, 3, 1, (4, 4)),
        (3, 3, 1, (7, 1)),  # all rows at once: they are added up as they come
        (1, 1, 1, (7, 1)),
        (5, 3, 3, (1, 1)),  # a window of some rows
        (5, 5, 2, (7, 1)),
    ],
)
def test_units_of_work_of_a_stage(height, kernel, stride, work):
    net = NetworkBuilder("one")
    net.conv(net.input(2, height, 8), 4, (kernel, 1), stride=(stride, 1), name="only")
    layer = net.build().nodes["only"]["layer"]
    assert _work(layer, 7) == work
    assert _work(layer, 0) == (max(1, work[0]) if work[0] != 7 else 1, work[1])


def test_fixed_bytes_are_those_of_an_item():
    net = NetworkBuilder("two")
    net.conv(net.conv(net.input(2, 8, 8), 4, 3), 4, 3)
    low, fused = lowered(net.build(), batch=4)
    rows = tuple(dataclasses.replace(row, fixed_bytes=8.0 * (at + 1)) for at, row in enumerate(low.rows))
    assert build_stages(dataclasses.replace(low, rows=rows), fused).fixed_bytes.tolist() == [2.0, 4.0]
    rows = tuple(dataclasses.replace(row, stored_bytes=8.0 * (at + 1)) for at, row in enumerate(low.rows))
    assert build_stages(dataclasses.replace(low, rows=rows), fused).flow.stored_bytes[:2].tolist() == [2.0, 4.0]


def test_where_rows_of_a_part_of_a_tensor_come_from():
    """From the last step before whose output is as large as what is read, unless all is read; else a share of each."""
    rng, seen = random.Random(8), set()
    for _ in range(300):
        sizes = [rng.randint(1, 4) * 2 for _ in range(5)]
        producers = tuple(sorted(rng.sample(range(5), rng.randint(0, 3))))
        number, read = rng.randint(1, 5), rng.choice([2, 4, 6, 8, 30])
        low = SimpleNamespace(rows=[None] * 5, widths=[1.0, 0.5])
        fused = SimpleNamespace(
            tensors=[None, SimpleNamespace(producers=producers)],
            steps=[SimpleNamespace(output_elements=n) for n in sizes],
        )
        builder = _Builder(low, fused)
        builder.nodes, builder.ends = [_Node(1, 10 + at, []) for at in range(9)], [1, 3, 4, 6, 8]
        layer = SimpleNamespace(in_height=7)
        found = [*builder._sources(SimpleNamespace(tensor=1, elements=read), number, layer)]
        before = [step for step in producers if step < number]
        alike = [step for step in before if sizes[step] == read]
        total = sum(sizes[step] for step in before)
        if not before:
            assert found == [(-2, 6, 7, read * 0.5)]
            later = SimpleNamespace(tensor=1, elements=read)
            assert [
                *builder._sources(later, number, SimpleNamespace(in_height=9))
            ] == found  # as the first reader has it
        elif alike and total != read:
            assert found == [(builder.ends[alike[-1]], alike[-1], 10 + builder.ends[alike[-1]], read * 0.5)]
        else:
            part = min(read, total) / total
            expected = [
                (builder.ends[s], s, 10 + builder.ends[s], pytest.approx(sizes[s] * 0.5 * part)) for s in before
            ]
            assert found == expected
        seen.add((len(before), bool(alike), total < read))
    assert len(seen) > 7


def test_an_input_that_is_added_behind_a_pool_has_the_rows_of_the_sum():
    """Not those that the pool reads: it meets the pool, and not what the pool waits for."""
    net = NetworkBuilder("late")
    x = net.pool(net.conv(net.input(2, 8, 8, name="left"), 4, 3, padding=1, bias=False), 2)
    net.add(x, net.input(4, 4, 4, name="right"))
    low, fused = lowered(net.build(), fuses=("pool", "add"))
    (step,) = fused.steps
    assert len(step.fused) == 2
    right = step.extra[0].tensor
    flow = build_stages(low, fused).flow
    assert flow.edges.tolist()[-1] == [-1 - right, EVEN, 4, *NO_WINDOW, 1 + right]
    assert flow.first_edge.tolist()[-1] == len(flow.edges) == 3


def test_windows_go_along_the_rows():
    """Of a kernel of 3 x 5 with other strides, dilations and paddings along the columns."""
    net = NetworkBuilder("window")
    net.conv(net.input(2, 12, 20), 4, (3, 5), stride=(2, 1), dilation=(2, 3), padding=(1, 4), bias=False)
    low, fused = lowered(net.build())
    (edge,) = build_stages(low, fused).flow.edges.tolist()
    assert edge[1:7] == [WINDOW, 12, 2, 4, 2, 1]


def test_what_is_added_meets_the_first_node_with_as_many_rows():
    """Of the nodes of its own step; where none has as many, the last."""
    builder = _Builder(None, None)
    builder.nodes = [_Node(4, outs, []) for outs in (4, 8, 4, 4, 2)]
    builder.first_node = [0, 1]
    for rows, node in ((4, 2), (8, 1), (2, 4), (5, 4)):
        builder._beside(1, 9, 6, rows, 32.0)
        assert builder.nodes[node].edges.pop() == ((9, EVEN, rows, *NO_WINDOW, 6), 32.0)
        assert [own.edges for own in builder.nodes] == [[]] * 5


def test_bytes_between_stages():
    """128 come in and 64 go from the first to the second; the 256 that a fused pool takes never leave the first."""
    net = NetworkBuilder("pooled")
    x = net.pool(net.conv(net.input(2, 8, 8), 4, 1, bias=False), 2)
    net.conv(x, 3, 1, bias=False)
    low, fused = lowered(net.build(), batch=3, fuses=("pool",))
    pipe = SimpleNamespace(stages=build_stages(low, fused))
    assert sorted(pipe.stages.flow.edge_bytes) == [64, 128, 256]
    assert Pipeline.moved(pipe, 0).inner.tolist() == [128, 192]
    assert Pipeline.moved(pipe, 1).inner.tolist() == [0, 64]


def test_weights_come_in_again_unless_the_network_is_one_context(monkeypatch):
    """Five items of 3 seconds, or 7 for the first; weights at two bytes a second."""
    monkeypatch.setattr(contexts, "assigned", lambda pipe, choice: SimpleNamespace(cycles=choice.level))
    pipe = SimpleNamespace(
        stages=SimpleNamespace(steps=4, weight_bytes=np.array([2.0, 20.0, 200.0, 2000.0])), batch=5,
        chip=SimpleNamespace(machine=SimpleNamespace(byte_s=0.5)), roofs=lambda level, moved, slices: np.array([2.0, 3.0]),
        moved=lambda first: Moved(*np.arange(20.0).reshape(5, 4)), fill_s=lambda first, last, cycles, roofs: 7.0,
    )  # fmt: skip

    def of(first, last, slices=1, goal="period"):
        found = contexts.settled(pipe, Choice(0.0, 0.0, first, last, slices, 1.0), goal)
        return found.time_s, found.outer_bytes

    assert of(0, 3) == (15.0, 5 * (7 + 11 + 15))
    assert of(0, 3, goal="latency")[0] == 7.0 + 4 * 3.0
    assert of(1, 2) == (110.0 + 15.0, 220.0 + 5 * (6 + 10 + 14))
    assert of(1, 3)[0] == 1110.0 + 15.0
    assert of(0, 2)[0] == 111.0 + 15.0
    assert of(0, 3, 2) == (1111.0 + 30.0, 2222.0 + 5 * (2 * 7 + 11 + 15))
    assert of(2, 2, 2)[0] == 100.0 + 30.0


def sent_by_words(origin, ready, own, flow, room, running):
    """(whether the next row may move on, when): as soon as each reader of the context has room, made by the first unit
    of work that frees enough rows."""
    row = running.sent[origin]
    for at in range(flow.takers.first[origin], flow.takers.first[origin + 1]):
        e, node = flow.takers.edge[at], flow.takers.node[at]
        if not own[0] <= e < own[1] or row < room[e]:
            continue
        units = flow.units[node]
        unit = next(u for u in range(units) if kernels.freed_rows(flow.edges[e], units, u) > row - room[e])
        if unit >= running.worked[node]:
            return False, None
        ready = max(ready, running.done[flow.start[node] + unit])
    return True, ready


@pytest.mark.kernel
@uncompiled
def test_a_row_moves_on_when_all_readers_of_the_context_have_room():
    """Of an origin of 6 rows three edges read, each in another context or all in one; some have no room, all rows, or two."""
    rng, seen = random.Random(5), set()
    for _ in range(300):
        edges = np.zeros((3, kernels.COLUMNS), dtype=np.int64)
        for edge in edges:
            edge[[kernels.KIND, kernels.ROWS, kernels.STRIDE, kernels.REACH, kernels.DILATION, kernels.PAD]] = (
                rng.choice([kernels.WINDOW, kernels.EVEN, kernels.WHOLE]), 6, 1, 1, 1, 0
            )  # fmt: skip
        flow = SimpleNamespace(
            takers=kernels.Readers(np.array([0, 3]), np.arange(3), np.array([1, 2, 3])), edges=edges, units=np.full(4, 6),
            start=np.array([0, 6, 12, 18, 24]),
        )  # fmt: skip
        running = kernels.Running(
            np.zeros(24), np.sort(np.round([rng.uniform(0, 9) for _ in range(24)], 2)), np.zeros(4),
            np.array([0, *rng.choices(range(7), k=3)]), np.array([rng.randrange(6), 0, 0, 0]), np.zeros(4, dtype=np.int64),
            np.zeros(3, dtype=np.int64),
        )  # fmt: skip
        room = np.array([float(rng.choice([1, 2, 6])) for _ in range(3)])
        own, ready = rng.choice([(0, 3), (1, 3), (0, 2), (1, 2), (0, 1), (2, 3)]), rng.choice([0.0, 4.0, 20.0])
        row, (goes, when) = int(running.sent[0]), sent_by_words(0, ready, own, flow, room, running)
        assert kernels.has_sent(0, ready, own, flow, room, running) == goes
        assert running.sent[0] == row + goes
        if goes:
            assert running.given[row] == running.clock[0] == when
        seen.add((own, goes, when == ready))
    assert len(seen) > 12


def rows_read(edge, units, unit):
    """Input rows that a unit of work reads: all, a share, or those below the taps of a window that are no padding."""
    _, kind, rows, stride, reach, dilation, pad, _ = edge.tolist()
    if kind == kernels.WHOLE:
        return set(range(rows))
    if kind == kernels.EVEN:
        return {row for row in range(rows) if row * units < (unit + 1) * rows and (row + 1) * units > unit * rows}
    taps = range(0, reach + 1, dilation)
    return {unit * stride - pad + tap for tap in taps} & set(range(rows))


@pytest.mark.kernel
@uncompiled
def test_rows_that_a_unit_needs_and_frees():
    rng = random.Random(6)
    for _ in range(200):
        kind, rows, dilation = (
            rng.choice([kernels.WINDOW, kernels.EVEN, kernels.WHOLE]),
            rng.randint(1, 9),
            rng.randint(1, 2),
        )
        taps, stride = rng.randint(1, 3), rng.randint(1, 2)
        reach = (taps - 1) * dilation
        pad = rng.randint(0, min(1, reach))
        units = rng.randint(1, 9) if kind != kernels.WINDOW else max(1, (rows + 2 * pad - reach - 1) // stride + 1)
        edge = np.array([0, kind, rows, stride, reach, dilation, pad, 0])
        for unit in range(units):
            assert kernels.last_row(edge, units, unit) == max(rows_read(edge, units, unit), default=-1), edge
            later = set().union(*(rows_read(edge, units, more) for more in range(unit + 1, units)))
            freed = kernels.freed_rows(edge, units, unit)
            assert not later & set(range(freed)), edge
            if kind != kernels.WINDOW:
                assert freed == min(later, default=rows), edge
            else:
                first = (unit + 1) * stride - pad  # of the next window
                assert freed == (rows if unit == units - 1 else min(rows, max(0, first))), edge
        assert kernels.freed_rows(edge, units, -1) == 0


def crossed(first, end, flow):
    """(bytes read, bytes written) of the context first .. end: what comes from before it, of a source no more than all of it, and
    what its steps give, but what only they read and is no state."""
    begin = flow.first_node[first]
    edges = range(flow.first_edge[begin], flow.first_edge[flow.first_node[end + 1]])
    outside, inside = {}, set()
    for e in edges:
        producer, source = flow.edges[e, kernels.PRODUCER], int(flow.edges[e, kernels.SOURCE])
        if source < 0:
            continue
        if producer < begin:
            outside[source] = outside.get(source, 0.0) + flow.edge_bytes[e]
        else:
            inside.add(source)
    read = sum(min(moved, flow.source_bytes[source]) for source, moved in outside.items())
    stay = sum(flow.source_bytes[s] - flow.stored_bytes[s] for s in inside if flow.last_reader[s] <= end)
    return read, flow.source_bytes[first : end + 1].sum() - stay


@pytest.mark.kernel
@uncompiled
def test_what_enters_and_leaves_a_context():
    """Steps of a node each that read the network's input or outputs before, some of them twice, some in slices."""
    rng = random.Random(7)
    for _ in range(60):
        steps = rng.randint(2, 5)
        reads = [[rng.randrange(-1, step) for _ in range(rng.randint(1, 3))] for step in range(steps)]
        edges, lasts = [], [steps] * (steps + 1)
        for step, sources in enumerate(reads):
            for source in sources:
                number = source if source >= 0 else steps  # the network's input comes behind the steps
                is_told = rng.random() < 0.9
                edges.append((source, number if is_told else -1))
                lasts[number] = step if is_told else lasts[number]
        size = np.array([float(rng.randint(1, 9)) for _ in range(steps + 1)])
        table = np.zeros((len(edges), kernels.COLUMNS), dtype=np.int64)
        table[:, [kernels.PRODUCER, kernels.SOURCE]] = edges
        flow = SimpleNamespace(
            first_node=np.arange(steps + 1), first_edge=np.cumsum([0, *map(len, reads)]), edges=table,
            edge_bytes=np.array([float(rng.randint(1, 9)) for _ in edges]), source_bytes=size,
            stored_bytes=size * [rng.choice([0.0, 0.0, 0.5]) for _ in size],
            last_reader=np.array([steps if rng.random() < 0.2 else last for last in lasts]),
        )  # fmt: skip
        seen, part = np.zeros(steps + 1, dtype=np.int64), np.full(steps + 1, 99.0)
        for first in range(steps):
            read, written = np.full(steps, 77.0), np.full(steps, 77.0)
            kernels.crossing(first, steps - 1, flow, seen, part, read, written)
            for end in range(first, steps):
                assert (read[end], written[end]) == pytest.approx(crossed(first, end, flow))


def test_time_before_each_item_is_no_waiting_for_other_stages():
    """It is the same for all stages, so that what a fast one waits for a slow one is as long with it as without."""
    net = NetworkBuilder("chain")
    x = net.conv(net.input(2, 8, 8), 4, 3, padding=1, bias=False)
    net.conv(x, 8, 1, bias=False)
    without, some = (placed(net.build(), batch=3, byte_s=1.0, overhead_s=seconds) for seconds in (0.0, 2 * US))
    assert some.period_parts[OVERHEAD].sum() > 0.0
    assert without.period_parts[PIPELINE].sum() > 0.0
    assert some.period_parts[PIPELINE].sum() == pytest.approx(without.period_parts[PIPELINE].sum())
