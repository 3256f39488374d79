"""Points of a language model in batch and context: told many at once, each is what `simulate` gives."""

import numpy as np
import pytest
from profiles import by_night

from simulator import load_chip, load_network, simulate, sweep
from simulator.errors import InfeasibleError
from simulator.lower.array import target_of
from simulator.lower.rows import lower_steps, operands_of
from simulator.lower.work import work_of
from simulator.result.contexts import ENDS, Passes, _Ends
from simulator.sweeps import contexts as told
from simulator.sweeps import run
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


@pytest.mark.parametrize(
    "case", by_night(CASES, ["dense", "power", "windows", "grid", "latent", "prompts and windows"])
)
def test_each_point_is_that_of_a_run(case):
    model, chip, precision, own = CASES[case]
    params = {**SMALL, **own}
    vary = {"batch": [1, 3], "context": CONTEXTS[1:4] if chip == "tpu_v5e" else CONTEXTS}
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


@pytest.mark.parametrize(("chip", "chunk"), [("h100", 2048), ("tpu_v5e", 64)])
def test_parts_take_seconds(chip, chunk):
    given = {"design": "grid", "batch": 1, "precision": "bf16"}
    vary = {"batch": [1, 2], "context": [100, 200, 300]}
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
