"""The one place where the twins meet the core: each function takes the twin's form and returns what the core says."""

from collections.abc import Callable

from naive import Machine, NaiveLayer
from naive_schedule import Problem

TileCost = Callable[[NaiveLayer, dict[str, int], str, int, int, Machine], tuple[float, float]]
"""Arguments and result of `naive.walk`."""
Frontier = Callable[[NaiveLayer, int, Machine], list[tuple[float, float]]]
"""(layer, resident mask, machine) -> sorted (footprint, bytes)."""
Schedule = Callable[[Problem], tuple[float, float]]
"""Argument and result of `naive_schedule.brute_schedule`."""

tile_cost: TileCost | None = None
frontier: Frontier | None = None
schedule: Schedule | None = None
