"""Folds: what one stay of a stationary operand costs beyond its steps."""

import math
from typing import Any

import numpy as np

from simulator.frontier.grid.unrolling import Floats, Unrollings, set_size
from simulator.lower.array import ArraySpec


def fold_costs(spec: ArraySpec) -> tuple[tuple[float, float, float], int]:
    """((load, overhead, hidden) of a fold in cycles, streaming axis: 0 pixels, 1 K, 2 C, 3 none).

    Systolic arrays fill and drain in rows + columns - 2 cycles a fold; stationary operands enter row by row. Where the
    array holds two sets, the next fold follows at once and the array fills and drains once a layer. A bus for weights
    adds what `set_loads` says.
    """
    fill = spec.pass_overhead_cycles + (spec.rows + spec.columns - 2.0 if spec.systolic else 0.0)
    load = spec.weight_load_cycles
    if spec.stationary == "outputs":
        return (0.0, fill, 0.0), 2
    axis = {"weights": 0, "inputs": 1, "rows": 0}[spec.stationary]
    if spec.weights_double_buffered:
        return (load, spec.pass_overhead_cycles, 1.0), axis
    return (load, fill, 0.0), axis


def set_loads(spec: ArraySpec, units: Unrollings, weight_width: float) -> tuple[float, ...]:
    """Cycles to load one set of stationary weights, for each unrolling, at the array's rate. weight_width: bytes each.

    Over a bus, a set takes its bytes / the bus, whatever the rate; else `weight_load_cycles`, which the rate slows.
    """
    if spec.weight_bus_bytes_per_cycle <= 0.0:
        return (spec.weight_load_cycles,) * len(units.factors)
    sets = set_size(units.factors) * weight_width
    loads: list[float] = (sets / spec.weight_bus_bytes_per_cycle * spec.rate).tolist()
    return tuple(loads)


def stream(steps: Any, fold: tuple[float, ...]) -> Any:
    """Cycles of folds that stream `steps` steps past stationary operands; fold: its (load, overhead, hidden).

    `load` cycles bring the stationary operand in, hidden behind streaming where the array holds two sets; `overhead` fills
    and drains a systolic array.
    """
    load, overhead, hidden = fold
    return np.maximum(steps, load) + overhead if hidden else steps + load + overhead


def once(spec: ArraySpec, layer_steps: Floats) -> Floats:
    """Cycles that a systolic array takes once a layer, for each unrolling; 0 where operands are broadcast.

    layer_steps: steps of a fold that streams all of the layer. With two sets the array fills once, and the first set loads
    with nothing to hide behind; the last fold hides none, so of the two waits only the shorter is left. SCALE-Sim reports
    the index of the last cycle, not the count: one less.
    """
    (load, overhead, hidden), _ = fold_costs(spec)
    if not spec.systolic:
        return np.zeros(len(layer_steps))
    fill = spec.rows + spec.columns - 2.0 if hidden else 0.0
    found = fill + np.minimum(load if hidden else 0.0, layer_steps)
    return np.asarray(found - (1.0 if load + overhead + fill >= 1.0 else 0.0))


def resets(spec: ArraySpec, loads: tuple[float, ...], output_bytes: float) -> tuple[Floats, float]:
    """What accumulators that fill cost: (cycles of each set of weights and least cycles of it, of each unrolling; sets).

    output_bytes: unfinished outputs of the layer. The accumulators have room for a part of them, so at least so many sets
    come in for each step through the reduction, in cycles of the array without its rate. No sets where that costs nothing.
    """
    (_, overhead, hidden), axis = fold_costs(spec)
    costs = np.zeros((len(loads), 2))
    if spec.accumulator_bytes > 0.0 and axis == 0:
        load = np.array(loads)
        costs[:, 0] = overhead if hidden else load + overhead
        costs[:, 1] = load if hidden else 0.0
    sets = math.ceil(output_bytes / spec.accumulator_bytes) / spec.rate if costs.any() else 0.0
    return costs, sets
