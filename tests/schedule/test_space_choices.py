"""Which contexts are chosen, in which slices, and what each says of itself: against every choice, over many small cases."""

import dataclasses
import itertools
import random
from types import SimpleNamespace

import numpy as np
import pytest
from space_example import SPEC, lowered, networks

from simulator.errors import InfeasibleError, ModelError
from simulator.kernels import space_pipeline as kernels
from simulator.kernels.layout import Machine
from simulator.kernels.schedule_sums import (
    CAUSES,
    EDGES,
    FILLING,
    IDEAL,
    LINK,
    LOADING,
    OUTER,
    OVERHEAD,
    PIPELINE,
    VECTOR,
)  # fmt: skip
from simulator.lower.shape import Shape
from simulator.schedule.space import contexts, place
from simulator.schedule.space.contexts import Choice, Moved, Pipeline, Place, fitting, pipeline, settled, stage_cycles

pytestmark = pytest.mark.kernel
LOADED = dataclasses.replace(SPEC, weight_load_cycles=9.0, pass_overhead_cycles=2.0)
SYSTOLIC = dataclasses.replace(SPEC, systolic=True, link_bytes_per_cycle=6.0, rate=2.0)


def made_up(extents, capacity, room, weights):
    """One layer of these extents that waits for `room` bytes, on a chip whose times are made up."""
    return SimpleNamespace(
        stages=SimpleNamespace(shapes=[None, Shape(extents)], weight_bytes=[0.0, weights]), spec=None,
        chip=SimpleNamespace(machine=SimpleNamespace(capacity_bytes=capacity)),
        buffers=lambda first, end: SimpleNamespace(room=[99.0 * (first == end == 1) - 98.0, room]),
    )  # fmt: skip


def test_the_best_number_of_slices_of_all(monkeypatch):
    """Of 2, 3, 4, 6, 8, 12, .. the fastest that fits, then that of the fewest bytes, then the first; with less there is none."""
    rng, seen = random.Random(1), set()
    monkeypatch.setattr(
        contexts, "stage_cycles", lambda shape, _: SimpleNamespace(cycles=[0.0, 7.0, sum(shape.extents)])
    )
    for _ in range(300):
        outputs, groups = rng.choice([(1, 1), (2, 1), (3, 1), (7, 1), (12, 1), (3, 5), (1, 6), (4, 4), (40, 1)])
        whole, room = max(outputs, groups), 16.0
        fitting_size = rng.randint(0, whole)
        capacity = room + 8.0 * fitting_size + rng.choice([0.0, 0.0, 1.0, -1.0])
        costs = {}

        def cost(_, draft, goal, costs=costs):
            key = draft.slices, draft.size
            times = costs.setdefault(key, (float(rng.randint(1, 3)), float(rng.randint(1, 2))))
            assert (draft.first, draft.last, goal) == (1, 1, "period")
            return dataclasses.replace(draft, time_s=times[0], outer_bytes=times[1])

        monkeypatch.setattr(contexts, "settled", cost)
        pipe = made_up((groups, 1, outputs, 2, 3, 3, 1, 1), capacity, room, 8.0 * whole)
        found = contexts._in_slices(pipe, 1, "period")
        assert contexts._in_slices(pipe, 0, "period") is None
        best = None
        for parts in sorted({2**k * base for k in range(8) for base in (1, 3)} - {1}):
            size = next(size for size in range(1, whole + 1) if size * parts >= whole)
            slices = next(slices for slices in range(1, whole + 1) if slices * size >= whole)
            if slices > 1 and 8.0 * size + room <= capacity:
                key = *costs[slices, size], parts
                best = min(best or (key, slices, size), (key, slices, size))
        seen.add(best and best[1])
        if best is None:
            assert found is None
            continue
        assert (found.slices, found.size) == best[1:]
        total = groups + outputs - whole + best[2] + 11.0
        assert (found.time_s, found.outer_bytes, found.level) == (*best[0][:2], total)
    assert len(seen) > 6
    assert list(contexts.SLICES) == sorted({2**k * base for k in range(18) for base in (1, 3)} - {1})


def test_slices_cut_the_longer_of_groups_and_outputs():
    for groups, outputs in itertools.product((1, 2, 5), (1, 2, 4)):
        shape = Shape((groups, 1, outputs, 6, 3, 3, 1, 1))
        assert contexts.channels(shape) == max(groups, outputs)
        cut = (1, 1, outputs) if groups > outputs else (groups, 1, 1)
        assert contexts.sliced(shape, 1) == dataclasses.replace(shape, extents=(*cut, 6, 3, 3, 1, 1))
    for of in (contexts.channels, lambda shape: contexts.sliced(shape, 1)):
        with pytest.raises(ModelError):
            of(None)


def paths(table):
    """Every way from the first step to the last."""
    found = [[]]
    while any(not way or way[-1].last + 1 < len(table) for way in found):
        found = [
            [*way, choice] if at < len(table) else way
            for way in found for at in [way[-1].last + 1 if way else 0]
            for choice in (table[at] if at < len(table) else [None])
        ]  # fmt: skip
    return found


def random_table(rng, steps):
    """Contexts from each step to some of those behind, with times and bytes that are often alike."""
    return [
        [
            Choice(float(rng.randint(1, 2)), float(rng.randint(0, 3)), first, last, 1, 0.0)
            for last in sorted(rng.sample(range(first, steps), rng.randint(1, steps - first)))
        ]
        for first in range(steps)
    ]


def totals(way):
    return sum(choice.time_s for choice in way), sum(choice.outer_bytes for choice in way)


def test_the_cheapest_way_over_the_cuts():
    """Of those as fast the one with the fewest bytes; of these the one whose last context is the longest, then the one before."""
    rng = random.Random(2)
    for _ in range(300):
        table = random_table(rng, rng.randint(1, 6))
        best = min(paths(table), key=lambda way: (*totals(way), [choice.first for choice in way[::-1]]))
        assert contexts._shortest(table) == best
    with pytest.raises(ModelError):
        contexts._shortest([[], random_table(rng, 2)[1]])


def test_the_cheapest_way_is_the_same_in_any_unit():
    """Nothing is added to times or bytes in which small ones would be lost."""
    rng = random.Random(5)
    for _ in range(20):
        table = random_table(rng, 4)
        tiny = [
            [
                dataclasses.replace(one, time_s=one.time_s * 2.0**-60, outer_bytes=one.outer_bytes * 2.0**-60)
                for one in row
            ]
            for row in table
        ]
        ways = [[(one.first, one.last) for one in contexts._shortest(each)] for each in (table, tiny)]
        assert ways[0] == ways[1]


def test_the_least_latency_is_found_with_bounds_below_it(monkeypatch):
    """Contexts take up to twice their bounds; of some steps no context fits, and one alone runs in slices."""
    rng = random.Random(3)
    for _ in range(100):
        table = random_table(rng, rng.randint(1, 6))
        sliced = rng.randrange(len(table)) if rng.random() < 0.3 else -1
        alone = [Choice(5.0, 1.0, at, at, 2, 0.0, 1) for at in range(len(table))]
        real = {c: dataclasses.replace(c, time_s=c.time_s * rng.choice([1, 1.5, 2])) for row in table for c in row}
        real |= {c: c for c in alone}
        monkeypatch.setattr(contexts, "settled", lambda _, choice, goal, real=real: real[choice])
        monkeypatch.setattr(contexts, "fitting", lambda _, at, goal, t=table, s=sliced: [] if at == s else t[at])
        monkeypatch.setattr(contexts, "_in_slices", lambda _, at, goal, alone=alone: alone[at])
        pipe = SimpleNamespace(stages=SimpleNamespace(steps=len(table)))
        of = [[alone[at]] if at == sliced else row for at, row in enumerate(table)]
        ways = [[real[choice] for choice in way] for way in paths(of)]
        assert totals(contexts.best_contexts(pipe, None, "latency")) == min(map(totals, ways))
        assert totals(contexts.best_contexts(pipe, None, "period")) == min(map(totals, paths(of)))


def test_three_layers_that_do_not_fit_are_named_or_four_if_there_are_no_more(monkeypatch):
    monkeypatch.setattr(contexts, "fitting", lambda pipe, at, goal: [])
    monkeypatch.setattr(contexts, "_in_slices", lambda pipe, at, goal: None)
    monkeypatch.setattr(contexts, "_fault", lambda pipe, low, at: f"layer {at}")
    for count in range(1, 8):
        lines = [f"layer {at}" for at in range(count)]
        if count > 4:
            lines = [*lines[:3], f"sram.capacity_mib: and {count - 3} more layers do not fit"]
        with pytest.raises(InfeasibleError) as found:
            contexts.best_contexts(SimpleNamespace(stages=SimpleNamespace(steps=count)), None, "period")
        assert str(found.value).splitlines() == lines


def test_what_a_layer_needs_is_its_smallest_slice():
    """Of as many channels as make no more slices than are tried: two of 400,000."""
    low = SimpleNamespace(network="net", rows=[None, SimpleNamespace(name="big")])
    for outputs, least in ((10, 30.0 + 5.0), (400_000, 30.0 + 10.0)):
        pipe = made_up((1, 1, outputs, 1, 1, 1, 1, 1), 20.0, 30.0, 5.0 * outputs)
        assert f"layer 'big' needs at least {least:,.0f} bytes" in contexts._fault(pipe, low, 1)
    pipe.stages.shapes[1] = None
    assert "at least 30 bytes" in contexts._fault(pipe, low, 1)


def pipes(count, spec=SPEC, **numbers):
    """Random networks as pipelines on chips of which sometimes one, sometimes another roof is the slowest."""
    for _, rng, graph in networks(count, most=5):
        low, fused = lowered(graph, rng.choice([1, 4]), spec, rng.choice([(), ("relu", "add", "pool")]))
        machine = Machine(1e9, 1e-6, rng.choice([1e-9, 2e-7]), 1.0, rng.choice([0.0, 2e-6]))._replace(**numbers)
        pipe = pipeline(low, fused, spec, Place(machine, rng.choice([2.0, 64.0])))
        tables = np.array([rng.choice([0.0, 0.0, 40.0]) for _ in low.rows])
        yield rng, low, dataclasses.replace(pipe, stages=dataclasses.replace(pipe.stages, fixed_bytes=tables))


def test_contexts_that_fit_are_all_that_do_with_what_they_take():
    """Up to the first that does not, in an SRAM that one of them just fills; bounds of the latency are none above it."""
    alike = 0
    for rng, _, pipe in pipes(25):
        weights, steps = pipe.stages.weight_bytes, pipe.stages.steps
        assert not any(column.flags.writeable for s in pipe.stages.shapes if s for column in stage_cycles(s, SPEC))
        assert pipe.levels.tolist() == sorted(
            {0.0, *(cycles for curve in pipe.curves.tolist() for cycles in curve[1:])}
        )
        for first in range(steps):
            needs = [
                weights[first : last + 1].sum() + pipe.buffers(first, last).room[last] for last in range(first, steps)
            ]
            capacity = float(rng.choice(needs)) - rng.choice([0.0, 0.0, 1.0])
            chip = dataclasses.replace(pipe.chip, machine=pipe.chip.machine._replace(capacity_bytes=capacity))
            small = dataclasses.replace(pipe, chip=chip)
            fit = [
                need <= capacity and pipe.computes[first : first + at + 1].sum() <= 12 for at, need in enumerate(needs)
            ]
            many = len([*itertools.takewhile(bool, fit)])
            found = fitting(small, first, "period")
            assert [(one.first, one.last, one.slices) for one in found] == [
                (first, first + at, 1) for at in range(many)
            ]
            for one, other in zip(found, fitting(small, first, "latency"), strict=True):
                exact, slow = settled(small, one, "period"), settled(small, one, "latency")
                assert one == dataclasses.replace(
                    exact, time_s=pytest.approx(exact.time_s), outer_bytes=pytest.approx(exact.outer_bytes)
                )
                assert exact.time_s * (1 - 1e-12) <= other.time_s <= slow.time_s * (1 + 1e-12)
                assert (other.outer_bytes, other.level) == (one.outer_bytes, one.level)
                alike += other.time_s > exact.time_s * 1.01
    assert alike > 20


def test_roofs_of_an_item():
    """A slice reads all inputs, and has its share of what is worked out, written and looked up."""
    chip = Place(Machine(1e9, 0.5, 0.25, 1.0, 7.0), 4.0)
    pipe = SimpleNamespace(chip=chip, spec=SimpleNamespace(link_bytes_per_cycle=8.0))
    moved = Moved(operations=96.0, read=24.0, written=48.0, tables=12.0, inner=64.0)
    for slices in (1, 3):
        vector = 96.0 / slices / 4.0 * 0.5 + 7.0
        link = (64.0 + 48.0 / slices) / 8.0 * 0.5
        outer = (24.0 + 48.0 / slices + 12.0 / slices) * 0.25
        assert Pipeline.roofs(pipe, 10.0, moved, slices).tolist() == [10.0 * 0.5 + 7.0, vector, link, outer]
        assert moved.outer(slices) == slices * 24.0 + 48.0 + 12.0


def share_of(pipe, context):
    """Share of each step in its context's time."""
    vector = pipe.stages.vector_operations[context.first : context.last + 1].tolist()
    by = next((by for by in (context.arrays, vector) if sum(by) > 0), [1] * len(vector))
    return [one / sum(by) for one in by]


def causes(pipe, low, context, choice, at):
    """Of a step of a context the time of a batch by cause, each as far as any is left, and who waits for the rest. [s]"""
    step, chip, spec, found = context.first + at, pipe.chip.machine, pipe.spec, [0.0] * CAUSES
    row, shape, arrays = low.rows[step], pipe.stages.shapes[step], context.arrays[at]
    runs, busy = context.slices * pipe.batch, arrays / spec.count
    loading = filling = 0.0
    if shape is not None:
        if context.slices > 1:
            cut = 0 if shape.extents[0] > shape.extents[2] else 2
            extents = tuple(choice.size if axis == cut else size for axis, size in enumerate(shape.extents))
            shape = dataclasses.replace(shape, extents=extents)
        curve = stage_cycles(shape, spec)
        loading, filling = curve.loading[arrays], curve.filling[arrays]
    left = runs * context.item_s * share_of(pipe, context)[at]
    rate = shape.rate if shape is not None and shape.rate else spec.rate
    ideal = row.macs_executed / (rate * spec.rows * spec.columns * spec.count) * chip.cycle_s
    cycles, slowest = context.cycles[at], 0.0
    if sum(context.arrays):
        slowest = (max(context.cycles) * chip.cycle_s + chip.overhead_s) * share_of(pipe, context)[at]
    own = busy * (cycles * chip.cycle_s + chip.overhead_s)
    for cause, time_s in (
        (IDEAL, ideal), (EDGES, runs * busy * (cycles - loading - filling) * chip.cycle_s - ideal),
        (FILLING, runs * busy * filling * chip.cycle_s), (LOADING, runs * busy * loading * chip.cycle_s),
        (OVERHEAD, runs * busy * chip.overhead_s), (PIPELINE, runs * (slowest - own)),
    ):  # fmt: skip
        part = min(max(0.0, time_s), left)
        found[cause] += part
        left -= part
    slow = max(context.roofs_s.values())
    roof = next(roof for roof, time_s in context.roofs_s.items() if time_s == slow)
    found[{"array": PIPELINE, "vector": VECTOR, "interconnect": LINK, "outer": OUTER}[roof]] += left
    if context.reload_bytes:
        found[OUTER] += pipe.stages.weight_bytes[step] * chip.byte_s
    return found


def moved(pipe, context):
    """Bytes of each step of a context over the outer memory, for a batch: what several read, the first of them brings."""
    stages, flow, found, brought = pipe.stages, pipe.stages.flow, [], {}
    nodes = [range(flow.first_node[step], flow.first_node[step + 1]) for step in range(stages.steps)]
    begin = nodes[context.first][0]
    for step in range(context.first, context.last + 1):
        total = 0.0
        for edge in (e for node in nodes[step] for e in range(flow.first_edge[node], flow.first_edge[node + 1])):
            source, producer = flow.edges[edge, [kernels.SOURCE, kernels.PRODUCER]].tolist()
            if source >= 0 and producer < begin:
                before = brought.get(source, 0.0)
                brought[source] = min(before + flow.edge_bytes[edge], flow.source_bytes[source])
                total += context.slices * (brought[source] - before)
        total += (flow.source_bytes if flow.last_reader[step] > context.last else flow.stored_bytes)[step]
        found.append(
            pipe.batch * (total + stages.fixed_bytes[step]) + stages.weight_bytes[step] * bool(context.reload_bytes)
        )
    return found


def check(pipe, low, plan, choices):
    """All that a plan says, but for what its contexts are."""
    chip, stages = pipe.chip.machine, pipe.stages
    assert plan.batch == pipe.batch
    period = latency = 0.0
    for context, choice in zip(plan.contexts, choices, strict=True):
        own = slice(context.first, context.last + 1)
        for at, share in enumerate(share_of(pipe, context)):
            expected = causes(pipe, low, context, choice, at)
            assert plan.period_parts[:, context.first + at].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-18)
            expected[PIPELINE] += context.slices * (context.fill_s - context.item_s) * share
            assert plan.latency_parts[:, context.first + at].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-18)
        assert plan.outer_bytes[own].tolist() == pytest.approx(moved(pipe, context))
        reload = stages.weight_bytes[own].sum() if len(choices) > 1 or choice.slices > 1 else 0.0
        period += reload * chip.byte_s + context.slices * pipe.batch * context.item_s
        latency += reload * chip.byte_s + context.slices * (context.fill_s + (pipe.batch - 1) * context.item_s)
        share = choice.size / max(stages.shapes[context.first].extents[:3:2]) if choice.slices > 1 else 1.0
        assert context.reload_bytes == pytest.approx(reload)
        assert context.weight_bytes == pytest.approx(tuple(stages.weight_bytes[own] * share))
        room = pipe.buffers(context.first, context.last).room[context.last]
        assert context.sram_bytes == pytest.approx(room + sum(context.weight_bytes))
        assert context.fill_s >= context.item_s
        for at, (arrays, cycles) in enumerate(zip(context.arrays, context.cycles, strict=True)):
            if stages.shapes[context.first + at] is None:
                assert (arrays, cycles) == (0, 0.0)
            elif context.slices == 1:
                assert cycles == pipe.curves[context.first + at, arrays] <= choice.level
    assert plan.sram_bytes == max(context.sram_bytes for context in plan.contexts)
    assert (plan.period_s, plan.latency_s) == pytest.approx((period, latency))
    once = len(choices) == 1 and choices[0].slices == 1
    assert plan.load_bytes == (stages.weight_bytes.sum() if once else 0.0)
    assert len(plan.notes) == (len(choices) > 1) + sum(choice.slices > 1 for choice in choices)


def test_what_the_first_item_of_a_context_is_run_with(monkeypatch):
    """A stage takes as long as its arrays, or, with vector work, as all of that; each time after what it begins with."""
    flow = SimpleNamespace(
        first_node=np.array([0, 2, 3, 4]), units=np.array([2, 4, 5, 8]), last_reader=np.array([2, 3, 3, 9])
    )
    stages = SimpleNamespace(flow=flow, vector_operations=np.array([3.0, 0.0, 1.0]), steps=3)
    pipe = SimpleNamespace(
        stages=stages, chip=Place(Machine(1e9, 0.5, 0.25, 1.0, 7.0), 4.0), spec=None, curves=None, computes=None,
        buffers=lambda first, end: SimpleNamespace(rows=(first, end)),
    )  # fmt: skip
    roofs, asked, cycles = np.array([20.0, 17.0, 3.0, 11.0]), [], np.array([10.0, 4.0, 90.0])
    monkeypatch.setattr(kernels, "new_running", lambda flow: "running")
    for took, expected in ((30.0, 30.0), (19.0, 20.0)):
        monkeypatch.setattr(kernels, "fill", lambda *given, took=took: asked.append(given) or took)
        assert Pipeline.fill_s(pipe, 1, 2, cycles, roofs) == expected
    first, end, _, load, rows, _ = asked[0]
    assert (first, end, rows) == (1, 2, (1, 2))
    # Of the second node of the first step, a fused layer, the vector work alone.
    assert load[0].tolist() == [(10.0 + 7.0) / 2, 10.0 / 4, (2.0 + 7.0) / 5, (45.0 + 7.0) / 8]
    assert load[1] == 11.0
    assert load[2].tolist() == [False, True, True]
    monkeypatch.setattr(contexts.sharing, "assign_all", lambda *given: given[-1].fill(6.0))
    monkeypatch.setattr(kernels, "least_fills", lambda *given: asked.append(given))
    columns = np.stack([roofs, 2 * roofs, 3 * roofs], axis=1)
    contexts._bound_fills(pipe, 1, 2, np.array([1.0, 2.0, 3.0]), columns, "least")
    first, last, _, cycles, chip, shared, _, least = asked[-1]
    assert (first, last, chip, least) == (1, 2, pipe.chip.machine, "least")
    assert cycles.tolist() == [[6.0] * 3] * 3
    assert [own.tolist() for own in shared] == [[10.0, 27.0, 44.0], [11.0, 22.0, 33.0], [True, False, True]]


def test_steps_share_the_time_of_their_context():
    """By arrays; without any by vector work; without that equally."""
    stages = SimpleNamespace(vector_operations=np.array([9.0, 1.0, 3.0, 0.0, 0.0, 0.0]))
    for first, arrays, shares in (
        (0, (2, 0, 6), (0.25, 0.0, 0.75)),
        (1, (0, 0), (0.25, 0.75)),
        (3, (0, 0), (0.5, 0.5)),
    ):
        context = SimpleNamespace(first=first, last=first + len(arrays) - 1, arrays=arrays)
        assert place._weights(SimpleNamespace(stages=stages), context).tolist() == list(shares)


@pytest.mark.parametrize("spec", [SPEC, SYSTOLIC, LOADED])
def test_what_a_plan_says_of_its_contexts(monkeypatch, spec):
    """On chips that hold all of a network, half of it, or a layer in slices."""
    kinds, usual = set(), place.best_contexts
    for rng, low, pipe in pipes(15, spec):
        kept = []
        monkeypatch.setattr(place, "best_contexts", lambda *given, kept=kept: kept.append(usual(*given)) or kept[-1])
        weights, steps = pipe.stages.weight_bytes, range(pipe.stages.steps)
        room = max(float(pipe.buffers(step, step).room[step]) for step in steps)
        for capacity in (1e9, float(weights.sum()) / 2 + 400.0, float(weights.max()) / 2 + room):
            chip = dataclasses.replace(pipe.chip, machine=pipe.chip.machine._replace(capacity_bytes=capacity))
            small = dataclasses.replace(pipe, chip=chip)
            monkeypatch.setattr(place, "pipeline", lambda *_, small=small: small)
            try:
                plan = place.place_network(low, None, spec, chip.machine, 64.0, rng.choice(place.GOALS))
            except InfeasibleError:
                continue
            check(small, low, plan, kept[-1])
            kinds |= {(context.bound_by, context.slices > 1, len(plan.contexts) > 1) for context in plan.contexts}
    assert len(kinds) > 5
    assert any(in_slices for _, in_slices, _ in kinds)
