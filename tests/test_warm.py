"""The kernels compiled beside the first run are those that the run calls."""

import subprocess
import sys

PROGRAM = """
from simulator import warm
from simulator.kernels import frontier, programme, roofs
from simulator import simulate
warm.compile_schedules()
for chip, batch in (("example_edge", 2), ("dpu_b4096", 1)):
    simulate("alexnet", chip, batch=batch)
kernels = {name: k for m in (programme, frontier, roofs) for name, k in vars(m).items() if hasattr(k, "signatures")}
print(*(f"{name}:{len(k.signatures)}" for name, k in kernels.items() if len(k.signatures) > 1))
print(*sorted(name for name, k in kernels.items() if k.signatures))
"""


def test_no_kernel_is_compiled_for_two_sets_of_types() -> None:
    # A process of its own: other tests call kernels with types of theirs.
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    twice, compiled = run.stdout.splitlines()
    assert twice == ""
    assert {"residency", "prefetch", "segments", "mark", "keep_best", "roof_cycles", "search"} <= set(compiled.split())
