"""The frontier of a layer: all tilings that no other beats, for one array and one set of resident operands.

Traffic, footprint and on-chip cycles of a tiling follow docs/model.md; the searches are in `kernels.frontier`.
`decode` and `breakdown` say what a point of a frontier is and what its cycles consist of.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.candidates import Floats, Ints, Shape, Tables, build_tables, fold_costs, one_tile
from simulator.errors import OptionError
from simulator.kernels import frontier as kernels
from simulator.kernels import onetile, parts
from simulator.unrolling import LOOPS, ArraySpec

__all__ = [
    "INPUTS", "ORDERS", "OUTPUTS", "WEIGHTS", "ArraySpec", "Frontier", "OnChip", "Shape", "Stack", "Tables", "breakdown",
    "breakdowns", "build_tables", "decode", "frontier", "stack", "tile_cost", "tile_sizes", "words",
]  # fmt: skip

ORDERS = ("CKNPQ", "CKNQP", "NPCQK", "NQCPK", "NQPKC")
"""Loop orders over tiles, outermost first. Tests compare with all 120."""

INPUTS, WEIGHTS, OUTPUTS = 1, 2, 4
"""Bits of a set of resident operands."""

STREAMED = (None, "inputs", "weights", "outputs")
"""The streamed operand by number of stream + 1."""

_LETTERS = "NKCPQ"


def positions(order: str) -> Ints:
    """Place of the loops N, K, C, P, Q in `order`, outermost 0. OptionError if it does not name each once."""
    if sorted(order) != sorted(_LETTERS):
        raise OptionError(f"order: must name each of {' '.join(_LETTERS)} once, got {order!r}")
    return np.array([order.index(letter) for letter in _LETTERS], dtype=np.int64)



@dataclass(frozen=True)
class Frontier:
    """Non-dominated tilings, by rising footprint. Arrays of one length; `bytes_` counts outer-memory traffic. [B, B, cycle]"""

    footprint: Floats
    bytes_: Floats
    cycles: Floats
    codes: Ints

    def __len__(self) -> int:
        return len(self.footprint)


@dataclass(frozen=True, slots=True)
class OnChip:
    """What the on-chip cycles of one tiling consist of. [cycle], `feed_bytes` [B]

    array = ideal + edges + fill_drain + weight_loading; the tiling takes the largest of array, interconnect and sram.
    """

    array: float
    ideal: float
    edges: float
    fill_drain: float
    weight_loading: float
    interconnect: float
    sram: float
    feed_bytes: float


def frontier(shape: Shape, spec: ArraySpec, resident: int = 0, built: Tables | None = None) -> Frontier:
    """Every non-dominated tiling of a layer with the operands of `resident` (bits INPUTS, WEIGHTS, OUTPUTS) in SRAM."""
    built = built or build_tables(shape, spec)
    scratch = _scratch(0)
    while True:
        lists = tuple(np.empty((len(table) + 1, 8)) for table in (built.pixel, built.axis_k, built.axis_c, built.axis_c))
        count = kernels.search(
            built.group, built.pixel, built.axis_k, built.axis_c, built.rows, resident, built.units.copies, built.numbers,
            built.rules, lists, scratch.small, scratch.envelope, scratch.nearby, scratch.found, scratch.codes,
        )  # fmt: skip
        if count <= len(scratch.codes):
            break
        scratch = _scratch(count)
    kept = kernels.keep_best(
        scratch.found, scratch.codes, count, scratch.envelope, built.numbers[kernels.LEAST], scratch.order, scratch.ends,
        scratch.stair, scratch.out, scratch.out_codes,
    )  # fmt: skip
    footprint, bytes_, cycles = scratch.out[:kept].T.copy()
    return Frontier(footprint, bytes_, cycles, scratch.out_codes[:kept].copy())


class _Scratch:
    """Arrays that searches write to, kept from one search to the next: fresh pages cost more than a small search."""

    def __init__(self, room: int) -> None:
        self.small = np.zeros(16, dtype=np.int64)
        self.envelope = np.empty((kernels.LEVELS + 1, kernels.BINS))
        self.nearby = np.empty((kernels.LEVELS, kernels.BINS, 3))
        self.ends = np.empty(4 * kernels.BINS + 1, dtype=np.int64)
        self.found, self.codes = np.empty((room, 3)), np.empty(room, dtype=np.int64)
        self.order, self.stair = np.empty(room, dtype=np.int64), np.empty((room + 1, 2))
        self.out, self.out_codes = np.empty((room, 3)), np.empty(room, dtype=np.int64)


_own = threading.local()


def _scratch(room: int) -> _Scratch:
    """This thread's scratch, with room for at least `room` survivors."""
    scratch: _Scratch | None = getattr(_own, "scratch", None)
    if scratch is None or len(scratch.codes) < room:
        scratch = _own.scratch = _Scratch(max(room, 1 << 16))
    return scratch


def tile_cost(
    shape: Shape, spec: ArraySpec, tile: dict[str, int], order: str, stream: int = -1, resident: int = 0
) -> tuple[float, float, float]:
    """(footprint [B], outer-memory bytes, on-chip cycles of the best unrolling) of one given tiling.

    tile: sizes g n k c p q. order: the five tile loops inside the groups, outermost first, any of the 120. stream: -1 none,
    0 inputs, 1 weights, 2 outputs. Bytes and cycles are infinite where resident outputs would leave unfinished.
    """
    if not -1 <= stream <= 2:
        raise OptionError(f"stream: must be -1 (none), 0, 1 or 2, got {stream}")
    built = one_tile(shape, spec, tile)
    where = (built.group, 0, built.pixel, 0, built.axis_k, 0, built.axis_c, 0)
    footprint, total = onetile.tiling_cost(*where, positions(order), stream, resident, built.numbers)
    cycles, _ = onetile.on_chip_cycles(*where, built.units.copies, built.numbers, built.rules, total)
    return float(footprint), float(total), float(cycles)


@dataclass(frozen=True)
class Stack:
    """Tables of many layers behind each other, so that one kernel call reads points of all of them."""

    tables: tuple[Floats, Floats, Floats, Floats, Floats]
    starts: Ints
    rows: Ints
    tiles: Ints
    numbers: Floats
    rules: Ints
    layer: Floats


def stack(shapes: Sequence[Shape], spec: ArraySpec, built: Sequence[Tables]) -> Stack:
    """Lay the tables of several layers behind each other; layer i of `breakdowns` is shapes[i] with built[i]."""
    kinds = [[t.group, t.pixel, t.axis_k, t.axis_c, t.units.copies] for t in built]
    flat = tuple(np.concatenate([row[at].ravel() for row in kinds]) for at in range(5))
    lengths = np.array([[table.size for table in row] for row in kinds], dtype=np.int64)
    rows = np.array([[len(table) for table in row] for row in kinds], dtype=np.int64)
    tiles = np.concatenate([t.pixel_tiles for t in built])
    cost, streams = fold_costs(spec)
    fixed = [spec.rate * spec.rows * spec.columns * spec.count, cost[0], cost[1], cost[2], float(streams), spec.rate]
    layer = np.array([[float(shape.macs), *fixed] for shape in shapes])
    return Stack(
        flat,  # type: ignore[arg-type]
        np.cumsum(lengths, axis=0) - lengths,
        rows,
        tiles,
        np.stack([t.numbers for t in built]),
        np.stack([t.rules for t in built]),
        layer,
    )


def breakdowns(stacked: Stack, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of many points, float64[points, 8] in the order of `OnChip`.

    layers: place in the stack of each point. codes, outer_bytes: of its frontier.
    """
    out = np.empty((len(codes), 8))
    parts.breakdown_rows(
        *stacked.tables, stacked.starts, stacked.rows, stacked.numbers, stacked.rules, stacked.layer, layers, codes,
        outer_bytes, out,
    )  # fmt: skip
    return out


def tile_sizes(stacked: Stack, layers: Ints, codes: Ints) -> Ints:
    """What many points are, int64[points, 9]: sizes g n k c p q, number of the order, stream (-1 none), unrolling."""
    out = np.empty((len(codes), 9), dtype=np.int64)
    parts.decode_rows(*stacked.tables[:4], stacked.tiles, stacked.starts, stacked.rows, layers, codes, out)
    return out


def breakdown(shape: Shape, spec: ArraySpec, code: int, outer_bytes: float = 0.0, built: Tables | None = None) -> OnChip:
    """On-chip cycles of one point of a frontier, by cause. outer_bytes: its traffic, which passes the SRAM ports too."""
    stacked = stack([shape], spec, [built or build_tables(shape, spec)])
    row = breakdowns(stacked, np.zeros(1, dtype=np.int64), np.array([code]), np.array([outer_bytes]))
    return OnChip(*(float(value) for value in row[0]))


def decode(shape: Shape, spec: ArraySpec, code: int, built: Tables | None = None) -> dict[str, Any]:
    """What a point of a frontier is: `tile` (sizes), `order`, `streamed` (None or the operand), `unrolling` (word: factor)."""
    built = built or build_tables(shape, spec)
    row = tile_sizes(stack([shape], spec, [built]), np.zeros(1, dtype=np.int64), np.array([code]))[0]
    return words(built, row)


def words(built: Tables, row: Ints) -> dict[str, Any]:
    """One row of `tile_sizes` in words; see `decode`."""
    factors = built.units.factors[row[8]]
    return {
        "tile": dict(zip("gnkcpq", (int(size) for size in row[:6]), strict=True)),
        "order": ORDERS[row[6]],
        "streamed": STREAMED[row[7] + 1],
        "unrolling": {word: int(f) for word, f in zip(LOOPS, factors, strict=True) if f > 1},
    }
