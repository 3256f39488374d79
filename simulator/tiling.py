"""The frontier of a layer: all tilings worth considering, for one array and one set of resident operands.

Traffic, footprint and on-chip cycles of a tiling follow docs/model.md; the searches are in `kernels.frontier`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.kernels import frontier as kernels
from simulator.kernels import tables
from simulator.unrolling import ArraySpec, Unrollings, unrollings

ORDERS = ("CKNPQ", "CKNQP", "NPCQK", "NQCPK", "NQPKC")
"""Loop orders over tiles, outermost first. Tests compare with all 120."""

INPUTS, WEIGHTS, OUTPUTS = 1, 2, 4
"""Bits of a set of resident operands."""

_LETTERS = "NKCPQ"
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def positions(order: str) -> Ints:
    """Place of the loops N, K, C, P, Q in `order`, outermost 0."""
    return np.array([order.index(letter) for letter in _LETTERS], dtype=np.int64)


_ORDERS = np.array([positions(order) for order in ORDERS])


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
class Frontier:
    """Non-dominated tilings, by rising footprint. Arrays of one length; `bytes_` counts outer-memory traffic. [B, B, cycle]"""

    footprint: Floats
    bytes_: Floats
    cycles: Floats
    codes: Ints

    def __len__(self) -> int:
        return len(self.footprint)


def _fold_costs(spec: ArraySpec) -> tuple[Floats, int]:
    """([load, overhead, hidden] of a fold, streaming axis: 0 pixels, 1 K, 2 C, 3 none).

    Systolic arrays fill and drain in rows + columns - 2 cycles a fold; stationary operands enter row by row. Where the
    array holds two sets, the next fold follows at once and the array fills and drains once a layer (see `numbers`).
    """
    fill = spec.rows + spec.columns - 2.0 if spec.systolic else 0.0
    load = spec.weight_load_cycles
    if spec.stationary == "outputs":
        return np.array([0.0, fill, 0.0]), 2
    axis = {"weights": 0, "inputs": 1, "rows": 0}[spec.stationary]
    if spec.weights_double_buffered:
        return np.array([load, 0.0, 1.0]), axis
    return np.array([load, fill, 0.0]), axis


def _axis(extent: int, inner: int, outer: list[float], units: list[int], fold: Floats | None, full: bool) -> Floats:
    table = np.empty((extent + 1, 2 + 2 * len(units)))
    load, overhead, hidden = fold if fold is not None else (0.0, 0.0, 0.0)
    rows = tables.axis_table(
        extent, inner, np.array(outer), np.array(units, dtype=np.int64), fold is not None, float(load), float(overhead),
        bool(hidden), full, table,
    )  # fmt: skip
    return np.ascontiguousarray(table[:rows])


def _pixels(shape: Shape, units: Unrollings, spec: ArraySpec, fold: Floats | None) -> tuple[Floats, Ints]:
    _, n, k, _, p, q, r, s = shape.extents
    factors = units.factors
    flat = factors[:, 9] if units.flat_pixels else np.zeros(len(factors), dtype=np.int64)
    unit = np.ascontiguousarray(np.stack([factors[:, 1], factors[:, 4], factors[:, 5], flat], axis=1))
    cut = bool((unit[:, 1:] > 1).any())
    every = np.array([bool((unit[:, 0] > 1).any()), cut, cut], dtype=np.int64)
    geometry = np.array(
        [
            [p, shape.stride[0], shape.dilation[0], r, shape.padding[0], shape.plane[0]],
            [q, shape.stride[1], shape.dilation[1], s, shape.padding[1], shape.plane[1]],
        ],
        dtype=np.int64,
    )
    longest = np.zeros(len(factors), dtype=np.int64)
    if spec.accumulator_bytes > 0 and spec.stationary in ("weights", "rows"):
        per_step = factors[:, 0] * factors[:, 1] * factors[:, 2] * factors[:, 4] * factors[:, 5] * factors[:, 9]
        longest = np.maximum(1, (spec.accumulator_bytes / shape.acc_width // per_step).astype(np.int64))
    room = _room(n, bool(every[0])) * _room(p, cut) * _room(q, cut) + 1
    table = np.empty((room, 8 + 2 * len(factors)))
    tiles = np.empty((room, 3), dtype=np.int64)
    scratch = (
        np.empty(max(shape.plane), dtype=np.int64),
        np.empty((p + 1, 3)),
        np.empty((q + 1, 3)),
        np.empty(n + 1, dtype=np.int64),
        np.empty(p + 1, dtype=np.int64),
        np.empty(q + 1, dtype=np.int64),
    )
    extents = np.array([n, p, q], dtype=np.int64)
    cost = fold if fold is not None else np.zeros(3)
    rows = tables.pixel_table(
        extents, geometry, unit, fold is not None, cost, longest, every, scratch, tiles, table
    )
    return np.ascontiguousarray(table[:rows]), np.ascontiguousarray(tiles[:rows])


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


def build_tables(shape: Shape, spec: ArraySpec, tile: dict[str, int] | None = None) -> Tables:
    """Candidate tables of a layer; with `tile` (sizes g n k c p q) only that one tile, for checking a single tiling."""
    units = unrollings(shape.extents, spec)
    g, _, k, c, _, _, r, s = shape.extents
    factors = units.factors
    cost, axis = _fold_costs(spec)
    ones = [1.0] * len(factors)
    group = _axis(g, 1, [1.0 / spec.rate] * len(factors), [int(x) for x in factors[:, 0]], None, True)
    axis_k = _axis(k, 1, ones, [int(x) for x in factors[:, 2]], cost if axis == 1 else None, True)
    if units.flat_reduction:
        inner, outer, unit = r * s, ones, [int(x) for x in factors[:, 8]]
    else:
        inner, unit = 1, [int(x) for x in factors[:, 3]]
        outer = [float(-(-r // int(f[6])) * -(-s // int(f[7]))) for f in factors]
    axis_c = _axis(c, inner, outer, unit, cost if axis == 2 else None, True)
    pixel, tiles = _pixels(shape, units, spec, cost if axis == 0 else None)
    if tile is not None:
        raise NotImplementedError
    numbers = _numbers(shape, spec, units)
    group = _group_tiles(group)
    numbers[kernels.LEAST] = _least(group, pixel, axis_k, axis_c, len(factors), numbers)
    feeds = {"weights": (0, 1, 1), "outputs": (0, 0, 2), "inputs": (1, 0, 1), "rows": (0, 1, 1)}[spec.stationary]
    held = tuple(int(word in spec.holds) for word in ("inputs", "weights", "outputs"))
    partial = 0 if spec.accumulator_bytes > 0 else feeds[2]
    rules = np.array([feeds[0], feeds[1], partial, *held], dtype=np.int64)
    return Tables(group, pixel, axis_k, axis_c, tiles, units, numbers, rules)


def _group_tiles(table: Floats) -> Floats:
    """Group tiles worth trying: every loop over operands depends on the groups, so only steps speak for a larger one."""
    rows: list[int] = []
    for row in range(len(table) - 1, -1, -1):
        if not any((table[other, 2:] <= table[row, 2:]).all() for other in rows):
            rows.append(row)
    return np.ascontiguousarray(table[rows])


def _least(group: Floats, pixel: Floats, axis_k: Floats, axis_c: Floats, count: int, numbers: Floats) -> float:
    """No tiling takes fewer on-chip cycles: the best unrolling with the best tile of each axis."""
    folds = [t[:, 3 + 2 * u].min() for u in range(count) for t in (group, axis_k, axis_c)]
    pixels = [pixel[:, 9 + 2 * u].min() for u in range(count)]
    least = min(folds[3 * u] * folds[3 * u + 1] * folds[3 * u + 2] * pixels[u] for u in range(count))
    return float(least) + float(numbers[kernels.FILL])


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0, built: Tables | None = None) -> Frontier:
    """Every non-dominated tiling of a layer with the operands of `resident` (bits INPUTS, WEIGHTS, OUTPUTS) in SRAM."""
    built = built or build_tables(shape, spec)
    found, codes = _survivors(built, resident)
    order = np.lexsort((found[:, 2], found[:, 1], found[:, 0]))
    out, out_codes = np.empty_like(found), np.empty_like(codes)
    kept = kernels.keep_best(found, order, codes, np.empty((len(found) + 1, 2)), out, out_codes)
    return Frontier(out[:kept, 0].copy(), out[:kept, 1].copy(), out[:kept, 2].copy(), out_codes[:kept].copy())


def _survivors(built: Tables, resident: int) -> tuple[Floats, Ints]:
    room = 1 << 16
    while True:
        found, codes = np.empty((room, 3)), np.empty(room, dtype=np.int64)
        scratch: tuple[Any, ...] = (
            np.empty((kernels.LEVELS, kernels.BINS)),
            found,
            codes,
            *(np.empty(len(table) + 1, dtype=np.int64) for table in (built.pixel, built.axis_k, built.axis_c)),
            np.zeros(8, dtype=np.int64),
            np.zeros(3, dtype=np.int64),
        )
        count = kernels.enumerate_tilings(
            (built.group, built.pixel, built.axis_k, built.axis_c), built.rows, _ORDERS, resident, built.units.copies,
            built.numbers, built.rules, scratch,
        )  # fmt: skip
        if count <= room:
            return found[:count], codes[:count]
        room = count
