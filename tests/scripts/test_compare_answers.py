"""The comparison of two engines' answers: what is equal, what is a tie, what is a fault; which questions are asked."""

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_script(name: str) -> ModuleType:
    """A file of scripts/answers as a module (scripts are no package, so that no generic name is ever installed)."""
    path = ROOT / "scripts" / "answers" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"answers_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script("compare")
questions = load_script("questions")


def result() -> dict[str, Any]:
    """A small answer of one layer, in the form of the worker."""
    layer = {
        "name": "conv1", "kind": "conv", "macs": 1000, "cycles": 10.0, "latency_s": 2e-3, "utilisation": 0.5,
        "dram_bytes": 4096.0, "bound_by": "dram", "tiling": {"rows": 7}, "waterfall": {"ideal_s": 1e-3, "dram_s": 1e-3},
    }  # fmt: skip
    return {
        "result": {
            "network": "small", "batch": 1, "latency_s": 2e-3, "throughput_per_s": 500.0, "utilisation": 0.5,
            "macs": 1000, "dram_bytes": 4096.0, "load_bytes": 0.0, "bound_by": "dram",
            "waterfall": {"ideal_s": 1e-3, "dram_s": 1e-3}, "waterfall_period": {"ideal_s": 1e-3, "dram_s": 1e-3},
            "gain_if_infinite": {"dram": 1e-3},
            "layers": [layer], "cost": {"bill_usd": 20.0}, "notes": [],
        }
    }  # fmt: skip


def table() -> dict[str, Any]:
    return {
        "table": {
            "clock_mhz": [400, 800],
            "throughput_per_s": [500.0, 700.0],
            "latency_s": [2e-3, 1.5e-3],
            "bound_by": ["dram", "array"],
            "dram_bytes": [4096.0, 2048.0],
            "bill_usd": [20.0, None],
            "status": ["ok", "no cost"],
            "reason": [None, "no cost: the die is too large"],
        }
    }


def changed(answer: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A copy of an answer with one entry changed."""
    new = copy.deepcopy(answer)
    place: Any = new
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return new


def keys(verdict: Any) -> list[str]:
    return [fault.key for fault in verdict.faults]


def test_equal_answers_are_equal_to_the_bit() -> None:
    for answer in (result(), table()):
        verdict = script.compare(answer, copy.deepcopy(answer))
        assert verdict.numbers == verdict.bits > 0
        assert (verdict.near, verdict.ties, verdict.faults) == (0, 0, [])


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("latency_s",), 2e-3 * (1 + 1e-11)),
        (("throughput_per_s",), 501.0),
        (("macs",), 1001),
        (("cost", "bill_usd"), 20.0000001),
        (("cost", "bill_usd"), None),
        (("gain_if_infinite", "dram"), 1.1e-3),
        (("layers", 0, "macs"), 999),
        (("layers", 0, "name"), "conv2"),
        (("layers",), []),
        (("network",), "other"),
        (("latency_s",), float("nan")),
    ],
)
def test_what_no_choice_of_a_schedule_explains_is_a_fault(path: tuple[Any, ...], to: Any) -> None:
    verdict = script.compare(result(), changed(result(), "result", *path, to=to))
    assert len(verdict.faults) >= 1
    assert verdict.ties == 0
    assert verdict.faults[0].key.split(".")[0] == path[0]


def test_a_change_is_told_with_both_numbers() -> None:
    verdict = script.compare(result(), changed(result(), "result", "throughput_per_s", to=501.0))
    assert verdict.faults == [script.Difference("throughput_per_s", 500.0, 501.0)]


def test_rounding_is_no_fault() -> None:
    new = changed(result(), "result", "throughput_per_s", to=500.0 * (1 + 4e-13))
    verdict = script.compare(result(), new)
    assert (verdict.near, verdict.faults) == (1, [])
    assert verdict.bits == verdict.numbers - 1


def test_a_part_of_a_time_may_be_off_by_the_rounding_of_the_whole() -> None:
    old = changed(result(), "result", "waterfall", "dram_s", to=0.0)
    assert not script.compare(old, changed(old, "result", "waterfall", "dram_s", to=1e-15)).faults
    tiny = changed(result(), "result", "gain_if_infinite", "dram", to=3e-15)
    assert not script.compare(tiny, changed(tiny, "result", "gain_if_infinite", "dram", to=2e-15)).faults
    assert keys(script.compare(tiny, changed(tiny, "result", "gain_if_infinite", "dram", to=3e-14)))


def test_two_schedules_of_one_time_are_a_tie() -> None:
    new = changed(result(), "result", "dram_bytes", to=8192.0)
    new = changed(new, "result", "layers", 0, "tiling", "rows", to=14)
    new = changed(new, "result", "latency_s", to=2e-3 * (1 + 1e-13))
    verdict = script.compare(result(), new)
    assert (verdict.ties, verdict.faults) == (1, [])
    assert [each.key for each in verdict.tied] == ["dram_bytes", "layers.0 conv1.tiling.rows"]
    slower = changed(new, "result", "latency_s", to=2.001e-3)
    assert "dram_bytes" in keys(script.compare(result(), slower))


def test_a_tie_whose_parts_do_not_add_up_is_a_fault() -> None:
    new = changed(result(), "result", "layers", 0, "tiling", "rows", to=14)
    new = changed(new, "result", "waterfall", "dram_s", to=1.5e-3)
    verdict = script.compare(result(), new)
    assert keys(verdict) == ["sum of waterfall"]


def test_other_sums_with_the_same_layers_are_no_tie() -> None:
    verdict = script.compare(result(), changed(result(), "result", "dram_bytes", to=8192.0))
    assert (verdict.ties, keys(verdict)) == (0, ["dram_bytes"])
    # The schedule in steady state is not among the layers.
    verdict = script.compare(result(), changed(result(), "result", "load_bytes", to=8192.0))
    assert (verdict.ties, verdict.faults) == (1, [])


def test_nan_equals_nan_and_nothing_else() -> None:
    nan = float("nan")
    old = changed(result(), "result", "utilisation", to=nan)
    assert not script.compare(old, copy.deepcopy(old)).faults
    assert keys(script.compare(old, result())) == ["utilisation"]
    assert keys(script.compare(result(), old)) == ["utilisation"]


def test_a_key_that_is_gone_is_a_fault() -> None:
    for key in ("macs", "load_bytes"):
        new = result()
        del new["result"][key]
        assert keys(script.compare(result(), new)) == [key]


def test_errors_are_compared_by_class_and_text() -> None:
    old = {"error": ["ChipError", "sram: too small"]}
    assert not script.compare(old, copy.deepcopy(old)).faults
    assert keys(script.compare(old, {"error": ["ChipError", "sram: small"]})) == ["text"]
    assert keys(script.compare(old, {"error": ["ValueError", "sram: too small"]})) == ["error"]
    assert keys(script.compare(old, result())) == keys(script.compare(result(), old)) == ["answer"]


def test_a_point_of_a_sweep_is_equal_tied_or_a_fault() -> None:
    tie = script.compare(table(), changed(table(), "table", "dram_bytes", 1, to=1024.0))
    assert (tie.points, tie.ties, tie.faults) == (2, 1, [])
    assert tie.tied == [script.Difference("dram_bytes", 2048.0, 1024.0, 1)]
    slower = changed(table(), "table", "latency_s", 1, to=1.6e-3)
    assert script.compare(table(), slower).faults == [script.Difference("latency_s", 1.5e-3, 1.6e-3, 1)]
    assert keys(script.compare(table(), changed(table(), "table", "reason", 1, to="another"))) == ["reason"]
    assert keys(script.compare(table(), changed(table(), "table", "bill_usd", 1, to=9.0))) == ["bill_usd"]
    longer = {"table": {key: [*column, column[-1]] for key, column in table()["table"].items()}}
    assert keys(script.compare(table(), longer)) == ["rows"]


def test_questions_are_many_and_spread() -> None:
    asked = questions.questions(ROOT)
    assert len({each["label"] for each in asked}) == len(asked)
    runs = [each for each in asked if each["kind"] == "run"]
    assert len(runs) >= 500
    assert len(asked) - len(runs) >= 20
    for chip in questions.chips_of(ROOT):
        own = [each for each in runs if each["chip"] == chip.name]
        assert {each["precision"] for each in own} >= set(chip.precisions)
        assert len({each["network"] for each in own}) >= 3
    for network, _ in questions.NETWORKS:
        own = [each for each in runs if each["network"] == network]
        assert {each["batch"] for each in own} >= {1, 4, 16}
        for word in ("schedule.residency=none", *(f"schedule.overlap={one}" for one in questions.OVERLAPS)):
            assert any(word in each["set"] for each in own)


def test_a_key_that_is_new_is_told_and_no_difference_one_that_is_gone_is():
    more = copy.deepcopy(result())
    more["result"]["subject"] = "small at 8 x 8"
    found = script.compare(result(), more)
    assert (found.faults, found.added) == ([], {"subject"})
    (gone,) = script.compare(more, result()).faults
    assert (gone.key, gone.new) == ("subject", script.MISSING)
