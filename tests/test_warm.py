"""The kernels compiled beside the first run are those that the run calls."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from simulator.kernels import warm
from simulator.kernels import grid_search as frontier
from simulator.kernels import schedule_few as programme
from simulator.kernels import grid_roofs as roofs
from simulator.kernels import schedule_segments as segments
from simulator.kernels import schedule_stretches as stretches
from simulator import simulate
warm.compile_schedules()
for chip, batch in (("example_edge", 2), ("dpu_b4096", 1)):
    simulate("alexnet", chip, batch=batch)
files = (programme, frontier, roofs, segments, stretches)
kernels = {name: k for m in files for name, k in vars(m).items() if hasattr(k, "signatures")}
print(*(f"{name}:{len(k.signatures)}" for name, k in kernels.items() if len(k.signatures) > 1))
print(*sorted(name for name, k in kernels.items() if k.signatures))
"""


def test_no_kernel_is_compiled_for_two_sets_of_types(tmp_path: Path) -> None:
    # A process of its own: other tests call kernels with types of theirs. Nothing on disk: frontiers are searched.
    environment = {**os.environ, "ROOFTILE_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    twice, compiled = run.stdout.splitlines()
    assert twice == ""
    wanted = {
        "residency",
        "fetch_ahead",
        "stay_between",
        "list_stretch",
        "list_neighbours",
        "list_wanted",
        "least_runs",
        "neighbour_times",
        "potentials",
        "mark_wanted",
        "best_ways",
        "want_ways",
        "paths_of",
        "mark",
        "keep_best",
        "roof_cycles",
        "search",
    }
    assert wanted <= set(compiled.split())


LEAN = """
import sys
from simulator import simulate
simulate("alexnet", "dpu_b4096", gains=False)
print("numba.cpython.unicode" in sys.modules)
"""


def test_kernels_on_disk_load_without_what_compiling_needs(tmp_path: Path) -> None:
    # The first process may compile, the second reads; frontiers and packs are on disk then too.
    environment = {**os.environ, "ROOFTILE_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, env=environment)
        assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["False"]
