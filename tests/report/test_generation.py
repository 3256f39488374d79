"""The picture and the page of a generation."""

import json
import re
from html import escape

import pytest

from simulator import generate
from simulator.cli import main
from simulator.report.generation import generate_chart, generate_report
from simulator.report.operators import by_operator, rows_alike
from simulator.report.papers import plain_paper
from simulator.store import bundled
from simulator.study.serving_batches import Served
from simulator.study.serving_changes import longest, pass_changes

pytest.importorskip("altair", reason="pictures need the extra charts")
pytestmark = pytest.mark.usefixtures("few_batches")


@pytest.fixture(scope="module")
def found():
    return generate("smollm2_135m", "a100", prompt=16, output=4, params={"layers": 1})


def test_without_other_batches_the_picture_shows_where_the_time_goes(found):
    drawn = json.dumps(generate_chart(found, ()).to_dict())
    assert "nothing to show" not in drawn
    assert "where its time goes" in drawn


def test_the_picture_says_what_it_is_of(found):
    """It is sent alone: model, chip and request stand over either form of it."""
    served = tuple(Served(batch, 100.0 * batch, 100.0 / batch) for batch in (1, 2))
    for others in ((), served):
        title = " ".join(generate_chart(found, others).to_dict()["title"]["text"])
        assert title.startswith("smollm2_135m on Nvidia A100"), others
        assert "16 tokens in, 4 out, batch 1" in title


def test_the_title_of_a_page_is_the_command_without_the_file_that_it_writes(found):
    made = {"command": "rooftile generate smollm2_135m --report 'my page.html' --batch 2"}
    assert plain_paper(generate_report(found), [], made).title == "rooftile generate smollm2_135m --batch 2"


CHIPS = [("h100", "What to change"), ("inferx_x1", "changes that give most throughput per dollar")]


@pytest.mark.parametrize(("chip", "words"), CHIPS, ids=["no-bill", "bill"])
def test_a_report_to_send_has_both_passes_as_a_run_has_one(chip, words, tmp_path, capsys):
    place = tmp_path / "r.html"
    line = f"generate smollm2_135m --chip {chip} --prompt 16 --output 4 --param layers=3 --report {place}"
    assert main(line.split()) == 0
    text = place.read_text(encoding="utf-8")
    assert len(text) < 6e6
    shown = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"<h2>(.*?)</h2>", shown) == [*PASSES, "How it was made"]
    assert words in shown
    assert f"rooftile generate smollm2_135m --chip {chip}" in shown
    charts = [json.loads(one) for one in re.findall(r'data-chart="[^"]+">(.*?)</script>', text, flags=re.DOTALL)]
    dots = [names(chart)["layers"] for chart in charts if "layers" in names(chart)]
    assert [len(one) > 5 for one in dots] == [True, True]
    assert "KV cache at the last token" in shown
    capsys.readouterr()


PASSES = [
    "Decode step: roofline and waterfall", "Prefill: roofline and waterfall", "Figures", "Decode step: operators",
    "Prefill: operators", "Where tensors are", "What to change", "Bill of silicon", "Assumptions",
]  # fmt: skip


def test_a_comparison_shows_its_first_chip_and_the_user_s_own_as_a_generation(tmp_path, capsys):
    place, own = tmp_path / "r.html", tmp_path / "own.yaml"
    text = bundled.chips()["l4"].read_text(encoding="utf-8")
    own.write_text(text.replace("clock_mhz: 2040", "clock_mhz: 1020", 1))
    line = f"compare smollm2_135m a100 l4 {own} --prompt 16 --output 4 --param layers=3 --rent 2 --report {place}"
    assert main(line.split()) == 0
    told = re.sub(r"<script.*?</script>", "", place.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"<h2>(.*?)</h2>", told)
    best = capsys.readouterr().out.split(" is ")[1].split()[0]
    assert best in ("a100", "l4")
    assert headings == [
        "Picture", "Answer", *(f"{name}: {chip}" for chip in (best, "own") for name in PASSES), "How it was made"
    ]  # fmt: skip
    assert main(["generate", "smollm2_135m", *f"--chip {own} --prompt 16 --output 4 --param layers=3".split()]) == 0
    sentence = " ".join(capsys.readouterr().out.split("bound by")[0].split())
    assert escape(sentence) in " ".join(told.split())


def names(chart):
    """Rows of a picture by the name of their data."""
    found = {}

    def look(part):
        if isinstance(part, dict):
            if isinstance(part.get("data"), dict) and "name" in part["data"]:
                found[part["data"]["name"]] = part["data"]["values"]
            for each in part.values():
                look(each)
        elif isinstance(part, list):
            for each in part:
                look(each)

    look(chart)
    return found


def test_layers_alike_are_one_operator_and_add_up(found):
    result = generate("smollm2_135m", "a100", prompt=16, output=4, params={"layers": 3}).decode
    short = by_operator(result)
    assert len(short.layers) < len(result.layers)
    for name in ("latency_s", "macs", "dram_bytes", "cycles"):
        whole = sum(getattr(layer, name) for layer in result.layers)
        assert sum(getattr(layer, name) for layer in short.layers) == pytest.approx(whole)
    query = next(layer for layer in short.layers if layer.name == "query, layers 1 to 3")
    assert query.latency_s == pytest.approx(sum(query.waterfall.values()))
    one = next(layer for layer in result.layers if layer.name == "layer1_query")
    assert query.utilisation == pytest.approx(one.utilisation)


def test_rows_alike_are_one_and_others_stay():
    rows = [
        ("layer1_a", "3", "layer1_b"),
        ("layer2_a", "3", "layer2_b"),
        ("layer4_a", "3", "layer4_b"),
        ("head", "3", "x"),
    ]
    assert rows_alike(rows) == [["a, 3 layers", "3", "b"], ["head", "3", "x"]]


def test_changes_are_asked_of_the_longer_pass_with_tokens_of_all_users():
    asked = {"prompt": 16, "output": 4, "batch": 2, "params": {"layers": 2}}
    own = generate("smollm2_135m", "inferx_x1", **asked)
    found = pass_changes(own, "inferx_x1", {"layers": 2})
    assert found.phase == "decode"
    assert found.share == pytest.approx(1.0 - own.ttft_s / own.latency_s)
    assert found.found.base.throughput_per_s == pytest.approx(own.decode.throughput_per_s)
    step = found.found.next_dollar
    key, value = step.setting.split("=")
    again = generate("smollm2_135m", "inferx_x1", set={key: int(value)}, **asked)
    assert step.outcome.throughput_per_s == pytest.approx(again.decode.throughput_per_s)
    long = generate("smollm2_135m", "inferx_x1", prompt=64, output=1, params={"layers": 2})
    assert longest(long) == ("prefill", 1.0)


def test_of_experts_too_the_throughput_counts_sequences():
    shapes = {"layers": 1}
    own = generate("qwen3_30b_a3b", "a100", prompt=16, output=3, batch=4, params=shapes)
    found = pass_changes(own, "a100", shapes).found
    assert found.base.throughput_per_s == pytest.approx(4 / own.decode.latency_s, rel=1e-3)
