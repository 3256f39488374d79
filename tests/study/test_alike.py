"""Published results of a model file: told by the digest of the file, not by what either is called."""

import hashlib
import json

import pytest
import yaml

from simulator.chip.library import Entry, entry
from simulator.chip.published import Published, Row
from simulator.cli import main
from simulator.errors import ChipError
from simulator.graph.load import load_network
from simulator.study import alike
from simulator.study.alike import Question, is_of, is_same, params_of, remarks_of
from simulator.study.sheet import questions, read_sheet

TABLE = """name,kind,reads,out_channels,out_height,out_width,in_channels,in_height,in_width
image,input,,3,8,8,,,
conv,conv,image,4,8,8,3,8,8
"""


@pytest.fixture
def mine(tmp_path):
    """(path, digest) of a model file."""
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return str(path), hashlib.sha256(TABLE.encode()).hexdigest()


def row(network="theirs", **more):
    return Row(network=network, batch=1, precision="int8", throughput_per_s=900.0, **more)


def test_a_result_is_of_the_file_whose_digest_it_names(mine):
    path, digest = mine
    question = Question(path)
    assert is_same(row(sha256=digest), question)
    assert is_same(row(sha256=digest.upper()), question)
    assert not is_of(row(path, sha256="0" * 64), question)  # called so, but another file
    assert is_of(row(path), question)
    assert not is_of(row("resnet50", sha256=digest), Question("squeezenet"))
    assert is_of(row("resnet50", sha256=digest), Question("resnet50"))


def test_no_file_is_read_for_results_without_a_digest(mine, monkeypatch):
    monkeypatch.setattr(alike, "file_digest", None)
    assert not is_of(row(), Question(mine[0]))


def test_what_differs_between_two_runs_of_a_file_is_told(mine):
    path, digest = mine
    nobody = Entry("nobody", "nobody", "accelerator", Published(), None)
    params = params_of(load_network(path))
    assert params["image_size"] == 8
    remarks = [
        remarks_of(nobody, row(sha256=digest, **more), Question(path), params, 1)
        for more in ({"image_size": 8}, {"image_size": 16}, {"sequence_length": 384})
    ]
    assert remarks == [[], ["image of 16, not 8"], ["sequence of 384; the file's own is not known"]]


def test_the_name_of_a_result_is_never_read_as_a_file(mine, tmp_path):
    path, digest = mine
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert is_same(row(str(trap), sha256=digest), Question(path))
    remarks_of(
        Entry("a", "a", "accelerator", Published(), None), row(str(trap), sha256=digest), Question(path), {"x": 1}, 1
    )
    assert not (tmp_path / "ran").exists()


def test_commands_take_a_result_that_names_the_file(mine, tmp_path, capsys):
    path, digest = mine
    chip = tmp_path / "chip.yaml"
    result = {"network": "the vendor's own", "sha256": digest, "batch": 1, "precision": "int8", "throughput_per_s": 900}
    chip.write_text(
        yaml.safe_dump({"schema": 1, "name": "My chip", "published": {"peak_tops_int8": 1.0, "results": [result]}})
    )
    assert main(["compare", str(chip), "--alone", "--network", path, "--published", "--by", "tops", "--json", "-"]) == 0
    line = json.loads(capsys.readouterr().out)["lines"][0]
    assert line["published"]["batch_1"]["throughput_per_s"] == 900
    assert line["published"]["batch_1"]["remarks"] == []
    assert main(["claim", str(chip), "--network", path, "--json", "-"]) == 0
    assert [one["throughput_per_s"] for one in json.loads(capsys.readouterr().out)["claims"]] == [900]
    assert main(["networks", "--inspect", path, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == digest
    assert main(["networks", "--inspect", path]) == 0
    assert digest in capsys.readouterr().out


def test_a_sheet_asks_for_the_file_and_knows_it_again(mine, tmp_path):
    path, digest = mine
    asked = questions([entry("t4")], Question(path), {}).splitlines()
    names = asked[0].split(",")
    cells = dict(zip(names, asked[1].split(","), strict=True))
    assert cells["sha256"] == digest
    sheet = tmp_path / "vendor.csv"
    sheet.write_text(f"chip,network,sha256,batch,throughput_per_s\nx,elsewhere/mine.csv,{digest},1,77\n")
    assert is_same(read_sheet(sheet)[0].published.results[0], Question(path))


def test_what_is_no_digest_is_one_line(tmp_path):
    chip = tmp_path / "chip.yaml"
    result = {"network": "x", "sha256": "abc", "throughput_per_s": 900}
    chip.write_text(yaml.safe_dump({"schema": 1, "name": "My chip", "published": {"results": [result]}}))
    with pytest.raises(ChipError, match=r"sha256: must be a SHA-256 of 64 hexadecimal digits.* got 'abc'$"):
        entry(str(chip))


def test_chips_are_compared_in_the_number_formats_of_the_file(tmp_path, capsys):
    path = tmp_path / "narrow.csv"
    path.write_text(
        TABLE.replace("in_width\n", "in_width,formats\n").replace("3,8,8\n", "3,8,8,weights=int4;activations=int8\n")
    )
    assert main(["compare", "example_edge", "--network", str(path), "--batch", "1", "--json", "-"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert (own["precision"], own["lines"][0]["remarks"]) == ("own", [])
    assert own["lines"][0]["simulated"]["batch_1"]["throughput_per_s"] > 0.0
    assert main(["compare", "example_edge", "--network", str(path), "--batch", "1", "--all"]) == 0
    assert "GMAC, its own formats" in capsys.readouterr().out
