"""Names of chips and networks in options, chip files and sheets: however they are written, and when there is none."""

import json

import pytest

from simulator.chip.load import bundled_chip, load_chip
from simulator.cli import main
from simulator.graph.load import load_network
from simulator.store import bundled
from simulator.study.batching import published_points
from simulator.study.sheet import read_sheet

UNKNOWN = "network: {!r} is not a bundled name nor a file of a network"
SPELT = ("resnet50", "ResNet-50", "RESNET_50", "ResNet50-v1.5")


def answered(arguments, capsys):
    assert main(arguments) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_network_is_one_however_it_is_written(capsys):
    asked = ["claim", "goya", "--json", "-", "--network"]
    found = [answered([*asked, name], capsys) for name in SPELT]
    assert len(found[0]["claims"]) == 5
    assert all(each == found[0] for each in found)
    asked = ["compare", "Goya", "T4", "--published", "--json", "-", "--network"]
    found = [answered([*asked, name], capsys) for name in SPELT]
    goya, t4 = found[0]["lines"]
    assert (goya["published"]["batch_1"]["throughput_per_s"], t4["published"]["batch_1"]["throughput_per_s"]) == (
        4177.8,
        1214.4,
    )
    assert all(each == found[0] for each in found)


def test_a_size_in_the_name_is_the_size_of_the_question(capsys):
    asked = ["claim", "inferx_x1", "--throughput", "10/s", "--json", "-", "--network"]
    assert answered([*asked, "YOLO-v3@96"], capsys) == answered([*asked, "yolov3", "--param", "image_size=96"], capsys)


def test_a_chip_is_one_however_it_is_written():
    for name in ("inferx_x1", "InferX-X1", "INFERX X1"):
        assert bundled_chip(name) == "inferx_x1"
        assert load_chip(name) == load_chip("inferx_x1")
    assert bundled_chip("nothing") is None


def test_validate_takes_a_chip_however_it_is_written(capsys):
    assert answered(["validate", "Eyeriss", "--json", "-"], capsys) == answered(
        ["validate", "eyeriss", "--json", "-"], capsys
    )
    assert main(["validate", "gpt"]) == 2
    assert capsys.readouterr().err == "rooftile: gpt: must be a bundled chip; 'rooftile chips' lists them\n"


def test_results_of_a_sheet_and_of_a_file(tmp_path, capsys):
    sheet = tmp_path / "vendor.csv"
    sheet.write_text(
        "chip,network,image_size,batch,precision,throughput_per_s,power_w,sram_mb,dram_bandwidth_gb_s\n"
        'oak,ResNet-50,224,1,int8,"1,500",10W,512KB,200Gbit/s\n'
        "oak,YOLOv5s,640x384,1,int8,30fps,,,\n",
        encoding="utf-8",
    )
    (oak,) = read_sheet(sheet)
    assert [(row.network, row.image_size, row.throughput_per_s) for row in oak.published.results] == [
        ("resnet50", 224, 1500.0), ("yolov5s", "640x384", 30.0),
    ]  # fmt: skip
    facts = oak.published
    assert (facts.tdp_w, facts.sram_mb, facts.dram_bandwidth_gb_s) == (10.0, 0.512, 25.0)
    for network, rate in (("ResNet-50", 1500.0), ("yolov5s@640x384", 30.0)):
        found = answered(["compare", str(sheet), "--alone", "--published", "--network", network, "--json", "-"], capsys)
        figure = found["lines"][0]["published"]["batch_1"]
        assert figure["throughput_per_s"] == rate
        assert not any("image" in remark or ", not" in remark for remark in figure["remarks"])
    text = bundled.chips()["inferx_x1"].read_text(encoding="utf-8")
    head, _, _ = text.partition("\npublished:")
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        head + "\npublished:\n  results:\n    - {network: ResNet-50, batch: 1, precision: int8, throughput_per_s: 7}\n",
        encoding="utf-8",
    )
    points = published_points(load_network("resnet50"), load_chip(mine), "int8", 4)
    assert [point.throughput_per_s for point in points] == [7.0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "resnet50", "--chip", "mychip"], "unknown chip 'mychip'; did you mean './mychip.yaml'?"),
        (["run", "resnet50", "--chip", "sub/mychip"], "sub/mychip: no such file; did you mean 'sub/mychip.yaml'?"),
        (["run", "resnet50", "--chip", "mychp.yaml"], "mychp.yaml: no such file; did you mean 'mychip.yaml'?"),
        (["run", "mynet", "--chip", "inferx_x1"], f"{UNKNOWN.format('mynet')}; did you mean './mynet.py'?"),
        (["run", "mynet@64", "--chip", "inferx_x1"], f"{UNKNOWN.format('mynet')}; did you mean './mynet.py'?"),
        (["run", "./opne.onnx", "--chip", "inferx_x1"], "opne.onnx: no such file; did you mean 'open.onnx'?"),
        (["run", "open.onx", "--chip", "inferx_x1"], f"{UNKNOWN.format('open.onx')}; did you mean 'open.onnx'?"),
        (["run", "sub/mychp.yam", "--chip", "inferx_x1"],
         "sub/mychp.yam: must be a bundled name, a file of a network (.onnx, .tflite, .json, .csv, .yaml) or a .py file with a "
         "function build, which is run; did you mean 'mychip.yaml'?"),
        (["run", "zzzz", "--chip", "inferx_x1"], f"{UNKNOWN.format('zzzz')}; 'rooftile networks' lists them"),
        (["cost", "zzzz"], "unknown chip 'zzzz'; 'rooftile chips' lists them"),
    ],
)  # fmt: skip
def test_names_that_are_none(arguments, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("mychip.yaml", "sub/mychip.yaml", "mynet.py", "open.onnx"):
        (tmp_path / name).write_text("")
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"rooftile: {line}")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "qqqq", "--chip", "inferx_x1"], ["run", "resnet50", "--chip", "qqqq"],
        ["compare", "qqqq", "--network", "resnet50"],
        ["compare", "--network", "qqqq"], ["claim", "qqqq", "--network", "resnet50"], ["validate", "qqqq"],
        ["run", "resnet50", "--chip", "inferx_x1", "--set", "dram.part=qqqq"],
        ["sweep", "resnet50", "--chip", "inferx_x1", "--vary", "qqqq=1,2", "--out", "x"], ["qqqq"],
    ],
)  # fmt: skip
def test_no_error_names_more_than_ten(arguments, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr().err
    known = [*bundled.chips(), *bundled.networks()]
    assert sum(name in told.replace(",", " ").replace("'", " ").split() for name in known) <= 10 + len(arguments)
    assert len(told) < 400
