"""The workflow names files that are there, and the versions that it asks for are those of pyproject.toml."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

CLONE = Path(__file__).parents[2]
PROJECT = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = yaml.safe_load((CLONE / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
FILE = re.compile(r"(?<![\w./-])(?:\.ci|\.?/?scripts|tests)/[\w./-]+")


def runs(job):
    """What the steps of a job run."""
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def test_every_event_has_a_job():
    assert set(WORKFLOW[True]) == {"push", "pull_request", "schedule", "workflow_dispatch"}  # YAML 1.1 reads `on` so
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in JOBS.values())
    assert "'schedule' ||" in JOBS["nightly"]["if"]


def test_every_file_that_it_runs_is_there_and_can_be_run():
    named = [name for job in JOBS for line in runs(job) for name in FILE.findall(line)]
    assert {".ci/run", ".ci/nightly", ".ci/oldest.py"} <= set(named)
    for name in named:
        assert (CLONE / name).is_file(), name
        assert os.name != "posix" or name.endswith(".py") or os.access(CLONE / name, os.X_OK), name


@pytest.mark.parametrize("job", ["oldest", "elsewhere"])
def test_the_first_command_and_the_quick_tests_run_elsewhere(job):
    first = re.search(r"set -- (.*)", (CLONE / "scripts" / "run").read_text(encoding="utf-8"))[1]
    assert f"rooftile {first}" in runs(job)
    files = {path.stem for path in (CLONE / "tests").rglob("test_*.py")}
    assert set(WORKFLOW["env"]["QUICK"].split(" or ")) <= files


def test_the_oldest_python_is_run():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert min(JOBS["all"]["strategy"]["matrix"]["python"], key=lambda text: int(text.split(".")[1])) == oldest
    steps = [step for step in JOBS["oldest"]["steps"] if "setup-python" in step.get("uses", "")]
    assert [step["with"]["python-version"] for step in steps] == [oldest]


def test_the_oldest_dependencies_are_the_lower_bounds():
    command = [sys.executable, ".ci/oldest.py"]
    out = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=True).stdout.split()
    assert {line.replace("==", ">=") for line in out} >= set(PROJECT["dependencies"])
    extras = {text for extra in PROJECT["optional-dependencies"].values() for text in extra}
    assert {line.split("==")[0] for line in out} >= {
        re.match(r"[\w-]+", text)[0] for text in extras if not text.startswith(PROJECT["name"])
    }


@pytest.mark.skipif(os.name != "posix", reason="a script of bash")
def test_a_night_has_no_more_than_two_hours(tmp_path):
    text = (CLONE / ".ci" / "nightly").read_text(encoding="utf-8")
    steps = re.search(r"^summary=\(\).*?^}\n", text, re.MULTILINE | re.DOTALL)[0]
    asked = [f"temporary={tmp_path}", steps, "SECONDS=0", 'step first 50 echo done', "SECONDS=6600", "step late 50 echo done",
             "SECONDS=7080", "step never 50 echo done", 'printf "%s\\n" "${summary[@]}" "$failed"']  # fmt: skip
    out = subprocess.run(
        ["bash", "-c", "\n".join(asked)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line.partition(" min")[0] for line in out if line.startswith("== ")] == [
        "== first, at most 50", "== late, at most 8"]  # fmt: skip
    assert out[-4:] == ["first: exit 0, 0 min: done", "late: exit 0, 0 min: done", "never: no time was left", "1"]
    assert JOBS["nightly"]["timeout-minutes"] >= 120 + 30  # and its set-up
