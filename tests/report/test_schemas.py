"""The JSON of every command: what made it, and the published schema it keeps to."""

import json
from pathlib import Path

import jsonschema
import pytest
from profiles import by_night

import simulator
from simulator.cli import main
from simulator.report.schemas import ANSWERS, all_schemas

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"

PUBLISHED = {path.name.removesuffix(".schema.json"): json.loads(path.read_text()) for path in sorted(FOLDER.iterdir())}

ASKED = {
    "batch": "batch squeezenet@64 --chip inferx_x1 --batch 1,2",
    "claim": "claim inferx_x1 --network squeezenet@64 --throughput 1e9/s",
    "claims": "claim goya --network resnet50",
    "compare": "compare inferx_x1 t4 --network squeezenet@64",
    "compare-tokens": "compare smollm2_135m ad102 --prompt 16 --output 4",
    "cost": "cost inferx_x1 --sources",
    "cost-validate": "cost --validate",
    "explain": "explain squeezenet@64 inferx_x1 t4",
    "generate": "generate smollm2_135m --chip jetson_agx_orin --prompt 16 --output 4",
    "lint": "lint squeezenet@64 --chip inferx_x1",
    "memory": "memory squeezenet@64 --chip inferx_x1 --sram 1,8 --dram 1,2",
    "run": "run squeezenet@64 --chip inferx_x1",
    "sensitivity": "sensitivity squeezenet@64 --chip inferx_x1",
    "size": "size squeezenet@64 --chip example_edge --at-least 10/s --vary sram.capacity_mib=1,2 --no-bundled",
    "uncertainty": "compare inferx_x1 example_edge --network squeezenet@64 --uncertainty --draws 100",
    "validate": "validate eyeriss",
    "validate-fit": "validate --fit GPU_SOFTMAX_EXPOSED",
}


def test_the_published_schemas_are_those_of_the_answers():
    assert all_schemas() == PUBLISHED, "run scripts/schemas.py"
    assert {*ASKED} == {*ANSWERS, "run"}


@pytest.mark.parametrize("form", by_night(ASKED, [form for form in ASKED if form != "validate-fit"]))
def test_an_answer_keeps_to_its_schema_and_says_what_made_it(form, capsys):
    assert main([*ASKED[form].split(), "--json", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, PUBLISHED[form])  # which are those of the answers, as the test above says
    assert answer["schema"] == f"rooftile-{form}-1"
    assert answer["rooftile_version"] == simulator.__version__
    digests = [answer["network_digest"]] if form == "run" else [*answer["network_digests"].values()]
    asks_for_a_network = form not in ("compare-tokens", "cost", "cost-validate", "generate", "validate", "validate-fit")
    assert bool(digests) == asks_for_a_network


def test_one_chip_changed_in_two_ways_is_two_chips(capsys):
    assert main(["explain", "squeezenet@64", "inferx_x1", "inferx_x1", "--set-b", "clock_mhz=500", "--json", "-"]) == 0
    chips = json.loads(capsys.readouterr().out)["chip_digests"]
    assert len({*chips.values()}) == len(chips) == 2
