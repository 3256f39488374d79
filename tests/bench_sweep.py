"""Speed of sweeps: `python tests/bench_sweep.py [MOST_POINTS]` prints the table; figures of the whole machine, warm.

ResNet-50 at batch 1 on the bundled example chip. Frontiers are built before the clock starts. `choices` is how many ways
there are per transition at 2 MiB, without which a speed means nothing.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from simulator import load_chip, load_network, simulate, sweep
from simulator.simulate import pool_source
from simulator.sweep.plan import plan_of
from simulator.sweep.run import _space
from simulator.sweep.table import empty_block, fill
from simulator.sweep.together import solve_together
from simulator.sweep.variants import Machines

NETWORK = "resnet50"
WEIGHTS_APART = {"schedule.overlap": "layer", "sram.holds": ["inputs", "outputs"]}
CASES = {
    "grid, overlap layer, residency": (WEIGHTS_APART, 1_000),
    "grid, overlap none, residency": ({**WEIGHTS_APART, "schedule.overlap": "none"}, 1_000),
    "grid, overlap layer, no residency": ({**WEIGHTS_APART, "schedule.residency": "none"}, 1_000),
    "every point its own SRAM size": (WEIGHTS_APART, 1),
    "weights resident for ever": ({"schedule.overlap": "layer"}, 1_000),
}
CASES_ONE_BY_ONE = {
    "overlap network": ({"schedule.overlap": "network", "sram.holds": ["inputs", "outputs"]}, 1),
    "overlap network, weights for ever": ({"schedule.overlap": "network"}, 1),
    "sub-batches, batch 4": ({"schedule.overlap": "layer"}, 4),
}


def machines(count: int, each: int) -> Machines:
    """`count` points, `each` of one SRAM size, with clocks and bandwidths of their own."""
    rng = np.random.default_rng(0)
    sizes = np.floor(np.geomspace(0.25, 32, -(-count // each)) * 2**20)
    clock, rate = (
        np.exp(rng.uniform(np.log(1e8), np.log(2e9), count)),
        np.exp(rng.uniform(np.log(1e9), np.log(1e11), count)),
    )
    return Machines(np.repeat(sizes, each)[:count], 1 / clock, 1 / rate, np.full(count, 1e-6))


def kernel_speed(sets: dict, each: int, count: int) -> float:
    """Points a second of the residency programme alone, on all cores."""
    chip = load_chip("example_edge", set=sets)
    pool = pool_source(load_network(NETWORK), chip, "int8")(1)
    keep = chip.schedule.residency == "optimal" and "weights" in chip.sram.holds
    slices = [machines(count // 8, each) for _ in range(8)]
    with ThreadPoolExecutor() as workers:

        def run() -> None:
            list(workers.map(lambda m: solve_together(pool, m, chip.schedule.overlap, keep, True, 0.0), slices))

        run()
        begin = time.perf_counter()
        run()
    return 8 * (count // 8) / (time.perf_counter() - begin)


def one_by_one_speed(sets: dict, batch: int, count: int) -> float:
    """Points a second where every point is solved on its own."""
    plan = plan_of({"sram.capacity_mib": f"0.5:16:/{count}"}, batch=batch)
    space = _space(plan, NETWORK, "example_edge", sets, {})
    space.first.pool_of(batch)
    variant, rows, columns = space.groups(0, 1)[0]
    fill(empty_block(1), rows, variant, columns)
    begin = time.perf_counter()
    for variant, rows, columns in space.groups(0, count):
        fill(empty_block(count), rows, variant, columns)
    return count / (time.perf_counter() - begin)


def to_parquet(points: int) -> float:
    """Seconds of a whole sweep with cost and parts written, frontiers at hand."""
    side = round(points ** (1 / 3))
    vary = {"sram.capacity_mib": f"0.5:32:/{side}", "clock_mhz": f"100:2000:/{side}", "overhead_us": f"0:5:/{side}"}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        sweep(NETWORK, "example_edge", vary, set=WEIGHTS_APART, out=Path(folder) / "out")
        return time.perf_counter() - begin


def main(most: int) -> None:
    simulate(NETWORK, load_chip("example_edge", set=WEIGHTS_APART), gains=False)
    print(f"{'programme alone':40} {'points/s':>12}")
    for name, (sets, each) in CASES.items():
        count = 200_000 if each > 1 and "ever" not in name else 32_000
        print(f"{name:40} {kernel_speed(sets, each, count):12,.0f}", flush=True)
    for name, (sets, batch) in CASES_ONE_BY_ONE.items():
        print(f"{name:40} {one_by_one_speed(sets, batch, 40):12,.0f}", flush=True)
    print(f"\n{'points, cost and Parquet included':40} {'seconds':>12} {'points/s':>12}")
    points = 1_000
    while points <= most:
        seconds = to_parquet(points)
        print(f"{round(points ** (1 / 3)) ** 3:40,} {seconds:12.2f} {points / seconds:12,.0f}", flush=True)
        points *= 10
    try:
        import resource  # noqa: PLC0415 (POSIX only)

        print(f"\nmemory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    except ImportError:
        pass


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000)
