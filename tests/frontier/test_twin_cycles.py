"""Cycles and feed of tilings counted block by block: worked cases, the quick count of the brute force, and the core."""

import math
import random
from dataclasses import replace

import adapter
import numpy as np
import pytest
from array_cases import STATIONARY, random_array, random_layer, random_machine, random_spread, random_tile
from brute_frontier import counts, kernel_rows_together, spreads
from naive import Machine, NaiveLayer
from twin_cycles import WORDS, Array, Widths, Work, copies, factor, walk

GRID = Array(rows=4, columns=2, on_rows=("reduction",), on_columns=("out_channels",))
WIDE = ({"reduction": 4}, {"out_channels": 2}, {})
PRODUCT = NaiveLayer(N=3, K=5, C=6)
"""3 x 6 by 6 x 5: two steps through the reduction, three over the outputs."""
WHOLE = {"g": 1, "n": 3, "k": 5, "c": 6, "p": 1, "q": 1}


def changed(**keys: object) -> Array:
    return replace(GRID, **keys)  # type: ignore[arg-type]


def test_stationary_weights_by_hand() -> None:
    work = walk(PRODUCT, WHOLE, WIDE, GRID, Widths())
    assert (work.folds, work.steps) == (2 * 3, 2 * 3 * 3)
    # Each input for three blocks of outputs; weights once; sums leave after each of two blocks of the reduction.
    assert (work.inputs, work.weights, work.outputs, work.passes_out) == (18 * 3, 30, 15, 2)
    assert work.ways == [(18.0, 54 + 30 + 15 + 2 * 4 * 15)]
    halved = walk(PRODUCT, {**WHOLE, "n": 2}, WIDE, GRID, Widths())
    assert (halved.folds, halved.steps, halved.weights) == (2 * 2 * 3, 18, 60)


def test_stationary_outputs_and_inputs_by_hand() -> None:
    outputs = walk(PRODUCT, {**WHOLE, "c": 3}, WIDE, changed(stationary="outputs"), Widths())
    # Tiles of 3 channels are a step each: one stay for each tile, item and block of outputs.
    assert (outputs.folds, outputs.steps) == (2 * 3 * 3, 2 * 3 * 3)
    assert (outputs.inputs, outputs.weights, outputs.channel_tiles) == (18 * 3, 30 * 3, 2)
    assert outputs.ways[0][1] == 54 + 90 + 15 + 2 * 4 * 15
    inputs = walk(PRODUCT, {**WHOLE, "k": 4}, WIDE, changed(stationary="inputs"), Widths())
    # A tile of 4 outputs is two blocks, one of 1 is one; each input enters once a tile.
    assert (inputs.folds, inputs.steps, inputs.inputs, inputs.weights) == (3 * 2 * 2, 18, 18 * 2, 30 * 3)


def test_folds_load_fill_and_hide_by_hand() -> None:
    plain = changed(load_cycles=4.0, overhead=1.0, rate=0.5)
    assert walk(PRODUCT, WHOLE, WIDE, plain, Widths()).ways[0][0] == (18 + 6 * (4 + 1)) / 0.5
    assert walk(PRODUCT, WHOLE, WIDE, changed(load_cycles=4.0, two_sets=True), Widths()).ways[0][0] == 6 * 4
    assert walk(PRODUCT, WHOLE, WIDE, changed(load_cycles=2.0, two_sets=True), Widths()).ways[0][0] == 6 * 3
    skewed = changed(load_cycles=4.0, systolic=True)
    assert walk(PRODUCT, WHOLE, WIDE, skewed, Widths()).ways[0][0] == 18 + 6 * (4 + 4) - 1
    hidden = changed(load_cycles=4.0, systolic=True, two_sets=True)
    assert walk(PRODUCT, WHOLE, WIDE, hidden, Widths()).ways[0][0] == 6 * 4 + 4 + 3 - 1
    # A set of 4 x 2 weights of two bytes over one byte a cycle.
    assert walk(PRODUCT, WHOLE, WIDE, changed(bus=1.0), Widths(weights=2.0)).ways[0][0] == 18 + 6 * 16


def test_copies_for_each_array_by_hand() -> None:
    pair = changed(count=2, on_count=("out_channels", "batch"), multicast=False)
    assert copies(({}, {}, {"out_channels": 2}), pair) == (2, 1)
    assert copies(({}, {}, {"batch": 2}), pair) == (1, 2)
    wide = walk(PRODUCT, WHOLE, (WIDE[0], WIDE[1], {"out_channels": 2}), pair, Widths())
    assert (wide.steps, wide.inputs, wide.weights) == (2 * 2 * 3, 18 * 2 * 2, 30)
    deep = walk(PRODUCT, WHOLE, (WIDE[0], WIDE[1], {"batch": 2}), pair, Widths())
    assert (deep.steps, deep.inputs, deep.weights) == (2 * 3 * 2, 18 * 3, 30 * 2)


def test_units_with_memory_by_hand() -> None:
    # Rows of 3 weights: 2 input channels fill 6 of 7 words, 12 weights leave room for 2 output channels.
    layer = NaiveLayer(K=5, C=5, P=2, Q=2, R=3, S=3, H=4, W=4)
    tile = {"g": 1, "n": 1, "k": 5, "c": 5, "p": 2, "q": 2}
    array = Array(rows=3, on_rows=("kernel_height",), stationary="rows", words=(7, 12, 4))
    work = walk(layer, tile, ({"kernel_height": 3}, {}, {}), array, Widths())
    assert (work.inputs, work.passes_out, work.weights) == (5 * 16 * 3, 3, 5 * 5 * 9)
    assert work.steps == 5 * 5 * 3 * 4


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_count_equals_the_walk(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(12):
        layer, array, widths = random_layer(rng, 300), random_array(rng), Widths(2.0, 1.0, 1.0, 4.0)
        case = layer, random_tile(rng, layer), random_spread(rng, layer, array), array, widths
        quick, slow = counts(*case), walk(*case)
        assert quick.ways == slow.ways, case
        assert quick == slow, case


@pytest.mark.parametrize("stationary", STATIONARY)
@pytest.mark.parametrize("seed", range(6))
def test_parts_of_the_cycles_equal_the_walk(seed: int, stationary: str) -> None:
    """Every fifth point of a frontier, with the tiles and the unrolling that it says it has."""
    rng = random.Random(seed)
    for _ in range(3):
        layer, array, machine = random_layer(rng, 300), random_array(rng, stationary), random_machine(rng)
        parts_equal(layer, array, machine, rng.randrange(8))


@pytest.mark.kernel
@pytest.mark.parametrize("stationary", STATIONARY)
def test_parts_of_the_cycles_on_a_tiny_layer(stationary: str) -> None:
    rng = random.Random(stationary)
    array = random_array(rng, stationary)
    parts_equal(NaiveLayer(N=2, K=3, C=2), array, random_machine(rng), 0)


@pytest.mark.parametrize("stationary", STATIONARY)
@pytest.mark.parametrize("seed", range(8))
def test_parts_of_the_cycles_of_any_tiling_equal_the_walk(seed: int, stationary: str) -> None:
    """Of three layers behind each other in the tables, tilings that no frontier has among them."""
    rng = random.Random(seed)
    layers = [random_layer(rng, 200) for _ in range(3)]
    array, machine = random_array(rng, stationary), random_machine(rng)
    if array.words is None:
        held = rng.choice([array.holds, ("weights", "outputs"), ("outputs",)])
        array = replace(array, accumulators=rng.choice([0.0, 8.0, 30.0, 90.0]), holds=held)
    for number, tile, unrolling, copied, outer, parts in adapter.any_points(layers, array, machine, rng, 6):
        case = layers[number], array, machine
        work = walked(*case, tile, unrolling, copied)
        check(work, array, layers[number], outer, max(parts[name] for name in ("array", "interconnect", "sram")), parts)


def parts_equal(layer: NaiveLayer, array: Array, machine: Machine, resident: int) -> None:
    """Assert that the core's parts of the cycles of some points are those of the walk."""
    for tile, unrolling, copied, outer, cycles, parts in adapter.points(layer, array, resident, machine)[::5]:
        check(walked(layer, array, machine, tile, unrolling, copied), array, layer, outer, cycles, parts)


def walked(
    layer: NaiveLayer,
    array: Array,
    machine: Machine,
    tile: dict[str, int],
    unrolling: dict[str, int],
    copied: tuple[float, float],
) -> Work:
    """The walk of a tile in the unrolling with these factors and copies."""
    widths = Widths(machine.in_w, machine.wt_w, machine.out_w, machine.acc_w)
    every = kernel_rows_together(list(spreads(layer, array)), layer, array)
    extents = {word: math.prod(getattr(layer, loop) for loop in loops) for word, loops in WORDS.items()}
    spread = next(
        s
        for s in every
        if all(min(factor(s, word), extents[word]) == min(unrolling.get(word, 1), extents[word]) for word in WORDS)
        and copies(s, array) == copied
    )
    return walk(layer, tile, spread, array, widths)


def check(work: Work, array: Array, layer: NaiveLayer, outer: float, cycles: float, parts: dict[str, float]) -> None:
    """Assert that the parts of one point are those of one walk, in its better way to use the accumulators."""
    array_cycles, feed = best = min(
        work.ways, key=lambda way: (max(way[0], way[1] / array.link, (way[1] + outer) / array.port), *way)
    )
    loads = [load for way, load in zip(work.ways, work.loads, strict=True) if way == best]  # two where both are as good
    macs = math.prod(getattr(layer, loop) for loop in "GNKCPQRS")
    ideal = macs / (array.rows * array.columns * array.count * array.rate)
    assert parts["array"] == pytest.approx(array_cycles, rel=1e-9)
    assert parts["ideal"] == pytest.approx(ideal, rel=1e-9)
    # Cycles beyond the steps are loading or filling; a systolic array's last one may be missing from both.
    beyond = parts["fill_drain"] + parts["weight_loading"]
    assert parts["edges"] == pytest.approx(work.steps / array.rate - ideal, rel=1e-9, abs=1e-6)
    assert beyond == pytest.approx(array_cycles - work.steps / array.rate, rel=1e-9, abs=1e-6)
    if not array.two_sets:  # every set loads before its fold; what is beyond that fills and drains
        filled = [beyond - array.widening * work.weights - load for load in loads]
        assert any(parts["fill_drain"] == pytest.approx(max(0.0, one), rel=1e-9, abs=1e-6) for one in filled)
    shown = parts["weight_loading"] - array.widening * work.weights
    hidden = [max(0.0, load - shown) if array.two_sets else 0.0 for load in loads]
    assert any(parts["hidden_loading"] == pytest.approx(one, rel=1e-9, abs=1e-6) for one in hidden)
    assert parts["feed_bytes"] == pytest.approx(feed, rel=1e-9)
    assert parts["interconnect"] == pytest.approx(feed / array.link, rel=1e-9)
    assert parts["sram"] == pytest.approx((feed + outer) / array.port, rel=1e-9)
    assert cycles == pytest.approx(np.max([parts["array"], parts["interconnect"], parts["sram"]]), rel=1e-9)
