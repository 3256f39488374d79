"""Reports to send: one file, nothing fetched, everything escaped, the same bytes for the same answer."""

import json
import re
from html.parser import HTMLParser

import pytest
from report_example import CHIP, example
from rich.table import Table
from rich.text import Text

from simulator import load_chip, sensitivity, simulate
from simulator.cli import main
from simulator.cost.price import chip_cost
from simulator.cost.provenance import coefficients
from simulator.graph.build import NetworkBuilder
from simulator.report.format import figure
from simulator.report.layers import short_tiling
from simulator.report.paper import Paper, Section, Sheet, paper_html
from simulator.report.papers import behind, best_changes, plain_paper, run_paper

pytest.importorskip("altair")
MADE = {"command": "rooftile run x", "version": "1"}


class Page(HTMLParser):
    """Elements of a page, what they would fetch, and its text outside of scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.text, self.inside, self.charts = [], [], "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.text += " "
        self.tags.append((tag, dict(attrs)))
        self.fetched += [value for name, value in attrs if name in ("src", "srcset", "data")]
        self.fetched += [value for name, value in attrs if name == "href" and not value.startswith("#")]
        if tag in ("script", "style"):
            self.inside.append(dict(attrs))

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside:
            self.text += data
        elif "data-chart" in self.inside[-1]:
            self.charts.append(json.loads(data))


@pytest.fixture(scope="module")
def page():
    result = simulate("squeezenet@64", "inferx_x1")
    chip = load_chip("inferx_x1")
    changes = sensitivity("squeezenet@64", chip)
    paper = run_paper(result, chip, CHIP, (chip_cost(chip), coefficients(chip)), changes, MADE)
    return result, changes, paper_html(paper)


def test_a_run_is_one_file_that_begins_with_its_answer(page):
    result, changes, text = page
    found = Page(text)
    assert found.fetched == []
    assert len(text) < 6e6
    shown = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    headings = [re.sub(r"<.*?>", "", one) for one in re.findall(r"<h[12]>.*?</h[12]>", shown)]
    assert headings == [
        "squeezenet at 64 x 64 on Flex Logix InferX X1", "Roofline and waterfall", "Figures", "Layers", "SRAM over time",
        "What to change", "Bill of silicon", "Assumptions", "How it was made",
    ]  # fmt: skip
    assert f"{figure(result.throughput_per_s)} per second at batch 1" in found.text
    assert len(found.charts) == 4
    assert all(layer.name in found.text for layer in result.layers)
    assert all(step.setting in found.text for step in best_changes(changes))
    assert "rooftile run x" in found.text


def test_a_layer_is_told_in_words_that_add_up(page):
    result, _, text = page
    layer = max(result.layers, key=lambda one: one.macs)
    lines = behind(layer)
    assert any(line.startswith("A tile in the SRAM: ") for line in lines)
    assert lines[-1].count(" + ") == sum(seconds > 0.0 for seconds in layer.waterfall.values()) - 1
    assert sum(layer.waterfall.values()) == pytest.approx(layer.latency_s)
    assert lines[-1].split(" = ")[0] in Page(text).text


def attended(heads=4, length=64):
    net = NetworkBuilder("attended")
    x = net.vector("gelu", net.dense(net.input(256, length, 1), 256))
    query, key, value = (net.dense(x, 256) for _ in range(3))
    scores = net.vector("softmax", net.matmul(query, key, heads=heads, transposed=True))
    net.dense(net.matmul(scores, value, heads=heads), 256)
    return net.build()


KEPT = {"vector.fuses": ["relu", "add", "pool", "attention"]}
WHERE = [
    ("mobilenet_v2@64", "a100", {}, "It runs on the vector lanes: ", "vector lanes"),
    ("mobilenet_v2@64", "h100", {}, "; blocks of a cluster: ", " | 1x2"),
    (attended(), "a100", {}, "It runs as attention in one kernel: ", "attention"),
    (attended(), "example_edge", KEPT, "It runs as attention in one kernel: ", " | attention"),
    ("squeezenet@64", "example_edge", {"schedule.placement": "space"}, "A stage of its own", "arrays 1"),
]


@pytest.mark.parametrize(
    ("network", "chip", "change", "words", "short"), WHERE, ids=[f"{one[1]}-{at}" for at, one in enumerate(WHERE)]
)
def test_where_a_layer_runs_is_said_of_every_model_of_an_array(network, chip, change, words, short):
    result = simulate(network, load_chip(chip, set=change), batch=64 if chip == "h100" else 1)
    told = [" ".join(behind(layer)) for layer in result.layers]
    assert all(lines or not layer.latency_s for lines, layer in zip(told, result.layers, strict=True))
    assert any(words in line for line in told)
    assert any(short in short_tiling(layer.tiling) for layer in result.layers)
    assert all("None" not in short_tiling(layer.tiling) for layer in result.layers)


def test_tensors_of_the_sram_add_up_to_no_more_than_is_in_use(page):
    result, _, _ = page
    assert any(layer.resident for layer in result.layers)
    for layer in result.layers:
        assert sum(layer.resident.values()) <= layer.sram_bytes


def test_names_of_strangers_are_text():
    bad = "<script>alert(1)</script>\"'</title>"
    table = Table(title=bad)
    table.add_column(bad)
    table.add_row(Text(bad))
    parts = [Text(bad), table, Sheet(bad, (bad,), ((bad,),), ((bad,),))]
    text = paper_html(Paper(bad, bad, [Section(bad, parts)], {bad: bad}))
    assert "<script>alert" not in text
    assert [tag for tag, _ in Page(text).tags].count("script") == 2
    chip = load_chip("inferx_x1")
    evil = example(network="</script><script>alert(2)</script>")
    text = paper_html(run_paper(evil, chip, CHIP, None, None, MADE))
    assert "alert(2)</script>" not in text.replace("alert(2)&lt;/script&gt;", "")


FULL = ["Roofline and waterfall", "Layers", "SRAM over time", "What to change", "Bill of silicon", "Assumptions"]
IN_FULL = {
    "cost": [],
    "lint": [],
    "explain": [one for one in FULL if one != "What to change"],
    "sensitivity": [one for one in FULL if one != "What to change"],
}
"""Sections of a run that the reports of other commands have; what to change is the answer of a sensitivity."""


@pytest.mark.parametrize("line", [
    "batch squeezenet@64 --chip inferx_x1 --batch 1,2", "compare inferx_x1 example_edge --network squeezenet@64",
    "cost inferx_x1", "explain squeezenet@64 inferx_x1 example_edge", "lint squeezenet@64 --chip inferx_x1",
    "memory squeezenet@64 --chip inferx_x1 --sram 1,8 --dram 1,2", "sensitivity squeezenet@64 --chip inferx_x1",
    "size squeezenet@64 --chip example_edge --at-least 10/s --vary sram.capacity_mib=1,2 --no-bundled",
])  # fmt: skip
def test_other_answers_have_a_report(line, tmp_path, capsys):
    place = tmp_path / "r.html"
    assert main([*line.split(), "--report", str(place)]) == 0
    found = Page(place.read_text(encoding="utf-8"))
    assert found.fetched == []
    assert found.charts
    assert "rooftile " + line.split()[0] in found.text
    shown = re.sub(r"<script.*?</script>", "", place.read_text(encoding="utf-8"), flags=re.DOTALL)
    inside = [words for words in FULL if f"<h2>{words}: " in shown]
    assert inside == IN_FULL.get(line.split()[0], FULL)
    assert re.search(r'class="answer">[^<]+\.</p>', place.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out.split()
    told = {*found.text.replace("\xa0", " ").split()}
    assert sum(word in told for word in printed) > 0.7 * len(printed)


def test_best_points_of_a_sweep_have_a_report(tmp_path, capsys):
    pytest.importorskip("polars")
    folder, place = str(tmp_path / "d"), tmp_path / "r.html"
    line = ["sweep", "squeezenet@64", "--chip", "inferx_x1", "--vary", "sram.capacity_mib=1,2", "--out", folder]
    assert main([*line, "--report", str(place)]) == 0
    found = Page(place.read_text(encoding="utf-8"))
    assert found.charts
    assert "Pareto-optimal points" in found.text
    assert "Roofline and waterfall: the first point" in found.text
    for command in ("best", "pareto"):
        assert main([command, folder, "--report", str(place)]) == 0
        assert "What to change: the first point" in Page(place.read_text(encoding="utf-8")).text
    capsys.readouterr()


@pytest.mark.parametrize("path", ["r.txt", "nowhere/r.html"])
def test_a_report_that_cannot_be_written_is_refused_first(path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "squeezenet@64", "--chip", "inferx_x1", "--report", path]) == 2
    assert capsys.readouterr().err.startswith("rooftile: --report: ")


def test_a_report_of_words_alone():
    paper = plain_paper(Text("What\nthe answer"), [], MADE)
    assert (paper.title, paper.answer) == ("What", "the answer.")


def test_what_is_typed_is_not_broken():
    text = paper_html(Paper("a", "b", [Section("c", [Text("see (`--by usd`, `<b>`)")])], {}))
    assert "see (<code>--by usd</code>, <code>&lt;b&gt;</code>)" in text


ANSWERS = {
    "lint squeezenet@64 --chip inferx_x1": (r"squeezenet at 64 x 64 on Flex Logix InferX X1: .*", r"Not needed: DRAM, .*"),
    "explain squeezenet@64 inferx_x1 example_edge": (
        r"squeezenet at 64 x 64, batch 1, int8: .*", r"Example edge chip \(B\) is .* than Flex Logix InferX X1 \(A\): .*",
    ),
    "cost inferx_x1": (r"What Flex Logix InferX X1 costs", r"Flex Logix InferX X1 costs .* USD to build, .*"),
    "batch squeezenet@64 --chip inferx_x1 --batch 1,2": (r"squeezenet at 64 x 64 on Flex Logix InferX X1, int8", r"Batch \d .*"),
}  # fmt: skip


@pytest.mark.parametrize("line", ANSWERS)
def test_a_report_says_what_it_is_about_and_then_its_answer(line, tmp_path, capsys):
    place = tmp_path / "r.html"
    assert main([*line.split(), "--report", str(place)]) == 0
    title, answer = re.search('<header><h1>(.*?)</h1><p class="answer">(.*?)</p>', place.read_text("utf-8")).groups()
    assert re.fullmatch(ANSWERS[line][0], title)
    assert re.fullmatch(ANSWERS[line][1], answer)
