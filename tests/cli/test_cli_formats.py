"""Number formats in the commands: the report, the JSON, sweeps, and faults in one line."""

import json

import pytest

from simulator import generate, simulate, sweep
from simulator.cli import main


def run(capsys, *words):
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_quantised_network_reads_fewer_bytes_and_says_its_formats(capsys):
    words = ("run", "squeezenet_v1_1", "--chip", "inferx_x1", "--json", "-")
    (_, plain, _), (code, found, _) = (run(capsys, *words, "--precision", word) for word in ("int8", "w4a8"))
    before, after = json.loads(plain), json.loads(found)
    assert code == 0
    assert after["formats"] == {
        "weights": "int4",
        "activations": "int8",
        "cache": "int8",
        "head": "int4",
        "embedding": "int4",
    }
    assert set(before["formats"].values()) == {"int8"}
    assert (after["precision"], after["peak_tops"]) == ("w4a8", before["peak_tops"])
    assert after["dram_used_bytes"] < before["dram_used_bytes"]
    report = run(capsys, "run", "squeezenet_v1_1", "--chip", "inferx_x1", "--precision", "w4a8")[1]
    assert "formats: weights int4, activations int8, cache int8, head int4, embedding int4" in " ".join(report.split())


def test_a_mapping_in_python_is_the_word_of_the_command():
    word = simulate("squeezenet_v1_1", "inferx_x1", precision="weights=int4,activations=int8", gains=False)
    other = simulate("squeezenet_v1_1", "inferx_x1", precision={"activations": "int8", "weights": "int4"}, gains=False)
    assert (word.precision, word.latency_s) == (other.precision, other.latency_s)


def test_a_load_path_that_widens_saves_the_time_of_the_lanes():
    own, by_lanes = (
        simulate("squeezenet_v1_1", chip, precision="w4a8", gains=False)
        for chip in (widening_chip(["int4"]), "inferx_x1")
    )
    assert own.waterfall["weight_loading_s"] < by_lanes.waterfall["weight_loading_s"]
    assert own.latency_s < by_lanes.latency_s
    assert own.dram_bytes <= by_lanes.dram_bytes * 1.5


def widening_chip(words):
    from simulator import load_chip  # noqa: PLC0415

    return load_chip("inferx_x1", set={"array.widens": words})


@pytest.mark.parametrize(("precision", "fault"), [
    ("q4_km", "unknown format 'q4_km'; did you mean 'q4_k'"),
    ("weights=int4,activation=int8", "activation: must be a role of operands; did you mean 'activations'?"),
    ("w4a16", "Flex Logix InferX X1 has no format in array.rate that holds"),
    ("fp16", "Flex Logix InferX X1 has no rate for 'fp16' in array.rate; did you mean 'bf16'?"),
    ("weights={nowhere:int4,all:int8},activations=int8", "weights.nowhere: must be a part of the network or a layer of it"),
])  # fmt: skip
def test_a_fault_in_a_format_is_one_line(capsys, precision, fault):
    chip = ["--set", "array.rate={int8: 1}"] if precision == "w4a16" else []
    code, out, err = run(capsys, "run", "squeezenet_v1_1", "--chip", "inferx_x1", "--precision", precision, *chip)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert fault in err


def test_formats_of_a_request_follow_into_weights_and_cache():
    words = {"prompt": 64, "output": 2, "batch": 2, "params": {"layers": 2}}
    plain = generate("smollm2_135m", "a100", precision="fp16", **words)
    found = generate("smollm2_135m", "a100", precision="w4a16kv8", **words)
    assert found.weights_bytes == plain.weights_bytes / 4
    assert found.cache_bytes == plain.cache_bytes / 2
    assert found.formats["cache"] == "int8"
    assert found.decode.dram_bytes < plain.decode.dram_bytes
    assert found.largest_batch > plain.largest_batch


def test_a_sweep_over_formats_has_the_runs():
    pytest.importorskip("polars")
    table = sweep("squeezenet_v1_1", "inferx_x1", {"precision": ["int8", "w4a8", "weights=int8,activations=int8"]})
    for word, found in zip(*(table[name].to_list() for name in ("precision", "latency_s")), strict=True):
        assert found == simulate("squeezenet_v1_1", "inferx_x1", precision=word, gains=False).latency_s
