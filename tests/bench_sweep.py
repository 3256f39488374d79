"""Speed of sweeps: `python tests/bench_sweep.py [MOST_POINTS [MOST_STREAMED]]` prints the tables of docs/sweep.md.

ResNet-50 at batch 1 on the bundled example chip. Frontiers are built before the clock starts. Speeds are per second of one
core (time of the process, not of the clock on the wall), so that other work on the machine does not count; with two threads the
time of both is added, so an equal figure means twice the speed. Beside them, how many choices the programme has for each move
of the network (one state to another), and how many of them are left for each step once a block of points leaves out what cannot
be best: one a step is the least there can be.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from simulator import load_chip, load_network, simulate, sweep
from simulator.chip.schema import Architecture
from simulator.kernels import schedule_narrow as narrowing
from simulator.kernels.layout import Listing, Rates
from simulator.kernels.schedule_whole import BUCKET, Chosen
from simulator.schedule.machines import Machines, machines_of
from simulator.schedule.many_prefetch import solve_ahead
from simulator.schedule.many_whole import solve_whole
from simulator.schedule.pools import pool_source
from simulator.sweeps.groups import Space
from simulator.sweeps.plan import CHUNK, plan_of
from simulator.sweeps.table import empty_block, fill

NETWORK = "resnet50"
WEIGHTS_APART = {"schedule.overlap": "layer", "sram.holds": ["inputs", "outputs"]}
CASES = {
    "grid, overlap layer": (WEIGHTS_APART, 1_000, 200_000),
    "grid, overlap none": ({**WEIGHTS_APART, "schedule.overlap": "none"}, 1_000, 200_000),
    "grid, overlap layer, no residency": ({**WEIGHTS_APART, "schedule.residency": "none"}, 1_000, 200_000),
    "grid, 10 points an SRAM size": (WEIGHTS_APART, 10, 100_000),
    "every point its own SRAM size": (WEIGHTS_APART, 1, 100_000),
    "weights for ever, grid": ({"schedule.overlap": "layer"}, 1_000, 32_000),
    "weights for ever, own SRAM sizes": ({"schedule.overlap": "layer"}, 1, 16_000),
}
FIFO = {**WEIGHTS_APART, "schedule.overlap": "network", "sram.weight_fifo_kib": 256}
CASES_AHEAD = {
    "overlap network, no FIFO, grid": ({**WEIGHTS_APART, "schedule.overlap": "network"}, 1_000, 64_000),
    "overlap network, a FIFO for weights, grid": (FIFO, 1_000, 64_000),
    "a FIFO, 100 points an SRAM size": (FIFO, 100, 16_000),
    "overlap network, weights for ever, grid": ({"schedule.overlap": "network"}, 1_000, 64_000),
    "for ever, 100 points an SRAM size": ({"schedule.overlap": "network"}, 100, 8_000),
    "for ever, 10 points an SRAM size": ({"schedule.overlap": "network"}, 10, 800),
}
CASES_ONE_BY_ONE = {
    "overlap network, a FIFO, own SRAM sizes": (FIFO, 1),
    "overlap network, for ever, own SRAM sizes": ({"schedule.overlap": "network"}, 1),
}
CASES_IN_PARTS = {
    "sub-batches, batch 4, 400 points an SRAM size": (4, 400),
    "the same, every point its own size": (4, 1),
}


def machines(chip: Architecture, count: int, each: int) -> Machines:
    """`count` points, `each` of one SRAM size, with clocks and bandwidths of their own."""
    rng = np.random.default_rng(0)
    sizes = np.floor(np.geomspace(0.25, 32, -(-count // each)) * 2**20)
    clock, rate = (
        np.exp(rng.uniform(np.log(1e8), np.log(2e9), count)),
        np.exp(rng.uniform(np.log(1e9), np.log(1e11), count)),
    )
    columns = np.repeat(sizes, each)[:count], 1 / clock, 1 / rate, np.full(count, 1e-6)
    return Machines(*columns, chip.schedule.overlap, machines_of(chip).fifo_bytes)


def per_core(points: int, run: Callable[[], object], times: int = 3) -> float:
    """Points a second of core time, the best of some runs after one to warm up."""
    run()
    best = np.inf
    for _ in range(times):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return points / best


def kernel_speed(sets: dict, each: int, count: int, threads: int) -> float:
    """Points a second and core of the schedules alone."""
    chip = load_chip("example_edge", set=sets)
    pool = pool_source(load_network(NETWORK), chip, "int8")(1)

    def solve(many: Machines) -> None:
        if chip.schedule.overlap == "network":
            solve_ahead(pool, many, chip.keeps_weights)
        else:
            solve_whole(pool, many, chip.keeps_weights)

    slices = [machines(chip, count // 8, each) for _ in range(8)]
    with ThreadPoolExecutor(threads) as workers:

        def run() -> None:
            list(workers.map(solve, slices))

        return per_core(8 * (count // 8), run)


def choices(sets: dict, each: int, count: int) -> tuple[float, float]:
    """Choices that a block of 64 points has: those listed for each move of the network, and those left for each step."""
    chip = load_chip("example_edge", set=sets)
    pool = pool_source(load_network(NETWORK), chip, "int8")(1)
    module, seen = sys.modules["simulator.schedule.many_whole"], np.zeros(3)

    def count_them(
        rates: Rates,
        blocks: np.ndarray,
        wanted: np.ndarray,
        listing: Listing,
        phi: float,
        scratch: object,
        chosen: Chosen,
    ) -> None:
        narrowing.narrow_blocks(rates, blocks, wanted, listing, phi, scratch, chosen)
        begins, starts = listing.begins[blocks[wanted, BUCKET]], chosen.starts[:-2][wanted]
        seen[:] += len(begins), (begins[:, -1] - begins[:, 0]).sum(), (starts[:, -1] - starts[:, 0]).sum()

    usual, module.narrowing = (
        module.narrowing,
        SimpleNamespace(narrow_blocks=count_them, new_narrowing=narrowing.new_narrowing),
    )
    try:
        solve_whole(pool, machines(chip, count // 8, each), chip.keeps_weights)
    finally:
        module.narrowing = usual
    return seen[1] / seen[0] / len(pool.moves.source), seen[2] / seen[0] / len(pool.weights)


def one_by_one_speed(sets: dict, batch: int, count: int) -> float:
    """Points a second and core where schedules have no form in common."""
    space = space_of({"sram.capacity_mib": f"0.5:16:/{count}"}, sets, batch)
    return per_core(count, lambda: fill_slice(space, 0, count, False), 1)


def in_parts_speed(batch: int, each: int, count: int) -> float:
    """Points a second and core of a grid whose batch may be taken in parts, `each` points of an SRAM size."""
    vary = {"sram.capacity_mib": f"0.5:16:/{count // each}"}
    if each > 1:
        vary |= {"clock_mhz": f"200:1600:/{each // 2}", "dram.devices": "1,2"}
    space = space_of(vary, {"schedule.overlap": "layer"}, batch)
    return per_core(count, lambda: fill_slice(space, 0, count, False), 2)


def space_of(vary: dict, sets: dict, batch: int = 1) -> Space:
    """The points of a sweep, frontiers at hand."""
    graph = load_network(NETWORK)
    space = Space(plan_of(vary, batch=batch), load_chip("example_edge", set=sets), lambda _: graph)
    space.first.program.pool  # noqa: B018  # built
    return space


def fill_slice(space: Space, low: int, high: int, cost: bool) -> None:
    """Compute points low..high - 1 and forget them."""
    block = empty_block(high - low)
    for variant, rows, columns in space.groups(low, high):
        fill(block, rows, variant, columns, cost=cost)


def grid(points: float) -> dict:
    """About so many points, in equal parts SRAM sizes, clocks and overheads."""
    side = round(points ** (1 / 3))
    return {"sram.capacity_mib": f"0.5:32:/{side}", "clock_mhz": f"100:2000:/{side}", "overhead_us": f"0:5:/{side}"}


def streamed(points: float, threads: int) -> tuple[int, float, float]:
    """(points, seconds, core seconds) of rates without cost, streamed to nowhere."""
    space = space_of(grid(points), WEIGHTS_APART)
    count = space.plan.points
    edges = [*range(0, count, CHUNK // 4), count]
    begin, core = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as workers:
        for _ in workers.map(lambda span: fill_slice(space, *span, False), pairwise(edges)):
            pass
    return count, time.perf_counter() - begin, time.process_time() - core


def arrays(points: float) -> dict:
    """About so many points of 12 arrays at two batches, in equal parts SRAM sizes and clocks."""
    side = max(1, round((points / 24) ** 0.5))
    several = {"array.rows": "16,24,32,48", "array.columns": "16,32,64", "batch": "1,4"}
    return {**several, "sram.capacity_mib": f"0.5:32:/{side}", "clock_mhz": f"100:2000:/{side}"}


WHOLE = {"grid": (grid, WEIGHTS_APART), "arrays": (arrays, {**WEIGHTS_APART, "schedule.sub_batches": False})}


def alone(kind: str, points: float) -> None:
    """A whole sweep with cost and parts written: print points, seconds, core seconds and most memory of this process [MiB]."""
    vary, sets = WHOLE[kind]
    sweep(NETWORK, "example_edge", vary(96), set=sets)  # frontiers at hand
    with tempfile.TemporaryDirectory() as folder:
        begin, core = time.perf_counter(), time.process_time()
        sweep(NETWORK, "example_edge", vary(points), set=sets, out=Path(folder) / "out")
        seconds, core = time.perf_counter() - begin, time.process_time() - core
    print(plan_of(vary(points)).points, seconds, core, most_memory())


def most_memory() -> float:
    """Most memory that this process has had, where Linux tells it [MiB]; `getrusage` begins with that of the parent."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), np.nan)


def in_its_own_process(kind: str, points: float) -> list[float]:
    """What `alone` prints."""
    command = [sys.executable, __file__, "alone", kind, str(points)]
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def main(most: float, most_streamed: float) -> None:
    simulate(NETWORK, load_chip("example_edge", set=WEIGHTS_APART), gains=False)
    print(
        f"{'points a second and core':45} {'1 thread':>12} {'2 threads':>12} {'choices a move':>15} {'left a step':>12}"
    )
    for name, (sets, each, count) in CASES.items():
        one, two = (kernel_speed(sets, each, count, threads) for threads in (1, 2))
        listed, left = choices(sets, each, count)
        print(f"{name:45} {one:12,.0f} {two:12,.0f} {listed:15.2f} {left:12.2f}", flush=True)
    for name, (sets, each, count) in CASES_AHEAD.items():
        one, two = (kernel_speed(sets, each, count, threads) for threads in (1, 2))
        print(f"{name:45} {one:12,.0f} {two:12,.0f}", flush=True)
    for name, (sets, batch) in CASES_ONE_BY_ONE.items():
        print(f"{name:45} {one_by_one_speed(sets, batch, 40):12,.0f}", flush=True)
    for name, (batch, each) in CASES_IN_PARTS.items():
        print(f"{name:45} {in_parts_speed(batch, each, 2000 if each > 1 else 40):12,.0f}", flush=True)
    print(
        f"\n{'points, rates alone, kept nowhere':40} {'1 thread: s':>12} {'core s':>9} {'2 threads: s':>12} {'core s':>9}"
    )
    points = 1e3
    while points <= most_streamed:
        count, two, cores = streamed(points, 2)
        one, core = streamed(points, 1)[1:] if points < 1e8 else (np.nan, np.nan)
        print(f"{count:40,} {one:12.2f} {core:9.2f} {two:12.2f} {cores:9.2f}", flush=True)
        points *= 10
    print(f"\n{'points, cost and Parquet, a process each':40} {'s':>12} {'core s':>9} {'MiB':>12}")
    for kind in WHOLE:
        points = 1e3
        while points <= most:
            count, *figures = in_its_own_process(kind, points)
            print(f"{kind + f' {count:,.0f}':40} {figures[0]:12.2f} {figures[1]:9.2f} {figures[2]:12,.0f}", flush=True)
            points *= 10


if __name__ == "__main__":
    if sys.argv[1:2] == ["alone"]:
        alone(sys.argv[2], float(sys.argv[3]))
    else:
        main(*(float(text) for text in [*sys.argv[1:], *["1e6", "1e7"][len(sys.argv) - 1 :]]))
