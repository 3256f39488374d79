"""The models of an array, each behind the same four functions: a grid of MAC units, and the multiprocessors of a GPU.

Which one a chip has is asked here alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.frontier import sm
from simulator.frontier.grid import points, search
from simulator.frontier.grid.candidates import Tables, build_tables
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """Points of the frontiers of several layers: what each is, and the layer that it is of, by place in `shapes`."""

    stack: points.Stack
    shapes: tuple[Shape, ...]
    spec: ArraySpec
    layers: Ints
    codes: Ints


@dataclass(frozen=True)
class Grid:
    """Arrays of rows and columns of MAC units."""

    keeps: bool = True
    """Whether frontiers take long enough to be kept on disk."""

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int) -> search.Frontier:
        """Every tiling of a layer, with some operands resident, that no other beats."""
        return search.frontier(shape, spec, resident, build_tables(shape, spec))

    def tables(self, shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """What codes of points of these layers are read with."""
        built: list[Tables] = [build_tables(shape, spec) for shape in shapes]
        return points.stack(shapes, spec, built)

    def parts(self, read: Codes, outer_bytes: Floats) -> Floats:
        """On-chip parts of points, float64[points, 9] in the order of `grid.points.OnChip`. outer_bytes: their traffic."""
        return points.breakdowns(read.stack, read.layers, read.codes, outer_bytes)

    def words(self, read: Codes) -> list[dict[str, Any]]:
        """What points are, in words."""
        sizes = points.tile_sizes(read.stack, read.layers, read.codes)
        units = read.stack.factors[read.stack.first_unit[read.layers] + sizes[:, points.UNROLLING]]
        return list(map(points.words, units, sizes))


@dataclass(frozen=True)
class Multiprocessors:
    """Multiprocessors of a GPU, which run thread blocks; the same questions."""

    keeps: bool = False

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int) -> search.Frontier:
        """Every choice of a layer that no other beats."""
        return sm.frontier(shape, spec, resident)

    def tables(self, _shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """Nothing: codes of thread blocks speak for themselves."""
        return points.stack([], spec, [])

    def parts(self, read: Codes, _outer_bytes: Floats) -> Floats:
        """On-chip parts of points, in the same order."""
        return sm.parts(read.shapes, read.spec, read.layers, read.codes)

    def words(self, read: Codes) -> list[dict[str, Any]]:
        """What points are, in words."""
        return [sm.words(code, read.spec) for code in read.codes.tolist()]


_MODELS: dict[str, Grid | Multiprocessors] = {"grid": Grid(), "sm": Multiprocessors()}


def model_of(spec: ArraySpec) -> Grid | Multiprocessors:
    """The model of an array."""
    return _MODELS[spec.kind]
