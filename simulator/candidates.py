"""Candidate tables of a layer: every tile size worth trying, with the steps, windows and trips it costs on one array.

The tables are what the kernels of `kernels.frontier` read; `one_tile` makes them for a single given tiling.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError
from simulator.kernels import frontier as kernels
from simulator.kernels import tables
from simulator.unrolling import ArraySpec, Unrollings, unrollings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TILE_LOOPS = "gnkcpq"
"""Loops that tilings cut, in the order of `Shape.extents`; kernel rows and columns stay whole."""


@dataclass(frozen=True, slots=True)
class Shape:
    """All of a layer that its tilings depend on, batch included.

    extents: G N K C P Q R S. Widths in bytes per element; `out_width` per output of the loop nest, which a fused pool makes
    smaller than one element's; `acc_width` of an unfinished output.
    """

    extents: tuple[int, int, int, int, int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    """Above and left; below and right follow from the plane."""
    plane: tuple[int, int] = (1, 1)
    in_width: float = 1.0
    weight_width: float = 1.0
    out_width: float = 1.0
    acc_width: float = 4.0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the loop nest."""
        product = 1
        for extent in self.extents:
            product *= extent
        return product


@dataclass(frozen=True)
class Tables:
    """Candidate tiles of one layer on one array, as the kernels read them."""

    group: Floats
    pixel: Floats
    axis_k: Floats
    axis_c: Floats
    pixel_tiles: Ints
    units: Unrollings
    numbers: Floats
    rules: Ints

    @property
    def rows(self) -> Ints:
        """Rows of the four tables."""
        return np.array([len(self.group), len(self.pixel), len(self.axis_k), len(self.axis_c)], dtype=np.int64)


@dataclass(frozen=True)
class _Axis:
    """Arguments of the axis kernels for one loop: extent, flattened elements per index, steps per index, units, fold cost."""

    extent: int
    inner: int
    outer: Floats
    units: Ints
    fold: Floats | None

    def arguments(self) -> tuple[int, Floats, Ints, bool, float, float, bool]:
        """All but extent and size, in the kernels' order."""
        load, overhead, hidden = (0.0, 0.0, 0.0) if self.fold is None else (float(x) for x in self.fold)
        return self.inner, self.outer, self.units, self.fold is not None, load, overhead, bool(hidden)

    def table(self) -> Floats:
        """Every size at which trips or steps change."""
        out = np.empty((self.extent + 1, 2 + 2 * len(self.units)))
        rows = tables.axis_table(self.extent, *self.arguments(), True, out)
        return np.ascontiguousarray(out[:rows])

    def row(self, size: int) -> Floats:
        """The table of one size."""
        out = np.empty((1, 2 + 2 * len(self.units)))
        tables.axis_row(self.extent, size, *self.arguments(), out, 0)
        return out


def fold_costs(spec: ArraySpec) -> tuple[Floats, int]:
    """([load, overhead, hidden] of a fold in cycles, streaming axis: 0 pixels, 1 K, 2 C, 3 none).

    Systolic arrays fill and drain in rows + columns - 2 cycles a fold; stationary operands enter row by row. Where the
    array holds two sets, the next fold follows at once and the array fills and drains once a layer (see `_numbers`).
    """
    fill = spec.rows + spec.columns - 2.0 if spec.systolic else 0.0
    load = spec.weight_load_cycles
    if spec.stationary == "outputs":
        return np.array([0.0, fill, 0.0]), 2
    axis = {"weights": 0, "inputs": 1, "rows": 0}[spec.stationary]
    if spec.weights_double_buffered:
        return np.array([load, 0.0, 1.0]), axis
    return np.array([load, fill, 0.0]), axis


def _axes(shape: Shape, spec: ArraySpec, units: Unrollings) -> tuple[_Axis, _Axis, _Axis]:
    """Groups, output channels and input channels as the axis kernels see them."""
    g, _, k, c, _, _, r, s = shape.extents
    factors = units.factors
    cost, streams = fold_costs(spec)
    ones = np.ones(len(factors))
    group = _Axis(g, 1, ones / spec.rate, factors[:, 0].copy(), None)
    axis_k = _Axis(k, 1, ones, factors[:, 2].copy(), cost if streams == 1 else None)
    if units.flat_reduction:
        axis_c = _Axis(c, r * s, ones, factors[:, 8].copy(), cost if streams == 2 else None)
    else:
        kernel_steps = (-(-r // factors[:, 6]) * -(-s // factors[:, 7])).astype(np.float64)
        axis_c = _Axis(c, 1, kernel_steps, factors[:, 3].copy(), cost if streams == 2 else None)
    return group, axis_k, axis_c


@dataclass(frozen=True)
class _Pixels:
    """Arguments of the pixel kernels: extents N P Q, geometry per axis, units, fold cost, longest stream."""

    extents: Ints
    geometry: Ints
    unit: Ints
    streams: bool
    cost: Floats
    longest: Ints
    every: Ints

    @classmethod
    def of(cls, shape: Shape, spec: ArraySpec, units: Unrollings) -> "_Pixels":
        """Collect them from a layer and an array."""
        _, n, _, _, p, q, r, s = shape.extents
        factors = units.factors
        flat = factors[:, 9] if units.flat_pixels else np.zeros(len(factors), dtype=np.int64)
        unit = np.ascontiguousarray(np.stack([factors[:, 1], factors[:, 4], factors[:, 5], flat], axis=1))
        cut = bool((unit[:, 1:] > 1).any())
        geometry = [
            [p, shape.stride[0], shape.dilation[0], r, shape.padding[0], shape.plane[0]],
            [q, shape.stride[1], shape.dilation[1], s, shape.padding[1], shape.plane[1]],
        ]
        longest = np.zeros(len(factors), dtype=np.int64)
        if spec.accumulator_bytes > 0 and spec.stationary in ("weights", "rows"):
            per_step = factors[:, [0, 1, 2, 4, 5, 9]].prod(axis=1)
            longest = np.maximum(1, (spec.accumulator_bytes / shape.acc_width // per_step).astype(np.int64))
        cost, axis = fold_costs(spec)
        every = np.array([bool((unit[:, 0] > 1).any()), cut, cut], dtype=np.int64)
        fold = cost if axis == 0 else np.zeros(3)
        return cls(
            np.array([n, p, q], dtype=np.int64), np.array(geometry, dtype=np.int64), unit, axis == 0, fold, longest, every
        )  # fmt: skip

    def table(self) -> tuple[Floats, Ints]:
        """All tiles n x p x q that no other beats, and their sizes."""
        n, p, q = (int(x) for x in self.extents)
        room = 1
        for extent, every in zip((n, p, q), self.every, strict=True):
            room *= _room(extent, bool(every))
        table = np.empty((room + 1, 8 + 2 * len(self.unit)))
        tiles = np.empty((room + 1, 3), dtype=np.int64)
        scratch = (
            np.empty(int(self.geometry[:, 5].max()), dtype=np.int64),
            np.empty((p + 1, 3)),
            np.empty((q + 1, 3)),
            np.empty(n + 1, dtype=np.int64),
            np.empty(p + 1, dtype=np.int64),
            np.empty(q + 1, dtype=np.int64),
        )
        rows = tables.pixel_table(
            self.extents, self.geometry, self.unit, self.streams, self.cost, self.longest, self.every, scratch, tiles, table
        )  # fmt: skip
        return np.ascontiguousarray(table[:rows]), np.ascontiguousarray(tiles[:rows])

    def row(self, n: int, p: int, q: int) -> tuple[Floats, Ints]:
        """The table of one tile."""
        windows = []
        stamp = np.empty(int(self.geometry[:, 5].max()), dtype=np.int64)
        for size, extent, g in zip((p, q), self.extents[1:], self.geometry, strict=True):
            window = np.empty((int(extent) + 1, 3))
            tables.touched(*(int(x) for x in g[:1]), size, *(int(x) for x in g[1:]), stamp, window[size])
            windows.append(window)
        table = np.empty((1, 8 + 2 * len(self.unit)))
        tables.pixel_row(n, p, q, self.extents, self.unit, *windows, self.streams, self.cost, self.longest, table, 0)
        return table, np.array([[n, p, q]], dtype=np.int64)


def _room(extent: int, every: bool) -> int:
    """At most how many tile sizes an axis has: every integer, or the distinct ceil(extent / n)."""
    return extent if every else min(extent, 2 * int(extent**0.5) + 2)


def _numbers(shape: Shape, spec: ArraySpec, units: Unrollings) -> Floats:
    """The row of numbers that the kernels read; their order is in `kernels.frontier`."""
    g, n, k, c, p, q, r, s = (float(extent) for extent in shape.extents)
    f = units.factors.astype(np.float64)
    grain = [1.0, 1.0, 1.0]
    if not spec.element_grain:
        grain[0] = float((f[:, 0] * f[:, 1] * f[:, 3] * f[:, 8] * f[:, 4] * f[:, 5] * f[:, 9]).max())
        grain[1] = float((f[:, 0] * f[:, 2] * f[:, 3] * f[:, 8] * f[:, 6] * f[:, 7]).max())
        grain[2] = float((f[:, 0] * f[:, 1] * f[:, 2] * f[:, 4] * f[:, 5] * f[:, 9]).max())
    outputs = g * n * k * p * q
    kernel_reads = 1.0 if spec.stationary == "rows" else r * s
    plane = shape.plane[0] * shape.plane[1] if spec.stationary == "rows" else p * q
    fill = 0.0
    if spec.systolic and spec.weights_double_buffered and spec.stationary != "outputs":
        fill = spec.rows + spec.columns - 2.0 + spec.weight_load_cycles
    elif spec.systolic and spec.stationary != "outputs":
        fill = -1.0
    return np.array(
        [
            shape.in_width, shape.weight_width * r * s, shape.out_width, shape.acc_width,
            shape.in_width * g * c, shape.weight_width * g * k * c * r * s, outputs,
            2.0 if spec.double_buffered else 1.0,
            grain[0] * shape.in_width, grain[1] * shape.weight_width, grain[2] * max(shape.out_width, shape.acc_width),
            spec.accumulator_bytes, spec.link_bytes_per_cycle, spec.port_bytes_per_cycle, fill / spec.rate,
            shape.in_width * g * n * c * plane * kernel_reads, shape.weight_width * g * k * c * r * s,
            outputs * shape.out_width, outputs * 2.0 * shape.acc_width, 0.0,
        ]
    )  # fmt: skip


def _rules(spec: ArraySpec) -> Ints:
    """Feed rules of the stationarity (inputs, weights, partial outputs) and what shares the SRAM; see `on_chip_cycles`."""
    feeds = {"weights": (0, 1, 1), "outputs": (0, 0, 2), "inputs": (1, 0, 1), "rows": (0, 1, 1)}[spec.stationary]
    held = tuple(int(word in spec.holds) for word in ("inputs", "weights", "outputs"))
    partial = 0 if spec.accumulator_bytes > 0 else feeds[2]
    return np.array([feeds[0], feeds[1], partial, *held], dtype=np.int64)


def build_tables(shape: Shape, spec: ArraySpec) -> Tables:
    """All candidate tables of a layer on an array."""
    units = unrollings(shape.extents, spec)
    group, axis_k, axis_c = (axis.table() for axis in _axes(shape, spec, units))
    pixel, tiles = _Pixels.of(shape, spec, units).table()
    group = _group_tiles(group)
    numbers = _numbers(shape, spec, units)
    numbers[kernels.LEAST] = _least(group, pixel, axis_k, axis_c, len(units.factors), numbers)
    return Tables(group, pixel, axis_k, axis_c, tiles, units, numbers, _rules(spec))


def one_tile(shape: Shape, spec: ArraySpec, tile: dict[str, int]) -> Tables:
    """The tables of one tiling, sizes g n k c p q. OptionError for a missing, unknown or impossible size."""
    if set(tile) != set(TILE_LOOPS):
        raise OptionError(f"tile: loops must be {' '.join(TILE_LOOPS)}, got {' '.join(sorted(tile)) or 'none'}")
    for loop, extent in zip(TILE_LOOPS, shape.extents, strict=False):
        if not 1 <= tile[loop] <= extent:
            raise OptionError(f"tile.{loop}: must be from 1 to {extent}, got {tile[loop]}")
    units = unrollings(shape.extents, spec)
    axes = _axes(shape, spec, units)
    group, axis_k, axis_c = (axis.row(tile[loop]) for axis, loop in zip(axes, "gkc", strict=True))
    pixel, tiles = _Pixels.of(shape, spec, units).row(tile["n"], tile["p"], tile["q"])
    return Tables(group, pixel, axis_k, axis_c, tiles, units, _numbers(shape, spec, units), _rules(spec))


def _group_tiles(table: Floats) -> Floats:
    """Group tiles worth trying: every loop over operands depends on the groups, so only steps speak for a larger one."""
    rows: list[int] = []
    for row in range(len(table) - 1, -1, -1):
        if not any((table[other, 2:] <= table[row, 2:]).all() for other in rows):
            rows.append(row)
    return np.ascontiguousarray(table[rows])


def _least(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, count: int, numbers: Floats) -> float:
    """No tiling takes fewer on-chip cycles: the best unrolling with the best tile of each axis."""
    best = group[:, 3::2].min(axis=0) * axis_k[:, 3::2].min(axis=0) * axis_c[:, 3::2].min(axis=0) * pixel[:, 9::2].min(axis=0)
    return float(best[:count].min()) + float(numbers[kernels.FILL])
