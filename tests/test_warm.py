"""The kernels compiled beside the first run are those that the run calls."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from simulator.kernels import grid_search, layout, schedule_few, schedule_keep, schedule_segments, schedule_stretches
from simulator.kernels import schedule_sums, stairs, warm
from simulator import simulate

FILES = (layout, stairs, schedule_few, schedule_keep, schedule_segments, schedule_stretches, schedule_sums)


def versions(files):
    kernels = {name: k for m in files for name, k in vars(m).items() if hasattr(k, "signatures")}
    return {name: len(k.signatures) for name, k in kernels.items() if k.signatures}


warm.compile_schedules()
compiled = versions((grid_search, *FILES))
for chip, batch in (("example_edge", 2), ("dpu_b4096", 1), ("inferx_x1", 1)):
    simulate("alexnet", chip, batch=batch)
found = versions((grid_search, *FILES))
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
        "residency", "fetch_ahead", "prefetch", "walk_back", "walk_labels", "mark", "keep_best", "fill_times", "fill_grid",
        "least_time", "share", "sum_steps", "largest_roofs", "stay_between", "list_stretch", "list_neighbours", "list_wanted",
        "least_runs", "neighbour_times", "potentials", "mark_wanted", "best_ways", "want_ways", "paths_of",
    }  # fmt: skip
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
