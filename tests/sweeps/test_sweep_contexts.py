"""Points of a language model in batch and context: told many at once, each is what `simulate` gives."""

import numpy as np
import pytest
from profiles import by_night

from simulator import load_chip, load_network, simulate, sweep
from simulator.errors import InfeasibleError
from simulator.graph.shallow import with_layers
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.array import target_of
from simulator.lower.lines import BentError
from simulator.lower.rows import lower_steps, operands_of
from simulator.lower.work import work_of
from simulator.result.contexts import ENDS, Passes, _Ends
from simulator.schedule import keep
from simulator.schedule.behind import FEWEST, PoolsBehind, _least_more
from simulator.schedule.pools import floor_of, pool_source
from simulator.sweeps import contexts as told
from simulator.sweeps import run
from simulator.sweeps.behind import Stretch
from simulator.sweeps.plan import plan_of

SAME = (
    "throughput_per_s", "latency_s", "utilisation", "effective_utilisation", "dram_bytes", "load_bytes", "power_w",
    "throughput_per_tops", "throughput_per_dram", "throughput_per_sram_mib", "throughput_per_w", "energy_per_inference_j",
)  # fmt: skip
SMALL = {"phase": "decode", "vocabulary": 2000}
CONTEXTS = [1, 40, 63, 64, 65, 129, 1000, 4097]


CASES = {
    "dense": ("smollm2_135m", "h100", "bf16", {"layers": 5}),
    "formats": ("llama3_8b", "mi300x", "w4a16kv8", {"layers": 4}),
    "power": ("llama3_8b", "l4", "fp16", {"layers": 4}),  # held back by its limit
    "windows": ("gemma3_1b", "h100", "bf16", {"layers": 14, "window": 64}),
    "experts": ("deepseek_v2_lite", "h100", "bf16", {"layers": 3, "experts": 8, "active": 2, "sequences": 3}),
    "grid": ("smollm2_135m", "hailo10h", "w4a8", {"layers": 4}),
    "latent": ("deepseek_v2_lite", "rk3588_core", "int8", {"layers": 3, "experts": 8, "active": 2}),
    "prompts": ("llama3_8b", "l4", "fp16", {"layers": 3, "phase": "prefill", "prompt": 96}),  # in parts, some of them
    "prompts and windows": ("gemma3_1b", "h100", "bf16", {"layers": 7, "window": 64, "phase": "prefill", "prompt": 24}),
    "guesses": ("smollm2_135m", "hailo10h", "w4a8", {"layers": 3, "prompt": 3}),
    "one by one": ("smollm2_135m", "tpu_v5e", "bf16", {"layers": 2}),  # whose steps depend on each other
}


@pytest.mark.parametrize("case", CASES)
def test_each_point_is_that_of_a_run(case):
    model, chip, precision, own = CASES[case]
    params = {**SMALL, **own}
    vary = {"batch": [1, 3], "context": CONTEXTS[1:4] if case == "one by one" else CONTEXTS}
    table = sweep(model, chip, vary, precision=precision, params=params)
    for row in table.to_dicts():
        graph = load_network(model, **{**params, "context": row["param.context"]})
        found = simulate(graph, load_chip(chip), row["batch"], precision, gains=False)
        for name in SAME:
            expected = getattr(found, name)
            assert row[name] == (None if expected is None else pytest.approx(expected, rel=1e-12)), (row, name)
        assert row["largest_loss"] == found.largest_loss


def test_most_points_are_told_at_once(monkeypatch):
    alone = []
    own = told.fill
    monkeypatch.setattr(told, "fill", lambda *given, **more: (alone.append(len(given[1])), own(*given, **more)))
    sweep("smollm2_135m", "h100", {"batch": [2], "context": CONTEXTS}, params={**SMALL, "layers": 4}, precision="bf16")
    assert max(alone) == len(CONTEXTS)


def test_contexts_beside_keys_of_the_chip():
    vary = {"clock_mhz": [1500, 1800], "dram.devices": [4, 5], "context": CONTEXTS[1:4] * 3}
    vary["context"] = [one + 7 * at for at, one in enumerate(vary["context"])]
    params = {**SMALL, "layers": 4}
    table = sweep("smollm2_135m", "h100", vary, precision="bf16", params=params)
    assert len(table) == 36
    for row in table.to_dicts()[::17]:
        chip = load_chip("h100", set={key: row[key] for key in ("clock_mhz", "dram.devices")})
        found = simulate(load_network("smollm2_135m", **{**params, "context": row["param.context"]}), chip, 1, "bf16")
        assert row["latency_s"] == pytest.approx(found.latency_s, rel=1e-12)


def test_what_does_not_fit_says_why():
    chip = load_chip("h100", set={"dram.capacity_gib": 4})
    params = {**SMALL, "layers": 4}
    contexts = [1000, 300_000, 700_000, 900_000]
    table = sweep("llama3_8b", chip, {"batch": [1], "context": contexts}, params=params, precision="bf16")
    assert [one == "infeasible" for one in table["status"]] == [False, True, True, True]
    for row in table.to_dicts():
        graph = load_network("llama3_8b", **{**params, "context": row["param.context"]})
        if row["status"] == "infeasible":
            with pytest.raises(InfeasibleError) as caught:
                simulate(graph, chip, 1, "bf16")
            assert row["reason"] == str(caught.value)
        else:
            assert row["latency_s"] == pytest.approx(simulate(graph, chip, 1, "bf16").latency_s, rel=1e-12)


LAID_OUT = {
    "fused": ("smollm2_135m", "tpu_v5e", "bf16", {"layers": 3}),
    "scores": ("smollm2_135m", "groq_tsp", "int8", {"layers": 3}),  # which are tensors
    "windows": ("gemma3_1b", "groq_tsp", "int8", {"layers": 7, "window": 64}),
    "power": ("smollm2_135m", "gaudi2", "bf16", {"layers": 3}),  # which has a limit
    "prompts": ("smollm2_135m", "groq_tsp", "int8", {"layers": 2, "phase": "prefill", "prompt": 24}),
    "experts": ("deepseek_v2_lite", "tpu_v5e", "bf16", {"layers": 2, "experts": 8, "active": 2, "sequences": 3}),
}


@pytest.mark.parametrize("case", by_night(LAID_OUT, ["scores"]))
def test_pools_laid_out_at_once_give_what_each_gives(case, monkeypatch):
    model, chip, precision, own = LAID_OUT[case]
    params, alone = {**SMALL, **own}, []
    fill = told.fill
    monkeypatch.setattr(told, "fill", lambda *given, **more: (alone.append(len(given[1])), fill(*given, **more)))
    contexts = [*range(65, 65 + 13 * FEWEST, 13)]
    table = sweep(model, chip, {"context": contexts}, precision=precision, params=params)
    assert max(alone) == len(contexts)
    for row in table.to_dicts()[:: FEWEST - 1]:
        graph = load_network(model, **{**params, "context": row["param.context"]})
        found = simulate(graph, load_chip(chip), 1, precision, gains=False)
        for name in SAME:
            expected = getattr(found, name)
            assert row[name] == (None if expected is None else pytest.approx(expected, rel=1e-13)), (row, name)


@pytest.mark.parametrize("exact", [False, True])
def test_a_pool_that_is_put_together_is_the_one_that_is_built(exact):
    chip, batch = load_chip("groq_tsp"), 2
    graph = load_network("smollm2_135m", **SMALL, layers=2)
    stretch = Stretch(graph, chip, "int8", (100, 900))
    for context in (101, 333):
        found = stretch.pools(batch).at(context)
        assert found.floor == floor_of(chip) > NO_FLOOR
        if exact:
            found = found.exact
        assert vars(found).keys() >= {"back", "work", "beside_after"}, "these are known, without the network in numbers"
        own = pool_source(with_layers(graph, 2, context=context), chip, "int8", floor=found.floor)(batch)
        assert found.low == own.low
        for name in ("costs", "steps", "weights", "least_cycles", "beside_after", "move_step", "step_shape", "floor"):
            assert np.array_equal(getattr(found, name), getattr(own, name)), name
        assert found.shapes == own.shapes
        assert ((found.back == own.back) | (found.back == 0)).all()
        for name in ("macs", "compulsory_bytes", "weight_bytes", "units", "room"):
            assert getattr(found.work, name) == getattr(own.work, name), name
        for spans, others in ((found.spans, own.spans), (found.spans_kept, own.spans_kept)):
            for (lo, hi, *_), (low, high, *_) in zip(spans.tolist(), others.tolist(), strict=True):
                assert np.array_equal(found.points[lo:hi], own.points[low:high])


@pytest.mark.parametrize(("chip", "precision"), [("groq_tsp", "int8"), ("tpu_v5e", "bf16")])
def test_no_schedule_is_below_what_another_context_says(chip, precision):
    """In any room, cycles and bytes are at least those behind a context before it, and what every choice takes more."""
    stretch = Stretch(load_network("smollm2_135m", **SMALL, layers=2), load_chip(chip), precision, (40, 2000))
    pools, seen = stretch.pools(2), 0
    for context in (40, 79, 80, 700, 2000):
        found, own = pools.at(context), pools._made(context)
        assert own.above is None
        assert found.above.outer_bytes >= 0.0
        for room in 2.0 ** np.arange(10, 24):
            bound, least = keep.least(found, room), keep.least(own, room)
            assert bound.cycles <= least.cycles
            assert bound.outer_bytes <= least.outer_bytes
            near = least.outer_bytes < np.inf and bound.outer_bytes > 0.999 * least.outer_bytes
            seen += near and bound.cycles > 0.9 * least.cycles
    assert seen > 30


@pytest.mark.parametrize(("sizes", "floor"), [([2, 4], True), ([1, 2, 4], False)])
def test_few_chips_of_a_group_have_a_floor(sizes, floor):
    given = {"design": "grid", "batch": 1, "precision": "int8"}
    space = run._space(
        plan_of({"batch": [1, 2], "sram.capacity_mib": sizes}, **given),
        run._builder("smollm2_135m", SMALL), load_chip("groq_tsp"), None,
    )  # fmt: skip
    assert (space.first.floor > NO_FLOOR) == floor


def test_what_does_not_fit_an_sram_says_why():
    chip = load_chip("groq_tsp", set={"sram.capacity_mib": 0.004})
    table = sweep("smollm2_135m", chip, {"context": [*range(65, 65 + FEWEST)]}, params={**SMALL, "layers": 1})
    graph = load_network("smollm2_135m", **SMALL, layers=1, context=65)
    with pytest.raises(InfeasibleError) as caught:
        simulate(graph, chip, 1)
    assert table["status"][0] == "infeasible"
    assert table["reason"][0].startswith(str(caught.value).splitlines()[0])


def test_no_contexts_are_laid_out_whose_sizes_are_no_line():
    first, last = (load_network("smollm2_135m", **SMALL, layers=1, context=context) for context in (100, 200))
    bent = {100: first, 200: load_network("smollm2_135m", **SMALL, layers=2, context=200), 150: last}
    target = target_of(load_chip("groq_tsp"), "int8")
    for graphs in (bent, {**bent, 200: last}):  # an end with other steps; a middle that is no middle
        with pytest.raises(BentError):
            PoolsBehind(lambda context, own=graphs: operands_of(own[context], target), 1, (100, 200), True)


@pytest.mark.parametrize(
    ("chip", "contexts", "chunk"), [("h100", 3, 2048), ("tpu_v5e", 3, 64), ("tpu_v5e", FEWEST, 256)]
)
def test_parts_take_seconds(chip, contexts, chunk):
    given = {"design": "grid", "batch": 1, "precision": "bf16"}
    vary = {"batch": [1, 2], "context": [*range(100, 100 + contexts)]}
    space = run._space(plan_of(vary, **given), run._builder("smollm2_135m", {"phase": "decode"}), chip, None)
    assert run._usual_chunk(space) == chunk


def test_bytes_of_a_pass_between_the_ends_of_a_stretch():
    """At both ends those of the pass that was laid out there; between them in proportion, activations step by step."""
    graph = {"phase": "decode", "vocabulary": 2000, "layers": 2}
    chip = load_chip("v100")  # whose scores are tensors

    def steps(layers, context):
        return operands_of(load_network("smollm2_135m", **graph, context=context), target_of(chip, "fp16"))

    found = _Ends(Passes(steps, chip, 3, 2, None), 2, (100, 9100)).bytes(np.array([0.0, 0.5, 1.0]))
    works = [work_of(lower_steps(steps(2, context), 3)) for context in (100, 4600, 9100)]
    for name, values in found.items():
        wanted = [getattr(work if name in ENDS else work.room, name) for work in works]
        assert values.tolist() == pytest.approx(wanted, rel=1e-12), name
    assert found["activations"][2] > found["activations"][0]


def test_what_points_take_more_than_others_in_no_more_room():
    """Each against the fewest cycles, and the fewest bytes, of those that need no more."""
    others = np.array([[10.0, 90.0, 50.0], [20.0, 80.0, 70.0], [30.0, 85.0, 20.0]])
    points = np.array([[15.0, 96.0, 60.0], [40.0, 83.0, 40.0]])
    assert _least_more(points, others, (0.0, 0.0)) == (10.0, 3.0)
    assert _least_more(points, others, (45.0, 30.0)) == (10.0, 3.0)
    assert _least_more(points, others, (62.0, 60.0)) == (2.0, 3.0)
    assert _least_more(points - [6.0, 0.0, 0.0], others, (0.0, 0.0)) is None


def test_scores_that_pass_the_cache_are_those_of_each_context():
    """Attention in kernels of its own: the tensors between them grow with the context, and so does what misses the cache."""
    chip, params = load_chip("h100", {"vector.fuses": ["add", "relu"]}), {**SMALL, "layers": 2}
    table = sweep(
        "llama3_8b",
        chip,
        {"batch": [1, 64], "context": [20_000 + 57 * at for at in range(6)]},
        params=params,
        precision="bf16",
    )
    for row in table.to_dicts():
        graph = load_network("llama3_8b", **{**params, "context": row["param.context"]})
        found = simulate(graph, chip, row["batch"], "bf16", gains=False)
        assert row["latency_s"] == pytest.approx(found.latency_s, rel=1e-12)
        assert row["dram_bytes"] == pytest.approx(found.dram_bytes, rel=1e-12)
