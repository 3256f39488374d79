"""Folds: what one stay of a stationary operand costs beyond its steps."""

import math
from typing import NamedTuple

import numpy as np

from simulator.frontier.grid.unrolling import Floats, Unrollings, set_size
from simulator.kernels.grid_tables import OVER_C, OVER_K, OVER_PIXELS, Fold
from simulator.lower.array import ArraySpec


class FoldCosts(NamedTuple):
    """What a fold costs, and the axis that streams: OVER_PIXELS, OVER_K or OVER_C."""

    fold: Fold
    streams: int


class Resets(NamedTuple):
    """What accumulators that fill cost each unrolling. [cycle]"""

    cycles: Floats
    """Of each set of weights."""
    least: Floats
    """Least of it."""
    sets: float
    """Sets that come in at least for each step of the reduction, in cycles of the array without its rate."""


def fold_costs(spec: ArraySpec) -> FoldCosts:
    """What a fold costs on an array, and which axis streams.

    Systolic arrays fill and drain in rows + columns - 2 cycles a fold; stationary operands enter row by row. Where the
    array holds two sets, the next fold follows at once and the array fills and drains once a layer. A bus for weights
    adds what `set_loads` says.
    """
    overhead, load = float(spec.pass_overhead_cycles), float(spec.weight_load_cycles)
    fill = overhead + (spec.rows + spec.columns - 2.0 if spec.systolic else 0.0)
    if spec.stationary == "outputs":
        return FoldCosts(Fold(0.0, fill, 0.0), OVER_C)
    axis = {"weights": OVER_PIXELS, "inputs": OVER_K, "rows": OVER_PIXELS}[spec.stationary]
    if spec.weights_double_buffered:
        return FoldCosts(Fold(load, overhead, 1.0), axis)
    return FoldCosts(Fold(load, fill, 0.0), axis)


def set_loads(spec: ArraySpec, units: Unrollings, weight_width: float) -> tuple[float, ...]:
    """Cycles to load one set of stationary weights, for each unrolling, at the array's rate. weight_width: bytes each.

    Over a bus, a set takes its bytes / the bus, whatever the rate; else `weight_load_cycles`, which the rate slows.
    """
    if spec.weight_bus_bytes_per_cycle <= 0.0:
        return (spec.weight_load_cycles,) * len(units.factors)
    sets = set_size(units.factors) * weight_width
    loads: list[float] = (sets / spec.weight_bus_bytes_per_cycle * spec.rate).tolist()
    return tuple(loads)


def once(spec: ArraySpec, layer_steps: Floats) -> Floats:
    """Cycles that a systolic array takes once a layer, for each unrolling; 0 where operands are broadcast.

    layer_steps: steps of a fold that streams all of the layer. With two sets the array fills once, and the first set loads
    with nothing to hide behind; the last fold hides none, so of the two waits only the shorter is left. SCALE-Sim reports
    the index of the last cycle, not the count: one less.
    """
    fill, first, less = once_costs(spec)
    return np.asarray(fill + np.minimum(first, layer_steps) - less)


def once_costs(spec: ArraySpec) -> tuple[float, float, float]:
    """Of what `once` adds up: (cycles to fill, those of the first load, which the last fold may hide, what is not counted)."""
    (load, overhead, hidden), _ = fold_costs(spec)
    if not spec.systolic:
        return 0.0, 0.0, 0.0
    fill = spec.rows + spec.columns - 2.0 if hidden else 0.0
    return fill, load if hidden else 0.0, 1.0 if load + overhead + fill >= 1.0 else 0.0


def resets(spec: ArraySpec, loads: tuple[float, ...], output_bytes: float, held_bytes: float) -> Resets:
    """What accumulators that fill cost; nothing, and no sets, where they cost nothing.

    output_bytes: unfinished outputs of the layer. The arrays hold `held_bytes` of them (`ArraySpec.sum_bytes`), so at least so
    many sets come in for each step through the reduction.
    """
    (_, overhead, hidden), axis = fold_costs(spec)
    cycles, least = np.zeros(len(loads)), np.zeros(len(loads))
    if held_bytes > 0.0 and axis == OVER_PIXELS:
        load = np.array(loads)
        cycles[:] = overhead if hidden else load + overhead
        least[:] = load if hidden else 0.0
    sets = math.ceil(output_bytes / held_bytes) / spec.rate if cycles.any() or least.any() else 0.0
    return Resets(cycles, least, sets)
