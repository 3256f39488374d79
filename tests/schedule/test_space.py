"""Placement in space against a pipeline run event by event, every way to share arrays, and every way to cut."""

import dataclasses
import functools
import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_space import best_cuts, best_split, one_by_one, simulate, waiting_rows
from profiles import examples
from space_example import BIG, MIB, SPEC, lowered, networks, one_context, placed, random_network, steps_of, twin

from simulator.errors import InfeasibleError, OptionError
from simulator.frontier.grid import search as tiling
from simulator.frontier.grid.unrolling import unrollings
from simulator.graph.build import NetworkBuilder
from simulator.graph.load import load_network
from simulator.kernels import space_share as sharing
from simulator.kernels.layout import Machine
from simulator.kernels.schedule_sums import IDEAL
from simulator.kernels.space_pipeline import PRODUCER, SOURCE
from simulator.lower.array import ArraySpec
from simulator.schedule.space.contexts import Place, best_contexts, fitting, pipeline, settled, stage_cycles

# the arrays


@functools.cache
def least_steps(extents, spec):
    """Steps of the best unrolling, counted from its factors."""
    units = unrollings(extents, spec)
    whole = [*extents, extents[3] * extents[6] * extents[7], extents[4] * extents[5]]
    loops = [0, 1, 2, 8] if units.flat_reduction else [0, 1, 2, 3, 6, 7]
    loops += [9] if units.flat_pixels else [4, 5]
    return min(math.prod(-(-whole[i] // int(row[i])) for i in loops) for row in units.factors)


WORDS = [
    (("reduction",), ("out_channels",), ("out_channels", "pixels")),
    (("in_channels",), ("out_channels", "groups"), ("out_height", "out_width")),
    (("kernel_height", "in_channels"), ("pixels",), ("groups", "out_channels", "pixels")),
    ((), ("out_channels",), ("reduction", "out_channels")),
]


@pytest.mark.parametrize("words", WORDS)
def test_a_stage_on_some_arrays_runs_as_with_the_best_unrolling(words):
    rng = random.Random(1)
    for _ in range(8):
        extents = (
            rng.choice([1, 1, 6]),
            1,
            rng.randint(1, 20),
            rng.randint(1, 20),
            *(rng.randint(1, 9) for _ in "PQ"),
            3,
            3,
        )
        spec = ArraySpec(9, rng.choice([2, 3, 8]), rng.choice([1, 4]), "weights", *words, rate=rng.choice([1.0, 0.5]))
        curve = stage_cycles(tiling.Shape(extents), spec).cycles
        wanted = [least_steps(extents, dataclasses.replace(spec, count=count)) for count in range(1, 10)]
        assert curve[1:].tolist() == [steps / spec.rate for steps in itertools.accumulate(wanted, min)]


@pytest.mark.parametrize("stationary", ["weights", "outputs", "inputs"])
def test_a_systolic_stage_takes_the_cycles_of_one_tile(stationary):
    shape = tiling.Shape((1, 1, 20, 12, 6, 5, 3, 3), padding=(1, 1), plane=(6, 5))
    spec = ArraySpec(
        1, 8, 8, stationary, ("reduction",), ("out_channels",), (), systolic=True, weight_load_cycles=8.0
    )  # fmt: skip
    whole = dict(zip("gnkcpq", shape.extents, strict=False))
    _, _, cycles = tiling.tile_cost(shape, spec, whole, "CKNPQ", resident=7)
    # The core lets the last fold of a layer end a cycle sooner.
    assert stage_cycles(shape, spec).cycles[1] == pytest.approx(cycles, abs=1.0)


@pytest.mark.kernel
def test_one_by_one_to_the_slowest_is_the_best_share():
    rng = random.Random(2)
    for _ in range(60):
        count = rng.randint(2, 9)
        curves = [
            [math.inf, *sorted(rng.choices(range(1, 12), k=count), reverse=True)] for _ in range(rng.randint(1, 4))
        ]
        table = np.array(curves, dtype=np.float64)
        levels = np.unique(table[:, 1:])
        at = sharing.slowest(table, np.ones(len(curves), dtype=np.bool_), levels, 0, len(curves) - 1, 0)
        found = float(levels[at]) if at < len(levels) else None
        assert found == one_by_one(curves, count) == best_split(curves, count)


# the buffers


def rows_of(graph, fuses=()):
    low, fused = lowered(graph, fuses=fuses)
    pipe = pipeline(low, fused, SPEC, Place(Machine(1e9, 1.0, 0.0, 1.0, 0.0), 1e30))
    return pipe, pipe.buffers(0, len(low.rows) - 1).rows


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_line_buffer_holds_the_rows_of_its_window(kernel, stride, dilation):
    net = NetworkBuilder("chain")
    x = net.conv(net.input(2, 32, 32), 3, 1)
    net.conv(x, 4, kernel, stride=stride, dilation=dilation, padding=dilation * (kernel // 2))
    context = one_context(net.build())
    rows = (kernel - 1) * dilation + stride
    assert context.line_bytes == (1 * 32 * 2, rows * 32 * 3)
    assert context.skip_bytes == (0.0, 0.0)


@pytest.mark.kernel
def test_buffers_of_every_context():
    """Those of a shorter one are the same. What comes from outside for one reader waits as long as its window alone needs."""
    outside = 0
    for _, _, graph in networks(12, most=6):
        low, fused = lowered(graph)
        pipe = pipeline(low, fused, SPEC, Place(Machine(1e9, 1.0, 0.0, 1.0, 0.0), 64.0))
        flow, end = pipe.stages.flow, pipe.stages.steps - 1
        for first in range(end + 1):
            begin = flow.first_edge[flow.first_node[first]]
            room, rows = pipe.buffers(first, end)
            assert room[end] == pytest.approx((rows * flow.row_bytes)[begin:].sum(), rel=1e-12)
            for last in range(first, end):
                assert pipe.buffers(first, last).room[last] == pytest.approx(room[last], rel=1e-12)
            inner = flow.edges[:, PRODUCER] >= flow.first_node[first]
            sources = np.where(inner, -1, flow.edges[:, SOURCE])[begin:].tolist()
            for e, source in enumerate(sources, begin):
                if source >= 0 and sources.count(source) == 1:
                    assert rows[e] == pipe.line[e]
                    outside += 1
                assert rows[e] >= min(1, pipe.line[e])
    assert outside > 40


@pytest.mark.kernel
def test_a_skip_buffer_holds_the_rows_between_fork_and_join():
    net = NetworkBuilder("residual")
    x = net.conv(net.input(2, 16, 8), 4, 1)
    y = net.conv(net.conv(x, 4, 3, padding=1), 4, 3, padding=1)
    net.add(y, x, activation="relu")
    context = one_context(net.build(), fuses=("add", "relu"))
    # Each 3 x 3 window waits for two rows: four rows of 8 x 4 bytes wait, one of them in the line buffer of the add.
    assert context.line_bytes == (16.0, 3 * 32.0, (3 + 1) * 32.0)
    assert context.skip_bytes == (0.0, 0.0, 3 * 32.0)


@pytest.mark.kernel
def test_a_fused_pool_has_a_line_buffer_and_a_global_pool_one_row():
    net = NetworkBuilder("pools")
    x = net.pool(net.conv(net.input(3, 32, 32), 8, 3, padding=1), 3, stride=2, padding=1)
    net.dense(net.global_pool(x), 10)
    context = one_context(net.build(), fuses=("pool",))
    # conv 3 rows of 32 x 3, pool (3 - 1) + 2 rows of 32 x 8, global pool (fused too) 1 row of 16 x 8; dense 8 inputs.
    assert context.line_bytes == (3 * 96.0 + 4 * 256.0 + 128.0, 8.0)


def test_the_second_operand_of_attention_waits_as_a_whole_twice():
    net = NetworkBuilder("attention")
    x = net.input(8, 10)
    net.matmul(net.dense(x, 8), net.dense(x, 8), heads=2, transposed=True)
    context = one_context(net.build())
    # Keys: ten rows in use and nine of the next item. Queries: as long as it takes until all keys are there.
    assert context.line_bytes[2] == 19 * 8 + 1 * 8
    assert context.skip_bytes[2] > 0.0


def test_the_slowest_stage_sets_the_rate_and_the_first_item_passes_as_computed():
    for seed, rng, graph in networks(70):
        names = steps_of(graph)
        times = [rng.choice([1, 2, 3, 5]) for _ in names] if rng.random() < 0.6 else [3] * len(names)
        stages = twin(graph, names, times, Fraction(rng.choice([0, 1, 2])))
        source_s = float(stages[0].item_s)
        pipe, rows = rows_of(graph)
        for got, room in zip((got for stage in stages for got in stage.inputs), rows, strict=True):
            got.room = int(room)
        finish = simulate(stages, 9)
        assert finish is not None, f"seed {seed}: locks up"
        ends = [max(done[item] for done in finish) for item in range(9)]
        assert ends[8] - ends[7] == max(*times, stages[0].item_s), f"seed {seed}"
        fill = pipe.fill_s(0, len(names) - 1, np.array(times, dtype=float), np.array([0.0, 0.0, 0.0, source_s]))
        assert float(ends[0]) - 1e-9 <= fill <= float(ends[0]) + source_s + 1e-9, f"seed {seed}"
        later = fill + 8 * float(max(*times, stages[0].item_s))
        assert float(ends[8]) <= 1.06 * later, f"seed {seed}: the batch takes {float(ends[8])}, not {later}"


@pytest.mark.parametrize("short", [0, 1])
def test_one_row_less_slows_the_pipeline(short):
    net = NetworkBuilder("chain")
    x = net.conv(net.input(1, 16, 4), 1, 3, padding=1)
    net.conv(x, 1, 5, stride=2, padding=2)
    graph = net.build()
    stages = twin(graph, steps_of(graph), [4, 4], Fraction(4))
    for at, (stage, room) in enumerate(zip(stages[1:], rows_of(graph)[1], strict=True)):
        stage.inputs[0].room = int(room) - (at == short)
    finish = simulate(stages, 9)
    assert finish is None or finish[2][8] - finish[2][4] > 4 * 4


# the contexts


def interval_cost(graph, names, first, last, batch, numbers, whole):
    """Seconds that a context adds to the period, from the graph alone; None where it does not fit."""
    capacity, byte_s, lanes = numbers
    own = names[first : last + 1]
    layers = [graph.nodes[name]["layer"] for name in own]
    weights = sum(layer.weight_elements for layer in layers)
    stages = twin(graph, own, [1] * len(own), Fraction(0))
    buffers = 0.0
    for (j, i), rows in waiting_rows(stages).items():
        name = own[j - (len(stages) - len(own))]
        producer = [u for u, _ in graph.in_edges(name)][i]
        buffers += rows * graph.nodes[producer]["layer"].output_elements / stages[j].inputs[i].rows
    if weights + buffers > capacity:
        return None
    outside = {u for name in own for u, _ in graph.in_edges(name) if u not in own}
    leaving = {u for u in own if any(v not in own for _, v in graph.out_edges(u)) or graph.out_degree(u) == 0}
    moved = sum(graph.nodes[u]["layer"].output_elements for u in [*outside, *leaving])
    curves = []
    for layer in layers:
        if layer.is_compute:
            e = (layer.groups, 1, layer.out_channels, layer.in_channels, layer.out_height, layer.out_width)
            kernel = (layer.kernel_height, layer.kernel_width)
            steps = [least_steps(e + kernel, dataclasses.replace(SPEC, count=n)) for n in range(1, SPEC.count + 1)]
            curves.append([math.inf, *itertools.accumulate(steps, min)])
    slowest = one_by_one(curves, SPEC.count) if curves else 0
    if slowest is None:
        return None
    vector = sum(layer.vector_operations for layer in layers) / lanes
    item = max(slowest * 1e-6, vector * 1e-6, moved * byte_s)
    return (0.0 if whole else weights * byte_s) + batch * item


def test_contexts_are_the_best_of_all_cuts():
    several = 0
    for seed, rng, graph in networks(20, most=5, simple=True):
        names = steps_of(graph)
        batch, byte_s, lanes = rng.choice([1, 4]), rng.choice([1e-9, 1e-7]), rng.choice([4.0, 64.0])
        weights = sum(graph.nodes[name]["layer"].weight_elements for name in names)
        for capacity in (1e9, weights + 300.0, weights / 2 + 250.0):
            whole = len(names)
            numbers = (capacity, byte_s, lanes)
            cost = functools.cache(
                lambda a, b, numbers=numbers, whole=whole, graph=graph, names=names, batch=batch: interval_cost(
                    graph, names, a, b, batch, numbers, b - a + 1 == whole
                )
            )
            wanted = best_cuts(cost, whole)
            try:
                plan = placed(graph, batch, capacity_bytes=capacity, byte_s=byte_s, lanes=lanes)
            except InfeasibleError:
                assert wanted is None, f"seed {seed}"
                continue
            several += len(plan.contexts) > 1
            if all(context.slices == 1 for context in plan.contexts):
                assert plan.period_s == pytest.approx(wanted, rel=1e-12), f"seed {seed}"
            else:
                assert wanted is None
    assert several >= 10


def test_the_least_latency_is_that_of_the_best_cuts():
    for seed, _, graph in networks(12, most=5):
        names = steps_of(graph)
        weights = sum(graph.nodes[name]["layer"].weight_elements for name in names)
        numbers = {"capacity_bytes": weights / 2 + 400.0, "byte_s": 1e-7}
        try:
            plan = placed(graph, 3, goal="latency", **numbers)
        except InfeasibleError:
            continue
        if any(context.slices > 1 for context in plan.contexts):
            continue
        low, fused = lowered(graph, 3)
        pipe = pipeline(low, fused, SPEC, Place(Machine(numbers["capacity_bytes"], 1e-6, 1e-7, 1.0, 0.0), 64.0))

        def cost(first, last, pipe=pipe, numbers=numbers):
            fit = [choice for choice in fitting(pipe, first, "period") if choice.last == last]
            return settled(pipe, fit[0], "latency").time_s if fit else None

        assert plan.latency_s == pytest.approx(best_cuts(cost, len(names)), rel=1e-9), f"seed {seed}"
        assert sum(choice.time_s for choice in best_contexts(pipe, low, "latency")) == plan.latency_s  # no bound of it


@pytest.mark.kernel
def test_a_layer_too_large_runs_in_slices_of_its_output_channels():
    net = NetworkBuilder("large")
    net.dense(net.input(100), 90, bias=False)
    plan = placed(net.build(), batch=5, capacity_bytes=3100.0)
    (context,) = plan.contexts
    # Three slices would fit, of 30 channels in 35 cycles each; four of 23 channels in 25 cycles are faster. The inputs are
    # read anew for every slice.
    assert (context.slices, context.cycles, context.sram_bytes) == (4, (25.0,), 2300.0 + 100.0)
    assert context.reload_bytes == 9000.0
    assert plan.outer_bytes.tolist() == [9000.0 + 5 * (4 * 100 + 90)]
    assert "'dense1' does not fit the SRAM: it runs in 4 slices" in plan.notes[0]
    assert plan.load_bytes == 0.0


def test_a_layer_whose_buffers_do_not_fit_is_named():
    net = NetworkBuilder("wide")
    net.conv(net.input(4, 64, 64), 4, 3, padding=1, name="first")
    with pytest.raises(
        InfeasibleError, match=r"^wide: sram.capacity_mib: layer 'first' needs at least 804 bytes .* got 700$"
    ):
        placed(net.build(), capacity_bytes=700.0)
    net.pool(net.conv(net.input(4, 64, 64, name="other"), 4, 3, padding=1), 64, name="last")
    with pytest.raises(InfeasibleError) as found:
        placed(net.build(), capacity_bytes=100.0)
    lines = str(found.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("wide: sram.capacity_mib: layer '") for line in lines)


def test_an_unknown_goal_is_refused():
    net = NetworkBuilder("one")
    net.dense(net.input(8), 8)
    with pytest.raises(OptionError, match="goal: must be one of period, latency, got 'perod'; did you mean 'period'"):
        placed(net.build(), goal="perod")


# whole networks

FUSES = ("relu", "add", "pool", "concat")


@functools.cache
def network(name):
    return load_network(name)


def large(name, batch=1, **numbers):
    """A chip of 26 TOPS on a link of 3.6 GB/s."""
    fast = {"capacity_bytes": 32 * MIB, "cycle_s": 2.5e-9, "byte_s": 1 / 3.6e9, "lanes": 2048.0}
    return placed(network(name), batch, BIG, FUSES, **{**fast, **numbers})


def test_a_network_that_fits_is_as_fast_at_any_batch():
    one, eight = large("resnet50"), large("resnet50", 8)
    assert len(one.contexts) == 1
    assert eight.period_s == pytest.approx(8 * one.period_s, rel=1e-12)
    assert eight.latency_s - one.latency_s == pytest.approx(7 * one.period_s, rel=1e-9)
    assert one.load_bytes == 25_502_912
    # The image in, 1,000 results out, and nothing else.
    assert one.outer_bytes.sum() == 3 * 224 * 224 + 1000
    assert 0.9 < 4.09e9 / (32768 * 4e8) / one.period_s < 1.0


def test_a_network_that_does_not_fit_loads_its_weights_for_every_batch():
    plans = [large("resnet50", batch, capacity_bytes=16 * MIB) for batch in (1, 8, 64)]
    assert all(len(plan.contexts) > 1 for plan in plans)
    for plan in plans:
        reload = sum(context.reload_bytes for context in plan.contexts)
        assert reload == 25_502_912
        assert plan.period_s == pytest.approx(reload / 3.6e9 + plan.batch * sum(c.item_s for c in plan.contexts))
        assert all(context.sram_bytes <= 16 * MIB for context in plan.contexts)
        assert plan.load_bytes == 0.0
    rates = [plan.batch / plan.period_s for plan in plans]
    assert rates[0] < rates[1] / 5 < rates[2] / 10


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "inception_v1", "bert_base"])
@pytest.mark.parametrize("numbers", [{}, {"capacity_bytes": 6 * MIB, "overhead_s": 1e-6, "lanes": 16.0}])
def test_waterfalls_add_up(name, numbers):
    plan = large(name, 4, **numbers)
    low, _ = lowered(network(name), 4, BIG, FUSES)
    for parts, total in ((plan.period_parts, plan.period_s), (plan.latency_parts, plan.latency_s)):
        assert (parts >= 0.0).all()
        assert parts.sum() == pytest.approx(total, rel=1e-12)
        ideal = sum(row.macs_executed for row in low.rows) / (BIG.count * BIG.rows * BIG.columns) * 2.5e-9
        assert parts[IDEAL].sum() == pytest.approx(ideal, rel=1e-12)
    assert plan.latency_s >= plan.period_s
    moved = sum(context.reload_bytes + 4 * context.outer_bytes for context in plan.contexts)
    assert plan.outer_bytes.sum() == pytest.approx(moved, rel=1e-12)
    assert plan.period_s >= moved / 3.6e9 * (1 - 1e-12)
    assert [context.first for context in plan.contexts[1:]] == [context.last + 1 for context in plan.contexts[:-1]]
    again = large(name, 4, **numbers)
    assert again.contexts == plan.contexts
    assert (again.period_parts == plan.period_parts).all()


@settings(max_examples=examples(60))
@given(
    seed=st.integers(0, 400),
    batch=st.sampled_from([1, 3]),
    goal=st.sampled_from(["period", "latency"]),
    key=st.sampled_from(["capacity_bytes", "count", "cycle_s", "byte_s", "overhead_s", "lanes"]),
    part=st.floats(0.05, 1.2),
    times=st.floats(1.0, 4.0),
)
def test_more_of_anything_is_never_slower(seed, batch, goal, key, part, times):
    graph = random_network(random.Random(seed))
    if graph is None:
        return
    weights = sum(graph.nodes[name]["layer"].weight_elements for name in graph)
    before = {"capacity_bytes": part * weights + 800.0, "byte_s": 2e-8, "overhead_s": 1e-6, "lanes": 8.0}
    after, spec = dict(before), SPEC
    if key == "count":
        spec = dataclasses.replace(SPEC, count=math.ceil(SPEC.count * times))
    elif key in ("capacity_bytes", "lanes"):
        after[key] *= times
    else:
        after[key] = before.get(key, 1e-6) / times
    try:
        slow = placed(graph, batch, goal=goal, **before)
    except InfeasibleError:
        return
    fast = placed(graph, batch, spec, goal=goal, **after)
    name = f"{goal}_s"
    assert getattr(fast, name) <= getattr(slow, name) * (1 + 1e-9)


@pytest.mark.kernel
def test_a_batch_of_two_takes_at_most_twice_as_long():
    for _, rng, graph in networks(15):
        numbers = {"capacity_bytes": 1500.0, "byte_s": rng.choice([1e-8, 1e-7])}
        try:
            one, two = (placed(graph, batch, **numbers) for batch in (1, 2))
        except InfeasibleError:
            continue
        assert two.period_s <= 2 * one.period_s * (1 + 1e-12)
