"""Other shapes of an array: rows, columns and number exchanged for each other, or units left away."""

from typing import Any

from simulator.chip.array import Array
from simulator.chip.schema import Architecture
from simulator.result.form import LayerResult, Result
from simulator.study.steps import idle_share

FACTORS = (2, 4)
"""An axis is divided by one of these and another multiplied by it: as many MAC units as before."""

AXES = ("count", "rows", "columns")


def wasteful(run: Result, share: float) -> list[tuple[LayerResult, float]]:
    """(layer, its idle share) of every layer that wastes at least `share`, those that waste most time first."""
    found = [(layer, idle_share(layer.waterfall)) for layer in run.layers]
    return sorted((pair for pair in found if pair[1] >= share), key=lambda pair: -pair[0].waterfall.get("edges_s", 0.0))


def exchanged(chip: Architecture) -> list[dict[str, Any]]:
    """Changes of `array` that keep the number of MAC units: one axis shorter, another as many times longer.

    Only axes over which loops can be spread are made longer.
    """
    array = chip.array
    if array is None or array.kind == "sm":
        return []
    sizes = _sizes(array)
    return [
        {f"array.{less}": sizes[less] // factor, f"array.{more}": sizes[more] * factor}
        for factor in FACTORS
        for less in AXES
        for more in AXES
        if less != more and sizes[less] % factor == 0 and getattr(array.unroll, more)
    ]


def narrower(chip: Architecture) -> list[dict[str, Any]]:
    """Changes of `array` that leave units away: rows, columns or both cut to powers of two, down to an eighth."""
    array = chip.array
    if array is None or array.kind == "sm":  # the shape of a multiprocessor is no choice
        return []
    choices = {axis: [size, *_below(size)] for axis, size in _sizes(array).items() if axis != "count"}
    found = [
        {"array.rows": rows, "array.columns": columns} for rows in choices["rows"] for columns in choices["columns"]
    ]
    whole = {"array.rows": array.rows, "array.columns": array.columns}
    return [{key: value for key, value in one.items() if value != whole[key]} for one in found if one != whole]


def _sizes(array: Array) -> dict[str, int]:
    return {axis: int(getattr(array, axis)) for axis in AXES}


def _below(size: int) -> list[int]:
    """Powers of two below a size, down to an eighth of it."""
    powers = [1 << turn for turn in range(size.bit_length())]
    return [power for power in reversed(powers) if size / 8 <= power < size]
