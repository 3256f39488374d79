"""Chips ranked on a request to a language model: the same figures as each alone, one order, what is lacking."""

import json
from dataclasses import replace

import pytest

from simulator import generate, load_chip
from simulator.chip.library import entry
from simulator.cli import main
from simulator.cost.serving import Rates
from simulator.errors import InfeasibleError, NetworkError, OptionError
from simulator.report.serving import serving_sentence
from simulator.report.serving_charts import serving_chart
from simulator.study import serving_chips
from simulator.study.serving_chips import Wanted, serving

CHIPS = ("l4", "ad102", "jetson_orin_nano")
TWO = {"layers": 2, "vocabulary": 4000}
LENGTHS = (64, 8, 4)


def asked(chips=CHIPS, model="smollm2_135m", lengths=LENGTHS, **given):
    order = {name: given.pop(name) for name in ("by", "limits", "rates") if name in given}
    return serving([entry(chip) for chip in chips], Wanted(model, lengths, **{"params": TWO, **given}), **order)


@pytest.fixture(scope="module")
def found():
    return asked()


def test_each_chip_has_the_figures_of_its_own_generation(found):
    for row in found.rows:
        alone = generate("smollm2_135m", row.chip, prompt=64, output=8, batch=4, params=TWO)
        assert row.tokens_per_s == pytest.approx(alone.tokens_per_s, rel=1e-12)
        assert row.tokens_per_s_per_user == pytest.approx(alone.tokens_per_s_per_user, rel=1e-12)
        assert (row.ttft_s, row.usd_per_million_tokens) == (alone.ttft_s, pytest.approx(alone.usd_per_million_tokens))
        if alone.joules_per_token is not None:
            assert row.power_w == pytest.approx(alone.joules_per_token * alone.tokens_per_s)


def test_the_sentence_says_which_price(found):
    given = asked(("l4", "ad102"), rates=Rates(price_usd=3000.0))
    assert "by tokens/s per USD of the price that is given is " in serving_sentence(given)
    assert "by tokens/s per USD of list price is " in serving_sentence(asked(("ad102", "ga106")))
    assert "of list price, or of the bill where there is none is " in serving_sentence(asked(("ad102", "example_edge")))


def test_the_best_for_a_dollar_comes_first_and_no_price_last(found):
    values = [row.value for row in found.rows if row.place]
    assert values == sorted(values, reverse=True)
    assert [row.value for row in found.rows if row.place] == [
        pytest.approx(row.tokens_per_s / row.paid_usd) for row in found.rows if row.place
    ]
    assert found.rows[-1].chip == "l4"  # whose price is not known
    assert (found.rows[-1].place, found.rows[-1].paid_usd) == (None, None)


def test_what_is_taken_without_a_runtime_is_said_once_for_all_chips(monkeypatch):
    """rk3588 counts 3 us, wormhole none; of one alone it says its own; told one, nothing. Nothing need run for it."""

    def too_small(*_):
        raise InfeasibleError("dram: nothing fits")

    monkeypatch.setattr(serving_chips, "_server", too_small)
    monkeypatch.setattr(serving_chips, "_lack", lambda _: "nothing fits")
    said = "pass between two operations; runtimes of class npu take 40.5"
    given = {"by": "throughput", "precision": "fp16"}
    assert asked(("rk3588", "wormhole"), **given).notes == (f"no runtime is told, so 0 to 3 us, by chip, {said}",)
    assert asked(("rk3588",), **given).notes == (f"no runtime is told, so 3 us {said}",)
    assert asked(("rk3588",), **given, runtime="npu").notes == ()


def test_pictures_say_who_gives_most_and_who_is_not_in_them(found, tmp_path):
    drawn = serving_chart(found).to_dict()
    assert drawn["title"]["text"] == "smollm2_135m, 64 tokens in, 8 out, batch 4: fp16"
    first, second = drawn["hconcat"]
    best = max((row for row in found.rows if row.power_w), key=lambda row: row.tokens_per_s / row.power_w)
    assert " ".join(first["title"]["text"]) == f"{found.rows[0].chip} gives most tokens/s per dollar"
    assert first["title"]["subtitle"] == ["not shown, a number is missing: l4"]
    assert " ".join(second["title"]["text"]) == f"{best.chip} gives most tokens/s per watt"
    words = ["compare", "smollm2_135m", *CHIPS, "--prompt", "64", "--output", "8", "--batch", "4"]
    words += [part for key, value in TWO.items() for part in ("--param", f"{key}={value}")]
    picture, report = tmp_path / "tokens.svg", tmp_path / "tokens.html"
    assert main([*words, "--plot", str(picture), "--report", str(report)]) == 0
    assert "gives most tokens/s per dollar" in picture.read_text()
    assert "gives most tokens/s per watt" in report.read_text()


def test_a_picture_of_no_chip_says_so(found):
    first, _ = serving_chart(replace(found, rows=())).to_dict()["hconcat"]
    assert " ".join(first["title"]["text"]) == "Tokens/s per dollar: nothing is known"


def test_a_rent_ranks_by_the_cost_of_tokens():
    rented = asked(by="mtoken", rates=Rates(rent_usd_per_h=1.0))
    assert [row.place for row in rented.rows] == [1, 2, 3]
    costs = [row.usd_per_million_tokens for row in rented.rows]
    assert costs == sorted(costs)
    assert costs[0] == pytest.approx(1e6 / 3600.0 / rented.rows[0].tokens_per_s)


def test_what_a_chip_lacks_is_said():
    short = asked(("rk3588_core", "ad102"), "llama3_70b", params={})
    assert set(short.lacking) == {"rk3588_core", "ad102"}
    assert "GiB needed of 24" in short.lacking["ad102"]
    assert short.rows == ()


def test_bad_questions_are_told():
    with pytest.raises(OptionError, match="by: must be one of"):
        asked(by="speed")
    with pytest.raises(OptionError, match="batch"):
        asked(lengths=(8, 8, 0))
    with pytest.raises(NetworkError, match="no_model"):
        asked(model="no_model")


SMALL = ["smollm2_135m", "--param", "layers=2", "--param", "vocabulary=4000", "--prompt", "64", "--output", "8"]


def test_where_no_chip_can_answer_the_answer_says_why_and_the_code_is_2(capsys):
    assert main(["compare", "llama3_70b", "l4", "sn40l", "--json", "-"]) == 2
    assert set(json.loads(capsys.readouterr().out)["lacking"]) == {"l4", "sn40l"}
    assert main(["compare", "llama3_70b", "l4", "h200", "--param", "layers=2"]) == 0


def test_the_command_ranks(capsys):
    assert main(["compare", *CHIPS, *SMALL, "--batch", "4", "--max-power", "1000W"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("smollm2_135m, 64 tokens in, 8 out, batch 4: best of 2 chips by tokens/s per USD")
    assert "since their rent alone is known: l4; `--by mtoken`" in " ".join(out.split())
    assert main(["compare", *CHIPS, *SMALL, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"].startswith("rooftile-compare-tokens")
    assert [row["chip"] for row in data["rows"]][-1] == "l4"


def test_the_command_tells_what_needs_a_model(capsys):
    assert main(["compare", "l4", "--network", "squeezenet", "--prompt", "8"]) == 2
    assert "need a language model" in capsys.readouterr().err


def test_a_chip_without_a_price_is_paid_by_the_rent_of_its_file(capsys):
    lengths = {"prompt": 64, "output": 8, "batch": 4, "params": TWO}
    rented = generate("smollm2_135m", "l40s", **lengths)
    assert any("money: by a rent of 1 USD an hour: clouds of 2025" in note for note in rented.notes)
    assert rented.usd_per_million_tokens == pytest.approx(1e6 / 3600.0 / rented.tokens_per_s)
    assert generate("smollm2_135m", "l40s", price=Rates(rent_usd_per_h=2.0), **lengths).usd_per_million_tokens == (
        pytest.approx(2.0 * rented.usd_per_million_tokens)
    )
    bought = generate("smollm2_135m", "l40s", price=8000.0, **lengths)
    assert not any("rent" in note for note in bought.notes)
    found = asked(("l40s", "ad102"), by="mtoken")
    assert [(row.chip, row.rent_usd_per_h, row.place) for row in found.rows] == [("ad102", None, 1), ("l40s", 1.0, 2)]
    assert found.rows[1].usd_per_million_tokens == pytest.approx(rented.usd_per_million_tokens)
    assert main(["compare", "l40s", "ad102", *SMALL, "--by", "mtoken"]) == 0
    assert "1/h" in capsys.readouterr().out
    # What a file says of one board is not said of another.
    assert load_chip("h100").rent_usd_per_h == 3.0
    assert load_chip("h800").rent_usd_per_h is None
