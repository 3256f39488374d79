"""Frontiers in all three axes against brute force: all tiles, orders, streamed operands and unrollings of small layers."""

import math
import random
from dataclasses import replace

import adapter
import numpy as np
import pytest
from array_cases import STATIONARY, random_array, random_layer, random_machine, random_tile
from brute_frontier import Points, brute_frontier, counts, kernel_rows_together, non_dominated, spreads
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Machine, NaiveLayer, walk
from naive_brute import ORDERS
from profiles import by_night, examples
from twin_cycles import Array, Widths, on_chip, sums_held

PLAIN = Array(2, 3, 2, ("reduction",), ("out_channels",), ("out_channels", "pixels"))
LAYER = NaiveLayer(K=5, C=3, P=3, Q=2, R=2, top=1, H=3, W=2)
ELEMENTS = Machine(granules=(1, 1, 4))


def same(layer: NaiveLayer, array: Array, resident: int, machine: Machine) -> None:
    """Assert that the core's frontier has the points of the brute force and no other."""
    found, wanted = (
        adapter.full_frontier(layer, array, resident, machine),
        brute_frontier(layer, array, resident, machine),
    )
    found = non_dominated(found)
    missing = [tuple(p) for p in wanted if not near(found, p)]
    beyond = [tuple(p) for p in found if not near(wanted, p)]
    assert (missing, beyond) == ([], []), (layer, array, resident, machine)


def near(points: Points, point: Points) -> bool:
    """Whether one of the points is this one."""
    return bool(np.isclose(points, point, rtol=1e-9, atol=0.0).all(axis=1).any())


@pytest.mark.parametrize("seed", by_night(range(10), range(6)))
@pytest.mark.parametrize("stationary", STATIONARY)
def test_the_frontier_is_that_of_brute_force(stationary: str, seed: int) -> None:
    rng = random.Random(f"{stationary} {seed}")
    for _ in range(4):
        same(random_layer(rng, 90), random_array(rng, stationary), rng.randrange(8), random_machine(rng))


@pytest.mark.parametrize("resident", by_night(range(8), range(1, 8, 2)))
@pytest.mark.parametrize("stationary", ["weights", "outputs", "inputs"])
def test_every_set_of_resident_operands(stationary: str, resident: int) -> None:
    array = replace(PLAIN, stationary=stationary, link=2.0, port=3.0, multicast=False, load_cycles=2.0)
    same(LAYER, array, resident, ELEMENTS)


@pytest.mark.parametrize("accumulators", [4.0, 12.0, 16.0, 40.0, 64.0])
@pytest.mark.parametrize("two_sets", [False, True])
def test_accumulators_that_fill(two_sets: bool, accumulators: float) -> None:
    array = replace(PLAIN, accumulators=accumulators, two_sets=two_sets, load_cycles=5.0, overhead=1.0, link=4.0)
    same(LAYER, array, 0, ELEMENTS)
    same(NaiveLayer(N=5, K=5, C=4), replace(array, link=math.inf, port=2.0), 0, replace(ELEMENTS, db=2))


@pytest.mark.parametrize("seed", range(6))
def test_an_axis_that_is_wired_as_several(seed: int) -> None:
    """2 x 2 pixels, or 2 x 3 channels and rows: no dimension takes more than its own length."""
    rng = random.Random(seed)
    axes = (("out_height", 2), ("out_width", 2)) if seed % 2 else (("out_channels", 3), ("out_height", 2))
    array = replace(
        PLAIN, count=math.prod(most for _, most in axes), most=axes, on_count=tuple(word for word, _ in axes)
    )
    array = replace(array, on_columns=("groups",) if seed % 2 == 0 else ("out_channels",), multicast=rng.random() < 0.5)
    for _ in range(4):
        same(random_layer(rng, 90), array, rng.randrange(8), random_machine(rng))


@settings(max_examples=examples(30))
@given(st.integers(0, 2**32), st.sampled_from(STATIONARY), st.integers(0, 7))
def test_brute_force_on_layers_that_hypothesis_makes(seed: int, stationary: str, resident: int) -> None:
    rng = random.Random(seed)
    same(random_layer(rng, 60), random_array(rng, stationary), resident, random_machine(rng))


@pytest.mark.parametrize("seed", range(20))
def test_one_tiling_costs_the_best_of_all_unrollings(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        layer, array, machine = random_layer(rng, 2000), random_array(rng), random_machine(rng)
        tile, order, resident = random_tile(rng, layer), rng.choice(ORDERS), rng.randrange(8)
        stream = rng.choice([s for s in (-1, 0, 1, 2) if s < 0 or not resident >> s & 1])
        one_tiling(layer, tile, order, stream, resident, machine, array)


def one_tiling(
    layer: NaiveLayer, tile: dict[str, int], order: str, stream: int, resident: int, machine: Machine, array: Array
) -> None:
    """Assert that the core's cost of a tiling is that of the walks."""
    every = kernel_rows_together(list(spreads(layer, array)), layer, array)
    widths = Widths(machine.in_w, machine.wt_w, machine.out_w, machine.acc_w)
    footprint, outer, cycles = adapter.full_cost(layer, tile, order, stream, resident, machine, array)
    room = replace(machine, acc_bytes=int(sums_held(array, widths)), sums_in_sram="outputs" in array.holds)
    held = walk(layer, tile, order, stream, resident, room)
    assert outer == held[1]
    if outer < math.inf and set(array.holds) == {"inputs", "weights", "outputs"}:
        assert footprint == held[0]
    if outer < math.inf:
        least = min(on_chip(counts(layer, tile, spread, array, widths), array, outer) for spread in every)
        assert cycles == pytest.approx(least, rel=1e-9), (layer, tile, order, stream, array, machine)


@pytest.mark.kernel
@pytest.mark.parametrize("stationary", ["weights", "inputs"])
def test_brute_force_on_a_tiny_layer(stationary: str) -> None:
    array = Array(1, 2, 1, (), ("out_channels",), (), stationary, accumulators=8.0, load_cycles=2.0, link=2.0)
    for resident in (0, 2, 5):
        same(NaiveLayer(N=2, K=3, C=2), array, resident, ELEMENTS)


def test_all_groups_are_held_once() -> None:
    """Three groups in tiles of two take two weights twice; all at once, three take three."""
    layer, array = NaiveLayer(G=3, N=4, Q=4, sw=2, W=7), Array(2, 1, 1, ("groups",))
    same(layer, replace(array, stationary="outputs"), 4, Machine(db=2, granules=(1, 1, 4)))


def test_groups_on_other_arrays_need_no_rows() -> None:
    """Four groups of eight inputs fill the rows of one systolic array; four arrays take one group each."""
    array = Array(8, 1, 4, ("reduction",), (), ("groups",), systolic=True)
    found = adapter.full_frontier(NaiveLayer(G=4, C=8, N=16), array, 0, ELEMENTS)
    assert found[:, 2].min() == 16 + 8 + 1 - 2 - 1
