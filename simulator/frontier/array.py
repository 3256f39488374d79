"""The models of an array, each behind the same five functions: a grid of MAC units, and the multiprocessors of a GPU.

Which one a chip has is asked here alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.frontier import sm
from simulator.frontier.grid import attention, lanes, points, search
from simulator.frontier.grid.candidates import Tables, build_tables
from simulator.kernels import grid_points as columns
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


UNREAD = Shape((1, 1, 1, 1, 1, 1, 1, 1))
"""A layer of one multiply-accumulate."""


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

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int, floor: float = NO_FLOOR) -> search.Frontier:
        """Every tiling of a layer, with some operands resident, that no other beats. floor: as of `grid.search.frontier`."""
        if shape.context:
            return attention.frontier(shape, spec, resident)
        if lanes.chosen(shape, spec):
            return lanes.frontier(shape, spec, resident)
        return search.frontier(shape, spec, resident, build_tables(shape, spec), floor)

    def tables(self, shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """What codes of points of these layers are read with."""
        return points.stack(shapes, spec, [self._tables(shape, spec) for shape in shapes])

    @staticmethod
    def _tables(shape: Shape, spec: ArraySpec) -> Tables:
        """Of a layer; of one whose codes speak for themselves small ones, which nobody reads."""
        if shape.context or lanes.chosen(shape, spec):
            shape = UNREAD
        return build_tables(shape, spec)

    def parts(self, read: Codes, outer_bytes: Floats) -> Floats:
        """On-chip parts of points, float64[points, 9] in the order of `grid.points.OnChip`. outer_bytes: their traffic."""
        apart = self._apart(read)
        if not apart.any():
            return points.breakdowns(read.stack, read.layers, read.codes, outer_bytes)
        found = np.empty((len(apart), len(points.OnChip.__dataclass_fields__)))
        found[~apart] = points.breakdowns(read.stack, read.layers[~apart], read.codes[~apart], outer_bytes[~apart])
        for layer in np.unique(read.layers[apart]).tolist():
            shape, own = read.shapes[layer], (read.layers == layer) & apart
            if shape.context:
                found[own] = attention.parts(shape, read.spec, read.codes[own], outer_bytes[own])
            else:
                found[own] = lanes.parts(shape, read.spec, outer_bytes[own])
        return found

    def start(self, _shape: Shape, _spec: ArraySpec) -> float:
        """Cycles of a layer beside which nothing of it is transferred: none, beside the chip's own between layers."""
        return 0.0

    def words(self, read: Codes) -> list[dict[str, Any]]:
        """What points are, in words."""
        apart = self._apart(read)
        layers, codes = read.layers[~apart], read.codes[~apart]
        sizes = points.tile_sizes(read.stack, layers, codes)
        units = read.stack.factors[read.stack.first_unit[layers] + sizes[:, columns.UNROLLING]]
        plain = iter(list(map(points.words, units, sizes)))
        return [
            next(plain) if not own else self._words(read.shapes[layer], read.spec, code)
            for own, layer, code in zip(apart.tolist(), read.layers.tolist(), read.codes.tolist(), strict=True)
        ]

    @staticmethod
    def _words(shape: Shape, spec: ArraySpec, code: int) -> dict[str, Any]:
        """What a point is whose code speaks for itself."""
        return attention.words(shape, spec, code) if shape.context else lanes.words()

    @staticmethod
    def _apart(read: Codes) -> npt.NDArray[np.bool_]:
        """Which points' codes speak for themselves: those of attention, and those on the lanes."""
        attended, on_lanes = [shape.context > 0 for shape in read.shapes], lanes.on_lanes(read.codes)
        return np.asarray(np.array(attended)[read.layers] | on_lanes) if any(attended) else on_lanes


@dataclass(frozen=True)
class Multiprocessors:
    """Multiprocessors of a GPU, which run thread blocks; the same questions."""

    keeps: bool = False

    def frontier(self, shape: Shape, spec: ArraySpec, resident: int, _floor: float = NO_FLOOR) -> search.Frontier:
        """Every choice of a layer that no other beats."""
        return sm.frontier(shape, spec, resident)

    def tables(self, _shapes: Sequence[Shape], spec: ArraySpec) -> points.Stack:
        """Nothing: codes of thread blocks speak for themselves."""
        return points.stack([], spec, [])

    def parts(self, read: Codes, _outer_bytes: Floats) -> Floats:
        """On-chip parts of points, in the same order."""
        return sm.parts(read.shapes, read.spec, read.layers, read.codes)

    def start(self, shape: Shape, spec: ArraySpec) -> float:
        """Cycles of a layer beside which nothing of it is transferred."""
        return sm.start(shape, spec)

    def words(self, read: Codes) -> list[dict[str, Any]]:
        """What points are, in words."""
        return [sm.words(code, read.spec) for code in read.codes.tolist()]


_MODELS: dict[str, Grid | Multiprocessors] = {"grid": Grid(), "sm": Multiprocessors()}


def model_of(spec: ArraySpec) -> Grid | Multiprocessors:
    """The model of an array."""
    return _MODELS[spec.kind]
