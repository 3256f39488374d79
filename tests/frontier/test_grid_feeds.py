"""What a tiling feeds, what passes again, the smallest tiling, and forms of traffic, each against a slow twin."""

import itertools
import math
import os
import random
from dataclasses import replace

import numpy as np
import pytest

from simulator.frontier.grid import points, search
from simulator.frontier.grid.candidates import build_tables
from simulator.frontier.grid.unrolling import Unrollings, unit_channels, unrollings
from simulator.frontier.grid.unrolling import _costs as costs_of
from simulator.kernels import grid_search as forms
from simulator.kernels import grid_tiling as kernels
from simulator.kernels.grid_layout import (
    EACH,
    OWN,
    PIXEL_STEPS,
    PIXELS,
    SIZE,
    STEPS,
    TRIPS,
    TRIPS_N,
    TRIPS_P,
    TRIPS_Q,
    WINDOW,
    Layer,
    Numbers,
    Rules,
    Tile,
)  # fmt: skip
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

uncompiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="takes longer to compile than to run"
)


def made_up(rng, **rules):
    """Tables of two and three tiles each for two unrollings; every number is another one, and what is not held has bytes too."""

    def table(rows, columns, trips):
        found = np.array([[rng.uniform(1.0, 9.0) for _ in range(columns)] for _ in range(rows)])
        for at in trips:
            found[:, at] = [1.0, *(float(rng.choice([1, 2, 3])) for _ in range(rows - 1))]
        return found

    numbers = Numbers(*(rng.uniform(1.0, 9.0) for _ in Numbers._fields))
    numbers = numbers._replace(buffers=rng.choice([1.0, 2.0]), accumulators=rng.choice([0.0, 40.0, 1e4]))
    every = {name: rng.choice([0, 1]) for name in Rules._fields} | rules
    axis = STEPS + 2 * EACH
    return Layer(
        table(2, axis, [TRIPS]), table(3, PIXEL_STEPS + 2 * EACH, [TRIPS_N, TRIPS_P, TRIPS_Q]), table(3, axis, [TRIPS]),
        table(3, axis, [TRIPS])[::-1], np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((2, 2), dtype=bool),
        table(2, OWN, []), numbers, Rules(**every),
    )  # fmt: skip


def tiles_of(layer):
    every = itertools.product(*(range(len(table)) for table in (layer.group, layer.pixel, layer.axis_k, layer.axis_c)))
    return [Tile(*tile) for tile in every]


@pytest.mark.kernel
@uncompiled
@pytest.mark.parametrize("by_steps", [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("holds", [(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_only_what_is_held_is_fed(by_steps, holds):
    rng = random.Random(f"{by_steps} {holds}")
    rules = dict(
        zip(
            ("in_by_steps", "weights_by_steps", "holds_in", "holds_weights", "holds_out"),
            (*by_steps, *holds),
            strict=True,
        )
    )
    layer = made_up(rng, **rules)
    numbers = layer.numbers
    for tile, u in itertools.product(tiles_of(layer), range(2)):
        k, pixel, (copies_in, copies_weights, *_, once) = layer.axis_k[tile.k], layer.pixel[tile.pixel], layer.own[u]
        parts = [
            numbers.feed_in * copies_in * (k[STEPS + 2 * u] if by_steps[0] else k[TRIPS]),
            numbers.feed_weights
            * copies_weights
            * (pixel[PIXEL_STEPS + 2 * u] if by_steps[1] else math.prod(pixel[2:5])),
            numbers.feed_out,
        ]
        wanted = sum(part for part, held in zip(parts, holds, strict=True) if held)
        assert kernels.fed_bytes(layer, tile, u) == pytest.approx(wanted, rel=1e-12)
        assert kernels.once_of(numbers, layer.own, u, 3.0) == pytest.approx(
            once + 3.0 * numbers.widening * copies_weights
        )


@pytest.mark.kernel
@uncompiled
def test_weights_pass_again_for_each_tile_outside_their_loop():
    layer = made_up(random.Random(1))
    layer.pixel[2, [TRIPS_N, TRIPS_P, TRIPS_Q]] = 2.0, 3.0, 5.0
    for again in range(8):
        wanted = math.prod(trips for bit, trips in enumerate((2.0, 3.0, 5.0)) if again >> bit & 1)
        assert kernels.weight_passes(layer.pixel, 2, again, False) == wanted
        assert kernels.weight_passes(layer.pixel, 2, again, True) == 30.0
    assert kernels.trips_of(layer.pixel, 2) == 30.0


def room_of(layer, tile, stream, resident):
    """SRAM bytes of a tiling, in words of docs/model.md: operands that stay count nothing, one that is streamed its grain."""
    numbers, group, k, c, pixel = (
        layer.numbers, layer.group[tile.group], layer.axis_k[tile.k], layer.axis_c[tile.c], layer.pixel[tile.pixel]
    )  # fmt: skip
    one_pixel, one_group, one_k, one_c = math.prod(pixel[2:5]) == 1.0, group[TRIPS] == 1, k[TRIPS] == 1, c[TRIPS] == 1
    sizes = {
        0: (
            numbers.in_bytes * group[SIZE] * c[SIZE] * pixel[WINDOW],
            one_pixel and one_group and one_c,
            numbers.grain_in,
        ),
        1: (
            numbers.weight_bytes * group[SIZE] * k[SIZE] * c[SIZE],
            one_group and one_k and one_c,
            numbers.grain_weights,
        ),
    }
    total = 0.0
    for operand, (size, is_once, grain) in sizes.items():
        if not resident >> operand & 1:
            total += grain * numbers.buffers if stream == operand else size * (1.0 if is_once else numbers.buffers)
    copies = 1.0 if one_pixel and one_group and one_k else numbers.buffers
    elements = group[SIZE] * k[SIZE] * pixel[PIXELS]
    stays = bool(resident >> 2 & 1)
    if stream == 2 and not stays:
        return total + numbers.grain_out * numbers.buffers
    if one_c:
        return total + (0.0 if stays else elements * numbers.out_room * copies)
    sums = elements * numbers.acc_room
    if sums <= numbers.accumulators:
        return total
    if not layer.rules.holds_out:
        return math.inf
    return total + sums * (1.0 if stays else copies)


@pytest.mark.kernel
@uncompiled
@pytest.mark.parametrize("resident", range(8))
def test_the_smallest_tiling_is_the_least_of_all(resident):
    """Sizes fall as trips rise, as in real tables: each table from one tile of all to the smallest."""
    rng = random.Random(resident)
    for case in range(6):
        layer = made_up(rng, holds_out=case % 2)
        for table, columns in ((layer.group, [SIZE]), (layer.axis_k, [SIZE]), (layer.axis_c, [SIZE])):
            table[:, TRIPS] = [3.0, 2.0, 1.0][-len(table) :]
            table[:, columns] = np.sort(table[:, columns], axis=0)
        for table in (layer.group, layer.axis_k, layer.axis_c):
            if rng.random() < 0.5:
                table[:] = table[::-1].copy()
        layer.pixel[:, [TRIPS_N, TRIPS_P, TRIPS_Q]] = [[1, 1, 1], [1, 2, 1], [3, 1, 2]]
        layer.pixel[:, [WINDOW, PIXELS]] = [[9, 8], [5, 4], [2, 1]]
        every = [room_of(layer, tile, stream, resident) for tile in tiles_of(layer) for stream in (-1, 0, 1, 2)]
        assert kernels.least_footprint(layer, resident) == pytest.approx(min(every), rel=1e-12)
        for tile, stream in itertools.product(tiles_of(layer), (-1, 0, 1, 2)):
            ones = [
                table[at, TRIPS] == 1.0
                for table, at in zip(
                    (layer.group, layer.axis_k, layer.axis_c), (tile.group, tile.k, tile.c), strict=True
                )
            ]
            trips = [layer.pixel[tile.pixel, at] == 1.0 for at in (TRIPS_N, TRIPS_P, TRIPS_Q)]
            once = kernels.Once(ones[0], trips[0], ones[1], ones[2], *trips[1:])
            found = kernels.footprint_of(layer, tile, once, stream, resident)
            assert found == pytest.approx(room_of(layer, tile, stream, resident), rel=1e-12)


SPEC = ArraySpec(2, 3, 2, "weights", ("reduction",), ("out_channels",), ("out_channels", "pixels", "groups"))


@pytest.mark.kernel
@pytest.mark.parametrize("stationary", ["weights", "outputs", "inputs"])
def test_the_parts_of_a_point_add_to_its_cycles(stationary):
    """Weights that are widened, over a bus, and partial sums that fit or not."""
    rng = np.random.default_rng(3)
    spec = replace(
        SPEC, stationary=stationary, port_bytes_per_cycle=8.0, link_bytes_per_cycle=4.0, weight_bus_bytes_per_cycle=2.0,
        accumulator_bytes=64.0,
    )  # fmt: skip
    shape = Shape((2, 2, 5, 3, 4, 3, 3, 1), padding=(1, 0), plane=(4, 3), widening=0.25)
    found = search.frontier(shape, spec, 0)
    at = rng.permutation(len(found.codes))[:40]
    stacked = points.stack([shape], spec, [build_tables(shape, spec)])
    parts = points.breakdowns(stacked, at * 0, found.codes[at], found.bytes_[at])
    assert np.maximum(np.maximum(parts[:, 0], parts[:, 5]), parts[:, 6]) == pytest.approx(found.cycles[at], rel=1e-12)


def test_what_unrollings_differ_in():
    """Factors, channels that the units work through, copies, and the weights that they hold where these come over a bus."""
    factors = np.array([[1, 1, 2, 3, 1, 1, 1, 1, 1, 1], [2, 1, 1, 1, 1, 1, 3, 2, 1, 1]])
    copies = np.array([[1.0, 2.0], [3.0, 4.0]])
    spec = replace(SPEC, unit_words=(6, 24, 2))
    extents = (2, 2, 5, 3, 4, 3, 3, 4)
    wide, deep = unit_channels(spec, factors, 4)
    assert (wide.tolist(), deep.tolist()) == ([2, 2], [1, 3])
    rows = [[*(-factors[at]), -wide[at] * factors[at, 2], -deep[at] * factors[at, 3], *copies[at]] for at in range(2)]
    assert costs_of(extents, spec, factors, copies).tolist() == rows
    held = [2 * 3, 2 * 3 * 2]
    bus = replace(spec, weight_bus_bytes_per_cycle=1.0)
    assert costs_of(extents, bus, factors, copies).tolist() == [
        [*row, size] for row, size in zip(rows, held, strict=True)
    ]
    assert isinstance(unrollings(extents, SPEC), Unrollings)


def everything(resident, cuts_c, limits, rules):
    """All forms, in each of which all matters but how neighbours share inputs, which a form says. Outputs that stay are finished
    before they leave the arrays: only one form cuts C then."""
    first, passing = forms.OUTPUT_FIRST, forms.PASSING
    every = [first, forms.INPUT_FIRST, forms.WEIGHT_FIRST, *([] if resident & 1 else [passing])]
    rows = [
        [
            form,
            1,
            cuts_c and (form == first or not resident & 4),
            1,
            1,
            1,
            1 if form in (first, passing) else 2,
            *[1] * 7,
        ]
        for form in every
    ]
    return np.array(rows, dtype=np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_of_a_search_changes_no_frontier(seed, monkeypatch):
    rng = random.Random(seed)
    for _ in range(12):
        extents = tuple(
            rng.choice(sizes) for sizes in ((1, 2), (1, 2), (1, 4, 6), (1, 3, 6), (1, 3, 5), (1, 4), (1, 3), (1, 2))
        )
        shape = Shape(
            extents, padding=(extents[6] // 2, 0), plane=extents[4:6], in_width=rng.choice([1.0, 2.0]),
            acc_width=rng.choice([1.0, 4.0]), widening=rng.choice([0.0, 0.25]),
        )  # fmt: skip
        spec = replace(
            SPEC, stationary=rng.choice(["weights", "outputs", "inputs"]), multicast=rng.random() < 0.5,
            port_bytes_per_cycle=rng.choice([2.0, math.inf]), link_bytes_per_cycle=rng.choice([1.0, math.inf]),
            accumulator_bytes=rng.choice([0.0, 8.0, 64.0]), weight_load_cycles=rng.choice([0.0, 3.0]),
            holds=rng.choice([("inputs", "weights", "outputs"), ("inputs", "weights"), ("outputs",)]),
            double_buffered=rng.random() < 0.5,
        )  # fmt: skip
        for resident in range(8):
            with monkeypatch.context() as patch:
                found = search.frontier(shape, spec, resident)
                patch.setattr(search, "_plan", everything)
                wanted = search.frontier(shape, spec, resident)
            for name in ("footprint", "bytes_", "cycles"):
                np.testing.assert_allclose(
                    getattr(found, name), getattr(wanted, name), rtol=1e-12, err_msg=f"{shape} {spec} {resident}"
                )
