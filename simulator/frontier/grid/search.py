"""The frontier of a layer: all tilings that no other beats, for one array and one set of resident operands.

Traffic, footprint and on-chip cycles of a tiling follow docs/model.md; the searches are in `kernels.grid_search`.
`decode` and `breakdown` say what a point of a frontier is and what its cycles consist of.
"""

import functools
import math
import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.errors import OptionError
from simulator.frontier.grid.candidates import Tables, build_tables, one_tile
from simulator.frontier.grid.points import breakdowns, stack
from simulator.frontier.grid.unrolling import Floats, Ints
from simulator.kernels import grid_best as best
from simulator.kernels import grid_envelope as envelopes
from simulator.kernels import grid_layout as layout
from simulator.kernels import grid_lists as listing
from simulator.kernels import grid_search as kernels
from simulator.kernels import grid_tiling as onetile
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.grid_front import blocks_of
from simulator.kernels.grid_layout import Rules
from simulator.kernels.grid_points import ARRAY, INTERCONNECT, SRAM
from simulator.kernels.layout import BYTES, CYCLES, FOOTPRINT
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

INPUTS, WEIGHTS, OUTPUTS = layout.HAS_INPUTS, layout.HAS_WEIGHTS, layout.HAS_OUTPUTS
VALUES = 8
"""Bits of a set of resident operands; values are the third of attention."""

ROOM = 1 << 18
"""Rows of lists of tiles that stay for the next search of a layer, where it has many unrollings; unused ones take no memory."""

_LETTERS = "NKCPQ"


def positions(order: str) -> Ints:
    """Place of the loops N, K, C, P, Q in `order`, outermost 0. OptionError if it does not name each once."""
    if sorted(order) != sorted(_LETTERS):
        raise OptionError(f"order: must name each of {' '.join(_LETTERS)} once, got {order!r}")
    return np.array([order.index(letter) for letter in _LETTERS], dtype=np.int64)


@dataclass(frozen=True)
class Frontier:
    """Non-dominated tilings, arrays of one length: SRAM, outer traffic, on-chip time. [B, B, cycle]

    By rising `rooms`: those from which on a tiling is offered. They are the footprints, but up to a floor that of the smallest
    tiling of the layer: footprints are not told apart there. So nothing is missing from any room; but what is offered in one
    below the floor may need more.
    """

    footprint: Floats
    bytes_: Floats
    cycles: Floats
    codes: Ints
    rooms: Floats

    def __len__(self) -> int:
        return len(self.footprint)


def frontier(
    shape: Shape, spec: ArraySpec, resident: int = 0, built: Tables | None = None, floor: float = NO_FLOOR
) -> Frontier:
    """Every non-dominated tiling of a layer with some operands resident (bits INPUTS, WEIGHTS, OUTPUTS).

    floor: a power of two, up to which footprints are not told apart. [B]
    Of a layer whose steps run one after another, the weights may also come in once and stay for all of them; it has no floor.
    """
    built = built or build_tables(shape, spec)
    holds = shape.holds_weights and not resident & WEIGHTS and "weights" in spec.holds
    found = _search(spec, resident, built, NO_FLOOR if holds else floor)
    if holds:
        return _merged(found, _held(shape, spec, _search(spec, resident | WEIGHTS, built), built))
    return found


def _held(shape: Shape, spec: ArraySpec, found: Frontier, built: Tables) -> Frontier:
    """The points of a frontier with resident weights, where these come in at the first step and leave after the last."""
    weights = built.numbers.all_weights / shape.steps
    bytes_ = found.bytes_ + weights
    rows = breakdowns(stack([shape], spec, [built]), np.zeros(len(found), dtype=np.int64), found.codes, bytes_)
    cycles = np.maximum(rows[:, ARRAY], np.maximum(rows[:, INTERCONNECT], rows[:, SRAM]))
    return Frontier(found.footprint + weights, bytes_, cycles, found.codes, found.footprint + weights)


def _merged(first: Frontier, second: Frontier) -> Frontier:
    """The points of two frontiers that no other beats, by rising footprint; of equals the first."""
    columns = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("footprint", "bytes_", "cycles", "codes")
    )
    footprint, bytes_, cycles, codes = columns
    order = np.lexsort((cycles, bytes_, footprint))
    kept: list[int] = []
    for at in order.tolist():
        if not (kept and ((bytes_[kept] <= bytes_[at]) & (cycles[kept] <= cycles[at])).any()):
            kept.append(at)
    return Frontier(footprint[kept], bytes_[kept], cycles[kept], codes[kept], footprint[kept])


def _search(spec: ArraySpec, resident: int, built: Tables, floor: float = NO_FLOOR) -> Frontier:
    """Every non-dominated tiling of the tables of a layer."""
    scratch = _scratch(built, 0)
    feeds = not math.isinf(spec.link_bytes_per_cycle) or not math.isinf(spec.port_bytes_per_cycle)
    plan = _plan(resident, len(built.axis_c) > 1, (feeds, built.numbers.widening > 0.0), built.rules)
    bins = envelopes.bins_of(floor, built.rules.last_bin)
    while True:
        found = scratch.of(built)
        kernels.search(built.layer, plan, resident, bins, found.known, found.lists, scratch.keep)
        count = int(scratch.keep.found.item())
        if count <= len(scratch.keep.codes):
            break
        scratch = _scratch(built, count)
    kept = best.keep_best(scratch.keep, built.numbers.least, bins, scratch.sorting, scratch.out, scratch.out_codes)
    out = scratch.out[:kept].T.copy()
    footprint = rooms = out[FOOTPRINT]
    if floor > 0.0:
        rooms = np.where(footprint <= floor, onetile.least_footprint(built.layer, resident), footprint)
    return Frontier(footprint, out[BYTES], out[CYCLES], scratch.out_codes[:kept].copy(), rooms)


@functools.lru_cache(maxsize=4096)
def _plan(resident: int, cuts_c: bool, limits: tuple[bool, bool], rules: Rules) -> Ints:
    """Forms of traffic to search and what matters in each: the `plan` of `kernels.search`.

    A form is left out where another has its bytes and no larger footprint: see docs/model.md. limits: whether there is one to
    what is fed, and whether weights are widened as they enter.
    """
    feeds, widens = limits
    moves_in, moves_wt, moves_out = (not resident & bit for bit in (INPUTS, WEIGHTS, OUTPUTS))
    merged, keeps, by_trips = bool(rules.merged), bool(rules.keeps), rules.resets > 1
    holds_in, holds_weights, holds_out = (
        feeds and bool(holds) for holds in (rules.holds_in, rules.holds_weights, rules.holds_out)
    )
    first, second, third, passing = kernels.OUTPUT_FIRST, kernels.INPUT_FIRST, kernels.WEIGHT_FIRST, kernels.PASSING
    whole = {
        first: False, second: True, third: moves_wt or merged, passing: moves_in and not merged,
    }  # fmt: skip
    cut = {
        first: True,
        second: moves_out and moves_in,
        third: moves_out and (moves_wt or not moves_in),
        passing: moves_out and moves_in and moves_wt and not merged,
    }
    plan = []
    for form in (first, second, third, passing):
        if not (whole[form] or (cut[form] and cuts_c)):
            continue
        shared = listing.UNSHARED if form in (first, passing) else listing.SHARED
        plan.append(
            [
                form, whole[form], cut[form] and cuts_c,
                moves_in and form != passing, moves_out or form == first,
                by_trips or (moves_wt and form in (first, second)),
                shared if moves_in else 0, holds_weights or widens,
                moves_wt or moves_out or form == first, moves_in and form != second, holds_in,
                moves_in or moves_wt, (moves_out and form != first) or (holds_out and keeps),
                holds_out and (not keeps or bool(rules.resets)),
            ]
        )  # fmt: skip
    return np.array(plan, dtype=np.int64)


class _OfTables(NamedTuple):
    """What searches of the same tables share: what is known of pairs of tiles, and lists (`kernels.search`)."""

    known: npt.NDArray[np.int8]
    lists: listing.Lists


class _Scratch:
    """Arrays that searches write to, kept from one search to the next: fresh pages cost more than a small search."""

    def __init__(self, room: int, pixels: int, axis: int) -> None:
        self.room, self.pixels, self.axis = room, pixels, axis
        self.lists = listing.Lists(
            pixels=np.empty((max(16 * pixels, ROOM), 8)),
            axes=np.empty((max(16 * axis, ROOM), 6)),
            bounds=np.empty((blocks_of(pixels), listing.TILE_JUDGED)),
            scratch=np.empty(axis, dtype=np.int64),
            where=np.empty((0, 2), dtype=np.int64),
            used=np.zeros(2, dtype=np.int64),
            present=np.zeros((3, 2), dtype=np.int64),
        )
        self.keep = envelopes.Survivors(
            envelope=np.empty((envelopes.LEVELS + 1, envelopes.APART)),
            nearby=np.empty((envelopes.LEVELS, envelopes.APART, 3)),
            points=np.empty((room, 3)),
            codes=np.empty(room, dtype=np.int64),
            found=np.zeros(1, dtype=np.int64),
        )
        order, stay, place = (np.empty(room, dtype=np.int64) for _ in range(3))
        self.sorting = best.Sorting(
            order, np.empty(4 * envelopes.BINS + 1, dtype=np.int64), stay, place, np.empty((room + 1, 2))
        )
        self.out, self.out_codes = np.empty((room, 3)), np.empty(room, dtype=np.int64)
        self._known = np.zeros(1, dtype=np.int8)
        self._owner: Tables | None = None

    def of(self, built: Tables) -> _OfTables:
        """What is known of these tables: nothing, the first time."""
        if self._owner is not built:
            units = len(built.units.copies)
            size = units * len(built.pixel) * len(built.axis_k) if units > 1 else 1
            if len(self._known) < size:
                self._known = np.empty(size, dtype=np.int8)
            self._known[:size] = kernels.NOT_ASKED
            self.lists = self.lists._replace(where=np.full((listing.SLOTS * units, 2), -1, dtype=np.int64))
            self.lists.used[:] = 0
            self._owner = built
        return _OfTables(self._known, self.lists)


_own = threading.local()


def _scratch(built: Tables, room: int) -> _Scratch:
    """This thread's scratch, with room for the lists of these tables and for at least `room` survivors."""
    pixels, axis = len(built.pixel), 2 * max(len(built.axis_k), len(built.axis_c)) + 4
    scratch: _Scratch | None = getattr(_own, "scratch", None)
    if scratch is None or scratch.room < room or scratch.pixels < pixels or scratch.axis < axis:
        had = (0, 0, 0) if scratch is None else (scratch.room, scratch.pixels, scratch.axis)
        scratch = _own.scratch = _Scratch(
            max(room, 1 << 16, had[0]), max(pixels, 1024, had[1]), max(axis, 1024, had[2])
        )
    return scratch


def tile_cost(
    shape: Shape, spec: ArraySpec, tile: dict[str, int], order: str, stream: int = -1, resident: int = 0
) -> tuple[float, float, float]:
    """(footprint [B], outer-memory bytes, on-chip cycles of the best unrolling) of one given tiling.

    tile: sizes g n k c p q. order: the five tile loops inside the groups, outermost first, any of the 120. stream:
    -1 none, 0 inputs, 1 weights, 2 outputs. Bytes and cycles are infinite where resident outputs would leave
    unfinished.
    """
    if not -1 <= stream <= 2:
        raise OptionError(f"stream: must be -1 (none), 0, 1 or 2, got {stream}")
    built = one_tile(shape, spec, tile)
    at = layout.Tile(0, 0, 0, 0)
    footprint, total = onetile.tiling_cost(built.layer, at, positions(order), stream, resident)
    return float(footprint), float(total), float(onetile.on_chip_cycles(built.layer, at, total))
