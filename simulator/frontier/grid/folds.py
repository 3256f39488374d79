"""Folds: what one stay of a stationary operand costs beyond its steps, and how many channels a unit works through in it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.frontier.grid.unrolling import Unrollings
from simulator.lower.array import ArraySpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    sets = units.factors[:, [0, 2, 3, 6, 7, 8]].prod(axis=1) * weight_width
    loads: list[float] = (sets / spec.weight_bus_bytes_per_cycle * spec.rate).tolist()
    return tuple(loads)


def stream(steps: Any, fold: tuple[float, ...], longest: Ints | None, load: Any = None) -> Any:
    """Cycles of folds that stream `steps` steps past stationary operands; fold: its (load, overhead, hidden).

    `load` cycles bring the stationary operand in (for each unrolling, where given), hidden behind streaming where the
    array holds two sets; `overhead` fills and drains a systolic array; accumulators hold `longest` steps, a longer
    stream is cut and starts again.
    """
    constant, overhead, hidden = fold
    load = constant if load is None else load
    pieces: Any = 1.0 if longest is None else np.maximum(1, np.ceil(steps / longest))
    if hidden:
        return pieces * (np.maximum(steps / pieces, load) + overhead)
    return steps + pieces * (load + overhead)


def unit_channels(spec: ArraySpec, units: Unrollings, kernel_width: int) -> tuple[Ints, Ints]:
    """(output channels, input channels) that one unit works through in a pass, for each unrolling; 1 without unit memory.

    A row-stationary unit holds rows of the kernel and of the inputs for q input channels, q S inputs, and for p output
    channels, p q S weights and p partial sums. q comes first: it saves passes of partial sums, which are wider than
    inputs and move both ways.
    """
    ones = np.ones(len(units.factors), dtype=np.int64)
    if spec.unit_words is None:
        return ones, ones
    inputs, weights, outputs = spec.unit_words
    row = -(-kernel_width // units.factors[:, 7])
    deep = np.maximum(1, np.minimum(inputs // row, weights // row))
    wide = np.maximum(1, np.minimum(outputs, weights // (row * deep)))
    return wide, deep
