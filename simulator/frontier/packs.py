"""The frontiers of all layers of a network behind each other, as the programmes read them; kept on disk as a whole.

A run that finds its pack on disk reads one file: it builds no candidate tables, no frontiers and no staircases.
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
from simulator.kernels.layout import BYTES, CYCLES, FOOTPRINT, Net
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape
from simulator.progress import each
from simulator.store import disk

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MARK = kernels.MARK
LONGEST = 4096
"""More points than any staircase in bytes and cycles has (a few dozen); beyond it `mark` would need more room."""

WORTH_KEEPING_S = 0.05
"""A pack that takes less to build is not written to disk. [s]"""

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

    points: float64[points, 3], footprint, bytes and cycles; codes beside. bounds: where each place begins, and the end.
    life, heads, blocks, marks: what queries start from (`kernels.stairs.mark`). stack: tables to read codes with.
    """

    points: Floats
    codes: Ints
    bounds: Ints
    life: Floats
    heads: Floats
    blocks: Ints
    marks: Ints
    stack: Stack
    name: str = ""
    """Of its file on disk, if such packs are kept."""


_OUTER = tuple(field.name for field in fields(Pack) if field.name not in ("stack", "name"))
"""Arrays of a pack beside its stack."""


def pack_of(places: Sequence[Place], shapes: Sequence[Shape], spec: ArraySpec, lookup: Lookup | None = None) -> Pack:
    """The pack of some places, from disk where it is there. shapes: the layers of the stack; lookup: another source of
    frontiers, of which nothing is kept.
    """
    if lookup is not None:
        return _build(shapes, spec, [lookup(shape, spec, mask) for shape, mask in each(places)])
    if not array.model_of(spec).keeps:  # a few points a layer
        return pack_of(places, shapes, spec, frontiers.get)
    name = disk.name_of("pack", spec, tuple(shapes), tuple((shapes.index(shape), mask) for shape, mask in places))
    kept = disk.load(name)
    if kept is not None:
        found = _unpacked(kept, name)
        if found is not None:
            return found
    begin = time.perf_counter()
    made = replace(_build(shapes, spec, frontiers.get_all(places, spec)), name=name)
    if time.perf_counter() - begin > WORTH_KEEPING_S:
        disk.save(name, _packed(made))
    return made


def _build(shapes: Sequence[Shape], spec: ArraySpec, parts: Sequence[Frontier]) -> Pack:
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    points = np.empty((bounds[-1], 3))
    for row, end, part in zip(bounds.tolist(), bounds[1:].tolist(), parts, strict=False):
        own = points[row:end]
        own[:, FOOTPRINT], own[:, BYTES], own[:, CYCLES] = part.footprint, part.bytes_, part.cycles
    codes = np.concatenate([part.codes for part in parts]) if parts else np.zeros(0, dtype=np.int64)
    return Pack(points, codes, bounds, *mark_all(points, bounds), array.model_of(spec).tables(shapes, spec))


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
