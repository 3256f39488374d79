"""The frontiers of all layers of a network behind each other, as the programmes read them; kept on disk as a whole.

A run that finds its pack on disk reads one file: it builds no candidate tables, no frontiers and no staircases. What a pack has
in common with the last one that began with the same layer, as tokens of a language model behind other contexts have most, is
taken from there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier import array
from simulator.frontier.grid.points import FlatTables, Stack
from simulator.frontier.grid.search import Frontier
from simulator.frontier.kept import Place, frontiers
from simulator.kernels import stairs as kernels
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.layout import BYTES, CYCLES, FOOTPRINT, Net
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.progress import each
from simulator.store import disk
from simulator.store.memory import Memory

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MARK = kernels.MARK
LONGEST = 4096
"""More points than any staircase in bytes and cycles has (a few dozen); beyond it `mark` would need more room."""

WORTH_KEEPING_S = 0.05
"""A pack that takes less to build is not written to disk. [s]"""

MOST_BYTES = 32 * 2**20
"""Packs that others are built from; those used longest ago go. [B]"""

Lookup = Callable[[Shape, ArraySpec, int], Frontier]


class Marked(NamedTuple):
    """What queries of frontiers start from, as `layout.Net` has it beside the points."""

    life: Floats
    heads: Floats
    blocks: Ints
    marks: Ints


@dataclass(frozen=True)
class Pack:
    """Frontiers of several places behind each other.

    points: float64[points, 3], rooms from which on they are offered, bytes and cycles; codes and footprints beside. bounds: where
    each place begins, and the end.
    life, heads, blocks, marks: what queries start from (`kernels.stairs.mark`). stack: tables to read codes with.
    """

    points: Floats
    codes: Ints
    footprints: Floats
    bounds: Ints
    life: Floats
    heads: Floats
    blocks: Ints
    marks: Ints
    stack: Stack
    name: str = ""
    """Of its file on disk, if such packs are kept."""


class Rows(NamedTuple):
    """Frontiers behind each other: points, codes, footprints and bounds as of a pack, and what queries start from."""

    points: Floats
    codes: Ints
    footprints: Floats
    bounds: Ints
    marked: Marked

    def one(self, number: int) -> "Rows":
        """One of them, whose rows and marks are counted from 0."""
        (row, end), sizes = self.bounds[number : number + 2].tolist(), blocks_of(self.bounds[: number + 2])
        own = slice(int(sizes[:-1].sum()), int(sizes.sum()))
        life, heads, blocks, marks = self.marked
        begins = blocks[own]
        marked = Marked(life[row:end], heads[own], begins - begins[0], marks[begins[0] : begins[-1]] - row)
        points, codes, footprints = self.points[row:end], self.codes[row:end], self.footprints[row:end]
        return Rows(points, codes, footprints, np.array([0, end - row]), marked)


class Recent(NamedTuple):
    """The rows of a pack, and at which place of it each frontier is."""

    rows: Rows
    numbers: dict[Place, int]


_recent: Memory[tuple[ArraySpec, Shape, float], Recent] = Memory(MOST_BYTES)
"""Of the last pack of an array, by the first of its layers and the floor."""

_OUTER = tuple(field.name for field in fields(Pack) if field.name not in ("stack", "name"))
"""Arrays of a pack beside its stack."""


def pack_of(
    places: Sequence[Place],
    shapes: Sequence[Shape],
    spec: ArraySpec,
    lookup: Lookup | None = None,
    floor: float = NO_FLOOR,
) -> Pack:
    """The pack of some places, from disk where it is there. shapes: the layers of the stack; lookup: another source of
    frontiers, of which nothing is kept. floor: as of `grid.search.frontier`.
    """
    if lookup is not None:
        return _build(shapes, spec, [lookup(shape, spec, mask) for shape, mask in each(places)])
    if not array.model_of(spec).keeps:  # a few points a layer
        return pack_of(places, shapes, spec, frontiers.get)
    if not places:
        return _build(shapes, spec, [])
    asked = tuple((shapes.index(shape), mask) for shape, mask in places)
    name = disk.name_of("pack", spec, tuple(shapes), asked, floor)
    kept, key = disk.load(name), (spec, shapes[0], floor)
    found = None if kept is None else _unpacked(kept, name)
    if found is None:
        begin = time.perf_counter()
        rows, new = _rows_of(places, spec, floor, _recent.get(key))
        found = replace(_laid_out(rows, shapes, spec), name=name)
        # What differs from a pack of before in a few frontiers is soon built again.
        if time.perf_counter() - begin > WORTH_KEEPING_S and 2 * new > len(rows.points):
            disk.save(name, _packed(found))
    marked = Marked(found.life, found.heads, found.blocks, found.marks)
    rows = Rows(found.points, found.codes, found.footprints, found.bounds, marked)
    _recent.put(key, Recent(rows, {place: number for number, place in enumerate(places)}))
    return found


def _build(shapes: Sequence[Shape], spec: ArraySpec, parts: Sequence[Frontier]) -> Pack:
    return _laid_out(marked(parts), shapes, spec)


def _laid_out(rows: Rows, shapes: Sequence[Shape], spec: ArraySpec) -> Pack:
    return Pack(*rows[:-1], *rows.marked, array.model_of(spec).tables(shapes, spec))


def _rows_of(places: Sequence[Place], spec: ArraySpec, floor: float, recent: Recent | None) -> tuple[Rows, int]:
    """The frontiers of some places, those that a recent pack has from there; how many points are new."""
    known = recent.numbers if recent is not None else {}
    if recent is not None and list(known) == list(places):  # as of the same layers at another depth
        return recent.rows, 0
    missing = [place for place in places if place not in known]
    fresh = marked(frontiers.get_all(missing, spec, floor))
    if recent is None or len(missing) == len(places):
        return fresh, len(fresh.points)
    numbers = {place: number for number, place in enumerate(missing)}
    parts = [fresh.one(numbers[place]) if place in numbers else recent.rows.one(known[place]) for place in places]
    return joined(parts), len(fresh.points)


def marked(parts: Sequence[Frontier]) -> Rows:
    """Frontiers behind each other."""
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    points = np.empty((bounds[-1], 3))
    for row, end, part in zip(bounds.tolist(), bounds[1:].tolist(), parts, strict=False):
        own = points[row:end]
        own[:, FOOTPRINT], own[:, BYTES], own[:, CYCLES] = part.rooms, part.bytes_, part.cycles
    codes = np.concatenate([part.codes for part in parts]) if parts else np.zeros(0, dtype=np.int64)
    footprints = np.concatenate([part.footprint for part in parts]) if parts else np.zeros(0)
    return Rows(points, codes, footprints, bounds, mark_all(points, bounds))


def joined(parts: Sequence[Rows]) -> Rows:
    """The same, of what is behind each other already."""
    rows = np.cumsum([0, *(len(part.points) for part in parts)]).tolist()
    begins = np.cumsum([0, *(len(part.marked.marks) for part in parts)]).tolist()
    bounds = np.concatenate([[0], *(part.bounds[1:] + at for part, at in zip(parts, rows, strict=False))])
    blocks = [int(blocks_of(part.bounds).sum()) for part in parts]  # but for the one behind the last
    return Rows(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.footprints for part in parts]),
        bounds,
        Marked(
            life=np.concatenate([part.marked.life for part in parts]),
            heads=np.concatenate(
                [*(part.marked.heads[:size] for part, size in zip(parts, blocks, strict=True)), np.zeros(1)]
            ),
            blocks=np.concatenate(
                [
                    *(part.marked.blocks[:size] + at for part, size, at in zip(parts, blocks, begins, strict=False)),
                    np.zeros(1, np.int64),
                ]
            ),
            marks=np.concatenate([part.marked.marks + at for part, at in zip(parts, rows, strict=False)]),
        ),
    )


def blocks_of(bounds: Ints) -> Ints:
    """Blocks of each frontier, and one more: where `kernels.stairs.mark` writes."""
    return -(-np.diff(bounds) // MARK) + 1


def mark_all(points: Floats, bounds: Ints) -> Marked:
    """What queries of frontiers start from whose rows begin and end at `bounds` (`kernels.stairs.mark`)."""
    counts = blocks_of(bounds)
    room = counts.sum() + 1
    net = Net(
        points,
        np.empty((len(points), 2)),
        np.zeros(room),
        np.zeros(room, dtype=np.int64),
        np.empty(4096, dtype=np.int64),
    )
    out, held = np.empty(LONGEST, dtype=np.int64), np.empty((LONGEST, 2))
    base = used = 0
    for row, end, count in zip(bounds.tolist(), bounds[1:].tolist(), counts.tolist(), strict=False):
        while True:
            size = kernels.mark(row, end, net, base, used, out, held)
            if size >= 0:
                break
            more = np.empty(2 * len(net.marks), dtype=np.int64)
            net = net._replace(marks=np.concatenate([net.marks[:used], more]))
        base, used = base + count, size
    return Marked(net.life, net.heads, net.blocks, net.marks[:used].copy())


def _packed(pack: Pack) -> dict[str, npt.NDArray[np.generic]]:
    """A pack as arrays by name."""
    arrays = {name: getattr(pack, name) for name in _OUTER}
    arrays |= {
        f"stack_{field.name}": getattr(pack.stack, field.name) for field in fields(Stack) if field.name != "tables"
    }
    return arrays | {f"table_{name}": table for name, table in pack.stack.tables._asdict().items()}


def _unpacked(arrays: dict[str, npt.NDArray[np.generic]], name: str) -> Pack | None:
    """The pack of a file that `_packed` took apart, or None where something is missing."""
    try:
        tables: dict[str, Any] = {name: arrays.pop(f"table_{name}") for name in FlatTables._fields}
        inner = {field.name: arrays[f"stack_{field.name}"] for field in fields(Stack) if field.name != "tables"}
        outer = {name: arrays[name] for name in _OUTER}
    except KeyError:
        return None
    return Pack(**outer, stack=Stack(tables=FlatTables(**tables), **inner), name=name)  # type: ignore[arg-type]  # the names' own types
