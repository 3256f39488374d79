"""The kernels compiled beside the first run are those that the run calls."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.kernels import warm

PROGRAM = """
from simulator.kernels import grid_best, grid_search, layout, schedule_few, schedule_keep, schedule_segments, schedule_stretches
from simulator.kernels import schedule_rooms, schedule_sums, stairs, warm
from simulator import simulate
from simulator.kernels.jit import Kernel

FILES = (layout, stairs, schedule_keep, schedule_few, schedule_rooms, schedule_segments, schedule_stretches, schedule_sums)


def versions(files):
    kernels = {name: k for m in files for name, k in vars(m).items() if isinstance(k, Kernel)}
    made = [(name, k.made()) for name, k in kernels.items()] + [(f"{name}.inner", k.inner()) for name, k in kernels.items()]
    return {name: len(one.signatures) for name, one in made if one.signatures}


warm.compile_schedules()
compiled = versions((grid_search, grid_best, *FILES))
for chip, batch in (("example_edge", 2), ("dpu_b4096", 1), ("inferx_x1", 1)):
    simulate("alexnet", chip, batch=batch)
found = versions((grid_search, grid_best, *FILES))
print(*(f"{name}:{found[name]}" for name in compiled if found[name] > compiled[name]))
print(*sorted(versions(FILES).keys() - compiled.keys()))
print(*sorted(compiled))
"""


def test_no_kernel_is_compiled_for_two_sets_of_types(tmp_path: Path) -> None:
    # A process of its own: other tests call kernels with types of theirs. Nothing on disk: frontiers are searched.
    environment = {**os.environ, "ROOFTILE_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    again, left_out, compiled = run.stdout.splitlines()
    assert again == ""
    assert left_out == ""
    wanted = {
        "residency", "fetch_ahead", "settle", "come_after", "walk_back", "walk_labels", "mark", "keep_best", "fill_times",
        "least_time", "share", "sum_steps", "largest_losses", "stay_between", "list_stretch", "list_neighbours", "list_wanted",
        "next_faster", "least_in",
        "least_batch", "neighbour_times", "potentials", "mark_wanted", "best_ways", "want_ways", "paths_of",
    }  # fmt: skip
    assert wanted <= set(compiled.split())


EVERY = """
import importlib, pkgutil
from simulator import kernels, load_chip, simulate, sweep
from simulator.kernels.jit import Kernel

chips = {"example_edge": "int8", "dpu_b4096": "int8", "eyeriss_v1": "int16", "tpu_v1": "int8", "a100": "int8", "gaudi2": "bf16"}
for chip, precision in chips.items():
    simulate("alexnet", chip, batch=2, precision=precision)
simulate("alexnet", load_chip("example_edge", set={"schedule.placement": "space"}))
for overlap in ("none", "layer", "network"):
    vary = {"sram.capacity_mib": [0.5, 1, 2, 4], "clock_mhz": [500, 900]}
    sweep("alexnet", load_chip("example_edge", set={"schedule.overlap": overlap}), vary=vary)
for each in pkgutil.iter_modules(kernels.__path__):
    for name, one in vars(importlib.import_module(f"simulator.kernels.{each.name}")).items():
        if isinstance(one, Kernel) and one.__module__.endswith(each.name):
            for made in (one.made(), one.inner()):
                if len(made.signatures) > 1:
                    print(each.name, name, made.signatures)
"""


def test_chips_of_all_kinds_call_kernels_with_the_same_types(tmp_path: Path) -> None:
    # An amount that is a whole number on one chip and a broken one on another would compile every search twice.
    environment = {**os.environ, "ROOFTILE_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    twice = {tuple(line.split()[:2]) for line in run.stdout.splitlines()}
    assert twice <= {("grid_tables", "fold_cost"), ("schedule_sums", "causes")}, run.stdout


LEAN = """
import sys
from simulator import simulate
simulate("alexnet", "dpu_b4096", gains=False)
unneeded = "numba.cpython.unicode", "networkx", "onnx", "polars", "altair", "coverage"
print([name for name in unneeded if sys.modules.get(name)])
"""


def test_a_second_run_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    # The first process may compile, the second reads; frontiers and packs are on disk then too.
    environment = {**os.environ, "ROOFTILE_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, env=environment)
        assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


TRAP = "import pathlib\npathlib.Path({marker!r}).touch()\n"
SHADOWED = ("numpy", "numba", "yaml", "networkx", "typer", "pydantic", "rich")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with files named as modules that we import; running one leaves a mark."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in SHADOWED:
        (folder / f"{name}.py").write_text(TRAP.format(marker=str(folder / "ran")))
    return folder


def helper(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that `beside` starts."""
    started = []

    class Process:
        def __init__(self, command: list[str], **_: object) -> None:
            started.append(command)

        def terminate(self) -> None: ...

        wait = terminate

    monkeypatch.setattr(warm, "needs_compile", lambda _: True)
    monkeypatch.setattr(warm, "cache_works", lambda: True)
    monkeypatch.setattr(subprocess, "Popen", Process)
    with warm.beside() as compiles:
        assert compiles
    return started[0]


def test_the_helper_runs_nothing_of_the_current_folder(trap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        command = helper(patch)
    other = trap.parent / "path"
    other.mkdir()
    (other / "sitecustomize.py").write_text(TRAP.format(marker=str(other / "ran")))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(other)}
    run = subprocess.run(command, cwd=trap, capture_output=True, text=True, check=False, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert not (trap / "ran").exists()
    assert (other / "ran").exists()  # what the user put on the path of modules stays there


def test_the_module_runs_nothing_of_the_current_folder(trap: Path) -> None:
    command = [sys.executable, "-m", "simulator", "networks"]
    run = subprocess.run(command, cwd=trap, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "resnet50" in run.stdout
    assert not (trap / "ran").exists()
