"""The frontier search: known optima, every point costs what it says, brute force with cycles, parts of the cycles."""

import itertools
import os
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import OptionError
from simulator.frontier.grid import search as tiling
from simulator.frontier.grid.candidates import build_tables, one_tile
from simulator.frontier.grid.points import ORDERS, breakdown, breakdowns, decode, stack, tile_sizes
from simulator.frontier.grid.search import Frontier, frontier, positions, tile_cost
from simulator.kernels import grid_tiling as onetile
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.kernels.grid_layout import Tile
from simulator.lower.array import ArraySpec
from simulator.lower.shape import Shape

INF = float("inf")
FEW = 4 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 25
UNIT = ArraySpec(1, 1, 1, "outputs", (), (), (), double_buffered=False)
SYSTOLIC = ArraySpec(
    1, 64, 64, "weights", ("reduction",), ("out_channels",), (), systolic=True, weight_load_cycles=64,
    link_bytes_per_cycle=128, port_bytes_per_cycle=256,
)  # fmt: skip
CONVOLUTION = Shape((1, 1, 24, 10, 9, 9, 3, 3), stride=(2, 2), padding=(1, 1), plane=(18, 18))


def least(found: Frontier, capacity: float) -> float:
    return float(found.bytes_[found.footprint <= capacity].min())


@pytest.mark.parametrize(("capacity", "published"), [(4096, 276_824_064), (131_072, 54_525_952), (524_288, 29_360_128)])
def test_a_square_product_moves_no_more_than_the_best_known(capacity: int, published: int) -> None:
    """2048 x 2048 x 2048 bytes, one-byte partial sums: AccelForge, Timeloop and ZigZag find no less than `published`."""
    product = Shape((1, 1, 2048, 2048, 2048, 1, 1, 1), plane=(2048, 1), acc_width=1.0)
    assert least(frontier(product, UNIT), capacity) <= published


@pytest.mark.kernel
def test_a_product_by_hand() -> None:
    """2 x 2 x 2 bytes on one unit, all in three kinds of places: the points that pencil and paper give."""
    product = Shape((1, 1, 2, 2, 2, 1, 1, 1), plane=(2, 1), acc_width=1.0)
    found = frontier(product, UNIT)
    points = list(zip(found.footprint.tolist(), found.bytes_.tolist(), strict=True))
    assert points[0] == (3.0, 20.0)  # one element of each; the outputs stay, one operand passes in full for each
    assert points[-1][1] == 12.0  # everything once
    assert (found.cycles == 8.0).all()


def test_points_rise_and_none_beats_another() -> None:
    found = frontier(CONVOLUTION, SYSTOLIC)
    assert (np.diff(found.footprint) >= 0).all()
    values = np.stack([found.footprint, found.bytes_, found.cycles], axis=1)
    no_worse = (values[:, None] <= values[None]).all(axis=2)
    assert no_worse.sum() == len(values)  # nothing but each point itself


@pytest.mark.parametrize("resident", range(8))
def test_every_point_costs_what_the_search_says(resident: int) -> None:
    built = build_tables(CONVOLUTION, SYSTOLIC)
    found = frontier(CONVOLUTION, SYSTOLIC, resident, built)
    layers = np.zeros(len(found), dtype=np.int64)
    stacked = stack([CONVOLUTION], SYSTOLIC, [built])
    for at, row in enumerate(tile_sizes(stacked, layers, found.codes).tolist()):
        tile = dict(zip("gnkcpq", row[:6], strict=True))
        cost = tile_cost(CONVOLUTION, SYSTOLIC, tile, ORDERS[row[6]], row[7], resident)
        assert cost == pytest.approx((found.footprint[at], found.bytes_[at], found.cycles[at]), rel=1e-12)


def test_more_residents_never_move_more() -> None:
    for resident, bit in itertools.product(range(8), (1, 2, 4)):
        fewer, more = (frontier(CONVOLUTION, SYSTOLIC, mask) for mask in (resident & ~bit, resident | bit))
        assert more.bytes_.min() <= fewer.bytes_.min()
        assert more.footprint.min() <= fewer.footprint.min()


def test_the_same_question_has_the_same_answer() -> None:
    first, second = frontier(CONVOLUTION, SYSTOLIC), frontier(CONVOLUTION, SYSTOLIC)
    for name in ("footprint", "bytes_", "cycles", "codes"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


SMALL = st.integers(1, 4)


@st.composite
def arrays(draw: st.DrawFn) -> ArraySpec:
    stationary = draw(st.sampled_from(["weights", "outputs", "inputs", "rows"]))
    words = [("reduction",), ("out_channels",), ("pixels",), ()]
    if stationary == "rows":
        words = [("kernel_height", "in_channels"), ("out_channels", "out_height"), ("out_height",)]
    rows, columns = draw(st.permutations(words))[:2]
    return ArraySpec(
        draw(SMALL), draw(SMALL), draw(SMALL), stationary,
        rows, columns, draw(st.sampled_from([(), ("batch",), ("groups",)])),
        accumulator_bytes=draw(st.sampled_from([0.0, 16.0, 64.0])),
        weights_double_buffered=draw(st.booleans()), systolic=draw(st.booleans()),
        weight_load_cycles=draw(st.sampled_from([0.0, 3.0])), multicast=draw(st.booleans()),
        link_bytes_per_cycle=draw(st.sampled_from([INF, 2.0])), port_bytes_per_cycle=draw(st.sampled_from([INF, 3.0])),
        double_buffered=draw(st.booleans()),
        weight_bus_bytes_per_cycle=draw(st.sampled_from([0.0, 0.0, 2.0])),
        unit_words=draw(st.sampled_from([None, (2, 6, 2)])) if stationary == "rows" else None,
    )  # fmt: skip


@st.composite
def layers(draw: st.DrawFn) -> Shape:
    kernel, stride, dilation = ((draw(st.integers(1, most)), draw(st.integers(1, most))) for most in (3, 3, 2))
    extents = tuple(draw(SMALL) for _ in range(6))
    padding = (draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1)))
    sides = zip(extents[4:], stride, kernel, dilation, padding, strict=True)
    plane = tuple(max(1, (o - 1) * s + (k - 1) * d + 1 - 2 * pad) for o, s, k, d, pad in sides)
    g, n, k, c, p, q = extents
    return Shape(
        (g, n, k, c, p, q, kernel[0], kernel[1]), stride, dilation, padding, (plane[0], plane[1]),
        *(draw(st.sampled_from(widths)) for widths in ([1.0, 2.0], [0.5, 1.0], [0.25, 1.0, 2.0], [1.0, 4.0])),
    )  # fmt: skip


ALL_ORDERS = [positions("".join(order)) for order in itertools.permutations("NKCPQ")]


@pytest.mark.kernel
@settings(max_examples=FEW)
@given(layers(), arrays(), st.integers(0, 7), st.randoms(use_true_random=False))
def test_no_tiling_of_any_order_beats_the_frontier(shape, spec, resident, chosen) -> None:
    no_tiling_beats(frontier(shape, spec, resident), shape, spec, resident, chosen)


def no_tiling_beats(found: Frontier, shape: Shape, spec: ArraySpec, resident: int, chosen: random.Random) -> None:
    """All 120 orders and four streams of random integer tiles: each is matched in footprint, bytes and cycles."""
    for _ in range(6):
        tile = {loop: chosen.randint(1, extent) for loop, extent in zip("gnkcpq", shape.extents, strict=False)}
        if spec.stationary == "rows":  # these arrays run whole rows of outputs
            tile["q"] = shape.extents[5]
        built = one_tile(shape, spec, tile)
        at = Tile(0, 0, 0, 0)
        for order, stream in itertools.product(chosen.sample(ALL_ORDERS, 20), range(-1, 3)):
            if stream >= 0 and resident & (1 << stream):
                continue
            footprint, total = onetile.tiling_cost(built.layer, at, order, stream, resident)
            cycles = onetile.on_chip_cycles(built.layer, at, total)
            slack = 1 + 1e-12
            fits = (found.footprint <= footprint * slack) & (found.bytes_ <= total * slack)
            assert (fits & (found.cycles <= cycles * slack)).any(), (tile, order, stream)


@pytest.mark.parametrize("multicast", [False, True])
@pytest.mark.parametrize("link", [INF, 3.0])
@pytest.mark.parametrize("seed", [0, 3, 5, 6])
def test_no_tiling_beats_it_where_many_unrollings_compete(
    seed: int, link: float, multicast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(seed)
    words = ("reduction",), ("out_channels",), ("out_channels", "pixels", "batch")
    spec = ArraySpec(24, 3, 1, "weights", *words, multicast=multicast, link_bytes_per_cycle=link)
    shape = Shape((1, 1, *(chosen.randint(5, 14) for _ in range(4)), 1, 1), plane=(14, 14))
    found = [frontier(shape, spec, resident) for resident in range(8)]
    assert len(build_tables(shape, spec).units.copies) > 1
    for resident in range(8):
        no_tiling_beats(found[resident], shape, spec, resident, chosen)
    # Those left out early are no others than those that would be beaten in the end: the same points and codes.
    tables = build_tables(shape, spec)
    never = tables.layer._replace(no_worse=np.zeros_like(tables.layer.no_worse))
    monkeypatch.setitem(tables.__dict__, "layer", never)
    for resident in range(8):
        for one, other in zip(points(frontier(shape, spec, resident, tables)), points(found[resident]), strict=True):
            assert one.tobytes() == other.tobytes()


def test_lists_without_room_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("reduction",), ("out_channels",), ("out_channels", "pixels")
    shape, spec = Shape((1, 1, 14, 9, 12, 11, 1, 1), plane=(14, 14)), ArraySpec(24, 3, 1, "weights", *words)
    found = [points(frontier(shape, spec, resident)) for resident in range(8)]
    tables = build_tables(shape, spec)
    scratch = tiling._scratch(tables, 0)
    longest = max(len(tables.axis_k), len(tables.axis_c))
    short = scratch.lists._replace(
        pixels=np.full((len(tables.pixel) + 1, 8), np.nan),  # what is read must have been written
        axes=np.full((4 * longest + 8, 6), np.nan),
        used=np.zeros(2, dtype=np.int64),
    )
    monkeypatch.setattr(scratch, "lists", short)
    monkeypatch.setattr(scratch, "_owner", None)
    for resident in range(8):
        for one, other in zip(points(frontier(shape, spec, resident, tables)), found[resident], strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.kernel
@settings(max_examples=2 * FEW)
@given(layers(), arrays(), st.integers(0, 7), st.integers(0, 12))
def test_up_to_a_floor_tilings_are_told_apart_by_bytes_and_cycles_alone(shape, spec, resident, octave) -> None:
    above_a_floor(shape, spec, resident, 2.0**octave)


@pytest.mark.parametrize("resident", [0, 2, 4])
def test_a_floor_of_a_larger_layer(resident: int) -> None:
    for octave in (4, 8, 11, 14, 30):
        above_a_floor(CONVOLUTION, SYSTOLIC, resident, 2.0**octave)


def above_a_floor(shape: Shape, spec: ArraySpec, resident: int, floor: float) -> None:
    """With a floor are left, of all that no other beats, those that none beats where footprints up to it are one."""
    every, few = (frontier(shape, spec, resident, floor=size) for size in (NO_FLOOR, floor))
    rows = sorted(zip(*(column.tolist() for column in points(every)[:3]), strict=True), key=lambda row: row[0])
    kept = []
    for row in rows:
        one = max(row[0], floor), row[1], row[2]
        others = ((max(each[0], floor), each[1], each[2]) for each in rows if each is not row)
        beaten = (all(a <= b for a, b in zip(each, one, strict=True)) and each != one for each in others)
        if not any(beaten) and not any(each[0] <= floor >= row[0] and each[1:] == row[1:] for each in kept):
            kept.append(row)  # of alike ones the smallest comes first
    assert sorted(zip(*(column.tolist() for column in points(few)[:3]), strict=True)) == sorted(kept)
    smallest = every.footprint[0]
    assert few.rooms.tolist() == [smallest if size <= floor else size for size in few.footprint.tolist()]
    assert (np.diff(few.rooms) >= 0.0).all()
    assert every.rooms.tolist() == every.footprint.tolist()


@pytest.mark.kernel
@settings(max_examples=2 * FEW)
@given(layers(), arrays(), st.integers(0, 7))
def test_parts_of_the_cycles_sum_to_them(shape, spec, resident) -> None:
    built = build_tables(shape, spec)
    found = frontier(shape, spec, resident, built)
    parts = breakdowns(stack([shape], spec, [built]), np.zeros(len(found), dtype=np.int64), found.codes, found.bytes_)
    assert (parts >= 0).all()
    assert parts[:, 1:5].sum(axis=1) == pytest.approx(parts[:, 0], rel=1e-15)
    assert spec.weights_double_buffered or not parts[:, 8].any()
    assert parts[:, [0, 5, 6]].max(axis=1) == pytest.approx(found.cycles, rel=1e-12)


@pytest.mark.parametrize(("items", "exposed"), [(20, 44), (64, 0), (200, 0)])
def test_hidden_loading_counts_every_set_of_weights(items: int, exposed: int) -> None:
    """200 x 200 weights in sets of 64 x 64: 4 x 4 of them, 64 cycles each, whatever streams meanwhile."""
    spec = replace(SYSTOLIC, weights_double_buffered=True)
    layer = Shape((1, items, 200, 200, 1, 1, 1, 1))
    found = frontier(layer, spec)
    best = int(np.argmin(found.cycles))
    parts = breakdown(layer, spec, int(found.codes[best]), float(found.bytes_[best]))
    assert parts.weight_loading == pytest.approx(16 * exposed, abs=2 * 64)
    assert parts.weight_loading + parts.hidden_loading == 16 * 64


def test_a_fold_by_hand() -> None:
    """49 pixels, 64 x 64 weights: one fold of 64 cycles to load, 126 to fill and drain, 49 steps, less the last index."""
    layer = Shape((1, 1, 64, 64, 7, 7, 1, 1), plane=(7, 7))
    found = frontier(layer, SYSTOLIC)
    best = int(np.argmin(found.cycles))
    parts = breakdown(layer, SYSTOLIC, int(found.codes[best]), float(found.bytes_[best]))
    assert (parts.ideal, parts.edges, parts.fill_drain, parts.weight_loading) == (49.0, 0.0, 125.0, 64.0)
    words = decode(layer, SYSTOLIC, int(found.codes[best]))
    assert words["unrolling"] == {"out_channels": 64, "reduction": 64}
    assert words["tile"]["k"] == words["tile"]["c"] == 64


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ({"g": 1, "n": 1, "k": 1, "c": 1, "p": 1, "q": 10}, "tile.q: must be from 1 to 9, got 10"),
        ({"g": 1, "n": 1, "k": 1, "c": 1, "p": 1}, "tile: loops must be g n k c p q, got c g k n p"),
    ],
)
def test_an_impossible_tile_is_refused(tile: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        tile_cost(CONVOLUTION, UNIT, tile, "NKCPQ")


def test_an_impossible_order_or_stream_is_refused() -> None:
    tile = dict.fromkeys("gnkcpq", 1)
    with pytest.raises(OptionError, match="order: must name each of N K C P Q once, got 'NKCPP'"):
        tile_cost(CONVOLUTION, UNIT, tile, "NKCPP")
    with pytest.raises(OptionError, match=r"stream: must be -1 \(none\), 0, 1 or 2, got 3"):
        tile_cost(CONVOLUTION, UNIT, tile, "NKCPQ", 3)


def points(found: Frontier) -> tuple[np.ndarray, ...]:
    return found.footprint, found.bytes_, found.cycles, found.codes
