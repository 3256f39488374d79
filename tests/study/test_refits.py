"""Constants tried again: what a value gives, a chip left out, one process a question, and the page."""

import json
import re
import sys
import threading
from pathlib import Path

import pytest

from simulator import units
from simulator.chip.library import bundled_entries
from simulator.cli import main
from simulator.cost.book import cost_book as costs
from simulator.errors import ModelError, OptionError, StoppedError
from simulator.report.fits import fits_page
from simulator.store import processes
from simulator.study import refit_rows, refits, refitting
from simulator.study.fits import Without
from simulator.study.validation_data import book

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fits.md"
KEPT = PAGE.with_suffix(".json")


@pytest.fixture
def asked(monkeypatch):
    """Instead of processes: an error is how far a value is from the best one of its chip, 2 more for each chip in order."""
    questions = []

    def errors(values, rows, unwanted):
        questions.append((values, rows))
        own = next(iter(values.values()), 300)
        best = {chip: 200.0 + 100.0 * number for number, chip in enumerate(rows)}
        return [(chip, (own - best[chip]) / 1000.0) for chip in rows for _ in range(2)]

    def together(start, rows, left_out, unwanted):
        ends = [(1.0, 0.1), (1.005, 0.3), (1.2, 0.9)]
        return [{"score": s, "values": {**start, "mac_pj": 2 + e}, "errors": [(c, e) for c in rows]} for s, e in ends]

    monkeypatch.setattr(refitting, "errors", errors)
    monkeypatch.setattr(refitting, "together", together)
    monkeypatch.setattr(refits, "kept", lambda kind, source, make: make())
    return questions


def test_a_value_on_all_rows_and_a_chip_left_out_by_hand(asked):
    (fit,) = refits.try_constants(["GPU_STEP_CYCLES"]).constants
    assert sorted(values.get("GPU_STEP_CYCLES", 300) for values, _ in asked) == [200, 300, 400]
    # t4, v100, a100 and l4 are best at 200, 300, 400 and 500: at 300 errors are 10, 0, -10 and -20 %.
    assert [(one.value, one.median, one.bias, one.worst) for one in fit.tried][1] == pytest.approx(
        (300, 0.1, -0.05, -0.2)
    )
    # Without the t4 the others' errors at 200, 300, 400 add up to 60, 30 and 20 %.
    assert fit.left_out[0] == Without("t4", 2, pytest.approx(0.1), 400.0, pytest.approx(0.2))
    # Without the l4 both 300 and 400 ask for 20 and 30 %.
    assert fit.left_out[3].value == 300.0
    assert fit.left_out[3].median == pytest.approx(0.2)


def test_a_constant_of_one_chip_has_no_other(asked):
    (fit,) = refits.try_constants(["GPU_SOFTMAX_EXPOSED"]).constants
    assert [(one.chip, one.value, one.median) for one in fit.left_out] == [("h100", None, None)]


def test_energies_together_say_how_far_equally_good_ends_lie_apart(asked):
    found = refits.try_constants([refits.TOGETHER])
    assert found.constants == ()
    assert [one.left_out for one in found.together] == ["", *book()["row_sets"]["held_back"]]
    one = found.together[1]
    assert (one.count, one.least, one.most, one.values["mac_pj"]) == (2, 0.1, 0.3, 2.1)


def test_every_constant_of_gpus_can_be_tried_and_its_own_value_is_among_those_tried():
    for entry in book()["constants"]:
        assert ("of" in entry) == ("again" in entry), entry["name"]
        if "again" in entry:
            assert entry["value"] in entry["again"]["tried"]
            assert entry["again"]["rows"] in book()["row_sets"]


def test_patterns_pick_rows_of_every_chip():
    sets = book()["row_sets"]
    labels = {
        chip: [label for label, _ in refit_rows.labels(bundled_entries()[chip])]
        for rows in sets.values()
        for chip in rows
    }
    for name, rows in sets.items():
        for chip, pattern in rows.items():
            assert any(re.fullmatch(pattern, label) for label in labels[chip]), (name, chip)


def test_a_process_that_fails_and_one_that_nobody_wants(monkeypatch):
    def runs(program):
        monkeypatch.setattr(processes, "command", lambda *_: [sys.executable, "-c", program])

    runs("raise SystemExit('no such thing')")
    with pytest.raises(ModelError, match="no such thing"):
        refitting.errors({}, {}, threading.Event())
    runs("import time; time.sleep(60)")
    unwanted = threading.Event()
    unwanted.set()
    with pytest.raises(StoppedError):
        refitting.errors({}, {}, unwanted)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "value"), [("GPU_SOFTMAX_EXPOSED", 0.9), ("async_products", 1.5)])
def test_another_process_has_another_value_and_this_one_does_not(name, value):
    rows = book()["row_sets"]["hopper_prompts"]
    here = refit_rows.errors({}, rows)
    before = dict(costs()["energy"]["gpu"]), units.GPU_SOFTMAX_EXPOSED
    assert refitting.errors({}, rows, threading.Event()) == here
    slower = refitting.errors({name: value}, rows, threading.Event())
    assert sum(error for _, error in slower) < sum(error for _, error in here)
    assert (dict(costs()["energy"]["gpu"]), units.GPU_SOFTMAX_EXPOSED) == before
    assert refit_rows.errors({}, rows) == here


@pytest.mark.thorough
def test_energies_without_a_limit_give_the_times_of_the_model():
    """As the model has it but for the host link, whose time counts here among that in which power is drawn."""
    rows = {"t4": "bert_base 128 int8", "h100": "product bfloat16 above"}
    start = {name: costs()["energy"]["gpu"][name] for name in book()["together"]["energies"]}
    every = [refit_rows._held(chip, row) for chip, row in refit_rows.chosen(rows)]
    fast = [error for _, error in refit_rows.errors({}, rows)]
    assert sorted(refit_rows._all_errors(start, every)) == pytest.approx(sorted(fast), abs=0.003)


def test_the_page_is_that_of_its_figures():
    found = refits.of_text(KEPT.read_text(encoding="utf-8"))
    assert fits_page(found) == PAGE.read_text(encoding="utf-8")
    assert refits.of_text(found.kept()) == found
    again = {entry["of"]: entry for entry in book()["constants"] if "again" in entry}
    assert {fit.of: fit.value for fit in found.constants if fit.of} == {
        of: entry["value"] for of, entry in again.items()
    }
    for fit in found.constants:
        if fit.of:
            assert [one.value for one in fit.tried] == sorted(map(float, again[fit.of]["again"]["tried"]))
            assert [one.chip for one in fit.left_out] == list(book()["row_sets"][again[fit.of]["again"]["rows"]])


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["GPU_DECODE_STEP_CYCLES", "GPU_SOFTMAX_EXPOSED"])
def test_the_page_has_what_is_asked_live(name):
    (live,) = refits.try_constants([name]).constants
    (kept,) = (fit for fit in refits.of_text(KEPT.read_text(encoding="utf-8")).constants if fit.of == name)
    assert [one.median for one in live.tried] == pytest.approx([one.median for one in kept.tried], rel=1e-9)
    assert [one.value for one in live.left_out] == [one.value for one in kept.left_out]


def test_the_command(asked, tmp_path, capsys):
    assert main(["validate", "--fit", "GPU_STEP_CYCLES", "--json", str(tmp_path / "fit.json")]) == 0
    said = capsys.readouterr().out
    assert "> 300" in said
    assert "best of the others" in said
    (fit,) = json.loads((tmp_path / "fit.json").read_text())["constants"]
    assert fit["of"] == "GPU_STEP_CYCLES"
    assert [one["chip"] for one in fit["left_out"]] == ["t4", "v100", "a100", "l4"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["GPU_STEP_CYCLE"], "GPU_STEP_CYCLE: must be a fitted constant; did you mean 'GPU_STEP_CYCLES'"),
        (["--plot", "x.svg"], "--fit: must stand without --plot"),
        (["mac_pj", "--page", str(PAGE)], "--page: must stand without names; the page has every constant"),
    ],
)
def test_bad_input_is_one_line(arguments, line, capsys):
    assert main(["validate", "--fit", *arguments]) == 2
    assert line in capsys.readouterr().err


def test_an_unknown_name_is_refused_before_anything_is_asked():
    with pytest.raises(OptionError):
        refits.try_constants(["nothing"])
