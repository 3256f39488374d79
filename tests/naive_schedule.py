"""Brute force over which tensors of a small graph stay in SRAM and how long: shares no code with simulator/."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

Choice = tuple[float, float, float]
"""(footprint in bytes, outer-memory bytes, on-chip time) of one tiling."""


@dataclass(frozen=True)
class Tensor:
    """An activation. `producer` is a layer index, or None for what is in memory at the start."""

    size_bytes: int
    producer: int | None
    kept: bool = False
    """Whether it is in SRAM from one pass to the next: all the time, and read and written for nothing."""


@dataclass(frozen=True)
class Step:
    """A layer in the running order: the tensors it reads, by operand, and its tilings for every resident mask.

    Masks: 1 inputs, 2 weights, 4 outputs. `extras` are read beside the tiling (a fused residual): free where resident,
    else their bytes are added. A mask without choices cannot run.
    """

    choices: dict[int, list[Choice]]
    inputs: int | None = None
    weights: int | None = None
    extras: tuple[int, ...] = ()
    overhead: float = 0.0

    def reads(self) -> tuple[int, ...]:
        """All tensors this layer reads, one entry for each reading."""
        return tuple(t for t in (self.inputs, self.weights, *self.extras) if t is not None)


@dataclass(frozen=True)
class Problem:
    """Layers in running order, their tensors, and the chip: capacity in bytes, bytes per unit of time, overlap rule."""

    tensors: list[Tensor]
    steps: list[Step]
    capacity: float
    bandwidth: float = 1.0
    phi: float = 0.25


def readers(problem: Problem, tensor: int) -> list[int]:
    """Indices of the layers that read a tensor, in running order, each once."""
    return [j for j, step in enumerate(problem.steps) if tensor in step.reads()]


def stays(problem: Problem, tensor: int) -> list[int | None]:
    """The reader until whom a tensor may stay in SRAM: each of them; None is memory from the start."""
    if problem.tensors[tensor].producer is None or problem.tensors[tensor].kept:
        return [None]
    return [None, *readers(problem, tensor)]


def decisions(problem: Problem) -> Iterator[tuple[int | None, ...]]:
    """Every combination of stays of all tensors."""
    return itertools.product(*(stays(problem, tensor) for tensor in range(len(problem.tensors))))


def resident_at(problem: Problem, decision: tuple[int | None, ...], tensor: int, step: int) -> bool:
    """Whether a tensor is in SRAM, whole, while a layer runs."""
    producer, until = problem.tensors[tensor].producer, decision[tensor]
    if problem.tensors[tensor].kept:
        return True
    return producer is not None and until is not None and producer <= step <= until


def step_cost(problem: Problem, decision: tuple[int | None, ...], j: int) -> tuple[float, float]:
    """(time, bytes) of the best tiling of layer j under a decision; infinite where none fits."""
    step = problem.steps[j]
    alive = [t for t in range(len(problem.tensors)) if resident_at(problem, decision, t, j)]
    left = problem.capacity - sum(problem.tensors[t].size_bytes for t in alive)
    made = [t for t, tensor in enumerate(problem.tensors) if tensor.producer == j]
    mask = (step.inputs in alive) | (step.weights in alive) << 1 | any(t in alive for t in made) << 2
    besides = sum(problem.tensors[t].size_bytes for t in step.extras if t not in alive)
    # A tensor that leaves at this reader while others still come is written once.
    for t in alive:
        if decision[t] == j and readers(problem, t)[-1] > j:
            besides += problem.tensors[t].size_bytes
    best = (math.inf, math.inf)
    for footprint, traffic, on_chip in step.choices.get(int(mask), []):
        if footprint <= left:
            outer = (traffic + besides) / problem.bandwidth
            time = max(on_chip, outer) + problem.phi * min(on_chip, outer) + step.overhead
            best = min(best, (time, traffic + besides))
    return best


def brute_schedule(problem: Problem) -> tuple[float, float]:
    """(time, bytes) of the best schedule: least time, then least bytes; infinite where nothing fits."""
    best = (math.inf, math.inf)
    for decision in decisions(problem):
        costs = [step_cost(problem, decision, j) for j in range(len(problem.steps))]
        best = min(best, (sum(c[0] for c in costs), sum(c[1] for c in costs)))
    return best


def fitting(problem: Problem, decision: tuple[int | None, ...], capacity: float) -> list[list[Choice]]:
    """Of every layer the tilings that fit beside the resident tensors, their bytes with those beside the tiles."""
    rows = []
    for j in range(len(problem.steps)):
        only = []
        for footprint, traffic, on_chip in all_choices(problem, decision, j):
            alone = Step({m: [(footprint, traffic, on_chip)] for m in range(8)}, *_operands(problem.steps[j]))
            one = Problem(problem.tensors, [*problem.steps[:j], alone, *problem.steps[j + 1 :]], capacity)
            _, outer = step_cost(one, decision, j)
            if outer < math.inf:
                only.append((footprint, outer, on_chip))
        rows.append(only)
    return rows


def _operands(step: Step) -> tuple[int | None, int | None, tuple[int, ...]]:
    return step.inputs, step.weights, step.extras


def all_choices(problem: Problem, decision: tuple[int | None, ...], j: int) -> list[Choice]:
    """Tilings of layer j for the operands that are resident under a decision."""
    step = problem.steps[j]
    alive = [t for t in range(len(problem.tensors)) if resident_at(problem, decision, t, j)]
    made = any(problem.tensors[t].producer == j for t in alive)
    return step.choices.get((step.inputs in alive) | (step.weights in alive) << 1 | made << 2, [])


def ahead_time(
    problem: Problem, weights: list[float], path: tuple[Choice, ...], ahead: float, start: float
) -> tuple[float, float]:
    """(time, weight bytes on chip at the end) of one schedule with up to `ahead` bytes of later weights fetched early.

    The memory works through all transfers in order and never rests while there is room for weights still to come (those
    of the next batch included); a layer takes the longer of its on-chip time and of what the memory still has to bring.
    """
    have, time = start, 0.0
    for j, (_, outer, on_chip) in enumerate(path):
        used = min(have, weights[j], outer)
        step = max(on_chip, (outer - used) / problem.bandwidth)
        fetched = problem.bandwidth * step - (outer - used)
        have = min(ahead, have - used + fetched, sum(weights[j + 1 :]) + sum(weights))
        time += step + problem.steps[j].overhead
    return time, have


def brute_ahead(problem: Problem, weights: list[float], sizes: list[float]) -> tuple[float, float]:
    """(least time of a batch that finds nothing fetched, least period) over every decision, tiling and size set aside.

    In steady state a batch begins with all it can have ahead, and waits at its end until the next one finds the same.
    """
    cold = steady = math.inf
    for ahead in sizes:
        start = min(ahead, sum(weights))
        for decision in decisions(problem):
            for path in itertools.product(*fitting(problem, decision, problem.capacity - ahead)):
                cold = min(cold, ahead_time(problem, weights, path, ahead, 0.0)[0])
                time, have = ahead_time(problem, weights, path, ahead, start)
                steady = min(steady, time + max(0.0, start - have) / problem.bandwidth)
    return cold, min(cold, steady)


@dataclass(frozen=True)
class Chain:
    """Layers in a row, each reading the one before. parts: the problem at every size of a sub-batch, the batch included."""

    parts: dict[int, Problem]
    weights: list[float]
    """Constant weights of each layer in bytes."""

    @property
    def batch(self) -> int:
        """Items of the whole batch."""
        return max(self.parts)


def run_time(problem: Problem, first: int, resident: tuple[int, ...], held: list[bool], capacity: float) -> float:
    """Time of layers first, first + 1, ... of a chain, once. resident: of each tensor from the first layer's input on."""
    total = 0.0
    for k, (before, after) in enumerate(itertools.pairwise(resident)):
        step = problem.steps[first + k]
        alive = before * problem.tensors[first + k].size_bytes + after * problem.tensors[first + k + 1].size_bytes
        mask = before | held[first + k] << 1 | after << 2
        times = [math.inf]
        for footprint, traffic, on_chip in step.choices[mask]:
            if footprint <= capacity - alive:
                outer = traffic / problem.bandwidth
                times.append(max(on_chip, outer) + problem.phi * min(on_chip, outer))
        total += min(times)
    return total


def segment_time(chain: Chain, first: int, last: int, ends: tuple[int, int], hold: bool, size: int) -> float:
    """Least time of layers first .. last - 1 for the whole batch in runs of `size` items.

    ends: whether the tensors at the ends are in SRAM, for the whole batch. hold: the weights come in once, before the
    first run, and stay for all of them.
    """
    problem, runs = chain.parts[size], chain.batch // size
    stay = sum(chain.weights[first:last]) if hold else 0.0
    others = sum(end * problem.tensors[t].size_bytes * (runs - 1) for end, t in zip(ends, (first, last), strict=True))
    held = [hold and weight > 0 for weight in chain.weights]
    best = math.inf
    for inside in itertools.product((0, 1), repeat=last - first - 1):
        resident = (ends[0], *inside, ends[1])
        best = min(best, run_time(problem, first, resident, held, problem.capacity - stay - others))
    return runs * best + stay / problem.bandwidth


def brute_segments(chain: Chain) -> float:
    """Least time of the batch over all ways to cut the chain, sizes of sub-batches, residency and weights held.

    A whole batch runs once, so that holding weights for all runs means nothing there.
    """
    steps = len(chain.weights)

    def rest(first: int, entry: int) -> float:
        if first == steps:
            return 0.0
        return min(
            segment_time(chain, first, last, (entry, leave), hold, size) + rest(last, leave)
            for last in range(first + 1, steps + 1)
            for leave in ((0, 1) if last < steps else (0,))
            for size in chain.parts
            for hold in ((False, True) if size < chain.batch else (False,))
        )

    return rest(0, 0)
