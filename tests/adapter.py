"""The one place where the twins meet the core: each function takes the twin's form and returns what the core says."""

import dataclasses
import functools
import math
import random
from collections.abc import Sequence

import numpy as np
from naive import Machine, NaiveLayer
from naive_schedule import Chain, Problem
from twin_cycles import Array

from simulator.frontier.grid import points as read
from simulator.frontier.grid import search as tiling
from simulator.lower.rows import Lowered, Row
from simulator.schedule import few
from simulator.schedule.machines import PHI, Machines
from simulator.schedule.pool import Pool, build_pool
from simulator.schedule.program import Program
from simulator.schedule.segments import in_segments

OVERLAPS = {phi: word for word, phi in PHI.items()}
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def shape_of(layer: NaiveLayer, machine: Machine, array: Array | None = None) -> tiling.Shape:
    """The core's form of a layer."""
    return tiling.Shape(
        extents=(layer.G, layer.N, layer.K, layer.C, layer.P, layer.Q, layer.R, layer.S),
        stride=(layer.sh, layer.sw),
        dilation=(layer.dh, layer.dw),
        padding=(layer.top, layer.left),
        plane=(layer.H, layer.W),
        in_width=machine.in_w,
        weight_width=machine.wt_w,
        out_width=machine.out_w,
        acc_width=machine.acc_w,
        widening=0.0 if array is None else array.widening,
    )


def spec_of(machine: Machine) -> tiling.ArraySpec:
    """An array of one unit that nothing limits: its tilings differ in footprint and bytes only."""
    return tiling.ArraySpec(
        count=1,
        rows=1,
        columns=1,
        stationary="outputs",
        unroll_rows=(),
        unroll_columns=(),
        unroll_count=(),
        accumulator_bytes=machine.acc_bytes,
        double_buffered=machine.db == 2,
    )


def array_spec(array: Array, machine: Machine) -> tiling.ArraySpec:
    """The core's form of an array."""
    return tiling.ArraySpec(
        count=array.count,
        rows=array.rows,
        columns=array.columns,
        stationary=array.stationary,
        unroll_rows=array.on_rows,
        unroll_columns=array.on_columns,
        unroll_count=array.on_count,
        most_count=tuple(dict(array.most).get(word, 0) for word in array.on_count) if array.most else (),
        rate=array.rate,
        accumulator_bytes=array.accumulators,
        weights_double_buffered=array.two_sets,
        systolic=array.systolic,
        weight_load_cycles=array.load_cycles,
        weight_bus_bytes_per_cycle=array.bus,
        unit_words=array.words,
        pass_overhead_cycles=array.overhead,
        multicast=array.multicast,
        link_bytes_per_cycle=array.link,
        port_bytes_per_cycle=array.port,
        holds=array.holds,
        double_buffered=machine.db == 2,
    )


def tile_cost(
    layer: NaiveLayer, tile: dict[str, int], order: str, stream: int, resident: int, machine: Machine
) -> tuple[float, float]:
    """(footprint, bytes) of one tiling, as `naive.walk`.

    The core keeps one element of a streamed operand, the twin any piece: the difference is put right here.
    """
    footprint, total, _ = tiling.tile_cost(shape_of(layer, machine), spec_of(machine), tile, order, stream, resident)
    if total == math.inf:
        return math.inf, math.inf
    if stream >= 0:
        element = (machine.in_w, machine.wt_w, max(machine.out_w, machine.acc_w))[stream]
        footprint += machine.db * (machine.granules[stream] - element)
    return footprint, total


def frontier(layer: NaiveLayer, resident: int, machine: Machine) -> list[tuple[float, float]]:
    """Sorted (footprint, bytes) of the layer's frontier."""
    shape, spec = shape_of(layer, machine), spec_of(machine)
    built = tiling.build_tables(shape, spec)
    grain_in, grain_weights, grain_out = map(float, machine.granules)
    numbers = built.numbers._replace(grain_in=grain_in, grain_weights=grain_weights, grain_out=grain_out)
    found = tiling.frontier(shape, spec, resident, dataclasses.replace(built, numbers=numbers))
    kept: list[tuple[float, float]] = []
    for point in sorted(zip(found.footprint.tolist(), found.bytes_.tolist(), strict=True)):
        # Points that only fewer cycles speak for are none of the twin's.
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def pool_of(problem: Problem, weights: Sequence[float] = (), keep: bool = False) -> Pool:
    """Moves and frontiers of a hand-made problem; a mask without choices is one whose tilings never fit.

    weights: bytes of constant weights of each step. keep: whether these may be in SRAM as a whole.
    """
    shapes = [tiling.Shape(extents=(1, 1, at + 1, 1, 1, 1, 1, 1)) for at in range(len(problem.steps))]
    rows = []
    for at, step in enumerate(problem.steps):
        made = next(t for t, tensor in enumerate(problem.tensors) if tensor.producer == at)
        size = float(problem.tensors[made].size_bytes)
        stored = size if problem.tensors[made].kept else 0.0
        rows.append(
            Row(
                name=f"layer {at}",
                kind="conv",
                fused=(),
                shape=shapes[at],
                macs=1,
                macs_executed=1,
                vector_operations=0.0,
                inputs=-1 if step.inputs is None else step.inputs,
                input_bytes=0.0,
                weights=-1 if step.weights is None else step.weights,
                weight_bytes=weights[at] if weights else 0.0,
                reads=tuple((t, float(problem.tensors[t].size_bytes)) for t in step.extras),
                fixed_bytes=0.0,
                output=made,
                output_bytes=size,
                stored_bytes=stored,
                stored_apart_bytes=stored,
                least_footprint=0.0,
                inner_bytes=0.0,
            )
        )
    low = Lowered(
        network="hand-made",
        batch=1,
        precision="int8",
        rows=tuple(rows),
        tensor_bytes=tuple(float(tensor.size_bytes) for tensor in problem.tensors),
        tensor_readers=tuple(
            tuple(j for j, step in enumerate(problem.steps) if t in step.reads()) for t in range(len(problem.tensors))
        ),
        tensor_producers=tuple(() if tensor.producer is None else (tensor.producer,) for tensor in problem.tensors),
        spec=spec_of(Machine()),
        states=frozenset(t for t, tensor in enumerate(problem.tensors) if tensor.kept and tensor.producer is None),
        staying=frozenset(t for t, tensor in enumerate(problem.tensors) if tensor.kept),
    )
    return build_pool(low, 1.0, True, keep, functools.partial(_lookup, problem, shapes))


def _lookup(
    problem: Problem, shapes: list[tiling.Shape], shape: tiling.Shape, spec: tiling.ArraySpec, resident: int
) -> tiling.Frontier:
    choices = sorted(problem.steps[shapes.index(shape)].choices.get(resident, [])) or [(math.inf, 0.0, 0.0)]
    footprint, total, cycles = np.array(choices, dtype=np.float64).T.copy()
    return tiling.Frontier(footprint, total, cycles, np.arange(len(choices)), footprint)


def machines(
    capacity_bytes: float,
    cycle_s: float = 1.0,
    byte_s: float = 1.0,
    overlap: str = "none",
    overhead_s: float = 0.0,
    fifo_bytes: float | None = None,
) -> Machines:
    """One chip, on its own."""
    columns = (np.array([float(value)]) for value in (capacity_bytes, cycle_s, byte_s, overhead_s))
    return Machines(*columns, overlap, fifo_bytes)


def machine_of(problem: Problem, overlap: str | None = None) -> Machines:
    """The chip of a problem; its overheads differ from step to step, so they are added to the time."""
    return machines(problem.capacity, 1.0, 1.0 / problem.bandwidth, overlap or OVERLAPS[problem.phi])


def ahead(problem: Problem, weights: Sequence[float]) -> tuple[float, float]:
    """(time of a batch on its own, period in steady state) with weights fetched ahead across layers."""
    overhead = sum(step.overhead for step in problem.steps)
    cold, steady = few.solve_one(pool_of(problem, weights), machine_of(problem, "network"))
    return tuple(math.inf if plan is None else plan.time_s + overhead for plan in (cold, steady))  # type: ignore[return-value]


def segments(chain: Chain, limit_s: float = math.inf) -> float:
    """Time of the batch in segments of sub-batches, where it beats a limit."""
    pools = {size: pool_of(part, chain.weights, keep=True) for size, part in chain.parts.items()}
    kept, one = np.zeros(len(chain.weights)), machine_of(chain.parts[chain.batch])
    plan = in_segments(one, chain.batch, pools.__getitem__, kept, True, limit_s)
    return math.inf if plan is None else plan.time_s


def schedule(problem: Problem) -> tuple[float, float]:
    """(time, bytes) of the best schedule without prefetch."""
    program = Program(lambda _: pool_of(problem), 1, keep=False, sub_batches=False, apart=False, keeps_states=True)
    plan = few.residency(program.pool, few.settle(program.pool, program.left(machine_of(problem)).row()))
    if plan is None:
        return math.inf, math.inf
    return plan.time_s + sum(step.overhead for step in problem.steps), float(plan.outer_bytes.sum())


def full_frontier(layer: NaiveLayer, array: Array, resident: int, machine: Machine) -> Floats:
    """(footprint, bytes, on-chip cycles) of the frontier of a layer on an array, a row a point."""
    found = tiling.frontier(shape_of(layer, machine, array), array_spec(array, machine), resident)
    return np.stack([found.footprint, found.bytes_, found.cycles], axis=1)


def full_cost(
    layer: NaiveLayer, tile: dict[str, int], order: str, stream: int, resident: int, machine: Machine, array: Array
) -> tuple[float, float, float]:
    """(footprint, bytes, on-chip cycles) of one tiling with the best unrolling."""
    return tiling.tile_cost(shape_of(layer, machine, array), array_spec(array, machine), tile, order, stream, resident)


def points(
    layer: NaiveLayer, array: Array, resident: int, machine: Machine
) -> list[tuple[dict[str, int], dict[str, int], tuple[float, float], float, float, dict[str, float]]]:
    """Tile, unrolling, copies of inputs and weights, bytes, cycles and parts of the cycles of every point of a frontier."""
    shape, spec = shape_of(layer, machine, array), array_spec(array, machine)
    built = tiling.build_tables(shape, spec)
    found = tiling.frontier(shape, spec, resident, built)
    stacked = read.stack([shape], spec, [built])
    rows = read.tile_sizes(stacked, np.zeros(len(found), dtype=np.int64), found.codes)
    out = []
    for at, row in enumerate(rows):
        outer = float(found.bytes_[at])
        says = read.words(built.units.factors[row[8]], row)
        copied = built.units.copies[row[8]]
        parts = dataclasses.asdict(read.breakdown(shape, spec, int(found.codes[at]), outer, built))
        out.append(
            (
                says["tile"],
                says["unrolling"],
                (float(copied[0]), float(copied[1])),
                outer,
                float(found.cycles[at]),
                parts,
            )
        )
    return out


def any_points(
    layers: Sequence[NaiveLayer], array: Array, machine: Machine, rng: random.Random, each: int
) -> list[tuple[int, dict[str, int], dict[str, int], tuple[float, float], float, dict[str, float]]]:
    """Of each layer of a stack some tilings that nothing speaks for: layer, tile, unrolling, copies, bytes, parts of cycles."""
    spec, shapes = array_spec(array, machine), [shape_of(layer, machine, array) for layer in layers]
    built = [tiling.build_tables(shape, spec) for shape in shapes]
    numbers, codes = np.repeat(np.arange(len(layers)), each), []
    for number in numbers.tolist():
        tables = built[number]
        code = (
            rng.randrange(len(tables.units.factors)) * len(read.ORDERS) * len(read.STREAMED)
        )  # of the first order, unstreamed
        for table in (tables.group, tables.pixel, tables.axis_k, tables.axis_c):
            code = code * len(table) + rng.randrange(len(table))
        codes.append(code)
    outer = np.array([rng.choice([0.0, 50.0, 500.0]) for _ in codes])
    stacked = read.stack(shapes, spec, built)
    found = read.tile_sizes(stacked, numbers, np.array(codes)).tolist()
    parts = read.breakdowns(stacked, numbers, np.array(codes), outer).tolist()
    out = []
    for number, row, bytes_, of_each in zip(numbers.tolist(), found, outer.tolist(), parts, strict=True):
        units = built[number].units
        says = read.words(units.factors[row[8]], row)
        copied = tuple(map(float, units.copies[row[8]]))
        named = dict(zip(read.OnChip.__dataclass_fields__, of_each, strict=True))
        out.append((number, says["tile"], says["unrolling"], copied, bytes_, named))
    return out
