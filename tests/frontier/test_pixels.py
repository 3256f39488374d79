"""Pixel tiles that an unrolling needs: those of all sizes that no other beats, however few are looked at."""

import dataclasses
import itertools
import random
from typing import Any

import numpy as np
import pytest

from simulator.frontier.grid import pixels as pixels_module
from simulator.frontier.grid.pixels import Pixels, _needed, pixel_table
from simulator.kernels import grid_pixels
from simulator.kernels.grid_layout import INPUTS, INPUTS_BY_P, INPUTS_BY_Q, PIXEL_FOLDS, PIXEL_STEPS, PIXELS, WINDOW
from simulator.kernels.grid_pixels import PixelAxes
from simulator.kernels.grid_tables import Fold, Side


def some_pixels(rng: random.Random, flat: bool, hidden: bool) -> Pixels:
    """A layer and three unrollings."""
    n, p, q = rng.randint(1, 5), rng.randint(1, 9), rng.randint(1, 9)
    sides = []
    for extent in (p, q):
        stride, dilation, kernel = rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 4)
        reach = (extent - 1) * stride + (kernel - 1) * dilation + 1
        pad = rng.randint(0, min(2, (kernel - 1) * dilation, reach - 1))
        sides.append(Side(stride, dilation, kernel, pad, max(1, reach - pad)))
    along = [(rng.randint(1, 3), 1, 1, rng.randint(1, 6)) for _ in range(3)]
    if not flat:
        along = [(images, rng.randint(1, 4), rng.randint(1, 4), 0) for images, *_ in along]
    return Pixels(
        (n, p, q),
        (sides[0], sides[1]),
        tuple(along),
        Fold(3.0, 2.0, float(hidden)),
        (4.0, 4.0, 7.0),
        False,
        (0.0, 0.0, 2.0),
    )


def naive(pixels: Pixels, every: list[tuple[int, int, int]], u: int) -> list[tuple[int, int, int]]:
    """The tiles that none before, by window and pixels, is as good as; and the whole layer."""
    sizes = [tuple(sorted(set(axis))) for axis in zip(*every, strict=True)]
    rows, table = [], pixels.rows(*sizes).table
    for at, tile in enumerate(every):
        window, area, inputs, by_p, by_q = table[at, [WINDOW, PIXELS, INPUTS, INPUTS_BY_P, INPUTS_BY_Q]].tolist()
        trips = np.prod([-(-extent // size) for extent, size in zip(pixels.extents, tile, strict=True)])
        steps, folds = table[at, PIXEL_STEPS + 2 * u], table[at, PIXEL_FOLDS + 2 * u] - pixels.sets[u] * trips
        rows.append((window, area, at, (trips, inputs, min(by_p, by_q), steps, folds), tile))
    kept: list[tuple[float, float, int, tuple[float, ...], tuple[int, int, int]]] = []
    for row in sorted(rows):
        as_good = (
            one[0] <= row[0] and one[1] <= row[1] and all(a <= b for a, b in zip(one[3], row[3], strict=True))
            for one in kept
        )
        if row[4] == pixels.extents or not any(as_good):
            kept.append(row)
    return [row[4] for row in kept]


@pytest.mark.kernel
@pytest.mark.parametrize("hidden", [False, True], ids=["linear", "bent"])
@pytest.mark.parametrize("flat", [False, True], ids=["by axis", "flat"])
def test_no_tile_that_is_left_out_is_of_use(flat: bool, hidden: bool) -> None:
    rng = random.Random(7)
    for _ in range(12):
        pixels = some_pixels(rng, flat, hidden)
        sizes = [tuple(range(1, extent + 1)) for extent in pixels.extents]
        every = list(itertools.product(*sizes))
        found = _needed(pixels.axes(*sizes), pixels.array(), pixels.sets)
        for u, numbers in enumerate(found):
            assert [every[at] for at in numbers] == naive(pixels, every, u)


@pytest.mark.kernel
def test_steps_of_a_tile_by_hand() -> None:
    # 3 x 5 outputs of 2 images in tiles of 2 x 2, 3 columns: 2 x 2 outputs take 2 x 1 steps, so do those of 2 x 1; the last row
    # of 1 x 2, and of 1 x 1, one. Along a row three tiles: per image (2 + 2 + 2) + (1 + 1 + 1) steps; a set of 2 cycles each.
    side = Side(1, 1, 1, 0, 5)
    pixels = Pixels((2, 3, 5), (side, side), ((1, 1, 3, 0),), Fold(2.0, 0.0, 0.0), (2.0,), False, (0.0,))
    row = pixels.rows((1,), (2,), (2,)).table[0]
    assert (row[PIXEL_STEPS], row[PIXEL_FOLDS]) == (2 * 9, 2 * (9 + 6 * 2))


def parts_of(extent: int, size: int) -> list[int]:
    """Sizes of the tiles along an axis."""
    return [min(size, extent - first) for first in range(0, extent, size)]


@pytest.mark.kernel
@pytest.mark.parametrize("hidden", [0.0, 1.0], ids=["linear", "hidden"])
def test_steps_and_folds_are_those_of_all_tiles_one_by_one(hidden: float) -> None:
    rng = random.Random(11)
    for number in range(24):
        pixels = some_pixels(rng, bool(number % 2), bool(hidden))
        load, overhead = rng.choice([(4.0, 2.0), (0.0, 0.0), (30.0, 1.0), (1.75, 0.5), (9.5, 3.0)])
        pixels = dataclasses.replace(pixels, fold=Fold(load, overhead, hidden), loads=(load,) * 3)
        n, p, q = (rng.randint(1, extent) for extent in pixels.extents)
        row = pixels.rows((n,), (p,), (q,)).table[0]
        for u, (images, rows, columns, flat) in enumerate(pixels.units):
            each = [
                -(-i // images) * (-(-(j * k) // flat) if flat else -(-j // rows) * -(-k // columns))
                for i, j, k in itertools.product(*map(parts_of, pixels.extents, (n, p, q)))
            ]
            folds = sum(max(one, load) + overhead if hidden else one + load + overhead for one in each)
            assert (row[PIXEL_STEPS + 2 * u], row[PIXEL_FOLDS + 2 * u]) == (sum(each), folds)


@pytest.mark.kernel
@pytest.mark.parametrize("most", [24, 100, 1000])
def test_fewer_sizes_of_a_batch_where_there_were_too_many_tiles(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """But the smallest and the largest."""
    side, seen = Side(1, 1, 1, 0, 6), []
    monkeypatch.setattr(pixels_module, "MOST_TILES", most)

    def needed(axes: PixelAxes, *others: Any) -> Any:
        seen.append((axes.n.tolist(), len(axes.p) * len(axes.q)))
        return _needed(axes, *others)

    monkeypatch.setattr(pixels_module, "_needed", needed)
    pixel_table.__wrapped__(Pixels((30, 6, 6), (side, side), ((1, 1, 1, 0),), None, (4.0,), False, (0.0,)))
    ((sizes, plane),) = seen
    assert (sizes[0], sizes[-1], plane) == (1, 30, 16)
    assert len(sizes) == {24: 2, 100: 6, 1000: 10}[most]


@pytest.mark.parametrize("whole", [False, True], ids=["any", "whole rows"])
@pytest.mark.parametrize("hidden", [False, True], ids=["linear", "bent"])
@pytest.mark.parametrize("flat", [False, True], ids=["by axis", "flat"])
def test_a_table_has_the_tiles_of_all_sizes_that_are_of_use(flat: bool, hidden: bool, whole: bool) -> None:
    """However few sizes are tried: those that an unrolling needs are those of all sizes that no other beats."""
    rng = random.Random(13)
    for number in range(8):
        pixels = dataclasses.replace(some_pixels(rng, flat, hidden), rows_whole=whole)
        if number % 4 == 0:  # nothing is spread over the plane
            ones = tuple((images, 1, 1, int(flat)) for images, *_ in pixels.units)
            pixels = dataclasses.replace(pixels, units=ones, fold=None if number else pixels.fold)
        *sizes, last = (tuple(range(1, extent + 1)) for extent in pixels.extents)
        every = list(itertools.product(*sizes, last[-1:] if whole else last))
        found = pixel_table.__wrapped__(pixels)
        assert found.table.tolist() == [
            pixels.rows(*((size,) for size in tile)).table[0].tolist() for tile in found.sizes.tolist()
        ]
        assert sorted({*found.needed.tolist()}) == list(range(len(found.table)))
        for u, (begin, end) in enumerate(itertools.pairwise(found.starts.tolist())):
            tiles = [tuple(tile) for tile in found.sizes[found.needed[begin:end]].tolist()]
            assert [figures_of(pixels, tile, u) for tile in tiles] == [
                figures_of(pixels, tile, u) for tile in naive(pixels, every, u)
            ]


def figures_of(pixels: Pixels, tile: tuple[int, ...], u: int) -> list[float]:
    row = pixels.rows(*((size,) for size in tile)).table[0]
    return row[[WINDOW, PIXELS, INPUTS, INPUTS_BY_P, INPUTS_BY_Q, PIXEL_STEPS + 2 * u, PIXEL_FOLDS + 2 * u]].tolist()


@pytest.mark.parametrize(("batch", "bent", "units", "wanted"), [
    (16, True, (1,), [*range(1, 17)]), (17, True, (1,), [1, 2, 3, 4, 5, 6, 9, 17]), (6, False, (1,), [1, 2, 3, 6]),
    (11, False, (1, 2), [1, 2, 3, 4, 5, 6, 7, 9, 11]), (11, False, (3,), [1, 2, 3, 4, 6, 8, 11]), (1, True, (1,), [1]),
])  # fmt: skip
def test_sizes_of_a_batch(batch: int, bent: bool, units: tuple[int, ...], wanted: list[int]) -> None:
    """The smallest of each number of parts, and those whose last takes fewer turns of a unit; all of a few if folds are bent."""
    assert pixels_module._batch_sizes(batch, units, bent) == tuple(wanted)


def test_sizes_of_a_batch_are_those_of_the_units_along_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of those along the plane."""
    side, seen = Side(1, 1, 1, 0, 1), []

    def needed(axes: PixelAxes, *others: Any) -> Any:
        seen.append(tuple(axes.n.tolist()))
        return _needed(axes, *others)

    monkeypatch.setattr(pixels_module, "_needed", needed)
    for images in (4, 2):
        units = ((images, 6 - images, 1, 0),)
        pixel_table.__wrapped__(Pixels((10, 6, 1), (side, side), units, None, (4.0,), False, (0.0,)))
    assert seen == [(1, 2, 3, 4, 5, 6, 10), (1, 2, 3, 4, 5, 6, 8, 10)]


@pytest.mark.parametrize(("large", "few"), [(29, True), (30, False), (31, False)])
def test_fewer_parts_of_a_large_batch(monkeypatch: pytest.MonkeyPatch, large: int, few: bool) -> None:
    side = Side(1, 1, 1, 0, 1)
    monkeypatch.setattr(pixels_module, "LARGE_BATCH", large)
    monkeypatch.setattr(pixels_module, "MOST_PARTS", 3)
    seen = []

    def needed(axes: PixelAxes, *others: Any) -> Any:
        seen.extend(axes.n.tolist())
        return _needed(axes, *others)

    monkeypatch.setattr(pixels_module, "_needed", needed)
    pixel_table.__wrapped__(Pixels((30, 1, 1), (side, side), ((1, 1, 1, 0),), None, (4.0,), False, (0.0,)))
    assert len(seen) == (3 if few else 10)


@pytest.mark.parametrize(("width", "few", "every"), [(256, False, True), (257, False, False), (256, True, False)])
def test_every_size_is_tried_of_no_more_than_131_072_tiles(
    monkeypatch: pytest.MonkeyPatch, width: int, few: bool, every: bool
) -> None:
    """Where something is spread over the plane; else, and of a long product, few of them."""
    seen = []

    def needed(axes: PixelAxes, *_: Any) -> Any:
        seen.append((len(axes.p), len(axes.q)))
        raise LookupError

    monkeypatch.setattr(pixels_module, "_needed", needed)
    sides = Side(1, 1, 1, 0, 512), Side(1, 1, 1, 0, width)
    for unit in (2, 1):
        pixels = Pixels((1, 512, width), sides, ((1, unit, 1, 0),), None, (4.0,), False, (0.0,), few)
        with pytest.raises(LookupError):
            pixel_table.__wrapped__(pixels)
    assert (seen[0] == (512, width)) == every
    assert max(seen[1]) < 60


@pytest.mark.kernel
@pytest.mark.parametrize("seed", range(3))
def test_sizes_that_an_unrolling_may_have_use_for(seed: int) -> None:
    """Of as many tiles, those that touch fewer rows than all smaller ones kept, or take fewer steps in all or in the last."""
    rng, seen = random.Random(seed), set()
    for _ in range(60):
        extent, unit, straight = rng.randint(1, 24), rng.choice([0, 1, 2, 3, 5]), rng.random() < 0.5
        sizes = sorted(rng.sample(range(1, extent + 1), rng.randint(1, extent)))
        windows = np.array([[rng.randint(1, 4), rng.randint(1, 2)] for _ in sizes], dtype=np.int64)
        kept: list[tuple[int, int, int, int]] = []
        for at, size in enumerate(sizes):
            parts = [min(size, extent - begin) for begin in range(0, extent, size)]
            turns = [-(-part // unit) if unit else 0 for part in parts]
            steps, same = sum(turns) if straight else turns[-1], [row for row in kept if row[3] == len(parts)]
            if unit and any(row[1] <= steps and (windows[row[0]] <= windows[at]).all() for row in same):
                seen.add(straight)
                continue
            fewer = sum(row[3] > len(parts) for row in kept)
            kept.append((at, steps, fewer, len(parts)))
        out = np.full((len(sizes), grid_pixels.CHOICE), -1, dtype=np.int64)
        count = grid_pixels.choose_sizes(np.array(sizes), extent, windows, unit, straight, out)
        assert out[:count].tolist() == [list(row) for row in kept]
    assert len(seen) == 2
