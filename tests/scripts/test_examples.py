"""The examples run, and say what the package says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import simulator

CLONE = Path(__file__).parents[2]
EXAMPLES = CLONE / "scripts" / "examples"

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import notebook
outputs, found = notebook.app.run()
best = found["result"]
shown = sum(one is not None for one in outputs)
print(json.dumps([best.throughput_per_s, found["layers"].height, found["points"].height, shown]))
"""


def ran(*words):
    out = subprocess.run([sys.executable, *words], cwd=CLONE, capture_output=True, text=True, check=False, timeout=300)
    assert out.returncode == 0, out.stderr
    return out.stdout


def test_the_script_answers_its_question():
    lines = ran(str(EXAMPLES / "per_dollar.py")).splitlines()
    worth = [float(line.split(": ")[1].split()[0]) for line in lines]
    assert worth[0] > worth[1]
    more = simulator.load_chip("tpu_v1", set={"sram.capacity_mib": 36})
    assert lines[0].startswith("tpu_v1: ")
    assert lines[2].startswith("tpu_v1 with 36 MiB: ")
    for chip, said in (("tpu_v1", worth[0]), (more, worth[2])):
        assert said == pytest.approx(simulator.simulate("resnet50", chip, batch=8).throughput_per_usd, abs=0.05)
    code = (EXAMPLES / "per_dollar.py").read_text(encoding="utf-8").split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_notebook_runs():
    pytest.importorskip("marimo")
    throughput, layers, points, shown = json.loads(ran("-c", ASK, str(EXAMPLES)).splitlines()[-1])
    result = simulator.simulate("squeezenet", "example_edge", batch=8)
    assert throughput == result.throughput_per_s
    assert layers == len(result.layers)
    assert points == 5
    assert shown == 4


def test_the_pages_lead_to_them():
    for page in ("README.md", "docs/index.md", "docs/run.md"):
        assert "scripts/examples" in (CLONE / page).read_text(encoding="utf-8"), page
