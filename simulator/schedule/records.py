"""What points of a pool consist of, as the kernels that add schedules up read it."""

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.frontier import array
from simulator.frontier.packs import WORTH_KEEPING_S
from simulator.kernels.layout import BYTES, CYCLES
from simulator.kernels.schedule_sums import Records
from simulator.schedule.pool import Pool
from simulator.store import disk

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PARTS = ("array", "ideal", "edges", "filling", "loading", "link", "ports", "feed", "hidden")
"""Columns of records in the order of `grid.points.OnChip`, which lacks the cycles alone."""

PLACES = np.array([Records._fields.index(name) for name in PARTS])
"""Place of each among the columns of records."""

BLOCK = 8192
"""Points worked out at a time: columns of so many stay in the processor's cache, those of all points would each be fetched
from memory, and be new memory, for every operation."""


def fill_records(pool: Pool, points: Ints, steps: Ints, out: Floats) -> None:
    """Fill in the columns of `Records` of some points, which are of these steps: float64[10, points]."""
    _fill_columns(pool, points, pool.step_shape[steps], out)


def all_records(pool: Pool) -> Records:
    """Records of every point of a pool, and last one of a step without tiles; worked out once."""
    if "records" not in pool.memo:
        columns = np.zeros((len(Records._fields), len(pool.points) + 1))
        _fill_columns(pool, np.arange(len(pool.points)), pool.point_shape, columns[:, :-1])
        pool.memo["records"] = Records(*columns)
    known: Records = pool.memo["records"]
    return known


class Roofs(NamedTuple):
    """Cycles of every point of a pool at each roof inside its frontiers; the largest is the point's cycles."""

    array: Floats
    link: Floats
    ports: Floats


def roofs_of(pool: Pool) -> Roofs:
    """The roofs of every point of a pool: worked out once, and beside a pack that is kept on disk kept too."""
    if "roofs" not in pool.memo:
        pool.memo["roofs"] = _kept_roofs(pool)
    known: Roofs = pool.memo["roofs"]
    return known


def _kept_roofs(pool: Pool) -> Roofs:
    """From disk where they are there; else from records."""
    name = disk.name_of("roofs", pool.pack) if pool.pack else ""
    kept = disk.load(name) if name else None
    if kept is not None and kept.keys() == set(Roofs._fields):
        return Roofs(**kept)  # type: ignore[arg-type]  # the names' own types
    begin = time.perf_counter()
    records = all_records(pool)
    made = Roofs(*(getattr(records, column)[:-1] for column in Roofs._fields))
    if name and time.perf_counter() - begin > WORTH_KEEPING_S:
        disk.save(name, made._asdict())
    return made


def _fill_columns(pool: Pool, points: Ints, shapes: Ints, out: Floats) -> None:
    """Fill in the columns of some points; shapes: place of each one's layer in the pool's shapes."""
    if not len(points):
        return
    parts = np.empty((len(PARTS), len(points)))
    if pool.fixed:
        _fill_alike(pool, points, parts)
    else:
        _fill(pool, points, shapes, parts)
    out[PLACES] = parts
    out[Records._fields.index("cycles")] = pool.points[points, CYCLES]


def _fill(pool: Pool, points: Ints, shapes: Ints, parts: Floats) -> None:
    """Fill in the parts of some points, float64[9, points]."""
    for low in range(0, len(points), BLOCK):
        own = slice(low, low + BLOCK)
        some = points[own]
        parts[:, own] = parts_of(pool, shapes[own], pool.codes[some], pool.points[some, BYTES]).T


def _fill_alike(pool: Pool, points: Ints, parts: Floats) -> None:
    """The same, where pools that are alike have most points in common: of those it is worked out once."""
    known: Floats | None = pool.alike.get("parts")
    if known is None:
        every = np.arange(pool.fixed)
        known = np.empty((len(PARTS), pool.fixed))
        _fill(pool, every, pool.point_shape[every], known)
        pool.alike["parts"] = known
    some, place = np.unique(points, return_inverse=True)
    each = np.empty((len(PARTS), len(some)))
    own = int(np.searchsorted(some, pool.fixed))
    each[:, :own] = known[:, some[:own]]
    _fill(pool, some[own:], pool.point_shape[some[own:]], each[:, own:])
    parts[:] = each[:, place]


def parts_of(pool: Pool, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of points of a pool, float64[points, 9] in the order of `grid.points.OnChip`; layers: place in its shapes."""
    return array.model_of(pool.spec).parts(_read(pool, layers, codes), outer_bytes)


def _read(pool: Pool, layers: Ints, codes: Ints) -> array.Codes:
    return array.Codes(pool.stack, pool.shapes, pool.spec, layers, codes)


def words_of(pool: Pool, layers: Ints, codes: Ints) -> list[dict[str, object]]:
    """What points of a pool are, in words; layers: place in its shapes. The dictionaries are shared: do not change them."""
    known: dict[tuple[int, int], dict[str, object]] = pool.memo.setdefault("words", {})
    keys = list(zip(layers.tolist(), codes.tolist(), strict=True))
    if not known.keys() >= set(keys):
        known.update(zip(keys, array.model_of(pool.spec).words(_read(pool, layers, codes)), strict=True))
    return [known[key] for key in keys]
