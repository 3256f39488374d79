"""A run as a picture, as JSON with its schema, in a notebook; checks with an exit code; the package under both names."""

import importlib
import json
import pickle
from pathlib import Path

import jsonschema
import pytest
from report_example import example

import simulator
from simulator import load_chip, load_network, simulate
from simulator.cli import main
from simulator.report.document import run_document, run_schema, to_json
from simulator.report.page import content
from simulator.report.run_charts import MOST_INTENSE, run_chart

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def result():
    return simulate("squeezenet", "inferx_x1")


def test_a_picture_has_a_dot_a_layer_and_the_whole_waterfall(result):
    drawn = json.dumps(run_chart(result).to_dict())
    assert all(f'"{layer.name}"' in drawn for layer in result.layers if layer.macs)
    assert "squeezenet at 224 x 224 on Flex Logix InferX X1" in drawn
    assert content(run_chart(example()), ".svg").startswith(b"<svg")
    still = example().layers[0]
    still.dram_bytes = 0.0
    assert str(MOST_INTENSE) in json.dumps(run_chart(example(layers=(still,))).to_dict())


def test_the_schema_is_that_of_the_page_and_every_key_is_in_it(result):
    schema = run_schema()
    document = run_document(result, load_chip("inferx_x1"), load_network("squeezenet"))
    assert [*document] == [*schema["properties"]]
    jsonschema.validate(json.loads(to_json(document)), schema)
    assert document["rooftile_version"] == simulator.__version__


def test_a_result_shows_itself_in_short(result):
    assert repr(result).startswith("Result(squeezenet at 224 x 224 on Flex Logix InferX X1: batch 1, int8, ")
    assert len(repr(result)) < 150
    page = result._repr_html_()
    assert "squeezenet at 224 x 224 on Flex Logix InferX X1" in page
    assert "data:image/svg+xml" in page
    table = result.to_polars()
    assert table["latency_s"].sum() == pytest.approx(result.latency_s)
    assert {"name", "bound_by", "waterfall.ideal_s", "waterfall.dram_s"} <= {*table.columns}
    again = pickle.loads(pickle.dumps(result))
    assert (again.bound_by, again.layers) == (result.bound_by, result.layers)


def test_names_in_a_notebook_are_escaped():
    assert "<script>alert" not in example(network="<script>alert(1)</script>")._repr_html_()


@pytest.mark.parametrize(
    ("rule", "code"),
    [("throughput>=1", 0), ("throughput>=1e9", 3), ("latency_s < 1e-9", 3), ("latency <= 5 ms", 0), ("latency<1us", 3)],
)
def test_a_check_has_an_exit_code(rule, code, capsys):
    assert main(["run", "squeezenet", "--chip", "inferx_x1", "--check", rule]) == code
    out, err = capsys.readouterr()
    assert "Throughput" in out
    assert err.count("\n") == (code > 0)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("throughput", "must be FIGURE>=VALUE or FIGURE<=VALUE"),
        ("troughput>=1", "unknown figure 'troughput'; did you mean 'throughput'"),
        ("throughput>=fast", "must be a rate such as 1000/s (a bare number: /s), got 'fast'"),
        ("throughput>=nan", "must be a rate"),
    ],
)
def test_slips_in_a_check(rule, said, capsys):
    assert main(["run", "squeezenet", "--chip", "inferx_x1", "--check", rule]) == 2
    assert said in capsys.readouterr().err


def test_impossible_claims_have_an_exit_code(capsys, tmp_path):
    asked = ["claim", "goya", "--network", "resnet50", "--throughput", "60000", "--batch", "10"]
    assert main([*asked, "--check", "--plot", str(tmp_path / "claim.svg")]) == 3
    assert "impossible" in capsys.readouterr().err
    assert (tmp_path / "claim.svg").read_bytes().startswith(b"<svg")
    assert main([*asked[:4], "--throughput", "1000", "--batch", "10", "--check"]) == 0


def test_the_package_has_two_names_and_one_set_of_modules():
    package = importlib.import_module("rooftile")
    assert package is simulator
    assert importlib.import_module("rooftile.chip.load") is importlib.import_module("simulator.chip.load")
    assert importlib.import_module("simulator.chip.load").__spec__.name == "simulator.chip.load"
