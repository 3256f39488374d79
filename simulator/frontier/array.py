"""The models of an array, each behind the same four functions: a grid of MAC units, and the multiprocessors of a GPU.

Which one a chip has is asked here alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from simulator.frontier import sm
from simulator.frontier.grid import points, search
from simulator.frontier.grid.candidates import Tables, build_tables
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class ArrayModel(Protocol):
    """What a model of an array answers."""

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int) -> search.Frontier:
        """Every tiling of a layer, with some operands resident, that no other beats."""

    def tables(self, shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """What codes of points of these layers are read with."""

    def parts(
        self, stack: points.Stack, shapes: Sequence[Shape], spec: ArraySpec, layers: Ints, codes: Ints, outer_bytes: Floats
    ) -> Floats:  # fmt: skip
        """On-chip parts of points, float64[points, 9] in the order of `grid.points.OnChip`; layers: place in `shapes` of each."""

    def words(self, stack: points.Stack, layers: Ints, codes: Ints) -> list[dict[str, Any]]:
        """What points are, in words."""


@dataclass(frozen=True)
class Grid:
    """Arrays of rows and columns of MAC units."""

    keeps: bool = True
    """Whether frontiers take long enough to be kept on disk."""

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int) -> search.Frontier:
        """See `ArrayModel`."""
        return search.frontier(shape, spec, resident, build_tables(shape, spec))

    def tables(self, shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """See `ArrayModel`."""
        built: list[Tables] = [build_tables(shape, spec) for shape in shapes]
        return points.stack(shapes, spec, built)

    def parts(
        self, stack: points.Stack, shapes: Sequence[Shape], spec: ArraySpec, layers: Ints, codes: Ints, outer_bytes: Floats
    ) -> Floats:  # fmt: skip
        """See `ArrayModel`."""
        return points.breakdowns(stack, layers, codes, outer_bytes)

    def words(self, stack: points.Stack, layers: Ints, codes: Ints) -> list[dict[str, Any]]:
        """See `ArrayModel`."""
        sizes = points.tile_sizes(stack, layers, codes)
        units = stack.factors[stack.first_unit[layers] + sizes[:, points.UNROLLING]]
        return list(map(points.words, units, sizes))


@dataclass(frozen=True)
class Multiprocessors:
    """Multiprocessors of a GPU, which run thread blocks."""

    keeps: bool = False

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int) -> search.Frontier:
        """See `ArrayModel`."""
        return sm.frontier(shape, spec, resident)

    def tables(self, shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """See `ArrayModel`."""
        return points.stack([], spec, [])

    def parts(
        self, stack: points.Stack, shapes: Sequence[Shape], spec: ArraySpec, layers: Ints, codes: Ints, outer_bytes: Floats
    ) -> Floats:  # fmt: skip
        """See `ArrayModel`."""
        return sm.parts(tuple(shapes), spec, layers, codes)

    def words(self, stack: points.Stack, layers: Ints, codes: Ints) -> list[dict[str, Any]]:
        """See `ArrayModel`."""
        return [sm.words(code) for code in codes.tolist()]


_MODELS: dict[str, Grid | Multiprocessors] = {"grid": Grid(), "sm": Multiprocessors()}


def model_of(spec: ArraySpec) -> Grid | Multiprocessors:
    """The model of an array."""
    return _MODELS[spec.kind]
