"""An answer about a network whose MACs are not certain begins with that, whatever the command."""

import json
import re

import numpy as np
import pytest

from simulator.chip.load import load_chip
from simulator.cli import main
from simulator.graph.load import load_network
from simulator.report.papers import run_paper
from simulator.report.tables import ChipFacts
from simulator.run import simulate
from simulator.web.forms import RunAsked

onnx = pytest.importorskip("onnx")
FIRST = "Note: only 50.0 % of the multiply-accumulates are certain"
SAID = "Only 50.0 % of the multiply-accumulates are certain"


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    make = onnx.helper
    value = make.make_tensor_value_info
    graph = make.make_graph(
        [make.make_node("MatMul", ["x", "w"], ["a"]), make.make_node("Strange", ["a", "w"], ["y"], domain="nobody")],
        "graph", [value("x", 1, [1, 4, 8])], [value("y", 1, [1, 4, 8])],
        [onnx.numpy_helper.from_array(np.zeros((8, 8), np.float32), "w")],
    )  # fmt: skip
    opsets = [make.make_opsetid("", 17), make.make_opsetid("nobody", 1)]
    path = tmp_path_factory.mktemp("net") / "strange.onnx"
    onnx.save(make.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return str(path)


@pytest.mark.parametrize("words", [
    "run NET --chip inferx_x1", "compare inferx_x1 edge_tpu --network NET", "batch NET --chip inferx_x1 --batch 1,2",
    "memory NET --chip inferx_x1", "size NET --at-least 1/s --no-bundled --vary sram.capacity_mib=1,2",
    "sensitivity NET --chip inferx_x1", "explain NET inferx_x1 edge_tpu", "claim inferx_x1 --network NET --throughput 10/s",
    "lint NET --chip inferx_x1", "run NET --chip inferx_x1 --format md",
])  # fmt: skip
def test_the_first_sentence_says_so(strange, words, capsys):
    code = main([strange if word == "NET" else word for word in words.split()])
    out = capsys.readouterr()
    assert code in (0, 1), out.err
    assert out.out.startswith(FIRST)
    assert out.out.count(FIRST) == 1


def test_so_does_a_sweep_and_what_reads_it(strange, tmp_path, capsys):
    pytest.importorskip("polars")
    folder = str(tmp_path / "sweep")
    assert main(["sweep", strange, "--chip", "inferx_x1", "--vary", "sram.capacity_mib=4,8", "--out", folder]) == 0
    assert capsys.readouterr().out.startswith(FIRST)
    for command in ("best", "pareto"):
        assert main([command, folder]) == 0
        assert capsys.readouterr().out.startswith(FIRST)


def test_a_table_of_values_has_it_beside(strange, capsys):
    assert main(["run", strange, "--chip", "inferx_x1", "--format", "csv"]) == 0
    out = capsys.readouterr()
    assert out.err.startswith(FIRST)
    assert FIRST not in out.out


@pytest.mark.parametrize("words", ["explain NET inferx_x1 edge_tpu", "claim inferx_x1 --network NET --throughput 10/s"])
def test_the_json_of_an_answer_has_it(strange, words, capsys):
    assert main([*(strange if word == "NET" else word for word in words.split()), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["doubts"][0].startswith(FIRST.removeprefix("Note: "))
    assert main([*("squeezenet" if word == "NET" else word for word in words.split()), "--json", "-"]) == 0
    assert "doubts" not in json.loads(capsys.readouterr().out)


def begins_with_it(page):
    text = re.sub(r"<[^>]+>", "", page.read_text()[page.read_text().index("<h1") :])
    return 0 < text.index(SAID) < 150


def test_a_report_begins_with_it(strange, tmp_path, capsys):
    pytest.importorskip("altair")
    pytest.importorskip("polars")
    folder, page = str(tmp_path / "sweep"), tmp_path / "report.html"
    for words in (
        ["sweep", strange, *["--chip", "inferx_x1", "--vary", "sram.capacity_mib=4,8", "--out"], folder],
        ["best", folder],
    ):
        assert main([*words, "--report", str(page)]) == 0, capsys.readouterr()
        assert begins_with_it(page)


def test_so_does_that_of_a_run_and_what_the_page_and_agents_say(strange):
    pytest.importorskip("altair")
    answers, agents = (pytest.importorskip(f"simulator.web.{name}") for name in ("answers", "agents.answers"))
    chip, graph = load_chip("inferx_x1"), load_network(strange)
    result = simulate(graph, chip)
    said = [
        run_paper(result, chip, ChipFacts.of(chip), None, None, {}).answer,
        agents.words(result, graph, chip, None).answer,
        answers.run_answer(
            RunAsked(network="strange", chip="inferx_x1", show=["beside"]), graph, lambda _: None
        ).sentence,
    ]
    assert [text.startswith(f"{SAID}; ") for text in said] == [True] * 3


def test_rows_of_points_have_it_beside(strange, tmp_path, capsys):
    pytest.importorskip("polars")
    folder = str(tmp_path / "sweep")
    assert main(["sweep", strange, "--chip", "inferx_x1", "--vary", "sram.capacity_mib=4,8", "--out", folder]) == 0
    capsys.readouterr()
    assert main(["best", folder, "--json", "-"]) == 0
    out = capsys.readouterr()
    assert out.err.startswith(FIRST)
    assert len(json.loads(out.out)) == 2
